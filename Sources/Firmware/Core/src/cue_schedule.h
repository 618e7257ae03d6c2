// A cooperative scheduler: a fixed list of tasks, each run when its period is over. Tasks return
// within a millisecond; the one exception is named in docs/link.md (IDENTITY_WRITE).
#ifndef CUE_SCHEDULE_H
#define CUE_SCHEDULE_H

#include <stdint.h> // fixed-width integers

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    void (*run)(void *context);
    uint16_t period_ms; // 0: every pass
    uint32_t last_ms;
} cue_task_t;

// Runs each task that is due, in order. A late task runs once, not once for each period missed.
void cue_schedule_run(cue_task_t *tasks, uint8_t count, void *context, uint32_t now_ms);

#ifdef __cplusplus
}
#endif

#endif
