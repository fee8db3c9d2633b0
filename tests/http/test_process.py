"""Master and workers as an operator sees them: stopping, reloading, dying, and having more to do than can be done."""
import collections
import os
import pathlib
import signal
import threading
import time

import pytest

from booking import HOUR, MORNING, at_once, body, book, check_at_rest, clean, live
from harness import alive, children_of, together, wait_for


@pytest.fixture(scope="module")
def stack(make_stack):
    return make_stack(MEETPOOL_WORKERS=4, MEETPOOL_ZOOM_WORKERS=4)


@pytest.fixture(autouse=True)
def emptied(stack):
    clean(stack)


class Load(threading.Thread):
    """Requests without a pause until it is stopped; `answers` counts the statuses, None for a connection that broke."""

    def __init__(self, stack, clients=6, path="zoom/meetings?page_size=5"):
        super().__init__()
        self.stack, self.path, self.over = stack, path, threading.Event()
        self.answers, self.slowest = collections.Counter(), 0
        self.clients = [threading.Thread(target=self.one) for _ in range(clients)]

    def one(self):
        while not self.over.is_set():
            begun = time.monotonic()
            try:
                status = self.stack.get(self.path).status_code
            except OSError:
                status = None
            self.answers[status] += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for client in self.clients:
            client.join()


def set_in_file(stack, name, value):
    path = stack.run / "meetpool.env"
    lines = [line for line in path.read_text().splitlines() if not line.startswith(name + "=")]
    before = path.read_text()
    write_file(stack, "\n".join(lines + [f'{name}="{value}"']) + "\n")
    return before


def write_file(stack, said):
    """In one step: whoever reads meanwhile reads the old or the new one."""
    new = stack.run / "meetpool.env.new"
    new.write_text(said)
    new.replace(stack.run / "meetpool.env")


def test_names_in_ps(stack):
    names = collections.Counter(children_of(stack.pid()).values())
    assert names["mp-worker"] == 8 and names["mp-jobs"] == 2 + 4
    assert pathlib.Path(f"/proc/{stack.pid()}/comm").read_text().strip() == "meetpoold"


@pytest.mark.parametrize("command", ["mp-worker", "mp-jobs", "mp-overflow"])
def test_who_dies_is_replaced(stack, command):
    wait_for(lambda: len(stack.workers("mp-worker")) == 8, 15)
    for _ in range(2):
        before = stack.workers(command)
        os.kill(before[0], signal.SIGKILL)
        wait_for(lambda: before[0] not in stack.workers(command) and len(stack.workers(command)) == len(before), 10, what="its replacement")
    assert stack.log("worker.died", signal=9)
    assert stack.get("zoom/meetings").status_code == 200


def test_a_reload_under_load_drops_nothing_and_takes_the_new_value(stack):
    with Load(stack) as load:
        for i in range(6):
            old = stack.workers()
            set_in_file(stack, "MEETPOOL_MEETING_GRACE", 60 * (i + 1))
            stack.signal(signal.SIGHUP)
            time.sleep(0.3)
        wait_for(lambda: not set(old) & set(stack.workers()), 20, what="new workers")
    assert set(load.answers) == {200}, load.answers
    made = book(stack)
    place = stack.rows("SELECT busy_until - busy_from AS ms FROM place WHERE taken = 1")[0]
    assert place["ms"] == 3600000 + 360000
    assert stack.delete(f"zoom/meetings/{made['id']}").status_code == 200


def test_a_broken_file_leaves_the_old_configuration(stack):
    before = stack.workers()
    for name, wrong in (("ZOOM_DAILY_LIMIT", "many"), ("MEETPOOL_JWT_SECRET", "short"), ("MEETPOOL_WORKERS", "0"), ("MEETPOOL_ENCRYPTION_KEYS", "1:x")):
        kept = set_in_file(stack, name, wrong)
        seen = len(stack.log_text())
        stack.signal(signal.SIGHUP)
        wait_for(lambda: name in stack.log_text()[seen:], 5, what=f"a line that names {name}")
        write_file(stack, kept)
    kept = (stack.run / "meetpool.env").read_text()
    write_file(stack, "this is no setting\n")
    stack.signal(signal.SIGHUP)
    time.sleep(0.5)
    write_file(stack, kept)
    assert stack.workers() == before, "nobody was replaced"
    assert stack.get("zoom/meetings").status_code == 200


def test_a_request_under_way_is_answered_while_stopping(stack):
    stack.sandbox.knobs(latency_ms=1500)
    answers = []
    client = threading.Thread(target=lambda: answers.extend(at_once(4, lambda i: stack.post("zoom/meetings", body()))))
    client.start()
    wait_for(lambda: len(stack.rows("SELECT id FROM place")) == 4, 5, 0.02)
    pid, begun = stack.pid(), time.monotonic()
    os.kill(pid, signal.SIGTERM)
    client.join()
    assert [answer.status_code for answer in answers] == [201] * 4, [answer.text for answer in answers]
    wait_for(lambda: not alive(pid), 10, what="the end of the master")
    assert time.monotonic() - begun < 10
    stack.sandbox.knobs(latency_ms=0)
    stack.up()
    check_at_rest(stack)


