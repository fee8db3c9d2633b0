#include <inttypes.h>

#include "meetpool/clock.h"
#include "meetpool/json.h"
#include "zoom_int.h"

#define TYPE_SCHEDULED 2
#define PAGE_SIZE      300 /* the most Zoom gives */

/* ---- What goes out ---- */

static void put_text(struct json_object *body, const char *key, const char *text)
{
    if (text)
        mp_json_put_text(body, key, text);
}

static struct json_object *encode_spec(struct mp_arena *arena, const struct mp_zoom_meeting_spec *spec)
{
    struct json_object *body = mp_json_object(arena);

    put_text(body, "topic", spec->topic);
    put_text(body, "agenda", spec->agenda);
    put_text(body, "timezone", spec->timezone);
    put_text(body, "password", spec->password);
    /* With its Z: without, Zoom reads it as local time in `timezone`. */
    if (spec->starts_at >= 0)
        mp_json_put_text(body, "start_time", mp_time_format_seconds(arena, spec->starts_at));
    if (spec->duration_min >= 0)
        mp_json_put_int(body, "duration", spec->duration_min);
    return body;
}

/*
 * A copy, as the caller's object is not ours to change. `use_pmi` false always: meetings on a personal id share that one id. The type is always
 * "scheduled", also for one that starts now: instant meetings never appear in lists, and a create whose answer was lost could not be found again.
 */
static struct json_object *encode_create(struct mp_arena *arena, const struct mp_zoom_meeting_spec *spec)
{
    struct json_object *body = encode_spec(arena, spec);
    struct json_object *settings = NULL;

    if (!spec->settings || json_object_deep_copy(spec->settings, &settings, NULL) < 0)
        settings = json_object_new_object();
    json_object_object_del(settings, "use_pmi");
    mp_json_put_bool(settings, "use_pmi", false);
    mp_json_put(body, "settings", settings);
    mp_json_put_int(body, "type", TYPE_SCHEDULED);
    return body;
}

static struct json_object *encode_update(struct mp_arena *arena, const struct mp_zoom_meeting_spec *spec)
{
    struct json_object *body = encode_spec(arena, spec);

    if (spec->settings)
        mp_json_put(body, "settings", json_object_get(spec->settings));
    return body;
}

static char *meeting_path(struct mp_arena *arena, int64_t id, const char *more)
{
    return mp_arena_printf(arena, "/meetings/%" PRId64 "%s", id, more);
}

static char *host_path(struct mp_arena *arena, const char *host, const char *more)
{
    return mp_arena_printf(arena, "/users/%s/meetings%s", mp_url_encode(arena, mp_slice_of(host)), more);
}

/* ---- What comes back ---- */

static int64_t decode_start(struct json_object *obj, const char *zone)
{
    const char *text = zoom_read_text(obj, "start_time");
    int64_t at_ms;

    return text && mp_time_parse(mp_slice_of(text), zone, &at_ms, NULL, NULL) == MP_TIME_OK ? at_ms : -1;
}

/* People open it in a browser: only what leads to a web page passes. */
static const char *decode_link(struct json_object *obj, const char *key)
{
    const char *text = zoom_read_text(obj, key);
    struct mp_slice s = mp_slice_of(text);

    return mp_slice_starts(s, "https://") || mp_slice_starts(s, "http://") ? text : NULL;
}

