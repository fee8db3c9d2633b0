#include "meetpool/lesson.h"

#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/storage.h"
#include "recording_int.h"

#define LOOKED_AT_MOST 5 /* waiting ones a request looks for at the storage */
#define FIRST_LOOK_MS  15000
#define TRIES_MOST     20 /* that the storage refuses; that it is away does not count */

/* What browsers may show; everything else, pages above all, is to be saved. */
static const char *type_of(const char *filename)
{
    static const struct {
        const char *ending, *type;
    } rows[] = {
        {".mp4", "video/mp4"}, {".m4v", "video/mp4"},       {".webm", "video/webm"},       {".mov", "video/quicktime"},
        {".m4a", "audio/mp4"}, {".mp3", "audio/mpeg"},      {".ogg", "audio/ogg"},         {".wav", "audio/wav"},
        {".vtt", "text/vtt"},  {".pdf", "application/pdf"}, {".json", "application/json"}, {".txt", "text/plain; charset=utf-8"},
    };
    const char *dot = strrchr(filename, '.');

    for (size_t i = 0; dot != NULL && i < MP_COUNT(rows); i++)
        if (mp_slice_eq_nocase(mp_slice_of(dot), rows[i].ending))
            return rows[i].type;
    return "application/octet-stream";
}

/* ---- Adding ---- */

struct addition {
    struct mp_arena *arena;
    struct mp_lesson_row row;
};

static int add_job(struct mp_db *db, struct mp_arena *arena, int64_t lesson_id, int64_t wait_ms, int priority, struct mp_error *err)
{
    const struct mp_job_spec spec = {.kind = MP_JOB_LESSON,
                                     .subject = mp_arena_printf(arena, "%lld", (long long)lesson_id),
                                     .slot = MP_JOB_OPEN,
                                     .lane = MP_LANE_QUICK,
                                     .priority = priority,
                                     .most_attempts = TRIES_MOST,
                                     .wait_ms = wait_ms};

    return mp_queue_add(db, arena, &spec, NULL, err) < 0 ? -1 : 0;
}

/* The transaction: no upload is waited for without a job that ends the wait. May run twice. */
static int store(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct addition *a = arg;

    if (mp_store_lesson_insert(db, a->arena, &a->row, err) < 0)
        return -1;
    return a->row.state == MP_LESSON_WAITING ? add_job(db, a->arena, a->row.id, FIRST_LOOK_MS, MP_JOB_PRIORITY_NORMAL, err) : 0;
}

static int name_object(struct mp_ctx *ctx, const struct mp_lesson_spec *spec, struct mp_lesson_row *row, struct mp_error *err)
{
    struct recording_home home;

    if (recording_home_of(ctx, spec->booking, &home, err) < 0)
        return -1;
    row->object_key = recording_upload_key(ctx, &home, mp_now_ms(), spec->public_id, spec->filename);
    row->filename = spec->filename;
    row->content_type = type_of(spec->filename);
    row->size = spec->size;
    row->source = MP_LESSON_UPLOAD;
    row->state = MP_LESSON_WAITING;
    return 0;
}

int mp_lesson_add(struct mp_ctx *ctx, const struct mp_lesson_spec *spec, struct mp_lesson_row *row, struct mp_error *err)
{
    struct addition a = {.arena = ctx->arena,
                         .row = {.public_id = spec->public_id,
                                 .booking_id = spec->booking->id,
                                 .batch_id = spec->booking->batch_id,
                                 .source = MP_LESSON_LINK,
                                 .state = MP_LESSON_READY,
                                 .title = spec->title,
                                 .external_url = spec->url,
                                 .size = -1,
                                 .owner_sub = spec->owner_sub}};

    if (spec->url == NULL && name_object(ctx, spec, &a.row, err) < 0)
        return -1;
    if (mp_tx_run(ctx->db, store, &a, err) < 0)
        return -1;
    return mp_store_lesson_by_id(ctx->db, ctx->arena, a.row.id, row, err) < 0 ? -1 : 0;
}

/* ---- Reading ---- */

