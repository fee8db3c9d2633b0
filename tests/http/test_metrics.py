"""GET /metrics: what monitoring reads."""
import json
import os
import pathlib
import re
import signal

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import oauth
from harness import wait_for
from hooks import SETTINGS, Hooks, started, validation
from pool import CREATE, DOWN, TOKEN, Pool
from recorder import QUICK, Recorder


@pytest.fixture(scope="module")
def pool(make_stack):
    return Pool(make_stack(**SETTINGS, **QUICK))


def read(stack):
    """{family: {labels: value}}; the parser is Prometheus' own. Who comes in the moment before a worker's successor is there is told 503."""
    response = wait_for(lambda: (lambda answer: answer if answer.status_code != 503 else None)(stack.get("/metrics", role=None)), 10)
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


class Growth:
    """What was counted since."""

    def __init__(self, stack):
        self.stack, self.before = stack, read(stack)

    def of(self, name, **labels):
        return value(read(self.stack), name, **labels) - value(self.before, name, **labels)


def test_bookings_are_counted_by_their_outcome(pool):
    pool.reset()
    growth = Growth(pool.stack)
    pool.booked()
    assert pool.book(dry_run=True).status_code == 200
    pool.fault(DOWN, CREATE, count=-1)
    assert pool.book().status_code == 503
    pool.reset()
    assert growth.of("meetpool_bookings_total", outcome="booked") == 1
    assert growth.of("meetpool_bookings_total", outcome="no_account_available") == 1


def test_refusals_for_want_of_room_are_a_reason_of_their_own(pool):
    pool.reset()
    room = sum(account["max_concurrent_meetings"] for account in pool.stats().values())
    growth, body = Growth(pool.stack), pool.body()
    codes = [pool.stack.post("zoom/meetings", body).status_code for _ in range(room + 1)]
    assert codes == [201] * room + [409]
    assert growth.of("meetpool_bookings_total", outcome="booked") == room
    assert growth.of("meetpool_bookings_total", outcome="no_capacity") == 1
    pool.reset()


def test_tokens_of_accounts_are_counted(pool):
    pool.reset()
    growth = Growth(pool.stack)
    pool.fresh_tokens()
    pool.booked()
    assert growth.of("meetpool_token_refreshes_total", kind="account", outcome="ok") >= 1
    pool.fault({"status": 400, "body": {"reason": "Invalid client_id or client_secret", "error": "invalid_client"}}, TOKEN, count=-1)
    pool.fresh_tokens()
    pool.book()
    assert growth.of("meetpool_token_refreshes_total", kind="account", outcome="auth") >= 1
    pool.reset()


def test_tokens_of_peoples_own_accounts_are_counted(pool):
    pool.reset()
    growth, who = Growth(pool.stack), {"sub": "int-m", "role": "interviewer"}
    oauth.connect(pool.stack, "int-m", "host5@account1.example.com", "interviewer")
    pool.stack.rows("UPDATE connection SET renew_at = 1, expires_at = 1 WHERE sub = 'int-m'")
    pool.fault({"status": 400, "body": {"reason": "Invalid Token!", "error": "invalid_grant"}}, TOKEN)
    asked = {"title": "Interview", "startTime": "2031-05-05T10:00:00Z", "duration": 30, "interviewerId": "int-m", "candidateId": "can-1"}
    assert pool.stack.post("interviews", asked, **who).status_code == 201
    assert growth.of("meetpool_token_refreshes_total", kind="person", outcome="grant") == 1
    assert value(read(pool.stack), "meetpool_connections_reconnect_needed") == 1
    pool.stack.rows("DELETE FROM booking")
    pool.reset()


def test_events_of_zoom_are_counted_by_app(pool):
    pool.reset()
    hooks, growth = Hooks(pool.stack), Growth(pool.stack)
    assert value(growth.before, "meetpool_webhook_age_seconds", app="account_2") == float("inf")
    meeting = pool.booked()
    hooks.told(started(meeting), app="account_1")
    assert hooks.send(started(meeting), app="account_1", secret="wrong").status_code == 401
    hooks.send(validation(), app="account_2")
    assert hooks.send(started(meeting), app="account_9", secret="any").status_code == 404
    assert growth.of("meetpool_webhook_events_total", app="account_1", outcome="stored") == 1
    assert growth.of("meetpool_webhook_events_total", app="account_1", outcome="unauthorized") == 1
    assert growth.of("meetpool_webhook_events_total", app="account_2", outcome="validated") == 1
    assert growth.of("meetpool_webhook_events_total", app="unknown", outcome="not_found") == 1
    assert 0 <= value(read(pool.stack), "meetpool_webhook_age_seconds", app="account_1") < 600
    assert value(read(pool.stack), "meetpool_webhook_silent", app="account_1") == 0
    hooks.settled()
    pool.stack.rows("UPDATE webhook_app SET alarmed_at = last_event_at + 1 WHERE app = 'account_1'")
    pool.stack.rows("DELETE FROM webhook_event")
    assert value(read(pool.stack), "meetpool_webhook_silent", app="account_1") == 1
    pool.stack.rows("DELETE FROM webhook_app")
    pool.reset()


def test_recordings_and_their_jobs_are_counted(pool):
    pool.reset()
    recorder, growth = Recorder(pool.stack), Growth(pool.stack)
    batch = recorder.batch()
    session = recorder.held(batch, {"file_type": "MP4"})
    recorder.until(batch, session, "synced")
    size = sum(row["size"] for row in recorder.files(session))
    assert size > 0
    wait_for(lambda: growth.of("meetpool_jobs_total", kind="recording.move", outcome="done") == 1)
    assert growth.of("meetpool_job_seconds_count", kind="recording.move") == 1
    assert growth.of("meetpool_recording_files_total", outcome="stored") == 1
    assert growth.of("meetpool_recording_bytes_total") == size
    assert growth.of("meetpool_storage_bytes") == size and growth.of("meetpool_storage_files") == 1
    assert value(read(pool.stack), "meetpool_recordings", state="failed") == 0
    pool.stack.rows("UPDATE recording SET state = 'failed'")
    assert value(read(pool.stack), "meetpool_recordings", state="failed") == 1


# ---- what stands in contrib/ ----

CONTRIB = pathlib.Path(__file__).parents[2] / "contrib"


def expressions():
    """{where: PromQL} of the alert rules and of the dashboard's panels."""
    found = {}
    for group in yaml.safe_load((CONTRIB / "prometheus/meetpool.rules.yml").read_text())["groups"]:
        found.update({rule["alert"]: rule["expr"] for rule in group["rules"]})
    board = json.loads((CONTRIB / "grafana/meetpool.json").read_text())
    for panel in board["panels"]:
        found.update({f"{panel['title']} {target['refId']}": target["expr"] for target in panel.get("targets", [])})
    return found


def test_rules_and_dashboard_know_no_metric_that_is_not_told(pool):
    """After the tests above every family has a series, so that labels can be held against them, too."""
    text = pool.stack.get("/metrics", role=None).text
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    series = read(pool.stack)
    told = set(kinds) | {f"{name}_{end}" for name, kind in kinds.items() if kind == "histogram" for end in ("bucket", "sum", "count")}
    for where, expression in expressions().items():
        for name, selector in re.findall(r"(meetpool_[a-z0-9_]+)(?:\{([^}]*)\})?", expression):
            assert name in told, f"{where}: {name}"
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)) - {"instance"}
            for have in series.get(name, {}):
                assert labels <= set(dict(have)), f"{where}: {name} has only {dict(have)}"
