"""An account on its way out of use: its meetings to come go to others, each once, whatever fails on the way, and never more than fit."""
import concurrent.futures
import datetime
import os
import signal

import pytest

from booking import check_no_instant_above_a_limit
from desk import Desk, good, path_of
from harness import wait_for
from pool import CREATE, DELETE, DOWN, Pool, refused

UTC = datetime.timezone.utc


@pytest.fixture(scope="module")
def the_pool(make_stack):
    return Pool(make_stack(ZOOM_MAX_CONCURRENT_1="6", ZOOM_MAX_CONCURRENT_2="2", ZOOM_MAX_CONCURRENT_3="2"))


@pytest.fixture
def pool(the_pool):
    the_pool.stack.rows("UPDATE account SET cordoned_at = NULL")
    the_pool.reset()
    return the_pool


@pytest.fixture
def aside():
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        yield threads.submit


def evacuate(pool, account="account_1", **body):
    return pool.stack.post(f"admin/accounts/{account}/evacuate", body)


def evacuated(pool, account="account_1", **body):
    return good(evacuate(pool, account, **body), 200)


def filled(pool, count, account="account_1", **more):
    """So many meetings of that account, all at one time."""
    body = pool.body(duration=60, account=account, **more)
    return [pool.booked(**body) for _ in range(count)]


def outcomes(data):
    return [(one["id"], one["outcome"], one["to"], one["reason"], one["nearest_start"]) for one in data["meetings"]]


def soon(minutes):
    return (datetime.datetime.now(UTC) + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def answers_again(pool):
    wait_for(lambda: pool.stack.get("zoom/meetings").status_code == 200, 10, what="an answer of new workers")


def whole(pool, meetings):
    """Each of these is there once, under whatever number, and Zoom and the database agree."""
    pool.agree(meetings=len(meetings))
    assert sorted((one["topic"], one["start_time"]) for one in pool.listed()) == sorted((one["topic"], one["start_time"]) for one in meetings)
    check_no_instant_above_a_limit(pool.stack)


# ---- as it should go

def test_each_keeps_its_time_and_gets_another_number(pool):
    meetings = [pool.booked(account="account_1", topic=f"Lesson {n}", password="Secret1", agenda="What to bring") for n in range(4)]
    staying = pool.booked(account="account_2")
    data = evacuated(pool)
    assert data["account"]["cordoned"] is True and (data["moved"], data["remaining"]) == (4, 0)
    assert [one["start_time"] for one in data["meetings"]] == sorted(one["start_time"] for one in meetings)
    told = {one["id"]: one for one in data["meetings"]}
    for meeting in meetings:
        assert told[meeting["id"]]["outcome"] == "moved" and told[meeting["id"]]["to"] in ("account_2", "account_3")
        new = pool.read(meeting).json()["data"]["meeting"]
        assert new["id"] == told[meeting["id"]]["new_id"] != meeting["id"] and new["join_url"] != meeting["join_url"]
        assert new["zoomAccountUsed"] == told[meeting["id"]]["to"]
        for same in ("topic", "start_time", "duration", "timezone", "password", "agenda"):
            assert new[same] == meeting[same]
    whole(pool, [*meetings, staying])
    assert pool.stats()["account_1"]["upcoming_meetings"] == 0
    again = evacuated(pool)
    assert (again["meetings"], again["moved"], again["remaining"]) == ([], 0, 0)


def test_a_dry_run_tells_what_the_run_then_does(pool):
    at = pool.body()["start_time"]
    meetings = filled(pool, 4, start_time=at) + filled(pool, 1, "account_2", start_time=at)
    meetings += filled(pool, 2, start_time=at.replace("T10:00", "T10:30")) + filled(pool, 3)
    mark = len(pool.calls(CREATE)) + len(pool.calls(DELETE))
    before = sorted(pool.stack.rows("SELECT id, version, status, account_id FROM meeting"), key=lambda row: row["id"])
    said = evacuated(pool, dry_run=True)
    assert said["account"]["cordoned"] is False and pool.stats()["account_1"]["cordoned"] is False
    assert len(pool.calls(CREATE)) + len(pool.calls(DELETE)) == mark
    assert sorted(pool.stack.rows("SELECT id, version, status, account_id FROM meeting"), key=lambda row: row["id"]) == before
    assert {one["new_id"] for one in said["meetings"]} == {None}
    assert (said["moved"], said["remaining"]) == (6, 3)
    done = evacuated(pool)
    assert outcomes(done) == [(number, outcome.replace("would_move", "moved"), *rest) for number, outcome, *rest in outcomes(said)]
    assert (done["moved"], done["remaining"]) == (6, 3)
    whole(pool, meetings)


def test_what_fits_nowhere_stays_and_says_when_it_would_fit(pool):
    meetings = filled(pool, 3)
    at = meetings[0]["start_time"]
    meetings += filled(pool, 2, "account_2", start_time=at) + filled(pool, 1, "account_3", start_time=at)
    data = evacuated(pool)
    assert [one["outcome"] for one in data["meetings"]].count("moved") == 1 and data["remaining"] == 2
    for one in data["meetings"]:
        if one["outcome"] == "stays":
            assert "No account has room" in one["reason"] and one["nearest_start"] == at.replace("T10", "T11")
            assert (one["to"], one["new_id"]) == (None, None)
            kept = pool.read(one).json()["data"]["meeting"]
            assert kept["id"] == one["id"] and kept["zoomAccountUsed"] == "account_1"
    whole(pool, meetings)
    # There is room again: a repeat goes on.
    assert pool.stack.delete(f"zoom/meetings/{meetings[3]['id']}").status_code == 200
    again = evacuated(pool)
    assert (again["moved"], again["remaining"]) == (1, 1)


def test_a_running_one_stays(pool):
    meetings = [pool.booked(account="account_1", start_time=soon(minutes)) for minutes in (10, 12)]
    pool.sandbox.call("POST", f"meetings/{meetings[0]['id']}/start")
    data = evacuated(pool)
    assert [(one["id"], one["outcome"]) for one in data["meetings"]] == [(meetings[0]["id"], "stays"), (meetings[1]["id"], "moved")]
    assert "running" in data["meetings"][0]["reason"]
    assert pool.at_zoom(meetings[0])["status"] == "started"


def test_two_hundred_at_a_time_and_the_rest_behind_them(pool):
    row = pool.stack.rows("SELECT id FROM account WHERE name = 'account_1'")[0]["id"]
    with pool.stack.db() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO meeting (owner_sub, status, zoom_id, account_id, type, topic, starts_at, duration_min, timezone, created_at, updated_at)"
                       " SELECT 'admin-1', 'scheduled', 81000000000 + seq, %s, 2, 'Many', 1930000000000 + seq * 3600000, 30, 'UTC', 1, 1 FROM seq_1_to_230",
                       (row,))
    first = evacuated(pool, dry_run=True)
    assert (len(first["meetings"]), first["moved"], first["remaining"]) == (200, 200 - stays(first), 30 + stays(first))
    last = first["meetings"][-1]["start_time"]
    rest = evacuated(pool, dry_run=True, **{"from": last})
    assert len(rest["meetings"]) == 31 and rest["meetings"][0]["id"] == first["meetings"][-1]["id"]


