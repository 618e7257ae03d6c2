// What an AVR, with 32 KB of flash and 2 KB of RAM, is told about the Core. Elsewhere it means
// nothing.
#ifndef CUE_COMPILER_H
#define CUE_COMPILER_H

#ifdef __AVR__
#include <avr/pgmspace.h> // PROGMEM

// A function of its own, not copied to where it is called: the compiler underestimates the room
// that such copies take.
#define CUE_APART __attribute__((noinline))

// Forgets that a pointer is to a place known to the linker: what lies within 64 bytes behind a
// pointer is reached with instructions of half the size.
#define CUE_OPAQUE(pointer) __asm__("" : "+r"(pointer))

// A table of constants lies in flash, which has instructions of its own.
#define CUE_FLASH PROGMEM
#define cue_flash_u8(place) pgm_read_byte(place)
#define cue_flash_u16(place) pgm_read_word(place)
#else
#define CUE_APART
#define CUE_OPAQUE(pointer) ((void)0)
#define CUE_FLASH
#define cue_flash_u8(place) (*(place))
#define cue_flash_u16(place) (*(place))
#endif

#endif
