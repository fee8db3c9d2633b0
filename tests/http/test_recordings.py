"""Recordings come home: found at Zoom, brought into the storage, shown as lessons, accounted for."""
import datetime
import pathlib

import pytest

import oauth
from desk import good, refused
from harness import wait_for
from recorder import PATIENCE_S, QUICK, UTC, Recorder, reset


@pytest.fixture(scope="module")
def quick(make_stack):
    return make_stack(**QUICK)


@pytest.fixture
def recorder(quick):
    one = Recorder(quick)
    yield one
    reset(one)


def test_a_session_comes_home_by_itself(recorder):
    batch = recorder.batch()
    session = recorder.session(batch, title="Introduction to ES6")
    recorder.sandbox.knobs(auto_record=True)
    recorder.hold(session)
    recorder.sandbox.knobs(auto_record=False)
    one = recorder.until(batch, session, "synced")
    rows = recorder.check_home(session, 5)
    assert sorted(row["file_type"] for row in rows) == ["JSON", "M4A", "MP4", "TXT", "VTT"]
    assert all(row["object_key"].startswith(f"videos/{batch['id']}/") for row in rows)
    assert one["zoom_meeting"]["recording_synced"] is True and one["zoom_meeting"]["sync_attempts"] == 1
    assert one["zoom_meeting"]["next_retry_at"] is None and one["zoom_meeting"]["last_sync_date"]
    assert one["recorded_lessons"] == {"total": 5, "zoom_auto_sync": 5, "manual_upload": 0, "external_link": 0}
    shown = recorder.desk.read_session(batch, session)["zoom_meeting"]
    assert shown["recording_synced"] is True and shown["sync_attempts"] == 1 and shown["last_sync_error"] is None


def test_one_who_takes_part_alone(recorder):
    batch = recorder.batch(batch_type="individual", student_id="student-7")
    session = recorder.held(batch, {"file_type": "MP4"})
    recorder.until(batch, session, "synced")
    rows = recorder.check_home(session, 1)
    assert rows[0]["object_key"].startswith("videos/student/student-7/") and rows[0]["object_key"].endswith(".mp4")
    assert datetime.datetime.strptime(rows[0]["object_key"].split("-")[2], "%Y%m%dT%H%M%SZ")
    assert recorder.lessons(session)[0]["title"] == f"Zoom Recording - {session['date'][:10]} (MP4)"


def test_polling_finds_what_ended_without_a_word(recorder):
    batch = recorder.batch()
    session = recorder.session(batch)
    number = recorder.number(session)
    recorder.sandbox.call("POST", f"meetings/{number}/held", {"ago_s": 10800, "minutes": 60})
    recorder.record(session, {"file_type": "MP4"})
    assert recorder.of(batch, session)["sync_state"] == "not_ended"
    # Its time passes.
    recorder.stack.rows("UPDATE meeting SET starts_at = starts_at - 10800000 WHERE zoom_id = %s", number)
    recorder.until(batch, session, "synced")
    recorder.check_home(session, 1)
    assert recorder.stack.rows("SELECT status FROM meeting WHERE zoom_id = %s", number)[0]["status"] == "scheduled"


def test_a_meeting_that_goes_on_is_left_alone(recorder):
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.hold(session, end=False)
    job = recorder.follow(recorder.desk.post(f"batches/{batch['id']}/sync-zoom-recordings", {"sessionId": session["_id"]}))
    assert job["progress"]["total"] == 0
    assert recorder.of(batch, session)["sync_state"] == "not_ended" and not recorder.files(session)
    good(recorder.admin.post(f"zoom/meetings/{recorder.number(session)}/end"), 200)
    recorder.record(session, {"file_type": "MP4"})
    recorder.until(batch, session, "synced")


def test_none_yet_then_late_then_there(recorder):
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.hold(session)
    one = recorder.until(batch, session, "late")
    assert one["zoom_meeting"]["sync_attempts"] >= 3 and one["zoom_meeting"]["next_retry_at"] and one["zoom_meeting"]["last_sync_error"]
    assert one["zoom_meeting"]["recording_synced"] is False
    recorder.record(session, {"file_type": "MP4"}, {"file_type": "TRANSCRIPT"})
    recorder.until(batch, session, "synced")
    recorder.check_home(session, 2)


