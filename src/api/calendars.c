#include <string.h>

#include "api_int.h"
#include "course_int.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"

#define FEED_TOKEN_BYTES 24
/* What a feed shows: of this long ago at most so many, and all that are coming, as far as there is a limit to what one person can do. */
#define FEED_PAST_MS     (90 * MP_DAY_MS)
#define FEED_PAST_MOST   500
#define FEED_PAGE        500
#define FEED_COMING_MOST 10000
#define CALENDAR         "text/calendar; charset=utf-8"

/* The kinds by the first word of the path. */
static const struct {
    const char *path;
    enum mp_booking_kind kind;
} kinds[] = {
    {"classes", MP_KIND_CLASS},
    {"events", MP_KIND_EVENT},
    {"custom-sessions", MP_KIND_CUSTOM_SESSION},
    {"appointments", MP_KIND_APPOINTMENT},
    {"interviews", MP_KIND_INTERVIEW},
    {"batches", MP_KIND_SESSION},
    {"courses", MP_KIND_SESSION},
};

/* The name behind the @ of every UID: the public URL's host. */
static const char *host_name(const struct mp_request *req)
{
    const char *url = mp_request_conf(req)->public_url, *at = url != NULL ? strstr(url, "://") : NULL;

    return at != NULL ? mp_arena_strndup(req->arena, (struct mp_slice){at + 3, strcspn(at + 3, ":/")}) : "meetpool";
}

static int reply_calendar(struct mp_response *res, const char *text, const char *file)
{
    res->raw = text;
    res->raw_len = strlen(text);
    res->raw_type = CALENDAR;
    mp_response_header(res, "Content-Disposition", mp_arena_printf(res->arena, "attachment; filename=\"%s.ics\"", file));
    return 0;
}

static enum mp_booking_kind kind_of(const struct mp_request *req)
{
    size_t i = 0;

    /* The route table has sent it here, so there is one. */
    while (i + 1 < MP_COUNT(kinds) && strncmp(req->path, kinds[i].path, strlen(kinds[i].path)) != 0)
        i++;
    return kinds[i].kind;
}

/* Who else takes part is not a participant's business. */
static void hide_others(const struct mp_request *req, struct mp_booking *booking)
{
    size_t kept = 0;

    if (mp_booking_access(req, booking) == MP_MAY_CHANGE)
        return;
    for (size_t i = 0; i < booking->people_count; i++) {
        if (booking->people[i].part != MP_PART_MEMBER || strcmp(booking->people[i].sub, req->user.sub) == 0)
            booking->people[kept++] = booking->people[i];
    }
    booking->people_count = kept;
}

/* GET {face}/{id}.ics and {batches/{id}/schedule,courses/{id}/sessions}/{sessionId}.ics. Its people may fetch a cancellation, too. */
static int invitation(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    enum mp_booking_kind kind = kind_of(req);
    struct mp_booking *booking;
    int rc;

    if (kind == MP_KIND_SESSION) {
        if (mp_session_find(ctx, req, MP_SESSION_READ_ANY, &booking, err) < 0)
            return -1;
    } else {
        rc = mp_booking_find_any(ctx, kind, req->params[0], &booking, err);
        if (rc < 0)
            return -1;
        if (rc == 0 || mp_booking_access(req, booking) == MP_MAY_NOTHING)
            return mp_fail(err, MP_E_NOT_FOUND, "There is no such booking.");
    }
    hide_others(req, booking);
    return reply_calendar(res, mp_calendar_invitation(ctx, booking, host_name(req)), booking->row.public_id);
}

static const char *seal_context(const struct mp_request *req)
{
    return mp_arena_printf(req->arena, "calendar_feed|%s", req->user.sub);
}

static const char *new_token(const struct mp_request *req)
{
    unsigned char random[FEED_TOKEN_BYTES];

    mp_random(random, sizeof(random));
    return mp_base64url(req->arena, random, sizeof(random));
}

static const char *hash_of(const struct mp_request *req, const char *token)
{
    return mp_sha256_hex(req->arena, mp_slice_of(token));
}

