#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "meetpool/arena.h"
#include "meetpool/log.h"
#include "meetpool/transfer.h"

/*
 * Without arguments: runs test_transfer.py, which calls this program again for each transfer, so that the far sides (sources and an S3 server that
 * misbehave) are scripts and the program under test is a process that can be measured and killed.
 *
 * With arguments NAME=VALUE: makes one transfer. url, key, type, size, extension, bearer, bearer_to (the "host:port" that may have it, several
 * times), rate, stall; folder, or endpoint, bucket, access, secret; upload (an upload's id) and part (NUMBER:SIZE:ETAG, several times) to go on
 * behind; stop_after, kill_after (parts), stop_when_asked (the n-th time that keep_going is asked). Prints a line for each thing that happens.
 */

#define HOSTS_MOST 8
#define PARTS_MOST 1000

struct driver {
    struct mp_arena *arena;
    struct mp_transfer transfer;
    struct mp_storage_conf conf;
    struct mp_secret bearer;
    struct mp_part parts[PARTS_MOST];
    const char *hosts[HOSTS_MOST];
    size_t hosts_count;
    long stop_after, kill_after, stop_when_asked;
    long parts_seen, asked;
};

static int on_begun(void *arg, const char *upload_id)
{
    (void)arg;
    printf("begun %s\n", upload_id);
    return 0;
}

static int on_part(void *arg, const struct mp_part *part, int64_t bytes_so_far)
{
    struct driver *driver = arg;

    printf("part %" PRId64 ":%" PRId64 ":%s %" PRId64 "\n", part->number, part->size, part->etag, bytes_so_far);
    fflush(stdout);
    driver->parts_seen++;
    if (driver->parts_seen == driver->kill_after)
        raise(SIGKILL);
    return driver->parts_seen == driver->stop_after ? -1 : 0;
}

static bool on_keep_going(void *arg)
{
    struct driver *driver = arg;

    driver->asked++;
    return driver->asked != driver->stop_when_asked;
}

static bool on_may_have_bearer(void *arg, const struct mp_url *url)
{
    const struct driver *driver = arg;
    const char *host = mp_arena_printf(driver->arena, "%s:%u", url->host, url->port);

    for (size_t i = 0; i < driver->hosts_count; i++)
        if (strcmp(driver->hosts[i], host) == 0)
            return true;
    return false;
}

static bool take_part(struct driver *driver, const char *text)
{
    struct mp_slice rest = mp_slice_of(text), number, size;
    unsigned long long n, bytes;

    if (driver->transfer.parts_count == PARTS_MOST || !mp_slice_split(&rest, ':', &number) || !mp_slice_split(&rest, ':', &size) ||
        !mp_slice_to_u64(number, INT64_MAX, &n) || !mp_slice_to_u64(size, INT64_MAX, &bytes))
        return false;
    driver->parts[driver->transfer.parts_count++] = (struct mp_part){(int64_t)n, (int64_t)bytes, mp_arena_strndup(driver->arena, rest)};
    driver->transfer.parts = driver->parts;
    return true;
}

static bool take_number(struct driver *driver, const char *name, long long number)
{
    struct mp_transfer *transfer = &driver->transfer;

    if (strcmp(name, "size") == 0)
        transfer->size = number;
    else if (strcmp(name, "rate") == 0)
        transfer->bytes_per_s = number;
    else if (strcmp(name, "stall") == 0)
        transfer->stall_s = (unsigned)number;
    else if (strcmp(name, "stop_after") == 0)
        driver->stop_after = (long)number;
    else if (strcmp(name, "kill_after") == 0)
        driver->kill_after = (long)number;
    else if (strcmp(name, "stop_when_asked") == 0)
        driver->stop_when_asked = (long)number;
    else
        return false;
    return true;
}

static bool take_secret(struct driver *driver, const char *name, const char *value)
{
    if (strcmp(name, "bearer") == 0) {
        driver->bearer = mp_secret_copy(driver->arena, mp_slice_of(value));
        driver->transfer.bearer = &driver->bearer;
        return true;
    }
    if (strcmp(name, "secret") != 0)
        return false;
    driver->conf.secret_key = mp_secret_copy(driver->arena, mp_slice_of(value));
    return true;
}

static bool take_text(struct driver *driver, const char *name, const char *value)
{
    const struct {
        const char *name, **to;
    } texts[] = {
        {"url", &driver->transfer.url},           {"key", &driver->transfer.key},
        {"type", &driver->transfer.content_type}, {"extension", &driver->transfer.extension},
        {"upload", &driver->transfer.upload_id},  {"folder", &driver->conf.folder},
        {"endpoint", &driver->conf.endpoint},     {"bucket", &driver->conf.bucket},
        {"access", &driver->conf.access_key},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(texts[i].name, name) == 0) {
            *texts[i].to = value;
            return true;
        }
    return false;
}