@pytest.mark.parametrize("style", ["slash", "double_slash", "plus"])
def test_each_occurrence_by_its_own_uuid(recorder, style):
    recorder.sandbox.knobs(uuid_style=style)
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.hold(session, end=False)
    recorder.sandbox.call("POST", f"meetings/{recorder.number(session)}/end")
    recorder.record(session, {"file_type": "MP4"})
    recorder.over(session, {"file_type": "M4A"})
    recorder.sandbox.knobs(uuid_style="any")
    wait_for(lambda: len(recorder.files(session)) == 2, PATIENCE_S, what="both files")
    recorder.until(batch, session, "synced")
    recorder.check_home(session, 2)
    assert len({row["occurrence_id"] for row in recorder.files(session)}) == 2


def test_files_that_come_later(recorder):
    batch = recorder.batch()
    session = recorder.held(batch, {"file_type": "MP4"}, {"file_type": "TRANSCRIPT", "delay_ms": 3000}, {"file_type": "CC"})
    wait_for(lambda: recorder.of(batch, session)["files_stored"] == 2, PATIENCE_S, what="those that are there")
    assert recorder.of(batch, session)["zoom_meeting"]["recording_synced"] is True
    recorder.sandbox.advance(4)
    wait_for(lambda: recorder.of(batch, session)["files_stored"] == 3, PATIENCE_S, what="the transcript")
    recorder.check_home(session, 3)


def test_two_sessions_at_once(recorder):
    batch = recorder.batch()
    sessions = [recorder.session(batch) for _ in range(2)]
    for session in sessions:
        recorder.over(session, {"file_type": "MP4", "size": 300000}, {"file_type": "CHAT"})
    job = recorder.follow(recorder.desk.post(f"batches/{batch['id']}/sync-zoom-recordings"))
    assert job["progress"] == {"done": 2, "total": 2, "percent": 100} and job["kind"] == "recording.batch"
    for session in sessions:
        recorder.check_home(session, 2)
    status = recorder.status(batch)
    assert status["sync_statistics"] == {"total_sessions": 2, "sessions_with_zoom_meetings": 2, "synced_sessions": 2, "total_zoom_recordings": 4,
                                         "sync_percentage": 100}


def test_the_shape_of_the_status(recorder):
    course = recorder.desk.course(title="Advanced JavaScript")
    batch = recorder.desk.batch(course, name="Advanced JavaScript - Batch 1")
    held = recorder.held(batch, {"file_type": "MP4"}, {"file_type": "M4A"}, title="Introduction to ES6")
    plain = recorder.session(batch, create_zoom_meeting=False)
    coming = recorder.session(batch)
    recorder.until(batch, held, "synced")
    status = recorder.status(batch)
    assert status["batch"] == {"id": batch["id"], "name": "Advanced JavaScript - Batch 1", "course_title": "Advanced JavaScript", "batch_type": "group"}
    assert status["sync_statistics"] == {"total_sessions": 3, "sessions_with_zoom_meetings": 2, "synced_sessions": 1, "total_zoom_recordings": 2,
                                         "sync_percentage": 50}
    states = {one["session_id"]: one for one in status["sessions"]}
    assert states[held["_id"]]["session_title"] == "Introduction to ES6" and states[held["_id"]]["session_date"] == held["starts_at"]
    assert states[plain["_id"]]["sync_state"] == "no_meeting" and states[plain["_id"]]["zoom_meeting"] is None
    assert states[coming["_id"]]["sync_state"] == "not_ended"
    assert states[coming["_id"]]["zoom_meeting"]["sync_attempts"] == 0 and states[coming["_id"]]["zoom_meeting"]["next_retry_at"] is None
    first = recorder.status(batch, page_size=2)
    rest = recorder.status(batch, page_size=2, next_page_token=first["next_page_token"])
    assert [one["session_id"] for one in first["sessions"] + rest["sessions"]] == [one["session_id"] for one in status["sessions"]]
    assert rest["next_page_token"] == "" and rest["sync_statistics"] == status["sync_statistics"]


