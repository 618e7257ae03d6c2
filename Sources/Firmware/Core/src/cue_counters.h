// What a board counts about its link and itself (docs/link.md §7).
#ifndef CUE_COUNTERS_H
#define CUE_COUNTERS_H

#include <stdint.h> // fixed-width integers

#ifdef __cplusplus
extern "C" {
#endif

// As COUNTERS has them: what comes before reset_cause and uptime_ms, and what comes behind.
typedef struct {
    union {
        uint16_t small[9];
        struct {
            uint16_t crc_errors;
            uint16_t framing_errors; // these three in the order of cue_uart_errors_t
            uint16_t overruns;
            uint16_t ring_overflows;
            uint16_t duplicates;
            uint16_t naks;
            uint16_t transmit_drops;
            uint16_t link_losses;
            uint16_t max_on_cuts;
        };
    };
    uint32_t executed;
    uint16_t loop_max_us;
    uint32_t boots;
    uint16_t sequence_refusals;
} __attribute__((packed, aligned(2))) cue_counters_t;

enum { CUE_COUNTERS_SPLIT = 24 };

// Adds and stays at 65535.
void cue_count(uint16_t *counter, uint16_t amount);

#ifdef __cplusplus
}
#endif

#endif
