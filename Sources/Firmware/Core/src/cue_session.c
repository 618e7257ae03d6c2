// Answers one frame of the host.
#include "cue_session.h"
#include "cue_bytes.h"    // little-endian fields
#include "cue_floor.h"    // cue_us
#include "cue_sequence.h" // programs
#include "cue_store.h"    // uid, options
#include <string.h>       // memcpy

// What answers a request beside ACK and NAK has filled in the answer.
enum { ANSWERED = 255 };

static void ack(const cue_device_t *device, cue_answer_t *answer) {
    answer->type = CUE_ACK;
    answer->payload_size = CUE_ACK_SIZE;
    answer->payload[0] = device->state;
    cue_write_u16(answer->payload + 1, cue_channels_active(&device->channels));
}

static void nak(cue_device_t *device, cue_answer_t *answer, uint8_t reason) {
    answer->type = CUE_NAK;
    answer->payload_size = CUE_NAK_SIZE;
    answer->payload[0] = reason;
    answer->payload[1] = device->state;
    cue_write_u16(answer->payload + 2, device->channels.remaining_ms);
    cue_count(&device->counters.naks, 1);
}

bool cue_session_queue(cue_device_t *device, uint8_t kind, uint8_t channel, int16_t value) {
    if (device->event_count >= CUE_EVENTS_MAX) {
        cue_count(&device->counters.transmit_drops, 1);
        return false;
    }
    cue_event_t *event = &device->events[device->event_count];
    event->kind = kind;
    event->channel = channel;
    event->value = value;
    device->event_count++;
    return true;
}

bool cue_session_estop_open(const cue_device_t *device) {
    const cue_board_t *board = CUE_BOARD(device);
    return board->has_estop && (device->options & CUE_OPTION_ESTOP) != 0 &&
           board->estop_open(board->context);
}

void cue_session_enter(cue_device_t *device, uint8_t state) {
    uint8_t before = (uint8_t)(device->state & CUE_STATE_MASK);
    if (state != CUE_ARMED) {
        cue_sequence_stop(device);
        cue_channels_safe(&device->channels);
    } else {
        cue_channels_armed(&device->channels);
    }
    device->state = (uint8_t)((device->state & (uint8_t)~CUE_STATE_MASK) | state);
    if (state != before) {
        (void)cue_session_queue(device, CUE_EVENT_STATE, CUE_CHANNEL_BOARD, device->state);
    }
}

void cue_session_hello(const cue_device_t *device, cue_answer_t *answer) {
    const cue_board_t *board = CUE_BOARD(device);
    uint8_t *payload = answer->payload;
    answer->type = CUE_HELLO;
    answer->payload_size = CUE_HELLO_SIZE;
    payload[0] = CUE_PROTOCOL;
    cue_write_u32(payload + 1, device->nonce);
    cue_write_u32(payload + 5, board->manifest_crc32);
    cue_write_u16(payload + 9, board->manifest_size);
    cue_write_u32(payload + 11, board->build);
    memcpy(payload + 15, device->uid, CUE_UID_SIZE);
    payload[23] = device->reset_cause;
    payload[24] = device->state;
    payload[25] = board->firmware[0];
    payload[26] = board->firmware[1];
    payload[27] = board->firmware[2];
    payload[28] = device->options;
}

static uint8_t read_manifest(cue_device_t *device, uint16_t offset, cue_answer_t *answer) {
    const cue_board_t *board = CUE_BOARD(device);
    if (offset > board->manifest_size) {
        return CUE_NAK_OUT_OF_RANGE;
    }
    uint16_t left = (uint16_t)(board->manifest_size - offset);
    uint8_t size = (uint8_t)(left < CUE_MANIFEST_CHUNK_MAX ? left : CUE_MANIFEST_CHUNK_MAX);
    answer->type = CUE_MANIFEST_CHUNK;
    answer->payload_size = (uint8_t)(2u + size);
    cue_write_u16(answer->payload, offset);
    for (uint8_t index = 0; index < size; index++) {
        answer->payload[2u + index] =
            board->manifest_byte(board->context, (uint16_t)(offset + index));
    }
    return ANSWERED;
}

// The reason why nothing is executed now; 0 while armed.
static uint8_t unarmed(const cue_device_t *device) {
    uint8_t state = (uint8_t)(device->state & CUE_STATE_MASK);
    if (state == CUE_ARMED) {
        return 0;
    }
    return state == CUE_ESTOPPED ? CUE_NAK_ESTOPPED : CUE_NAK_NOT_ARMED;
}

static uint8_t arm(cue_device_t *device, uint8_t reason) {
    if (reason == CUE_NAK_NOT_ARMED) {
        device->state =
            (uint8_t)(device->state & (uint8_t) ~(CUE_STATE_LINK_LOST | CUE_STATE_FAULT));
        cue_session_enter(device, CUE_ARMED);
        return 0;
    }
    return reason;
}

