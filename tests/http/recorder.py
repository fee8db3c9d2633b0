"""A batch whose sessions are held and recorded at Zoom, and what is to be here then."""
import datetime
import hashlib
import pathlib
import zoneinfo

from desk import Desk, good
from harness import wait_for

QUICK = {"MEETPOOL_SYNC_INTERVAL": 1, "MEETPOOL_SYNC_BUFFER": 0, "MEETPOOL_SYNC_RETRY_DELAY": 1, "MEETPOOL_SYNC_LATE_DAYS": 1,
         "MEETPOOL_SYNC_LATE_INTERVAL": 1, "MEETPOOL_SYNC_MAX_ATTEMPTS": 3, "MEETPOOL_SYNC_LEDGER_INTERVAL": 1, "MEETPOOL_CLEANUP_INTERVAL": 1}
UTC = datetime.timezone.utc
PATIENCE_S = 25


class Recorder:
    """A stack, a tutor with a batch, and what happens at Zoom."""

    def __init__(self, stack):
        self.stack, self.sandbox = stack, stack.sandbox
        self.desk = Desk(stack, "tutor-r", "tutor")
        self.admin = self.desk.as_("admin-1", "admin")
        self.sandbox.call("DELETE", "webhooks")  # what is found is found by looking, unless a test says what is told

    def batch(self, **more):
        return self.desk.batch(self.desk.course(), **more)

    def session(self, batch, **more):
        """One that begins in some minutes."""
        zone = "UTC" if datetime.datetime.now(UTC).hour < 20 else "Etc/GMT+6"
        start = datetime.datetime.now(zoneinfo.ZoneInfo(zone)) + datetime.timedelta(minutes=5)
        times = {"date": start.date().isoformat(), "start_time": start.strftime("%H:%M"), "timezone": zone,
                 "end_time": (start + datetime.timedelta(minutes=30)).strftime("%H:%M")}
        return self.desk.session(batch, **{**times, **more})

    @staticmethod
    def number(session):
        return session["zoom_meeting"]["meeting_id"]

    def hold(self, session, end=True):
        """Somebody starts it, which our record learns, and ends it through us."""
        number = self.number(session)
        self.sandbox.call("POST", f"meetings/{number}/start")
        good(self.admin.get(f"zoom/meetings/{number}", params={"refresh": "true"}), 200)
        if end:
            good(self.admin.post(f"zoom/meetings/{number}/end"), 200)

    def record(self, session, *files, **where):
        body = {**(where or {"meeting": int(self.number(session))}), **({"files": list(files)} if files else {})}
        return self.sandbox.call("POST", "recordings", body)

    def held(self, batch, *files, **more):
        """A session that was held, with a recording at Zoom."""
        return self.over(self.session(batch, **more), *files)

    def over(self, session, *files):
        self.hold(session)
        self.record(session, *files)
        return session

    def status(self, batch, who=None, **query):
        return good((who or self.desk).get(f"batches/{batch['id']}/zoom-sync-status", params=query), 200)

    def of(self, batch, session):
        return next(one for one in self.status(batch)["sessions"] if one["session_id"] == session["_id"])

    def until(self, batch, session, state, seconds=PATIENCE_S):
        def look():
            one = self.of(batch, session)
            return one if one["sync_state"] == state else None
        return wait_for(look, seconds, 0.2, f"the recording to be {state}, it is {self.of(batch, session)}")

    def follow(self, answer, state="done", seconds=PATIENCE_S):
        data = good(answer, 202)

        def look():
            job = good(self.desk.get(f"jobs/{data['job_id']}"), 200)["job"]
            return job if job["state"] in ("done", "failed") else None
        job = wait_for(look, seconds, 0.2, "the end of the job")
        assert job["state"] == state, job
        return job

    def last_try(self, session):
        """Its files that still fail then are given up."""
        def look():
            return self.stack.rows("SELECT 1 FROM job j JOIN recording_file f ON j.subject = CAST(f.id AS CHAR) COLLATE utf8mb4_bin"
                                   " JOIN meeting m ON m.id = f.meeting_id WHERE j.kind = 'recording.move' AND j.slot = 0 AND m.zoom_id = %s",
                                   self.number(session))
        wait_for(look, PATIENCE_S, 0.02, "the job that moves the file")
        self.stack.rows("UPDATE job j JOIN recording_file f ON j.subject = CAST(f.id AS CHAR) COLLATE utf8mb4_bin JOIN meeting m ON m.id = f.meeting_id"
                        " SET j.attempts = j.most_attempts - 1 WHERE j.kind = 'recording.move' AND j.slot = 0 AND m.zoom_id = %s", self.number(session))

    # ---- what is there

    def files(self, session=None):
        """Rows of files, of one session's meeting."""
        where = "WHERE m.zoom_id = %s" if session else ""
        return self.stack.rows(f"SELECT f.* FROM recording_file f JOIN meeting m ON m.id = f.meeting_id {where} ORDER BY f.id",
                               *([self.number(session)] if session else []))

    def lessons(self, session):
        return self.stack.rows("SELECT l.* FROM lesson l JOIN booking b ON b.id = l.booking_id WHERE b.public_id = %s ORDER BY l.id", session["_id"])

    def at_zoom(self, session):
        return self.sandbox.call("GET", f"recordings?meeting={self.number(session)}")["recordings"]

    def content(self, row):
        return pathlib.Path(self.folder(), row["object_key"]).read_bytes()

    def folder(self):
        return self.stack.settings.get("MEETPOOL_RECORDINGS_DIR") or self.stack.env["MEETPOOL_RECORDINGS_DIR"]

    def check_home(self, session, wanted=None):
        """Every file of Zoom's that is brought home is here once, byte by byte, and has one lesson."""
        at_zoom = [one for one in self.at_zoom(session) if one["file_extension"] in ("MP4", "M4A", "TXT", "VTT", "JSON")]
        rows = self.files(session)
        assert len(rows) == len(at_zoom) == (wanted or len(at_zoom)), (rows, at_zoom)
        sums = {self.sandbox.call("GET", f"recordings/{one['key']}/sha256")["sha256"] for one in at_zoom}
        assert {hashlib.sha256(self.content(row)).hexdigest() for row in rows} == sums
        lessons = self.lessons(session)
        assert sorted(one["file_id"] for one in lessons) == sorted(row["id"] for row in rows)
        return rows


def reset(recorder):
    """What a test turned in its sandbox is turned back."""
    recorder.sandbox.clear_faults()
    recorder.sandbox.knobs(download_denied="401", download_base="", recordings_forbidden=False, auto_record=False, uuid_style="any",
                           download_bytes_per_s=0)
