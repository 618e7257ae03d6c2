// Turning one channel on and off.
#include "cue_floor.h"
#include "cue_message.h" // reasons
#include <string.h>      // memset

void cue_floor_select(cue_channels_t *channels, uint8_t index) {
    if (channels->index != index) { // reading the table costs more
        const cue_board_t *board = CUE_BOARD(channels);
        channels->index = index;
        channels->bit = (uint16_t)(1u << index);
        channels->state = &channels->states[index];
        board->channel(board->context, index, &channels->channel);
    }
}

uint32_t cue_us(uint16_t time_ms) {
    return 1000u * (uint32_t)time_ms;
}

uint32_t cue_floor_after(const cue_channels_t *channels, uint16_t time_ms) {
    return channels->now_us + cue_us(time_ms);
}

bool cue_floor_over(const cue_channels_t *channels, const cue_channel_state_t *state) {
    return cue_reached(channels->now_us, state->end_us);
}

uint8_t cue_floor_busy_until(cue_channels_t *channels, uint32_t time_us) {
    time_us -= channels->now_us;
    uint32_t left_ms = (time_us & 0x80000000u) != 0 ? 0 : (time_us + 999u) / 1000u;
    channels->remaining_ms = left_ms > UINT16_MAX ? (uint16_t)UINT16_MAX : (uint16_t)left_ms;
    return CUE_NAK_BUSY;
}

// ---- Driving

CUE_APART uint8_t *cue_floor_pixels(const cue_channels_t *channels) {
    return CUE_BOARD(channels)->pixels + 3u * channels->channel.pixel_offset;
}

void cue_floor_draw_strip(cue_channels_t *channels) {
    const cue_board_t *board = CUE_BOARD(channels);
    board->strip_write(board->context, &channels->channel, cue_floor_pixels(channels),
                       3u * (size_t)channels->channel.high);
}

static int16_t servo_width_us(const cue_channel_t *channel, uint16_t angle_cdeg) {
    uint16_t span_us = (uint16_t)(channel->high_us - channel->low_us);
    uint16_t span_cdeg = (uint16_t)(channel->high - channel->low);
    uint16_t turned = (uint16_t)(angle_cdeg - channel->low);
    return (int16_t)(channel->low_us + (uint16_t)((uint32_t)turned * span_us / span_cdeg));
}

void cue_floor_drive_motion(cue_channels_t *channels) {
    const cue_board_t *board = CUE_BOARD(channels);
    const cue_channel_t *channel = &channels->channel;
    uint16_t at = channels->motions[channel->slot].at;
    int16_t value = (int16_t)at;
    if (channel->kind == CUE_KIND_SERVO) {
        value = servo_width_us(channel, at);
    } else if ((channels->state->flags & CUE_BACKWARDS) != 0) {
        value = (int16_t)-value;
    }
    board->drive(board->context, channel, value);
}

static void drive_off(cue_channels_t *channels) {
    const cue_board_t *board = CUE_BOARD(channels);
    const cue_channel_t *channel = &channels->channel;
    if (CUE_HAS(CUE_KIND_STRIP) && channel->kind == CUE_KIND_STRIP) {
        memset(cue_floor_pixels(channels), 0, 3u * (size_t)channel->high);
        cue_floor_draw_strip(channels);
        return;
    }
    if (CUE_HAS(CUE_KIND_STEPPER) && channel->kind == CUE_KIND_STEPPER) {
        board->stepper_run(board->context, channel, 0);
        cue_stepper_stop(&channels->steppers[channel->slot]);
        return;
    }
    board->drive(board->context, channel, 0);
    if (channel->kind == CUE_KIND_MOTOR || channel->kind == CUE_KIND_LIGHT) {
        channels->motions[channel->slot].at = 0; // a servo stays where it is
    }
}

// ---- Off and on

// Moves the end of the pause to `time_us` if it is before that.
static void rest_until(cue_channel_state_t *state, uint32_t time_us) {
    if (cue_reached(time_us, state->end_us)) {
        state->end_us = time_us;
    }
}

void cue_floor_off(cue_channels_t *channels) {
    CUE_OPAQUE(channels);
    cue_channel_state_t *state = channels->state;
    const cue_channel_t *channel = &channels->channel;
    drive_off(channels);
    if ((state->flags & CUE_ON) == 0) {
        return;
    }
    state->flags = CUE_PAUSED;
    state->end_us = cue_floor_after(channels, channel->min_pause_ms);
    uint16_t duty = channel->max_duty_permille;
    if (duty < 1000) {
        uint32_t on_ms = (channels->now_us - state->since_us + 999u) / 1000u;
        rest_until(state, channels->now_us + (on_ms * (1000u - duty) + duty - 1u) / duty * 1000u);
    }
    if (channel->min_period_ms > 0) {
        rest_until(state, state->since_us + cue_us(channel->min_period_ms));
    }
    if (cue_floor_over(channels, state)) {
        state->flags = 0;
        channels->busy &= (uint16_t)~channels->bit;
    }
}

uint8_t cue_floor_refusal(cue_channels_t *channels) {
    CUE_OPAQUE(channels);
    const cue_channel_state_t *state = channels->state;
    if ((CUE_DANGEROUS(channels) & channels->bit & (uint16_t)~channels->unlocked) != 0) {
        return CUE_NAK_LOCKED;
    }
    if ((state->flags & CUE_PAUSED) == 0 || cue_floor_over(channels, state)) {
        return 0;
    }
    return cue_floor_busy_until(channels, state->end_us);
}

void cue_floor_on(cue_channels_t *channels, uint16_t duration_ms) {
    CUE_OPAQUE(channels);
    cue_channel_state_t *state = channels->state;
    const cue_channel_t *channel = &channels->channel;
    uint8_t flags = (uint8_t)((state->flags & (CUE_BACKWARDS | CUE_MOVING)) | CUE_ON);
    bool was_on = (state->flags & CUE_ON) != 0;
    if (!was_on) {
        state->since_us = channels->now_us;
    }
    if (duration_ms == 0) {
        duration_ms = channel->max_on_ms;
        flags |= CUE_CAPPED;
    }
    state->end_us = cue_floor_after(channels, duration_ms);
    if (was_on && channel->max_duty_permille < 1000) {
        // The pause follows from the time on, which fresh commands must not stretch for ever.
        uint32_t last_us = state->since_us + cue_us(channel->max_on_ms);
        if (cue_reached(state->end_us, last_us)) {
            state->end_us = last_us;
            flags |= CUE_CAPPED;
        }
    }
    state->flags = flags;
    channels->busy |= channels->bit;
}

uint8_t cue_floor_busy(cue_channels_t *channels) {
    return cue_floor_busy_until(channels,
                                channels->state->end_us + cue_us(channels->channel.min_pause_ms));
}
