"""Webhooks from outside: what is taken, what is refused, and what becomes of what was taken."""
import itertools
import json
import os
import random
import signal
import subprocess
import time

import pytest

import hooks
from booking import MORNING, HOUR, book, clean, text
from harness import alive, together, wait_for
from hooks import FORMER, SECRETS, SETTINGS, Hooks, deleted, ended, envelope, packed, recorded, sign, started, updated, validation

MINUTE = 60000


@pytest.fixture(scope="module")
def stack(make_stack):
    return make_stack(**SETTINGS)


@pytest.fixture
def zoom(stack):
    clean(stack)
    stack.rows("DELETE FROM webhook_event")
    stack.rows("DELETE FROM webhook_app")
    return Hooks(stack)


def meeting_of(stack, meeting):
    response = stack.get(f"zoom/meetings/{meeting['id']}")
    return response.json()["data"]["meeting"] if response.status_code == 200 else None


def status_of(stack, meeting):
    rows = stack.rows("SELECT status FROM meeting WHERE zoom_id = %s ORDER BY id DESC LIMIT 1", meeting["id"])
    return rows[0]["status"]


def taken(stack, meeting):
    return stack.rows("SELECT COUNT(*) AS n FROM place p JOIN meeting m ON m.id = p.meeting_id WHERE m.zoom_id = %s AND p.taken = 1",
                      meeting["id"])[0]["n"]


def app_of(meeting):
    """The app that may speak of it: account_3 has no secret of its own."""
    return meeting["zoomAccountUsed"] if meeting["zoomAccountUsed"] in SECRETS else ""


def gets(stack, meeting):
    return [call for call in stack.sandbox.calls()["calls"] if call["method"] == "GET" and call["path"] == f"/v2/meetings/{meeting['id']}"]


# ---- what is taken


def test_stored_before_it_is_answered(zoom):
    body = envelope("meeting.participant_joined", {"id": "123"})
    zoom.told(body)
    (row,) = zoom.rows()
    assert row["event"] == "meeting.participant_joined" and row["state"] == "ignored" and row["copies"] == 1 and row["event_at"] == body["event_ts"]


@pytest.mark.parametrize("app", ["", "account_1", "account_2"])
def test_each_app_has_its_address_and_secret(zoom, app):
    zoom.told(envelope("user.created", {}), app)
    for other in SECRETS.keys() - {app}:
        assert zoom.send(envelope("user.created", {"of": other}), app, secret=SECRETS[other]).status_code == 401
    assert [row["app"] for row in zoom.rows()] == [app]


def test_both_secrets_are_good_during_a_roll(zoom):
    zoom.told(envelope("user.created", {"n": 1}), "account_2", secret=SECRETS["account_2"])
    zoom.told(envelope("user.created", {"n": 2}), "account_2", secret=FORMER)
    for secret in (SECRETS["account_2"], FORMER):
        asked = validation()
        answer = zoom.send(asked, "account_2", secret=secret).json()
        # Zoom holds the secret that it signed with.
        assert answer["encryptedToken"] == sign_plain(asked["payload"]["plainToken"], secret)
    assert zoom.send(envelope("user.created", {}), "account_2", secret=f"{SECRETS['account_2']},{FORMER}").status_code == 401


def sign_plain(token, secret):
    return hooks.hmac.new(secret.encode(), token.encode(), hooks.hashlib.sha256).hexdigest()


def test_without_a_secret_there_is_no_address(zoom):
    for app in ("account_3", "account_99", "account_0", "nobody", "account_1x"):
        assert zoom.send(validation(), app, secret="any").status_code == 404
    assert not zoom.rows()


def test_the_challenge_is_answered(zoom, stack):
    asked = validation()
    response = zoom.send(asked)
    token = asked["payload"]["plainToken"]
    assert response.status_code == 200
    assert response.json() == {"plainToken": token, "encryptedToken": sign_plain(token, SECRETS[""])}
    assert zoom.send(asked, secret="another").status_code == 401
    assert zoom.send({"event": "endpoint.url_validation", "payload": {}}).status_code == 400
    assert not zoom.rows()
    assert zoom.apps()["users"]["last_challenge_at"] is not None


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'{"event":1}', b'{"event":"a"', b'{"event":"a","event":"b"}', b'{"event":"\xff"}', b'{"event":""}',
                                  b'{"event":"a"}x', b'{"event":NaN}', b"[" * 100000, b'{"event":"a","n":1e400}'])
