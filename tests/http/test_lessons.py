"""Recorded lessons: from Zoom, links, uploads by hand, who may see which, and what the links to the local folder let through."""
import base64
import hashlib
import hmac
import pathlib
import time
import urllib.parse

import pytest
import requests

from contract import CONTRACT
from desk import good
from harness import wait_for
from test_recordings import QUICK, Recorder

DATE = "2030-03-05"


@pytest.fixture(scope="module")
def school(stack):
    return School(stack)


class School:
    """A batch with an owner, an instructor and two members, and sessions without meetings."""

    def __init__(self, stack, **settings):
        self.stack = stack
        self.owner, self.instructor, self.member, self.stranger = (
            {"sub": "les-owner", "role": "tutor"}, {"sub": "les-teacher", "role": "teacher"}, {"sub": "les-member", "role": "student"},
            {"sub": "les-stranger", "role": "student"})
        answer = stack.post("batches", {"name": "Lessons", "batch_type": "group", "member_ids": ["les-member", "les-other"],
                                        "instructor_id": "les-teacher"}, **self.owner)
        assert answer.status_code == 201, answer.text
        self.batch = answer.json()["data"]["batch"]["id"]

    def session(self, batch=None):
        answer = self.stack.post(f"batches/{batch or self.batch}/schedule", {
            "date": DATE, "start_time": "10:00", "end_time": "11:00", "title": "One", "create_zoom_meeting": False}, **self.owner)
        assert answer.status_code == 201, answer.text
        session = answer.json()["data"]["session"]
        assert session["recorded_lessons"] == []
        return f"batches/{batch or self.batch}/schedule/{session['_id']}"

    def add(self, session, body, expect=201, headers=None, **who):
        answer = self.stack.post(f"{session}/lessons", body, headers=headers, **(who or self.owner))
        assert answer.status_code == expect, answer.text
        return answer.json()["data"] if expect == 201 else answer.json()

    def announce(self, session, size=11, filename="Über uns (1).MP4"):
        data = self.add(session, {"title": "By hand", "source": "manual_upload", "filename": filename, "size": size})
        return data["lesson"], data["upload_url"]

    def link(self, session, title="Elsewhere"):
        return self.add(session, {"title": title, "source": "external_link", "url": "https://video.example/v?id=1"})["lesson"]

    def lessons(self, path, **who):
        answer = self.stack.get(f"{path}/lessons", **(who or self.member))
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["lessons"]

    def send(self, method, url, **more):
        response = self.stack.session.request(method, url, timeout=60, allow_redirects=False, **more)
        if url.startswith(self.stack.base):
            CONTRACT.check(method, url[len(self.stack.base):], response)
        return response


# ---- links to elsewhere ----

def test_a_link_is_a_lesson_at_once(school, stack):
    session = school.session()
    made = school.link(session)
    assert made["url"] == "https://video.example/v?id=1" and made["source"] == "external_link" and made["zoom_recording_info"] is None
    assert school.lessons(session) == [made]
    assert school.lessons(f"batches/{school.batch}")[0] == made
    assert stack.get(session, **school.member).json()["data"]["session"]["recorded_lessons"] == [made]
    listed = stack.get(f"batches/{school.batch}/schedule?page_size=300", **school.member).json()["data"]["sessions"]
    assert [one["recorded_lessons"] for one in listed if one["_id"] == session.rsplit("/", 1)[1]] == [[made]]
    assert stack.get(f"{session}/lessons/{made['id']}", **school.member).json()["data"]["lesson"] == made
    gone = stack.get(f"recordings/{made['id']}/download", **school.member)
    assert (gone.status_code, gone.headers["Location"]) == (302, made["url"])


