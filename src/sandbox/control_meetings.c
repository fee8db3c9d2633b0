#include "sandbox_int.h"

#include <string.h>

#include "hooks.h"
#include "meetpool/buf.h"
#include "meetpool/clock.h"

/*
 * Meetings as Zoom's own pages would handle them: without the API's limits, behind the back of whoever uses the API. And the ledger of every meeting
 * that was ever made, the deleted ones too.
 */
#define LEDGER_MAX ((size_t)1 << 30)

static void reply_meeting(const struct sb_call *call, struct sb_reply *reply, unsigned status, const struct sb_meeting *m)
{
    struct json_object *doc = sb_meeting_ledger_json(m, call->arena);

    sb_reply_json(call, reply, status, doc);
    json_object_put(doc);
}

static bool wanted(const struct sb_call *call, const struct sb_meeting *m)
{
    const char *account = sb_query(call, "account");
    const char *host = sb_query(call, "host");
    const char *deleted = sb_query(call, "deleted");

    if (account != NULL && strcmp(account, m->host->account->account_id) != 0)
        return false;
    if (host != NULL && strcmp(host, m->host->id) != 0 && strcmp(host, m->host->email) != 0)
        return false;
    return deleted == NULL || (strcmp(deleted, "true") == 0) == (m->deleted_at >= 0);
}

/* Written as text, one by one: there may be very many. */
static void get_all(struct sb_call *call, struct sb_reply *reply)
{
    struct mp_arena *scratch = mp_arena_new();
    struct mp_buf text;
    const char *comma = "";

    mp_buf_init(&text, call->arena, LEDGER_MAX);
    mp_buf_add(&text, "{\"meetings\":[");
    for (const struct sb_meeting *m = call->st->meeting_first; m != NULL; m = m->next) {
        struct json_object *doc;

        if (!wanted(call, m))
            continue;
        doc = sb_meeting_ledger_json(m, scratch);
        mp_buf_add(&text, comma);
        mp_buf_add(&text, mp_json_text(scratch, doc));
        json_object_put(doc);
        mp_arena_clear(scratch);
        comma = ",";
    }
    mp_buf_add(&text, "]}");
    mp_arena_free(scratch);
    reply->status = 200;
    reply->type = "application/json;charset=UTF-8";
    reply->body = mp_buf_slice(&text);
}

/* {"host": id or e-mail, and a create body of the API's}. */
static void make(struct sb_call *call, struct sb_reply *reply)
{
    struct mp_error err;
    struct mp_json_reader r = {.arena = call->arena, .err = &err};
    struct sb_user *host = NULL;
    struct sb_spec spec;
    struct sb_meeting *m;
    const char *name;

    mp_error_init(&err, call->arena);
    if (!sb_control_body(call, reply, &r))
        return;
    if (mp_json_get_text(&r, "host", 1, 128, false, &name) == 1)
        host = sb_user_find(call->st, name);
    if (host == NULL) {
        sb_control_problem(call, reply, 404, "host names no user");
        return;
    }
    call->account = host->account;
    if (!sb_spec_decode(call, reply, host, NULL, &spec))
        return;
    m = sb_meeting_make(call->st, call->arena, host, &spec);
    m->by_portal = true;
    m->hidden_until = m->unlisted_until = 0;
    sb_event_meeting(call->st, m, "meeting.created", NULL, host);
    sb_state_touch(call->st);
    reply_meeting(call, reply, 201, m);
}

static void get_one(struct sb_call *call, struct sb_reply *reply, struct sb_meeting *m)
{
    reply_meeting(call, reply, 200, m);
}

static void edit(struct sb_call *call, struct sb_reply *reply, struct sb_meeting *m)
{
    struct json_object *before;
    struct sb_spec spec;

    call->account = m->host->account;
    if (!sb_spec_decode(call, reply, m->host, m, &spec))
        return;
    before = sb_event_before(call->st, call->arena, m);
    sb_meeting_change(call->st, call->arena, m, &spec);
    sb_event_updated(call->st, m, before, m->host);
    sb_state_touch(call->st);
    reply_meeting(call, reply, 200, m);
}

