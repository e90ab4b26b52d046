/*
 * Clocks and timers. CLOCK_VIRTUAL stands still while the machine is stopped; under qtest it moves only when told.
 * Times are nanoseconds. A clock's timers are a binary heap; callbacks run in the main loop under the big lock.
 */
#ifndef SYSTEM_CLOCK_H
#define SYSTEM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    CLOCK_TYPE_VIRTUAL,     /* guest time */
    CLOCK_TYPE_HOST,        /* wall clock, since 1970 */
    CLOCK_TYPE_REALTIME,    /* monotonic, runs always */
    CLOCK_TYPES,
} ClockType;

typedef struct Timer {
    ClockType clock;
    int64_t expire;         /* INT64_MAX: not pending */
    int64_t due;            /* what the heap is ordered by, and for equals the order of timer_set() */
    uint64_t serial;
    uint32_t heap_index;
    void (*fn)(void *opaque);
    void *opaque;
} Timer;

int64_t clock_ns(ClockType clock);

void timer_init(Timer *timer, ClockType clock, void (*fn)(void *opaque), void *opaque);
Timer *timer_new(ClockType clock, void (*fn)(void *opaque), void *opaque);
void timer_free(Timer *timer);                  /* stops it; NULL is fine */
void timer_set(Timer *timer, int64_t expire);   /* moves it if pending; a time in the past fires at once */
void timer_stop(Timer *timer);
bool timer_pending(const Timer *timer);
int64_t timer_expire(const Timer *timer);       /* -1: not pending (as the wire has it) */

/* The main loop's side. */
int64_t clock_deadline(ClockType clock);        /* of the first timer, INT64_MAX if none */
void clock_run(ClockType clock);                /* fires what is due, each timer once */
void clock_run_all(void);
int64_t clock_time_to_next(void); /* until the first timer of any clock, in ns, 0 if due; -1: there is none */

/* Run state's side: guest time goes on or stops. Stopped from the start. */
void clock_virtual_enable(bool on);
/* Migration's side: guest time becomes `ns`. Only while stopped. */
void clock_virtual_set(int64_t ns);
/* The guest's TSC: host ticks while guest time runs. The offset is what the `timer` section carries. */
int64_t clock_tsc(void);
void clock_tsc_set(int64_t ticks);

/* qtest: guest time stands still but for these. Step to the next deadline or to ns, firing timers on the way. */
void clock_virtual_manual(void);
int64_t clock_step_to(int64_t ns);

/*
 * Instruction counting (-icount): guest time is what CPUs executed. It stands still but for clock_step_to(), which whoever
 * executes calls, and which alone fires timers of guest time. `since` is what was executed since then, in ns; `earlier`
 * hears that the first timer is due earlier than it was.
 */
void clock_virtual_counted(int64_t (*since)(void), void (*earlier)(void));

#endif
