import pytest


def listed(sandbox, query="", host="owner", **more):
    answer = sandbox.api("GET", f"/users/{host}/meetings{query}", **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_shape(sandbox):
    m = sandbox.create(agenda="ü" * 300, password="abc")
    body = listed(sandbox)
    assert {k: body[k] for k in ("page_count", "page_number", "page_size", "total_records", "next_page_token")} == {
        "page_count": 1, "page_number": 1, "page_size": 30, "total_records": 1, "next_page_token": ""}
    item = body["meetings"][0]
    assert item["id"] == m["id"] and item["agenda"] == "ü" * 250
    assert "password" not in item and "start_url" not in item and "settings" not in item


def test_instant_meetings_never_appear(sandbox):
    sandbox.create(type=1)
    for kind in ("scheduled", "live", "upcoming", "upcoming_meetings", "previous_meetings"):
        assert listed(sandbox, f"?type={kind}")["meetings"] == []


def test_only_this_host_and_nothing_deleted(sandbox):
    kept, gone, foreign = sandbox.create(), sandbox.create(), sandbox.create("second")
    sandbox.api("DELETE", f"/meetings/{gone['id']}")
    assert [m["id"] for m in listed(sandbox)["meetings"]] == [kept["id"]]
    assert [m["id"] for m in listed(sandbox, host="second")["meetings"]] == [foreign["id"]]


def test_types(sandbox):
    sandbox.control("PUT", "clock", {"now": "2030-01-10T00:00:00Z"})
    sandbox.tokens.clear()
    past = sandbox.create(start_time="2030-01-10T00:30:00Z")
    live = sandbox.create(start_time="2030-01-10T03:00:00Z")
    soon = sandbox.create(start_time="2030-01-20T00:00:00Z")
    late = sandbox.create(start_time="2030-12-01T00:00:00Z")
    sandbox.advance(3 * 3600)
    sandbox.tokens.clear()
    sandbox.control("POST", f"meetings/{live['id']}/start")

    def ids(kind):
        return [m["id"] for m in listed(sandbox, f"?type={kind}")["meetings"]]

    assert ids("scheduled") == [past["id"], live["id"], soon["id"], late["id"]]
    assert ids("live") == [live["id"]]
    assert ids("upcoming") == [live["id"], soon["id"]]
    assert ids("previous_meetings") == [past["id"]]
    assert sandbox.api("GET", "/users/me/meetings?type=nonsense").json()["code"] == 300


def test_from_and_to(sandbox):
    ids = [sandbox.create(start_time=f"2035-01-0{day}T23:30:00Z")["id"] for day in (1, 2, 3)]
    assert [m["id"] for m in listed(sandbox, "?from=2035-01-02&to=2035-01-02")["meetings"]] == [ids[1]]
    assert [m["id"] for m in listed(sandbox, "?from=2035-01-03&to=2035-01-03&timezone=Europe/Berlin")["meetings"]] == [ids[1]]
    assert sandbox.api("GET", "/users/me/meetings?from=yesterday").json()["code"] == 300


def test_pages_until_the_token_is_empty(sandbox):
    made = [sandbox.create(start_time=f"2035-01-01T10:{i:02}:00Z")["id"] for i in range(7)]
    seen, token = [], ""
    while True:
        page = listed(sandbox, f"?page_size=3&next_page_token={token}")
        seen += [m["id"] for m in page["meetings"]]
        token = page["next_page_token"]
        if token == "":
            break
    assert seen == made


def test_a_meeting_made_in_between_moves_nothing(sandbox):
    made = [sandbox.create(start_time=f"2035-01-01T10:{i:02}:00Z")["id"] for i in range(4)]
    first = listed(sandbox, "?page_size=2")
    sandbox.create(start_time="2035-01-01T09:00:00Z")
    second = listed(sandbox, f"?page_size=2&next_page_token={first['next_page_token']}")
    assert [m["id"] for m in first["meetings"] + second["meetings"]] == made


def test_page_number(sandbox):
    made = [sandbox.create(start_time=f"2035-01-01T10:{i:02}:00Z")["id"] for i in range(5)]
    assert [m["id"] for m in listed(sandbox, "?page_size=2&page_number=3")["meetings"]] == made[4:]


@pytest.mark.parametrize("spoil", ["other query", "changed", "old"])
def test_stale_page_token(sandbox, spoil):
    for _ in range(3):
        sandbox.create()
    token = listed(sandbox, "?page_size=1")["next_page_token"]
    query = f"?page_size=1&next_page_token={token}"
    if spoil == "other query":
        query = f"?page_size=2&next_page_token={token}"
    elif spoil == "changed":
        query = f"?page_size=1&next_page_token={'A' if token[0] != 'A' else 'B'}{token[1:]}"
    else:
        sandbox.advance(899)
        listed(sandbox, query)
        sandbox.advance(2)
    answer = sandbox.api("GET", f"/users/me/meetings{query}")
    assert (answer.status_code, answer.text) == (400, '{"code":300,"message":"The next page token is invalid or expired."}')


@pytest.mark.parametrize("size", ["0", "301", "x", "-1"])
def test_page_size(sandbox, size):
    assert sandbox.api("GET", f"/users/me/meetings?page_size={size}").json()["code"] == 300


def test_list_lag(sandbox):
    sandbox.knobs(list_lag_ms=60000)
    m = sandbox.create()
    assert listed(sandbox)["meetings"] == [] and sandbox.api("GET", f"/meetings/{m['id']}").status_code == 200
    sandbox.advance(61)
    assert len(listed(sandbox)["meetings"]) == 1
