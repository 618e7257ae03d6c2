// WebSocket frames read by wslay's frame interface.
#include "cue_wslay.h"

#include <stdbool.h>     // bool
#include <stdlib.h>      // calloc
#include <string.h>      // memcpy
#include <sys/types.h>   // ssize_t
#include <wslay/wslay.h> // wslay_frame_*

// The longest header: two bytes, eight of length, four of mask.
#define HEADER_SIZE_MAX 14u

struct cue_ws_reader {
    wslay_frame_context_ptr context;
    const uint8_t *bytes;
    size_t left;
    uint64_t taken;    // bytes moved into wslay
    uint64_t finished; // bytes of complete frames, headers included
    uint64_t received; // payload bytes of the current frame
    bool is_announced; // the current frame's header was told as a part without bytes
    uint8_t last[HEADER_SIZE_MAX]; // the bytes taken last, the newest at the end
};

static void keep_last(cue_ws_reader_t *reader, const uint8_t *bytes, size_t size) {
    size_t count = size < HEADER_SIZE_MAX ? size : HEADER_SIZE_MAX;
    memmove(reader->last, reader->last + count, HEADER_SIZE_MAX - count);
    memcpy(reader->last + HEADER_SIZE_MAX - count, bytes + size - count, count);
}

static ssize_t take(uint8_t *buffer, size_t size, int flags, void *user) {
    (void)flags;
    cue_ws_reader_t *reader = user;
    if (reader->left == 0)
        return -1; // becomes WSLAY_ERR_WANT_READ
    size_t count = size < reader->left ? size : reader->left;
    memcpy(buffer, reader->bytes, count);
    keep_last(reader, reader->bytes, count);
    reader->bytes += count;
    reader->left -= count;
    reader->taken += count;
    return (ssize_t)count;
}

cue_ws_reader_t *cue_ws_reader_create(void) {
    cue_ws_reader_t *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    struct wslay_frame_callbacks callbacks = {.recv_callback = take};
    if (wslay_frame_context_init(&reader->context, &callbacks, reader) != 0) {
        free(reader);
        return NULL;
    }
    return reader;
}

void cue_ws_reader_destroy(cue_ws_reader_t *reader) {
    if (reader == NULL)
        return;
    wslay_frame_context_free(reader->context);
    free(reader);
}

void cue_ws_reader_give(cue_ws_reader_t *reader, const uint8_t *bytes, size_t size) {
    reader->bytes = bytes;
    reader->left = size;
}

// wslay tells of a frame with its first byte of payload. One whose payload has not come is told
// here, as a part without bytes, so that its length can be refused before any is waited for. To
// be called when wslay wants more, which is when it holds nothing but the header.
static void announce(cue_ws_reader_t *reader, cue_ws_part_t *part) {
    uint64_t held = reader->taken - reader->finished;
    if (reader->is_announced || reader->received > 0 || held < 2 || held > HEADER_SIZE_MAX)
        return;
    const uint8_t *header = reader->last + HEADER_SIZE_MAX - held;
    uint64_t size = header[1] & 0x7F;
    size_t length_size = size == 127 ? 8 : size == 126 ? 2 : 0;
    if (held < 2 + length_size)
        return;
    if (length_size > 0)
        size = 0;
    for (size_t i = 0; i < length_size; i++)
        size = size << 8 | header[2 + i];
    reader->is_announced = true;
    part->kind = CUE_WS_PART;
    part->opcode = header[0] & 0x0F;
    part->is_final = header[0] >> 7;
    part->reserved = header[0] >> 4 & 7;
    part->is_masked = header[1] >> 7;
    part->payload_size = size;
}

cue_ws_part_t cue_ws_reader_next(cue_ws_reader_t *reader) {
    cue_ws_part_t part = {.kind = CUE_WS_MORE};
    struct wslay_frame_iocb io = {0};
    ssize_t count = wslay_frame_recv(reader->context, &io);
    if (count < 0) {
        if (count != WSLAY_ERR_WANT_READ)
            part.kind = CUE_WS_BAD;
        else
            announce(reader, &part);
        return part;
    }
    part.kind = CUE_WS_PART;
    part.opcode = io.opcode;
    part.is_final = io.fin;
    part.reserved = io.rsv;
    part.is_masked = io.mask;
    part.payload_size = io.payload_length;
    part.data = io.data;
    part.data_size = io.data_length;
    reader->received += io.data_length;
    if (reader->received >= io.payload_length) {
        part.is_last = 1;
        uint64_t header = 2u + (io.payload_length > 65535 ? 8u : io.payload_length > 125 ? 2u : 0u) +
                          (io.mask ? 4u : 0u);
        reader->finished += header + io.payload_length;
        reader->received = 0;
        reader->is_announced = false;
    }
    return part;
}

size_t cue_ws_reader_left(const cue_ws_reader_t *reader) {
    return reader->left;
}

int cue_ws_reader_is_idle(const cue_ws_reader_t *reader) {
    return reader->left == 0 && reader->taken == reader->finished;
}
