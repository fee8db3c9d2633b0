#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "connection_int.h"
#include "db/harness.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "peer.h"

#define KEY_1   "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
#define KEY_2   "k2:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
#define KEY_1B  "k1:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
#define SUB     "o'brien|1"
#define CROWD   50
#define WAIT_MS 20000

#define NEW_PAIR     "{\"access_token\":\"access-2\",\"token_type\":\"bearer\",\"refresh_token\":\"refresh-2\",\"expires_in\":3600,\"scope\":\"x\"}"
#define ONLY_ACCESS  "{\"access_token\":\"access-2\",\"token_type\":\"Bearer\"}"
#define GRANT_DEAD   "{\"reason\":\"Invalid Token!\",\"error\":\"invalid_grant\"}"
#define OLD_ACCESS   "{\"access_token\":\"access-1\",\"token_type\":\"bearer\",\"refresh_token\":\"refresh-2\",\"expires_in\":3600}"
#define GRANT_OLD    "{\"error\":\"invalid_grant\",\"error_description\":\"older than a year\"}"
#define TOKEN_WRONG  "{\"reason\":\"Invalid Token!\",\"error\":\"invalid_request\"}"
#define REVOKED      "{\"status\":\"success\"}"
#define CLIENT_WRONG "{\"reason\":\"Invalid client_id or client_secret\",\"error\":\"invalid_client\"}"

static struct peer *far_side;
static struct mp_log quiet;

struct desk {
    struct mp_arena *arena;
    struct mp_error err;
    struct mp_http *http;
    struct mp_connection_conf conf;
    struct mp_ctx ctx;
};

static const struct mp_sql wipe_connections = {"DELETE FROM connection"};
static const struct mp_sql wipe_audit = {"DELETE FROM audit"};
static const struct mp_sql wipe_checks = {"DELETE FROM key_check"};
static const struct mp_sql make_old = {"UPDATE connection SET renew_at = 1, expires_at = 1, try_at = 0"};
static const struct mp_sql end_lease = {"UPDATE connection SET lease_until = 1 WHERE owner IS NOT NULL"};
static const struct mp_sql wipe_alerts = {"DELETE FROM alert"};
static const struct mp_sql count_alerts = {"SELECT COALESCE(SUM(times), 0) FROM alert WHERE kind = 'connection_dead'"};
static const struct mp_sql count_warnings = {"SELECT COALESCE(SUM(times), 0) FROM alert WHERE kind = 'connection_not_renewed'"};
static const struct mp_sql count_removals = {"SELECT COUNT(*) FROM audit WHERE action = 'connection.deauthorized'"};
static const struct mp_sql nine_failures = {"UPDATE connection SET failures = 9"};
static const struct mp_sql count_marks = {"SELECT COUNT(*) FROM audit WHERE action = 'connection.reconnect_needed'"};

static bool dead_there(void *arg, const char *owner)
{
    (void)arg;
    return strncmp(owner, "dead", 4) == 0;
}

static struct mp_keyring *ring_of(struct desk *d, const char *text)
{
    struct mp_keyring *ring = NULL;

    assert_int_equal(mp_keyring_parse(d->arena, mp_slice_of(text), &ring, &d->err), 0);
    return ring;
}

/* Everything that one process has of its own. */
static struct desk *desk_new(const char *owner)
{
    struct mp_arena *arena = mp_arena_new();
    struct desk *d = MP_NEW(arena, struct desk);
    const struct mp_zoom_conf zoom = {.api_url = mp_arena_printf(arena, "http://127.0.0.1:%u/v2", peer_port(far_side)),
                                      .oauth_url = mp_arena_printf(arena, "http://127.0.0.1:%u/oauth", peer_port(far_side))};

