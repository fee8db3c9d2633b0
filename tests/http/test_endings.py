"""Nothing is freed here that Zoom still holds, nothing kept that it does not; and what a refusal promises is true."""
import datetime
import time

import pytest

from booking import instant, nearest_of
from harness import wait_for
from pool import CREATE, DELETE, DOWN, GET, Pool, limited, refused, warnings

QPS = "You have reached the maximum per-second rate limit for this API. Try again later."


@pytest.fixture(scope="module")
def the_pool(make_stack):
    return Pool(make_stack())


@pytest.fixture
def pool(the_pool):
    the_pool.reset()
    return the_pool


def end(pool, meeting):
    response = pool.stack.post(f"zoom/meetings/{meeting['id']}/end")
    assert response.status_code == 200, response.text
    return response.json()["data"]["meeting"]


def delete(pool, meeting):
    response = pool.stack.delete(f"zoom/meetings/{meeting['id']}")
    assert response.status_code == 200, response.text
    return response


def test_what_nobody_started_is_gone_at_zoom_when_its_place_is_given_away(pool):
    meeting = pool.booked()
    assert end(pool, meeting)["status"] == "ended"
    assert pool.live() == []
    assert pool.stats()[meeting["zoomAccountUsed"]]["upcoming_meetings"] == 0


def test_what_nobody_started_keeps_its_place_until_zoom_has_removed_it(pool):
    meeting = pool.booked()
    pool.fault(DOWN, DELETE, count=2)
    end(pool, meeting)
    assert pool.stats()[meeting["zoomAccountUsed"]]["upcoming_meetings"] == 1
    wait_for(lambda: not pool.unsettled(), 10)
    assert pool.live() == [] and pool.stats()[meeting["zoomAccountUsed"]]["upcoming_meetings"] == 0


def test_what_ran_stays_at_zoom_after_its_end(pool):
    meeting = pool.booked(start_time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    pool.sandbox.call("POST", f"meetings/{meeting['id']}/start")
    end(pool, meeting)
    assert not pool.calls(DELETE)


@pytest.mark.parametrize("ended", [True, False], ids=["over", "running"])
def test_what_was_held_though_nobody_told_is_no_meeting_that_nobody_started(pool, ended):
    """Opened before its time, and our record knows nothing of it when it is ended here."""
    meeting = pool.booked()
    pool.sandbox.call("POST", f"meetings/{meeting['id']}/start")
    if ended:
        pool.sandbox.call("POST", f"meetings/{meeting['id']}/end")
    assert end(pool, meeting)["status"] == "ended"
    [row] = pool.stack.rows("SELECT status, started_at FROM meeting WHERE zoom_id = %s", meeting["id"])
    assert row["status"] == "ended" and row["started_at"] is not None
    assert not pool.calls(DELETE) and not pool.unsettled()
    assert pool.stats()[meeting["zoomAccountUsed"]]["upcoming_meetings"] == 0


def test_what_was_held_and_zoom_tells_only_when_it_is_to_be_deleted(pool):
    """Its list of occurrences is behind: then the refusal of the deletion says so, once."""
    meeting = pool.booked()
    pool.sandbox.call("POST", f"meetings/{meeting['id']}/start")
    pool.sandbox.call("POST", f"meetings/{meeting['id']}/end")
    pool.fault({"status": 200, "body": {"meetings": []}}, {"method": "GET", "path": "/v2/past_meetings/*"}, count=10)
    end(pool, meeting)
    assert pool.stack.rows("SELECT started_at FROM meeting WHERE zoom_id = %s", meeting["id"])[0]["started_at"] is not None
    assert len(pool.calls(DELETE)) == 1 and not pool.unsettled()


def test_deleting_what_has_ended_is_tried_once(pool):
    meeting = pool.booked()
    pool.sandbox.call("POST", f"meetings/{meeting['id']}/start")
    pool.sandbox.call("POST", f"meetings/{meeting['id']}/end")
    assert warnings(delete(pool, meeting)) == []
    assert len(pool.calls(DELETE)) == 1 and not pool.unsettled()


def test_deleting_what_has_ended_reaches_zoom(pool):
    meeting = pool.booked(start_time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    pool.sandbox.call("POST", f"meetings/{meeting['id']}/start")
    end(pool, meeting)
    pool.fault(DOWN, DELETE, count=1)
    assert warnings(delete(pool, meeting)) == ["zoom_failed"]
    wait_for(lambda: len(pool.calls(DELETE)) >= 2, 10)
    refused(pool.read(meeting), 404, "not_found")


def test_one_404_is_not_believed(pool):
    meeting = pool.booked()
    pool.stack.rows("UPDATE meeting SET created_at = created_at - 3600000")
    missing = {"status": 404, "body": {"code": 3001, "message": f"Meeting does not exist: {meeting['id']}."}}
    pool.fault(missing, GET, count=1)
    assert pool.read(meeting, refresh="true").status_code == 200
    pool.agree(meetings=1)


def test_a_meeting_whose_end_nobody_told_is_asked_about(pool):
    # It is two hours ago at Zoom, so that the meeting's time is over already.
    pool.sandbox.call("PUT", "clock", {"offset_ms": -7200000})
    meeting = pool.booked(start_time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 7190)))
    pool.sandbox.call("POST", f"meetings/{meeting['id']}/start")
    assert pool.read(meeting, refresh="true").json()["data"]["meeting"]["status"] == "started"
    pool.sandbox.call("POST", f"meetings/{meeting['id']}/end")
    pool.stack.rows("UPDATE place SET check_at = 1")
    wait_for(lambda: pool.read(meeting).json()["data"]["meeting"]["status"] == "ended", 10)
    assert pool.stats()[meeting["zoomAccountUsed"]]["active_meetings"] == 0


def test_the_nearest_start_fits_beside_instant_meetings(pool):
    for account in ("account_1", "account_2", "account_3"):
        for _ in range(10):
            pool.booked(account=account, type=1, duration=30)
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1)
    answer = pool.book(start_time=now.strftime("%Y-%m-%dT%H:%M:%SZ"))
    refused(answer, 409, "no_capacity")
    nearest = nearest_of(answer)
    spelled = nearest if isinstance(nearest, str) else nearest.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert instant(spelled).microsecond == 0
    pool.booked(start_time=spelled)


@pytest.mark.parametrize("seconds", [40, 100])
def test_retry_after_is_when_the_first_account_may_do_again(pool, seconds):
    for account in (1, 2, 3):
        pool.fault(limited(QPS, **{"Retry-After": str(seconds + account)}), CREATE, account=account)
    answer = pool.book()
    refused(answer, 503, "no_account_available")
    assert seconds - 5 <= int(answer.headers["Retry-After"]) <= seconds + 1
