"""openapi.json: that it is served, that a walk over every route answers as it says, and that what is not there would be noticed."""
import copy
import json

import pytest

from contract import CONTRACT, DOCUMENT, Contract

MEETING = {"topic": "Described", "start_time": "2031-03-01T10:00:00Z", "duration": 30}


def test_it_is_served_without_a_token(stack):
    for path in ("/api/openapi.json", "/api/v1/openapi.json"):
        assert stack.get(path, role=None).json() == json.loads(DOCUMENT.read_text())


def walk(stack):
    """Every operation at least once to its success, and to the failures that come easily. harness.py holds each answer against openapi.json."""
    stack.post("zoom/meetings", {**MEETING, "dry_run": True})
    key = {"Idempotency-Key": "walk"}
    made = stack.post("zoom/meetings", MEETING, role="tutor", sub="walker", headers=key).json()["data"]["meeting"]
    assert stack.post("zoom/meetings", MEETING, role="tutor", sub="walker", headers=key).headers["Idempotency-Replayed"] == "true"
    assert stack.post("zoom/meetings", {**MEETING, "duration": 31}, role="tutor", sub="walker", headers=key).status_code == 422
    one = f"zoom/meetings/{made['id']}"
    for path in ("zoom/meetings", "zoom/meetings?page_size=1&status=scheduled", "zoom/meetings?page_size=x", one, f"{one}?refresh=true", f"{one}?nope=1",
                 f"{one}/start", "zoom/status", "zoom/account-stats", "me", "openapi.json", "/healthz", "/readyz", "no/such/route"):
        stack.get(path)
        stack.get(path, role="student", sub="s")
        stack.get(path, role=None)
        stack.request("HEAD", path)
        stack.request("OPTIONS", path)
        stack.request("PUT", path)
    stack.patch(one, {"duration": 45, "settings": {"waiting_room": True}})
    stack.patch(one, {"duration": 0})
    for body, headers in ((b"{", {"Content-Type": "application/json"}), (b"x", {"Content-Type": "text/plain"}), (b"[]", {"Content-Type": "application/json"})):
        stack.request("POST", "zoom/meetings", data=body, headers=headers)
        stack.request("POST", "session", data=body, headers=headers)
    stack.get("zoom/meetings/999999")
    stack.delete("zoom/meetings/999999")
    stack.post("zoom/reset-account/account_1")
    stack.post("zoom/reset-account/account_99")
    stack.post("zoom/reset-all-accounts")
    cookie = stack.post("session").headers["Set-Cookie"].split(";")[0]
    stack.delete("session", role=None, headers={"Cookie": cookie})
    stack.delete("session", role=None, headers={"Cookie": cookie, "Origin": stack.base})
    stack.delete("session")
    now = stack.post("zoom/meetings", {"topic": "Now", "type": 1, "duration": 5}).json()["data"]["meeting"]["id"]
    stack.post(f"zoom/meetings/{now}/end")
    stack.patch(f"zoom/meetings/{now}", {"duration": 6})
    stack.delete(one)
    stack.get(one)


def successes(*tags):
    """Every (method, path, status) that is described as a success; of the operations with those tags where any are named."""
    return {(method.upper(), path, int(status)) for path, item in CONTRACT.document["paths"].items() for method, operation in item.items()
            if "responses" in operation and (not tags or set(tags) & set(operation["tags"])) for status in operation["responses"] if status[0] in "23"}


def test_every_route_answers_as_described(stack):
    walk(stack)
    assert sorted(successes("meetings", "pool", "session", "operations") - CONTRACT.seen) == []


def removed(path, *names):
    """A copy of the description without what stands under those keys."""
    document = copy.deepcopy(CONTRACT.document)
    node = document["components"]["schemas"][path]
    for name in names[:-1]:
        node = node[name]
    del node[names[-1]]
    return document


def test_what_is_not_described_is_noticed(stack):
    response = stack.get("zoom/account-stats")
    Contract().check("GET", "/api/zoom/account-stats", response)
    with pytest.raises(AssertionError, match=r"GET /zoom/account-stats 200 .*\n.*accounts\[0\].*'daily_used' was unexpected"):
        Contract(removed("Account", "properties", "daily_used")).check("GET", "/api/zoom/account-stats", response)
    with pytest.raises(AssertionError, match=r"GET /me 200 .*"):
        Contract().check("GET", "/api/me", response)
    with pytest.raises(AssertionError, match="there is no such route"):
        Contract().check("GET", "/api/zoom/nowhere", response)
    with pytest.raises(AssertionError, match="the method is not described"):
        Contract().check("DELETE", "/api/zoom/account-stats", response)
    response.status_code = 418
    with pytest.raises(AssertionError, match="the status 418 is not described"):
        Contract().check("GET", "/api/zoom/account-stats", response)
    del response.headers["X-Request-Id"]
    response.status_code = 200
    with pytest.raises(AssertionError, match="header X-Request-Id: is missing"):
        Contract().check("GET", "/api/zoom/account-stats", response)
