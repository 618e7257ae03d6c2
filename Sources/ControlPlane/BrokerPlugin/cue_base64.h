/* Base64 in its one canonical form; anything else is refused, so that one value has one text. */
#ifndef CUE_BASE64_H
#define CUE_BASE64_H

#include "cue_text.h" // cue_text_t

/* Decodes base64url without padding (RFC 4648 §5). False if a character is foreign, the length is
 * impossible, the unused last bits are not zero, or the result exceeds `capacity`. */
bool cue_base64url_decode(cue_text_t text, uint8_t *bytes, size_t capacity, size_t *size);

/* Decodes the 44 characters of standard base64 (RFC 4648 §4) that hold 32 bytes. */
bool cue_base64_decode_32(cue_text_t text, uint8_t bytes[32]);

#endif
