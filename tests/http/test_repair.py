"""Whatever broke off in the middle: Zoom and the record agree again within ten seconds of Zoom answering."""
import concurrent.futures
import json
import os
import signal
import time

import pytest

from harness import alive, wait_for
from pool import CREATE, DELETE, DOWN, GET, LIST, UPDATE, Pool, refused, warnings

HANG = {"hang": {"processed": "before", "for_ms": 20000}}
RUNNING = {"status": 400, "body": {"code": 3002, "message": "Sorry, you cannot delete this meeting since it is in progress."}}
REFUSAL = {"status": 400, "body": {"code": 300, "message": "Validation Failed.", "errors": [{"field": "topic", "message": "Invalid field."}]}}


@pytest.fixture(scope="module")
def the_pool(make_stack):
    return Pool(make_stack())


@pytest.fixture
def pool(the_pool):
    the_pool.reset()
    return the_pool


@pytest.fixture
def aside():
    """aside(call, …): in a thread of its own, its outcome in a future."""
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        yield threads.submit


def kill_workers(pool):
    for pid in pool.stack.workers():
        os.kill(pid, signal.SIGKILL)


def served(pool):
    """The master waits a while before it starts workers anew that die young."""
    wait_for(lambda: pool.stack.get("zoom/meetings").status_code == 200, 10, what="an answer of new workers")


def attempted(pool, match, count=1):
    """Waits until Zoom was called so often."""
    wait_for(lambda: len(pool.calls(match)) >= count, 5, what="the call to Zoom")


def patch(pool, meeting, body):
    return pool.stack.patch(f"zoom/meetings/{meeting['id']}", body)


# ---- death in the middle of a booking

@pytest.mark.parametrize("before,after,left", [(3000, 0, 0), (0, 3000, 1)])
def test_every_worker_is_killed_during_a_booking(pool, aside, before, after, left):
    pool.fault({"latency_ms": {"before": before, "after": after}}, CREATE)
    answer = aside(pool.book)
    attempted(pool, CREATE)
    time.sleep(0.2)
    kill_workers(pool)
    assert answer.result().status_code in (502, 503)
    if before:
        # The sandbox carries out what it has read, three seconds after: repair has to see both, the nothing and what comes of it.
        wait_for(lambda: len(pool.live()) == 1, 6)
    pool.agree(seconds=10)
    assert pool.stats()["account_1"]["upcoming_meetings"] == len(pool.live())
    if left:
        assert len(pool.live()) == 1 and pool.listed()[0]["status"] == "scheduled" and pool.listed()[0]["join_url"]


def test_a_booking_that_never_reached_zoom_gives_its_place_back(pool, aside):
    pool.fault({"cut": {"when": "before_processing"}}, CREATE)
    pool.fault({"latency_ms": 2000}, LIST, count=1)
    answer = aside(pool.book)
    attempted(pool, LIST)
    kill_workers(pool)
    answer.result()
    pool.agree(meetings=0)
    assert all(stats["upcoming_meetings"] == 0 for stats in pool.stats().values())


def test_a_booking_killed_between_two_accounts_does_not_stay_in_the_making(pool):
    meeting = pool.booked()
    # As it stands after account_1's place was given back, and before account_2's was taken.
    pool.stack.rows("UPDATE place SET state = 'free', taken = 0, owner = 'gone/1/1'")
    pool.stack.rows("UPDATE meeting SET status = 'creating', zoom_id = NULL, updated_at = updated_at - 60000")
    pool.sandbox.call("DELETE", f"meetings/{meeting['id']}")
    pool.agree(meetings=0)
    assert [row["status"] for row in pool.stack.rows("SELECT status FROM meeting")] == ["failed"]


def test_the_same_key_after_the_worker_was_killed(pool, aside):
    body, key = pool.body(), {"Idempotency-Key": f"killed-{time.time()}"}
    pool.fault({"latency_ms": {"before": 0, "after": 3000}}, CREATE)
    first = aside(pool.stack.post, "zoom/meetings", body, headers=key)
    attempted(pool, CREATE)
    time.sleep(0.2)
    kill_workers(pool)
    first.result()
    again = wait_for(lambda: (lambda r: r if r.status_code == 201 else None)(pool.stack.post("zoom/meetings", body, headers=key)), 10, 0.5)
    pool.agree(meetings=1)
    assert again.json()["data"]["meeting"]["id"] == str(pool.live()[0]["id"])


