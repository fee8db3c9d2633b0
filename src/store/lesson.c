#include "meetpool/store_lesson.h"

#include "meetpool/clock.h"
#include "meetpool/store_course.h"
#include "store_int.h"

#define TITLE_MOST 200

static const struct mp_sql add_recording = {
    "INSERT INTO lesson (public_id, booking_id, batch_id, meeting_id, file_id, source, state, title, object_key, filename, content_type, size, owner_sub,"
    " created_at) VALUES (?, ?, ?, ?, ?, 'zoom_auto_sync', 'ready', ?, ?, ?, ?, ?, ?, " MP_DB_NOW_MS ")"
    " ON DUPLICATE KEY UPDATE size = VALUES(size)"};

int mp_store_lesson_add_recording(struct mp_db *db, struct mp_arena *arena, const struct mp_lesson_recording *lesson, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &add_recording);

    mp_bind_text(st, mp_store_public_id(arena, mp_now_ms()));
    mp_bind_i64_null(st, lesson->booking_id != 0, lesson->booking_id);
    mp_bind_i64_null(st, lesson->batch_id != 0, lesson->batch_id);
    mp_bind_i64(st, lesson->meeting_id);
    mp_bind_i64(st, lesson->file_id);
    mp_bind_text(st, store_cut(arena, lesson->title, TITLE_MOST));
    mp_bind_text(st, lesson->object_key);
    mp_bind_text(st, store_cut(arena, lesson->filename, TITLE_MOST));
    mp_bind_text(st, lesson->content_type);
    mp_bind_i64(st, lesson->size);
    mp_bind_text(st, lesson->owner_sub);
    return mp_db_run(st, err);
}
