// All channels of a board.
#include "cue_channels.h"
#include "cue_floor.h"   // one of them on and off
#include "cue_message.h" // CUE_EFFECT_…
#include <string.h>      // memset

enum { INPUT_US = 250, INPUTS_PER_PASS = 4 };

#ifndef CUE_FIXED_BOARD
static bool is_input(uint8_t kind) {
    return kind >= CUE_KIND_BUTTON;
}
#endif

static bool is_contact(uint8_t kind) {
    return kind <= CUE_KIND_SWITCH; // of an input
}

static void take_time(cue_channels_t *channels) {
    const cue_board_t *board = CUE_BOARD(channels);
    channels->now_us = board->time_us(board->context);
}

void cue_channels_start(cue_channels_t *channels, const cue_board_t *board) {
    CUE_SET_BOARD(channels, board);
    channels->index = UINT8_MAX;
    take_time(channels);
    for (uint8_t index = 0; index < board->channel_count; index++) {
        cue_floor_select(channels, index);
        const cue_channel_t *channel = &channels->channel;
        board->prepare(board->context, channel);
        channels->state->end_us = channels->now_us;
#ifndef CUE_FIXED_BOARD
        channels->inputs |= is_input(channel->kind) ? channels->bit : (uint16_t)0;
        channels->dangerous |= channel->dangerous != 0 ? channels->bit : (uint16_t)0;
#endif
        if (CUE_HAS(CUE_KIND_SERVO) && channel->kind == CUE_KIND_SERVO) {
            channels->motions[channel->slot].at = CUE_UNKNOWN;
        }
    }
    cue_channels_off(channels, (uint16_t)~CUE_INPUTS(channels));
}

void cue_channels_armed(cue_channels_t *channels) {
    memset(channels->steppers, 0, sizeof channels->steppers); // they stand
}

void cue_channels_off(cue_channels_t *channels, uint16_t mask) {
    take_time(channels);
    for (uint8_t index = 0; index < CUE_BOARD(channels)->channel_count; index++) {
        if ((mask & (uint16_t)(1u << index)) != 0) {
            cue_floor_select(channels, index);
            cue_floor_off(channels);
        }
    }
}

void cue_channels_unlock(cue_channels_t *channels, uint16_t mask) {
    channels->unlocked = mask;
    cue_channels_off(channels, (uint16_t)(CUE_DANGEROUS(channels) & (uint16_t)~mask &
                                          cue_channels_active(channels)));
}

void cue_channels_safe(cue_channels_t *channels) {
    channels->unlocked = 0;
    cue_channels_off(channels, (uint16_t)~CUE_INPUTS(channels));
}

// ---- One pass

// A level counts when it has stood for debounce_ms.
static void tick_contact(cue_channels_t *channels, cue_channel_state_t *state) {
    const cue_board_t *board = CUE_BOARD(channels);
    bool closed = board->input_read(board->context, &channels->channel) != 0;
    if (closed == ((state->flags & CUE_ON) != 0)) {
        state->flags &= (uint8_t)~CUE_SETTLING;
    } else if ((state->flags & CUE_SETTLING) == 0) {
        state->flags |= CUE_SETTLING;
        state->end_us = cue_floor_after(channels, channels->channel.high);
    } else if (cue_floor_over(channels, state)) {
        state->flags = (uint8_t)(state->flags ^ (CUE_ON | CUE_SETTLING));
        channels->changed ^= channels->bit;
    }
}

// Starts a measurement each interval, and compares what came with what was told.
static void tick_reading(cue_channels_t *channels, cue_channel_state_t *state) {
    const cue_board_t *board = CUE_BOARD(channels);
    const cue_channel_t *channel = &channels->channel;
    cue_reading_t *reading = &channels->readings[channel->slot];
    bool over = cue_floor_over(channels, state);
    if ((state->flags & CUE_SETTLING) != 0) {
        int16_t value = board->input_read(board->context, channel);
        if (value == CUE_NO_READING && !over) {
            return;
        }
        state->flags &= (uint8_t)~CUE_SETTLING;
        if (value < 0 || value > (int16_t)channel->high) {
            value = (int16_t)channel->high; // no echo: nothing is near
        }
        if (cue_distance((uint16_t)value, (uint16_t)reading->told) >= channel->limit) {
            reading->value = value;
            channels->changed |= channels->bit;
        }
        return;
    }
    if (over && board->input_start(board->context, channel)) {
        state->flags |= CUE_SETTLING;
        state->end_us = cue_floor_after(channels, channel->low);
    }
}

CUE_APART static void tick_input(cue_channels_t *channels) {
    uint8_t index = channels->looked;
    do {
        index++;
        index = index >= CUE_BOARD(channels)->channel_count ? 0 : index;
    } while ((CUE_INPUTS(channels) & (uint16_t)(1u << index)) == 0);
    channels->looked = index;
    cue_floor_select(channels, index);
    if (is_contact(channels->channel.kind)) {
        tick_contact(channels, channels->state);
    } else {
        tick_reading(channels, channels->state);
    }
}

// Looks at one input for each INPUT_US that passed, so that a pass stays short and yet each is
// looked at every millisecond or so.
static void tick_inputs(cue_channels_t *channels) {
    uint16_t passed_us = (uint16_t)((uint16_t)channels->now_us - channels->inputs_us);
    if (CUE_INPUTS(channels) == 0 || passed_us < INPUT_US) {
        return;
    }
    channels->inputs_us = (uint16_t)channels->now_us;
    for (uint8_t count = 0; count < INPUTS_PER_PASS && passed_us >= INPUT_US; count++) {
        tick_input(channels);
        passed_us = (uint16_t)(passed_us - INPUT_US);
    }
}

