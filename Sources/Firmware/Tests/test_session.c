// Conversations with a fake board: arming, beats, duplicates, every refusal, E-stop, identity,
// counters.
#include "cue_bytes.h" // little-endian fields
#include "talk.h"      // the host's half
#include "test.h"      // CHECK
#include <string.h>    // memcmp

static fake_t fake;
static const uint64_t START_US = 5000000;

static void check_state(uint8_t state) {
    CHECK_EQUAL(fake.host.device.state & CUE_STATE_MASK, state);
}

static bool event_came(uint8_t kind, uint8_t channel, int16_t value) {
    said_t said;
    while (talk_next(&fake, &said)) {
        if (said.type == CUE_EVENT && said.payload[0] == kind && said.payload[1] == channel &&
            (int16_t)cue_read_u16(said.payload + 2) == value) {
            return true;
        }
    }
    return false;
}

static void hello_at_boot(void) {
    said_t said;
    fake_init(&fake, START_US);
    fake_boot(&fake, CUE_RESET_POWER_ON, 0xBEEF);
    CHECK(talk_next(&fake, &said));
    CHECK_EQUAL(said.type, CUE_HELLO);
    CHECK_EQUAL(said.seq, 0);
    CHECK_EQUAL(said.payload_size, CUE_HELLO_SIZE);
    CHECK_EQUAL(said.payload[0], 1);
    CHECK_EQUAL(cue_read_u32(said.payload + 1), 0xBEEF0001u);
    CHECK_EQUAL(cue_read_u32(said.payload + 5), CUE_MANIFEST_CRC32);
    CHECK_EQUAL(cue_read_u16(said.payload + 9), CUE_MANIFEST_SIZE);
    CHECK_EQUAL(cue_read_u32(said.payload + 11), CUE_BUILD);
    for (size_t index = 0; index < 8; index++) {
        CHECK_EQUAL(said.payload[15 + index], 0xFF);
    }
    CHECK_EQUAL(said.payload[23], CUE_RESET_POWER_ON);
    CHECK_EQUAL(said.payload[24], CUE_SAFE | CUE_STATE_UID_BLANK);
    CHECK(fake.host.violation == NULL);

    said_t again = talk(&fake, CUE_HELLO_REQUEST, 77, NULL, 0);
    CHECK_EQUAL(again.type, CUE_HELLO);
    CHECK_EQUAL(again.seq, 77);
    CHECK(memcmp(again.payload, said.payload, CUE_HELLO_SIZE) == 0);
}

static void nonce_differs(void) {
    static uint32_t seen[300];
    fake_init(&fake, START_US);
    for (size_t boot = 0; boot < 300; boot++) {
        fake_boot(&fake, CUE_RESET_PIN, 0); // no entropy at all
        seen[boot] = fake.host.device.nonce;
        CHECK_EQUAL(fake.host.device.counters.boots, boot + 1);
        for (size_t before = 0; before < boot; before++) {
            CHECK(seen[before] != seen[boot]);
        }
    }
}

static void boot_counter_survives_power_cut(void) {
    // A cut while the boot counter is written costs at most that one number.
    for (unsigned cut = 0; cut <= 6; cut++) {
        fake_init(&fake, START_US);
        for (int boot = 0; boot < 20; boot++) {
            fake_boot(&fake, CUE_RESET_PIN, 0);
        }
        uint8_t before[CUE_STORE_SIZE], after[CUE_STORE_SIZE];
        memcpy(before, fake.host.store, sizeof before);
        fake_boot(&fake, CUE_RESET_PIN, 0);
        memcpy(after, fake.host.store, sizeof after);
        memcpy(fake.host.store, before, sizeof before);
        for (unsigned at = 0, written = 0; at < CUE_STORE_SIZE && written < cut; at++) {
            if (before[at] != after[at]) {
                fake.host.store[at] = after[at];
                written++;
            }
        }
        fake_boot(&fake, CUE_RESET_PIN, 0);
        CHECK(fake.host.device.counters.boots == 21 || fake.host.device.counters.boots == 22);
    }
}

