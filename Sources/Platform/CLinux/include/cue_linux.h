// Linux calls that Swift's Glibc module does not export, in shapes that Swift can use.
#pragma once

#include <stdint.h>

// What epoll reported for one descriptor; an unpacked mirror of `struct epoll_event`.
typedef struct {
    uint32_t events;
    uint64_t data;
} cue_epoll_event_t;

enum {
    CUE_READABLE = 1,
    CUE_WRITABLE = 2,
    CUE_HANGUP = 4, // peer closed, reset or error; the descriptor should be read or closed
};

// Opens an epoll instance (close-on-exec). Returns the descriptor, or -errno.
int cue_epoll_open(void);
// Adds (edge_triggered 0 or 1), changes or removes `fd`. `interest` is a set of CUE_READABLE and
// CUE_WRITABLE; hang-ups are always reported. Returns 0 or -errno.
int cue_epoll_add(int epoll, int fd, uint32_t interest, int edge_triggered, uint64_t data);
int cue_epoll_change(int epoll, int fd, uint32_t interest, int edge_triggered, uint64_t data);
int cue_epoll_remove(int epoll, int fd);
// Waits at most `timeout_ns` (-1: for ever) and fills at most `capacity` (and 256) events.
// Returns how many, 0 after a timeout or a signal, or -errno.
int cue_epoll_wait(int epoll, cue_epoll_event_t *events, int capacity, int64_t timeout_ns);

// Opens a non-blocking, close-on-exec eventfd. Returns the descriptor, or -errno.
int cue_eventfd_open(void);
void cue_eventfd_signal(int fd);
void cue_eventfd_drain(int fd);

// CLOCK_MONOTONIC, nanoseconds.
int64_t cue_monotonic_ns(void);
// CLOCK_REALTIME, milliseconds since 1970 UTC.
int64_t cue_unix_ms(void);

// Accepts one connection as non-blocking and close-on-exec. Returns the descriptor, or -errno.
int cue_accept(int listener);
// Opens a file for reading by a path below `folder` that leaves it neither by `..` nor through a
// symbolic link (openat2). Non-blocking, so that a pipe in its place does not stop the caller.
// Returns the descriptor, or -errno.
int cue_open_beneath(int folder, const char *path);
// Asks the kernel to send `signal` to the calling process when its parent dies. 0 or -errno.
int cue_die_with_parent(int signal);
// Opens a signalfd for the `count` signals and blocks them in the calling thread (and the
// threads it makes later). Returns the descriptor, or -errno.
int cue_signalfd_open(const int *signals, int count);
// Reads one signal number from a signalfd; 0 if none is there.
int cue_signalfd_read(int fd);
// Resident memory of this process in bytes, from /proc/self/statm; 0 if unknown.
int64_t cue_resident_bytes(void);
// CPU time of this process (user and system), nanoseconds.
int64_t cue_cpu_ns(void);

// Starts a program. argv and envp end with NULL. The child gets `stdin_fd`, `stdout_fd`,
// `stderr_fd` as 0, 1, 2 (-1: /dev/null), no other descriptor, its own process group if
// `own_group`, the working directory `directory` (NULL: unchanged), the user and group ids if
// `uid` is not -1 (supplementary groups dropped), and dies with `death_signal` when the parent
// thread's process dies (0: no). Returns the child's pid, or -errno of the step that failed.
int cue_spawn(const char *path, char *const argv[], char *const envp[], int stdin_fd,
              int stdout_fd, int stderr_fd, const char *directory, int64_t uid, int64_t gid,
              int own_group, int death_signal);

// One pointer of the calling thread, by which a loop knows that it runs on its own thread.
void cue_thread_tag_set(const void *tag);
const void *cue_thread_tag(void);
// Starts a detached thread named `name` (at most 15 bytes). Returns 0 or -errno.
int cue_thread_start(const char *name, void (*body)(void *), void *context);
