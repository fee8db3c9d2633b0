#include "sandbox_int.h"

#include <string.h>

#include "meetpool/buf.h"
#include "meetpool/crypto.h"

/*
 * GET and POST /oauth/authorize: the page on which a person allows an app or not, and where the answer goes. RFC 6749 section 4.1, RFC 7636. Which of
 * the sandbox' users it is, is chosen on the page. Where client or redirect address are wrong nothing goes back there: an error page says so.
 */

#define PAGE_MOST 262144

struct asking {
    struct sb_app *app;
    const char *redirect_uri, *state, *challenge, *method, *response_type;
};

static void add_escaped(struct mp_buf *out, const char *text)
{
    for (const char *p = text == NULL ? "" : text; *p != '\0'; p++) {
        switch (*p) {
        case '&':
            mp_buf_add(out, "&amp;");
            break;
        case '<':
            mp_buf_add(out, "&lt;");
            break;
        case '>':
            mp_buf_add(out, "&gt;");
            break;
        case '"':
            mp_buf_add(out, "&quot;");
            break;
        case '\'':
            mp_buf_add(out, "&#39;");
            break;
        default:
            mp_buf_append(out, p, 1);
        }
    }
}

static void begin_page(const struct sb_call *call, struct sb_reply *reply, struct mp_buf *page, const char *title)
{
    const char *nonce = mp_random_hex(call->arena, 16);

    mp_buf_init(page, call->arena, PAGE_MOST);
    sb_reply_header(reply, "Content-Security-Policy",
                    mp_arena_printf(call->arena, "default-src 'none'; style-src 'nonce-%s'; base-uri 'none'; frame-ancestors 'none'", nonce));
    sb_reply_header(reply, "Referrer-Policy", "no-referrer");
    sb_reply_header(reply, "Cache-Control", "no-store");
    sb_reply_header(reply, "X-Content-Type-Options", "nosniff");
    mp_buf_addf(page,
                "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n<style nonce=\"%s\">\n"
                ":root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}main{max-width:30rem;margin:10vh auto;padding:0 1rem}\n"
                "select,button{font:inherit;padding:.5rem 1rem;margin:.25rem .5rem .25rem 0;max-width:100%%}label{display:block}\n"
                "</style>\n</head>\n<body>\n<main>\n<h1>%s</h1>\n",
                title, nonce, title);
}

static void end_page(struct sb_reply *reply, struct mp_buf *page, unsigned status)
{
    mp_buf_add(page, "</main>\n</body>\n</html>\n");
    reply->status = status;
    reply->type = "text/html; charset=utf-8";
    reply->body = mp_buf_slice(page);
}

static void error_page(const struct sb_call *call, struct sb_reply *reply, const char *what)
{
    struct mp_buf page;

    begin_page(call, reply, &page, "Sandbox Zoom");
    mp_buf_addf(&page, "<p role=\"alert\">%s</p>\n", what);
    end_page(reply, &page, 400);
}

/* name1=value1&…; a NULL value is left out. */
static void go_back(const struct sb_call *call, struct sb_reply *reply, const struct asking *asking, const char *name, const char *value)
{
    struct mp_buf url;

    mp_buf_init(&url, call->arena, PAGE_MOST);
    mp_buf_addf(&url, "%s%c%s=%s", asking->redirect_uri, strchr(asking->redirect_uri, '?') == NULL ? '?' : '&', name,
                sb_uri_encode(call->arena, value));
    if (asking->state != NULL)
        mp_buf_addf(&url, "&state=%s", sb_uri_encode(call->arena, asking->state));
    sb_reply_empty(reply, 302);
    sb_reply_header(reply, "Location", mp_buf_text(&url));
    sb_reply_header(reply, "Referrer-Policy", "no-referrer");
    sb_reply_header(reply, "Cache-Control", "no-store");
}

static bool is_challenge(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    size_t len = strlen(text);

    return len >= 43 && len <= 128 && strspn(text, letters) == len;
}

