#ifndef MEETPOOL_CONF_H
#define MEETPOOL_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/error.h"
#include "meetpool/secret.h"

/*
 * Settings are rows of tables. Each room owns the table and the struct of its own settings; this module knows types and ranges only.
 * Where a value comes from: the environment, else the file (`.env` syntax), else the default. A wrong value is an MP_E_CONFIG whose message is one
 * line that names the variable, never its value where that is secret.
 */
enum mp_setting_type {
    MP_SET_TEXT,    /* const char * (NULL where unset and no default) */
    MP_SET_SECRET,  /* struct mp_secret */
    MP_SET_INT,     /* int64_t */
    MP_SET_SECONDS, /* int64_t, whole seconds; a trailing s, m, h or d is taken */
    MP_SET_BYTES,   /* int64_t; a trailing K, M, G, KiB, MiB, GiB is taken */
    MP_SET_BOOL,    /* bool: true, false, 1, 0, yes, no, on, off */
    MP_SET_URL,     /* const char *: http or https, a host, no user, no query, no trailing slash kept */
    MP_SET_ZONE     /* const char *: a zone of the IANA data base */
};

struct mp_setting {
    const char *name;
    enum mp_setting_type type;
    const char *fallback; /* in the file's syntax; NULL: unset */
    int64_t least, most;  /* numbers; for texts the length */
    size_t offset;        /* of the member in the room's struct */
};
#define MP_SETTING(name, type, fallback, least, most, strct, member)                                                                                 \
    {                                                                                                                                                \
        name, type, fallback, least, most, offsetof(struct strct, member)                                                                            \
    }

/* Where values come from. Lines of the file: KEY=value, optional `export `, '…' literal, "…" with \n \t \" \\ \$, # comments. */
struct mp_conf_source;

/* `path` NULL: the environment alone. Errors: MP_E_CONFIG (cannot be read, line N is not KEY=value). Reads the file anew on each call (SIGHUP). */
int mp_conf_open(struct mp_arena *arena, const char *path, struct mp_conf_source **out, struct mp_error *err) MP_MUST_CHECK;
/* The raw value; NULL where unset. An empty value counts as unset. */
const char *mp_conf_get(const struct mp_conf_source *source, const char *name);
/* Calls `seen` for every name that starts with `prefix`, in no order. For numbered families. */
void mp_conf_each(const struct mp_conf_source *source, const char *prefix, void (*seen)(void *arg, const char *name, const char *value), void *arg);
/* Fills the members of `out` that `table` (`rows` long) names. */
int mp_conf_fill(struct mp_arena *arena, const struct mp_conf_source *source, const struct mp_setting *table, size_t rows, void *out,
                 struct mp_error *err) MP_MUST_CHECK;

#endif