# ---- the database goes away while Zoom works

def test_the_database_stands_still_while_zoom_works(pool, aside):
    pool.fault({"latency_ms": {"before": 0, "after": 1500}}, CREATE)
    answer = aside(pool.book)
    attempted(pool, CREATE)
    pool.stack.signal(signal.SIGSTOP, "mariadb")
    time.sleep(4)
    pool.stack.signal(signal.SIGCONT, "mariadb")
    assert answer.result().status_code == 201, answer.result().text
    pool.agree(meetings=1)


def test_the_database_is_killed_while_zoom_works(pool, aside):
    pool.fault({"latency_ms": {"before": 0, "after": 1500}}, CREATE)
    answer = aside(pool.book)
    attempted(pool, CREATE)
    pid = pool.stack.pid("mariadb")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not alive(pid), 5)
    time.sleep(2)
    pool.stack.up()
    assert answer.result().status_code == 201, answer.result().text
    pool.agree(meetings=1)


def test_worker_and_database_both_die(pool, aside):
    pool.fault({"latency_ms": {"before": 0, "after": 2000}}, CREATE)
    answer = aside(pool.book)
    attempted(pool, CREATE)
    pid = pool.stack.pid("mariadb")
    os.kill(pid, signal.SIGKILL)
    kill_workers(pool)
    wait_for(lambda: not alive(pid), 5)
    answer.result()
    pool.stack.up()
    pool.agree(meetings=1)


# ---- DELETE

@pytest.mark.parametrize("action", [DOWN, RUNNING, {"cut": {"when": "before_processing"}}, {"cut": {"when": "after_processing"}},
                                    {"status": 429, "body": {"code": 429, "message": "Too many."}}, HANG])
def test_a_delete_that_zoom_does_not_do(pool, action):
    meeting = pool.booked()
    pool.fault(action, DELETE, count=-1)
    response = pool.stack.delete(f"zoom/meetings/{meeting['id']}")
    assert response.status_code == 200 and warnings(response) == ["zoom_failed"], response.text
    refused(pool.read(meeting), 404, "not_found")
    refused(pool.stack.delete(f"zoom/meetings/{meeting['id']}"), 404, "not_found")
    refused(patch(pool, meeting, {"topic": "Late"}), 404, "not_found")
    deleted = pool.stack.get("zoom/meetings", params={"status": "deleted"}).json()["data"]["meetings"]
    assert [one["id"] for one in deleted] == [meeting["id"]]
    if action is not HANG:
        time.sleep(1.5)
    pool.sandbox.clear_faults()
    pool.agree(meetings=0)


def test_a_delete_of_what_is_gone_at_zoom(pool):
    meeting = pool.booked()
    pool.sandbox.call("DELETE", f"meetings/{meeting['id']}")
    response = pool.stack.delete(f"zoom/meetings/{meeting['id']}")
    assert response.status_code == 200 and warnings(response) == []
    pool.agree(meetings=0)


def test_workers_killed_during_a_delete(pool, aside):
    meeting = pool.booked()
    pool.fault({"latency_ms": 8000}, DELETE, count=1)
    answer = aside(pool.stack.delete, f"zoom/meetings/{meeting['id']}")
    attempted(pool, DELETE)
    time.sleep(0.2)
    kill_workers(pool)
    answer.result()
    served(pool)
    refused(pool.read(meeting), 404, "not_found")
    pool.agree(meetings=0)


# ---- PATCH

@pytest.mark.parametrize("action", [DOWN, {"cut": {"when": "before_processing"}}, {"cut": {"when": "after_processing"}}, HANG])
def test_a_change_that_zoom_does_not_hear(pool, action):
    meeting = pool.booked(agenda="before")
    pool.fault(action, UPDATE, count=-1)
    changes = {"topic": "After", "duration": 45, "agenda": "after", "start_time": meeting["start_time"].replace("T10", "T12")}
    response = patch(pool, meeting, changes)
    assert response.status_code == 200 and warnings(response) == ["zoom_failed"], response.text
    for answer in (response, pool.read(meeting)):
        told = answer.json()["data"]["meeting"]
        assert told["meeting_state"] == "pending" and told["meeting_state_reason"] and told["topic"] == "After" and told["duration"] == 45
    pool.sandbox.clear_faults()
    pool.agree(meetings=1)
    assert pool.read(meeting).json()["data"]["meeting"]["meeting_state"] == "ok"
    assert pool.at_zoom(meeting)["agenda"].endswith("] after") and pool.at_zoom(meeting)["start_time"][11:13] == "12"


