/* The revocations on disk: lines `workspace agent epoch`. A new one is appended and synchronised,
 * so it costs the same however many there are; the whole file is replaced by a rename when it has
 * grown stale or damaged. The highest epoch of an agent counts, so the order does not matter. */
#ifndef CUE_REVOCATION_FILE_H
#define CUE_REVOCATION_FILE_H

#include "cue_revocations.h" // cue_revocations_t

/* The longest line with its end. */
#define CUE_REVOCATION_LINE_SIZE_MAX (2 * (CUE_NAME_SIZE_MAX + 1) + CUE_NUMBER_SIZE_MAX + 1)

/* Reads `workspace agent epoch`, one space between. The slices point into `line`. */
bool cue_revocation_parse(cue_text_t line, cue_revocation_t *revocation);

typedef enum {
    CUE_REVOCATION_FILE_GOOD,
    CUE_REVOCATION_FILE_MISSING, /* no revocations yet */
    CUE_REVOCATION_FILE_STALE,   /* read; should be rewritten (torn last line, many repeats) */
    CUE_REVOCATION_FILE_BAD      /* not read, or only in part; see `problem` */
} cue_revocation_file_result_t;

/* Adds the lines of the file to the table. A last line without its end, as a crash may leave it,
 * counts if it is whole and is dropped otherwise; any other bad line makes the file bad. */
cue_revocation_file_result_t cue_revocation_file_load(const char *path, cue_revocations_t *table,
                                                      char *problem, size_t problem_size);

/* Appends one line and waits until it is on disk. False with `problem` if that failed: then the
 * file may end in part of a line and must be rewritten before the next append. */
bool cue_revocation_file_append(const char *path, const cue_revocation_t *revocation,
                                char *problem, size_t problem_size);

/* Replaces the file by the whole table, by way of `<path>.new` and a rename, and waits until that
 * is on disk. False with `problem` if that failed: then the old file still stands. */
bool cue_revocation_file_rewrite(const char *path, const cue_revocations_t *table, char *problem,
                                 size_t problem_size);

#endif
