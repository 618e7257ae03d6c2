// cuelight-board-host: the firmware's Core as a program, its serial port a pty. Its clock follows
// the host's while the program is run, and stands still when it is not: a real board is not stopped
// by a busy host.
#define _GNU_SOURCE         // getrandom
#include "cue_board_host.h" // the board, but for clock, line and outputs
#include "cue_sim.h"        // pty, events, control
#include <stdlib.h>         // atoi
#include <string.h>         // memset
#include <sys/random.h>     // getrandom

// As on the Uno: the hang watch, then the watchdog.
enum { HANG_SAFE_MS = 100, HANG_RESET_MS = 250, HALT_NS = 2000000, IDLE_MIN_NS = 50000 };

typedef struct {
    cue_board_host_t host; // first: what the board's functions get is this struct too
    cue_sim_t sim;
    uint64_t clock_ns;   // the log's time, which goes on over resets
    uint64_t seen_ns;    // the wall clock when that was
    uint64_t started_ns; // the board's time, which begins anew
    uint64_t fed_ns;
    unsigned store_saved; // of store_writes
    bool hung, hung_safe;
} simulator_t;

static uint64_t smaller(uint64_t one, uint64_t other) {
    return one < other ? one : other;
}

static uint64_t elapsed_ns(const simulator_t *board) {
    uint64_t limit_us = board->sim.run_until_us;
    uint64_t limit_ns = limit_us < UINT64_MAX / 1000u ? 1000u * limit_us : UINT64_MAX;
    uint64_t passed_ns = smaller(cue_sim_now_ns() - board->seen_ns, CUE_SIM_LAG_MAX_NS);
    // A limit may also be drawn nearer, but time does not go back.
    return limit_ns < board->clock_ns ? board->clock_ns
                                      : smaller(board->clock_ns + passed_ns, limit_ns);
}

static void follow_clock(simulator_t *board) {
    board->clock_ns = elapsed_ns(board);
    board->seen_ns = cue_sim_now_ns();
}

static uint64_t elapsed_us(const simulator_t *board) {
    return elapsed_ns(board) / 1000u;
}

static uint64_t uptime_us(const simulator_t *board) {
    return (elapsed_ns(board) - board->started_ns) / 1000u;
}

static uint32_t time_us(void *context) {
    return (uint32_t)uptime_us(context);
}

static void report_pin(simulator_t *board, uint8_t pin, int level) {
    cue_sim_event(&board->sim, elapsed_us(board), "\"pin\":\"D%d\",\"level\":%d", pin, level);
}

static void drive_motor(simulator_t *board, const cue_channel_t *channel, int16_t before,
                        int16_t value) {
    bool was_braking = before == CUE_BRAKE;
    bool braking = value == CUE_BRAKE;
    int16_t was = was_braking ? 0 : before;
    int16_t is = braking ? 0 : value;
    if (was_braking != braking) {
        report_pin(board, channel->third_pin, braking ? 1 : 0);
    }
    if ((was < 0) != (is < 0)) {
        report_pin(board, channel->second_pin, is < 0 ? 1 : 0);
    }
    if (was != is) {
        cue_sim_event(&board->sim, elapsed_us(board), "\"pwm\":\"D%d\",\"duty_permille\":%d",
                      channel->pin, is < 0 ? -is : is);
    }
}

static void drive(void *context, const cue_channel_t *channel, int16_t value) {
    static int16_t values[70];
    simulator_t *board = context;
    int16_t before = values[channel->pin % 70];
    if (before == value) {
        return;
    }
    values[channel->pin % 70] = value;
    switch (channel->kind) {
    case CUE_KIND_SERVO:
        cue_sim_event(&board->sim, elapsed_us(board), "\"servo\":\"D%d\",\"width_us\":%d",
                      channel->pin, value);
        break;
    case CUE_KIND_MOTOR:
        drive_motor(board, channel, before, value);
        break;
    case CUE_KIND_BUZZER:
        cue_sim_event(&board->sim, elapsed_us(board), "\"tone\":\"D%d\",\"frequency_hz\":%d",
                      channel->pin, value);
        break;
    case CUE_KIND_LIGHT:
        cue_sim_event(&board->sim, elapsed_us(board), "\"pwm\":\"D%d\",\"duty_permille\":%d",
                      channel->pin, value);
        break;
    default:
        report_pin(board, channel->pin, value);
        break;
    }
}