def test_what_is_no_event_is_malformed(zoom, body):
    response = zoom.send(body)
    assert response.status_code == 400 and response.json()["code"] == "malformed_json", response.text
    assert not zoom.rows()


@pytest.mark.parametrize("name", ["x" * 500, "a b", "\u00e9v\u00e9nement", "meeting.started\u0001", "MEETING.STARTED", "meeting.started "])
def test_odd_names_are_kept_and_nothing_more(zoom, name):
    zoom.told({"event": name, "event_ts": "soon", "payload": []})
    (row,) = zoom.rows()
    assert row["state"] == "ignored" and len(row["event"]) <= 64


def test_an_event_that_says_nothing_is_kept_as_that(zoom):
    for bad in ({}, {"id": "12x"}, {"id": 1.5}, {"id": -3}, {"id": None}, {"id": True}, {"id": "9" * 30}, {"id": 0}):
        zoom.told(envelope("meeting.ended", bad))
    assert {(row["state"], row["error"]) for row in zoom.rows()} == {("ignored", "it does not say what it is about")}


def test_a_body_may_be_as_long_as_bodies_may_be(zoom):
    zoom.told(envelope("recording.completed", {"id": 5, "more": "x" * 900000}))
    assert zoom.send(envelope("recording.completed", {"id": 5, "more": "x" * 1100000})).status_code == 413


# ---- what is refused


def test_the_timestamp_is_a_number_within_the_window(zoom):
    body, now = envelope("user.created", {}), int(time.time())
    for stamp in (now - 5500, now - 86400, now + 400, now * 1000, 0, "", "x", f"{now}.5", f"+{now}", f"{now}x", "0x10", "-5", str(2**64 + now)):
        assert zoom.send(body, stamp=stamp, signature=sign(packed(body), SECRETS[""], stamp)).status_code == 401, stamp
    assert zoom.send(body, headers={"x-zm-request-timestamp": None}).status_code == 401
    assert zoom.send(body, headers={"x-zm-signature": None}).status_code == 401
    assert not zoom.rows()
    for stamp in (now - 5000, now + 200):
        zoom.told(envelope("user.created", {"stamp": stamp}), stamp=stamp)
    assert len(zoom.rows()) == 2


def mutations(body, stamp, signature):
    """One thing is another than what was signed."""
    choose = random.Random(7)
    for _ in range(220):
        at = choose.randrange(len(body))
        yield body[:at] + bytes([body[at] ^ 1 << choose.randrange(8)]) + body[at + 1:], stamp, signature
    for at in range(3, 67, 2):
        yield body, stamp, signature[:at] + ("0" if signature[at] != "0" else "1") + signature[at + 1:]
    yield body + b" ", stamp, signature
    yield b" " + body, stamp, signature
    yield body[:-1], stamp, signature
    yield b"", stamp, signature
    yield body, stamp + 1, signature
    yield body, stamp, signature[3:]
    yield body, stamp, signature.upper()
    yield body, stamp, signature[:-1]
    yield body, stamp, signature + "0"
    yield body, stamp, "v0="
    yield body, stamp, "v1=" + signature[3:]
    yield body, stamp, signature.replace("v0=", "v0= ")
    yield body, stamp, f"{signature},{signature}"


def test_what_was_changed_on_the_way_has_no_effect(zoom, stack):
    meeting = book(stack)
    app = app_of(meeting)
    body, stamp = packed(ended(meeting)), int(time.time())
    count = 0
    for changed, at, signature in mutations(body, stamp, sign(body, SECRETS[app], stamp)):
        response = zoom.send(changed, app, stamp=at, signature=signature)
        assert response.status_code == 401 and response.json()["code"] == "unauthorized", (changed, at, signature)
        count += 1
    time.sleep(0.06)  # what is counted in bursts is written with the next
    workers = len(stack.workers())
    for _ in range(workers * 6):
        count += 1
        assert zoom.send(b"{}", app, signature="v0=" + "0" * 64).status_code == 401
    assert not zoom.rows() and status_of(stack, meeting) == "scheduled" and taken(stack, meeting) == 1
    seen = zoom.apps()["users" if app == "" else app]
    assert count - 50 <= seen["refused"] <= count and seen["last_refused_at"] is not None


