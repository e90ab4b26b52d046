/* Run state, its transitions, and the requests that the main loop carries out. See system/runstate.h. */
#include "system/runstate.h"

#include <string.h>

#include "block/block.h"
#include "system/clock.h"
#include "system/main-loop.h"
#include "util/trace.h"

static const char *const names[RUN_STATES] = {
    [RUN_STATE_DEBUG] = "debug",
    [RUN_STATE_INMIGRATE] = "inmigrate",
    [RUN_STATE_INTERNAL_ERROR] = "internal-error",
    [RUN_STATE_IO_ERROR] = "io-error",
    [RUN_STATE_PAUSED] = "paused",
    [RUN_STATE_POSTMIGRATE] = "postmigrate",
    [RUN_STATE_PRELAUNCH] = "prelaunch",
    [RUN_STATE_FINISH_MIGRATE] = "finish-migrate",
    [RUN_STATE_RESTORE_VM] = "restore-vm",
    [RUN_STATE_RUNNING] = "running",
    [RUN_STATE_SAVE_VM] = "save-vm",
    [RUN_STATE_SHUTDOWN] = "shutdown",
    [RUN_STATE_SUSPENDED] = "suspended",
    [RUN_STATE_WATCHDOG] = "watchdog",
    [RUN_STATE_GUEST_PANICKED] = "guest-panicked",
    [RUN_STATE_COLO] = "colo",
};

#define TO(state) (1u << RUN_STATE_##state)
/* A machine that stands still for any reason may go on, be reset, be saved, be loaded into, or be stopped otherwise. */
#define FROM_STOPPED                                                                                                    \
    (TO(RUNNING) | TO(PAUSED) | TO(PRELAUNCH) | TO(FINISH_MIGRATE) | TO(POSTMIGRATE) | TO(SAVE_VM) | TO(RESTORE_VM) |   \
     TO(SHUTDOWN) | TO(SUSPENDED) | TO(IO_ERROR) | TO(INMIGRATE))

/* Which states may follow which. */
static const uint32_t transitions[RUN_STATES] = {
    [RUN_STATE_DEBUG] = FROM_STOPPED,
    [RUN_STATE_INMIGRATE] = FROM_STOPPED | TO(INTERNAL_ERROR) | TO(WATCHDOG) | TO(GUEST_PANICKED),
    [RUN_STATE_INTERNAL_ERROR] = FROM_STOPPED,
    [RUN_STATE_IO_ERROR] = FROM_STOPPED,
    [RUN_STATE_PAUSED] = FROM_STOPPED | TO(GUEST_PANICKED),
    [RUN_STATE_POSTMIGRATE] = FROM_STOPPED,
    [RUN_STATE_PRELAUNCH] = FROM_STOPPED,
    [RUN_STATE_FINISH_MIGRATE] = FROM_STOPPED,
    [RUN_STATE_RESTORE_VM] = FROM_STOPPED | TO(INTERNAL_ERROR) | TO(WATCHDOG) | TO(GUEST_PANICKED),
    [RUN_STATE_RUNNING] = TO(DEBUG) | TO(INTERNAL_ERROR) | TO(IO_ERROR) | TO(PAUSED) | TO(FINISH_MIGRATE) |
                          TO(RESTORE_VM) | TO(SAVE_VM) | TO(SHUTDOWN) | TO(WATCHDOG) | TO(GUEST_PANICKED) | TO(SUSPENDED),
    [RUN_STATE_SAVE_VM] = FROM_STOPPED,
    [RUN_STATE_SHUTDOWN] = FROM_STOPPED,
    [RUN_STATE_SUSPENDED] = FROM_STOPPED,
    [RUN_STATE_WATCHDOG] = FROM_STOPPED,
    [RUN_STATE_GUEST_PANICKED] = FROM_STOPPED,
    [RUN_STATE_COLO] = TO(RUNNING) | TO(PRELAUNCH) | TO(SHUTDOWN),
};

struct RunStateHandler {
    RunStateChange fn;
    void *opaque;
    bool gone;          /* removed while the list was walked */
};

bool runstate_no_reboot, runstate_no_shutdown;
void (*event_hook)(const char *event, Json *data);

static RunState current = RUN_STATE_PRELAUNCH;
static GPtrArray *handlers;
static unsigned walking;

static struct {
    int reset, shutdown, powerdown;     /* causes, atomic; 0: none */
} requests;
static void (*reset_fn)(void);
static struct {
    void (*fn)(void *opaque);
    void *opaque;
} powerdown_handler;

const char *runstate_name(RunState state)
{
    g_assert(state < RUN_STATES);
    return names[state];
}

bool runstate_from_name(const char *name, RunState *state)
{
    for (RunState s = 0; s < RUN_STATES; s++) {
        if (strcmp(names[s], name) == 0) {
            *state = s;
            return true;
        }
    }
    return false;
}

RunState runstate_get(void)
{
    return current;
}

bool runstate_is_running(void)
{
    return current == RUN_STATE_RUNNING;
}

void runstate_set(RunState state)
{
    if (state == current) {
        return;
    }
    if (!(transitions[current] & (1u << state))) {
        g_error("invalid runstate transition: '%s' -> '%s'", names[current], names[state]);
    }
    trace(runstate_set, "%s -> %s", names[current], names[state]);
    current = state;
}

void event_emit(const char *event, Json *data)
{
    if (event_hook) {
        event_hook(event, data);
    } else {
        json_unref(data);
    }
}

RunStateHandler *runstate_add_handler(RunStateChange fn, void *opaque)
{
    RunStateHandler *h = g_new0(RunStateHandler, 1);

    h->fn = fn;
    h->opaque = opaque;
    if (!handlers) {
        handlers = g_ptr_array_new();
    }
    g_ptr_array_add(handlers, h);
    return h;
}

