#include <string.h>

#include "api_int.h"
#include "meetpool/clock.h"
#include "meetpool/connection.h"
#include "meetpool/json.h"
#include "meetpool/recording.h"
#include "meetpool/store_summary.h"
#include "summary_int.h"

/*
 * What the console asks for every few seconds: how everything stands, in one answer. Every list is bounded and comes from an index; nothing here
 * counts history, so that it costs the same whatever lies in the database.
 */
#define MEETINGS_MOST    150 /* of each kind of status */
#define CONNECTIONS_MOST 20
#define RECORDINGS_MOST  20
#define JOBS_MOST        10
#define DAYS_MOST        90
/* The longest day, when the clocks are put back, and a little more: an instant of the next day. */
#define NEXT_DAY_MS (26 * INT64_C(3600000))

struct wish {
    const char *timezone;
    int64_t days; /* 0: none */
};

static void read_days(const struct mp_request *req, int64_t *days, struct mp_error *err)
{
    const char *text = mp_request_query(req, "days");
    int64_t value = 0;

    *days = 0;
    if (text == NULL)
        return;
    for (const char *c = text; *c >= '0' && *c <= '9' && value <= DAYS_MOST; c++)
        value = value * 10 + (*c - '0');
    if (value < 1 || value > DAYS_MOST || text[strspn(text, "0123456789")] != '\0')
        mp_error_field(err, "days", "must be a number from 1 to %d", DAYS_MOST);
    *days = value;
}

static int read_wish(const struct mp_request *req, struct wish *wish, struct mp_error *err)
{
    static const char *const taken[] = {"days", "timezone", NULL};

    wish->timezone = mp_request_query(req, "timezone");
    mp_query_refuse_unknown(req, taken, err);
    read_days(req, &wish->days, err);
    if (wish->timezone == NULL)
        wish->timezone = "UTC";
    else if (!mp_zone_known(wish->timezone))
        mp_error_field(err, "timezone", "must be a name of the IANA time zone database, such as Europe/Berlin");
    return mp_error_set(err) ? -1 : 0;
}

/* ---- Today ---- */

/* Where the day of that instant begins in that zone; where its clocks leave out midnight, when they go on. */
static int64_t day_begin(const char *zone, int64_t at_ms)
{
    struct mp_civil civil;
    int64_t begin, before, after;

    if (!mp_zone_local(zone, at_ms, &civil))
        return at_ms / MP_DAY_MS * MP_DAY_MS;
    civil.hour = civil.minute = civil.second = civil.ms = 0;
    return mp_zone_instant(zone, &civil, &begin, &before, &after) == MP_TIME_OK ? begin : after;
}

static struct json_object *meeting_json(struct mp_arena *arena, const struct mp_summary_meeting *meeting)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_text(out, "id", meeting->zoom_id != 0 ? mp_arena_printf(arena, "%lld", (long long)meeting->zoom_id) : NULL);
    mp_json_put_text(out, "topic", meeting->topic);
    mp_json_put_text(out, "status", meeting->status);
    mp_json_put_time(out, "start_time", meeting->starts_at);
    mp_json_put_int(out, "duration", meeting->duration_min);
    mp_json_put_text(out, "zoomAccountUsed", meeting->account_name);
    mp_json_put_text(out, "host_email", meeting->host_email);
    return out;
}

