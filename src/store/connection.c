#include "meetpool/store_connection.h"

#include <string.h>

#include "store_int.h"

#define ERROR_MOST    400
#define CONSENTS_KEPT 20

#define COLUMNS                                                                                                                                      \
    "id, sub, state, reason, zoom_user_id, zoom_account_id, zoom_email, zoom_type, pair, expires_at, renew_at, fence, owner, lease_until, begun,"    \
    " failures, try_at, connected_at, refreshed_at, last_error, last_error_at, " MP_DB_NOW_MS ", most_meetings"

static const struct mp_sql one_by_sub = {"SELECT " COLUMNS ", access_sealed, refresh_sealed FROM connection WHERE sub = ?"};
static const struct mp_sql of_zoom = {"SELECT sub FROM connection WHERE zoom_user_id = ? AND state = 'connected' ORDER BY connected_at DESC LIMIT 1"};
static const struct mp_sql list_all = {"SELECT " COLUMNS " FROM connection WHERE id < ? ORDER BY id DESC LIMIT ?"};
/* A Zoom user is one person's at a time; those of before are few. */
static const struct mp_sql all_of_zoom = {"SELECT " COLUMNS " FROM connection WHERE zoom_user_id = ? ORDER BY id LIMIT 100"};
static const struct mp_sql sharers = {"SELECT sub FROM connection WHERE zoom_user_id = ? AND sub <> ? AND state = 'connected' ORDER BY sub"};
static const struct mp_sql put = {
    "INSERT INTO connection (sub, state, zoom_user_id, zoom_account_id, zoom_email, zoom_type, most_meetings, access_sealed, refresh_sealed,"
    " expires_at, renew_at, connected_at, refreshed_at)"
    " VALUES (?, 'connected', ?, ?, ?, ?, ?, ?, ?, " MP_DB_NOW_MS " + ?, " MP_DB_NOW_MS " + ?, " MP_DB_NOW_MS ", " MP_DB_NOW_MS ")"
    " ON DUPLICATE KEY UPDATE state = 'connected', reason = NULL, zoom_user_id = VALUES(zoom_user_id), zoom_account_id = VALUES(zoom_account_id),"
    " zoom_email = VALUES(zoom_email), zoom_type = VALUES(zoom_type), most_meetings = VALUES(most_meetings),"
    " access_sealed = VALUES(access_sealed),"
    " refresh_sealed = VALUES(refresh_sealed), pair = pair + 1, expires_at = VALUES(expires_at), renew_at = VALUES(renew_at), fence = fence + 1,"
    " owner = NULL, lease_until = 0, begun = 0, failures = 0, try_at = 0, connected_at = VALUES(connected_at),"
    " refreshed_at = VALUES(refreshed_at), last_error = NULL, last_error_at = 0"};
static const struct mp_sql taken_over = {
    "UPDATE connection SET state = 'reconnect_needed', reason = 'taken_over', access_sealed = NULL, refresh_sealed = NULL, pair = pair + 1,"
    " fence = fence + 1, owner = NULL, lease_until = 0 WHERE zoom_user_id = ? AND sub <> ? AND state = 'connected'"};
static const struct mp_sql lease = {"UPDATE connection SET owner = ?, lease_until = " MP_DB_NOW_MS " + ?, fence = fence + 1, begun = begun + ?"
                                    " WHERE id = ? AND fence = ? AND (? = 1 OR owner IS NULL OR lease_until < " MP_DB_NOW_MS ")"};
static const struct mp_sql renewed = {"UPDATE connection SET access_sealed = ?, refresh_sealed = ?, pair = pair + 1, expires_at = " MP_DB_NOW_MS
                                      " + ?, renew_at = " MP_DB_NOW_MS " + ?, refreshed_at = " MP_DB_NOW_MS
                                      ", state = 'connected', reason = NULL, fence = fence + 1, owner = NULL, lease_until = 0, begun = 0,"
                                      " failures = 0, try_at = 0, last_error = NULL WHERE id = ? AND pair = ?"};
