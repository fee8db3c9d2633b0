#include "meetpool/transfer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "meetpool/clock.h"
#include "transfer_int.h"

#define MIB                (1024 * 1024)
#define PARTS_ROOM_AT_ONCE 64
#define COMPLETE_TRIES     4
#define BACKOFF_FIRST_MS   250
#define BACKOFF_MOST_MS    8000

/* ---- What every step may say ---- */

void transfer_end(struct run *run, enum mp_transfer_end end, const char *problem_fmt, ...)
{
    va_list args;

    if (run->over || run->drain)
        return;
    run->res->end = end;
    va_start(args, problem_fmt);
    run->res->problem = mp_arena_vprintf(run->arena, problem_fmt, args);
    va_end(args);
    /* What is full may still arrive, and need not be fetched again. */
    run->drain = end == MP_TRANSFER_SOURCE_AUTH || end == MP_TRANSFER_SOURCE_FAILS;
    run->over = !run->drain;
}

void transfer_end_away(struct run *run, enum mp_transfer_end end, bool away, const char *problem)
{
    if (!run->over && !run->drain)
        run->res->away = away;
    transfer_end(run, end, "%s", problem);
}

int64_t transfer_backoff_ms(unsigned tries)
{
    int64_t most_ms = BACKOFF_FIRST_MS;
    uint32_t random;

    for (unsigned i = 1; i < tries && most_ms < BACKOFF_MOST_MS; i++)
        most_ms *= 2;
    mp_random(&random, sizeof(random));
    return most_ms / 2 + (int64_t)random % (most_ms / 2);
}

/* ---- Buffers ---- */

static void empty(struct run *run, struct buffer *buffer)
{
    mp_stream_drop(buffer->put);
    buffer->put = NULL;
    buffer->state = BUFFER_EMPTY;
    buffer->len = 0;
    buffer->tries = 0;
    buffer->not_before_ms = 0;
    if (run->filling == buffer)
        run->filling = NULL;
}

static struct buffer *find_buffer(struct run *run, enum buffer_state state)
{
    for (size_t i = 0; i < TRANSFER_BUFFERS; i++)
        if (run->buffers[i].state == state)
            return &run->buffers[i];
    return NULL;
}

static size_t count_room(const struct run *run)
{
    size_t room = run->filling ? run->part_bytes - run->filling->len : 0;

    for (size_t i = 0; i < TRANSFER_BUFFERS; i++)
        if (run->buffers[i].state == BUFFER_EMPTY)
            room += run->part_bytes;
    return room;
}

static void write_hash(struct mp_hash *hash, char sha256[65])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[32];

    mp_hash_end(hash, bytes);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        sha256[2 * i] = digits[bytes[i] >> 4];
        sha256[2 * i + 1] = digits[bytes[i] & 15];
    }
}

static void close_part(struct run *run, struct buffer *buffer)
{
    if (!run->whole)
        write_hash(buffer->hash, buffer->sha256);
    buffer->state = BUFFER_FULL;
    run->filling = NULL;
}

static struct buffer *begin_part(struct run *run)
{
    struct buffer *buffer = find_buffer(run, BUFFER_EMPTY);

    buffer->state = BUFFER_FILLING;
    buffer->number = run->next_number++;
    mp_hash_begin(buffer->hash);
    run->filling = buffer;
    return buffer;
}

bool transfer_fill(struct run *run, struct mp_slice bytes)
{
    if (bytes.len > count_room(run))
        return false;
    while (bytes.len > 0) {
        struct buffer *buffer = run->filling ? run->filling : begin_part(run);
        size_t room = run->part_bytes - buffer->len;
        struct mp_slice head = {bytes.p, bytes.len < room ? bytes.len : room};

        memcpy(buffer->bytes + buffer->len, head.p, head.len);
        mp_hash_add(run->whole ? run->whole : buffer->hash, head);
        buffer->len += head.len;
        bytes = (struct mp_slice){bytes.p + head.len, bytes.len - head.len};
        if (buffer->len == run->part_bytes)
            close_part(run, buffer);
    }
    return true;
}

