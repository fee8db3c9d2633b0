"""One booking and its meeting: made, changed, moved, cancelled; now, or as soon as Zoom and the capacity allow."""
import pytest

from desk import FACES, LENGTH, SINGULAR, TIME, Desk, at_rest, codes, day, explained, fill, good, in_zone, path_of, refused, slots
from harness import together, wait_for
from pool import CREATE, DELETE, DOWN, UPDATE


@pytest.fixture(scope="module")
def small(make_stack):
    """One meeting at a time on each of three accounts."""
    return make_stack(ZOOM_MAX_CONCURRENT_1=1, ZOOM_MAX_CONCURRENT_2=1, ZOOM_MAX_CONCURRENT_3=1, MEETPOOL_RETRY_DELAY=3)


@pytest.fixture
def desk(small):
    yield Desk(small)
    small.sandbox.clear_faults()
    small.sandbox.knobs(forced_settings={})


@pytest.fixture(scope="module")
def course(small):
    return Desk(small).course()


@pytest.fixture(scope="module")
def batch(small, course):
    return Desk(small).batch(course, name="Group", member_ids=["stud-1", "stud-2"])


# ---- courses and batches

def test_a_course_and_its_life(desk):
    course = desk.course(description="All of it", timezone="Asia/Kolkata")
    assert {key: course[key] for key in ("title", "description", "timezone")} == {
        "title": "Advanced JavaScript", "description": "All of it", "timezone": "Asia/Kolkata"}
    path = f"courses/{course['id']}"
    assert good(desk.patch(path, {"title": "New"}), 200)["course"]["title"] == "New"
    read = good(desk.get(path), 200)["course"]
    assert read["title"] == "New" and read["description"] == "All of it"
    assert course["id"] in [one["id"] for one in good(desk.get("courses"), 200)["courses"]]
    assert desk.delete(path).status_code == 200
    refused(desk.get(path), 404, "not_found")
    refused(desk.patch(path, {"title": "Again"}), 404, "not_found")
    refused(desk.delete(path), 404, "not_found")
    assert course["id"] not in [one["id"] for one in good(desk.get("courses"), 200)["courses"]]
    assert course["id"] in [one["id"] for one in good(desk.get("courses", params={"status": "deleted"}), 200)["courses"]]
    explained(desk.get("courses", params={"status": "gone"}), "status")
    explained(desk.post("courses", {}), "title")


def test_a_batch_and_its_life(desk, course):
    batch = desk.batch(course, name="One", batch_type="individual", student_id="stud-1", instructor_id="tutor-7", timezone="Europe/Berlin")
    assert {key: batch[key] for key in ("name", "course_id", "batch_type", "student_id", "instructor_id", "timezone")} == {
        "name": "One", "course_id": course["id"], "batch_type": "individual", "student_id": "stud-1", "instructor_id": "tutor-7", "timezone": "Europe/Berlin"}
    path = f"batches/{batch['id']}"
    assert good(desk.patch(path, {"name": "Two"}), 200)["batch"]["name"] == "Two"
    assert good(desk.get(path), 200)["batch"]["student_id"] == "stud-1"
    assert desk.delete(path).status_code == 200
    refused(desk.get(path), 404, "not_found")
    assert batch["id"] in [one["id"] for one in good(desk.get("batches", params={"status": "deleted"}), 200)["batches"]]


@pytest.mark.parametrize("body, field", [
    ({}, "name"), ({"name": "x", "batch_type": "crowd"}, "batch_type"), ({"name": "x", "member_ids": ["a", "a"]}, "member_ids[1]"),
    ({"name": "x", "batch_type": "individual"}, "student_id"), ({"name": "x", "batch_type": "individual", "student_id": "a", "member_ids": ["b"]}, "member_ids"),
    ({"name": "x", "student_id": "a"}, "student_id"), ({"name": "x", "course_id": "nope"}, "course_id"), ({"name": "x", "timezone": "Nope"}, "timezone"),
    ({"name": "x", "settings": {"host_video": "yes"}}, "settings.host_video"), ({"name": "x", "member_ids": [1]}, "member_ids[0]"),
])
def test_a_batch_with_one_wrong_value(desk, body, field):
    explained(desk.post("batches", body), field)


def test_a_course_or_batch_with_sessions_to_come_stays(desk):
    course = desk.course()
    batch = desk.batch(course)
    session = desk.session(batch, create_zoom_meeting=False)
    refused(desk.delete(f"batches/{batch['id']}"), 409, "conflict")
    refused(desk.delete(f"courses/{course['id']}"), 409, "conflict")
    assert desk.delete(path_of(batch, session)).status_code == 200
    assert desk.delete(f"batches/{batch['id']}").status_code == 200
    assert desk.delete(f"courses/{course['id']}").status_code == 200


