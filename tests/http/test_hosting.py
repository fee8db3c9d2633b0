"""Meetings at people's own Zoom accounts: who hosts, what happens where an own account is full, dead or gone, and with whose token Zoom is called."""
import itertools
import uuid

import pytest

import booking
import oauth
from desk import codes, day, good
from harness import together, wait_for
from pool import Pool


NOW_MS = "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"


@pytest.fixture(scope="module")
def stack(make_stack):
    made = make_stack()
    made.sandbox.knobs(rate_limits=False)
    return made


# Zoom users that no account of the pool makes meetings with.
emails = itertools.cycle([f"host{host}@account{account}.example.com" for host in (5, 4, 3) for account in (1, 2, 3)])


class Person:
    def __init__(self, stack, email=None):
        self.stack, self.sub, self.email = stack, f"int-{uuid.uuid4().hex[:12]}", email or next(emails)
        self.who = {"sub": self.sub, "role": "interviewer"}
        self.connect()

    def connect(self):
        oauth.connect(self.stack, self.sub, self.email, "interviewer")

    def interview(self, at, status=201, **more):
        """The whole answer."""
        answer = self.stack.post("interviews", {"title": "Interview", "startTime": at, "duration": 30, "interviewerId": self.sub, "candidateId": "can-1",
                                                **more}, **self.who)
        assert answer.status_code == status, answer.text
        return answer

    def at_zoom(self):
        return [meeting for meeting in booking.live(self.stack) if meeting["host_email"] == self.email]

    def row(self):
        return self.stack.rows("SELECT * FROM connection WHERE sub = %s", self.sub)[0]


@pytest.fixture
def person(stack):
    booking.clean(stack)
    yield Person(stack)
    stack.sandbox.clear_faults()


def calls(stack, since, method, path):
    """Calls of that kind that came after number `since`: their paths."""
    return [call["path"] for call in stack.sandbox.calls()["calls"] if call["seq"] > since and call["method"] == method and call["path"].startswith(path)]


def seq(stack):
    return stack.sandbox.calls()["last_seq"]


def refreshes(stack):
    return stack.sandbox.state()["counters"]["refreshes"]


def expire(stack, sub):
    stack.rows("UPDATE connection SET renew_at = 1, expires_at = 1 WHERE sub = %s", sub)


def in_pool(interview):
    return interview["hostedBy"] == "system" and interview["zoomAccountUsed"].startswith("account_")


def in_own(interview):
    return (interview["hostedBy"], interview["zoomAccountUsed"]) == ("user", "user")


def test_the_interviewer_hosts(stack, person):
    since = seq(stack)
    answer = person.interview(f"{day()}T10:00:00Z")
    made = good(answer)["interview"]
    assert in_own(made) and codes(answer) == []
    [meeting] = person.at_zoom()
    assert meeting["id"] == int(made["zoomMeetingId"])
    assert calls(stack, since, "POST", "/v2/users") == ["/v2/users/me/meetings"]
    seen = stack.get(f"interviews/{made['id']}", **person.who).json()["data"]["interview"]
    assert in_own(seen)
    assert {row["id"] for row in stack.get("zoom/account-stats").json()["data"]["accounts"]} == {"account_1", "account_2", "account_3"}
    meeting = stack.get(f"zoom/meetings/{made['zoomMeetingId']}", **person.who).json()["data"]["meeting"]
    assert meeting["host_email"] == person.email and meeting["zoomAccountUsed"] == "user"


def test_a_start_url_of_a_persons_own_account_is_for_that_person(stack, person):
    """It signs its holder in as that person at Zoom."""
    scheduler = {"sub": "scheduler-1", "role": "interviewer"}
    made = good(stack.post("interviews", {"title": "Interview", "startTime": f"{day()}T10:00:00Z", "interviewerId": person.sub, "candidateId": "can-1"},
                           **scheduler))["interview"]
    number = made["zoomMeetingId"]
    assert in_own(made) and made["zoomJoinUrl"] and made["zoomStartUrl"] is None
    assert stack.get(f"interviews/{made['id']}", **scheduler).json()["data"]["interview"]["zoomStartUrl"] is None
    assert stack.get(f"zoom/meetings/{number}", **scheduler).json()["data"]["meeting"]["start_url"] is None
    assert stack.get(f"zoom/meetings/{number}/start", **scheduler).status_code == 403
    direct = stack.post("zoom/meetings", booking.body(host_user_id=person.sub), sub="scheduler-1", role="tutor").json()["data"]["meeting"]
    assert direct["zoomAccountUsed"] == "user" and direct["start_url"] is None
    for who in (person.who, {}):
        assert stack.get(f"interviews/{made['id']}", **who).json()["data"]["interview"]["zoomStartUrl"].endswith(f"{number}/start")
        assert stack.get(f"zoom/meetings/{number}/start", **who).status_code == 302
    # In the pool it is the system's account that hosts.
    pooled = good(stack.post("classes", {"title": "Class", "startTime": f"{day()}T10:00:00Z", "hostId": "nobody-connected"}, sub="maker-1", role="tutor"))
    assert pooled["class"]["zoomStartUrl"]


