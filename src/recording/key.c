#include <string.h>

#include "meetpool/buf.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "meetpool/store_lesson.h"
#include "recording_int.h"

#define NAME_MOST  120 /* bytes of a name in a key */
#define MARK_BYTES 4

#define EXTENSION_MOST 5
#define PLAIN          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static int of_batch(struct mp_ctx *ctx, struct recording_home *home, struct mp_error *err)
{
    const char **subs;
    size_t count;
    int rc = mp_store_batch_by_id(ctx->db, ctx->arena, home->booking.batch_id, &home->batch, err);

    if (rc <= 0)
        return rc;
    home->in_batch = true;
    if (strcmp(home->batch.batch_type, "individual") != 0)
        return 0;
    if (mp_store_batch_members(ctx->db, ctx->arena, home->batch.id, &subs, &count, err) < 0)
        return -1;
    home->student = count > 0 ? subs[0] : NULL;
    return 0;
}

int recording_home_of(struct mp_ctx *ctx, const struct mp_booking_row *booking, struct recording_home *home, struct mp_error *err)
{
    *home = (struct recording_home){.booking = *booking, .booked = true};
    return booking->batch_id != 0 ? of_batch(ctx, home, err) : 0;
}

int recording_home(struct mp_ctx *ctx, const struct mp_meeting_row *meeting, struct recording_home *home, struct mp_error *err)
{
    int rc;

    *home = (struct recording_home){.meeting = *meeting};
    rc = mp_store_booking_by_meeting(ctx->db, ctx->arena, meeting->id, &home->booking, err);
    if (rc <= 0)
        return rc;
    home->booked = true;
    return home->booking.batch_id != 0 ? of_batch(ctx, home, err) : 0;
}

/* People's ids are whatever the tokens say: what may not stand in a key, or be taken for a folder of its own, is replaced, and a mark keeps two
 * apart. */
static const char *safe_name(struct mp_arena *arena, const char *sub)
{
    size_t len = strlen(sub);
    struct mp_slice cut = {sub, len < NAME_MOST ? len : NAME_MOST};
    char *name = mp_arena_strndup(arena, cut);
    bool same = len == cut.len && sub[0] != '.';

    for (char *c = name; *c != '\0'; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("-_.@", *c) != NULL;

        same = same && plain;
        if (!plain)
            *c = '_';
    }
    return same ? name : mp_arena_printf(arena, "_%s-%.8s", name, mp_sha256_hex(arena, mp_slice_of(sub)));
}

static const char *folder(struct mp_arena *arena, const struct recording_home *home)
{
    if (home->student != NULL)
        return mp_arena_printf(arena, "videos/student/%s", safe_name(arena, home->student));
    if (home->in_batch)
        return mp_arena_printf(arena, "videos/%s", home->batch.public_id);
    if (home->booked)
        return mp_arena_printf(arena, "videos/%s/%s", mp_booking_kind_name(home->booking.kind), home->booking.public_id);
    return mp_arena_printf(arena, "videos/meeting/%lld", (long long)home->meeting.zoom_id);
}

const char *recording_key(struct mp_ctx *ctx, const struct recording_home *home, int64_t at_ms, const char *uuid, const char *file_key,
                          const char *extension)
{
    struct mp_civil at = {0};
    const char *both = mp_arena_printf(ctx->arena, "%s|%s", uuid, file_key), *mark = mp_sha256_hex(ctx->arena, mp_slice_of(both));
    char ending[8] = {0};

    (void)mp_zone_local("UTC", at_ms, &at);
    for (size_t i = 0; extension[i] != '\0' && i + 1 < sizeof(ending); i++)
        ending[i] = (char)(extension[i] | 0x20);
    /* A digit stays one: 0x20 is set in it already. */
    return mp_arena_printf(ctx->arena, "%s/zoom-%04d%02d%02dT%02d%02d%02dZ-%.*s.%s", folder(ctx->arena, home), at.year, at.month, at.day, at.hour,
                           at.minute, at.second, 2 * MARK_BYTES, mark, ending);
}

/* What stands behind the last dot, where it is a plain word. */
static const char *extension_of(struct mp_arena *arena, const char *filename)
{
    const char *dot = strrchr(filename, '.');
    size_t len = dot != NULL ? strlen(dot + 1) : 0;
    char *extension;

    if (len == 0 || len > EXTENSION_MOST || strspn(dot + 1, PLAIN) != len)
        return "bin";
    extension = mp_arena_strdup(arena, dot + 1);
    for (char *c = extension; *c != '\0'; c++)
        *c = (char)(*c | 0x20); /* a digit stays one */
    return extension;
}

const char *recording_upload_key(struct mp_ctx *ctx, const struct recording_home *home, int64_t at_ms, const char *id, const char *filename)
{
    struct mp_civil at = {0};

    (void)mp_zone_local("UTC", at_ms, &at);
    return mp_arena_printf(ctx->arena, "%s/upload-%04d%02d%02dT%02d%02d%02dZ-%s.%s", folder(ctx->arena, home), at.year, at.month, at.day, at.hour,
                           at.minute, at.second, id, extension_of(ctx->arena, filename));
}

const char *recording_content_type(const char *extension)
{
    static const struct {
        const char *extension, *type;
    } rows[] = {
        {"MP4", "video/mp4"}, {"M4A", "audio/mp4"}, {"TXT", "text/plain; charset=utf-8"}, {"VTT", "text/vtt"}, {"JSON", "application/json"},
    };

    for (size_t i = 0; i < MP_COUNT(rows); i++) {
        if (strcmp(rows[i].extension, extension) == 0)
            return rows[i].type;
    }
    return "application/octet-stream";
}

/* "Zoom Recording - 2024-01-15 (MP4)": the day where the session is. */
static const char *title_of(struct mp_arena *arena, const struct recording_home *home, const struct mp_file_row *file)
{
    int64_t at_ms = home->booked ? home->booking.starts_at : home->meeting.starts_at;
    struct mp_civil day = {0};

    (void)mp_zone_local(home->booked ? home->booking.timezone : home->meeting.timezone, at_ms, &day);
    return mp_arena_printf(arena, "Zoom Recording - %04d-%02d-%02d (%s)", day.year, day.month, day.day, file->file_type);
}

int recording_add_lesson(struct mp_db *db, struct mp_arena *arena, const struct recording_home *home, const struct mp_file_row *file, int64_t size,
                         int64_t *was, struct mp_error *err)
{
    const char *name = strrchr(file->object_key, '/');
    struct mp_lesson_recording lesson = {
        .booking_id = home->booked ? home->booking.id : 0,
        .batch_id = home->in_batch ? home->batch.id : 0,
        .meeting_id = home->meeting.id,
        .file_id = file->id,
        .title = title_of(arena, home, file),
        .object_key = file->object_key,
        .filename = name != NULL ? name + 1 : file->object_key,
        .content_type = recording_content_type(file->file_type),
        .size = size,
        .owner_sub = home->meeting.owner_sub,
    };

    return mp_store_lesson_add_recording(db, arena, &lesson, was, err);
}
