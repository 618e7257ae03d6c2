/* The public keys of the control plane, and checking signatures with them. */
#ifndef CUE_KEYS_H
#define CUE_KEYS_H

#include "cue_text.h" // cue_text_t

/* Two, so that a new key can be added before the old one is taken away. */
#define CUE_KEYS_MAX 2

typedef struct cue_keys cue_keys_t;

/* Reads a file of one or two Ed25519 public keys, one a line, each 32 raw bytes in base64. On
 * failure returns NULL and writes why into `problem`. */
cue_keys_t *cue_keys_load(const char *path, char *problem, size_t problem_size);
void cue_keys_free(cue_keys_t *keys);

size_t cue_keys_count(const cue_keys_t *keys);

/* True if one of the keys made the signature over `message`. About 0.1 ms a key. */
bool cue_keys_verify(const cue_keys_t *keys, cue_text_t message, const uint8_t signature[64]);

#endif
