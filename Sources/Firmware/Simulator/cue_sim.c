// What both simulators share.
#define _GNU_SOURCE // ppoll, posix_openpt
#include "cue_sim.h"
#include "cue_bytes.h"   // little-endian fields
#include "cue_link.h"    // cue_crc16
#include <errno.h>       // errno
#include <fcntl.h>       // open
#include <poll.h>        // ppoll
#include <signal.h>      // sigaction
#include <stdarg.h>      // va_list
#include <stdlib.h>      // exit
#include <string.h>      // memcpy
#include <sys/inotify.h> // opens of the slave
#include <sys/prctl.h>   // PR_SET_PDEATHSIG
#include <termios.h>     // cfmakeraw
#include <time.h>        // clock_gettime
#include <unistd.h>      // read, write

static volatile sig_atomic_t stopping;
static volatile pid_t parent;

static void stop(int signal_number) {
    (void)signal_number;
    stopping = 1;
}

// The kernel sends this when the *thread* that started us ends; only the end of its process is
// ours.
static void parent_thread_ended(int signal_number) {
    (void)signal_number;
    if (getppid() != parent) {
        _exit(0);
    }
}

static void fail(const char *what) {
    fprintf(stderr, "simulator: %s: %s\n", what, strerror(errno));
    exit(1);
}

bool cue_sim_running(void) {
    return stopping == 0;
}

uint64_t cue_sim_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// ---- Start

static bool parse_uid(const char *text, uint8_t *uid) {
    unsigned byte;
    int used;
    for (size_t index = 0; index < CUE_SIM_UID_SIZE; index++) {
        if (sscanf(text + 2 * index, "%2x%n", &byte, &used) != 1 || used != 2) {
            return false;
        }
        uid[index] = (uint8_t)byte;
    }
    return text[2 * CUE_SIM_UID_SIZE] == 0;
}

static void parse(cue_sim_options_t *options, int count, char **arguments, const char *usage) {
    const struct {
        const char *flag;
        const char **value;
    } flags[] = {
        {"--pty-link", &options->pty_link}, {"--events", &options->events},
        {"--eeprom", &options->eeprom},     {"--control", &options->control},
        {"--firmware", &options->firmware}, {"--bootloader", &options->bootloader},
        {"--flash", &options->flash},
    };
    for (int at = 1; at < count; at++) {
        bool known = false;
        if (strcmp(arguments[at], "--raw") == 0) {
            options->raw = true;
            continue;
        }
        if (strcmp(arguments[at], "--no-frames") == 0) {
            options->no_frames = true;
            continue;
        }
        if (strcmp(arguments[at], "--help") == 0) {
            fputs(usage, stdout);
            exit(0);
        }
        if (at + 1 < count && strcmp(arguments[at], "--uid") == 0) {
            known = options->has_uid = parse_uid(arguments[++at], options->uid);
        } else {
            for (size_t flag = 0; at + 1 < count && flag < sizeof flags / sizeof *flags; flag++) {
                if (strcmp(arguments[at], flags[flag].flag) == 0) {
                    *flags[flag].value = arguments[++at];
                    known = true;
                    break;
                }
            }
        }
        if (!known) {
            fprintf(stderr, "simulator: bad argument %s\n%s", arguments[at], usage);
            exit(2);
        }
    }
}

static void open_pty(cue_sim_t *sim) {
    sim->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (sim->master < 0 || grantpt(sim->master) != 0 || unlockpt(sim->master) != 0) {
        fail("pty");
    }
    const char *name = ptsname(sim->master);
    // Opening and closing the slave once makes the line raw from the start, and makes the master
    // report a hang-up until somebody opens the slave.
    int slave = name == NULL ? -1 : open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios settings;
    if (slave < 0 || tcgetattr(slave, &settings) != 0) {
        fail("pty slave");
    }
    cfmakeraw(&settings);
    cfsetspeed(&settings, B115200);
    if (tcsetattr(slave, TCSANOW, &settings) != 0) {
        fail("pty settings");
    }
    close(slave);
    sim->opens = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (sim->opens >= 0 && inotify_add_watch(sim->opens, name, IN_OPEN | IN_CLOSE) < 0) {
        close(sim->opens);
        sim->opens = -1;
    }
    if (sim->options.pty_link != NULL) {
        unlink(sim->options.pty_link);
        if (symlink(name, sim->options.pty_link) != 0) {
            fail(sim->options.pty_link);
        }
    }
}