static void stepped(cue_board_host_t *host, uint32_t time_us, const cue_stepper_t *stepper) {
    simulator_t *board = (simulator_t *)(void *)host;
    (void)time_us;
    cue_sim_event(&board->sim, elapsed_us(board), "\"step\":%ld", (long)stepper->position);
}

static void strip_write(void *context, const cue_channel_t *channel, const uint8_t *bytes,
                        size_t size) {
    static char shown[6 * CUE_PIXEL_COUNT + 1];
    simulator_t *board = context;
    char colours[6 * CUE_PIXEL_COUNT + 1] = "";
    for (size_t at = 0; at + 2 < size && at / 3 < CUE_PIXEL_COUNT; at += 3) {
        snprintf(colours + 2 * at, 7, "%02x%02x%02x", bytes[at + 1], bytes[at], bytes[at + 2]);
    }
    if (strcmp(shown, colours) != 0) {
        memcpy(shown, colours, sizeof shown);
        cue_sim_event(&board->sim, elapsed_us(board), "\"strip\":\"D%d\",\"rgb\":\"%s\"",
                      channel->pin, colours);
    }
}

static size_t uart_read(void *context, uint8_t *bytes, size_t capacity) {
    simulator_t *board = context;
    return cue_sim_read(&board->sim, elapsed_us(board), bytes, capacity);
}

static bool uart_write(void *context, const uint8_t *bytes, size_t size) {
    simulator_t *board = context;
    cue_sim_write(&board->sim, elapsed_us(board), bytes, size);
    return true;
}

static cue_uart_errors_t uart_take_errors(void *context) {
    (void)context;
    return (cue_uart_errors_t){.framing = 0};
}

static void watchdog_feed(void *context) {
    simulator_t *board = context;
    board->fed_ns = elapsed_ns(board);
}

static void save_store(simulator_t *board) {
    if (board->store_saved != board->host.store_writes) {
        board->store_saved = board->host.store_writes;
        cue_sim_save(board->sim.options.eeprom, board->host.store, sizeof board->host.store);
    }
}

static void all_safe(simulator_t *board) {
    memset(board->host.pixels, 0, sizeof board->host.pixels);
    for (uint8_t index = 0; index < CUE_CHANNEL_COUNT; index++) {
        const cue_channel_t *channel = &cue_board_host_channels[index];
        switch (channel->kind) {
        case CUE_KIND_STRIP:
            strip_write(board, channel, board->host.pixels + 3u * channel->pixel_offset,
                        3u * (size_t)channel->high);
            break;
        case CUE_KIND_STEPPER:
            board->host.board.stepper_run(board, channel, 0);
            break;
        case CUE_KIND_BUTTON:
        case CUE_KIND_SWITCH:
        case CUE_KIND_ANALOG:
        case CUE_KIND_DISTANCE:
            break;
        default:
            drive(board, channel, 0);
            break;
        }
    }
}

static void boot(simulator_t *board, uint8_t cause, const char *why) {
    uint16_t entropy = 0;
    if (getrandom(&entropy, sizeof entropy, 0) != (ssize_t)sizeof entropy) {
        entropy = (uint16_t)cue_sim_now_ns();
    }
    cue_sim_event(&board->sim, elapsed_us(board), "\"reset\":\"%s\"", why);
    all_safe(board);
    board->hung = board->hung_safe = false;
    board->started_ns = elapsed_ns(board);
    board->fed_ns = board->started_ns;
    cue_board_host_boot(&board->host, cause, entropy);
    save_store(board);
}

