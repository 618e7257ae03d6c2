// Digests and message codes of OpenSSL 3, in shapes that Swift can call. OpenSSL's own headers
// are macros and inline functions for a good part, so they are never imported into Swift.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { CUE_SHA256_SIZE = 32, CUE_SHA1_SIZE = 20 };

// One-shot digests. Return 0, or -1 if the library could not (no memory).
int cue_sha256(const uint8_t *bytes, size_t size, uint8_t *digest);
int cue_sha1(const uint8_t *bytes, size_t size, uint8_t *digest);

// A SHA-256 over bytes that come in pieces. One thread at a time.
typedef struct cue_sha256_stream cue_sha256_stream_t;
cue_sha256_stream_t *cue_sha256_stream_new(void);
int cue_sha256_stream_add(cue_sha256_stream_t *stream, const uint8_t *bytes, size_t size);
// Writes the digest of all that was added; more may not be added after it.
int cue_sha256_stream_finish(cue_sha256_stream_t *stream, uint8_t *digest);
void cue_sha256_stream_free(cue_sha256_stream_t *stream);

// HMAC-SHA256 with a key that stays: the keyed state is copied for each message, which is half
// again as fast as keying anew. Any number of threads may use one key at once.
typedef struct cue_hmac cue_hmac_t;
cue_hmac_t *cue_hmac_new(const uint8_t *key, size_t size);
int cue_hmac_code(const cue_hmac_t *hmac, const uint8_t *bytes, size_t size, uint8_t *code);
void cue_hmac_free(cue_hmac_t *hmac);
