// Exchanges the token behind '#' (or a pasted one) for the session cookie. What stands behind '#' never reaches a server log.
import { ApiError, byId, call, news, onEvent } from "/api.js";
import { outcome } from "/outcomes.js";

// The characters of a bearer token (RFC 6750); any other could not be sent.
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

async function signIn(token) {
    if (!TOKEN.test(token))
        throw new ApiError(401, null);
    news("Signing in …", "soft");
    await call("POST", "session", undefined, { Authorization: `Bearer ${token}` });
    location.replace("/settings");
}

function tell(error) {
    const refused = error.status === 401;
    news(refused ? "This link or token is not valid, or not any more. Ask your application for a new one." : error.message, "bad");
    byId("token").setAttribute("aria-invalid", String(refused));
    byId("token").focus();
}

function takeFromAddress() {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (token === null)
        return;
    history.replaceState(null, "", "/login");
    signIn(token).catch(tell);
}

// Whom Zoom sends back without a session is told the outcome here.
const end = outcome(location.search);
if (end !== null) {
    news(`${end.text} Sign in first.`, end.kind);
    history.replaceState(null, "", `/login${location.hash}`);
}
onEvent(byId("form"), "submit", () => signIn(byId("token").value.trim()), tell);
addEventListener("hashchange", takeFromAddress);
takeFromAddress();
