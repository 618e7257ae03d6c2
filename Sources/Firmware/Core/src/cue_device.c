// A whole board.
#include "cue_device.h"
#include "cue_bytes.h"   // little-endian fields
#include "cue_session.h" // answers
#include "cue_store.h"   // uid, boot counter
#include <string.h>      // memset, memmove

enum { BYTES_PER_PASS = 64, FRAMING_ERRORS = 1 };

void cue_count(uint16_t *counter, uint16_t amount) {
    uint16_t sum = (uint16_t)(*counter + amount);
    *counter = sum < amount ? (uint16_t)UINT16_MAX : sum;
}

uint16_t cue_device_keep_clock(cue_device_t *device) {
    const cue_board_t *board = CUE_BOARD(device);
    cue_clock_t clock = device->clock;
    uint32_t passed_us = board->time_us(board->context) - clock.us;
    if ((passed_us & 0x80000000u) != 0) {
        return 0; // a clock that went back a little: it stands until it has caught up
    }
    while (passed_us >= 1000) { // mostly once; a division would take longer
        passed_us -= 1000;
        clock.ms++;
        clock.us += 1000;
    }
    device->clock = clock;
    return (uint16_t)passed_us;
}

static bool transmit(cue_device_t *device, uint8_t type, uint8_t seq, const uint8_t *payload,
                     size_t payload_size) {
    uint8_t wire[CUE_FRAME_SIZE_MAX];
    size_t size = 0;
    return cue_link_encode(type, seq, payload, payload_size, wire, sizeof wire, &size) == CUE_OK &&
           CUE_BOARD(device)->uart_write(CUE_BOARD(device)->context, wire, size);
}

CUE_APART static void answer_frame(cue_device_t *device) {
    cue_frame_t frame = cue_decoder_frame(&device->decoder);
    cue_answer_t answer;
    cue_session_handle(device, &frame, &answer);
    if (!transmit(device, answer.type, frame.seq, answer.payload, answer.payload_size)) {
        cue_count(&device->counters.transmit_drops, 1);
    }
}

