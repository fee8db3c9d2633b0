"""How connections end or nearly end: programs that are killed at each step (include/meetpool/fault.h), and the app removed in Zoom."""
import uuid

import pytest
import requests

import hooks
from desk import day
from harness import wait_for
from oauth import HOST, Page, audit, begin, come_back, connect, grants, idle, row_of, status


class Mortal:
    """A stack whose programs die at named points (include/meetpool/fault.h), and a person there."""

    def __init__(self, stack, fault):
        self.stack, self.fault, self.sub, self.email = stack, fault, f"mortal-{uuid.uuid4().hex[:12]}", HOST(1, 1)

    def dies_at(self, point, call):
        """Whoever comes to that point first dies there; the answer is nginx' own then, or none."""
        born = {*self.stack.workers(), *self.stack.workers("mp-jobs")}
        self.fault.write_text(point)
        try:
            call()
        except (AssertionError, requests.RequestException):
            pass
        wait_for(lambda: not self.fault.exists(), 15, what=f"the end at {point} (in a build with --enable-faults)")
        wait_for(lambda: len({*self.stack.workers(), *self.stack.workers("mp-jobs")} & born) == len(born) - 1, 15)

    @property
    def state(self):
        return status(self.stack, self.sub)["state"]

    def consent(self):
        return Page(begin(self.stack, self.sub)).decide("allow", self.email)

    def agree(self):
        """Has the connection renewed. Afterwards it either works here and at Zoom, or it says that it has to be made again, or it is gone."""
        if self.state == "connected":
            before = row_of(self.stack, self.sub)["pair"]
            idle(self.stack, self.sub)
            wait_for(lambda: self.state != "connected" or row_of(self.stack, self.sub)["pair"] > before, 20)
        if self.state == "connected":
            assert grants(self.stack, self.email) == (1, 1)
        elif self.state == "reconnect_needed":
            row = row_of(self.stack, self.sub)
            assert (row["access_sealed"], row["refresh_sealed"]) == (None, None)
            assert audit(self.stack, self.sub)[-1] == ("connection.reconnect_needed", "failed")
            assert self.stack.rows("SELECT times FROM alert WHERE kind = 'connection_dead' AND subject = %s", self.sub)
        else:
            assert self.stack.rows("SELECT * FROM connection WHERE sub = %s", self.sub) == ()
        return self.state


@pytest.fixture(scope="module")
def mortals(make_stack, tmp_path_factory):
    fault = tmp_path_factory.mktemp("faults") / "point"
    stack = make_stack(MP_FAULT_FILE=fault, **hooks.SETTINGS)
    return lambda: Mortal(stack, fault)


@pytest.fixture
def mortal(mortals):
    return mortals()


@pytest.mark.parametrize("point, after", [("connect.state_used", "not_connected"), ("connect.exchanged", "not_connected"),
                                          ("connect.identified", "not_connected"), ("connect.stored", "connected")])
def test_killed_while_connecting(mortal, point, after):
    location = mortal.consent()
    mortal.dies_at(point, lambda: come_back(mortal.stack, location))
    assert mortal.agree() == after
    assert come_back(mortal.stack, location) == "state_used"
    assert audit(mortal.stack, mortal.sub)[0] == (("connection.connect", "ok") if after == "connected" else ("connection.connect", "failed"))
    assert come_back(mortal.stack, mortal.consent()) == "connected"
    assert mortal.agree() == "connected"


@pytest.mark.parametrize("point, after", [("connect.state_used", "connected"), ("connect.exchanged", "reconnect_needed"),
                                          ("connect.identified", "reconnect_needed"), ("connect.stored", "connected")])
def test_killed_while_connecting_anew(mortal, point, after):
    """With the new consent the tokens of the old one have died at Zoom."""
    connect(mortal.stack, mortal.sub, mortal.email)
    location = mortal.consent()
    mortal.dies_at(point, lambda: come_back(mortal.stack, location))
    assert mortal.agree() == after
    assert come_back(mortal.stack, mortal.consent()) == "connected"
    assert mortal.agree() == "connected"