@pytest.mark.parametrize("body, fields", [
    ({}, {"title", "source"}),
    ({"title": "x", "source": "zoom_auto_sync"}, {"source"}),
    ({"title": "x", "source": "external_link"}, {"url"}),
    ({"title": "x", "source": "external_link", "url": "http://video.example/"}, {"url"}),
    ({"title": "x", "source": "external_link", "url": "javascript:alert(1)"}, {"url"}),
    ({"title": "x", "source": "external_link", "url": "https://user@video.example/"}, {"url"}),
    ({"title": "x", "source": "external_link", "url": "https://video.example/a b"}, {"url"}),
    ({"title": "x", "source": "external_link", "url": "https://video.example/", "size": 3}, {"size"}),
    ({"title": " ", "source": "manual_upload"}, {"title", "filename", "size"}),
    ({"title": "x", "source": "manual_upload", "filename": "../x.mp4", "size": 1}, {"filename"}),
    ({"title": "x", "source": "manual_upload", "filename": ".htaccess", "size": 1}, {"filename"}),
    ({"title": "x", "source": "manual_upload", "filename": "x.mp4", "size": 0}, {"size"}),
    ({"title": "x", "source": "manual_upload", "filename": "x.mp4", "size": 5 * 2 ** 30 + 1}, {"size"}),
    ({"title": "x", "source": "manual_upload", "filename": "x.mp4", "size": "1"}, {"size"}),
    ({"title": "x", "source": "manual_upload", "filename": "x.mp4", "size": 1, "url": "https://video.example/"}, {"url"}),
])
def test_wrong_lessons_are_named_whole(school, body, fields):
    answer = school.add(school.session(), body, expect=422)
    assert {one["field"] for one in answer["details"]} == fields


# ---- uploads by hand ----

def test_an_upload_is_shown_when_it_is_there(school, stack):
    session = school.session()
    lesson, url = school.announce(session)
    assert lesson["url"] is None and lesson["source"] == "manual_upload"
    assert school.lessons(session) == []
    assert stack.get(f"{session}/lessons/{lesson['id']}", **school.member).status_code == 404
    put = school.send("PUT", url, data=b"0123456789a")
    assert put.status_code == 200, put.text
    (shown,) = school.lessons(session)
    assert (shown["id"], shown["size"], shown["filename"]) == (lesson["id"], 11, "Über uns (1).MP4")
    got = school.send("GET", shown["url"])
    assert (got.status_code, got.content) == (200, b"0123456789a")
    assert got.headers["Content-Type"] == "video/mp4"
    assert "filename*=UTF-8''%C3%9Cber%20uns%20%281%29.MP4" in got.headers["Content-Disposition"]
    assert got.headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in got.headers["Content-Security-Policy"]
    assert "no-store" in got.headers["Cache-Control"] and got.headers["X-Request-Id"]
    part = school.send("GET", shown["url"], headers={"Range": "bytes=3-5"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"345", "bytes 3-5/11")
    known = school.send("GET", shown["url"], headers={"If-Modified-Since": got.headers["Last-Modified"]})
    assert (known.status_code, known.content) == (304, b"")
    head = school.send("HEAD", shown["url"])
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "11", b"")
    led = stack.get(f"recordings/{lesson['id']}/download", **school.member)
    assert led.status_code == 302 and school.send("GET", led.headers["Location"]).content == b"0123456789a"


def test_the_job_looks_too(school, stack):
    lesson, url = school.announce(school.session())
    assert school.send("PUT", url, data=b"0123456789a").status_code == 200
    with stack.db() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE job SET due_at = 0 WHERE kind = 'lesson.verify' AND state = 'queued'")
    wait_for(lambda: stack.rows("SELECT state FROM lesson WHERE public_id = %s", lesson["id"])[0]["state"] == "ready", 30, what="the lesson")


def test_a_big_upload_arrives_byte_by_byte(school):
    session = school.session()
    body = bytes(range(256)) * 4 * 1024 * 20  # 20 MiB: far above MEETPOOL_MAX_BODY
    _, url = school.announce(session, len(body), "big.bin")
    assert school.send("PUT", url, data=body).status_code == 200
    (shown,) = school.lessons(session)
    got = school.send("GET", shown["url"])
    assert got.content == body and got.headers["Content-Type"] == "application/octet-stream"


def test_an_upload_in_chunks(school):
    session = school.session()
    _, url = school.announce(session, 9)
    assert school.send("PUT", url, data=iter([b"abc", b"defghi"])).status_code == 200
    (shown,) = school.lessons(session)
    assert school.send("GET", shown["url"]).content == b"abcdefghi"


