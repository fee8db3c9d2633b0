"""At no instant more meetings than an account and a host may hold, whoever books at the same time; and which account takes a meeting."""
import collections
import datetime
import os
import random
import signal
import threading
import time

import pytest

from booking import (HOUR, MORNING, UTC, at_once, book, body, check_at_rest, check_no_instant_above_a_limit, clean, insist, instant, live, ms, nearest_of, peaks,
                     text, writes)
from harness import together, wait_for

MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture(scope="module")
def pool(make_stack):
    return make_stack(MEETPOOL_WORKERS=3, MEETPOOL_ZOOM_WORKERS=16)


@pytest.fixture(scope="module")
def second(pool, make_stack):
    """Another machine's master on the same database and the same Zoom."""
    return make_stack(database_of=pool, MEETPOOL_WORKERS=2, MEETPOOL_ZOOM_WORKERS=8)


@pytest.fixture(autouse=True)
def emptied(request):
    if "pool" in request.fixturenames:
        clean(request.getfixturevalue("pool"))


def check_thirty(pool, answers):
    """Exactly the thirty that fit; the others are told when there is room."""
    statuses = collections.Counter(answer.status_code for answer in answers)
    assert statuses == {201: 30, 409: len(answers) - 30}, [answer.text for answer in answers if answer.status_code not in (201, 409)][:3]
    ids = {answer.json()["data"]["meeting"]["id"] for answer in answers if answer.status_code == 201}
    assert len(ids) == 30 and ids == {str(meeting["id"]) for meeting in live(pool)}
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "no_capacity"
            assert nearest_of(answer) == MORNING + HOUR
    check_at_rest(pool)
    rows = pool.rows("SELECT a.name, COUNT(*) AS n FROM place p JOIN account a ON a.id = p.account_id WHERE p.taken = 1 GROUP BY a.name")
    assert {row["name"]: row["n"] for row in rows} == {"account_1": 10, "account_2": 10, "account_3": 10}


def test_200_at_once_for_the_same_hour(pool):
    check_thirty(pool, together(200, lambda i: insist(pool, topic=f"Lesson {i}")))
    # What was named fits.
    book(pool, MORNING + HOUR)


def test_200_at_once_on_two_machines_with_one_database(pool, second):
    check_thirty(pool, together(200, lambda i: insist((pool, second)[i % 2], topic=f"Lesson {i}")))
    assert {row["owner_sub"] for row in pool.rows("SELECT owner_sub FROM meeting")} == {"admin-1"}


def random_intervals(seed, count, spread_minutes):
    rng = random.Random(seed)
    return [(MORNING + rng.randrange(spread_minutes) * MINUTE, rng.choice((15, 30, 45, 60, 90, 240))) for _ in range(count)]


def test_random_overlapping_intervals_on_two_machines(pool, second):
    wanted = random_intervals(4711, 300, 300)
    answers = []
    for part in range(0, 300, 100):
        answers += together(100, lambda i: insist((pool, second)[i % 2], wanted[part + i][0], duration=wanted[part + i][1]))
    made = [(start, minutes) for (start, minutes), answer in zip(wanted, answers) if answer.status_code == 201]
    assert {answer.status_code for answer in answers} == {201, 409}, [answer.text for answer in answers if answer.status_code not in (201, 409)]
    check_at_rest(pool)
    # Independent of the table: what was answered. The places of all accounts together.
    most = peaks([("all", ms(start), ms(start + minutes * MINUTE)) for start, minutes in made])["all"]
    assert most <= 30
    # Nobody was refused who fits: in the whole of each refused interval something stands in the way.
    assert most >= 25


def kill_workers(stop, stacks, killed):
    rng = random.Random(1)
    while not stop.wait(0.06):
        pids = rng.choice(stacks).workers()
        if pids:
            try:
                os.kill(rng.choice(pids), signal.SIGKILL)
                killed.append(1)
            except ProcessLookupError:
                pass


