#include "meetpool/store_account.h"

#include "meetpool/crypto.h"
#include "store_int.h"

/* A meeting lasts at most a day and its grace another at most; so nothing that began longer ago can touch an interval. */
#define BUSY_REACH_MS (2 * INT64_C(86400000))

static const struct mp_sql install_read = {"SELECT install_id FROM installation WHERE id = 1"};
static const struct mp_sql install_make = {"INSERT IGNORE INTO installation (id, install_id, created_at) VALUES (1, ?, " MP_DB_NOW_MS ")"};
static const struct mp_sql account_read = {"SELECT id FROM account WHERE name = ?"};
static const struct mp_sql account_make = {"INSERT IGNORE INTO account (name) VALUES (?)"};
static const struct mp_sql host_read = {"SELECT id FROM host WHERE account_id = ? AND zoom_user = ?"};
static const struct mp_sql host_make = {"INSERT IGNORE INTO host (account_id, zoom_user) VALUES (?, ?)"};
static const struct mp_sql pool_read = {"SELECT a.name, h.zoom_user, a.id, h.id FROM account a JOIN host h ON h.account_id = a.id WHERE a.guest = 0"};
static const struct mp_sql guest_read = {
    "SELECT a.id, h.id, a.max_concurrent FROM account a JOIN host h ON h.account_id = a.id AND h.zoom_user = 'me' WHERE a.name = ?"};
static const struct mp_sql guest_make = {"INSERT INTO account (name, guest, max_concurrent) VALUES (?, 1, ?)"
                                         " ON DUPLICATE KEY UPDATE max_concurrent = VALUES(max_concurrent)"};
static const struct mp_sql guest_by_id = {"SELECT a.name, h.id FROM account a JOIN host h ON h.account_id = a.id WHERE a.id = ? AND a.guest = 1"};
#define HOSTS                                                                                                                                        \
    "SELECT h.id, h.account_id, h.inactive_until, h.inactive_reason, h.last_used_at, IF(h.daily_day = ?, h.daily_used, 0),"                          \
    " IF(h.daily_day = ?, h.daily_created, 0), a.bookings, a.inactive_until, a.inactive_reason, a.paused_until, a.last_used_at, a.last_error,"       \
    " a.max_concurrent, a.cordoned_at FROM account a JOIN host h ON h.account_id = a.id"
static const struct mp_sql hosts_read = {HOSTS " WHERE a.guest = 0 ORDER BY a.id, h.id"};
static const struct mp_sql hosts_of = {HOSTS " WHERE a.id = ? ORDER BY h.id"};
/* FOR UPDATE would lock on one Galera node only; changing the row makes rivals on other nodes collide at commit. */
static const struct mp_sql account_take = {"UPDATE account SET bookings = bookings + 1, last_used_at = GREATEST(last_used_at + 1, ?) WHERE id = ?"};
/* `daily_day` is assigned last: MariaDB evaluates SET from left to right. */
static const struct mp_sql host_spend = {
    "UPDATE host SET daily_used = IF(daily_day = ?, daily_used, 0) + 1, daily_created = IF(daily_day = ?, daily_created, 0) + ?,"
    " last_used_at = GREATEST(last_used_at + 1, ?), daily_day = ? WHERE id = ? AND (daily_day <> ? OR daily_used < ?)"};
static const struct mp_sql host_unspend = {
    "UPDATE host SET daily_used = daily_used - 1, daily_created = daily_created - ? WHERE id = ? AND daily_day = ? AND daily_used > 0"};
static const struct mp_sql host_used_up = {
    "UPDATE host SET daily_created = IF(daily_day = ?, daily_created, 0), daily_used = ?, daily_day = ? WHERE id = ?"};
static const struct mp_sql account_inactive = {"UPDATE account SET inactive_until = ?, inactive_reason = ?, last_error = COALESCE(?, last_error),"
                                               " last_error_at = IF(? IS NULL, last_error_at, ?) WHERE id = ?"};
static const struct mp_sql account_pause = {
    "UPDATE account SET paused_until = GREATEST(paused_until, ?), last_error = ?, last_error_at = ? WHERE id = ?"};
