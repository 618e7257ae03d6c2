// The migrations of the database, embedded in the program.
#pragma once

#include <stddef.h> // size_t

// All files one behind the other, each followed by a zero byte. The memory is constant.
const unsigned char *cue_schema_texts(void);
size_t cue_schema_size(void);
// The list that names them in the same order, one line each: `#embed "…/<name>.sql" …`.
const char *cue_schema_list(void);
