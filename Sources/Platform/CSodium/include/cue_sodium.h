// The parts of libsodium that Cuelight uses, in shapes that Swift can call: byte pointers with
// sizes. Every function may be called from any thread; the library starts itself on first use.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    CUE_ED25519_SEED_SIZE = 32,
    CUE_ED25519_PUBLIC_SIZE = 32,
    CUE_ED25519_SECRET_SIZE = 64, // the seed, then the public key
    CUE_ED25519_SIGNATURE_SIZE = 64,
    CUE_PASSWORD_HASH_SIZE = 128, // with the terminating zero
};

// Fills `size` bytes from the kernel's generator. Never fails; stops the process if the
// machine has no randomness.
void cue_random(uint8_t *bytes, size_t size);
// 1 if the two are equal, 0 if not, in a time that depends on `size` alone.
int cue_equals(const uint8_t *left, const uint8_t *right, size_t size);
// Overwrites with zeros, also when the compiler thinks that nobody looks again.
void cue_erase(uint8_t *bytes, size_t size);

// Makes the key pair of a seed.
void cue_ed25519_keys(const uint8_t *seed, uint8_t *public_key, uint8_t *secret_key);
// 1 if the 32 bytes are a point that may serve as a public key (canonical, of the main group).
int cue_ed25519_is_public_key(const uint8_t *public_key);
void cue_ed25519_sign(const uint8_t *message, size_t size, const uint8_t *secret_key,
                      uint8_t *signature);
// 1 if the signature is good, 0 if not.
int cue_ed25519_verify(const uint8_t *signature, const uint8_t *message, size_t size,
                       const uint8_t *public_key);

// Argon2id (RFC 9106) with a new salt, as a PHC string of at most CUE_PASSWORD_HASH_SIZE bytes.
// Returns 0, or -1 if the memory could not be had. Takes tens of milliseconds.
int cue_password_hash(const char *password, size_t size, uint64_t passes, size_t memory_bytes,
                      char *hash);
// 1 if the password made `hash` (zero-terminated, shorter than CUE_PASSWORD_HASH_SIZE), 0 if not.
int cue_password_verify(const char *password, size_t size, const char *hash);
// 0 if `hash` was made with these figures, 1 if with others, -1 if it is not such a hash.
int cue_password_needs_rehash(const char *hash, uint64_t passes, size_t memory_bytes);
