#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hooks.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "meetpool/http.h"

/* The thread that sends: looks what is due, starts it, lands it, writes down what became of it. */
#define CLIENTS_MAX  32
#define BUSY_WAIT_MS 5
#define DUE_WAIT_MS  20
#define IDLE_WAIT_MS 200

struct flight {
    struct mp_http_response res;
    struct mp_http_request req;
    struct mp_arena *arena;
    int64_t seq, began_at, stamp_s;
    uint64_t epoch;
    struct flight *next;
};

struct client { /* one a CA file: its connections are kept */
    char *ca_file;
    struct mp_http *http;
    size_t under_way;
};

struct sender {
    struct sb_state *st;
    struct client clients[CLIENTS_MAX];
    size_t client_count;
};

static struct client *client_for(struct sender *s, const char *ca_file)
{
    for (size_t i = 0; i < s->client_count; i++) {
        const char *has = s->clients[i].ca_file;

        if (has == ca_file || (has != NULL && ca_file != NULL && strcmp(has, ca_file) == 0))
            return &s->clients[i];
    }
    if (s->client_count == CLIENTS_MAX)
        return NULL;
    s->clients[s->client_count] = (struct client){.ca_file = sb_dup(ca_file), .http = mp_http_new_trusting(ca_file)};
    return &s->clients[s->client_count++];
}

/* ---- out */

static void fill(const struct sb_state *st, struct flight *f, struct sb_delivery *d)
{
    struct mp_http_header *headers = mp_arena_array(f->arena, 6, sizeof(*headers));
    const char *secret = st->knobs.n[SB_K_WEBHOOK_BAD_SIGNATURE] != 0 ? "not the secret" : d->secret;

    if (d->stamp_s == 0 || st->knobs.n[SB_K_WEBHOOK_RESTAMP] != 0)
        d->stamp_s = mp_now_ms() / 1000 + st->knobs.n[SB_K_WEBHOOK_STAMP_OFFSET_S];
    f->stamp_s = d->stamp_s;
    headers[0] = (struct mp_http_header){"User-Agent", "Zoom Marketplace/1.0a"};
    headers[1] = (struct mp_http_header){"x-zm-request-timestamp", mp_arena_printf(f->arena, "%lld", (long long)d->stamp_s)};
    headers[2] = (struct mp_http_header){"x-zm-signature", sb_hook_sign(f->arena, secret, d->stamp_s, d->body)};
    headers[3] = (struct mp_http_header){"x-zm-request-id", mp_arena_strdup(f->arena, d->request_id)};
    headers[4] = (struct mp_http_header){"x-zm-trackingid", mp_arena_printf(f->arena, "v=2.0;clid=us02;rid=WEB_%s", d->request_id)};
    headers[5] = (struct mp_http_header){"clientid", "meetpool-sandbox"};
    f->req = (struct mp_http_request){
        .method = "POST",
        .url = mp_arena_strdup(f->arena, d->url),
        .headers = headers,
        .headers_count = 6,
        .body = mp_slice_of(mp_arena_strdup(f->arena, d->body)),
        .content_type = "application/json; charset=utf-8",
        .timeout_ms = (unsigned)st->knobs.n[SB_K_WEBHOOK_TIMEOUT_MS],
        .answer_most_bytes = 65536,
    };
}

/* A place in the row of those on their way to one receiver; one that was unsubscribed meanwhile has no row. */
static bool take_place(const struct sb_state *st, const struct sb_delivery *d)
{
    struct sb_hook *hook = sb_hook_find(st, d->hook_id);

    if (hook != NULL && hook->sending >= st->knobs.n[SB_K_WEBHOOK_PARALLEL])
        return false;
    if (hook != NULL)
        hook->sending++;
    return true;
}

static void give_place(const struct sb_state *st, const struct sb_delivery *d)
{
    struct sb_hook *hook = sb_hook_find(st, d->hook_id);

    if (hook != NULL && hook->sending > 0)
        hook->sending--;
}

/* Those that are due, oldest first, as many at once to one receiver as the knob allows; a list of what is to be started. */
static struct flight *take_due(struct sb_state *st)
{
    struct sb_hooks *hooks = st->hooks;
    struct flight *list = NULL, **end = &list;
    bool first = true;

