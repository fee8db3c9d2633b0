#include "sandbox_int.h"

#include <string.h>

#include "hooks.h"
#include "meetpool/clock.h"
#include "recording.h"

/*
 * /_sandbox: what only the sandbox has. Looks at everything, turns the knobs, sets the clock, puts faults in the way. No authentication: whoever
 * reaches the address may do all of it, so it listens on the loopback address or a unix socket.
 */

void sb_control_problem(const struct sb_call *call, struct sb_reply *reply, unsigned status, const char *message)
{
    struct json_object *doc = mp_json_object(call->arena);

    mp_json_put_text(doc, "error", message);
    sb_reply_json(call, reply, status, doc);
}

void sb_control_wrong(const struct sb_call *call, struct sb_reply *reply, const struct mp_error *err)
{
    struct json_object *doc = mp_json_object(call->arena);
    struct json_object *list = json_object_new_array();

    for (const struct mp_error_detail *d = err->details; d != NULL; d = d->next) {
        struct json_object *row = json_object_new_object();

        mp_json_put_text(row, "field", d->field);
        mp_json_put_text(row, "message", d->message);
        json_object_array_add(list, row);
    }
    mp_json_put_text(doc, "error", mp_error_message(err));
    mp_json_put(doc, "details", list);
    sb_reply_json(call, reply, 400, doc);
}

static void ok(const struct sb_call *call, struct sb_reply *reply)
{
    struct json_object *doc = mp_json_object(call->arena);

    mp_json_put_bool(doc, "ok", true);
    sb_reply_json(call, reply, 200, doc);
}

/* The body; an empty one counts as {}. */
bool sb_control_body(const struct sb_call *call, struct sb_reply *reply, struct mp_json_reader *r)
{
    struct mp_slice text = call->body.len == 0 ? mp_slice_of("{}") : call->body;

    r->arena = call->arena;
    r->prefix = NULL;
    if (mp_json_parse(call->arena, text, &r->obj, r->err) == 0 && json_object_is_type(r->obj, json_type_object))
        return true;
    sb_control_problem(call, reply, 400, "the body is not a JSON object");
    return false;
}

/* ---- looking */

static void get_health(struct sb_call *call, struct sb_reply *reply)
{
    ok(call, reply);
}

static void put_user_state(const struct sb_state *st, struct json_object *row, const struct sb_user *user)
{
    int32_t today = mp_time_utc_day(sb_now(st));
    int64_t live = 0;

    for (size_t i = 0; i < user->meeting_count; i++)
        live += user->meetings[i]->deleted_at < 0 ? 1 : 0;
    mp_json_put_int(row, "writes_today", user->day == today ? user->day_writes : 0);
    mp_json_put_int(row, "running", sb_host_running(user));
    mp_json_put_int(row, "meetings", live);
}

static struct json_object *account_state(const struct sb_call *call, const struct sb_account *account)
{
    struct json_object *doc = sb_account_json(account, call->arena);
    struct json_object *users;
    struct json_object *calls = json_object_new_object();
    int64_t live = 0;

    for (const struct sb_token *t = call->st->token_first; t != NULL; t = t->next)
        live += t->account == account && !t->revoked && t->expires_at > sb_now(call->st) ? 1 : 0;
    for (size_t i = 0; i < SB_LABELS; i++)
        mp_json_put_int(calls, sb_label_names[i], account->day == mp_time_utc_day(sb_now(call->st)) ? account->day_calls[i] : 0);
    mp_json_put_int(doc, "live_tokens", live);
    mp_json_put(doc, "calls_today", calls);
    json_object_object_get_ex(doc, "users", &users);
    for (size_t i = 0; i < account->user_count; i++)
        put_user_state(call->st, json_object_array_get_idx(users, i), account->users[i]);
    return doc;
}

