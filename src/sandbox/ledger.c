#include "sandbox_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The ledger of calls: a ring, so that a long run does not eat the memory. `seq` counts from 1 and never goes back but on reset. */

static void keep(char *to, size_t size, const char *text)
{
    (void)snprintf(to, size, "%s", text);
}

int64_t sb_ledger_begin(struct sb_call *call, const char *account, const char *host)
{
    struct sb_state *st = call->st;
    struct sb_call_entry *entry;

    if (st->calls == NULL)
        st->calls = sb_alloc(SB_CALLS_KEPT * sizeof(*st->calls));
    entry = &st->calls[st->call_seq % SB_CALLS_KEPT];
    memset(entry, 0, sizeof(*entry));
    entry->seq = ++st->call_seq;
    entry->at_ms = sb_now(st);
    entry->took_ms = -1;
    keep(entry->method, sizeof(entry->method), call->method);
    keep(entry->path, sizeof(entry->path), call->uri);
    keep(entry->account, sizeof(entry->account), account);
    keep(entry->host, sizeof(entry->host), host);
    keep(entry->authority, sizeof(entry->authority), call->authority == NULL ? "" : call->authority);
    entry->authorized = call->authorization != NULL;
    return entry->seq;
}

struct sb_call_entry *sb_ledger_entry(const struct sb_state *st, int64_t seq)
{
    struct sb_call_entry *entry;

    if (st->calls == NULL || seq <= 0)
        return NULL;
    entry = &st->calls[(seq - 1) % SB_CALLS_KEPT];
    return entry->seq == seq ? entry : NULL;
}

void sb_ledger_clear(struct sb_state *st)
{
    free(st->calls);
    st->calls = NULL;
    st->call_seq = 0;
}

static struct json_object *entry_json(const struct sb_call_entry *entry)
{
    struct json_object *doc = json_object_new_object();

    mp_json_put_int(doc, "seq", entry->seq);
    mp_json_put_time(doc, "at", entry->at_ms);
    mp_json_put_int(doc, "at_ms", entry->at_ms);
    mp_json_put_text(doc, "method", entry->method);
    mp_json_put_text(doc, "path", entry->path);
    mp_json_put_text(doc, "account", entry->account[0] == '\0' ? NULL : entry->account);
    mp_json_put_text(doc, "host", entry->host[0] == '\0' ? NULL : entry->host);
    mp_json_put_text(doc, "authority", entry->authority);
    mp_json_put_bool(doc, "authorized", entry->authorized);
    mp_json_put_bool(doc, "done", entry->took_ms >= 0);
    if (entry->took_ms >= 0)
        mp_json_put_int(doc, "took_ms", entry->took_ms);
    mp_json_put_bool(doc, "processed", entry->processed);
    if (entry->status != 0)
        mp_json_put_int(doc, "status", entry->status);
    else
        mp_json_put_null(doc, "status");
    if (entry->fault != 0)
        mp_json_put_int(doc, "fault", entry->fault);
    else
        mp_json_put_null(doc, "fault");
    mp_json_put_text(doc, "tracking_id", entry->tracking_id);
    return doc;
}

struct json_object *sb_ledger_json(const struct sb_call *call)
{
    const struct sb_state *st = call->st;
    struct json_object *doc = mp_json_object(call->arena);
    struct json_object *list = json_object_new_array();
    const char *since_text = sb_query(call, "since");
    unsigned long long since = 0;
    int64_t seq;

    if (since_text != NULL)
        (void)mp_slice_to_u64(mp_slice_of(since_text), INT64_MAX, &since);
    seq = (int64_t)since + 1;
    if (st->call_seq > SB_CALLS_KEPT && seq <= st->call_seq - SB_CALLS_KEPT)
        seq = st->call_seq - SB_CALLS_KEPT + 1;
    for (; seq <= st->call_seq; seq++) {
        const struct sb_call_entry *entry = sb_ledger_entry(st, seq);

        if (entry != NULL)
            json_object_array_add(list, entry_json(entry));
    }
    mp_json_put_int(doc, "last_seq", st->call_seq);
    mp_json_put(doc, "calls", list);
    return doc;
}
