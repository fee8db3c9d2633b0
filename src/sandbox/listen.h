#ifndef MEETPOOL_SANDBOX_LISTEN_H
#define MEETPOOL_SANDBOX_LISTEN_H

#include "meetpool/error.h"

/*
 * "127.0.0.1:8490" (port 0: any free one) or "unix:/path". Says on stdout where it listens, "listening on …", as the sign that clients may come.
 * Returns the descriptor, or -1 with MP_E_CONFIG.
 */
int sb_listen(const char *where, struct mp_error *err) MP_MUST_CHECK;
/* Removes the socket's name. */
void sb_unlisten(const char *where);

#endif
