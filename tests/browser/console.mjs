// What an admin does on the console.
import assert from "node:assert/strict";
import { AXE, button, findings, link, ready, says, section, shows, signIn } from "./steps.mjs";

const account = (page, name) => page.getByRole("article", { name, exact: true });
const badge = (part, text) => part.locator(".badge").filter({ hasText: text }).first().waitFor();

async function openConsole(visitor, token) {
    await signIn(visitor, token);
    await visitor.page.goto("/");
    await ready(visitor.page);
    await section(visitor.page, "What needs you").waitFor();
}

export async function sees_no_console(visitor, { token, words }) {
    const { page } = visitor;
    await page.goto("/");
    await ready(page);
    await link(page, "Sign in").waitFor();
    assert.equal(await section(page, "Pool").count(), 0);
    await visitor.shot("nobody");
    await signIn(visitor, token);
    await page.goto("/");
    await ready(page);
    await page.getByText(words).waitFor();
    await link(page, "Your settings").waitFor();
    assert.equal(await section(page, "Pool").count(), 0);
    await visitor.shot("no-admin");
}

// From the headline to the reason and what to do.
export async function finds_why_a_booking_failed(visitor, { token, account: name, need, title, why, advice }) {
    const { page } = visitor;
    await openConsole(visitor, token);
    const needed = section(page, "What needs you").getByRole("link", { name: need });
    await needed.click();
    assert.equal(new URL(page.url()).hash, "#pool");
    const part = account(page, name);
    await badge(part, "Inactive");
    await shows(part, why);
    const failure = section(page, "Last failures").getByRole("listitem").filter({ hasText: title }).first();
    await shows(failure, why);
    await shows(failure, `What to do: ${advice}`);
    await visitor.shot("why");
}

export async function resets_an_account(visitor, { token, account: name }) {
    const { page } = visitor;
    await openConsole(visitor, token);
    const part = account(page, name);
    await badge(part, "Inactive");
    await button(part, `Reset ${name}`).focus();
    await page.keyboard.press("Enter");
    await says(page, `${name} is active again.`);
    await badge(part, "Active");
    await button(part, `Reset ${name}`).waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement.id), "pool-title");
    await shows(section(page, "Audit log").getByRole("row").nth(1), "POST zoom/reset-account/{accountId}");
    await visitor.shot("reset");
}

export async function cordons_an_account(visitor, { token, account: name }) {
    const { page } = visitor;
    await openConsole(visitor, token);
    const part = account(page, name);
    await button(part, `Cordon ${name}`).click();
    await says(page, `${name} takes no new meetings`);
    await badge(part, "Cordoned");
    await shows(part, "An operator closed it to new meetings.");
    await visitor.shot("cordoned");
}

export async function uncordons_an_account(visitor, { token, account: name }) {
    const { page } = visitor;
    await openConsole(visitor, token);
    const part = account(page, name);
    await badge(part, "Cordoned");
    await button(part, `Uncordon ${name}`).press("Enter");
    await says(page, `${name} takes meetings again.`);
    await badge(part, "Active");
    assert.equal(await page.evaluate(() => document.activeElement.id), `cordon-${name}`);
}

// What the sandbox broke is whole again by now; answers when the page says so by itself.
export async function retries_a_recording(visitor, { token, topic, why }) {
    const { page } = visitor;
    await openConsole(visitor, token);
    const row = section(page, "Recordings").getByRole("row", { name: topic });
    await shows(row, why);
    await visitor.shot("failed-recording");
    await button(row, `Retry the recording of ${topic}`).click();
    await says(page, `The recording of “${topic}” is brought home again.`);
    await row.waitFor({ state: "detached", timeout: 60_000 });
    await shows(section(page, "Recordings"), "No recording has failed.");
}

export async function retries_a_job(visitor, { token, kind, why }) {
    const { page } = visitor;
    await openConsole(visitor, token);
    const row = section(page, "Jobs").getByRole("row", { name: kind }).first();
    await shows(row, why);
    await row.getByRole("button", { name: /^Retry the job/ }).click();
    await says(page, `The job ${kind} is tried again.`);
    await section(page, "Jobs").getByRole("row", { name: kind }).waitFor({ state: "detached", timeout: 60_000 });
}

// Data are text, whatever they look like; the table beside the timeline says the same.
export async function reads_the_pool(visitor, { token, topic, account: name, host }) {
    const { page } = visitor;
    await openConsole(visitor, token);
    const part = account(page, name);
    await shows(part.getByRole("list", { name: `${host}: taken` }).getByRole("listitem"), topic);
    await part.getByText("free", { exact: true }).first().waitFor();
    await part.getByText(`As a table: ${name}`).press("Enter");
    await shows(part.getByRole("row").filter({ hasText: topic }), host);
    await shows(section(page, "Today's meetings").getByRole("row"), topic);
    await page.getByLabel("Show the next").selectOption("24 hours");
    assert.ok(await part.getByRole("table").isVisible(), "the table stays open");
    assert.equal(await page.locator("main b").count(), 0);
    await visitor.shot("pool");
}

