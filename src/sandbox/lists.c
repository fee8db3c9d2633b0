#include "sandbox_int.h"

#include <stdlib.h>
#include <string.h>

#include "meetpool/clock.h"

/* GET /v2/users/{id}/meetings. */

enum list_type { SCHEDULED, LIVE, UPCOMING, UPCOMING_MEETINGS, PREVIOUS };
static const char *const types[] = {"scheduled", "live", "upcoming", "upcoming_meetings", "previous_meetings", NULL};

#define HALF_YEAR_MS (INT64_C(183) * MP_DAY_MS)

struct list_query {
    int type;
    int64_t from, to; /* -1: open */
    int64_t size, number;
    const char *text; /* what a page token is bound to */
};

static int64_t key_of(const struct sb_meeting *m)
{
    return m->start_at >= 0 ? m->start_at : m->created_at;
}

static bool belongs(const struct sb_state *st, const struct sb_meeting *m, const struct list_query *q)
{
    int64_t now = sb_now(st);
    int64_t start = key_of(m);
    int64_t end = start + m->duration_min * 60000;

    if (m->type == 1 || m->deleted_at >= 0 || m->unlisted_until > now || sb_meeting_expired(st, m))
        return false;
    if ((q->from >= 0 && start < q->from) || (q->to >= 0 && start >= q->to))
        return false;
    switch ((enum list_type)q->type) {
    case SCHEDULED:
        return true;
    case LIVE:
        return m->running_since >= 0;
    case UPCOMING:
    case UPCOMING_MEETINGS:
        return m->running_since >= 0 || (end > now && start < now + HALF_YEAR_MS);
    case PREVIOUS:
        return m->running_since < 0 && end <= now && start > now - HALF_YEAR_MS;
    }
    return false;
}

static int by_start(const void *a, const void *b)
{
    const struct sb_meeting *x = *(struct sb_meeting *const *)a;
    const struct sb_meeting *y = *(struct sb_meeting *const *)b;

    if (key_of(x) != key_of(y))
        return key_of(x) < key_of(y) ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* A date of the query at midnight in the query's zone; `days` later. */
static bool take_date(const struct sb_call *call, struct sb_reply *reply, const char *name, int64_t days, int64_t *out)
{
    const char *text = sb_query(call, name);
    const char *zone = sb_query(call, "timezone");
    struct mp_error err;
    int64_t before, after;
    enum mp_time_result result;

    *out = -1;
    if (text == NULL || text[0] == '\0')
        return true;
    if (zone == NULL || !mp_zone_known(zone))
        zone = "UTC";
    result = mp_time_parse(mp_slice_of(mp_arena_printf(call->arena, "%sT00:00:00", text)), zone, out, &before, &after);
    if (result == MP_TIME_GAP)
        *out = after;
    if (strlen(text) == 10 && (result == MP_TIME_OK || result == MP_TIME_GAP)) {
        *out += days * MP_DAY_MS;
        return true;
    }
    mp_error_init(&err, call->arena);
    mp_error_field(&err, name, "is not valid");
    sb_reply_invalid(call, reply, &err);
    return false;
}

static bool decode(const struct sb_call *call, struct sb_reply *reply, const struct sb_user *host, struct list_query *q)
{
    if (!sb_query_enum(call, reply, "type", types, &q->type) || !sb_query_int(call, reply, "page_size", 1, SB_PAGE_MAX, 30, &q->size) ||
        !sb_query_int(call, reply, "page_number", 1, 1000000, 1, &q->number) || !take_date(call, reply, "from", 0, &q->from) ||
        !take_date(call, reply, "to", 1, &q->to))
        return false;
    q->text =
        mp_arena_printf(call->arena, "meetings|%s|%d|%lld|%lld|%lld", host->id, q->type, (long long)q->size, (long long)q->from, (long long)q->to);
    return true;
}

/* Where the page starts: after the place the token names, so that a meeting made in between moves nothing. */
static bool first_of_page(const struct sb_call *call, struct sb_reply *reply, const struct list_query *q, struct sb_meeting *const *found,
                          size_t count, size_t *first)
{
    const char *token = sb_query(call, "next_page_token");
    int64_t start_at, id;

    *first = (size_t)((q->number - 1) * q->size);
    if (token == NULL || token[0] == '\0')
        return true;
    if (!sb_page_open(call, token, q->text, &start_at, &id)) {
        sb_reply_error(call, reply, SB_E_PAGE_TOKEN, NULL);
        return false;
    }
    for (*first = 0; *first < count; (*first)++) {
        const struct sb_meeting *m = found[*first];

        if (key_of(m) > start_at || (key_of(m) == start_at && m->id > id))
            break;
    }
    return true;
}

void sb_meetings_list(struct sb_call *call, struct sb_reply *reply)
{
    const struct sb_user *host = sb_user_of_path(call, reply, call->segments[2]);
    struct sb_meeting **found;
    struct json_object *doc, *list;
    struct list_query q;
    const char *next = "";
    size_t count = 0, first, size;

    if (host == NULL || !decode(call, reply, host, &q))
        return;
    if (!sb_user_may_host(host)) {
        sb_reply_error(call, reply, SB_E_NO_LICENCE, NULL);
        return;
    }
    found = mp_arena_array(call->arena, host->meeting_count + 1, sizeof(struct sb_meeting *));
    for (size_t i = 0; i < host->meeting_count; i++) {
        if (belongs(call->st, host->meetings[i], &q))
            found[count++] = host->meetings[i];
    }
    qsort(found, count, sizeof(struct sb_meeting *), by_start);
    if (!first_of_page(call, reply, &q, found, count, &first))
        return;
    size = (size_t)q.size;
    doc = mp_json_object(call->arena);
    list = json_object_new_array();
    for (size_t i = first; i < count && i < first + size; i++)
        json_object_array_add(list, sb_meeting_list_json(call, found[i]));
    if (first + size < count)
        next = sb_page_token(call, q.text, key_of(found[first + size - 1]), found[first + size - 1]->id);
    mp_json_put_int(doc, "page_count", (int64_t)((count + size - 1) / size));
    mp_json_put_int(doc, "page_number", (int64_t)(first / size + 1));
    mp_json_put_int(doc, "page_size", q.size);
    mp_json_put_int(doc, "total_records", (int64_t)count);
    mp_json_put_text(doc, "next_page_token", next);
    mp_json_put(doc, "meetings", list);
    sb_reply_json(call, reply, 200, doc);
}
