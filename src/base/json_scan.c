/* A validator of RFC 8259 texts that builds nothing: what json-c would take in silence is refused before json-c sees it. */
#include <errno.h>
#include <json-c/json_object.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base_int.h"
#include "meetpool/buf.h"
#include "meetpool/json.h"

#define NUMBER_BYTES 128 /* more digits than any number that means something; keeps strtod() short */
#define WRONG_TOLD   100 /* of what is beyond the limits */
#define NUMBER_TOLD  "must be a number of at most 64 bits"

struct scanner {
    const char *p; /* the whole text */
    size_t len;
    size_t at;
    size_t keys;
    const char *problem;
    size_t problem_at;
    unsigned depth;
    struct mp_arena *arena;    /* NULL: keys are counted, not compared */
    struct json_object *names; /* of the object that is read */
    struct mp_error *values;   /* takes what is JSON but no value of ours; NULL: that is refused like what is no JSON */
    size_t wrong;
    bool nul;                                /* the text that was read has one */
    struct mp_slice path[MP_JSON_DEPTH_MAX]; /* the keys that lead here, in their quotes; empty for an array */
};

static bool scan_value(struct scanner *s);
static const char *unescape(struct mp_arena *arena, const char *p, size_t len);

static bool fail_at(struct scanner *s, size_t at, const char *problem)
{
    s->problem = problem;
    s->problem_at = at;
    return false;
}

/* The dotted name of the member that is read; entries of an array go by the array's. */
static const char *member_name(const struct scanner *s, struct mp_arena *arena)
{
    const char *name = "";

    for (unsigned i = 0; i < s->depth; i++) {
        const char *key;

        if (s->path[i].len == 0)
            continue;
        key = unescape(arena, s->path[i].p + 1, s->path[i].len - 2);
        name = name[0] != '\0' ? mp_arena_printf(arena, "%s.%s", name, key) : key;
    }
    return name;
}

/* RFC 8259 section 9 lets a receiver set limits to ranges and contents: what is beyond them is JSON, and a wrong value. */
static bool beyond(struct scanner *s, size_t at, const char *problem, const char *told)
{
    if (s->values == NULL)
        return fail_at(s, at, problem);
    if (s->wrong++ < WRONG_TOLD)
        mp_error_field(s->values, member_name(s, s->values->arena), "%s", told);
    return true;
}

/* The next byte, or -1 at the end. */
static int peek(const struct scanner *s)
{
    return s->at < s->len ? (unsigned char)s->p[s->at] : -1;
}

static bool take(struct scanner *s, char c)
{
    if (peek(s) != c)
        return false;
    s->at++;
    return true;
}

static void skip_blanks(struct scanner *s)
{
    while (s->at < s->len && (s->p[s->at] == ' ' || s->p[s->at] == '\t' || s->p[s->at] == '\n' || s->p[s->at] == '\r'))
        s->at++;
}

