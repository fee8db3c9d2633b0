#include "sandbox_int.h"

#include <string.h>

#include "meetpool/buf.h"

struct error_row {
    unsigned status;
    int code;
    const char *message;
};

static const struct error_row errors[] = {
#define ERROR_ROW(name, status, code, message) [SB_E_##name] = {status, code, message},
    SB_ERRORS(ERROR_ROW)
#undef ERROR_ROW
};

void sb_reply_header(struct sb_reply *reply, const char *name, const char *value)
{
    if (reply->header_count < SB_HEADERS_MAX)
        reply->headers[reply->header_count++] = (struct sb_header){name, value};
}

void sb_reply_json(const struct sb_call *call, struct sb_reply *reply, unsigned status, struct json_object *doc)
{
    reply->status = status;
    reply->stream = NULL;
    reply->type = "application/json;charset=UTF-8";
    reply->body = mp_slice_of(mp_json_text(call->arena, doc));
}

void sb_reply_empty(struct sb_reply *reply, unsigned status)
{
    reply->status = status;
    reply->stream = NULL;
    reply->type = NULL;
    reply->body = mp_slice_of("");
}

static const char *filled(struct mp_arena *arena, const char *message, const char *arg)
{
    const char *gap = strstr(message, "{}");

    if (gap == NULL)
        return message;
    return mp_arena_printf(arena, "%.*s%s%s", (int)(gap - message), message, arg == NULL ? "" : arg, gap + 2);
}

static struct json_object *error_json(const struct sb_call *call, enum sb_error error, const char *arg)
{
    struct json_object *doc = mp_json_object(call->arena);

    mp_json_put_int(doc, "code", errors[error].code);
    mp_json_put_text(doc, "message", filled(call->arena, errors[error].message, arg));
    return doc;
}

void sb_reply_error(const struct sb_call *call, struct sb_reply *reply, enum sb_error error, const char *arg)
{
    sb_reply_json(call, reply, errors[error].status, error_json(call, error, arg));
}

void sb_reply_invalid(const struct sb_call *call, struct sb_reply *reply, const struct mp_error *err)
{
    struct json_object *doc = error_json(call, SB_E_VALIDATION, NULL);
    struct json_object *rows;

    if (err->code == MP_E_MALFORMED) {
        sb_reply_error(call, reply, SB_E_NOT_JSON, NULL);
        return;
    }
    rows = json_object_new_array();
    for (const struct mp_error_detail *d = err->details; d != NULL; d = d->next) {
        struct json_object *row = json_object_new_object();

        mp_json_put_text(row, "field", d->field);
        mp_json_put_text(row, "message", "Invalid field.");
        json_object_array_add(rows, row);
    }
    mp_json_put(doc, "errors", rows);
    sb_reply_json(call, reply, errors[SB_E_VALIDATION].status, doc);
}

bool sb_body_object(const struct sb_call *call, struct sb_reply *reply, struct mp_error *err, struct json_object **out)
{
    if (mp_json_parse(call->arena, call->body, out, err) == 0 && json_object_is_type(*out, json_type_object))
        return true;
    sb_reply_error(call, reply, SB_E_NOT_JSON, NULL);
    return false;
}
