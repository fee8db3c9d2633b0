"""The audit log: what people did, or were refused."""
import pytest

from pool import Pool


@pytest.fixture(scope="module")
def pool(make_stack):
    return Pool(make_stack())


def entries(pool, **params):
    response = pool.stack.get("admin/audit-log", params=params)
    assert response.status_code == 200, response.text
    return response.json()["data"]["entries"]


def test_every_change_is_told_with_who_what_and_how_it_ended(pool):
    pool.reset()
    meeting = pool.booked()
    stack = pool.stack
    assert stack.patch(f"zoom/meetings/{meeting['id']}", {"topic": "Audited"}, headers={"X-Request-Id": "audit-1"}).status_code == 200
    assert stack.patch(f"zoom/meetings/{meeting['id']}", {"topic": "No"}, sub="stranger", role="tutor").status_code == 404
    assert stack.post("zoom/reset-account/account_1").status_code == 200
    assert stack.delete(f"zoom/meetings/{meeting['id']}").status_code == 200
    done = [(one["actor"], one["action"], one["outcome"], one["detail"]) for one in reversed(entries(pool, subject=meeting["id"]))]
    assert done == [("admin-1", "POST zoom/meetings", "ok", None), ("admin-1", "PATCH zoom/meetings/{id}", "ok", None),
                    ("stranger", "PATCH zoom/meetings/{id}", "failed", "not_found"), ("admin-1", "DELETE zoom/meetings/{id}", "ok", None)]
    [patched] = entries(pool, actor="admin-1", action="PATCH zoom/meetings/{id}", subject=meeting["id"])
    assert patched["request_id"] == "audit-1" and patched["remote_addr"] == "127.0.0.1"
    assert entries(pool, subject="account_1")[0]["action"] == "POST zoom/reset-account/{accountId}"


def test_what_was_made_is_named(pool):
    course = pool.stack.post("courses", {"title": "Audit"}).json()["data"]["course"]
    assert [one["action"] for one in entries(pool, subject=course["id"])] == ["POST courses"]
    batch = pool.stack.post("batches", {"name": "A", "batch_type": "group", "member_ids": ["m"], "course_id": course["id"]}).json()["data"]["batch"]
    session = pool.stack.post(f"batches/{batch['id']}/schedule", {"date": "2031-01-15", "start_time": "10:00", "end_time": "11:00", "title": "S",
                                                                   "create_zoom_meeting": False}).json()["data"]["session"]
    assert [one["action"] for one in entries(pool, subject=batch["id"])] == ["POST batches/{id}/schedule", "POST batches"]
    assert session["_id"]


def test_reading_and_what_was_not_understood_leave_no_trace(pool):
    before = entries(pool)[0]["id"]
    pool.stack.get("zoom/meetings")
    assert pool.stack.post("courses", {"title": 5}).status_code == 422
    assert pool.stack.post("courses", data=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    assert entries(pool)[0]["id"] == before


def test_a_repeated_key_is_one_deed(pool):
    key = {"Idempotency-Key": "audit-key-1"}
    first, again = (pool.stack.post("courses", {"title": "Once"}, headers=key) for _ in range(2))
    assert first.json()["data"] == again.json()["data"]
    assert len(entries(pool, subject=first.json()["data"]["course"]["id"])) == 1


def test_filters_and_pages(pool):
    for title in ("a", "b", "c"):
        pool.stack.post("courses", {"title": title}, sub="auditor", role="teacher")
    pool.stack.post("admin/accounts/account_1/cordon", sub="auditor", role="teacher")
    mine = entries(pool, actor="auditor")
    assert [one["action"] for one in mine] == ["POST courses"] * 3
    first = pool.stack.get("admin/audit-log", params={"actor": "auditor", "page_size": 2}).json()["data"]
    rest = pool.stack.get("admin/audit-log", params={"actor": "auditor", "page_size": 2, "next_page_token": first["next_page_token"]}).json()["data"]
    assert [one["id"] for one in first["entries"] + rest["entries"]] == [one["id"] for one in mine]
    assert entries(pool, actor="auditor", outcome="failed") == []
    assert entries(pool, actor="auditor", to=mine[-1]["at"]) == [] and len(entries(pool, actor="auditor", **{"from": mine[-1]["at"]})) == 3
    assert pool.stack.get("admin/audit-log", params={"outcome": "perhaps"}).status_code == 422
    assert pool.stack.get("admin/audit-log", role="tutor", sub="t").status_code == 403
