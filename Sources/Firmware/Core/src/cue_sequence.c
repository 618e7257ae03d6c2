// Programs of steps.
#include "cue_sequence.h"
#include "cue_bytes.h"   // little-endian fields
#include "cue_device.h"  // cue_device_t
#include "cue_floor.h"   // cue_reached
#include "cue_session.h" // cue_session_queue

// The header in the store: size u16, crc32 u32, crc16 of these. The programs follow.
enum {
    HEADER_AT = CUE_STORE_SIZE - 8,
    HEADER_SIZE = 8,
    STEPS_PER_PASS = 8,
    START_LATE_MS = 20,
    START_AHEAD_MS = 10000,
    STORE_BYTE_MS = 4
};

static uint8_t read_byte(const cue_device_t *device, uint16_t at) {
    const cue_board_t *board = CUE_BOARD(device);
    return board->store_read(board->context, (uint16_t)(CUE_STORE_SIZE + at));
}

static uint16_t read_u16(const cue_device_t *device, uint16_t at) {
    uint8_t low = read_byte(device, at);
    return (uint16_t)(low | (uint16_t)((uint16_t)read_byte(device, (uint16_t)(at + 1u)) << 8));
}

static uint32_t time_us(const cue_device_t *device) {
    const cue_board_t *board = CUE_BOARD(device);
    return board->time_us(board->context);
}

// CRC-32 of zlib over the program memory's first bytes.
static uint32_t crc32_of(const cue_device_t *device, uint16_t size) {
    uint32_t crc = 0xFFFFFFFFu;
    for (uint16_t at = 0; at < size; at++) {
        crc ^= read_byte(device, at);
        for (uint8_t bit = 0; bit < 8; bit++) {
            crc = (crc & 1u) != 0 ? (crc >> 1) ^ 0xEDB88320u : crc >> 1;
        }
    }
    return ~crc;
}

// ---- Checking

typedef struct {
    uint32_t total_ms;
    uint16_t channels;
} survey_t;

// Reads a command's bytes; its size, 0 if it has none that could be right.
static uint8_t read_command(const cue_device_t *device, uint16_t at, uint16_t end,
                            uint8_t command[CUE_STEP_COMMAND_MAX]) {
    uint8_t size = (uint8_t)(read_byte(device, at) & 0x7Fu);
    if (size < 2 || size > CUE_STEP_COMMAND_MAX || size >= end - at) {
        return 0;
    }
    for (uint8_t index = 0; index < size; index++) {
        command[index] = read_byte(device, (uint16_t)(at + 1u + index));
    }
    return size;
}

// How many bytes a step without a command has; 0 for what is none.
static uint8_t step_size(uint8_t step) {
    switch (step) {
    case CUE_STEP_WAIT:
        return 3;
    case CUE_STEP_LOOP:
        return 2;
    case CUE_STEP_NEXT:
        return 1;
    default:
        return 0;
    }
}

// Whether the steps are a program; `whole`: its commands too. Fills in the survey.
static bool survey(cue_device_t *device, uint16_t at, uint16_t end, bool whole, survey_t *found) {
    uint32_t times_ms[CUE_LOOPS_MAX + 1] = {0, 0, 0};
    uint8_t counts[CUE_LOOPS_MAX + 1];
    uint8_t depth = 0;
    found->channels = 0;
    while (at < end) {
        uint8_t step = read_byte(device, at);
        uint8_t size = step_size(step);
        if (step >= CUE_STEP_DO) {
            uint8_t command[CUE_STEP_COMMAND_MAX];
            size = read_command(device, at, end, command);
            if (size == 0 || command[0] >= CUE_CHANNELS_MAX ||
                (whole && cue_channels_check(&device->channels, command, size) != 0)) {
                return false;
            }
            found->channels = (uint16_t)(found->channels | (uint16_t)(1u << command[0]));
            size++;
        } else if (size == 0 || size > end - at) {
            return false;
        } else if (step == CUE_STEP_WAIT) {
            uint16_t wait_ms = read_u16(device, (uint16_t)(at + 1u));
            times_ms[depth] += wait_ms;
            if (wait_ms == 0 || wait_ms > 60000) {
                return false;
            }
        } else if (step == CUE_STEP_LOOP) {
            if (depth == CUE_LOOPS_MAX) {
                return false;
            }
            depth++;
            times_ms[depth] = 0;
            counts[depth] = read_byte(device, (uint16_t)(at + 1u));
        } else {
            if (depth == 0 || counts[depth] == 0 || times_ms[depth] < CUE_LOOP_MIN_MS) {
                return false;
            }
            depth--;
            times_ms[depth] += times_ms[depth + 1u] * counts[depth + 1u];
        }
        if (times_ms[depth] > CUE_PROGRAM_MAX_MS) {
            return false;
        }
        at = (uint16_t)(at + size);
    }
    found->total_ms = times_ms[0];
    return depth == 0;
}

