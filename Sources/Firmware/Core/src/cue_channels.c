// The channels of a board and their safety floor.
#include "cue_channels.h"
#include "cue_bytes.h"   // little-endian arguments
#include "cue_message.h" // operations, reasons
#include <string.h>      // memset

static const cue_outcome_t EXECUTED = {0, 0};

static cue_outcome_t refused(uint8_t reason) {
    cue_outcome_t outcome = {reason, 0};
    return outcome;
}

static cue_channel_t describe(const cue_channels_t *channels, uint8_t index) {
    return channels->board->channel(channels->board->context, index);
}

static uint32_t now_us(const cue_channels_t *channels) {
    return channels->board->time_us(channels->board->context);
}

// True when `time` is not after `now`; right for distances below 2^31 us, which is 35 minutes.
static bool reached(uint32_t now, uint32_t time) {
    return (uint32_t)(now - time) < 0x80000000u;
}

static uint32_t until(uint32_t now, uint32_t time) {
    return reached(now, time) ? 0 : (uint32_t)(time - now);
}

static uint16_t saturated_ms(uint32_t time_us) {
    uint32_t time_ms = time_us / 1000u + (time_us % 1000u != 0 ? 1u : 0u);
    return time_ms > UINT16_MAX ? (uint16_t)UINT16_MAX : (uint16_t)time_ms;
}

// ---- Driving the hardware

static void write_strip(const cue_channels_t *channels, const cue_channel_t *channel) {
    const cue_board_t *board = channels->board;
    board->strip_write(board->context, channel, board->pixels + 3u * channel->pixel_offset,
                       3u * (size_t)channel->high);
}

static void write_off(cue_channels_t *channels, const cue_channel_t *channel) {
    const cue_board_t *board = channels->board;
    switch (channel->kind) {
    case CUE_KIND_RELAY:
        board->relay_write(board->context, channel, false);
        break;
    case CUE_KIND_SERVO:
        board->servo_write(board->context, channel, 0);
        break;
    case CUE_KIND_MOTOR:
        board->motor_write(board->context, channel, 0);
        break;
    case CUE_KIND_BUZZER:
        board->tone_write(board->context, channel, 0);
        break;
    case CUE_KIND_STRIP:
        memset(board->pixels + 3u * channel->pixel_offset, 0, 3u * (size_t)channel->high);
        write_strip(channels, channel);
        break;
    default:
        break;
    }
}

static void turn_off(cue_channels_t *channels, uint8_t index, const cue_channel_t *channel) {
    cue_channel_state_t *state = &channels->states[index];
    write_off(channels, channel);
    if (state->on) {
        state->pause_end_us = now_us(channels) + 1000u * (uint32_t)channel->min_pause_ms;
        state->paused = channel->min_pause_ms > 0;
    }
    state->on = false;
    state->pulse = false;
    state->capped = false;
}

// Notes that the channel is on from now; the caller has driven it.
static void turned_on(cue_channels_t *channels, uint8_t index, const cue_channel_t *channel,
                      uint16_t duration_ms) {
    cue_channel_state_t *state = &channels->states[index];
    uint32_t on_ms = duration_ms > 0 ? duration_ms : channel->max_on_ms;
    state->end_us = now_us(channels) + 1000u * on_ms;
    state->on = true;
    state->pulse = false;
    state->capped = duration_ms == 0;
    state->paused = false;
}

// ---- Refusals

static cue_outcome_t busy(uint32_t time_us) {
    cue_outcome_t outcome = {CUE_NAK_BUSY, saturated_ms(time_us)};
    return outcome;
}

static cue_outcome_t busy_until_off(const cue_channels_t *channels, uint8_t index,
                                    const cue_channel_t *channel) {
    uint32_t left = until(now_us(channels), channels->states[index].end_us);
    return busy(left + 1000u * (uint32_t)channel->min_pause_ms);
}

// Whether the channel's pause forbids turning it on.
static cue_outcome_t check_pause(cue_channels_t *channels, uint8_t index) {
    cue_channel_state_t *state = &channels->states[index];
    uint32_t left = state->paused ? until(now_us(channels), state->pause_end_us) : 0;
    return left > 0 ? busy(left) : EXECUTED;
}

