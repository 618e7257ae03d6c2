// A board in memory.
#include "fake_board.h"
#include <string.h> // memset

static void judge(fake_t *fake, const char *violation) {
    cue_board_host_judge(&fake->host, violation);
}

static uint8_t index_of(const cue_channel_t *channel) {
    for (uint8_t index = 0; index < CUE_CHANNEL_COUNT; index++) {
        if (cue_board_host_channels[index].pin == channel->pin) {
            return index;
        }
    }
    return 0;
}

// The pause that the board's own rules ask for, by the judge's reckoning.
static uint64_t pause_us(const fake_t *fake, const cue_channel_t *channel, uint8_t index) {
    uint64_t pause = 1000u * (uint64_t)channel->min_pause_ms;
    uint64_t on_us = fake->off_us[index] - fake->on_us[index];
    uint64_t duty = channel->max_duty_permille;
    uint64_t rest = on_us * (1000u - duty) / duty;
    return rest > pause ? rest : pause;
}

static void went_on(fake_t *fake, const cue_channel_t *channel, uint8_t index) {
    const cue_channels_t *channels = &fake->host.device.channels;
    if (fake->off_us[index] != 0 &&
        fake->time_us - fake->off_us[index] < pause_us(fake, channel, index)) {
        judge(fake, "an output went on before its pause was over");
    }
    if (fake->on_edges[index] > 0 && fake->off_us[index] != 0 &&
        fake->time_us - fake->on_us[index] < 1000u * (uint64_t)channel->min_period_ms) {
        judge(fake, "an output went on too often");
    }
    if (channel->dangerous != 0 && (channels->unlocked & (uint16_t)(1u << index)) == 0) {
        judge(fake, "a dangerous output went on without being unlocked");
    }
    fake->on_edges[index]++;
    fake->on_us[index] = fake->time_us;
}

static void drive_index(fake_t *fake, const cue_channel_t *channel, uint8_t index, int32_t value) {
    bool was_on = fake->driven[index] != 0;
    if (value != 0) {
        if ((fake->host.device.state & CUE_STATE_MASK) != CUE_ARMED) {
            judge(fake, "an output went on while the board was not armed");
        }
        if (!was_on) {
            went_on(fake, channel, index);
        }
        // Only what asks for something makes it fresh: a frame of the host, or a program's step.
        if (!was_on || fake->heard || fake->host.device.sequence.running) {
            fake->fresh_us[index] = fake->time_us;
        }
    } else if (was_on) {
        fake->off_us[index] = fake->time_us;
    }
    if (channel->kind == CUE_KIND_MOTOR && was_on && value != 0 &&
        (value < 0) != (fake->driven[index] < 0)) {
        judge(fake, "the motor was reversed without stopping");
    }
    fake->driven[index] = value;
}

static uint32_t time_us(void *context) {
    return (uint32_t)((fake_t *)context)->time_us;
}

static bool in_range(const cue_channel_t *channel, int16_t value) {
    switch (channel->kind) {
    case CUE_KIND_SERVO:
        return value >= (int16_t)channel->low_us && value <= (int16_t)channel->high_us;
    case CUE_KIND_MOTOR:
        return value <= (int16_t)channel->high && value >= -(int16_t)channel->high;
    case CUE_KIND_BUZZER:
        return value >= (int16_t)channel->low && value <= (int16_t)channel->high;
    case CUE_KIND_LIGHT:
        return value >= 0 && value <= (int16_t)channel->high;
    case CUE_KIND_RELAY:
    case CUE_KIND_SOLENOID:
        return value == 1;
    default:
        return false;
    }
}

static void drive(void *context, const cue_channel_t *channel, int16_t value) {
    fake_t *fake = context;
    uint8_t index = index_of(channel);
    bool braking = channel->kind == CUE_KIND_MOTOR && value == CUE_BRAKE;
    fake->braking[index] = braking;
    if (braking) {
        value = 0;
    }
    if (value != 0 && !in_range(channel, value)) {
        judge(fake, "an output was driven outside its range");
    }
    if (channel->kind == CUE_KIND_SERVO && value != 0 && channel->limit != 0) {
        // By the speed limit since it was last driven; 1 % and 4 us more for a motion's 1000 parts.
        int64_t change = value > fake->width_us[index] ? value - fake->width_us[index]
                                                       : fake->width_us[index] - value;
        uint64_t passed_us = fake->time_us - fake->width_at_us[index];
        uint64_t span = (uint64_t)(channel->high_us - channel->low_us);
        uint64_t most = 1 + passed_us * channel->limit / 1000000u * span * 101u /
                                ((uint64_t)(channel->high - channel->low) * 100u);
        if (fake->width_us[index] != 0 && (uint64_t)change > most + 3) {
            judge(fake, "a servo turned faster than it may");
        }
        fake->width_us[index] = value;
        fake->width_at_us[index] = fake->time_us;
    }
    drive_index(fake, channel, index, value);
}

