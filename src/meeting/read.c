#include <string.h>

#include "meeting_int.h"
#include "meetpool/clock.h"
#include "meetpool/json.h"

const struct mp_setting mp_meeting_settings[] = {
    MP_SETTING("MEETPOOL_MEETING_GRACE", MP_SET_SECONDS, "0", 0, 86400, mp_meeting_conf, grace_s),
    MP_SETTING("MEETPOOL_RETRY_DELAY", MP_SET_SECONDS, "60", 1, 86400, mp_meeting_conf, retry_delay_s),
};
const size_t mp_meeting_settings_rows = MP_COUNT(mp_meeting_settings);

int meeting_wrap(struct mp_ctx *ctx, const struct mp_meeting_row *row, struct mp_meeting **out, struct mp_error *err)
{
    struct mp_meeting *meeting = MP_NEW(ctx->arena, struct mp_meeting);

    meeting->row = *row;
    meeting->account = meeting->host = -1;
    if (row->account_id != 0) {
        meeting->account = mp_account_by_row(ctx, row->account_id, row->host_id, &meeting->host, err);
        if (mp_error_set(err))
            return -1;
    }
    if (meeting->account >= 0)
        meeting->account_name = mp_account_entry(ctx->account_conf, (size_t)meeting->account)->name;
    meeting->own = mp_account_is_guest(ctx->account_conf, meeting->account);
    *out = meeting;
    return 0;
}

void meeting_interval(const struct mp_ctx *ctx, int64_t starts_at, int64_t duration_min, int64_t now_ms, int64_t *from, int64_t *until)
{
    /* In whole seconds, as Zoom takes them: so that the end of one is a start that fits. */
    *from = starts_at > now_ms ? starts_at : now_ms / 1000 * 1000;
    *until = *from + duration_min * 60000 + ctx->meeting_conf->grace_s * 1000;
}

struct mp_busy *meeting_busy(struct mp_arena *arena, const struct mp_busy_row *rows, size_t count)
{
    struct mp_busy *busy = mp_arena_array(arena, count + 1, sizeof(*busy));

    for (size_t i = 0; i < count; i++)
        busy[i] = (struct mp_busy){rows[i].from, rows[i].until, rows[i].account_id, rows[i].host_id};
    return busy;
}

int mp_meeting_by_zoom_id(struct mp_ctx *ctx, int64_t zoom_id, struct mp_meeting **out, struct mp_error *err)
{
    struct mp_meeting_row row;
    int rc = mp_store_meeting_by_zoom_id(ctx->db, ctx->arena, zoom_id, &row, err);

    /* One that was moved goes on under another number; who still holds the old one is led there. */
    for (int hops = 0; rc > 0 && row.replaced_by != 0 && hops < 8; hops++)
        rc = mp_store_meeting_by_id(ctx->db, ctx->arena, row.replaced_by, &row, err);
    if (rc <= 0)
        return rc;
    if (row.status == MP_MEETING_DELETED || row.status == MP_MEETING_FAILED)
        return 0;
    return meeting_wrap(ctx, &row, out, err) < 0 ? -1 : 1;
}

int mp_meeting_by_row(struct mp_ctx *ctx, int64_t id, struct mp_meeting **out, struct mp_error *err)
{
    struct mp_meeting_row row;
    int rc = mp_store_meeting_by_id(ctx->db, ctx->arena, id, &row, err);

    if (rc <= 0)
        return rc;
    return meeting_wrap(ctx, &row, out, err) < 0 ? -1 : 1;
}

int mp_meeting_by_rows(struct mp_ctx *ctx, const int64_t *ids, size_t count, struct mp_meeting **out, struct mp_error *err)
{
    int64_t *asked = mp_arena_array(ctx->arena, count + 1, sizeof(*asked));
    struct mp_meeting_row *rows;
    size_t n = 0, found;

    for (size_t i = 0; i < count; i++) {
        out[i] = NULL;
        if (ids[i] != 0)
            asked[n++] = ids[i];
    }
    if (mp_store_meeting_by_ids(ctx->db, ctx->arena, asked, n, &rows, &found, err) < 0)
        return -1;
    for (size_t k = 0; k < found; k++) {
        struct mp_meeting *meeting;

        if (meeting_wrap(ctx, &rows[k], &meeting, err) < 0)
            return -1;
        for (size_t i = 0; i < count; i++)
            out[i] = ids[i] == rows[k].id ? meeting : out[i];
    }
    return 0;
}

