// Programs of steps.
#include "cue_sequence.h"
#include "cue_bytes.h"   // little-endian fields
#include "cue_device.h"  // cue_device_t
#include "cue_floor.h"   // cue_reached
#include "cue_session.h" // cue_session_queue
#include "cue_store.h"   // cue_store_read
#include <string.h>      // memcpy

// The header in the store: size u16, crc32 u32, crc16 of these. The programs follow.
enum {
    HEADER_AT = CUE_STORE_SIZE - 8,
    HEADER_SIZE = 8,
    STEPS_PER_PASS = 8,
    START_LATE_MS = 20,
    START_AHEAD_MS = 10000,
    STORE_BYTE_MS = 4
};

CUE_APART static void read_bytes(const cue_device_t *device, uint16_t at, uint8_t *bytes,
                                 uint8_t size) {
    cue_store_read(CUE_BOARD(device), (uint16_t)(CUE_STORE_SIZE + at), bytes, size);
}

static uint32_t time_us(const cue_device_t *device) {
    const cue_board_t *board = CUE_BOARD(device);
    return board->time_us(board->context);
}

// CRC-32 of zlib over the program memory's first bytes.
static uint32_t crc32_of(const cue_device_t *device, uint16_t size) {
    uint32_t crc = 0xFFFFFFFFu;
    for (uint16_t at = 0; at < size; at++) {
        uint8_t byte;
        read_bytes(device, at, &byte, 1);
        crc ^= byte;
        for (uint8_t bit = 0; bit < 8; bit++) {
            crc = (crc & 1u) != 0 ? (crc >> 1) ^ 0xEDB88320u : crc >> 1;
        }
    }
    return ~crc;
}

// ---- Reading

typedef struct {
    uint8_t number;
    uint16_t at, end; // its first step; behind its last
} program_t;

// The program whose header is at `at`; false if there is none that ends within `size`.
static bool read_program(const cue_device_t *device, uint16_t at, uint16_t size, program_t *found) {
    uint8_t header[4];
    if ((uint16_t)(size - at) < sizeof header) {
        return false;
    }
    read_bytes(device, at, header, sizeof header);
    uint16_t length = cue_read_u16(header + 2);
    at = (uint16_t)(at + sizeof header);
    found->number = header[1];
    found->at = at;
    found->end = (uint16_t)(at + length);
    return header[0] == CUE_STEP_PROGRAM && length <= (uint16_t)(size - at);
}

typedef struct {
    uint8_t kind; // CUE_STEP_…
    uint8_t size; // of what follows its first byte
    uint8_t bytes[CUE_STEP_COMMAND_MAX];
} step_t;

// The step at `at`; false if there is none that ends at or before `end`. at < end.
static bool read_step(const cue_device_t *device, uint16_t at, uint16_t end, step_t *step) {
    uint8_t kind;
    read_bytes(device, at, &kind, 1);
    uint8_t size = 0;
    if (kind >= CUE_STEP_DO) {
        size = (uint8_t)(kind & 0x7Fu);
        kind = CUE_STEP_DO;
        if (size < 2 || size > CUE_STEP_COMMAND_MAX) {
            return false;
        }
    } else if (kind < CUE_STEP_WAIT || kind > CUE_STEP_NEXT) {
        return false;
    } else {
        size = (uint8_t)(CUE_STEP_NEXT - kind); // WAIT has two bytes, LOOP one, NEXT none
    }
    step->kind = kind;
    step->size = size;
    at++;
    if (size > (uint16_t)(end - at)) {
        return false;
    }
    read_bytes(device, at, step->bytes, size);
    return true;
}

// ---- Checking

typedef struct {
    uint32_t total_ms;
    uint16_t channels;
} survey_t;

