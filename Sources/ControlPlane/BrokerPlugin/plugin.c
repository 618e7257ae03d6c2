/* The plugin as Mosquitto sees it: options, events, kicks and log lines. Every decision is made in
 * the other files; this one asks them. Mosquitto calls all of it from its one thread. */
#include "cue_access.h"          // cue_access_allowed
#include "cue_credential.h"      // cue_credential_parse
#include "cue_keys.h"            // cue_keys_verify
#include "cue_revocation_file.h" // cue_revocation_file_load
#include "cue_revocations.h"     // cue_revocations_cover
#include "cue_sessions.h"        // cue_sessions_put
#include <limits.h>              // PATH_MAX
#include <mosquitto.h>           // MOSQ_LOG_*, MOSQ_ERR_*; before the two that follow
#include <mosquitto_broker.h>    // events and calls of the broker
#pragma GCC visibility push(default)
#include <mosquitto_plugin.h> // the functions that a plugin has: all that this library exports
#pragma GCC visibility pop
#include <stdio.h>               // snprintf
#include <stdlib.h>              // calloc, free
#include <string.h>              // strlen
#include <time.h>                // time

/* Due connections that are ended in one tick, so that other clients are served in between. */
enum { KICKS_PER_TICK_MAX = 256 };
/* Refusals that are logged in one second; the others are counted. */
enum { REFUSALS_LOGGED_PER_SECOND_MAX = 10 };
/* The broker ticks every 0.1 s; if it never has after this time, it never will. */
enum { FIRST_TICK_SECONDS_MAX = 5 };
enum { PROBLEM_SIZE_MAX = PATH_MAX + 160 };

typedef struct {
    mosquitto_plugin_id_t *identifier;
    char *key_path;
    char *revocation_path; /* NULL if revocations live in memory only */
    cue_keys_t *keys;
    cue_revocations_t *revocations;
    cue_sessions_t *sessions;
    time_t started_at_s;
    time_t refusals_second;
    unsigned refusals_in_second;
    time_t save_tried_at_s;
    bool is_ticking;
    bool is_rechecking; /* from a reload to the next tick the broker asks again about everyone */
    bool is_unsaved;    /* the file lacks a revocation that the table has */
} plugin_t;

/* Ours is the only instance: a second one would not hear of the first one's revocations. */
static plugin_t *the_plugin;

/* ---- revocations on disk ---- */

static void save_all(plugin_t *plugin, time_t now_s)
{
    char problem[PROBLEM_SIZE_MAX];
    plugin->save_tried_at_s = now_s;
    if (cue_revocation_file_rewrite(plugin->revocation_path, plugin->revocations, problem,
                                    sizeof problem)) {
        plugin->is_unsaved = false;
        mosquitto_log_printf(MOSQ_LOG_INFO, "cuelight-auth: %zu revocations written",
                             cue_revocations_count(plugin->revocations));
    } else {
        mosquitto_log_printf(MOSQ_LOG_ERR, "cuelight-auth: %s (will be tried again)", problem);
    }
}

static void save_one(plugin_t *plugin, const cue_revocation_t *revocation)
{
    char problem[PROBLEM_SIZE_MAX];
    if (plugin->revocation_path == NULL)
        return;
    if (plugin->is_unsaved) {
        save_all(plugin, time(NULL));
    } else if (!cue_revocation_file_append(plugin->revocation_path, revocation, problem,
                                           sizeof problem)) {
        plugin->is_unsaved = true;
        plugin->save_tried_at_s = time(NULL);
        mosquitto_log_printf(MOSQ_LOG_ERR, "cuelight-auth: %s (will be tried again)", problem);
    }
}

/* Adds what the file holds. False, with a log line, if the file is bad. */
static bool load_revocations(plugin_t *plugin)
{
    char problem[PROBLEM_SIZE_MAX];
    if (plugin->revocation_path == NULL)
        return true;
    switch (cue_revocation_file_load(plugin->revocation_path, plugin->revocations, problem,
                                     sizeof problem)) {
    case CUE_REVOCATION_FILE_BAD:
        mosquitto_log_printf(MOSQ_LOG_ERR, "cuelight-auth: %s", problem);
        return false;
    case CUE_REVOCATION_FILE_STALE:
        plugin->is_unsaved = true;
        break;
    case CUE_REVOCATION_FILE_MISSING: /* writing it proves that later ones can be written */
        plugin->is_unsaved = true;
        break;
    case CUE_REVOCATION_FILE_GOOD:
        break;
    }
    if (plugin->is_unsaved)
        save_all(plugin, time(NULL));
    return true;
}

