#include <string.h>

#include "account_int.h"
#include "meetpool/clock.h"
#include "meetpool/store_account.h"

static void note_row(const struct mp_account_conf *conf, const struct mp_pool_row *row)
{
    int account = mp_account_find(conf, row->account_name);

    for (size_t h = 0; account >= 0 && h < conf->accounts[account].hosts_count; h++) {
        if (strcmp(conf->accounts[account].hosts[h].user, row->zoom_user) == 0)
            conf->runtime->accounts[account].host_rows[h] = row->host_id;
    }
}

/* The first look: one statement tells a new process all rows there are. */
static int learn_rows(struct mp_ctx *ctx, struct mp_error *err)
{
    struct mp_pool_row *rows;
    size_t count;

    if (ctx->account_conf->runtime->rows_known)
        return 0;
    if (mp_store_pool(ctx->db, ctx->arena, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        note_row(ctx->account_conf, &rows[i]);
    for (size_t i = 0; i < count; i++) {
        int account = mp_account_find(ctx->account_conf, rows[i].account_name);
        bool whole = account >= 0;

        for (size_t h = 0; whole && h < ctx->account_conf->accounts[account].hosts_count; h++)
            whole = ctx->account_conf->runtime->accounts[account].host_rows[h] != 0;
        if (whole)
            ctx->account_conf->runtime->accounts[account].row = rows[i].account_id;
    }
    ctx->account_conf->runtime->rows_known = true;
    return 0;
}

int account_rows(struct mp_ctx *ctx, size_t account, struct mp_error *err)
{
    const struct mp_account_entry *entry = mp_account_entry(ctx->account_conf, account);
    struct account_memory *memory = account_memory(ctx->account_conf, account);
    int64_t row;

    if (account < ctx->account_conf->count && learn_rows(ctx, err) < 0)
        return -1;
    if (memory->row != 0)
        return 0;
    if (mp_store_account_ensure(ctx->db, entry->name, &row, err) < 0)
        return -1;
    for (size_t h = 0; h < entry->hosts_count; h++) {
        if (mp_store_host_ensure(ctx->db, row, entry->hosts[h].user, &memory->host_rows[h], err) < 0)
            return -1;
    }
    memory->row = row;
    return 0;
}

int mp_account_install_id(struct mp_ctx *ctx, const char **id, struct mp_error *err)
{
    char *kept = ctx->account_conf->runtime->install_id;
    const char *read;

    if (kept[0] == '\0') {
        if (mp_store_install_id(ctx->db, ctx->arena, &read, err) < 0)
            return -1;
        memcpy(kept, read, strnlen(read, sizeof(ctx->account_conf->runtime->install_id) - 1));
    }
    *id = kept;
    return 0;
}

int mp_account_by_row(struct mp_ctx *ctx, int64_t account_row, int64_t host_row, int *host, struct mp_error *err)
{
    const struct mp_account_conf *conf = ctx->account_conf;

    *host = -1;
    for (size_t i = 0; i < conf->count; i++) {
        const struct account_memory *memory = &conf->runtime->accounts[i];

        if (account_rows(ctx, i, err) < 0)
            return -1;
        if (memory->row != account_row)
            continue;
        for (size_t h = 0; h < conf->accounts[i].hosts_count; h++)
            *host = memory->host_rows[h] == host_row ? (int)h : *host;
        return (int)i;
    }
    return account_guest_by_row(ctx, account_row, host_row, host, err);
}

void account_fill_state(const struct mp_host_row *row, const struct account_memory *memory, size_t hosts, struct mp_account_state *state)
{
    state->bookings = row->account_bookings;
    state->inactive_until = row->account_inactive_until;
    state->inactive_reason = row->account_inactive_reason;
    state->paused_until = row->account_paused_until;
    state->cordoned = row->account_cordoned;
    state->last_used_at = row->account_last_used_at;
    state->last_error = row->account_last_error;
    for (size_t h = 0; h < hosts; h++) {
        if (memory->host_rows[h] != row->id)
            continue;
        state->hosts[h].inactive_until = row->inactive_until;
        state->hosts[h].inactive_reason = row->inactive_reason;
        state->hosts[h].last_used_at = row->last_used_at;
        state->hosts[h].daily_used = row->daily_used;
        state->hosts[h].daily_created = row->daily_created;
    }
}

int mp_account_states(struct mp_ctx *ctx, int64_t now_ms, struct mp_account_state **states, struct mp_error *err)
{
    const struct mp_account_conf *conf = ctx->account_conf;
    struct mp_account_state *list = mp_arena_array(ctx->arena, conf->count + 1, sizeof(*list));
    struct mp_host_row *rows;
    size_t count;

    for (size_t i = 0; i < conf->count; i++) {
        if (account_rows(ctx, i, err) < 0)
            return -1;
        list[i].id = conf->runtime->accounts[i].row;
        list[i].hosts = mp_arena_array(ctx->arena, conf->accounts[i].hosts_count, sizeof(*list[i].hosts));
        for (size_t h = 0; h < conf->accounts[i].hosts_count; h++)
            list[i].hosts[h].id = conf->runtime->accounts[i].host_rows[h];
    }
    if (mp_store_hosts(ctx->db, ctx->arena, mp_time_utc_day(now_ms), 0, &rows, &count, err) < 0)
        return -1;
    for (size_t r = 0; r < count; r++) {
        for (size_t i = 0; i < conf->count; i++) {
            if (list[i].id == rows[r].account_id)
                account_fill_state(&rows[r], &conf->runtime->accounts[i], conf->accounts[i].hosts_count, &list[i]);
        }
    }
    *states = list;
    return 0;
}

int mp_account_spend(struct mp_ctx *ctx, int64_t host_row, int64_t now_ms, bool create, struct mp_error *err)
{
    return mp_store_host_spend(ctx->db, host_row, mp_time_utc_day(now_ms), ctx->account_conf->daily_limit, create, now_ms, err);
}

int mp_account_reset(struct mp_ctx *ctx, int account, struct mp_error *err)
{
    if (account < 0)
        return mp_store_account_reset(ctx->db, 0, err);
    if (account_rows(ctx, (size_t)account, err) < 0)
        return -1;
    return mp_store_account_reset(ctx->db, account_memory(ctx->account_conf, (size_t)account)->row, err);
}

int mp_account_cordon(struct mp_ctx *ctx, int account, bool cordon, struct mp_error *err)
{
    if (account_rows(ctx, (size_t)account, err) < 0)
        return -1;
    return mp_store_account_cordon(ctx->db, account_memory(ctx->account_conf, (size_t)account)->row, cordon, err);
}

static void stats_of(const struct mp_account_entry *entry, const struct mp_account_state *state, const struct mp_place_counts *places, int64_t now_ms,
                     struct mp_account_stats *out)
{
    *out = (struct mp_account_stats){.entry = entry, .state = *state, .active = true};
    if (places != NULL) {
        out->active_meetings = places->active;
        out->upcoming_meetings = places->upcoming;
    }
    for (size_t h = 0; h < entry->hosts_count; h++) {
        out->created_today += state->hosts[h].daily_created;
        out->daily_used += state->hosts[h].daily_used;
    }
    if (state->inactive_until > now_ms) {
        out->active = false;
        out->inactive_reason = state->inactive_reason;
        out->inactive_until = state->inactive_until;
    } else if (state->cordoned) {
        out->active = false;
        out->inactive_reason = "cordoned";
    } else if (out->active_meetings >= entry->max_concurrent) {
        out->active = false;
        out->inactive_reason = "at_capacity";
        out->inactive_until = places->next_end_at;
    }
}

int mp_account_stats(struct mp_ctx *ctx, struct mp_account_stats **stats, struct mp_error *err)
{
    const struct mp_account_conf *conf = ctx->account_conf;
    struct mp_account_stats *list = mp_arena_array(ctx->arena, conf->count + 1, sizeof(*list));
    struct mp_account_state *states;
    struct mp_place_counts *places;
    int64_t now_ms = mp_now_ms();
    size_t count;

    if (mp_account_states(ctx, now_ms, &states, err) < 0 || mp_store_place_counts(ctx->db, ctx->arena, now_ms, &places, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < conf->count; i++) {
        const struct mp_place_counts *own = NULL;

        for (size_t k = 0; k < count; k++)
            own = places[k].account_id == states[i].id ? &places[k] : own;
        stats_of(&conf->accounts[i], &states[i], own, now_ms, &list[i]);
    }
    *stats = list;
    return 0;
}