/* False where there is no usable id: then it is no meeting. */
static bool decode_meeting(struct mp_arena *arena, struct json_object *obj, struct mp_zoom_meeting *out)
{
    const char *start_url = decode_link(obj, "start_url");

    *out = (struct mp_zoom_meeting){
        .id = zoom_read_id(obj, "id"),
        .uuid = zoom_read_text(obj, "uuid"),
        .host_id = zoom_read_text(obj, "host_id"),
        .host_email = zoom_read_text(obj, "host_email"),
        .topic = zoom_read_text(obj, "topic"),
        .agenda = zoom_read_text(obj, "agenda"),
        .timezone = zoom_read_text(obj, "timezone"),
        .password = zoom_read_text(obj, "password"),
        .join_url = decode_link(obj, "join_url"),
        .status = zoom_read_text(obj, "status"),
        .type = zoom_read_int(obj, "type", 0),
        .duration_min = zoom_read_int(obj, "duration", 0),
        .settings = zoom_read_object(obj, "settings"),
    };
    out->starts_at = decode_start(obj, out->timezone);
    if (start_url)
        out->start_url = mp_secret_copy(arena, mp_slice_of(start_url));
    return out->id > 0;
}

static void take_meeting(struct mp_arena *arena, struct json_object *answer, void *arg, struct mp_zoom_result *res)
{
    struct mp_zoom_meeting *out = arg;

    *out = (struct mp_zoom_meeting){.starts_at = -1};
    if (answer && !decode_meeting(arena, answer, out))
        zoom_call_unreadable(res, "a meeting answer without a usable id");
}

/* ---- The calls ---- */

static struct zoom_call create_call(const struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms,
                                    const char *host, const struct mp_zoom_meeting_spec *spec)
{
    return (struct zoom_call){
        .operation = "meeting.create",
        .method = "POST",
        .base = zoom->api_url,
        .path = host_path(arena, host, ""),
        .bearer = token,
        .json = encode_create(arena, spec),
        .timeout_ms = timeout_ms,
        .wanted = "id",
    };
}

void mp_zoom_meeting_create(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *host,
                            const struct mp_zoom_meeting_spec *spec, struct mp_zoom_meeting *out, struct mp_zoom_result *res)
{
    struct zoom_call call = create_call(zoom, arena, token, timeout_ms, host, spec);

    take_meeting(arena, zoom_call(zoom, arena, &call, res), out, res);
}

void mp_zoom_meeting_create_start(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *host,
                                  const struct mp_zoom_meeting_spec *spec, struct mp_zoom_meeting *out, struct mp_zoom_result *res)
{
    struct zoom_call call = create_call(zoom, arena, token, timeout_ms, host, spec);

    zoom_start(zoom, arena, &call, take_meeting, out, res);
}

static struct zoom_call get_call(const struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, int64_t id)
{
    return (struct zoom_call){
        .operation = "meeting.get",
        .method = "GET",
        .base = zoom->api_url,
        .path = meeting_path(arena, id, ""),
        .bearer = token,
        .timeout_ms = timeout_ms,
        .wanted = "id",
    };
}

void mp_zoom_meeting_get(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, int64_t id,
                         struct mp_zoom_meeting *out, struct mp_zoom_result *res)
{
    struct zoom_call call = get_call(zoom, arena, token, timeout_ms, id);

    take_meeting(arena, zoom_call(zoom, arena, &call, res), out, res);
}

void mp_zoom_meeting_get_start(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, int64_t id,
                               struct mp_zoom_meeting *out, struct mp_zoom_result *res)
{
    struct zoom_call call = get_call(zoom, arena, token, timeout_ms, id);

    zoom_start(zoom, arena, &call, take_meeting, out, res);
}

void mp_zoom_meeting_update(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, int64_t id,
                            const struct mp_zoom_meeting_spec *spec, struct mp_zoom_result *res)
{
    struct zoom_call call = {
        .operation = "meeting.update",
        .method = "PATCH",
        .base = zoom->api_url,
        .path = meeting_path(arena, id, ""),
        .bearer = token,
        .json = encode_update(arena, spec),
        .timeout_ms = timeout_ms,
    };

    (void)zoom_call(zoom, arena, &call, res);
}

static struct zoom_call delete_call(const struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms,
                                    int64_t id)
{
    return (struct zoom_call){
        .operation = "meeting.delete",
        .method = "DELETE",
        .base = zoom->api_url,
        .path = meeting_path(arena, id, ""),
        .bearer = token,
        .timeout_ms = timeout_ms,
    };
}

