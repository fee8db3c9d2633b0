#include <string.h>

#include "meeting_int.h"
#include "meetpool/clock.h"

/* Two clocks say when a meeting ended and when it began once more; this far apart they are not trusted to tell which was first. */
#define DOUBT_MS 600000
/* Until a change that was begun here has been told to Zoom. */
#define CHANGE_MS 3000
/* Until Zoom's answers about one meeting agree. */
#define UNCLEAR_MS 3000

int mp_meeting_told_of(struct mp_ctx *ctx, int64_t zoom_id, struct mp_meeting **out, struct mp_error *err)
{
    struct mp_meeting_row row;
    int rc = mp_store_meeting_by_zoom_id(ctx->db, ctx->arena, zoom_id, &row, err);

    if (rc <= 0)
        return rc;
    return meeting_wrap(ctx, &row, out, err) < 0 ? -1 : 1;
}

static bool other_instance(const struct mp_meeting_row *row, const char *uuid)
{
    return uuid != NULL && (row->zoom_uuid == NULL || strcmp(row->zoom_uuid, uuid) != 0);
}

static int begin_again(struct mp_db *db, const struct mp_meeting_row *row, int64_t started_at, enum mp_meeting_news *news, struct mp_error *err)
{
    int64_t now_ms = mp_now_ms();
    int rc = mp_store_place_again(db, row, true, now_ms, err);

    if (rc > 0)
        rc = mp_store_meeting_again(db, row->id, started_at, now_ms, err);
    if (rc > 0)
        *news = MP_NEWS_CHANGED;
    return rc < 0 ? -1 : 0;
}

/* Of one that the record says has ended: the same occurrence is old news, another one has been opened since. */
static int begin_ended(struct mp_db *db, const struct mp_meeting_row *row, const char *uuid, int64_t started_at, enum mp_meeting_news *news,
                       struct mp_error *err)
{
    if (started_at > row->ended_at)
        return begin_again(db, row, started_at, news, err);
    if (other_instance(row, uuid) && row->ended_at - started_at < DOUBT_MS)
        *news = MP_NEWS_DOUBT;
    return 0;
}

static int begin_first(struct mp_db *db, const struct mp_meeting_row *row, int64_t started_at, enum mp_meeting_news *news, struct mp_error *err)
{
    int rc = mp_store_meeting_status(db, row->id, MP_MEETING_STARTED, started_at, err);

    if (rc > 0)
        *news = MP_NEWS_CHANGED;
    return rc < 0 ? -1 : mp_store_place_open(db, row->id, started_at, err);
}

int mp_meeting_began(struct mp_db *db, struct mp_arena *arena, int64_t id, const char *uuid, int64_t started_at, enum mp_meeting_news *news,
                     struct mp_error *err)
{
    struct mp_meeting_row row;
    int rc = mp_store_meeting_lock(db, arena, id, &row, err);

    *news = MP_NEWS_NONE;
    if (rc <= 0)
        return rc;
    if (row.status == MP_MEETING_SCHEDULED)
        rc = begin_first(db, &row, started_at, news, err);
    else if (row.status == MP_MEETING_ENDED)
        rc = begin_ended(db, &row, uuid, started_at, news, err);
    else
        rc = 0;
    if (rc == 0 && other_instance(&row, uuid) && (*news == MP_NEWS_CHANGED || row.status == MP_MEETING_STARTED))
        rc = mp_store_meeting_instance(db, id, uuid, err);
    return rc;
}

int mp_meeting_ended(struct mp_db *db, struct mp_arena *arena, int64_t id, const char *uuid, int64_t started_at, int64_t ended_at,
                     enum mp_meeting_news *news, struct mp_error *err)
{
    struct mp_meeting_row row;
    int rc = mp_store_meeting_lock(db, arena, id, &row, err);

    *news = MP_NEWS_NONE;
    if (rc <= 0 || (row.status != MP_MEETING_SCHEDULED && row.status != MP_MEETING_STARTED))
        return rc < 0 ? -1 : 0;
    if (row.status == MP_MEETING_SCHEDULED && mp_store_meeting_status(db, id, MP_MEETING_STARTED, started_at, err) < 0)
        return -1;
    if (mp_store_place_end(db, id, err) < 0 || mp_store_meeting_status(db, id, MP_MEETING_ENDED, ended_at, err) < 0)
        return -1;
    *news = MP_NEWS_CHANGED;
    return other_instance(&row, uuid) ? mp_store_meeting_instance(db, id, uuid, err) : 0;
}

/* ---- Asking Zoom ---- */

struct again {
    struct mp_ctx *ctx;
    int64_t id;
    const char *uuid;
    enum mp_meeting_news news;
};

/* Zoom says that it runs now: that is later than any end that is known. */
static int open_again(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct again *a = arg;
    struct mp_meeting_row row;
    int rc = mp_store_meeting_lock(db, a->ctx->arena, a->id, &row, err);

    a->news = MP_NEWS_NONE;
    if (rc <= 0 || row.status != MP_MEETING_ENDED)
        return rc < 0 ? -1 : 0;
    rc = begin_again(db, &row, mp_now_ms(), &a->news, err);
    return rc == 0 && other_instance(&row, a->uuid) ? mp_store_meeting_instance(db, a->id, a->uuid, err) : rc;
}

