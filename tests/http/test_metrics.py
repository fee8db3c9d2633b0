"""GET /metrics: what monitoring reads."""
import os
import re
import signal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness import wait_for
from pool import CREATE, DOWN, Pool


@pytest.fixture(scope="module")
def pool(make_stack):
    return Pool(make_stack())


def read(stack):
    """{family: {labels: value}}; the parser is Prometheus' own."""
    response = stack.get("/metrics", role=None)
    assert response.status_code == 200 and response.headers["Content-Type"].startswith("text/plain; version=0.0.4"), response.text
    families = {}
    for family in text_string_to_metric_families(response.text):
        assert family.documentation, family.name
        assert re.fullmatch(r"meetpool_[a-z0-9_]+", family.name)
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            assert labels not in families.setdefault(sample.name, {}), f"{sample.name}{labels} stands twice"
            families[sample.name][labels] = sample.value
    return families


def value(families, name, **labels):
    return families.get(name, {}).get(tuple(sorted(labels.items())), 0)


def test_requests_are_counted(pool):
    before = read(pool.stack)
    for _ in range(3):
        assert pool.stack.get("zoom/meetings").status_code == 200
    pool.stack.get("zoom/meetings/1")
    after = read(pool.stack)
    assert value(after, "meetpool_http_requests_total", route="zoom/meetings", status="200") >= \
        value(before, "meetpool_http_requests_total", route="zoom/meetings", status="200") + 3
    assert value(after, "meetpool_http_requests_total", route="zoom/meetings/{id}", status="404") == \
        value(before, "meetpool_http_requests_total", route="zoom/meetings/{id}", status="404") + 1
    counts = {labels: n for labels, n in after["meetpool_http_request_seconds_count"].items()}
    for labels, n in counts.items():
        assert after["meetpool_http_request_seconds_bucket"][tuple(sorted(labels + (("le", "+Inf"),)))] == n


def test_calls_to_zoom_are_counted_by_what_they_came_to(pool):
    pool.reset()
    before = read(pool.stack)
    pool.booked()
    pool.fault(DOWN, CREATE, count=-1)
    assert pool.book().status_code == 503
    after = read(pool.stack)
    assert value(after, "meetpool_zoom_calls_total", operation="meeting.create", **{"class": "ok"}) == \
        value(before, "meetpool_zoom_calls_total", operation="meeting.create", **{"class": "ok"}) + 1
    failed = {labels: n for labels, n in after["meetpool_zoom_calls_total"].items() if dict(labels)["operation"] == "meeting.create"}
    assert sum(failed.values()) >= sum(n for labels, n in before.get("meetpool_zoom_calls_total", {}).items()
                                       if dict(labels)["operation"] == "meeting.create") + 2
    pool.reset()


def test_the_room_of_the_pool(pool):
    pool.reset()
    pool.booked()
    families = read(pool.stack)
    names = {dict(labels)["account"] for labels in families["meetpool_account_meetings_limit"]}
    assert names == set(pool.stats())
    assert sum(families["meetpool_account_upcoming_meetings"].values()) == 1
    assert families["meetpool_account_active"] == {(("account", name),): 1 for name in names}
    assert value(families, "meetpool_database_up") == 1


def test_labels_from_outside_make_no_series(pool):
    for path in range(50):
        pool.stack.get(f"no/such/{path}")
    names = {dict(labels)["route"] for labels in read(pool.stack)["meetpool_http_requests_total"]}
    assert not [name for name in names if "such" in name], names


def test_a_worker_that_was_killed_is_counted(pool):
    def deaths():
        return sum(read(pool.stack).get("meetpool_child_deaths_total", {}).values())

    before = deaths()
    os.kill(pool.stack.workers()[0], signal.SIGKILL)
    wait_for(lambda: deaths() == before + 1, 10)