void mp_zoom_meeting_delete(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, int64_t id,
                            struct mp_zoom_result *res)
{
    struct zoom_call call = delete_call(zoom, arena, token, timeout_ms, id);

    (void)zoom_call(zoom, arena, &call, res);
}

/* Its answer is empty. */
static void take_nothing(struct mp_arena *arena, struct json_object *answer, void *out, struct mp_zoom_result *res)
{
    (void)arena;
    (void)answer;
    (void)out;
    (void)res;
}

void mp_zoom_meeting_delete_start(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, int64_t id,
                                  struct mp_zoom_result *res)
{
    struct zoom_call call = delete_call(zoom, arena, token, timeout_ms, id);

    zoom_start(zoom, arena, &call, take_nothing, NULL, res);
}

void mp_zoom_meeting_end(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, int64_t id,
                         struct mp_zoom_result *res)
{
    struct zoom_call call = {
        .operation = "meeting.end",
        .method = "PUT",
        .base = zoom->api_url,
        .path = meeting_path(arena, id, "/status"),
        .bearer = token,
        .json = mp_json_object(arena),
        .timeout_ms = timeout_ms,
    };

    mp_json_put_text(call.json, "action", "end");
    (void)zoom_call(zoom, arena, &call, res);
}

/*
 * All or nothing: whoever looks for a meeting that may have been made must not be told "not there" because an item could not be read. Zoom closes the
 * last page with an empty token.
 */
static bool decode_list(struct mp_arena *arena, struct json_object *answer, struct mp_zoom_meeting_list *out)
{
    struct json_object *items = zoom_read_array(answer, "meetings");
    const char *next = zoom_read_text(answer, "next_page_token");

    if (!items || (!next && json_object_object_get(answer, "next_page_token")))
        return false;
    out->count = json_object_array_length(items);
    out->items = mp_arena_array(arena, out->count, sizeof(*out->items));
    out->next_page_token = next && *next ? next : NULL;
    for (size_t i = 0; i < out->count; i++)
        if (!decode_meeting(arena, json_object_array_get_idx(items, i), &out->items[i]))
            return false;
    return true;
}

static void take_list(struct mp_arena *arena, struct json_object *answer, void *arg, struct mp_zoom_result *res)
{
    struct mp_zoom_meeting_list *out = arg;

    *out = (struct mp_zoom_meeting_list){0};
    if (!answer || decode_list(arena, answer, out))
        return;
    *out = (struct mp_zoom_meeting_list){0};
    zoom_call_unreadable(res, "a list of meetings that cannot be read whole");
}

static struct zoom_call list_call(const struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms,
                                  const char *host, const char *page_token)
{
    char *next =
        page_token ? mp_arena_printf(arena, "&next_page_token=%s", mp_url_encode(arena, mp_slice_of(page_token))) : mp_arena_strdup(arena, "");

    return (struct zoom_call){
        .operation = "meeting.list",
        .method = "GET",
        .base = zoom->api_url,
        .path = host_path(arena, host, mp_arena_printf(arena, "?type=scheduled&page_size=%d%s", PAGE_SIZE, next)),
        .bearer = token,
        .timeout_ms = timeout_ms,
        .wanted = "meetings",
    };
}

void mp_zoom_meeting_list(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *host,
                          const char *page_token, struct mp_zoom_meeting_list *out, struct mp_zoom_result *res)
{
    struct zoom_call call = list_call(zoom, arena, token, timeout_ms, host, page_token);

    take_list(arena, zoom_call(zoom, arena, &call, res), out, res);
}

void mp_zoom_meeting_list_start(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *host,
                                const char *page_token, struct mp_zoom_meeting_list *out, struct mp_zoom_result *res)
{
    struct zoom_call call = list_call(zoom, arena, token, timeout_ms, host, page_token);

    zoom_start(zoom, arena, &call, take_list, out, res);
}
