#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process_int.h"

struct options {
    const char *config_path;
    bool check;
};

static void print_help(FILE *to)
{
    fputs("Usage: meetpoold [--config FILE] [--check]\n"
          "Serves the meeting pool's API to nginx over FastCGI, in the foreground.\n"
          "\n"
          "  --config FILE  read settings from FILE (KEY=value lines); the environment wins\n"
          "  --check        read the configuration, say what is wrong, and end\n"
          "  --version      print the version and end\n"
          "  --help         print this and end\n"
          "\n"
          "SIGTERM stops after the requests in hand; SIGHUP reads the configuration again.\n"
          "See meetpoold(8) and meetpool.conf(5).\n",
          to);
}

static struct options read_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 'n'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {0};
    int got;

    while ((got = getopt_long(argc, argv, "c:h", known, NULL)) != -1) {
        switch (got) {
        case 'c':
            options.config_path = optarg;
            break;
        case 'n':
            options.check = true;
            break;
        case 'V':
            puts("meetpoold " PACKAGE_VERSION);
            exit(0);
        case 'h':
            print_help(stdout);
            exit(0);
        default:
            print_help(stderr);
            exit(2);
        }
    }
    if (optind < argc) {
        print_help(stderr);
        exit(2);
    }
    return options;
}

/* Inherited by all children. */
static void harden(void)
{
    struct rlimit none = {0, 0};

    umask(077);
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#ifndef __SANITIZE_ADDRESS__ /* whose search for leaks attaches to the process */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* The lock on the file, which a child does not inherit, tells a living master from a file left behind. Returns the descriptor, -1 after a message. */
static int pid_file_take(const char *path)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0) {
        fprintf(stderr, "meetpoold: MEETPOOL_PID_FILE: %s: %s\n", path, strerror(errno));
        return -1;
    }
    if (fcntl(fd, F_SETLK, &lock) < 0) {
        fprintf(stderr, "meetpoold: MEETPOOL_PID_FILE: another meetpoold that is running holds %s\n", path);
        close(fd);
        return -1;
    }
    if (fchmod(fd, 0644) < 0 || ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) {
        fprintf(stderr, "meetpoold: MEETPOOL_PID_FILE: %s: %s\n", path, strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

static int serve(struct master *master)
{
    struct mp_arena *arena = mp_arena_new();
    const char *pid_path = mp_arena_strdup(arena, master->now.settings->process.pid_file);
    int pid_fd = -1, rc = 1;

    if (pid_path != NULL && (pid_fd = pid_file_take(pid_path)) < 0)
        goto out;
    rc = master_run(master);
    if (pid_path != NULL)
        unlink(pid_path);
out:
    if (pid_fd >= 0)
        close(pid_fd);
    mp_arena_free(arena);
    return rc;
}

int main(int argc, char **argv)
{
    struct options options = read_options(argc, argv);
    struct master master = {
        .log = {.fd = STDERR_FILENO, .level = MP_INFO, .role = "master"},
        .config_path = options.config_path,
        .fast_fd = -1,
        .slow_fd = -1,
    };
    struct mp_arena *arena = mp_arena_new();
    struct mp_error err;
    int rc = 0;

    harden();
    if (config_load(&master.now, options.config_path, 1, &master.log, arena, &err) < 0) {
        fprintf(stderr, "meetpoold: %s\n", mp_error_message(&err));
        rc = 1;
    } else if (options.check) {
        puts("The configuration can be used.");
    } else {
        master.log.level = master.now.settings->log_level;
        if (keys_check_once(master.now.settings, &master.log, &err) < 0) {
            fprintf(stderr, "meetpoold: %s\n", mp_error_message(&err));
            rc = 1;
        } else {
            rc = serve(&master);
        }
    }
    config_clear(&master.now);
    mp_arena_free(arena);
    return rc;
}