def test_another_accounts_app_has_no_say(zoom, stack):
    meetings = [book(stack, MORNING + n * HOUR) for n in range(3)]
    assert {meeting["zoomAccountUsed"] for meeting in meetings} == {"account_1", "account_2", "account_3"}
    for meeting in meetings:
        for app in SECRETS.keys() - {app_of(meeting)}:
            for event in (started(meeting), ended(meeting), deleted(meeting), updated(meeting, topic="Theirs"), recorded(meeting)):
                zoom.told(event, app)
    zoom.settled()
    assert {(row["state"], row["error"]) for row in zoom.rows()} == {("ignored", "the meeting is not that app's account's")}
    assert [status_of(stack, meeting) for meeting in meetings] == ["scheduled"] * 3
    assert not any(gets(stack, meeting) for meeting in meetings)


def test_meetings_that_were_not_made_here(zoom):
    for event in (started({"id": "99999999999", "duration": 5, "topic": "x"}), recorded({"id": 99999999999, "topic": "x"})):
        zoom.told(event)
    zoom.settled()
    assert {(row["state"], row["error"]) for row in zoom.rows()} == {("ignored", "the meeting was not made here")}


# ---- once each


def test_five_copies_at_once_are_one(zoom, stack):
    meeting = book(stack)
    app, uuid = app_of(meeting), "copies=="
    for event in (started(meeting, uuid), ended(meeting, uuid), recorded(meeting, uuid)):
        answers = together(5, lambda n: zoom.send(event, app).status_code)
        assert answers == [204] * 5
    zoom.settled()
    assert [(row["copies"], row["state"]) for row in zoom.rows()] == [(5, "applied")] * 3
    assert status_of(stack, meeting) == "ended" and taken(stack, meeting) == 0


def test_replayed_within_the_window_and_after(zoom, stack):
    meeting = book(stack)
    app, now = app_of(meeting), int(time.time())
    event = ended(meeting, at=(now - 5300) * 1000)
    zoom.told(event, app, stamp=now - 5300)
    zoom.settled()
    began = started(meeting, "second==")
    zoom.told(began, app)
    zoom.settled()
    assert status_of(stack, meeting) == "started"
    # A second later, and just before the stamp is too old; then too old by a minute, by a day.
    for stamp, expected in ((now - 5300, 204), (now - 5460, 401), (now - 86400, 401)):
        assert zoom.send(event, app, stamp=stamp).status_code == expected
    zoom.settled()
    assert [row["copies"] for row in zoom.rows(event="meeting.ended")] == [2]
    assert status_of(stack, meeting) == "started" and taken(stack, meeting) == 1


# ---- what it does


