/* Taking apart identities and passwords. */
#include "cue_credential.h"
#include "cue_base64.h" // cue_base64url_decode

bool cue_identity_parse(cue_text_t text, cue_identity_t *identity)
{
    cue_text_t role;
    if (text.size > CUE_IDENTITY_SIZE_MAX || !cue_text_cut(&text, '|', &role) ||
        !cue_text_cut(&text, '|', &identity->workspace) ||
        !cue_text_cut(&text, '|', &identity->client) || !cue_text_is_name(identity->workspace) ||
        !cue_text_is_name(identity->client) || !cue_text_number(text, &identity->epoch))
        return false;
    bool is_workspace_none = cue_text_is(identity->workspace, "-");
    if (cue_text_is(role, "agent")) {
        identity->role = CUE_ROLE_AGENT;
        return !is_workspace_none;
    }
    identity->role = CUE_ROLE_CONTROL;
    return cue_text_is(role, "control") && is_workspace_none;
}

/* Reads the expiry after the last separator, and the identity before it. */
static bool parse_payload(cue_credential_t *credential)
{
    size_t end = credential->payload_size;
    while (end > 0 && credential->payload[end - 1] != '|')
        end--;
    if (end == 0)
        return false;
    cue_text_t expiry = {credential->payload + end, credential->payload_size - end};
    credential->identity_size = end - 1;
    return cue_text_number(expiry, &credential->expires_at_s) &&
           cue_identity_parse((cue_text_t){credential->payload, credential->identity_size},
                              &credential->identity);
}

bool cue_credential_parse(cue_text_t password, cue_credential_t *credential)
{
    cue_text_t payload;
    size_t signature_size = 0;
    if (password.size > CUE_PASSWORD_SIZE_MAX || !cue_text_skip(&password, cue_text("v1.")) ||
        !cue_text_cut(&password, '.', &payload))
        return false;
    return cue_base64url_decode(password, credential->signature, CUE_SIGNATURE_SIZE,
                                &signature_size) &&
           signature_size == CUE_SIGNATURE_SIZE &&
           cue_base64url_decode(payload, (uint8_t *)credential->payload, CUE_PAYLOAD_SIZE_MAX,
                                &credential->payload_size) &&
           parse_payload(credential);
}