def test_a_batch_outlives_its_course(desk):
    course = desk.course(title="Algebra")
    batch = desk.batch(course)
    assert desk.delete(f"courses/{course['id']}").status_code == 200
    seen = good(desk.get(f"batches/{batch['id']}"), 200)["batch"]
    assert seen["course_id"] is None and seen["course_title"] is None
    session = desk.session(batch)
    assert session["course_id"] is None and session["zoom_meeting"]["topic"] == "Introduction"


def test_sessions_to_come_go_with_their_batch_to_another_course(desk):
    here, there = desk.course(title="Algebra"), desk.course(title="Geometry")
    batch = desk.batch(here)
    past, coming, unmet = desk.session(batch, date="2024-01-15"), desk.session(batch), desk.session(batch, create_zoom_meeting=False)
    good(desk.patch(f"batches/{batch['id']}", {"course_id": there["id"]}), 200)
    assert [desk.read_session(batch, one)["course_id"] for one in (past, coming, unmet)] == [here["id"], there["id"], there["id"]]
    assert {one["_id"] for one in good(desk.get(f"courses/{there['id']}/sessions"), 200)["sessions"]} == {coming["_id"], unmet["_id"]}
    wait_for(lambda: desk.at_zoom(coming["zoom_meeting"]["meeting_id"])["topic"] == "Geometry - Introduction", 10, 0.2, "the topic")
    at_rest(desk)
    assert desk.read_session(batch, coming)["meeting_state"] == "ok" and desk.read_session(batch, unmet)["meeting_state"] == "none"
    good(desk.patch(f"batches/{batch['id']}", {"course_id": None}), 200)
    wait_for(lambda: desk.at_zoom(coming["zoom_meeting"]["meeting_id"])["topic"] == "Introduction", 10, 0.2, "the topic")
    assert desk.delete(f"courses/{there['id']}").status_code == 200


def test_a_foreign_batch(desk, batch):
    other = desk.as_("tutor-2", "tutor")
    refused(other.schedule(batch), 404, "not_found")
    refused(other.get(f"batches/{batch['id']}"), 404, "not_found")
    refused(other.get(f"batches/{batch['id']}/schedule"), 404, "not_found")
    refused(desk.get("batches/64f8a1b2c3d4e5f6a7b8c9d0"), 404, "not_found")
    refused(desk.get("batches/'%20OR%201=1"), 404, "not_found")
    session = desk.session(batch, create_zoom_meeting=False)
    mine = other.batch()
    for answer in (other.get(path_of(batch, session)), other.patch(path_of(batch, session), {"title": "x"}), other.delete(path_of(batch, session)),
                   other.get(path_of(mine, session)), other.post(path_of(mine, session) + "/create-zoom-meeting"),
                   other.post("zoom/sessions/meeting", {"session_id": session["_id"]})):
        refused(answer, 404, "not_found")


def test_members_follow_the_batch(desk, course):
    batch = desk.batch(course, member_ids=["stud-a", "stud-b"])
    session = desk.session(batch, create_zoom_meeting=False)
    gone, new = desk.as_("stud-a", "student"), desk.as_("stud-c", "student")
    assert gone.get(path_of(batch, session)).status_code == 200
    assert good(desk.patch(f"batches/{batch['id']}", {"member_ids": ["stud-b", "stud-c"]}), 200)["batch"]["member_ids"] == ["stud-b", "stud-c"]
    refused(gone.get(path_of(batch, session)), 404, "not_found")
    assert new.get(path_of(batch, session)).status_code == 200