static const struct mp_sql account_error = {"UPDATE account SET last_error = ?, last_error_at = ? WHERE id = ?"};
static const struct mp_sql host_inactive = {"UPDATE host SET inactive_until = ?, inactive_reason = ? WHERE id = ?"};
static const struct mp_sql account_reset = {"UPDATE account SET inactive_until = 0, inactive_reason = NULL, paused_until = 0 WHERE ? IN (0, id)"};
static const struct mp_sql account_cordon = {"UPDATE account SET cordoned_at = IF(? = 0, NULL, COALESCE(cordoned_at, " MP_DB_NOW_MS
                                             ")) WHERE id = ?"};
static const struct mp_sql host_reset = {"UPDATE host SET inactive_until = 0, inactive_reason = NULL WHERE ? IN (0, account_id)"};

static const struct mp_sql token_read = {"SELECT token_sealed, token_mark, token_expires_at, token_fence, " MP_DB_NOW_MS
                                         ", token_owner, token_lease_until, inactive_until"
                                         " FROM account WHERE id = ?"};
static const struct mp_sql token_lease = {
    "UPDATE account SET token_owner = ?, token_lease_until = " MP_DB_NOW_MS " + ?, token_fence = token_fence + 1"
    " WHERE id = ? AND token_fence = ? AND (? = 1 OR token_owner IS NULL OR token_lease_until < " MP_DB_NOW_MS ")"};
static const struct mp_sql token_store = {"UPDATE account SET token_sealed = COALESCE(?, token_sealed), token_mark = COALESCE(?, token_mark),"
                                          " token_expires_at = IF(? < 0, token_expires_at, " MP_DB_NOW_MS
                                          " + ?), token_owner = NULL, token_lease_until = 0"
                                          " WHERE id = ? AND token_fence = ?"};

/* By the ids, so that the ranges below stay inside their index. */
#define NOT_OF "p.id NOT IN (SELECT o.id FROM place o WHERE o.meeting_id = ?)"
static const struct mp_sql pool_ids = {"SELECT id FROM account WHERE guest = 0"};
/* (account, taken, start): never more than two days deep whatever the history. */
static const struct mp_sql busy_some = {"SELECT p.account_id, p.host_id, p.busy_from, p.busy_until FROM place p FORCE INDEX (place_capacity)"
                                        " WHERE " STORE_OF_ACCOUNTS " AND p.taken = 1 AND p.busy_from > ? AND p.busy_from < ? AND p.busy_until > ?"
                                        " AND " NOT_OF};
static const struct mp_sql busy_one = {
    "SELECT p.account_id, p.host_id, p.busy_from, p.busy_until FROM place p FORCE INDEX (place_capacity)"
    " WHERE p.account_id = ? AND p.taken = 1 AND p.busy_from > ? AND p.busy_from < ? AND p.busy_until > ? AND " NOT_OF};
static const struct mp_sql overrun_all = {
    "SELECT STRAIGHT_JOIN p.account_id, p.host_id, p.busy_from, ? FROM account a JOIN place p FORCE INDEX (place_open)"
    " ON p.account_id = a.id AND p.open = 1 AND p.busy_until <= ? WHERE a.guest = 0 AND " NOT_OF};
static const struct mp_sql overrun_one = {"SELECT p.account_id, p.host_id, p.busy_from, ? FROM place p FORCE INDEX (place_open)"
                                          " WHERE p.account_id = ? AND p.open = 1 AND p.busy_until <= ? AND " NOT_OF};
static const struct mp_sql overrun_counts = {
    "SELECT a.id, (SELECT COUNT(*) FROM place p FORCE INDEX (place_open) WHERE p.account_id = a.id AND p.open = 1 AND p.busy_until <= ?)"
    " FROM account a WHERE a.guest = 0"};
static const struct mp_sql place_counts = {"SELECT p.account_id, SUM(p.busy_from <= ? AND p.busy_until > ?), COALESCE(MIN(IF(p.busy_from <= ? AND "
                                           "p.busy_until > ?, p.busy_until, NULL)), 0),"
                                           " SUM(p.busy_from > ?) FROM place p FORCE INDEX (place_capacity) WHERE " STORE_OF_ACCOUNTS
                                           " AND p.taken = 1 AND p.busy_from > ?"
                                           " GROUP BY p.account_id"};