    d->arena = arena;
    mp_error_init(&d->err, arena);
    d->http = mp_http_new();
    d->conf = (struct mp_connection_conf){.enabled = true, .configured = true, .state_ttl_s = 600, .idle_s = 21600};
    d->conf.app = (struct mp_zoom_app){"app:id", mp_secret_copy(arena, mp_slice_of("app secret")), "https://localhost/api/zoom/callback"};
    d->ctx = (struct mp_ctx){.arena = arena,
                             .db = harness_open(),
                             .zoom = mp_zoom_new(&zoom, d->http, &quiet),
                             .log = &quiet,
                             .keyring = ring_of(d, KEY_1),
                             .connection_conf = &d->conf,
                             .owner = owner,
                             .owner_is_dead = dead_there};
    return d;
}

static void desk_free(struct desk *d)
{
    mp_zoom_free(d->ctx.zoom);
    mp_http_free(d->http);
    mp_db_free(d->ctx.db);
    mp_arena_free(d->arena);
}

static void connect_as(struct desk *d, const char *sub, const char *access, const char *refresh)
{
    const struct mp_connection_row row = {.sub = sub, .zoom_user_id = sub, .zoom_account_id = "A", .zoom_email = "a@example.com", .zoom_type = 2};
    struct mp_zoom_token token = {.expires_in_s = 3600};
    struct mp_connection_tokens tokens;

    token.access_token = mp_secret_copy(d->arena, mp_slice_of(access));
    if (refresh != NULL)
        token.refresh_token = mp_secret_copy(d->arena, mp_slice_of(refresh));
    connection_seal(&d->ctx, sub, &token, NULL, &tokens);
    assert_int_equal(mp_store_connection_put(d->ctx.db, &row, &tokens, &d->err), 0);
}

static int setup(void **state)
{
    struct desk *d = desk_new("here/1/1");
    const char *top = getenv("top_srcdir");
    unsigned applied;

    peer_clear(far_side);
    assert_int_equal(mp_migrate(d->ctx.db, mp_arena_printf(d->arena, "%s/schema", top != NULL ? top : "."), &applied, &d->err), 0);
    must_run(d->ctx.db, &wipe_connections);
    must_run(d->ctx.db, &wipe_audit);
    must_run(d->ctx.db, &wipe_checks);
    must_run(d->ctx.db, &wipe_alerts);
    connect_as(d, SUB, "access-1", "refresh-1");
    *state = d;
    return 0;
}

static int teardown(void **state)
{
    desk_free(*state);
    return 0;
}

static struct mp_connection_row row_of(struct desk *d, const char *sub)
{
    struct mp_connection_row row;

    assert_int_equal(mp_store_connection_by_sub(d->ctx.db, d->arena, sub, &row, &d->err), 1);
    return row;
}

static enum mp_connection_use use(struct desk *d, const char *refused, const char *expected)
{
    struct mp_secret bad = mp_secret_copy(d->arena, mp_slice_of(refused));
    struct mp_connection_token token;

    assert_int_equal(mp_connection_token(&d->ctx, SUB, refused != NULL ? &bad : NULL, mp_monotonic_ms() + WAIT_MS, &token, &d->err), 0);
    assert_true((token.use == MP_CONNECTION_USABLE) == (expected != NULL));
    if (expected != NULL)
        assert_true(mp_secret_equals(&token.access, mp_slice_of(expected)));
    else
        assert_non_null(token.why);
    return token.use;
}

static size_t calls(struct desk *d)
{
    return peer_seen(far_side, d->arena).count;
}

