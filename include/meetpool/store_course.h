#ifndef MEETPOOL_STORE_COURSE_H
#define MEETPOOL_STORE_COURSE_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/db.h"
#include "meetpool/error.h"

/* Rows of `course`, `batch`, `batch_member` and `person`. Look-ups: 1 found (also a deleted one: look at `deleted`), 0 none, -1 failed. */

struct mp_course_row {
    int64_t id;
    const char *public_id, *owner_sub, *title, *description, *timezone;
    bool deleted;
    int64_t version, created_at, updated_at;
};
int mp_store_course_insert(struct mp_db *db, struct mp_course_row *row, struct mp_error *err) MP_MUST_CHECK;
int mp_store_course_by_public(struct mp_db *db, struct mp_arena *arena, const char *public_id, struct mp_course_row *row,
                              struct mp_error *err) MP_MUST_CHECK;
int mp_store_course_by_id(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_course_row *row, struct mp_error *err) MP_MUST_CHECK;
/* Title, description, timezone, deleted, under the version, which grows. 1 done, 0 moved on. */
int mp_store_course_write(struct mp_db *db, struct mp_course_row *row, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;
/* In a transaction: the course as it is, and as it stays until the transaction ends; written, as a lock alone holds nothing on a cluster. */
int mp_store_course_hold(struct mp_db *db, struct mp_arena *arena, int64_t id, size_t sessions, struct mp_course_row *row,
                         struct mp_error *err) MP_MUST_CHECK;
/* Newest first; `viewer` NULL: everybody's; `before_id` INT64_MAX on the first page. */
int mp_store_course_list(struct mp_db *db, struct mp_arena *arena, const char *viewer, bool deleted, int64_t before_id, unsigned limit,
                         struct mp_course_row **rows, size_t *count, struct mp_error *err) MP_MUST_CHECK;

struct mp_batch_row {
    int64_t id;
    const char *public_id, *owner_sub, *instructor_sub; /* instructor_sub may be NULL */
    int64_t course_id;                                  /* 0: none */
    const char *course_public_id, *course_title;        /* of the course; NULL: none */
    const char *name;
    const char *batch_type; /* "individual", "group" */
    const char *timezone;
    const char *settings; /* JSON; NULL: none */
    bool deleted;
    int64_t version, created_at, updated_at;
};
/* In a transaction with its members. */
int mp_store_batch_insert(struct mp_db *db, struct mp_batch_row *row, struct mp_error *err) MP_MUST_CHECK;
int mp_store_batch_by_public(struct mp_db *db, struct mp_arena *arena, const char *public_id, struct mp_batch_row *row,
                             struct mp_error *err) MP_MUST_CHECK;
int mp_store_batch_by_id(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_batch_row *row, struct mp_error *err) MP_MUST_CHECK;
int mp_store_batch_write(struct mp_db *db, struct mp_batch_row *row, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;
/* In a transaction: the batch as it is, and as it stays until the transaction ends; written, as a lock alone holds nothing on a cluster. */
int mp_store_batch_hold(struct mp_db *db, struct mp_arena *arena, int64_t id, size_t sessions, struct mp_batch_row *row,
                        struct mp_error *err) MP_MUST_CHECK;
/* `viewer`: owner, instructor or member. */
int mp_store_batch_list(struct mp_db *db, struct mp_arena *arena, const char *viewer, int64_t course_id, bool deleted, int64_t before_id,
                        unsigned limit, struct mp_batch_row **rows, size_t *count, struct mp_error *err) MP_MUST_CHECK;
int mp_store_batch_members(struct mp_db *db, struct mp_arena *arena, int64_t batch_id, const char ***subs, size_t *count,
                           struct mp_error *err) MP_MUST_CHECK;
/* The same for several at once: `subs[i]` and `counts[i]` are those of `ids[i]`. */
int mp_store_batch_members_of(struct mp_db *db, struct mp_arena *arena, const int64_t *ids, size_t count, const char ***subs, size_t *counts,
                              struct mp_error *err) MP_MUST_CHECK;
/* In a transaction that has written the batch: only what differs is written. 1 something did, 0 nothing. */
int mp_store_batch_set_members(struct mp_db *db, struct mp_arena *arena, int64_t batch_id, const char *const *subs, size_t count,
                               struct mp_error *err) MP_MUST_CHECK;

/* A person's own meeting defaults (JSON, NULL: none) and calendar feed. */
int mp_store_person_defaults(struct mp_db *db, struct mp_arena *arena, const char *sub, const char **defaults, struct mp_error *err) MP_MUST_CHECK;
int mp_store_person_set_defaults(struct mp_db *db, const char *sub, const char *defaults, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;
int mp_store_person_feed(struct mp_db *db, struct mp_arena *arena, const char *sub, const char **sealed, struct mp_error *err) MP_MUST_CHECK;
int mp_store_person_set_feed(struct mp_db *db, const char *sub, const char *hash, const char *sealed, int64_t now_ms,
                             struct mp_error *err) MP_MUST_CHECK;
/* As set_feed, where what is stored is still what was seen (NULL: none); else nothing is changed. */
int mp_store_person_begin_feed(struct mp_db *db, const char *sub, const char *seen, const char *hash, const char *sealed, int64_t now_ms,
                               struct mp_error *err) MP_MUST_CHECK;
int mp_store_person_by_feed(struct mp_db *db, struct mp_arena *arena, const char *hash, const char **sub, struct mp_error *err) MP_MUST_CHECK;

/* A new public id: 24 hex digits, the first 8 the present second. */
char *mp_store_public_id(struct mp_arena *arena, int64_t now_ms);

#endif
