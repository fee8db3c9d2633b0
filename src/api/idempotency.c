#include <string.h>

#include "api_int.h"
#include "meetpool/buf.h"
#include "meetpool/clock.h"
#include "meetpool/json.h"
#include "meetpool/log.h"
#include "meetpool/store_idempotency.h"

#define KEY_MOST     255
#define LEASE_MS     45000
#define WAIT_MS      30000
#define POLL_MS      75
#define ANSWER_MOST  (8 * 1024 * 1024) /* sealed it still fits the column and a packet of the data base, 16 MiB */
#define SEALED_EXTRA 1024

/* What is given again beside the body. */
static const char *const kept_headers[] = {"Content-Type", "Location", "Retry-After", "Referrer-Policy", "Set-Cookie"};

struct attempt {
    struct mp_idempotency_key key;
    struct mp_idempotency_terms terms;
    struct mp_idempotency_claim claim;
    const char *context; /* of the sealed answer */
};

static bool key_valid(const char *key)
{
    size_t len = strlen(key);

    for (size_t i = 0; i < len; i++)
        if (key[i] < 0x20 || key[i] > 0x7e)
            return false;
    return len >= 1 && len <= KEY_MOST;
}

/* A key belongs to its user and route. Lengths stand before the texts, so that no two lists agree. */
static void attempt_init(struct attempt *attempt, const struct mp_exchange *ex, const char *key)
{
    const struct mp_request *req = &ex->req;
    const char *scope = mp_arena_printf(req->arena, "%zu:%s|%s|%s|%zu:%s|%s", strlen(req->user.sub), req->user.sub, req->method, ex->route->path,
                                        strlen(req->path), req->path, key);

    mp_sha256(mp_slice_of(scope), attempt->key.hash);
    mp_sha256(req->body, attempt->key.body);
    attempt->terms = (struct mp_idempotency_terms){ex->ctx->owner, LEASE_MS, ex->api->conf.idempotency_ttl_s * 1000};
    attempt->context = mp_arena_printf(req->arena, "idempotency|%s", mp_hex(req->arena, attempt->key.hash, sizeof(attempt->key.hash)));
}

/* A connection that broke since the last request is opened again by the second try; the row that the first may have left is our own. */
static int take(struct mp_exchange *ex, struct attempt *attempt, struct mp_error *err)
{
    int rc = mp_store_idempotency_take(ex->ctx->db, ex->req.arena, &attempt->key, &attempt->terms, &attempt->claim, err);

    if (rc == 0 || err->code != MP_E_UNAVAILABLE)
        return rc;
    mp_error_reset(err);
    return mp_store_idempotency_take(ex->ctx->db, ex->req.arena, &attempt->key, &attempt->terms, &attempt->claim, err);
}

static bool owner_is_dead(const struct mp_ctx *ctx, const char *owner)
{
    return ctx->owner_is_dead != NULL && ctx->owner_is_dead(ctx->owner_arg, owner);
}

/* Until the key is ours or has its answer. */
static int take_or_wait(struct mp_exchange *ex, struct attempt *attempt, struct mp_error *err)
{
    int64_t until_ms = mp_monotonic_ms() + WAIT_MS;

    for (;;) {
        struct mp_arena_mark mark = mp_arena_mark(ex->req.arena);
        if (take(ex, attempt, err) < 0)
            return -1;
        if (attempt->claim.state != MP_IDEMPOTENCY_RUNNING)
            return 0;
        if (owner_is_dead(ex->ctx, attempt->claim.owner)) {
            int rc = mp_store_idempotency_seize(ex->ctx->db, &attempt->key, &attempt->terms, &attempt->claim, err);
            if (rc != 0)
                return rc < 0 ? -1 : 0;
        }
        if (mp_monotonic_ms() >= until_ms) {
            err->retry_after_s = 5;
            return mp_fail_log(err, MP_E_IDEM_RUNNING, "owner %s", attempt->claim.owner);
        }
        mp_arena_rewind(ex->req.arena, mark);
        mp_sleep_ms(POLL_MS);
    }
}

static struct mp_slice pack_answer(const struct mp_exchange *ex, const struct attempt *attempt)
{
    struct mp_buf buf;
    struct mp_slice body = ex->answer->body;

    if (body.len > ANSWER_MOST)
        body = mp_slice_of("{\"success\":true,\"message\":\"Done before; that answer was too long to keep.\",\"data\":{}}");
    mp_buf_init(&buf, ex->req.arena, ANSWER_MOST + 16 * SEALED_EXTRA);
    for (size_t i = 0; i < MP_COUNT(kept_headers); i++) {
        const char *value = mp_answer_header_get(ex->answer, kept_headers[i]);
        mp_buf_addf(&buf, "%s\n", value != NULL ? value : "");
    }
    mp_buf_add_slice(&buf, body);
    /* An answer may hold a start URL, which lets whoever has it act as the host. */
    return mp_slice_of(mp_keyring_seal(ex->ctx->keyring, ex->req.arena, attempt->context, mp_buf_slice(&buf)));
}

