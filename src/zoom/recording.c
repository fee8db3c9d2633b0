#include <string.h>

#include "meetpool/clock.h"
#include "zoom_int.h"

#define PAGE_SIZE      300
#define FILES_MOST     300 /* of one occurrence; Zoom makes 150 at most */
#define INSTANCES_MOST 300
#define TOKEN_TTL_S    86400
#define ID_MOST        64
#define URL_MOST       2000

/* ---- Addresses ---- */

/* A uuid is base64: it is encoded twice where a decoded slash would be taken for the path's (developers.zoom.us/docs/api/using-zoom-apis). */
static const char *path_id(struct mp_arena *arena, const char *id)
{
    char *once = mp_url_encode(arena, mp_slice_of(id));

    return id[0] == '/' || strstr(id, "//") != NULL ? mp_url_encode(arena, mp_slice_of(once)) : once;
}

static bool is_zooms_host(const char *host)
{
    static const char domain[] = ".zoom.us";
    size_t len = strlen(host), end = sizeof(domain) - 1;

    return strcmp(host, domain + 1) == 0 || (len > end && strcmp(host + len - end, domain) == 0);
}

static bool is_place_of(struct mp_arena *arena, const char *base, const struct mp_url *url)
{
    struct mp_url own;

    return mp_url_parse(arena, base, &own) && strcmp(own.scheme, url->scheme) == 0 && strcmp(own.host, url->host) == 0 && own.port == url->port;
}

bool mp_zoom_may_have_bearer(const struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_url *url)
{
    if (strcmp(url->scheme, "https") == 0 && url->port == 443 && is_zooms_host(url->host))
        return true;
    return is_place_of(arena, zoom->api_url, url) || is_place_of(arena, zoom->oauth_url, url);
}

/* NULL for one that is not Zoom's: it would be asked for with a token. */
static const char *usable_url(const struct mp_zoom *zoom, struct mp_arena *arena, const char *text)
{
    struct mp_url url;

    if (text == NULL || strlen(text) > URL_MOST)
        return NULL;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~' || *p == '\\')
            return NULL;
    }
    return mp_url_parse(arena, text, &url) && mp_zoom_may_have_bearer(zoom, arena, &url) ? text : NULL;
}

/* ---- Members of an answer ---- */

/* A name that may stand in a key or a column: printable ASCII without blanks. NULL where it is none, or longer. */
static const char *plain_name(const char *text, size_t most)
{
    if (text == NULL || text[0] == '\0' || strlen(text) > most)
        return NULL;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~')
            return NULL;
    }
    return text;
}

static int64_t instant(struct json_object *obj, const char *key)
{
    const char *text = zoom_read_text(obj, key);
    int64_t at_ms;

    return text && mp_time_parse(mp_slice_of(text), "UTC", &at_ms, NULL, NULL) == MP_TIME_OK ? at_ms : -1;
}

/* What Zoom calls a file, and what it is: closed captions and time lines come without an extension of their own in older answers. */
static const struct {
    const char *zooms, *extension;
} kinds[] = {
    {"MP4", "MP4"},        {"M4A", "M4A"}, {"CHAT", "TXT"},      {"CHAT_MESSAGE", "TXT"}, {"TXT", "TXT"},   {"CC", "VTT"},
    {"TRANSCRIPT", "VTT"}, {"VTT", "VTT"}, {"TIMELINE", "JSON"}, {"SUMMARY", "JSON"},     {"JSON", "JSON"},
};

static const char *extension_of(const char *file_type, const char *extension)
{
    static const char *const wanted[] = {"MP4", "M4A", "TXT", "VTT", "JSON"};

    if (extension != NULL && extension[0] != '\0') {
        for (size_t i = 0; i < MP_COUNT(wanted); i++) {
            if (strcasecmp(extension, wanted[i]) == 0)
                return wanted[i];
        }
        return NULL;
    }
    for (size_t i = 0; file_type != NULL && i < MP_COUNT(kinds); i++) {
        if (strcasecmp(file_type, kinds[i].zooms) == 0)
            return kinds[i].extension;
    }
    return NULL;
}

