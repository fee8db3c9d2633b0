#include "api_int.h"
#include "connection_json.h"
#include "meetpool/account.h"
#include "meetpool/clock.h"
#include "meetpool/json.h"
#include "meetpool/log.h"
#include "meetpool/meeting.h"
#include "meetpool/schedule.h"

/* ---- GET zoom/status: two shapes of its own, and the caller's connection ---- */

static struct json_object *status_failed(bool configured, const char *why)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_bool(out, "success", false);
    mp_json_put_text(out, "error", why);
    mp_json_put_bool(out, "configured", configured);
    return out;
}

static struct json_object *status_ok(const struct mp_zoom_user *user)
{
    struct json_object *out = json_object_new_object(), *who = json_object_new_object();

    mp_json_put_bool(out, "success", true);
    mp_json_put_text(out, "message", user != NULL ? "Zoom credentials are valid" : "The Zoom OAuth app is configured");
    mp_json_put_bool(out, "configured", true);
    if (user == NULL) {
        json_object_put(who);
        return out;
    }
    mp_json_put_text(who, "id", user->id);
    mp_json_put_text(who, "email", user->email);
    mp_json_put_text(who, "account_id", user->account_id);
    mp_json_put(out, "user", who);
    return out;
}

static const char *failure_sentence(const struct mp_zoom_result *res)
{
    if (res->cls == MP_ZOOM_AUTH || res->cls == MP_ZOOM_TOKEN)
        return "Invalid Zoom credentials";
    return "Zoom could not be asked";
}

/* The first account whose credentials Zoom takes speaks for the pool. */
static struct json_object *try_credentials(struct mp_ctx *ctx)
{
    struct mp_zoom_result res = {.cls = MP_ZOOM_NOT_SENT};
    struct mp_zoom_user user;

    for (size_t i = 0; i < ctx->account_conf->count; i++) {
        mp_account_user(ctx, i, 0, &user, &res);
        if (res.cls == MP_ZOOM_OK)
            return status_ok(&user);
    }
    return status_failed(true, failure_sentence(&res));
}

static int zoom_status(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const struct mp_account_conf *conf = ctx->account_conf;
    bool configured = conf->enabled && (conf->count > 0 || conf->oauth_configured);

    (void)err;
    res->bare = mp_json_object(req->arena);
    mp_json_put_bool(res->bare, "configured", configured);
    if (!configured)
        mp_json_put(res->bare, "status", status_failed(false, conf->enabled ? "Zoom credentials not configured" : "Zoom is disabled"));
    else
        mp_json_put(res->bare, "status", conf->count > 0 ? try_credentials(ctx) : status_ok(NULL));
    mp_json_put(res->bare, "connection", mp_connection_json(ctx, req->user.sub));
    return 0;
}

/* ---- The pool ---- */

static struct json_object *account_json(const struct mp_account_stats *stats)
{
    const struct mp_account_entry *entry = stats->entry;
    struct json_object *out = json_object_new_object(), *hosts = json_object_new_array(), *tags = json_object_new_array();
    int64_t free_now = entry->max_concurrent - stats->active_meetings;

    for (size_t h = 0; h < entry->hosts_count; h++)
        json_object_array_add(hosts, json_object_new_string(entry->hosts[h].user));
    for (size_t t = 0; t < entry->tags_count; t++)
        json_object_array_add(tags, json_object_new_string(entry->tags[t]));
    mp_json_put_text(out, "id", entry->name);
    mp_json_put(out, "host_emails", hosts);
    mp_json_put(out, "tags", tags);
    mp_json_put_bool(out, "active", stats->active);
    mp_json_put_text(out, "inactive_reason", stats->inactive_reason);
    mp_json_put_bool(out, "cordoned", stats->state.cordoned);
    mp_json_put_time(out, "inactive_until", stats->inactive_until > 0 ? stats->inactive_until : -1);
    mp_json_put_int(out, "active_meetings", stats->active_meetings);
    mp_json_put_int(out, "max_concurrent_meetings", entry->max_concurrent);
    mp_json_put_int(out, "available", stats->active && free_now > 0 ? free_now : 0);
    mp_json_put_int(out, "upcoming_meetings", stats->upcoming_meetings);
    mp_json_put_int(out, "total_meetings", stats->state.bookings);
    mp_json_put_int(out, "created_today", stats->created_today);
    mp_json_put_int(out, "daily_used", stats->daily_used);
    mp_json_put_time(out, "last_used_at", stats->state.last_used_at > 0 ? stats->state.last_used_at : -1);
    mp_json_put_text(out, "last_error", stats->state.last_error);
    return out;
}

