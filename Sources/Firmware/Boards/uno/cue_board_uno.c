// The Arduino Uno as a cue_board_t: clock, pins, store, and what happens when the program hangs.
#include "cue_board_uno.h"
#include "cue_board_table.h" // generated from hardware/boards/uno.json
#include "cue_drive_uno.h"   // servo, motor, buzzer, strip
#include "cue_link.h"        // cue_crc16, to fold entropy
#include "cue_message.h"     // CUE_RESET_…
#include "cue_pins_uno.h"    // ports of constant pins
#include "cue_uart_uno.h"    // uart
#include <Arduino.h>         // millis, micros, pinMode, digitalWrite
#include <avr/eeprom.h>      // store
#include <avr/interrupt.h>   // ISR
#include <avr/pgmspace.h>    // PROGMEM
#include <avr/sleep.h>       // idle
#include <avr/wdt.h>         // watchdog
#include <string.h>          // memcpy_P, memset

// The hang watch counts rounds of timer 0 (1.024 ms). It makes the outputs safe; the watchdog,
// which also works with interrupts off, resets later. The longest lawful pass is IDENTITY_WRITE,
// some 40 ms.
#define HANG_ROUNDS 98
#define HANG_MARK 0x4C454843UL

static const cue_channel_t channel_table[CUE_CHANNEL_COUNT] PROGMEM = CUE_CHANNEL_TABLE;
static const uint8_t manifest[CUE_MANIFEST_SIZE] PROGMEM = CUE_MANIFEST_BYTES;
static uint8_t pixels[3 * CUE_PIXEL_COUNT];
static volatile uint8_t rounds_since_feed;
static bool watching;

// These survive a reset, and say what it was.
static uint32_t hang_mark __attribute__((section(".noinit")));
static uint8_t reset_flags __attribute__((section(".noinit")));

// Runs before main: after a watchdog reset the watchdog is still on, with its shortest time.
void cue_uno_before_main(void) __attribute__((naked, used, section(".init3")));
void cue_uno_before_main(void) {
    reset_flags = MCUSR;
    MCUSR = 0;
    wdt_disable();
}

static uint8_t take_reset_cause(void) {
    uint8_t cause = reset_flags & 0x0F; // PORF, EXTRF, BORF, WDRF are bits 0 to 3
    if (hang_mark == HANG_MARK && (cause & CUE_RESET_POWER_ON) == 0) {
        cause |= CUE_RESET_HANG;
    }
    hang_mark = 0;
    return cause;
}

// What differs from boot to boot: memory that nobody set, and the noise of an open analog pin.
static uint16_t gather_entropy(void) {
    extern uint8_t __heap_start;
    uint16_t sum = 0xFFFF;
    sum = cue_crc16(sum, &__heap_start, (size_t)(SP - (uint16_t)&__heap_start));
    for (uint8_t round = 0; round < 16; round++) {
        uint16_t noise = (uint16_t)(analogRead(A0) ^ (int)TCNT0);
        sum = cue_crc16(sum, (const uint8_t *)&noise, sizeof noise);
    }
    return sum;
}

// Every output low, from anywhere.
static void all_safe(void) {
    cue_drive_uno_stop();
    for (uint8_t index = 0; index < CUE_CHANNEL_COUNT; index++) {
        uint8_t kind = pgm_read_byte(&channel_table[index].kind);
        uint8_t second = pgm_read_byte(&channel_table[index].direction_pin);
        if (kind != CUE_KIND_BUTTON) {
            digitalWrite(pgm_read_byte(&channel_table[index].pin), LOW);
        }
        if (second != CUE_NO_PIN) {
            digitalWrite(second, LOW);
        }
    }
    memset(pixels, 0, sizeof pixels);
    cue_strip_uno_write(0, 0, pixels, sizeof pixels);
}

ISR(TIMER0_COMPB_vect) {
    if (!watching || ++rounds_since_feed < HANG_ROUNDS) {
        return;
    }
    all_safe();
    hang_mark = HANG_MARK;
    for (;;) { // the watchdog ends this
    }
}

