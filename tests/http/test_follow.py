"""A booking follows what became of its meeting elsewhere, and there is always a way back to one."""
import pytest

from booking import writes
from desk import FACES, SINGULAR, TIME, Desk, codes, day, explained, good, refused
from harness import wait_for
from pool import CREATE, DOWN


@pytest.fixture(scope="module")
def quick(make_stack):
    return make_stack(MEETPOOL_RETRY_DELAY=2)


@pytest.fixture
def desk(quick):
    yield Desk(quick)
    quick.sandbox.clear_faults()


@pytest.fixture(scope="module")
def course(quick):
    return Desk(quick).course()


@pytest.fixture(scope="module")
def batch(quick, course):
    return Desk(quick).batch(course, member_ids=["stud-1"])


def path_of(batch, session):
    return f"batches/{batch['id']}/schedule/{session['_id']}"


def number_of(session):
    return session["zoom_meeting"]["meeting_id"]


# ---- zoom/meetings

def test_a_change_of_the_meeting_is_one_of_the_booking(desk, batch):
    session = desk.session(batch)
    date = day()
    good(desk.patch(f"zoom/meetings/{number_of(session)}", {"topic": "Advanced JavaScript - Closures", "start_time": f"{date}T14:00:00Z", "duration": 60,
                                                            "agenda": "Scopes first"}), 200)
    seen = desk.read_session(batch, session)
    assert (seen["title"], seen["description"], seen["date"][:10], seen["start_time"], seen["end_time"], seen["meeting_state"]) == (
        "Closures", "Scopes first", date, "14:00", "15:00", "ok")
    week = {"from": f"{date}T00:00:00Z", "to": f"{date}T23:00:00Z"}
    assert [one["_id"] for one in good(desk.get(f"batches/{batch['id']}/schedule", params=week), 200)["sessions"]] == [session["_id"]]
    # A later change of something else does not bring the old time back.
    good(desk.patch(path_of(batch, session), {"description": "Then loops"}), 200)
    at_zoom = desk.at_zoom(number_of(session))
    assert at_zoom["start_time"] == f"{date}T14:00:00Z" and at_zoom["duration"] == 60 and at_zoom["topic"].endswith("Closures")


def test_a_meeting_that_moves_to_another_account_stays_the_bookings(desk, batch):
    date = day()
    session = desk.session(batch)
    own = int(session["zoomAccountUsed"].split("_")[1])
    for _ in range(10):
        good(desk.stack.post("zoom/meetings", {"topic": "Full", "start_time": f"{date}T10:00:00Z", "duration": 60, "account": f"account_{own}"}))
    answer = desk.patch(f"zoom/meetings/{number_of(session)}", {"start_time": f"{date}T10:00:00Z"})
    assert codes(answer) == ["moved"], answer.text
    seen = desk.read_session(batch, session)
    assert seen["date"][:10] == date and number_of(seen) == good(answer, 200)["meeting"]["id"] and seen["updated_at"] > session["updated_at"]


def test_a_short_session_stays_short(desk, batch):
    """Its meeting has half an hour at Zoom."""
    session = desk.session(batch, start_time="10:00", end_time="10:15")
    good(desk.patch(f"zoom/meetings/{number_of(session)}", {"topic": "Short"}), 200)
    seen = desk.read_session(batch, session)
    assert (seen["start_time"], seen["end_time"], seen["title"]) == ("10:00", "10:15", "Short")


def test_a_start_in_the_past_is_not_moved_to_now(desk):
    one = desk.booked("classes", startTime="2021-01-01T10:00:00Z")
    good(desk.patch(f"zoom/meetings/{one['zoomMeetingId']}", {"agenda": "x"}), 200)
    assert desk.read("classes", one)["startTime"] == "2021-01-01T10:00:00.000Z"


def test_a_move_into_the_past_is_kept_as_it_was_asked(desk):
    """Zoom opens such a meeting now; the booking says what was wanted, and follows once somebody moves the meeting ahead."""
    one, date = desk.booked("classes"), day()
    good(desk.patch(f"classes/{one['id']}", {"startTime": "2021-02-03T10:00:00Z"}), 200)
    wait_for(lambda: not desk.stack.rows("SELECT id FROM meeting WHERE news = 1"), 10, 0.1, "nothing unheard")
    assert desk.read("classes", one)["startTime"] == "2021-02-03T10:00:00.000Z"
    good(desk.patch(f"zoom/meetings/{one['zoomMeetingId']}", {"start_time": f"{date}T10:00:00Z"}), 200)
    assert desk.read("classes", one)["startTime"] == f"{date}T10:00:00.000Z"


def test_a_change_in_zooms_own_pages(desk, batch):
    session, date = desk.session(batch), day()
    number = number_of(session)
    desk.sandbox.call("PATCH", f"meetings/{number}", {"start_time": f"{date}T16:00:00Z", "duration": 45, "topic": "By hand"})
    # Whoever looks at the meeting makes the record true; the booking follows.
    good(desk.get(f"zoom/meetings/{number}", params={"refresh": "true"}), 200)
    seen = desk.read_session(batch, session)
    assert (seen["date"][:10], seen["start_time"], seen["end_time"], seen["title"]) == (date, "16:00", "16:45", "By hand")
    desk.sandbox.call("DELETE", f"meetings/{number}")
    refused(desk.get(f"zoom/meetings/{number}", params={"refresh": "true"}), 404, "not_found")
    seen = desk.read_session(batch, session)
    assert seen["meeting_state"] == "failed" and "create-zoom-meeting" in seen["meeting_state_reason"]


