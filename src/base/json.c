#include "meetpool/json.h"

#include <json-c/json_tokener.h>
#include <json-c/linkhash.h>
#include <limits.h>
#include <string.h>

#include "base_int.h"

static void release(void *object)
{
    json_object_put(object);
}

static struct json_object *need(struct json_object *object)
{
    if (!object)
        mp_die_no_memory();
    return object;
}

static struct json_object *tie(struct mp_arena *arena, struct json_object *object)
{
    mp_arena_defer(arena, release, object);
    return object;
}

static bool is_json_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t count_keys(struct json_object *value)
{
    size_t keys = 0;

    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member)
        {
            (void)key;
            keys += 1 + count_keys(member);
        }
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            keys += count_keys(json_object_array_get_idx(value, i));
    }
    return keys;
}

/* What the scan let pass; json-c builds the tree. */
static struct json_object *build(struct mp_arena *arena, struct mp_slice text, enum json_tokener_error *problem)
{
    struct json_tokener *tokener = json_tokener_new_ex(MP_JSON_DEPTH_MAX + 2);
    struct json_object *object;

    if (!tokener)
        mp_die_no_memory();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    object = json_tokener_parse_ex(tokener, text.p, (int)text.len);
    *problem = json_tokener_get_error(tokener);
    if (*problem == json_tokener_continue) { /* a number or a word at the top: only the NUL tells that it has ended */
        object = json_tokener_parse_ex(tokener, "", 1);
        *problem = json_tokener_get_error(tokener);
    }
    json_tokener_free(tokener);
    if (*problem != json_tokener_success)
        json_object_put(object);
    return *problem == json_tokener_success ? tie(arena, object) : NULL;
}

static struct mp_slice trim(struct mp_slice text)
{
    while (text.len > 0 && is_json_blank(text.p[0])) {
        text.p++;
        text.len--;
    }
    while (text.len > 0 && is_json_blank(text.p[text.len - 1]))
        text.len--;
    return text;
}

static int refuse(struct mp_error *err, const struct mp_json_scan *scan)
{
    return mp_fail(err, MP_E_MALFORMED, "This is not valid JSON: %s (byte offset %zu).", scan->problem, scan->at);
}

/* A text that was scanned. */
static int parse(struct mp_arena *arena, struct mp_slice text, struct mp_json_scan scan, struct json_object **out, struct mp_error *err)
{
    enum json_tokener_error problem;

    *out = build(arena, trim(text), &problem);
    if (problem != json_tokener_success)
        return mp_fail(err, MP_E_MALFORMED, "This is not valid JSON: %s.", json_tokener_error_desc(problem));
    /* Of members with one key json-c keeps the last. Only where some are missing the text is read again, to say which. */
    if (count_keys(*out) != scan.keys && !mp_json_scan(arena, text, true, NULL, &scan))
        return refuse(err, &scan);
    return 0;
}

int mp_json_parse(struct mp_arena *arena, struct mp_slice text, struct json_object **out, struct mp_error *err)
{
    struct mp_json_scan scan;

    if (!mp_json_scan(arena, text, false, NULL, &scan))
        return refuse(err, &scan);
    return parse(arena, text, scan, out, err);
}

int mp_json_parse_object(struct mp_arena *arena, struct mp_slice text, struct json_object **out, struct mp_error *err)
{
    struct mp_json_scan scan;
    struct mp_error values;

    mp_error_init(&values, arena);
    if (!mp_json_scan(arena, text, false, &values, &scan))
        return refuse(err, &scan);
    if (!mp_error_set(&values) && parse(arena, text, scan, out, err) < 0)
        return -1;
    if (!mp_error_set(&values) && !json_object_is_type(*out, json_type_object))
        mp_error_field(&values, "", "the body must be a JSON object");
    if (!mp_error_set(&values))
        return 0;
    *err = values;
    return -1;
}

struct json_object *mp_json_object(struct mp_arena *arena)
{
    return tie(arena, need(json_object_new_object()));
}

struct json_object *mp_json_array(struct mp_arena *arena)
{
    return tie(arena, need(json_object_new_array()));
}