def test_who_may(recorder):
    batch = recorder.batch(member_ids=["student-1"])
    session = recorder.held(batch, {"file_type": "MP4"})
    sync, retry, status = (f"batches/{batch['id']}/{end}" for end in ("sync-zoom-recordings", "retry-zoom-recordings", "zoom-sync-status"))
    student, other, stranger = recorder.desk.as_("student-1", "student"), recorder.desk.as_("tutor-x", "tutor"), recorder.desk.as_("student-9", "student")
    for path in (sync, retry):
        refused(student.post(path), 403, "forbidden")
        refused(other.post(path), 404, "not_found")
        refused(recorder.stack.post(path, role=None), 401, "unauthorized")
    for who in (other, stranger):
        refused(who.get(status), 404, "not_found")
    recorder.until(batch, session, "synced")
    assert recorder.status(batch, student)["sync_statistics"]["synced_sessions"] == 1
    refused(recorder.desk.post(sync, {"sessionId": "6b01cede9c2f41d07a3be812"}), 404, "not_found")
    foreign = recorder.session(recorder.batch())
    refused(recorder.desk.post(retry, {"sessionId": foreign["_id"]}), 404, "not_found")
    refused(recorder.desk.post(sync, {"force": "yes"}), 422, "validation_failed", "force")
    job = good(recorder.admin.post(sync), 202)["job_id"]
    refused(student.get(f"jobs/{job}"), 404, "not_found")
    for path in ("admin/recordings", "admin/analytics"):
        refused(recorder.desk.get(path), 403, "forbidden")


def test_force_replaces_what_is_there(recorder):
    batch = recorder.batch()
    session = recorder.held(batch, {"file_type": "MP4"}, {"file_type": "CHAT"})
    recorder.until(batch, session, "synced")
    rows = recorder.check_home(session, 2)
    lessons = recorder.lessons(session)
    pathlib.Path(recorder.folder(), rows[0]["object_key"]).write_bytes(b"spoilt")
    path = f"batches/{batch['id']}/sync-zoom-recordings"
    # Without force what is stored stays as it is.
    recorder.follow(recorder.desk.post(path))
    assert recorder.content(rows[0]) == b"spoilt"
    recorder.follow(recorder.desk.post(path, {"force": True, "sessionId": session["_id"]}))
    assert [row["object_key"] for row in recorder.check_home(session, 2)] == [row["object_key"] for row in rows]
    assert [one["public_id"] for one in recorder.lessons(session)] == [one["public_id"] for one in lessons]
    assert recorder.of(batch, session)["zoom_meeting"]["recording_synced"] is True


def test_force_while_zoom_is_being_asked_is_not_forgotten(recorder):
    """The look that is under way knows nothing of it, and takes nothing of it away."""
    batch = recorder.batch()
    session = recorder.held(batch, {"file_type": "MP4"})
    recorder.until(batch, session, "synced")
    [row] = recorder.check_home(session, 1)
    pathlib.Path(recorder.folder(), row["object_key"]).write_bytes(b"spoilt")
    calls = {"method": "GET", "path": "/v2/meetings/*/recordings"}
    recorder.sandbox.fault({"latency_ms": 2000}, calls, count=1)
    path = f"batches/{batch['id']}/sync-zoom-recordings"
    recorder.desk.post(path)
    finding = ("SELECT 1 FROM job j JOIN meeting m ON j.subject = CAST(m.id AS CHAR) COLLATE utf8mb4_bin WHERE j.kind = 'recording.find'"
               " AND j.state = 'running' AND m.zoom_id = %s")
    wait_for(lambda: recorder.stack.rows(finding, recorder.number(session)), PATIENCE_S, 0.01, "the look")
    recorder.follow(recorder.desk.post(path, {"force": True}))
    assert recorder.content(row) != b"spoilt"
    recorder.check_home(session, 1)


def test_what_was_removed_does_not_come_back(recorder):
    batch = recorder.batch()
    session = recorder.held(batch, {"file_type": "MP4"}, {"file_type": "CHAT"})
    recorder.until(batch, session, "synced")
    rows = recorder.check_home(session, 2)
    film = next(row for row in rows if row["file_type"] == "MP4")
    lesson = next(one for one in recorder.lessons(session) if one["file_id"] == film["id"])
    good(recorder.desk.delete(f"batches/{batch['id']}/schedule/{session['_id']}/lessons/{lesson['public_id']}"), 200)
    path = pathlib.Path(recorder.folder(), film["object_key"])
    wait_for(lambda: not path.exists(), PATIENCE_S, what="the film to go")
    recorder.follow(recorder.desk.post(f"batches/{batch['id']}/sync-zoom-recordings", {"force": True}))
    one = recorder.of(batch, session)
    assert one["sync_state"] == "synced" and one["recorded_lessons"]["zoom_auto_sync"] == 1 and not path.exists()


