#include "desk.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "meetpool/crypto.h"
#include "meetpool/http.h"
#include "meetpool/json.h"
#include "meetpool/zoom.h"

#define KEYS "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static const char users[] = "{\"accounts\": ["
                            "{\"account_id\": \"A1\", \"client_id\": \"C1\", \"client_secret\": \"S1\", \"plan\": \"off\", \"users\": ["
                            "{\"id\": \"h1\", \"email\": \"h1@one.example.com\", \"type\": 2}]},"
                            "{\"account_id\": \"A2\", \"client_id\": \"C2\", \"client_secret\": \"S2\", \"plan\": \"off\", \"users\": ["
                            "{\"id\": \"h2\", \"email\": \"h2@two.example.com\", \"type\": 2}]}]}";
static struct {
    pid_t pid;
    char address[64];
} sandbox;

static bool is_dead(void *arg, const char *owner)
{
    (void)arg;
    return strncmp(owner, "dead/", 5) == 0;
}

/* ---- The sandbox ---- */

static void write_users(const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(users, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void sandbox_start(void)
{
    char path[4096], line[128] = "";
    int out[2];
    FILE *from;

    snprintf(path, sizeof(path), "%s/users.json", getenv("MP_TEST_DIR"));
    write_users(path);
    assert_int_equal(pipe(out), 0);
    sandbox.pid = fork();
    assert_true(sandbox.pid >= 0);
    if (sandbox.pid == 0) {
        dup2(out[1], 1);
        execl("./meetpool-sandbox", "meetpool-sandbox", "--listen", "127.0.0.1:0", "--accounts", path, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    from = fdopen(out[0], "r");
    assert_non_null(from);
    if (fgets(line, sizeof(line), from) == NULL || sscanf(line, "listening on %63s", sandbox.address) != 1) {
        fprintf(stderr, "meetpool-sandbox is not built: skipped\n");
        exit(77);
    }
    fclose(from);
}

void sandbox_stop(void)
{
    kill(sandbox.pid, SIGTERM);
    waitpid(sandbox.pid, NULL, 0);
}

const char *sandbox_control(struct desk *d, const char *method, const char *path, const char *body)
{
    struct mp_http_request req = {.method = method, .url = mp_arena_printf(d->arena, "http://%s/_sandbox/%s", sandbox.address, path)};
    struct mp_http_response res;

    if (body != NULL) {
        req.body = mp_slice_of(body);
        req.content_type = "application/json";
    }
    mp_http_call(d->http, d->arena, &req, &res);
    assert_int_equal(res.call, MP_CALL_ANSWERED);
    assert_in_range(res.status, 200, 299);
    return mp_arena_strndup(d->arena, res.body);
}

size_t sandbox_meetings(struct desk *d)
{
    struct json_object *doc, *list;

    must(d, mp_json_parse(d->arena, mp_slice_of(sandbox_control(d, "GET", "meetings?deleted=false", NULL)), &doc, &d->err));
    assert_true(json_object_object_get_ex(doc, "meetings", &list));
    return json_object_array_length(list);
}

/* ---- The desk ---- */

static void read_accounts(struct desk *d, enum zoom_at at, const char *accounts)
{
    char path[4096];
    struct mp_conf_source *source;
    FILE *file;

    snprintf(path, sizeof(path), "%s/conf", getenv("MP_TEST_DIR"));
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s\n%s\n", at == ZOOM_OFF ? "ZOOM_ENABLED=false" : "", accounts);
    assert_int_equal(fclose(file), 0);
    must(d, mp_conf_open(d->arena, path, &source, &d->err));
    must(d, mp_account_conf_load(d->arena, source, &d->log, &d->accounts, &d->err));
}

static void empty_tables(struct desk *d)
{
    static const char *const tables[] = {"booking", "booking_person", "course", "batch",   "batch_member",
                                         "person",  "meeting",        "place",  "account", "host"};
    unsigned applied;

    must(d, mp_migrate(d->ctx.db, mp_arena_printf(d->arena, "%s/schema", getenv("top_srcdir") ? getenv("top_srcdir") : "."), &applied, &d->err));
    for (size_t i = 0; i < MP_COUNT(tables); i++)
        run_sql(d, mp_arena_printf(d->arena, "DELETE FROM %s", tables[i]));
}

/* What a process has of its own. */
static struct desk *sit_down(enum zoom_at at)
{
    struct mp_arena *arena = mp_arena_new();
    struct desk *d = MP_NEW(arena, struct desk);
    struct mp_zoom_conf *zoom = MP_NEW(arena, struct mp_zoom_conf);
    struct mp_keyring *ring;
    char address[32];

    d->arena = arena;
    mp_error_init(&d->err, arena);
    d->log = (struct mp_log){.fd = 2, .level = MP_ERROR};
    d->http = mp_http_new();
    harness_dead_address(address);
    zoom->api_url = mp_arena_printf(arena, "http://%s/v2", at == ZOOM_SANDBOX ? sandbox.address : address);
    zoom->oauth_url = mp_arena_printf(arena, "http://%s/oauth", at == ZOOM_SANDBOX ? sandbox.address : address);
    d->meeting.retry_delay_s = 60;
    must(d, mp_keyring_parse(arena, mp_slice_of(KEYS), &ring, &d->err));
    d->ctx = (struct mp_ctx){.arena = arena,
                             .db = harness_open(),
                             .zoom = mp_zoom_new(zoom, d->http, &d->log),
                             .log = &d->log,
                             .keyring = ring,
                             .account_conf = &d->accounts,
                             .meeting_conf = &d->meeting,
                             .owner = "here/1/1",
                             .owner_is_dead = is_dead};
    return d;
}

struct desk *desk_open(enum zoom_at at, const char *accounts)
{
    struct desk *d = sit_down(at);

    empty_tables(d);
    read_accounts(d, at, accounts);
    if (at == ZOOM_SANDBOX)
        sandbox_control(d, "POST", "reset", NULL);
    return d;
}

pid_t desk_beside(const char *owner, const char *accounts, void (*work)(struct desk *d, void *arg), void *arg)
{
    pid_t pid = fork();
    struct desk *d;

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    d = sit_down(ZOOM_SANDBOX);
    read_accounts(d, ZOOM_SANDBOX, accounts);
    d->ctx.owner = owner;
    work(d, arg);
    _exit(0);
}

void desk_close(struct desk *d)
{
    mp_zoom_free(d->ctx.zoom);
    mp_http_free(d->http);
    mp_db_free(d->ctx.db);
    mp_arena_free(d->arena);
}

void must(struct desk *d, int rc)
{
    if (rc < 0)
        fail_msg("%s: %s", mp_error_message(&d->err), d->err.detail ? d->err.detail : "");
}

/* A statement's address is its name, so each text keeps its own. */
static const struct mp_sql *keep(struct desk *d, const char *text)
{
    struct mp_sql *sql = MP_NEW(d->arena, struct mp_sql);

    sql->text = text;
    return sql;
}

int64_t number(struct desk *d, const char *sql_text)
{
    return must_number(d->ctx.db, keep(d, sql_text));
}

void run_sql(struct desk *d, const char *sql_text)
{
    must_run(d->ctx.db, keep(d, sql_text));
}

int64_t desk_instant(int day, int hour, int minute)
{
    const struct mp_civil civil = {.year = 2035, .month = 6, .day = day, .hour = hour, .minute = minute};
    int64_t at_ms;

    assert_int_equal(mp_zone_instant("UTC", &civil, &at_ms, NULL, NULL), MP_TIME_OK);
    return at_ms;
}

struct mp_booking_spec a_class(const char *owner, int day)
{
    return (struct mp_booking_spec){.kind = MP_KIND_CLASS,
                                    .owner_sub = owner,
                                    .host_sub = owner,
                                    .title = "Algebra",
                                    .description = "Chapter 3",
                                    .starts_at = AT(day, 10, 0),
                                    .ends_at = AT(day, 11, 0),
                                    .timezone = "UTC",
                                    .wants_meeting = true};
}

struct mp_booking *must_create(struct desk *d, const struct mp_booking_spec *spec)
{
    struct mp_booking *made;

    must(d, mp_booking_create(&d->ctx, spec, 1, false, &made, &d->err));
    return made;
}

struct mp_booking *must_find(struct desk *d, const struct mp_booking *booking)
{
    struct mp_booking *found = NULL;

    mp_error_reset(&d->err);
    assert_int_equal(mp_booking_find(&d->ctx, booking->row.kind, booking->row.public_id, &found, &d->err), 1);
    return found;
}

unsigned repair_now(struct desk *d)
{
    unsigned done;

    run_sql(d, "UPDATE booking SET retry_at = 1 WHERE retry_at IS NOT NULL AND lease_until = 0");
    must(d, mp_booking_repair(&d->ctx, &done, &d->err));
    return done;
}

struct mp_booking_change no_change(void)
{
    return (struct mp_booking_change){.starts_at = -1, .ends_at = -1, .wants_meeting = -1, .status = -1};
}
