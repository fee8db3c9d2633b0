// Exchanges the token behind '#' (or a pasted one) for the session cookie. What stands behind '#' never reaches a server log.
import { ApiError, byId, call, news, onEvent } from "/api.js";
import { outcome } from "/outcomes.js";

// The characters of a bearer token (RFC 6750); any other could not be sent.
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

// Who that token is, or the session there is; null: nobody.
async function whoIs(headers, credentials) {
    try {
        return (await call("GET", "me", undefined, headers, credentials)).data.user;
    } catch (error) {
        if (error.status !== 401)
            throw error;
        return null;
    }
}

// A link may be somebody else's: whoever follows it must not go on in that person's name without noticing.
async function mayReplace(token) {
    const [now, next] = await Promise.all([whoIs({}, "same-origin"), whoIs({ Authorization: `Bearer ${token}` }, "omit")]);
    const name = (user) => user.name || user.email || user.id;
    return now === null || next === null || now.id === next.id
        || confirm(`You are signed in as ${name(now)}. Sign out, and sign in as ${name(next)}?`);
}

async function signIn(token) {
    if (!TOKEN.test(token))
        throw new ApiError(401, null);
    news("Signing in …", "soft");
    if (!await mayReplace(token)) {
        location.replace("/settings");
        return;
    }
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
