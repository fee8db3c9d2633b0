"""What nginx says by itself, before and instead of the daemon."""
import os
import signal
import ssl

import pytest
import requests

from harness import wait_for

ENVELOPE = ["success", "error", "code", "request_id"]


def check_envelope(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"].startswith("application/json")
    body = response.json()
    assert [key for key in body if key != "details"] == ENVELOPE
    assert body["success"] is False and body["code"] == code and body["error"]
    assert body["request_id"] == response.headers["X-Request-Id"]
    return body


def test_health_and_readiness(stack):
    for path in ("/healthz", "/readyz"):
        response = stack.get(path, role=None)
        assert response.status_code == 200, response.text


def test_plain_http_is_sent_to_https(stack):
    response = requests.get(f"http://127.0.0.1:{stack.http_port}/api/zoom/status?a=b%2Fc", allow_redirects=False)
    assert response.status_code == 308
    assert response.headers["Location"] == f"{stack.base}/api/zoom/status?a=b%2Fc"


def test_a_foreign_host_name_is_not_echoed(stack):
    response = requests.get(f"http://127.0.0.1:{stack.http_port}/x", headers={"Host": "evil.example"}, allow_redirects=False)
    assert response.headers["Location"] == f"{stack.base}/x"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls_1_1_is_refused(stack):
    old = {"set_ciphers": "DEFAULT:@SECLEVEL=0", "minimum_version": ssl.TLSVersion.TLSv1}
    with stack.tls(**old, maximum_version=ssl.TLSVersion.TLSv1_2) as connection:
        assert connection.version() == "TLSv1.2"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        stack.tls(**old, maximum_version=ssl.TLSVersion.TLSv1_1)


def test_http_2_is_offered(stack):
    with stack.tls(set_alpn_protocols=["h2", "http/1.1"]) as connection:
        assert connection.selected_alpn_protocol() == "h2"


def test_unknown_addresses(stack):
    check_envelope(stack.get("no/such/thing"), 404, "not_found")
    check_envelope(stack.get("/no-such-page"), 404, "not_found")
    check_envelope(stack.get("/.meetpool/slow"), 404, "not_found")


def test_without_a_token(stack):
    response = stack.get("zoom/meetings", role=None)
    check_envelope(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_both_prefixes(stack):
    one, two = stack.get("/api/zoom/status"), stack.get("/api/v1/zoom/status")
    assert one.status_code == two.status_code == 200
    assert one.json() == two.json()


@pytest.mark.parametrize("path", ["/api//zoom/status", "/api/%2e%2e/metrics", "/api/x/../zoom/status", "/api/.%2E/metrics", "/api/x%2f..%2fmetrics",
                                  "/api/./zoom/status", "//metrics", "/%2e/metrics", "/api/zoom%00"])
def test_paths_that_nginx_and_the_daemon_could_read_differently(stack, path):
    answer = stack.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b'"code":"bad_request"' in answer


@pytest.mark.parametrize("head", ["Content-Length: -1", "Content-Length: 18446744073709551617", "Content-Length: 5\r\nContent-Length: 6",
                                  "Content-Length: 5\r\nTransfer-Encoding: chunked"])
def test_requests_whose_length_is_in_doubt(stack, head):
    answer = stack.raw(f"POST /api/zoom/meetings HTTP/1.1\r\nHost: localhost\r\n{head}\r\nConnection: close\r\n\r\nhello".encode())
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")), answer


def test_bodies_too_large(stack):
    # A little too large: the daemon says so. Far too large: nginx does, before it has read it.
    for size in ((1 << 20) + 1, 50 << 20):
        check_envelope(stack.request("POST", "zoom/meetings", data=b" " * size, headers={"Content-Type": "application/json"}), 413, "payload_too_large")


def test_the_request_id_is_taken_or_made(stack):
    assert stack.get("/healthz", headers={"X-Request-Id": "my-own.id_1"}).headers["X-Request-Id"] == "my-own.id_1"
    check_envelope(stack.get("/nope", headers={"X-Request-Id": "my-own.id_2"}), 404, "not_found")
    made = stack.get("/healthz", headers={"X-Request-Id": "with blanks and \"quotes\""}).headers["X-Request-Id"]
    assert len(made) >= 16 and " " not in made


def test_the_access_log_names_no_query(stack):
    stack.get("/nope?code=canary-1")
    stack.get("/api/calendar/canary-2.ics")
    wait_for(lambda: "/api/calendar/-.ics" in stack.log_text("nginx-access"), 5)
    assert "canary" not in stack.log_text("nginx-access")


@pytest.fixture(scope="module")
def broken(make_stack):
    return make_stack(MEETPOOL_WORKERS=2, MEETPOOL_ZOOM_WORKERS=2)


def test_the_daemon_is_away_and_scripts_up_brings_it_back(broken):
    kept = broken.pid("mariadb"), broken.pid("nginx"), broken.pid("sandbox")
    pid = broken.pid()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: broken.get("/healthz").status_code == 503, 15, what="an answer of nginx' own")
    for path in ("/readyz", "/api/zoom/meetings", "/api/zoom/status"):
        response = broken.get(path)
        check_envelope(response, 503, "unavailable")
        assert response.headers["Retry-After"] == "2"
    broken.up()
    assert broken.get("/readyz").status_code == 200
    assert kept == (broken.pid("mariadb"), broken.pid("nginx"), broken.pid("sandbox"))
    assert broken.pid() != pid
