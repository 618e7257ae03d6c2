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

static void drive(fake_t *fake, const cue_channel_t *channel, int32_t value) {
    uint8_t index = index_of(channel);
    bool was_on = fake->driven[index] != 0;
    if (value != 0) {
        if ((fake->host.device.state & CUE_STATE_MASK) != CUE_ARMED) {
            judge(fake, "an output went on while the board was not armed");
        }
        if (!was_on) {
            uint64_t pause_us = 1000u * (uint64_t)channel->min_pause_ms;
            if (fake->off_us[index] != 0 && fake->time_us - fake->off_us[index] < pause_us) {
                judge(fake, "an output went on before its pause was over");
            }
            fake->on_edges[index]++;
            fake->on_us[index] = fake->time_us;
        }
        fake->fresh_us[index] = fake->time_us;
    } else if (was_on) {
        fake->off_us[index] = fake->time_us;
    }
    if (channel->kind == CUE_KIND_MOTOR && was_on && value != 0 &&
        (value < 0) != (fake->driven[index] < 0)) {
        judge(fake, "the motor was reversed without stopping");
    }
    fake->driven[index] = value;
}

static uint32_t time_ms(void *context) {
    return (uint32_t)(((fake_t *)context)->time_us / 1000u);
}

static uint32_t time_us(void *context) {
    return (uint32_t)((fake_t *)context)->time_us;
}

static void relay_write(void *context, const cue_channel_t *channel, bool on) {
    drive(context, channel, on ? 1 : 0);
}

static void servo_write(void *context, const cue_channel_t *channel, uint16_t width_us) {
    if (width_us != 0 && (width_us < channel->low_us || width_us > channel->high_us)) {
        judge(context, "a servo pulse outside its range");
    }
    drive(context, channel, width_us);
}

static void motor_write(void *context, const cue_channel_t *channel, int16_t speed_permille) {
    if (speed_permille > (int16_t)channel->high || speed_permille < -(int16_t)channel->high) {
        judge(context, "a motor speed outside its range");
    }
    drive(context, channel, speed_permille);
}

static void tone_write(void *context, const cue_channel_t *channel, uint16_t frequency_hz) {
    if (frequency_hz != 0 && (frequency_hz < channel->low || frequency_hz > channel->high)) {
        judge(context, "a tone outside its range");
    }
    drive(context, channel, frequency_hz);
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
    drive(fake, channel, lit);
}

static size_t uart_read(void *context, uint8_t *bytes, size_t capacity) {
    fake_t *fake = context;
    size_t size = fake->input_size - fake->input_read;
    size = size < capacity ? size : capacity;
    memcpy(bytes, fake->input + fake->input_read, size);
    fake->input_read += size;
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

void fake_init(fake_t *fake, uint64_t time) {
    memset(fake, 0, sizeof *fake);
    fake->time_us = time;
    cue_board_host_init(&fake->host, &(cue_board_t){
                                         .time_ms = time_ms,
                                         .time_us = time_us,
                                         .relay_write = relay_write,
                                         .servo_write = servo_write,
                                         .motor_write = motor_write,
                                         .tone_write = tone_write,
                                         .strip_write = strip_write,
                                         .uart_read = uart_read,
                                         .uart_write = uart_write,
                                         .uart_take_errors = uart_take_errors,
                                         .watchdog_feed = watchdog_feed,
                                     });
}

void fake_boot(fake_t *fake, uint8_t reset_cause, uint16_t entropy) {
    fake->input_read = fake->input_size = fake->output_size = 0;
    memset(fake->off_us, 0, sizeof fake->off_us);
    cue_board_host_boot(&fake->host, reset_cause, entropy);
}

void fake_step(fake_t *fake) {
    (void)cue_device_step(&fake->host.device);
    for (uint8_t index = 0; index < CUE_CHANNEL_COUNT; index++) {
        uint64_t longest_us = 1000u * (uint64_t)cue_board_host_channels[index].max_on_ms;
        if (fake->driven[index] != 0 && fake->time_us - fake->fresh_us[index] > longest_us) {
            judge(fake, "an output was on longer than its longest on-time");
        }
        if (fake->driven[index] != 0 && (fake->host.device.state & CUE_STATE_MASK) != CUE_ARMED) {
            judge(fake, "an output stayed on while the board was not armed");
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
