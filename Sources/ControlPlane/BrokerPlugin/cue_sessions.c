/* The table of connections: chained hashing by client id. */
#include "cue_sessions.h"
#include <stdlib.h> // calloc, malloc, free
#include <string.h> // memcpy, memset

typedef struct node {
    struct node *next;
    uint64_t hash;
    cue_session_t session;
} node_t;

struct cue_sessions {
    node_t **buckets;
    size_t capacity; /* a power of two */
    size_t count;
    size_t cursor;         /* where a walk over the buckets goes on; 0 if none is under way */
    int64_t earliest_s;    /* no connection is due before; may be too early, never too late */
    int64_t earliest_left; /* the same for what the walk under way has passed */
};

enum { CAPACITY_AT_START = 256 };

cue_sessions_t *cue_sessions_new(void)
{
    cue_sessions_t *sessions = calloc(1, sizeof *sessions);
    if (sessions == NULL)
        return NULL;
    sessions->buckets = calloc(CAPACITY_AT_START, sizeof *sessions->buckets);
    if (sessions->buckets == NULL) {
        free(sessions);
        return NULL;
    }
    sessions->capacity = CAPACITY_AT_START;
    sessions->earliest_s = INT64_MAX;
    sessions->earliest_left = INT64_MAX;
    return sessions;
}

void cue_sessions_free(cue_sessions_t *sessions)
{
    if (sessions == NULL)
        return;
    for (size_t index = 0; index < sessions->capacity; index++) {
        node_t *node = sessions->buckets[index];
        while (node != NULL) {
            node_t *next = node->next;
            free(node);
            node = next;
        }
    }
    free(sessions->buckets);
    free(sessions);
}

/* The link that leads to the client's node, or the empty one at the end of its chain. */
static node_t **find(const cue_sessions_t *sessions, uint64_t hash, cue_text_t client)
{
    node_t **link = &sessions->buckets[(size_t)hash & (sessions->capacity - 1)];
    while (*link != NULL &&
           !((*link)->hash == hash && cue_text_is(client, (*link)->session.client)))
        link = &(*link)->next;
    return link;
}

static node_t **find_client(const cue_sessions_t *sessions, cue_text_t client)
{
    return find(sessions, cue_text_hash(CUE_HASH_START, client), client);
}

/* A table that cannot grow goes on with longer chains. */
static void grow(cue_sessions_t *sessions)
{
    size_t capacity = sessions->capacity * 2;
    node_t **buckets = calloc(capacity, sizeof *buckets);
    if (buckets == NULL)
        return;
    for (size_t index = 0; index < sessions->capacity; index++) {
        node_t *node = sessions->buckets[index];
        while (node != NULL) {
            node_t *next = node->next;
            node_t **bucket = &buckets[(size_t)node->hash & (capacity - 1)];
            node->next = *bucket;
            *bucket = node;
            node = next;
        }
    }
    free(sessions->buckets);
    sessions->buckets = buckets;
    sessions->capacity = capacity;
    sessions->cursor = 0; /* a walk under way starts again */
    sessions->earliest_left = INT64_MAX;
}

static void note_due(cue_sessions_t *sessions, int64_t expires_at_s)
{
    if (expires_at_s < sessions->earliest_s)
        sessions->earliest_s = expires_at_s;
    if (expires_at_s < sessions->earliest_left)
        sessions->earliest_left = expires_at_s;
}

bool cue_sessions_put(cue_sessions_t *sessions, const cue_identity_t *identity,
                      const void *connection, int64_t expires_at_s)
{
    cue_text_t client = identity->client;
    cue_text_t workspace = identity->workspace;
    if (!cue_text_is_name(client) || !cue_text_is_name(workspace))
        return false;
    uint64_t hash = cue_text_hash(CUE_HASH_START, client);
    node_t *node = *find(sessions, hash, client);
    if (node == NULL) {
        if (sessions->count >= sessions->capacity)
            grow(sessions);
        node = calloc(1, sizeof *node);
        if (node == NULL)
            return false;
        node->hash = hash;
        memcpy(node->session.client, client.start, client.size);
        *find(sessions, hash, client) = node;
        sessions->count++;
    }
    memset(node->session.workspace, 0, sizeof node->session.workspace);
    memcpy(node->session.workspace, workspace.start, workspace.size);
    node->session.epoch = identity->epoch;
    node->session.connection = connection;
    node->session.expires_at_s = expires_at_s;
    node->session.is_revoked = false;
    note_due(sessions, expires_at_s);
    return true;
}

bool cue_sessions_has(const cue_sessions_t *sessions, cue_text_t client, const void *connection)
{
    const node_t *node = *find_client(sessions, client);
    return node != NULL && node->session.connection == connection;
}

static void unlink_node(cue_sessions_t *sessions, node_t **link)
{
    node_t *node = *link;
    *link = node->next;
    free(node);
    sessions->count--;
}

void cue_sessions_remove(cue_sessions_t *sessions, cue_text_t client, const void *connection)
{
    node_t **link = find_client(sessions, client);
    if (*link != NULL && (*link)->session.connection == connection)
        unlink_node(sessions, link);
}

bool cue_sessions_revoke(cue_sessions_t *sessions, cue_text_t workspace, cue_text_t client,
                         int64_t epoch)
{
    node_t *node = *find_client(sessions, client);
    if (node == NULL || node->session.epoch > epoch ||
        !cue_text_is(workspace, node->session.workspace))
        return false;
    node->session.is_revoked = true;
    node->session.expires_at_s = INT64_MIN;
    note_due(sessions, INT64_MIN);
    return true;
}

/* Takes the first due connection of the bucket; otherwise notes when its earliest is due. */
static bool take_from(cue_sessions_t *sessions, size_t bucket, int64_t now_s,
                      cue_session_t *session)
{
    int64_t earliest_s = INT64_MAX;
    node_t **link = &sessions->buckets[bucket];
    for (; *link != NULL; link = &(*link)->next) {
        if ((*link)->session.expires_at_s <= now_s) {
            *session = (*link)->session;
            unlink_node(sessions, link);
            return true;
        }
        if ((*link)->session.expires_at_s < earliest_s)
            earliest_s = (*link)->session.expires_at_s;
    }
    if (earliest_s < sessions->earliest_left)
        sessions->earliest_left = earliest_s;
    return false;
}

bool cue_sessions_take_due(cue_sessions_t *sessions, int64_t now_s, cue_session_t *session)
{
    while (sessions->cursor > 0 || now_s >= sessions->earliest_s) {
        if (sessions->cursor == 0)
            sessions->earliest_left = INT64_MAX;
        for (; sessions->cursor < sessions->capacity; sessions->cursor++) {
            if (take_from(sessions, sessions->cursor, now_s, session))
                return true;
        }
        sessions->cursor = 0;
        sessions->earliest_s = sessions->earliest_left;
    }
    return false;
}

size_t cue_sessions_count(const cue_sessions_t *sessions)
{
    return sessions->count;
}
