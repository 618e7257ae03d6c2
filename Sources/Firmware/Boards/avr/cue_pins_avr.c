// Pins by number.
#include "cue_pins_avr.h"
#include <util/atomic.h> // ATOMIC_BLOCK

static void change(volatile uint8_t *place, uint8_t bit, bool set) {
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        if (set) {
            *place |= bit;
        } else {
            *place &= (uint8_t)~bit;
        }
    }
}

static uint8_t bit_of(uint8_t pin) {
    return CUE_AVR_BIT(pin);
}

void cue_pin_avr_write(uint8_t pin, bool high) {
    change(&CUE_AVR_PORT(pin), bit_of(pin), high);
}

bool cue_pin_avr_read(uint8_t pin) {
    return (CUE_AVR_INPUT(pin) & bit_of(pin)) != 0;
}

void cue_pin_avr_output(uint8_t pin) {
    change(&CUE_AVR_DIRECTION(pin), bit_of(pin), true);
}

void cue_pin_avr_pull_up(uint8_t pin) {
    change(&CUE_AVR_DIRECTION(pin), bit_of(pin), false);
    change(&CUE_AVR_PORT(pin), bit_of(pin), true);
}
