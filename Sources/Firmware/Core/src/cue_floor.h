// Turning one channel on and off: what no operation can get round. Only the Core uses it. Every
// function is about the channel that cue_floor_select() chose.
#ifndef CUE_FLOOR_H
#define CUE_FLOOR_H

#include "cue_channels.h" // cue_channels_t
#include <stdbool.h>      // bool
#include <stdint.h>       // fixed-width integers

#ifdef __cplusplus
extern "C" {
#endif

void cue_floor_select(cue_channels_t *channels, uint8_t index);

// True when `time` is not after `now`; right for distances below 2^31 us, which is 35 minutes.
static inline bool cue_reached(uint32_t now_us, uint32_t time_us) {
    return (uint32_t)(now_us - time_us) < 0x80000000u;
}

// So many milliseconds in microseconds.
uint32_t cue_us(uint16_t time_ms);

// So many milliseconds from now.
uint32_t cue_floor_after(const cue_channels_t *channels, uint16_t time_ms);

// Whether the channel's time is over.
bool cue_floor_over(const cue_channels_t *channels, const cue_channel_state_t *state);

// The refusal of what has to wait until then.
uint8_t cue_floor_busy_until(cue_channels_t *channels, uint32_t time_us);

// Off, now. Always possible.
void cue_floor_off(cue_channels_t *channels);

// 0 if the channel may go on, or go on longer, else why not: locked, or busy with its pause.
uint8_t cue_floor_refusal(cue_channels_t *channels);

// Notes that it is on from now for so long; 0: as long as it may. The caller has driven it.
void cue_floor_on(cue_channels_t *channels, uint16_t duration_ms);

// The refusal of a channel that is on: how long it still is, and its pause.
uint8_t cue_floor_busy(cue_channels_t *channels);

// Drives what a motion stands at.
void cue_floor_drive_motion(cue_channels_t *channels);

// The strip's bytes in the board's pixel buffer.
uint8_t *cue_floor_pixels(const cue_channels_t *channels);

void cue_floor_draw_strip(cue_channels_t *channels);

#ifdef __cplusplus
}
#endif

#endif
