"""Stacks to test against: scripts/up in a folder of its own, on ports of its own."""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse
import uuid

import jwt
import pymysql
import requests

from contract import CONTRACT

REPO = pathlib.Path(__file__).resolve().parents[2]
SETTING = re.compile(r"(ZOOM|MEETPOOL|AWS)_|BUCKET_NAME$")
# Above every timeout inside: a test that runs into this one has found a hang.
TIMEOUT_S = 90


def candidates():
    """Ports to try. MEETPOOL_TEST_PORTS begins a range of 10000 that no other run beside this one uses; without it the system names them."""
    first = int(os.environ.get("MEETPOOL_TEST_PORTS") or 0)
    start = random.randrange(10000)
    while first:
        yield first + start % 10000
        start += 1
    while True:
        yield 0


PORTS = candidates()


def free_ports(count):
    """Ports that nobody listens on now. All are held until all are found, so that they differ."""
    held = []
    while len(held) < count:
        try:
            held.append(socket.create_server(("127.0.0.1", next(PORTS))))
        except OSError:
            continue
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def wait_for(look, seconds=10, every=0.05, what="what was waited for"):
    """Calls `look` until it answers something true, which is returned."""
    end = time.monotonic() + seconds
    while True:
        got = look()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(every)


def together(count, call):
    """Calls call(0) … call(count - 1) at the same instant, each in a thread of its own. Answers the results in that order; a failure is raised."""
    barrier = threading.Barrier(count)
    results, failures = [None] * count, []

    def one(index):
        try:
            barrier.wait()
            results[index] = call(index)
        except BaseException as failure:  # told to the caller below
            failures.append(failure)

    threads = [threading.Thread(target=one, args=(index,), daemon=True) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


def read_env(path):
    """The files that scripts/up writes: KEY="value" lines."""
    values = {}
    for line in pathlib.Path(path).read_text().splitlines():
        match = re.fullmatch(r'(\w+)="?(.*?)"?', line)
        if match:
            values[match[1]] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], match[2])
    return values


def alive(pid):
    """A process that has ended and is not yet collected by its parent is not alive."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid):
    """{pid: command name} of the living children."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = path.read_text().split(" (", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        name, rest = rest.rsplit(") ", 1)
        state, parent = rest.split()[:2]
        if int(parent) == pid and state != "Z":
            found[int(number)] = name
    return found


class Sandbox:
    """The sandbox' control side: what it was asked, what it is to do wrong."""

    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}"
        self.session = requests.Session()
        self.session.trust_env = False

    def call(self, method, path, body=None):
        answer = self.session.request(method, f"{self.base}/_sandbox/{path}", json=body, timeout=TIMEOUT_S)
        assert answer.status_code < 300, f"{method} _sandbox/{path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def reset(self):
        """As new: no meetings, no faults, no tokens, knobs and clock as they were."""
        return self.call("POST", "reset")

    def knobs(self, **values):
        return self.call("PATCH", "knobs", values)

    def fault(self, action, match=None, **rule):
        """fault({"status": 500}, {"method": "POST", "path": "/v2/users/*/meetings"}, count=1): what the next call that fits comes to."""
        return self.call("POST", "faults", {"match": match or {}, "action": action, **rule})["id"]

    def clear_faults(self):
        return self.call("DELETE", "faults")

    def calls(self):
        """Every call that it got, in order."""
        return self.call("GET", "calls")

    def meetings(self, **query):
        """Every meeting that was ever made, the deleted ones too. account=, host=, deleted="true" choose among them."""
        return self.call("GET", "meetings" + ("?" + urllib.parse.urlencode(query) if query else ""))

    def state(self):
        return self.call("GET", "state")

    def advance(self, seconds):
        """Moves its clock."""
        return self.call("PUT", "clock", {"advance_ms": int(seconds * 1000)})

    def revoke_tokens(self, account_id=None):
        return self.call("POST", "tokens/revoke", {"account_id": account_id} if account_id else {})


