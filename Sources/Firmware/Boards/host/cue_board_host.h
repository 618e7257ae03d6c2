// The board that cue_board_table.h describes, without hardware: what its simulator and
// the tests' fake have in common. Either adds a clock, a line and outputs.
#ifndef CUE_BOARD_HOST_H
#define CUE_BOARD_HOST_H

#include "cue_board_table.h" // generated from hardware/boards/<board>.json
#include "cue_device.h"      // what runs on it

enum { CUE_HOST_STEPPERS = 4 };

// What the timer of a stepper has to do next.
typedef struct {
    cue_stepper_t *stepper; // NULL: nothing
    uint32_t next_us;
} cue_host_stepper_t;

typedef struct cue_board_host {
    cue_board_t board;
    cue_device_t device;
    uint8_t store[CUE_STORE_SIZE + CUE_SEQUENCE_BYTES];
    unsigned store_writes;
    uint8_t pixels[3 * CUE_PIXEL_COUNT];
    bool pressed; // buttons
    bool closed;  // switches
    bool estop_open;
    int16_t analog_permille;
    int16_t distance_mm;
    cue_host_stepper_t steppers[CUE_HOST_STEPPERS];
    // Called for each step, or NULL.
    void (*stepped)(struct cue_board_host *host, uint32_t time_us, const cue_stepper_t *stepper);
    const char *violation; // the first thing that a program must never do; 0 while there is none
} cue_board_host_t;

extern const cue_channel_t cue_board_host_channels[CUE_CHANNEL_COUNT];

// A board with its table, manifest, inputs, steppers and blank store; `functions` has the clock, the
// line and the outputs. Each function's context is `host`, which an outer struct may begin with.
void cue_board_host_init(cue_board_host_t *host, const cue_board_t *functions);

// Starts the device, as a reset does.
void cue_board_host_boot(cue_board_host_t *host, uint8_t reset_cause, uint16_t entropy);

// Makes the steps that were due until now; call it before each pass.
void cue_board_host_make_steps(cue_board_host_t *host);

// Notes a violation, if it is the first.
void cue_board_host_judge(cue_board_host_t *host, const char *violation);

#endif
