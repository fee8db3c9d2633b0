"""Background jobs: who sees them, one try after another, many runners on two machines, runners that die or sleep."""
import os
import secrets
import signal
import time

import pytest

from desk import good, refused
from harness import wait_for
from mail import MailServer

# A kind that the program has: it does nothing where no mail server is named, and may be about anything.
KIND = "alert.digest"


def add(stack, count=1, kind=KIND, state="queued", wait_ms=0, **columns):
    """Jobs as the program writes them, all at once; their public ids."""
    fields = {"lane": 0, "priority": 50, "most_attempts": 3, "slot": None if state in ("done", "failed") else 0, **columns}
    ids = [secrets.token_hex(12) for _ in range(count)]
    with stack.db() as connection, connection.cursor() as cursor:
        connection.begin()
        cursor.executemany(
            f"INSERT INTO job (public_id, kind, subject, state, due_at, created_at, {', '.join(fields)})"
            f" VALUES (%s, %s, %s, %s, UNIX_TIMESTAMP(NOW(3)) * 1000 + %s, UNIX_TIMESTAMP(NOW(3)) * 1000, {', '.join(['%s'] * len(fields))})",
            [(one, kind, f"subject {one}", state, wait_ms, *fields.values()) for one in ids])
        connection.commit()
    return ids


def row(stack, public_id):
    return stack.rows("SELECT * FROM job WHERE public_id = %s", public_id)[0]


def wait_done(stack, public_id, state="done", seconds=30):
    return wait_for(lambda: row(stack, public_id)["state"] == state and row(stack, public_id), seconds, what=f"the job {state}")


def job(stack, public_id, **more):
    return good(stack.get(f"jobs/{public_id}", **more), 200)["job"]


# ---- what people see


def test_a_job_is_seen_by_those_it_concerns(stack):
    batch = good(stack.post("batches", {"name": "Jobs", "batch_type": "group", "member_ids": ["student-j"], "instructor_id": "tutor-j"},
                            sub="teacher-j", role="teacher"))["batch"]
    number = stack.rows("SELECT id FROM batch WHERE public_id = %s", batch["id"])[0]["id"]
    [one] = add(stack, wait_ms=3600000, requested_by="tutor-asked", batch_id=number)
    seen = job(stack, one)
    assert seen["state"] == "queued" and seen["attempts"] == 0 and seen["error"] is None and seen["kind"] == KIND
    assert seen["next_try_at"] > seen["created_at"] and seen["started_at"] is None and seen["finished_at"] is None
    assert seen["progress"] == {"done": 0, "total": 0, "percent": None}
    for sub, role in (("tutor-asked", "tutor"), ("teacher-j", "teacher"), ("tutor-j", "tutor")):
        assert job(stack, one, sub=sub, role=role) == seen
    for sub, role in (("tutor-other", "tutor"), ("student-j", "student"), ("teacher-j", "student")):
        refused(stack.get(f"jobs/{one}", sub=sub, role=role), 404, "not_found")
    for wrong in ("0" * 24, "nonsense", one.upper() + "x"):
        refused(stack.get(f"jobs/{wrong}"), 404, "not_found")
    refused(stack.get("admin/jobs", sub="teacher-j", role="teacher"), 403, "forbidden")
    refused(stack.post(f"admin/jobs/{one}/retry", sub="teacher-j", role="teacher"), 403, "forbidden")


def test_progress_is_a_part_of_the_whole(stack):
    [one] = add(stack, wait_ms=3600000, progress_done=3, progress_total=8)
    assert job(stack, one)["progress"] == {"done": 3, "total": 8, "percent": 37}
    [one] = add(stack, state="done", finished_at=1)
    assert job(stack, one)["progress"]["percent"] == 100


