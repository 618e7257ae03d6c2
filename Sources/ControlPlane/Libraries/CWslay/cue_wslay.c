#include "cue_wslay.h"
