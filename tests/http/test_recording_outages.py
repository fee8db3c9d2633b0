"""Recordings come home though Zoom, the storage or a whole machine is away for long; and what is left over goes."""
import hashlib
import os
import pathlib
import resource
import signal
import time
import urllib.parse

import pytest

from harness import wait_for
from recorder import PATIENCE_S, QUICK, Recorder, reset
from s3_server import FaultProxy

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def quick(make_stack):
    return make_stack(**QUICK)


@pytest.fixture
def recorder(quick):
    one = Recorder(quick)
    yield one
    reset(one)


@pytest.fixture(scope="module")
def proxy(s3):
    one = FaultProxy(s3.url)
    yield one
    one.close()


@pytest.fixture(scope="module")
def bucket(s3):
    return s3.bucket()


@pytest.fixture(scope="module")
def far(make_stack, bucket, proxy):
    """A stack that stores in a bucket."""
    return make_stack(**QUICK, **bucket.settings(proxy.url))


@pytest.fixture
def store(far, proxy):
    one = Recorder(far)
    yield one
    proxy.rules.clear()
    reset(one)


def mover(recorder, session):
    """The job that moves the session's only file."""
    def look():
        rows = recorder.files(session)
        return rows and recorder.stack.rows("SELECT * FROM job WHERE kind = 'recording.move' AND subject = %s", str(rows[0]["id"]))
    return wait_for(look, PATIENCE_S, 0.05, "the job that moves")[0]


def put_off(recorder, session, code):
    """Its job was tried, and waits for another try that is said to be its last."""
    job = mover(recorder, session)
    recorder.stack.rows("UPDATE job SET attempts = most_attempts - 1 WHERE id = %s AND state = 'queued'", job["id"])
    waits = [line for line in recorder.stack.log("recording.retry", code=code)]
    wait_for(lambda: len(recorder.stack.log("recording.retry", code=code)) > len(waits) + 1, 60, what="two more tries")
    return mover(recorder, session)


# ---- Outages

def test_hours_without_zooms_downloads_use_up_no_try(recorder):
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.sandbox.fault({"status": 429}, {"path": "/rec/download/*"}, count=10000)
    recorder.over(session, {"file_type": "MP4"})
    wait_for(lambda: recorder.stack.log("recording.retry", code="download_failed"), PATIENCE_S, what="a try that failed")
    job = put_off(recorder, session, "download_failed")
    assert job["state"] in ("queued", "running") and recorder.files(session)[0]["state"] == "moving"
    # Half an hour later somebody is told, and it is tried ever more seldom.
    recorder.stack.rows("UPDATE job SET started_at = started_at - 7200000 WHERE id = %s", job["id"])
    wait_for(lambda: recorder.stack.rows("SELECT 1 FROM alert WHERE kind = 'recording_failed' AND subject = %s", f"meeting {recorder.number(session)}"),
             PATIENCE_S, what="the alert")
    job = wait_for(lambda: (one := mover(recorder, session))["state"] == "queued" and one, PATIENCE_S)
    assert job["due_at"] - time.time() * 1000 > 60000
    recorder.sandbox.clear_faults()
    recorder.stack.rows("UPDATE job SET due_at = 0 WHERE id = %s", job["id"])
    recorder.until(batch, session, "synced")
    recorder.check_home(session, 1)


def test_one_file_that_zoom_cannot_serve_is_given_up_and_the_rest_flows(recorder):
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.hold(session)
    bad = recorder.record(session, {"file_type": "MP4"})["files"][0]
    recorder.sandbox.fault({"status": 500}, {"path": f"/rec/download/{bad['key']}"}, count=10000)
    job = mover(recorder, session)
    for _ in range(8):
        recorder.stack.rows("UPDATE job SET attempts = most_attempts - 1, due_at = 0 WHERE id = %s AND state = 'queued'", job["id"])
        other = recorder.held(batch, {"file_type": "CHAT"})
        recorder.until(batch, other, "synced")
        if recorder.of(batch, session)["sync_state"] == "failed":
            break
    assert recorder.files(session)[0]["state"] == "failed" and recorder.files(session)[0]["error_code"] == "download_failed"


def test_hours_without_the_storage_use_up_no_try(store, proxy):
    batch = store.batch()
    session = store.session(batch)
    proxy.fail("^PUT ", "503:60", 10**6)
    store.over(session, {"file_type": "MP4"})
    job = wait_for(lambda: (one := mover(store, session))["error_code"] and one, 60, 0.1, "a try that failed")
    store.stack.rows("UPDATE job SET attempts = most_attempts - 1, due_at = 0 WHERE id = %s AND state = 'queued'", job["id"])
    fence = mover(store, session)["fence"]
    wait_for(lambda: mover(store, session)["fence"] > fence and mover(store, session)["state"] != "running", 60, 0.1, "another try")
    assert store.files(session)[0]["state"] == "moving" and mover(store, session)["state"] == "queued"
    proxy.rules.clear()
    store.stack.rows("UPDATE job SET due_at = 0 WHERE id = %s AND state = 'queued'", job["id"])
    store.until(batch, session, "synced", 40)