def test_what_is_stored_is_told_when_files_come_grow_and_go(recorder):
    def told():
        data = good(recorder.admin.get("admin/analytics"), 200)
        return data["storage"]["files"], data["storage"]["bytes"], data["totals"]["files_stored"]

    files, size, came = told()
    batch = recorder.batch()
    session = recorder.held(batch, {"file_type": "MP4", "size": 70000}, {"file_type": "CHAT", "size": 900})
    recorder.until(batch, session, "synced")
    assert told() == (files + 2, size + 70900, came + 2)
    # What Zoom has made anew, and longer, since it was stored is wanted as it is now.
    film = next(row for row in recorder.files(session) if row["file_type"] == "MP4")
    recorder.stack.rows("UPDATE recording_file SET size = 60000 WHERE id = %s", film["id"])
    recorder.stack.rows("UPDATE lesson SET size = 60000 WHERE file_id = %s", film["id"])
    recorder.stack.rows("UPDATE day_sum SET value = value - 10000 WHERE name = 'recording_bytes' ORDER BY day DESC LIMIT 1")
    recorder.follow(recorder.desk.post(f"batches/{batch['id']}/sync-zoom-recordings", {"force": True}))
    recorder.check_home(session, 2)
    assert told() == (files + 2, size + 70900, came + 2)
    lesson = next(one for one in recorder.lessons(session) if one["file_id"] == film["id"])
    assert lesson["size"] == 70000
    good(recorder.desk.delete(f"batches/{batch['id']}/schedule/{session['_id']}/lessons/{lesson['public_id']}"), 200)
    assert told() == (files + 1, size + 900, came + 2)


def test_a_key_makes_one_job(recorder):
    batch = recorder.batch()
    recorder.held(batch, {"file_type": "MP4"})
    path = f"batches/{batch['id']}/sync-zoom-recordings"
    first, second = (good(recorder.desk.post(path, headers={"Idempotency-Key": f"sync-{batch['id']}"}), 202) for _ in range(2))
    assert first == second
    recorder.follow(recorder.desk.post(path))


# ---- Meetings of other kinds

def test_a_class_and_a_plain_meeting(recorder):
    event = recorder.desk.booked("classes", settings={"auto_recording": "cloud"})
    body = {"topic": "Alone", "start_time": "2033-01-01T10:00:00Z", "duration": 30, "settings": {"auto_recording": "cloud"}}
    meeting = good(recorder.admin.post("zoom/meetings", body))["meeting"]
    for number in (event["zoomMeetingId"], meeting["id"]):
        recorder.hold({"zoom_meeting": {"meeting_id": number}})
        recorder.sandbox.call("POST", "recordings", {"meeting": int(number), "files": [{"file_type": "MP4"}]})

    def stored(number):
        return recorder.stack.rows("SELECT f.object_key FROM recording_file f JOIN meeting m ON m.id = f.meeting_id JOIN lesson l ON l.file_id = f.id"
                                   " WHERE m.zoom_id = %s AND f.state = 'stored'", number)
    key = wait_for(lambda: stored(event["zoomMeetingId"]), PATIENCE_S, what="the class's recording")[0]["object_key"]
    assert key.startswith(f"videos/class/{event['id']}/")
    key = wait_for(lambda: stored(meeting["id"]), PATIENCE_S, what="the meeting's recording")[0]["object_key"]
    assert key.startswith(f"videos/meeting/{meeting['id']}/")


def test_a_meeting_on_the_hosts_own_account(recorder):
    """Its recording is fetched with that person's token: the pool's accounts do not see it."""
    oauth.connect(recorder.stack, "tutor-own", "host5@account1.example.com")
    own = Recorder(recorder.stack)
    own.desk = recorder.desk.as_("tutor-own", "tutor")
    batch = own.batch()
    session = own.session(batch)
    assert session["zoomAccountUsed"] == "user"
    own.over(session, {"file_type": "MP4"}, {"file_type": "CC"})
    own.until(batch, session, "synced")
    own.check_home(session, 2)


