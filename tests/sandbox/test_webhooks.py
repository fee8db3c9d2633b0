import hashlib
import hmac
import http.server
import json
import socket
import ssl
import subprocess
import threading
import time

import pytest

from conftest import wait_until
from test_recordings import fetch, get, held, record

SECRET = "secret-token"


class Receiver:
    """An endpoint that keeps what it is sent and answers as it is told."""

    def __init__(self, cert=None):
        self.got, self.statuses, self.delay, self.connections = [], [], 0, set()
        self.gate = threading.Event()  # while it is not set nothing is answered
        self.gate.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.connections.add(self.client_address)
                time.sleep(outer.delay)
                outer.gate.wait(30)
                outer.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status = outer.statuses.pop(0) if outer.statuses else 204
                text = b""
                event = json.loads(body)
                if event["event"] == "endpoint.url_validation" and status == 204:
                    plain = event["payload"]["plainToken"]
                    text = json.dumps({"plainToken": plain, "encryptedToken": hmac.new(SECRET.encode(), plain.encode(), "sha256").hexdigest()}).encode()
                    status = 200
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

        self.server = Server(("127.0.0.1", 0), Handler)
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*cert)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if cert else ''}://{'localhost' if cert else '127.0.0.1'}:{self.port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def events(self):
        return [json.loads(body) for _, _, body in self.got]

    def names(self):
        return [event["event"] for event in self.events()]

    def wait(self, count):
        wait_until(lambda: len(self.got) >= count)
        return self.events()

    def stop(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    one = Receiver()
    yield one
    one.stop()


def subscribe(sandbox, receiver, *events, **more):
    return sandbox.control("POST", "webhooks", {"url": receiver.url, "secret": SECRET, "events": list(events), **more})["id"]


def deliveries(sandbox, **match):
    rows = sandbox.control("GET", "webhooks/deliveries")["deliveries"]
    return [r for r in rows if all(r[k] == v for k, v in match.items())]


def settled(sandbox):
    wait_until(lambda: sandbox.control("GET", "webhooks/deliveries")["open"] == 0)
    return deliveries(sandbox)


def test_signed_over_the_raw_bytes_and_headed_as_zooms(sandbox, receiver):
    subscribe(sandbox, receiver)
    sandbox.create(topic="Größe \"x\"")
    receiver.wait(1)
    path, head, body = receiver.got[0]
    stamp = head["x-zm-request-timestamp"]
    wanted = hmac.new(SECRET.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    assert (path, head["x-zm-signature"]) == ("/hook", f"v0={wanted}")
    assert abs(int(stamp) - time.time()) < 60
    assert (head["content-type"], head["user-agent"]) == ("application/json; charset=utf-8", "Zoom Marketplace/1.0a")
    assert head["x-zm-request-id"] and body == json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()


def test_a_meeting_by_the_api(sandbox, receiver):
    subscribe(sandbox, receiver)
    m = sandbox.create(topic="one", settings={"waiting_room": True})
    sandbox.api("PATCH", f"/meetings/{m['id']}", {"topic": "two", "settings": {"waiting_room": False}})
    sandbox.api("PATCH", f"/meetings/{m['id']}", {"topic": "two"})  # nothing new
    sandbox.control("POST", f"meetings/{m['id']}/start")
    sandbox.advance(600)
    sandbox.api("PUT", f"/meetings/{m['id']}/status", {"action": "end"})
    sandbox.knobs(delete_ended="accept")
    sandbox.api("DELETE", f"/meetings/{m['id']}")
    events = receiver.wait(5)
    assert [e["event"] for e in events] == ["meeting.created", "meeting.updated", "meeting.started", "meeting.ended", "meeting.deleted"]
    created, updated, started, ended, deleted = [e["payload"]["object"] for e in events]
    assert all(e["payload"]["account_id"] == "A1" and e["event_ts"] > 0 for e in events)
    assert [o["id"] for o in (created, updated, started, ended, deleted)] == [m["id"], m["id"], str(m["id"]), str(m["id"]), m["id"]]
    assert (created["uuid"], created["join_url"], created["password"], created["host_id"]) == (m["uuid"], m["join_url"], m["password"], "owner")
    assert updated == {"id": m["id"], "topic": "two", "settings": {"waiting_room": False}}
    change = events[1]["payload"]
    assert change["old_object"] == {"id": m["id"], "topic": "one", "settings": {"waiting_room": True}}
    assert change["scope"] == "single" and change["time_stamp"] > 0 and "operation" not in change
    assert started["uuid"] == ended["uuid"] == m["uuid"] != deleted["uuid"]
    assert ended["end_time"] > started["start_time"] and events[0]["payload"]["operator"] == "owner@one.example.com"


def test_a_meeting_in_zooms_own_pages(sandbox, receiver):
    subscribe(sandbox, receiver)
    m = sandbox.control("POST", "meetings", {"host": "second", "topic": "theirs", "start_time": "2035-01-01T00:00:00Z"})
    sandbox.control("POST", f"meetings/{m['id']}/edit", {"start_time": "2035-01-02T00:00:00Z"})
    sandbox.control("POST", f"meetings/{m['id']}/start")
    sandbox.control("DELETE", f"meetings/{m['id']}")
    events = receiver.wait(5)
    assert [e["event"] for e in events] == ["meeting.created", "meeting.updated", "meeting.started", "meeting.ended", "meeting.deleted"]
    assert events[1]["payload"]["object"] == {"id": m["id"], "start_time": "2035-01-02T00:00:00Z"}


def test_a_forced_start_ends_the_first(sandbox, receiver):
    subscribe(sandbox, receiver, "meeting.started", "meeting.ended")
    sandbox.knobs(host_cap=1)
    one, two = sandbox.create(), sandbox.create()
    sandbox.control("POST", f"meetings/{one['id']}/start")
    sandbox.control("POST", f"meetings/{two['id']}/start", {"force": True})
    assert [(e["event"], e["payload"]["object"]["uuid"]) for e in receiver.wait(3)] == [
        ("meeting.started", one["uuid"]), ("meeting.ended", one["uuid"]), ("meeting.started", two["uuid"])]


def test_recordings_tell_when_they_appear(sandbox, receiver):
    subscribe(sandbox, receiver, "recording.completed", "recording.transcript_completed", "recording.trashed")
    m = held(sandbox)
    record(sandbox, m, {"file_type": "MP4"}, {"file_type": "M4A", "delay_ms": 600000}, {"file_type": "TRANSCRIPT", "delay_ms": 1200000})
    first = receiver.wait(1)[0]
    sandbox.advance(601)
    receiver.wait(2)
    sandbox.advance(601)
    events = receiver.wait(3)
    assert [[f["file_type"] for f in e["payload"]["object"]["recording_files"]] for e in events] == [["MP4"], ["MP4", "M4A"], ["TRANSCRIPT"]]
    assert receiver.names() == ["recording.completed", "recording.completed", "recording.transcript_completed"]
    thing = first["payload"]["object"]
    assert (thing["id"], thing["uuid"], thing["account_id"], thing["host_email"], thing["on_prem"], thing["recording_count"]) == (
        m["id"], m["uuid"], "A1", "owner@one.example.com", False, 1)
    assert not {"on_prem", "participant_audio_files"} & set(events[2]["payload"]["object"])
    url = thing["recording_files"][0]["download_url"]
    assert url.startswith(f"{sandbox.base}/rec/webhook_download/")
    assert fetch(sandbox, url, first["download_token"]).status_code == 200
    rest = get(sandbox, m["id"], token=sandbox.new_token()).json()["recording_files"][0]["download_url"]
    assert fetch(sandbox, rest, first["download_token"]).status_code == 401
    sandbox.advance(86400)
    assert fetch(sandbox, url, first["download_token"]).status_code == 401
    sandbox.api("DELETE", f"/meetings/{m['id']}/recordings", token=sandbox.new_token())
    assert receiver.wait(4)[3]["event"] == "recording.trashed"


def test_removed_app(sandbox, receiver):
    subscribe(sandbox, receiver, "app_deauthorized")
    sandbox.control("POST", "grants/revoke", {"user": "second"})
    event = receiver.wait(1)[0]
    assert set(event) == {"event", "payload"} and set(event["payload"]) == {
        "account_id", "user_id", "signature", "deauthorization_time", "client_id", "event_ts"}
    assert event["payload"]["user_id"] == "second" and len(event["payload"]["event_ts"]) == 19
    sandbox.control("POST", "webhooks/emit", {"event": "app_deauthorized", "user": "owner", "client_id": "C9"})
    assert receiver.wait(2)[1]["payload"]["client_id"] == "C9"


def test_who_hears_what(sandbox, receiver):
    subscribe(sandbox, receiver, account_id="A2")
    subscribe(sandbox, receiver, "meeting.deleted", account_id="A1")
    m = sandbox.create()
    sandbox.api("POST", "/users/me/meetings", {"topic": "x"}, account="2")
    sandbox.api("DELETE", f"/meetings/{m['id']}")
    receiver.wait(2)
    settled(sandbox)
    assert sorted(e["payload"]["account_id"] + e["event"] for e in receiver.events()) == ["A1meeting.deleted", "A2meeting.created"]


def test_validation(sandbox, receiver):
    hook = subscribe(sandbox, receiver)
    sandbox.control("POST", f"webhooks/{hook}/validate")
    assert settled(sandbox)[0]["state"] == "delivered"
    assert sandbox.control("GET", f"webhooks/{hook}")["validated_at"] > 0
    sandbox.advance(72 * 3600 + 1)
    wait_until(lambda: receiver.names() == ["endpoint.url_validation"] * 2)
    receiver.statuses = [200] * 6
    for _ in range(6):
        sandbox.control("POST", f"webhooks/{hook}/validate")
    settled(sandbox)
    assert sandbox.control("GET", f"webhooks/{hook}")["disabled"] is True
    sandbox.create()
    assert "meeting.created" not in [d["event"] for d in deliveries(sandbox)]


def test_retries_at_zooms_times(sandbox, receiver):
    subscribe(sandbox, receiver)
    receiver.statuses = [500, 502, 503, 500]
    sandbox.create()
    for count, minutes in ((1, 5), (2, 20), (3, 60)):
        wait_until(lambda: len(deliveries(sandbox)[0]["attempts"]) == count)
        sandbox.advance(minutes * 60 - 30)
        time.sleep(0.1)
        assert len(receiver.got) == count
        sandbox.advance(31)
    wait_until(lambda: deliveries(sandbox)[0]["state"] == "lost")
    assert [a["status"] for a in deliveries(sandbox)[0]["attempts"]] == [500, 502, 503, 500]
    assert len({(h["x-zm-request-timestamp"], h["x-zm-signature"], h["x-zm-request-id"], b) for _, h, b in receiver.got}) == 1


def test_retries_in_seconds_with_a_fresh_stamp(sandbox, receiver):
    sandbox.knobs(webhook_minute_ms=250, webhook_restamp=True)
    subscribe(sandbox, receiver)
    receiver.statuses = [500]
    sandbox.create()
    receiver.wait(2)
    assert settled(sandbox)[0]["state"] == "delivered"
    stamps = [h["x-zm-request-timestamp"] for _, h, _ in receiver.got]
    assert int(stamps[1]) > int(stamps[0])


def test_no_retry_for_3xx_and_4xx(sandbox, receiver):
    sandbox.knobs(webhook_minute_ms=1)
    subscribe(sandbox, receiver)
    receiver.statuses = [301, 404, 429]
    for _ in range(3):
        sandbox.create()
    assert [(d["state"], len(d["attempts"])) for d in settled(sandbox)] == [("refused", 1)] * 3


def test_retry_where_nobody_answers(sandbox, receiver):
    sandbox.knobs(webhook_minute_ms=1, webhook_timeout_ms=200)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        sandbox.control("POST", "webhooks", {"url": f"http://127.0.0.1:{s.getsockname()[1]}/", "secret": SECRET})
        sandbox.create()
        rows = settled(sandbox)
    assert rows[0]["state"] == "lost" and len(rows[0]["attempts"]) == 4
    assert all(a["status"] == 0 and a["problem"] for a in rows[0]["attempts"])
    sandbox.control("DELETE", "webhooks")
    receiver.delay = 1
    subscribe(sandbox, receiver)
    sandbox.create()
    wait_until(lambda: len(deliveries(sandbox)[1]["attempts"]) >= 1)
    assert deliveries(sandbox)[1]["attempts"][0]["status"] == 0


def test_sending_holds_up_nobody(sandbox, receiver):
    receiver.gate.clear()
    sandbox.knobs(webhook_timeout_ms=30000)
    subscribe(sandbox, receiver)
    for _ in range(5):
        sandbox.create()
    assert receiver.got == [] and sandbox.control("GET", "webhooks/deliveries")["open"] == 5
    receiver.gate.set()
    receiver.wait(5)


def test_copies_and_losses(sandbox, receiver):
    subscribe(sandbox, receiver)
    sandbox.knobs(webhook_copies=3)
    sandbox.create()
    receiver.wait(3)
    assert len({body for _, _, body in receiver.got}) == 1 and len({h["x-zm-request-id"] for _, h, _ in receiver.got}) == 1
    sandbox.knobs(webhook_drop_percent=100)
    sandbox.create()
    assert [d["state"] for d in settled(sandbox)] == ["delivered"] * 3 + ["dropped"] * 3 and len(receiver.got) == 3


@pytest.mark.parametrize("order", ["first", "last"])
def test_held_back_and_sent_in_another_order(sandbox, receiver, order):
    subscribe(sandbox, receiver)
    sandbox.knobs(webhook_hold=True)
    m = sandbox.create()
    sandbox.control("POST", f"meetings/{m['id']}/start")
    sandbox.control("POST", f"meetings/{m['id']}/end")
    assert [d["state"] for d in deliveries(sandbox)] == ["held"] * 3 and receiver.got == []
    assert sandbox.control("POST", "webhooks/send", {"order": order})["sent"] == 3
    receiver.wait(3)
    names = ["meeting.created", "meeting.started", "meeting.ended"]
    assert receiver.names() == (names if order == "first" else names[::-1])


def test_held_back_and_sent_in_any_order(sandbox, receiver):
    subscribe(sandbox, receiver)
    sandbox.knobs(webhook_hold=True)
    made = [sandbox.create()["id"] for _ in range(4)]
    seqs = [d["seq"] for d in deliveries(sandbox)]
    wanted = [2, 0, 3]
    sandbox.control("POST", "webhooks/send", {"deliveries": [seqs[i] for i in wanted]})
    assert [e["payload"]["object"]["id"] for e in receiver.wait(3)] == [made[i] for i in wanted]
    assert [d["seq"] for d in deliveries(sandbox, state="held")] == [seqs[1]]
    sandbox.control("POST", "webhooks/send", {"deliveries": [seqs[0]]}, status=400)


def test_replay(sandbox, receiver):
    subscribe(sandbox, receiver)
    sandbox.create()
    receiver.wait(1)
    seq = settled(sandbox)[0]["seq"]
    sandbox.control("POST", f"webhooks/deliveries/{seq}/send", {"same_stamp": True})
    receiver.wait(2)
    settled(sandbox)
    assert receiver.got[0] == receiver.got[1]


def test_trash_is_told(sandbox, receiver):
    m = held(sandbox)
    record(sandbox, m, {"file_type": "MP4", "event": False}, {"file_type": "M4A", "event": False})
    subscribe(sandbox, receiver)
    files = get(sandbox, m["id"]).json()["recording_files"]
    path = f"/meetings/{m['id']}/recordings"
    sandbox.api("DELETE", f"{path}/{files[1]['id']}")
    sandbox.api("PUT", f"{path}/{files[1]['id']}/status", {"action": "recover"})
    sandbox.api("DELETE", path)
    sandbox.api("DELETE", f"{path}?action=delete")
    events = receiver.wait(4)
    assert all(e["payload"]["operator"] == "owner@one.example.com" for e in events)
    assert [(e["event"], [f["file_type"] for f in e["payload"]["object"]["recording_files"]]) for e in events] == [
        ("recording.trashed", ["M4A"]), ("recording.recovered", ["M4A"]), ("recording.trashed", ["MP4", "M4A"]), ("recording.deleted", ["MP4", "M4A"])]


def test_one_more_time_on_demand(sandbox, receiver):
    subscribe(sandbox, receiver)
    sandbox.create()
    receiver.wait(1)
    seq = settled(sandbox)[0]["seq"]
    sandbox.control("POST", f"webhooks/deliveries/{seq}/send")
    receiver.wait(2)
    assert receiver.got[0][2] == receiver.got[1][2]
    assert len(settled(sandbox)[0]["attempts"]) == 2


def test_spread_changes_the_order(sandbox, receiver):
    subscribe(sandbox, receiver, "meeting.created")
    sandbox.knobs(webhook_spread_ms=400, webhook_parallel=8)
    made = [sandbox.create()["id"] for _ in range(12)]
    ids = [e["payload"]["object"]["id"] for e in receiver.wait(12)]
    assert sorted(ids) == sorted(made) and ids != made


def test_forged_ones(sandbox, receiver):
    subscribe(sandbox, receiver)
    sandbox.knobs(webhook_bad_signature=True, webhook_stamp_offset_s=-7200)
    sandbox.create()
    receiver.wait(1)
    _, head, body = receiver.got[0]
    stamp = head["x-zm-request-timestamp"]
    assert head["x-zm-signature"] != "v0=" + hmac.new(SECRET.encode(), f"v0:{stamp}:".encode() + body, "sha256").hexdigest()
    assert int(stamp) < time.time() - 7000


@pytest.mark.parametrize("ids, kinds", [("text", [str, str]), ("number", [int, int]), ("zoom", [int, str])])
def test_ids_as_text_or_number(sandbox, receiver, ids, kinds):
    subscribe(sandbox, receiver)
    sandbox.knobs(webhook_ids=ids)
    m = sandbox.create()
    sandbox.control("POST", f"meetings/{m['id']}/start")
    assert [type(e["payload"]["object"]["id"]) for e in receiver.wait(2)] == kinds


def test_given_events(sandbox, receiver):
    subscribe(sandbox, receiver)
    m = held(sandbox)
    receiver.wait(3)
    sandbox.control("POST", "webhooks/emit", {"event": "meeting.ended", "uuid": m["uuid"]})
    sandbox.control("POST", "webhooks/emit", {"event": "x.y", "body": {"event": "x.y", "event_ts": 1}})
    sandbox.control("POST", "webhooks/emit", {"event": "x.y", "body": "{ \"event\" :\"x.y\"}"})
    sandbox.control("POST", "webhooks/emit", {"event": "meeting.ended", "meeting": 1}, status=404)
    receiver.wait(6)
    assert receiver.events()[3]["payload"]["object"]["uuid"] == m["uuid"]
    assert [body for _, _, body in receiver.got[4:]] == [b'{"event":"x.y","event_ts":1}', b'{ "event" :"x.y"}']


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "tls.key", "-out", folder / "tls.crt"],
                   check=True, capture_output=True, timeout=60)
    return folder / "tls.crt", folder / "tls.key"


