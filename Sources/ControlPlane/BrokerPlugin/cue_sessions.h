/* The connections that were let in, by client id, with the time at which each must end. */
#ifndef CUE_SESSIONS_H
#define CUE_SESSIONS_H

#include "cue_credential.h" // cue_identity_t

typedef struct {
    const void *connection; /* compared only, never followed */
    char client[CUE_NAME_SIZE_MAX + 1];
    char workspace[CUE_NAME_SIZE_MAX + 1];
    int64_t epoch;
    int64_t expires_at_s;
    bool is_revoked;
} cue_session_t;

typedef struct cue_sessions cue_sessions_t;

/* NULL if out of memory. */
cue_sessions_t *cue_sessions_new(void);
void cue_sessions_free(cue_sessions_t *sessions);

/* Remembers a connection; one of the same client id is forgotten, as the broker replaces it. False
 * if out of memory. There are never more entries than clients with a valid credential. */
bool cue_sessions_put(cue_sessions_t *sessions, const cue_identity_t *identity,
                      const void *connection, int64_t expires_at_s);

/* True if that very connection was let in and not replaced. */
bool cue_sessions_has(const cue_sessions_t *sessions, cue_text_t client, const void *connection);

/* Forgets that connection; does nothing if another one has replaced it. */
void cue_sessions_remove(cue_sessions_t *sessions, cue_text_t client, const void *connection);

/* Marks the connection of that client of that workspace as revoked and due at once, if it was let
 * in with that epoch or a lower one; false if there is no such connection. */
bool cue_sessions_revoke(cue_sessions_t *sessions, cue_text_t workspace, cue_text_t client,
                         int64_t epoch);

/* Takes out one connection that is due at `now_s`; false if none is. Costs nothing until the
 * earliest is due, then one walk over all of them. */
bool cue_sessions_take_due(cue_sessions_t *sessions, int64_t now_s, cue_session_t *session);

size_t cue_sessions_count(const cue_sessions_t *sessions);

#endif
