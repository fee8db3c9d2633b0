"""Users' apps: the page of consent, codes, refresh tokens, revocation."""
import base64
import hashlib
import re
import urllib.parse

import pytest
import requests

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BACK = "https://app.example.org/callback?from=zoom"
APP = {"client_id": "U1", "client_secret": "U1S", "app_name": "<b>App</b>", "redirect_uris": [BACK]}


@pytest.fixture
def app(sandbox):
    sandbox.control("POST", "accounts", {"accounts": [], "apps": [APP]})
    return sandbox


def authorize(sandbox, decision="allow", user="second", **changes):
    query = {"response_type": "code", "client_id": "U1", "redirect_uri": BACK, "state": "a b&c", "code_challenge": CHALLENGE,
             "code_challenge_method": "S256", **changes}
    query = {name: value for name, value in query.items() if value is not None}
    page = requests.get(f"{sandbox.base}/oauth/authorize", params=query, allow_redirects=False)
    if page.status_code != 200:
        return page
    return requests.post(f"{sandbox.base}/oauth/authorize", data={**query, "user": user, "decision": decision}, allow_redirects=False)


def told(answer):
    assert answer.status_code == 302 and answer.headers["Location"].startswith(BACK + "&")
    return {name: value[0] for name, value in urllib.parse.parse_qs(urllib.parse.urlsplit(answer.headers["Location"]).query).items()}


def token(sandbox, **form):
    return requests.post(f"{sandbox.base}/oauth/token", auth=("U1", "U1S"), data=form)


