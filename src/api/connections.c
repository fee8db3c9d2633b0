#include <string.h>

#include "api_int.h"
#include "connection_json.h"
#include "meetpool/clock.h"
#include "meetpool/connection.h"
#include "meetpool/json.h"
#include "meetpool/log.h"
#include "meetpool/meeting.h"

/* Ties a consent to the browser it was begun in. Lax: it comes back from Zoom's page by a link. */
#define CONNECT_COOKIE "__Host-meetpool-connect"
#define PAGE_PATH      "/settings"

/* ---- Small things ---- */

static struct mp_connection_actor actor_of(const struct mp_request *req)
{
    return (struct mp_connection_actor){req->user.sub, req->remote_addr, req->request_id};
}

/* The first cookie of that name; NULL where there is none. */
static const char *cookie(const struct mp_request *req, const char *name)
{
    struct mp_slice rest = mp_slice_of(mp_request_header(req, "Cookie")), pair, key;

    while (mp_slice_split(&rest, ';', &pair)) {
        struct mp_slice value = mp_slice_trim(pair);

        if (mp_slice_split(&value, '=', &key) && mp_slice_eq_text(key, name))
            return mp_arena_strndup(req->arena, value);
    }
    return NULL;
}

static void set_cookie(struct mp_response *res, const char *value, int64_t max_age_s)
{
    mp_response_header(
        res, "Set-Cookie",
        mp_arena_printf(res->arena, "%s=%s; Path=/; Max-Age=%lld; HttpOnly; Secure; SameSite=Lax", CONNECT_COOKIE, value, (long long)max_age_s));
}

static int to_page(const struct mp_request *req, struct mp_response *res, const char *query)
{
    return mp_reply_redirect(res, mp_arena_printf(req->arena, "%s" PAGE_PATH "%s", mp_request_conf(req)->public_url, query));
}

static int to_page_with(const struct mp_request *req, struct mp_response *res, const char *code)
{
    return to_page(req, res, mp_arena_printf(req->arena, "?zoom=error&code=%s", code));
}

/* Whether JSON is named among what the client takes: a browser that follows a link does not. */
static bool wants_json(const struct mp_request *req)
{
    struct mp_slice rest = mp_slice_of(mp_request_header(req, "Accept")), one, type;

    while (mp_slice_split(&rest, ',', &one)) {
        one = mp_slice_trim(one);
        if (mp_slice_split(&one, ';', &type) && mp_slice_eq_nocase(mp_slice_trim(type), "application/json"))
            return true;
    }
    return false;
}

/* ---- GET zoom/connect ---- */

static int zoom_connect(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    bool browser = req->exchange->auth == MP_AUTH_COOKIE;
    const char *kept = cookie(req, CONNECT_COOKIE);
    struct mp_consent consent;

    if (mp_connection_begin(ctx, req->user.sub, browser ? (kept != NULL ? kept : "") : NULL, &consent, err) < 0) {
        if (!browser || wants_json(req))
            return -1;
        mp_log(ctx->log, MP_WARNING, "connection.not_begun", MP_STR("code", mp_error_name(err->code)), MP_STR("detail", err->detail));
        return to_page_with(req, res, mp_error_name(err->code));
    }
    if (browser)
        set_cookie(res, consent.browser, ctx->connection_conf->state_ttl_s);
    if (!wants_json(req))
        return mp_reply_redirect(res, consent.url);
    mp_json_put_text(mp_response_data(res), "authorization_url", consent.url);
    res->message = "Open this address to connect a Zoom account";
    return 0;
}

/* ---- GET zoom/callback ---- */

/* Who is signed in in the browser that comes back. */
static const char *signed_in(struct mp_ctx *ctx, const struct mp_request *req)
{
    const char *session = cookie(req, MP_SESSION_COOKIE);
    struct mp_identity identity;
    struct mp_error ignored;

    mp_error_init(&ignored, req->arena);
    if (session == NULL || mp_session_open(req->arena, ctx->keyring, mp_slice_of(session), mp_now_ms() / 1000, &identity, &ignored) < 0 ||
        mp_session_check(ctx, &identity, &ignored) < 0)
        return NULL;
    return identity.user.sub;
}

static int zoom_callback(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const struct mp_consent_answer answer = {
        .state = mp_request_query(req, "state"),
        .code = mp_request_query(req, "code"),
        .error = mp_request_query(req, "error"),
        .browser = cookie(req, CONNECT_COOKIE),
        .signed_in_sub = signed_in(ctx, req),
    };
    const struct mp_connection_actor actor = actor_of(req);
    enum mp_consent_end end;

    (void)err;
    /* Who only looks whether the address is there uses nothing up. */
    if (strcmp(req->method, "HEAD") == 0)
        return to_page(req, res, "");
    end = mp_connection_finish(ctx, &answer, &actor);
    /* What the browser keeps stays: a consent that was begun in another of its windows may yet come back. */
    return end == MP_CONSENT_CONNECTED ? to_page(req, res, "?zoom=connected") : to_page_with(req, res, mp_consent_end_name(end));
}

