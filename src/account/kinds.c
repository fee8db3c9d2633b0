#include <string.h>

#include "account_int.h"
#include "meetpool/store_booking.h"

#define TAG_CHARS_MAX 32
#define RESERVE_MAX   10000
#define ROOM          (MP_KIND_COUNT + 1)

/* Of the bookings' kinds, and of meetings that belong to none; NULL: there is none of that name. */
static const char *kind_named(struct mp_slice name)
{
    for (int kind = 0; kind < MP_KIND_COUNT; kind++) {
        if (mp_slice_eq_text(name, mp_booking_kind_name((enum mp_booking_kind)kind)))
            return mp_booking_kind_name((enum mp_booking_kind)kind);
    }
    return mp_slice_eq_text(name, MP_ACCOUNT_KIND_MEETING) ? MP_ACCOUNT_KIND_MEETING : NULL;
}

static bool is_tag(struct mp_slice word)
{
    for (size_t i = 0; i < word.len; i++) {
        char c = word.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            return false;
    }
    return word.len > 0 && word.len <= TAG_CHARS_MAX;
}

static struct mp_account_kind *rule_for(struct mp_account_conf *conf, const char *kind)
{
    for (size_t i = 0; i < conf->kinds_count; i++) {
        if (strcmp(conf->kinds[i].kind, kind) == 0)
            return &conf->kinds[i];
    }
    conf->kinds[conf->kinds_count].kind = kind;
    return &conf->kinds[conf->kinds_count++];
}

static int take_tag(struct mp_arena *arena, struct mp_slice value, const char **tag)
{
    if (*tag != NULL || !is_tag(value))
        return -1;
    *tag = mp_arena_strndup(arena, value);
    return 0;
}

static int take_prefer(struct mp_arena *arena, struct mp_slice value, struct mp_account_kind *rule)
{
    return take_tag(arena, value, &rule->prefer);
}

static int take_demand(struct mp_arena *arena, struct mp_slice value, struct mp_account_kind *rule)
{
    return take_tag(arena, value, &rule->demand);
}

static int take_reserve(struct mp_arena *arena, struct mp_slice value, struct mp_account_kind *rule)
{
    unsigned long long places;

    (void)arena;
    if (rule->reserved != 0 || !mp_slice_to_u64(value, RESERVE_MAX, &places) || places == 0)
        return -1;
    rule->reserved = (int64_t)places;
    return 0;
}

/* "kind=value, kind=value", each kind once. */
static int read_list(struct mp_arena *arena, const char *name, const char *text, const char *value_is,
                     int (*take)(struct mp_arena *, struct mp_slice, struct mp_account_kind *), struct mp_account_conf *conf, struct mp_error *err)
{
    struct mp_slice rest = mp_slice_of(text), item;

    while (mp_slice_split(&rest, ',', &item)) {
        struct mp_slice value = mp_slice_trim(item), word;
        const char *kind;

        if (value.len == 0)
            continue;
        (void)mp_slice_split(&value, '=', &word);
        kind = kind_named(mp_slice_trim(word));
        if (kind == NULL)
            return mp_fail(err, MP_E_CONFIG,
                           "%s: \"%.*s\" is no kind of booking: session, class, event, custom_session, appointment, interview or meeting", name,
                           (int)word.len, word.p);
        if (take(arena, mp_slice_trim(value), rule_for(conf, kind)) < 0)
            return mp_fail(err, MP_E_CONFIG, "%s: %s needs %s, once", name, kind, value_is);
    }
    return 0;
}

static bool tag_exists(const struct mp_account_conf *conf, const char *tag)
{
    for (size_t i = 0; i < conf->count; i++) {
        if (account_has_tag(&conf->accounts[i], tag))
            return true;
    }
    return false;
}

/* Most likely a slip: bookings of that kind would find no account, or no better one. */
static void warn_of_unknown(const struct mp_account_conf *conf, const struct mp_log *log)
{
    for (size_t i = 0; i < conf->kinds_count; i++) {
        const struct mp_account_kind *rule = &conf->kinds[i];
        const char *tags[] = {rule->demand, rule->prefer};

        for (size_t k = 0; k < MP_COUNT(tags); k++) {
            if (tags[k] != NULL && !tag_exists(conf, tags[k]))
                mp_log(log, MP_WARNING, "account.no_such_tag", MP_STR("kind", rule->kind), MP_STR("tag", tags[k]));
        }
    }
}

int account_kinds_load(struct mp_arena *arena, const struct account_kind_lists *lists, const struct mp_log *log, struct mp_account_conf *conf,
                       struct mp_error *err)
{
    conf->kinds = mp_arena_array(arena, ROOM, sizeof(*conf->kinds));
    if (read_list(arena, "MEETPOOL_DEMAND", lists->demand, "a tag", take_demand, conf, err) < 0 ||
        read_list(arena, "MEETPOOL_PREFER", lists->prefer, "a tag", take_prefer, conf, err) < 0 ||
        read_list(arena, "MEETPOOL_RESERVE", lists->reserve, "a number of places, 1 to 10000", take_reserve, conf, err) < 0)
        return -1;
    for (size_t i = 0; i < conf->kinds_count; i++)
        conf->reserved += conf->kinds[i].reserved;
    warn_of_unknown(conf, log);
    return 0;
}

int account_tags_load(struct mp_arena *arena, const char *name, const char *text, struct mp_account_entry *entry, struct mp_error *err)
{
    struct mp_slice rest = mp_slice_of(text), item;
    size_t most = 1;

    for (size_t i = 0; i < rest.len; i++)
        most += rest.p[i] == ',' ? 1 : 0;
    entry->tags = mp_arena_array(arena, most, sizeof(const char *));
    while (mp_slice_split(&rest, ',', &item)) {
        item = mp_slice_trim(item);
        if (item.len == 0)
            continue;
        if (!is_tag(item))
            return mp_fail(err, MP_E_CONFIG, "%s: a tag is a word of at most %d letters, digits, '-', '_' and '.', not \"%.*s\"", name, TAG_CHARS_MAX,
                           (int)item.len, item.p);
        entry->tags[entry->tags_count++] = mp_arena_strndup(arena, item);
    }
    return 0;
}

bool account_has_tag(const struct mp_account_entry *entry, const char *tag)
{
    for (size_t i = 0; i < entry->tags_count; i++) {
        if (strcmp(entry->tags[i], tag) == 0)
            return true;
    }
    return false;
}

const struct mp_account_kind *account_kind(const struct mp_account_conf *conf, const char *kind)
{
    static const struct mp_account_kind plain;

    for (size_t i = 0; i < conf->kinds_count; i++) {
        if (strcmp(conf->kinds[i].kind, kind != NULL ? kind : MP_ACCOUNT_KIND_MEETING) == 0)
            return &conf->kinds[i];
    }
    return &plain;
}

/* What its hosts can hold together, where that is less than its own limit, is all that can be kept of. */
int64_t mp_account_places(const struct mp_account_conf *conf, size_t account, const char *kind)
{
    const struct mp_account_entry *entry = mp_account_entry(conf, account);
    int64_t hosts = entry->host_max_concurrent * (int64_t)entry->hosts_count, most = entry->max_concurrent;

    if (conf->reserved == 0 || mp_account_is_guest(conf, (int)account) || account_kind(conf, kind)->reserved > 0)
        return most;
    most = hosts > 0 && hosts < most ? hosts : most;
    return most > conf->reserved ? most - conf->reserved : 0;
}
