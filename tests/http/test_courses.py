"""Sessions of a course without a batch; what becomes of a batch's sessions; series at a gap; dry runs and warnings of several."""
import pytest

from desk import FACES, Desk, at_rest, codes, day, explained, fill, good, path_of, refused, slots
from harness import together


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


# ---- sessions of a course, without a batch

def course_sessions(desk, course, count=1, **more):
    sessions = [{"title": f"Week {i}", "start_time": f"{day()}T10:00:00Z", "duration": 60} for i in range(count)]
    return good(desk.post(f"courses/{course['id']}/sessions/batch", {"sessions": sessions, **more}))["sessions"]


def test_a_session_of_a_course_and_its_life(desk):
    course, date = desk.course(), day()
    session = course_sessions(desk, course)[0]
    where = f"courses/{course['id']}/sessions/{session['_id']}"
    assert good(desk.get(where), 200)["session"] == {**session, "zoom_meeting": {**session["zoom_meeting"], "start_url": good(desk.get(where), 200)["session"]["zoom_meeting"]["start_url"]}}
    assert session["course_id"] == course["id"] and session["batch_id"] is None
    changed = good(desk.patch(where, {"date": date, "start_time": "15:00", "end_time": "16:30", "title": "Renamed"}), 200)["session"]
    at_zoom = desk.at_zoom(session["zoom_meeting"]["meeting_id"])
    assert changed["start_time"] == "15:00" and at_zoom["start_time"] == f"{date}T15:00:00Z" and at_zoom["topic"] == "Advanced JavaScript - Renamed"
    assert b"BEGIN:VEVENT" in desk.get(where + ".ics").content
    refused(desk.post(where + "/create-zoom-meeting"), 409, "already_has_meeting")
    assert good(desk.patch(where, {"create_zoom_meeting": False}), 200)["session"]["meeting_state"] == "none"
    assert good(desk.post(where + "/create-zoom-meeting"))["session"]["meeting_state"] == "ok"
    refused(desk.delete(f"courses/{course['id']}"), 409, "conflict")
    assert desk.delete(where).status_code == 200
    refused(desk.get(where), 404, "not_found")
    assert b"METHOD:CANCEL" in desk.get(where + ".ics").content
    assert desk.delete(f"courses/{course['id']}").status_code == 200
    at_rest(desk)


def test_a_session_is_changed_by_what_made_it(desk, batch):
    """An instant and a length, beside a date and two times of day."""
    course, date = desk.course(), day()
    session = course_sessions(desk, course)[0]
    where = f"courses/{course['id']}/sessions/{session['_id']}"
    changed = good(desk.patch(where, {"start_time": f"{date}T15:00:00Z", "duration": 45}), 200)["session"]
    assert (changed["starts_at"], changed["ends_at"]) == (f"{date}T15:00:00.000Z", f"{date}T15:45:00.000Z")
    assert good(desk.patch(where, {"duration": 90}), 200)["session"]["ends_at"] == f"{date}T16:30:00.000Z"
    assert good(desk.patch(where, {"start_time": f"{date}T09:00:00"}), 200)["session"]["ends_at"] == f"{date}T10:30:00.000Z"
    assert good(desk.patch(where, {"start_time": "11:00", "duration": 30}), 200)["session"]["ends_at"] == f"{date}T11:30:00.000Z"
    assert good(desk.patch(where, {"start_time": "11:00", "end_time": "12:00", "duration": 60}), 200)["session"]["ends_at"] == f"{date}T12:00:00.000Z"
    refused(desk.patch(where, {"start_time": "11:00", "end_time": "12:00", "duration": 30}), 422, "validation_failed", "duration")
    refused(desk.patch(where, {"start_time": f"{date}T09:00:00Z", "date": date, "end_time": "10:00"}), 422, "validation_failed", "end_time")
    refused(desk.patch(where, {"start_time": "soon", "duration": 0}), 422, "validation_failed", "start_time", "duration")


def test_whose_a_session_of_a_course_is(desk):
    course, other = desk.course(), desk.course()
    session = course_sessions(desk, course, create_zoom_meeting=False)[0]
    where = f"courses/{course['id']}/sessions/{session['_id']}"
    for stranger in (desk.as_("tutor-2", "tutor"), desk.as_("stud-1", "student")):
        refused(stranger.get(where), 404, "not_found")
        refused(stranger.get(where + ".ics"), 404, "not_found")
    refused(desk.as_("tutor-2", "tutor").patch(where, {"title": "Mine"}), 404, "not_found")
    refused(desk.as_("tutor-2", "tutor").delete(where), 404, "not_found")
    refused(desk.as_("tutor-2", "tutor").post(where + "/create-zoom-meeting"), 404, "not_found")
    refused(desk.get(f"courses/{other['id']}/sessions/{session['_id']}"), 404, "not_found")
    refused(desk.get(f"courses/{course['id']}/sessions/nope"), 404, "not_found")


