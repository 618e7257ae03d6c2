// The frame codec of EP/1 (docs/link.md §1): COBS, CRC-16, and a decoder that takes one byte at a
// time. The same code runs on boards, in the simulators and in the agent.
#ifndef CUE_LINK_H
#define CUE_LINK_H

#include "cue_status.h" // cue_status_t
#include <stdbool.h>    // bool
#include <stddef.h>     // size_t
#include <stdint.h>     // fixed-width integers

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CUE_PAYLOAD_SIZE_MAX = 44,
    CUE_BODY_SIZE_MIN = 4,  // type, seq, crc
    CUE_BODY_SIZE_MAX = 48, // and the payload
    CUE_FRAME_SIZE_MAX = 52 // room for one frame on the wire, both 00 included
};

// A received frame. `payload` points into the decoder and lives until its next byte.
typedef struct {
    uint8_t type;
    uint8_t seq;
    uint16_t crc;
    size_t payload_size;
    const uint8_t *payload;
} cue_frame_t;

// What one byte completed.
typedef enum {
    CUE_LINK_NOTHING = 0,
    CUE_LINK_FRAME = 1,       // cue_decoder_frame() has it
    CUE_LINK_BAD_CRC = 2,     // a well-formed stretch with the wrong check
    CUE_LINK_BAD_FRAMING = 3, // broken COBS, too short or too long
} cue_link_result_t;

// Decodes as bytes arrive, so it never holds more than one body. All zero is its start.
typedef struct {
    uint8_t body[CUE_BODY_SIZE_MAX];
    uint16_t crc;      // of the decoded bytes
    uint8_t size;      // decoded bytes in body
    uint8_t remaining; // literal bytes left in the current COBS block
    bool started;      // a non-zero byte came since the last 00
    bool overlong;     // ignore everything up to the next 00
} cue_decoder_t;

// CRC-16/MCRF4XX: start with 0xFFFF.
uint16_t cue_crc16(uint16_t crc, const uint8_t *bytes, size_t size);

// Writes a whole frame, both 00 included. CUE_ERROR_SIZE when the payload is too long or the wire
// has no room; then wire_size is 0.
cue_status_t cue_link_encode(uint8_t type, uint8_t seq, const uint8_t *payload, size_t payload_size,
                             uint8_t *wire, size_t wire_capacity, size_t *wire_size);

void cue_decoder_reset(cue_decoder_t *decoder);

// Takes any byte.
cue_link_result_t cue_decoder_push(cue_decoder_t *decoder, uint8_t byte);

// The frame that the last cue_decoder_push completed; only after CUE_LINK_FRAME.
cue_frame_t cue_decoder_frame(const cue_decoder_t *decoder);

// Called for every frame and every error; `frame` is NULL for errors and lives for the call only.
typedef void (*cue_link_handler_t)(void *context, cue_link_result_t result,
                                   const cue_frame_t *frame);

// Pushes a whole buffer.
void cue_decoder_feed(cue_decoder_t *decoder, const uint8_t *bytes, size_t size,
                      cue_link_handler_t handler, void *context);

#ifdef __cplusplus
}
#endif

#endif
