#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl_int.h"
#include "meetpool/clock.h"
#include "meetpool/http.h"
#include "meetpool/storage.h"

#define BUCKET    "BUCKET_NAME, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
#define FOLDER    "MEETPOOL_RECORDINGS_DIR"
#define TRIAL_KEY "videos/meetpoolctl-check"
static const char trial[] = "meetpoolctl check was here\n";

static void http_of(struct mp_storage *storage, struct mp_http *http, struct mp_arena *arena, const char *method, struct mp_http_response *res)
{
    bool write = strcmp(method, "PUT") == 0;
    const struct mp_http_request req = {
        .method = method,
        .url = write ? mp_storage_link_put(storage, arena, TRIAL_KEY, sizeof(trial) - 1, mp_now_ms())
                     : mp_storage_link_get(storage, arena, TRIAL_KEY, "check.txt", "text/plain", mp_now_ms()),
        .body = {write ? trial : NULL, write ? sizeof(trial) - 1 : 0},
        .timeout_ms = 10000,
    };

    mp_http_call(http, arena, &req, res);
}

static void tell_refusal(struct check *check, const char *what, const char *permission, const struct mp_http_response *res)
{
    const char *problem = res->call == MP_CALL_ANSWERED ? mp_arena_printf(check->ctl->arena, "HTTP %u", res->status) : res->problem;

    check_error(check, BUCKET, mp_arena_printf(check->ctl->arena, "give these keys %s for the bucket", permission),
                "the trial object cannot be %s: %s", what, problem);
}

/* Through links, as people's uploads and downloads go. The object is removed in any case. */
static bool try_object(struct check *check, struct mp_storage *storage, struct mp_http *http)
{
    struct mp_arena *arena = check->ctl->arena;
    struct mp_http_response put, got = {0};
    struct mp_error err;
    bool is_there;

    mp_error_init(&err, arena);
    http_of(storage, http, arena, "PUT", &put);
    is_there = put.call == MP_CALL_ANSWERED && put.status == 200;
    if (is_there)
        http_of(storage, http, arena, "GET", &got);
    if (mp_storage_remove(storage, arena, TRIAL_KEY, &err) < 0) {
        check_error(check, BUCKET, "give these keys s3:DeleteObject for the bucket", "the trial object " TRIAL_KEY " cannot be removed: %s",
                    err.detail);
        return false;
    }
    if (!is_there) {
        tell_refusal(check, "written", "s3:PutObject", &put);
        return false;
    }
    if (got.call != MP_CALL_ANSWERED || got.status != 200 || !mp_slice_eq_text(got.body, trial)) {
        tell_refusal(check, "read", "s3:GetObject", &got);
        return false;
    }
    return true;
}

/* An upload is begun and given up, an object written, read and removed: what recordings take, and nothing stays. */
static void try_bucket(struct check *check, const struct mp_storage_conf *conf)
{
    struct mp_arena *arena = check->ctl->arena;
    struct mp_http *http = mp_http_new();
    struct mp_storage *storage = mp_storage_new(conf, http, NULL, 0, &check->ctl->log);
    struct mp_error err;
    const char *upload_id;

    mp_error_init(&err, arena);
    if (mp_upload_begin(storage, arena, TRIAL_KEY, "text/plain", &upload_id, &err) == 0 &&
        mp_upload_abort(storage, arena, TRIAL_KEY, upload_id, &err) == 0) {
        if (try_object(check, storage, http))
            check_good(check, BUCKET, "recordings go to %s at %s", conf->bucket, conf->endpoint);
    } else if (err.code == MP_E_UNAVAILABLE)
        check_warn(check, "AWS_ENDPOINT_URL_S3", "see that this host reaches it, and try again", "could not be tried: %s", err.detail);
    else
        check_error(check, BUCKET, "see that the bucket is there, in AWS_REGION, and that these keys may write to it", "%s", err.detail);
    mp_storage_free(storage);
    mp_http_free(http);
}

/* As an upload by hand comes in and is taken over. NULL: all went well. */
static const char *try_file(struct check *check, struct mp_storage *storage, const char *incoming, const char *folder)
{
    struct mp_arena *arena = check->ctl->arena;
    /* Only names of digits are taken over; nginx' have ten. */
    const char *path = mp_arena_printf(arena, "%s/%020d", incoming, (int)getpid());
    char back[sizeof(trial)] = "";
    struct mp_error err;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool written = fd >= 0 && write(fd, trial, sizeof(trial) - 1) == (ssize_t)sizeof(trial) - 1;

    mp_error_init(&err, arena);
    if (fd >= 0)
        close(fd);
    if (!written || mp_storage_take_file(storage, arena, path, sizeof(trial) - 1, TRIAL_KEY, &err) < 0) {
        (void)unlink(path);
        return fd >= 0 && err.detail != NULL ? err.detail : mp_arena_printf(arena, "a file cannot be written there: %s", strerror(errno));
    }
    fd = open(mp_arena_printf(arena, "%s/" TRIAL_KEY, folder), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || read(fd, back, sizeof(back) - 1) != (ssize_t)sizeof(trial) - 1 || strcmp(back, trial) != 0)
        err.detail = "what was written cannot be read back";
    if (fd >= 0)
        close(fd);
    if (mp_storage_remove(storage, arena, TRIAL_KEY, &err) < 0)
        return err.detail != NULL ? err.detail : "what was written cannot be removed";
    return err.detail;
}

static void try_files(struct check *check, const struct mp_storage_conf *conf, const char *incoming)
{
    struct mp_storage *storage = mp_storage_new(conf, NULL, NULL, 0, &check->ctl->log);
    const char *problem = try_file(check, storage, incoming, conf->folder);

    if (problem != NULL)
        check_error(check, FOLDER, "let the user that meetpoold runs as write to it, and see that the disk has room", "%s: %s", conf->folder,
                    problem);
    else
        check_good(check, FOLDER, "recordings go to %s", conf->folder);
    mp_storage_free(storage);
}

static void try_folder(struct check *check, const struct mp_storage_conf *conf)
{
    const char *folder = conf->folder;
    const char *incoming = mp_arena_printf(check->ctl->arena, "%s/" MP_STORAGE_INCOMING, folder);
    struct stat st;

    if (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode))
        check_warn(check, FOLDER, "make it; meetpoold must write to it, and nginx read it", "there is no folder %s yet", folder);
    else if (access(folder, W_OK | X_OK) < 0)
        check_error(check, FOLDER, "let the user that meetpoold runs as write to it", "%s may not be written to", folder);
    else if (stat(incoming, &st) < 0 || !S_ISDIR(st.st_mode))
        check_warn(check, FOLDER, "make it as the first lines of meetpool-http.conf say", "there is no %s, where nginx receives uploads", incoming);
    else
        try_files(check, conf, incoming);
}

void check_storage(struct check *check)
{
    struct mp_storage_conf *conf = &check->settings.storage;
    struct mp_error err;

    mp_error_init(&err, check->ctl->arena);
    if (conf->region == NULL || conf->folder == NULL) /* a wrong one, which is told already */
        return;
    if (mp_storage_conf_check(check->ctl->arena, conf, &err) < 0)
        check_error(check, conf->bucket != NULL || conf->access_key != NULL ? BUCKET : FOLDER, "see meetpool.conf(5)", "%s", mp_error_message(&err));
    else if (conf->bucket != NULL)
        try_bucket(check, conf);
    else
        try_folder(check, conf);
}
