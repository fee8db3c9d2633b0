import hashlib
import json
import time
from urllib.parse import quote

import pytest
import requests

from conftest import wait_until

MAGIC = {"MP4": (4, b"ftypisom"), "M4A": (4, b"ftypM4A "), "VTT": (0, b"WEBVTT"), "JSON": (0, b"{"), "TXT": (0, b"00:00:01\t")}


def held(sandbox, **body):
    m = sandbox.create(**body)
    sandbox.control("POST", f"meetings/{m['id']}/start")
    sandbox.advance(1800)
    sandbox.control("POST", f"meetings/{m['id']}/end")
    return m


def record(sandbox, meeting, *files, **named):
    where = named or {"meeting": meeting["id"]}
    return sandbox.control("POST", "recordings", {**where, **({"files": list(files)} if files else {})})


def get(sandbox, key, **kwargs):
    return sandbox.api("GET", f"/meetings/{quote(quote(str(key), safe=''), safe='')}/recordings", **kwargs)


def fetch(sandbox, url, token=None, **kwargs):
    headers = {"Authorization": f"Bearer {token or sandbox.token()}", **kwargs.pop("headers", {})}
    return requests.get(url, headers=headers, timeout=60, **{"allow_redirects": True, **kwargs})


def test_none_yet(sandbox):
    m = held(sandbox)
    answer = get(sandbox, m["id"])
    assert (answer.status_code, answer.json()) == (404, {"code": 3301, "message": "There is no recording for this meeting."})


def test_it_appears_after_its_delay_by_the_sandbox_clock(sandbox):
    m = held(sandbox)
    record(sandbox, m, {"file_type": "MP4", "delay_ms": 600000}, {"file_type": "TRANSCRIPT", "delay_ms": 1200000})
    assert get(sandbox, m["id"]).status_code == 404
    sandbox.advance(601)
    assert [f["file_type"] for f in get(sandbox, m["id"]).json()["recording_files"]] == ["MP4"]
    sandbox.advance(601)
    assert get(sandbox, m["id"]).json()["recording_count"] == 2


def test_the_shape(sandbox):
    m = held(sandbox, topic="Algebra")
    record(sandbox, m)
    body = get(sandbox, m["id"]).json()
    assert (body["uuid"], body["id"], body["topic"], body["type"], body["duration"], body["host_id"]) == (m["uuid"], m["id"], "Algebra", 2, 30, "owner")
    files = {f["file_type"]: f for f in body["recording_files"]}
    assert set(files) == {"MP4", "M4A", "CHAT", "TRANSCRIPT", "TIMELINE"}
    assert body["total_size"] > files["MP4"]["file_size"] and files["MP4"]["meeting_id"] == m["uuid"]
    assert (files["MP4"]["file_extension"], files["MP4"]["recording_type"], files["MP4"]["status"]) == (
        "MP4", "shared_screen_with_speaker_view", "completed")
    assert not {"id", "status", "file_size", "recording_type", "play_url"} & set(files["TIMELINE"])


def test_odd_shapes(sandbox):
    m = held(sandbox)
    record(sandbox, m, {"file_type": "MP4", "no_end": True, "status": "processing", "recording_type": "gallery_view"}, {"file_type": "CC"})
    sandbox.knobs(recording_type_text=True)
    body = get(sandbox, m["id"]).json()
    assert (body["type"], body["recording_files"][0]["recording_end"], body["recording_files"][0]["recording_type"]) == ("2", "", "gallery_view")
    assert body["recording_files"][1]["file_extension"] == "VTT" and "id" not in body["recording_files"][1]


def test_a_number_is_the_latest_instance(sandbox):
    m = held(sandbox)
    record(sandbox, m, {"file_type": "MP4"})
    sandbox.control("POST", f"meetings/{m['id']}/start")
    sandbox.advance(60)
    sandbox.control("POST", f"meetings/{m['id']}/end")
    assert get(sandbox, m["id"]).status_code == 404
    assert get(sandbox, m["uuid"]).json()["uuid"] == m["uuid"]
    second = record(sandbox, m, {"file_type": "M4A"})["uuid"]
    assert second != m["uuid"] and get(sandbox, m["id"]).json()["uuid"] == second


