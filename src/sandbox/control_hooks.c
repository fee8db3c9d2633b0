#include <stdlib.h>
#include <string.h>

#include "hooks.h"

/* Webhooks by command: subscriptions, the ledger of deliveries, events on demand. */

static bool take_id(const char *text, int64_t *out)
{
    unsigned long long value;

    if (!mp_slice_to_u64(mp_slice_of(text), INT64_MAX, &value))
        return false;
    *out = (int64_t)value;
    return true;
}

static void reply_hook(const struct sb_call *call, struct sb_reply *reply, unsigned status, const struct sb_hook *hook)
{
    sb_reply_json(call, reply, status, sb_hook_json(hook, call->arena));
}

static void get_hooks(struct sb_call *call, struct sb_reply *reply)
{
    struct json_object *doc = mp_json_object(call->arena), *list = json_object_new_array();

    for (const struct sb_hook *hook = call->st->hooks->first; hook != NULL; hook = hook->next)
        json_object_array_add(list, json_object_get(sb_hook_json(hook, call->arena)));
    mp_json_put(doc, "webhooks", list);
    sb_reply_json(call, reply, 200, doc);
}

static void post_hook(struct sb_call *call, struct sb_reply *reply)
{
    struct mp_error err;
    struct mp_json_reader r = {.err = &err};
    const struct sb_hook *hook;

    mp_error_init(&err, call->arena);
    if (!sb_control_body(call, reply, &r))
        return;
    hook = sb_hook_add(call->st, &r);
    if (hook == NULL)
        sb_control_wrong(call, reply, &err);
    else
        reply_hook(call, reply, 201, hook);
}

static void delete_hooks(struct sb_call *call, struct sb_reply *reply)
{
    while (call->st->hooks->first != NULL)
        (void)sb_hook_remove(call->st, call->st->hooks->first->id);
    get_hooks(call, reply);
}

static void get_deliveries(struct sb_call *call, struct sb_reply *reply)
{
    const struct sb_hooks *hooks = call->st->hooks;
    struct json_object *doc = mp_json_object(call->arena), *list = json_object_new_array();
    const char *since = sb_query(call, "since"), *event = sb_query(call, "event");
    int64_t seq = 0;

    if (since != NULL)
        (void)take_id(since, &seq);
    if (seq < hooks->seq - SB_DELIVERIES_KEPT)
        seq = hooks->seq - SB_DELIVERIES_KEPT;
    while (++seq <= hooks->seq) {
        const struct sb_delivery *d = sb_delivery_find(call->st, seq);

        if (d != NULL && (event == NULL || strcmp(event, d->event) == 0))
            json_object_array_add(list, sb_delivery_json(d, call->arena));
    }
    mp_json_put_int(doc, "last_seq", hooks->seq);
    mp_json_put_int(doc, "open", hooks->open);
    mp_json_put(doc, "deliveries", list);
    sb_reply_json(call, reply, 200, doc);
}

/* ---- those held back */

/* As new deliveries, which leave in the order they are made in. */
static void release(struct sb_state *st, struct sb_delivery *const *held, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sb_delivery *copy;
        const struct sb_hook *hook = sb_hook_find(st, held[i]->hook_id);

        held[i]->state = SB_RELEASED;
        if (hook == NULL)
            continue;
        copy = sb_delivery_add(st, hook, held[i]->event, held[i]->body);
        memcpy(copy->request_id, held[i]->request_id, sizeof(copy->request_id));
    }
}

static void arrange(struct sb_state *st, struct sb_delivery **held, size_t count, size_t order)
{
    for (size_t i = 0; order == 1 && i < count / 2; i++) {
        struct sb_delivery *other = held[count - 1 - i];

        held[count - 1 - i] = held[i];
        held[i] = other;
    }
    for (size_t i = count; order == 2 && i > 1; i--) {
        size_t k = (size_t)(sb_random_unit(st) * (double)i);
        struct sb_delivery *other = held[k];

        held[k] = held[i - 1];
        held[i - 1] = other;
    }
}

static size_t all_held(const struct sb_state *st, struct sb_delivery **out)
{
    size_t count = 0;

    for (int64_t seq = 1; seq <= st->hooks->seq; seq++) {
        struct sb_delivery *d = sb_delivery_find(st, seq);

        if (d != NULL && d->state == SB_HELD)
            out[count++] = d;
    }
    return count;
}

/* Those that are named, as they are named. */
static size_t some_held(const struct sb_state *st, struct json_object *list, struct sb_delivery **out, struct mp_error *err)
{
    size_t count = 0;

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct sb_delivery *d = sb_delivery_find(st, json_object_get_int64(json_object_array_get_idx(list, i)));

        if (d != NULL && d->state == SB_HELD)
            out[count++] = d;
        else
            mp_error_field(err, "deliveries", "are numbers of deliveries that are held");
    }
    return count;
}

