"""Local times, zones, clocks that are put forward and back, lengths, recurrences."""
import datetime
import zoneinfo

import pytest

from desk import Desk, day, explained, good, in_zone, instant, refused

# (zone, local time): the clocks jump over it.
GAPS = [("Europe/Berlin", "2031-03-30T02:30"), ("Europe/Berlin", "2031-03-30T02:00"), ("America/New_York", "2031-03-09T02:30"),
        ("Australia/Lord_Howe", "2031-10-05T02:15"), ("Pacific/Apia", "2011-12-30T10:00"), ("Pacific/Apia", "2011-12-30T00:00")]
# It happens twice.
FOLDS = [("Europe/Berlin", "2031-10-26T02:30"), ("America/New_York", "2031-11-02T01:30"), ("Australia/Lord_Howe", "2031-04-06T01:45")]
PLAIN = [("Asia/Kolkata", "2031-03-30T02:30"), ("Europe/Berlin", "2031-03-30T03:00"), ("Europe/Berlin", "2031-03-30T01:59"),
         ("Australia/Lord_Howe", "2031-10-05T02:30"), ("Pacific/Apia", "2011-12-31T00:00"), ("Pacific/Apia", "2011-12-29T23:58"),
         ("America/New_York", "2031-07-01T12:00")]


@pytest.fixture(scope="module")
def desk(stack):
    return Desk(stack)


@pytest.fixture(scope="module")
def course(desk):
    return desk.course()


@pytest.fixture(scope="module")
def batch(desk, course):
    return desk.batch(course, timezone="Europe/Berlin")


def schedule(desk, batch, local, zone, end=None, **more):
    date, time = local.split("T")
    end = end or (datetime.datetime.fromisoformat(local) + datetime.timedelta(minutes=1)).strftime("%H:%M")
    return desk.schedule(batch, date=date, start_time=time, end_time=end, timezone=zone, create_zoom_meeting=False, **more)


def ways(desk, course, batch, local, zone):
    """The same start through three doors: the field's name there, and the answer."""
    yield "start_time", schedule(desk, batch, local, zone, "23:59")
    yield "sessions[0].start_time", desk.post(f"courses/{course['id']}/sessions/batch", {
        "sessions": [{"title": "S", "start_time": local, "duration": 30, "timezone": zone}], "create_zoom_meeting": False})
    yield "startTime", desk.book("classes", startTime=local, timezone=zone, createMeeting=False)


def start_of(data):
    one = data.get("session") or data.get("class") or data["sessions"][0]
    return one.get("starts_at") or one["startTime"]


@pytest.mark.parametrize("zone, local", GAPS)
def test_a_time_that_the_clocks_jump_over_is_refused_by_name(desk, course, batch, zone, local):
    for field, answer in ways(desk, course, batch, local, zone):
        assert "does not exist in " + zone in explained(answer, field)


@pytest.mark.parametrize("zone, local", FOLDS)
def test_of_a_time_that_comes_twice_the_first_is_meant(desk, course, batch, zone, local):
    first, second = (datetime.datetime.fromisoformat(local).replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=fold).utcoffset() for fold in (0, 1))
    assert first != second
    for _, answer in ways(desk, course, batch, local, zone):
        assert start_of(good(answer)) == in_zone(local, zone)


@pytest.mark.parametrize("zone, local", PLAIN)
def test_a_plain_time(desk, course, batch, zone, local):
    for _, answer in ways(desk, course, batch, local, zone):
        assert start_of(good(answer)) == in_zone(local, zone)


def test_an_end_that_the_clocks_jump_over(desk, batch):
    assert "Europe/Berlin" in explained(schedule(desk, batch, "2031-03-30T01:30", "Europe/Berlin", "02:30"), "end_time")


@pytest.mark.parametrize("local, end, minutes", [("2031-03-30T01:30", "03:30", 60), ("2031-10-26T01:30", "03:30", 180), ("2031-10-25T00:00", "23:59", 1439)])
def test_a_session_across_the_change_is_as_long_as_it_lasts(desk, batch, local, end, minutes):
    session = good(schedule(desk, batch, local, "Europe/Berlin", end))["session"]
    assert instant(session["ends_at"]) - instant(session["starts_at"]) == datetime.timedelta(minutes=minutes)
    assert (session["start_time"], session["end_time"]) == (local[11:], end)


def test_a_day_of_25_hours_is_too_long(desk, batch):
    """24 hours is the most; this day has an hour more."""
    assert "24" in explained(schedule(desk, batch, "2031-10-26T00:00", "Europe/Berlin", "23:59"), "end_time")