// Takes what arrived. Bounded, so that a babbling line cannot starve the channels.
CUE_APART static void receive(cue_device_t *device) {
    const cue_board_t *board = CUE_BOARD(device);
    uint8_t bytes[16];
    for (uint8_t taken = 0; taken < BYTES_PER_PASS;) {
        size_t size = board->uart_read(board->context, bytes, sizeof bytes);
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

CUE_APART static void report_fault(cue_device_t *device, uint8_t channel, uint8_t fault) {
    device->state = (uint8_t)(device->state | CUE_STATE_FAULT);
    (void)cue_session_queue(device, CUE_EVENT_FAULT, channel, fault);
}

// Ends what is over, notes what was cut off and what inputs have to tell.
CUE_APART static void drive(cue_device_t *device) {
    cue_channels_t *channels = &device->channels;
    uint16_t cut = cue_channels_tick(channels);
    for (uint8_t index = 0; cut != 0; index++, cut = (uint16_t)(cut >> 1)) {
        if ((cut & 1u) != 0) {
            cue_count(&device->counters.max_on_cuts, 1);
            report_fault(device, index, CUE_FAULT_MAX_ON);
        }
    }
    uint8_t index;
    int16_t value;
    // What finds no room waits, so that the last value always arrives.
    if (device->event_count < CUE_EVENTS_MAX && cue_channels_news(channels, &index, &value)) {
        (void)cue_session_queue(device, CUE_EVENT_INPUT, index, value);
    }
}

void cue_fail_safe(cue_device_t *device, uint8_t fault) {
    if (fault == CUE_FAULT_LINK_LOST) {
        device->state |= CUE_STATE_LINK_LOST;
    }
    report_fault(device, CUE_CHANNEL_BOARD, fault);
    bool stopped = (device->state & CUE_STATE_MASK) == CUE_ESTOPPED;
    cue_session_enter(device, stopped ? CUE_ESTOPPED : CUE_SAFE);
}

// A host that fell silent disarms the board, an unlocking ends, and a wired E-stop stops.
static void watch(cue_device_t *device) {
    uint8_t state = (uint8_t)(device->state & CUE_STATE_MASK);
    if (state != CUE_ESTOPPED && cue_session_estop_open(device)) {
        report_fault(device, CUE_CHANNEL_BOARD, CUE_FAULT_ESTOP_WIRED);
        cue_session_enter(device, CUE_ESTOPPED);
    } else if (state == CUE_ARMED && device->clock.ms - device->heard_ms >= CUE_LINK_TIMEOUT_MS) {
        cue_count(&device->counters.link_losses, 1);
        cue_fail_safe(device, CUE_FAULT_LINK_LOST);
    }
    if (device->channels.unlocked != 0 &&
        device->clock.ms - device->unlocked_until_ms < 0x80000000u) {
        cue_channels_unlock(&device->channels, 0);
    }
}

// Sends the oldest event, and gathers what the uart counted; once a millisecond.
static void report(cue_device_t *device) {
    const cue_board_t *board = CUE_BOARD(device);
    if (device->reported_ms == (uint8_t)device->clock.ms) {
        return;
    }
    device->reported_ms = (uint8_t)device->clock.ms;
    cue_uart_errors_t errors = board->uart_take_errors(board->context);
    for (uint8_t index = 0; index < 3; index++) {
        cue_count(&device->counters.small[FRAMING_ERRORS + index], errors.all[index]);
    }
    if (device->event_count == 0) {
        return;
    }
    uint8_t payload[CUE_EVENT_SIZE];
    memcpy(payload, &device->events[0], sizeof device->events[0]); // as it is on the wire
    memcpy(payload + 4, &device->clock.ms, 4);
    if (transmit(device, CUE_EVENT, device->event_seq, payload, sizeof payload)) {
        device->event_seq++;
        device->event_count--;
        for (uint8_t index = 0; index < device->event_count; index++) {
            device->events[index] = device->events[index + 1];
        }
    }
}

// Differs from the nonces of the 65,535 boots before it: its low half counts boots. The high half
// is whatever entropy the board has, so that two boards with the same count rarely agree.
static uint32_t make_nonce(uint16_t entropy, uint32_t boots) {
    return ((uint32_t)entropy << 16) | (boots & 0xFFFFu);
}

void cue_device_start(cue_device_t *device, const cue_board_t *board, uint8_t reset_cause,
                      uint16_t entropy) {
    memset(device, 0, sizeof *device);
    CUE_SET_BOARD(device, board);
    device->reset_cause = reset_cause;
    device->clock.us = board->time_us(board->context);
    cue_channels_start(&device->channels, board);

    device->counters.boots = cue_store_count_boot(board);
    device->nonce = make_nonce(entropy, device->counters.boots);
    device->options = board->has_estop ? cue_store_read_options(board) : 0;
    cue_sequence_load(device);
    if (!cue_store_read_uid(board, device->uid)) {
        device->state = CUE_STATE_UID_BLANK;
    }
    if ((reset_cause & (CUE_RESET_WATCHDOG | CUE_RESET_HANG)) != 0) {
        report_fault(device, CUE_CHANNEL_BOARD, CUE_FAULT_WATCHDOG);
    }
    if ((reset_cause & CUE_RESET_BROWN_OUT) != 0) {
        report_fault(device, CUE_CHANNEL_BOARD, CUE_FAULT_BROWN_OUT);
    }
    cue_answer_t hello;
    cue_session_hello(device, &hello);
    if (transmit(device, hello.type, device->event_seq, hello.payload, hello.payload_size)) {
        device->event_seq++;
    }
}

uint16_t cue_device_step(cue_device_t *device) {
    const cue_board_t *board = CUE_BOARD(device);
    uint16_t began_us = (uint16_t)board->time_us(board->context);
    board->watchdog_feed(board->context);
    (void)cue_device_keep_clock(device);
    receive(device);
    drive(device);
    receive(device); // twice a pass: a command waits half as long
    cue_sequence_step(device);
    watch(device);
    report(device);

    uint16_t spent_us = (uint16_t)((uint16_t)board->time_us(board->context) - began_us);
    if (spent_us > device->counters.loop_max_us) {
        device->counters.loop_max_us = spent_us;
    }
    uint16_t idle_us = cue_channels_idle_us(&device->channels);
    return device->event_count > 0 || cue_sequence_busy(device) ? 0 : idle_us;
}
