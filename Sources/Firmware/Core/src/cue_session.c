// Answers one frame of the host.
#include "cue_session.h"
#include "cue_bytes.h" // little-endian fields
#include "cue_store.h" // uid
#include <string.h>    // memcpy

static void ack(const cue_device_t *device, cue_answer_t *answer) {
    answer->type = CUE_ACK;
    answer->payload_size = CUE_ACK_SIZE;
    answer->payload[0] = device->state;
    cue_write_u16(answer->payload + 1, cue_channels_active(&device->channels));
}

static void nak(cue_device_t *device, cue_answer_t *answer, uint8_t reason, uint16_t remaining_ms) {
    answer->type = CUE_NAK;
    answer->payload_size = CUE_NAK_SIZE;
    answer->payload[0] = reason;
    answer->payload[1] = device->state;
    cue_write_u16(answer->payload + 2, remaining_ms);
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

void cue_session_enter(cue_device_t *device, uint8_t state) {
    uint8_t before = (uint8_t)(device->state & CUE_STATE_MASK);
    if (state != CUE_ARMED) {
        cue_channels_safe(&device->channels);
    }
    device->state = (uint8_t)((device->state & (uint8_t)~CUE_STATE_MASK) | state);
    if (state != before) {
        (void)cue_session_queue(device, CUE_EVENT_STATE, CUE_CHANNEL_BOARD, device->state);
    }
}

void cue_session_hello(const cue_device_t *device, cue_answer_t *answer) {
    const cue_board_t *board = device->board;
    uint8_t *payload = answer->payload;
    answer->type = CUE_HELLO;
    answer->payload_size = CUE_HELLO_SIZE;
    payload[0] = CUE_PROTOCOL;
    cue_write_u32(payload + 1, device->nonce);
    cue_write_u32(payload + 5, board->manifest_crc32);
    cue_write_u16(payload + 9, board->manifest_size);
    cue_write_u32(payload + 11, board->build);
    memcpy(payload + 15, device->uid, CUE_UID_SIZE);
    payload[23] = board->reset_cause;
    payload[24] = device->state;
    memcpy(payload + 25, board->firmware, 3);
}

static void read_manifest(cue_device_t *device, const cue_frame_t *frame, cue_answer_t *answer) {
    const cue_board_t *board = device->board;
    uint16_t offset = cue_read_u16(frame->payload);
    if (offset > board->manifest_size) {
        nak(device, answer, CUE_NAK_OUT_OF_RANGE, 0);
        return;
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
}

static void arm(cue_device_t *device, const cue_frame_t *frame, cue_answer_t *answer) {
    if (cue_read_u32(frame->payload) != device->nonce) {
        nak(device, answer, CUE_NAK_WRONG_NONCE, 0);
        return;
    }
    uint8_t state = (uint8_t)(device->state & CUE_STATE_MASK);
    if (state == CUE_ESTOPPED) {
        nak(device, answer, CUE_NAK_ESTOPPED, 0);
        return;
    }
    if (state == CUE_SAFE) {
        device->state =
            (uint8_t)(device->state & (uint8_t) ~(CUE_STATE_LINK_LOST | CUE_STATE_FAULT));
        cue_session_enter(device, CUE_ARMED);
    }
    ack(device, answer);
}

static void disarm(cue_device_t *device, cue_answer_t *answer) {
    bool stopped = (device->state & CUE_STATE_MASK) == CUE_ESTOPPED;
    cue_session_enter(device, stopped ? CUE_ESTOPPED : CUE_SAFE);
    ack(device, answer);
}

static void clear_estop(cue_device_t *device, const cue_frame_t *frame, cue_answer_t *answer) {
    if (cue_read_u32(frame->payload) != device->nonce) {
        nak(device, answer, CUE_NAK_WRONG_NONCE, 0);
        return;
    }
    if ((device->state & CUE_STATE_MASK) == CUE_ESTOPPED) {
        cue_session_enter(device, CUE_SAFE);
    }
    ack(device, answer);
}

static void command(cue_device_t *device, const cue_frame_t *frame, cue_answer_t *answer) {
    uint8_t state = (uint8_t)(device->state & CUE_STATE_MASK);
    if (frame->payload_size < 2) {
        nak(device, answer, CUE_NAK_BAD_LENGTH, 0);
        return;
    }
    if (state != CUE_ARMED) {
        nak(device, answer, state == CUE_ESTOPPED ? CUE_NAK_ESTOPPED : CUE_NAK_NOT_ARMED, 0);
        return;
    }
    cue_outcome_t outcome =
        cue_channels_execute(&device->channels, frame->payload[0], frame->payload[1],
                             frame->payload + 2, frame->payload_size - 2);
    if (outcome.reason != 0) {
        nak(device, answer, outcome.reason, outcome.remaining_ms);
        return;
    }
    device->counters.executed++;
    ack(device, answer);
}

static void read_counters(const cue_device_t *device, cue_answer_t *answer) {
    const cue_counters_t *counters = &device->counters;
    const uint16_t small[] = {
        counters->crc_errors,     counters->framing_errors, counters->overruns,
        counters->ring_overflows, counters->duplicates,     counters->naks,
        counters->transmit_drops, counters->link_losses,    counters->max_on_cuts,
    };
    answer->type = CUE_COUNTERS;
    answer->payload_size = CUE_COUNTERS_SIZE;
    for (uint8_t index = 0; index < sizeof small / sizeof small[0]; index++) {
        cue_write_u16(answer->payload + 2u * index, small[index]);
    }
    cue_write_u32(answer->payload + 18, counters->executed);
    cue_write_u16(answer->payload + 22, counters->loop_max_us);
    answer->payload[24] = device->board->reset_cause;
    cue_write_u32(answer->payload + 25, device->board->time_ms(device->board->context));
    cue_write_u32(answer->payload + 29, counters->boots);
}

static void write_identity(cue_device_t *device, const cue_frame_t *frame, cue_answer_t *answer) {
    bool blank = (device->state & CUE_STATE_UID_BLANK) != 0;
    bool armed = (device->state & CUE_STATE_MASK) == CUE_ARMED;
    if (armed && !blank) {
        nak(device, answer, CUE_NAK_NOT_BLANK, 0);
        return;
    }
    // The store stops the loop for some 40 ms, and with it the end of every pulse.
    if (cue_channels_driving(&device->channels)) {
        nak(device, answer, CUE_NAK_BUSY, 0);
        return;
    }
    cue_status_t status = cue_store_write_uid(device->board, frame->payload);
    if (cue_store_read_uid(device->board, device->uid)) {
        device->state = (uint8_t)(device->state & (uint8_t)~CUE_STATE_UID_BLANK);
    }
    if (status == CUE_OK) {
        ack(device, answer);
    } else {
        nak(device, answer, CUE_NAK_OUT_OF_RANGE, 0);
    }
}

// The exact payload size of a request; 255 for types unknown or of variable size.
static uint8_t expected_size(uint8_t type) {
    switch (type) {
    case CUE_MANIFEST_READ:
        return 2;
    case CUE_ARM:
    case CUE_ESTOP_CLEAR:
        return 4;
    case CUE_IDENTITY_WRITE:
        return CUE_UID_SIZE;
    case CUE_HELLO_REQUEST:
    case CUE_DISARM:
    case CUE_BEAT:
    case CUE_ESTOP:
    case CUE_COUNTERS_READ:
        return 0;
    default:
        return 255;
    }
}

static void dispatch(cue_device_t *device, const cue_frame_t *frame, cue_answer_t *answer) {
    uint8_t size = expected_size(frame->type);
    if (size != 255 && frame->payload_size != size) {
        nak(device, answer, CUE_NAK_BAD_LENGTH, 0);
        return;
    }
    switch (frame->type) {
    case CUE_HELLO_REQUEST:
        cue_session_hello(device, answer);
        break;
    case CUE_MANIFEST_READ:
        read_manifest(device, frame, answer);
        break;
    case CUE_ARM:
        arm(device, frame, answer);
        break;
    case CUE_DISARM:
        disarm(device, answer);
        break;
    case CUE_BEAT:
        ack(device, answer);
        break;
    case CUE_COMMAND:
        command(device, frame, answer);
        break;
    case CUE_ESTOP:
        cue_session_enter(device, CUE_ESTOPPED);
        ack(device, answer);
        break;
    case CUE_ESTOP_CLEAR:
        clear_estop(device, frame, answer);
        break;
    case CUE_COUNTERS_READ:
        read_counters(device, answer);
        break;
    case CUE_IDENTITY_WRITE:
        write_identity(device, frame, answer);
        break;
    default:
        nak(device, answer, CUE_NAK_UNKNOWN_TYPE, 0);
        break;
    }
}

// Requests that are carried out anew when they are repeated.
static bool repeatable(uint8_t type) {
    return type == CUE_HELLO_REQUEST || type == CUE_MANIFEST_READ || type == CUE_BEAT ||
           type == CUE_ESTOP || type == CUE_COUNTERS_READ;
}

void cue_session_handle(cue_device_t *device, const cue_frame_t *frame, cue_answer_t *answer) {
    device->heard_ms = device->board->time_ms(device->board->context);
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
    dispatch(device, frame, answer);
    cue_memory_add(&device->memory, frame->seq, frame->crc,
                   repeatable(frame->type) ? (uint8_t)0 : answer->type, answer->payload,
                   answer->payload_size);
}
