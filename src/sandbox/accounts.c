#include "sandbox_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "meetpool/buf.h"
#include "meetpool/crypto.h"

#define FILE_MAX ((size_t)1 << 30)

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

struct json_object *sb_accounts_make(struct mp_arena *arena, unsigned accounts, unsigned hosts)
{
    struct json_object *doc = mp_json_object(arena);
    struct json_object *list = json_object_new_array();

    for (unsigned i = 1; i <= accounts; i++) {
        struct json_object *account = json_object_new_object();
        struct json_object *users = json_object_new_array();

        mp_json_put_text(account, "account_id", mp_random_text(arena, 22, letters));
        mp_json_put_text(account, "client_id", mp_random_text(arena, 22, letters));
        mp_json_put_text(account, "client_secret", mp_random_text(arena, 32, letters));
        mp_json_put_text(account, "plan", "business");
        for (unsigned k = 1; k <= hosts; k++) {
            struct json_object *user = json_object_new_object();

            mp_json_put_text(user, "id", mp_random_text(arena, 22, letters));
            mp_json_put_text(user, "email", mp_arena_printf(arena, "host%u@account%u.example.com", k, i));
            mp_json_put_int(user, "type", 2);
            mp_json_put_text(user, "concurrent_meeting", "Basic");
            mp_json_put_text(user, "first_name", mp_arena_printf(arena, "Host %u", k));
            mp_json_put_text(user, "last_name", mp_arena_printf(arena, "Account %u", i));
            json_object_array_add(users, user);
        }
        mp_json_put(account, "users", users);
        json_object_array_add(list, account);
    }
    mp_json_put(doc, "accounts", list);
    return doc;
}

int sb_file_write(const char *path, unsigned mode, struct mp_slice text, struct mp_error *err)
{
    char temporary[4096];
    size_t done = 0;
    int fd;

    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.tmp.%ld", path, (long)getpid()) >= sizeof(temporary))
        return mp_fail(err, MP_E_CONFIG, "%s: the name is too long", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return mp_fail(err, MP_E_CONFIG, "%s: %s", temporary, strerror(errno));
    while (done < text.len) {
        ssize_t n = write(fd, text.p + done, text.len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        done += (size_t)n;
    }
    if (done < text.len || fsync(fd) < 0) {
        (void)mp_fail(err, MP_E_CONFIG, "%s: %s", temporary, strerror(errno));
        (void)close(fd);
        (void)unlink(temporary);
        return -1;
    }
    (void)close(fd);
    if (rename(temporary, path) < 0)
        return mp_fail(err, MP_E_CONFIG, "%s: %s", path, strerror(errno));
    return 0;
}

int sb_file_read(struct mp_arena *arena, const char *path, struct mp_slice *out, struct mp_error *err)
{
    struct stat info;
    char *text;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return mp_fail(err, MP_E_CONFIG, "%s: %s", path, strerror(errno));
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || (size_t)info.st_size > FILE_MAX) {
        (void)close(fd);
        return mp_fail(err, MP_E_CONFIG, "%s: not a file that can be read", path);
    }
    text = mp_arena_alloc(arena, (size_t)info.st_size + 1);
    while (len < (size_t)info.st_size) {
        ssize_t n = read(fd, text + len, (size_t)info.st_size - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    (void)close(fd);
    *out = (struct mp_slice){text, len};
    return 1;
}

int sb_accounts_read(struct mp_arena *arena, const char *path, struct json_object **out, struct mp_error *err)
{
    struct mp_slice text;
    int found = sb_file_read(arena, path, &text, err);

    if (found == 0)
        return mp_fail(err, MP_E_CONFIG, "%s: there is no such file; --init-accounts N makes one", path);
    if (found < 0 || mp_json_parse(arena, text, out, err) < 0)
        return -1;
    if (!json_object_is_type(*out, json_type_object))
        return mp_fail(err, MP_E_CONFIG, "%s: not a JSON object", path);
    return 0;
}

int sb_accounts_write_env(const struct sb_state *st, struct mp_arena *arena, const char *path, struct mp_error *err)
{
    struct mp_buf text;

    mp_buf_init(&text, arena, FILE_MAX);
    for (size_t i = 0; i < st->account_count; i++) {
        const struct sb_account *account = st->accounts[i];

        mp_buf_addf(&text, "ZOOM_ACCOUNT_ID_%zu=%s\n", i + 1, account->account_id);
        mp_buf_addf(&text, "ZOOM_CLIENT_ID_%zu=%s\n", i + 1, account->client_id);
        mp_buf_addf(&text, "ZOOM_CLIENT_SECRET_%zu=%s\n", i + 1, account->client_secret);
        mp_buf_addf(&text, "ZOOM_USER_ID_%zu=", i + 1);
        for (size_t k = 0; k < account->user_count; k++)
            mp_buf_addf(&text, "%s%s", k == 0 ? "" : ",", account->users[k]->email);
        mp_buf_add(&text, "\n");
    }
    if (st->app_count > 0)
        mp_buf_addf(&text, "ZOOM_OAUTH_CLIENT_ID=%s\nZOOM_OAUTH_CLIENT_SECRET=%s\n", st->apps[0]->client_id, st->apps[0]->client_secret);
    if (st->webhook_secret != NULL)
        mp_buf_addf(&text, "ZOOM_WEBHOOK_SECRET_TOKEN=%s\n", st->webhook_secret);
    return sb_file_write(path, 0600, mp_buf_slice(&text), err);
}
