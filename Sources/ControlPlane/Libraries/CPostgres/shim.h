// libpq, and inline wrappers for what Swift cannot import or what depends on its version.
#pragma once
#include <libpq-fe.h>

// The fields of an error, which libpq names by character macros.
enum {
    CUE_PG_SQLSTATE = PG_DIAG_SQLSTATE,
    CUE_PG_MESSAGE = PG_DIAG_MESSAGE_PRIMARY,
    CUE_PG_DETAIL = PG_DIAG_MESSAGE_DETAIL,
    CUE_PG_TABLE = PG_DIAG_TABLE_NAME,
    CUE_PG_COLUMN = PG_DIAG_COLUMN_NAME,
    CUE_PG_CONSTRAINT = PG_DIAG_CONSTRAINT_NAME,
};

// Ends a group of statements. From libpq 17 on, the flush is left to the caller, who then flushes
// many groups with one write; older ones flush here.
static inline int cue_pg_sync(PGconn *connection) {
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    return PQsendPipelineSync(connection);
#else
    return PQpipelineSync(connection);
#endif
}

static inline void cue_pg_ignore_notice(void *context, const PGresult *notice) {
    (void)context;
    (void)notice;
}

// Keeps libpq from printing notices to standard error.
static inline void cue_pg_silence(PGconn *connection) {
    PQsetNoticeReceiver(connection, cue_pg_ignore_notice, 0);
}
