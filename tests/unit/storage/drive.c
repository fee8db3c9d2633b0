/*
 * The storage by hand, for tests/http/test_storage.py: reads one JSON object a line, {"do": "stat", "key": …}, and answers each with one. The
 * settings come from the environment as the daemon's do. "rc" and "error" are what the function returned; the rest is named as in meetpool/storage.h.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "meetpool/json.h"
#include "storage_int.h"

#define LINE_MOST ((size_t)64 * 1024)

struct drive {
    struct mp_arena *arena;
    struct mp_storage *storage;
    struct mp_http *http;
    struct json_object *in, *out;
    struct mp_error err;
};

static const char *text(const struct drive *d, const char *key)
{
    struct json_object *member = NULL;

    return json_object_object_get_ex(d->in, key, &member) ? json_object_get_string(member) : NULL;
}

static int64_t number(const struct drive *d, const char *key)
{
    struct json_object *member = NULL;

    return json_object_object_get_ex(d->in, key, &member) ? json_object_get_int64(member) : 0;
}

static void put_object(struct drive *d, const struct mp_object *object)
{
    mp_json_put_int(d->out, "size", object->size);
    mp_json_put_text(d->out, "etag", object->etag);
    mp_json_put_text(d->out, "content_type", object->content_type);
}

static int do_stat(struct drive *d)
{
    struct mp_object object = {0};
    int rc = mp_storage_stat(d->storage, d->arena, text(d, "key"), &object, &d->err);

    put_object(d, &object);
    return rc;
}

static int do_remove(struct drive *d)
{
    return mp_storage_remove(d->storage, d->arena, text(d, "key"), &d->err);
}

static int do_link_get(struct drive *d)
{
    mp_json_put_text(
        d->out, "url",
        mp_storage_link_get(d->storage, d->arena, text(d, "key"), text(d, "filename"), text(d, "content_type"), mp_now_ms() + number(d, "later_ms")));
    return 0;
}

static int do_link_put(struct drive *d)
{
    mp_json_put_text(d->out, "url",
                     mp_storage_link_put(d->storage, d->arena, text(d, "key"), number(d, "size"), mp_now_ms() + number(d, "later_ms")));
    return 0;
}

static int do_link_check(struct drive *d)
{
    const struct mp_storage_link link = {.method = text(d, "method"),
                                         .key = text(d, "key"),
                                         .expires = text(d, "expires"),
                                         .signature = text(d, "signature"),
                                         .size = text(d, "size"),
                                         .name = text(d, "name"),
                                         .type = text(d, "type")};

    return mp_storage_link_check(d->storage, d->arena, &link, mp_now_ms());
}

static int do_take_file(struct drive *d)
{
    return mp_storage_take_file(d->storage, d->arena, text(d, "path"), number(d, "size"), text(d, "key"), &d->err);
}

static int do_begin(struct drive *d)
{
    const char *id = NULL;
    int rc = mp_upload_begin(d->storage, d->arena, text(d, "key"), text(d, "content_type"), &id, &d->err);

    mp_json_put_text(d->out, "upload_id", id);
    return rc;
}

/* A part of `size` bytes, each the letter `fill`. The answer has its ETag. */
static int do_part(struct drive *d)
{
    size_t size = (size_t)number(d, "size");
    char *bytes = mp_arena_alloc(d->arena, size + 1);

    memset(bytes, *text(d, "fill"), size);
    if (mp_storage_is_s3(d->storage)) {
        const struct mp_http_header query[] = {{"partNumber", mp_arena_printf(d->arena, "%lld", (long long)number(d, "number"))},
                                               {"uploadId", text(d, "upload_id")}};
        const struct mp_s3_call call = {.method = "PUT", .key = text(d, "key"), .query = query, .query_count = 2, .body = {bytes, size}};
        struct mp_http_response res;

        if (mp_s3_send(d->storage, d->arena, &call, &res, &d->err) < 0)
            return -1;
        if (res.status != 200)
            return mp_s3_fail(d->arena, &call, &res, &d->err);
        mp_json_put_text(d->out, "etag", mp_s3_etag(d->arena, mp_http_header_get(&res, "ETag")));
    } else {
        const char *path = mp_folder_upload_path(d->storage, d->arena, text(d, "key"), text(d, "upload_id"));
        int fd = path ? open(path, O_WRONLY | O_APPEND) : -1;

        if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || close(fd) < 0)
            return -1;
        mp_json_put_text(d->out, "etag", "");
    }
    return 0;
}