/* Held ones leave as new deliveries, in the order asked for. */
static void post_send(struct sb_call *call, struct sb_reply *reply)
{
    static const char *const orders[] = {"first", "last", "random", NULL};
    struct mp_error err;
    struct mp_json_reader r = {.err = &err};
    struct json_object *doc = mp_json_object(call->arena), *list;
    struct sb_delivery **held = mp_arena_array(call->arena, SB_DELIVERIES_KEPT, sizeof(*held));
    size_t order = 0, count;

    mp_error_init(&err, call->arena);
    if (!sb_control_body(call, reply, &r))
        return;
    (void)mp_json_get_enum(&r, "order", orders, &order);
    if (mp_json_get_array(&r, "deliveries", SB_DELIVERIES_KEPT, &list) == 1)
        count = some_held(call->st, list, held, &err);
    else
        count = all_held(call->st, held);
    if (mp_error_set(&err)) {
        sb_control_wrong(call, reply, &err);
        return;
    }
    arrange(call->st, held, count, order);
    release(call->st, held, count);
    mp_json_put_int(doc, "sent", (int64_t)count);
    sb_reply_json(call, reply, 200, doc);
}

static void post_delivery_send(struct sb_call *call, struct sb_reply *reply)
{
    struct mp_error err;
    struct mp_json_reader r = {.err = &err};
    struct sb_delivery *d;
    struct json_object *doc;
    bool same_stamp = false;
    int64_t seq;

    mp_error_init(&err, call->arena);
    if (!sb_control_body(call, reply, &r))
        return;
    (void)mp_json_get_bool(&r, "same_stamp", &same_stamp);
    d = take_id(call->segments[3], &seq) ? sb_delivery_find(call->st, seq) : NULL;
    if (d == NULL) {
        sb_control_problem(call, reply, 404, "there is no such delivery");
        return;
    }
    sb_delivery_send(call->st, d, same_stamp);
    doc = sb_delivery_json(d, call->arena);
    sb_reply_json(call, reply, 200, doc);
    json_object_put(doc);
}

/* ---- on demand */

static void reply_published(const struct sb_call *call, struct sb_reply *reply, int64_t before)
{
    struct json_object *doc = mp_json_object(call->arena), *list = json_object_new_array();

    for (int64_t seq = before + 1; seq <= call->st->hooks->seq; seq++)
        json_object_array_add(list, json_object_new_int64(seq));
    mp_json_put(doc, "deliveries", list);
    sb_reply_json(call, reply, 200, doc);
}

/* The instance that the body names: `uuid`, or the latest of `meeting`. NULL: none. */
static const struct sb_meeting *named_meeting(const struct sb_call *call, const struct mp_json_reader *r, const struct sb_instance **instance)
{
    const struct sb_meeting *m;
    const char *uuid;
    int64_t id = 0;

    *instance = NULL;
    if (mp_json_get_text(r, "uuid", 1, 100, false, &uuid) == 1) {
        *instance = sb_map_get(&call->st->instances, uuid);
        return *instance == NULL ? NULL : (*instance)->meeting;
    }
    if (mp_json_get_int(r, "meeting", 0, INT64_MAX, &id) != 1)
        return NULL;
    m = sb_map_get(&call->st->meetings, mp_arena_printf(call->arena, "%lld", (long long)id));
    if (m != NULL && m->instance_count > 0)
        *instance = m->instances[m->instance_count - 1];
    return m;
}

/* False where the body names nothing to speak of. */
static bool emit_named(struct sb_call *call, const struct mp_json_reader *r, const char *event)
{
    const struct sb_instance *instance;
    const struct sb_meeting *m;
    const struct sb_user *user = NULL;
    const char *name, *client_id = NULL;

    if (mp_json_get_text(r, "user", 1, 128, false, &name) == 1)
        user = sb_user_find(call->st, name);
    if (strcmp(event, "app_deauthorized") == 0) {
        if (user == NULL)
            return false;
        if (mp_json_get_text(r, "client_id", 1, 128, false, &client_id) != 1)
            client_id = user->account->client_id;
        sb_event_deauthorized(call->st, user, client_id);
        return true;
    }
    m = named_meeting(call, r, &instance);
    if (m == NULL)
        return false;
    if (strncmp(event, "recording.", 10) != 0)
        sb_event_meeting(call->st, m, event, strcmp(event, "meeting.ended") == 0 || mp_json_has(r, "uuid") ? instance : NULL, user);
    else if (instance != NULL)
        sb_event_recording(call->st, instance, event,
                           &(struct sb_pick){.only_type = strcmp(event, "recording.transcript_completed") == 0 ? "TRANSCRIPT" : NULL,
                                             .but_type = strcmp(event, "recording.completed") == 0 ? "TRANSCRIPT" : NULL});
    return instance != NULL || strncmp(event, "recording.", 10) != 0;
}