/* ---- who may connect ---- */

/* Logs a refusal without anything of the password, and without a client id that could forge log
 * lines. */
static int refuse(plugin_t *plugin, const struct mosquitto *client, const char *why)
{
    time_t now_s = time(NULL);
    if (now_s != plugin->refusals_second) {
        if (plugin->refusals_in_second > REFUSALS_LOGGED_PER_SECOND_MAX)
            mosquitto_log_printf(MOSQ_LOG_NOTICE, "cuelight-auth: %u more refusals not logged",
                                 plugin->refusals_in_second - REFUSALS_LOGGED_PER_SECOND_MAX);
        plugin->refusals_second = now_s;
        plugin->refusals_in_second = 0;
    }
    if (plugin->refusals_in_second++ < REFUSALS_LOGGED_PER_SECOND_MAX) {
        const char *id = mosquitto_client_id(client);
        const char *address = mosquitto_client_address(client);
        mosquitto_log_printf(MOSQ_LOG_NOTICE, "cuelight-auth: refused %s from %s: %s",
                             cue_text_is_name(cue_text(id)) ? id : "(strange client id)",
                             address != NULL ? address : "a local socket", why);
    }
    return MOSQ_ERR_AUTH;
}

static bool is_revoked(const plugin_t *plugin, const cue_identity_t *identity)
{
    return cue_revocations_cover(plugin->revocations, identity->workspace, identity->client,
                                 identity->epoch);
}

/* What is wrong with a credential, dear checks last; NULL if nothing is. */
static const char *fault(const plugin_t *plugin, const cue_credential_t *credential,
                         cue_text_t client)
{
    if (!cue_text_same(credential->identity.client, client))
        return "the credential is another client's";
    if (credential->expires_at_s <= time(NULL))
        return "the credential has expired";
    if (is_revoked(plugin, &credential->identity))
        return "the credential is revoked";
    cue_text_t payload = {credential->payload, credential->payload_size};
    if (!cue_keys_verify(plugin->keys, payload, credential->signature))
        return "the signature is not ours";
    return NULL;
}

/* After a reload the broker asks again about every session. One that is not connected has nothing
 * to prove until it connects; one that is must still hold a good credential. */
static int recheck(plugin_t *plugin, const struct mosquitto_evt_basic_auth *event)
{
    cue_credential_t credential;
    cue_text_t client = cue_text(mosquitto_client_id(event->client));
    if (!cue_sessions_has(plugin->sessions, client, event->client))
        return MOSQ_ERR_SUCCESS;
    if (!cue_credential_parse(cue_text(event->password), &credential))
        return refuse(plugin, event->client, "no credential");
    const char *why = fault(plugin, &credential, client);
    return why == NULL ? MOSQ_ERR_SUCCESS : refuse(plugin, event->client, why);
}