def test_workers_killed_while_they_book(pool, second):
    pool.sandbox.knobs(latency_ms=20, jitter_ms=500)
    stop, killed = threading.Event(), []
    killer = threading.Thread(target=kill_workers, args=(stop, [pool, second], killed))
    killer.start()
    answers = []
    wanted = random_intervals(99, 120, 180)
    try:
        for part in range(0, 120, 40):
            answers += at_once(40, lambda i: (pool, second)[i % 2].post("zoom/meetings", body(wanted[part + i][0], duration=wanted[part + i][1])))
    finally:
        stop.set()
        killer.join()
    pool.sandbox.knobs(latency_ms=0, jitter_ms=0)
    assert len(killed) >= 5
    statuses = collections.Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {201, 409, 503}, statuses
    check_at_rest(pool, 10)
    at_zoom = collections.Counter(str(meeting["id"]) for meeting in live(pool))
    acknowledged = [answer.json()["data"]["meeting"]["id"] for answer in answers if answer.status_code == 201]
    assert len(acknowledged) >= 5
    assert all(at_zoom[number] == 1 for number in acknowledged)
    for number in acknowledged:
        assert pool.get(f"zoom/meetings/{number}").json()["data"]["meeting"]["status"] == "scheduled"
    for stack in (pool, second):
        wait_for(lambda: len(stack.workers()) == int(stack.settings["MEETPOOL_WORKERS"]) + int(stack.settings["MEETPOOL_ZOOM_WORKERS"]), 30,
                 what="a worker in each slot")


def test_the_account_with_the_fewest_meetings_then_the_least_recently_used(pool):
    used = [book(pool, MORNING + i * 5 * HOUR)["zoomAccountUsed"] for i in range(3)]
    assert sorted(used) == ["account_1", "account_2", "account_3"], "each hour is empty, so the least recently used takes it"
    assert book(pool, MORNING + 20 * HOUR)["zoomAccountUsed"] == used[0]
    # Now used[0] was the last one; but it has none in that interval while the other two have one each.
    day = MORNING + datetime.timedelta(days=2)
    for name in used[1:]:
        book(pool, day, account=name)
    book(pool, day + 2 * HOUR, account=used[0])
    assert book(pool, day)["zoomAccountUsed"] == used[0]


def test_hosts_take_turns_and_hold_two_each(pool):
    emails = collections.Counter(book(pool, account="account_2")["host_email"] for _ in range(10))
    assert len(emails) == 5 and set(emails.values()) == {2}
    book(pool, expect=409, account="account_2")
    assert book(pool)["zoomAccountUsed"] != "account_2"


def test_touching_meetings_need_one_place(pool):
    for i in range(10):
        book(pool, MORNING, account="account_1")
    assert nearest_of(book(pool, MORNING + 59 * MINUTE, expect=409, account="account_1")) == MORNING + HOUR
    book(pool, MORNING + HOUR, account="account_1")
    book(pool, MORNING - HOUR, account="account_1")
    check_at_rest(pool)


def test_a_day_of_short_meetings_leaves_room_for_long_ones(pool):
    # Twenty touch the morning, but never more than five at once, one on each host.
    for hour in range(4):
        for _ in range(5):
            book(pool, MORNING + hour * HOUR, account="account_1")
    for _ in range(5):
        book(pool, MORNING, duration=240, account="account_1")
    book(pool, MORNING, duration=240, expect=409, account="account_1")
    check_no_instant_above_a_limit(pool)


def test_only_admins_name_the_account(pool):
    answer = book(pool, expect=422, sub="t", role="tutor", account="account_1")
    assert [detail["field"] for detail in answer.json()["details"]] == ["account"]
    answer = book(pool, expect=422, account="account_9")
    assert [detail["field"] for detail in answer.json()["details"]] == ["account"]


def test_a_dry_run_makes_nothing_and_predicts(pool):
    for i in range(4):
        calls = writes(pool)
        before = pool.rows("SELECT (SELECT COUNT(*) FROM meeting) + (SELECT COUNT(*) FROM place) + (SELECT COALESCE(SUM(daily_used), 0) FROM host) AS n")
        dry = book(pool, expect=200, dry_run=True).json()["data"]["meeting"]
        assert pool.rows("SELECT (SELECT COUNT(*) FROM meeting) + (SELECT COUNT(*) FROM place) + (SELECT COALESCE(SUM(daily_used), 0) FROM host) AS n") == before
        assert writes(pool) == calls
        assert dry["id"] is None and dry["join_url"] is None and dry["start_url"] is None
        chosen = [row for row in dry["placement"] if row["verdict"] == "chosen"]
        assert [row["account"] for row in chosen] == [dry["zoomAccountUsed"]]
        made = book(pool)
        assert made["zoomAccountUsed"] == dry["zoomAccountUsed"]
        # The configuration names the host by its e-mail here.
        assert made["host_email"] == dry["host_email"]


