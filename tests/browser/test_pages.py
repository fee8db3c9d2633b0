"""The web pages in Debian's Chromium, driven by journeys.mjs: what people see and do there. Here stands what they do it to."""
import datetime
import re

import pytest

from browser import REPO, browser  # noqa: F401

import oauth
from booking import HOUR, MORNING, book, insist, text
from conftest import make_stack, stack  # noqa: F401


@pytest.fixture(scope="session")
def emails(stack):
    """Users of the sandbox, as its page of consent names them."""
    return list(oauth.Page(oauth.begin(stack, "who-looks")).users)


def test_the_words_are_those_of_the_codes():
    """Each code that the callback or its beginning may leave in the address has its words on the page, and no other has."""
    consents = set(re.findall(r'\bX\([A-Z_]+, "(\w+)"\)', (REPO / "include/meetpool/connection.h").read_text())) - {"connected"}
    words = set(re.findall(r"^    (\w+): \"", (REPO / "web/outcomes.js").read_text(), re.M))
    assert len(consents) > 8
    assert words == consents | {"zoom_disabled", "internal"}


def test_sign_in_by_link_and_sign_out(browser, stack):
    browser.go(stack, "signs_in_by_link", token=stack.token("page-link", "tutor", name="Ann Doe"), name="Ann Doe")


def test_sign_in_with_a_pasted_token(browser, stack):
    browser.go(stack, "pastes_a_token", token=stack.token("page-paste", "tutor"))


def test_wrong_tokens_are_refused(browser, stack):
    token = stack.token("page-wrong", "tutor")
    browser.go(stack, "is_refused", tokens=[token[:-6], stack.token("page-wrong", "tutor", ttl=-60), "no token", "žeton"])


def test_connect_and_disconnect(browser, stack, emails):
    browser.go(stack, "connects_and_disconnects", token=stack.token("page-connect", "tutor"), email=emails[0], other=emails[1])
    assert oauth.status(stack, "page-connect")["email"] == emails[1]


@pytest.mark.parametrize("move", [True, False])
def test_disconnect_with_meetings_to_come(browser, stack, emails, move):
    sub = f"page-leaves-{move}"
    oauth.connect(stack, sub, emails[4 + move])
    for hour in (18, 19):
        made = book(stack, MORNING + hour * HOUR, sub=sub, role="tutor", topic=f"At {hour}")
        assert made["zoomAccountUsed"] == "user"
    words = ["Your Zoom account is disconnected", "2 planned meetings moved" if move else "2 planned meetings stay in your Zoom account"]
    before, after = browser.go(stack, "disconnects_with_meetings", token=stack.token(sub, "tutor"), move=move, words=words)
    assert len(before) == 2 and (set(before).isdisjoint(after) if move else before == after)
    assert oauth.status(stack, sub)["state"] == "not_connected"


def test_a_link_of_another_person_asks_first(browser, stack):
    browser.go(stack, "is_asked_before_becoming_another", token=stack.token("page-me", "tutor", name="Ann Doe"),
               other=stack.token("page-mallory", "tutor", name="Mallory"), names=["Ann Doe", "Mallory"])


def test_deny(browser, stack):
    browser.go(stack, "denies", token=stack.token("page-deny", "tutor"))
    assert oauth.status(stack, "page-deny")["state"] == "not_connected"


def test_an_address_that_says_connected(browser, stack):
    """Anybody can write one; what holds is what the server says."""
    browser.go(stack, "is_told_a_lie", token=stack.token("page-lie", "tutor"))


def test_a_replayed_callback(browser, stack):
    browser.go(stack, "replays_the_callback", token=stack.token("page-replay", "tutor"))
    assert oauth.status(stack, "page-replay")["connected"]


def test_every_code_has_words(browser, stack):
    codes = re.findall(r"^    (\w+): \"", (REPO / "web/outcomes.js").read_text(), re.M)
    browser.go(stack, "reads_every_reason", token=stack.token("page-words", "tutor"), codes=codes)


def test_reconnect_needed(browser, stack, emails):
    oauth.connect(stack, "page-first", emails[2])
    oauth.connect(stack, "page-second", emails[2])
    browser.go(stack, "reads_the_connection", token=stack.token("page-first", "tutor"), badge="Reconnect needed",
               words="Another person has connected this Zoom account", connect=True, disconnect=True)


def test_an_ended_session_leads_to_the_sign_in(browser, stack):
    browser.go(stack, "comes_back_after_the_session", token=stack.token("page-ended", "tutor"))


def test_defaults_are_kept(browser, stack):
    stack.request("PUT", "me/meeting-defaults", sub="page-defaults", role="tutor", json={"settings": {"auto_recording": "cloud"}})
    browser.go(stack, "saves_defaults", token=stack.token("page-defaults", "tutor"))
    settings = stack.get("me/meeting-defaults", sub="page-defaults", role="tutor").json()["data"]["settings"]
    assert settings == {"auto_recording": "cloud", "mute_upon_entry": False}


def test_the_calendar_gets_a_new_address(browser, stack):
    before, after = browser.go(stack, "renews_the_calendar", token=stack.token("page-feed", "tutor"))
    answers = [stack.request("GET", address[len(stack.base):], role=None).status_code for address in (before, after)]
    assert answers == [404, 200]


