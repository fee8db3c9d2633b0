#include "sandbox_int.h"

#include <string.h>

#include "recording.h"

/* Labels and scopes: developers.zoom.us/docs/api/meetings and /users. An app has the classic names or the granular ones, with ":admin" or without. */
static const struct sb_route routes[] = {
    {"POST", "oauth/token", SB_LIGHT, SB_NOBODY, NULL, NULL, sb_oauth_token},
    {"POST", "oauth/revoke", SB_LIGHT, SB_NOBODY, NULL, NULL, sb_oauth_revoke},
    {"GET", "oauth/authorize", SB_LIGHT, SB_NOBODY, NULL, NULL, sb_authorize_page},
    {"POST", "oauth/authorize", SB_LIGHT, SB_NOBODY, NULL, NULL, sb_authorize_decide},
    {"POST", "v2/users/{}/meetings", SB_LIGHT, SB_USER, "meeting:write:meeting", "meeting:write", sb_meetings_create},
    {"GET", "v2/users/{}/meetings", SB_MEDIUM, SB_USER, "meeting:read:list_meetings", "meeting:read", sb_meetings_list},
    {"GET", "v2/users/{}/recordings", SB_MEDIUM, SB_USER, "cloud_recording:read:list_user_recordings", "recording:read", sb_recordings_list},
    {"GET", "v2/users/{}/settings", SB_LIGHT, SB_USER, "user:read:settings", "user:read user:write", sb_users_settings},
    {"GET", "v2/users/{}", SB_LIGHT, SB_USER, "user:read:user", "user:read user:write", sb_users_get},
    {"GET", "v2/users", SB_MEDIUM, SB_NOBODY, "user:read:list_users:admin", "user:read user:write", sb_users_list},
    {"GET", "v2/meetings/{}", SB_LIGHT, SB_MEETING, "meeting:read:meeting", "meeting:read", sb_meetings_get},
    {"PATCH", "v2/meetings/{}", SB_LIGHT, SB_MEETING, "meeting:update:meeting", "meeting:write", sb_meetings_update},
    {"DELETE", "v2/meetings/{}", SB_LIGHT, SB_MEETING, "meeting:delete:meeting", "meeting:write", sb_meetings_delete},
    {"PUT", "v2/meetings/{}/status", SB_LIGHT, SB_MEETING, "meeting:update:status", "meeting:write", sb_meetings_status},
    {"GET", "v2/meetings/{}/recordings", SB_LIGHT, SB_MEETING, "cloud_recording:read:list_recording_files", "recording:read", sb_recordings_get},
    {"DELETE", "v2/meetings/{}/recordings", SB_LIGHT, SB_MEETING, "cloud_recording:delete:meeting_recording", "recording:write",
     sb_recordings_delete},
    {"PUT", "v2/meetings/{}/recordings/status", SB_LIGHT, SB_MEETING, "cloud_recording:update:recover_meeting_recordings", "recording:write",
     sb_recordings_status},
    {"DELETE", "v2/meetings/{}/recordings/{}", SB_LIGHT, SB_MEETING, "cloud_recording:delete:recording_file", "recording:write",
     sb_recordings_delete_one},
    {"PUT", "v2/meetings/{}/recordings/{}/status", SB_LIGHT, SB_MEETING, "cloud_recording:update:recover_single_recording", "recording:write",
     sb_recordings_status_one},
    {"GET", "rec/download/{}", SB_LIGHT, SB_NOBODY, NULL, NULL, sb_download},
    {"HEAD", "rec/download/{}", SB_LIGHT, SB_NOBODY, NULL, NULL, sb_download},
    {"GET", "rec/webhook_download/{}", SB_LIGHT, SB_NOBODY, NULL, NULL, sb_download},
    {"HEAD", "rec/webhook_download/{}", SB_LIGHT, SB_NOBODY, NULL, NULL, sb_download},
    {"GET", "rec/target/{}", SB_LIGHT, SB_NOBODY, NULL, NULL, sb_download_target},
    {"GET", "v2/past_meetings/{}/instances", SB_MEDIUM, SB_MEETING, "meeting:read:list_past_instances", "meeting:read", sb_past_instances},
    {"GET", "v2/past_meetings/{}", SB_LIGHT, SB_MEETING, "meeting:read:past_meeting", "meeting:read", sb_past_get},
};

static bool matches(const struct sb_call *call, const char *pattern)
{
    struct mp_slice rest = mp_slice_of(pattern);
    struct mp_slice part;
    size_t i = 0;

    while (mp_slice_split(&rest, '/', &part)) {
        if (i >= call->segment_count)
            return false;
        if (!mp_slice_eq_text(part, "{}") && !mp_slice_eq_text(part, call->segments[i]))
            return false;
        if (mp_slice_eq_text(part, "{}") && call->segments[i][0] == '\0')
            return false;
        i++;
    }
    return i == call->segment_count;
}