static int on_basic_auth(int event_type, void *event_data, void *context)
{
    (void)event_type;
    plugin_t *plugin = context;
    struct mosquitto_evt_basic_auth *event = event_data;
    cue_credential_t credential;
    char identity[CUE_IDENTITY_SIZE_MAX + 1];

    if (plugin->is_rechecking)
        return recheck(plugin, event);
    if (!plugin->is_ticking && time(NULL) > plugin->started_at_s + FIRST_TICK_SECONDS_MAX) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "cuelight-auth: the broker does not tick, so sessions "
                                           "cannot expire; set per_listener_settings false");
        return MOSQ_ERR_AUTH;
    }
    if (event->username == NULL || event->password == NULL)
        return refuse(plugin, event->client, "no user name or no password");
    cue_text_t password = {event->password, strnlen(event->password, CUE_PASSWORD_SIZE_MAX + 1)};
    if (!cue_credential_parse(password, &credential))
        return refuse(plugin, event->client, "the password is not a credential");
    cue_text_t client = cue_text(mosquitto_client_id(event->client));
    if (!cue_text_same(cue_text(event->username), client))
        return refuse(plugin, event->client, "user name and client id differ");
    const char *why = fault(plugin, &credential, client);
    if (why != NULL)
        return refuse(plugin, event->client, why);

    memcpy(identity, credential.payload, credential.identity_size);
    identity[credential.identity_size] = '\0';
    if (!cue_sessions_put(plugin->sessions, &credential.identity, event->client,
                          credential.expires_at_s))
        return refuse(plugin, event->client, "out of memory");
    /* From here on the user name says who this is, also for what the broker stores on disk. */
    if (mosquitto_set_username(event->client, identity) != MOSQ_ERR_SUCCESS) {
        cue_sessions_remove(plugin->sessions, client, event->client);
        return refuse(plugin, event->client, "out of memory");
    }
    return MOSQ_ERR_SUCCESS;
}

static int on_disconnect(int event_type, void *event_data, void *context)
{
    (void)event_type;
    plugin_t *plugin = context;
    const struct mosquitto_evt_disconnect *event = event_data;
    cue_sessions_remove(plugin->sessions, cue_text(mosquitto_client_id(event->client)),
                        event->client);
    return MOSQ_ERR_SUCCESS;
}

/* ---- what they may do ---- */

/* Reads `revoke <workspace> <agent> <epoch>`. */
static bool parse_command(const void *payload, uint32_t size, cue_revocation_t *revocation)
{
    cue_text_t text = {payload, payload == NULL ? 0 : size};
    return cue_text_skip(&text, cue_text("revoke ")) && cue_revocation_parse(text, revocation);
}

static int on_acl_check(int event_type, void *event_data, void *context)
{
    (void)event_type;
    const plugin_t *plugin = context;
    const struct mosquitto_evt_acl_check *event = event_data;
    cue_identity_t identity;
    cue_revocation_t revocation;
    cue_text_t topic = cue_text(event->topic);

    if (!cue_identity_parse(cue_text(mosquitto_client_username(event->client)), &identity) ||
        !cue_text_same(identity.client, cue_text(mosquitto_client_id(event->client))) ||
        !cue_access_allowed(&identity, event->access, topic))
        return MOSQ_ERR_ACL_DENIED;
    /* Retained messages are judged by their author's identity, and E-stops are retained by control:
     * revoking a control process must not make them vanish. Its connection is ended instead. */
    if (identity.role == CUE_ROLE_AGENT)
        return is_revoked(plugin, &identity) ? MOSQ_ERR_ACL_DENIED : MOSQ_ERR_SUCCESS;
    /* A refusal here is the only one that the broker reports to the sender of a command. */
    if (event->access == MOSQ_ACL_WRITE && cue_text_is(topic, CUE_CONTROL_TOPIC) &&
        !parse_command(event->payload, event->payloadlen, &revocation)) {
        mosquitto_log_printf(MOSQ_LOG_WARNING, "cuelight-auth: a command was not understood");
        return MOSQ_ERR_ACL_DENIED;
    }
    return MOSQ_ERR_SUCCESS;
}

static int on_control(int event_type, void *event_data, void *context)
{
    (void)event_type;
    plugin_t *plugin = context;
    const struct mosquitto_evt_control *event = event_data;
    cue_revocation_t revocation;
    char client[CUE_NAME_SIZE_MAX + 1];

    if (!parse_command(event->payload, event->payloadlen, &revocation))
        return MOSQ_ERR_SUCCESS; /* refused by the check of access before */
    cue_revocations_result_t result = cue_revocations_add(plugin->revocations, &revocation);
    memcpy(client, revocation.agent.start, revocation.agent.size);
    client[revocation.agent.size] = '\0';
    /* Marked before it is kicked, so that a control process that revokes itself, which must not be
     * ended while its own message is handled, is ended by the next tick. */
    if (cue_sessions_revoke(plugin->sessions, revocation.workspace, revocation.agent,
                            revocation.epoch) &&
        !cue_text_is(revocation.agent, mosquitto_client_id(event->client)))
        (void)mosquitto_kick_client_by_clientid(client, false); /* gone already is as good */
    if (result == CUE_REVOCATIONS_FULL)
        mosquitto_log_printf(MOSQ_LOG_ERR, "cuelight-auth: no room for the revocation of %s",
                             client);
    if (result == CUE_REVOCATIONS_ADDED) {
        save_one(plugin, &revocation);
        mosquitto_log_printf(MOSQ_LOG_NOTICE, "cuelight-auth: revoked %s up to epoch %lld", client,
                             (long long)revocation.epoch);
    }
    return MOSQ_ERR_SUCCESS;
}