static int replay(struct mp_exchange *ex, const struct attempt *attempt, struct mp_error *err)
{
    struct mp_secret plain;
    struct mp_slice rest, line;

    if (mp_keyring_open(ex->ctx->keyring, ex->req.arena, attempt->context, attempt->claim.answer, &plain, err) < 0)
        return -1;
    rest = mp_secret_expose(&plain);
    for (size_t i = 0; i < MP_COUNT(kept_headers) && mp_slice_split(&rest, '\n', &line); i++)
        if (line.len > 0)
            mp_answer_header(ex->answer, ex->req.arena, kept_headers[i], mp_arena_strndup(ex->req.arena, line));
    mp_answer_header(ex->answer, ex->req.arena, "Idempotency-Replayed", "true");
    ex->answer->status = attempt->claim.status;
    ex->answer->body = rest;
    return 0;
}

enum ending { ENDING_KEEP, ENDING_DROP, ENDING_RELEASE };

/* A refusal changed nothing: the key is free again, for a mended body too. A failure on our side may have done something: the next try finds the same
 * unit of work. Everything else is an answer. */
static enum ending ending_of(const struct mp_error *err)
{
    switch (err->code) {
    case MP_E_MALFORMED:
    case MP_E_BAD_REQUEST:
    case MP_E_UNAUTHORIZED:
    case MP_E_FORBIDDEN:
    case MP_E_NOT_FOUND:
    case MP_E_METHOD:
    case MP_E_TOO_LARGE:
    case MP_E_MEDIA_TYPE:
    case MP_E_INVALID:
        return ENDING_DROP;
    case MP_E_RATE_LIMITED:
    case MP_E_INTERNAL:
    case MP_E_UNAVAILABLE:
    case MP_E_UNCERTAIN:
    case MP_E_CONFIG:
        return ENDING_RELEASE;
    default:
        return ENDING_KEEP;
    }
}

static int end_once(struct mp_exchange *ex, const struct attempt *attempt, enum ending ending, struct mp_slice answer, struct mp_error *err)
{
    struct mp_db *db = ex->ctx->db;

    if (ending == ENDING_DROP)
        return mp_store_idempotency_drop(db, &attempt->key, &attempt->claim, err);
    if (ending == ENDING_RELEASE)
        return mp_store_idempotency_release(db, &attempt->key, &attempt->claim, err);
    return mp_store_idempotency_keep(db, &attempt->key, &attempt->claim, ex->answer->status, answer, err);
}

/* The answer stands whether or not it could be kept: without it the lease runs out and the next try does the same unit of work. */
static void end_attempt(struct mp_exchange *ex, const struct attempt *attempt, const struct mp_error *outcome)
{
    enum ending ending = ending_of(outcome);
    struct mp_slice answer = {0};
    struct mp_error err;
    int rc;

    mp_error_init(&err, ex->req.arena);
    if (ending == ENDING_KEEP)
        answer = pack_answer(ex, attempt);
    rc = end_once(ex, attempt, ending, answer, &err);
    if (rc < 0 && err.code == MP_E_UNAVAILABLE) {
        mp_error_reset(&err);
        rc = end_once(ex, attempt, ending, answer, &err);
    }
    if (rc <= 0)
        mp_log(ex->ctx->log, MP_WARNING, "idempotency.not_kept", MP_STR("reason", rc == 0 ? "taken over meanwhile" : err.detail),
               MP_STR("unit", attempt->claim.unit));
}

static int run_once(struct mp_exchange *ex, const struct attempt *attempt, int (*run)(struct mp_exchange *ex, struct mp_error *err),
                    struct mp_error *err)
{
    int rc;

    ex->ctx->unit_key = attempt->claim.unit;
    rc = run(ex, err);
    ex->ctx->unit_key = NULL;
    end_attempt(ex, attempt, err);
    return rc;
}

int mp_idempotent(struct mp_exchange *ex, int (*run)(struct mp_exchange *ex, struct mp_error *err), struct mp_error *err)
{
    const char *key = mp_request_header(&ex->req, "Idempotency-Key");
    struct attempt attempt = {0};

    if (key == NULL || strcmp(ex->req.method, "POST") != 0 || ex->req.user.sub == NULL)
        return run(ex, err);
    if (!key_valid(key)) {
        mp_error_field(err, "Idempotency-Key", "must be 1 to %d printable ASCII characters", KEY_MOST);
        return -1;
    }
    attempt_init(&attempt, ex, key);
    if (take_or_wait(ex, &attempt, err) < 0)
        return -1;
    if (attempt.claim.state == MP_IDEMPOTENCY_MISMATCH)
        return mp_fail_log(err, MP_E_IDEM_MISMATCH, "another body under the key");
    if (attempt.claim.state == MP_IDEMPOTENCY_DONE)
        return replay(ex, &attempt, err);
    return run_once(ex, &attempt, run, err);
}
