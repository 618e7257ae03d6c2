// The seam between the portable Core and a board: time, pins, timers, uart, store, watchdog.
// A board fills in one cue_board_t. No function may block for more than a few bytes' time, but
// strip_write may keep interrupts off for 30 us a pixel.
#ifndef CUE_BOARD_H
#define CUE_BOARD_H

#include "cue_compiler.h" // CUE_APART
#include "cue_stepper.h"  // cue_stepper_t
#include <stdbool.h>      // bool
#include <stddef.h>       // size_t
#include <stdint.h>       // fixed-width integers

// A program for one board is built with -DCUE_FIXED_BOARD: its table is known when the Core is
// compiled, so that there is neither room nor code for what the board does not have. Without it the
// Core fits any board, as the simulator's tests and the agent's codec use it.
#ifdef CUE_FIXED_BOARD
#include "cue_board_table.h" // generated from hardware/boards/<board>.json
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifdef CUE_FIXED_BOARD
enum {
    CUE_CHANNELS_MAX = CUE_CHANNEL_COUNT,
    CUE_KINDS = CUE_KINDS_PRESENT,
    CUE_MOTIONS_MAX = CUE_MOTION_COUNT,
    CUE_EFFECTS_MAX = CUE_STRIP_COUNT,
    CUE_STEPPERS_MAX = CUE_STEPPER_COUNT,
    CUE_READINGS_MAX = CUE_READING_COUNT
};
#else
enum {
    CUE_CHANNELS_MAX = 16,
    CUE_KINDS = 0xFFFF,
    CUE_MOTIONS_MAX = 16,
    CUE_EFFECTS_MAX = 16,
    CUE_STEPPERS_MAX = 16,
    CUE_READINGS_MAX = 16
};
#endif

enum { CUE_STORE_SIZE = 72, CUE_NO_PIN = 255 };

// Kinds of channel, as tools/generate_board.py numbers them.
enum {
    CUE_KIND_RELAY = 1,
    CUE_KIND_SERVO = 2,
    CUE_KIND_MOTOR = 3,
    CUE_KIND_BUZZER = 4,
    CUE_KIND_STRIP = 5,
    CUE_KIND_SOLENOID = 6,
    CUE_KIND_LIGHT = 7,
    CUE_KIND_STEPPER = 8,
    CUE_KIND_BUTTON = 9, // inputs from here on, contacts first
    CUE_KIND_SWITCH = 10,
    CUE_KIND_ANALOG = 11,
    CUE_KIND_DISTANCE = 12
};

// Whether the board has any channel of a kind; false makes the compiler drop what serves it.
#define CUE_HAS(kind) ((CUE_KINDS & (1u << (kind))) != 0)

enum {
    CUE_BRAKE = INT16_MIN,     // drive() of a motor: stands still with its brake on
    CUE_NO_READING = INT16_MIN // input_read(): not yet
};

// One line of the channel table, generated from hardware/boards/<board>.json by
// tools/generate_board.py, which knows the order: what most channels have comes first.
typedef struct {
    uint8_t kind;
    uint8_t pin;
    uint8_t slot;           // its place among those that keep the same kind of state
    uint16_t max_on_ms;     // longest on-time without a fresh command; 0 for inputs
    uint16_t min_pause_ms;  // shortest time from off to the next on
    uint16_t high;          // servo, buzzer: as low; motor, light: permille; strip: pixels; button,
                            // switch: debounce ms; analog: 1000; distance: millimetres
    uint16_t low;           // servo: centidegrees; buzzer: hertz; analog, distance: interval ms
    uint8_t second_pin;     // motor, stepper: direction; distance: echo; else CUE_NO_PIN
    uint8_t third_pin;      // motor: brake; stepper: enable; else CUE_NO_PIN
    uint8_t dangerous;      // 1: needs UNLOCK
    uint8_t pixel_offset;   // strip: its first pixel in the board's pixel buffer
    uint16_t min_period_ms; // shortest time from on to the next on; 0: none
    uint16_t max_duty_permille; // 1000: no limit
    uint16_t limit;    // servo: centidegrees a second; motor: ramp ms; stepper: steps a second;
                       // analog, distance: threshold
    uint16_t low_us;   // servo: pulse width at low; stepper: the first step's length
    uint16_t high_us;  // servo: pulse width at high
    int32_t min_steps; // stepper
    int32_t max_steps;
} cue_channel_t;

