// Ports and bits of the Uno's pins, for code that cannot wait for digitalWrite().
#ifndef CUE_PINS_UNO_H
#define CUE_PINS_UNO_H

#include "cue_board_table.h" // CUE_PIN_…
#include <avr/io.h>          // PORTB …

// Compile-time constants for a constant pin: 0..7 are port D, 8..13 port B, 14..19 port C.
#define CUE_UNO_PORT(pin) (*((pin) < 8 ? &PORTD : (pin) < 14 ? &PORTB : &PORTC))
#define CUE_UNO_INPUT(pin) (*((pin) < 8 ? &PIND : (pin) < 14 ? &PINB : &PINC))
#define CUE_UNO_BIT(pin) ((uint8_t)(1u << ((pin) < 8 ? (pin) : (pin) < 14 ? (pin)-8 : (pin)-14)))

#endif