@pytest.mark.parametrize("style", ["slash", "double_slash", "plus", "worst"])
def test_uuids_in_the_path(sandbox, style):
    sandbox.knobs(uuid_style=style)
    m = held(sandbox)
    record(sandbox, m)
    assert style != "worst" or m["uuid"].startswith("//+")
    assert get(sandbox, m["uuid"]).status_code == 200
    if style != "plus":
        assert sandbox.api("GET", f"/meetings/{quote(m['uuid'], safe='')}/recordings").json()["code"] == 3301


def test_list_of_a_host(sandbox):
    for ago in (3, 2, 1, 0):
        m = sandbox.create()
        sandbox.control("POST", f"meetings/{m['id']}/held", {"ago_s": ago * 86400 + 60, "minutes": 1})
        record(sandbox, m, {"file_type": "MP4"})
    today = sandbox.control("GET", "clock")["now"][:10]
    first = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 5 * 86400))
    seen, token = [], ""
    while True:
        body = sandbox.api("GET", f"/users/owner/recordings?from={first}&to={today}&page_size=3&next_page_token={token}").json()
        assert body["total_records"] == 4 and body["from"] == first and body["page_size"] == 3
        seen += [m["start_time"] for m in body["meetings"]]
        token = body["next_page_token"]
        if not token:
            break
    assert len(seen) == 4 and seen == sorted(seen, reverse=True)
    assert sandbox.api("GET", "/users/owner/recordings?from=2020-01-01&to=2020-03-01").json()["code"] == 300
    assert sandbox.api("GET", "/users/owner/recordings?next_page_token=abc").json()["code"] == 300
    assert sandbox.api("GET", "/users/second/recordings").json()["meetings"] == []


def test_trash_and_back(sandbox):
    m = held(sandbox)
    record(sandbox, m)
    path = f"/meetings/{m['id']}/recordings"
    listed = "/users/owner/recordings?from={0}&to={0}".format(get(sandbox, m["id"]).json()["start_time"][:10])
    one = get(sandbox, m["id"]).json()["recording_files"][0]["id"]
    assert sandbox.api("DELETE", f"{path}/{one}").status_code == 204
    assert get(sandbox, m["id"]).json()["recording_count"] == 4
    assert sandbox.api("GET", f"{listed}&trash=true&trash_type=recording_file").json()["meetings"][0]["recording_files"][0]["deleted_time"]
    assert sandbox.api("PUT", f"{path}/{one}/status", {"action": "recover"}).status_code == 204
    assert sandbox.api("DELETE", path).status_code == 204
    assert get(sandbox, m["id"]).status_code == 404
    assert sandbox.api("GET", listed).json()["meetings"] == []
    assert len(sandbox.api("GET", f"{listed}&trash=true").json()["meetings"]) == 1
    assert sandbox.api("PUT", f"{path}/status", {"action": "recover"}).status_code == 200
    assert get(sandbox, m["id"]).json()["recording_count"] == 5
    assert sandbox.api("DELETE", path).status_code == 204
    sandbox.advance(31 * 86400)
    token = sandbox.new_token()
    assert sandbox.api("PUT", f"{path}/status", {"action": "recover"}, token=token).json()["code"] == 3301
    sandbox.advance(-31 * 86400)
    assert sandbox.api("PUT", f"{path}/status", {"action": "recover"}).status_code == 200
    assert sandbox.api("DELETE", f"{path}?action=delete").status_code == 204
    assert sandbox.api("PUT", f"{path}/status", {"action": "recover"}).json()["code"] == 3301


def test_scopes_and_rights(sandbox):
    m = held(sandbox)
    record(sandbox, m)
    sandbox.knobs(scopes="meeting:read:meeting:admin")
    assert get(sandbox, m["id"], token=sandbox.new_token()).json()["code"] == 4711
    for scopes in ("recording:read:admin", "cloud_recording:read:list_recording_files:admin"):
        sandbox.knobs(scopes=scopes)
        assert get(sandbox, m["id"], token=sandbox.new_token()).status_code == 200
    sandbox.knobs(recordings_forbidden=True)
    answer = get(sandbox, m["id"])
    assert (answer.status_code, answer.json()["code"]) == (200, 200)
    sandbox.knobs(recordings_forbidden=False)
    assert get(sandbox, m["id"], token=sandbox.token("2")).json()["code"] == 3301


