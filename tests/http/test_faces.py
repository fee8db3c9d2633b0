"""Classes, events, custom sessions, appointments and interviews: their names, who sees and changes what, lists."""
import datetime
import json

import pytest

from desk import FACES, HOST, LENGTH, PLURAL, SINGULAR, TIME, Desk, day, explained, good, refused

PERSON = {"appointments": "patientId", "interviews": "candidateId"}
ROLE = {"appointments": ("doctor", "patient"), "interviews": ("interviewer", "candidate")}
COMMON = {"id", "title", "description", "timezone", "status", "seriesId", "zoomMeetingId", "zoomJoinUrl", "zoomStartUrl", "zoomMeetingPassword", "zoomAccountUsed",
          "meetingState", "meetingStateReason", "createdAt", "updatedAt"}
KEYS = {
    "classes": {"startTime", "duration", "hostId", "participantIds", "createMeeting"},
    "events": {"startTime", "duration", "hostId", "participantIds", "createMeeting"},
    "custom-sessions": {"startTime", "duration", "hostId", "participantIds", "createMeeting"},
    "appointments": {"type", "appointmentTime", "durationMinutes", "doctorId", "patientId"},
    "interviews": {"startTime", "duration", "interviewerId", "candidateId", "hostedBy"},
}


@pytest.fixture(scope="module")
def desk(stack):
    return Desk(stack, "admin-1", "admin")


def everyone(desk, path):
    """Host and member of that face, asking for themselves; and the fields that name them."""
    host, member = ROLE.get(path, ("teacher", "student"))
    one = PERSON.get(path)
    named = {HOST[path]: "host-1", **({one: "memb-1"} if one else {"participantIds": ["memb-1", "memb-2"]})}
    return desk.as_("host-1", host), desk.as_("memb-1", member), named


@pytest.mark.parametrize("path", FACES)
def test_its_names_and_its_life(desk, path):
    host, _, named = everyone(desk, path)
    date = day()
    answer = desk.post(path, {"title": "Algebra", "description": "Rings", TIME[path]: f"{date}T10:00:00", LENGTH[path]: 45, "timezone": "Europe/Berlin", **named})
    one = good(answer)[SINGULAR[path]]
    assert one.keys() == COMMON | KEYS[path]
    assert {key: one[key] for key in ("title", "description", "timezone", TIME[path], LENGTH[path], "status", "meetingState")} == {
        "title": "Algebra", "description": "Rings", "timezone": "Europe/Berlin", TIME[path]: f"{date}T{utc_hour(date)}:00:00.000Z", LENGTH[path]: 45,
        "status": "scheduled", "meetingState": "ok"}
    assert {key: one[key] for key in named} == named
    at_zoom = desk.at_zoom(one["zoomMeetingId"])
    assert at_zoom["topic"] == "Algebra" and at_zoom["duration"] == 45 and one["zoomMeetingId"] in one["zoomJoinUrl"]
    # The answer that makes it has Zoom's own start URL, every later one ours.
    assert "zak=" in one["zoomStartUrl"]
    read = desk.read(path, one)
    assert read["zoomStartUrl"].endswith(f"/api/zoom/meetings/{one['zoomMeetingId']}/start")
    assert {**read, "zoomStartUrl": 0} == {**one, "zoomStartUrl": 0}
    # Changed by its host.
    changed = good(host.patch(f"{path}/{one['id']}", {"title": "Geometry", LENGTH[path]: 60}), 200)[SINGULAR[path]]
    assert changed["title"] == "Geometry" and changed[TIME[path]] == one[TIME[path]]
    assert desk.at_zoom(one["zoomMeetingId"])["topic"] == "Geometry" and desk.at_zoom(one["zoomMeetingId"])["duration"] == 60
    assert one["id"] in [each["id"] for each in good(host.get(path, params={"page_size": 300}), 200)[PLURAL[path]]]
    assert host.delete(f"{path}/{one['id']}").json()["data"] == {}
    refused(host.get(f"{path}/{one['id']}"), 404, "not_found")
    assert desk.at_zoom(one["zoomMeetingId"]) is None
    assert one["id"] not in [each["id"] for each in good(host.get(path, params={"page_size": 300}), 200)[PLURAL[path]]]
    assert one["id"] in [each["id"] for each in good(host.get(path, params={"page_size": 300, "status": "deleted"}), 200)[PLURAL[path]]]


