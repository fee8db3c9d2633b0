"""Another authorization server than Zoom's or the sandbox': one by the RFCs, of oauthlib, with habits of its own. PKCE is required, refresh tokens rotate,
and one that is used a second time kills its grant (RFC 9700 section 4.14.2)."""
import base64
import http.server
import json
import threading
import urllib.parse

import oauthlib.oauth2
import pytest

import oauth
from desk import day, good
from harness import together, wait_for

CLIENT, SECRET = "a client:id", "s3cret %+/ with:marks"


class Validator(oauthlib.oauth2.RequestValidator):
    """What oauthlib asks of whoever keeps the grants. A grant: {user, access, refresh, spent}."""

    def __init__(self):
        self.redirects, self.codes, self.grants = set(), {}, []

    def grant_of(self, kind, token):
        return next((grant for grant in self.grants if token and token in ([grant[kind]] if kind != "spent" else grant[kind])), None)

    def kill(self, grant):
        grant.update(access=None, refresh=None)

    def validate_client_id(self, client_id, request, *args, **kwargs):
        return client_id == CLIENT

    def validate_redirect_uri(self, client_id, redirect_uri, request, *args, **kwargs):
        return redirect_uri in self.redirects

    def get_default_scopes(self, client_id, request, *args, **kwargs):
        return ["meetings", "profile"]

    def validate_scopes(self, client_id, scopes, client, request, *args, **kwargs):
        return True

    def validate_response_type(self, client_id, response_type, client, request, *args, **kwargs):
        return response_type == "code"

    def is_pkce_required(self, client_id, request):
        return True

    def get_code_challenge(self, code, request):
        return self.codes[code]["challenge"]

    def get_code_challenge_method(self, code, request):
        return self.codes[code]["method"]

    def save_authorization_code(self, client_id, code, request, *args, **kwargs):
        self.codes[code["code"]] = {"challenge": request.code_challenge, "method": request.code_challenge_method, "user": request.user,
                                    "redirect": request.redirect_uri}

    def client_authentication_required(self, request, *args, **kwargs):
        return True

    def authenticate_client(self, request, *args, **kwargs):
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        sent = base64.b64decode(value).decode().split(":") if scheme == "Basic" else []
        # RFC 6749 section 2.3.1: encoded, so that one ':' stands between them whatever they hold. Nothing of it may be in the address.
        if [urllib.parse.unquote_plus(one) for one in sent] != [CLIENT, SECRET] or "?" in request.uri:
            return False
        request.client = type("Client", (), {"client_id": CLIENT})()
        return True

    def validate_code(self, client_id, code, client, request, *args, **kwargs):
        kept = self.codes.get(code)
        if kept:
            request.user, request.scopes = kept["user"], ["meetings"]
        return bool(kept)

    def confirm_redirect_uri(self, client_id, code, redirect_uri, client, request, *args, **kwargs):
        return self.codes[code]["redirect"] == redirect_uri

    def validate_grant_type(self, client_id, grant_type, client, request, *args, **kwargs):
        return grant_type in ("authorization_code", "refresh_token")

    def invalidate_authorization_code(self, client_id, code, request, *args, **kwargs):
        del self.codes[code]

    def validate_refresh_token(self, refresh_token, client, request, *args, **kwargs):
        reused, grant = self.grant_of("spent", refresh_token), self.grant_of("refresh", refresh_token)
        if reused:
            self.kill(reused)
        if grant:
            request.user = grant["user"]
        return bool(grant) and not reused

    def get_original_scopes(self, refresh_token, request, *args, **kwargs):
        return ["meetings"]

    def rotate_refresh_token(self, request):
        return True

    def save_bearer_token(self, token, request, *args, **kwargs):
        if request.grant_type == "refresh_token":
            grant = self.grant_of("refresh", request.refresh_token)
            grant["spent"].append(grant["refresh"])
        else:
            grant = {"user": request.user, "spent": []}
            self.grants.append(grant)
        grant.update(access=token["access_token"], refresh=token["refresh_token"])

    def revoke_token(self, token, token_type_hint, request, *args, **kwargs):
        # The one alone: that the other dies with it is no duty (RFC 7009 section 2.1).
        for kind in ("access", "refresh"):
            grant = self.grant_of(kind, token)
            if grant:
                grant[kind] = None