/* False: answered. */
static bool read_asking(const struct sb_call *call, struct sb_reply *reply, struct asking *out)
{
    *out = (struct asking){
        .app = sb_app_find(call->st, sb_form(call, "client_id")),
        .redirect_uri = sb_form(call, "redirect_uri"),
        .state = sb_form(call, "state"),
        .challenge = sb_form(call, "code_challenge"),
        .method = sb_form(call, "code_challenge_method"),
        .response_type = sb_form(call, "response_type"),
    };
    if (out->app == NULL) {
        error_page(call, reply, "Invalid client_id (4,702).");
        return false;
    }
    if (out->redirect_uri == NULL || !sb_app_redirects_to(call->st, out->app, out->redirect_uri)) {
        error_page(call, reply, "Invalid redirect: the app does not list this address (4,700).");
        return false;
    }
    if (out->response_type == NULL || strcmp(out->response_type, "code") != 0) {
        go_back(call, reply, out, "error", "unsupported_response_type");
        return false;
    }
    if (out->method == NULL)
        out->method = "plain";
    if ((strcmp(out->method, "S256") != 0 && strcmp(out->method, "plain") != 0) || (out->challenge != NULL && !is_challenge(out->challenge))) {
        go_back(call, reply, out, "error", "invalid_request");
        return false;
    }
    return true;
}

static void add_hidden(struct mp_buf *page, const char *name, const char *value)
{
    if (value == NULL)
        return;
    mp_buf_addf(page, "<input type=\"hidden\" name=\"%s\" value=\"", name);
    add_escaped(page, value);
    mp_buf_add(page, "\">\n");
}

static void add_users(struct mp_buf *page, const struct sb_state *st)
{
    mp_buf_add(page, "<label for=\"user\">Sign in as</label>\n<select id=\"user\" name=\"user\">\n");
    for (size_t a = 0; a < st->account_count; a++) {
        for (size_t u = 0; u < st->accounts[a]->user_count; u++) {
            const struct sb_user *user = st->accounts[a]->users[u];

            if (strcmp(user->status, "active") != 0)
                continue;
            mp_buf_add(page, "<option value=\"");
            add_escaped(page, user->id);
            mp_buf_add(page, "\">");
            add_escaped(page, user->email);
            mp_buf_add(page, "</option>\n");
        }
    }
    mp_buf_add(page, "</select>\n");
}

void sb_authorize_page(struct sb_call *call, struct sb_reply *reply)
{
    struct asking asking;
    struct mp_buf page;

    if (!read_asking(call, reply, &asking))
        return;
    begin_page(call, reply, &page, "Sandbox Zoom");
    mp_buf_add(&page, "<p>This is not Zoom, but the sandbox that stands in for it.</p>\n<p><strong>");
    add_escaped(&page, asking.app->name);
    mp_buf_add(&page, "</strong> asks to use your Zoom account: to make, read, change and delete your meetings, and to read your profile.</p>\n"
                      "<form method=\"post\" action=\"/oauth/authorize\">\n");
    add_hidden(&page, "client_id", asking.app->client_id);
    add_hidden(&page, "redirect_uri", asking.redirect_uri);
    add_hidden(&page, "response_type", asking.response_type);
    add_hidden(&page, "state", asking.state);
    add_hidden(&page, "code_challenge", asking.challenge);
    add_hidden(&page, "code_challenge_method", asking.challenge != NULL ? asking.method : NULL);
    add_users(&page, call->st);
    mp_buf_add(&page,
               "<p><button name=\"decision\" value=\"allow\">Allow</button><button name=\"decision\" value=\"deny\">Deny</button></p>\n</form>\n");
    end_page(reply, &page, 200);
}

void sb_authorize_decide(struct sb_call *call, struct sb_reply *reply)
{
    const char *decision = sb_form(call, "decision"), *name = sb_form(call, "user");
    struct asking asking;
    struct sb_user *user;

    if (!read_asking(call, reply, &asking))
        return;
    if (decision != NULL && strcmp(decision, "deny") == 0) {
        go_back(call, reply, &asking, "error", "access_denied");
        return;
    }
    user = name == NULL ? NULL : sb_user_find(call->st, name);
    if (decision == NULL || strcmp(decision, "allow") != 0 || user == NULL || strcmp(user->status, "active") != 0) {
        error_page(call, reply, "Choose a user, and Allow or Deny.");
        return;
    }
    go_back(call, reply, &asking, "code",
            sb_code_new(call->st, asking.app, user, asking.redirect_uri, asking.challenge, strcmp(asking.method, "plain") == 0)->text);
}
