"""Recordings on their way: sources and storages that misbehave, and what one transfer (test_transfer.c, named by TRANSFER) makes of them."""
import concurrent.futures
import functools
import hashlib
import os
import pathlib
import random
import re
import resource
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "http"))

import s3_server  # noqa: E402

TRANSFER = os.environ["TRANSFER"]
MIB = 1024 * 1024
PART = 8 * MIB
HEAD = b"\0\0\0\x20ftypisom"
TIMEOUT_S = 90


@functools.cache
def video(size, seed=1):
    return (HEAD + random.Random(seed).randbytes(max(size - len(HEAD), 0)))[:size]


SMALL = video(100_000)
LARGE = video(2 * PART + 300_000)


# ---- a source ----

class Source:
    """Serves `body` at every path; `script` holds other answers, one a request: (status, headers, body), or a function of the request.
    cuts: so many bytes of a body, then the connection ends; one a request. framing: length, chunked, close.
    then: the etag and body that it has after a cut."""

    def __init__(self, body=SMALL, ranges=True, framing="length", etag='"e1"', kind="video/mp4", cuts=(), script=(), stalls=0, pace=0):
        self.body, self.ranges, self.framing, self.etag, self.kind = body, ranges, framing, etag, kind
        self.then = None
        self.cuts, self.script, self.stalls, self.pace = list(cuts), list(script), stalls, pace
        self.seen, self.lock, self.closing = [], threading.Lock(), threading.Event()
        source = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    with self.request.makefile("rb") as near:
                        while source.one(self.request, near):
                            pass
                except OSError:
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 64

        self.server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = f"http://{self.host}/rec/download/x?y=%2F"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def one(self, sock, near):
        line = near.readline(65536).decode().strip()
        if not line:
            return False
        headers = {}
        while text := near.readline(65536).decode().strip():
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        with self.lock:
            self.seen.append((line, headers))
            scripted = self.script.pop(0) if self.script else None
            cut = self.cuts.pop(0) if self.cuts else None
        if scripted:
            status, more, body = scripted
            sock.sendall(f"HTTP/1.1 {status} X\r\n".encode() + b"".join(f"{n}: {v}\r\n".encode() for n, v in more.items())
                         + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            return True
        return self.file(sock, headers, cut)

    def file(self, sock, headers, cut):
        asked = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
        first = int(asked[1]) if asked and self.ranges and headers.get("if-range", self.etag) == self.etag else 0
        if first and first >= len(self.body):
            sock.sendall(f"HTTP/1.1 416 X\r\nContent-Range: bytes */{len(self.body)}\r\nContent-Length: 0\r\n\r\n".encode())
            return True
        body = self.body[first:]
        head = f"HTTP/1.1 {206 if first else 200} X\r\nContent-Type: {self.kind}\r\n"
        if first:
            head += f"Content-Range: bytes {first}-{len(self.body) - 1}/{len(self.body)}\r\n"
        if self.etag:
            head += f"ETag: {self.etag}\r\n"
        head += {"length": f"Content-Length: {len(body)}\r\n", "chunked": "Transfer-Encoding: chunked\r\n", "close": "Connection: close\r\n"}[self.framing]
        sock.sendall((head + "\r\n").encode())
        sent = body if cut is None else body[:cut]
        self.pieces(sock, sent)
        if cut is not None:
            if self.then:
                self.etag, self.body = self.then
            if self.stalls:
                self.closing.wait(60)
            return False
        if self.framing == "chunked":
            sock.sendall(b"0\r\n\r\n")
        return self.framing != "close"

    def pieces(self, sock, body):
        for at in range(0, len(body), 65536):
            piece = body[at:at + 65536]
            sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if self.framing == "chunked" else piece)
            if self.pace:
                time.sleep(self.pace)


@pytest.fixture
def source():
    made = []

    def make(*args, **more):
        made.append(Source(*args, **more))
        return made[-1]
    yield make
    for one in made:
        one.close()


# ---- the two storages ----

class Folder:
    kind = "folder"

    def __init__(self, path):
        self.path = path

    def arguments(self):
        return [f"folder={self.path}"]

    def get(self, key):
        path = self.path / key
        return path.read_bytes() if path.exists() else None

    def left(self):
        """What was begun and not ended."""
        return sorted(one.name for one in (self.path / ".uploads").glob("*.part"))


