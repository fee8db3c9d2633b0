"""People's own Zoom accounts: consent, tokens at rest, refresh, disconnecting."""
import hashlib
import base64
import json
import os
import re
import subprocess
import urllib.parse
import uuid

import pytest
import requests

from harness import TIMEOUT_S, together, wait_for
from oauth import HOST, Browser, Page, audit, begin, come_back, connect, forget, grants, idle, in_clear, row_of, seen_of, status, tokens_given


@pytest.fixture
def own(stack):
    """A person nobody else uses, and a sandbox without faults."""
    yield f"person-{uuid.uuid4().hex[:12]}"
    stack.sandbox.clear_faults()


def listed(stack, sub):
    token, found = "", []
    while True:
        data = stack.get("admin/connections", params={"page_size": 2, "next_page_token": token}).json()["data"]
        found += data["connections"]
        token = data["next_page_token"]
        if not token:
            return [row for row in found if row["user_id"] == sub]


def test_the_whole_way(stack, own):
    assert status(stack, own) == {"connected": False, "email": None, "zoomUserId": None, "connectedAt": None, "tokenExpiry": None,
                                  "connectable": True, "state": "not_connected", "warning": None}
    page = Page(begin(stack, own))
    assert page.fields["code_challenge_method"] == "S256" and len(page.fields["code_challenge"]) == 43 and len(page.fields["state"]) == 43
    assert page.fields["redirect_uri"] == f"{stack.base}/api/zoom/callback"
    assert come_back(stack, page.decide("allow", HOST(1, 1))) == "connected"
    now = status(stack, own)
    assert now["connected"] and now["email"] == HOST(1, 1) and now["zoomUserId"] == page.users[HOST(1, 1)] and now["state"] == "connected"
    assert now["warning"] is None and now["tokenExpiry"] > now["connectedAt"]
    assert audit(stack, own) == [("connection.connect", "ok")]
    [entry] = stack.get("admin/audit-log", params={"subject": own}).json()["data"]["entries"]
    assert entry["actor"] == own and entry["action"] == "connection.connect" and entry["request_id"] and entry["remote_addr"]
    assert stack.get("admin/audit-log", params={"page_size": 1}).json()["data"]["next_page_token"] or len(stack.rows("SELECT id FROM audit")) == 1
    assert stack.get("admin/audit-log", sub=own, role="tutor").status_code == 403
    [row] = listed(stack, own)
    assert (row["state"], row["email"], row["last_error"]) == ("connected", HOST(1, 1), None) and "sealed" not in json.dumps(row)


def test_disconnect_revokes_and_forgets(stack, own):
    connect(stack, own, HOST(2, 1))
    assert grants(stack, HOST(2, 1)) == (1, 1)
    answer = stack.post("zoom/disconnect", sub=own, role="tutor").json()["data"]
    assert answer == {"disconnected": True, "revoked": True, "future_meetings": 0}
    assert grants(stack, HOST(2, 1)) == (0, 0) and not stack.rows("SELECT * FROM connection WHERE sub = %s", own)
    assert status(stack, own)["state"] == "not_connected"
    assert stack.post("zoom/disconnect", sub=own, role="tutor").json()["data"]["disconnected"] is False
    assert audit(stack, own) == [("connection.connect", "ok"), ("connection.disconnect", "ok")]


def test_disconnect_counts_meetings_to_come(stack, own):
    connect(stack, own, HOST(2, 1))
    answer = stack.post("zoom/meetings", {"topic": "Mine", "start_time": "2035-01-15T10:00:00Z", "duration": 30, "host_user_id": own})
    assert answer.status_code == 201
    done = stack.post("zoom/disconnect", sub=own, role="tutor").json()["data"]
    assert done["future_meetings"] == 1
    path = f"zoom/meetings/{answer.json()['data']['meeting']['id']}"
    assert stack.get(path).status_code == 200
    stack.delete(path)


def test_disconnect_while_zoom_is_away(stack, own):
    connect(stack, own, HOST(2, 1))
    stack.sandbox.fault({"status": 503}, {"path": "/oauth/revoke"}, count=9)
    answer = stack.post("zoom/disconnect", sub=own, role="tutor").json()
    assert answer["data"]["disconnected"] and not answer["data"]["revoked"] and answer["warnings"][0]["code"] == "zoom_failed"
    assert status(stack, own)["state"] == "not_connected"


