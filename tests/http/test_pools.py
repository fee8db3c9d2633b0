"""nginx' choice between the two pools, held against the daemon's own route tables."""
import re

import pytest

from harness import REPO

ROW = re.compile(r'\{\s*"(GET|POST|PUT|PATCH|DELETE)",\s*"([^"]+)",([^{}]*?),\s*\w+\s*\}')


def routes():
    rows = {}
    for path in sorted((REPO / "src" / "api").glob("*.c")):
        for method, route, rest in ROW.findall(path.read_text()):
            if "MP_ROUTE_ROOT" not in rest:
                rows[f"{method} {route}"] = "MP_ROUTE_SLOW" in rest
    return rows


@pytest.mark.parametrize("route", sorted(routes()))
def test_what_may_wait_for_zoom_has_its_own_pool(stack, route):
    method, path = route.split(" ")
    path = re.sub(r"\{[^}]*\}", "no-such-id", path)
    for prefix in ("/api/", "/api/v1/"):
        # Without a token: it is the choice that counts, not the answer.
        _, pool = stack.pool_of(method, prefix + path, role=None)
        assert pool == ("slow" if routes()[route] else "fast")


@pytest.mark.parametrize("method, path, headers, pool", [
    ("GET", "zoom/meetings", {}, "fast"),
    ("GET", "zoom/meetings?refresh=true", {}, "slow"),
    ("GET", "zoom/meetings/1?page_size=3&refresh=true", {}, "slow"),
    ("GET", "zoom/meetings/1?refresh=false", {}, "fast"),
    ("POST", "no/such/thing", {}, "fast"),
    ("POST", "no/such/thing", {"Idempotency-Key": "k"}, "slow"),
    ("GET", "zoom/meetings", {"Idempotency-Key": "k"}, "fast"),
])
def test_the_query_and_the_key_count_too(stack, method, path, headers, pool):
    assert stack.pool_of(method, path, role=None, headers=headers)[1] == pool


def test_the_tables_were_found():
    assert any(routes().values()) and not all(routes().values())