def test_the_list_of_jobs(stack):
    kind = f"test.{secrets.token_hex(8).translate(str.maketrans('0123456789', 'ghijklmnop'))}"
    ids = add(stack, 7, kind=kind, wait_ms=3600000) + add(stack, 2, kind=kind, state="failed", error="It broke.", error_code="broken", finished_at=1)
    seen, token = [], ""
    while True:
        page = good(stack.get("admin/jobs", params={"kind": kind, "page_size": 4, "next_page_token": token}), 200)
        seen += [one["id"] for one in page["jobs"]]
        token = page["next_page_token"]
        if not token:
            break
    assert seen == ids[::-1]
    failed = good(stack.get("admin/jobs", params={"kind": kind, "state": "failed"}), 200)
    assert [one["id"] for one in failed["jobs"]] == ids[:6:-1] and failed["jobs"][0]["error"] == "It broke."
    assert failed["totals"]["queued"] >= 7 and failed["totals"]["failed"] >= 2
    refused(stack.get("admin/jobs", params={"state": "lost", "kind": "A b", "page": 2}), 422, "validation_failed", "state", "kind", "page")
    table = stack.script("ctl", "jobs").stdout
    assert ids[0] in table and "It broke." in table and "failed" in table.splitlines()[0]


def test_a_failed_job_is_tried_again(stack):
    [one] = add(stack, state="failed", error="It broke.", error_code="broken", attempts=3, finished_at=1)
    again = good(stack.post(f"admin/jobs/{one}/retry"), 200)["job"]
    assert again["state"] in ("queued", "running", "done") and again["error"] is None
    assert wait_done(stack, one)["attempts"] == 1
    assert "done" in refused(stack.post(f"admin/jobs/{one}/retry"), 409, "conflict")["error"]
    refused(stack.post(f"admin/jobs/{'0' * 24}/retry"), 404, "not_found")
    assert stack.rows("SELECT actor FROM audit WHERE action = 'POST admin/jobs/{id}/retry' AND subject = %s", one)[0]["actor"] == "admin-1"


def test_a_duty_that_fails_keeps_the_others_from_nothing(make_stack):
    """One that can never be done, and comes first: a meeting that Zoom would not make is made all the same, an event applied."""
    own = make_stack(MEETPOOL_RETRY_DELAY=1, MEETPOOL_WORKERS=2, MEETPOOL_ZOOM_WORKERS=2)
    own.rows("INSERT INTO idempotency (key_hash, body_hash, unit, state, owner, fence, lease_until, expires_at)"
             " VALUES (REPEAT('k', 32), REPEAT('b', 32), REPEAT('u', 32), 2, 'nobody', 1, 0, 1)")
    own.rows("CREATE TRIGGER idempotency_stays BEFORE DELETE ON idempotency FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'it stays'")
    wait_for(lambda: own.log("jobs.failed"), what="the duty that fails")
    own.sandbox.fault({"status": 500}, {"path": "/v2/users/*/meetings", "method": "POST"}, count=-1)
    made = good(own.post("classes", {"title": "Late", "startTime": "2031-05-01T08:00:00Z", "duration": 30, "timezone": "UTC", "hostId": "tutor-1"}))["class"]
    assert made["zoomMeetingId"] is None
    own.sandbox.clear_faults()
    wait_for(lambda: good(own.get(f"classes/{made['id']}"), 200)["class"]["zoomMeetingId"], 30, what="the meeting")


def test_a_kind_of_a_newer_program_is_left_alone(stack):
    [one] = add(stack, kind="from.tomorrow")
    wait_for(lambda: row(stack, one)["error_code"] == "unknown_kind", 10)
    [other] = add(stack)
    wait_done(stack, other)
    left = row(stack, one)
    assert left["state"] == "queued" and left["attempts"] == 0 and left["due_at"] > left["created_at"]


# ---- runners


@pytest.fixture(scope="module")
def pair(make_stack):
    """Two machines on one database, that log every job. One of their periodic jobs comes every second."""
    first = make_stack(MEETPOOL_LOG_LEVEL="debug", MEETPOOL_ALERT_INTERVAL=1)
    return first, make_stack(database_of=first, MEETPOOL_LOG_LEVEL="debug", MEETPOOL_ALERT_INTERVAL=1)