def test_the_batchs_zone_counts_where_the_request_says_none(desk, batch):
    session = desk.session(batch, date="2031-07-01", create_zoom_meeting=False)
    assert session["timezone"] == "Europe/Berlin" and session["starts_at"] == "2031-07-01T08:00:00.000Z"
    assert session["date"] == "2031-07-01T00:00:00.000Z" and session["start_time"] == "10:00"


@pytest.mark.parametrize("change, field", [
    ({"end_time": "09:00"}, "end_time"), ({"end_time": "10:00"}, "end_time"), ({"timezone": "Mars/Olympus"}, "timezone"), ({"timezone": "europe/berlin"}, "timezone"),
    ({"date": "2031-02-30"}, "date"), ({"date": "2031-2-3"}, "date"), ({"date": "15.01.2031"}, "date"), ({"date": "2031-01-15T10:00:00Z"}, "date"),
    ({"date": 20310115}, "date"), ({"date": None}, "date"), ({"start_time": "24:00"}, "start_time"), ({"start_time": "9:00"}, "start_time"),
    ({"start_time": "09:60"}, "start_time"), ({"start_time": "2031-01-15T10:00:00Z"}, "start_time"), ({"title": ""}, "title"), ({"title": None}, "title"),
    ({"title": "x" * 201}, "title"), ({"create_zoom_meeting": "yes"}, "create_zoom_meeting"), ({"settings": {"auto_recording": "moon"}}, "settings.auto_recording"),
])
def test_a_session_with_one_wrong_value(desk, batch, change, field):
    explained(desk.schedule(batch, **change), field)


def test_every_wrong_value_is_named_at_once(desk, batch, course):
    answer = desk.post(f"batches/{batch['id']}/schedule", {"date": "x", "end_time": "11:00", "timezone": "No/Where", "create_zoom_meeting": 1})
    refused(answer, 422, "validation_failed", "title", "date", "start_time", "timezone", "create_zoom_meeting")
    answer = desk.post(f"courses/{course['id']}/sessions/batch", {"sessions": [{"title": "a", "start_time": "2031-01-01T10:00:00Z"}, {"duration": 0}, 7]})
    refused(answer, 422, "validation_failed", "sessions[1].title", "sessions[1].start_time", "sessions[1].duration", "sessions[2]")


@pytest.mark.parametrize("rule", ["FREQ=DAILY", "FREQ=HOURLY;COUNT=2", "FREQ=DAILY;COUNT=201", "nonsense"])
@pytest.mark.parametrize("start", ["10:00", "soon", None])
def test_a_rules_mistakes_stand_beside_the_others(desk, batch, course, rule, start):
    also = set() if start == "10:00" else {"start"}
    body = {"date": "2031-01-01", **({"start_time": start} if start else {}), "end_time": "11:00", "recurrence": rule}
    refused(desk.post(f"batches/{batch['id']}/schedule", body), 422, "validation_failed", "title", "recurrence", *({"start_time"} if also else set()))
    at = {"10:00": {"start_time": "2031-01-01T10:00:00Z"}, "soon": {"start_time": "soon"}, None: {}}[start]
    refused(desk.post(f"courses/{course['id']}/sessions/batch", {"sessions": [at], "recurrence": rule}), 422, "validation_failed", "sessions[0].title",
            "recurrence", *({"sessions[0].start_time"} if also else set()))
    at = {key.replace("start_time", "startTime"): value for key, value in at.items()}
    refused(desk.post("classes", {**at, "recurrence": rule}), 422, "validation_failed", "title", "recurrence", *({"startTime"} if also else set()))


def test_a_rules_expansion_is_judged_beside_the_others(desk, course):
    """It yields too many, or a start that the clocks jump over."""
    for rule, zone in (("FREQ=DAILY;UNTIL=20590101", "UTC"), ("FREQ=DAILY;COUNT=90", "Europe/Berlin")):
        at = {"startTime": "2031-01-01T02:30:00", "timezone": zone}
        refused(desk.post("classes", {**at, "recurrence": rule}), 422, "validation_failed", "title", "recurrence")
    refused(desk.post(f"courses/{course['id']}/sessions/batch", {"recurrence": "FREQ=HOURLY;COUNT=2"}), 422, "validation_failed", "sessions", "recurrence")


@pytest.mark.parametrize("path, change, field", [
    ("classes", {"duration": 1441}, "duration"), ("classes", {"duration": 0}, "duration"), ("classes", {"startTime": "soon"}, "startTime"),
    ("events", {"timezone": "Nowhere"}, "timezone"), ("appointments", {"durationMinutes": 1.5}, "durationMinutes"), ("appointments", {"type": "PHONE"}, "type"),
    ("appointments", {"appointmentTime": None}, "appointmentTime"), ("interviews", {"candidateId": ""}, "candidateId"), ("interviews", {"title": None}, "title"),
    ("classes", {"participantIds": ["a", "b", "a"]}, "participantIds[2]"), ("classes", {"participantIds": "a"}, "participantIds"),
])
def test_a_face_with_one_wrong_value(desk, path, change, field):
    explained(desk.book(path, **change), field)


