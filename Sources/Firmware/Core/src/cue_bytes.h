// Little-endian integers in byte buffers. Callers have checked the sizes.
#ifndef CUE_BYTES_H
#define CUE_BYTES_H

#include <stdint.h> // fixed-width integers
#include <string.h> // memcpy

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

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

#else

static inline uint16_t cue_read_u16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | (uint16_t)((uint16_t)bytes[1] << 8));
}

static inline uint32_t cue_read_u32(const uint8_t *bytes) {
    return (uint32_t)cue_read_u16(bytes) | ((uint32_t)cue_read_u16(bytes + 2) << 16);
}

static inline void cue_write_u16(uint8_t *bytes, uint16_t value) {
    bytes[0] = (uint8_t)(value & 0xFFu);
    bytes[1] = (uint8_t)(value >> 8);
}

static inline void cue_write_u32(uint8_t *bytes, uint32_t value) {
    cue_write_u16(bytes, (uint16_t)(value & 0xFFFFu));
    cue_write_u16(bytes + 2, (uint16_t)(value >> 16));
}

#endif

#ifdef __cplusplus
}
#endif

#endif
