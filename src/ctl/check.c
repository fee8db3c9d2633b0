#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl_int.h"
#include "meetpool/crypto.h"

/* Read where they are used, so in no table. */
static const char *const others[] = {
    "MEETPOOL_SCHEMA_DIR", "MEETPOOL_ACCOUNT_COOLDOWN", "MEETPOOL_RUN_DIR", "MEETPOOL_PORT", "MEETPOOL_HTTP_PORT", "MEETPOOL_SANDBOX_PORT",
};

static void say(const char *grade, const char *variable, const char *mend, const char *fmt, va_list args)
{
    printf("%-7s  %s: ", grade, variable);
    vprintf(fmt, args);
    if (mend != NULL)
        printf(". Mend: %s", mend);
    putchar('\n');
}

void check_good(struct check *check, const char *variable, const char *fmt, ...)
{
    va_list args;

    (void)check;
    va_start(args, fmt);
    say("ok", variable, NULL, fmt, args);
    va_end(args);
}

void check_warn(struct check *check, const char *variable, const char *mend, const char *fmt, ...)
{
    va_list args;

    check->warnings++;
    va_start(args, fmt);
    say("warning", variable, mend, fmt, args);
    va_end(args);
}

void check_error(struct check *check, const char *variable, const char *mend, const char *fmt, ...)
{
    va_list args;

    check->errors++;
    va_start(args, fmt);
    say("error", variable, mend, fmt, args);
    va_end(args);
}

/* The line names the variable already. */
static const char *without_name(const struct mp_error *err, const char *variable)
{
    const char *message = mp_error_message(err);
    size_t len = strlen(variable);

    if (strncmp(message, variable, len) != 0)
        return message;
    message += len;
    return message + strspn(message, ": ");
}

/* Row by row, so that every wrong value is told. */
static void check_table(struct check *check, const struct mp_setting *table, size_t rows, void *out)
{
    for (size_t i = 0; i < rows; i++) {
        struct mp_error err;

        mp_error_init(&err, check->ctl->arena);
        if (mp_conf_fill(check->ctl->arena, check->source, &table[i], 1, out, &err) < 0)
            check_error(check, table[i].name, "see meetpool.conf(5)", "%s", without_name(&err, table[i].name));
    }
}

static void check_process(struct check *check)
{
    const struct mp_process_conf *conf = &check->settings.process;
    struct stat folder;

    if (conf->log_level_name != NULL && !mp_log_level_parse(conf->log_level_name, &check->settings.log_level))
        check_error(check, "MEETPOOL_LOG_LEVEL", "set debug, info, warning or error", "is no level");
    if (conf->listen != NULL && conf->listen[0] != '/')
        check_error(check, "MEETPOOL_LISTEN", "begin it with /", "is not the whole path of a folder");
    else if (conf->listen != NULL && (stat(conf->listen, &folder) < 0 || !S_ISDIR(folder.st_mode)))
        check_warn(check, "MEETPOOL_LISTEN", "make it, and let nginx enter it", "there is no folder %s yet", conf->listen);
}

static void check_keys(struct check *check)
{
    struct mp_settings *settings = &check->settings;
    struct mp_error err;
    struct mp_api *api;

    mp_error_init(&err, check->ctl->arena);
    if (!mp_secret_is_set(&settings->process.encryption_keys))
        check_error(check, "MEETPOOL_ENCRYPTION_KEYS", "set it to 1:KEY, with KEY from `openssl rand -base64 32`", "is not set");
    else if (mp_keyring_parse(check->ctl->arena, mp_secret_expose(&settings->process.encryption_keys), &settings->keyring, &err) < 0)
        check_error(check, "MEETPOOL_ENCRYPTION_KEYS", "write id:base64-of-32-bytes, newest first, with commas", "%s",
                    without_name(&err, "MEETPOOL_ENCRYPTION_KEYS"));
    else
        check_good(check, "MEETPOOL_ENCRYPTION_KEYS", "key %s encrypts", mp_keyring_newest_id(settings->keyring));
    mp_error_init(&err, check->ctl->arena);
    if (mp_api_new(check->ctl->arena, &settings->api, &api, &err) < 0)
        check_error(check, "MEETPOOL_JWT_SECRET, MEETPOOL_JWT_PUBLIC_KEY",
                    "set exactly one: a secret of 32 bytes or more, or a file with a public key", "%s", mp_error_message(&err));
    else
        check_good(check, "MEETPOOL_JWT_SECRET, MEETPOOL_JWT_PUBLIC_KEY", "the key can be used");
}

