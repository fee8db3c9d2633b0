#include <string.h>

#include "connection_int.h"

/*
 * A Basic user runs one meeting at a time; a licensed one on Business and above two, on Pro one. The plan itself no scope of ours tells, but the
 * settings name the Concurrent Meeting feature: Basic or Plus let a second one run, None does not. Where they tell nothing (an app without the scope,
 * a server without the field) the licence decides. Source: support.zoom.com, KB0068522, and developers.zoom.us, Users API, get user settings, as of 2026-02-07.
 */
#define TYPE_LICENSED 2
#define ONE           1
#define TWO           2
#define NOT_TOLD      0
/* Nobody waits long for what can be had without an answer. */
#define SETTINGS_MS 3000

int64_t connection_most_meetings(struct mp_ctx *ctx, const struct mp_secret *token, const struct mp_zoom_user *user)
{
    struct mp_zoom_user_settings settings;
    struct mp_zoom_result res;
    const char *feature;

    if (user->type != TYPE_LICENSED)
        return ONE;
    mp_zoom_user_settings(ctx->zoom, ctx->arena, token, SETTINGS_MS, "me", &settings, &res);
    if (res.cls != MP_ZOOM_OK) {
        mp_log(ctx->log, MP_WARNING, "connection.licence_unknown", MP_STR("zoom_user", user->id), MP_STR("class", mp_zoom_class_name(res.cls)),
               MP_STR("zoom_message", res.message));
        return NOT_TOLD;
    }
    feature = settings.concurrent_meeting;
    if (feature == NULL)
        return NOT_TOLD;
    if (strcmp(feature, "None") == 0)
        return ONE;
    return strcmp(feature, "Basic") == 0 || strcmp(feature, "Plus") == 0 ? TWO : NOT_TOLD;
}

int64_t mp_connection_capacity(const struct mp_connection_row *row)
{
    return row->zoom_type == TYPE_LICENSED && row->most_meetings != ONE ? TWO : ONE;
}