int lesson_look(struct mp_ctx *ctx, struct mp_lesson_row *row, struct mp_error *err)
{
    struct mp_object object;
    int rc = mp_storage_stat(ctx->storage, ctx->arena, row->object_key, &object, err);

    if (rc <= 0 || object.size != row->size)
        return rc < 0 ? -1 : 0;
    if (mp_store_lesson_ready(ctx->db, row->id, err) < 0)
        return -1;
    row->state = MP_LESSON_READY;
    return 1;
}

/* Those that wait: shown from now on where they have arrived. That the storage is away is no reason to show nothing. */
static int look_for_waiting(struct mp_ctx *ctx, struct mp_lesson_query query, struct mp_error *err)
{
    struct mp_lesson_row *rows;
    struct mp_error trouble;
    size_t count;

    query.state = MP_LESSON_WAITING;
    query.before_id = INT64_MAX;
    query.limit = LOOKED_AT_MOST;
    if (mp_store_lesson_list(ctx->db, ctx->arena, &query, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        mp_error_init(&trouble, ctx->arena);
        if (lesson_look(ctx, &rows[i], &trouble) < 0) {
            mp_log(ctx->log, MP_WARNING, "lesson.look", MP_STR("lesson", rows[i].public_id), MP_STR("error", trouble.detail));
            break;
        }
    }
    return 0;
}

int mp_lesson_list(struct mp_ctx *ctx, const struct mp_lesson_query *query, struct mp_lesson_row **rows, size_t *count, struct mp_error *err)
{
    struct mp_lesson_query ready = *query;

    if (query->before_id == INT64_MAX && look_for_waiting(ctx, *query, err) < 0)
        return -1;
    ready.state = MP_LESSON_READY;
    return mp_store_lesson_list(ctx->db, ctx->arena, &ready, rows, count, err);
}

int mp_lesson_find(struct mp_ctx *ctx, const char *public_id, struct mp_lesson_row *row, struct mp_error *err)
{
    struct mp_error trouble;
    int rc = mp_store_lesson_by_public(ctx->db, ctx->arena, public_id, row, err);

    if (rc <= 0 || row->state == MP_LESSON_REMOVED)
        return rc < 0 ? -1 : 0;
    mp_error_init(&trouble, ctx->arena);
    if (row->state == MP_LESSON_WAITING && lesson_look(ctx, row, &trouble) < 0)
        mp_log(ctx->log, MP_WARNING, "lesson.look", MP_STR("lesson", row->public_id), MP_STR("error", trouble.detail));
    return 1;
}

const char *mp_lesson_url(struct mp_ctx *ctx, const struct mp_lesson_row *row)
{
    if (row->external_url != NULL)
        return row->external_url;
    if (row->state != MP_LESSON_READY)
        return NULL;
    return mp_storage_link_get(ctx->storage, ctx->arena, row->object_key, row->filename != NULL ? row->filename : row->title,
                               row->content_type != NULL ? row->content_type : "application/octet-stream", mp_now_ms());
}

const char *mp_lesson_upload_url(struct mp_ctx *ctx, const struct mp_lesson_row *row)
{
    return mp_storage_link_put(ctx->storage, ctx->arena, row->object_key, row->size, mp_now_ms());
}

/* ---- Removing ---- */

struct removal {
    struct mp_arena *arena;
    const struct mp_lesson_row *row;
};

/* The transaction: what is not shown any more has a job that removes its object. May run twice. */
static int remove_it(struct mp_db *db, void *arg, struct mp_error *err)
{
    const struct removal *r = arg;

    if (mp_store_file_removed(db, r->row->id, err) < 0 || mp_store_lesson_remove(db, r->row->id, err) < 0)
        return -1;
    return r->row->object_key != NULL ? add_job(db, r->arena, r->row->id, 0, MP_JOB_PRIORITY_ASKED, err) : 0;
}

int mp_lesson_remove(struct mp_ctx *ctx, const struct mp_lesson_row *row, struct mp_error *err)
{
    struct removal r = {ctx->arena, row};

    return mp_tx_run(ctx->db, remove_it, &r, err);
}
