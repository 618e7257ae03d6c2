// Ports of pins. A pin of the channel table is 8 * port + bit, as tools/generate_board.py counts
// them: ports A to G are 0 to 6, H, J, K and L are 7 to 10.
#ifndef CUE_PINS_AVR_H
#define CUE_PINS_AVR_H

#include <avr/io.h>  // register names
#include <stdbool.h> // bool
#include <stdint.h>  // fixed-width integers

// Constants for a constant pin. PIN, DDR and PORT follow each other.
#ifdef PORTL
#define CUE_AVR_PORT_AT(pin)                                                                       \
    ((pin) < 56 ? 0x22u + 3u * ((pin) / 8u) : 0x102u + 3u * ((pin) / 8u - 7u))
#else
#define CUE_AVR_PORT_AT(pin) (0x22u + 3u * ((pin) / 8u))
#endif
#define CUE_AVR_PORT(pin) (*(volatile uint8_t *)(uint16_t)CUE_AVR_PORT_AT(pin))
#define CUE_AVR_DIRECTION(pin) (*(volatile uint8_t *)(uint16_t)(CUE_AVR_PORT_AT(pin) - 1u))
#define CUE_AVR_INPUT(pin) (*(volatile uint8_t *)(uint16_t)(CUE_AVR_PORT_AT(pin) - 2u))
#define CUE_AVR_BIT(pin) ((uint8_t)(1u << ((pin) % 8u)))

// For any pin, also while interrupts change other pins of its port.
void cue_pin_avr_write(uint8_t pin, bool high);
bool cue_pin_avr_read(uint8_t pin);
void cue_pin_avr_output(uint8_t pin); // low first, if it was an input without pull-up
void cue_pin_avr_pull_up(uint8_t pin);

#endif
