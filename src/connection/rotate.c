#include <string.h>

#include "connection_int.h"
#include "meetpool/crypto.h"

#define BATCH         100
#define CHECK_CONTEXT "key_check"
#define CHECK_TEXT    "meetpool"

/* 1 sealed anew, 0 it has changed meanwhile, or it cannot be opened; -1 the database is away. */
static int rotate_row(struct mp_ctx *ctx, enum mp_sealed_place place, const struct mp_sealed_row *row, struct mp_rotation *out, struct mp_error *err)
{
    const char *context = mp_arena_printf(ctx->arena, "%s%s", mp_sealed_context(place), row->key);
    struct mp_secret plain;
    struct mp_error wrong;
    const char *sealed;

    mp_error_init(&wrong, ctx->arena);
    if (mp_keyring_open(ctx->keyring, ctx->arena, context, mp_slice_of(row->sealed), &plain, &wrong) < 0) {
        out->unreadable++;
        out->example = wrong.detail;
        return 0;
    }
    sealed = mp_keyring_seal(ctx->keyring, ctx->arena, context, mp_secret_expose(&plain));
    mp_secret_wipe(&plain);
    return mp_store_sealed_swap(ctx->db, place, row, sealed, err);
}

static int rotate_place(struct mp_ctx *ctx, enum mp_sealed_place place, struct mp_rotation *out, struct mp_error *err)
{
    const char *newest = mp_keyring_newest_id(ctx->keyring), *after = "";
    struct mp_sealed_row *rows;
    size_t count;

    do {
        if (mp_store_sealed_next(ctx->db, ctx->arena, place, newest, after, BATCH, &rows, &count, err) < 0)
            return -1;
        for (size_t i = 0; i < count; i++) {
            int rc = rotate_row(ctx, place, &rows[i], out, err);

            if (rc < 0)
                return -1;
            out->done += rc;
            after = rows[i].key;
        }
    } while (count == BATCH);
    return 0;
}

int mp_connection_rotate(struct mp_ctx *ctx, const struct mp_connection_actor *actor, struct mp_rotation *out, struct mp_error *err)
{
    const char *missing;

    *out = (struct mp_rotation){0};
    if (mp_connection_check_keys(ctx, &missing, err) < 0)
        return -1;
    for (int place = 0; place < MP_SEALED_PLACES; place++) {
        if (rotate_place(ctx, (enum mp_sealed_place)place, out, err) < 0)
            return -1;
    }
    /* Workers with the configuration of before may have sealed with the old key meanwhile. */
    for (int place = 0; place < MP_SEALED_PLACES; place++) {
        int64_t left;

        if (mp_store_sealed_left(ctx->db, (enum mp_sealed_place)place, mp_keyring_newest_id(ctx->keyring), &left, err) < 0)
            return -1;
        out->left += left;
    }
    connection_audit(ctx, actor, "keys.rotate", mp_keyring_newest_id(ctx->keyring), out->left == 0,
                     mp_arena_printf(ctx->arena, "%lld sealed anew, %lld left, %lld unreadable", (long long)out->done, (long long)out->left,
                                     (long long)out->unreadable));
    return 0;
}

/* Whether texts that stay are sealed with that key. */
static int is_in_use(struct mp_ctx *ctx, const char *key_id, struct mp_error *err)
{
    for (int place = 0; place < MP_SEALED_PLACES; place++) {
        int rc = mp_store_sealed_with(ctx->db, (enum mp_sealed_place)place, key_id, err);

        if (rc != 0)
            return rc;
    }
    return 0;
}

int mp_connection_check_keys(struct mp_ctx *ctx, const char **missing, struct mp_error *err)
{
    const char *newest = mp_keyring_newest_id(ctx->keyring);
    struct mp_sealed_row *rows;
    bool noted = false;
    size_t count;

    *missing = NULL;
    if (mp_store_key_checks(ctx->db, ctx->arena, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct mp_secret plain;
        struct mp_error wrong;
        int used;

        noted = noted || strcmp(rows[i].key, newest) == 0;
        mp_error_init(&wrong, ctx->arena);
        if (mp_keyring_open(ctx->keyring, ctx->arena, CHECK_CONTEXT, mp_slice_of(rows[i].sealed), &plain, &wrong) == 0)
            continue;
        if (mp_keyring_has(ctx->keyring, rows[i].key))
            return mp_fail(err, MP_E_CONFIG,
                           "MEETPOOL_ENCRYPTION_KEYS: key %s is not the key that the stored tokens were sealed with under this id; put the right one "
                           "there, and give a new key an id of its own",
                           rows[i].key);
        used = is_in_use(ctx, rows[i].key, err);
        if (used < 0)
            return -1;
        if (used > 0)
            *missing = rows[i].key;
    }
    return noted ? 0
                 : mp_store_key_check_add(ctx->db, newest, mp_keyring_seal(ctx->keyring, ctx->arena, CHECK_CONTEXT, mp_slice_of(CHECK_TEXT)), err);
}