static void strip_write(void *context, const cue_channel_t *channel, const uint8_t *bytes,
                        size_t size) {
    fake_t *fake = context;
    int32_t lit = 0;
    if (size != sizeof fake->shown) {
        judge(fake, "a strip of another length");
        return;
    }
    memcpy(fake->shown, bytes, size);
    for (size_t at = 0; at < size; at++) {
        lit += bytes[at];
    }
    drive_index(fake, channel, index_of(channel), lit);
}

static size_t uart_read(void *context, uint8_t *bytes, size_t capacity) {
    fake_t *fake = context;
    size_t size = fake->input_size - fake->input_read;
    size = size < capacity ? size : capacity;
    memcpy(bytes, fake->input + fake->input_read, size);
    fake->input_read += size;
    fake->heard = fake->heard || size > 0;
    if (fake->input_read == fake->input_size) {
        fake->input_read = fake->input_size = 0;
    }
    return size;
}

static bool uart_write(void *context, const uint8_t *bytes, size_t size) {
    fake_t *fake = context;
    if (fake->line_full || size > sizeof fake->output - fake->output_size) {
        return false;
    }
    memcpy(fake->output + fake->output_size, bytes, size);
    fake->output_size += size;
    return true;
}

static cue_uart_errors_t uart_take_errors(void *context) {
    fake_t *fake = context;
    cue_uart_errors_t errors = fake->errors;
    memset(&fake->errors, 0, sizeof fake->errors);
    return errors;
}

static void watchdog_feed(void *context) {
    (void)context;
}

static void stepped(cue_board_host_t *host, uint32_t time, const cue_stepper_t *stepper) {
    fake_t *fake = (fake_t *)(void *)host;
    const cue_channel_t *channel = &cue_board_host_channels[STEPPER];
    if ((host->device.state & CUE_STATE_MASK) != CUE_ARMED) {
        judge(fake, "a step while the board was not armed");
    }
    if (stepper->position < channel->min_steps || stepper->position > channel->max_steps) {
        judge(fake, "a step past the end");
    }
    uint32_t shortest_us = 1000000u / channel->limit;
    if (fake->steps > 0 && (uint32_t)(time - fake->step_us) < shortest_us) {
        judge(fake, "steps faster than they may be");
    }
    fake->steps++;
    fake->step_us = time;
}

void fake_init(fake_t *fake, uint64_t time) {
    memset(fake, 0, sizeof *fake);
    fake->time_us = time;
    cue_board_host_init(&fake->host, &(cue_board_t){
                                         .time_us = time_us,
                                         .drive = drive,
                                         .strip_write = strip_write,
                                         .uart_read = uart_read,
                                         .uart_write = uart_write,
                                         .uart_take_errors = uart_take_errors,
                                         .watchdog_feed = watchdog_feed,
                                     });
    fake->host.stepped = stepped;
    fake->host.distance_mm = INT16_MAX;
}

void fake_boot(fake_t *fake, uint8_t reset_cause, uint16_t entropy) {
    fake->input_read = fake->input_size = fake->output_size = 0;
    memset(fake->off_us, 0, sizeof fake->off_us);
    memset(fake->width_us, 0, sizeof fake->width_us);
    cue_board_host_boot(&fake->host, reset_cause, entropy);
}

void fake_step(fake_t *fake) {
    fake->heard = false;
    cue_board_host_make_steps(&fake->host);
    (void)cue_device_step(&fake->host.device);
    for (uint8_t index = 0; index < CUE_CHANNEL_COUNT; index++) {
        uint64_t longest_us = 1000u * (uint64_t)cue_board_host_channels[index].max_on_ms;
        if (fake->driven[index] != 0 && fake->time_us - fake->fresh_us[index] > longest_us) {
            judge(fake, "an output was on longer than its longest on-time");
        }
        if (fake->driven[index] != 0 && (fake->host.device.state & CUE_STATE_MASK) != CUE_ARMED) {
            judge(fake, "an output stayed on while the board was not armed");
        }
        uint16_t unlocked = fake->host.device.channels.unlocked;
        if (fake->driven[index] != 0 && cue_board_host_channels[index].dangerous != 0 &&
            (unlocked & (uint16_t)(1u << index)) == 0) {
            judge(fake, "a dangerous output stayed on while it was locked");
        }
    }
}

void fake_run(fake_t *fake, uint32_t time) {
    for (uint32_t half = 0; half < 2 * time; half++) {
        fake->time_us += 500;
        fake_step(fake);
    }
}

void fake_put(fake_t *fake, const uint8_t *bytes, size_t size) {
    if (fake->input_size + size > sizeof fake->input) {
        judge(fake, "the test put too much on the line");
        return;
    }
    memcpy(fake->input + fake->input_size, bytes, size);
    fake->input_size += size;
}
