#include <string.h>

#include "api_int.h"

#define ORIGINS_MOST 64

int mp_cors_read(struct mp_arena *arena, struct mp_api *api, struct mp_error *err)
{
    struct mp_slice rest = mp_slice_of(api->conf.cors_origins), part;
    const char **origins = mp_arena_array(arena, ORIGINS_MOST, sizeof(*origins));

    while (mp_slice_split(&rest, ',', &part)) {
        struct mp_slice origin = mp_slice_trim(part);
        if (origin.len == 0)
            continue;
        if (api->cors_count == ORIGINS_MOST)
            return mp_fail(err, MP_E_CONFIG, "MEETPOOL_CORS_ORIGINS: more than %d origins", ORIGINS_MOST);
        origins[api->cors_count] = mp_arena_strndup(arena, origin);
        if (!mp_origin_valid(arena, origins[api->cors_count]))
            return mp_fail(err, MP_E_CONFIG,
                           "MEETPOOL_CORS_ORIGINS: \"%s\" is no origin; write each as a browser sends it (https://app.example.org), without a path",
                           origins[api->cors_count]);
        api->cors_count++;
    }
    api->cors_origins = origins;
    return 0;
}

static bool is_listed(const struct mp_api *api, const char *origin)
{
    for (size_t i = 0; origin != NULL && i < api->cors_count; i++)
        if (strcmp(api->cors_origins[i], origin) == 0)
            return true;
    return false;
}

/* Other origins send a bearer token; the cookie stays with our own pages, so credentials are never allowed here. */
void mp_cors_headers(const struct mp_exchange *ex, const char *allow)
{
    const char *origin = mp_head_get(ex->head, "Origin");
    struct mp_arena *arena = ex->req.arena;

    mp_answer_header(ex->answer, arena, "Vary", "Origin");
    if (!is_listed(ex->api, origin))
        return;
    mp_answer_header(ex->answer, arena, "Access-Control-Allow-Origin", origin);
    mp_answer_header(ex->answer, arena, "Access-Control-Expose-Headers", "X-Request-Id, Retry-After, Location, Idempotency-Replayed");
    if (allow == NULL)
        return;
    mp_answer_header(ex->answer, arena, "Access-Control-Allow-Methods", allow);
    mp_answer_header(ex->answer, arena, "Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, X-Request-Id");
    mp_answer_header(ex->answer, arena, "Access-Control-Max-Age", "600");
}
