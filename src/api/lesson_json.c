#include "lesson_json.h"

#include "meetpool/json.h"

/* Seed and clients know it by these names; null for what does not come from Zoom. */
static struct json_object *recording_info(struct mp_ctx *ctx, const struct mp_lesson_row *row)
{
    struct json_object *out;

    if (row->source != MP_LESSON_ZOOM)
        return NULL;
    out = json_object_new_object();
    mp_json_put_text(out, "meeting_id", row->zoom_id != 0 ? mp_arena_printf(ctx->arena, "%lld", (long long)row->zoom_id) : NULL);
    mp_json_put_text(out, "file_type", row->file_type);
    mp_json_put_int(out, "file_size", row->size);
    mp_json_put_time(out, "recording_start", row->recorded_from);
    mp_json_put_time(out, "recording_end", row->recorded_until);
    mp_json_put_time(out, "sync_date", row->stored_at >= 0 ? row->stored_at : row->created_at);
    return out;
}

struct json_object *mp_lesson_json(struct mp_ctx *ctx, const struct mp_lesson_row *row)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_text(out, "id", row->public_id);
    mp_json_put_text(out, "session_id", row->booking_public_id);
    mp_json_put_text(out, "title", row->title);
    mp_json_put_text(out, "url", mp_lesson_url(ctx, row));
    mp_json_put_text(out, "source", mp_lesson_source_name(row->source));
    mp_json_put_text(out, "filename", row->filename);
    if (row->size >= 0)
        mp_json_put_int(out, "size", row->size);
    else
        mp_json_put_null(out, "size");
    mp_json_put(out, "zoom_recording_info", recording_info(ctx, row));
    mp_json_put_time(out, "created_at", row->created_at);
    return out;
}

static struct json_object *lessons_of(struct mp_ctx *ctx, int64_t booking_id, const struct mp_lesson_row *rows, size_t count)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < count; i++)
        if (rows[i].booking_id == booking_id)
            json_object_array_add(list, mp_lesson_json(ctx, &rows[i]));
    return list;
}

int mp_sessions_put_lessons(struct mp_ctx *ctx, const struct mp_booking *sessions, size_t count, struct json_object *const *json,
                            struct mp_error *err)
{
    int64_t *ids = mp_arena_array(ctx->arena, count + 1, sizeof(*ids));
    struct mp_lesson_row *rows;
    size_t found;

    for (size_t i = 0; i < count; i++)
        ids[i] = sessions[i].row.id;
    if (mp_store_lessons_of(ctx->db, ctx->arena, ids, count, &rows, &found, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        mp_json_put(json[i], "recorded_lessons", lessons_of(ctx, ids[i], rows, found));
    return 0;
}
