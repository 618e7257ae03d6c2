/* Who connects, and the signed statement that says so. The format is that of `BrokerCredential` in
 * Sources/SharedModels/Topics. */
#ifndef CUE_CREDENTIAL_H
#define CUE_CREDENTIAL_H

#include "cue_text.h" // cue_text_t

typedef enum {
    CUE_ROLE_AGENT,
    CUE_ROLE_CONTROL
} cue_role_t;

/* Who a connection is, written `role|workspace|client|epoch`. The broker keeps that text as the
 * connection's user name, so it also names the owner of stored sessions and retained messages. */
typedef struct {
    cue_role_t role;
    cue_text_t workspace; /* `-` for control */
    cue_text_t client;
    int64_t epoch;
} cue_identity_t;

/* `control` and `agent` have at most 7 characters; three separators. */
#define CUE_IDENTITY_SIZE_MAX (7 + 3 + 2 * CUE_NAME_SIZE_MAX + CUE_NUMBER_SIZE_MAX)
#define CUE_PAYLOAD_SIZE_MAX (CUE_IDENTITY_SIZE_MAX + 1 + CUE_NUMBER_SIZE_MAX)
#define CUE_SIGNATURE_SIZE 64
/* `v1.`, the payload in base64url, a dot, 86 characters of signature. */
#define CUE_PASSWORD_SIZE_MAX (3 + (CUE_PAYLOAD_SIZE_MAX * 4 + 2) / 3 + 1 + 86)

/* A password taken apart; not yet believed. Its identity points into its payload: never copy it. */
typedef struct {
    char payload[CUE_PAYLOAD_SIZE_MAX];
    size_t payload_size;
    cue_identity_t identity;
    size_t identity_size; /* the first bytes of the payload */
    int64_t expires_at_s; /* Unix seconds UTC */
    uint8_t signature[CUE_SIGNATURE_SIZE];
} cue_credential_t;

/* Reads `role|workspace|client|epoch`. The slices of `identity` point into `text`. */
bool cue_identity_parse(cue_text_t text, cue_identity_t *identity);

/* Reads `v1.<payload>.<signature>`; false for anything but the one canonical form. */
bool cue_credential_parse(cue_text_t password, cue_credential_t *credential);

#endif
