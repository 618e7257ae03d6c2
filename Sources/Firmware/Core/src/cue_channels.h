// The channels of a board and their safety floor: ranges, longest on-time, shortest pause.
// Nothing above this file can exceed it.
#ifndef CUE_CHANNELS_H
#define CUE_CHANNELS_H

#include "cue_board.h" // cue_board_t, cue_channel_t
#include <stdbool.h>   // bool
#include <stddef.h>    // size_t
#include <stdint.h>    // fixed-width integers

#ifdef __cplusplus
extern "C" {
#endif

// What one channel is doing. Times are of cue_board_t.time_us and compared modulo 2^32.
typedef struct {
    uint32_t end_us;       // while on: when it goes off
    uint32_t pause_end_us; // while paused: when it may go on again
    bool on;               // outputs: driven; buttons: pressed, debounced
    bool pulse;            // on by PULSE
    bool capped;           // end_us is the longest on-time, not a duration that was asked for
    bool paused;
    bool backwards; // motor
    bool reported;  // buttons: the last level an event was queued for
    bool settling;  // buttons: the raw level differs from `on` since end_us
} cue_channel_state_t;

typedef struct {
    const cue_board_t *board;
    uint16_t buttons; // a bit for each channel that is an input
    cue_channel_state_t states[CUE_CHANNELS_MAX];
} cue_channels_t;

// Outcome of a command.
typedef struct {
    uint8_t reason;        // 0: executed; else CUE_NAK_…
    uint16_t remaining_ms; // busy only
} cue_outcome_t;

// Prepares every pin and puts every output to its safe value.
void cue_channels_start(cue_channels_t *channels, const cue_board_t *board);

// Checks and executes one operation. The caller has checked that the board is armed.
cue_outcome_t cue_channels_execute(cue_channels_t *channels, uint8_t channel, uint8_t operation,
                                   const uint8_t *arguments, size_t size);

// Every output to its safe value, now.
void cue_channels_safe(cue_channels_t *channels);

// Ends what is over and debounces buttons. Returns a bit for each channel that its longest on-time
// cut off.
uint16_t cue_channels_tick(cue_channels_t *channels);

// A bit for each channel that is on.
uint16_t cue_channels_active(const cue_channels_t *channels);

// Whether any output is on.
bool cue_channels_driving(const cue_channels_t *channels);

// Microseconds until the next output must change, at most `limit_us`.
uint32_t cue_channels_idle_us(const cue_channels_t *channels, uint32_t limit_us);

#ifdef __cplusplus
}
#endif

#endif
