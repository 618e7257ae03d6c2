// Child processes, and what the kernel says about this one.
#include "cue_linux.h"

#include <dirent.h>       // opendir
#include <errno.h>        // errno
#include <fcntl.h>        // open, fcntl
#include <poll.h>         // poll
#include <pthread.h>      // pthread_sigmask
#include <signal.h>       // sigaction
#include <stdio.h>        // fopen
#include <string.h>       // strrchr
#include <sys/prctl.h>    // prctl
#include <sys/resource.h> // getrlimit
#include <sys/syscall.h>  // SYS_*
#include <sys/wait.h>     // waitpid
#include <time.h>         // clock_gettime
#include <unistd.h>       // fork, dup2, execve

typedef struct {
    int descriptors[3];
    const char *directory;
    int64_t uid, gid;
    int own_group, death_signal;
    pid_t parent;
} child_t;

// Everything from here to `become` runs between fork and exec of a process with threads: only
// async-signal-safe calls.

// Handlers of the parent must not run in the child; what the parent ignores stays ignored, but
// for SIGPIPE, which programs expect to die of.
static void reset_signals(void) {
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) != 0)
            continue;
        if (action.sa_handler != SIG_IGN || number == SIGPIPE) {
            action.sa_handler = SIG_DFL;
            action.sa_flags = 0;
            sigaction(number, &action, NULL);
        }
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

// Moves `fd` above the standard descriptors, so that placing one cannot overwrite another.
static int lift(int *fd) {
    if (*fd < 0 || *fd > 2)
        return 0;
    *fd = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
    return *fd < 0 ? -1 : 0;
}

static int lift_all(child_t *child) {
    for (int i = 0; i < 3; i++)
        if (lift(&child->descriptors[i]) != 0)
            return -1;
    return 0;
}

// Puts `fd` (or /dev/null) at the descriptor `target`.
static int place(int fd, int target) {
    if (fd >= 0)
        return dup2(fd, target) < 0 ? -1 : 0;
    // Not close-on-exec: it may come out as `target` itself.
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, target) < 0)
        return -1;
    if (null > 2)
        close(null);
    return 0;
}

// glibc's own wrappers would ask the other threads, which the child does not have.
static int change_user(int64_t uid, int64_t gid) {
#ifdef SYS_setgroups32
    return syscall(SYS_setgroups32, 0, NULL) != 0 || syscall(SYS_setgid32, (gid_t)gid) != 0 ||
           syscall(SYS_setuid32, (uid_t)uid) != 0;
#else
    return syscall(SYS_setgroups, 0, NULL) != 0 || syscall(SYS_setgid, (gid_t)gid) != 0 ||
           syscall(SYS_setuid, (uid_t)uid) != 0;
#endif
}

static int follow_parent(const child_t *child) {
    if (prctl(PR_SET_PDEATHSIG, child->death_signal) != 0)
        return -1;
    if (getppid() == child->parent)
        return 0;
    errno = ESRCH; // it died before the call: the signal will never come
    return -1;
}

static int become(child_t *child) {
    reset_signals();
    if ((child->own_group && setpgid(0, 0) != 0) || lift_all(child) != 0)
        return -1;
    for (int i = 0; i < 3; i++)
        if (place(child->descriptors[i], i) != 0)
            return -1;
    if (child->directory != NULL && chdir(child->directory) != 0)
        return -1;
    if (child->uid >= 0 && change_user(child->uid, child->gid) != 0)
        return -1;
    // After the change of user, which would clear it.
    if (child->death_signal != 0 && follow_parent(child) != 0)
        return -1;
    // Everything else is closed at exec, also what others forgot to mark. Kernels before 5.11
    // cannot; our own descriptors are all marked anyway.
    syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
    return 0;
}

static int reap(pid_t child) {
    pid_t ended;
    do {
        ended = waitpid(child, NULL, 0);
    } while (ended < 0 && errno == EINTR);
    return ended == child ? 0 : -1;
}

int cue_spawn(const char *path, char *const argv[], char *const envp[], int stdin_fd,
              int stdout_fd, int stderr_fd, const char *directory, int64_t uid, int64_t gid,
              int own_group, int death_signal) {
    child_t child = {.descriptors = {stdin_fd, stdout_fd, stderr_fd},
                     .directory = directory,
                     .uid = uid,
                     .gid = gid,
                     .own_group = own_group,
                     .death_signal = death_signal,
                     .parent = getpid()};
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0)
        return -errno;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        int status = lift(&report[1]);
        if (status == 0 && become(&child) == 0)
            execve(path, argv, envp);
        int error = errno;
        ssize_t ignored = write(report[1], &error, sizeof error);
        (void)ignored;
        _exit(127);
    }
    int error = pid < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    // The other end closes at exec; an error that comes instead is the child's last word.
    ssize_t size = 0;
    while (pid > 0 && (size = read(report[0], &error, sizeof error)) < 0 && errno == EINTR)
        ;
    close(report[0]);
    if (pid < 0)
        return -error;
    if (size != (ssize_t)sizeof error)
        return pid;
    reap(pid);
    return error > 0 ? -error : -ECHILD;
}

int cue_pidfd_open(int pid) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : fd;
}

int cue_reap(int pid, int *code, int *by_signal) {
    int status = 0;
    pid_t ended;
    do {
        ended = waitpid(pid, &status, WNOHANG);
    } while (ended < 0 && errno == EINTR);
    if (ended <= 0)
        return ended < 0 ? -errno : 0;
    *by_signal = WIFSIGNALED(status);
    *code = *by_signal ? WTERMSIG(status) : WEXITSTATUS(status);
    return 1;
}

int cue_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    // Non-blocking for the reader alone: the two ends have status flags of their own.
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
        return 0;
    int error = errno;
    close(ends[0]);
    close(ends[1]);
    return -error;
}

int cue_open_descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return -1;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count - 1; // without the folder's own
}

int64_t cue_descriptors_max(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    return limit.rlim_cur == RLIM_INFINITY ? INT64_MAX : (int64_t)limit.rlim_cur;
}

int64_t cue_process_start_ms(void) {
    char line[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (file == NULL)
        return 0;
    size_t size = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[size] = 0;
    // The program's name, in brackets, may hold anything; 20 fields after it comes the time
    // since boot in ticks: proc(5).
    const char *rest = strrchr(line, ')');
    unsigned long long ticks = 0;
    if (rest == NULL ||
        sscanf(rest + 1, " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                         "%*s %*s %llu",
               &ticks) != 1)
        return 0;
    struct timespec boot;
    if (clock_gettime(CLOCK_BOOTTIME, &boot) != 0)
        return 0;
    int64_t age_ms = (int64_t)boot.tv_sec * 1000 + boot.tv_nsec / 1000000 -
                     (int64_t)(ticks * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK));
    return cue_unix_ms() - age_ms;
}

int cue_wait_writable(int fd, int timeout_ms) {
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    return poll(&wait, 1, timeout_ms) != 0;
}
