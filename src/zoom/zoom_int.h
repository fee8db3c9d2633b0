#ifndef ZOOM_INT_H
#define ZOOM_INT_H

#include "meetpool/zoom.h"

struct mp_zoom {
    struct mp_arena *arena;
    const char *api_url;
    const char *oauth_url;
    struct mp_http *http;
    const struct mp_log *log;    /* may be NULL */
    struct zoom_flight *flights; /* calls started and not landed */
};

/* ---- client.c ---- */

/* One call: either `bearer`, or `basic_user` and `basic_password`; at most one of `json` and `form`. */
struct zoom_call {
    const char *operation; /* for the log: "meeting.create" */
    const char *method;
    const char *base; /* without trailing slash */
    const char *path; /* percent-encoded, with the query */
    const struct mp_secret *bearer;
    const char *basic_user;
    const struct mp_secret *basic_password;
    struct json_object *json;
    const char *form;             /* application/x-www-form-urlencoded */
    const struct mp_secret *hide; /* what else an error text must not show: what stands in `form` */
    unsigned timeout_ms;          /* 0: the default of meetpool/http.h */
    const char *wanted;           /* the member that every good answer has; NULL: a good answer says nothing (204) */
};

/* Every call goes through here. Fills `res`; returns the answer, in the arena, for MP_ZOOM_OK with `wanted`, NULL otherwise. */
struct json_object *zoom_call(struct mp_zoom *zoom, struct mp_arena *arena, const struct zoom_call *call, struct mp_zoom_result *res);
/* Begins one for mp_zoom_land(), which hands what zoom_call() would return to `fn`. `call` is copied; what it points to lasts until then. */
typedef void zoom_take_fn(struct mp_arena *arena, struct json_object *answer, void *out, struct mp_zoom_result *res);
void zoom_start(struct mp_zoom *zoom, struct mp_arena *arena, const struct zoom_call *call, zoom_take_fn *fn, void *out, struct mp_zoom_result *res);
/* For a caller that finds a good-looking answer not to be one: the call counts as MP_ZOOM_MAYBE_DONE. */
void zoom_call_unreadable(struct mp_zoom_result *res, const char *what);

/* ---- errors.c ---- */

/* What an error body says, in either shape: {"code","message","errors"} of the API, {"error","reason"} of OAuth. */
struct zoom_complaint {
    int64_t code;      /* 0: none */
    const char *error; /* OAuth's word; NULL: none */
    const char *text;  /* as Zoom sent it; NULL: none */
    struct json_object *fields;
};
/* Fills `out` with what there is; false where `doc` (may be NULL) has neither shape in full. */
bool zoom_complaint_read(struct json_object *doc, struct zoom_complaint *out);
/* The class of a complaint that came with HTTP `status`. `limit_type`: the header X-RateLimit-Type; NULL: not sent. */
enum mp_zoom_class zoom_complaint_class(unsigned status, const struct zoom_complaint *complaint, const char *limit_type);
/* Text from outside made fit for people: no control characters, whole UTF-8, at most 300 bytes, `hide` (may be NULL) blotted out. */
const char *zoom_plain_text(struct mp_arena *arena, const char *text, const struct mp_secret *hide);
/* A copy with every `secret` in it blotted out; NULL stays NULL. */
char *zoom_blotted(struct mp_arena *arena, const char *text, const struct mp_secret *secret);
/* The complaint in words, with the fields it names. */
const char *zoom_complaint_text(struct mp_arena *arena, const struct zoom_complaint *complaint, const struct mp_secret *hide);

/* ---- read.c: one member of an answer; nothing is coerced, and what has another type than it should counts as absent ---- */

#define ZOOM_TEXT_MOST_BYTES 8192
/* Borrowed from the object. NULL where absent, or longer than any text of Zoom's. */
const char *zoom_read_text(struct json_object *obj, const char *key);
/* `absent` where it is not there or below 0. */
int64_t zoom_read_int(struct json_object *obj, const char *key, int64_t absent);
/* An id, sent as an integer or as a text of digits; 0 where there is none. */
int64_t zoom_read_id(struct json_object *obj, const char *key);
struct json_object *zoom_read_object(struct json_object *obj, const char *key);
struct json_object *zoom_read_array(struct json_object *obj, const char *key);

#endif