def test_denied(stack, own):
    location = Page(begin(stack, own)).decide("deny")
    assert come_back(stack, location) == "access_denied"
    assert come_back(stack, location) == "state_used"
    assert status(stack, own)["state"] == "not_connected" and not stack.rows("SELECT * FROM connection WHERE sub = %s", own)


def test_replayed(stack, own):
    location = Page(begin(stack, own)).decide("allow", HOST(3, 1))
    answers = together(8, lambda _: come_back(stack, location))
    assert sorted(answers) == ["connected"] + ["state_used"] * 7
    assert status(stack, own)["connected"] and grants(stack, HOST(3, 1)) == (1, 1)


def test_expired(stack, own):
    location = Page(begin(stack, own)).decide("allow", HOST(3, 1))
    stack.rows("UPDATE oauth_state SET expires_at = expires_at - 700000 WHERE sub = %s", own)
    assert come_back(stack, location) == "state_expired"
    assert not status(stack, own)["connected"]


def test_code_too_old_or_made_up(stack, own):
    location = Page(begin(stack, own)).decide("allow", HOST(3, 1))
    stack.sandbox.advance(301)
    assert come_back(stack, location) == "exchange_failed"
    stack.sandbox.advance(-301)
    parts = urllib.parse.parse_qs(urllib.parse.urlsplit(Page(begin(stack, own)).decide("allow", HOST(3, 1))).query)
    assert come_back(stack, f"/api/zoom/callback?state={parts['state'][0]}&code=nonsense-{own}") == "exchange_failed"
    assert come_back(stack, f"/api/zoom/callback?state={urllib.parse.parse_qs(urllib.parse.urlsplit(begin(stack, own)).query)['state'][0]}") == "exchange_failed"
    assert not status(stack, own)["connected"]
    assert f"nonsense-{own}" not in stack.log_text() + str(stack.rows("SELECT * FROM audit"))


@pytest.mark.parametrize("query, code", [
    ("", "state_missing"), ("?code=x", "state_missing"), ("?code=x&state=", "state_missing"), ("?error=access_denied", "state_missing"),
    ("?code=x&state=short", "state_invalid"), ("?code=x&state=" + "A" * 43, "state_invalid"), ("?code=x&state=" + "%27" * 43, "state_invalid"),
    ("?state=a&state=b&code=x", "state_missing"), ("?code=%00&state=x", "state_missing"), ("?state=%ff", "state_missing"),
])
def test_states_that_are_none(stack, query, code):
    assert come_back(stack, "/api/zoom/callback" + query) == code


def test_an_install_from_the_marketplace_has_no_state(stack, own):
    page = Page(begin(stack, own))
    del page.fields["state"]
    assert come_back(stack, page.decide("allow")) == "state_missing"


def test_a_look_at_the_callback_uses_nothing_up(stack, own):
    location = Page(begin(stack, own)).decide("allow", HOST(3, 1))
    parts = urllib.parse.urlsplit(location)
    assert stack.request("HEAD", f"{parts.path}?{parts.query}", role=None).status_code == 302
    assert come_back(stack, location) == "connected"


def test_in_a_browser(stack, own):
    browser = Browser(stack, own)
    first = browser.connect()
    second = browser.connect()  # in another window
    assert browser.come_back(Page(first).decide("allow", HOST(3, 1))) == "connected"
    assert browser.come_back(Page(second).decide("allow", HOST(3, 1))) == "connected"
    assert status(stack, own)["email"] == HOST(3, 1)


def test_in_another_browser(stack, own):
    begun, other = Browser(stack, own), Browser(stack, None)
    location = Page(begun.connect()).decide("allow", HOST(3, 1))
    assert other.come_back(location) == "wrong_browser"
    assert begun.come_back(location) == "state_used"  # what was seen elsewhere is good for nothing any more
    assert not status(stack, own)["connected"]


def test_somebody_elses_state(stack, own):
    # An attacker begins as an app and has a victim, who is signed in here, consent with the victim's Zoom account.
    victim = Browser(stack, f"{own}-victim")
    assert victim.come_back(Page(begin(stack, own)).decide("allow", HOST(3, 1))) == "state_invalid"
    assert not status(stack, own)["connected"] and not status(stack, f"{own}-victim")["connected"]


def test_the_page_is_strict(stack, own):
    url = begin(stack, own)
    for old, new, text in (("client_id=", "client_id=x", "4,702"), ("redirect_uri=", "redirect_uri=x", "4,700")):
        answer = requests.get(url.replace(old, new), timeout=TIMEOUT_S, allow_redirects=False)
        assert answer.status_code == 400 and text in answer.text
    page = Page(url + "&scope=%3Cscript%3E")
    assert "<script" not in page.text
    assert "access_denied" in page.decide("deny")


