"""What an operator wants for a kind of bookings: accounts with a tag, first or only, and places that no other kind takes."""
import pytest

from booking import check_no_instant_above_a_limit
from desk import LENGTH, TIME, Desk, codes, day, good, refused
from harness import together
from pool import Pool


@pytest.fixture(scope="module")
def the_pool(make_stack):
    """Three places an account, one of them for appointments. Account 2 is the clinic's, account 3 has large rooms."""
    return Pool(make_stack(ZOOM_MAX_CONCURRENT_1="3", ZOOM_MAX_CONCURRENT_2="3", ZOOM_MAX_CONCURRENT_3="3", ZOOM_TAGS_2="clinic,quiet",
                           ZOOM_TAGS_3="large", MEETPOOL_DEMAND="interview=quiet", MEETPOOL_PREFER="appointment=clinic,class=large",
                           MEETPOOL_RESERVE="appointment=1", MEETPOOL_RETRY_DELAY="3600"))


@pytest.fixture
def pool(the_pool):
    the_pool.stack.rows("UPDATE account SET cordoned_at = NULL")
    the_pool.reset()
    return the_pool


@pytest.fixture
def desk(pool):
    return Desk(pool.stack, "admin-1", "admin")


def at(path, date, hour=10, **more):
    return {TIME[path]: f"{date}T{hour:02}:00:00Z", LENGTH[path]: 60, **more}


def used(pool, answer, path):
    """The account that holds the booking's meeting; None: it has none."""
    key = {"classes": "class", "appointments": "appointment", "interviews": "interview"}[path]
    row = pool.stack.rows("SELECT a.name, m.kind FROM booking b JOIN meeting m ON m.id = b.meeting_id JOIN account a ON a.id = m.account_id"
                          " WHERE b.public_id = %s AND b.meeting_state = 'ok'", good(answer)[key]["id"])
    assert all(one["kind"] == key for one in row)
    return row[0]["name"] if row else None


def test_tags_are_told(pool):
    assert {name: account["tags"] for name, account in pool.stats().items()} == {"account_1": [], "account_2": ["clinic", "quiet"], "account_3": ["large"]}


def test_a_preferred_account_comes_first_while_it_has_room(pool, desk):
    date = day()
    took = [used(pool, desk.book("appointments", **at("appointments", date)), "appointments") for _ in range(4)]
    assert took[:3] == ["account_2"] * 3 and took[3] in ("account_1", "account_3")
    assert used(pool, desk.book("classes", **at("classes", day())), "classes") == "account_3"


def test_what_is_demanded_is_held_nowhere_else(pool, desk):
    date = day()
    took = [used(pool, desk.book("interviews", **at("interviews", date)), "interviews") for _ in range(2)]
    assert took == ["account_2"] * 2
    # The third place there is an appointment's, and the other accounts are not asked.
    third = desk.book("interviews", **at("interviews", date))
    assert used(pool, third, "interviews") is None and codes(third) == ["no_capacity"]
    free = good(desk.book("interviews", **at("interviews", day())))["interview"]
    placement = pool.stack.rows("SELECT placement FROM meeting m JOIN booking b ON b.meeting_id = m.id WHERE b.public_id = %s", free["id"])[0]["placement"]
    assert placement.count('"untagged"') == 2 and "lacks the tag" in placement
    # With the only one closed, each says why.
    pool.stack.post("admin/accounts/account_2/cordon")
    closed = desk.book("interviews", **at("interviews", day()))
    assert codes(closed) == ["zoom_failed"] and "lacks the tag" in closed.text and "closed it to new meetings" in closed.text


def test_courses_cannot_starve_the_clinic(pool, desk):
    """Nine places in all: whoever comes first, six are the most for others, and three are left for appointments."""
    date = day()
    hour = {"start_time": f"{date}T10:00:00Z", "duration": 60}
    answers = together(10, lambda index: pool.book(topic="Course", **hour))
    assert sorted(answer.status_code for answer in answers) == [201] * 6 + [409] * 4
    full = refused(next(answer for answer in answers if answer.status_code == 409), 409, "no_capacity")
    assert full["details"][0]["message"].endswith(f"{date}T11:00:00.000Z")
    assert used(pool, desk.book("classes", **at("classes", date)), "classes") is None
    took = [used(pool, desk.book("appointments", **at("appointments", date)), "appointments") for _ in range(4)]
    assert sorted(took[:3]) == ["account_1", "account_2", "account_3"] and took[3] is None
    check_no_instant_above_a_limit(pool.stack)


def test_both_kinds_at_once_keep_to_their_places(pool, desk):
    date = day()

    def one(index):
        path = "appointments" if index % 3 == 0 else "classes"
        return path, used(pool, desk.book(path, **at(path, date)), path)

    took = [one for one in together(15, one) if one[1] is not None]
    rows = pool.stack.rows("SELECT p.account_id, SUM(m.kind <> 'appointment') AS others, COUNT(*) AS n FROM place p JOIN meeting m ON m.id = p.meeting_id"
                           " WHERE p.taken = 1 GROUP BY p.account_id")
    assert sum(path == "appointments" for path, _ in took) >= 3
    assert rows and all(row["others"] <= 2 and row["n"] <= 3 for row in rows)
    check_no_instant_above_a_limit(pool.stack)


def test_a_change_of_time_takes_no_place_that_is_kept(pool, desk):
    date = day()
    hour = {"duration": 60, "account": "account_1"}
    for _ in range(2):
        pool.booked(start_time=f"{date}T10:00:00Z", **hour)
    later = pool.booked(start_time=f"{date}T12:00:00Z", **hour)
    moved = pool.stack.patch(f"zoom/meetings/{later['id']}", {"start_time": f"{date}T10:00:00Z"})
    assert moved.status_code == 200 and moved.json()["data"]["meeting"]["zoomAccountUsed"] != "account_1"
    # An appointment may have it, and keeps its right when it is moved.
    pool.stack.post("admin/accounts/account_2/cordon")
    pool.stack.post("admin/accounts/account_3/cordon")
    made = good(desk.book("appointments", **at("appointments", date, 12)))["appointment"]
    changed = desk.patch(f"appointments/{made['id']}", {TIME["appointments"]: f"{date}T10:00:00Z"})
    assert changed.status_code == 200 and codes(changed) == []


def test_an_evacuation_keeps_to_it(pool, desk):
    date = day()
    for account in ("account_1", "account_3"):
        pool.stack.post(f"admin/accounts/{account}/cordon")
    assert used(pool, desk.book("interviews", **at("interviews", date)), "interviews") == "account_2"
    assert used(pool, desk.book("appointments", **at("appointments", date)), "appointments") == "account_2"
    for account in ("account_1", "account_3"):
        pool.stack.post(f"admin/accounts/{account}/uncordon")
    for _ in range(2):
        pool.booked(start_time=f"{date}T10:00:00Z", duration=60, account="account_1")
        pool.booked(start_time=f"{date}T10:00:00Z", duration=60, account="account_3")
    data = good(pool.stack.post("admin/accounts/account_2/evacuate", {"dry_run": True}), 200)
    assert [(one["topic"], one["outcome"]) for one in data["meetings"]] == [("Lesson", "stays"), ("Lesson", "would_move")]
    assert "lacks the tag" in data["meetings"][0]["reason"]
