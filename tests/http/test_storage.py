"""The storage, function by function, on a real S3 server, through faults, and in the local folder; tests/unit/storage/drive.c is the handle."""
import hashlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import time
import urllib.parse

import pytest
import requests

from harness import REPO

BIN = pathlib.Path(os.environ.get("MEETPOOL_BIN_DIR") or REPO / "build")
PART = 8 * 1024 * 1024
MIB = 1024 * 1024
KEY = "videos/b-1/20240115T100000Z-Intro to C (MP4).mp4"


def no_more_bytes():
    """No file of this process grows: what a full disk looks like to a program."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


class Drive:
    def __init__(self, full=False, **settings):
        env = {"PATH": os.environ["PATH"], **settings}
        self.process = subprocess.Popen([BIN / "tests/unit/storage/drive"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, preexec_fn=no_more_bytes if full else None)

    def __call__(self, what, **more):
        self.process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0, self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def drive():
    made = []

    def make(**settings):
        made.append(Drive(**settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(params=["s3", "folder"])
def place(request, drive, tmp_path):
    """A handle on an empty storage of either kind."""
    if request.param == "folder":
        return drive(MEETPOOL_RECORDINGS_DIR=str(tmp_path / "recordings"))
    return drive(**request.getfixturevalue("s3").bucket().settings())


def upload(drive, key, sizes, fill="abcdefgh"):
    """Begins an upload and sends its parts. Answers its id and the parts as the storage told them."""
    begun = drive("begin", key=key, content_type="video/mp4")
    assert begun["rc"] == 0, begun
    parts = []
    for number, size in enumerate(sizes, 1):
        sent = drive("part", key=key, upload_id=begun["upload_id"], number=number, size=size, fill=fill[number - 1])
        assert sent["rc"] == 0, sent
        parts.append({"number": number, "size": size, "etag": sent["etag"]})
    return begun["upload_id"], parts


# ---- either kind ----

def test_an_object_is_there_when_its_upload_was_completed(place):
    assert place("stat", key=KEY)["rc"] == 0
    upload_id, parts = upload(place, KEY, [PART, 5])
    assert place("stat", key=KEY)["rc"] == 0, "nothing is shown of what is not whole"
    done = place("complete", key=KEY, upload_id=upload_id, parts=parts)
    assert (done["rc"], done["size"]) == (0, PART + 5), done
    there = place("stat", key=KEY)
    assert (there["rc"], there["size"], there["etag"]) == (1, PART + 5, done["etag"])


def test_complete_may_be_said_twice(place):
    upload_id, parts = upload(place, KEY, [PART, 5])
    for _ in range(2):
        done = place("complete", key=KEY, upload_id=upload_id, parts=parts)
        assert (done["rc"], done["size"]) == (0, PART + 5), done


def test_parts_are_told_in_order(place):
    upload_id, parts = upload(place, KEY, [PART, PART])
    assert place("parts", key=KEY, upload_id=upload_id) == {"rc": 1, "parts": parts}


def test_an_upload_that_is_not_known_has_no_parts(place):
    upload_id, _ = upload(place, KEY, [PART])
    assert place("abort", key=KEY, upload_id=upload_id)["rc"] == 0
    assert place("parts", key=KEY, upload_id=upload_id)["rc"] == 0
    assert place("abort", key=KEY, upload_id=upload_id)["rc"] == 0, "aborted is aborted"
    assert place("stat", key=KEY)["rc"] == 0


def test_completing_what_was_aborted_is_worth_a_fresh_start(place):
    upload_id, parts = upload(place, KEY, [PART])
    place("abort", key=KEY, upload_id=upload_id)
    done = place("complete", key=KEY, upload_id=upload_id, parts=parts)
    assert done["rc"] == -1 and done["repeat"], done


def test_what_was_removed_is_gone_and_may_be_removed_again(place):
    upload_id, parts = upload(place, KEY, [9])
    assert place("complete", key=KEY, upload_id=upload_id, parts=parts)["rc"] == 0
    for _ in range(2):
        assert place("remove", key=KEY)["rc"] == 0
    assert place("stat", key=KEY)["rc"] == 0


def test_old_uploads_under_the_prefix_are_swept(place):
    ours, _ = upload(place, KEY, [PART])
    upload(place, "videos/b-1/another.mp4", [])
    other, _ = upload(place, "backups/x", [PART])
    assert place("sweep", prefix="videos/", later_ms=-3600_000) == {"rc": 0, "aborted": 0}
    assert place("sweep", prefix="videos/", later_ms=3600_000) == {"rc": 0, "aborted": 2}
    assert place("parts", key=KEY, upload_id=ours)["rc"] == 0
    assert place("parts", key="backups/x", upload_id=other)["rc"] == 1


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "videos/../../x", "videos/./x", "videos//x", "videos/", ".uploads/x", "videos/.x", "a\nb",
                                 "a\\b", "ü", "a/" + "b" * 201, "/".join(["b" * 100] * 4)])
def test_no_key_leads_elsewhere(place, key):
    for what in ("stat", "remove", "begin"):
        got = place(what, key=key, content_type="video/mp4")
        assert got["rc"] == -1 and not got["repeat"], (what, got)


# ---- S3 ----

def test_bytes_and_type_arrive(s3, drive):
    bucket = s3.bucket()
    one = drive(**bucket.settings())
    upload_id, parts = upload(one, KEY, [5 * MIB, 3])
    assert bucket.uploads() == [KEY]
    done = one("complete", key=KEY, upload_id=upload_id, parts=parts)
    assert bucket.uploads() == []
    assert bucket.get(KEY) == b"a" * 5 * MIB + b"bbb"
    assert bucket.head(KEY)["Content-Type"] == "video/mp4"
    sums = b"".join(hashlib.md5(part).digest() for part in (b"a" * 5 * MIB, b"bbb"))
    assert done["etag"] == hashlib.md5(sums).hexdigest() + "-2"


def test_the_keys_odd_letters_arrive(s3, drive):
    bucket = s3.bucket()
    key = "videos/student/a b+c&d=e;f%g@h$i,j!k~l*m'n(o)p#q?r:s[t]/x.mp4"
    one = drive(**bucket.settings())
    upload_id, parts = upload(one, key, [4])
    assert one("complete", key=key, upload_id=upload_id, parts=parts)["rc"] == 0
    assert bucket.keys() == [key]
    assert requests.get(one("link_get", key=key, filename="x.mp4", content_type="video/mp4")["url"], timeout=30).content == b"aaaa"
    assert one("remove", key=key)["rc"] == 0
    assert bucket.keys() == []


def test_more_parts_than_stand_on_a_page(s3, drive):
    one = drive(**s3.bucket().settings())
    begun = one("begin", key=KEY, content_type="video/mp4")
    for number in range(1, 1013, 11):  # the server gives 50 a page
        assert one("part", key=KEY, upload_id=begun["upload_id"], number=number, size=1, fill="a")["rc"] == 0
    numbers = [part["number"] for part in one("parts", key=KEY, upload_id=begun["upload_id"])["parts"]]
    assert numbers == list(range(1, 1013, 11))


def test_a_wrong_part_is_refused_for_good(s3, drive):
    one = drive(**s3.bucket().settings())
    upload_id, parts = upload(one, KEY, [5 * MIB, 3])
    parts[0]["etag"] = "0" * 32
    done = one("complete", key=KEY, upload_id=upload_id, parts=parts)
    assert done["rc"] == -1 and not done["repeat"], done


def test_links_to_read(s3, drive):
    bucket = s3.bucket()
    bucket.put(KEY, b"0123456789")
    one = drive(**bucket.settings())
    url = one("link_get", key=KEY, filename='Über "uns".mp4', content_type="video/mp4")["url"]
    got = requests.get(url, headers={"Range": "bytes=2-5"}, timeout=30)
    assert (got.status_code, got.content) == (206, b"2345")
    assert got.headers["Content-Type"].startswith("video/mp4")
    assert "filename*=UTF-8''%C3%9Cber%20%22uns%22.mp4" in got.headers["Content-Disposition"]
    assert requests.get(url[:-1] + ("0" if url[-1] != "0" else "1"), timeout=30).status_code == 403
    assert requests.put(url, data=b"x", timeout=30).status_code == 403
    late = one("link_get", key=KEY, filename="x", content_type="video/mp4", later_ms=-901_000)["url"]
    assert requests.get(late, timeout=30).status_code == 403


def test_links_to_write_take_the_size_that_was_said(s3, drive):
    bucket = s3.bucket()
    one = drive(**bucket.settings())
    url = one("link_put", key=KEY, size=5)["url"]
    assert requests.put(url, data=b"123456", timeout=30).status_code == 403
    assert requests.put(url, data=b"12345", timeout=30).status_code == 200
    assert bucket.get(KEY) == b"12345"
    assert requests.get(url, timeout=30).status_code == 403


@pytest.mark.parametrize("what", ["stat", "remove", "begin", "parts", "abort", "sweep"])
@pytest.mark.parametrize("how", ["500", "503", "reset", "lost"])
def test_a_server_in_trouble_is_worth_repeating(s3, s3_faults, drive, what, how):
    bucket = s3.bucket()
    one = drive(**bucket.settings(s3_faults.url))
    begun = one("begin", key=KEY, content_type="video/mp4")
    s3_faults.fail(".", how, times=2)  # a request that only asks may be sent twice by libcurl
    got = one(what, key=KEY, content_type="video/mp4", upload_id=begun["upload_id"], prefix="", later_ms=0)
    assert got["rc"] == -1 and got["repeat"] and got["status"] == 503, got
    assert got["retry_after_s"] == (1 if how == "503" else 0)
    s3_faults.rules.clear()
    assert one(what, key=KEY, content_type="video/mp4", upload_id=begun["upload_id"], prefix="", later_ms=0)["rc"] >= 0


@pytest.mark.parametrize("how", ["html", "error200"])
@pytest.mark.parametrize("what", ["begin", "parts", "sweep"])
def test_what_is_no_answer_of_s3_is_none(s3, s3_faults, drive, what, how):
    one = drive(**s3.bucket().settings(s3_faults.url))
    begun = one("begin", key=KEY, content_type="video/mp4")
    s3_faults.fail(".", how)
    got = one(what, key=KEY, content_type="video/mp4", upload_id=begun["upload_id"], prefix="", later_ms=0)
    assert got["rc"] == -1 and got["repeat"], got


@pytest.mark.parametrize("how, done", [("done-error200", True), ("lost", True), ("error200", False), ("500", False), ("503", False), ("reset", False),
                                       ("html", False)])
def test_after_an_unclear_complete_the_object_decides(s3, s3_faults, drive, how, done):
    bucket = s3.bucket()
    one = drive(**bucket.settings(s3_faults.url))
    upload_id, parts = upload(one, KEY, [5 * MIB, 3])
    s3_faults.fail("^POST .*uploadId", how)
    got = one("complete", key=KEY, upload_id=upload_id, parts=parts)
    assert (got["rc"] == 0) == done, got
    assert (bucket.head(KEY) is not None) == done
    if not done:
        assert got["repeat"], got
        assert one("complete", key=KEY, upload_id=upload_id, parts=parts)["rc"] == 0
    assert bucket.get(KEY) == b"a" * 5 * MIB + b"bbb"


def test_an_older_object_is_not_taken_for_the_new_one(s3, s3_faults, drive):
    bucket = s3.bucket()
    one = drive(**bucket.settings(s3_faults.url))
    upload_id, parts = upload(one, KEY, [5 * MIB, 3])
    assert one("complete", key=KEY, upload_id=upload_id, parts=parts)["rc"] == 0
    upload_id, parts = upload(one, KEY, [5 * MIB, 3], fill="xy")
    s3_faults.fail("^POST .*uploadId", "error200")
    got = one("complete", key=KEY, upload_id=upload_id, parts=parts)
    assert got["rc"] == -1 and got["repeat"], got


def test_a_clock_that_is_wrong_is_made_good_once(s3, s3_faults, drive):
    one = drive(**s3.bucket().settings(s3_faults.url))
    s3_faults.fail(".", "skew")
    # The proxy's date is an hour ahead: what is signed with it the server refuses, and its own Date puts it right again.
    assert one("stat", key=KEY)["rc"] == -1
    assert len(s3_faults.seen) == 2
    assert one("stat", key=KEY)["rc"] == 0


def test_a_server_that_refuses_is_not_asked_again(s3, drive):
    bucket = s3.bucket()
    for wrong in ({"AWS_SECRET_ACCESS_KEY": "no"}, {"BUCKET_NAME": "no-such-bucket"}, {"AWS_REGION": "mars-1"}):
        got = drive(**{**bucket.settings(), **wrong})("begin", key=KEY, content_type="video/mp4")
        assert got["rc"] == -1 and not got["repeat"], got


def test_nobody_listens(drive, s3):
    got = drive(**s3.bucket().settings("http://127.0.0.1:1"))("stat", key=KEY)
    assert got["rc"] == -1 and got["repeat"], got


# ---- the folder ----

@pytest.fixture
def folder(tmp_path):
    return tmp_path / "deep" / "recordings"


def link_of(url):
    parts = urllib.parse.urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}" == "https://meet.example"
    key = urllib.parse.unquote(parts.path.removeprefix("/api/recordings/file/"))
    return {"key": key, **dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))}


def test_files_lie_at_their_keys(drive, folder):
    one = drive(MEETPOOL_RECORDINGS_DIR=str(folder))
    upload_id, parts = upload(one, KEY, [PART, 3])
    one("complete", key=KEY, upload_id=upload_id, parts=parts)
    assert (folder / KEY).read_bytes() == b"a" * PART + b"bbb"
    assert [path for path in folder.rglob("*") if path.is_file()] == [folder / KEY]
    assert (folder / KEY).stat().st_mode & 0o007 == 0


def test_a_file_that_is_shorter_than_its_parts_is_not_shown(drive, folder):
    one = drive(MEETPOOL_RECORDINGS_DIR=str(folder))
    upload_id, parts = upload(one, KEY, [PART])
    parts.append({"number": 2, "size": 3, "etag": ""})
    assert one("complete", key=KEY, upload_id=upload_id, parts=parts)["rc"] == -1
    assert not (folder / KEY).exists()


def test_a_half_written_part_does_not_count(drive, folder):
    one = drive(MEETPOOL_RECORDINGS_DIR=str(folder))
    upload_id, parts = upload(one, KEY, [PART, PART - 1])
    assert one("parts", key=KEY, upload_id=upload_id)["parts"] == parts[:1]


def test_a_full_disk_leaves_nothing_behind(drive, folder):
    one = drive(MEETPOOL_RECORDINGS_DIR=str(folder), full=True)
    got = one("begin", key=KEY, content_type="video/mp4")
    assert got["rc"] == -1 and got["status"] == 503 and not got["repeat"], got
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_made(drive, folder):
    folder.parent.mkdir()
    folder.write_text("a file where the folder should be")
    got = drive(MEETPOOL_RECORDINGS_DIR=str(folder))("begin", key=KEY, content_type="video/mp4")
    assert got["rc"] == -1 and not got["repeat"]


def test_links_to_the_folder(drive, folder):
    one = drive(MEETPOOL_RECORDINGS_DIR=str(folder))
    read = link_of(one("link_get", key=KEY, filename="Intro (1).mp4", content_type="video/mp4")["url"])
    write = link_of(one("link_put", key=KEY, size=7)["url"])
    assert (read["key"], read["name"], read["type"]) == (KEY, "Intro (1).mp4", "video/mp4")
    assert 890 < int(read["expires"]) - time.time() <= 901
    assert one("link_check", method="GET", **read)["rc"] == 1
    assert one("link_check", method="PUT", **write)["rc"] == 1
    for method, link, wrong in (("PUT", read, {}), ("GET", write, {}), ("DELETE", read, {}), ("GET", read, {"key": KEY + "x"}),
                                ("GET", read, {"expires": str(int(read["expires"]) + 1)}), ("GET", read, {"name": "x"}),
                                ("GET", read, {"type": "text/html"}), ("GET", read, {"signature": read["signature"][:-1]}),
                                ("GET", read, {"signature": ""}), ("GET", read, {"size": "7"}), ("PUT", write, {"size": "8"}),
                                ("PUT", write, {"name": "x"}), ("GET", read, {"expires": "9" * 30}), ("GET", read, {"expires": "-1"})):
        assert one("link_check", method=method, **{**link, **wrong})["rc"] == 0, (method, wrong)
    for name in ("expires", "signature", "name", "type", "key"):
        assert one("link_check", method="GET", **{key: value for key, value in read.items() if key != name})["rc"] == 0, name
    late = link_of(one("link_get", key=KEY, filename="x", content_type="video/mp4", later_ms=-901_000)["url"])
    assert one("link_check", method="GET", **late)["rc"] == 0


def test_links_outlive_the_change_of_keys(drive, folder):
    before = link_of(drive(MEETPOOL_RECORDINGS_DIR=str(folder), DRIVE_KEY="old")("link_put", key=KEY, size=7)["url"])
    stranger = link_of(drive(MEETPOOL_RECORDINGS_DIR=str(folder), DRIVE_KEY="unknown")("link_put", key=KEY, size=7)["url"])
    now = drive(MEETPOOL_RECORDINGS_DIR=str(folder))
    assert now("link_check", method="PUT", **before)["rc"] == 1
    assert now("link_check", method="PUT", **stranger)["rc"] == 0


def test_files_are_taken_over_from_their_place_only(drive, folder, tmp_path):
    one = drive(MEETPOOL_RECORDINGS_DIR=str(folder))
    (folder / ".incoming").mkdir(parents=True)
    (folder / ".incoming/0001").write_bytes(b"1234567")
    (tmp_path / "0002").write_bytes(b"1234567")
    assert one("take_file", path=str(folder / ".incoming/0001"), size=8, key=KEY)["status"] == 422
    for path in (tmp_path / "0002", folder / ".incoming/../x", folder / ".incoming/", folder / ".incoming/../../../0002"):
        assert one("take_file", path=str(path), size=7, key=KEY)["status"] == 403
    assert one("take_file", path=str(folder / ".incoming/0001"), size=7, key=KEY)["rc"] == 0
    assert (folder / KEY).read_bytes() == b"1234567"
    assert not (folder / ".incoming/0001").exists()


def test_what_nginx_received_for_nobody_is_swept(drive, folder):
    one = drive(MEETPOOL_RECORDINGS_DIR=str(folder))
    (folder / ".incoming").mkdir(parents=True)
    (folder / ".incoming/0001").write_bytes(b"1")
    assert one("sweep", prefix="videos/", later_ms=-3600_000) == {"rc": 0, "aborted": 0}
    assert one("sweep", prefix="videos/", later_ms=3600_000) == {"rc": 0, "aborted": 1}
    assert list((folder / ".incoming").iterdir()) == []


# ---- settings ----

@pytest.mark.parametrize("settings, named", [
    ({"BUCKET_NAME": "b-1"}, "AWS_ACCESS_KEY_ID"),
    ({"BUCKET_NAME": "b-1", "AWS_ACCESS_KEY_ID": "a"}, "AWS_SECRET_ACCESS_KEY"),
    ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}, "BUCKET_NAME"),
    ({"AWS_ENDPOINT_URL_S3": "https://s3.example"}, "BUCKET_NAME"),
    ({"BUCKET_NAME": "b/1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}, "BUCKET_NAME"),
    ({"BUCKET_NAME": "b-1", "AWS_ACCESS_KEY_ID": "a b", "AWS_SECRET_ACCESS_KEY": "s"}, "AWS_ACCESS_KEY_ID"),
    ({"BUCKET_NAME": "b-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu/1"}, "AWS_REGION"),
    ({"BUCKET_NAME": "b-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL_S3": "http://s3.example"}, "AWS_ENDPOINT_URL_S3"),
    ({"BUCKET_NAME": "b-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL_S3": "https://s3.example/b"},
     "AWS_ENDPOINT_URL_S3"),
    ({"MEETPOOL_RECORDINGS_DIR": "recordings"}, "MEETPOOL_RECORDINGS_DIR"),
    ({"MEETPOOL_LINK_TTL": "9"}, "MEETPOOL_LINK_TTL"),
])
def test_a_wrong_setting_is_named(settings, named):
    run = subprocess.run([BIN / "tests/unit/storage/drive"], env={"PATH": os.environ["PATH"], **settings}, stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith(named), run.stderr


# ---- meetpoolctl check ----

@pytest.fixture
def check(stack):
    def call(**settings):
        run = subprocess.run([BIN / "meetpoolctl", "--config", stack.run / "meetpool.env", "check"], env={**os.environ, **settings},
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        return [line for line in run.stdout.splitlines() if "BUCKET_NAME" in line or "AWS_" in line or "RECORDINGS_DIR" in line]
    return call


def test_the_storage_is_tried(check, s3, tmp_path):
    bucket = s3.bucket()
    assert [line.split()[0] for line in check()] == ["ok"]
    (line,) = check(**bucket.settings())
    assert line.startswith("ok") and bucket.name in line and bucket.uploads() == bucket.keys() == []
    for wrong in ({"AWS_SECRET_ACCESS_KEY": "no-good-key"}, {"BUCKET_NAME": "no-such-bucket"}):
        (line,) = check(**{**bucket.settings(), **wrong})
        assert line.startswith("error") and "no-good-key" not in line
    (line,) = check(**bucket.settings("http://127.0.0.1:1"))
    assert line.startswith("warning") and "AWS_ENDPOINT_URL_S3" in line
    (line,) = check(BUCKET_NAME=bucket.name)
    assert line.startswith("error") and "AWS_ACCESS_KEY_ID" in line
    (line,) = check(MEETPOOL_RECORDINGS_DIR=str(tmp_path / "none"))
    assert line.startswith("warning")
    (line,) = check(MEETPOOL_RECORDINGS_DIR="none")
    assert line.startswith("error")
