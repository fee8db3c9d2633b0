#include "meetpool/alert.h"
#include "meetpool/jobs.h"
#include "meetpool/recording.h"
#include "meetpool/slice.h"

static int64_t alert_interval_s(const struct mp_ctx *ctx)
{
    return ctx->alert_conf->interval_s;
}

static int64_t sync_interval_s(const struct mp_ctx *ctx)
{
    return ctx->recording_conf->interval_s;
}

static int64_t ledger_interval_s(const struct mp_ctx *ctx)
{
    return ctx->recording_conf->ledger_interval_s;
}

static int64_t cleanup_interval_s(const struct mp_ctx *ctx)
{
    return ctx->recording_conf->cleanup_interval_s;
}

const struct mp_job_kind mp_job_kinds[] = {
    {MP_JOB_ALERT, mp_alert_digest_job, alert_interval_s},
    {MP_JOB_SYNC, mp_recording_sync_job, sync_interval_s},
    {MP_JOB_LEDGER, mp_recording_ledger_job, ledger_interval_s},
    {MP_JOB_CLEANUP, mp_recording_cleanup_job, cleanup_interval_s},
    {MP_JOB_FIND, mp_recording_find_job, NULL},
    {MP_JOB_MOVE, mp_recording_move_job, NULL},
    {MP_JOB_TRASH, mp_recording_trash_job, NULL},
    {MP_JOB_BATCH, mp_recording_batch_job, NULL},
    {MP_JOB_LESSON, mp_lesson_verify_job, NULL},
};
const size_t mp_job_kinds_count = MP_COUNT(mp_job_kinds);
