// A cooperative scheduler.
#include "cue_schedule.h"

void cue_schedule_run(cue_task_t *tasks, uint8_t count, void *context, uint32_t now_ms) {
    for (uint8_t index = 0; index < count; index++) {
        cue_task_t *task = &tasks[index];
        if ((uint32_t)(now_ms - task->last_ms) >= task->period_ms) {
            task->last_ms = now_ms;
            task->run(context);
        }
    }
}
