#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "process_int.h"

struct queue {
    char folder[32];
    char path[64];
    int fd;
    struct probes probes;
};

static int open_queue(void **state, int backlog)
{
    struct queue *queue = calloc(1, sizeof(*queue));
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(queue->folder, sizeof(queue->folder), "/tmp/test_probes.XXXXXX");
    if (mkdtemp(queue->folder) == NULL)
        return -1;
    snprintf(queue->path, sizeof(queue->path), "%s/s", queue->folder);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", queue->path);
    queue->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(queue->fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(queue->fd, backlog) < 0)
        return -1;
    probes_init(&queue->probes, queue->path);
    *state = queue;
    return 0;
}

static int setup(void **state)
{
    return open_queue(state, 64);
}

static int setup_short(void **state)
{
    return open_queue(state, 1);
}

static int teardown(void **state)
{
    struct queue *queue = *state;

    probes_clear(&queue->probes);
    close(queue->fd);
    unlink(queue->path);
    rmdir(queue->folder);
    free(queue);
    return 0;
}

static void take_one(struct queue *queue)
{
    int fd = accept(queue->fd, NULL, NULL);

    assert_true(fd >= 0);
    close(fd);
}

static void the_oldest_that_waits_tells_the_time(void **state)
{
    struct queue *queue = *state;

    probes_step(&queue->probes, true, 1000);
    assert_int_equal(probes_waited_ms(&queue->probes, 1000), 0);
    probes_step(&queue->probes, true, 1000 + PROBE_EVERY_MS);
    assert_int_equal(probes_waited_ms(&queue->probes, 1500), 500);
    take_one(queue);
    probes_step(&queue->probes, false, 1500);
    assert_int_equal(probes_waited_ms(&queue->probes, 1500), 500 - PROBE_EVERY_MS);
    take_one(queue);
    probes_step(&queue->probes, false, 1500);
    assert_int_equal(probes_waited_ms(&queue->probes, 1500), 0);
}

static void none_is_sent_unasked_or_too_soon(void **state)
{
    struct queue *queue = *state;

    probes_step(&queue->probes, false, 1000);
    assert_int_equal(probes_waited_ms(&queue->probes, 9000), 0);
    probes_step(&queue->probes, true, 1000);
    probes_step(&queue->probes, true, 1000 + PROBE_EVERY_MS - 1);
    take_one(queue);
    probes_step(&queue->probes, false, 2000);
    assert_int_equal(probes_waited_ms(&queue->probes, 9000), 0);
}

static void there_are_never_more_than_the_most(void **state)
{
    struct queue *queue = *state;
    int64_t now_ms = 1000;

    for (int i = 0; i < PROBES + 5; i++, now_ms += PROBE_EVERY_MS)
        probes_step(&queue->probes, true, now_ms);
    for (int i = 0; i < PROBES; i++)
        take_one(queue);
    probes_step(&queue->probes, false, now_ms);
    assert_int_equal(probes_waited_ms(&queue->probes, now_ms + 9000), 0);
}

static void a_full_queue_is_an_endless_wait_until_it_moves(void **state)
{
    struct queue *queue = *state;

    for (int i = 0; i < 4; i++)
        probes_step(&queue->probes, true, 1000 + i * PROBE_EVERY_MS);
    assert_true(probes_waited_ms(&queue->probes, 2000) == INT64_MAX);
    take_one(queue);
    probes_step(&queue->probes, false, 2000);
    assert_true(probes_waited_ms(&queue->probes, 2000) < INT64_MAX);
}

static void a_socket_that_is_gone_says_nothing(void **state)
{
    struct queue *queue = *state;

    unlink(queue->path);
    probes_step(&queue->probes, true, 1000);
    assert_int_equal(probes_waited_ms(&queue->probes, 9000), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_oldest_that_waits_tells_the_time, setup, teardown),
        cmocka_unit_test_setup_teardown(none_is_sent_unasked_or_too_soon, setup, teardown),
        cmocka_unit_test_setup_teardown(there_are_never_more_than_the_most, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_queue_is_an_endless_wait_until_it_moves, setup_short, teardown),
        cmocka_unit_test_setup_teardown(a_socket_that_is_gone_says_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