def test_another_instructor_hosts_the_sessions_to_come(desk, course):
    old, new = desk.as_("teach-old", "teacher"), desk.as_("teach-new", "teacher")
    batch = desk.batch(course, instructor_id="teach-old", member_ids=["stud-a", "teach-old-2"])
    session, bare = desk.session(batch), desk.session(batch, create_zoom_meeting=False)
    number = session["zoom_meeting"]["meeting_id"]
    assert [(one["id"], one["host_user_id"]) for one in good(old.get("zoom/meetings"), 200)["meetings"]] == [(number, "teach-old")]
    refused(new.get(f"zoom/meetings/{number}/start"), 404, "not_found")
    assert good(desk.patch(f"batches/{batch['id']}", {"instructor_id": "teach-new"}), 200)["batch"]["instructor_id"] == "teach-new"
    wait_for(lambda: new.get(f"zoom/meetings/{number}").status_code == 200, 10, 0.2, "the meeting's new host")
    answer = new.get(f"zoom/meetings/{number}/start")
    assert answer.status_code == 302 and "zak=" in answer.headers["Location"]
    assert [one["id"] for one in good(new.get("zoom/meetings"), 200)["meetings"]] == [number]
    refused(old.get(f"zoom/meetings/{number}/start"), 404, "not_found")
    for one in (session, bare):
        rows = desk.stack.rows("SELECT b.host_sub, b.dirty, p.sub, p.parts FROM booking b JOIN booking_person p ON p.booking_id = b.id"
                               " WHERE b.public_id = %s ORDER BY p.sub", one["_id"])
        assert {row["host_sub"] for row in rows} == {"teach-new"}
        assert {(row["sub"], row["parts"]) for row in rows} == {("stud-a", 4), ("teach-new", 2), ("teach-old-2", 4), ("tutor-1", 1)}
    at_rest(desk)


def test_courses_are_listed_for_who_teaches_or_attends(desk):
    other = desk.course()
    course = desk.course()
    batches = [desk.batch(course, instructor_id="list-teacher", member_ids=["list-student"]) for _ in range(4)]
    desk.batch(other, instructor_id="list-teacher", member_ids=["list-student"])
    for who in (desk.as_("list-teacher", "teacher"), desk.as_("list-student", "student")):
        assert [one["id"] for one in good(who.get("courses"), 200)["courses"]] == [course["id"], other["id"]]
        # However many batches it has, a course takes one place of a page.
        page = good(who.get("courses", params={"page_size": 1}), 200)
        assert [one["id"] for one in page["courses"]] == [course["id"]] and page["next_page_token"]
        page = good(who.get("courses", params={"page_size": 1, "next_page_token": page["next_page_token"]}), 200)
        assert [one["id"] for one in page["courses"]] == [other["id"]] and not page["next_page_token"]
    assert good(desk.as_("list-nobody", "student").get("courses"), 200)["courses"] == []
    assert len(batches) == 4


@pytest.mark.parametrize("path, body", [("courses", {"title": " "}), ("batches", {"name": "\u3000 "})])
def test_a_name_of_blanks(desk, path, body):
    explained(desk.post(path, body), next(iter(body)))


# ---- a meeting that follows

def test_a_change_of_time_title_and_length_reaches_the_meeting(desk, batch):
    session = desk.session(batch)
    number = session["zoom_meeting"]["meeting_id"]
    date = day()
    answer = desk.patch(path_of(batch, session), {"date": date, "start_time": "15:00", "end_time": "17:00", "title": "Moved"})
    changed = good(answer, 200)["session"]
    assert codes(answer) == [] and changed["meeting_state"] == "ok"
    assert (changed["date"][:10], changed["start_time"], changed["end_time"], changed["title"]) == (date, "15:00", "17:00", "Moved")
    at_zoom = desk.at_zoom(number)
    assert at_zoom["start_time"] == f"{date}T15:00:00Z" and at_zoom["duration"] == 120 and at_zoom["topic"] == "Advanced JavaScript - Moved"
    assert desk.read_session(batch, session) == {**changed, "zoom_meeting": {**changed["zoom_meeting"]}}
    # A part of the slot alone.
    assert good(desk.patch(path_of(batch, session), {"end_time": "16:00"}), 200)["session"]["start_time"] == "15:00"
    assert desk.at_zoom(number)["duration"] == 60
    explained(desk.patch(path_of(batch, session), {"end_time": "14:00"}), "end_time")
    explained(desk.patch(path_of(batch, session), {"start_time": "16:00"}), "end_time")


def test_a_change_that_changes_nothing_is_not_sent(desk, batch):
    session = desk.session(batch)
    mark = desk.sandbox.calls()["last_seq"]
    answer = desk.patch(path_of(batch, session), {"title": session["title"], "start_time": "10:00", "end_time": "11:30"})
    assert answer.status_code == 200
    assert [call for call in desk.sandbox.call("GET", f"calls?since={mark}")["calls"] if call["method"] == "PATCH"] == []


def test_a_session_over_midnight_keeps_its_end(desk, course, batch):
    """Made by its length; a change of its start alone, and of its date alone."""
    date = day()
    day()
    sessions = good(desk.post(f"courses/{course['id']}/sessions/batch", {"sessions": [
        {"title": "Late", "start_time": f"{date}T23:00:00Z", "duration": 120}], "create_zoom_meeting": False}))["sessions"]
    assert (sessions[0]["start_time"], sessions[0]["end_time"]) == ("23:00", "01:00")
    desk.stack.rows("UPDATE booking SET batch_id = (SELECT id FROM batch WHERE public_id = %s) WHERE public_id = %s", batch["id"], sessions[0]["_id"])
    changed = good(desk.patch(path_of(batch, sessions[0]), {"start_time": "22:30"}), 200)["session"]
    assert changed["starts_at"] == f"{date}T22:30:00.000Z" and changed["ends_at"] == sessions[0]["ends_at"]


