// What people do on the pages. Each journey starts in a new window, and throws where something is not as it should be.
import assert from "node:assert/strict";
import { AXE, button, colour, findings, link, ready, says, section, shows, signIn } from "./steps.mjs";

async function consent(page, decision, email) {
    await link(page, "Connect Zoom").click();
    await page.waitForURL("**/oauth/authorize?*");
    if (email)
        await page.getByLabel("Sign in as").selectOption({ label: email });
    await button(page, decision).click();
    await page.waitForURL("**/settings");
    await ready(page);
}

export async function signs_in_by_link(visitor, { token, name }) {
    const { page } = visitor;
    await page.goto("/settings");
    await page.waitForURL("**/login");
    await visitor.shot("login");
    // The link is opened in the window in which the page is open already.
    await page.goto(`/login#token=${token}`);
    await page.waitForURL("**/settings");
    await ready(page);
    await shows(page.getByRole("banner"), name);
    assert.ok(!(await page.evaluate(() => performance.getEntriesByType("navigation")[0].name)).includes(token));
    await visitor.shot("settings");
    const [cookie] = (await visitor.context.cookies()).filter((one) => one.value.length > 40);
    assert.deepEqual([cookie.httpOnly, cookie.secure, cookie.sameSite], [true, true, "Lax"]);

    await button(page, "Sign out").click();
    await page.waitForURL("**/login");
    await page.goto("/settings");
    await page.waitForURL("**/login");
}

export async function is_refused(visitor, { tokens }) {
    const { page } = visitor;
    await page.goto(`/login#token=${tokens[0]}`);
    await says(page, "is not valid");
    assert.equal(new URL(page.url()).hash, "");
    for (const token of tokens) {
        await page.reload();
        await page.getByLabel("Access token").fill(token);
        await button(page, "Sign in").click();
        await says(page, "is not valid");
        assert.equal(await page.getByLabel("Access token").getAttribute("aria-invalid"), "true");
        assert.equal(await page.evaluate(() => document.activeElement.id), "token");
    }
    await visitor.shot("refused");
    assert.deepEqual(await visitor.context.cookies(), []);
}

export async function pastes_a_token(visitor, { token }) {
    const { page } = visitor;
    await page.goto("/login");
    await page.getByLabel("Access token").fill(`  ${token}\n`);
    await button(page, "Sign in").click();
    await page.waitForURL("**/settings");
    await ready(page);
}

export async function connects_and_disconnects(visitor, { token, email, other }) {
    const { page } = visitor;
    await signIn(visitor, token);
    const zoom = section(page, "Zoom");
    await shows(zoom, "Not connected");
    assert.ok(await button(zoom, "Disconnect").isHidden());

    await consent(page, "Allow", email);
    await says(page, "Your Zoom account is connected");
    assert.equal(await page.evaluate(() => document.activeElement.id), "news");
    const [red, green, blue] = await colour(page, zoom.getByText("Connected", { exact: true }));
    assert.ok(green > red && green > blue, "Connected is green");
    await shows(zoom, email);
    assert.ok(await link(zoom, "Connect Zoom").isHidden());
    await visitor.shot("connected");
    // A reload does not tell it again.
    await page.reload();
    await ready(page);
    assert.equal(await page.getByText("Your Zoom account is connected").count(), 0);
    await shows(zoom, email);

    const asked = page.getByRole("dialog", { name: "Disconnect your Zoom account?" });
    for (const no of [() => button(asked, "Stay connected").click(), () => page.keyboard.press("Escape")]) {
        await button(zoom, "Disconnect").click();
        await asked.waitFor();
        await visitor.shot("asked");
        await no();
        await asked.waitFor({ state: "hidden" });
        assert.equal(await page.evaluate(() => document.activeElement.id), "disconnect");
        await shows(zoom, email);
    }
    await button(zoom, "Disconnect").click();
    assert.ok(await asked.getByLabel("Move them").isHidden());
    await button(asked, "Disconnect").click();
    await says(page, "Your Zoom account is disconnected");
    await shows(zoom, "Not connected");
    await button(zoom, "Disconnect").waitFor({ state: "hidden" });
    assert.equal(await page.evaluate(() => document.activeElement.id), "zoom-title");
    await visitor.shot("disconnected");

    await consent(page, "Allow", other);
    await shows(zoom, other);
}

export async function denies(visitor, { token }) {
    const { page } = visitor;
    await signIn(visitor, token);
    await consent(page, "Deny");
    await says(page, "You did not allow the connection");
    await shows(section(page, "Zoom"), "Not connected");
    await visitor.shot("denied");
}

export async function connects_in_vain(visitor, { token, words }) {
    const { page } = visitor;
    await signIn(visitor, token);
    await consent(page, "Allow");
    await says(page, words);
    await shows(section(page, "Zoom"), "Not connected");
    await visitor.shot("in-vain");
}

