// The operations of a COMMAND.
#include "cue_bytes.h"   // little-endian arguments
#include "cue_floor.h"   // on and off
#include "cue_message.h" // operations, reasons

CUE_APART static cue_motion_t *motion_of(cue_channels_t *channels) {
    return &channels->motions[channels->channel.slot];
}

// Every operation ends its own checks with this: a refusal for its range, or what the floor says.
// CHECKED: all is well but it was only to be checked.
enum { CHECKED = 255 };

static uint8_t may(cue_channels_t *channels, bool in_range) {
    if (!in_range) {
        return CUE_NAK_OUT_OF_RANGE;
    }
    return channels->checking ? (uint8_t)CHECKED : cue_floor_refusal(channels);
}

static uint8_t off(cue_channels_t *channels, bool in_range) {
    if (!in_range) {
        return CUE_NAK_OUT_OF_RANGE;
    }
    if (!channels->checking) {
        cue_floor_off(channels);
    }
    return 0;
}

// Has the board drive the value, and notes that the channel is on.
static void put_on(cue_channels_t *channels, int16_t value, uint16_t duration_ms, uint8_t flags) {
    const cue_board_t *board = CUE_BOARD(channels);
    board->drive(board->context, &channels->channel, value);
    cue_floor_on(channels, duration_ms);
    channels->state->flags |= flags;
}

// ---- Relay, solenoid

static uint8_t set_or_pulse(cue_channels_t *channels, uint8_t pulse, uint16_t duration_ms) {
    uint8_t reason = may(channels, pulse == 0 || duration_ms != 0);
    if (reason != 0) {
        return reason;
    }
    // A pulse ends as it was told; SET may go on, with a fresh time, where SET was.
    uint8_t blocking = pulse != 0 ? CUE_ON : CUE_PULSING;
    if ((channels->state->flags & blocking) != 0) {
        return cue_floor_busy(channels);
    }
    put_on(channels, 1, duration_ms, pulse);
    return 0;
}

static uint8_t set(cue_channels_t *channels, uint8_t on, uint16_t duration_ms) {
    if (on == 0) {
        return off(channels, duration_ms == 0);
    }
    return on > 1 ? (uint8_t)CUE_NAK_OUT_OF_RANGE : set_or_pulse(channels, 0, duration_ms);
}

// ---- What moves: servo, motor, light

// From where it stands to `to`; it is driven at once and then with every frame.
static void start_motion(cue_channels_t *channels, uint16_t to, uint16_t time_ms, bool smooth) {
    cue_motion_t *motion = motion_of(channels);
    cue_channel_state_t *state = channels->state;
    motion->from = motion->at == CUE_UNKNOWN ? to : motion->at;
    motion->to = to;
    motion->time_ms = time_ms;
    motion->start_us = channels->now_us;
    motion->smooth = smooth;
    state->flags &= (uint8_t)~CUE_MOVING;
    if (!cue_motion_step(motion, channels->now_us)) {
        state->flags |= CUE_MOVING;
    }
    cue_floor_drive_motion(channels);
}

// The shortest time in which the servo may go to `angle_cdeg`.
static uint16_t travel_ms(cue_channels_t *channels, uint16_t angle_cdeg, bool smooth) {
    uint16_t at = motion_of(channels)->at;
    uint16_t limit = channels->channel.limit;
    if (limit == 0 || at == CUE_UNKNOWN) {
        return 0;
    }
    uint32_t time_ms = (1000u * (uint32_t)cue_distance(at, angle_cdeg) + limit - 1u) / limit;
    time_ms = smooth ? time_ms + time_ms / 2u : time_ms; // its middle is 1.5 times as fast
    return time_ms > UINT16_MAX ? (uint16_t)UINT16_MAX : (uint16_t)time_ms;
}

