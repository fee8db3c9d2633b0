"""Who may do what, and how they prove who they are: tokens through nginx, roles and routes, the session cookie, other origins."""
import base64
import hashlib
import hmac
import json
import time

import pytest
import requests

from booking import MORNING, HOUR, book, clean
from harness import together

STAFF = ("tutor", "teacher", "doctor", "interviewer")
PARTICIPANTS = ("student", "patient", "candidate")
ORIGIN = "https://app.example.org"


@pytest.fixture(scope="module")
def open_stack(make_stack):
    return make_stack(MEETPOOL_WORKERS=2, MEETPOOL_ZOOM_WORKERS=3, MEETPOOL_JWT_ISSUER="https://login.example.org", MEETPOOL_JWT_AUDIENCE="meetpool",
                      MEETPOOL_CORS_ORIGINS=f"{ORIGIN}, https://other.example.org")


def b64(raw):
    return base64.urlsafe_b64encode(raw if isinstance(raw, bytes) else raw.encode()).rstrip(b"=").decode()


def claims(**more):
    made = {"sub": "admin-1", "role": "admin", "exp": int(time.time()) + 600, "iss": "https://login.example.org", "aud": "meetpool", **more}
    return {name: value for name, value in made.items() if value is not None}


def sign(stack, header=None, payload=None, secret=None, digest=hashlib.sha256):
    head = b64(header if isinstance(header, str) else json.dumps({"alg": "HS256", "typ": "JWT", **(header or {})}))
    said = b64(payload if isinstance(payload, (str, bytes)) else json.dumps(payload if payload is not None else claims()))
    key = (secret if secret is not None else stack.settings["MEETPOOL_JWT_SECRET"]).encode()
    return f"{head}.{said}." + b64(hmac.new(key, f"{head}.{said}".encode(), digest).digest())


def get(stack, token, **headers):
    return stack.get("zoom/meetings", role=None, headers={"Authorization": f"Bearer {token}", **headers})


def test_a_good_token(open_stack):
    for token in (sign(open_stack), sign(open_stack, payload=claims(aud=["x", "meetpool"])), sign(open_stack, payload=claims(nbf=int(time.time()))),
                  sign(open_stack, header={"kid": "key-1"}), sign(open_stack, payload=claims(iat=int(time.time()) + 30))):
        assert get(open_stack, token).status_code == 200


def hostile(stack):
    now, good = int(time.time()), sign(stack)
    head, said, signature = good.split(".")
    for name in ("none", "None", "NONE", "nOnE", "HS384", "HS512", "RS256", "ES256", "", "hs256", "HS256 "):
        yield f"algorithm {name!r}", sign(stack, header={"alg": name})
        yield f"algorithm {name!r} without a signature", f"{b64(json.dumps({'alg': name, 'typ': 'JWT'}))}.{said}."
    yield "algorithm missing", sign(stack, header='{"typ":"JWT"}')
    yield "algorithm a number", sign(stack, header='{"alg":1}')
    yield "HS512 signed so", sign(stack, header={"alg": "HS512"}, digest=hashlib.sha512)
    for member in ("crit", "jwk", "jku", "x5u", "x5c", "b64", "zip"):
        yield f"header {member}", sign(stack, header={member: ["x"]})
    yield "kid a path", sign(stack, header={"kid": "../../../../dev/null"})
    yield "kid a statement", sign(stack, header={"kid": "x' UNION SELECT 'key"})
    yield "two algorithms", sign(stack, header='{"alg":"none","alg":"HS256"}')
    yield "wrong secret", sign(stack, secret="x" * 32)
    yield "empty secret", sign(stack, secret="")
    yield "changed claims", f"{head}.{b64(json.dumps(claims(sub='somebody')))}.{signature}"
    yield "no signature", f"{head}.{said}."
    yield "no dot at the end", f"{head}.{said}"
    yield "four parts", f"{good}.x"
    yield "padded", f"{good}=="
    yield "other alphabet", f"{head}.{said}.{signature[:-2]}+/"
    yield "not canonical", f"{head}.{said}.{signature[:-1]}{chr(ord(signature[-1]) + 1)}"
    yield "empty", "x"
    yield "dots", ".."
    yield "long", "x" * 9000
    yield "expired", sign(stack, payload=claims(exp=now - 1))
    yield "exp missing", sign(stack, payload=claims(exp=None))
    for wrong in (str(now + 600), 1e400, -1, 2**63, True, now + 600.5):
        yield f"exp {wrong!r}", sign(stack, payload=json.dumps(claims(exp=wrong)).replace("Infinity", "1e400"))
    yield "not yet", sign(stack, payload=claims(nbf=now + 300))
    yield "issued in the future", sign(stack, payload=claims(iat=now + 300))
    yield "other issuer", sign(stack, payload=claims(iss="https://evil.example.org"))
    yield "no issuer", sign(stack, payload=claims(iss=None))
    yield "other audience", sign(stack, payload=claims(aud="other"))
    yield "no audience", sign(stack, payload=claims(aud=None))
    yield "audience a list without us", sign(stack, payload=claims(aud=["other"]))
    yield "another purpose", sign(stack, payload=claims(typ="refresh"))
    yield "token_use id", sign(stack, payload=claims(token_use="id"))
    for sub in (None, "", 5, "x" * 191, " admin-1", "a\nb"):
        yield f"sub {sub!r}", sign(stack, payload=claims(sub=sub))
    for role in (None, "", "root", "Admin", ["admin"], "admin,tutor", 1):
        yield f"role {role!r}", sign(stack, payload=claims(role=role))
    yield "claims twice", sign(stack, payload=json.dumps(claims(role="student"))[:-1] + ',"role":"admin"}')
    yield "claims no object", sign(stack, payload="[]")
    yield "claims no JSON", sign(stack, payload="x")
    yield "claims no UTF-8", sign(stack, payload=b'{"sub":"\xff"}')