def test_an_idle_daemon_stops_at_once_and_leaves_nobody(stack):
    children = list(children_of(stack.pid()))
    pid, begun = stack.pid(), time.monotonic()
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not alive(pid), 5, 0.02)
    assert time.monotonic() - begun < 2.5
    assert not [child for child in children if alive(child)]
    stack.up()


def test_workers_do_not_outlive_a_killed_master(stack):
    children, pid = list(children_of(stack.pid())), stack.pid()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not [child for child in children if alive(child)], 10, what="the end of the orphans")
    stack.up()
    assert stack.get("zoom/meetings").status_code == 200


def test_more_clients_than_can_be_served(stack):
    """Four workers wait three seconds for Zoom each; sixty clients come at once."""
    stack.sandbox.knobs(latency_ms=3000)
    reads, over = [], threading.Event()

    def read():
        while not over.is_set():
            begun = time.monotonic()
            assert stack.get("zoom/meetings?page_size=5").status_code == 200
            reads.append(time.monotonic() - begun)
            time.sleep(0.05)

    reader = threading.Thread(target=read)
    reader.start()

    def one(index):
        begun = time.monotonic()
        answer = stack.post("zoom/meetings", body(MORNING + index * HOUR))
        return answer, time.monotonic() - begun

    got = together(60, one)
    over.set()
    reader.join()
    statuses = collections.Counter(answer.status_code for answer, _ in got)
    assert set(statuses) == {201, 503}, statuses
    assert statuses[201] >= 4
    for answer, took in got:
        if answer.status_code == 503:
            assert answer.json()["code"] == "unavailable" and int(answer.headers["Retry-After"]) >= 1
    refused = sorted(took for answer, took in got if answer.status_code == 503)
    assert refused[len(refused) // 2] < 2, "half of the refusals within about a second"
    assert refused[-1] < 5
    assert max(took for _, took in got) < 15
    assert sorted(reads)[len(reads) // 2] < 0.5, "reads stay quick meanwhile"
    assert len(reads) >= 5
    stack.sandbox.knobs(latency_ms=0)
    check_at_rest(stack)
    assert stack.post("zoom/meetings", body()).status_code == 201, "and it is over when it is over"


def test_nobody_starves(stack):
    """Sixteen clients for each worker, and all of them are served alike."""
    served, over = collections.Counter(), threading.Event()
    failed = collections.Counter()

    def one(index):
        while not over.is_set():
            status = stack.get("zoom/meetings?page_size=1").status_code
            (served if status == 200 else failed)[index] += 1

    threads = [threading.Thread(target=one, args=(index,)) for index in range(64)]
    for thread in threads:
        thread.start()
    time.sleep(4)
    over.set()
    for thread in threads:
        thread.join()
    assert len(served) == 64, f"{64 - len(served)} got nothing"
    assert max(served.values()) <= 4 * min(served.values()) + 4, served
    assert sum(failed.values()) <= sum(served.values()) // 10, (sum(failed.values()), sum(served.values()))


def test_the_database_goes_away_and_comes_back(stack):
    made = book(stack)
    # Stopped, not ended: the kernel still takes connections, and nobody answers.
    pid = stack.pid("mariadb")
    os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        answer = stack.get("/readyz", role=None)
        assert answer.status_code == 503 and time.monotonic() - begun < 25
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: stack.get("/readyz", role=None).status_code == 200, 30, 0.3)

    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not alive(pid), 10)
    for path in ("zoom/meetings", f"zoom/meetings/{made['id']}", "zoom/account-stats"):
        begun = time.monotonic()
        answer = stack.get(path)
        assert answer.status_code == 503 and answer.json()["code"] == "unavailable", answer.text
        assert int(answer.headers["Retry-After"]) >= 1
        assert time.monotonic() - begun < 5
    assert stack.post("zoom/meetings", body(), headers={"Idempotency-Key": "away"}).status_code == 503
    assert stack.get("/readyz", role=None).status_code == 503
    assert stack.get("/healthz", role=None).status_code == 200
    daemon = stack.pid()
    stack.up()
    wait_for(lambda: stack.get("/readyz", role=None).status_code == 200, 30, 0.2)
    assert stack.pid() == daemon, "it recovers by itself"
    assert stack.get(f"zoom/meetings/{made['id']}").status_code == 200
    assert stack.post("zoom/meetings", body(), headers={"Idempotency-Key": "away"}).status_code == 201
    assert len(live(stack)) == 2
    check_at_rest(stack)
