#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "meetpool/conf.h"

static void see(void *arg, const char *name, const char *value)
{
    (void)arg;
    if (!name[0] || !value[0])
        abort();
}

struct settings {
    const char *text, *url, *zone;
    struct mp_secret secret;
    int64_t number, seconds, bytes;
    bool flag;
};

static const struct mp_setting table[] = {
    MP_SETTING("A", MP_SET_TEXT, NULL, 0, 0, settings, text),
    MP_SETTING("B", MP_SET_URL, NULL, 0, 0, settings, url),
    MP_SETTING("C", MP_SET_ZONE, NULL, 0, 0, settings, zone),
    MP_SETTING("D", MP_SET_SECRET, NULL, 0, 0, settings, secret),
    MP_SETTING("E", MP_SET_INT, NULL, INT64_MIN, INT64_MAX, settings, number),
    MP_SETTING("F", MP_SET_SECONDS, NULL, 0, INT64_MAX, settings, seconds),
    MP_SETTING("G", MP_SET_BYTES, NULL, 0, INT64_MAX, settings, bytes),
    MP_SETTING("H", MP_SET_BOOL, NULL, 0, 0, settings, flag),
};

/* A failure is a configuration error of one line (what a file may hold is not in it), and a fill reads no more than the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mp_arena *arena;
    static int fd = -1;
    struct mp_conf_source *source;
    struct settings settings;
    struct mp_error err;
    char path[64];

    if (!arena)
        arena = mp_arena_new();
    if (fd < 0)
        fd = memfd_create("conf", 0);
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    mp_error_init(&err, arena);
    if (mp_conf_open(arena, path, &source, &err) == 0) {
        mp_conf_each(source, "", see, NULL);
        if (mp_conf_fill(arena, source, table, MP_COUNT(table), &settings, &err) == 0 && settings.text && !settings.text[0])
            abort();
    }
    if (mp_error_set(&err) && (err.code != MP_E_CONFIG || strchr(mp_error_message(&err), '\n')))
        abort();
    mp_arena_clear(arena);
    return 0;
}
