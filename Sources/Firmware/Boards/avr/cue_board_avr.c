// An AVR board: pins, store, and what happens when the program hangs.
#include "cue_board_avr.h"
#include "cue_board.h"      // cue_board_t
#include "cue_drive_avr.h"  // timers, strip
#include "cue_inputs_avr.h" // contacts, analog, distance, E-stop
#include "cue_link.h"       // cue_crc16, to fold entropy
#include "cue_message.h"    // CUE_RESET_…
#include "cue_pins_avr.h"   // pins
#include "cue_uart_avr.h"   // uart
#include <avr/eeprom.h>     // store
#include <avr/interrupt.h>  // sei
#include <avr/pgmspace.h>   // PROGMEM
#include <avr/sleep.h>      // idle
#include <avr/wdt.h>        // watchdog
#include <string.h>         // memcpy_P, memset

// The hang watch counts rounds of timer 0 (1.024 ms). It makes the outputs safe; the watchdog,
// which also works with interrupts off, resets later. The longest lawful pass is IDENTITY_WRITE,
// some 40 ms.
#define HANG_ROUNDS 98
#define HANG_MARK 0x4C45u

static const uint8_t channel_table[] PROGMEM = CUE_CHANNEL_PACKED;
static const uint16_t channel_offsets[] PROGMEM = CUE_CHANNEL_OFFSETS;
_Static_assert(sizeof(cue_channel_t) == 33, "tools/generate_board.py knows its fields");
static const uint8_t manifest[] PROGMEM = CUE_MANIFEST_PACKED;
static const uint8_t manifest_pairs[] PROGMEM = CUE_MANIFEST_PAIRS;
static uint8_t pixels[3 * CUE_PIXEL_COUNT + 1];
static volatile uint8_t rounds_since_feed;

// These survive a reset, and say what it was.
static uint16_t hang_mark __attribute__((section(".noinit")));
static uint8_t reset_flags __attribute__((section(".noinit")));

// Runs before main: after a watchdog reset the watchdog is still on, with its shortest time.
void cue_avr_before_main(void) __attribute__((naked, used, section(".init3")));
void cue_avr_before_main(void) {
    reset_flags = MCUSR;
    MCUSR = 0;
    wdt_disable();
}

uint8_t cue_board_avr_reset_cause(void) {
    uint8_t cause = reset_flags & 0x0F; // PORF, EXTRF, BORF, WDRF are bits 0 to 3
    if (hang_mark == HANG_MARK && (cause & CUE_RESET_POWER_ON) == 0) {
        cause |= CUE_RESET_HANG;
    }
    hang_mark = 0;
    return cause;
}

// What differs from boot to boot: memory that nobody set, and the noise of an open analog pin.
uint16_t cue_board_avr_entropy(void) {
    extern uint8_t __heap_start;
    uint16_t sum = 0xFFFF;
    sum = cue_crc16(sum, &__heap_start, (size_t)(SP - (uint16_t)&__heap_start));
    for (uint8_t round = 0; round < 16; round++) {
        uint16_t noise = (uint16_t)(cue_analog_avr_convert(0) ^ TCNT0);
        sum = cue_crc16(sum, (const uint8_t *)&noise, sizeof noise);
    }
    return sum;
}

static bool is_input(const cue_channel_t *channel) {
    return channel->kind >= CUE_KIND_BUTTON && channel->kind <= CUE_KIND_ANALOG;
}

// A pin to its safe level; levels before directions: no glitch.
static void pin_safe(uint8_t pin, bool high, bool prepare) {
    if (pin != CUE_NO_PIN) {
        cue_pin_avr_write(pin, high);
        if (prepare) {
            cue_pin_avr_output(pin);
        }
    }
}

static void channel_safe(const cue_channel_t *channel, bool prepare) {
    if (is_input(channel)) {
        if (prepare && channel->kind != CUE_KIND_ANALOG) {
            cue_pin_avr_pull_up(channel->pin);
        }
        return;
    }
    pin_safe(channel->pin, false, prepare);
    if (channel->kind != CUE_KIND_DISTANCE) {
        pin_safe(channel->second_pin, false, prepare);
    }
    // A stepper's driver has current while it is low.
    pin_safe(channel->third_pin, channel->kind == CUE_KIND_STEPPER, prepare);
}

static void prepare(void *context, const cue_channel_t *channel) {
    (void)context;
    channel_safe(channel, true);
}

static void read_channel(void *context, uint8_t index, cue_channel_t *channel) {
    (void)context;
    uint16_t at = pgm_read_word(&channel_offsets[index]);
    uint16_t end = pgm_read_word(&channel_offsets[index + 1]);
    memset(channel, 0, sizeof *channel);
    memcpy_P(channel, channel_table + at, end - at);
    channel->second_pin ^= CUE_NO_PIN;
    channel->third_pin ^= CUE_NO_PIN;
    channel->max_duty_permille ^= 1000;
}