def counted(stack):
    """From here on the database itself counts each end of a job."""
    stack.rows("CREATE TABLE IF NOT EXISTS test_end (public_id CHAR(24) NOT NULL, at TIMESTAMP)")
    stack.rows("CREATE TRIGGER IF NOT EXISTS test_ended AFTER UPDATE ON job FOR EACH ROW BEGIN"
               " IF OLD.state = 'running' AND NEW.state = 'done' THEN INSERT INTO test_end (public_id) VALUES (NEW.public_id); END IF; END")


def test_two_machines_do_a_thousand_jobs_once_each(pair):
    counted(pair[0])
    ids = set(add(pair[0], 1000))
    began = time.monotonic()
    wait_for(lambda: not pair[0].rows("SELECT 1 FROM job WHERE state <> 'done' AND kind = %s AND slot = 0 LIMIT 1", KIND), 60)
    print(f"1000 jobs by two machines: {time.monotonic() - began:.1f} s")
    ended = [one["public_id"] for one in pair[0].rows("SELECT public_id FROM test_end")]
    assert sorted(one for one in ended if one in ids) == sorted(ids)
    assert pair[0].rows("SELECT MAX(attempts) AS most FROM job WHERE subject LIKE 'subject %%'")[0]["most"] == 1
    by_each = [{line["job"] for line in machine.log("job.ended", end="done")} & ids for machine in pair]
    assert by_each[0] | by_each[1] == ids and not by_each[0] & by_each[1]
    assert all(len(some) > 50 for some in by_each), "one of them did it alone"


def test_runners_that_are_killed_lose_nothing(pair):
    counted(pair[0])
    ids = set(add(pair[0], 600, most_attempts=0))
    for _ in range(4):
        for machine in pair:
            for pid in machine.workers("mp-jobs"):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.3)
    wait_for(lambda: not pair[0].rows("SELECT 1 FROM job WHERE state <> 'done' AND kind = %s AND slot = 0 LIMIT 1", KIND), 90)
    ended = [one["public_id"] for one in pair[0].rows("SELECT public_id FROM test_end")]
    assert sorted(one for one in ended if one in ids) == sorted(ids)


def test_a_periodic_job_once_an_instant(pair):
    first = pair[0]
    wait_for(lambda: len(first.rows("SELECT 1 FROM job WHERE kind = %s AND state = 'done' AND slot > 0", KIND)) >= 4, 30)
    for machine in pair:
        machine.signal(signal.SIGSTOP)
        for pid in machine.workers("mp-jobs"):
            os.kill(pid, signal.SIGSTOP)
    # What was under way when they were stopped is over.
    newest = first.rows("SELECT MAX(slot) AS slot FROM job WHERE kind = %s", KIND)[0]["slot"]
    wait_for(lambda: first.rows("SELECT UNIX_TIMESTAMP(NOW(3)) * 1000 - %s > 5000 AS late", newest)[0]["late"], 10)
    for machine in pair:
        for pid in machine.workers("mp-jobs"):
            os.kill(pid, signal.SIGCONT)
        machine.signal(signal.SIGCONT)
    wait_for(lambda: first.rows("SELECT MAX(slot) AS slot FROM job WHERE kind = %s AND state = 'done'", KIND)[0]["slot"] > newest, 30)
    rows = first.rows("SELECT slot, state, attempts FROM job WHERE kind = %s AND slot > 0 ORDER BY slot", KIND)
    slots = [one["slot"] for one in rows]
    assert all(slot % 1000 == 0 for slot in slots) and len(set(slots)) == len(slots)
    gap = [slot for slot in slots if newest < slot < newest + 4000]
    assert len(gap) <= 2, "an outage makes one job, not one for each instant that was missed"


# ---- what sleeps, dies, or kills


