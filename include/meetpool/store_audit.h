#ifndef MEETPOOL_STORE_AUDIT_H
#define MEETPOOL_STORE_AUDIT_H

#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/attr.h"
#include "meetpool/db.h"
#include "meetpool/error.h"

/* Who did what to whom. Rows are added and never changed. No token, no secret. Texts that are too long are cut. */
struct mp_audit_row {
    int64_t id, at;
    const char *actor; /* a person's sub; NULL: this program by itself */
    const char *action;
    const char *subject; /* whom it was done to */
    const char *outcome; /* "ok", "failed" */
    const char *detail;
    const char *remote_addr, *request_id;
};

/* `id` and `at` are the database's. In or outside a transaction. */
int mp_store_audit_add(struct mp_db *db, struct mp_arena *arena, const struct mp_audit_row *row, struct mp_error *err) MP_MUST_CHECK;

struct mp_audit_query {
    const char *subject, *actor, *action, *outcome; /* NULL: any */
    int64_t from, until;                            /* half-open */
    int64_t before_id;                              /* INT64_MAX on the first page */
    unsigned limit;
};
/* Newest first. */
int mp_store_audit_list(struct mp_db *db, struct mp_arena *arena, const struct mp_audit_query *query, struct mp_audit_row **rows, size_t *count,
                        struct mp_error *err) MP_MUST_CHECK;

#endif
