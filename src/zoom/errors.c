#include <string.h>

#include "meetpool/buf.h"
#include "zoom_int.h"

#define CODE_TOKEN     124
#define CODE_LIMITED   429
#define CODE_VARIOUS   3000
#define TEXT_MOST      300 /* bytes of a message */
#define FIELDS_IN_TEXT 5

const char *mp_zoom_class_name(enum mp_zoom_class cls)
{
    static const char *const names[] = {
        [MP_ZOOM_OK] = "ok",
        [MP_ZOOM_NOT_SENT] = "not_sent",
        [MP_ZOOM_MAYBE_DONE] = "maybe_done",
        [MP_ZOOM_TOKEN] = "token",
        [MP_ZOOM_AUTH] = "auth",
        [MP_ZOOM_GRANT] = "grant",
        [MP_ZOOM_RATE_LIMITED] = "rate_limited",
        [MP_ZOOM_DAILY_HOST] = "daily_host",
        [MP_ZOOM_DAILY_ACCOUNT] = "daily_account",
        [MP_ZOOM_NO_HOST] = "no_host",
        [MP_ZOOM_NOT_FOUND] = "not_found",
        [MP_ZOOM_IN_PROGRESS] = "in_progress",
        [MP_ZOOM_REFUSED] = "refused",
    };

    return names[cls];
}

void mp_zoom_refused_alone(struct mp_zoom_result *res)
{
    if (res->cls == MP_ZOOM_AUTH)
        res->cls = MP_ZOOM_REFUSED;
}

bool zoom_complaint_read(struct json_object *doc, struct zoom_complaint *out)
{
    const char *message = zoom_read_text(doc, "message"), *reason = zoom_read_text(doc, "reason");

    *out = (struct zoom_complaint){
        .code = zoom_read_int(doc, "code", 0),
        .error = zoom_read_text(doc, "error"),
        .text = message ? message : reason,
        .fields = zoom_read_array(doc, "errors"),
    };
    /* Other servers' word for it (RFC 6749 section 5.2). */
    if (!out->text)
        out->text = zoom_read_text(doc, "error_description");
    return (out->code && out->text) || out->error;
}

static bool says(const struct zoom_complaint *complaint, const char *words)
{
    return complaint->text && strcasestr(complaint->text, words);
}

/*
 * Only the message tells a host's limit from the account's: such an answer was seen with the headers of a second's limit that is far from reached,
 * and without Retry-After (devforum.zoom.us topics 18928, 81149, 129190).
 */
static enum mp_zoom_class limited_class(const struct zoom_complaint *complaint, const char *limit_type)
{
    if (says(complaint, "daily rate limit") && (says(complaint, "Create/Update") || says(complaint, "particular user")))
        return MP_ZOOM_DAILY_HOST;
    if (says(complaint, "maximum daily rate limit") || mp_slice_eq_nocase(mp_slice_of(limit_type), "Daily-limit"))
        return MP_ZOOM_DAILY_ACCOUNT;
    return MP_ZOOM_RATE_LIMITED;
}

/* Sources: the error tables of developers.zoom.us/docs/api/errors and /docs/integrations/oauth-error-messages, and Zoom's API descriptions. */
static bool class_of_code(const struct zoom_complaint *complaint, enum mp_zoom_class *cls)
{
    static const struct {
        int64_t code;
        enum mp_zoom_class cls;
    } rows[] = {
        {1001, MP_ZOOM_NO_HOST},     /* no such user */
        {1010, MP_ZOOM_NO_HOST},     /* not in this account */
        {1120, MP_ZOOM_NO_HOST},     /* the invitation ran out */
        {2300, MP_ZOOM_REFUSED},     /* no such endpoint: says nothing about a meeting, even under 404 */
        {3001, MP_ZOOM_NOT_FOUND},   /* no such meeting */
        {3002, MP_ZOOM_IN_PROGRESS}, /* cannot be deleted while it runs */
        {3161, MP_ZOOM_NO_HOST},     /* may not host meetings */
        {4700, MP_ZOOM_AUTH},        /* a scope is missing, in one table; an empty token in the other */
        {4711, MP_ZOOM_AUTH},        /* a scope is missing */
        {4717, MP_ZOOM_AUTH},        /* the app is disabled */
        {4733, MP_ZOOM_GRANT},       /* the code has expired */
        {4734, MP_ZOOM_GRANT},       /* the code is not valid */
        {4735, MP_ZOOM_GRANT},       /* the token's owner is gone */
        {4737, MP_ZOOM_GRANT},       /* the refresh token is unknown */
        {4738, MP_ZOOM_AUTH},        /* disabled by the admin */
        {4741, MP_ZOOM_GRANT},       /* revoked */
    };

    for (size_t i = 0; i < MP_COUNT(rows); i++) {
        if (rows[i].code != complaint->code)
            continue;
        *cls = rows[i].cls;
        return true;
    }
    return false;
}