def stays(data):
    return sum(one["outcome"] == "stays" for one in data["meetings"])


# ---- their bookings

def sequences(pool):
    return [row["sequence"] for row in pool.stack.rows("SELECT sequence FROM booking ORDER BY id DESC LIMIT 2")]


def test_bookings_follow(pool):
    desk = Desk(pool.stack)
    for account in ("account_2", "account_3"):
        pool.stack.post(f"admin/accounts/{account}/cordon")
    batch = desk.batch()
    session, lesson = desk.session(batch), desk.booked("classes")
    for account in ("account_2", "account_3"):
        pool.stack.post(f"admin/accounts/{account}/uncordon")
    before = sequences(pool)
    data = evacuated(pool)
    assert (data["moved"], data["remaining"]) == (2, 0)
    new = {"session": desk.read_session(batch, session), "lesson": desk.read("classes", lesson)}
    assert new["session"]["meeting_state"] == new["lesson"]["meetingState"] == "ok"
    assert new["session"]["zoom_meeting"]["join_url"] != session["zoom_meeting"]["join_url"]
    assert new["lesson"]["zoomJoinUrl"] != lesson["zoomJoinUrl"]
    assert {new["session"]["zoom_meeting"]["meeting_id"], new["lesson"]["zoomMeetingId"]} == {one["new_id"] for one in data["meetings"]}
    assert all(now > then for now, then in zip(sequences(pool), before))
    assert good(desk.patch(path_of(batch, session), {"title": "Later"}), 200)
    pool.agree(meetings=2)


# ---- what fails

def test_an_account_whose_credentials_are_dead(pool):
    meetings = [pool.booked(account="account_1") for _ in range(4)]
    pool.secret(1, "changed-at-zoom")
    pool.fresh_tokens()
    data = evacuated(pool)
    assert (data["moved"], data["remaining"]) == (4, 0)
    assert len(pool.listed()) == 4 and len(pool.live()) == 8
    check_no_instant_above_a_limit(pool.stack)
    pool.secret(1, pool.secrets[0])
    assert pool.stack.post("zoom/reset-account/account_1").status_code == 200
    pool.agree(meetings=4)
    assert {one["zoomAccountUsed"] for one in pool.listed()} == {"account_2", "account_3"}
    assert sorted(one["start_time"] for one in pool.listed()) == sorted(one["start_time"] for one in meetings)


