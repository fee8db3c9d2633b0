#include "meetpool/storage.h"

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
