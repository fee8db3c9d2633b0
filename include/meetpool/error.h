#ifndef MEETPOOL_ERROR_H
#define MEETPOOL_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#include "meetpool/arena.h"
#include "meetpool/attr.h"

/*
 * The one error type. A function that can fail returns 0, or -1 with `err` filled; a look-up returns 1 found, 0 none, -1 failed.
 * `message` is for the client: what went wrong and what to do, no secret, path, SQL or upstream body. `detail` is for the log alone.
 * Only an exit (the reply, the job runner, main) logs a failure, once.
 *
 * The table gives HTTP status, machine code and the sentence used where no message was given.
 */
#define MP_ERRORS(X)                                                                                                                                 \
    X(MALFORMED, 400, "malformed_json", "The request body is not valid JSON.")                                                                       \
    X(BAD_REQUEST, 400, "bad_request", "The request cannot be understood.")                                                                          \
    X(UNAUTHORIZED, 401, "unauthorized", "Sign in first: a valid bearer token is needed.")                                                           \
    X(FORBIDDEN, 403, "forbidden", "Your role does not allow this.")                                                                                 \
    X(NOT_FOUND, 404, "not_found", "There is no such thing here.")                                                                                   \
    X(METHOD, 405, "method_not_allowed", "This address does not take that method.")                                                                  \
    X(CONFLICT, 409, "conflict", "That does not fit the present state.")                                                                             \
    X(HAS_MEETING, 409, "already_has_meeting", "There is a meeting already.")                                                                        \
    X(NO_CAPACITY, 409, "no_capacity", "No account has room at that time.")                                                                          \
    X(IDEM_RUNNING, 409, "idempotency_in_progress", "The first request with this Idempotency-Key is still running; try again shortly.")              \
    X(TOO_LARGE, 413, "payload_too_large", "The request body is too large.")                                                                         \
    X(MEDIA_TYPE, 415, "unsupported_media_type", "Send the body as application/json.")                                                               \
    X(INVALID, 422, "validation_failed", "Some values are not valid; see details.")                                                                  \
    X(IDEM_MISMATCH, 422, "idempotency_mismatch", "This Idempotency-Key was used with another body.")                                                \
    X(RATE_LIMITED, 429, "rate_limited", "Too many requests; try again later.")                                                                      \
    X(INTERNAL, 500, "internal", "Something went wrong on our side; the request id helps to find it.")                                               \
    X(ZOOM_FAILED, 502, "zoom_failed", "Zoom did not answer as expected.")                                                                           \
    X(STORAGE, 503, "unavailable", "The recordings' storage does not take or give what was asked.")                                                  \
    X(NO_ACCOUNT, 503, "no_account_available", "No Zoom account could take the meeting; see details.")                                               \
    X(ZOOM_DISABLED, 503, "zoom_disabled", "Zoom is disabled on this server.")                                                                       \
    X(ZOOM_NOT_CONFIGURED, 503, "zoom_not_configured", "No Zoom account is configured on this server.")                                              \
    X(UNAVAILABLE, 503, "unavailable", "The service is busy or starting; try again shortly.")                                                        \
    X(UNCERTAIN, 503, "unavailable", "It is not known whether that was stored; look before you try again.")                                          \
    X(CONFIG, 500, "internal", "The configuration is not valid.")

enum mp_error_code {
    MP_E_NONE = 0,
#define MP_ERROR_ENUM(name, status, code, sentence) MP_E_##name,
    MP_ERRORS(MP_ERROR_ENUM)
#undef MP_ERROR_ENUM
        MP_E_COUNT
};

/* One wrong field (`details` of an answer), or one account's reason. Texts live in the arena of the error. */
struct mp_error_detail {
    const char *field;
    const char *message;
    struct mp_error_detail *next;
};

struct mp_error {
    struct mp_arena *arena; /* where messages and details live; set by mp_error_init() */
    enum mp_error_code code;
    const char *message;
    const char *detail;
    struct mp_error_detail *details; /* in order of adding */
    struct mp_error_detail *details_last;
    unsigned retry_after_s; /* 0: none known */
    const char *allow;      /* 405: the methods that are taken */
};

void mp_error_init(struct mp_error *err, struct mp_arena *arena);
/* Back to MP_E_NONE; what was said stays in the arena. For a caller that handles a failure and goes on. */
void mp_error_reset(struct mp_error *err);

/* Both fill `err` and return -1 always, so that `return mp_fail(...)` reads as it does. The message replaces an earlier one; details stay. */
int mp_fail(struct mp_error *err, enum mp_error_code code, const char *message_fmt, ...) MP_PRINTF(3, 4);
/* As mp_fail() with the table's sentence; the text is the detail, for the log. */
int mp_fail_log(struct mp_error *err, enum mp_error_code code, const char *detail_fmt, ...) MP_PRINTF(3, 4);

/* Adds one wrong field and makes the error MP_E_INVALID unless it is set already. Nested fields are dotted: "settings.auto_recording". */
void mp_error_field(struct mp_error *err, const char *field, const char *message_fmt, ...) MP_PRINTF(3, 4);
/* Adds a detail without touching the code. */
void mp_error_note(struct mp_error *err, const char *field, const char *message_fmt, ...) MP_PRINTF(3, 4);

bool mp_error_set(const struct mp_error *err);
unsigned mp_error_status(enum mp_error_code code);
const char *mp_error_name(enum mp_error_code code); /* the machine code */
const char *mp_error_sentence(enum mp_error_code code);
/* The message, or the table's sentence. */
const char *mp_error_message(const struct mp_error *err);

#endif