static void manifest_in_chunks(void) {
    static uint8_t text[4096];
    static const uint8_t expected[CUE_MANIFEST_SIZE] = CUE_MANIFEST_BYTES;
    size_t size = 0;
    talk_armed(&fake, START_US);
    for (int chunk = 0; chunk < 100; chunk++) {
        uint8_t offset[2];
        cue_write_u16(offset, (uint16_t)size);
        said_t said = ask(&fake, CUE_MANIFEST_READ, offset, sizeof offset);
        CHECK_EQUAL(said.type, CUE_MANIFEST_CHUNK);
        CHECK_EQUAL(cue_read_u16(said.payload), size);
        if (said.payload_size == 2) {
            break;
        }
        memcpy(text + size, said.payload + 2, said.payload_size - 2);
        size += said.payload_size - 2;
    }
    CHECK_EQUAL(size, CUE_MANIFEST_SIZE);
    CHECK(memcmp(text, expected, size) == 0);
    CHECK(size <= 2400);
    const uint8_t past[2] = {0xFF, 0xFF};
    said_t said = ask(&fake, CUE_MANIFEST_READ, past, sizeof past);
    CHECK_EQUAL(said.type, CUE_NAK);
    CHECK_EQUAL(said.payload[0], CUE_NAK_OUT_OF_RANGE);
}

static void commands_need_arming(void) {
    fake_init(&fake, START_US);
    fake_boot(&fake, CUE_RESET_PIN, 1);
    CHECK_EQUAL(pulse(&fake, RELAY1, 100), CUE_NAK_NOT_ARMED);
    CHECK_EQUAL(off(&fake, RELAY1), CUE_NAK_NOT_ARMED);
    uint8_t nonce[4];
    cue_write_u32(nonce, fake.host.device.nonce + 1);
    said_t said = ask(&fake, CUE_ARM, nonce, 4);
    CHECK_EQUAL(said.type, CUE_NAK);
    CHECK_EQUAL(said.payload[0], CUE_NAK_WRONG_NONCE);
    CHECK_HELPER(check_state(CUE_SAFE));
    cue_write_u32(nonce, fake.host.device.nonce);
    said = ask(&fake, CUE_ARM, nonce, 4);
    CHECK_EQUAL(said.type, CUE_ACK);
    CHECK_EQUAL(said.payload[0] & CUE_STATE_MASK, CUE_ARMED);
    CHECK_EQUAL(pulse(&fake, RELAY1, 100), 0);
    CHECK_EQUAL(fake.driven[RELAY1], 1);
    said = ask(&fake, CUE_DISARM, NULL, 0);
    CHECK_EQUAL(said.type, CUE_ACK);
    CHECK_EQUAL(cue_read_u16(said.payload + 1), 0);
    CHECK_EQUAL(fake.driven[RELAY1], 0);
    CHECK_HELPER(check_state(CUE_SAFE));
}

static void silence_disarms(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(set(&fake, RELAY1, 1, 0), 0);
    fake_run(&fake, 499);
    CHECK_EQUAL(fake.driven[RELAY1], 1);
    fake_run(&fake, 2);
    CHECK_EQUAL(fake.driven[RELAY1], 0);
    CHECK_HELPER(check_state(CUE_SAFE));
    CHECK_EQUAL(fake.host.device.state & CUE_STATE_LINK_LOST, CUE_STATE_LINK_LOST);
    CHECK_EQUAL(fake.host.device.counters.link_losses, 1);
    fake_run(&fake, 5);
    CHECK(event_came(CUE_EVENT_FAULT, 255, CUE_FAULT_LINK_LOST));
    CHECK_EQUAL(pulse(&fake, RELAY1, 10), CUE_NAK_NOT_ARMED);
}

static void any_valid_frame_is_a_beat(void) {
    talk_armed(&fake, START_US);
    for (int round = 0; round < 5; round++) {
        fake_run(&fake, 400);
        CHECK_EQUAL(ask(&fake, 0x55, NULL, 0).type, CUE_NAK);
    }
    CHECK_HELPER(check_state(CUE_ARMED));
    // A damaged one is not.
    const uint8_t damaged[] = {0, 5, 5, 1, 2, 3, 0};
    fake_run(&fake, 400);
    fake_put(&fake, damaged, sizeof damaged);
    fake_run(&fake, 110);
    CHECK_HELPER(check_state(CUE_SAFE));
}

static void beats_keep_it_armed(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(set(&fake, LAMP, 1, 0), 0);
    beat_for(&fake, 20000);
    CHECK_HELPER(check_state(CUE_ARMED));
    CHECK_EQUAL(fake.driven[LAMP], 1);
    CHECK(fake.host.violation == NULL);
}

