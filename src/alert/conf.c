#include "meetpool/alert.h"

const struct mp_setting mp_alert_settings[] = {
    MP_SETTING("MEETPOOL_SMTP_URL", MP_SET_SECRET, NULL, 8, 1000, mp_alert_conf, smtp_url),
    MP_SETTING("MEETPOOL_ALERT_TO", MP_SET_TEXT, NULL, 3, 1000, mp_alert_conf, to),
    MP_SETTING("MEETPOOL_ALERT_FROM", MP_SET_TEXT, "meetpool@localhost", 3, 254, mp_alert_conf, from),
    MP_SETTING("MEETPOOL_ALERT_INTERVAL", MP_SET_SECONDS, "300", 1, 86400, mp_alert_conf, interval_s),
};
const size_t mp_alert_settings_rows = MP_COUNT(mp_alert_settings);