// Whether the memory's first `size` bytes are whole programs in the order of their numbers.
static bool programs_valid(cue_device_t *device, uint16_t size) {
    int16_t last = -1;
    survey_t found;
    for (uint16_t at = 0; at < size;) {
        if (size - at < 4 || read_byte(device, at) != CUE_STEP_PROGRAM) {
            return false;
        }
        uint8_t number = read_byte(device, (uint16_t)(at + 1u));
        uint16_t length = read_u16(device, (uint16_t)(at + 2u));
        if (number <= last || length > size - at - 4u) {
            return false;
        }
        last = number;
        at = (uint16_t)(at + 4u);
        if (!survey(device, at, (uint16_t)(at + length), true, &found)) {
            return false;
        }
        at = (uint16_t)(at + length);
    }
    return size > 0;
}

// ---- Memory

static bool writing(const cue_device_t *device) {
    return device->sequence.chunk_done < device->sequence.chunk_size;
}

// Whether the memory's first bytes are these programs. Takes 7 us a byte on an Uno.
static bool holds(cue_device_t *device, uint16_t size, uint32_t crc32) {
    return size <= CUE_BOARD(device)->sequence_size && crc32_of(device, size) == crc32 &&
           programs_valid(device, size);
}

void cue_sequence_load(cue_device_t *device) {
    cue_sequence_t *sequence = &device->sequence;
    const cue_board_t *board = CUE_BOARD(device);
    uint8_t header[HEADER_SIZE];
    for (uint8_t index = 0; index < HEADER_SIZE; index++) {
        header[index] = board->store_read(board->context, (uint16_t)(HEADER_AT + index));
    }
    uint16_t size = cue_read_u16(header);
    uint32_t crc32 = cue_read_u32(header + 2);
    if (cue_crc16(0xFFFF, header, 6) == cue_read_u16(header + 6) && holds(device, size, crc32)) {
        sequence->size = size;
        sequence->crc32 = crc32;
    }
}

static void put(cue_sequence_t *sequence, uint16_t address, const uint8_t *bytes, uint8_t size) {
    for (uint8_t index = 0; index < size; index++) {
        sequence->chunk[index] = bytes[index];
    }
    sequence->address = address;
    sequence->chunk_size = size;
    sequence->chunk_done = 0;
}

// Whether the memory is in use.
static uint8_t memory_refusal(cue_device_t *device) {
    const cue_sequence_t *sequence = &device->sequence;
    if (writing(device)) {
        device->channels.remaining_ms =
            (uint16_t)((sequence->chunk_size - sequence->chunk_done + 1) * STORE_BYTE_MS);
        return CUE_NAK_BUSY;
    }
    return sequence->running ? cue_sequence_busy_for(device) : (uint8_t)0;
}

uint8_t cue_sequence_write(cue_device_t *device, const uint8_t *payload, size_t size) {
    cue_sequence_t *sequence = &device->sequence;
    if (size < 3 || size > 2 + CUE_SEQUENCE_CHUNK_MAX) {
        return CUE_NAK_BAD_LENGTH;
    }
    uint8_t count = (uint8_t)(size - 2u);
    uint16_t offset = cue_read_u16(payload);
    uint16_t room = CUE_BOARD(device)->sequence_size;
    if (offset > room || count > room - offset) {
        return CUE_NAK_OUT_OF_RANGE;
    }
    uint8_t reason = memory_refusal(device);
    if (reason == 0) {
        sequence->invalidate = sequence->invalidate || sequence->size > 0;
        sequence->size = 0;
        sequence->crc32 = 0;
        put(sequence, (uint16_t)(CUE_STORE_SIZE + offset), payload + 2, count);
    }
    return reason;
}

uint8_t cue_sequence_commit(cue_device_t *device, const uint8_t *payload) {
    cue_sequence_t *sequence = &device->sequence;
    uint16_t size = cue_read_u16(payload);
    uint32_t crc32 = cue_read_u32(payload + 2);
    uint8_t reason = memory_refusal(device);
    if (reason == 0 && cue_channels_driving(&device->channels)) {
        return CUE_NAK_BUSY; // the check takes some ms, in which no pulse could end
    }
    if (reason != 0) {
        return reason;
    }
    if (!holds(device, size, crc32)) {
        return CUE_NAK_OUT_OF_RANGE;
    }
    if (sequence->size != size || sequence->crc32 != crc32) {
        uint8_t header[HEADER_SIZE];
        cue_write_u16(header, size);
        cue_write_u32(header + 2, crc32);
        cue_write_u16(header + 6, cue_crc16(0xFFFF, header, 6));
        put(sequence, HEADER_AT, header, HEADER_SIZE);
    }
    sequence->size = size;
    sequence->crc32 = crc32;
    return 0;
}

// Writes the next byte of a chunk when the store is free.
static void write_step(cue_device_t *device) {
    cue_sequence_t *sequence = &device->sequence;
    const cue_board_t *board = CUE_BOARD(device);
    if (!writing(device) || board->store_busy(board->context)) {
        return;
    }
    uint16_t address = (uint16_t)(sequence->address + sequence->chunk_done);
    uint8_t byte = sequence->chunk[sequence->chunk_done];
    if (sequence->invalidate) {
        address = HEADER_AT + 1; // a size that no memory has
        byte = 0xFF;
        sequence->invalidate = false;
    } else {
        sequence->chunk_done++;
    }
    if (board->store_read(board->context, address) != byte) {
        board->store_write(board->context, address, byte);
    }
}

