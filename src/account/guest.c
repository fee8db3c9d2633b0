#include <string.h>

#include "account_int.h"
#include "meetpool/clock.h"
#include "meetpool/store_account.h"

#define PREFIX     "user:"
#define FIRST_ROOM 16

/* Guests stay where they are for as long as the configuration: their number is that of the people who host, and their indices are held on to. */
static struct account_guest *new_guest(struct mp_account_runtime *runtime)
{
    struct account_guest *guest = MP_NEW(runtime->arena, struct account_guest);

    if (runtime->guests_count == runtime->guests_room) {
        size_t room = runtime->guests_room == 0 ? FIRST_ROOM : 2 * runtime->guests_room;
        struct account_guest **longer = mp_arena_array(runtime->arena, room, sizeof(struct account_guest *));

        if (runtime->guests_count > 0)
            memcpy(longer, runtime->guests, runtime->guests_count * sizeof(struct account_guest *));
        runtime->guests = longer;
        runtime->guests_room = room;
    }
    runtime->guests[runtime->guests_count++] = guest;
    return guest;
}

/* Index among the guests; -1: not met yet. */
static int met(const struct mp_account_runtime *runtime, int64_t account_row)
{
    for (size_t i = 0; i < runtime->guests_count; i++) {
        if (runtime->guests[i]->memory.row == account_row)
            return (int)i;
    }
    return -1;
}

/* `name` NULL: an account that is nobody's any more; noted, so that it is not asked for again. */
static struct account_guest *meet(struct mp_account_runtime *runtime, int64_t account_row, int64_t host_row, const char *name)
{
    int known = met(runtime, account_row);
    struct account_guest *guest;

    if (known >= 0)
        return runtime->guests[known];
    guest = new_guest(runtime);
    guest->host.user = "me";
    guest->host_row = host_row;
    guest->memory.row = account_row;
    guest->memory.host_rows = &guest->host_row;
    guest->entry = (struct mp_account_entry){.name = MP_ACCOUNT_GUEST, .hosts = &guest->host, .hosts_count = 1, .max_concurrent = 1};
    if (name != NULL)
        guest->entry.zoom_user_id = mp_arena_strdup(runtime->arena, name + strlen(PREFIX));
    return guest;
}

const struct mp_account_entry *mp_account_entry(const struct mp_account_conf *conf, size_t account)
{
    return account < conf->count ? &conf->accounts[account] : &conf->runtime->guests[account - conf->count]->entry;
}

struct account_memory *account_memory(const struct mp_account_conf *conf, size_t account)
{
    return account < conf->count ? &conf->runtime->accounts[account] : &conf->runtime->guests[account - conf->count]->memory;
}

bool mp_account_is_guest(const struct mp_account_conf *conf, int account)
{
    return account >= 0 && (size_t)account >= conf->count;
}

bool mp_account_any(const struct mp_account_conf *conf)
{
    return conf->enabled && (conf->count > 0 || conf->oauth_configured);
}

int mp_account_guest(struct mp_ctx *ctx, const char *zoom_user_id, int64_t most, int *account, struct mp_error *err)
{
    const struct mp_account_conf *conf = ctx->account_conf;
    const char *name = mp_arena_printf(ctx->arena, PREFIX "%s", zoom_user_id);
    int64_t account_row, host_row;

    if (mp_store_guest_ensure(ctx->db, name, most, &account_row, &host_row, err) < 0)
        return -1;
    (void)meet(conf->runtime, account_row, host_row, name);
    *account = (int)conf->count + met(conf->runtime, account_row);
    return 0;
}

int account_guest_by_row(struct mp_ctx *ctx, int64_t account_row, int64_t host_row, int *host, struct mp_error *err)
{
    const struct mp_account_conf *conf = ctx->account_conf;
    int known = met(conf->runtime, account_row);
    const char *name = NULL;
    int64_t row = 0;

    if (known < 0) {
        if (mp_store_guest_by_id(ctx->db, ctx->arena, account_row, &name, &row, err) < 0)
            return -1;
        (void)meet(conf->runtime, account_row, row, name);
        known = met(conf->runtime, account_row);
    }
    if (conf->runtime->guests[known]->entry.zoom_user_id == NULL)
        return -1;
    *host = conf->runtime->guests[known]->host_row == host_row ? 0 : -1;
    return (int)conf->count + known;
}

int mp_account_guest_state(struct mp_ctx *ctx, int account, int64_t now_ms, struct mp_account_state *state, struct mp_error *err)
{
    struct account_guest *guest = ctx->account_conf->runtime->guests[(size_t)account - ctx->account_conf->count];
    struct mp_host_row *rows;
    size_t count;

    *state = (struct mp_account_state){.id = guest->memory.row, .hosts = MP_NEW(ctx->arena, struct mp_host_state)};
    state->hosts[0].id = guest->host_row;
    if (mp_store_hosts(ctx->db, ctx->arena, mp_time_utc_day(now_ms), guest->memory.row, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        guest->entry.max_concurrent = rows[i].account_max_concurrent;
        account_fill_state(&rows[i], &guest->memory, 1, state);
    }
    return 0;
}

int account_guest_token(struct mp_ctx *ctx, size_t account, int64_t deadline_ms, const struct mp_secret *refused, struct mp_secret *out,
                        bool *fetched, struct mp_zoom_result *res)
{
    *fetched = refused != NULL;
    *res = (struct mp_zoom_result){.cls = MP_ZOOM_AUTH, .message = "no connections are kept here", .retry_after_ms = -1};
    if (ctx->guest_token == NULL)
        return -1;
    return ctx->guest_token(ctx, mp_account_entry(ctx->account_conf, account)->zoom_user_id, refused, deadline_ms, out, res);
}

bool mp_account_ready(struct mp_ctx *ctx, int account, int64_t deadline_ms, struct mp_zoom_result *res)
{
    struct mp_secret token;
    bool fetched;

    return !mp_account_is_guest(ctx->account_conf, account) ||
           account_guest_token(ctx, (size_t)account, deadline_ms, NULL, &token, &fetched, res) == 0;
}
