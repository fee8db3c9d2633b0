"""Comes last: whether the suite as a whole has met every success that openapi.json describes, each of which harness.py has held against it."""
import json
import os
import pathlib

import pytest

from contract import CONTRACT
from test_openapi import successes


def test_every_success_was_met(request):
    here = pathlib.Path(__file__).parent
    files, seen = {item.path.name for item in request.session.items}, set(CONTRACT.seen)
    # The suite's other parts, where scripts/test runs it in several.
    for part in pathlib.Path(os.environ.get("MEETPOOL_TEST_DIR", "/nonexistent")).glob("seen-*.json"):
        other = json.loads(part.read_text())
        files |= set(other["files"])
        seen |= {tuple(one) for one in other["seen"]}
    if files != {path.name for path in here.glob("test_*.py")}:
        pytest.skip("only where the whole suite runs")
    assert sorted(successes() - seen) == []
