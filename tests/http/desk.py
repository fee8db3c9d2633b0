"""Courses, batches and bookings of every face, as the tests make them."""
import datetime
import itertools
import zoneinfo

from booking import differences
from harness import wait_for

UTC = datetime.timezone.utc
NEEDED = {"classes": {}, "events": {}, "custom-sessions": {}, "appointments": {"doctorId": "doc-1", "patientId": "pat-1"},
          "interviews": {"interviewerId": "int-1", "candidateId": "can-1"}}
SINGULAR = {"classes": "class", "events": "event", "custom-sessions": "custom_session", "appointments": "appointment", "interviews": "interview"}
PLURAL = {path: path.replace("-", "_") for path in SINGULAR}
TIME = {path: "appointmentTime" if path == "appointments" else "startTime" for path in SINGULAR}
LENGTH = {path: "durationMinutes" if path == "appointments" else "duration" for path in SINGULAR}
HOST = {"classes": "hostId", "events": "hostId", "custom-sessions": "hostId", "appointments": "doctorId", "interviews": "interviewerId"}
FACES = sorted(SINGULAR)

days = itertools.count()


def day():
    """A date that no other test uses."""
    return (datetime.date(2032, 1, 5) + datetime.timedelta(days=next(days))).isoformat()


def instant(spelled):
    return datetime.datetime.fromisoformat(spelled.replace("Z", "+00:00"))


def in_zone(local, zone):
    """ "2031-03-30T10:00" there, as the API spells the instant; of two the first."""
    at = datetime.datetime.fromisoformat(local).replace(tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def good(response, status=201):
    assert response.status_code == status, response.text
    return response.json()["data"]


def codes(response):
    return [warning["code"] for warning in response.json().get("warnings", [])]


def refused(response, status, code, *fields):
    """The failure; each of `fields` must stand in its details (all of them and no other where `fields` are given)."""
    assert response.status_code == status, response.text
    body = response.json()
    assert body["code"] == code, body
    if fields:
        assert {detail["field"] for detail in body["details"]} == set(fields), body
    return body


def explained(response, field):
    """Why a 422 refuses that field."""
    body = refused(response, 422, "validation_failed")
    found = [detail["message"] for detail in body["details"] if detail["field"] == field]
    assert found, body
    return found[0]


class Desk:
    """A stack, and one person who asks it."""

    def __init__(self, stack, sub="tutor-1", role="tutor"):
        self.stack, self.sandbox = stack, stack.sandbox
        self.who = {"sub": sub, "role": role}

    def as_(self, sub, role):
        return Desk(self.stack, sub, role)

    def get(self, path, **more):
        return self.stack.get(path, **{**self.who, **more})

    def post(self, path, body=None, **more):
        return self.stack.post(path, body, **{**self.who, **more})

    def patch(self, path, body, **more):
        return self.stack.patch(path, body, **{**self.who, **more})

    def delete(self, path, **more):
        return self.stack.delete(path, **{**self.who, **more})

    # ---- making

    def course(self, **more):
        return good(self.post("courses", {"title": "Advanced JavaScript", **more}))["course"]

    def batch(self, course=None, **more):
        if course is not None:
            more["course_id"] = course["id"]
        return good(self.post("batches", {"name": "Batch 1", **more}))["batch"]

    def schedule(self, batch, **more):
        """The whole answer."""
        body = {"date": day(), "start_time": "10:00", "end_time": "11:30", "title": "Introduction", **more}
        return self.post(f"batches/{batch['id']}/schedule", body)

    def session(self, batch, **more):
        return good(self.schedule(batch, **more))["session"]

    def face_body(self, path, **more):
        return {"title": "Lesson", TIME[path]: f"{day()}T10:00:00Z", LENGTH[path]: 45, **NEEDED[path], **more}

    def book(self, path, **more):
        """The whole answer."""
        return self.post(path, self.face_body(path, **more))

    def booked(self, path, **more):
        return good(self.book(path, **more))[SINGULAR[path]]

    # ---- reading

    def read_session(self, batch, session):
        return good(self.get(f"batches/{batch['id']}/schedule/{session['_id']}"), 200)["session"]

    def read(self, path, booking):
        return good(self.get(f"{path}/{booking['id']}"), 200)[SINGULAR[path]]

    def at_zoom(self, number):
        """The meeting with that number at Zoom; None: it is not there (any more)."""
        found = [one for one in self.sandbox.meetings(deleted="false")["meetings"] if str(one["id"]) == str(number)]
        return found[0] if found else None

    def live(self):
        return self.sandbox.meetings(deleted="false")["meetings"]

    def wait_state(self, read, state, seconds=10):
        """Reads until the meeting's state is that one; answers what was read then."""
        def look():
            one = read()
            return one if one.get("meeting_state", one.get("meetingState")) == state else None
        return wait_for(look, seconds, 0.2, f"the meeting state {state}")


def same_kind(answer, seed, where="answer"):
    """Every key of the seed's example is there, with a value of its kind."""
    assert isinstance(answer, type(seed)), f"{where} is {answer!r}"
    if isinstance(seed, dict):
        missing = seed.keys() - answer.keys()
        assert not missing, f"{where} lacks {missing}"
        for key in seed:
            same_kind(answer[key], seed[key], f"{where}.{key}")


def path_of(batch, session):
    return f"batches/{batch['id']}/schedule/{session['_id']}"


def fill(desk, date, hour, accounts=(1, 2, 3)):
    """Each of these accounts has a meeting then."""
    return [good(desk.stack.post("zoom/meetings", {"topic": "Full", "start_time": f"{date}T{hour:02}:00:00Z", "duration": 60, "account": f"account_{n}"}))
            ["meeting"] for n in accounts]


def at_rest(desk):
    wait_for(lambda: not [wrong for wrong in differences(desk.stack) if "places are taken" not in wrong], 10, 0.2, "agreement")


def slots(desk, batch, sessions):
    return [(one["start_time"], one["title"]) for one in (desk.read_session(batch, session) for session in sessions)]
