// Programs in the board's memory.
#include "cue_bytes.h" // little-endian fields
#include "talk.h"      // the host's half
#include "test.h"      // CHECK
#include <string.h>    // memcpy

static fake_t fake;
static const uint64_t START_US = 5000000;

// What is being written.
static uint8_t memory[CUE_SEQUENCE_BYTES];
static uint16_t size;
static uint16_t header_at;

static void begin(uint8_t number) {
    header_at = size;
    memory[size++] = CUE_STEP_PROGRAM;
    memory[size++] = number;
    size = (uint16_t)(size + 2);
}

static void finish(void) {
    cue_write_u16(memory + header_at + 2, (uint16_t)(size - header_at - 4));
}

static void wait_step(uint16_t time_ms) {
    memory[size++] = CUE_STEP_WAIT;
    cue_write_u16(memory + size, time_ms);
    size = (uint16_t)(size + 2);
}

static void loop_step(uint8_t count) {
    memory[size++] = CUE_STEP_LOOP;
    memory[size++] = count;
}

static void next_step(void) {
    memory[size++] = CUE_STEP_NEXT;
}

static void pulse_step(uint8_t channel, uint16_t duration_ms) {
    memory[size++] = CUE_STEP_DO | 4;
    memory[size++] = channel;
    memory[size++] = CUE_OP_PULSE;
    cue_write_u16(memory + size, duration_ms);
    size = (uint16_t)(size + 2);
}

static uint32_t crc32_of(const uint8_t *bytes, size_t count) {
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t at = 0; at < 8 * count; at++) {
        uint32_t bit = (crc ^ (uint32_t)(bytes[at / 8] >> at % 8)) & 1u;
        crc = bit != 0 ? (crc >> 1) ^ 0xEDB88320u : crc >> 1;
    }
    return ~crc;
}

static void upload(void) {
    for (uint16_t at = 0; at < size; at = (uint16_t)(at + 40)) {
        uint8_t payload[42];
        size_t count = size - at < 40 ? (size_t)(size - at) : 40;
        cue_write_u16(payload, at);
        memcpy(payload + 2, memory + at, count);
        CHECK_EQUAL(request(&fake, CUE_SEQUENCE_WRITE, payload, 2 + count), 0);
        beat_for(&fake, 50);
    }
}

static int commit(void) {
    uint8_t payload[6];
    cue_write_u16(payload, size);
    cue_write_u32(payload + 2, crc32_of(memory, size));
    int reason = request(&fake, CUE_SEQUENCE_COMMIT, payload, 6);
    beat_for(&fake, 20);
    return reason;
}

static int start(uint8_t program, uint32_t at_ms) {
    uint8_t payload[5] = {program};
    cue_write_u32(payload + 1, at_ms);
    return request(&fake, CUE_SEQUENCE_START, payload, 5);
}

static int upload_and_commit(void) {
    upload();
    return cue_test_failed ? -1 : commit();
}

static uint32_t uptime_ms(void) {
    return cue_read_u32(ask(&fake, CUE_CLOCK_READ, NULL, 0).payload + 4);
}

static void a_show(void) {
    size = 0;
    begin(1);
    loop_step(3);
    pulse_step(RELAY1, 50);
    wait_step(100);
    loop_step(2);
    pulse_step(LAMP, 10);
    wait_step(30);
    next_step();
    next_step();
    finish();
}

static void timeline(void) {
    talk_armed(&fake, START_US);
    a_show();
    CHECK_EQUAL(start(1, 0), CUE_NAK_OUT_OF_RANGE); // nothing there
    CHECK_EQUAL(upload_and_commit(), 0);
    said_t said = ask(&fake, CUE_SEQUENCE_READ, NULL, 0);
    CHECK_EQUAL(said.type, CUE_SEQUENCE);
    CHECK_EQUAL(cue_read_u16(said.payload), size);
    CHECK_EQUAL(cue_read_u32(said.payload + 2), crc32_of(memory, size));
    uint32_t at_ms = uptime_ms() + 300;
    uint64_t from_us = fake.time_us / 1000 * 1000 + 300000;
    fake.output_size = 0;
    CHECK_EQUAL(start(1, at_ms), 0);
    CHECK_EQUAL(start(1, at_ms), CUE_NAK_BUSY);
    CHECK_EQUAL(talk_remaining_ms, 780); // 300 and 480 ms
    unsigned seen = 0, lamps = 0;
    for (int half = 0; half < 1600; half++) {
        fake.time_us += 500;
        fake_step(&fake);
        if (half % 300 == 0) {
            talk_send(&fake, CUE_BEAT, NULL, 0);
        }
        if (fake.on_edges[RELAY1] != seen) {
            CHECK(fake.time_us - (from_us + 160000 * seen) <= 1000);
            seen = fake.on_edges[RELAY1];
        }
        if (fake.on_edges[LAMP] != lamps) {
            CHECK(fake.time_us - (from_us + 160000 * (lamps / 2) + 100000 + 30000 * (lamps % 2)) <=
                  1000);
            lamps = fake.on_edges[LAMP];
        }
    }
    CHECK_EQUAL(seen, 3);
    CHECK_EQUAL(lamps, 6);
    CHECK_EQUAL(fake.host.device.counters.sequence_refusals, 0);
    CHECK(told(&fake, CUE_EVENT_SEQUENCE, 1, CUE_SEQUENCE_STARTED));
    CHECK(told(&fake, CUE_EVENT_SEQUENCE, 1, CUE_SEQUENCE_ENDED));
    CHECK(fake.host.violation == NULL);
}

