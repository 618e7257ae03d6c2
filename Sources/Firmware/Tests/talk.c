// The host's half of a conversation with a fake board.
#include "talk.h"
#include "cue_bytes.h" // little-endian arguments
#include <string.h>    // memcpy

uint16_t talk_remaining_ms;
static uint8_t next_seq;

bool talk_next(fake_t *fake, said_t *said) {
    cue_decoder_t decoder = {0};
    for (size_t at = 0; at < fake->output_size; at++) {
        if (cue_decoder_push(&decoder, fake->output[at]) == CUE_LINK_FRAME) {
            cue_frame_t frame = cue_decoder_frame(&decoder);
            said->type = frame.type;
            said->seq = frame.seq;
            said->payload_size = frame.payload_size;
            memcpy(said->payload, frame.payload, frame.payload_size);
            fake->output_size -= at + 1;
            memmove(fake->output, fake->output + at + 1, fake->output_size);
            return true;
        }
    }
    fake->output_size = 0;
    return false;
}

said_t talk(fake_t *fake, uint8_t type, uint8_t seq, const void *payload, size_t size) {
    uint8_t wire[CUE_FRAME_SIZE_MAX];
    size_t wire_size;
    said_t said = {0};
    (void)cue_link_encode(type, seq, payload, size, wire, sizeof wire, &wire_size);
    fake_put(fake, wire, wire_size);
    fake_step(fake);
    while (talk_next(fake, &said)) {
        if (said.type != CUE_EVENT && said.seq == seq) {
            return said;
        }
    }
    memset(&said, 0, sizeof said);
    return said;
}

said_t ask(fake_t *fake, uint8_t type, const void *payload, size_t size) {
    next_seq++;
    return talk(fake, type, next_seq, payload, size);
}

void talk_armed(fake_t *fake, uint64_t time_us) {
    uint8_t nonce[4];
    fake_init(fake, time_us);
    fake_boot(fake, CUE_RESET_PIN, 0x1234);
    fake->output_size = 0;
    cue_write_u32(nonce, fake->host.device.nonce);
    (void)ask(fake, CUE_ARM, nonce, sizeof nonce);
}

int command(fake_t *fake, uint8_t channel, uint8_t operation, const void *arguments, size_t size) {
    uint8_t payload[CUE_PAYLOAD_SIZE_MAX] = {channel, operation};
    if (size > 0) {
        memcpy(payload + 2, arguments, size);
    }
    said_t said = ask(fake, CUE_COMMAND, payload, 2 + size);
    if (said.type == CUE_NAK && said.payload_size == CUE_NAK_SIZE) {
        talk_remaining_ms = cue_read_u16(said.payload + 2);
        return said.payload[0];
    }
    return said.type == CUE_ACK ? 0 : 255;
}

int set(fake_t *fake, uint8_t channel, uint8_t on, uint16_t duration_ms) {
    uint8_t arguments[3] = {on};
    cue_write_u16(arguments + 1, duration_ms);
    return command(fake, channel, CUE_OP_SET, arguments, sizeof arguments);
}

int pulse(fake_t *fake, uint8_t channel, uint16_t duration_ms) {
    uint8_t arguments[2];
    cue_write_u16(arguments, duration_ms);
    return command(fake, channel, CUE_OP_PULSE, arguments, sizeof arguments);
}

static int two(fake_t *fake, uint8_t channel, uint8_t operation, uint16_t first, uint16_t second) {
    uint8_t arguments[4];
    cue_write_u16(arguments, first);
    cue_write_u16(arguments + 2, second);
    return command(fake, channel, operation, arguments, sizeof arguments);
}

int target(fake_t *fake, uint16_t angle_cdeg, uint16_t hold_ms) {
    return two(fake, SERVO, CUE_OP_TARGET, angle_cdeg, hold_ms);
}

int drive(fake_t *fake, int16_t speed_permille, uint16_t duration_ms) {
    return two(fake, MOTOR, CUE_OP_DRIVE, (uint16_t)speed_permille, duration_ms);
}

int tone(fake_t *fake, uint16_t frequency_hz, uint16_t duration_ms) {
    return two(fake, BUZZER, CUE_OP_TONE, frequency_hz, duration_ms);
}

int fill(fake_t *fake, uint8_t level, uint8_t first, uint8_t count, uint16_t duration_ms) {
    uint8_t arguments[7] = {level, (uint8_t)(level / 2), (uint8_t)(level / 4), first, count};
    cue_write_u16(arguments + 5, duration_ms);
    return command(fake, STRIP, CUE_OP_FILL, arguments, sizeof arguments);
}

int off(fake_t *fake, uint8_t channel) {
    return command(fake, channel, CUE_OP_OFF, NULL, 0);
}

void beat_for(fake_t *fake, uint32_t time_ms) {
    for (uint32_t passed = 0; passed < time_ms;) {
        uint32_t part =
            time_ms - passed < CUE_BEAT_PERIOD_MS ? time_ms - passed : CUE_BEAT_PERIOD_MS;
        fake_run(fake, part);
        passed += part;
        (void)ask(fake, CUE_BEAT, NULL, 0);
    }
}
