"""Debian's Chromium, driven by driver.mjs."""
import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parents[1]
sys.path.insert(0, str(REPO / "tests" / "http"))

BEGUN = time.time()
CHROMIUM = os.environ.get("MEETPOOL_CHROMIUM", "/usr/bin/chromium")
SCREENSHOTS = pathlib.Path(os.environ.get("MEETPOOL_SCREENSHOTS", REPO / "build-asan" / "screenshots"))


class Browser:
    def __init__(self):
        # Of an earlier run; another file's tests of this one may have made theirs already.
        for old in SCREENSHOTS.glob("*.png"):
            if old.stat().st_mtime < BEGUN:
                old.unlink()
        env = {name: value for name, value in os.environ.items() if not name.startswith(("ASAN_", "UBSAN_", "MEETPOOL_"))}
        self.driver = subprocess.Popen(["node", HERE / "driver.mjs", CHROMIUM, SCREENSHOTS], env=env, text=True, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)

    def go(self, stack, journey, **args):
        """Answers what the journey answers."""
        self.driver.stdin.write(json.dumps({"journey": journey, "args": {"base": stack.base, "sandbox": stack.sandbox.base, **args}}) + "\n")
        self.driver.stdin.flush()
        line = self.driver.stdout.readline()
        assert line, "the browser's driver has ended"
        answer = json.loads(line)
        assert answer["ok"], f"{answer['error']}\n{stack.tail()}"
        return answer.get("value")

    def close(self):
        self.driver.stdin.close()
        try:
            self.driver.wait(20)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            self.driver.wait()


@pytest.fixture(scope="session")
def browser():
    made = Browser()
    yield made
    made.close()
