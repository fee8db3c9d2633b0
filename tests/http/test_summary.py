"""GET admin/summary: how everything stands in one answer, bounded and quick whatever lies in the database; and a single recording tried again."""
import datetime
import time
import zoneinfo

import pytest

from booking import HOUR, MORNING, insist, ms
from desk import good, refused
from harness import wait_for
from pool import CREATE, Pool
from recorder import QUICK, Recorder

UTC = datetime.timezone.utc
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def pool(make_stack):
    return Pool(make_stack(**QUICK))


@pytest.fixture
def clean(pool):
    pool.reset()
    yield pool
    pool.reset()
    for table in ("alert", "job", "recording", "connection", "booking"):
        pool.stack.rows(f"DELETE FROM {table}")


def summary(stack, **query):
    return good(stack.get("admin/summary", params=query), 200)


def account(stack, name="account_1"):
    return next(one for one in summary(stack)["accounts"] if one["id"] == name)


def now_ms():
    return int(time.time() * 1000)


# ---- the pool


def test_places_stand_with_their_hosts(clean):
    going = good(insist(clean.stack, topic="Going on", type=1, duration=60, account="account_1"), 201)["meeting"]
    later = good(insist(clean.stack, datetime.datetime.now(UTC) + 5 * HOUR, topic="Later", account="account_1"), 201)["meeting"]
    insist(clean.stack, datetime.datetime.now(UTC) + 30 * HOUR, topic="Beyond the next day", account="account_1")
    one = account(clean.stack)
    places = {place["topic"]: (host["host"], place) for host in one["hosts"] for place in host["places"]}
    assert set(places) == {"Going on", "Later"}
    for meeting in (going, later):
        host, place = places[meeting["topic"]]
        assert host == meeting["host_email"] and place["meeting_id"] == meeting["id"] and place["overrun"] is False
        assert place["from"][:16] == meeting["start_time"][:16] and place["until"] > place["from"]
    assert one["active_meetings"] == 1 and one["available"] == one["max_concurrent_meetings"] - 1
    assert one["next_end_at"] == places["Going on"][1]["until"]
    assert one["active"] and one["why"] is None and one["what_to_do"] is None


def test_a_meeting_beyond_its_end_still_takes_its_place(clean):
    going = good(insist(clean.stack, topic="Long", type=1, duration=60, account="account_2"), 201)["meeting"]
    clean.stack.rows("UPDATE place SET open = 1, busy_from = busy_from - 7200000, busy_until = %s WHERE zoom_id = %s", now_ms() - 60_000, going["id"])
    one = account(clean.stack, "account_2")
    [place] = [place for host in one["hosts"] for place in host["places"]]
    assert place["overrun"] and place["topic"] == "Long" and one["active_meetings"] == 1


def test_why_an_account_takes_no_meetings(clean):
    stack = clean.stack
    clean.secret(1, "wrong" * 6)
    clean.fresh_tokens()
    assert clean.book(account="account_1").status_code == 503
    one = account(stack)
    assert (one["active"], one["inactive_reason"], one["available"]) == (False, "authentication", 0)
    assert "credentials" in one["why"] and "Reset" in one["what_to_do"] and one["inactive_until"] and "invalid_client" in one["last_error"]
    clean.secret(1, clean.secrets[0])
    stack.post("zoom/reset-account/account_1")
    assert account(stack)["active"]

    stack.post("admin/accounts/account_1/cordon")
    one = account(stack)
    assert (one["active"], one["inactive_reason"], one["cordoned"], one["inactive_until"]) == (False, "cordoned", True, None)
    stack.post("admin/accounts/account_1/uncordon")

    stack.rows("UPDATE account SET paused_until = %s WHERE name = 'account_1'", now_ms() + 60_000)
    one = account(stack)
    assert one["active"] and one["inactive_reason"] == "paused" and one["inactive_until"]

    stack.rows("UPDATE host SET inactive_until = %s, inactive_reason = 'host_refused' WHERE zoom_user = %s", now_ms() + 60_000, clean.hosts[0][0])
    host = account(stack)["hosts"][0]
    assert (host["active"], host["inactive_reason"]) == (False, "host_refused") and host["what_to_do"]


