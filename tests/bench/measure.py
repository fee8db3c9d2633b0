"""What scripts/bench measures; the figures are explained there. Called by it, with the programs in MEETPOOL_BIN_DIR."""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import requests

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "http"))
from harness import Sandbox, Stacks, children_of, read_env, wait_for  # noqa: E402
from webhooks import tell_burst  # noqa: E402
from recordings import MIB, Recordings  # noqa: E402
from summary import Summaries  # noqa: E402

ACCOUNTS, HOSTS = 20, 5
FAST_WORKERS, ZOOM_WORKERS = 8, 32
WEBHOOK_SECRET = "benchmark-secret"
CREATORS = 64
LATENCY_MS = 300
TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
FLOOR_TABLES = """
CREATE DATABASE floor;
CREATE TABLE floor.account (id INT PRIMARY KEY, seq BIGINT NOT NULL DEFAULT 0) ENGINE=InnoDB;
CREATE TABLE floor.meeting (id BIGINT AUTO_INCREMENT PRIMARY KEY, account_id INT NOT NULL, starts_at BIGINT NOT NULL, ends_at BIGINT NOT NULL,
  topic VARCHAR(200) NOT NULL, KEY capacity (account_id, starts_at, ends_at)) ENGINE=InnoDB;
"""


def cpu_us(pid, children_too=False):
    """Microseconds of CPU that a process has used, with children_too those of its ended and waited-for children as well."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return sum(int(field) for field in fields[11:15 if children_too else 13]) * TICK_US


def family_us(pid):
    """Of a process, its children alive, and those that have ended."""
    total = cpu_us(pid, children_too=True)
    for child in children_of(pid):
        try:
            total += cpu_us(child)
        except FileNotFoundError:  # it has ended, and is counted with its parent's at the next look
            pass
    return total


class Bench:
    def __init__(self, stacks, bin_dir, seconds):
        self.stacks, self.bin, self.seconds = stacks, bin_dir, seconds
        self.started, self.rounds, self.floors = [], {}, {}

    def open(self):
        self.sandbox = self.start_sandbox()
        accounts = {f"ZOOM_HOST_MAX_CONCURRENT_{n}": "2" for n in range(1, ACCOUNTS + 1)}
        self.stack = self.stacks.make(**read_env(self.stacks.folder / "sandbox.env"), **accounts, ZOOM_API_URL=f"{self.sandbox.base}/v2",
                                 ZOOM_OAUTH_URL=f"{self.sandbox.base}/oauth", ZOOM_DAILY_LIMIT=1000000, MEETPOOL_WORKERS=FAST_WORKERS,
                                 MEETPOOL_ZOOM_WORKERS=ZOOM_WORKERS, ZOOM_WEBHOOK_SECRET_TOKEN=WEBHOOK_SECRET)
        self.token = self.stack.token(ttl=86400)
        self.meeting = self.stack.post("zoom/meetings", {"topic": "Read me", "start_time": "2030-01-15T10:00:00Z", "duration": 45,
                                                         "settings": {"waiting_room": True}}).json()["data"]["meeting"]["id"]
        self.start_floors()

    # ---- coming and going

    def start(self, command, **more):
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, **more)
        self.started.append(process)
        return process

    def start_sandbox(self):
        process = self.start([self.bin / "meetpool-sandbox", "--listen", "127.0.0.1:0", "--init-accounts", ACCOUNTS, "--hosts", HOSTS, "--env-file",
                              self.stacks.folder / "sandbox.env", "--knob", "rate_limits=false", "--knob", "daily_limit=0"],
                             stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        if not line.startswith("listening on"):
            raise SystemExit(f"the sandbox did not start: {line}")
        return Sandbox(int(line.strip().rsplit(":", 1)[1]))

    def start_floors(self):
        for statement in filter(str.strip, FLOOR_TABLES.split(";")):
            self.stack.rows(statement)
        self.stack.rows("INSERT INTO floor.account (id) VALUES " + ", ".join(f"({n})" for n in range(1, 21)))
        env = {**os.environ, "FLOOR_DB_SOCKET": str(self.stack.run / "mariadb.sock"), "MEETPOOL_JWT_SECRET": self.stack.settings["MEETPOOL_JWT_SECRET"]}
        locations = ""
        for name, workers in (("hello", FAST_WORKERS), ("select", FAST_WORKERS), ("book", ZOOM_WORKERS)):
            socket = self.stack.run / f"floor-{name}.sock"
            self.floors[name] = self.start([self.bin / "tests/bench" / f"floor_{name}", socket, workers], env=env)
            wait_for(socket.exists, what=f"floor_{name}")
            locations += f"location = /floor/{name} {{ fastcgi_pass unix:{socket}; }}\n"
        with open(self.stack.run / "meetpool-server.conf", "a") as conf:
            conf.write(locations)
        self.stack.signal(1, "nginx")
        for name in self.floors:
            wait_for(lambda name=name: self.answers(f"floor_{name}"), what=f"an answer of floor_{name}")

    def answers(self, target):
        try:
            return self.stack.get(self.path_of(target)).status_code < 300
        except requests.ConnectionError:  # nginx closes what was open before it read its configuration again
            return False

    def close(self):
        for process in reversed(self.started):
            process.kill()
            process.wait()

    # ---- measuring

    def path_of(self, target):
        if target.startswith("floor_"):
            return f"/floor/{target[6:]}?id={self.meeting}"
        return f"/api/zoom/meetings/{self.meeting}" if target == "get" else "/api/zoom/meetings"

    def wrk(self, target, connections):
        env = {**os.environ, "BENCH_TOKEN": self.token, "BENCH_BOOK": "1" if target.endswith("book") else ""}
        return subprocess.Popen(["wrk", "-t2", f"-c{connections}", f"-d{self.seconds}s", "--timeout", "20s", "-s", str(HERE / "wrk.lua"),
                                 self.stack.base + self.path_of(target)], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    @staticmethod
    def result(process, may_refuse=False):
        """Where all workers are taken, meetpool refuses early: that is no answer of the kind that is measured, and only `may_refuse` lets it be."""
        out = process.communicate()[0]
        got = json.loads(out.splitlines()[-1])
        answered = got["requests"] - got["refused"]
        if process.returncode or got["broken"] or not answered or (got["refused"] and not may_refuse):
            raise SystemExit(f"a run went wrong: {out}")
        return {"rate": answered / got["seconds"], "p50": got["p50_ms"], "p99": got["p99_ms"], "requests": answered,
                "refused": got["refused"] / got["requests"]}

    def used(self, target):
        app = self.floors[target[6:]].pid if target.startswith("floor_") else self.stack.pid()
        return {"nginx": family_us(self.stack.pid("nginx")), "app": family_us(app), "db": cpu_us(self.stack.pid("mariadb"))}

    def measure(self, target, connections=16):
        before = self.used(target)
        got = self.result(self.wrk(target, connections))
        after = self.used(target)
        cpu = {f"cpu_{part}": (after[part] - before[part]) / got["requests"] for part in before}
        return {**got, **cpu, "cpu": sum(cpu.values())}

    def note(self, name, figures):
        self.rounds.setdefault(name, []).append(figures)
        print(f"  {name} {figures['rate']:.0f}/s p50 {figures['p50']:.2f} ms", file=sys.stderr)

    def round(self, number):
        """One after the other, each time beginning with another: what disturbs the machine meets all alike."""
        targets = ["floor_hello", "floor_select", "get", "floor_book", "book"]
        for target in targets[number % 5:] + targets[:number % 5]:
            self.note(target, self.measure(target))
        self.beside_creators()

    def warm_up(self):
        """Connections, prepared statements, tokens, the rows of accounts: each worker gets its own once, and until then some requests are refused."""
        for target in ("get", "book", "book", "floor_select", "floor_book"):
            self.wrk(target, CREATORS).communicate()

    def beside_creators(self):
        self.note("readers_alone", self.measure("get", 8))
        self.sandbox.knobs(latency_ms=LATENCY_MS)
        creators = self.wrk("book", CREATORS)
        time.sleep(min(0.5, self.seconds / 4))
        readers = self.measure("get", 8)
        self.note("creators", self.result(creators, may_refuse=True))
        self.note("readers", readers)
        self.sandbox.knobs(latency_ms=0)

    def burst(self, seconds):
        print("a burst of webhooks", file=sys.stderr)
        meetings = [row["zoom_id"] for row in self.stack.rows("SELECT zoom_id FROM meeting WHERE status = 'scheduled' LIMIT 50")]
        tell_burst(self.stack, WEBHOOK_SECRET, meetings, seconds, tell)

    # ---- telling

    def median(self, name, figure):
        return statistics.median(one[figure] for one in self.rounds[name])

    def ratio(self, above, below, figure):
        """The median of the rounds' ratios: both of a round met the same disturbances."""
        return statistics.median(a[figure] / b[figure] for a, b in zip(self.rounds[above], self.rounds[below]))

    def tell_target(self, name, short):
        tell(f"{short}_rate", self.median(name, "rate"), "requests/s")
        tell(f"{short}_p50", self.median(name, "p50"), "ms")
        tell(f"{short}_p99", self.median(name, "p99"), "ms")
        for part in ("nginx", "app", "db"):
            if "cpu" in self.rounds[name][0]:
                tell(f"{short}_cpu_{part}", self.median(name, f"cpu_{part}"), "us/request")

    def tell(self):
        for name in ("get", "floor_hello", "floor_select", "book", "floor_book"):
            self.tell_target(name, name)
        for name, floor in (("get", "floor_hello"), ("get", "floor_select"), ("book", "floor_book")):
            tell(f"{name}_rate_to_{floor}", self.ratio(name, floor, "rate"), "ratio")
            tell(f"{name}_cpu_to_{floor}", self.ratio(name, floor, "cpu"), "ratio")
            tell(f"{name}_p99_to_{floor}", self.ratio(name, floor, "p99"), "ratio")
        tell("readers_alone_rate", self.median("readers_alone", "rate"), "requests/s")
        tell("readers_beside_creators_rate", self.median("readers", "rate"), "requests/s")
        tell("readers_beside_creators_p50", self.median("readers", "p50"), "ms")
        tell("readers_beside_creators_to_alone", self.ratio("readers", "readers_alone", "rate"), "ratio")
        tell("creators_rate", self.median("creators", "rate"), "bookings/s")
        tell("creators_refused", self.median("creators", "refused"), "ratio")
        tell("creators_to_limit", self.median("creators", "rate") / (ZOOM_WORKERS / (LATENCY_MS / 1000)), "ratio")
        pss = [one for one in (pss_bytes(pid) for pid in self.stack.workers()) if one]
        if pss:
            tell("worker_pss", statistics.mean(pss), "bytes")