static void get_state(struct sb_call *call, struct sb_reply *reply)
{
    static const char *const names[] = {"tokens", "creates", "updates", "deletes", "limited", "faults", "codes", "refreshes"};
    const struct sb_state *st = call->st;
    struct json_object *doc = mp_json_object(call->arena);
    struct json_object *accounts = json_object_new_array();
    struct json_object *counters = json_object_new_object();

    for (size_t i = 0; i < st->account_count; i++)
        json_object_array_add(accounts, json_object_get(account_state(call, st->accounts[i])));
    for (size_t i = 0; i < MP_COUNT(names); i++)
        mp_json_put_int(counters, names[i], st->counters[i]);
    mp_json_put_int(counters, "calls", st->call_seq);
    mp_json_put_time(doc, "now", sb_now(st));
    mp_json_put_int(doc, "clock_offset_ms", st->clock_offset_ms);
    mp_json_put_int(doc, "meetings", (int64_t)st->meeting_count);
    mp_json_put_text(doc, "also_listening", st->also_at[0] == '\0' ? NULL : st->also_at);
    mp_json_put(doc, "counters", counters);
    mp_json_put(doc, "accounts", accounts);
    mp_json_put(doc, "grants", sb_grants_json(st));
    sb_reply_json(call, reply, 200, doc);
}

static void get_calls(struct sb_call *call, struct sb_reply *reply)
{
    sb_reply_json(call, reply, 200, sb_ledger_json(call));
}

/* ---- turning */

static void get_knobs(struct sb_call *call, struct sb_reply *reply)
{
    sb_reply_json(call, reply, 200, sb_knobs_json(&call->st->knobs, call->arena));
}

static void put_knobs(struct sb_call *call, struct sb_reply *reply)
{
    struct mp_error err;
    struct mp_json_reader r = {.err = &err};

    mp_error_init(&err, call->arena);
    if (!sb_control_body(call, reply, &r))
        return;
    if (!sb_knobs_turn(call->st, call->arena, r.obj, &err)) {
        sb_control_wrong(call, reply, &err);
        return;
    }
    sb_state_touch(call->st);
    get_knobs(call, reply);
}

static void get_clock(struct sb_call *call, struct sb_reply *reply)
{
    struct json_object *doc = mp_json_object(call->arena);

    mp_json_put_int(doc, "offset_ms", call->st->clock_offset_ms);
    mp_json_put_time(doc, "now", sb_now(call->st));
    sb_reply_json(call, reply, 200, doc);
}

/* offset_ms from the system's clock; or advance_ms from where it stands; or now, an instant. */
static void put_clock(struct sb_call *call, struct sb_reply *reply)
{
    struct mp_error err;
    struct mp_json_reader r = {.err = &err};
    int64_t offset = call->st->clock_offset_ms;
    int64_t advance = 0, now;

    mp_error_init(&err, call->arena);
    if (!sb_control_body(call, reply, &r))
        return;
    (void)mp_json_get_int(&r, "offset_ms", -MP_TIME_MAX_MS, MP_TIME_MAX_MS, &offset);
    (void)mp_json_get_int(&r, "advance_ms", -MP_TIME_MAX_MS, MP_TIME_MAX_MS, &advance);
    if (mp_json_get_time(&r, "now", NULL, &now) == 1)
        offset = now - mp_now_ms();
    if (mp_error_set(&err)) {
        sb_control_wrong(call, reply, &err);
        return;
    }
    call->st->clock_offset_ms = offset + advance;
    sb_state_touch(call->st);
    get_clock(call, reply);
}

static void post_reset(struct sb_call *call, struct sb_reply *reply)
{
    struct sb_state *st = call->st;
    struct mp_error err;

    mp_error_init(&err, call->arena);
    st->epoch++;
    st->clock_offset_ms = 0;
    sb_state_clear(st);
    sb_hooks_clear(st);
    sb_rules_clear(st);
    sb_ledger_clear(st);
    sb_knobs_default(&st->knobs);
    st->random = (uint64_t)st->knobs.n[SB_K_SEED];
    if ((st->knobs_source != NULL && !sb_knobs_turn(st, call->arena, st->knobs_source, &err)) ||
        !sb_state_add_accounts(st, call->arena, st->accounts_source, &err)) {
        sb_control_wrong(call, reply, &err);
        return;
    }
    sb_state_touch(st);
    ok(call, reply);
}