static void a_challenge_is_that_of_rfc_7636(void **state)
{
    struct desk *d = *state;

    assert_string_equal(connection_challenge(d->arena, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

static void a_good_token_costs_no_call(void **state)
{
    assert_int_equal(use(*state, NULL, "access-1"), MP_CONNECTION_USABLE);
    assert_int_equal(calls(*state), 0);
}

static void an_old_one_is_renewed_and_stored_first(void **state)
{
    struct desk *d = *state;
    struct peer_seen seen;

    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "-", "200 OK", "", NEW_PAIR);
    use(d, NULL, "access-2");
    use(d, NULL, "access-2");
    seen = peer_seen(far_side, d->arena);
    assert_int_equal(seen.count, 1);
    assert_non_null(strstr(seen.requests[0].p, "POST /oauth/token HTTP/1.1"));
    assert_non_null(strstr(seen.requests[0].p, "grant_type=refresh_token&refresh_token=refresh-1"));
    /* app%3Aid:app%20secret, RFC 6749 section 2.3.1 */
    assert_non_null(strstr(seen.requests[0].p, "Basic YXBwJTNBaWQ6YXBwJTIwc2VjcmV0"));
    assert_int_equal(row_of(d, SUB).pair, 2);
    assert_int_equal(row_of(d, SUB).begun, 0);
}

static void a_server_that_keeps_the_refresh_token_will_do(void **state)
{
    struct desk *d = *state;
    struct mp_secret refresh;
    struct mp_connection_row row;

    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "-", "200 OK", "", ONLY_ACCESS);
    use(d, NULL, "access-2");
    row = row_of(d, SUB);
    assert_int_equal(connection_open(&d->ctx, MP_SEALED_REFRESH, SUB, row.refresh_sealed, &refresh, &d->err), 0);
    assert_true(mp_secret_equals(&refresh, mp_slice_of("refresh-1")));
    assert_true(row.expires_at > row.now_ms + 3500000);
}

/* With such an answer the old pair is used up all the same. */
static void a_life_that_cannot_be_read_costs_no_pair(void **state)
{
    static const char *const lives[] = {"\"1799\"", "\"soon\"", "0", "-1", "null", "3599.5", "[]"};
    struct desk *d = *state;

    for (size_t i = 0; i < MP_COUNT(lives); i++) {
        struct mp_connection_row row;

        must_run(d->ctx.db, &make_old);
        peer_reply_json(far_side, "-", "200 OK", "",
                        mp_arena_printf(d->arena, "{\"access_token\":\"access-2\",\"refresh_token\":\"refresh-2\",\"expires_in\":%s}", lives[i]));
        use(d, NULL, "access-2");
        row = row_of(d, SUB);
        assert_int_equal(row.pair, i + 2);
        assert_true(row.expires_at > row.now_ms + 1700000 && row.expires_at <= row.now_ms + (i == 0 ? 1799000 : 3600000));
    }
}

static void an_endless_life_is_not_believed(void **state)
{
    struct desk *d = *state;
    struct mp_connection_row row;

    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "-", "200 OK", "",
                    "{\"access_token\":\"access-2\",\"refresh_token\":\"refresh-2\",\"expires_in\":9223372036854775807}");
    use(d, NULL, "access-2");
    row = row_of(d, SUB);
    assert_true(row.expires_at > row.now_ms && row.expires_at <= row.now_ms + MP_DAY_MS);
}

/* Else the server would be asked without a pause for as long as there is time. */
static void the_refused_token_once_more_is_not_asked_for_again(void **state)
{
    struct desk *d = *state;

    peer_reply_json(far_side, "-", "200 OK", "", OLD_ACCESS);
    assert_int_equal(use(d, "access-1", NULL), MP_CONNECTION_AWAY);
    assert_int_equal(calls(d), 1);
    assert_int_equal(row_of(d, SUB).pair, 2);
}

static void without_the_app_nothing_is_asked(void **state)
{
    struct desk *d = *state;

    d->conf.configured = false;
    use(d, NULL, "access-1");
    must_run(d->ctx.db, &make_old);
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_AWAY);
    assert_int_equal(calls(d), 0);
    assert_int_equal(row_of(d, SUB).failures, 0);
}

static void why_it_was_refused_is_kept(void **state)
{
    struct desk *d = *state;

    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "-", "400 Bad Request", "", GRANT_OLD);
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_DEAD);
    assert_string_equal(row_of(d, SUB).last_error, "invalid_grant: older than a year");
}