def test_change_end_delete_with_the_persons_token(stack, person):
    made = good(person.interview(f"{day()}T10:00:00Z"))["interview"]
    other = good(person.interview(f"{day()}T10:00:00Z"))["interview"]
    changed = stack.patch(f"interviews/{made['id']}", {"title": "Later", "startTime": f"{day()}T11:00:00Z"}, **person.who)
    assert changed.status_code == 200 and in_own(changed.json()["data"]["interview"]) and codes(changed) == []
    assert {meeting["topic"] for meeting in person.at_zoom()} == {"Later", "Interview"}
    assert stack.get(f"zoom/meetings/{made['zoomMeetingId']}/start", **person.who).status_code == 302
    assert stack.get(f"zoom/meetings/{made['zoomMeetingId']}", params={"refresh": "true"}, **person.who).status_code == 200
    assert stack.post(f"zoom/meetings/{other['zoomMeetingId']}/end", **person.who).status_code == 200
    assert stack.delete(f"interviews/{made['id']}", **person.who).status_code == 200
    assert made["zoomMeetingId"] not in {str(meeting["id"]) for meeting in person.at_zoom()}


def test_not_connected(stack):
    answer = stack.post("interviews", {"title": "I", "startTime": f"{day()}T10:00:00Z", "interviewerId": "int-nobody", "candidateId": "can-1"})
    assert in_pool(good(answer)["interview"]) and codes(answer) == ["hosted_by_system"]
    # Nobody waits for anything of a person without a connection.
    assert codes(stack.post("classes", {"title": "C", "startTime": f"{day()}T10:00:00Z", "hostId": "int-nobody"})) == []


def test_full(stack, person):
    at = f"{day()}T10:00:00Z"
    answers = [person.interview(at) for _ in range(3)]
    made = [good(answer)["interview"] for answer in answers]
    assert in_own(made[0]) and in_own(made[1]) and in_pool(made[2])
    assert codes(answers[2]) == ["hosted_by_system"] and "every place is taken" in answers[2].json()["warnings"][0]["message"]
    assert len(person.at_zoom()) == 2
    # An admin sees why.
    meeting = stack.get(f"zoom/meetings/{made[2]['zoomMeetingId']}").json()["data"]["meeting"]
    [own] = [row for row in meeting["placement"] if row["account"] == "user"]
    assert own["verdict"] == "full"


def test_a_basic_user_hosts_one(stack):
    email = next(emails)
    Pool(stack).change_host(email, type=1)
    person, at = Person(stack, email), f"{day()}T10:00:00Z"
    assert [in_own(good(person.interview(at))["interview"]) for _ in range(2)] == [True, False]
    # Half an hour later there is room again.
    assert in_own(good(person.interview(at.replace("10:00", "10:30")))["interview"])


def test_a_licensed_user_without_a_second_meeting_hosts_one(stack):
    """As on a Pro account: Zoom says that a second one does not run."""
    email, at = next(emails), f"{day()}T10:00:00Z"
    pool = Pool(stack)
    pool.change_host(email, concurrent_meeting="None")
    person = Person(stack, email)
    assert [in_own(good(person.interview(at))["interview"]) for _ in range(2)] == [True, False]
    # The licence is looked at again with each refresh by the job runner.
    pool.change_host(email, concurrent_meeting="Plus")
    stack.rows("UPDATE connection SET refreshed_at = 1 WHERE sub = %s", person.sub)
    wait_for(lambda: person.row()["most_meetings"] == 2, 15)
    assert in_own(good(person.interview(at))["interview"])
    # Where Zoom does not tell, what was known stays; of a new connection the licence decides.
    stack.sandbox.fault({"status": 400, "body": {"code": 4711, "message": "Invalid access token, does not contain scopes:[user:read:settings]."}},
                        {"path": "/v2/users/me/settings"}, count=9)
    stack.rows("UPDATE connection SET refreshed_at = 1 WHERE sub = %s", person.sub)
    pair = person.row()["pair"]
    wait_for(lambda: person.row()["pair"] > pair, 15)
    wait_for(lambda: stack.log("connection.licence_unknown", zoom_user=person.row()["zoom_user_id"]), 15)
    assert person.row()["most_meetings"] == 2
    person.connect()
    assert person.row()["most_meetings"] == 0
    stack.sandbox.clear_faults()
    at = f"{day()}T10:00:00Z"
    assert [in_own(good(person.interview(at))["interview"]) for _ in range(3)] == [True, True, False]


