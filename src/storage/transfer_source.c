#include <string.h>

#include "meetpool/clock.h"
#include "transfer_int.h"

#define HOPS_MOST        5
#define DOWNLOAD_MOST_MS (24u * 3600 * 1000)
#define IGNORED_MOST     ((size_t)64 * 1024)

/* ---- Asking ---- */

/* Where a hop may lead: into the Internet, or to where the first one led already; then to this machine itself even without TLS. */
static bool may_follow(const struct run *run, const struct mp_url *to)
{
    return strcmp(to->scheme, "https") == 0 || (mp_url_is_loopback(to) && run->source.first_address == MP_ADDRESS_LOOPBACK);
}

static size_t make_range(struct run *run, struct mp_http_header out[2])
{
    struct source *source = &run->source;

    source->asked_from = source->taken;
    if (source->asked_from == 0)
        return 0;
    out[0] = (struct mp_http_header){"Range", mp_arena_printf(source->arena, "bytes=%lld-", (long long)source->asked_from)};
    out[1] = (struct mp_http_header){"If-Range", source->etag};
    return source->etag ? 2 : 1;
}

static unsigned slow_limit(const struct mp_transfer *spec)
{
    int64_t quarter = spec->bytes_per_s / 4;

    if (spec->bytes_per_s <= 0 || quarter >= TRANSFER_SLOW_BYTES)
        return TRANSFER_SLOW_BYTES;
    return quarter > 0 ? (unsigned)quarter : 1;
}

/* ---- Not faster than allowed ---- */

/* What was taken since `paced_from_ms` is held against what the limit gives for that time; what was not used up is kept for a second only. */
static bool may_take_now(struct run *run)
{
    struct source *source = &run->source;
    int64_t now_ms = mp_monotonic_ms(), rate = run->spec->bytes_per_s, due_ms;

    if (rate <= 0)
        return true;
    due_ms = source->paced_from_ms + source->paced_bytes / rate * 1000 + source->paced_bytes % rate * 1000 / rate;
    if (source->paced_from_ms == 0 || now_ms - due_ms > 1000) {
        source->paced_from_ms = now_ms - (source->paced_from_ms == 0 ? 0 : 1000);
        source->paced_bytes = 0;
        return true;
    }
    return now_ms >= due_ms;
}

void source_go_on(struct run *run)
{
    struct source *source = &run->source;

    if (!source->waiting || !may_take_now(run))
        return;
    source->waiting = false;
    mp_stream_go_on(source->stream);
}

static enum mp_stream_take on_bytes(void *arg, const struct mp_http_response *head, struct mp_slice bytes);

static void ask(struct run *run)
{
    struct source *source = &run->source;
    struct mp_http_header *headers = mp_arena_array(source->arena, 2, sizeof(*headers));
    struct mp_stream_request req = {.slow_bytes_per_s = slow_limit(run->spec), .slow_s = run->stall_s};
    struct mp_url url;

    source->head_taken = source->waiting = false;
    source->ignored = 0;
    req.call = (struct mp_http_request){.method = "GET", .url = source->url, .headers = headers, .timeout_ms = DOWNLOAD_MOST_MS};
    req.call.headers_count = make_range(run, headers);
    if (run->spec->bearer && run->spec->may_have_bearer && mp_url_parse(source->arena, source->url, &url) &&
        run->spec->may_have_bearer(run->spec->arg, &url))
        req.call.bearer = run->spec->bearer;
    req.addresses = source->hops == 0 ? 0 : MP_ADDRESS_PUBLIC | (unsigned)source->first_address;
    req.take = on_bytes;
    req.arg = run;
    source->stream = mp_stream_start(run->storage->http, source->arena, &req);
}

void source_start(struct run *run)
{
    struct source *source = &run->source;

    mp_arena_clear(source->arena);
    source->url = run->spec->url;
    source->hops = 0;
    ask(run);
}

void source_drop(struct run *run)
{
    mp_stream_drop(run->source.stream);
    run->source.stream = NULL;
}

/* ---- The head of an answer that may be the file ---- */

static void end_as_page(struct run *run)
{
    transfer_end(run, MP_TRANSFER_SOURCE_AUTH, "a page came instead of the file, perhaps one to sign in");
}

static bool fits_promise(struct run *run, int64_t size)
{
    struct source *source = &run->source;

    if (source->total >= 0 && source->total != size) {
        if (run->spec->size >= 0 || source->asked_from == 0)
            transfer_end(run, MP_TRANSFER_SOURCE_BAD, "the file has %lld bytes, not the %lld that were promised", (long long)size,
                         (long long)source->total);
        else
            source->start_anew = true;
        return false;
    }
    source->total = size;
    return true;
}

static bool take_length(struct run *run, const struct mp_http_response *head)
{
    unsigned long long length;

    if (!mp_slice_to_u64(mp_slice_of(mp_http_header_get(head, "Content-Length")), INT64_MAX, &length))
        return true;
    return fits_promise(run, (int64_t)length);
}

