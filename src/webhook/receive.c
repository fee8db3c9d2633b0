#include <stdio.h>
#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "meetpool/json.h"
#include "webhook_int.h"

/* Zoom wants its answer within three seconds, connections and a second try included. */
#define HURRY_MS 900
/* Where the database did not answer within that, it is not asked again for so long: workers are there for others, too. */
#define AWAY_MS 1500
/* Zoom's clock may be so far ahead of ours. */
#define AHEAD_S 300
/* Forgeries are counted in the database, but do not cost a write each. */
#define COUNT_EVERY_MS 50

/* ---- The signature ---- */

static bool signed_by(struct mp_arena *arena, const struct mp_secret *secret, struct mp_slice text, const char *signature)
{
    unsigned char mac[32];
    const char *wanted;

    if (!mp_secret_is_set(secret))
        return false;
    mp_hmac_sha256(mp_secret_expose(secret), text, mac);
    wanted = mp_arena_printf(arena, "v0=%s", mp_hex(arena, mac, sizeof(mac)));
    return strlen(signature) == strlen(wanted) && mp_equal_constant_time(signature, wanted, strlen(wanted));
}

/* What Zoom signs. The arena's own copy: the body is taken as it came. */
static struct mp_slice signed_text(struct mp_arena *arena, const struct mp_webhook_delivery *delivery)
{
    size_t stamp_len = strlen(delivery->timestamp), len = 3 + stamp_len + 1 + delivery->body.len;
    char *text = mp_arena_alloc(arena, len + 1);

    memcpy(text, "v0:", 3);
    memcpy(text + 3, delivery->timestamp, stamp_len);
    text[3 + stamp_len] = ':';
    if (delivery->body.len > 0)
        memcpy(text + 4 + stamp_len, delivery->body.p, delivery->body.len);
    return (struct mp_slice){text, len};
}

const struct mp_secret *webhook_verify(struct mp_arena *arena, const struct mp_webhook_app *app, const struct mp_webhook_delivery *delivery,
                                       int64_t *stamp_s, struct mp_error *err)
{
    const struct mp_secret *by = NULL;
    unsigned long long stamp;
    struct mp_slice text;

    if (delivery->signature == NULL || delivery->timestamp == NULL || !mp_slice_to_u64(mp_slice_of(delivery->timestamp), MP_TIME_MAX_MS, &stamp)) {
        mp_fail(err, MP_E_UNAUTHORIZED, "The request must bear x-zm-signature, and x-zm-request-timestamp in seconds.");
        return NULL;
    }
    text = signed_text(arena, delivery);
    if (signed_by(arena, &app->secret, text, delivery->signature))
        by = &app->secret;
    else if (signed_by(arena, &app->former, text, delivery->signature))
        by = &app->former;
    if (by == NULL)
        mp_fail(err, MP_E_UNAUTHORIZED, "The signature is not that of this address' app.");
    *stamp_s = (int64_t)stamp;
    return by;
}

bool webhook_in_time(int64_t stamp_s, int64_t tolerance_s, int64_t now_s)
{
    return stamp_s >= now_s - tolerance_s && stamp_s <= now_s + AHEAD_S;
}

/* ---- The database, in a hurry ---- */

static void hurry(struct mp_ctx *ctx, bool begin)
{
    mp_db_hurry(ctx->db, begin ? HURRY_MS : 0);
}

/*
 * Zoom does not try again what was refused: before a good signature is, the database's clock is asked, too. Where it cannot be asked the event may
 * come again.
 */
static int check_time(struct mp_ctx *ctx, int64_t stamp_s, struct mp_error *err)
{
    int64_t tolerance_s = ctx->webhook_conf->tolerance_s, database_ms, now_ms = mp_now_ms();
    struct mp_webhook_runtime *runtime = ctx->webhook_conf->runtime;
    int rc;

    if (webhook_in_time(stamp_s, tolerance_s, now_ms / 1000))
        return 0;
    if (mp_monotonic_ms() < runtime->away_until_ms)
        return mp_fail_log(err, MP_E_UNAVAILABLE, "the database did not answer just now");
    hurry(ctx, true);
    rc = mp_db_now(ctx->db, &database_ms, err);
    hurry(ctx, false);
    if (rc < 0)
        return -1;
    if (!webhook_in_time(stamp_s, tolerance_s, database_ms / 1000))
        return mp_fail(err, MP_E_UNAUTHORIZED, "The timestamp is too old, or ahead of this server's clock.");
    if (!runtime->clock_told)
        mp_log(ctx->log, MP_WARNING, "webhook.clock", MP_INT("behind_database_ms", database_ms - now_ms),
               MP_STR("detail", "by this machine's clock it would have been refused: let it keep time by NTP"));
    runtime->clock_told = true;
    return 0;
}