void mp_json_put(struct json_object *obj, const char *key, struct json_object *child)
{
    if (json_object_object_add_ex(obj, key, child, JSON_C_OBJECT_ADD_CONSTANT_KEY) != 0)
        mp_die_no_memory();
}

void mp_json_put_text(struct json_object *obj, const char *key, const char *text)
{
    mp_json_put(obj, key, text ? need(json_object_new_string(text)) : NULL);
}

void mp_json_put_int(struct json_object *obj, const char *key, int64_t value)
{
    mp_json_put(obj, key, need(json_object_new_int64(value)));
}

void mp_json_put_bool(struct json_object *obj, const char *key, bool value)
{
    mp_json_put(obj, key, need(json_object_new_boolean(value)));
}

void mp_json_put_null(struct json_object *obj, const char *key)
{
    mp_json_put(obj, key, NULL);
}

void mp_json_put_time(struct json_object *obj, const char *key, int64_t at_ms)
{
    char text[MP_TIME_TEXT_BYTES];

    if (at_ms >= 0)
        mp_time_text(at_ms, text);
    mp_json_put_text(obj, key, at_ms >= 0 ? text : NULL);
}

char *mp_json_text(struct mp_arena *arena, struct json_object *doc)
{
    size_t len = 0;
    const char *text = json_object_to_json_string_length(doc, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

    if (!text)
        mp_die_no_memory();
    return mp_arena_strndup(arena, (struct mp_slice){text, len});
}

static const char *field_name(const struct mp_json_reader *r, const char *key)
{
    return r->prefix ? mp_arena_printf(r->arena, "%s%s", r->prefix, key) : key;
}

/* Always -1. */
#define wrong(r, key, ...) (mp_error_field((r)->err, field_name((r), (key)), __VA_ARGS__), -1)

/* 1: there and not null. */
static int member(const struct mp_json_reader *r, const char *key, struct json_object **out)
{
    return json_object_object_get_ex(r->obj, key, out) && *out ? 1 : 0;
}

static bool is_forbidden(uint32_t c, bool lines)
{
    if (lines && (c == '\n' || c == '\r' || c == '\t'))
        return false;
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

int mp_json_get_text(const struct mp_json_reader *r, const char *key, size_t least, size_t most, bool lines, const char **out)
{
    struct json_object *value;
    struct mp_slice text;
    size_t chars = 0;

    if (!member(r, key, &value))
        return 0;
    if (!json_object_is_type(value, json_type_string))
        return wrong(r, key, "must be a text");
    text = (struct mp_slice){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
    for (size_t i = 0; i < text.len; chars++) {
        uint32_t c = 0;
        size_t len = mp_utf8_decode(text.p + i, text.len - i, &c);

        if (len == 0 || is_forbidden(c, lines))
            return wrong(r, key, "must not have control characters%s", lines ? " but line ends and tabs" : "");
        i += len;
    }
    if (chars < least)
        return chars == 0 ? wrong(r, key, "must not be empty") : wrong(r, key, "must have at least %zu characters", least);
    if (chars > most)
        return wrong(r, key, "must have at most %zu characters", most);
    *out = mp_arena_strndup(r->arena, text);
    return 1;
}

/* Unicode's White_Space and what shows nothing at all. */
static bool is_blank(uint32_t c)
{
    return c == ' ' || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200f) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
           c == 0x2060 || c == 0x3000 || c == 0xfeff;
}

static bool is_all_blank(const char *text)
{
    struct mp_slice rest = mp_slice_of(text);
    uint32_t c = ' ';

    while (rest.len > 0 && is_blank(c)) {
        size_t len = mp_utf8_decode(rest.p, rest.len, &c);

        rest.p += len;
        rest.len -= len;
    }
    return is_blank(c);
}

int mp_json_get_name(const struct mp_json_reader *r, const char *key, size_t most, const char **out)
{
    int rc = mp_json_get_text(r, key, 1, most, false, out);

    return rc > 0 && is_all_blank(*out) ? wrong(r, key, "must have more than blanks") : rc;
}

int mp_json_get_int(const struct mp_json_reader *r, const char *key, int64_t least, int64_t most, int64_t *out)
{
    struct json_object *value;
    int64_t number;

    if (!member(r, key, &value))
        return 0;
    number = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : 0;
    if (!json_object_is_type(value, json_type_int) || number < least || number > most)
        return wrong(r, key, "must be a whole number from %lld to %lld", (long long)least, (long long)most);
    *out = number;
    return 1;
}

int mp_json_get_bool(const struct mp_json_reader *r, const char *key, bool *out)
{
    struct json_object *value;

    if (!member(r, key, &value))
        return 0;
    if (!json_object_is_type(value, json_type_boolean))
        return wrong(r, key, "must be true or false");
    *out = json_object_get_boolean(value) != 0;
    return 1;
}

int mp_json_get_object(const struct mp_json_reader *r, const char *key, struct json_object **out)
{
    struct json_object *value;

    if (!member(r, key, &value))
        return 0;
    if (!json_object_is_type(value, json_type_object))
        return wrong(r, key, "must be an object");
    *out = value;
    return 1;
}

int mp_json_get_array(const struct mp_json_reader *r, const char *key, size_t most, struct json_object **out)
{
    struct json_object *value;

    if (!member(r, key, &value))
        return 0;
    if (!json_object_is_type(value, json_type_array))
        return wrong(r, key, "must be an array");
    if (json_object_array_length(value) > most)
        return wrong(r, key, "must have at most %zu entries", most);
    *out = value;
    return 1;
}

static const char *join(struct mp_arena *arena, const char *const names[])
{
    const char *text = names[0] ? names[0] : "";

    for (size_t i = 1; names[0] && names[i]; i++)
        text = mp_arena_printf(arena, "%s, %s", text, names[i]);
    return text;
}

static bool find_name(const char *const names[], struct mp_slice text, size_t *index)
{
    for (size_t i = 0; names[i]; i++) {
        if (mp_slice_eq_text(text, names[i])) {
            *index = i;
            return true;
        }
    }
    return false;
}

int mp_json_get_enum(const struct mp_json_reader *r, const char *key, const char *const names[], size_t *out)
{
    struct json_object *value;

    if (!member(r, key, &value))
        return 0;
    if (!json_object_is_type(value, json_type_string) || !find_name(names, mp_slice_of(json_object_get_string(value)), out))
        return wrong(r, key, "must be one of: %s", join(r->arena, names));
    return 1;
}

int mp_json_get_zone(const struct mp_json_reader *r, const char *key, const char **out)
{
    struct json_object *value;

    if (!member(r, key, &value))
        return 0;
    if (!json_object_is_type(value, json_type_string) || !mp_zone_known(json_object_get_string(value)))
        return wrong(r, key, "must be an IANA time zone such as Europe/Berlin");
    *out = mp_arena_strdup(r->arena, json_object_get_string(value));
    return 1;
}

int mp_json_get_time(const struct mp_json_reader *r, const char *key, const char *zone, int64_t *out)
{
    struct json_object *value;
    enum mp_time_result result = MP_TIME_SYNTAX;
    int64_t before = 0, after = 0;

    if (!member(r, key, &value))
        return 0;
    if (json_object_is_type(value, json_type_string))
        result = mp_time_parse(mp_slice_of(json_object_get_string(value)), zone, out, &before, &after);
    if (result != MP_TIME_OK)
        return wrong(r, key, "%s", mp_time_explain(r->arena, result, zone, before, after));
    return 1;
}

bool mp_json_require(const struct mp_json_reader *r, const char *key)
{
    struct json_object *value;

    if (member(r, key, &value))
        return true;
    mp_error_field(r->err, field_name(r, key), "is required");
    return false;
}

bool mp_json_has(const struct mp_json_reader *r, const char *key)
{
    return json_object_object_get_ex(r->obj, key, NULL);
}

void mp_json_refuse_unknown(const struct mp_json_reader *r, const char *const names[])
{
    size_t index;

    json_object_object_foreach(r->obj, key, value)
    {
        (void)value;
        if (!find_name(names, mp_slice_of(key), &index))
            mp_error_field(r->err, field_name(r, key), "is not known here");
    }
}
