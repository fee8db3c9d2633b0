#include "ctl_int.h"
#include "meetpool/clock.h"
#include "meetpool/store_meeting.h"

#define SHOWN_MOST 500

static const char *const place_states[] = {
    [MP_PLACE_CREATING] = "look whether Zoom made it", [MP_PLACE_HELD] = "look after it", [MP_PLACE_DELETING] = "delete it at Zoom",
    [MP_PLACE_LOST] = "find it at Zoom and delete it", [MP_PLACE_FREE] = "look after it",
};

static int add_places(struct ctl *ctl, struct mp_db *db, struct table *table)
{
    struct mp_place_row *places;
    size_t count;

    if (mp_store_place_due(db, ctl->arena, SHOWN_MOST, &places, &count, &ctl->err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct mp_place_row *place = &places[i];

        table_add(table, (const char *const[]){
                             place->state < MP_COUNT(place_states) ? place_states[place->state] : NULL,
                             cell_int(ctl->arena, place->meeting_id),
                             cell_time(ctl->arena, place->created_at),
                             cell_int(ctl->arena, place->checks),
                             place->lease_until > place->now_ms ? place->owner : NULL,
                             NULL,
                         });
    }
    return 0;
}

static int add_pending(struct ctl *ctl, struct mp_db *db, struct table *table)
{
    struct mp_meeting_row *meetings;
    size_t count;

    if (mp_store_meeting_pending(db, ctl->arena, INT64_MAX, INT64_MAX, SHOWN_MOST, &meetings, &count, &ctl->err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct mp_meeting_row *meeting = &meetings[i];

        table_add(table, (const char *const[]){
                             mp_arena_printf(ctl->arena, "tell Zoom: %s", meeting->pending),
                             cell_int(ctl->arena, meeting->id),
                             cell_time(ctl->arena, meeting->updated_at),
                             NULL,
                             NULL,
                             meeting->pending_error,
                         });
    }
    return 0;
}

int ctl_jobs(struct ctl *ctl)
{
    static const char *const heads[] = {"TO DO", "MEETING", "SINCE", "TRIES", "IN THE HANDS OF", "LAST ERROR"};
    struct mp_db_conf conf = {0};
    struct table table;
    struct mp_db *db;
    int rc = 1;

    if (!ctl_plain(ctl))
        return 2;
    if (ctl_fill(ctl, mp_db_settings, mp_db_settings_rows, &conf) < 0)
        return ctl_failed(ctl);
    db = mp_db_new(&conf, &ctl->log);
    table_init(&table, ctl->arena, MP_COUNT(heads), heads);
    if (add_places(ctl, db, &table) < 0 || add_pending(ctl, db, &table) < 0) {
        ctl_failed(ctl);
        goto out;
    }
    table_print(&table);
    rc = 0;
out:
    mp_db_free(db);
    return rc;
}
