#include "system/clock.h"

#include <glib.h>

#include "util/units.h"

/* Guest time is the test's here: it is never let run by itself but in the first test. */

static GString *fired;

static void note(void *name)
{
    g_string_append(fired, name);
}

static void assert_fired(const char *expected)
{
    g_assert_cmpstr(fired->str, ==, expected);
    g_string_truncate(fired, 0);
}

static void guest_time_stands_still_while_stopped(void)
{
    int64_t before = clock_ns(CLOCK_TYPE_VIRTUAL);

    g_usleep(2000);
    g_assert_cmpint(clock_ns(CLOCK_TYPE_VIRTUAL), ==, before);
    clock_virtual_enable(true);
    g_usleep(2000);
    clock_virtual_enable(false);
    int64_t after = clock_ns(CLOCK_TYPE_VIRTUAL);
    g_assert_cmpint(after, >=, before + 2000000);
    g_usleep(2000);
    g_assert_cmpint(clock_ns(CLOCK_TYPE_VIRTUAL), ==, after);
}

static void guest_time_goes_on_from_where_a_load_sets_it(void)
{
    clock_virtual_set(5 * NANOSECONDS_PER_SECOND);
    g_assert_cmpint(clock_ns(CLOCK_TYPE_VIRTUAL), ==, 5 * NANOSECONDS_PER_SECOND);
    clock_virtual_enable(true);
    int64_t now = clock_ns(CLOCK_TYPE_VIRTUAL);
    clock_virtual_enable(false);
    g_assert_cmpint(now, >=, 5 * NANOSECONDS_PER_SECOND);
    g_assert_cmpint(now, <, 65 * NANOSECONDS_PER_SECOND);
}

static void tsc_stands_still_while_stopped_and_can_be_set(void)
{
    clock_tsc_set(1000);
    g_assert_cmpint(clock_tsc(), ==, 1000);
    clock_virtual_enable(true);
    g_usleep(100);
    clock_virtual_enable(false);
    int64_t after = clock_tsc();
    g_assert_cmpint(after, >, 1000);
    g_assert_cmpint(clock_tsc(), ==, after);
}

static void *watch_time(void *stop)
{
    int64_t ns = clock_ns(CLOCK_TYPE_VIRTUAL), ticks = clock_tsc();
    bool forward = true;

    while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED)) {
        int64_t later = clock_ns(CLOCK_TYPE_VIRTUAL), later_ticks = clock_tsc();

        forward = forward && later >= ns && later < ns + 60 * NANOSECONDS_PER_SECOND && later_ticks >= ticks;
        ns = later;
        ticks = later_ticks;
    }
    return forward ? stop : NULL;
}

static void another_thread_sees_time_go_forward_while_it_stops_and_goes_on(void)
{
    static bool stop;
    GThread *thread = g_thread_new("watch", watch_time, &stop);

    for (unsigned i = 0; i < 200000; i++) {
        clock_virtual_enable(i % 2 == 0);
        if (i % 1000 == 0) {
            g_usleep(10);
        }
    }
    clock_virtual_enable(false);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    g_assert_nonnull(g_thread_join(thread));
}

/* A stream may say anything; under UBSan this is what it would trip over. */
static void tsc_counts_modulo_two_to_the_64(void)
{
    int64_t before = clock_tsc();

    clock_tsc_set(INT64_MIN);
    g_assert_cmpint(clock_tsc(), ==, INT64_MIN);
    clock_tsc_set(INT64_MAX);
    g_assert_cmpint(clock_tsc(), ==, INT64_MAX);
    clock_tsc_set(-1);
    g_assert_cmpint(clock_tsc(), ==, -1);
    clock_tsc_set(before);
}

