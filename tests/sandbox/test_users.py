def test_me_is_the_owner(sandbox):
    body = sandbox.api("GET", "/users/me").json()
    assert (body["id"], body["email"], body["type"], body["account_id"], body["status"]) == ("owner", "owner@one.example.com", 2, "A1", "active")


def test_by_id_and_by_mail(sandbox):
    assert sandbox.api("GET", "/users/second").json() == sandbox.api("GET", "/users/second@one.example.com").json()
    assert sandbox.api("GET", "/users/second%40one.example.com").json()["id"] == "second"


def test_unknown_user(sandbox):
    answer = sandbox.api("GET", "/users/nobody")
    assert (answer.status_code, answer.text) == (404, '{"code":1001,"message":"User does not exist: nobody."}')


def test_user_of_another_account(sandbox):
    answer = sandbox.api("GET", "/users/other")
    assert (answer.status_code, answer.json()["code"]) == (404, 1001)
    sandbox.knobs(foreign_user_code=1010)
    answer = sandbox.api("GET", "/users/other")
    assert (answer.status_code, answer.json()["code"]) == (400, 1010)


def test_list_pages(sandbox):
    first = sandbox.api("GET", "/users?page_size=4").json()
    rest = sandbox.api("GET", f"/users?page_size=4&next_page_token={first['next_page_token']}").json()
    assert (first["total_records"], first["page_count"], len(first["users"])) == (6, 2, 4)
    assert rest["next_page_token"] == "" and len(rest["users"]) == 2
    assert {u["id"] for u in first["users"] + rest["users"]} == {"owner", "second", "basic", "nolicence", "cust", "open"}


def test_pending_users_have_no_id(sandbox):
    sandbox.control("POST", "accounts/A1", {"users": [{"id": "second", "status": "pending"}]})
    users = sandbox.api("GET", "/users?status=pending").json()["users"]
    assert len(users) == 1 and "id" not in users[0]


def test_settings(sandbox):
    body = sandbox.api("GET", "/users/me/settings").json()
    assert body["feature"]["concurrent_meeting"] == "None"
    assert body["recording"]["cloud_recording"] is True
    assert "ip_address_access_control" in body["recording"] and "meeting_password_requirement" in body["meeting_security"]