def test_a_meeting_begins_and_ends(zoom, stack):
    meeting = book(stack)
    app, now = app_of(meeting), hooks.now_ms()
    zoom.told(started(meeting, at=now - 30 * MINUTE), app)
    zoom.settled()
    assert meeting_of(stack, meeting)["status"] == "started" and taken(stack, meeting) == 1
    zoom.told(ended(meeting, at=now - 5 * MINUTE, began=now - 30 * MINUTE), app)
    zoom.settled()
    assert meeting_of(stack, meeting)["status"] == "ended" and taken(stack, meeting) == 0
    (row,) = stack.rows("SELECT started_at, ended_at, zoom_uuid FROM meeting WHERE zoom_id = %s", meeting["id"])
    assert (row["started_at"], row["ended_at"] // 1000, row["zoom_uuid"]) == (now - 30 * MINUTE, (now - 5 * MINUTE) // 1000, "first==")
    assert not gets(stack, meeting)


def test_the_end_before_the_beginning(zoom, stack):
    meeting = book(stack)
    now = hooks.now_ms()
    zoom.told(ended(meeting, at=now), app_of(meeting))
    zoom.settled()
    zoom.told(started(meeting, at=now - 30 * MINUTE), app_of(meeting))
    zoom.settled()
    assert status_of(stack, meeting) == "ended" and taken(stack, meeting) == 0


def test_begun_again_it_takes_its_place_again(zoom, stack):
    meeting = book(stack)
    app, now = app_of(meeting), hooks.now_ms()
    zoom.told(started(meeting, "one==", now - 60 * MINUTE), app)
    zoom.told(ended(meeting, "one==", now - 50 * MINUTE), app)
    zoom.settled()
    zoom.told(started(meeting, "two==", now - 40 * MINUTE), app)
    zoom.settled()
    assert status_of(stack, meeting) == "started" and taken(stack, meeting) == 1
    # The end of the first once more, by other bytes: old news.
    zoom.told(ended(meeting, "one==", now - 49 * MINUTE), app)
    zoom.settled()
    assert status_of(stack, meeting) == "started" and taken(stack, meeting) == 1
    zoom.told(ended(meeting, "two==", now - 10 * MINUTE), app)
    zoom.settled()
    assert status_of(stack, meeting) == "ended" and taken(stack, meeting) == 0
    assert stack.rows("SELECT SUM(bookings) AS n FROM account")[0]["n"] == 1


def test_where_the_clocks_cannot_tell_zoom_is_asked(zoom, stack):
    """Ended by the API, by our clock; a beginning that bears an instant just before it may be of before, or of after."""
    for runs in (True, False):
        clean(stack)
        meeting = book(stack)
        app = app_of(meeting)
        stack.sandbox.call("POST", f"meetings/{meeting['id']}/start", {})
        zoom.told(started(meeting, f"one{runs}", hooks.now_ms() - MINUTE), app)
        zoom.settled()
        assert stack.post(f"zoom/meetings/{meeting['id']}/end").status_code == 200
        if runs:
            stack.sandbox.call("POST", f"meetings/{meeting['id']}/start", {})
        before = len(gets(stack, meeting))
        zoom.told(started(meeting, f"two{runs}", hooks.now_ms() - 5000), app)
        zoom.settled()
        assert len(gets(stack, meeting)) > before
        assert (status_of(stack, meeting), taken(stack, meeting)) == (("started", 1) if runs else ("ended", 0))


def test_told_of_while_it_is_being_made(zoom, stack):
    """Zoom knows its number, and we do not yet."""
    stack.sandbox.fault({"latency_ms": {"before": 0, "after": 1500}}, {"method": "POST", "path": "/v2/users/*/meetings"}, count=1)
    answers = together(2, lambda n: book(stack) if n == 0 else tell_at_once(zoom, stack))
    meeting = answers[0]
    zoom.settled()
    assert zoom.rows()[0]["state"] == "applied" and status_of(stack, meeting) == "started"


def tell_at_once(zoom, stack):
    made = wait_for(lambda: stack.sandbox.meetings()["meetings"], what="the meeting at Zoom")[0]
    for app in ("account_1", "account_2", ""):
        zoom.told(started({"id": str(made["id"]), "duration": 60, "topic": "x"}), app)


def test_any_order_comes_to_the_same(zoom, stack):
    """Held twice, ended at last: whatever order the four events and the recording's arrive in."""
    orders = list(itertools.permutations(range(5)))
    meetings = [book(stack, MORNING + n * HOUR) for n in range(len(orders))]
    now = hooks.now_ms()
    for meeting, order in zip(meetings, orders):
        events = [started(meeting, f"a{meeting['id']}", now - 60 * MINUTE), ended(meeting, f"a{meeting['id']}", now - 50 * MINUTE),
                  started(meeting, f"b{meeting['id']}", now - 40 * MINUTE), ended(meeting, f"b{meeting['id']}", now - 30 * MINUTE),
                  recorded(meeting, f"a{meeting['id']}", now - 45 * MINUTE)]
        for index in order:
            zoom.told(events[index], app_of(meeting))
    zoom.settled(40)
    assert {row["state"] for row in zoom.rows()} == {"applied"}
    wrong = [(order, status_of(stack, meeting)) for meeting, order in zip(meetings, orders)
             if status_of(stack, meeting) != "ended" or taken(stack, meeting) != 0]
    assert not wrong


def test_any_order_while_the_second_runs(zoom, stack):
    orders = list(itertools.permutations(range(3)))
    meetings = [book(stack, MORNING + n * HOUR) for n in range(len(orders))]
    now = hooks.now_ms()
    for meeting, order in zip(meetings, orders):
        events = [started(meeting, f"a{meeting['id']}", now - 60 * MINUTE), ended(meeting, f"a{meeting['id']}", now - 50 * MINUTE),
                  started(meeting, f"b{meeting['id']}", now - 40 * MINUTE)]
        for index in order:
            zoom.told(events[index], app_of(meeting))
    zoom.settled()
    wrong = [(order, status_of(stack, meeting)) for meeting, order in zip(meetings, orders)
             if status_of(stack, meeting) != "started" or taken(stack, meeting) != 1]
    assert not wrong


def test_deleted_at_zoom_in_any_order(zoom, stack):
    """Five events of one that Zoom does not have any more: nothing brings it back."""
    orders = list(itertools.permutations(range(5)))[::5]
    meetings = [book(stack, MORNING + n * HOUR) for n in range(len(orders))]
    now = hooks.now_ms()
    for meeting in meetings:
        stack.sandbox.call("POST", f"meetings/{meeting['id']}/delete", {})
    for meeting, order in zip(meetings, orders):
        events = [updated(meeting, now - 70 * MINUTE, topic="Changed"), started(meeting, f"a{meeting['id']}", now - 60 * MINUTE),
                  ended(meeting, f"a{meeting['id']}", now - 50 * MINUTE), recorded(meeting, f"a{meeting['id']}", now - 45 * MINUTE),
                  deleted(meeting, now - 40 * MINUTE)]
        for index in order:
            zoom.told(events[index], app_of(meeting))
    zoom.settled(60)
    wrong = [(order, status_of(stack, meeting)) for meeting, order in zip(meetings, orders)
             if status_of(stack, meeting) != "deleted" or taken(stack, meeting) != 0]
    assert not wrong


def test_an_edit_in_zooms_pages_reaches_the_record(zoom, stack):
    meeting = book(stack)
    stack.sandbox.call("POST", f"meetings/{meeting['id']}/edit", {"topic": "As Zoom has it", "duration": 90, "start_time": text(MORNING + 5 * HOUR)[:19] + "Z"})
    # What the event says is not believed.
    zoom.told(updated(meeting, topic="As the event has it"), app_of(meeting))
    zoom.settled()
    now = meeting_of(stack, meeting)
    assert (now["topic"], now["duration"], now["start_time"]) == ("As Zoom has it", 90, text(MORNING + 5 * HOUR))


def test_an_event_about_a_deletion_that_is_none(zoom, stack):
    meeting = book(stack)
    for name in ("meeting.deleted", "meeting.permanently_deleted"):
        zoom.told(deleted(meeting, name=name), app_of(meeting))
    zoom.settled()
    assert status_of(stack, meeting) == "scheduled" and taken(stack, meeting) == 1
    assert {row["state"] for row in zoom.rows()} == {"applied"}


def test_own_changes_come_back_and_cost_nothing(zoom, stack):
    meeting = book(stack)
    app = app_of(meeting)
    assert stack.patch(f"zoom/meetings/{meeting['id']}", {"topic": "Mine", "duration": 45}).status_code == 200
    seen = len(gets(stack, meeting))
    zoom.told(updated(meeting, topic="Mine", duration=45), app)
    zoom.settled()
    assert stack.delete(f"zoom/meetings/{meeting['id']}").status_code == 200
    zoom.told(deleted(meeting), app)
    zoom.settled()
    assert len(gets(stack, meeting)) == seen
    assert {row["state"] for row in zoom.rows()} == {"applied"}


def test_many_edits_are_one_look(zoom, stack):
    meeting = book(stack)
    stack.sandbox.call("POST", f"meetings/{meeting['id']}/edit", {"topic": "Ninth"})
    runner = stack.workers("mp-jobs")
    for pid in runner:
        os.kill(pid, signal.SIGSTOP)
    for n in range(10):
        zoom.told(updated(meeting, topic=f"Edit {n}"), app_of(meeting))
    seen = len(gets(stack, meeting))
    for pid in runner:
        os.kill(pid, signal.SIGCONT)
    zoom.settled()
    assert meeting_of(stack, meeting)["topic"] == "Ninth"
    assert len(gets(stack, meeting)) - seen <= 2  # a round may have begun in between


def test_while_zoom_is_away_others_go_on(zoom, stack):
    waiting, running = book(stack), book(stack, MORNING + HOUR)
    stack.sandbox.fault({"status": 500, "body": {"code": 500, "message": "Internal error"}}, {"method": "GET", "path": "/v2/meetings/*"})
    zoom.told(updated(waiting, topic="Other"), app_of(waiting))
    zoom.told(started(running), app_of(running))
    wait_for(lambda: status_of(stack, running) == "started", what="the meeting behind it")
    wait_for(lambda: zoom.rows(event="meeting.updated")[0]["error"], what="the reason why it waits")
    assert zoom.rows(event="meeting.updated")[0]["state"] == "stored"
    stack.sandbox.clear_faults()
    zoom.settled(30)
    assert zoom.rows(event="meeting.updated")[0]["state"] == "applied"


def test_a_poisoned_one_fails_and_the_rest_flows(zoom, stack):
    meeting = book(stack)
    zoom.told(updated(meeting, topic="Other"), app_of(meeting))
    zoom.settled()
    stack.rows("UPDATE webhook_event SET state = 'stored', body = '{', attempts = 0, due_at = 0, claim = 0")
    stack.rows("INSERT INTO webhook_event (app, body_hash, event, body, state, attempts, received_at) VALUES ('', 'dead', 'meeting.ended', '{}', 'stored', 10, 0)")
    zoom.told(started(meeting), app_of(meeting))
    zoom.settled()
    assert status_of(stack, meeting) == "started"
    failed = zoom.rows(state="failed")
    assert len(failed) == 2 and all(row["error"] for row in failed)


# ---- what is kept and shown


def test_nothing_secret_is_kept(zoom, stack):
    meeting = book(stack)
    zoom.told(recorded(meeting), app_of(meeting))
    zoom.told(updated(meeting, password="canary-new-passcode", settings={"x": "canary-settings"}), app_of(meeting))
    assert zoom.send(validation("canary-plain-token")).status_code == 200
    zoom.settled()
    shown = json.dumps(stack.get("admin/webhook-events").json())
    stored = json.dumps(zoom.rows(), default=str)
    for text_ in (shown, stored, stack.log_text()):
        assert "canary" not in text_


def test_the_list(zoom, stack):
    meeting = book(stack)
    for n in range(5):
        zoom.told(envelope("user.created", {"n": n}))
    zoom.told(started(meeting), app_of(meeting))
    zoom.told(envelope("user.updated", {}), "account_2")
    zoom.settled()

    def events(**query):
        response = stack.get("admin/webhook-events", params=query)
        assert response.status_code == 200, response.text
        return response.json()["data"]

    found = events()["events"]
    assert len(found) == 7 and [int(one["id"]) for one in found] == sorted((int(one["id"]) for one in found), reverse=True)
    assert [one["event"] for one in events(event="meeting.started")["events"]] == ["meeting.started"]
    assert {one["app"] for one in events(app="account_2")["events"]} >= {"account_2"}
    assert len(events(app="users", event="user.created")["events"]) == 5
    assert len(events(state="ignored")["events"]) == 6 and len(events(app="users", event="user.created", state="applied")["events"]) == 0
    assert len(events(state="ignored", event="user.updated")["events"]) == 1 and len(events(state="applied", app=app_of(meeting) or "users")["events"]) == 1
    pages, token = [], ""
    while True:
        page = events(page_size=3, **({"next_page_token": token} if token else {}))
        pages += page["events"]
        token = page["next_page_token"]
        if not token:
            break
    assert [one["id"] for one in pages] == [one["id"] for one in found]
    heard = events()["apps"]
    assert [one["app"] for one in heard if one["last_event"] is not None and one["age_seconds"] < 60]
    for query in ({"state": "lost"}, {"event": "\u00e9"}, {"app": ""}, {"app": "x" * 65}, {"other": "1"}):
        assert stack.get("admin/webhook-events", params=query).status_code == 422
    assert stack.get("admin/webhook-events", sub="tutor-1", role="tutor").status_code == 403


# ---- the database is away


def test_while_the_database_hangs_zoom_is_told_to_come_again(zoom, stack):
    meeting = book(stack)
    event, app = started(meeting), app_of(meeting)
    pid = stack.pid("mariadb")
    os.kill(pid, signal.SIGSTOP)
    try:
        for attempt in range(3):
            began = time.monotonic()
            answer = zoom.send(event, app)
            took = time.monotonic() - began
            assert answer.status_code == 503 and took < 3.0, (answer.status_code, took)
        asked = validation()
        answer = wait_for(lambda: [one for one in [zoom.send(asked, app)] if one.status_code == 200], what="an answer to the challenge")[0]
        assert answer.json()["plainToken"] == asked["payload"]["plainToken"]
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: together(24, lambda n: zoom.send(event, app).status_code) == [204] * 24, 30, 0.3, "the answer of every worker")
    zoom.settled()
    assert status_of(stack, meeting) == "started" and len(zoom.rows()) == 1


