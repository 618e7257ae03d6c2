// What both simulators share: options, the pty, the event log, control lines, and ending with their
// parent.
#ifndef CUE_SIM_H
#define CUE_SIM_H

#include <stdbool.h> // bool
#include <stddef.h>  // size_t
#include <stdint.h>  // fixed-width integers
#include <stdio.h>   // FILE

enum {
    CUE_SIM_FRAME_MAX = 64,
    CUE_SIM_LINE_MAX = 128,
    CUE_SIM_UID_SIZE = 8,
    // A simulator that was not run for longer does not catch up: its board's time stood still.
    CUE_SIM_LAG_MAX_NS = 50000000
};

typedef struct {
    const char *pty_link;   // symbolic link to the pty's slave, or NULL
    const char *events;     // "-" or a path, or NULL
    const char *eeprom;     // path, or NULL: forgotten at exit
    const char *control;    // FIFO with control lines besides stdin, or NULL
    const char *firmware;   // AVR: Intel HEX
    const char *bootloader; // AVR: Intel HEX, started at each reset
    const char *flash;      // AVR: path of the flash image, or NULL: forgotten at exit
    bool has_uid;
    bool raw; // report every edge of strip and buzzer too
    bool no_frames; // do not report the frames on the line
    uint8_t uid[CUE_SIM_UID_SIZE];
} cue_sim_options_t;

// A frame on the line, gathered for the log.
typedef struct {
    uint8_t bytes[CUE_SIM_FRAME_MAX];
    size_t size;
} cue_sim_frame_t;

typedef struct {
    cue_sim_options_t options;
    int master;              // pty
    int opens;               // inotify: who opens and closes the slave, -1 when there is none
    int users;               // open slaves, as the events say
    uint64_t doubt_since_ns; // since when the line contradicts them; 0 if it does not
    bool open;               // somebody has the slave open
    FILE *events;
    bool events_waiting;   // something written since the last flush
    uint64_t run_until_us; // the board's time stands still there; UINT64_MAX: it never does
    int inputs[2];         // stdin and the FIFO, -1 when absent
    char lines[2][CUE_SIM_LINE_MAX];
    size_t line_sizes[2];
    cue_sim_frame_t received, transmitted;
} cue_sim_t;

// Called for every control line.
typedef void (*cue_sim_control_t)(void *context, const char *line);

// Parses the flags, makes the pty, opens log and control. Exits with a message when it cannot.
void cue_sim_start(cue_sim_t *sim, int count, char **arguments, const char *usage);

// Removes the link and flushes the log.
void cue_sim_finish(cue_sim_t *sim);

// False once SIGTERM or SIGINT came or stdin was closed.
bool cue_sim_running(void);

uint64_t cue_sim_now_ns(void);

// Whether the board's time stands still, because the tester granted no more of it.
bool cue_sim_halted(const cue_sim_t *sim, uint64_t time_us);

// Waits for bytes from the host, control input, or the timeout, whichever comes first. While the
// board's time stands still nobody would take the bytes, and they are not waited for.
void cue_sim_wait(cue_sim_t *sim, bool halted, uint64_t timeout_ns);

// True once each time somebody opened the slave.
bool cue_sim_poll_opened(cue_sim_t *sim);

// The rate at which the port was last set, in bit/s; 0 for one that is not usual.
unsigned cue_sim_rate_bps(const cue_sim_t *sim);

size_t cue_sim_read(cue_sim_t *sim, uint64_t time_us, uint8_t *bytes, size_t capacity);

// Bytes that nobody listens to are lost, as on a real line. Whoever reads an answer finds what led
// to it in the log.
void cue_sim_write(cue_sim_t *sim, uint64_t time_us, const uint8_t *bytes, size_t size);

// Hands over every control line but `run MS`: the board's time goes on for so long from now and
// then stands still, until another such line. A tester that stands still for longer than the board
// would bear so stops the board too.
void cue_sim_poll_control(cue_sim_t *sim, uint64_t time_us, cue_sim_control_t handler,
                          void *context);

// One event: the simulated time, the wall clock, and the members of a JSON object.
void cue_sim_event(cue_sim_t *sim, uint64_t time_us, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void cue_sim_flush_events(cue_sim_t *sim);

// A file's bytes; how many were there, 0 when there is no file.
size_t cue_sim_load(const char *path, uint8_t *bytes, size_t capacity);

// Replaces the file as a whole.
void cue_sim_save(const char *path, const uint8_t *bytes, size_t size);

// The store's uid record (Core/src/cue_store.h): uid and CRC-16.
void cue_sim_put_uid(uint8_t *store, const uint8_t uid[CUE_SIM_UID_SIZE]);

#endif
