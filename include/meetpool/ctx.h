#ifndef MEETPOOL_CTX_H
#define MEETPOOL_CTX_H

#include <stdbool.h>
#include <stdint.h>

struct mp_arena;
struct mp_db;
struct mp_zoom;
struct mp_log;
struct mp_keyring;
struct mp_account_conf;
struct mp_meeting_conf;
struct mp_connection_conf;
struct mp_http;
struct mp_recording_conf;
struct mp_storage;
struct mp_webhook_conf;
struct mp_alert_conf;
struct mp_secret;
struct mp_zoom_result;

/*
 * What one request or job works with. Built by the process once, with a fresh arena for each piece of work; there are no globals. Everything is
 * borrowed.
 */
struct mp_ctx {
    struct mp_arena *arena; /* of this piece of work */
    struct mp_db *db;
    struct mp_zoom *zoom;
    struct mp_log *log;
    const struct mp_keyring *keyring;
    const struct mp_account_conf *account_conf;
    const struct mp_meeting_conf *meeting_conf;
    const struct mp_connection_conf *connection_conf;
    const struct mp_recording_conf *recording_conf;
    const struct mp_webhook_conf *webhook_conf;
    const struct mp_alert_conf *alert_conf;
    struct mp_http *http; /* for mail and moving files; Zoom is called through `zoom` */
    struct mp_storage *storage;
    /* Who holds the leases that this process takes: "<instance>/<slot>/<generation>". */
    const char *owner;
    /* Whether the process of that name is known to have died: leases of the dead need not be waited for. False also where that cannot be known
     * (another machine). */
    bool (*owner_is_dead)(void *arg, const char *owner);
    void *owner_arg;
    /* Whether this process was asked to end: long work stops at the next good place. NULL: it never is. */
    bool (*stopping)(void);
    /* The token of a person's own Zoom account, by Zoom's id of that person: the pool calls with it without knowing where it comes from. `refused`
     * (NULL: none) is not given again. 0, or -1 with `res` saying why there is none. NULL: there are no connections. */
    int (*guest_token)(struct mp_ctx *ctx, const char *zoom_user_id, const struct mp_secret *refused, int64_t deadline_ms, struct mp_secret *out,
                       struct mp_zoom_result *res);
    /* Names the unit of work over repeated tries (from the Idempotency-Key); NULL: it has no name. */
    const char *unit_key;
};

#endif
