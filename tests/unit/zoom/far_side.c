#include "far_side.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

struct peer *far_side_peer;
struct mp_arena *arena;
struct mp_zoom *zoom;
struct mp_secret token;

static struct mp_http *http;
static struct mp_log far_log;
static FILE *log_file;

int far_side_start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    far_side_peer = peer_start("plain");
    return 0;
}

int far_side_stop(void **state)
{
    (void)state;
    peer_stop(far_side_peer);
    return 0;
}

int far_side_setup(void **state)
{
    struct mp_zoom_conf conf;

    (void)state;
    peer_clear(far_side_peer);
    arena = mp_arena_new();
    http = mp_http_new();
    log_file = tmpfile();
    assert_non_null(log_file);
    far_log = (struct mp_log){.fd = fileno(log_file), .level = MP_DEBUG, .request_id = "req-77"};
    conf.api_url = mp_arena_printf(arena, "http://127.0.0.1:%u/v2", peer_port(far_side_peer));
    conf.oauth_url = mp_arena_printf(arena, "http://127.0.0.1:%u/oauth", peer_port(far_side_peer));
    zoom = mp_zoom_new(&conf, http, &far_log);
    token = mp_secret_copy(arena, mp_slice_of(TOKEN));
    return 0;
}

int far_side_teardown(void **state)
{
    (void)state;
    mp_zoom_free(zoom);
    mp_http_free(http);
    mp_arena_free(arena);
    fclose(log_file);
    return 0;
}

const char *far_side_log(void)
{
    enum { ROOM = 1 << 16 };
    char *text = mp_arena_alloc(arena, ROOM);
    ssize_t len = pread(fileno(log_file), text, ROOM - 1, 0);

    assert_true(len >= 0);
    return text;
}
