// What an AVR board measures.
#include "cue_inputs_avr.h"
#include "cue_drive_avr.h" // cue_time_avr_us
#include "cue_pins_avr.h"  // pins
#include <avr/interrupt.h> // ISR
#include <util/atomic.h>   // ATOMIC_BLOCK
#include <util/delay.h>    // _delay_us

// ---- Analog: one conversion at a time

static void start_conversion(uint8_t input) {
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

static volatile uint32_t echo_rose_us;
static volatile uint16_t echo_us; // 0: none yet
static volatile bool echo_high;

ISR(PCINT1_vect) {
    uint32_t now_us = cue_time_avr_us(0);
    if ((CUE_AVR_INPUT(CUE_DISTANCE_ECHO_PIN) & CUE_AVR_BIT(CUE_DISTANCE_ECHO_PIN)) != 0) {
        echo_rose_us = now_us;
        echo_high = true;
    } else if (echo_high) {
        echo_high = false;
        echo_us = (uint16_t)(now_us - echo_rose_us);
    }
}

static void trigger(const cue_channel_t *channel) {
    echo_high = false;
    echo_us = 0;
    PCMSK1 |= CUE_AVR_BIT(CUE_DISTANCE_ECHO_PIN);
    PCICR |= _BV(PCIE1);
    cue_pin_avr_write(channel->pin, true);
    _delay_us(10);
    cue_pin_avr_write(channel->pin, false);
}

// Sound goes 343 m in a second, there and back.
static int16_t distance_mm(void) {
    uint16_t time_us;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        time_us = echo_us;
    }
    return time_us == 0 ? (int16_t)CUE_NO_READING : (int16_t)((uint32_t)time_us * 343u / 2000u);
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

static uint8_t converting = CUE_NO_PIN; // the input whose conversion is under way

bool cue_input_avr_start(void *context, const cue_channel_t *channel) {
    (void)context;
    if (CUE_HAS(CUE_KIND_DISTANCE) && channel->kind == CUE_KIND_DISTANCE) {
        trigger(channel);
        return true;
    }
    if (converting != CUE_NO_PIN) {
        return false;
    }
    converting = channel->second_pin;
    start_conversion(converting);
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
        converting = CUE_NO_PIN;
        return (int16_t)((uint32_t)ADC * 1000u / 1023u);
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
