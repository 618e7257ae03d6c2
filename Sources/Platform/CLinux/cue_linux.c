// Linux calls that Swift's Glibc module does not export.
#include "cue_linux.h"

#include <errno.h>        // errno
#include <sys/syscall.h>  // SYS_openat2
#include <fcntl.h>        // open
#include <grp.h>          // setgroups
#include <linux/openat2.h> // struct open_how
#include <pthread.h>      // pthread_create
#include <signal.h>       // sigset_t
#include <stdio.h>        // fopen
#include <stdlib.h>       // malloc
#include <sys/epoll.h>    // epoll_*
#include <sys/eventfd.h>  // eventfd
#include <sys/prctl.h>    // prctl
#include <sys/signalfd.h> // signalfd
#include <sys/socket.h>   // accept4
#include <time.h>         // clock_gettime
#include <unistd.h>       // read, write

enum { EVENTS_MAX = 256 };

int cue_epoll_open(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int control(int epoll, int operation, int fd, uint32_t interest, int edge, uint64_t data) {
    struct epoll_event event = {.events = EPOLLRDHUP, .data = {.u64 = data}};
    if (interest & CUE_READABLE)
        event.events |= EPOLLIN;
    if (interest & CUE_WRITABLE)
        event.events |= EPOLLOUT;
    if (edge)
        event.events |= EPOLLET;
    return epoll_ctl(epoll, operation, fd, &event) == 0 ? 0 : -errno;
}

int cue_epoll_add(int epoll, int fd, uint32_t interest, int edge_triggered, uint64_t data) {
    return control(epoll, EPOLL_CTL_ADD, fd, interest, edge_triggered, data);
}

int cue_epoll_change(int epoll, int fd, uint32_t interest, int edge_triggered, uint64_t data) {
    return control(epoll, EPOLL_CTL_MOD, fd, interest, edge_triggered, data);
}

int cue_epoll_remove(int epoll, int fd) {
    return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) == 0 ? 0 : -errno;
}

int cue_epoll_wait(int epoll, cue_epoll_event_t *events, int capacity, int64_t timeout_ns) {
    struct epoll_event raw[EVENTS_MAX];
    struct timespec wait = {.tv_sec = (time_t)(timeout_ns / 1000000000),
                            .tv_nsec = (long)(timeout_ns % 1000000000)};
    if (capacity > EVENTS_MAX)
        capacity = EVENTS_MAX;
    int count = epoll_pwait2(epoll, raw, capacity, timeout_ns < 0 ? NULL : &wait, NULL);
    if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
        // Kernels before 5.11 and some sandboxes: whole milliseconds, rounded up so as not to spin.
        int64_t ms = timeout_ns < 0 ? -1 : timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
        count = epoll_wait(epoll, raw, capacity, ms > 86400000 ? 86400000 : (int)ms);
    }
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        uint32_t seen = raw[i].events;
        events[i].data = raw[i].data.u64;
        events[i].events = ((seen & EPOLLIN) ? CUE_READABLE : 0u) |
                           ((seen & EPOLLOUT) ? CUE_WRITABLE : 0u) |
                           ((seen & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) ? CUE_HANGUP : 0u);
    }
    return count;
}

int cue_eventfd_open(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

void cue_eventfd_signal(int fd) {
    uint64_t one = 1;
    ssize_t ignored = write(fd, &one, sizeof one); // full means already signalled
    (void)ignored;
}

void cue_eventfd_drain(int fd) {
    uint64_t count;
    ssize_t ignored = read(fd, &count, sizeof count); // empty means already drained
    (void)ignored;
}

int64_t cue_monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t cue_unix_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t cue_cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int cue_accept(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int cue_open_beneath(int folder, const char *path) {
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    long fd = syscall(SYS_openat2, folder, path, &how, sizeof how);
    return fd < 0 ? -errno : (int)fd;
}

int cue_die_with_parent(int signal) {
    return prctl(PR_SET_PDEATHSIG, signal) == 0 ? 0 : -errno;
}

int cue_signalfd_open(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++)
        sigaddset(&set, signals[i]);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error != 0)
        return -error;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int cue_signalfd_read(int fd) {
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

int64_t cue_resident_bytes(void) {
    long long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    int fields = fscanf(file, "%lld %lld", &total, &resident);
    fclose(file);
    return fields == 2 ? resident * sysconf(_SC_PAGESIZE) : 0;
}

static _Thread_local const void *thread_tag;

void cue_thread_tag_set(const void *tag) {
    thread_tag = tag;
}

const void *cue_thread_tag(void) {
    return thread_tag;
}

typedef struct {
    void (*body)(void *);
    void *context;
    char name[16];
} thread_start_t;

static void *thread_main(void *argument) {
    thread_start_t start = *(thread_start_t *)argument;
    free(argument);
    // By the thread itself: seen from outside it may be gone already.
    pthread_setname_np(pthread_self(), start.name);
    start.body(start.context);
    return NULL;
}

int cue_thread_start(const char *name, void (*body)(void *), void *context) {
    thread_start_t *start = malloc(sizeof *start);
    if (start == NULL)
        return -ENOMEM;
    start->body = body;
    start->context = context;
    snprintf(start->name, sizeof start->name, "%s", name);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    int error = pthread_create(&thread, &attributes, thread_main, start);
    pthread_attr_destroy(&attributes);
    if (error != 0)
        free(start);
    return -error;
}
