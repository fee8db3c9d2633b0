#include "meetpool/webhook.h"

const struct mp_setting mp_webhook_settings[] = {
    MP_SETTING("MEETPOOL_WEBHOOK_TOLERANCE", MP_SET_SECONDS, "5400", 30, 86400, mp_webhook_conf, tolerance_s),
};
const size_t mp_webhook_settings_rows = MP_COUNT(mp_webhook_settings);
