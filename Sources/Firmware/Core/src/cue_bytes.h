// Little-endian integers in byte buffers. Callers have checked the sizes.
#ifndef CUE_BYTES_H
#define CUE_BYTES_H

#include "cue_compiler.h" // CUE_FLASH
#include <stdint.h>       // fixed-width integers
#include <string.h>       // memcpy

#ifdef __cplusplus
extern "C" {
#endif

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Fields on the wire and in memory are alike: little-endian"
#endif

static inline uint16_t cue_read_u16(const uint8_t *bytes) {
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static inline uint32_t cue_read_u32(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static inline void cue_write_u16(uint8_t *bytes, uint16_t value) {
    memcpy(bytes, &value, sizeof value);
}

static inline void cue_write_u32(uint8_t *bytes, uint32_t value) {
    memcpy(bytes, &value, sizeof value);
}

#ifdef __cplusplus
}
#endif

#endif