static bool take_range(struct run *run, const struct mp_http_response *head)
{
    struct source *source = &run->source;
    int64_t from, to, total;

    if (transfer_range_read(mp_http_header_get(head, "Content-Range"), &from, &to, &total) && from == source->asked_from && source->asked_from > 0)
        return total < 0 || fits_promise(run, total);
    source->start_anew = source->no_ranges = true;
    return false;
}

static void keep_etag(struct run *run, const struct mp_http_response *head)
{
    const char *etag = mp_http_header_get(head, "ETag");

    run->source.etag = etag && *etag == '"' ? mp_arena_strdup(run->arena, etag) : NULL;
}

/* Whether what follows is the file, from where it was asked for. */
static bool take_head(struct run *run, const struct mp_http_response *head)
{
    struct source *source = &run->source;
    const char *encoding = mp_http_header_get(head, "Content-Encoding");

    if (transfer_type_is_html(mp_http_header_get(head, "Content-Type"))) {
        end_as_page(run);
        return false;
    }
    if (encoding && strcmp(encoding, "identity") != 0) {
        transfer_end(run, MP_TRANSFER_SOURCE_BAD, "the file comes in an encoding that was not asked for");
        return false;
    }
    if (head->status == 206)
        return take_range(run, head);
    if (source->asked_from > 0) { /* the whole instead: it takes no ranges, or the file is another now */
        source->start_anew = source->no_ranges = true;
        return false;
    }
    keep_etag(run, head);
    return take_length(run, head);
}

/* ---- Its body ---- */

static bool fits_kind(struct run *run)
{
    struct source *source = &run->source;
    const struct buffer *first = run->filling;
    size_t len = first ? first->len : 0;

    if (source->kind_checked || !first)
        return true;
    source->kind_checked = true;
    switch (
        transfer_kind(run->spec->extension, (struct mp_slice){(const char *)first->bytes, len < TRANSFER_KIND_BYTES ? len : TRANSFER_KIND_BYTES})) {
    case KIND_FITS:
        return true;
    case KIND_HTML:
        end_as_page(run);
        return false;
    case KIND_WRONG:
        break;
    }
    transfer_end(run, MP_TRANSFER_SOURCE_BAD, "what came is no %s file", run->spec->extension);
    return false;
}

static enum mp_stream_take take_bytes(struct run *run, struct mp_slice bytes)
{
    struct source *source = &run->source;

    if (source->total >= 0 && (int64_t)bytes.len > source->total - source->taken) {
        transfer_end(run, MP_TRANSFER_SOURCE_BAD, "the file is longer than the %lld bytes that were promised", (long long)source->total);
        return MP_STREAM_STOP;
    }
    source->waiting = !may_take_now(run) || !transfer_fill(run, bytes);
    if (source->waiting)
        return MP_STREAM_WAIT;
    source->paced_bytes += (int64_t)bytes.len;
    source->taken += (int64_t)bytes.len;
    if (source->taken >= TRANSFER_KIND_BYTES && !fits_kind(run))
        return MP_STREAM_STOP;
    return MP_STREAM_TAKEN;
}

static enum mp_stream_take on_bytes(void *arg, const struct mp_http_response *head, struct mp_slice bytes)
{
    struct run *run = arg;
    struct source *source = &run->source;

    if (run->over || run->drain)
        return MP_STREAM_STOP;
    if (head->status != 200 && head->status != 206) {
        source->ignored += bytes.len;
        return source->ignored > IGNORED_MOST ? MP_STREAM_STOP : MP_STREAM_TAKEN;
    }
    if (!source->head_taken && transfer_kind(NULL, bytes) == KIND_HTML) { /* whatever its head says */
        end_as_page(run);
        return MP_STREAM_STOP;
    }
    if (!source->head_taken && !take_head(run, head))
        return MP_STREAM_STOP;
    source->head_taken = true;
    return take_bytes(run, bytes);
}

/* ---- When an answer has ended ---- */

static void try_again(struct run *run, const struct mp_http_response *res, const char *problem)
{
    struct source *source = &run->source;
    int64_t wait_ms = mp_http_retry_after_ms(res, mp_now_ms());

    if (source->taken - source->taken_at_try >= (int64_t)run->part_bytes) {
        source->tries = 0;
        source->taken_at_try = source->taken;
    }
    if (++source->tries >= TRANSFER_SOURCE_TRIES || res->status == 429 || wait_ms > TRANSFER_WAIT_MOST_MS) {
        run->res->retry_after_ms = wait_ms;
        transfer_end_away(run, MP_TRANSFER_SOURCE_FAILS, !source->head_taken, problem);
        return;
    }
    source->not_before_ms = mp_monotonic_ms() + (wait_ms >= 0 ? wait_ms : transfer_backoff_ms(source->tries));
    if (source->no_ranges && source->taken > 0)
        transfer_anew(run, MP_TRANSFER_SOURCE_FAILS, problem);
}