/* One of the crowd, in a process of its own, of the one or the other of two machines. */
static int one_of_the_crowd(int i, const char *refused)
{
    struct mp_arena *names = mp_arena_new();
    struct desk *d = desk_new(mp_arena_printf(names, "%s/%d/1", i % 2 ? "machine1" : "machine2", i));
    struct mp_secret bad = mp_secret_copy(d->arena, mp_slice_of(refused));
    struct mp_connection_token token;

    if (mp_connection_token(&d->ctx, SUB, refused != NULL ? &bad : NULL, mp_monotonic_ms() + WAIT_MS, &token, &d->err) < 0)
        return 2;
    return token.use == MP_CONNECTION_USABLE && mp_secret_equals(&token.access, mp_slice_of("access-2")) ? 0 : 1;
}

static void crowd(const char *refused)
{
    pid_t pids[CROWD];

    for (int i = 0; i < CROWD; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0)
            _exit(one_of_the_crowd(i, refused));
    }
    for (int i = 0; i < CROWD; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
}

static void fifty_at_once_make_one_refresh(void **state)
{
    struct desk *d = *state;

    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "delay=400", "200 OK", "", NEW_PAIR);
    crowd(NULL);
    assert_int_equal(calls(d), 1);
    assert_int_equal(row_of(d, SUB).pair, 2);
}

static void fifty_whose_token_zoom_refuses_make_one_refresh(void **state)
{
    struct desk *d = *state;

    peer_reply_json(far_side, "delay=400", "200 OK", "", NEW_PAIR);
    crowd("access-1");
    assert_int_equal(calls(d), 1);
}

static void a_dead_grant_is_marked_once_and_not_tried_again(void **state)
{
    struct desk *d = *state;
    struct mp_connection_row row;

    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "-", "400 Bad Request", "", GRANT_DEAD);
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_DEAD);
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_DEAD);
    assert_int_equal(calls(d), 1);
    row = row_of(d, SUB);
    assert_string_equal(row.reason, "revoked");
    assert_null(row.access_sealed);
    assert_null(row.refresh_sealed);
    assert_non_null(mp_connection_warning(&row));
    assert_int_equal(must_number(d->ctx.db, &count_marks), 1);
    assert_int_equal(must_number(d->ctx.db, &count_alerts), 1);
}

static void a_refresh_that_keeps_failing_raises_an_alert(void **state)
{
    struct desk *d = *state;
    struct mp_connection_row row;

    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "-", "503 Service Unavailable", "", "{}");
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_AWAY);
    assert_int_equal(must_number(d->ctx.db, &count_warnings), 0);
    must_run(d->ctx.db, &nine_failures);
    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "-", "503 Service Unavailable", "", "{}");
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_AWAY);
    row = row_of(d, SUB);
    assert_int_equal(row.state, MP_CONNECTION_CONNECTED);
    assert_int_equal(row.failures, 10);
    assert_non_null(mp_connection_warning(&row));
    assert_int_equal(must_number(d->ctx.db, &count_warnings), 1);
}