void cue_sim_start(cue_sim_t *sim, int count, char **arguments, const char *usage) {
    memset(sim, 0, sizeof *sim);
    sim->run_until_us = UINT64_MAX;
    parent = getppid();
    struct sigaction orphaned = {.sa_handler = parent_thread_ended, .sa_flags = SA_RESTART};
    sigaction(SIGUSR2, &orphaned, NULL);
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
    if (getppid() != parent) {
        exit(0); // it ended before we asked
    }
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);

    parse(&sim->options, count, arguments, usage);
    open_pty(sim);
    if (sim->options.events != NULL) {
        sim->events =
            strcmp(sim->options.events, "-") == 0 ? stdout : fopen(sim->options.events, "we");
        if (sim->events == NULL) {
            fail(sim->options.events);
        }
    }
    sim->inputs[0] = STDIN_FILENO;
    sim->inputs[1] = -1;
    if (sim->options.control != NULL) {
        // For reading and writing, so that it does not end when one writer closes it.
        sim->inputs[1] = open(sim->options.control, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (sim->inputs[1] < 0) {
            fail(sim->options.control);
        }
    }
    cue_sim_event(sim, 0, "\"ready\":\"%s\"", ptsname(sim->master));
    cue_sim_flush_events(sim);
}

void cue_sim_finish(cue_sim_t *sim) {
    if (sim->options.pty_link != NULL) {
        unlink(sim->options.pty_link);
    }
    cue_sim_flush_events(sim);
}

// ---- Events

void cue_sim_event(cue_sim_t *sim, uint64_t time_us, const char *format, ...) {
    if (sim->events == NULL) {
        return;
    }
    va_list values;
    fprintf(sim->events, "{\"t_us\":%llu,\"wall_ns\":%llu,", (unsigned long long)time_us,
            (unsigned long long)cue_sim_now_ns());
    va_start(values, format);
    vfprintf(sim->events, format, values);
    va_end(values);
    fputs("}\n", sim->events);
    sim->events_waiting = true;
}

void cue_sim_flush_events(cue_sim_t *sim) {
    if (sim->events_waiting) {
        sim->events_waiting = false;
        if (fflush(sim->events) != 0) {
            stopping = 1; // nobody can read what happens any more
        }
    }
}

// Logs a frame when its closing 00 passes.
static void log_frame(cue_sim_t *sim, uint64_t time_us, cue_sim_frame_t *frame, const char *name,
                      const uint8_t *bytes, size_t size) {
    if (sim->options.no_frames) {
        return;
    }
    for (size_t index = 0; index < size; index++) {
        if (bytes[index] != 0) {
            if (frame->size < CUE_SIM_FRAME_MAX) {
                frame->bytes[frame->size++] = bytes[index];
            }
            continue;
        }
        if (frame->size == 0) {
            continue;
        }
        char hex[2 * CUE_SIM_FRAME_MAX + 1];
        for (size_t at = 0; at < frame->size; at++) {
            snprintf(hex + 2 * at, 3, "%02x", frame->bytes[at]);
        }
        cue_sim_event(sim, time_us, "\"%s\":\"00%s00\"", name, hex);
        frame->size = 0;
    }
}

// ---- The line

bool cue_sim_halted(const cue_sim_t *sim, uint64_t time_us) {
    return time_us >= sim->run_until_us;
}

void cue_sim_wait(cue_sim_t *sim, bool halted, uint64_t timeout_ns) {
    // A master without a slave reports a hang-up at once and for ever: leave it out, or this would
    // spin.
    struct pollfd polled[4] = {
        {.fd = sim->opens, .events = POLLIN},
        {.fd = sim->open && !halted ? sim->master : -1, .events = POLLIN},
        {.fd = sim->inputs[0], .events = POLLIN},
        {.fd = sim->inputs[1], .events = POLLIN},
    };
    struct timespec timeout = {(time_t)(timeout_ns / 1000000000u),
                               (long)(timeout_ns % 1000000000u)};
    (void)ppoll(polled, 4, &timeout, NULL);
}

// Whether the slave was opened by somebody while nobody else had it, even if only for a moment.
static bool count_users(cue_sim_t *sim) {
    _Alignas(struct inotify_event) char events[4096];
    bool opened = false;
    ssize_t size = read(sim->opens, events, sizeof events);
    for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= size;) {
        const struct inotify_event *event = (const struct inotify_event *)(void *)(events + at);
        if ((event->mask & IN_OPEN) != 0) {
            opened |= sim->users == 0;
            sim->users++;
        } else if ((event->mask & IN_CLOSE) != 0 && sim->users > 0) {
            sim->users--;
        }
        at += (ssize_t)sizeof *event + (ssize_t)event->len;
    }
    return opened;
}

// Alike events that nobody has read yet are given as one, so the count can be wrong; the line
// itself knows whether anybody has it. But event and hang-up do not come at the same instant (a
// close is told before it hangs up, an opening after), so only a difference that stays is believed.
static void correct_users(cue_sim_t *sim, bool hung_up) {
    enum { DOUBT_NS = 50000000 };
    bool differs = hung_up ? sim->users > 0 : sim->users == 0;
    if (!differs) {
        sim->doubt_since_ns = 0;
    } else if (sim->doubt_since_ns == 0) {
        sim->doubt_since_ns = cue_sim_now_ns();
    } else if (cue_sim_now_ns() - sim->doubt_since_ns > DOUBT_NS) {
        sim->users = hung_up ? 0 : 1;
        sim->doubt_since_ns = 0;
    }
}

