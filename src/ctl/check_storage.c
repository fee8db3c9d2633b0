#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl_int.h"
#include "meetpool/http.h"
#include "meetpool/storage.h"

#define BUCKET    "BUCKET_NAME, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
#define FOLDER    "MEETPOOL_RECORDINGS_DIR"
#define TRIAL_KEY "videos/meetpoolctl-check"

/* An upload is begun and given up: what it takes is what recordings take, and nothing stays. */
static void try_bucket(struct check *check, const struct mp_storage_conf *conf)
{
    struct mp_arena *arena = check->ctl->arena;
    struct mp_http *http = mp_http_new();
    struct mp_storage *storage = mp_storage_new(conf, http, NULL, 0, &check->ctl->log);
    struct mp_error err;
    const char *upload_id;

    mp_error_init(&err, arena);
    if (mp_upload_begin(storage, arena, TRIAL_KEY, "text/plain", &upload_id, &err) == 0 &&
        mp_upload_abort(storage, arena, TRIAL_KEY, upload_id, &err) == 0)
        check_good(check, BUCKET, "recordings go to %s at %s", conf->bucket, conf->endpoint);
    else if (err.code == MP_E_UNAVAILABLE)
        check_warn(check, "AWS_ENDPOINT_URL_S3", "see that this host reaches it, and try again", "could not be tried: %s", err.detail);
    else
        check_error(check, BUCKET, "see that the bucket is there, in AWS_REGION, and that these keys may write to it", "%s", err.detail);
    mp_storage_free(storage);
    mp_http_free(http);
}

static void try_folder(struct check *check, const char *folder)
{
    const char *incoming = mp_arena_printf(check->ctl->arena, "%s/" MP_STORAGE_INCOMING, folder);
    struct stat st;

    if (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode))
        check_warn(check, FOLDER, "make it; meetpoold must write to it, and nginx read it", "there is no folder %s yet", folder);
    else if (access(folder, W_OK | X_OK) < 0)
        check_error(check, FOLDER, "let the user that meetpoold runs as write to it", "%s may not be written to", folder);
    else if (stat(incoming, &st) < 0 || !S_ISDIR(st.st_mode))
        check_warn(check, FOLDER, "make it as the first lines of meetpool-http.conf say", "there is no %s, where nginx receives uploads", incoming);
    else
        check_good(check, FOLDER, "recordings go to %s", folder);
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
        try_folder(check, conf->folder);
}
