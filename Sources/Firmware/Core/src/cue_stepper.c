// The steps of a stepper motor. With a constant acceleration the n-th step is shorter than the one
// before by 2 / (4n + 1) of it, and needs no root (D. Austin, 2004).
#include "cue_stepper.h"

void cue_stepper_aim(cue_stepper_t *stepper, int32_t target, uint16_t first_us,
                     uint16_t shortest_us) {
    stepper->target = target;
    stepper->first_us = first_us;
    stepper->shortest_us = shortest_us;
}

void cue_stepper_stop(cue_stepper_t *stepper) {
    stepper->ramp = 0;
    stepper->target = stepper->position;
}

static void accelerate(cue_stepper_t *stepper) {
    stepper->length_16ths -= 2u * stepper->length_16ths / (4u * (uint32_t)stepper->ramp + 1u);
    stepper->ramp++;
}

static void decelerate(cue_stepper_t *stepper) {
    stepper->ramp--;
    if (stepper->ramp > 0) {
        stepper->length_16ths += 2u * stepper->length_16ths / (4u * (uint32_t)stepper->ramp + 1u);
    }
}

uint16_t cue_stepper_next(cue_stepper_t *stepper) {
    int32_t left = stepper->backwards ? stepper->position - stepper->target
                                      : stepper->target - stepper->position;
    stepper->stepping = false;
    if (stepper->ramp == 0) { // it stands
        if (left == 0) {
            return 0;
        }
        if (left < 0) {
            stepper->backwards = !stepper->backwards;
            left = -left;
        }
        stepper->length_16ths = (uint32_t)stepper->first_us * 16u;
        if (stepper->first_us < stepper->shortest_us) {
            stepper->length_16ths = (uint32_t)stepper->shortest_us * 16u;
        }
        stepper->ramp = 1;
    } else if (left <= (int32_t)stepper->ramp ||
               stepper->length_16ths < (uint32_t)stepper->shortest_us * 16u) {
        decelerate(stepper); // near the target, past it, or too fast for a new highest speed
        if (stepper->ramp == 0) {
            if (left == 0) {
                return 0;
            }
            if (left < 0) {
                // It had to overrun a new target: it stands for the first step's length, then
                // turns round.
                return stepper->first_us;
            }
            stepper->ramp = 1;
        }
    } else {
        uint32_t before = stepper->length_16ths;
        accelerate(stepper);
        if (stepper->length_16ths < (uint32_t)stepper->shortest_us * 16u) {
            stepper->length_16ths = before; // as fast as it may be
            stepper->ramp--;
        }
    }
    stepper->stepping = true;
    stepper->position += stepper->backwards ? -1 : 1;
    return (uint16_t)(stepper->length_16ths / 16u);
}