def test_never_above_the_limit_whoever_asks_at_once(stack, person):
    at = f"{day()}T10:00:00Z"
    made = [good(answer)["interview"] for answer in together(8, lambda _: person.interview(at))]
    assert sorted(one["hostedBy"] for one in made) == ["system"] * 6 + ["user"] * 2
    # The same Zoom user may be a host of the pool, too: what the pool has put there does not count.
    of_the_pool = {one["zoomMeetingId"] for one in made if one["hostedBy"] == "system"}
    assert {str(meeting["id"]) for meeting in person.at_zoom()} - of_the_pool == {one["zoomMeetingId"] for one in made if one["hostedBy"] == "user"}


def test_two_people_with_one_zoom_user_share_its_room(stack, person):
    at = f"{day()}T10:00:00Z"
    first = [good(person.interview(at))["interview"] for _ in range(2)]
    other = Person(stack, person.email)
    assert in_pool(good(other.interview(at))["interview"])
    # The first one's meetings are the same Zoom user's: the token there is now takes them away.
    assert stack.delete(f"interviews/{first[0]['id']}", **person.who).status_code == 200
    wait_for(lambda: len(person.at_zoom()) == 1, 10)
    assert in_own(good(other.interview(at))["interview"])


def test_every_booking_whose_host_is_connected(stack, person):
    at = f"{day()}T10:00:00Z"
    klass = good(stack.post("classes", {"title": "C", "startTime": at, "hostId": person.sub}))["class"]
    meeting = good(stack.post("zoom/meetings", {"topic": "M", "start_time": at, "host_user_id": person.sub}))["meeting"]
    assert klass["zoomAccountUsed"] == meeting["zoomAccountUsed"] == "user" and meeting["host_email"] == person.email
    full = stack.post("classes", {"title": "C", "startTime": at, "hostId": person.sub})
    assert good(full)["class"]["zoomAccountUsed"] != "user" and codes(full) == ["hosted_by_system"]
    # Staff host what they make; an admin who names the account gets it.
    own = good(stack.post("zoom/meetings", {"topic": "M", "start_time": f"{day()}T10:00:00Z"}, **person.who))["meeting"]
    assert own["zoomAccountUsed"] == "user"
    named = good(stack.post("zoom/meetings", {"topic": "M", "start_time": f"{day()}T10:00:00Z", "host_user_id": person.sub, "account": "account_2"}))["meeting"]
    assert named["zoomAccountUsed"] == "account_2"


def test_a_dry_run_says_so(stack, person):
    answer = stack.post("zoom/meetings", {"topic": "M", "start_time": f"{day()}T10:00:00Z", "host_user_id": person.sub, "dry_run": True})
    meeting = good(answer, 200)["meeting"]
    assert (meeting["zoomAccountUsed"], meeting["host_email"], meeting["placement"][0]["verdict"]) == ("user", person.email, "chosen")
    assert person.at_zoom() == [] and codes(answer) == []


def test_a_whole_course(stack, person):
    course = good(stack.post("courses", {"title": "Course"}, **person.who))["course"]
    sessions = [{"title": f"S{i}", "start_time": f"{day()}T10:00:00Z", "duration": 60} for i in range(4)]
    answer = stack.post(f"courses/{course['id']}/sessions/batch", {"sessions": sessions}, **person.who)
    assert answer.status_code == 201, answer.text
    assert len(person.at_zoom()) == 4


