/* What an identity may do with a topic. */
#include "cue_access.h"

/* What the control plane writes and an agent reads, then the other way round; as `Topic.Leaf`. */
static const char *const leaves_down[] = {"command", "cancel", "estop", "unlock",
                                          "flash", "sequences"};
static const char *const leaves_up[] = {"outcome", "state", "manifest", "telemetry", "input"};

static bool is_one_of(cue_text_t leaf, const char *const *leaves, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        if (cue_text_is(leaf, leaves[index]))
            return true;
    }
    return false;
}

/* An agent names its topics exactly, so no wildcard can ever match more than was meant. */
static bool agent_allowed(const cue_identity_t *identity, int access, cue_text_t topic)
{
    cue_text_t slash = cue_text("/");
    if (!cue_text_skip(&topic, cue_text("cuelight/1/")) ||
        !cue_text_skip(&topic, identity->workspace) || !cue_text_skip(&topic, slash) ||
        !cue_text_skip(&topic, identity->client) || !cue_text_skip(&topic, slash))
        return false;
    if (access == CUE_ACCESS_WRITE)
        return is_one_of(topic, leaves_up, sizeof leaves_up / sizeof *leaves_up);
    return is_one_of(topic, leaves_down, sizeof leaves_down / sizeof *leaves_down);
}

static bool control_allowed(int access, cue_text_t topic)
{
    cue_text_t rest = topic;
    if (cue_text_skip(&rest, cue_text("cuelight/1/")))
        return rest.size > 0;
    if (access == CUE_ACCESS_WRITE)
        return cue_text_is(topic, CUE_CONTROL_TOPIC);
    return cue_text_skip(&rest, cue_text("$SYS/")) && rest.size > 0;
}

bool cue_access_allowed(const cue_identity_t *identity, int access, cue_text_t topic)
{
    switch (access) {
    case CUE_ACCESS_UNSUBSCRIBE: /* takes only from the one who asks */
        return true;
    case CUE_ACCESS_READ:
    case CUE_ACCESS_WRITE:
    case CUE_ACCESS_SUBSCRIBE:
        return identity->role == CUE_ROLE_CONTROL ? control_allowed(access, topic)
                                                  : agent_allowed(identity, access, topic);
    default:
        return false;
    }
}
