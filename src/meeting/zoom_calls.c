#include "meeting_int.h"

#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/json.h"

/* Pages of a host's list that are read; 300 meetings each. */
#define SEARCH_PAGES 20

/* What the calls below hand through mp_account_call(). */
struct call {
    const char *host;
    int64_t zoom_id;
    const char *page_token;
    const struct mp_zoom_meeting_spec *spec;
    struct mp_zoom_meeting *meeting;
    struct mp_zoom_meeting_list *list;
};

static const char *host_user(const struct mp_ctx *ctx, int account, int host)
{
    return host >= 0 ? ctx->account_conf->accounts[account].hosts[host].user : "me";
}

static void do_list(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct call *call = arg;

    mp_zoom_meeting_list(ctx->zoom, ctx->arena, token, timeout_ms, call->host, call->page_token, call->list, res);
}

static void do_get(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct call *call = arg;

    mp_zoom_meeting_get(ctx->zoom, ctx->arena, token, timeout_ms, call->zoom_id, call->meeting, res);
}

static void do_delete(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct call *call = arg;

    mp_zoom_meeting_delete(ctx->zoom, ctx->arena, token, timeout_ms, call->zoom_id, res);
}

static void do_update(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct call *call = arg;

    mp_zoom_meeting_update(ctx->zoom, ctx->arena, token, timeout_ms, call->zoom_id, call->spec, res);
}

int meeting_search(struct mp_ctx *ctx, int account, int host, const char *ref, int64_t deadline_ms, struct mp_zoom_meeting *found,
                   struct mp_zoom_result *res)
{
    struct mp_zoom_meeting_list list;
    struct call call = {.host = host_user(ctx, account, host), .list = &list};
    struct mp_error err;

    mp_error_init(&err, ctx->arena);
    for (int page = 0; page < SEARCH_PAGES; page++) {
        list = (struct mp_zoom_meeting_list){0};
        mp_account_call(ctx, (size_t)account, host, deadline_ms, do_list, &call, res);
        if (res->cls != MP_ZOOM_OK)
            return -1;
        for (size_t i = 0; i < list.count; i++) {
            const char *seen = NULL;

            if (meeting_marker_read(ctx, list.items[i].agenda, &seen, &err) > 0 && strcmp(seen, ref) == 0) {
                *found = list.items[i];
                return 1;
            }
        }
        call.page_token = list.next_page_token;
        if (call.page_token == NULL || call.page_token[0] == '\0')
            return 0;
    }
    *res = (struct mp_zoom_result){.cls = MP_ZOOM_REFUSED, .message = "the host has too many meetings to search them all", .retry_after_ms = -1};
    return -1;
}

void meeting_fetch(struct mp_ctx *ctx, int account, int host, int64_t zoom_id, int64_t deadline_ms, struct mp_zoom_meeting *out,
                   struct mp_zoom_result *res)
{
    struct call call = {.zoom_id = zoom_id, .meeting = out};

    mp_account_call(ctx, (size_t)account, host, deadline_ms, do_get, &call, res);
}

void meeting_zoom_delete(struct mp_ctx *ctx, int account, int host, int64_t zoom_id, int64_t deadline_ms, struct mp_zoom_result *res)
{
    struct call call = {.zoom_id = zoom_id};

    mp_account_call(ctx, (size_t)account, host, deadline_ms, do_delete, &call, res);
}

void meeting_zoom_update(struct mp_ctx *ctx, int account, int host, int64_t zoom_id, const struct mp_zoom_meeting_spec *spec, int64_t deadline_ms,
                         struct mp_zoom_result *res)
{
    struct call call = {.zoom_id = zoom_id, .spec = spec};

    mp_account_call(ctx, (size_t)account, host, deadline_ms, do_update, &call, res);
}

bool meeting_worth_repeating(enum mp_zoom_class cls)
{
    return cls == MP_ZOOM_NOT_SENT || cls == MP_ZOOM_MAYBE_DONE || cls == MP_ZOOM_TOKEN || cls == MP_ZOOM_AUTH || cls == MP_ZOOM_RATE_LIMITED ||
           cls == MP_ZOOM_DAILY_HOST || cls == MP_ZOOM_DAILY_ACCOUNT || cls == MP_ZOOM_NO_HOST;
}

void meeting_facts(struct mp_arena *arena, const struct mp_zoom_meeting *zoom, struct mp_meeting_facts *facts)
{
    *facts = (struct mp_meeting_facts){
        .zoom_id = zoom->id,
        .zoom_uuid = zoom->uuid,
        .host_email = zoom->host_email,
        .join_url = zoom->join_url,
        .password = zoom->password,
        .settings_effective = zoom->settings != NULL ? mp_json_text(arena, zoom->settings) : NULL,
    };
}