def test_a_dead_connection(stack, person):
    kept = good(person.interview(f"{day()}T09:00:00Z"))["interview"]
    stack.sandbox.call("POST", "grants/revoke", {"user": person.email})
    expire(stack, person.sub)
    at = f"{day()}T10:00:00Z"
    first, second = person.interview(at), person.interview(at)
    for answer in (first, second):
        assert in_pool(good(answer)["interview"]) and codes(answer) == ["hosted_by_system"]
        assert "onnect" in answer.json()["warnings"][0]["message"]
    assert person.row()["state"] == "reconnect_needed"
    # What it made waits for it, for all to see, and holds up nothing.
    answer = stack.delete(f"interviews/{kept['id']}", **person.who)
    assert answer.status_code == 200 and codes(answer) == ["zoom_failed"]
    assert len(person.at_zoom()) == 1
    good(stack.post("classes", {"title": "C", "startTime": at}))

    def deleted():
        listed = stack.get("zoom/meetings", params={"status": "deleted", "from": kept["startTime"], "to": at}, **person.who).json()["data"]["meetings"]
        [meeting] = [one for one in listed if one["id"] == kept["zoomMeetingId"]]
        return meeting

    def place():
        return stack.rows("SELECT p.checks, p.check_at - " + NOW_MS + " AS wait FROM place p WHERE p.zoom_id = %s", int(kept["zoomMeetingId"]))[0]

    # It is tried ever less often, and the record says so.
    for tries in (1, 2, 3):
        wait_for(lambda: place()["checks"] >= tries and place()["wait"] > 10000 << (tries - 1), 20)
        wait_for(lambda: deleted()["meeting_state"] == "pending" and "could not be deleted at Zoom" in deleted()["meeting_state_reason"], 10)
        stack.rows("UPDATE place SET check_at = 1 WHERE zoom_id = %s", int(kept["zoomMeetingId"]))
    stack.rows("UPDATE place SET checks = 40, check_at = 1 WHERE zoom_id = %s", int(kept["zoomMeetingId"]))
    wait_for(lambda: place()["checks"] == 41 and 4 * 3600000 - 60000 < place()["wait"] <= 4 * 3600000, 20)
    # With a new consent it is due at once.
    person.connect()
    wait_for(lambda: person.at_zoom() == [], 30)
    assert (deleted()["meeting_state"], deleted()["meeting_state_reason"]) == ("ok", None)
    assert in_own(good(person.interview(at))["interview"])


def test_a_token_that_zoom_takes_no_more(stack, person):
    before = refreshes(stack)
    stack.sandbox.fault({"status": 401, "body": {"code": 124, "message": "Invalid access token."}}, {"method": "POST", "path": "/v2/users/me/meetings"}, count=1)
    assert in_own(good(person.interview(f"{day()}T10:00:00Z"))["interview"])
    assert refreshes(stack) == before + 1


@pytest.mark.parametrize("action", [{"status": 500, "body": {"code": 500, "message": "Internal error"}},
                                    {"status": 429, "body": {"code": 429, "message": "You have exceeded the daily rate limit (100) of Meeting Create/Update API"
                                                             " requests permitted for this particular user. You may resume these requests at GMT 00:00:00."}}])
def test_zoom_refuses_there(stack, person, action):
    stack.sandbox.fault(action, {"method": "POST", "path": "/v2/users/me/meetings"}, count=1)
    answer = person.interview(f"{day()}T10:00:00Z")
    assert in_pool(good(answer)["interview"]) and codes(answer) == ["hosted_by_system"]


def test_an_answer_that_is_lost_is_looked_for(stack, person):
    stack.sandbox.fault({"cut": {"when": "after_processing"}}, {"method": "POST", "path": "/v2/users/me/meetings"}, count=1)
    made = good(person.interview(f"{day()}T10:00:00Z"))["interview"]
    [meeting] = person.at_zoom()
    assert in_own(made) and made["zoomMeetingId"] == str(meeting["id"])


def test_moved_to_where_the_own_account_is_full(stack, person):
    at, then = f"{day()}T10:00:00Z", f"{day()}T10:00:00Z"
    for _ in range(2):
        person.interview(at)
    made = good(person.interview(then))["interview"]
    answer = stack.patch(f"interviews/{made['id']}", {"startTime": at}, **person.who)
    moved = good(answer, 200)["interview"]
    assert in_pool(moved) and moved["zoomMeetingId"] != made["zoomMeetingId"] and "moved" in codes(answer)
    wait_for(lambda: len(person.at_zoom()) == 2, 10)