def test_zoom_down_for_all_the_others(pool):
    meetings = [pool.booked(account="account_1") for _ in range(3)]
    pool.fault(DOWN, CREATE, count=-1)
    data = evacuated(pool)
    assert [one["outcome"] for one in data["meetings"]] == ["stays"] * 3 and (data["moved"], data["remaining"]) == (0, 3)
    assert all("account_2: " in one["reason"] and "account_3: " in one["reason"] for one in data["meetings"])
    pool.sandbox.clear_faults()
    assert sorted(one["id"] for one in pool.listed()) == sorted(one["id"] for one in meetings)
    assert pool.stack.post("zoom/reset-all-accounts").status_code == 200
    assert evacuated(pool)["remaining"] == 0
    whole(pool, meetings)


def test_answers_lost_in_the_middle(pool):
    meetings = [pool.booked(account="account_1") for _ in range(6)]
    pool.fault({"latency_ms": {"before": 0, "after": 60000}}, CREATE, count=2)
    pool.fault(DOWN, DELETE, count=3)
    evacuated(pool)
    pool.sandbox.clear_faults()
    whole(pool, meetings)
    assert evacuated(pool)["remaining"] == 0
    whole(pool, meetings)


def test_workers_killed_in_the_middle(pool, aside):
    meetings = [pool.booked(account="account_1") for _ in range(8)]
    pool.fault({"latency_ms": {"before": 0, "after": 700}}, CREATE, count=-1)
    answer = aside(evacuate, pool)
    wait_for(lambda: len(pool.calls(CREATE)) > len(meetings) + 2, 10, what="the new meetings")
    for pid in pool.stack.workers():
        os.kill(pid, signal.SIGKILL)
    assert answer.result().status_code in (502, 503)
    pool.sandbox.clear_faults()
    answers_again(pool)
    whole(pool, meetings)
    assert evacuated(pool)["remaining"] == 0
    whole(pool, meetings)
    assert {one["zoomAccountUsed"] for one in pool.listed()} == {"account_2", "account_3"}


def test_two_at_once_move_each_meeting_once(pool, aside):
    meetings = [pool.booked(account="account_1") for _ in range(6)]
    pool.fault({"latency_ms": {"before": 0, "after": 300}}, CREATE, count=-1)
    answers = [aside(evacuated, pool) for _ in range(2)]
    moved = [one["id"] for answer in answers for one in answer.result()["meetings"] if one["outcome"] == "moved"]
    pool.sandbox.clear_faults()
    assert sorted(moved) == sorted(one["id"] for one in meetings)
    whole(pool, meetings)


def test_two_accounts_at_once_and_bookings_beside_them(pool, aside):
    at = pool.body()["start_time"]
    meetings = filled(pool, 3, start_time=at) + filled(pool, 1, "account_2", start_time=at)
    pool.fault({"latency_ms": {"before": 0, "after": 200}}, CREATE, count=-1)
    work = [aside(evacuated, pool, account) for account in ("account_1", "account_2")]
    work += [aside(pool.book, start_time=at, duration=60, topic="Beside") for _ in range(5)]
    made = [one.result() for one in work[2:]]
    for one in work[:2]:
        one.result()
    pool.sandbox.clear_faults()
    whole(pool, meetings + [one.json()["data"]["meeting"] for one in made if one.status_code == 201])


# ---- who may

def test_for_admins_known_accounts_and_known_words(pool):
    refused(evacuate(pool, "account_9"), 404, "not_found")
    refused(pool.stack.post("admin/accounts/account_1/evacuate", {}, sub="t", role="tutor"), 403, "forbidden")
    refused(pool.stack.post("admin/accounts/account_1/evacuate", {}, role=None), 401, "unauthorized")
    for body in ({"dry_run": "yes"}, {"dryrun": True}, {"from": "tomorrow"}):
        refused(evacuate(pool, **body), 422, "validation_failed")
    assert pool.stats()["account_1"]["cordoned"] is False


def test_it_stands_in_the_audit_log(pool):
    pool.booked(account="account_1")
    evacuated(pool)
    rows = good(pool.stack.get("admin/audit-log", params={"page_size": 5}), 200)
    assert "evacuate" in str(rows) and "account_1" in str(rows)


def test_not_while_zoom_is_disabled(pool):
    meeting = pool.booked(account="account_1")
    pool.stack.restart_daemon(ZOOM_ENABLED="false")
    refused(evacuate(pool), 503, "zoom_disabled")
    assert pool.stats()["account_1"]["cordoned"] is False
    pool.stack.restart_daemon(ZOOM_ENABLED="true")
    assert evacuated(pool)["meetings"][0]["id"] == meeting["id"]
