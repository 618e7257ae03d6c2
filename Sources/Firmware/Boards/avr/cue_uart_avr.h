// UART 0 of the Uno with rings and interrupts of its own, because the Arduino core's Serial hides
// overruns.
#ifndef CUE_UART_AVR_H
#define CUE_UART_AVR_H

#include "cue_board.h" // cue_uart_errors_t

void cue_uart_avr_start(void);
size_t cue_uart_avr_read(void *context, uint8_t *bytes, size_t capacity);
bool cue_uart_avr_write(void *context, const uint8_t *bytes, size_t size);
cue_uart_errors_t cue_uart_avr_take_errors(void *context);

// Takes a byte from the receiver if it has one; for those who keep interrupts off for longer.
void cue_uart_avr_poll(void);

// Whether a received byte waits. Call with interrupts off before sleeping.
bool cue_uart_avr_waiting(void);

#endif
