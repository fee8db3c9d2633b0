#include "meetpool/settings.h"

#define PROCESS(name, type, fallback, least, most, member) MP_SETTING(name, type, fallback, least, most, mp_process_conf, member)

/* The most workers of both kinds, two times over, and their helpers fit on the scoreboard. */
const struct mp_setting mp_process_settings[] = {
    PROCESS("MEETPOOL_WORKERS", MP_SET_INT, "8", 1, 512, workers),
    PROCESS("MEETPOOL_ZOOM_WORKERS", MP_SET_INT, "32", 1, 1024, zoom_workers),
    PROCESS("MEETPOOL_WORKER_REQUESTS", MP_SET_INT, "10000", 0, 1000000000, worker_requests),
    PROCESS("MEETPOOL_LISTEN", MP_SET_TEXT, "/run/meetpool", 1, 90, listen),
    PROCESS("MEETPOOL_PID_FILE", MP_SET_TEXT, NULL, 1, 4095, pid_file),
    PROCESS("MEETPOOL_LOG_LEVEL", MP_SET_TEXT, "info", 1, 16, log_level_name),
    PROCESS("MEETPOOL_ENCRYPTION_KEYS", MP_SET_SECRET, NULL, 1, 65536, encryption_keys),
};
const size_t mp_process_settings_rows = MP_COUNT(mp_process_settings);

const struct mp_settings_table mp_settings_tables[] = {
    {mp_process_settings, &mp_process_settings_rows},
    {mp_api_settings, &mp_api_settings_rows},
    {mp_db_settings, &mp_db_settings_rows},
    {mp_zoom_settings, &mp_zoom_settings_rows},
    {mp_meeting_settings, &mp_meeting_settings_rows},
    {mp_connection_settings, &mp_connection_settings_rows},
    {mp_recording_settings, &mp_recording_settings_rows},
    {mp_storage_settings, &mp_storage_settings_rows},
    {mp_webhook_settings, &mp_webhook_settings_rows},
    {mp_alert_settings, &mp_alert_settings_rows},
};
const size_t mp_settings_tables_count = MP_COUNT(mp_settings_tables);

static int fill_tables(struct mp_arena *arena, const struct mp_conf_source *source, struct mp_settings *settings, struct mp_error *err)
{
    /* In the order of mp_settings_tables. */
    void *const out[] = {&settings->process,    &settings->api,       &settings->db,      &settings->zoom,    &settings->meeting,
                         &settings->connection, &settings->recording, &settings->storage, &settings->webhook, &settings->alert};

    for (size_t i = 0; i < mp_settings_tables_count; i++) {
        if (mp_conf_fill(arena, source, mp_settings_tables[i].rows, *mp_settings_tables[i].count, out[i], err) < 0)
            return -1;
    }
    return 0;
}

static int read_keyring(struct mp_arena *arena, struct mp_settings *settings, struct mp_error *err)
{
    if (!mp_secret_is_set(&settings->process.encryption_keys))
        return mp_fail(err, MP_E_CONFIG, "MEETPOOL_ENCRYPTION_KEYS is not set: give it 1:KEY, with KEY from `openssl rand -base64 32`");
    return mp_keyring_parse(arena, mp_secret_expose(&settings->process.encryption_keys), &settings->keyring, err);
}

int mp_settings_load(struct mp_arena *arena, const char *path, const struct mp_log *log, struct mp_settings **out, struct mp_error *err)
{
    struct mp_settings *settings = MP_NEW(arena, struct mp_settings);
    struct mp_conf_source *source;

    if (mp_conf_open(arena, path, &source, err) < 0)
        return -1;
    if (fill_tables(arena, source, settings, err) < 0)
        return -1;
    if (!mp_log_level_parse(settings->process.log_level_name, &settings->log_level))
        return mp_fail(err, MP_E_CONFIG, "MEETPOOL_LOG_LEVEL must be debug, info, warning or error");
    if (settings->process.listen[0] != '/')
        return mp_fail(err, MP_E_CONFIG, "MEETPOOL_LISTEN must be a folder's whole path, beginning with /");
    if (read_keyring(arena, settings, err) < 0)
        return -1;
    if (mp_storage_conf_check(arena, &settings->storage, err) < 0)
        return -1;
    settings->storage.public_url = settings->api.public_url;
    if (mp_zoom_conf_check(arena, &settings->zoom, err) < 0)
        return -1;
    if (mp_account_conf_load(arena, source, log, &settings->account, err) < 0)
        return -1;
    if (mp_connection_conf_load(arena, source, mp_arena_printf(arena, "%s/api/zoom/callback", settings->api.public_url), log, &settings->connection,
                                err) < 0)
        return -1;
    settings->connection.enabled = settings->account.enabled;
    if (mp_webhook_conf_load(arena, source, &settings->webhook, err) < 0)
        return -1;
    if (mp_alert_conf_check(arena, &settings->alert, err) < 0)
        return -1;
    *out = settings;
    return 0;
}
