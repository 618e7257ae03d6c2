// A board in memory.
#include "fake_board.h"
#include <string.h> // memset

static const cue_channel_t channel_table[CUE_CHANNEL_COUNT] = CUE_CHANNEL_TABLE;
static const uint8_t manifest[CUE_MANIFEST_SIZE] = CUE_MANIFEST_BYTES;

static void judge(fake_t *fake, const char *violation) {
    if (fake->violation == 0) {
        fake->violation = violation;
    }
}

static uint8_t index_of(const cue_channel_t *channel) {
    for (uint8_t index = 0; index < CUE_CHANNEL_COUNT; index++) {
        if (channel_table[index].pin == channel->pin) {
            return index;
        }
    }
    return 0;
}

static void drive(fake_t *fake, const cue_channel_t *channel, int32_t value) {
    uint8_t index = index_of(channel);
    bool was_on = fake->driven[index] != 0;
    if (value != 0) {
        if ((fake->device.state & CUE_STATE_MASK) != CUE_ARMED) {
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

static cue_channel_t read_channel(void *context, uint8_t index) {
    (void)context;
    return channel_table[index];
}

static uint8_t manifest_byte(void *context, uint16_t offset) {
    (void)context;
    return manifest[offset];
}

static uint32_t time_ms(void *context) {
    return (uint32_t)(((fake_t *)context)->time_us / 1000u);
}

static uint32_t time_us(void *context) {
    return (uint32_t)((fake_t *)context)->time_us;
}

static void prepare(void *context, const cue_channel_t *channel) {
    (void)context;
    (void)channel;
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

static bool button_read(void *context, const cue_channel_t *channel) {
    (void)channel;
    return ((fake_t *)context)->pressed;
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

static uint8_t store_read(void *context, uint8_t address) {
    if (address >= CUE_STORE_SIZE) {
        judge(context, "read past the store");
        return 0;
    }
    return ((fake_t *)context)->store[address];
}

static void store_write(void *context, uint8_t address, uint8_t byte) {
    fake_t *fake = context;
    if (address >= CUE_STORE_SIZE) {
        judge(fake, "wrote past the store");
        return;
    }
    fake->store[address] = byte;
    fake->store_writes++;
}

static void watchdog_feed(void *context) {
    (void)context;
}

void fake_init(fake_t *fake, uint64_t time) {
    memset(fake, 0, sizeof *fake);
    fake->time_us = time;
    memset(fake->store, 0xFF, sizeof fake->store);
    fake->board = (cue_board_t){
        .context = fake,
        .build = CUE_BUILD,
        .manifest_crc32 = CUE_MANIFEST_CRC32,
        .manifest_size = CUE_MANIFEST_SIZE,
        .channel_count = CUE_CHANNEL_COUNT,
        .firmware = {CUE_FIRMWARE_MAJOR, CUE_FIRMWARE_MINOR, CUE_FIRMWARE_PATCH},
        .pixels = fake->pixels,
        .pixel_count = CUE_PIXEL_COUNT,
        .channel = read_channel,
        .manifest_byte = manifest_byte,
        .time_ms = time_ms,
        .time_us = time_us,
        .prepare = prepare,
        .relay_write = relay_write,
        .servo_write = servo_write,
        .motor_write = motor_write,
        .tone_write = tone_write,
        .strip_write = strip_write,
        .button_read = button_read,
        .uart_read = uart_read,
        .uart_write = uart_write,
        .uart_take_errors = uart_take_errors,
        .store_read = store_read,
        .store_write = store_write,
        .watchdog_feed = watchdog_feed,
    };
}

void fake_boot(fake_t *fake, uint8_t reset_cause, uint16_t entropy) {
    fake->board.reset_cause = reset_cause;
    fake->board.entropy = entropy;
    fake->input_read = fake->input_size = fake->output_size = 0;
    memset(fake->off_us, 0, sizeof fake->off_us);
    cue_device_start(&fake->device, &fake->board);
}

void fake_step(fake_t *fake) {
    (void)cue_device_step(&fake->device);
    for (uint8_t index = 0; index < CUE_CHANNEL_COUNT; index++) {
        uint64_t longest_us = 1000u * (uint64_t)channel_table[index].max_on_ms;
        if (fake->driven[index] != 0 && fake->time_us - fake->fresh_us[index] > longest_us) {
            judge(fake, "an output was on longer than its longest on-time");
        }
        if (fake->driven[index] != 0 && (fake->device.state & CUE_STATE_MASK) != CUE_ARMED) {
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