// ---- Operations. Each has `size` bytes of arguments, which execute() has checked.

static cue_outcome_t execute_set(cue_channels_t *channels, uint8_t index,
                                 const cue_channel_t *channel, const uint8_t *arguments) {
    uint8_t on = arguments[0];
    uint16_t duration_ms = cue_read_u16(arguments + 1);
    if (on > 1 || duration_ms > channel->max_on_ms || (on == 0 && duration_ms != 0)) {
        return refused(CUE_NAK_OUT_OF_RANGE);
    }
    if (on == 0) {
        turn_off(channels, index, channel);
        return EXECUTED;
    }
    if (channels->states[index].pulse) {
        return busy_until_off(channels, index, channel);
    }
    cue_outcome_t pause = check_pause(channels, index);
    if (pause.reason != 0) {
        return pause;
    }
    channels->board->relay_write(channels->board->context, channel, true);
    turned_on(channels, index, channel, duration_ms);
    return EXECUTED;
}

static cue_outcome_t execute_pulse(cue_channels_t *channels, uint8_t index,
                                   const cue_channel_t *channel, const uint8_t *arguments) {
    uint16_t duration_ms = cue_read_u16(arguments);
    if (duration_ms == 0 || duration_ms > channel->max_on_ms) {
        return refused(CUE_NAK_OUT_OF_RANGE);
    }
    if (channels->states[index].on) {
        return busy_until_off(channels, index, channel);
    }
    cue_outcome_t pause = check_pause(channels, index);
    if (pause.reason != 0) {
        return pause;
    }
    channels->board->relay_write(channels->board->context, channel, true);
    turned_on(channels, index, channel, duration_ms);
    channels->states[index].pulse = true;
    return EXECUTED;
}

static uint16_t servo_width_us(const cue_channel_t *channel, uint16_t angle_cdeg) {
    uint32_t span_us = (uint32_t)channel->high_us - channel->low_us;
    uint32_t span_cdeg = (uint32_t)channel->high - channel->low;
    uint32_t part_us = span_cdeg == 0 ? 0 : (angle_cdeg - channel->low) * span_us / span_cdeg;
    return (uint16_t)(channel->low_us + part_us);
}

static cue_outcome_t execute_target(cue_channels_t *channels, uint8_t index,
                                    const cue_channel_t *channel, const uint8_t *arguments) {
    uint16_t angle_cdeg = cue_read_u16(arguments);
    uint16_t hold_ms = cue_read_u16(arguments + 2);
    if (angle_cdeg < channel->low || angle_cdeg > channel->high || hold_ms > channel->max_on_ms) {
        return refused(CUE_NAK_OUT_OF_RANGE);
    }
    cue_outcome_t pause = check_pause(channels, index);
    if (pause.reason != 0) {
        return pause;
    }
    channels->board->servo_write(channels->board->context, channel,
                                 servo_width_us(channel, angle_cdeg));
    turned_on(channels, index, channel, hold_ms);
    return EXECUTED;
}

static cue_outcome_t execute_drive(cue_channels_t *channels, uint8_t index,
                                   const cue_channel_t *channel, const uint8_t *arguments) {
    cue_channel_state_t *state = &channels->states[index];
    uint16_t raw = cue_read_u16(arguments);
    uint16_t duration_ms = cue_read_u16(arguments + 2);
    bool backwards = raw >= 0x8000u;
    uint16_t magnitude = backwards ? (uint16_t)(0x10000u - raw) : raw;
    if (magnitude > channel->high || duration_ms > channel->max_on_ms ||
        (magnitude == 0 && duration_ms != 0)) {
        return refused(CUE_NAK_OUT_OF_RANGE);
    }
    if (magnitude == 0) {
        turn_off(channels, index, channel);
        return EXECUTED;
    }
    if (state->on && state->backwards != backwards) {
        return busy_until_off(channels, index, channel);
    }
    cue_outcome_t pause = check_pause(channels, index);
    if (pause.reason != 0) {
        return pause;
    }
    int16_t speed = (int16_t)(backwards ? -(int16_t)magnitude : (int16_t)magnitude);
    channels->board->motor_write(channels->board->context, channel, speed);
    turned_on(channels, index, channel, duration_ms);
    state->backwards = backwards;
    return EXECUTED;
}

