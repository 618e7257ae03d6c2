// Answers one frame of the host: arming, beats, commands, E-stop, reads (docs/link.md §3, §4).
// It touches no uart, so that tests drive it with frames and read answers.
#ifndef CUE_SESSION_H
#define CUE_SESSION_H

#include "cue_device.h" // cue_device_t

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint8_t type;
    uint8_t payload_size;
    uint8_t payload[CUE_PAYLOAD_SIZE_MAX];
} cue_answer_t;

// Handles a valid frame: carries it out, or replays its answer.
void cue_session_handle(cue_device_t *device, const cue_frame_t *frame, cue_answer_t *answer);

// Fills the payload of HELLO.
void cue_session_hello(const cue_device_t *device, cue_answer_t *answer);

// Enters SAFE, ARMED or ESTOPPED; leaving ARMED makes every output safe. Queues the STATE event.
void cue_session_enter(cue_device_t *device, uint8_t state);

// Queues an event; drops it, and counts that, when the queue is full.
bool cue_session_queue(cue_device_t *device, uint8_t kind, uint8_t channel, int16_t value);

// Whether a wired E-stop is fitted and its circuit open.
bool cue_session_estop_open(const cue_device_t *device);

#ifdef __cplusplus
}
#endif

#endif