def test_another_interviewer(stack, person):
    other = Person(stack)
    made = good(person.interview(f"{day()}T10:00:00Z"))["interview"]
    answer = stack.patch(f"interviews/{made['id']}", {"interviewerId": other.sub, "title": "Theirs"})
    theirs = good(answer, 200)["interview"]
    assert in_own(theirs) and "moved" in codes(answer) and "hosted_by_system" not in codes(answer)
    assert [meeting["topic"] for meeting in other.at_zoom()] == ["Theirs"]
    wait_for(lambda: person.at_zoom() == [], 10)
    assert stack.get(f"zoom/meetings/{theirs['zoomMeetingId']}/start", **other.who).status_code == 302
    nobodys = good(stack.patch(f"interviews/{made['id']}", {"interviewerId": "int-nobody"}), 200)["interview"]
    assert in_pool(nobodys)
    wait_for(lambda: other.at_zoom() == [], 10)
    # In the pool it stays where it is; only who may start it is another.
    again = good(stack.patch(f"interviews/{made['id']}", {"interviewerId": other.sub}), 200)["interview"]
    assert in_pool(again) and again["zoomMeetingId"] == nobodys["zoomMeetingId"]
    assert stack.get(f"zoom/meetings/{again['zoomMeetingId']}/start", **other.who).status_code == 302


def test_disconnect_leaves_them(stack, person):
    made = good(person.interview(f"{day()}T10:00:00Z"))["interview"]
    done = stack.post("zoom/disconnect", **person.who).json()["data"]
    assert done == {"disconnected": True, "revoked": True, "future_meetings": 1}
    assert in_own(stack.get(f"interviews/{made['id']}", **person.who).json()["data"]["interview"])
    answer = stack.patch(f"interviews/{made['id']}", {"title": "New"}, **person.who)
    assert answer.status_code == 200 and "zoom_failed" in codes(answer)
    assert answer.json()["data"]["interview"]["meetingState"] == "pending"

    def tried(zoom_id):
        return stack.rows("SELECT updated_at FROM meeting WHERE zoom_id = %s", int(zoom_id))[0]["updated_at"]

    # As long as nobody has connected that account there is nothing to try: another change is tried twice meanwhile.
    untouched = tried(made["zoomMeetingId"])
    other = good(stack.post("zoom/meetings", {"topic": "Other", "start_time": f"{day()}T10:00:00Z"}))["meeting"]
    stack.sandbox.fault({"status": 503}, {"method": "PATCH"}, count=100)
    assert "zoom_failed" in codes(stack.patch(f"zoom/meetings/{other['id']}", {"topic": "Another"}))
    for _ in range(2):
        before = tried(other["id"])
        wait_for(lambda: tried(other["id"]) > before, 20)
    stack.sandbox.clear_faults()
    assert tried(made["zoomMeetingId"]) == untouched
    person.connect()
    wait_for(lambda: [meeting["topic"] for meeting in person.at_zoom()] == ["New"], 30)


def test_disconnect_moves_them(stack, person):
    at = [f"{day()}T10:00:00Z" for _ in range(3)]
    made = [good(person.interview(one))["interview"] for one in at]
    single = good(stack.post("zoom/meetings", {"topic": "M", "start_time": f"{day()}T10:00:00Z"}, **person.who))["meeting"]
    done = stack.post("zoom/disconnect", {"move_meetings": True}, **person.who).json()["data"]
    assert (done["disconnected"], done["future_meetings"], done["unmoved_meetings"]) == (True, 0, [])
    assert {one["id"] for one in done["moved_meetings"]} == {one["zoomMeetingId"] for one in made} | {single["id"]}
    assert person.at_zoom() == []
    new = {one["id"]: one["new_id"] for one in done["moved_meetings"]}
    for one in made:
        now = stack.get(f"interviews/{one['id']}", **person.who).json()["data"]["interview"]
        assert in_pool(now) and now["zoomMeetingId"] == new[one["zoomMeetingId"]] and now["startTime"] == one["startTime"]
    # They can be changed there as any other.
    changed = stack.patch(f"interviews/{made[0]['id']}", {"title": "New"}, **person.who)
    assert changed.status_code == 200 and changed.json()["data"]["interview"]["meetingState"] == "ok"


