#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "meetpool/buf.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "storage_int.h"

#define LIST_TIMEOUT_MS     30000
#define COMPLETE_TIMEOUT_MS 120000 /* S3 puts the parts together before it answers */
#define PARTS_MOST          10000  /* S3's own limit */
#define PAGES_MOST          200
#define UPLOAD_ID_CHARS     1024
#define COMPLETE_MOST       ((size_t)4 * 1024 * 1024)
#define MD5_BYTES           16

/* An upload's id goes back to the server in addresses and into our own rows. */
static bool is_upload_id(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f)
            return false;
    return len > 0 && len <= UPLOAD_ID_CHARS;
}

/* The answer's root element of that name; NULL where it is something else. */
static const struct mp_xml *root_of(struct mp_arena *arena, const struct mp_http_response *res, const char *name)
{
    const struct mp_xml *root = mp_xml_parse(arena, res->body);

    return root && strcmp(root->name, name) == 0 ? root : NULL;
}

static int not_understood(const struct mp_s3_call *call, const struct mp_http_response *res, struct mp_error *err)
{
    return mp_fail_log(err, MP_E_UNAVAILABLE, "S3: %s %s: HTTP %u with a body that is not what it should be", call->method,
                       call->key ? call->key : "(bucket)", res->status);
}

int mp_s3_upload_begin(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *content_type, const char **upload_id,
                       struct mp_error *err)
{
    const struct mp_http_header query = {"uploads", ""};
    const struct mp_s3_call call = {.method = "POST", .key = key, .query = &query, .query_count = 1, .content_type = content_type};
    struct mp_http_response res;

    if (mp_s3_send(storage, arena, &call, &res, err) < 0)
        return -1;
    if (res.status != 200)
        return mp_s3_fail(arena, &call, &res, err);
    *upload_id = mp_xml_text(root_of(arena, &res, "InitiateMultipartUploadResult"), "UploadId");
    return is_upload_id(*upload_id) ? 0 : not_understood(&call, &res, err);
}

/* ---- Which parts there are ---- */

struct part_list {
    struct mp_part *parts;
    size_t count;
    const char *marker;
    bool more;
};

static bool read_part(struct mp_arena *arena, const struct mp_xml *from, struct mp_part *out)
{
    unsigned long long number, size;

    out->etag = mp_s3_etag(arena, mp_xml_text(from, "ETag"));
    if (!out->etag || !mp_slice_to_u64(mp_slice_of(mp_xml_text(from, "PartNumber")), PARTS_MOST, &number) || number == 0 ||
        !mp_slice_to_u64(mp_slice_of(mp_xml_text(from, "Size")), INT64_MAX, &size))
        return false;
    out->number = (int64_t)number;
    out->size = (int64_t)size;
    return true;
}

/* Adds a page of parts; they come in order. */
static bool read_parts(struct mp_arena *arena, const struct mp_xml *root, struct part_list *list)
{
    for (const struct mp_xml *part = mp_xml_child(root, "Part"); part; part = mp_xml_next(part)) {
        struct mp_part *to = &list->parts[list->count];

        if (list->count == PARTS_MOST || !read_part(arena, part, to) || (list->count > 0 && to->number <= to[-1].number))
            return false;
        list->count++;
    }
    list->marker = mp_xml_text(root, "NextPartNumberMarker");
    list->more = strcmp(mp_xml_text(root, "IsTruncated"), "true") == 0;
    return root && (!list->more || *list->marker);
}

int mp_s3_upload_parts(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, struct mp_part **parts,
                       size_t *count, struct mp_error *err)
{
    struct part_list list = {.parts = mp_arena_array(arena, PARTS_MOST, sizeof(struct mp_part)), .marker = "0", .more = true};

    for (unsigned page = 0; list.more && page < PAGES_MOST; page++) {
        const struct mp_http_header query[] = {{"uploadId", upload_id}, {"max-parts", "1000"}, {"part-number-marker", list.marker}};
        const struct mp_s3_call call = {.method = "GET", .key = key, .query = query, .query_count = page == 0 ? 2 : 3, .timeout_ms = LIST_TIMEOUT_MS};
        struct mp_http_response res;

        if (mp_s3_send(storage, arena, &call, &res, err) < 0)
            return -1;
        if (res.status == 404)
            return 0;
        if (res.status != 200)
            return mp_s3_fail(arena, &call, &res, err);
        if (!read_parts(arena, root_of(arena, &res, "ListPartsResult"), &list))
            return not_understood(&call, &res, err);
    }
    *parts = list.parts;
    *count = list.count;
    return 1;
}