static int hex_value(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits; -1 where they are not there. */
static int32_t scan_hex4(struct scanner *s)
{
    int32_t value = 0;

    for (int i = 0; i < 4; i++, s->at++) {
        int digit = hex_value(peek(s));

        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* After `\u`; `start` is where the backslash stands. */
static bool scan_unicode(struct scanner *s, size_t start)
{
    int32_t unit = scan_hex4(s);

    if (unit < 0)
        return fail_at(s, start, "\\u needs four hex digits");
    if (unit == 0 && s->values == NULL)
        return fail_at(s, start, "\\u0000 is not taken");
    s->nul = s->nul || unit == 0;
    if (unit < 0xd800 || unit > 0xdfff)
        return true;
    if (unit <= 0xdbff && take(s, '\\') && take(s, 'u')) {
        int32_t low = scan_hex4(s);

        if (low >= 0xdc00 && low <= 0xdfff)
            return true;
    }
    return fail_at(s, start, "half of a surrogate pair");
}

static bool scan_escape(struct scanner *s)
{
    size_t start = s->at++;
    int c = peek(s);

    if (c < 0)
        return fail_at(s, start, "a text is not closed");
    s->at++;
    if (c == 'u')
        return scan_unicode(s, start);
    if (!strchr("\"\\/bfnrt", c) || c == 0)
        return fail_at(s, start, "an unknown escape");
    return true;
}

static bool scan_text(struct scanner *s)
{
    size_t start = s->at++;

    while (s->at < s->len) {
        unsigned char c = (unsigned char)s->p[s->at];
        uint32_t point;
        size_t len;

        if (c == '"') {
            s->at++;
            return true;
        }
        if (c < 0x20)
            return fail_at(s, s->at, "a control character inside a text");
        if (c == '\\') {
            if (!scan_escape(s))
                return false;
            continue;
        }
        len = mp_utf8_decode(s->p + s->at, s->len - s->at, &point);
        if (len == 0)
            return fail_at(s, s->at, "not UTF-8");
        s->at += len;
    }
    return fail_at(s, start, "a text is not closed");
}

/* Behind a text: where its member stands is known by now. */
static bool check_nul(struct scanner *s, size_t start)
{
    bool nul = s->nul;

    s->nul = false;
    return !nul || beyond(s, start, "\\u0000 is not taken", "must not have control characters");
}

static bool scan_digits(struct scanner *s)
{
    size_t start = s->at;

    while (peek(s) >= '0' && peek(s) <= '9')
        s->at++;
    return s->at > start;
}

/* The grammar of a number; `whole` tells whether it has neither fraction nor exponent. */
static bool scan_number_syntax(struct scanner *s, bool *whole)
{
    *whole = true;
    take(s, '-');
    if (!take(s, '0') && !scan_digits(s))
        return false;
    if (take(s, '.')) {
        *whole = false;
        if (!scan_digits(s))
            return false;
    }
    if (take(s, 'e') || take(s, 'E')) {
        *whole = false;
        if (!take(s, '+'))
            take(s, '-');
        return scan_digits(s);
    }
    return true;
}

static bool scan_number(struct scanner *s)
{
    char digits[NUMBER_BYTES + 1];
    size_t start = s->at;
    size_t len;
    bool whole;

    if (!scan_number_syntax(s, &whole))
        return fail_at(s, start, "not a number");
    len = s->at - start;
    if (len > NUMBER_BYTES)
        return beyond(s, start, "a number is too long", NUMBER_TOLD);
    memcpy(digits, s->p + start, len);
    digits[len] = '\0';
    errno = 0;
    if (whole && (strtoll(digits, NULL, 10), errno == ERANGE))
        return beyond(s, start, "a whole number needs more than 64 bits", NUMBER_TOLD);
    if (!whole && !isfinite(strtod(digits, NULL)))
        return beyond(s, start, "a number is too large", NUMBER_TOLD);
    return true;
}

static bool scan_word(struct scanner *s, const char *word)
{
    size_t len = strlen(word);

    if (s->len - s->at < len || memcmp(s->p + s->at, word, len) != 0)
        return fail_at(s, s->at, "not a value");
    s->at += len;
    return true;
}

static void put_utf8(struct mp_buf *out, uint32_t c)
{
    char bytes[4];
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = len; i-- > 1; c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3f));
    bytes[0] = (char)(lead[len] | c);
    mp_buf_append(out, bytes, len);
}

static uint32_t hex4(const char *p)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++)
        value = value * 16 + (uint32_t)hex_value((unsigned char)p[i]);
    return value;
}

