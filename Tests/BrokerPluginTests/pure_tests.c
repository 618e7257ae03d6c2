/* The parts that need no broker, under sanitizers: formats, tables and files, with all kinds of
 * bytes. Prints what failed and ends with 1. */
#include "cue_access.h"
#include "cue_base64.h"
#include "cue_credential.h"
#include "cue_keys.h"
#include "cue_revocation_file.h"
#include "cue_sessions.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static unsigned failures;
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            failures++;                                                                            \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);          \
        }                                                                                          \
    } while (0)

static uint64_t seed;
static uint32_t chance(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 20) % below);
}

static cue_text_t slice(const char *bytes, size_t size)
{
    return (cue_text_t){bytes, size};
}

static void numbers(void)
{
    int64_t value = -1;
    CHECK(cue_text_number(cue_text("0"), &value) && value == 0);
    CHECK(cue_text_number(cue_text("9223372036854775807"), &value) && value == INT64_MAX);
    CHECK(!cue_text_number(cue_text("9223372036854775808"), &value));
    CHECK(!cue_text_number(cue_text("99999999999999999999"), &value));
    CHECK(!cue_text_number(cue_text("00"), &value));
    CHECK(!cue_text_number(cue_text("-0"), &value));
    CHECK(!cue_text_number(cue_text(""), &value));
    CHECK(!cue_text_number(slice("1\0", 2), &value));
}

static void base64(void)
{
    uint8_t bytes[4];
    size_t size = 9;
    CHECK(cue_base64url_decode(cue_text("AP-_"), bytes, 4, &size) && size == 3 && bytes[1] == 0xff);
    CHECK(cue_base64url_decode(cue_text(""), bytes, 4, &size) && size == 0);
    CHECK(cue_base64url_decode(cue_text("AQ"), bytes, 4, &size) && size == 1);
    CHECK(!cue_base64url_decode(cue_text("AR"), bytes, 4, &size));
    CHECK(!cue_base64url_decode(cue_text("A"), bytes, 4, &size));
    CHECK(!cue_base64url_decode(cue_text("AQ=="), bytes, 4, &size));
    CHECK(!cue_base64url_decode(cue_text("AP+/"), bytes, 4, &size));
    CHECK(!cue_base64url_decode(cue_text("AAAAAAAA"), bytes, 4, &size));
}

/* Whatever is accepted must be accepted for a reason: exact-size copies let the sanitizer see every
 * byte read beyond the end. */
static void random_bytes(void)
{
    static const char letters[] = "v1.agentcontrol|-_0129AZaz= \n";
    for (int round = 0; round < 300000; round++) {
        size_t size = chance(round % 3 == 0 ? 500 : 60);
        char *bytes = malloc(size + 1);
        cue_credential_t *credential = malloc(sizeof *credential);
        if (bytes == NULL || credential == NULL)
            abort();
        bytes = realloc(bytes, size > 0 ? size : 1);
        for (size_t index = 0; index < size; index++)
            bytes[index] = round % 2 == 0 ? (char)chance(256) : letters[chance(sizeof letters - 1)];
        if (size > 3 && round % 5 == 0)
            memcpy(bytes, "v1.", 3);
        cue_identity_t identity;
        cue_revocation_t revocation;
        (void)cue_credential_parse(slice(bytes, size), credential);
        if (cue_identity_parse(slice(bytes, size), &identity))
            CHECK(cue_text_is_name(identity.client));
        (void)cue_revocation_parse(slice(bytes, size), &revocation);
        cue_identity_t agent = {CUE_ROLE_AGENT, cue_text("ws"), cue_text("a"), 1};
        CHECK(!cue_access_allowed(&agent, (int)chance(8), slice(bytes, size)));
        free(credential);
        free(bytes);
    }
}

static void longest_credential(void)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (int extra = 0; extra < 2; extra++) {
        char payload[CUE_PAYLOAD_SIZE_MAX + 8];
        char name[CUE_NAME_SIZE_MAX + 2];
        memset(name, 'x', sizeof name);
        name[CUE_NAME_SIZE_MAX + extra] = '\0';
        int size = snprintf(payload, sizeof payload, "agent|%.64s|%s|%lld|%lld", name, name,
                            (long long)INT64_MAX, (long long)INT64_MAX);
        char password[CUE_PASSWORD_SIZE_MAX + 16] = "v1.";
        size_t at = 3;
        for (int index = 0; index < size; index += 3) {
            uint32_t bits = 0;
            for (int byte = 0; byte < 3; byte++)
                bits = bits << 8 | (index + byte < size ? (uint8_t)payload[index + byte] : 0u);
            int letters = size - index >= 3 ? 4 : size - index + 1;
            for (int letter = 0; letter < letters; letter++)
                password[at++] = alphabet[bits >> (18 - 6 * letter) & 63];
        }
        password[at++] = '.';
        memset(password + at, 'A', 86);
        cue_credential_t credential;
        bool is_read = cue_credential_parse(slice(password, at + 86), &credential);
        CHECK(is_read == (extra == 0));
        if (is_read)
            CHECK(credential.identity.client.size == 64 && credential.expires_at_s == INT64_MAX);
    }
}

