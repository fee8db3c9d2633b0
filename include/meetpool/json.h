#ifndef MEETPOOL_JSON_H
#define MEETPOOL_JSON_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/error.h"
#include "meetpool/slice.h"

/*
 * All JSON that comes from outside comes through here: json-c 0.16 is not a validating parser (it takes duplicate keys, NUL inside strings, single
 * quotes, NaN, 1e400, raw control characters, lone surrogates, and clamps big integers in silence). mp_json_parse() refuses what RFC 8259 refuses and
 * those too. The getters never coerce: "1" is not 1, 3.9 is not 3, 1 is not true.
 */
#define MP_JSON_DEPTH_MAX 32

/* The document is tied to the arena. Errors: MP_E_MALFORMED, whose message says what and at which byte. */
int mp_json_parse(struct mp_arena *arena, struct mp_slice text, struct json_object **out, struct mp_error *err) MP_MUST_CHECK;
/* A request's body. What RFC 8259 takes and mp_json_parse() does not (numbers beyond 64 bits, \u0000), and what is no object, is MP_E_INVALID with
 * the fields named. */
int mp_json_parse_object(struct mp_arena *arena, struct mp_slice text, struct json_object **out, struct mp_error *err) MP_MUST_CHECK;

/* New objects tied to the arena: what is put into them belongs to them (json-c takes over). */
struct json_object *mp_json_object(struct mp_arena *arena);
struct json_object *mp_json_array(struct mp_arena *arena);
/* Members by type; NULL text becomes null. The key is borrowed and must be a literal or live as long as the object. */
void mp_json_put_text(struct json_object *obj, const char *key, const char *text);
void mp_json_put_int(struct json_object *obj, const char *key, int64_t value);
void mp_json_put_bool(struct json_object *obj, const char *key, bool value);
void mp_json_put_null(struct json_object *obj, const char *key);
/* RFC 3339 UTC with milliseconds; null for at_ms < 0. */
void mp_json_put_time(struct json_object *obj, const char *key, int64_t at_ms);
/* `child` is handed over. */
void mp_json_put(struct json_object *obj, const char *key, struct json_object *child);
/* Compact text in the arena. */
char *mp_json_text(struct mp_arena *arena, struct json_object *doc);

/*
 * Reading one member of an object that came from outside. Each returns 1 and fills `out` where the member is there and right, 0 where it is absent or
 * null, -1 where it is there and wrong; then the field is named in `err` (mp_error_field) under `prefix` + key (prefix NULL or "settings."). Reading
 * goes on after a wrong one, so that one answer names every wrong field; look at mp_error_set(err) at the end.
 */
struct mp_json_reader {
    struct mp_arena *arena;
    struct json_object *obj;
    const char *prefix;
    struct mp_error *err;
};

/* Length in characters (code points), least..most. No control characters but, with `lines`, LF, CR and TAB. */
int mp_json_get_text(const struct mp_json_reader *r, const char *key, size_t least, size_t most, bool lines, const char **out);
/* The name of a thing: a line with more in it than blanks. */
int mp_json_get_name(const struct mp_json_reader *r, const char *key, size_t most, const char **out);
int mp_json_get_int(const struct mp_json_reader *r, const char *key, int64_t least, int64_t most, int64_t *out);
int mp_json_get_bool(const struct mp_json_reader *r, const char *key, bool *out);
int mp_json_get_object(const struct mp_json_reader *r, const char *key, struct json_object **out);
int mp_json_get_array(const struct mp_json_reader *r, const char *key, size_t most, struct json_object **out);
/* One of `names` (NULL-terminated); `out` is its index. */
int mp_json_get_enum(const struct mp_json_reader *r, const char *key, const char *const names[], size_t *out);
/* A zone of the IANA data base. */
int mp_json_get_zone(const struct mp_json_reader *r, const char *key, const char **out);
/* A time (meetpool/clock.h), local ones read in `zone` (NULL: refused). */
int mp_json_get_time(const struct mp_json_reader *r, const char *key, const char *zone, int64_t *out);
/* "is required" where the member is absent or null; returns whether it is there. */
bool mp_json_require(const struct mp_json_reader *r, const char *key);
/* Whether the member stands there at all, null included (PATCH tells "absent" from "null"). */
bool mp_json_has(const struct mp_json_reader *r, const char *key);
/* Names every member that is not in `names` (NULL-terminated) as unknown. */
void mp_json_refuse_unknown(const struct mp_json_reader *r, const char *const names[]);

#endif
