#include "system/main-loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "system/clock.h"
#include "system/runstate.h"
#include "util/units.h"

static pthread_mutex_t big_mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread bool lock_held;
static pthread_t main_thread;
static bool initialized;

static bool quitting;
static int quit_status;

/* The big lock. */

void big_lock(void)
{
    g_assert(!lock_held);
    pthread_mutex_lock(&big_mutex);
    lock_held = true;
}

void big_unlock(void)
{
    g_assert(lock_held);
    lock_held = false;
    pthread_mutex_unlock(&big_mutex);
}

bool big_lock_held(void)
{
    return lock_held;
}

void big_wait_for(pthread_cond_t *cond, int64_t ns)
{
    struct timespec until;

    g_assert(lock_held);
    clock_gettime(CLOCK_REALTIME, &until);
    ns = MIN(ns, 3600 * NANOSECONDS_PER_SECOND) + until.tv_nsec;
    until.tv_sec += ns / NANOSECONDS_PER_SECOND;
    until.tv_nsec = ns % NANOSECONDS_PER_SECOND;
    lock_held = false;
    pthread_cond_timedwait(cond, &big_mutex, &until);
    lock_held = true;
}

void big_wait(pthread_cond_t *cond)
{
    g_assert(lock_held);
    lock_held = false;
    pthread_cond_wait(cond, &big_mutex);
    lock_held = true;
}

/* Waiting: without the lock, and no longer than to the next timer, to the nanosecond. */

static gint poll_unlocked(GPollFD *fds, guint count, gint timeout_ms)
{
    G_STATIC_ASSERT(sizeof(GPollFD) == sizeof(struct pollfd));
    int64_t timeout = timeout_ms < 0 ? -1 : timeout_ms * 1000000ll, timer = timeout == 0 ? -1 : clock_time_to_next();
    bool was_held = lock_held;

    if (timer >= 0 && (timeout < 0 || timer < timeout)) {
        timeout = timer;
    }
    struct timespec wait = { .tv_sec = timeout / NANOSECONDS_PER_SECOND, .tv_nsec = timeout % NANOSECONDS_PER_SECOND };
    if (was_held) {
        big_unlock();
    }
    int ready = ppoll((struct pollfd *)fds, count, timeout < 0 ? NULL : &wait, NULL);
    int saved_errno = errno;
    if (was_held) {
        big_lock();
    }
    errno = saved_errno;
    return ready;
}

static gboolean timers_prepare(GSource *source, gint *timeout)
{
    *timeout = -1; /* poll_unlocked() knows better than milliseconds */
    return clock_time_to_next() == 0;
}

static gboolean timers_check(GSource *source)
{
    return clock_time_to_next() == 0;
}

static gboolean timers_dispatch(GSource *source, GSourceFunc fn, gpointer opaque)
{
    clock_run_all();
    return G_SOURCE_CONTINUE;
}

/* Deferred work: a list of what is scheduled, in order. */

struct Deferred {
    void (*fn)(void *opaque);
    void *opaque;
    bool scheduled;
    bool once;      /* frees itself when it runs */
    Deferred *next, **link;
};

static pthread_mutex_t deferred_mutex = PTHREAD_MUTEX_INITIALIZER;
static Deferred *deferred_head, **deferred_tail = &deferred_head;
static unsigned deferred_count;

static void unlink_deferred(Deferred *deferred)
{
    *deferred->link = deferred->next;
    if (deferred->next) {
        deferred->next->link = deferred->link;
    } else {
        deferred_tail = deferred->link;
    }
    deferred->scheduled = false;
    deferred_count--;
}

Deferred *deferred_new(void (*fn)(void *opaque), void *opaque)
{
    Deferred *deferred = g_new0(Deferred, 1);

    deferred->fn = fn;
    deferred->opaque = opaque;
    return deferred;
}

void deferred_schedule(Deferred *deferred)
{
    pthread_mutex_lock(&deferred_mutex);
    if (!deferred->scheduled) {
        deferred->scheduled = true;
        deferred->next = NULL;
        deferred->link = deferred_tail;
        *deferred_tail = deferred;
        deferred_tail = &deferred->next;
        deferred_count++;
    }
    pthread_mutex_unlock(&deferred_mutex);
    main_loop_notify();
}

void deferred_cancel(Deferred *deferred)
{
    pthread_mutex_lock(&deferred_mutex);
    if (deferred->scheduled) {
        unlink_deferred(deferred);
    }
    pthread_mutex_unlock(&deferred_mutex);
}

