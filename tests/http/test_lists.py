"""Lists: page by page, filtered, newest first, and flat in cost however long the history is."""
import datetime
import re
import time

import pytest

from booking import HOUR, MORNING, UTC, book, clean, instant, ms, text
from harness import REPO

COLUMNS = ("(owner_sub, host_sub, status, zoom_id, account_id, host_id, type, topic, starts_at, duration_min, timezone, created_at, updated_at, deleted_at)")
STATUSES = "ELT(1 + seq % 20, 'scheduled', 'started', 'failed', 'deleted', 'ended', 'ended', 'ended', 'ended', 'ended', 'ended', 'ended', 'ended', 'ended'," \
           " 'ended', 'ended', 'ended', 'ended', 'ended', 'ended', 'scheduled')"


def fill(stack, first, last, status=STATUSES, owner="CONCAT('tutor-', seq % 7)", host="NULL", step_s=600):
    """Meetings by the row number seq; two each share a start."""
    with stack.db() as connection, connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO meeting {COLUMNS} SELECT {owner}, {host}, {status}, 80000000000 + seq, (SELECT MIN(id) FROM account) + seq % 3,"
                       f" 1, 2, CONCAT('Lesson ', seq), {ms(MORNING)} - CAST(seq DIV 2 AS SIGNED) * {step_s * 1000}, 60, 'UTC', 1, 1, NULL FROM seq_{first}_to_{last}")


@pytest.fixture(scope="module")
def many(make_stack):
    """500 meetings of seven tutors in three accounts."""
    stack = make_stack(MEETPOOL_WORKERS=2, MEETPOOL_ZOOM_WORKERS=2)
    stack.get("zoom/account-stats")  # makes the accounts' rows
    fill(stack, 1, 500)
    return stack


def walk(stack, query="", size=37, **who):
    """Every page; answers all meetings."""
    found, token, pages = [], "", 0
    while True:
        answer = stack.get(f"zoom/meetings?page_size={size}{query}&next_page_token={token}", **who)
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        assert len(data["meetings"]) == size if data["next_page_token"] else len(data["meetings"]) <= size
        found += data["meetings"]
        token, pages = data["next_page_token"], pages + 1
        if not token:
            return found
        assert pages < 100


def expected(stack, where="status NOT IN ('deleted', 'failed')"):
    return [str(row["zoom_id"]) for row in stack.rows(f"SELECT zoom_id FROM meeting WHERE {where} ORDER BY starts_at DESC, id DESC")]


def ids(meetings):
    return [meeting["id"] for meeting in meetings]


@pytest.mark.parametrize("size", [1, 7, 30, 299, 300])
def test_pages_join_without_gap_or_repetition(many, size):
    if size == 1:
        from_ = "&from=" + text(MORNING - 5 * HOUR)
        assert ids(walk(many, from_, 1)) == expected(many, f"status NOT IN ('deleted', 'failed') AND starts_at >= {ms(MORNING - 5 * HOUR)}")
    else:
        assert ids(walk(many, size=size)) == expected(many)


def test_what_comes_without_being_asked(many):
    data = many.get("zoom/meetings").json()["data"]
    assert len(data["meetings"]) == 30 and data["next_page_token"]
    starts = [meeting["start_time"] for meeting in data["meetings"]]
    assert starts == sorted(starts, reverse=True), "newest start first"


@pytest.mark.parametrize("status", ["scheduled", "started", "ended", "deleted", "failed", "creating"])
def test_by_status(many, status):
    found = walk(many, f"&status={status}")
    assert ids(found) == expected(many, f"status = '{status}'")
    assert {meeting["status"] for meeting in found} <= {status}


