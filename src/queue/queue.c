#include "meetpool/queue.h"

const char *mp_job_state_name(enum mp_job_state state)
{
    static const char *const names[MP_JOB_STATES] = {"queued", "running", "done", "failed"};

    return names[state];
}
