#include "sandbox_int.h"

#include <stdlib.h>
#include <string.h>

#include "hooks.h"

/* Who a call is taken for: the person whose token it is, or the account's owner. */
static const struct sb_user *caller(const struct sb_call *call)
{
    return call->token->user != NULL ? call->token->user : call->account->user_count > 0 ? call->account->users[0] : NULL;
}

/* The meeting a path names, of the caller's account, whose host may host; NULL and the error answered. */
static struct sb_meeting *of_path(const struct sb_call *call, struct sb_reply *reply)
{
    const char *id = call->segments[2];
    struct sb_meeting *m = sb_meeting_live(call->st, id);

    if (m == NULL || !sb_user_reached(call, m->host)) {
        sb_reply_error(call, reply, SB_E_NO_MEETING, id);
        return NULL;
    }
    if (!sb_user_may_host(m->host)) {
        sb_reply_error(call, reply, SB_E_NO_LICENCE, NULL);
        return NULL;
    }
    return m;
}

/* For whom the body books: `host` itself unless schedule_for names somebody of the same account. */
static struct sb_user *booked_for(const struct sb_call *call, struct sb_reply *reply, struct sb_user *host, const struct sb_spec *spec)
{
    struct sb_user *other;
    struct mp_error err;

    if (spec->schedule_for == NULL || spec->schedule_for[0] == '\0')
        return host;
    if (spec->type == 1) {
        sb_reply_error(call, reply, SB_E_INSTANT_FOR, NULL);
        return NULL;
    }
    other = sb_user_find(call->st, spec->schedule_for);
    if (other != NULL && sb_user_reached(call, other))
        return other;
    mp_error_init(&err, call->arena);
    mp_error_field(&err, "schedule_for", "is not valid");
    sb_reply_invalid(call, reply, &err);
    return NULL;
}

void sb_meetings_create(struct sb_call *call, struct sb_reply *reply)
{
    struct sb_user *host = sb_user_of_path(call, reply, call->segments[2]);
    struct sb_spec spec;
    struct sb_meeting *m;

    if (host == NULL || !sb_spec_decode(call, reply, host, NULL, &spec))
        return;
    host = booked_for(call, reply, host, &spec);
    if (host == NULL)
        return;
    if (!sb_user_may_host(host)) {
        sb_reply_error(call, reply, SB_E_NO_LICENCE, NULL);
        return;
    }
    if (!sb_limit_host(call, reply, host))
        return;
    m = sb_meeting_make(call->st, call->arena, host, &spec);
    if (call->hide_ms > 0)
        m->hidden_until = m->created_at + call->hide_ms;
    call->st->counters[SB_N_CREATES]++;
    sb_event_meeting(call->st, m, "meeting.created", NULL, caller(call));
    sb_state_touch(call->st);
    sb_reply_json(call, reply, 201, sb_meeting_json(call, m));
    sb_limit_host_count(call, reply, host);
}

void sb_meetings_get(struct sb_call *call, struct sb_reply *reply)
{
    const struct sb_meeting *m = of_path(call, reply);

    if (m != NULL)
        sb_reply_json(call, reply, 200, sb_meeting_json(call, m));
}

void sb_meetings_update(struct sb_call *call, struct sb_reply *reply)
{
    struct sb_meeting *m = of_path(call, reply);
    struct json_object *before;
    struct sb_user *host;
    struct sb_spec spec;

    if (m == NULL || !sb_spec_decode(call, reply, m->host, m, &spec))
        return;
    host = booked_for(call, reply, m->host, &spec);
    if (host == NULL || !sb_limit_host(call, reply, host))
        return;
    if (m->running_since >= 0 && call->st->knobs.n[SB_K_PATCH_RUNNING] == SB_REFUSE) {
        sb_reply_error(call, reply, SB_E_UPDATE_STARTED, NULL);
        return;
    }
    before = sb_event_before(call->st, call->arena, m);
    sb_meeting_change(call->st, call->arena, m, &spec);
    sb_meeting_move(m, host);
    sb_event_updated(call->st, m, before, caller(call));
    call->st->counters[SB_N_UPDATES]++;
    sb_state_touch(call->st);
    sb_reply_empty(reply, 204);
    sb_limit_host_count(call, reply, host);
}

void sb_meetings_delete(struct sb_call *call, struct sb_reply *reply)
{
    struct sb_meeting *m = of_path(call, reply);
    const struct sb_knobs *knobs = &call->st->knobs;

    if (m == NULL)
        return;
    if (m->running_since >= 0 && knobs->n[SB_K_DELETE_RUNNING] == SB_REFUSE) {
        sb_reply_error(call, reply, SB_E_IN_PROGRESS, NULL);
        return;
    }
    if (m->running_since < 0 && m->ended_at >= 0 && knobs->n[SB_K_DELETE_ENDED] == SB_REFUSE) {
        sb_reply_error(call, reply, SB_E_ENDED, NULL);
        return;
    }
    if (knobs->n[SB_K_COUNT_DELETES] != 0) {
        if (!sb_limit_host(call, reply, m->host))
            return;
        sb_limit_host_count(call, reply, m->host);
    }
    sb_meeting_end(call->st, m);
    m->deleted_at = sb_now(call->st);
    sb_event_meeting(call->st, m, "meeting.deleted", NULL, caller(call));
    call->st->counters[SB_N_DELETES]++;
    sb_state_touch(call->st);
    sb_reply_empty(reply, 204);
}

/* What was deleted can be had back for as long as its number is good. */
static struct sb_meeting *deleted_of_path(const struct sb_call *call, struct sb_reply *reply)
{
    struct sb_meeting *m = sb_map_get(&call->st->meetings, call->segments[2]);

    if (m != NULL && sb_user_reached(call, m->host) && m->deleted_at >= 0 && !sb_meeting_expired(call->st, m))
        return m;
    sb_reply_error(call, reply, SB_E_NO_MEETING, call->segments[2]);
    return NULL;
}

void sb_meetings_status(struct sb_call *call, struct sb_reply *reply)
{
    static const char *const actions[] = {"end", "recover", NULL};
    struct mp_error err;
    struct json_object *body;
    struct mp_json_reader r = {call->arena, NULL, NULL, &err};
    struct sb_meeting *m;
    size_t action;

    mp_error_init(&err, call->arena);
    if (!sb_body_object(call, reply, &err, &body))
        return;
    r.obj = body;
    if (!mp_json_require(&r, "action") || mp_json_get_enum(&r, "action", actions, &action) != 1) {
        sb_reply_invalid(call, reply, &err);
        return;
    }
    m = action == 0 ? of_path(call, reply) : deleted_of_path(call, reply);
    if (m == NULL)
        return;
    if (action == 0)
        sb_meeting_end(call->st, m); /* one that does not run: 204 all the same */
    else {
        m->deleted_at = -1;
        sb_event_meeting(call->st, m, "meeting.recovered", NULL, caller(call));
    }
    sb_state_touch(call->st);
    sb_reply_empty(reply, 204);
}