static void survives_power(void) {
    talk_armed(&fake, START_US);
    a_show();
    CHECK_EQUAL(upload_and_commit(), 0);
    fake_boot(&fake, CUE_RESET_POWER_ON, 3);
    fake.output_size = 0;
    said_t said = ask(&fake, CUE_SEQUENCE_READ, NULL, 0);
    CHECK_EQUAL(cue_read_u16(said.payload), size);
    // A bit that flipped in the memory is noticed.
    fake.host.store[CUE_STORE_SIZE + 5] ^= 1;
    fake_boot(&fake, CUE_RESET_POWER_ON, 3);
    fake.output_size = 0;
    CHECK_EQUAL(cue_read_u16(ask(&fake, CUE_SEQUENCE_READ, NULL, 0).payload), 0);
    // And so is a memory that was being written when the power went.
    fake.host.store[CUE_STORE_SIZE + 5] ^= 1;
    fake_boot(&fake, CUE_RESET_POWER_ON, 3);
    const uint8_t same[3] = {0, 0, memory[0]};
    CHECK_EQUAL(request(&fake, CUE_SEQUENCE_WRITE, same, 3), 0);
    fake_run(&fake, 5);
    fake_boot(&fake, CUE_RESET_POWER_ON, 3);
    CHECK_EQUAL(cue_read_u16(ask(&fake, CUE_SEQUENCE_READ, NULL, 0).payload), 0);
}

