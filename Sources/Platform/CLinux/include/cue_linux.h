// Linux calls that Swift's Glibc module does not export, in shapes that Swift can use.
#pragma once

#include <stddef.h>
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
// `stderr_fd` as 0, 1, 2 (-1: /dev/null), no other descriptor, default signal handling, its own
// process group if `own_group`, the working directory `directory` (NULL: unchanged), the user
// and group ids if `uid` is not -1 (supplementary groups dropped), and dies with `death_signal`
// when the calling THREAD ends (0: no; so call it on a thread that stays). Returns, once the
// program runs, the child's pid, or -errno of the step that failed.
int cue_spawn(const char *path, char *const argv[], char *const envp[], int stdin_fd,
              int stdout_fd, int stderr_fd, const char *directory, int64_t uid, int64_t gid,
              int own_group, int death_signal);
// A descriptor (close-on-exec) that is readable once the child has ended, or -errno.
int cue_pidfd_open(int pid);
// Reaps a child. Returns 1 and how it ended (`code` is the exit code, or the signal's number if
// `by_signal`), 0 if it still runs, or -errno.
int cue_reap(int pid, int *code, int *by_signal);
// A pipe of which this process reads (non-blocking) and a child writes; both close-on-exec.
int cue_pipe(int ends[2]);

// How many descriptors this process has open; -1 if unknown.
int cue_open_descriptors(void);
// How many it may open.
int64_t cue_descriptors_max(void);
// When this process started, Unix milliseconds UTC; 0 if unknown.
int64_t cue_process_start_ms(void);
// Waits at most `timeout_ms` until `fd` takes bytes. Returns 1 if it does (or is broken), 0 if not.
int cue_wait_writable(int fd, int timeout_ms);

// Sockets: all are non-blocking and close-on-exec; functions return a descriptor or -errno.
// `address` is a numeric IPv4 or IPv6 address, with a scope such as %eth0 if it has one; port 0 takes a free one; `::` serves IPv4 too.
int cue_listen_ip(const char *address, uint16_t port, int backlog, int shares_port);
int cue_connect_ip(const char *address, uint16_t port);
// Replaces a socket file that nobody listens on. The file gets `mode`.
int cue_listen_unix(const char *path, uint32_t mode, int backlog);
int cue_connect_unix(const char *path);
// Sends one datagram to the unix socket `path` (a leading @ stands for an abstract name), without
// waiting. Returns 0 or -errno.
int cue_send_datagram_unix(const char *path, const void *bytes, size_t size);
// How an unfinished connect ended, once the descriptor is writable: 0 or -errno.
int cue_connect_result(int fd);
// The port a socket is bound to, 0 for one without, or -errno.
int cue_local_port(int fd);
int cue_set_no_delay(int fd);
// The peer's numeric address (zero-terminated; empty for a unix socket) and port. 0 or -errno.
int cue_peer(int fd, char *address, size_t size, uint16_t *port);
// Looks a host name up. BLOCKS for as long as the resolver likes. Fills at most `capacity`
// numeric addresses of CUE_ADDRESS_SIZE bytes each; returns how many, or a negative EAI_ code.
enum { CUE_ADDRESS_SIZE = 48 };
int cue_resolve(const char *host, char *addresses, int capacity);
const char *cue_resolve_problem(int code);

// One pointer of the calling thread, by which a loop knows that it runs on its own thread.
void cue_thread_tag_set(const void *tag);
const void *cue_thread_tag(void);
// Starts a detached thread named `name` (at most 15 bytes). Returns 0 or -errno.
int cue_thread_start(const char *name, void (*body)(void *), void *context);
