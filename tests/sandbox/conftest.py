import base64
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest
import requests

PROGRAM = os.environ.get("MEETPOOL_SANDBOX_BIN") or str(
    pathlib.Path(os.environ.get("MEETPOOL_BIN_DIR") or pathlib.Path(__file__).resolve().parents[2] / "build") / "meetpool-sandbox")

ACCOUNTS = {
    "accounts": [
        {"account_id": "A1", "client_id": "C1", "client_secret": "S1", "plan": "off", "users": [
            {"id": "owner", "email": "owner@one.example.com", "type": 2},
            {"id": "second", "email": "second@one.example.com", "type": 2},
            {"id": "basic", "email": "basic@one.example.com", "type": 1},
            {"id": "nolicence", "email": "none@one.example.com", "type": 4},
            {"id": "cust", "email": "cust@one.example.com", "type": 2, "cust_create": True},
            {"id": "open", "email": "open@one.example.com", "type": 2, "require_password": False, "timezone": "Europe/Berlin"},
        ]},
        {"account_id": "A2", "client_id": "C2", "client_secret": "S2", "plan": "off", "users": [
            {"id": "other", "email": "other@two.example.com", "type": 2},
        ]},
    ]
}


class Sandbox:
    """One running program and a client of it."""

    def __init__(self, folder, *args):
        self.folder = folder
        self.args = args
        self.accounts = folder / "accounts.json"
        self.accounts.write_text(json.dumps(ACCOUNTS))
        self.tokens = {}
        self.http = requests.Session()
        self.http.trust_env = False
        self.start()

    def start(self):
        command = [PROGRAM, "--listen", "127.0.0.1:0", "--accounts", str(self.accounts), *self.args]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), f"{command} did not start"
        self.address = line.split()[-1]
        self.base = f"http://{self.address}"

    def stop(self, number=signal.SIGTERM):
        self.http.close()
        self.process.send_signal(number)
        code = self.process.wait(20)
        self.process.stdout.close()
        return code

    def token_call(self, client="C1", secret="S1", **form):
        basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
        return self.http.post(f"{self.base}/oauth/token", data=form, headers={"Authorization": f"Basic {basic}"}, timeout=30)

    def new_token(self, account="1"):
        answer = self.token_call(f"C{account}", f"S{account}", grant_type="account_credentials", account_id=f"A{account}")
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def token(self, account="1"):
        if account not in self.tokens:
            self.tokens[account] = self.new_token(account)
        return self.tokens[account]

    def api(self, method, path, body=None, account="1", token=None, raw=None, timeout=30, session=None):
        headers = {"Authorization": f"Bearer {token or self.token(account)}"}
        data = raw if raw is not None else None if body is None else json.dumps(body)
        # requests would tidy the path: what is sent has to be what the test says.
        request = requests.Request(method, self.base, headers=headers, data=data).prepare()
        request.url = f"{self.base}/v2{path}"
        return (session or self.http).send(request, timeout=timeout)

    def create(self, host="owner", **body):
        body = {"topic": "t", "start_time": "2035-01-01T10:00:00Z", **body}
        answer = self.api("POST", f"/users/{host}/meetings", body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def control(self, method, path, body=None, status=None):
        answer = self.http.request(method, f"{self.base}/_sandbox/{path}", json=body, timeout=60)
        assert answer.status_code < 300 if status is None else answer.status_code == status, answer.text
        return answer.json()

    def knobs(self, **values):
        return self.control("PATCH", "knobs", values)

    def fault(self, action, count=1, skip=0, **match):
        return self.control("POST", "faults", {"match": match, "count": count, "skip": skip, "action": action})["id"]

    def calls(self, since=0):
        return self.control("GET", f"calls?since={since}")["calls"]

    def ledger(self):
        return {row["id"]: row for row in self.control("GET", "meetings")["meetings"]}

    def reset(self):
        self.tokens.clear()
        self.control("POST", "reset")

    def advance(self, seconds):
        self.control("PUT", "clock", {"advance_ms": int(seconds * 1000)})


def wait_until(true, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    yield sandbox
    assert sandbox.stop() == 0


@pytest.fixture
def sandbox(running):
    running.reset()
    return running


@pytest.fixture
def own(tmp_path):
    """Makes programs of the test's own, with options."""
    made = []

    def make(*args):
        made.append(Sandbox(tmp_path, *args))
        return made[-1]

    yield make
    for one in made:
        if one.process.poll() is None:
            one.stop()
