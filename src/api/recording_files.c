#include <string.h>

#include "api_int.h"
#include "meetpool/clock.h"
#include "meetpool/storage.h"

/*
 * Links to recordings in the local folder. nginx does the lifting: it serves what X-Accel-Redirect names, and receives an upload into a file of its
 * own after it has asked here whether the link is good. What it says of that file comes in headers that nobody outside can set.
 */
#define PLACE          "/.meetpool/recordings/"
#define BODY_FILE      "X-Meetpool-Body-File" /* "check": nothing was received yet */
#define BODY_LENGTH    "X-Meetpool-Body-Length"
#define UPLOAD_MOST_MS MP_DAY_MS

static struct mp_storage_link link_of(const struct mp_request *req, const char *method)
{
    return (struct mp_storage_link){.method = method,
                                    .key = req->params[0],
                                    .expires = mp_request_query(req, "expires"),
                                    .signature = mp_request_query(req, "signature"),
                                    .size = mp_request_query(req, "size"),
                                    .name = mp_request_query(req, "name"),
                                    .type = mp_request_query(req, "type")};
}

static int refuse(struct mp_error *err)
{
    return mp_fail(err, MP_E_FORBIDDEN, "This link is not good, or not any more: ask for a new one.");
}

/* The key's slashes stay; nginx decodes the rest. */
static char *place_of(struct mp_arena *arena, const char *key)
{
    struct mp_slice rest = mp_slice_of(key), segment;
    char *out = mp_arena_strdup(arena, PLACE);

    while (mp_slice_split(&rest, '/', &segment))
        out = mp_arena_printf(arena, "%s%s%s", out, mp_url_encode(arena, segment), rest.len > 0 ? "/" : "");
    return out;
}

static int file_read(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const struct mp_storage_link link = link_of(req, "GET");
    struct mp_object object;
    int rc;

    if (!mp_storage_link_check(ctx->storage, req->arena, &link, mp_now_ms()))
        return refuse(err);
    rc = mp_storage_stat(ctx->storage, req->arena, link.key, &object, err);
    if (rc <= 0)
        return rc < 0 ? -1 : mp_fail(err, MP_E_NOT_FOUND, "This recording is not there any more.");
    res->raw = "";
    res->raw_type = link.type;
    mp_response_header(res, "Content-Disposition", mp_storage_disposition(req->arena, link.name));
    mp_response_header(res, "X-Accel-Redirect", place_of(req->arena, link.key));
    return 0;
}

/* Before anything is received: the link, and the length where it is told. */
static int check_upload(struct mp_ctx *ctx, const struct mp_request *req, const struct mp_storage_link *link, struct mp_response *res,
                        struct mp_error *err)
{
    const char *length = mp_request_header(req, BODY_LENGTH);

    if (!mp_storage_link_check(ctx->storage, req->arena, link, mp_now_ms()) || (length != NULL && *length != '\0' && strcmp(length, link->size) != 0))
        return refuse(err);
    res->status = 204;
    return 0;
}

static int file_write(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const struct mp_storage_link link = link_of(req, "PUT");
    const char *file = mp_request_header(req, BODY_FILE);
    unsigned long long size;

    if (file != NULL && strcmp(file, "check") == 0)
        return check_upload(ctx, req, &link, res, err);
    /* It was good when the first byte came: a long upload does not fail at its end. */
    if (!mp_storage_link_check(ctx->storage, req->arena, &link, mp_now_ms() - UPLOAD_MOST_MS) ||
        !mp_slice_to_u64(mp_slice_of(link.size), INT64_MAX, &size))
        return refuse(err);
    if (file == NULL || *file == '\0')
        return mp_fail(err, MP_E_INVALID, "The file has 0 bytes; %llu were announced.", size);
    if (mp_storage_take_file(ctx->storage, req->arena, file, (int64_t)size, link.key, err) < 0)
        return -1;
    res->message = "Uploaded";
    return 0;
}

static const struct mp_route rows[] = {
    {"GET", "recordings/file/{key}", 0, MP_ROUTE_PUBLIC, file_read},
    {"PUT", "recordings/file/{key}", 0, MP_ROUTE_PUBLIC | MP_ROUTE_RAW | MP_ROUTE_SLOW, file_write},
};
const struct mp_route_table mp_recording_file_routes = {rows, MP_COUNT(rows)};
