// A person's own page: the Zoom connection, meetings to come, defaults, calendar.
import { byId, call, element, news, onEvent } from "/api.js";
import { meetingItem, meetingsToCome, ownAccountToCome } from "/meetings.js";
import { outcome } from "/outcomes.js";

const PARTICIPANTS = ["student", "patient", "candidate"];
const SHOWN_AT_ONCE = 20;

const flags = [
    ["host_video", "Host's video on"],
    ["participant_video", "Participants' video on"],
    ["join_before_host", "Joining before the host"],
    ["mute_upon_entry", "Muted on entry"],
    ["waiting_room", "Waiting room"],
    ["meeting_authentication", "Only people signed in to Zoom"],
];

function tell(error) {
    if (error.status === 401)
        location.replace("/login");
    else
        news(error.requestId ? `${error.message} (request ${error.requestId})` : error.message, "bad");
}

// ---- Zoom ----

const states = {
    connected: ["Connected", "good", "Meetings you host are made in your own Zoom account."],
    reconnect_needed: ["Reconnect needed", "warn",
        "Zoom does not accept the connection any more. Connect again; until then the system's account hosts your meetings."],
    not_connected: ["Not connected", "", "Connect your Zoom account, and meetings you host are made there."],
    unknown: ["Not known", "warn", "The connection cannot be looked up just now. Load this page again in a few minutes."],
};

// What stands in the way of connecting; null: nothing does.
function hindrance({ status, connection }) {
    if (connection.connectable)
        return null;
    return status.error === "Zoom is disabled" ? "Zoom is switched off on this server."
        : "This server is not set up to connect people's own Zoom accounts. Ask your administrator.";
}

function showConnection(answer) {
    const { connection } = answer;
    const [label, kind, words] = states[connection.state];
    const hindered = hindrance(answer);
    const there = connection.state === "connected" || connection.state === "reconnect_needed";
    byId("zoom-state").textContent = label;
    byId("zoom-state").className = `badge ${kind}`;
    byId("zoom-email").textContent = connection.email ?? "";
    byId("zoom-words").textContent = hindered ?? connection.warning ?? words;
    byId("connect").hidden = hindered !== null || connection.state === "unknown" || (connection.state === "connected" && connection.warning === null);
    byId("disconnect").hidden = !there;
    byId("zoom").hidden = false;
}

async function loadConnection() {
    showConnection(await call("GET", "zoom/status"));
}

// By a call first: a session that has ended is noticed here, and not by an answer that no person can read.
async function connect() {
    location.assign((await call("GET", "zoom/connect")).data.authorization_url);
}

const meetingsInWords = (count) => count === 1 ? "One planned meeting" : `${count} planned meetings`;

async function askToDisconnect() {
    const planned = await ownAccountToCome();
    byId("leaving-words").textContent = planned === 0 ? "Meetings you host are made in the system's account from then on."
        : `${meetingsInWords(planned)} of yours ${planned === 1 ? "is" : "are"} in it.`;
    byId("leaving-offer").hidden = planned === 0;
    byId("leaving-move").checked = planned > 0;
    byId("leaving").showModal();
}

function stayConnected() {
    byId("leaving").close();
}

// Moving takes as many requests as it takes: each does what it can in a few seconds and says whether more is left.
async function disconnectAll(move) {
    const moved = [];
    for (;;) {
        const answer = await call("POST", "zoom/disconnect", move ? { move_meetings: true } : {});
        const { unfinished = false, moved_meetings: now = [] } = answer.data;
        moved.push(...now);
        if (!unfinished || now.length === 0)
            return { ...answer, moved: moved.length };
        news(`Moving your meetings: ${moved.length} moved, ${answer.data.future_meetings} to go …`, "soft");
    }
}

async function disconnect() {
    const move = !byId("leaving-offer").hidden && byId("leaving-move").checked;
    byId("leaving").close();
    news(move ? "Moving your meetings …" : "Disconnecting …", "soft");
    const { message, data, warnings = [], moved } = await disconnectAll(move);
    const words = [`${message}.`, ...warnings.map((warning) => warning.message)];
    if (moved > 0)
        words.push(`${meetingsInWords(moved)} moved to the system's account.`);
    if (data.future_meetings > 0)
        words.push(`${meetingsInWords(data.future_meetings)} ${data.future_meetings === 1 ? "stays" : "stay"} in your Zoom account.`);
    for (const one of data.unmoved_meetings ?? [])
        words.push(`${one.topic}: ${one.reason}`);
    news(words.join(" "), warnings.length > 0 || data.future_meetings > 0 ? "warn" : "good");
    await loadConnection();
    // The button that was pressed is gone.
    byId("zoom-title").focus();
    if (moved > 0)
        await loadMeetings(me);
}

// ---- Meetings ----

