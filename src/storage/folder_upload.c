#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "meetpool/crypto.h"
#include "storage_int.h"

#define UPLOADS    ".uploads"
#define ID_CHARS   32
#define DATA_NAME  ".part"
#define KEY_NAME   ".key" /* beside it: what it is to become */
#define KEY_CHARS  400
#define FILE_MODE  0640
#define PARTS_MOST 100000

static bool is_id(const char *text)
{
    return strspn(text, "0123456789abcdef") == ID_CHARS && text[ID_CHARS] == '\0';
}

static char *file_of(const struct mp_storage *storage, struct mp_arena *arena, const char *id, const char *kind)
{
    return mp_arena_printf(arena, "%s/" UPLOADS "/%s%s", storage->conf->folder, id, kind);
}

char *mp_folder_upload_path(const struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id)
{
    return mp_storage_key_ok(key) && is_id(upload_id) ? file_of(storage, arena, upload_id, DATA_NAME) : NULL;
}

/* A new file that holds `text`. */
static int make_file(const char *path, const char *text)
{
    size_t len = strlen(text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    ssize_t wrote;

    if (fd < 0)
        return -1;
    wrote = write(fd, text, len);
    if (close(fd) == 0 && wrote == (ssize_t)len)
        return 0;
    if (wrote >= 0)
        errno = ENOSPC; /* a short write says no more than that */
    return -1;
}

static void drop(const struct mp_storage *storage, struct mp_arena *arena, const char *id)
{
    (void)unlink(file_of(storage, arena, id, DATA_NAME));
    (void)unlink(file_of(storage, arena, id, KEY_NAME)); /* last: as long as it is there the sweep finds both */
}

int mp_folder_upload_begin(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char **upload_id, struct mp_error *err)
{
    char *id = mp_random_hex(arena, ID_CHARS / 2);

    if (mp_folder_make(arena, mp_arena_printf(arena, "%s/" UPLOADS, storage->conf->folder)) < 0)
        return mp_folder_fail(err, "the folder of uploads cannot be made");
    if (make_file(file_of(storage, arena, id, KEY_NAME), key) < 0 || make_file(file_of(storage, arena, id, DATA_NAME), "") < 0) {
        (void)mp_folder_fail(err, "an upload cannot be begun");
        drop(storage, arena, id);
        return -1;
    }
    *upload_id = id;
    return 0;
}

/* Parts are written in order: those that the file reaches over are whole. */
int mp_folder_upload_parts(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, struct mp_part **parts,
                           size_t *count, struct mp_error *err)
{
    const char *path = mp_folder_upload_path(storage, arena, key, upload_id);
    struct stat st;

    if (!path)
        return 0;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : mp_folder_fail(err, "an upload cannot be looked at");
    *count = (size_t)st.st_size / MP_STORAGE_PART_BYTES;
    if (*count > PARTS_MOST)
        return mp_fail_log(err, MP_E_STORAGE, "folder: an upload is larger than anything we write");
    *parts = mp_arena_array(arena, *count + 1, sizeof(struct mp_part));
    for (size_t i = 0; i < *count; i++)
        (*parts)[i] = (struct mp_part){(int64_t)i + 1, MP_STORAGE_PART_BYTES, ""};
    return 1;
}

/* An upload that is gone may have been completed by an earlier try. */
static int find_completed(struct mp_storage *storage, struct mp_arena *arena, const char *key, int64_t size, struct mp_object *out,
                          struct mp_error *err)
{
    int rc = mp_folder_stat(storage, arena, key, out, err);

    if (rc < 0 || (rc > 0 && out->size == size))
        return rc < 0 ? -1 : 0;
    return mp_fail_log(err, MP_E_UNAVAILABLE, "folder: the upload is gone, and there is no such file");
}

int mp_folder_upload_complete(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, const struct mp_part *parts,
                              size_t count, struct mp_object *out, struct mp_error *err)
{
    const char *path = mp_folder_upload_path(storage, arena, key, upload_id);
    int64_t size = 0;
    struct stat st;

    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    if (!path || (lstat(path, &st) < 0 && errno == ENOENT))
        return find_completed(storage, arena, key, size, out, err);
    if (lstat(path, &st) < 0)
        return mp_folder_fail(err, "an upload cannot be looked at");
    if (st.st_size != size)
        return mp_fail_log(err, MP_E_STORAGE, "folder: an upload has %lld bytes, its parts %lld", (long long)st.st_size, (long long)size);
    if (mp_folder_settle(storage, arena, path, key, err) < 0)
        return -1;
    drop(storage, arena, upload_id);
    *out = (struct mp_object){.size = size};
    return 0;
}

int mp_folder_upload_abort(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, struct mp_error *err)
{
    const char *path = mp_folder_upload_path(storage, arena, key, upload_id);

    if (path && unlink(path) < 0 && errno != ENOENT)
        return mp_folder_fail(err, "an upload cannot be removed");
    if (path)
        drop(storage, arena, upload_id);
    return 0;
}

/* ---- What nobody ends ---- */

static bool older(const char *path, int64_t before_ms)
{
    struct stat st;

    return lstat(path, &st) == 0 && (int64_t)st.st_mtim.tv_sec * 1000 < before_ms;
}

/* Whether that upload was to become something under the prefix. */
static bool is_under(const char *path, const char *prefix)
{
    char key[KEY_CHARS + 1];
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t len;

    if (fd < 0)
        return false;
    len = read(fd, key, KEY_CHARS);
    close(fd);
    return len >= 0 && mp_slice_starts((struct mp_slice){key, (size_t)len}, prefix);
}

static void sweep_uploads(const struct mp_storage *storage, struct mp_arena *arena, DIR *dir, const char *prefix, int64_t before_ms,
                          unsigned *aborted)
{
    const struct dirent *entry;

    while ((entry = readdir(dir))) {
        struct mp_arena_mark mark = mp_arena_mark(arena);
        struct mp_slice name = mp_slice_of(entry->d_name);
        const char *id = name.len > ID_CHARS ? mp_arena_strndup(arena, (struct mp_slice){name.p, ID_CHARS}) : "";
        const char *key_file = file_of(storage, arena, id, KEY_NAME);

        if (is_id(id) && strcmp(entry->d_name + ID_CHARS, KEY_NAME) == 0 && older(key_file, before_ms) && is_under(key_file, prefix)) {
            drop(storage, arena, id);
            ++*aborted;
        }
        mp_arena_rewind(arena, mark);
    }
}

/* What nginx received for a request whose worker died: nginx removes it only while it lives itself. */
static void sweep_incoming(const struct mp_storage *storage, struct mp_arena *arena, DIR *dir, int64_t before_ms, unsigned *aborted)
{
    const struct dirent *entry;

    while ((entry = readdir(dir))) {
        struct mp_arena_mark mark = mp_arena_mark(arena);
        const char *path = mp_arena_printf(arena, "%s/" MP_STORAGE_INCOMING "/%s", storage->conf->folder, entry->d_name);

        if (entry->d_name[strspn(entry->d_name, "0123456789")] == '\0' && older(path, before_ms) && unlink(path) == 0)
            ++*aborted;
        mp_arena_rewind(arena, mark);
    }
}

int mp_folder_upload_sweep(struct mp_storage *storage, struct mp_arena *arena, const char *prefix, int64_t before_ms, unsigned *aborted,
                           struct mp_error *err)
{
    DIR *uploads = opendir(mp_arena_printf(arena, "%s/" UPLOADS, storage->conf->folder));
    DIR *incoming;

    *aborted = 0;
    if (!uploads && errno != ENOENT)
        return mp_folder_fail(err, "the folder of uploads cannot be read");
    if (uploads) {
        sweep_uploads(storage, arena, uploads, prefix, before_ms, aborted);
        closedir(uploads);
    }
    incoming = opendir(mp_arena_printf(arena, "%s/" MP_STORAGE_INCOMING, storage->conf->folder));
    if (incoming) {
        sweep_incoming(storage, arena, incoming, before_ms, aborted);
        closedir(incoming);
    }
    return 0;
}
