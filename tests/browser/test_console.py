"""The console in Debian's Chromium, driven by console.mjs: an admin finds what is wrong and mends it. The sandbox causes what is wrong."""
import pytest

from browser import browser  # noqa: F401

from booking import insist
from conftest import make_stack  # noqa: F401
from desk import good
from harness import wait_for
from pool import Pool
from recorder import QUICK, Recorder

TOPIC = "Chemistry <b>bold</b> & more"
PATIENCE_S = 40


@pytest.fixture(scope="module")
def stack(make_stack):
    return make_stack(**QUICK)


@pytest.fixture(scope="module")
def pool(stack):
    return Pool(stack)


@pytest.fixture(scope="module")
def token(stack):
    return stack.token("console-admin", "admin", name="Ann Admin")


@pytest.fixture(scope="module")
def now(stack):
    """A meeting that has just begun."""
    made = insist(stack, topic=TOPIC, type=1, duration=90, account="account_2")
    assert made.status_code == 201, made.text
    return made.json()["data"]["meeting"]


@pytest.fixture
def broken(stack, pool):
    """account_1's secret is wrong, and a booking failed for it."""
    secret = pool.secrets[0]
    pool.secret(1, "wrong" * 6)
    pool.fresh_tokens()
    refused = stack.post("zoom/meetings", pool.body(account="account_1"), headers={"X-Request-Id": "console-1"})
    assert refused.status_code == 503, refused.text
    yield
    pool.secret(1, secret)
    stack.post("zoom/reset-all-accounts")


@pytest.fixture(scope="module")
def lost(stack):
    """A recording that could not be brought home, and a job that was asked for it in vain. Answers the recorder and the session."""
    recorder = Recorder(stack)
    batch = recorder.batch()
    session = recorder.session(batch)
    recorder.sandbox.knobs(download_base="http://localhost:1")
    recorder.over(session, {"file_type": "MP4"})
    recorder.until(batch, session, "failed", PATIENCE_S)
    recorder.follow(recorder.desk.post(f"batches/{batch['id']}/sync-zoom-recordings"), "failed", PATIENCE_S)
    return recorder, batch, session


def test_only_admins_see_it(browser, stack):
    browser.go(stack, "sees_no_console", token=stack.token("console-tutor", "tutor"), words="The console is for admins")


def test_it_tells_why_a_booking_failed(browser, stack, token, broken):
    browser.go(stack, "finds_why_a_booking_failed", token=token, account="account_1", need="account_1: Zoom does not accept its credentials.",
               title="A meeting could not be booked", why="invalid_client", advice="No account could take it")


def test_an_account_is_reset(browser, stack, pool, token, broken):
    pool.secret(1, pool.secrets[0])
    browser.go(stack, "resets_an_account", token=token, account="account_1")
    assert pool.stats()["account_1"]["active"]
    pool.booked(account="account_1")


def test_an_account_is_cordoned_and_uncordoned(browser, stack, pool, token):
    browser.go(stack, "cordons_an_account", token=token, account="account_2")
    assert pool.stats()["account_2"]["inactive_reason"] == "cordoned"
    browser.go(stack, "uncordons_an_account", token=token, account="account_2")
    assert pool.stats()["account_2"]["active"]


def test_the_pool_as_a_timeline(browser, stack, token, now):
    browser.go(stack, "reads_the_pool", token=token, topic=TOPIC, account="account_2", host=now["host_email"])


def test_axe_finds_nothing_and_the_page_is_light(browser, stack, pool, token, now, broken, lost):
    """On a phone, a tablet, a desk, in both colour schemes, with everything in it that may go wrong."""
    stack.rows("INSERT INTO connection (sub, state, reason, zoom_user_id, zoom_email, expires_at, renew_at, connected_at, refreshed_at, last_error,"
               " last_error_at) VALUES ('console-tutor', 'reconnect_needed', 'refused', 'z', 'tutor@example.com', 0, 0, 1, 1, 'Invalid token', 1)")
    browser.go(stack, "passes_axe_on_the_console", token=token, widths=[360, 768, 1440], most=150_000)


def test_it_is_walked_by_keyboard(browser, stack, token, now):
    names = browser.go(stack, "walks_the_console_by_keyboard", token=token, last="Older")
    assert names[:4] == ["Settings", "Sign out", "Pool", "Today"]
    assert {"Cordon account_1", "As a table: account_1", "Show the last 7 days30 days90 days", "Newest"} <= {" ".join(name.split()) for name in names}


def test_it_renews_itself(browser, stack, token):
    browser.go(stack, "is_told_of_changes", token=token, account="account_3", other="account_2")


def test_the_audit_log(browser, stack, pool, token, broken):
    for _ in range(16):
        stack.post("zoom/reset-account/account_3")
    browser.go(stack, "pages_through_the_audit_log", token=token)


def test_a_recording_and_a_job_are_retried(browser, stack, token, lost):
    recorder, batch, session = lost
    recorder.sandbox.knobs(download_base="")
    number = recorder.number(session)
    topic = good(recorder.admin.get(f"zoom/meetings/{number}"), 200)["meeting"]["topic"]
    browser.go(stack, "retries_a_recording", token=token, topic=topic, why="not Zoom's")
    recorder.until(batch, session, "synced", PATIENCE_S)
    recorder.check_home(session, 1)
    browser.go(stack, "retries_a_job", token=token, kind="recording.batch", why="could not be synced")
    wait_for(lambda: not good(stack.get("admin/jobs", params={"state": "failed", "kind": "recording.batch"}), 200)["jobs"], PATIENCE_S, 0.2)