/* Out of Zoom's trash: it can be opened, so it has its place, whoever was given it meanwhile. One that is on its way there once more is left alone.
 */
static int bring_back(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct again *a = arg;
    struct mp_meeting_row row;
    int rc = mp_store_meeting_lock(db, a->ctx->arena, a->id, &row, err);

    a->news = MP_NEWS_NONE;
    if (rc <= 0 || row.status != MP_MEETING_DELETED || row.replaced_by != 0)
        return rc < 0 ? -1 : 0;
    rc = mp_store_place_again(db, &row, false, mp_now_ms(), err);
    if (rc > 0)
        rc = mp_store_meeting_back(db, a->id, mp_now_ms(), err);
    if (rc > 0)
        a->news = MP_NEWS_CHANGED;
    return rc < 0 ? -1 : 0;
}

/* Of a record that is over: 1 it has come back to life, 0 it has not. */
static int revive(struct mp_ctx *ctx, struct mp_meeting *meeting, const struct mp_zoom_meeting *zoom, enum mp_meeting_told told, struct mp_error *err)
{
    struct again again = {ctx, meeting->row.id, zoom->uuid, MP_NEWS_NONE};
    bool runs = zoom->status != NULL && strcmp(zoom->status, "started") == 0;

    if (meeting->row.status == MP_MEETING_DELETED ? told != MP_TOLD_RECOVERED : !runs)
        return 0;
    if (mp_tx_run(ctx->db, meeting->row.status == MP_MEETING_DELETED ? bring_back : open_again, &again, err) < 0)
        return -1;
    if (again.news != MP_NEWS_CHANGED)
        return 0;
    return mp_store_meeting_by_id(ctx->db, ctx->arena, meeting->row.id, &meeting->row, err) < 0 ? -1 : 1;
}

static int found(struct mp_ctx *ctx, struct mp_meeting *meeting, const struct mp_zoom_meeting *zoom, enum mp_meeting_told told,
                 struct mp_meeting_look *look, struct mp_error *err)
{
    struct mp_meeting_row before = meeting->row;
    int rc = 1;

    look->agrees = true;
    if (before.status == MP_MEETING_ENDED || before.status == MP_MEETING_DELETED)
        rc = revive(ctx, meeting, zoom, told, err);
    if (rc <= 0)
        return rc;
    if (meeting_make_true(ctx, meeting, zoom, err) < 0)
        return -1;
    look->changed = meeting->row.version != before.version || meeting->row.status != before.status;
    return 0;
}

/* Zoom says that there is none. */
static int missing(struct mp_ctx *ctx, struct mp_meeting *meeting, enum mp_meeting_told told, struct mp_meeting_look *look, struct mp_error *err)
{
    int rc;

    if (meeting->row.status == MP_MEETING_ENDED || meeting->row.status == MP_MEETING_DELETED) {
        look->agrees = true;
        /* One that nobody ever started was deleted there by us when it was ended. */
        if (told != MP_TOLD_DELETED || meeting->row.status == MP_MEETING_DELETED || meeting->row.started_at < 0)
            return 0;
        look->changed = true;
        return meeting_finish(ctx, meeting->row.id, MP_MEETING_DELETED, mp_now_ms(), err);
    }
    rc = meeting_is_gone(ctx, meeting, err);
    look->agrees = look->changed = rc > 0;
    look->passing = true;
    look->why = "Zoom does not say clearly whether it is gone";
    look->wait_ms = UNCLEAR_MS;
    return rc < 0 ? -1 : 0;
}

int mp_meeting_making(struct mp_ctx *ctx, struct mp_error *err)
{
    return mp_store_place_making(ctx->db, err);
}

int mp_meeting_look(struct mp_ctx *ctx, struct mp_meeting *meeting, enum mp_meeting_told told, struct mp_meeting_look *look, struct mp_error *err)
{
    struct mp_zoom_meeting zoom;
    struct mp_zoom_result res;

    *look = (struct mp_meeting_look){0};
    if (meeting->account < 0) {
        look->why = "the account that made it is not configured here any more";
        return 0;
    }
    /* What was wanted here and not told yet is newer than what Zoom knows. */
    if (meeting->row.pending != NULL) {
        look->passing = true;
        look->why = "a change that was made here has still to be told to Zoom";
        look->wait_ms = CHANGE_MS;
        return 0;
    }
    meeting_fetch(ctx, meeting->account, meeting->host, meeting->row.zoom_id, mp_monotonic_ms() + MEETING_REPAIR_TIMEOUT_MS, &zoom, &res);
    if (res.cls == MP_ZOOM_OK)
        return found(ctx, meeting, &zoom, told, look, err);
    if (res.cls == MP_ZOOM_NOT_FOUND)
        return missing(ctx, meeting, told, look, err);
    look->passing = meeting_worth_repeating(res.cls);
    look->why = res.message != NULL ? res.message : mp_zoom_class_name(res.cls);
    look->wait_ms = res.retry_after_ms > 0 ? res.retry_after_ms : 0;
    return 0;
}