const struct sb_route *sb_route_find(const struct sb_call *call)
{
    for (size_t i = 0; !call->bad_path && i < MP_COUNT(routes); i++) {
        if (strcmp(routes[i].method, call->method) == 0 && matches(call, routes[i].pattern))
            return &routes[i];
    }
    return NULL;
}

static struct sb_token *bearer(const struct sb_call *call)
{
    if (call->authorization == NULL || !mp_slice_starts(mp_slice_of(call->authorization), "Bearer "))
        return NULL;
    return sb_map_get(&call->st->tokens, call->authorization + 7);
}

void sb_route_parties(const struct sb_call *call, const char **account_id, const struct sb_user **host)
{
    const struct sb_route *route = sb_route_find(call);
    const struct sb_token *token = bearer(call);
    const struct sb_account *account = token != NULL ? token->account : NULL;

    *host = NULL;
    if (route != NULL && route->handle == sb_oauth_token)
        account = sb_oauth_client(call, false);
    *account_id = account != NULL ? account->account_id : "";
    if (route == NULL || route->subject == SB_NOBODY)
        return;
    if (route->subject == SB_USER && strcmp(call->segments[2], "me") == 0)
        *host = token != NULL && token->user != NULL ? token->user : account != NULL && account->user_count > 0 ? account->users[0] : NULL;
    else if (route->subject == SB_USER)
        *host = sb_user_find(call->st, call->segments[2]);
    else {
        const struct sb_meeting *m = sb_map_get(&call->st->meetings, call->segments[2]);
        const struct sb_instance *instance = sb_map_get(&call->st->instances, sb_uri_decode(call->arena, call->segments[2]));

        *host = m != NULL ? m->host : instance != NULL ? instance->meeting->host : NULL;
    }
}

static bool authorize(struct sb_call *call, struct sb_reply *reply)
{
    if (sb_query(call, "access_token") != NULL) {
        sb_reply_error(call, reply, SB_E_TOKEN_IN_QUERY, NULL);
        return false;
    }
    if (call->authorization == NULL) {
        sb_reply_error(call, reply, SB_E_TOKEN_MISSING, NULL);
        return false;
    }
    call->token = bearer(call);
    if (call->token == NULL || call->token->revoked || call->token->account->suspended) {
        sb_reply_error(call, reply, SB_E_TOKEN_INVALID, NULL);
        return false;
    }
    if (call->token->expires_at <= sb_now(call->st)) {
        sb_reply_error(call, reply, SB_E_TOKEN_EXPIRED, NULL);
        return false;
    }
    call->account = call->token->account;
    return true;
}

/* `name` or `name:admin` among the words. */
static bool holds(const char *scopes, struct mp_slice name)
{
    struct mp_slice rest = mp_slice_of(scopes);
    struct mp_slice word;

    while (mp_slice_split(&rest, ' ', &word)) {
        if (mp_slice_eq(word, name))
            return true;
        if (word.len == name.len + 6 && memcmp(word.p, name.p, name.len) == 0 && memcmp(word.p + name.len, ":admin", 6) == 0)
            return true;
    }
    return false;
}

static bool check_scope(const struct sb_call *call, struct sb_reply *reply)
{
    const char *name = call->route->granular;
    struct mp_slice rest = mp_slice_of(call->route->classic);
    struct mp_slice word;

    if (call->token->scopes == NULL || holds(call->token->scopes, mp_slice_of(name)))
        return true;
    while (mp_slice_split(&rest, ' ', &word)) {
        if (holds(call->token->scopes, word))
            return true;
    }
    if (strstr(name, ":admin") == NULL)
        name = mp_arena_printf(call->arena, "%s, %s:admin", name, name);
    sb_reply_error(call, reply, SB_E_SCOPE, name);
    return false;
}

static void not_found(const struct sb_call *call, struct sb_reply *reply)
{
    struct json_object *doc = mp_json_object(call->arena);

    mp_json_put_text(doc, "error", "there is no such address");
    sb_reply_json(call, reply, 404, doc);
}

void sb_route_dispatch(struct sb_call *call, struct sb_reply *reply)
{
    bool rest = call->segment_count > 0 && strcmp(call->segments[0], "v2") == 0;

    call->route = sb_route_find(call);
    if (call->too_large) {
        sb_reply_empty(reply, 413);
        return;
    }
    if (call->route == NULL && rest) {
        sb_reply_error(call, reply, SB_E_NO_ENDPOINT, NULL);
        return;
    }
    if (call->route == NULL) {
        not_found(call, reply);
        return;
    }
    if (rest && (!authorize(call, reply) || !sb_limit_account(call, reply) || !check_scope(call, reply)))
        return;
    call->route->handle(call, reply);
}
