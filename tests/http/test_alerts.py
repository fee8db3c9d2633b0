"""Mail to the operators: one digest an interval, nothing lost, nothing smuggled into it."""
import subprocess
import time

import pytest

from harness import free_ports, wait_for
from mail import MailServer, certificate

TO = "ops@example.org, second.desk+night@example.org"


def alert(stack, kind="recording_failed", subject="meeting 1", message="It broke.", times=1):
    """As the program raises it."""
    stack.rows("INSERT INTO alert (kind, subject, message, times, first_at, last_at) VALUES (%s, %s, %s, %s, UNIX_TIMESTAMP(NOW(3)) * 1000 - 60000,"
               " UNIX_TIMESTAMP(NOW(3)) * 1000) ON DUPLICATE KEY UPDATE times = times + VALUES(times)", kind, subject, message, times)


def mails(server, count=1, seconds=30):
    wait_for(lambda: len(server.mails) >= count, seconds, what=f"mail number {count}")
    return server.mails


def settled(stack):
    wait_for(lambda: not stack.rows("SELECT 1 FROM alert WHERE told_at = 0"), 20, what="all of it told")


@pytest.fixture(scope="module")
def plain(make_stack):
    server = MailServer()
    stack = make_stack(MEETPOOL_SMTP_URL=f"smtp://127.0.0.1:{server.port}", MEETPOOL_ALERT_TO=TO, MEETPOOL_ALERT_FROM="pool@example.org",
                       MEETPOOL_ALERT_INTERVAL=2)
    yield stack, server
    server.close()


@pytest.fixture(autouse=True)
def clean(request):
    if "plain" not in request.fixturenames:
        return
    stack, server = request.getfixturevalue("plain")
    server.release()
    server.refusals = 0
    stack.rows("DELETE FROM alert")
    server.mails.clear()


def test_many_failures_are_one_mail(plain):
    stack, server = plain
    with stack.db() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.executemany("INSERT INTO alert (kind, subject, message, times, first_at, last_at) VALUES ('recording_failed', %s, %s, 1, 1, 1)",
                           [(f"meeting {i}", f"reason {i}") for i in range(100)])
        cursor.execute("INSERT INTO alert (kind, subject, message, times, first_at, last_at) VALUES ('account_inactive', 'account_2', 'Zoom says no.',"
                       " 4, 1700000000000, 1700000060000), ('unheard_of', 'x', 'y', 1, 1, 1)")
        cursor.execute("COMMIT")
    [mail] = mails(server)
    assert mail.sender == "<pool@example.org>" and mail.recipients == ["<ops@example.org>", "<second.desk+night@example.org>"]
    assert "1 Zoom account does not work" in mail.subject and "100 recordings did not come home" in mail.subject
    assert "account_2: Zoom says no." in mail.text and "4 times, first at 2023-11-14T22:13:20Z" in mail.text
    assert "meeting 0: reason 0" in mail.text and "and 60 more" in mail.text and "reset-account" in mail.text
    assert mail.message["Message-ID"].endswith("@example.org>") and mail.message["Date"].datetime.year >= 2026
    settled(stack)
    assert len(server.mails) == 1


def test_no_more_than_one_mail_an_interval(plain):
    stack, server = plain
    began, raised = time.monotonic(), 0
    while len(server.mails) < 3:
        assert time.monotonic() < began + 60
        alert(stack, subject=f"meeting {raised}")
        raised += 1
        time.sleep(0.05)
    dates = [one.message["Date"].datetime.timestamp() for one in server.mails]
    assert all(later - earlier >= 1 for earlier, later in zip(dates, dates[1:])), dates
    settled(stack)
    said = "".join(one.text for one in server.mails)
    assert sum(f"meeting {i}: " in said for i in range(min(raised, 40))) == min(raised, 40)


def test_a_mail_that_is_refused_is_sent_later(plain):
    stack, server = plain
    server.refusals = 2
    alert(stack, subject="refused")
    [mail] = mails(server, seconds=60)
    assert "refused: It broke." in mail.text
    settled(stack)
    failed = stack.rows("SELECT error FROM job WHERE kind = 'alert.digest' AND error_code = 'mail_failed'")
    assert "451" in failed[0]["error"] and "127.0.0.1" not in failed[0]["error"]


def test_what_grows_while_it_is_told_is_told_again(plain):
    stack, server = plain
    server.hold()
    arrivals = server.arrivals
    alert(stack, subject="growing")
    wait_for(lambda: server.arrivals > arrivals, 15)
    alert(stack, subject="growing", times=5)
    server.release()
    first, second = mails(server, 2)[:2]
    assert " times, first at" not in first.text and "5 times, first at" in second.text
    settled(stack)


def test_one_wrong_recipient_does_not_silence_the_others(plain):
    stack, server = plain
    server.strangers.add("<ops@example.org>")
    alert(stack, subject="stranger")
    [mail] = mails(server)
    assert mail.recipients == ["<second.desk+night@example.org>"]
    server.strangers.clear()
    settled(stack)


def test_nothing_is_smuggled_into_a_mail(plain):
    stack, server = plain
    wicked = "x\r\nBcc: thief@example.org\r\n.\r\nMAIL FROM:<a@b>\r\n\u202e é ß 漢字 =?UTF-8?Q?x?= " + "y" * 100
    alert(stack, kind="account_inactive", subject=wicked, message=wicked)
    [mail] = mails(server)
    assert "Bcc" not in mail.message and mail.message.keys().count("Subject") == 1
    assert mail.recipients == ["<ops@example.org>", "<second.desk+night@example.org>"]
    assert "漢字" in mail.text and "\n." not in mail.text and "\nMAIL" not in mail.text
    assert all(len(line) <= 998 for line in mail.raw.split(b"\r\n")) and mail.raw.isascii()
    settled(stack)
    assert len(server.mails) == 1