static const char *sealed_of(const struct mp_ctx *ctx, const struct mp_request *req, const char *token)
{
    return mp_keyring_seal(ctx->keyring, req->arena, seal_context(req), mp_slice_of(token));
}

/* 1: there is an address; 0: none, or (`sealed` is not NULL) one that was sealed with a key that is gone. */
static int read_feed(struct mp_ctx *ctx, const struct mp_request *req, const char **sealed, struct mp_secret *token, struct mp_error *err)
{
    struct mp_error unreadable;

    *sealed = NULL;
    if (mp_store_person_feed(ctx->db, req->arena, req->user.sub, sealed, err) < 0)
        return -1;
    mp_error_init(&unreadable, req->arena);
    return *sealed != NULL && mp_keyring_open(ctx->keyring, req->arena, seal_context(req), mp_slice_of(*sealed), token, &unreadable) == 0;
}

static int reply_feed(const struct mp_request *req, struct mp_response *res, const char *message, const char *token)
{
    res->message = message;
    mp_json_put_text(mp_response_data(res), "url", mp_arena_printf(req->arena, "%s/api/calendar/%s.ics", mp_request_conf(req)->public_url, token));
    return 0;
}

static int feed_url(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_secret token;
    const char *seen;
    int rc = read_feed(ctx, req, &seen, &token, err);

    /* Made by the first of several at once, whose address all of them are given. */
    if (rc == 0) {
        const char *text = new_token(req);

        if (mp_store_person_begin_feed(ctx->db, req->user.sub, seen, hash_of(req, text), sealed_of(ctx, req, text), mp_now_ms(), err) < 0)
            return -1;
        rc = read_feed(ctx, req, &seen, &token, err);
    }
    if (rc <= 0)
        return rc < 0 ? -1 : mp_fail_log(err, MP_E_UNAVAILABLE, "another process has sealed the calendar's address with a key that is not here");
    return reply_feed(req, res, "Your calendar feed", mp_secret_expose(&token).p);
}

static int feed_reset(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const char *token = new_token(req);

    if (mp_store_person_set_feed(ctx->db, req->user.sub, hash_of(req, token), sealed_of(ctx, req, token), mp_now_ms(), err) < 0)
        return -1;
    return reply_feed(req, res, "Your calendar feed has a new address; the old one is dead", token);
}

/* What a feed shows of one person, in order: the last ones of the recent past, then all that are coming. */
struct feed {
    struct mp_booking *bookings;
    size_t count, room;
};

static void append(struct mp_arena *arena, struct feed *feed, const struct mp_booking *more, size_t count)
{
    if (feed->count + count > feed->room) {
        size_t room = 2 * (feed->count + count);
        struct mp_booking *grown = mp_arena_array(arena, room, sizeof(*grown));

        if (feed->count > 0)
            memcpy(grown, feed->bookings, feed->count * sizeof(*grown));
        feed->bookings = grown;
        feed->room = room;
    }
    for (size_t i = 0; i < count; i++)
        feed->bookings[feed->count++] = more[i];
}

/* Those that begin before `now_ms`; latest first they are asked for, so that the limit leaves out the oldest. */
static int add_past(struct mp_ctx *ctx, const char *person, int64_t now_ms, struct feed *feed, struct mp_error *err)
{
    const struct mp_booking_query query = {.kind = -1,
                                           .person = person,
                                           .status = -1,
                                           .from = now_ms - FEED_PAST_MS,
                                           .until = now_ms,
                                           .after_start = INT64_MAX,
                                           .after_id = INT64_MAX,
                                           .limit = FEED_PAST_MOST};
    struct mp_booking *past;
    size_t count;

    if (mp_booking_list(ctx, &query, &past, &count, err) < 0)
        return -1;
    for (size_t i = count; i > 0; i--)
        append(ctx->arena, feed, &past[i - 1], 1);
    return 0;
}