class Stack:
    def __init__(self, folder, env=None):
        self.run = pathlib.Path(folder)
        self.port, self.http_port, self.sandbox_port = free_ports(3)
        self.base = f"https://localhost:{self.port}"
        self.env = {name: value for name, value in os.environ.items() if not SETTING.match(name)}
        self.env.update(MEETPOOL_BIN_DIR=os.environ.get("MEETPOOL_BIN_DIR") or default_programs(), MEETPOOL_RUN_DIR=str(self.run),
                        MEETPOOL_PORT=str(self.port), MEETPOOL_HTTP_PORT=str(self.http_port), MEETPOOL_SANDBOX_PORT=str(self.sandbox_port),
                        MEETPOOL_ENV_FILE="/dev/null")
        self.env.update({name: str(value) for name, value in (env or {}).items()})
        self.sandbox = Sandbox(self.sandbox_port)
        self.local = threading.local()

    # ---- coming and going

    def script(self, name, *args, check=True):
        done = subprocess.run([REPO / "scripts" / name, *args], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if check and done.returncode != 0:
            raise AssertionError(f"scripts/{name} ended with {done.returncode}:\n{done.stderr}\n{self.tail()}")
        return done

    def up(self):
        """Answers what scripts/up printed."""
        return self.script("up").stdout

    def down(self, *args):
        self.script("down", *args)

    def pid(self, name="meetpoold"):
        return int((self.run / f"{name}.pid").read_text())

    def workers(self, command="mp-worker"):
        """Pids of the master's children by their command name: mp-worker, mp-overflow, mp-jobs."""
        return sorted(pid for pid, name in children_of(self.pid()).items() if name == command)

    def signal(self, number, name="meetpoold"):
        os.kill(self.pid(name), number)

    def restart_daemon(self, **env):
        """Stops meetpoold as an operator would, and starts it again, perhaps with other settings."""
        pid = self.pid()
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not alive(pid), 45, what="the end of meetpoold")
        self.env.update({name: str(value) for name, value in env.items()})
        self.up()

    # ---- talking to it

    @property
    def settings(self):
        return read_env(self.run / "meetpool.env")

    def token(self, sub="admin-1", role="admin", ttl=3600, **claims):
        body = {"sub": sub, "role": role, "exp": int(time.time()) + ttl, **claims}
        return jwt.encode({name: value for name, value in body.items() if value is not None}, self.settings["MEETPOOL_JWT_SECRET"], "HS256")

    @property
    def session(self):
        """A requests session of the calling thread."""
        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
            self.local.session.trust_env = False
            self.local.session.verify = str(self.run / "tls.crt")
        return self.local.session

    def request(self, method, path, sub="admin-1", role="admin", token=None, headers=None, timeout=TIMEOUT_S, **more):
        """`path` is behind /api/, or absolute. role=None: no token. json=, data= and params= as requests takes them. Redirects are not
        followed. The answer must be as openapi.json says."""
        sent = dict(headers or {})
        if role is not None and "Authorization" not in sent:
            sent["Authorization"] = f"Bearer {token or self.token(sub, role)}"
        url = self.base + (path if path.startswith("/") else f"/api/{path}")
        response = self.session.request(method, url, headers=sent, timeout=timeout, allow_redirects=False, **more)
        CONTRACT.check(method, url[len(self.base):], response)
        return response

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, **({"json": {} if body is None else body} if "data" not in more else {}), **more)

    def patch(self, path, body, **more):
        return self.request("PATCH", path, json=body, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)

    def tls(self, **options):
        """A raw TLS connection; `options` are set on the context first."""
        context = ssl.create_default_context(cafile=str(self.run / "tls.crt"))
        for name, value in options.items():
            got = getattr(context, name)
            got(value) if callable(got) else setattr(context, name, value)
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S), server_hostname="localhost")

    def raw(self, data):
        """Sends these bytes and answers everything up to the end of the connection."""
        with self.tls() as connection:
            connection.sendall(data)
            got = b""
            while True:
                try:
                    more = connection.recv(65536)
                except (ConnectionResetError, ssl.SSLError):
                    return got
                if not more:
                    return got
                got += more

    # ---- looking inside

    def db(self):
        """A connection to the embedded database as root; rows are dicts, every statement is its own transaction."""
        return pymysql.connect(unix_socket=str(self.run / "mariadb.sock"), user="root", database="meetpool", charset="utf8mb4", autocommit=True,
                               cursorclass=pymysql.cursors.DictCursor)

    def rows(self, statement, *values):
        with self.db() as connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall()

    def log_text(self, name="meetpoold"):
        path = self.run / "logs" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def log(self, event=None, name="meetpoold", **fields):
        """The daemon's log lines, as dicts; only those of that event and with these fields."""
        found = []
        for line in self.log_text(name).splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if (event is None or entry.get("event") == event) and all(entry.get(key) == value for key, value in fields.items()):
                found.append(entry)
        return found

    def pool_of(self, method, path, **more):
        """Sends the request and answers its response and the name of the pool that nginx chose."""
        mark = uuid.uuid4().hex
        response = self.request(method, path, headers={"X-Request-Id": mark, **more.pop("headers", {})}, **more)
        entry = wait_for(lambda: self.log(name="nginx-access", request_id=mark), 5, what="the access log's line")
        return response, entry[0]["pool"]

    def tail(self, lines=30):
        said = []
        for path in sorted((self.run / "logs").glob("*.log")):
            if path.name in ("meetpoold.log", "migrate.log", "sandbox.log", "nginx-error.log") and path.stat().st_size:
                said.append(f"-- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-lines:]))
        return "\n".join(said)


def default_programs():
    """Where pytest was called by hand: the programs that notice wrong memory, where they were built."""
    for folder in ("build-asan", "build"):
        if (REPO / folder / "meetpoold").exists():
            return str(REPO / folder)
    raise AssertionError("nothing is built: call scripts/test, or scripts/up")


class Stacks:
    """Makes stacks and ends them all."""

    def __init__(self):
        parent = os.environ.get("MEETPOOL_TEST_DIR")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="", dir=parent) if parent else tempfile.mkdtemp(prefix="meetpool-"))
        self.made = []

    def make(self, database_of=None, start=True, **env):
        """
        A stack with these settings. database_of: another stack whose database, secrets and Zoom it shares, as a second machine would.
        """
        if database_of:
            shared = {name: value for name, value in database_of.settings.items()
                      if (name.startswith("ZOOM_") and name != "ZOOM_REDIRECT_URI") or name in ("MEETPOOL_JWT_SECRET", "MEETPOOL_ENCRYPTION_KEYS")}
            shared.update(MEETPOOL_DB_SOCKET=database_of.run / "mariadb.sock", MEETPOOL_DB_USER="root", MEETPOOL_DB_NAME="meetpool")
            env = {**shared, **env}
        stack = Stack(self.folder / f"s{len(self.made)}", env)
        self.made.append(stack)
        if database_of:
            stack.sandbox = database_of.sandbox
            stack.db = database_of.db
        if start:
            stack.up()
        return stack

    def close(self):
        for stack in reversed(self.made):
            if stack.run.exists():
                stack.script("down", "--purge", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
