// What timers and bit patterns drive: servo, motor, light, buzzer, strip, stepper; and the clock.
//
// Timer 0 keeps the clock and the hang watch (overflow), paces the buzzer (compare A) and the
// stepper (compare B); timer 1 makes servo pulses (OC1A); timer 2 makes the PWM of a light (OC2A)
// and of a motor (OC2B).
#ifndef CUE_DRIVE_AVR_H
#define CUE_DRIVE_AVR_H

#include "cue_board.h" // cue_channel_t

void cue_drive_avr_start(void);

// Microseconds since the start, in steps of 4; also within interrupts.
uint32_t cue_time_avr_us(void *context);

// Ticks of 4 us since the start, modulo 2^16; with interrupts off.
uint16_t cue_ticks_avr(void);

void cue_servo_avr_write(uint16_t width_us); // 0: no pulses
void cue_tone_avr_write(uint16_t frequency_hz);
void cue_motor_avr_write(uint16_t permille);
void cue_light_avr_write(uint16_t permille);
void cue_strip_avr_write(void *context, const cue_channel_t *channel, const uint8_t *bytes,
                         size_t size);
void cue_stepper_avr_run(void *context, const cue_channel_t *channel, cue_stepper_t *stepper);
void cue_stepper_avr_aim(void *context, cue_stepper_t *stepper, int32_t target, uint16_t first_us,
                         uint16_t shortest_us);

// Stops all of it at once, also from an interrupt; the strip is not part of it.
void cue_drive_avr_stop(void);

// Called at each round of timer 0 (1.024 ms), from its interrupt.
void cue_board_avr_round(void);

#endif