def test_a_full_account_says_when_it_is_free(clean):
    one = account(clean.stack)
    now, most = now_ms(), one["max_concurrent_meetings"]
    meeting = clean.booked(account="account_1")
    row = clean.stack.rows("SELECT meeting_id, account_id, host_id FROM place WHERE zoom_id = %s", meeting["id"])[0]
    for index in range(most):
        clean.stack.rows("INSERT INTO place (meeting_id, account_id, host_id, ref, state, busy_from, busy_until, created_at)"
                         " VALUES (%s, %s, %s, %s, 'held', %s, %s, %s)", row["meeting_id"], row["account_id"], row["host_id"], f"full-{index}", now - 1000,
                         now + 600_000 + index, now)
    one = account(clean.stack)
    assert (one["active"], one["inactive_reason"], one["active_meetings"], one["available"]) == (False, "at_capacity", most, 0)
    assert one["inactive_until"] == one["next_end_at"]
    stats = clean.stats()["account_1"]
    assert [stats[name] for name in ("active", "inactive_reason", "inactive_until", "active_meetings")] == \
        [one[name] for name in ("active", "inactive_reason", "inactive_until", "active_meetings")]


# ---- today


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Pacific/Auckland"])
def test_today_is_a_day_of_that_zone(clean, zone):
    today = summary(clean.stack, timezone=zone)["today"]
    begin, end = (datetime.datetime.fromisoformat(today[name].replace("Z", "+00:00")) for name in ("from", "until"))
    assert begin.astimezone(zoneinfo.ZoneInfo(zone)).strftime("%H:%M") == end.astimezone(zoneinfo.ZoneInfo(zone)).strftime("%H:%M") == "00:00"
    assert begin <= datetime.datetime.now(UTC) < end
    assert (end.astimezone(zoneinfo.ZoneInfo(zone)).date() - begin.astimezone(zoneinfo.ZoneInfo(zone)).date()).days == 1


def test_todays_meetings_by_their_start(clean):
    made = [good(insist(clean.stack, topic=f"Now {index}", type=1, duration=30), 201)["meeting"] for index in range(2)]
    insist(clean.stack, MORNING, topic="Another day")
    ended = made[0]["id"]
    assert clean.stack.post(f"zoom/meetings/{ended}/end").status_code == 200
    today = summary(clean.stack)["today"]
    assert [one["topic"] for one in today["meetings"]] == ["Now 0", "Now 1"] and today["cut"] is False
    assert {one["id"]: one["status"] for one in today["meetings"]}[ended] == "ended"
    assert all(one["zoomAccountUsed"].startswith("account_") and one["host_email"] and one["duration"] == 30 for one in today["meetings"])


def test_wrong_wishes_are_named(pool):
    for query in ({"days": 0}, {"days": 91}, {"days": "x"}, {"days": ""}, {"days": "9" * 30}, {"timezone": "Mars/Olympus"}, {"page": 1}):
        assert refused(pool.stack.get("admin/summary", params=query), 422, "validation_failed")["details"]
    for role in ("tutor", "student"):
        refused(pool.stack.get("admin/summary", sub="x", role=role), 403, "forbidden")


# ---- what went wrong


def failures(stack, source=None):
    return [one for one in summary(stack)["failures"] if source in (None, one["source"])]


def test_a_refused_booking_is_told_with_the_reason_and_what_to_do(clean):
    stack = clean.stack
    clean.secret(1, "wrong" * 6)
    clean.fresh_tokens()
    assert stack.post("zoom/meetings", clean.body(account="account_1"), headers={"X-Request-Id": "summary-1"}).status_code == 503
    first = failures(stack, "request")[0]
    assert first["title"] == "A meeting could not be booked, asked for by admin-1" and first["request_id"] == "summary-1"
    assert "account_1: invalid_client" in first["reason"] and "Reset" in first["what_to_do"]
    [entry] = good(stack.get("admin/audit-log", params={"outcome": "failed", "page_size": 1}), 200)["entries"]
    assert entry["detail"].startswith("no_account_available: ") and first["reason"] in entry["detail"]
    # What was the caller's own mistake is no failure of ours.
    before = len(failures(stack, "request"))
    assert stack.patch("zoom/meetings/1", {"topic": "None"}).status_code == 404
    assert len(failures(stack, "request")) == before
    assert [one for one in failures(stack, "alert") if one["subject"] == "account_1"]


