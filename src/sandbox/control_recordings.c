#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "recording.h"

/* Recordings by command: put them there, look at them, learn what they consist of. */

static struct json_object *file_row(const struct sb_file *file, struct mp_arena *arena)
{
    static const char *const trash[] = {"no", "set", "file", "gone"};
    struct json_object *doc = json_object_new_object();

    mp_json_put_text(doc, "key", file->key);
    mp_json_put_text(doc, "id", file->id);
    mp_json_put_int(doc, "meeting_id", file->instance->meeting->id);
    mp_json_put_text(doc, "uuid", file->instance->uuid);
    mp_json_put_text(doc, "file_type", file->file_type);
    mp_json_put_text(doc, "file_extension", file->extension);
    mp_json_put_text(doc, "recording_type", file->recording_type);
    mp_json_put_text(doc, "status", file->status);
    mp_json_put_int(doc, "size", file->content.size);
    mp_json_put_int(doc, "seed", (int64_t)file->content.seed);
    mp_json_put_time(doc, "appears", file->appears_at);
    mp_json_put_text(doc, "trash", trash[file->trash]);
    mp_json_put_bool(doc, "told", file->told);
    mp_json_put_int(doc, "downloads", file->downloads);
    mp_json_put_int(doc, "bytes_sent", file->bytes_sent);
    mp_json_put_text(doc, "path", mp_arena_printf(arena, "/rec/download/%s", file->key));
    return doc;
}

static void get_all(struct sb_call *call, struct sb_reply *reply)
{
    struct json_object *doc = mp_json_object(call->arena), *list = json_object_new_array();
    const char *meeting = sb_query(call, "meeting");

    for (const struct sb_meeting *m = call->st->meeting_first; m != NULL; m = m->next) {
        if (meeting != NULL && strcmp(meeting, m->id_text) != 0)
            continue;
        for (size_t i = 0; i < m->instance_count; i++) {
            for (size_t k = 0; k < m->instances[i]->file_count; k++)
                json_object_array_add(list, file_row(m->instances[i]->files[k], call->arena));
        }
    }
    mp_json_put(doc, "recordings", list);
    sb_reply_json(call, reply, 200, doc);
}

/* {"meeting": id, its latest instance} or {"uuid": one of them}. */
static struct sb_instance *named_instance(const struct sb_call *call, const struct mp_json_reader *r)
{
    const struct sb_meeting *m;
    const char *text;
    int64_t id;

    if (mp_json_get_text(r, "uuid", 1, 100, false, &text) == 1)
        return sb_map_get(&call->st->instances, text);
    if (mp_json_get_int(r, "meeting", 0, INT64_MAX, &id) != 1)
        return NULL;
    m = sb_map_get(&call->st->meetings, mp_arena_printf(call->arena, "%lld", (long long)id));
    return m != NULL && m->instance_count > 0 ? m->instances[m->instance_count - 1] : NULL;
}

static void take_text(const struct mp_json_reader *r, const char *key, char **slot)
{
    const char *text;

    if (mp_json_get_text(r, key, 0, 100, false, &text) == 1)
        sb_set(slot, text);
}

/* One row of `files`; NULL where it is wrong. */
static struct sb_file *file_of(struct sb_state *st, const struct mp_json_reader *r, struct sb_instance *instance)
{
    static const char *const keys[] = {"file_type", "file_extension", "recording_type", "status", "size", "seed", "delay_ms", "no_end", "event",
                                       "id",        "no_id",          "content",        NULL};
    static const char *const kinds[] = {"MP4", "M4A", "JPG", "TXT", "VTT", "JSON", NULL}; /* in the order of enum sb_kind */
    struct sb_file *file;
    size_t type = 0, kind;
    int64_t delay_ms = 0, seed;
    bool no_end = false, event = true, no_id = false;

    mp_json_refuse_unknown(r, keys);
    if (!mp_json_require(r, "file_type") || mp_json_get_enum(r, "file_type", sb_file_types, &type) != 1)
        return NULL;
    file = sb_file_new(st, instance, (int)type);
    take_text(r, "file_extension", &file->extension);
    file->content.kind = sb_kind_of(file->extension);
    if (mp_json_get_enum(r, "content", kinds, &kind) == 1)
        file->content.kind = (enum sb_kind)kind;
    take_text(r, "recording_type", &file->recording_type);
    take_text(r, "status", &file->status);
    take_text(r, "id", &file->id);
    (void)mp_json_get_bool(r, "no_id", &no_id);
    if (no_id)
        sb_set(&file->id, NULL);
    (void)mp_json_get_int(r, "size", 0, INT64_C(1) << 50, &file->content.size);
    if (mp_json_get_int(r, "seed", 0, INT64_MAX, &seed) == 1)
        file->content.seed = (uint64_t)seed;
    (void)mp_json_get_int(r, "delay_ms", 0, MP_TIME_MAX_MS, &delay_ms);
    file->appears_at += delay_ms;
    (void)mp_json_get_bool(r, "no_end", &no_end);
    if (no_end)
        file->end_at = -1;
    (void)mp_json_get_bool(r, "event", &event);
    file->silent = !event;
    if (!mp_error_set(r->err))
        return file;
    sb_file_free(file);
    return NULL;
}

