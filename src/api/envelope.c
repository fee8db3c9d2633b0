#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api_int.h"
#include "meetpool/json.h"

#define RETRY_AFTER_S 2
#define JSON_TYPE     "application/json; charset=utf-8"

const char *mp_status_phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {302, "Found"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Payload Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Entity"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < MP_COUNT(phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Status";
}

/* Values may come from a request or from Zoom: nothing in them may start a header of its own. */
static char *header_value(struct mp_arena *arena, const char *value)
{
    char *copy = mp_arena_strdup(arena, value);

    for (char *c = copy; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return copy;
}

void mp_answer_header(struct mp_answer *answer, struct mp_arena *arena, const char *name, const char *value)
{
    assert(answer->headers_count < MP_COUNT(answer->headers));
    answer->headers[answer->headers_count++] = (struct mp_pair){name, header_value(arena, value)};
}

const char *mp_answer_header_get(const struct mp_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->headers_count; i++)
        if (strcmp(answer->headers[i].name, name) == 0)
            return answer->headers[i].value;
    return NULL;
}

struct json_object *mp_response_data(struct mp_response *res)
{
    if (res->data == NULL)
        res->data = mp_json_object(res->arena);
    return res->data;
}

void mp_response_header(struct mp_response *res, const char *name, const char *value)
{
    assert(res->headers_count < MP_COUNT(res->headers));
    res->headers[res->headers_count++] = (struct mp_pair){name, mp_arena_strdup(res->arena, value)};
}

struct json_object *mp_response_warning(struct mp_response *res, const char *code, const char *message)
{
    struct json_object *warning = json_object_new_object();

    if (res->warnings == NULL)
        res->warnings = mp_json_array(res->arena);
    mp_json_put_text(warning, "code", code);
    mp_json_put_text(warning, "message", message);
    json_object_array_add(res->warnings, warning);
    return warning;
}

void mp_response_warn(struct mp_response *res, const char *code, const char *message_fmt, ...)
{
    va_list args;

    va_start(args, message_fmt);
    mp_response_warning(res, code, mp_arena_vprintf(res->arena, message_fmt, args));
    va_end(args);
}

int mp_reply_redirect(struct mp_response *res, const char *url)
{
    res->status = 302;
    res->raw = "";
    res->raw_len = 0;
    res->raw_type = "text/plain; charset=utf-8";
    mp_response_header(res, "Location", url);
    mp_response_header(res, "Referrer-Policy", "no-referrer");
    return 0;
}

static void set_json(struct mp_arena *arena, struct mp_answer *answer, struct json_object *doc)
{
    answer->body = mp_slice_of(mp_json_text(arena, doc));
    mp_answer_header(answer, arena, "Content-Type", JSON_TYPE);
}

static struct json_object *success_object(struct mp_response *res)
{
    struct json_object *doc = mp_json_object(res->arena);

    mp_json_put_bool(doc, "success", true);
    mp_json_put_text(doc, "message", res->message != NULL ? res->message : "OK");
    mp_json_put(doc, "data", res->data != NULL ? json_object_get(res->data) : json_object_new_object());
    if (res->warnings != NULL)
        mp_json_put(doc, "warnings", json_object_get(res->warnings));
    return doc;
}

void mp_envelope_success(struct mp_exchange *ex)
{
    struct mp_response *res = &ex->res;
    struct mp_answer *answer = ex->answer;

    answer->status = res->status != 0 ? res->status : 200;
    for (size_t i = 0; i < res->headers_count; i++)
        mp_answer_header(answer, res->arena, res->headers[i].name, res->headers[i].value);
    if (answer->status == 204)
        return;
    if (res->raw != NULL) {
        answer->body = (struct mp_slice){res->raw, res->raw_len};
        mp_answer_header(answer, res->arena, "Content-Type", res->raw_type);
        return;
    }
    set_json(res->arena, answer, res->bare != NULL ? res->bare : success_object(res));
}

static struct json_object *details_array(const struct mp_error *err)
{
    struct json_object *details = json_object_new_array();

    for (const struct mp_error_detail *d = err->details; d != NULL; d = d->next) {
        struct json_object *one = json_object_new_object();
        mp_json_put_text(one, "field", d->field);
        mp_json_put_text(one, "message", d->message);
        json_object_array_add(details, one);
    }
    return details;
}

void mp_envelope_failure(struct mp_arena *arena, struct mp_answer *answer, const char *request_id, const struct mp_error *err)
{
    struct json_object *doc = mp_json_object(arena);

    answer->status = mp_error_status(err->code);
    mp_json_put_bool(doc, "success", false);
    /* What the configuration lacks is the operator's to know. */
    mp_json_put_text(doc, "error", err->code == MP_E_CONFIG ? mp_error_sentence(MP_E_INTERNAL) : mp_error_message(err));
    mp_json_put_text(doc, "code", mp_error_name(err->code));
    mp_json_put(doc, "details", details_array(err));
    mp_json_put_text(doc, "request_id", request_id);
    set_json(arena, answer, doc);
    if (answer->status == 405 && err->allow != NULL)
        mp_answer_header(answer, arena, "Allow", err->allow);
    if (answer->status == 429 || answer->status == 503 || err->retry_after_s > 0)
        mp_answer_header(answer, arena, "Retry-After", mp_arena_printf(arena, "%u", err->retry_after_s > 0 ? err->retry_after_s : RETRY_AFTER_S));
}

void mp_envelope_common(struct mp_arena *arena, struct mp_answer *answer, const char *request_id)
{
    mp_answer_header(answer, arena, "X-Request-Id", request_id);
    mp_answer_header(answer, arena, "X-Content-Type-Options", "nosniff");
    if (mp_answer_header_get(answer, "Cache-Control") == NULL)
        mp_answer_header(answer, arena, "Cache-Control", "no-store");
    if (answer->status != 204)
        mp_answer_header(answer, arena, "Content-Length", mp_arena_printf(arena, "%zu", answer->body.len));
}