def test_cancelling_deletes_at_zoom_and_frees_the_place(desk, batch):
    date = day()
    session = desk.session(batch, date=date, start_time="10:00", end_time="11:00")
    fill(desk, date, 10, [n for n in (1, 2, 3) if f"account_{n}" != session["zoomAccountUsed"]])
    number = session["zoom_meeting"]["meeting_id"]
    answer = desk.delete(path_of(batch, session))
    assert answer.status_code == 200 and answer.json()["message"] == "Session deleted" and codes(answer) == []
    assert desk.at_zoom(number) is None
    refused(desk.get(path_of(batch, session)), 404, "not_found")
    refused(desk.delete(path_of(batch, session)), 404, "not_found")
    listed = good(desk.get(f"batches/{batch['id']}/schedule", params={"status": "deleted", "from": f"{date}T00:00:00Z"}), 200)["sessions"]
    assert [one["_id"] for one in listed if one["_id"] == session["_id"]] and listed[0]["status"] == "deleted"
    # Two of the three places are taken: there is one.
    assert desk.session(batch, date=date, start_time="10:00", end_time="11:00")["meeting_state"] == "ok"
    at_rest(desk)


def test_a_session_without_a_meeting_gets_one(desk, batch):
    session = desk.session(batch, create_zoom_meeting=False)
    data = good(desk.post("zoom/sessions/meeting", {"session_id": session["_id"], "settings": {"waiting_room": True}}))
    assert desk.at_zoom(data["meeting"]["id"])["settings"]["waiting_room"] is True
    assert data["session"]["meeting_state"] == "ok" and data["zoom_meeting"]["id"] == data["meeting"]["id"]
    refused(desk.post("zoom/sessions/meeting", {"session_id": session["_id"]}), 409, "already_has_meeting")
    refused(desk.post(path_of(batch, session) + "/create-zoom-meeting"), 409, "already_has_meeting")
    refused(desk.post("zoom/sessions/meeting", {"session_id": "64f8a1b2c3d4e5f6a7b8c9d0"}), 404, "not_found")
    explained(desk.post("zoom/sessions/meeting", {}), "session_id")


def test_a_meeting_for_a_session_is_made_as_it_is_asked(desk, batch):
    """Where it is to be otherwise than the session says, the session follows: they always agree."""
    date, session = day(), desk.session(batch, create_zoom_meeting=False)
    asked = {"session_id": session["_id"], "topic": "Open lesson", "agenda": "Bring paper", "start_time": f"{date}T15:00:00", "duration": 40}
    refused(desk.post("zoom/sessions/meeting", {**asked, "topic": "", "duration": 0, "timezone": "Mars/Base", "start_time": "soon", "agenda": 5}), 422,
            "validation_failed", "topic", "duration", "timezone", "start_time", "agenda")
    data = good(desk.post("zoom/sessions/meeting", {**asked, "timezone": "Europe/Berlin"}))
    assert data["meeting"]["topic"] == "Open lesson" and data["meeting"]["agenda"] == "Bring paper" and data["meeting"]["duration"] == 40
    assert data["meeting"]["start_time"] == data["session"]["starts_at"] == in_zone(f"{date}T15:00", "Europe/Berlin")
    assert (data["session"]["title"], data["session"]["end_time"], data["session"]["timezone"]) == (session["title"], "15:40", "Europe/Berlin")
    assert desk.at_zoom(data["meeting"]["id"])["topic"] == "Open lesson"
    at_rest(desk)
    assert desk.read_session(batch, session)["description"] == "Bring paper"


def test_the_meeting_taken_away_and_given_back(desk, batch):
    session = desk.session(batch)
    number = session["zoom_meeting"]["meeting_id"]
    changed = good(desk.patch(path_of(batch, session), {"create_zoom_meeting": False}), 200)["session"]
    assert changed["zoom_meeting"] is None and changed["meeting_state"] == "none" and desk.at_zoom(number) is None
    changed = good(desk.patch(path_of(batch, session), {"create_zoom_meeting": True}), 200)["session"]
    assert changed["meeting_state"] == "ok" and changed["zoom_meeting"]["meeting_id"] != number and desk.at_zoom(changed["zoom_meeting"]["meeting_id"])
    at_rest(desk)


