// cuelight-board-host: the firmware's Core as a program, its serial port a pty. Its clock follows the
// host's while the program is run, and stands still when it is not: a real board is not stopped by a
// busy host.
#define _GNU_SOURCE          // getrandom
#include "cue_board_table.h" // generated from hardware/boards/host.json
#include "cue_device.h"      // the board
#include "cue_sim.h"         // pty, events, control
#include <string.h>          // memset
#include <sys/random.h>      // getrandom

// As on the Uno: the hang watch, then the watchdog.
enum { HANG_SAFE_MS = 100, HANG_RESET_MS = 250, HALT_NS = 2000000 };

typedef struct {
    cue_sim_t sim;
    cue_board_t board;
    cue_device_t device;
    uint64_t clock_ns;   // the log's time, which goes on over resets
    uint64_t seen_ns;    // the wall clock when that was
    uint64_t started_ns; // the board's time, which begins anew
    uint64_t fed_ns;
    uint8_t store[CUE_STORE_SIZE];
    bool store_changed;
    uint8_t pixels[3 * CUE_PIXEL_COUNT];
    bool pressed;
    bool hung, hung_safe;
} host_t;

static const cue_channel_t channel_table[CUE_CHANNEL_COUNT] = CUE_CHANNEL_TABLE;
static const uint8_t manifest[CUE_MANIFEST_SIZE] = CUE_MANIFEST_BYTES;

static uint64_t smaller(uint64_t one, uint64_t other) {
    return one < other ? one : other;
}

static uint64_t elapsed_ns(const host_t *host) {
    uint64_t limit_us = host->sim.run_until_us;
    uint64_t limit_ns = limit_us < UINT64_MAX / 1000u ? 1000u * limit_us : UINT64_MAX;
    uint64_t passed_ns = smaller(cue_sim_now_ns() - host->seen_ns, CUE_SIM_LAG_MAX_NS);
    // A limit may also be drawn nearer, but time does not go back.
    return limit_ns < host->clock_ns ? host->clock_ns
                                     : smaller(host->clock_ns + passed_ns, limit_ns);
}

static void follow_clock(host_t *host) {
    host->clock_ns = elapsed_ns(host);
    host->seen_ns = cue_sim_now_ns();
}

static uint64_t elapsed_us(const host_t *host) {
    return elapsed_ns(host) / 1000u;
}

static uint64_t uptime_us(const host_t *host) {
    return (elapsed_ns(host) - host->started_ns) / 1000u;
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
    return (uint32_t)(uptime_us(context) / 1000u);
}

static uint32_t time_us(void *context) {
    return (uint32_t)uptime_us(context);
}

static void report_pin(host_t *host, uint8_t pin, int level) {
    cue_sim_event(&host->sim, elapsed_us(host), "\"pin\":\"D%d\",\"level\":%d", pin, level);
}

static void prepare(void *context, const cue_channel_t *channel) {
    (void)context;
    (void)channel;
}

static void relay_write(void *context, const cue_channel_t *channel, bool on) {
    static bool levels[64];
    if (levels[channel->pin % 64] != on) {
        levels[channel->pin % 64] = on;
        report_pin(context, channel->pin, on ? 1 : 0);
    }
}

static void servo_write(void *context, const cue_channel_t *channel, uint16_t width_us) {
    static uint16_t widths[64];
    host_t *host = context;
    if (widths[channel->pin % 64] != width_us) {
        widths[channel->pin % 64] = width_us;
        cue_sim_event(&host->sim, elapsed_us(host), "\"servo\":\"D%d\",\"width_us\":%d",
                      channel->pin, width_us);
    }
}