static void an_app_that_was_removed_is_told(void **state)
{
    struct desk *d = *state;
    struct mp_connection_row row = row_of(d, SUB), before = row;
    struct mp_zoom_token token = {.expires_in_s = 3600};
    struct mp_connection_tokens late;

    /* Older than the connection, another account's, nobody's. */
    assert_int_equal(mp_connection_deauthorized(&d->ctx, SUB, "A", row.connected_at - 1, &d->err), 0);
    assert_int_equal(mp_connection_deauthorized(&d->ctx, SUB, "B", row.connected_at + 1, &d->err), 0);
    assert_int_equal(mp_connection_deauthorized(&d->ctx, "nobody", "A", row.connected_at + 1, &d->err), 0);
    row = row_of(d, SUB);
    assert_int_equal(row.state, MP_CONNECTION_CONNECTED);
    assert_int_equal(must_number(d->ctx.db, &count_alerts), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(mp_connection_deauthorized(&d->ctx, SUB, "A", row.connected_at, &d->err), 0);
    row = row_of(d, SUB);
    assert_int_equal(row.state, MP_CONNECTION_RECONNECT);
    assert_string_equal(row.reason, "deauthorized");
    assert_null(row.access_sealed);
    assert_null(row.refresh_sealed);
    assert_non_null(strstr(mp_connection_warning(&row), "removed in Zoom"));
    assert_int_equal(must_number(d->ctx.db, &count_alerts), 1);
    assert_int_equal(must_number(d->ctx.db, &count_removals), 1);
    /* A refresh that was under way brings nothing back. */
    token.access_token = mp_secret_copy(d->arena, mp_slice_of("access-2"));
    connection_seal(&d->ctx, SUB, &token, NULL, &late);
    assert_int_equal(mp_store_connection_renewed(d->ctx.db, &before, &late, &d->err), 0);
    assert_int_equal(row_of(d, SUB).state, MP_CONNECTION_RECONNECT);
}

static void why_it_was_refused_is_told_when_zoom_says_it(void **state)
{
    struct desk *d = *state;

    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "-", "400 Bad Request", "", GRANT_DEAD);
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_DEAD);
    assert_int_equal(mp_connection_deauthorized(&d->ctx, SUB, NULL, row_of(d, SUB).connected_at, &d->err), 0);
    assert_string_equal(row_of(d, SUB).reason, "deauthorized");
    assert_int_equal(must_number(d->ctx.db, &count_alerts), 1);
}

static void the_licence_decides_unless_zoom_tells(void **state)
{
    static const struct {
        int64_t type, told, most;
    } rows[] = {{0, 0, 1}, {1, 0, 1}, {1, 2, 1}, {2, 0, 2}, {2, 1, 1}, {2, 2, 2}, {99, 2, 1}};
    static const struct {
        int64_t type;
        const char *status, *body;
        int64_t most;
    } answers[] = {
        {2, "200 OK", "{\"feature\":{\"concurrent_meeting\":\"Basic\"}}", 2},
        {2, "200 OK", "{\"feature\":{\"concurrent_meeting\":\"Plus\"}}", 2},
        {2, "200 OK", "{\"feature\":{\"concurrent_meeting\":\"None\"}}", 1},
        {2, "200 OK", "{\"feature\":{\"concurrent_meeting\":7}}", 0},
        {2, "200 OK", "{\"feature\":[]}", 0},
        {2, "400 Bad Request", "{\"code\":4711,\"message\":\"Invalid access token, does not contain scopes:[user:read:settings].\"}", 0},
    };
    struct desk *d = *state;
    struct mp_secret token = mp_secret_copy(d->arena, mp_slice_of("access-1"));

    for (size_t i = 0; i < MP_COUNT(rows); i++) {
        const struct mp_connection_row row = {.zoom_type = rows[i].type, .most_meetings = rows[i].told};

        assert_int_equal(mp_connection_capacity(&row), rows[i].most);
    }
    for (size_t i = 0; i < MP_COUNT(answers); i++) {
        const struct mp_zoom_user user = {.id = "u", .type = answers[i].type};

        peer_reply_json(far_side, "-", answers[i].status, "", answers[i].body);
        assert_int_equal(connection_most_meetings(&d->ctx, &token, &user), answers[i].most);
    }
    assert_int_equal(connection_most_meetings(&d->ctx, &token, &(struct mp_zoom_user){.id = "u", .type = 1}), 1);
    assert_int_equal(calls(d), MP_COUNT(answers));
}

static void a_lost_answer_gets_one_more_try(void **state)
{
    struct desk *d = *state;

    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "cut=30", "200 OK", "", NEW_PAIR);
    peer_reply_json(far_side, "-", "400 Bad Request", "", GRANT_DEAD);
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_DEAD);
    assert_int_equal(calls(d), 2);
    assert_string_equal(row_of(d, SUB).reason, "answer_lost");
}