def test_a_completed_session_keeps_its_meeting(desk, batch):
    session = desk.session(batch)
    changed = good(desk.patch(path_of(batch, session), {"status": "completed"}), 200)["session"]
    assert changed["status"] == "completed" and desk.at_zoom(session["zoom_meeting"]["meeting_id"])
    listed = good(desk.get(f"batches/{batch['id']}/schedule", params={"status": "completed", "page_size": 300}), 200)["sessions"]
    assert session["_id"] in [one["_id"] for one in listed]
    explained(desk.patch(path_of(batch, session), {"status": "deleted"}), "status")


# ---- Zoom fails

def test_zoom_fails_and_the_meeting_is_made_as_soon_as_it_answers(desk, batch):
    desk.sandbox.fault(DOWN, CREATE, count=-1)
    answer = desk.schedule(batch)
    session = good(answer)["session"]
    assert codes(answer) == ["zoom_failed"] and session["meeting_state"] == "pending" and session["meeting_state_reason"]
    assert session["zoom_meeting"] is None and answer.json()["data"]["zoom_meeting"] is None
    refused(desk.stack.post("zoom/meetings", {"topic": "x", "start_time": f"{day()}T10:00:00Z"}), 503, "no_account_available")
    desk.sandbox.clear_faults()
    done = desk.wait_state(lambda: desk.read_session(batch, session), "ok")
    assert desk.at_zoom(done["zoom_meeting"]["meeting_id"])["topic"] == "Advanced JavaScript - Introduction" and done["meeting_state_reason"] is None
    at_rest(desk)


@pytest.mark.parametrize("path", FACES)
def test_a_face_is_stored_though_zoom_fails(desk, path):
    desk.sandbox.fault(DOWN, CREATE, count=-1)
    answer = desk.book(path)
    assert codes(answer) == ["zoom_failed"]
    one = next(value for value in good(answer).values() if isinstance(value, dict))
    assert one["meetingState"] == "pending" and one["zoomMeetingId"] is None and one["zoomJoinUrl"] is None
    desk.sandbox.clear_faults()
    assert desk.at_zoom(desk.wait_state(lambda: desk.read(path, one), "ok")["zoomMeetingId"])


def test_a_change_that_zoom_does_not_hear_is_told_later(desk, batch):
    session = desk.session(batch)
    number = session["zoom_meeting"]["meeting_id"]
    desk.sandbox.fault(DOWN, UPDATE, count=-1)
    answer = desk.patch(path_of(batch, session), {"title": "Later"})
    assert good(answer, 200)["session"]["meeting_state"] == "pending" and codes(answer) == ["zoom_failed"]
    assert desk.read_session(batch, session)["title"] == "Later"
    desk.sandbox.clear_faults()
    desk.wait_state(lambda: desk.read_session(batch, session), "ok")
    assert desk.at_zoom(number)["topic"] == "Advanced JavaScript - Later"
    at_rest(desk)


def test_a_cancellation_that_zoom_does_not_hear_is_told_later(desk, batch):
    session = desk.session(batch)
    number = session["zoom_meeting"]["meeting_id"]
    desk.sandbox.fault(DOWN, DELETE, count=-1)
    answer = desk.delete(path_of(batch, session))
    assert answer.status_code == 200 and codes(answer) == ["zoom_failed"]
    refused(desk.get(path_of(batch, session)), 404, "not_found")
    assert desk.at_zoom(number)
    desk.sandbox.clear_faults()
    wait_for(lambda: desk.at_zoom(number) is None, 10, 0.2, "the deletion at Zoom")
    at_rest(desk)


def test_cancelled_while_it_is_pending_none_is_made(desk, batch):
    desk.sandbox.fault(DOWN, CREATE, count=-1)
    session = desk.session(batch)
    assert desk.delete(path_of(batch, session)).status_code == 200
    before = len(desk.live())
    desk.sandbox.clear_faults()
    other = desk.session(batch)
    assert other["meeting_state"] == "ok"
    at_rest(desk)
    assert len(desk.live()) == before + 1


# ---- several at once

def test_two_changes_at_once_end_in_one_truth(desk, batch):
    session = desk.session(batch)
    titles = [f"Title {i}" for i in range(6)]
    answers = together(6, lambda i: desk.patch(path_of(batch, session), {"title": titles[i], "start_time": "10:00", "end_time": f"11:{30 + i}"}))
    assert {answer.status_code for answer in answers} <= {200, 409}, [answer.text for answer in answers]
    done = desk.wait_state(lambda: desk.read_session(batch, session), "ok")
    wait_for(lambda: desk.at_zoom(done["zoom_meeting"]["meeting_id"])["topic"] == f"Advanced JavaScript - {done['title']}", 10, 0.2, "Zoom's agreement")
    assert desk.at_zoom(done["zoom_meeting"]["meeting_id"])["duration"] == 90 + titles.index(done["title"])
    at_rest(desk)


