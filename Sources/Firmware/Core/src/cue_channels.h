// The channels of a board and their safety floor: ranges, longest on-time, pause, duty, rate,
// locks. Nothing above this file can exceed it.
#ifndef CUE_CHANNELS_H
#define CUE_CHANNELS_H

#include "cue_board.h"  // cue_board_t, cue_channel_t
#include "cue_motion.h" // cue_motion_t, cue_effect_t
#include <stdbool.h>    // bool
#include <stddef.h>     // size_t
#include <stdint.h>     // fixed-width integers

#ifdef __cplusplus
extern "C" {
#endif

enum { CUE_IDLE_MAX_US = 2000 };

enum {
    CUE_ON = 1,         // outputs: driven; button, switch: closed, debounced
    CUE_PULSING = 2,    // on by PULSE
    CUE_CAPPED = 4,     // end_us is a limit of the board, not a duration that was asked for
    CUE_PAUSED = 8,     // off, and may not go on before end_us
    CUE_BACKWARDS = 16, // motor
    CUE_MOVING = 32,    // servo, motor, light: on its way; strip: an effect; stepper: steps
    CUE_BRAKING = 64,   // motor
    CUE_SETTLING = 64   // inputs: the raw level differs since end_us; a measurement is under way
};

// What one channel is doing. Times are of cue_board_t.time_us and compared modulo 2^32.
typedef struct {
    uint32_t end_us;   // on: when it goes off; paused: when it may go on again
    uint32_t since_us; // outputs: when it last went on
    uint8_t flags;
} cue_channel_state_t;

// An analog or distance channel.
typedef struct {
    int16_t value;
    int16_t told;
} cue_reading_t;

// What is used most comes first: within 64 bytes an AVR's instructions for it are the shortest.
typedef struct {
    uint32_t now_us;            // of this call
    cue_channel_state_t *state; // of the channel at hand
    cue_channel_t channel;      // its description
    uint8_t index;              // its number
    bool checking;              // execute() stops after the checks that do not depend on the time
    uint16_t bit;               // 1 << index
    uint16_t busy;              // a bit for each output that is on or paused
    uint16_t unlocked;          // a bit for each that has it
    uint16_t remaining_ms;      // why a command was refused as busy: so long
    uint16_t changed;           // a bit for each input that has something to tell
    uint16_t idle_us;
    uint8_t frames;
    uint8_t looked;     // the input that was looked at last
    uint16_t frame_us;  // when motions and effects were last drawn, its low half
    uint16_t inputs_us; // when inputs were last looked at, its low half
    CUE_BOARD_MEMBER
#ifndef CUE_FIXED_BOARD
    uint16_t inputs;    // a bit for each channel that is an input
    uint16_t dangerous; // a bit for each channel that needs UNLOCK
#endif
    cue_channel_state_t states[CUE_CHANNELS_MAX];
    cue_motion_t motions[CUE_MOTIONS_MAX];
    cue_effect_t effects[CUE_EFFECTS_MAX];
    cue_stepper_t steppers[CUE_STEPPERS_MAX];
    uint16_t holds_ms[CUE_STEPPERS_MAX]; // of what MOVE asked for
    cue_reading_t readings[CUE_READINGS_MAX];
} cue_channels_t;

// A bit for each channel that is an input, and for each that needs UNLOCK.
#ifdef CUE_FIXED_BOARD
#define CUE_INPUTS(channels) ((uint16_t)CUE_INPUT_BITS)
#define CUE_DANGEROUS(channels) ((uint16_t)CUE_DANGEROUS_BITS)
#else
#define CUE_INPUTS(channels) ((channels)->inputs)
#define CUE_DANGEROUS(channels) ((channels)->dangerous)
#endif

// Prepares every pin and puts every output to its safe value. All of *channels is 0.
void cue_channels_start(cue_channels_t *channels, const cue_board_t *board);

// The board was armed: steppers count from here.
void cue_channels_armed(cue_channels_t *channels);

// Checks and executes one operation: channel, operation, arguments. 0, or the reason of the refusal
// (CUE_NAK_…); remaining_ms then says how long it is busy. The caller has checked that the board is
// armed.
uint8_t cue_channels_execute(cue_channels_t *channels, const uint8_t *command, size_t size);

// The same without executing it: whether it could be at another time.
uint8_t cue_channels_check(cue_channels_t *channels, const uint8_t *command, size_t size);

// What may be on from now; a dangerous channel that is not in the mask goes off.
void cue_channels_unlock(cue_channels_t *channels, uint16_t mask);

// Off, all of them in the mask, now.
void cue_channels_off(cue_channels_t *channels, uint16_t mask);

// Every output to its safe value and locked, now.
void cue_channels_safe(cue_channels_t *channels);

// Ends what is over, moves what moves and looks at inputs. Returns a bit for each channel that its
// longest on-time cut off.
uint16_t cue_channels_tick(cue_channels_t *channels);

// What the next input has to tell; false if none has. The caller tells it.
bool cue_channels_news(cue_channels_t *channels, uint8_t *index, int16_t *value);

// A bit for each channel that is on.
uint16_t cue_channels_active(const cue_channels_t *channels);

// Whether any output is on.
bool cue_channels_driving(const cue_channels_t *channels);

// Microseconds from the last tick until the next output must change, at most CUE_IDLE_MAX_US.
uint16_t cue_channels_idle_us(const cue_channels_t *channels);

#ifdef __cplusplus
}
#endif

#endif
