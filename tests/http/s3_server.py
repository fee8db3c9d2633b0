"""A real S3 server for tests: OpenStack Swift with its s3api, the whole of it in one process; and a proxy before it that fails on demand.

Fixtures (conftest.py):
    s3          the server, one a session: s3.url, s3.key, s3.secret, s3.region, s3.bucket() a fresh bucket
    s3_faults   FaultProxy(s3.url), one a test: give its .url to the program, and say what is to happen

Bucket (bucket = s3.bucket()) talks to the server itself with a signer of its own (not the one under test):
    .name .get(key) .head(key) .put(key, bytes) .delete(key) .keys() .uploads() .settings(url=None)
    .settings() are the variables for a stack: make_stack(**bucket.settings()), or (**bucket.settings(proxy.url)) through a proxy.

FaultProxy:
    .fail(match, how, times=1)  the next `times` requests whose "METHOD /path?query" the pattern finds (re.search) end like this:
        500             HTTP 500 InternalError
        503             HTTP 503 SlowDown, Retry-After: 1 ("503:60": 60)
        403             HTTP 403 AccessDenied
        "reset"         cut before anything is passed on
        "cut:N"         cut after N bytes of the request's body were passed on
        "lost"          the server does it, its answer is not passed on
        "slow:S"        passed on S seconds late
        "hang"          nothing is said until the proxy is closed
        "error200"      HTTP 200 with <Error><Code>InternalError, nothing is passed on
        "done-error200" the same, but the server has done it
        "html"          HTTP 200 with a page
        "skew"          HTTP 403 RequestTimeTooSkewed with a Date an hour ahead
    .older_by_s     uploads that the server lists were begun so much earlier
    .seen           ["METHOD /path?query", …] in order of arrival
    .close()

The server: /usr/bin/python3 tests/http/s3_server.py FOLDER runs it until it is told to end; FOLDER/port says where it listens.
"""
import datetime
import hashlib
import hmac
import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid
import xml.etree.ElementTree

KEY, SECRET, REGION = "test:tester", "testing", "us-east-1"
EMPTY = hashlib.sha256(b"").hexdigest()
START_S = 60


# ---- the server, in a process of its own ----

