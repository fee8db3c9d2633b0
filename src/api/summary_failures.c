#include <stdlib.h>
#include <string.h>

#include "api_int.h"
#include "meetpool/json.h"
#include "meetpool/store_alert.h"
#include "meetpool/store_audit.h"
#include "meetpool/store_summary.h"
#include "summary_int.h"

#define SHOWN_MOST 20
/* Most of what is refused is the caller's own mistake and is left out. */
#define REFUSALS_LOOKED_AT 100

struct failure {
    int64_t at, times;
    const char *source, *title, *subject, *reason, *what_to_do, *request_id; /* subject, reason and request_id NULL: none */
};

struct failures {
    struct mp_arena *arena;
    struct failure rows[4 * SHOWN_MOST];
    size_t count;
};

/* ---- What to do ---- */

struct advice {
    const char *key, *title, *what_to_do; /* title NULL: what was asked for is said instead */
};

/* By the code of a refused request. */
static const struct advice refusals[] = {
    {"no_capacity", NULL,
     "Every account is full at that time. Choose another time (the refusal names the nearest that fits), or add a host or an account to the "
     "settings."},
    {"no_account_available", NULL,
     "No account could take it: the reason names each. Mend what it says, choose Reset at the account in Pool, and book again."},
    {"zoom_failed", NULL, "Zoom failed. Try again in a few minutes; where it lasts, look at status.zoom.us."},
    {"zoom_not_configured", NULL, "No Zoom account is set up: put the credentials into the settings and restart."},
    {"zoom_disabled", NULL, "Zoom is switched off by ZOOM_ENABLED."},
    {"unavailable", NULL, "The database or a worker was away. Look at /readyz; if it is well now, try again."},
    {"internal", NULL, "A mistake in the program: find this request in the log by its id, and report it."},
};

static const struct advice alerts[] = {
    {MP_ALERT_RECORDING, "A recording could not be brought home", "Mend what the reason says; then choose Retry at the recording."},
    {MP_ALERT_ACCOUNT, "An account gets no meetings", "Mend what the reason says; then choose Reset at the account in Pool."},
    {MP_ALERT_CONNECTION, "A person's Zoom connection does not work",
     "That person has to connect Zoom again under Settings; until then the pool hosts the meetings."},
    {MP_ALERT_WEBHOOKS, "Zoom tells nothing any more",
     "Look in Zoom's App Marketplace whether the app's event subscription is on, with this server's address and the right secret token."},
    {MP_ALERT_JOB, "A background job was given up", "Mend what the reason says; then choose Retry at the job."},
};

static const struct advice booking = {
    NULL, NULL, "It is tried again by itself. What is in the way stands with the accounts in Pool: mend it there, then choose Reset."};
static const struct advice change = {NULL, NULL, "It is sent again by itself. Where it lasts, look at the meeting's account in Pool."};

static const struct advice *find_advice(const struct advice *table, size_t count, struct mp_slice key)
{
    for (size_t i = 0; i < count; i++) {
        if (mp_slice_eq_text(key, table[i].key))
            return &table[i];
    }
    return NULL;
}

/* ---- Gathering ---- */

static struct failure *add(struct failures *f)
{
    return &f->rows[f->count < MP_COUNT(f->rows) ? f->count++ : MP_COUNT(f->rows) - 1];
}

static const char *refusal_title(struct mp_arena *arena, const struct mp_audit_row *row)
{
    const char *actor = row->actor != NULL ? row->actor : "nobody";

    if (strcmp(row->action, "POST zoom/meetings") == 0)
        return mp_arena_printf(arena, "A meeting could not be booked, asked for by %s", actor);
    return mp_arena_printf(arena, "%s failed, asked for by %s", row->action, actor);
}

/* In the log a failure's detail is its code, and where it was not the caller's, what was in the way. */
static void add_refusal(struct failures *f, const struct mp_audit_row *row)
{
    struct mp_slice rest = mp_slice_of(row->detail), code;
    const struct advice *advice;

    if (!mp_slice_split(&rest, ':', &code))
        return;
    advice = find_advice(refusals, MP_COUNT(refusals), code);
    if (advice == NULL)
        return;
    *add(f) = (struct failure){
        .at = row->at,
        .times = 1,
        .source = "request",
        .title = refusal_title(f->arena, row),
        .subject = row->subject,
        .reason = rest.len > 0 ? mp_arena_strndup(f->arena, mp_slice_trim(rest)) : NULL,
        .what_to_do = advice->what_to_do,
        .request_id = row->request_id,
    };
}

