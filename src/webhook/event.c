#include <json-c/linkhash.h>
#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/json.h"
#include "webhook_int.h"

#define UUID_MOST  64
#define ID_MOST    64
#define TEXT_MOST  300
#define TOKEN_MOST 1000

static const struct {
    const char *name;
    enum webhook_kind kind;
} kinds[] = {
    {"endpoint.url_validation", WEBHOOK_CHALLENGE}, {"meeting.started", WEBHOOK_STARTED},      {"meeting.ended", WEBHOOK_ENDED},
    {"meeting.updated", WEBHOOK_UPDATED},           {"meeting.deleted", WEBHOOK_DELETED},      {"meeting.permanently_deleted", WEBHOOK_DELETED},
    {"meeting.recovered", WEBHOOK_RECOVERED},       {"recording.completed", WEBHOOK_RECORDED}, {"recording.transcript_completed", WEBHOOK_RECORDED},
    {"app_deauthorized", WEBHOOK_DEAUTHORIZED},
};

static enum webhook_kind kind_of(const char *name)
{
    for (size_t i = 0; i < MP_COUNT(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].kind;
    }
    return WEBHOOK_OTHER;
}

/* ---- Reading ---- */

static struct json_object *member(struct json_object *obj, const char *key, enum json_type type)
{
    struct json_object *value = NULL;

    if (obj == NULL || !json_object_object_get_ex(obj, key, &value) || !json_object_is_type(value, type))
        return NULL;
    return value;
}

static struct mp_slice text_of(struct json_object *obj, const char *key)
{
    struct json_object *value = member(obj, key, json_type_string);

    if (value == NULL)
        return (struct mp_slice){0};
    return (struct mp_slice){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

/* Printable ASCII without blanks, as all of Zoom's names and ids are; NULL for anything else. */
static const char *word_of(struct mp_arena *arena, struct json_object *obj, const char *key, size_t most)
{
    struct mp_slice text = text_of(obj, key);

    if (text.len == 0 || text.len > most)
        return NULL;
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] <= ' ' || text.p[i] > '~')
            return NULL;
    }
    return mp_arena_strndup(arena, text);
}

static const char *line_of(struct mp_arena *arena, struct json_object *obj, const char *key)
{
    struct mp_slice text = text_of(obj, key);

    return text.p == NULL || text.len > TEXT_MOST * 4 ? NULL : mp_arena_strndup(arena, text);
}

/* `least` - 1 where it is not there, or out of range. */
static int64_t int_of(struct json_object *obj, const char *key, int64_t least, int64_t most)
{
    struct json_object *value = member(obj, key, json_type_int);
    int64_t number = value != NULL ? json_object_get_int64(value) : least - 1;

    return number < least || number > most ? least - 1 : number;
}

static int64_t time_of(struct json_object *obj, const char *key)
{
    struct mp_slice text = text_of(obj, key);
    int64_t at;

    return text.len > 0 && mp_time_parse(text, "UTC", &at, NULL, NULL) == MP_TIME_OK ? at : -1;
}

static int64_t zoom_id_of(struct json_object *obj)
{
    int64_t number = int_of(obj, "id", 1, INT64_MAX);
    unsigned long long spelled;

    if (number == 0 && mp_slice_to_u64(text_of(obj, "id"), INT64_MAX, &spelled))
        return (int64_t)spelled;
    return number;
}

/* What meeting.updated says and this program can hold against its record by itself. */
static bool is_compared(const char *key)
{
    static const char *const keys[] = {"id", "uuid", "host_id", "type", "topic", "start_time", "duration", "timezone"};

    for (size_t i = 0; i < MP_COUNT(keys); i++) {
        if (strcmp(keys[i], key) == 0)
            return true;
    }
    return false;
}

static bool has_further(const struct webhook_event *event, struct json_object *object)
{
    json_object_object_foreach(object, key, value)
    {
        (void)value;
        if (!is_compared(key))
            return true;
    }
    /* Said, but not understood. */
    return (json_object_object_get_ex(object, "start_time", NULL) && event->starts_at < 0) ||
           (json_object_object_get_ex(object, "duration", NULL) && event->duration_min < 0) ||
           (json_object_object_get_ex(object, "topic", NULL) && event->topic == NULL) ||
           (json_object_object_get_ex(object, "timezone", NULL) && event->timezone == NULL);
}

static void read_object(struct mp_arena *arena, struct json_object *object, struct webhook_event *out)
{
    out->zoom_id = zoom_id_of(object);
    out->uuid = word_of(arena, object, "uuid", UUID_MOST);
    out->starts_at = time_of(object, "start_time");
    out->ends_at = time_of(object, "end_time");
    out->duration_min = int_of(object, "duration", 0, 1000000);
    if (out->kind != WEBHOOK_UPDATED)
        return;
    out->topic = line_of(arena, object, "topic");
    out->timezone = word_of(arena, object, "timezone", UUID_MOST);
}