def test_by_account_and_time(many):
    account = many.rows("SELECT name, id FROM account ORDER BY id")[1]
    begin, end = MORNING - 30 * HOUR, MORNING - 10 * HOUR
    where = f"starts_at >= {ms(begin)} AND starts_at < {ms(end)} AND status NOT IN ('deleted', 'failed')"
    window = f"&from={text(begin)}&to={text(end)}"
    assert ids(walk(many, window)) == expected(many, where)
    assert ids(walk(many, window + f"&account={account['name']}")) == expected(many, where + f" AND account_id = {account['id']}")
    assert ids(walk(many, window + f"&account={account['name']}&status=ended")) == expected(many, where + f" AND account_id = {account['id']} AND status = 'ended'")
    assert walk(many, f"&from={text(end)}&to={text(begin)}") == []
    assert walk(many, f"&from={text(begin)}&to={text(begin)}") == []


def test_staff_see_what_they_own_and_host(many):
    with many.db() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE meeting SET host_sub = 'tutor-3' WHERE owner_sub = 'tutor-2' AND id % 2")
        cursor.execute("UPDATE meeting SET host_sub = 'tutor-3' WHERE owner_sub = 'tutor-3'")
    who = {"sub": "tutor-3", "role": "tutor"}
    mine = "(owner_sub = 'tutor-3' OR host_sub = 'tutor-3')"
    assert ids(walk(many, size=11, **who)) == expected(many, f"{mine} AND status NOT IN ('deleted', 'failed')")
    assert ids(walk(many, "&status=deleted", size=5, **who)) == expected(many, f"{mine} AND status = 'deleted'")
    account = many.rows("SELECT name, id FROM account ORDER BY id")[2]
    assert ids(walk(many, f"&account={account['name']}", size=5, **who)) == expected(
        many, f"{mine} AND status NOT IN ('deleted', 'failed') AND account_id = {account['id']}")
    assert walk(many, sub="tutor-99", role="tutor") == []


def test_a_page_is_not_shifted_by_what_comes_meanwhile(many):
    first = many.get("zoom/meetings?page_size=50").json()["data"]
    fill(many, 1001, 1010, status="'scheduled'", step_s=-600)
    second = many.get(f"zoom/meetings?page_size=50&next_page_token={first['next_page_token']}").json()["data"]
    assert not set(ids(first["meetings"])) & set(ids(second["meetings"]))
    all_of_them = expected(many)
    at = all_of_them.index(ids(first["meetings"])[-1])
    assert ids(second["meetings"]) == all_of_them[at + 1:at + 51]


def test_a_token_belongs_to_its_list(many):
    token = many.get("zoom/meetings?page_size=5&status=ended").json()["data"]["next_page_token"]
    assert many.get(f"zoom/meetings?page_size=9&status=ended&next_page_token={token}").status_code == 200, "another page size is no other list"
    for query in ("", "&status=deleted", "&status=ended&account=account_1", f"&status=ended&from={text(MORNING)}"):
        assert many.get(f"zoom/meetings?page_size=5{query}&next_page_token={token}").status_code == 422, query
    for wrong in (token[:-1], token + "A", token[::-1], "x" * 5000, "0", "%20"):
        assert many.get(f"zoom/meetings?page_size=5&status=ended&next_page_token={wrong}").status_code == 422, wrong
    # It may be shared, but opens nothing that its reader may not see.
    answer = many.get(f"zoom/meetings?page_size=5&status=ended&next_page_token={token}", sub="tutor-1", role="tutor")
    assert answer.status_code in (200, 422)
    if answer.status_code == 200:
        assert {meeting["owner_id"] for meeting in answer.json()["data"]["meetings"]} <= {"tutor-1"}


def test_page_sizes(many):
    assert len(many.get("zoom/meetings?page_size=300").json()["data"]["meetings"]) == 300
    for wrong in (0, 301, -1):
        assert many.get(f"zoom/meetings?page_size={wrong}").status_code == 422


# ---- long histories


@pytest.fixture(scope="module")
def history(many):
    """100,000 more."""
    fill(many, 2001, 102000)
    with many.db() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO place (meeting_id, account_id, host_id, ref, state, taken, busy_from, busy_until, created_at)"
                       f" SELECT seq, (SELECT MIN(id) FROM account) + seq % 3, 1, LPAD(HEX(seq), 16, '0'), 'free', 0, {ms(MORNING)} - seq * 3600000,"
                       f" {ms(MORNING)} - seq * 3600000 + 3600000, 0 FROM seq_1_to_100000")
        cursor.execute("ANALYZE TABLE meeting, place")
    return many