static uint8_t clear_estop(cue_device_t *device) {
    if (cue_session_estop_open(device)) {
        return CUE_NAK_ESTOPPED;
    }
    if (unarmed(device) == CUE_NAK_ESTOPPED) {
        cue_session_enter(device, CUE_SAFE);
    }
    return 0;
}

// What a running program says to a command of the host.
static uint8_t interrupt_program(cue_device_t *device, const cue_frame_t *frame) {
    const cue_sequence_t *sequence = &device->sequence;
    uint8_t channel = frame->payload[0];
    if (!sequence->running || channel >= CUE_CHANNELS_MAX ||
        (sequence->channels & (uint16_t)(1u << channel)) == 0) {
        return 0;
    }
    uint8_t reason = cue_channels_check(&device->channels, frame->payload, frame->payload_size);
    if (reason != 0) {
        return reason;
    }
    if (frame->payload[1] != CUE_OP_OFF) {
        return cue_sequence_busy_for(device);
    }
    cue_sequence_stop(device);
    cue_channels_off(&device->channels, sequence->channels);
    return 0;
}

static uint8_t command(cue_device_t *device, const cue_frame_t *frame) {
    if (frame->payload_size < 2) {
        return CUE_NAK_BAD_LENGTH;
    }
    uint8_t reason = unarmed(device);
    if (reason == 0) {
        reason = interrupt_program(device, frame);
    }
    if (reason == 0) {
        reason = cue_channels_execute(&device->channels, frame->payload, frame->payload_size);
    }
    if (reason == 0) {
        device->counters.executed++;
    }
    return reason;
}

static uint8_t unlock(cue_device_t *device, const uint8_t *payload) {
    uint16_t mask = cue_read_u16(payload + 4);
    uint16_t time_s = cue_read_u16(payload + 6);
    if (time_s > CUE_UNLOCK_MAX_S || (mask & (uint16_t)~CUE_DANGEROUS(&device->channels)) != 0) {
        return CUE_NAK_OUT_OF_RANGE;
    }
    cue_channels_unlock(&device->channels, time_s == 0 ? 0 : mask);
    device->unlocked_until_ms = device->clock.ms + cue_us(time_s);
    return 0;
}

static uint8_t write_options(cue_device_t *device, uint8_t options) {
    const cue_board_t *board = CUE_BOARD(device);
    uint8_t known = board->has_estop ? CUE_OPTION_ESTOP : 0;
    if ((options & (uint8_t)~known) != 0) {
        return CUE_NAK_OUT_OF_RANGE;
    }
    if (unarmed(device) == 0) {
        return CUE_NAK_BUSY;
    }
    if (cue_store_write_options(board, options) != CUE_OK) {
        return CUE_NAK_OUT_OF_RANGE;
    }
    device->options = options;
    return 0;
}

static uint8_t read_counters(const cue_device_t *device, cue_answer_t *answer) {
    const cue_counters_t *counters = &device->counters;
    answer->type = CUE_COUNTERS;
    answer->payload_size = CUE_COUNTERS_SIZE;
    memcpy(answer->payload, counters, CUE_COUNTERS_SPLIT);
    answer->payload[24] = device->reset_cause;
    memcpy(answer->payload + 25, &device->clock.ms, 4);
    memcpy(answer->payload + 29, (const uint8_t *)counters + CUE_COUNTERS_SPLIT,
           CUE_COUNTERS_SIZE - 29);
    return ANSWERED;
}

static uint8_t write_identity(cue_device_t *device, const uint8_t *uid) {
    bool blank = (device->state & CUE_STATE_UID_BLANK) != 0;
    if (unarmed(device) == 0 && !blank) {
        return CUE_NAK_NOT_BLANK;
    }
    // The store stops the loop for some 40 ms, and with it the end of every pulse.
    if (cue_channels_driving(&device->channels)) {
        return CUE_NAK_BUSY;
    }
    cue_status_t status = cue_store_write_uid(CUE_BOARD(device), uid);
    if (cue_store_read_uid(CUE_BOARD(device), device->uid)) {
        device->state = (uint8_t)(device->state & (uint8_t)~CUE_STATE_UID_BLANK);
    }
    return status == CUE_OK ? 0 : CUE_NAK_OUT_OF_RANGE;
}

// ---- Programs and the clock

static uint8_t read_sequence(const cue_device_t *device, cue_answer_t *answer) {
    answer->type = CUE_SEQUENCE;
    answer->payload_size = CUE_SEQUENCE_SIZE;
    cue_write_u16(answer->payload, device->sequence.size);
    memcpy(answer->payload + 2, &device->sequence.crc32, 4);
    return ANSWERED;
}

static uint8_t read_clock(cue_device_t *device, cue_answer_t *answer) {
    uint16_t rest_us = cue_device_keep_clock(device);
    answer->type = CUE_CLOCK;
    answer->payload_size = CUE_CLOCK_SIZE;
    cue_write_u32(answer->payload, 1000u * device->clock.ms + rest_us);
    memcpy(answer->payload + 4, &device->clock.ms, 4);
    return ANSWERED;
}

