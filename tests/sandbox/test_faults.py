import socket
import threading
import time

import pytest
import requests

from conftest import wait_until

CREATE = {"method": "POST", "path": "/v2/users/*/meetings"}


def create(sandbox, **more):
    return sandbox.api("POST", "/users/me/meetings", {"topic": "t"}, session=requests.Session(), **more)


def raw(sandbox):
    """What comes over the wire for a create, until the far side closes."""
    host, port = sandbox.address.split(":")
    with socket.create_connection((host, int(port)), 30) as s:
        s.sendall(f"POST /v2/users/me/meetings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sandbox.token()}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        got = b""
        while True:
            try:
                piece = s.recv(65536)
            except ConnectionResetError:
                return got, "reset"
            if not piece:
                return got, "closed"
            got += piece


def test_status_without_processing(sandbox):
    sandbox.fault({"status": 503, "body": {"x": 1}, "headers": {"Retry-After": "7"}}, **CREATE)
    answer = create(sandbox)
    assert (answer.status_code, answer.json(), answer.headers["Retry-After"]) == (503, {"x": 1}, "7")
    assert sandbox.ledger() == {} and create(sandbox).status_code == 201


def test_status_after_processing(sandbox):
    sandbox.fault({"status_after": 500}, **CREATE)
    assert create(sandbox).status_code == 500 and len(sandbox.ledger()) == 1


@pytest.mark.parametrize("when, made", [("before_processing", 0), ("after_processing", 1)])
@pytest.mark.parametrize("reset", [False, True])
def test_cut_before_the_head(sandbox, when, made, reset):
    sandbox.fault({"cut": {"when": when, "reset": reset}}, **CREATE)
    assert raw(sandbox) == (b"", "reset" if reset else "closed")
    assert len(sandbox.ledger()) == made
    assert sandbox.calls()[-1]["status"] is None and sandbox.calls()[-1]["processed"] == bool(made)


@pytest.mark.parametrize("k", [0, 1, 15, 40])
def test_cut_in_headers(sandbox, k):
    sandbox.fault({"cut": {"when": "in_headers", "bytes": k}}, **CREATE)
    got, _ = raw(sandbox)
    assert got == b"HTTP/1.1 201 Created\r\nContent-Type: application/json"[:k] and len(sandbox.ledger()) == 1


@pytest.mark.parametrize("k", [0, 1, 100])
def test_cut_in_body(sandbox, k):
    sandbox.fault({"cut": {"when": "in_body", "bytes": k}}, **CREATE)
    got, _ = raw(sandbox)
    head, body = got.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 201 Created\r\n") and len(body) == k
    assert int([h for h in head.split(b"\r\n") if h.lower().startswith(b"content-length")][0].split(b":")[1]) > 1000
    assert len(sandbox.ledger()) == 1


@pytest.mark.parametrize("processed, made", [("before", 0), ("after", 1)])
def test_hang(sandbox, processed, made):
    sandbox.fault({"hang": {"processed": processed, "for_ms": 60000}}, **CREATE)
    with pytest.raises(requests.exceptions.ReadTimeout):
        create(sandbox, timeout=0.5)
    assert len(sandbox.ledger()) == made
    wait_until(lambda: sandbox.calls()[-1]["done"])  # it noticed that the client has gone


def test_hang_ends_with_a_cut(sandbox):
    sandbox.fault({"hang": {"processed": "before", "for_ms": 200}}, **CREATE)
    assert raw(sandbox) == (b"", "closed")


def test_executed_later_while_cut(sandbox):
    sandbox.fault({"execute_later_ms": 500, "meanwhile": "cut"}, **CREATE)
    began = time.monotonic()
    assert raw(sandbox) == (b"", "closed") and time.monotonic() - began < 0.4
    assert sandbox.ledger() == {}
    wait_until(lambda: len(sandbox.ledger()) == 1)


def test_executed_later_while_hanging(sandbox):
    sandbox.fault({"execute_later_ms": 600}, **CREATE)
    with pytest.raises(requests.exceptions.ReadTimeout):
        create(sandbox, timeout=0.2)
    assert sandbox.ledger() == {}
    wait_until(lambda: len(sandbox.ledger()) == 1)


def test_what_was_put_off_does_not_outlive_a_reset(sandbox):
    sandbox.fault({"execute_later_ms": 400, "meanwhile": "cut"}, **CREATE)
    raw(sandbox)
    sandbox.reset()
    time.sleep(0.7)
    assert sandbox.ledger() == {}


def test_truncated_body(sandbox):
    sandbox.fault({"truncate_body": 10}, **CREATE)
    answer = create(sandbox)
    assert (answer.status_code, len(answer.content), answer.headers["Content-Length"]) == (201, 10, "10") and len(sandbox.ledger()) == 1


def test_invalid_json(sandbox):
    sandbox.fault({"invalid_json": True}, **CREATE)
    with pytest.raises(ValueError):
        create(sandbox).json()


def test_wrong_types(sandbox):
    sandbox.fault({"wrong_types": True}, **CREATE)
    body = create(sandbox).json()
    assert isinstance(body["id"], str) and isinstance(body["uuid"], int) and isinstance(body["settings"], str)


def test_html_with_200(sandbox):
    sandbox.fault({"html_200": True}, path="/v2/users/me")
    answer = sandbox.api("GET", "/users/me")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html") and "<html>" in answer.text


def test_error_body_with_200(sandbox):
    sandbox.fault({"error_200": True}, path="/v2/users/me")
    answer = sandbox.api("GET", "/users/me")
    assert (answer.status_code, answer.json()["code"]) == (200, 200)


def test_hidden_by_a_rule(sandbox):
    sandbox.fault({"404_for_ms_after_create": 60000}, **CREATE)
    m = create(sandbox).json()
    assert sandbox.api("GET", f"/meetings/{m['id']}").json()["code"] == 3001


def test_latency_holds_up_nobody_else(sandbox):
    sandbox.fault({"latency_ms": {"before": 400, "after": 400}}, path="/v2/users/second")
    thread = threading.Thread(target=sandbox.api, args=("GET", "/users/second"), kwargs={"session": requests.Session()})
    sandbox.token()
    began = time.monotonic()
    thread.start()
    assert sandbox.api("GET", "/users/me").status_code == 200 and time.monotonic() - began < 0.4
    thread.join()
    assert time.monotonic() - began >= 0.8


def test_default_latency(sandbox):
    sandbox.token()
    sandbox.knobs(latency_ms=200)
    began = time.monotonic()
    sandbox.api("GET", "/users/me")
    assert 0.2 <= time.monotonic() - began < 1


def test_count_and_skip(sandbox):
    sandbox.fault({"status": 500}, count=2, skip=1, path="/v2/users/me")
    assert [sandbox.api("GET", "/users/me").status_code for _ in range(5)] == [200, 500, 500, 200, 200]


def test_match(sandbox):
    sandbox.fault({"status": 500}, count=-1, account="A2")
    sandbox.fault({"status": 501}, count=-1, host="second@one.example.com")
    sandbox.fault({"status": 502}, count=-1, path_regex="^/v2/users/(basic|cust)$")
    assert sandbox.api("GET", "/users/me", account="1").status_code == 200
    assert sandbox.token_call("C2", "S2", grant_type="account_credentials", account_id="A2").status_code == 500
    assert sandbox.api("GET", "/users/second").status_code == 501
    assert sandbox.api("POST", "/users/second/meetings", {}).status_code == 501
    assert sandbox.api("GET", "/users/basic").status_code == 502


def test_match_by_the_meeting_s_host(sandbox):
    m = sandbox.create("second")
    sandbox.fault({"status": 501}, host="second")
    assert sandbox.api("DELETE", f"/meetings/{m['id']}").status_code == 501


def test_probability_is_seeded(sandbox):
    def run():
        sandbox.reset()
        sandbox.knobs(seed=42)
        sandbox.control("POST", "faults", {"match": {"path": "/v2/users/me"}, "count": -1, "probability": 0.5, "action": {"status": 500}})
        sandbox.token()
        return [sandbox.api("GET", "/users/me").status_code for _ in range(40)]

    first = run()
    assert first == run() and {200, 500} == set(first)


def test_rules_can_be_seen_and_removed(sandbox):
    one, two = sandbox.fault({"status": 500}, count=-1), sandbox.fault({"status": 501}, count=-1)
    sandbox.token_call()
    assert [(f["id"], f["hits"]) for f in sandbox.control("GET", "faults")["faults"]] == [(one, 1), (two, 0)]
    sandbox.control("DELETE", f"faults/{one}")
    assert sandbox.token_call().status_code == 501 and sandbox.calls()[-1]["fault"] == two
    sandbox.control("DELETE", "faults")
    assert sandbox.token_call().status_code == 400


@pytest.mark.parametrize("rule", [{}, {"action": {"explode": 1}}, {"action": {"status": 99}}, {"action": {"cut": {"when": "later"}}},
                                  {"match": {"path_regex": "("}, "action": {}}, {"match": {"color": "red"}, "action": {}}])
def test_wrong_rules_are_refused(sandbox, rule):
    sandbox.control("POST", "faults", rule, status=400)
    assert sandbox.control("GET", "faults")["faults"] == []
