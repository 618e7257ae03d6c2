// Embeds the migrations. A new migration is a new file, whose first line is a comment with the
// file's name, and one line here, in the order of numbers: 01xx accounts, 02xx devices,
// 03xx rules, 04xx live.
#include "cue_schema.h"

static const unsigned char text[] = {
#embed "../Migrations/0001_platform_create.sql" suffix(, 0, )
#embed "../Migrations/0100_accounts_create.sql" suffix(, 0, )
#embed "../Migrations/0200_devices_create.sql" suffix(, 0, )
};

const unsigned char *cue_schema_text(void) {
    return text;
}

size_t cue_schema_size(void) {
    return sizeof text;
}
