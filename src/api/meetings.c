#include <string.h>

#include "api_int.h"
#include "booking_json.h"
#include "meetpool/clock.h"
#include "meetpool/json.h"
#include "meetpool/log.h"
#include "meetpool/meeting.h"
#include "meetpool/schedule.h"
#include "meetpool/zoom.h"

#define TOPIC_MAX      200
#define AGENDA_MAX     2000
#define DURATION_MAX   1440
#define DURATION_USUAL 60
#define REFRESH_MS     15000 /* for all meetings of a list together */

static int reply(const struct mp_request *req, struct mp_response *res, unsigned status, const char *message, const struct mp_meeting *meeting)
{
    res->status = status;
    res->message = message;
    mp_json_put(mp_response_data(res), "meeting", mp_meeting_json(req, meeting));
    return 0;
}

/* `account`: an admin may name one. */
static void read_account(struct mp_ctx *ctx, const struct mp_request *req, const struct mp_json_reader *r, int *account)
{
    const char *name;

    *account = -1;
    if (mp_json_get_text(r, "account", 1, 64, false, &name) <= 0)
        return;
    *account = mp_account_find(ctx->account_conf, name);
    if (req->user.role != MP_ROLE_ADMIN)
        mp_error_field(r->err, "account", "only an admin may name the account");
    else if (*account < 0)
        mp_error_field(r->err, "account", "there is no such account");
}

static int decode_spec(struct mp_ctx *ctx, const struct mp_request *req, struct mp_meeting_spec *spec, bool *pmi_asked, struct mp_error *err)
{
    const struct mp_json_reader r = {req->arena, req->json, NULL, err};

    *spec =
        (struct mp_meeting_spec){.owner_sub = req->user.sub, .type = 2, .duration_min = DURATION_USUAL, .timezone = mp_request_conf(req)->timezone};
    if (mp_json_require(&r, "topic"))
        (void)mp_json_get_name(&r, "topic", TOPIC_MAX, &spec->topic);
    (void)mp_json_get_int(&r, "type", 1, 2, &spec->type);
    (void)mp_json_get_zone(&r, "timezone", &spec->timezone);
    if (spec->type == 2 && mp_json_require(&r, "start_time"))
        (void)mp_json_get_time(&r, "start_time", spec->timezone, &spec->starts_at);
    (void)mp_json_get_int(&r, "duration", 1, DURATION_MAX, &spec->duration_min);
    (void)mp_json_get_text(&r, "agenda", 0, AGENDA_MAX, true, &spec->agenda);
    (void)mp_sub_read(&r, "host_user_id", &spec->host_sub);
    (void)mp_json_get_bool(&r, "dry_run", &spec->dry_run);
    spec->password = mp_password_read(&r, "password");
    spec->settings = mp_settings_read(&r, pmi_asked);
    /* Staff host what they make; what an admin makes is the system's unless a host is named. */
    if (spec->host_sub == NULL && (req->user.role & MP_STAFF) != 0)
        spec->own_sub = req->user.sub;
    read_account(ctx, req, &r, &spec->account);
    return mp_error_set(err) ? -1 : 0;
}

static int meetings_create(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_meeting_spec spec;
    struct mp_meeting *meeting;
    bool pmi_asked;

    if (decode_spec(ctx, req, &spec, &pmi_asked, err) < 0 || mp_meeting_book(ctx, &spec, &meeting, err) < 0)
        return -1;
    if (spec.type == 2 && spec.starts_at < mp_now_ms())
        mp_response_warn(res, "start_in_past", "The start is in the past; Zoom opens such a meeting now.");
    mp_meeting_warn_host(res, meeting, spec.host_sub != NULL);
    mp_settings_compare(req, res, meeting->row.settings_requested, meeting->row.settings_effective, pmi_asked);
    if (spec.dry_run)
        return reply(req, res, 200, "The meeting would be made there", meeting);
    return reply(req, res, 201, "Meeting created", meeting);
}

/* The meeting of the path, where the caller may see it. */
static int find(struct mp_ctx *ctx, const struct mp_request *req, struct mp_meeting **meeting, struct mp_error *err)
{
    unsigned long long id;
    int rc = 0;

    if (mp_slice_to_u64(mp_slice_of(req->params[0]), INT64_MAX, &id))
        rc = mp_meeting_by_zoom_id(ctx, (int64_t)id, meeting, err);
    if (rc < 0)
        return -1;
    if (rc > 0 && req->user.role != MP_ROLE_ADMIN) {
        const struct mp_meeting_row *row = &(*meeting)->row;

        rc = strcmp(row->owner_sub, req->user.sub) == 0 || (row->host_sub != NULL && strcmp(row->host_sub, req->user.sub) == 0);
    }
    return rc > 0 ? 0 : mp_fail(err, MP_E_NOT_FOUND, "There is no such meeting.");
}