def test_a_booking_that_waits_and_a_change_that_has_not_arrived(clean):
    stack = clean.stack
    clean.fault({"status": 500, "body": {"code": 500, "message": "Down"}}, CREATE, count=1000)
    made = good(stack.post("classes", {"title": "Waits", "startTime": "2031-05-05T10:00:00Z", "duration": 30}), 201)["class"]
    [one] = failures(stack, "booking")
    assert one["subject"] == made["id"] and "“Waits” (class)" in one["title"] and "Down" in one["reason"] and one["what_to_do"]
    clean.sandbox.clear_faults()
    wait_for(lambda: not failures(stack, "booking"), 40, 0.2)
    meeting = clean.booked(topic="Changed")
    # Not old enough to be tried again.
    stack.rows("UPDATE meeting SET pending = 'update', pending_error = 'Zoom is down', updated_at = %s WHERE zoom_id = %s", now_ms() + DAY_MS,
               meeting["id"])
    [one] = failures(stack, "change")
    assert "“Changed”" in one["title"] and one["reason"] == "Zoom is down" and one["subject"] == meeting["id"]


def test_connections_that_need_care(clean):
    add = ("INSERT INTO connection (sub, state, reason, zoom_user_id, zoom_email, expires_at, renew_at, connected_at, refreshed_at, failures, last_error,"
           " last_error_at) VALUES (%s, %s, %s, 'z', 'z@example.com', 0, 9e12, 1, %s, %s, 'No', 1)")
    for row in (("dead", "reconnect_needed", "deauthorized", 1, 0), ("failing", "connected", None, 1, 5), ("once", "connected", None, 1, 1),
                ("well", "connected", None, now_ms(), 0)):
        clean.stack.rows(add, *row)
    connections = summary(clean.stack)["connections"]
    assert connections["reconnect_needed"] == 1
    assert [one["user_id"] for one in connections["need_care"]] == ["dead", "failing"]
    assert all(one["warning"] for one in connections["need_care"])


def test_lists_are_bounded(clean):
    stack, now = clean.stack, now_ms()
    with stack.db() as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO job (public_id, kind, subject, lane, priority, state, due_at, created_at, finished_at, error)"
                           " VALUES (%s, 'alert.digest', %s, 0, 50, 'failed', 0, 0, %s, 'No')", [(f"{i:024x}", str(i), now) for i in range(1100)])
        cursor.executemany("INSERT INTO alert (kind, subject, message, first_at, last_at) VALUES ('job_given_up', %s, 'No', %s, %s)",
                           [(str(i), now + i, now + i) for i in range(50)])
        cursor.executemany("INSERT INTO recording (meeting_id, state, next_try_at, created_at, updated_at) VALUES (%s, 'waiting', %s, 0, 0)",
                           [(10_000_000 + i, now + DAY_MS) for i in range(1100)])
        connection.commit()
    told = summary(stack)
    assert told["counted_up_to"] == told["jobs"]["failed"] == told["recordings"]["waiting"] == 1000
    assert [one["subject"] for one in told["jobs"]["failures"]] == [str(i) for i in range(1099, 1089, -1)]
    assert len(told["failures"]) == 20 and [one["subject"] for one in told["failures"][:2]] == ["49", "48"]


# ---- days


def test_days_for_charts(clean):
    stack, day = clean.stack, now_ms() // DAY_MS
    stack.rows("DELETE FROM day_sum WHERE day > 0")
    for name, value in (("recordings_synced", 3), ("recordings_failed", 1), ("recording_failures:storage_refused", 1), ("meetings_made", 7),
                        ("recordings_stored", 5), ("recording_bytes", 9_000_000_000)):
        stack.rows("INSERT INTO day_sum (day, name, value) VALUES (%s, %s, %s)", day - 3, name, value)
    assert "charts" not in summary(stack)
    charts = summary(stack, days=7)["charts"]
    assert len(charts["days"]) == 7
    told = charts["days"][-4]
    assert (told["recordings_synced"], told["sync_success_rate"], told["errors_by_type"], told["meetings_created"]) == (3, 75, {"storage_refused": 1}, 7)
    assert len(summary(stack, days=90)["charts"]["days"]) == 90
    assert summary(stack)["storage"] == {"files": 5, "bytes": 9_000_000_000}


