// Digests and message codes of OpenSSL 3.
#include "cue_openssl.h"

#include <openssl/core_names.h> // OSSL_MAC_PARAM_DIGEST
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h> // pthread_once

// Fetched once: asking by name takes longer than hashing a short message.
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256, *sha1;
static EVP_MAC *hmac;

static void fetch(void) {
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
}

int cue_sha256(const uint8_t *bytes, size_t size, uint8_t *digest) {
    pthread_once(&once, fetch);
    return sha256 != NULL && EVP_Digest(bytes, size, digest, NULL, sha256, NULL) == 1 ? 0 : -1;
}

int cue_sha1(const uint8_t *bytes, size_t size, uint8_t *digest) {
    pthread_once(&once, fetch);
    return sha1 != NULL && EVP_Digest(bytes, size, digest, NULL, sha1, NULL) == 1 ? 0 : -1;
}

cue_sha256_stream_t *cue_sha256_stream_new(void) {
    pthread_once(&once, fetch);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context != NULL && (sha256 == NULL || EVP_DigestInit_ex2(context, sha256, NULL) != 1)) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    return (cue_sha256_stream_t *)context;
}

int cue_sha256_stream_add(cue_sha256_stream_t *stream, const uint8_t *bytes, size_t size) {
    return EVP_DigestUpdate((EVP_MD_CTX *)stream, bytes, size) == 1 ? 0 : -1;
}

int cue_sha256_stream_finish(cue_sha256_stream_t *stream, uint8_t *digest) {
    return EVP_DigestFinal_ex((EVP_MD_CTX *)stream, digest, NULL) == 1 ? 0 : -1;
}

void cue_sha256_stream_free(cue_sha256_stream_t *stream) {
    EVP_MD_CTX_free((EVP_MD_CTX *)stream);
}

cue_hmac_t *cue_hmac_new(const uint8_t *key, size_t size) {
    pthread_once(&once, fetch);
    EVP_MAC_CTX *context = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
    if (context == NULL)
        return NULL;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    // A null key would mean "keep the key", an empty one is a key too.
    if (EVP_MAC_init(context, size == 0 ? (const uint8_t *)"" : key, size, parameters) != 1) {
        EVP_MAC_CTX_free(context);
        return NULL;
    }
    return (cue_hmac_t *)context;
}

int cue_hmac_code(const cue_hmac_t *keyed, const uint8_t *bytes, size_t size, uint8_t *code) {
    EVP_MAC_CTX *context = EVP_MAC_CTX_dup((const EVP_MAC_CTX *)keyed);
    size_t written = 0;
    int good = context != NULL && EVP_MAC_update(context, bytes, size) == 1 &&
               EVP_MAC_final(context, code, &written, CUE_SHA256_SIZE) == 1 &&
               written == CUE_SHA256_SIZE;
    EVP_MAC_CTX_free(context);
    return good ? 0 : -1;
}

void cue_hmac_free(cue_hmac_t *keyed) {
    EVP_MAC_CTX_free((EVP_MAC_CTX *)keyed);
}
