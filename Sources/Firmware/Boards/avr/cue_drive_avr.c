// What timers and bit patterns drive.
#include "cue_drive_avr.h"
#include "cue_pins_avr.h"  // ports of constant pins
#include "cue_uart_avr.h"  // cue_uart_avr_poll
#include <avr/interrupt.h> // ISR
#include <util/atomic.h>   // ATOMIC_BLOCK

// The pins that the timers' compare units are wired to.
#ifdef __AVR_ATmega2560__
enum { OC1A_PIN = 8 * 1 + 5, OC2A_PIN = 8 * 1 + 4, OC2B_PIN = 8 * 7 + 6 };
#else
enum { OC1A_PIN = 8 * 1 + 1, OC2A_PIN = 8 * 1 + 3, OC2B_PIN = 8 * 3 + 3 };
#endif
#ifdef CUE_SERVO_PIN
_Static_assert(CUE_SERVO_PIN == OC1A_PIN, "timer 1 makes servo pulses on OC1A");
#endif
#ifdef CUE_MOTOR_PIN
_Static_assert(CUE_MOTOR_PIN == OC2B_PIN, "timer 2 drives the motor by OC2B");
#endif
#ifdef CUE_LIGHT_PIN
_Static_assert(CUE_LIGHT_PIN == OC2A_PIN, "timer 2 drives the light by OC2A");
#endif

#define SERVO_PERIOD_TICKS 40000u
#define TICKS_PER_US 2u
#define SERVO_STOPPED (_BV(WGM13) | _BV(WGM12))

void cue_drive_avr_start(void) {
    TCCR0B = _BV(CS01) | _BV(CS00); // normal mode, 4 us a tick
    TIMSK0 = _BV(TOIE0);
    // The mode first, because ICR1 can only be written in a mode that uses it; the clock last,
    // because with a period of 0 the timer would overflow all the time.
    TCCR1B = SERVO_STOPPED;
    TCCR1A = _BV(WGM11);
    ICR1 = SERVO_PERIOD_TICKS - 1;
}

// ---- Clock

static volatile uint32_t rounds; // of timer 0, 1024 us each

ISR(TIMER0_OVF_vect) {
    rounds++;
    cue_board_avr_round();
}

uint16_t cue_ticks_avr(void) {
    uint8_t round = (uint8_t)rounds;
    uint8_t ticks = TCNT0;
    if ((TIFR0 & _BV(TOV0)) != 0 && ticks < 128) {
        round++; // its interrupt waits
    }
    return (uint16_t)((uint16_t)round << 8 | ticks);
}

uint32_t cue_time_avr_us(void *context) {
    (void)context;
    uint32_t time;
    uint8_t ticks;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        time = rounds;
        ticks = TCNT0;
        if ((TIFR0 & _BV(TOV0)) != 0 && ticks < 128) {
            time++; // its interrupt waits
        }
    }
    return (time << 8 | ticks) << 2;
}

// ---- Servo: timer 1, fast PWM up to ICR1, 0.5 us a tick, 20 ms a period.

static void servo_stop(void) {
    TIMSK1 = 0;
    TCCR1A = _BV(WGM11);
    TCCR1B = SERVO_STOPPED;
}

// The end of the last pulse: the pin goes back to the port's low level.
ISR(TIMER1_COMPA_vect) {
    servo_stop();
}

void cue_servo_avr_write(uint16_t width_us) {
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
            servo_stop();
        }
    }
}

// ---- Motor and light: timer 2, phase-correct PWM, 3.9 kHz.

CUE_APART static uint8_t duty(uint16_t permille) {
    return (uint8_t)(((uint32_t)permille * 16712u + 32768u) >> 16); // 255 / 1000, rounded
}

// Connects one compare unit to its pin, or leaves the pin to the port, which holds it low.
static void connect(uint8_t unit, bool connected) {
    uint8_t modes = (uint8_t)(TCCR2A & (uint8_t)~unit);
    if (connected) {
        modes |= unit | _BV(WGM20);
    }
    modes = modes == _BV(WGM20) ? 0 : modes;
    TCCR2A = modes;
    TCCR2B = modes == 0 ? 0 : _BV(CS21);
}

