// Embeds the migrations. To add one, add its file to Migrations and a line to cue_migrations.h.
#include "cue_schema.h"

#pragma clang diagnostic ignored "-Wc23-extensions" // #embed

static const unsigned char texts[] = {
#include "cue_migrations.h" // the bytes of every file
};

static const unsigned char list[] = {
#embed "cue_migrations.h" suffix(, 0)
};

const unsigned char *cue_schema_texts(void) {
    return texts;
}

size_t cue_schema_size(void) {
    return sizeof texts;
}

const char *cue_schema_list(void) {
    return (const char *)list;
}