// By itself, and not while nobody looks.
export async function is_told_of_changes(visitor, { token, account: name, other }) {
    const { page } = visitor;
    await page.clock.install();
    let asked = 0;
    page.on("request", (request) => asked += request.url().includes("/api/admin/summary") ? 1 : 0);
    await openConsole(visitor, token);
    assert.equal(asked, 1);
    const answered = () => page.waitForResponse((response) => response.url().includes("/api/admin/summary"));
    await page.request.post(`/api/admin/accounts/${name}/cordon`, { headers: { Origin: visitor.base }, data: {} });
    let answer = answered();
    await page.clock.fastForward(11_000);
    await answer;
    await badge(account(page, name), "Cordoned");
    await page.request.post(`/api/admin/accounts/${name}/uncordon`, { headers: { Origin: visitor.base }, data: {} });

    const hide = (hidden) => page.evaluate((value) => {
        Object.defineProperty(document, "hidden", { value, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
    await hide(true);
    const before = asked;
    await page.clock.fastForward(120_000);
    assert.equal(asked, before);
    answer = answered();
    await hide(false);
    await answer;
    await badge(account(page, name), "Active");

    // The server goes away: what is shown stays, and its age is told.
    await page.route("**/api/admin/summary*", (route) => route.abort());
    await page.clock.fastForward(11_000);
    await says(page, "The server cannot be reached.");
    await badge(account(page, other), "Active");
    await page.unroute("**/api/admin/summary*");
    await page.clock.fastForward(21_000);
    await says(page, "The server answers again.");
}

// Everything that can be pressed is reached by Tab, in order, and shows that it has the focus.
export async function walks_the_console_by_keyboard(visitor, { token, last }) {
    const { page } = visitor;
    await openConsole(visitor, token);
    const names = [];
    for (let i = 0; i < 150; i++) {
        await page.keyboard.press("Tab");
        const at = await page.evaluate(() => {
            const node = document.activeElement;
            const { outlineStyle, outlineWidth } = getComputedStyle(node);
            return { body: node === document.body, name: node.getAttribute("aria-label") ?? node.labels?.[0]?.textContent ?? node.textContent,
                ring: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 };
        });
        if (at.body)
            break;
        assert.ok(at.ring, `${at.name} shows that it has the focus`);
        names.push(at.name);
        if (at.name === last)
            return names;
    }
    throw new Error(`${last} is not reached: ${names.join(", ")}`);
}

export async function pages_through_the_audit_log(visitor, { token }) {
    const { page } = visitor;
    await openConsole(visitor, token);
    const log = section(page, "Audit log");
    const first = () => log.getByRole("row").nth(1).innerText();
    const newest = await first();
    const answer = page.waitForResponse((response) => response.url().includes("next_page_token=") && !response.url().includes("next_page_token=&"));
    await button(log, "Older").click();
    await answer;
    await page.waitForFunction((text) => document.querySelector("#audit tbody tr").innerText !== text, newest);
    await button(log, "Newest").click();
    await page.waitForFunction((text) => document.querySelector("#audit tbody tr").innerText === text, newest);
    await log.getByLabel("Show").selectOption("what failed");
    await page.waitForFunction(() => [...document.querySelectorAll("#audit tbody tr")].every((row) => row.innerText.includes("failed")));
    assert.ok(await log.getByRole("row").count() > 1);
}

// Answers how many bytes the page took, all in all, without what a browser may keep compressed.
export async function passes_axe_on_the_console(visitor, { token, widths, most }) {
    const { page } = visitor;
    await signIn(visitor, token);
    const weights = new Map();
    page.on("response", async (response) => {
        const body = await response.body().catch(() => Buffer.alloc(0));
        weights.set(response.url(), body.length);
    });
    await page.addInitScript({ path: AXE });
    await page.goto("/");
    await ready(page);
    await page.locator("#charts canvas").first().waitFor();
    await page.waitForLoadState("networkidle");
    const total = [...weights.values()].reduce((sum, one) => sum + one, 0);
    assert.ok(total > 60_000 && total < most, `the page takes ${total} bytes: ${JSON.stringify([...weights])}`);
    assert.equal(await page.locator("#charts canvas").count(), 4);
    // What is folded up is looked at, too.
    await page.evaluate(() => document.querySelectorAll("details").forEach((one) => one.open = true));
    assert.deepEqual(await findings(visitor, "console", widths), []);
    return total;
}
