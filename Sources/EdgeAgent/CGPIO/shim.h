#pragma once
#include <gpiod.h>

/// gpiod.h defines these as an anonymous enumeration of shifted bits, which Swift does not see.
static inline int cue_gpio_active_low(void) { return GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW; }
static inline int cue_gpio_pull_up(void) { return GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_UP; }
static inline int cue_gpio_pull_down(void) { return GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_DOWN; }
static inline int cue_gpio_pull_none(void) { return GPIOD_LINE_REQUEST_FLAG_BIAS_DISABLE; }
