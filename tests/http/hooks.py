"""Zoom's side of webhooks, signed by this file alone: developers.zoom.us/docs/api/webhooks, "Verify webhook events"."""
import hashlib
import hmac
import itertools
import json
import time

from harness import wait_for

SECRETS = {"": "users-app-secret", "account_1": "secret-of-one", "account_2": "second-new"}
FORMER = "second-old"
SETTINGS = {"ZOOM_WEBHOOK_SECRET_TOKEN": SECRETS[""], "ZOOM_WEBHOOK_SECRET_TOKEN_1": SECRETS["account_1"],
            "ZOOM_WEBHOOK_SECRET_TOKEN_2": f"{SECRETS['account_2']},{FORMER}"}
numbers = itertools.count(1)


def now_ms():
    return int(time.time() * 1000)


def spelled(at_ms):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ms / 1000))


def sign(body, secret, stamp):
    return "v0=" + hmac.new(secret.encode(), b"v0:" + str(stamp).encode() + b":" + body, hashlib.sha256).hexdigest()


def packed(event):
    return event if isinstance(event, bytes) else json.dumps(event, separators=(",", ":")).encode()


class Hooks:
    def __init__(self, stack):
        self.stack = stack

    def send(self, event, app="", stamp=None, secret=None, signature=None, headers=None):
        """Posts it as Zoom would; the answer."""
        body = packed(event)
        stamp = int(time.time()) if stamp is None else stamp
        sent = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Zoom Marketplace/1.0a",
                "x-zm-request-timestamp": str(stamp), "x-zm-signature": signature or sign(body, secret or SECRETS[app], stamp), **(headers or {})}
        return self.stack.request("POST", "zoom/webhook" + ("/" + app if app else ""), role=None, data=body,
                                  headers={name: value for name, value in sent.items() if value is not None})

    def told(self, event, app="", **more):
        """As send(); it must be taken."""
        answer = self.send(event, app, **more)
        assert answer.status_code == 204, answer.text
        return answer

    def rows(self, **where):
        """What is stored, oldest first."""
        clause = " AND ".join(f"{name} = %s" for name in where) or "1 = 1"
        return self.stack.rows(f"SELECT * FROM webhook_event WHERE {clause} ORDER BY id", *where.values())

    def settled(self, seconds=20):
        """Everything that was stored has come to an end."""
        wait_for(lambda: not self.rows(state="stored"), seconds, what="the end of what was stored")

    def apps(self):
        response = self.stack.get("admin/webhook-events")
        assert response.status_code == 200, response.text
        return {one["app"]: one for one in response.json()["data"]["apps"]}


def envelope(name, obj, at=None, **payload):
    return {"event": name, "event_ts": now_ms() if at is None else at, "payload": {"account_id": "Zoom-account", **payload, "object": obj}}


def started(meeting, uuid="first==", at=None, **more):
    at = now_ms() if at is None else at
    return envelope("meeting.started", {"duration": meeting["duration"], "start_time": spelled(at), "timezone": "", "topic": meeting["topic"],
                                        "id": meeting["id"], "type": 2, "uuid": uuid, "host_id": "host", **more}, at)


def ended(meeting, uuid="first==", at=None, began=None, **more):
    at = now_ms() if at is None else at
    return envelope("meeting.ended", {"duration": meeting["duration"], "start_time": spelled(began or at - 1800000), "end_time": spelled(at),
                                      "timezone": "", "topic": meeting["topic"], "id": meeting["id"], "type": 2, "uuid": uuid, "host_id": "host",
                                      **more}, at)


def updated(meeting, at=None, **changed):
    return envelope("meeting.updated", {"id": int(meeting["id"]), **changed}, at, operator="somebody@example.com", scope="all", old_object={})


def deleted(meeting, at=None, name="meeting.deleted"):
    return envelope(name, {"uuid": "first==", "id": int(meeting["id"]), "host_id": "host", "topic": meeting["topic"], "type": 2,
                           "start_time": meeting["start_time"][:19] + "Z", "duration": meeting["duration"], "timezone": "UTC"}, at,
                    operator="somebody@example.com", operation="all")


def recorded(meeting, uuid="first==", at=None, name="recording.completed"):
    body = envelope(name, {"id": int(meeting["id"]), "uuid": uuid, "host_id": "host", "topic": meeting["topic"], "type": 2, "duration": 30,
                           "password": "canary-passcode", "share_url": "https://zoom.us/rec/share/canary-share",
                           "recording_files": [{"id": "f1", "file_type": "MP4", "download_url": "https://zoom.us/rec/download/canary-url"}]}, at)
    body["download_token"] = "canary-download-token"
    return body


def validation(token=None):
    return {"event": "endpoint.url_validation", "event_ts": now_ms(), "payload": {"plainToken": token or f"plain{next(numbers)}"}}
