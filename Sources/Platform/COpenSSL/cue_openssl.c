#include "cue_openssl.h"
