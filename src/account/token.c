#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "account_int.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "meetpool/store_account.h"

/*
 * One access token an account, shared by all workers through the account's row and fetched by one of them at a time: a lease with a fence is written
 * into the row, Zoom is called with no lock held, and the token is stored only while the fence is still ours. The lease outlasts the longest call.
 */
#define LEASE_MS 15000
/* A token is given up this long before it expires. */
#define SPARE_MS 120000
/* How long a worker believes what it remembers before it looks into the row again. */
#define REMEMBER_MS 60000
#define WAIT_MS     40
/* Who waits for another worker's token call goes to the next account after this long: one that hangs must not hold up every booking in turn. */
#define WAIT_MOST_MS 4000

void account_forget(void *arg)
{
    struct account_memory *memory = arg;

    if (memory->token != NULL)
        OPENSSL_clear_free(memory->token, memory->token_len + 1);
    memory->token = NULL;
}

static void remember(struct account_memory *memory, const struct mp_secret *token, int64_t left_ms)
{
    struct mp_slice bytes = mp_secret_expose(token);

    account_forget(memory);
    memory->token = OPENSSL_malloc(bytes.len + 1);
    if (memory->token == NULL)
        return;
    memcpy(memory->token, bytes.p, bytes.len);
    memory->token[bytes.len] = '\0';
    memory->token_len = bytes.len;
    memory->token_until = mp_monotonic_ms() + (left_ms - SPARE_MS < REMEMBER_MS ? left_ms - SPARE_MS : REMEMBER_MS);
}

static bool is_refused(const struct mp_secret *refused, struct mp_slice token)
{
    return refused != NULL && mp_secret_equals(refused, token);
}

static bool recall(struct mp_ctx *ctx, struct account_memory *memory, const struct mp_secret *refused, struct mp_secret *out)
{
    struct mp_slice token = {memory->token, memory->token_len};

    if (memory->token == NULL || mp_monotonic_ms() >= memory->token_until || is_refused(refused, token))
        return false;
    *out = mp_secret_copy(ctx->arena, token);
    return true;
}

static const char *seal_context(struct mp_ctx *ctx, size_t account)
{
    return mp_arena_printf(ctx->arena, "account_token|%s", ctx->account_conf->accounts[account].name);
}

/* Takes the stored token where it is ours, whole, fresh and not the refused one. */
static bool take_stored(struct mp_ctx *ctx, size_t account, const struct mp_token_row *row, const struct mp_secret *refused, struct mp_secret *out)
{
    struct account_memory *memory = &ctx->account_conf->runtime->accounts[account];
    struct mp_error ignored;

    if (row->sealed == NULL || row->mark == NULL || strcmp(row->mark, memory->mark) != 0 || row->expires_at - row->now_ms < SPARE_MS)
        return false;
    mp_error_init(&ignored, ctx->arena);
    if (mp_keyring_open(ctx->keyring, ctx->arena, seal_context(ctx, account), mp_slice_of(row->sealed), out, &ignored) < 0)
        return false; /* sealed with a key that is gone: a new token costs one call */
    if (is_refused(refused, mp_secret_expose(out)))
        return false;
    remember(memory, out, row->expires_at - row->now_ms);
    return true;
}

static int fail_result(struct mp_zoom_result *res, enum mp_zoom_class cls, const char *message)
{
    *res = (struct mp_zoom_result){.cls = cls, .message = message, .retry_after_ms = -1};
    return -1;
}

