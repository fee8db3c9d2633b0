"""
The console's summary among a long history: a million meetings and what comes with them, a busy day, and answers one after the other over one kept TLS
connection.
"""
import http.client
import ssl
import statistics
import sys
import time
import urllib.parse

MEETINGS = 1_000_000
STEP = 100_000
DAY_MS = 86_400_000
ASKED = 1000


class Summaries:
    def __init__(self, stack):
        self.stack = stack
        self.now = int(time.time() * 1000)

    def fill(self):
        """Two years: each meeting with its place, its booking, its recording, its jobs' and people's traces; one in a hundred failed."""
        # 63 s lie between two.
        at = f"{self.now} - CAST(seq AS SIGNED) * 63000"
        for first in range(1, MEETINGS, STEP):
            rows = f"seq_{first}_to_{first + STEP - 1}"
            print(f"{first + STEP - 1} meetings", file=sys.stderr)
            for statement in (
                    "INSERT INTO meeting (id, owner_sub, status, topic, starts_at, duration_min, timezone, zoom_id, account_id, host_id, created_at, updated_at)"
                    f" SELECT 5000000 + seq, CONCAT('b', seq MOD 5000), IF(seq MOD 100, 'ended', 'failed'), 'x', {at}, 45, 'UTC', 5000000 + seq,"
                    f" 1 + seq MOD 20, 1 + seq MOD 100, {at}, {at} FROM {rows}",
                    "INSERT INTO place (meeting_id, account_id, host_id, ref, state, taken, busy_from, busy_until, zoom_id, created_at)"
                    f" SELECT 5000000 + seq, 1 + seq MOD 20, 1 + seq MOD 100, CONCAT('s', seq), 'held', seq MOD 2, {at}, {at} + 2700000, 5000000 + seq, {at}"
                    f" FROM {rows}",
                    "INSERT INTO booking (public_id, kind, status, owner_sub, title, topic, starts_at, ends_at, timezone, wants_meeting, meeting_id,"
                    f" meeting_state, created_at, updated_at) SELECT CONCAT('face', LPAD(LOWER(HEX(seq)), 20, '0')), 'class', 'completed', 'b', 'x', 'x',"
                    f" {at}, {at} + 2700000, 'UTC', 1, 5000000 + seq, 'ok', {at}, {at} FROM {rows}",
                    "INSERT INTO recording (meeting_id, state, error, created_at, updated_at) SELECT 5000000 + seq,"
                    f" IF(seq MOD 100, 'synced', ELT(1 + seq DIV 100 MOD 4, 'failed', 'waiting', 'late', 'none')), 'x', {at}, {at} FROM {rows}",
                    f"INSERT INTO audit (at, actor, action, subject, outcome, detail) SELECT {at}, 'b', 'POST zoom/meetings', seq,"
                    f" IF(seq MOD 10, 'ok', 'failed'), IF(seq MOD 10, NULL, 'not_found') FROM {rows}"):
                self.stack.rows(statement)
        for statement in (
                "INSERT INTO job (public_id, kind, subject, lane, priority, state, due_at, created_at, finished_at) SELECT CONCAT('face', LPAD(LOWER(HEX(seq)),"
                f" 20, '0')), 'recording.find', seq, 0, 50, IF(seq MOD 50, 'done', 'failed'), 0, 0, {self.now} FROM seq_1_to_200000",
                "INSERT INTO day_sum (day, name, value) SELECT day.seq, CONCAT('sum', name.seq), 1 FROM seq_18000_to_20000 day JOIN seq_1_to_30 name",
                "INSERT INTO connection (sub, state, zoom_user_id, zoom_email, expires_at, renew_at, connected_at, refreshed_at)"
                f" SELECT CONCAT('c', seq), IF(seq MOD 20, 'connected', 'reconnect_needed'), seq, 'c@example.com', 0, {self.now} + {DAY_MS}, 0, {self.now}"
                " FROM seq_1_to_20000",
                # Today and tomorrow: every host has a meeting each hour.
                "INSERT INTO meeting (id, owner_sub, status, topic, starts_at, duration_min, timezone, zoom_id, account_id, host_id, created_at, updated_at)"
                f" SELECT 9000000 + seq, 'b', 'scheduled', 'Lesson', {self.now} + seq DIV 100 * 3600000, 45, 'UTC', 9000000 + seq, 1 + seq MOD 20,"
                f" 1 + seq MOD 100, {self.now}, {self.now} FROM seq_1_to_2400",
                "INSERT INTO place (meeting_id, account_id, host_id, ref, state, busy_from, busy_until, zoom_id, created_at) SELECT id, account_id, host_id,"
                " CONCAT('t', id), 'held', starts_at, starts_at + 2700000, zoom_id, created_at FROM meeting WHERE id > 9000000",
                # All that are as old as that were counted into the days long ago.
                "INSERT INTO day_sum (day, name, value) SELECT 0, 'meetings_counted_to', MAX(id) FROM meeting ON DUPLICATE KEY UPDATE value = VALUES(value)",
                "INSERT INTO day_sum (day, name, value) SELECT 0, 'refusals_counted_to', MAX(id) FROM audit ON DUPLICATE KEY UPDATE value = VALUES(value)",
                "ANALYZE TABLE meeting, place, booking, recording, audit, job, day_sum, connection"):
            self.stack.rows(statement)

    def ask(self, connection, path, token):
        begun = time.monotonic()
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
        took = time.monotonic() - begun
        assert answer.status == 200, body[:300]
        return took * 1000

    def tell(self, tell):
        self.fill()
        url = urllib.parse.urlsplit(self.stack.base)
        connection = http.client.HTTPSConnection(url.hostname, url.port, context=ssl._create_unverified_context())
        token = self.stack.token("admin-1", "admin", ttl=3600)
        for name, path in (("summary", "/api/admin/summary"), ("summary_days", "/api/admin/summary?days=90")):
            for _ in range(20):
                self.ask(connection, path, token)
            took = [self.ask(connection, path, token) for _ in range(ASKED)]
            tell(f"{name}_p50", statistics.median(took), "ms")
            tell(f"{name}_p99", statistics.quantiles(took, n=100)[98], "ms")
        connection.close()
