// What an AVR board measures: contacts, analog inputs, an HC-SR04's echo, the wired E-stop.
#ifndef CUE_INPUTS_AVR_H
#define CUE_INPUTS_AVR_H

#include "cue_board.h" // cue_channel_t

bool cue_input_avr_start(void *context, const cue_channel_t *channel);
int16_t cue_input_avr_read(void *context, const cue_channel_t *channel);
bool cue_estop_avr_open(void *context);

// One conversion, 0 to 1023; blocks for 0.1 ms.
uint16_t cue_analog_avr_convert(uint8_t input);

#endif
