#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hooks.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "meetpool/http.h"

/*
 * Many events at a steady rate, to learn what the receiver bears. An event's time counts from when it was to leave, not from when it could: a
 * receiver that holds up the sender shows.
 */
#define COUNT_MAX       1000000
#define CONNECTIONS_MAX 32 /* what the HTTP client keeps */
#define STATUSES_MAX    600

struct shot {
    struct mp_http_response res;
    struct mp_arena *arena;
    int64_t due_ms; /* monotonic */
};

struct burst {
    struct sb_state *st;
    struct mp_http *http;
    char *url, *secret;
    char **bodies; /* gone through in turn; each time with an event_ts of its own */
    size_t body_count;
    int64_t count, rate, connections, timeout_ms, copies;
    int64_t sent, landed, under_way, began_ms;
    int64_t first_ts; /* event_ts of the first, by the sandbox's clock */
    int64_t statuses[STATUSES_MAX], unanswered;
    int64_t *latencies;
    char problem[120];
};

/* ---- what is said */

/* The n-th of the given texts, made one of its own by its time: the member event_ts is put in anew. */
static char *body_of(const struct burst *b, struct mp_arena *arena, int64_t n)
{
    const char *text = b->bodies[(size_t)n % b->body_count];
    const char *gap = strstr(text, "\"event_ts\":");
    const char *rest;

    if (gap == NULL)
        return mp_arena_strdup(arena, text);
    gap += strlen("\"event_ts\":");
    rest = gap + strspn(gap, "0123456789");
    return mp_arena_printf(arena, "%.*s%lld%s", (int)(gap - text), text, (long long)(b->first_ts + n), rest);
}

/* Of the meetings there are. */
static void generate(struct burst *b, struct mp_arena *arena, const struct sb_hook *hook, const char *event)
{
    size_t most = b->st->meeting_count;

    b->bodies = mp_arena_array(arena, most + 1, sizeof(char *));
    for (const struct sb_meeting *m = b->st->meeting_first; m != NULL && (int64_t)b->body_count < b->count; m = m->next) {
        if (m->deleted_at >= 0 || (hook->account_id != NULL && strcmp(hook->account_id, m->host->account->account_id) != 0))
            continue;
        b->bodies[b->body_count++] = sb_event_text(b->st, arena, m, event, NULL, NULL, sb_now(b->st));
    }
}

static void take_bodies(struct burst *b, const struct mp_json_reader *r, const struct sb_hook *hook)
{
    const char *event = "meeting.started";
    struct json_object *list;

    if (mp_json_get_array(r, "events", 100000, &list) != 1) {
        (void)mp_json_get_text(r, "event", 1, 47, false, &event);
        generate(b, r->arena, hook, event);
        return;
    }
    b->bodies = mp_arena_array(r->arena, json_object_array_length(list) + 1, sizeof(char *));
    for (size_t i = 0; i < json_object_array_length(list); i++)
        b->bodies[b->body_count++] = mp_json_text(r->arena, json_object_array_get_idx(list, i));
}

/* ---- sending */

static void shoot(struct burst *b)
{
    struct mp_arena *arena = mp_arena_new();
    struct shot *shot = MP_NEW(arena, struct shot);
    struct mp_http_header *headers = mp_arena_array(arena, 4, sizeof(*headers));
    int64_t stamp_s = mp_now_ms() / 1000;
    char *body = body_of(b, arena, b->sent / b->copies);
    struct mp_http_request req = {.method = "POST", .url = b->url, .headers = headers, .headers_count = 4, .body = mp_slice_of(body)};

    headers[0] = (struct mp_http_header){"User-Agent", "Zoom Marketplace/1.0a"};
    headers[1] = (struct mp_http_header){"x-zm-request-timestamp", mp_arena_printf(arena, "%lld", (long long)stamp_s)};
    headers[2] = (struct mp_http_header){"x-zm-signature", sb_hook_sign(arena, b->secret, stamp_s, body)};
    headers[3] = (struct mp_http_header){"x-zm-request-id", mp_random_hex(arena, 16)};
    req.content_type = "application/json; charset=utf-8";
    req.timeout_ms = (unsigned)b->timeout_ms;
    shot->arena = arena;
    shot->due_ms = b->began_ms + b->sent * 1000 / b->rate;
    b->sent++;
    b->under_way++;
    mp_http_start(b->http, arena, &req, &shot->res);
}

