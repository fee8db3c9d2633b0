#include <string.h>
#include <strings.h>

#include "api_int.h"
#include "meetpool/clock.h"

#define QUERY_MOST 32

static int add_pair(struct mp_request *req, struct mp_pair *pairs, struct mp_slice part, struct mp_error *err)
{
    struct mp_slice name = {0}, value = part;
    struct mp_pair *pair = &pairs[req->query_count];

    mp_slice_split(&value, '=', &name);
    if (!mp_percent_decode(req->arena, name, true, &pair->name) || !mp_percent_decode(req->arena, value, true, &pair->value))
        return mp_fail(err, MP_E_BAD_REQUEST, "The query holds a broken percent escape, a control character or what is not UTF-8.");
    if (mp_request_query(req, pair->name) != NULL)
        return mp_fail(err, MP_E_BAD_REQUEST, "The query parameter \"%s\" is given more than once.", pair->name);
    req->query_count++;
    return 0;
}

int mp_query_parse(struct mp_request *req, const char *raw, struct mp_error *err)
{
    struct mp_pair *pairs = mp_arena_array(req->arena, QUERY_MOST, sizeof(*pairs));
    struct mp_slice rest = mp_slice_of(raw), part;

    req->query = pairs;
    while (mp_slice_split(&rest, '&', &part)) {
        if (part.len == 0)
            continue;
        if (req->query_count == QUERY_MOST)
            return mp_fail(err, MP_E_BAD_REQUEST, "The query has more than %d parameters.", QUERY_MOST);
        if (add_pair(req, pairs, part, err) < 0)
            return -1;
    }
    return 0;
}

const char *mp_request_query(const struct mp_request *req, const char *name)
{
    for (size_t i = 0; i < req->query_count; i++)
        if (strcmp(req->query[i].name, name) == 0)
            return req->query[i].value;
    return NULL;
}

static int wrong(struct mp_error *err, const char *name, const char *message)
{
    mp_error_field(err, name, "%s", message);
    return -1;
}

int mp_query_time(const struct mp_request *req, const char *name, int64_t *at_ms, struct mp_error *err)
{
    const char *text = mp_request_query(req, name), *zone = mp_request_query(req, "timezone");
    int64_t before, after;
    enum mp_time_result result;

    if (text == NULL)
        return 0;
    if (zone == NULL)
        zone = mp_request_conf(req)->timezone;
    result = mp_time_parse(mp_slice_of(text), zone, at_ms, &before, &after);
    if (result == MP_TIME_OK)
        return 1;
    return wrong(err, name, mp_time_explain(req->arena, result, zone, before, after));
}

int mp_query_bool(const struct mp_request *req, const char *name, bool *out, struct mp_error *err)
{
    const char *text = mp_request_query(req, name);

    if (text == NULL)
        return 0;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return wrong(err, name, "must be true or false");
    *out = text[0] == 't';
    return 1;
}

int mp_query_enum(const struct mp_request *req, const char *name, const char *const names[], size_t *out, struct mp_error *err)
{
    const char *text = mp_request_query(req, name);

    if (text == NULL)
        return 0;
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return 1;
        }
    }
    return wrong(err, name, "is none of the values that are known here");
}

static bool is_one_of(const char *name, const char *const names[])
{
    for (size_t i = 0; names[i] != NULL; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

void mp_query_refuse_unknown(const struct mp_request *req, const char *const names[], struct mp_error *err)
{
    for (size_t i = 0; i < req->query_count; i++)
        if (!is_one_of(req->query[i].name, names))
            mp_error_field(err, req->query[i].name, "is not a parameter here");
}