def test_a_dry_run_is_refused_as_the_booking_would_be(pool):
    for _ in range(10):
        book(pool, account="account_3")
    answer = book(pool, expect=409, account="account_3", dry_run=True)
    assert answer.json()["code"] == "no_capacity" and nearest_of(answer) == MORNING + HOUR


def test_placement_is_for_admins_and_tells_why(pool):
    for _ in range(10):
        book(pool, account="account_1")
    book(pool, account="account_2")
    made = book(pool, sub="tutor-1", role="tutor")
    assert "placement" not in made
    seen = pool.get(f"zoom/meetings/{made['id']}").json()["data"]["meeting"]
    verdicts = {row["account"]: row for row in seen["placement"]}
    assert verdicts["account_3"]["verdict"] == "chosen"
    assert verdicts["account_2"]["verdict"] == "open" and verdicts["account_2"]["meetings_in_interval"] == 1
    assert verdicts["account_1"]["verdict"] == "full" and "taken" in verdicts["account_1"]["reason"]
    assert "placement" not in pool.get(f"zoom/meetings/{made['id']}", sub="tutor-1", role="tutor").json()["data"]["meeting"]
    assert all("placement" not in one for one in pool.get("zoom/meetings", sub="tutor-1", role="tutor").json()["data"]["meetings"])


def change(pool, number, expect=200, **fields):
    answer = pool.patch(f"zoom/meetings/{number}", fields)
    assert answer.status_code == expect, answer.text
    return answer


def test_a_moved_meeting_is_placed_under_the_same_rule(pool):
    for _ in range(30):
        book(pool)
    late = book(pool, MORNING + HOUR)
    answer = change(pool, late["id"], 409, start_time=text(MORNING + 30 * MINUTE))
    assert answer.json()["code"] == "no_capacity"
    change(pool, late["id"], 409, start_time=text(MORNING), topic="not taken either")
    assert pool.get(f"zoom/meetings/{late['id']}?refresh=true").json()["data"]["meeting"]["start_time"] == text(MORNING + HOUR)
    seen = pool.get(f"zoom/meetings/{late['id']}").json()["data"]["meeting"]
    assert (seen["topic"], seen["start_time"], seen["meeting_state"]) == ("Lesson", text(MORNING + HOUR), "ok")
    # Its own place is not in its way.
    moved = change(pool, late["id"], start_time=text(MORNING + 90 * MINUTE)).json()["data"]["meeting"]
    assert (moved["id"], moved["start_time"]) == (late["id"], text(MORNING + 90 * MINUTE))
    check_at_rest(pool)


def test_a_longer_meeting_is_placed_under_the_same_rule(pool):
    first = book(pool, MORNING - HOUR)
    for _ in range(30):
        book(pool)
    change(pool, first["id"], 409, duration=61)
    assert pool.get(f"zoom/meetings/{first['id']}").json()["data"]["meeting"]["duration"] == 60
    assert change(pool, first["id"], duration=30).json()["data"]["meeting"]["duration"] == 30
    assert change(pool, first["id"], duration=60).json()["data"]["meeting"]["id"] == first["id"]
    check_at_rest(pool)
    at_zoom = [meeting for meeting in live(pool) if str(meeting["id"]) == first["id"]]
    assert at_zoom[0]["duration"] == 60