def test_a_courses_owner_removes_what_others_made_in_it(desk):
    course, admin = desk.course(), desk.as_("admin-1", "admin")
    sessions = course_sessions(admin, course, 2, create_zoom_meeting=False)
    teacher = desk.as_("teach-own", "teacher")
    batch = desk.batch(course, instructor_id="teach-own", member_ids=["stud-own"])
    taught = desk.session(batch, create_zoom_meeting=False)
    where = [f"courses/{course['id']}/sessions/{one['_id']}" for one in (*sessions, taught)]
    assert teacher.patch(where[2], {"title": "By its host"}).status_code == 200
    assert good(desk.as_("stud-own", "student").get(where[2]), 200)["session"]["title"] == "By its host"
    refused(desk.as_("stud-own", "student").get(where[0]), 404, "not_found")
    refused(teacher.get(where[0]), 404, "not_found")
    refused(desk.as_("stud-own", "student").delete(where[2]), 403, "forbidden")
    for one in where:
        assert desk.delete(one).status_code == 200
    assert desk.delete(f"batches/{batch['id']}").status_code == 200 and desk.delete(f"courses/{course['id']}").status_code == 200


def test_nothing_is_made_in_what_is_removed_at_the_same_moment(desk):
    for _ in range(4):
        course = desk.course()
        batch = desk.batch()
        at = {"title": "x", "start_time": f"{day()}T10:00:00Z"}
        calls = [lambda: desk.post(f"courses/{course['id']}/sessions/batch", {"sessions": [at], "create_zoom_meeting": False}),
                 lambda: desk.delete(f"courses/{course['id']}"),
                 lambda: desk.schedule(batch, create_zoom_meeting=False), lambda: desk.delete(f"batches/{batch['id']}")]
        statuses = [answer.status_code for answer in together(4, lambda i: calls[i]())]
        assert statuses[:2] in ([201, 409], [404, 200]) and statuses[2:] in ([201, 409], [404, 200]), statuses


def test_a_batch_outlives_its_course(desk):
    course = desk.course()
    batch = desk.batch(course)
    assert desk.delete(f"courses/{course['id']}").status_code == 200
    assert desk.session(batch, create_zoom_meeting=False)["meeting_state"] == "none"


def test_a_series_of_a_course_is_changed_together(desk):
    course = desk.course()
    one = {"title": "Weekly", "start_time": f"{day()}T10:00:00Z", "duration": 60}
    made = good(desk.post(f"courses/{course['id']}/sessions/batch", {"sessions": [one], "recurrence": "FREQ=DAILY;COUNT=3", "create_zoom_meeting": False}))["sessions"]
    good(desk.patch(f"courses/{course['id']}/sessions/{made[0]['_id']}", {"start_time": "12:00", "end_time": "13:00", "scope": "all"}), 200)
    listed = good(desk.get(f"courses/{course['id']}/sessions"), 200)["sessions"]
    assert {session["start_time"] for session in listed} == {"12:00"} and len(listed) == 3


# ---- a batch and what is to come

def test_a_teacher_and_a_course_are_taken_back(desk, course):
    batch = desk.batch(course, instructor_id="teach-back", member_ids=["stud-1"])
    session = desk.session(batch, create_zoom_meeting=False)
    changed = good(desk.patch(f"batches/{batch['id']}", {"instructor_id": None, "course_id": None}), 200)["batch"]
    assert changed["instructor_id"] is None and changed["course_id"] is None and changed["course_title"] is None
    refused(desk.as_("teach-back", "teacher").get(path_of(batch, session)), 404, "not_found")
    rows = desk.stack.rows("SELECT host_sub FROM booking WHERE public_id = %s", session["_id"])
    assert rows[0]["host_sub"] == "tutor-1"
    assert good(desk.get(f"batches/{batch['id']}"), 200)["batch"]["member_ids"] == ["stud-1"]


def test_a_list_of_batches_names_each_ones_members(desk):
    lister = desk.as_("lister-b", "tutor")
    made = [lister.batch(member_ids=[f"b{i}-{k}" for k in range(i)]) for i in range(4)] + [lister.batch(batch_type="individual", student_id="only")]
    listed = good(lister.get("batches"), 200)["batches"]
    assert listed == made[::-1] and [len(one["member_ids"]) for one in listed] == [1, 3, 2, 1, 0]
    assert [one["id"] for one in good(desk.as_("b3-1", "student").get("batches"), 200)["batches"]] == [made[3]["id"]]


