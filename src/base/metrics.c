#include "meetpool/metrics.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "meetpool/buf.h"

#define SERIES     4096 /* a power of two */
#define LABEL_MAX  64
#define LABELS_MAX 2
/* How many are looked at before a series counts as one that found no room. */
#define PROBES    64
#define TEXT_MOST (4u * 1024 * 1024)

/* Upper bounds in ms; the last bucket has none. A time's second label is its bucket, or "sum". */
static const int64_t bounds_ms[] = {5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 600000};
#define BUCKETS (MP_COUNT(bounds_ms) + 1)

static const struct family {
    const char *name, *labels, *help;
    bool time;
} families[MP_METRIC_COUNT] = {
#define COUNTER(name, family, labels, help) {family, labels, help, false},
#define TIME(name, family, labels, help)    {family, labels, help, true},
    MP_COUNTERS(COUNTER) MP_TIMES(TIME)
#undef COUNTER
#undef TIME
};

enum { EMPTY, BEING_MADE, THERE };

struct name {
    int metric;
    int bucket; /* of a time: its index, BUCKETS for the sum in ms; else 0 */
    char label[LABELS_MAX][LABEL_MAX];
};

struct series {
    _Atomic int state;
    struct name name;
    _Atomic int64_t value;
};

struct mp_metrics {
    struct series series[SERIES];
    _Atomic int64_t lost; /* found no room, not even as "other" */
};

struct mp_metrics *mp_metrics_new(void)
{
    void *memory = mmap(NULL, sizeof(struct mp_metrics), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

void mp_metrics_free(struct mp_metrics *metrics)
{
    if (metrics != NULL)
        munmap(metrics, sizeof(*metrics));
}

/* ---- Counting ---- */

static size_t labels_of(const struct family *family)
{
    if (family->labels[0] == '\0')
        return 0;
    return strchr(family->labels, ',') != NULL ? 2 : 1;
}

static void set_label(struct name *name, size_t i, const char *value)
{
    size_t len;

    if (value == NULL)
        value = "none";
    len = strlen(value);
    if (len >= LABEL_MAX)
        len = LABEL_MAX - 1;
    memcpy(name->label[i], value, len);
}

/* FNV-1a: https://datatracker.ietf.org/doc/html/draft-eastlake-fnv */
static uint32_t hash_of(const struct name *name)
{
    const unsigned char *bytes = (const unsigned char *)name;
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < sizeof(*name); i++)
        hash = (hash ^ bytes[i]) * 16777619U;
    return hash;
}

/* Whoever makes a series has it to itself for a moment; who meets it then counts elsewhere rather than waits, as its maker may have died. */
static struct series *find(struct mp_metrics *metrics, const struct name *name)
{
    uint32_t at = hash_of(name);

    for (unsigned i = 0; i < PROBES; i++) {
        struct series *series = &metrics->series[(at + i) & (SERIES - 1)];
        int state = atomic_load_explicit(&series->state, memory_order_acquire);

        if (state == EMPTY && atomic_compare_exchange_strong(&series->state, &state, BEING_MADE)) {
            series->name = *name;
            atomic_store_explicit(&series->state, THERE, memory_order_release);
            return series;
        }
        if (state == THERE && memcmp(&series->name, name, sizeof(*name)) == 0)
            return series;
    }
    return NULL;
}

static void add(struct mp_metrics *metrics, const struct name *name, int64_t n)
{
    struct series *series = find(metrics, name);

    if (series == NULL) {
        struct name other = {.metric = name->metric, .bucket = name->bucket};
        for (size_t i = 0; i < labels_of(&families[name->metric]); i++)
            set_label(&other, i, "other");
        series = find(metrics, &other);
    }
    atomic_fetch_add_explicit(series != NULL ? &series->value : &metrics->lost, n, memory_order_relaxed);
}

void mp_metric_add(struct mp_metrics *metrics, enum mp_metric metric, const char *label1, const char *label2, int64_t n)
{
    struct name name = {.metric = (int)metric};
    size_t labels = labels_of(&families[metric]);

    if (metrics == NULL)
        return;
    if (labels > 0)
        set_label(&name, 0, label1);
    if (labels > 1)
        set_label(&name, 1, label2);
    add(metrics, &name, n);
}

void mp_metric_time(struct mp_metrics *metrics, enum mp_metric metric, const char *label, int64_t ms)
{
    struct name name = {.metric = (int)metric};
    size_t bucket = 0;

    if (metrics == NULL)
        return;
    set_label(&name, 0, label);
    while (bucket < MP_COUNT(bounds_ms) && ms > bounds_ms[bucket])
        bucket++;
    name.bucket = (int)bucket;
    add(metrics, &name, 1);
    name.bucket = (int)BUCKETS;
    add(metrics, &name, ms);
}

/* ---- Telling ---- */

char *mp_metric_label(struct mp_arena *arena, const char *value)
{
    struct mp_buf out;

    mp_buf_init(&out, arena, TEXT_MOST);
    for (const char *p = value; *p != '\0'; p++) {
        if (*p == '\n')
            mp_buf_add(&out, "\\n");
        else if (*p == '\\' || *p == '"')
            mp_buf_addf(&out, "\\%c", *p);
        else
            mp_buf_append(&out, p, 1);
    }
    return mp_arena_strdup(arena, mp_buf_text(&out));
}

/* A series as it was when it was looked at. */
struct reading {
    struct name name;
    int64_t value;
};

static int in_order(const void *a, const void *b)
{
    const struct name *x = &((const struct reading *)a)->name, *y = &((const struct reading *)b)->name;
    int labels;

    if (x->metric != y->metric)
        return x->metric - y->metric;
    labels = memcmp(x->label, y->label, sizeof(x->label));
    return labels != 0 ? labels : x->bucket - y->bucket;
}

/* Two that made the same series at the same moment made two of them: they are one to the reader. */
static size_t merge(struct reading *all, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && in_order(&all[kept - 1], &all[i]) == 0)
            all[kept - 1].value += all[i].value;
        else
            all[kept++] = all[i];
    }
    return kept;
}

