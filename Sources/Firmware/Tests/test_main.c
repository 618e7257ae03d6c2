// Runs every test of the Core on this computer. Arguments: the folder of golden files; SEED in the
// environment.
#include "test.h"
#include <stdlib.h> // getenv

bool cue_test_failed;
const char *cue_golden_folder = "Tests/Golden/link";

int main(int count, char **arguments) {
    const cue_test_t *suites[] = {cue_link_tests,   cue_session_tests,  cue_channel_tests,
                                  cue_limit_tests,  cue_motion_tests,   cue_sequence_tests,
                                  cue_fuzz_tests};
    int passed = 0, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count > 1) {
        cue_golden_folder = arguments[1];
    }
    for (size_t suite = 0; suite < sizeof suites / sizeof *suites; suite++) {
        for (const cue_test_t *test = suites[suite]; test->name != NULL; test++) {
            cue_test_failed = false;
            test->run();
            printf("%s core: %s\n", cue_test_failed ? "FAIL" : "ok  ", test->name);
            *(cue_test_failed ? &failed : &passed) += 1;
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