static void two_lost_answers_wait_and_mark_nothing(void **state)
{
    struct desk *d = *state;
    struct mp_connection_row row;

    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "cut=30", "200 OK", "", NEW_PAIR);
    peer_reply_json(far_side, "-", "503 Service Unavailable", "", "{}");
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_AWAY);
    row = row_of(d, SUB);
    assert_int_equal(row.state, MP_CONNECTION_CONNECTED);
    assert_int_equal(row.begun, 1);
    assert_true(row.try_at > row.now_ms);
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_AWAY);
    assert_int_equal(calls(d), 2);
    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "-", "400 Bad Request", "", GRANT_DEAD);
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_DEAD);
    assert_string_equal(row_of(d, SUB).reason, "answer_lost");
}

static void a_lost_answer_is_not_forgotten_over_a_refusal_of_the_app(void **state)
{
    struct desk *d = *state;

    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "cut=30", "200 OK", "", NEW_PAIR);
    peer_reply_json(far_side, "-", "401 Unauthorized", "", CLIENT_WRONG);
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_AWAY);
    assert_int_equal(row_of(d, SUB).begun, 1);
    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "-", "400 Bad Request", "", GRANT_DEAD);
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_DEAD);
    assert_string_equal(row_of(d, SUB).reason, "answer_lost");
}

static void wrong_credentials_of_the_app_are_not_the_persons_fault(void **state)
{
    struct desk *d = *state;

    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "-", "401 Unauthorized", "", CLIENT_WRONG);
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_AWAY);
    assert_int_equal(row_of(d, SUB).state, MP_CONNECTION_CONNECTED);
    assert_int_equal(row_of(d, SUB).begun, 0);
}

static void a_refresh_that_died_is_noticed(void **state)
{
    struct desk *d = *state;
    struct mp_connection_row row;

    must_run(d->ctx.db, &make_old);
    row = row_of(d, SUB);
    assert_int_equal(mp_store_connection_lease(d->ctx.db, &row, false, true, "dead/1/1", CONNECTION_LEASE_MS, &d->err), 1);
    peer_reply_json(far_side, "-", "400 Bad Request", "", GRANT_DEAD);
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_DEAD);
    assert_int_equal(calls(d), 1);
    assert_string_equal(row_of(d, SUB).reason, "answer_lost");
}

static void one_that_sleeps_past_its_lease_overwrites_nothing(void **state)
{
    struct desk *d = *state;
    struct mp_connection_row sleeper;
    struct mp_zoom_token token = {.expires_in_s = 3600};
    struct mp_connection_tokens late;

    must_run(d->ctx.db, &make_old);
    sleeper = row_of(d, SUB);
    assert_int_equal(mp_store_connection_lease(d->ctx.db, &sleeper, false, true, "asleep/1/1", CONNECTION_LEASE_MS, &d->err), 1);
    must_run(d->ctx.db, &end_lease);
    peer_reply_json(far_side, "-", "200 OK", "", NEW_PAIR);
    use(d, NULL, "access-2");
    token.access_token = mp_secret_copy(d->arena, mp_slice_of("late"));
    connection_seal(&d->ctx, SUB, &token, NULL, &late);
    assert_int_equal(mp_store_connection_renewed(d->ctx.db, &sleeper, &late, &d->err), 0);
    assert_int_equal(mp_store_connection_failed(d->ctx.db, &sleeper, true, 1, "late", &d->err), 0);
    assert_int_equal(mp_store_connection_dead(d->ctx.db, &sleeper, "revoked", "late", &d->err), 0);
    assert_int_equal(mp_store_connection_remove(d->ctx.db, &sleeper, &d->err), 0);
    use(d, NULL, "access-2");
}

static void its_answer_counts_where_it_is_the_only_one(void **state)
{
    struct desk *d = *state;
    struct mp_connection_row sleeper;
    struct mp_zoom_token token = {.expires_in_s = 3600};
    struct mp_connection_tokens late;

    must_run(d->ctx.db, &make_old);
    sleeper = row_of(d, SUB);
    assert_int_equal(mp_store_connection_lease(d->ctx.db, &sleeper, false, true, "asleep/1/1", CONNECTION_LEASE_MS, &d->err), 1);
    must_run(d->ctx.db, &end_lease);
    peer_reply_json(far_side, "-", "400 Bad Request", "", GRANT_DEAD);
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_DEAD);
    token.access_token = mp_secret_copy(d->arena, mp_slice_of("access-2"));
    token.refresh_token = mp_secret_copy(d->arena, mp_slice_of("refresh-2"));
    connection_seal(&d->ctx, SUB, &token, NULL, &late);
    assert_int_equal(mp_store_connection_renewed(d->ctx.db, &sleeper, &late, &d->err), 1);
    use(d, NULL, "access-2");
}