static const struct mp_sql failed = {"UPDATE connection SET owner = NULL, lease_until = 0, fence = fence + 1, begun = begun - ?,"
                                     " failures = failures + 1, try_at = " MP_DB_NOW_MS " + ?, last_error = ?, last_error_at = " MP_DB_NOW_MS
                                     " WHERE id = ? AND pair = ? AND fence = ?"};
static const struct mp_sql dead = {
    "UPDATE connection SET state = 'reconnect_needed', reason = ?, access_sealed = NULL, refresh_sealed = NULL, owner = NULL, lease_until = 0,"
    " fence = fence + 1, last_error = ?, last_error_at = " MP_DB_NOW_MS " WHERE id = ? AND pair = ? AND fence = ?"};
static const struct mp_sql licence = {"UPDATE connection SET zoom_email = ?, zoom_type = ?, most_meetings = ? WHERE id = ? AND zoom_user_id = ?"};
static const struct mp_sql deauthorized = {
    "UPDATE connection SET state = 'reconnect_needed', reason = 'deauthorized', access_sealed = NULL, refresh_sealed = NULL, pair = pair + 1,"
    " fence = fence + 1, owner = NULL, lease_until = 0 WHERE id = ? AND zoom_user_id = ? AND state = 'connected' AND connected_at <= ?"};
static const struct mp_sql deauthorized_dead = {
    "UPDATE connection SET reason = 'deauthorized' WHERE id = ? AND zoom_user_id = ? AND reason = 'revoked' AND connected_at <= ?"};
static const struct mp_sql remove_row = {"DELETE FROM connection WHERE id = ? AND fence = ?"};
static const struct mp_sql idle = {"SELECT sub FROM connection WHERE state = 'connected' AND refreshed_at < " MP_DB_NOW_MS
                                   " - ? AND refresh_sealed IS NOT NULL AND try_at < " MP_DB_NOW_MS " ORDER BY refreshed_at LIMIT ?"};
/* Each status by itself, so that the index of host, status and start is walked. */
#define OWN_TO_COME(status)                                                                                                                          \
    "(SELECT COUNT(*) FROM meeting m JOIN account a ON a.id = m.account_id AND a.guest = 1 WHERE m.host_sub = ? AND m.status = '" status             \
    "' AND m.starts_at > ?)"
static const struct mp_sql meetings = {"SELECT " OWN_TO_COME("creating") " + " OWN_TO_COME("scheduled")};

static const struct mp_sql wake = {
    "UPDATE place p JOIN account a ON a.id = p.account_id AND a.name = CONCAT('user:', ?) SET p.check_at = " MP_DB_NOW_MS ", p.checks = 0"
    " WHERE p.state IN ('creating', 'deleting', 'lost') AND p.owner IS NULL AND p.check_at > " MP_DB_NOW_MS};

static const struct mp_sql consent_add = {"INSERT INTO oauth_state (state_hash, sub, browser_hash, verifier_sealed, expires_at)"
                                          " VALUES (?, ?, ?, ?, " MP_DB_NOW_MS " + ?)"};
static const struct mp_sql consent_oldest_kept = {"SELECT id FROM oauth_state WHERE sub = ? ORDER BY id DESC LIMIT 1 OFFSET ?"};
static const struct mp_sql consent_trim = {"DELETE FROM oauth_state WHERE sub = ? AND id < ?"};
static const struct mp_sql consent_read = {"SELECT id, sub, browser_hash, verifier_sealed, used_at IS NOT NULL, expires_at <= " MP_DB_NOW_MS
                                           " FROM oauth_state WHERE state_hash = ?"};
static const struct mp_sql consent_use = {"UPDATE oauth_state SET used_at = " MP_DB_NOW_MS
                                          " WHERE id = ? AND used_at IS NULL AND expires_at > " MP_DB_NOW_MS};