// Errors of the uart since the last call.
typedef union {
    uint16_t all[3];
    struct {
        uint16_t framing;
        uint16_t overruns;
        uint16_t ring_overflows;
    };
} cue_uart_errors_t;

typedef struct cue_board {
    void *context; // first argument of every function
    uint32_t build;
    uint32_t manifest_crc32;
    uint16_t manifest_size;
    uint16_t sequence_size; // bytes of program memory, behind CUE_STORE_SIZE in the store
    uint8_t channel_count;  // at most CUE_CHANNELS_MAX
    uint8_t firmware[3];    // major, minor, patch
    uint8_t *pixels;        // three bytes (green, red, blue) for each pixel of all strips
    uint8_t pixel_count;
    bool has_estop; // the board has an input for a wired E-stop

    // Fills in the description; index < channel_count.
    void (*channel)(void *context, uint8_t index, cue_channel_t *channel);
    uint8_t (*manifest_byte)(void *context, uint16_t offset); // offset < manifest_size

    uint32_t (*time_us)(void *context);

    // Makes the channel's pins outputs at their safe value, or an input, without a glitch.
    void (*prepare)(void *context, const cue_channel_t *channel);

    // Drives an output, 0 is off. Relay, solenoid: 1. Servo: pulse width in microseconds. Motor:
    // -1000 to 1000 permille, or CUE_BRAKE. Buzzer: hertz. Light: permille. Not for strips and
    // steppers.
    void (*drive)(void *context, const cue_channel_t *channel, int16_t value);
    void (*strip_write)(void *context, const cue_channel_t *channel, const uint8_t *bytes,
                        size_t size);
    // Has a timer make the steps that cue_stepper_next() tells, from now on; NULL: no more steps,
    // and the driver without current.
    void (*stepper_run)(void *context, const cue_channel_t *channel, cue_stepper_t *stepper);
    // Calls cue_stepper_aim() so that no step falls into it.
    void (*stepper_aim)(void *context, cue_stepper_t *stepper, int32_t target, uint16_t first_us,
                        uint16_t shortest_us);

    // Starts a measurement of an analog or distance channel; false: later.
    bool (*input_start)(void *context, const cue_channel_t *channel);
    // Button, switch: 1 while closed. Analog: permille; distance: millimetres; CUE_NO_READING while
    // it is being measured.
    int16_t (*input_read)(void *context, const cue_channel_t *channel);
    bool (*estop_open)(void *context); // only called if has_estop

    size_t (*uart_read)(void *context, uint8_t *bytes, size_t capacity);
    bool (*uart_write)(void *context, const uint8_t *bytes, size_t size); // all of it or nothing
    cue_uart_errors_t (*uart_take_errors)(void *context);

    // The store: CUE_STORE_SIZE bytes and the program memory. A write may go on for 4 ms; a read or
    // write meanwhile waits for it.
    uint8_t (*store_read)(void *context, uint16_t address);
    void (*store_write)(void *context, uint16_t address, uint8_t byte);
    bool (*store_busy)(void *context);

    void (*watchdog_feed)(void *context);
} cue_board_t;

// The board of a struct with a member `board`. In a program for one board it is a constant, so that
// its functions are called directly.
#ifdef CUE_FIXED_BOARD
extern const cue_board_t cue_fixed_board;
#define CUE_BOARD_MEMBER
#define CUE_BOARD(owner) ((void)(owner), &cue_fixed_board)
#define CUE_SET_BOARD(owner, value) ((void)(owner), (void)(value))
#else
#define CUE_BOARD_MEMBER const cue_board_t *board;
#define CUE_BOARD(owner) ((owner)->board)
#define CUE_SET_BOARD(owner, value) ((owner)->board = (value))
#endif

#ifdef __cplusplus
}
#endif

#endif
