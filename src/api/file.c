#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, char *to, size_t len)
{
    size_t got = 0;

    while (got < len) {
        ssize_t n = read(fd, to + got, len - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return -1;
        }
        got += (size_t)n;
    }
    return 0;
}

static int read_open(struct mp_arena *arena, int fd, size_t most_bytes, struct mp_slice *out)
{
    struct stat st;
    char *text;

    if (fstat(fd, &st) < 0)
        return -1;
    if (!S_ISREG(st.st_mode)) {
        errno = EINVAL;
        return -1;
    }
    if (st.st_size > (off_t)most_bytes) {
        errno = EFBIG;
        return -1;
    }
    text = mp_arena_alloc(arena, (size_t)st.st_size + 1);
    if (read_all(fd, text, (size_t)st.st_size) < 0)
        return -1;
    *out = (struct mp_slice){text, (size_t)st.st_size};
    return 0;
}

int mp_file_read(struct mp_arena *arena, const char *path, size_t most_bytes, struct mp_slice *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), rc, saved;

    if (fd < 0)
        return -1;
    rc = read_open(arena, fd, most_bytes, out);
    saved = errno;
    close(fd);
    errno = saved;
    return rc;
}
