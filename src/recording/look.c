#include <string.h>

#include "meetpool/clock.h"
#include "recording_int.h"

struct call {
    const char *id, *file_id;
    int64_t zoom_id;
    struct mp_zoom_recording *recording;
    struct mp_zoom_instances *instances;
    const struct mp_secret *refused;
    struct mp_secret *token;
    bool none;
};

/* No recording (yet) is an answer, not a failure of the account; nor is one that its app may not see recordings. */
static void none_is_fine(struct call *call, struct mp_zoom_result *res)
{
    mp_zoom_refused_alone(res);
    call->none = res->cls == MP_ZOOM_NOT_FOUND;
    if (call->none)
        res->cls = MP_ZOOM_OK;
}

static void do_fetch(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct call *call = arg;

    mp_zoom_recording_get(ctx->zoom, ctx->arena, token, timeout_ms, call->id, call->recording, res);
    none_is_fine(call, res);
}

static void do_instances(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct call *call = arg;

    mp_zoom_instances(ctx->zoom, ctx->arena, token, timeout_ms, call->zoom_id, call->instances, res);
    none_is_fine(call, res);
}

/* One that is refused counts as one that Zoom refuses: then another is fetched. */
static void do_token(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct call *call = arg;
    bool refused = call->refused != NULL && mp_secret_equals(call->refused, mp_secret_expose(token));

    (void)timeout_ms;
    *res = (struct mp_zoom_result){
        .cls = refused ? MP_ZOOM_TOKEN : MP_ZOOM_OK, .message = refused ? "Zoom refuses the token for downloads" : NULL, .retry_after_ms = -1};
    *call->token = mp_secret_copy(ctx->arena, mp_secret_expose(token));
}

static void do_trash(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct call *call = arg;

    mp_zoom_recording_trash(ctx->zoom, ctx->arena, token, timeout_ms, call->id, call->file_id, res);
    none_is_fine(call, res);
}

static void run(struct mp_ctx *ctx, const struct mp_meeting *meeting, mp_account_fn *fn, struct call *call, struct mp_zoom_result *res)
{
    if (meeting->account < 0) {
        *res = (struct mp_zoom_result){
            .cls = MP_ZOOM_REFUSED, .message = "the Zoom account that made this meeting is no longer configured here", .retry_after_ms = -1};
        return;
    }
    mp_account_call(ctx, (size_t)meeting->account, meeting->host, mp_monotonic_ms() + RECORDING_CALL_MS, fn, call, res);
}

void recording_fetch(struct mp_ctx *ctx, const struct mp_meeting *meeting, const char *id, struct mp_zoom_recording *out, bool *none,
                     struct mp_zoom_result *res)
{
    struct call call = {.id = id, .recording = out};

    *out = (struct mp_zoom_recording){.starts_at = -1};
    run(ctx, meeting, do_fetch, &call, res);
    *none = call.none;
}

void recording_instances(struct mp_ctx *ctx, const struct mp_meeting *meeting, struct mp_zoom_instances *out, struct mp_zoom_result *res)
{
    struct call call = {.zoom_id = meeting->row.zoom_id, .instances = out};

    *out = (struct mp_zoom_instances){0};
    run(ctx, meeting, do_instances, &call, res);
}

void recording_token(struct mp_ctx *ctx, const struct mp_meeting *meeting, const struct mp_secret *refused, struct mp_secret *out,
                     struct mp_zoom_result *res)
{
    struct call call = {.refused = refused, .token = out};

    run(ctx, meeting, do_token, &call, res);
}

void recording_trash(struct mp_ctx *ctx, const struct mp_meeting *meeting, const char *uuid, const char *file_id, struct mp_zoom_result *res)
{
    struct call call = {.id = uuid, .file_id = file_id};

    run(ctx, meeting, do_trash, &call, res);
}