export async function replays_the_callback(visitor, { token }) {
    const { page } = visitor;
    const callbacks = [];
    page.on("request", (request) => request.url().includes("/zoom/callback") && callbacks.push(request.url()));
    await signIn(visitor, token);
    await consent(page, "Allow");
    assert.equal(callbacks.length, 1);
    await page.goto(callbacks[0]);
    await page.waitForURL("**/settings");
    await says(page, "was used already");
    await shows(section(page, "Zoom"), "Connected");
    await visitor.shot("replayed");

    // In a browser in which nobody is signed in the words stand on the page that it comes to.
    const stranger = await visitor.open();
    await stranger.goto(callbacks[0]);
    await stranger.waitForURL("**/login");
    await says(stranger, "was used already");
    await visitor.shot("replayed-elsewhere");
}

export async function is_told_a_lie(visitor, { token }) {
    const { page } = visitor;
    await signIn(visitor, token);
    await page.goto("/settings?zoom=connected");
    await ready(page);
    await shows(section(page, "Zoom"), "Not connected");
    assert.equal(await page.locator("#news").innerText(), "");
    assert.equal(new URL(page.url()).search, "");
}

// Every end of a consent has words of its own, and none shows what is in the address.
export async function reads_every_reason(visitor, { token, codes }) {
    const { page } = visitor;
    await signIn(visitor, token);
    await page.goto(`/settings?zoom=error&code=${encodeURIComponent("<b>made up</b>")}`);
    await ready(page);
    assert.equal(await page.locator("#news").innerText(), "Your Zoom account was not connected. Choose “Connect Zoom” to try again.");
    const words = await page.evaluate(async (all) => {
        const { outcome } = await import("/outcomes.js");
        return all.map((code) => outcome(`?zoom=error&code=${code}`).text);
    }, [...codes, "constructor"]);
    for (const one of words)
        assert.match(one, /^[A-Z][^<_]+\.$/);
    assert.equal(new Set(words).size, codes.length + 1);
}

export async function reads_the_connection(visitor, { token, badge, words, connect, disconnect }) {
    const { page } = visitor;
    await signIn(visitor, token);
    const zoom = section(page, "Zoom");
    await shows(zoom, badge);
    await shows(zoom, words);
    assert.deepEqual([await link(zoom, "Connect Zoom").isVisible(), await button(zoom, "Disconnect").isVisible()], [connect, disconnect]);
    await visitor.shot("connection");
}

// Answers the meetings' links before and after.
export async function disconnects_with_meetings(visitor, { token, move, words }) {
    const { page } = visitor;
    await signIn(visitor, token);
    const joins = () => section(page, "Your meetings").getByRole("link", { name: /^Join/ }).evaluateAll((nodes) => nodes.map((node) => node.href));
    const before = await joins();
    await button(section(page, "Zoom"), "Disconnect").click();
    const asked = page.getByRole("dialog");
    await shows(asked, `${before.length} planned meetings of yours are in it.`);
    const box = asked.getByLabel("Move them to the system's account");
    assert.ok(await box.isChecked());
    await box.setChecked(move);
    await visitor.shot("asked");
    await button(asked, "Disconnect").press("Enter");
    for (const one of words)
        await says(page, one);
    await button(section(page, "Zoom"), "Disconnect").waitFor({ state: "hidden" });
    await visitor.shot("disconnected");
    await page.waitForFunction((count) => document.querySelectorAll("#meeting-list li").length === count, before.length);
    return [before, await joins()];
}

export async function is_asked_before_becoming_another(visitor, { token, other, names }) {
    const { page } = visitor;
    await signIn(visitor, token);
    const follow = async (answer) => {
        let asked = "";
        page.once("dialog", (dialog) => {
            asked = dialog.message();
            return answer ? dialog.accept() : dialog.dismiss();
        });
        await page.goto(`/login#token=${other}`);
        await page.waitForURL("**/settings");
        await ready(page);
        return asked;
    };
    assert.equal(await follow(false), `You are signed in as ${names[0]}. Sign out, and sign in as ${names[1]}?`);
    await shows(page.getByRole("banner"), names[0]);
    await follow(true);
    await shows(page.getByRole("banner"), names[1]);
    // The same person's next link asks nothing.
    assert.equal(await follow(false), "");
    await shows(page.getByRole("banner"), names[1]);
}

export async function comes_back_after_the_session(visitor, { token }) {
    const { page } = visitor;
    await signIn(visitor, token);
    await visitor.context.clearCookies();
    await link(page, "Connect Zoom").click();
    await page.waitForURL("**/login");
}

export async function saves_defaults(visitor, { token }) {
    const { page } = visitor;
    await signIn(visitor, token);
    await page.getByLabel("Waiting room").selectOption("yes");
    await page.getByLabel("Muted on entry").selectOption("no");
    await button(page, "Save").click();
    await says(page, "Saved.");
    await page.reload();
    await ready(page);
    const shown = async (label) => page.getByLabel(label, { exact: true }).locator("option:checked").innerText();
    assert.deepEqual([await shown("Waiting room"), await shown("Muted on entry"), await shown("Host's video on")],
        ["yes", "no", "as the kind of booking says"]);
    await page.getByLabel("Waiting room").selectOption("as the kind of booking says");
    await button(page, "Save").click();
    await says(page, "Saved.");
    await visitor.shot("saved");
    await page.getByLabel("Waiting room").selectOption("no");
    assert.equal(await page.getByText("Saved.").count(), 0);
}

