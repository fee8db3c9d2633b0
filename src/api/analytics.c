#include <json-c/json_object.h>
#include <string.h>

#include "api_int.h"
#include "meetpool/clock.h"
#include "meetpool/json.h"
#include "recording_json.h"
#include "summary_int.h"

/* What the sums of the days tell: a few rows a day, whatever the history. */
#define DAYS_USUAL  30
#define DAYS_MOST   400
#define ERRORS_MOST 40 /* kinds told apart; further ones go into the last */

struct error_sum {
    const char *type;
    int64_t count;
};

struct sums {
    int64_t synced, failed, stored, bytes, moved, move_ms, made, not_made;
    struct error_sum errors[ERRORS_MOST];
    size_t errors_count;
};

static void add_error(struct sums *s, const char *type, int64_t count)
{
    size_t i = 0;

    while (i < s->errors_count && i + 1 < ERRORS_MOST && strcmp(s->errors[i].type, type) != 0)
        i++;
    if (i == s->errors_count)
        s->errors[s->errors_count++].type = type;
    s->errors[i].count += count;
}

static void add(struct sums *s, const struct mp_day_sum *row)
{
    static const char errors[] = "recording_failures:";
    const struct {
        const char *name;
        int64_t *sum;
    } rows[] = {
        {"recordings_synced", &s->synced}, {"recordings_failed", &s->failed},  {"recordings_stored", &s->stored}, {"recording_bytes", &s->bytes},
        {"recordings_moved", &s->moved},   {"recording_move_ms", &s->move_ms}, {"meetings_made", &s->made},       {"meetings_failed", &s->not_made},
    };

    for (size_t i = 0; i < MP_COUNT(rows); i++) {
        if (strcmp(rows[i].name, row->name) == 0)
            *rows[i].sum += row->value;
    }
    if (strncmp(row->name, errors, sizeof(errors) - 1) == 0)
        add_error(s, row->name + sizeof(errors) - 1, row->value);
}

/* In per cent; null where there was nothing. */
static void put_rate(struct json_object *out, const char *key, int64_t good, int64_t bad)
{
    if (good + bad > 0)
        mp_json_put_int(out, key, (good * 100 + (good + bad) / 2) / (good + bad));
    else
        mp_json_put_null(out, key);
}

static struct json_object *sums_json(const struct sums *s)
{
    struct json_object *out = json_object_new_object(), *errors = json_object_new_object();

    mp_json_put_int(out, "recordings_synced", s->synced);
    mp_json_put_int(out, "recordings_failed", s->failed);
    put_rate(out, "sync_success_rate", s->synced, s->failed);
    mp_json_put_int(out, "files_stored", s->stored);
    mp_json_put_int(out, "bytes_stored", s->bytes);
    if (s->moved > 0)
        mp_json_put_int(out, "average_processing_ms", s->move_ms / s->moved);
    else
        mp_json_put_null(out, "average_processing_ms");
    for (size_t i = 0; i < s->errors_count; i++)
        json_object_object_add(errors, s->errors[i].type, json_object_new_int64(s->errors[i].count));
    mp_json_put(out, "errors_by_type", errors);
    mp_json_put_int(out, "meetings_created", s->made);
    mp_json_put_int(out, "meetings_failed", s->not_made);
    put_rate(out, "meeting_creation_success_rate", s->made, s->not_made);
    return out;
}

static const char *day_text(struct mp_arena *arena, int64_t day)
{
    return mp_arena_strndup(arena, (struct mp_slice){mp_time_format(arena, day * MP_DAY_MS), 10});
}

/* A day, or an instant of it. */
static void read_day(const struct mp_request *req, const char *name, int64_t *day, struct mp_error *err)
{
    const char *text = mp_request_query(req, name);
    int64_t at_ms;

    if (text == NULL)
        return;
    if (strlen(text) == 10)
        text = mp_arena_printf(req->arena, "%sT00:00:00Z", text);
    if (mp_time_parse(mp_slice_of(text), "UTC", &at_ms, NULL, NULL) != MP_TIME_OK)
        mp_error_field(err, name, "must be a day like 2024-01-15");
    else
        *day = mp_time_utc_day(at_ms);
}

static int read_query(const struct mp_request *req, int64_t *from, int64_t *to, struct mp_error *err)
{
    static const char *const taken[] = {"from", "to", NULL};

    *to = mp_time_utc_day(mp_now_ms());
    mp_query_refuse_unknown(req, taken, err);
    read_day(req, "to", to, err);
    *from = *to - (DAYS_USUAL - 1);
    read_day(req, "from", from, err);
    if (!mp_error_set(err) && (*from > *to || *to - *from >= DAYS_MOST))
        mp_error_field(err, "from", "must not be after to, nor more than %d days before it", DAYS_MOST - 1);
    return mp_error_set(err) ? -1 : 0;
}

static void gather(struct sums *days, int64_t from, int64_t to, const struct mp_day_sum *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].day >= from && rows[i].day <= to)
            add(&days[rows[i].day - from], &rows[i]);
    }
}

static void add_up(struct sums *total, const struct sums *day)
{
    total->synced += day->synced;
    total->failed += day->failed;
    total->stored += day->stored;
    total->bytes += day->bytes;
    total->moved += day->moved;
    total->move_ms += day->move_ms;
    total->made += day->made;
    total->not_made += day->not_made;
    for (size_t i = 0; i < day->errors_count; i++)
        add_error(total, day->errors[i].type, day->errors[i].count);
}

int mp_analytics_put_storage(struct mp_ctx *ctx, struct json_object *data, struct mp_error *err)
{
    struct json_object *out = json_object_new_object();
    int64_t files, bytes;

    mp_json_put(data, "storage", out);
    if (mp_store_recording_bytes(ctx->db, &files, &bytes, err) < 0)
        return -1;
    mp_json_put_int(out, "files", files);
    mp_json_put_int(out, "bytes", bytes);
    return 0;
}

static void put_days(struct mp_arena *arena, struct json_object *data, const struct sums *days, int64_t from, int64_t to)
{
    struct json_object *list = json_object_new_array();
    struct sums total = {0};

    for (int64_t day = from; day <= to; day++) {
        struct json_object *one = sums_json(&days[day - from]);

        mp_json_put_text(one, "date", day_text(arena, day));
        json_object_array_add(list, one);
        add_up(&total, &days[day - from]);
    }
    mp_json_put(data, "totals", sums_json(&total));
    mp_json_put(data, "days", list);
}

int mp_analytics_put_days(struct mp_ctx *ctx, struct mp_arena *arena, int64_t from, int64_t to, struct json_object *data, struct mp_error *err)
{
    struct sums *days = mp_arena_array(arena, (size_t)(to - from) + 1, sizeof(*days));
    struct mp_day_sum *rows;
    size_t count;

    if (mp_store_day_sums(ctx->db, arena, from, to + 1, &rows, &count, err) < 0)
        return -1;
    gather(days, from, to, rows, count);
    if (mp_store_day_meetings(ctx->db, arena, &rows, &count, err) < 0)
        return -1;
    gather(days, from, to, rows, count);
    put_days(arena, data, days, from, to);
    return 0;
}

int mp_analytics(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct json_object *data = mp_response_data(res);
    int64_t from, to;

    if (read_query(req, &from, &to, err) < 0)
        return -1;
    mp_json_put_text(data, "from", day_text(req->arena, from));
    mp_json_put_text(data, "to", day_text(req->arena, to));
    if (mp_analytics_put_days(ctx, req->arena, from, to, data, err) < 0)
        return -1;
    res->message = "Analytics";
    return mp_analytics_put_storage(ctx, data, err);
}