def test_members_and_sessions_at_once(desk, course):
    """Whoever is a member in the end is one of every session, however it was interleaved."""
    batch = desk.batch(course, member_ids=["old-1", "old-2"])
    wanted = [f"new-{i}" for i in range(20)]

    def one(index):
        if index == 3:
            return desk.patch(f"batches/{batch['id']}", {"member_ids": wanted})
        return desk.schedule(batch, create_zoom_meeting=False)
    answers = together(7, one)
    assert {answer.status_code for answer in answers} == {200, 201}, [answer.text for answer in answers]
    rows = desk.stack.rows("SELECT p.booking_id, GROUP_CONCAT(p.sub ORDER BY p.sub) AS subs FROM booking b JOIN booking_person p ON p.booking_id = b.id"
                           " WHERE p.parts & 4 AND b.batch_id = (SELECT id FROM batch WHERE public_id = %s) GROUP BY p.booking_id", batch["id"])
    assert len(rows) == 6 and {row["subs"] for row in rows} == {",".join(sorted(wanted))}


def test_a_large_batch_writes_what_differs(desk, course):
    batch = desk.batch(course, member_ids=[f"m-{i}" for i in range(300)])
    for _ in range(3):
        desk.session(batch, create_zoom_meeting=False)
    before = {row["id"]: row["sequence"] for row in desk.stack.rows("SELECT id, sequence FROM booking WHERE batch_id = (SELECT id FROM batch WHERE public_id = %s)", batch["id"])}
    count = lambda: int(desk.stack.rows("SHOW GLOBAL STATUS LIKE 'Handler_write'")[0]["Value"])
    inserted = count()
    good(desk.patch(f"batches/{batch['id']}", {"member_ids": [f"m-{i}" for i in range(1, 301)]}), 200)
    assert count() - inserted < 300, "one of three hundred came, in each of three"
    rows = desk.stack.rows("SELECT b.id, b.sequence, SUM(p.parts & 4 > 0) AS members, SUM(p.sub = 'm-0') AS gone, SUM(p.sub = 'm-300') AS come FROM booking b"
                           " JOIN booking_person p ON p.booking_id = b.id WHERE b.batch_id = (SELECT id FROM batch WHERE public_id = %s) GROUP BY b.id", batch["id"])
    assert [(row["members"], row["gone"], row["come"]) for row in rows] == [(300, 0, 1)] * 3
    assert all(row["sequence"] == before[row["id"]] + 1 for row in rows)


# ---- series

def test_a_series_that_would_meet_a_gap_is_refused_as_a_whole(desk, course):
    batch = desk.batch(course, timezone="Europe/Berlin")
    made = good(desk.schedule(batch, date="2036-03-16", start_time="10:00", end_time="11:00", recurrence="FREQ=WEEKLY;COUNT=4", create_zoom_meeting=False))["sessions"]
    answer = desk.patch(path_of(batch, made[0]), {"start_time": "02:30", "end_time": "03:30", "scope": "all"})
    assert "2036-03-30" in explained(answer, "start_time")
    assert [detail["field"] for detail in answer.json()["details"]] == ["start_time"]
    assert slots(desk, batch, made) == [("10:00", "Introduction")] * 4
    event = good(desk.book("events", startTime="2036-03-16T10:00:00", timezone="Europe/Berlin", recurrence="FREQ=WEEKLY;COUNT=4", createMeeting=False))["events"]
    assert "2036-03-30" in explained(desk.patch(f"events/{event[0]['id']}", {"startTime": "2036-03-16T02:30:00", "scope": "all"}), "startTime")


def test_a_series_leaves_alone_what_is_somebody_elses(desk, course):
    made = good(desk.book("classes", recurrence="FREQ=DAILY;COUNT=3", createMeeting=False))["classes"]
    desk.stack.rows("UPDATE booking SET owner_sub = 'x-1', host_sub = 'x-1' WHERE public_id = %s", made[1]["id"])
    good(desk.patch(f"classes/{made[0]['id']}", {"title": "Mine", "scope": "all"}), 200)
    titles = [row["title"] for row in desk.stack.rows("SELECT title FROM booking WHERE series_id = %s ORDER BY starts_at", made[0]["seriesId"])]
    assert titles == ["Mine", "Lesson", "Mine"]


# ---- dry runs