static void duplicates_are_replayed(void) {
    const uint8_t payload[] = {RELAY1, CUE_OP_PULSE, 50, 0};
    talk_armed(&fake, START_US);
    said_t first = talk(&fake, CUE_COMMAND, 9, payload, sizeof payload);
    CHECK_EQUAL(first.type, CUE_ACK);
    fake_run(&fake, 200); // the pulse and its pause are over: executing again would be possible
    for (int repeat = 0; repeat < 5; repeat++) {
        said_t again = talk(&fake, CUE_COMMAND, 9, payload, sizeof payload);
        CHECK_EQUAL(again.type, CUE_ACK);
        CHECK(memcmp(again.payload, first.payload, first.payload_size) == 0);
    }
    CHECK_EQUAL(fake.on_edges[RELAY1], 1);
    CHECK_EQUAL(fake.host.device.counters.duplicates, 5);
    CHECK_EQUAL(fake.host.device.counters.executed, 1);
    // The same seq with other bytes is another frame.
    const uint8_t other[] = {RELAY2, CUE_OP_PULSE, 50, 0};
    CHECK_EQUAL(talk(&fake, CUE_COMMAND, 9, other, sizeof other).type, CUE_ACK);
    CHECK_EQUAL(fake.on_edges[RELAY2], 1);
}

static void naks_are_replayed(void) {
    const uint8_t payload[] = {RELAY1, CUE_OP_PULSE, 50, 0};
    talk_armed(&fake, START_US);
    CHECK_EQUAL(talk(&fake, CUE_COMMAND, 1, payload, sizeof payload).type, CUE_ACK);
    CHECK_EQUAL(talk(&fake, CUE_COMMAND, 2, payload, sizeof payload).type, CUE_NAK);
    fake_run(&fake, 200);
    CHECK_EQUAL(talk(&fake, CUE_COMMAND, 2, payload, sizeof payload).type, CUE_NAK);
    CHECK_EQUAL(fake.on_edges[RELAY1], 1);
    CHECK_EQUAL(fake.host.device.counters.naks, 1);
}

static void memory_is_bounded(void) {
    const uint8_t payload[] = {RELAY1, CUE_OP_PULSE, 20, 0};
    talk_armed(&fake, START_US);
    CHECK_EQUAL(talk(&fake, CUE_COMMAND, 9, payload, sizeof payload).type, CUE_ACK);
    fake_run(&fake, 100);
    for (uint8_t seq = 10; seq < 17; seq++) { // seven more: still remembered
        CHECK_EQUAL(talk(&fake, CUE_BEAT, seq, NULL, 0).type, CUE_ACK);
    }
    CHECK_EQUAL(talk(&fake, CUE_COMMAND, 9, payload, sizeof payload).type, CUE_ACK);
    CHECK_EQUAL(fake.on_edges[RELAY1], 1);
    CHECK_EQUAL(talk(&fake, CUE_BEAT, 17, NULL, 0).type, CUE_ACK);
    // 256 frames later the same seq and bytes are a new command.
    CHECK_EQUAL(talk(&fake, CUE_COMMAND, 9, payload, sizeof payload).type, CUE_ACK);
    CHECK_EQUAL(fake.on_edges[RELAY1], 2);
}

static void hello_request_forgets(void) {
    const uint8_t payload[] = {RELAY1, CUE_OP_PULSE, 20, 0};
    talk_armed(&fake, START_US);
    CHECK_EQUAL(talk(&fake, CUE_COMMAND, 1, payload, sizeof payload).type, CUE_ACK);
    fake_run(&fake, 100);
    CHECK_EQUAL(talk(&fake, CUE_HELLO_REQUEST, 0, NULL, 0).type, CUE_HELLO);
    CHECK_EQUAL(talk(&fake, CUE_COMMAND, 1, payload, sizeof payload).type, CUE_ACK);
    CHECK_EQUAL(fake.on_edges[RELAY1], 2);
}

