// The seam between the portable Core and a board: time, pins, timers, uart, store, watchdog.
// A board fills in one cue_board_t. No function may block for more than a few bytes' time, but
// store_write, which may take 4 ms, and strip_write, which may keep interrupts off for 30 us a
// pixel.
#ifndef CUE_BOARD_H
#define CUE_BOARD_H

#include <stdbool.h> // bool
#include <stddef.h>  // size_t
#include <stdint.h>  // fixed-width integers

#ifdef __cplusplus
extern "C" {
#endif

enum { CUE_CHANNELS_MAX = 16, CUE_STORE_SIZE = 64, CUE_NO_PIN = 255 };

// Kinds of channel, as tools/generate_board.py numbers them.
enum {
    CUE_KIND_RELAY = 1,
    CUE_KIND_SERVO = 2,
    CUE_KIND_MOTOR = 3,
    CUE_KIND_BUZZER = 4,
    CUE_KIND_STRIP = 5,
    CUE_KIND_BUTTON = 6
};

// One line of the channel table, generated from hardware/boards/<board>.json.
typedef struct {
    uint8_t kind;
    uint8_t pin;
    uint8_t direction_pin; // motor, else CUE_NO_PIN
    uint8_t pixel_offset;  // strip: its first pixel in the board's pixel buffer
    uint16_t max_on_ms;    // longest on-time without a fresh command; 0 for inputs
    uint16_t min_pause_ms; // shortest time from off to the next on
    uint16_t low;          // servo: centidegrees; buzzer: hertz
    uint16_t high;    // servo, buzzer: as low; motor: permille; strip: pixels; button: debounce ms
    uint16_t low_us;  // servo: pulse width at low
    uint16_t high_us; // servo: pulse width at high
} cue_channel_t;

// Errors of the uart since the last call.
typedef struct {
    uint16_t overruns;
    uint16_t ring_overflows;
    uint16_t framing;
} cue_uart_errors_t;

typedef struct cue_board {
    void *context; // first argument of every function
    uint32_t build;
    uint32_t manifest_crc32;
    uint16_t manifest_size;
    uint8_t channel_count; // at most CUE_CHANNELS_MAX
    uint8_t firmware[3];   // major, minor, patch
    uint8_t reset_cause;   // CUE_RESET_ bits
    uint16_t entropy;      // whatever differs from boot to boot
    uint8_t *pixels;       // three bytes (green, red, blue) for each pixel of all strips
    uint8_t pixel_count;

    cue_channel_t (*channel)(void *context, uint8_t index);   // index < channel_count
    uint8_t (*manifest_byte)(void *context, uint16_t offset); // offset < manifest_size

    uint32_t (*time_ms)(void *context);
    uint32_t (*time_us)(void *context);

    // Makes the channel's pins outputs at their safe value, or an input, without a glitch.
    void (*prepare)(void *context, const cue_channel_t *channel);
    void (*relay_write)(void *context, const cue_channel_t *channel, bool on);
    void (*servo_write)(void *context, const cue_channel_t *channel,
                        uint16_t width_us); // 0: no pulses
    void (*motor_write)(void *context, const cue_channel_t *channel, int16_t speed_permille);
    void (*tone_write)(void *context, const cue_channel_t *channel,
                       uint16_t frequency_hz); // 0: silence
    void (*strip_write)(void *context, const cue_channel_t *channel, const uint8_t *bytes,
                        size_t size);
    bool (*button_read)(void *context, const cue_channel_t *channel); // true: pressed

    size_t (*uart_read)(void *context, uint8_t *bytes, size_t capacity);
    bool (*uart_write)(void *context, const uint8_t *bytes, size_t size); // all of it or nothing
    cue_uart_errors_t (*uart_take_errors)(void *context);

    uint8_t (*store_read)(void *context, uint8_t address); // address < CUE_STORE_SIZE
    void (*store_write)(void *context, uint8_t address, uint8_t byte);

    void (*watchdog_feed)(void *context);
} cue_board_t;

#ifdef __cplusplus
}
#endif

#endif
