// The frame codec of EP/1.
#include "cue_link.h"
#include "cue_bytes.h" // little-endian fields

uint16_t cue_crc16(uint16_t crc, const uint8_t *bytes, size_t size) {
    for (size_t index = 0; index < size; index++) {
        // The byte-wise form of the reflected polynomial 0x8408, without a table.
        uint8_t mixed = (uint8_t)(bytes[index] ^ (uint8_t)(crc & 0xFFu));
        mixed = (uint8_t)(mixed ^ (uint8_t)(mixed << 4));
        uint16_t high = (uint16_t)((uint16_t)mixed << 8);
        uint16_t shifted = (uint16_t)(high | (uint16_t)(crc >> 8));
        crc = (uint16_t)(shifted ^ (uint16_t)(mixed >> 4) ^ (uint16_t)((uint16_t)mixed << 3));
    }
    return crc;
}

cue_status_t cue_link_encode(uint8_t type, uint8_t seq, const uint8_t *payload, size_t payload_size,
                             uint8_t *wire, size_t wire_capacity, size_t *wire_size) {
    *wire_size = 0;
    // Two delimiters, one code byte, header and check: 7 bytes around the payload.
    if (payload_size > CUE_PAYLOAD_SIZE_MAX || wire_capacity < payload_size + 7) {
        return CUE_ERROR_SIZE;
    }
    uint8_t checked = (uint8_t)(payload_size + 2u); // bytes of the body before its check
    uint8_t code = 1;                               // where the open block's code byte goes
    uint8_t end = 2;
    uint16_t crc = 0xFFFF;
    wire[0] = 0;
    for (uint8_t index = 0; index < checked + 2u; index++) {
        uint8_t byte = index == 0 ? type : seq;
        if (index >= checked) {
            byte = (uint8_t)crc;
            crc >>= 8;
        } else {
            if (index >= 2) {
                byte = *payload++;
            }
            crc = cue_crc16(crc, &byte, 1);
        }
        wire[end] = byte;
        if (byte == 0) {
            wire[code] = (uint8_t)(end - code);
            code = end;
        }
        end++;
    }
    wire[code] = (uint8_t)(end - code);
    wire[end++] = 0;
    *wire_size = end;
    return CUE_OK;
}

void cue_decoder_reset(cue_decoder_t *decoder) {
    decoder->size = 0;
    decoder->remaining = 0;
    decoder->started = false;
    decoder->overlong = false;
}

static cue_link_result_t finish(cue_decoder_t *decoder) {
    bool whole = decoder->remaining == 0 && !decoder->overlong;
    if (!decoder->started) {
        return CUE_LINK_NOTHING;
    }
    decoder->started = false;
    decoder->remaining = 0;
    decoder->overlong = false;
    if (!whole || decoder->size < CUE_BODY_SIZE_MIN) {
        return CUE_LINK_BAD_FRAMING;
    }
    // A check that goes over itself too leaves 0.
    return decoder->crc == 0 ? CUE_LINK_FRAME : CUE_LINK_BAD_CRC;
}

CUE_APART static void append(cue_decoder_t *decoder, uint8_t byte) {
    if (decoder->size >= CUE_BODY_SIZE_MAX) {
        decoder->overlong = true;
        return;
    }
    decoder->body[decoder->size] = byte;
    decoder->size++;
    decoder->crc = cue_crc16(decoder->crc, &byte, 1); // now, so that the last byte is soon done
}

cue_link_result_t cue_decoder_push(cue_decoder_t *decoder, uint8_t byte) {
    if (byte == 0) {
        return finish(decoder);
    }
    if (decoder->overlong) {
        return CUE_LINK_NOTHING;
    }
    if (decoder->remaining > 0) {
        decoder->remaining--;
        append(decoder, byte);
        return CUE_LINK_NOTHING;
    }
    // A code byte. Every block but the first stands for the zero before it; a block of 255 never
    // fits.
    if (decoder->started) {
        append(decoder, 0);
    } else {
        decoder->started = true;
        decoder->size = 0;
        decoder->crc = 0xFFFF;
    }
    decoder->remaining = (uint8_t)(byte - 1);
    return CUE_LINK_NOTHING;
}

cue_frame_t cue_decoder_frame(const cue_decoder_t *decoder) {
    uint8_t size = decoder->size < CUE_BODY_SIZE_MIN ? (uint8_t)CUE_BODY_SIZE_MIN : decoder->size;
    cue_frame_t frame = {
        .type = decoder->body[0],
        .seq = decoder->body[1],
        .crc = cue_read_u16(decoder->body + size - 2),
        .payload_size = (size_t)size - CUE_BODY_SIZE_MIN,
        .payload = decoder->body + 2,
    };
    return frame;
}

void cue_decoder_feed(cue_decoder_t *decoder, const uint8_t *bytes, size_t size,
                      cue_link_handler_t handler, void *context) {
    for (size_t index = 0; index < size; index++) {
        cue_link_result_t result = cue_decoder_push(decoder, bytes[index]);
        if (result == CUE_LINK_FRAME) {
            cue_frame_t frame = cue_decoder_frame(decoder);
            handler(context, result, &frame);
        } else if (result != CUE_LINK_NOTHING) {
            handler(context, result, 0);
        }
    }
}