/* Undoes the escapes of a text that was scanned; `p` stands behind the opening quote. */
static const char *unescape(struct mp_arena *arena, const char *p, size_t len)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    struct mp_buf out;

    mp_buf_init(&out, arena, len);
    for (size_t i = 0; i < len; i++) {
        const char *found;
        uint32_t c;

        if (p[i] != '\\') {
            mp_buf_append(&out, p + i, 1);
            continue;
        }
        i++;
        found = strchr(from, p[i]);
        if (p[i] != 'u') {
            mp_buf_append(&out, found ? &to[found - from] : p + i, 1);
            continue;
        }
        c = hex4(p + i + 1);
        i += 4;
        if (c >= 0xd800 && c <= 0xdbff) {
            c = 0x10000 + ((c - 0xd800) << 10) + (hex4(p + i + 3) - 0xdc00);
            i += 6;
        }
        put_utf8(&out, c);
    }
    return mp_buf_text(&out);
}

/* Whether the key from `start` to here is new in its object. */
static bool note_key(struct scanner *s, size_t start)
{
    const char *key;

    s->keys++;
    if (!s->arena)
        return true;
    key = unescape(s->arena, s->p + start + 1, s->at - start - 2);
    if (json_object_object_get_ex(s->names, key, NULL))
        return fail_at(s, start, "a key stands twice in one object");
    mp_json_put_null(s->names, key);
    return true;
}

static bool scan_member(struct scanner *s)
{
    size_t start;

    skip_blanks(s);
    start = s->at;
    if (peek(s) != '"')
        return fail_at(s, start, "a key in double quotes is missing");
    if (!scan_text(s) || !note_key(s, start))
        return false;
    s->path[s->depth - 1] = (struct mp_slice){s->p + start, s->at - start};
    if (!check_nul(s, start))
        return false;
    skip_blanks(s);
    if (!take(s, ':'))
        return fail_at(s, s->at, "a colon is missing");
    return scan_value(s);
}

/* The members of an object or the entries of an array, behind the opening bracket. */
static bool scan_list(struct scanner *s, bool (*scan_one)(struct scanner *), char close, const char *problem)
{
    skip_blanks(s);
    if (take(s, close))
        return true;
    do {
        if (!scan_one(s))
            return false;
        skip_blanks(s);
    } while (take(s, ','));
    return take(s, close) || fail_at(s, s->at, problem);
}

static bool scan_container(struct scanner *s)
{
    struct json_object *outer = s->names;
    bool object = s->p[s->at] == '{';
    bool good;

    if (s->depth == MP_JSON_DEPTH_MAX)
        return fail_at(s, s->at, "nested too deeply");
    s->at++;
    s->path[s->depth++] = (struct mp_slice){0};
    if (object && s->arena)
        s->names = mp_json_object(s->arena);
    good = object ? scan_list(s, scan_member, '}', "a comma or } is missing") : scan_list(s, scan_value, ']', "a comma or ] is missing");
    s->names = outer;
    s->depth--;
    return good;
}

static bool scan_value(struct scanner *s)
{
    skip_blanks(s);
    switch (peek(s)) {
    case '{':
    case '[':
        return scan_container(s);
    case '"':
        return scan_text(s) && check_nul(s, s->at);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    case -1:
        return fail_at(s, s->at, s->depth ? "the text ends too early" : "there is nothing in it");
    case '-':
        return scan_number(s);
    default:
        return peek(s) >= '0' && peek(s) <= '9' ? scan_number(s) : fail_at(s, s->at, "not a value");
    }
}

bool mp_json_scan(struct mp_arena *arena, struct mp_slice text, bool compare_keys, struct mp_error *values, struct mp_json_scan *out)
{
    struct scanner s = {.p = text.p, .len = text.len, .arena = compare_keys ? arena : NULL, .values = values};
    bool good = text.len <= INT32_MAX || fail_at(&s, 0, "it is too long");

    if (good)
        good = scan_value(&s);
    if (good) {
        skip_blanks(&s);
        good = s.at == s.len || fail_at(&s, s.at, "something stands behind the value");
    }
    *out = (struct mp_json_scan){s.problem, s.problem_at, s.keys};
    return good;
}
