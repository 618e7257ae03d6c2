// What a board keeps without power.
#include "cue_store.h"
#include "cue_bytes.h" // little-endian fields
#include "cue_link.h"  // cue_crc16
#include <string.h>    // memset, memcmp

enum { UID_AT = 0, OPTIONS_AT = 10, BOOTS_AT = 16, BOOT_SLOTS = 8, BOOT_SLOT_SIZE = 6 };

static void read_bytes(const cue_board_t *board, uint8_t at, uint8_t *bytes, uint8_t size) {
    for (uint8_t index = 0; index < size; index++) {
        bytes[index] = board->store_read(board->context, (uint8_t)(at + index));
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

bool cue_store_read_uid(const cue_board_t *board, uint8_t uid[CUE_UID_SIZE]) {
    uint8_t record[CUE_UID_SIZE + 2];
    read_bytes(board, UID_AT, record, sizeof record);
    bool stored = cue_crc16(0xFFFF, record, CUE_UID_SIZE) == cue_read_u16(record + CUE_UID_SIZE) &&
                  !all_equal(record, 0x00) && !all_equal(record, 0xFF);
    if (stored) {
        memcpy(uid, record, CUE_UID_SIZE);
    } else {
        memset(uid, 0xFF, CUE_UID_SIZE);
    }
    return stored;
}

cue_status_t cue_store_write_uid(const cue_board_t *board, const uint8_t uid[CUE_UID_SIZE]) {
    if (all_equal(uid, 0x00) || all_equal(uid, 0xFF)) {
        return CUE_ERROR_RANGE;
    }
    uint8_t record[CUE_UID_SIZE + 2];
    memcpy(record, uid, CUE_UID_SIZE);
    cue_write_u16(record + CUE_UID_SIZE, cue_crc16(0xFFFF, uid, CUE_UID_SIZE));
    write_bytes(board, UID_AT, record, sizeof record);

    uint8_t stored[CUE_UID_SIZE];
    bool kept = cue_store_read_uid(board, stored) && memcmp(stored, uid, CUE_UID_SIZE) == 0;
    return kept ? CUE_OK : CUE_ERROR_STORE;
}

uint32_t cue_store_count_boot(const cue_board_t *board) {
    uint32_t boots = 0;
    uint8_t slot = BOOT_SLOTS - 1;
    for (uint8_t index = 0; index < BOOT_SLOTS; index++) {
        uint8_t record[BOOT_SLOT_SIZE];
        read_bytes(board, (uint8_t)(BOOTS_AT + index * BOOT_SLOT_SIZE), record, sizeof record);
        uint32_t number = cue_read_u32(record);
        if (cue_crc16(0xFFFF, record, 4) == cue_read_u16(record + 4) && number > boots) {
            boots = number;
            slot = index;
        }
    }
    boots++;
    uint8_t record[BOOT_SLOT_SIZE];
    cue_write_u32(record, boots);
    cue_write_u16(record + 4, cue_crc16(0xFFFF, record, 4));
    slot = (uint8_t)((slot + 1u) % BOOT_SLOTS);
    write_bytes(board, (uint8_t)(BOOTS_AT + slot * BOOT_SLOT_SIZE), record, sizeof record);
    return boots;
}

uint8_t cue_store_read_options(const cue_board_t *board) {
    uint8_t record[2]; // and its complement
    read_bytes(board, OPTIONS_AT, record, sizeof record);
    return (record[0] ^ record[1]) == 0xFF ? record[0] : (uint8_t)0;
}

cue_status_t cue_store_write_options(const cue_board_t *board, uint8_t options) {
    const uint8_t record[2] = {options, (uint8_t)~options};
    write_bytes(board, OPTIONS_AT, record, sizeof record);
    return cue_store_read_options(board) == options ? CUE_OK : CUE_ERROR_STORE;
}
