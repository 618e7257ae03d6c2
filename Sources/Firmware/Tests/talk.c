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

static void put(fake_t *fake, uint8_t type, uint8_t seq, const void *payload, size_t size) {
    uint8_t wire[CUE_FRAME_SIZE_MAX];
    size_t wire_size;
    (void)cue_link_encode(type, seq, payload, size, wire, sizeof wire, &wire_size);
    fake_put(fake, wire, wire_size);
    fake_step(fake);
}

void talk_send(fake_t *fake, uint8_t type, const void *payload, size_t size) {
    next_seq++;
    put(fake, type, next_seq, payload, size);
}

said_t talk(fake_t *fake, uint8_t type, uint8_t seq, const void *payload, size_t size) {
    said_t said = {0};
    put(fake, type, seq, payload, size);
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
    return request(fake, CUE_COMMAND, payload, 2 + size);
}

int request(fake_t *fake, uint8_t type, const void *payload, size_t size) {
    said_t said = ask(fake, type, payload, size);
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

int glide(fake_t *fake, uint8_t channel, uint16_t angle_cdeg, uint16_t move_ms, uint8_t easing,
          uint16_t hold_ms) {
    uint8_t arguments[7] = {0, 0, 0, 0, easing};
    cue_write_u16(arguments, angle_cdeg);
    cue_write_u16(arguments + 2, move_ms);
    cue_write_u16(arguments + 5, hold_ms);
    return command(fake, channel, CUE_OP_GLIDE, arguments, sizeof arguments);
}

int level(fake_t *fake, uint16_t permille, uint16_t fade_ms, uint16_t duration_ms) {
    uint8_t arguments[6];
    cue_write_u16(arguments, permille);
    cue_write_u16(arguments + 2, fade_ms);
    cue_write_u16(arguments + 4, duration_ms);
    return command(fake, LIGHT, CUE_OP_LEVEL, arguments, sizeof arguments);
}

int effect(fake_t *fake, uint8_t number, uint8_t red, uint16_t period_ms, uint16_t duration_ms) {
    uint8_t arguments[8] = {number, red, 0, 0};
    cue_write_u16(arguments + 4, period_ms);
    cue_write_u16(arguments + 6, duration_ms);
    return command(fake, STRIP, CUE_OP_EFFECT, arguments, sizeof arguments);
}

int move(fake_t *fake, int32_t position, uint16_t speed_sps, uint16_t hold_ms) {
    uint8_t arguments[8];
    cue_write_u32(arguments, (uint32_t)position);
    cue_write_u16(arguments + 4, speed_sps);
    cue_write_u16(arguments + 6, hold_ms);
    return command(fake, STEPPER, CUE_OP_MOVE, arguments, sizeof arguments);
}

int unlock(fake_t *fake, uint16_t mask, uint16_t time_s) {
    uint8_t payload[8];
    cue_write_u32(payload, fake->host.device.nonce);
    cue_write_u16(payload + 4, mask);
    cue_write_u16(payload + 6, time_s);
    return request(fake, CUE_UNLOCK, payload, sizeof payload);
}

bool told(fake_t *fake, uint8_t kind, uint8_t channel, int16_t value) {
    said_t said;
    while (talk_next(fake, &said)) {
        if (said.type == CUE_EVENT && said.payload[0] == kind && said.payload[1] == channel &&
            (int16_t)cue_read_u16(said.payload + 2) == value) {
            return true;
        }
    }
    return false;
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
