/* Slices of text: comparing, cutting, reading names and numbers. */
#include "cue_text.h"
#include <string.h> // memcmp, memchr, strlen

cue_text_t cue_text(const char *string)
{
    return (cue_text_t){string, string == NULL ? 0 : strlen(string)};
}

bool cue_text_same(cue_text_t one, cue_text_t other)
{
    return one.size == other.size &&
           (one.size == 0 || memcmp(one.start, other.start, one.size) == 0);
}

bool cue_text_is(cue_text_t text, const char *literal)
{
    return cue_text_same(text, cue_text(literal));
}

bool cue_text_skip(cue_text_t *text, cue_text_t prefix)
{
    if (text->size < prefix.size || !cue_text_same((cue_text_t){text->start, prefix.size}, prefix))
        return false;
    text->start += prefix.size;
    text->size -= prefix.size;
    return true;
}

bool cue_text_cut(cue_text_t *text, char separator, cue_text_t *field)
{
    if (text->size == 0)
        return false;
    const char *found = memchr(text->start, separator, text->size);
    if (found == NULL)
        return false;
    size_t size = (size_t)(found - text->start);
    *field = (cue_text_t){text->start, size};
    text->start += size + 1;
    text->size -= size + 1;
    return true;
}

bool cue_text_is_name(cue_text_t text)
{
    if (text.size == 0 || text.size > CUE_NAME_SIZE_MAX)
        return false;
    for (size_t index = 0; index < text.size; index++) {
        char c = text.start[index];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-'))
            return false;
    }
    return true;
}

bool cue_text_number(cue_text_t text, int64_t *number)
{
    if (text.size == 0 || text.size > CUE_NUMBER_SIZE_MAX)
        return false;
    if (text.size > 1 && text.start[0] == '0')
        return false;
    int64_t value = 0;
    for (size_t index = 0; index < text.size; index++) {
        char c = text.start[index];
        if (c < '0' || c > '9')
            return false;
        int64_t digit = c - '0';
        if (value > (INT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return true;
}

uint64_t cue_text_hash(uint64_t hash, cue_text_t text)
{
    for (size_t index = 0; index < text.size; index++) {
        hash ^= (unsigned char)text.start[index];
        hash *= UINT64_C(0x100000001b3);
    }
    return hash;
}