def exchange(sandbox, code, **changes):
    return token(sandbox, **{"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER, **changes})


def connect(sandbox, **more):
    return exchange(sandbox, told(authorize(sandbox, **more))["code"]).json()


def me(sandbox, access):
    return requests.get(f"{sandbox.base}/v2/users/me", headers={"Authorization": f"Bearer {access}"})


def refresh(sandbox, text):
    return token(sandbox, grant_type="refresh_token", refresh_token=text)


def test_the_way(app):
    back = told(authorize(app))
    assert back["state"] == "a b&c" and back["from"] == "zoom"
    answer = exchange(app, back["code"])
    assert list(answer.json()) == ["access_token", "token_type", "refresh_token", "expires_in", "scope", "api_url"]
    assert ":admin" not in answer.json()["scope"]
    assert me(app, answer.json()["access_token"]).json()["email"] == "second@one.example.com"
    assert exchange(app, back["code"]).json() == {"reason": f"Invalid authorization code {back['code']}", "error": "invalid_grant"}


def test_the_page(app):
    page = requests.get(f"{app.base}/oauth/authorize", params={"response_type": "code", "client_id": "U1", "redirect_uri": BACK, "state": '"><script>'})
    assert page.status_code == 200 and "<script" not in page.text and "&lt;b&gt;App&lt;/b&gt;" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    nonce = re.search(r"style-src 'nonce-(\w+)'", page.headers["Content-Security-Policy"])[1]
    assert f'<style nonce="{nonce}">' in page.text and page.text.count("<option") == 7


def test_denied_and_undecided(app):
    assert told(authorize(app, "deny"))["error"] == "access_denied"
    assert authorize(app, "maybe").status_code == 400
    assert authorize(app, user="nobody").status_code == 400


@pytest.mark.parametrize("changes, text", [
    ({"client_id": "nobody"}, "4,702"), ({"redirect_uri": BACK + "x"}, "4,700"), ({"redirect_uri": BACK.replace("https", "http")}, "4,700"),
    ({"redirect_uri": None}, "4,700"),
])
def test_nothing_goes_back_to_a_wrong_address(app, changes, text):
    answer = authorize(app, **changes)
    assert answer.status_code == 400 and text in answer.text and "Location" not in answer.headers


@pytest.mark.parametrize("changes, error", [
    ({"response_type": "token"}, "unsupported_response_type"), ({"code_challenge_method": "S512"}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
])
def test_wrong_questions_go_back(app, changes, error):
    assert told(authorize(app, **changes)) == {"error": error, "state": "a b&c", "from": "zoom"}


@pytest.mark.parametrize("changes", [{"code_verifier": "w" * 43}, {"code_verifier": ""}, {"redirect_uri": BACK + "x"}])
def test_a_wrong_exchange_uses_the_code_up(app, changes):
    code = told(authorize(app))["code"]
    assert exchange(app, code, **changes).json()["error"] == "invalid_grant"
    assert exchange(app, code).status_code == 400


def test_plain_and_no_challenge(app):
    code = told(authorize(app, code_challenge=VERIFIER, code_challenge_method=None))["code"]
    assert exchange(app, code).status_code == 200
    code = told(authorize(app, code_challenge=None, code_challenge_method=None))["code"]
    assert exchange(app, code, code_verifier="").status_code == 200


def test_a_code_lives_five_minutes(app):
    code = told(authorize(app))["code"]
    app.advance(301)
    assert exchange(app, code).status_code == 400


def test_clients_keep_to_their_grants(app):
    assert token(app, grant_type="account_credentials", account_id="A1").json()["error"] == "unsupported_grant_type"
    assert app.token_call(grant_type="refresh_token", refresh_token="x").json()["error"] == "unsupported_grant_type"
    assert requests.post(f"{app.base}/oauth/token", auth=("U1", "no"), data={"grant_type": "refresh_token"}).json()["error"] == "invalid_client"


def test_refresh_tokens_rotate(app):
    first = connect(app)
    second = refresh(app, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert me(app, first["access_token"]).json()["code"] == 124 and me(app, second["access_token"]).status_code == 200
    stale = refresh(app, first["refresh_token"])
    assert (stale.status_code, stale.text) == (400, '{"reason":"Invalid Token!","error":"invalid_grant"}')


def test_knobs_of_refresh(app):
    app.knobs(refresh_kills_access=False, refresh_rotates=False, refresh_ttl_s=100)
    first = connect(app)
    second = refresh(app, first["refresh_token"]).json()
    assert "refresh_token" not in second and me(app, first["access_token"]).status_code == 200
    app.advance(101)
    assert refresh(app, first["refresh_token"]).status_code == 400


def test_a_new_consent_ends_the_earlier_tokens(app):
    first, other = connect(app), connect(app, user="open")
    second = connect(app)
    assert me(app, first["access_token"]).status_code == 401 and refresh(app, first["refresh_token"]).status_code == 400
    assert me(app, second["access_token"]).status_code == 200 and me(app, other["access_token"]).status_code == 200


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_revoked(app, which):
    mine = connect(app)
    answer = requests.post(f"{app.base}/oauth/revoke", auth=("U1", "U1S"), data={"token": mine[which]})
    assert (answer.status_code, answer.text) == (200, '{"status":"success"}')
    assert me(app, mine["access_token"]).status_code == 401 and refresh(app, mine["refresh_token"]).status_code == 400
    assert requests.post(f"{app.base}/oauth/revoke", data={"token": "x"}).status_code == 400


def test_me_alone(app):
    access = {"Authorization": f"Bearer {connect(app)['access_token']}"}
    made = requests.post(f"{app.base}/v2/users/me/meetings", json={"topic": "T"}, headers=access)
    assert made.status_code == 201 and made.json()["host_email"] == "second@one.example.com"
    assert requests.get(f"{app.base}/v2/meetings/{made.json()['id']}", headers=access).status_code == 200
    theirs = app.api("POST", "/users/owner/meetings", {}).json()["id"]
    assert requests.get(f"{app.base}/v2/meetings/{theirs}", headers=access).json()["code"] == 3001
    for user in ("owner", "second", "second@one.example.com", "other"):
        assert requests.post(f"{app.base}/v2/users/{user}/meetings", json={"topic": "T"}, headers=access).json()["code"] == 1010
    assert requests.get(f"{app.base}/v2/users", headers=access).json()["code"] == 4711


def test_an_app_that_is_not_there(sandbox):
    assert authorize(sandbox).status_code == 400
    assert len(sandbox.control("GET", "state")["grants"]) == 0
