#include <stdlib.h>
#include <string.h>

#include "api_int.h"
#include "meetpool/buf.h"

#define SEGMENTS_MAX 12
#define ALLOW_MAX    128

/* How much a segment of a pattern says: the more, the earlier it is tried. */
enum segment_kind { SEGMENT_LITERAL, SEGMENT_PARAM_SUFFIX, SEGMENT_PARAM };

struct segment {
    enum segment_kind kind;
    struct mp_slice text; /* the literal, or what stands behind '}' */
};

struct entry {
    const struct mp_route *route;
    bool root;
    size_t count;
    struct segment segments[SEGMENTS_MAX];
};

struct mp_router {
    struct entry *entries; /* by number of segments, then the most telling first */
    size_t count;
    size_t first[SEGMENTS_MAX + 2]; /* where the entries of n segments start */
};

struct split_path {
    bool root;
    size_t count;
    const char *segments[SEGMENTS_MAX]; /* decoded, one by one: a decoded slash stays inside its segment */
};

static void entry_init(struct entry *entry, const struct mp_route *route)
{
    struct mp_slice rest = mp_slice_of(route->path), part;

    entry->route = route;
    entry->root = (route->flags & MP_ROUTE_ROOT) != 0;
    while (entry->count < SEGMENTS_MAX && mp_slice_split(&rest, '/', &part)) {
        struct segment *segment = &entry->segments[entry->count++];
        const char *close = part.p[0] == '{' ? memchr(part.p, '}', part.len) : NULL;
        if (close == NULL) {
            segment->text = part;
            continue;
        }
        segment->text = (struct mp_slice){close + 1, part.len - (size_t)(close + 1 - part.p)};
        segment->kind = segment->text.len > 0 ? SEGMENT_PARAM_SUFFIX : SEGMENT_PARAM;
    }
}

static int entry_compare(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (size_t i = 0; i < a->count; i++)
        if (a->segments[i].kind != b->segments[i].kind)
            return a->segments[i].kind < b->segments[i].kind ? -1 : 1;
    return strcmp(a->route->path, b->route->path);
}

struct mp_router *mp_router_new(struct mp_arena *arena, const struct mp_route_table *const *tables, size_t count)
{
    struct mp_router *router = MP_NEW(arena, struct mp_router);
    size_t rows = 0;

    for (size_t i = 0; i < count; i++)
        rows += tables[i]->count;
    router->entries = mp_arena_array(arena, rows, sizeof(struct entry));
    for (size_t i = 0; i < count; i++)
        for (size_t row = 0; row < tables[i]->count; row++)
            entry_init(&router->entries[router->count++], &tables[i]->rows[row]);
    qsort(router->entries, router->count, sizeof(struct entry), entry_compare);
    for (size_t n = 0, at = 0; n < MP_COUNT(router->first); n++) {
        while (at < router->count && router->entries[at].count < n)
            at++;
        router->first[n] = at;
    }
    return router;
}

/* Where the route's own part starts: behind /api/v1/ or /api/; behind the first slash for what is not under /api. */
static const char *skip_prefix(const char *uri, bool *root)
{
    *root = false;
    if (strncmp(uri, "/api/v1/", 8) == 0)
        return uri + 8;
    if (strncmp(uri, "/api/", 5) == 0)
        return uri + 5;
    *root = true;
    return uri + 1;
}

