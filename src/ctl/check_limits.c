#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ctl_int.h"

#define NGINX_USUAL "/etc/nginx/nginx.conf"
/* nginx' own, where its configuration does not say. */
#define NGINX_CONNECTIONS 512
/* A process' sockets: nginx, the database, Zoom and the storage with what is kept open, the log. */
#define FILES_NEEDED 128

struct nginx {
    int64_t processes, connections;
};

/* "worker_connections 768;": its number; "auto": of processors; -1: another directive. */
static int64_t directive(struct mp_slice line, const char *name)
{
    struct mp_slice word = mp_slice_trim(line);
    unsigned long long value;

    if (!mp_slice_starts(word, name))
        return -1;
    word.p += strlen(name);
    word.len -= strlen(name);
    if (word.len == 0 || (word.p[0] != ' ' && word.p[0] != '\t') || memchr(word.p, ';', word.len) == NULL)
        return -1;
    word.len = (size_t)((const char *)memchr(word.p, ';', word.len) - word.p);
    word = mp_slice_trim(word);
    if (mp_slice_eq_text(word, "auto"))
        return sysconf(_SC_NPROCESSORS_ONLN);
    return mp_slice_to_u64(word, INT32_MAX, &value) ? (int64_t)value : -1;
}

/* The two that matter stand in the main file, as a rule alone on their lines. */
static bool read_nginx(const char *path, struct nginx *nginx)
{
    FILE *file = fopen(path, "re");
    char line[1024];

    if (file == NULL)
        return false;
    *nginx = (struct nginx){1, NGINX_CONNECTIONS};
    while (fgets(line, sizeof(line), file) != NULL) {
        int64_t processes = directive(mp_slice_of(line), "worker_processes");
        int64_t connections = directive(mp_slice_of(line), "worker_connections");

        nginx->processes = processes > 0 ? processes : nginx->processes;
        nginx->connections = connections > 0 ? connections : nginx->connections;
    }
    fclose(file);
    return true;
}

/* Each request that a worker is at holds two connections of nginx: the client's and the worker's. */
static void check_nginx(struct check *check, const char *path, int64_t workers)
{
    struct nginx nginx;

    if (!read_nginx(path != NULL ? path : NGINX_USUAL, &nginx)) {
        if (path != NULL)
            check_error(check, "--nginx", "name nginx' main configuration file", "%s cannot be read", path);
        return;
    }
    if (nginx.processes * nginx.connections < 2 * workers)
        check_warn(check, "worker_connections", "raise it in nginx' configuration, or have fewer workers",
                   "nginx holds %" PRId64 " connections; %" PRId64 " workers need %" PRId64, nginx.processes * nginx.connections, workers,
                   2 * workers);
    else
        check_good(check, "worker_connections", "nginx holds %" PRId64 " connections, for %" PRId64 " workers", nginx.processes * nginx.connections,
                   workers);
}

static void check_files(struct check *check)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < FILES_NEEDED)
        check_warn(check, "LimitNOFILE", "raise it (ulimit -n, LimitNOFILE= of the service)",
                   "a process may open %llu files here; one of meetpoold's may need %d", (unsigned long long)limit.rlim_cur, FILES_NEEDED);
}

void check_limits(struct check *check, const char *nginx)
{
    const struct mp_process_conf *conf = &check->settings.process;

    check_nginx(check, nginx, conf->workers + conf->zoom_workers);
    check_files(check);
}
