// The result of every function of the Core that can fail.
#ifndef CUE_STATUS_H
#define CUE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    CUE_OK = 0,
    CUE_ERROR_SIZE = 1,  // does not fit, or too little of it
    CUE_ERROR_RANGE = 2, // a value outside what is allowed
    CUE_ERROR_BUSY = 3,  // later
    CUE_ERROR_STORE = 4, // the permanent store did not keep what was written
} cue_status_t;

#ifdef __cplusplus
}
#endif

#endif
