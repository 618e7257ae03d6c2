// Duty, rate, locks, and the wired E-stop.
#include "cue_bytes.h" // little-endian fields
#include "talk.h"      // the host's half
#include "test.h"      // CHECK

static fake_t fake;
static const uint64_t START_US = 5000000;

enum { SOLENOID_BIT = 1u << SOLENOID, FAN_BIT = 1u << FAN };

static void duty(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(unlock(&fake, SOLENOID_BIT, 600), 0);
    // 2000 ms on at 250 permille: three times as long off.
    CHECK_EQUAL(pulse(&fake, SOLENOID, 2000), 0);
    beat_for(&fake, 2001);
    CHECK_EQUAL(fake.driven[SOLENOID], 0);
    CHECK_EQUAL(pulse(&fake, SOLENOID, 10), CUE_NAK_BUSY);
    CHECK_EQUAL(talk_remaining_ms, 5999);
    beat_for(&fake, 5900);
    CHECK_EQUAL(pulse(&fake, SOLENOID, 10), CUE_NAK_BUSY);
    beat_for(&fake, 100);
    CHECK_EQUAL(pulse(&fake, SOLENOID, 10), 0);
    CHECK(fake.host.violation == NULL);
}

static void rate(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(unlock(&fake, SOLENOID_BIT, 600), 0);
    CHECK_EQUAL(pulse(&fake, SOLENOID, 20), 0);
    beat_for(&fake, 200);
    CHECK_EQUAL(pulse(&fake, SOLENOID, 20), CUE_NAK_BUSY); // 60 a minute
    CHECK_EQUAL(talk_remaining_ms, 800);
    beat_for(&fake, 800);
    CHECK_EQUAL(pulse(&fake, SOLENOID, 20), 0);
    CHECK(fake.host.violation == NULL);
}

static void duty_is_not_stretched(void) {
    uint8_t arguments[4];
    talk_armed(&fake, START_US);
    CHECK_EQUAL(unlock(&fake, FAN_BIT, 600), 0);
    cue_write_u16(arguments, 500);
    cue_write_u16(arguments + 2, 0);
    for (int second = 0; second < 5; second++) {
        CHECK_EQUAL(command(&fake, FAN, CUE_OP_DRIVE, arguments, 4), 0);
        beat_for(&fake, 1000);
    }
    // Fresh commands or not: 5 s on, and then a quarter of that off.
    CHECK_EQUAL(fake.driven[FAN], 0);
    CHECK_EQUAL(command(&fake, FAN, CUE_OP_DRIVE, arguments, 4), CUE_NAK_BUSY);
    CHECK(talk_remaining_ms > 1200 && talk_remaining_ms <= 1250);
    CHECK(fake.host.violation == NULL);
}

