#include "process_int.h"

int config_load(struct config *config, const char *path, unsigned epoch, const struct mp_log *log, struct mp_arena *err_arena, struct mp_error *err)
{
    struct mp_arena *arena = mp_arena_new();
    struct mp_settings *settings;
    struct mp_api *api;

    mp_error_init(err, err_arena);
    if (mp_settings_load(arena, path, log, &settings, err) < 0 || mp_api_new(arena, &settings->api, &api, err) < 0) {
        mp_arena_free(arena);
        return -1;
    }
    *config = (struct config){.arena = arena, .settings = settings, .api = api, .epoch = epoch};
    return 0;
}

void config_clear(struct config *config)
{
    mp_arena_free(config->arena);
    *config = (struct config){0};
}