def test_only_staff_connect_and_only_admins_list(stack, own):
    assert stack.get("zoom/connect", sub=own, role="student").status_code == 403
    assert stack.post("zoom/disconnect", sub=own, role="student").status_code == 403
    assert stack.get("admin/connections", sub=own, role="tutor").status_code == 403
    assert stack.get("zoom/connect", role=None).status_code == 401
    assert stack.get("admin/connections", params={"what": "x"}).status_code == 422


def test_two_people_with_one_zoom_user(stack, own):
    other = f"{own}-other"
    connect(stack, own, HOST(4, 1))
    connect(stack, other, HOST(4, 1))
    assert status(stack, other)["connected"]
    mine = status(stack, own)
    assert not mine["connected"] and mine["state"] == "reconnect_needed" and "Another person" in mine["warning"]
    assert ("connection.taken_over", "ok") in audit(stack, own)
    # That the earlier one goes takes nothing from the later one.
    stack.post("zoom/disconnect", sub=own, role="tutor")
    assert grants(stack, HOST(4, 1)) == (1, 1) and status(stack, other)["connected"]


def test_again_with_another_zoom_user(stack, own):
    connect(stack, own, HOST(4, 2))
    connect(stack, own, HOST(5, 3))
    assert status(stack, own)["email"] == HOST(5, 3)
    assert grants(stack, HOST(4, 2)) == (0, 0) and grants(stack, HOST(5, 3)) == (1, 1)
    [row] = stack.rows("SELECT detail FROM audit WHERE subject = %s ORDER BY id DESC LIMIT 1", own)
    assert "instead of Zoom user" in row["detail"]
    assert len(stack.rows("SELECT id FROM connection WHERE sub = %s", own)) == 1


@pytest.mark.parametrize("fault, code", [({"status": 503}, "zoom_failed"), ({"cut": {"when": "after_processing"}}, "zoom_failed")])
def test_zoom_fails_at_the_exchange(stack, own, fault, code):
    location = Page(begin(stack, own)).decide("allow", HOST(5, 2))
    stack.sandbox.fault(fault, {"path": "/oauth/token"}, count=1)
    assert come_back(stack, location) == code
    assert not status(stack, own)["connected"]
    connect(stack, own, HOST(5, 2))
    assert status(stack, own)["connected"] and grants(stack, HOST(5, 2)) == (1, 1)


def test_zoom_does_not_say_whose_the_tokens_are(stack, own):
    location = Page(begin(stack, own)).decide("allow", HOST(5, 2))
    stack.sandbox.fault({"status": 500}, {"path": "/v2/users/me"}, count=2)
    assert come_back(stack, location) == "zoom_failed"
    stack.sandbox.clear_faults()
    assert not status(stack, own)["connected"] and grants(stack, HOST(5, 2)) == (0, 0)