static const struct mp_sql consent_expire = {"DELETE FROM oauth_state WHERE expires_at < " MP_DB_NOW_MS " - ? LIMIT ?"};

const char *mp_connection_state_name(enum mp_connection_state state)
{
    return state == MP_CONNECTION_CONNECTED ? "connected" : "reconnect_needed";
}

static void read_columns(struct mp_stmt *st, struct mp_arena *arena, struct mp_connection_row *row)
{
    const char *state = mp_col_text(st, 2, arena);

    *row = (struct mp_connection_row){
        .id = mp_col_i64(st, 0),
        .sub = mp_col_text(st, 1, arena),
        .state = strcmp(state, "connected") == 0 ? MP_CONNECTION_CONNECTED : MP_CONNECTION_RECONNECT,
        .reason = mp_col_text(st, 3, arena),
        .zoom_user_id = mp_col_text(st, 4, arena),
        .zoom_account_id = mp_col_text(st, 5, arena),
        .zoom_email = mp_col_text(st, 6, arena),
        .zoom_type = mp_col_i64(st, 7),
        .pair = mp_col_i64(st, 8),
        .expires_at = mp_col_i64(st, 9),
        .renew_at = mp_col_i64(st, 10),
        .fence = mp_col_i64(st, 11),
        .owner = mp_col_text(st, 12, arena),
        .lease_until = mp_col_i64(st, 13),
        .begun = mp_col_i64(st, 14),
        .failures = mp_col_i64(st, 15),
        .try_at = mp_col_i64(st, 16),
        .connected_at = mp_col_i64(st, 17),
        .refreshed_at = mp_col_i64(st, 18),
        .last_error = mp_col_text(st, 19, arena),
        .last_error_at = mp_col_i64(st, 20),
        .now_ms = mp_col_i64(st, 21),
        .most_meetings = mp_col_i64(st, 22),
    };
}

int mp_store_connection_by_sub(struct mp_db *db, struct mp_arena *arena, const char *sub, struct mp_connection_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &one_by_sub);
    int rc;

    mp_bind_text(st, sub);
    rc = mp_db_one(st, err);
    if (rc <= 0)
        return rc;
    read_columns(st, arena, row);
    row->access_sealed = mp_col_text(st, 23, arena);
    row->refresh_sealed = mp_col_text(st, 24, arena);
    mp_db_done(st);
    return 1;
}

int mp_store_connection_of_zoom(struct mp_db *db, struct mp_arena *arena, const char *zoom_user_id, const char **sub, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &of_zoom);
    int rc;

    mp_bind_text(st, zoom_user_id);
    rc = mp_db_one(st, err);
    if (rc > 0)
        *sub = mp_col_text(st, 0, arena);
    return rc;
}

static int read_rows(struct mp_stmt *st, struct mp_arena *arena, struct mp_connection_row **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_connection_row)};
    int rc;

    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0)
        read_columns(st, arena, store_list_next(&list));
    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_connection_list(struct mp_db *db, struct mp_arena *arena, int64_t before_id, unsigned limit, struct mp_connection_row **rows,
                             size_t *count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &list_all);

    mp_bind_i64(st, before_id);
    mp_bind_i64(st, (int64_t)limit);
    return read_rows(st, arena, rows, count, err);
}

int mp_store_connection_all_of_zoom(struct mp_db *db, struct mp_arena *arena, const char *zoom_user_id, struct mp_connection_row **rows,
                                    size_t *count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &all_of_zoom);

    mp_bind_text(st, zoom_user_id);
    return read_rows(st, arena, rows, count, err);
}

static int read_texts(struct mp_stmt *st, struct mp_arena *arena, const char ***texts, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(const char *)};
    int rc;

    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        const char **text = store_list_next(&list);

        *text = mp_col_text(st, 0, arena);
    }
    *texts = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_connection_sharers(struct mp_db *db, struct mp_arena *arena, const char *zoom_user_id, const char *but_sub, const char ***subs,
                                size_t *count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &sharers);

    mp_bind_text(st, zoom_user_id);
    mp_bind_text(st, but_sub);
    return read_texts(st, arena, subs, count, err);
}