def test_another_size_is_not_taken(school, stack):
    session = school.session()
    _, url = school.announce(session, 9)
    assert school.send("PUT", url, data=b"0123456789").status_code == 403, "its length is told ahead"
    assert school.send("PUT", url, data=b"").status_code in (403, 422)
    assert school.send("PUT", url, data=iter([b"0123", b"456789"])).status_code == 422
    assert school.lessons(session) == []
    incoming = pathlib.Path(stack.settings["MEETPOOL_RECORDINGS_DIR"], ".incoming")
    wait_for(lambda: not list(incoming.iterdir()), 10, what="the end of what was refused")


def test_pages_are_not_shown_as_pages(school):
    session = school.session()
    _, url = school.announce(session, 25, "x.html")
    assert school.send("PUT", url, data=b"<script>alert(1)</script>").status_code == 200
    got = school.send("GET", school.lessons(session)[0]["url"])
    assert got.headers["Content-Type"] == "application/octet-stream"


def altered(url, **values):
    """The link with other query values; None: without it."""
    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
    query.update(values)
    return urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode({k: v for k, v in query.items() if v is not None})))


def test_no_file_without_a_good_link(school, stack):
    session = school.session()
    _, write = school.announce(session, 5)
    path = urllib.parse.urlsplit(write).path
    key = urllib.parse.unquote(path.removeprefix("/api/recordings/file/"))
    for url in (altered(write, size="6"), altered(write, signature=None), altered(write, signature="x"), altered(write, expires=str(int(time.time()) + 9999)),
                altered(write, name="x"), write.replace("upload-", "upload_"), stack.base + path):
        assert school.send("PUT", url, data=b"01234").status_code == 403, url
    for method in ("GET", "HEAD"):
        assert school.send(method, write).status_code == 403
    assert school.send("DELETE", write).status_code == 405
    assert school.send("PUT", write, data=b"01234").status_code == 200
    read = school.lessons(session)[0]["url"]
    assert school.send("GET", read).status_code == 200
    for url in (altered(read, signature=None), altered(read, type="text/html"), altered(read, name="x"), altered(read, expires=None),
                altered(read, expires=str(int(time.time()) + 9999)), altered(read, size="5"), read.replace("upload-", "upload_"), stack.base + path,
                altered(read, signature=urllib.parse.parse_qs(urllib.parse.urlsplit(write).query)["signature"][0])):
        assert school.send("GET", url).status_code == 403, url
    assert school.send("PUT", read, data=b"01234").status_code == 403
    # Past the daemon there is no way in.
    for direct in (f"/.meetpool/recordings/{key}", f"/recordings/{key}", f"/api/recordings/{key}", f"/.meetpool/recordings/.incoming/",
                   f"/api/../.meetpool/recordings/{key}", "/.meetpool/upload", "/.meetpool/upload-check"):
        assert school.send("GET", stack.base + direct).status_code in (400, 401, 404), direct
    v1 = read.replace("/api/", "/api/v1/")
    assert school.send("GET", v1).status_code == 200, "the link is good under both"


def test_a_request_cannot_name_a_file(school, stack):
    """The headers by which nginx tells where a body lies are its own."""
    _, url = school.announce(school.session(), 5)
    secret = pathlib.Path(stack.settings["MEETPOOL_RECORDINGS_DIR"], ".incoming", "0000000001")
    secret.write_bytes(b"mine!")
    try:
        for headers in ({"X-Meetpool-Body-File": str(secret)}, {"X-Meetpool-Body-File": "check"}):
            assert school.send("PUT", url, data=b"", headers=headers).status_code in (403, 422)
        assert secret.read_bytes() == b"mine!"
    finally:
        secret.unlink()


def test_nothing_is_received_before_the_link_was_looked_at(stack):
    """Half a gigabyte is announced and not sent: the refusal comes at once."""
    with stack.tls() as connection:
        connection.sendall(b"PUT /api/recordings/file/videos%2Fx.mp4?size=536870912&expires=9999999999&signature=x HTTP/1.1\r\nHost: localhost\r\n"
                           b"Content-Length: 536870912\r\n\r\n")
        assert connection.recv(4096).split(b" ")[1] == b"403"


