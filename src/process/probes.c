#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "process_int.h"

void probes_init(struct probes *probes, const char *path)
{
    *probes = (struct probes){.path = path};
    for (unsigned i = 0; i < PROBES; i++)
        probes->fds[i] = -1;
}

void probes_clear(struct probes *probes)
{
    for (unsigned i = 0; i < PROBES; i++) {
        if (probes->fds[i] >= 0)
            close(probes->fds[i]);
    }
}

/* Whoever takes one reads its end and closes. Returns a free place, -1 where there is none. */
static int drop_taken(struct probes *probes)
{
    struct pollfd polled[PROBES];
    int free_place = -1;

    for (unsigned i = 0; i < PROBES; i++)
        polled[i] = (struct pollfd){.fd = probes->fds[i]};
    if (poll(polled, PROBES, 0) < 0)
        return -1;
    for (int i = 0; i < PROBES; i++) {
        if (polled[i].revents != 0) {
            close(probes->fds[i]);
            probes->fds[i] = -1;
            probes->full = false;
        }
        if (probes->fds[i] < 0)
            free_place = i;
    }
    return free_place;
}

/* The descriptor, or -1. */
static int send_one(struct probes *probes)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    memcpy(address.sun_path, probes->path, strnlen(probes->path, sizeof(address.sun_path) - 1));
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 && shutdown(fd, SHUT_WR) == 0) {
        probes->full = false;
        probes->blind = false;
        return fd;
    }
    probes->full = fd >= 0 && errno == EAGAIN;
    probes->blind = !probes->full;
    if (fd >= 0)
        close(fd);
    return -1;
}

void probes_step(struct probes *probes, bool send, int64_t now_ms)
{
    int place = drop_taken(probes);

    if (!send || place < 0 || now_ms - probes->last_sent_ms < PROBE_EVERY_MS)
        return;
    probes->last_sent_ms = now_ms;
    probes->sent_ms[place] = now_ms;
    probes->fds[place] = send_one(probes);
}

int64_t probes_waited_ms(const struct probes *probes, int64_t now_ms)
{
    int64_t waited_ms = 0;

    if (probes->full)
        return INT64_MAX;
    if (probes->blind)
        return -1;
    for (int i = 0; i < PROBES; i++) {
        if (probes->fds[i] >= 0 && now_ms - probes->sent_ms[i] > waited_ms)
            waited_ms = now_ms - probes->sent_ms[i];
    }
    return waited_ms;
}