static void estop_latches(void) {
    uint8_t nonce[4];
    talk_armed(&fake, START_US);
    cue_write_u32(nonce, fake.host.device.nonce);
    CHECK_EQUAL(set(&fake, RELAY1, 1, 0), 0);
    CHECK_EQUAL(target(&fake, 9000, 0), 0);
    CHECK_EQUAL(drive(&fake, 700, 0), 0);
    CHECK_EQUAL(tone(&fake, 440, 0), 0);
    CHECK_EQUAL(fill(&fake, 200, 0, 8, 0), 0);
    said_t said = talk(&fake, CUE_ESTOP, 3, NULL, 0);
    CHECK_EQUAL(said.type, CUE_ACK);
    CHECK_EQUAL(said.payload[0] & CUE_STATE_MASK, CUE_ESTOPPED);
    CHECK_EQUAL(cue_read_u16(said.payload + 1), 0);
    for (size_t channel = 0; channel < CUE_CHANNEL_COUNT; channel++) {
        CHECK_EQUAL(fake.driven[channel], 0);
    }
    for (size_t at = 0; at < sizeof fake.shown; at++) {
        CHECK_EQUAL(fake.shown[at], 0);
    }
    CHECK_EQUAL(pulse(&fake, RELAY1, 10), CUE_NAK_ESTOPPED);
    said = ask(&fake, CUE_ARM, nonce, 4);
    CHECK_EQUAL(said.payload[0], CUE_NAK_ESTOPPED);
    CHECK_EQUAL(ask(&fake, CUE_DISARM, NULL, 0).type, CUE_ACK);
    CHECK_HELPER(check_state(CUE_ESTOPPED));
    fake_run(&fake, 2000);
    CHECK_HELPER(check_state(CUE_ESTOPPED));
    nonce[0] ^= 1;
    CHECK_EQUAL(ask(&fake, CUE_ESTOP_CLEAR, nonce, 4).payload[0], CUE_NAK_WRONG_NONCE);
    CHECK_HELPER(check_state(CUE_ESTOPPED));
    nonce[0] ^= 1;
    CHECK_EQUAL(ask(&fake, CUE_ESTOP_CLEAR, nonce, 4).type, CUE_ACK);
    CHECK_HELPER(check_state(CUE_SAFE));
    CHECK_EQUAL(pulse(&fake, RELAY1, 10), CUE_NAK_NOT_ARMED);
    CHECK_EQUAL(ask(&fake, CUE_ARM, nonce, 4).type, CUE_ACK);
    CHECK_EQUAL(pulse(&fake, RELAY1, 10), 0);
    CHECK(fake.host.violation == NULL);
}

static void estop_works_unarmed(void) {
    fake_init(&fake, START_US);
    fake_boot(&fake, 0, 0);
    CHECK_EQUAL(talk(&fake, CUE_ESTOP, 200, NULL, 0).type, CUE_ACK);
    CHECK_HELPER(check_state(CUE_ESTOPPED));
    // Again with the same seq: carried out, not replayed.
    CHECK_EQUAL(talk(&fake, CUE_ESTOP, 200, NULL, 0).type, CUE_ACK);
    CHECK_EQUAL(fake.host.device.counters.duplicates, 0);
}

static void lengths_are_exact(void) {
    static const uint8_t sizes[][2] = {
        {CUE_HELLO_REQUEST, 0}, {CUE_MANIFEST_READ, 2}, {CUE_ARM, 4},
        {CUE_DISARM, 0},        {CUE_BEAT, 0},          {CUE_ESTOP, 0},
        {CUE_ESTOP_CLEAR, 4},   {CUE_COUNTERS_READ, 0}, {CUE_IDENTITY_WRITE, 8}};
    uint8_t payload[CUE_PAYLOAD_SIZE_MAX] = {0};
    talk_armed(&fake, START_US);
    for (size_t type = 0; type < sizeof sizes / sizeof *sizes; type++) {
        for (size_t size = 0; size <= CUE_PAYLOAD_SIZE_MAX; size++) {
            if (size != sizes[type][1]) {
                said_t said = ask(&fake, sizes[type][0], payload, size);
                CHECK_EQUAL(said.type, CUE_NAK);
                CHECK_EQUAL(said.payload[0], CUE_NAK_BAD_LENGTH);
            }
        }
    }
    CHECK_HELPER(check_state(CUE_ARMED));
    static const uint8_t arguments[] = {0, 3, 2, 4, 4, 4, 7, 0};
    static const uint8_t channels[] = {0, RELAY1, RELAY1, SERVO, MOTOR, BUZZER, STRIP, RELAY1};
    for (uint8_t operation = CUE_OP_SET; operation <= CUE_OP_OFF; operation++) {
        for (size_t size = 0; size <= 42; size++) {
            if (size != arguments[operation]) {
                CHECK_EQUAL(command(&fake, channels[operation], operation, payload, size),
                            CUE_NAK_BAD_LENGTH);
            }
        }
    }
    CHECK_EQUAL(ask(&fake, CUE_COMMAND, payload, 1).payload[0], CUE_NAK_BAD_LENGTH);
    CHECK_EQUAL(ask(&fake, CUE_COMMAND, payload, 0).payload[0], CUE_NAK_BAD_LENGTH);
}