static const struct mp_sql sweep_next = {"SELECT id, swept_at, account_id FROM host WHERE swept_at < " MP_DB_NOW_MS " - ? ORDER BY swept_at LIMIT 1"};
/* There may be thousands of guests: each comes less often. */
static const struct mp_sql sweep_claim = {"UPDATE host h JOIN account a ON a.id = h.account_id SET h.swept_at = " MP_DB_NOW_MS
                                          " + a.guest * 3600000 WHERE h.id = ? AND h.swept_at = ?"};

int mp_store_install_id(struct mp_db *db, struct mp_arena *arena, const char **id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &install_read);
    int rc = mp_db_one(st, err);

    if (rc == 0) {
        st = mp_db_begin(db, &install_make);
        mp_bind_text(st, mp_random_hex(arena, 5));
        if (mp_db_run(st, err) < 0)
            return -1;
        st = mp_db_begin(db, &install_read);
        rc = mp_db_one(st, err);
    }
    if (rc < 0)
        return -1;
    if (rc == 0)
        return mp_fail_log(err, MP_E_INTERNAL, "the installation has no row");
    *id = mp_col_text(st, 0, arena);
    return 0;
}

/* Reads an id, or makes the row and reads again. `owner` 0: the key is the name alone. */
static int ensure(struct mp_db *db, const struct mp_sql *read, const struct mp_sql *make, int64_t owner, const char *name, int64_t *id,
                  struct mp_error *err)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        struct mp_stmt *st = mp_db_begin(db, read);
        int rc;

        if (owner != 0)
            mp_bind_i64(st, owner);
        mp_bind_text(st, name);
        rc = mp_db_one(st, err);
        if (rc < 0)
            return -1;
        if (rc > 0) {
            *id = mp_col_i64(st, 0);
            return 0;
        }
        st = mp_db_begin(db, make);
        if (owner != 0)
            mp_bind_i64(st, owner);
        mp_bind_text(st, name);
        if (mp_db_run(st, err) < 0)
            return -1;
    }
    return mp_fail_log(err, MP_E_INTERNAL, "no row for %s", name);
}

int mp_store_account_ensure(struct mp_db *db, const char *name, int64_t *id, struct mp_error *err)
{
    return ensure(db, &account_read, &account_make, 0, name, id, err);
}

int mp_store_host_ensure(struct mp_db *db, int64_t account_id, const char *zoom_user, int64_t *id, struct mp_error *err)
{
    return ensure(db, &host_read, &host_make, account_id, zoom_user, id, err);
}

int mp_store_guest_ensure(struct mp_db *db, const char *name, int64_t most, int64_t *account_id, int64_t *host_id, struct mp_error *err)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        struct mp_stmt *st = mp_db_begin(db, &guest_read);
        int rc;

        mp_bind_text(st, name);
        rc = mp_db_one(st, err);
        if (rc < 0)
            return -1;
        if (rc > 0) {
            *account_id = mp_col_i64(st, 0);
            *host_id = mp_col_i64(st, 1);
        }
        if (rc > 0 && (mp_col_i64(st, 2) == most || attempt > 0))
            return 0;
        st = mp_db_begin(db, &guest_make);
        mp_bind_text(st, name);
        mp_bind_i64(st, most);
        if (mp_db_run(st, err) < 0 || mp_store_account_ensure(db, name, account_id, err) < 0 ||
            mp_store_host_ensure(db, *account_id, "me", host_id, err) < 0)
            return -1;
    }
    return 0;
}

int mp_store_guest_by_id(struct mp_db *db, struct mp_arena *arena, int64_t account_id, const char **name, int64_t *host_id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &guest_by_id);
    int rc;

    mp_bind_i64(st, account_id);
    rc = mp_db_one(st, err);
    if (rc <= 0)
        return rc;
    *name = mp_col_text(st, 0, arena);
    *host_id = mp_col_i64(st, 1);
    return 1;
}

