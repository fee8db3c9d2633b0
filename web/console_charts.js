// What the days came to, drawn by uPlot; each drawing has its numbers as a table, too.
import { byId, element } from "/api.js";
import { bytes, show, table } from "/console_parts.js";

const HEIGHT = 220;
const KINDS_SHOWN = 5;
const DARK = matchMedia("(prefers-color-scheme: dark)");
const colours = { light: ["#1a5fb4", "#a3171b", "#14692b", "#7a4b00", "#6a3fa0"], dark: ["#7fb2f5", "#ffa8a3", "#8fdc9f", "#f0c674", "#c7a6f5"] };

let drawn = [];
let last = null;

const sum = (days, name) => days.reduce((total, day) => total + (day[name] ?? 0), 0);

// Of requests and of recordings, those that happened most first.
function kinds(days) {
    const totals = new Map();
    for (const name of ["refusals_by_code", "errors_by_type"]) {
        for (const [kind, count] of days.flatMap((day) => Object.entries(day[name])))
            totals.set(`${name} ${kind}`, { kind, name, count: (totals.get(`${name} ${kind}`)?.count ?? 0) + count });
    }
    return [...totals.values()].sort((a, b) => b.count - a.count).slice(0, KINDS_SHOWN);
}

// Each with the numbers of its lines, one a day.
function figuresOf(days) {
    const worst = kinds(days);
    const of = (pick) => days.map(pick);
    return [
        { title: "Meetings made and failed", unit: "", lines: [["Made", of((day) => day.meetings_created)], ["Failed", of((day) => day.meetings_failed)]] },
        { title: "Failures by kind", unit: "",
            lines: worst.length > 0 ? worst.map(({ kind, name }) => [kind.replaceAll("_", " "), of((day) => day[name][kind] ?? 0)]) : [["Failures", of(() => 0)]] },
        { title: "Recordings brought home, per cent", unit: " %", lines: [["Success", of((day) => day.sync_success_rate)]] },
        { title: "Time to bring a file home, seconds", unit: " s",
            lines: [["Average", of((day) => day.average_processing_ms === null ? null : Math.round(day.average_processing_ms / 100) / 10)]] },
    ];
}

function options(figure, width) {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink").trim(), line = style.getPropertyValue("--line").trim();
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    const palette = colours[DARK.matches ? "dark" : "light"];
    return {
        width, height: HEIGHT, tzDate: (seconds) => globalThis.uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        cursor: { drag: { x: false, y: false } },
        scales: { y: { range: (self, least, most) => [0, Math.max(most * 1.1, 1)] } },
        axes: [{ ...axis, space: 60, values: (self, ticks) => ticks.map((at) => new Date(at * 1000).toLocaleDateString([], { day: "numeric", month: "short", timeZone: "UTC" })) },
            { ...axis, size: 55, values: (self, ticks) => ticks.map((one) => Number.isInteger(one) ? `${one}${figure.unit}` : "") }],
        series: [{ label: "Day", value: (self, at) => at === null ? "—" : new Date(at * 1000).toLocaleDateString([], { dateStyle: "medium", timeZone: "UTC" }) },
            ...figure.lines.map(([label], i) => ({ label, stroke: palette[i], width: 2, dash: i % 2 === 1 ? [6, 4] : [], points: { show: true, size: 6 },
                value: (self, one) => one === null || one === undefined ? "—" : `${one}${figure.unit}` }))],
    };
}

function draw(figure, days, place) {
    const x = days.map((day) => Date.parse(`${day.date}T00:00:00Z`) / 1000);
    const made = new globalThis.uPlot(options(figure, Math.max(place.clientWidth, 200)), [x, ...figure.lines.map(([, values]) => values)], place);
    drawn.push({ made, place });
}

function part(figure, days, index) {
    const place = element("div", { className: "drawing", "aria-hidden": "true" });
    const rows = days.map((day, i) => [day.date, ...figure.lines.map(([, values]) => values[i] === null ? "—" : `${values[i]}${figure.unit}`)]).reverse();
    const numbers = element("details", { id: `numbers-${index}` }, element("summary", {}, `As a table: ${figure.title}`),
        table(figure.title, ["Day (UTC)", ...figure.lines.map(([label]) => label)], rows));
    return { place, node: element("figure", {}, element("figcaption", {}, figure.title), place, numbers) };
}

export function showCharts(charts) {
    const { days } = charts;
    last = charts;
    show("charts-body", [charts, DARK.matches], () => {
        const figures = figuresOf(days);
        const parts = figures.map((figure, i) => part(figure, days, i));
        drawn.forEach(({ made }) => made.destroy());
        drawn = [];
        // Its width is known when it stands in the page.
        requestAnimationFrame(() => figures.forEach((figure, i) => draw(figure, days, parts[i].place)));
        return [element("p", { className: "soft" }, `In these days: ${sum(days, "meetings_created")} meetings made, ${sum(days, "recordings_synced")} recordings synced, `
            + `${bytes(sum(days, "bytes_stored"))} stored.`), element("div", { className: "charts" }, ...parts.map((one) => one.node))];
    });
}

DARK.addEventListener("change", () => last !== null && showCharts(last));
new ResizeObserver(() => {
    for (const { made, place } of drawn) {
        if (place.clientWidth > 0 && place.clientWidth !== made.width)
            made.setSize({ width: place.clientWidth, height: HEIGHT });
    }
}).observe(byId("charts-body"));
