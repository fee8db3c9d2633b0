#include "zoom_int.h"

static struct json_object *member(struct json_object *obj, const char *key, enum json_type type)
{
    struct json_object *value;

    if (!json_object_is_type(obj, json_type_object) || !json_object_object_get_ex(obj, key, &value) || !json_object_is_type(value, type))
        return NULL;
    return value;
}

const char *zoom_read_text(struct json_object *obj, const char *key)
{
    struct json_object *value = member(obj, key, json_type_string);

    if (!value || json_object_get_string_len(value) > ZOOM_TEXT_MOST_BYTES)
        return NULL;
    return json_object_get_string(value);
}

int64_t zoom_read_int(struct json_object *obj, const char *key, int64_t absent)
{
    struct json_object *value = member(obj, key, json_type_int);

    return value && json_object_get_int64(value) >= 0 ? json_object_get_int64(value) : absent;
}

int64_t zoom_read_id(struct json_object *obj, const char *key)
{
    const char *text = zoom_read_text(obj, key);
    unsigned long long id;

    if (!text)
        return zoom_read_int(obj, key, 0);
    return mp_slice_to_u64(mp_slice_of(text), INT64_MAX, &id) ? (int64_t)id : 0;
}

struct json_object *zoom_read_object(struct json_object *obj, const char *key)
{
    return member(obj, key, json_type_object);
}

struct json_object *zoom_read_array(struct json_object *obj, const char *key)
{
    return member(obj, key, json_type_array);
}
