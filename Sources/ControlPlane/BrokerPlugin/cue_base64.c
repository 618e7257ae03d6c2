/* Base64 in its one canonical form. */
#include "cue_base64.h"

/* The six bits of a character, or -1. `c62` and `c63` are the last two of the alphabet. */
static int sextet(char c, char c62, char c63)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == c62)
        return 62;
    return c == c63 ? 63 : -1;
}

static bool decode(cue_text_t text, char c62, char c63, uint8_t *bytes, size_t capacity,
                   size_t *size)
{
    if (text.size % 4 == 1)
        return false;
    uint32_t bits = 0;
    unsigned held = 0;
    size_t count = 0;
    for (size_t index = 0; index < text.size; index++) {
        int value = sextet(text.start[index], c62, c63);
        if (value < 0)
            return false;
        bits = ((bits << 6) | (uint32_t)value) & 0xFFFFFFu;
        held += 6;
        if (held >= 8) {
            held -= 8;
            if (count == capacity)
                return false;
            bytes[count++] = (uint8_t)(bits >> held);
        }
    }
    *size = count;
    return (bits & ((1u << held) - 1u)) == 0;
}

bool cue_base64url_decode(cue_text_t text, uint8_t *bytes, size_t capacity, size_t *size)
{
    return decode(text, '-', '_', bytes, capacity, size);
}

bool cue_base64_decode_32(cue_text_t text, uint8_t bytes[32])
{
    size_t size = 0;
    if (text.size != 44 || text.start[43] != '=')
        return false;
    return decode((cue_text_t){text.start, 43}, '+', '/', bytes, 32, &size) && size == 32;
}