def test_a_users_token_reaches_that_user_alone(stack, own):
    """What the sandbox is held to: user tokens work for `me`."""
    page = Page(begin(stack, own))
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(page.decide("allow", HOST(5, 1))).query)["code"][0]
    app = (stack.settings["ZOOM_OAUTH_CLIENT_ID"], stack.settings["ZOOM_OAUTH_CLIENT_SECRET"])
    token_url = f"{stack.settings['ZOOM_OAUTH_URL']}/token"
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": page.fields["redirect_uri"]}
    wrong = requests.post(token_url, auth=app, data={**form, "code_verifier": "x" * 43}, timeout=TIMEOUT_S)
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
    again = requests.post(token_url, auth=app, data={**form, "code_verifier": "x" * 43}, timeout=TIMEOUT_S)
    assert again.json() == {"reason": f"Invalid authorization code {code}", "error": "invalid_grant"}
    verifier = "v" * 64
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).query)
    query["code_challenge"] = [base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()]
    mine = Page(page.url.split("?")[0] + "?" + urllib.parse.urlencode({name: value[0] for name, value in query.items()}))
    form["code"] = urllib.parse.parse_qs(urllib.parse.urlsplit(mine.decide("allow", HOST(5, 1))).query)["code"][0]
    token = requests.post(token_url, auth=app, data={**form, "code_verifier": verifier}, timeout=TIMEOUT_S).json()

    def ask(path):
        return requests.get(f"{stack.settings['ZOOM_API_URL']}{path}", headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=TIMEOUT_S)

    assert ask("/users/me").json()["email"] == HOST(5, 1)
    assert ask(f"/users/{HOST(2, 1)}").json()["code"] == 1010
    renewed = requests.post(token_url, auth=app, data={"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}, timeout=TIMEOUT_S)
    assert renewed.status_code == 200 and ask("/users/me").json()["code"] == 124
    stale = requests.post(token_url, auth=app, data={"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}, timeout=TIMEOUT_S)
    assert (stale.status_code, stale.text) == (400, '{"reason":"Invalid Token!","error":"invalid_grant"}')


# ---- refresh, by the job runner


def test_idle_connections_are_refreshed(stack, own):
    connect(stack, own, HOST(1, 2))
    before = row_of(stack, own)
    idle(stack, own)
    after = wait_for(lambda: row_of(stack, own)["pair"] == before["pair"] + 1 and row_of(stack, own), 10)
    assert after["refresh_sealed"] != before["refresh_sealed"] and after["begun"] == 0 and after["owner"] is None
    assert grants(stack, HOST(1, 2)) == (1, 1)


def test_a_revoked_connection_is_marked_and_told(stack, own):
    connect(stack, own, HOST(1, 2))
    forget(stack, own)
    idle(stack, own)
    now = wait_for(lambda: (lambda s: s["state"] == "reconnect_needed" and s)(status(stack, own)), 10)
    assert not now["connected"] and now["email"] == HOST(1, 2) and "Connect again" in now["warning"]
    row = row_of(stack, own)
    assert row["reason"] == "revoked" and row["access_sealed"] is None and row["refresh_sealed"] is None
    assert ("connection.reconnect_needed", "failed") in audit(stack, own)
    [alert] = stack.rows("SELECT message, times FROM alert WHERE kind = 'connection_dead' AND subject = %s", own)
    assert HOST(1, 2) in alert["message"] and alert["times"] == 1
    assert listed(stack, own)[0]["reason"] == "revoked"
    connect(stack, own, HOST(1, 2))
    assert status(stack, own)["state"] == "connected"


def test_a_lost_answer_is_noticed(stack, own):
    connect(stack, own, HOST(1, 2))
    stack.sandbox.fault({"cut": {"when": "after_processing"}}, {"path": "/oauth/token"}, count=1)
    idle(stack, own)
    wait_for(lambda: row_of(stack, own)["state"] == "reconnect_needed", 10)
    assert row_of(stack, own)["reason"] == "answer_lost"


def test_zoom_away_marks_nothing(stack, own):
    connect(stack, own, HOST(1, 2))
    stack.sandbox.fault({"status": 503}, {"path": "/oauth/token"}, count=1000)
    idle(stack, own)
    wait_for(lambda: row_of(stack, own)["failures"] >= 2, 15)
    assert row_of(stack, own)["state"] == "connected"
    stack.sandbox.clear_faults()
    idle(stack, own)
    wait_for(lambda: row_of(stack, own)["failures"] == 0 and row_of(stack, own)["pair"] == 2, 15)
    assert grants(stack, HOST(1, 2)) == (1, 1)


def test_rows_cannot_change_places(stack, own):
    other = f"{own}-other"
    connect(stack, own, HOST(2, 3))
    connect(stack, other, HOST(3, 3))
    theirs = row_of(stack, other)
    stack.rows("UPDATE connection SET access_sealed = %s, refresh_sealed = %s WHERE sub = %s", theirs["access_sealed"], theirs["refresh_sealed"], own)
    before = stack.sandbox.state()["counters"]["refreshes"]
    idle(stack, own)
    wait_for(lambda: stack.log("connection.unreadable", person=own), 10)
    assert stack.sandbox.state()["counters"]["refreshes"] == before and row_of(stack, own)["state"] == "connected"
    stack.rows("DELETE FROM connection WHERE sub = %s", own)


# ---- at rest


def test_no_token_in_clear_anywhere(stack, own):
    """So it is held for every stack at its end, too (conftest.py)."""
    before = len(tokens_given(stack))
    connect(stack, own, HOST(3, 2))
    idle(stack, own)
    wait_for(lambda: row_of(stack, own)["pair"] == 2, 10)
    wait_for(lambda: len(tokens_given(stack)) >= before + 4, 5)
    seen = seen_of(stack) + json.dumps([listed(stack, own), status(stack, own)])
    assert "INSERT INTO `connection`" in seen
    assert in_clear(tokens_given(stack), seen) == []
    # nor a code, a state or a verifier
    assert not re.search(r"[?&](code|state)=[A-Za-z0-9_-]{20}", seen)


def test_rotation_of_keys_under_load(make_stack):
    stack = make_stack(ZOOM_REDIRECT_URI="https://localhost:1/api/zoom/callback")
    keys = stack.settings["MEETPOOL_ENCRYPTION_KEYS"]
    people = [f"p{i}" for i in range(6)]
    for i, sub in enumerate(people):
        location = Page(begin(stack, sub)).decide("allow", HOST(i % 5 + 1, i // 5 + 1))
        assert come_back(stack, location) == "connected"
    new = "k2:" + base64.b64encode(bytes(range(32))).decode()
    stack.restart_daemon(MEETPOOL_ENCRYPTION_KEYS=f"{new},{keys}")
    before = {sub: row_of(stack, sub)["pair"] for sub in people}

    def work(index):
        if index < 6:
            idle(stack, people[index])
        else:
            return stack.script("ctl", "rotate-keys").stdout

    said = together(8, work)[6]
    assert re.search(r"\d+ sealed anew, \d+ left", said)
    wait_for(lambda: all(row_of(stack, sub)["pair"] > before[sub] for sub in people), 20)
    last = stack.script("ctl", "rotate-keys").stdout
    assert ", 0 left" in last, last
    for sub in people:
        assert row_of(stack, sub)["access_sealed"].startswith("v1.k2.") and row_of(stack, sub)["refresh_sealed"].startswith("v1.k2.")
        assert row_of(stack, sub)["failures"] == 0
    # The old key is out of use now.
    stack.restart_daemon(MEETPOOL_ENCRYPTION_KEYS=new)
    for sub in people:
        idle(stack, sub)
    wait_for(lambda: all(row_of(stack, sub)["pair"] > before[sub] + 1 for sub in people), 20)
    assert all(row_of(stack, sub)["state"] == "connected" for sub in people)
    assert "k2" in stack.script("ctl", "connections").stdout or all(sub in stack.script("ctl", "connections").stdout for sub in people)


def test_a_wrong_key_is_named_at_start_and_changes_nothing(make_stack):
    stack = make_stack()
    connect(stack, "p", HOST(1, 1))
    before, keys = row_of(stack, "p"), stack.settings["MEETPOOL_ENCRYPTION_KEYS"]
    other = base64.b64encode(bytes(range(32))).decode()
    with pytest.raises(AssertionError, match=r"MEETPOOL_ENCRYPTION_KEYS: key k1 is not the key"):
        stack.restart_daemon(MEETPOOL_ENCRYPTION_KEYS=f"k1:{other}")
    assert row_of(stack, "p") == before
    stack.env["MEETPOOL_ENCRYPTION_KEYS"] = f"k9:{other}"
    stack.up()
    assert wait_for(lambda: stack.log("keys.missing", role="jobs"), 10)[0]["key"] == "k1"
    assert "lacks key k1" in stack.script("ctl", "check", check=False).stdout
    idle(stack, "p")
    wait_for(lambda: stack.log("connection.unreadable", person="p"), 10)
    assert row_of(stack, "p")["refresh_sealed"] == before["refresh_sealed"] and row_of(stack, "p")["state"] == "connected"
    stack.restart_daemon(MEETPOOL_ENCRYPTION_KEYS=f"k9:{other},{keys}")
    idle(stack, "p")
    wait_for(lambda: row_of(stack, "p")["pair"] == 2, 10)
    assert row_of(stack, "p")["refresh_sealed"].startswith("v1.k9.")


# ---- the operator's side


@pytest.mark.parametrize("there, warned", [("{base}/api/zoom/callback", False), ("http://localhost:5000/api/zoom/callback", True),
                                           ("https://meet.example.com/api/zoom/callback", True)])
def test_check_tells_where_people_would_not_come_back(stack, there, warned):
    program = [stack.env["MEETPOOL_BIN_DIR"] + "/meetpoolctl", "--config", stack.run / "meetpool.env", "check"]
    run = subprocess.run(program, env={**os.environ, "ZOOM_REDIRECT_URI": there.format(base=stack.base)}, capture_output=True, text=True)
    lines = [line for line in run.stdout.splitlines() if "ZOOM_REDIRECT_URI" in line]
    assert bool(lines) == warned, run.stdout
    assert all(line.startswith("warning") and f"{stack.base}/api/zoom/callback" in line for line in lines)
