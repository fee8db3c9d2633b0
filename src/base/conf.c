#include "meetpool/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base_int.h"
#include "meetpool/buf.h"

#define FILE_BYTES ((size_t)1024 * 1024)

extern char **environ;

/* Any value may be a secret, so all are kept as such. */
struct setting_value {
    const char *name;
    struct mp_secret value;
    struct setting_value *next;
};

struct mp_conf_source {
    struct setting_value *values;
};

static bool is_name_start(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/* Takes a name off the front; false where there is none. */
static bool take_name(struct mp_slice *s, struct mp_slice *name)
{
    size_t len = 0;

    while (len < s->len && (is_name_start(s->p[len]) || (len > 0 && s->p[len] >= '0' && s->p[len] <= '9')))
        len++;
    *name = (struct mp_slice){s->p, len};
    s->p += len;
    s->len -= len;
    return len > 0;
}

static struct setting_value *find(const struct mp_conf_source *source, struct mp_slice name)
{
    for (struct setting_value *v = source->values; v; v = v->next) {
        if (mp_slice_eq_text(name, v->name))
            return v;
    }
    return NULL;
}

/* A later value of a name replaces the earlier one. */
static void set(struct mp_arena *arena, struct mp_conf_source *source, struct mp_slice name, struct mp_slice value)
{
    struct setting_value *v = find(source, name);

    if (!v) {
        v = MP_NEW(arena, struct setting_value);
        v->name = mp_arena_strndup(arena, name);
        v->next = source->values;
        source->values = v;
    }
    v->value = mp_secret_copy(arena, value);
}

static void skip(struct mp_slice *s, size_t len)
{
    s->p += len;
    s->len -= len;
}

/* '…': everything up to the next quote. */
static const char *read_literal(struct mp_slice *s, struct mp_buf *value)
{
    struct mp_slice inside;

    skip(s, 1);
    if (s->len == 0 || !memchr(s->p, '\'', s->len) || !mp_slice_split(s, '\'', &inside))
        return "has a quote that is not closed";
    mp_buf_add_slice(value, inside);
    return NULL;
}

/* "…" */
static const char *read_quoted(struct mp_slice *s, struct mp_buf *value)
{
    static const char from[] = "nt\"\\$", to[] = "\n\t\"\\$";

    for (skip(s, 1); s->len > 0; skip(s, 1)) {
        const char *escape;

        if (s->p[0] == '"') {
            skip(s, 1);
            return NULL;
        }
        if (s->p[0] != '\\') {
            mp_buf_append(value, s->p, 1);
            continue;
        }
        skip(s, 1);
        escape = s->len > 0 ? memchr(from, s->p[0], sizeof(from) - 1) : NULL;
        if (!escape)
            return "has an escape other than \\n \\t \\\" \\\\ \\$; put the value in single quotes";
        mp_buf_append(value, &to[escape - from], 1);
    }
    return "has a quote that is not closed";
}

/* Up to the end or to a # that follows a blank. */
static void read_bare(struct mp_slice *s, struct mp_buf *value)
{
    size_t len = 0;

    while (len < s->len && !(s->p[len] == '#' && (len == 0 || s->p[len - 1] == ' ' || s->p[len - 1] == '\t')))
        len++;
    mp_buf_add_slice(value, mp_slice_trim((struct mp_slice){s->p, len}));
    skip(s, len);
}

static const char *read_value(struct mp_slice s, struct mp_buf *value)
{
    const char *problem = NULL;

    s = mp_slice_trim(s);
    if (s.len > 0 && s.p[0] == '\'')
        problem = read_literal(&s, value);
    else if (s.len > 0 && s.p[0] == '"')
        problem = read_quoted(&s, value);
    else
        read_bare(&s, value);
    s = mp_slice_trim(s);
    if (!problem && s.len > 0 && s.p[0] != '#')
        problem = "has something behind the closing quote";
    return problem;
}

/* Returns what is wrong with the line, or NULL. */
static const char *read_line(struct mp_arena *arena, struct mp_conf_source *source, struct mp_slice line)
{
    const char *problem;
    struct mp_slice name;
    struct mp_buf value;

    if (line.len > 0 && line.p[line.len - 1] == '\r')
        line.len--;
    line = mp_slice_trim(line);
    if (line.len == 0 || line.p[0] == '#')
        return NULL;
    if (memchr(line.p, '\0', line.len))
        return "has a NUL byte";
    if (mp_slice_starts(line, "export ") || mp_slice_starts(line, "export\t")) {
        skip(&line, strlen("export "));
        line = mp_slice_trim(line);
    }
    if (!take_name(&line, &name))
        return "is not KEY=value";
    line = mp_slice_trim(line);
    if (!mp_slice_starts(line, "="))
        return "is not KEY=value";
    skip(&line, 1);
    mp_buf_init(&value, arena, line.len);
    problem = read_value(line, &value);
    if (!problem)
        set(arena, source, name, mp_buf_slice(&value));
    if (value.p)
        explicit_bzero(value.p, value.cap);
    return problem;
}

static int read_text(struct mp_arena *arena, struct mp_conf_source *source, const char *path, struct mp_slice text, struct mp_error *err)
{
    struct mp_slice line;
    unsigned number = 0;

    if (mp_slice_starts(text, "\xef\xbb\xbf"))
        skip(&text, 3);
    while (mp_slice_split(&text, '\n', &line)) {
        const char *problem = read_line(arena, source, line);

        number++;
        if (problem)
            return mp_fail(err, MP_E_CONFIG, "%s: line %u %s", path, number, problem);
    }
    return 0;
}

/* Returns the length, or -1 with errno; EFBIG where there is more than `most`. */
static ssize_t read_whole(const char *path, char *bytes, size_t most)
{
    size_t len = 0;
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return -1;
    do {
        got = read(fd, bytes + len, most - len);
        if (got > 0)
            len += (size_t)got;
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got == 0 && len == most) {
        errno = EFBIG;
        got = -1;
    }
    close(fd);
    return got < 0 ? -1 : (ssize_t)len;
}

static int read_file(struct mp_arena *arena, struct mp_conf_source *source, const char *path, struct mp_error *err)
{
    char *bytes = malloc(FILE_BYTES); /* not from the arena, which may live as long as the process */
    ssize_t len;
    int rc;

    if (!bytes)
        mp_die_no_memory();
    len = read_whole(path, bytes, FILE_BYTES);
    if (len < 0)
        rc = mp_fail(err, MP_E_CONFIG, "%s: the configuration cannot be read: %s", path, strerror(errno));
    else
        rc = read_text(arena, source, path, (struct mp_slice){bytes, (size_t)len}, err);
    explicit_bzero(bytes, len < 0 ? FILE_BYTES : (size_t)len);
    free(bytes);
    return rc;
}

static void read_environment(struct mp_arena *arena, struct mp_conf_source *source)
{
    for (char **entry = environ; entry && *entry; entry++) {
        struct mp_slice rest = mp_slice_of(*entry), name;

        if (!take_name(&rest, &name) || rest.len < 2 || rest.p[0] != '=')
            continue;
        skip(&rest, 1);
        set(arena, source, name, rest);
    }
}

int mp_conf_open(struct mp_arena *arena, const char *path, struct mp_conf_source **out, struct mp_error *err)
{
    struct mp_conf_source *source = MP_NEW(arena, struct mp_conf_source);

    if (path && read_file(arena, source, path, err) < 0)
        return -1;
    read_environment(arena, source);
    *out = source;
    return 0;
}

const char *mp_conf_get(const struct mp_conf_source *source, const char *name)
{
    const struct setting_value *v = find(source, mp_slice_of(name));

    return v ? mp_secret_expose(&v->value).p : NULL;
}

void mp_conf_each(const struct mp_conf_source *source, const char *prefix, void (*seen)(void *arg, const char *name, const char *value), void *arg)
{
    for (const struct setting_value *v = source->values; v; v = v->next) {
        if (mp_slice_starts(mp_slice_of(v->name), prefix) && mp_secret_is_set(&v->value))
            seen(arg, v->name, mp_secret_expose(&v->value).p);
    }
}