static void motor_write(void *context, const cue_channel_t *channel, int16_t speed_permille) {
    static int16_t speeds[64];
    host_t *host = context;
    int16_t before = speeds[channel->pin % 64];
    if (before == speed_permille) {
        return;
    }
    speeds[channel->pin % 64] = speed_permille;
    if ((before < 0) != (speed_permille < 0)) {
        report_pin(host, channel->direction_pin, speed_permille < 0 ? 1 : 0);
    }
    cue_sim_event(&host->sim, elapsed_us(host), "\"pwm\":\"D%d\",\"duty_permille\":%d",
                  channel->pin, speed_permille < 0 ? -speed_permille : speed_permille);
}

static void tone_write(void *context, const cue_channel_t *channel, uint16_t frequency_hz) {
    static uint16_t frequencies[64];
    host_t *host = context;
    if (frequencies[channel->pin % 64] != frequency_hz) {
        frequencies[channel->pin % 64] = frequency_hz;
        cue_sim_event(&host->sim, elapsed_us(host), "\"tone\":\"D%d\",\"frequency_hz\":%d",
                      channel->pin, frequency_hz);
    }
}

static void strip_write(void *context, const cue_channel_t *channel, const uint8_t *bytes,
                        size_t size) {
    static char shown[6 * CUE_PIXEL_COUNT + 1];
    host_t *host = context;
    char colours[6 * CUE_PIXEL_COUNT + 1] = "";
    for (size_t at = 0; at + 2 < size && at / 3 < CUE_PIXEL_COUNT; at += 3) {
        snprintf(colours + 2 * at, 7, "%02x%02x%02x", bytes[at + 1], bytes[at], bytes[at + 2]);
    }
    if (strcmp(shown, colours) != 0) {
        memcpy(shown, colours, sizeof shown);
        cue_sim_event(&host->sim, elapsed_us(host), "\"strip\":\"D%d\",\"rgb\":\"%s\"",
                      channel->pin, colours);
    }
}

static bool button_read(void *context, const cue_channel_t *channel) {
    (void)channel;
    return ((host_t *)context)->pressed;
}

static size_t uart_read(void *context, uint8_t *bytes, size_t capacity) {
    host_t *host = context;
    return cue_sim_read(&host->sim, elapsed_us(host), bytes, capacity);
}

static bool uart_write(void *context, const uint8_t *bytes, size_t size) {
    host_t *host = context;
    cue_sim_write(&host->sim, elapsed_us(host), bytes, size);
    return true;
}

static cue_uart_errors_t uart_take_errors(void *context) {
    (void)context;
    return (cue_uart_errors_t){0, 0, 0};
}

static uint8_t store_read(void *context, uint8_t address) {
    return ((host_t *)context)->store[address % CUE_STORE_SIZE];
}

static void store_write(void *context, uint8_t address, uint8_t byte) {
    host_t *host = context;
    host->store[address % CUE_STORE_SIZE] = byte;
    host->store_changed = true;
}

static void watchdog_feed(void *context) {
    host_t *host = context;
    host->fed_ns = elapsed_ns(host);
}

static void save_store(host_t *host) {
    if (host->store_changed) {
        host->store_changed = false;
        cue_sim_save(host->sim.options.eeprom, host->store, sizeof host->store);
    }
}

static void all_safe(host_t *host) {
    memset(host->pixels, 0, sizeof host->pixels);
    for (uint8_t index = 0; index < CUE_CHANNEL_COUNT; index++) {
        const cue_channel_t *channel = &channel_table[index];
        switch (channel->kind) {
        case CUE_KIND_RELAY:
            relay_write(host, channel, false);
            break;
        case CUE_KIND_SERVO:
            servo_write(host, channel, 0);
            break;
        case CUE_KIND_MOTOR:
            motor_write(host, channel, 0);
            break;
        case CUE_KIND_BUZZER:
            tone_write(host, channel, 0);
            break;
        case CUE_KIND_STRIP:
            strip_write(host, channel, host->pixels + 3u * channel->pixel_offset,
                        3u * (size_t)channel->high);
            break;
        default:
            break;
        }
    }
}

