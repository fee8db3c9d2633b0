"""What Zoom can do wrong while a meeting is booked, and what the client is told then."""
import datetime
import os
import signal
import time

import pytest

from harness import alive, together, wait_for
from pool import CREATE, DOWN, LIST, PER_DAY, PER_HOST, PER_SECOND, TOKEN, Pool, limited, reasons, refused

COOLDOWN_S = 2


@pytest.fixture(scope="module")
def the_pool(make_stack):
    return Pool(make_stack(MEETPOOL_ACCOUNT_COOLDOWN=COOLDOWN_S))


@pytest.fixture
def pool(the_pool):
    the_pool.reset()
    return the_pool


@pytest.fixture(scope="module")
def the_other_pool(make_stack):
    # As many workers as bookings at once: a full queue would be answered by a quick 503.
    return Pool(make_stack(MEETPOOL_ACCOUNT_COOLDOWN=COOLDOWN_S, MEETPOOL_ZOOM_WORKERS=60))


@pytest.fixture
def keyless(the_other_pool):
    """A pool without tokens. Its workers may remember dead ones, which would draw the fault that another test has set; so it is one of its own."""
    the_other_pool.reset()
    the_other_pool.fresh_tokens()
    return the_other_pool


# ---- credentials and tokens

def test_a_wrong_secret_makes_the_account_inactive_until_the_cooldown_ends(keyless):
    keyless.secret(1, "wrong")
    assert keyless.booked()["zoomAccountUsed"] == "account_2"
    stats = keyless.stats()["account_1"]
    assert not stats["active"] and stats["inactive_reason"] == "authentication" and stats["inactive_until"]
    assert stats["last_error"] and stats["available"] == 0
    assert keyless.booked()["zoomAccountUsed"] == "account_3"
    assert len(keyless.calls(TOKEN, account=1)) == 1
    # Operators are told once of credentials that stay wrong.
    wait_for(lambda: keyless.stats()["account_1"]["active"], COOLDOWN_S + 2)
    assert keyless.booked()["zoomAccountUsed"] != "account_1" and not keyless.stats()["account_1"]["active"]
    [alert] = keyless.stack.rows("SELECT subject, times, message FROM alert WHERE kind = 'account_inactive'")
    assert (alert["subject"], alert["times"]) == ("account_1", 1) and "credentials" in alert["message"]
    keyless.secret(1, keyless.secrets[0])
    wait_for(lambda: keyless.stats()["account_1"]["active"], COOLDOWN_S + 2)
    keyless.booked(account="account_1")
    keyless.agree(meetings=4)


def test_reset_account_makes_it_active_at_once(keyless):
    keyless.secret(1, "wrong")
    keyless.booked()
    keyless.secret(1, keyless.secrets[0])
    assert not keyless.stats()["account_1"]["active"]
    assert keyless.stack.post("zoom/reset-account/account_1").status_code == 200
    stats = keyless.stats()["account_1"]
    assert stats["active"] and stats["inactive_reason"] is None and stats["inactive_until"] is None
    assert keyless.stack.post("zoom/reset-account/account_9").status_code == 404
    keyless.booked(account="account_1")


def test_all_secrets_wrong(keyless):
    for account in (1, 2, 3):
        keyless.secret(account, "wrong")
    why = reasons(keyless.book())
    assert sorted(why) == ["account_1", "account_2", "account_3"] and all(why.values())
    assert [stats["inactive_reason"] for stats in keyless.stats().values()] == ["authentication"] * 3
    # The inactive ones are tried, too, and who succeeds is active again.
    for account in (1, 2, 3):
        keyless.secret(account, keyless.secrets[account - 1])
    used = keyless.booked()["zoomAccountUsed"]
    assert keyless.stats()[used]["active"]
    assert keyless.stack.post("zoom/reset-all-accounts").status_code == 200
    assert all(stats["active"] for stats in keyless.stats().values())
    keyless.agree(meetings=1)


def test_a_token_dead_in_mid_flight_is_replaced_once(keyless):
    keyless.booked(account="account_1")
    keyless.mark = keyless.sandbox.calls()["last_seq"]
    keyless.sandbox.revoke_tokens(keyless.ids[0])
    keyless.booked(account="account_1")
    assert len(keyless.calls(TOKEN)) == 1
    assert [call["status"] for call in keyless.calls(CREATE)] == [401, 201]
    assert keyless.stats()["account_1"]["active"]
    keyless.agree(meetings=2)


