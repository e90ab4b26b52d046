/* The main loop, over glib's default context, and the big lock. See system/main-loop.h. */
#include "system/main-loop.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "system/clock.h"
#include "system/runstate.h"
#include "util/units.h"

struct Deferred {
    void (*fn)(void *opaque);
    void *opaque;
    bool scheduled;     /* under deferred_lock */
    bool once;
};

static GMutex the_lock, deferred_lock;
static GQueue deferred_queue = G_QUEUE_INIT;
static __thread bool lock_held;
static GThread *loop_thread;
static struct {
    int requested;      /* atomic */
    int status;
} quit;

void big_lock(void)
{
    g_assert(!lock_held);
    g_mutex_lock(&the_lock);
    lock_held = true;
}

void big_unlock(void)
{
    g_assert(lock_held);
    lock_held = false;
    g_mutex_unlock(&the_lock);
}

bool big_lock_held(void)
{
    return lock_held;
}

/* Nanoseconds until the first timer is due, -1: none. Guest time counts only while it runs by itself. */
static int64_t ns_to_deadline(void)
{
    int64_t least = INT64_MAX;

    for (ClockType clock = 0; clock < CLOCK_TYPES; clock++) {
        int64_t deadline;

        if (clock == CLOCK_TYPE_VIRTUAL && (clock_is_manual() || !runstate_is_running())) {
            continue;
        }
        deadline = clock_deadline(clock);
        if (deadline != INT64_MAX) {
            least = MIN(least, MAX(deadline - clock_ns(clock), 0));
        }
    }
    return least == INT64_MAX ? -1 : least;
}

/* glib's poll with nanoseconds and without the big lock. */
static int poll_unlocked(GPollFD *fds, guint count, int timeout_ms)
{
    int64_t ns = ns_to_deadline();
    struct timespec ts;
    int n, saved;
    bool held = lock_held && timeout_ms != 0 && ns != 0;

    G_STATIC_ASSERT(sizeof(GPollFD) == sizeof(struct pollfd));
    if (timeout_ms >= 0 && (ns < 0 || timeout_ms * 1000000ll < ns)) {
        ns = timeout_ms * 1000000ll;
    }
    if (ns >= 0) {
        ts = (struct timespec){ ns / NANOSECONDS_PER_SECOND, ns % NANOSECONDS_PER_SECOND };
    }
    if (held) {
        big_unlock();
    }
    n = ppoll((struct pollfd *)fds, count, ns >= 0 ? &ts : NULL, NULL);
    saved = errno;
    if (held) {
        big_lock();
    }
    errno = saved;
    return n;
}

void main_loop_init(void)
{
    loop_thread = g_thread_self();
    g_main_context_set_poll_func(NULL, poll_unlocked);
    if (!lock_held) {
        big_lock();
    }
}

static void wake(void)
{
    g_main_context_wakeup(NULL);
}

static bool deferred_pending(void)
{
    bool pending;

    g_mutex_lock(&deferred_lock);
    pending = !g_queue_is_empty(&deferred_queue);
    g_mutex_unlock(&deferred_lock);
    return pending;
}

/* Runs what was scheduled before now; what that schedules waits for the next round. */
static void run_deferred(void)
{
    unsigned left;

    g_mutex_lock(&deferred_lock);
    left = g_queue_get_length(&deferred_queue);
    while (left--) {
        Deferred *d = g_queue_pop_head(&deferred_queue);
        bool once;

        if (!d) {
            break;
        }
        d->scheduled = false;
        once = d->once;
        g_mutex_unlock(&deferred_lock);
        d->fn(d->opaque);
        if (once) {
            g_free(d);
        }
        g_mutex_lock(&deferred_lock);
    }
    g_mutex_unlock(&deferred_lock);
}

bool main_loop_step(bool block)
{
    bool did = g_main_context_iteration(NULL, block && !deferred_pending());

    run_deferred();
    clock_run_all();
    return did;
}

int main_loop_run(void)
{
    runstate_run_requests();
    while (!main_loop_quitting()) {
        main_loop_step(true);
        runstate_run_requests();
    }
    return quit.status;
}

void main_loop_quit(int status)
{
    quit.status = status;
    g_atomic_int_set(&quit.requested, 1);
    wake();
}

bool main_loop_quitting(void)
{
    return g_atomic_int_get(&quit.requested);
}

Deferred *deferred_new(void (*fn)(void *opaque), void *opaque)
{
    Deferred *d = g_new0(Deferred, 1);

    d->fn = fn;
    d->opaque = opaque;
    return d;
}

void deferred_schedule(Deferred *d)
{
    g_mutex_lock(&deferred_lock);
    if (!d->scheduled) {
        d->scheduled = true;
        g_queue_push_tail(&deferred_queue, d);
    }
    g_mutex_unlock(&deferred_lock);
    if (g_thread_self() != loop_thread) {
        wake();
    }
}

void deferred_cancel(Deferred *d)
{
    g_mutex_lock(&deferred_lock);
    if (d->scheduled) {
        d->scheduled = false;
        g_queue_remove(&deferred_queue, d);
    }
    g_mutex_unlock(&deferred_lock);
}

void deferred_free(Deferred *d)
{
    if (d) {
        deferred_cancel(d);
        g_free(d);
    }
}

void defer_once(void (*fn)(void *opaque), void *opaque)
{
    Deferred *d = deferred_new(fn, opaque);

    d->once = true;
    deferred_schedule(d);
}