def test_disconnect_waits_for_all_to_be_moved(stack, person):
    made = [good(person.interview(f"{day()}T10:00:00Z"))["interview"] for _ in range(9)]
    stack.sandbox.fault({"latency_ms": {"before": 2000}}, {"method": "POST", "path": "/v2/users/*/meetings"}, count=1000)
    first = stack.post("zoom/disconnect", {"move_meetings": True}, **person.who).json()
    stack.sandbox.clear_faults()
    moved = len(first["data"]["moved_meetings"])
    assert 0 < moved < 9 and "again" in first["message"]
    assert (first["data"]["disconnected"], first["data"]["unfinished"], first["data"]["future_meetings"]) == (False, True, 9 - moved)
    assert oauth.status(stack, person.sub)["connected"]
    second = stack.post("zoom/disconnect", {"move_meetings": True}, **person.who).json()["data"]
    assert (second["disconnected"], second["unfinished"], second["future_meetings"]) == (True, False, 0)
    assert {one["id"] for data in (first["data"], second) for one in data["moved_meetings"]} == {one["zoomMeetingId"] for one in made}
    wait_for(lambda: person.at_zoom() == [], 20)


def test_an_admin_sees_the_own_ones_alone_where_asked(stack, person):
    made = good(person.interview(f"{day()}T10:00:00Z"))["interview"]
    own = good(stack.post("zoom/meetings", {"topic": "Own", "start_time": f"{day()}T10:00:00Z"}, sub="adm-mine"))["meeting"]
    ids = {one["id"] for one in stack.get("zoom/meetings", params={"page_size": 300}, sub="adm-mine").json()["data"]["meetings"]}
    assert {made["zoomMeetingId"], own["id"]} <= ids
    mine = stack.get("zoom/meetings", params={"mine": "true"}, sub="adm-mine").json()["data"]["meetings"]
    assert [one["id"] for one in mine] == [own["id"]]
    theirs = stack.get("zoom/meetings", params={"mine": "true"}, **person.who).json()["data"]["meetings"]
    assert [one["id"] for one in theirs] == [made["zoomMeetingId"]]
    assert stack.get("zoom/meetings", params={"mine": "all"}, sub="adm-mine").status_code == 422


def test_disconnect_takes_a_plain_flag(stack, person):
    assert stack.post("zoom/disconnect", {"move_meetings": "yes"}, **person.who).status_code == 422
    assert oauth.status(stack, person.sub)["connected"]


def test_without_a_pool(make_stack, stack):
    """People's own accounts are enough to work with."""
    names = ("ZOOM_API_URL", "ZOOM_OAUTH_URL", "ZOOM_OAUTH_CLIENT_ID", "ZOOM_OAUTH_CLIENT_SECRET")
    lone = make_stack(**{name: stack.settings[name] for name in names}, ZOOM_REDIRECT_URI=f"{stack.base}/api/zoom/callback")
    assert lone.get("zoom/account-stats").json()["data"]["accounts"] == []
    lone.sandbox = stack.sandbox
    person = Person(lone)
    assert in_own(good(person.interview(f"{day()}T10:00:00Z"))["interview"])
    refused = lone.post("zoom/meetings", {"topic": "M", "start_time": f"{day()}T10:00:00Z"})
    assert refused.status_code == 503 and refused.json()["code"] == "zoom_not_configured"


def test_fifty_at_once_two_machines_one_refresh(make_stack):
    first = make_stack(MEETPOOL_WORKERS=8, MEETPOOL_ZOOM_WORKERS=8)
    second = make_stack(database_of=first, MEETPOOL_WORKERS=8, MEETPOOL_ZOOM_WORKERS=8)
    first.sandbox.knobs(rate_limits=False)
    person = Person(first, "host5@account1.example.com")
    days = [day() for _ in range(50)]
    first.sandbox.fault({"latency_ms": {"after": 500}}, {"path": "/oauth/token"}, count=1)
    before = refreshes(first)
    expire(first, person.sub)

    def one(index):
        stack = (first, second)[index % 2]
        for _ in range(20):
            answer = stack.post("interviews", {"title": "I", "startTime": f"{days[index]}T10:00:00Z", "interviewerId": person.sub, "candidateId": "can-1"},
                                **person.who)
            if answer.status_code != 503:
                return answer
        return answer

    made = [good(answer)["interview"] for answer in together(50, one)]
    assert [one["hostedBy"] for one in made] == ["user"] * 50
    assert refreshes(first) == before + 1 and person.row()["pair"] == 2
    assert len(person.at_zoom()) == 50
