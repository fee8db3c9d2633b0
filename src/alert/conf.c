#include "meetpool/alert.h"
#include "meetpool/mail.h"

const struct mp_setting mp_alert_settings[] = {
    MP_SETTING("MEETPOOL_SMTP_URL", MP_SET_SECRET, NULL, 8, 1000, mp_alert_conf, smtp_url),
    MP_SETTING("MEETPOOL_ALERT_TO", MP_SET_TEXT, NULL, 3, 1000, mp_alert_conf, to),
    MP_SETTING("MEETPOOL_ALERT_FROM", MP_SET_TEXT, "meetpool@localhost", 3, 254, mp_alert_conf, from),
    MP_SETTING("MEETPOOL_ALERT_INTERVAL", MP_SET_SECONDS, "300", 1, 86400, mp_alert_conf, interval_s),
};
const size_t mp_alert_settings_rows = MP_COUNT(mp_alert_settings);

/* Puts the variable before what the mail room says. */
static int name_it(const char *variable, struct mp_error *err)
{
    const char *why = mp_error_message(err);

    return mp_fail(err, MP_E_CONFIG, "%s: %s", variable, why);
}

int mp_alert_conf_check(struct mp_arena *arena, const struct mp_alert_conf *conf, struct mp_error *err)
{
    bool server = mp_secret_is_set(&conf->smtp_url);

    if (server && conf->to == NULL)
        return mp_fail(err, MP_E_CONFIG, "MEETPOOL_ALERT_TO is not set, but MEETPOOL_SMTP_URL is: name who gets the alerts, or take the server out");
    if (!server && conf->to != NULL)
        return mp_fail(err, MP_E_CONFIG, "MEETPOOL_SMTP_URL is not set, but MEETPOOL_ALERT_TO is: name the mail server, or take the recipients out");
    if (server && mp_mail_check_server(arena, &conf->smtp_url, err) < 0)
        return name_it("MEETPOOL_SMTP_URL", err);
    if (conf->to != NULL && mp_mail_check_address(arena, conf->to, false, err) < 0)
        return name_it("MEETPOOL_ALERT_TO", err);
    if (mp_mail_check_address(arena, conf->from, true, err) < 0)
        return name_it("MEETPOOL_ALERT_FROM", err);
    return 0;
}