/* ---- Parts that are stored ---- */

static void keep_part(struct run *run, const struct mp_part *part)
{
    size_t at = (size_t)part->number - 1;

    if (at >= run->parts_room) {
        size_t room = at + PARTS_ROOM_AT_ONCE + run->parts_room;
        struct mp_part *longer = mp_arena_array(run->arena, room, sizeof(*longer));

        if (run->parts_room)
            memcpy(longer, run->parts, run->parts_room * sizeof(*longer));
        run->parts = longer;
        run->parts_room = room;
    }
    run->parts[at] = *part;
}

/* In order, so that whoever goes on finds no gap. */
static void report_parts(struct run *run)
{
    while ((size_t)run->reported < run->parts_room && run->parts[run->reported].etag) {
        const struct mp_part *part = &run->parts[run->reported++];

        run->stored += part->size;
        if (!run->over && run->spec->part && run->spec->part(run->spec->arg, part, run->stored) < 0)
            transfer_end(run, MP_TRANSFER_STOPPED, "stopped");
    }
}

void transfer_stored(struct run *run, struct buffer *buffer, const char *etag)
{
    struct mp_part part = {buffer->number, (int64_t)buffer->len, mp_arena_strdup(run->arena, etag)};

    if (run->single) {
        run->single_etag = part.etag;
        run->stored = part.size;
        run->res->sha256 = mp_arena_strdup(run->arena, buffer->sha256);
    } else {
        keep_part(run, &part);
        report_parts(run);
    }
    empty(run, buffer);
}

/* ---- Going on ---- */

/* Also while the storage is called: to put the parts together may take it minutes. */
static void ask_whether_to_go_on(void *arg)
{
    struct run *run = arg;
    int64_t now_ms = mp_monotonic_ms();

    if (now_ms - run->asked_at_ms < 1000)
        return;
    run->asked_at_ms = now_ms;
    if (run->spec->keep_going && !run->spec->keep_going(run->spec->arg)) {
        run->drain = false;
        transfer_end(run, MP_TRANSFER_STOPPED, "stopped");
    }
}

/* ---- Begin, begin anew, complete, abort ---- */

static void abort_upload(struct run *run)
{
    struct mp_error err;

    folder_close(run);
    if (!run->upload_id)
        return;
    mp_error_init(&err, run->arena);
    if (mp_upload_abort(run->storage, run->arena, run->spec->key, run->upload_id, &err) < 0)
        mp_log(run->storage->log, MP_WARNING, "storage.upload_left", MP_STR("problem", mp_error_message(&err)), MP_STR("mend", "it is swept later"));
    run->upload_id = NULL;
}

static void drop_streams(struct run *run)
{
    source_drop(run);
    for (size_t i = 0; i < TRANSFER_BUFFERS; i++)
        empty(run, &run->buffers[i]);
}

static void forget(struct run *run)
{
    struct source *source = &run->source;

    run->next_number = 1;
    run->reported = run->stored = 0;
    run->parts = NULL;
    run->parts_room = 0;
    run->resumed = run->single = false;
    if (run->whole)
        mp_hash_begin(run->whole);
    source->taken = source->taken_at_try = 0;
    source->total = run->spec->size;
    source->etag = NULL;
    source->kind_checked = source->start_anew = source->done = false;
}

void transfer_anew(struct run *run, enum mp_transfer_end end, const char *why)
{
    drop_streams(run);
    abort_upload(run);
    forget(run);
    if (++run->anew > TRANSFER_ANEW_MOST)
        transfer_end(run, end, "%s", why);
}

static void fail_of_sink(struct run *run, const struct mp_error *err)
{
    if (err->code == MP_E_STORAGE)
        transfer_end(run, MP_TRANSFER_SINK_REFUSES, "%s", mp_error_message(err));
    else
        transfer_end_away(run, MP_TRANSFER_SINK_FAILS, err->code == MP_E_UNAVAILABLE, mp_error_message(err));
}