static void control(void *context, const char *line) {
    simulator_t *board = context;
    if (strncmp(line, "button ", 7) == 0) {
        board->host.pressed = line[7] == '1';
        cue_sim_event(&board->sim, elapsed_us(board), "\"button\":%d", board->host.pressed ? 1 : 0);
    } else if (strncmp(line, "switch ", 7) == 0) {
        board->host.closed = line[7] == '1';
    } else if (strncmp(line, "estop ", 6) == 0) {
        board->host.estop_open = line[6] == '1';
    } else if (strncmp(line, "analog ", 7) == 0) {
        board->host.analog_permille = (int16_t)atoi(line + 7);
    } else if (strncmp(line, "distance ", 9) == 0) {
        board->host.distance_mm = (int16_t)atoi(line + 9);
    } else if (strcmp(line, "hang") == 0 || strcmp(line, "hang-cli") == 0) {
        board->hung = true;
    } else if (strcmp(line, "reset") == 0) {
        boot(board, CUE_RESET_PIN, "pin");
    } else if (line[0] != 0) {
        fprintf(stderr, "simulator: unknown control line: %s\n", line);
    }
}

// What the chip's timers do while the program stands still.
static uint64_t stand_still(simulator_t *board) {
    uint64_t since_ms = (elapsed_ns(board) - board->fed_ns) / 1000000u;
    if (since_ms >= HANG_SAFE_MS && !board->hung_safe) {
        board->hung_safe = true;
        all_safe(board);
    }
    if (since_ms >= HANG_RESET_MS) {
        boot(board, CUE_RESET_WATCHDOG | CUE_RESET_HANG, "watchdog");
    }
    return 2000000u;
}

static void prepare_board(simulator_t *board) {
    cue_board_host_init(&board->host, &(cue_board_t){
                                          .time_us = time_us,
                                          .drive = drive,
                                          .strip_write = strip_write,
                                          .uart_read = uart_read,
                                          .uart_write = uart_write,
                                          .uart_take_errors = uart_take_errors,
                                          .watchdog_feed = watchdog_feed,
                                      });
    board->host.stepped = stepped;
    board->host.distance_mm = INT16_MAX;
    (void)cue_sim_load(board->sim.options.eeprom, board->host.store, sizeof board->host.store);
    if (board->sim.options.has_uid) {
        cue_sim_put_uid(board->host.store, board->sim.options.uid);
        board->host.store_writes++;
    }
}

int main(int count, char **arguments) {
    static simulator_t board;
    cue_sim_start(&board.sim, count, arguments,
                  "usage: cuelight-board-host [--pty-link PATH] [--events FILE|-] [--eeprom FILE] [--no-frames]\n"
                  "       [--uid 16 HEX DIGITS] [--control FIFO]\n"
                  "Control lines on stdin: button 0|1, switch 0|1, analog PERMILLE, distance MM, estop 0|1,\n"
                  "hang, reset, run MS. Ends when stdin is closed.\n");
    prepare_board(&board);
    board.seen_ns = cue_sim_now_ns();
    boot(&board, CUE_RESET_POWER_ON, "power");
    while (cue_sim_running()) {
        if (cue_sim_poll_opened(&board.sim)) {
            boot(&board, CUE_RESET_PIN, "open"); // an Uno's DTR line
        }
        cue_sim_poll_control(&board.sim, elapsed_us(&board), control, &board);
        follow_clock(&board);
        bool halted = cue_sim_halted(&board.sim, elapsed_us(&board));
        uint64_t idle_ns = HALT_NS;
        if (!halted) {
            cue_board_host_make_steps(&board.host);
            idle_ns = board.hung ? stand_still(&board)
                                 : 1000u * (uint64_t)cue_device_step(&board.host.device);
            if (idle_ns < IDLE_MIN_NS && board.host.device.event_count == 0) {
                idle_ns = IDLE_MIN_NS; // what moves need not be looked at all the time
            }
        }
        save_store(&board);
        if (board.host.violation != 0) {
            fprintf(stderr, "simulator: the firmware %s\n", board.host.violation);
            return 1;
        }
        cue_sim_flush_events(&board.sim);
        if (idle_ns > 0) {
            // Without anybody at the other end, opening is noticed by looking.
            cue_sim_wait(&board.sim, halted, idle_ns);
        }
    }
    cue_sim_finish(&board.sim);
    return 0;
}