static void post_revoke(struct sb_call *call, struct sb_reply *reply)
{
    struct mp_error err;
    struct mp_json_reader r = {.err = &err};
    const struct sb_account *account = NULL;
    struct json_object *doc = mp_json_object(call->arena);
    const char *id;

    mp_error_init(&err, call->arena);
    if (!sb_control_body(call, reply, &r))
        return;
    if (mp_json_get_text(&r, "account_id", 1, 128, false, &id) == 1) {
        account = sb_account_find(call->st, id);
        if (account == NULL) {
            sb_control_problem(call, reply, 404, "there is no such account");
            return;
        }
    }
    mp_json_put_int(doc, "revoked", (int64_t)sb_tokens_revoke(call->st, account));
    sb_state_touch(call->st);
    sb_reply_json(call, reply, 200, doc);
}

/* As if the person had removed the app at Zoom, or, with only_access, its access tokens had died early. */
static void post_kill_grants(struct sb_call *call, struct sb_reply *reply)
{
    struct mp_error err;
    struct mp_json_reader r = {.err = &err};
    const struct sb_user *user = NULL;
    bool only_access = false;
    const char *name;

    mp_error_init(&err, call->arena);
    if (!sb_control_body(call, reply, &r))
        return;
    if (mp_json_get_text(&r, "user", 1, 128, false, &name) == 1)
        user = sb_user_find(call->st, name);
    (void)mp_json_get_bool(&r, "only_access", &only_access);
    if (user == NULL) {
        sb_control_problem(call, reply, 404, "there is no such user");
        return;
    }
    sb_grants_kill(call->st, NULL, user, true, !only_access);
    if (!only_access)
        sb_event_deauthorized(call->st, user, call->st->app_count > 0 ? call->st->apps[0]->client_id : user->account->client_id);
    sb_state_touch(call->st);
    ok(call, reply);
}

/* ---- accounts */

static void change_users(struct sb_call *call, const struct mp_json_reader *r, const struct sb_account *account)
{
    struct json_object *users;

    if (mp_json_get_array(r, "users", 10000, &users) != 1)
        return;
    for (size_t i = 0; i < json_object_array_length(users); i++) {
        struct mp_json_reader one = {r->arena, json_object_array_get_idx(users, i), "users.", r->err};
        struct sb_user *user = NULL;
        const char *name;

        if (!json_object_is_type(one.obj, json_type_object))
            continue;
        if (mp_json_get_text(&one, "id", 1, 128, false, &name) == 1 || mp_json_get_text(&one, "email", 1, 128, false, &name) == 1)
            user = sb_user_find(call->st, name);
        if (user == NULL || user->account != account)
            mp_error_field(r->err, "users", "name a user of this account by id or email");
        else
            (void)sb_user_change(user, &one);
    }
}

static void change_account(struct sb_call *call, struct sb_reply *reply, struct sb_account *account)
{
    struct mp_error err;
    struct mp_json_reader r = {.err = &err};
    const char *text;
    size_t plan;

    mp_error_init(&err, call->arena);
    if (!sb_control_body(call, reply, &r))
        return;
    change_users(call, &r, account);
    (void)mp_json_get_bool(&r, "suspended", &account->suspended);
    if (mp_json_get_text(&r, "client_secret", 1, 128, false, &text) == 1)
        sb_set(&account->client_secret, text);
    if (mp_json_get_text(&r, "app_name", 1, 128, false, &text) == 1)
        sb_set(&account->app_name, text);
    if (mp_json_get_text(&r, "scopes", 0, 4000, false, &text) == 1)
        sb_set(&account->scopes, text[0] == '\0' ? NULL : text);
    if (mp_json_get_enum(&r, "plan", sb_plan_names, &plan) == 1) {
        account->plan = (enum sb_plan)plan;
        memset(account->buckets, 0, sizeof(account->buckets));
    }
    sb_state_touch(call->st);
    if (mp_error_set(&err))
        sb_control_wrong(call, reply, &err);
    else
        sb_reply_json(call, reply, 200, account_state(call, account));
}

static void post_account(struct sb_call *call, struct sb_reply *reply)
{
    struct sb_account *account = sb_account_find(call->st, call->segments[2]);

    if (account == NULL)
        sb_control_problem(call, reply, 404, "there is no such account");
    else
        change_account(call, reply, account);
}

