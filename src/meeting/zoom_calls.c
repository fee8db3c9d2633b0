#include "meeting_int.h"

#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/json.h"

/* "Sorry, you cannot delete this meeting since it has ended." (Zoom's error table of 2023). */
#define ZOOM_HAS_ENDED 3007

/* What the calls below hand through mp_account_call(). */
struct call {
    int64_t zoom_id;
    const struct mp_zoom_meeting_spec *spec;
    struct mp_zoom_meeting *meeting;
};

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

int meeting_whole_spec(struct mp_ctx *ctx, const struct mp_meeting_row *row, const char *ref, struct mp_zoom_meeting_spec *spec, struct mp_error *err)
{
    *spec = (struct mp_zoom_meeting_spec){
        .topic = row->topic, .timezone = row->timezone, .password = row->password, .starts_at = row->starts_at, .duration_min = row->duration_min};
    if (row->settings_requested != NULL && mp_json_parse(ctx->arena, mp_slice_of(row->settings_requested), &spec->settings, err) < 0)
        return -1;
    return meeting_agenda_out(ctx, ref, row->agenda, &spec->agenda, err);
}

bool meeting_has_ended_there(const struct mp_zoom_result *res)
{
    return res->cls == MP_ZOOM_REFUSED && res->code == ZOOM_HAS_ENDED;
}

bool meeting_off_zoom(const struct mp_zoom_result *res)
{
    return res->cls == MP_ZOOM_OK || res->cls == MP_ZOOM_NOT_FOUND || meeting_has_ended_there(res);
}

bool meeting_worth_repeating(enum mp_zoom_class cls)
{
    return cls == MP_ZOOM_NOT_SENT || cls == MP_ZOOM_MAYBE_DONE || cls == MP_ZOOM_TOKEN || cls == MP_ZOOM_AUTH || cls == MP_ZOOM_RATE_LIMITED ||
           cls == MP_ZOOM_DAILY_HOST || cls == MP_ZOOM_DAILY_ACCOUNT || cls == MP_ZOOM_NO_HOST;
}

void meeting_facts(const struct mp_ctx *ctx, int account, int host, const struct mp_zoom_meeting *zoom, struct mp_meeting_facts *facts)
{
    const char *user = host >= 0 ? mp_account_entry(ctx->account_conf, (size_t)account)->hosts[host].user : "";

    *facts = (struct mp_meeting_facts){
        .zoom_id = zoom->id,
        .zoom_uuid = zoom->uuid,
        .host_email = zoom->host_email != NULL || strchr(user, '@') == NULL ? zoom->host_email : user,
        .join_url = zoom->join_url,
        .password = zoom->password,
        .settings_effective = zoom->settings != NULL ? mp_json_text(ctx->arena, zoom->settings) : NULL,
    };
}