/* ---- time and reload ---- */

/* An expired connection's will is sent, for its owner was trusted to the end; a revoked one's is
 * not. */
static int on_tick(int event_type, void *event_data, void *context)
{
    (void)event_type;
    (void)event_data;
    plugin_t *plugin = context;
    time_t now_s = time(NULL);
    cue_session_t session;
    plugin->is_ticking = true;
    plugin->is_rechecking = false;
    for (int kicks = 0; kicks < KICKS_PER_TICK_MAX; kicks++) {
        if (!cue_sessions_take_due(plugin->sessions, now_s, &session))
            break;
        mosquitto_log_printf(MOSQ_LOG_NOTICE, "cuelight-auth: the credential of %s %s",
                             session.client, session.is_revoked ? "is revoked" : "has expired");
        (void)mosquitto_kick_client_by_clientid(session.client, !session.is_revoked);
    }
    if (plugin->is_unsaved && plugin->revocation_path != NULL && now_s > plugin->save_tried_at_s)
        save_all(plugin, now_s);
    return MOSQ_ERR_SUCCESS;
}

/* Keys are replaced, revocations added to. What cannot be read leaves all as it was. */
static int on_reload(int event_type, void *event_data, void *context)
{
    (void)event_type;
    (void)event_data;
    plugin_t *plugin = context;
    char problem[PROBLEM_SIZE_MAX];
    cue_keys_t *keys = cue_keys_load(plugin->key_path, problem, sizeof problem);
    if (keys == NULL) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "cuelight-auth: %s (the old keys stay)", problem);
    } else {
        cue_keys_free(plugin->keys);
        plugin->keys = keys;
    }
    (void)load_revocations(plugin); /* it has logged what is wrong */
    mosquitto_log_printf(MOSQ_LOG_NOTICE, "cuelight-auth: reloaded: %zu keys, %zu revocations",
                         cue_keys_count(plugin->keys),
                         cue_revocations_count(plugin->revocations));
    plugin->is_rechecking = true;
    return MOSQ_ERR_PLUGIN_DEFER; /* so that other plugins reload as well */
}

/* ---- start and end ---- */

static void plugin_free(plugin_t *plugin)
{
    if (plugin == NULL)
        return;
    cue_sessions_free(plugin->sessions);
    cue_revocations_free(plugin->revocations);
    cue_keys_free(plugin->keys);
    free(plugin->revocation_path);
    free(plugin->key_path);
    free(plugin);
}

/* Takes one option; returns NULL, or what is wrong with it. */
static const char *take_option(plugin_t *plugin, const struct mosquitto_opt *option)
{
    char **path = NULL;
    if (option->key != NULL && strcmp(option->key, "public_key_file") == 0)
        path = &plugin->key_path;
    else if (option->key != NULL && strcmp(option->key, "revocation_file") == 0)
        path = &plugin->revocation_path;
    else
        return "is unknown";
    if (*path != NULL)
        return "is given twice";
    if (option->value == NULL || option->value[0] == '\0')
        return "is empty";
    *path = strdup(option->value);
    return *path == NULL ? "cannot be held: out of memory" : NULL;
}

static bool take_options(plugin_t *plugin, const struct mosquitto_opt *options, int count)
{
    for (int index = 0; index < count; index++) {
        const char *wrong = take_option(plugin, &options[index]);
        if (wrong != NULL) {
            mosquitto_log_printf(MOSQ_LOG_ERR, "cuelight-auth: plugin_opt_%s %s",
                                 options[index].key != NULL ? options[index].key : "", wrong);
            return false;
        }
    }
    if (plugin->key_path == NULL)
        mosquitto_log_printf(MOSQ_LOG_ERR, "cuelight-auth: plugin_opt_public_key_file is missing");
    return plugin->key_path != NULL;
}

