"""meetpoolctl check, the doctor: each thing broken in turn, and the line that tells of it with its cure."""
import base64
import datetime
import http.server
import os
import pathlib
import ssl
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import oauth
from hooks import SETTINGS, Hooks, started
from pool import Pool


@pytest.fixture(scope="module")
def pool(make_stack):
    return Pool(make_stack(**SETTINGS))


class Report:
    def __init__(self, run):
        self.code, self.text = run.returncode, run.stdout
        *self.lines, self.total = run.stdout.splitlines()
        assert run.stderr == "", run.stderr
        errors, warnings = (sum(line.startswith(grade) for line in self.lines) for grade in ("error", "warning"))
        assert self.total == f"{errors} errors, {warnings} warnings"
        assert self.code == (2 if errors else 1 if warnings else 0)
        assert all(". Mend: " in line for line in self.lines if not line.startswith("ok ")), "a finding without its cure"

    def of(self, name):
        """(grade, the rest) of the lines about that."""
        return [tuple(line.split(None, 1)) for line in self.lines if line[9:].split(": ")[0] == name]

    def one(self, name):
        found = self.of(name)
        assert len(found) == 1, self.text
        return found[0]


def check(stack, *words, **settings):
    program = [stack.env["MEETPOOL_BIN_DIR"] + "/meetpoolctl", "--config", stack.run / "meetpool.env", "check", *words]
    env = {name: value for name, value in stack.env.items() if name not in ("MEETPOOL_BIN_DIR", "MEETPOOL_ENV_FILE")}
    env = {**env, "SSL_CERT_FILE": str(stack.run / "tls.crt"), **{name: str(value) for name, value in settings.items()}}
    return Report(subprocess.run(program, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60))


def test_nothing_is_wrong(pool):
    report = check(pool.stack)
    assert report.code == 0, report.text
    for name in ("schema", "clock", "MEETPOOL_DB_*", "MEETPOOL_PUBLIC_URL", "MEETPOOL_RECORDINGS_DIR", "MEETPOOL_ENCRYPTION_KEYS",
                 "scopes of account_2", "ZOOM_WEBHOOK_SECRET_TOKEN", "ZOOM_WEBHOOK_SECRET_TOKEN of account_1"):
        assert report.one(name)[0] == "ok"
    secrets = [value for name, value in pool.stack.settings.items() if "SECRET" in name or "KEYS" in name]
    assert secrets and not [secret for secret in secrets if secret in report.text]


