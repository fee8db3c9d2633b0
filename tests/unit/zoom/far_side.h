#ifndef TESTS_ZOOM_FAR_SIDE_H
#define TESTS_ZOOM_FAR_SIDE_H

#include "meetpool/zoom.h"
#include "peer.h"

/* What every test of this room starts from: a scripted Zoom, and a client that talks to it. Made anew for each test; `far_side_peer` for the program.
 */
extern struct peer *far_side_peer;
extern struct mp_arena *arena;
extern struct mp_zoom *zoom;
extern struct mp_secret token;

#define TOKEN "canary-access-token-5b2e"

int far_side_start(void **state);
int far_side_stop(void **state);
int far_side_setup(void **state);
int far_side_teardown(void **state);
/* What was logged since the setup. */
const char *far_side_log(void);

#endif
