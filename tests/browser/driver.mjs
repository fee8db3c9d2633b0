// Drives the browser for the tests: reads {"journey", "args"} lines from standard input, answers each with {"ok", "value", "error"}.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { chromium } from "playwright-core";
import * as console_journeys from "./console.mjs";
import * as page_journeys from "./journeys.mjs";

const journeys = { ...page_journeys, ...console_journeys };
const [program, screenshots] = process.argv.slice(2);
const browser = await chromium.launch({
    executablePath: program,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync"],
});
fs.mkdirSync(screenshots, { recursive: true });

class Visitor {
    constructor(name, { base, sandbox }) {
        this.name = name;
        this.base = base;
        this.hosts = new Set([new URL(base).origin, new URL(sandbox).origin]);
        this.faults = [];
        this.shots = 0;
    }

    // A window with cookies of its own. Everything that it asks for and complains of is watched.
    async open(options = {}) {
        await this.context?.close();
        this.context = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: this.base, locale: "en-GB", timezoneId: "UTC", ...options });
        this.context.setDefaultTimeout(20_000);
        this.context.on("request", (request) => {
            const url = new URL(request.url());
            if (url.protocol !== "data:" && !this.hosts.has(url.origin))
                this.faults.push(`a request to ${url.origin}`);
        });
        this.context.on("weberror", (error) => this.faults.push(`an exception: ${error.error().stack}`));
        // What the browser says of a 4xx answer is no fault of the page.
        this.context.on("console", (message) => {
            if (["error", "warning"].includes(message.type()) && !message.text().startsWith("Failed to load resource"))
                this.faults.push(`in the console: ${message.text()}`);
        });
        this.page = await this.context.newPage();
        return this.page;
    }

    async shot(what) {
        this.shots++;
        await this.page.screenshot({ path: path.join(screenshots, `${this.name}-${this.shots}-${what}.png`), fullPage: true });
    }
}

async function run({ journey, args }) {
    const visitor = new Visitor(journey, args);
    try {
        await visitor.open();
        const value = await journeys[journey](visitor, args);
        assert.deepEqual(visitor.faults, []);
        return { ok: true, value };
    } catch (error) {
        await visitor.shot("failed").catch(() => {});
        return { ok: false, error: `${error.stack}\nat ${visitor.page?.url()}\n${visitor.faults.join("\n")}` };
    } finally {
        await visitor.context?.close();
    }
}

for await (const line of readline.createInterface({ input: process.stdin }))
    process.stdout.write(`${JSON.stringify(await run(JSON.parse(line)))}\n`);
await browser.close();