static void locked(void) {
    talk_armed(&fake, START_US);
    CHECK_EQUAL(pulse(&fake, SOLENOID, 10), CUE_NAK_LOCKED);
    CHECK_EQUAL(pulse(&fake, SOLENOID, 2001), CUE_NAK_OUT_OF_RANGE); // that comes first
    CHECK_EQUAL(off(&fake, SOLENOID), 0);                            // off is always possible
    CHECK_EQUAL(unlock(&fake, 1u << RELAY1, 10), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(unlock(&fake, SOLENOID_BIT, 3601), CUE_NAK_OUT_OF_RANGE);
    CHECK_EQUAL(unlock(&fake, SOLENOID_BIT, 3), 0);
    CHECK_EQUAL(pulse(&fake, SOLENOID, 10), 0);
    CHECK_EQUAL(unlock(&fake, FAN_BIT, 3), 0); // what is not named is locked again
    CHECK_EQUAL(fake.driven[SOLENOID], 0);
    beat_for(&fake, 2000);
    CHECK_EQUAL(pulse(&fake, SOLENOID, 10), CUE_NAK_LOCKED);
    CHECK(fake.host.violation == NULL);
}

static void unlocking_ends(void) {
    uint8_t arguments[4];
    talk_armed(&fake, START_US);
    cue_write_u16(arguments, 500);
    cue_write_u16(arguments + 2, 0);
    CHECK_EQUAL(unlock(&fake, FAN_BIT, 2), 0);
    CHECK_EQUAL(command(&fake, FAN, CUE_OP_DRIVE, arguments, 4), 0);
    beat_for(&fake, 1990);
    CHECK(fake.driven[FAN] != 0);
    beat_for(&fake, 20);
    CHECK_EQUAL(fake.driven[FAN], 0); // a locked channel is never on
    beat_for(&fake, 2000);
    CHECK_EQUAL(command(&fake, FAN, CUE_OP_DRIVE, arguments, 4), CUE_NAK_LOCKED);
    // Disarming and the E-stop lock too.
    uint8_t nonce[4];
    cue_write_u32(nonce, fake.host.device.nonce);
    for (int way = 0; way < 2; way++) {
        CHECK_EQUAL(unlock(&fake, FAN_BIT, 600), 0);
        CHECK_EQUAL(request(&fake, way == 0 ? CUE_DISARM : CUE_ESTOP, NULL, 0), 0);
        CHECK_EQUAL(unlock(&fake, FAN_BIT, 600), way == 0 ? CUE_NAK_NOT_ARMED : CUE_NAK_ESTOPPED);
        CHECK_EQUAL(request(&fake, CUE_ESTOP_CLEAR, nonce, 4), 0);
        CHECK_EQUAL(request(&fake, CUE_ARM, nonce, 4), 0);
        CHECK_EQUAL(command(&fake, FAN, CUE_OP_DRIVE, arguments, 4), CUE_NAK_LOCKED);
    }
    const uint8_t wrong[8] = {1, 2, 3, 4, 0, 0x80, 1, 0};
    CHECK_EQUAL(request(&fake, CUE_UNLOCK, wrong, 8), CUE_NAK_WRONG_NONCE);
    CHECK(fake.host.violation == NULL);
}

static void wired_estop(void) {
    uint8_t nonce[4];
    const uint8_t fitted = CUE_OPTION_ESTOP, none = 0, unknown = 2;
    talk_armed(&fake, START_US);
    cue_write_u32(nonce, fake.host.device.nonce);
    fake.host.estop_open = true;
    CHECK_EQUAL(set(&fake, RELAY1, 1, 0), 0); // not fitted: an open circuit means nothing
    CHECK_EQUAL(request(&fake, CUE_OPTIONS_WRITE, &fitted, 1), CUE_NAK_BUSY);
    CHECK_EQUAL(request(&fake, CUE_DISARM, NULL, 0), 0);
    CHECK_EQUAL(request(&fake, CUE_OPTIONS_WRITE, &unknown, 1), CUE_NAK_OUT_OF_RANGE);
    fake.host.estop_open = false;
    CHECK_EQUAL(request(&fake, CUE_OPTIONS_WRITE, &fitted, 1), 0);
    CHECK_EQUAL(ask(&fake, CUE_HELLO_REQUEST, NULL, 0).payload[28], CUE_OPTION_ESTOP);
    CHECK_EQUAL(request(&fake, CUE_ARM, nonce, 4), 0);
    fake_run(&fake, 20);
    CHECK_EQUAL(set(&fake, RELAY1, 1, 0), 0);
    fake.output_size = 0;
    fake.host.estop_open = true;
    fake_step(&fake);
    CHECK_EQUAL(fake.driven[RELAY1], 0);
    fake_run(&fake, 5);
    CHECK(told(&fake, CUE_EVENT_FAULT, 255, CUE_FAULT_ESTOP_WIRED));
    CHECK_EQUAL(fake.host.device.state & CUE_STATE_MASK, CUE_ESTOPPED);
    CHECK_EQUAL(request(&fake, CUE_ESTOP_CLEAR, nonce, 4), CUE_NAK_ESTOPPED);
    fake.host.estop_open = false;
    CHECK_EQUAL(request(&fake, CUE_ARM, nonce, 4), CUE_NAK_ESTOPPED); // it latches
    CHECK_EQUAL(request(&fake, CUE_ESTOP_CLEAR, nonce, 4), 0);
    CHECK_EQUAL(request(&fake, CUE_ARM, nonce, 4), 0);
    // It is kept: a board that boots with an open circuit is stopped.
    fake.host.estop_open = true;
    fake_boot(&fake, CUE_RESET_PIN, 1);
    fake_step(&fake);
    CHECK_EQUAL(fake.host.device.state & CUE_STATE_MASK, CUE_ESTOPPED);
    CHECK_EQUAL(request(&fake, CUE_OPTIONS_WRITE, &none, 1), 0);
    fake_boot(&fake, CUE_RESET_PIN, 1);
    fake_step(&fake);
    CHECK_EQUAL(fake.host.device.state & CUE_STATE_MASK, CUE_SAFE);
}

const cue_test_t cue_limit_tests[] = {
    {"after being on a channel rests as its duty says", duty},
    {"a channel goes on no more often than its rate says", rate},
    {"fresh commands do not stretch the on-time of a channel with a duty", duty_is_not_stretched},
    {"a dangerous channel needs UNLOCK", locked},
    {"unlocking ends with its time, disarming and the E-stop", unlocking_ends},
    {"an open wired E-stop stops at once, latches, and cannot be cleared while open", wired_estop},
    {NULL, NULL},
};