class S3:
    kind = "s3"

    def __init__(self, bucket, url):
        self.bucket, self.url = bucket, url

    def arguments(self):
        return [f"endpoint={self.url}", f"bucket={self.bucket.name}", f"access={s3_server.KEY}", f"secret={s3_server.SECRET}", "folder=/nowhere"]

    def get(self, key):
        return self.bucket.get(key)

    def left(self):
        return self.bucket.uploads()


@pytest.fixture(scope="session")
def server():
    server = s3_server.S3Server()
    yield server
    server.close()


@pytest.fixture
def s3(server):
    return S3(server.bucket(), server.url)


@pytest.fixture
def faults(server, s3):
    proxy = s3_server.FaultProxy(server.url)
    s3.url = proxy.url
    yield proxy
    proxy.close()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture(params=["folder", "s3"])
def sink(request):
    return request.getfixturevalue(request.param)


# ---- a transfer ----

class Moved:
    def __init__(self, ended, output):
        self.status, self.parts, self.begun, self.facts = ended, [], [], {}
        for line in output.splitlines():
            name, _, value = line.partition(" ")
            if name == "part":
                self.parts.append(value.split(" ")[0])
            elif name == "begun":
                self.begun.append(value)
            else:
                self.facts[name] = value
        self.end = self.facts.get("end")
        self.problem = self.facts.get("problem")
        self.upload = self.facts.get("upload")

    def number(self, name):
        return int(self.facts[name])