/* What has become of the meeting reaches the booking that it belongs to; where that cannot be written now the job runner does it. */
static void tell_booking(struct mp_ctx *ctx, const struct mp_meeting *meeting)
{
    struct mp_error err;

    mp_error_init(&err, ctx->arena);
    if (mp_booking_follow(ctx, meeting->row.id, &err) < 0)
        mp_log(ctx->log, MP_WARNING, "booking.follows_later", MP_INT("meeting", meeting->row.zoom_id), MP_STR("detail", err.detail));
}

/* As Zoom has it now, the booking told. */
static int refresh_one(struct mp_ctx *ctx, struct mp_meeting *meeting, struct mp_error *err)
{
    int rc = mp_meeting_refresh(ctx, meeting, err);

    tell_booking(ctx, meeting);
    return rc;
}

static int meetings_read(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    static const char *const names[] = {"refresh", NULL};
    struct mp_meeting *meeting;
    bool refresh = false;

    mp_query_refuse_unknown(req, names, err);
    (void)mp_query_bool(req, "refresh", &refresh, err);
    if (mp_error_set(err) || find(ctx, req, &meeting, err) < 0)
        return -1;
    if (refresh && meeting->row.zoom_id != 0 && refresh_one(ctx, meeting, err) < 0)
        return -1;
    return reply(req, res, 200, "Meeting", meeting);
}

struct listing {
    struct mp_meeting_filter filter;
    struct mp_page page;
    bool refresh;
};

static int read_filter(struct mp_ctx *ctx, const struct mp_request *req, struct listing *listing, struct mp_error *err)
{
    static const char *const names[] = {"page_size", "next_page_token", "from", "to", "status", "account", "mine", "refresh", NULL};
    static const char *const statuses[] = {"creating", "scheduled", "started", "ended", "deleted", "failed", NULL};
    const char *account = mp_request_query(req, "account");
    struct mp_meeting_filter *filter = &listing->filter;
    struct mp_page *page = &listing->page;
    bool mine = false;
    size_t status;

    listing->refresh = false;
    *filter = (struct mp_meeting_filter){.status = -1, .account = -1, .from = -1, .to = -1};
    mp_query_refuse_unknown(req, names, err);
    (void)mp_query_bool(req, "refresh", &listing->refresh, err);
    (void)mp_query_bool(req, "mine", &mine, err);
    (void)mp_query_time(req, "from", &filter->from, err);
    (void)mp_query_time(req, "to", &filter->to, err);
    if (mp_query_enum(req, "status", statuses, &status, err) > 0)
        filter->status = (int)status;
    if (account != NULL) {
        filter->account = mp_account_find(ctx->account_conf, account);
        if (filter->account < 0)
            mp_error_field(err, "account", "there is no such account");
    }
    if (mp_page_read(req, page, err) < 0 || mp_error_set(err))
        return -1;
    filter->viewer = req->user.role == MP_ROLE_ADMIN && !mine ? NULL : req->user.sub;
    filter->first = page->first;
    filter->before_start = page->after_a;
    filter->before_id = page->after_b;
    filter->limit = page->size + 1;
    return 0;
}

/* Whether Zoom has anything to say of it. */
static bool may_change(const struct mp_meeting *meeting)
{
    return meeting->row.zoom_id != 0 && (meeting->row.status == MP_MEETING_SCHEDULED || meeting->row.status == MP_MEETING_STARTED);
}

/* Asks Zoom about each, as long as the time lasts; those that Zoom has no more leave the list. */
static int refresh_all(struct mp_ctx *ctx, struct mp_response *res, struct mp_meeting *meetings, size_t *count, struct mp_error *err)
{
    int64_t give_up_ms = mp_monotonic_ms() + REFRESH_MS;
    size_t kept = 0, unasked = 0;

    for (size_t i = 0; i < *count; i++) {
        bool gone = false;

        if (may_change(&meetings[i]) && mp_monotonic_ms() >= give_up_ms) {
            unasked++;
        } else if (may_change(&meetings[i]) && refresh_one(ctx, &meetings[i], err) < 0) {
            if (err->code != MP_E_NOT_FOUND && mp_error_status(err->code) != 502)
                return -1;
            gone = err->code == MP_E_NOT_FOUND;
            unasked += gone ? 0 : 1;
            mp_error_reset(err);
        }
        if (!gone)
            meetings[kept++] = meetings[i];
    }
    *count = kept;
    if (unasked > 0)
        mp_response_warn(res, "zoom_failed", "Zoom could not be asked about %zu of these meetings; they are as they were recorded.", unasked);
    return 0;
}

static int meetings_list(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    int64_t last_start = 0, last_id = 0;
    struct mp_meeting *meetings;
    struct json_object *list;
    struct listing listing;
    size_t count;
    bool more;

    if (read_filter(ctx, req, &listing, err) < 0 || mp_meeting_list(ctx, &listing.filter, &meetings, &count, err) < 0)
        return -1;
    more = count > listing.page.size;
    count = more ? listing.page.size : count;
    if (more) { /* the next page begins where this one was recorded to end, wherever Zoom has moved it */
        last_start = meetings[count - 1].row.starts_at;
        last_id = meetings[count - 1].row.id;
    }
    if (listing.refresh && refresh_all(ctx, res, meetings, &count, err) < 0)
        return -1;
    list = json_object_new_array_ext((int)count);
    for (size_t i = 0; i < count; i++)
        json_object_array_add(list, mp_meeting_json(req, &meetings[i]));
    mp_json_put(mp_response_data(res), "meetings", list);
    mp_page_write(req, mp_response_data(res), more, last_start, last_id);
    res->message = "Meetings";
    return 0;
}