static int do_parts(struct drive *d)
{
    struct json_object *list = json_object_new_array();
    struct mp_part *parts = NULL;
    size_t count = 0;
    int rc = mp_upload_parts(d->storage, d->arena, text(d, "key"), text(d, "upload_id"), &parts, &count, &d->err);

    for (size_t i = 0; i < count; i++) {
        struct json_object *one = json_object_new_object();

        mp_json_put_int(one, "number", parts[i].number);
        mp_json_put_int(one, "size", parts[i].size);
        mp_json_put_text(one, "etag", parts[i].etag);
        json_object_array_add(list, one);
    }
    mp_json_put(d->out, "parts", list);
    return rc;
}

static int do_complete(struct drive *d)
{
    struct mp_object object = {0};
    struct json_object *list = NULL;
    struct mp_part *parts;
    size_t count;
    int rc;

    json_object_object_get_ex(d->in, "parts", &list);
    count = json_object_array_length(list);
    parts = mp_arena_array(d->arena, count + 1, sizeof(*parts));
    for (size_t i = 0; i < count; i++) {
        const struct drive one = {.in = json_object_array_get_idx(list, i)};

        parts[i] = (struct mp_part){number(&one, "number"), number(&one, "size"), text(&one, "etag")};
    }
    rc = mp_upload_complete(d->storage, d->arena, text(d, "key"), text(d, "upload_id"), parts, count, &object, &d->err);
    put_object(d, &object);
    return rc;
}

static int do_abort(struct drive *d)
{
    return mp_upload_abort(d->storage, d->arena, text(d, "key"), text(d, "upload_id"), &d->err);
}

static int do_sweep(struct drive *d)
{
    unsigned aborted = 0;
    int rc = mp_upload_sweep(d->storage, d->arena, text(d, "prefix"), mp_now_ms() + number(d, "later_ms"), &aborted, &d->err);

    mp_json_put_int(d->out, "aborted", aborted);
    return rc;
}

static const struct {
    const char *name;
    int (*run)(struct drive *d);
} deeds[] = {
    {"stat", do_stat},           {"remove", do_remove}, {"link_get", do_link_get}, {"link_put", do_link_put}, {"link_check", do_link_check},
    {"take_file", do_take_file}, {"begin", do_begin},   {"part", do_part},         {"parts", do_parts},       {"complete", do_complete},
    {"abort", do_abort},         {"sweep", do_sweep},
};

static void one_line(struct drive *d, const char *line)
{
    const char *what;
    int rc = -2;

    d->out = mp_json_object(d->arena);
    mp_error_init(&d->err, d->arena);
    if (mp_json_parse(d->arena, mp_slice_of(line), &d->in, &d->err) == 0 && (what = text(d, "do"))) {
        for (size_t i = 0; i < MP_COUNT(deeds); i++)
            if (strcmp(deeds[i].name, what) == 0)
                rc = deeds[i].run(d);
    }
    mp_json_put_int(d->out, "rc", rc);
    if (mp_error_set(&d->err)) {
        mp_json_put_int(d->out, "status", mp_error_status(d->err.code));
        mp_json_put_bool(d->out, "repeat", d->err.code == MP_E_UNAVAILABLE);
        mp_json_put_int(d->out, "retry_after_s", d->err.retry_after_s);
        mp_json_put_text(d->out, "error", d->err.detail ? d->err.detail : mp_error_message(&d->err));
    }
    puts(mp_json_text(d->arena, d->out));
    fflush(stdout);
}

int main(void)
{
    struct mp_arena *lasting = mp_arena_new();
    const struct mp_log log = {.fd = STDERR_FILENO, .level = MP_INFO, .role = "drive"};
    struct drive d = {.arena = mp_arena_new(), .http = mp_http_new()};
    struct mp_secret link_keys[2];
    struct mp_conf_source *source;
    struct mp_storage_conf conf = {0};
    static char line[LINE_MOST];

    signal(SIGPIPE, SIG_IGN);
    mp_error_init(&d.err, lasting);
    if (mp_conf_open(lasting, NULL, &source, &d.err) < 0 ||
        mp_conf_fill(lasting, source, mp_storage_settings, mp_storage_settings_rows, &conf, &d.err) < 0 ||
        mp_storage_conf_check(lasting, &conf, &d.err) < 0) {
        fprintf(stderr, "%s\n", mp_error_message(&d.err));
        return 1;
    }
    conf.public_url = "https://meet.example";
    link_keys[0] = mp_secret_copy(lasting, mp_slice_of(getenv("DRIVE_KEY") ? getenv("DRIVE_KEY") : "new"));
    link_keys[1] = mp_secret_copy(lasting, mp_slice_of("old"));
    d.storage = mp_storage_new(&conf, d.http, link_keys, 2, &log);
    while (fgets(line, sizeof(line), stdin)) {
        one_line(&d, line);
        mp_arena_clear(d.arena);
    }
    mp_storage_free(d.storage);
    mp_http_free(d.http);
    mp_arena_free(d.arena);
    mp_arena_free(lasting);
    return 0;
}