def test_nobody_is_told_where_nobody_is_named(stack):
    for i in range(3):
        alert(stack, subject=f"unsaid {i}")
    for _ in range(2):
        newest = stack.rows("SELECT COUNT(*) AS n FROM job WHERE kind = 'alert.digest' AND state = 'done'")[0]["n"]
        stack.rows("INSERT INTO job (public_id, kind, subject, slot, lane, priority, state, due_at, created_at) VALUES (SUBSTR(SHA1(RAND()), 1, 24),"
                   " 'alert.digest', RAND(), 0, 0, 50, 'queued', 1, 1)")
        wait_for(lambda: stack.rows("SELECT COUNT(*) AS n FROM job WHERE kind = 'alert.digest' AND state = 'done'")[0]["n"] > newest, 10)
    assert stack.rows("SELECT COUNT(*) AS n FROM alert WHERE told_at = 0 AND subject LIKE 'unsaid%%'")[0]["n"] == 3
    stack.rows("DELETE FROM alert WHERE subject LIKE 'unsaid%%'")


# ---- servers elsewhere: 0.0.0.0 is this machine without being its loopback


@pytest.mark.parametrize("implicit", [False, True], ids=["STARTTLS", "smtps"])
def test_a_server_elsewhere_is_spoken_to_by_tls_alone(make_stack, tmp_path, implicit):
    [port] = free_ports(1)
    known = certificate(tmp_path, "0.0.0.0")
    unknown = certificate(tmp_path / "unknown", "0.0.0.0")
    stack = make_stack(MEETPOOL_SMTP_URL=f"smtp{'s' if implicit else ''}://post%40ops:pa%3Ass%2Fword@0.0.0.0:{port}", MEETPOOL_ALERT_TO="ops@example.org",
                       MEETPOOL_ALERT_INTERVAL=1, SSL_CERT_FILE=known[0])
    alert(stack, subject="a secret of ours")
    for wrong in [{"certificate": unknown, "implicit": implicit}] + [{"certificate": known, "offers_tls": False}] * (not implicit):
        server, before = MailServer(port=port, **wrong), len(stack.log("alert.mail_failed"))
        wait_for(lambda: len(stack.log("alert.mail_failed")) >= before + 2, 30, what="two refusals")
        server.close()
        assert not [line for line in server.heard if line.split()[:1] in (["MAIL"], ["AUTH"], ["RCPT"], ["DATA"])] and not server.mails
    assert stack.rows("SELECT 1 FROM alert WHERE told_at = 0")
    server = MailServer(known, implicit=implicit, port=port)
    [mail] = mails(server)
    assert mail.tls and mail.user == ["post@ops", "pa:ss/word"] and "a secret of ours" in mail.text
    settled(stack)
    assert "pa:ss" not in stack.log_text() and "pa%3Ass" not in stack.log_text()
    stack.down("--purge")
    server.close()


# ---- settings


@pytest.mark.parametrize("given, named", [
    ({"MEETPOOL_SMTP_URL": "smtp://localhost"}, "MEETPOOL_ALERT_TO"),
    ({"MEETPOOL_ALERT_TO": "a@example.org"}, "MEETPOOL_SMTP_URL"),
    ({"MEETPOOL_SMTP_URL": "http://secret@localhost", "MEETPOOL_ALERT_TO": "a@example.org"}, "MEETPOOL_SMTP_URL"),
    ({"MEETPOOL_SMTP_URL": "smtp://secret:%0d%0aQUIT@localhost", "MEETPOOL_ALERT_TO": "a@example.org"}, "MEETPOOL_SMTP_URL"),
    ({"MEETPOOL_SMTP_URL": "smtp://localhost/secret", "MEETPOOL_ALERT_TO": "a@example.org"}, "MEETPOOL_SMTP_URL"),
    ({"MEETPOOL_SMTP_URL": "smtp://localhost", "MEETPOOL_ALERT_TO": "a@example.org, b b@example.org"}, "MEETPOOL_ALERT_TO"),
    ({"MEETPOOL_SMTP_URL": "smtp://localhost", "MEETPOOL_ALERT_TO": "a@example.org", "MEETPOOL_ALERT_FROM": "x@a\r\nBcc: y@z"}, "MEETPOOL_ALERT_FROM"),
    ({"MEETPOOL_SMTP_URL": "smtp://localhost", "MEETPOOL_ALERT_TO": "a@example.org", "MEETPOOL_ALERT_FROM": "a@x, b@x"}, "MEETPOOL_ALERT_FROM"),
])
def test_wrong_settings_stop_the_start(stack, given, named):
    program = stack.env["MEETPOOL_BIN_DIR"] + "/meetpoold"
    done = subprocess.run([program, "--config", stack.run / "meetpool.env", "--check"], env={**stack.env, **given}, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and done.stderr.startswith(f"meetpoold: {named}"), done.stderr
    assert "secret" not in done.stderr


def test_check_says_what_is_wrong_with_the_mail(stack):
    program = [stack.env["MEETPOOL_BIN_DIR"] + "/meetpoolctl", "--config", stack.run / "meetpool.env", "check"]
    wrong = subprocess.run(program, env={**stack.env, "MEETPOOL_SMTP_URL": "smtp://localhost"}, capture_output=True, text=True)
    assert wrong.returncode == 2 and "MEETPOOL_ALERT_TO is not set" in wrong.stdout
    right = subprocess.run(program, env={**stack.env, "MEETPOOL_SMTP_URL": "smtp://localhost", "MEETPOOL_ALERT_TO": "ops@example.org"}, capture_output=True,
                           text=True)
    assert right.returncode < 2 and "alerts are mailed to ops@example.org" in right.stdout, right.stdout
