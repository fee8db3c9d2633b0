"""openapi.json: that it is served, that a walk over every route answers as it says, and that what is not there would be noticed."""
import copy
import json

import pytest

from contract import CONTRACT, DOCUMENT, Contract
from desk import FACES, Desk, day, good
from test_jobs import add

MEETING = {"topic": "Described", "start_time": "2031-03-01T10:00:00Z", "duration": 30}


def test_it_is_served_without_a_token(stack):
    for path in ("/api/openapi.json", "/api/v1/openapi.json"):
        assert stack.get(path, role=None).json() == json.loads(DOCUMENT.read_text())


def walk(stack):
    """Every operation at least once to its success, and to the failures that come easily. harness.py holds each answer against openapi.json."""
    stack.post("zoom/meetings", {**MEETING, "dry_run": True})
    key = {"Idempotency-Key": "walk"}
    made = stack.post("zoom/meetings", MEETING, role="tutor", sub="walker", headers=key).json()["data"]["meeting"]
    assert stack.post("zoom/meetings", MEETING, role="tutor", sub="walker", headers=key).headers["Idempotency-Replayed"] == "true"
    assert stack.post("zoom/meetings", {**MEETING, "duration": 31}, role="tutor", sub="walker", headers=key).status_code == 422
    one = f"zoom/meetings/{made['id']}"
    assert [stack.get(path).status_code for path in ("admin/audit-log", "admin/analytics", "/metrics")] == [200, 200, 200]
    [job] = add(stack, state="failed", error="It broke.", finished_at=1)
    assert [stack.get(path).status_code for path in (f"jobs/{job}", "admin/jobs", "admin/summary")] == [200, 200, 200]
    assert [stack.post(f"admin/jobs/{one}/retry").status_code for one in (job, job, "0" * 24)] == [200, 409, 404]
    for path in ("zoom/meetings", "zoom/meetings?page_size=1&status=scheduled", "zoom/meetings?page_size=x", one, f"{one}?refresh=true", f"{one}?nope=1",
                 f"{one}/start", "zoom/status", "zoom/account-stats", "me", "openapi.json", "/healthz", "/readyz", "no/such/route"):
        stack.get(path)
        stack.get(path, role="student", sub="s")
        stack.get(path, role=None)
        stack.request("HEAD", path)
        stack.request("OPTIONS", path)
        stack.request("PUT", path)
    stack.patch(one, {"duration": 45, "settings": {"waiting_room": True}})
    stack.patch(one, {"duration": 0})
    for body, headers in ((b"{", {"Content-Type": "application/json"}), (b"x", {"Content-Type": "text/plain"}), (b"[]", {"Content-Type": "application/json"})):
        stack.request("POST", "zoom/meetings", data=body, headers=headers)
        stack.request("POST", "session", data=body, headers=headers)
    stack.get("zoom/meetings/999999")
    stack.delete("zoom/meetings/999999")
    stack.post("zoom/reset-account/account_1")
    stack.post("zoom/reset-account/account_99")
    stack.post("zoom/reset-all-accounts")
    for verb, body in (("evacuate", {"dry_run": True}), ("cordon", {}), ("uncordon", {})):
        assert stack.post(f"admin/accounts/account_1/{verb}", body).status_code == 200
    cookie = stack.post("session").headers["Set-Cookie"].split(";")[0]
    stack.delete("session", role=None, headers={"Cookie": cookie})
    stack.delete("session", role=None, headers={"Cookie": cookie, "Origin": stack.base})
    stack.delete("session")
    now = stack.post("zoom/meetings", {"topic": "Now", "type": 1, "duration": 5}).json()["data"]["meeting"]["id"]
    stack.post(f"zoom/meetings/{now}/end")
    stack.patch(f"zoom/meetings/{now}", {"duration": 6})
    stack.delete(one)
    stack.get(one)


def successes(*tags):
    """Every (method, path, status) that is described as a success; of the operations with those tags where any are named."""
    return {(method.upper(), path, int(status)) for path, item in CONTRACT.document["paths"].items() for method, operation in item.items()
            if "responses" in operation and (not tags or set(tags) & set(operation["tags"])) for status in operation["responses"] if status[0] in "23"}


