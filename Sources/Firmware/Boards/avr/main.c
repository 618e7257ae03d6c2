// A Cuelight board. Its channels are those of hardware/boards/<board>.json.
#include "cue_board_avr.h" // pins, timers, uart, store, watchdog
#include "cue_device.h"    // everything else

int main(void) __attribute__((OS_main)); // nobody comes back to what called it
int main(void) {
    static cue_device_t memory;
    cue_device_t *device = &memory;
    cue_board_avr_start();
    uint8_t cause = cue_board_avr_reset_cause();
    cue_device_start(device, &cue_fixed_board, cause, cue_board_avr_entropy());
    for (;;) {
        cue_board_avr_idle(cue_device_step(device));
    }
}
