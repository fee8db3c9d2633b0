"""What `make install` puts where, and how far the service is shut in."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from harness import default_programs

REPO = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    build = pathlib.Path(os.environ.get("MEETPOOL_BIN_DIR") or default_programs())
    if not (build / "Makefile").exists():
        pytest.skip("the programs were not built there")
    folder = tmp_path_factory.mktemp("installed")
    # Only what is there already is installed: nothing is built anew under those who use it.
    old = [word for name in ("Makefile", "meetpoold", "meetpoolctl", "meetpool-sandbox") for word in ("-o", name)]
    made = subprocess.run(["make", "-s", "-C", build, *old, "install-exec-am", "install-data-am", f"DESTDIR={folder}", "prefix=/usr"], capture_output=True,
                          text=True)
    assert made.returncode == 0, made.stderr
    return folder / "usr"


def below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_everything_is_installed(installed):
    assert below(installed / "sbin") | below(installed / "bin") == {"meetpoold", "meetpoolctl", "meetpool-sandbox"}
    share = installed / "share/meetpool"
    for folder in ("schema", "web"):
        assert below(share / folder) == below(REPO / folder), folder
    assert below(share / "nginx") == {"meetpool-http.conf", "meetpool-server.conf"}
    assert below(share / "contrib") == {"meetpool.conf", "meetpool.rules.yml", "meetpool.test.yml", "meetpool.json"}
    assert below(installed / "share/man") == {f"man{path.suffix[1]}/{path.name}" for path in (REPO / "man").iterdir()}
    assert (share / "openapi.json").exists()


def test_the_service_is_shut_in(installed):
    unit = installed / "lib/systemd/system/meetpool.service"
    assert "/sbin/meetpoold --config /etc/meetpool/meetpool.conf" in unit.read_text()
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    told = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True).stdout
    assert float(re.search(r"Overall exposure level for meetpool.service: ([0-9.]+)", told)[1]) <= 2.0


def test_the_configuration_to_begin_with(installed, tmp_path):
    """As it comes it says what is missing; with all of its lines taken in, each is a variable that is known."""
    given = (installed / "share/meetpool/contrib/meetpool.conf").read_text()
    program = [os.environ.get("MEETPOOL_BIN_DIR", default_programs()) + "/meetpoold", "--config", tmp_path / "meetpool.conf", "--check"]
    (tmp_path / "meetpool.conf").write_text(given)
    run = subprocess.run(program, env={}, capture_output=True, text=True)
    assert run.returncode == 1 and "MEETPOOL_ENCRYPTION_KEYS is not set" in run.stderr
    text = (REPO / "README.md").read_text()
    names = re.findall(r"^#([A-Z][A-Z0-9_]+)=", given, re.MULTILINE)
    assert len(names) > 15
    for name in names:
        assert re.sub(r"_1$", "_n", name) in text or name in text, f"README does not know {name}"
