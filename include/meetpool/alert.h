#ifndef MEETPOOL_ALERT_H
#define MEETPOOL_ALERT_H

#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/conf.h"
#include "meetpool/ctx.h"
#include "meetpool/error.h"
#include "meetpool/queue.h"
#include "meetpool/secret.h"

/* Mail to the operators: what has gone wrong since the last digest, one mail for all of it. */
struct mp_alert_conf {
    struct mp_secret smtp_url; /* MEETPOOL_SMTP_URL: smtp:// or smtps://, with user and password where needed; not set: no mail */
    const char *to;            /* MEETPOOL_ALERT_TO: comma-separated */
    const char *from;          /* MEETPOOL_ALERT_FROM */
    int64_t interval_s;        /* MEETPOOL_ALERT_INTERVAL: at most one mail in so long */
};
extern const struct mp_setting mp_alert_settings[];
extern const size_t mp_alert_settings_rows;
int mp_alert_conf_check(struct mp_arena *arena, const struct mp_alert_conf *conf, struct mp_error *err) MP_MUST_CHECK;

#define MP_JOB_ALERT "alert.digest" /* periodic */
mp_job_fn mp_alert_digest_job;

#endif
