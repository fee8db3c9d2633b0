"""Recordings come home though Zoom, the storage or the runners fail; and by the other ways to run."""
import hashlib
import os
import signal
import time

import pytest

from desk import good
from harness import wait_for
from hooks import SECRETS, SETTINGS, Hooks, ended, recorded, started
from recorder import PATIENCE_S, QUICK, Recorder, reset


@pytest.fixture(scope="module")
def quick(make_stack):
    return make_stack(**QUICK)


@pytest.fixture
def recorder(quick):
    one = Recorder(quick)
    yield one
    reset(one)


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
    recorder.last_try(session)
    one = recorder.until(batch, session, "failed", 60)
    assert one["zoom_meeting"]["last_sync_error"] and one["zoom_meeting"]["recording_synced"] is False
    assert not recorder.lessons(session)
    assert recorder.stack.rows("SELECT * FROM alert WHERE kind = 'recording_failed'")
    found = good(recorder.admin.get("admin/recordings", params={"state": "failed"}), 200)["recordings"]
    assert recorder.number(session) in [row["meeting_id"] for row in found]
    path = f"batches/{batch['id']}/retry-zoom-recordings"
    # Nothing has changed: it fails again, and the job says why.
    asked = recorder.desk.post(path, {"sessionId": session["_id"]})
    recorder.last_try(session)
    job = recorder.follow(asked, "failed")
    assert "1 of 1 sessions" in job["error"] and job["error_code"] == "recording_failed"
    recorder.sandbox.call("DELETE", f"faults/{rule}")
    recorder.follow(recorder.desk.post(path, {"sessionId": session["_id"]}))
    assert recorder.of(batch, session)["sync_state"] == "synced"
    recorder.check_home(session, 1)


def test_an_operator_tries_a_file_again(recorder):
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.sandbox.fault({"status": 200, "body": "no film at all"}, {"path": "/rec/download/*"}, count=100)
    recorder.over(session, {"file_type": "MP4"})
    recorder.last_try(session)
    recorder.until(batch, session, "failed", 60)
    recorder.sandbox.clear_faults()
    subject = str(recorder.files(session)[0]["id"])
    jobs = good(recorder.admin.get("admin/jobs", params={"kind": "recording.move", "state": "failed"}), 200)["jobs"]
    job = next(one for one in jobs if one["subject"] == subject)
    recorder.admin.post(f"admin/jobs/{job['id']}/retry")
    recorder.until(batch, session, "synced")
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


def scope_missing(scope):
    return {"status": 400, "body": {"code": 4711, "message": f"Invalid access token, does not contain scopes:[{scope}]."}}


NO_SUCH_ENDPOINT = {"status": 404, "body": {"code": 2300, "message": "This API endpoint is not recognized."}}


@pytest.mark.parametrize("refusal", [scope_missing("meeting:read:list_past_instances:admin"), NO_SUCH_ENDPOINT, {"status": 404, "body": "Not found"}])
def test_without_the_list_of_occurrences_the_number_will_do(recorder, refusal):
    batch = recorder.batch()
    recorder.sandbox.fault(refusal, {"method": "GET", "path": "/v2/past_meetings/*"}, count=-1)
    session = recorder.held(batch, {"file_type": "MP4"})
    recorder.until(batch, session, "synced")
    recorder.check_home(session, 1)


def test_an_app_without_the_right_to_recordings_goes_on_booking(recorder):
    batch = recorder.batch()
    for path in ("/v2/meetings/*/recordings", "/v2/past_meetings/*", "/v2/users/*/recordings"):
        recorder.sandbox.fault(scope_missing("cloud_recording:read:list_recording_files:admin"), {"method": "GET", "path": path}, count=-1)
    session = recorder.held(batch, {"file_type": "MP4"})
    one = wait_for(lambda: recorder.of(batch, session) if recorder.of(batch, session)["zoom_meeting"]["sync_attempts"] >= 1 else None, PATIENCE_S,
                   what="a try")
    assert "cloud_recording:read" in one["zoom_meeting"]["last_sync_error"]
    accounts = good(recorder.admin.get("zoom/account-stats"), 200)["accounts"]
    assert [account["inactive_reason"] for account in accounts] == [None] * len(accounts)
    recorder.sandbox.clear_faults()
    recorder.until(batch, session, "synced")


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
