// What a board counts about its link and itself (docs/link.md §7).
#ifndef CUE_COUNTERS_H
#define CUE_COUNTERS_H

#include <stdint.h> // fixed-width integers

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    union {
        uint16_t small[9]; // in the order of COUNTERS
        struct {
            uint16_t crc_errors;
            uint16_t framing_errors;
            uint16_t overruns;
            uint16_t ring_overflows;
            uint16_t duplicates;
            uint16_t naks;
            uint16_t transmit_drops;
            uint16_t link_losses;
            uint16_t max_on_cuts;
        };
    };
    uint16_t loop_max_us;
    uint16_t sequence_refusals;
    uint32_t executed;
    uint32_t boots;
} cue_counters_t;

// Adds and stays at 65535.
static inline void cue_count(uint16_t *counter, uint16_t amount) {
    uint16_t room = (uint16_t)(UINT16_MAX - *counter);
    *counter = amount > room ? (uint16_t)UINT16_MAX : (uint16_t)(*counter + amount);
}

#ifdef __cplusplus
}
#endif

#endif