int mp_meeting_list(struct mp_ctx *ctx, const struct mp_meeting_filter *filter, struct mp_meeting **out, size_t *count, struct mp_error *err)
{
    struct mp_meeting_query query = {
        .viewer = filter->viewer,
        .status = filter->status,
        .from = filter->from < 0 ? INT64_MIN : filter->from,
        .until = filter->to < 0 ? INT64_MAX : filter->to,
        .before_start = filter->first ? INT64_MAX : filter->before_start,
        .before_id = filter->first ? INT64_MAX : filter->before_id,
        .limit = filter->limit,
    };
    struct mp_account_state *states;
    struct mp_meeting_row *rows;
    struct mp_meeting *list;

    if (filter->account >= 0) {
        if (mp_account_states(ctx, mp_now_ms(), &states, err) < 0)
            return -1;
        query.account_id = states[filter->account].id;
    }
    if (mp_store_meeting_list(ctx->db, ctx->arena, &query, &rows, count, err) < 0)
        return -1;
    list = mp_arena_array(ctx->arena, *count + 1, sizeof(*list));
    for (size_t i = 0; i < *count; i++) {
        struct mp_meeting *one;

        if (meeting_wrap(ctx, &rows[i], &one, err) < 0)
            return -1;
        list[i] = *one;
    }
    *out = list;
    return 0;
}

static bool differs(const char *a, const char *b)
{
    return a == NULL ? b != NULL && b[0] != '\0' : b == NULL || strcmp(a, b) != 0;
}

/* Takes over what was edited in Zoom's own pages. Whether anything was. */
static bool take_over(struct mp_ctx *ctx, struct mp_meeting_row *row, const struct mp_zoom_meeting *zoom)
{
    const char *agenda = meeting_agenda_in(ctx->arena, zoom->agenda);
    bool time_differs =
        (zoom->starts_at >= 0 && zoom->starts_at != row->starts_at) || (zoom->duration_min > 0 && zoom->duration_min != row->duration_min);
    bool any = time_differs || differs(row->topic, zoom->topic) || (zoom->password != NULL && differs(row->password, zoom->password)) ||
               (zoom->join_url != NULL && differs(row->join_url, zoom->join_url)) || (agenda != NULL && !meeting_agenda_same(row->agenda, agenda));

    if (!any)
        return false;
    row->topic = zoom->topic != NULL ? zoom->topic : row->topic;
    row->agenda = agenda != NULL && !meeting_agenda_same(row->agenda, agenda) ? agenda : row->agenda;
    row->password = zoom->password != NULL ? zoom->password : row->password;
    row->join_url = zoom->join_url != NULL ? zoom->join_url : row->join_url;
    row->starts_at = zoom->starts_at >= 0 ? zoom->starts_at : row->starts_at;
    row->duration_min = zoom->duration_min > 0 ? zoom->duration_min : row->duration_min;
    row->settings_effective = zoom->settings != NULL ? mp_json_text(ctx->arena, zoom->settings) : row->settings_effective;
    return true;
}

struct finish {
    int64_t id, now_ms;
    enum mp_meeting_status status;
};

static int finish_it(struct mp_db *db, void *arg, struct mp_error *err)
{
    const struct finish *f = arg;

    if (mp_store_place_end(db, f->id, err) < 0)
        return -1;
    return mp_store_meeting_status(db, f->id, f->status, f->now_ms, err) < 0 ? -1 : 0;
}

int meeting_finish(struct mp_ctx *ctx, int64_t id, enum mp_meeting_status status, int64_t now_ms, struct mp_error *err)
{
    struct finish f = {id, now_ms, status};

    return mp_tx_run(ctx->db, finish_it, &f, err);
}

/* It ran, it does not run any more, and its time is past: nobody comes back to it. */
static bool meeting_over(const struct mp_meeting *meeting, const struct mp_zoom_meeting *zoom, int64_t now_ms)
{
    return meeting->row.status == MP_MEETING_STARTED && zoom->status != NULL && strcmp(zoom->status, "started") != 0 &&
           meeting->row.starts_at + meeting->row.duration_min * 60000 <= now_ms;
}

static int meeting_end_record(struct mp_ctx *ctx, struct mp_meeting *meeting, int64_t now_ms, struct mp_error *err)
{
    if (meeting_finish(ctx, meeting->row.id, MP_MEETING_ENDED, now_ms, err) < 0)
        return -1;
    meeting->row.status = MP_MEETING_ENDED;
    meeting->row.ended_at = now_ms;
    return 0;
}