class Far:
    """The server, and beside it as much of a meeting API as a booking needs."""

    def __init__(self):
        self.validator = Validator()
        self.oauth = oauthlib.oauth2.WebApplicationServer(self.validator)
        self.calls, self.meetings, self.lock = [], {}, threading.Lock()
        self.told_life = None  # what its answers say as expires_in
        self.revokes_live_access_tokens_only = False  # which is all that Zoom promises
        self.told_of_user = {}  # what it says of a user beside, or instead
        far = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                with far.lock:
                    status, headers, text = far.answer(self.command, self.path, dict(self.headers), body)
                text = (text or "").encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_DELETE = answer

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, method, path, headers, body):
        self.calls.append((method, path, body))
        if path == "/as/token":
            headers, text, status = self.oauth.create_token_response(f"{self.base}{path}", method, body, headers)
            if status == 200 and self.told_life is not None:
                text = json.dumps({**json.loads(text), "expires_in": self.told_life})
        elif path == "/as/revoke" and self.revokes_live_access_tokens_only:
            grant = self.validator.grant_of("access", dict(urllib.parse.parse_qsl(body))["token"])
            headers, status, text = {"Content-Type": "application/json"}, *((200, '{"status":"success"}') if grant else (400, '{"error":"invalid_request"}'))
            if grant:
                self.validator.kill(grant)
        elif path == "/as/revoke":
            headers, text, status = self.oauth.create_revocation_response(f"{self.base}{path}", method, body, headers)
        else:
            return self.api(method, path, headers, body)
        return status, headers, text

    def api(self, method, path, headers, body):
        def reply(status, doc):
            return status, {"Content-Type": "application/json"}, json.dumps(doc) if doc is not None else ""

        grant = self.validator.grant_of("access", headers.get("Authorization", "").removeprefix("Bearer "))
        path = path.split("?")[0]
        if not grant:
            return reply(401, {"code": 124, "message": "Invalid access token."})
        if path == "/api/users/me":
            return reply(200, {"id": f"id-{grant['user']}", "email": f"{grant['user']}@example.com", "type": 2, **self.told_of_user})
        if path == "/api/users/me/settings":
            return reply(404, {"code": 300, "message": "no such thing"})
        if (method, path) == ("POST", "/api/users/me/meetings"):
            meeting = {**json.loads(body), "id": 90000000000 + len(self.meetings), "uuid": f"u{len(self.meetings)}", "host_email": f"{grant['user']}@example.com",
                       "join_url": f"https://meet.example.com/{len(self.meetings)}", "start_url": "https://meet.example.com/s", "status": "waiting"}
            self.meetings[meeting["id"]] = meeting
            return reply(201, meeting)
        if (method, path) == ("GET", "/api/users/me/meetings"):
            return reply(200, {"meetings": list(self.meetings.values()), "next_page_token": ""})
        if path.startswith("/api/meetings/") and method == "DELETE":
            return reply(204 if self.meetings.pop(int(path.rsplit("/", 1)[1]), None) else 404, None)
        return reply(404, {"code": 300, "message": "no such thing"})

    def consent(self, url, user):
        """As a person does on the server's own page: where the browser is sent then."""
        parts = urllib.parse.urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.base}/as/authorize"
        scopes, _ = self.oauth.validate_authorization_request(url)
        headers, _, status = self.oauth.create_authorization_response(url, scopes=scopes, credentials={"user": user})
        assert status == 302
        return headers["Location"]

    def refreshes(self):
        return len([body for _, path, body in self.calls if path == "/as/token" and "grant_type=refresh_token" in body])


