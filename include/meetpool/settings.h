#ifndef MEETPOOL_SETTINGS_H
#define MEETPOOL_SETTINGS_H

#include <stdint.h>

#include "meetpool/account.h"
#include "meetpool/alert.h"
#include "meetpool/api.h"
#include "meetpool/conf.h"
#include "meetpool/connection.h"
#include "meetpool/crypto.h"
#include "meetpool/db.h"
#include "meetpool/error.h"
#include "meetpool/log.h"
#include "meetpool/meeting.h"
#include "meetpool/recording.h"
#include "meetpool/secret.h"
#include "meetpool/storage.h"
#include "meetpool/webhook.h"
#include "meetpool/zoom.h"

/*
 * The whole configuration: what each room asks for, brought together. For the programs alone; no room below them sees it.
 */
struct mp_process_conf {
    int64_t workers;                  /* MEETPOOL_WORKERS: for requests that do not wait for Zoom */
    int64_t zoom_workers;             /* MEETPOOL_ZOOM_WORKERS: for those that do */
    int64_t worker_requests;          /* MEETPOOL_WORKER_REQUESTS: a worker makes way for a new one after so many, give or take; 0: never */
    const char *listen;               /* MEETPOOL_LISTEN: the folder of fast.sock and slow.sock */
    const char *pid_file;             /* MEETPOOL_PID_FILE; NULL: none */
    const char *log_level_name;       /* MEETPOOL_LOG_LEVEL */
    struct mp_secret encryption_keys; /* MEETPOOL_ENCRYPTION_KEYS */
};
extern const struct mp_setting mp_process_settings[];
extern const size_t mp_process_settings_rows;

struct mp_settings {
    struct mp_process_conf process;
    enum mp_log_level log_level;
    struct mp_api_conf api;
    struct mp_db_conf db;
    struct mp_zoom_conf zoom;
    struct mp_account_conf account;
    struct mp_meeting_conf meeting;
    struct mp_connection_conf connection;
    struct mp_recording_conf recording;
    struct mp_storage_conf storage;
    struct mp_webhook_conf webhook;
    struct mp_alert_conf alert;
    struct mp_keyring *keyring;
};

/*
 * Reads the environment and the file at `path` (NULL: none). Everything lives in the arena. MP_E_CONFIG: one line that names the variable. What is
 * odd but can be lived with (an account that lacks a value) is logged as a warning.
 */
int mp_settings_load(struct mp_arena *arena, const char *path, const struct mp_log *log, struct mp_settings **out,
                     struct mp_error *err) MP_MUST_CHECK;

/* The tables of all rooms, for whoever wants to know every variable by name. */
struct mp_settings_table {
    const struct mp_setting *rows;
    const size_t *count;
};
extern const struct mp_settings_table mp_settings_tables[];
extern const size_t mp_settings_tables_count;

#endif
