// The safety floor of every kind of channel, on a simulated clock that also passes its wrap-around.
#include "cue_bytes.h" // little-endian fields
#include "talk.h"      // the host's half
#include "test.h"      // CHECK

static fake_t fake;
static const uint64_t START_US = 5000000;

static void pulse_length(void) {
    // 1 ms before the 32-bit microseconds wrap, and 1 ms before the milliseconds do.
    const uint64_t starts[] = {START_US, 0xFFFFFFFFu - 1000u, 4294967295000u - 1000u};
    for (size_t index = 0; index < 3; index++) {
        talk_armed(&fake, starts[index]);
        CHECK_EQUAL(pulse(&fake, RELAY1, 250), 0);
        uint64_t on = fake.time_us;
        beat_for(&fake, 400);
        CHECK_EQUAL(fake.on_edges[RELAY1], 1);
        CHECK_EQUAL(fake.off_us[RELAY1] - on, 250000);
        CHECK_EQUAL(fake.host.device.counters.max_on_cuts, 0);
        CHECK(fake.host.violation == NULL);
    }
}

static void longest_on_time(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(set(&fake, RELAY1, 1, 0), 0);
    CHECK_EQUAL(target(&fake, 0, 0), 0);
    CHECK_EQUAL(drive(&fake, 1000, 0), 0);
    CHECK_EQUAL(tone(&fake, 100, 0), 0);
    CHECK_EQUAL(fill(&fake, 255, 0, 1, 0), 0);
    beat_for(&fake, 4900);
    CHECK_EQUAL(fake.driven[MOTOR], 1000);
    beat_for(&fake, 200);
    CHECK_EQUAL(fake.driven[MOTOR], 0);
    CHECK_EQUAL(fake.driven[BUZZER], 0);
    CHECK_EQUAL(fake.driven[RELAY1], 1);
    beat_for(&fake, 5000);
    CHECK_EQUAL(fake.driven[RELAY1], 0);
    CHECK_EQUAL(fake.driven[SERVO], 0);
    beat_for(&fake, 50000);
    CHECK_EQUAL(fake.driven[STRIP], 0);
    CHECK_EQUAL(fake.host.device.counters.max_on_cuts, 5);
    CHECK_EQUAL(fake.host.device.state & CUE_STATE_FAULT, CUE_STATE_FAULT);
    CHECK(fake.host.violation == NULL);
}

static void fresh_commands(void) {
    talk_armed(&fake, START_US);
    for (int round = 0; round < 10; round++) {
        CHECK_EQUAL(set(&fake, RELAY1, 1, 0), 0);
        beat_for(&fake, 9000);
    }
    CHECK_EQUAL(fake.on_edges[RELAY1], 1);
    CHECK_EQUAL(fake.driven[RELAY1], 1);
    CHECK_EQUAL(set(&fake, RELAY1, 1, 100), 0); // a shorter time counts too
    beat_for(&fake, 101);
    CHECK_EQUAL(fake.driven[RELAY1], 0);
    CHECK_EQUAL(fake.host.device.counters.max_on_cuts, 0);
    CHECK(fake.host.violation == NULL);
}

static void shortest_pause(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(set(&fake, RELAY1, 1, 0), 0);
    beat_for(&fake, 100);
    CHECK_EQUAL(set(&fake, RELAY1, 0, 0), 0);
    CHECK_EQUAL(set(&fake, RELAY1, 1, 0), CUE_NAK_BUSY);
    CHECK_EQUAL(talk_remaining_ms, 20);
    fake_run(&fake, 19);
    CHECK_EQUAL(pulse(&fake, RELAY1, 5), CUE_NAK_BUSY);
    CHECK_EQUAL(talk_remaining_ms, 1);
    CHECK_EQUAL(off(&fake, RELAY1),
                0); // off is always possible, and does not make the pause longer
    fake_run(&fake, 1);
    CHECK_EQUAL(pulse(&fake, RELAY1, 5), 0);
    // The pause holds over disarming.
    CHECK_EQUAL(ask(&fake, CUE_DISARM, NULL, 0).type, CUE_ACK);
    uint8_t nonce[4];
    cue_write_u32(nonce, fake.host.device.nonce);
    CHECK_EQUAL(ask(&fake, CUE_ARM, nonce, 4).type, CUE_ACK);
    CHECK_EQUAL(pulse(&fake, RELAY1, 5), CUE_NAK_BUSY);
    CHECK(fake.host.violation == NULL);
}