/* {"event", "meeting" | "uuid" | "user"} as Zoom would say it; or {"event", "body"} as given: an object, or a text byte for byte. */
static void post_emit(struct sb_call *call, struct sb_reply *reply)
{
    struct mp_error err;
    struct mp_json_reader r = {.err = &err};
    struct json_object *body;
    int64_t before = call->st->hooks->seq;
    const char *event, *account_id = "";

    mp_error_init(&err, call->arena);
    if (!sb_control_body(call, reply, &r))
        return;
    if (!mp_json_require(&r, "event") || mp_json_get_text(&r, "event", 1, 47, false, &event) != 1) {
        sb_control_wrong(call, reply, &err);
        return;
    }
    (void)mp_json_get_text(&r, "account_id", 1, 128, false, &account_id);
    if (json_object_object_get_ex(r.obj, "body", &body))
        (void)sb_hooks_publish(call->st, event, account_id, NULL,
                               json_object_is_type(body, json_type_string) ? json_object_get_string(body) : mp_json_text(call->arena, body));
    else if (!emit_named(call, &r, event)) {
        sb_control_problem(call, reply, 404, "name a meeting, a uuid or a user there is, or give a body");
        return;
    }
    reply_published(call, reply, before);
}

static void post_validate(struct sb_call *call, struct sb_reply *reply, struct sb_hook *hook)
{
    int64_t before = call->st->hooks->seq;

    (void)sb_hook_validate(call->st, hook);
    reply_published(call, reply, before);
}

static void post_burst(struct sb_call *call, struct sb_reply *reply, const struct sb_hook *hook)
{
    struct mp_error err;
    struct mp_json_reader r = {.err = &err};

    mp_error_init(&err, call->arena);
    if (sb_control_body(call, reply, &r))
        sb_burst(call, reply, hook, &r);
}

/* webhooks/{id} and what is done with one. */
static bool of_one(struct sb_call *call, struct sb_reply *reply)
{
    const char *verb = call->segment_count > 3 ? call->segments[3] : "";
    bool post = strcmp(call->method, "POST") == 0;
    struct sb_hook *hook;
    int64_t id;

    if (!take_id(call->segments[2], &id))
        return false;
    hook = sb_hook_find(call->st, id);
    if (hook == NULL)
        sb_control_problem(call, reply, 404, "there is no such subscription");
    else if (verb[0] == '\0' && strcmp(call->method, "GET") == 0)
        reply_hook(call, reply, 200, hook);
    else if (verb[0] == '\0' && strcmp(call->method, "DELETE") == 0) {
        reply_hook(call, reply, 200, hook);
        (void)sb_hook_remove(call->st, id);
    } else if (post && strcmp(verb, "validate") == 0)
        post_validate(call, reply, hook);
    else if (post && strcmp(verb, "burst") == 0)
        post_burst(call, reply, hook);
    else
        return false;
    return true;
}

bool sb_control_hooks(struct sb_call *call, struct sb_reply *reply)
{
    static const struct {
        const char *method;
        size_t segments;
        const char *third, *fifth;
        void (*handle)(struct sb_call *call, struct sb_reply *reply);
    } rows[] = {
        {"GET", 2, NULL, NULL, get_hooks},
        {"POST", 2, NULL, NULL, post_hook},
        {"DELETE", 2, NULL, NULL, delete_hooks},
        {"GET", 3, "deliveries", NULL, get_deliveries},
        {"POST", 5, "deliveries", "send", post_delivery_send},
        {"POST", 3, "send", NULL, post_send},
        {"POST", 3, "emit", NULL, post_emit},
    };

    for (size_t i = 0; i < MP_COUNT(rows); i++) {
        if (strcmp(rows[i].method, call->method) != 0 || rows[i].segments != call->segment_count)
            continue;
        if ((rows[i].third != NULL && strcmp(rows[i].third, call->segments[2]) != 0) ||
            (rows[i].fifth != NULL && strcmp(rows[i].fifth, call->segments[4]) != 0))
            continue;
        rows[i].handle(call, reply);
        return true;
    }
    return call->segment_count >= 3 && call->segment_count <= 4 && of_one(call, reply);
}