static uint8_t turn(cue_channels_t *channels, uint16_t angle_cdeg, uint16_t move_ms, uint8_t easing,
                    uint16_t hold_ms) {
    const cue_channel_t *channel = &channels->channel;
    // Both fit into 16 bits, for a hold is at most max_on_ms, which is at most 60000.
    uint16_t room_ms = (uint16_t)(channel->max_on_ms - hold_ms);
    uint8_t reason = may(channels, angle_cdeg >= channel->low && angle_cdeg <= channel->high &&
                                       move_ms <= room_ms && easing <= 1);
    if (reason != 0) {
        return reason;
    }
    uint16_t least_ms = travel_ms(channels, angle_cdeg, easing != 0);
    move_ms = move_ms < least_ms ? least_ms : move_ms;
    start_motion(channels, angle_cdeg, move_ms, easing != 0);
    cue_floor_on(channels,
                 hold_ms == 0 || move_ms > room_ms ? (uint16_t)0 : (uint16_t)(move_ms + hold_ms));
    return 0;
}

static uint8_t run_motor(cue_channels_t *channels, int16_t permille, uint16_t duration_ms) {
    cue_channel_state_t *state = channels->state;
    uint8_t direction = permille < 0 ? CUE_BACKWARDS : 0;
    uint16_t magnitude = (uint16_t)permille;
    if (permille < 0) {
        magnitude = (uint16_t)(0u - magnitude);
    }
    if (magnitude == 0) {
        return off(channels, duration_ms == 0);
    }
    uint8_t reason = may(channels, magnitude <= channels->channel.high);
    if (reason != 0) {
        return reason;
    }
    uint8_t flags = state->flags;
    if ((flags & CUE_ON) != 0 && (flags & (CUE_BACKWARDS | CUE_BRAKING)) != direction) {
        return cue_floor_busy(channels);
    }
    uint16_t change = cue_distance(motion_of(channels)->at, magnitude);
    uint32_t time_ms = (uint32_t)change * channels->channel.limit / 1000u;
    state->flags = (uint8_t)((flags & (uint8_t)~CUE_BACKWARDS) | direction);
    start_motion(channels, magnitude, (uint16_t)time_ms, false);
    cue_floor_on(channels, duration_ms);
    return 0;
}

static uint8_t brake(cue_channels_t *channels, uint16_t duration_ms) {
    if (channels->channel.third_pin == CUE_NO_PIN) {
        return CUE_NAK_BAD_OPERATION;
    }
    uint8_t reason = may(channels, duration_ms != 0);
    if (reason == 0) {
        motion_of(channels)->at = 0;
        channels->state->flags &= (uint8_t)~CUE_MOVING;
        put_on(channels, CUE_BRAKE, duration_ms, CUE_BRAKING);
    }
    return reason;
}

static uint8_t level(cue_channels_t *channels, uint16_t permille, uint16_t fade_ms,
                     uint16_t duration_ms) {
    bool in_range = permille <= channels->channel.high && fade_ms <= channels->channel.max_on_ms;
    if (permille == 0) {
        in_range = in_range && duration_ms == 0;
        bool lit = (channels->state->flags & CUE_ON) != 0;
        if (fade_ms == 0 || !lit || !in_range || channels->checking) {
            return off(channels, in_range);
        }
        // Fading out is no fresh command: what ends the light before still does.
        start_motion(channels, 0, fade_ms, false);
        return 0;
    }
    uint8_t reason = may(channels, in_range);
    if (reason == 0) {
        start_motion(channels, permille, fade_ms, false);
        cue_floor_on(channels, duration_ms);
    }
    return reason;
}

// ---- Buzzer

static uint8_t tone(cue_channels_t *channels, uint16_t frequency_hz, uint16_t duration_ms) {
    uint8_t reason = may(channels, frequency_hz >= channels->channel.low &&
                                       frequency_hz <= channels->channel.high);
    if (reason == 0) {
        put_on(channels, (int16_t)frequency_hz, duration_ms, 0);
    }
    return reason;
}

// ---- Strip

static bool any_lit(const uint8_t *bytes, uint8_t size) {
    for (; size > 0; size--) {
        if (*bytes++ != 0) {
            return true;
        }
    }
    return false;
}

