#include "meetpool/store_session.h"

#include "meetpool/clock.h"

/* More than one is added at a time, so that the table comes to hold none that are over. */
#define EXPIRE_BATCH 50

static const struct mp_sql end_one = {"INSERT INTO session_ended (id, expires_at) VALUES (?, ?) ON DUPLICATE KEY UPDATE expires_at = expires_at"};
static const struct mp_sql is_ended = {"SELECT 1 FROM session_ended WHERE id = ?"};
static const struct mp_sql expire = {"DELETE FROM session_ended WHERE expires_at < " MP_DB_NOW_MS " - ? LIMIT ?"};

int mp_store_session_end(struct mp_db *db, const char *id, int64_t expires_at, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &end_one);

    mp_bind_text(st, id);
    mp_bind_i64(st, expires_at);
    if (mp_db_run(st, err) < 0)
        return -1;
    st = mp_db_begin(db, &expire);
    mp_bind_i64(st, MP_DAY_MS); /* no clock is so wrong */
    mp_bind_i64(st, EXPIRE_BATCH);
    return mp_db_run(st, err);
}

int mp_store_session_ended(struct mp_db *db, const char *id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &is_ended);
    int rc;

    mp_bind_text(st, id);
    rc = mp_db_one(st, err);
    if (rc > 0)
        mp_db_done(st);
    return rc;
}
