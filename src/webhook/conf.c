#include <string.h>

#include "meetpool/account.h"
#include "webhook_int.h"

/* Numbers above are taken for mistakes. */
#define NUMBER_MAX 9999
#define FAMILY     "ZOOM_WEBHOOK_SECRET_TOKEN"

const struct mp_setting mp_webhook_settings[] = {
    MP_SETTING("MEETPOOL_WEBHOOK_TOLERANCE", MP_SET_SECONDS, "5400", 1, 86400, mp_webhook_conf, tolerance_s),
};
const size_t mp_webhook_settings_rows = MP_COUNT(mp_webhook_settings);

const char *mp_webhook_app_label(const char *app)
{
    return app[0] == '\0' ? "users" : app;
}

struct found {
    struct mp_arena *arena;
    struct mp_webhook_conf *conf;
    const char *wrong; /* the variable whose value is no list of one or two */
};

/* "NEW,OLD": while the secret is being changed at Zoom, or just after. */
static bool read_secrets(struct mp_arena *arena, const char *value, struct mp_webhook_app *app)
{
    struct mp_slice rest = mp_slice_of(value), part;
    struct mp_secret *const out[] = {&app->secret, &app->former};
    size_t n = 0;

    while (mp_slice_split(&rest, ',', &part)) {
        part = mp_slice_trim(part);
        if (n == MP_COUNT(out) || part.len == 0)
            return false;
        *out[n++] = mp_secret_copy(arena, part);
    }
    return n > 0;
}

static void note(void *arg, const char *name, const char *value)
{
    const char *number = name + strlen(FAMILY);
    struct found *found = arg;
    struct mp_webhook_app *app = &found->conf->apps[found->conf->count];
    unsigned long long n = 0;

    if (number[0] != '\0' && (number[0] != '_' || !mp_slice_to_u64(mp_slice_of(number + 1), NUMBER_MAX, &n) || n == 0))
        return;
    app->name = n == 0 ? "" : mp_arena_printf(found->arena, "account_%llu", n);
    if (!read_secrets(found->arena, value, app))
        found->wrong = mp_arena_strdup(found->arena, name);
    found->conf->count++;
}

static void count_names(void *arg, const char *name, const char *value)
{
    (void)name;
    (void)value;
    (*(size_t *)arg)++;
}

int mp_webhook_conf_load(struct mp_arena *arena, const struct mp_conf_source *source, struct mp_webhook_conf *out, struct mp_error *err)
{
    struct found found = {.arena = arena, .conf = out};
    size_t most = 0;

    mp_conf_each(source, FAMILY, count_names, &most);
    out->apps = mp_arena_array(arena, most + 1, sizeof(*out->apps));
    out->count = 0;
    mp_conf_each(source, FAMILY, note, &found);
    if (found.wrong != NULL)
        return mp_fail(err, MP_E_CONFIG, "%s must be the app's secret token, or the new one and the old one with a comma between them", found.wrong);
    out->runtime = MP_NEW(arena, struct mp_webhook_runtime);
    out->runtime->refused = mp_arena_array(arena, out->count + 1, sizeof(*out->runtime->refused));
    return 0;
}

const struct mp_webhook_app *webhook_app(const struct mp_webhook_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->count; i++) {
        if (strcmp(conf->apps[i].name, name) == 0)
            return &conf->apps[i];
    }
    return NULL;
}

bool webhook_app_covers(const struct mp_webhook_conf *conf, const char *app, const char *account_name)
{
    if (account_name == NULL)
        return false;
    if (app[0] != '\0')
        return strcmp(app, account_name) == 0;
    return strcmp(account_name, MP_ACCOUNT_GUEST) == 0 || webhook_app(conf, account_name) == NULL;
}
