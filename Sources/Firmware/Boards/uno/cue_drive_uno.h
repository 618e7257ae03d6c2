// What the Uno's timers and bit patterns drive: servo, motor, buzzer, strip.
//
// Timer 0 keeps Arduino's clock and paces the buzzer (compare A) and the hang watch (compare B);
// timer 1 makes servo pulses on D9; timer 2 makes the motor's PWM on D3.
#ifndef CUE_DRIVE_UNO_H
#define CUE_DRIVE_UNO_H

#include "cue_board.h" // cue_channel_t

void cue_drive_uno_start(void);
void cue_servo_uno_write(void *context, const cue_channel_t *channel, uint16_t width_us);
void cue_motor_uno_write(void *context, const cue_channel_t *channel, int16_t speed_permille);
void cue_tone_uno_write(void *context, const cue_channel_t *channel, uint16_t frequency_hz);
void cue_strip_uno_write(void *context, const cue_channel_t *channel, const uint8_t *bytes,
                         size_t size);

// Stops all of it at once, also from an interrupt; the strip is not part of it.
void cue_drive_uno_stop(void);

#endif
