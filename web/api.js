// Calls of the API by the session cookie, and small helpers for building pages without markup in strings.

export class ApiError extends Error {
    constructor(status, body) {
        super(body?.error ?? "The server did not answer as expected.");
        this.status = status;
        this.code = body?.code ?? "";
        this.requestId = body?.request_id ?? "";
    }
}

export async function call(method, path, body, headers = {}) {
    const response = await fetch(`/api/${path}`, {
        method,
        credentials: "same-origin",
        headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    let answer = null;
    try {
        answer = text === "" ? null : JSON.parse(text);
    } catch {
        answer = null;
    }
    if (!response.ok)
        throw new ApiError(response.status, answer);
    return answer;
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

// Runs a button's work once at a time and tells what went wrong.
export function onClick(button, work, tell) {
    button.addEventListener("click", async () => {
        button.disabled = true;
        try {
            await work();
        } catch (error) {
            tell(error);
        } finally {
            button.disabled = false;
        }
    });
}
