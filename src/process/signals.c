#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "process_int.h"

/* The only file with state of its own: a handler has nowhere else to write. */
static volatile sig_atomic_t got_term;

static sigset_t set_of(const int *signals, size_t count)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < count; i++)
        sigaddset(&set, signals[i]);
    return set;
}

static sigset_t master_set(void)
{
    return set_of((const int[]){SIGTERM, SIGINT, SIGHUP, SIGCHLD}, 4);
}

static sigset_t child_set(void)
{
    return set_of((const int[]){SIGTERM, SIGALRM}, 2);
}

void signals_master(void)
{
    sigset_t set = master_set();

    signal(SIGPIPE, SIG_IGN);
    /* A file that may not grow further is an error of that write, as a full disk is. */
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

int signals_wait(int64_t timeout_ms)
{
    sigset_t set = master_set();
    struct timespec timeout = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000};
    int got = timeout_ms < 0 ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &timeout);

    if (got == SIGINT)
        return SIGTERM;
    return got < 0 ? 0 : got;
}

static void on_signal(int signal_number)
{
    if (signal_number == SIGTERM)
        got_term = 1;
}

void signals_child(void)
{
    struct sigaction action;
    sigset_t set = child_set(), inherited = master_set();

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    sigprocmask(SIG_BLOCK, &set, NULL);
    /* Without SA_RESTART: accept() is to end. */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    /* From a terminal these reach the whole group: the master decides. */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    sigdelset(&inherited, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &inherited, NULL);
}

void signals_let_in(void)
{
    sigset_t set = child_set();

    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void signals_keep_out(void)
{
    sigset_t set = child_set();

    sigprocmask(SIG_BLOCK, &set, NULL);
}

bool signals_term(void)
{
    return got_term != 0;
}

bool signals_term_now(void)
{
    signals_let_in();
    signals_keep_out();
    return signals_term();
}

void signals_nudge_every(unsigned ms)
{
    struct timeval every = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    struct itimerval timer = {.it_interval = every, .it_value = every};

    setitimer(ITIMER_REAL, &timer, NULL);
}