// Every output at its safe level, from anywhere.
static void all_safe(void) {
    cue_drive_avr_stop();
    for (uint8_t index = 0; index < CUE_CHANNEL_COUNT; index++) {
        cue_channel_t channel;
        read_channel(0, index, &channel);
        channel_safe(&channel, false);
    }
    memset(pixels, 0, sizeof pixels);
    cue_strip_avr_write(0, 0, pixels, 3 * CUE_PIXEL_COUNT);
}

static void __attribute__((noinline, noreturn, used)) hung(void) {
    all_safe();
    hang_mark = HANG_MARK;
    for (;;) { // the watchdog ends this
    }
}

void cue_board_avr_round(void) {
    if (++rounds_since_feed >= HANG_ROUNDS) {
        // Not a call, which would have every other round save what a call may change.
        __asm__ volatile("jmp %x0" ::"i"(hung));
    }
}

// It is read from its beginning to its end, so that it goes on where it was.
static uint8_t read_manifest(void *context, uint16_t offset) {
    static uint8_t stack[CUE_MANIFEST_STACK];
    static uint8_t depth;
    static uint16_t at, next;
    (void)context;
    if (offset < next) {
        at = next = depth = 0;
    }
    uint8_t byte;
    do {
        if (at == CUE_MANIFEST_HEAD) {
            at++;
        }
        byte = depth > 0 ? stack[--depth] : pgm_read_byte(&manifest[at++]);
        while (byte >= 128) {
            const uint8_t *pair = &manifest_pairs[2u * (byte - 128u)];
            stack[depth++] = pgm_read_byte(pair + 1);
            byte = pgm_read_byte(pair);
        }
    } while (next++ < offset);
    return byte;
}

static void drive(void *context, const cue_channel_t *channel, int16_t value) {
    (void)context;
    bool brake = value == CUE_BRAKE;
    value = brake ? 0 : value;
    uint16_t magnitude = (uint16_t)(value < 0 ? -value : value);
    switch (channel->kind) {
    case CUE_KIND_SERVO:
        cue_servo_avr_write(magnitude);
        break;
    case CUE_KIND_MOTOR:
        if (channel->third_pin != CUE_NO_PIN) {
            cue_pin_avr_write(channel->third_pin, brake);
        }
        cue_pin_avr_write(channel->second_pin, value < 0);
        cue_motor_avr_write(magnitude);
        break;
    case CUE_KIND_BUZZER:
        cue_tone_avr_write(magnitude);
        break;
    case CUE_KIND_LIGHT:
        cue_light_avr_write(magnitude);
        break;
    default: // relay, solenoid
        cue_pin_avr_write(channel->pin, value != 0);
        break;
    }
}

static uint8_t store_read(void *context, uint16_t address) {
    (void)context;
    return eeprom_read_byte((const uint8_t *)address);
}

static void store_write(void *context, uint16_t address, uint8_t byte) {
    (void)context;
    eeprom_write_byte((uint8_t *)address, byte);
}

static bool store_busy(void *context) {
    (void)context;
    return !eeprom_is_ready();
}

static void watchdog_feed(void *context) {
    (void)context;
    rounds_since_feed = 0;
    wdt_reset();
}

const cue_board_t cue_fixed_board = {
    .build = CUE_BUILD,
    .manifest_crc32 = CUE_MANIFEST_CRC32,
    .manifest_size = CUE_MANIFEST_SIZE,
    .sequence_size = CUE_SEQUENCE_BYTES,
    .channel_count = CUE_CHANNEL_COUNT,
    .firmware = {CUE_FIRMWARE_MAJOR, CUE_FIRMWARE_MINOR, CUE_FIRMWARE_PATCH},
    .pixels = pixels,
    .pixel_count = CUE_PIXEL_COUNT,
    .has_estop = CUE_HAS_ESTOP,
    .channel = read_channel,
    .manifest_byte = read_manifest,
    .time_us = cue_time_avr_us,
    .prepare = prepare,
    .drive = drive,
    .strip_write = cue_strip_avr_write,
    .stepper_run = cue_stepper_avr_run,
    .stepper_aim = cue_stepper_avr_aim,
    .input_start = cue_input_avr_start,
    .input_read = cue_input_avr_read,
    .estop_open = cue_estop_avr_open,
    .uart_read = cue_uart_avr_read,
    .uart_write = cue_uart_avr_write,
    .uart_take_errors = cue_uart_avr_take_errors,
    .store_read = store_read,
    .store_write = store_write,
    .store_busy = store_busy,
    .watchdog_feed = watchdog_feed,
};

void cue_board_avr_start(void) {
    cue_drive_avr_start();
    cue_uart_avr_start();
#ifdef CUE_ESTOP_PIN
    cue_pin_avr_pull_up(CUE_ESTOP_PIN);
#endif
    sei();
    wdt_enable(WDTO_250MS);
}

void cue_board_avr_idle(uint16_t idle_us) {
    // Timer 0 wakes the chip every 1.024 ms.
    if (idle_us < 1100) {
        return;
    }
    cli();
    if (!cue_uart_avr_waiting()) {
        SMCR = _BV(SE); // idle: all but the processor goes on
        sei();
        sleep_cpu();
        SMCR = 0;
    }
    sei();
}
