#include <string.h>

#include "meetpool/storage.h"
#include "recording_int.h"

/*
 * Files leave Zoom only when asked for, only with proof, and only into the trash: everything that Zoom has of the occurrence, and that is brought
 * home, is stored, and the storage has each in its full size.
 */
struct leaving {
    struct mp_ctx *ctx;
    struct mp_meeting *meeting;
    struct mp_file_row *files;
    size_t count;
};

static const struct mp_file_row *known(const struct leaving *l, const char *file_key)
{
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->files[i].file_key, file_key) == 0)
            return &l->files[i];
    }
    return NULL;
}

static bool safe_here(const struct mp_file_row *file)
{
    return file != NULL && (file->state == MP_FILE_STORED || file->state == MP_FILE_TRASHED);
}

/* What Zoom has now, a late transcript too, is here. 1, 0, -1 with the job told to try later. */
static int nothing_else(const struct leaving *l, struct mp_job *job)
{
    struct mp_zoom_recording found;
    struct mp_zoom_result res;
    bool none;

    recording_fetch(l->ctx, l->meeting, l->files[0].uuid, &found, &none, &res);
    if (res.cls != MP_ZOOM_OK) {
        mp_job_later(l->ctx, job, -1, true, "zoom_failed", "%s", res.message != NULL ? res.message : "Zoom does not answer");
        return -1;
    }
    for (size_t i = 0; i < found.count; i++) {
        const struct mp_file_row *row = known(l, found.files[i].key);

        if (found.files[i].extension != NULL && (!found.files[i].complete || !safe_here(row)))
            return 0;
    }
    return 1;
}

static int proven(const struct leaving *l, struct mp_job *job, struct mp_error *err)
{
    for (size_t i = 0; i < l->count; i++) {
        struct mp_object object;
        int rc;

        if (!safe_here(&l->files[i]))
            return 0;
        rc = mp_storage_stat(l->ctx->storage, l->ctx->arena, l->files[i].object_key, &object, err);
        if (rc < 0)
            return -1;
        if (rc > 0 && object.size == l->files[i].size)
            continue;
        mp_log(l->ctx->log, MP_ERROR, "recording.not_proven", MP_STR("key", l->files[i].object_key), MP_INT("bytes", l->files[i].size));
        mp_job_fail(l->ctx, job, "verification_failed", "The storage does not have every file in its full size; nothing is removed at Zoom.");
        return 0;
    }
    return l->count > 0 ? 1 : 0;
}

static int trash_one(const struct leaving *l, struct mp_job *job, const struct mp_file_row *file, struct mp_error *err)
{
    struct mp_zoom_result res;

    if (file->state != MP_FILE_STORED || file->zoom_file_id == NULL)
        return 1;
    recording_trash(l->ctx, l->meeting, file->uuid, file->zoom_file_id, &res);
    if (res.cls != MP_ZOOM_OK) {
        mp_job_later(l->ctx, job, -1, true, "zoom_failed", "%s", res.message != NULL ? res.message : "Zoom does not answer");
        return 0;
    }
    mp_log(l->ctx->log, MP_INFO, "recording.trashed", MP_INT("meeting", l->meeting->row.zoom_id), MP_STR("key", file->object_key));
    return mp_store_file_trashed(l->ctx->db, file->id, err) < 0 ? -1 : 1;
}

int mp_recording_trash_job(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    struct leaving l = {.ctx = ctx};
    int rc;

    if (!ctx->recording_conf->delete_source)
        return 0;
    if (mp_store_files(ctx->db, ctx->arena, recording_subject(job), &l.files, &l.count, err) < 0)
        return -1;
    rc = proven(&l, job, err);
    if (rc <= 0)
        return rc;
    rc = mp_meeting_by_row(ctx, l.files[0].meeting_id, &l.meeting, err);
    if (rc <= 0)
        return rc;
    if (nothing_else(&l, job) <= 0)
        return 0;
    for (size_t i = 0; i < l.count; i++) {
        rc = trash_one(&l, job, &l.files[i], err);
        if (rc > 0)
            rc = mp_job_progress(ctx, job, (int64_t)i + 1, (int64_t)l.count, err);
        if (rc <= 0)
            return rc;
    }
    return 0;
}
