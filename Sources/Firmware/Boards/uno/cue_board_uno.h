// The Arduino Uno (ATmega328P) as a cue_board_t.
#ifndef CUE_BOARD_UNO_H
#define CUE_BOARD_UNO_H

#include "cue_board.h" // cue_board_t

#ifdef __cplusplus
extern "C" {
#endif

// Sets up timers, uart and watchdog. Call once, before cue_device_start().
const cue_board_t *cue_board_uno(void);

// Sleeps until the next interrupt when nothing is to be done for `idle_us` and no byte waits.
void cue_board_uno_idle(uint32_t idle_us);

#ifdef __cplusplus
}
#endif

#endif
