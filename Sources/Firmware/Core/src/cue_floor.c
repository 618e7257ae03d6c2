// Turning one channel on and off.
#include "cue_floor.h"
#include "cue_message.h" // reasons
#include <string.h>      // memset

void cue_floor_select(cue_channels_t *channels, uint8_t index) {
    if (channels->index != index) { // reading the table costs more
        const cue_board_t *board = CUE_BOARD(channels);
        channels->index = index;
        board->channel(board->context, index, &channels->channel);
    }
}

uint32_t cue_floor_until(const cue_channels_t *channels, uint32_t time_us) {
    return cue_reached(channels->now_us, time_us) ? 0 : (uint32_t)(time_us - channels->now_us);
}

uint16_t cue_floor_ms(uint32_t time_us) {
    uint32_t time_ms = (time_us + 999u) / 1000u;
    return time_ms > UINT16_MAX ? (uint16_t)UINT16_MAX : (uint16_t)time_ms;
}

// ---- Driving

static uint8_t *pixels_of(const cue_channels_t *channels) {
    return CUE_BOARD(channels)->pixels + 3u * channels->channel.pixel_offset;
}

void cue_floor_draw_strip(cue_channels_t *channels) {
    const cue_board_t *board = CUE_BOARD(channels);
    board->strip_write(board->context, &channels->channel, pixels_of(channels),
                       3u * (size_t)channels->channel.high);
}

static int16_t servo_width_us(const cue_channel_t *channel, uint16_t angle_cdeg) {
    uint32_t span_us = (uint32_t)channel->high_us - channel->low_us;
    uint32_t span_cdeg = (uint32_t)channel->high - channel->low;
    return (int16_t)(channel->low_us +
                     (uint16_t)(((uint32_t)angle_cdeg - channel->low) * span_us / span_cdeg));
}

void cue_floor_drive_motion(cue_channels_t *channels) {
    const cue_board_t *board = CUE_BOARD(channels);
    const cue_channel_t *channel = &channels->channel;
    uint16_t at = channels->motions[channel->slot].at;
    int16_t value = (int16_t)at;
    if (channel->kind == CUE_KIND_SERVO) {
        value = servo_width_us(channel, at);
    } else if ((cue_floor_state(channels)->flags & CUE_BACKWARDS) != 0) {
        value = (int16_t)-value;
    }
    board->drive(board->context, channel, value);
}

static void drive_off(cue_channels_t *channels) {
    const cue_board_t *board = CUE_BOARD(channels);
    const cue_channel_t *channel = &channels->channel;
    if (CUE_HAS(CUE_KIND_STRIP) && channel->kind == CUE_KIND_STRIP) {
        memset(pixels_of(channels), 0, 3u * (size_t)channel->high);
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

static uint32_t longer(uint32_t one, uint32_t other) {
    return one > other ? one : other;
}

// How long a channel that goes off now stays off.
static uint32_t pause_us(const cue_channels_t *channels, const cue_channel_state_t *state) {
    const cue_channel_t *channel = &channels->channel;
    uint32_t pause = 1000u * (uint32_t)channel->min_pause_ms;
    if (channel->max_duty_permille < 1000) {
        uint32_t on_ms = (channels->now_us - state->since_us + 999u) / 1000u;
        uint16_t duty = channel->max_duty_permille;
        pause = longer(pause, (on_ms * (1000u - duty) + duty - 1u) / duty * 1000u);
    }
    if (channel->min_period_ms > 0) {
        uint32_t next_us = state->since_us + 1000u * (uint32_t)channel->min_period_ms;
        pause = longer(pause, cue_floor_until(channels, next_us));
    }
    return pause;
}

void cue_floor_off(cue_channels_t *channels) {
    cue_channel_state_t *state = cue_floor_state(channels);
    drive_off(channels);
    if ((state->flags & CUE_ON) != 0) {
        uint32_t pause = pause_us(channels, state);
        state->end_us = channels->now_us + pause;
        state->flags = pause > 0 ? CUE_PAUSED : 0;
        if (pause == 0) {
            channels->busy &= (uint16_t)~(uint16_t)(1u << channels->index);
        }
    }
}

uint8_t cue_floor_refusal(cue_channels_t *channels) {
    cue_channel_state_t *state = cue_floor_state(channels);
    uint16_t bit = (uint16_t)(1u << channels->index);
    if ((channels->dangerous & bit) != 0 && (channels->unlocked & bit) == 0) {
        return CUE_NAK_LOCKED;
    }
    uint32_t left = (state->flags & CUE_PAUSED) != 0 ? cue_floor_until(channels, state->end_us) : 0;
    if (left == 0) {
        return 0;
    }
    channels->remaining_ms = cue_floor_ms(left);
    return CUE_NAK_BUSY;
}

void cue_floor_on(cue_channels_t *channels, uint16_t duration_ms) {
    cue_channel_state_t *state = cue_floor_state(channels);
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
    state->end_us = channels->now_us + 1000u * (uint32_t)duration_ms;
    if (was_on && channel->max_duty_permille < 1000) {
        // The pause follows from the time on, which fresh commands must not stretch for ever.
        uint32_t last_us = state->since_us + 1000u * (uint32_t)channel->max_on_ms;
        if (cue_reached(state->end_us, last_us)) {
            state->end_us = last_us;
            flags |= CUE_CAPPED;
        }
    }
    state->flags = flags;
    channels->busy |= (uint16_t)(1u << channels->index);
}

uint8_t cue_floor_busy(cue_channels_t *channels) {
    uint32_t left = cue_floor_until(channels, cue_floor_state(channels)->end_us);
    channels->remaining_ms =
        cue_floor_ms(left + 1000u * (uint32_t)channels->channel.min_pause_ms);
    return CUE_NAK_BUSY;
}