    if (hooks->first_open <= hooks->seq - SB_DELIVERIES_KEPT)
        hooks->first_open = hooks->seq - SB_DELIVERIES_KEPT + 1;
    for (int64_t seq = hooks->first_open; hooks->open > 0 && seq <= hooks->seq; seq++) {
        struct sb_delivery *d = sb_delivery_find(st, seq);
        struct mp_arena *arena;

        if (d == NULL || (d->state != SB_WAITING && d->state != SB_SENDING)) {
            hooks->first_open += first ? 1 : 0;
            continue;
        }
        first = false;
        if (d->state == SB_SENDING || d->due_at > sb_now(st) || !take_place(st, d))
            continue;
        arena = mp_arena_new();
        *end = MP_NEW(arena, struct flight);
        **end = (struct flight){.arena = arena, .seq = seq, .began_at = sb_now(st), .epoch = st->epoch};
        fill(st, *end, d);
        d->state = SB_SENDING;
        end = &(*end)->next;
    }
    return list;
}

/* ---- back */

static bool answers_challenge(const struct flight *f, const struct sb_delivery *d)
{
    struct mp_error err;
    struct mp_json_reader r = {.arena = f->arena, .err = &err};
    unsigned char mac[32];
    const char *plain, *sealed;

    mp_error_init(&err, f->arena);
    mp_hmac_sha256(mp_slice_of(d->secret), mp_slice_of(d->challenge), mac);
    return f->res.call == MP_CALL_ANSWERED && f->res.status == 200 && mp_json_parse(f->arena, f->res.body, &r.obj, &err) == 0 &&
           mp_json_get_text(&r, "plainToken", 1, 100, false, &plain) == 1 && mp_json_get_text(&r, "encryptedToken", 1, 100, false, &sealed) == 1 &&
           strcmp(plain, d->challenge) == 0 && strcmp(sealed, mp_hex(f->arena, mac, sizeof(mac))) == 0;
}

/* After six that failed in a row the subscription is switched off. */
static void judge_validation(struct sb_state *st, const struct flight *f, struct sb_delivery *d)
{
    struct sb_hook *hook = sb_hook_find(st, d->hook_id);
    bool good = answers_challenge(f, d);

    d->state = good ? SB_DELIVERED : SB_REFUSED;
    if (hook == NULL)
        return;
    hook->validations_failed = good ? 0 : hook->validations_failed + 1;
    hook->disabled = hook->validations_failed >= 6;
    if (good)
        hook->validated_at = sb_now(st);
    sb_state_touch(st);
}

static void judge(struct sb_state *st, struct sb_delivery *d, const struct mp_http_response *res)
{
    static const int64_t minutes[] = {5, 20, 60};
    bool again = res->call != MP_CALL_ANSWERED || res->status >= 500;

    if (!again)
        d->state = res->status < 300 ? SB_DELIVERED : SB_REFUSED;
    else if (d->try_count >= SB_TRIES_MAX)
        d->state = SB_LOST;
    else {
        d->state = SB_WAITING;
        d->due_at = sb_now(st) + minutes[d->try_count - 1] * st->knobs.n[SB_K_WEBHOOK_MINUTE_MS];
    }
}

static void record(struct sb_state *st, const struct flight *f)
{
    struct sb_delivery *d = f->epoch == st->epoch ? sb_delivery_find(st, f->seq) : NULL;
    struct sb_try *t;

    if (d == NULL || d->state != SB_SENDING)
        return;
    give_place(st, d);
    t = &d->tries[d->try_count++];
    *t = (struct sb_try){.at = f->began_at, .stamp_s = f->stamp_s, .took_ms = f->res.elapsed_ms};
    if (f->res.call == MP_CALL_ANSWERED)
        t->status = f->res.status;
    else
        (void)snprintf(t->problem, sizeof(t->problem), "%s", f->res.problem);
    if (d->challenge != NULL)
        judge_validation(st, f, d);
    else
        judge(st, d, &f->res);
    if (d->state != SB_WAITING)
        st->hooks->open--;
    if (d->again) {
        d->again = false;
        sb_delivery_send(st, d, d->again_same_stamp);
    }
}

