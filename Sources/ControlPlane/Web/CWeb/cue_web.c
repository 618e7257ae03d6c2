#include "cue_web.h"
