// What the Uno's timers and bit patterns drive.
#include "cue_drive_uno.h"
#include "cue_pins_uno.h"  // ports of constant pins
#include <avr/interrupt.h> // ISR
#include <util/atomic.h>   // ATOMIC_BLOCK

_Static_assert(CUE_PIN_SERVO == 9, "timer 1 drives OC1A, which is D9");
_Static_assert(CUE_PIN_MOTOR == 3, "timer 2 drives OC2B, which is D3");

#define SERVO_PERIOD_TICKS 40000u
#define TICKS_PER_US 2u
#define SERVO_STOPPED (_BV(WGM13) | _BV(WGM12))

void cue_drive_uno_start(void) {
    // Arduino runs timer 0 in fast PWM, where a new compare value waits for the next round; the
    // buzzer needs it at once. Normal mode overflows at the same rate, so millis() stays right.
    TCCR0A = 0;
    // The mode first, because ICR1 can only be written in a mode that uses it; the clock last,
    // because with a period of 0 the timer would overflow all the time.
    TCCR1B = SERVO_STOPPED;
    TCCR1A = _BV(WGM11);
    ICR1 = SERVO_PERIOD_TICKS - 1;
    TCCR2A = 0;
    TCCR2B = 0;
}

// ---- Servo: timer 1, fast PWM up to ICR1, 0.5 us a tick, 20 ms a period.

// The end of the last pulse: the pin goes back to the port's low level.
ISR(TIMER1_COMPA_vect) {
    TIMSK1 = 0;
    TCCR1A = _BV(WGM11);
    TCCR1B = SERVO_STOPPED;
}

void cue_servo_uno_write(void *context, const cue_channel_t *channel, uint16_t width_us) {
    (void)context;
    (void)channel;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        bool running = (TCCR1A & _BV(COM1A1)) != 0;
        if (width_us > 0) {
            OCR1A = (uint16_t)(width_us * TICKS_PER_US - 1u); // counts from the next period on
            TIMSK1 = 0;
            if (!running) {
                // A few ticks before the period's end, so that the first pulse is whole and soon.
                TCNT1 = SERVO_PERIOD_TICKS - 10;
                TCCR1A = _BV(COM1A1) | _BV(WGM11);
                TCCR1B = SERVO_STOPPED | _BV(CS11);
            }
        } else if (running && TCNT1 <= OCR1A) {
            // A cut pulse would be a wrong angle: let it end.
            TIFR1 = _BV(OCF1A);
            TIMSK1 = _BV(OCIE1A);
        } else {
            TIMSK1 = 0;
            TCCR1A = _BV(WGM11);
            TCCR1B = SERVO_STOPPED;
        }
    }
}

// ---- Motor: timer 2, phase-correct PWM, 3.9 kHz.

void cue_motor_uno_write(void *context, const cue_channel_t *channel, int16_t speed_permille) {
    (void)context;
    (void)channel;
    uint16_t magnitude = (uint16_t)(speed_permille < 0 ? -speed_permille : speed_permille);
    if (magnitude == 0) {
        TCCR2A = 0;
        TCCR2B = 0;
        CUE_UNO_PORT(CUE_PIN_MOTOR_DIRECTION) &= (uint8_t)~CUE_UNO_BIT(CUE_PIN_MOTOR_DIRECTION);
        return;
    }
    if (speed_permille < 0) {
        CUE_UNO_PORT(CUE_PIN_MOTOR_DIRECTION) |= CUE_UNO_BIT(CUE_PIN_MOTOR_DIRECTION);
    } else {
        CUE_UNO_PORT(CUE_PIN_MOTOR_DIRECTION) &= (uint8_t)~CUE_UNO_BIT(CUE_PIN_MOTOR_DIRECTION);
    }
    OCR2B = (uint8_t)(((uint32_t)magnitude * 255u + 500u) / 1000u);
    TCCR2A = _BV(COM2B1) | _BV(WGM20);
    TCCR2B = _BV(CS21);
}

// ---- Buzzer: timer 0 compare A toggles the pin; one tick is 4 us.

static volatile uint16_t tone_half_ticks; // whole ticks of half a period
static volatile uint16_t tone_rest_hz;    // what the division left over, in parts of tone_hz
static volatile uint16_t tone_hz;
static volatile uint16_t tone_sum_hz;
static volatile uint16_t tone_left_ticks; // until the next toggle
static volatile uint8_t tone_step_ticks;  // until the next compare match

