#include "meetpool/store_idempotency.h"

#include <string.h>

#include "meetpool/crypto.h"

#define STATE_RUNNING 1
#define STATE_DONE    2
#define LOOKS_MOST    8

static const struct mp_sql idem_insert = {
    "INSERT INTO idempotency (key_hash, body_hash, unit, state, owner, fence, lease_until, expires_at)"
    " VALUES (?, ?, ?, 1, ?, 1, " MP_DB_NOW_MS " + ?, " MP_DB_NOW_MS " + ?)",
};

static const struct mp_sql idem_read = {
    "SELECT body_hash, unit, state, owner, fence, lease_until <= " MP_DB_NOW_MS ", expires_at <= " MP_DB_NOW_MS ", status, answer"
    " FROM idempotency WHERE key_hash = ?",
};

/* The unit stands beside the fence because a dropped key starts again at fence 1. */
static const struct mp_sql idem_seize = {
    "UPDATE idempotency SET owner = ?, fence = fence + 1, lease_until = " MP_DB_NOW_MS " + ?"
    " WHERE key_hash = ? AND fence = ? AND unit = UNHEX(?) AND state = 1",
};

/* An expired key is a new one: another body, another unit of work. */
static const struct mp_sql idem_renew = {
    "UPDATE idempotency SET body_hash = ?, unit = ?, state = 1, owner = ?, fence = fence + 1, lease_until = " MP_DB_NOW_MS " + ?,"
    " expires_at = " MP_DB_NOW_MS " + ?, status = 0, answer = NULL WHERE key_hash = ? AND fence = ?",
};

static const struct mp_sql idem_keep = {
    "UPDATE idempotency SET state = 2, status = ?, answer = ? WHERE key_hash = ? AND fence = ? AND unit = UNHEX(?) AND state = 1",
};

static const struct mp_sql idem_drop = {"DELETE FROM idempotency WHERE key_hash = ? AND fence = ? AND unit = UNHEX(?) AND state = 1"};

static const struct mp_sql idem_release = {
    "UPDATE idempotency SET lease_until = 0 WHERE key_hash = ? AND fence = ? AND unit = UNHEX(?) AND state = 1"};

static const struct mp_sql idem_expire = {"DELETE FROM idempotency WHERE expires_at <= " MP_DB_BEGUN_MS " LIMIT ?"};

struct row {
    struct mp_slice body, unit;
    int64_t state, fence;
    bool lease_over, expired;
    struct mp_idempotency_claim claim;
};

static struct mp_slice hash_slice(const unsigned char hash[32])
{
    return (struct mp_slice){(const char *)hash, 32};
}

/* 1: ours, 0: the key stands there already. */
static int insert(struct mp_db *db, struct mp_arena *arena, const struct mp_idempotency_key *key, const struct mp_idempotency_terms *terms,
                  struct mp_idempotency_claim *out, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &idem_insert);
    unsigned char unit[32];

    mp_random(unit, sizeof(unit));
    mp_bind_bytes(st, hash_slice(key->hash));
    mp_bind_bytes(st, hash_slice(key->body));
    mp_bind_bytes(st, hash_slice(unit));
    mp_bind_text(st, terms->owner);
    mp_bind_i64(st, terms->lease_ms);
    mp_bind_i64(st, terms->ttl_ms);
    if (mp_db_run(st, err) < 0) {
        if (err->code != MP_E_CONFLICT)
            return -1;
        mp_error_reset(err);
        return 0;
    }
    *out = (struct mp_idempotency_claim){.state = MP_IDEMPOTENCY_TAKEN, .fence = 1, .unit = mp_hex(arena, unit, sizeof(unit))};
    return 1;
}

static int read_row(struct mp_db *db, struct mp_arena *arena, const struct mp_idempotency_key *key, struct row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &idem_read);
    int rc;

    *row = (struct row){0};
    mp_bind_bytes(st, hash_slice(key->hash));
    rc = mp_db_one(st, err);
    if (rc <= 0)
        return rc;
    row->body = mp_col_bytes(st, 0, arena);
    row->unit = mp_col_bytes(st, 1, arena);
    row->state = mp_col_i64(st, 2);
    row->claim.owner = mp_col_text(st, 3, arena);
    row->claim.fence = mp_col_i64(st, 4);
    row->lease_over = mp_col_i64(st, 5) != 0;
    row->expired = mp_col_i64(st, 6) != 0;
    row->claim.status = (unsigned)mp_col_i64(st, 7);
    row->claim.answer = mp_col_bytes(st, 8, arena);
    row->claim.unit = mp_hex(arena, row->unit.p, row->unit.len);
    mp_db_done(st);
    return 1;
}

static void bind_guard(struct mp_stmt *st, const struct mp_idempotency_key *key, const struct mp_idempotency_claim *claim)
{
    mp_bind_bytes(st, hash_slice(key->hash));
    mp_bind_i64(st, claim->fence);
    mp_bind_text(st, claim->unit);
}