def test_a_change_and_a_cancellation_at_once(desk, batch):
    session = desk.session(batch)
    answers = together(2, lambda i: desk.delete(path_of(batch, session)) if i else desk.patch(path_of(batch, session), {"title": "Changed"}))
    assert answers[1].status_code == 200 and answers[0].status_code in (200, 404, 409)
    refused(desk.get(path_of(batch, session)), 404, "not_found")
    wait_for(lambda: desk.at_zoom(session["zoom_meeting"]["meeting_id"]) is None, 10, 0.2, "the deletion at Zoom")
    at_rest(desk)


def test_the_same_key_at_once_makes_one_session(desk, batch):
    date = day()
    answers = together(4, lambda i: desk.post(f"batches/{batch['id']}/schedule", {"date": date, "start_time": "10:00", "end_time": "11:00", "title": "Once"},
                                              headers={"Idempotency-Key": f"once-{date}"}))
    assert len({good(answer)["session"]["_id"] for answer in answers}) == 1
    listed = good(desk.get(f"batches/{batch['id']}/schedule", params={"from": f"{date}T00:00:00Z", "to": f"{date}T23:00:00Z"}), 200)["sessions"]
    assert len(listed) == 1
    at_rest(desk)


def test_a_meeting_deleted_at_zoom_by_hand_is_told_and_made_anew_on_request(desk, batch):
    session = desk.session(batch)
    assert desk.stack.delete(f"zoom/meetings/{session['zoom_meeting']['meeting_id']}").status_code == 200
    seen = desk.read_session(batch, session)
    assert seen["meeting_state"] == "failed" and seen["meeting_state_reason"] and seen["zoom_meeting"] is None
    again = good(desk.post(path_of(batch, session) + "/create-zoom-meeting"))
    assert again["session"]["meeting_state"] == "ok" and again["zoom_meeting"]["id"] != session["zoom_meeting"]["meeting_id"]
    at_rest(desk)


# ---- no room

def test_no_capacity_is_pending_until_there_is_room(desk, batch):
    date = day()
    taken = fill(desk, date, 10)
    answer = desk.schedule(batch, date=date, start_time="10:15", end_time="11:15")
    session = good(answer)["session"]
    assert codes(answer) == ["no_capacity"] and session["meeting_state"] == "pending" and session["meeting_state_reason"]
    assert desk.stack.delete(f"zoom/meetings/{taken[0]['id']}").status_code == 200
    done = desk.wait_state(lambda: desk.read_session(batch, session), "ok")
    assert done["zoomAccountUsed"] == taken[0]["zoomAccountUsed"]
    at_rest(desk)


def test_a_moved_session_changes_accounts_where_its_own_is_full(desk, batch):
    date = day()
    session = desk.session(batch, date=date, start_time="10:00", end_time="11:00")
    number = session["zoom_meeting"]["meeting_id"]
    fill(desk, date, 14, [int(session["zoomAccountUsed"].split("_")[1])])
    answer = desk.patch(path_of(batch, session), {"start_time": "14:00", "end_time": "15:00"})
    changed = good(answer, 200)["session"]
    assert codes(answer) == ["moved"] and changed["zoomAccountUsed"] != session["zoomAccountUsed"]
    assert changed["zoom_meeting"]["meeting_id"] != number and changed["zoom_meeting"]["join_url"] != session["zoom_meeting"]["join_url"]
    assert desk.at_zoom(changed["zoom_meeting"]["meeting_id"])["start_time"] == f"{date}T14:00:00Z"
    wait_for(lambda: desk.at_zoom(number) is None, 10, 0.2, "the deletion of the old meeting")
    at_rest(desk)


def test_a_move_that_fits_nowhere_leaves_all_as_it_was(desk, batch):
    date = day()
    session = desk.session(batch, date=date, start_time="10:00", end_time="11:00")
    before, at_zoom = desk.read_session(batch, session), desk.at_zoom(session["zoom_meeting"]["meeting_id"])
    fill(desk, date, 14)
    failure = refused(desk.patch(path_of(batch, session), {"start_time": "14:30", "end_time": "15:30", "title": "Moved"}), 409, "no_capacity")
    assert failure["details"], "the nearest start that fits"
    assert {**desk.read_session(batch, session), "updated_at": 0} == {**before, "updated_at": 0}
    assert desk.at_zoom(session["zoom_meeting"]["meeting_id"]) == at_zoom
    good(desk.patch(path_of(batch, session), {"start_time": "12:30", "end_time": "13:30"}), 200)
    at_rest(desk)


