// A person's own page: the Zoom connection, meetings to come, defaults, calendar.
import { byId, call, element, onClick } from "/api.js";

// Why a connection did not come to be, in words, by the code that the callback leaves in the address.
const reasons = {
    access_denied: "You did not allow the connection in Zoom. Nothing was changed. Choose “Connect Zoom” to try again.",
    state_expired: "The sign-in at Zoom took too long. Choose “Connect Zoom” to try again.",
    state_used: "That sign-in was used already. If you are not connected now, choose “Connect Zoom” to try again.",
    state_missing: "The connection has to be started here. Choose “Connect Zoom”.",
    state_invalid: "That sign-in does not belong to this page. Choose “Connect Zoom” to try again.",
    wrong_browser: "The sign-in was started in another browser. Choose “Connect Zoom” in this one.",
    exchange_failed: "Zoom did not accept the sign-in. Choose “Connect Zoom” to try again.",
    zoom_failed: "Zoom could not be reached. Try again in a few minutes.",
};

const flags = [
    ["host_video", "Host video on"],
    ["participant_video", "Participants' video on"],
    ["join_before_host", "Joining before the host"],
    ["mute_upon_entry", "Muted on entry"],
    ["waiting_room", "Waiting room"],
    ["meeting_authentication", "Only signed-in Zoom users"],
];

function news(text, kind) {
    const note = byId("news");
    note.textContent = text;
    note.className = `note ${kind}`;
    note.hidden = false;
}

function tell(error) {
    if (error.status === 401) {
        location.replace("/login");
        return;
    }
    news(error.requestId ? `${error.message} (request ${error.requestId})` : error.message, "bad");
}

function tellOutcome() {
    const query = new URLSearchParams(location.search);
    const outcome = query.get("zoom");
    if (outcome === "connected")
        news("Your Zoom account is connected. Meetings you host will appear in your own Zoom.", "good");
    else if (outcome === "error")
        news(reasons[query.get("code")] ?? "The connection to Zoom did not come to be. Choose “Connect Zoom” to try again.", "bad");
    if (outcome)
        history.replaceState(null, "", "/settings");
}

function showConnection(connection, configured) {
    const state = byId("zoom-state");
    const broken = connection.state === "reconnect_needed";
    state.textContent = broken ? "Reconnect needed" : connection.connected ? "Connected" : "Not connected";
    state.className = `badge ${broken ? "warn" : connection.connected ? "good" : ""}`;
    byId("zoom-email").textContent = connection.email ?? "";
    byId("zoom-words").textContent = broken
        ? "Zoom does not accept the connection any more. Until you connect again your meetings are hosted by the system's account."
        : connection.connected
            ? "Meetings you host are made in your own Zoom account."
            : configured
                ? "Connect your Zoom account and meetings you host are made there."
                : "Zoom is not configured on this server.";
    byId("connect").hidden = !configured || (connection.connected && !broken);
    byId("disconnect").hidden = !connection.connected && !broken;
    byId("zoom").hidden = false;
}

async function loadConnection() {
    const status = await call("GET", "zoom/status");
    showConnection(status.connection, status.configured);
}

function meetingItem(meeting) {
    const when = new Date(meeting.start_time).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    const links = element("span", { className: "row" });
    if (meeting.join_url)
        links.append(element("a", { className: "button plain", href: meeting.join_url, rel: "noreferrer", target: "_blank" }, "Join"));
    if (meeting.start_url)
        links.append(element("a", { className: "button", href: new URL(meeting.start_url).pathname, rel: "noreferrer", target: "_blank" }, "Start"));
    return element("li", {}, element("span", {}, element("strong", {}, meeting.topic), element("br"), element("span", { className: "soft" }, `${when}, ${meeting.duration} min`)), links);
}

async function loadMeetings() {
    const from = new Date(Date.now() - 3600_000).toISOString();
    const answer = await call("GET", `zoom/meetings?page_size=100&from=${encodeURIComponent(from)}`);
    const meetings = answer.data.meetings.toReversed();
    byId("meeting-list").replaceChildren(...meetings.map(meetingItem));
    byId("no-meetings").hidden = meetings.length > 0;
    byId("meetings").hidden = false;
}

function defaultsField(name, label, value) {
    const select = element("select", { id: `default-${name}`, name });
    for (const [key, text] of [["", "as the kind of booking says"], ["true", "yes"], ["false", "no"]])
        select.append(element("option", { value: key, selected: key === (value === undefined ? "" : String(value)) }, text));
    return element("div", {}, element("label", { htmlFor: select.id }, label), select);
}

let defaults = {};

async function loadDefaults() {
    defaults = (await call("GET", "me/meeting-defaults")).data.settings;
    byId("flags").append(...flags.map(([name, label]) => defaultsField(name, label, defaults[name])));
}

async function saveDefaults(event) {
    event.preventDefault();
    const settings = { ...defaults };
    for (const [name] of flags) {
        const value = byId(`default-${name}`).value;
        if (value === "")
            delete settings[name];
        else
            settings[name] = value === "true";
    }
    try {
        defaults = (await call("PUT", "me/meeting-defaults", { settings })).data.settings;
        byId("saved").textContent = "Saved.";
    } catch (error) {
        tell(error);
    }
}

async function start() {
    tellOutcome();
    const { user } = (await call("GET", "me")).data;
    byId("who").textContent = user.name ?? user.email ?? user.id;
    const hosts = !["student", "patient", "candidate"].includes(user.role);
    const parts = [loadDefaults(), call("GET", "calendar/me").then((answer) => { byId("feed").textContent = answer.data.url; })];
    if (hosts)
        parts.push(loadConnection(), loadMeetings());
    for (const part of await Promise.allSettled(parts)) {
        if (part.status === "rejected")
            tell(part.reason);
    }
}

byId("defaults").addEventListener("submit", saveDefaults);
onClick(byId("sign-out"), async () => {
    await call("DELETE", "session");
    location.replace("/login");
}, tell);
onClick(byId("disconnect"), async () => {
    if (!confirm("Disconnect your Zoom account? Meetings made there stay there."))
        return;
    await call("POST", "zoom/disconnect", {});
    news("Your Zoom account is disconnected.", "good");
    await loadConnection();
}, tell);
onClick(byId("feed-reset"), async () => {
    byId("feed").textContent = (await call("POST", "calendar/me/reset", {})).data.url;
    news("Your calendar has a new address; the old one does not work any more.", "good");
}, tell);
start().catch(tell);
