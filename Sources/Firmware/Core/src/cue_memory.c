// Remembers the last frames and their answers.
#include "cue_memory.h"
#include <string.h> // memcpy, memset

void cue_memory_reset(cue_memory_t *memory) {
    memset(memory, 0, sizeof *memory);
}

const cue_memory_entry_t *cue_memory_find(const cue_memory_t *memory, uint8_t seq, uint16_t crc) {
    for (uint8_t index = 0; index < CUE_MEMORY_FRAMES; index++) {
        const cue_memory_entry_t *entry = &memory->entries[index];
        if (entry->answer_type != 0 && entry->seq == seq && entry->crc == crc) {
            return entry;
        }
    }
    return 0;
}

void cue_memory_add(cue_memory_t *memory, uint8_t seq, uint16_t crc, uint8_t answer_type,
                    const uint8_t *payload, uint8_t payload_size) {
    cue_memory_entry_t *entry = &memory->entries[memory->next];
    memory->next = (uint8_t)((memory->next + 1u) % CUE_MEMORY_FRAMES);
    entry->answer_type = 0;
    if (answer_type == 0 || payload_size > sizeof entry->payload) {
        return;
    }
    entry->crc = crc;
    entry->seq = seq;
    entry->answer_type = answer_type;
    entry->payload_size = payload_size;
    memcpy(entry->payload, payload, payload_size);
}