COMMON = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {etc}
devices = {srv}
mount_check = false
fallocate_reserve = 0
log_level = ERROR
"""
STORAGE = COMMON + """[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
PROXY = COMMON + """[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats cache s3api tempauth bulk slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:cache]
paste.filter_factory = s3_server:cache_filter
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
max_upload_part_num = 10000
max_parts_listing = 50
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
""" + "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in ("catch_errors", "gatekeeper", "listing_formats", "bulk", "slo", "dlo"))


class Cache:
    """What Swift asks of memcached. True even while it is empty: tempauth takes an empty one for none."""

    def __init__(self):
        self.held = {}

    def __bool__(self):
        return True

    def get(self, key, *_, **__):
        return self.held.get(key)

    def set(self, key, value, *_, **__):
        self.held[key] = value

    def delete(self, key, *_, **__):
        self.held.pop(key, None)

    def incr(self, key, delta=1, *_, **__):
        self.held[key] = int(self.held.get(key) or 0) + delta
        return self.held[key]


def cache_filter(*_, **__):
    cache = Cache()

    def wrap(app):
        def call(env, start_response):
            env["swift.cache"] = cache
            return app(env, start_response)
        return call
    return wrap


def serve(folder):
    parent = os.getppid()
    from swift.common import utils
    utils.eventlet_monkey_patch()
    import eventlet
    import eventlet.hubs
    from swift.common import wsgi
    from swift.common.ring import RingBuilder

    # run_server() asks for a hub, each time anew: the second server would end the first one's. One a thread will do.
    use_hub = eventlet.hubs.use_hub
    eventlet.hubs.use_hub = lambda *args: None if hasattr(eventlet.hubs._threadlocal, "Hub") else use_hub(*args)
    etc, srv = folder / "etc", folder / "srv"
    etc.mkdir(parents=True, exist_ok=True)
    (srv / "d1").mkdir(parents=True, exist_ok=True)
    (etc / "swift.conf").write_text("[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n[storage-policy:0]\nname = p0\ndefault = yes\n")
    utils.set_swift_dir(str(etc))
    listening = {kind: eventlet.listen(("127.0.0.1", 0), backlog=256) for kind in ("object", "container", "account", "proxy")}
    for kind, sock in listening.items():
        port = sock.getsockname()[1]
        (etc / f"{kind}-server.conf").write_text((PROXY if kind == "proxy" else STORAGE).format(port=port, etc=etc, srv=srv, kind=kind))
        if kind != "proxy":
            ring = RingBuilder(4, 1, 1)
            ring.add_dev({"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "d1", "weight": 1.0})
            ring.rebalance()
            ring.get_ring().save(str(etc / f"{kind}.ring.gz"))
    sys.modules.setdefault("s3_server", sys.modules["__main__"])
    for kind, sock in listening.items():
        conf, logger, name = wsgi._initrp(str(etc / f"{kind}-server.conf"), f"{kind}-server")
        eventlet.spawn(wsgi.run_server, conf, logger, sock, {"log_name": name})
    (folder / "port.new").write_text(str(listening["proxy"].getsockname()[1]))
    (folder / "port.new").rename(folder / "port")
    # Whoever started it may die without a word.
    while os.getppid() == parent:
        eventlet.sleep(1)


class S3Server:
    """The running server. close() ends it and removes what it kept."""

    key, secret, region = KEY, SECRET, REGION

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="meetpool-s3."))
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(["/usr/bin/python3", __file__, str(self.folder)], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, start_new_session=True)
        self.url = self.wait()

    def wait(self):
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                url = f"http://127.0.0.1:{int((self.folder / 'port').read_text())}"
                if call(url, "GET", "/")[0] == 200:
                    return url
            except (OSError, ValueError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        said = (self.folder / "log").read_text(errors="replace")[-2000:]
        self.close()
        raise AssertionError(f"the S3 server does not start: {said}")

    def bucket(self):
        bucket = Bucket(self, f"b-{uuid.uuid4().hex[:16]}")
        assert call(self.url, "PUT", f"/{bucket.name}")[0] == 200
        return bucket

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- a client that owes nothing to the program under test ----

def quote(text, safe="-._~"):
    return urllib.parse.quote(text, safe=safe)


def signature(day, text):
    key = f"AWS4{SECRET}".encode()
    for piece in (day, REGION, "s3", "aws4_request", text):
        key = hmac.new(key, piece.encode(), hashlib.sha256).digest()
    return key.hex()


def call(url, method, path, query=None, body=b"", headers=None):
    """One signed request. Answers status, headers, body."""
    host = url.removeprefix("http://")
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    target = quote(path, "/-._~")
    text = "&".join(f"{quote(name)}={quote(value)}" for name, value in sorted((query or {}).items()))
    signed = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    names = ";".join(signed)
    canonical = "\n".join([method, target, text, *(f"{name}:{value}" for name, value in signed.items()), "", names, digest])
    scope = f"{stamp[:8]}/{REGION}/s3/aws4_request"
    proof = signature(stamp[:8], f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}")
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        connection.request(method, f"{target}?{text}" if text else target, body, {
            **(headers or {}), "x-amz-content-sha256": digest, "x-amz-date": stamp,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={proof}"})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def texts(body, *path):
    """The texts at the end of a path of element names, whatever their namespace."""
    found = [xml.etree.ElementTree.fromstring(body)]
    for name in path:
        found = [child for one in found for child in one if child.tag.rpartition("}")[2] == name]
    return [one.text or "" for one in found]


class Bucket:
    def __init__(self, server, name):
        self.server, self.name = server, name

    def call(self, method, key="", query=None, body=b"", headers=None):
        return call(self.server.url, method, f"/{self.name}/{key}" if key else f"/{self.name}", query, body, headers)

    def get(self, key):
        status, _, body = self.call("GET", key)
        assert status in (200, 404), (status, body)
        return body if status == 200 else None

    def head(self, key):
        status, headers, _ = self.call("HEAD", key)
        assert status in (200, 404), status
        return headers if status == 200 else None

    def put(self, key, body):
        assert self.call("PUT", key, body=body)[0] == 200

    def delete(self, key):
        assert self.call("DELETE", key)[0] == 204

    def keys(self):
        return sorted(texts(self.call("GET", query={"list-type": "2"})[2], "Contents", "Key"))

    def uploads(self):
        """Keys of the uploads that were begun and not ended."""
        return sorted(texts(self.call("GET", query={"uploads": ""})[2], "Upload", "Key"))

    def settings(self, url=None):
        return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION, "BUCKET_NAME": self.name,
                "AWS_ENDPOINT_URL_S3": url or self.server.url}


# ---- faults ----

ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>made up</Message></Error>'
PIECE = 64 * 1024


class Cut(Exception):
    """The connection is to be cut here."""


class FaultProxy:
    def __init__(self, url):
        self.far = urllib.parse.urlsplit(url)
        self.rules, self.seen = [], []
        self.older_by_s = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                proxy.connection(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 256

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def fail(self, match, how, times=1):
        with self.lock:
            self.rules.append([re.compile(match), str(how), times])

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def rule(self, line):
        with self.lock:
            self.seen.append(line)
            for rule in self.rules:
                if rule[2] > 0 and rule[0].search(line):
                    rule[2] -= 1
                    return rule[1]
        return ""

    def connection(self, sock):
        """Request after request, each passed on over a connection of its own."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        near = sock.makefile("rb", buffering=PIECE)
        try:
            while not self.closing.is_set() and self.one(sock, near):
                pass
        except (Cut, OSError):
            pass
        finally:
            near.close()

    def one(self, sock, near):
        first = near.readline(65536)
        if not first.strip():
            return False
        head = [first]
        length = 0
        while (line := near.readline(65536)).strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            if not line.lower().startswith(b"connection:"):
                head.append(line)
        method, target = first.split(b" ")[:2]
        how = self.rule(f"{method.decode()} {target.decode()}")
        name, _, value = how.partition(":")
        if name == "reset":
            raise Cut
        if name == "hang":
            self.closing.wait()
            raise Cut
        if name == "slow":
            self.closing.wait(float(value))
        if name in ("403", "500", "503", "error200", "html", "skew"):
            drain(near, length)
            sock.sendall(made_up(name, value or "1"))
            return True
        answer = self.pass_on(head, near, length, int(value) if name == "cut" else None)
        if name == "lost":
            b"".join(answer)
            raise Cut
        if name == "done-error200":
            b"".join(answer)
            sock.sendall(made_up("error200"))
            return True
        if self.older_by_s and method == b"GET" and b"uploads=" in target:
            answer = [re.sub(rb"<Initiated>(.*?)Z?</Initiated>", self.older, b"".join(answer))]
        for piece in answer:
            sock.sendall(piece)
        return False  # the far side has closed, and only that tells the answer's end

    def older(self, found):
        at = datetime.datetime.fromisoformat(found[1].decode()) - datetime.timedelta(seconds=self.older_by_s)
        return f"<Initiated>{at.isoformat(timespec='milliseconds')}Z</Initiated>".encode()

    def pass_on(self, head, near, length, cut_after):
        far = socket.create_connection((self.far.hostname, self.far.port), timeout=120)
        far.sendall(b"".join(head) + b"Connection: close\r\n\r\n")
        if cut_after is not None:
            far.sendall(near.read(min(cut_after, length)))
            far.close()
            raise Cut
        while length > 0:
            piece = near.read(min(PIECE, length))
            if not piece:
                far.close()
                raise Cut
            far.sendall(piece)
            length -= len(piece)
        return answer_of(far)


def answer_of(far):
    try:
        while piece := far.recv(PIECE):
            yield piece
    finally:
        far.close()


def drain(near, length):
    while length > 0:
        piece = near.read(min(PIECE, length))
        if not piece:
            raise Cut
        length -= len(piece)


def made_up(name, retry_after_s="1"):
    status, body, more = {
        "403": ("403 Forbidden", ERROR.format("AccessDenied"), ""),
        "500": ("500 Internal Server Error", ERROR.format("InternalError"), ""),
        "503": ("503 Slow Down", ERROR.format("SlowDown"), f"Retry-After: {retry_after_s}\r\n"),
        "error200": ("200 OK", ERROR.format("InternalError"), ""),
        "html": ("200 OK", "<html><body>Sign in<br></body></html>", ""),
        "skew": ("403 Forbidden", ERROR.format("RequestTimeTooSkewed"), ""),
    }[name]
    at = time.time() + (3600 if name == "skew" else 0)
    date = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
    return (f"HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: application/xml\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}").encode()


if __name__ == "__main__":
    # Swift's own package is not to be looked for here.
    sys.path = [one for one in sys.path if one != str(pathlib.Path(__file__).parent)]
    serve(pathlib.Path(sys.argv[1]).resolve())