/* Counted at once while there are few, later while there are many; what could not be written down is not lost to the log. */
static void count_refusal(struct mp_ctx *ctx, const struct mp_webhook_app *app)
{
    struct mp_webhook_runtime *runtime = ctx->webhook_conf->runtime;
    int64_t *refused = &runtime->refused[app - ctx->webhook_conf->apps];
    int64_t now_ms = mp_monotonic_ms();
    struct mp_error err;

    (*refused)++;
    if (now_ms < runtime->away_until_ms || now_ms - runtime->refused_ms < COUNT_EVERY_MS)
        return;
    runtime->refused_ms = now_ms;
    mp_error_init(&err, ctx->arena);
    hurry(ctx, true);
    if (mp_store_webhook_refused(ctx->db, app->name, *refused, &err) == 0)
        *refused = 0;
    hurry(ctx, false);
}

static int store(struct mp_ctx *ctx, const struct mp_webhook_delivery *delivery, const struct webhook_event *event, struct mp_error *err)
{
    struct mp_webhook_runtime *runtime = ctx->webhook_conf->runtime;
    bool usable = webhook_event_usable(event);
    const struct mp_webhook_row row = {
        .app = delivery->app,
        .body_hash = mp_sha256_hex(ctx->arena, delivery->body),
        .event = event->name,
        .event_at = event->at,
        .subject = webhook_event_subject(ctx->arena, event),
        .instance = event->uuid,
        .body = webhook_event_encode(ctx->arena, event),
        .state = event->kind == WEBHOOK_OTHER || !usable ? MP_WEBHOOK_IGNORED : MP_WEBHOOK_STORED,
        .error = event->kind == WEBHOOK_OTHER ? "nothing is done about such an event"
                 : !usable                    ? "it does not say what it is about"
                                              : NULL,
    };
    int64_t began_ms = mp_monotonic_ms();
    int rc;

    if (began_ms < runtime->away_until_ms)
        return mp_fail_log(err, MP_E_UNAVAILABLE, "the database did not answer just now");
    hurry(ctx, true);
    rc = mp_store_webhook_add(ctx->db, ctx->arena, &row, err);
    hurry(ctx, false);
    if (rc < 0 && mp_monotonic_ms() - began_ms >= HURRY_MS)
        runtime->away_until_ms = mp_monotonic_ms() + AWAY_MS;
    return rc;
}

/* Answered whether or not the database does: six in a row that are not answered, and Zoom switches the subscription off. */
static const char *answer_challenge(struct mp_ctx *ctx, const struct mp_webhook_app *app, const struct mp_secret *by, const char *plain_token)
{
    struct json_object *answer = mp_json_object(ctx->arena);
    struct mp_error err;
    unsigned char mac[32];

    mp_hmac_sha256(mp_secret_expose(by), mp_slice_of(plain_token), mac);
    mp_json_put_text(answer, "plainToken", plain_token);
    mp_json_put_text(answer, "encryptedToken", mp_hex(ctx->arena, mac, sizeof(mac)));
    if (mp_monotonic_ms() >= ctx->webhook_conf->runtime->away_until_ms) {
        mp_error_init(&err, ctx->arena);
        hurry(ctx, true);
        if (mp_store_webhook_challenged(ctx->db, app->name, &err) < 0)
            mp_log(ctx->log, MP_WARNING, "webhook.challenge_not_noted", MP_STR("app", app->name), MP_STR("detail", err.detail));
        hurry(ctx, false);
    }
    return mp_json_text(ctx->arena, answer);
}

static int receive(struct mp_ctx *ctx, const struct mp_webhook_app *app, const struct mp_webhook_delivery *delivery, const char **challenge,
                   struct mp_error *err)
{
    const struct mp_secret *by;
    struct webhook_event event;
    int64_t stamp_s;

    *challenge = NULL;
    if (app == NULL)
        return mp_fail(err, MP_E_NOT_FOUND, "No secret token of a Zoom app is configured for this address.");
    by = webhook_verify(ctx->arena, app, delivery, &stamp_s, err);
    if (by == NULL || check_time(ctx, stamp_s, err) < 0) {
        if (err->code == MP_E_UNAUTHORIZED)
            count_refusal(ctx, app);
        return -1;
    }
    if (webhook_event_decode(ctx->arena, delivery->body, &event, err) < 0)
        return -1;
    if (event.kind != WEBHOOK_CHALLENGE)
        return store(ctx, delivery, &event, err);
    if (event.plain_token == NULL)
        return mp_fail(err, MP_E_MALFORMED, "A validation must bear payload.plainToken.");
    *challenge = answer_challenge(ctx, app, by, event.plain_token);
    return 0;
}

int mp_webhook_receive(struct mp_ctx *ctx, const struct mp_webhook_delivery *delivery, const char **challenge, struct mp_error *err)
{
    const struct mp_webhook_app *app = webhook_app(ctx->webhook_conf, delivery->app);
    int rc = receive(ctx, app, delivery, challenge, err);
    const char *outcome = rc < 0 ? mp_error_name(err->code) : *challenge != NULL ? "validated" : "stored";

    mp_metric_add(ctx->log->metrics, MP_METRIC_WEBHOOKS, app != NULL ? mp_webhook_app_label(app->name) : "unknown", outcome, 1);
    return rc;
}
