// Boards with an ATmega328P or an ATmega2560 as a cue_board_t (cue_fixed_board).
#ifndef CUE_BOARD_AVR_H
#define CUE_BOARD_AVR_H

#include <stdint.h> // fixed-width integers

// Sets up timers, uart and watchdog. Call once, before cue_device_start().
void cue_board_avr_start(void);

// Why the chip was reset (CUE_RESET_ bits). Call once.
uint8_t cue_board_avr_reset_cause(void);

// What differs from boot to boot.
uint16_t cue_board_avr_entropy(void);

// Sleeps until the next interrupt when nothing is to be done for `idle_us` and no byte waits.
void cue_board_avr_idle(uint16_t idle_us);

#endif