int meeting_make_true(struct mp_ctx *ctx, struct mp_meeting *meeting, const struct mp_zoom_meeting *zoom, struct mp_error *err)
{
    int64_t now_ms = mp_now_ms(), from, until;
    int rc;

    if (take_over(ctx, &meeting->row, zoom)) {
        rc = mp_store_meeting_true(ctx->db, &meeting->row, now_ms, err);
        if (rc < 0)
            return -1;
        meeting_interval(ctx, meeting->row.starts_at, meeting->row.duration_min, meeting->row.created_at, &from, &until);
        if (rc > 0 && mp_store_place_move(ctx->db, meeting->row.id, from, until, err) < 0)
            return -1;
        meeting->row.version += rc;
    }
    if (zoom->status != NULL && strcmp(zoom->status, "started") == 0 && meeting->row.status == MP_MEETING_SCHEDULED) {
        if (mp_store_meeting_status(ctx->db, meeting->row.id, MP_MEETING_STARTED, now_ms, err) < 0 ||
            mp_store_place_open(ctx->db, meeting->row.id, now_ms, err) < 0)
            return -1;
        meeting->row.status = MP_MEETING_STARTED;
        meeting->row.started_at = now_ms;
    }
    return meeting_over(meeting, zoom, now_ms) ? meeting_end_record(ctx, meeting, now_ms, err) : 0;
}

int meeting_make_gone(struct mp_ctx *ctx, const struct mp_meeting *meeting, struct mp_error *err)
{
    mp_log(ctx->log, MP_WARNING, "meeting.gone_at_zoom", MP_INT("meeting", meeting->row.zoom_id));
    return meeting_finish(ctx, meeting->row.id, MP_MEETING_DELETED, mp_now_ms(), err);
}

int meeting_is_gone(struct mp_ctx *ctx, const struct mp_meeting *meeting, struct mp_error *err)
{
    struct mp_place_row place;
    struct mp_zoom_meeting found;
    struct mp_zoom_result res;
    int rc;

    if (meeting->row.status == MP_MEETING_ENDED)
        return 0;
    rc = mp_store_place_by_meeting(ctx->db, ctx->arena, meeting->row.id, &place, err);
    if (rc < 0)
        return -1;
    if (rc > 0 && meeting_search(ctx, meeting->account, meeting->host, place.ref, mp_monotonic_ms() + MEETING_REPAIR_TIMEOUT_MS, &found, &res) != 0)
        return 0;
    return meeting_make_gone(ctx, meeting, err) < 0 ? -1 : 1;
}

/* Calls below need the account that made the meeting. */
static int need_account(const struct mp_meeting *meeting, struct mp_error *err)
{
    if (meeting->account >= 0)
        return 0;
    return mp_fail(err, MP_E_ZOOM_FAILED, "The Zoom account that made this meeting is no longer configured here.");
}

int mp_meeting_refresh(struct mp_ctx *ctx, struct mp_meeting *meeting, struct mp_error *err)
{
    struct mp_zoom_meeting zoom;
    struct mp_zoom_result res;

    if (need_account(meeting, err) < 0)
        return -1;
    meeting_fetch(ctx, meeting->account, meeting->host, meeting->row.zoom_id, mp_monotonic_ms() + MEETING_DEADLINE_MS, &zoom, &res);
    if (res.cls == MP_ZOOM_NOT_FOUND) {
        int gone = meeting_is_gone(ctx, meeting, err);

        return gone <= 0 ? gone : mp_fail(err, MP_E_NOT_FOUND, "This meeting was deleted at Zoom.");
    }
    if (res.cls != MP_ZOOM_OK)
        return mp_fail(err, MP_E_ZOOM_FAILED, "Zoom could not be asked: %s", res.message);
    /* What was wanted here and not told yet is newer than what Zoom knows. */
    if (meeting->row.pending != NULL)
        return 0;
    return meeting_make_true(ctx, meeting, &zoom, err);
}

int mp_meeting_start_url(struct mp_ctx *ctx, const struct mp_meeting *meeting, struct mp_secret *url, struct mp_error *err)
{
    struct mp_zoom_meeting zoom;
    struct mp_zoom_result res;

    if (need_account(meeting, err) < 0)
        return -1;
    if (meeting->row.zoom_id == 0)
        return mp_fail(err, MP_E_CONFLICT, "This meeting is still being made; try again shortly.");
    meeting_fetch(ctx, meeting->account, meeting->host, meeting->row.zoom_id, mp_monotonic_ms() + MEETING_DEADLINE_MS, &zoom, &res);
    if (res.cls == MP_ZOOM_NOT_FOUND) {
        int gone = meeting_is_gone(ctx, meeting, err);

        if (gone != 0)
            return gone < 0 ? -1 : mp_fail(err, MP_E_NOT_FOUND, "This meeting was deleted at Zoom.");
    }
    if (res.cls != MP_ZOOM_OK || !mp_secret_is_set(&zoom.start_url))
        return mp_fail(err, MP_E_ZOOM_FAILED, "Zoom gave no start URL: %s", res.message != NULL ? res.message : "none in its answer");
    *url = zoom.start_url;
    return 0;
}