/* More accounts, in the form of the accounts file. */
static void post_accounts(struct sb_call *call, struct sb_reply *reply)
{
    struct mp_error err;
    struct mp_json_reader r = {.err = &err};

    mp_error_init(&err, call->arena);
    if (!sb_control_body(call, reply, &r))
        return;
    if (!sb_state_add_accounts(call->st, call->arena, r.obj, &err)) {
        sb_control_wrong(call, reply, &err);
        return;
    }
    sb_state_touch(call->st);
    ok(call, reply);
}

/* ---- faults */

static void get_faults(struct sb_call *call, struct sb_reply *reply)
{
    sb_reply_json(call, reply, 200, sb_rules_json(call->st, call->arena));
}

static void post_fault(struct sb_call *call, struct sb_reply *reply)
{
    struct mp_error err;
    struct mp_json_reader r = {.err = &err};
    struct json_object *doc = mp_json_object(call->arena);
    int64_t id;

    mp_error_init(&err, call->arena);
    if (!sb_control_body(call, reply, &r))
        return;
    if (!sb_rule_add(call->st, call->arena, r.obj, &id, &err)) {
        sb_control_wrong(call, reply, &err);
        return;
    }
    mp_json_put_int(doc, "id", id);
    sb_reply_json(call, reply, 201, doc);
}

static void delete_faults(struct sb_call *call, struct sb_reply *reply)
{
    sb_rules_clear(call->st);
    ok(call, reply);
}

static void delete_fault(struct sb_call *call, struct sb_reply *reply)
{
    unsigned long long id;

    if (mp_slice_to_u64(mp_slice_of(call->segments[2]), INT64_MAX, &id) && sb_rule_remove(call->st, (int64_t)id))
        ok(call, reply);
    else
        sb_control_problem(call, reply, 404, "there is no such fault");
}

static const struct {
    const char *method;
    const char *name;
    const char *third; /* NULL: none; "{}": any */
    void (*handle)(struct sb_call *call, struct sb_reply *reply);
} routes[] = {
    {"GET", "health", NULL, get_health},       {"GET", "state", NULL, get_state},         {"GET", "calls", NULL, get_calls},
    {"GET", "ledger", NULL, get_calls},        {"GET", "knobs", NULL, get_knobs},         {"PUT", "knobs", NULL, put_knobs},
    {"PATCH", "knobs", NULL, put_knobs},       {"GET", "clock", NULL, get_clock},         {"PUT", "clock", NULL, put_clock},
    {"POST", "reset", NULL, post_reset},       {"POST", "tokens", "revoke", post_revoke}, {"POST", "grants", "revoke", post_kill_grants},
    {"POST", "accounts", NULL, post_accounts}, {"POST", "accounts", "{}", post_account},  {"GET", "faults", NULL, get_faults},
    {"POST", "faults", NULL, post_fault},      {"DELETE", "faults", NULL, delete_faults}, {"DELETE", "faults", "{}", delete_fault},
};

void sb_control(struct sb_call *call, struct sb_reply *reply)
{
    const char *name = call->segment_count > 1 ? call->segments[1] : "";

    if (strcmp(name, "meetings") == 0 && sb_control_meetings(call, reply))
        return;
    if (strcmp(name, "recordings") == 0 && sb_control_recordings(call, reply))
        return;
    if (strcmp(name, "webhooks") == 0 && sb_control_hooks(call, reply))
        return;
    for (size_t i = 0; i < MP_COUNT(routes); i++) {
        if (strcmp(routes[i].method, call->method) != 0 || strcmp(routes[i].name, name) != 0)
            continue;
        if (call->segment_count != (routes[i].third == NULL ? 2U : 3U))
            continue;
        if (routes[i].third != NULL && strcmp(routes[i].third, "{}") != 0 && strcmp(routes[i].third, call->segments[2]) != 0)
            continue;
        routes[i].handle(call, reply);
        return;
    }
    sb_control_problem(call, reply, 404, "there is no such address under /_sandbox");
}
