"""scripts/up, scripts/down and scripts/ctl, as a user calls them."""
import os
import pathlib
import re
import socket
import subprocess

import pytest

from harness import REPO, read_env, together, wait_for
from hooks import Hooks, started


@pytest.fixture(scope="module")
def own(make_stack):
    return make_stack(MEETPOOL_WORKERS=2, MEETPOOL_ZOOM_WORKERS=2)


def pids(stack):
    return [stack.pid(name) for name in ("nginx", "meetpoold", "sandbox", "mariadb")]


def processes_of(folder):
    """Every process that names the folder among its arguments, or works in it."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in (path / "cmdline").read_text(errors="replace"):
                found.append(path.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_a_second_call_changes_nothing_and_prints_the_same(own):
    before, first = pids(own), own.up()
    assert own.up() == first
    assert pids(own) == before


def test_two_calls_at_once(own):
    first = own.up()
    assert together(2, lambda _: own.up()) == [first, first]


def test_what_it_prints_works(own):
    said = own.up()
    tokens = re.findall(r"token:\s+(\S+)", said)
    assert own.base in said and len(tokens) == 2
    for token in tokens:
        assert own.get("me", token=token).status_code == 200
    assert re.search(rf"{own.base}/login#token=\S+", said)
    line = next(line for line in said.splitlines() if line.startswith("curl "))
    done = subprocess.run(["bash", "-c", line.replace("curl ", "curl -s -w '\\n%{http_code}' ", 1)], capture_output=True, text=True, timeout=60)
    body, status = done.stdout.rsplit("\n", 1)
    assert status == "201", body
    assert '"join_url"' in body


def test_ctl_has_the_configuration_of_the_stack(own):
    token = own.script("ctl", "token", "--sub", "someone", "--role", "tutor").stdout.strip()
    assert own.get("me", token=token).status_code == 200
    own.script("ctl", "migrate")


def test_secrets_are_for_their_owner_alone(own):
    for name in ("secrets.env", "meetpool.env", "tokens.env", "tls.key"):
        assert (own.run / name).stat().st_mode & 0o777 == 0o600, name
    assert (own.run / "tls.crt").stat().st_mode & 0o777 == 0o644


def test_a_taken_port_is_named(make_stack):
    other = make_stack(start=False)
    with socket.create_server(("127.0.0.1", other.port)):
        done = other.script("up", check=False)
    assert done.returncode != 0
    assert "MEETPOOL_PORT" in done.stderr and str(other.port) in done.stderr


def test_a_wrong_value_is_named(make_stack):
    other = make_stack(start=False, MEETPOOL_WORKERS="many")
    done = other.script("up", check=False)
    assert done.returncode != 0
    assert "MEETPOOL_WORKERS" in done.stderr


def test_a_zoom_in_the_clear_stops_the_start(make_stack):
    """The credentials go there. This machine itself (the sandbox) is fine, as every other stack here shows."""
    for name in ("ZOOM_API_URL", "ZOOM_OAUTH_URL"):
        other = make_stack(start=False, MEETPOOL_WORKERS=1, **{"ZOOM_API_URL": "https://zoom.invalid", "ZOOM_OAUTH_URL": "https://zoom.invalid",
                                                               name: "http://zoom.invalid"})
        done = other.script("up", check=False)
        assert done.returncode != 0
        assert [name] == re.findall(r"(ZOOM_\w+) must begin with https://", done.stderr)
        other.down("--purge")


def test_a_server_that_is_slow_to_start_is_not_taken_for_dead(make_stack, tmp_path):
    """As on a busy machine: its process is there, and has yet to become mariadbd."""
    slow = tmp_path / "mariadbd"
    slow.write_text('#!/bin/sh\nsleep 0.5\nexec /usr/sbin/mariadbd "$@"\n')
    slow.chmod(0o755)
    other = make_stack(start=False, PATH=f"{tmp_path}:{os.environ['PATH']}", MEETPOOL_WORKERS=1, MEETPOOL_ZOOM_WORKERS=1)
    other.up()
    other.down("--purge")


def test_a_pid_file_that_names_a_stranger_is_not_believed(make_stack):
    other = make_stack(start=False)
    other.run.mkdir()
    (other.run / ".meetpool").touch()
    (other.run / "nginx.pid").write_text(f"{os.getpid()}\n")
    other.down()  # this process would not live to see the next line
    assert other.script("ctl", "accounts", check=False).returncode != 0


def test_down_leaves_no_process_and_all_data(make_stack):
    other = make_stack(MEETPOOL_WORKERS=2, MEETPOOL_ZOOM_WORKERS=2)
    first = other.up()
    other.rows("CREATE TABLE scripts_test (a INT)")
    other.down()
    assert processes_of(other.run) == []
    for port in (other.port, other.http_port, other.sandbox_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    other.down()  # twice is fine
    assert other.up() == first
    assert len(other.rows("SHOW TABLES LIKE 'scripts_test'")) == 1
    other.down("--purge")
    assert not other.run.exists()


def status_here(stack, meeting):
    return stack.get(f"zoom/meetings/{meeting['id']}").json()["data"]["meeting"]["status"]


def test_the_sandbox_tells_what_happens_there(make_stack):
    """As Zoom does once its webhooks are set up; also after another start, and once."""
    other = make_stack(MEETPOOL_WORKERS=2, MEETPOOL_ZOOM_WORKERS=2)
    made = other.post("zoom/meetings", {"topic": "Told of", "start_time": "2031-05-01T08:00:00Z", "duration": 30})
    meeting = made.json()["data"]["meeting"]
    other.sandbox.call("POST", f"meetings/{meeting['id']}/start", {})
    wait_for(lambda: status_here(other, meeting) == "started", what="the meeting's beginning")
    other.down()
    other.up()
    other.sandbox.call("POST", f"meetings/{meeting['id']}/end", {})
    wait_for(lambda: status_here(other, meeting) == "ended", what="the meeting's end")
    assert [row["copies"] for row in other.rows("SELECT copies FROM webhook_event WHERE event IN ('meeting.started', 'meeting.ended')")] == [1, 1]
    (app,) = Hooks(other).apps().values()
    assert app["app"] == "users" and app["refused"] == 0
    # Whoever wants to say something in Zoom's name finds the secret beside the sandbox's other credentials.
    secret = read_env(other.run / "sandbox.env")["ZOOM_WEBHOOK_SECRET_TOKEN"]
    Hooks(other).told(started(meeting, "once-more=="), secret=secret)


def test_the_sandbox_signs_with_the_secret_that_is_set(make_stack):
    other = make_stack(MEETPOOL_WORKERS=2, MEETPOOL_ZOOM_WORKERS=2, ZOOM_WEBHOOK_SECRET_TOKEN="the-new-one,the-old-one")
    meeting = other.post("zoom/meetings", {"topic": "Told of", "start_time": "2031-05-01T08:00:00Z", "duration": 30}).json()["data"]["meeting"]
    other.sandbox.call("POST", f"meetings/{meeting['id']}/start", {})
    wait_for(lambda: status_here(other, meeting) == "started", what="the meeting's beginning")
    assert Hooks(other).apps()["users"]["refused"] == 0


def test_the_snippets_fit_another_nginx(stack, tmp_path):
    """The commands in their first lines, pasted."""
    lines = (REPO / "nginx" / "meetpool-http.conf").read_text().splitlines()
    commands = [line[1:].strip() for line in lines if line.startswith("#   sed ")]
    assert len(commands) == 2
    (tmp_path / "recordings").mkdir()
    for command in commands:
        assert "/var/lib/meetpool/recordings" in command
        command = command.replace("/var/lib/meetpool/recordings", str(tmp_path / "recordings"))
        command = re.sub(r"> /etc/nginx/(\S+)/", lambda match: f"> {tmp_path}/{match[1].replace('.', '-')}-", command)
        subprocess.run(["bash", "-c", command], cwd=REPO / "nginx", check=True)
    (tmp_path / "nginx.conf").write_text(f"""
        pid {tmp_path}/nginx.pid;
        events {{}}
        http {{
            access_log off;
            include {tmp_path}/conf-d-meetpool.conf;
            server {{
                listen 127.0.0.1:{stack.port} ssl;
                ssl_certificate {stack.run}/tls.crt;
                ssl_certificate_key {stack.run}/tls.key;
                include {tmp_path}/snippets-meetpool.conf;
            }}
        }}""")
    done = subprocess.run(["/usr/sbin/nginx", "-t", "-p", tmp_path, "-e", "stderr", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_file_of_settings(make_stack, tmp_path):
    path = tmp_path / "settings"
    path.write_text("# a comment\n\nexport MEETPOOL_WORKERS='3' # three\nMEETPOOL_ZOOM_WORKERS=9 # the environment wins\n"
                    'MEETPOOL_JWT_SECRET="a \\"quoted\\" secret \\$HOME \\\\ that is long enough"\nMEETPOOL_LOG_LEVEL=\nPATH=/nowhere\n')
    other = make_stack(MEETPOOL_ENV_FILE=path, MEETPOOL_ZOOM_WORKERS=2)
    assert other.settings["MEETPOOL_JWT_SECRET"] == 'a "quoted" secret $HOME \\ that is long enough'
    assert len(other.workers("mp-worker")) == 3 + 2
    assert other.get("me").status_code == 200


def test_a_second_machine_on_the_same_database(own, make_stack):
    """Also: with a database and a Zoom of one's own neither is started."""
    second = make_stack(database_of=own, MEETPOOL_WORKERS=2, MEETPOOL_ZOOM_WORKERS=2)
    made = own.post("zoom/meetings", {"topic": "Seen from both", "start_time": "2031-05-01T08:00:00Z", "duration": 30})
    assert made.status_code == 201, made.text
    meeting = made.json()["data"]["meeting"]
    assert second.get(f"zoom/meetings/{meeting['id']}").json()["data"]["meeting"]["uuid"] == meeting["uuid"]
    assert not (second.run / "mariadb.pid").exists() and not (second.run / "sandbox.pid").exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", second.sandbox_port))
    second.down()
    assert own.get("/readyz").status_code == 200
