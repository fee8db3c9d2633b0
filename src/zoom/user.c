#include "zoom_int.h"

static const char *full_name(struct mp_arena *arena, struct json_object *answer)
{
    const char *shown = zoom_read_text(answer, "display_name");
    const char *first = zoom_read_text(answer, "first_name");
    const char *last = zoom_read_text(answer, "last_name");

    if (shown || !first || !last)
        return shown ? shown : first ? first : last;
    return mp_arena_printf(arena, "%s %s", first, last);
}

void mp_zoom_user_get(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *user,
                      struct mp_zoom_user *out, struct mp_zoom_result *res)
{
    struct zoom_call call = {
        .operation = "user.get",
        .method = "GET",
        .base = zoom->api_url,
        .path = mp_arena_printf(arena, "/users/%s", mp_url_encode(arena, mp_slice_of(user))),
        .bearer = token,
        .timeout_ms = timeout_ms,
        .wanted = "email", /* and not the id: users who have not yet accepted have none */
    };
    struct json_object *answer = zoom_call(zoom, arena, &call, res);

    *out = (struct mp_zoom_user){0};
    if (!answer)
        return;
    out->id = zoom_read_text(answer, "id");
    out->email = zoom_read_text(answer, "email");
    out->account_id = zoom_read_text(answer, "account_id");
    out->display_name = full_name(arena, answer);
    out->type = zoom_read_int(answer, "type", 0);
    if (!out->email)
        zoom_call_unreadable(res, "a user answer without an e-mail address");
}

void mp_zoom_user_settings(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *user,
                           struct mp_zoom_user_settings *out, struct mp_zoom_result *res)
{
    struct zoom_call call = {
        .operation = "user.settings",
        .method = "GET",
        .base = zoom->api_url,
        .path = mp_arena_printf(arena, "/users/%s/settings", mp_url_encode(arena, mp_slice_of(user))),
        .bearer = token,
        .timeout_ms = timeout_ms,
        .wanted = "feature",
    };
    struct json_object *answer = zoom_call(zoom, arena, &call, res), *feature;

    *out = (struct mp_zoom_user_settings){0};
    if (answer && json_object_object_get_ex(answer, "feature", &feature) && json_object_is_type(feature, json_type_object))
        out->concurrent_meeting = zoom_read_text(feature, "concurrent_meeting");
}
