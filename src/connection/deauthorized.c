#include <string.h>

#include "connection_int.h"

struct removal {
    const struct mp_connection_row *row;
    int64_t at_ms;
};

static int remove_tokens(struct mp_db *db, void *arg, struct mp_error *err)
{
    const struct removal *removal = arg;

    return mp_store_connection_deauthorized(db, removal->row, removal->at_ms, err);
}

/* Zoom's ids of users are its own; the account is held against it where both are known. */
static bool is_of_account(const struct mp_connection_row *row, const char *zoom_account_id)
{
    return zoom_account_id == NULL || row->zoom_account_id == NULL || strcmp(row->zoom_account_id, zoom_account_id) == 0;
}

int mp_connection_deauthorized(struct mp_ctx *ctx, const char *zoom_user_id, const char *zoom_account_id, int64_t at_ms, struct mp_error *err)
{
    struct mp_connection_row *rows;
    size_t count;

    if (mp_store_connection_all_of_zoom(ctx->db, ctx->arena, zoom_user_id, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct removal removal = {&rows[i], at_ms};
        const struct connection_change change = {
            .ctx = ctx,
            .sub = rows[i].sub,
            .change = remove_tokens,
            .arg = &removal,
            .action = "connection.deauthorized",
            .ok = true,
            .detail = mp_arena_printf(ctx->arena, "Zoom user %s has removed the app", zoom_user_id),
            .alert_kind = MP_ALERT_CONNECTION,
            .alert = "The app was removed in Zoom. The system's account hosts this person's meetings until they connect again.",
        };
        int rc = is_of_account(&rows[i], zoom_account_id) ? connection_change(&change, err) : 0;

        if (rc < 0)
            return -1;
        if (rc > 0)
            mp_log(ctx->log, MP_WARNING, "connection.deauthorized", MP_STR("person", rows[i].sub), MP_STR("zoom_user", zoom_user_id));
    }
    return 0;
}
