"""Bookings as the tests make them, and what must hold of them whatever happened: held against Zoom's side and against the database."""
import collections
import concurrent.futures
import datetime
import threading
import time

from harness import wait_for

UTC = datetime.timezone.utc
HOUR = datetime.timedelta(hours=1)
# A morning far enough ahead for whole weeks of tests behind it.
MORNING = (datetime.datetime.now(UTC) + datetime.timedelta(days=3)).replace(hour=8, minute=0, second=0, microsecond=0)


def text(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def instant(spelled):
    return datetime.datetime.fromisoformat(spelled.replace("Z", "+00:00"))


def ms(at):
    return int(at.timestamp() * 1000)


def body(start=MORNING, **more):
    return {"topic": "Lesson", "start_time": text(start), "duration": 60, "timezone": "UTC", **more}


def book(stack, start=MORNING, expect=201, headers=None, sub="admin-1", role="admin", **more):
    """The meeting that was made; another expected status: the whole answer."""
    response = stack.post("zoom/meetings", body(start, **more), headers=headers, sub=sub, role=role)
    assert response.status_code == expect, response.text
    return response.json()["data"]["meeting"] if expect == 201 else response


def insist(stack, start=MORNING, **more):
    """As a patient client: past capacity it comes again, as Retry-After asks it to. (Two cores and a sanitizer are soon past it.)"""
    for _ in range(30):
        answer = stack.post("zoom/meetings", body(start, **more))
        if answer.status_code != 503 or answer.json()["code"] != "unavailable":
            break
        time.sleep(min(int(answer.headers["Retry-After"]), 1))
    return answer


def at_once(count, call):
    """As harness.together, with what a call raised in the place of its result: for calls whose connection may break."""
    barrier = threading.Barrier(count)

    def one(index):
        barrier.wait()
        try:
            return call(index)
        except OSError as failure:
            return failure

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def clean(stack):
    """No meetings here nor at Zoom, every account well and unused."""
    stack.sandbox.reset()
    stack.sandbox.knobs(rate_limits=False)
    with stack.db() as connection, connection.cursor() as cursor:
        for table in ("place", "meeting", "idempotency"):
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("UPDATE account SET inactive_until = 0, inactive_reason = NULL, paused_until = 0, last_used_at = 0, last_error = NULL, bookings = 0")
        cursor.execute("UPDATE host SET inactive_until = 0, inactive_reason = NULL, daily_used = 0, daily_created = 0, last_used_at = 0")


def limits(stack):
    """{account: (meetings at a time, on one host)} as the configuration says it; host None: no limit of its own."""
    found = {}
    for name, value in stack.settings.items():
        if name.startswith("ZOOM_USER_ID_"):
            number = name.rsplit("_", 1)[1]
            host = stack.settings.get(f"ZOOM_HOST_MAX_CONCURRENT_{number}") or (2 if "," in value else None)
            found[f"account_{number}"] = int(stack.settings.get(f"ZOOM_MAX_CONCURRENT_{number}", 10)), host and int(host)
    return found


def peaks(places):
    """[(key, from, until)] -> {key: the most at one instant}; the end is not part of a place."""
    steps = collections.defaultdict(list)
    for key, begin, end in places:
        steps[key] += [(begin, 1), (end, -1)]
    most = {}
    for key, changes in steps.items():
        now = 0
        for _, change in sorted(changes):  # at one instant ends come first
            now += change
            most[key] = max(most.get(key, 0), now)
    return most


def check_no_instant_above_a_limit(stack):
    rows = stack.rows("SELECT a.name, p.host_id, p.busy_from, p.busy_until FROM place p JOIN account a ON a.id = p.account_id WHERE p.taken = 1")
    allowed = limits(stack)
    for account, most in peaks([(row["name"], row["busy_from"], row["busy_until"]) for row in rows]).items():
        assert most <= allowed[account][0], f"{account} holds {most} at once"
    for (account, host), most in peaks([((row["name"], row["host_id"]), row["busy_from"], row["busy_until"]) for row in rows]).items():
        assert allowed[account][1] is None or most <= allowed[account][1], f"host {host} of {account} holds {most} at once"
    # Zoom's side, by itself.
    at_zoom = [(meeting["host_email"], ms(instant(meeting["start_time"])), ms(instant(meeting["start_time"])) + meeting["duration"] * 60000)
               for meeting in live(stack)]
    for host, most in peaks(at_zoom).items():
        assert most <= max(limit[1] or limit[0] for limit in allowed.values()), f"{host} holds {most} at once at Zoom"


def live(stack):
    """Zoom's meetings that are not deleted."""
    return stack.sandbox.meetings(deleted="false")["meetings"]


def writes(stack):
    """How many calls Zoom got that would change something. (Repair reads at any time.)"""
    return sum(call["method"] != "GET" and call["path"].startswith("/v2/") for call in stack.sandbox.calls()["calls"])


def differences(stack):
    """What the database and Zoom do not agree upon; empty at rest."""
    known = {row["zoom_id"]: row for row in stack.rows("SELECT * FROM meeting WHERE status IN ('creating', 'scheduled', 'started')")}
    at_zoom = collections.Counter(int(meeting["id"]) for meeting in live(stack))
    wrong = [f"meeting row {row['id']} is {row['status']} with Zoom's number {number}" for number, row in known.items() if number not in at_zoom]
    wrong += [f"{number} is at Zoom and nobody's" for number in at_zoom if number not in known]
    unfinished = stack.rows("SELECT id, state FROM place WHERE state IN ('creating', 'deleting', 'spare')")
    wrong += [f"place {row['id']} is {row['state']}" for row in unfinished]
    held = {row["zoom_id"] for row in stack.rows("SELECT zoom_id FROM place WHERE state = 'held'")}
    wrong += [f"{number} has no place" for number in known if number not in held]
    wrong += [f"a place is held for {number}, which is no meeting" for number in held if number not in known]
    taken = stack.rows("SELECT COUNT(*) AS n FROM place WHERE taken = 1")[0]["n"]
    if taken != len(known):
        wrong.append(f"{taken} places are taken for {len(known)} meetings")
    return wrong


def check_at_rest(stack, seconds=10):
    """Within that time everything agrees: no meeting lost, none orphaned, no place leaked."""
    try:
        wait_for(lambda: not differences(stack), seconds, 0.2)
    except AssertionError:
        raise AssertionError("; ".join(differences(stack)[:20])) from None
    check_no_instant_above_a_limit(stack)


def nearest_of(answer):
    """The start that a 409 no_capacity names."""
    found = [detail["message"].rsplit(" ", 1)[1] for detail in answer.json()["details"] if detail["field"] == "start_time"]
    assert found, answer.text
    return instant(found[0])
