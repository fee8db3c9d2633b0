#include <string.h>

#include "connection_int.h"

/*
 * A Basic user runs one meeting at a time; a licensed one on Business and above two, on Pro one. The plan itself no scope of ours tells, but the
 * settings name the Concurrent Meeting feature: Basic or Plus let a second one run. Without it one is taken, as a second meeting that cannot start is
 * worse than one that the pool hosts. Source: support.zoom.com, KB0068522, and developers.zoom.us, Users API, get user settings, as of 2026-02-07.
 */
#define TYPE_LICENSED 2
#define SURELY        1
#define WITH_FEATURE  2
/* Nobody waits long for what is careful without an answer. */
#define SETTINGS_MS 3000

int64_t connection_most_meetings(struct mp_ctx *ctx, const struct mp_secret *token, const struct mp_zoom_user *user)
{
    struct mp_zoom_user_settings settings;
    struct mp_zoom_result res;
    const char *feature;

    if (user->type != TYPE_LICENSED)
        return SURELY;
    mp_zoom_user_settings(ctx->zoom, ctx->arena, token, SETTINGS_MS, "me", &settings, &res);
    if (res.cls != MP_ZOOM_OK) {
        mp_log(ctx->log, MP_WARNING, "connection.licence_unknown", MP_STR("zoom_user", user->id), MP_STR("class", mp_zoom_class_name(res.cls)),
               MP_STR("zoom_message", res.message));
        return 0;
    }
    feature = settings.concurrent_meeting;
    return feature != NULL && (strcmp(feature, "Basic") == 0 || strcmp(feature, "Plus") == 0) ? WITH_FEATURE : SURELY;
}

int64_t mp_connection_capacity(const struct mp_connection_row *row)
{
    return row->zoom_type == TYPE_LICENSED && row->most_meetings > SURELY ? row->most_meetings : SURELY;
}
