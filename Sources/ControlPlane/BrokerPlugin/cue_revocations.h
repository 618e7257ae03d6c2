/* Which agents' credentials are revoked, up to which epoch: a hash table that only grows. */
#ifndef CUE_REVOCATIONS_H
#define CUE_REVOCATIONS_H

#include "cue_text.h" // cue_text_t

/* One agent's revocation. `workspace` and `agent` are valid names. */
typedef struct {
    cue_text_t workspace;
    cue_text_t agent;
    int64_t epoch; /* this epoch and all below are refused */
} cue_revocation_t;

/* The most agents remembered, about half a gigabyte. At the limit, or out of memory, a new agent is
 * refused (CUE_REVOCATIONS_FULL) while those known can still be raised. */
#define CUE_REVOCATIONS_MAX ((size_t)1 << 22)

typedef enum {
    CUE_REVOCATIONS_ADDED,
    CUE_REVOCATIONS_KNOWN, /* that epoch or a higher one was revoked before */
    CUE_REVOCATIONS_FULL
} cue_revocations_result_t;

typedef struct cue_revocations cue_revocations_t;

/* NULL if out of memory. */
cue_revocations_t *cue_revocations_new(void);
void cue_revocations_free(cue_revocations_t *table);

/* Copies the names. A lower epoch never replaces a higher one. */
cue_revocations_result_t cue_revocations_add(cue_revocations_t *table,
                                             const cue_revocation_t *revocation);

bool cue_revocations_cover(const cue_revocations_t *table, cue_text_t workspace, cue_text_t agent,
                           int64_t epoch);

size_t cue_revocations_count(const cue_revocations_t *table);

/* Walks the table: start `cursor` at 0; false at the end. Adding meanwhile is not allowed. */
bool cue_revocations_next(const cue_revocations_t *table, size_t *cursor,
                          cue_revocation_t *revocation);

#endif
