"""A meeting that is moved, in time or to another host, is one meeting at every instant, whatever comes in between, and no more stand at Zoom than fit."""
import concurrent.futures
import os
import signal
import time

import pytest

from harness import wait_for
from pool import CREATE, DELETE, DOWN, UPDATE, Pool, refused, warnings

REFUSAL = {"status": 400, "body": {"code": 300, "message": "Validation Failed."}}


@pytest.fixture(scope="module")
def the_pool(make_stack):
    """One meeting at a time in account_1 and account_2."""
    return Pool(make_stack(ZOOM_MAX_CONCURRENT_1="1", ZOOM_MAX_CONCURRENT_2="1", ZOOM_MAX_CONCURRENT_3="3"))


@pytest.fixture
def pool(the_pool):
    the_pool.reset()
    return the_pool


@pytest.fixture
def aside():
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        yield threads.submit


def noon(meeting):
    return meeting["start_time"].replace("T10", "T12")


def crowded(pool):
    """A meeting of account_1, and another one of it at noon: moved there, the first one has to go elsewhere."""
    meeting = pool.booked(account="account_1")
    other = pool.booked(account="account_1", start_time=noon(meeting))
    return meeting, other


def patch(pool, meeting, **body):
    return pool.stack.patch(f"zoom/meetings/{meeting['id']}", body)


def moving(pool, aside, meeting, late_ms=1500):
    """A PATCH that is waiting for Zoom to make the new meeting."""
    pool.fault({"latency_ms": {"before": 0, "after": late_ms}}, CREATE)
    answer = aside(patch, pool, meeting, start_time=noon(meeting))
    wait_for(lambda: pool.calls(CREATE)[2:], 5, what="the new meeting")
    return answer


def settled(pool, *meetings):
    pool.agree(meetings=len(meetings))
    assert sorted(str(one["id"]) for one in pool.live()) == sorted(meetings)


