"""The examples of the five systems that this one unites, each as its users typed it; base URL, ids and token aside."""
import json
import re
import shlex
import subprocess

import pytest

from desk import Desk, same_kind
from harness import wait_for

# Answers as those systems described them. Where a value is given only as an example its kind counts.
SCHEDULED = json.loads("""{
  "success": true,
  "message": "Session scheduled successfully",
  "data": {
    "session": {
      "_id": "64f8a1b2c3d4e5f6a7b8c9d0",
      "date": "2024-01-15T00:00:00.000Z",
      "start_time": "10:00",
      "end_time": "11:30",
      "title": "Introduction to JavaScript",
      "description": "Learn the basics of JavaScript programming",
      "zoom_meeting": {
        "meeting_id": "123456789012345678901234",
        "join_url": "https://zoom.us/j/123456789012345678901234?pwd=ABC123",
        "start_url": "https://zoom.us/s/123456789012345678901234?zak=...",
        "password": "ABC123",
        "topic": "Advanced JavaScript - Introduction to JavaScript",
        "recording_synced": false,
        "sync_attempts": 0
      }
    },
    "zoom_meeting": {
      "id": "123456789012345678901234",
      "join_url": "https://zoom.us/j/123456789012345678901234?pwd=ABC123",
      "start_url": "https://zoom.us/s/123456789012345678901234?zak=...",
      "password": "ABC123",
      "topic": "Advanced JavaScript - Introduction to JavaScript",
      "start_time": "2024-01-15T10:00:00.000Z",
      "duration": 90
    }
  }
}""")
STATUS = json.loads("""{
  "configured": true,
  "status": {
    "success": true,
    "message": "Zoom credentials are valid",
    "configured": true,
    "user": {"id": "zoom_user_id", "email": "your@email.com", "account_id": "account_id"}
  }
}""")

WITH_MEETING = """curl -X POST "http://localhost:3001/api/v1/batches/BATCH_ID/schedule" \\
  -H "Authorization: Bearer YOUR_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{
    "date": "2024-01-15",
    "start_time": "10:00",
    "end_time": "11:30",
    "title": "Introduction to JavaScript",
    "description": "Learn the basics of JavaScript programming",
    "create_zoom_meeting": true
  }'"""
WITHOUT_MEETING = """curl -X POST "http://localhost:3001/api/v1/batches/BATCH_ID/schedule" \\
  -H "Authorization: Bearer YOUR_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{
    "date": "2024-01-15",
    "start_time": "10:00",
    "end_time": "11:30",
    "title": "Introduction to JavaScript",
    "create_zoom_meeting": false
  }'"""
LATER = """curl -X POST "http://localhost:3001/api/v1/batches/BATCH_ID/schedule/SESSION_ID/create-zoom-meeting" \\
  -H "Authorization: Bearer YOUR_TOKEN\""""
DEBUG = """curl -X POST "http://localhost:3001/api/v1/batches/BATCH_ID/schedule" \\
  -H "Authorization: Bearer YOUR_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{
    "date": "2024-01-15",
    "start_time": "10:00",
    "end_time": "11:30",
    "title": "Test Session",
    "create_zoom_meeting": true
  }'"""
SYNCED = json.loads("""{
  "success": true,
  "data": {
    "batch": {
      "id": "64f8a1b2c3d4e5f6a7b8c9d0",
      "name": "Advanced JavaScript - Batch 1",
      "course_title": "Advanced JavaScript",
      "batch_type": "group"
    },
    "sync_statistics": {
      "total_sessions": 10,
      "sessions_with_zoom_meetings": 8,
      "synced_sessions": 6,
      "total_zoom_recordings": 12,
      "sync_percentage": 75
    },
    "sessions": [
      {
        "session_id": "64f8a1b2c3d4e5f6a7b8c9d1",
        "session_date": "2024-01-15T10:00:00.000Z",
        "session_title": "Introduction to ES6",
        "zoom_meeting": {
          "meeting_id": "123456789012345678901234",
          "recording_synced": true,
          "last_sync_date": "2024-01-15T12:30:00.000Z",
          "sync_attempts": 1,
          "next_retry_at": null
        },
        "recorded_lessons": {
          "total": 2,
          "zoom_auto_sync": 2,
          "manual_upload": 0,
          "external_link": 0
        }
      }
    ]
  }
}""")
SYNC = """curl -X POST "http://localhost:3001/api/v1/batches/BATCH_ID/sync-zoom-recordings" \\
  -H "Authorization: Bearer YOUR_TOKEN\""""