static void guest_timers_do_not_fire_while_stopped(void)
{
    Timer timer;

    timer_init(&timer, CLOCK_TYPE_VIRTUAL, note, (void *)"v");
    timer_set(&timer, 0);
    g_assert_cmpint(clock_deadline(CLOCK_TYPE_VIRTUAL), ==, INT64_MAX);
    clock_run_all();
    assert_fired("");
    clock_virtual_enable(true);
    clock_run_all();
    clock_virtual_enable(false);
    assert_fired("v");
}

static void timers_fire_in_order_of_time_then_of_setting(void)
{
    static const char *const names[] = { "a", "b", "c", "d", "e" };
    static const int64_t times[] = { 30, 10, 20, 10, 20 };
    Timer timers[5];

    for (int i = 0; i < 5; i++) {
        timer_init(&timers[i], CLOCK_TYPE_REALTIME, note, (void *)names[i]);
        timer_set(&timers[i], times[i]);
    }
    g_assert_cmpint(clock_deadline(CLOCK_TYPE_REALTIME), ==, 10);
    clock_run(CLOCK_TYPE_REALTIME);
    assert_fired("bdcea");
}

static void moved_timer_fires_once_at_its_new_time(void)
{
    Timer timer;

    timer_init(&timer, CLOCK_TYPE_HOST, note, (void *)"m");
    timer_set(&timer, 5);
    timer_set(&timer, INT64_MAX - 1);
    g_assert_cmpint(timer_expire(&timer), ==, INT64_MAX - 1);
    clock_run(CLOCK_TYPE_HOST);
    assert_fired("");
    timer_set(&timer, 7);
    clock_run(CLOCK_TYPE_HOST);
    clock_run(CLOCK_TYPE_HOST);
    assert_fired("m");
    g_assert_false(timer_pending(&timer));
    g_assert_cmpint(timer_expire(&timer), ==, -1);
}

static void stopped_and_freed_timers_do_not_fire(void)
{
    Timer *stopped = timer_new(CLOCK_TYPE_HOST, note, (void *)"s"),
          *freed = timer_new(CLOCK_TYPE_HOST, note, (void *)"f");

    timer_set(stopped, 1);
    timer_set(freed, 2);
    timer_stop(stopped);
    timer_stop(stopped);
    timer_free(freed);
    timer_free(NULL);
    clock_run_all();
    assert_fired("");
    timer_free(stopped);
}

static Timer again, other;

static void set_again_for_the_past(void *opaque)
{
    g_string_append(fired, "x");
    timer_set(&again, 0);
}

static void timer_set_for_the_past_again_and_again_starves_nobody(void)
{
    timer_init(&again, CLOCK_TYPE_REALTIME, set_again_for_the_past, NULL);
    timer_init(&other, CLOCK_TYPE_REALTIME, note, (void *)"o");
    timer_set(&again, 0);
    timer_set(&other, 1);
    clock_run(CLOCK_TYPE_REALTIME);
    assert_fired("xo");
    g_assert_cmpint(timer_expire(&again), ==, 0);
    g_assert_cmpint(clock_time_to_next(), ==, 0);
    clock_run(CLOCK_TYPE_REALTIME);
    assert_fired("x");
    timer_stop(&again);
    g_assert_cmpint(clock_time_to_next(), ==, -1);
}

static void free_the_other(void *opaque)
{
    g_string_append(fired, "1");
    timer_free(opaque);
}

static void timer_may_free_another_that_is_due(void)
{
    Timer *victim = timer_new(CLOCK_TYPE_REALTIME, note, (void *)"2");
    Timer *killer = timer_new(CLOCK_TYPE_REALTIME, free_the_other, victim);

    timer_set(killer, 1);
    timer_set(victim, 2);
    clock_run(CLOCK_TYPE_REALTIME);
    assert_fired("1");
    timer_free(killer);
}

static int64_t last_time;

static void check_order(void *opaque)
{
    Timer *timer = opaque;

    g_assert_cmpint(timer->due, >=, last_time);
    last_time = timer->due;
}

