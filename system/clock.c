#include "system/clock.h"

#include <glib.h>
#include <time.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include "system/main-loop.h"
#include "util/units.h"

typedef struct Heap {
    Timer **timers;
    uint32_t count, room;
    bool running;       /* clock_run() is at work: */
    int64_t run_time;   /* … for what was due at this time */
} Heap;

static Heap heaps[CLOCK_TYPES];
static uint64_t next_serial;

static struct {
    unsigned change;    /* odd while enabled and offsets change: CPUs read them without a lock */
    bool enabled;       /* guest time runs, and timers of its clock fire */
    int64_t offset;     /* guest time while it runs: monotonic time plus this; else: guest time */
    uint64_t tsc_offset; /* the same for host ticks, which count modulo 2^64 */
    bool manual;        /* under qtest guest time is */
    int64_t manual_ns;
    int64_t (*since)(void); /* with -icount: executed since manual_ns */
    void (*earlier)(void);
} guest;

/* Time. */

static int64_t read_clock(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

static uint64_t host_ticks(void)
{
#ifdef __x86_64__
    return __rdtsc();
#else
    return read_clock(CLOCK_MONOTONIC);
#endif
}

static void begin_change(void)
{
    __atomic_store_n(&guest.change, guest.change + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void end_change(void)
{
    __atomic_store_n(&guest.change, guest.change + 1, __ATOMIC_RELEASE);
}

static bool has_changed(unsigned change)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return change & 1 || __atomic_load_n(&guest.change, __ATOMIC_RELAXED) != change;
}

static int64_t guest_ns(void)
{
    return guest.offset + (guest.enabled ? read_clock(CLOCK_MONOTONIC) : 0);
}

static int64_t guest_ticks(void)
{
    return guest.tsc_offset + (guest.enabled ? host_ticks() : 0);
}

int64_t clock_ns(ClockType clock)
{
    unsigned change;
    int64_t ns;

    switch (clock) {
    case CLOCK_TYPE_VIRTUAL:
        if (guest.manual) {
            return guest.manual_ns + (guest.since ? guest.since() : 0);
        }
        do {
            change = __atomic_load_n(&guest.change, __ATOMIC_ACQUIRE);
            ns = guest_ns();
        } while (has_changed(change));
        return ns;
    case CLOCK_TYPE_HOST:
        return read_clock(CLOCK_REALTIME);
    default:
        return read_clock(CLOCK_MONOTONIC);
    }
}

int64_t clock_tsc(void)
{
    unsigned change;
    int64_t ticks;

    if (guest.manual) {
        return guest.tsc_offset + clock_ns(CLOCK_TYPE_VIRTUAL);
    }
    do {
        change = __atomic_load_n(&guest.change, __ATOMIC_ACQUIRE);
        ticks = guest_ticks();
    } while (has_changed(change));
    return ticks;
}

void clock_tsc_set(int64_t ticks)
{
    uint64_t offset = guest.tsc_offset + (uint64_t)ticks - (uint64_t)clock_tsc();

    begin_change();
    guest.tsc_offset = offset;
    end_change();
}

void clock_virtual_enable(bool on)
{
    if (guest.enabled == on) {
        return;
    }
    begin_change();
    int64_t ns = guest_ns();
    uint64_t ticks = guest_ticks();
    guest.enabled = on;
    if (!guest.manual) {
        guest.offset = on ? ns - read_clock(CLOCK_MONOTONIC) : ns;
        guest.tsc_offset = on ? ticks - host_ticks() : ticks;
    }
    end_change();
    main_loop_notify();
}

void clock_virtual_set(int64_t ns)
{
    g_assert(!guest.enabled);
    if (guest.manual) {
        guest.manual_ns = ns;
    } else {
        begin_change();
        guest.offset = ns;
        end_change();
    }
}

void clock_virtual_manual(void)
{
    guest.manual = true;
}

void clock_virtual_counted(int64_t (*since)(void), void (*earlier)(void))
{
    guest.manual = true;
    guest.since = since;
    guest.earlier = earlier;
}

/* The heap: a binary one in an array, the first due on top. */

static bool before(const Timer *a, const Timer *b)
{
    return a->due != b->due ? a->due < b->due : a->serial < b->serial;
}

static void put(Heap *heap, uint32_t index, Timer *timer)
{
    heap->timers[index] = timer;
    timer->heap_index = index;
}

static void sift_up(Heap *heap, uint32_t index, Timer *timer)
{
    while (index > 0 && before(timer, heap->timers[(index - 1) / 2])) {
        put(heap, index, heap->timers[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    put(heap, index, timer);
}

static void sift_down(Heap *heap, uint32_t index, Timer *timer)
{
    for (uint32_t child; (child = 2 * index + 1) < heap->count; index = child) {
        if (child + 1 < heap->count && before(heap->timers[child + 1], heap->timers[child])) {
            child++;
        }
        if (!before(heap->timers[child], timer)) {
            break;
        }
        put(heap, index, heap->timers[child]);
    }
    put(heap, index, timer);
}

static void heap_remove(Heap *heap, Timer *timer)
{
    uint32_t index = timer->heap_index;
    Timer *moved = heap->timers[--heap->count];

    g_assert(heap->timers[index] == timer || moved == timer);
    if (moved == timer) {
        return;
    }
    if (index > 0 && before(moved, heap->timers[(index - 1) / 2])) {
        sift_up(heap, index, moved);
    } else {
        sift_down(heap, index, moved);
    }
}

static void heap_add(Heap *heap, Timer *timer)
{
    if (heap->count == heap->room) {
        heap->room = MAX(16, heap->room * 2);
        heap->timers = g_renew(Timer *, heap->timers, heap->room);
    }
    sift_up(heap, heap->count++, timer);
}

/* Timers. */

void timer_init(Timer *timer, ClockType clock, void (*fn)(void *opaque), void *opaque)
{
    *timer = (Timer){ .clock = clock, .expire = INT64_MAX, .fn = fn, .opaque = opaque };
}

Timer *timer_new(ClockType clock, void (*fn)(void *opaque), void *opaque)
{
    Timer *timer = g_new(Timer, 1);

    timer_init(timer, clock, fn, opaque);
    return timer;
}

void timer_free(Timer *timer)
{
    if (timer) {
        timer_stop(timer);
        g_free(timer);
    }
}

bool timer_pending(const Timer *timer)
{
    return timer->expire != INT64_MAX;
}

int64_t timer_expire(const Timer *timer)
{
    return timer_pending(timer) ? timer->expire : -1;
}

void timer_stop(Timer *timer)
{
    if (timer_pending(timer)) {
        heap_remove(&heaps[timer->clock], timer);
        timer->expire = INT64_MAX;
    }
}

void timer_set(Timer *timer, int64_t expire)
{
    Heap *heap = &heaps[timer->clock];

    timer_stop(timer);
    if (expire == INT64_MAX) {
        return;
    }
    timer->expire = expire;
    /* What is set while timers fire comes after all that are due now, so that none can starve the others. */
    timer->due = heap->running ? MAX(expire, heap->run_time) : expire;
    timer->serial = next_serial++;
    heap_add(heap, timer);
    if (timer->heap_index == 0) {
        main_loop_notify();
        if (timer->clock == CLOCK_TYPE_VIRTUAL && guest.earlier) {
            guest.earlier();
        }
    }
}

/* Running them. */

static bool is_stopped(ClockType clock)
{
    return clock == CLOCK_TYPE_VIRTUAL && !guest.enabled;
}

int64_t clock_deadline(ClockType clock)
{
    return heaps[clock].count && !is_stopped(clock) ? heaps[clock].timers[0]->due : INT64_MAX;
}

int64_t clock_time_to_next(void)
{
    int64_t nearest = INT64_MAX;

    for (ClockType clock = 0; clock < CLOCK_TYPES; clock++) {
        int64_t deadline = clock_deadline(clock), now;
        if (deadline == INT64_MAX || (clock == CLOCK_TYPE_VIRTUAL && guest.since)) {
            continue;
        }
        now = clock_ns(clock);
        if (deadline <= now) {
            return 0;
        }
        if (clock != CLOCK_TYPE_VIRTUAL || !guest.manual) {
            nearest = MIN(nearest, deadline - now);
        }
    }
    return nearest == INT64_MAX ? -1 : nearest;
}

void clock_run(ClockType clock)
{
    Heap *heap = &heaps[clock];
    uint64_t serial = next_serial;

    if (clock_deadline(clock) == INT64_MAX) {
        return;
    }
    bool outer_running = heap->running;
    heap->running = true;
    heap->run_time = clock_ns(clock);
    while (clock_deadline(clock) <= heap->run_time && heap->timers[0]->serial < serial) {
        Timer *timer = heap->timers[0];
        timer_stop(timer);
        timer->fn(timer->opaque); /* may free it */
    }
    heap->running = outer_running;
}

void clock_run_all(void)
{
    for (ClockType clock = guest.since ? CLOCK_TYPE_VIRTUAL + 1 : 0; clock < CLOCK_TYPES; clock++) {
        clock_run(clock);
    }
}

int64_t clock_step_to(int64_t ns)
{
    /* A timer that is always set anew for now must not hold up time for ever. */
    unsigned rounds_without_progress = 0;

    g_assert(guest.manual);
    while (guest.manual_ns < ns || clock_deadline(CLOCK_TYPE_VIRTUAL) <= ns) {
        int64_t next = MIN(clock_deadline(CLOCK_TYPE_VIRTUAL), MAX(ns, guest.manual_ns));
        bool progress = next > guest.manual_ns;
        rounds_without_progress = progress ? 0 : rounds_without_progress + 1;
        if (rounds_without_progress > 1000) {
            guest.manual_ns = MAX(ns, guest.manual_ns);
            break;
        }
        guest.manual_ns = progress ? next : guest.manual_ns;
        clock_run(CLOCK_TYPE_VIRTUAL);
    }
    return guest.manual_ns;
}
