// The operations of a COMMAND.
#include "cue_bytes.h"   // little-endian arguments
#include "cue_floor.h"   // on and off
#include "cue_message.h" // operations, reasons

static cue_motion_t *motion_of(cue_channels_t *channels) {
    return &channels->motions[channels->channel.slot];
}

// Every operation ends its own checks with this: a refusal for its range, or what the floor says.
// 255: all is well but it was only to be checked.
enum { CHECKED = 255 };

static uint8_t may(cue_channels_t *channels, bool in_range) {
    if (!in_range) {
        return CUE_NAK_OUT_OF_RANGE;
    }
    return channels->checking ? (uint8_t)CHECKED : cue_floor_refusal(channels);
}

static bool lasts(const cue_channels_t *channels, uint16_t duration_ms) {
    return duration_ms <= channels->channel.max_on_ms;
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

static void drive(cue_channels_t *channels, int16_t value) {
    const cue_board_t *board = CUE_BOARD(channels);
    board->drive(board->context, &channels->channel, value);
}

// ---- Relay, solenoid

static uint8_t set_or_pulse(cue_channels_t *channels, uint8_t pulse, uint16_t duration_ms) {
    uint8_t flags = cue_floor_state(channels)->flags;
    uint8_t reason = may(channels, lasts(channels, duration_ms));
    if (reason == CUE_NAK_LOCKED || reason == CUE_NAK_OUT_OF_RANGE || reason == CHECKED) {
        return reason;
    }
    if ((flags & CUE_PULSING) != 0 || ((flags & CUE_ON) != 0 && pulse != 0)) {
        return cue_floor_busy(channels);
    }
    if (reason == 0) {
        drive(channels, 1);
        cue_floor_on(channels, duration_ms);
        cue_floor_state(channels)->flags |= pulse;
    }
    return reason;
}

static uint8_t set(cue_channels_t *channels, const uint8_t *arguments) {
    uint16_t duration_ms = cue_read_u16(arguments + 1);
    if (arguments[0] == 0) {
        return off(channels, duration_ms == 0);
    }
    return arguments[0] > 1 ? (uint8_t)CUE_NAK_OUT_OF_RANGE
                            : set_or_pulse(channels, 0, duration_ms);
}

static uint8_t pulse(cue_channels_t *channels, const uint8_t *arguments) {
    uint16_t duration_ms = cue_read_u16(arguments);
    return duration_ms == 0 ? (uint8_t)CUE_NAK_OUT_OF_RANGE
                            : set_or_pulse(channels, CUE_PULSING, duration_ms);
}

// ---- What moves: servo, motor, light

// From where it stands to `to`; it is driven at once and then with every frame.
static void start_motion(cue_channels_t *channels, uint16_t to, uint16_t time_ms, bool smooth) {
    cue_motion_t *motion = motion_of(channels);
    cue_channel_state_t *state = cue_floor_state(channels);
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

static uint16_t distance(uint16_t one, uint16_t other) {
    return one > other ? (uint16_t)(one - other) : (uint16_t)(other - one);
}

// The shortest time in which the servo may go to `angle_cdeg`.
static uint16_t travel_ms(const cue_channels_t *channels, uint16_t angle_cdeg, bool smooth) {
    const cue_channel_t *channel = &channels->channel;
    uint16_t at = channels->motions[channel->slot].at;
    if (channel->limit == 0 || at == CUE_UNKNOWN) {
        return 0;
    }
    uint32_t time_ms = (1000u * (uint32_t)distance(at, angle_cdeg) + channel->limit - 1u) /
                       channel->limit;
    time_ms = smooth ? time_ms + time_ms / 2u : time_ms; // its middle is 1.5 times as fast
    return time_ms > UINT16_MAX ? (uint16_t)UINT16_MAX : (uint16_t)time_ms;
}

static uint8_t turn(cue_channels_t *channels, uint16_t angle_cdeg, uint16_t move_ms, uint8_t easing,
                    uint16_t hold_ms) {
    const cue_channel_t *channel = &channels->channel;
    uint32_t total_ms = (uint32_t)move_ms + hold_ms;
    uint8_t reason = may(channels, angle_cdeg >= channel->low && angle_cdeg <= channel->high &&
                                       total_ms <= channel->max_on_ms && easing <= 1);
    if (reason != 0) {
        return reason;
    }
    uint16_t least_ms = travel_ms(channels, angle_cdeg, easing == 1);
    if (move_ms < least_ms) {
        total_ms = (uint32_t)least_ms + hold_ms;
        move_ms = least_ms;
    }
    if (hold_ms == 0 || total_ms > channel->max_on_ms) {
        total_ms = 0;
    }
    start_motion(channels, angle_cdeg, move_ms, easing == 1);
    cue_floor_on(channels, (uint16_t)total_ms);
    return 0;
}

static uint8_t run_motor(cue_channels_t *channels, const uint8_t *arguments) {
    cue_channel_state_t *state = cue_floor_state(channels);
    uint16_t raw = cue_read_u16(arguments);
    uint16_t duration_ms = cue_read_u16(arguments + 2);
    bool backwards = raw >= 0x8000u;
    uint16_t magnitude = backwards ? (uint16_t)(0x10000u - raw) : raw;
    if (magnitude == 0) {
        return off(channels, duration_ms == 0);
    }
    uint8_t reason =
        may(channels, magnitude <= channels->channel.high && lasts(channels, duration_ms));
    bool on = (state->flags & CUE_ON) != 0;
    bool turning_back = ((state->flags & CUE_BACKWARDS) != 0) != backwards;
    if (reason == 0 && on && (turning_back || (state->flags & CUE_BRAKING) != 0)) {
        return cue_floor_busy(channels);
    }
    if (reason != 0) {
        return reason;
    }
    uint16_t change = distance(motion_of(channels)->at, magnitude);
    uint32_t time_ms = (uint32_t)change * channels->channel.limit / 1000u;
    uint8_t direction = backwards ? CUE_BACKWARDS : 0;
    state->flags = (uint8_t)((state->flags & (uint8_t)~CUE_BACKWARDS) | direction);
    start_motion(channels, magnitude, (uint16_t)time_ms, false);
    cue_floor_on(channels, duration_ms);
    return 0;
}

static uint8_t brake(cue_channels_t *channels, const uint8_t *arguments) {
    uint16_t duration_ms = cue_read_u16(arguments);
    if (channels->channel.third_pin == CUE_NO_PIN) {
        return CUE_NAK_BAD_OPERATION;
    }
    uint8_t reason = may(channels, duration_ms != 0 && lasts(channels, duration_ms));
    if (reason == 0) {
        motion_of(channels)->at = 0;
        drive(channels, CUE_BRAKE);
        cue_floor_state(channels)->flags &= (uint8_t)~CUE_MOVING;
        cue_floor_on(channels, duration_ms);
        cue_floor_state(channels)->flags |= CUE_BRAKING;
    }
    return reason;
}

static uint8_t level(cue_channels_t *channels, const uint8_t *arguments) {
    uint16_t permille = cue_read_u16(arguments);
    uint16_t fade_ms = cue_read_u16(arguments + 2);
    uint16_t duration_ms = cue_read_u16(arguments + 4);
    bool in_range = permille <= channels->channel.high && lasts(channels, duration_ms) &&
                    lasts(channels, fade_ms);
    if (permille == 0) {
        bool lit = (cue_floor_state(channels)->flags & CUE_ON) != 0;
        if (fade_ms == 0 || !lit || !in_range || duration_ms != 0 || channels->checking) {
            return off(channels, in_range && duration_ms == 0);
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

static uint8_t tone(cue_channels_t *channels, const uint8_t *arguments) {
    uint16_t frequency_hz = cue_read_u16(arguments);
    uint16_t duration_ms = cue_read_u16(arguments + 2);
    uint8_t reason = may(channels, frequency_hz >= channels->channel.low &&
                                       frequency_hz <= channels->channel.high &&
                                       lasts(channels, duration_ms));
    if (reason == 0) {
        drive(channels, (int16_t)frequency_hz);
        cue_floor_on(channels, duration_ms);
    }
    return reason;
}

// ---- Strip

static bool any_lit(const uint8_t *bytes, uint8_t size) {
    for (uint8_t index = 0; index < size; index++) {
        if (bytes[index] != 0) {
            return true;
        }
    }
    return false;
}

static uint8_t fill(cue_channels_t *channels, const uint8_t *arguments) {
    const cue_channel_t *channel = &channels->channel;
    uint8_t first = arguments[3];
    uint8_t count = arguments[4];
    uint16_t duration_ms = cue_read_u16(arguments + 5);
    bool lights = (arguments[0] | arguments[1] | arguments[2]) != 0;
    bool in_range = count > 0 && (uint16_t)(first + count) <= channel->high &&
                    lasts(channels, duration_ms);
    uint8_t reason = may(channels, in_range);
    if (reason != 0 && (lights || reason == CUE_NAK_OUT_OF_RANGE || reason == CHECKED)) {
        return reason;
    }
    uint8_t *pixels = CUE_BOARD(channels)->pixels + 3u * channel->pixel_offset;
    for (uint8_t pixel = first; count > 0; pixel++, count--) {
        pixels[3u * pixel] = arguments[1];
        pixels[3u * pixel + 1u] = arguments[0];
        pixels[3u * pixel + 2u] = arguments[2];
    }
    cue_floor_state(channels)->flags &= (uint8_t)~CUE_MOVING; // an effect ends here
    if (any_lit(pixels, (uint8_t)(3u * channel->high))) {
        cue_floor_draw_strip(channels);
        cue_floor_on(channels, duration_ms);
    } else {
        cue_floor_off(channels);
    }
    return 0;
}

static uint8_t start_effect(cue_channels_t *channels, const uint8_t *arguments) {
    uint16_t period_ms = cue_read_u16(arguments + 4);
    uint16_t duration_ms = cue_read_u16(arguments + 6);
    uint16_t shortest_ms =
        arguments[0] == CUE_EFFECT_FLASH ? CUE_FLASH_PERIOD_MS : CUE_EFFECT_PERIOD_MS;
    bool dark = (arguments[1] | arguments[2] | arguments[3]) == 0;
    uint8_t reason = may(channels, arguments[0] >= CUE_EFFECT_RAINBOW &&
                                       arguments[0] <= CUE_EFFECT_SPARKLE &&
                                       (!dark || arguments[0] == CUE_EFFECT_RAINBOW) &&
                                       period_ms >= shortest_ms && lasts(channels, duration_ms));
    if (reason != 0) {
        return reason;
    }
    cue_effect_t *effect = &channels->effects[channels->channel.slot];
    effect->effect = arguments[0];
    effect->rgb[0] = arguments[1];
    effect->rgb[1] = arguments[2];
    effect->rgb[2] = arguments[3];
    effect->period_ms = period_ms;
    effect->start_us = channels->now_us;
    cue_floor_state(channels)->flags |= CUE_MOVING;
    cue_floor_on(channels, duration_ms);
    return 0;
}

// ---- Stepper

typedef struct {
    cue_stepper_t *stepper;
    int32_t target;
    uint16_t first_us;
    uint16_t shortest_us;
} aim_t;

static void aim(void *argument) {
    const aim_t *wanted = argument;
    cue_stepper_aim(wanted->stepper, wanted->target, wanted->first_us, wanted->shortest_us);
}

static uint8_t move(cue_channels_t *channels, const uint8_t *arguments) {
    const cue_board_t *board = CUE_BOARD(channels);
    const cue_channel_t *channel = &channels->channel;
    int32_t target = (int32_t)cue_read_u32(arguments);
    uint16_t speed_sps = cue_read_u16(arguments + 4);
    uint16_t hold_ms = cue_read_u16(arguments + 6);
    uint8_t reason =
        may(channels, target >= channel->min_steps && target <= channel->max_steps &&
                          speed_sps >= 16 && speed_sps <= channel->limit && lasts(channels, hold_ms));
    if (reason != 0) {
        return reason;
    }
    aim_t wanted = {&channels->steppers[channel->slot], target, channel->low_us,
                    (uint16_t)((1000000u + speed_sps - 1u) / speed_sps)};
    board->stepper_change(board->context, aim, &wanted);
    board->stepper_run(board->context, channel, wanted.stepper);
    // It is held for so long after it has arrived; until then only the longest on-time ends it.
    channels->holds_ms[channel->slot] = hold_ms;
    cue_floor_on(channels, 0);
    cue_floor_state(channels)->flags |= CUE_MOVING;
    return 0;
}

// ---- Dispatch

#define KIND(kind) ((uint16_t)(CUE_KINDS & (1u << (kind))))

// A bit for each kind that has the operation, and how many bytes its arguments have.
static uint16_t kinds_of(uint8_t operation, uint8_t *size) {
    switch (operation) {
    case CUE_OP_SET:
        *size = 3;
        return KIND(CUE_KIND_RELAY);
    case CUE_OP_PULSE:
        *size = 2;
        return KIND(CUE_KIND_RELAY) | KIND(CUE_KIND_SOLENOID);
    case CUE_OP_TARGET:
        *size = 4;
        return KIND(CUE_KIND_SERVO);
    case CUE_OP_DRIVE:
        *size = 4;
        return KIND(CUE_KIND_MOTOR);
    case CUE_OP_TONE:
        *size = 4;
        return KIND(CUE_KIND_BUZZER);
    case CUE_OP_FILL:
        *size = 7;
        return KIND(CUE_KIND_STRIP);
    case CUE_OP_OFF:
        *size = 0;
        return UINT16_MAX;
    case CUE_OP_GLIDE:
        *size = 7;
        return KIND(CUE_KIND_SERVO);
    case CUE_OP_BRAKE:
        *size = 2;
        return KIND(CUE_KIND_MOTOR);
    case CUE_OP_LEVEL:
        *size = 6;
        return KIND(CUE_KIND_LIGHT);
    case CUE_OP_EFFECT:
        *size = 8;
        return KIND(CUE_KIND_STRIP);
    case CUE_OP_MOVE:
        *size = 8;
        return KIND(CUE_KIND_STEPPER);
    default:
        *size = 0;
        return 0;
    }
}

static uint8_t execute(cue_channels_t *channels, uint8_t operation, const uint8_t *arguments) {
    switch (operation) {
    case CUE_OP_SET:
        return set(channels, arguments);
    case CUE_OP_PULSE:
        return pulse(channels, arguments);
    case CUE_OP_TARGET:
        return turn(channels, cue_read_u16(arguments), 0, 0, cue_read_u16(arguments + 2));
    case CUE_OP_DRIVE:
        return run_motor(channels, arguments);
    case CUE_OP_TONE:
        return tone(channels, arguments);
    case CUE_OP_FILL:
        return CUE_HAS(CUE_KIND_STRIP) ? fill(channels, arguments) : 0;
    case CUE_OP_GLIDE:
        return turn(channels, cue_read_u16(arguments), cue_read_u16(arguments + 2), arguments[4],
                    cue_read_u16(arguments + 5));
    case CUE_OP_BRAKE:
        return brake(channels, arguments);
    case CUE_OP_LEVEL:
        return CUE_HAS(CUE_KIND_LIGHT) ? level(channels, arguments) : 0;
    case CUE_OP_EFFECT:
        return CUE_HAS(CUE_KIND_STRIP) ? start_effect(channels, arguments) : 0;
    case CUE_OP_MOVE:
        return CUE_HAS(CUE_KIND_STEPPER) ? move(channels, arguments) : 0;
    default: // kinds_of() lets only OFF come here
        return off(channels, true);
    }
}

static uint8_t dispatch(cue_channels_t *channels, const uint8_t *command, size_t size) {
    const cue_board_t *board = CUE_BOARD(channels);
    uint8_t wanted;
    uint16_t kinds = kinds_of(command[1], &wanted);
    if (command[0] >= board->channel_count) {
        return CUE_NAK_BAD_CHANNEL;
    }
    uint16_t bit = (uint16_t)(1u << command[0]);
    cue_floor_select(channels, command[0]);
    if ((channels->inputs & bit) != 0 ||
        (kinds & (uint16_t)(1u << channels->channel.kind)) == 0) {
        return CUE_NAK_BAD_OPERATION;
    }
    if (size != 2u + (size_t)wanted) {
        return CUE_NAK_BAD_LENGTH;
    }
    channels->now_us = board->time_us(board->context);
    return execute(channels, command[1], command + 2);
}

uint8_t cue_channels_execute(cue_channels_t *channels, const uint8_t *command, size_t size) {
    channels->remaining_ms = 0;
    channels->checking = false;
    return dispatch(channels, command, size);
}

uint8_t cue_channels_check(cue_channels_t *channels, const uint8_t *command, size_t size) {
    channels->checking = true;
    uint8_t reason = dispatch(channels, command, size);
    return reason == CHECKED ? 0 : reason;
}
