#include <string.h>

#include "meeting_int.h"
#include "meetpool/clock.h"

/* In all, of which booking takes most; what is left goes into deleting what has moved where it was. */
#define DEADLINE_MS     20000
#define DELETE_LEAST_MS 1500
#define PARALLEL        16
/* Whoever opens a meeting early does so within this; Zoom is asked about so many, for so long. */
#define EARLY_MS (30 * 60000)
#define ASK_MS   4000

/* One account on its way out of use. */
struct leaving {
    struct mp_ctx *ctx;
    int account;
    bool dry_run;
    int64_t began_ms, now_ms; /* monotonic; UTC */
    int64_t account_row;
    struct mp_evacuation *out;
};

/* ---- Which ones are to move ---- */

/* Zoom says that somebody has opened it before its time. An account that cannot be asked holds nothing up. */
static bool is_running(const struct leaving *l, const struct mp_meeting_row *row, bool *answers)
{
    struct mp_zoom_meeting zoom;
    struct mp_zoom_result res;

    if (!*answers || row->starts_at > l->now_ms + EARLY_MS)
        return false;
    meeting_fetch(l->ctx, l->account, -1, row->zoom_id, l->began_ms + ASK_MS, &zoom, &res);
    *answers = !meeting_worth_repeating(res.cls);
    return res.cls == MP_ZOOM_OK && zoom.status != NULL && strcmp(zoom.status, "started") == 0;
}

static int find(struct leaving *l, int64_t from, struct mp_error *err)
{
    struct mp_account_state *states;
    struct mp_meeting_row *rows;
    bool answers = true;

    if (mp_account_states(l->ctx, l->now_ms, &states, err) < 0)
        return -1;
    l->account_row = states[l->account].id;
    if (mp_store_meeting_to_come(l->ctx->db, l->ctx->arena, l->account_row, from > l->now_ms ? from : l->now_ms + 1, MP_EVACUATION_MAX, &rows,
                                 &l->out->count, err) < 0)
        return -1;
    l->out->items = mp_arena_array(l->ctx->arena, l->out->count + 1, sizeof(*l->out->items));
    for (size_t i = 0; i < l->out->count; i++) {
        l->out->items[i] = (struct mp_evacuated){.old = rows[i], .nearest_start = -1};
        if (is_running(l, &rows[i], &answers))
            l->out->items[i].why = "It is running already.";
    }
    return 0;
}

/* ---- Moving them ---- */

/* What came of one. */
static void note(struct leaving *l, struct mp_evacuated *item, const struct mp_meeting_item *tried)
{
    item->to = tried->meeting;
    if (item->to != NULL) {
        l->out->moved++;
        return;
    }
    item->why = tried->err.code == MP_E_CONFLICT ? "Somebody else is moving or changing it at the same moment."
                                                 : mp_meeting_refusal(l->ctx->arena, &tried->err);
    item->nearest_start = tried->err.code == MP_E_NO_CAPACITY ? mp_meeting_nearest(&tried->err) : -1;
}

static int move_all(struct leaving *l, struct mp_error *err)
{
    struct mp_arena *arena = l->ctx->arena;
    struct mp_meeting_item *items = mp_arena_array(arena, l->out->count + 1, sizeof(*items));
    struct mp_meeting_row *olds = mp_arena_array(arena, l->out->count + 1, sizeof(*olds));
    struct mp_evacuated **whose = mp_arena_array(arena, l->out->count + 1, sizeof(struct mp_evacuated *));
    size_t n = 0;

    for (size_t i = 0; i < l->out->count; i++) {
        if (l->out->items[i].why != NULL)
            continue;
        whose[n] = &l->out->items[i];
        olds[n] = whose[n]->old;
        if (meeting_spec_of(l->ctx, &olds[n], &items[n].spec, err) < 0)
            return -1;
        items[n].spec.pool_only = true;
        items[n].spec.dry_run = l->dry_run;
        n++;
    }
    if (meeting_book_others(l->ctx, items, olds, n, l->account, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        note(l, whose[i], &items[i]);
    return 0;
}

/* ---- What is left of them where they were ---- */

static void start_delete(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    const struct mp_place_row *place = arg;

    mp_zoom_meeting_delete_start(ctx->zoom, ctx->arena, token, timeout_ms, place->zoom_id, res);
}

static int settle(struct leaving *l, const struct mp_account_job *job, struct mp_error *err)
{
    const struct mp_place_row *place = job->arg;

    if (meeting_off_zoom(&job->res))
        return mp_store_place_free(l->ctx->db, place, true, err) < 0 ? -1 : 0;
    return mp_store_place_later(l->ctx->db, place, 1000, err) < 0 ? -1 : 0;
}

/* Repair goes on with those that Zoom does not delete now, as with all of them where this process dies. */
static int delete_moved(struct leaving *l, struct mp_error *err)
{
    struct mp_arena *arena = l->ctx->arena;
    struct mp_place_row *places = mp_arena_array(arena, l->out->count + 1, sizeof(*places));
    struct mp_account_job *jobs = mp_arena_array(arena, l->out->count + 1, sizeof(*jobs));
    int64_t least_ms = mp_monotonic_ms() + DELETE_LEAST_MS, until_ms = l->began_ms + DEADLINE_MS;
    size_t n = 0;

    for (size_t i = 0; i < l->out->count; i++) {
        int rc = l->out->items[i].to != NULL ? mp_store_place_by_meeting(l->ctx->db, arena, l->out->items[i].old.id, &places[n], err) : 0;

        if (rc < 0)
            return -1;
        if (rc == 0 || places[n].state != MP_PLACE_DELETING)
            continue;
        jobs[n] = (struct mp_account_job){.account = (size_t)l->account, .host = -1, .arg = &places[n]};
        n++;
    }
    mp_account_call_many(l->ctx, jobs, n, PARALLEL, until_ms > least_ms ? until_ms : least_ms, start_delete);
    for (size_t i = 0; i < n; i++) {
        if (settle(l, &jobs[i], err) < 0)
            return -1;
    }
    return 0;
}

static int count_rest(struct leaving *l, struct mp_error *err)
{
    if (mp_store_meeting_to_come_count(l->ctx->db, l->account_row, l->now_ms + 1, &l->out->remaining, err) < 0)
        return -1;
    if (l->dry_run)
        l->out->remaining -= (int64_t)l->out->moved;
    return 0;
}

int mp_meeting_evacuate(struct mp_ctx *ctx, int account, int64_t from, bool dry_run, struct mp_evacuation *out, struct mp_error *err)
{
    struct leaving l = {
        .ctx = ctx, .account = account, .dry_run = dry_run, .began_ms = mp_monotonic_ms(), .now_ms = mp_now_ms(), .account_row = 0, .out = out};

    *out = (struct mp_evacuation){0};
    if (mp_meeting_usable(ctx->account_conf, err) < 0 || (!dry_run && mp_account_cordon(ctx, account, true, err) < 0))
        return -1;
    if (find(&l, from, err) < 0 || move_all(&l, err) < 0 || (!dry_run && delete_moved(&l, err) < 0))
        return -1;
    return count_rest(&l, err);
}