def test_code_124_once_is_repeated_with_a_new_token(keyless):
    keyless.booked(account="account_1")
    keyless.mark = keyless.sandbox.calls()["last_seq"]
    keyless.fault({"status": 401, "body": {"code": 124, "message": "Access token is expired."}}, CREATE, account=1)
    assert keyless.booked(account="account_1")["zoomAccountUsed"] == "account_1"
    assert len(keyless.calls(TOKEN)) <= 1 and len(keyless.calls(CREATE)) == 2
    assert keyless.stats()["account_1"]["active"]


@pytest.mark.parametrize("status", [400, 401])
def test_code_124_twice_is_the_accounts_fault(keyless, status):
    keyless.fault({"status": status, "body": {"code": 124, "message": "Invalid access token."}}, CREATE, account=1, count=-1)
    assert keyless.booked()["zoomAccountUsed"] == "account_2"
    assert len(keyless.calls(CREATE, account=1)) == 2 and len(keyless.calls(TOKEN, account=1)) <= 2
    assert keyless.stats()["account_1"]["inactive_reason"] == "authentication"
    keyless.agree(meetings=1)


def test_fifty_bookings_fetch_one_token(keyless):
    keyless.sandbox.knobs(latency_ms=100)
    # Five hosts of two at a time: five hours of ten.
    bodies = [keyless.body(account="account_1", start_time=f"2032-01-01T{8 + i % 5:02}:00:00Z") for i in range(50)]
    answers = together(50, lambda i: keyless.stack.post("zoom/meetings", bodies[i]))
    assert [answer.status_code for answer in answers] == [201] * 50, [answer.text for answer in answers if answer.status_code != 201]
    assert len(keyless.calls(TOKEN)) == 1
    keyless.sandbox.knobs(latency_ms=0)
    keyless.agree(meetings=50)


def test_fifty_bookings_learn_of_wrong_credentials_by_few_calls(keyless):
    keyless.secret(1, "wrong")
    keyless.sandbox.knobs(latency_ms=100)
    # Thirty places and fifty bookings for one instant would be too many: the hours differ.
    bodies = [keyless.body(start_time=f"2032-01-02T{8 + i % 5:02}:00:00Z") for i in range(50)]
    answers = together(50, lambda i: keyless.stack.post("zoom/meetings", bodies[i]))
    assert [answer.status_code for answer in answers] == [201] * 50, [answer.text for answer in answers if answer.status_code != 201]
    assert len(keyless.calls(TOKEN, account=1)) <= 3
    keyless.sandbox.knobs(latency_ms=0)
    keyless.agree(meetings=50)


def test_the_token_endpoint_fails(keyless):
    keyless.fault(DOWN, TOKEN, account=None, count=1)
    assert keyless.booked()["zoomAccountUsed"] == "account_2"
    keyless.agree(meetings=1)


def test_a_token_answer_that_is_no_token(keyless):
    keyless.fault({"html_200": True}, TOKEN, count=1)
    assert keyless.booked()["zoomAccountUsed"] == "account_2"
    keyless.agree(meetings=1)


# ---- unclear endings: looked for before another account is tried

UNCLEAR = {
    "500": (DOWN, False),
    "502 of a gateway": ({"status": 502, "body": "<html><h1>502 Bad Gateway</h1></html>", "headers": {"Content-Type": "text/html"}}, False),
    "503 after it was done": ({"status_after": 503}, True),
    "cut before": ({"cut": {"when": "before_processing"}}, False),
    "reset before": ({"cut": {"when": "before_processing", "reset": True}}, False),
    "cut after": ({"cut": {"when": "after_processing"}}, True),
    "reset after": ({"cut": {"when": "after_processing", "reset": True}}, True),
    "cut in the head": ({"cut": {"when": "in_headers", "bytes": 1}}, True),
    "cut later in the head": ({"cut": {"when": "in_headers", "bytes": 60}}, True),
    "cut at the body's start": ({"cut": {"when": "in_body", "bytes": 0}}, True),
    "cut in the body": ({"cut": {"when": "in_body", "bytes": 40}}, True),
    "cut late in the body": ({"cut": {"when": "in_body", "bytes": 900}}, True),
    "truncated": ({"truncate_body": 100}, True),
    "truncated to nothing": ({"truncate_body": 0}, True),
    "no JSON": ({"invalid_json": True}, True),
    "other types": ({"wrong_types": True}, True),
    "a page": ({"html_200": True}, None),
}


