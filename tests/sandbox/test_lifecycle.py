from urllib.parse import quote

import pytest


def start(sandbox, meeting, status=None, **body):
    return sandbox.control("POST", f"meetings/{meeting['id']}/start", body, status)


def end(sandbox, meeting):
    return sandbox.control("POST", f"meetings/{meeting['id']}/end")


def held(sandbox, minutes=30, **body):
    """A meeting that was held; and its instance's uuid."""
    m = sandbox.create(**body)
    start(sandbox, m, participants=3)
    sandbox.advance(minutes * 60)
    end(sandbox, m)
    return m, m["uuid"]


def test_status(sandbox):
    m = sandbox.create()
    start(sandbox, m)
    assert sandbox.api("GET", f"/meetings/{m['id']}").json()["status"] == "started"
    end(sandbox, m)
    assert sandbox.api("GET", f"/meetings/{m['id']}").json()["status"] == "waiting"


def test_delete_while_running(sandbox):
    m = sandbox.create()
    start(sandbox, m)
    answer = sandbox.api("DELETE", f"/meetings/{m['id']}")
    assert (answer.status_code, answer.text) == (
        400, '{"code":3002,"message":"Sorry, you cannot delete this meeting since it is in progress."}')
    sandbox.knobs(delete_running="accept")
    assert sandbox.api("DELETE", f"/meetings/{m['id']}").status_code == 204


def test_delete_after_the_end(sandbox):
    m, _ = held(sandbox)
    answer = sandbox.api("DELETE", f"/meetings/{m['id']}")
    assert (answer.status_code, answer.json()["code"]) == (400, 3007)
    sandbox.knobs(delete_ended="accept")
    assert sandbox.api("DELETE", f"/meetings/{m['id']}").status_code == 204


def test_patch_while_running(sandbox):
    m = sandbox.create()
    start(sandbox, m)
    assert sandbox.api("PATCH", f"/meetings/{m['id']}", {"topic": "x"}).status_code == 204
    sandbox.knobs(patch_running="refuse")
    answer = sandbox.api("PATCH", f"/meetings/{m['id']}", {"topic": "y"})
    assert (answer.status_code, answer.json()["code"]) == (400, 3000)


def test_end_by_api(sandbox):
    m = sandbox.create()
    start(sandbox, m)
    for _ in range(2):  # an idle one too
        answer = sandbox.api("PUT", f"/meetings/{m['id']}/status", {"action": "end"})
        assert (answer.status_code, answer.text) == (204, "")
    assert sandbox.ledger()[m["id"]]["status"] == "ended"
    assert sandbox.api("PUT", f"/meetings/{m['id']}/status", {"action": "dance"}).json()["code"] == 300


@pytest.mark.parametrize("host, cap", [("owner", 2), ("basic", 1)])
def test_running_meetings_of_a_host(sandbox, host, cap):
    sandbox.knobs(plan="business")
    made = [sandbox.create(host) for _ in range(cap + 1)]
    for m in made[:cap]:
        start(sandbox, m)
    assert start(sandbox, made[cap], status=409) == {"error": "host_busy"}
    end(sandbox, made[0])
    start(sandbox, made[cap])


def test_pro_licence_runs_one(sandbox):
    sandbox.knobs(plan="pro")
    one, two = sandbox.create(), sandbox.create()
    start(sandbox, one)
    start(sandbox, two, status=409)
    sandbox.knobs(host_cap=2)
    start(sandbox, two)


def test_forced_start_ends_the_first(sandbox):
    sandbox.knobs(host_cap=1)
    one, two = sandbox.create(), sandbox.create()
    start(sandbox, one)
    start(sandbox, two, force=True)
    assert (sandbox.ledger()[one["id"]]["status"], sandbox.ledger()[two["id"]]["status"]) == ("ended", "started")


def test_each_instance_has_its_uuid(sandbox):
    m, first = held(sandbox)
    second = sandbox.api("GET", f"/meetings/{m['id']}").json()["uuid"]
    assert first != second
    start(sandbox, m)
    sandbox.advance(60)
    end(sandbox, m)
    rows = sandbox.api("GET", f"/past_meetings/{m['id']}/instances").json()["meetings"]
    assert [r["uuid"] for r in rows] == [first, second]
    assert sandbox.api("GET", f"/past_meetings/{m['id']}").json()["uuid"] == second


def test_past_meeting(sandbox):
    m, uuid = held(sandbox, minutes=30, topic="Algebra")
    body = sandbox.api("GET", f"/past_meetings/{m['id']}").json()
    assert (body["uuid"], body["id"], body["topic"], body["user_email"], body["source"]) == (
        uuid, m["id"], "Algebra", "owner@one.example.com", "meetpool")
    assert body["duration"] in (30, 31) and body["participants_count"] == 3 and body["total_minutes"] == 3 * body["duration"]


def test_no_past_before_the_end(sandbox):
    m = sandbox.create()
    start(sandbox, m)
    answer = sandbox.api("GET", f"/past_meetings/{m['id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, 3001)


def test_past_reaches_a_year(sandbox):
    _, uuid = held(sandbox)
    path = f"/past_meetings/{quote(quote(uuid, safe=''), safe='')}"
    sandbox.advance(364 * 86400)
    assert sandbox.api("GET", path, token=sandbox.new_token()).status_code == 200
    sandbox.advance(2 * 86400)
    assert sandbox.api("GET", path, token=sandbox.new_token()).json()["code"] == 12702


@pytest.mark.parametrize("style", ["slash", "double_slash"])
def test_uuid_with_slashes_has_to_be_encoded_twice(sandbox, style):
    sandbox.knobs(uuid_style=style)
    _, uuid = held(sandbox)
    once = quote(uuid, safe="")
    assert sandbox.api("GET", f"/past_meetings/{quote(once, safe='')}").json()["uuid"] == uuid
    answer = sandbox.api("GET", f"/past_meetings/{once}")
    assert (answer.status_code, answer.json()["code"]) == (404, 3001)
    assert sandbox.api("GET", f"/past_meetings/{uuid}").status_code in (400, 404)


def test_uuid_with_plus_once_or_twice(sandbox):
    sandbox.knobs(uuid_style="plus")
    _, uuid = held(sandbox)
    if "/" not in uuid:
        assert sandbox.api("GET", f"/past_meetings/{uuid}").json()["uuid"] == uuid
    once = quote(uuid, safe="")
    if "//" not in uuid:
        assert sandbox.api("GET", f"/past_meetings/{once}").json()["uuid"] == uuid
    assert sandbox.api("GET", f"/past_meetings/{quote(once, safe='')}").json()["uuid"] == uuid
