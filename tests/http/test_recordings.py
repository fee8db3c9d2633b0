"""Recordings come home: found at Zoom, brought into the storage, shown as lessons, accounted for."""
import datetime
import hashlib
import os
import pathlib
import signal
import time
import zoneinfo

import pytest

from desk import Desk, good, refused
from harness import wait_for
from hooks import SECRETS, SETTINGS, Hooks, ended, recorded, started

QUICK = {"MEETPOOL_SYNC_INTERVAL": 1, "MEETPOOL_SYNC_BUFFER": 0, "MEETPOOL_SYNC_RETRY_DELAY": 1, "MEETPOOL_SYNC_LATE_DAYS": 1,
         "MEETPOOL_SYNC_LATE_INTERVAL": 1, "MEETPOOL_SYNC_MAX_ATTEMPTS": 3, "MEETPOOL_SYNC_LEDGER_INTERVAL": 1}
UTC = datetime.timezone.utc
PATIENCE_S = 25


class Recorder:
    """A stack, a tutor with a batch, and what happens at Zoom."""

    def __init__(self, stack):
        self.stack, self.sandbox = stack, stack.sandbox
        self.desk = Desk(stack, "tutor-r", "tutor")
        self.admin = self.desk.as_("admin-1", "admin")

    def batch(self, **more):
        return self.desk.batch(self.desk.course(), **more)

    def session(self, batch, **more):
        """One that begins in some minutes."""
        zone = "UTC" if datetime.datetime.now(UTC).hour < 20 else "Etc/GMT+6"
        start = datetime.datetime.now(zoneinfo.ZoneInfo(zone)) + datetime.timedelta(minutes=5)
        times = {"date": start.date().isoformat(), "start_time": start.strftime("%H:%M"), "timezone": zone,
                 "end_time": (start + datetime.timedelta(minutes=30)).strftime("%H:%M")}
        return self.desk.session(batch, **{**times, **more})

    @staticmethod
    def number(session):
        return session["zoom_meeting"]["meeting_id"]

    def hold(self, session, end=True):
        """Somebody starts it, which our record learns, and ends it through us."""
        number = self.number(session)
        self.sandbox.call("POST", f"meetings/{number}/start")
        good(self.admin.get(f"zoom/meetings/{number}", params={"refresh": "true"}), 200)
        if end:
            good(self.admin.post(f"zoom/meetings/{number}/end"), 200)

    def record(self, session, *files, **where):
        body = {**(where or {"meeting": int(self.number(session))}), **({"files": list(files)} if files else {})}
        return self.sandbox.call("POST", "recordings", body)

    def held(self, batch, *files, **more):
        """A session that was held, with a recording at Zoom."""
        return self.over(self.session(batch, **more), *files)

    def over(self, session, *files):
        self.hold(session)
        self.record(session, *files)
        return session

    def status(self, batch, who=None, **query):
        return good((who or self.desk).get(f"batches/{batch['id']}/zoom-sync-status", params=query), 200)

    def of(self, batch, session):
        return next(one for one in self.status(batch)["sessions"] if one["session_id"] == session["_id"])

    def until(self, batch, session, state, seconds=PATIENCE_S):
        def look():
            one = self.of(batch, session)
            return one if one["sync_state"] == state else None
        return wait_for(look, seconds, 0.2, f"the recording to be {state}, it is {self.of(batch, session)}")

    def follow(self, answer, state="done", seconds=PATIENCE_S):
        data = good(answer, 202)

        def look():
            job = good(self.desk.get(f"jobs/{data['job_id']}"), 200)["job"]
            return job if job["state"] in ("done", "failed") else None
        job = wait_for(look, seconds, 0.2, "the end of the job")
        assert job["state"] == state, job
        return job

    # ---- what is there

    def files(self, session=None):
        """Rows of files, of one session's meeting."""
        where = "WHERE m.zoom_id = %s" if session else ""
        return self.stack.rows(f"SELECT f.* FROM recording_file f JOIN meeting m ON m.id = f.meeting_id {where} ORDER BY f.id",
                               *([self.number(session)] if session else []))

    def lessons(self, session):
        return self.stack.rows("SELECT l.* FROM lesson l JOIN booking b ON b.id = l.booking_id WHERE b.public_id = %s ORDER BY l.id", session["_id"])

    def at_zoom(self, session):
        return self.sandbox.call("GET", f"recordings?meeting={self.number(session)}")["recordings"]

    def content(self, row):
        return pathlib.Path(self.folder(), row["object_key"]).read_bytes()

    def folder(self):
        return self.stack.settings.get("MEETPOOL_RECORDINGS_DIR") or self.stack.env["MEETPOOL_RECORDINGS_DIR"]

    def check_home(self, session, wanted=None):
        """Every file of Zoom's that is brought home is here once, byte by byte, and has one lesson."""
        at_zoom = [one for one in self.at_zoom(session) if one["file_extension"] in ("MP4", "M4A", "TXT", "VTT", "JSON")]
        rows = self.files(session)
        assert len(rows) == len(at_zoom) == (wanted or len(at_zoom)), (rows, at_zoom)
        sums = {self.sandbox.call("GET", f"recordings/{one['key']}/sha256")["sha256"] for one in at_zoom}
        assert {hashlib.sha256(self.content(row)).hexdigest() for row in rows} == sums
        lessons = self.lessons(session)
        assert sorted(one["file_id"] for one in lessons) == sorted(row["id"] for row in rows)
        return rows


