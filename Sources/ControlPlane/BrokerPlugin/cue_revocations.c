/* The table of revocations: open addressing over pointers, at most two thirds full. */
#include "cue_revocations.h"
#include <stdlib.h> // calloc, malloc, free
#include <string.h> // memcpy

typedef struct {
    uint64_t hash;
    int64_t epoch;
    uint8_t workspace_size;
    uint8_t agent_size;
    char names[]; /* the workspace, then the agent */
} entry_t;

struct cue_revocations {
    entry_t **slots;
    size_t capacity; /* a power of two */
    size_t count;
};

enum { CAPACITY_AT_START = 1024 };

cue_revocations_t *cue_revocations_new(void)
{
    cue_revocations_t *table = calloc(1, sizeof *table);
    if (table == NULL)
        return NULL;
    table->slots = calloc(CAPACITY_AT_START, sizeof *table->slots);
    if (table->slots == NULL) {
        free(table);
        return NULL;
    }
    table->capacity = CAPACITY_AT_START;
    return table;
}

void cue_revocations_free(cue_revocations_t *table)
{
    if (table == NULL)
        return;
    for (size_t index = 0; index < table->capacity; index++)
        free(table->slots[index]);
    free(table->slots);
    free(table);
}

static uint64_t hash_of(cue_text_t workspace, cue_text_t agent)
{
    uint64_t hash = cue_text_hash(CUE_HASH_START, workspace);
    hash = cue_text_hash(hash, cue_text(" "));
    hash = cue_text_hash(hash, agent);
    return hash ^ (hash >> 29);
}

static cue_revocation_t view(const entry_t *entry)
{
    return (cue_revocation_t){{entry->names, entry->workspace_size},
                              {entry->names + entry->workspace_size, entry->agent_size},
                              entry->epoch};
}

/* The slot that holds these names, or the free one where they belong; there always is one. */
static entry_t **find(const cue_revocations_t *table, uint64_t hash, cue_text_t workspace,
                      cue_text_t agent)
{
    size_t index = (size_t)hash & (table->capacity - 1);
    for (;; index = (index + 1) & (table->capacity - 1)) {
        entry_t *entry = table->slots[index];
        if (entry == NULL)
            break;
        cue_revocation_t held = view(entry);
        if (entry->hash == hash && cue_text_same(held.workspace, workspace) &&
            cue_text_same(held.agent, agent))
            break;
    }
    return &table->slots[index];
}

static bool grow(cue_revocations_t *table)
{
    size_t capacity = table->capacity * 2;
    entry_t **slots = calloc(capacity, sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t index = 0; index < table->capacity; index++) {
        entry_t *entry = table->slots[index];
        if (entry == NULL)
            continue;
        size_t place = (size_t)entry->hash & (capacity - 1);
        while (slots[place] != NULL)
            place = (place + 1) & (capacity - 1);
        slots[place] = entry;
    }
    free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
    return true;
}

static entry_t *entry_new(uint64_t hash, const cue_revocation_t *revocation)
{
    size_t size = revocation->workspace.size + revocation->agent.size;
    entry_t *entry = malloc(sizeof *entry + size);
    if (entry == NULL)
        return NULL;
    entry->hash = hash;
    entry->epoch = revocation->epoch;
    entry->workspace_size = (uint8_t)revocation->workspace.size;
    entry->agent_size = (uint8_t)revocation->agent.size;
    memcpy(entry->names, revocation->workspace.start, revocation->workspace.size);
    memcpy(entry->names + revocation->workspace.size, revocation->agent.start,
           revocation->agent.size);
    return entry;
}

cue_revocations_result_t cue_revocations_add(cue_revocations_t *table,
                                             const cue_revocation_t *revocation)
{
    uint64_t hash = hash_of(revocation->workspace, revocation->agent);
    entry_t **slot = find(table, hash, revocation->workspace, revocation->agent);
    if (*slot != NULL) {
        if ((*slot)->epoch >= revocation->epoch)
            return CUE_REVOCATIONS_KNOWN;
        (*slot)->epoch = revocation->epoch;
        return CUE_REVOCATIONS_ADDED;
    }
    if (table->count >= CUE_REVOCATIONS_MAX)
        return CUE_REVOCATIONS_FULL;
    if (table->count + 1 > table->capacity / 3 * 2) {
        if (!grow(table))
            return CUE_REVOCATIONS_FULL;
        slot = find(table, hash, revocation->workspace, revocation->agent);
    }
    *slot = entry_new(hash, revocation);
    if (*slot == NULL)
        return CUE_REVOCATIONS_FULL;
    table->count++;
    return CUE_REVOCATIONS_ADDED;
}

bool cue_revocations_cover(const cue_revocations_t *table, cue_text_t workspace, cue_text_t agent,
                           int64_t epoch)
{
    if (table->count == 0)
        return false;
    const entry_t *entry = *find(table, hash_of(workspace, agent), workspace, agent);
    return entry != NULL && epoch <= entry->epoch;
}

size_t cue_revocations_count(const cue_revocations_t *table)
{
    return table->count;
}

bool cue_revocations_next(const cue_revocations_t *table, size_t *cursor,
                          cue_revocation_t *revocation)
{
    while (*cursor < table->capacity) {
        const entry_t *entry = table->slots[(*cursor)++];
        if (entry != NULL) {
            *revocation = view(entry);
            return true;
        }
    }
    return false;
}
