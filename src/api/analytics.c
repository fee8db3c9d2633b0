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

struct kind {
    const char *name;
    int64_t count;
};

struct kinds {
    struct kind rows[ERRORS_MOST];
    size_t count;
};

struct sums {
    int64_t synced, failed, stored, bytes, moved, move_ms, made, not_made;
    struct kinds errors, refusals;
};

static void add_kind(struct kinds *kinds, const char *name, int64_t count)
{
    size_t i = 0;

    while (i < kinds->count && i + 1 < ERRORS_MOST && strcmp(kinds->rows[i].name, name) != 0)
        i++;
    if (i == kinds->count)
        kinds->rows[kinds->count++].name = name;
    kinds->rows[i].count += count;
}

/* A sum that has its kind in its name. */
static void add_named(struct kinds *kinds, const char *prefix, const struct mp_day_sum *row)
{
    size_t len = strlen(prefix);

    if (strncmp(row->name, prefix, len) == 0)
        add_kind(kinds, row->name + len, row->value);
}

static void add(struct sums *s, const struct mp_day_sum *row)
{
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
    add_named(&s->errors, "recording_failures:", row);
    add_named(&s->refusals, "refusals:", row);
}

static struct json_object *kinds_json(const struct kinds *kinds)
{
    struct json_object *out = json_object_new_object();

    for (size_t i = 0; i < kinds->count; i++)
        json_object_object_add(out, kinds->rows[i].name, json_object_new_int64(kinds->rows[i].count));
    return out;
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
    struct json_object *out = json_object_new_object();

    mp_json_put_int(out, "recordings_synced", s->synced);
    mp_json_put_int(out, "recordings_failed", s->failed);
    put_rate(out, "sync_success_rate", s->synced, s->failed);
    mp_json_put_int(out, "files_stored", s->stored);
    mp_json_put_int(out, "bytes_stored", s->bytes);
    if (s->moved > 0)
        mp_json_put_int(out, "average_processing_ms", s->move_ms / s->moved);
    else
        mp_json_put_null(out, "average_processing_ms");
    mp_json_put(out, "errors_by_type", kinds_json(&s->errors));
    mp_json_put(out, "refusals_by_code", kinds_json(&s->refusals));
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

static void add_kinds(struct kinds *total, const struct kinds *day)
{
    for (size_t i = 0; i < day->count; i++)
        add_kind(total, day->rows[i].name, day->rows[i].count);
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
    add_kinds(&total->errors, &day->errors);
    add_kinds(&total->refusals, &day->refusals);
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
    static const enum mp_day_tally uncounted[] = {MP_DAY_MEETINGS, MP_DAY_REFUSALS};
    struct sums *days = mp_arena_array(arena, (size_t)(to - from) + 1, sizeof(*days));
    struct mp_day_sum *rows;
    size_t count;

    if (mp_store_day_sums(ctx->db, arena, from, to + 1, &rows, &count, err) < 0)
        return -1;
    gather(days, from, to, rows, count);
    for (size_t i = 0; i < MP_COUNT(uncounted); i++) {
        if (mp_store_day_uncounted(ctx->db, arena, uncounted[i], &rows, &count, err) < 0)
            return -1;
        gather(days, from, to, rows, count);
    }
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