def test_a_meeting_moves_to_another_account_when_its_own_is_full(pool):
    for _ in range(10):
        book(pool, account="account_1")
    old = book(pool, MORNING + HOUR, account="account_1", agenda="Bring paper", password="Abc123", sub="admin-1", settings={"waiting_room": True})
    answer = change(pool, old["id"], start_time=text(MORNING))
    new = answer.json()["data"]["meeting"]
    assert "moved" in [warning["code"] for warning in answer.json()["warnings"]]
    assert new["id"] != old["id"] and new["zoomAccountUsed"] != "account_1"
    assert (new["topic"], new["agenda"], new["password"], new["start_time"]) == ("Lesson", "Bring paper", "Abc123", text(MORNING))
    # The old number leads to the new one.
    assert pool.get(f"zoom/meetings/{old['id']}").json()["data"]["meeting"]["id"] == new["id"]
    assert change(pool, old["id"], topic="By its old number").json()["data"]["meeting"]["id"] == new["id"]
    check_at_rest(pool)
    assert str(old["id"]) not in {str(meeting["id"]) for meeting in live(pool)}
    listed = [one["id"] for one in pool.get("zoom/meetings?page_size=300").json()["data"]["meetings"]]
    assert new["id"] in listed and old["id"] not in listed
    assert pool.delete(f"zoom/meetings/{old['id']}").status_code == 200
    assert pool.get(f"zoom/meetings/{new['id']}").status_code == 404
    assert pool.get(f"zoom/meetings/{old['id']}").status_code == 404
    check_at_rest(pool)


