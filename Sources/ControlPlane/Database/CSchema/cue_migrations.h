// Every migration, one line each, in the order of numbers: 00xx platform, 01xx accounts,
// 02xx devices, 03xx rules, 04xx live. Names are read from this text too.
// clang-format off
#embed "../Migrations/0001_platform_create.sql" suffix(, 0, )
#embed "../Migrations/0002_platform_idempotency.sql" suffix(, 0, )
#embed "../Migrations/0100_accounts_create.sql" suffix(, 0, )
#embed "../Migrations/0200_devices_create.sql" suffix(, 0, )
#embed "../Migrations/0201_devices_flash.sql" suffix(, 0, )
#embed "../Migrations/0202_devices_sequences.sql" suffix(, 0, )
#embed "../Migrations/0300_rules_create.sql" suffix(, 0, )
#embed "../Migrations/0400_live_create.sql" suffix(, 0, )
#embed "../Migrations/0401_live_totals.sql" suffix(, 0, )
