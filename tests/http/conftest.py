import json
import os
import pathlib

import pytest

from contract import CONTRACT
from harness import Stacks
from oauth import assert_nothing_in_clear
from s3_server import FaultProxy, S3Server

alive = []


def stacks():
    made = Stacks()
    alive.append(made)
    yield made
    alive.remove(made)
    try:
        for one in made.made:
            assert_nothing_in_clear(one)
    finally:
        made.close()


@pytest.fixture(scope="session")
def stack():
    """The stack that most tests share. What a test turns in it, it turns back."""
    for made in stacks():
        yield made.make()


@pytest.fixture(scope="module")
def make_stack():
    """make_stack(MEETPOOL_WORKERS=2, …): a stack of the module's own. make_stack(database_of=other): a second one on the same database."""
    for made in stacks():
        yield made.make


@pytest.fixture(scope="session")
def s3():
    """A real S3 server; s3_server.py says what it can do."""
    server = S3Server()
    yield server
    server.close()


@pytest.fixture
def s3_faults(s3):
    """A proxy before it that fails on demand."""
    proxy = FaultProxy(s3.url)
    yield proxy
    proxy.close()


def pytest_sessionfinish(session):
    """For test_zz_openapi_seen.py, where the suite runs in parts."""
    if os.environ.get("MEETPOOL_TEST_DIR"):
        path = pathlib.Path(os.environ["MEETPOOL_TEST_DIR"], f"seen-{os.getpid()}.json")
        path.write_text(json.dumps({"files": sorted({item.path.name for item in session.items}), "seen": sorted(CONTRACT.seen)}))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """With a failure comes what the stacks said last."""
    report = (yield).get_result()
    if report.failed:
        for made in alive:
            for one in made.made:
                if one.run.exists():
                    report.sections.append((f"stack {one.run.name}", one.tail()))