@pytest.fixture(scope="module")
def slow(make_stack):
    """A stack whose digest hangs as long as the mail server says; the interval is so long that no further job comes by itself."""
    server = MailServer()
    stack = make_stack(MEETPOOL_SMTP_URL=f"smtp://127.0.0.1:{server.port}", MEETPOOL_ALERT_TO="ops@example.org", MEETPOOL_ALERT_INTERVAL=86400)
    yield stack, server
    server.close()


def hang(slow, subject):
    """A digest that hangs in the mail server: its job's public id."""
    stack, server = slow
    stack.rows("UPDATE alert SET told_at = 1 WHERE told_at > 0")
    stack.rows("DELETE FROM alert WHERE told_at = 1")
    server.hold()
    arrivals = server.arrivals
    stack.rows("INSERT INTO alert (kind, subject, message, first_at, last_at) VALUES ('recording_failed', %s, 'It broke.', 1, 1)", subject)
    [one] = add(stack)
    wait_for(lambda: server.arrivals > arrivals, 15, what="the mail")
    return one


def told(stack, subject):
    return stack.rows("SELECT told_at FROM alert WHERE subject = %s", subject)[0]["told_at"] > 0


def kill_runners(stack, number=signal.SIGKILL):
    pids = stack.workers("mp-jobs")
    for pid in pids:
        os.kill(pid, number)
    return pids


def test_a_killed_runner_s_job_goes_on_at_once(slow):
    stack, server = slow
    one = hang(slow, "killed")
    arrivals = server.arrivals
    kill_runners(stack)
    wait_for(lambda: server.arrivals > arrivals, 15, what="the second try")  # its lease would have lasted 30 s
    server.release()
    assert wait_done(stack, one)["attempts"] == 2
    assert told(stack, "killed")


def test_a_sleeper_that_lost_its_lease_changes_nothing(slow, make_stack):
    stack, server = slow
    one = hang(slow, "slept")
    sleepers, arrivals = kill_runners(stack, signal.SIGSTOP), server.arrivals
    stack.rows("UPDATE job SET lease_until = 1 WHERE public_id = %s", one)
    awake = make_stack(database_of=stack, MEETPOOL_SMTP_URL=f"smtp://127.0.0.1:{server.port}", MEETPOOL_ALERT_TO="ops@example.org",
                       MEETPOOL_ALERT_INTERVAL=86400)
    wait_for(lambda: server.arrivals > arrivals, 15, what="the other machine's mail")
    server.release()
    before = wait_done(stack, one)
    assert before["attempts"] == 2
    for pid in sleepers:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: stack.log("job.taken_over", job=one), 15, what="the sleeper's notice")
    assert row(stack, one) == before and told(stack, "slept")
    awake.down()


def test_what_kills_its_runners_is_given_up_and_the_rest_flows(slow):
    stack, server = slow
    one = hang(slow, "poison")
    for _ in range(2):
        arrivals = server.arrivals
        kill_runners(stack)
        wait_for(lambda: server.arrivals > arrivals, 30, what="the next try")
    kill_runners(stack)
    failed = wait_done(stack, one, "failed")
    assert failed["attempts"] == 3 and failed["error_code"] == "runner_died"
    [alert] = stack.rows("SELECT * FROM alert WHERE kind = 'job_given_up' AND told_at = 0")
    assert one in alert["subject"]
    server.release()
    [other] = add(stack)
    wait_done(stack, other)
    assert told(stack, "poison") and told(stack, alert["subject"])


def test_a_stop_waits_for_what_is_under_way(slow):
    stack, server = slow
    one = hang(slow, "stopped")
    master = stack.pid()
    stack.signal(signal.SIGTERM)
    wait_for(lambda: stack.log("master.stopping"), 10)
    server.release()
    wait_for(lambda: not os.path.exists(f"/proc/{master}"), 40)
    done = row(stack, one)
    assert done["state"] == "done" and done["attempts"] == 1 and told(stack, "stopped")
    stack.up()
