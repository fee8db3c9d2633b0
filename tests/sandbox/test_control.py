import json
import os
import socket
import stat
import subprocess
import time

import requests

from conftest import PROGRAM


def test_ledger_of_calls(sandbox):
    sandbox.token()
    before = sandbox.calls()[-1]["seq"]
    sandbox.create("second")
    sandbox.api("GET", "/meetings/1?x=y")
    one, two = sandbox.calls(before)
    assert (one["seq"], one["method"], one["path"], one["account"], one["host"], one["status"], one["fault"], one["processed"]) == (
        before + 1, "POST", "/v2/users/second/meetings", "A1", "second@one.example.com", 201, None, True)
    assert (two["path"], two["status"]) == ("/v2/meetings/1?x=y", 404)


def test_calls_under_way_are_seen(sandbox):
    sandbox.token()
    sandbox.fault({"hang": {"processed": "before", "for_ms": 2000}}, path="/v2/users/me")
    try:
        sandbox.api("GET", "/users/me", timeout=0.3, session=requests.Session())
    except requests.exceptions.ReadTimeout:
        pass
    assert sandbox.calls()[-1]["path"] == "/v2/users/me"


def test_ledger_of_meetings(sandbox):
    one, two = sandbox.create(agenda="marker"), sandbox.create("second")
    sandbox.api("DELETE", f"/meetings/{two['id']}")
    rows = sandbox.ledger()
    assert (rows[one["id"]]["agenda"], rows[one["id"]]["host_email"], rows[one["id"]]["status"]) == ("marker", "owner@one.example.com", "waiting")
    assert rows[two["id"]]["deleted_at"] > 0
    assert [m["id"] for m in sandbox.control("GET", "meetings?deleted=false")["meetings"]] == [one["id"]]
    assert [m["id"] for m in sandbox.control("GET", "meetings?host=second")["meetings"]] == [two["id"]]


def test_behind_our_back(sandbox):
    sandbox.knobs(daily_limit=1)
    m = sandbox.control("POST", "meetings", {"host": "owner", "topic": "theirs", "start_time": "2035-01-01T00:00:00Z"})
    seen = sandbox.api("GET", f"/meetings/{m['id']}").json()
    assert (seen["topic"], seen["creation_source"]) == ("theirs", "web_portal")
    sandbox.control("POST", f"meetings/{m['id']}/edit", {"topic": "moved", "start_time": "2036-01-01T00:00:00Z"})
    assert sandbox.api("GET", f"/meetings/{m['id']}").json()["start_time"] == "2036-01-01T00:00:00Z"
    sandbox.control("DELETE", f"meetings/{m['id']}")
    assert sandbox.api("GET", f"/meetings/{m['id']}").status_code == 404
    assert sandbox.control("GET", "state")["accounts"][0]["users"][0]["writes_today"] == 0


def test_state(sandbox):
    sandbox.create()
    state = sandbox.control("GET", "state")
    account = state["accounts"][0]
    assert (account["account_id"], account["live_tokens"], account["users"][0]["writes_today"]) == ("A1", 1, 1)
    assert (state["counters"]["creates"], state["counters"]["tokens"]) == (1, 1)


def test_knobs(sandbox):
    assert sandbox.knobs(daily_limit=7)["daily_limit"] == 7
    answer = sandbox.control("PATCH", "knobs", {"daily_limit": 8, "no_such": 1, "latency_ms": -1}, status=400)
    assert {d["field"] for d in answer["details"]} == {"no_such", "latency_ms"}
    assert sandbox.control("GET", "knobs")["daily_limit"] == 7
    sandbox.reset()
    assert sandbox.control("GET", "knobs")["daily_limit"] == 100


def test_clock_shows_in_date(sandbox):
    sandbox.control("PUT", "clock", {"now": "2031-02-03T04:05:06Z"})
    assert sandbox.token_call().headers["Date"].startswith("Mon, 03 Feb 2031 04:05:0")


def test_more_accounts(sandbox):
    sandbox.control("POST", "accounts", {"accounts": [{"account_id": "A3", "client_id": "C3", "client_secret": "S3", "users": [
        {"email": "third@three.example.com"}]}]})
    assert sandbox.api("GET", "/users/me", account="3").json()["email"] == "third@three.example.com"


def test_unknown_control_address(sandbox):
    sandbox.control("GET", "nothing", status=404)
    sandbox.control("GET", "meetings/1", status=404)


def test_body_limit(sandbox):
    assert sandbox.api("POST", "/users/me/meetings", raw="x" * (1 << 20) + "y", session=requests.Session()).status_code == 413


def test_state_outlives_a_restart(own, tmp_path):
    one = own("--state", str(tmp_path / "state.json"))
    kept, gone, running = one.create(agenda="ü", settings={"waiting_room": True}), one.create(), one.create("second")
    one.api("DELETE", f"/meetings/{gone['id']}")
    one.control("POST", f"meetings/{running['id']}/start")
    one.control("POST", f"meetings/{running['id']}/end")
    one.knobs(daily_limit=3)
    one.control("POST", "accounts/A1", {"client_secret": "new"})
    before = one.ledger()
    assert one.stop() == 0
    one.start()
    assert one.ledger() == before
    seen = one.api("GET", f"/meetings/{kept['id']}").json()  # with the token of before
    assert seen["settings"]["waiting_room"] is True and seen["password"] == kept["password"] and seen["join_url"] == kept["join_url"]
    assert one.api("GET", f"/past_meetings/{running['id']}").json()["uuid"] == running["uuid"]
    assert one.api("POST", "/users/me/meetings", {}).status_code == 201  # the third of the day
    assert one.api("POST", "/users/me/meetings", {}).status_code == 429
    assert one.token_call(secret="new", grant_type="account_credentials", account_id="A1").status_code == 200