def test_a_storage_that_refuses_is_waited_for_and_told_of(make_stack, s3, store, bucket, proxy):
    batch = store.batch()
    session = store.session(batch)
    proxy.fail("^PUT ", "403", 10**6)
    store.over(session, {"file_type": "MP4"})
    wait_for(lambda: (rows := store.files(session)) and rows[0]["error_code"] == "storage_refused", PATIENCE_S, what="the refusal")
    job = mover(store, session)
    store.stack.rows("UPDATE job SET attempts = most_attempts - 1 WHERE id = %s", job["id"])
    fence = job["fence"]
    wait_for(lambda: mover(store, session)["fence"] > fence + 1, PATIENCE_S, what="more tries")
    assert store.stack.rows("SELECT 1 FROM alert WHERE kind = 'recording_failed' AND subject = %s", f"meeting {store.number(session)}")
    # Who asks for it is not kept waiting.
    failed = store.follow(store.desk.post(f"batches/{batch['id']}/sync-zoom-recordings", {"sessionId": session["_id"]}), "failed")
    assert "AccessDenied" in failed["error"] or "refuses" in failed["error"], failed
    proxy.rules.clear()
    store.until(batch, session, "synced")
    [row] = store.files(session)
    assert hashlib.sha256(bucket.get(row["object_key"])).hexdigest() == store.sandbox.call("GET", f"recordings/{store.at_zoom(session)[0]['key']}/sha256")["sha256"]


def test_a_folder_without_room_is_waited_for(recorder):
    def limit(bytes_most):
        for pid in [recorder.stack.pid(), *recorder.stack.workers("mp-jobs")]:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (bytes_most, resource.RLIM_INFINITY))

    batch = recorder.batch()
    session = recorder.session(batch)
    limit(12 * MIB)
    try:
        recorder.over(session, {"file_type": "MP4", "size": 20 * MIB})
        wait_for(lambda: (rows := recorder.files(session)) and rows[0]["error_code"] == "storage_refused", PATIENCE_S, what="the refusal")
        assert "no room" in recorder.files(session)[0]["error"]
        runners = recorder.stack.workers("mp-jobs")
        fence = mover(recorder, session)["fence"]
        wait_for(lambda: mover(recorder, session)["fence"] > fence + 1, PATIENCE_S, what="more tries")
        # Nothing is left of what does not fit, nobody has died of it, and everything else works.
        assert recorder.stack.workers("mp-jobs") == runners
        assert recorder.stack.get("/readyz").status_code == 200
        small = recorder.held(batch, {"file_type": "CHAT"})
        recorder.until(batch, small, "synced")
    finally:
        limit(resource.RLIM_INFINITY)
    recorder.until(batch, session, "synced")
    recorder.check_home(session, 1)


# ---- Nothing there

def test_none_after_the_late_days(recorder):
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.hold(session)
    recorder.until(batch, session, "late")
    # Of its late days all but the last have gone by.
    recorder.stack.rows("UPDATE recording r JOIN meeting m ON m.id = r.meeting_id SET r.attempts = 3 + 86400 - 1 WHERE m.zoom_id = %s",
                        recorder.number(session))
    one = recorder.until(batch, session, "none")
    assert one["zoom_meeting"]["next_retry_at"] is None and one["zoom_meeting"]["recording_synced"] is False and one["zoom_meeting"]["last_sync_error"]
    # It is looked for no more, until somebody asks, or Zoom says so.
    attempts = one["zoom_meeting"]["sync_attempts"]
    recorder.record(session, {"file_type": "MP4"})
    recorder.follow(recorder.desk.post(f"batches/{batch['id']}/retry-zoom-recordings", {"sessionId": session["_id"]}))
    assert attempts == 86403 and recorder.of(batch, session)["sync_state"] == "synced"


# ---- What is left over

def test_half_uploads_of_yesterday_are_swept_from_the_folder(recorder):
    folder = pathlib.Path(recorder.folder(), ".uploads")
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.sandbox.knobs(download_bytes_per_s=9 * MIB)
    recorder.over(session, {"file_type": "MP4", "size": 30 * MIB})
    wait_for(lambda: (rows := recorder.files(session)) and rows[0]["upload_id"], PATIENCE_S, what="an upload")
    # What nobody goes on with, begun a day ago, beside one of some hours ago.
    old, young = folder / ("a" * 32), folder / ("b" * 32)
    names = {path.name[32:] for path in folder.iterdir()}
    assert len(names) == 2
    for start, age_s in ((old, 25 * 3600), (young, 20 * 3600)):
        for name in sorted(names):
            path = start.with_name(start.name + name)
            path.write_text("videos/x/y.mp4")
            os.utime(path, (time.time() - age_s,) * 2)
    left = lambda start: [path for path in folder.iterdir() if path.name.startswith(start.name)]
    wait_for(lambda: not left(old), PATIENCE_S, what="the sweep")
    assert len(left(young)) == 2 and recorder.stack.log("recording.uploads_dropped")
    for path in left(young):
        path.unlink()
    recorder.sandbox.knobs(download_bytes_per_s=0)
    recorder.until(batch, session, "synced")
    recorder.check_home(session, 1)


def test_half_uploads_of_yesterday_are_swept_from_the_bucket(store, bucket, proxy):
    """Begun now, as the server says; but one that was begun by yesterday's clock, as the server's list is made to say."""
    status, _, _ = bucket.call("POST", "videos/x/old.mp4", {"uploads": ""})
    assert status == 200
    wait_for(lambda: len([line for line in proxy.seen if "uploads=" in line and line.startswith("GET")]) > 2, PATIENCE_S, what="a sweep")
    assert "videos/x/old.mp4" in bucket.uploads()
    proxy.older_by_s = 25 * 3600
    wait_for(lambda: "videos/x/old.mp4" not in bucket.uploads(), PATIENCE_S, what="the sweep")
    proxy.older_by_s = 0