@pytest.mark.parametrize("size", [0, 1, 50, 4096, 100001, 3 << 20])
def test_content(sandbox, size):
    m = held(sandbox)
    rows = record(sandbox, m, *({"file_type": t, "size": size, "seed": 7} for t in ("MP4", "M4A", "CHAT", "TRANSCRIPT", "SUMMARY")))["files"]
    for row, file in zip(rows, get(sandbox, m["id"]).json()["recording_files"]):
        body = fetch(sandbox, file["download_url"]).content
        told = sandbox.control("GET", f"recordings/{row['key']}/sha256")
        assert len(body) == file["file_size"] == size and hashlib.sha256(body).hexdigest() == told["sha256"]
        at, magic = MAGIC[file["file_extension"]]
        assert body[at:at + len(magic)] == magic[:max(0, size - at)]
        if size >= 50 and file["file_extension"] == "JSON":
            json.loads(body)
        if size >= 50 and file["file_extension"] in ("TXT", "VTT"):
            body.decode("ascii")
    assert sandbox.control("GET", f"recordings/{rows[0]['key']}")["downloads"] == 1


def test_bytes_of_another_kind(sandbox):
    m = held(sandbox)
    record(sandbox, m, {"file_type": "MP4", "content": "TXT"})
    file = get(sandbox, m["id"]).json()["recording_files"][0]
    assert file["file_extension"] == "MP4" and fetch(sandbox, file["download_url"]).content.startswith(MAGIC["TXT"][1])


def test_each_seed_and_each_place_has_its_own_bytes(sandbox):
    m = held(sandbox)
    record(sandbox, m, *({"file_type": "MP4", "size": 1 << 20, "seed": seed} for seed in (1, 1, 2, 17)))
    same, again, other, far = [fetch(sandbox, f["download_url"]).content for f in get(sandbox, m["id"]).json()["recording_files"]]
    assert same == again and len({same, other, far}) == 3
    assert len({same[at:at + 65536] for at in range(0, len(same), 65536)}) == 16
    assert len({same[at:at + 4096] for at in range(0, len(same), 4096)}) == 256


def test_any_size_is_served_from_any_place(sandbox):
    m = held(sandbox)
    size = 50 << 30
    record(sandbox, m, {"file_type": "MP4", "size": size, "seed": 3})
    url = get(sandbox, m["id"]).json()["recording_files"][0]["download_url"]
    answer = fetch(sandbox, url, headers={"Range": f"bytes={size - 10}-"})
    assert (answer.status_code, len(answer.content), answer.headers["Content-Range"]) == (206, 10, f"bytes {size - 10}-{size - 1}/{size}")


def test_ranges(sandbox):
    m = held(sandbox)
    record(sandbox, m, {"file_type": "MP4", "size": 100000})
    url = get(sandbox, m["id"]).json()["recording_files"][0]["download_url"]
    whole = fetch(sandbox, url)
    assert whole.headers["Accept-Ranges"] == "bytes"
    for text, part in (("0-9", slice(0, 10)), ("99990-", slice(99990, None)), ("-7", slice(-7, None)), ("5000-9999999", slice(5000, None))):
        answer = fetch(sandbox, url, headers={"Range": f"bytes={text}"})
        assert (answer.status_code, answer.content) == (206, whole.content[part])
    assert fetch(sandbox, url, headers={"Range": "bytes=100000-"}).status_code == 416
    assert fetch(sandbox, url, headers={"Range": "bytes=0-1", "If-Range": '"other"'}).status_code == 200
    sandbox.knobs(download_ranges=False)
    answer = fetch(sandbox, url, headers={"Range": "bytes=0-9"})
    assert answer.status_code == 200 and answer.content == whole.content and "Accept-Ranges" not in answer.headers