def move(url, sink, size=None, key="videos/a.mp4", **more):
    arguments = [f"url={url}", f"key={key}", *sink.arguments()]
    if size is not None:
        arguments.append(f"size={size}")
    before = more.pop("before", None)
    parts = more.pop("parts", [])
    arguments += [f"{name}={value}" for name, value in more.items()] + [f"part={one}" for one in parts]
    done = subprocess.run([TRANSFER, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_S,
                          preexec_fn=before, restore_signals=before is None)
    assert done.returncode in (0, -signal.SIGKILL), (done.returncode, done.stderr.decode()[-2000:])
    moved = Moved(done.returncode, done.stdout.decode())
    assert re.search(r"\d+\.\d+\.\d+\.\d+|://|t0ken|localhost", moved.problem or "") is None, moved.problem
    return moved


def check_done(moved, sink, body, key="videos/a.mp4"):
    assert moved.end == "DONE", moved.facts
    assert moved.number("size") == len(body) and moved.upload == "-"
    assert hashlib.sha256(sink.get(key)).digest() == hashlib.sha256(body).digest()
    assert sink.left() == []
    if moved.facts["sha256"] != "-":
        assert moved.facts["sha256"] == hashlib.sha256(body).hexdigest()


def check_refused(moved, sink, end, problem, key="videos/a.mp4"):
    assert moved.end == end and re.search(problem, moved.problem), moved.facts
    assert sink.get(key) is None and sink.left() == [] and moved.upload == "-"


def together(cases, check):
    """Each case by itself, several at a time: most of the time is spent in waiting."""
    def one(case):
        try:
            check(*case)
        except BaseException as problem:
            raise AssertionError(f"{str(case)[:200]}: {problem}") from problem

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for ended in [pool.submit(one, case) for case in cases]:
            ended.result()


# ---- whole files ----

@pytest.mark.parametrize("size", [12, PART, PART + 1, 2 * PART + 300_000])
def test_arrives_byte_for_byte(source, sink, size):
    body = video(size)

    def check(promised):
        key = f"videos/{promised}.mp4"
        moved = move(source(body).url, sink, size if promised else None, key=key)
        assert moved.end == "DONE" and moved.number("size") == size and sink.get(key) == body, moved.facts
        assert len(moved.parts) == (0 if sink.kind == "s3" and size <= PART else -(-size // PART))
        assert moved.facts["sha256"] == ("-" if sink.kind == "s3" and size > PART else hashlib.sha256(body).hexdigest())
    together([(True,), (False,)], check)
    assert sink.left() == []


@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_takes_a_body_without_a_length(source, sink, framing):
    check_done(move(source(LARGE, framing=framing).url, sink, len(LARGE)), sink, LARGE)


@pytest.mark.parametrize("extension,text", [("VTT", b"WEBVTT\r\n\r\n1\r\n"), ("VTT", b"\xef\xbb\xbfWEBVTT\n"), ("JSON", b' \n{"a": 1}'), ("JSON", b"[]"),
                                            ("TXT", "00:01 Zoë: <hi>\r\n".encode()), ("M4A", b"\0\0\0\x1cftypM4A "), ("CSV", b"a,b\n")])
def test_knows_each_kind(source, folder, extension, text):
    check_done(move(source(text, kind="application/octet-stream").url, folder, len(text), extension=extension), folder, text)


def test_small_ones_side_by_side(source, s3):
    bodies = [video(10_000 + seed, seed) for seed in range(12)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        moves = list(pool.map(lambda i: move(source(bodies[i]).url, s3, len(bodies[i]), key=f"k/{i}.mp4"), range(12)))
    for i, moved in enumerate(moves):
        check_done(moved, s3, bodies[i], f"k/{i}.mp4")


def test_memory_does_not_grow_with_the_file(source, folder):
    if b"libasan" in subprocess.run(["ldd", TRANSFER], stdout=subprocess.PIPE, check=True).stdout:
        pytest.skip("the sanitizer takes memory of its own")
    body = video(12 * PART)
    moved = move(source(body).url, folder, len(body))
    check_done(moved, folder, body)
    assert moved.number("rss_kib") < 48 * 1024


# ---- sources that break off ----

def test_cut_and_made_whole(source, tmp_path):
    def check(framing, cut, ranges):
        folder = Folder(tmp_path / f"{framing}.{cut}.{ranges}")
        far = source(ranges=ranges, framing=framing, cuts=[cut])
        check_done(move(far.url, folder, len(SMALL)), folder, SMALL)
        asked = [headers.get("range") for _, headers in far.seen]
        assert asked == ([None, None] if cut == 0 else [None, f"bytes={cut}-"] if ranges else [None, f"bytes={cut}-", None])
        if ranges and cut:
            assert far.seen[1][1]["if-range"] == '"e1"'
    together([(framing, cut, ranges) for framing in ("length", "chunked", "close") for cut in (0, 1, len(SMALL) // 2, len(SMALL) - 1)
              for ranges in (True, False)], check)


def test_cut_between_and_within_parts(source, server):
    def check(cut):
        s3 = S3(server.bucket(), server.url)
        far = source(LARGE, cuts=[cut])
        moved = move(far.url, s3, len(LARGE))
        check_done(moved, s3, LARGE)
        assert len(moved.begun) == 1 and far.seen[1][1]["range"] == f"bytes={cut}-"
    together([(1,), (PART - 1,), (PART,), (PART + 1,), (2 * PART,), (len(LARGE) - 1,)], check)


def test_without_ranges_the_whole_starts_anew(source, sink):
    moved = move(source(LARGE, ranges=False, cuts=[PART + 5]).url, sink, len(LARGE))
    check_done(moved, sink, LARGE)
    assert [one.split(":")[0] for one in moved.parts][-3:] == ["1", "2", "3"]


def test_another_file_behind_a_cut_starts_anew(source, sink):
    other = video(len(LARGE), 2)
    far = source(LARGE, cuts=[PART + 5])
    far.then = ('"e2"', other)
    check_done(move(far.url, sink, len(LARGE)), sink, other)
    # Asked for the rest of the one, it gave the other, which was then asked for as a whole.
    assert [headers.get("range") for _, headers in far.seen] == [None, f"bytes={PART + 5}-", None] and far.seen[1][1]["if-range"] == '"e1"'


def test_what_names_no_length_is_fetched_until_it_ends_at_the_same_place_twice(source, sink):
    far = source(SMALL, framing="close", cuts=[5000])
    check_done(move(far.url, sink), sink, SMALL)
    assert len(far.seen) == 3
    chunked = source(SMALL, framing="chunked")
    check_done(move(chunked.url, sink), sink, SMALL)
    assert len(chunked.seen) == 1


def test_what_names_no_length_and_ends_elsewhere_each_time_is_refused(source, sink):
    far = source(SMALL, framing="close", cuts=[5000, 6000, 7000, 8000])
    check_refused(move(far.url, sink), sink, "SOURCE_FAILS", "how long")


def test_cut_each_time_is_given_up(source, sink):
    moved = move(source(ranges=False, cuts=[500] * 50).url, sink, len(SMALL))
    check_refused(moved, sink, "SOURCE_FAILS", "broke off")


def test_what_was_brought_home_is_kept_for_the_next_try(source, sink):
    far = source(LARGE, cuts=[PART + 1000] + [0] * 50)
    moved = move(far.url, sink, len(LARGE))
    assert moved.end == "SOURCE_FAILS" and len(moved.parts) == 1 and moved.upload == moved.begun[0]
    far.cuts.clear()
    again = move(far.url, sink, len(LARGE), upload=moved.upload, parts=moved.parts)
    check_done(again, sink, LARGE)
    assert again.begun == [] and far.seen[-1][1]["range"] == f"bytes={PART}-"


def test_stalled_and_asked_for_the_rest(source, folder):
    far = source(cuts=[5000], stalls=1)
    check_done(move(far.url, folder, len(SMALL), stall=1), folder, SMALL)
    assert far.seen[1][1]["range"] == "bytes=5000-"


# ---- what is not the file ----

PAGE = b"<!DOCTYPE html><html><body>Sign in to Zoom</body></html>"


NOT_THE_FILE = [
    (200, {"Content-Type": "text/html; charset=utf-8"}, PAGE, "SOURCE_AUTH", "page"),
    (200, {"Content-Type": "video/mp4"}, b"\r\n " + PAGE, "SOURCE_AUTH", "page"),
    (401, {}, b"{}", "SOURCE_AUTH", "401"),
    (403, {}, b"", "SOURCE_AUTH", "403"),
    (404, {}, b"", "SOURCE_GONE", "404"),
    (410, {}, b"", "SOURCE_GONE", "410"),
    (400, {}, b"", "SOURCE_BAD", "400"),
    (200, {}, b"", "SOURCE_BAD", "empty|bytes"),
    (204, {}, b"", "SOURCE_BAD", "204"),
    (200, {"Content-Encoding": "gzip"}, SMALL, "SOURCE_BAD", "encoding"),
    (302, {}, b"", "SOURCE_BAD", "no address"),
    (302, {"Location": "https://zoom.us@127.0.0.1/"}, b"", "SOURCE_BAD", "no address"),
    (302, {"Location": "file:///etc/passwd"}, b"", "SOURCE_BAD", "no address"),
    (302, {"Location": "http://example.com/"}, b"", "SOURCE_BAD", "plain http"),
    (302, {"Location": "https://10.0.0.1/"}, b"", "SOURCE_BAD", "not public"),
    (302, {"Location": "https://169.254.169.254/latest/"}, b"", "SOURCE_BAD", "not public"),
    (302, {"Location": "https://[fd00:ec2::254]/latest/"}, b"", "SOURCE_BAD", "not public"),
]


def test_not_the_file(source, folder):
    def check(status, headers, body, end, problem):
        for size in (len(SMALL), None):
            far = source(script=[(status, headers, body)] * 8)
            check_refused(move(far.url, folder, size), folder, end, problem)
            assert len(far.seen) == 1
    together(NOT_THE_FILE, check)


@pytest.mark.parametrize("extension,body", [("MP4", b"RIFF....WEBP" * 100), ("M4A", b"ID3" + bytes(500)), ("VTT", b"WEBVT\n"), ("VTT", b"1\n00:00"),
                                            ("JSON", b"hello"), ("TXT", b"a\0b"), ("TXT", b"<html>"), ("MP4", b"\0\0\0\x20fty")])
def test_wrong_first_bytes(source, sink, extension, body):
    moved = move(source(body, kind="application/octet-stream").url, sink, len(body), extension=extension)
    check_refused(moved, sink, "SOURCE_AUTH" if b"<html" in body else "SOURCE_BAD", "page|no .* file")


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("by", [-1, 1])
def test_longer_or_shorter_than_promised(source, sink, framing, by):
    moved = move(source(LARGE, framing=framing).url, sink, len(LARGE) + by)
    check_refused(moved, sink, "SOURCE_BAD", "promised")


def test_an_endless_body_of_a_failure_is_not_read(source, folder):
    moved = move(source(script=[(404, {}, bytes(50 * MIB))]).url, folder, len(SMALL))
    check_refused(moved, folder, "SOURCE_GONE", "404")


def test_rate_limits_are_told(source, folder):
    far = source(script=[(429, {"Retry-After": "77"}, b"")])
    moved = move(far.url, folder, len(SMALL))
    check_refused(moved, folder, "SOURCE_FAILS", "429")
    assert 76_000 <= moved.number("retry_after_ms") <= 77_000 and len(far.seen) == 1


def test_a_failing_server_is_asked_again(source, folder):
    check_done(move(source(script=[(500, {}, b""), (503, {"Retry-After": "1"}, b"")]).url, folder, len(SMALL)), folder, SMALL)


def test_a_failing_server_is_given_up(source, folder):
    far = source(script=[(502, {}, b"")] * 20)
    check_refused(move(far.url, folder, len(SMALL)), folder, "SOURCE_FAILS", "502")
    assert 3 <= len(far.seen) <= 8


def test_nobody_there(folder):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    check_refused(move(f"http://127.0.0.1:{port}/x", folder, 5), folder, "SOURCE_FAILS", "cannot be reached")


@pytest.mark.parametrize("url", ["http://example.com/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "https://u:p@127.0.0.1/x", ""])
def test_no_address_to_go_to(folder, url):
    check_refused(move(url, folder, 5), folder, "SOURCE_BAD", "https")


# ---- redirects and the bearer ----

def test_the_bearer_goes_to_no_other_host(source, folder):
    second = source()
    first = source(script=[(302, {"Location": second.url, "Set-Cookie": "sid=s3cret; Path=/"}, b"")])
    check_done(move(first.url, folder, len(SMALL), bearer="t0ken", bearer_to=first.host), folder, SMALL)
    assert first.seen[0][1]["authorization"] == "Bearer t0ken"
    assert not {"authorization", "cookie", "referer"} & second.seen[0][1].keys()
    assert "t0ken" not in repr(second.seen)


def test_the_bearer_goes_where_it_may(source, folder):
    second = source()
    first = source(script=[(307, {"Location": second.url}, b"")])
    check_done(move(first.url, folder, len(SMALL), bearer="t0ken", bearer_to=second.host), folder, SMALL)
    assert "authorization" not in first.seen[0][1] and second.seen[0][1]["authorization"] == "Bearer t0ken"


def test_a_relative_redirect(source, folder):
    far = source(script=[(301, {"Location": "../file?z=1"}, b"moved")])
    check_done(move(far.url, folder, len(SMALL)), folder, SMALL)
    assert far.seen[1][0] == "GET /rec/file?z=1 HTTP/1.1"


def test_a_loop_ends(source, folder):
    far = source(script=[(302, {"Location": "/again"}, b"")] * 50)
    check_refused(move(far.url, folder, len(SMALL)), folder, "SOURCE_BAD", "more than 5")
    assert len(far.seen) == 6


def test_five_redirects_are_followed(source, folder):
    check_done(move(source(script=[(303, {"Location": "/again"}, b"")] * 5).url, folder, len(SMALL)), folder, SMALL)


def test_the_rest_is_asked_for_from_the_start_of_the_redirects(source, folder):
    second = source(cuts=[5000])
    first = source(script=[(302, {"Location": second.url}, b"")] * 2)
    check_done(move(first.url, folder, len(SMALL)), folder, SMALL)
    assert len(first.seen) == 2 and second.seen[1][1]["range"] == "bytes=5000-"


# ---- storages that fail ----

PUT_PART, BEGIN, COMPLETE = r"^PUT .*partNumber=2", r"^POST .*\?uploads", r"^POST .*\?uploadId"


def failing(server, match, how, times=1):
    """A bucket of its own, behind a proxy that fails."""
    proxy = s3_server.FaultProxy(server.url)
    proxy.fail(match, how, times)
    return S3(server.bucket(), proxy.url), proxy


def test_a_storage_that_fails_for_a_while(source, server):
    def check(match, how, times):
        s3, proxy = failing(server, match, how, times)
        moved = move(source(LARGE).url, s3, len(LARGE), stall=2)
        assert moved.end == "DONE", moved.facts
        assert s3.get("videos/a.mp4") == LARGE and proxy.rules[0][2] == 0
        if (match, how) != (BEGIN, "lost"):  # an upload whose beginning nobody heard of is swept later
            assert s3.left() == []
        proxy.close()
    together([(PUT_PART, "500", 2), (PUT_PART, "503", 1), (PUT_PART, "reset", 2), (PUT_PART, "cut:0", 1), (PUT_PART, "cut:4000000", 2),
              (PUT_PART, "lost", 1), (PUT_PART, "slow:1", 1), (PUT_PART, "html", 1), (PUT_PART, "hang", 1), (BEGIN, "500", 2), (BEGIN, "lost", 1),
              (COMPLETE, "500", 1), (COMPLETE, "reset", 1), (COMPLETE, "error200", 1), (COMPLETE, "done-error200", 1), (COMPLETE, "lost", 1),
              (COMPLETE, "html", 1), (r"^HEAD", "500", 1)], check)


def test_one_request_that_fails_for_a_while(source, server):
    def check(how):
        s3, proxy = failing(server, "^PUT", how)
        check_done(move(source().url, s3, len(SMALL), stall=2), s3, SMALL)
        proxy.close()
    together([("500",), ("503",), ("reset",), ("lost",), ("cut:50000",), ("hang",), ("html",)], check)


def test_a_storage_that_fails_for_long_keeps_what_it_has(source, s3, faults):
    far = source(LARGE)
    faults.fail(PUT_PART, "500", 100)
    moved = move(far.url, s3, len(LARGE))
    assert moved.end == "SINK_FAILS" and "500" in moved.problem
    assert moved.upload == moved.begun[0] and [one.split(":")[0] for one in moved.parts] == ["1"]
    faults.rules.clear()
    again = move(far.url, s3, len(LARGE), upload=moved.upload, parts=moved.parts)
    check_done(again, s3, LARGE)
    assert far.seen[-1][1]["range"] == f"bytes={PART}-" and again.begun == []


def test_an_upload_that_is_gone_starts_anew(source, s3, faults):
    def end_it():
        while not any("partNumber=1" in line for line in faults.seen):
            time.sleep(0.01)
        upload = s3_server.texts(s3.bucket.call("GET", query={"uploads": ""})[2], "Upload", "UploadId")[0]
        s3.bucket.call("DELETE", "videos/a.mp4", {"uploadId": upload})
    thread = threading.Thread(target=end_it)
    thread.start()
    moved = move(source(LARGE, pace=0.003).url, s3, len(LARGE))
    thread.join()
    check_done(moved, s3, LARGE)
    assert len(moved.begun) == 2


def test_no_such_bucket(source, s3):
    s3.bucket.name += "-not"
    moved = move(source().url, s3, len(SMALL))
    assert moved.end == "SINK_REFUSES" and "NoSuchBucket" in moved.problem and moved.upload == "-"


def test_a_wrong_secret(source, s3):
    moved = move(source(LARGE).url, s3, len(LARGE), secret="wrong")
    check_refused(moved, s3, "SINK_REFUSES", "storage")


def test_no_room_in_the_folder(source, folder):
    moved = move(source(LARGE).url, folder, len(LARGE), before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (PART + 4096, PART + 4096)))
    check_refused(moved, folder, "SINK_REFUSES", "no room")


def test_a_file_that_vanishes_under_us(source, folder):
    def remove():
        while not (found := list((folder.path / ".uploads").glob("*.part"))):
            time.sleep(0.005)
        found[0].unlink()
    thread = threading.Thread(target=remove)
    thread.start()
    moved = move(source(LARGE, pace=0.005).url, folder, len(LARGE))
    thread.join()
    assert moved.end == "DONE", moved.facts
    assert folder.get("videos/a.mp4") == LARGE


# ---- going on behind what is there ----

@pytest.mark.parametrize("after", [1, 2])
def test_killed_and_gone_on(source, sink, after):
    far = source(LARGE)
    killed = move(far.url, sink, len(LARGE), kill_after=after)
    assert killed.status == -signal.SIGKILL and len(killed.parts) == after and sink.get("videos/a.mp4") is None
    again = move(far.url, sink, len(LARGE), upload=killed.begun[0], parts=killed.parts)
    check_done(again, sink, LARGE)
    assert again.begun == [] and again.facts["sha256"] == "-" and len(again.parts) == 3 - after
    assert far.seen[-1][1]["range"] == f"bytes={after * PART}-"


def test_killed_behind_the_last_part(source, sink):
    far = source(LARGE)
    killed = move(far.url, sink, len(LARGE), kill_after=3)
    asked = len(far.seen)
    check_done(move(far.url, sink, len(LARGE), upload=killed.begun[0], parts=killed.parts), sink, LARGE)
    assert len(far.seen) == asked


def test_gone_on_where_the_size_is_not_known(source, sink):
    body = video(2 * PART)
    far = source(body)
    killed = move(far.url, sink, kill_after=2)
    check_done(move(far.url, sink, upload=killed.begun[0], parts=killed.parts), sink, body)


def test_gone_on_at_a_source_without_ranges(source, sink):
    far = source(LARGE, ranges=False)
    killed = move(far.url, sink, len(LARGE), kill_after=1)
    again = move(far.url, sink, len(LARGE), upload=killed.begun[0], parts=killed.parts)
    check_done(again, sink, LARGE)
    assert len(again.begun) == 1 and len(again.parts) == 3


@pytest.mark.parametrize("after", [1, 3])
def test_gone_on_behind_an_upload_that_is_gone(source, s3, after):
    far = source(LARGE)
    killed = move(far.url, s3, len(LARGE), kill_after=after)
    s3.bucket.call("DELETE", "videos/a.mp4", {"uploadId": killed.begun[0]})
    again = move(far.url, s3, len(LARGE), upload=killed.begun[0], parts=killed.parts)
    check_done(again, s3, LARGE)
    assert len(again.begun) == 1


def test_parts_that_cannot_be_gone_on_behind(source, tmp_path):
    def check(name, parts):
        sink = Folder(tmp_path / name)
        far = source(LARGE)
        begun = move(far.url, sink, len(LARGE), kill_after=1).begun[0]
        again = move(far.url, sink, len(LARGE), upload=begun, parts=parts)
        check_done(again, sink, LARGE)
        assert len(again.begun) == 1 and "range" not in far.seen[-1][1]
    together([("none", []), ("second", [f"2:{PART}:"]), ("gap", [f"1:{PART}:", f"3:{PART}:"]), ("size", ["1:6000000:", f"2:{PART}:"]),
              ("twice", [f"1:{PART}:"] * 2), ("many", [f"{n}:{PART}:" for n in (1, 2, 3)])], check)


# ---- stopping and pacing ----

def test_stopped_by_a_part(source, sink):
    moved = move(source(LARGE).url, sink, len(LARGE), stop_after=1)
    assert moved.end == "STOPPED" and moved.upload == moved.begun[0] and len(moved.parts) == 1
    assert sink.get("videos/a.mp4") is None and len(sink.left()) == 1


def test_asked_while_the_parts_are_put_together(source, s3, faults):
    faults.fail(COMPLETE, "slow:3")
    moved = move(source(LARGE).url, s3, len(LARGE))
    check_done(moved, s3, LARGE)
    assert moved.number("asked") >= 2


def test_stopped_when_asked(source, folder):
    moved = move(source(LARGE, pace=0.05).url, folder, len(LARGE), stop_when_asked=2)
    assert moved.end == "STOPPED" and moved.number("asked") == 2 and 1900 <= moved.number("elapsed_ms") < 10_000


def test_a_limit_is_kept(source, folder):
    body = video(6 * MIB)
    moved = move(source(body).url, folder, len(body), rate=2 * MIB)
    check_done(moved, folder, body)
    assert moved.number("elapsed_ms") >= 1900 and moved.number("asked") >= 1


# Each process that runs this file takes a share of the tests: test_transfer.c.
SHARE, SHARES = map(int, os.environ.get("TRANSFER_SHARE", "0/1").split("/"))
for number, name in enumerate(sorted(name for name in globals() if name.startswith("test_"))):
    if number % SHARES != SHARE:
        del globals()[name]
