// The smallest test runner: a test is a function with a sentence for a name.
#ifndef CUE_TEST_H
#define CUE_TEST_H

#include <stdbool.h> // bool
#include <stdio.h>   // printf

typedef struct {
    const char *name;
    void (*run)(void);
} cue_test_t;

extern bool cue_test_failed;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("    %s:%d: %s\n", __FILE__, __LINE__, #condition);                             \
            cue_test_failed = true;                                                                \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define CHECK_EQUAL(actual, expected)                                                              \
    do {                                                                                           \
        long long actual_value = (long long)(actual);                                              \
        long long expected_value = (long long)(expected);                                          \
        if (actual_value != expected_value) {                                                      \
            printf("    %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #actual, actual_value, \
                   expected_value);                                                                \
            cue_test_failed = true;                                                                \
            return;                                                                                \
        }                                                                                          \
    } while (0)

// Ends the calling test when a helper found a failure.
#define CHECK_HELPER(call)                                                                         \
    do {                                                                                           \
        call;                                                                                      \
        if (cue_test_failed) {                                                                     \
            printf("    called from %s:%d\n", __FILE__, __LINE__);                                 \
            return;                                                                                \
        }                                                                                          \
    } while (0)

extern const cue_test_t cue_link_tests[], cue_session_tests[], cue_channel_tests[],
    cue_limit_tests[], cue_motion_tests[], cue_sequence_tests[], cue_fuzz_tests[];

#endif