def signed(stack, method, key, expires, size="", name="", kind=""):
    """A link of our own making, as the daemon makes them: with a key derived from the newest encryption key."""
    newest = base64.b64decode(stack.settings["MEETPOOL_ENCRYPTION_KEYS"].split(",")[0].split(":", 1)[1])
    secret = hmac.new(newest, b"meetpool: links to recordings", hashlib.sha256).digest()
    text = "".join(f"{len(piece.encode())}:{piece}," for piece in (method, key, str(expires), size, name, kind))
    mark = base64.urlsafe_b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()).rstrip(b"=").decode()
    query = {"expires": expires, "signature": mark, **({"size": size} if size else {"name": name, "type": kind})}
    return f"{stack.base}/api/recordings/file/{urllib.parse.quote(key, safe='')}?{urllib.parse.urlencode(query)}"


def test_links_expire(school, stack):
    session = school.session()
    _, write = school.announce(session, 5)
    key = urllib.parse.unquote(urllib.parse.urlsplit(write).path.removeprefix("/api/recordings/file/"))
    assert 0 < int(urllib.parse.parse_qs(urllib.parse.urlsplit(write).query)["expires"][0]) - time.time() <= 901
    now = int(time.time())
    assert school.send("PUT", signed(stack, "PUT", key, now - 1, size="5"), data=b"01234").status_code == 403
    assert school.send("PUT", signed(stack, "PUT", key, now + 600, size="5"), data=b"01234").status_code == 200
    assert school.send("GET", signed(stack, "GET", key, now + 600, name="x", kind="video/mp4")).status_code == 200
    for past in (now - 1, now - 90000, 0):
        assert school.send("GET", signed(stack, "GET", key, past, name="x", kind="video/mp4")).status_code == 403
    # Whatever a signature is over, a key that leads elsewhere is none.
    for elsewhere in ("../meetpool.env", ".incoming/0000000001", "videos/../../meetpool.env", "/etc/passwd"):
        assert school.send("GET", signed(stack, "GET", elsewhere, now + 600, name="x", kind="text/plain")).status_code in (400, 403)


# ---- who may what ----

def test_who_may_see_and_who_may_add(school, stack):
    session = school.session()
    made = school.link(session)
    for who in (school.owner, school.instructor, school.member, {}):
        assert made["id"] in [one["id"] for one in school.lessons(session, **(who or {"sub": "admin-1", "role": "admin"}))]
        assert stack.get(f"recordings/{made['id']}/download", **who).status_code == 302
    for path in (f"{session}/lessons", f"{session}/lessons/{made['id']}", f"batches/{school.batch}/lessons", f"recordings/{made['id']}/download"):
        for who in (school.stranger, {"sub": "les-stranger", "role": "teacher"}):
            assert stack.get(path, **who).status_code == 404, (path, who)
        assert stack.get(path, role=None).status_code == 401
    body = {"title": "x", "source": "external_link", "url": "https://video.example/"}
    for who, status in ((school.member, 403), (school.stranger, 403), ({"sub": "les-stranger", "role": "teacher"}, 404)):
        assert stack.post(f"{session}/lessons", body, **who).status_code == status
        assert stack.delete(f"{session}/lessons/{made['id']}", **who).status_code == status
    assert stack.post(f"{session}/lessons", body, **school.instructor).status_code == 201


def test_a_lesson_is_found_in_its_own_session_only(school, stack):
    made, other = school.link(school.session()), school.session()
    assert stack.get(f"{other}/lessons/{made['id']}", **school.owner).status_code == 404
    assert stack.delete(f"{other}/lessons/{made['id']}", **school.owner).status_code == 404
    for wrong in ("no-such-lesson", "0" * 24, "%00"):
        assert stack.get(f"{other}/lessons/{wrong}", **school.owner).status_code in (400, 404)
        assert stack.get(f"recordings/{wrong}/download", **school.owner).status_code in (400, 404)


def test_sessions_of_a_course_have_lessons_too(school, stack):
    course = stack.post("courses", {"title": "C"}, **school.owner).json()["data"]["course"]["id"]
    made = stack.post(f"courses/{course}/sessions/batch", {"sessions": [{"title": "One", "start_time": f"{DATE}T10:00:00Z", "duration": 60}],
                                                           "create_zoom_meeting": False}, **school.owner).json()["data"]["sessions"][0]
    session = f"courses/{course}/sessions/{made['_id']}"
    lesson, url = school.announce(session)
    assert school.send("PUT", url, data=b"0123456789a").status_code == 200
    shown = school.lessons(session, **school.owner)
    assert [one["id"] for one in shown] == [lesson["id"]]
    assert stack.get(f"{session}/lessons/{lesson['id']}", **school.owner).status_code == 200
    assert stack.get(f"recordings/{lesson['id']}/download", **school.owner).status_code == 302
    assert stack.get(f"recordings/{lesson['id']}/download", **school.stranger).status_code == 404
    assert stack.delete(f"{session}/lessons/{lesson['id']}", **school.owner).status_code == 200
    assert school.lessons(session, **school.owner) == []