static void boot(host_t *host, uint8_t cause, const char *why) {
    uint16_t entropy = 0;
    if (getrandom(&entropy, sizeof entropy, 0) != (ssize_t)sizeof entropy) {
        entropy = (uint16_t)cue_sim_now_ns();
    }
    cue_sim_event(&host->sim, elapsed_us(host), "\"reset\":\"%s\"", why);
    all_safe(host);
    host->hung = host->hung_safe = false;
    host->board.reset_cause = cause;
    host->board.entropy = entropy;
    host->started_ns = elapsed_ns(host);
    host->fed_ns = host->started_ns;
    cue_device_start(&host->device, &host->board);
    save_store(host);
}

static void control(void *context, const char *line) {
    host_t *host = context;
    if (strncmp(line, "button ", 7) == 0) {
        host->pressed = line[7] == '1';
        cue_sim_event(&host->sim, elapsed_us(host), "\"button\":%d", host->pressed ? 1 : 0);
    } else if (strcmp(line, "hang") == 0 || strcmp(line, "hang-cli") == 0) {
        host->hung = true;
    } else if (strcmp(line, "reset") == 0) {
        boot(host, CUE_RESET_PIN, "pin");
    } else if (line[0] != 0) {
        fprintf(stderr, "simulator: unknown control line: %s\n", line);
    }
}

// What the chip's timers do while the program stands still.
static uint64_t stand_still(host_t *host) {
    uint64_t since_ms = (elapsed_ns(host) - host->fed_ns) / 1000000u;
    if (since_ms >= HANG_SAFE_MS && !host->hung_safe) {
        host->hung_safe = true;
        all_safe(host);
    }
    if (since_ms >= HANG_RESET_MS) {
        boot(host, CUE_RESET_WATCHDOG | CUE_RESET_HANG, "watchdog");
    }
    return 2000000u;
}

static void prepare_board(host_t *host) {
    host->board = (cue_board_t){
        .context = host,
        .build = CUE_BUILD,
        .manifest_crc32 = CUE_MANIFEST_CRC32,
        .manifest_size = CUE_MANIFEST_SIZE,
        .channel_count = CUE_CHANNEL_COUNT,
        .firmware = {CUE_FIRMWARE_MAJOR, CUE_FIRMWARE_MINOR, CUE_FIRMWARE_PATCH},
        .pixels = host->pixels,
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
    memset(host->store, 0xFF, sizeof host->store);
    (void)cue_sim_load(host->sim.options.eeprom, host->store, sizeof host->store);
    if (host->sim.options.has_uid) {
        cue_sim_put_uid(host->store, host->sim.options.uid);
        host->store_changed = true;
    }
}

int main(int count, char **arguments) {
    static host_t host;
    cue_sim_start(&host.sim, count, arguments,
                  "usage: cuelight-board-host [--pty-link PATH] [--events FILE|-] [--eeprom FILE]\n"
                  "       [--uid 16 HEX DIGITS] [--control FIFO]\n"
                  "Control lines on stdin: button 0|1, hang, reset, run MS. Ends when stdin is closed.\n");
    prepare_board(&host);
    host.seen_ns = cue_sim_now_ns();
    boot(&host, CUE_RESET_POWER_ON, "power");
    while (cue_sim_running()) {
        if (cue_sim_poll_opened(&host.sim)) {
            boot(&host, CUE_RESET_PIN, "open"); // an Uno's DTR line
        }
        cue_sim_poll_control(&host.sim, elapsed_us(&host), control, &host);
        follow_clock(&host);
        bool halted = cue_sim_halted(&host.sim, elapsed_us(&host));
        uint64_t idle_ns = HALT_NS;
        if (!halted) {
            idle_ns = host.hung ? stand_still(&host) : 1000u * (uint64_t)cue_device_step(&host.device);
        }
        save_store(&host);
        cue_sim_flush_events(&host.sim);
        if (idle_ns > 0) {
            // Without anybody at the other end, opening is noticed by looking.
            cue_sim_wait(&host.sim, halted, idle_ns);
        }
    }
    cue_sim_finish(&host.sim);
    return 0;
}
