#include <string.h>

#include "book_int.h"
#include "meetpool/connection.h"

int own_look_up(struct mp_ctx *ctx, const char *sub, struct own_account *own, struct mp_error *err)
{
    struct mp_connection_row row;
    int rc;

    if (own->sub != NULL && strcmp(own->sub, sub) == 0)
        return 0;
    *own = (struct own_account){.sub = sub, .account = -1};
    rc = mp_connection_read(ctx, sub, &row, err);
    if (rc <= 0)
        return rc;
    own->email = row.zoom_email;
    own->connected_at = row.connected_at;
    if (row.state != MP_CONNECTION_CONNECTED)
        own->dead = "Zoom no longer accepts the connection; connecting again mends this";
    return mp_account_guest(ctx, row.zoom_user_id, mp_connection_capacity(&row), &own->account, err);
}

struct mp_account_state *booking_state(struct booking *b, size_t account)
{
    return mp_account_is_guest(b->ctx->account_conf, (int)account) ? &b->own_state : &b->states[account];
}

const struct mp_candidate *booking_own(const struct booking *b)
{
    for (size_t i = 0; i < b->candidates_count; i++) {
        if (mp_account_is_guest(b->ctx->account_conf, (int)b->candidates[i].account))
            return &b->candidates[i];
    }
    return NULL;
}

/* What Zoom said against the credentials before the person consented anew says nothing of those there are now. */
static void forgive(const struct booking *b, struct mp_account_state *state)
{
    if (state->inactive_reason != NULL && strcmp(state->inactive_reason, "authentication") == 0 &&
        state->inactive_until - b->ctx->account_conf->cooldown_s * 1000 < b->own->connected_at)
        state->inactive_until = 0;
}

static int judge(struct booking *b, struct mp_candidate *c, struct mp_error *err)
{
    struct mp_busy *busy;
    size_t count;

    *c = (struct mp_candidate){.account = (size_t)b->own->account, .host = -1, .verdict = MP_VERDICT_INACTIVE, .why = b->own->dead};
    if (mp_account_guest_state(b->ctx, b->own->account, b->now_ms, &b->own_state, err) < 0)
        return -1;
    if (b->own->dead != NULL)
        return 0;
    forgive(b, &b->own_state);
    if (booking_busy(b, b->own_state.id, b->want.until, &busy, &count, err) < 0)
        return -1;
    mp_choose_judge(b->ctx->account_conf, (size_t)b->own->account, &b->own_state, busy, count, &b->want, c);
    return 0;
}

int booking_add_own(struct booking *b, struct mp_error *err)
{
    const char *sub = b->spec->own_sub != NULL ? b->spec->own_sub : b->spec->host_sub;
    struct mp_candidate *longer;
    struct mp_candidate own;
    size_t at, n = b->candidates_count;

    if (sub == NULL || b->spec->account >= 0 || b->spec->pool_only)
        return 0;
    if (own_look_up(b->ctx, sub, b->own, err) < 0)
        return -1;
    if (b->own->account < 0)
        return 0;
    if (judge(b, &own, err) < 0)
        return -1;
    longer = mp_arena_array(b->ctx->arena, n + 1, sizeof(*longer));
    at = own.host >= 0 && own.inactive ? n : 0;
    for (size_t i = 0; i < n; i++)
        longer[i + (i >= at ? 1 : 0)] = b->candidates[i];
    longer[at] = own;
    b->candidates = longer;
    b->candidates_count = n + 1;
    return 0;
}

int booking_nearest_own(struct booking *b, int64_t until, int64_t *nearest, struct mp_error *err)
{
    const struct mp_candidate *own = booking_own(b);
    struct mp_busy *busy;
    size_t count;

    if (own == NULL || own->verdict != MP_VERDICT_FULL)
        return 0;
    if (booking_busy(b, b->own_state.id, until, &busy, &count, err) < 0)
        return -1;
    *nearest = mp_choose_nearest_of(b->ctx->arena, b->ctx->account_conf, own->account, &b->own_state, busy, count, &b->want, *nearest);
    return 0;
}
