/* From the text of a setting to the member of a struct. */
#include <string.h>

#include "base_int.h"
#include "meetpool/conf.h"

struct unit {
    const char *suffix;
    int64_t factor;
};

static const struct unit no_units[] = {{"", 1}, {NULL, 0}};
static const struct unit second_units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"", 1}, {NULL, 0}};
static const struct unit byte_units[] = {{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"K", 1 << 10},
                                         {"M", 1 << 20},   {"G", 1 << 30},   {"", 1},          {NULL, 0}};

static bool ends_with(struct mp_slice s, const char *suffix)
{
    size_t len = strlen(suffix);

    return s.len >= len && memcmp(s.p + s.len - len, suffix, len) == 0;
}

static bool parse_number(struct mp_slice s, const struct unit *units, int64_t *out)
{
    const struct unit *unit = units;
    unsigned long long digits;
    bool minus;

    while (unit->suffix && !ends_with(s, unit->suffix))
        unit++;
    s.len -= strlen(unit->suffix);
    minus = mp_slice_starts(s, "-");
    if (minus) {
        s.p++;
        s.len--;
    }
    if (!mp_slice_to_u64(s, INT64_MAX, &digits))
        return false;
    return !__builtin_mul_overflow(minus ? -(int64_t)digits : (int64_t)digits, unit->factor, out);
}

static const char *fill_number(struct mp_arena *arena, const struct mp_setting *row, struct mp_slice s, void *member)
{
    const struct unit *units = row->type == MP_SET_SECONDS ? second_units : row->type == MP_SET_BYTES ? byte_units : no_units;
    const char *kind = row->type == MP_SET_SECONDS ? " of seconds (or end in s, m, h, d)"
                       : row->type == MP_SET_BYTES ? " of bytes (or end in K, M, G, KiB, MiB, GiB)"
                                                   : "";
    int64_t number;

    if (!parse_number(s, units, &number) || number < row->least || number > row->most)
        return mp_arena_printf(arena, "must be a whole number%s from %lld to %lld", kind, (long long)row->least, (long long)row->most);
    memcpy(member, &number, sizeof(number));
    return NULL;
}

static const char *fill_bool(struct mp_slice s, void *member)
{
    static const char *const words[] = {"false", "true", "0", "1", "no", "yes", "off", "on"};

    for (size_t i = 0; i < MP_COUNT(words); i++) {
        bool yes = i % 2 == 1;

        if (!mp_slice_eq_nocase(s, words[i]))
            continue;
        memcpy(member, &yes, sizeof(yes));
        return NULL;
    }
    return "must be true, false, 1, 0, yes, no, on or off";
}

/* most 0: any length. */
static const char *check_length(struct mp_arena *arena, const struct mp_setting *row, struct mp_slice s)
{
    if ((int64_t)s.len < row->least)
        return mp_arena_printf(arena, "must have at least %lld characters", (long long)row->least);
    if (row->most > 0 && (int64_t)s.len > row->most)
        return mp_arena_printf(arena, "must have at most %lld characters", (long long)row->most);
    return NULL;
}

static void store_text(struct mp_arena *arena, struct mp_slice s, void *member)
{
    const char *text = mp_arena_strndup(arena, s);

    memcpy(member, &text, sizeof(text));
}

static bool is_host_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

static bool is_host(struct mp_slice host)
{
    bool six = host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']';

    if (six)
        host = (struct mp_slice){host.p + 1, host.len - 2};
    for (size_t i = 0; i < host.len; i++) {
        if (!is_host_char(host.p[i]) && !(six && host.p[i] == ':'))
            return false;
    }
    return host.len > 0;
}

/* host, host:port, [::1]:port */
static bool is_authority(struct mp_slice s)
{
    unsigned long long port = 1;
    size_t len = s.len;

    while (len > 0 && s.p[len - 1] != ':' && s.p[len - 1] != ']')
        len--;
    if (len > 0 && s.p[len - 1] == ':') {
        if (!mp_slice_to_u64((struct mp_slice){s.p + len, s.len - len}, 65535, &port))
            return false;
        s.len = len - 1;
    }
    return port > 0 && is_host(s);
}

static const char *fill_url(struct mp_arena *arena, struct mp_slice s, void *member)
{
    struct mp_slice rest, authority;
    size_t scheme = mp_slice_starts(s, "https://") ? 8 : mp_slice_starts(s, "http://") ? 7 : 0;

    if (scheme == 0)
        return "must begin with http:// or https://";
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f || strchr("@?#\\\"<>", s.p[i]))
            return "must be an address without user, query, fragment or blanks";
    }
    while (s.len > scheme && s.p[s.len - 1] == '/')
        s.len--;
    rest = (struct mp_slice){s.p + scheme, s.len - scheme};
    if (!mp_slice_split(&rest, '/', &authority) || !is_authority(authority))
        return "must name a host, with a port from 1 to 65535 where it has one";
    store_text(arena, s, member);
    return NULL;
}

/* Returns what is wrong, or NULL. */
static const char *fill_row(struct mp_arena *arena, const struct mp_setting *row, struct mp_slice s, void *member)
{
    const char *problem = NULL;
    struct mp_secret secret;

    switch (row->type) {
    case MP_SET_INT:
    case MP_SET_SECONDS:
    case MP_SET_BYTES:
        return fill_number(arena, row, s, member);
    case MP_SET_BOOL:
        return fill_bool(s, member);
    case MP_SET_TEXT:
    case MP_SET_SECRET:
    case MP_SET_URL:
        problem = check_length(arena, row, s);
        break;
    case MP_SET_ZONE:
        problem = mp_zone_known(s.p) ? NULL : "must be an IANA time zone such as Europe/Berlin";
        break;
    }
    if (problem)
        return problem;
    if (row->type == MP_SET_URL)
        return fill_url(arena, s, member);
    if (row->type == MP_SET_SECRET) {
        secret = mp_secret_copy(arena, s);
        memcpy(member, &secret, sizeof(secret));
    } else {
        store_text(arena, s, member);
    }
    return NULL;
}

static size_t member_bytes(enum mp_setting_type type)
{
    switch (type) {
    case MP_SET_TEXT:
    case MP_SET_URL:
    case MP_SET_ZONE:
        return sizeof(const char *);
    case MP_SET_SECRET:
        return sizeof(struct mp_secret);
    case MP_SET_BOOL:
        return sizeof(bool);
    case MP_SET_INT:
    case MP_SET_SECONDS:
    case MP_SET_BYTES:
        break;
    }
    return sizeof(int64_t);
}

int mp_conf_fill(struct mp_arena *arena, const struct mp_conf_source *source, const struct mp_setting *table, size_t rows, void *out,
                 struct mp_error *err)
{
    const char *first_name = NULL, *first_problem = NULL;

    for (size_t i = 0; i < rows; i++) {
        const char *text = mp_conf_get(source, table[i].name);
        char *member = (char *)out + table[i].offset;
        const char *problem = NULL;

        if (!text)
            text = table[i].fallback;
        if (text)
            problem = fill_row(arena, &table[i], mp_slice_of(text), member);
        else
            memset(member, 0, member_bytes(table[i].type));
        if (!problem)
            continue;
        mp_error_note(err, table[i].name, "%s", problem);
        first_name = first_name ? first_name : table[i].name;
        first_problem = first_problem ? first_problem : problem;
    }
    return first_name ? mp_fail(err, MP_E_CONFIG, "%s %s", first_name, first_problem) : 0;
}
