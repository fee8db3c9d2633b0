#include "sandbox_int.h"

#include <string.h>

#include "meetpool/clock.h"
#include "recording.h"

/*
 * Meetings that were held. A number means the latest instance, a UUID that one. A UUID that starts with a slash or holds two in a row has to be
 * encoded twice; encoded once it misses. Source: developers.zoom.us/docs/api/using-zoom-apis, "Meeting ID and UUID".
 */
#define PAST_REACH_MS      (INT64_C(365) * MP_DAY_MS)
#define INSTANCES_REACH_MS (INT64_C(456) * MP_DAY_MS)

struct sb_instance *sb_instance_find(const struct sb_call *call, const char *key)
{
    const struct sb_meeting *m = sb_map_get(&call->st->meetings, key);
    struct sb_instance *instance = NULL;

    if (m != NULL)
        instance = m->instance_count > 0 ? m->instances[m->instance_count - 1] : NULL;
    else if (key[0] != '/' && strstr(key, "//") == NULL) {
        instance = sb_map_get(&call->st->instances, key);
        if (instance == NULL)
            instance = sb_map_get(&call->st->instances, sb_uri_decode(call->arena, key));
    }
    return instance != NULL && sb_user_reached(call, instance->meeting->host) ? instance : NULL;
}

void sb_past_get(struct sb_call *call, struct sb_reply *reply)
{
    const struct sb_instance *instance = sb_instance_find(call, call->segments[2]);
    const struct sb_meeting *m;
    struct json_object *doc;
    int64_t minutes;

    if (instance == NULL) {
        sb_reply_error(call, reply, SB_E_NO_MEETING, call->segments[2]);
        return;
    }
    if (instance->ended_at + PAST_REACH_MS < sb_now(call->st)) {
        sb_reply_error(call, reply, SB_E_YEAR_AGO, NULL);
        return;
    }
    m = instance->meeting;
    minutes = (instance->ended_at - instance->started_at + 59999) / 60000;
    doc = mp_json_object(call->arena);
    mp_json_put_text(doc, "uuid", instance->uuid);
    mp_json_put_int(doc, "id", m->id);
    mp_json_put_text(doc, "host_id", m->host->id);
    mp_json_put_int(doc, "type", m->type);
    mp_json_put_text(doc, "topic", m->topic);
    mp_json_put_text(doc, "user_name", mp_arena_printf(call->arena, "%s %s", m->host->first_name, m->host->last_name));
    mp_json_put_text(doc, "user_email", m->host->email);
    mp_json_put_text(doc, "start_time", mp_time_format_seconds(call->arena, instance->started_at));
    mp_json_put_text(doc, "end_time", mp_time_format_seconds(call->arena, instance->ended_at));
    mp_json_put_int(doc, "duration", minutes);
    mp_json_put_int(doc, "total_minutes", minutes * instance->participants);
    mp_json_put_int(doc, "participants_count", instance->participants);
    mp_json_put_text(doc, "dept", "");
    mp_json_put_text(doc, "source", m->by_portal ? "Zoom" : m->host->account->app_name);
    sb_reply_json(call, reply, 200, doc);
}

void sb_past_instances(struct sb_call *call, struct sb_reply *reply)
{
    const struct sb_meeting *m = sb_map_get(&call->st->meetings, call->segments[2]);
    struct json_object *doc, *list;

    if (m == NULL || !sb_user_reached(call, m->host) || (m->deleted_at >= 0 && m->instance_count == 0)) {
        sb_reply_error(call, reply, SB_E_NO_MEETING, call->segments[2]);
        return;
    }
    doc = mp_json_object(call->arena);
    list = json_object_new_array();
    for (size_t i = 0; i < m->instance_count; i++) {
        struct json_object *row;

        if (m->instances[i]->ended_at + INSTANCES_REACH_MS < sb_now(call->st))
            continue;
        row = json_object_new_object();
        mp_json_put_text(row, "uuid", m->instances[i]->uuid);
        mp_json_put_text(row, "start_time", mp_time_format_seconds(call->arena, m->instances[i]->started_at));
        json_object_array_add(list, row);
    }
    mp_json_put(doc, "meetings", list);
    sb_reply_json(call, reply, 200, doc);
}