bool cue_sim_poll_opened(cue_sim_t *sim) {
    struct pollfd polled[2] = {{.fd = sim->master, .events = 0},
                               {.fd = sim->opens, .events = POLLIN}};
    bool open = poll(polled, 2, 0) >= 0 && (polled[0].revents & POLLHUP) == 0;
    bool opened = open && !sim->open;
    if (sim->opens >= 0) {
        bool has_events = (polled[1].revents & POLLIN) != 0;
        opened = has_events && count_users(sim);
        if (has_events) {
            sim->doubt_since_ns = 0;
        } else {
            correct_users(sim, !open);
        }
    }
    if (!open && sim->open) {
        tcflush(sim->master, TCIOFLUSH);
    }
    sim->open = open;
    return opened;
}

unsigned cue_sim_rate_bps(const cue_sim_t *sim) {
    static const struct {
        speed_t code;
        unsigned bps;
    } rates[] = {{B9600, 9600},   {B19200, 19200},   {B38400, 38400},
                 {B57600, 57600}, {B115200, 115200}, {B230400, 230400}};
    struct termios settings; // of the slave, also when the master is asked
    if (tcgetattr(sim->master, &settings) != 0) {
        return 0;
    }
    for (size_t at = 0; at < sizeof rates / sizeof *rates; at++) {
        if (cfgetospeed(&settings) == rates[at].code) {
            return rates[at].bps;
        }
    }
    return 0;
}

size_t cue_sim_read(cue_sim_t *sim, uint64_t time_us, uint8_t *bytes, size_t capacity) {
    ssize_t size = read(sim->master, bytes, capacity);
    if (size <= 0) {
        return 0;
    }
    log_frame(sim, time_us, &sim->received, "uart_rx", bytes, (size_t)size);
    return (size_t)size;
}

void cue_sim_write(cue_sim_t *sim, uint64_t time_us, const uint8_t *bytes, size_t size) {
    log_frame(sim, time_us, &sim->transmitted, "uart_tx", bytes, size);
    cue_sim_flush_events(sim);
    if (sim->open && write(sim->master, bytes, size) < 0 && errno != EAGAIN && errno != EIO) {
        stopping = 1;
    }
}

static void take_line(cue_sim_t *sim, uint64_t time_us, const char *line, cue_sim_control_t handler,
                      void *context) {
    if (strncmp(line, "run ", 4) == 0) {
        sim->run_until_us = time_us + 1000u * (uint64_t)strtoul(line + 4, NULL, 10);
    } else {
        handler(context, line);
    }
}

void cue_sim_poll_control(cue_sim_t *sim, uint64_t time_us, cue_sim_control_t handler,
                          void *context) {
    struct pollfd polled[2] = {{.fd = sim->inputs[0], .events = POLLIN},
                               {.fd = sim->inputs[1], .events = POLLIN}};
    if (poll(polled, 2, 0) <= 0) {
        return;
    }
    for (size_t input = 0; input < 2; input++) {
        if (polled[input].revents == 0) {
            continue;
        }
        char bytes[CUE_SIM_LINE_MAX];
        ssize_t size = read(sim->inputs[input], bytes, sizeof bytes);
        if (size <= 0 && input == 0) {
            stopping = 1;
        }
        for (ssize_t at = 0; at < size; at++) {
            if (bytes[at] == '\n') {
                sim->lines[input][sim->line_sizes[input]] = 0;
                sim->line_sizes[input] = 0;
                take_line(sim, time_us, sim->lines[input], handler, context);
            } else if (sim->line_sizes[input] < CUE_SIM_LINE_MAX - 1) {
                sim->lines[input][sim->line_sizes[input]++] = bytes[at];
            }
        }
    }
}

// ---- Files

size_t cue_sim_load(const char *path, uint8_t *bytes, size_t capacity) {
    FILE *file = path == NULL ? NULL : fopen(path, "rbe");
    if (file == NULL) {
        return 0;
    }
    size_t size = fread(bytes, 1, capacity, file);
    fclose(file);
    return size;
}

void cue_sim_save(const char *path, const uint8_t *bytes, size_t size) {
    char temporary[4096];
    if (path == NULL ||
        snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary) {
        return;
    }
    FILE *file = fopen(temporary, "wbe");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0 ||
        rename(temporary, path) != 0) {
        fail(path);
    }
}

void cue_sim_put_uid(uint8_t *store, const uint8_t uid[CUE_SIM_UID_SIZE]) {
    memcpy(store, uid, CUE_SIM_UID_SIZE);
    cue_write_u16(store + CUE_SIM_UID_SIZE, cue_crc16(0xFFFF, uid, CUE_SIM_UID_SIZE));
}
