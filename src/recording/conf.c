#include "meetpool/recording.h"

const struct mp_setting mp_recording_settings[] = {
    MP_SETTING("MEETPOOL_SYNC_INTERVAL", MP_SET_SECONDS, "900", 1, 86400, mp_recording_conf, interval_s),
    MP_SETTING("MEETPOOL_SYNC_BUFFER", MP_SET_SECONDS, "300", 0, 86400, mp_recording_conf, buffer_s),
    MP_SETTING("MEETPOOL_SYNC_RETRY_DELAY", MP_SET_SECONDS, "1800", 1, 86400, mp_recording_conf, retry_delay_s),
    MP_SETTING("MEETPOOL_SYNC_MAX_ATTEMPTS", MP_SET_INT, "3", 1, 100, mp_recording_conf, most_attempts),
    MP_SETTING("MEETPOOL_SYNC_LATE_DAYS", MP_SET_INT, "3", 0, 30, mp_recording_conf, late_days),
    MP_SETTING("MEETPOOL_SYNC_LATE_INTERVAL", MP_SET_SECONDS, "86400", 1, 172800, mp_recording_conf, late_interval_s),
    MP_SETTING("MEETPOOL_SYNC_PARALLEL", MP_SET_INT, "4", 1, 64, mp_recording_conf, parallel),
    MP_SETTING("MEETPOOL_CLEANUP_INTERVAL", MP_SET_SECONDS, "3600", 1, 86400, mp_recording_conf, cleanup_interval_s),
    MP_SETTING("MEETPOOL_SYNC_LEDGER_INTERVAL", MP_SET_SECONDS, "86400", 1, 604800, mp_recording_conf, ledger_interval_s),
    MP_SETTING("MEETPOOL_SYNC_DELETE_SOURCE", MP_SET_BOOL, "false", 0, 0, mp_recording_conf, delete_source),
    MP_SETTING("MEETPOOL_SYNC_BANDWIDTH", MP_SET_BYTES, "0", 0, 1099511627776, mp_recording_conf, bytes_per_s),
};
const size_t mp_recording_settings_rows = MP_COUNT(mp_recording_settings);
