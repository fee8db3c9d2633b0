// Today's meetings, failures, recordings, jobs, connections, webhooks.
import { element, onEvent } from "/api.js";
import { badge, bytes, counted, figures, several, show, soft, span, table, time, timeText } from "/console_parts.js";

const LAG_TOLD_S = 300;

const meetingStates = {
    creating: ["being made", "warn"],
    scheduled: ["planned", ""],
    started: ["going on", "good"],
    ended: ["over", ""],
};

const minute = (summary) => Math.floor(Date.parse(summary.at) / 60_000);

function retryButton(id, name, path, done, actions) {
    const made = element("button", { id, type: "button", className: "plain", "aria-label": `Retry ${name}` }, "Retry");
    onEvent(made, "click", () => actions.act(path, done), actions.tell);
    return made;
}

// ---- What needs somebody ----

function needs(summary) {
    const { recordings, jobs, connections } = summary;
    const bookings = summary.failures.filter((one) => one.source === "booking").length;
    const found = [];
    const add = (part, kind, text) => found.push({ part, kind, text });
    for (const account of summary.accounts) {
        if (account.inactive_reason !== null && account.inactive_reason !== "cordoned")
            add("pool", account.active ? "warn" : "bad", `${account.id}: ${account.why ?? account.inactive_reason}`);
        for (const host of account.hosts.filter((one) => !one.active))
            add("pool", "warn", `${host.host}: ${host.why ?? "takes no meetings"}`);
    }
    if (bookings > 0)
        add("failures", "bad", `${several(bookings, "booking waits", "bookings wait")} for a meeting.`);
    for (const app of summary.apps.filter((one) => one.silent))
        add("webhooks", "bad", `Zoom tells nothing any more about ${app.app}.`);
    if (recordings.failed > 0)
        add("recordings", "bad", `${counted(recordings.failed, summary.counted_up_to)} ${recordings.failed === 1 ? "recording" : "recordings"} could not be brought home.`);
    if (recordings.unaccounted > 0)
        add("recordings", "warn", `Of ${several(recordings.unaccounted, "meeting")} nothing has come home.`);
    if (jobs.failed > 0)
        add("jobs", "warn", `${counted(jobs.failed, summary.counted_up_to)} ${jobs.failed === 1 ? "job was" : "jobs were"} given up.`);
    if (jobs.oldest_due_seconds > LAG_TOLD_S)
        add("jobs", "bad", `Background work is ${span(jobs.oldest_due_seconds)} behind: are the mp-jobs processes running?`);
    if (connections.reconnect_needed > 0)
        add("connections", "warn", `${counted(connections.reconnect_needed, summary.counted_up_to)} of your people must connect Zoom again.`);
    return found;
}

export function showCare(summary) {
    const found = needs(summary);
    show("care-body", found, () => found.length === 0
        ? [element("p", {}, badge("All is well", "good"), " Nothing needs you now.")]
        : [element("ul", { className: "care" }, ...found.map(({ part, kind, text }) => element("li", { className: kind }, element("a", { href: `#${part}` }, text))))]);
    return found;
}

// ---- Lists ----

export function showToday(summary) {
    const { meetings, cut } = summary.today;
    show("today-body", [meetings, cut, minute(summary)], () => {
        if (meetings.length === 0)
            return [soft("No meeting today.")];
        const rows = meetings.map((meeting) => {
            const [word, kind] = meetingStates[meeting.status] ?? [meeting.status, ""];
            return [meeting.topic, time(meeting.start_time), `${meeting.duration} min`, badge(word, kind), meeting.zoomAccountUsed ?? "", meeting.host_email ?? "", meeting.id ?? ""];
        });
        return [table("Today's meetings", ["Meeting", "Begins", "Takes", "State", "Account", "Host", "Zoom's number"], rows),
            ...(cut ? [soft("There are more today than are shown.")] : [])];
    });
}