static bool class_of_oauth_word(const struct zoom_complaint *complaint, enum mp_zoom_class *cls)
{
    static const char *const about_us[] = {"invalid_client",  "unauthorized_client", "unsupported_grant_type",
                                           "invalid_request", "invalid_scope",       "access_denied"};

    if (!complaint->error)
        return false;
    /* The second form is the older one of the first: the stale refresh token came as "invalid_request" until mid-2022. */
    if (strcmp(complaint->error, "invalid_grant") == 0 || says(complaint, "Invalid Token!")) {
        *cls = MP_ZOOM_GRANT;
        return true;
    }
    for (size_t i = 0; i < MP_COUNT(about_us); i++) {
        if (strcmp(complaint->error, about_us[i]) != 0)
            continue;
        *cls = MP_ZOOM_AUTH;
        return true;
    }
    return false;
}

/* 3000 has many texts; that a running meeting cannot be changed is one of them. */
static bool says_running(const struct zoom_complaint *complaint)
{
    return complaint->code == CODE_VARIOUS &&
           (says(complaint, "in progress") || says(complaint, "has started") || says(complaint, "already started"));
}

enum mp_zoom_class zoom_complaint_class(unsigned status, const struct zoom_complaint *complaint, const char *limit_type)
{
    enum mp_zoom_class cls;

    /* 124 is documented with 400 and seen with 401: the code decides. */
    if (complaint->code == CODE_TOKEN)
        return MP_ZOOM_TOKEN;
    /* A gateway that gave up (also 408) does not know what those behind it did. */
    if (status < 200 || status >= 500 || status == 408)
        return MP_ZOOM_MAYBE_DONE;
    if (status == CODE_LIMITED || complaint->code == CODE_LIMITED)
        return limited_class(complaint, limit_type);
    if (class_of_code(complaint, &cls) || class_of_oauth_word(complaint, &cls))
        return cls;
    if (says_running(complaint))
        return MP_ZOOM_IN_PROGRESS;
    if (status == 401 || status == 403)
        return MP_ZOOM_AUTH;
    /* A 404 that is not Zoom's own (a proxy, a wrong address) must not pass for "that meeting is gone". */
    return status == 404 && complaint->code ? MP_ZOOM_NOT_FOUND : MP_ZOOM_REFUSED;
}

static void blot_out(char *text, struct mp_slice secret)
{
    char *at = text;

    if (secret.len == 0)
        return;
    while ((at = memmem(at, strlen(at), secret.p, secret.len)))
        memset(at, '*', secret.len);
}

char *zoom_blotted(struct mp_arena *arena, const char *text, const struct mp_secret *secret)
{
    char *out = mp_arena_strdup(arena, text);

    if (out)
        blot_out(out, mp_secret_expose(secret));
    return out;
}

/* Cuts to `most` bytes, not within a character. */
static void cut_short(char *text, size_t most)
{
    if (strlen(text) <= most)
        return;
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    text[most] = '\0';
}

const char *zoom_plain_text(struct mp_arena *arena, const char *text, const struct mp_secret *hide)
{
    char *out = mp_arena_strdup(arena, text);

    if (!out)
        return NULL;
    if (hide)
        blot_out(out, mp_secret_expose(hide));
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    cut_short(out, TEXT_MOST);
    return out;
}

const char *zoom_complaint_text(struct mp_arena *arena, const struct zoom_complaint *complaint, const struct mp_secret *hide)
{
    size_t count = complaint->fields ? json_object_array_length(complaint->fields) : 0;
    struct mp_buf text;

    mp_buf_init(&text, arena, (FIELDS_IN_TEXT * 2 + 2) * (size_t)ZOOM_TEXT_MOST_BYTES);
    if (complaint->error)
        mp_buf_addf(&text, "%s: ", complaint->error);
    mp_buf_add(&text, complaint->text ? complaint->text : "no reason given");
    for (size_t i = 0; i < count && i < FIELDS_IN_TEXT; i++) {
        struct json_object *item = json_object_array_get_idx(complaint->fields, i);
        const char *field = zoom_read_text(item, "field");
        const char *message = zoom_read_text(item, "message");

        if (field && message)
            mp_buf_addf(&text, " [%s: %s]", field, message);
    }
    return zoom_plain_text(arena, mp_buf_text(&text), hide);
}
