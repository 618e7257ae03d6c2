// A whole board: link, session, channels and counters on top of one cue_board_t. A sketch calls
// cue_device_start() once and cue_device_step() for ever.
#ifndef CUE_DEVICE_H
#define CUE_DEVICE_H

#include "cue_board.h"    // cue_board_t
#include "cue_channels.h" // cue_channels_t
#include "cue_counters.h" // cue_counters_t
#include "cue_link.h"     // cue_decoder_t
#include "cue_memory.h"   // cue_memory_t
#include "cue_message.h"  // CUE_UID_SIZE
#include "cue_sequence.h" // cue_sequence_t

#ifdef __cplusplus
extern "C" {
#endif

enum { CUE_EVENTS_MAX = 6 };

// An EVENT that waits for room in the transmit ring.
typedef struct {
    uint8_t kind;
    uint8_t channel;
    int16_t value;
} cue_event_t;

// Milliseconds since the start, and the microsecond at which the last of them began.
typedef struct {
    uint32_t ms;
    uint32_t us;
} cue_clock_t;

// What is used most comes first: see cue_channels_t.
typedef struct cue_device {
    cue_clock_t clock; // of this pass
    uint8_t state;     // the state byte of docs/link.md
    uint8_t event_count;
    uint8_t event_seq;          // of the next frame the board sends by itself
    uint8_t reset_cause;        // CUE_RESET_ bits
    uint8_t options;            // CUE_OPTION_ bits
    uint32_t nonce;             // of this boot
    uint32_t heard_ms;          // when the last valid frame came
    uint8_t reported_ms;        // when events were last looked after, its low byte
    uint32_t unlocked_until_ms; // while any channel is unlocked
    cue_event_t events[CUE_EVENTS_MAX];
    CUE_BOARD_MEMBER
    cue_channels_t channels;
    cue_sequence_t sequence;
    cue_counters_t counters;
    cue_decoder_t decoder;
    cue_memory_t memory;
    uint8_t uid[CUE_UID_SIZE];
} cue_device_t;

// Outputs safe first, then the store, then HELLO. `device` needs no preparation; `board` must
// outlive it. `entropy` is whatever differs from boot to boot.
void cue_device_start(cue_device_t *device, const cue_board_t *board, uint8_t reset_cause,
                      uint16_t entropy);

// Brings the clock to now, and returns the microseconds of a millisecond that has begun. It must be
// called at least every 71 minutes.
uint16_t cue_device_keep_clock(cue_device_t *device);

// One pass of the main loop. Returns how long nothing is to be done, in microseconds (0 to 2000),
// unless bytes arrive: a board may sleep that long.
uint16_t cue_device_step(cue_device_t *device);

// Puts every output to its safe value, disarms and reports the fault (CUE_FAULT_…).
void cue_fail_safe(cue_device_t *device, uint8_t fault);

#ifdef __cplusplus
}
#endif

#endif