static void bad_programs(void) {
    for (int number = 0; number < 12; number++) {
        talk_armed(&fake, START_US);
        size = 0;
        begin(1);
        pulse_step(RELAY1, 50);
        switch (number) {
        case 0:
            pulse_step(RELAY1, 10001);
            break;
        case 1:
            pulse_step(99, 1);
            break;
        case 2:
            pulse_step(SERVO, 1);
            break;
        case 3:
            wait_step(0);
            break;
        case 4:
            loop_step(2); // no NEXT
            break;
        case 5:
            next_step(); // no LOOP
            break;
        case 6:
            loop_step(2); // takes no time
            next_step();
            break;
        case 7:
            loop_step(1);
            loop_step(1);
            loop_step(1);
            wait_step(10);
            next_step();
            next_step();
            next_step();
            break;
        case 8:
            loop_step(11); // 11 minutes
            wait_step(60000);
            next_step();
            break;
        case 9:
            memory[size++] = 0x55; // no step
            break;
        case 10:
            memory[size++] = CUE_STEP_DO | 10; // cut off
            break;
        default:
            finish();
            begin(1); // the number again
            break;
        }
        finish();
        CHECK_EQUAL(upload_and_commit(), CUE_NAK_OUT_OF_RANGE);
        CHECK_EQUAL(start(1, 0), CUE_NAK_OUT_OF_RANGE);
    }
    const uint8_t past[3] = {CUE_SEQUENCE_BYTES & 0xFF, CUE_SEQUENCE_BYTES >> 8, 0};
    CHECK_EQUAL(request(&fake, CUE_SEQUENCE_WRITE, past, 3), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(request(&fake, CUE_SEQUENCE_WRITE, past, 2), CUE_NAK_BAD_LENGTH);
}

static void ways_to_end(void) {
    for (int way = 0; way < 4; way++) {
        uint8_t nonce[4];
        talk_armed(&fake, START_US);
        size = 0;
        begin(7);
        loop_step(100);
        pulse_step(RELAY1, 400);
        pulse_step(LAMP, 400);
        wait_step(500);
        next_step();
        finish();
        CHECK_EQUAL(upload_and_commit(), 0);
        CHECK_EQUAL(start(7, 0), 0);
        beat_for(&fake, 600);
        CHECK(fake.driven[RELAY1] != 0 && fake.driven[LAMP] != 0);
        CHECK_EQUAL(set(&fake, RELAY1, 1, 0), CUE_NAK_BUSY);
        CHECK_EQUAL(pulse(&fake, RELAY2, 10), 0); // which it does not use
        fake.output_size = 0;
        cue_write_u32(nonce, fake.host.device.nonce);
        switch (way) {
        case 0:
            CHECK_EQUAL(request(&fake, CUE_ESTOP, NULL, 0), 0);
            break;
        case 1:
            CHECK_EQUAL(request(&fake, CUE_DISARM, NULL, 0), 0);
            break;
        case 2:
            fake_run(&fake, 505); // the host fell silent
            break;
        default:
            CHECK_EQUAL(off(&fake, LAMP), 0);
            break;
        }
        CHECK(fake.driven[RELAY1] == 0 && fake.driven[LAMP] == 0);
        fake_run(&fake, 10);
        CHECK(told(&fake, CUE_EVENT_SEQUENCE, 7, CUE_SEQUENCE_STOPPED));
        unsigned edges = fake.on_edges[RELAY1];
        if (way == 0) {
            CHECK_EQUAL(request(&fake, CUE_ESTOP_CLEAR, nonce, 4), 0);
        }
        CHECK_EQUAL(request(&fake, CUE_ARM, nonce, 4), 0);
        beat_for(&fake, 1500);
        CHECK_EQUAL(fake.on_edges[RELAY1], edges); // it does not go on
        CHECK(fake.host.violation == NULL);
    }
}

static void refused_steps(void) {
    talk_armed(&fake, START_US);
    size = 0;
    begin(0);
    pulse_step(RELAY1, 100);
    wait_step(50);
    pulse_step(RELAY1, 100); // while it is on
    pulse_step(SOLENOID, 10);     // locked
    wait_step(100);
    pulse_step(LAMP, 10);
    finish();
    CHECK_EQUAL(upload_and_commit(), 0);
    CHECK_EQUAL(start(0, 0), 0);
    beat_for(&fake, 400);
    CHECK_EQUAL(fake.on_edges[RELAY1], 1);
    CHECK_EQUAL(fake.on_edges[SOLENOID], 0);
    CHECK_EQUAL(fake.on_edges[LAMP], 1);
    said_t said = ask(&fake, CUE_COUNTERS_READ, NULL, 0);
    CHECK_EQUAL(cue_read_u16(said.payload + 33), 2);
    CHECK(fake.host.violation == NULL);
}

static void start_times(void) {
    talk_armed(&fake, START_US);
    a_show();
    CHECK_EQUAL(upload_and_commit(), 0);
    beat_for(&fake, 1000);
    CHECK_EQUAL(start(2, 0), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(start(1, uptime_ms() + 10001), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(start(1, uptime_ms() - 21), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(start(1, uptime_ms() - 20), 0);
    fake_step(&fake);
    CHECK(fake.driven[RELAY1] != 0);
    CHECK_EQUAL(request(&fake, CUE_DISARM, NULL, 0), 0);
    CHECK_EQUAL(start(1, 0), CUE_NAK_NOT_ARMED);
}

static void clocks_agree(void) {
    const uint64_t starts[] = {1000, 0xFFFFFFFFu - 70000u, 3 * (uint64_t)0xFFFFFFFFu};
    for (size_t index = 0; index < 3; index++) {
        talk_armed(&fake, starts[index]);
        for (int round = 0; round < 100; round++) {
            said_t said = ask(&fake, CUE_CLOCK_READ, NULL, 0);
            CHECK_EQUAL(said.type, CUE_CLOCK);
            uint64_t uptime_us = fake.time_us - starts[index];
            CHECK_EQUAL(cue_read_u32(said.payload), (uint32_t)uptime_us);
            CHECK_EQUAL(cue_read_u32(said.payload + 4), uptime_us / 1000);
            fake.time_us += 777;
            fake_step(&fake);
        }
    }
}

const cue_test_t cue_sequence_tests[] = {
    {"a program with loops keeps its times", timeline},
    {"programs survive power-off, and damage is noticed", survives_power},
    {"what is no valid program is not committed", bad_programs},
    {"the E-stop, disarming, silence and OFF end a program with its outputs off", ways_to_end},
    {"a refused step is counted and the program goes on", refused_steps},
    {"a program starts at its time, and not long before or after", start_times},
    {"the board's two clocks agree, also over a wrap-around", clocks_agree},
    {NULL, NULL},
};
