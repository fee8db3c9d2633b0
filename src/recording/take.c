#include <string.h>

#include "recording_int.h"

#define MOVE_ATTEMPTS 8
/* A try that dies, or a database that fails: what Zoom says is counted in the recording's row. */
#define FIND_ATTEMPTS 20

static bool says_cloud(const char *settings)
{
    return settings != NULL && strstr(settings, "\"auto_recording\":\"cloud\"") != NULL;
}

bool recording_asked_for(const struct mp_meeting_row *meeting)
{
    return says_cloud(meeting->settings_requested) || says_cloud(meeting->settings_effective);
}

int64_t recording_subject(const struct mp_job *job)
{
    unsigned long long id;

    return mp_slice_to_u64(mp_slice_of(job->subject), INT64_MAX, &id) ? (int64_t)id : 0;
}

int recording_add_find(struct mp_db *db, struct mp_arena *arena, int64_t meeting_id, int64_t wait_ms, int priority, struct mp_error *err)
{
    struct mp_job_spec spec = {
        .kind = MP_JOB_FIND,
        .subject = mp_arena_printf(arena, "%lld", (long long)meeting_id),
        .slot = MP_JOB_OPEN,
        .lane = MP_LANE_QUICK,
        .priority = priority,
        .wait_ms = wait_ms,
        .most_attempts = FIND_ATTEMPTS,
    };

    return mp_queue_add(db, arena, &spec, NULL, err) < 0 ? -1 : 0;
}

int recording_add_move(struct mp_db *db, struct mp_arena *arena, int64_t file_id, int priority, struct mp_error *err)
{
    struct mp_job_spec spec = {
        .kind = MP_JOB_MOVE,
        .subject = mp_arena_printf(arena, "%lld", (long long)file_id),
        .slot = MP_JOB_OPEN,
        .lane = MP_LANE_MOVE,
        .priority = priority,
        .most_attempts = MOVE_ATTEMPTS,
    };

    return mp_queue_add(db, arena, &spec, NULL, err) < 0 ? -1 : 0;
}

/* ---- What was found ---- */

struct taking {
    struct mp_ctx *ctx;
    const struct recording_home *home;
    const struct mp_zoom_recording *found;
    enum mp_again again;
    struct recording_taken taken; /* of this occurrence */
};

static int take_file(struct taking *t, struct mp_db *db, int64_t occurrence_id, const struct mp_zoom_recording_file *file, struct mp_error *err)
{
    int64_t at_ms = file->from >= 0 ? file->from : t->found->starts_at >= 0 ? t->found->starts_at : t->home->meeting.starts_at;
    struct mp_file_row row = {
        .occurrence_id = occurrence_id,
        .meeting_id = t->home->meeting.id,
        .file_key = file->key,
        .zoom_file_id = file->id,
        .file_type = file->extension,
        .recording_type = file->recording_type,
        .size = file->size,
        .recorded_from = at_ms,
        .recorded_until = file->until,
        .download_url = file->download_url != NULL ? file->download_url : "",
        .object_key = recording_key(t->ctx, t->home, at_ms, t->found->uuid, file->key, file->extension),
    };

    if (mp_store_file_upsert(db, &row, t->again, err) < 0)
        return -1;
    t->taken.wanted++;
    if (row.state != MP_FILE_FOUND)
        return 0;
    t->taken.fresh++;
    return recording_add_move(db, t->ctx->arena, row.id, t->again != MP_AGAIN_GONE ? MP_JOB_PRIORITY_ASKED : MP_JOB_PRIORITY_NORMAL, err);
}

static int take_files(struct taking *t, struct mp_db *db, int64_t occurrence_id, struct mp_error *err)
{
    for (size_t i = 0; i < t->found->count; i++) {
        const struct mp_zoom_recording_file *file = &t->found->files[i];

        if (file->extension == NULL)
            continue;
        if (!file->complete)
            t->taken.unready++;
        else if (take_file(t, db, occurrence_id, file, err) < 0)
            return -1;
    }
    return mp_store_recording_settle(db, t->home->meeting.id, true, err);
}

/* The transaction. May run twice. */
static int take(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct taking *t = arg;
    const struct recording_home *home = t->home;
    struct mp_occurrence_row occurrence = {.uuid = t->found->uuid, .meeting_id = home->meeting.id, .started_at = t->found->starts_at, .ended_at = -1};

    t->taken = (struct recording_taken){0};
    if (mp_store_recording_ensure(db, home->meeting.id, home->booked ? home->booking.id : 0, home->in_batch ? home->batch.id : 0, err) < 0 ||
        mp_store_recording_lock(db, home->meeting.id, err) < 0 || mp_store_occurrence_ensure(db, &occurrence, err) < 0)
        return -1;
    /* Zoom's uuids are one occurrence's for ever: one that is another meeting's here is not taken from it. */
    if (occurrence.meeting_id != home->meeting.id)
        return 0;
    return take_files(t, db, occurrence.id, err);
}

int recording_take(struct mp_ctx *ctx, const struct recording_home *home, const struct mp_zoom_recording *found, enum mp_again again,
                   struct recording_taken *taken, struct mp_error *err)
{
    struct taking t = {.ctx = ctx, .home = home, .found = found, .again = again};

    if (mp_tx_run(ctx->db, take, &t, err) < 0)
        return -1;
    taken->wanted += t.taken.wanted;
    taken->fresh += t.taken.fresh;
    taken->unready += t.taken.unready;
    if (t.taken.fresh > 0)
        mp_log(ctx->log, MP_INFO, "recording.found", MP_INT("meeting", home->meeting.zoom_id), MP_STR("uuid", found->uuid),
               MP_INT("files", t.taken.wanted), MP_INT("new", t.taken.fresh));
    return 0;
}