static uint8_t fill(cue_channels_t *channels, const uint8_t *arguments, uint16_t duration_ms) {
    const cue_channel_t *channel = &channels->channel;
    uint8_t first = arguments[3];
    uint8_t count = arguments[4];
    uint8_t reason = may(channels, count > 0 && (uint16_t)(first + count) <= channel->high);
    // Darkness is welcome at any time.
    if (reason != 0 &&
        (any_lit(arguments, 3) || reason == CUE_NAK_OUT_OF_RANGE || reason == CHECKED)) {
        return reason;
    }
    uint8_t *pixels = cue_floor_pixels(channels);
    uint8_t *pixel = pixels + 3u * first;
    for (; count > 0; count--) {
        *pixel++ = arguments[1];
        *pixel++ = arguments[0];
        *pixel++ = arguments[2];
    }
    channels->state->flags &= (uint8_t)~CUE_MOVING; // an effect ends here
    if (any_lit(pixels, (uint8_t)(3u * channel->high))) {
        cue_floor_draw_strip(channels);
        cue_floor_on(channels, duration_ms);
    } else {
        cue_floor_off(channels);
    }
    return 0;
}

static uint8_t start_effect(cue_channels_t *channels, const uint8_t *arguments,
                            uint16_t duration_ms) {
    uint8_t number = arguments[0];
    uint16_t period_ms = cue_read_u16(arguments + 4);
    uint16_t shortest_ms = number == CUE_EFFECT_FLASH ? CUE_FLASH_PERIOD_MS : CUE_EFFECT_PERIOD_MS;
    uint8_t reason =
        may(channels, (uint8_t)(number - 1u) < CUE_EFFECT_SPARKLE && period_ms >= shortest_ms &&
                          (number == CUE_EFFECT_RAINBOW || any_lit(arguments + 1, 3)));
    if (reason != 0) {
        return reason;
    }
    cue_effect_start(&channels->effects[channels->channel.slot], arguments, period_ms);
    channels->state->flags |= CUE_MOVING;
    cue_floor_on(channels, duration_ms);
    return 0;
}

// ---- Stepper

static uint8_t move(cue_channels_t *channels, const uint8_t *arguments, uint16_t hold_ms) {
    const cue_board_t *board = CUE_BOARD(channels);
    const cue_channel_t *channel = &channels->channel;
    int32_t target = (int32_t)cue_read_u32(arguments);
    uint16_t speed_sps = cue_read_u16(arguments + 4);
    uint8_t reason = may(channels, target >= channel->min_steps && target <= channel->max_steps &&
                                       speed_sps >= 16 && speed_sps <= channel->limit);
    if (reason != 0) {
        return reason;
    }
    uint8_t slot = channel->slot;
    cue_stepper_t *stepper = &channels->steppers[slot];
    board->stepper_aim(board->context, stepper, target, channel->low_us,
                       (uint16_t)(999999u / speed_sps + 1u));
    board->stepper_run(board->context, channel, stepper);
    // It is held for so long after it has arrived; until then only the longest on-time ends it.
    channels->holds_ms[slot] = hold_ms;
    cue_floor_on(channels, 0);
    channels->state->flags |= CUE_MOVING;
    return 0;
}

// ---- Dispatch

#define KIND(kind) (1u << (kind))
// The kinds that have an operation, a bit for each, and how many bytes its arguments have.
#define OPERATION(kinds, size) ((uint16_t)((unsigned)(kinds) | ((unsigned)(size) << 12)))

static const uint16_t operations[] CUE_FLASH = {
    [CUE_OP_SET] = OPERATION(KIND(CUE_KIND_RELAY), 3),
    [CUE_OP_PULSE] = OPERATION(KIND(CUE_KIND_RELAY) | KIND(CUE_KIND_SOLENOID), 2),
    [CUE_OP_TARGET] = OPERATION(KIND(CUE_KIND_SERVO), 4),
    [CUE_OP_DRIVE] = OPERATION(KIND(CUE_KIND_MOTOR), 4),
    [CUE_OP_TONE] = OPERATION(KIND(CUE_KIND_BUZZER), 4),
    [CUE_OP_FILL] = OPERATION(KIND(CUE_KIND_STRIP), 7),
    [CUE_OP_OFF] = OPERATION(KIND(CUE_KIND_BUTTON) - 2u, 0),
    [CUE_OP_GLIDE] = OPERATION(KIND(CUE_KIND_SERVO), 7),
    [CUE_OP_BRAKE] = OPERATION(KIND(CUE_KIND_MOTOR), 2),
    [CUE_OP_LEVEL] = OPERATION(KIND(CUE_KIND_LIGHT), 6),
    [CUE_OP_EFFECT] = OPERATION(KIND(CUE_KIND_STRIP), 8),
    [CUE_OP_MOVE] = OPERATION(KIND(CUE_KIND_STEPPER), 8),
};

