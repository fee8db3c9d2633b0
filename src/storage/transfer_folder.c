#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "transfer_int.h"

/* The temporary file is there: mp_upload_begin() made it, or an earlier run. */
static bool open_file(struct run *run)
{
    char *path;

    if (run->file >= 0)
        return true;
    path = mp_folder_upload_path(run->storage, run->arena, run->spec->key, run->upload_id);
    if (path)
        run->file = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    return run->file >= 0;
}

static bool write_whole(int file, const struct buffer *buffer, off_t at)
{
    size_t done = 0;

    while (done < buffer->len) {
        ssize_t put = pwrite(file, buffer->bytes + done, buffer->len - done, at + (off_t)done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        done += (size_t)put;
    }
    return true;
}

static void fail(struct run *run, int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        transfer_end(run, MP_TRANSFER_SINK_REFUSES, "the recordings' folder has no room left");
        break;
    case EACCES:
    case EPERM:
    case EROFS:
        transfer_end(run, MP_TRANSFER_SINK_REFUSES, "the recordings' folder must not be written to");
        break;
    case ENOENT:
        transfer_anew(run, MP_TRANSFER_SINK_FAILS, "the half-written file is gone");
        break;
    default:
        transfer_end(run, MP_TRANSFER_SINK_FAILS, "the recordings' folder: %s", strerror(error));
    }
}

/* A part counts when it would survive a crash: only then another process may go on behind it. */
void folder_send(struct run *run, struct buffer *buffer)
{
    off_t at = (off_t)(buffer->number - 1) * (off_t)run->part_bytes;

    errno = ENOENT;
    if (!open_file(run) || !write_whole(run->file, buffer, at) || fdatasync(run->file) < 0)
        fail(run, errno);
    else
        transfer_stored(run, buffer, "");
}

void folder_close(struct run *run)
{
    if (run->file >= 0)
        close(run->file);
    run->file = -1;
}
