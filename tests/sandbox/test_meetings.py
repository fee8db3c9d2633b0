import base64
import json
import re

import pytest


def claims(start_url):
    part = start_url.split("zak=")[1].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def refused(sandbox, field, method="POST", path="/users/me/meetings", **body):
    answer = sandbox.api(method, path, body)
    assert answer.status_code == 400, answer.text
    assert answer.text == '{"code":300,"message":"Validation Failed.","errors":[{"field":"%s","message":"Invalid field."}]}' % field


def test_answer_to_create(sandbox):
    m = sandbox.create(topic="Algebra", agenda="a", duration=45, timezone="Europe/Berlin", password="abc-1_*@")
    assert len(str(m["id"])) == 11 and isinstance(m["id"], int)
    assert len(base64.b64decode(m["uuid"], validate=True)) == 16
    assert (m["host_id"], m["host_email"], m["type"], m["status"]) == ("owner", "owner@one.example.com", 2, "waiting")
    assert (m["start_time"], m["duration"], m["timezone"], m["password"]) == ("2035-01-01T10:00:00Z", 45, "Europe/Berlin", "abc-1_*@")
    assert m["join_url"] == f"https://us02web.zoom.us/j/{m['id']}?pwd={m['encrypted_password']}" and m["password"] not in m["join_url"]
    assert m["start_url"].startswith(f"https://us02web.zoom.us/s/{m['id']}?zak=")
    assert m["creation_source"] == "open_api" and re.fullmatch(r"....-..-..T..:..:..Z", m["created_at"])


def test_defaults(sandbox):
    m = sandbox.api("POST", "/users/second/meetings", {}).json()
    assert (m["type"], m["duration"], m["timezone"], m["agenda"]) == (2, 60, "UTC", "")
    assert 0 < len(m["password"]) <= 10
    s = m["settings"]
    assert (s["approval_type"], s["auto_recording"], s["waiting_room"], s["join_before_host"], s["jbh_time"], s["use_pmi"]) == (
        2, "none", False, False, 0, False)


def test_local_time(sandbox):
    assert sandbox.create(start_time="2035-07-01T10:00:00", timezone="America/New_York")["start_time"] == "2035-07-01T14:00:00Z"
    assert sandbox.create(start_time="2035-07-01T10:00:00Z", timezone="America/New_York")["start_time"] == "2035-07-01T10:00:00Z"
    assert sandbox.create("open", start_time="2035-07-01T10:00:00")["start_time"] == "2035-07-01T08:00:00Z"


def test_missing_or_past_start_is_now(sandbox):
    sandbox.control("PUT", "clock", {"now": "2030-05-05T12:00:00Z"})
    for body in ({"start_time": "2020-01-01T00:00:00Z"}, {}):
        m = sandbox.api("POST", "/users/me/meetings", body, token=sandbox.new_token()).json()
        assert m["start_time"].startswith("2030-05-05T12:00:0")


@pytest.mark.parametrize("field, value", [
    ("topic", "x" * 201), ("topic", 5), ("agenda", "x" * 2001), ("duration", 0), ("duration", 1441), ("duration", "60"), ("type", 9), ("type", 8),
    ("type", 4), ("start_time", "tomorrow"), ("start_time", "2035-01-01"), ("start_time", "2035-13-01T00:00:00Z"),
    ("start_time", "2035-01-01T10:00:00+01:00"), ("timezone", "Mars/Phobos"), ("password", "12345678901"), ("password", "a b"),
    ("password", "ä"), ("schedule_for", "nobody"), ("schedule_for", "other"), ("recurrence", {"type": 1}),
])
def test_wrong_values(sandbox, field, value):
    refused(sandbox, field, **{field: value})
    assert sandbox.ledger() == {}


@pytest.mark.parametrize("field, value", [
    ("auto_recording", "always"), ("jbh_time", 7), ("approval_type", 3), ("waiting_room", "yes"), ("alternative_hosts", "basic@one.example.com"),
    ("alternative_hosts", "second@one.example.com;nobody@one.example.com"),
])
def test_wrong_settings(sandbox, field, value):
    refused(sandbox, f"settings.{field}", settings={field: value})


