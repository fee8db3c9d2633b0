"""Idempotency-Key: the same key gets the same answer, and the work is done once, whatever happens in between."""
import collections
import os
import signal
import threading
import time
import uuid

import pytest

from booking import at_once, body, check_at_rest, clean, live
from harness import together, wait_for


@pytest.fixture(scope="module")
def stack(make_stack):
    return make_stack(MEETPOOL_WORKERS=2, MEETPOOL_ZOOM_WORKERS=12, MEETPOOL_IDEMPOTENCY_TTL=3, MEETPOOL_LOG_LEVEL="debug")


@pytest.fixture(autouse=True)
def emptied(stack):
    clean(stack)


def key():
    return {"Idempotency-Key": str(uuid.uuid4())}


def test_the_same_key_gets_the_same_bytes(stack):
    mine = key()
    first = stack.post("zoom/meetings", body(), headers=mine)
    assert first.status_code == 201 and "Idempotency-Replayed" not in first.headers
    for _ in range(3):
        again = stack.post("zoom/meetings", body(), headers=mine)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert len(live(stack)) == 1
    # What is kept is not to be read in the database.
    kept = stack.rows("SELECT answer FROM idempotency")[0]["answer"]
    assert b"zak=" not in kept and b"join_url" not in kept


def test_without_a_key_two_are_made(stack):
    assert [stack.post("zoom/meetings", body()).status_code for _ in range(2)] == [201, 201]
    assert len(live(stack)) == 2


def test_fifty_at_once_make_one(stack):
    stack.sandbox.knobs(latency_ms=150)
    mine = key()
    answers = together(50, lambda i: stack.post("zoom/meetings", body(), headers=mine))
    statuses = collections.Counter(answer.status_code for answer in answers)
    # Past what the pool can hold the answer is 503, and the client comes again.
    assert set(statuses) <= {201, 503}, [answer.text for answer in answers if answer.status_code not in (201, 503)]
    bodies = {answer.content for answer in answers if answer.status_code == 201}
    assert len(bodies) == 1 and statuses[201] >= 12
    again = stack.post("zoom/meetings", body(), headers=mine)
    assert again.content == bodies.pop()
    assert len(live(stack)) == 1
    check_at_rest(stack)


def test_another_body_under_the_key(stack):
    mine = key()
    assert stack.post("zoom/meetings", body(), headers=mine).status_code == 201
    for other in (body(topic="Other"), body(duration=61), {**body(), "agenda": ""}):
        answer = stack.post("zoom/meetings", other, headers=mine)
        assert answer.status_code == 422 and answer.json()["code"] == "idempotency_mismatch"
    assert len(live(stack)) == 1


def test_a_key_belongs_to_its_user_and_route(stack):
    mine = key()
    numbers = [stack.post("zoom/meetings", body(), headers=mine, sub=sub, role=role).json()["data"]["meeting"]["id"]
               for sub, role in (("admin-1", "admin"), ("tutor-1", "tutor"), ("tutor-2", "tutor"))]
    assert len(set(numbers)) == 3
    answer = stack.post(f"zoom/meetings/{numbers[0]}/end", headers=mine)
    assert answer.status_code != 422, answer.text
    answer = stack.post(f"zoom/meetings/{numbers[1]}/end", headers=mine)
    assert answer.status_code != 422 and "Idempotency-Replayed" not in answer.headers, answer.text


def test_validation_failures_are_not_kept(stack):
    mine = key()
    for _ in range(2):
        answer = stack.post("zoom/meetings", body(duration="60"), headers=mine)
        assert answer.status_code == 422 and "Idempotency-Replayed" not in answer.headers
    answer = stack.request("POST", "zoom/meetings", data="{", headers={**mine, "Content-Type": "application/json"})
    assert answer.status_code == 400
    assert stack.post("zoom/meetings", body(), headers=mine).status_code == 201


