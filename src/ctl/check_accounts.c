#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl_int.h"
#include "meetpool/json.h"

#define ZOOM_TIMEOUT_MS 10000
#define LOG_MOST_BYTES  65536

/* Zoom's types of users: 1 Basic, 2 Licensed, 4 and 99 without a meeting licence. */
#define ZOOM_BASIC    1
#define ZOOM_LICENSED 2

static void check_host(struct check *check, struct mp_zoom *zoom, const struct mp_account_entry *entry, const struct mp_secret *token,
                       const char *host)
{
    const char *variable = mp_arena_printf(check->ctl->arena, "ZOOM_USER_ID of %s", entry->name);
    struct mp_zoom_result res;
    struct mp_zoom_user user;

    mp_zoom_user_get(zoom, check->ctl->arena, token, ZOOM_TIMEOUT_MS, host, &user, &res);
    if (res.cls == MP_ZOOM_NO_HOST || res.cls == MP_ZOOM_NOT_FOUND)
        check_error(check, variable, "name a user of that Zoom account, by e-mail or id", "Zoom knows no user %s: %s", host, res.message);
    else if (res.cls == MP_ZOOM_AUTH)
        check_error(check, variable, "give the app the scope user:read:user:admin and activate it", "may not read the user %s: %s", host,
                    res.message);
    else if (res.cls != MP_ZOOM_OK)
        check_warn(check, variable, "try again later", "the user %s could not be read (%s): %s", host, mp_zoom_class_name(res.cls), res.message);
    else if (user.type == ZOOM_BASIC)
        check_warn(check, variable, "give the user a licence", "%s is a Basic user: meetings end after 40 minutes", host);
    else if (user.type != ZOOM_LICENSED)
        check_error(check, variable, "give the user a licence", "%s has no licence for meetings (type %" PRId64 ")", host, user.type);
    else
        check_good(check, variable, "%s can hold meetings", host);
}

static void check_account(struct check *check, struct mp_zoom *zoom, const struct mp_account_entry *entry)
{
    const char *variable = mp_arena_printf(check->ctl->arena, "ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET of %s", entry->name);
    struct mp_zoom_result res;
    struct mp_zoom_token token;

    mp_zoom_token_s2s(zoom, check->ctl->arena, entry->account_id, entry->client_id, &entry->client_secret, &token, &res);
    if (res.cls == MP_ZOOM_OK) {
        check_good(check, variable, "Zoom takes them");
        check_scopes(check, entry->name, token.scope);
        for (size_t i = 0; i < entry->hosts_count; i++)
            check_host(check, zoom, entry, &token.access_token, entry->hosts[i].user);
    } else if (res.cls == MP_ZOOM_NOT_SENT || res.cls == MP_ZOOM_MAYBE_DONE || res.cls == MP_ZOOM_RATE_LIMITED) {
        check_warn(check, variable, "see that this host reaches ZOOM_OAUTH_URL, and try again", "could not be tried (%s): %s",
                   mp_zoom_class_name(res.cls), res.message);
    } else {
        check_error(check, variable, "copy all three anew from the Server-to-Server app at marketplace.zoom.us, and activate it",
                    "Zoom refuses them: %s", res.message);
    }
}

static void tell_left_out(struct check *check, struct mp_slice line)
{
    struct mp_json_reader reader = {.arena = check->ctl->arena};
    const char *event = "", *account = "account", *missing = "ZOOM_*";
    struct mp_error err;

    mp_error_init(&err, check->ctl->arena);
    reader.err = &err;
    if (mp_json_parse(check->ctl->arena, line, &reader.obj, &err) < 0)
        return;
    mp_json_get_text(&reader, "event", 1, 100, false, &event);
    mp_json_get_text(&reader, "account", 1, 100, false, &account);
    mp_json_get_text(&reader, "missing", 1, 100, false, &missing);
    if (mp_slice_eq_text(mp_slice_of(event), "account.left_out"))
        check_warn(check, missing, mp_arena_printf(check->ctl->arena, "set it, or take out the other variables of %s", account),
                   "is not set, so that %s is left out", account);
}

/* The accounts that are left out are told in the log alone: it is kept and read. */
static int load_accounts(struct check *check, struct mp_error *err)
{
    struct mp_log log = {.fd = memfd_create("check", MFD_CLOEXEC), .level = MP_WARNING};
    char *text = mp_arena_alloc(check->ctl->arena, LOG_MOST_BYTES);
    int rc = mp_account_conf_load(check->ctl->arena, check->source, &log, &check->settings.account, err);
    ssize_t len = pread(log.fd, text, LOG_MOST_BYTES, 0);
    struct mp_slice rest = {text, len > 0 ? (size_t)len : 0}, line;

    while (mp_slice_split(&rest, '\n', &line))
        tell_left_out(check, line);
    if (log.fd >= 0)
        close(log.fd);
    return rc;
}

void check_accounts(struct check *check)
{
    struct mp_account_conf *conf = &check->settings.account;
    struct mp_error err;
    struct mp_http *http;
    struct mp_zoom *zoom;

    mp_error_init(&err, check->ctl->arena);
    if (load_accounts(check, &err) < 0) {
        check_error(check, "ZOOM_*", "see meetpool.conf(5)", "%s", mp_error_message(&err));
        return;
    }
    if (!conf->enabled) {
        check_good(check, "ZOOM_ENABLED", "is false: no meeting is made");
        return;
    }
    if (conf->count == 0) {
        check_warn(check, "ZOOM_ACCOUNT_ID_1", "set ZOOM_ACCOUNT_ID_1, ZOOM_CLIENT_ID_1, ZOOM_CLIENT_SECRET_1 and ZOOM_USER_ID_1",
                   "no account is complete: no meeting can be made");
        return;
    }
    http = mp_http_new();
    zoom = mp_zoom_new(&check->settings.zoom, http, &check->ctl->log);
    for (size_t i = 0; i < conf->count; i++)
        check_account(check, zoom, &conf->accounts[i]);
    mp_zoom_free(zoom);
    mp_http_free(http);
}
