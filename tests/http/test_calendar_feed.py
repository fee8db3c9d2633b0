"""Invitations and feeds, read by a real parser."""
import datetime
import re
import zoneinfo

import icalendar
import pytest

from desk import FACES, LENGTH, TIME, Desk, day, good, refused
from harness import together
from pool import CREATE, DOWN

UTC = datetime.timezone.utc


@pytest.fixture(scope="module")
def desk(stack):
    return Desk(stack, "planner", "tutor")


def parsed(response):
    """The calendar, after a look at what parsers forgive: line ends, line lengths, a trailing line."""
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"].replace(" ", "").lower() == "text/calendar;charset=utf-8"
    raw = response.content
    assert raw.endswith(b"END:VCALENDAR\r\n") and b"\n" not in raw.replace(b"\r\n", b"")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 75
    calendar = icalendar.Calendar.from_ical(raw)
    assert calendar["VERSION"] == "2.0" and calendar["PRODID"]
    return calendar


def events(calendar):
    return {str(event["UID"]): event for event in calendar.walk("VEVENT")}


def only(calendar):
    found = events(calendar)
    assert len(found) == 1
    return next(iter(found.values()))


def at(spelled):
    return datetime.datetime.fromisoformat(spelled.replace("Z", "+00:00"))


@pytest.mark.parametrize("path", FACES)
def test_an_invitation(desk, path):
    date = day()
    one = desk.booked(path, title="Räume; Ringe, \\ und mehr " + "ä" * 80, description="Line one\nLine two; with, signs", timezone="Europe/Berlin",
                      **{TIME[path]: f"{date}T10:00:00", LENGTH[path]: 45})
    response = desk.get(f"{path}/{one['id']}.ics")
    calendar = parsed(response)
    event = only(calendar)
    assert str(calendar["METHOD"]) == "REQUEST"
    assert str(event["SUMMARY"]) == one["title"] and "Line one\nLine two; with, signs" in str(event["DESCRIPTION"])
    assert event["DTSTART"].dt.astimezone(UTC) == at(one[TIME[path]]) and event["DTEND"].dt - event["DTSTART"].dt == datetime.timedelta(minutes=45)
    assert event["DTSTART"].params["TZID"] == "Europe/Berlin" == str(calendar.walk("VTIMEZONE")[0]["TZID"])
    assert one["id"] in str(event["UID"]) and "@" in str(event["UID"]) and int(event["SEQUENCE"]) == 0 and event["DTSTAMP"].dt
    assert one["zoomJoinUrl"] in unfolded(response)
    # Whoever has the file may not start the meeting.
    assert "zak=" not in unfolded(response) and "/start" not in unfolded(response)


def unfolded(response):
    return response.content.replace(b"\r\n ", b"").decode().replace("\\;", ";").replace("\\,", ",")


def test_the_uid_stays_and_the_sequence_grows(desk):
    one = desk.booked("classes", createMeeting=False)
    where = f"classes/{one['id']}"
    seen = [only(parsed(desk.get(where + ".ics")))]
    for change in ({"title": "New"}, {"startTime": f"{day()}T12:00:00Z"}, {"duration": 20}):
        good(desk.patch(where, change), 200)
        seen.append(only(parsed(desk.get(where + ".ics"))))
    assert len({str(event["UID"]) for event in seen}) == 1
    sequences = [int(event["SEQUENCE"]) for event in seen]
    assert sequences == sorted(set(sequences))
    assert str(seen[-1]["SUMMARY"]) == "New" and seen[-1]["DTEND"].dt - seen[-1]["DTSTART"].dt == datetime.timedelta(minutes=20)


def test_a_cancellation(desk):
    one = desk.booked("events", participantIds=["guest-9"])
    where = f"events/{one['id']}"
    before = only(parsed(desk.get(where + ".ics")))
    assert desk.delete(where).status_code == 200
    refused(desk.get(where), 404, "not_found")
    for who in (desk, desk.as_("guest-9", "student")):
        calendar = parsed(who.get(where + ".ics"))
        event = only(calendar)
        assert str(calendar["METHOD"]) == "CANCEL" and str(event["STATUS"]) == "CANCELLED"
        assert str(event["UID"]) == str(before["UID"]) and int(event["SEQUENCE"]) > int(before["SEQUENCE"])
    refused(desk.as_("guest-8", "student").get(where + ".ics"), 404, "not_found")


def test_a_session_of_a_batch(desk):
    batch = desk.batch(desk.course(), member_ids=["stud-ics"], timezone="America/New_York")
    session = desk.session(batch)
    where = f"batches/{batch['id']}/schedule/{session['_id']}.ics"
    for who in (desk, desk.as_("stud-ics", "student")):
        event = only(parsed(who.get(where)))
        assert event["DTSTART"].dt.astimezone(UTC) == at(session["starts_at"]) and event["DTSTART"].params["TZID"] == "America/New_York"
    other = desk.batch()
    refused(desk.get(f"batches/{other['id']}/schedule/{session['_id']}.ics"), 404, "not_found")
    refused(desk.get("classes/nope.ics"), 404, "not_found")