def test_what_was_not_asked_for_is_found_by_the_daily_pass(recorder):
    """An interview is not recorded unless its host presses the button; nothing but Zoom's own list tells."""
    interview = recorder.desk.booked("interviews")
    number = interview["zoomMeetingId"]
    recorder.sandbox.call("POST", f"meetings/{number}/held", {"ago_s": 7200, "minutes": 30})
    recorder.sandbox.call("POST", "recordings", {"meeting": int(number), "files": [{"file_type": "M4A"}]})
    recorder.stack.rows("UPDATE meeting SET starts_at = starts_at - (starts_at - UNIX_TIMESTAMP() * 1000) - 7200000, status = 'ended',"
                        " ended_at = UNIX_TIMESTAMP() * 1000 - 5400000 WHERE zoom_id = %s", number)
    wait_for(lambda: recorder.stack.rows("SELECT 1 FROM recording_file f JOIN meeting m ON m.id = f.meeting_id WHERE m.zoom_id = %s"
                                         " AND f.state = 'stored'", number), PATIENCE_S, what="the interview's recording")
    assert recorder.stack.log("recording.overlooked", meeting=int(number))


def test_what_is_unaccounted_for_is_named(recorder):
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.hold(session)
    number = recorder.number(session)
    recorder.stack.rows("UPDATE meeting SET starts_at = UNIX_TIMESTAMP() * 1000 - 7200000 WHERE zoom_id = %s", number)

    def named():
        rows = good(recorder.admin.get("admin/recordings", params={"state": "unaccounted"}), 200)["recordings"]
        return [row for row in rows if row["meeting_id"] == number]
    row = wait_for(named, PATIENCE_S, what="the meeting among those that are missing")[0]
    assert row["unaccounted"] is True and row["session_id"] == session["_id"] and row["batch_id"] == batch["id"]
    assert recorder.stack.log("recording.unaccounted", meeting=int(number))
    recorder.record(session, {"file_type": "MP4"})
    recorder.until(batch, session, "synced")
    assert not named()


def test_sums_of_the_day(recorder):
    batch = recorder.batch()
    session = recorder.held(batch, {"file_type": "MP4", "size": 70000})
    today = datetime.datetime.now(UTC).date()
    recorder.until(batch, session, "synced")
    told = good(recorder.admin.get("admin/analytics", params={"from": today.isoformat(), "to": (today + datetime.timedelta(days=1)).isoformat()}), 200)
    assert [one["date"] for one in told["days"]] == [today.isoformat(), (today + datetime.timedelta(days=1)).isoformat()]
    totals = told["totals"]
    assert totals["recordings_synced"] >= 1 and totals["bytes_stored"] >= 70000 and totals["average_processing_ms"] >= 0
    assert totals["meetings_created"] >= 1 and totals["meeting_creation_success_rate"] > 0 and totals["sync_success_rate"] > 0
    assert told["storage"]["bytes"] >= 70000 and told["storage"]["files"] >= 1
    assert len(good(recorder.admin.get("admin/analytics"), 200)["days"]) == 30
    refused(recorder.admin.get("admin/analytics", params={"from": "2020-01-01"}), 422, "validation_failed", "from")
    refused(recorder.admin.get("admin/analytics", params={"from": "yesterday"}), 422, "validation_failed", "from")


def test_meetings_are_counted_once(recorder):
    batch = recorder.batch()
    session = recorder.session(batch)
    before = good(recorder.admin.get("admin/analytics"), 200)["totals"]["meetings_created"]
    # What became of it is known after an hour.
    recorder.stack.rows("UPDATE meeting SET created_at = created_at - 3700000 WHERE id <= (SELECT id FROM (SELECT id FROM meeting WHERE zoom_id = %s) m)",
                        recorder.number(session))
    wait_for(lambda: recorder.stack.rows("SELECT 1 FROM day_sum JOIN meeting m ON m.zoom_id = %s WHERE day = 0 AND value >= m.id", recorder.number(session)),
             PATIENCE_S, what="the count to come to it")
    assert good(recorder.admin.get("admin/analytics"), 200)["totals"]["meetings_created"] == before
    assert not recorder.stack.rows("SELECT * FROM job WHERE kind = 'recording.cleanup' AND (state = 'failed' OR error IS NOT NULL)")