static void begin_upload(struct run *run)
{
    struct mp_error err;

    for (unsigned tries = 1;; tries++) {
        mp_error_init(&err, run->arena);
        if (mp_upload_begin(run->storage, run->arena, run->spec->key, run->spec->content_type, &run->upload_id, &err) == 0)
            break;
        run->upload_id = NULL;
        if (err.code != MP_E_UNAVAILABLE || tries == COMPLETE_TRIES || run->over) {
            fail_of_sink(run, &err);
            return;
        }
        mp_sleep_ms((unsigned)transfer_backoff_ms(tries));
    }
    if (run->spec->begun && run->spec->begun(run->spec->arg, run->upload_id) < 0)
        transfer_end(run, MP_TRANSFER_STOPPED, "stopped");
}

/* Whatever was answered: what can be looked up now is there. */
static int complete_once(struct run *run, struct mp_object *object, struct mp_error *err)
{
    int there;

    if (!run->single &&
        mp_upload_complete(run->storage, run->arena, run->spec->key, run->upload_id, run->parts, (size_t)run->reported, object, err) < 0)
        return -1;
    there = mp_storage_stat(run->storage, run->arena, run->spec->key, object, err);
    if (there == 0)
        return mp_fail(err, MP_E_UNAVAILABLE, "The storage took the file and does not have it.");
    return there < 0 ? -1 : 0;
}

static void settle_done(struct run *run, const struct mp_object *object)
{
    struct mp_error err;

    run->upload_id = NULL;
    if (object->size != run->stored) {
        mp_error_init(&err, run->arena);
        if (mp_storage_remove(run->storage, run->arena, run->spec->key, &err) < 0)
            mp_log(run->storage->log, MP_WARNING, "storage.object_left", MP_STR("problem", mp_error_message(&err)));
        transfer_end(run, MP_TRANSFER_SINK_FAILS, "the storage has %lld bytes of %lld", (long long)object->size, (long long)run->stored);
        return;
    }
    run->res->size = object->size;
    run->res->etag = object->etag ? object->etag : run->single_etag;
    if (run->whole && !run->resumed) {
        char *sha256 = mp_arena_alloc(run->arena, 65);

        write_hash(run->whole, sha256);
        run->res->sha256 = sha256;
    }
    run->res->end = MP_TRANSFER_DONE;
    run->over = true;
}

static bool is_upload_gone(struct run *run)
{
    struct mp_error err;
    struct mp_part *parts;
    size_t count;

    mp_error_init(&err, run->arena);
    return mp_upload_parts(run->storage, run->arena, run->spec->key, run->upload_id, &parts, &count, &err) == 0;
}

static void complete(struct run *run)
{
    struct mp_object object = {.size = -1};
    struct mp_error err;

    folder_close(run);
    for (unsigned tries = 1;; tries++) {
        mp_error_init(&err, run->arena);
        if (complete_once(run, &object, &err) == 0) {
            settle_done(run, &object);
            return;
        }
        if (err.code != MP_E_UNAVAILABLE || tries == COMPLETE_TRIES || run->over)
            break;
        mp_sleep_ms((unsigned)transfer_backoff_ms(tries));
    }
    if (!run->over && !run->single &&
        (is_upload_gone(run) || (run->resumed && err.code == MP_E_STORAGE))) /* or the parts that an earlier run told of are */
        transfer_anew(run, MP_TRANSFER_SINK_FAILS, mp_error_message(&err));
    else
        fail_of_sink(run, &err);
}

/* ---- The loop ---- */

static void close_last_part(struct run *run)
{
    if (run->source.done && run->filling)
        close_part(run, run->filling);
}

/* A file that is no longer than a part needs no upload in parts at S3. */
static bool is_single(const struct run *run)
{
    return mp_storage_is_s3(run->storage) && !run->upload_id && run->source.done && run->next_number == 2;
}

