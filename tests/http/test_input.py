"""What comes in wrong is refused with a clear word, at once, and leaves no trace."""
import json
import time

import pytest

from booking import MORNING, body, text

JSON = {"Content-Type": "application/json"}
DEEP = 100_000


@pytest.fixture(autouse=True)
def untouched(request, stack):
    """Nothing stored and no call to Zoom, whatever a test of this file sends."""
    def look():
        counts = stack.rows("SELECT (SELECT COUNT(*) FROM meeting) AS m, (SELECT COUNT(*) FROM place) AS p, (SELECT COUNT(*) FROM idempotency) AS i")
        return counts, stack.sandbox.state()["counters"]["creates"]
    before, workers = look(), stack.workers()
    yield
    assert look() == before, "a wrong request left something behind"
    assert set(workers) <= set(stack.workers()), "a wrong request killed a worker"


def send(stack, raw, expect, code, headers=None, path="zoom/meetings", method="POST"):
    begun = time.monotonic()
    answer = stack.request(method, path, data=raw.encode() if isinstance(raw, str) else raw, headers={**JSON, **(headers or {})})
    took = time.monotonic() - begun
    assert answer.status_code == expect, answer.text
    told = answer.json()
    assert (told["success"], told["code"]) == (False, code)
    assert told["error"] and told["request_id"] == answer.headers["X-Request-Id"]
    assert took < 5
    return told


