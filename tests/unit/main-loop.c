#include "system/main-loop.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "system/clock.h"
#include "system/runstate.h"

static GString *log_text;

static void note(void *name)
{
    g_string_append(log_text, name);
}

static void assert_log(const char *expected)
{
    g_assert_cmpstr(log_text->str, ==, expected);
    g_string_truncate(log_text, 0);
}

static void drain(void)
{
    while (main_loop_step(false)) {
    }
}

static void deferred_work_runs_in_order_once_per_schedule(void)
{
    Deferred *a = deferred_new(note, (void *)"a"), *b = deferred_new(note, (void *)"b");

    deferred_schedule(b);
    deferred_schedule(a);
    deferred_schedule(b);
    assert_log("");
    drain();
    assert_log("ba");
    deferred_schedule(a);
    drain();
    assert_log("a");
    deferred_free(a);
    deferred_free(b);
}

static void cancelled_and_freed_work_does_not_run(void)
{
    Deferred *a = deferred_new(note, (void *)"a"), *b = deferred_new(note, (void *)"b"),
             *c = deferred_new(note, (void *)"c");

    deferred_schedule(a);
    deferred_schedule(b);
    deferred_schedule(c);
    deferred_cancel(b);
    deferred_cancel(b);
    deferred_free(a);
    drain();
    assert_log("c");
    deferred_free(b);
    deferred_free(c);
    deferred_free(NULL);
}

static void defer_once_frees_itself(void)
{
    defer_once(note, (void *)"1");
    defer_once(note, (void *)"2");
    drain();
    assert_log("12");
}

static unsigned rounds;

static void schedule_again(void *opaque)
{
    if (++rounds < 3) {
        defer_once(schedule_again, opaque);
    }
}

static void work_that_schedules_itself_waits_for_the_next_round(void)
{
    rounds = 0;
    defer_once(schedule_again, NULL);
    main_loop_step(false);
    g_assert_cmpuint(rounds, ==, 1);
    main_loop_step(false);
    g_assert_cmpuint(rounds, ==, 2);
    drain();
    g_assert_cmpuint(rounds, ==, 3);
}

static void wait_inside(void *opaque)
{
    g_string_append_c(log_text, '(');
    main_loop_step(true);
    g_string_append_c(log_text, ')');
}

static void work_runs_while_work_waits_for_it(void)
{
    defer_once(wait_inside, NULL);
    defer_once(note, (void *)"inner");
    drain();
    assert_log("(inner)");
}

static void *schedule_from_thread(void *opaque)
{
    big_lock(); /* the loop lets it go while it waits */
    big_unlock();
    deferred_schedule(opaque);
    return NULL;
}

static void another_thread_gets_the_lock_and_wakes_the_loop(void)
{
    Deferred *deferred = deferred_new(note, (void *)"t");
    GThread *thread = g_thread_new("t", schedule_from_thread, deferred);

    g_assert_true(big_lock_held());
    while (log_text->len == 0) {
        main_loop_step(true);
    }
    g_assert_true(big_lock_held());
    assert_log("t");
    g_thread_join(thread);
    deferred_free(deferred);
}

static void *set_timer_from_thread(void *opaque)
{
    g_usleep(5000);
    big_lock();
    timer_set(opaque, clock_ns(CLOCK_TYPE_REALTIME));
    big_unlock();
    return NULL;
}

static void timer_of_another_thread_wakes_the_loop(void)
{
    Timer *timer = timer_new(CLOCK_TYPE_REALTIME, note, (void *)"T");
    GThread *thread = g_thread_new("t", set_timer_from_thread, timer);

    while (log_text->len == 0) {
        main_loop_step(true);
    }
    assert_log("T");
    g_thread_join(thread);
    timer_free(timer);
}

static void loop_waits_no_longer_than_to_the_next_timer(void)
{
    Timer *timer = timer_new(CLOCK_TYPE_REALTIME, note, (void *)"t");
    int64_t start = clock_ns(CLOCK_TYPE_REALTIME);

    timer_set(timer, start + 300000);
    while (log_text->len == 0) {
        main_loop_step(true);
    }
    int64_t waited = clock_ns(CLOCK_TYPE_REALTIME) - start;
    assert_log("t");
    g_assert_cmpint(waited, >=, 300000);
    g_assert_cmpint(waited, <, 2000000000);
    timer_free(timer);
}

static void signals_are_handled_in_the_loop_with_their_sender(void)
{
    main_loop_catch_signals(system_killed);
    runstate_no_shutdown = true; /* does not hold up a signal */
    kill(getpid(), SIGTERM);
    g_assert_cmpint(main_loop_run(), ==, 0);
    g_assert_true(main_loop_quitting());
}

static void run_ends_with_the_status_given(void)
{
    main_loop_quit(3);
    g_assert_cmpint(main_loop_run(), ==, 3);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    log_text = g_string_new(NULL);
    main_loop_init();
#define TEST(name) g_test_add_func("/main-loop/" #name, name)
    TEST(deferred_work_runs_in_order_once_per_schedule);
    TEST(cancelled_and_freed_work_does_not_run);
    TEST(defer_once_frees_itself);
    TEST(work_that_schedules_itself_waits_for_the_next_round);
    TEST(work_runs_while_work_waits_for_it);
    TEST(another_thread_gets_the_lock_and_wakes_the_loop);
    TEST(timer_of_another_thread_wakes_the_loop);
    TEST(loop_waits_no_longer_than_to_the_next_timer);
    TEST(signals_are_handled_in_the_loop_with_their_sender);
    TEST(run_ends_with_the_status_given);
    int status = g_test_run();
    g_string_free(log_text, TRUE);
    return status;
}