// Answers the address before and after.
export async function renews_the_calendar(visitor, { token }) {
    const { page } = visitor;
    await signIn(visitor, token);
    const feed = section(page, "Your calendar").locator("code");
    const before = await feed.innerText();
    page.once("dialog", (dialog) => dialog.accept());
    await button(page, "Renew the address").click();
    await says(page, "has a new address");
    const after = await feed.innerText();
    await page.reload();
    await ready(page);
    assert.equal(await feed.innerText(), after);
    await visitor.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await button(page, "Copy the address").click();
    await says(page, "The address is copied");
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), after);
    return [before, after];
}

// Answers what the list says and where each link leads, whether the cookie starts the meetings and begins a consent, and the page's parts.
export async function sees_meetings(visitor, { token }) {
    const { page } = visitor;
    await signIn(visitor, token);
    const items = section(page, "Your meetings").getByRole("listitem");
    const seen = [];
    for (const item of await items.all()) {
        const links = {};
        for (const one of await item.getByRole("link").all())
            links[await one.innerText()] = { url: await one.evaluate((node) => node.href), label: await one.getAttribute("aria-label") };
        const start = links.Start && (await page.request.get(links.Start.url, { maxRedirects: 0 })).status();
        seen.push({ text: await item.innerText(), links, start });
    }
    const connect = (await page.request.get("/api/zoom/connect", { maxRedirects: 0 })).status();
    const regions = await page.getByRole("region").evaluateAll((nodes) => nodes.map((node) => node.querySelector("h2").textContent));
    await visitor.shot("meetings");
    return { seen, connect, regions };
}

export async function sees_many_meetings(visitor, { token, count }) {
    const { page } = visitor;
    await signIn(visitor, token);
    const items = section(page, "Your meetings").getByRole("listitem");
    assert.equal(await items.count(), 20);
    await button(page, "Show more").focus();
    await page.keyboard.press("Enter");
    await button(page, "Show more").waitFor({ state: "hidden" });
    assert.equal(await items.count(), count);
    assert.ok(await items.nth(20).getByRole("link").first().evaluate((node) => node === document.activeElement));
}

// The whole page by Tab and Enter: signs in, walks over everything in the order in which it stands, connects, signs out.
export async function walks_by_keyboard(visitor, { token, email }) {
    const { page } = visitor;
    const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
    const focused = () => page.evaluate(() => {
        const node = document.activeElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(node);
        return { name: node.labels?.[0]?.textContent ?? node.textContent, ring: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
            top: node.getBoundingClientRect().top + scrollY };
    });
    await page.goto("/login");
    await press("Tab");
    assert.equal((await focused()).name, "Access token");
    await page.keyboard.insertText(token);
    await press("Enter");
    await page.waitForURL("**/settings");
    await ready(page);

    const walk = [];
    for (let i = 0; i < 40; i++) {
        await press("Tab");
        const at = await focused();
        if (walk.length > 0 && at.name === walk[0].name || await page.evaluate(() => document.activeElement === document.body))
            break;
        assert.ok(at.ring, `${at.name} shows that it has the focus`);
        walk.push(at);
    }
    assert.deepEqual(walk.map((at) => at.name), ["Sign out", "Connect Zoom", "Join", "Start", "Host's video on", "Participants' video on",
        "Joining before the host", "Muted on entry", "Waiting room", "Only people signed in to Zoom", "Save", "Copy the address",
        "Renew the address"]);

    await link(page, "Connect Zoom").focus();
    await press("Enter");
    await page.waitForURL("**/oauth/authorize?*");
    await press("Tab");
    await page.keyboard.type(email);
    await press("Tab", "Enter");
    await page.waitForURL("**/settings");
    await ready(page);
    await shows(section(page, "Zoom"), email);
    // The news has the focus; what is next behind it is this.
    await press("Tab");
    assert.equal((await focused()).name, "Disconnect");
    await press("Shift+Tab", "Enter");
    await page.waitForURL("**/login");
}

export async function passes_axe(visitor, { token, widths, consent: address, pages }) {
    const { page } = visitor;
    const found = [];
    await page.addInitScript({ path: AXE });
    await page.goto("/login#token=wrong");
    await says(page, "is not valid");
    found.push(...await findings(visitor, "login", widths));
    await page.goto("/");
    found.push(...await findings(visitor, "front", widths.slice(0, 1)));
    await page.goto(address);
    found.push(...await findings(visitor, "consent", widths.slice(0, 1)));
    await signIn(visitor, token);
    for (const [name, query] of Object.entries(pages)) {
        await page.goto(`/settings${query}`);
        await ready(page);
        found.push(...await findings(visitor, name, widths));
    }
    await button(section(page, "Zoom"), "Disconnect").click();
    await page.getByRole("dialog").waitFor();
    found.push(...await findings(visitor, "leaving", widths));
    assert.deepEqual(found, []);
}