def walk_schedule(stack):
    """The same for courses, batches, sessions, every face of bookings, and calendars."""
    desk = Desk(stack, "walker", "tutor")
    course = desk.course()
    batch = desk.batch(course, member_ids=["s"])
    session, bare = desk.session(batch), desk.session(batch, create_zoom_meeting=False)
    path = f"batches/{batch['id']}/schedule"
    desk.schedule(batch, recurrence="FREQ=DAILY;COUNT=2", create_zoom_meeting=False)
    desk.post(f"{path}/{bare['_id']}/create-zoom-meeting")
    desk.post(f"{path}/{bare['_id']}/create-zoom-meeting")
    desk.post("zoom/sessions/meeting", {"session_id": desk.session(batch, create_zoom_meeting=False)["_id"]})
    many = {"sessions": [{"title": "Many", "start_time": f"{day()}T10:00:00Z", "duration": 30}]}
    own = good(desk.post(f"courses/{course['id']}/sessions/batch", {**many, "create_zoom_meeting": False}))["sessions"][0]
    alone = f"courses/{course['id']}/sessions/{own['_id']}"
    desk.post(f"{alone}/create-zoom-meeting")
    desk.patch(alone, {"title": "Changed"})
    desk.schedule(batch, dry_run=True)
    desk.post(f"courses/{course['id']}/sessions/batch", {**many, "dry_run": True}, sub="admin-1", role="admin")
    walked = ["courses", f"courses/{course['id']}", f"courses/{course['id']}/sessions", "batches", f"batches/{batch['id']}", path, f"{path}/{session['_id']}",
              f"{path}/{session['_id']}.ics", alone, f"{alone}.ics", "me/meeting-defaults", "calendar/me"]
    for face in FACES:
        booking = desk.booked(face)
        walked += [face, f"{face}/{booking['id']}", f"{face}/{booking['id']}.ics", f"{face}?status=deleted", f"{face}?from=x"]
        desk.book(face, dry_run=True)
        stack.delete(f"zoom/meetings/{booking['zoomMeetingId']}")
        desk.post(f"{face}/{booking['id']}/create-zoom-meeting")
        desk.patch(f"{face}/{booking['id']}", {"title": "Changed"})
        desk.patch(f"{face}/{booking['id']}", {"title": 1})
        desk.delete(f"{face}/{desk.booked(face)['id']}")
    for where in walked:
        desk.get(where)
        stack.get(where, role="student", sub="s")
        stack.get(where, role=None)
        stack.request("HEAD", where, **desk.who)
        stack.request("OPTIONS", where)
    stack.get(desk.get("calendar/me").json()["data"]["url"][len(stack.base):], role=None)
    desk.post("calendar/me/reset")
    stack.request("PUT", "me/meeting-defaults", json={"settings": {}}, **desk.who)
    desk.patch(f"courses/{course['id']}", {"title": "Changed"})
    desk.patch(f"batches/{batch['id']}", {"name": "Changed"})
    desk.patch(f"{path}/{session['_id']}", {"title": "Changed"})
    desk.delete(f"batches/{batch['id']}")
    desk.delete(alone)
    desk.delete(f"{path}/{session['_id']}", params={"scope": "this"})
    desk.delete(f"batches/{desk.batch()['id']}")
    desk.delete(f"courses/{desk.course()['id']}")


def test_every_route_answers_as_described(stack):
    walk(stack)
    walk_schedule(stack)
    assert sorted(successes("meetings", "pool", "courses", "bookings", "calendar", "session", "operations") - CONTRACT.seen) == []


def removed(path, *names):
    """A copy of the description without what stands under those keys."""
    document = copy.deepcopy(CONTRACT.document)
    node = document["components"]["schemas"][path]
    for name in names[:-1]:
        node = node[name]
    del node[names[-1]]
    return document


def test_what_is_not_described_is_noticed(stack):
    response = stack.get("zoom/account-stats")
    Contract().check("GET", "/api/zoom/account-stats", response)
    with pytest.raises(AssertionError, match=r"GET /zoom/account-stats 200 .*\n.*accounts\[0\].*'daily_used' was unexpected"):
        Contract(removed("Account", "properties", "daily_used")).check("GET", "/api/zoom/account-stats", response)
    with pytest.raises(AssertionError, match=r"GET /me 200 .*"):
        Contract().check("GET", "/api/me", response)
    with pytest.raises(AssertionError, match="there is no such route"):
        Contract().check("GET", "/api/zoom/nowhere", response)
    with pytest.raises(AssertionError, match="the method is not described"):
        Contract().check("DELETE", "/api/zoom/account-stats", response)
    response.status_code = 418
    with pytest.raises(AssertionError, match="the status 418 is not described"):
        Contract().check("GET", "/api/zoom/account-stats", response)
    del response.headers["X-Request-Id"]
    response.status_code = 200
    with pytest.raises(AssertionError, match="header X-Request-Id: is missing"):
        Contract().check("GET", "/api/zoom/account-stats", response)
