// What moves: servos that glide, motors that ramp and brake, lights that fade, effects, steppers; and
// inputs with values.
#include "cue_bytes.h" // little-endian fields
#include "talk.h"      // the host's half
#include "test.h"      // CHECK
#include <string.h>    // memcmp

static fake_t fake;
static const uint64_t START_US = 5000000;

static void glides(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(target(&fake, 0, 0), 0);
    CHECK_EQUAL(glide(&fake, SERVO, 18000, 1000, 0, 500), 0);
    beat_for(&fake, 500);
    CHECK(fake.driven[SERVO] >= 1470 && fake.driven[SERVO] <= 1500); // linear: half way, a frame late
    beat_for(&fake, 520);
    CHECK_EQUAL(fake.driven[SERVO], 2500);
    beat_for(&fake, 470);
    CHECK_EQUAL(fake.driven[SERVO], 2500);
    beat_for(&fake, 20);
    CHECK_EQUAL(fake.driven[SERVO], 0); // held for 500 ms
    // In and out: slow at the ends, in time in the middle.
    CHECK_EQUAL(glide(&fake, SERVO, 0, 1000, 1, 500), 0);
    beat_for(&fake, 100);
    CHECK(fake.driven[SERVO] >= 2440 && fake.driven[SERVO] < 2500);
    beat_for(&fake, 400);
    CHECK(fake.driven[SERVO] >= 1500 && fake.driven[SERVO] <= 1540);
    beat_for(&fake, 520);
    CHECK_EQUAL(fake.driven[SERVO], 500);
    CHECK_EQUAL(glide(&fake, SERVO, 0, 9000, 0, 1001), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(glide(&fake, SERVO, 0, 10, 2, 0), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(glide(&fake, SERVO, 18001, 10, 0, 0), CUE_NAK_OUT_OF_RANGE);
    CHECK(fake.host.violation == NULL);
}

static void speed_limit(void) {
    talk_armed(&fake, START_US);
    // Nobody knows where it stands before it was driven once.
    CHECK_EQUAL(glide(&fake, ARM, 0, 0, 0, 0), 0);
    CHECK_EQUAL(fake.driven[ARM], 500);
    CHECK_EQUAL(glide(&fake, ARM, 18000, 0, 0, 0), 0); // 90 degrees a second: 2 s
    beat_for(&fake, 1000);
    CHECK(fake.driven[ARM] >= 1470 && fake.driven[ARM] <= 1500);
    beat_for(&fake, 1020);
    CHECK_EQUAL(fake.driven[ARM], 2500);
    CHECK_EQUAL(glide(&fake, ARM, 0, 1000, 1, 0), 0); // its middle is faster: 3 s
    beat_for(&fake, 2900);
    CHECK(fake.driven[ARM] > 500);
    beat_for(&fake, 120);
    CHECK_EQUAL(fake.driven[ARM], 500);
    // Half way and back again.
    CHECK_EQUAL(glide(&fake, ARM, 18000, 0, 0, 0), 0);
    beat_for(&fake, 1000);
    CHECK_EQUAL(glide(&fake, ARM, 0, 0, 0, 0), 0);
    beat_for(&fake, 900);
    CHECK(fake.driven[ARM] > 500);
    beat_for(&fake, 120);
    CHECK_EQUAL(fake.driven[ARM], 500);
    CHECK(fake.host.violation == NULL);
}

static int fan(int16_t speed, uint16_t duration_ms) {
    uint8_t arguments[4];
    cue_write_u16(arguments, (uint16_t)speed);
    cue_write_u16(arguments + 2, duration_ms);
    return command(&fake, FAN, CUE_OP_DRIVE, arguments, 4);
}

static void ramp_and_brake(void) {
    const uint8_t half_second[2] = {0xF4, 0x01};
    talk_armed(&fake, START_US);
    CHECK_EQUAL(unlock(&fake, 1u << FAN, 600), 0);
    CHECK_EQUAL(fan(-800, 0), 0); // 0 to full in a second
    beat_for(&fake, 400);
    CHECK(fake.driven[FAN] <= -380 && fake.driven[FAN] >= -400);
    beat_for(&fake, 420);
    CHECK_EQUAL(fake.driven[FAN], -800);
    CHECK_EQUAL(fan(-200, 0), 0);
    beat_for(&fake, 300);
    CHECK(fake.driven[FAN] <= -480 && fake.driven[FAN] >= -520);
    CHECK_EQUAL(command(&fake, FAN, CUE_OP_BRAKE, half_second, 2), 0);
    CHECK_EQUAL(fake.driven[FAN], 0);
    CHECK(fake.braking[FAN]);
    CHECK_EQUAL(fan(-200, 0), CUE_NAK_BUSY);
    beat_for(&fake, 510);
    CHECK(!fake.braking[FAN]);
    CHECK_EQUAL(fan(200, 0), CUE_NAK_BUSY); // its pause
    CHECK_EQUAL(command(&fake, MOTOR, CUE_OP_BRAKE, half_second, 2), CUE_NAK_BAD_OPERATION);
    CHECK_EQUAL(off(&fake, FAN), 0); // and off is at once
    CHECK(fake.host.violation == NULL);
}

static void fades(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(level(&fake, 1000, 1000, 0), 0);
    beat_for(&fake, 500);
    CHECK(fake.driven[LIGHT] >= 480 && fake.driven[LIGHT] <= 500);
    beat_for(&fake, 520);
    CHECK_EQUAL(fake.driven[LIGHT], 1000);
    CHECK_EQUAL(level(&fake, 0, 400, 0), 0);
    beat_for(&fake, 200);
    CHECK(fake.driven[LIGHT] >= 500 && fake.driven[LIGHT] <= 525);
    beat_for(&fake, 220);
    CHECK_EQUAL(fake.driven[LIGHT], 0);
    CHECK_EQUAL(cue_channels_active(&fake.host.device.channels), 0);
    CHECK_EQUAL(level(&fake, 300, 0, 100), 0);
    CHECK_EQUAL(fake.driven[LIGHT], 300);
    beat_for(&fake, 101);
    CHECK_EQUAL(fake.driven[LIGHT], 0);
    CHECK_EQUAL(level(&fake, 1001, 0, 0), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(level(&fake, 10, 60001, 0), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(level(&fake, 0, 0, 1), CUE_NAK_OUT_OF_RANGE);
    CHECK(fake.host.violation == NULL);
}

static unsigned lit(void) {
    unsigned count = 0;
    for (size_t at = 0; at < sizeof fake.shown; at += 3) {
        count += fake.shown[at] + fake.shown[at + 1] + fake.shown[at + 2] > 0;
    }
    return count;
}

static void effects(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(effect(&fake, CUE_EFFECT_CHASE, 255, 800, 0), 0);
    uint8_t before[sizeof fake.shown];
    for (int round = 0; round < 20; round++) {
        memcpy(before, fake.shown, sizeof before);
        beat_for(&fake, 150);
        CHECK_EQUAL(lit(), 1);
        CHECK(memcmp(before, fake.shown, sizeof before) != 0);
    }
    CHECK_EQUAL(effect(&fake, CUE_EFFECT_RAINBOW, 0, 1000, 300), 0);
    beat_for(&fake, 100);
    CHECK_EQUAL(lit(), 8);
    beat_for(&fake, 250);
    CHECK_EQUAL(lit(), 0); // over
    CHECK_EQUAL(effect(&fake, CUE_EFFECT_FLASH, 200, 400, 0), 0);
    unsigned changes = 0, was = 0;
    for (int round = 0; round < 200; round++) { // 4 s: ten times on and off
        beat_for(&fake, 20);
        changes += lit() != was;
        was = lit();
    }
    CHECK(changes >= 19 && changes <= 21);
    CHECK_EQUAL(effect(&fake, CUE_EFFECT_FLASH, 200, 333, 0), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(effect(&fake, CUE_EFFECT_BREATHE, 200, 99, 0), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(effect(&fake, 0, 200, 1000, 0), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(effect(&fake, 6, 200, 1000, 0), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(effect(&fake, CUE_EFFECT_BREATHE, 0, 1000, 0), CUE_NAK_OUT_OF_RANGE); // dark
    CHECK_EQUAL(effect(&fake, CUE_EFFECT_BREATHE, 200, 2000, 0), 0);
    beat_for(&fake, 1000);
    CHECK(fake.shown[1] > 190); // red, in the middle of its breath
    CHECK_EQUAL(effect(&fake, CUE_EFFECT_SPARKLE, 200, 1000, 0), 0);
    CHECK_EQUAL(fill(&fake, 9, 0, 8, 0), 0); // FILL ends an effect
    beat_for(&fake, 500);
    CHECK_EQUAL(fake.shown[1], 9);
    CHECK(fake.host.violation == NULL);
}

static int32_t position(void) {
    return fake.host.device.channels.steppers[0].position;
}

static void moves(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(move(&fake, 1000, 1000, 200), 0);
    // v = 1000, a = 2000: half a second up, half a second on, half a second down.
    for (int part = 0; part < 30; part++) {
        beat_for(&fake, 50);
        fake.output_size = 0;
    }
    CHECK(position() >= 960 && position() <= 1000);
    beat_for(&fake, 100);
    CHECK_EQUAL(position(), 1000);
    CHECK_EQUAL(fake.steps, 1000);
    CHECK((cue_channels_active(&fake.host.device.channels) & 1u << STEPPER) != 0); // held
    beat_for(&fake, 250);
    CHECK_EQUAL(cue_channels_active(&fake.host.device.channels), 0);
    // Turned round on its way: it slows down first, and ends where it should.
    CHECK_EQUAL(move(&fake, -1000, 800, 0), 0);
    beat_for(&fake, 1000);
    CHECK_EQUAL(move(&fake, 1200, 500, 0), 0);
    beat_for(&fake, 5000);
    CHECK_EQUAL(position(), 1200);
    CHECK_EQUAL(off(&fake, STEPPER), 0);
    CHECK_EQUAL(move(&fake, 4001, 500, 0), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(move(&fake, -4001, 500, 0), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(move(&fake, 0, 1001, 0), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(move(&fake, 0, 15, 0), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(move(&fake, 0, 500, 0), 0);
    beat_for(&fake, 300);
    CHECK_EQUAL(off(&fake, STEPPER), 0); // stops where it is
    int32_t stopped = position();
    beat_for(&fake, 300);
    CHECK_EQUAL(position(), stopped);
    CHECK(stopped > 0 && stopped < 1200);
    // Where it stands when the board is armed is 0.
    uint8_t nonce[4];
    cue_write_u32(nonce, fake.host.device.nonce);
    CHECK_EQUAL(request(&fake, CUE_DISARM, NULL, 0), 0);
    CHECK_EQUAL(request(&fake, CUE_ARM, nonce, 4), 0);
    CHECK_EQUAL(position(), 0);
    CHECK(fake.host.violation == NULL);
}

static void readings(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(command(&fake, KNOB, CUE_OP_OFF, NULL, 0), CUE_NAK_BAD_OPERATION);
    fake.host.analog_permille = 500;
    fake.host.distance_mm = 1200;
    fake.host.closed = true;
    fake_run(&fake, 130);
    CHECK(told(&fake, CUE_EVENT_INPUT, DOOR, 1));
    fake_run(&fake, 130);
    fake.output_size = 0;
    // Less than the threshold says nothing.
    fake.host.analog_permille = 509;
    fake.host.distance_mm = 1229;
    beat_for(&fake, 400);
    CHECK(!told(&fake, CUE_EVENT_INPUT, KNOB, 509));
    fake.host.analog_permille = 510;
    fake.host.distance_mm = INT16_MAX; // nothing there
    fake_run(&fake, 60);
    CHECK(told(&fake, CUE_EVENT_INPUT, KNOB, 510));
    fake_run(&fake, 120);
    CHECK(told(&fake, CUE_EVENT_INPUT, RANGE, 4000));
    // A knob that is turned all the time is told of every 50 ms.
    unsigned events = 0;
    said_t said;
    for (int turn = 0; turn < 1000; turn++) {
        fake.host.analog_permille = (int16_t)(turn % 1000);
        fake_run(&fake, 1);
    }
    while (talk_next(&fake, &said)) {
        events += said.type == CUE_EVENT && said.payload[1] == KNOB;
    }
    CHECK(events >= 15 && events <= 21);
}

const cue_test_t cue_motion_tests[] = {
    {"a servo glides, straight and smoothly, and is held", glides},
    {"no command turns a servo faster than its limit", speed_limit},
    {"a motor ramps, and brakes", ramp_and_brake},
    {"a light fades in and out", fades},
    {"the effects of a strip", effects},
    {"a stepper goes where it should, with its acceleration", moves},
    {"inputs with values tell of changes, and not too often", readings},
    {NULL, NULL},
};
