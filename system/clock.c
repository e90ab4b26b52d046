/* Clocks and their timers: a binary heap per clock. See system/clock.h. */
#include "system/clock.h"

#include <glib.h>
#include <time.h>
#include <x86intrin.h>

#include "util/units.h"

enum { NOT_IN_HEAP = UINT32_MAX };

/* One clock's pending timers, the earliest first. heap[i]'s children are heap[2i + 1] and heap[2i + 2]. */
typedef struct TimerHeap {
    Timer **timers;
    uint32_t count, room;
} TimerHeap;

static TimerHeap heaps[CLOCK_TYPES];

/* Guest time and TSC: what they had when they last stopped, and the host's clock when they last started. */
static struct {
    bool running, manual;
    int64_t stopped_at, started_host;
    int64_t tsc_stopped_at, tsc_started_host;
} guest;

static int64_t host_clock(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}

int64_t clock_ns(ClockType clock)
{
    switch (clock) {
    case CLOCK_TYPE_VIRTUAL:
        return guest.running && !guest.manual ? guest.stopped_at + host_clock(CLOCK_MONOTONIC) - guest.started_host
                                              : guest.stopped_at;
    case CLOCK_TYPE_HOST:
        return host_clock(CLOCK_REALTIME);
    default:
        return host_clock(CLOCK_MONOTONIC);
    }
}

int64_t clock_tsc(void)
{
    return guest.running ? guest.tsc_stopped_at + (int64_t)__rdtsc() - guest.tsc_started_host : guest.tsc_stopped_at;
}

void clock_tsc_set(int64_t ticks)
{
    guest.tsc_stopped_at = ticks;
    guest.tsc_started_host = __rdtsc();
}

void clock_virtual_enable(bool on)
{
    if (on == guest.running) {
        return;
    }
    if (on) {
        guest.started_host = host_clock(CLOCK_MONOTONIC);
        guest.tsc_started_host = __rdtsc();
    } else {
        guest.stopped_at = clock_ns(CLOCK_TYPE_VIRTUAL);
        guest.tsc_stopped_at = clock_tsc();
    }
    guest.running = on;
}

void clock_virtual_set(int64_t ns)
{
    guest.stopped_at = ns;
    guest.started_host = host_clock(CLOCK_MONOTONIC);
}

void clock_virtual_manual(void)
{
    guest.stopped_at = clock_ns(CLOCK_TYPE_VIRTUAL);
    guest.manual = true;
}

bool clock_is_manual(void)
{
    return guest.manual;
}

/* The heap. */

static void heap_put(TimerHeap *heap, uint32_t at, Timer *timer)
{
    heap->timers[at] = timer;
    timer->heap_index = at;
}

static void heap_up(TimerHeap *heap, uint32_t at, Timer *timer)
{
    while (at && heap->timers[(at - 1) / 2]->expire > timer->expire) {
        heap_put(heap, at, heap->timers[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(heap, at, timer);
}

static void heap_down(TimerHeap *heap, uint32_t at, Timer *timer)
{
    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child + 1 < heap->count && heap->timers[child + 1]->expire < heap->timers[child]->expire) {
            child++;
        }
        if (child >= heap->count || heap->timers[child]->expire >= timer->expire) {
            break;
        }
        heap_put(heap, at, heap->timers[child]);
        at = child;
    }
    heap_put(heap, at, timer);
}

static void heap_move(TimerHeap *heap, uint32_t at, Timer *timer)
{
    if (at && heap->timers[(at - 1) / 2]->expire > timer->expire) {
        heap_up(heap, at, timer);
    } else {
        heap_down(heap, at, timer);
    }
}

static void heap_remove(TimerHeap *heap, Timer *timer)
{
    uint32_t at = timer->heap_index;
    Timer *last = heap->timers[--heap->count];

    timer->heap_index = NOT_IN_HEAP;
    if (last != timer) {
        heap_move(heap, at, last);
    }
}

void timer_init(Timer *timer, ClockType clock, void (*fn)(void *opaque), void *opaque)
{
    *timer = (Timer){ .clock = clock, .expire = INT64_MAX, .heap_index = NOT_IN_HEAP, .fn = fn, .opaque = opaque };
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

void timer_set(Timer *timer, int64_t expire)
{
    TimerHeap *heap = &heaps[timer->clock];

    timer->expire = MIN(MAX(expire, 0), INT64_MAX - 1);
    if (timer->heap_index != NOT_IN_HEAP) {
        heap_move(heap, timer->heap_index, timer);
        return;
    }
    if (heap->count == heap->room) {
        heap->room = MAX(2 * heap->room, 16);
        heap->timers = g_renew(Timer *, heap->timers, heap->room);
    }
    heap_up(heap, heap->count++, timer);
}

void timer_stop(Timer *timer)
{
    if (timer_pending(timer)) {
        heap_remove(&heaps[timer->clock], timer);
        timer->expire = INT64_MAX;
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

/* The main loop's side. */

int64_t clock_deadline(ClockType clock)
{
    return heaps[clock].count ? heaps[clock].timers[0]->expire : INT64_MAX;
}

void clock_run(ClockType clock)
{
    TimerHeap *heap = &heaps[clock];
    int64_t now;

    if (!heap->count || (clock == CLOCK_TYPE_VIRTUAL && !guest.running && !guest.manual)) {
        return;
    }
    /* What a callback arms for now or before waits for the next round: no callback can keep the loop here. */
    now = clock_ns(clock);
    for (uint32_t limit = heap->count; limit && heap->count && heap->timers[0]->expire <= now; limit--) {
        Timer *timer = heap->timers[0];

        timer_stop(timer);
        timer->fn(timer->opaque);
    }
}

void clock_run_all(void)
{
    for (ClockType clock = 0; clock < CLOCK_TYPES; clock++) {
        clock_run(clock);
    }
}

int64_t clock_step_to(int64_t ns)
{
    while (guest.stopped_at < ns) {
        guest.stopped_at = MAX(guest.stopped_at, MIN(clock_deadline(CLOCK_TYPE_VIRTUAL), ns));
        clock_run(CLOCK_TYPE_VIRTUAL);
        /* A timer that always wants to fire now must not hold time up. */
        if (clock_deadline(CLOCK_TYPE_VIRTUAL) <= guest.stopped_at && guest.stopped_at < ns) {
            guest.stopped_at++;
        }
    }
    clock_run(CLOCK_TYPE_VIRTUAL);
    return guest.stopped_at;
}