/* `wait_ms` is spent where nothing has come back. */
static void land(struct sender *s, unsigned wait_ms)
{
    for (size_t i = 0; i < s->client_count; i++) {
        struct client *c = &s->clients[i];

        while (c->under_way > 0) {
            struct mp_http_response *res = mp_http_land(c->http, wait_ms);
            struct flight *f = (struct flight *)(void *)res; /* its first member */

            if (res == NULL)
                break;
            c->under_way--;
            pthread_mutex_lock(&s->st->lock);
            record(s->st, f);
            pthread_mutex_unlock(&s->st->lock);
            mp_arena_free(f->arena);
            wait_ms = 0;
        }
    }
}

static void start(struct sender *s, struct flight *f)
{
    const struct sb_delivery *d;
    struct client *c;
    char *ca_file;

    pthread_mutex_lock(&s->st->lock);
    d = f->epoch == s->st->epoch ? sb_delivery_find(s->st, f->seq) : NULL;
    ca_file = d == NULL ? NULL : mp_arena_strdup(f->arena, d->ca_file);
    pthread_mutex_unlock(&s->st->lock);
    c = client_for(s, ca_file);
    if (d != NULL && c != NULL) {
        mp_http_start(c->http, f->arena, &f->req, &f->res);
        c->under_way++;
        return;
    }
    mp_arena_free(f->arena);
}

static void validate_again(struct sb_state *st)
{
    for (struct sb_hook *hook = st->hooks->first; hook != NULL; hook = hook->next) {
        if (!hook->disabled && st->knobs.n[SB_K_WEBHOOK_REVALIDATE_S] > 0 && hook->validate_at <= sb_now(st))
            (void)sb_hook_validate(st, hook);
    }
}

static size_t under_way(const struct sender *s)
{
    size_t count = 0;

    for (size_t i = 0; i < s->client_count; i++)
        count += s->clients[i].under_way;
    return count;
}

static void rest(struct sb_state *st, int64_t wait_ms)
{
    struct timespec until;
    int64_t at = mp_now_ms() + wait_ms;

    until.tv_sec = (time_t)(at / 1000);
    until.tv_nsec = (long)(at % 1000) * 1000000;
    (void)pthread_cond_timedwait(&st->hooks->wake, &st->lock, &until);
}

/* What is due now; waits a moment where nothing is and nothing is under way. */
static struct flight *look(struct sender *s)
{
    struct sb_state *st = s->st;
    struct flight *list;

    pthread_mutex_lock(&st->lock);
    sb_recordings_tell(st);
    validate_again(st);
    list = take_due(st);
    if (list == NULL && under_way(s) == 0 && !st->stopping)
        rest(st, st->hooks->open > 0 || st->untold != NULL ? DUE_WAIT_MS : IDLE_WAIT_MS);
    pthread_mutex_unlock(&st->lock);
    return list;
}

static void *run(void *state)
{
    struct sender s = {.st = state};

    while (!s.st->stopping || under_way(&s) > 0) {
        struct flight *list = s.st->stopping ? NULL : look(&s);

        while (list != NULL) {
            struct flight *next = list->next;

            start(&s, list);
            list = next;
        }
        land(&s, BUSY_WAIT_MS);
    }
    for (size_t i = 0; i < s.client_count; i++) {
        mp_http_free(s.clients[i].http);
        free(s.clients[i].ca_file);
    }
    return NULL;
}

int sb_sender_start(struct sb_state *st, struct mp_error *err)
{
    if (pthread_create(&st->hooks->thread, NULL, run, st) != 0)
        return mp_fail(err, MP_E_INTERNAL, "cannot start the thread that sends webhooks");
    st->hooks->running = true;
    return 0;
}

void sb_sender_stop(struct sb_state *st)
{
    if (!st->hooks->running)
        return;
    sb_hooks_wake(st);
    (void)pthread_join(st->hooks->thread, NULL);
    st->hooks->running = false;
}