static int add_coming(struct mp_ctx *ctx, const char *person, int64_t now_ms, struct feed *feed, struct mp_error *err)
{
    struct mp_booking_query query = {.kind = -1,
                                     .person = person,
                                     .status = -1,
                                     .from = now_ms,
                                     .until = INT64_MAX,
                                     .ascending = true,
                                     .after_start = INT64_MIN,
                                     .after_id = INT64_MIN,
                                     .limit = FEED_PAGE};
    struct mp_booking *page;
    size_t count, added = 0;

    do {
        if (mp_booking_list(ctx, &query, &page, &count, err) < 0)
            return -1;
        append(ctx->arena, feed, page, count);
        added += count;
        if (count > 0) {
            query.after_start = page[count - 1].row.starts_at;
            query.after_id = page[count - 1].row.id;
        }
    } while (count == FEED_PAGE && added < FEED_COMING_MOST);
    return 0;
}

static int feed(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    int64_t now_ms = mp_now_ms();
    struct feed found = {0};
    const char *person;
    int rc = mp_store_person_by_feed(ctx->db, req->arena, mp_sha256_hex(req->arena, mp_slice_of(req->params[0])), &person, err);

    if (rc < 0)
        return -1;
    if (rc == 0)
        return mp_fail(err, MP_E_NOT_FOUND, "There is no such calendar.");
    if (add_past(ctx, person, now_ms, &found, err) < 0 || add_coming(ctx, person, now_ms, &found, err) < 0)
        return -1;
    return reply_calendar(res, mp_calendar_feed(ctx, "Meetings", found.bookings, found.count, host_name(req)), "meetings");
}

/* ---- A person's own meeting defaults ---- */

static int defaults_reply(const struct mp_request *req, struct mp_response *res, const char *message, const char *stored, struct mp_error *err)
{
    struct json_object *settings;

    if (mp_json_parse(req->arena, mp_slice_of(stored != NULL ? stored : "{}"), &settings, err) < 0)
        return mp_fail_log(err, MP_E_INTERNAL, "stored defaults are not JSON");
    res->message = message;
    mp_json_put(mp_response_data(res), "settings", json_object_get(settings));
    return 0;
}

static int defaults_read(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const char *stored = NULL;

    if (mp_store_person_defaults(ctx->db, req->arena, req->user.sub, &stored, err) < 0)
        return -1;
    return defaults_reply(req, res, "Your meeting defaults", stored, err);
}

static int defaults_write(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const struct mp_json_reader r = {req->arena, req->json, NULL, err};
    struct json_object *settings;
    const char *text;

    (void)mp_json_require(&r, "settings");
    settings = mp_booking_settings_read(&r, req, res, -1);
    if (mp_error_set(err))
        return -1;
    text = mp_json_text(req->arena, settings);
    if (mp_store_person_set_defaults(ctx->db, req->user.sub, text, mp_now_ms(), err) < 0)
        return -1;
    return defaults_reply(req, res, "Your meeting defaults are stored", text, err);
}

static const struct mp_route rows[] = {
    {"GET", "classes/{id}.ics", MP_EVERYONE, 0, invitation},
    {"GET", "events/{id}.ics", MP_EVERYONE, 0, invitation},
    {"GET", "custom-sessions/{id}.ics", MP_EVERYONE, 0, invitation},
    {"GET", "appointments/{id}.ics", MP_EVERYONE, 0, invitation},
    {"GET", "interviews/{id}.ics", MP_EVERYONE, 0, invitation},
    {"GET", "batches/{id}/schedule/{sessionId}.ics", MP_EVERYONE, 0, invitation},
    {"GET", "courses/{id}/sessions/{sessionId}.ics", MP_EVERYONE, 0, invitation},
    {"GET", "calendar/me", MP_EVERYONE, 0, feed_url},
    {"POST", "calendar/me/reset", MP_EVERYONE, 0, feed_reset},
    {"GET", "calendar/{token}.ics", 0, MP_ROUTE_PUBLIC, feed},
    {"GET", "me/meeting-defaults", MP_EVERYONE, 0, defaults_read},
    {"PUT", "me/meeting-defaults", MP_EVERYONE, 0, defaults_write},
};
const struct mp_route_table mp_calendar_routes = {rows, MP_COUNT(rows)};
