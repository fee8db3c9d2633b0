"""scripts/bench in its smallest form: that it still works, not how fast anything is."""
import os
import re
import shutil
import subprocess

import pytest

from harness import REPO, default_programs

LINE = re.compile(r"[a-z0-9_]+ [0-9]+(\.[0-9]+)? (requests/s|bookings/s|ms|us/request|ratio|bytes)")


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
def test_every_line_is_a_figure():
    programs = os.environ.get("MEETPOOL_BIN_DIR") or default_programs()
    subprocess.run(["make", "-C", programs, "--no-print-directory", "bench-programs"], check=True, stdin=subprocess.DEVNULL, capture_output=True)
    done = subprocess.run([REPO / "scripts/bench", "--quick"], env={**os.environ, "MEETPOOL_BIN_DIR": programs}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert all(LINE.fullmatch(line) for line in lines), done.stdout
    names = [line.split()[0] for line in lines]
    assert len(set(names)) == len(names)
    assert {"get_rate", "get_rate_to_floor_select", "book_rate", "readers_beside_creators_p50", "creators_rate", "webhook_p99"} <= set(names)
