#include <inttypes.h>
#include <stdio.h>

#include "ctl_int.h"
#include "meetpool/clock.h"
#include "meetpool/queue.h"
#include "meetpool/store_meeting.h"

#define SHOWN_MOST 500
/* Of the jobs that are over. */
#define OVER_MOST 50

/* ---- The queue ---- */

static const char *progress_cell(struct mp_arena *arena, const struct mp_job *job)
{
    if (job->progress_total <= 0)
        return job->progress_done > 0 ? cell_int(arena, job->progress_done) : NULL;
    return mp_arena_printf(arena, "%" PRId64 "/%" PRId64, job->progress_done, job->progress_total);
}

static int add_jobs(struct ctl *ctl, struct mp_db *db, enum mp_job_state state, unsigned most, struct table *table)
{
    const struct mp_job_query query = {.state = (int)state, .before_id = INT64_MAX, .limit = most};
    struct mp_job *jobs;
    size_t count;

    if (mp_queue_list(db, ctl->arena, &query, &jobs, &count, &ctl->err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct mp_job *job = &jobs[i];

        table_add(table, (const char *const[]){
                             job->public_id,
                             job->kind,
                             job->subject,
                             mp_job_state_name(job->state),
                             progress_cell(ctl->arena, job),
                             cell_int(ctl->arena, job->attempts),
                             cell_time(ctl->arena, job->created_at),
                             job->state == MP_JOB_QUEUED ? cell_time(ctl->arena, job->due_at) : NULL,
                             cell_time(ctl->arena, job->finished_at),
                             job->error,
                         });
    }
    return 0;
}

static int show_queue(struct ctl *ctl, struct mp_db *db)
{
    static const char *const heads[] = {"JOB", "KIND", "SUBJECT", "STATE", "PROGRESS", "TRIES", "CREATED", "NEXT TRY", "FINISHED", "LAST ERROR"};
    struct mp_queue_counts counts;
    struct table table;

    if (mp_queue_counts(db, &counts, &ctl->err) < 0)
        return -1;
    table_init(&table, ctl->arena, MP_COUNT(heads), heads);
    if (add_jobs(ctl, db, MP_JOB_RUNNING, SHOWN_MOST, &table) < 0 || add_jobs(ctl, db, MP_JOB_QUEUED, SHOWN_MOST, &table) < 0 ||
        add_jobs(ctl, db, MP_JOB_FAILED, OVER_MOST, &table) < 0 || add_jobs(ctl, db, MP_JOB_DONE, OVER_MOST, &table) < 0)
        return -1;
    for (int state = 0; state < MP_JOB_STATES; state++)
        printf("%s%" PRId64 " %s", state > 0 ? ", " : "", counts.in_state[state], mp_job_state_name((enum mp_job_state)state));
    printf("; %" PRId64 " due\n\n", counts.due);
    table_print(&table);
    return 0;
}

/* ---- Repair ---- */

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
    if (show_queue(ctl, db) < 0 || add_places(ctl, db, &table) < 0 || add_pending(ctl, db, &table) < 0) {
        ctl_failed(ctl);
        goto out;
    }
    putchar('\n');
    table_print(&table);
    rc = 0;
out:
    mp_db_free(db);
    return rc;
}