def test_a_record_in_somebody_s_hands_holds_up_no_other(zoom, stack):
    """All of one round; the one that has to wait is the first."""
    meetings = [book(stack) for _ in range(4)]
    runners = stack.workers("mp-jobs")
    with stack.db() as connection, connection.cursor() as cursor:
        for pid in runners:
            os.kill(pid, signal.SIGSTOP)
        try:
            for meeting in meetings:
                zoom.told(started(meeting), app_of(meeting))
            cursor.execute("BEGIN")
            cursor.execute("SELECT id FROM meeting WHERE zoom_id = %s FOR UPDATE", meetings[0]["id"])
        finally:
            for pid in runners:
                os.kill(pid, signal.SIGCONT)
        wait_for(lambda: len(zoom.rows(state="applied")) == 3, 60, what="the other three")
        assert [row["attempts"] for row in zoom.rows(state="applied")] == [1, 1, 1]
        connection.rollback()
    zoom.settled()
    assert [status_of(stack, meeting) for meeting in meetings] == ["started"] * 4
    assert zoom.rows(subject=meetings[0]["id"])[0]["attempts"] == 1  # it was not its fault


SHIFTED = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *out)
{
    static int (*real)(clockid_t, struct timespec *);
    int rc;

    if (real == NULL)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    rc = real(clock, out);
    if (clock == CLOCK_REALTIME)
        out->tv_sec += 3000;
    return rc;
}
"""


def test_one_clock_that_is_right_is_enough(make_stack, tmp_path):
    """This machine's is fifty minutes behind the database's, and what Zoom signs with a right one is refused but once."""
    own = make_stack(**SETTINGS, MEETPOOL_WORKERS=2, MEETPOOL_ZOOM_WORKERS=2)
    zoom, now = Hooks(own), int(time.time())
    event = envelope("user.created", {"n": 1})
    assert zoom.send(event, stamp=now + 3000).status_code == 401
    source, shifted = tmp_path / "shifted.c", tmp_path / "shifted.so"
    source.write_text(SHIFTED)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shifted, source, "-ldl"], check=True)
    pid = own.pid("mariadb")
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not alive(pid), 45, what="the end of the database")
    own.env["LD_PRELOAD"] = str(shifted)
    own.up()
    zoom.told(event, stamp=now + 3000)
    zoom.told(envelope("user.created", {"n": 2}), stamp=now)
    assert zoom.send(envelope("user.created", {"n": 3}), stamp=now + 4000).status_code == 401
    assert zoom.send(envelope("user.created", {"n": 4}), stamp=now - 6000).status_code == 401
    assert len(zoom.rows()) == 2
    assert own.log("webhook.clock")


def test_no_burst_is_refused(zoom, stack):
    """Far more at once than there are workers: each is taken, or told to come again."""
    answers = together(60, lambda n: [zoom.send(envelope("user.created", {"n": n, "k": k})).status_code for k in range(5)])
    flat = [status for some in answers for status in some]
    assert set(flat) <= {204, 503}
    assert len(zoom.rows()) >= flat.count(204)


def test_challenges_are_answered_under_load(zoom):
    """Among what comes at once, from each of the apps."""
    def one(n):
        if n % 3:
            return [zoom.send(envelope("user.created", {"n": n, "k": k})).status_code for k in range(8)]
        return [zoom.send(validation(), app).status_code for app in SECRETS for _ in range(3)]

    answers = together(18, one)
    assert [set(some) for some in answers[::3]] == [{200}] * 6


# ---- recordings


def test_what_was_held_is_looked_for_once_each(zoom, stack):
    meeting = book(stack, settings={"auto_recording": "cloud"})
    app, now = app_of(meeting), hooks.now_ms()
    stack.rows("DELETE FROM job")
    for event in (started(meeting, "held==", now - 60 * MINUTE), ended(meeting, "held==", now - 50 * MINUTE, now - 60 * MINUTE), recorded(meeting, "held=="),
                  recorded(meeting, "held==", name="recording.transcript_completed"), recorded(meeting, "other==")):
        together(3, lambda n: zoom.told(event, app))
    zoom.settled()
    found = stack.rows("SELECT o.uuid, o.started_at DIV 1000 AS began, o.ended_at DIV 1000 AS ended FROM occurrence o JOIN meeting m ON m.id = o.meeting_id"
                       " WHERE m.zoom_id = %s ORDER BY o.uuid", meeting["id"])
    assert found == [{"uuid": "held==", "began": (now - 60 * MINUTE) // 1000, "ended": (now - 50 * MINUTE) // 1000},
                     {"uuid": "other==", "began": None, "ended": None}]
    assert stack.rows("SELECT COUNT(*) AS n FROM job WHERE kind = 'recording.find'")[0]["n"] >= 1


# ---- silence, age


def housekeeping(stack):
    """It is done when a runner begins, and every minute."""
    for pid in stack.workers("mp-jobs"):
        os.kill(pid, signal.SIGTERM)


def alerts(stack):
    return stack.rows("SELECT subject, times FROM alert WHERE kind = 'webhooks_silent' ORDER BY subject")


def test_an_app_that_falls_silent_is_told_of_once(zoom, stack):
    stack.rows("DELETE FROM alert")
    meetings = {one["zoomAccountUsed"]: one for one in (book(stack, MORNING + n * HOUR) for n in range(3))}
    day, hour, now = 86400000, 3600000, hooks.now_ms()
    for app in SECRETS:
        stack.rows("INSERT INTO webhook_app (app, last_event, last_event_at) VALUES (%s, 'meeting.ended', %s)", app, now - 2 * day)
    # account_1: held and not told of. account_2: held an hour ago at most. account_3, which zoom/webhook speaks of: not held.
    for account, began, status in (("account_1", now - day, "ended"), ("account_2", now - hour // 2, "started"), ("account_3", now - day, "scheduled")):
        stack.rows("UPDATE meeting SET starts_at = %s, status = %s WHERE zoom_id = %s", began, status, meetings[account]["id"])
    housekeeping(stack)
    wait_for(lambda: alerts(stack), what="the alert")
    assert alerts(stack) == [{"subject": "zoom/webhook/account_1", "times": 1}]
    assert {name for name, app in zoom.apps().items() if app["silent"]} == {"account_1"}
    assert 2 * 86400 - 60 <= zoom.apps()["account_1"]["age_seconds"] <= 2 * 86400 + 600
    stack.rows("UPDATE meeting SET status = 'ended' WHERE zoom_id = %s", meetings["account_3"]["id"])
    housekeeping(stack)
    wait_for(lambda: len(alerts(stack)) == 2, what="the alert about zoom/webhook")
    assert alerts(stack) == [{"subject": "zoom/webhook", "times": 1}, {"subject": "zoom/webhook/account_1", "times": 1}]
    # Heard, it is silent no more.
    zoom.told(envelope("user.created", {}), "account_1")
    assert {name for name, app in zoom.apps().items() if app["silent"]} == {"users"}


def test_housekeeping_that_fails_holds_up_no_event(zoom, stack):
    meeting = book(stack)
    zoom.told(envelope("user.created", {}))
    stack.rows("UPDATE webhook_event SET received_at = %s", hooks.now_ms() - 31 * 86400000)
    stack.rows("CREATE TRIGGER webhook_stays BEFORE DELETE ON webhook_event FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'it stays'")
    try:
        housekeeping(stack)
        zoom.told(started(meeting), app_of(meeting))
        zoom.settled()
        assert status_of(stack, meeting) == "started"
    finally:
        stack.rows("DROP TRIGGER webhook_stays")


def test_an_app_that_was_never_heard_is_not_missed(zoom, stack):
    stack.rows("DELETE FROM alert")
    meeting = book(stack)
    stack.rows("UPDATE meeting SET starts_at = %s, status = 'ended' WHERE zoom_id = %s", hooks.now_ms() - 86400000, meeting["id"])
    zoom.told(envelope("user.created", {}), "account_2")
    stack.rows("UPDATE webhook_event SET received_at = %s", hooks.now_ms() - 31 * 86400000)
    housekeeping(stack)
    # Expired, and not forgotten when that app was heard.
    wait_for(lambda: not zoom.rows(), what="the end of what is old")
    wait_for(lambda: zoom.apps()["account_2"]["last_event"] == "user.created", what="when the app was heard")
    assert not alerts(stack)
