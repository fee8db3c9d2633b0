#include "meetpool/jobs.h"

#include "meetpool/arena.h"
#include "meetpool/log.h"
#include "meetpool/meeting.h"

#define IDLE_MS 500

int mp_jobs_run(struct mp_ctx *ctx, unsigned *idle_ms, struct mp_error *err)
{
    unsigned done = 0;
    int rc;

    *idle_ms = IDLE_MS;
    if (!ctx->account_conf->enabled || ctx->account_conf->count == 0)
        return 0;
    rc = mp_meeting_repair(ctx, &done, err);
    if (rc == 0)
        rc = mp_meeting_sweep(ctx, err);
    if (rc < 0)
        mp_log(ctx->log, MP_ERROR, "jobs.failed", MP_STR("code", mp_error_name(err->code)), MP_STR("detail", err->detail));
    if (rc > 0 || done > 0)
        *idle_ms = 50;
    mp_arena_clear(ctx->arena);
    return rc < 0 ? -1 : 0;
}