def test_who_may_fetch(sandbox):
    m = held(sandbox)
    record(sandbox, m, {"file_type": "MP4"})
    body = sandbox.api("GET", f"/meetings/{m['id']}/recordings?include_fields=download_access_token&ttl=60").json()
    url = body["recording_files"][0]["download_url"]
    assert fetch(sandbox, url, body["download_access_token"]).status_code == 200
    for token in ("nonsense", body["download_access_token"] + "x", sandbox.token("2")):
        assert fetch(sandbox, url, token).status_code == 401
    assert requests.get(f"{url}?access_token={sandbox.token()}", timeout=10).status_code == 401
    sandbox.advance(61)
    assert fetch(sandbox, url, body["download_access_token"]).status_code == 401
    sandbox.knobs(download_denied="html")
    answer = fetch(sandbox, url, "nonsense")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html") and b"Sign In" in answer.content
    assert fetch(sandbox, url).status_code == 200


def test_head(sandbox):
    sandbox.knobs(download_redirect="off")
    m = held(sandbox)
    record(sandbox, m, {"file_type": "M4A", "size": 12345})
    url = get(sandbox, m["id"]).json()["recording_files"][0]["download_url"]
    answer = requests.head(url, headers={"Authorization": f"Bearer {sandbox.token()}"}, timeout=10)
    assert (answer.status_code, answer.headers["Content-Length"], answer.headers["Content-Type"]) == (200, "12345", "audio/mp4")


def test_gone_files(sandbox):
    m = held(sandbox)
    record(sandbox, m, {"file_type": "MP4"})
    url = get(sandbox, m["id"]).json()["recording_files"][0]["download_url"]
    sandbox.api("DELETE", f"/meetings/{m['id']}/recordings")
    assert fetch(sandbox, url).status_code == 404


def test_redirects(sandbox):
    m = held(sandbox)
    record(sandbox, m, {"file_type": "MP4"})
    url = get(sandbox, m["id"]).json()["recording_files"][0]["download_url"]
    one = fetch(sandbox, url, allow_redirects=False)
    assert one.status_code == 302 and one.headers["Location"].startswith(f"{sandbox.base}/rec/target/")
    assert requests.get(one.headers["Location"], timeout=10).status_code == 200
    sandbox.knobs(target_bearer=True)
    assert requests.get(one.headers["Location"], timeout=10).status_code == 401
    assert fetch(sandbox, one.headers["Location"]).status_code == 200
    assert requests.get(one.headers["Location"].replace("sig=", "sig=x"), timeout=10).status_code == 403
    sandbox.advance(3601)
    assert requests.get(one.headers["Location"], timeout=10).status_code == 403
    wanted = {"off": None, "host": f"http://localhost:{sandbox.address.split(':')[1]}/", "http": "http://media.", "private": "https://10.0.0.1/",
              "loop": "/rec/download/"}
    token = sandbox.new_token()
    for kind, start in wanted.items():
        sandbox.knobs(download_redirect=kind)
        answer = fetch(sandbox, url, token, allow_redirects=False)
        assert answer.status_code == (200 if start is None else 302), kind
        assert start is None or answer.headers["Location"].startswith(start)


def test_a_second_listener(own):
    one = own("--also-listen", "127.0.0.1:0", "--knob", "download_redirect=host")
    other = one.process.stdout.readline().split()[-1]
    assert one.control("GET", "state")["also_listening"] == other
    one.knobs(redirect_base=f"http://{other}")
    m = held(one)
    record(one, m, {"file_type": "MP4"})
    answer = fetch(one, get(one, m["id"]).json()["recording_files"][0]["download_url"])
    assert answer.status_code == 200 and answer.url.startswith(f"http://{other}/rec/target/")
    assert one.calls()[-1]["authority"] == other


