"""Who changes which bookings of a series, and what those are told who only take part."""
import pytest

from desk import Desk, day, good, refused


@pytest.fixture(scope="module")
def desk(stack):
    return Desk(stack, "admin-1", "admin")


# ---- series

def a_divided_series(desk, owner, **more):
    """Three classes of one teacher; the last is somebody else's by now."""
    first = desk.as_(owner, "teacher")
    made = good(first.book("classes", recurrence="FREQ=DAILY;COUNT=3", createMeeting=False, **more))["classes"]
    with desk.stack.db() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE booking SET owner_sub = 'other-1', host_sub = 'other-1' WHERE public_id = %s", made[2]["id"])
    return first, made


@pytest.mark.parametrize("scope", ["all", "this_and_following"])
def test_a_change_of_a_series_leaves_those_of_others_alone(desk, scope):
    owner, made = a_divided_series(desk, "owner-" + scope[:4])
    answer = owner.patch(f"classes/{made[0]['id']}", {"title": "Mine", "scope": scope})
    good(answer, 200)
    assert [desk.read("classes", one)["title"] for one in made] == ["Mine", "Mine", "Lesson"]
    assert not answer.json().get("warnings")
    # An admin changes everybody's.
    good(desk.patch(f"classes/{made[0]['id']}", {"title": "Ours", "scope": scope}), 200)
    assert [desk.read("classes", one)["title"] for one in made] == ["Ours", "Ours", "Ours"]
    refused(owner.patch(f"classes/{made[2]['id']}", {"title": "Mine", "scope": scope}), 404, "not_found")


@pytest.mark.parametrize("scope", ["all", "this_and_following"])
def test_a_removed_series_leaves_those_of_others_alone(desk, scope):
    owner, made = a_divided_series(desk, "giver-" + scope[:4])
    assert owner.delete(f"classes/{made[0]['id']}", params={"scope": scope}).status_code == 200
    for one in made[:2]:
        refused(desk.get(f"classes/{one['id']}"), 404, "not_found")
    assert desk.read("classes", made[2])["status"] == "scheduled"
    assert desk.delete(f"classes/{made[2]['id']}", params={"scope": "all"}).status_code == 200
    refused(desk.get(f"classes/{made[2]['id']}"), 404, "not_found")


def test_a_host_who_was_given_one_changes_that_one_only(desk):
    owner, made = a_divided_series(desk, "owner-h")
    good(owner.patch(f"classes/{made[1]['id']}", {"hostId": "stand-in"}), 200)
    stand_in = desk.as_("stand-in", "teacher")
    good(stand_in.patch(f"classes/{made[1]['id']}", {"title": "Stood in", "scope": "all"}), 200)
    assert [desk.read("classes", one)["title"] for one in made] == ["Lesson", "Stood in", "Lesson"]
    assert stand_in.delete(f"classes/{made[1]['id']}", params={"scope": "all"}).status_code == 200
    assert desk.read("classes", made[0]) and desk.read("classes", made[2])


def test_a_batch_owner_changes_the_whole_series_of_the_batch(desk):
    owner = desk.as_("owner-s", "tutor")
    batch = owner.batch(instructor_id="tutor-s")
    made = good(desk.schedule(batch, recurrence="FREQ=DAILY;COUNT=3", create_zoom_meeting=False))["sessions"]
    path = f"batches/{batch['id']}/schedule/{made[0]['_id']}"
    good(owner.patch(path, {"title": "Renamed", "scope": "all"}), 200)
    assert {owner.read_session(batch, one)["title"] for one in made} == {"Renamed"}
    assert desk.as_("tutor-s", "tutor").delete(path, params={"scope": "all"}).status_code == 200
    for one in made:
        refused(desk.get(f"batches/{batch['id']}/schedule/{one['_id']}"), 404, "not_found")


# ---- those who book for themselves

def test_an_appointment_given_to_another_patient_is_not_the_first_ones_any_more(desk):
    first, second, doctor = desk.as_("pat-first", "patient"), desk.as_("pat-second", "patient"), desk.as_("doc-a", "doctor")
    body = {"doctorId": "doc-a", "appointmentTime": f"{day()}T10:00:00Z", "type": "IN_PERSON"}
    one = good(first.post("appointments", body))["appointment"]
    path = f"appointments/{one['id']}"
    assert first.read("appointments", one)["patientId"] == "pat-first"
    good(doctor.patch(path, {"patientId": "pat-second"}), 200)
    refused(first.get(path), 404, "not_found")
    refused(first.get(path + ".ics"), 404, "not_found")
    refused(first.delete(path), 404, "not_found")
    assert one["id"] not in first.get("appointments").text
    assert second.read("appointments", one)["patientId"] == "pat-second"
    assert one["id"] in second.get("appointments").text and one["id"] in doctor.get("appointments").text
    assert second.delete(path).status_code == 200
    refused(doctor.get(path), 404, "not_found")


