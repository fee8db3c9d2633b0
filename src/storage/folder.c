#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage_int.h"

#define DIR_MODE  0750
#define FILE_MODE 0640

int mp_folder_fail(struct mp_error *err, const char *what)
{
    return mp_fail_log(err, MP_E_STORAGE, "folder: %s: %s", what, strerror(errno));
}

static char *path_of(const struct mp_storage *storage, struct mp_arena *arena, const char *key)
{
    return mp_arena_printf(arena, "%s/%s", storage->conf->folder, key);
}

static char *parent_of(struct mp_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash > path ? mp_arena_strndup(arena, (struct mp_slice){path, (size_t)(slash - path)}) : mp_arena_strdup(arena, "/");
}

/* Whatever the mask says: the web server's group reads it. */
static int make_one(const char *dir)
{
    if (mkdir(dir, DIR_MODE) == 0)
        return chmod(dir, DIR_MODE);
    return errno == EEXIST ? 0 : -1;
}

int mp_folder_make(struct mp_arena *arena, const char *dir)
{
    if (make_one(dir) == 0)
        return 0;
    if (errno != ENOENT || strcmp(dir, "/") == 0)
        return -1;
    if (mp_folder_make(arena, parent_of(arena, dir)) < 0)
        return -1;
    return make_one(dir);
}

static int sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

    if (fd < 0)
        return -1;
    rc = fsync(fd);
    close(fd);
    return rc;
}

/* Every folder from the key's up to ours: each may have been made just now, and lives in the one above it. */
static int sync_dirs(const struct mp_storage *storage, struct mp_arena *arena, const char *dir)
{
    size_t top = strlen(storage->conf->folder);

    for (; strlen(dir) >= top; dir = parent_of(arena, dir)) {
        if (sync_dir(dir) < 0)
            return -1;
        if (strlen(dir) == top)
            break;
    }
    return 0;
}

/* What nginx wrote may belong to its own user and be closed to ours: then all of the file system is written out. */
static int sync_file(const char *path, const char *dir)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), rc;

    if (fd >= 0) {
        rc = fsync(fd);
        close(fd);
        return rc;
    }
    if (errno != EACCES)
        return -1;
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    rc = syncfs(fd);
    close(fd);
    return rc;
}

int mp_folder_settle(const struct mp_storage *storage, struct mp_arena *arena, const char *path, const char *key, struct mp_error *err)
{
    const char *to = path_of(storage, arena, key), *dir = parent_of(arena, to);

    (void)chmod(path, FILE_MODE); /* nginx may be the owner and keep its own */
    if (mp_folder_make(arena, dir) < 0)
        return mp_folder_fail(err, "a folder cannot be made");
    if (sync_file(path, dir) < 0)
        return mp_folder_fail(err, "a file cannot be written out");
    if (rename(path, to) < 0)
        return mp_folder_fail(err, "a file cannot be put in its place");
    return sync_dirs(storage, arena, dir) < 0 ? mp_folder_fail(err, "a folder cannot be written out") : 0;
}

int mp_folder_stat(struct mp_storage *storage, struct mp_arena *arena, const char *key, struct mp_object *out, struct mp_error *err)
{
    struct stat st;

    if (lstat(path_of(storage, arena, key), &st) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : mp_folder_fail(err, "a file cannot be looked at");
    if (!S_ISREG(st.st_mode))
        return 0;
    *out = (struct mp_object){.size = st.st_size};
    return 1;
}

int mp_folder_remove(struct mp_storage *storage, struct mp_arena *arena, const char *key, struct mp_error *err)
{
    const char *path = path_of(storage, arena, key);

    if (unlink(path) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : mp_folder_fail(err, "a file cannot be removed");
    return sync_dir(parent_of(arena, path)) < 0 ? mp_folder_fail(err, "a folder cannot be written out") : 0;
}

/* nginx names its files by numbers, in a folder of their own. */
static bool is_incoming(const struct mp_storage *storage, struct mp_arena *arena, const char *path)
{
    const char *place = mp_arena_printf(arena, "%s/" MP_STORAGE_INCOMING "/", storage->conf->folder);
    size_t len = strlen(place);

    return strncmp(path, place, len) == 0 && path[len] != '\0' && path[len + strspn(path + len, "0123456789")] == '\0';
}

int mp_folder_take(struct mp_storage *storage, struct mp_arena *arena, const char *path, int64_t size, const char *key, struct mp_error *err)
{
    struct stat st;

    if (!is_incoming(storage, arena, path))
        return mp_fail_log(err, MP_E_FORBIDDEN, "folder: a file to be taken over lies elsewhere than in " MP_STORAGE_INCOMING);
    if (lstat(path, &st) < 0)
        return mp_folder_fail(err, "a file to be taken over cannot be looked at");
    if (!S_ISREG(st.st_mode) || st.st_size != size)
        return mp_fail(err, MP_E_INVALID, "The file has %lld bytes; %lld were announced.", (long long)st.st_size, (long long)size);
    return mp_folder_settle(storage, arena, path, key, err);
}
