#include <stdlib.h>
#include <string.h>

#include "hooks.h"
#include "meetpool/clock.h"
#include "recording.h"

/* Cloud recordings over REST. Source: developers.zoom.us/docs/api/meetings, "Cloud recording". */
#define MONTH_DAYS 31

struct list_query {
    int64_t from, to; /* start of the first and end of the last day */
    const char *from_text, *to_text;
    int64_t size;
    enum sb_trash trash;
    const char *meeting;
    const char *text;
};

static bool refuse(const struct sb_call *call, struct sb_reply *reply, const char *name)
{
    struct mp_error err;

    mp_error_init(&err, call->arena);
    mp_error_field(&err, name, "is not valid");
    sb_reply_invalid(call, reply, &err);
    return false;
}

static bool take_day(const struct sb_call *call, struct sb_reply *reply, const char *name, int64_t *at, const char **text)
{
    const char *given = sb_query(call, name);

    *text = given != NULL && given[0] != '\0' ? given : mp_arena_printf(call->arena, "%.10s", mp_time_format(call->arena, sb_now(call->st)));
    if (strlen(*text) == 10 && mp_time_parse(mp_slice_of(mp_arena_printf(call->arena, "%sT00:00:00Z", *text)), NULL, at, NULL, NULL) == MP_TIME_OK)
        return true;
    return refuse(call, reply, name);
}

static bool take_trash(const struct sb_call *call, struct sb_reply *reply, enum sb_trash *out)
{
    static const char *const flags[] = {"false", "true", NULL};
    static const char *const kinds[] = {"meeting_recordings", "recording_file", NULL};
    int on, kind;

    if (!sb_query_enum(call, reply, "trash", flags, &on) || !sb_query_enum(call, reply, "trash_type", kinds, &kind))
        return false;
    *out = on == 0 ? SB_KEPT : kind == 0 ? SB_TRASHED_SET : SB_TRASHED_FILE;
    return true;
}

static bool decode(const struct sb_call *call, struct sb_reply *reply, const struct sb_user *host, struct list_query *q)
{
    if (!take_day(call, reply, "from", &q->from, &q->from_text) || !take_day(call, reply, "to", &q->to, &q->to_text) ||
        !sb_query_int(call, reply, "page_size", 1, SB_PAGE_MAX, 30, &q->size) || !take_trash(call, reply, &q->trash))
        return false;
    if (q->to < q->from || q->to - q->from > MONTH_DAYS * MP_DAY_MS)
        return refuse(call, reply, "to");
    q->to += MP_DAY_MS;
    q->meeting = sb_query(call, "meeting_id");
    q->text = mp_arena_printf(call->arena, "recordings|%s|%s|%s|%lld|%d|%s", host->id, q->from_text, q->to_text, (long long)q->size, (int)q->trash,
                              q->meeting == NULL ? "" : q->meeting);
    return true;
}

static bool wanted(const struct sb_state *st, const struct sb_instance *instance, const struct list_query *q)
{
    if (instance->started_at < q->from || instance->started_at >= q->to || !sb_recording_any(st, instance, q->trash))
        return false;
    return q->meeting == NULL || strcmp(q->meeting, instance->meeting->id_text) == 0 || strcmp(q->meeting, instance->uuid) == 0;
}

static int newest_first(const void *a, const void *b)
{
    const struct sb_instance *x = *(const struct sb_instance *const *)a, *y = *(const struct sb_instance *const *)b;

    if (x->started_at != y->started_at)
        return x->started_at > y->started_at ? -1 : 1;
    return x->meeting->id < y->meeting->id ? -1 : x->meeting->id > y->meeting->id ? 1 : 0;
}

/* Those of the host that the query asks for; their number. */
static size_t gather(const struct sb_call *call, const struct sb_user *host, const struct list_query *q, struct sb_instance ***out)
{
    size_t most = 0, count = 0;

    for (size_t i = 0; i < host->meeting_count; i++)
        most += host->meetings[i]->instance_count;
    *out = mp_arena_array(call->arena, most + 1, sizeof(struct sb_instance *));
    for (size_t i = 0; i < host->meeting_count; i++) {
        const struct sb_meeting *m = host->meetings[i];

        for (size_t k = 0; k < m->instance_count; k++) {
            if (wanted(call->st, m->instances[k], q))
                (*out)[count++] = m->instances[k];
        }
    }
    qsort(*out, count, sizeof(struct sb_instance *), newest_first);
    return count;
}