def read_rows(stack, call):
    """How many rows the storage engine read for it, by the server's own count."""
    names = ("Handler_read_first", "Handler_read_key", "Handler_read_last", "Handler_read_next", "Handler_read_prev", "Handler_read_rnd", "Handler_read_rnd_next")

    def count():
        return sum(int(row["Value"]) for row in stack.rows("SHOW GLOBAL STATUS LIKE 'Handler_read%%'") if row["Variable_name"] in names)
    count()
    idle = -count() + count()  # what counting itself, and whatever runs beside, costs
    before = count()
    answer = call()
    return count() - before - idle, answer


QUERIES = ["", "status=ended", "status=deleted", "account=account_2", "account=account_2&status=ended", f"from={text(MORNING - 100 * 24 * HOUR)}",
           f"to={text(MORNING - 300 * 24 * HOUR)}", f"to={text(MORNING - 300 * 24 * HOUR)}&status=ended"]


@pytest.mark.parametrize("who", [("admin-1", "admin"), ("tutor-3", "tutor")], ids=["admin", "tutor"])
@pytest.mark.parametrize("query", QUERIES)
def test_a_page_costs_the_same_in_a_long_history(history, who, query):
    sub, role = who
    least = min(read_rows(history, lambda: history.get(f"zoom/meetings?page_size=30&{query}", sub=sub, role=role))[0] for _ in range(3))
    begun = time.monotonic()
    answer = history.get(f"zoom/meetings?page_size=30&{query}", sub=sub, role=role)
    took = time.monotonic() - begun
    assert answer.status_code == 200 and len(answer.json()["data"]["meetings"]) == 30
    assert least < 3000, f"{least} rows read for a page of 30"
    assert took < 1


def test_a_deep_page_costs_no_more(history):
    token, deepest = "", 0
    for _ in range(8):
        rows, answer = read_rows(history, lambda: history.get(f"zoom/meetings?page_size=300&next_page_token={token}"))
        token = answer.json()["data"]["next_page_token"]
        deepest = rows
    assert deepest < 15000


def explained():
    """The list statements of the source, as the daemon sends them, with values in the places of their parameters."""
    source = (REPO / "src" / "store" / "meeting.c").read_text()
    branch = re.search(r'#define BRANCH\(index, key\)(.*?)\n#define', source, re.S)[1]
    pattern = re.sub(r'\\\n', "", branch)
    made = "".join(re.findall(r'"([^"]*)"|(\bindex\b|\bkey\b)', pattern) and
                   [a or "{" + b + "}" for a, b in re.findall(r'"([^"]*)"|\b(index|key)\b', pattern)])
    return made


@pytest.mark.parametrize("index, key", [("meeting_owner", "m.owner_sub = 'tutor-3'"), ("meeting_host", "m.host_sub = 'tutor-3' AND m.owner_sub <> m.host_sub"),
                                        ("meeting_account", "m.account_id = 2"), ("meeting_status", "1 = 1")])
def test_each_branch_walks_its_index(history, index, key):
    statement = explained().format(index=index, key=key)
    values = iter(["'ended'", "0", "9e15", "9e15", "9e15", "9e15", "0", "30"])
    statement = re.sub(r"\?", lambda _: next(values), statement)
    plan = history.rows("EXPLAIN " + statement.strip("()").replace("%", "%%"))
    assert len(plan) == 1 and plan[0]["key"] == index, plan
    assert "filesort" not in plan[0]["Extra"] and "temporary" not in plan[0]["Extra"], plan
    assert plan[0]["type"] in ("range", "ref"), plan