int mp_store_connection_put(struct mp_db *db, const struct mp_connection_row *row, const struct mp_connection_tokens *tokens, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &put);

    mp_bind_text(st, row->sub);
    mp_bind_text(st, row->zoom_user_id);
    mp_bind_text(st, row->zoom_account_id);
    mp_bind_text(st, row->zoom_email);
    mp_bind_i64(st, row->zoom_type);
    mp_bind_i64(st, row->most_meetings);
    mp_bind_text(st, tokens->access_sealed);
    mp_bind_text(st, tokens->refresh_sealed);
    mp_bind_i64(st, tokens->expires_in_ms);
    mp_bind_i64(st, tokens->renew_in_ms);
    return mp_db_run(st, err);
}

static int run_guarded(struct mp_stmt *st, struct mp_error *err)
{
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : 0;
}

int mp_store_connection_taken_over(struct mp_db *db, const char *zoom_user_id, const char *by_sub, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &taken_over);

    mp_bind_text(st, zoom_user_id);
    mp_bind_text(st, by_sub);
    return mp_db_run(st, err);
}

int mp_store_connection_lease(struct mp_db *db, struct mp_connection_row *row, bool steal, bool begin, const char *owner, int64_t lease_ms,
                              struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &lease);
    int rc;

    mp_bind_text(st, owner);
    mp_bind_i64(st, lease_ms);
    mp_bind_i64(st, begin ? 1 : 0);
    mp_bind_i64(st, row->id);
    mp_bind_i64(st, row->fence);
    mp_bind_i64(st, steal ? 1 : 0);
    rc = run_guarded(st, err);
    if (rc > 0) {
        row->fence++;
        row->begun += begin ? 1 : 0;
    }
    return rc;
}

int mp_store_connection_renewed(struct mp_db *db, const struct mp_connection_row *row, const struct mp_connection_tokens *tokens,
                                struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &renewed);

    mp_bind_text(st, tokens->access_sealed);
    mp_bind_text(st, tokens->refresh_sealed);
    mp_bind_i64(st, tokens->expires_in_ms);
    mp_bind_i64(st, tokens->renew_in_ms);
    mp_bind_i64(st, row->id);
    mp_bind_i64(st, row->pair);
    return run_guarded(st, err);
}

static void bind_guard(struct mp_stmt *st, const struct mp_connection_row *row)
{
    mp_bind_i64(st, row->id);
    mp_bind_i64(st, row->pair);
    mp_bind_i64(st, row->fence);
}

int mp_store_connection_failed(struct mp_db *db, const struct mp_connection_row *row, bool unsent, int64_t wait_ms, const char *error,
                               struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &failed);

    mp_bind_i64(st, unsent ? 1 : 0);
    mp_bind_i64(st, wait_ms);
    mp_bind_text(st, store_cut(err->arena, error, ERROR_MOST));
    bind_guard(st, row);
    return run_guarded(st, err);
}

int mp_store_connection_dead(struct mp_db *db, const struct mp_connection_row *row, const char *reason, const char *error, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &dead);

    mp_bind_text(st, reason);
    mp_bind_text(st, store_cut(err->arena, error, ERROR_MOST));
    bind_guard(st, row);
    return run_guarded(st, err);
}

int mp_store_connection_licence(struct mp_db *db, const struct mp_connection_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &licence);

    mp_bind_text(st, row->zoom_email);
    mp_bind_i64(st, row->zoom_type);
    mp_bind_i64(st, row->most_meetings);
    mp_bind_i64(st, row->id);
    mp_bind_text(st, row->zoom_user_id);
    return mp_db_run(st, err);
}

static void bind_deauthorized(struct mp_stmt *st, const struct mp_connection_row *row, int64_t at_ms)
{
    mp_bind_i64(st, row->id);
    mp_bind_text(st, row->zoom_user_id);
    mp_bind_i64(st, at_ms);
}