@pytest.fixture(scope="module")
def quick(make_stack):
    return make_stack(**QUICK)


@pytest.fixture
def recorder(quick):
    recorder = Recorder(quick)
    yield recorder
    recorder.sandbox.clear_faults()
    recorder.sandbox.knobs(download_denied="401", download_base="", recordings_forbidden=False, auto_record=False, uuid_style="any",
                           download_bytes_per_s=0)


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


def test_a_key_makes_one_job(recorder):
    batch = recorder.batch()
    recorder.held(batch, {"file_type": "MP4"})
    path = f"batches/{batch['id']}/sync-zoom-recordings"
    first, second = (good(recorder.desk.post(path, headers={"Idempotency-Key": f"sync-{batch['id']}"}), 202) for _ in range(2))
    assert first == second
    recorder.follow(recorder.desk.post(path))


# ---- Failures

def test_zoom_fails_and_comes_back(recorder):
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.sandbox.fault({"status": 500}, {"method": "GET", "path": "/v2/past_meetings/*"}, count=2)
    recorder.sandbox.fault({"status": 503}, {"method": "GET", "path": "/v2/meetings/*/recordings"}, count=2)
    recorder.over(session, {"file_type": "MP4"})
    one = recorder.until(batch, session, "synced")
    # That Zoom could not be asked uses up no try.
    assert one["zoom_meeting"]["sync_attempts"] <= 2
    recorder.check_home(session, 1)


@pytest.mark.parametrize("denied", ["401", "html"])
def test_a_token_that_is_refused_for_the_download(recorder, denied):
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.sandbox.knobs(download_denied=denied)
    recorder.sandbox.fault({"status": 401, "body": {"code": 124, "message": "Invalid access token."}}, {"path": "/rec/download/*"}, count=2)
    recorder.over(session, {"file_type": "MP4"})
    recorder.until(batch, session, "synced")
    recorder.check_home(session, 1)


def test_a_file_that_cannot_be_brought_home_and_a_retry(recorder):
    batch = recorder.batch()
    session = recorder.session(batch)
    rule = recorder.sandbox.fault({"status": 200, "body": "no film at all"}, {"path": "/rec/download/*"}, count=100)
    recorder.over(session, {"file_type": "MP4"})
    one = recorder.until(batch, session, "failed", 60)
    assert one["zoom_meeting"]["last_sync_error"] and one["zoom_meeting"]["recording_synced"] is False
    assert not recorder.lessons(session)
    assert recorder.stack.rows("SELECT * FROM alert WHERE kind = 'recording_failed'")
    found = good(recorder.admin.get("admin/recordings", params={"state": "failed"}), 200)["recordings"]
    assert recorder.number(session) in [row["meeting_id"] for row in found]
    path = f"batches/{batch['id']}/retry-zoom-recordings"
    recorder.sandbox.call("DELETE", f"faults/{rule}")
    recorder.follow(recorder.desk.post(path, {"sessionId": session["_id"]}))
    assert recorder.of(batch, session)["sync_state"] == "synced"
    recorder.check_home(session, 1)


def test_gone_at_zoom_before_it_was_home(recorder):
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.hold(session)
    recorder.sandbox.fault({"status": 200, "body": "no film at all"}, {"path": "/rec/download/*"}, count=3)
    made = recorder.record(session, {"file_type": "MP4", "size": 400000})["files"]
    wait_for(lambda: recorder.files(session), PATIENCE_S, 0.02, "the file to be found")
    recorder.sandbox.call("DELETE", f"recordings/{made[0]['key']}")
    recorder.until(batch, session, "failed")
    assert [row["state"] for row in recorder.files(session)] == ["expired"] and not recorder.lessons(session)


def test_only_what_zoom_names_is_fetched(recorder):
    """An address in Zoom's answer that is not Zoom's is asked for nothing, let alone with a token."""
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.sandbox.knobs(download_base="http://localhost:1")
    recorder.over(session, {"file_type": "MP4"})
    one = recorder.until(batch, session, "failed")
    recorder.sandbox.knobs(download_base="")
    assert "not Zoom's" in one["zoom_meeting"]["last_sync_error"]
    recorder.follow(recorder.desk.post(f"batches/{batch['id']}/retry-zoom-recordings"))
    recorder.check_home(session, 1)


