#include "meetpool/store_webhook.h"

#include <string.h>

#include "store_int.h"

#define ERROR_MOST 400

#define COLS                                                                                                                                         \
    "e.id, e.app, e.body_hash, e.event, e.event_at, e.subject, e.instance, e.body, e.state, e.copies, e.attempts, e.error, e.received_at, "          \
    "e.applied_at, " MP_DB_BEGUN_MS " - e.received_at"
/* Lists show no bodies, and need not read them. */
#define COLS_LIST                                                                                                                                    \
    "e.id, e.app, e.body_hash, e.event, e.event_at, e.subject, e.instance, NULL, e.state, e.copies, e.attempts, e.error, e.received_at, "            \
    "e.applied_at, " MP_DB_BEGUN_MS " - e.received_at"

static const struct mp_sql event_add = {
    "INSERT INTO webhook_event (app, body_hash, event, event_at, subject, instance, body, state, error, received_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, " MP_DB_NOW_MS ") ON DUPLICATE KEY UPDATE copies = copies + 1"};
static const struct mp_sql event_give_up = {
    "UPDATE webhook_event SET state = 'failed', error = COALESCE(error, 'whoever applies it dies of it'), applied_at = " MP_DB_NOW_MS
    " WHERE state = 'stored' AND attempts >= ? AND due_at <= " MP_DB_BEGUN_MS};
static const struct mp_sql event_claim = {"UPDATE webhook_event SET claim = ?, attempts = attempts + 1, due_at = " MP_DB_NOW_MS
                                          " + ? WHERE state = 'stored' AND due_at <= " MP_DB_BEGUN_MS " ORDER BY id LIMIT ?"};
static const struct mp_sql event_claimed = {"SELECT " COLS " FROM webhook_event e WHERE e.state = 'stored' AND e.claim = ? ORDER BY e.id"};
static const struct mp_sql event_end = {"UPDATE webhook_event SET state = ?, error = ?, applied_at = " MP_DB_NOW_MS
                                        " WHERE id = ? AND state = 'stored' AND claim = ?"};
static const struct mp_sql event_later = {"UPDATE webhook_event SET claim = 0, due_at = " MP_DB_NOW_MS
                                          " + ?, attempts = attempts - ?, error = ? WHERE id = ? AND state = 'stored' AND claim = ?"};
static const struct mp_sql event_unclaim = {"UPDATE webhook_event SET claim = 0, due_at = " MP_DB_NOW_MS
                                            ", attempts = attempts - LEAST(attempts, 1) WHERE state = 'stored' AND claim = ?"};
/* The end of one occurrence and the beginning of the next may bear the same instant: then the beginning ("started" > "ended") is the later. */
static const struct mp_sql event_overtaken = {
    "SELECT 1 FROM webhook_event e WHERE e.subject = ? AND e.event IN ('meeting.started', 'meeting.ended') AND e.state = 'applied' AND e.id <> ?"
    " AND (e.instance = ? AND e.event = 'meeting.ended'"
    " OR NOT e.instance <=> ? AND (e.event_at > ? OR e.event_at = ? AND e.event > ?)) LIMIT 1"};

static const struct mp_sql app_heard = {"INSERT INTO webhook_app (app, last_event, last_event_at) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE"
                                        " last_event = IF(VALUES(last_event_at) >= last_event_at, VALUES(last_event), last_event),"
                                        " last_event_at = GREATEST(last_event_at, VALUES(last_event_at))"};
static const struct mp_sql app_challenged = {"INSERT INTO webhook_app (app, last_challenge_at) VALUES (?, " MP_DB_NOW_MS
                                             ") ON DUPLICATE KEY UPDATE last_challenge_at = VALUES(last_challenge_at)"};
static const struct mp_sql app_refused = {"INSERT INTO webhook_app (app, refused, last_refused_at) VALUES (?, ?, " MP_DB_NOW_MS
                                          ") ON DUPLICATE KEY UPDATE refused = refused + VALUES(refused), last_refused_at = VALUES(last_refused_at)"};
static const struct mp_sql app_read = {
    "SELECT a.last_event, a.last_event_at, a.last_challenge_at, a.last_refused_at, a.refused, a.alarmed_at FROM webhook_app a WHERE a.app = ?"};
static const struct mp_sql app_newest = {
    "SELECT e.event, e.received_at FROM webhook_event e FORCE INDEX (event_app) WHERE e.app = ? ORDER BY e.id DESC LIMIT 1"};
static const struct mp_sql app_alarm = {"UPDATE webhook_app SET alarmed_at = " MP_DB_NOW_MS " WHERE app = ? AND alarmed_at <= last_event_at"};

#define HELD " AND m.status IN ('started', 'ended') AND m.starts_at > ? AND m.starts_at < " MP_DB_BEGUN_MS " - 3600000 LIMIT 1"
static const struct mp_sql held_by_account = {
    "SELECT 1 FROM account a JOIN meeting m FORCE INDEX (meeting_account) ON m.account_id = a.id WHERE a.name = ?" HELD};
