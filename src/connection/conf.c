#include <string.h>

#include "connection_int.h"
#include "meetpool/http.h"

const struct mp_setting mp_connection_settings[] = {
    MP_SETTING("MEETPOOL_OAUTH_STATE_TTL", MP_SET_SECONDS, "600", 30, 3600, mp_connection_conf, state_ttl_s),
    MP_SETTING("MEETPOOL_OAUTH_REFRESH_INTERVAL", MP_SET_SECONDS, "21600", 60, 86400, mp_connection_conf, idle_s),
};
const size_t mp_connection_settings_rows = MP_COUNT(mp_connection_settings);

/* RFC 6749 section 3.1.2: whole, without a fragment. Plain http only to this machine, as Zoom takes it. */
static int check_redirect(struct mp_arena *arena, const char *uri, struct mp_error *err)
{
    struct mp_url url;

    if (!mp_url_parse(arena, uri, &url) || strchr(uri, '#') != NULL)
        return mp_fail(err, MP_E_CONFIG, "ZOOM_REDIRECT_URI must be a whole http or https address without #, the one that the Zoom app lists");
    if (strcmp(url.scheme, "https") != 0 && !mp_url_is_loopback(&url))
        return mp_fail(err, MP_E_CONFIG, "ZOOM_REDIRECT_URI must begin with https://, but for this machine itself");
    return 0;
}

int mp_connection_conf_load(struct mp_arena *arena, const struct mp_conf_source *source, const char *callback_uri, const struct mp_log *log,
                            struct mp_connection_conf *out, struct mp_error *err)
{
    const char *id = mp_conf_get(source, "ZOOM_OAUTH_CLIENT_ID"), *secret = mp_conf_get(source, "ZOOM_OAUTH_CLIENT_SECRET");
    const char *redirect = mp_conf_get(source, "ZOOM_REDIRECT_URI");

    out->configured = false;
    if (redirect != NULL && check_redirect(arena, redirect, err) < 0)
        return -1;
    if (id == NULL && secret == NULL && redirect != NULL) {
        id = mp_conf_get(source, "ZOOM_CLIENT_ID");
        secret = mp_conf_get(source, "ZOOM_CLIENT_SECRET");
    } else if ((id == NULL) != (secret == NULL)) {
        mp_log(log, MP_WARNING, "connection.left_out", MP_STR("missing", id == NULL ? "ZOOM_OAUTH_CLIENT_ID" : "ZOOM_OAUTH_CLIENT_SECRET"));
    }
    if (id == NULL || secret == NULL)
        return 0;
    out->configured = true;
    out->app = (struct mp_zoom_app){
        .client_id = mp_arena_strdup(arena, id),
        .client_secret = mp_secret_copy(arena, mp_slice_of(secret)),
        .redirect_uri = mp_arena_strdup(arena, redirect != NULL ? redirect : callback_uri),
    };
    return 0;
}