SYNC_STATUS = """curl -X GET "http://localhost:3001/api/v1/batches/BATCH_ID/zoom-sync-status" \\
  -H "Authorization: Bearer YOUR_TOKEN\""""
RETRY = """curl -X POST "http://localhost:3001/api/v1/batches/BATCH_ID/retry-zoom-recordings" \\
  -H "Authorization: Bearer YOUR_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{"sessionId": "optional_session_id"}'"""
STATUS_OF_ZOOM = """curl -H "Authorization: Bearer YOUR_TOKEN" \\
     http://localhost:5000/api/zoom/status"""
POOL = ["curl -X GET http://localhost:3000/api/v1/zoom/account-stats", "curl -X POST http://localhost:3000/api/v1/zoom/reset-account/account_1",
        "curl -X POST http://localhost:3000/api/v1/zoom/reset-all-accounts"]


@pytest.fixture
def desk(stack):
    return Desk(stack)


@pytest.fixture
def batch(desk):
    return desk.batch(desk.course())


def typed(desk, command, batch_id="", session_id="", token=None):
    """Runs the command as it was typed; its status and its body."""
    command = re.sub(r"http://localhost:\d+", desk.stack.base, command)
    command = command.replace("BATCH_ID", batch_id).replace("SESSION_ID", session_id).replace("YOUR_TOKEN", token or desk.stack.token(**desk.who))
    program, *rest = shlex.split(command.replace("\\\n", " "))
    assert program == "curl"
    done = subprocess.run(["curl", "-sS", "--cacert", desk.stack.run / "tls.crt", "-w", "\\n%{http_code}", *rest], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    body, status = done.stdout.rsplit("\n", 1)
    return int(status), json.loads(body)


def test_scheduling_with_a_meeting(desk, batch):
    status, answer = typed(desk, WITH_MEETING, batch["id"])
    assert status == 201, answer
    same_kind(answer, SCHEDULED)
    session, meeting = answer["data"]["session"], answer["data"]["zoom_meeting"]
    assert answer["message"] == SCHEDULED["message"] and answer["data"].keys() == SCHEDULED["data"].keys()
    assert meeting.keys() == SCHEDULED["data"]["zoom_meeting"].keys()
    assert session["zoom_meeting"].keys() == SCHEDULED["data"]["session"]["zoom_meeting"].keys()
    for key in ("date", "start_time", "end_time", "title", "description"):
        assert session[key] == SCHEDULED["data"]["session"][key]
    assert re.fullmatch("[0-9a-f]{24}", session["_id"])
    for key in ("topic", "start_time", "duration"):
        assert meeting[key] == SCHEDULED["data"]["zoom_meeting"][key]
    same = {key: session["zoom_meeting"][key] for key in ("join_url", "start_url", "password", "topic")}
    assert same == {key: meeting[key] for key in same} and session["zoom_meeting"]["meeting_id"] == meeting["id"]
    assert session["zoom_meeting"]["recording_synced"] is False and session["zoom_meeting"]["sync_attempts"] == 0
    assert [warning["code"] for warning in answer["warnings"]] == ["start_in_past"]
    # What that system asked of Zoom.
    at_zoom = desk.at_zoom(meeting["id"])
    wanted = {"host_video": True, "participant_video": False, "join_before_host": True, "mute_upon_entry": True, "waiting_room": False,
              "meeting_authentication": False, "auto_recording": "cloud"}
    assert {key: at_zoom["settings"][key] for key in wanted} == wanted
    assert at_zoom["topic"] == meeting["topic"] and "Learn the basics of JavaScript programming" in at_zoom["agenda"]
    assert at_zoom["password"] == meeting["password"] != ""


def test_scheduling_without_a_meeting(desk, batch):
    before = len(desk.live())
    status, answer = typed(desk, WITHOUT_MEETING, batch["id"])
    assert status == 201, answer
    assert answer["message"] == SCHEDULED["message"] and answer["data"].keys() == SCHEDULED["data"].keys()
    session = answer["data"]["session"]
    assert SCHEDULED["data"]["session"].keys() <= session.keys()
    assert session["zoom_meeting"] is None and answer["data"]["zoom_meeting"] is None
    assert session["meeting_state"] == "none" and session["description"] == ""
    assert len(desk.live()) == before


def test_a_meeting_for_an_existing_session(desk, batch):
    _, first = typed(desk, WITHOUT_MEETING, batch["id"])
    status, answer = typed(desk, LATER, batch["id"], first["data"]["session"]["_id"])
    assert status == 201, answer
    same_kind(answer["data"]["zoom_meeting"], SCHEDULED["data"]["zoom_meeting"])
    same_kind(answer["data"]["session"]["zoom_meeting"], SCHEDULED["data"]["session"]["zoom_meeting"])
    assert desk.at_zoom(answer["data"]["zoom_meeting"]["id"])
    status, answer = typed(desk, LATER, batch["id"], first["data"]["session"]["_id"])
    assert (status, answer["code"]) == (409, "already_has_meeting")


def test_the_session_of_the_debug_commands(desk, batch):
    status, answer = typed(desk, DEBUG, batch["id"])
    assert status == 201, answer
    assert answer["data"]["zoom_meeting"]["topic"] == "Advanced JavaScript - Test Session"


def test_syncing_recordings(desk):
    batch = desk.batch(desk.course(), name="Advanced JavaScript - Batch 1")
    session = desk.session(batch, title="Introduction to ES6")
    number = session["zoom_meeting"]["meeting_id"]
    desk.sandbox.call("POST", f"meetings/{number}/start")
    desk.stack.get(f"zoom/meetings/{number}", params={"refresh": "true"})
    assert desk.stack.post(f"zoom/meetings/{number}/end").status_code == 200
    desk.sandbox.call("POST", "recordings", {"meeting": int(number), "files": [{"file_type": "MP4"}, {"file_type": "CHAT"}]})
    for command in (SYNC, RETRY):
        status, answer = typed(desk, command, batch["id"])
        assert status == 202 and answer["success"] is True, answer
        job = wait_for(lambda: ended_job(desk, answer["data"]["job_id"]), 30, 0.2, "the end of the job")
        assert job["state"] == "done", job
    status, answer = typed(desk, SYNC_STATUS, batch["id"])
    assert status == 200, answer
    same_kind(answer, SYNCED)
    assert answer["data"]["batch"] == {**SYNCED["data"]["batch"], "id": batch["id"]}
    assert answer["data"]["sync_statistics"] == {"total_sessions": 1, "sessions_with_zoom_meetings": 1, "synced_sessions": 1,
                                                 "total_zoom_recordings": 2, "sync_percentage": 100}
    one, wanted = answer["data"]["sessions"][0], SYNCED["data"]["sessions"][0]
    same_kind(one, wanted)
    assert one["session_title"] == wanted["session_title"] and one["recorded_lessons"] == wanted["recorded_lessons"]
    assert one["zoom_meeting"]["recording_synced"] is True and one["zoom_meeting"]["sync_attempts"] == 1
    assert one["zoom_meeting"]["next_retry_at"] is None


def ended_job(desk, job_id):
    job = desk.get(f"jobs/{job_id}").json()["data"]["job"]
    return job if job["state"] in ("done", "failed") else None


def test_the_status_of_zoom(desk):
    status, answer = typed(desk, STATUS_OF_ZOOM)
    assert status == 200
    same_kind(answer, STATUS)


@pytest.mark.parametrize("command", POOL)
def test_the_pool(desk, command):
    status, answer = typed(desk, command + ' -H "Authorization: Bearer YOUR_TOKEN"', token=desk.stack.token())
    assert status == 200 and answer["success"] is True and answer["message"], answer


def test_the_meeting_that_a_front_end_made_by_hand(desk):
    answer = desk.post("zoom/meetings", {"topic": "Manual Meeting", "start_time": "2025-08-20T10:00:00Z", "duration": 60})
    assert answer.status_code == 201, answer.text


def test_an_appointment_has_its_four_fields_and_its_settings(desk):
    """Booked by the patient; the appointment's password has six characters."""
    body = {"type": "ONLINE", "doctorId": "doc-9", "patientId": "pat-9", "appointmentTime": "2032-06-01T09:00:00Z", "durationMinutes": 30}
    answer = desk.stack.post("appointments", body, sub="pat-9", role="patient")
    assert answer.status_code == 201, answer.text
    assert "zoomStartUrl" not in answer.json()["data"]["appointment"]
    mine = desk.as_("doc-9", "doctor").get(f"appointments/{answer.json()['data']['appointment']['id']}").json()["data"]["appointment"]
    for key in ("zoomMeetingId", "zoomJoinUrl", "zoomStartUrl", "zoomMeetingPassword"):
        assert isinstance(mine[key], str) and mine[key], key
    at_zoom = desk.at_zoom(mine["zoomMeetingId"])
    wanted = {"host_video": True, "participant_video": True, "join_before_host": False, "waiting_room": False, "auto_recording": "none"}
    assert {key: at_zoom["settings"][key] for key in wanted} == wanted
    assert len(at_zoom["password"]) == 6 and at_zoom["password"] == mine["zoomMeetingPassword"]


@pytest.mark.parametrize("path, one", [("classes", "class"), ("events", "event"), ("custom-sessions", "custom_session")])
def test_the_account_that_was_used(desk, path, one):
    answer = desk.post(path, {"title": "Lesson", "startTime": "2032-06-02T09:00:00Z", "duration": 30})
    assert answer.status_code == 201, answer.text
    assert re.fullmatch(r"account_\d+", answer.json()["data"][one]["zoomAccountUsed"])


def test_a_short_session_has_a_meeting_of_half_an_hour(desk, batch):
    answer = desk.schedule(batch, start_time="10:00", end_time="10:15")
    assert answer.status_code == 201 and answer.json()["data"]["zoom_meeting"]["duration"] == 30
    assert answer.json()["data"]["session"]["end_time"] == "10:15"


def test_an_interview_falls_back_to_the_system_account(desk):
    """The interviewer has connected no Zoom account."""
    body = {"title": "First round", "interviewerId": "int-9", "candidateId": "can-9", "startTime": "2032-06-03T09:00:00", "duration": 30,
            "timezone": "America/New_York"}
    answer = desk.post("interviews", body)
    assert answer.status_code == 201, answer.text
    interview = answer.json()["data"]["interview"]
    assert {key: interview[key] for key in ("title", "interviewerId", "candidateId", "duration", "timezone")} == {
        key: body[key] for key in ("title", "interviewerId", "candidateId", "duration", "timezone")}
    assert interview["hostedBy"] == "system" and interview["startTime"] == "2032-06-03T13:00:00.000Z"
    assert "hosted_by_system" in [warning["code"] for warning in answer.json()["warnings"]]


def test_each_interview_of_a_series_and_of_a_dry_run_says_who_hosts_it(desk):
    body = {"title": "Round", "interviewerId": "int-9", "candidateId": "can-9", "startTime": "2032-06-07T09:00:00Z", "recurrence": "FREQ=DAILY;COUNT=3"}
    for answer in (desk.post("interviews", {**body, "dry_run": True}), desk.post("interviews", body)):
        assert answer.status_code in (200, 201), answer.text
        assert [warning["index"] for warning in answer.json()["warnings"] if warning["code"] == "hosted_by_system"] == [0, 1, 2]