/* After the place that the page token names. */
static bool first_of_page(const struct sb_call *call, struct sb_reply *reply, const struct list_query *q, struct sb_instance *const *found,
                          size_t count, size_t *first)
{
    const char *token = sb_query(call, "next_page_token");
    int64_t start_at, id;

    *first = 0;
    if (token == NULL || token[0] == '\0')
        return true;
    if (!sb_page_open(call, token, q->text, &start_at, &id)) {
        sb_reply_error(call, reply, SB_E_PAGE_TOKEN, NULL);
        return false;
    }
    while (*first < count && (found[*first]->started_at > start_at || (found[*first]->started_at == start_at && found[*first]->meeting->id <= id)))
        (*first)++;
    return true;
}

/* What Zoom says, under status 200, to whom may not see recordings. */
static bool forbidden(const struct sb_call *call, struct sb_reply *reply)
{
    if (call->st->knobs.n[SB_K_RECORDINGS_FORBIDDEN] == 0)
        return false;
    sb_reply_error(call, reply, SB_E_NO_RIGHT, NULL);
    return true;
}

void sb_recordings_list(struct sb_call *call, struct sb_reply *reply)
{
    const struct sb_user *host = sb_user_of_path(call, reply, call->segments[2]);
    const char *base = sb_download_base(call->st, call->arena, call->authority);
    struct sb_instance **found;
    struct json_object *doc, *list;
    struct sb_pick pick = {.trash = SB_KEPT};
    struct list_query q;
    const char *next = "";
    size_t count, first, size;

    if (host == NULL || forbidden(call, reply) || !decode(call, reply, host, &q))
        return;
    count = gather(call, host, &q, &found);
    if (!first_of_page(call, reply, &q, found, count, &first))
        return;
    size = (size_t)q.size;
    doc = mp_json_object(call->arena);
    list = json_object_new_array();
    pick.trash = q.trash;
    for (size_t i = first; i < count && i < first + size; i++)
        json_object_array_add(list, json_object_get(sb_recording_json(call->st, call->arena, found[i], &pick, false, base)));
    if (first + size < count)
        next = sb_page_token(call, q.text, found[first + size - 1]->started_at, found[first + size - 1]->meeting->id);
    mp_json_put_text(doc, "from", q.from_text);
    mp_json_put_text(doc, "to", q.to_text);
    mp_json_put_text(doc, "next_page_token", next);
    mp_json_put_int(doc, "page_count", (int64_t)((count + size - 1) / size));
    mp_json_put_int(doc, "page_size", q.size);
    mp_json_put_int(doc, "total_records", (int64_t)count);
    mp_json_put(doc, "meetings", list);
    sb_reply_json(call, reply, 200, doc);
}

/* The instance a path names, where it has anything in that state; NULL and 3301 answered. */
static struct sb_instance *of_path(const struct sb_call *call, struct sb_reply *reply, bool in_trash)
{
    struct sb_instance *instance = sb_instance_find(call, call->segments[2]);
    const struct sb_state *st = call->st;

    if (instance != NULL && !in_trash && sb_recording_any(st, instance, SB_KEPT))
        return instance;
    if (instance != NULL && in_trash && (sb_recording_any(st, instance, SB_TRASHED_SET) || sb_recording_any(st, instance, SB_TRASHED_FILE)))
        return instance;
    sb_reply_error(call, reply, SB_E_NO_RECORDING, NULL);
    return NULL;
}

void sb_recordings_get(struct sb_call *call, struct sb_reply *reply)
{
    const char *fields = sb_query(call, "include_fields");
    const struct sb_instance *instance;
    struct json_object *doc;
    int64_t ttl_s;

    if (forbidden(call, reply) || !sb_query_int(call, reply, "ttl", 0, 604800, 86400, &ttl_s))
        return;
    instance = of_path(call, reply, false);
    if (instance == NULL)
        return;
    doc = sb_recording_json(call->st, call->arena, instance, &(struct sb_pick){.trash = SB_KEPT}, false,
                            sb_download_base(call->st, call->arena, call->authority));
    mp_json_put_text(doc, "password", instance->meeting->password);
    mp_json_put_text(doc, "recording_play_passcode", instance->meeting->password);
    mp_json_put(doc, "participant_audio_files", json_object_new_array());
    if (fields != NULL && strstr(fields, "download_access_token") != NULL)
        mp_json_put_text(doc, "download_access_token", sb_file_token(call->st, call->arena, "download", instance, ttl_s));
    sb_reply_json(call, reply, 200, doc);
}

