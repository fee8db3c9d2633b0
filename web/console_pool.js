// The pool as a timeline: who is where now and in the next hours, what is free, and why an account takes no meetings.
import { byId, element, onEvent } from "/api.js";
import { badge, clockText, several, show, soft, table, time, timeText } from "/console_parts.js";

const HOUR_MS = 3_600_000;
export const NARROW = matchMedia("(max-width: 40rem)");
export const MIDDLING = matchMedia("(max-width: 75rem)");

const words = {
    authentication: ["Inactive", "bad"],
    daily_limit: ["Daily limit used up", "warn"],
    cordoned: ["Cordoned", "warn"],
    at_capacity: ["Full now", "warn"],
    paused: ["Slowed down by Zoom", "warn"],
};

function state(account) {
    const [text, kind] = account.inactive_reason === null ? ["Active", "good"] : words[account.inactive_reason] ?? ["Inactive", "bad"];
    return badge(text, kind);
}

// Places that overlap lie one below the other.
function inLanes(places) {
    const ends = [];
    return places.map((place) => {
        const from = Date.parse(place.from);
        let lane = ends.findIndex((end) => end <= from);
        if (lane < 0)
            lane = ends.length;
        ends[lane] = Date.parse(place.until);
        return { place, lane };
    });
}

const meetingWords = (place) => place.overrun ? "goes on beyond its end" : place.status === "started" ? "going on" : place.status;

function placeItem({ place, lane }, view) {
    const from = Math.max(Date.parse(place.from), view.from), until = Math.min(Math.max(Date.parse(place.until), view.now), view.until);
    const text = `${place.topic}, ${clockText(place.from)}–${clockText(place.until)}`;
    const item = element("li", { className: place.overrun ? "place overrun" : place.status === "started" ? "place started" : "place", title: text }, text);
    item.style.left = `${(from - view.from) / (view.until - view.from) * 100}%`;
    item.style.width = `${(until - from) / (view.until - view.from) * 100}%`;
    item.style.top = `${lane * 1.6}rem`;
    return item;
}

function hostRow(host, view) {
    const places = inLanes(host.places.filter((place) => Date.parse(place.from) < view.until));
    const row = element("div", { className: "host" }, element("span", { className: "name" }, host.host));
    if (places.length > 0) {
        const list = element("ol", { className: "lanes", "aria-label": `${host.host}: taken` }, ...places.map((one) => placeItem(one, view)));
        list.style.height = `${(Math.max(...places.map((one) => one.lane)) + 1) * 1.6}rem`;
        row.append(list);
    } else {
        row.append(element("span", { className: "lanes soft" }, "free"));
    }
    if (!host.active)
        row.append(element("p", { className: "why" }, `${host.why ?? "It takes no meetings."} ${host.what_to_do ?? ""}`));
    return row;
}

function hoursRow(view) {
    const row = element("div", { className: "hours", "aria-hidden": "true" });
    const step = HOUR_MS * Math.ceil((view.until - view.from) / HOUR_MS / (NARROW.matches ? 3 : MIDDLING.matches ? 6 : 12));
    const first = new Date(view.from);
    first.setMinutes(0, 0, 0);
    for (let at = first.getTime(); at < view.until; at += step) {
        if (at < view.from)
            continue;
        const tick = element("span", {}, new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
        tick.style.left = `${(at - view.from) / (view.until - view.from) * 100}%`;
        row.append(tick);
    }
    return row;
}

function asTable(account) {
    const rows = account.hosts.flatMap((host) => host.places.map((place) => [place.topic, host.host, time(place.from), time(place.until), meetingWords(place)]));
    const content = rows.length > 0 ? table(`Meetings of ${account.id}`, ["Meeting", "Host", "From", "Free again", "State"], rows)
        : soft("Nothing is planned here in the next 24 hours.");
    return element("details", { id: `table-${account.id}` }, element("summary", {}, `As a table: ${account.id}`), content);
}

function button(account, id, word, path, done, actions) {
    const made = element("button", { id: `${id}-${account.id}`, type: "button", className: "plain", "aria-label": `${word} ${account.id}` }, word);
    onEvent(made, "click", () => actions.act(path, done), actions.tell);
    return made;
}

function buttons(account, actions) {
    const id = encodeURIComponent(account.id);
    // A reset changes nothing about these.
    const inactive = ![null, "at_capacity", "cordoned"].includes(account.inactive_reason) || account.hosts.some((host) => !host.active);
    const list = element("div", { className: "row" });
    if (inactive)
        list.append(button(account, "reset", "Reset", `zoom/reset-account/${id}`, `${account.id} is active again.`, actions));
    list.append(account.cordoned
        ? button(account, "cordon", "Uncordon", `admin/accounts/${id}/uncordon`, `${account.id} takes meetings again.`, actions)
        : button(account, "cordon", "Cordon", `admin/accounts/${id}/cordon`, `${account.id} takes no new meetings; those that are there stay.`, actions));
    return list;
}

function load(account) {
    const next = account.next_end_at === null ? "" : `; the next one ends at ${timeText(account.next_end_at)}`;
    return `${account.active_meetings} of ${account.max_concurrent_meetings} meetings now${next}`;
}

function reason(account) {
    if (account.inactive_reason === null)
        return [];
    const until = account.inactive_until === null ? "" : ` Active again by itself at ${timeText(account.inactive_until)}.`;
    const said = account.last_error === null || account.inactive_reason === "cordoned" || account.inactive_reason === "at_capacity" ? []
        : [element("p", { className: "word" }, "What Zoom said last: ", element("q", {}, account.last_error))];
    return [element("p", { className: "why" }, element("strong", {}, account.why ?? account.inactive_reason), ` ${account.what_to_do ?? ""}${until}`), ...said];
}

function timeline(account, view) {
    const made = element("div", { className: "timeline" }, hoursRow(view), ...account.hosts.map((host) => hostRow(host, view)));
    made.style.setProperty("--now", `${(view.now - view.from) / (view.until - view.from) * 100}%`);
    return made;
}

function accountPart(account, view, actions) {
    return element("article", { "aria-labelledby": `account-${account.id}` },
        element("div", { className: "row" }, element("h3", { id: `account-${account.id}` }, account.id), state(account), element("span", { className: "soft" }, load(account)),
            buttons(account, actions)),
        ...reason(account),
        timeline(account, view),
        asTable(account));
}

export function showPool(summary, actions) {
    const now = Date.parse(summary.at), from = Math.floor(now / (HOUR_MS / 2)) * (HOUR_MS / 2);
    const view = { now, from, until: from + Number(byId("hours").value) * HOUR_MS };
    const active = summary.accounts.filter((account) => account.active);
    const sum = (list, name) => list.reduce((total, one) => total + one[name], 0);
    byId("pool-words").textContent = `${active.length} of ${several(summary.accounts.length, "account")} take meetings; `
        + `${sum(summary.accounts, "active_meetings")} of ${several(sum(summary.accounts, "max_concurrent_meetings"), "place")} taken now.`;
    show("pool-body", [summary.accounts, view.from, view.until, Math.floor(now / 60_000), NARROW.matches, MIDDLING.matches], () => [
        ...summary.accounts.map((account) => accountPart(account, view, actions)),
        ...(summary.accounts.length === 0 ? [soft("No Zoom account is set up. Put the credentials into the settings and restart.")] : []),
        ...(summary.places_cut ? [soft("There are more meetings in these hours than are shown.")] : []),
    ]);
}