static const struct mp_sql held_by_guests = {
    "SELECT 1 FROM account a JOIN meeting m FORCE INDEX (meeting_account) ON m.account_id = a.id WHERE a.guest = 1" HELD};

/* Walks the index of what is asked for; the rest is looked at on the way. */
#define LIST(index, where)                                                                                                                           \
    {                                                                                                                                                \
        "SELECT " COLS_LIST " FROM webhook_event e FORCE INDEX (" index ") WHERE e.id < ?" where " ORDER BY e.id DESC LIMIT ?"                       \
    }
#define BY_APP   " AND e.app = ?"
#define BY_EVENT " AND e.event = ?"
#define BY_STATE " AND e.state = ?"
/* By which of the three are asked for: app 1, event 2, state 4. */
static const struct mp_sql event_list[8] = {
    LIST("PRIMARY", ""),
    LIST("event_app", BY_APP),
    LIST("event_name", BY_EVENT),
    LIST("event_name", BY_APP BY_EVENT),
    LIST("event_state", BY_STATE),
    LIST("event_state", BY_APP BY_STATE),
    LIST("event_name", BY_EVENT BY_STATE),
    LIST("event_name", BY_APP BY_EVENT BY_STATE),
};
static const struct mp_sql event_expire = {"DELETE FROM webhook_event WHERE received_at < " MP_DB_BEGUN_MS " - ? LIMIT ?"};

static const char *const state_names[MP_WEBHOOK_STATES] = {
    [MP_WEBHOOK_STORED] = "stored",
    [MP_WEBHOOK_APPLIED] = "applied",
    [MP_WEBHOOK_IGNORED] = "ignored",
    [MP_WEBHOOK_FAILED] = "failed",
};

const char *mp_webhook_state_name(enum mp_webhook_state state)
{
    return state_names[state];
}

static enum mp_webhook_state state_of(const char *name)
{
    for (unsigned i = 0; i < MP_WEBHOOK_STATES; i++) {
        if (name != NULL && strcmp(state_names[i], name) == 0)
            return (enum mp_webhook_state)i;
    }
    return MP_WEBHOOK_FAILED;
}

int mp_store_webhook_add(struct mp_db *db, struct mp_arena *arena, const struct mp_webhook_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &event_add);

    mp_bind_text(st, row->app);
    mp_bind_text(st, row->body_hash);
    mp_bind_text(st, row->event);
    mp_bind_i64_null(st, row->event_at >= 0, row->event_at);
    mp_bind_text(st, row->subject);
    mp_bind_text(st, row->instance);
    mp_bind_text(st, row->body);
    mp_bind_text(st, state_names[row->state]);
    mp_bind_text(st, store_cut(arena, row->error, ERROR_MOST));
    return mp_db_run(st, err);
}

static int read_rows(struct mp_stmt *st, struct mp_arena *arena, struct mp_webhook_row **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_webhook_row)};
    int rc;

    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_webhook_row *row = store_list_next(&list);

        *row = (struct mp_webhook_row){
            .id = mp_col_i64(st, 0),
            .app = mp_col_text(st, 1, arena),
            .body_hash = mp_col_text(st, 2, arena),
            .event = mp_col_text(st, 3, arena),
            .event_at = mp_col_null(st, 4) ? -1 : mp_col_i64(st, 4),
            .subject = mp_col_text(st, 5, arena),
            .instance = mp_col_text(st, 6, arena),
            .body = mp_col_text(st, 7, arena),
            .state = state_of(mp_col_text(st, 8, arena)),
            .copies = mp_col_i64(st, 9),
            .attempts = mp_col_i64(st, 10),
            .error = mp_col_text(st, 11, arena),
            .received_at = mp_col_i64(st, 12),
            .applied_at = mp_col_null(st, 13) ? -1 : mp_col_i64(st, 13),
            .age_ms = mp_col_i64(st, 14),
        };
    }
    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_webhook_claim(struct mp_db *db, struct mp_arena *arena, int64_t claim, int64_t lease_ms, unsigned attempts_most, unsigned limit,
                           struct mp_webhook_row **rows, size_t *count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &event_give_up);

    *rows = NULL;
    *count = 0;
    mp_bind_i64(st, attempts_most);
    if (mp_db_run(st, err) < 0)
        return -1;
    st = mp_db_begin(db, &event_claim);
    mp_bind_i64(st, claim);
    mp_bind_i64(st, lease_ms);
    mp_bind_i64(st, limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    if (mp_db_affected(st) == 0)
        return 0;
    st = mp_db_begin(db, &event_claimed);
    mp_bind_i64(st, claim);
    return read_rows(st, arena, rows, count, err);
}

/* Runs a statement and says whether it changed a row. */
static int changed(struct mp_stmt *st, struct mp_error *err)
{
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : 0;
}

