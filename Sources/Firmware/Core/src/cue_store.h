// What a board keeps without power: its uid, and a boot counter that wears its cells evenly.
//
// Layout: 0..7 uid, 8..9 CRC-16 of it; from 16 on eight slots of 6 bytes, each a u32 boot number
// and the CRC-16 of it. The slot with the highest number counts; the next boot writes the slot
// after it.
#ifndef CUE_STORE_H
#define CUE_STORE_H

#include "cue_board.h"   // store_read, store_write
#include "cue_message.h" // CUE_UID_SIZE
#include "cue_status.h"  // cue_status_t

#ifdef __cplusplus
extern "C" {
#endif

// Reads some bytes.
void cue_store_read(const cue_board_t *board, uint16_t at, uint8_t *bytes, uint8_t size);

// Fills `uid` and returns true; without a stored one fills it with FF and returns false.
bool cue_store_read_uid(const cue_board_t *board, uint8_t uid[CUE_UID_SIZE]);

// Writes only bytes that differ. All 00 and all FF are refused with CUE_ERROR_RANGE.
cue_status_t cue_store_write_uid(const cue_board_t *board, const uint8_t uid[CUE_UID_SIZE]);

// Counts this boot and returns its number, 1 for the first one.
uint32_t cue_store_count_boot(const cue_board_t *board);

// Options (CUE_OPTION_…); 0 when none are stored.
uint8_t cue_store_read_options(const cue_board_t *board);
cue_status_t cue_store_write_options(const cue_board_t *board, uint8_t options);

#ifdef __cplusplus
}
#endif

#endif