MALFORMED = {
    "nothing but a word": "hello",
    "cut": '{"topic": "x"',
    "trailing comma": '{"topic": "x",}',
    "trailing junk": '{"topic": "x"} {}',
    "single quotes": "{'topic': 'x'}",
    "comment": '{"topic": "x" /* y */}',
    "NaN": '{"duration": NaN}',
    "Infinity": '{"duration": Infinity}',
    "leading zero": '{"duration": 060}',
    "plus": '{"duration": +60}',
    "bare control character": '{"topic": "a\nb"}',
    "duplicate key": '{"topic": "a", "topic": "b"}',
    "duplicate key by escape": '{"topic": "a", "t\\u006fpic": "b"}',
    "duplicate key inside": '{"settings": {"waiting_room": true, "waiting_room": false}}',
    "broken UTF-8": b'{"topic": "\xff\xfe"}',
    "cut UTF-8": b'{"topic": "\xe2\x82"}',
    "overlong UTF-8": b'{"topic": "\xc0\xaf"}',
    "surrogate in UTF-8": b'{"topic": "\xed\xa0\x80"}',
    "lone surrogate": '{"topic": "\\ud800"}',
    "NUL": b'{"topic": "a\x00b"}',
    "NUL behind": b'{"topic": "a"}\x00',
    "UTF-16": '{"topic": "x"}'.encode("utf-16"),
    "deep arrays": "[" * DEEP + "]" * DEEP,
    "deep objects": '{"a":' * DEEP + "1" + "}" * DEEP,
    "deep and open": '{"a":' * DEEP,
    "33 deep": '{"a":' * 33 + "1" + "}" * 33,
    "blanks": "   ",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(stack, name):
    send(stack, MALFORMED[name], 400, "malformed_json")


@pytest.mark.parametrize("raw", ["[]", "null", "1", '"text"', "true"])
def test_json_that_is_no_object(stack, raw):
    told = send(stack, raw, 422, "validation_failed")
    assert told["details"] == [{"field": "", "message": "the body must be a JSON object"}]


@pytest.mark.parametrize("raw, fields", [
    ('{"duration": 1e400}', ["duration"]),
    ('{"duration": 9223372036854775808}', ["duration"]),
    ('{"duration": -9223372036854775809, "topic": "a\\u0000b"}', ["duration", "topic"]),
    ('{"duration": ' + "9" * 400 + "}", ["duration"]),
    ('{"settings": {"jbh_time": 1e999}}', ["settings.jbh_time"]),
    ('{"topic\\u0000": "x"}', ["topic"]),
])
def test_json_beyond_what_is_held(stack, raw, fields):
    told = send(stack, raw, 422, "validation_failed")
    assert [detail["field"] for detail in told["details"]] == fields
    assert all(detail["message"] for detail in told["details"])


WRONG = {
    "topic": [None, "", " ", " \u00a0\u3000", "\u200b", 5, True, ["x"], {"a": 1}, "x" * 201, "\u00e4" * 201, "a\u0007b", "a\nb"],
    "start_time": [None, 5, "", "tomorrow", "2026-13-01T00:00:00Z", "2026-02-30T10:00:00Z", "2026-01-01T25:00:00Z", "2026-01-01T10:00:00+25:00", True,
                   "2026-01-01", "2026-01-01T10:00:60Z", "2026-01-01T10:00:00Z ", "99999-01-01T10:00:00Z", "0000-01-01T10:00:00Z", "x" * 10000],
    "duration": ["60", 0, -1, -0.5, 1.5, 1441, 1e3 + 0.5, 2**31, 2**53, 2**63 - 1, True, [], None],
    "timezone": ["Mars/Phobos", "", 5, "../../etc/passwd", "/etc/passwd", "Europe/Berlin\u0000", "X" * 500, "EST5EDT,M3.2.0,M11.1.0", None],
    "agenda": ["x" * 2001, 5, [], "a\u0000b"],
    "password": ["12345678901", "", "a b", "p\u00e4ss", 123, "a'b"],
    "type": [0, 3, 8, "2", 2.5, -1, True],
    "settings": ["x", [], 5, True, {"x" * 65: 1}, {"a": "x" * 17000}, {"waiting_room": "true"}, {"waiting_room": 1}, {"auto_recording": "always"},
                 {"audio": 5}, {"approval_type": 9}, {"jbh_time": "5"}, {"alternative_hosts": ["a@x.org"]}],
    "account": ["account_99", "", 1, "account_1; DROP TABLE meeting", "x" * 65],
    "host_user_id": ["", 5, "x" * 191, {}],
    "dry_run": ["true", 1, "yes", []],
}


@pytest.mark.parametrize("field", WRONG)
def test_wrong_values(stack, field):
    for value in WRONG[field]:
        if value is None and field not in ("topic", "start_time"):
            continue  # null is the same as not given
        raw = json.dumps({**body(), field: value})
        told = send(stack, raw, 422, "validation_failed")
        assert {detail["field"].split(".")[0] for detail in told["details"]} == {field}, (value, told)
        assert all(detail["message"] for detail in told["details"])


def test_every_wrong_field_at_once(stack):
    told = send(stack, json.dumps({"topic": "", "start_time": "never", "duration": "60", "timezone": "Mars/Phobos", "type": 7, "password": "a b",
                                   "agenda": 5, "settings": {"waiting_room": "x", "audio": "loud"}, "dry_run": 1, "account": "none",
                                   "host_user_id": ""}), 422, "validation_failed")
    assert {detail["field"] for detail in told["details"]} >= {"topic", "duration", "timezone", "type", "password", "agenda", "settings.waiting_room",
                                                              "settings.audio", "dry_run", "account", "host_user_id", "start_time"}
    told = send(stack, "{}", 422, "validation_failed")
    assert {detail["field"] for detail in told["details"]} == {"topic", "start_time"}
    assert {detail["field"] for detail in send(stack, "", 422, "validation_failed")["details"]} == {"topic", "start_time"}


def test_the_hour_that_a_zone_leaves_out(stack):
    told = send(stack, json.dumps({**body(), "start_time": "2027-03-28T02:30:00", "timezone": "Europe/Berlin"}), 422, "validation_failed")
    assert told["details"][0]["field"] == "start_time"
    assert "01:30" in told["details"][0]["message"] or "03:30" in told["details"][0]["message"] or "03:00" in told["details"][0]["message"]


def test_a_local_time_is_read_in_its_zone(stack):
    for start, zone, utc in (("2027-07-01T10:00:00", "Europe/Berlin", "2027-07-01T08:00:00.000Z"),
                             ("2027-10-31T02:30:00", "Europe/Berlin", "2027-10-31T00:30:00.000Z"),
                             ("2027-10-31T02:30:00+01:00", "Europe/Berlin", "2027-10-31T01:30:00.000Z"),
                             ("2027-01-15T10:00:00", "Asia/Kathmandu", "2027-01-15T04:15:00.000Z")):
        answer = stack.post("zoom/meetings", {**body(), "start_time": start, "timezone": zone, "dry_run": True})
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["meeting"]["start_time"] == utc


def test_a_topic_counts_characters(stack):
    for topic in ("x" * 200, "\u00e4" * 200, "\U0001f600" * 200):
        answer = stack.post("zoom/meetings", body(topic=topic, dry_run=True))
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["meeting"]["topic"] == topic


def test_hostile_text_comes_back_as_it_was(stack):
    for topic in ("<script>alert(1)</script>", "'; DROP TABLE meeting; --", "%s%n%x", "\u202ehidden", "\u2028"):
        answer = stack.post("zoom/meetings", body(topic=topic, dry_run=True))
        assert answer.status_code in (200, 422), answer.text
        if answer.status_code == 200:
            assert answer.json()["data"]["meeting"]["topic"] == topic
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_log_line_is_forged(stack):
    stack.post("zoom/meetings", body(timezone='x"}\n{"level":"error","event":"forged"}'))
    stack.get("zoom/meetings?status=%0a%7b%22event%22:%22forged%22%7d")
    assert not stack.log("forged")
    for line in stack.log_text().splitlines():
        json.loads(line)


def test_other_content_types(stack):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", "application/json; charset=utf-16"):
        send(stack, json.dumps(body()), 415, "unsupported_media_type", {"Content-Type": kind})
    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"):
        answer = stack.request("POST", "zoom/meetings", data=json.dumps(body(dry_run=True)), headers={"Content-Type": kind})
        assert answer.status_code == 200, answer.text


def test_bodies_that_are_too_large(stack):
    send(stack, json.dumps(body(agenda="x" * (1 << 20))), 413, "payload_too_large")
    send(stack, b"x" * (3 << 20), 413, "payload_too_large")


@pytest.mark.parametrize("query", ["page_size=0", "page_size=301", "page_size=-1", "page_size=x", "page_size=1.0", "page_size=", "next_page_token=made-up",
                                   "status=gone", "status=SCHEDULED", "account=account_99", "from=yesterday", "to=5", "from=2026-02-30T00:00:00Z",
                                   "unknown=1", "page_sizes=3", "page_size=99999999999999999999"])
def test_wrong_query_values(stack, query):
    answer = stack.get(f"zoom/meetings?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "validation_failed"
    assert [detail["field"] for detail in answer.json()["details"]] == [query.split("=")[0]]


@pytest.mark.parametrize("query", ["page_size=3&page_size=3", "status=ended&status=deleted", "from=%ff", "from=a%00b", "x=1&%78=2"])
def test_queries_that_cannot_be_read(stack, query):
    answer = stack.get(f"zoom/meetings?{query}")
    assert answer.status_code == 400, answer.text


def test_a_broken_escape(stack):
    answer = stack.raw(f"GET /api/zoom/meetings?from=%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {stack.token()}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400 "), answer


@pytest.mark.parametrize("number", ["1", "0", "-1", "9223372036854775808", "99999999999999999999999", "1x", "+1", "01", "%31%00", "1%2f2", "a'b", "%ff"])
def test_numbers_that_are_no_meeting(stack, number):
    for method in ("GET", "PATCH", "DELETE"):
        answer = stack.request(method, f"zoom/meetings/{number}", **({"json": {}} if method == "PATCH" else {}))
        assert answer.status_code in (404, 400), answer.text


def test_members_that_only_the_server_sets(stack):
    answer = stack.post("zoom/meetings", body(dry_run=True, id="1", owner_id="somebody", status="ended", zoomAccountUsed="account_1", host_email="x@y",
                                              created_at=text(MORNING), placement=[]))
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        seen = answer.json()["data"]["meeting"]
        assert seen["owner_id"] == "admin-1" and seen["id"] is None and seen["host_email"] != "x@y"


def test_methods(stack):
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "LOCK"):
        answer = stack.request(method, "zoom/meetings")
        assert answer.status_code == 405, (method, answer.text)
        if method != "TRACE":  # nginx refuses that one itself
            assert {"GET", "POST"} <= set(answer.headers["Allow"].replace(",", " ").split())
    assert stack.request("HEAD", "zoom/meetings").status_code == 200