def test_a_second_change_takes_the_first_one_along(pool):
    meeting = pool.booked()
    pool.fault(DOWN, UPDATE, count=1)
    assert warnings(patch(pool, meeting, {"topic": "First"})) == ["zoom_failed"]
    assert warnings(patch(pool, meeting, {"duration": 50})) == []
    assert pool.at_zoom(meeting)["topic"] == "First" and pool.at_zoom(meeting)["duration"] == 50
    pool.agree(meetings=1, seconds=2)


def test_a_refusal_of_a_second_change_leaves_the_first_one_to_be_told(pool):
    meeting = pool.booked()
    pool.fault(DOWN, UPDATE, count=1)
    pool.fault(REFUSAL, UPDATE, count=1)
    assert warnings(patch(pool, meeting, {"topic": "First"})) == ["zoom_failed"]
    refused(patch(pool, meeting, {"duration": 50}), 502, "zoom_failed")
    pool.agree(meetings=1)
    assert pool.at_zoom(meeting)["topic"] == "First" and pool.at_zoom(meeting)["duration"] == 30


@pytest.mark.parametrize("body", [{"topic": "Other"}, {"start_time": "2033-05-01T09:00:00Z", "duration": 90}])
def test_a_change_that_zoom_refuses(pool, body):
    meeting = pool.booked()
    before = pool.read(meeting).json()["data"]["meeting"]
    places = pool.stack.rows("SELECT busy_from, busy_until FROM place WHERE taken = 1")
    pool.fault(REFUSAL, UPDATE, count=1)
    assert "Validation Failed" in refused(patch(pool, meeting, body), 502, "zoom_failed")["error"]
    after = pool.read(meeting).json()["data"]["meeting"]
    assert {**after, "updated_at": None} == {**before, "updated_at": None}
    assert pool.stack.rows("SELECT busy_from, busy_until FROM place WHERE taken = 1") == places
    assert len(pool.calls(UPDATE)) == 1
    pool.agree(meetings=1)


def test_a_running_meeting_that_zoom_does_not_change_is_asked_once(pool):
    meeting = pool.booked()
    pool.fault({"status": 400, "body": {"code": 3000, "message": "The meeting has started and cannot be changed."}}, UPDATE, count=-1)
    refused(patch(pool, meeting, {"topic": "Other"}), 409, "conflict")
    assert len(pool.calls(UPDATE)) == 1
    pool.agree(meetings=1)


def test_a_change_that_changes_nothing_is_not_sent(pool):
    meeting = pool.booked(agenda="as it is", settings={"mute_upon_entry": True})
    used = pool.stats()["account_1"]["daily_used"]
    same = {name: meeting[name] for name in ("topic", "start_time", "duration", "timezone", "agenda", "password")}
    assert warnings(patch(pool, meeting, {**same, "settings": {"mute_upon_entry": True}})) == []
    assert warnings(patch(pool, meeting, {})) == []
    assert pool.calls(UPDATE) == [] and pool.stats()["account_1"]["daily_used"] == used


def test_a_slow_change_is_sent_once(pool):
    meeting = pool.booked()
    pool.fault({"latency_ms": 5500}, UPDATE, count=1)
    assert warnings(patch(pool, meeting, {"topic": "Slow"})) == []
    assert len(pool.calls(UPDATE)) == 1
    pool.agree(meetings=1)


def test_workers_killed_during_a_change(pool, aside):
    meeting = pool.booked()
    pool.fault({"latency_ms": 8000}, UPDATE, count=1)
    answer = aside(patch, pool, meeting, {"topic": "Killed", "start_time": meeting["start_time"].replace("T10", "T13")})
    attempted(pool, UPDATE)
    time.sleep(0.2)
    kill_workers(pool)
    answer.result()
    served(pool)
    pool.agree(meetings=1, seconds=11)
    assert pool.at_zoom(meeting)["topic"] == "Killed"
    assert pool.stack.rows("SELECT COUNT(*) AS n FROM place WHERE taken = 1")[0]["n"] == 1


