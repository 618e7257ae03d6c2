// A Cuelight board. Its channels are those of hardware/boards/<board>.json.
#include "cue_board_uno.h" // pins, timers, uart, store, watchdog of this board
#include "cue_device.h"    // everything else

static cue_device_t device;

void setup()
{
    cue_device_start(&device, cue_board_uno());
}

void loop()
{
    cue_board_uno_idle(cue_device_step(&device));
}