def utc_hour(date):
    import zoneinfo
    at = datetime.datetime.fromisoformat(date + "T10:00").replace(tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
    return f"{at.astimezone(datetime.timezone.utc).hour:02}"


@pytest.mark.parametrize("path", ["classes", "events", "custom-sessions"])
def test_without_a_meeting(desk, path):
    one = desk.booked(path, createMeeting=False)
    assert one["meetingState"] == "none" and one["createMeeting"] is False and one["zoomMeetingId"] is None and one["zoomStartUrl"] is None
    one = good(desk.patch(f"{path}/{one['id']}", {"createMeeting": True}), 200)[SINGULAR[path]]
    assert one["meetingState"] == "ok" and desk.at_zoom(one["zoomMeetingId"])


def test_in_person_makes_none_and_the_type_makes_or_removes_it(desk):
    before = len(desk.live())
    one = desk.booked("appointments", type="IN_PERSON")
    assert one["type"] == "IN_PERSON" and one["meetingState"] == "none" and one["zoomMeetingId"] is None and len(desk.live()) == before
    online = good(desk.patch(f"appointments/{one['id']}", {"type": "ONLINE"}), 200)["appointment"]
    assert online["type"] == "ONLINE" and online["meetingState"] == "ok" and desk.at_zoom(online["zoomMeetingId"])
    back = good(desk.patch(f"appointments/{one['id']}", {"type": "IN_PERSON"}), 200)["appointment"]
    assert back["type"] == "IN_PERSON" and back["meetingState"] == "none" and back["zoomMeetingId"] is None and desk.at_zoom(online["zoomMeetingId"]) is None
    assert desk.booked("appointments")["type"] == "ONLINE"


# ---- people

@pytest.mark.parametrize("path", FACES)
def test_who_sees_and_changes_what(desk, path):
    host, member, named = everyone(desk, path)
    owner = desk.as_("owner-1", "tutor")
    one = good(owner.book(path, **named))[SINGULAR[path]]
    where = f"{path}/{one['id']}"
    for insider in (owner, host, desk):
        seen = insider.read(path, one)
        assert seen["zoomStartUrl"] and {key: seen[key] for key in named} == named
        assert insider.patch(where, {"description": "By " + insider.who["sub"]}).status_code == 200
    seen = member.read(path, one)
    assert "zoomStartUrl" not in seen and "zoomAccountUsed" not in seen and seen["zoomJoinUrl"] and seen["zoomMeetingPassword"]
    text = json.dumps([seen, member.get(path, params={"page_size": 300}).json()])
    assert "memb-2" not in text and "start" + "_url" not in text and "zak=" not in text and f"/{one['zoomMeetingId']}/start" not in text
    refused(member.patch(where, {"title": "Mine"}), 403, "forbidden")
    refused(member.get(f"zoom/meetings/{one['zoomMeetingId']}"), 403, "forbidden")
    if path != "appointments":
        refused(member.delete(where), 403, "forbidden")
        refused(member.book(path), 403, "forbidden")
    # Somebody else's is not there, whatever the role.
    for stranger in (desk.as_("x-1", "tutor"), desk.as_("x-2", "doctor"), desk.as_("x-3", member.who["role"])):
        refused(stranger.get(where), 404, "not_found")
        refused(stranger.get(where + ".ics"), 404, "not_found")
        if stranger.who["role"] != member.who["role"]:
            refused(stranger.patch(where, {"title": "Mine"}), 404, "not_found")
            refused(stranger.delete(where), 404, "not_found")
        assert one["id"] not in stranger.get(path, params={"page_size": 300}).text
    assert desk.stack.get(where, role=None).status_code == 401
    assert one["id"] in member.get(path, params={"page_size": 300}).text
    # Under another face's path there is no such thing.
    other = FACES[(FACES.index(path) + 1) % len(FACES)]
    refused(desk.get(f"{other}/{one['id']}"), 404, "not_found")


def test_staff_who_only_take_part_do_not_change_it(desk):
    one = desk.as_("owner-2", "tutor").booked("classes", participantIds=["guest-1"])
    guest = desk.as_("guest-1", "teacher")
    assert "zoomStartUrl" not in guest.read("classes", one)
    refused(guest.patch(f"classes/{one['id']}", {"title": "Mine"}), 404, "not_found")
    refused(guest.delete(f"classes/{one['id']}"), 404, "not_found")


def test_a_student_of_a_batch_reads_its_sessions(desk):
    tutor = desk.as_("tutor-b", "tutor")
    batch = tutor.batch(tutor.course(), member_ids=["stud-x", "stud-y"], instructor_id="tutor-i")
    session = tutor.session(batch)
    student = desk.as_("stud-x", "student")
    path = f"batches/{batch['id']}/schedule"
    seen = student.read_session(batch, session)
    assert "start_url" not in seen["zoom_meeting"] and seen["zoom_meeting"]["join_url"] and "zoomAccountUsed" not in seen
    texts = student.get(path).text + student.get(f"batches/{batch['id']}").text + student.get("batches").text
    assert "start_url" not in texts and "stud-y" not in texts and session["_id"] in texts
    for answer in (student.patch(f"{path}/{session['_id']}", {"title": "x"}), student.delete(f"{path}/{session['_id']}"), student.schedule(batch),
                   student.post(f"{path}/{session['_id']}/create-zoom-meeting"), student.post("courses", {"title": "x"}),
                   student.post("zoom/sessions/meeting", {"session_id": session["_id"]})):
        refused(answer, 403, "forbidden")
    instructor = desk.as_("tutor-i", "tutor")
    assert instructor.read_session(batch, session)["zoom_meeting"]["start_url"]
    assert instructor.patch(f"{path}/{session['_id']}", {"title": "By its host"}).status_code == 200
    refused(desk.as_("stud-z", "student").get(path), 404, "not_found")


def test_who_sees_which_sessions_of_a_course(desk):
    tutor, student = desk.as_("tutor-c", "tutor"), desk.as_("stud-c", "student")
    course, other = tutor.course(), tutor.course()
    mine = tutor.session(tutor.batch(course, member_ids=["stud-c"]))["_id"]
    foreign = tutor.session(tutor.batch(course, member_ids=["stud-d"], instructor_id="tutor-d"), create_zoom_meeting=False)["_id"]
    elsewhere = tutor.session(tutor.batch(other, member_ids=["stud-c"]), create_zoom_meeting=False)["_id"]

    def seen(who, which=course):
        return {one["_id"] for one in good(who.get(f"courses/{which['id']}/sessions"), 200)["sessions"]}
    assert seen(tutor) == seen(desk) == {mine, foreign}
    assert seen(student) == {mine} and seen(student, other) == {elsewhere}
    assert seen(desk.as_("tutor-d", "tutor")) == {foreign}
    assert "start_url" not in student.get(f"courses/{course['id']}/sessions").text
    refused(desk.as_("stud-e", "student").get(f"courses/{course['id']}/sessions"), 404, "not_found")
    refused(desk.as_("tutor-e", "tutor").get(f"courses/{course['id']}"), 404, "not_found")


def test_a_patient_books_and_cancels_own_appointments_only(desk):
    patient, other = desk.as_("pat-1", "patient"), desk.as_("pat-2", "patient")
    body = {"doctorId": "doc-1", "appointmentTime": f"{day()}T10:00:00Z"}
    one = good(patient.post("appointments", body))["appointment"]
    assert one["patientId"] == "pat-1" and one["doctorId"] == "doc-1" and "zoomStartUrl" not in one
    explained(patient.post("appointments", {**body, "patientId": "pat-2"}), "patientId")
    explained(patient.post("appointments", {"appointmentTime": body["appointmentTime"]}), "doctorId")
    # Who may ask Zoom for alternative hosts may start the meeting.
    explained(patient.post("appointments", {**body, "settings": {"alternative_hosts": "pat-1@example.com"}}), "settings")
    explained(patient.post("appointments", {**body, "recurrence": "FREQ=DAILY;COUNT=100"}), "recurrence")
    where = f"appointments/{one['id']}"
    refused(patient.patch(where, {"durationMinutes": 90}), 403, "forbidden")
    refused(other.get(where), 404, "not_found")
    refused(other.delete(where), 404, "not_found")
    refused(desk.as_("pat-1", "candidate").delete(where), 403, "forbidden")
    assert desk.as_("doc-1", "doctor").read("appointments", one)["zoomStartUrl"]
    assert patient.delete(where).status_code == 200
    refused(patient.get(where), 404, "not_found")
    refused(patient.book("classes"), 403, "forbidden")


def test_a_patient_is_not_the_doctor(desk):
    patient = desk.as_("pat-doc", "patient")
    explained(patient.post("appointments", {"doctorId": "pat-doc", "appointmentTime": f"{day()}T10:00:00Z"}), "doctorId")


@pytest.mark.parametrize("sub, wrong", [("ä" * 190, False), ("ä" * 191, True), ("a\x07b", True), ("a\nb", True), ("", True), (" a", True), (None, True), (7, True)])
def test_an_id_of_a_person(desk, sub, wrong):
    for body, field in (({"participantIds": ["first", sub]}, "participantIds[1]"), ({"hostId": sub}, "hostId")):
        answer = desk.post("classes", {"title": "x", "startTime": f"{day()}T10:00:00Z", "createMeeting": False, **body})
        if wrong and not (field == "hostId" and sub is None):
            explained(answer, field)
        else:
            assert answer.status_code == 201, answer.text


def test_a_page_of_a_members_sessions_of_a_course_is_full(desk):
    """Whatever else the member takes part in, and however many of the course's are others'."""
    tutor, student = desk.as_("tutor-p", "tutor"), desk.as_("stud-p", "student")
    course, other = tutor.course(), tutor.course()
    mine, theirs, elsewhere = tutor.batch(course, member_ids=["stud-p"]), tutor.batch(course, member_ids=["stud-q"]), tutor.batch(other, member_ids=["stud-p"])
    ids = []
    for _ in range(4):
        ids.append(tutor.session(mine, create_zoom_meeting=False)["_id"])
        for batch in (theirs, elsewhere):
            tutor.session(batch, create_zoom_meeting=False)
    got, token = [], ""
    for _ in range(4):
        data = good(student.get(f"courses/{course['id']}/sessions", params={"page_size": 2, **({"next_page_token": token} if token else {})}), 200)
        got.append([one["_id"] for one in data["sessions"]])
        token = data["next_page_token"]
        if not token:
            break
    ids.reverse()
    assert got == [ids[:2], ids[2:]]


def test_a_list_reads_its_people_together(desk):
    host = desk.as_("lister-2", "teacher")
    for i in range(12):
        host.booked("events", createMeeting=False, participantIds=[f"p-{i}", f"q-{i}"])
    queries = lambda: int(desk.stack.rows("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'")[0]["Value"])

    def cost(size):
        before = queries()
        data = good(host.get("events", params={"page_size": size}), 200)["events"]
        assert len(data) == size and [one["participantIds"] for one in data] == [[f"p-{i}", f"q-{i}"] for i in range(11, 11 - size, -1)]
        return queries() - before
    cost(1)
    # Whatever the runner does meanwhile: the least of several.
    assert min(cost(12) for _ in range(6)) - min(cost(1) for _ in range(6)) < 6


def test_a_patient_cancels_no_series(desk):
    doctor, patient = desk.as_("doc-1", "doctor"), desk.as_("pat-1", "patient")
    made = good(doctor.book("appointments", recurrence="FREQ=WEEKLY;COUNT=3", type="IN_PERSON", patientId="pat-1"))["appointments"]
    good(doctor.patch(f"appointments/{made[2]['id']}", {"patientId": "pat-2"}), 200)
    explained(patient.delete(f"appointments/{made[0]['id']}", params={"scope": "all"}), "scope")
    assert patient.delete(f"appointments/{made[0]['id']}").status_code == 200
    assert desk.as_("pat-2", "patient").read("appointments", made[2])


def test_a_changed_patient_changes_who_sees_it(desk):
    doctor = desk.as_("doc-1", "doctor")
    one = doctor.booked("appointments", type="IN_PERSON", patientId="pat-a")
    assert good(doctor.patch(f"appointments/{one['id']}", {"patientId": "pat-b"}), 200)["appointment"]["patientId"] == "pat-b"
    refused(desk.as_("pat-a", "patient").get(f"appointments/{one['id']}"), 404, "not_found")
    assert desk.as_("pat-b", "patient").read("appointments", one)["patientId"] == "pat-b"


def test_a_series_of_classes(desk):
    answer = desk.book("classes", recurrence="FREQ=DAILY;COUNT=3", createMeeting=False)
    made = good(answer)["classes"]
    assert len(made) == 3 and len({one["seriesId"] for one in made}) == 1 and good(answer)["class"]["id"] == made[0]["id"]
    good(desk.patch(f"classes/{made[1]['id']}", {"title": "Both", "scope": "this_and_following"}), 200)
    assert [desk.read("classes", one)["title"] for one in made] == ["Lesson", "Both", "Both"]
    assert desk.delete(f"classes/{made[0]['id']}", params={"scope": "all"}).status_code == 200
    for one in made:
        refused(desk.get(f"classes/{one['id']}"), 404, "not_found")


# ---- lists

def test_a_list_by_time_page_by_page(desk):
    host = desk.as_("lister", "teacher")
    made = [host.booked("events", createMeeting=False, startTime=f"2033-05-{date:02}T10:00:00Z", duration=10) for date in range(1, 8)]
    window = {"from": "2033-05-02T10:00:00Z", "to": "2033-05-07T10:00:00Z", "page_size": 2}
    got, token = [], ""
    for _ in range(5):
        data = good(host.get("events", params={**window, **({"next_page_token": token} if token else {})}), 200)
        got.append([one["id"] for one in data["events"]])
        token = data["next_page_token"]
        if not token:
            break
    ids = [one["id"] for one in made]
    assert got == [[ids[5], ids[4]], [ids[3], ids[2]], [ids[1]]]
    explained(host.get("events", params={"from": "yesterday"}), "from")
    explained(host.get("events", params={"status": "late"}), "status")
    explained(host.get("events", params={"host": "me"}), "host")
    explained(host.get("classes", params={**window, "next_page_token": token or "x"}), "next_page_token")




def test_an_admin_lists_by_person(desk):
    mine = good(desk.book("appointments", doctorId="doc-p", patientId="pat-p"))["appointment"]
    good(desk.book("appointments"))
    for person in ("doc-p", "pat-p"):
        assert [one["id"] for one in good(desk.get("appointments", params={"person": person}), 200)["appointments"]] == [mine["id"]]
    doctor = desk.as_("doc-p", "doctor")
    assert [one["id"] for one in good(doctor.get("appointments", params={"person": "doc-p"}), 200)["appointments"]] == [mine["id"]]
    refused(doctor.get("appointments", params={"person": "pat-p"}), 422, "validation_failed", "person")
    refused(desk.get("appointments", params={"person": ""}), 422, "validation_failed", "person")
    batch = desk.batch()
    refused(desk.get(f"batches/{batch['id']}/schedule", params={"person": "doc-p"}), 422, "validation_failed", "person")


def test_a_persons_week_walks_its_index(desk):
    """Among a hundred thousand, half of them this person's: about as many rows are looked at as are answered."""
    at = int(datetime.datetime(2040, 1, 1, tzinfo=datetime.timezone.utc).timestamp() * 1000)
    with desk.stack.db() as connection, connection.cursor() as cursor:
        try:
            # Of those that are far from the week the list must not touch as much as the booking.
            cursor.execute(
                "INSERT INTO booking (public_id, kind, status, owner_sub, title, topic, starts_at, ends_at, timezone, wants_meeting, meeting_state, created_at,"
                " updated_at) SELECT CONCAT('feed', LPAD(LOWER(HEX(seq)), 20, '0')), 'class', 'scheduled', 'busy-1', 'x', 'x', %s + seq * 900000,"
                " %s + seq * 900000 + 60000, 'UTC', 0, 'none', 1, 1 FROM seq_44000_to_46000", (at, at))
            cursor.execute("INSERT INTO booking_person (booking_id, sub, parts, kind, status, starts_at)"
                           " SELECT id, owner_sub, 1, kind, status, starts_at FROM booking WHERE public_id LIKE 'feed%'")
            cursor.execute("INSERT INTO booking_person (booking_id, sub, parts, kind, status, starts_at)"
                           " SELECT 1000000000 + seq, IF(seq MOD 2, 'busy-1', CONCAT('b', seq)), 1, 'class', 'scheduled', %s + seq * 900000"
                           " FROM seq_1_to_100000 WHERE seq NOT BETWEEN 44000 AND 46000", at)
            cursor.execute("ANALYZE TABLE booking, booking_person")
            cursor.execute("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = 1")
            begin = datetime.datetime.fromtimestamp(at / 1000 + 40_000_000, datetime.timezone.utc)
            week = {"from": begin.strftime("%Y-%m-%dT%H:%M:%SZ"), "to": (begin + datetime.timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ")}
            listed = good(desk.as_("busy-1", "teacher").get("classes", params=week), 200)["classes"]
            cursor.execute("SET GLOBAL general_log = 0")
            assert len(listed) == 30 and listed[0]["startTime"] > listed[29]["startTime"] >= week["from"][:19]
            cursor.execute("SELECT DISTINCT CONVERT(argument USING utf8mb4) AS text FROM mysql.general_log WHERE command_type IN ('Execute', 'Prepare')")
            lists = [row["text"] for row in cursor.fetchall() if "FROM booking_person k" in row["text"]]
            assert lists
            for text in lists:
                check_walk(cursor, text, begin)
        finally:
            cursor.execute("SET GLOBAL general_log = 0, GLOBAL log_output = 'FILE'")
            cursor.execute("TRUNCATE TABLE mysql.general_log")
            cursor.execute("DELETE p FROM booking_person p JOIN booking b ON b.id = p.booking_id WHERE b.public_id LIKE 'feed%'")
            cursor.execute("DELETE FROM booking_person WHERE booking_id > 1000000000")
            cursor.execute("DELETE FROM booking WHERE public_id LIKE 'feed%'")


def check_walk(cursor, text, begin):
    """The statement that lists one person's bookings of one kind: two branches (scheduled, completed) and a limit."""
    first, most = int(begin.timestamp() * 1000), 2 ** 62
    values = [value for status in ("scheduled", "completed")
              for value in ("busy-1", "class", status, first, first + 7 * 86_400_000, most, most, most, "class", 31)] + [31]
    if "?" in text:
        text = text.replace("%", "%%").replace("?", "%s")
        assert text.count("%s") == len(values), text
        text = cursor.mogrify(text, values)
    cursor.execute("EXPLAIN " + text)
    plan = cursor.fetchall()
    assert {"person_kind", "person_week"} & {row["key"] for row in plan}, plan
    # What is sorted is a page, not the table.
    assert not [row for row in plan if not str(row["table"]).startswith("<") and (row["type"] in ("ALL", "index") or "filesort" in (row["Extra"] or ""))], plan
    cursor.execute("FLUSH STATUS")
    cursor.execute(text)
    assert len(cursor.fetchall()) == 31
    cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
    looked = sum(int(row["Value"]) for row in cursor.fetchall())
    assert looked <= 400, f"{looked} rows were looked at for 31: {text}"