static void unknown_types(void) {
    talk_armed(&fake, START_US);
    for (unsigned type = 0; type < 256; type++) {
        if (type < CUE_HELLO_REQUEST || type > CUE_CLOCK_READ) {
            said_t said = ask(&fake, (uint8_t)type, NULL, 0);
            CHECK_EQUAL(said.type, CUE_NAK);
            CHECK_EQUAL(said.payload[0], CUE_NAK_UNKNOWN_TYPE);
        }
    }
}

static void bad_channels_and_operations(void) {
    uint8_t arguments[8] = {0};
    talk_armed(&fake, START_US);
    for (unsigned channel = CUE_CHANNEL_COUNT; channel < 256; channel++) {
        CHECK_EQUAL(off(&fake, (uint8_t)channel), CUE_NAK_BAD_CHANNEL);
    }
    for (unsigned operation = 0; operation < 256; operation++) {
        CHECK_EQUAL(command(&fake, BUTTON, (uint8_t)operation, arguments, 3),
                    CUE_NAK_BAD_OPERATION);
        if (operation == 0 || operation > CUE_OP_OFF) {
            CHECK_EQUAL(command(&fake, RELAY1, (uint8_t)operation, arguments, 3),
                        CUE_NAK_BAD_OPERATION);
        }
    }
    CHECK_EQUAL(command(&fake, SERVO, CUE_OP_SET, arguments, 3), CUE_NAK_BAD_OPERATION);
    CHECK_EQUAL(command(&fake, STRIP, CUE_OP_DRIVE, arguments, 4), CUE_NAK_BAD_OPERATION);
}