/* Holding the lease: asks Zoom and stores. */
static int fetch(struct mp_ctx *ctx, size_t account, int64_t fence, struct mp_secret *out, struct mp_zoom_result *res, struct mp_error *err)
{
    const struct mp_account_entry *entry = &ctx->account_conf->accounts[account];
    struct account_memory *memory = &ctx->account_conf->runtime->accounts[account];
    struct mp_zoom_token token;
    const char *sealed = NULL;

    mp_zoom_token_s2s(ctx->zoom, ctx->arena, entry->account_id, entry->client_id, &entry->client_secret, &token, res);
    mp_metric_add(ctx->log->metrics, MP_METRIC_TOKEN_REFRESHES, "account", mp_zoom_class_name(res->cls), 1);
    if (res->cls == MP_ZOOM_OK)
        sealed = mp_keyring_seal(ctx->keyring, ctx->arena, seal_context(ctx, account), mp_secret_expose(&token.access_token));
    if (mp_store_token_store(ctx->db, memory->row, fence, sealed, memory->mark, token.expires_in_s * 1000, err) < 0)
        return fail_result(res, MP_ZOOM_NOT_SENT, "the token could not be stored");
    if (res->cls != MP_ZOOM_OK) {
        /* A token call does nothing at Zoom that could be left behind, whatever became of it. */
        if (res->cls == MP_ZOOM_MAYBE_DONE)
            res->cls = MP_ZOOM_NOT_SENT;
        if (res->cls == MP_ZOOM_TOKEN || res->cls == MP_ZOOM_REFUSED || res->cls == MP_ZOOM_NOT_FOUND || res->cls == MP_ZOOM_GRANT)
            res->cls = MP_ZOOM_AUTH;
        return -1;
    }
    *out = token.access_token;
    remember(memory, out, token.expires_in_s * 1000);
    return 0;
}

/* One look at the row: 1 a token, 0 look again after a while, -1 there is none. */
static int look(struct mp_ctx *ctx, size_t account, bool waited, const struct mp_secret *refused, struct mp_secret *out, bool *fetched,
                struct mp_zoom_result *res, struct mp_error *err)
{
    struct account_memory *memory = &ctx->account_conf->runtime->accounts[account];
    struct mp_token_row row;
    bool dead;
    int rc;

    if (mp_store_token_read(ctx->db, ctx->arena, memory->row, &row, err) < 0)
        return fail_result(res, MP_ZOOM_NOT_SENT, "the database is away");
    if (take_stored(ctx, account, &row, refused, out))
        return 1;
    /* Whoever held the lease has just been told that the credentials are wrong: fifty that waited need not ask, too. */
    if (waited && row.inactive_until > row.now_ms)
        return fail_result(res, MP_ZOOM_AUTH, "authentication failed a moment ago");
    dead = row.owner != NULL && ctx->owner_is_dead(ctx->owner_arg, row.owner);
    if (row.owner != NULL && row.lease_until >= row.now_ms && !dead)
        return 0;
    rc = mp_store_token_lease(ctx->db, memory->row, row.fence, dead, ctx->owner, LEASE_MS, err);
    if (rc < 0)
        return fail_result(res, MP_ZOOM_NOT_SENT, "the database is away");
    if (rc == 0)
        return 0;
    *fetched = true;
    return fetch(ctx, account, row.fence + 1, out, res, err) < 0 ? -1 : 1;
}

int account_token(struct mp_ctx *ctx, size_t account, int64_t deadline_ms, const struct mp_secret *refused, struct mp_secret *out, bool *fetched,
                  struct mp_zoom_result *res)
{
    struct account_memory *memory = account_memory(ctx->account_conf, account);
    int64_t patience_ms = mp_monotonic_ms() + WAIT_MOST_MS;
    struct mp_error err;
    bool waited = false;

    if (mp_account_is_guest(ctx->account_conf, (int)account))
        return account_guest_token(ctx, account, deadline_ms < patience_ms ? deadline_ms : patience_ms, refused, out, fetched, res);
    *fetched = false;
    mp_error_init(&err, ctx->arena);
    if (recall(ctx, memory, refused, out))
        return 0;
    account_forget(memory);
    if (account_rows(ctx, account, &err) < 0)
        return fail_result(res, MP_ZOOM_NOT_SENT, "the database is away");
    while (mp_monotonic_ms() < deadline_ms && (!waited || mp_monotonic_ms() < patience_ms)) {
        int rc = look(ctx, account, waited, refused, out, fetched, res, &err);

        if (rc != 0)
            return rc < 0 ? -1 : 0;
        waited = true;
        mp_sleep_ms(WAIT_MS);
    }
    return fail_result(res, MP_ZOOM_NOT_SENT, "no access token in time");
}