static bool take_argument(struct driver *driver, const char *argument)
{
    struct mp_slice value = mp_slice_of(argument), name_part;
    const char *name, *text;

    if (!mp_slice_split(&value, '=', &name_part))
        return false;
    name = mp_arena_strndup(driver->arena, name_part);
    text = mp_arena_strndup(driver->arena, value);
    if (strcmp(name, "part") == 0)
        return take_part(driver, text);
    if (strcmp(name, "bearer_to") == 0 && driver->hosts_count < HOSTS_MOST) {
        driver->hosts[driver->hosts_count++] = text;
        return true;
    }
    return take_secret(driver, name, text) || take_text(driver, name, text) || take_number(driver, name, strtoll(text, NULL, 10));
}

/* The most memory this program held; getrusage() would tell that of whoever started it, if that was more. */
static long most_memory_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kib = -1;

    while (file && kib < 0 && fgets(line, sizeof(line), file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return kib;
}

static void report(const struct mp_transfer_result *res, const struct driver *driver)
{
    static const char *const names[] = {"DONE", "STOPPED", "SOURCE_AUTH", "SOURCE_GONE", "SOURCE_BAD", "SOURCE_FAILS", "SINK_FAILS", "SINK_REFUSES"};
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf("end %s\n", names[res->end]);
    printf("size %" PRId64 "\n", res->size);
    printf("etag %s\n", res->etag ? res->etag : "-");
    printf("sha256 %s\n", res->sha256 ? res->sha256 : "-");
    printf("upload %s\n", res->upload_id ? res->upload_id : "-");
    printf("retry_after_ms %" PRId64 "\n", res->retry_after_ms);
    printf("problem %s\n", res->problem ? res->problem : "-");
    printf("elapsed_ms %u\n", res->elapsed_ms);
    printf("asked %ld\n", driver->asked);
    printf("rss_kib %ld\n", most_memory_kib());
    printf("cpu_ms %ld\n", (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000);
}

static int move(struct driver *driver)
{
    const struct mp_secret link_key = mp_secret_copy(driver->arena, mp_slice_of("0123456789abcdef0123456789abcdef"));
    struct mp_http *http = mp_http_new();
    const struct mp_log log = {.fd = STDERR_FILENO, .level = MP_ERROR};
    struct mp_storage *storage;
    struct mp_transfer_result res;
    struct mp_error err;

    mp_error_init(&err, driver->arena);
    if (mp_storage_conf_check(driver->arena, &driver->conf, &err) < 0) {
        fprintf(stderr, "%s\n", mp_error_message(&err));
        return 2;
    }
    storage = mp_storage_new(&driver->conf, http, &link_key, 1, &log);
    mp_transfer_run(storage, driver->arena, &driver->transfer, &res);
    report(&res, driver);
    mp_storage_free(storage);
    mp_http_free(http);
    return 0;
}

/* One share of the tests, in a process of its own. */
static pid_t start_share(const char *script, const char *share)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    if (setenv("TRANSFER_SHARE", share, 1) == 0)
        execl("/usr/bin/python3", "python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", script, (char *)NULL);
    fprintf(stderr, "python3: %s\n", strerror(errno));
    _exit(99);
}

/* Most of the tests' time is spent in waiting, so that several can wait at once. */
static int run_script(const char *self)
{
    static const char *const shares[] = {"0/3", "1/3", "2/3"};
    const char *top = getenv("top_srcdir");
    char *program = realpath(self, NULL), *script = NULL;
    int failed = 0, status;

    if (!program || asprintf(&script, "%s/tests/unit/storage/test_transfer.py", top ? top : TOP_SRCDIR) < 0 || setenv("TRANSFER", program, 1) < 0)
        return 99;
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
        if (start_share(script, shares[i]) < 0)
            failed = 1;
    while (wait(&status) > 0)
        failed |= status != 0;
    free(program);
    free(script);
    return failed;
}

int main(int argc, char **argv)
{
    struct driver driver = {.arena = mp_arena_new(),
                            .conf = {.region = "us-east-1", .link_ttl_s = 900},
                            .transfer = {.size = -1,
                                         .key = "videos/a.mp4",
                                         .content_type = "video/mp4",
                                         .extension = "MP4",
                                         .may_have_bearer = on_may_have_bearer,
                                         .begun = on_begun,
                                         .part = on_part,
                                         .keep_going = on_keep_going,
                                         .arg = &driver}};
    int status = 0;

    if (argc == 1) {
        mp_arena_free(driver.arena);
        return run_script(argv[0]);
    }
    signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i < argc && status == 0; i++)
        if (!take_argument(&driver, argv[i])) {
            fprintf(stderr, "%s: not understood\n", argv[i]);
            status = 2;
        }
    if (status == 0)
        status = move(&driver);
    mp_arena_free(driver.arena);
    return status;
}