// What is known of each request: the exact size of its payload, and
enum {
    ANY_SIZE = 15,
    HAS_NONCE = 16,   // it begins with this boot's nonce
    NEEDS_ARMED = 32, // refused unless armed
    REPEATABLE = 64   // carried out anew when it is repeated
};

static const uint8_t requests[] CUE_FLASH = {
    [0] = ANY_SIZE, // there is none
    [CUE_HELLO_REQUEST] = REPEATABLE,
    [CUE_MANIFEST_READ] = 2 | REPEATABLE,
    [CUE_ARM] = 4 | HAS_NONCE,
    [CUE_DISARM] = 0,
    [CUE_BEAT] = REPEATABLE,
    [CUE_COMMAND] = ANY_SIZE,
    [CUE_ESTOP] = REPEATABLE,
    [CUE_ESTOP_CLEAR] = 4 | HAS_NONCE,
    [CUE_COUNTERS_READ] = REPEATABLE,
    [CUE_IDENTITY_WRITE] = 8,
    [CUE_SEQUENCE_WRITE] = ANY_SIZE,
    [CUE_SEQUENCE_COMMIT] = 6,
    [CUE_SEQUENCE_READ] = REPEATABLE,
    [CUE_SEQUENCE_START] = 5 | NEEDS_ARMED,
    [CUE_UNLOCK] = 8 | HAS_NONCE | NEEDS_ARMED,
    [CUE_OPTIONS_WRITE] = 1,
    [CUE_CLOCK_READ] = REPEATABLE,
};

static uint8_t facts_of(uint8_t type) {
    return type < sizeof requests ? cue_flash_u8(&requests[type]) : (uint8_t)ANY_SIZE;
}

// 0, the reason of a refusal, or ANSWERED.
static uint8_t dispatch(cue_device_t *device, const cue_frame_t *frame, cue_answer_t *answer) {
    const uint8_t *payload = frame->payload;
    uint8_t facts = facts_of(frame->type);
    uint8_t size = facts & ANY_SIZE;
    if (size != ANY_SIZE && frame->payload_size != size) {
        return CUE_NAK_BAD_LENGTH;
    }
    if ((facts & HAS_NONCE) != 0 && memcmp(payload, &device->nonce, sizeof device->nonce) != 0) {
        return CUE_NAK_WRONG_NONCE;
    }
    uint8_t reason = unarmed(device);
    if ((facts & NEEDS_ARMED) != 0 && reason != 0) {
        return reason;
    }
    switch (frame->type) {
    case CUE_HELLO_REQUEST:
        cue_session_hello(device, answer);
        return ANSWERED;
    case CUE_MANIFEST_READ:
        return read_manifest(device, cue_read_u16(payload), answer);
    case CUE_ARM:
        return arm(device, reason);
    case CUE_DISARM:
        cue_session_enter(device, reason == CUE_NAK_ESTOPPED ? CUE_ESTOPPED : CUE_SAFE);
        return 0;
    case CUE_BEAT:
        return 0;
    case CUE_COMMAND:
        return command(device, frame);
    case CUE_ESTOP:
        cue_session_enter(device, CUE_ESTOPPED);
        return 0;
    case CUE_ESTOP_CLEAR:
        return clear_estop(device);
    case CUE_COUNTERS_READ:
        return read_counters(device, answer);
    case CUE_IDENTITY_WRITE:
        return write_identity(device, payload);
    case CUE_SEQUENCE_WRITE:
        return cue_sequence_write(device, payload, frame->payload_size);
    case CUE_SEQUENCE_COMMIT:
        return cue_sequence_commit(device, payload);
    case CUE_SEQUENCE_READ:
        return read_sequence(device, answer);
    case CUE_SEQUENCE_START:
        return cue_sequence_start(device, payload);
    case CUE_UNLOCK:
        return unlock(device, payload);
    case CUE_OPTIONS_WRITE:
        return write_options(device, payload[0]);
    case CUE_CLOCK_READ:
        return read_clock(device, answer);
    default:
        return CUE_NAK_UNKNOWN_TYPE;
    }
}

void cue_session_handle(cue_device_t *device, const cue_frame_t *frame, cue_answer_t *answer) {
    device->heard_ms = device->clock.ms;
    if (frame->type == CUE_HELLO_REQUEST) {
        cue_memory_reset(&device->memory);
    }
    const cue_memory_entry_t *known = cue_memory_find(&device->memory, frame->seq, frame->crc);
    if (known != 0) {
        answer->type = known->answer_type;
        answer->payload_size = known->payload_size;
        memcpy(answer->payload, known->payload, known->payload_size);
        cue_count(&device->counters.duplicates, 1);
        return;
    }
    device->channels.remaining_ms = 0;
    uint8_t reason = dispatch(device, frame, answer);
    if (reason == 0) {
        ack(device, answer);
    } else if (reason != ANSWERED) {
        nak(device, answer, reason);
    }
    cue_memory_add(&device->memory, frame->seq, frame->crc,
                   (facts_of(frame->type) & REPEATABLE) != 0 ? (uint8_t)0 : answer->type,
                   answer->payload, answer->payload_size);
}