void cue_motor_avr_write(uint16_t permille) {
    OCR2B = duty(permille);
    connect(_BV(COM2B1), permille != 0);
}

void cue_light_avr_write(uint16_t permille) {
    OCR2A = duty(permille);
    connect(_BV(COM2A1), permille != 0);
}

// ---- What timer 0 paces: compare matches at most half a round apart, so that a late interrupt can
// be told from an early one. One tick is 4 us.

typedef struct {
    volatile uint16_t left_ticks; // until it is due
    volatile uint8_t step_ticks;  // until the next compare match
} pace_t;

CUE_APART static uint8_t first_match(pace_t *pace, uint16_t ticks, uint8_t now) {
    uint8_t step = ticks <= 128 ? (uint8_t)ticks : ticks > 192 ? 128 : 64;
    pace->left_ticks = ticks;
    pace->step_ticks = step;
    return (uint8_t)(now + step);
}

// After a match: when the next one is to be.
CUE_APART static uint8_t next_match(pace_t *pace, uint16_t ticks, uint8_t matched) {
    uint8_t match = first_match(pace, ticks, matched);
    if ((uint8_t)(TCNT0 - matched) >= pace->step_ticks) {
        // Interrupts were off for longer than the step: go on from now instead of one round later.
        match = (uint8_t)(TCNT0 + 2u);
    }
    return match;
}

#ifdef CUE_BUZZER_PIN

// ---- Buzzer: timer 0 compare A toggles the pin; one tick is 4 us.

static pace_t tone_pace;
static volatile uint16_t tone_half_ticks; // whole ticks of half a period
static volatile uint16_t tone_rest_hz;    // what the division left over, in parts of tone_hz
static volatile uint16_t tone_hz;
static volatile uint16_t tone_sum_hz;

ISR(TIMER0_COMPA_vect) {
    uint16_t left = (uint16_t)(tone_pace.left_ticks - tone_pace.step_ticks);
    if (left == 0) {
        CUE_AVR_INPUT(CUE_BUZZER_PIN) = CUE_AVR_BIT(CUE_BUZZER_PIN);
        left = tone_half_ticks;
        tone_sum_hz = (uint16_t)(tone_sum_hz + tone_rest_hz);
        if (tone_sum_hz >= tone_hz) {
            tone_sum_hz = (uint16_t)(tone_sum_hz - tone_hz);
            left++;
        }
    }
    OCR0A = next_match(&tone_pace, left, OCR0A);
}

static void tone_stop(void) {
    TIMSK0 &= (uint8_t)~_BV(OCIE0A);
    CUE_AVR_PORT(CUE_BUZZER_PIN) &= (uint8_t)~CUE_AVR_BIT(CUE_BUZZER_PIN);
}

void cue_tone_avr_write(uint16_t frequency_hz) {
    const uint32_t ticks_per_half_second = F_CPU / 64 / 2;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        tone_stop();
        if (frequency_hz > 0) {
            tone_hz = frequency_hz;
            tone_half_ticks = (uint16_t)(ticks_per_half_second / frequency_hz);
            tone_rest_hz = (uint16_t)(ticks_per_half_second % frequency_hz);
            tone_sum_hz = 0;
            OCR0A = first_match(&tone_pace, tone_half_ticks, TCNT0);
            TIFR0 = _BV(OCF0A);
            TIMSK0 |= _BV(OCIE0A);
        }
    }
}
#else
static void tone_stop(void) {}

void cue_tone_avr_write(uint16_t frequency_hz) {
    (void)frequency_hz;
}
#endif

// ---- Stepper: timer 0 compare B.

#ifdef CUE_STEPPER_PIN
static pace_t stepper_pace;
static cue_stepper_t *running;

static void stepper_stop(void) {
    TIMSK0 &= (uint8_t)~_BV(OCIE0B);
    if (running != 0) {
        running->running = false;
        running = 0;
    }
}