def test_a_dry_run_of_a_session(desk, batch):
    date = day()
    body = {"date": date, "start_time": "10:00", "end_time": "11:00", "title": "Maybe"}
    rows = desk.stack.rows("SELECT COUNT(*) AS n FROM booking")[0]["n"]
    predicted = good(desk.post(f"batches/{batch['id']}/schedule", {**body, "dry_run": True}), 200)["sessions"]
    assert [one["fits"] for one in predicted] == [True] and desk.stack.rows("SELECT COUNT(*) AS n FROM booking")[0]["n"] == rows
    assert good(desk.post(f"batches/{batch['id']}/schedule", body))["session"]["zoomAccountUsed"] == predicted[0]["zoomAccountUsed"]
    fill(desk, date, 10, [n for n in (1, 2, 3) if f"account_{n}" != predicted[0]["zoomAccountUsed"]])
    answer = desk.post(f"batches/{batch['id']}/schedule", {**body, "dry_run": True})
    assert good(answer, 200)["sessions"][0]["fits"] is False and codes(answer) == ["no_capacity"]
    assert answer.json()["warnings"][0]["index"] == 0 and "session_id" not in answer.json()["warnings"][0]
    explained(desk.post(f"batches/{batch['id']}/schedule", {**body, "dry_run": "yes"}), "dry_run")


@pytest.mark.parametrize("path", FACES)
def test_a_dry_run_of_a_face(desk, path):
    before, meetings = desk.stack.rows("SELECT COUNT(*) AS n FROM booking")[0]["n"], len(desk.live())
    answer = desk.book(path, dry_run=True, recurrence="FREQ=DAILY;COUNT=2")
    predicted = good(answer, 200)[path.replace("-", "_")]
    assert [one["fits"] for one in predicted] == [True, True] and all(one["host_email"] for one in predicted)
    assert desk.stack.rows("SELECT COUNT(*) AS n FROM booking")[0]["n"] == before and len(desk.live()) == meetings


def test_a_patients_dry_run_names_no_account(desk):
    patient = desk.as_("pat-dry", "patient")
    one = good(patient.post("appointments", {"doctorId": "doc-1", "appointmentTime": f"{day()}T10:00:00Z", "dry_run": True}), 200)["appointments"][0]
    assert one["fits"] is True and one["zoomAccountUsed"] is None and one["host_email"] is None and "placement" not in one


# ---- warnings of several

def test_each_of_several_says_which_it_is(desk, course, batch):
    desk.sandbox.knobs(forced_settings={"waiting_room": True})
    sessions = [{"title": "A", "start_time": f"{day()}T10:00:00Z", "settings": {"waiting_room": False}},
                {"title": "B", "start_time": f"{day()}T10:00:00Z", "settings": {"waiting_room": True, "join_before_host": False}},
                {"title": "C", "start_time": f"{day()}T10:00:00Z", "settings": {"waiting_room": False}}]
    answer = desk.post(f"courses/{course['id']}/sessions/batch", {"sessions": sessions})
    made = good(answer)["sessions"]
    assert [(one["code"], one["index"], one["session_id"]) for one in answer.json()["warnings"]] == [
        ("settings_differ", 0, made[0]["_id"]), ("settings_differ", 2, made[2]["_id"])]
    answer = desk.schedule(batch, recurrence="FREQ=DAILY;COUNT=2", settings={"waiting_room": False})
    assert [(one["code"], one["index"]) for one in answer.json()["warnings"]] == [("settings_differ", 0), ("settings_differ", 1)]
    answer = desk.book("classes", recurrence="FREQ=DAILY;COUNT=2", settings={"waiting_room": False})
    assert [(one["code"], one["index"]) for one in answer.json()["warnings"]] == [("settings_differ", 0), ("settings_differ", 1)]


def test_one_that_is_being_worked_on_is_not_called_a_failure(desk, batch):
    """Another worker, alive, holds the booking: it follows when that one is done."""
    session = desk.session(batch)
    desk.stack.rows("UPDATE booking SET dirty = 1, meeting_state = 'pending', worker = 'elsewhere/1/1', lease_until = UNIX_TIMESTAMP(NOW(3)) * 1000 + 12000,"
                    " retry_at = UNIX_TIMESTAMP(NOW(3)) * 1000 + 12000 WHERE public_id = %s", session["_id"])
    answer = desk.patch(path_of(batch, session), {"title": "Meanwhile"})
    assert answer.status_code == 200 and codes(answer) == ["pending"]
    desk.wait_state(lambda: desk.read_session(batch, session), "ok", 15)
    assert desk.at_zoom(session["zoom_meeting"]["meeting_id"])["topic"].endswith("Meanwhile")