@pytest.mark.parametrize("zone, local", [("Europe/Berlin", "2031-10-26T02:30"), ("Australia/Lord_Howe", "2031-04-06T01:45"), ("Asia/Kolkata", "2031-03-01T10:00"),
                                         ("Pacific/Apia", "2011-12-31T08:00"), ("America/New_York", "2031-11-02T01:30"), ("UTC", "2031-01-01T00:00")])
def test_a_start_in_its_zone(desk, zone, local):
    """Of a time that comes twice RFC 5545 means the first, as we do; the parser's own choice is not asked for."""
    one = desk.booked("classes", startTime=local, timezone=zone, createMeeting=False)
    start = only(parsed(desk.get(f"classes/{one['id']}.ics")))["DTSTART"]
    wall = start.dt.replace(tzinfo=zoneinfo.ZoneInfo(start.params.get("TZID", "UTC")), fold=0)
    assert wall.astimezone(UTC) == at(one["startTime"])


def test_nothing_from_outside_makes_a_line(desk):
    one = desk.booked("classes", title="x END:VEVENT", description="a\r\nATTENDEE:mailto:evil@example.com\nEND:VCALENDAR", createMeeting=False)
    event = only(parsed(desk.get(f"classes/{one['id']}.ics")))
    assert "ATTENDEE" not in event or "evil" not in str(event["ATTENDEE"])


# ---- the feed

def feed_of(desk):
    url = good(desk.get("calendar/me"), 200)["url"]
    assert url.startswith(desk.stack.base + "/api/calendar/") and url.endswith(".ics")
    return url[len(desk.stack.base):]


def test_a_persons_feed(desk):
    person, host = desk.as_("feeder", "student"), desk.as_("feed-host", "tutor")
    batch = host.batch(host.course(), member_ids=["feeder"])
    session = host.session(batch)
    made = [host.booked(path, participantIds=["feeder"]) if path in ("classes", "events", "custom-sessions") else
            host.booked(path, **{"patientId" if path == "appointments" else "candidateId": "feeder"}) for path in FACES]
    foreign = host.booked("classes")
    path = feed_of(person)
    response = desk.stack.get(path, role=None)
    calendar = parsed(response)
    found = events(calendar)
    assert len(found) == 6 and str(calendar["METHOD"]) == "PUBLISH"
    for number in [session["_id"], *[one["id"] for one in made]]:
        assert [uid for uid in found if number in uid]
    assert foreign["id"] not in response.text and "zak=" not in unfolded(response) and "/start" not in unfolded(response)
    # The same event as in the invitation.
    alone = only(parsed(host.get(f"{FACES[0]}/{made[0]['id']}.ics")))
    assert found[str(alone["UID"])]["SEQUENCE"] == alone["SEQUENCE"]
    # What is cancelled is not there any more.
    assert host.delete(f"{FACES[0]}/{made[0]['id']}").status_code == 200
    assert str(alone["UID"]) not in events(parsed(desk.stack.get(path, role=None)))
    # Everybody has another one.
    assert feed_of(host) != path and len(events(parsed(desk.stack.get(feed_of(host), role=None)))) >= 6


def test_asked_at_once_there_is_one_address(desk):
    for turn in range(5):
        person = desk.as_(f"feed-at-once-{turn}", "student")
        addresses = set(together(6, lambda _: feed_of(person)))
        assert len(addresses) == 1
        assert desk.stack.get(addresses.pop(), role=None).status_code == 200


def test_a_reset_revokes_the_feed(desk):
    person = desk.as_("feed-reset", "student")
    old = feed_of(person)
    assert feed_of(person) == old and re.search(r"/[\w-]{32,}\.ics$", old)
    assert parsed(desk.stack.get(old, role=None)).walk("VEVENT") == []
    new = good(person.post("calendar/me/reset"), 200)["url"][len(desk.stack.base):]
    assert new != old and feed_of(person) == new
    refused(desk.stack.get(old, role=None), 404, "not_found")
    assert desk.stack.get(new, role=None).status_code == 200
    refused(desk.stack.get("calendar/nope.ics", role=None), 404, "not_found")
    assert desk.stack.get("calendar/me", role=None).status_code == 401
    # Whoever reads a log or the database has no key to it.
    token = new.rsplit("/", 1)[1][:-4]
    assert token not in desk.stack.log_text() + desk.stack.log_text("nginx-access") + desk.stack.log_text("nginx-error")
    assert token not in str(desk.stack.rows("SELECT * FROM person"))


