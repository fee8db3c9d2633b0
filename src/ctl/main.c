#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl_int.h"

static const struct {
    const char *name;
    int (*run)(struct ctl *ctl);
    const char *usage;
} commands[] = {
    {"migrate", ctl_migrate, "migrate                bring the schema up to date"},
    {"token", ctl_token, "token --sub ID --role ROLE [--email E] [--name N] [--ttl SECONDS]\n                         print a signed JWT"},
    {"check", ctl_check, "check [--nginx FILE]   say what is wrong with the configuration, and try it"},
    {"accounts", ctl_accounts, "accounts               show the Zoom accounts and their hosts"},
    {"jobs", ctl_jobs, "jobs                   show what the background still has to do"},
    {"connections", ctl_connections, "connections            show whose own Zoom accounts are connected"},
    {"rotate-keys", ctl_rotate_keys, "rotate-keys            seal what is stored with the newest key"},
};

static void print_help(FILE *to)
{
    fputs("Usage: meetpoolctl [--config FILE] COMMAND\n\n", to);
    for (size_t i = 0; i < MP_COUNT(commands); i++)
        fprintf(to, "  %s\n", commands[i].usage);
    fputs("\n"
          "  --config FILE  read settings from FILE (KEY=value lines); the environment wins\n"
          "  --version      print the version and end\n"
          "  --help         print this and end\n"
          "\n"
          "See meetpoolctl(8) and meetpool.conf(5).\n",
          to);
}

/* Options stand before the command; what follows it is the command's own. */
static void read_options(struct ctl *ctl, int argc, char **argv)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int got;

    while ((got = getopt_long(argc, argv, "+c:h", known, NULL)) != -1) {
        switch (got) {
        case 'c':
            ctl->config_path = optarg;
            break;
        case 'V':
            puts("meetpoolctl " PACKAGE_VERSION);
            exit(0);
        case 'h':
            print_help(stdout);
            exit(0);
        default:
            print_help(stderr);
            exit(2);
        }
    }
    ctl->argc = argc - optind;
    ctl->argv = argv + optind;
}

static int run_command(struct ctl *ctl)
{
    if (ctl->argc == 0) {
        print_help(stderr);
        return 2;
    }
    for (size_t i = 0; i < MP_COUNT(commands); i++) {
        if (strcmp(ctl->argv[0], commands[i].name) == 0)
            return commands[i].run(ctl);
    }
    fprintf(stderr, "meetpoolctl: there is no command %s; see meetpoolctl --help\n", ctl->argv[0]);
    return 2;
}

int main(int argc, char **argv)
{
    struct ctl ctl = {.arena = mp_arena_new(), .log = {.fd = STDERR_FILENO, .level = MP_WARNING, .role = "ctl"}};
    struct rlimit none = {0, 0};
    int rc;

    umask(077);
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGPIPE, SIG_IGN);
    mp_error_init(&ctl.err, ctl.arena);
    read_options(&ctl, argc, argv);
    rc = run_command(&ctl);
    if (fflush(stdout) != 0 && rc == 0)
        rc = 1;
    mp_arena_free(ctl.arena);
    return rc;
}
