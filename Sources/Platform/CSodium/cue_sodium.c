#include "cue_sodium.h"
