#include "meeting_int.h"
#include "meetpool/clock.h"

struct holding {
    struct mp_ctx *ctx;
    const struct mp_place_row *place;
    const struct mp_meeting_row *row;
    const struct mp_meeting_facts *facts;
    const char *placement;
    int64_t lease_ms, now_ms;
    int held;
};

/* The transaction: there is one meeting before it, and one after it. */
static int hold_and_swap(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct holding *h = arg;
    struct mp_arena *arena = h->ctx->arena;
    struct mp_place_row gone;
    int rc;

    h->held = mp_store_place_hold(db, h->place, h->facts, h->placement, h->now_ms, err);
    if (h->held <= 0)
        return h->held;
    rc = mp_store_meeting_replaced(db, h->row->id, h->now_ms, err);
    if (rc < 0)
        return -1;
    if (rc > 0)
        return mp_store_place_delete(db, arena, h->row->replaces, h->ctx->owner, h->lease_ms, &gone, err) < 0 ? -1 : 0;
    if (mp_store_place_delete(db, arena, h->row->id, h->ctx->owner, 0, &gone, err) < 0)
        return -1;
    return mp_store_meeting_status(db, h->row->id, MP_MEETING_FAILED, h->now_ms, err) < 0 ? -1 : 0;
}

int meeting_hold(struct mp_ctx *ctx, const struct mp_place_row *place, const struct mp_meeting_row *row, const struct mp_meeting_facts *facts,
                 const char *placement, int64_t lease_ms, struct mp_error *err)
{
    struct holding h = {ctx, place, row, facts, placement, lease_ms, mp_now_ms(), 0};

    if (row->replaces == 0)
        return mp_store_place_hold(ctx->db, place, facts, placement, h.now_ms, err);
    return mp_tx_run(ctx->db, hold_and_swap, &h, err) < 0 ? -1 : h.held;
}

int meeting_told(struct mp_ctx *ctx, int64_t id, int64_t version, struct mp_error *err)
{
    if (mp_store_meeting_told(ctx->db, id, version, NULL, err) < 0)
        return -1;
    return mp_store_spares_free(ctx->db, id, err);
}