let meetings = [];

async function showMoreMeetings() {
    const list = byId("meeting-list");
    const more = byId("more-meetings");
    const pressed = document.activeElement === more;
    const added = meetings.slice(list.children.length, list.children.length + SHOWN_AT_ONCE).map(meetingItem);
    list.append(...added);
    more.hidden = list.children.length === meetings.length;
    if (pressed)
        added[0].querySelector("a")?.focus();
}

async function loadMeetings(user) {
    meetings = await meetingsToCome(isHost(user));
    byId("meeting-list").replaceChildren();
    await showMoreMeetings();
    byId("no-meetings").hidden = meetings.length > 0;
    byId("zone").textContent = `Times are those of ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`;
    byId("zone").hidden = meetings.length === 0;
    byId("meetings").hidden = false;
}

// ---- Defaults ----

let defaults = {};

function defaultsField([name, label]) {
    const select = element("select", { id: `default-${name}`, name });
    const value = name in defaults ? String(defaults[name]) : "";
    for (const [key, text] of [["", "as the kind of booking says"], ["true", "yes"], ["false", "no"]])
        select.append(element("option", { value: key, selected: key === value }, text));
    return element("div", {}, element("label", { htmlFor: select.id }, label), select);
}

async function loadDefaults() {
    defaults = (await call("GET", "me/meeting-defaults")).data.settings;
    byId("flags").replaceChildren(...flags.map(defaultsField));
    byId("defaults-part").hidden = false;
}

async function saveDefaults() {
    const settings = { ...defaults };
    for (const [name] of flags) {
        const value = byId(`default-${name}`).value;
        if (value === "")
            delete settings[name];
        else
            settings[name] = value === "true";
    }
    byId("saved").textContent = "";
    defaults = (await call("PUT", "me/meeting-defaults", { settings })).data.settings;
    byId("saved").textContent = "Saved.";
}

// ---- Calendar ----

async function loadCalendar() {
    byId("feed").textContent = (await call("GET", "calendar/me")).data.url;
    byId("calendar").hidden = false;
}

async function copyFeed() {
    try {
        await navigator.clipboard.writeText(byId("feed").textContent);
        news("The address is copied.", "good");
    } catch {
        getSelection().selectAllChildren(byId("feed"));
        news("The browser does not let this page copy. The address is selected: copy it yourself.", "warn");
    }
}

async function renewFeed() {
    if (!confirm("Renew the address? Calendars that are subscribed to the old one get nothing any more."))
        return;
    byId("feed").textContent = (await call("POST", "calendar/me/reset", {})).data.url;
    news("Your calendar has a new address; the old one does not work any more.", "good");
}

// ---- The page ----

async function signOut() {
    await call("DELETE", "session");
    location.replace("/login");
}

let me = null;

const isHost = (user) => !PARTICIPANTS.includes(user.role);

async function signedIn() {
    try {
        return (await call("GET", "me")).data.user;
    } catch (error) {
        if (error.status !== 401)
            throw error;
        // What Zoom's callback has to say is said there.
        location.replace(`/login${location.search}`);
        return null;
    }
}

function announce(end) {
    news(end.text, end.kind);
    byId("news").focus();
}

async function start() {
    const user = await signedIn();
    if (user === null)
        return;
    const end = outcome(location.search);
    if (end !== null)
        history.replaceState(null, "", "/settings");
    if (end?.kind === "bad")
        announce(end);
    byId("who").textContent = user.name ?? user.email ?? user.id;
    byId("to-console").hidden = user.role !== "admin";
    byId("sign-out").hidden = false;
    me = user;
    const parts = [loadMeetings(user), loadCalendar(), ...(isHost(user) ? [loadConnection(), loadDefaults()] : [])];
    const results = await Promise.allSettled(parts);
    // Anybody can write an address that says so: what holds is what the server says.
    if (end?.kind === "good" && byId("zoom-state").textContent === states.connected[0])
        announce(end);
    for (const part of results) {
        if (part.status === "rejected")
            tell(part.reason);
    }
    document.body.dataset.ready = "true";
}

onEvent(byId("sign-out"), "click", signOut, tell);
onEvent(byId("connect"), "click", connect, tell);
onEvent(byId("disconnect"), "click", askToDisconnect, tell);
onEvent(byId("leave"), "click", disconnect, tell);
onEvent(byId("stay"), "click", stayConnected, tell);
onEvent(byId("more-meetings"), "click", showMoreMeetings, tell);
onEvent(byId("defaults"), "submit", saveDefaults, tell);
byId("defaults").addEventListener("change", () => byId("saved").textContent = "");
onEvent(byId("feed-copy"), "click", copyFeed, tell);
onEvent(byId("feed-reset"), "click", renewFeed, tell);
start().catch(tell);
