#include <string.h>

#include "meeting_int.h"

/* Pages of a host's list that are read; 300 meetings each. */
#define SEARCH_PAGES 20
#define PARALLEL     16

struct list_call {
    const char *host;
    const char *page_token;
    struct mp_zoom_meeting_list *list;
};

struct get_call {
    int64_t zoom_id;
    struct mp_zoom_meeting meeting;
};

static const char *host_user(const struct mp_ctx *ctx, int account, int host)
{
    return host >= 0 ? mp_account_entry(ctx->account_conf, (size_t)account)->hosts[host].user : "me";
}

static void do_list(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct list_call *call = arg;

    mp_zoom_meeting_list(ctx->zoom, ctx->arena, token, timeout_ms, call->host, call->page_token, call->list, res);
}

static void start_list(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct list_call *call = arg;

    mp_zoom_meeting_list_start(ctx->zoom, ctx->arena, token, timeout_ms, call->host, call->page_token, call->list, res);
}

static void start_get(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct get_call *call = arg;

    mp_zoom_meeting_get_start(ctx->zoom, ctx->arena, token, timeout_ms, call->zoom_id, &call->meeting, res);
}

/* What is known of one host: its pages as far as they were read, or why they cannot be. */
struct seen_host {
    int account, host;
    struct mp_zoom_meeting_list pages[SEARCH_PAGES];
    int count;
    struct mp_zoom_result failure; /* OK: none */
    struct seen_host *next;
};

static struct seen_host *seen_host(struct mp_ctx *ctx, struct meeting_seen *seen, int account, int host)
{
    struct seen_host *one = seen->hosts;

    while (one != NULL && (one->account != account || one->host != host))
        one = one->next;
    if (one == NULL) {
        one = MP_NEW(ctx->arena, struct seen_host);
        *one = (struct seen_host){.account = account, .host = host, .failure.cls = MP_ZOOM_OK, .next = seen->hosts};
        seen->hosts = one;
    }
    return one;
}

/* The page behind those that were read. */
static bool read_page(struct mp_ctx *ctx, struct seen_host *one, int64_t deadline_ms)
{
    struct list_call call = {.host = host_user(ctx, one->account, one->host), .list = &one->pages[one->count]};

    if (one->failure.cls != MP_ZOOM_OK)
        return false;
    if (one->count > 0)
        call.page_token = one->pages[one->count - 1].next_page_token;
    mp_account_call(ctx, (size_t)one->account, one->host, deadline_ms, do_list, &call, &one->failure);
    if (one->failure.cls != MP_ZOOM_OK)
        return false;
    one->count++;
    return true;
}

static bool find_marker(struct mp_ctx *ctx, const struct mp_zoom_meeting_list *list, const char *ref, struct mp_zoom_meeting *found)
{
    struct mp_error err;

    mp_error_init(&err, ctx->arena);
    for (size_t i = 0; i < list->count; i++) {
        const char *read = NULL;

        if (meeting_marker_read(ctx, list->items[i].agenda, &read, &err) > 0 && strcmp(read, ref) == 0) {
            *found = list->items[i];
            return true;
        }
    }
    return false;
}

int meeting_search_seen(struct mp_ctx *ctx, struct meeting_seen *seen, int account, int host, const char *ref, int64_t deadline_ms,
                        struct mp_zoom_meeting *found, struct mp_zoom_result *res)
{
    struct meeting_seen nothing = {0};
    struct seen_host *one = seen_host(ctx, seen != NULL ? seen : &nothing, account, host);

    for (int page = 0; page < SEARCH_PAGES; page++) {
        if (page == one->count && !read_page(ctx, one, deadline_ms)) {
            *res = one->failure;
            return -1;
        }
        if (find_marker(ctx, &one->pages[page], ref, found))
            return 1;
        if (one->pages[page].next_page_token == NULL || one->pages[page].next_page_token[0] == '\0')
            return 0;
    }
    *res = (struct mp_zoom_result){.cls = MP_ZOOM_REFUSED, .message = "the host has too many meetings to search them all", .retry_after_ms = -1};
    return -1;
}

int meeting_search(struct mp_ctx *ctx, int account, int host, const char *ref, int64_t deadline_ms, struct mp_zoom_meeting *found,
                   struct mp_zoom_result *res)
{
    return meeting_search_seen(ctx, NULL, account, host, ref, deadline_ms, found, res);
}

/* The first page of every host that is concerned and was not read yet. */
static void read_ahead(struct mp_ctx *ctx, struct meeting_seen *seen, const struct meeting_wanted *wanted, size_t count, int64_t deadline_ms)
{
    struct mp_account_job *jobs = mp_arena_array(ctx->arena, count + 1, sizeof(*jobs));
    struct list_call *calls = mp_arena_array(ctx->arena, count + 1, sizeof(*calls));
    struct seen_host **hosts = mp_arena_array(ctx->arena, count + 1, sizeof(struct seen_host *));
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        struct seen_host *one = seen_host(ctx, seen, wanted[i].account, wanted[i].host);
        bool has = one->count > 0 || one->failure.cls != MP_ZOOM_OK;

        for (size_t k = 0; k < n; k++)
            has = has || hosts[k] == one;
        if (has)
            continue;
        calls[n] = (struct list_call){.host = host_user(ctx, one->account, one->host), .list = &one->pages[0]};
        jobs[n] = (struct mp_account_job){.account = (size_t)one->account, .host = one->host, .arg = &calls[n]};
        hosts[n++] = one;
    }
    mp_account_call_many(ctx, jobs, n, PARALLEL, deadline_ms, start_list);
    for (size_t i = 0; i < n; i++) {
        hosts[i]->failure = jobs[i].res;
        hosts[i]->count = jobs[i].res.cls == MP_ZOOM_OK ? 1 : 0;
    }
}

/* A list does not hold all that is to be known of a meeting. */
static void read_found(struct mp_ctx *ctx, struct meeting_wanted *wanted, size_t count, int64_t deadline_ms)
{
    struct mp_account_job *jobs = mp_arena_array(ctx->arena, count + 1, sizeof(*jobs));
    struct get_call *calls = mp_arena_array(ctx->arena, count + 1, sizeof(*calls));
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        if (!wanted[i].found)
            continue;
        calls[n] = (struct get_call){.zoom_id = wanted[i].meeting.id};
        jobs[n] = (struct mp_account_job){.account = (size_t)wanted[i].account, .host = wanted[i].host, .arg = &calls[n]};
        n++;
    }
    mp_account_call_many(ctx, jobs, n, PARALLEL, deadline_ms, start_get);
    for (size_t i = 0, k = 0; i < count; i++) {
        if (wanted[i].found && jobs[k++].res.cls == MP_ZOOM_OK)
            wanted[i].meeting = calls[k - 1].meeting;
    }
}

void meeting_search_many(struct mp_ctx *ctx, struct meeting_seen *seen, struct meeting_wanted *wanted, size_t count, int64_t deadline_ms)
{
    struct mp_zoom_result res;

    read_ahead(ctx, seen, wanted, count, deadline_ms);
    for (size_t i = 0; i < count; i++)
        wanted[i].found = meeting_search_seen(ctx, seen, wanted[i].account, wanted[i].host, wanted[i].ref, deadline_ms, &wanted[i].meeting, &res) > 0;
    read_found(ctx, wanted, count, deadline_ms);
}