static uint8_t execute(cue_channels_t *channels, uint8_t operation, const uint8_t *arguments,
                       uint16_t duration_ms) {
    uint16_t first = cue_read_u16(arguments);
    switch (operation) {
    case CUE_OP_SET:
        return CUE_HAS(CUE_KIND_RELAY) ? set(channels, arguments[0], duration_ms) : 0;
    case CUE_OP_PULSE:
        return set_or_pulse(channels, CUE_PULSING, duration_ms);
    case CUE_OP_TARGET:
        return CUE_HAS(CUE_KIND_SERVO) ? turn(channels, first, 0, 0, duration_ms) : 0;
    case CUE_OP_DRIVE:
        return CUE_HAS(CUE_KIND_MOTOR) ? run_motor(channels, (int16_t)first, duration_ms) : 0;
    case CUE_OP_TONE:
        return CUE_HAS(CUE_KIND_BUZZER) ? tone(channels, first, duration_ms) : 0;
    case CUE_OP_FILL:
        return CUE_HAS(CUE_KIND_STRIP) ? fill(channels, arguments, duration_ms) : 0;
    case CUE_OP_GLIDE:
        return CUE_HAS(CUE_KIND_SERVO)
                   ? turn(channels, first, cue_read_u16(arguments + 2), arguments[4], duration_ms)
                   : 0;
    case CUE_OP_BRAKE:
        return CUE_HAS(CUE_KIND_MOTOR) ? brake(channels, duration_ms) : 0;
    case CUE_OP_LEVEL:
        return CUE_HAS(CUE_KIND_LIGHT)
                   ? level(channels, first, cue_read_u16(arguments + 2), duration_ms)
                   : 0;
    case CUE_OP_EFFECT:
        return CUE_HAS(CUE_KIND_STRIP) ? start_effect(channels, arguments, duration_ms) : 0;
    case CUE_OP_MOVE:
        return CUE_HAS(CUE_KIND_STEPPER) ? move(channels, arguments, duration_ms) : 0;
    default: // the table lets only OFF come here
        return off(channels, true);
    }
}

static uint8_t dispatch(cue_channels_t *channels, const uint8_t *command, size_t size) {
    const cue_board_t *board = CUE_BOARD(channels);
    uint8_t operation = command[1];
    uint16_t facts = 0;
    if (operation < sizeof operations / sizeof *operations) {
        facts = cue_flash_u16(&operations[operation]);
    }
    if (command[0] >= board->channel_count) {
        return CUE_NAK_BAD_CHANNEL;
    }
    cue_floor_select(channels, command[0]);
    uint8_t kind = channels->channel.kind;
    if (kind >= CUE_KIND_BUTTON || (facts & (uint16_t)(1u << kind)) == 0) {
        return CUE_NAK_BAD_OPERATION;
    }
    uint8_t wanted = (uint8_t)(facts >> 12);
    if (size != 2u + (size_t)wanted) {
        return CUE_NAK_BAD_LENGTH;
    }
    // Every operation but OFF ends with how long it lasts.
    uint16_t duration_ms = cue_read_u16(command + wanted);
    if (wanted > 0 && duration_ms > channels->channel.max_on_ms) {
        return CUE_NAK_OUT_OF_RANGE;
    }
    channels->now_us = board->time_us(board->context);
    return execute(channels, operation, command + 2, duration_ms);
}

CUE_APART uint8_t cue_channels_execute(cue_channels_t *channels, const uint8_t *command,
                                       size_t size) {
    channels->remaining_ms = 0;
    channels->checking = false;
    return dispatch(channels, command, size);
}

uint8_t cue_channels_check(cue_channels_t *channels, const uint8_t *command, size_t size) {
    channels->checking = true;
    uint8_t reason = dispatch(channels, command, size);
    return reason == CHECKED ? 0 : reason;
}