WEEK = {"from": "2040-06-01T00:00:00Z", "to": "2040-06-08T00:00:00Z"}
WEEK_MS = 2222121600000  # 2040-06-01
STEP_MS = 3600000


class Weeks:
    """One person's week in a table that grows around it."""

    def __init__(self, stack):
        self.stack, self.filled = stack, 0

    def fill(self, count):
        """Bookings an hour apart, before and behind the week, every other one the person's."""
        start = f"{WEEK_MS} + (CAST(seq AS SIGNED) - 500) * {STEP_MS}"
        owner = "IF(seq MOD 2, 'busy-1', CONCAT('b', seq MOD 5000))"
        for first in range(self.filled + 1, count + 1, 100000):
            rows = f"seq_{first}_to_{min(first + 99999, count)}"
            self.stack.rows("INSERT INTO booking (public_id, kind, status, owner_sub, title, topic, starts_at, ends_at, timezone, wants_meeting, meeting_state,"
                            f" created_at, updated_at) SELECT CONCAT('bead', LPAD(LOWER(HEX(seq)), 20, '0')), 'class', 'scheduled', {owner}, 'x', 'x', {start},"
                            f" {start} + 60000, 'UTC', 0, 'none', 1, 1 FROM {rows}")
        self.stack.rows("INSERT IGNORE INTO booking_person (booking_id, sub, parts, kind, status, starts_at)"
                        " SELECT id, owner_sub, 1, kind, status, starts_at FROM booking WHERE public_id LIKE 'bead%%'")
        self.stack.rows("ANALYZE TABLE booking, booking_person")
        self.filled = count

    def ask(self):
        begun = time.monotonic()
        answer = self.stack.get("classes", params=WEEK, sub="busy-1", role="teacher")
        took = time.monotonic() - begun
        assert answer.status_code == 200 and len(answer.json()["data"]["classes"]) == 30, answer.text[:300]
        return took * 1000

    def rows_read(self):
        def count():
            return sum(int(row["Value"]) for row in self.stack.rows("SHOW GLOBAL STATUS LIKE 'Handler_read%%'"))
        before = count()
        idle = count() - before
        before = count()
        self.ask()
        return max(0, count() - before - idle)

    def tell(self):
        medians = {}
        for count in (1000, 1000000):
            print(f"a week among {count} bookings", file=sys.stderr)
            self.fill(count)
            self.ask()
            medians[count] = statistics.median(self.ask() for _ in range(100))
            tell(f"week_{count}_p50", medians[count], "ms")
            tell(f"week_{count}_rows", min(self.rows_read() for _ in range(5)), "rows")
        tell("week_1000000_to_1000", medians[1000000] / medians[1000], "ratio")


