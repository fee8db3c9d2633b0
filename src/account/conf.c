#include <string.h>

#include "account_int.h"
#include "meetpool/crypto.h"

/* Numbers above are taken for mistakes. */
#define ACCOUNT_NUMBER_MAX 9999

struct common {
    bool enabled;
    int64_t daily_limit, cooldown_s;
    struct account_kind_lists kinds;
};

static const struct mp_setting common_settings[] = {
    MP_SETTING("ZOOM_ENABLED", MP_SET_BOOL, "true", 0, 0, common, enabled),
    MP_SETTING("ZOOM_DAILY_LIMIT", MP_SET_INT, "100", 1, 1000000, common, daily_limit),
    MP_SETTING("MEETPOOL_ACCOUNT_COOLDOWN", MP_SET_SECONDS, "300", 0, 86400, common, cooldown_s),
    MP_SETTING("MEETPOOL_DEMAND", MP_SET_TEXT, NULL, 0, 0, common, kinds.demand),
    MP_SETTING("MEETPOOL_PREFER", MP_SET_TEXT, NULL, 0, 0, common, kinds.prefer),
    MP_SETTING("MEETPOOL_RESERVE", MP_SET_TEXT, NULL, 0, 0, common, kinds.reserve),
};

/* What is found of account n before it is known to be whole. */
struct found {
    struct mp_arena *arena;
    bool numbers[ACCOUNT_NUMBER_MAX + 1];
};

static const char *const families[] = {"ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET", "ZOOM_USER_ID"};

static void note_number(void *arg, const char *name, const char *value)
{
    struct found *found = arg;
    unsigned long long number;

    (void)value;
    for (size_t i = 0; i < MP_COUNT(families); i++) {
        size_t len = strlen(families[i]);

        if (strncmp(name, families[i], len) == 0 && name[len] == '_' && mp_slice_to_u64(mp_slice_of(name + len + 1), ACCOUNT_NUMBER_MAX, &number) &&
            number > 0)
            found->numbers[number] = true;
    }
}

static const char *value_of(struct mp_arena *arena, const struct mp_conf_source *source, const char *family, unsigned number)
{
    return mp_conf_get(source, number == 0 ? family : mp_arena_printf(arena, "%s_%u", family, number));
}

/* Named twice, a host would have twice the room that it has at Zoom. Addresses are the same in any case. */
static bool is_listed(const struct mp_account_entry *entry, struct mp_slice user)
{
    for (size_t i = 0; i < entry->hosts_count; i++) {
        if (mp_slice_eq_nocase(user, entry->hosts[i].user))
            return true;
    }
    return false;
}

/* "a@x, b@x" */
static void split_hosts(struct mp_arena *arena, const char *text, const struct mp_log *log, struct mp_account_entry *entry)
{
    struct mp_slice rest = mp_slice_of(text), item;
    size_t most = 1;

    for (const char *p = text; *p != '\0'; p++)
        most += *p == ',' ? 1 : 0;
    entry->hosts = mp_arena_array(arena, most, sizeof(*entry->hosts));
    while (mp_slice_split(&rest, ',', &item)) {
        item = mp_slice_trim(item);
        if (item.len > 0 && is_listed(entry, item))
            mp_log(log, MP_WARNING, "account.host_twice", MP_STR("account", entry->name), MP_STR("host", mp_arena_strndup(arena, item)));
        else if (item.len > 0)
            entry->hosts[entry->hosts_count++].user = mp_arena_strndup(arena, item);
    }
}

static int limit_of(struct mp_arena *arena, const struct mp_conf_source *source, const char *family, unsigned number, const char *fallback,
                    int64_t *out, struct mp_error *err)
{
    const struct mp_setting row = {mp_arena_printf(arena, "%s_%u", family, number), MP_SET_INT, fallback, 1, 10000, 0};

    return mp_conf_fill(arena, source, &row, 1, out, err);
}

static int read_tags(struct mp_arena *arena, const struct mp_conf_source *source, unsigned number, struct mp_account_entry *entry,
                     struct mp_error *err)
{
    const char *name = mp_arena_printf(arena, "ZOOM_TAGS_%u", number);

    return account_tags_load(arena, name, mp_conf_get(source, name), entry, err);
}

/* Reads account `number` (0: the unnumbered variables). 1 whole, 0 left out, -1 failed. */
static int read_entry(struct mp_arena *arena, const struct mp_conf_source *source, const struct mp_log *log, unsigned number,
                      struct mp_account_entry *entry, struct mp_error *err)
{
    const char *values[MP_COUNT(families)];
    unsigned named = number == 0 ? 1 : number;

