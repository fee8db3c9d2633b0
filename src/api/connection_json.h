#ifndef CONNECTION_JSON_H
#define CONNECTION_JSON_H

#include "meetpool/ctx.h"

struct json_object;

/* How the person's own Zoom account stands; also where that cannot be looked up. The caller owns it. */
struct json_object *mp_connection_json(struct mp_ctx *ctx, const char *sub);

#endif