/* ---- Putting them together ---- */

static bool read_hex(const char *text, unsigned char out[MD5_BYTES])
{
    static const char digits[] = "0123456789abcdef";

    if (strspn(text, digits) != (size_t)MD5_BYTES * 2 || text[(size_t)MD5_BYTES * 2] != '\0')
        return false;
    for (size_t i = 0; i < MD5_BYTES; i++)
        out[i] = (unsigned char)((strchr(digits, text[i * 2]) - digits) << 4 | (strchr(digits, text[i * 2 + 1]) - digits));
    return true;
}

/* The ETag that S3 gives to an object of these parts: the MD5 of their MD5s, and their number. NULL where the parts' are no MD5s. */
static const char *etag_of_parts(struct mp_arena *arena, const struct mp_part *parts, size_t count)
{
    unsigned char *sums = mp_arena_array(arena, count + 1, MD5_BYTES), whole[MD5_BYTES];

    for (size_t i = 0; i < count; i++)
        if (!read_hex(parts[i].etag, sums + i * MD5_BYTES))
            return NULL;
    if (!mp_md5((struct mp_slice){(const char *)sums, count * MD5_BYTES}, whole))
        return NULL;
    return mp_arena_printf(arena, "%s-%zu", mp_hex(arena, whole, sizeof(whole)), count);
}

/*
 * The answer was lost, or was no clear one: the object decides. One of the same size and another ETag may be an older one, so that it does not count;
 * where a server makes its ETags by a rule of its own, the file is brought once more. Otherwise `err` stays what it was.
 */
static int decide_by_object(struct mp_storage *storage, struct mp_arena *arena, const char *key, const struct mp_part *parts, size_t count,
                            struct mp_object *out, struct mp_error *err)
{
    const char *etag = etag_of_parts(arena, parts, count), *why = err->detail;
    enum mp_error_code otherwise = err->code;
    int64_t size = 0;
    int rc;

    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    mp_error_reset(err);
    rc = mp_s3_stat(storage, arena, key, out, err);
    if (rc < 0)
        return -1;
    if (rc > 0 && out->size == size && etag && out->etag && strcmp(etag, out->etag) == 0)
        return 0;
    return mp_fail_log(err, otherwise, "%s; and %s", why ? why : "S3: the end of an upload is not clear",
                       rc > 0 ? "what lies there is another object" : "there is no object");
}

static struct mp_slice complete_body(struct mp_arena *arena, const struct mp_part *parts, size_t count)
{
    struct mp_buf text;

    mp_buf_init(&text, arena, COMPLETE_MOST);
    mp_buf_add(&text, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < count; i++)
        mp_buf_addf(&text, "<Part><PartNumber>%" PRId64 "</PartNumber><ETag>\"%s\"</ETag></Part>", parts[i].number, parts[i].etag);
    mp_buf_add(&text, "</CompleteMultipartUpload>");
    return mp_buf_slice(&text);
}

int mp_s3_upload_complete(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, const struct mp_part *parts,
                          size_t count, struct mp_object *out, struct mp_error *err)
{
    const struct mp_http_header query = {"uploadId", upload_id};
    const struct mp_s3_call call = {.method = "POST",
                                    .key = key,
                                    .query = &query,
                                    .query_count = 1,
                                    .content_type = "application/xml",
                                    .body = complete_body(arena, parts, count),
                                    .timeout_ms = COMPLETE_TIMEOUT_MS};
    struct mp_http_response res;
    const struct mp_xml *root;

    if (mp_s3_send(storage, arena, &call, &res, err) < 0)
        return decide_by_object(storage, arena, key, parts, count, out, err);
    root = res.status == 200 ? root_of(arena, &res, "CompleteMultipartUploadResult") : NULL;
    if (root) {
        *out = (struct mp_object){.etag = mp_s3_etag(arena, mp_xml_text(root, "ETag"))};
        for (size_t i = 0; i < count; i++)
            out->size += parts[i].size;
        return 0;
    }
    /* 200 with an error, an upload that is gone (an earlier try may have done it), or the server is in trouble. */
    if (res.status == 200 && *mp_s3_error_code(arena, res.body) == '\0')
        (void)not_understood(&call, &res, err);
    else
        (void)mp_s3_fail(arena, &call, &res, err);
    if (res.status == 404 || (res.status == 200 && *mp_s3_error_code(arena, res.body) == '\0'))
        err->code = MP_E_UNAVAILABLE; /* from the start again; or no server said this, but something between */
    if (res.status == 200 || err->code == MP_E_UNAVAILABLE)
        return decide_by_object(storage, arena, key, parts, count, out, err);
    return -1;
}