static void pulse_is_not_disturbed(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(pulse(&fake, RELAY1, 200), 0);
    fake_run(&fake, 50);
    CHECK_EQUAL(pulse(&fake, RELAY1, 200), CUE_NAK_BUSY);
    CHECK_EQUAL(talk_remaining_ms, 170); // what is left, and the pause
    CHECK_EQUAL(set(&fake, RELAY1, 1, 0), CUE_NAK_BUSY);
    CHECK_EQUAL(pulse(&fake, RELAY2, 10), 0); // another channel is free
    CHECK_EQUAL(set(&fake, RELAY1, 0, 0), 0);
    CHECK_EQUAL(fake.driven[RELAY1], 0);
    fake_run(&fake, 20);
    CHECK_EQUAL(set(&fake, RELAY1, 1, 0), 0);
    CHECK_EQUAL(pulse(&fake, RELAY1, 10), CUE_NAK_BUSY);
    CHECK_EQUAL(talk_remaining_ms, 10020);
    CHECK(fake.host.violation == NULL);
}

static void ranges(void) {
    talk_armed(&fake, START_US);
    const int refused = CUE_NAK_OUT_OF_RANGE;
    CHECK_EQUAL(set(&fake, RELAY1, 2, 0), refused);
    CHECK_EQUAL(set(&fake, RELAY1, 0, 1), refused);
    CHECK_EQUAL(set(&fake, RELAY1, 1, 10001), refused);
    CHECK_EQUAL(pulse(&fake, RELAY1, 0), refused);
    CHECK_EQUAL(pulse(&fake, RELAY1, 10001), refused);
    CHECK_EQUAL(target(&fake, 18001, 0), refused);
    CHECK_EQUAL(target(&fake, 65535, 0), refused);
    CHECK_EQUAL(target(&fake, 9000, 10001), refused);
    CHECK_EQUAL(drive(&fake, 1001, 0), refused);
    CHECK_EQUAL(drive(&fake, -1001, 0), refused);
    CHECK_EQUAL(drive(&fake, -32768, 0), refused);
    CHECK_EQUAL(drive(&fake, 0, 1), refused);
    CHECK_EQUAL(drive(&fake, 10, 5001), refused);
    CHECK_EQUAL(tone(&fake, 99, 0), refused);
    CHECK_EQUAL(tone(&fake, 5001, 0), refused);
    CHECK_EQUAL(tone(&fake, 0, 0), refused);
    CHECK_EQUAL(fill(&fake, 255, 0, 9, 0), refused);
    CHECK_EQUAL(fill(&fake, 255, 8, 1, 0), refused);
    CHECK_EQUAL(fill(&fake, 255, 255, 255, 0), refused);
    CHECK_EQUAL(fill(&fake, 255, 250, 8, 0), refused); // 258 modulo 256 would fit
    CHECK_EQUAL(fill(&fake, 255, 0, 0, 0), refused);
    CHECK_EQUAL(fill(&fake, 255, 0, 8, 60001), refused);
    for (size_t channel = 0; channel < CUE_CHANNEL_COUNT; channel++) {
        CHECK_EQUAL(fake.on_edges[channel], 0);
    }
    CHECK_EQUAL(pulse(&fake, RELAY1, 10000), 0);
    CHECK_EQUAL(target(&fake, 18000, 10000), 0);
    CHECK_EQUAL(drive(&fake, -1000, 5000), 0);
    CHECK_EQUAL(tone(&fake, 5000, 5000), 0);
    CHECK_EQUAL(fill(&fake, 255, 7, 1, 60000), 0);
}

static void servo_widths(void) {
    const uint16_t angles[] = {0, 9000, 18000, 1, 4500, 17999};
    const int32_t widths[] = {500, 1500, 2500, 500, 1000, 2499};
    talk_armed(&fake, START_US);
    for (size_t index = 0; index < 6; index++) {
        CHECK_EQUAL(target(&fake, angles[index], 0), 0);
        CHECK_EQUAL(fake.driven[SERVO], widths[index]);
    }
    CHECK_EQUAL(target(&fake, 9000, 300), 0);
    beat_for(&fake, 301);
    CHECK_EQUAL(fake.driven[SERVO], 0);
}