def test_a_refusal_is_an_answer(stack):
    for _ in range(10):
        assert stack.post("zoom/meetings", body(account="account_1")).status_code == 201
    mine = key()
    first = stack.post("zoom/meetings", body(account="account_1"), headers=mine)
    assert first.status_code == 409
    assert stack.delete(f"zoom/meetings/{live(stack)[0]['id']}").status_code == 200
    again = stack.post("zoom/meetings", body(account="account_1"), headers=mine)
    assert (again.status_code, again.content) == (409, first.content)


@pytest.mark.parametrize("wrong", ["x" * 256, "\x7f", "a\tb"])
def test_keys_that_are_none(stack, wrong):
    answer = stack.post("zoom/meetings", body(dry_run=True), headers={"Idempotency-Key": wrong})
    assert answer.status_code in (400, 422), answer.text


def test_a_key_expires(stack):
    mine = key()
    first = stack.post("zoom/meetings", body(), headers=mine).json()["data"]["meeting"]["id"]
    assert stack.post("zoom/meetings", body(), headers=mine).json()["data"]["meeting"]["id"] == first
    time.sleep(3.2)
    other = stack.post("zoom/meetings", body(topic="Another body is free again"), headers=mine)
    assert other.status_code == 201 and other.json()["data"]["meeting"]["id"] != first
    assert len(live(stack)) == 2


def test_old_keys_are_cleared_away(stack):
    with stack.db() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO idempotency (key_hash, body_hash, unit, state, owner, fence, lease_until, expires_at)"
                       " SELECT UNHEX(SHA2(seq, 256)), UNHEX(SHA2(seq, 256)), UNHEX(SHA2(seq, 256)), 2, '', 1, 0, 1000 FROM seq_1_to_3000")
    wait_for(lambda: stack.rows("SELECT COUNT(*) AS n FROM idempotency")[0]["n"] < 100, 90, 0.5, what="the end of old keys")


def test_a_key_does_nothing_where_nothing_is_posted(stack):
    mine = key()
    number = stack.post("zoom/meetings", body()).json()["data"]["meeting"]["id"]
    for topic in ("One", "Two"):
        answer = stack.request("PATCH", f"zoom/meetings/{number}", json={"topic": topic}, headers=mine)
        assert answer.status_code == 200 and answer.json()["data"]["meeting"]["topic"] == topic


def holder(stack):
    """The pid of the worker that holds the one place: its owner is <instance>/<slot>/<generation>, and the log tells who sits there."""
    slot = int(stack.rows("SELECT owner FROM place")[0]["owner"].split("/")[1])
    return [entry["pid"] for entry in stack.log("worker.started", slot=slot)][-1]


FATES = {"slow": {"latency_ms": 1500}, "made and silent": {"hang": {"processed": "after", "for_ms": 30000}},
         "not made and silent": {"hang": {"processed": "before", "for_ms": 30000}}}


@pytest.mark.parametrize("fate", FATES)
def test_a_worker_killed_with_the_key(stack, fate):
    """The retry gets a meeting, and exactly one exists at Zoom."""
    stack.sandbox.fault(FATES[fate], {"method": "POST", "path": "/v2/users/*/meetings"}, count=1)
    mine, answers = key(), []
    client = threading.Thread(target=lambda: answers.extend(at_once(1, lambda i: stack.post("zoom/meetings", body(), headers=mine))))
    client.start()
    wait_for(lambda: stack.rows("SELECT id FROM place"), 5, 0.02)
    time.sleep(0.4)
    os.kill(holder(stack), signal.SIGKILL)
    client.join()
    assert answers[0].status_code == 503, answers[0].text
    begun = time.monotonic()
    retry = stack.post("zoom/meetings", body(), headers=mine)
    while retry.status_code == 503 and time.monotonic() < begun + 20:
        time.sleep(0.5)
        retry = stack.post("zoom/meetings", body(), headers=mine)
    assert retry.status_code == 201, retry.text
    assert time.monotonic() - begun < 20
    number = retry.json()["data"]["meeting"]["id"]
    check_at_rest(stack, 12)
    assert [str(meeting["id"]) for meeting in live(stack)] == [number]
