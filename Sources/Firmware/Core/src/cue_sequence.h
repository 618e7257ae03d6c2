// Programs of steps in the board's store, and the one that runs (docs/link.md §9).
#ifndef CUE_SEQUENCE_H
#define CUE_SEQUENCE_H

#include "cue_message.h" // CUE_SEQUENCE_CHUNK_MAX
#include <stdbool.h>     // bool
#include <stddef.h>      // size_t
#include <stdint.h>      // fixed-width integers

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CUE_STEP_PROGRAM = 1, // number u8, size u16: the program's steps follow
    CUE_STEP_WAIT = 2,    // ms u16
    CUE_STEP_LOOP = 3,    // count u8
    CUE_STEP_NEXT = 4,
    CUE_STEP_DO = 0x80, // and the size of channel, operation, arguments, which follow
    CUE_STEP_COMMAND_MAX = 10,
    CUE_LOOPS_MAX = 2,
    CUE_LOOP_MIN_MS = 10
};
#define CUE_PROGRAM_MAX_MS 600000ul

typedef struct {
    uint16_t at; // its first step
    uint8_t left;
} cue_loop_t;

typedef struct {
    // Written in the background, a byte whenever the store is free.
    uint8_t chunk[CUE_SEQUENCE_CHUNK_MAX];
    uint16_t address;
    uint8_t chunk_size, chunk_done;
    bool invalidate; // the stored header first

    uint16_t size; // what is committed, 0: nothing
    uint32_t crc32;

    bool running; // or waiting for its start
    bool started;
    uint8_t program;
    uint8_t depth;
    uint16_t at, end;  // the next step; behind the last
    uint16_t channels; // a bit for each that it uses
    uint32_t next_us;
    uint32_t end_us; // when it will be over
    cue_loop_t loops[CUE_LOOPS_MAX];
} cue_sequence_t;

struct cue_device;

// Reads and checks what is stored.
void cue_sequence_load(struct cue_device *device);

// SEQUENCE_WRITE, SEQUENCE_COMMIT, SEQUENCE_START: 0 or the reason of the refusal; if it is busy,
// device->channels.remaining_ms says for how long.
uint8_t cue_sequence_write(struct cue_device *device, const uint8_t *payload, size_t size);
uint8_t cue_sequence_commit(struct cue_device *device, const uint8_t *payload);
uint8_t cue_sequence_start(struct cue_device *device, const uint8_t *payload);

// The refusal of what has to wait for the running program's end.
uint8_t cue_sequence_busy_for(struct cue_device *device);

// Ends the running program; the caller makes the outputs safe.
void cue_sequence_stop(struct cue_device *device);

// One pass: at most one byte written and one command of the program executed.
void cue_sequence_step(struct cue_device *device);

// Whether a program runs or the memory is being written: the board does not sleep.
bool cue_sequence_busy(const struct cue_device *device);

#ifdef __cplusplus
}
#endif

#endif