def test_tls_with_a_certificate_of_its_own(sandbox, certificate):
    receiver = Receiver(certificate)
    try:
        sandbox.knobs(webhook_minute_ms=1)
        subscribe(sandbox, receiver)
        sandbox.create()
        row = settled(sandbox)[0]
        assert row["state"] == "lost" and "certificate" in row["attempts"][0]["problem"]
        sandbox.control("DELETE", "webhooks")
        hook = subscribe(sandbox, receiver, ca_file=str(certificate[0]))
        sandbox.create()
        receiver.wait(1)
        report = sandbox.control("POST", f"webhooks/{hook}/burst", {"count": 50, "rate": 500, "connections": 4})
        assert report["statuses"] == {"204": 50}
    finally:
        receiver.stop()


def test_a_burst(sandbox, receiver):
    hook = subscribe(sandbox, receiver)
    sandbox.control("POST", "webhooks/emit", {"event": "x", "body": {"event": "x"}})
    receiver.wait(1)
    receiver.connections.clear()
    receiver.statuses = [500] * 3
    sandbox.create()
    receiver.wait(2)
    report = sandbox.control("POST", f"webhooks/{hook}/burst", {"count": 200, "rate": 400, "connections": 4, "copies": 2})
    assert report["statuses"] in ({"204": 198, "500": 2}, {"204": 197, "500": 3}) and report["sent"] == 200 and report["different"] == 100
    assert report["elapsed_ms"] >= 490 and report["unanswered"] == 0
    assert 0 <= report["latency_ms"]["p50"] <= report["latency_ms"]["p99"] <= report["latency_ms"]["max"]
    assert len(receiver.connections) <= 5
    bodies = [b for _, h, b in receiver.got[2:]]
    assert len(set(bodies)) == 100 and all(json.loads(b)["event"] == "meeting.started" for b in bodies)
    given = [{"event": "a", "event_ts": 1, "payload": {"n": n}} for n in range(3)]
    report = sandbox.control("POST", f"webhooks/{hook}/burst", {"count": 6, "rate": 1000, "events": given})
    assert report["sent"] == 6 and [e["payload"]["n"] for e in receiver.events()[-6:]].count(0) == 2


def test_subscriptions_come_and_go(sandbox, receiver):
    hook = subscribe(sandbox, receiver, "meeting.created")
    assert [h["id"] for h in sandbox.control("GET", "webhooks")["webhooks"]] == [hook]
    sandbox.control("DELETE", f"webhooks/{hook}")
    sandbox.control("GET", f"webhooks/{hook}", status=404)
    assert sandbox.control("POST", "webhooks", {"url": "x"}, status=400)["details"][0]["field"] == "secret"
    sandbox.create()
    assert deliveries(sandbox) == []


def test_subscriptions_outlive_a_restart(own, tmp_path, receiver):
    one = own("--state", str(tmp_path / "state.json"))
    subscribe(one, receiver, "meeting.created", account_id="A1")
    assert one.stop() == 0
    one.start()
    one.create()
    assert receiver.wait(1)[0]["event"] == "meeting.created"


def test_it_ends_while_a_delivery_waits(own, receiver):
    one = own()
    receiver.gate.clear()
    one.knobs(webhook_timeout_ms=500)
    subscribe(one, receiver)
    one.create()
    wait_until(lambda: deliveries(one, state="sending"))
    assert one.stop() == 0