export function showFailures(summary) {
    show("failures-body", [summary.failures, minute(summary)], () => {
        if (summary.failures.length === 0)
            return [soft("Nothing has failed lately.")];
        return [element("ul", { className: "failures" }, ...summary.failures.map((one) => element("li", {},
            element("p", {}, element("strong", {}, one.title), " ", element("span", { className: "soft" }, time(one.at), one.times > 1 ? `, ${one.times} times` : "")),
            ...(one.subject !== null && one.source !== "booking" ? [element("p", { className: "word" }, `About: ${one.subject}`)] : []),
            ...(one.reason !== null ? [element("p", { className: "word" }, `Why: ${one.reason}`)] : []),
            element("p", {}, `What to do: ${one.what_to_do}`),
            ...(one.request_id !== null ? [element("p", { className: "soft word" }, `Request ${one.request_id}`)] : []))))];
    });
}

export function showRecordings(summary, actions) {
    const { recordings, storage, counted_up_to: most } = summary;
    show("recordings-body", [recordings, storage, minute(summary)], () => [
        figures([["Synced today", String(recordings.synced_today)], ["Waiting for Zoom", counted(recordings.waiting, most)],
            ["Late at Zoom", counted(recordings.late, most)], ["On their way", counted(recordings.syncing, most)], ["Failed", counted(recordings.failed, most)],
            ["Unaccounted for", counted(recordings.unaccounted, most)], ["Stored", `${several(storage.files, "file")}, ${bytes(storage.bytes)}`]]),
        recordings.failures.length === 0 ? soft("No recording has failed.") : table("Recordings that failed",
            ["Meeting", "Was at", "Files here", "Why", "Again"], recordings.failures.map((one) => [one.topic, time(one.start_time), `${one.files_stored} of ${one.files}`,
                one.last_sync_error ?? "", retryButton(`recording-${one.meeting_id}`, `the recording of ${one.topic}`,
                    `admin/recordings/${encodeURIComponent(one.meeting_id)}/retry`, `The recording of “${one.topic}” is brought home again.`, actions)])),
    ]);
}

export function showJobs(summary, actions) {
    const { jobs, counted_up_to: most } = summary;
    show("jobs-body", [jobs, minute(summary)], () => [
        figures([["Running", counted(jobs.running, most)], ["Waiting their time", counted(jobs.queued, most)], ["Due now", String(jobs.due)],
            ["Oldest due for", jobs.due > 0 ? span(jobs.oldest_due_seconds) : "—"], ["Given up", counted(jobs.failed, most)]]),
        jobs.failures.length === 0 ? soft("No job was given up.") : table("Jobs that were given up", ["Job", "About", "Given up", "Tries", "Why", "Again"],
            jobs.failures.map((one) => [one.kind, one.subject, time(one.finished_at), String(one.attempts), one.error ?? "",
                retryButton(`job-${one.id}`, `the job ${one.kind} about ${one.subject}`, `admin/jobs/${encodeURIComponent(one.id)}/retry`,
                    `The job ${one.kind} is tried again.`, actions)])),
    ]);
}

export function showConnections(summary) {
    const { need_care: list, reconnect_needed: count } = summary.connections;
    show("connections-body", [list, count, minute(summary)], () => list.length === 0 ? [soft("Every connection works that people have made to their own Zoom accounts.")]
        : [soft(`${counted(count, summary.counted_up_to)} to be connected again, by their people themselves, under Settings. Until then the pool hosts their meetings.`),
            table("Connections that need care", ["Person", "Zoom account", "State", "What is wrong", "Last error", "At"],
                list.map((one) => [one.user_id, one.email ?? "", one.state === "connected" ? badge("Not renewed", "warn") : badge("Reconnect needed", "bad"), one.warning,
                    one.last_error ?? "", time(one.last_error_at)]))]);
}

export function showWebhooks(summary) {
    show("webhooks-body", [summary.apps.map((one) => ({ ...one, age_seconds: 0 })), minute(summary)], () => summary.apps.length === 0
        ? [soft("No app has a secret token, so that Zoom tells nothing: recordings and the ends of meetings are found by asking, which takes longer.")]
        : [table("What Zoom tells", ["App", "Last event", "How long ago", "Which", "Refused", "State"],
            summary.apps.map((one) => [one.app, time(one.last_event_at), one.age_seconds === null ? "never" : span(one.age_seconds), one.last_event ?? "",
                one.refused > 0 ? `${one.refused}, last ${timeText(one.last_refused_at)}` : "none",
                one.silent ? badge("Silent", "bad") : one.last_event_at === null ? badge("Nothing yet", "warn") : badge("Heard", "good")]))]);
}
