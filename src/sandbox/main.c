#include "sandbox_int.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hooks.h"
#include "listen.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"

struct options {
    const char *listen;
    const char *also_listen; /* NULL: nowhere else */
    const char *accounts_path;
    const char *env_path;
    const char *state_path;
    const char *webhook, *webhook_ca; /* NULL: nobody is told from the start; no CA but the system's */
    unsigned accounts;                /* to make where there is no file; 0: none asked for */
    unsigned hosts;
    bool log;
    struct json_object *knobs;
    struct sb_state *st; /* takes the redirect addresses */
};

static const char usage[] = "usage: meetpool-sandbox [--listen ADDRESS:PORT | --listen unix:PATH] [--accounts FILE] [--init-accounts N] [--hosts H]\n"
                            "                        [--env-file PATH] [--state FILE] [--redirect-uri URI]... [--knob NAME=VALUE]...\n"
                            "                        [--also-listen ADDRESS:PORT] [--webhook URL [--webhook-ca FILE]] [--log]\n"
                            "A stand-in for Zoom's OAuth and REST interface; see meetpool-sandbox(8).\n";

static bool take_count(const char *text, unsigned *out)
{
    unsigned long long value;

    if (!mp_slice_to_u64(mp_slice_of(text), 1000, &value) || value == 0)
        return false;
    *out = (unsigned)value;
    return true;
}

static bool take_option(int which, struct options *o)
{
    switch (which) {
    case 'l':
        o->listen = optarg;
        return true;
    case 'L':
        o->also_listen = optarg;
        return true;
    case 'a':
        o->accounts_path = optarg;
        return true;
    case 'e':
        o->env_path = optarg;
        return true;
    case 's':
        o->state_path = optarg;
        return true;
    case 'n':
        return take_count(optarg, &o->accounts);
    case 'H':
        return take_count(optarg, &o->hosts);
    case 'k':
        return sb_knobs_option(o->knobs, optarg);
    case 'w':
        o->webhook = optarg;
        return true;
    case 'c':
        o->webhook_ca = optarg;
        return true;
    case 'r':
        o->st->redirects = sb_grow(o->st->redirects, o->st->redirect_count, &o->st->redirect_cap, sizeof(char *));
        o->st->redirects[o->st->redirect_count++] = sb_dup(optarg);
        return true;
    case 'v':
        o->log = true;
        return true;
    default:
        return false;
    }
}

static void take_options(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {
        {"listen", required_argument, NULL, 'l'},
        {"also-listen", required_argument, NULL, 'L'},
        {"accounts", required_argument, NULL, 'a'},
        {"env-file", required_argument, NULL, 'e'},
        {"state", required_argument, NULL, 's'},
        {"hosts", required_argument, NULL, 'H'},
        {"knob", required_argument, NULL, 'k'},
        {"init-accounts", required_argument, NULL, 'n'},
        {"redirect-uri", required_argument, NULL, 'r'},
        {"webhook", required_argument, NULL, 'w'},
        {"webhook-ca", required_argument, NULL, 'c'},
        {"log", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    int which;

    while ((which = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (which == 'h' || which == 'V') {
            fputs(which == 'h' ? usage : "meetpool-sandbox " PACKAGE_VERSION "\n", stdout);
            exit(0);
        }
        if (!take_option(which, o)) {
            fputs(usage, stderr);
            exit(2);
        }
    }
    if (optind < argc) {
        fputs(usage, stderr);
        exit(2);
    }
}

/* Those that the state brought along, in the file's form. */
static struct json_object *present_accounts(const struct sb_state *st, struct mp_arena *arena)
{
    struct json_object *doc = mp_json_object(arena);
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < st->account_count; i++)
        json_object_array_add(list, json_object_get(sb_account_json(st->accounts[i], arena)));
    mp_json_put(doc, "accounts", list);
    list = json_object_new_array();
    for (size_t i = 0; i < st->app_count; i++)
        json_object_array_add(list, json_object_get(sb_app_json(st->apps[i], arena)));
    mp_json_put(doc, "apps", list);
    return doc;
}

/* The accounts: read, or made (and kept in the file, where one is named). */
static int load_accounts(struct sb_state *st, struct mp_arena *arena, const struct options *o, struct mp_error *err)
{
    unsigned accounts = o->accounts > 0 ? o->accounts : 1;
    struct json_object *doc;

    if (o->accounts_path != NULL && (o->accounts == 0 || access(o->accounts_path, F_OK) == 0)) {
        if (sb_accounts_read(arena, o->accounts_path, &doc, err) < 0)
            return -1;
    } else if (o->accounts_path == NULL && st->account_count > 0) {
        doc = present_accounts(st, arena);
    } else {
        doc = sb_accounts_make(arena, accounts, o->hosts);
        if (o->accounts_path != NULL && sb_file_write(o->accounts_path, 0600, mp_slice_of(mp_json_text(arena, doc)), err) < 0)
            return -1;
    }
    st->accounts_source = doc;
    return sb_state_add_accounts(st, arena, doc, err) ? 0 : -1;
}

/* Whom to tell from the start. The secret is not among the arguments, which everybody on the machine may read. */
static int subscribe(struct sb_state *st, struct mp_arena *arena, const struct options *o, struct mp_error *err)
{
    if (o->webhook == NULL)
        return 0;
    st->webhook_secret = getenv("ZOOM_WEBHOOK_SECRET_TOKEN");
    if (st->webhook_secret == NULL)
        return mp_fail(err, MP_E_CONFIG, "--webhook needs the secret token in the environment, as ZOOM_WEBHOOK_SECRET_TOKEN");
    return sb_hook_at_start(st, arena, o->webhook, o->webhook_ca, err);
}

/* What was kept comes first; accounts that are new in the file join it. */
static int load(struct sb_state *st, struct mp_arena *arena, const struct options *o, struct mp_error *err)
{
    mp_random(st->key, sizeof(st->key));
    sb_knobs_default(&st->knobs);
    st->random = (uint64_t)st->knobs.n[SB_K_SEED];
    if (o->state_path != NULL && sb_snapshot_load(st, o->state_path, err) < 0)
        return -1;
    st->knobs_source = o->knobs;
    if (!sb_knobs_turn(st, arena, o->knobs, err) || load_accounts(st, arena, o, err) < 0 || subscribe(st, arena, o, err) < 0)
        return -1;
    if (o->env_path != NULL && sb_accounts_write_env(st, arena, o->env_path, err) < 0)
        return -1;
    st->state_path = o->state_path;
    st->dirty = true;
    return 0;
}

static void more_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Where port 0 has led to. */
static void note_address(struct sb_state *st, int fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    char text[INET_ADDRSTRLEN];

    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0 || address.sin_family != AF_INET ||
        inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text)) == NULL)
        return;
    pthread_mutex_lock(&st->lock);
    (void)snprintf(st->also_at, sizeof(st->also_at), "%s:%u", text, ntohs(address.sin_port));
    pthread_mutex_unlock(&st->lock);
}