def pss_bytes(pid):
    """None where the process keeps its memory from us: only root may look."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))


def tell(name, value, unit):
    print(f"{name} {value:.0f} {unit}" if value >= 100 else f"{name} {value:.2f} {unit}", flush=True)


def bring_recordings_home(options):
    if not shutil.which("rclone"):
        print("rclone is not installed: recordings are left out", file=sys.stderr)
        return
    recordings = Recordings(os.environ["MEETPOOL_BIN_DIR"] + "/tests/unit/storage/test_transfer")
    try:
        recordings.open()
        recordings.compare(options.rounds, (16 if options.quick else 512) * MIB, tell)
        if options.large:
            recordings.large(2048 * MIB, tell)
    finally:
        recordings.close()


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--quick", action="store_true", help="one round of one second each: shows that it works, measures nothing")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--weeks", action="store_true", help="a person's week among a million bookings, too")
    parser.add_argument("--summary", action="store_true", help="the console's summary among a million meetings, too")
    parser.add_argument("--recordings", action="store_true", help="nothing but recordings")
    parser.add_argument("--large", action="store_true", help="a recording of 2 GiB, too")
    options = parser.parse_args()
    if options.quick:
        options.rounds = options.seconds = 1
    bring_recordings_home(options)
    if options.recordings:
        return
    stacks = Stacks()
    bench = Bench(stacks, pathlib.Path(os.environ["MEETPOOL_BIN_DIR"]), options.seconds)
    try:
        bench.open()
        bench.warm_up()
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            bench.round(number)
        bench.tell()
        bench.burst(1 if options.quick else 10)
        if options.weeks:
            Weeks(bench.stack).tell()
        if options.summary:
            Summaries(bench.stack).tell(tell)
    finally:
        stacks.close()
        bench.close()


if __name__ == "__main__":
    main()