def test_how_it_is_asked(pool):
    program = pool.stack.env["MEETPOOL_BIN_DIR"] + "/meetpoolctl"
    run = subprocess.run([program, "check", "me"], env=pool.stack.env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert run.returncode == 2 and run.stderr.startswith("Usage: meetpoolctl check")


# ---- Zoom ----

CLASSIC = "meeting:read:admin meeting:write:admin recording:read:admin user:read:admin"
GRANULAR = ("meeting:write:meeting:admin meeting:update:meeting:admin meeting:delete:meeting:admin meeting:read:meeting:admin"
            " meeting:read:list_meetings:admin meeting:update:status:admin meeting:read:list_past_instances:admin"
            " cloud_recording:read:list_user_recordings:admin cloud_recording:read:list_recording_files:admin user:read:user:admin")


def scopes(pool, text):
    pool.sandbox.call("POST", f"accounts/{pool.ids[1]}", {"scopes": text})
    pool.sandbox.revoke_tokens(pool.ids[1])


@pytest.fixture
def scoped(pool):
    yield lambda text: scopes(pool, text)
    scopes(pool, "")


@pytest.mark.parametrize("given", [CLASSIC, GRANULAR, GRANULAR.replace(":admin", "")])
def test_either_family_of_scopes_does(pool, scoped, given):
    scoped(given)
    assert check(pool.stack).one("scopes of account_2")[0] == "ok"


@pytest.mark.parametrize("given, lacks, grade, feature, name", [
    (GRANULAR, "meeting:delete:meeting:admin", "error", "meetings", "meeting:delete:meeting"),
    (GRANULAR, "cloud_recording:read:list_user_recordings:admin", "warning", "recordings", "cloud_recording:read:list_user_recordings"),
    (GRANULAR, "user:read:user:admin", "warning", "users", "user:read:user"),
    (CLASSIC, "meeting:write:admin", "error", "meetings", "meeting:write:admin"),
    (CLASSIC, "recording:read:admin", "warning", "recordings", "recording:read:admin"),
])
def test_a_scope_that_is_missing(pool, scoped, given, lacks, grade, feature, name):
    scoped(given.replace(lacks, "").strip())
    report = check(pool.stack)
    found, line = report.one("scopes of account_2")
    assert found == grade and f"for {feature} it lacks {name}" in line and "activate it" in line
    assert report.one("scopes of account_1")[0] == "ok"


def test_scopes_to_remove_recordings_matter_where_they_are_removed(pool, scoped):
    scoped(GRANULAR)
    found, line = check(pool.stack, MEETPOOL_SYNC_DELETE_SOURCE="true").one("scopes of account_2")
    assert found == "warning" and "cloud_recording:delete:" in line


def test_credentials_that_zoom_refuses(pool):
    pool.secret(1, "another")
    try:
        grade, line = check(pool.stack).one("ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET of account_1")
    finally:
        pool.reset()
    assert grade == "error" and "Zoom refuses them" in line


# ---- Webhooks ----

def test_what_came_by_webhook(pool):
    hooks, names = Hooks(pool.stack), ("ZOOM_WEBHOOK_SECRET_TOKEN", "ZOOM_WEBHOOK_SECRET_TOKEN of account_1")
    meeting = pool.booked()
    hooks.told(started(meeting), app="account_1")
    hooks.settled()
    report = check(pool.stack)
    assert report.one(names[1])[0] == "ok" and "last heard meeting.started" in report.one(names[1])[1]
    assert "waits for its first event" in report.one(names[0])[1]
    pool.stack.rows("UPDATE webhook_app SET alarmed_at = last_event_at + 1 WHERE app = 'account_1'")
    pool.stack.rows("INSERT INTO webhook_app (app, last_event, last_event_at, alarmed_at) VALUES ('account_1', 'meeting.started', 1000, 2000)"
                    " ON DUPLICATE KEY UPDATE last_event_at = 1000, alarmed_at = 2000")
    pool.stack.rows("DELETE FROM webhook_event")
    grade, line = check(pool.stack).one(names[1])
    assert grade == "warning" and "though meetings were held" in line and "/api/zoom/webhook/account_1" in line
    assert hooks.send(started(meeting), secret="wrong").status_code == 401
    grade, line = check(pool.stack).one(names[0])
    assert grade == "error" and "was not signed with it" in line and "copy the secret token anew" in line
    pool.stack.rows("DELETE FROM webhook_app")
    pool.reset()


def test_nothing_can_come_from_zoom(pool):
    """Zoom is not on this machine, so that an app has to be subscribed; nothing answers there."""
    elsewhere = {"ZOOM_API_URL": "https://zoom.invalid/v2", "ZOOM_OAUTH_URL": "https://zoom.invalid/oauth"}
    report = check(pool.stack, **elsewhere)
    grade, line = report.one("ZOOM_WEBHOOK_SECRET_TOKEN")
    assert grade == "warning" and "nothing ever came" in line and "subscribe" in line
    assert report.of("ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET of account_1")[0][0] == "warning"


# ---- Clocks, certificate ----

class Wrong(http.server.BaseHTTPRequestHandler):
    """Answers everything with 404 and a clock of its own."""
    ahead_s = 3600

    def date_time_string(self, timestamp=None):
        return super().date_time_string(datetime.datetime.now().timestamp() + self.ahead_s)

    def do_GET(self):
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *_):
        pass


def serve(context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Wrong)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def wrong():
    server = serve()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_clocks_that_differ(pool, wrong):
    found = check(pool.stack, ZOOM_API_URL=wrong + "/v2").of("clock")
    assert len(found) == 1 and found[0][0] == "warning" and "Zoom's differs from this host's by 3" in found[0][1] and "NTP" in found[0][1]
    s3 = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret-of-ours", "BUCKET_NAME": "bucket", "AWS_ENDPOINT_URL_S3": wrong}
    report = check(pool.stack, **s3)
    assert [grade for grade, _ in report.of("clock")] == ["ok", "warning"] and "S3 refuses" in report.of("clock")[1][1]
    assert report.one("BUCKET_NAME, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY")[0] == "error" and "secret-of-ours" not in report.text