int mp_store_connection_deauthorized(struct mp_db *db, const struct mp_connection_row *row, int64_t at_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &deauthorized);
    int rc;

    bind_deauthorized(st, row, at_ms);
    rc = run_guarded(st, err);
    if (rc != 0)
        return rc;
    /* That it was refused was found out before it was told why. */
    st = mp_db_begin(db, &deauthorized_dead);
    bind_deauthorized(st, row, at_ms);
    return mp_db_run(st, err);
}

int mp_store_connection_remove(struct mp_db *db, const struct mp_connection_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &remove_row);

    mp_bind_i64(st, row->id);
    mp_bind_i64(st, row->fence);
    return run_guarded(st, err);
}

int mp_store_connection_idle(struct mp_db *db, struct mp_arena *arena, int64_t idle_ms, unsigned limit, const char ***subs, size_t *count,
                             struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &idle);

    mp_bind_i64(st, idle_ms);
    mp_bind_i64(st, (int64_t)limit);
    return read_texts(st, arena, subs, count, err);
}

int mp_store_connection_meetings(struct mp_db *db, const char *sub, int64_t now_ms, int64_t *count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meetings);

    mp_bind_text(st, sub);
    mp_bind_i64(st, now_ms);
    mp_bind_text(st, sub);
    mp_bind_i64(st, now_ms);
    if (mp_db_one(st, err) < 0)
        return -1;
    *count = mp_col_i64(st, 0);
    return 0;
}

int mp_store_connection_wake(struct mp_db *db, const char *zoom_user_id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &wake);

    mp_bind_text(st, zoom_user_id);
    return mp_db_run(st, err);
}

/* ---- Consents ---- */

static int trim_consents(struct mp_db *db, const char *sub, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &consent_oldest_kept);
    int64_t oldest;
    int rc;

    mp_bind_text(st, sub);
    mp_bind_i64(st, CONSENTS_KEPT - 1);
    rc = mp_db_one(st, err);
    if (rc <= 0)
        return rc;
    oldest = mp_col_i64(st, 0);
    st = mp_db_begin(db, &consent_trim);
    mp_bind_text(st, sub);
    mp_bind_i64(st, oldest);
    return mp_db_run(st, err);
}

int mp_store_consent_add(struct mp_db *db, const char *state_hash, const struct mp_consent_row *row, int64_t ttl_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &consent_add);

    mp_bind_text(st, state_hash);
    mp_bind_text(st, row->sub);
    mp_bind_text(st, row->browser_hash);
    mp_bind_text(st, row->verifier_sealed);
    mp_bind_i64(st, ttl_ms);
    if (mp_db_run(st, err) < 0)
        return -1;
    return trim_consents(db, row->sub, err);
}

int mp_store_consent_read(struct mp_db *db, struct mp_arena *arena, const char *state_hash, struct mp_consent_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &consent_read);
    int rc;

    mp_bind_text(st, state_hash);
    rc = mp_db_one(st, err);
    if (rc <= 0)
        return rc;
    *row = (struct mp_consent_row){.id = mp_col_i64(st, 0), .used = mp_col_i64(st, 4) != 0, .expired = mp_col_i64(st, 5) != 0};
    row->sub = mp_col_text(st, 1, arena);
    row->browser_hash = mp_col_text(st, 2, arena);
    row->verifier_sealed = mp_col_text(st, 3, arena);
    return 1;
}

int mp_store_consent_use(struct mp_db *db, int64_t id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &consent_use);

    mp_bind_i64(st, id);
    return run_guarded(st, err);
}

int mp_store_consent_expire(struct mp_db *db, int64_t kept_ms, unsigned limit, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &consent_expire);

    mp_bind_i64(st, kept_ms);
    mp_bind_i64(st, (int64_t)limit);
    return mp_db_run(st, err);
}