@pytest.mark.parametrize("role", ["tutor", "admin"])
def test_own_meetings_with_join_and_start(browser, stack, role):
    later = book(stack, MORNING + 3 * HOUR, sub=f"page-{role}", role=role, topic="Later & <b>bolder</b>")
    sooner = book(stack, MORNING, sub=f"page-{role}", role=role, topic="Sooner")
    book(stack, MORNING, sub="page-somebody-else", role="tutor", topic="Not mine")
    seen = browser.go(stack, "sees_meetings", token=stack.token(f"page-{role}", role))["seen"]
    assert [one["text"].splitlines()[0] for one in seen] == ["Sooner", "Later & <b>bolder</b>"]
    for one, meeting in zip(seen, (sooner, later)):
        assert one["links"]["Join"]["url"] == meeting["join_url"]
        assert one["links"]["Start"]["url"] == f"{stack.base}/api/zoom/meetings/{meeting['id']}/start"
        assert one["links"]["Start"]["label"] == f"Start {meeting['topic']} (in a new tab)"
        assert one["start"] == 302


def test_a_long_list_is_shown_in_parts(browser, stack):
    count = 23
    for index in range(count):
        assert insist(stack, MORNING + (30 + index) * HOUR, topic=f"Lesson {index}").status_code == 201
    browser.go(stack, "sees_many_meetings", token=stack.token("admin-1", "admin"), count=count)


def test_a_students_page(browser, stack):
    """What a student takes part in, with Join and without Start; nothing of Zoom accounts or defaults for hosts."""
    start = MORNING + 6 * HOUR
    made = stack.post("classes", {"title": "Algebra", "startTime": text(start), "duration": 60, "participantIds": ["page-student"]},
                      sub="page-teacher", role="teacher")
    assert made.status_code == 201, made.text
    batch = stack.post("batches", {"name": "Group", "batch_type": "group", "member_ids": ["page-student"]}, sub="page-teacher", role="teacher")
    assert batch.status_code == 201, batch.text
    session = stack.post(f"batches/{batch.json()['data']['batch']['id']}/schedule",
                         {"title": "Geometry", "date": text(start)[:10], "start_time": "16:00", "end_time": "16:45", "timezone": "UTC",
                          "create_zoom_meeting": True}, sub="page-teacher", role="teacher")
    assert session.status_code == 201, session.text
    in_person = stack.post("classes", {"title": "On paper", "startTime": text(start + 3 * HOUR), "duration": 60, "createMeeting": False,
                                       "participantIds": ["page-student"]}, sub="page-teacher", role="teacher")
    assert in_person.status_code == 201, in_person.text
    stack.post("classes", {"title": "Others", "startTime": text(start + HOUR), "duration": 60, "participantIds": ["page-other"]}, sub="page-teacher",
               role="teacher")
    page = browser.go(stack, "sees_meetings", token=stack.token("page-student", "student"))
    assert page["regions"] == ["Your meetings", "Your calendar"]
    assert page["connect"] == 403
    assert [one["text"].splitlines()[0] for one in page["seen"]] == ["Algebra", "Geometry", "On paper"]
    assert [list(one["links"]) for one in page["seen"]] == [["Join"], ["Join"], []]
    urls = [one["links"]["Join"]["url"] for one in page["seen"][:2]]
    assert urls == [made.json()["data"]["class"]["zoomJoinUrl"], session.json()["data"]["session"]["zoom_meeting"]["join_url"]]
    assert page["seen"][1]["text"].splitlines()[1].endswith("16:00, 45 min")


def test_by_keyboard_alone(browser, stack, emails):
    book(stack, MORNING + 9 * HOUR, sub="page-keys", role="tutor")
    browser.go(stack, "walks_by_keyboard", token=stack.token("page-keys", "tutor"), email=emails[0])


def test_axe_finds_nothing(browser, stack, emails):
    """On a phone, a tablet, a desk, in both colour schemes; and nothing is wider than the window."""
    book(stack, MORNING + 12 * HOUR, sub="page-axe", role="tutor", topic="A topic with a word " + "o" * 120)
    oauth.connect(stack, "page-axe", emails[3])
    browser.go(stack, "passes_axe", token=stack.token("page-axe", "tutor", email=f"{'a.rather.long.address.' * 3}of@a-rather-long-name.example.com"),
               widths=[360, 768, 1440], consent=oauth.begin(stack, "page-axe"),
               pages={"denied": "?zoom=error&code=access_denied", "connected": "?zoom=connected"})


def test_zoom_switched_off_and_not_set_up(browser, stack, make_stack):
    off = make_stack(database_of=stack, ZOOM_ENABLED="false")
    browser.go(off, "reads_the_connection", token=off.token("page-off", "tutor"), badge="Not connected", words="Zoom is switched off on this server",
               connect=False, disconnect=False)
    off.restart_daemon(ZOOM_ENABLED="true", ZOOM_OAUTH_CLIENT_ID="", ZOOM_OAUTH_CLIENT_SECRET="")
    browser.go(off, "reads_the_connection", token=off.token("page-off", "tutor"), badge="Not connected",
               words="This server is not set up to connect people's own Zoom accounts", connect=False, disconnect=False)


def test_zoom_away(browser, stack):
    """Nothing of the page waits for the pool, and what Zoom is needed for says what to do."""
    stack.sandbox.fault({"status": 500, "body": {"code": 500, "message": "down"}}, {"path": "/oauth/token"})
    try:
        browser.go(stack, "connects_in_vain", token=stack.token("page-away", "tutor"), words="Zoom could not be reached")
    finally:
        stack.sandbox.clear_faults()
    assert oauth.status(stack, "page-away")["state"] == "not_connected"
