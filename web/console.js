// The console: asks for the summary every few seconds while somebody looks, shows it, and does what its buttons say.
import { byId, call, element, news, onEvent } from "/api.js";
import { showCharts } from "/console_charts.js";
import { showCare, showConnections, showFailures, showJobs, showRecordings, showToday, showWebhooks } from "/console_lists.js";
import { badge, show, soft, table, time } from "/console_parts.js";
import { MIDDLING, NARROW, showPool } from "/console_pool.js";

const EVERY_MS = 10_000;
// While the server is away.
const AWAY_MS = 20_000;
const CHARTS_EVERY_MS = 5 * 60_000;

function tell(error) {
    if (error.status === 401)
        location.replace("/login");
    else
        news(error.requestId ? `${error.message} (request ${error.requestId})` : error.message, "bad");
}

// ---- The summary ----

let latest = null;
let chartsAt = 0;
let timer = 0;
let asking = null;
let needed = null;
let away = false;
let zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

function address() {
    const query = new URLSearchParams({ timezone: zone });
    if (Date.now() - chartsAt >= CHARTS_EVERY_MS)
        query.set("days", byId("days").value);
    return `admin/summary?${query}`;
}

async function ask() {
    try {
        return (await call("GET", address())).data;
    } catch (error) {
        // A browser may know a zone that the server does not.
        if (error.status !== 422 || zone === "UTC")
            throw error;
        zone = "UTC";
        return (await call("GET", address())).data;
    }
}

// What has come up since the last look is said once to who cannot see it.
function announce(found) {
    const texts = found.map((one) => one.text);
    if (needed !== null) {
        const fresh = texts.filter((text) => !needed.includes(text));
        const gone = needed.filter((text) => !texts.includes(text));
        if (fresh.length > 0 || gone.length > 0)
            byId("changes").textContent = [...fresh.map((text) => `New: ${text}`), ...gone.map((text) => `No more: ${text}`)].join(" ");
    }
    needed = texts;
}

function showAll(summary) {
    announce(showCare(summary));
    showPool(summary, actions);
    showToday(summary);
    showFailures(summary);
    showRecordings(summary, actions);
    showJobs(summary, actions);
    showConnections(summary);
    showWebhooks(summary);
    if (summary.charts !== undefined) {
        chartsAt = Date.now();
        showCharts(summary.charts);
    }
    byId("as-of").textContent = `As of ${new Date(summary.at).toLocaleTimeString()}, ${zone}. Renewed by itself while you look.`;
}

async function look() {
    latest = await ask();
    showAll(latest);
    if (away)
        news("The server answers again.", "good");
    away = false;
}

// One look at a time; whoever wants one while another is under way waits for that one and looks again.
async function lookNow() {
    while (asking !== null)
        await asking.catch(() => {});
    asking = look();
    try {
        await asking;
    } finally {
        asking = null;
    }
}

function failed(error) {
    if (error.status === 401 || error.status === 403) {
        tell(error);
        return;
    }
    if (!away)
        news(latest === null ? error.message : `${error.message} What you see is of ${new Date(latest.at).toLocaleTimeString()}.`, "bad");
    away = true;
}

function later() {
    clearTimeout(timer);
    if (!document.hidden)
        timer = setTimeout(tick, away ? AWAY_MS : EVERY_MS);
}

async function tick() {
    clearTimeout(timer);
    await lookNow().catch(failed);
    later();
}

// ---- Buttons ----

const actions = {
    async act(path, done) {
        const { warnings = [] } = await call("POST", path, {});
        news([done, ...warnings.map((one) => one.message)].join(" "), warnings.length > 0 ? "warn" : "good");
        await lookNow();
        await showAudit("");
    },
    tell,
};

// ---- The audit log ----

let older = "";

function auditRows(entries) {
    return entries.map((one) => [one.action, time(one.at), one.actor ?? "meetpool", one.subject ?? "", badge(one.outcome === "ok" ? "done" : one.outcome, one.outcome === "ok" ? "good" : "bad"),
        one.detail ?? "", one.remote_addr ?? ""]);
}

async function showAudit(token) {
    const query = new URLSearchParams({ page_size: "15", next_page_token: token });
    if (byId("audit-outcome").value !== "")
        query.set("outcome", byId("audit-outcome").value);
    const { entries, next_page_token: next } = (await call("GET", `admin/audit-log?${query}`)).data;
    show("audit-body", entries, () => entries.length === 0 ? [soft("Nothing is written down.")]
        : [table("Audit log", ["What", "When", "Who", "To which", "How it ended", "Detail", "From"], auditRows(entries))]);
    older = next;
    // Not by `disabled`, which would take the focus away.
    byId("audit-older").setAttribute("aria-disabled", String(next === ""));
}

async function showOlder() {
    if (older !== "")
        await showAudit(older);
}

// ---- The page ----

async function signOut() {
    await call("DELETE", "session");
    location.replace("/login");
}

function welcome(words, signedIn) {
    byId("welcome-words").textContent = words;
    byId("welcome-words").hidden = words === "";
    byId("welcome-login").hidden = signedIn;
    byId("welcome").hidden = false;
}

async function whoIsHere() {
    try {
        return (await call("GET", "me")).data.user;
    } catch (error) {
        if (error.status !== 401)
            throw error;
        return null;
    }
}

async function renewCharts() {
    chartsAt = 0;
    await lookNow();
}

function showPoolAgain() {
    if (latest !== null)
        showPool(latest, actions);
}

function bind() {
    onEvent(byId("hours"), "change", async () => showPoolAgain(), tell);
    for (const width of [NARROW, MIDDLING])
        width.addEventListener("change", showPoolAgain);
    onEvent(byId("days"), "change", renewCharts, tell);
    onEvent(byId("audit-outcome"), "change", () => showAudit(""), tell);
    onEvent(byId("audit-newest"), "click", () => showAudit(""), tell);
    onEvent(byId("audit-older"), "click", showOlder, tell);
    document.addEventListener("visibilitychange", () => document.hidden ? clearTimeout(timer) : tick());
}

async function openConsole() {
    if (NARROW.matches)
        byId("hours").value = "6";
    byId("console").hidden = false;
    bind();
    await Promise.all([lookNow(), showAudit("")]).catch(failed);
    later();
}

async function start() {
    const user = await whoIsHere();
    if (user === null) {
        welcome("", false);
        return;
    }
    byId("who").textContent = user.name ?? user.email ?? user.id;
    byId("to-settings").hidden = false;
    byId("sign-out").hidden = false;
    if (user.role !== "admin") {
        welcome("The console is for admins, and you are not signed in as one.", true);
        return;
    }
    await openConsole();
}

onEvent(byId("sign-out"), "click", signOut, tell);
start().catch(tell).finally(() => document.body.dataset.ready = "true");