static void motor_direction(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(drive(&fake, 300, 1000), 0);
    CHECK_EQUAL(drive(&fake, 800, 1000), 0);
    CHECK_EQUAL(drive(&fake, -300, 0), CUE_NAK_BUSY);
    CHECK_EQUAL(talk_remaining_ms, 1100);
    CHECK_EQUAL(drive(&fake, 0, 0), 0);
    CHECK_EQUAL(drive(&fake, -300, 0), CUE_NAK_BUSY);
    CHECK_EQUAL(talk_remaining_ms, 100);
    fake_run(&fake, 100);
    CHECK_EQUAL(drive(&fake, -300, 0), 0);
    CHECK_EQUAL(fake.driven[MOTOR], -300);
    CHECK(fake.host.violation == NULL);
}

static void strip_colours(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(fill(&fake, 200, 1, 2, 0), 0);
    const uint8_t first[9] = {0, 0, 0, 100, 200, 50, 100, 200, 50}; // green, red, blue
    for (size_t at = 0; at < sizeof fake.shown; at++) {
        CHECK_EQUAL(fake.shown[at], at < 9 ? first[at] : 0);
    }
    CHECK_EQUAL(fill(&fake, 0, 1, 1, 0), 0); // one dark, one lit: still on
    CHECK(fake.driven[STRIP] != 0);
    CHECK_EQUAL(fill(&fake, 0, 0, 8, 0), 0); // all dark: off
    CHECK_EQUAL(fake.driven[STRIP], 0);
    CHECK_EQUAL(cue_channels_active(&fake.host.device.channels), 0);
    CHECK_EQUAL(fill(&fake, 80, 7, 1, 100), 0);
    fake_run(&fake, 101);
    CHECK_EQUAL(fake.shown[3 * 7 + 1], 0); // dark after its time
    CHECK(fake.host.violation == NULL);
}

static void active_bits(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(set(&fake, RELAY2, 1, 0), 0);
    CHECK_EQUAL(tone(&fake, 440, 0), 0);
    fake.host.pressed = true;
    fake_run(&fake, 15);
    said_t said = ask(&fake, CUE_BEAT, NULL, 0);
    CHECK_EQUAL(cue_read_u16(said.payload + 1), 1u << RELAY2 | 1u << BUZZER | 1u << BUTTON);
}

static void button_bounce(void) {
    said_t said;
    unsigned events = 0;
    talk_armed(&fake, START_US);
    for (int bounce = 0; bounce < 30; bounce++) { // 30 changes, each 1 ms
        fake.host.pressed = bounce % 2 == 0;
        fake_run(&fake, 1);
    }
    fake.host.pressed = true;
    fake_run(&fake, 9);
    while (talk_next(&fake, &said)) {
        CHECK(said.type != CUE_EVENT || said.payload[1] != BUTTON);
    }
    fake_run(&fake, 8);
    while (talk_next(&fake, &said)) {
        if (said.type == CUE_EVENT && said.payload[1] == BUTTON) {
            events++;
            CHECK_EQUAL(cue_read_u16(said.payload + 2), 1);
        }
    }
    CHECK_EQUAL(events, 1);
}

static void idle_time(void) {
    talk_armed(&fake, START_US);
    fake_run(&fake, 20);
    CHECK_EQUAL(cue_device_step(&fake.host.device), 2000);
    CHECK_EQUAL(pulse(&fake, RELAY1, 1), 0);
    CHECK_EQUAL(cue_device_step(&fake.host.device),
                1000); // a board may not sleep over the pulse's end
}

const cue_test_t cue_channel_tests[] = {
    {"a pulse has its length, also over the clock's wrap-around", pulse_length},
    {"no output is on longer than max_on_ms", longest_on_time},
    {"a fresh command starts the longest on-time again", fresh_commands},
    {"no output goes on before its pause is over", shortest_pause},
    {"a running pulse is not disturbed and can be ended", pulse_is_not_disturbed},
    {"values outside the manifest's ranges are refused", ranges},
    {"servo angles become the right pulse widths", servo_widths},
    {"a motor must stop before it turns round", motor_direction},
    {"a strip shows what was filled and goes dark in time", strip_colours},
    {"active tells what is on and pressed", active_bits},
    {"a bouncing button gives one event", button_bounce},
    {"the idle time ends before the next change", idle_time},
    {NULL, NULL},
};
