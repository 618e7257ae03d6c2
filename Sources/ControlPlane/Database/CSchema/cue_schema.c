#include "cue_schema.h"