@pytest.fixture(scope="module")
def far():
    made = Far()
    yield made
    made.http.shutdown()


@pytest.fixture(scope="module")
def stack(far, make_stack):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # to itself, on this machine
        made = make_stack(ZOOM_API_URL=f"{far.base}/api", ZOOM_OAUTH_URL=f"{far.base}/as", ZOOM_OAUTH_CLIENT_ID=CLIENT, ZOOM_OAUTH_CLIENT_SECRET=SECRET)
        far.validator.redirects.add(f"{made.base}/api/zoom/callback")
        yield made


def connect(stack, far, sub):
    assert oauth.come_back(stack, far.consent(oauth.begin(stack, sub), sub)) == "connected"


def interview(stack, sub):
    return stack.post("interviews", {"title": "I", "startTime": f"{day()}T10:00:00Z", "duration": 30, "interviewerId": sub, "candidateId": "can-1"},
                      sub=sub, role="interviewer")


def row(stack, sub):
    return stack.rows("SELECT * FROM connection WHERE sub = %s", sub)[0]


def test_from_the_consent_to_the_end(stack, far):
    connect(stack, far, "ann")
    assert oauth.status(stack, "ann")["email"] == "ann@example.com"
    assert good(interview(stack, "ann"))["interview"]["hostedBy"] == "user"
    # Twenty at once with an old token: were the refresh token used twice, the grant would be dead.
    stack.rows("UPDATE connection SET renew_at = 1, expires_at = 1 WHERE sub = 'ann'")
    before = far.refreshes()
    made = [good(answer)["interview"] for answer in together(20, lambda _: interview(stack, "ann"))]
    assert {one["hostedBy"] for one in made} == {"user"} and far.refreshes() == before + 1 and row(stack, "ann")["pair"] == 2
    # The access token dies before its time.
    [grant] = [one for one in far.validator.grants if one["user"] == "ann"]
    grant["access"] = "forgotten"
    assert good(interview(stack, "ann"))["interview"]["hostedBy"] == "user" and far.refreshes() == before + 2
    # Both tokens are revoked, each by itself.
    done = stack.post("zoom/disconnect", sub="ann", role="interviewer").json()["data"]
    assert done["disconnected"] and done["revoked"] and (grant["access"], grant["refresh"]) == (None, None)


def test_a_grant_that_the_server_has_ended(stack, far):
    connect(stack, far, "bob")
    far.validator.kill([one for one in far.validator.grants if one["user"] == "bob"][0])
    stack.rows("UPDATE connection SET refreshed_at = 1, renew_at = 1, expires_at = 1 WHERE sub = 'bob'")
    wait_for(lambda: oauth.status(stack, "bob")["state"] == "reconnect_needed", 15)
    assert row(stack, "bob")["reason"] == "revoked"
    connect(stack, far, "bob")
    assert good(interview(stack, "bob"))["interview"]["hostedBy"] == "user"


def test_no_and_wrong(stack, far):
    url = oauth.begin(stack, "cid")
    parts = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    back = f"{stack.base}/api/zoom/callback?state={parts['state'][0]}"
    assert oauth.come_back(stack, f"{back}&error=access_denied&error_description=no&iss={urllib.parse.quote(far.base, safe='')}") == "access_denied"
    # A code that was got with another challenge.
    first, second = oauth.begin(stack, "cid"), oauth.begin(stack, "cid")
    state = urllib.parse.parse_qs(urllib.parse.urlsplit(first).query)["state"][0]
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(far.consent(second, "cid")).query)["code"][0]
    assert oauth.come_back(stack, f"{stack.base}/api/zoom/callback?state={state}&code={code}") == "exchange_failed"
    assert oauth.status(stack, "cid")["state"] == "not_connected"


@pytest.fixture
def odd(far):
    """The server, with habits that are turned back."""
    yield far
    far.told_life, far.revokes_live_access_tokens_only, far.told_of_user = None, False, {}