def test_booking_costs_the_same_in_a_long_history(history):
    body = {"topic": "x", "start_time": text(MORNING + 24 * HOUR), "dry_run": True}
    least = min(read_rows(history, lambda: history.post("zoom/meetings", body))[0] for _ in range(3))
    assert least < 1000, f"{least} rows read to find a place"
    least = min(read_rows(history, lambda: history.get("zoom/account-stats"))[0] for _ in range(3))
    assert least < 1000, f"{least} rows read for the accounts' numbers"


@pytest.fixture(scope="module")
def asked(make_stack):
    stack = make_stack()
    yield stack
    stack.sandbox.clear_faults()


READ = {"method": "GET", "path": "/v2/meetings/*"}


def test_a_list_asks_zoom_where_it_is_told_to(asked):
    made = [book(asked, MORNING + hours * HOUR, topic=f"Lesson {hours}") for hours in range(3)]
    for_zoom = lambda: [call for call in asked.sandbox.calls()["calls"] if call["method"] == "GET" and "/meetings/" in call["path"]]
    before = len(for_zoom())
    assert ids(asked.get("zoom/meetings").json()["data"]["meetings"]) == [one["id"] for one in reversed(made)]
    assert len(for_zoom()) == before
    asked.sandbox.call("PATCH", f"meetings/{made[0]['id']}", {"topic": "By hand"})
    asked.sandbox.call("DELETE", f"meetings/{made[1]['id']}")
    answer = asked.get("zoom/meetings?refresh=true")
    assert answer.status_code == 200 and "warnings" not in answer.json(), answer.text
    found = answer.json()["data"]["meetings"]
    assert ids(found) == [made[2]["id"], made[0]["id"]] and found[1]["topic"] == "By hand"
    # What has ended is not asked about, and a page asks for its own only.
    before = len(for_zoom())
    assert len(asked.get("zoom/meetings?refresh=true&page_size=1").json()["data"]["meetings"]) == 1
    assert len(for_zoom()) == before + 1
    assert asked.get("zoom/meetings?refresh=maybe").status_code == 422


def test_a_list_as_recorded_where_zoom_fails(asked):
    asked.sandbox.clear_faults()
    number = book(asked, MORNING + 9 * HOUR)["id"]
    asked.sandbox.fault({"status": 500, "body": {"code": 5000, "message": "Down"}}, READ)
    answer = asked.get("zoom/meetings?refresh=true")
    assert answer.status_code == 200 and number in ids(answer.json()["data"]["meetings"])
    assert [warning["code"] for warning in answer.json()["warnings"]] == ["zoom_failed"]
    asked.sandbox.clear_faults()


@pytest.mark.parametrize("url", ["https://zoom.us.example/s/1", "https://evil.example/s/1?zak=x", "http://us02web.zoom.us/s/1", "https://evilzoom.us/s/1",
                                 "https://zoom.us@evil.example/", "https://zoom.us\r\nX-Made-Up: 1", "https://evil.example\\.zoom.us/",
                                 "http://localhost:1/s/1", "//zoom.us/s/1", "javascript:alert(1)"])
def test_a_start_leads_to_zoom_alone(asked, url):
    asked.sandbox.clear_faults()
    number = asked.get("zoom/meetings?page_size=1").json()["data"]["meetings"][0]["id"]
    asked.sandbox.fault({"status": 200, "body": {"id": int(number), "topic": "x", "type": 2, "start_url": url}}, READ, count=1)
    answer = asked.get(f"zoom/meetings/{number}/start")
    assert answer.status_code == 502 and answer.json()["code"] == "zoom_failed", answer.text
    assert "Location" not in answer.headers and "X-Made-Up" not in answer.headers
    for good in ("https://zoom.us/s/1?zak=x", "https://Us02Web.Zoom.us/s/1?zak=x", asked.sandbox.base + "/s/1?zak=x"):
        asked.sandbox.fault({"status": 200, "body": {"id": int(number), "topic": "x", "type": 2, "start_url": good}}, READ, count=1)
        answer = asked.get(f"zoom/meetings/{number}/start")
        assert answer.status_code == 302 and answer.headers["Location"] == good, answer.text
