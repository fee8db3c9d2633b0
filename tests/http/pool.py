"""A stack, its three accounts at the sandbox, and what holds for both once they are quiet."""
import itertools
import json

from harness import wait_for

CREATE = {"method": "POST", "path": "/v2/users/*/meetings"}
LIST = {"method": "GET", "path": "/v2/users/*/meetings"}
TOKEN = {"method": "POST", "path": "/oauth/token"}
DELETE = {"method": "DELETE", "path": "/v2/meetings/*"}
UPDATE = {"method": "PATCH", "path": "/v2/meetings/*"}
GET = {"method": "GET", "path": "/v2/meetings/*"}

DOWN = {"status": 500, "body": {"code": 500, "message": "Internal error"}}
PER_SECOND = "You have reached the maximum per-second rate limit for this API. Try again later."
PER_DAY = ("You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you can make another"
           " request.")
PER_HOST = ("You have exceeded the daily rate limit (100) of Meeting Create/Update API requests permitted for this particular user. You may resume"
            " these requests at GMT 00:00:00.")


def limited(message, **headers):
    return {"status": 429, "body": {"code": 429, "message": message}, "headers": headers}


class Pool:
    def __init__(self, stack):
        self.stack, self.sandbox = stack, stack.sandbox
        accounts = self.sandbox.state()["accounts"]
        self.ids = [one["account_id"] for one in accounts]
        self.secrets = [one["client_secret"] for one in accounts]
        self.hosts = [[user["email"] for user in one["users"]] for one in accounts]
        self.knobs = self.sandbox.call("GET", "knobs")
        self.days = itertools.count(1)

    # ---- as it was

    def reset(self):
        """Empty on both sides, with the tokens that there are. account_1 is the next one chosen, then account_2."""
        self.sandbox.clear_faults()
        self.sandbox.call("PUT", "knobs", {**self.knobs, "daily_limit": 0})
        self.sandbox.call("PUT", "clock", {"offset_ms": 0})
        for account, secret in zip(self.ids, self.secrets):
            self.sandbox.call("POST", f"accounts/{account}", {"client_secret": secret, "suspended": False})
        for host in (host for hosts in self.hosts for host in hosts):
            self.change_host(host, type=2)
        self.forget()
        for meeting in self.live():
            self.sandbox.call("DELETE", f"meetings/{meeting['id']}")
        self.mark = self.sandbox.calls()["last_seq"]

    def forget(self):
        for statement in ("DELETE FROM place", "DELETE FROM meeting",
                          "UPDATE account SET inactive_until = 0, inactive_reason = NULL, paused_until = 0, last_error = NULL, last_used_at = id",
                          "UPDATE host SET inactive_until = 0, inactive_reason = NULL, daily_used = 0, daily_created = 0, last_used_at = id,"
                          " swept_at = 32503680000000"):
            self.stack.rows(statement)

    def fresh_tokens(self):
        """No token on either side; workers that remember one learn from Zoom that it is dead."""
        self.sandbox.revoke_tokens()
        self.stack.rows("UPDATE account SET token_sealed = NULL")

    # ---- turning Zoom

    def fault(self, action, match, account=None, **rule):
        """account: its number in our configuration."""
        return self.sandbox.fault(action, {**match, **({"account": self.ids[account - 1]} if account else {})}, **rule)

    def secret(self, account, secret):
        self.sandbox.call("POST", f"accounts/{self.ids[account - 1]}", {"client_secret": secret})

    def change_host(self, email, **values):
        account = next(i for i, hosts in enumerate(self.hosts) if email in hosts)
        self.sandbox.call("POST", f"accounts/{self.ids[account]}", {"users": [{"email": email, **values}]})

    # ---- asking

    def body(self, **more):
        """A booking in an hour that no other test uses."""
        return {"topic": "Fault", "start_time": f"2031-{1 + next(self.days) % 12:02}-10T10:00:00Z", "duration": 30, **more}

    def book(self, headers=None, **more):
        return self.stack.post("zoom/meetings", self.body(**more), headers=headers)

    def booked(self, **more):
        response = self.book(**more)
        assert response.status_code == 201, response.text
        return response.json()["data"]["meeting"]

    def read(self, meeting, **params):
        return self.stack.get(f"zoom/meetings/{meeting['id']}", params=params)

    def calls(self, match=None, account=None):
        """The calls since the reset that fit one of the matches above."""
        found = []
        for call in self.sandbox.call("GET", f"calls?since={self.mark}")["calls"]:
            if match and (call["method"] != match["method"] or not fits(match["path"], call["path"])):
                continue
            if account is None or call["account"] == self.ids[account - 1]:
                found.append(call)
        return found

    def live(self):
        return self.sandbox.meetings(deleted="false")["meetings"]

    def at_zoom(self, meeting):
        return self.sandbox.call("GET", f"meetings/{meeting['id']}")

    def stats(self):
        response = self.stack.get("zoom/account-stats")
        assert response.status_code == 200, response.text
        return {account["id"]: account for account in response.json()["data"]["accounts"]}

    # ---- what holds

    def unsettled(self):
        """What repair still has to do; a lost place is only watched."""
        return self.stack.rows("SELECT id FROM place WHERE state IN ('creating', 'deleting', 'spare')"
                               " UNION ALL SELECT id FROM meeting WHERE status = 'creating' OR pending IS NOT NULL")

    def listed(self):
        return self.meetings_of(self.stack.get("zoom/meetings", params={"page_size": 300}))

    @staticmethod
    def meetings_of(response):
        assert response.status_code == 200, response.text
        return response.json()["data"]["meetings"]

    def disagreement(self):
        """Why Zoom, the database and the API do not agree; empty where they do."""
        zoom = {str(meeting["id"]): meeting for meeting in self.live()}
        response = self.stack.get("zoom/meetings", params={"page_size": 300})
        if response.status_code in (502, 503):
            return "no worker answers"
        listed = {meeting["id"]: meeting for meeting in self.meetings_of(response)}
        if None in listed:
            return f"in the making: {listed[None]}"
        held = sorted(str(row["zoom_id"]) for row in self.stack.rows("SELECT zoom_id FROM place WHERE taken = 1 AND state = 'held'"))
        running = sorted(number for number, meeting in listed.items() if meeting["status"] != "ended")
        if self.unsettled():
            return f"unsettled: {self.unsettled()}"
        if sorted(zoom) != sorted(listed) or held != running:
            return f"Zoom has {sorted(zoom)}, the API {sorted(listed)}, places {held}"
        for number, meeting in listed.items():
            for ours, theirs in (("topic", "topic"), ("duration", "duration"), ("timezone", "timezone"), ("password", "password")):
                if meeting[ours] != zoom[number][theirs]:
                    return f"{number}: {ours} is {meeting[ours]!r}, at Zoom {zoom[number][theirs]!r}"
            if meeting["start_time"][:19] != zoom[number]["start_time"][:19]:
                return f"{number} starts {meeting['start_time']}, at Zoom {zoom[number]['start_time']}"
        return ""

    def agree(self, meetings=None, seconds=10):
        """Within this time both sides are the same; `meetings`: how many there are then."""
        try:
            wait_for(lambda: not self.disagreement(), seconds, 0.2)
        except AssertionError:
            done = "".join(f"\n{entry}" for entry in self.stack.log(role="jobs")[-10:])
            raise AssertionError(f"{self.disagreement()}; repair said:{done}") from None
        if meetings is not None:
            assert len(self.live()) == meetings, json.dumps(self.live(), indent=1)


def fits(pattern, path):
    """A shell pattern whose stars stand for one part of the path, so that a list of meetings is not taken for one of them."""
    parts, have = pattern.split("/"), path.split("?")[0].split("/")
    return len(parts) == len(have) and all(part in ("*", there) for part, there in zip(parts, have))


def refused(response, status, code):
    assert response.status_code == status, response.text
    body = response.json()
    assert body["success"] is False and body["code"] == code, body
    return body


def reasons(response):
    """{account: why} of a 503."""
    body = refused(response, 503, "no_account_available")
    assert int(response.headers["Retry-After"]) >= 1
    return {detail["field"]: detail["message"] for detail in body["details"]}


def warnings(response):
    assert response.status_code in (200, 201), response.text
    return [warning["code"] for warning in response.json().get("warnings", [])]
