// How a consent at Zoom ended, in words, by what the callback leaves in the address: ?zoom=connected, ?zoom=error&code=…

const reasons = {
    access_denied: "You did not allow the connection at Zoom. Nothing was changed. Choose “Connect Zoom” to try again.",
    state_missing: "The connection has to be started here. Choose “Connect Zoom”.",
    state_invalid: "That consent was not begun by you on this server, or is long over. Choose “Connect Zoom” to try again.",
    state_used: "That consent was used already, and works only once. If you are not connected now, choose “Connect Zoom” again.",
    state_expired: "The consent at Zoom took too long. Choose “Connect Zoom” to try again.",
    wrong_browser: "The connection was started in another browser. Choose “Connect Zoom” in this one.",
    exchange_failed: "Zoom did not accept the connection. Choose “Connect Zoom” to try again; if that does not help, ask your administrator.",
    zoom_failed: "Zoom could not be reached. Nothing was changed. Try again in a few minutes.",
    zoom_not_configured: "This server is not set up to connect Zoom accounts of its users. Ask your administrator.",
    zoom_disabled: "Zoom is switched off on this server. Ask your administrator.",
    unavailable: "The server could not store the connection just now. Try again in a few minutes.",
    internal: "Something went wrong on the server. Try again; if that does not help, ask your administrator.",
};

// { text, kind }; null where the address tells of no consent.
export function outcome(search) {
    const query = new URLSearchParams(search);
    const end = query.get("zoom");
    if (end === "connected")
        return { text: "Your Zoom account is connected. Meetings you host are made there from now on.", kind: "good" };
    if (end !== "error")
        return null;
    const code = query.get("code") ?? "";
    const text = Object.hasOwn(reasons, code) ? reasons[code] : "Your Zoom account was not connected. Choose “Connect Zoom” to try again.";
    return { text, kind: "bad" };
}
