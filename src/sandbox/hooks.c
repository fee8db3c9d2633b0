#include "hooks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/crypto.h"

void sb_hooks_init(struct sb_state *st)
{
    st->hooks = sb_alloc(sizeof(*st->hooks));
    st->hooks->kept = sb_alloc(SB_DELIVERIES_KEPT * sizeof(struct sb_delivery *));
    st->hooks->first_open = 1;
    (void)pthread_cond_init(&st->hooks->wake, NULL);
}

void sb_hooks_wake(struct sb_state *st)
{
    if (st->hooks != NULL)
        (void)pthread_cond_signal(&st->hooks->wake);
}

static void hook_free(struct sb_hook *hook)
{
    free(hook->url);
    free(hook->secret);
    free(hook->ca_file);
    free(hook->account_id);
    free(hook->client_id);
    for (size_t i = 0; i < hook->event_count; i++)
        free(hook->events[i]);
    free(hook);
}

static void delivery_free(struct sb_delivery *d)
{
    if (d == NULL)
        return;
    free(d->url);
    free(d->secret);
    free(d->ca_file);
    free(d->body);
    free(d->challenge);
    free(d);
}

void sb_hooks_clear(struct sb_state *st)
{
    struct sb_hooks *hooks = st->hooks;

    while (hooks->first != NULL)
        (void)sb_hook_remove(st, hooks->first->id);
    for (size_t i = 0; i < SB_DELIVERIES_KEPT; i++) {
        delivery_free(hooks->kept[i]);
        hooks->kept[i] = NULL;
    }
    hooks->hook_seq = hooks->seq = hooks->open = 0;
    hooks->first_open = 1;
}

void sb_hooks_free(struct sb_state *st)
{
    sb_hooks_clear(st);
    (void)pthread_cond_destroy(&st->hooks->wake);
    free(st->hooks->kept);
    free(st->hooks);
    st->hooks = NULL;
}

/* ---- subscriptions */

static void take_events(const struct mp_json_reader *r, struct sb_hook *hook)
{
    struct json_object *list;

    if (mp_json_get_array(r, "events", SB_HOOK_EVENTS_MAX, &list) != 1)
        return;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);

        if (json_object_is_type(one, json_type_string))
            hook->events[hook->event_count++] = sb_dup(json_object_get_string(one));
    }
}

struct sb_hook *sb_hook_add(struct sb_state *st, const struct mp_json_reader *r)
{
    static const char *const keys[] = {
        "url", "secret", "events", "account_id", "client_id", "ca_file", "id", "disabled", "validations_failed", "validated_at", "validate_at", NULL};
    struct sb_hook *hook, **at = &st->hooks->first;
    const char *text;

    mp_json_refuse_unknown(r, keys);
    if (!mp_json_require(r, "url") || !mp_json_require(r, "secret"))
        return NULL;
    hook = sb_alloc(sizeof(*hook));
    if (mp_json_get_text(r, "url", 1, 2000, false, &text) == 1)
        hook->url = sb_dup(text);
    if (mp_json_get_text(r, "secret", 1, 1000, false, &text) == 1)
        hook->secret = sb_dup(text);
    if (mp_json_get_text(r, "account_id", 1, 128, false, &text) == 1)
        hook->account_id = sb_dup(text);
    if (mp_json_get_text(r, "client_id", 1, 128, false, &text) == 1)
        hook->client_id = sb_dup(text);
    if (mp_json_get_text(r, "ca_file", 1, 4000, false, &text) == 1)
        hook->ca_file = sb_dup(text);
    (void)mp_json_get_bool(r, "disabled", &hook->disabled);
    (void)mp_json_get_int(r, "validations_failed", 0, 1000, &hook->validations_failed);
    (void)mp_json_get_int(r, "validated_at", 0, MP_TIME_MAX_MS, &hook->validated_at);
    hook->validate_at = sb_now(st) + st->knobs.n[SB_K_WEBHOOK_REVALIDATE_S] * 1000;
    (void)mp_json_get_int(r, "validate_at", 0, MP_TIME_MAX_MS, &hook->validate_at);
    take_events(r, hook);
    if (mp_error_set(r->err)) {
        hook_free(hook);
        return NULL;
    }
    hook->id = ++st->hooks->hook_seq;
    while (*at != NULL)
        at = &(*at)->next;
    *at = hook;
    sb_state_touch(st);
    return hook;
}