int mp_store_webhook_end(struct mp_db *db, struct mp_arena *arena, int64_t id, int64_t claim, enum mp_webhook_state state, const char *error,
                         struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &event_end);

    mp_bind_text(st, state_names[state]);
    mp_bind_text(st, store_cut(arena, error, ERROR_MOST));
    mp_bind_i64(st, id);
    mp_bind_i64(st, claim);
    return changed(st, err);
}

int mp_store_webhook_later(struct mp_db *db, struct mp_arena *arena, int64_t id, int64_t claim, int64_t wait_ms, bool counted, const char *error,
                           struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &event_later);

    mp_bind_i64(st, wait_ms);
    mp_bind_i64(st, counted ? 0 : 1);
    mp_bind_text(st, store_cut(arena, error, ERROR_MOST));
    mp_bind_i64(st, id);
    mp_bind_i64(st, claim);
    return mp_db_run(st, err);
}

int mp_store_webhook_unclaim(struct mp_db *db, int64_t claim, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &event_unclaim);

    mp_bind_i64(st, claim);
    return mp_db_run(st, err);
}

static int exists(struct mp_stmt *st, struct mp_error *err)
{
    int rc = mp_db_one(st, err);

    mp_db_done(st);
    return rc;
}

int mp_store_webhook_overtaken(struct mp_db *db, const struct mp_webhook_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &event_overtaken);
    int64_t at = row->event_at >= 0 ? row->event_at : row->received_at;

    mp_bind_text(st, row->subject);
    mp_bind_i64(st, row->id);
    mp_bind_text(st, row->instance);
    mp_bind_text(st, row->instance);
    mp_bind_i64(st, at);
    mp_bind_i64(st, at);
    mp_bind_text(st, row->event);
    return exists(st, err);
}

int mp_store_webhook_heard(struct mp_db *db, const char *app, const char *event, int64_t received_at, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &app_heard);

    mp_bind_text(st, app);
    mp_bind_text(st, event);
    mp_bind_i64(st, received_at);
    return mp_db_run(st, err);
}

int mp_store_webhook_challenged(struct mp_db *db, const char *app, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &app_challenged);

    mp_bind_text(st, app);
    return mp_db_run(st, err);
}

int mp_store_webhook_refused(struct mp_db *db, const char *app, int64_t count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &app_refused);

    mp_bind_text(st, app);
    mp_bind_i64(st, count);
    return mp_db_run(st, err);
}

int mp_store_webhook_app(struct mp_db *db, struct mp_arena *arena, const char *app, struct mp_webhook_app_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &app_read);
    int rc;

    *row = (struct mp_webhook_app_row){.app = app};
    mp_bind_text(st, app);
    rc = mp_db_one(st, err);
    if (rc < 0)
        return -1;
    if (rc > 0) {
        row->last_event = mp_col_text(st, 0, arena);
        row->last_event_at = mp_col_i64(st, 1);
        row->last_challenge_at = mp_col_i64(st, 2);
        row->last_refused_at = mp_col_i64(st, 3);
        row->refused = mp_col_i64(st, 4);
        row->alarmed_at = mp_col_i64(st, 5);
    }
    mp_db_done(st);
    st = mp_db_begin(db, &app_newest);
    mp_bind_text(st, app);
    rc = mp_db_one(st, err);
    if (rc > 0 && mp_col_i64(st, 1) > row->last_event_at) {
        row->last_event = mp_col_text(st, 0, arena);
        row->last_event_at = mp_col_i64(st, 1);
    }
    mp_db_done(st);
    return rc < 0 ? -1 : 0;
}

int mp_store_webhook_alarm(struct mp_db *db, const char *app, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &app_alarm);

    mp_bind_text(st, app);
    return changed(st, err);
}

int mp_store_webhook_held_since(struct mp_db *db, const char *account, int64_t since, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, account != NULL ? &held_by_account : &held_by_guests);

    if (account != NULL)
        mp_bind_text(st, account);
    mp_bind_i64(st, since);
    return exists(st, err);
}

int mp_store_webhook_list(struct mp_db *db, struct mp_arena *arena, const struct mp_webhook_query *query, struct mp_webhook_row **rows, size_t *count,
                          struct mp_error *err)
{
    unsigned which = (query->app != NULL ? 1U : 0U) | (query->event != NULL ? 2U : 0U) | (query->state >= 0 ? 4U : 0U);
    struct mp_stmt *st = mp_db_begin(db, &event_list[which]);

    mp_bind_i64(st, query->before_id);
    if (query->app != NULL)
        mp_bind_text(st, query->app);
    if (query->event != NULL)
        mp_bind_text(st, query->event);
    if (query->state >= 0)
        mp_bind_text(st, state_names[query->state]);
    mp_bind_i64(st, query->limit);
    return read_rows(st, arena, rows, count, err);
}

int mp_store_webhook_expire(struct mp_db *db, int64_t age_ms, unsigned limit, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &event_expire);

    mp_bind_i64(st, age_ms);
    mp_bind_i64(st, limit);
    return mp_db_run(st, err);
}