def certificate(folder, days):
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    end = datetime.datetime.utcnow() + datetime.timedelta(days=days, hours=1)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
            .not_valid_before(end - datetime.timedelta(days=90)).not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False).sign(key, hashes.SHA256()))
    folder.mkdir(exist_ok=True)
    (folder / "crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return folder


@pytest.mark.parametrize("days, grade, says", [(60, "ok", "good for 60 days"), (5, "warning", "ends in 5 days"), (-2, "error", "has expired")])
def test_the_certificate_that_people_see(pool, tmp_path, days, grade, says):
    files = certificate(tmp_path / "tls", days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "crt", files / "key")
    server = serve(context)
    url = f"https://localhost:{server.server_port}"
    found = check(pool.stack, MEETPOOL_PUBLIC_URL=url, SSL_CERT_FILE=files / "crt").one("MEETPOOL_PUBLIC_URL")
    server.shutdown()
    server.server_close()
    assert found[0] == grade and says in found[1]


def test_an_address_where_nothing_answers(pool):
    grade, line = check(pool.stack, MEETPOOL_PUBLIC_URL="https://localhost:1").one("MEETPOOL_PUBLIC_URL")
    assert grade == "warning" and "does not answer" in line


# ---- The database ----

def test_a_database_that_forgets(pool):
    pool.stack.rows("SET GLOBAL innodb_flush_log_at_trx_commit = 0")
    try:
        grade, line = check(pool.stack).one("innodb_flush_log_at_trx_commit")
        ready = pool.stack.get("/readyz", role=None)
    finally:
        pool.stack.rows("SET GLOBAL innodb_flush_log_at_trx_commit = 1")
    assert grade == "warning" and "is 0: a crash of the server may undo bookings" in line and "set it to 1" in line
    assert ready.status_code == 200 and [one["code"] for one in ready.json()["warnings"]] == ["database_not_durable"]
    assert "warnings" not in pool.stack.get("/readyz", role=None).json()


def test_a_schema_that_is_behind(pool):
    rows = pool.stack.rows("SELECT version, name, applied_at FROM schema_version WHERE version > 1")
    pool.stack.rows("DELETE FROM schema_version WHERE version > 1")
    try:
        grade, line = check(pool.stack).one("schema")
    finally:
        for row in rows:
            pool.stack.rows("INSERT INTO schema_version (version, name, applied_at) VALUES (%s, %s, %s)", *row.values())
    assert grade == "error" and "is at version 1, this release needs" in line and "run meetpoolctl migrate" in line


def test_more_workers_than_others_bear(pool, tmp_path):
    connections = pool.stack.rows("SELECT @@GLOBAL.max_connections AS most")[0]["most"]
    grade, line = check(pool.stack, MEETPOOL_ZOOM_WORKERS=min(connections, 500)).one("max_connections")
    assert grade == "warning" and f"is {connections}" in line
    nginx = tmp_path / "nginx.conf"
    nginx.write_text("worker_processes 2;\nevents {\n    worker_connections 20; # few\n}\n")
    grade, line = check(pool.stack, "--nginx", str(nginx)).one("worker_connections")
    assert grade == "warning" and "holds 40 connections" in line
    nginx.write_text("worker_processes auto;\nevents {\n\tworker_connections\t768;\n}\n")
    assert check(pool.stack, "--nginx", str(nginx)).one("worker_connections")[0] == "ok"
    assert check(pool.stack, "--nginx", str(tmp_path / "none")).one("--nginx")[0] == "error"


def test_few_files(pool):
    program = [pool.stack.env["MEETPOOL_BIN_DIR"] + "/meetpoolctl", "--config", pool.stack.run / "meetpool.env", "check"]
    run = subprocess.run(["/bin/sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *program], env=pool.stack.env, capture_output=True, text=True, timeout=60)
    assert "warning  LimitNOFILE: a process may open 64 files here" in run.stdout


# ---- What is stored where ----

def test_a_folder_that_takes_nothing(pool, tmp_path):
    here = pathlib.Path(tmp_path, "recordings")
    (here / ".incoming").mkdir(parents=True)
    assert check(pool.stack, MEETPOOL_RECORDINGS_DIR=here).one("MEETPOOL_RECORDINGS_DIR")[0] == "ok"
    assert not [path for path in here.rglob("*") if path.is_file()], "the trial stayed"
    (here / "videos").rmdir()
    (here / "videos").write_text("in the way")
    grade, line = check(pool.stack, MEETPOOL_RECORDINGS_DIR=here).one("MEETPOOL_RECORDINGS_DIR")
    assert grade == "error" and "let the user that meetpoold runs as write to it" in line
    assert os.listdir(here / ".incoming") == []


def test_mail_without_recipients(pool):
    grade, line = check(pool.stack, MEETPOOL_SMTP_URL="smtp://localhost").one("MEETPOOL_SMTP_URL, MEETPOOL_ALERT_TO, MEETPOOL_ALERT_FROM")
    assert grade == "error" and "MEETPOOL_ALERT_TO is not set" in line


def test_keys(pool):
    oauth.connect(pool.stack, "tutor-c", "host5@account1.example.com")
    other = base64.b64encode(bytes(range(32))).decode()
    found = check(pool.stack, MEETPOOL_ENCRYPTION_KEYS="k9:" + other).of("MEETPOOL_ENCRYPTION_KEYS")
    assert [grade for grade, _ in found] == ["ok", "error"] and "lacks key k1" in found[1][1] and "add it behind the newest" in found[1][1]
    assert check(pool.stack, MEETPOOL_ENCRYPTION_KEYS="k9:short").one("MEETPOOL_ENCRYPTION_KEYS")[0] == "error"
    assert other not in "".join(line for _, line in found)


def test_names_and_values_that_are_wrong(pool):
    report = check(pool.stack, MEETPOOL_WORKRES="4", MEETPOOL_WORKERS="many")
    assert report.one("MEETPOOL_WORKRES")[0] == "warning" and report.one("MEETPOOL_WORKERS")[0] == "error"
