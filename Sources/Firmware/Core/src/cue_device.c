// A whole board.
#include "cue_device.h"
#include "cue_bytes.h"   // little-endian fields
#include "cue_session.h" // answers
#include "cue_store.h"   // uid, boot counter
#include <string.h>      // memset, memmove

enum { IDLE_MAX_US = 2000, BYTES_PER_PASS = 64 };

static uint32_t now_ms(const cue_device_t *device) {
    return device->board->time_ms(device->board->context);
}

static bool transmit(cue_device_t *device, uint8_t type, uint8_t seq, const uint8_t *payload,
                     size_t payload_size) {
    uint8_t wire[CUE_FRAME_SIZE_MAX];
    size_t size = 0;
    return cue_link_encode(type, seq, payload, payload_size, wire, sizeof wire, &size) == CUE_OK &&
           device->board->uart_write(device->board->context, wire, size);
}

static void answer_frame(cue_device_t *device) {
    cue_frame_t frame = cue_decoder_frame(&device->decoder);
    cue_answer_t answer;
    cue_session_handle(device, &frame, &answer);
    if (!transmit(device, answer.type, frame.seq, answer.payload, answer.payload_size)) {
        cue_count(&device->counters.transmit_drops, 1);
    }
}

// Task: takes what arrived. Bounded, so that a babbling line cannot starve the channels.
static void receive(void *context) {
    cue_device_t *device = (cue_device_t *)context;
    uint8_t bytes[16];
    for (uint8_t taken = 0; taken < BYTES_PER_PASS;) {
        size_t size = device->board->uart_read(device->board->context, bytes, sizeof bytes);
        if (size == 0) {
            break;
        }
        for (size_t index = 0; index < size; index++) {
            cue_link_result_t result = cue_decoder_push(&device->decoder, bytes[index]);
            if (result == CUE_LINK_FRAME) {
                answer_frame(device);
            } else if (result == CUE_LINK_BAD_CRC) {
                cue_count(&device->counters.crc_errors, 1);
            } else if (result == CUE_LINK_BAD_FRAMING) {
                cue_count(&device->counters.framing_errors, 1);
            }
        }
        taken = (uint8_t)(taken + size);
    }
}

// Task: ends what is over, notes what was cut off and which buttons changed.
static void drive(void *context) {
    cue_device_t *device = (cue_device_t *)context;
    uint16_t cut = cue_channels_tick(&device->channels);
    for (uint8_t index = 0; cut != 0 && index < device->board->channel_count; index++) {
        if ((cut & (uint16_t)(1u << index)) != 0) {
            cue_count(&device->counters.max_on_cuts, 1);
            device->state = (uint8_t)(device->state | CUE_STATE_FAULT);
            (void)cue_session_queue(device, CUE_EVENT_FAULT, index, CUE_FAULT_MAX_ON);
        }
    }
    for (uint8_t index = 0; index < device->board->channel_count; index++) {
        cue_channel_state_t *state = &device->channels.states[index];
        if (state->on == state->reported ||
            (device->channels.buttons & (uint16_t)(1u << index)) == 0) {
            continue;
        }
        // A level that finds no room is tried again, so that the last one always arrives.
        if (device->event_count < CUE_EVENTS_MAX &&
            cue_session_queue(device, CUE_EVENT_INPUT, index, state->on ? 1 : 0)) {
            state->reported = state->on;
        }
    }
}

void cue_fail_safe(cue_device_t *device, uint8_t fault) {
    uint8_t flag = fault == CUE_FAULT_LINK_LOST ? CUE_STATE_LINK_LOST : 0;
    device->state = (uint8_t)(device->state | flag | CUE_STATE_FAULT);
    (void)cue_session_queue(device, CUE_EVENT_FAULT, CUE_CHANNEL_BOARD, fault);
    bool stopped = (device->state & CUE_STATE_MASK) == CUE_ESTOPPED;
    cue_session_enter(device, stopped ? CUE_ESTOPPED : CUE_SAFE);
}