def test_a_delete_during_a_slow_change(pool, aside):
    meeting = pool.booked()
    pool.fault({"latency_ms": 2500}, UPDATE, count=1)
    answer = aside(patch, pool, meeting, {"topic": "Slow"})
    attempted(pool, UPDATE)
    assert pool.stack.delete(f"zoom/meetings/{meeting['id']}").status_code == 200
    assert answer.result().status_code in (200, 404)
    pool.agree(meetings=0)
    calls = len(pool.calls(UPDATE))
    time.sleep(4)
    assert len(pool.calls(UPDATE)) == calls


def test_changes_at_once_end_in_one_of_them(pool, aside):
    meeting = pool.booked()
    answers = [aside(patch, pool, meeting, {"topic": f"Rival {i}", "duration": 40 + i}) for i in range(6)]
    assert {answer.result().status_code for answer in answers} <= {200, 409}
    pool.agree(meetings=1)
    number = int(pool.at_zoom(meeting)["topic"][-1])
    assert pool.at_zoom(meeting)["duration"] == 40 + number


# ---- changed behind our back

def test_deleted_in_zooms_own_pages(pool):
    meeting = pool.booked()
    pool.sandbox.call("DELETE", f"meetings/{meeting['id']}")
    assert pool.read(meeting).status_code == 200
    refused(pool.read(meeting, refresh="true"), 404, "not_found")
    refused(pool.read(meeting), 404, "not_found")
    pool.agree(meetings=0)


def test_a_new_meeting_that_zoom_does_not_know_yet(pool):
    pool.sandbox.knobs(not_found_after_create_ms=2000)
    meeting = pool.booked()
    assert pool.read(meeting, refresh="true").status_code == 200
    time.sleep(2)
    assert pool.read(meeting, refresh="true").status_code == 200
    pool.agree(meetings=1)


def test_edited_in_zooms_own_pages(pool):
    meeting = pool.booked(agenda="ours")
    start = meeting["start_time"].replace("T10", "T15")[:19] + "Z"
    pool.sandbox.call("PATCH", f"meetings/{meeting['id']}", {"topic": "Theirs", "start_time": start, "duration": 75})
    seen = pool.read(meeting, refresh="true").json()["data"]["meeting"]
    assert seen["topic"] == "Theirs" and seen["duration"] == 75 and seen["start_time"][:19] == start[:19] and seen["agenda"] == "ours"
    place = pool.stack.rows("SELECT busy_until - busy_from AS ms FROM place WHERE taken = 1")
    assert [row["ms"] for row in place] == [75 * 60000]
    pool.agree(meetings=1)


def test_a_refresh_while_zoom_is_down(pool):
    meeting = pool.booked()
    pool.fault(DOWN, GET, count=-1)
    refused(pool.read(meeting, refresh="true"), 502, "zoom_failed")
    assert pool.read(meeting).status_code == 200


# ---- the sweep

def sweep(pool):
    pool.stack.rows("UPDATE host SET swept_at = 0")
    wait_for(lambda: pool.stack.rows("SELECT COUNT(*) AS n FROM host WHERE swept_at = 0")[0]["n"] == 0, 10, what="the sweep of every host")
    time.sleep(0.5)


def install_id(pool):
    return pool.stack.rows("SELECT install_id FROM installation")[0]["install_id"]


def test_a_restored_backup_loses_no_meeting(pool):
    made = [pool.booked(agenda="ä" * 600, password=f"Abc12{i}") for i in range(3)]
    pool.forget()
    assert pool.listed() == []
    sweep(pool)
    pool.agree(meetings=3)
    adopted = {meeting["id"]: meeting for meeting in pool.listed()}
    for meeting in made:
        assert adopted[meeting["id"]]["agenda"] == "ä" * 600 and adopted[meeting["id"]]["password"] == meeting["password"]
        assert adopted[meeting["id"]]["join_url"] == meeting["join_url"]
    assert len(pool.stack.log("meeting.unknown_adopted")) >= 3
    sweep(pool)
    pool.agree(meetings=3)


