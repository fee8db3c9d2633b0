#include "meetpool/alert.h"
#include "meetpool/jobs.h"
#include "meetpool/slice.h"

static int64_t alert_interval_s(const struct mp_ctx *ctx)
{
    return ctx->alert_conf->interval_s;
}

const struct mp_job_kind mp_job_kinds[] = {
    {MP_JOB_ALERT, mp_alert_digest_job, alert_interval_s},
};
const size_t mp_job_kinds_count = MP_COUNT(mp_job_kinds);