def test_who_booked_an_appointment_before_owners_were_doctors_reads_it_as_its_patient_only(desk):
    doctor, first = desk.as_("doc-b", "doctor"), desk.as_("pat-old", "patient")
    one = doctor.booked("appointments", doctorId="doc-b", patientId="pat-new", type="IN_PERSON")
    with desk.stack.db() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE booking SET owner_sub = 'pat-old' WHERE public_id = %s", one["id"])
        cursor.execute("INSERT INTO booking_person (booking_id, sub, parts, kind, status, starts_at)"
                       " SELECT id, owner_sub, 1, kind, status, starts_at FROM booking WHERE public_id = %s", one["id"])
    refused(first.get(f"appointments/{one['id']}"), 404, "not_found")
    refused(first.delete(f"appointments/{one['id']}"), 404, "not_found")
    assert doctor.read("appointments", one)["patientId"] == "pat-new"


# ---- what Zoom said

def test_zooms_words_and_the_pools_accounts_are_for_those_who_may_change_it(desk):
    patient, doctor = desk.as_("pat-z", "patient"), desk.as_("doc-z", "doctor")
    desk.sandbox.fault({"status": 400, "body": {"code": 300, "message": "Words of Zoom"}}, {"method": "POST", "path": "/v2/users/*/meetings"}, count=-1)
    try:
        answer = patient.post("appointments", {"doctorId": "doc-z", "appointmentTime": f"{day()}T10:00:00Z"})
        one = good(answer)["appointment"]
        told = doctor.read("appointments", one)["meetingStateReason"]
        assert "Words of Zoom" in told
        assert one["meetingStateReason"] is None and one["meetingState"] != "ok"
        assert [warning["code"] for warning in answer.json()["warnings"]] == ["zoom_failed"] and answer.json()["warnings"][0]["message"]
        texts = [answer.text, patient.get(f"appointments/{one['id']}").text, patient.get("appointments").text]
        owner = desk.as_("owner-z", "tutor")
        batch = owner.batch(member_ids=["stud-z"], instructor_id="tutor-z")
        answer = owner.schedule(batch)
        session = good(answer)["session"]
        assert "Words of Zoom" in answer.json()["warnings"][0]["message"] and "Words of Zoom" in session["meeting_state_reason"]
        student = desk.as_("stud-z", "student")
        assert student.read_session(batch, session)["meeting_state_reason"] is None
        texts += [student.get(f"batches/{batch['id']}/schedule").text, patient.delete(f"appointments/{one['id']}").text]
        for text in texts:
            assert "Words of Zoom" not in text and "account_" not in text, text
        assert owner.delete(f"batches/{batch['id']}/schedule/{session['_id']}").status_code == 200
    finally:
        desk.sandbox.clear_faults()


# ---- batches

def test_staff_who_only_attend_a_batch_see_nobody_else_in_it(desk):
    owner, guest = desk.as_("owner-b", "tutor"), desk.as_("guest-b", "teacher")
    batch = owner.batch(member_ids=["guest-b", "stud-b"], instructor_id="tutor-b2", settings={"waiting_room": True})
    path = f"batches/{batch['id']}"
    for insider in (owner, desk, desk.as_("tutor-b2", "tutor")):
        seen = good(insider.get(path), 200)["batch"]
        assert seen["member_ids"] == ["guest-b", "stud-b"] and seen["settings"] == {"waiting_room": True}
    for outsider in (guest, desk.as_("stud-b", "student")):
        seen = good(outsider.get(path), 200)["batch"]
        assert seen["name"] == batch["name"] and not {"member_ids", "student_id", "settings"} & seen.keys()
        assert "member_ids" not in outsider.get("batches").text


def starts(who, session):
    return who.get(f"zoom/meetings/{session['zoom_meeting']['meeting_id']}/start").status_code


def test_what_an_admin_schedules_without_an_instructor_is_hosted_by_the_batchs_owner(desk):
    owner = desk.as_("owner-n", "tutor")
    batch = owner.batch()
    session = desk.session(batch)
    seen = owner.read_session(batch, session)
    assert seen["zoom_meeting"]["start_url"].endswith("/start") and starts(owner, seen) == 302
    assert owner.delete(f"batches/{batch['id']}/schedule/{session['_id']}").status_code == 200


def test_a_start_url_is_shown_to_those_only_who_may_start(desk):
    owner, instructor = desk.as_("owner-i", "tutor"), desk.as_("tutor-i2", "tutor")
    batch = owner.batch(instructor_id="tutor-i2")
    session = instructor.session(batch)
    seen = owner.read_session(batch, session)
    assert "start_url" not in seen["zoom_meeting"] and seen["zoom_meeting"]["join_url"] and starts(owner, seen) == 404
    for host in (instructor, desk):
        seen = host.read_session(batch, session)
        assert seen["zoom_meeting"]["start_url"] and starts(host, seen) == 302
    assert owner.delete(f"batches/{batch['id']}/schedule/{session['_id']}").status_code == 200
