/* Slices of text that need not end in NUL, and the few strict readers that the plugin's formats
 * need. Nothing here reads past `size` or allocates. */
#ifndef CUE_TEXT_H
#define CUE_TEXT_H

#include <stdbool.h> // bool
#include <stddef.h>  // size_t
#include <stdint.h>  // int64_t

/* The most characters of a workspace, an agent id or a process name. */
#define CUE_NAME_SIZE_MAX 64
/* The most digits of a number: INT64_MAX has 19. */
#define CUE_NUMBER_SIZE_MAX 19

typedef struct {
    const char *start;
    size_t size;
} cue_text_t;

/* A slice of a NUL-terminated string; NULL gives an empty one. */
cue_text_t cue_text(const char *string);

bool cue_text_same(cue_text_t one, cue_text_t other);
bool cue_text_is(cue_text_t text, const char *literal);

/* Drops `prefix` from the front of `text`; false, and nothing dropped, if it is not there. */
bool cue_text_skip(cue_text_t *text, cue_text_t prefix);

/* Moves what stands before the first `separator` from `text` to `field` and drops the separator;
 * false, and nothing moved, if there is none. */
bool cue_text_cut(cue_text_t *text, char separator, cue_text_t *field);

/* True for 1 to CUE_NAME_SIZE_MAX characters of [A-Za-z0-9-]. */
bool cue_text_is_name(cue_text_t text);

/* Reads 0 to INT64_MAX in decimal: digits only, no sign, no needless leading zero. */
bool cue_text_number(cue_text_t text, int64_t *number);

/* FNV-1a over `text`, continued from `hash`; start with CUE_HASH_START. */
#define CUE_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t cue_text_hash(uint64_t hash, cue_text_t text);

#endif