/* nginx decides by the normalised path, we by the raw one: what the two could read differently is refused. */
static int split_uri(struct mp_arena *arena, const char *uri, struct split_path *out, struct mp_error *err)
{
    const char *start;
    struct mp_slice rest, part;

    if (uri == NULL || uri[0] != '/')
        return mp_fail(err, MP_E_BAD_REQUEST, "The address must start with a slash.");
    start = skip_prefix(uri, &out->root);
    rest = (struct mp_slice){start, strcspn(start, "?#")};
    if (rest.len == 0 || rest.p[rest.len - 1] == '/')
        return mp_fail_log(err, MP_E_NOT_FOUND, "no such route");
    while (mp_slice_split(&rest, '/', &part)) {
        const char *text;
        if (out->count == SEGMENTS_MAX)
            return mp_fail_log(err, MP_E_NOT_FOUND, "no such route");
        if (!mp_percent_decode(arena, part, false, &text))
            return mp_fail(err, MP_E_BAD_REQUEST, "The address holds a broken percent escape, a control character or what is not UTF-8.");
        if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
            return mp_fail(err, MP_E_BAD_REQUEST, "The address holds a dot segment.");
        if (text[0] == '\0')
            return mp_fail_log(err, MP_E_NOT_FOUND, "no such route");
        out->segments[out->count++] = text;
    }
    return 0;
}

static bool segment_matches(const struct segment *segment, const char *text)
{
    size_t len = strlen(text), tail = segment->text.len;

    if (segment->kind == SEGMENT_LITERAL)
        return len == tail && memcmp(text, segment->text.p, len) == 0;
    return len > tail && memcmp(text + len - tail, segment->text.p, tail) == 0;
}

static bool entry_matches(const struct entry *entry, const struct split_path *path)
{
    if (entry->root != path->root)
        return false;
    for (size_t i = 0; i < entry->count; i++)
        if (!segment_matches(&entry->segments[i], path->segments[i]))
            return false;
    return true;
}

static void fill_params(const struct entry *entry, const struct split_path *path, struct mp_arena *arena, struct mp_route_match *match)
{
    size_t n = 0;

    for (size_t i = 0; i < entry->count && n < MP_COUNT(match->params); i++) {
        const char *text = path->segments[i];
        if (entry->segments[i].kind != SEGMENT_LITERAL)
            match->params[n++] = mp_arena_strndup(arena, (struct mp_slice){text, strlen(text) - entry->segments[i].text.len});
    }
}

static const char *join_path(const struct split_path *path, struct mp_arena *arena)
{
    struct mp_buf buf;

    mp_buf_init(&buf, arena, 64 * 1024);
    for (size_t i = 0; i < path->count; i++) {
        if (i > 0)
            mp_buf_add(&buf, "/");
        mp_buf_add(&buf, path->segments[i]);
    }
    return mp_buf_text(&buf);
}

static void allow_add(struct mp_buf *allow, const char *method)
{
    /* No method's name is a part of another's. */
    if (strstr(mp_buf_text(allow), method) != NULL)
        return;
    if (allow->len > 0)
        mp_buf_add(allow, ", ");
    mp_buf_add(allow, method);
    if (strcmp(method, "GET") == 0)
        mp_buf_add(allow, ", HEAD");
}

int mp_router_find(const struct mp_router *router, struct mp_arena *arena, const char *method, const char *uri, struct mp_route_match *match,
                   struct mp_error *err)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    struct split_path path = {0};
    struct mp_buf allow;

    *match = (struct mp_route_match){0};
    if (split_uri(arena, uri, &path, err) < 0)
        return -1;
    mp_buf_init(&allow, arena, ALLOW_MAX);
    for (size_t i = router->first[path.count]; i < router->first[path.count + 1]; i++) {
        const struct entry *entry = &router->entries[i];
        if (!entry_matches(entry, &path))
            continue;
        allow_add(&allow, entry->route->method);
        if (match->route == NULL && strcmp(entry->route->method, wanted) == 0) {
            match->route = entry->route;
            fill_params(entry, &path, arena, match);
        }
    }
    if (allow.len == 0)
        return mp_fail_log(err, MP_E_NOT_FOUND, "no such route");
    mp_buf_add(&allow, ", OPTIONS");
    match->allow = mp_buf_text(&allow);
    match->path = join_path(&path, arena);
    if (match->route != NULL || strcmp(method, "OPTIONS") == 0)
        return 0;
    err->allow = match->allow;
    return mp_fail_log(err, MP_E_METHOD, "the path takes %s", match->allow);
}
