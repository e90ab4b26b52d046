#include "system/runstate.h"

#include <string.h>

#include "system/clock.h"
#include "system/main-loop.h"

static GString *log_text; /* events, and what handlers heard */

static void log_event(const char *event, Json *data)
{
    g_string_append(log_text, event);
    if (data) {
        json_text_append(log_text, data, false);
        json_unref(data);
    }
    g_string_append_c(log_text, ' ');
}

static void assert_log(const char *expected)
{
    g_assert_cmpstr(log_text->str, ==, expected);
    g_string_truncate(log_text, 0);
}

static void log_change(void *name, bool running, RunState state)
{
    g_string_append_printf(log_text, "%s:%s:%s ", (char *)name, running ? "start" : "stop", runstate_name(state));
}

static void log_reset(void)
{
    g_string_append(log_text, "reset ");
}

static void log_powerdown(void *opaque)
{
    g_string_append(log_text, opaque);
}

/* Each test begins in prelaunch, stopped. */
static void start_over(void)
{
    vm_stop(RUN_STATE_PAUSED);
    if (runstate_get() != RUN_STATE_PRELAUNCH) {
        runstate_set(RUN_STATE_PRELAUNCH);
    }
    g_string_truncate(log_text, 0);
}

static void names_are_those_of_qmp(void)
{
    RunState state;

    g_assert_cmpstr(runstate_name(RUN_STATE_FINISH_MIGRATE), ==, "finish-migrate");
    g_assert_true(runstate_from_name("io-error", &state) && state == RUN_STATE_IO_ERROR);
    g_assert_false(runstate_from_name("nonsense", &state));
    for (RunState i = 0; i < RUN_STATES; i++) {
        g_assert_true(runstate_from_name(runstate_name(i), &state) && state == i);
    }
}

static void start_and_stop_tell_qmp_and_let_guest_time_run(void)
{
    start_over();
    g_assert_cmpint(runstate_get(), ==, RUN_STATE_PRELAUNCH);
    vm_start();
    g_assert_true(runstate_is_running());
    int64_t before = clock_ns(CLOCK_TYPE_VIRTUAL);
    g_usleep(1000);
    g_assert_cmpint(clock_ns(CLOCK_TYPE_VIRTUAL), >, before);
    vm_stop(RUN_STATE_PAUSED);
    g_assert_cmpint(runstate_get(), ==, RUN_STATE_PAUSED);
    assert_log("RESUME STOP ");
}

static void start_when_running_and_stop_when_stopped_do_nothing(void)
{
    start_over();
    vm_stop(RUN_STATE_PAUSED);
    g_assert_cmpint(runstate_get(), ==, RUN_STATE_PRELAUNCH);
    vm_start();
    vm_start();
    assert_log("RESUME ");
}

static void forced_stop_changes_the_state_of_a_stopped_machine(void)
{
    start_over();
    vm_stop_force(RUN_STATE_FINISH_MIGRATE);
    g_assert_cmpint(runstate_get(), ==, RUN_STATE_FINISH_MIGRATE);
    assert_log("");
}

static void handlers_run_in_order_and_in_reverse_on_stop(void)
{
    start_over();
    RunStateHandler *a = runstate_add_handler(log_change, (void *)"a"),
                    *b = runstate_add_handler(log_change, (void *)"b");

    vm_start();
    vm_stop(RUN_STATE_IO_ERROR);
    assert_log("RESUME a:start:running b:start:running b:stop:io-error a:stop:io-error STOP ");
    runstate_remove_handler(a);
    vm_start();
    assert_log("RESUME b:start:running ");
    runstate_remove_handler(b);
    runstate_remove_handler(NULL);
}

static RunStateHandler *self, *next;

static void remove_both(void *opaque, bool running, RunState state)
{
    runstate_remove_handler(self);
    runstate_remove_handler(next);
}

static void handlers_may_be_removed_from_within(void)
{
    start_over();
    self = runstate_add_handler(remove_both, NULL);
    next = runstate_add_handler(log_change, (void *)"next");
    vm_start();
    vm_stop(RUN_STATE_PAUSED);
    assert_log("RESUME STOP ");
}