static bool take_action(const struct sb_call *call, struct sb_reply *reply, bool *for_ever)
{
    static const char *const actions[] = {"trash", "delete", NULL};
    int action;

    if (!sb_query_enum(call, reply, "action", actions, &action))
        return false;
    *for_ever = action == 1;
    return true;
}

/* What is in the trash may be deleted for good, too. */
void sb_recordings_delete(struct sb_call *call, struct sb_reply *reply)
{
    const struct sb_instance *found = sb_instance_find(call, call->segments[2]);
    struct sb_instance *instance;
    bool for_ever, from_trash;

    if (!take_action(call, reply, &for_ever))
        return;
    from_trash = for_ever && found != NULL && !sb_recording_any(call->st, found, SB_KEPT);
    instance = of_path(call, reply, from_trash);
    if (instance == NULL)
        return;
    sb_event_recording(call->st, instance, for_ever ? "recording.deleted" : "recording.trashed",
                       &(struct sb_pick){.trash = from_trash ? SB_TRASHED_SET : SB_KEPT});
    for (size_t i = 0; i < instance->file_count; i++) {
        struct sb_file *file = instance->files[i];

        if (file->appears_at <= sb_now(call->st) && (file->trash == SB_KEPT || (for_ever && file->trash != SB_GONE)))
            sb_file_put(call->st, file, for_ever ? SB_GONE : SB_TRASHED_SET);
    }
    sb_reply_empty(reply, 204);
}

static struct sb_file *file_of_path(const struct sb_call *call, struct sb_reply *reply, enum sb_trash trash)
{
    const struct sb_instance *instance = sb_instance_find(call, call->segments[2]);

    for (size_t i = 0; instance != NULL && i < instance->file_count; i++) {
        struct sb_file *file = instance->files[i];

        if (file->id != NULL && strcmp(file->id, call->segments[4]) == 0 && file->trash == trash && file->appears_at <= sb_now(call->st))
            return file;
    }
    sb_reply_error(call, reply, SB_E_NO_RECORDING, NULL);
    return NULL;
}

void sb_recordings_delete_one(struct sb_call *call, struct sb_reply *reply)
{
    struct sb_file *file;
    bool for_ever;

    if (!take_action(call, reply, &for_ever))
        return;
    file = file_of_path(call, reply, SB_KEPT);
    if (file == NULL)
        return;
    sb_event_recording(call->st, file->instance, for_ever ? "recording.deleted" : "recording.trashed", &(struct sb_pick){.file = file});
    sb_file_put(call->st, file, for_ever ? SB_GONE : SB_TRASHED_FILE);
    sb_reply_empty(reply, 204);
}

static bool wants_recover(struct sb_call *call, struct sb_reply *reply)
{
    static const char *const actions[] = {"recover", NULL};
    struct mp_error err;
    struct mp_json_reader r = {.arena = call->arena, .err = &err};
    size_t action;

    mp_error_init(&err, call->arena);
    if (!sb_body_object(call, reply, &err, &r.obj))
        return false;
    if (mp_json_require(&r, "action") && mp_json_get_enum(&r, "action", actions, &action) == 1)
        return true;
    sb_reply_invalid(call, reply, &err);
    return false;
}

void sb_recordings_status(struct sb_call *call, struct sb_reply *reply)
{
    struct sb_instance *instance;

    if (!wants_recover(call, reply))
        return;
    instance = of_path(call, reply, true);
    if (instance == NULL)
        return;
    for (size_t i = 0; i < instance->file_count; i++) {
        if (instance->files[i]->trash == SB_TRASHED_SET || instance->files[i]->trash == SB_TRASHED_FILE)
            sb_file_put(call->st, instance->files[i], SB_KEPT);
    }
    sb_event_recording(call->st, instance, "recording.recovered", &(struct sb_pick){.trash = SB_KEPT});
    sb_reply_empty(reply, 200);
}

void sb_recordings_status_one(struct sb_call *call, struct sb_reply *reply)
{
    struct sb_file *file;

    if (!wants_recover(call, reply))
        return;
    file = file_of_path(call, reply, SB_TRASHED_FILE);
    if (file == NULL)
        return;
    sb_file_put(call->st, file, SB_KEPT);
    sb_event_recording(call->st, file->instance, "recording.recovered", &(struct sb_pick){.file = file});
    sb_reply_empty(reply, 204);
}