/* The members of an account that are summed. */
static const char *const summed[] = {"active_meetings", "max_concurrent_meetings", "available", "upcoming_meetings",
                                     "total_meetings",  "created_today",           "daily_used"};

static struct json_object *totals_json(struct json_object *accounts)
{
    struct json_object *out = json_object_new_object();
    size_t count = json_object_array_length(accounts);
    int64_t active = 0;

    for (size_t i = 0; i < count; i++)
        active += json_object_get_boolean(json_object_object_get(json_object_array_get_idx(accounts, i), "active")) ? 1 : 0;
    mp_json_put_int(out, "accounts", (int64_t)count);
    mp_json_put_int(out, "active_accounts", active);
    for (size_t k = 0; k < MP_COUNT(summed); k++) {
        int64_t sum = 0;

        for (size_t i = 0; i < count; i++)
            sum += json_object_get_int64(json_object_object_get(json_object_array_get_idx(accounts, i), summed[k]));
        mp_json_put_int(out, summed[k], sum);
    }
    return out;
}

static int account_stats(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_account_stats *stats;
    struct json_object *accounts;

    (void)req;
    if (mp_account_stats(ctx, &stats, err) < 0)
        return -1;
    accounts = json_object_new_array();
    for (size_t i = 0; i < ctx->account_conf->count; i++)
        json_object_array_add(accounts, account_json(&stats[i]));
    mp_json_put(mp_response_data(res), "accounts", accounts);
    mp_json_put(mp_response_data(res), "totals", totals_json(accounts));
    res->message = "Account statistics";
    return 0;
}

static int reset_account(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    int account = mp_account_find(ctx->account_conf, req->params[0]);

    if (account < 0)
        return mp_fail(err, MP_E_NOT_FOUND, "There is no such account.");
    if (mp_account_reset(ctx, account, err) < 0)
        return -1;
    mp_json_put_text(mp_response_data(res), "account", ctx->account_conf->accounts[account].name);
    res->message = "The account is active again";
    return 0;
}

static int reset_all(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    (void)req;
    if (mp_account_reset(ctx, -1, err) < 0)
        return -1;
    mp_json_put_int(mp_response_data(res), "accounts", (int64_t)ctx->account_conf->count);
    res->message = "All accounts are active again";
    return 0;
}

static int set_cordon(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, bool cordon, struct mp_error *err)
{
    int account = mp_account_find(ctx->account_conf, req->params[0]);
    struct mp_account_stats *stats;

    if (account < 0)
        return mp_fail(err, MP_E_NOT_FOUND, "There is no such account.");
    if (mp_account_cordon(ctx, account, cordon, err) < 0 || mp_account_stats(ctx, &stats, err) < 0)
        return -1;
    mp_json_put(mp_response_data(res), "account", account_json(&stats[account]));
    res->message = cordon ? "The account takes no new meetings; those that are there stay" : "The account takes meetings again";
    return 0;
}

static int cordon(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    return set_cordon(ctx, req, res, true, err);
}

static int uncordon(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    return set_cordon(ctx, req, res, false, err);
}

/* ---- Evacuating one ---- */

static const char *number_of(const struct mp_request *req, int64_t zoom_id)
{
    return mp_arena_printf(req->arena, "%lld", (long long)zoom_id);
}

static struct json_object *evacuated_json(const struct mp_request *req, const struct mp_evacuated *item, bool dry_run)
{
    const struct mp_meeting *to = item->to;
    struct json_object *out = json_object_new_object();

