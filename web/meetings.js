// A person's meetings to come, from what the API lets this person see.
import { callList, element } from "/api.js";

const MINUTE_MS = 60_000;
// A meeting that began so long ago may still go on.
const LOOK_BACK_MS = 24 * 60 * MINUTE_MS;

// The bookings that participants see; each kind with the names of its members.
const kinds = [
    ["classes", "classes", "startTime", "duration"],
    ["events", "events", "startTime", "duration"],
    ["custom-sessions", "custom_sessions", "startTime", "duration"],
    ["appointments", "appointments", "appointmentTime", "durationMinutes"],
    ["interviews", "interviews", "startTime", "duration"],
];

// What stands in the place of a link.
function remark(type, state) {
    return type === "IN_PERSON" ? ", in person" : state === "pending" || state === "failed" ? ", the link follows" : "";
}

async function hosted(from) {
    return (await callList(`zoom/meetings?mine=true&from=${from}`, "meetings")).map((meeting) => ({
        title: meeting.topic,
        start: Date.parse(meeting.start_time),
        minutes: meeting.duration,
        over: meeting.status === "ended",
        join: meeting.join_url,
        begin: meeting.start_url,
        remark: meeting.status === "creating" ? ", the link follows" : "",
    }));
}

async function bookings([path, name, start, duration], from) {
    return (await callList(`${path}?from=${from}`, name)).map((booking) => ({
        title: booking.title,
        start: Date.parse(booking[start]),
        minutes: booking[duration],
        over: booking.status === "completed",
        join: booking.zoomJoinUrl,
        remark: remark(booking.type, booking.meetingState),
    }));
}

async function sessions(from) {
    const batches = await callList("batches", "batches");
    const lists = await Promise.all(batches.map((batch) => callList(`batches/${encodeURIComponent(batch.id)}/schedule?from=${from}`, "sessions")));
    return lists.flat().map((session) => ({
        title: session.title,
        start: Date.parse(session.starts_at),
        minutes: Math.round((Date.parse(session.ends_at) - Date.parse(session.starts_at)) / MINUTE_MS),
        over: session.status === "completed",
        join: session.zoom_meeting?.join_url,
        remark: remark("", session.meeting_state),
    }));
}

// The soonest first.
export async function meetingsToCome(hosts) {
    const now = Date.now();
    const from = encodeURIComponent(new Date(now - LOOK_BACK_MS).toISOString());
    const lists = await Promise.all(hosts ? [hosted(from)] : [...kinds.map((kind) => bookings(kind, from)), sessions(from)]);
    return lists.flat().filter((meeting) => !meeting.over && meeting.start + meeting.minutes * MINUTE_MS > now).sort((a, b) => a.start - b.start);
}

// How many are planned in the person's own Zoom account.
export async function ownAccountToCome() {
    const from = encodeURIComponent(new Date().toISOString());
    const planned = await callList(`zoom/meetings?mine=true&status=scheduled&from=${from}`, "meetings");
    return planned.filter((meeting) => meeting.zoomAccountUsed === "user").length;
}

function link(word, url, meeting, className) {
    return element("a", { className, href: url, rel: "noreferrer", target: "_blank", "aria-label": `${word} ${meeting.title} (in a new tab)` }, word);
}

export function meetingItem(meeting) {
    const at = new Date(meeting.start);
    const when = element("time", { dateTime: at.toISOString() }, at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));
    const links = element("span", { className: "row" });
    if (meeting.join)
        links.append(link("Join", meeting.join, meeting, "button plain"));
    // The path alone: the cookie is of this origin.
    if (meeting.begin)
        links.append(link("Start", new URL(meeting.begin, location.href).pathname, meeting, "button"));
    const about = element("span", {}, element("strong", {}, meeting.title), element("br"),
        element("span", { className: "soft" }, when, `, ${meeting.minutes} min${meeting.remark}`));
    return element("li", {}, about, links);
}