/* Closed captions and time lines have no id, state or size. */
static bool decode_file(const struct mp_zoom *zoom, struct mp_arena *arena, struct json_object *obj, struct mp_zoom_recording_file *out)
{
    const char *type = plain_name(zoom_read_text(obj, "file_type"), ID_MOST), *status = zoom_read_text(obj, "status");
    const char *start = plain_name(zoom_read_text(obj, "recording_start"), ID_MOST - 34);
    int64_t size = zoom_read_id(obj, "file_size");

    *out = (struct mp_zoom_recording_file){
        .id = plain_name(zoom_read_text(obj, "id"), ID_MOST),
        .extension = extension_of(type, zoom_read_text(obj, "file_extension")),
        .recording_type = plain_name(zoom_read_text(obj, "recording_type"), ID_MOST),
        .download_url = usable_url(zoom, arena, zoom_read_text(obj, "download_url")),
        .size = size > 0 ? size : -1,
        .from = instant(obj, "recording_start"),
        .until = instant(obj, "recording_end"),
        .complete = status == NULL || strcasecmp(status, "completed") == 0,
    };
    if (out->id != NULL)
        out->key = out->id;
    else if (type != NULL && start != NULL)
        out->key = mp_arena_printf(arena, "%s@%s", type, start);
    return out->key != NULL;
}

/* A file that cannot be named is left out: the others are none the worse for it. */
static void decode_files(const struct mp_zoom *zoom, struct mp_arena *arena, struct json_object *answer, struct mp_zoom_recording *out)
{
    struct json_object *items = zoom_read_array(answer, "recording_files");
    size_t count = items ? json_object_array_length(items) : 0;

    count = count < FILES_MOST ? count : FILES_MOST;
    out->files = mp_arena_array(arena, count + 1, sizeof(*out->files));
    for (size_t i = 0; i < count; i++) {
        if (decode_file(zoom, arena, json_object_array_get_idx(items, i), &out->files[out->count]))
            out->count++;
    }
}

static bool decode_recording(const struct mp_zoom *zoom, struct mp_arena *arena, struct json_object *obj, struct mp_zoom_recording *out)
{
    const char *token = zoom_read_text(obj, "download_access_token");

    *out = (struct mp_zoom_recording){
        .uuid = plain_name(zoom_read_text(obj, "uuid"), ID_MOST),
        .zoom_id = zoom_read_id(obj, "id"),
        .starts_at = instant(obj, "start_time"),
    };
    decode_files(zoom, arena, obj, out);
    if (plain_name(token, ZOOM_TEXT_MOST_BYTES))
        out->download_token = mp_secret_copy(arena, mp_slice_of(token));
    return out->uuid != NULL;
}

/* ---- The calls ---- */

void mp_zoom_recording_get(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *id,
                           struct mp_zoom_recording *out, struct mp_zoom_result *res)
{
    struct zoom_call call = {
        .operation = "recording.get",
        .method = "GET",
        .base = zoom->api_url,
        .path = mp_arena_printf(arena, "/meetings/%s/recordings?include_fields=download_access_token&ttl=%d", path_id(arena, id), TOKEN_TTL_S),
        .bearer = token,
        .timeout_ms = timeout_ms,
        .wanted = "recording_files",
    };
    struct json_object *answer = zoom_call(zoom, arena, &call, res);

    *out = (struct mp_zoom_recording){.starts_at = -1};
    if (answer && !decode_recording(zoom, arena, answer, out))
        zoom_call_unreadable(res, "a recording without a usable uuid");
}