static void forbidden_transition_aborts(void)
{
    if (g_test_subprocess()) {
        start_over();
        runstate_set(RUN_STATE_GUEST_PANICKED);
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*invalid runstate transition: 'prelaunch' -> 'guest-panicked'*");
}

static void reset_of_a_running_machine_keeps_it_running(void)
{
    start_over();
    vm_start();
    system_reset_request(SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    assert_log("RESUME ");
    runstate_run_requests();
    assert_log("reset RESET{\"guest\": false, \"reason\": \"host-qmp-system-reset\"} ");
    g_assert_true(runstate_is_running());
    runstate_run_requests();
    assert_log("");
}

static void reset_of_a_paused_machine_makes_it_prelaunch(void)
{
    start_over();
    vm_start();
    vm_stop(RUN_STATE_PAUSED);
    system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    runstate_run_requests();
    assert_log("RESUME STOP reset RESET{\"guest\": true, \"reason\": \"guest-reset\"} ");
    g_assert_cmpint(runstate_get(), ==, RUN_STATE_PRELAUNCH);
}

static void reset_while_a_load_is_awaited_keeps_waiting(void)
{
    start_over();
    runstate_set(RUN_STATE_INMIGRATE);
    system_reset_request(SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    runstate_run_requests();
    g_assert_cmpint(runstate_get(), ==, RUN_STATE_INMIGRATE);
}

static void powerdown_is_an_event_and_the_chipsets_matter(void)
{
    start_over();
    powerdown_set_handler(log_powerdown, (void *)"button ");
    system_powerdown_request();
    runstate_run_requests();
    assert_log("POWERDOWN button ");
    powerdown_set_handler(NULL, NULL);
}

static void stop_can_be_requested(void)
{
    start_over();
    vm_start();
    vm_stop_request(RUN_STATE_DEBUG);
    g_assert_true(runstate_is_running());
    runstate_run_requests();
    g_assert_cmpint(runstate_get(), ==, RUN_STATE_DEBUG);
}

static void no_shutdown_stops_instead(void)
{
    start_over();
    runstate_no_shutdown = true;
    vm_start();
    system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    runstate_run_requests();
    assert_log("RESUME SHUTDOWN{\"guest\": true, \"reason\": \"guest-shutdown\"} STOP ");
    g_assert_cmpint(runstate_get(), ==, RUN_STATE_SHUTDOWN);
    g_assert_false(main_loop_quitting());
    runstate_no_shutdown = false;
}

static void machine_that_shut_down_needs_a_reset_before_it_starts(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(runstate_get(), ==, RUN_STATE_SHUTDOWN);
    g_assert_false(vm_prepare_start(&error));
    g_assert_cmpstr(error->message, ==, "Resetting the Virtual Machine is required");
    system_reset_request(SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    runstate_run_requests();
    g_assert_true(vm_prepare_start(NULL));
}

static void no_reboot_makes_a_reset_a_shutdown(void)
{
    start_over();
    runstate_no_reboot = runstate_no_shutdown = true;
    system_reset_request(SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    runstate_run_requests();
    assert_log("SHUTDOWN{\"guest\": false, \"reason\": \"host-qmp-system-reset\"} ");
    runstate_no_reboot = runstate_no_shutdown = false;
}

static void quit_ends_the_loop_whatever_no_shutdown_says(void)
{
    start_over();
    runstate_no_shutdown = true;
    system_shutdown_request(SHUTDOWN_CAUSE_HOST_QMP_QUIT);
    g_assert_cmpint(main_loop_run(), ==, 0);
    assert_log("SHUTDOWN{\"guest\": false, \"reason\": \"host-qmp-quit\"} ");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    log_text = g_string_new(NULL);
    event_hook = log_event;
    runstate_set_reset(log_reset);
#define TEST(name) g_test_add_func("/runstate/" #name, name)
    TEST(names_are_those_of_qmp);
    TEST(start_and_stop_tell_qmp_and_let_guest_time_run);
    TEST(start_when_running_and_stop_when_stopped_do_nothing);
    TEST(forced_stop_changes_the_state_of_a_stopped_machine);
    TEST(handlers_run_in_order_and_in_reverse_on_stop);
    TEST(handlers_may_be_removed_from_within);
    TEST(forbidden_transition_aborts);
    TEST(reset_of_a_running_machine_keeps_it_running);
    TEST(reset_of_a_paused_machine_makes_it_prelaunch);
    TEST(reset_while_a_load_is_awaited_keeps_waiting);
    TEST(powerdown_is_an_event_and_the_chipsets_matter);
    TEST(stop_can_be_requested);
    TEST(no_shutdown_stops_instead);
    TEST(machine_that_shut_down_needs_a_reset_before_it_starts);
    TEST(no_reboot_makes_a_reset_a_shutdown);
    TEST(quit_ends_the_loop_whatever_no_shutdown_says);
    int status = g_test_run();
    g_string_free(log_text, TRUE);
    return status;
}
