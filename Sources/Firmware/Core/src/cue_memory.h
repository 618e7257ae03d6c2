// Remembers the last frames and their answers, so that a resent frame is answered and not executed
// again (docs/link.md §2).
#ifndef CUE_MEMORY_H
#define CUE_MEMORY_H

#include "cue_message.h" // CUE_NAK_SIZE
#include <stdbool.h>     // bool
#include <stdint.h>      // fixed-width integers

#ifdef __cplusplus
extern "C" {
#endif

enum { CUE_MEMORY_FRAMES = 8 };

typedef struct {
    uint16_t crc;
    uint8_t seq;
    uint8_t answer_type; // 0: nothing remembered, or a request that is carried out anew
    uint8_t payload_size;
    uint8_t payload[CUE_NAK_SIZE]; // ACK or NAK; longer answers belong to reads
} cue_memory_entry_t;

typedef struct {
    cue_memory_entry_t entries[CUE_MEMORY_FRAMES];
    uint8_t next;
} cue_memory_t;

void cue_memory_reset(cue_memory_t *memory);

// NULL when this frame is new.
const cue_memory_entry_t *cue_memory_find(const cue_memory_t *memory, uint8_t seq, uint16_t crc);

// Every handled frame takes a place, so that an answer is forgotten after 8 more frames even when
// those are only beats; otherwise a sequence number that comes round again could match.
// answer_type 0, or a payload longer than an entry holds, remembers nothing.
void cue_memory_add(cue_memory_t *memory, uint8_t seq, uint16_t crc, uint8_t answer_type,
                    const uint8_t *payload, uint8_t payload_size);

#ifdef __cplusplus
}
#endif

#endif