def moved(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["meeting"]


# ---- elsewhere

def test_equal_moves_at_once_make_one_meeting(pool, aside):
    meeting, other = crowded(pool)
    pool.fault({"latency_ms": {"before": 0, "after": 1500}}, CREATE, count=-1)
    answers = [aside(patch, pool, meeting, start_time=noon(meeting)) for _ in range(3)]
    ids = {moved(answer.result())["id"] for answer in answers}
    assert len(ids) == 1 and meeting["id"] not in ids
    assert len(pool.calls(CREATE)) == 3
    settled(pool, other["id"], *ids)


def test_a_delete_during_a_move(pool, aside):
    meeting, other = crowded(pool)
    answer = moving(pool, aside, meeting)
    assert pool.stack.delete(f"zoom/meetings/{meeting['id']}").status_code == 200
    refused(answer.result(), 404, "not_found")
    settled(pool, other["id"])


def test_a_delete_at_the_instant_of_a_move(pool, aside):
    """It has read the meeting before the two are swapped, and writes after."""
    meeting, other = crowded(pool)
    answer = moving(pool, aside, meeting)
    with pool.stack.db() as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT id FROM place WHERE zoom_id = %s FOR UPDATE", meeting["id"])
        wait_for(lambda: len(pool.live()) == 3, 5)
        time.sleep(1.7)
        deleted = aside(pool.stack.delete, f"zoom/meetings/{meeting['id']}")
        time.sleep(0.5)
        cursor.execute("ROLLBACK")
    assert deleted.result().status_code == 200 and answer.result().status_code in (200, 404)
    settled(pool, other["id"])


def test_another_change_during_a_move(pool, aside):
    meeting, other = crowded(pool)
    answer = moving(pool, aside, meeting)
    assert warnings(patch(pool, meeting, topic="Rival")) == []
    new = moved(answer.result())
    settled(pool, other["id"], new["id"])
    assert new["topic"] == "Rival" and new["start_time"] == noon(meeting)


@pytest.mark.parametrize("deleted", [False, True])
def test_workers_killed_during_a_move(pool, aside, deleted):
    meeting, other = crowded(pool)
    answer = moving(pool, aside, meeting)
    time.sleep(0.2)
    if deleted:
        assert pool.stack.delete(f"zoom/meetings/{meeting['id']}").status_code == 200
    for pid in pool.stack.workers():
        os.kill(pid, signal.SIGKILL)
    assert answer.result().status_code in (502, 503)
    wait_for(lambda: pool.stack.get("zoom/meetings").status_code == 200, 10, what="an answer of new workers")
    pool.agree(meetings=1 if deleted else 2)
    at_noon = [one for one in pool.listed() if one["id"] != other["id"]]
    assert [one["start_time"] for one in at_noon] == ([] if deleted else [noon(meeting)])
    again = pool.read(meeting)
    assert again.status_code == 404 if deleted else moved(again)["id"] == at_noon[0]["id"]


def test_the_old_meeting_counts_until_it_is_gone(pool):
    """At another host of its account it would stand beside the new one while Zoom does not delete it: account_3 may hold three."""
    meeting = pool.booked(account="account_3", duration=60)
    half, full = (meeting["start_time"].replace("T10:00", then) for then in ("T10:30", "T11:00"))
    beside = [pool.booked(account="account_3", start_time=meeting["start_time"], duration=60) for _ in range(2)]
    behind = [pool.booked(account="account_3", start_time=full, duration=60) for _ in range(2)]
    for account in ("account_1", "account_2"):
        pool.booked(account=account, start_time=half, duration=60)
    # Its own host is full behind it.
    host = pool.stack.rows("SELECT host_id FROM place WHERE zoom_id = %s", meeting["id"])[0]["host_id"]
    for one in behind:
        pool.stack.rows("UPDATE place SET host_id = %s WHERE zoom_id = %s", host, one["id"])
    pool.fault(DOWN, DELETE, count=-1)
    refused(patch(pool, meeting, start_time=half), 409, "no_capacity")
    pool.sandbox.clear_faults()
    pool.agree(meetings=7)
    assert pool.stack.delete(f"zoom/meetings/{beside[0]['id']}").status_code == 200
    assert warnings(patch(pool, meeting, start_time=half)) == ["moved"]
    pool.agree(meetings=6)


def test_a_host_whose_day_is_used_up(pool):
    meeting = pool.booked(account="account_1")
    pool.stack.rows("UPDATE host SET daily_used = 100000, daily_day = %s WHERE zoom_user = %s", int(time.time() // 86400), meeting["host_email"])
    topic = patch(pool, meeting, topic="Other")
    body = refused(topic, 503, "no_account_available")
    assert 0 < int(topic.headers["Retry-After"]) <= 86400 and abs(int(topic.headers["Retry-After"]) - (86400 - time.time() % 86400)) < 5
    assert [detail["field"] for detail in body["details"]] == ["account_1"]
    assert warnings(patch(pool, meeting, start_time=noon(meeting))) == ["moved"]
    pool.agree(meetings=1)


def test_a_host_that_is_configured_no_more(pool):
    """Its account is; so what the meeting needs can still be said to Zoom."""
    meeting = pool.booked(account="account_1")
    pool.stack.rows("INSERT IGNORE INTO host (account_id, zoom_user) SELECT account_id, 'gone@host.example' FROM meeting WHERE zoom_id = %s", meeting["id"])
    for table in ("place", "meeting"):
        pool.stack.rows(f"UPDATE {table} SET host_id = (SELECT id FROM host WHERE zoom_user = 'gone@host.example') WHERE zoom_id = %s", meeting["id"])
    assert warnings(patch(pool, meeting, topic="Still", start_time=noon(meeting))) == []
    pool.agree(meetings=1)
    assert pool.at_zoom(meeting)["topic"] == "Still"


@pytest.mark.parametrize("zoom_up", [True, False])
def test_a_delete_while_zoom_has_the_old_time(pool, zoom_up):
    meeting = pool.booked(account="account_1")
    pool.fault(DOWN, UPDATE, count=-1)
    assert warnings(patch(pool, meeting, start_time=noon(meeting))) == ["zoom_failed"]
    if not zoom_up:
        pool.fault(DOWN, DELETE, count=-1)
    assert warnings(pool.stack.delete(f"zoom/meetings/{meeting['id']}")) == ([] if zoom_up else ["zoom_failed"])
    if not zoom_up:
        time.sleep(4)
        refused(pool.book(account="account_1", start_time=meeting["start_time"]), 409, "no_capacity")
    pool.sandbox.clear_faults()
    pool.agree(meetings=0)
    pool.booked(account="account_1", start_time=meeting["start_time"])


# ---- where it is

def test_a_move_into_the_past_is_one_to_now(pool):
    meeting = pool.booked(account="account_1")
    answer = patch(pool, meeting, start_time="2021-01-01T00:00:00Z")
    assert warnings(answer) == ["start_in_past"]
    pool.agree(meetings=1)
    start = pool.stack.rows("SELECT starts_at, busy_from FROM meeting m JOIN place p ON p.meeting_id = m.id WHERE p.taken = 1")
    assert len(start) == 1 and start[0]["starts_at"] == start[0]["busy_from"] and abs(start[0]["starts_at"] / 1000 - time.time()) < 15
    assert moved(pool.read(meeting, refresh="true"))["start_time"] == moved(answer)["start_time"] != meeting["start_time"]
    calls = len(pool.calls(UPDATE))
    assert warnings(patch(pool, meeting, start_time="2021-01-01T00:00:00Z")) == ["start_in_past"]
    assert len(pool.calls(UPDATE)) == calls, "it is on already"


@pytest.mark.parametrize("in_the_end", [REFUSAL, None])
def test_the_old_time_is_kept_until_zoom_has_agreed(pool, in_the_end):
    meeting = pool.booked(account="account_1")
    then = dict(account="account_1", start_time=meeting["start_time"])
    pool.fault(DOWN, UPDATE, count=-1)
    assert warnings(patch(pool, meeting, start_time=noon(meeting))) == ["zoom_failed"]
    pool.stack.rows("UPDATE place SET created_at = created_at - 60000, lease_until = 0, check_at = 0 WHERE state = 'spare'")
    time.sleep(3)
    refused(pool.book(**then), 409, "no_capacity")
    pool.sandbox.clear_faults()
    if in_the_end:
        pool.fault(in_the_end, UPDATE, count=-1)
    pool.agree(meetings=1)
    assert moved(pool.read(meeting))["start_time"] == (meeting["start_time"] if in_the_end else noon(meeting))
    if in_the_end:
        refused(pool.book(**then), 409, "no_capacity")
    pool.booked(account="account_1", start_time=noon(meeting) if in_the_end else meeting["start_time"])
    pool.sandbox.clear_faults()
    pool.agree(meetings=2)


def test_a_late_change_whose_start_is_past_by_then(pool):
    meeting = pool.booked(account="account_1")
    pool.fault(DOWN, UPDATE, count=-1)
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    assert warnings(patch(pool, meeting, start_time=soon, topic="Late")) == ["zoom_failed"]
    time.sleep(3)
    pool.sandbox.clear_faults()
    pool.agree(meetings=1)
    assert pool.at_zoom(meeting)["topic"] == "Late"
    refused(pool.book(account="account_1", start_time=meeting["start_time"]), 409, "no_capacity")
