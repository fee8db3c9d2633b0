"""Care of the pool: an account that is to take no new meetings."""
import pytest

from pool import Pool, reasons, refused


@pytest.fixture(scope="module")
def the_pool(make_stack):
    return Pool(make_stack())


@pytest.fixture
def pool(the_pool):
    the_pool.reset()
    the_pool.stack.rows("UPDATE account SET cordoned_at = NULL")
    return the_pool


def cordon(pool, account, verb="cordon"):
    response = pool.stack.post(f"admin/accounts/{account}/{verb}")
    assert response.status_code == 200, response.text
    return response.json()["data"]["account"]


def test_a_cordoned_account_takes_no_new_meetings(pool):
    assert cordon(pool, "account_1")["cordoned"] is True
    stats = pool.stats()["account_1"]
    assert (stats["active"], stats["inactive_reason"], stats["inactive_until"], stats["available"]) == (False, "cordoned", None, 0)
    for hour in range(6):
        assert pool.booked(start_time=f"2031-04-10T{10 + hour}:00:00Z")["zoomAccountUsed"] != "account_1"
    placement = pool.booked(start_time="2031-04-11T10:00:00Z")["placement"]
    assert {one["account"]: one["verdict"] for one in placement}["account_1"] == "cordoned"


def test_what_is_there_stays_and_may_be_changed(pool):
    meeting = pool.booked(account="account_1")
    cordon(pool, "account_1")
    assert pool.read(meeting).json()["data"]["meeting"]["zoomAccountUsed"] == "account_1"
    changed = pool.stack.patch(f"zoom/meetings/{meeting['id']}", {"topic": "Still here"})
    assert changed.status_code == 200 and changed.json()["data"]["meeting"]["id"] == meeting["id"]
    assert pool.stack.delete(f"zoom/meetings/{meeting['id']}").status_code == 200


def test_not_even_when_it_is_asked_for_or_the_last(pool):
    for account in pool.stats():
        cordon(pool, account)
    for answer in (pool.book(), pool.book(account="account_1")):
        said = reasons(answer)
        assert said and all("closed it to new meetings" in why for why in said.values())
    assert pool.live() == []


def test_a_reset_does_not_lift_it_but_uncordon_does(pool):
    cordon(pool, "account_1")
    assert pool.stack.post("zoom/reset-account/account_1").status_code == 200
    assert pool.stats()["account_1"]["cordoned"] is True
    assert cordon(pool, "account_1", "cordon")["cordoned"] is True
    assert cordon(pool, "account_1", "uncordon")["active"] is True
    assert pool.booked(account="account_1")["zoomAccountUsed"] == "account_1"


def test_for_admins_and_known_accounts(pool):
    refused(pool.stack.post("admin/accounts/account_9/cordon"), 404, "not_found")
    refused(pool.stack.post("admin/accounts/account_1/cordon", sub="t", role="tutor"), 403, "forbidden")
    refused(pool.stack.post("admin/accounts/account_1/uncordon", role=None), 401, "unauthorized")
