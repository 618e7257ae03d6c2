// The parts of libsodium that Cuelight uses.
#include "cue_sodium.h"

#include <pthread.h> // pthread_once
#include <sodium.h>
#include <stdlib.h> // abort

_Static_assert(CUE_ED25519_SEED_SIZE == crypto_sign_SEEDBYTES, "seed");
_Static_assert(CUE_ED25519_PUBLIC_SIZE == crypto_sign_PUBLICKEYBYTES, "public key");
_Static_assert(CUE_ED25519_SECRET_SIZE == crypto_sign_SECRETKEYBYTES, "secret key");
_Static_assert(CUE_ED25519_SIGNATURE_SIZE == crypto_sign_BYTES, "signature");
_Static_assert(CUE_PASSWORD_HASH_SIZE == crypto_pwhash_STRBYTES, "password hash");

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_library(void) {
    if (sodium_init() < 0)
        abort(); // no source of randomness: nothing that follows would be safe
}

static void start(void) {
    pthread_once(&once, start_library);
}

void cue_random(uint8_t *bytes, size_t size) {
    start();
    randombytes_buf(bytes, size);
}

int cue_equals(const uint8_t *left, const uint8_t *right, size_t size) {
    return size == 0 || sodium_memcmp(left, right, size) == 0;
}

void cue_erase(uint8_t *bytes, size_t size) {
    sodium_memzero(bytes, size);
}

void cue_ed25519_keys(const uint8_t *seed, uint8_t *public_key, uint8_t *secret_key) {
    start();
    crypto_sign_seed_keypair(public_key, secret_key, seed);
}

int cue_ed25519_is_public_key(const uint8_t *public_key) {
    start();
    return crypto_core_ed25519_is_valid_point(public_key);
}

void cue_ed25519_sign(const uint8_t *message, size_t size, const uint8_t *secret_key,
                      uint8_t *signature) {
    start();
    crypto_sign_detached(signature, NULL, message, size, secret_key);
}

int cue_ed25519_verify(const uint8_t *signature, const uint8_t *message, size_t size,
                       const uint8_t *public_key) {
    start();
    return crypto_sign_verify_detached(signature, message, size, public_key) == 0;
}

int cue_password_hash(const char *password, size_t size, uint64_t passes, size_t memory_bytes,
                      char *hash) {
    start();
    return crypto_pwhash_str_alg(hash, password, size, passes, memory_bytes,
                                 crypto_pwhash_ALG_ARGON2ID13);
}

int cue_password_verify(const char *password, size_t size, const char *hash) {
    start();
    return crypto_pwhash_str_verify(hash, password, size) == 0;
}

int cue_password_needs_rehash(const char *hash, uint64_t passes, size_t memory_bytes) {
    start();
    return crypto_pwhash_str_needs_rehash(hash, passes, memory_bytes);
}