def test_the_sequence_grows_with_the_meeting_and_the_members(make_stack):
    """What people have in their calendars is replaced only by what has a greater number."""
    stack = make_stack(MEETPOOL_RETRY_DELAY=2)
    desk = Desk(stack, "planner", "tutor")
    stack.sandbox.fault(DOWN, CREATE, count=-1)
    one = desk.booked("classes")
    where = f"classes/{one['id']}.ics"
    before = only(parsed(desk.get(where)))
    assert "LOCATION" not in before
    stack.sandbox.clear_faults()
    made = desk.wait_state(lambda: desk.read("classes", one), "ok")
    after = only(parsed(desk.get(where)))
    assert str(after["LOCATION"]) == made["zoomJoinUrl"]
    assert int(after["SEQUENCE"]) > int(before["SEQUENCE"]) and after["LAST-MODIFIED"].dt >= before["LAST-MODIFIED"].dt and made["updatedAt"] > one["updatedAt"]
    # Moved to another account, from outside.
    date = day()
    for _ in range(10):
        good(stack.post("zoom/meetings", {"topic": "Full", "start_time": f"{date}T10:00:00Z", "duration": 60, "account": made["zoomAccountUsed"]}))
    good(desk.as_("admin-1", "admin").patch(f"zoom/meetings/{made['zoomMeetingId']}", {"start_time": f"{date}T10:00:00Z"}), 200)
    moved = only(parsed(desk.get(where)))
    assert int(moved["SEQUENCE"]) > int(after["SEQUENCE"]) and str(moved["LOCATION"]) != str(after["LOCATION"])
    # Members of a batch.
    batch = desk.batch(desk.course(), member_ids=["stud-a"])
    session = desk.session(batch, create_zoom_meeting=False)
    where = f"batches/{batch['id']}/schedule/{session['_id']}.ics"
    assert int(only(parsed(desk.get(where)))["SEQUENCE"]) == 0
    good(desk.patch(f"batches/{batch['id']}", {"member_ids": ["stud-a", "stud-b"]}), 200)
    changed = only(parsed(desk.get(where)))
    assert int(changed["SEQUENCE"]) == 1
    good(desk.patch(f"batches/{batch['id']}", {"member_ids": ["stud-b", "stud-a"]}), 200)
    assert int(only(parsed(desk.get(where)))["SEQUENCE"]) == 1


def test_a_feed_has_all_that_is_coming_and_the_last_of_the_past(desk):
    host = desk.as_("feed-many", "tutor")
    path = feed_of(host)
    now = int(datetime.datetime.now(UTC).timestamp() * 1000)
    hour = 3_600_000
    rows = "INSERT INTO booking (public_id, kind, status, owner_sub, title, topic, starts_at, ends_at, timezone, wants_meeting, meeting_state, created_at," \
           " updated_at) SELECT CONCAT(%s, LPAD(LOWER(HEX(seq)), 16, '0')), 'class', 'scheduled', 'feed-many', 'x', 'x', %s + CAST(seq AS SIGNED) * %s, %s + CAST(seq AS SIGNED) * %s + 60000," \
           " 'UTC', 0, 'none', 1, 1 FROM seq_1_to_1200"
    for mark, step in (("feedfeed", hour), ("feedbacc", -hour)):
        desk.stack.rows(rows, mark, now, step, now, step)
    desk.stack.rows("INSERT INTO booking_person (booking_id, sub, parts, kind, status, starts_at)"
                    " SELECT id, owner_sub, 1, kind, status, starts_at FROM booking WHERE owner_sub = 'feed-many'")
    try:
        response = desk.stack.get(path, role=None)
        assert response.status_code == 200
        starts = re.findall(rb"\r\nUID:(feed[0-9a-f]{4})", response.content)
        assert starts.count(b"feedfeed") == 1200, "all that is coming"
        past = re.findall(rb"\r\nUID:feedbacc([0-9a-f]{16})@", response.content.replace(b"\r\n ", b""))
        assert 100 <= len(past) < 1200 and sorted(int(one, 16) for one in past) == list(range(1, len(past) + 1)), "the latest of the past"
    finally:
        desk.stack.rows("DELETE p FROM booking_person p JOIN booking b ON b.id = p.booking_id WHERE b.owner_sub = 'feed-many'")
        desk.stack.rows("DELETE FROM booking WHERE owner_sub = 'feed-many'")


def test_a_request_has_an_organizer(desk):
    """RFC 5546 wants one in every method, though a user's id need not be an address."""
    one = desk.booked("classes", participantIds=["guest-1", "guest-2@example.com"], createMeeting=False)
    event = only(parsed(desk.get(f"classes/{one['id']}.ics")))
    assert str(event["ORGANIZER"]).startswith("urn:uuid:") and "planner" not in desk.get(f"classes/{one['id']}.ics").text
    attendees = [str(person) for person in event["ATTENDEE"]]
    assert "mailto:guest-2@example.com" in attendees and len(attendees) == 2
    again = only(parsed(desk.get(f"classes/{desk.booked('classes', createMeeting=False)['id']}.ics")))
    assert str(again["ORGANIZER"]) == str(event["ORGANIZER"]) and again["ATTENDEE"]
