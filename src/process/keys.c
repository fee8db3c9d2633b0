#include "meetpool/connection.h"
#include "process_int.h"

int keys_check(struct mp_ctx *ctx, bool *done, struct mp_error *err)
{
    const char *missing;

    *done = mp_connection_check_keys(ctx, &missing, err) == 0;
    if (!*done)
        return err->code == MP_E_CONFIG ? -1 : 0;
    if (missing != NULL)
        mp_log(ctx->log, MP_ERROR, "keys.missing", MP_STR("key", missing),
               MP_STR("mend", "texts are stored that are sealed with this key: add it to MEETPOOL_ENCRYPTION_KEYS, behind the newest"));
    return 0;
}

int keys_check_once(const struct mp_settings *settings, struct mp_log *log, struct mp_error *err)
{
    struct mp_arena *arena = mp_arena_new();
    struct mp_db *db = mp_db_new(&settings->db, log);
    struct mp_ctx ctx = {.arena = arena, .db = db, .log = log, .keyring = settings->keyring};
    bool done;
    int rc = keys_check(&ctx, &done, err);

    mp_db_free(db);
    mp_arena_free(arena);
    return rc;
}