@pytest.mark.parametrize("path", ["classes", "appointments"])
def test_the_nearest_start_is_told_by_the_name_of_the_face(desk, path):
    date = day()
    made = good(desk.book(path))[SINGULAR[path]]
    fill(desk, date, 14)
    failure = refused(desk.patch(f"{path}/{made['id']}", {TIME[path]: f"{date}T14:00:00Z"}), 409, "no_capacity", TIME[path])
    assert "nearest start" in failure["details"][0]["message"]


# ---- series

@pytest.fixture
def series(desk, batch):
    """Four sessions, a week apart, none of whose dates is another test's."""
    first = desk.stack.rows("SELECT MAX(starts_at) AS at FROM booking WHERE series_id IS NOT NULL")[0]["at"]
    date = "2035-01-01" if first is None else None
    if date is None:
        import datetime
        date = (datetime.datetime.fromtimestamp(first / 1000, datetime.timezone.utc) + datetime.timedelta(days=7)).date().isoformat()
    return good(desk.schedule(batch, date=date, recurrence="FREQ=WEEKLY;COUNT=4"))["sessions"]


def test_each_of_a_series_has_its_own_meeting(desk, series):
    numbers = [session["zoom_meeting"]["meeting_id"] for session in series]
    assert len(set(numbers)) == 4 and [desk.at_zoom(number)["start_time"][:10] for number in numbers] == [session["date"][:10] for session in series]


def test_this_one_alone(desk, batch, series):
    good(desk.patch(path_of(batch, series[1]), {"start_time": "12:00", "end_time": "13:00", "title": "Odd"}), 200)
    assert slots(desk, batch, series) == [("10:00", "Introduction"), ("12:00", "Odd"), ("10:00", "Introduction"), ("10:00", "Introduction")]


def test_this_and_following(desk, batch, series):
    good(desk.patch(path_of(batch, series[1]), {"start_time": "12:00", "end_time": "13:00", "title": "Late", "scope": "this_and_following"}), 200)
    assert slots(desk, batch, series) == [("10:00", "Introduction")] + [("12:00", "Late")] * 3
    for session in series[1:]:
        at_zoom = desk.at_zoom(session["zoom_meeting"]["meeting_id"])
        assert at_zoom["start_time"] == f"{session['date'][:10]}T12:00:00Z" and at_zoom["duration"] == 60 and at_zoom["topic"].endswith("- Late")
    at_rest(desk)


def test_all(desk, batch, series):
    good(desk.patch(path_of(batch, series[2]), {"start_time": "09:00", "end_time": "10:30", "scope": "all"}), 200)
    assert slots(desk, batch, series) == [("09:00", "Introduction")] * 4
    assert {desk.at_zoom(session["zoom_meeting"]["meeting_id"])["start_time"][11:] for session in series} == {"09:00:00Z"}


def test_of_all_the_one_that_fits_nowhere_stays_and_is_named(desk, batch, series):
    fill(desk, series[3]["date"][:10], 14)
    answer = desk.patch(path_of(batch, series[0]), {"start_time": "14:00", "end_time": "15:00", "scope": "all"})
    assert answer.status_code == 200 and codes(answer) == ["no_capacity"] and series[3]["date"][:10] in answer.json()["warnings"][0]["message"]
    assert [slot[0] for slot in slots(desk, batch, series)] == ["14:00"] * 3 + ["10:00"]
    assert [desk.at_zoom(desk.read_session(batch, one)["zoom_meeting"]["meeting_id"])["start_time"][11:13] for one in series] == ["14"] * 3 + ["10"]
    at_rest(desk)


def test_cancelling_this_and_following(desk, batch, series):
    explained(desk.delete(path_of(batch, series[1]), params={"scope": "some"}), "scope")
    assert desk.delete(path_of(batch, series[1]), params={"scope": "this_and_following"}).status_code == 200
    assert desk.get(path_of(batch, series[0])).status_code == 200
    for session in series[1:]:
        refused(desk.get(path_of(batch, session)), 404, "not_found")
        wait_for(lambda session=session: desk.at_zoom(session["zoom_meeting"]["meeting_id"]) is None, 10, 0.2, "the deletion")
    assert desk.at_zoom(series[0]["zoom_meeting"]["meeting_id"])
    at_rest(desk)


