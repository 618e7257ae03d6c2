// What an AVR board measures.
#include "cue_inputs_avr.h"
#include "cue_drive_avr.h" // cue_time_avr_us
#include "cue_pins_avr.h"  // pins
#include <avr/interrupt.h> // ISR
#include <util/atomic.h>   // ATOMIC_BLOCK
#include <util/delay.h>    // _delay_us

// ---- Analog: one conversion at a time

CUE_APART static void start_conversion(uint8_t input) {
    ADMUX = (uint8_t)(_BV(REFS0) | input); // against the supply
    ADCSRA = _BV(ADEN) | _BV(ADSC) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0);
}

uint16_t cue_analog_avr_convert(uint8_t input) {
    start_conversion(input);
    while ((ADCSRA & _BV(ADSC)) != 0) {
    }
    return ADC;
}

// ---- Distance: the echo's length, taken by its pin's change interrupt

#ifdef CUE_DISTANCE_ECHO_PIN
_Static_assert(CUE_DISTANCE_ECHO_PIN / 8 == 2, "the echo is on port C, for its interrupt");

static volatile uint16_t echo_rose_ticks;
static volatile uint16_t echo_ticks; // 0: none yet
static volatile bool echo_high;

ISR(PCINT1_vect) {
    uint16_t now = cue_ticks_avr();
    if ((CUE_AVR_INPUT(CUE_DISTANCE_ECHO_PIN) & CUE_AVR_BIT(CUE_DISTANCE_ECHO_PIN)) != 0) {
        echo_rose_ticks = now;
        echo_high = true;
    } else if (echo_high) {
        echo_high = false;
        echo_ticks = (uint16_t)(now - echo_rose_ticks);
    }
}

static void trigger(const cue_channel_t *channel) {
    echo_high = false;
    echo_ticks = 0;
    PCMSK1 |= CUE_AVR_BIT(CUE_DISTANCE_ECHO_PIN);
    PCICR |= _BV(PCIE1);
    cue_pin_avr_write(channel->pin, true);
    _delay_us(10);
    cue_pin_avr_write(channel->pin, false);
}

// Sound goes 343 m in a second, there and back.
static int16_t distance_mm(void) {
    uint16_t ticks;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        ticks = echo_ticks;
    }
    // 4 us a tick; 65536 * 343 * 4 / 2000 is 44958.
    return ticks == 0 ? (int16_t)CUE_NO_READING : (int16_t)((uint32_t)ticks * 44958u >> 16);
}
#else
static void trigger(const cue_channel_t *channel) {
    (void)channel;
}

static int16_t distance_mm(void) {
    return CUE_NO_READING;
}
#endif

// ---- The seam

static bool converting; // a conversion is under way

bool cue_input_avr_start(void *context, const cue_channel_t *channel) {
    (void)context;
    if (CUE_HAS(CUE_KIND_DISTANCE) && channel->kind == CUE_KIND_DISTANCE) {
        trigger(channel);
        return true;
    }
    if (converting) {
        return false;
    }
    converting = true;
    start_conversion(channel->second_pin);
    return true;
}

int16_t cue_input_avr_read(void *context, const cue_channel_t *channel) {
    (void)context;
    if (CUE_HAS(CUE_KIND_DISTANCE) && channel->kind == CUE_KIND_DISTANCE) {
        return distance_mm();
    }
    if (CUE_HAS(CUE_KIND_ANALOG) && channel->kind == CUE_KIND_ANALOG) {
        if ((ADCSRA & _BV(ADSC)) != 0) {
            return CUE_NO_READING;
        }
        converting = false;
        return (int16_t)((uint32_t)ADC * 64063u >> 16) /* 1000 / 1023 */;
    }
    return cue_pin_avr_read(channel->pin) ? 0 : 1; // closed to ground
}

bool cue_estop_avr_open(void *context) {
    (void)context;
#ifdef CUE_ESTOP_PIN
    return cue_pin_avr_read(CUE_ESTOP_PIN);
#else
    return false;
#endif
}