def test_no_right_to_see_recordings(recorder):
    batch = recorder.batch()
    recorder.sandbox.knobs(recordings_forbidden=True)
    session = recorder.held(batch, {"file_type": "MP4"})
    one = wait_for(lambda: recorder.of(batch, session) if recorder.of(batch, session)["zoom_meeting"]["sync_attempts"] >= 2 else None, PATIENCE_S,
                   what="two tries")
    assert one["zoom_meeting"]["last_sync_error"]
    recorder.sandbox.knobs(recordings_forbidden=False)
    recorder.until(batch, session, "synced")


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
    assert told["storage"]["bytes"] >= totals["bytes_stored"] > 0 and told["storage"]["files"] >= 1
    assert len(good(recorder.admin.get("admin/analytics"), 200)["days"]) == 30
    refused(recorder.admin.get("admin/analytics", params={"from": "2020-01-01"}), 422, "validation_failed", "from")
    refused(recorder.admin.get("admin/analytics", params={"from": "yesterday"}), 422, "validation_failed", "from")


# ---- Runners that die

def test_runners_killed_while_they_move(recorder):
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.sandbox.knobs(download_bytes_per_s=6 * 1024 * 1024)
    recorder.over(session, {"file_type": "MP4", "size": 20 * 1024 * 1024}, {"file_type": "M4A", "size": 10 * 1024 * 1024}, {"file_type": "CHAT"})
    for _ in range(3):
        wait_for(lambda: [row for row in recorder.files(session) if row["state"] == "moving"], PATIENCE_S, what="a file on its way")
        time.sleep(1.2)
        for pid in recorder.stack.workers("mp-jobs"):
            os.kill(pid, signal.SIGKILL)
    recorder.sandbox.knobs(download_bytes_per_s=0)
    recorder.until(batch, session, "synced", 90)
    recorder.check_home(session, 3)


# ---- Other ways to run

def test_webhooks_bring_it_home_at_once(make_stack):
    """Nothing but Zoom's word: the looks by the clock are far away."""
    stack = make_stack(**{**QUICK, "MEETPOOL_SYNC_INTERVAL": 3600, "MEETPOOL_SYNC_RETRY_DELAY": 3600, "MEETPOOL_SYNC_LEDGER_INTERVAL": 3600}, **SETTINGS)
    recorder = Recorder(stack)
    hooks, batch = Hooks(stack), recorder.batch()
    session = recorder.session(batch)
    meeting = {"id": recorder.number(session), "topic": "Introduction", "duration": 30}
    recorder.hold(session, end=False)
    recorder.sandbox.call("POST", f"meetings/{recorder.number(session)}/end")
    uuid = recorder.record(session, {"file_type": "MP4"}, {"file_type": "TRANSCRIPT"})["uuid"]
    account = recorder.stack.rows("SELECT a.name FROM meeting m JOIN account a ON a.id = m.account_id WHERE m.zoom_id = %s", meeting["id"])[0]["name"]
    app = account if account in SECRETS else ""
    hooks.told(started(meeting, uuid), app)
    hooks.told(ended(meeting, uuid), app)
    hooks.told(recorded(meeting, uuid), app)
    recorder.until(batch, session, "synced")
    recorder.check_home(session, 2)


def test_what_is_proven_goes_into_the_trash(make_stack):
    recorder = Recorder(make_stack(**QUICK, MEETPOOL_SYNC_DELETE_SOURCE="true"))
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.sandbox.knobs(auto_record=True)
    recorder.hold(session)
    recorder.until(batch, session, "synced")
    wait_for(lambda: [one["trash"] for one in recorder.at_zoom(session)].count("file") == 4, PATIENCE_S, what="the files that have an id to go")
    # A time line has none, and stays.
    assert {one["file_type"]: one["trash"] for one in recorder.at_zoom(session)}["TIMELINE"] == "no"
    recorder.check_home(session, 5)
    trashed = [call for call in recorder.sandbox.calls()["calls"] if call["method"] == "DELETE" and "/recordings" in call["path"]]
    assert len(trashed) == 4 and all("action=trash" in (call.get("query") or call["path"]) for call in trashed)
    assert recorder.of(batch, session)["sync_state"] == "synced"


def test_into_a_bucket(make_stack, s3, s3_faults):
    """The storage fails now and then, answers a Complete with an error inside, and loses an answer."""
    bucket = s3.bucket()
    recorder = Recorder(make_stack(**QUICK, **bucket.settings(s3_faults.url)))
    batch = recorder.batch()
    session = recorder.session(batch)
    s3_faults.fail(r"^PUT .*partNumber=1", "503")
    s3_faults.fail(r"^POST .*uploadId=", "done-error200")
    recorder.sandbox.knobs(auto_record=True, recording_size=11 * 1024 * 1024)
    recorder.hold(session)
    recorder.until(batch, session, "synced", 60)
    rows = recorder.files(session)
    sums = {recorder.sandbox.call("GET", f"recordings/{one['key']}/sha256")["sha256"] for one in recorder.at_zoom(session)}
    assert {hashlib.sha256(bucket.get(row["object_key"])).hexdigest() for row in rows} == sums and len(rows) == 5
    assert len(recorder.lessons(session)) == 5 and len(bucket.keys()) == 5
    assert bucket.uploads() == []