CUE_APART static void draw_effect(cue_channels_t *channels) {
    const cue_channel_t *channel = &channels->channel;
    cue_effect_draw(&channels->effects[channel->slot], cue_floor_pixels(channels),
                    (uint8_t)channel->high);
    cue_floor_draw_strip(channels);
}

// The next picture of something that moves.
static void tick_motion(cue_channels_t *channels, cue_channel_state_t *state) {
    const cue_channel_t *channel = &channels->channel;
    if (CUE_HAS(CUE_KIND_STEPPER) && channel->kind == CUE_KIND_STEPPER) {
        return;
    }
    if (CUE_HAS(CUE_KIND_STRIP) && channel->kind == CUE_KIND_STRIP) {
        if (channels->frames % CUE_EFFECT_FRAMES == 0) {
            draw_effect(channels);
        }
        return;
    }
    cue_motion_t *motion = &channels->motions[channel->slot];
    if (cue_motion_step(motion, channels->now_us)) {
        state->flags &= (uint8_t)~CUE_MOVING;
        if (motion->at == 0 && channel->kind == CUE_KIND_LIGHT) {
            cue_floor_off(channels); // faded out
            return;
        }
    }
    cue_floor_drive_motion(channels);
}

// A stepper that has arrived is held for as long as was asked for.
static void tick_stepper(cue_channels_t *channels, uint8_t index) {
    cue_channel_state_t *state = &channels->states[index];
    cue_floor_select(channels, index);
    uint8_t slot = channels->channel.slot;
    if (channels->channel.kind != CUE_KIND_STEPPER || channels->steppers[slot].running) {
        return;
    }
    state->flags &= (uint8_t)~CUE_MOVING;
    uint32_t end_us = cue_floor_after(channels, channels->holds_ms[slot]);
    if (channels->holds_ms[slot] > 0 && cue_reached(state->end_us, end_us)) {
        state->end_us = end_us;
        state->flags &= (uint8_t)~CUE_CAPPED;
    }
}

// Whatever an output that is on has to do; true when its time is over.
static bool tick_output(cue_channels_t *channels, uint8_t index, bool frame) {
    cue_channel_state_t *state = &channels->states[index];
    bool moving = (state->flags & CUE_MOVING) != 0;
    if (CUE_HAS(CUE_KIND_STEPPER) && moving) {
        tick_stepper(channels, index);
    }
    uint32_t left_us = state->end_us - channels->now_us;
    if ((int32_t)left_us <= 0) {
        return true;
    }
    if (left_us < channels->idle_us) {
        channels->idle_us = (uint16_t)left_us;
    }
    if (moving) {
        channels->idle_us = 0;
        if (frame) {
            cue_floor_select(channels, index);
            tick_motion(channels, state);
        }
    }
    return false;
}

// Outputs that are on or paused.
CUE_APART static uint16_t tick_outputs(cue_channels_t *channels, bool frame) {
    uint16_t cut = 0, bit = 1;
    for (uint8_t index = 0; bit <= channels->busy && bit != 0;
         index++, bit = (uint16_t)(bit << 1)) {
        cue_channel_state_t *state = &channels->states[index];
        if ((channels->busy & bit) == 0) {
            continue;
        }
        if ((state->flags & CUE_ON) == 0) {
            if (cue_floor_over(channels, state)) { // its pause is over
                state->flags = 0;
                channels->busy &= (uint16_t)~bit;
            }
        } else if (tick_output(channels, index, frame)) {
            cut = (uint16_t)(cut | ((state->flags & CUE_CAPPED) != 0 ? bit : 0u));
            cue_floor_select(channels, index);
            cue_floor_off(channels);
        }
    }
    return cut;
}

uint16_t cue_channels_tick(cue_channels_t *channels) {
    take_time(channels);
    bool frame = (uint16_t)((uint16_t)channels->now_us - channels->frame_us) >= CUE_FRAME_US;
    channels->idle_us = CUE_IDLE_MAX_US;
    if (frame) {
        channels->frame_us = (uint16_t)(channels->frame_us + CUE_FRAME_US);
        channels->frames++;
    }
    tick_inputs(channels);
    return channels->busy != 0 ? tick_outputs(channels, frame) : (uint16_t)0;
}

// ---- What they tell

bool cue_channels_news(cue_channels_t *channels, uint8_t *index, int16_t *value) {
    if (channels->changed == 0) {
        return false;
    }
    uint8_t first = 0;
    for (uint16_t changed = channels->changed; (changed & 1u) == 0; changed >>= 1) {
        first++;
    }
    cue_floor_select(channels, first);
    channels->changed &= (uint16_t)~channels->bit;
    *index = first;
    *value = (channels->state->flags & CUE_ON) != 0 ? 1 : 0;
    if (!is_contact(channels->channel.kind)) {
        cue_reading_t *reading = &channels->readings[channels->channel.slot];
        reading->told = reading->value;
        *value = reading->value;
    }
    return true;
}

uint16_t cue_channels_active(const cue_channels_t *channels) {
    uint16_t active = 0;
    for (uint8_t index = 0; index < CUE_BOARD(channels)->channel_count; index++) {
        if ((channels->states[index].flags & CUE_ON) != 0) {
            active = (uint16_t)(active | (uint16_t)(1u << index));
        }
    }
    return active;
}

CUE_APART bool cue_channels_driving(const cue_channels_t *channels) {
    return (cue_channels_active(channels) & (uint16_t)~CUE_INPUTS(channels)) != 0;
}

uint16_t cue_channels_idle_us(const cue_channels_t *channels) {
    return channels->idle_us;
}