// Task: a host that fell silent disarms the board.
static void watch_host(void *context) {
    cue_device_t *device = (cue_device_t *)context;
    if ((device->state & CUE_STATE_MASK) == CUE_ARMED &&
        (uint32_t)(now_ms(device) - device->heard_ms) >= CUE_LINK_TIMEOUT_MS) {
        cue_count(&device->counters.link_losses, 1);
        cue_fail_safe(device, CUE_FAULT_LINK_LOST);
    }
}

// Task: sends the oldest event, and gathers what the uart counted.
static void report(void *context) {
    cue_device_t *device = (cue_device_t *)context;
    cue_uart_errors_t errors = device->board->uart_take_errors(device->board->context);
    cue_count(&device->counters.overruns, errors.overruns);
    cue_count(&device->counters.ring_overflows, errors.ring_overflows);
    cue_count(&device->counters.framing_errors, errors.framing);
    if (device->event_count == 0) {
        return;
    }
    const cue_event_t *event = &device->events[0];
    uint8_t payload[CUE_EVENT_SIZE] = {event->kind, event->channel, 0, 0, 0, 0, 0, 0};
    cue_write_u16(payload + 2, (uint16_t)event->value);
    cue_write_u32(payload + 4, now_ms(device));
    if (transmit(device, CUE_EVENT, device->event_seq, payload, sizeof payload)) {
        device->event_seq++;
        device->event_count--;
        memmove(device->events, device->events + 1, device->event_count * sizeof *device->events);
    }
}

// Differs from the nonces of the 65,535 boots before it: its low half counts boots. The high half
// is whatever entropy the board has, so that two boards with the same count rarely agree.
static uint32_t make_nonce(const cue_board_t *board, uint32_t boots) {
    return ((uint32_t)board->entropy << 16) | (boots & 0xFFFFu);
}

void cue_device_start(cue_device_t *device, const cue_board_t *board) {
    memset(device, 0, sizeof *device);
    device->board = board;
    cue_channels_start(&device->channels, board);
    device->tasks[0].run = receive;
    device->tasks[1].run = drive;
    device->tasks[2].run = watch_host;
    device->tasks[3].run = report;
    device->tasks[3].period_ms = 1;

    device->counters.boots = cue_store_count_boot(board);
    device->nonce = make_nonce(board, device->counters.boots);
    if (!cue_store_read_uid(board, device->uid)) {
        device->state = CUE_STATE_UID_BLANK;
    }
    if ((board->reset_cause & (CUE_RESET_WATCHDOG | CUE_RESET_HANG)) != 0) {
        device->state = (uint8_t)(device->state | CUE_STATE_FAULT);
        (void)cue_session_queue(device, CUE_EVENT_FAULT, CUE_CHANNEL_BOARD, CUE_FAULT_WATCHDOG);
    }
    if ((board->reset_cause & CUE_RESET_BROWN_OUT) != 0) {
        device->state = (uint8_t)(device->state | CUE_STATE_FAULT);
        (void)cue_session_queue(device, CUE_EVENT_FAULT, CUE_CHANNEL_BOARD, CUE_FAULT_BROWN_OUT);
    }
    cue_answer_t hello;
    cue_session_hello(device, &hello);
    if (transmit(device, hello.type, device->event_seq, hello.payload, hello.payload_size)) {
        device->event_seq++;
    }
}

uint32_t cue_device_step(cue_device_t *device) {
    const cue_board_t *board = device->board;
    uint32_t began_us = board->time_us(board->context);
    board->watchdog_feed(board->context);
    cue_schedule_run(device->tasks, CUE_TASKS, device, now_ms(device));

    uint32_t spent_us = board->time_us(board->context) - began_us;
    if (spent_us > device->counters.loop_max_us) {
        device->counters.loop_max_us =
            spent_us > UINT16_MAX ? (uint16_t)UINT16_MAX : (uint16_t)spent_us;
    }
    return device->event_count > 0 ? 0 : cue_channels_idle_us(&device->channels, IDLE_MAX_US);
}