static cue_outcome_t execute_tone(cue_channels_t *channels, uint8_t index,
                                  const cue_channel_t *channel, const uint8_t *arguments) {
    uint16_t frequency_hz = cue_read_u16(arguments);
    uint16_t duration_ms = cue_read_u16(arguments + 2);
    if (frequency_hz < channel->low || frequency_hz > channel->high ||
        duration_ms > channel->max_on_ms) {
        return refused(CUE_NAK_OUT_OF_RANGE);
    }
    cue_outcome_t pause = check_pause(channels, index);
    if (pause.reason != 0) {
        return pause;
    }
    channels->board->tone_write(channels->board->context, channel, frequency_hz);
    turned_on(channels, index, channel, duration_ms);
    return EXECUTED;
}

static bool any_lit(const uint8_t *bytes, size_t size) {
    for (size_t index = 0; index < size; index++) {
        if (bytes[index] != 0) {
            return true;
        }
    }
    return false;
}

static cue_outcome_t execute_fill(cue_channels_t *channels, uint8_t index,
                                  const cue_channel_t *channel, const uint8_t *arguments) {
    uint8_t first = arguments[3];
    uint8_t count = arguments[4];
    uint16_t duration_ms = cue_read_u16(arguments + 5);
    if (count == 0 || (uint16_t)(first + count) > channel->high ||
        duration_ms > channel->max_on_ms) {
        return refused(CUE_NAK_OUT_OF_RANGE);
    }
    bool lights = (arguments[0] | arguments[1] | arguments[2]) != 0;
    cue_outcome_t pause = lights ? check_pause(channels, index) : EXECUTED;
    if (pause.reason != 0) {
        return pause;
    }
    uint8_t *pixels = channels->board->pixels + 3u * channel->pixel_offset;
    for (uint8_t pixel = first; pixel < (uint8_t)(first + count); pixel++) {
        pixels[3u * pixel] = arguments[1];
        pixels[3u * pixel + 1u] = arguments[0];
        pixels[3u * pixel + 2u] = arguments[2];
    }
    if (any_lit(pixels, 3u * (size_t)channel->high)) {
        write_strip(channels, channel);
        turned_on(channels, index, channel, duration_ms);
    } else {
        turn_off(channels, index, channel);
    }
    return EXECUTED;
}

// The kind an operation belongs to; 0 for none, 255 for every output.
static uint8_t kind_of(uint8_t operation) {
    switch (operation) {
    case CUE_OP_SET:
    case CUE_OP_PULSE:
        return CUE_KIND_RELAY;
    case CUE_OP_TARGET:
        return CUE_KIND_SERVO;
    case CUE_OP_DRIVE:
        return CUE_KIND_MOTOR;
    case CUE_OP_TONE:
        return CUE_KIND_BUZZER;
    case CUE_OP_FILL:
        return CUE_KIND_STRIP;
    case CUE_OP_OFF:
        return 255;
    default:
        return 0;
    }
}

static size_t arguments_size(uint8_t operation) {
    static const uint8_t sizes[] = {0, 3, 2, 4, 4, 4, 7, 0};
    return sizes[operation];
}