def test_state_is_there_after_a_kill(own, tmp_path):
    one = own("--state", str(tmp_path / "state.json"))
    m = one.create()
    end = time.monotonic() + 10
    while str(m["id"]) not in (tmp_path / "state.json").read_text() if (tmp_path / "state.json").exists() else True:
        assert time.monotonic() < end
        time.sleep(0.05)
    one.stop(9)
    one.start()
    assert m["id"] in one.ledger()


def test_old_deleted_meetings_are_forgotten(own):
    one = own("--knob", "max_meetings=100", "--knob", "daily_limit=0")
    kept = one.create()
    for _ in range(300):
        one.api("DELETE", f"/meetings/{one.create()['id']}")
    rows = one.ledger()
    assert len(rows) <= 100 and kept["id"] in rows
    assert [m["id"] for m in one.api("GET", "/users/me/meetings").json()["meetings"]] == [kept["id"]]


def test_sigterm_ends_it_while_calls_hang(own):
    one = own()
    one.fault({"hang": {"processed": "before", "for_ms": 600000}}, path="/oauth/token")
    host, port = one.address.split(":")
    with socket.create_connection((host, int(port))) as s:
        s.sendall(b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        while not one.calls():
            time.sleep(0.01)
        began = time.monotonic()
        assert one.stop() == 0 and time.monotonic() - began < 5


def test_accounts_and_env_file(tmp_path):
    command = [PROGRAM, "--listen", "127.0.0.1:0", "--accounts", tmp_path / "a.json", "--init-accounts", "2", "--hosts", "3", "--env-file",
               tmp_path / "e.env"]
    texts = []
    for _ in range(2):  # the second time they are there
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline().startswith("listening on 127.0.0.1:")
        process.terminate()
        assert process.wait(20) == 0
        process.stdout.close()
        texts.append((tmp_path / "e.env").read_text())
    env = dict(line.split("=", 1) for line in texts[0].splitlines())
    accounts = json.loads((tmp_path / "a.json").read_text())["accounts"]
    assert texts[0] == texts[1] and stat.S_IMODE(os.stat(tmp_path / "e.env").st_mode) == 0o600
    assert env["ZOOM_CLIENT_SECRET_2"] == accounts[1]["client_secret"] and len(env["ZOOM_USER_ID_1"].split(",")) == 3
    assert set(env) == {f"ZOOM_{n}_{i}" for n in ("ACCOUNT_ID", "CLIENT_ID", "CLIENT_SECRET", "USER_ID") for i in (1, 2)} | {
            "ZOOM_OAUTH_CLIENT_ID", "ZOOM_OAUTH_CLIENT_SECRET"}


def test_a_webhook_from_the_start_needs_its_secret(tmp_path):
    command = [PROGRAM, "--listen", "127.0.0.1:0", "--webhook", "http://127.0.0.1:1/", "--env-file", tmp_path / "e.env"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "ZOOM_WEBHOOK_SECRET_TOKEN" in done.stderr
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "ZOOM_WEBHOOK_SECRET_TOKEN": "said-to-nobody"})
    assert process.stdout.readline().startswith("listening on")
    process.terminate()
    assert process.wait(20) == 0
    process.stdout.close()
    assert "ZOOM_WEBHOOK_SECRET_TOKEN=said-to-nobody" in (tmp_path / "e.env").read_text().splitlines()


def test_accounts_made_up_are_kept_in_the_state(tmp_path):
    texts = []
    for _ in range(2):
        process = subprocess.Popen([PROGRAM, "--listen", "127.0.0.1:0", "--env-file", tmp_path / "e.env", "--state", tmp_path / "s.json"],
                                   stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline().startswith("listening on")
        process.terminate()
        assert process.wait(20) == 0
        process.stdout.close()
        texts.append((tmp_path / "e.env").read_text())
    assert texts[0] == texts[1] and "ZOOM_CLIENT_SECRET_1=" in texts[0]


def test_unix_socket(tmp_path):
    path = tmp_path / "s.sock"
    process = subprocess.Popen([PROGRAM, "--listen", f"unix:{path}"], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == f"listening on unix:{path}\n"
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        s.sendall(b"GET /_sandbox/health HTTP/1.0\r\n\r\n")
        assert b'{"ok":true}' in s.recv(4096)
    process.terminate()
    assert process.wait(20) == 0 and not path.exists()
    process.stdout.close()


def test_wrong_start(tmp_path):
    (tmp_path / "bad.json").write_text("{")
    for args, code in ((["--nonsense"], 2), (["--knob", "no_such=1"], 2), (["--accounts", str(tmp_path / "none.json")], 1),
                       (["--accounts", str(tmp_path / "bad.json")], 1), (["--listen", "nowhere"], 1)):
        done = subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=20)
        assert done.returncode == code and done.stderr, args