static void start(struct sb_call *call, struct sb_reply *reply, struct sb_meeting *m)
{
    struct mp_error err;
    struct mp_json_reader r = {.arena = call->arena, .err = &err};
    int64_t participants = 2;
    bool force = false;
    const char *refused;

    mp_error_init(&err, call->arena);
    if (!sb_control_body(call, reply, &r))
        return;
    (void)mp_json_get_bool(&r, "force", &force);
    (void)mp_json_get_int(&r, "participants", 0, 100000, &participants);
    refused = sb_meeting_start(call->st, m, force, participants);
    if (refused != NULL)
        sb_control_problem(call, reply, 409, refused);
    else
        reply_meeting(call, reply, 200, m);
}

static void end(struct sb_call *call, struct sb_reply *reply, struct sb_meeting *m)
{
    if (m->running_since < 0) {
        sb_control_problem(call, reply, 409, "not_running");
        return;
    }
    sb_meeting_end(call->st, m);
    reply_meeting(call, reply, 200, m);
}

/* {"ago_s", "minutes", "participants"}: it was held back then, and nobody has heard of it. */
static void held(struct sb_call *call, struct sb_reply *reply, struct sb_meeting *m)
{
    struct mp_error err;
    struct mp_json_reader r = {.arena = call->arena, .err = &err};
    int64_t ago_s = 3600, minutes = 30, participants = 2;
    struct sb_instance *instance;

    mp_error_init(&err, call->arena);
    if (!sb_control_body(call, reply, &r))
        return;
    (void)mp_json_get_int(&r, "ago_s", 0, MP_TIME_MAX_MS / 1000, &ago_s);
    (void)mp_json_get_int(&r, "minutes", 0, 10000, &minutes);
    (void)mp_json_get_int(&r, "participants", 0, 100000, &participants);
    instance = sb_alloc(sizeof(*instance));
    *instance = (struct sb_instance){.uuid = m->uuid, .started_at = sb_now(call->st) - ago_s * 1000, .participants = participants};
    instance->ended_at = instance->started_at + minutes * 60000;
    m->uuid = sb_dup(sb_uuid_new(call->st, call->arena));
    if (instance->ended_at > m->ended_at)
        m->ended_at = instance->ended_at;
    sb_meeting_add_instance(call->st, m, instance);
    sb_state_touch(call->st);
    reply_meeting(call, reply, 200, m);
}

static void delete (struct sb_call *call, struct sb_reply *reply, struct sb_meeting *m)
{
    sb_meeting_end(call->st, m);
    if (m->deleted_at < 0) {
        m->deleted_at = sb_now(call->st);
        sb_event_meeting(call->st, m, "meeting.deleted", NULL, m->host);
    }
    sb_state_touch(call->st);
    reply_meeting(call, reply, 200, m);
}

static const struct {
    const char *method;
    const char *verb; /* NULL: none */
    void (*handle)(struct sb_call *call, struct sb_reply *reply, struct sb_meeting *m);
} verbs[] = {
    {"GET", NULL, get_one}, {"PATCH", NULL, edit},  {"DELETE", NULL, delete},   {"POST", "start", start},
    {"POST", "end", end},   {"POST", "edit", edit}, {"POST", "delete", delete}, {"POST", "held", held},
};

bool sb_control_meetings(struct sb_call *call, struct sb_reply *reply)
{
    const char *verb = call->segment_count == 4 ? call->segments[3] : NULL;
    struct sb_meeting *m;

    if (call->segment_count == 2 && strcmp(call->method, "GET") == 0) {
        get_all(call, reply);
        return true;
    }
    if (call->segment_count == 2 && strcmp(call->method, "POST") == 0) {
        make(call, reply);
        return true;
    }
    if (call->segment_count != 3 && call->segment_count != 4)
        return false;
    m = sb_map_get(&call->st->meetings, call->segments[2]);
    if (m == NULL) {
        sb_control_problem(call, reply, 404, "there is no such meeting");
        return true;
    }
    for (size_t i = 0; i < MP_COUNT(verbs); i++) {
        if (strcmp(verbs[i].method, call->method) != 0 || (verb == NULL) != (verbs[i].verb == NULL))
            continue;
        if (verb != NULL && strcmp(verb, verbs[i].verb) != 0)
            continue;
        verbs[i].handle(call, reply, m);
        return true;
    }
    return false;
}