int sb_hook_at_start(struct sb_state *st, struct mp_arena *arena, const char *url, const char *ca_file, struct mp_error *err)
{
    static const char *const events[] = {"meeting.started",
                                         "meeting.ended",
                                         "meeting.updated",
                                         "meeting.deleted",
                                         "meeting.permanently_deleted",
                                         "meeting.recovered",
                                         "recording.completed",
                                         "recording.transcript_completed",
                                         "app_deauthorized"};
    struct json_object *doc = mp_json_object(arena), *list = json_object_new_array();
    struct mp_json_reader r = {arena, doc, "--webhook: ", err};
    struct sb_hook *hook;

    mp_json_put_text(doc, "url", url);
    mp_json_put_text(doc, "secret", st->webhook_secret);
    if (ca_file != NULL)
        mp_json_put_text(doc, "ca_file", ca_file);
    for (size_t i = 0; i < MP_COUNT(events); i++)
        json_object_array_add(list, json_object_new_string(events[i]));
    mp_json_put(doc, "events", list);
    hook = sb_hook_add(st, &r);
    if (hook == NULL)
        return -1;
    hook->at_start = true;
    return 0;
}

struct sb_hook *sb_hook_find(const struct sb_state *st, int64_t id)
{
    for (struct sb_hook *hook = st->hooks->first; hook != NULL; hook = hook->next) {
        if (hook->id == id)
            return hook;
    }
    return NULL;
}

bool sb_hook_remove(struct sb_state *st, int64_t id)
{
    for (struct sb_hook **at = &st->hooks->first; *at != NULL; at = &(*at)->next) {
        struct sb_hook *hook = *at;

        if (hook->id != id)
            continue;
        *at = hook->next;
        hook_free(hook);
        sb_state_touch(st);
        return true;
    }
    return false;
}

static void put_if(struct json_object *doc, const char *key, const char *text)
{
    if (text != NULL)
        mp_json_put_text(doc, key, text);
}

struct json_object *sb_hook_json(const struct sb_hook *hook, struct mp_arena *arena)
{
    struct json_object *doc = mp_json_object(arena), *events = json_object_new_array();

    mp_json_put_int(doc, "id", hook->id);
    mp_json_put_text(doc, "url", hook->url);
    mp_json_put_text(doc, "secret", hook->secret);
    put_if(doc, "ca_file", hook->ca_file);
    put_if(doc, "account_id", hook->account_id);
    put_if(doc, "client_id", hook->client_id);
    for (size_t i = 0; i < hook->event_count; i++)
        json_object_array_add(events, json_object_new_string(hook->events[i]));
    mp_json_put(doc, "events", events);
    mp_json_put_bool(doc, "disabled", hook->disabled);
    mp_json_put_int(doc, "validations_failed", hook->validations_failed);
    mp_json_put_int(doc, "validated_at", hook->validated_at);
    mp_json_put_int(doc, "validate_at", hook->validate_at);
    return doc;
}

static bool wants(const struct sb_hook *hook, const char *event, const char *account_id, const char *client_id)
{
    if (hook->disabled || (hook->account_id != NULL && strcmp(hook->account_id, account_id) != 0))
        return false;
    if (client_id != NULL && hook->client_id != NULL && strcmp(hook->client_id, client_id) != 0)
        return false;
    for (size_t i = 0; i < hook->event_count; i++) {
        if (strcmp(hook->events[i], event) == 0)
            return true;
    }
    return hook->event_count == 0;
}

/* ---- deliveries */

struct sb_delivery *sb_delivery_find(const struct sb_state *st, int64_t seq)
{
    struct sb_delivery *d = seq <= 0 ? NULL : st->hooks->kept[seq % SB_DELIVERIES_KEPT];

    return d != NULL && d->seq == seq ? d : NULL;
}

static bool is_open(const struct sb_delivery *d)
{
    return d->state == SB_WAITING || d->state == SB_SENDING;
}

static struct sb_delivery *delivery_new(struct sb_state *st, const struct sb_hook *hook, const char *event, const char *body,
                                        enum sb_delivery_state state)
{
    struct mp_arena *arena = mp_arena_new();
    struct sb_delivery *d = sb_alloc(sizeof(*d));
    struct sb_delivery **slot;

    d->seq = ++st->hooks->seq;
    d->hook_id = hook->id;
    (void)snprintf(d->event, sizeof(d->event), "%s", event);
    d->url = sb_dup(hook->url);
    d->secret = sb_dup(hook->secret);
    d->ca_file = sb_dup(hook->ca_file);
    d->body = sb_dup(body);
    (void)snprintf(d->request_id, sizeof(d->request_id), "%s", mp_random_hex(arena, 16));
    d->state = state;
    d->due_at = sb_now(st);
    slot = &st->hooks->kept[d->seq % SB_DELIVERIES_KEPT];
    if (*slot != NULL && is_open(*slot))
        st->hooks->open--;
    delivery_free(*slot);
    *slot = d;
    st->hooks->open += is_open(d) ? 1 : 0;
    mp_arena_free(arena);
    return d;
}

struct sb_delivery *sb_delivery_add(struct sb_state *st, const struct sb_hook *hook, const char *event, const char *body)
{
    struct sb_delivery *d = delivery_new(st, hook, event, body, SB_WAITING);