@pytest.mark.parametrize("point, after", [("refresh.leased", "connected"), ("refresh.answered", "reconnect_needed"), ("refresh.stored", "connected")])
@pytest.mark.parametrize("who", ["runner", "worker"])
def test_killed_while_refreshing(mortal, who, point, after):
    connect(mortal.stack, mortal.sub, mortal.email)

    def booking():
        return {"title": "I", "startTime": f"{day()}T10:00:00Z", "duration": 30, "interviewerId": mortal.sub, "candidateId": "can-1"}

    if who == "runner":
        mortal.dies_at(point, lambda: idle(mortal.stack, mortal.sub))
    else:
        mortal.stack.rows("UPDATE connection SET renew_at = 1, expires_at = 1 WHERE sub = %s", mortal.sub)
        mortal.dies_at(point, lambda: mortal.stack.post("interviews", booking(), sub=mortal.sub, role="interviewer"))
    assert mortal.agree() == after
    if after == "reconnect_needed":
        assert row_of(mortal.stack, mortal.sub)["reason"] == "answer_lost"
    made = mortal.stack.post("interviews", booking(), sub=mortal.sub, role="interviewer").json()["data"]["interview"]
    assert made["hostedBy"] == ("user" if after == "connected" else "system") and made["zoomMeetingId"]
    assert mortal.stack.delete(f"interviews/{made['id']}", sub=mortal.sub, role="interviewer").status_code == 200


@pytest.mark.parametrize("point, after", [("disconnect.leased", "connected"), ("disconnect.revoked", "reconnect_needed"),
                                          ("disconnect.removed", "not_connected")])
def test_killed_while_disconnecting(mortal, point, after):
    connect(mortal.stack, mortal.sub, mortal.email)
    mortal.dies_at(point, lambda: mortal.stack.post("zoom/disconnect", sub=mortal.sub, role="tutor"))
    assert mortal.agree() == after
    done = mortal.stack.post("zoom/disconnect", sub=mortal.sub, role="tutor").json()["data"]
    assert done["disconnected"] == (after != "not_connected")
    assert mortal.agree() == "not_connected" and grants(mortal.stack, mortal.email) == (0, 0)
    assert audit(mortal.stack, mortal.sub)[-1] == ("connection.disconnect", "ok")


def test_the_app_is_removed_in_zoom(mortal):
    stack, zoom = mortal.stack, hooks.Hooks(mortal.stack)
    connect(stack, mortal.sub, mortal.email)
    row = row_of(stack, mortal.sub)

    def removed(at, client=stack.settings["ZOOM_OAUTH_CLIENT_ID"], user=row["zoom_user_id"]):
        zoom.told({"event": "app_deauthorized", "event_ts": at, "payload": {
            "account_id": row["zoom_account_id"], "user_id": user, "signature": "x", "client_id": client,
            "deauthorization_time": hooks.spelled(at)[:-1] + f".{at % 1000:03}Z"}})
        zoom.settled()

    # Before this connection was made; another app; another user.
    removed(row["connected_at"] - 1000)
    removed(hooks.now_ms() + 1000, client="another")
    removed(hooks.now_ms() + 1000, user="nobody")
    assert mortal.state == "connected" and row_of(stack, mortal.sub)["pair"] == row["pair"]
    for _ in range(2):
        removed(hooks.now_ms() + 1000)
    now, told = row_of(stack, mortal.sub), status(stack, mortal.sub)
    assert (now["reason"], now["access_sealed"], now["refresh_sealed"]) == ("deauthorized", None, None)
    assert told["state"] == "reconnect_needed" and "removed in Zoom" in told["warning"]
    assert audit(stack, mortal.sub) == [("connection.connect", "ok"), ("connection.deauthorized", "ok")]
    assert stack.rows("SELECT times FROM alert WHERE kind = 'connection_dead' AND subject = %s", mortal.sub) == [{"times": 1}]
    made = stack.post("interviews", {"title": "I", "startTime": f"{day()}T10:00:00Z", "duration": 30, "interviewerId": mortal.sub, "candidateId": "can-1"})
    assert made.json()["data"]["interview"]["hostedBy"] == "system"
    # The event may come long after the person has connected again.
    connect(stack, mortal.sub, mortal.email)
    removed(now["connected_at"] + 1)
    assert mortal.state == "connected"