static int add_refusals(struct mp_ctx *ctx, struct failures *f, struct mp_error *err)
{
    static const struct mp_audit_query query = {
        .outcome = "failed", .from = INT64_MIN, .until = INT64_MAX, .before_id = INT64_MAX, .limit = REFUSALS_LOOKED_AT};
    struct mp_audit_row *rows;
    size_t count, before = f->count;

    if (mp_store_audit_list(ctx->db, f->arena, &query, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count && f->count < before + SHOWN_MOST; i++) {
        if (rows[i].detail != NULL)
            add_refusal(f, &rows[i]);
    }
    return 0;
}

static void add_trouble(struct failures *f, const struct mp_summary_trouble *row, const char *source, const char *title, const char *what_to_do)
{
    *add(f) = (struct failure){.at = row->at,
                               .times = row->times,
                               .source = source,
                               .title = title,
                               .subject = row->subject,
                               .reason = row->reason,
                               .what_to_do = what_to_do};
}

static int add_bookings(struct mp_ctx *ctx, struct failures *f, struct mp_error *err)
{
    struct mp_summary_trouble *rows;
    size_t count;

    if (mp_store_summary_bookings(ctx->db, f->arena, SHOWN_MOST, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        add_trouble(f, &rows[i], "booking", mp_arena_printf(f->arena, "“%s” (%s) has no meeting yet", rows[i].title, rows[i].kind),
                    booking.what_to_do);
    return 0;
}

static int add_changes(struct mp_ctx *ctx, struct failures *f, struct mp_error *err)
{
    struct mp_summary_trouble *rows;
    size_t count;

    if (mp_store_summary_changes(ctx->db, f->arena, SHOWN_MOST, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        add_trouble(f, &rows[i], "change", mp_arena_printf(f->arena, "A change of “%s” has not reached Zoom", rows[i].title), change.what_to_do);
    return 0;
}

static int add_alerts(struct mp_ctx *ctx, struct failures *f, struct mp_error *err)
{
    struct mp_summary_trouble *rows;
    size_t count;

    if (mp_store_summary_alerts(ctx->db, f->arena, SHOWN_MOST, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct advice *advice = find_advice(alerts, MP_COUNT(alerts), mp_slice_of(rows[i].kind));

        if (advice != NULL)
            add_trouble(f, &rows[i], "alert", advice->title, advice->what_to_do);
    }
    return 0;
}

/* ---- Telling ---- */

static int newest_first(const void *a, const void *b)
{
    const struct failure *x = a, *y = b;

    return x->at > y->at ? -1 : x->at < y->at;
}

static struct json_object *failure_json(const struct failure *row)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_time(out, "at", row->at);
    mp_json_put_text(out, "source", row->source);
    mp_json_put_text(out, "title", row->title);
    mp_json_put_text(out, "subject", row->subject);
    mp_json_put_text(out, "reason", row->reason);
    mp_json_put_text(out, "what_to_do", row->what_to_do);
    mp_json_put_int(out, "times", row->times);
    mp_json_put_text(out, "request_id", row->request_id);
    return out;
}

int mp_summary_put_failures(struct mp_ctx *ctx, struct json_object *data, struct mp_error *err)
{
    struct failures *f = mp_arena_array(ctx->arena, 1, sizeof(*f));
    struct json_object *list = json_object_new_array();

    mp_json_put(data, "failures", list);
    f->arena = ctx->arena;
    if (add_refusals(ctx, f, err) < 0 || add_bookings(ctx, f, err) < 0 || add_changes(ctx, f, err) < 0 || add_alerts(ctx, f, err) < 0)
        return -1;
    qsort(f->rows, f->count, sizeof(f->rows[0]), newest_first);
    for (size_t i = 0; i < f->count && i < SHOWN_MOST; i++)
        json_object_array_add(list, failure_json(&f->rows[i]));
    return 0;
}
