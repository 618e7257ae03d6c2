// Pins by number.
#include "cue_pins_avr.h"
#include "cue_compiler.h" // CUE_APART
#include <util/atomic.h>  // ATOMIC_BLOCK

static uint8_t __attribute__((noinline)) bit_of(uint8_t pin) {
    return CUE_AVR_BIT(pin);
}

static void __attribute__((noinline)) change(uint8_t pin, uint8_t offset, bool set) {
    volatile uint8_t *place = &CUE_AVR_PORT(pin) - offset;
    uint8_t bit = bit_of(pin);
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        if (set) {
            *place |= bit;
        } else {
            *place &= (uint8_t)~bit;
        }
    }
}

CUE_APART void cue_pin_avr_write(uint8_t pin, bool high) {
    change(pin, 0, high);
}

bool cue_pin_avr_read(uint8_t pin) {
    return (CUE_AVR_INPUT(pin) & bit_of(pin)) != 0;
}

void cue_pin_avr_output(uint8_t pin) {
    change(pin, 1, true); // DDR is just below PORT
}

void cue_pin_avr_pull_up(uint8_t pin) {
    change(pin, 1, false);
    change(pin, 0, true);
}
