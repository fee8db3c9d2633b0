#ifndef MEETPOOL_STORE_RECORDING_H
#define MEETPOOL_STORE_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/db.h"
#include "meetpool/error.h"

/* Rows of `recording`, `occurrence`, `recording_file` and `recording_part`; what the states mean stands in recording.h. */

enum mp_recording_state {
    MP_RECORDING_WAITING,
    MP_RECORDING_LATE,
    MP_RECORDING_SYNCING,
    MP_RECORDING_SYNCED,
    MP_RECORDING_NONE,
    MP_RECORDING_FAILED,
    MP_RECORDING_STATES
};
const char *mp_recording_state_name(enum mp_recording_state state);

#endif
