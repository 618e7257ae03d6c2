// WebSocket frames of a client, read by wslay as their bytes arrive.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct cue_ws_reader cue_ws_reader_t;

enum {
    CUE_WS_MORE = 0, // all bytes given are taken; give more
    CUE_WS_PART = 1, // a part of a frame, perhaps the whole of it, or its header alone
    CUE_WS_BAD = 2,  // not a frame; the reader is of no more use
};

typedef struct {
    int kind;
    uint8_t opcode;
    uint8_t is_final; // FIN: the last frame of its message
    uint8_t reserved; // RSV1 to RSV3
    uint8_t is_masked;
    uint8_t is_last;       // the last part of its frame
    uint64_t payload_size; // of the whole frame
    const uint8_t *data;   // unmasked; valid until the next call
    size_t data_size;
} cue_ws_part_t;

// NULL: no memory.
cue_ws_reader_t *cue_ws_reader_create(void);
void cue_ws_reader_destroy(cue_ws_reader_t *reader);
// Sets the bytes that the next calls take from; they must stay until all are taken.
void cue_ws_reader_give(cue_ws_reader_t *reader, const uint8_t *bytes, size_t size);
cue_ws_part_t cue_ws_reader_next(cue_ws_reader_t *reader);
// How many of the bytes given are not taken yet.
size_t cue_ws_reader_left(const cue_ws_reader_t *reader);
// Whether the reader stands between two frames and holds nothing: it can be destroyed and a new
// one can go on in its place.
int cue_ws_reader_is_idle(const cue_ws_reader_t *reader);
