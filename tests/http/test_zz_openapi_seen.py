"""Comes last: whether the suite as a whole has met every success that openapi.json describes, each of which harness.py has held against it."""
import pathlib

import pytest

from contract import CONTRACT
from test_openapi import successes


def test_every_success_was_met(request):
    here = pathlib.Path(__file__).parent
    if {item.path for item in request.session.items} != set(here.glob("test_*.py")):
        pytest.skip("only where the whole suite runs")
    assert sorted(successes() - CONTRACT.seen) == []
