"""Webhooks from Zoom's side: the sandbox tells what happens there, as Zoom does, and the record follows."""
import os
import random
import signal
import time

import pytest

from booking import HOUR, MORNING, book, clean, text
from harness import wait_for
from hooks import SECRETS, SETTINGS, Hooks

CONTROL = {"webhook_minute_ms": 60000, "webhook_hold": False, "webhook_copies": 1, "webhook_restamp": False, "webhook_parallel": 4}
APPS = {1: "account_1", 2: "account_2", 3: ""}


@pytest.fixture(scope="module")
def stack(make_stack):
    return make_stack(**SETTINGS)


@pytest.fixture
def zoom(stack):
    clean(stack)
    told = Told(stack)
    told.subscribe()
    yield told
    told.unsubscribe()


class Told(Hooks):
    def __init__(self, stack):
        super().__init__(stack)
        self.sandbox = stack.sandbox

    def subscribe(self):
        self.sandbox.call("DELETE", "webhooks")
        self.sandbox.knobs(**CONTROL)
        for statement in ("DELETE FROM webhook_event", "DELETE FROM webhook_app", "DELETE FROM occurrence"):
            self.stack.rows(statement)
        accounts = [one["account_id"] for one in self.sandbox.state()["accounts"]]
        for number, app in APPS.items():
            self.sandbox.call("POST", "webhooks", {
                "url": f"{self.stack.base}/api/zoom/webhook" + (f"/{app}" if app else ""), "secret": SECRETS[app].split(",")[0],
                "account_id": accounts[number - 1], "ca_file": str(self.stack.run / "tls.crt")})

    def unsubscribe(self):
        self.sandbox.call("DELETE", "webhooks")
        self.sandbox.knobs(**CONTROL)

    def delivered(self, seconds=20):
        """Everything that Zoom had to tell was taken, and has come to an end here."""
        wait_for(lambda: not self.sandbox.call("GET", "webhooks/deliveries")["open"], seconds, 0.1, "the last delivery")
        self.settled()

    def do(self, meeting, verb, body=None):
        return self.sandbox.call("POST", f"meetings/{meeting['id']}/{verb}", body or {})

    def recover(self, meeting):
        """As in Zoom's own trash, by the account's credentials."""
        settings, number = self.stack.settings, meeting["zoomAccountUsed"].rsplit("_", 1)[1]
        token = self.sandbox.session.post(f"{self.sandbox.base}/oauth/token", auth=(settings[f"ZOOM_CLIENT_ID_{number}"], settings[f"ZOOM_CLIENT_SECRET_{number}"]),
                                          data={"grant_type": "account_credentials", "account_id": settings[f"ZOOM_ACCOUNT_ID_{number}"]}).json()["access_token"]
        answer = self.sandbox.session.put(f"{self.sandbox.base}/v2/meetings/{meeting['id']}/status", json={"action": "recover"},
                                          headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 204, answer.text

    def status(self, meeting):
        return self.stack.rows("SELECT status FROM meeting WHERE zoom_id = %s", meeting["id"])[0]["status"]

    def taken(self, meeting):
        return self.stack.rows("SELECT COUNT(*) AS n FROM place p JOIN meeting m ON m.id = p.meeting_id WHERE m.zoom_id = %s AND p.taken = 1",
                               meeting["id"])[0]["n"]

    def reads(self, meeting):
        return len([call for call in self.sandbox.calls()["calls"] if call["method"] == "GET" and call["path"] == f"/v2/meetings/{meeting['id']}"])

    def held(self, meeting):
        return self.stack.rows("SELECT o.uuid, o.started_at, o.ended_at FROM occurrence o JOIN meeting m ON m.id = o.meeting_id WHERE m.zoom_id = %s"
                               " ORDER BY o.id", meeting["id"])


def test_held_twice_on_each_account(zoom, stack):
    meetings = [book(stack, MORNING + n * HOUR) for n in range(3)]
    assert {meeting["zoomAccountUsed"] for meeting in meetings} == {"account_1", "account_2", "account_3"}
    for meeting in meetings:
        for verb, status, taken in (("start", "started", 1), ("end", "ended", 0), ("start", "started", 1), ("end", "ended", 0)):
            zoom.do(meeting, verb)
            zoom.delivered()
            assert (zoom.status(meeting), zoom.taken(meeting)) == (status, taken)
        held = zoom.held(meeting)
        assert len(held) == 2 and all(row["started_at"] and row["ended_at"] for row in held)
        assert not zoom.reads(meeting)
    assert {row["state"] for row in zoom.rows() if row["event"] != "meeting.created"} == {"applied"}


def test_what_is_done_here_comes_back_and_costs_nothing(zoom, stack):
    meeting = book(stack)
    path = f"zoom/meetings/{meeting['id']}"
    assert stack.patch(path, {"topic": "Another", "duration": 50, "start_time": text(MORNING + 2 * HOUR)}).status_code == 200
    zoom.delivered()
    before = stack.rows("SELECT version, updated_at FROM meeting")
    assert stack.delete(path).status_code == 200
    zoom.delivered()
    assert [row["event"] for row in zoom.rows()] == ["meeting.created", "meeting.updated", "meeting.deleted"]
    assert not zoom.reads(meeting) and zoom.status(meeting) == "deleted"
    assert stack.rows("SELECT version FROM meeting")[0]["version"] == before[0]["version"] + 1  # its deletion, and nothing more


def test_edits_in_zooms_pages(zoom, stack):
    meeting = book(stack)
    zoom.do(meeting, "edit", {"topic": "Edited there", "duration": 75, "start_time": text(MORNING + 3 * HOUR)[:19] + "Z", "password": "new-pass"})
    zoom.delivered()
    now = stack.get(f"zoom/meetings/{meeting['id']}").json()["data"]["meeting"]
    assert (now["topic"], now["duration"], now["start_time"], now["password"]) == ("Edited there", 75, text(MORNING + 3 * HOUR), "new-pass")
    (place,) = stack.rows("SELECT busy_until - busy_from AS ms FROM place WHERE taken = 1")
    assert place["ms"] == 75 * 60000
    zoom.do(meeting, "delete")
    zoom.delivered()
    assert zoom.status(meeting) == "deleted" and zoom.taken(meeting) == 0
    assert stack.get(f"zoom/meetings/{meeting['id']}").status_code == 404


def test_out_of_zooms_trash(zoom, stack):
    meeting = book(stack)
    zoom.do(meeting, "delete")
    zoom.delivered()
    assert (zoom.status(meeting), zoom.taken(meeting)) == ("deleted", 0)
    zoom.recover(meeting)
    zoom.delivered()
    assert (zoom.status(meeting), zoom.taken(meeting)) == ("scheduled", 1)
    assert stack.get(f"zoom/meetings/{meeting['id']}").status_code == 200
    # Told of once more after it was deleted again: Zoom is asked, and knows better.
    zoom.do(meeting, "delete")
    zoom.delivered()
    (told,) = zoom.sandbox.call("GET", "webhooks/deliveries?event=meeting.recovered")["deliveries"]
    zoom.stack.rows("DELETE FROM webhook_event WHERE event = 'meeting.recovered'")
    zoom.sandbox.call("POST", f"webhooks/deliveries/{told['seq']}/send", {"same_stamp": False})
    zoom.delivered()
    assert (zoom.status(meeting), zoom.taken(meeting)) == ("deleted", 0)


def test_a_booking_follows_what_was_done_in_zooms_pages(zoom, stack):
    made = stack.post("classes", {"title": "Algebra", "startTime": text(MORNING), "duration": 60, "hostId": "tutor-1"}).json()["data"]["class"]
    zoom.do({"id": made["zoomMeetingId"]}, "edit", {"start_time": text(MORNING + 4 * HOUR)[:19] + "Z", "duration": 30})
    zoom.delivered()

    def now():
        return stack.get(f"classes/{made['id']}").json()["data"]["class"]

    wait_for(lambda: (now()["startTime"], now()["duration"]) == (text(MORNING + 4 * HOUR), 30), what="the class at its new time")
    zoom.do({"id": made["zoomMeetingId"]}, "delete")
    zoom.delivered()
    wait_for(lambda: now()["meetingState"] == "failed", what="the class without its meeting")


def test_any_order_and_five_copies_each(zoom, stack):
    random.seed(11)
    meetings = [book(stack, MORNING + n * HOUR) for n in range(12)]
    zoom.delivered()
    zoom.sandbox.knobs(webhook_hold=True)
    for number, meeting in enumerate(meetings):
        for verb in ("start", "end", "start", "end", "start")[:1 + number % 5]:
            zoom.do(meeting, verb)
    zoom.sandbox.knobs(webhook_hold=False, webhook_copies=5)
    zoom.sandbox.call("POST", "webhooks/send", {"order": "random"})
    zoom.delivered()
    for number, meeting in enumerate(meetings):
        runs = number % 5 in (0, 2, 4)
        assert (zoom.status(meeting), zoom.taken(meeting)) == (("started", 1) if runs else ("ended", 0)), number
        assert len(zoom.held(meeting)) == (number % 5) // 2 + 1
    assert not any(zoom.reads(meeting) for meeting in meetings)


def test_an_outage_of_ours_is_tried_again(zoom, stack):
    meeting = book(stack)
    zoom.delivered()
    zoom.sandbox.knobs(webhook_minute_ms=200)
    pid = stack.pid("mariadb")
    os.kill(pid, signal.SIGSTOP)
    try:
        zoom.do(meeting, "start")
        wait_for(lambda: [one for one in zoom.sandbox.call("GET", "webhooks/deliveries?event=meeting.started")["deliveries"] if one["attempts"]], 20,
                 what="a first try")
    finally:
        os.kill(pid, signal.SIGCONT)
    zoom.delivered(40)
    (told,) = zoom.sandbox.call("GET", "webhooks/deliveries?event=meeting.started")["deliveries"]
    assert told["state"] == "delivered" and told["attempts"][0]["status"] in (0, 503) and len(told["attempts"]) >= 2
    assert zoom.status(meeting) == "started"


def test_a_replay_to_the_letter(zoom, stack):
    meeting = book(stack)
    zoom.do(meeting, "start")
    zoom.do(meeting, "end")
    zoom.do(meeting, "start")
    zoom.delivered()
    (ended,) = zoom.sandbox.call("GET", "webhooks/deliveries?event=meeting.ended")["deliveries"]
    for same_stamp in (True, False):
        zoom.sandbox.call("POST", f"webhooks/deliveries/{ended['seq']}/send", {"same_stamp": same_stamp})
        zoom.delivered()
    assert (zoom.status(meeting), zoom.taken(meeting)) == ("started", 1)
    assert zoom.rows(event="meeting.ended")[0]["copies"] == 3


def test_the_subscription_is_valid(zoom, stack):
    for hook in zoom.sandbox.call("GET", "webhooks")["webhooks"]:
        answer = zoom.sandbox.call("POST", f"webhooks/{hook['id']}/validate")
        assert answer is None or "problem" not in answer or not answer["problem"], answer
    wait_for(lambda: all(app["last_challenge_at"] for app in zoom.apps().values()), what="a challenge to each")


def test_two_machines_and_runners_that_die(zoom, stack, make_stack):
    """Runners of two machines, one of them killed over and over: each event is applied, and applied once."""
    other = make_stack(database_of=stack, **SETTINGS)
    meetings = [book(stack, MORNING + n * HOUR) for n in range(10)]
    zoom.delivered()
    zoom.sandbox.knobs(webhook_hold=True)
    for meeting in meetings:
        for verb in ("start", "end", "start"):
            zoom.do(meeting, verb)
        zoom.do(meeting, "edit", {"topic": f"Edited {meeting['id']}"})
    zoom.sandbox.knobs(webhook_hold=False)
    zoom.sandbox.call("POST", "webhooks/send", {"order": "random"})
    end = time.monotonic() + 3
    while time.monotonic() < end:
        for pid in stack.workers("mp-jobs"):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.4)
    wait_for(lambda: not zoom.sandbox.call("GET", "webhooks/deliveries")["open"], 20, 0.1, "the last delivery")
    zoom.settled(60)
    assert {row["state"] for row in zoom.rows() if row["event"] != "meeting.created"} == {"applied"}
    for meeting in meetings:
        assert (zoom.status(meeting), zoom.taken(meeting), len(zoom.held(meeting))) == ("started", 1, 2)
        assert stack.get(f"zoom/meetings/{meeting['id']}").json()["data"]["meeting"]["topic"] == f"Edited {meeting['id']}"