static bool prepare(plugin_t *plugin)
{
    char problem[PROBLEM_SIZE_MAX];
    plugin->started_at_s = time(NULL);
    plugin->revocations = cue_revocations_new();
    plugin->sessions = cue_sessions_new();
    if (plugin->revocations == NULL || plugin->sessions == NULL) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "cuelight-auth: out of memory");
        return false;
    }
    plugin->keys = cue_keys_load(plugin->key_path, problem, sizeof problem);
    if (plugin->keys == NULL) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "cuelight-auth: %s", problem);
        return false;
    }
    if (plugin->revocation_path == NULL)
        mosquitto_log_printf(MOSQ_LOG_WARNING, "cuelight-auth: no plugin_opt_revocation_file: "
                                               "revocations are forgotten at the next start");
    /* A file that cannot be written is found out now, not when a revocation arrives. */
    return load_revocations(plugin) && !plugin->is_unsaved;
}

typedef struct {
    int event;
    MOSQ_FUNC_generic_callback callback;
    const char *topic;
} hook_t;

static const hook_t hooks[] = {
    {MOSQ_EVT_BASIC_AUTH, on_basic_auth, NULL}, {MOSQ_EVT_ACL_CHECK, on_acl_check, NULL},
    {MOSQ_EVT_DISCONNECT, on_disconnect, NULL}, {MOSQ_EVT_TICK, on_tick, NULL},
    {MOSQ_EVT_RELOAD, on_reload, NULL},         {MOSQ_EVT_CONTROL, on_control, CUE_CONTROL_TOPIC},
};
enum { HOOKS_COUNT = sizeof hooks / sizeof *hooks };

static bool hook_all(plugin_t *plugin)
{
    for (int index = 0; index < HOOKS_COUNT; index++) {
        int code = mosquitto_callback_register(plugin->identifier, hooks[index].event,
                                               hooks[index].callback, hooks[index].topic, plugin);
        if (code != MOSQ_ERR_SUCCESS) {
            mosquitto_log_printf(MOSQ_LOG_ERR, "cuelight-auth: the broker refused event %d: %d",
                                 hooks[index].event, code);
            return false;
        }
    }
    return true;
}

int mosquitto_plugin_version(int supported_version_count, const int *supported_versions)
{
    for (int index = 0; index < supported_version_count; index++) {
        if (supported_versions[index] == MOSQ_PLUGIN_VERSION)
            return MOSQ_PLUGIN_VERSION;
    }
    return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **userdata,
                          struct mosquitto_opt *options, int option_count)
{
    if (the_plugin != NULL) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "cuelight-auth: loaded twice; load it once, with "
                                           "per_listener_settings false");
        return MOSQ_ERR_INVAL;
    }
    plugin_t *plugin = calloc(1, sizeof *plugin);
    if (plugin == NULL)
        return MOSQ_ERR_NOMEM;
    plugin->identifier = identifier;
    if (!take_options(plugin, options, option_count) || !prepare(plugin) || !hook_all(plugin)) {
        plugin_free(plugin);
        return MOSQ_ERR_INVAL;
    }
    the_plugin = plugin;
    *userdata = plugin;
    mosquitto_log_printf(MOSQ_LOG_NOTICE, "cuelight-auth: %zu keys, %zu revocations",
                         cue_keys_count(plugin->keys),
                         cue_revocations_count(plugin->revocations));
    return MOSQ_ERR_SUCCESS;
}

int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int option_count)
{
    (void)options;
    (void)option_count;
    plugin_t *plugin = userdata;
    if (plugin == NULL)
        return MOSQ_ERR_SUCCESS;
    for (int index = 0; index < HOOKS_COUNT; index++)
        (void)mosquitto_callback_unregister(plugin->identifier, hooks[index].event,
                                            hooks[index].callback, hooks[index].topic);
    the_plugin = NULL;
    plugin_free(plugin);
    return MOSQ_ERR_SUCCESS;
}
