#ifndef MEETPOOL_STORE_SESSION_H
#define MEETPOOL_STORE_SESSION_H

#include <stdint.h>

#include "meetpool/attr.h"
#include "meetpool/db.h"
#include "meetpool/error.h"

/* Rows of `session_ended`: sessions of the web pages that were ended while their cookies would still open. */

/* Ends it; twice is once. `expires_at`: when the cookie dies by itself; the row goes some time after that, with one that is added later. */
int mp_store_session_end(struct mp_db *db, const char *id, int64_t expires_at, struct mp_error *err) MP_MUST_CHECK;
/* 1: it was ended, 0: it was not. */
int mp_store_session_ended(struct mp_db *db, const char *id, struct mp_error *err) MP_MUST_CHECK;

#endif
