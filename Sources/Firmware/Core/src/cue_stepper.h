// The steps of a stepper motor: where it stands, where it goes, and how long the next step takes.
// cue_stepper_next() is called by a timer's interrupt; everything else only while no step falls
// into it.
#ifndef CUE_STEPPER_H
#define CUE_STEPPER_H

#include <stdbool.h> // bool
#include <stdint.h>  // fixed-width integers

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int32_t position;        // steps
    int32_t target;          // steps
    uint32_t length_16ths;   // of the last step, in sixteenths of a microsecond
    uint32_t first_16ths;    // the first step's length: the acceleration
    uint32_t shortest_16ths; // the length at the highest speed
    uint16_t ramp;           // how many steps it needs to stop; 0: it stands
    bool backwards;
    bool running;  // the board's timer calls cue_stepper_next()
    bool stepping; // cue_stepper_next() counted a step
} cue_stepper_t;

// A new target with a highest speed of 1000000 / shortest_us steps a second. It may be running:
// then it slows down first where it has to turn round.
void cue_stepper_aim(cue_stepper_t *stepper, int32_t target, uint16_t first_us,
                     uint16_t shortest_us);

// Stands where it is.
void cue_stepper_stop(cue_stepper_t *stepper);

// What is to be done now: if stepper->stepping then says so, one step, backwards if
// stepper->backwards. Returns after how many microseconds to call it again; 0: it has arrived.
uint16_t cue_stepper_next(cue_stepper_t *stepper);

#ifdef __cplusplus
}
#endif

#endif
