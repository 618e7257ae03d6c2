// The board that hardware/boards/host.json describes, without hardware: what its simulator and
// the tests' fake have in common. Either adds a clock, a line and outputs.
#ifndef CUE_BOARD_HOST_H
#define CUE_BOARD_HOST_H

#include "cue_board_table.h" // generated from hardware/boards/host.json
#include "cue_device.h"      // what runs on it

typedef struct {
    cue_board_t board;
    cue_device_t device;
    uint8_t store[CUE_STORE_SIZE];
    unsigned store_writes;
    uint8_t pixels[3 * CUE_PIXEL_COUNT];
    bool pressed;
    const char *violation; // the first thing that a program must never do; 0 while there is none
} cue_board_host_t;

extern const cue_channel_t cue_board_host_channels[CUE_CHANNEL_COUNT];

// A board with its table, manifest, button and blank store; `functions` has the clock, the line
// and the outputs. Each function's context is `host`, which an outer struct may begin with.
void cue_board_host_init(cue_board_host_t *host, const cue_board_t *functions);

// Starts the device, as a reset does.
void cue_board_host_boot(cue_board_host_t *host, uint8_t reset_cause, uint16_t entropy);

// Notes a violation, if it is the first.
void cue_board_host_judge(cue_board_host_t *host, const char *violation);

#endif