def test_the_table_of_attacks(open_stack):
    for name, token in hostile(open_stack):
        answer = get(open_stack, token)
        # nginx may find a header too long before the daemon sees it.
        assert answer.status_code == 401, (name, answer.status_code, answer.text)
        assert answer.json()["code"] == "unauthorized", name
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"], name
        assert answer.json().get("details") in (None, []), name


def test_where_a_token_may_stand(open_stack):
    token = sign(open_stack)
    answer = open_stack.get(f"zoom/meetings?access_token={token}", role=None)
    assert answer.status_code == 400
    assert open_stack.get("zoom/meetings", role=None, headers={"Cookie": f"access_token={token}"}).status_code == 401
    for header in (f"Basic {token}", f"bearer{token}", "Bearer", "Bearer ", f"Token {token}", token, f"Bearer {token} x"):
        assert open_stack.get("zoom/meetings", role=None, headers={"Authorization": header}).status_code == 401, header
    assert open_stack.get("zoom/meetings", role=None, headers={"Authorization": f"bearer {token}"}).status_code == 200
    raw = open_stack.raw(f"GET /api/zoom/meetings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n"
                         f"Authorization: Bearer x\r\n\r\n".encode())
    assert raw.split(b" ")[1] in (b"400", b"401")


def test_nobody_becomes_somebody_by_headers(open_stack):
    for name in ("X-User", "X-User-Id", "X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Role", "HTTP-AUTHORIZATION"):
        assert open_stack.get("zoom/meetings", role=None, headers={name: "admin-1"}).status_code == 401


# [route, those whom the role lets in]; a missing id is 404 for them.
ADMIN = ("admin",)
HOSTS = ADMIN + STAFF
ROUTES = [
    ("GET", "zoom/account-stats", ADMIN), ("POST", "zoom/reset-account/account_1", ADMIN), ("POST", "zoom/reset-all-accounts", ADMIN),
    ("POST", "zoom/meetings", HOSTS), ("GET", "zoom/meetings", HOSTS), ("GET", "zoom/meetings/1", HOSTS), ("PATCH", "zoom/meetings/1", HOSTS),
    ("DELETE", "zoom/meetings/1", HOSTS), ("POST", "zoom/meetings/1/end", HOSTS), ("GET", "zoom/meetings/1/start", HOSTS),
    ("GET", "zoom/status", HOSTS),
]