static int put_today(struct mp_ctx *ctx, struct json_object *data, const char *zone, int64_t now_ms, struct mp_error *err)
{
    struct json_object *today = json_object_new_object(), *list = json_object_new_array();
    int64_t from = day_begin(zone, now_ms), until = day_begin(zone, from + NEXT_DAY_MS);
    struct mp_summary_meeting *rows;
    size_t count;

    mp_json_put(data, "today", today);
    mp_json_put_time(today, "from", from);
    mp_json_put_time(today, "until", until);
    mp_json_put(today, "meetings", list);
    if (mp_store_summary_meetings(ctx->db, ctx->arena, from, until, MEETINGS_MOST, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        json_object_array_add(list, meeting_json(ctx->arena, &rows[i]));
    mp_json_put_bool(today, "cut", count >= MEETINGS_MOST);
    return 0;
}

/* ---- Connections, recordings, jobs ---- */

static struct json_object *connection_json(const struct mp_connection_row *row, const char *warning)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_text(out, "user_id", row->sub);
    mp_json_put_text(out, "email", row->zoom_email);
    mp_json_put_text(out, "state", mp_connection_state_name(row->state));
    mp_json_put_text(out, "reason", row->reason);
    mp_json_put_text(out, "warning", warning);
    mp_json_put_text(out, "last_error", row->last_error);
    mp_json_put_time(out, "last_error_at", row->last_error_at > 0 ? row->last_error_at : -1);
    return out;
}

static int put_connections(struct mp_ctx *ctx, struct json_object *data, const struct mp_summary_counts *counts, struct mp_error *err)
{
    struct json_object *out = json_object_new_object(), *list = json_object_new_array();
    struct mp_connection_row *rows;
    size_t count;

    mp_json_put(data, "connections", out);
    mp_json_put_int(out, "reconnect_needed", counts->reconnect_needed);
    mp_json_put(out, "need_care", list);
    if (mp_store_summary_connections(ctx->db, ctx->arena, CONNECTIONS_MOST, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const char *warning = mp_connection_warning(&rows[i]);

        if (warning != NULL)
            json_object_array_add(list, connection_json(&rows[i], warning));
    }
    return 0;
}

static int synced_today(struct mp_ctx *ctx, int64_t now_ms, int64_t *synced, struct mp_error *err)
{
    int64_t today = mp_time_utc_day(now_ms);
    struct mp_day_sum *rows;
    size_t count;

    *synced = 0;
    if (mp_store_day_sums(ctx->db, ctx->arena, today, today + 1, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, "recordings_synced") == 0)
            *synced = rows[i].value;
    }
    return 0;
}

static int put_recordings(struct mp_ctx *ctx, struct json_object *data, const struct mp_summary_counts *counts, int64_t now_ms, struct mp_error *err)
{
    struct json_object *out = json_object_new_object(), *list = json_object_new_array();
    struct mp_recording_item *items;
    int64_t synced;
    size_t count;

    mp_json_put(data, "recordings", out);
    mp_json_put(out, "failures", list);
    if (synced_today(ctx, now_ms, &synced, err) < 0 ||
        mp_store_recording_list(ctx->db, ctx->arena, MP_RECORDING_FAILED, INT64_MAX, RECORDINGS_MOST, &items, &count, err) < 0)
        return -1;
    mp_json_put_int(out, "synced_today", synced);
    mp_json_put_int(out, "waiting", counts->recordings_waiting);
    mp_json_put_int(out, "late", counts->recordings_late);
    mp_json_put_int(out, "syncing", counts->recordings_syncing);
    mp_json_put_int(out, "failed", counts->recordings_failed);
    mp_json_put_int(out, "unaccounted", counts->recordings_unaccounted);
    for (size_t i = 0; i < count; i++)
        json_object_array_add(list, mp_recording_item_json(ctx->arena, &items[i]));
    return 0;
}

static int put_jobs(struct mp_ctx *ctx, struct json_object *data, const struct mp_summary_counts *counts, struct mp_error *err)
{
    static const struct mp_job_query query = {.state = MP_JOB_FAILED, .before_id = INT64_MAX, .limit = JOBS_MOST};
    struct json_object *out = json_object_new_object(), *list = json_object_new_array();
    struct mp_job *jobs;
    size_t count;

    mp_json_put(data, "jobs", out);
    mp_json_put_int(out, "queued", counts->jobs_queued);
    mp_json_put_int(out, "running", counts->jobs_running);
    mp_json_put_int(out, "failed", counts->jobs_failed);
    mp_json_put_int(out, "due", counts->jobs_due);
    mp_json_put_int(out, "oldest_due_seconds", counts->oldest_due_ms / 1000);
    mp_json_put(out, "failures", list);
    if (mp_queue_list(ctx->db, ctx->arena, &query, &jobs, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        json_object_array_add(list, mp_job_json(&jobs[i]));
    return 0;
}

static int put_days(struct mp_ctx *ctx, struct json_object *data, int64_t days, int64_t now_ms, struct mp_error *err)
{
    struct json_object *out = json_object_new_object();
    int64_t to = mp_time_utc_day(now_ms);

    mp_json_put(data, "charts", out);
    return mp_analytics_put_days(ctx, ctx->arena, to - days + 1, to, out, err);
}

/* ---- The route ---- */

static int summary(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct json_object *data = mp_response_data(res);
    struct mp_summary_counts counts;
    int64_t now_ms = mp_now_ms();
    struct wish wish;

    if (read_wish(req, &wish, err) < 0 || mp_store_summary_counts(ctx->db, &counts, err) < 0)
        return -1;
    mp_json_put_time(data, "at", now_ms);
    mp_json_put_int(data, "counted_up_to", MP_SUMMARY_COUNT_MOST);
    if (mp_summary_put_pool(ctx, data, now_ms, err) < 0 || put_today(ctx, data, wish.timezone, now_ms, err) < 0 ||
        put_connections(ctx, data, &counts, err) < 0 || put_recordings(ctx, data, &counts, now_ms, err) < 0 ||
        put_jobs(ctx, data, &counts, err) < 0 || mp_webhook_put_apps(ctx, data, err) < 0 || mp_summary_put_failures(ctx, data, err) < 0 ||
        mp_analytics_put_storage(ctx, data, err) < 0)
        return -1;
    res->message = "How everything stands";
    return wish.days > 0 ? put_days(ctx, data, wish.days, now_ms, err) : 0;
}

static const struct mp_route rows[] = {
    {"GET", "admin/summary", MP_ROLE_ADMIN, 0, summary},
};
const struct mp_route_table mp_summary_routes = {rows, MP_COUNT(rows)};
