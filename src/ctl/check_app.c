#include <string.h>

#include "ctl_int.h"
#include "meetpool/connection.h"

#define VARIABLES "ZOOM_OAUTH_CLIENT_ID, ZOOM_OAUTH_CLIENT_SECRET"

/* A refresh token that nobody has: a server that takes the app's credentials says so of the token. */
static void try_app(struct check *check, const struct mp_zoom_app *app)
{
    struct mp_arena *arena = check->ctl->arena;
    struct mp_http *http = mp_http_new();
    struct mp_zoom *zoom = mp_zoom_new(&check->settings.zoom, http, &check->ctl->log);
    const struct mp_secret nobodys = mp_secret_copy(arena, mp_slice_of("meetpoolctl-check"));
    struct mp_zoom_token token;
    struct mp_zoom_result res;

    mp_zoom_token_refresh(zoom, arena, app, &nobodys, 0, &token, &res);
    if (res.cls == MP_ZOOM_GRANT || res.cls == MP_ZOOM_OK)
        check_good(check, VARIABLES, "Zoom takes them; people come back to %s", app->redirect_uri);
    else if (res.cls == MP_ZOOM_AUTH)
        check_error(check, VARIABLES, "copy both anew from the users' OAuth app at marketplace.zoom.us", "Zoom refuses them: %s", res.message);
    else
        check_warn(check, VARIABLES, "see that this host reaches ZOOM_OAUTH_URL, and try again", "could not be tried (%s): %s",
                   mp_zoom_class_name(res.cls), res.message);
    mp_zoom_free(zoom);
    mp_http_free(http);
}

/* The browser brings back what it was given only to the host that gave it; another address may yet lead there. */
static void look_at_redirect(struct check *check, const char *redirect_uri)
{
    const char *base = check->settings.api.public_url;
    size_t len = strlen(base);

    if (strncmp(redirect_uri, base, len) != 0 || redirect_uri[len] != '/')
        check_warn(check, "ZOOM_REDIRECT_URI", mp_arena_printf(check->ctl->arena, "write %s/api/zoom/callback here and into the Zoom app", base),
                   "sends people back to %s, which is not on MEETPOOL_PUBLIC_URL", redirect_uri);
}

void check_app(struct check *check)
{
    struct mp_connection_conf *conf = &check->settings.connection;
    const char *id = mp_conf_get(check->source, "ZOOM_OAUTH_CLIENT_ID"), *secret = mp_conf_get(check->source, "ZOOM_OAUTH_CLIENT_SECRET");
    struct mp_error err;

    if (!check->settings.account.enabled)
        return;
    mp_error_init(&err, check->ctl->arena);
    if ((id == NULL) != (secret == NULL))
        check_warn(check, id == NULL ? "ZOOM_OAUTH_CLIENT_ID" : "ZOOM_OAUTH_CLIENT_SECRET", "set it, or take out the other one",
                   "is not set, so that nobody can connect an own Zoom account");
    if (mp_connection_conf_load(check->ctl->arena, check->source,
                                mp_arena_printf(check->ctl->arena, "%s/api/zoom/callback", check->settings.api.public_url), &check->ctl->log, conf,
                                &err) < 0)
        check_error(check, "ZOOM_REDIRECT_URI", "write the address that the app at marketplace.zoom.us lists", "%s", mp_error_message(&err));
    if (!conf->configured)
        return;
    look_at_redirect(check, conf->app.redirect_uri);
    try_app(check, &conf->app);
}

void check_stored_keys(struct check *check, struct mp_db *db)
{
    struct mp_ctx ctx = {.arena = check->ctl->arena, .db = db, .log = &check->ctl->log, .keyring = check->settings.keyring};
    struct mp_error err;
    const char *missing;

    if (ctx.keyring == NULL)
        return;
    mp_error_init(&err, check->ctl->arena);
    if (mp_connection_check_keys(&ctx, &missing, &err) < 0) {
        /* Without its tables the schema has been complained of already. */
        if (err.code == MP_E_CONFIG)
            check_error(check, "MEETPOOL_ENCRYPTION_KEYS", "put the right key there", "%s", mp_error_message(&err));
    } else if (missing != NULL) {
        check_error(check, "MEETPOOL_ENCRYPTION_KEYS", "add it behind the newest", "lacks key %s, with which stored tokens are sealed", missing);
    }
}
