import concurrent.futures
import time

PER_SECOND = '{"code":429,"message":"You have reached the maximum per-second rate limit for this API. Try again later."}'
PER_DAY = ('{"code":429,"message":"You have reached the maximum daily rate limit for this API. Refer to the response header for details on when '
           'you can make another request."}')
PER_HOST = ('{"code":429,"message":"You have exceeded the daily rate limit (%d) of Meeting Create/Update API requests permitted for this '
            'particular user. You may resume these requests at GMT 00:00:00."}')


def storm(sandbox, count, method="GET", path="/users/me"):
    sandbox.token()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: sandbox.api(method, path, {}), range(count)))


def test_per_second_by_plan_and_label(sandbox):
    for plan, path, rate in (("free", "/users/me", 4), ("free", "/users", 2), ("pro", "/users/me", 30), ("pro", "/users", 20)):
        sandbox.control("POST", "accounts/A1", {"plan": plan})
        began = time.monotonic()
        answers = storm(sandbox, 4 * rate + 25, path=path)
        took = time.monotonic() - began
        passed = sum(a.status_code == 200 for a in answers)
        refused = [a for a in answers if a.status_code == 429]
        assert rate <= passed <= rate * (1 + took) + 1 and refused, (plan, path, passed, took)
        assert refused[0].text == PER_SECOND
        assert refused[0].headers["X-RateLimit-Type"] == "QPS" and refused[0].headers["X-RateLimit-Limit"] == str(rate)
        assert refused[0].headers["X-RateLimit-Category"] == ("Light" if path == "/users/me" else "Medium")
        assert refused[0].headers["X-RateLimit-Remaining"] == "0" and "Retry-After" not in refused[0].headers


def test_limits_are_per_account(sandbox):
    sandbox.control("POST", "accounts/A1", {"plan": "free"})
    storm(sandbox, 20)
    assert sandbox.api("GET", "/users/me", account="2").status_code == 200


def test_rate_limits_off(sandbox):
    sandbox.control("POST", "accounts/A1", {"plan": "free"})
    sandbox.knobs(rate_limits=False)
    assert {a.status_code for a in storm(sandbox, 40)} == {200}


def test_create_may_be_counted_medium(sandbox):
    sandbox.knobs(plan="free", create_label="medium")
    refused = [a for a in storm(sandbox, 12, "POST", "/users/me/meetings") if a.status_code == 429]
    assert refused[0].headers["X-RateLimit-Category"] == "Medium"


def test_account_per_day(sandbox):
    sandbox.control("PUT", "clock", {"now": "2030-01-01T12:00:00Z"})
    sandbox.knobs(plan="business", account_daily_limit=3)
    for _ in range(3):
        assert sandbox.api("GET", "/users/me").status_code == 200
    answer = sandbox.api("GET", "/users/me")
    assert (answer.status_code, answer.text) == (429, PER_DAY)
    assert answer.headers["X-RateLimit-Type"] == "Daily-limit" and answer.headers["X-RateLimit-Remaining"] == "0"
    assert answer.headers["Retry-After"] == "2030-01-02T00:00:00Z"
    sandbox.control("PUT", "clock", {"now": "2030-01-02T00:00:01Z"})
    assert sandbox.api("GET", "/users/me", token=sandbox.new_token()).status_code == 200


def test_host_has_a_hundred_a_day(sandbox):
    sandbox.control("PUT", "clock", {"now": "2030-01-01T12:00:00Z"})
    m = sandbox.create()
    for n in range(99):
        answer = sandbox.api("PATCH", f"/meetings/{m['id']}", {"topic": f"t{n}"})
        assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (204, str(98 - n))
    for method, path in (("POST", "/users/owner/meetings"), ("PATCH", f"/meetings/{m['id']}")):
        answer = sandbox.api(method, path, {})
        assert (answer.status_code, answer.text) == (429, PER_HOST % 100)
    assert sandbox.api("POST", "/users/second/meetings", {}).status_code == 201
    assert sandbox.api("DELETE", f"/meetings/{m['id']}").status_code == 204
    sandbox.control("PUT", "clock", {"now": "2030-01-02T00:00:00Z"})
    assert sandbox.api("POST", "/users/owner/meetings", {}, token=sandbox.new_token()).status_code == 201


def test_headers_of_the_host_limit(sandbox):
    sandbox.control("PUT", "clock", {"now": "2030-01-01T12:00:00Z"})
    sandbox.knobs(daily_limit=1)
    sandbox.create()
    trap = sandbox.api("POST", "/users/me/meetings", {}).headers
    assert (trap["X-RateLimit-Category"], trap["X-RateLimit-Limit"]) == ("Light", "6000") and int(trap["X-RateLimit-Remaining"]) > 5000
    assert "X-RateLimit-Type" not in trap and "Retry-After" not in trap
    sandbox.knobs(host_limit_headers="full")
    full = sandbox.api("POST", "/users/me/meetings", {}).headers
    assert (full["X-RateLimit-Type"], full["X-RateLimit-Limit"], full["Retry-After"]) == ("Daily-limit", "1", "2030-01-02T00:00:00Z")
    sandbox.knobs(host_limit_headers="none")
    assert not [h for h in sandbox.api("POST", "/users/me/meetings", {}).headers if h.lower().startswith("x-ratelimit")]


def test_refused_creates_are_not_counted(sandbox):
    sandbox.knobs(daily_limit=1)
    assert sandbox.api("POST", "/users/me/meetings", {"duration": 0}).status_code == 400
    assert sandbox.api("POST", "/users/me/meetings", {}).status_code == 201


def test_deletes_may_be_counted(sandbox):
    sandbox.knobs(daily_limit=2, count_deletes=True)
    one = sandbox.create()
    assert sandbox.api("DELETE", f"/meetings/{one['id']}").status_code == 204
    assert sandbox.api("POST", "/users/me/meetings", {}).status_code == 429


def test_daily_limit_off(sandbox):
    sandbox.knobs(daily_limit=0)
    assert {a.status_code for a in storm(sandbox, 150, "POST", "/users/me/meetings")} == {201}