cue_outcome_t cue_channels_execute(cue_channels_t *channels, uint8_t index, uint8_t operation,
                                   const uint8_t *arguments, size_t size) {
    if (index >= channels->board->channel_count) {
        return refused(CUE_NAK_BAD_CHANNEL);
    }
    const cue_channel_t channel = describe(channels, index);
    uint8_t kind = kind_of(operation);
    if (channel.kind == CUE_KIND_BUTTON || (kind != 255 && kind != channel.kind)) {
        return refused(CUE_NAK_BAD_OPERATION);
    }
    if (size != arguments_size(operation)) {
        return refused(CUE_NAK_BAD_LENGTH);
    }
    switch (operation) {
    case CUE_OP_SET:
        return execute_set(channels, index, &channel, arguments);
    case CUE_OP_PULSE:
        return execute_pulse(channels, index, &channel, arguments);
    case CUE_OP_TARGET:
        return execute_target(channels, index, &channel, arguments);
    case CUE_OP_DRIVE:
        return execute_drive(channels, index, &channel, arguments);
    case CUE_OP_TONE:
        return execute_tone(channels, index, &channel, arguments);
    case CUE_OP_FILL:
        return execute_fill(channels, index, &channel, arguments);
    default: // kind_of() lets only OFF come here
        turn_off(channels, index, &channel);
        return EXECUTED;
    }
}

// ---- All channels

void cue_channels_start(cue_channels_t *channels, const cue_board_t *board) {
    memset(channels, 0, sizeof *channels);
    channels->board = board;
    for (uint8_t index = 0; index < board->channel_count; index++) {
        cue_channel_t channel = describe(channels, index);
        board->prepare(board->context, &channel);
        write_off(channels, &channel);
        if (channel.kind == CUE_KIND_BUTTON) {
            channels->buttons = (uint16_t)(channels->buttons | (uint16_t)(1u << index));
        }
    }
}

void cue_channels_safe(cue_channels_t *channels) {
    for (uint8_t index = 0; index < channels->board->channel_count; index++) {
        cue_channel_t channel = describe(channels, index);
        if (channel.kind != CUE_KIND_BUTTON) {
            turn_off(channels, index, &channel);
        }
    }
}

// A level counts when it has stood for debounce_ms.
static void tick_button(cue_channels_t *channels, uint8_t index, const cue_channel_t *channel,
                        uint32_t now) {
    cue_channel_state_t *state = &channels->states[index];
    bool pressed = channels->board->button_read(channels->board->context, channel);
    if (pressed == state->on) {
        state->settling = false;
    } else if (!state->settling) {
        state->settling = true;
        state->end_us = now + 1000u * (uint32_t)channel->high;
    } else if (reached(now, state->end_us)) {
        state->on = pressed;
        state->settling = false;
    }
}

uint16_t cue_channels_tick(cue_channels_t *channels) {
    uint16_t cut = 0;
    uint32_t now = now_us(channels);
    for (uint8_t index = 0; index < channels->board->channel_count; index++) {
        cue_channel_state_t *state = &channels->states[index];
        bool button = (channels->buttons & (uint16_t)(1u << index)) != 0;
        if (!button && !state->on && !state->paused) {
            continue; // most of them, most of the time; reading the table costs more
        }
        const cue_channel_t channel = describe(channels, index);
        if (button) {
            tick_button(channels, index, &channel, now);
            continue;
        }
        if (state->paused && reached(now, state->pause_end_us)) {
            state->paused = false;
        }
        if (state->on && reached(now, state->end_us)) {
            cut = (uint16_t)(cut | (state->capped ? (uint16_t)(1u << index) : 0u));
            turn_off(channels, index, &channel);
        }
    }
    return cut;
}

uint16_t cue_channels_active(const cue_channels_t *channels) {
    uint16_t active = 0;
    for (uint8_t index = 0; index < channels->board->channel_count; index++) {
        if (channels->states[index].on) {
            active = (uint16_t)(active | (uint16_t)(1u << index));
        }
    }
    return active;
}

bool cue_channels_driving(const cue_channels_t *channels) {
    return (cue_channels_active(channels) & (uint16_t)~channels->buttons) != 0;
}

uint32_t cue_channels_idle_us(const cue_channels_t *channels, uint32_t limit_us) {
    uint32_t now = now_us(channels);
    uint32_t idle = limit_us;
    for (uint8_t index = 0; index < channels->board->channel_count; index++) {
        const cue_channel_state_t *state = &channels->states[index];
        uint32_t left = state->on || state->settling ? until(now, state->end_us) : limit_us;
        idle = left < idle ? left : idle;
    }
    return idle;
}