def test_a_server_that_writes_lives_as_text(stack, odd):
    odd.told_life = "1799"
    connect(stack, odd, "dan")
    stack.rows("UPDATE connection SET renew_at = 1, expires_at = 1 WHERE sub = 'dan'")
    assert good(interview(stack, "dan"))["interview"]["hostedBy"] == "user"
    now = row(stack, "dan")
    assert now["pair"] == 2 and now["expires_at"] - now["refreshed_at"] == 1_799_000


def test_disconnect_when_the_access_token_is_over(stack, odd):
    """What is revoked then is a new one: else the permission stayed at the server, and nobody would know."""
    odd.revokes_live_access_tokens_only = True
    connect(stack, odd, "eve")
    [grant] = [one for one in odd.validator.grants if one["user"] == "eve"]
    grant["access"] = "over"
    stack.rows("UPDATE connection SET renew_at = 1, expires_at = 1 WHERE sub = 'eve'")
    answer = stack.post("zoom/disconnect", sub="eve", role="interviewer").json()
    assert answer["data"]["disconnected"] and answer["data"]["revoked"] and "warnings" not in answer
    assert (grant["access"], grant["refresh"]) == (None, None)
    assert oauth.status(stack, "eve")["state"] == "not_connected"


def test_another_user_of_the_server_after_a_while(stack, odd):
    """The permission of the one before does not stay behind, where nobody has its tokens."""
    odd.revokes_live_access_tokens_only = True
    connect(stack, odd, "gus")
    [grant] = [one for one in odd.validator.grants if one["user"] == "gus"]
    grant["access"] = "over"
    stack.rows("UPDATE connection SET renew_at = 1, expires_at = 1 WHERE sub = 'gus'")
    assert oauth.come_back(stack, odd.consent(oauth.begin(stack, "gus"), "gus-at-work")) == "connected"
    assert (grant["access"], grant["refresh"]) == (None, None)
    assert oauth.status(stack, "gus")["email"] == "gus-at-work@example.com"
    assert good(interview(stack, "gus"))["interview"]["hostedBy"] == "user"


@pytest.mark.parametrize("told", [{"id": "i" * 65}, {"email": f"{'e' * 179}@example.com"}, {"account_id": "a" * 65}, {"id": 17}])
def test_a_user_that_cannot_be_kept(stack, odd, told):
    odd.told_of_user = told
    assert oauth.come_back(stack, odd.consent(oauth.begin(stack, "hal"), "hal")) == "exchange_failed"
    assert oauth.status(stack, "hal")["state"] == "not_connected"
    assert {(one["access"], one["refresh"]) for one in odd.validator.grants if one["user"] == "hal"} == {(None, None)}


def test_a_long_address_hosts_and_a_longer_one_is_not_taken_later(stack, odd):
    odd.told_of_user = {"email": f"{'e' * 178}@example.com"}
    connect(stack, odd, "joe")
    assert good(interview(stack, "joe"))["interview"]["hostedBy"] == "user"
    odd.told_of_user = {"email": f"{'e' * 179}@example.com", "type": 1}
    oauth.idle(stack, "joe")
    wait_for(lambda: row(stack, "joe")["pair"] == 2, 15)
    odd.told_of_user = {"email": "joe@example.com", "type": 1}

    def asked():
        # Where somebody used the token meanwhile, it was renewed by that, and nothing was asked.
        oauth.idle(stack, "joe")
        return row(stack, "joe")["zoom_type"] == 1

    wait_for(asked, 20, every=0.5)
    assert row(stack, "joe")["zoom_email"] == "joe@example.com"


def test_a_server_without_accounts(stack, far):
    connect(stack, far, "ida")
    [entry] = stack.rows("SELECT detail FROM audit WHERE subject = 'ida' AND action = 'connection.connect'")
    assert entry["detail"] == "Zoom user id-ida"
