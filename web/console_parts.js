// What the parts of the console are built from. Text from data only ever becomes text.
import { byId, element } from "/api.js";

const MINUTE_S = 60;

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const dayAndClock = new Intl.DateTimeFormat([], { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const number = new Intl.NumberFormat();

export const clockText = (value) => clock.format(new Date(value));

// With the day only where it is not today.
export function timeText(value) {
    const at = new Date(value);
    return (at.toDateString() === new Date().toDateString() ? clock : dayAndClock).format(at);
}

export const time = (value) => value === null ? "" : element("time", { dateTime: value }, timeText(value));

export function span(seconds) {
    for (const [unit, name] of [[86400, "day"], [3600, "hour"], [MINUTE_S, "minute"]]) {
        const count = Math.floor(seconds / unit);
        if (count >= 1)
            return `${count} ${name}${count === 1 ? "" : "s"}`;
    }
    return "less than a minute";
}

export function bytes(count) {
    const units = ["bytes", "KB", "MB", "GB", "TB", "PB"];
    let value = count, unit = 0;
    for (; value >= 1000 && unit < units.length - 1; unit++)
        value /= 1000;
    return `${new Intl.NumberFormat([], { maximumFractionDigits: unit === 0 ? 0 : 1 }).format(value)} ${units[unit]}`;
}

// Counts are counted up to a bound.
export const counted = (count, most) => count >= most ? `${number.format(most)} or more` : number.format(count);

export const several = (count, one, many = `${one}s`) => `${number.format(count)} ${count === 1 ? one : many}`;

export const badge = (text, kind) => element("span", { className: `badge ${kind}` }, text);

export const soft = (...children) => element("p", { className: "soft" }, ...children);

// [[name, value], …]
export function figures(pairs) {
    return element("dl", { className: "figures" }, ...pairs.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

// A table that is wider than the window is moved within its frame, by keyboard too. The first cell of a row names it.
export function table(caption, heads, rows) {
    const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
    const body = rows.map(([first, ...cells]) => element("tr", {}, element("th", { scope: "row" }, first), ...cells.map((cell) => element("td", {}, cell))));
    return element("div", { className: "scroll", role: "group", tabIndex: 0, "aria-label": caption },
        element("table", {}, element("caption", { className: "unseen" }, caption), element("thead", {}, head), element("tbody", {}, ...body)));
}

const shown = new Map();

// Where the focus goes when what had it is gone.
function heading(place) {
    const title = place.closest("section").querySelector("h2");
    title.tabIndex = -1;
    return title;
}

// Puts a part's content in its place where what it shows has changed. What had the focus there and what was open keeps it, by its id.
export function show(id, facts, build) {
    const now = JSON.stringify(facts);
    if (shown.get(id) === now)
        return;
    shown.set(id, now);
    const place = byId(id);
    const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
    const open = [...place.querySelectorAll("details[open][id]")].map((one) => one.id);
    place.replaceChildren(...build());
    for (const one of open) {
        if (byId(one) !== null)
            byId(one).open = true;
    }
    if (focused !== "")
        (byId(focused) ?? heading(place)).focus({ preventScroll: true });
}
