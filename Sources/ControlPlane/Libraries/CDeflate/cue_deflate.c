#include "cue_deflate.h"