@pytest.mark.parametrize("method, path, allowed", ROUTES)
def test_roles_and_routes(stack, method, path, allowed):
    more = {"json": {}} if method in ("POST", "PATCH") else {}
    assert stack.request(method, path, role=None, **more).status_code == 401
    for role in ADMIN + STAFF + PARTICIPANTS:
        answer = stack.request(method, path, sub=f"{role}-9", role=role, **more)
        if role in allowed:
            assert answer.status_code in (200, 404, 422), (role, answer.text)
        else:
            assert answer.status_code == 403 and answer.json()["code"] == "forbidden", (role, answer.text)
            assert "insufficient_scope" in answer.headers["WWW-Authenticate"]


def test_open_to_everybody(stack):
    for path in ("/healthz", "/readyz"):
        assert stack.get(path, role=None).status_code == 200
    assert stack.get("openapi.json", role=None).status_code == 200


def test_somebody_elses_meeting_is_not_there(stack):
    clean(stack)
    number = book(stack, sub="tutor-1", role="tutor")["id"]
    for method, path in (("GET", ""), ("GET", "?refresh=true"), ("PATCH", ""), ("DELETE", ""), ("POST", "/end"), ("GET", "/start")):
        more = {"json": {"topic": "Mine now"}} if method in ("POST", "PATCH") else {}
        for sub, role in (("tutor-2", "tutor"), ("tutor-1 ", "tutor"), ("TUTOR-1", "tutor"), ("tutor-1\u00a0", "tutor")):
            answer = stack.request(method, f"zoom/meetings/{number}{path}", sub=sub, role=role, **more)
            # A sub with blanks around it is no sub.
            assert answer.status_code == (401 if sub != sub.strip(" ") else 404), (method, path, sub, answer.text)
        missing = stack.request(method, f"zoom/meetings/1{path}", sub="tutor-2", role="tutor", **more)
        foreign = stack.request(method, f"zoom/meetings/{number}{path}", sub="tutor-2", role="tutor", **more)
        assert [missing.json()[name] for name in ("error", "code")] == [foreign.json()[name] for name in ("error", "code")]
        assert stack.request(method, f"zoom/meetings/{number}{path}", sub="tutor-1", role="student", **more).status_code == 403
    assert stack.get(f"zoom/meetings/{number}").json()["data"]["meeting"]["topic"] == "Lesson"
    assert stack.get(f"zoom/meetings/{number}", sub="tutor-1", role="teacher").status_code == 200, "the same person in another role"
    for sub in ("tutor-2", "TUTOR-1"):
        assert stack.get("zoom/meetings", sub=sub, role="tutor").json()["data"]["meetings"] == []


def test_a_start_url_is_fetched_fresh_for_the_host(stack):
    clean(stack)
    made = book(stack, sub="tutor-1", role="tutor")
    own = f"{stack.base}/api/zoom/meetings/{made['id']}/start"
    assert made["start_url"] != own and "zak=" in made["start_url"]
    later = stack.get(f"zoom/meetings/{made['id']}", sub="tutor-1", role="tutor").json()["data"]["meeting"]
    assert later["start_url"] == own
    answer = stack.get(f"zoom/meetings/{made['id']}/start", sub="tutor-1", role="tutor")
    assert answer.status_code == 302 and "zak=" in answer.headers["Location"]
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Referrer-Policy"] == "no-referrer"
    assert "zak=" not in stack.log_text() and "zak=" not in stack.log_text("nginx-access")
    assert not stack.rows("SELECT id FROM meeting WHERE CONCAT_WS(' ', join_url, placement, settings_effective) LIKE %s", "%zak=%")


def browser(stack):
    made = requests.Session()
    made.trust_env = False
    made.verify = str(stack.run / "tls.crt")
    return made