static int decode_change(const struct mp_request *req, const struct mp_meeting *meeting, struct mp_meeting_change *change, bool *pmi_asked,
                         struct mp_error *err)
{
    const struct mp_json_reader r = {req->arena, req->json, NULL, err};

    *change = (struct mp_meeting_change){.starts_at = -1, .duration_min = -1};
    (void)mp_json_get_name(&r, "topic", TOPIC_MAX, &change->topic);
    (void)mp_json_get_zone(&r, "timezone", &change->timezone);
    (void)mp_json_get_time(&r, "start_time", change->timezone != NULL ? change->timezone : meeting->row.timezone, &change->starts_at);
    (void)mp_json_get_int(&r, "duration", 1, DURATION_MAX, &change->duration_min);
    (void)mp_json_get_text(&r, "agenda", 0, AGENDA_MAX, true, &change->agenda);
    change->password = mp_password_read(&r, "password");
    change->settings = mp_settings_read(&r, pmi_asked);
    return mp_error_set(err) ? -1 : 0;
}

static void warn_outcome(struct mp_response *res, const struct mp_meeting_outcome *outcome)
{
    if (outcome->zoom_failed != NULL)
        mp_response_warn(res, "zoom_failed", "Zoom could not be told yet (%s); it will be as soon as it answers.", outcome->zoom_failed);
    if (outcome->moved)
        mp_response_warn(res, "moved",
                         "It is at another host now, as its own had no room at that time or was changed: the meeting has a new id and join URL.");
}

static int meetings_change(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_meeting_outcome outcome;
    struct mp_meeting_change change;
    struct mp_meeting *meeting;
    bool pmi_asked;

    if (find(ctx, req, &meeting, err) < 0 || decode_change(req, meeting, &change, &pmi_asked, err) < 0)
        return -1;
    if (mp_meeting_change(ctx, &meeting, &change, &outcome, err) < 0)
        return -1;
    tell_booking(ctx, meeting);
    if (change.starts_at >= 0 && change.starts_at < mp_now_ms())
        mp_response_warn(res, "start_in_past", "The start is in the past; the meeting starts now.");
    warn_outcome(res, &outcome);
    mp_settings_compare(req, res, NULL, NULL, pmi_asked);
    return reply(req, res, 200, "Meeting changed", meeting);
}

static int meetings_delete(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_meeting_outcome outcome;
    struct mp_meeting *meeting;

    if (find(ctx, req, &meeting, err) < 0 || mp_meeting_delete(ctx, meeting, &outcome, err) < 0)
        return -1;
    tell_booking(ctx, meeting);
    warn_outcome(res, &outcome);
    res->message = "Meeting deleted";
    return 0;
}

static int meetings_end(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_meeting *meeting;

    if (find(ctx, req, &meeting, err) < 0 || mp_meeting_end(ctx, meeting, err) < 0)
        return -1;
    tell_booking(ctx, meeting);
    return reply(req, res, 200, "Meeting ended", meeting);
}

static int meetings_start(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_meeting *meeting;
    struct mp_secret url;

    if (find(ctx, req, &meeting, err) < 0)
        return -1;
    if (!mp_meeting_may_start(req, meeting))
        return mp_fail(err, MP_E_FORBIDDEN, "It is hosted by a person's own Zoom account; that person starts it.");
    if (mp_meeting_start_url(ctx, meeting, &url, err) < 0)
        return -1;
    if (!mp_zoom_is_its_page(ctx->zoom, req->arena, mp_secret_expose(&url).p))
        return mp_fail(err, MP_E_ZOOM_FAILED, "Zoom gave a start URL that leads away from Zoom.");
    return mp_reply_redirect(res, mp_secret_expose(&url).p);
}

#define HOSTS (MP_ROLE_ADMIN | MP_STAFF)

static const struct mp_route rows[] = {
    {"POST", "zoom/meetings", HOSTS, MP_ROUTE_SLOW, meetings_create},
    {"GET", "zoom/meetings", HOSTS, 0, meetings_list}, /* with ?refresh=true both wait for Zoom; nginx sees that by the query */
    {"GET", "zoom/meetings/{id}", HOSTS, 0, meetings_read},
    {"PATCH", "zoom/meetings/{id}", HOSTS, MP_ROUTE_SLOW, meetings_change},
    {"DELETE", "zoom/meetings/{id}", HOSTS, MP_ROUTE_SLOW, meetings_delete},
    {"POST", "zoom/meetings/{id}/end", HOSTS, MP_ROUTE_SLOW, meetings_end},
    {"GET", "zoom/meetings/{id}/start", HOSTS, MP_ROUTE_SLOW, meetings_start},
};
const struct mp_route_table mp_meeting_routes = {rows, MP_COUNT(rows)};
