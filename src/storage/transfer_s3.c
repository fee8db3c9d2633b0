#include <string.h>

#include "meetpool/clock.h"
#include "transfer_int.h"

#define PART_DEADLINE_MS (10u * 60 * 1000)
#define ANSWER_MOST      ((size_t)64 * 1024)

/* ---- Sending ---- */

/* Signed anew for each try: a signature is good for minutes only. */
static void make_request(struct run *run, const struct buffer *buffer, struct mp_http_request *out)
{
    struct mp_http_header query[] = {{"partNumber", mp_arena_printf(buffer->arena, "%lld", (long long)buffer->number)}, {"uploadId", run->upload_id}};

    mp_s3_request(run->storage, buffer->arena, "PUT", run->spec->key, query, run->single ? 0 : MP_COUNT(query),
                  run->single ? run->spec->content_type : NULL, buffer->sha256, out);
    out->body = (struct mp_slice){(const char *)buffer->bytes, buffer->len};
    out->timeout_ms = PART_DEADLINE_MS;
    out->answer_most_bytes = ANSWER_MOST;
}

void s3_send(struct run *run, struct buffer *buffer)
{
    struct mp_stream_request req = {.slow_bytes_per_s = TRANSFER_SLOW_BYTES, .slow_s = run->stall_s};

    mp_arena_clear(buffer->arena);
    make_request(run, buffer, &req.call);
    buffer->state = BUFFER_SENDING;
    buffer->put = mp_stream_start(run->storage->http, buffer->arena, &req);
}

/* ---- What the server says ---- */

/* Whether the same request may yet be taken: the server has trouble, or what came there is not what left here. */
static bool is_worth_repeating(const struct mp_http_response *res, const char *code)
{
    static const char *const passing[] = {"RequestTimeout", "SlowDown",      "BadDigest",          "XAmzContentSHA256Mismatch",
                                          "IncompleteBody", "InternalError", "ServiceUnavailable", "OperationAborted",
                                          "Throttling"};

    if (res->call != MP_CALL_ANSWERED || res->status == 408 || res->status == 429 || (res->status >= 500 && res->status != 501 && res->status != 507))
        return true;
    for (size_t i = 0; i < MP_COUNT(passing); i++)
        if (strcmp(code, passing[i]) == 0)
            return true;
    return res->status >= 200 && res->status < 300; /* without an ETag: no server, but something between */
}

static const char *explain(struct mp_arena *arena, const struct mp_http_response *res, const char *code)
{
    if (res->call == MP_CALL_NOT_SENT)
        return "the storage cannot be reached";
    if (res->call == MP_CALL_MAYBE_DONE && res->status == 0)
        return "the storage did not answer";
    return mp_arena_printf(arena, "the storage answered %u%s%s", res->status, *code ? " " : "", code);
}

static void send_again(struct run *run, struct buffer *buffer, const struct mp_http_response *res, const char *why)
{
    int64_t wait_ms = mp_http_retry_after_ms(res, mp_now_ms());

    if (++buffer->tries >= TRANSFER_SINK_TRIES || wait_ms > TRANSFER_WAIT_MOST_MS) {
        if (wait_ms > run->res->retry_after_ms && !run->over)
            run->res->retry_after_ms = wait_ms;
        transfer_end_away(run, MP_TRANSFER_SINK_FAILS, res->call != MP_CALL_ANSWERED || res->status == 429 || res->status >= 500, why);
        return;
    }
    if (wait_ms < 0)
        wait_ms = transfer_backoff_ms(buffer->tries);
    buffer->not_before_ms = mp_monotonic_ms() + wait_ms;
    buffer->state = BUFFER_FULL;
}

/* A signature that the clocks spoiled: any call of the storage's sets its clock right. */
static bool was_clock_wrong(struct run *run, const struct mp_http_response *res)
{
    int64_t before_ms = run->storage->skew_ms;
    struct mp_object object;
    struct mp_error err;

    if (res->call != MP_CALL_ANSWERED || res->status != 403)
        return false;
    mp_error_init(&err, run->arena);
    return mp_storage_stat(run->storage, run->arena, run->spec->key, &object, &err) >= -1 && run->storage->skew_ms != before_ms;
}

void s3_settle(struct run *run, struct buffer *buffer)
{
    const struct mp_http_response *res = mp_stream_answer(buffer->put);
    const char *etag = NULL, *code = "";

    buffer->put = NULL;
    if (res->call == MP_CALL_ANSWERED && res->status == 200)
        etag = mp_s3_etag(buffer->arena, mp_http_header_get(res, "ETag"));
    else if (res->call == MP_CALL_ANSWERED)
        code = mp_s3_error_code(buffer->arena, res->body);
    if (etag)
        transfer_stored(run, buffer, etag);
    else if (!run->single && res->call == MP_CALL_ANSWERED && res->status == 404 && strcmp(code, "NoSuchBucket") != 0)
        transfer_anew(run, MP_TRANSFER_SINK_FAILS, "the storage does not know the upload any more");
    else if (is_worth_repeating(res, code) || was_clock_wrong(run, res))
        send_again(run, buffer, res, explain(run->arena, res, code));
    else
        transfer_end(run, MP_TRANSFER_SINK_REFUSES, "%s", explain(run->arena, res, code));
}
