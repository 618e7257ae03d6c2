/* How long the plugin's own work takes, without the broker. */
#include "cue_access.h"
#include "cue_credential.h"
#include "cue_keys.h"
#include "cue_revocation_file.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static cue_keys_t *one_key(EVP_PKEY *key, const char *path)
{
    unsigned char raw[32], text[64];
    size_t size = sizeof raw;
    char problem[400];
    FILE *file = fopen(path, "w");
    if (file == NULL || EVP_PKEY_get_raw_public_key(key, raw, &size) != 1)
        return NULL;
    (void)EVP_EncodeBlock(text, raw, 32);
    (void)fprintf(file, "%s\n", text);
    if (fclose(file) != 0)
        return NULL;
    return cue_keys_load(path, problem, sizeof problem);
}

static void verifying(const char *path)
{
    enum { ROUNDS = 3000 };
    static const char payload[] = "agent|0190b3f0-0000-7000-8000-000000000001|"
                                  "0190b3f0-0000-7000-9000-000000000001|1|1893456000";
    unsigned char signature[64];
    size_t size = sizeof signature;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    cue_keys_t *keys = one_key(key, path);
    cue_text_t message = {payload, sizeof payload - 1};
    if (keys == NULL || EVP_DigestSignInit(context, NULL, NULL, NULL, key) != 1 ||
        EVP_DigestSign(context, signature, &size, (const unsigned char *)payload,
                       message.size) != 1)
        exit(1);
    bool is_good = true;
    double start = now_us();
    for (int round = 0; round < ROUNDS; round++)
        is_good &= cue_keys_verify(keys, message, signature);
    (void)printf("verify a signature: %.1f us (%s)\n", (now_us() - start) / ROUNDS,
                 is_good ? "good" : "BAD");
    cue_keys_free(keys);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
}

static void revoking(const char *path)
{
    enum { COUNT = 100000, ROUNDS = 1000000 };
    char names[2][48], problem[400];
    cue_revocations_t *table = cue_revocations_new();
    double start = now_us();
    for (int number = 0; number < COUNT; number++) {
        (void)snprintf(names[0], sizeof names[0], "0190b3f0-0000-7000-8000-%012d", number % 999);
        (void)snprintf(names[1], sizeof names[1], "0190b3f0-0000-7000-9000-%012d", number);
        cue_revocation_t one = {cue_text(names[0]), cue_text(names[1]), 1};
        (void)cue_revocations_add(table, &one);
    }
    (void)printf("add a revocation: %.2f us\n", (now_us() - start) / COUNT);
    start = now_us();
    if (!cue_revocation_file_rewrite(path, table, problem, sizeof problem))
        exit(1);
    (void)printf("rewrite 100,000 revocations: %.0f ms of CPU\n", (now_us() - start) / 1e3);
    cue_revocations_t *other = cue_revocations_new();
    start = now_us();
    if (cue_revocation_file_load(path, other, problem, sizeof problem) != CUE_REVOCATION_FILE_GOOD)
        exit(1);
    (void)printf("load 100,000 revocations: %.0f ms\n", (now_us() - start) / 1e3);

    static const char user[] = "agent|0190b3f0-0000-7000-8000-000000000001|"
                               "0190b3f0-0000-7000-9000-000000000001|2";
    static const char topic[] = "cuelight/1/0190b3f0-0000-7000-8000-000000000001/"
                                "0190b3f0-0000-7000-9000-000000000001/command";
    unsigned allowed = 0;
    start = now_us();
    for (int round = 0; round < ROUNDS; round++) {
        cue_identity_t identity;
        if (cue_identity_parse(cue_text(user), &identity) &&
            cue_access_allowed(&identity, CUE_ACCESS_READ, cue_text(topic)) &&
            !cue_revocations_cover(table, identity.workspace, identity.client, identity.epoch))
            allowed++;
    }
    (void)printf("check access with 100,000 revocations: %.0f ns (%u)\n",
                 (now_us() - start) * 1e3 / ROUNDS, allowed);
    cue_revocations_free(other);
    cue_revocations_free(table);
}

int main(void)
{
    char path[] = "/tmp/cuelight-bench-XXXXXX";
    int descriptor = mkstemp(path);
    if (descriptor < 0 || close(descriptor) != 0)
        return 1;
    verifying(path);
    revoking(path);
    (void)unlink(path);
    return 0;
}
