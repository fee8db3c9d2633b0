#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

static int listen_unix(const char *path, struct mp_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat info;
    int fd;

    if (strlen(path) >= sizeof(address.sun_path))
        return mp_fail(err, MP_E_CONFIG, "--listen unix:%s: the path is too long", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    /* A socket left by one that was killed; anything else is somebody else's. */
    if (stat(path, &info) == 0 && S_ISSOCK(info.st_mode))
        (void)unlink(path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0660) < 0 || listen(fd, BACKLOG) < 0) {
        (void)mp_fail(err, MP_E_CONFIG, "--listen unix:%s: %s", path, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    printf("listening on unix:%s\n", path);
    return fd;
}

static int listen_tcp(const char *text, struct mp_error *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    struct mp_slice rest = mp_slice_of(text);
    struct mp_slice host;
    char host_text[64];
    unsigned long long port;
    int one = 1;
    int fd;

    if (!mp_slice_split(&rest, ':', &host) || host.len >= sizeof(host_text) || !mp_slice_to_u64(rest, 65535, &port))
        return mp_fail(err, MP_E_CONFIG, "--listen %s: give ADDRESS:PORT or unix:/path", text);
    (void)snprintf(host_text, sizeof(host_text), "%.*s", (int)host.len, host.p);
    address.sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, host_text, &address.sin_addr) != 1)
        return mp_fail(err, MP_E_CONFIG, "--listen %s: %s is no IPv4 address", text, host_text);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        (void)mp_fail(err, MP_E_CONFIG, "--listen %s: %s", text, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    printf("listening on %s:%u\n", host_text, ntohs(address.sin_port));
    return fd;
}

int sb_listen(const char *where, struct mp_error *err)
{
    return mp_slice_starts(mp_slice_of(where), "unix:") ? listen_unix(where + 5, err) : listen_tcp(where, err);
}

void sb_unlisten(const char *where)
{
    if (mp_slice_starts(mp_slice_of(where), "unix:"))
        (void)unlink(where + 5);
}
