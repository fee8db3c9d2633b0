"""A person's way through the consent, as their browser goes it."""
import html
import json
import re
import subprocess
import urllib.parse

import pymysql
import requests

from harness import TIMEOUT_S, wait_for

JSON = {"Accept": "application/json"}
# Users of the sandbox: host, account.
HOST = "host{}@account{}.example.com".format


class Page:
    """The sandbox' page of consent, whose form is filled in as it stands there."""

    def __init__(self, url):
        self.http = requests.Session()
        self.http.trust_env = False
        answer = self.http.get(url, timeout=TIMEOUT_S, allow_redirects=False)
        assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html"), f"{url}: {answer.status_code} {answer.text}"
        self.url, self.text = url, answer.text
        form = re.search(r"<form (.*?)>(.*)</form>", self.text, re.S)
        assert 'method="post"' in form[1]
        self.action = urllib.parse.urljoin(url, html.unescape(re.search(r'action="(.*?)"', form[1])[1]))
        self.fields = {html.unescape(name): html.unescape(value)
                       for name, value in re.findall(r'<input type="hidden" name="(.*?)" value="(.*?)">', form[2])}
        self.users = {html.unescape(email): html.unescape(value) for value, email in re.findall(r'<option value="(.*?)">(.*?)</option>', form[2])}

    def decide(self, decision, email=None):
        """Answers the address that the browser is sent to."""
        user = self.users[email] if email else next(iter(self.users.values()))
        answer = self.http.post(self.action, data={**self.fields, "user": user, "decision": decision}, timeout=TIMEOUT_S, allow_redirects=False)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]


def begin(stack, sub, role="tutor"):
    """As an app: the address of the page of consent."""
    answer = stack.get("zoom/connect", sub=sub, role=role, headers=JSON)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["authorization_url"]


def come_back(stack, location, taken=lambda answer: None, **more):
    """Follows Zoom's redirect; answers what the settings page is told: "connected" or the code of an error. `taken` gets the answer itself."""
    parts = urllib.parse.urlsplit(location)
    answer = stack.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path, role=None, **more)
    assert answer.status_code == 302, answer.text
    taken(answer)
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Referrer-Policy"] == "no-referrer"
    target = urllib.parse.urlsplit(answer.headers["Location"])
    assert (target.scheme + "://" + target.netloc, target.path) == (stack.base, "/settings")
    query = urllib.parse.parse_qs(target.query)
    return query["zoom"][0] if query["zoom"] == ["connected"] else query["code"][0]


def connect(stack, sub, email=None, role="tutor"):
    assert come_back(stack, Page(begin(stack, sub, role)).decide("allow", email)) == "connected"


def status(stack, sub, role="tutor"):
    return stack.get("zoom/status", sub=sub, role=role).json()["connection"]


class Browser:
    """Signed in with the session cookie, keeping what it is given."""

    def __init__(self, stack, sub, role="tutor"):
        self.stack, self.cookies = stack, {}
        if sub:
            self.take(stack.post("session", sub=sub, role=role))

    def take(self, answer):
        self.stack.session.cookies.clear()  # those of all browsers would mix there
        for line in answer.raw.headers.getlist("Set-Cookie"):
            name, value = line.split(";")[0].split("=", 1)
            assert all(part in line for part in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/"))
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = value
        return answer

    @property
    def headers(self):
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}

    def connect(self):
        answer = self.take(self.stack.request("GET", "zoom/connect", role=None, headers={**self.headers, "Accept": "text/html,*/*;q=0.8"}))
        assert answer.status_code == 302
        return answer.headers["Location"]

    def come_back(self, location):
        try:
            return come_back(self.stack, location, taken=self.take, headers=self.headers)
        finally:
            self.stack.session.cookies.clear()


# ---- looking inside


def audit(stack, sub):
    return [(row["action"], row["outcome"]) for row in stack.rows("SELECT action, outcome FROM audit WHERE subject = %s ORDER BY id", sub)]


def grants(stack, email):
    found = [row for row in stack.sandbox.state()["grants"] if row["email"] == email]
    return (found[0]["access_tokens"], found[0]["refresh_tokens"]) if found else (0, 0)


def forget(stack, sub):
    """The sandbox knows the tokens no more, and tells nobody: a refresh finds it out."""
    user = row_of(stack, sub)["zoom_user_id"]
    path = stack.run / "sandbox-state.json"

    def newest():
        found = [one["token"] for one in json.loads(path.read_text())["refresh_tokens"] if one["user"] == user] if path.exists() else []
        return found and found[-1]

    app = (stack.settings["ZOOM_OAUTH_CLIENT_ID"], stack.settings["ZOOM_OAUTH_CLIENT_SECRET"])
    email = row_of(stack, sub)["zoom_email"]

    def gone():
        requests.post(f"{stack.sandbox.base}/oauth/revoke", auth=app, data={"token": newest()}, timeout=TIMEOUT_S).raise_for_status()
        return grants(stack, email) == (0, 0)

    wait_for(gone, what="the end of the tokens at the sandbox")


def idle(stack, sub):
    """The job runner renews it now."""
    stack.rows("UPDATE connection SET refreshed_at = 1, renew_at = 1, expires_at = 1, try_at = 0 WHERE sub = %s", sub)


def row_of(stack, sub):
    return stack.rows("SELECT * FROM connection WHERE sub = %s", sub)[0]


def tokens_given(stack):
    """Every token that its sandbox has given to anybody, as its state on disk has them."""
    path = stack.run / "sandbox-state.json"
    state = json.loads(path.read_text()) if path.exists() else {}
    return [row["token"] for row in state.get("tokens", []) + state.get("refresh_tokens", [])]


def seen_of(stack):
    """All that is kept: a dump of the database, and the logs but the sandbox' own."""
    seen = subprocess.run(["mariadb-dump", "--no-defaults", "-u", "root", "-S", str(stack.run / "mariadb.sock"), "--hex-blob", "meetpool"],
                          capture_output=True, text=True, check=True).stdout
    for path in (stack.run / "logs").glob("*.log"):
        if path.name != "sandbox.log":
            seen += path.read_text(errors="replace")
    return seen


def in_clear(tokens, seen):
    # The tail of a token is as good as unique, and shows also where its head was cut off.
    return [token for token in tokens if token in seen or token.split(".")[-1] in seen]


def assert_nothing_in_clear(stack):
    """Of a stack that has done its work; one whose database is another's, or away, is passed over."""
    if not (stack.run / "mariadb.sock").exists() or not tokens_given(stack):
        return
    try:
        stack.rows("SELECT 1")
    except pymysql.Error:
        return
    assert in_clear(tokens_given(stack), seen_of(stack)) == []