def test_longest_values(sandbox):
    m = sandbox.create(topic="ü" * 200, agenda="ü" * 2000, duration=1440, password="1234567890")
    assert (len(m["topic"]), len(m["agenda"]), m["duration"]) == (200, 2000, 1440)


def test_every_wrong_field_is_named(sandbox):
    errors = sandbox.api("POST", "/users/me/meetings", {"topic": "x" * 201, "duration": 0}).json()["errors"]
    assert [e["field"] for e in errors] == ["topic", "duration"]


@pytest.mark.parametrize("raw", ["", "{", "[]", "null", '"x"', '{"a":1}x'])
def test_broken_json(sandbox, raw):
    answer = sandbox.api("POST", "/users/me/meetings", raw=raw)
    assert (answer.status_code, answer.text) == (400, '{"code":300,"message":"Request Body should be a valid JSON object."}')


def test_specials_of_a_passcode_differ_between_create_and_update(sandbox):
    m = sandbox.create(password="a!#")
    refused(sandbox, "password", "PATCH", f"/meetings/{m['id']}", password="a!#")
    assert sandbox.api("PATCH", f"/meetings/{m['id']}", {"password": "a@-_*"}).status_code == 204
    sandbox.knobs(password_specials="%")
    refused(sandbox, "password", password="a@")


def test_passcode_left_out(sandbox):
    assert sandbox.create("open")["password"] == "" and "?pwd=" not in sandbox.create("open")["join_url"]
    assert sandbox.create("owner", default_password=False)["password"] == ""


def test_unknown_host(sandbox):
    answer = sandbox.api("POST", "/users/nobody@x.example.com/meetings", {})
    assert (answer.status_code, answer.text) == (404, '{"code":1001,"message":"User does not exist: nobody@x.example.com."}')


def test_host_without_licence(sandbox):
    answer = sandbox.api("POST", "/users/nolicence/meetings", {})
    assert answer.status_code == 400
    assert answer.text == '{"code":3161,"message":"Your user account is not allowed meeting hosting and scheduling capabilities."}'
    m = sandbox.create("second")
    sandbox.control("POST", "accounts/A1", {"users": [{"id": "second", "type": 99}]})
    assert sandbox.api("GET", f"/meetings/{m['id']}").json()["code"] == 3161


def test_schedule_for(sandbox):
    assert sandbox.create(schedule_for="second@one.example.com")["host_id"] == "second"
    answer = sandbox.api("POST", "/users/me/meetings", {"type": 1, "schedule_for": "second"})
    assert (answer.status_code, answer.json()["code"]) == (400, 3000)


def test_instant_meeting_has_no_start(sandbox):
    m = sandbox.api("POST", "/users/me/meetings", {"type": 1, "topic": "now"}).json()
    assert "start_time" not in m and m["type"] == 1


def test_waiting_room_switches_join_before_host_off(sandbox):
    s = sandbox.create(settings={"waiting_room": True, "join_before_host": True})["settings"]
    assert s["waiting_room"] is True and s["join_before_host"] is False


def test_forced_setting(sandbox):
    sandbox.knobs(forced_settings={"waiting_room": True})
    assert sandbox.create(settings={"waiting_room": False})["settings"]["waiting_room"] is True


def test_settings_are_kept_and_joined(sandbox):
    m = sandbox.create(settings={"auto_recording": "cloud", "alternative_hosts": "second@one.example.com", "no_such_setting": 1})
    sandbox.api("PATCH", f"/meetings/{m['id']}", {"settings": {"mute_upon_entry": True}})
    s = sandbox.api("GET", f"/meetings/{m['id']}").json()["settings"]
    assert (s["auto_recording"], s["mute_upon_entry"], s["alternative_hosts"]) == ("cloud", True, "second@one.example.com")
    assert "no_such_setting" not in s


