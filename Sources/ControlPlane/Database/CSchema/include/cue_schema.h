// The migrations of the database, embedded in the program.
#pragma once

#include <stddef.h> // size_t

// All files one behind the other, each followed by a zero byte. The memory is constant.
const unsigned char *cue_schema_text(void);
size_t cue_schema_size(void);