/* ---- POST zoom/disconnect ---- */

#define MOVED_PAGE 200
/* No move is begun after so long; nginx waits longer than one takes. */
#define MOVING_MS 12000

static void put_moved(const struct mp_request *req, struct json_object *moved, int64_t old_id, const struct mp_meeting *now)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_text(out, "id", mp_arena_printf(req->arena, "%lld", (long long)old_id));
    mp_json_put_text(out, "new_id", mp_arena_printf(req->arena, "%lld", (long long)now->row.zoom_id));
    mp_json_put_text(out, "topic", now->row.topic);
    mp_json_put_time(out, "start_time", now->row.starts_at);
    mp_json_put_text(out, "join_url", now->row.join_url);
    mp_json_put_text(out, "zoomAccountUsed", now->account_name);
    json_object_array_add(moved, out);
}

static void put_kept(const struct mp_request *req, struct json_object *kept, const struct mp_meeting *meeting, const char *reason)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_text(out, "id", mp_arena_printf(req->arena, "%lld", (long long)meeting->row.zoom_id));
    mp_json_put_text(out, "topic", meeting->row.topic);
    mp_json_put_time(out, "start_time", meeting->row.starts_at);
    mp_json_put_text(out, "reason", reason);
    json_object_array_add(kept, out);
}

struct moving {
    const struct mp_request *req;
    struct json_object *moved, *kept;
    int64_t until_ms;
    bool unfinished; /* no time was left for all */
};

static void move_one(struct mp_ctx *ctx, struct moving *moving, struct mp_meeting *old)
{
    struct mp_meeting *meeting = old;
    struct mp_meeting_outcome outcome;
    struct mp_error why;

    if (!old->own || old->row.host_sub == NULL || strcmp(old->row.host_sub, moving->req->user.sub) != 0)
        return;
    if (mp_monotonic_ms() > moving->until_ms) {
        moving->unfinished = true;
        return;
    }
    mp_error_init(&why, moving->req->arena);
    if (mp_meeting_to_pool(ctx, &meeting, &outcome, &why) < 0)
        put_kept(moving->req, moving->kept, old, mp_error_message(&why));
    else
        put_moved(moving->req, moving->moved, old->row.zoom_id, meeting);
}

/* What the person hosts from the own account in time to come goes to the pool, one after the other; what does not fit stays, and is named. */
static int move_meetings(struct mp_ctx *ctx, const struct mp_request *req, struct mp_response *res, bool *unfinished, struct mp_error *err)
{
    struct mp_meeting_filter filter = {
        .viewer = req->user.sub, .status = MP_MEETING_SCHEDULED, .account = -1, .from = mp_now_ms(), .to = -1, .first = true, .limit = MOVED_PAGE};
    struct moving moving = {.req = req, .moved = json_object_new_array(), .kept = json_object_new_array(), .until_ms = mp_monotonic_ms() + MOVING_MS};
    struct mp_meeting *list;
    size_t count;

    mp_json_put(mp_response_data(res), "moved_meetings", moving.moved);
    mp_json_put(mp_response_data(res), "unmoved_meetings", moving.kept);
    do {
        if (mp_meeting_list(ctx, &filter, &list, &count, err) < 0)
            return -1;
        if (count > 0) {
            filter.first = false;
            filter.before_start = list[count - 1].row.starts_at;
            filter.before_id = list[count - 1].row.id;
        }
        for (size_t i = count; i-- > 0 && !moving.unfinished;)
            move_one(ctx, &moving, &list[i]);
    } while (count == MOVED_PAGE && !moving.unfinished);
    mp_json_put_bool(mp_response_data(res), "unfinished", moving.unfinished);
    *unfinished = moving.unfinished;
    return 0;
}

static int zoom_disconnect(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    static const char *const taken[] = {"move_meetings", NULL};
    const struct mp_json_reader reader = {req->arena, req->json, NULL, err};
    const struct mp_connection_actor actor = actor_of(req);
    struct mp_disconnected done;
    bool move = false, unfinished = false;

    mp_json_refuse_unknown(&reader, taken);
    (void)mp_json_get_bool(&reader, "move_meetings", &move);
    /* The meetings first: the old ones go at Zoom with the tokens that are to be deleted. */
    if (mp_error_set(err) || (move && move_meetings(ctx, req, res, &unfinished, err) < 0))
        return -1;
    done = (struct mp_disconnected){0};
    /* Those still to be moved would be out of reach. */
    if (unfinished ? mp_connection_future_meetings(ctx, req->user.sub, &done.future_meetings, err) < 0
                   : mp_connection_disconnect(ctx, req->user.sub, &actor, &done, err) < 0)
        return -1;
    res->message = unfinished   ? "Some meetings are still to be moved: disconnect again to go on"
                   : done.found ? "Your Zoom account is disconnected"
                                : "No Zoom account was connected";
    mp_json_put_bool(mp_response_data(res), "disconnected", done.found);
    mp_json_put_bool(mp_response_data(res), "revoked", done.revoked);
    mp_json_put_int(mp_response_data(res), "future_meetings", done.future_meetings);
    if (done.problem != NULL)
        mp_response_warn(res, "zoom_failed",
                         "Zoom could not be told. The tokens are deleted here; to take back the permission at Zoom too, remove the app in Zoom's App "
                         "Marketplace.");
    return 0;
}