def test_start_url_is_fresh_each_time(sandbox):
    m = sandbox.create()
    again = sandbox.api("GET", f"/meetings/{m['id']}").json()
    assert again["start_url"] != m["start_url"] and again["join_url"] == m["join_url"]
    assert claims(m["start_url"])["exp"] - claims(m["start_url"])["iat"] == 7200
    zak = claims(sandbox.create("cust")["start_url"])
    assert zak["exp"] - zak["iat"] == 90 * 86400


@pytest.mark.parametrize("style, right", [("slash", lambda u: u[0] == "/"), ("double_slash", lambda u: "//" in u and u[0] != "/"),
                                          ("plus", lambda u: u[0] == "+")])
def test_uuid_styles(sandbox, style, right):
    sandbox.knobs(uuid_style=style)
    assert all(right(sandbox.create()["uuid"]) for _ in range(20))


def test_get_unknown(sandbox):
    answer = sandbox.api("GET", "/meetings/12345678901")
    assert (answer.status_code, answer.text) == (404, '{"code":3001,"message":"Meeting does not exist: 12345678901."}')


def test_meetings_of_another_account_do_not_exist(sandbox):
    m = sandbox.create()
    for method in ("GET", "PATCH", "DELETE"):
        assert sandbox.api(method, f"/meetings/{m['id']}", {}, account="2").json()["code"] == 3001


def test_update(sandbox):
    m = sandbox.create(topic="old", agenda="kept")
    answer = sandbox.api("PATCH", f"/meetings/{m['id']}", {"topic": "new", "start_time": "2035-02-02T02:00:00", "timezone": "Asia/Tokyo", "duration": 30})
    assert (answer.status_code, answer.text) == (204, "")
    now = sandbox.api("GET", f"/meetings/{m['id']}").json()
    assert (now["topic"], now["agenda"], now["start_time"], now["timezone"], now["duration"]) == (
        "new", "kept", "2035-02-01T17:00:00Z", "Asia/Tokyo", 30)


def test_past_start_is_passed_over_on_update(sandbox):
    m = sandbox.create()
    assert sandbox.api("PATCH", f"/meetings/{m['id']}", {"start_time": "2020-01-01T00:00:00Z"}).status_code == 204
    assert sandbox.api("GET", f"/meetings/{m['id']}").json()["start_time"] == m["start_time"]


def test_delete_and_recover(sandbox):
    m = sandbox.create()
    answer = sandbox.api("DELETE", f"/meetings/{m['id']}")
    assert (answer.status_code, answer.text) == (204, "")
    assert sandbox.api("GET", f"/meetings/{m['id']}").json()["code"] == 3001
    assert sandbox.api("DELETE", f"/meetings/{m['id']}").json()["code"] == 3001
    assert sandbox.ledger()[m["id"]]["status"] == "deleted"
    assert sandbox.api("PUT", f"/meetings/{m['id']}/status", {"action": "recover"}).status_code == 204
    assert sandbox.api("GET", f"/meetings/{m['id']}").status_code == 200


def test_number_expires_after_thirty_days_unused(sandbox):
    m = sandbox.create()
    sandbox.control("PUT", "clock", {"now": "2035-01-31T10:59:00Z"})
    assert sandbox.api("GET", f"/meetings/{m['id']}", token=sandbox.new_token()).status_code == 200
    sandbox.control("PUT", "clock", {"now": "2035-01-31T11:01:00Z"})
    assert sandbox.api("GET", f"/meetings/{m['id']}", token=sandbox.new_token()).json()["code"] == 3001


def test_hidden_after_create(sandbox):
    sandbox.knobs(not_found_after_create_ms=60000)
    m = sandbox.create()
    assert sandbox.api("GET", f"/meetings/{m['id']}").json()["code"] == 3001
    sandbox.advance(61)
    assert sandbox.api("GET", f"/meetings/{m['id']}").status_code == 200


def test_tracking_fields_are_kept(sandbox):
    m = sandbox.create(tracking_fields=[{"field": "a", "value": "b"}])
    assert sandbox.api("GET", f"/meetings/{m['id']}").json()["tracking_fields"] == [{"field": "a", "value": "b"}]
