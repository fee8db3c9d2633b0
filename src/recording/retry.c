#include "recording_int.h"

struct beginning {
    int64_t meeting_id;
    bool begun;
};

/* The transaction. May run twice. */
static int begin_it(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct beginning *b = arg;
    int64_t now_ms;
    int rc;

    b->begun = false;
    if (mp_db_now(db, &now_ms, err) < 0)
        return -1;
    rc = mp_store_recording_anew(db, b->meeting_id, now_ms, false, err);
    if (rc <= 0)
        return rc;
    b->begun = true;
    return recording_add_find(db, err->arena, b->meeting_id, 0, MP_JOB_PRIORITY_ASKED, err);
}

int mp_recording_retry(struct mp_ctx *ctx, int64_t meeting_row, struct mp_error *err)
{
    struct beginning b = {.meeting_id = meeting_row};

    if (mp_tx_run(ctx->db, begin_it, &b, err) < 0)
        return -1;
    return b.begun;
}