    for (size_t i = 0; i < MP_COUNT(families); i++) {
        values[i] = value_of(arena, source, families[i], number);
        if (values[i] == NULL && number == 0 && i == 3)
            values[i] = "me";
        if (values[i] == NULL) {
            mp_log(log, MP_WARNING, "account.left_out", MP_STR("account", mp_arena_printf(arena, "account_%u", named)),
                   MP_STR("missing", number == 0 ? families[i] : mp_arena_printf(arena, "%s_%u", families[i], number)));
            return 0;
        }
    }
    *entry = (struct mp_account_entry){.name = mp_arena_printf(arena, "account_%u", named), .account_id = values[0], .client_id = values[1]};
    entry->client_secret = mp_secret_copy(arena, mp_slice_of(values[2]));
    split_hosts(arena, values[3], log, entry);
    if (entry->hosts_count == 0)
        return mp_fail(err, MP_E_CONFIG, "ZOOM_USER_ID_%u names no host: give one e-mail or several, separated by commas", named);
    if (limit_of(arena, source, "ZOOM_MAX_CONCURRENT", named, "10", &entry->max_concurrent, err) < 0 ||
        read_tags(arena, source, named, entry, err) < 0)
        return -1;
    if (mp_conf_get(source, mp_arena_printf(arena, "ZOOM_HOST_MAX_CONCURRENT_%u", named)) == NULL && entry->hosts_count == 1)
        return 1;
    return limit_of(arena, source, "ZOOM_HOST_MAX_CONCURRENT", named, "2", &entry->host_max_concurrent, err) < 0 ? -1 : 1;
}

static struct mp_account_runtime *new_runtime(struct mp_arena *arena, const struct mp_account_conf *conf)
{
    struct mp_account_runtime *runtime = MP_NEW(arena, struct mp_account_runtime);

    runtime->arena = arena;
    runtime->accounts = mp_arena_array(arena, conf->count + 1, sizeof(*runtime->accounts));
    for (size_t i = 0; i < conf->count; i++) {
        const struct mp_account_entry *entry = &conf->accounts[i];
        const char *credentials =
            mp_arena_printf(arena, "%s\n%s\n%s", entry->account_id, entry->client_id, mp_secret_expose(&entry->client_secret).p);

        runtime->accounts[i].host_rows = mp_arena_array(arena, entry->hosts_count, sizeof(int64_t));
        mp_arena_defer(arena, account_forget, &runtime->accounts[i]);
        runtime->accounts[i].mark = mp_arena_strndup(arena, (struct mp_slice){mp_sha256_hex(arena, mp_slice_of(credentials)), 16});
    }
    return runtime;
}

struct stray {
    struct mp_arena *arena;
    const struct mp_account_conf *conf;
    const struct mp_log *log;
};

/* A limit or tags for an account that there is not: most likely a slip of the number, and what was meant does not hold. */
static void warn_of_stray(void *arg, const char *name, const char *value)
{
    static const char *const limits[] = {"ZOOM_MAX_CONCURRENT_", "ZOOM_HOST_MAX_CONCURRENT_", "ZOOM_TAGS_"};
    const struct stray *stray = arg;

    (void)value;
    for (size_t i = 0; i < MP_COUNT(limits); i++) {
        if (strncmp(name, limits[i], strlen(limits[i])) == 0 &&
            mp_account_find(stray->conf, mp_arena_printf(stray->arena, "account_%s", name + strlen(limits[i]))) < 0)
            mp_log(stray->log, MP_WARNING, "account.no_such_account", MP_STR("setting", name));
    }
}

int mp_account_conf_load(struct mp_arena *arena, const struct mp_conf_source *source, const struct mp_log *log, struct mp_account_conf *out,
                         struct mp_error *err)
{
    struct found *found = MP_NEW(arena, struct found);
    struct common common;
    size_t numbered = 0;
    bool app_pair, own_pair;

    *out = (struct mp_account_conf){0};
    if (mp_conf_fill(arena, source, common_settings, MP_COUNT(common_settings), &common, err) < 0)
        return -1;
    out->enabled = common.enabled;
    out->daily_limit = common.daily_limit;
    out->cooldown_s = common.cooldown_s;
    mp_conf_each(source, "ZOOM_", note_number, found);
    for (unsigned n = 1; n <= ACCOUNT_NUMBER_MAX; n++)
        numbered += found->numbers[n] ? 1 : 0;
    out->accounts = mp_arena_array(arena, numbered + 1, sizeof(*out->accounts));
    for (unsigned n = numbered > 0 ? 1 : 0; n <= (numbered > 0 ? ACCOUNT_NUMBER_MAX : 0); n++) {
        int rc;

        if (n > 0 ? !found->numbers[n] : mp_conf_get(source, "ZOOM_ACCOUNT_ID") == NULL)
            continue;
        rc = read_entry(arena, source, log, n, &out->accounts[out->count], err);
        if (rc < 0)
            return -1;
        out->count += (size_t)rc;
    }
    mp_conf_each(source, "ZOOM_", warn_of_stray, &(struct stray){arena, out, log});
    if (account_kinds_load(arena, &common.kinds, log, out, err) < 0)
        return -1;
    app_pair = mp_conf_get(source, "ZOOM_OAUTH_CLIENT_ID") != NULL && mp_conf_get(source, "ZOOM_OAUTH_CLIENT_SECRET") != NULL;
    own_pair = mp_conf_get(source, "ZOOM_REDIRECT_URI") != NULL && mp_conf_get(source, "ZOOM_CLIENT_ID") != NULL &&
               mp_conf_get(source, "ZOOM_CLIENT_SECRET") != NULL;
    out->oauth_configured = app_pair || own_pair;
    out->runtime = new_runtime(arena, out);
    return 0;
}

int mp_account_find(const struct mp_account_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->count; i++) {
        if (strcmp(conf->accounts[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}
