// libgpiod 1.6 for a machine without a GPIO chip: what the agent asks of a chip is written to a
// file, and its inputs are pipes. Loaded in place of the library (LD_PRELOAD), so that program and
// linkage are the real ones. Levels in the files are those of the pin: 1 is high.
//
//   $CUELIGHT_FAKE_GPIO/chip      the chip; without the file there is none, and what was opened is gone
//   $CUELIGHT_FAKE_GPIO/events    one line each: output LINE LEVEL, input LINE, set LINE LEVEL,
//                                 release LINE
//   $CUELIGHT_FAKE_GPIO/in-LINE   a pipe; each byte 0 or 1 is an edge to that level
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <gpiod.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES_MAX 64

struct gpiod_line {
    unsigned int number;
    int is_active_low;
    int level;
    int pipe;
    int is_taken;
};

struct gpiod_chip {
    struct gpiod_line lines[LINES_MAX];
};

static void path_of(char *path, size_t size, const char *name)
{
    const char *folder = getenv("CUELIGHT_FAKE_GPIO");
    snprintf(path, size, "%s/%s", folder ? folder : "/nonexistent", name);
}

static void tell(const char *format, ...)
{
    char path[512], line[128];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    path_of(path, sizeof path, "events");
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) return;
    if (write(file, line, (size_t)size) != size) abort();
    close(file);
}

static int is_there(void)
{
    char path[512];
    path_of(path, sizeof path, "chip");
    return access(path, F_OK) == 0;
}

struct gpiod_chip *gpiod_chip_open(const char *path)
{
    (void)path;
    if (!is_there()) {
        errno = ENOENT;
        return NULL;
    }
    struct gpiod_chip *chip = calloc(1, sizeof *chip);
    for (unsigned int i = 0; chip && i < LINES_MAX; i++) chip->lines[i].number = i;
    return chip;
}

void gpiod_line_release(struct gpiod_line *line)
{
    if (!line->is_taken) return;
    if (line->pipe > 0) close(line->pipe);
    line->is_taken = 0;
    tell("release %u\n", line->number);
}

void gpiod_chip_close(struct gpiod_chip *chip)
{
    for (unsigned int i = 0; i < LINES_MAX; i++) gpiod_line_release(&chip->lines[i]);
    free(chip);
}

struct gpiod_line *gpiod_chip_get_line(struct gpiod_chip *chip, unsigned int number)
{
    if (number >= LINES_MAX) {
        errno = EINVAL;
        return NULL;
    }
    return &chip->lines[number];
}

int gpiod_line_request_output_flags(
    struct gpiod_line *line, const char *consumer, int flags, int value)
{
    (void)consumer;
    line->is_taken = 1;
    line->is_active_low = (flags & GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW) != 0;
    line->level = (value != 0) ^ line->is_active_low;
    tell("output %u %d\n", line->number, line->level);
    return 0;
}

int gpiod_line_request_both_edges_events_flags(
    struct gpiod_line *line, const char *consumer, int flags)
{
    (void)consumer;
    char path[512], name[32];
    snprintf(name, sizeof name, "in-%u", line->number);
    path_of(path, sizeof path, name);
    if (mkfifo(path, 0600) != 0 && errno != EEXIST) return -1;
    // Both ways, so that it never ends while nobody writes.
    line->pipe = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (line->pipe < 0) return -1;
    line->is_taken = 1;
    line->is_active_low = (flags & GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW) != 0;
    line->level = (flags & GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_UP) != 0;
    tell("input %u\n", line->number);
    return 0;
}

int gpiod_line_event_get_fd(struct gpiod_line *line) { return line->pipe; }

int gpiod_line_event_read(struct gpiod_line *line, struct gpiod_line_event *event)
{
    char byte;
    if (read(line->pipe, &byte, 1) != 1) return -1;
    line->level = byte == '1';
    memset(event, 0, sizeof *event);
    return 0;
}

int gpiod_line_get_value(struct gpiod_line *line) { return line->level ^ line->is_active_low; }

int gpiod_line_set_value(struct gpiod_line *line, int value)
{
    if (!is_there()) {
        errno = ENODEV;
        return -1;
    }
    line->level = (value != 0) ^ line->is_active_low;
    tell("set %u %d\n", line->number, line->level);
    return 0;
}