@pytest.mark.parametrize("name", UNCLEAR)
def test_an_unclear_ending(pool, name):
    action, done = UNCLEAR[name]
    pool.fault(action, CREATE, account=1, count=1)
    meeting = pool.booked(agenda="kept", password="Abc123")
    if done is not None:
        assert meeting["zoomAccountUsed"] == ("account_1" if done else "account_2")
    if action.keys() != {"wrong_types"}:
        assert len(pool.calls(LIST, account=1)) >= 1
    assert meeting["password"] == "Abc123" and meeting["agenda"] == "kept" and meeting["join_url"] and meeting["host_email"]
    assert meeting["start_url"].startswith("https://us02web.zoom.us/s/")
    assert pool.stats()["account_1"]["active"]
    pool.agree(meetings=1)


def test_found_by_its_marker_though_it_cannot_be_read_whole(pool):
    pool.fault({"cut": {"when": "after_processing"}}, CREATE, account=1)
    pool.fault(DOWN, {"method": "GET", "path": "/v2/meetings/*"}, count=1)
    meeting = pool.booked(password="Abc123")
    assert meeting["zoomAccountUsed"] == "account_1"
    again = pool.read(meeting).json()["data"]["meeting"]
    assert again["password"] == "Abc123" and again["join_url"] and again["host_email"] and again["uuid"]
    pool.agree(meetings=1)


def test_where_the_search_fails_too_the_next_account_takes_it_and_the_lost_one_goes(pool):
    pool.fault({"cut": {"when": "after_processing"}}, CREATE, account=1)
    pool.fault(DOWN, LIST, account=1, count=1)
    assert pool.booked()["zoomAccountUsed"] == "account_2"
    assert len(pool.live()) == 2
    pool.agree(meetings=1, seconds=12)
    assert pool.live()[0]["account_id"] == pool.ids[1]


@pytest.mark.parametrize("processed", ["before", "after"])
def test_zoom_never_answers(pool, processed):
    pool.fault({"hang": {"processed": processed, "for_ms": 20000}}, CREATE, account=1)
    began = time.monotonic()
    meeting = pool.booked()
    assert time.monotonic() - began < 20
    assert meeting["zoomAccountUsed"] == ("account_1" if processed == "after" else "account_2")
    # One slow endpoint does not hold up the next booking.
    began = time.monotonic()
    assert pool.booked()["zoomAccountUsed"] != "account_1"
    assert time.monotonic() - began < 3
    pool.agree(meetings=2)


@pytest.mark.parametrize("meanwhile", ["cut"])
def test_zoom_does_it_later(pool, meanwhile):
    pool.fault({"execute_later_ms": 4000, "meanwhile": meanwhile}, CREATE, account=1)
    assert pool.booked()["zoomAccountUsed"] == "account_2"
    assert len(pool.live()) == 1
    wait_for(lambda: len(pool.live()) == 2, 6)
    # It is looked for at growing distances; not to wait for the next one:
    pool.stack.rows("UPDATE place SET check_at = 0 WHERE state = 'lost'")
    pool.agree(meetings=1, seconds=10)
    assert pool.live()[0]["account_id"] == pool.ids[1]


def test_a_list_that_lags_does_not_leave_a_second_one(pool):
    pool.sandbox.knobs(list_lag_ms=3000)
    pool.fault({"cut": {"when": "after_processing"}}, CREATE, account=1)
    pool.booked()
    time.sleep(3)
    pool.stack.rows("UPDATE place SET check_at = 0 WHERE state = 'lost'")
    pool.agree(meetings=1)


# ---- refusals

def test_an_error_under_status_200(pool):
    pool.fault({"error_200": True}, CREATE, account=1)
    response = pool.book()
    assert response.status_code == 201, response.text
    pool.agree(meetings=1, seconds=15)


def test_an_error_under_status_200_that_did_nothing(pool):
    pool.fault({"status": 200, "body": {"code": 200, "message": "Only available for Paid account."}}, CREATE, account=1)
    assert pool.booked()["zoomAccountUsed"] == "account_2"
    pool.agree(meetings=1)