int mp_store_pool(struct mp_db *db, struct mp_arena *arena, struct mp_pool_row **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_pool_row)};
    struct mp_stmt *st = mp_db_begin(db, &pool_read);
    int rc;

    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_pool_row *row = store_list_next(&list);

        *row = (struct mp_pool_row){mp_col_text(st, 0, arena), mp_col_text(st, 1, arena), mp_col_i64(st, 2), mp_col_i64(st, 3)};
    }
    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_hosts(struct mp_db *db, struct mp_arena *arena, int32_t utc_day, int64_t account_id, struct mp_host_row **rows, size_t *count,
                   struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, account_id != 0 ? &hosts_of : &hosts_read);
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_host_row)};
    int rc;

    mp_bind_i64(st, utc_day);
    mp_bind_i64(st, utc_day);
    if (account_id != 0)
        mp_bind_i64(st, account_id);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_host_row *row = store_list_next(&list);

        *row = (struct mp_host_row){
            .id = mp_col_i64(st, 0),
            .account_id = mp_col_i64(st, 1),
            .inactive_until = mp_col_i64(st, 2),
            .inactive_reason = mp_col_text(st, 3, arena),
            .last_used_at = mp_col_i64(st, 4),
            .daily_used = mp_col_i64(st, 5),
            .daily_created = mp_col_i64(st, 6),
            .account_bookings = mp_col_i64(st, 7),
            .account_inactive_until = mp_col_i64(st, 8),
            .account_inactive_reason = mp_col_text(st, 9, arena),
            .account_paused_until = mp_col_i64(st, 10),
            .account_last_used_at = mp_col_i64(st, 11),
            .account_last_error = mp_col_text(st, 12, arena),
            .account_max_concurrent = mp_col_i64(st, 13),
            .account_cordoned = !mp_col_null(st, 14),
        };
    }
    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_account_take(struct mp_db *db, int64_t id, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &account_take);

    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, id);
    return mp_db_run(st, err);
}

int mp_store_host_spend(struct mp_db *db, int64_t host_id, int32_t utc_day, int64_t limit, bool create, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &host_spend);

    mp_bind_i64(st, utc_day);
    mp_bind_i64(st, utc_day);
    mp_bind_i64(st, create ? 1 : 0);
    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, utc_day);
    mp_bind_i64(st, host_id);
    mp_bind_i64(st, utc_day);
    mp_bind_i64(st, limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : 0;
}

int mp_store_host_unspend(struct mp_db *db, int64_t host_id, int32_t utc_day, bool create, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &host_unspend);

    mp_bind_i64(st, create ? 1 : 0);
    mp_bind_i64(st, host_id);
    mp_bind_i64(st, utc_day);
    return mp_db_run(st, err);
}

int mp_store_host_used_up(struct mp_db *db, int64_t host_id, int32_t utc_day, int64_t limit, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &host_used_up);

    mp_bind_i64(st, utc_day);
    mp_bind_i64(st, limit);
    mp_bind_i64(st, utc_day);
    mp_bind_i64(st, host_id);
    return mp_db_run(st, err);
}

int mp_store_account_inactive(struct mp_db *db, int64_t id, int64_t until_ms, const char *reason, const char *error, int64_t now_ms,
                              struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &account_inactive);

    mp_bind_i64(st, until_ms);
    mp_bind_text(st, reason);
    mp_bind_text(st, error);
    mp_bind_text(st, error);
    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, id);
    return mp_db_run(st, err);
}

int mp_store_account_pause(struct mp_db *db, int64_t id, int64_t until_ms, const char *error, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &account_pause);

    mp_bind_i64(st, until_ms);
    mp_bind_text(st, error);
    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, id);
    return mp_db_run(st, err);
}

int mp_store_account_error(struct mp_db *db, int64_t id, const char *error, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &account_error);

    mp_bind_text(st, error);
    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, id);
    return mp_db_run(st, err);
}

int mp_store_host_inactive(struct mp_db *db, int64_t id, int64_t until_ms, const char *reason, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &host_inactive);

    mp_bind_i64(st, until_ms);
    mp_bind_text(st, reason);
    mp_bind_i64(st, id);
    return mp_db_run(st, err);
}

