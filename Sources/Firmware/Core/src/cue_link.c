#include "cue_link.h"