def test_what_is_not_ours_is_left_alone(pool):
    when = {"start_time": "2031-01-20T10:00:00Z", "duration": 30, "type": 2}
    pool.sandbox.call("POST", "meetings", {"host": pool.hosts[0][0], "topic": "Foreign", "agenda": "[mp:0123456789:0123456789abcdef] x", **when})
    pool.sandbox.call("POST", "meetings", {"host": pool.hosts[0][0], "topic": "By hand", "agenda": "[mp: no marker", **when})
    sweep(pool)
    assert len(pool.live()) == 2 and pool.listed() == []


def test_a_copy_made_in_zooms_own_pages_is_left_alone(pool):
    meeting = pool.booked()
    copy = {"host": pool.hosts[0][0], "topic": "Copy", "type": 2, "start_time": "2031-01-21T10:00:00Z", "duration": 30}
    pool.sandbox.call("POST", "meetings", {**copy, "agenda": pool.at_zoom(meeting)["agenda"]})
    sweep(pool)
    assert len(pool.live()) == 2
    assert pool.stack.delete(f"zoom/meetings/{meeting['id']}").status_code == 200
    sweep(pool)
    assert [one["topic"] for one in pool.live()] == ["Copy"]


@pytest.mark.parametrize("state,status", [("lost", "failed"), ("free", "failed"), ("free", "deleted")])
def test_a_stray_is_deleted(pool, state, status):
    """A place that was given up, whose meeting turns up after all."""
    meeting = pool.booked()
    other = pool.booked()
    row = pool.stack.rows("SELECT id FROM meeting WHERE zoom_id = %s", meeting["id"])[0]["id"]
    pool.stack.rows("UPDATE meeting SET status = %s, zoom_id = NULL WHERE id = %s", status, row)
    pool.stack.rows("UPDATE place SET state = %s, taken = 0, zoom_id = NULL, check_at = NULL WHERE meeting_id = %s", state, row)
    sweep(pool)
    pool.agree(meetings=1)
    assert str(pool.live()[0]["id"]) == other["id"]


def test_an_ended_meeting_is_no_stray(pool):
    meeting = pool.booked(start_time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    pool.sandbox.call("POST", f"meetings/{meeting['id']}/start")
    assert pool.stack.post(f"zoom/meetings/{meeting['id']}/end").status_code == 200
    sweep(pool)
    assert len(pool.live()) == 1


def test_more_meetings_than_a_page_holds(pool):
    when = {"host": pool.hosts[0][0], "type": 2, "duration": 1}
    for i in range(310):
        pool.sandbox.call("POST", "meetings", {"topic": f"{i}", "start_time": f"2031-02-{1 + i % 28:02}T{i // 28:02}:00:00Z", **when})
    pool.fault({"cut": {"when": "after_processing"}}, CREATE, account=1)
    meeting = pool.booked(start_time="2034-01-01T10:00:00Z")
    assert meeting["zoomAccountUsed"] == "account_1"
    assert len(pool.calls(LIST)) == 2


# ---- two job runners

def test_two_job_runners_do_nothing_twice(pool, make_stack):
    second = make_stack(database_of=pool.stack)
    try:
        meetings = [pool.booked() for _ in range(8)]
        pool.mark = pool.sandbox.calls()["last_seq"]
        pool.fault(DOWN, {"method": "DELETE", "path": "/v2/meetings/*"}, count=4)
        pool.fault(DOWN, {"method": "PATCH", "path": "/v2/meetings/*"}, count=4)
        for meeting in meetings[:4]:
            assert warnings(pool.stack.delete(f"zoom/meetings/{meeting['id']}")) == ["zoom_failed"]
        for meeting in meetings[4:]:
            assert warnings(patch(pool, meeting, {"topic": "Repaired"})) == ["zoom_failed"]
        pool.agree(meetings=4)
        for match, done in ((DELETE, meetings[:4]), (UPDATE, meetings[4:])):
            calls = pool.calls(match)
            assert len(calls) == 8 and len([call for call in calls if call["status"] == 204]) == 4, json.dumps(calls, indent=1)
    finally:
        second.down()


# ---- end and start

def test_end_frees_the_capacity(pool):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 5))
    made = [pool.booked(account="account_1", start_time=now) for _ in range(10)]
    refused(pool.book(account="account_1", start_time=now), 409, "no_capacity")
    response = pool.stack.post(f"zoom/meetings/{made[0]['id']}/end")
    assert response.status_code == 200 and response.json()["data"]["meeting"]["status"] == "ended"
    assert len([call for call in pool.calls() if call["method"] == "PUT"]) == 1
    assert pool.read(made[0]).json()["data"]["meeting"]["ended_at"]
    pool.booked(account="account_1", start_time=now)
    # Once more changes nothing.
    assert pool.stack.post(f"zoom/meetings/{made[0]['id']}/end").status_code == 200
    assert len([call for call in pool.calls() if call["method"] == "PUT"]) == 1
    refused(patch(pool, made[0], {"topic": "Too late"}), 409, "conflict")