int mp_store_account_cordon(struct mp_db *db, int64_t id, bool cordon, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &account_cordon);

    mp_bind_i64(st, cordon);
    mp_bind_i64(st, id);
    return mp_db_run(st, err);
}

int mp_store_account_reset(struct mp_db *db, int64_t id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &account_reset);

    mp_bind_i64(st, id);
    if (mp_db_run(st, err) < 0)
        return -1;
    st = mp_db_begin(db, &host_reset);
    mp_bind_i64(st, id);
    return mp_db_run(st, err);
}

int mp_store_token_read(struct mp_db *db, struct mp_arena *arena, int64_t account_id, struct mp_token_row *out, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &token_read);
    int rc;

    mp_bind_i64(st, account_id);
    rc = mp_db_one(st, err);
    if (rc < 0)
        return -1;
    if (rc == 0)
        return mp_fail_log(err, MP_E_INTERNAL, "account row %lld is gone", (long long)account_id);
    *out = (struct mp_token_row){
        .sealed = mp_col_text(st, 0, arena),
        .mark = mp_col_text(st, 1, arena),
        .expires_at = mp_col_i64(st, 2),
        .fence = mp_col_i64(st, 3),
        .now_ms = mp_col_i64(st, 4),
        .owner = mp_col_text(st, 5, arena),
        .lease_until = mp_col_i64(st, 6),
        .inactive_until = mp_col_i64(st, 7),
    };
    return 0;
}

int mp_store_token_lease(struct mp_db *db, int64_t account_id, int64_t fence, bool steal, const char *owner, int64_t lease_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &token_lease);

    mp_bind_text(st, owner);
    mp_bind_i64(st, lease_ms);
    mp_bind_i64(st, account_id);
    mp_bind_i64(st, fence);
    mp_bind_i64(st, steal ? 1 : 0);
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : 0;
}

int mp_store_token_store(struct mp_db *db, int64_t account_id, int64_t fence, const char *sealed, const char *mark, int64_t expires_in_ms,
                         struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &token_store);

    mp_bind_text(st, sealed);
    mp_bind_text(st, sealed != NULL ? mark : NULL);
    mp_bind_i64(st, sealed != NULL ? expires_in_ms : -1);
    mp_bind_i64(st, expires_in_ms);
    mp_bind_i64(st, account_id);
    mp_bind_i64(st, fence);
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : 0;
}

static int busy_rows(struct mp_stmt *st, struct store_list *list, struct mp_error *err)
{
    int rc;

    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_busy_row *row = store_list_next(list);

        *row = (struct mp_busy_row){mp_col_i64(st, 0), mp_col_i64(st, 1), mp_col_i64(st, 2), mp_col_i64(st, 3)};
    }
    return rc;
}

void store_bind_accounts(struct mp_stmt *st, const int64_t *accounts, size_t count)
{
    for (size_t i = 0; i < STORE_ACCOUNTS_AT_ONCE; i++)
        mp_bind_i64(st, i < count ? accounts[i] : 0);
}

static size_t at_once(size_t rest)
{
    return rest < STORE_ACCOUNTS_AT_ONCE ? rest : STORE_ACCOUNTS_AT_ONCE;
}

static int read_pool_ids(struct mp_db *db, struct store_list *ids, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &pool_ids);
    int rc;

    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0)
        *(int64_t *)store_list_next(ids) = mp_col_i64(st, 0);
    return rc;
}

struct busy_span {
    int64_t from, until, ignore_meeting;
};

static void bind_span(struct mp_stmt *st, const struct busy_span *span)
{
    mp_bind_i64(st, span->from - BUSY_REACH_MS);
    mp_bind_i64(st, span->until);
    mp_bind_i64(st, span->from);
    mp_bind_i64(st, span->ignore_meeting);
}

static int busy_of_pool(struct mp_db *db, const struct busy_span *span, struct store_list *list, struct mp_error *err)
{
    struct store_list ids = {.arena = list->arena, .size = sizeof(int64_t)};

    if (read_pool_ids(db, &ids, err) < 0)
        return -1;
    for (size_t first = 0; first < ids.count; first += STORE_ACCOUNTS_AT_ONCE) {
        struct mp_stmt *st = mp_db_begin(db, &busy_some);

        store_bind_accounts(st, (const int64_t *)ids.rows + first, at_once(ids.count - first));
        bind_span(st, span);
        if (busy_rows(st, list, err) < 0)
            return -1;
    }
    return 0;
}