static void send_part(struct run *run, struct buffer *buffer)
{
    if (buffer->number > TRANSFER_PARTS_MOST && !run->whole) {
        transfer_end(run, MP_TRANSFER_SOURCE_BAD, "the file is longer than can be stored without knowing its size first");
        return;
    }
    run->single = run->single || is_single(run);
    if (!run->single && !run->upload_id)
        begin_upload(run);
    if (run->over)
        return;
    if (mp_storage_is_s3(run->storage))
        s3_send(run, buffer);
    else
        folder_send(run, buffer);
}

/* The first of those whose time has come: the folder's are written in order. */
static struct buffer *find_due(struct run *run)
{
    int64_t now_ms = mp_monotonic_ms();
    struct buffer *due = NULL;

    for (size_t i = 0; i < TRANSFER_BUFFERS; i++) {
        struct buffer *buffer = &run->buffers[i];

        if (buffer->state == BUFFER_FULL && now_ms >= buffer->not_before_ms && (!due || buffer->number < due->number))
            due = buffer;
    }
    return due;
}

static void send_parts(struct run *run)
{
    struct buffer *buffer;

    while (!run->over && (buffer = find_due(run)))
        send_part(run, buffer);
}

static void settle_parts(struct run *run)
{
    for (size_t i = 0; i < TRANSFER_BUFFERS && !run->over; i++) {
        struct buffer *buffer = &run->buffers[i];

        if (buffer->state == BUFFER_SENDING && mp_stream_ended(buffer->put))
            s3_settle(run, buffer);
    }
}

static void move_source(struct run *run)
{
    struct source *source = &run->source;

    if (source->done || run->drain)
        return;
    if (!source->stream && mp_monotonic_ms() >= source->not_before_ms)
        source_start(run);
    else if (source->stream && count_room(run) > TRANSFER_PIECE_MOST)
        source_go_on(run);
}

static bool is_idle(struct run *run)
{
    return !find_buffer(run, BUFFER_FULL) && !find_buffer(run, BUFFER_SENDING);
}

static void step(struct run *run)
{
    ask_whether_to_go_on(run);
    if (run->over)
        return;
    move_source(run);
    send_parts(run);
    if (run->over)
        return;
    /* With nothing under way any more a turn would last its whole time. */
    if (!run->source.done || !is_idle(run))
        mp_stream_turn(run->storage->http, run->spec->bytes_per_s > 0 ? TRANSFER_PACE_MS : TRANSFER_TURN_MOST_MS);
    settle_parts(run);
    if (!run->over)
        source_settle(run);
    close_last_part(run);
    if (run->over || !is_idle(run))
        return;
    if (run->drain)
        run->over = true;
    else if (run->source.done)
        complete(run);
}

/* ---- Begin and end of a run ---- */

static size_t choose_part_bytes(const struct run *run)
{
    int64_t least = run->spec->size > 0 ? (run->spec->size + TRANSFER_PARTS_MOST - 1) / TRANSFER_PARTS_MOST : 0;

    if (run->whole || least <= MP_TRANSFER_PART_BYTES)
        return MP_TRANSFER_PART_BYTES;
    return (size_t)((least + MIB - 1) / MIB * MIB);
}

/* Parts that this run can go on behind: without a gap, all of the size that this run's will have, but for the last of a whole file. */
static bool can_resume(const struct run *run)
{
    const struct mp_transfer *spec = run->spec;
    int64_t sum = 0;

    if (!spec->upload_id || spec->parts_count == 0)
        return false;
    for (size_t i = 0; i < spec->parts_count; i++) {
        const struct mp_part *part = &spec->parts[i];

        sum += part->size;
        if (part->number != (int64_t)i + 1 || !part->etag || part->size <= 0 || (spec->size >= 0 && sum > spec->size))
            return false;
        if (part->size != (int64_t)run->part_bytes && (i + 1 < spec->parts_count || sum != spec->size))
            return false;
    }
    return true;
}