static void follow(struct run *run, const struct mp_http_response *res)
{
    struct source *source = &run->source;
    const char *location = mp_http_header_get(res, "Location");
    struct mp_url url;

    if (source->hops == 0)
        source->first_address = mp_stream_address(source->stream);
    source->url = location ? mp_url_join(source->arena, source->url, location) : NULL;
    if (!source->url || !mp_url_parse(source->arena, source->url, &url))
        transfer_end(run, MP_TRANSFER_SOURCE_BAD, "the source redirects to no address");
    else if (++source->hops > HOPS_MOST)
        transfer_end(run, MP_TRANSFER_SOURCE_BAD, "the source redirects more than %d times", HOPS_MOST);
    else if (!may_follow(run, &url))
        transfer_end(run, MP_TRANSFER_SOURCE_BAD, "the source redirects to plain http");
    else
        ask(run);
}

/*
 * Neither Zoom nor the answer named a length, nor does its framing show its end (RFC 9112 section 6.3, number 8): it cannot be told from one that
 * broke off. So it is fetched once more, and is the file when it ends at the same place.
 */
static bool may_be_cut(struct run *run, const struct mp_http_response *res)
{
    struct source *source = &run->source;

    if (source->total >= 0 || mp_http_header_get(res, "Transfer-Encoding") || source->taken == run->seen_bytes)
        return false;
    run->seen_bytes = source->taken;
    return true;
}

/* The answer was taken whole, as far as HTTP can tell. */
static void finish(struct run *run, const struct mp_http_response *res)
{
    struct source *source = &run->source;

    if (!source->head_taken && !take_head(run, res)) /* an empty one: no byte brought the head along */
        return;
    if (source->total >= 0 && source->taken < source->total)
        try_again(run, res,
                  mp_arena_printf(run->arena, "the source broke off after %lld of %lld bytes", (long long)source->taken, (long long)source->total));
    else if (source->taken == 0)
        transfer_end(run, MP_TRANSFER_SOURCE_BAD, "the file is empty");
    else if (!fits_kind(run))
        return;
    else if (may_be_cut(run, res))
        transfer_anew(run, MP_TRANSFER_SOURCE_FAILS, "the source does not say how long the file is, and ends it elsewhere each time");
    else
        source->done = true;
}

/* Nothing lies behind what was taken: either that was all, or the file is another. */
static void take_no_more(struct run *run, const struct mp_http_response *res)
{
    struct source *source = &run->source;
    int64_t from, to, total;

    if (!transfer_range_read(mp_http_header_get(res, "Content-Range"), &from, &to, &total))
        total = -1;
    if (total >= 0 && run->spec->size >= 0 && total != run->spec->size)
        transfer_end(run, MP_TRANSFER_SOURCE_BAD, "the file has %lld bytes, not the %lld that were promised", (long long)total,
                     (long long)run->spec->size);
    else if (total == source->taken)
        source->done = true;
    else
        source->start_anew = source->no_ranges = true;
}

static void take_status(struct run *run, const struct mp_http_response *res)
{
    switch (res->status) {
    case 200:
    case 206:
        finish(run, res);
        break;
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        follow(run, res);
        break;
    case 401:
    case 403:
        transfer_end(run, MP_TRANSFER_SOURCE_AUTH, "the source answered %u", res->status);
        break;
    case 404:
    case 410:
        transfer_end(run, MP_TRANSFER_SOURCE_GONE, "the source answered %u", res->status);
        break;
    case 416:
        take_no_more(run, res);
        break;
    default:
        if (res->status == 408 || res->status == 429 || res->status >= 500)
            try_again(run, res, mp_arena_printf(run->arena, "the source answered %u", res->status));
        else
            transfer_end(run, MP_TRANSFER_SOURCE_BAD, "the source answered %u", res->status);
    }
}

static const char *explain_break(struct run *run, const struct mp_http_response *res)
{
    if (res->call == MP_CALL_NOT_SENT)
        return "the source cannot be reached";
    if (!run->source.head_taken)
        return "the source did not answer";
    return mp_arena_printf(run->arena, "the source broke off after %lld bytes", (long long)run->source.taken);
}

/* A redirect into a network of our own is not tried again: it was the source that said so. */
static bool was_kept_away(const struct run *run, const struct mp_stream *stream)
{
    return run->source.hops > 0 && mp_stream_kept_away(stream);
}

static void take_end(struct run *run, const struct mp_stream *stream)
{
    const struct mp_http_response *res = mp_stream_answer(stream);
    bool ours = res->status == 200 || res->status == 206;

    if (run->over || run->drain || run->source.start_anew)
        return;
    if (ours && run->source.head_taken && run->source.taken == run->source.total) /* whatever happened behind the last byte */
        finish(run, res);
    else if (res->call == MP_CALL_ANSWERED || (res->status > 0 && !ours))
        take_status(run, res);
    else if (was_kept_away(run, stream))
        transfer_end(run, MP_TRANSFER_SOURCE_BAD, "the source redirects into a network that is not public");
    else
        try_again(run, res, explain_break(run, res));
}

void source_settle(struct run *run)
{
    struct source *source = &run->source;
    struct mp_stream *stream = source->stream;

    if (stream && mp_stream_ended(stream)) {
        take_end(run, stream);
        if (source->stream == stream)
            source->stream = NULL;
    }
    if (source->start_anew && !run->over)
        transfer_anew(run, MP_TRANSFER_SOURCE_FAILS, "the source gave another file, or the whole instead of the rest");
}