# ---- where they lie, and their end ----

def folder(stack):
    return pathlib.Path(stack.settings["MEETPOOL_RECORDINGS_DIR"])


def test_uploads_lie_in_the_contract_s_folders(school, stack):
    _, url = school.announce(school.session())
    key = urllib.parse.unquote(urllib.parse.urlsplit(url).path.removeprefix("/api/recordings/file/"))
    assert key.startswith(f"videos/{school.batch}/upload-20") and key.endswith(".mp4")
    assert pathlib.PurePath(key).name[7:23].replace("T", "").rstrip("Z").isdigit()
    one = stack.post("batches", {"name": "Alone", "batch_type": "individual", "student_id": "../a b/ü"}, **school.owner).json()["data"]["batch"]["id"]
    _, url = school.announce(school.session(one))
    key = urllib.parse.unquote(urllib.parse.urlsplit(url).path.removeprefix("/api/recordings/file/"))
    assert key.startswith("videos/student/") and len(key.split("/")) == 4 and ".." not in key.split("/")
    assert school.send("PUT", url, data=b"0123456789a").status_code == 200
    assert (folder(stack) / key).read_bytes() == b"0123456789a"


def test_what_is_removed_is_gone_with_its_file(school, stack):
    session = school.session()
    lesson, url = school.announce(session)
    school.send("PUT", url, data=b"0123456789a")
    (shown,) = school.lessons(session)
    key = urllib.parse.unquote(urllib.parse.urlsplit(url).path.removeprefix("/api/recordings/file/"))
    assert (folder(stack) / key).exists()
    assert stack.delete(f"{session}/lessons/{lesson['id']}", **school.owner).status_code == 200
    assert stack.delete(f"{session}/lessons/{lesson['id']}", **school.owner).status_code == 404
    assert school.lessons(session) == []
    assert stack.get(f"recordings/{lesson['id']}/download", **school.member).status_code == 404
    wait_for(lambda: not (folder(stack) / key).exists(), 30, what="the end of the file")
    assert school.send("GET", shown["url"]).status_code == 404


def test_a_cancelled_session_keeps_its_lessons(school, stack):
    session = school.session()
    made = school.link(session, "Kept")
    assert stack.delete(session, **school.owner).status_code == 200
    assert made in school.lessons(f"batches/{school.batch}") and school.lessons(session) == [made]
    assert school.add(session, {"title": "x", "source": "external_link", "url": "https://video.example/"}, expect=404)
    for who in (school.stranger, school.member):
        assert stack.delete(f"{session}/lessons/{made['id']}", **who).status_code in (403, 404)
    assert stack.delete(f"{session}/lessons/{made['id']}", **school.instructor).status_code == 200
    assert made not in school.lessons(f"batches/{school.batch}")


def test_an_upload_that_never_comes_is_forgotten(school, stack):
    session = school.session()
    lesson, _ = school.announce(session)
    with stack.db() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE lesson SET created_at = created_at - 2 * 86400000 WHERE public_id = %s", (lesson["id"],))
        cursor.execute("UPDATE job SET due_at = 0 WHERE kind = 'lesson.verify' AND state = 'queued'")
    wait_for(lambda: stack.rows("SELECT state FROM lesson WHERE public_id = %s", lesson["id"])[0]["state"] == "removed", 30, what="its end")


def test_pages_of_lessons(school, stack):
    session = school.session()
    made = [school.link(session, f"L{i}")["id"] for i in range(5)]
    seen, token = [], ""
    while True:
        data = stack.get(f"{session}/lessons?page_size=2" + (f"&next_page_token={token}" if token else ""), **school.member).json()["data"]
        seen += [one["id"] for one in data["lessons"]]
        token = data["next_page_token"]
        if not token:
            break
    assert seen == made[::-1]
    assert stack.get(f"{session}/lessons?page=2", **school.member).status_code == 422