def test_a_day_is_the_longest(desk):
    assert desk.booked("classes", duration=1440, createMeeting=False)["duration"] == 1440


def test_the_end_of_time(desk, course):
    """What cannot be written in every zone is not taken."""
    late, path = "9999-12-31T23:30:00Z", f"courses/{course['id']}/sessions"
    item = {"title": "Last", "start_time": late, "duration": 60, "create_zoom_meeting": False}
    refused(desk.post(f"{path}/batch", {"sessions": [item]}), 422, "validation_failed", "sessions[0].start_time")
    refused(desk.book("classes", startTime=late, createMeeting=False), 422, "validation_failed", "startTime")
    made = good(desk.post(f"{path}/batch", {"sessions": [{**item, "start_time": "9999-12-30T20:00:00Z"}]}))["sessions"][0]
    refused(desk.patch(f"{path}/{made['_id']}", {"start_time": late}), 422, "validation_failed", "start_time")


# ---- recurrence

@pytest.mark.parametrize("rule", [
    "FREQ=WEEKLY", "FREQ=DAILY;COUNT=10000", "FREQ=DAILY;COUNT=201", "FREQ=DAILY;UNTIL=20990101T000000Z", "FREQ=HOURLY;COUNT=3", "FREQ=SECONDLY;COUNT=3",
    "FREQ=FORTNIGHTLY;COUNT=2", "COUNT=3", "tomorrow", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=-1", "FREQ=DAILY;COUNT=2;UNTIL=20330101T000000Z",
    "RRULE", "FREQ=DAILY;COUNT=3\r\nX:y", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=3",
])
def test_a_rule_that_is_refused(desk, course, batch, rule):
    before = desk.stack.rows("SELECT COUNT(*) AS n FROM booking")[0]["n"]
    explained(desk.schedule(batch, recurrence=rule, create_zoom_meeting=False), "recurrence")
    one = {"title": "S", "start_time": f"{day()}T10:00:00Z", "duration": 30}
    explained(desk.post(f"courses/{course['id']}/sessions/batch", {"sessions": [one], "recurrence": rule, "create_zoom_meeting": False}), "recurrence")
    assert desk.stack.rows("SELECT COUNT(*) AS n FROM booking")[0]["n"] == before


def test_the_wall_clock_stays_when_the_clocks_change(desk, batch):
    sessions = good(desk.schedule(batch, date="2031-03-17", recurrence="FREQ=WEEKLY;COUNT=4", create_zoom_meeting=False))["sessions"]
    assert [session["starts_at"] for session in sessions] == [in_zone(f"{date}T10:00", "Europe/Berlin")
                                                              for date in ("2031-03-17", "2031-03-24", "2031-03-31", "2031-04-07")]
    assert {session["start_time"] for session in sessions} == {"10:00"} and {session["end_time"] for session in sessions} == {"11:30"}
    assert len({session["series_id"] for session in sessions}) == 1 and sessions[0]["series_id"]


def test_a_recurrence_that_meets_a_gap_is_refused_by_name(desk, batch):
    answer = desk.schedule(batch, date="2031-03-23", start_time="02:30", end_time="03:30", recurrence="FREQ=WEEKLY;COUNT=3", create_zoom_meeting=False)
    assert "does not exist in Europe/Berlin" in explained(answer, "recurrence")


def test_a_rule_by_days_of_the_week(desk, course):
    answer = desk.post(f"courses/{course['id']}/sessions/batch", {
        "sessions": [{"title": "S", "start_time": "2031-06-02T10:00:00", "duration": 30, "timezone": "Asia/Kolkata"}],
        "recurrence": "FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20310611T235959Z", "create_zoom_meeting": False})
    starts = [session["starts_at"] for session in good(answer)["sessions"]]
    assert starts == [in_zone(f"2031-06-{date}T10:00", "Asia/Kolkata") for date in ("02", "04", "09", "11")]


def test_a_recurrence_takes_exactly_one_session(desk, course):
    one = {"title": "S", "start_time": f"{day()}T10:00:00Z"}
    explained(desk.post(f"courses/{course['id']}/sessions/batch", {"sessions": [one, one], "recurrence": "FREQ=DAILY;COUNT=2"}), "sessions")
    explained(desk.post(f"courses/{course['id']}/sessions/batch", {"sessions": []}), "sessions")
    explained(desk.post(f"courses/{course['id']}/sessions/batch", {}), "sessions")