def test_many_move_at_once_into_the_same_hour(pool):
    for _ in range(20):
        book(pool)
    movers = [book(pool, MORNING + (2 + i // 10) * HOUR)["id"] for i in range(20)]
    answers = together(20, lambda i: pool.patch(f"zoom/meetings/{movers[i]}", {"start_time": text(MORNING)}))
    statuses = collections.Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {200, 409}, [answer.text for answer in answers if answer.status_code not in (200, 409)]
    check_at_rest(pool)
    in_hour = [meeting for meeting in live(pool) if instant(meeting["start_time"]) == MORNING]
    assert len(in_hour) == 20 + statuses[200] <= 30
    assert statuses[200] >= 8, "ten places were free"
    assert len(live(pool)) == 40


def test_the_same_meeting_changed_many_times_at_once(pool):
    number = book(pool)["id"]
    answers = together(12, lambda i: pool.patch(f"zoom/meetings/{number}", {"start_time": text(MORNING + (i % 4) * HOUR), "topic": f"Topic {i}"}))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert any(answer.status_code == 200 for answer in answers)
    check_at_rest(pool)
    seen = pool.get(f"zoom/meetings/{number}").json()["data"]["meeting"]
    assert seen["id"] == number, "nothing was full, so it stayed where it was"
    wait_for(lambda: [(m["topic"], instant(m["start_time"])) for m in live(pool)] ==
             [(s["topic"], instant(s["start_time"])) for s in [pool.get(f"zoom/meetings/{number}").json()["data"]["meeting"]]], 10,
             what="Zoom and the record agreeing")


def test_deleting_and_ending_free_the_place(pool):
    made = [book(pool, account="account_1") for _ in range(10)]
    book(pool, expect=409, account="account_1")
    assert pool.delete(f"zoom/meetings/{made[0]['id']}").status_code == 200
    book(pool, account="account_1")
    assert pool.post(f"zoom/meetings/{made[1]['id']}/end").status_code in (200, 409)
    check_no_instant_above_a_limit(pool)


def test_an_instant_meeting_takes_the_present_hour(pool):
    before = datetime.datetime.now(UTC)
    answer = pool.post("zoom/meetings", {"topic": "Now", "type": 1, "duration": 30})
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]["meeting"]
    assert abs(instant(made["start_time"]) - before) < datetime.timedelta(seconds=15)
    assert not answer.json().get("warnings")
    # Found again: it is a scheduled one at Zoom.
    assert [meeting["type"] for meeting in live(pool)] == [2]
    stats = {row["id"]: row for row in pool.get("zoom/account-stats").json()["data"]["accounts"]}
    assert stats[made["zoomAccountUsed"]]["active_meetings"] == 1


def test_a_start_in_the_past_takes_the_present_and_says_so(pool):
    answer = pool.post("zoom/meetings", body(datetime.datetime(2020, 1, 1, 10, tzinfo=UTC)))
    assert answer.status_code == 201, answer.text
    assert [warning["code"] for warning in answer.json()["warnings"]] == ["start_in_past"]
    row = pool.rows("SELECT busy_from, busy_until FROM place WHERE taken = 1")[0]
    now = ms(datetime.datetime.now(UTC))
    assert row["busy_from"] <= now < row["busy_until"]


def stats_of(pool, name="account_1"):
    answer = pool.get("zoom/account-stats")
    assert answer.status_code == 200
    return next(row for row in answer.json()["data"]["accounts"] if row["id"] == name)


def test_at_capacity_is_shown_while_it_lasts(pool):
    calm = stats_of(pool)
    assert (calm["active"], calm["inactive_reason"], calm["available"]) == (True, None, 10)
    now = datetime.datetime.now(UTC)
    made = [book(pool, now, duration=30 + i, account="account_1") for i in range(10)]
    full = stats_of(pool)
    assert (full["active"], full["inactive_reason"], full["active_meetings"], full["available"]) == (False, "at_capacity", 10, 0)
    assert abs(instant(full["inactive_until"]) - (now + 30 * MINUTE)) < datetime.timedelta(seconds=30)
    assert (full["created_today"], full["daily_used"]) == (10, 10)
    # For later times it is free.
    assert book(pool, MORNING, account="account_1")["zoomAccountUsed"] == "account_1"
    assert stats_of(pool)["upcoming_meetings"] == 1
    assert pool.delete(f"zoom/meetings/{made[3]['id']}").status_code == 200
    again = stats_of(pool)
    assert (again["active"], again["inactive_reason"], again["inactive_until"], again["available"]) == (True, None, None, 1)


def test_a_started_meeting_that_overruns_keeps_its_place(pool):
    made = book(pool, datetime.datetime.now(UTC), duration=1, account="account_1")
    pool.sandbox.call("POST", f"meetings/{made['id']}/start", {"force": True})
    seen = pool.get(f"zoom/meetings/{made['id']}?refresh=true").json()["data"]["meeting"]
    assert seen["status"] == "started" and seen["started_at"]
    # Its planned end passes.
    with pool.db() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE place SET busy_from = busy_from - 7200000, busy_until = busy_until - 7200000 WHERE taken = 1")
        cursor.execute("UPDATE meeting SET starts_at = starts_at - 7200000")
    assert stats_of(pool)["active_meetings"] == 1
    now = datetime.datetime.now(UTC)
    for i in range(9):
        book(pool, now, duration=30, account="account_1")
    book(pool, now, duration=30, expect=409, account="account_1")
    book(pool, now + HOUR, duration=30, account="account_1")
    assert pool.delete(f"zoom/meetings/{made['id']}").status_code == 409
    assert pool.post(f"zoom/meetings/{made['id']}/end").status_code == 200
    seen = pool.get(f"zoom/meetings/{made['id']}").json()["data"]["meeting"]
    assert seen["status"] == "ended" and seen["ended_at"]
    book(pool, now, duration=30, account="account_1")


def test_a_host_named_in_the_request_is_told_about(pool):
    answer = pool.post("zoom/meetings", body(host_user_id="tutor-7"))
    assert [warning["code"] for warning in answer.json()["warnings"]] == ["hosted_by_system"]
    number = answer.json()["data"]["meeting"]["id"]
    assert pool.get(f"zoom/meetings/{number}", sub="tutor-7", role="tutor").status_code == 200
    assert pool.get(f"zoom/meetings/{number}", sub="tutor-8", role="tutor").status_code == 404


@pytest.fixture(scope="module")
def narrow(make_stack):
    """One account, one host, two meetings at a time, ten minutes between them, three writes a day."""
    stack = make_stack(start=False)
    stack.env.update(MEETPOOL_WORKERS="2", MEETPOOL_ZOOM_WORKERS="3", MEETPOOL_MEETING_GRACE="600", ZOOM_DAILY_LIMIT="3", ZOOM_MAX_CONCURRENT_1="1",
                     ZOOM_MAX_CONCURRENT_2="1", ZOOM_MAX_CONCURRENT_3="1")
    return stack


def own_zoom(narrow, source):
    """The accounts of the other stack's sandbox, with other limits."""
    shared = {name: value for name, value in source.settings.items() if name.startswith("ZOOM_") and name != "ZOOM_REDIRECT_URI"}
    shared = {name: value.split(",")[0] if name.startswith("ZOOM_USER_ID_") else value for name, value in shared.items()}
    narrow.env.update({**shared, **{name: value for name, value in narrow.env.items() if "CONCURRENT" in name or name == "ZOOM_DAILY_LIMIT"}})
    narrow.sandbox = source.sandbox
    narrow.up()


@pytest.fixture()
def tight(narrow, pool):
    if not narrow.run.exists():
        own_zoom(narrow, pool)
    clean(narrow)
    return narrow


def test_grace_is_kept_free_after_a_meeting(tight):
    book(tight, account="account_1")
    answer = book(tight, MORNING + HOUR + 9 * MINUTE, expect=409, account="account_1")
    assert nearest_of(answer) == MORNING + HOUR + 10 * MINUTE
    book(tight, MORNING - HOUR - 9 * MINUTE, expect=409, account="account_1")
    book(tight, MORNING - HOUR - 10 * MINUTE, account="account_1")
    book(tight, MORNING + HOUR + 10 * MINUTE, account="account_1")


def test_a_used_up_day_is_told_and_tried_nowhere(tight):
    for i in range(9):
        book(tight, MORNING + i * 2 * HOUR)
    calls = writes(tight)
    answer = book(tight, MORNING + 40 * HOUR, expect=503)
    assert answer.json()["code"] == "no_account_available"
    assert int(answer.headers["Retry-After"]) > 0
    assert {detail["field"] for detail in answer.json()["details"]} == {"account_1", "account_2", "account_3"}
    assert all("daily limit" in detail["message"] for detail in answer.json()["details"])
    assert writes(tight) == calls
    assert [stats_of(tight, f"account_{n}")["daily_used"] for n in (1, 2, 3)] == [3, 3, 3]


def test_a_change_counts_and_one_that_changes_nothing_does_not(tight):
    made = book(tight, account="account_1")
    calls = writes(tight)
    change(tight, made["id"], topic="Lesson", duration=60, start_time=text(MORNING))
    change(tight, made["id"])
    assert writes(tight) == calls and stats_of(tight)["daily_used"] == 1
    change(tight, made["id"], topic="Other")
    change(tight, made["id"], topic="Third")
    assert stats_of(tight)["daily_used"] == 3
    answer = change(tight, made["id"], 503, topic="Fourth")
    assert answer.json()["code"] == "no_account_available" and int(answer.headers["Retry-After"]) > 0
    assert tight.get(f"zoom/meetings/{made['id']}").json()["data"]["meeting"]["topic"] == "Third"
    # Deleting costs nothing.
    assert tight.delete(f"zoom/meetings/{made['id']}").status_code == 200


def test_a_meeting_shrinks_even_where_too_many_are_booked(tight):
    made = book(tight, account="account_1")
    # A limit was lowered since, say: another one stands in the same hour.
    with tight.db() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO place (meeting_id, account_id, host_id, ref, state, busy_from, busy_until, created_at)"
                       " SELECT 0, account_id, host_id, 'feedfeedfeedfeed', 'held', busy_from, busy_until, 0 FROM place")
    answer = change(tight, made["id"], duration=30, start_time=text(MORNING + 15 * MINUTE))
    assert answer.json()["data"]["meeting"]["id"] == made["id"]
    row = tight.rows("SELECT busy_from, busy_until FROM place WHERE taken = 1 AND meeting_id <> 0")
    assert row == [{"busy_from": ms(MORNING + 15 * MINUTE), "busy_until": ms(MORNING + 55 * MINUTE)}]


def test_the_nearest_start_is_one_that_can_be_booked(tight):
    # account_1 has room soonest, but its day is used up.
    for i in range(3):
        book(tight, MORNING if i == 0 else MORNING + 20 * i * HOUR, account="account_1")
    book(tight, duration=120, account="account_2")
    book(tight, duration=180, account="account_3")
    answer = book(tight, expect=409)
    start = nearest_of(answer)
    assert start == MORNING + 130 * MINUTE
    assert book(tight, start)["zoomAccountUsed"] == "account_2"


def test_those_who_book_at_the_same_moment_are_spread(pool):
    """Fewest meetings first holds also where all of them have looked before anybody had booked."""
    clean(pool)
    answers = together(9, lambda i: insist(pool, topic=f"Lesson {i}"))
    used = collections.Counter(answer.json()["data"]["meeting"]["zoomAccountUsed"] for answer in answers)
    assert sum(used.values()) == 9 and sorted(used) == ["account_1", "account_2", "account_3"], used
    assert max(used.values()) <= 5, used