def test_what_the_record_was_told_by_others_reaches_the_booking(desk):
    """Repair, the sweep, events: whoever writes the meeting leaves a mark."""
    one = desk.booked("classes")
    desk.stack.rows("UPDATE meeting SET topic = 'Renamed', version = version + 1, news = 1 WHERE zoom_id = %s", one["zoomMeetingId"])
    wait_for(lambda: desk.read("classes", one)["title"] == "Renamed", 10, 0.1, "the booking's new title")
    wait_for(lambda: not desk.stack.rows("SELECT id FROM meeting WHERE news = 1"), 10, 0.1, "nothing unheard")


def test_a_meeting_ended_before_it_began(desk, batch):
    session = desk.session(batch)
    good(desk.post(f"zoom/meetings/{number_of(session)}/end"), 200)
    seen = desk.read_session(batch, session)
    assert seen["meeting_state"] == "failed" and seen["meeting_state_reason"] and seen["zoom_meeting"] is None
    again = good(desk.post(path_of(batch, session) + "/create-zoom-meeting"))["session"]
    assert again["meeting_state"] == "ok" and number_of(again) != number_of(session)


# ---- the way back

def lose(desk, one):
    assert desk.as_("admin-1", "admin").delete(f"zoom/meetings/{one['zoomMeetingId']}").status_code == 200


@pytest.mark.parametrize("path", FACES)
def test_a_deleted_meeting_and_the_ways_back(desk, path):
    admin = desk.as_("admin-1", "admin")
    one = admin.booked(path)
    where = f"{path}/{one['id']}"
    lose(desk, one)
    seen = admin.read(path, one)
    assert seen["meetingState"] == "failed" and seen["meetingStateReason"] and seen["zoomMeetingId"] is None
    # Nobody is fought: a change makes none, and says so.
    mark = writes(desk.stack)
    answer = admin.patch(where, {"description": "Another"})
    assert answer.status_code == 200 and codes(answer) == ["meeting_failed"] and writes(desk.stack) == mark
    answer = admin.patch(where, {TIME[path]: f"{day()}T11:00:00Z"})
    assert codes(answer) == ["meeting_failed"] and good(answer, 200)[SINGULAR[path]]["meetingState"] == "failed"
    # Asked for, there is another one: by a change ...
    answer = admin.patch(where, {"type": "ONLINE"} if path == "appointments" else {"createMeeting": True})
    again = good(answer, 200)[SINGULAR[path]]
    assert codes(answer) in ([], ["hosted_by_system"]) and again["meetingState"] == "ok" and again["meetingStateReason"] is None
    assert again["zoomMeetingId"] != one["zoomMeetingId"] and desk.at_zoom(again["zoomMeetingId"])["topic"] == again["title"]
    # ... or by name.
    lose(desk, again)
    answer = admin.post(where + "/create-zoom-meeting")
    third = good(answer)[SINGULAR[path]]
    assert answer.json()["message"] == "Zoom meeting created" and third["meetingState"] == "ok" and desk.at_zoom(third["zoomMeetingId"])
    refused(admin.post(where + "/create-zoom-meeting"), 409, "already_has_meeting")
    refused(desk.as_("x-9", "tutor").post(where + "/create-zoom-meeting"), 404, "not_found")


def test_an_interview_always_has_a_meeting(desk):
    one = desk.booked("interviews")
    explained(desk.patch(f"interviews/{one['id']}", {"createMeeting": False}), "createMeeting")


def test_another_one_is_made_later_where_zoom_fails(desk, batch):
    session = desk.session(batch)
    assert desk.delete(f"zoom/meetings/{number_of(session)}").status_code == 200
    desk.sandbox.fault(DOWN, CREATE, count=-1)
    answer = desk.post(path_of(batch, session) + "/create-zoom-meeting")
    assert good(answer)["session"]["meeting_state"] == "pending" and codes(answer) == ["zoom_failed"]
    assert answer.json()["message"] != "Zoom meeting created"
    desk.sandbox.clear_faults()
    done = desk.wait_state(lambda: desk.read_session(batch, session), "ok")
    assert desk.at_zoom(number_of(done))


def test_the_settings_of_before_stay(desk, batch):
    session = desk.session(batch, create_zoom_meeting=False, settings={"waiting_room": True, "host_video": False})
    data = good(desk.post(path_of(batch, session) + "/create-zoom-meeting", {"settings": {"host_video": True}}))
    settings = desk.at_zoom(data["zoom_meeting"]["id"])["settings"]
    assert settings["waiting_room"] is True and settings["host_video"] is True


# ---- made without Zoom

def test_made_while_zoom_is_disabled_and_asked_for_afterwards(make_stack):
    off = make_stack(ZOOM_ENABLED="false")
    desk = Desk(off, "admin-1", "admin")
    batch = desk.batch(desk.course())
    session = desk.session(batch)
    made = {path: desk.booked(path) for path in FACES}
    assert session["meeting_state"] == "none" and "disabled" in session["meeting_state_reason"]
    assert {one["meetingState"] for one in made.values()} == {"none"} and all(one["meetingStateReason"] for one in made.values())
    refused(desk.post(path_of(batch, session) + "/create-zoom-meeting"), 503, "zoom_disabled")
    on = Desk(make_stack(database_of=off, ZOOM_ENABLED="true"), "admin-1", "admin")
    data = good(on.post(path_of(batch, session) + "/create-zoom-meeting"))
    assert data["session"]["meeting_state"] == "ok" and on.at_zoom(data["zoom_meeting"]["id"])
    for path, one in made.items():
        changed = good(on.patch(f"{path}/{one['id']}", {"type": "ONLINE"} if path == "appointments" else {"createMeeting": True}), 200)[SINGULAR[path]]
        assert changed["meetingState"] == "ok" and changed["meetingStateReason"] is None and on.at_zoom(changed["zoomMeetingId"])