// At most half a round, so that a late interrupt can be told from an early one.
static uint8_t tone_step(uint16_t left) {
    if (left <= 128) {
        return (uint8_t)left;
    }
    return left > 192 ? 128 : 64;
}

ISR(TIMER0_COMPA_vect) {
    uint8_t matched = OCR0A;
    uint16_t left = (uint16_t)(tone_left_ticks - tone_step_ticks);
    if (left == 0) {
        CUE_UNO_INPUT(CUE_PIN_BUZZER) = CUE_UNO_BIT(CUE_PIN_BUZZER);
        left = tone_half_ticks;
        tone_sum_hz = (uint16_t)(tone_sum_hz + tone_rest_hz);
        if (tone_sum_hz >= tone_hz) {
            tone_sum_hz = (uint16_t)(tone_sum_hz - tone_hz);
            left++;
        }
    }
    uint8_t step = tone_step(left);
    tone_left_ticks = left;
    tone_step_ticks = step;
    OCR0A = (uint8_t)(matched + step);
    if ((uint8_t)(TCNT0 - matched) >= step) {
        // Interrupts were off for longer than the step: go on from now instead of one round later.
        OCR0A = (uint8_t)(TCNT0 + 2u);
    }
}

static void tone_stop(void) {
    TIMSK0 &= (uint8_t)~_BV(OCIE0A);
    CUE_UNO_PORT(CUE_PIN_BUZZER) &= (uint8_t)~CUE_UNO_BIT(CUE_PIN_BUZZER);
}

void cue_tone_uno_write(void *context, const cue_channel_t *channel, uint16_t frequency_hz) {
    (void)context;
    (void)channel;
    const uint32_t ticks_per_half_second = F_CPU / 64 / 2;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        tone_stop();
        if (frequency_hz > 0) {
            tone_hz = frequency_hz;
            tone_half_ticks = (uint16_t)(ticks_per_half_second / frequency_hz);
            tone_rest_hz = (uint16_t)(ticks_per_half_second % frequency_hz);
            tone_sum_hz = 0;
            tone_left_ticks = tone_half_ticks;
            tone_step_ticks = tone_step(tone_left_ticks);
            OCR0A = (uint8_t)(TCNT0 + tone_step_ticks);
            TIFR0 = _BV(OCF0A);
            TIMSK0 |= _BV(OCIE0A);
        }
    }
}

// ---- Strip: WS2812, 20 cycles a bit: 6 high for 0, 13 high for 1.

void cue_strip_uno_write(void *context, const cue_channel_t *channel, const uint8_t *bytes,
                         size_t size) {
    (void)context;
    (void)channel;
    if (size == 0) {
        return;
    }
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        // Interrupts are off, so nothing else changes the port meanwhile.
        uint8_t low = (uint8_t)(CUE_UNO_PORT(CUE_PIN_STRIP) & (uint8_t)~CUE_UNO_BIT(CUE_PIN_STRIP));
        uint8_t high = (uint8_t)(low | CUE_UNO_BIT(CUE_PIN_STRIP));
        uint8_t byte, bits;
        __asm__ volatile(
            "1: ld %[byte], %a[bytes]+ \n"
            "   ldi %[bits], 8 \n"
            "2: out %[port], %[high] \n" // cycle 0
            "   rjmp .+0 \n"             // 1, 2
            "   rjmp .+0 \n"             // 3, 4
            "   sbrs %[byte], 7 \n"      // 5 (and 6 when it skips)
            "   out %[port], %[low] \n"  // 6: end of a zero
            "   rjmp .+0 \n"             // 7, 8
            "   rjmp .+0 \n"             // 9, 10
            "   rjmp .+0 \n"             // 11, 12
            "   out %[port], %[low] \n"  // 13: end of a one
            "   lsl %[byte] \n"          // 14
            "   rjmp .+0 \n"             // 15, 16
            "   dec %[bits] \n"          // 17
            "   brne 2b \n"              // 18, 19
            "   sbiw %[size], 1 \n"
            "   brne 1b \n"
            : [bytes] "+e"(bytes), [size] "+w"(size), [byte] "=&r"(byte), [bits] "=&d"(bits)
            :
            [port] "I"(_SFR_IO_ADDR(CUE_UNO_PORT(CUE_PIN_STRIP))), [high] "r"(high), [low] "r"(low)
            : "memory", "cc");
    }
}

void cue_drive_uno_stop(void) {
    TIMSK1 = 0;
    TCCR1A = 0;
    TCCR1B = 0;
    TCCR2A = 0;
    TCCR2B = 0;
    tone_stop();
}