static void take_back(struct burst *b, unsigned wait_ms)
{
    struct mp_http_response *res = mp_http_land(b->http, wait_ms);
    struct shot *shot = (struct shot *)(void *)res; /* its first member */

    if (res == NULL)
        return;
    b->latencies[b->landed++] = mp_monotonic_ms() - shot->due_ms;
    b->under_way--;
    if (res->call == MP_CALL_ANSWERED && res->status < STATUSES_MAX)
        b->statuses[res->status]++;
    else {
        b->unanswered++;
        (void)snprintf(b->problem, sizeof(b->problem), "%s", res->call == MP_CALL_ANSWERED ? "no status" : res->problem);
    }
    mp_arena_free(shot->arena);
}

static void run(struct burst *b)
{
    b->began_ms = mp_monotonic_ms();
    while (b->landed < b->count && (!b->st->stopping || b->under_way > 0)) {
        int64_t due = (mp_monotonic_ms() - b->began_ms) * b->rate / 1000 + 1;

        while (!b->st->stopping && b->sent < b->count && b->sent < due && b->under_way < b->connections)
            shoot(b);
        if (b->under_way > 0)
            take_back(b, 1);
        else
            mp_sleep_ms(1);
    }
}

/* ---- what came of it */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y ? 1 : 0;
}

static int64_t percentile(const struct burst *b, int64_t per_mille)
{
    int64_t at = (b->landed * per_mille + 999) / 1000;

    return b->landed == 0 ? 0 : b->latencies[at > 0 ? at - 1 : 0];
}

static struct json_object *report(const struct burst *b, struct mp_arena *arena, int64_t took_ms)
{
    struct json_object *doc = mp_json_object(arena), *statuses = json_object_new_object(), *latency = json_object_new_object();

    for (int i = 0; i < STATUSES_MAX; i++) {
        if (b->statuses[i] > 0)
            json_object_object_add(statuses, mp_arena_printf(arena, "%d", i), json_object_new_int64(b->statuses[i]));
    }
    mp_json_put_int(doc, "sent", b->sent);
    mp_json_put_int(doc, "different", (b->sent + b->copies - 1) / b->copies);
    mp_json_put_int(doc, "elapsed_ms", took_ms);
    mp_json_put(doc, "statuses", statuses);
    mp_json_put_int(doc, "unanswered", b->unanswered);
    mp_json_put_text(doc, "problem", b->problem[0] == '\0' ? NULL : b->problem);
    mp_json_put_int(latency, "p50", percentile(b, 500));
    mp_json_put_int(latency, "p90", percentile(b, 900));
    mp_json_put_int(latency, "p99", percentile(b, 990));
    mp_json_put_int(latency, "max", percentile(b, 1000));
    mp_json_put(doc, "latency_ms", latency);
    return doc;
}

static bool decode(struct burst *b, const struct mp_json_reader *r, const struct sb_hook *hook)
{
    static const char *const keys[] = {"count", "rate", "connections", "timeout_ms", "copies", "event", "events", NULL};

    mp_json_refuse_unknown(r, keys);
    b->count = 1000;
    b->rate = 500;
    b->connections = 16;
    b->timeout_ms = 3000;
    b->copies = 1;
    (void)mp_json_get_int(r, "count", 1, COUNT_MAX, &b->count);
    (void)mp_json_get_int(r, "rate", 1, COUNT_MAX, &b->rate);
    (void)mp_json_get_int(r, "connections", 1, CONNECTIONS_MAX, &b->connections);
    (void)mp_json_get_int(r, "timeout_ms", 10, 600000, &b->timeout_ms);
    (void)mp_json_get_int(r, "copies", 1, 1000, &b->copies);
    take_bodies(b, r, hook);
    if (b->body_count == 0)
        mp_error_field(r->err, "events", "are none, and there is no meeting to speak of");
    return !mp_error_set(r->err);
}

void sb_burst(struct sb_call *call, struct sb_reply *reply, const struct sb_hook *hook, const struct mp_json_reader *r)
{
    struct burst *b = MP_NEW(call->arena, struct burst);
    const char *ca_file = mp_arena_strdup(call->arena, hook->ca_file);

    b->st = call->st;
    b->first_ts = sb_now(call->st);
    if (!decode(b, r, hook)) {
        sb_control_wrong(call, reply, r->err);
        return;
    }
    b->url = mp_arena_strdup(call->arena, hook->url);
    b->secret = mp_arena_strdup(call->arena, hook->secret);
    b->latencies = sb_alloc((size_t)b->count * sizeof(*b->latencies));
    pthread_mutex_unlock(&call->st->lock);
    b->http = mp_http_new_trusting(ca_file);
    run(b);
    qsort(b->latencies, (size_t)b->landed, sizeof(*b->latencies), by_value);
    sb_reply_json(call, reply, 200, report(b, call->arena, mp_monotonic_ms() - b->began_ms));
    mp_http_free(b->http);
    free(b->latencies);
    pthread_mutex_lock(&call->st->lock);
}
