#include "cue_beast.h"