def test_the_same_key_adds_one(school, stack):
    session = school.session()
    body = {"title": "x", "source": "manual_upload", "filename": "x.mp4", "size": 3}
    first, again = (school.add(session, body, headers={"Idempotency-Key": "lesson-1"}) for _ in range(2))
    assert first == again
    assert len(stack.rows("SELECT id FROM lesson WHERE public_id = %s", first["lesson"]["id"])) == 1


# ---- what came from Zoom ----

def test_what_came_from_zoom_is_shown_as_the_seed_says(make_stack):
    recorder = Recorder(make_stack(**QUICK, MEETPOOL_WORKERS=2, MEETPOOL_ZOOM_WORKERS=2))
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.sandbox.knobs(auto_record=True)
    recorder.hold(session)
    recorder.until(batch, session, "synced")
    path = f"batches/{batch['id']}/schedule/{session['_id']}"
    shown = good(recorder.desk.get(path), 200)["session"]["recorded_lessons"]
    assert sorted(one["zoom_recording_info"]["file_type"] for one in shown) == ["JSON", "M4A", "MP4", "TXT", "VTT"]
    at_zoom = {one["file_extension"]: one for one in recorder.at_zoom(session)}
    for one in shown:
        info = one["zoom_recording_info"]
        assert one["source"] == "zoom_auto_sync" and one["title"] == f"Zoom Recording - {session['date'][:10]} ({info['file_type']})"
        assert info["meeting_id"] == recorder.number(session) and info["recording_start"] <= info["recording_end"] and info["sync_date"]
        got = recorder.stack.session.get(one["url"], timeout=60)
        wanted = recorder.sandbox.call("GET", f"recordings/{at_zoom[info['file_type']]['key']}/sha256")["sha256"]
        assert got.status_code == 200 and hashlib.sha256(got.content).hexdigest() == wanted
        assert len(got.content) == info["file_size"] == one["size"]
    video = next(one for one in shown if one["zoom_recording_info"]["file_type"] == "MP4")
    row = next(row for row in recorder.files(session) if row["file_type"] == "MP4")
    good(recorder.desk.delete(f"{path}/lessons/{video['id']}"), 200)
    wait_for(lambda: not pathlib.Path(recorder.folder(), row["object_key"]).exists(), 30, what="the end of the file")
    assert len(good(recorder.desk.get(f"{path}/lessons"), 200)["lessons"]) == 4


# ---- the same in a bucket ----

@pytest.fixture(scope="module")
def cloud(make_stack, s3):
    bucket = s3.bucket()
    stack = make_stack(MEETPOOL_WORKERS=2, MEETPOOL_ZOOM_WORKERS=2, **bucket.settings())
    return School(stack), bucket


def test_uploads_go_to_the_bucket(cloud):
    school, bucket = cloud
    session = school.session()
    lesson, url = school.announce(session)
    assert urllib.parse.urlsplit(url).netloc != urllib.parse.urlsplit(school.stack.base).netloc
    assert requests.put(url, data=b"too long for it", timeout=30).status_code == 403
    assert school.lessons(session) == []
    assert requests.put(url, data=b"0123456789a", timeout=30).status_code == 200
    (shown,) = school.lessons(session)
    assert bucket.get(bucket.keys()[0]) == b"0123456789a"
    got = requests.get(shown["url"], timeout=30)
    assert (got.content, got.headers["Content-Type"]) == (b"0123456789a", "video/mp4")
    led = school.stack.get(f"recordings/{lesson['id']}/download", **school.member)
    assert requests.get(led.headers["Location"], timeout=30).content == b"0123456789a"
    assert school.stack.delete(f"{session}/lessons/{lesson['id']}", **school.owner).status_code == 200
    wait_for(lambda: not bucket.keys(), 30, what="the end of the object")


def test_links_to_the_folder_are_none_there(cloud):
    school, _ = cloud
    url = f"{school.stack.base}/api/recordings/file/videos%2Fx.mp4?name=x&type=video%2Fmp4&expires=9999999999&signature=x"
    assert school.send("GET", url).status_code == 403
    assert school.send("PUT", url, data=b"x").status_code == 403