static bool decode_instances(struct mp_arena *arena, struct json_object *answer, struct mp_zoom_instances *out)
{
    struct json_object *items = zoom_read_array(answer, "meetings");
    size_t count;

    if (!items)
        return false;
    count = json_object_array_length(items);
    count = count < INSTANCES_MOST ? count : INSTANCES_MOST;
    out->items = mp_arena_array(arena, count + 1, sizeof(*out->items));
    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_array_get_idx(items, i);
        const char *uuid = plain_name(zoom_read_text(item, "uuid"), ID_MOST);

        if (uuid)
            out->items[out->count++] = (struct mp_zoom_instance){uuid, instant(item, "start_time")};
    }
    return true;
}

void mp_zoom_instances(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, int64_t id,
                       struct mp_zoom_instances *out, struct mp_zoom_result *res)
{
    struct zoom_call call = {
        .operation = "meeting.instances",
        .method = "GET",
        .base = zoom->api_url,
        .path = mp_arena_printf(arena, "/past_meetings/%lld/instances", (long long)id),
        .bearer = token,
        .timeout_ms = timeout_ms,
        .wanted = "meetings",
    };
    struct json_object *answer = zoom_call(zoom, arena, &call, res);

    *out = (struct mp_zoom_instances){0};
    if (answer && !decode_instances(arena, answer, out))
        zoom_call_unreadable(res, "a list of instances that cannot be read");
}

static bool decode_list(const struct mp_zoom *zoom, struct mp_arena *arena, struct json_object *answer, struct mp_zoom_recording_list *out)
{
    struct json_object *items = zoom_read_array(answer, "meetings");
    const char *next = zoom_read_text(answer, "next_page_token");
    size_t count;

    if (!items || (!next && json_object_object_get(answer, "next_page_token")))
        return false;
    count = json_object_array_length(items);
    count = count < PAGE_SIZE ? count : PAGE_SIZE;
    out->items = mp_arena_array(arena, count + 1, sizeof(*out->items));
    out->next_page_token = next && *next ? next : NULL;
    for (size_t i = 0; i < count; i++) {
        if (decode_recording(zoom, arena, json_object_array_get_idx(items, i), &out->items[out->count]))
            out->count++;
    }
    return true;
}

/* "2024-01-15", as the list takes its ends. */
static const char *day(struct mp_arena *arena, int64_t at_ms)
{
    return mp_arena_strndup(arena, (struct mp_slice){mp_time_format(arena, at_ms), 10});
}

void mp_zoom_recording_list(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms,
                            const struct mp_zoom_recording_query *query, struct mp_zoom_recording_list *out, struct mp_zoom_result *res)
{
    const char *next = query->page_token ? mp_arena_printf(arena, "&next_page_token=%s", mp_url_encode(arena, mp_slice_of(query->page_token))) : "";
    struct zoom_call call = {
        .operation = "recording.list",
        .method = "GET",
        .base = zoom->api_url,
        .path = mp_arena_printf(arena, "/users/%s/recordings?from=%s&to=%s&page_size=%d%s", mp_url_encode(arena, mp_slice_of(query->host)),
                                day(arena, query->from), day(arena, query->to), PAGE_SIZE, next),
        .bearer = token,
        .timeout_ms = timeout_ms,
        .wanted = "meetings",
    };
    struct json_object *answer = zoom_call(zoom, arena, &call, res);

    *out = (struct mp_zoom_recording_list){0};
    if (answer && !decode_list(zoom, arena, answer, out))
        zoom_call_unreadable(res, "a list of recordings that cannot be read");
}

void mp_zoom_recording_trash(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *uuid,
                             const char *file_id, struct mp_zoom_result *res)
{
    struct zoom_call call = {
        .operation = "recording.trash",
        .method = "DELETE",
        .base = zoom->api_url,
        .path = mp_arena_printf(arena, "/meetings/%s/recordings/%s?action=trash", path_id(arena, uuid), path_id(arena, file_id)),
        .bearer = token,
        .timeout_ms = timeout_ms,
    };

    (void)zoom_call(zoom, arena, &call, res);
}
