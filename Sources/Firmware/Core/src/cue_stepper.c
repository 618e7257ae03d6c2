// The steps of a stepper motor. With a constant acceleration the n-th step is shorter than the one
// before by 2 / (4n + 1) of it, and needs no root (D. Austin, 2004).
#include "cue_stepper.h"

void cue_stepper_aim(cue_stepper_t *stepper, int32_t target, uint16_t first_us,
                     uint16_t shortest_us) {
    stepper->target = target;
    stepper->shortest_16ths = (uint32_t)shortest_us * 16u;
    stepper->first_16ths = (uint32_t)(first_us < shortest_us ? shortest_us : first_us) * 16u;
}

void cue_stepper_stop(cue_stepper_t *stepper) {
    stepper->ramp = 0;
    stepper->target = stepper->position;
}

uint16_t cue_stepper_next(cue_stepper_t *stepper) {
    int32_t left = stepper->target - stepper->position;
    uint32_t length = stepper->length_16ths;
    uint16_t ramp = stepper->ramp;
    left = stepper->backwards ? -left : left;
    stepper->stepping = false;
    // Near the target, past it, or too fast for a new highest speed.
    bool slower = left <= (int32_t)ramp || length < stepper->shortest_16ths;
    bool stood = ramp == 0;
    if (!stood && slower) {
        ramp--;
    }
    if (ramp == 0) { // it stands
        stepper->ramp = 0;
        if (left == 0) {
            return 0;
        }
        if (left < 0) {
            stepper->backwards = !stepper->backwards;
            if (!stood) {
                // It had to overrun a new target: it stands for the first step's length, then
                // turns round.
                return (uint16_t)(stepper->first_16ths / 16u);
            }
        }
        length = stood ? stepper->first_16ths : length;
        ramp = 1;
    } else {
        uint32_t change = 2u * length / (4u * (uint32_t)ramp + 1u);
        if (slower) {
            length += change;
        } else if (length - change >= stepper->shortest_16ths) {
            length -= change;
            ramp++;
        }
    }
    stepper->ramp = ramp;
    stepper->length_16ths = length;
    stepper->stepping = true;
    stepper->position += stepper->backwards ? -1 : 1;
    return (uint16_t)(length / 16u);
}