int mp_s3_upload_abort(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, struct mp_error *err)
{
    const struct mp_http_header query = {"uploadId", upload_id};
    const struct mp_s3_call call = {.method = "DELETE", .key = key, .query = &query, .query_count = 1};
    struct mp_http_response res;

    if (mp_s3_send(storage, arena, &call, &res, err) < 0)
        return -1;
    return res.status == 204 || res.status == 200 || res.status == 404 ? 0 : mp_s3_fail(arena, &call, &res, err);
}

/* ---- What nobody ends ---- */

struct sweep {
    const char *prefix;
    int64_t before_ms;
    unsigned *aborted;
    const char *key_marker, *id_marker;
    bool more;
};

static bool is_old(const struct mp_xml *upload, const struct sweep *sweep)
{
    int64_t begun_ms;

    return mp_time_parse(mp_slice_of(mp_xml_text(upload, "Initiated")), NULL, &begun_ms, NULL, NULL) == MP_TIME_OK && begun_ms < sweep->before_ms;
}

/* Aborts those of a page that are old and under the prefix: not every server heeds it. */
static int sweep_page(struct mp_storage *storage, struct mp_arena *arena, const struct mp_xml *root, struct sweep *sweep, struct mp_error *err)
{
    for (const struct mp_xml *upload = mp_xml_child(root, "Upload"); upload; upload = mp_xml_next(upload)) {
        const char *key = mp_xml_text(upload, "Key"), *id = mp_xml_text(upload, "UploadId");

        if (!is_old(upload, sweep) || !mp_slice_starts(mp_slice_of(key), sweep->prefix) || !is_upload_id(id))
            continue;
        if (mp_s3_upload_abort(storage, arena, key, id, err) < 0)
            return -1;
        ++*sweep->aborted;
    }
    sweep->key_marker = mp_xml_text(root, "NextKeyMarker");
    sweep->id_marker = mp_xml_text(root, "NextUploadIdMarker");
    sweep->more = strcmp(mp_xml_text(root, "IsTruncated"), "true") == 0 && *sweep->key_marker;
    return 0;
}

int mp_s3_upload_sweep(struct mp_storage *storage, struct mp_arena *arena, const char *prefix, int64_t before_ms, unsigned *aborted,
                       struct mp_error *err)
{
    struct sweep sweep = {.prefix = prefix, .before_ms = before_ms, .aborted = aborted, .more = true};

    *aborted = 0;
    for (unsigned page = 0; sweep.more && page < PAGES_MOST; page++) {
        const struct mp_http_header query[] = {
            {"uploads", ""}, {"prefix", prefix}, {"key-marker", sweep.key_marker}, {"upload-id-marker", sweep.id_marker}};
        const struct mp_s3_call call = {.method = "GET", .query = query, .query_count = page == 0 ? 2 : 4, .timeout_ms = LIST_TIMEOUT_MS};
        struct mp_http_response res;
        const struct mp_xml *root;

        if (mp_s3_send(storage, arena, &call, &res, err) < 0)
            return -1;
        if (res.status != 200)
            return mp_s3_fail(arena, &call, &res, err);
        root = root_of(arena, &res, "ListMultipartUploadsResult");
        if (!root)
            return not_understood(&call, &res, err);
        if (sweep_page(storage, arena, root, &sweep, err) < 0)
            return -1;
    }
    return 0;
}
