/* Loading, appending to and replacing the file of revocations. */
#include "cue_revocation_file.h"
#include <errno.h>    // errno
#include <fcntl.h>    // open
#include <inttypes.h> // PRId64
#include <limits.h>   // PATH_MAX
#include <stdio.h>    // FILE
#include <string.h>   // strerror, strrchr
#include <sys/stat.h> // fstat
#include <unistd.h>   // write, fsync

/* Lines that may be superseded before the file is called stale. */
enum { REPEATS_MAX = 1024 };

bool cue_revocation_parse(cue_text_t line, cue_revocation_t *revocation)
{
    return cue_text_cut(&line, ' ', &revocation->workspace) &&
           cue_text_cut(&line, ' ', &revocation->agent) &&
           cue_text_is_name(revocation->workspace) && cue_text_is_name(revocation->agent) &&
           cue_text_number(line, &revocation->epoch);
}

/* Reads one line without its end. Returns its size, -1 at the end of the file, -2 if too long. */
static int read_line(FILE *file, char *line, int capacity, bool *is_ended)
{
    int size = 0;
    *is_ended = false;
    for (;;) {
        int c = getc_unlocked(file);
        if (c == EOF)
            return size == 0 ? -1 : size;
        if (c == '\n') {
            *is_ended = true;
            return size;
        }
        if (size == capacity)
            return -2;
        line[size++] = (char)c;
    }
}

static cue_revocation_file_result_t load_lines(FILE *file, cue_revocations_t *table,
                                               size_t *lines, const char **wrong)
{
    char line[CUE_REVOCATION_LINE_SIZE_MAX];
    cue_revocation_t revocation;
    bool is_ended = true;
    for (*lines = 0;; ++*lines) {
        int size = read_line(file, line, sizeof line, &is_ended);
        if (size == -1)
            break;
        if (size < 0 || !cue_revocation_parse((cue_text_t){line, (size_t)size}, &revocation)) {
            if (size >= 0 && !is_ended)
                return CUE_REVOCATION_FILE_STALE;
            *wrong = "is not `workspace agent epoch`";
            return CUE_REVOCATION_FILE_BAD;
        }
        if (cue_revocations_add(table, &revocation) == CUE_REVOCATIONS_FULL) {
            *wrong = "finds no room: too many revocations";
            return CUE_REVOCATION_FILE_BAD;
        }
        if (!is_ended)
            return CUE_REVOCATION_FILE_STALE;
    }
    return *lines > 2 * cue_revocations_count(table) + REPEATS_MAX ? CUE_REVOCATION_FILE_STALE
                                                                   : CUE_REVOCATION_FILE_GOOD;
}

cue_revocation_file_result_t cue_revocation_file_load(const char *path, cue_revocations_t *table,
                                                      char *problem, size_t problem_size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        if (errno == ENOENT)
            return CUE_REVOCATION_FILE_MISSING;
        (void)snprintf(problem, problem_size, "revocation_file %s: %s", path, strerror(errno));
        return CUE_REVOCATION_FILE_BAD;
    }
    size_t lines = 0;
    const char *wrong = NULL;
    errno = 0;
    cue_revocation_file_result_t result = load_lines(file, table, &lines, &wrong);
    if (ferror(file)) {
        result = CUE_REVOCATION_FILE_BAD;
        (void)snprintf(problem, problem_size, "revocation_file %s: %s", path, strerror(errno));
    } else if (result == CUE_REVOCATION_FILE_BAD) {
        (void)snprintf(problem, problem_size, "revocation_file %s: line %zu %s", path, lines + 1,
                       wrong);
    }
    (void)fclose(file); /* read only: nothing can be lost */
    return result;
}

static bool write_all(int descriptor, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(descriptor, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

/* Writes the line with its end; returns its size. */
static size_t format_line(const cue_revocation_t *revocation,
                          char line[CUE_REVOCATION_LINE_SIZE_MAX + 1])
{
    int size = snprintf(line, CUE_REVOCATION_LINE_SIZE_MAX + 1, "%.*s %.*s %" PRId64 "\n",
                        (int)revocation->workspace.size, revocation->workspace.start,
                        (int)revocation->agent.size, revocation->agent.start, revocation->epoch);
    return size > 0 ? (size_t)size : 0;
}

/* Makes a new name in a folder durable. */
static bool sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int size = slash == NULL
                   ? snprintf(folder, sizeof folder, ".")
                   : snprintf(folder, sizeof folder, "%.*s", (int)(slash - path) + 1, path);
    if (size < 0 || (size_t)size >= sizeof folder) {
        errno = ENAMETOOLONG;
        return false;
    }
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    bool is_done = fsync(descriptor) == 0;
    int code = errno;
    (void)close(descriptor); /* opened for reading */
    errno = code;
    return is_done;
}

/* Ends a last line that someone's editor left open. */
static bool end_last_line(int descriptor)
{
    struct stat status;
    char last = '\n';
    if (fstat(descriptor, &status) != 0)
        return false;
    if (status.st_size > 0 && pread(descriptor, &last, 1, status.st_size - 1) != 1)
        return false;
    return last == '\n' || write_all(descriptor, "\n", 1);
}

bool cue_revocation_file_append(const char *path, const cue_revocation_t *revocation,
                                char *problem, size_t problem_size)
{
    char line[CUE_REVOCATION_LINE_SIZE_MAX + 1];
    size_t size = format_line(revocation, line);
    bool is_new = access(path, F_OK) != 0;
    int descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    bool is_done = descriptor >= 0 && end_last_line(descriptor) &&
                   write_all(descriptor, line, size) && fdatasync(descriptor) == 0;
    int code = errno;
    if (descriptor >= 0 && close(descriptor) != 0 && is_done) {
        is_done = false;
        code = errno;
    }
    if (is_done && is_new && !sync_folder(path)) {
        is_done = false;
        code = errno;
    }
    if (!is_done)
        (void)snprintf(problem, problem_size, "revocation_file %s: %s", path, strerror(code));
    return is_done;
}

static bool write_table(FILE *file, const cue_revocations_t *table)
{
    char line[CUE_REVOCATION_LINE_SIZE_MAX + 1];
    cue_revocation_t revocation;
    size_t cursor = 0;
    while (cue_revocations_next(table, &cursor, &revocation)) {
        size_t size = format_line(&revocation, line);
        if (fwrite(line, 1, size, file) != size)
            return false;
    }
    return fflush(file) == 0 && fsync(fileno(file)) == 0;
}

static bool write_new(const char *path, const cue_revocations_t *table)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return false;
    FILE *file = fdopen(descriptor, "w");
    if (file == NULL) {
        int code = errno;
        (void)close(descriptor); /* nothing was written */
        errno = code;
        return false;
    }
    bool is_done = write_table(file, table);
    int code = errno;
    if (fclose(file) != 0 && is_done) {
        is_done = false;
        code = errno;
    }
    errno = code;
    return is_done;
}

bool cue_revocation_file_rewrite(const char *path, const cue_revocations_t *table, char *problem,
                                 size_t problem_size)
{
    char fresh[PATH_MAX];
    int size = snprintf(fresh, sizeof fresh, "%s.new", path);
    bool is_done = false;
    if (size < 0 || (size_t)size >= sizeof fresh)
        errno = ENAMETOOLONG;
    else
        is_done = write_new(fresh, table) && rename(fresh, path) == 0 && sync_folder(path);
    if (!is_done)
        (void)snprintf(problem, problem_size, "revocation_file %s: %s", path, strerror(errno));
    return is_done;
}