static void read_payload(struct mp_arena *arena, struct json_object *doc, struct json_object *payload, struct webhook_event *out)
{
    struct json_object *object = member(payload, "object", json_type_object), *further = member(doc, "further", json_type_boolean);

    if (object != NULL)
        read_object(arena, object, out);
    if (out->kind == WEBHOOK_UPDATED)
        out->further = further != NULL ? json_object_get_boolean(further) : object != NULL && has_further(out, object);
    if (out->kind == WEBHOOK_DEAUTHORIZED) {
        out->user_id = word_of(arena, payload, "user_id", ID_MOST);
        out->account_id = word_of(arena, payload, "account_id", ID_MOST);
        out->client_id = word_of(arena, payload, "client_id", ID_MOST);
        if (out->at < 0)
            out->at = time_of(payload, "deauthorization_time");
    }
    if (out->kind == WEBHOOK_CHALLENGE)
        out->plain_token = word_of(arena, payload, "plainToken", TOKEN_MOST);
}

/* An event of a name that Zoom would not give is kept under one that can be shown. */
static const char *shown_name(struct mp_arena *arena, struct mp_slice name)
{
    char *copy;

    if (name.len > WEBHOOK_EVENT_MOST)
        name.len = WEBHOOK_EVENT_MOST;
    copy = mp_arena_strndup(arena, name);
    for (char *c = copy; *c != '\0'; c++)
        *c = *c <= ' ' || *c > '~' ? '?' : *c;
    return copy;
}

int webhook_event_decode(struct mp_arena *arena, struct mp_slice body, struct webhook_event *out, struct mp_error *err)
{
    struct json_object *doc, *payload;
    struct mp_slice name;

    *out = (struct webhook_event){.at = -1, .starts_at = -1, .ends_at = -1, .duration_min = -1};
    if (mp_json_parse(arena, body, &doc, err) < 0)
        return -1;
    name = json_object_is_type(doc, json_type_object) ? text_of(doc, "event") : (struct mp_slice){0};
    if (name.len == 0)
        return mp_fail(err, MP_E_MALFORMED, "The body is no event: it must be an object with the member \"event\".");
    out->name = shown_name(arena, name);
    out->kind = mp_slice_eq_text(name, out->name) ? kind_of(out->name) : WEBHOOK_OTHER;
    out->at = int_of(doc, "event_ts", 0, MP_TIME_MAX_MS);
    payload = member(doc, "payload", json_type_object);
    if (payload != NULL)
        read_payload(arena, doc, payload, out);
    return 0;
}

/* ---- Keeping ---- */

static void put_time(struct json_object *obj, const char *key, int64_t at_ms)
{
    if (at_ms >= 0)
        mp_json_put_time(obj, key, at_ms);
}

static void put_word(struct json_object *obj, const char *key, const char *text)
{
    if (text != NULL)
        mp_json_put_text(obj, key, text);
}

const char *webhook_event_encode(struct mp_arena *arena, const struct webhook_event *event)
{
    struct json_object *doc = mp_json_object(arena), *payload = json_object_new_object(), *object = json_object_new_object();

    mp_json_put_text(doc, "event", event->name);
    if (event->at >= 0)
        mp_json_put_int(doc, "event_ts", event->at);
    if (event->kind == WEBHOOK_UPDATED)
        mp_json_put_bool(doc, "further", event->further);
    mp_json_put(doc, "payload", payload);
    put_word(payload, "user_id", event->user_id);
    put_word(payload, "account_id", event->account_id);
    put_word(payload, "client_id", event->client_id);
    mp_json_put(payload, "object", object);
    if (event->zoom_id > 0)
        mp_json_put_int(object, "id", event->zoom_id);
    put_word(object, "uuid", event->uuid);
    put_word(object, "topic", event->topic);
    put_word(object, "timezone", event->timezone);
    put_time(object, "start_time", event->starts_at);
    put_time(object, "end_time", event->ends_at);
    if (event->duration_min >= 0)
        mp_json_put_int(object, "duration", event->duration_min);
    return mp_json_text(arena, doc);
}

const char *webhook_event_subject(struct mp_arena *arena, const struct webhook_event *event)
{
    if (event->kind == WEBHOOK_DEAUTHORIZED)
        return event->user_id;
    return event->zoom_id > 0 ? mp_arena_printf(arena, "%lld", (long long)event->zoom_id) : NULL;
}

bool webhook_event_usable(const struct webhook_event *event)
{
    if (event->kind == WEBHOOK_DEAUTHORIZED)
        return event->user_id != NULL && event->client_id != NULL;
    return event->zoom_id > 0;
}