void deferred_free(Deferred *deferred)
{
    if (deferred) {
        deferred_cancel(deferred);
        g_free(deferred);
    }
}

void defer_once(void (*fn)(void *opaque), void *opaque)
{
    Deferred *deferred = deferred_new(fn, opaque);

    deferred->once = true;
    deferred_schedule(deferred);
}

static bool run_first_deferred(void)
{
    pthread_mutex_lock(&deferred_mutex);
    Deferred *deferred = deferred_head;
    if (deferred) {
        unlink_deferred(deferred);
    }
    pthread_mutex_unlock(&deferred_mutex);
    if (!deferred) {
        return false;
    }
    void (*fn)(void *) = deferred->fn;
    void *opaque = deferred->opaque;
    if (deferred->once) {
        g_free(deferred);
    }
    fn(opaque); /* may free it, or schedule it again */
    return true;
}

static gboolean deferred_ready(GSource *source)
{
    return __atomic_load_n(&deferred_count, __ATOMIC_ACQUIRE) > 0;
}

static gboolean deferred_prepare(GSource *source, gint *timeout)
{
    *timeout = -1;
    return deferred_ready(source);
}

/* Runs as many as there are: those that they schedule have to wait for the next round. */
static gboolean deferred_dispatch(GSource *source, GSourceFunc fn, gpointer opaque)
{
    unsigned count = __atomic_load_n(&deferred_count, __ATOMIC_ACQUIRE);

    while (count-- > 0 && run_first_deferred()) {
    }
    return G_SOURCE_CONTINUE;
}

/* Signals: the handler notes who and wakes the loop through an eventfd. */

static int signal_fd = -1;
static volatile sig_atomic_t signal_number, signal_pid;
static void (*signal_fn)(int signo, int pid);

static void catch_signal(int signo, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    uint64_t one = 1;

    signal_number = signo;
    signal_pid = info->si_pid;
    if (write(signal_fd, &one, sizeof(one)) < 0) {
        /* Full: it is readable. */
    }
    errno = saved_errno;
}

static gboolean signals_dispatch(GSource *source, GSourceFunc fn, gpointer opaque)
{
    uint64_t count;

    if (read(signal_fd, &count, sizeof(count)) == sizeof(count)) {
        signal_fn(signal_number, signal_pid);
    }
    return G_SOURCE_CONTINUE;
}

static void attach(GSourceFuncs *funcs, int fd)
{
    GSource *source = g_source_new(funcs, sizeof(GSource));

    if (fd >= 0) {
        g_source_add_unix_fd(source, fd, G_IO_IN);
    }
    g_source_set_can_recurse(source, TRUE); /* a callback may wait with main_loop_step() */
    g_source_attach(source, NULL);
    g_source_unref(source);
}

void main_loop_catch_signals(void (*fn)(int signo, int pid))
{
    static GSourceFuncs funcs = { .dispatch = signals_dispatch };
    struct sigaction action = { .sa_sigaction = catch_signal, .sa_flags = SA_SIGINFO | SA_RESTART };

    signal_fn = fn;
    if (signal_fd < 0) {
        signal_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        attach(&funcs, signal_fd);
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

/* The loop. */

void main_loop_init(void)
{
    static GSourceFuncs timers = { timers_prepare, timers_check, timers_dispatch };
    static GSourceFuncs deferred = { deferred_prepare, deferred_ready, deferred_dispatch };

    if (initialized) {
        return;
    }
    initialized = true;
    main_thread = pthread_self();
    signal(SIGPIPE, SIG_IGN);
    big_lock();
    g_main_context_set_poll_func(NULL, poll_unlocked);
    attach(&timers, -1);
    attach(&deferred, -1);
}

bool main_loop_is_current(void)
{
    return !initialized || pthread_equal(pthread_self(), main_thread);
}

void main_loop_notify(void)
{
    if (!main_loop_is_current()) {
        g_main_context_wakeup(NULL);
    }
}

int main_loop_run(void)
{
    for (;;) {
        runstate_run_requests();
        if (main_loop_quitting()) {
            return quit_status;
        }
        g_main_context_iteration(NULL, TRUE);
    }
}

void main_loop_quit(int status)
{
    quit_status = status;
    __atomic_store_n(&quitting, true, __ATOMIC_RELEASE);
    main_loop_notify();
}

bool main_loop_quitting(void)
{
    return __atomic_load_n(&quitting, __ATOMIC_ACQUIRE);
}

bool main_loop_step(bool block)
{
    main_loop_init(); /* for a test that did not */
    return g_main_context_iteration(NULL, block);
}