/* Serves until SIGTERM or SIGINT. */
static int serve(struct sb_state *st, const struct options *o, struct mp_error *err)
{
    struct MHD_Daemon *daemon, *other = NULL;
    pthread_t writer;
    sigset_t ends;
    int fd, got;
    int rc = 0;

    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sb_sender_start(st, err) < 0)
        return -1;
    fd = sb_listen(o->listen, err);
    if (fd < 0)
        return -1;
    daemon = sb_http_start(st, fd);
    if (o->also_listen != NULL) {
        fd = sb_listen(o->also_listen, err);
        if (fd < 0)
            return -1;
        note_address(st, fd);
        other = sb_http_start(st, fd);
    }
    if (daemon == NULL || (o->also_listen != NULL && other == NULL) ||
        (st->state_path != NULL && pthread_create(&writer, NULL, sb_snapshot_thread, st) != 0))
        return mp_fail(err, MP_E_INTERNAL, "cannot start threads");
    (void)fflush(stdout);
    (void)sigwait(&ends, &got);
    st->stopping = true;
    MHD_stop_daemon(daemon);
    sb_unlisten(o->listen);
    if (other != NULL) {
        MHD_stop_daemon(other);
        sb_unlisten(o->also_listen);
    }
    if (st->state_path != NULL) {
        (void)pthread_join(writer, NULL);
        rc = sb_snapshot_save(st, st->state_path, err);
    }
    return rc;
}

static void state_free(struct sb_state *st)
{
    sb_hooks_free(st);
    sb_state_clear(st);
    sb_rules_clear(st);
    sb_ledger_clear(st);
    free(st->accounts);
    free(st->apps);
    for (size_t i = 0; i < st->redirect_count; i++)
        free(st->redirects[i]);
    free(st->redirects);
    for (size_t i = 0; i < SB_KNOB_COUNT; i++)
        free(st->knobs.text[i]);
    (void)pthread_mutex_destroy(&st->lock);
}

int main(int argc, char **argv)
{
    static const struct mp_log log = {.fd = STDERR_FILENO, .level = MP_INFO, .role = "sandbox"};
    struct mp_arena *arena = mp_arena_new();
    struct sb_state st = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct options o = {.listen = "127.0.0.1:8490", .hosts = 2, .knobs = mp_json_object(arena), .st = &st};
    struct mp_error err;
    int rc;

    mp_error_init(&err, arena);
    take_options(argc, argv, &o);
    more_descriptors();
    st.log = o.log ? &log : NULL;
    sb_hooks_init(&st);
    rc = load(&st, arena, &o, &err) < 0 || serve(&st, &o, &err) < 0 ? 1 : 0;
    st.stopping = true;
    sb_sender_stop(&st);
    if (rc != 0) {
        fprintf(stderr, "meetpool-sandbox: %s\n", mp_error_message(&err));
        for (const struct mp_error_detail *d = err.details; d != NULL; d = d->next)
            fprintf(stderr, "  %s: %s\n", d->field, d->message);
    }
    state_free(&st);
    mp_arena_free(arena);
    return rc;
}
