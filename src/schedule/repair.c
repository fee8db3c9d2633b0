#include <stdlib.h>

#include "meetpool/clock.h"
#include "schedule_int.h"

/* Of those that are due the ones that start soonest come first. */
#define DUE_MAX   100
#define ROUND_MAX 20
#define POLL_MS   100
/* Zoom fails: others wait for so long, so that not each of them finds it out. */
#define PUT_OFF_MS 1000
/* One that works again after so many tries says that Zoom is back. */
#define BACK_TRIES 3

/* Statements over several rows and claims of one meet in the index of what is due: each is a transaction, so that a deadlock is tried again. */
static int release_one(struct mp_db *db, void *arg, struct mp_error *err)
{
    return mp_store_booking_release(db, arg, err);
}

static int put_off_others(struct mp_db *db, void *arg, struct mp_error *err)
{
    (void)arg;
    return mp_store_booking_put_off(db, PUT_OFF_MS, err);
}

static int hurry_others(struct mp_db *db, void *arg, struct mp_error *err)
{
    (void)arg;
    return mp_store_booking_hurry(db, err);
}

struct claiming {
    struct mp_booking_row *row;
    const char *worker;
    int rc;
};

static int claim_one(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct claiming *c = arg;

    c->rc = mp_store_booking_claim(db, c->row, c->worker, SCHEDULE_LEASE_MS, err);
    return c->rc < 0 ? -1 : 0;
}

/* The lease, and the row as it is now that nobody else works on it. */
static int claim(struct mp_ctx *ctx, struct mp_booking_row *row, struct mp_error *err)
{
    struct claiming c = {.row = row, .worker = ctx->owner};

    if (mp_tx_run(ctx->db, claim_one, &c, err) < 0)
        return -1;
    return c.rc > 0 ? mp_store_booking_by_id(ctx->db, ctx->arena, row->id, row, err) : 0;
}

int schedule_release_dead(struct mp_ctx *ctx, struct mp_error *err)
{
    const char **workers;
    size_t count;

    if (ctx->owner_is_dead == NULL)
        return 0;
    if (mp_store_booking_holders(ctx->db, ctx->arena, &workers, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        char *worker = mp_arena_strdup(ctx->arena, workers[i]);

        if (worker != NULL && ctx->owner_is_dead(ctx->owner_arg, worker) && mp_tx_run(ctx->db, release_one, worker, err) < 0)
            return -1;
    }
    return 0;
}

int schedule_take(struct mp_ctx *ctx, struct mp_booking_row *row, int64_t until_ms, struct mp_error *err)
{
    for (;;) {
        int rc;

        if (schedule_release_dead(ctx, err) < 0)
            return -1;
        rc = claim(ctx, row, err);
        if (rc != 0)
            return rc;
        if (mp_store_booking_by_id(ctx->db, ctx->arena, row->id, row, err) < 0)
            return -1;
        if (!row->dirty || mp_monotonic_ms() >= until_ms)
            return 0;
        mp_sleep_ms(POLL_MS);
    }
}

static int by_start(const void *a, const void *b)
{
    int64_t x = ((const struct mp_booking_row *)a)->starts_at, y = ((const struct mp_booking_row *)b)->starts_at;

    return (x > y) - (x < y);
}

/* Claims up to `most` of what is due from `rows`, which are used up. */
static int claim_some(struct mp_ctx *ctx, struct mp_booking_row **rows, size_t *left, struct agreement *list, size_t most, size_t *count,
                      struct mp_error *err)
{
    for (*count = 0; *left > 0 && *count < most; (*rows)++, (*left)--) {
        struct mp_booking *booking = MP_NEW(ctx->arena, struct mp_booking);
        int rc = claim(ctx, *rows, err);

        if (rc < 0)
            return -1;
        booking->row = **rows;
        if (rc > 0)
            list[(*count)++] = (struct agreement){.booking = booking};
    }
    return 0;
}

static bool zoom_failed(const struct agreement *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].why.code == MP_E_NO_ACCOUNT || list[i].why.code == MP_E_ZOOM_FAILED)
            return true;
    }
    return false;
}

/* Whether Zoom answers one that it has failed often: then all that waits is worth a try. */
static bool zoom_is_back(const struct agreement *list, const int64_t *tries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (tries[i] >= BACK_TRIES && list[i].outcome.state == MP_STATE_OK)
            return true;
    }
    return false;
}

/* Works on some; `well`: Zoom answers. */
static int work(struct mp_ctx *ctx, struct agreement *list, size_t count, bool *well, struct mp_error *err)
{
    int64_t tries[ROUND_MAX];

    for (size_t i = 0; i < count; i++)
        tries[i] = list[i].booking->row.tries;
    schedule_agree(ctx, list, count);
    *well = !zoom_failed(list, count);
    if (schedule_settle(ctx, list, count, err) < 0)
        return -1;
    return zoom_is_back(list, tries, count) ? mp_tx_run(ctx->db, hurry_others, NULL, err) : 0;
}

int mp_booking_repair(struct mp_ctx *ctx, unsigned *done, struct mp_error *err)
{
    struct agreement list[ROUND_MAX];
    struct mp_booking_row *rows;
    size_t left, count;
    bool well = true;

    *done = 0;
    if (schedule_hear(ctx, err) < 0 || schedule_release_dead(ctx, err) < 0 ||
        mp_store_booking_due(ctx->db, ctx->arena, DUE_MAX, &rows, &left, err) < 0)
        return -1;
    if (left > 1)
        qsort(rows, left, sizeof(*rows), by_start);
    /* The first one alone finds out whether Zoom answers. */
    for (size_t most = 1; left > 0 && well && *done < ROUND_MAX; most = ROUND_MAX - *done) {
        if (claim_some(ctx, &rows, &left, list, most, &count, err) < 0)
            return -1;
        if (count > 0 && work(ctx, list, count, &well, err) < 0)
            return -1;
        *done += well ? (unsigned)count : 0;
    }
    return well ? 0 : mp_tx_run(ctx->db, put_off_others, NULL, err);
}
