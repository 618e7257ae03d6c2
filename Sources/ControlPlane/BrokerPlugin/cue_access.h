/* What an identity may do with a topic. A pure decision; revocation is judged elsewhere. */
#ifndef CUE_ACCESS_H
#define CUE_ACCESS_H

#include "cue_credential.h" // cue_identity_t

/* The values are those of MOSQ_ACL_* in mosquitto_plugin.h. */
typedef enum {
    CUE_ACCESS_READ = 1,
    CUE_ACCESS_WRITE = 2,
    CUE_ACCESS_SUBSCRIBE = 4,
    CUE_ACCESS_UNSUBSCRIBE = 8
} cue_access_t;

#define CUE_CONTROL_TOPIC "$CONTROL/cuelight-auth/v1"

/* `topic` is a filter for CUE_ACCESS_SUBSCRIBE. Any access value that is not one of ours is
 * refused. */
bool cue_access_allowed(const cue_identity_t *identity, int access, cue_text_t topic);

#endif