# ---- settings

def test_settings_in_order(desk, course):
    """The kind's < the batch's < the person's own < the request's; what was asked and what Zoom made of it stand in the meeting."""
    host = desk.as_("tutor-set", "tutor")
    batch = host.batch(settings={"participant_video": True, "join_before_host": False, "mute_upon_entry": False})
    answer = host.stack.request("PUT", "me/meeting-defaults", json={"settings": {"join_before_host": True, "host_video": False}}, sub="tutor-set", role="tutor")
    assert good(answer, 200)["settings"] == {"join_before_host": True, "host_video": False}
    assert good(host.get("me/meeting-defaults"), 200)["settings"] == {"join_before_host": True, "host_video": False}
    session = host.session(batch, settings={"host_video": True})
    wanted = {"host_video": True, "participant_video": True, "join_before_host": True, "mute_upon_entry": False, "waiting_room": False,
              "meeting_authentication": False, "auto_recording": "cloud"}
    meeting = good(host.get(f"zoom/meetings/{session['zoom_meeting']['meeting_id']}"), 200)["meeting"]
    assert meeting["settings_requested"] == wanted
    assert {key: meeting["settings_effective"][key] for key in wanted} == wanted
    # For the next ones; those that stand stay.
    host.stack.request("PUT", "me/meeting-defaults", json={"settings": {}}, sub="tutor-set", role="tutor")
    assert desk.at_zoom(session["zoom_meeting"]["meeting_id"])["settings"]["join_before_host"] is True
    again = host.session(batch)
    assert desk.at_zoom(again["zoom_meeting"]["meeting_id"])["settings"]["join_before_host"] is False


def test_settings_that_zoom_takes_otherwise(desk, batch):
    desk.sandbox.knobs(forced_settings={"waiting_room": True})
    answer = desk.schedule(batch, settings={"waiting_room": False})
    assert codes(answer) == ["settings_differ"]
    assert "waiting_room" in answer.json()["warnings"][0]["message"]
    meeting = good(desk.get(f"zoom/meetings/{good(answer)['zoom_meeting']['id']}"), 200)["meeting"]
    assert meeting["settings_requested"]["waiting_room"] is False and meeting["settings_effective"]["waiting_room"] is True


def test_a_setting_that_is_null_and_one_that_is_never_used(desk, batch):
    answer = desk.schedule(batch, settings={"host_video": None, "use_pmi": True})
    assert codes(answer) == ["settings_differ"] and "use_pmi" in answer.json()["warnings"][0]["message"]
    at_zoom = desk.at_zoom(good(answer)["zoom_meeting"]["id"])
    assert at_zoom["settings"]["host_video"] is True and not at_zoom["settings"].get("use_pmi")


@pytest.mark.parametrize("body, field", [({}, "settings"), ({"settings": {"auto_recording": "x"}}, "settings.auto_recording"), ({"settings": 1}, "settings")])
def test_wrong_defaults(desk, body, field):
    explained(desk.stack.request("PUT", "me/meeting-defaults", json=body, **desk.who), field)



# ---- without Zoom

@pytest.fixture(scope="module")
def switched_off(make_stack):
    return make_stack(ZOOM_ENABLED="false")


def test_everything_but_the_meeting_works_without_zoom(switched_off):
    desk = Desk(switched_off)
    batch = desk.batch(desk.course(), member_ids=["s-1"])
    answer = desk.schedule(batch)
    assert codes(answer) == ["zoom_disabled"]
    session = good(answer)["session"]
    assert session["zoom_meeting"] is None and good(answer)["zoom_meeting"] is None
    assert good(desk.patch(path_of(batch, session), {"title": "Moved", "start_time": "09:00"}), 200)["session"]["start_time"] == "09:00"
    for path in FACES:
        answer = desk.book(path)
        assert codes(answer) == ["zoom_disabled"] and answer.status_code == 201, answer.text
        one = next(iter(good(answer).values()))
        assert one["zoomMeetingId"] is None
        assert desk.patch(f"{path}/{one['id']}", {LENGTH[path]: 20, TIME[path]: f"{day()}T08:00:00Z"}).status_code == 200
        assert desk.delete(f"{path}/{one['id']}").status_code == 200
    assert desk.as_("s-1", "student").get(path_of(batch, session)).status_code == 200
    assert desk.delete(path_of(batch, session)).status_code == 200
    # Nothing is asked for that cannot be: the answer needs no warning then.
    assert codes(desk.schedule(batch, create_zoom_meeting=False)) == []
    assert switched_off.rows("SELECT COUNT(*) AS n FROM meeting")[0]["n"] == 0