    sb_hooks_wake(st);
    return d;
}

static void publish_to(struct sb_state *st, const struct sb_hook *hook, const char *event, const char *body)
{
    const int64_t *knobs = st->knobs.n;
    char request_id[40] = "";

    for (int64_t i = 0; i < knobs[SB_K_WEBHOOK_COPIES]; i++) {
        bool dropped = sb_random_unit(st) * 100 < (double)knobs[SB_K_WEBHOOK_DROP_PERCENT];
        enum sb_delivery_state state = dropped ? SB_DROPPED : knobs[SB_K_WEBHOOK_HOLD] != 0 ? SB_HELD : SB_WAITING;
        struct sb_delivery *d = delivery_new(st, hook, event, body, state);

        if (request_id[0] != '\0')
            memcpy(d->request_id, request_id, sizeof(request_id));
        memcpy(request_id, d->request_id, sizeof(request_id));
        d->due_at += (int64_t)(sb_random_unit(st) * (double)knobs[SB_K_WEBHOOK_SPREAD_MS]);
    }
}

size_t sb_hooks_publish(struct sb_state *st, const char *event, const char *account_id, const char *client_id, const char *body)
{
    size_t reached = 0;

    for (const struct sb_hook *hook = st->hooks->first; hook != NULL; hook = hook->next) {
        if (!wants(hook, event, account_id, client_id))
            continue;
        publish_to(st, hook, event, body);
        reached++;
    }
    if (reached > 0)
        sb_hooks_wake(st);
    return reached;
}

void sb_delivery_send(struct sb_state *st, struct sb_delivery *d, bool same_stamp)
{
    if (d->state == SB_SENDING) {
        d->again = true;
        d->again_same_stamp = same_stamp;
        return;
    }
    if (!is_open(d))
        st->hooks->open++;
    if (d->try_count == SB_TRIES_MAX)
        d->try_count = 0;
    d->state = SB_WAITING;
    if (!same_stamp)
        d->stamp_s = 0;
    d->due_at = sb_now(st);
    if (d->seq < st->hooks->first_open)
        st->hooks->first_open = d->seq;
    sb_hooks_wake(st);
}

struct sb_delivery *sb_hook_validate(struct sb_state *st, struct sb_hook *hook)
{
    struct mp_arena *arena = mp_arena_new();
    struct json_object *doc = mp_json_object(arena), *payload = json_object_new_object();
    const char *token = mp_random_text(arena, 22, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    struct sb_delivery *d;

    mp_json_put_text(payload, "plainToken", token);
    mp_json_put_text(doc, "event", "endpoint.url_validation");
    mp_json_put_int(doc, "event_ts", sb_now(st));
    mp_json_put(doc, "payload", payload);
    d = sb_delivery_add(st, hook, "endpoint.url_validation", mp_json_text(arena, doc));
    d->challenge = sb_dup(token);
    hook->validate_at = sb_now(st) + st->knobs.n[SB_K_WEBHOOK_REVALIDATE_S] * 1000;
    mp_arena_free(arena);
    return d;
}

char *sb_hook_sign(struct mp_arena *arena, const char *secret, int64_t stamp_s, const char *body)
{
    unsigned char mac[32];

    mp_hmac_sha256(mp_slice_of(secret), mp_slice_of(mp_arena_printf(arena, "v0:%lld:%s", (long long)stamp_s, body)), mac);
    return mp_arena_printf(arena, "v0=%s", mp_hex(arena, mac, sizeof(mac)));
}

struct json_object *sb_delivery_json(const struct sb_delivery *d, struct mp_arena *arena)
{
    static const char *const states[] = {"waiting", "held", "sending", "delivered", "refused", "lost", "dropped", "released"};
    struct json_object *doc = json_object_new_object(), *list = json_object_new_array();

    mp_json_put_int(doc, "seq", d->seq);
    mp_json_put_int(doc, "webhook", d->hook_id);
    mp_json_put_text(doc, "event", d->event);
    mp_json_put_text(doc, "state", states[d->state]);
    mp_json_put_time(doc, "due", d->due_at);
    mp_json_put_text(doc, "request_id", d->request_id);
    mp_json_put_text(doc, "body", d->body);
    for (size_t i = 0; i < d->try_count; i++) {
        struct json_object *row = json_object_new_object();

        mp_json_put_text(row, "at", mp_time_format(arena, d->tries[i].at));
        mp_json_put_int(row, "timestamp", d->tries[i].stamp_s);
        mp_json_put_int(row, "status", d->tries[i].status);
        mp_json_put_text(row, "problem", d->tries[i].problem[0] == '\0' ? NULL : d->tries[i].problem);
        mp_json_put_int(row, "took_ms", d->tries[i].took_ms);
        json_object_array_add(list, row);
    }
    mp_json_put(doc, "attempts", list);
    return doc;
}
