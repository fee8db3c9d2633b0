// What the journeys have in common: things are found as a person or a screen reader finds them, by role and name.
import { createRequire } from "node:module";

export const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

export const button = (page, name) => page.getByRole("button", { name, exact: true });
export const link = (page, name) => page.getByRole("link", { name, exact: true });
export const section = (page, name) => page.getByRole("region", { name, exact: true });
export const ready = (page) => page.locator("body[data-ready]").waitFor();
export const says = (page, text) => page.getByRole("status").filter({ hasText: text }).waitFor();

export async function shows(locator, text) {
    await locator.filter({ hasText: text }).first().waitFor();
}

export async function signIn(visitor, token) {
    await visitor.page.goto(`/login#token=${token}`);
    await visitor.page.waitForURL("**/settings");
    await ready(visitor.page);
}

export async function colour(page, locator) {
    return locator.evaluate((node) => getComputedStyle(node).color.match(/\d+/g).map(Number));
}

// Answers what is wrong at each width in each colour scheme; every page is kept as a picture.
export async function findings(visitor, what, widths) {
    const { page } = visitor;
    const found = [];
    for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        for (const width of widths) {
            const where = `${what}-${width}-${colorScheme}`;
            await page.setViewportSize({ width, height: 800 });
            const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
            found.push(...violations.map((one) => `${where}: ${one.impact} ${one.id} ${one.nodes.map((node) => node.html).join(" ")}`));
            if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth))
                found.push(`${where}: wider than the window`);
            await visitor.shot(where);
        }
    }
    return found;
}
