"""
Zoom's bursts: so many signed events a second, each at its own instant whatever became of those before, over kept TLS connections. How long the answer
took counts from the instant at which the event was due. By itself:

    tests/bench/webhooks.py URL CERTIFICATE SECRET [RATE] [SECONDS]
"""
import hashlib
import hmac
import itertools
import json
import socket
import ssl
import sys
import threading
import time
import urllib.parse

CONNECTIONS = 24


def event(number, meetings):
    """As Zoom's recording.completed, meeting.started and the like are: a kilobyte, no two alike; every tenth about a meeting that there is."""
    name = ("meeting.started", "meeting.ended", "recording.completed", "meeting.participant_joined")[number % 4]
    meeting = meetings[number // 40 % len(meetings)] if meetings and number % 10 == 0 else 10**10 + number
    now = int(time.time() * 1000)
    body = {"event": name, "event_ts": now, "payload": {"account_id": "bench", "object": {
        "id": str(meeting), "uuid": f"bench{number:012}==", "host_id": "bench", "topic": "x" * 600, "type": 2, "duration": 45, "timezone": "UTC",
        "start_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now / 1000))}}}
    return json.dumps(body, separators=(",", ":")).encode()


def request(host, path, secret, body):
    stamp = str(int(time.time()))
    signature = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    head = (f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
            f"x-zm-request-timestamp: {stamp}\r\nx-zm-signature: v0={signature}\r\n\r\n")
    return head.encode() + body


class Sender:
    def __init__(self, url, certificate, secret):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.path = parts.hostname, parts.port or 443, parts.path
        self.context = ssl.create_default_context(cafile=certificate)
        self.secret = secret

    def connect(self):
        plain = socket.create_connection((self.host, self.port), timeout=30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(plain, server_hostname=self.host)

    @staticmethod
    def answer(connection):
        """The status. A 204 has no body; for any other the connection is not used again."""
        got = b""
        while b"\r\n\r\n" not in got:
            more = connection.recv(4096)
            if not more:
                raise ConnectionError("cut")
            got += more
        return int(got.split(b" ", 2)[1])

    def run(self, rate, seconds, meetings=()):
        """[(status, milliseconds)] of each; status 0: no answer."""
        total = int(rate * seconds)
        turns, results, lock = itertools.count(), [None] * total, threading.Lock()
        began = time.monotonic() + 0.5

        def work():
            connection = self.connect()
            while True:
                with lock:
                    number = next(turns)
                if number >= total:
                    return
                due = began + number / rate
                body = request(self.host, self.path, self.secret, event(number, meetings))
                time.sleep(max(0, due - time.monotonic()))
                try:
                    connection.sendall(body)
                    status = self.answer(connection)
                except (OSError, ConnectionError):
                    status = 0
                results[number] = status, (time.monotonic() - due) * 1000
                if status != 204:
                    connection.close()
                    connection = self.connect()

        threads = [threading.Thread(target=work, daemon=True) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results


def figures(results):
    times = sorted(ms for _, ms in results)
    return {"p50": times[len(times) // 2], "p99": times[min(len(times) - 1, len(times) * 99 // 100)], "most": times[-1],
            "taken": sum(status == 204 for status, _ in results) / len(results)}


def tell_burst(stack, secret, meetings, seconds, tell):
    """The figures of one burst, and how long the last of it took to be applied, each once."""
    results = Sender(f"{stack.base}/api/zoom/webhook", str(stack.run / "tls.crt"), secret).run(500, seconds, meetings)
    got = figures(results)
    end = time.monotonic() + 60
    while stack.rows("SELECT 1 FROM webhook_event WHERE state = 'stored' LIMIT 1"):
        if time.monotonic() > end:
            raise SystemExit("events were not applied within a minute")
        time.sleep(0.1)
    (kept,) = stack.rows("SELECT COUNT(*) AS n, SUM(state = 'failed') AS failed, MAX(applied_at - received_at) AS most FROM webhook_event")
    if kept["failed"] or kept["n"] != sum(status == 204 for status, _ in results):
        raise SystemExit(f"not every event that was taken was applied: {kept}")
    tell("webhook_p50", got["p50"], "ms")
    tell("webhook_p99", got["p99"], "ms")
    tell("webhook_most", got["most"], "ms")
    tell("webhook_taken", got["taken"], "ratio")
    tell("webhook_applied_after", float(kept["most"]), "ms")


if __name__ == "__main__":
    rate, seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 500, float(sys.argv[5]) if len(sys.argv) > 5 else 10
    print(figures(Sender(*sys.argv[1:4]).run(rate, seconds)))
