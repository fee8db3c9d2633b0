"""What names a person or a thing, and what only looks as if it did; answers that are kept or told although nothing was done."""
import urllib.parse
import uuid

import pytest

from desk import FACES, HOST, Desk, day, explained, good, refused

FOREIGN = ["Grüße", "日本語", "😀", "64f8a1b2c3d4e5f6a7b8c9dé", "64F8A1B2C3D4E5F6A7B8C9D0", "64f8a1b2c3d4e5f6a7b8c9d0 ", "64f8a1b2c3d4e5f6a7b8c9d", "%"]
BLANKED = ["stud-1 ", " stud-1", "stud-1  ", " "]
BLANKS = "must be a user id without blanks at its ends"


@pytest.fixture(scope="module")
def own(make_stack):
    return make_stack()


@pytest.fixture
def desk(own):
    return Desk(own)


@pytest.fixture
def admin(own):
    return Desk(own, "admin-1", "admin")


# ---- ids of things

@pytest.mark.parametrize("spelled", FOREIGN)
def test_an_id_that_is_none_names_nothing(desk, spelled):
    quoted = urllib.parse.quote(spelled, safe="")
    batch = desk.batch()
    for path in [f"courses/{quoted}", f"batches/{quoted}", f"batches/{quoted}/schedule", f"batches/{batch['id']}/schedule/{quoted}",
                 *(f"{face}/{quoted}" for face in FACES)]:
        refused(desk.get(path), 404, "not_found")
    refused(desk.post("zoom/sessions/meeting", {"session_id": spelled}), 404, "not_found")
    explained(desk.post("batches", {"name": "x", "course_id": spelled}), "course_id")


# ---- ids of people

@pytest.mark.parametrize("sub", BLANKED)
def test_blanks_at_the_ends_of_a_user_id(desk, admin, sub):
    assert explained(desk.post("batches", {"name": "x", "member_ids": ["stud-2", sub]}), "member_ids[1]") == BLANKS
    assert explained(desk.post("batches", {"name": "x", "instructor_id": sub}), "instructor_id") == BLANKS
    assert explained(desk.post("batches", {"name": "x", "batch_type": "individual", "student_id": sub}), "student_id") == BLANKS
    meeting = {"topic": "x", "start_time": f"{day()}T10:00:00Z", "host_user_id": sub}
    assert explained(admin.post("zoom/meetings", meeting), "host_user_id") == BLANKS
    for face in FACES:
        people = {"appointments": "patientId", "interviews": "candidateId"}.get(face, "participantIds")
        assert explained(admin.book(face, **{HOST[face]: sub}), HOST[face]) == BLANKS
        wrong = admin.book(face, **{people: [sub] if people == "participantIds" else sub})
        assert explained(wrong, people + ("[0]" if people == "participantIds" else "")) == BLANKS
        one = admin.booked(face, **{HOST[face]: "host-1"})
        assert explained(admin.patch(f"{face}/{one['id']}", {HOST[face]: sub}), HOST[face]) == BLANKS


def test_blanks_inside_a_user_id_are_its_own(desk):
    assert desk.batch(member_ids=["stud 1", "stud  1"])["member_ids"] == ["stud  1", "stud 1"]


def test_a_token_for_a_blanked_sub(own):
    assert Desk(own, "tutor-1 ", "tutor").get("courses").status_code == 401


# ---- a batch keeps its zone

def test_another_course_leaves_the_zone_of_a_batch(desk):
    there = desk.course(timezone="Asia/Kolkata")
    assert desk.batch(there)["timezone"] == "Asia/Kolkata"
    batch = desk.batch(timezone="Europe/Berlin")
    path = f"batches/{batch['id']}"
    changed = good(desk.patch(path, {"course_id": there["id"]}), 200)["batch"]
    assert changed["course_id"] == there["id"] and changed["timezone"] == "Europe/Berlin"
    assert good(desk.patch(path, {"course_id": there["id"], "timezone": "America/New_York"}), 200)["batch"]["timezone"] == "America/New_York"
    assert desk.batch(there, timezone="Europe/Paris")["timezone"] == "Europe/Paris"


# ---- dates

@pytest.mark.parametrize("behind", ["T00:00:00", "T00:00:00Z", "T00:00:00+05:30", "T00:00:00.000Zx", "T00:00:00.5Z", "x", " "])
def test_what_may_not_stand_behind_a_date(desk, behind):
    explained(desk.schedule(desk.batch(), date=day() + behind, create_zoom_meeting=False), "date")


def test_the_date_of_a_session_is_taken_again(desk):
    batch, date = desk.batch(), day()
    session = desk.session(batch, date=f"{date}T00:00:00.000Z", create_zoom_meeting=False)
    assert session["date"] == f"{date}T00:00:00.000Z"


# ---- answers that were kept

def test_a_long_answer_is_given_again(desk):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    batch = desk.batch()
    body = {"date": "2041-01-01", "start_time": "10:00", "end_time": "10:30", "title": "Lesson", "description": "\U0001f600" * 2000,
            "recurrence": "FREQ=DAILY;COUNT=200", "create_zoom_meeting": False}
    first = desk.post(f"batches/{batch['id']}/schedule", body, headers=key)
    again = desk.post(f"batches/{batch['id']}/schedule", body, headers=key)
    assert first.status_code == 201 and len(first.content) > 1024 * 1024
    assert (again.status_code, again.content, again.headers["Idempotency-Replayed"]) == (201, first.content, "true")


# ---- a meeting for what cannot have one

def ask_both(desk, batch, session):
    return [desk.post(f"batches/{batch['id']}/schedule/{session['_id']}/create-zoom-meeting"), desk.post("zoom/sessions/meeting", {"session_id": session["_id"]})]


@pytest.fixture(scope="module")
def switched_off(make_stack):
    return make_stack(ZOOM_ENABLED="false")


def test_no_meeting_is_made_where_zoom_is_off(switched_off):
    desk = Desk(switched_off)
    batch = desk.batch()
    session = desk.session(batch, create_zoom_meeting=False)
    for answer in ask_both(desk, batch, session):
        refused(answer, 503, "zoom_disabled")
    read = desk.read_session(batch, session)
    assert read["create_zoom_meeting"] is False and read["meeting_state"] == "none"


def test_no_meeting_is_made_for_what_is_over(desk):
    batch = desk.batch()
    session = desk.session(batch, create_zoom_meeting=False)
    good(desk.patch(f"batches/{batch['id']}/schedule/{session['_id']}", {"status": "completed"}), 200)
    for answer in ask_both(desk, batch, session):
        refused(answer, 409, "conflict")
    assert desk.read_session(batch, session)["meeting_state"] == "none"