static int run_guarded(struct mp_stmt *st, struct mp_error *err)
{
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : 0;
}

static int renew(struct mp_db *db, struct mp_arena *arena, const struct mp_idempotency_key *key, const struct mp_idempotency_terms *terms,
                 struct mp_idempotency_claim *claim, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &idem_renew);
    unsigned char unit[32];
    int rc;

    mp_random(unit, sizeof(unit));
    mp_bind_bytes(st, hash_slice(key->body));
    mp_bind_bytes(st, hash_slice(unit));
    mp_bind_text(st, terms->owner);
    mp_bind_i64(st, terms->lease_ms);
    mp_bind_i64(st, terms->ttl_ms);
    mp_bind_bytes(st, hash_slice(key->hash));
    mp_bind_i64(st, claim->fence);
    rc = run_guarded(st, err);
    if (rc > 0) {
        claim->state = MP_IDEMPOTENCY_TAKEN;
        claim->fence++;
        claim->unit = mp_hex(arena, unit, sizeof(unit));
    }
    return rc;
}

int mp_store_idempotency_seize(struct mp_db *db, const struct mp_idempotency_key *key, const struct mp_idempotency_terms *terms,
                               struct mp_idempotency_claim *claim, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &idem_seize);
    int rc;

    mp_bind_text(st, terms->owner);
    mp_bind_i64(st, terms->lease_ms);
    bind_guard(st, key, claim);
    rc = run_guarded(st, err);
    if (rc > 0) {
        claim->state = MP_IDEMPOTENCY_TAKEN;
        claim->fence++;
    }
    return rc;
}

/* 1: `out` says how things stand, 0: they changed meanwhile. */
static int settle(struct mp_db *db, struct mp_arena *arena, const struct mp_idempotency_key *key, const struct mp_idempotency_terms *terms,
                  struct row *row, struct mp_error *err)
{
    struct mp_idempotency_claim *claim = &row->claim;

    if (row->expired)
        return renew(db, arena, key, terms, claim, err);
    if (!mp_slice_eq(row->body, hash_slice(key->body))) {
        claim->state = MP_IDEMPOTENCY_MISMATCH;
        return 1;
    }
    if (row->state == STATE_DONE) {
        claim->state = MP_IDEMPOTENCY_DONE;
        return 1;
    }
    claim->state = MP_IDEMPOTENCY_RUNNING;
    /* What we hold ourselves is left over from a try of ours whose end could not be written: an owner does one thing at a time. */
    if (row->lease_over || strcmp(claim->owner, terms->owner) == 0)
        return mp_store_idempotency_seize(db, key, terms, claim, err);
    return 1;
}

int mp_store_idempotency_take(struct mp_db *db, struct mp_arena *arena, const struct mp_idempotency_key *key,
                              const struct mp_idempotency_terms *terms, struct mp_idempotency_claim *out, struct mp_error *err)
{
    for (unsigned i = 0; i < LOOKS_MOST; i++) {
        struct row row;
        int rc = read_row(db, arena, key, &row, err);
        if (rc < 0)
            return -1;
        if (rc == 0) {
            rc = insert(db, arena, key, terms, out, err);
            if (rc != 0)
                return rc < 0 ? -1 : 0;
            continue;
        }
        rc = settle(db, arena, key, terms, &row, err);
        if (rc != 0) {
            *out = row.claim;
            return rc < 0 ? -1 : 0;
        }
    }
    return mp_fail_log(err, MP_E_UNAVAILABLE, "idempotency: the row changed at each of %d looks", LOOKS_MOST);
}

int mp_store_idempotency_keep(struct mp_db *db, const struct mp_idempotency_key *key, const struct mp_idempotency_claim *claim, unsigned status,
                              struct mp_slice answer, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &idem_keep);

    mp_bind_i64(st, (int64_t)status);
    mp_bind_bytes(st, answer);
    bind_guard(st, key, claim);
    return run_guarded(st, err);
}

static int end_claim(struct mp_db *db, const struct mp_sql *sql, const struct mp_idempotency_key *key, const struct mp_idempotency_claim *claim,
                     struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, sql);

    bind_guard(st, key, claim);
    return run_guarded(st, err);
}

int mp_store_idempotency_drop(struct mp_db *db, const struct mp_idempotency_key *key, const struct mp_idempotency_claim *claim, struct mp_error *err)
{
    return end_claim(db, &idem_drop, key, claim, err);
}

int mp_store_idempotency_release(struct mp_db *db, const struct mp_idempotency_key *key, const struct mp_idempotency_claim *claim,
                                 struct mp_error *err)
{
    return end_claim(db, &idem_release, key, claim, err);
}

int mp_store_idempotency_expire(struct mp_db *db, unsigned limit, int64_t *removed, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &idem_expire);

    mp_bind_i64(st, (int64_t)limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    *removed = mp_db_affected(st);
    return 0;
}