static size_t gather(struct mp_metrics *metrics, struct reading *all)
{
    size_t count = 0;

    for (size_t i = 0; i < SERIES; i++) {
        struct series *series = &metrics->series[i];

        if (atomic_load_explicit(&series->state, memory_order_acquire) != THERE)
            continue;
        all[count].name = series->name;
        all[count++].value = atomic_load_explicit(&series->value, memory_order_relaxed);
    }
    qsort(all, count, sizeof(*all), in_order);
    return merge(all, count);
}

static void tell_counter(struct mp_buf *out, struct mp_arena *arena, const struct family *family, const struct reading *one)
{
    size_t labels = labels_of(family), first = strcspn(family->labels, ",");

    mp_buf_add(out, family->name);
    if (labels > 0)
        mp_buf_addf(out, "{%.*s=\"%s\"", (int)first, family->labels, mp_metric_label(arena, one->name.label[0]));
    if (labels > 1)
        mp_buf_addf(out, ",%s=\"%s\"", family->labels + first + 1, mp_metric_label(arena, one->name.label[1]));
    mp_buf_addf(out, "%s %lld\n", labels > 0 ? "}" : "", (long long)one->value);
}

/* `group`: the buckets of one label, and the sum. */
static void tell_time(struct mp_buf *out, struct mp_arena *arena, const struct family *family, const struct reading *group, size_t count)
{
    const char *label = mp_metric_label(arena, group[0].name.label[0]);
    int64_t total = 0, sum_ms = 0;
    size_t next = 0;

    for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
        if (next < count && group[next].name.bucket == (int)bucket)
            total += group[next++].value;
        mp_buf_addf(out, "%s_bucket{%s=\"%s\",le=\"", family->name, family->labels, label);
        if (bucket < MP_COUNT(bounds_ms))
            mp_buf_addf(out, "%g\"} %lld\n", (double)bounds_ms[bucket] / 1000.0, (long long)total);
        else
            mp_buf_addf(out, "+Inf\"} %lld\n", (long long)total);
    }
    if (next < count)
        sum_ms = group[next].value;
    mp_buf_addf(out, "%s_sum{%s=\"%s\"} %.3f\n", family->name, family->labels, label, (double)sum_ms / 1000.0);
    mp_buf_addf(out, "%s_count{%s=\"%s\"} %lld\n", family->name, family->labels, label, (long long)total);
}

static bool is_same_time(const struct reading *a, const struct reading *b)
{
    return a->name.metric == b->name.metric && memcmp(a->name.label, b->name.label, sizeof(a->name.label)) == 0;
}

/* All series of one family, from `all` on; how many they were. */
static size_t tell_family(struct mp_buf *out, struct mp_arena *arena, int metric, const struct reading *all, size_t count)
{
    const struct family *family = &families[metric];
    size_t at = 0;

    mp_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name, family->time ? "histogram" : "counter");
    while (at < count && all[at].name.metric == metric) {
        size_t group = 1;

        while (family->time && at + group < count && is_same_time(&all[at], &all[at + group]))
            group++;
        if (family->time)
            tell_time(out, arena, family, all + at, group);
        else
            tell_counter(out, arena, family, &all[at]);
        at += group;
    }
    return at;
}

char *mp_metrics_text(struct mp_metrics *metrics, struct mp_arena *arena)
{
    struct reading *all = mp_arena_array(arena, SERIES, sizeof(*all));
    size_t count = metrics != NULL ? gather(metrics, all) : 0, at = 0;
    struct mp_buf out;

    mp_buf_init(&out, arena, TEXT_MOST);
    for (int metric = 0; metric < MP_METRIC_COUNT; metric++)
        at += tell_family(&out, arena, metric, all + at, count - at);
    if (metrics != NULL)
        mp_buf_addf(&out, "# HELP meetpool_metrics_lost_total Counted, but not kept: there was no room for another series\n"
                          "# TYPE meetpool_metrics_lost_total counter\nmeetpool_metrics_lost_total %lld\n",
                    (long long)atomic_load_explicit(&metrics->lost, memory_order_relaxed));
    return mp_arena_strdup(arena, mp_buf_text(&out));
}