static void without_a_refresh_token_the_end_is_the_end(void **state)
{
    struct desk *d = *state;

    connect_as(d, SUB, "access-1", NULL);
    use(d, NULL, "access-1");
    must_run(d->ctx.db, &make_old);
    assert_int_equal(use(d, NULL, NULL), MP_CONNECTION_DEAD);
    assert_int_equal(calls(d), 0);
    assert_string_equal(row_of(d, SUB).reason, "no_refresh");
}

static struct mp_disconnected leave(struct desk *d)
{
    struct mp_connection_row gone;
    struct mp_disconnected done;

    assert_int_equal(mp_connection_disconnect(&d->ctx, SUB, NULL, &done, &d->err), 0);
    assert_true(done.found);
    assert_int_equal(mp_store_connection_by_sub(d->ctx.db, d->arena, SUB, &gone, &d->err), 0);
    return done;
}

/* That the refresh token can be revoked by itself Zoom does not say, and a token that is over is none to it. */
static void leaving_with_an_old_token_renews_it_to_revoke_it(void **state)
{
    struct desk *d = *state;
    struct mp_disconnected done;
    struct peer_seen seen;

    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "-", "200 OK", "", NEW_PAIR);
    peer_reply_json(far_side, "-", "200 OK", "", REVOKED);
    peer_reply_json(far_side, "-", "400 Bad Request", "", TOKEN_WRONG);
    done = leave(d);
    assert_true(done.revoked);
    assert_null(done.problem);
    seen = peer_seen(far_side, d->arena);
    assert_int_equal(seen.count, 3);
    assert_non_null(strstr(seen.requests[1].p, "token=access-2"));
    assert_non_null(strstr(seen.requests[2].p, "token=refresh-2"));
}

static void leaving_tells_where_zoom_still_has_the_permission(void **state)
{
    struct desk *d = *state;
    struct mp_disconnected done;

    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "-", "503 Service Unavailable", "", "{}");
    peer_reply_json(far_side, "-", "503 Service Unavailable", "", "{}");
    peer_reply_json(far_side, "-", "400 Bad Request", "", TOKEN_WRONG);
    peer_reply_json(far_side, "-", "400 Bad Request", "", TOKEN_WRONG);
    done = leave(d);
    assert_false(done.revoked);
    assert_non_null(done.problem);
    connect_as(d, SUB, "access-1", "refresh-1");
    d->conf.configured = false;
    done = leave(d);
    assert_false(done.revoked);
    assert_non_null(done.problem);
    assert_int_equal(calls(d), 4);
}

static void leaving_what_is_dead_at_zoom_is_no_problem(void **state)
{
    struct desk *d = *state;
    struct mp_disconnected done;

    must_run(d->ctx.db, &make_old);
    peer_reply_json(far_side, "-", "400 Bad Request", "", GRANT_DEAD);
    done = leave(d);
    assert_false(done.revoked);
    assert_null(done.problem);
    assert_int_equal(calls(d), 1);
}

static void a_row_of_another_person_does_not_open(void **state)
{
    static const struct mp_sql swap = {"UPDATE connection a, connection b SET a.access_sealed = b.access_sealed WHERE a.sub <> b.sub"};
    struct desk *d = *state;
    struct mp_connection_token token;

    connect_as(d, "eve", "access-of-eve", "refresh-of-eve");
    must_run(d->ctx.db, &swap);
    assert_int_equal(mp_connection_token(&d->ctx, SUB, NULL, mp_monotonic_ms() + 1000, &token, &d->err), -1);
    assert_int_equal(row_of(d, SUB).state, MP_CONNECTION_CONNECTED);
}