static void add_rows(struct sb_call *call, struct json_object *rows, struct sb_instance *instance, struct mp_error *err, struct json_object *made)
{
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        struct mp_json_reader r = {call->arena, json_object_array_get_idx(rows, i), "files.", err};
        struct sb_file *file = json_object_is_type(r.obj, json_type_object) ? file_of(call->st, &r, instance) : NULL;

        if (file == NULL)
            return;
        sb_file_add(call->st, file);
        json_object_array_add(made, file_row(file, call->arena));
    }
}

static void make(struct sb_call *call, struct sb_reply *reply)
{
    static const char usual[] = "[{\"file_type\":\"MP4\"},{\"file_type\":\"M4A\"},{\"file_type\":\"CHAT\"},{\"file_type\":\"TRANSCRIPT\"},"
                                "{\"file_type\":\"TIMELINE\"}]";
    struct mp_error err;
    struct mp_json_reader r = {.err = &err};
    struct json_object *doc = mp_json_object(call->arena), *made = json_object_new_array(), *rows;
    struct sb_instance *instance;

    mp_error_init(&err, call->arena);
    mp_json_put(doc, "files", made);
    if (!sb_control_body(call, reply, &r))
        return;
    instance = named_instance(call, &r);
    if (instance == NULL) {
        sb_control_problem(call, reply, 404, "there is no such held meeting");
        return;
    }
    if (mp_json_get_array(&r, "files", 1000, &rows) == 1 || mp_json_parse(call->arena, mp_slice_of(usual), &rows, &err) == 0)
        add_rows(call, rows, instance, &err, made);
    if (mp_error_set(&err)) {
        sb_control_wrong(call, reply, &err);
        return;
    }
    mp_json_put_int(doc, "meeting_id", instance->meeting->id);
    mp_json_put_text(doc, "uuid", instance->uuid);
    sb_reply_json(call, reply, 201, doc);
}

/* Over many GiB it takes its time, so without the lock. */
static void get_hash(struct sb_call *call, struct sb_reply *reply, const struct sb_file *file)
{
    struct json_object *doc = mp_json_object(call->arena);
    struct sb_content content = file->content;
    unsigned char digest[32];

    pthread_mutex_unlock(&call->st->lock);
    sb_content_sha256(&content, digest);
    pthread_mutex_lock(&call->st->lock);
    mp_json_put_text(doc, "sha256", mp_hex(call->arena, digest, sizeof(digest)));
    mp_json_put_int(doc, "size", content.size);
    sb_reply_json(call, reply, 200, doc);
}

static void get_one(struct sb_call *call, struct sb_reply *reply, const struct sb_file *file)
{
    struct json_object *doc = file_row(file, call->arena);

    sb_reply_json(call, reply, 200, doc);
    json_object_put(doc);
}

bool sb_control_recordings(struct sb_call *call, struct sb_reply *reply)
{
    bool get = strcmp(call->method, "GET") == 0;
    struct sb_file *file;

    if (call->segment_count == 2) {
        if (get)
            get_all(call, reply);
        else if (strcmp(call->method, "POST") == 0)
            make(call, reply);
        return get || strcmp(call->method, "POST") == 0;
    }
    if (call->segment_count > 4)
        return false;
    file = sb_map_get(&call->st->files, call->segments[2]);
    if (file == NULL)
        sb_control_problem(call, reply, 404, "there is no such file");
    else if (call->segment_count == 3 && get)
        get_one(call, reply, file);
    else if (call->segment_count == 3 && strcmp(call->method, "DELETE") == 0) {
        sb_file_put(call->st, file, SB_GONE);
        get_one(call, reply, file);
    } else if (call->segment_count == 4 && get && strcmp(call->segments[3], "sha256") == 0)
        get_hash(call, reply, file);
    else
        return false;
    return true;
}