static void identity(void) {
    const uint8_t uid[8] = {1, 2, 3, 4, 5, 6, 7, 8}, other[8] = {8, 7, 6, 5, 4, 3, 2, 1};
    const uint8_t zeros[8] = {0}, ones[8] = {255, 255, 255, 255, 255, 255, 255, 255};
    talk_armed(&fake, START_US);
    CHECK_EQUAL(ask(&fake, CUE_IDENTITY_WRITE, zeros, 8).payload[0], CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(ask(&fake, CUE_IDENTITY_WRITE, ones, 8).payload[0], CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(set(&fake, LAMP, 1, 0), 0);
    CHECK_EQUAL(ask(&fake, CUE_IDENTITY_WRITE, uid, 8).payload[0], CUE_NAK_BUSY);
    CHECK_EQUAL(off(&fake, LAMP), 0);
    CHECK_EQUAL(ask(&fake, CUE_IDENTITY_WRITE, uid, 8).type, CUE_ACK);
    CHECK_EQUAL(fake.host.device.state & CUE_STATE_UID_BLANK, 0);
    CHECK_EQUAL(ask(&fake, CUE_IDENTITY_WRITE, other, 8).payload[0], CUE_NAK_NOT_BLANK);
    CHECK_EQUAL(ask(&fake, CUE_DISARM, NULL, 0).type, CUE_ACK);
    unsigned writes = fake.host.store_writes;
    CHECK_EQUAL(ask(&fake, CUE_IDENTITY_WRITE, uid, 8).type, CUE_ACK); // nothing to write
    CHECK_EQUAL(fake.host.store_writes, writes);
    CHECK_EQUAL(ask(&fake, CUE_IDENTITY_WRITE, other, 8).type, CUE_ACK);
    fake_boot(&fake, CUE_RESET_PIN, 3);
    said_t said = ask(&fake, CUE_HELLO_REQUEST, NULL, 0);
    CHECK(memcmp(said.payload + 15, other, 8) == 0);
    CHECK_EQUAL(said.payload[24] & CUE_STATE_UID_BLANK, 0);
}

static void counters(void) {
    const uint8_t bad_crc[] = {0, 5, 5, 1, 2, 3, 0}, bad_framing[] = {0, 9, 5, 0};
    talk_armed(&fake, START_US);
    fake_put(&fake, bad_crc, sizeof bad_crc);
    fake_put(&fake, bad_framing, sizeof bad_framing);
    fake.errors = (cue_uart_errors_t){.overruns = 3, .ring_overflows = 4, .framing = 5};
    fake_run(&fake, 2);
    (void)pulse(&fake, RELAY1, 10);
    (void)pulse(&fake, RELAY1, 10);
    said_t said = ask(&fake, CUE_COUNTERS_READ, NULL, 0);
    CHECK_EQUAL(said.type, CUE_COUNTERS);
    CHECK_EQUAL(said.payload_size, CUE_COUNTERS_SIZE);
    const unsigned expected[] = {1, 6, 3, 4, 0, 1, 0, 0, 0};
    for (size_t index = 0; index < 9; index++) {
        CHECK_EQUAL(cue_read_u16(said.payload + 2 * index), expected[index]);
    }
    CHECK_EQUAL(cue_read_u32(said.payload + 18), 1);
    CHECK_EQUAL(said.payload[24], CUE_RESET_PIN);
    CHECK_EQUAL(cue_read_u32(said.payload + 25), (fake.time_us - START_US) / 1000);
    CHECK_EQUAL(cue_read_u32(said.payload + 29), 1);
    fake.errors.overruns = 65000;
    fake_run(&fake, 2);
    fake.errors.overruns = 65000;
    fake_run(&fake, 2);
    CHECK_EQUAL(fake.host.device.counters.overruns, 65535);
}

static void full_line(void) {
    talk_armed(&fake, START_US);
    fake.line_full = true;
    CHECK_EQUAL(pulse(&fake, RELAY1, 10), 255); // executed, but the answer is lost
    CHECK_EQUAL(fake.on_edges[RELAY1], 1);
    CHECK_EQUAL(fake.host.device.counters.transmit_drops, 1);
    for (int change = 0; change < 20; change++) {
        fake.host.pressed = !fake.host.pressed;
        fake_run(&fake, 20);
    }
    fake.host.pressed = true;
    fake_run(&fake, 40);
    CHECK(fake.host.device.event_count <= CUE_EVENTS_MAX);
    fake.line_full = false;
    fake_run(&fake, 40);
    // Whatever was lost, the last level arrives.
    said_t said;
    int16_t last = -1;
    while (talk_next(&fake, &said)) {
        if (said.type == CUE_EVENT && said.payload[0] == CUE_EVENT_INPUT) {
            last = (int16_t)cue_read_u16(said.payload + 2);
        }
    }
    CHECK_EQUAL(last, 1);
}

static void boot_faults(void) {
    fake_init(&fake, START_US);
    fake_boot(&fake, CUE_RESET_WATCHDOG | CUE_RESET_HANG, 0);
    fake_run(&fake, 3);
    CHECK(event_came(CUE_EVENT_FAULT, 255, CUE_FAULT_WATCHDOG));
    fake_boot(&fake, CUE_RESET_BROWN_OUT, 0);
    fake_run(&fake, 3);
    CHECK(event_came(CUE_EVENT_FAULT, 255, CUE_FAULT_BROWN_OUT));
}

static void clock_goes_back(void) {
    talk_armed(&fake, START_US);
    fake_run(&fake, 10);
    uint32_t before_ms = fake.host.device.clock.ms;
    fake.time_us -= 1024;
    fake_step(&fake);
    CHECK_EQUAL(fake.host.device.clock.ms, before_ms);
    check_state(CUE_ARMED);
    fake_run(&fake, 100);
    CHECK(fake.host.device.clock.ms - before_ms <= 101);
    check_state(CUE_ARMED);
}

const cue_test_t cue_session_tests[] = {
    {"a board says HELLO at boot and when asked", hello_at_boot},
    {"the boot nonce differs without any entropy", nonce_differs},
    {"a power cut while counting boots costs one number at most", boot_counter_survives_power_cut},
    {"the manifest is read in chunks", manifest_in_chunks},
    {"commands need arming with this boot's nonce", commands_need_arming},
    {"500 ms of silence make every output safe", silence_disarms},
    {"every valid frame is a beat and a damaged one is not", any_valid_frame_is_a_beat},
    {"beats keep a board armed", beats_keep_it_armed},
    {"a resent command is answered and not executed again", duplicates_are_replayed},
    {"a refusal is replayed too", naks_are_replayed},
    {"an answer is forgotten after eight frames", memory_is_bounded},
    {"HELLO_REQUEST empties the memory of answers", hello_request_forgets},
    {"the E-stop drops every output and latches", estop_latches},
    {"the E-stop works on an unarmed board and is never replayed", estop_works_unarmed},
    {"payload and argument lengths are exact", lengths_are_exact},
    {"unknown requests are refused", unknown_types},
    {"unknown channels and operations are refused", bad_channels_and_operations},
    {"the uid is written when it may be, once", identity},
    {"the counters count and saturate", counters},
    {"a full line loses answers but not the last button level", full_line},
    {"a reset by the watchdog or a brown-out is reported", boot_faults},
    {"a clock that goes back a little is waited for", clock_goes_back},
    {NULL, NULL},
};