static void resume(struct run *run)
{
    run->upload_id = run->spec->upload_id ? mp_arena_strdup(run->arena, run->spec->upload_id) : NULL;
    if (!can_resume(run)) {
        abort_upload(run);
        return;
    }
    run->resumed = true;
    for (size_t i = 0; i < run->spec->parts_count; i++) {
        keep_part(run, &run->spec->parts[i]);
        run->stored += run->spec->parts[i].size;
    }
    run->reported = (int64_t)run->spec->parts_count;
    run->next_number = run->reported + 1;
    run->source.taken = run->source.taken_at_try = run->stored;
    run->source.kind_checked = true;
    run->source.done = run->stored == run->spec->size;
}

static void open_run(struct run *run)
{
    run->whole = mp_storage_is_s3(run->storage) ? NULL : mp_hash_new(run->arena);
    run->part_bytes = choose_part_bytes(run);
    run->memory = mmap(NULL, run->part_bytes * TRANSFER_BUFFERS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (run->memory == MAP_FAILED) {
        fputs("meetpool: out of memory\n", stderr);
        abort();
    }
    for (size_t i = 0; i < TRANSFER_BUFFERS; i++) {
        run->buffers[i].bytes = run->memory + i * run->part_bytes;
        run->buffers[i].arena = mp_arena_new();
        run->buffers[i].hash = mp_hash_new(run->arena);
        run->buffers[i].sha256 = mp_arena_alloc(run->arena, 65);
    }
    run->source.arena = mp_arena_new();
    run->source.first_address = MP_ADDRESS_PUBLIC;
}

static void close_run(struct run *run)
{
    drop_streams(run);
    folder_close(run);
    for (size_t i = 0; i < TRANSFER_BUFFERS; i++)
        mp_arena_free(run->buffers[i].arena);
    mp_arena_free(run->source.arena);
    munmap(run->memory, run->part_bytes * TRANSFER_BUFFERS);
}

/* What is refused leaves nothing behind; what may go on later leaves its parts, where there are any. */
static void settle_rest(struct run *run)
{
    struct mp_transfer_result *res = run->res;
    bool refused = res->end == MP_TRANSFER_SOURCE_BAD || res->end == MP_TRANSFER_SOURCE_GONE || res->end == MP_TRANSFER_SINK_REFUSES;

    if (refused || (run->reported == 0 && res->end != MP_TRANSFER_STOPPED))
        abort_upload(run);
    res->upload_id = run->upload_id;
    if (res->end != MP_TRANSFER_DONE)
        res->sha256 = NULL;
}

static bool is_address_fit(const struct run *run)
{
    struct mp_url url;

    return mp_url_parse(run->arena, run->spec->url, &url) && (strcmp(url.scheme, "https") == 0 || mp_url_is_loopback(&url));
}

void mp_transfer_run(struct mp_storage *storage, struct mp_arena *arena, const struct mp_transfer *transfer, struct mp_transfer_result *res)
{
    struct run run = {.storage = storage, .arena = arena, .spec = transfer, .res = res, .file = -1, .began_ms = mp_monotonic_ms()};

    *res = (struct mp_transfer_result){.retry_after_ms = -1};
    run.stall_s = transfer->stall_s ? transfer->stall_s : TRANSFER_STALL_S;
    run.asked_at_ms = run.began_ms;
    mp_http_while_waiting(storage->http, ask_whether_to_go_on, &run);
    open_run(&run);
    forget(&run);
    resume(&run);
    if (!is_address_fit(&run))
        transfer_end(&run, MP_TRANSFER_SOURCE_BAD, "the source's address is no https address");
    if (transfer->size == 0)
        transfer_end(&run, MP_TRANSFER_SOURCE_BAD, "the file is empty");
    while (!run.over)
        step(&run);
    drop_streams(&run);
    settle_rest(&run);
    close_run(&run);
    mp_http_while_waiting(storage->http, NULL, NULL);
    res->elapsed_ms = (unsigned)(mp_monotonic_ms() - run.began_ms);
}
