// A board in memory with a clock that tests move, and a judge that watches every output: nothing
// goes on while the board is not armed or the channel locked, no longer than max_on_ms, no sooner than
// its pause, duty and rate allow, no servo or stepper faster than it may.
#ifndef CUE_FAKE_BOARD_H
#define CUE_FAKE_BOARD_H

#include "cue_board_host.h" // the host board, but for clock, line and outputs

enum { FAKE_WIRE_SIZE = 65536, RELAY1 = 0, RELAY2, LAMP, SERVO, MOTOR, BUZZER, STRIP, BUTTON,
       LIGHT, DOOR, KNOB, RANGE, STEPPER, SOLENOID, ARM, FAN };

typedef struct {
    cue_board_host_t host; // first: what the board's functions get is this struct too
    uint64_t time_us;
    uint8_t shown[3 * CUE_PIXEL_COUNT]; // what the strip shows
    bool line_full;                     // uart_write refuses
    cue_uart_errors_t errors;
    bool heard; // bytes were taken in this pass

    uint8_t input[FAKE_WIRE_SIZE];
    size_t input_read, input_size;
    uint8_t output[FAKE_WIRE_SIZE];
    size_t output_size;

    // Per channel: what is driven (0 off), how often it went from off to on, and when.
    int32_t driven[CUE_CHANNEL_COUNT];
    unsigned on_edges[CUE_CHANNEL_COUNT];
    uint64_t on_us[CUE_CHANNEL_COUNT];
    uint64_t fresh_us[CUE_CHANNEL_COUNT]; // the last write while on
    uint64_t off_us[CUE_CHANNEL_COUNT];
    bool braking[CUE_CHANNEL_COUNT];
    int32_t width_us[CUE_CHANNEL_COUNT]; // servos with a speed limit: the last pulse
    uint64_t width_at_us[CUE_CHANNEL_COUNT];
    unsigned steps; // of the stepper
    uint32_t step_us;
} fake_t;

// A blank store, at `time_us` since power-on; not started.
void fake_init(fake_t *fake, uint64_t time_us);

// Starts the device, as a reset does.
void fake_boot(fake_t *fake, uint8_t reset_cause, uint16_t entropy);

// One pass now.
void fake_step(fake_t *fake);

// Passes every 500 us for so long.
void fake_run(fake_t *fake, uint32_t time_ms);

// Puts bytes on the line without a pass.
void fake_put(fake_t *fake, const uint8_t *bytes, size_t size);

#endif
