#include <string.h>

#include "storage_int.h"

const struct mp_setting mp_storage_settings[] = {
    MP_SETTING("AWS_ACCESS_KEY_ID", MP_SET_TEXT, NULL, 1, 256, mp_storage_conf, access_key),
    MP_SETTING("AWS_SECRET_ACCESS_KEY", MP_SET_SECRET, NULL, 1, 256, mp_storage_conf, secret_key),
    MP_SETTING("AWS_REGION", MP_SET_TEXT, "us-east-1", 1, 64, mp_storage_conf, region),
    MP_SETTING("BUCKET_NAME", MP_SET_TEXT, NULL, 3, 63, mp_storage_conf, bucket),
    MP_SETTING("AWS_ENDPOINT_URL_S3", MP_SET_URL, NULL, 1, 1000, mp_storage_conf, endpoint),
    MP_SETTING("MEETPOOL_RECORDINGS_DIR", MP_SET_TEXT, "/var/lib/meetpool/recordings", 1, 1000, mp_storage_conf, folder),
    MP_SETTING("MEETPOOL_LINK_TTL", MP_SET_SECONDS, "900", 10, 604800, mp_storage_conf, link_ttl_s),
};
const size_t mp_storage_settings_rows = MP_COUNT(mp_storage_settings);

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static bool made_of(const char *text, const char *allowed)
{
    return text[strspn(text, allowed)] == '\0';
}

/* It becomes part of a header and of an address. */
static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text >= 0x7f)
            return false;
    return true;
}

static int check_endpoint(struct mp_arena *arena, const struct mp_storage_conf *conf, struct mp_error *err)
{
    struct mp_url url;

    if (!mp_url_parse(arena, conf->endpoint, &url))
        return mp_fail(err, MP_E_CONFIG, "AWS_ENDPOINT_URL_S3 is not an address: give one like https://s3.example.com");
    if (strcmp(url.scheme, "http") == 0 && !mp_url_is_loopback(&url))
        return mp_fail(err, MP_E_CONFIG, "AWS_ENDPOINT_URL_S3 must be https: plain http is allowed to this machine itself only");
    if (strcmp(url.path, "/") != 0)
        return mp_fail(err, MP_E_CONFIG, "AWS_ENDPOINT_URL_S3 must be scheme, host and port only: the bucket's name stands in BUCKET_NAME");
    return 0;
}

static int check_s3(struct mp_arena *arena, struct mp_storage_conf *conf, struct mp_error *err)
{
    if (!conf->access_key)
        return mp_fail(err, MP_E_CONFIG, "AWS_ACCESS_KEY_ID is not set, but BUCKET_NAME is: set both, and AWS_SECRET_ACCESS_KEY");
    if (!mp_secret_is_set(&conf->secret_key))
        return mp_fail(err, MP_E_CONFIG, "AWS_SECRET_ACCESS_KEY is not set, but BUCKET_NAME is: set both, and AWS_ACCESS_KEY_ID");
    if (!is_printable(conf->access_key))
        return mp_fail(err, MP_E_CONFIG, "AWS_ACCESS_KEY_ID holds a blank or a character that no key has");
    if (!made_of(conf->region, LETTERS "-_"))
        return mp_fail(err, MP_E_CONFIG, "AWS_REGION must be letters, digits, - and _, like us-east-1");
    if (!made_of(conf->bucket, LETTERS ".-_") || conf->bucket[0] == '.')
        return mp_fail(err, MP_E_CONFIG, "BUCKET_NAME must be letters, digits, dots, - and _");
    if (!conf->endpoint)
        conf->endpoint = mp_arena_printf(arena, "https://s3.%s.amazonaws.com", conf->region);
    return check_endpoint(arena, conf, err);
}

int mp_storage_conf_check(struct mp_arena *arena, struct mp_storage_conf *conf, struct mp_error *err)
{
    size_t len = strlen(conf->folder);

    if (conf->bucket)
        return check_s3(arena, conf, err);
    if (conf->endpoint)
        return mp_fail(err, MP_E_CONFIG, "BUCKET_NAME is not set, but AWS_ENDPOINT_URL_S3 is: set both for S3, or none for the local folder");
    if (conf->access_key || mp_secret_is_set(&conf->secret_key))
        return mp_fail(err, MP_E_CONFIG,
                       "BUCKET_NAME is not set, but AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is: set all three for S3, or none for the local "
                       "folder");
    if (conf->folder[0] != '/' || strstr(conf->folder, "/../") || strstr(conf->folder, "//"))
        return mp_fail(err, MP_E_CONFIG, "MEETPOOL_RECORDINGS_DIR must be a folder's whole path, beginning with /");
    if (len > 1 && conf->folder[len - 1] == '/')
        conf->folder = mp_arena_strndup(arena, (struct mp_slice){conf->folder, len - 1});
    return 0;
}