/* Whether mail can be sent at all; none is. */
static void check_alerts(struct check *check)
{
    const struct mp_alert_conf *conf = &check->settings.alert;
    struct mp_error err;

    mp_error_init(&err, check->ctl->arena);
    if (mp_alert_conf_check(check->ctl->arena, conf, &err) < 0)
        check_error(check, "MEETPOOL_SMTP_URL, MEETPOOL_ALERT_TO, MEETPOOL_ALERT_FROM", "set them right, or none of them", "%s",
                    mp_error_message(&err));
    else if (conf->to != NULL)
        check_good(check, "MEETPOOL_ALERT_TO", "alerts are mailed to %s", conf->to);
}

static bool is_known(const char *name)
{
    for (size_t i = 0; i < MP_COUNT(others); i++) {
        if (strcmp(name, others[i]) == 0)
            return true;
    }
    for (size_t t = 0; t < mp_settings_tables_count; t++) {
        for (size_t i = 0; i < *mp_settings_tables[t].count; i++) {
            if (strcmp(name, mp_settings_tables[t].rows[i].name) == 0)
                return true;
        }
    }
    return false;
}

static void seen_name(void *arg, const char *name, const char *value)
{
    (void)value;
    if (!is_known(name))
        check_warn(arg, name, "look for a slip of the pen in the name, or take it out", "is not a variable that this version reads");
}

int ctl_check(struct ctl *ctl)
{
    struct check check = {.ctl = ctl};
    struct mp_conf_source *source;
    struct mp_settings *settings = &check.settings;

    const char *nginx = NULL;

    if (ctl->argc == 3 && strcmp(ctl->argv[1], "--nginx") == 0)
        nginx = ctl->argv[2];
    else if (ctl->argc > 1)
        return ctl_misused("check [--nginx FILE]");
    if (mp_conf_open(ctl->arena, ctl->config_path, &source, &ctl->err) < 0) {
        check_error(&check, "--config", "correct the file", "%s", mp_error_message(&ctl->err));
        return 2;
    }
    check.source = source;
    check_table(&check, mp_process_settings, mp_process_settings_rows, &settings->process);
    check_table(&check, mp_api_settings, mp_api_settings_rows, &settings->api);
    check_table(&check, mp_db_settings, mp_db_settings_rows, &settings->db);
    check_table(&check, mp_zoom_settings, mp_zoom_settings_rows, &settings->zoom);
    check_table(&check, mp_meeting_settings, mp_meeting_settings_rows, &settings->meeting);
    check_table(&check, mp_connection_settings, mp_connection_settings_rows, &settings->connection);
    check_table(&check, mp_recording_settings, mp_recording_settings_rows, &settings->recording);
    check_table(&check, mp_storage_settings, mp_storage_settings_rows, &settings->storage);
    check_table(&check, mp_webhook_settings, mp_webhook_settings_rows, &settings->webhook);
    check_table(&check, mp_alert_settings, mp_alert_settings_rows, &settings->alert);
    mp_conf_each(source, "MEETPOOL_", seen_name, &check);
    check_process(&check);
    check_keys(&check);
    check_alerts(&check);
    check_database(&check);
    check_accounts(&check);
    check_app(&check);
    check_storage(&check);
    check_reach(&check);
    check_limits(&check, nginx);
    printf("%u errors, %u warnings\n", check.errors, check.warnings);
    return check.errors > 0 ? 2 : check.warnings > 0 ? 1 : 0;
}
