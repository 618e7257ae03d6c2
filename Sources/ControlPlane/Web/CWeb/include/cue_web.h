// The console's pages, as they are part of the program.
#pragma once

#include <stddef.h>

typedef struct {
    const char *path;
    const unsigned char *bytes;
    size_t size;
} cue_page_t;

size_t cue_page_count(void);
// `index` must be below `cue_page_count()`.
cue_page_t cue_page(size_t index);