def read_all(answer):
    got = b""
    answer.raw.enforce_content_length = True
    try:
        for block in answer.iter_content(65536):
            got += block
    except requests.exceptions.RequestException:
        return got, True
    return got, False


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_cut(sandbox, framing):
    sandbox.knobs(download_redirect="off")
    m = held(sandbox)
    record(sandbox, m, {"file_type": "MP4", "size": 1 << 20})
    url = get(sandbox, m["id"]).json()["recording_files"][0]["download_url"]
    whole = fetch(sandbox, url).content
    for cut in (0, 1, 300000):
        sandbox.fault({"download": {"framing": framing, "cut": cut}}, path="/rec/*")
        answer = fetch(sandbox, url, stream=True)
        assert ("Content-Length" in answer.headers) == (framing == "length")
        assert read_all(answer) == (whole[:cut], True)
    sandbox.fault({"cut": {"when": "in_body", "bytes": 5}}, path="/rec/*")
    assert read_all(fetch(sandbox, url, stream=True)) == (whole[:5], True)
    assert fetch(sandbox, url).content == whole


def test_framings_and_lengths(sandbox):
    sandbox.knobs(download_redirect="off")
    m = held(sandbox)
    record(sandbox, m, {"file_type": "MP4", "size": 200000})
    url = get(sandbox, m["id"]).json()["recording_files"][0]["download_url"]
    whole = fetch(sandbox, url).content
    for framing in ("length", "chunked", "close"):
        for length in (0, 1000, 200000, 300000):
            sandbox.fault({"download": {"framing": framing, "length": length}}, path="/rec/*")
            got = fetch(sandbox, url).content
            assert len(got) == length and got[:200000] == whole[:length], framing


def test_slow(sandbox):
    sandbox.knobs(download_redirect="off")
    m = held(sandbox)
    record(sandbox, m, {"file_type": "MP4", "size": 50000})
    url = get(sandbox, m["id"]).json()["recording_files"][0]["download_url"]
    sandbox.fault({"download": {"bytes_per_s": 100000}}, path="/rec/*")
    began = time.monotonic()
    assert len(fetch(sandbox, url).content) == 50000
    assert time.monotonic() - began >= 0.4


def test_other_faults(sandbox):
    m = held(sandbox)
    record(sandbox, m, {"file_type": "MP4"})
    url = get(sandbox, m["id"]).json()["recording_files"][0]["download_url"]
    for status in (401, 404, 429, 500):
        sandbox.fault({"status": status, "headers": {"Retry-After": "1"}}, path="/rec/download/*")
        assert fetch(sandbox, url).status_code == status
    sandbox.fault({"html_200": True}, path="/rec/target/*")
    answer = fetch(sandbox, url)
    assert answer.status_code == 200 and b"Sign" in answer.content and answer.headers["Content-Type"].startswith("text/html")
    assert fetch(sandbox, url).status_code == 200


def test_recordings_made_by_themselves(sandbox):
    sandbox.knobs(auto_record=True, recording_delay_s=3600, recording_size=5000)
    m = held(sandbox, settings={"auto_recording": "cloud"})
    without = held(sandbox)
    assert get(sandbox, m["id"], token=sandbox.new_token()).status_code == 404
    sandbox.advance(3601)
    token = sandbox.new_token()
    assert get(sandbox, m["id"], token=token).json()["recording_files"][0]["file_size"] == 5000
    assert get(sandbox, without["id"], token=token).status_code == 404


def test_they_outlive_a_restart(own, tmp_path):
    one = own("--state", str(tmp_path / "state.json"))
    m = held(one)
    rows = record(one, m)["files"]
    wait_until(lambda: all(r["told"] for r in one.control("GET", "recordings")["recordings"]))
    before = one.control("GET", "recordings")
    assert one.stop() == 0
    one.start()
    after = one.control("GET", "recordings")
    for row in before["recordings"] + after["recordings"]:
        row.pop("downloads"), row.pop("bytes_sent")
    assert before == after and len(rows) == 5


def test_wrong_rows(sandbox):
    m = held(sandbox)
    for body in ({"meeting": m["id"], "files": [{"file_type": "AVI"}]}, {"meeting": m["id"], "files": [{"file_type": "MP4", "size": -1}]},
                 {"meeting": m["id"], "files": [{"file_type": "MP4", "no_such": 1}]}):
        assert sandbox.control("POST", "recordings", body, status=400)["details"]
    sandbox.control("POST", "recordings", {"meeting": sandbox.create()["id"]}, status=404)
    sandbox.control("GET", "recordings/nothing", status=404)