static void keys_are_rotated_and_told_apart(void **state)
{
    struct desk *d = *state;
    struct mp_rotation done;
    const char *missing;

    assert_int_equal(mp_connection_check_keys(&d->ctx, &missing, &d->err), 0);
    assert_null(missing);
    d->ctx.keyring = ring_of(d, KEY_2);
    assert_int_equal(mp_connection_check_keys(&d->ctx, &missing, &d->err), 0);
    assert_string_equal(missing, "k1");
    assert_int_equal(mp_connection_rotate(&d->ctx, NULL, &done, &d->err), 0);
    assert_int_equal(done.done, 0);
    assert_int_equal(done.left, 2);
    assert_int_equal(done.unreadable, 2);
    assert_non_null(strstr(done.example, "k1"));
    d->ctx.keyring = ring_of(d, KEY_1B);
    assert_int_equal(mp_connection_check_keys(&d->ctx, &missing, &d->err), -1);
    assert_int_equal(d->err.code, MP_E_CONFIG);
    assert_non_null(strstr(mp_error_message(&d->err), "MEETPOOL_ENCRYPTION_KEYS: key k1"));
    mp_error_reset(&d->err);
    d->ctx.keyring = ring_of(d, KEY_2 "," KEY_1);
    assert_int_equal(mp_connection_rotate(&d->ctx, NULL, &done, &d->err), 0);
    assert_int_equal(done.done, 2);
    assert_int_equal(done.left, 0);
    d->ctx.keyring = ring_of(d, KEY_2);
    assert_int_equal(mp_connection_check_keys(&d->ctx, &missing, &d->err), 0);
    assert_null(missing);
    use(d, NULL, "access-1");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_challenge_is_that_of_rfc_7636),
        TEST(a_good_token_costs_no_call),
        TEST(an_old_one_is_renewed_and_stored_first),
        TEST(a_server_that_keeps_the_refresh_token_will_do),
        TEST(a_life_that_cannot_be_read_costs_no_pair),
        TEST(an_endless_life_is_not_believed),
        TEST(the_refused_token_once_more_is_not_asked_for_again),
        TEST(without_the_app_nothing_is_asked),
        TEST(why_it_was_refused_is_kept),
        TEST(fifty_at_once_make_one_refresh),
        TEST(fifty_whose_token_zoom_refuses_make_one_refresh),
        TEST(a_dead_grant_is_marked_once_and_not_tried_again),
        TEST(a_refresh_that_keeps_failing_raises_an_alert),
        TEST(an_app_that_was_removed_is_told),
        TEST(why_it_was_refused_is_told_when_zoom_says_it),
        TEST(the_licence_decides_unless_zoom_tells),
        TEST(a_lost_answer_gets_one_more_try),
        TEST(two_lost_answers_wait_and_mark_nothing),
        TEST(a_lost_answer_is_not_forgotten_over_a_refusal_of_the_app),
        TEST(wrong_credentials_of_the_app_are_not_the_persons_fault),
        TEST(a_refresh_that_died_is_noticed),
        TEST(one_that_sleeps_past_its_lease_overwrites_nothing),
        TEST(its_answer_counts_where_it_is_the_only_one),
        TEST(without_a_refresh_token_the_end_is_the_end),
        TEST(leaving_with_an_old_token_renews_it_to_revoke_it),
        TEST(leaving_tells_where_zoom_still_has_the_permission),
        TEST(leaving_what_is_dead_at_zoom_is_no_problem),
        TEST(a_row_of_another_person_does_not_open),
        TEST(keys_are_rotated_and_told_apart),
#undef TEST
    };
    int failed;

    (void)argc;
    harness_begin(argv);
    signal(SIGPIPE, SIG_IGN);
    quiet = (struct mp_log){.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = MP_DEBUG};
    far_side = peer_start("plain");
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_stop(far_side);
    close(quiet.fd);
    return failed;
}