@pytest.mark.parametrize("action,status", [(DOWN, 502), ({"cut": {"when": "after_processing"}}, 502)])
def test_an_end_that_zoom_does_not_do(pool, action, status):
    meeting = pool.booked()
    pool.fault(action, {"method": "PUT", "path": "/v2/meetings/*/status"})
    refused(pool.stack.post(f"zoom/meetings/{meeting['id']}/end"), status, "zoom_failed")
    assert pool.read(meeting).json()["data"]["meeting"]["status"] == "scheduled"
    assert pool.stack.post(f"zoom/meetings/{meeting['id']}/end").status_code == 200


def test_start_leads_to_a_fresh_start_url(pool):
    meeting = pool.booked()
    route = f"{pool.stack.base}/api/zoom/meetings/{meeting['id']}/start"
    assert meeting["start_url"].startswith("https://us02web.zoom.us/s/")
    assert pool.read(meeting).json()["data"]["meeting"]["start_url"] == route
    assert pool.listed()[0]["start_url"] == route
    assert patch(pool, meeting, {"topic": "Other"}).json()["data"]["meeting"]["start_url"] == route
    response = pool.stack.get(route[len(pool.stack.base):])
    assert response.status_code == 302 and response.headers["Location"].startswith(f"https://us02web.zoom.us/s/{meeting['id']}?zak=")
    assert "no-store" in response.headers.get("Cache-Control", "")
    pool.fault(DOWN, GET)
    refused(pool.stack.get(f"zoom/meetings/{meeting['id']}/start"), 502, "zoom_failed")
    assert pool.stack.delete(f"zoom/meetings/{meeting['id']}").status_code == 200
    refused(pool.stack.get(f"zoom/meetings/{meeting['id']}/start"), 404, "not_found")


def test_start_of_what_is_gone_at_zoom(pool):
    meeting = pool.booked()
    pool.sandbox.call("DELETE", f"meetings/{meeting['id']}")
    refused(pool.stack.get(f"zoom/meetings/{meeting['id']}/start"), 404, "not_found")
    refused(pool.read(meeting), 404, "not_found")


# ---- agenda

@pytest.mark.parametrize("letter", ["a", "ä", "€", "😀"])
def test_an_agenda_of_two_thousand_characters(pool, letter):
    agenda = letter * 2000
    meeting = pool.booked(agenda=agenda)
    assert meeting["agenda"] == agenda
    for params in ({}, {"refresh": "true"}):
        assert pool.read(meeting, **params).json()["data"]["meeting"]["agenda"] == agenda
    there = pool.at_zoom(meeting)["agenda"]
    assert there.startswith(f"[mp:{install_id(pool)}:") and len(there) <= 2000 and set(there[-900:]) == {letter}
    assert warnings(patch(pool, meeting, {"agenda": letter * 1999})) == []
    assert pool.read(meeting, refresh="true").json()["data"]["meeting"]["agenda"] == letter * 1999
    refused(pool.book(agenda=letter * 2001), 422, "validation_failed")


@pytest.mark.parametrize("agenda", ["", "[mp:0123456789:0123456789abcdef] mine", "two\nlines", " blank in front", None])
def test_the_marker_is_never_shown(pool, agenda):
    meeting = pool.booked(**({} if agenda is None else {"agenda": agenda}))
    edited = pool.stack.get(f"zoom/meetings/{meeting['id']}", params={"refresh": "true"})
    for text in (meeting["agenda"], edited.json()["data"]["meeting"]["agenda"], pool.listed()[0]["agenda"]):
        assert text == (agenda or "")
    assert install_id(pool) not in edited.text
    assert warnings(patch(pool, meeting, {"agenda": ""})) == []
    assert pool.read(meeting, refresh="true").json()["data"]["meeting"]["agenda"] == ""
    assert pool.at_zoom(meeting)["agenda"].startswith(f"[mp:{install_id(pool)}:")