static cue_channel_t read_channel(void *context, uint8_t index) {
    (void)context;
    cue_channel_t channel;
    memcpy_P(&channel, &channel_table[index], sizeof channel);
    return channel;
}

static uint8_t read_manifest(void *context, uint16_t offset) {
    (void)context;
    return pgm_read_byte(&manifest[offset]);
}

static uint32_t time_ms(void *context) {
    (void)context;
    return millis();
}

static uint32_t time_us(void *context) {
    (void)context;
    return micros();
}

static void prepare(void *context, const cue_channel_t *channel) {
    (void)context;
    if (channel->kind == CUE_KIND_BUTTON) {
        pinMode(channel->pin, INPUT_PULLUP);
        return;
    }
    digitalWrite(channel->pin, LOW); // the level before the direction: no glitch
    pinMode(channel->pin, OUTPUT);
    if (channel->direction_pin != CUE_NO_PIN) {
        digitalWrite(channel->direction_pin, LOW);
        pinMode(channel->direction_pin, OUTPUT);
    }
}

static void relay_write(void *context, const cue_channel_t *channel, bool on) {
    (void)context;
    digitalWrite(channel->pin, on ? HIGH : LOW);
}

static bool button_read(void *context, const cue_channel_t *channel) {
    (void)context;
    return digitalRead(channel->pin) == LOW;
}

static uint8_t store_read(void *context, uint8_t address) {
    (void)context;
    return eeprom_read_byte((const uint8_t *)(uint16_t)address);
}

static void store_write(void *context, uint8_t address, uint8_t byte) {
    (void)context;
    eeprom_write_byte((uint8_t *)(uint16_t)address, byte);
}

static void watchdog_feed(void *context) {
    (void)context;
    rounds_since_feed = 0;
    wdt_reset();
}

static cue_board_t board = {
    .build = CUE_BUILD,
    .manifest_crc32 = CUE_MANIFEST_CRC32,
    .manifest_size = CUE_MANIFEST_SIZE,
    .channel_count = CUE_CHANNEL_COUNT,
    .firmware = {CUE_FIRMWARE_MAJOR, CUE_FIRMWARE_MINOR, CUE_FIRMWARE_PATCH},
    .pixels = pixels,
    .pixel_count = CUE_PIXEL_COUNT,
    .channel = read_channel,
    .manifest_byte = read_manifest,
    .time_ms = time_ms,
    .time_us = time_us,
    .prepare = prepare,
    .relay_write = relay_write,
    .servo_write = cue_servo_uno_write,
    .motor_write = cue_motor_uno_write,
    .tone_write = cue_tone_uno_write,
    .strip_write = cue_strip_uno_write,
    .button_read = button_read,
    .uart_read = cue_uart_uno_read,
    .uart_write = cue_uart_uno_write,
    .uart_take_errors = cue_uart_uno_take_errors,
    .store_read = store_read,
    .store_write = store_write,
    .watchdog_feed = watchdog_feed,
};

const cue_board_t *cue_board_uno(void) {
    cue_drive_uno_start();
    cue_uart_uno_start();
    board.reset_cause = take_reset_cause();
    board.entropy = gather_entropy();
    OCR0B = 200; // away from the overflow, which keeps Arduino's clock
    watching = true;
    TIMSK0 |= _BV(OCIE0B);
    wdt_enable(WDTO_250MS);
    return &board;
}

void cue_board_uno_idle(uint32_t idle_us) {
    // Timer 0 wakes the chip every 0.5 ms on average, at the latest after 1.1 ms.
    if (idle_us < 1100) {
        return;
    }
    set_sleep_mode(SLEEP_MODE_IDLE);
    cli();
    if (!cue_uart_uno_waiting()) {
        sleep_enable();
        sei();
        sleep_cpu();
        sleep_disable();
    }
    sei();
}
