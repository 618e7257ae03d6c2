// What a board keeps without power.
#include "cue_store.h"
#include "cue_bytes.h" // little-endian fields
#include "cue_link.h"  // cue_crc16
#include <string.h>    // memset, memcmp

enum { UID_AT = 0, OPTIONS_AT = 10, BOOTS_AT = 16, BOOT_SLOTS = 8, BOOT_SLOT_SIZE = 6 };

void cue_store_read(const cue_board_t *board, uint16_t at, uint8_t *bytes, uint8_t size) {
    for (; size > 0; size--) {
        *bytes++ = board->store_read(board->context, at++);
    }
}

static void write_bytes(const cue_board_t *board, uint8_t at, const uint8_t *bytes, uint8_t size) {
    for (uint8_t index = 0; index < size; index++) {
        uint8_t address = (uint8_t)(at + index);
        if (board->store_read(board->context, address) != bytes[index]) {
            board->store_write(board->context, address, bytes[index]);
        }
    }
}

static bool all_equal(const uint8_t *bytes, uint8_t value) {
    for (uint8_t index = 0; index < CUE_UID_SIZE; index++) {
        if (bytes[index] != value) {
            return false;
        }
    }
    return true;
}

// Bytes with their check behind them; false if that is wrong.
static bool read_record(const cue_board_t *board, uint8_t at, uint8_t *record, uint8_t size) {
    cue_store_read(board, at, record, (uint8_t)(size + 2u));
    return cue_crc16(0xFFFF, record, size) == cue_read_u16(record + size);
}

static void write_record(const cue_board_t *board, uint8_t at, uint8_t *record, uint8_t size) {
    cue_write_u16(record + size, cue_crc16(0xFFFF, record, size));
    write_bytes(board, at, record, (uint8_t)(size + 2u));
}

bool cue_store_read_uid(const cue_board_t *board, uint8_t uid[CUE_UID_SIZE]) {
    uint8_t record[CUE_UID_SIZE + 2];
    bool stored = read_record(board, UID_AT, record, CUE_UID_SIZE) && !all_equal(record, 0x00) &&
                  !all_equal(record, 0xFF);
    if (!stored) {
        memset(record, 0xFF, CUE_UID_SIZE);
    }
    memcpy(uid, record, CUE_UID_SIZE);
    return stored;
}

cue_status_t cue_store_write_uid(const cue_board_t *board, const uint8_t uid[CUE_UID_SIZE]) {
    if (all_equal(uid, 0x00) || all_equal(uid, 0xFF)) {
        return CUE_ERROR_RANGE;
    }
    uint8_t record[CUE_UID_SIZE + 2];
    memcpy(record, uid, CUE_UID_SIZE);
    write_record(board, UID_AT, record, CUE_UID_SIZE);
    bool kept = cue_store_read_uid(board, record) && memcmp(record, uid, CUE_UID_SIZE) == 0;
    return kept ? CUE_OK : CUE_ERROR_STORE;
}

uint32_t cue_store_count_boot(const cue_board_t *board) {
    enum { NUMBER_SIZE = BOOT_SLOT_SIZE - 2, BOOTS_END = BOOTS_AT + BOOT_SLOTS * BOOT_SLOT_SIZE };
    uint32_t boots = 0;
    uint8_t record[BOOT_SLOT_SIZE];
    uint8_t next = BOOTS_AT;
    for (uint8_t at = BOOTS_AT; at < BOOTS_END; at = (uint8_t)(at + BOOT_SLOT_SIZE)) {
        if (read_record(board, at, record, NUMBER_SIZE) && cue_read_u32(record) > boots) {
            boots = cue_read_u32(record);
            next = (uint8_t)(at + BOOT_SLOT_SIZE);
        }
    }
    boots++;
    cue_write_u32(record, boots);
    write_record(board, next < BOOTS_END ? next : (uint8_t)BOOTS_AT, record, NUMBER_SIZE);
    return boots;
}

uint8_t cue_store_read_options(const cue_board_t *board) {
    uint8_t record[3];
    return read_record(board, OPTIONS_AT, record, 1) ? record[0] : (uint8_t)0;
}

cue_status_t cue_store_write_options(const cue_board_t *board, uint8_t options) {
    uint8_t record[3] = {options};
    write_record(board, OPTIONS_AT, record, 1);
    return cue_store_read_options(board) == options ? CUE_OK : CUE_ERROR_STORE;
}