def test_every_account_refuses(pool):
    pool.fault({"status": 400, "body": {"code": 300, "message": "Validation Failed.", "errors": [{"field": "topic", "message": "No."}]}}, CREATE,
               count=-1)
    why = reasons(pool.book())
    assert all("Validation Failed" in text for text in why.values()) and len(why) == 3
    pool.agree(meetings=0)


NO_HOST = [(400, {"code": 3161, "message": "Your user account is not allowed meeting hosting and scheduling capabilities."}),
           (404, {"code": 1001, "message": "User does not exist: host1."}), (400, {"code": 1010, "message": "User does not belong to this account."})]


@pytest.mark.parametrize("status,body", NO_HOST)
def test_a_host_that_cannot_hold_meetings(pool, status, body):
    pool.sandbox.fault({"status": status, "body": body}, {**CREATE, "host": pool.hosts[0][0]}, count=-1)
    meeting = pool.booked()
    assert meeting["zoomAccountUsed"] == "account_1" and meeting["host_email"] == pool.hosts[0][1]
    assert pool.stats()["account_1"]["active"]
    pool.booked(account="account_1")
    assert len([call for call in pool.calls(CREATE) if call["host"] == pool.hosts[0][0]]) == 1
    pool.agree(meetings=2)


def test_a_host_loses_its_licence(pool):
    pool.change_host(pool.hosts[0][0], type=4)
    assert pool.booked()["host_email"] == pool.hosts[0][1]


def test_no_host_of_an_account_can(pool):
    pool.fault({"status": 400, "body": NO_HOST[0][1]}, CREATE, account=1, count=-1)
    assert pool.booked()["zoomAccountUsed"] == "account_2"
    assert len(pool.calls(CREATE, account=1)) == len(pool.hosts[0])
    pool.agree(meetings=1)


def test_an_inactive_account_whose_hosts_cannot_is_not_asked_over_and_over(pool):
    pool.fault({"status": 400, "body": NO_HOST[0][1]}, CREATE, count=-1)
    pool.stack.rows("UPDATE account SET inactive_until = 32503680000000, inactive_reason = 'authentication'")
    why = reasons(pool.book())
    assert len(why) == 3
    assert len(pool.calls(CREATE)) == sum(len(hosts) for hosts in pool.hosts)
    pool.agree(meetings=0)


def test_a_suspended_account(pool):
    pool.sandbox.call("POST", f"accounts/{pool.ids[0]}", {"suspended": True})
    assert pool.booked()["zoomAccountUsed"] == "account_2"
    pool.agree(meetings=1)


# ---- limits