// ---- Running

static void tell(cue_device_t *device, int16_t what) {
    (void)cue_session_queue(device, CUE_EVENT_SEQUENCE, device->sequence.program, what);
}

uint8_t cue_sequence_busy_for(cue_device_t *device) {
    device->channels.now_us = time_us(device);
    device->channels.remaining_ms =
        cue_floor_ms(cue_floor_until(&device->channels, device->sequence.end_us));
    return CUE_NAK_BUSY;
}

static bool find(const cue_device_t *device, uint8_t number, uint16_t *at, uint16_t *end) {
    for (uint16_t place = 0; place < device->sequence.size;) {
        uint16_t length = read_u16(device, (uint16_t)(place + 2u));
        *at = (uint16_t)(place + 4u);
        *end = (uint16_t)(*at + length);
        if (read_byte(device, (uint16_t)(place + 1u)) == number) {
            return true;
        }
        place = *end;
    }
    return false;
}

uint8_t cue_sequence_start(cue_device_t *device, const uint8_t *payload) {
    cue_sequence_t *sequence = &device->sequence;
    uint32_t at_ms = cue_read_u32(payload + 1);
    uint32_t start_us = time_us(device);
    survey_t found;
    uint16_t at, end;
    if (at_ms != 0) {
        uint32_t ahead_ms = at_ms - device->clock.ms;
        if (ahead_ms > START_AHEAD_MS && (uint32_t)(ahead_ms + START_LATE_MS) > START_LATE_MS) {
            return CUE_NAK_OUT_OF_RANGE;
        }
        start_us = device->clock.us + 1000u * ahead_ms; // modulo 2^32, also for the past
    }
    // Surveyed anew: a store can lose a bit.
    if (!find(device, payload[0], &at, &end) || !survey(device, at, end, false, &found)) {
        return CUE_NAK_OUT_OF_RANGE;
    }
    uint8_t reason = memory_refusal(device);
    if (reason == 0) {
        sequence->running = true;
        sequence->started = false;
        sequence->program = payload[0];
        sequence->depth = 0;
        sequence->at = at;
        sequence->end = end;
        sequence->channels = found.channels;
        sequence->next_us = start_us;
        sequence->end_us = start_us + 1000u * found.total_ms;
    }
    return reason;
}

void cue_sequence_stop(cue_device_t *device) {
    if (device->sequence.running) {
        device->sequence.running = false;
        tell(device, CUE_SEQUENCE_STOPPED);
    }
}

// One step that is due. True if it executed a command.
static bool run_step(cue_device_t *device) {
    cue_sequence_t *sequence = &device->sequence;
    uint8_t step = read_byte(device, sequence->at);
    cue_loop_t *loop = &sequence->loops[sequence->depth > 0 ? sequence->depth - 1 : 0];
    if (step >= CUE_STEP_DO) {
        uint8_t command[CUE_STEP_COMMAND_MAX];
        uint8_t size = read_command(device, sequence->at, sequence->end, command);
        sequence->at = (uint16_t)(sequence->at + 1u + size);
        if (size == 0 || cue_channels_execute(&device->channels, command, size) != 0) {
            cue_count(&device->counters.sequence_refusals, 1);
        }
        return true;
    }
    sequence->at = (uint16_t)(sequence->at + 1u);
    if (step == CUE_STEP_WAIT) {
        sequence->next_us += 1000u * (uint32_t)read_u16(device, sequence->at);
        sequence->at = (uint16_t)(sequence->at + 2u);
    } else if (step == CUE_STEP_LOOP && sequence->depth < CUE_LOOPS_MAX) {
        loop = &sequence->loops[sequence->depth++];
        loop->left = read_byte(device, sequence->at);
        sequence->at = (uint16_t)(sequence->at + 1u);
        loop->at = sequence->at;
    } else if (loop->left > 1) { // NEXT
        loop->left--;
        sequence->at = loop->at;
    } else if (sequence->depth > 0) {
        sequence->depth--;
    }
    return false;
}

static void run(cue_device_t *device) {
    cue_sequence_t *sequence = &device->sequence;
    for (uint8_t count = 0; count < STEPS_PER_PASS; count++) {
        if (!cue_reached(time_us(device), sequence->next_us)) {
            return;
        }
        if (!sequence->started) {
            sequence->started = true;
            tell(device, CUE_SEQUENCE_STARTED);
        }
        if (sequence->at >= sequence->end) {
            sequence->running = false;
            tell(device, CUE_SEQUENCE_ENDED);
            return;
        }
        if (run_step(device)) {
            return;
        }
    }
}

void cue_sequence_step(cue_device_t *device) {
    write_step(device);
    if (device->sequence.running) {
        run(device);
    }
}

bool cue_sequence_busy(const cue_device_t *device) {
    return device->sequence.running || writing(device);
}