/* ---- GET zoom/status, its member ---- */

struct json_object *mp_connection_json(struct mp_ctx *ctx, const char *sub)
{
    struct json_object *out = json_object_new_object();
    struct mp_connection_row row = {0};
    struct mp_error err;
    bool connected;
    int rc;

    mp_error_init(&err, ctx->arena);
    rc = mp_connection_read(ctx, sub, &row, &err);
    connected = rc > 0 && row.state == MP_CONNECTION_CONNECTED;
    mp_json_put_bool(out, "connected", connected);
    mp_json_put_text(out, "email", row.zoom_email);
    mp_json_put_text(out, "zoomUserId", row.zoom_user_id);
    mp_json_put_time(out, "connectedAt", rc > 0 ? row.connected_at : -1);
    mp_json_put_time(out, "tokenExpiry", connected ? row.expires_at : -1);
    mp_json_put_bool(out, "connectable", ctx->connection_conf->configured && ctx->connection_conf->enabled);
    mp_json_put_text(out, "state", rc < 0 ? "unknown" : rc == 0 ? "not_connected" : mp_connection_state_name(row.state));
    mp_json_put_text(out, "warning", rc < 0 ? "The connection cannot be looked up just now." : rc > 0 ? mp_connection_warning(&row) : NULL);
    return out;
}

/* ---- GET admin/connections ---- */

static struct json_object *row_json(struct mp_arena *arena, const struct mp_connection_row *row)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_text(out, "id", mp_arena_printf(arena, "%lld", (long long)row->id));
    mp_json_put_text(out, "user_id", row->sub);
    mp_json_put_text(out, "state", mp_connection_state_name(row->state));
    mp_json_put_text(out, "reason", row->reason);
    mp_json_put_text(out, "email", row->zoom_email);
    mp_json_put_text(out, "zoom_user_id", row->zoom_user_id);
    mp_json_put_text(out, "zoom_account_id", row->zoom_account_id);
    mp_json_put_time(out, "connected_at", row->connected_at);
    mp_json_put_int(out, "age_seconds", row->now_ms > row->connected_at ? (row->now_ms - row->connected_at) / 1000 : 0);
    mp_json_put_time(out, "token_expires_at", row->state == MP_CONNECTION_CONNECTED ? row->expires_at : -1);
    mp_json_put_time(out, "last_refresh_at", row->refreshed_at);
    mp_json_put_text(out, "last_error", row->last_error);
    mp_json_put_time(out, "last_error_at", row->last_error_at > 0 ? row->last_error_at : -1);
    return out;
}

static int admin_connections(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    static const char *const taken[] = {"page_size", "next_page_token", NULL};
    struct json_object *list;
    struct mp_connection_row *found;
    struct mp_page page;
    size_t count, shown;

    mp_query_refuse_unknown(req, taken, err);
    if (mp_page_read(req, &page, err) < 0 || mp_error_set(err))
        return -1;
    if (mp_store_connection_list(ctx->db, ctx->arena, page.first ? INT64_MAX : page.after_a, page.size + 1, &found, &count, err) < 0)
        return -1;
    shown = count > page.size ? page.size : count;
    list = json_object_new_array();
    for (size_t i = 0; i < shown; i++)
        json_object_array_add(list, row_json(req->arena, &found[i]));
    mp_json_put(mp_response_data(res), "connections", list);
    mp_page_write(req, mp_response_data(res), count > shown, shown > 0 ? found[shown - 1].id : 0, 0);
    res->message = "Connections";
    return 0;
}

static const struct mp_route rows[] = {
    {"GET", "zoom/connect", MP_ROLE_ADMIN | MP_STAFF, 0, zoom_connect},
    {"GET", "zoom/callback", 0, MP_ROUTE_PUBLIC | MP_ROUTE_SLOW | MP_ROUTE_PAGE, zoom_callback},
    {"POST", "zoom/disconnect", MP_ROLE_ADMIN | MP_STAFF, MP_ROUTE_SLOW, zoom_disconnect},
    {"GET", "admin/connections", MP_ROLE_ADMIN, 0, admin_connections},
};
const struct mp_route_table mp_connection_routes = {rows, MP_COUNT(rows)};
