#include "meetpool/error.h"

#include <stdarg.h>

struct error_row {
    unsigned status;
    const char *name;
    const char *sentence;
};

static const struct error_row rows[MP_E_COUNT] = {[MP_E_NONE] = {200, "ok", "No error."},
#define ERROR_ROW(id, http, code, text) [MP_E_##id] = {(http), (code), (text)},
                                                  MP_ERRORS(ERROR_ROW)
#undef ERROR_ROW
};

static const struct error_row *row_of(enum mp_error_code code)
{
    return &rows[(unsigned)code < MP_E_COUNT ? code : MP_E_INTERNAL];
}

void mp_error_init(struct mp_error *err, struct mp_arena *arena)
{
    *err = (struct mp_error){.arena = arena};
}

void mp_error_reset(struct mp_error *err)
{
    mp_error_init(err, err->arena);
}

int mp_fail(struct mp_error *err, enum mp_error_code code, const char *message_fmt, ...)
{
    va_list args;

    va_start(args, message_fmt);
    err->message = mp_arena_vprintf(err->arena, message_fmt, args);
    va_end(args);
    err->code = code;
    return -1;
}

int mp_fail_log(struct mp_error *err, enum mp_error_code code, const char *detail_fmt, ...)
{
    va_list args;

    va_start(args, detail_fmt);
    err->detail = mp_arena_vprintf(err->arena, detail_fmt, args);
    va_end(args);
    err->message = NULL;
    err->code = code;
    return -1;
}

static void add_detail(struct mp_error *err, const char *field, char *message)
{
    struct mp_error_detail *detail = MP_NEW(err->arena, struct mp_error_detail);

    detail->field = mp_arena_strdup(err->arena, field);
    detail->message = message;
    if (err->details_last)
        err->details_last->next = detail;
    else
        err->details = detail;
    err->details_last = detail;
}

void mp_error_field(struct mp_error *err, const char *field, const char *message_fmt, ...)
{
    va_list args;

    va_start(args, message_fmt);
    add_detail(err, field, mp_arena_vprintf(err->arena, message_fmt, args));
    va_end(args);
    if (err->code == MP_E_NONE)
        err->code = MP_E_INVALID;
}

void mp_error_note(struct mp_error *err, const char *field, const char *message_fmt, ...)
{
    va_list args;

    va_start(args, message_fmt);
    add_detail(err, field, mp_arena_vprintf(err->arena, message_fmt, args));
    va_end(args);
}

bool mp_error_set(const struct mp_error *err)
{
    return err->code != MP_E_NONE;
}

unsigned mp_error_status(enum mp_error_code code)
{
    return row_of(code)->status;
}

const char *mp_error_name(enum mp_error_code code)
{
    return row_of(code)->name;
}

const char *mp_error_sentence(enum mp_error_code code)
{
    return row_of(code)->sentence;
}

const char *mp_error_message(const struct mp_error *err)
{
    return err->message ? err->message : mp_error_sentence(err->code);
}