    mp_json_put_text(out, "id", number_of(req, item->old.zoom_id));
    mp_json_put_text(out, "topic", item->old.topic);
    mp_json_put_time(out, "start_time", item->old.starts_at);
    mp_json_put_text(out, "outcome", to == NULL ? "stays" : dry_run ? "would_move" : "moved");
    mp_json_put_text(out, "to", to != NULL ? to->account_name : NULL);
    mp_json_put_text(out, "new_id", to != NULL && !dry_run ? number_of(req, to->row.zoom_id) : NULL);
    mp_json_put_text(out, "reason", item->why);
    mp_json_put_time(out, "nearest_start", item->nearest_start);
    return out;
}

/* The bookings whose meetings have moved; those that cannot be told now the job runner tells. */
static void tell_bookings(struct mp_ctx *ctx, const struct mp_evacuation *done)
{
    struct mp_error err;

    mp_error_init(&err, ctx->arena);
    for (size_t i = 0; i < done->count && !mp_error_set(&err); i++) {
        if (done->items[i].to != NULL && mp_booking_follow(ctx, done->items[i].to->row.id, &err) < 0)
            mp_log(ctx->log, MP_WARNING, "booking.follows_later", MP_INT("meeting", done->items[i].to->row.zoom_id), MP_STR("detail", err.detail));
    }
}

static int evacuate(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    static const char *const taken[] = {"dry_run", "from", NULL};
    const struct mp_json_reader reader = {req->arena, req->json, NULL, err};
    int account = mp_account_find(ctx->account_conf, req->params[0]);
    struct json_object *list = mp_json_array(req->arena);
    struct mp_account_stats *stats;
    struct mp_evacuation done;
    bool dry_run = false;
    int64_t from = -1;

    if (account < 0)
        return mp_fail(err, MP_E_NOT_FOUND, "There is no such account.");
    mp_json_refuse_unknown(&reader, taken);
    (void)mp_json_get_bool(&reader, "dry_run", &dry_run);
    (void)mp_json_get_time(&reader, "from", NULL, &from);
    if (mp_error_set(err) || mp_meeting_evacuate(ctx, account, from, dry_run, &done, err) < 0)
        return -1;
    if (!dry_run)
        tell_bookings(ctx, &done);
    if (mp_account_stats(ctx, &stats, err) < 0)
        return -1;
    for (size_t i = 0; i < done.count; i++)
        json_object_array_add(list, evacuated_json(req, &done.items[i], dry_run));
    mp_json_put(mp_response_data(res), "account", account_json(&stats[account]));
    mp_json_put(mp_response_data(res), "meetings", json_object_get(list));
    mp_json_put_int(mp_response_data(res), "moved", (int64_t)done.moved);
    mp_json_put_int(mp_response_data(res), "remaining", done.remaining);
    res->message = dry_run               ? "What would move, and where to"
                   : done.remaining == 0 ? "The account has no meetings to come"
                                         : "Some meetings are left there";
    return 0;
}

static const struct mp_route rows[] = {
    {"GET", "zoom/status", MP_ROLE_ADMIN | MP_STAFF, MP_ROUTE_SLOW, zoom_status},
    {"GET", "zoom/account-stats", MP_ROLE_ADMIN, 0, account_stats},
    {"POST", "zoom/reset-account/{accountId}", MP_ROLE_ADMIN, 0, reset_account},
    {"POST", "zoom/reset-all-accounts", MP_ROLE_ADMIN, 0, reset_all},
    {"POST", "admin/accounts/{id}/cordon", MP_ROLE_ADMIN, 0, cordon},
    {"POST", "admin/accounts/{id}/uncordon", MP_ROLE_ADMIN, 0, uncordon},
    {"POST", "admin/accounts/{id}/evacuate", MP_ROLE_ADMIN, MP_ROUTE_SLOW, evacuate},
};
const struct mp_route_table mp_account_routes = {rows, MP_COUNT(rows)};
