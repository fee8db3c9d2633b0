#include <string.h>

#include "api_int.h"
#include "meetpool/json.h"

static bool takes_json(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
}

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static int read_bytes(struct mp_exchange *ex, struct mp_error *err)
{
    const char *length = ex->head->content_length;
    unsigned long long len = 0;
    char *bytes;

    if (is_given(length) && !mp_slice_to_u64(mp_slice_of(length), INT64_MAX, &len))
        return mp_fail(err, MP_E_BAD_REQUEST, "The Content-Length is not a number.");
    if (len > (unsigned long long)ex->api->conf.max_body)
        return mp_fail(err, MP_E_TOO_LARGE, "The request body is larger than %lld bytes.", (long long)ex->api->conf.max_body);
    if (len == 0)
        return 0;
    bytes = mp_arena_alloc(ex->req.arena, (size_t)len + 1);
    if (ex->source->read(ex->source->arg, bytes, (size_t)len) != (size_t)len)
        return mp_fail(err, MP_E_BAD_REQUEST, "The request body ended before its Content-Length.");
    ex->req.body = (struct mp_slice){bytes, (size_t)len};
    return 0;
}

/* JSON between programs is UTF-8 (RFC 8259 section 8.1); who says another charset means other bytes. */
static bool is_utf8(struct mp_slice parameters)
{
    struct mp_slice parameter, name;

    while (mp_slice_split(&parameters, ';', &parameter)) {
        struct mp_slice value = mp_slice_trim(parameter);
        if (mp_slice_split(&value, '=', &name) && mp_slice_eq_nocase(mp_slice_trim(name), "charset") && !mp_slice_eq_nocase(value, "utf-8") &&
            !mp_slice_eq_nocase(value, "\"utf-8\""))
            return false;
    }
    return true;
}

static int check_type(const char *content_type, bool empty, struct mp_error *err)
{
    struct mp_slice rest = mp_slice_of(content_type), type;

    if (empty && !is_given(content_type))
        return 0;
    if (!mp_slice_split(&rest, ';', &type) || !mp_slice_eq_nocase(mp_slice_trim(type), "application/json"))
        return mp_fail_log(err, MP_E_MEDIA_TYPE, "not application/json");
    if (!is_utf8(rest))
        return mp_fail_log(err, MP_E_MEDIA_TYPE, "not UTF-8");
    return 0;
}

int mp_body_read(struct mp_exchange *ex, struct mp_error *err)
{
    struct mp_request *req = &ex->req;

    if (!takes_json(req->method))
        return 0;
    if (read_bytes(ex, err) < 0)
        return -1;
    if (ex->route->flags & MP_ROUTE_RAW)
        return 0;
    if (check_type(ex->head->content_type, req->body.len == 0, err) < 0)
        return -1;
    if (req->body.len == 0) {
        req->json = mp_json_object(req->arena);
        return 0;
    }
    return mp_json_parse_object(req->arena, req->body, &req->json, err);
}
