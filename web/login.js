// Exchanges the token behind '#' (or a pasted one) for the session cookie. What stands behind '#' never reaches a server log.
import { byId, call } from "/api.js";

function tell(text, kind) {
    const message = byId("message");
    message.textContent = text;
    message.className = kind;
}

async function signIn(token) {
    tell("Signing in …", "soft");
    try {
        await call("POST", "session", undefined, { Authorization: `Bearer ${token}` });
        location.replace("/settings");
    } catch (error) {
        tell(error.status === 401 ? "This link or token is not valid any more. Ask for a new one." : error.message, "note bad");
    }
}

const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
    history.replaceState(null, "", "/login");
    signIn(given);
}
byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    signIn(byId("token").value.trim());
});