static void sweep(void)
{
    for (guint i = 0; i < handlers->len;) {
        RunStateHandler *h = handlers->pdata[i];

        if (h->gone) {
            g_ptr_array_remove_index(handlers, i);
            g_free(h);
        } else {
            i++;
        }
    }
}

void runstate_remove_handler(RunStateHandler *handler)
{
    if (handler) {
        handler->gone = true;
        if (!walking) {
            sweep();
        }
    }
}

/* Starting goes from the first registered to the last, stopping the other way. */
static void tell_handlers(bool running, RunState state)
{
    guint count = handlers ? handlers->len : 0;

    walking++;
    for (guint i = 0; i < count; i++) {
        RunStateHandler *h = handlers->pdata[running ? i : count - 1 - i];

        if (!h->gone) {
            h->fn(h->opaque, running, state);
        }
    }
    if (--walking == 0 && handlers) {
        sweep();
    }
}

bool vm_prepare_start(GError **error)
{
    if (!runstate_is_running()) {
        runstate_set(RUN_STATE_RUNNING);
        clock_virtual_enable(true);
        tell_handlers(true, RUN_STATE_RUNNING);
    }
    return true;
}

void vm_start(void)
{
    if (!runstate_is_running()) {
        /* Listeners learn of it before anything that a device does because of it. */
        event_emit("RESUME", NULL);
        vm_prepare_start(NULL);
    }
}

static void stop_to(RunState state)
{
    clock_virtual_enable(false);
    runstate_set(state);
    tell_handlers(false, state);
    event_emit("STOP", NULL);
    block_drain_all();
    block_flush_all(NULL);
}

void vm_stop(RunState state)
{
    if (runstate_is_running()) {
        stop_to(state);
    }
}

void vm_stop_force(RunState state)
{
    if (runstate_is_running()) {
        stop_to(state);
    } else {
        runstate_set(state);
        block_drain_all();
        block_flush_all(NULL);
    }
}

/* Requests. */

const char *shutdown_cause_name(ShutdownCause cause)
{
    static const char *const causes[] = {
        "none", "host-error", "host-qmp-quit", "host-qmp-system-reset", "host-signal", "host-ui", "guest-shutdown",
        "guest-reset", "guest-panic", "subsystem-reset", "snapshot-load",
    };

    g_assert(cause < G_N_ELEMENTS(causes));
    return causes[cause];
}

static bool caused_by_guest(ShutdownCause cause)
{
    return cause >= SHUTDOWN_CAUSE_GUEST_SHUTDOWN && cause <= SHUTDOWN_CAUSE_GUEST_PANIC;
}

static void wake_main_loop(void *opaque)
{
}

static void request(int *what, ShutdownCause cause)
{
    g_atomic_int_set(what, cause);
    defer_once(wake_main_loop, NULL);
}

void system_reset_request(ShutdownCause cause)
{
    if (runstate_no_reboot && cause != SHUTDOWN_CAUSE_SUBSYSTEM_RESET) {
        system_shutdown_request(cause);
    } else {
        request(&requests.reset, cause);
    }
}

void system_shutdown_request(ShutdownCause cause)
{
    request(&requests.shutdown, cause);
}

void system_powerdown_request(void)
{
    request(&requests.powerdown, SHUTDOWN_CAUSE_HOST_UI);
}

void powerdown_set_handler(void (*fn)(void *opaque), void *opaque)
{
    powerdown_handler.fn = fn;
    powerdown_handler.opaque = opaque;
}

void runstate_set_reset(void (*fn)(void))
{
    reset_fn = fn;
}

static int take(int *what)
{
    int cause = g_atomic_int_get(what);

    while (cause && !g_atomic_int_compare_and_exchange(what, cause, 0)) {
        cause = g_atomic_int_get(what);
    }
    return cause;
}

static Json *event_data(ShutdownCause cause)
{
    Json *data = json_new_object();

    json_set(data, "guest", json_new_bool(caused_by_guest(cause)));
    json_set(data, "reason", json_new_string(shutdown_cause_name(cause)));
    return data;
}

static void do_shutdown(ShutdownCause cause)
{
    event_emit("SHUTDOWN", event_data(cause));
    if (runstate_no_shutdown && cause != SHUTDOWN_CAUSE_HOST_QMP_QUIT && cause != SHUTDOWN_CAUSE_HOST_SIGNAL) {
        vm_stop(RUN_STATE_SHUTDOWN);
    } else {
        main_loop_quit(0);
    }
}

/* A machine that stood still is then as one that was not started yet; one that waits for a state goes on waiting. */
static void do_reset(ShutdownCause cause)
{
    block_drain_all();
    if (reset_fn) {
        reset_fn();
    }
    if (cause != SHUTDOWN_CAUSE_SUBSYSTEM_RESET && cause != SHUTDOWN_CAUSE_NONE) {
        event_emit("RESET", event_data(cause));
    }
    if (current != RUN_STATE_RUNNING && current != RUN_STATE_INMIGRATE && current != RUN_STATE_FINISH_MIGRATE) {
        runstate_set(RUN_STATE_PRELAUNCH);
    }
}

void runstate_run_requests(void)
{
    int cause;

    if ((cause = take(&requests.shutdown))) {
        do_shutdown(cause);
        if (main_loop_quitting()) {
            return;
        }
    }
    if ((cause = take(&requests.reset))) {
        do_reset(cause);
    }
    if (take(&requests.powerdown)) {
        event_emit("POWERDOWN", NULL);
        if (powerdown_handler.fn) {
            powerdown_handler.fn(powerdown_handler.opaque);
        }
    }
}