static void heap_survives_a_hundred_thousand_random_changes(void)
{
    enum { COUNT = 1000 };
    g_autofree Timer *timers = g_new(Timer, COUNT);

    for (int i = 0; i < COUNT; i++) {
        timer_init(&timers[i], CLOCK_TYPE_HOST, check_order, &timers[i]);
    }
    for (int i = 0; i < 100000; i++) {
        Timer *timer = &timers[g_test_rand_int_range(0, COUNT)];
        if (g_test_rand_int_range(0, 4) == 0) {
            timer_stop(timer);
        } else {
            timer_set(timer, g_test_rand_int_range(0, 5000));
        }
        int64_t first = INT64_MAX;
        if (i % 997 == 0) {
            for (int j = 0; j < COUNT; j++) {
                first = MIN(first, timers[j].expire);
            }
            g_assert_cmpint(clock_deadline(CLOCK_TYPE_HOST), ==, first);
        }
    }
    clock_run(CLOCK_TYPE_HOST);
    for (int i = 0; i < COUNT; i++) {
        g_assert_false(timer_pending(&timers[i]));
    }
}

/* From here on guest time is manual. */

static Timer periodic;

static void tick(void *opaque)
{
    g_string_append_printf(fired, "%d ", (int)clock_ns(CLOCK_TYPE_VIRTUAL));
    timer_set(&periodic, clock_ns(CLOCK_TYPE_VIRTUAL) + 100);
}

static void step_fires_timers_on_the_way_at_their_time(void)
{
    clock_virtual_set(0);
    clock_virtual_manual();
    clock_virtual_enable(true);
    timer_init(&periodic, CLOCK_TYPE_VIRTUAL, tick, NULL);
    timer_set(&periodic, 50);
    g_assert_cmpint(clock_step_to(300), ==, 300);
    assert_fired("50 150 250 ");
    g_assert_cmpint(clock_deadline(CLOCK_TYPE_VIRTUAL), ==, 350);
    g_assert_cmpint(clock_step_to(350), ==, 350);
    assert_fired("350 ");
    timer_stop(&periodic);
}

static void manual_time_never_goes_back_or_by_itself(void)
{
    g_assert_cmpint(clock_step_to(100), ==, 350);
    g_usleep(1000);
    g_assert_cmpint(clock_ns(CLOCK_TYPE_VIRTUAL), ==, 350);
    g_assert_cmpint(clock_time_to_next(), ==, -1);
}

static void stepping_ends_though_a_timer_is_always_due(void)
{
    timer_init(&again, CLOCK_TYPE_VIRTUAL, set_again_for_the_past, NULL);
    timer_set(&again, 0);
    g_assert_cmpint(clock_step_to(1000), ==, 1000);
    timer_stop(&again);
    g_string_truncate(fired, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fired = g_string_new(NULL);
#define TEST(name) g_test_add_func("/clock/" #name, name)
    TEST(guest_time_stands_still_while_stopped);
    TEST(guest_time_goes_on_from_where_a_load_sets_it);
    TEST(tsc_stands_still_while_stopped_and_can_be_set);
    TEST(another_thread_sees_time_go_forward_while_it_stops_and_goes_on);
    TEST(tsc_counts_modulo_two_to_the_64);
    TEST(guest_timers_do_not_fire_while_stopped);
    TEST(timers_fire_in_order_of_time_then_of_setting);
    TEST(moved_timer_fires_once_at_its_new_time);
    TEST(stopped_and_freed_timers_do_not_fire);
    TEST(timer_set_for_the_past_again_and_again_starves_nobody);
    TEST(timer_may_free_another_that_is_due);
    TEST(heap_survives_a_hundred_thousand_random_changes);
    TEST(step_fires_timers_on_the_way_at_their_time);
    TEST(manual_time_never_goes_back_or_by_itself);
    TEST(stepping_ends_though_a_timer_is_always_due);
    int status = g_test_run();
    g_string_free(fired, TRUE);
    return status;
}
