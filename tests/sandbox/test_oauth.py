import requests


def test_token_answer(sandbox):
    answer = sandbox.token_call(grant_type="account_credentials", account_id="A1")
    body = answer.json()
    assert answer.status_code == 200
    assert list(body) == ["access_token", "token_type", "expires_in", "scope", "api_url"]
    assert body["token_type"] == "bearer" and body["expires_in"] == 3600 and "meeting:write:meeting:admin" in body["scope"].split()


def test_parameters_may_stand_in_the_query(sandbox):
    answer = sandbox.http.post(f"{sandbox.base}/oauth/token?grant_type=account_credentials&account_id=A1", auth=("C1", "S1"))
    assert answer.status_code == 200


def test_wrong_secret(sandbox):
    answer = sandbox.token_call(secret="no", grant_type="account_credentials", account_id="A1")
    assert (answer.status_code, answer.text) == (400, '{"reason":"Invalid client_id or client_secret","error":"invalid_client"}')
    sandbox.knobs(bad_client_status=401)
    assert sandbox.token_call(secret="no", grant_type="account_credentials", account_id="A1").status_code == 401


def test_wrong_client_and_no_client(sandbox):
    assert sandbox.token_call(client="no", grant_type="account_credentials", account_id="A1").json()["error"] == "invalid_client"
    assert requests.post(f"{sandbox.base}/oauth/token", data={"grant_type": "account_credentials"}).json()["error"] == "invalid_client"


def test_wrong_grant(sandbox):
    answer = sandbox.token_call(grant_type="client_credentials", account_id="A1")
    assert (answer.status_code, answer.text) == (400, '{"reason":"unsupported grant type","error":"unsupported_grant_type"}')


def test_wrong_account(sandbox):
    assert sandbox.token_call(grant_type="account_credentials", account_id="A2").status_code == 400


def test_several_tokens_live_at_once(sandbox):
    first, second = sandbox.new_token(), sandbox.new_token()
    assert first != second
    assert sandbox.api("GET", "/users/me", token=first).status_code == 200
    assert sandbox.api("GET", "/users/me", token=second).status_code == 200


def test_one_live_token(sandbox):
    sandbox.knobs(s2s_live_tokens=1)
    first, second = sandbox.new_token(), sandbox.new_token()
    answer = sandbox.api("GET", "/users/me", token=first)
    assert (answer.status_code, answer.text) == (401, '{"code":124,"message":"Invalid access token."}')
    assert sandbox.api("GET", "/users/me", token=second).status_code == 200


def test_expired_token(sandbox):
    token = sandbox.new_token()
    sandbox.advance(3599)
    assert sandbox.api("GET", "/users/me", token=token).status_code == 200
    sandbox.advance(2)
    answer = sandbox.api("GET", "/users/me", token=token)
    assert (answer.status_code, answer.text) == (401, '{"code":124,"message":"Access token is expired."}')


def test_unknown_and_missing_token(sandbox):
    answer = sandbox.api("GET", "/users/me", token="nonsense")
    assert (answer.status_code, answer.text) == (401, '{"code":124,"message":"Invalid access token."}')
    answer = requests.get(f"{sandbox.base}/v2/users/me")
    assert (answer.status_code, answer.json()["code"]) == (401, 124)


def test_token_in_query(sandbox):
    answer = requests.get(f"{sandbox.base}/v2/users/me", params={"access_token": sandbox.token()})
    assert answer.status_code == 401
    assert answer.text == '{"code":124,"message":"Invalid access token, this access token is not supported as query parameter string."}'


def test_revoked_tokens(sandbox):
    one, two = sandbox.new_token("1"), sandbox.new_token("2")
    assert sandbox.control("POST", "tokens/revoke", {"account_id": "A1"})["revoked"] == 1
    assert sandbox.api("GET", "/users/me", token=one).json() == {"code": 124, "message": "Invalid access token."}
    assert sandbox.api("GET", "/users/me", token=two).status_code == 200


def test_suspended_account(sandbox):
    token = sandbox.new_token()
    sandbox.control("POST", "accounts/A1", {"suspended": True})
    assert sandbox.api("GET", "/users/me", token=token).status_code == 401
    assert sandbox.token_call(grant_type="account_credentials", account_id="A1").status_code == 400
    sandbox.control("POST", "accounts/A1", {"suspended": False, "client_secret": "new"})
    assert sandbox.token_call(grant_type="account_credentials", account_id="A1").status_code == 400
    assert sandbox.token_call(secret="new", grant_type="account_credentials", account_id="A1").status_code == 200


def test_missing_scope(sandbox):
    sandbox.knobs(scopes="meeting:read:meeting:admin")
    answer = sandbox.api("POST", "/users/me/meetings", {}, token=sandbox.new_token())
    assert answer.status_code == 400
    assert answer.text == ('{"code":4711,"message":"Invalid access token, does not contain scopes:'
                           '[meeting:write:meeting, meeting:write:meeting:admin]."}')


def test_either_family_of_scopes(sandbox):
    for scopes in ("meeting:write", "meeting:write:admin", "meeting:write:meeting", "user:read meeting:write:meeting:admin"):
        sandbox.knobs(scopes=scopes)
        assert sandbox.api("POST", "/users/me/meetings", {}, token=sandbox.new_token()).status_code == 201, scopes


def test_users_list_is_for_admins(sandbox):
    sandbox.knobs(scopes="user:read:list_users")
    assert sandbox.api("GET", "/users", token=sandbox.new_token()).json()["code"] == 4711
    sandbox.knobs(scopes="user:read:list_users:admin")
    assert sandbox.api("GET", "/users", token=sandbox.new_token()).status_code == 200


def test_tracking_id_on_every_answer(sandbox):
    seen = {sandbox.api("GET", "/users/me").headers["x-zm-trackingid"], sandbox.api("GET", "/nothing").headers["x-zm-trackingid"],
            sandbox.token_call().headers["x-zm-trackingid"]}
    assert len(seen) == 3


def test_unknown_endpoint(sandbox):
    answer = sandbox.api("GET", "/nothing/here")
    assert (answer.status_code, answer.json()["code"]) == (400, 2300)
