// Calls of the API by the session cookie, and small helpers for building pages without markup in strings.

export class ApiError extends Error {
    constructor(status, body) {
        super(body?.error ?? "The server did not answer as expected. Try again in a few minutes.");
        this.status = status;
        this.code = body?.code ?? "";
        this.requestId = body?.request_id ?? "";
    }
}

export async function call(method, path, body, headers = {}, credentials = "same-origin") {
    let response, answer;
    try {
        response = await fetch(`/api/${path}`, {
            method,
            credentials,
            headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
            body: body === undefined ? undefined : JSON.stringify(body),
        });
        answer = await response.text();
    } catch {
        throw new ApiError(0, { error: "The server cannot be reached. Look at your connection and try again." });
    }
    try {
        answer = answer === "" ? null : JSON.parse(answer);
    } catch {
        throw new ApiError(response.status, null);
    }
    if (!response.ok)
        throw new ApiError(response.status, answer);
    return answer;
}

// Every item of a list, page by page, up to a bound that no person's own list comes to.
export async function callList(path, name) {
    const items = [];
    let token = "";
    for (let page = 0; page < 10; page++) {
        const more = token === "" ? "" : `&next_page_token=${encodeURIComponent(token)}`;
        const { data } = await call("GET", `${path}${path.includes("?") ? "&" : "?"}page_size=300${more}`);
        items.push(...data[name]);
        token = data.next_page_token;
        if (token === "")
            break;
    }
    return items;
}

export const byId = (id) => document.getElementById(id);

// element("a", { href, className }, "text", child, …)
export function element(name, members = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(members)) {
        if (key in made)
            made[key] = value;
        else
            made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
}

// A note in the page's live region, which is there from the start, so that a screen reader reads what comes into it.
export function news(text, kind) {
    byId("news").replaceChildren(element("p", { className: `note ${kind}` }, text));
}

// Runs a control's work once at a time and tells what went wrong. Not by `disabled`, which would take the focus away.
export function onEvent(control, name, work, tell) {
    let busy = false;
    control.addEventListener(name, async (event) => {
        event.preventDefault();
        if (busy)
            return;
        busy = true;
        control.setAttribute("aria-busy", "true");
        try {
            await work();
        } catch (error) {
            tell(error);
        } finally {
            busy = false;
            control.removeAttribute("aria-busy");
        }
    });
}