ISR(TIMER0_COMPB_vect) {
    uint16_t left = (uint16_t)(stepper_pace.left_ticks - stepper_pace.step_ticks);
    if (left == 0) {
        uint16_t next_us = cue_stepper_next(running);
        if (running->stepping) {
            uint8_t bit = CUE_AVR_BIT(CUE_STEPPER_DIRECTION_PIN);
            if (running->backwards) {
                CUE_AVR_PORT(CUE_STEPPER_DIRECTION_PIN) |= bit;
            } else {
                CUE_AVR_PORT(CUE_STEPPER_DIRECTION_PIN) &= (uint8_t)~bit;
            }
            CUE_AVR_PORT(CUE_STEPPER_PIN) |= CUE_AVR_BIT(CUE_STEPPER_PIN);
        }
        left = next_us / 4u;
        if (next_us == 0) {
            stepper_stop();
            left = 128;
        }
    }
    OCR0B = next_match(&stepper_pace, left, OCR0B);
    CUE_AVR_PORT(CUE_STEPPER_PIN) &= (uint8_t)~CUE_AVR_BIT(CUE_STEPPER_PIN); // after 2 us and more
}

void cue_stepper_avr_run(void *context, const cue_channel_t *channel, cue_stepper_t *stepper) {
    (void)context;
    if (channel->third_pin != CUE_NO_PIN) {
        cue_pin_avr_write(channel->third_pin, stepper == 0); // low: the driver has current
    }
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        if (stepper == 0) {
            stepper_stop();
        } else if (running == 0) {
            running = stepper;
            stepper->running = true;
            OCR0B = first_match(&stepper_pace, 50, TCNT0);
            TIFR0 = _BV(OCF0B);
            TIMSK0 |= _BV(OCIE0B);
        }
    }
}
#else
static void stepper_stop(void) {}

void cue_stepper_avr_run(void *context, const cue_channel_t *channel, cue_stepper_t *stepper) {
    (void)context;
    (void)channel;
    (void)stepper;
}
#endif

void cue_stepper_avr_aim(void *context, cue_stepper_t *stepper, int32_t target, uint16_t first_us,
                         uint16_t shortest_us) {
    (void)context;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        cue_stepper_aim(stepper, target, first_us, shortest_us);
    }
}

// ---- Strip: WS2812, 20 cycles a bit: 6 high for 0, 13 high for 1.

#ifdef CUE_STRIP_PIN
void cue_strip_avr_write(void *context, const cue_channel_t *channel, const uint8_t *bytes,
                         size_t size) {
    (void)context;
    (void)channel;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        // Interrupts are off, so nothing else changes the port meanwhile.
        uint8_t low = (uint8_t)(CUE_AVR_PORT(CUE_STRIP_PIN) & (uint8_t)~CUE_AVR_BIT(CUE_STRIP_PIN));
        uint8_t high = (uint8_t)(low | CUE_AVR_BIT(CUE_STRIP_PIN));
        for (; size >= 3; size -= 3) {
            // A pixel takes 30 us, a byte of the uart 87. The pause for it is 2 us; a strip
            // bears 5.
            cue_uart_avr_poll();
            uint8_t byte, bits, left = 3;
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
                "   dec %[left] \n"
                "   brne 1b \n"
                : [bytes] "+e"(bytes), [left] "+r"(left), [byte] "=&r"(byte), [bits] "=&d"(bits)
                :
                [port] "I"(CUE_AVR_PORT_AT(CUE_STRIP_PIN) - 0x20u), [high] "r"(high), [low] "r"(low)
                : "memory", "cc");
        }
    }
}
#else
void cue_strip_avr_write(void *context, const cue_channel_t *channel, const uint8_t *bytes,
                         size_t size) {
    (void)context;
    (void)channel;
    (void)bytes;
    (void)size;
}
#endif

void cue_drive_avr_stop(void) {
    servo_stop();
    TCCR2A = 0;
    TCCR2B = 0;
    tone_stop();
    stepper_stop();
}