static void access_table(void)
{
    cue_identity_t agent = {CUE_ROLE_AGENT, cue_text("ws"), cue_text("a"), 1};
    cue_identity_t control = {CUE_ROLE_CONTROL, cue_text("-"), cue_text("c"), 1};
    cue_text_t down = cue_text("cuelight/1/ws/a/command"), up = cue_text("cuelight/1/ws/a/state");
    for (int access = -2; access < 20; access++) {
        bool is_sub = access == CUE_ACCESS_SUBSCRIBE || access == CUE_ACCESS_READ;
        bool is_un = access == CUE_ACCESS_UNSUBSCRIBE;
        CHECK(cue_access_allowed(&agent, access, down) == (is_sub || is_un));
        CHECK(cue_access_allowed(&agent, access, up) == (access == CUE_ACCESS_WRITE || is_un));
        CHECK(cue_access_allowed(&control, access, up) ==
              (is_sub || is_un || access == CUE_ACCESS_WRITE));
        CHECK(cue_access_allowed(&agent, access, slice(down.start, 0)) == is_un);
        for (size_t size = 0; size < down.size; size++)
            CHECK(cue_access_allowed(&agent, access, slice(down.start, size)) == is_un);
    }
}

static cue_revocation_t numbered(char names[2][40], unsigned number, int64_t epoch)
{
    (void)snprintf(names[0], 40, "workspace-%u", number % 97);
    (void)snprintf(names[1], 40, "agent-%u", number);
    return (cue_revocation_t){cue_text(names[0]), cue_text(names[1]), epoch};
}

static void revocation_table(void)
{
    enum { COUNT = 250000 };
    char names[2][40];
    cue_revocations_t *table = cue_revocations_new();
    CHECK(!cue_revocations_cover(table, cue_text("w"), cue_text("a"), 0));
    for (unsigned number = 0; number < COUNT; number++) {
        cue_revocation_t one = numbered(names, number, number % 5);
        CHECK(cue_revocations_add(table, &one) == CUE_REVOCATIONS_ADDED);
        CHECK(cue_revocations_add(table, &one) == CUE_REVOCATIONS_KNOWN);
    }
    CHECK(cue_revocations_count(table) == COUNT);
    for (unsigned number = 0; number < COUNT + 1000; number++) {
        cue_revocation_t one = numbered(names, number, 0);
        bool is_known = number < COUNT;
        CHECK(cue_revocations_cover(table, one.workspace, one.agent, number % 5) == is_known);
        CHECK(!cue_revocations_cover(table, one.workspace, one.agent, number % 5 + 1));
        CHECK(!cue_revocations_cover(table, one.agent, one.workspace, 0));
    }
    cue_revocation_t one = numbered(names, 7, INT64_MAX);
    CHECK(cue_revocations_add(table, &one) == CUE_REVOCATIONS_ADDED);
    CHECK(cue_revocations_cover(table, one.workspace, one.agent, INT64_MAX));
    size_t cursor = 0, seen = 0;
    while (cue_revocations_next(table, &cursor, &one))
        seen++;
    CHECK(seen == COUNT);
    cue_revocations_free(table);
    /* The space keeps ("ab", "c") and ("a", "bc") apart. */
    table = cue_revocations_new();
    one = (cue_revocation_t){cue_text("ab"), cue_text("c"), 1};
    (void)cue_revocations_add(table, &one);
    CHECK(!cue_revocations_cover(table, cue_text("a"), cue_text("bc"), 1));
    cue_revocations_free(table);
}