def test_refusals_are_counted_by_their_code(clean):
    """Before the cleaning has counted them into the days and after."""
    stack = clean.stack

    def told():
        return summary(stack, days=1)["charts"]["days"][0]["refusals_by_code"].get("no_account_available", 0)

    before = told()
    stack.post("admin/accounts/account_1/cordon")
    assert clean.book(account="account_1").status_code == 503
    stack.post("admin/accounts/account_1/uncordon")
    assert told() == before + 1
    # As old as that, in the same day or the one before.
    stack.rows("UPDATE audit SET at = at - 3600000")
    day = int(stack.rows("SELECT MAX(at) DIV 86400000 AS day FROM audit WHERE detail LIKE 'no_account_available: %%'")[0]["day"])
    counted = wait_for(lambda: stack.rows("SELECT value FROM day_sum WHERE day = %s AND name = 'refusals:no_account_available'", day), 30, 0.2)
    assert counted[0]["value"] >= 1
    assert sum(one["refusals_by_code"].get("no_account_available", 0) for one in summary(stack, days=2)["charts"]["days"]) == before + 1


# ---- one recording


def test_one_recording_is_tried_again(pool):
    recorder = Recorder(pool.stack)
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.sandbox.knobs(download_base="http://localhost:1")
    recorder.over(session, {"file_type": "MP4"})
    recorder.until(batch, session, "failed")
    number = recorder.number(session)
    [failed] = [one for one in summary(pool.stack)["recordings"]["failures"] if one["meeting_id"] == number]
    assert "not Zoom's" in failed["last_sync_error"]
    recorder.sandbox.knobs(download_base="")
    refused(pool.stack.post(f"admin/recordings/{number}/retry", sub="tutor-r", role="tutor"), 403, "forbidden")
    assert good(recorder.admin.post(f"admin/recordings/{number}/retry"), 202) == {"meeting_id": number}
    recorder.until(batch, session, "synced")
    recorder.check_home(session, 1)
    refused(recorder.admin.post(f"admin/recordings/{number}/retry"), 409, "conflict")
    for none in ("1", "x", "99999999999999999999"):
        refused(recorder.admin.post(f"admin/recordings/{none}/retry"), 404, "not_found")
    planned = insist(pool.stack, MORNING + 9 * HOUR).json()["data"]["meeting"]
    refused(recorder.admin.post(f"admin/recordings/{planned['id']}/retry"), 404, "not_found")


# ---- whatever the history


def rows_read(stack, ask):
    """The fewest rows that the storage engine read for one of some answers: other processes read meanwhile."""
    def count():
        return sum(int(row["Value"]) for row in stack.rows("SHOW GLOBAL STATUS LIKE 'Handler_read%'"))

    counts = []
    for _ in range(8):
        before = count()
        ask()
        counts.append(count() - before)
    return min(counts)


def test_it_reads_no_history(clean):
    """Nor do the other routes that look at the whole pool: as many rows with a long past, of which nobody gave back a place, as without."""
    stack, past = clean.stack, now_ms() - 400 * DAY_MS
    asks = {"summary": lambda: summary(stack), "stats": lambda: clean.stats(),
            "choice": lambda: good(clean.book(dry_run=True), 200), "choice now": lambda: good(clean.book(dry_run=True, type=1), 200)}
    few = {name: rows_read(stack, ask) for name, ask in asks.items()}
    for statement in (
            "INSERT INTO meeting (owner_sub, status, topic, starts_at, duration_min, timezone, created_at, updated_at)"
            f" SELECT 'past', ELT(1 + seq MOD 3, 'ended', 'deleted', 'failed'), 'Past', {past} + seq * 60000, 30, 'UTC', 0, 0 FROM seq_1_to_20000",
            "INSERT INTO place (meeting_id, account_id, host_id, ref, state, taken, busy_from, busy_until, created_at)"
            f" SELECT seq, a.id, 1, CONCAT('past-', seq), 'held', 1, {past} + seq * 60000, {past} + seq * 60000 + 1800000, 0"
            " FROM seq_1_to_20000 JOIN account a ON a.name = CONCAT('account_', 1 + seq MOD 3)",
            "INSERT INTO audit (at, action, outcome) SELECT 0, 'POST past', 'ok' FROM seq_1_to_20000",
            "INSERT INTO recording (meeting_id, state, created_at, updated_at) SELECT 20000000 + seq, 'synced', 0, 0 FROM seq_1_to_20000",
            "ANALYZE TABLE meeting, place, audit, recording, job, booking"):
        stack.rows(statement)
    many = {name: rows_read(stack, ask) for name, ask in asks.items()}
    stack.rows("DELETE FROM audit WHERE action = 'POST past'")
    assert all(many[name] < few[name] + 3000 for name in asks), (few, many)