def in_utc(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("headers", [{}, {"X-RateLimit-Type": "QPS"}, {"Retry-After": "20"}, {"Retry-After": None}])
def test_the_limit_per_second(pool, headers):
    headers = {name: value or in_utc(20) for name, value in headers.items()}
    pool.fault(limited(PER_SECOND, **headers), CREATE, account=1, count=1)
    assert pool.booked()["zoomAccountUsed"] == "account_2"
    stats = pool.stats()["account_1"]
    assert stats["active"] and stats["last_error"]
    if "Retry-After" in headers:
        left = pool.stack.rows("SELECT paused_until - 1000 * UNIX_TIMESTAMP(NOW(3)) AS ms FROM account WHERE name = 'account_1'")[0]["ms"]
        assert 17000 < left <= 20000
        # Obeyed: nobody asks that account again before.
        assert [pool.booked()["zoomAccountUsed"] for _ in range(2)] == ["account_3", "account_2"]
        assert len(pool.calls(CREATE, account=1)) == 1
    pool.agree()


def test_every_account_is_limited(pool):
    pool.fault(limited(PER_SECOND, **{"Retry-After": "7"}), CREATE, count=-1)
    response = pool.book()
    assert len(reasons(response)) == 3
    assert 1 <= int(response.headers["Retry-After"]) <= 7
    response = pool.book()
    assert len(reasons(response)) == 3
    assert len(pool.calls(CREATE)) == 3
    pool.agree(meetings=0)


def test_a_limit_that_ends_soon_is_waited_for(pool):
    pool.fault(limited(PER_SECOND, **{"Retry-After": "1"}), CREATE, count=3)
    began = time.monotonic()
    pool.booked()
    assert time.monotonic() - began < 5
    pool.agree(meetings=1)


TRAP = {"X-RateLimit-Category": "Light", "X-RateLimit-Limit": "6000", "X-RateLimit-Remaining": "5893"}


@pytest.mark.parametrize("headers", [{}, TRAP])
def test_the_daily_limit_of_a_host(pool, headers):
    pool.sandbox.fault(limited(PER_HOST, **headers), {**CREATE, "host": pool.hosts[0][0]}, count=-1)
    meeting = pool.booked()
    assert meeting["zoomAccountUsed"] == "account_1" and meeting["host_email"] == pool.hosts[0][1]
    pool.booked(account="account_1")
    assert len([call for call in pool.calls(CREATE) if call["host"] == pool.hosts[0][0]]) == 1
    # Parked for this UTC day, and for no longer.
    row = pool.stack.rows("SELECT h.daily_day, h.daily_used, FLOOR(UNIX_TIMESTAMP() / 86400) AS today FROM host h WHERE zoom_user = %s", pool.hosts[0][0])
    assert row[0]["daily_used"] == 100 and row[0]["daily_day"] == row[0]["today"]
    assert pool.stats()["account_1"]["active"] and pool.stats()["account_1"]["inactive_reason"] is None
    pool.stack.rows("UPDATE host SET daily_day = daily_day - 1")
    pool.sandbox.clear_faults()
    assert pool.hosts[0][0] in [pool.booked(account="account_1")["host_email"] for _ in pool.hosts[0]]
    pool.agree(meetings=2 + len(pool.hosts[0]))


def test_the_daily_limit_of_every_host(pool):
    pool.fault(limited(PER_HOST, **TRAP), CREATE, count=-1)
    why = reasons(pool.book())
    assert all("daily" in text for text in why.values()) and len(why) == 3
    calls = len(pool.calls(CREATE))
    assert calls == sum(len(hosts) for hosts in pool.hosts)
    response = pool.book()
    assert all("daily" in text for text in reasons(response).values())
    assert len(pool.calls(CREATE)) == calls
    midnight = 86400 - time.time() % 86400
    assert abs(int(response.headers["Retry-After"]) - midnight) < 30
    pool.agree(meetings=0)


def test_our_own_count_of_the_day_spares_zoom_the_call(pool):
    pool.stack.rows("UPDATE host SET daily_day = FLOOR(UNIX_TIMESTAMP() / 86400), daily_used = 100")
    reasons(pool.book())
    assert pool.calls(CREATE) == []


@pytest.mark.parametrize("headers", [{"X-RateLimit-Type": "Daily-limit", "Retry-After": None}, {"X-RateLimit-Type": "Daily-limit"}, {}])
def test_the_daily_limit_of_an_account(pool, headers):
    headers = {name: value or in_utc(3600) for name, value in headers.items()}
    pool.fault(limited(PER_DAY, **headers), CREATE, account=1, count=-1)
    assert pool.booked()["zoomAccountUsed"] == "account_2"
    stats = pool.stats()["account_1"]
    assert not stats["active"] and stats["inactive_reason"] == "daily_limit"
    until = datetime.datetime.fromisoformat(stats["inactive_until"].replace("Z", "+00:00"))
    left = (until - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    midnight = 86400 - time.time() % 86400
    assert abs(left - (3600 if "Retry-After" in headers else midnight)) < 30
    # Not even when the others fail.
    pool.fault(DOWN, CREATE, count=-1)
    assert "daily" in reasons(pool.book())["account_1"]
    assert len(pool.calls(CREATE, account=1)) == 1
    pool.sandbox.clear_faults()
    pool.agree(meetings=1)


# ---- nothing answers

def test_everything_is_down(pool):
    pool.fault(DOWN, {}, count=-1)
    why = reasons(pool.book())
    assert len(why) == 3
    assert pool.stack.get("zoom/meetings").json()["data"]["meetings"] == []
    pool.sandbox.clear_faults()
    # Nothing is made later.
    time.sleep(3)
    pool.agree(meetings=0)
    assert pool.stack.get("zoom/meetings", params={"status": "failed"}).json()["data"]["meetings"][0]["id"] is None


def test_all_made_though_none_said_so(pool):
    """Every create is done and its answer lost, and nobody can be asked: the client is told of a failure, so all of them have to go."""
    pool.fault({"cut": {"when": "after_processing"}}, CREATE, count=-1)
    pool.fault(DOWN, LIST, count=-1)
    assert len(reasons(pool.book())) == 3
    assert len(pool.live()) == 3
    pool.sandbox.clear_faults()
    pool.agree(meetings=0, seconds=12)
    assert pool.live() == []


def test_connection_refused(make_stack):
    alone = make_stack(MEETPOOL_ACCOUNT_COOLDOWN=COOLDOWN_S)
    other = Pool(alone)
    other.reset()
    meeting = other.booked()
    pid = alone.pid("sandbox")
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not alive(pid), 10)
    began = time.monotonic()
    reasons(other.book())
    assert time.monotonic() - began < 5
    refused(alone.get(f"zoom/meetings/{meeting['id']}", params={"refresh": "true"}), 502, "zoom_failed")
    assert alone.get(f"zoom/meetings/{meeting['id']}").status_code == 200
    alone.up()
    other.agree(meetings=1, seconds=15)


# ---- no Zoom at all, and what GET zoom/status says

NOT_CONNECTED = {"connected": False, "email": None, "zoomUserId": None, "connectedAt": None, "tokenExpiry": None}


def status(stack):
    response = stack.get("zoom/status")
    assert response.status_code == 200, response.text
    body = response.json()
    assert sorted(body) == ["configured", "connection", "status"] and body["connection"].items() >= NOT_CONNECTED.items()
    assert body["configured"] is body["status"]["configured"]
    return body["status"]


def test_the_status_of_valid_credentials(pool):
    user = pool.sandbox.state()["accounts"][0]["users"][0]
    assert status(pool.stack) == {"success": True, "message": "Zoom credentials are valid", "configured": True,
                                  "user": {"id": user["id"], "email": user["email"], "account_id": pool.ids[0]}}


def test_the_status_while_zoom_is_down(pool):
    pool.fault(DOWN, {}, count=-1)
    assert status(pool.stack) == {"success": False, "error": "Zoom could not be asked", "configured": True}


def test_the_status_of_wrong_credentials(keyless):
    for account in (1, 2, 3):
        keyless.secret(account, "wrong")
    # A worker that remembers a token of another test finds it dead.
    assert status(keyless.stack) == {"success": False, "error": "Invalid Zoom credentials", "configured": True}


def test_zoom_is_disabled(make_stack):
    stack = make_stack(ZOOM_ENABLED="false")
    assert status(stack) == {"success": False, "error": "Zoom is disabled", "configured": False}
    body = {"topic": "None", "start_time": "2031-01-01T10:00:00Z"}
    refused(stack.post("zoom/meetings", body), 503, "zoom_disabled")
    refused(stack.post("zoom/meetings", {**body, "dry_run": True}), 503, "zoom_disabled")
    refused(stack.post("zoom/meetings", {"topic": 1}), 422, "validation_failed")
    assert stack.get("zoom/meetings").json()["data"]["meetings"] == []
    assert stack.sandbox.calls()["calls"] == []


def test_zoom_is_not_configured(make_stack):
    stack = make_stack(ZOOM_API_URL="http://127.0.0.1:1/v2", ZOOM_OAUTH_URL="http://127.0.0.1:1/oauth")
    assert status(stack) == {"success": False, "error": "Zoom credentials not configured", "configured": False}
    refused(stack.post("zoom/meetings", {"topic": "None", "start_time": "2031-01-01T10:00:00Z"}), 503, "zoom_not_configured")
    assert stack.get("zoom/account-stats").json()["data"]["accounts"] == []


def test_nobody_listens(make_stack):
    """The one failure that is certain to have done nothing: no search, no stray to look for."""
    account = {"ZOOM_ACCOUNT_ID_1": "a", "ZOOM_CLIENT_ID_1": "c", "ZOOM_CLIENT_SECRET_1": "s", "ZOOM_USER_ID_1": "me"}
    stack = make_stack(ZOOM_API_URL="http://127.0.0.1:1/v2", ZOOM_OAUTH_URL="http://127.0.0.1:1/oauth", **account)
    began = time.monotonic()
    assert list(reasons(stack.post("zoom/meetings", {"topic": "None", "start_time": "2031-01-01T10:00:00Z"}))) == ["account_1"]
    assert time.monotonic() - began < 5
    assert stack.get("zoom/account-stats").json()["data"]["accounts"][0]["daily_used"] == 0
    assert [row["state"] for row in stack.rows("SELECT state FROM place")] == ["free"]