def test_the_session_cookie(open_stack):
    page, api = browser(open_stack), f"{open_stack.base}/api"
    bearer = {"Authorization": f"Bearer {sign(open_stack)}"}
    answer = page.post(f"{api}/session", headers=bearer)
    assert answer.status_code == 204, answer.text
    cookie = answer.headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=", "Path=/", "Max-Age=")) and "Domain" not in cookie
    assert int(cookie.split("Max-Age=")[1].split(";")[0]) <= 600, "it does not outlive the token"
    assert bearer["Authorization"].split()[1] not in cookie
    # Safe methods need no Origin; the others a same-origin one.
    assert page.get(f"{api}/zoom/meetings").status_code == 200
    meeting = {"topic": "x", "start_time": "2030-01-01T10:00:00Z", "dry_run": True}
    own = {"Origin": open_stack.base}
    for headers in ({}, {"Origin": "null"}, {"Origin": "https://evil.example.org"}, {"Origin": ORIGIN}, {"Origin": open_stack.base + ".evil.org"},
                    {"Origin": open_stack.base.replace("https", "http")}, {"Referer": open_stack.base + "/"}, {**own, "Sec-Fetch-Site": "cross-site"},
                    {**own, "Sec-Fetch-Site": "same-site"}):
        answer = page.post(f"{api}/zoom/meetings", json=meeting, headers=headers)
        assert answer.status_code == 403, (headers, answer.text)
    assert page.post(f"{api}/zoom/meetings", json=meeting, headers=own).status_code == 200
    assert page.post(f"{api}/zoom/meetings", json=meeting, headers={**own, "Sec-Fetch-Site": "same-origin"}).status_code == 200
    # Two proofs at once are one too many; the cookie is no bearer token, a changed one is none.
    assert page.get(f"{api}/zoom/meetings", headers=bearer).status_code == 400
    value = page.cookies.values()[0]
    assert get(open_stack, value).status_code == 401
    name = page.cookies.keys()[0]
    for wrong in (value[:-1] + ("A" if value[-1] != "A" else "B"), value[1:], "x", sign(open_stack)):
        assert open_stack.get("zoom/meetings", role=None, headers={"Cookie": f"{name}={wrong}"}).status_code == 401
    assert page.post(f"{api}/session", headers=own).status_code in (400, 401), "a cookie makes no new cookie"
    answer = page.delete(f"{api}/session", headers=own)
    assert answer.status_code == 204 and "Max-Age=0" in answer.headers["Set-Cookie"]
    assert page.get(f"{api}/zoom/meetings").status_code == 401
    # Whoever has copied it has nothing, whichever worker is asked; another sign-in of the same person goes on.
    copies = together(24, lambda _: open_stack.get("me", role=None, headers={"Cookie": f"{name}={value}"}).status_code)
    assert set(copies) == {401}
    assert page.post(f"{api}/session", headers=bearer).status_code == 204 and page.get(f"{api}/me").status_code == 200


def test_a_foreign_page_cannot_sign_its_visitor_in(open_stack):
    assert open_stack.request("POST", "session", role=None).status_code == 401
    answer = open_stack.request("POST", "session", role=None, headers={"Origin": ORIGIN})
    assert answer.status_code == 401


def test_other_origins(open_stack):
    token = {"Authorization": f"Bearer {sign(open_stack)}"}
    answer = open_stack.get("zoom/meetings", role=None, headers={**token, "Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN and "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    for origin in ("https://evil.example.org", "null", ORIGIN + ".evil.org", ORIGIN.replace("https", "http"), ORIGIN + "/", "*"):
        answer = open_stack.get("zoom/meetings", role=None, headers={**token, "Origin": origin})
        assert "Access-Control-Allow-Origin" not in answer.headers, origin
        assert "Origin" in answer.headers["Vary"]
    answer = open_stack.request("OPTIONS", "zoom/meetings", role=None, headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST",
                                                                                "Access-Control-Request-Headers": "authorization,idempotency-key"})
    assert answer.status_code == 204 and answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert {"authorization", "content-type", "idempotency-key"} <= set(answer.headers["Access-Control-Allow-Headers"].lower().replace(",", " ").split())
    refused = open_stack.get("zoom/meetings", role=None, headers={"Origin": ORIGIN})
    assert refused.status_code == 401 and refused.headers["Access-Control-Allow-Origin"] == ORIGIN, "a page can read why"


def test_no_secret_in_logs_and_answers(open_stack):
    secrets = [open_stack.settings[name] for name in open_stack.settings if "SECRET" in name or "PASSWORD" in name or "KEYS" in name]
    token = sign(open_stack, payload=claims(name="canary-name"))
    get(open_stack, token)
    get(open_stack, token + "x")
    logs = "".join(open_stack.log_text(name) for name in ("meetpoold", "nginx-access", "nginx-error", "sandbox", "migrate"))
    for secret in secrets + [token, "canary-name"]:
        assert secret not in logs
