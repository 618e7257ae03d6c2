/* Ed25519 public keys through OpenSSL's EVP. */
#include "cue_keys.h"
#include "cue_base64.h"  // cue_base64_decode_32
#include <errno.h>       // errno
#include <openssl/err.h> // ERR_clear_error
#include <openssl/evp.h> // EVP_*
#include <stdio.h>       // fopen, fread, snprintf
#include <stdlib.h>      // calloc, free
#include <string.h>      // strerror

struct cue_keys {
    EVP_PKEY *keys[CUE_KEYS_MAX];
    size_t count;
    EVP_MD_CTX *context;
};

/* Two lines of 44 characters with room for line ends. */
enum { FILE_SIZE_MAX = 256 };

void cue_keys_free(cue_keys_t *keys)
{
    if (keys == NULL)
        return;
    for (size_t index = 0; index < keys->count; index++)
        EVP_PKEY_free(keys->keys[index]);
    EVP_MD_CTX_free(keys->context);
    free(keys);
}

/* Returns the size, or -1 with errno set; EFBIG if the file is too large. */
static long read_whole(const char *path, char *bytes, size_t capacity)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    errno = 0;
    size_t size = fread(bytes, 1, capacity, file);
    int code = ferror(file) ? (errno != 0 ? errno : EIO) : (size == capacity ? EFBIG : 0);
    (void)fclose(file); /* read only: nothing can be lost */
    errno = code;
    return code == 0 ? (long)size : -1;
}

/* All zeros is a key that was never filled in, and one for which signatures can be forged. */
static bool is_zero(const uint8_t raw[32])
{
    uint8_t any = 0;
    for (size_t index = 0; index < 32; index++)
        any |= raw[index];
    return any == 0;
}

/* Adds the key of one line; an empty line adds none. Returns NULL, or what is wrong. */
static const char *add_line(cue_keys_t *keys, cue_text_t line)
{
    uint8_t raw[32];
    if (line.size > 0 && line.start[line.size - 1] == '\r')
        line.size--;
    if (line.size == 0)
        return NULL;
    if (keys->count == CUE_KEYS_MAX)
        return "has more than two keys";
    if (!cue_base64_decode_32(line, raw) || is_zero(raw))
        return "has a line that is not an Ed25519 public key (base64 of 32 bytes)";
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, sizeof raw);
    if (key == NULL) {
        ERR_clear_error();
        return "has a key that OpenSSL refuses";
    }
    keys->keys[keys->count++] = key;
    return NULL;
}

static const char *add_lines(cue_keys_t *keys, cue_text_t text)
{
    cue_text_t line;
    const char *wrong = NULL;
    while (wrong == NULL && cue_text_cut(&text, '\n', &line))
        wrong = add_line(keys, line);
    if (wrong == NULL)
        wrong = add_line(keys, text);
    if (wrong == NULL && keys->count == 0)
        wrong = "has no key";
    return wrong;
}

cue_keys_t *cue_keys_load(const char *path, char *problem, size_t problem_size)
{
    char bytes[FILE_SIZE_MAX];
    long size = read_whole(path, bytes, sizeof bytes);
    if (size < 0) {
        (void)snprintf(problem, problem_size, "public_key_file %s: %s", path, strerror(errno));
        return NULL;
    }
    cue_keys_t *keys = calloc(1, sizeof *keys);
    if (keys != NULL)
        keys->context = EVP_MD_CTX_new();
    const char *wrong = keys == NULL || keys->context == NULL
                            ? "cannot be held: out of memory"
                            : add_lines(keys, (cue_text_t){bytes, (size_t)size});
    if (wrong != NULL) {
        (void)snprintf(problem, problem_size, "public_key_file %s %s", path, wrong);
        cue_keys_free(keys);
        return NULL;
    }
    return keys;
}

size_t cue_keys_count(const cue_keys_t *keys)
{
    return keys->count;
}

bool cue_keys_verify(const cue_keys_t *keys, cue_text_t message, const uint8_t signature[64])
{
    bool is_valid = false;
    for (size_t index = 0; index < keys->count && !is_valid; index++) {
        is_valid =
            EVP_MD_CTX_reset(keys->context) == 1 &&
            EVP_DigestVerifyInit(keys->context, NULL, NULL, NULL, keys->keys[index]) == 1 &&
            EVP_DigestVerify(keys->context, signature, 64, (const unsigned char *)message.start,
                             message.size) == 1;
    }
    /* The broker's TLS code reads the same thread's error queue and must not find ours in it. */
    ERR_clear_error();
    return is_valid;
}