static int busy_of(struct mp_db *db, int64_t account_id, const struct busy_span *span, struct store_list *list, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &busy_one);

    mp_bind_i64(st, account_id);
    bind_span(st, span);
    return busy_rows(st, list, err);
}

static int overrun(struct mp_db *db, int64_t account_id, const struct busy_span *span, int64_t now_ms, struct store_list *list, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, account_id != 0 ? &overrun_one : &overrun_all);

    mp_bind_i64(st, now_ms + 1);
    if (account_id != 0)
        mp_bind_i64(st, account_id);
    mp_bind_i64(st, span->from);
    mp_bind_i64(st, span->ignore_meeting);
    return busy_rows(st, list, err);
}

int mp_store_busy(struct mp_db *db, struct mp_arena *arena, int64_t account_id, int64_t from, int64_t until, int64_t now_ms, int64_t ignore_meeting,
                  struct mp_busy_row **rows, size_t *count, struct mp_error *err)
{
    const struct busy_span span = {from, until, ignore_meeting};
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_busy_row)};

    if ((account_id != 0 ? busy_of(db, account_id, &span, &list, err) : busy_of_pool(db, &span, &list, err)) < 0)
        return -1;
    if (from <= now_ms && overrun(db, account_id, &span, now_ms, &list, err) < 0)
        return -1;
    *rows = list.rows;
    *count = list.count;
    return 0;
}

static int read_overruns(struct mp_db *db, int64_t now_ms, struct store_list *list, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &overrun_counts);
    int rc;

    mp_bind_i64(st, now_ms);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_place_counts *row = store_list_next(list);

        *row = (struct mp_place_counts){.account_id = mp_col_i64(st, 0), .active = mp_col_i64(st, 1)};
    }
    return rc;
}

static void add_counts(struct mp_stmt *st, struct mp_place_counts *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].account_id != mp_col_i64(st, 0))
            continue;
        rows[i].active += mp_col_i64(st, 1);
        rows[i].next_end_at = mp_col_i64(st, 2);
        rows[i].upcoming = mp_col_i64(st, 3);
    }
}

/* Of up to STORE_ACCOUNTS_AT_ONCE accounts. */
static int read_counts(struct mp_db *db, int64_t now_ms, struct mp_place_counts *rows, size_t count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &place_counts);
    int64_t ids[STORE_ACCOUNTS_AT_ONCE];
    int rc;

    for (size_t i = 0; i < count; i++)
        ids[i] = rows[i].account_id;
    for (int i = 0; i < 5; i++)
        mp_bind_i64(st, now_ms);
    store_bind_accounts(st, ids, count);
    mp_bind_i64(st, now_ms - BUSY_REACH_MS);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0)
        add_counts(st, rows, count);
    return rc;
}

int mp_store_place_counts(struct mp_db *db, struct mp_arena *arena, int64_t now_ms, struct mp_place_counts **rows, size_t *count,
                          struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_place_counts)};

    if (read_overruns(db, now_ms, &list, err) < 0)
        return -1;
    *rows = list.rows;
    *count = list.count;
    for (size_t first = 0; first < list.count; first += STORE_ACCOUNTS_AT_ONCE) {
        if (read_counts(db, now_ms, *rows + first, at_once(list.count - first), err) < 0)
            return -1;
    }
    return 0;
}

int mp_store_host_sweep_next(struct mp_db *db, int64_t age_ms, int64_t *account_id, int64_t *host_id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &sweep_next);
    int64_t seen;
    int rc;

    mp_bind_i64(st, age_ms);
    rc = mp_db_one(st, err);
    if (rc <= 0)
        return rc;
    *host_id = mp_col_i64(st, 0);
    seen = mp_col_i64(st, 1);
    *account_id = mp_col_i64(st, 2);
    st = mp_db_begin(db, &sweep_claim);
    mp_bind_i64(st, *host_id);
    mp_bind_i64(st, seen);
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : 0;
}