static void revocation_file(const char *folder)
{
    char path[300], problem[600], names[2][40];
    (void)snprintf(path, sizeof path, "%s/revocations", folder);
    cue_revocations_t *table = cue_revocations_new();
    CHECK(cue_revocation_file_load(path, table, problem, sizeof problem) ==
          CUE_REVOCATION_FILE_MISSING);
    for (unsigned number = 0; number < 300; number++) {
        cue_revocation_t one = numbered(names, number, number);
        (void)cue_revocations_add(table, &one);
        CHECK(number % 100 == 50 ? cue_revocation_file_rewrite(path, table, problem, sizeof problem)
                                 : cue_revocation_file_append(path, &one, problem, sizeof problem));
    }
    struct stat status;
    CHECK(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600);
    /* Cut off at every byte of its last lines, as a crash may leave it, it still loads. */
    for (off_t size = status.st_size; size > status.st_size - 100; size--) {
        CHECK(truncate(path, size) == 0);
        cue_revocations_t *other = cue_revocations_new();
        CHECK(cue_revocation_file_load(path, other, problem, sizeof problem) !=
              CUE_REVOCATION_FILE_BAD);
        CHECK(cue_revocations_count(other) >= 295);
        cue_revocations_free(other);
    }
    CHECK(!cue_revocation_file_rewrite("/nonexistent/x", table, problem, sizeof problem));
    CHECK(strstr(problem, "No such file") != NULL);
    cue_revocations_free(table);
}

/* A table of sessions against a plain array that does the same slowly. */
static void sessions(void)
{
    enum { CLIENTS = 700 };
    static int64_t due[CLIENTS]; /* 0 for not connected */
    static int connection[CLIENTS];
    cue_sessions_t *table = cue_sessions_new();
    int64_t now = 1000;
    for (int round = 0; round < 200000; round++) {
        unsigned client = chance(CLIENTS);
        char name[20];
        (void)snprintf(name, sizeof name, "c-%u", client);
        cue_identity_t identity = {CUE_ROLE_AGENT, cue_text("ws"), cue_text(name), 3};
        switch (chance(8)) {
        case 0:
        case 1:
        case 2:
            due[client] = now + 1 + chance(50);
            CHECK(cue_sessions_put(table, &identity, &connection[client], due[client]));
            break;
        case 3:
            cue_sessions_remove(table, cue_text(name), &connection[client]);
            due[client] = 0;
            break;
        case 4: /* not the connection that is known */
            cue_sessions_remove(table, cue_text(name), &round);
            break;
        case 5:
            CHECK(!cue_sessions_revoke(table, cue_text("other"), cue_text(name), 9));
            CHECK(!cue_sessions_revoke(table, cue_text("ws"), cue_text(name), 2));
            if (chance(20) == 0) {
                CHECK(cue_sessions_revoke(table, cue_text("ws"), cue_text(name), 3) ==
                      (due[client] != 0));
                if (due[client] != 0)
                    due[client] = INT64_MIN;
            }
            break;
        default:
            now += chance(2);
            cue_session_t session;
            for (unsigned taken = 0; taken < 1 + chance(9); taken++) {
                bool is_due = false;
                for (int index = 0; index < CLIENTS; index++)
                    is_due |= due[index] != 0 && due[index] <= now;
                bool is_taken = cue_sessions_take_due(table, now, &session);
                CHECK(is_taken == is_due);
                if (!is_taken)
                    break;
                long index = strtol(session.client + 2, NULL, 10);
                CHECK(due[index] != 0 && due[index] <= now);
                CHECK(session.is_revoked == (due[index] == INT64_MIN));
                due[index] = 0;
            }
        }
        CHECK(cue_sessions_has(table, cue_text(name), &connection[client]) == (due[client] != 0));
    }
    size_t count = 0;
    for (int index = 0; index < CLIENTS; index++)
        count += due[index] != 0;
    CHECK(cue_sessions_count(table) == count);
    cue_sessions_free(table);
}

int main(void)
{
    char folder[] = "/tmp/cuelight-pure-XXXXXX", path[320];
    seed = (uint64_t)time(NULL) * 2654435761u + (uint64_t)getpid();
    (void)printf("seed %llu\n", (unsigned long long)seed);
    if (mkdtemp(folder) == NULL)
        return 1;
    numbers();
    base64();
    random_bytes();
    longest_credential();
    access_table();
    revocation_table();
    revocation_file(folder);
    sessions();
    for (int index = 0; index < 2; index++) {
        (void)snprintf(path, sizeof path, "%s/revocations%s", folder, index == 0 ? "" : ".new");
        (void)unlink(path);
    }
    (void)rmdir(folder);
    if (failures > 0)
        (void)fprintf(stderr, "%u checks failed\n", failures);
    return failures == 0 ? 0 : 1;
}