// Whether the steps are a program; `whole`: its commands too. Fills in the survey.
static bool survey(cue_device_t *device, const program_t *program, bool whole, survey_t *found) {
    struct {
        uint32_t start_ms;
        uint16_t times;
    } loops[CUE_LOOPS_MAX];
    uint32_t total_ms = 0;
    uint16_t times = 1; // how often the step at hand is done
    uint8_t depth = 0;
    found->channels = 0;
    for (uint16_t at = program->at; at < program->end;) {
        step_t step;
        if (!read_step(device, at, program->end, &step)) {
            return false;
        }
        at = (uint16_t)(at + 1u + step.size);
        if (step.kind == CUE_STEP_DO) {
            if (step.bytes[0] >= CUE_CHANNELS_MAX ||
                (whole && cue_channels_check(&device->channels, step.bytes, step.size) != 0)) {
                return false;
            }
            found->channels = (uint16_t)(found->channels | (uint16_t)(1u << step.bytes[0]));
        } else if (step.kind == CUE_STEP_WAIT) {
            uint16_t wait_ms = cue_read_u16(step.bytes);
            total_ms += (uint32_t)wait_ms * times;
            if (wait_ms == 0 || wait_ms > 60000 || total_ms > CUE_PROGRAM_MAX_MS) {
                return false;
            }
        } else if (step.kind == CUE_STEP_LOOP) {
            if (depth == CUE_LOOPS_MAX || step.bytes[0] == 0) {
                return false;
            }
            loops[depth].start_ms = total_ms;
            loops[depth].times = times;
            times = (uint16_t)(times * step.bytes[0]); // 255 * 255 at most
            depth++;
        } else {
            if (depth == 0) {
                return false;
            }
            depth--;
            if (total_ms - loops[depth].start_ms < (uint32_t)CUE_LOOP_MIN_MS * times) {
                return false;
            }
            times = loops[depth].times;
        }
    }
    found->total_ms = total_ms;
    return depth == 0;
}

// Whether the memory's first `size` bytes are whole programs in the order of their numbers.
static bool programs_valid(cue_device_t *device, uint16_t size) {
    int16_t last = -1;
    program_t program;
    survey_t found;
    for (uint16_t at = 0; at < size; at = program.end) {
        if (!read_program(device, at, size, &program) || program.number <= last ||
            !survey(device, &program, true, &found)) {
            return false;
        }
        last = program.number;
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
    uint8_t header[HEADER_SIZE];
    cue_store_read(CUE_BOARD(device), HEADER_AT, header, HEADER_SIZE);
    uint16_t size = cue_read_u16(header);
    uint32_t crc32 = cue_read_u32(header + 2);
    if (cue_crc16(0xFFFF, header, 6) == cue_read_u16(header + 6) && holds(device, size, crc32)) {
        sequence->size = size;
        sequence->crc32 = crc32;
    }
}

CUE_APART static void put(cue_sequence_t *sequence, uint16_t address, const uint8_t *bytes,
                          uint8_t size) {
    memcpy(sequence->chunk, bytes, size);
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
    return cue_floor_busy_until(&device->channels, device->sequence.end_us);
}

uint8_t cue_sequence_start(cue_device_t *device, const uint8_t *payload) {
    cue_sequence_t *sequence = &device->sequence;
    uint32_t at_ms = cue_read_u32(payload + 1);
    uint32_t start_us = time_us(device);
    if (at_ms != 0) {
        uint32_t ahead_ms = at_ms - device->clock.ms;
        if ((uint32_t)(ahead_ms + START_LATE_MS) > START_AHEAD_MS + START_LATE_MS) {
            return CUE_NAK_OUT_OF_RANGE;
        }
        start_us = device->clock.us + 1000u * ahead_ms; // modulo 2^32, also for the past
    }
    program_t program;
    survey_t found;
    program.end = 0;
    do {
        if (!read_program(device, program.end, sequence->size, &program)) {
            return CUE_NAK_OUT_OF_RANGE;
        }
    } while (program.number != payload[0]);
    // Surveyed anew: a store can lose a bit.
    if (!survey(device, &program, false, &found)) {
        return CUE_NAK_OUT_OF_RANGE;
    }
    uint8_t reason = memory_refusal(device);
    if (reason == 0) {
        sequence->running = true;
        sequence->started = false;
        sequence->program = program.number;
        sequence->depth = 0;
        sequence->at = program.at;
        sequence->end = program.end;
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
    step_t step;
    if (!read_step(device, sequence->at, sequence->end, &step)) {
        cue_count(&device->counters.sequence_refusals, 1); // a store can lose a bit
        sequence->at = sequence->end;
        return true;
    }
    sequence->at = (uint16_t)(sequence->at + 1u + step.size);
    cue_loop_t *loop = &sequence->loops[sequence->depth];
    if (step.kind == CUE_STEP_DO) {
        if (cue_channels_execute(&device->channels, step.bytes, step.size) != 0) {
            cue_count(&device->counters.sequence_refusals, 1);
        }
        return true;
    }
    if (step.kind == CUE_STEP_WAIT) {
        sequence->next_us += cue_us(cue_read_u16(step.bytes));
    } else if (step.kind == CUE_STEP_LOOP) {
        if (sequence->depth < CUE_LOOPS_MAX) {
            loop->left = step.bytes[0];
            loop->at = sequence->at;
            sequence->depth++;
        }
    } else if (sequence->depth > 0) { // NEXT
        loop--;
        if (--loop->left > 0) {
            sequence->at = loop->at;
        } else {
            sequence->depth--;
        }
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
