#include "system/runstate.h"

#include <stdio.h>
#include <string.h>

#include "block/block.h"
#include "system/clock.h"
#include "system/main-loop.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

bool runstate_no_reboot, runstate_no_shutdown;
void (*event_hook)(const char *event, Json *data);

static const char *const state_names[RUN_STATES] = {
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

#define BIT(state) (1u << RUN_STATE_##state)
/* Out of every state: a reset of a machine that does not run, and saving it. */
#define RESET_OR_SAVE (BIT(PRELAUNCH) | BIT(FINISH_MIGRATE))
/* Why a running machine stops by itself. */
#define TROUBLE (BIT(DEBUG) | BIT(INTERNAL_ERROR) | BIT(IO_ERROR) | BIT(SHUTDOWN) | BIT(SUSPENDED) | BIT(WATCHDOG) | \
                 BIT(GUEST_PANICKED))

static const uint32_t transitions[RUN_STATES] = {
    [RUN_STATE_PRELAUNCH] = BIT(RUNNING) | BIT(INMIGRATE) | BIT(FINISH_MIGRATE) | BIT(PAUSED) | BIT(SUSPENDED) |
                            BIT(RESTORE_VM) | BIT(SAVE_VM) | BIT(SHUTDOWN),
    /* What the source was in is what the destination comes to. */
    [RUN_STATE_INMIGRATE] = RESET_OR_SAVE | TROUBLE | BIT(PAUSED) | BIT(RUNNING) | BIT(POSTMIGRATE) | BIT(COLO),
    [RUN_STATE_RUNNING] = TROUBLE | BIT(PAUSED) | BIT(FINISH_MIGRATE) | BIT(RESTORE_VM) | BIT(SAVE_VM) | BIT(COLO),
    [RUN_STATE_PAUSED] = RESET_OR_SAVE | BIT(RUNNING) | BIT(POSTMIGRATE) | BIT(SUSPENDED) | BIT(RESTORE_VM) |
                         BIT(SAVE_VM) | BIT(SHUTDOWN) | BIT(COLO),
    [RUN_STATE_FINISH_MIGRATE] = TROUBLE | BIT(RUNNING) | BIT(PAUSED) | BIT(POSTMIGRATE) | BIT(PRELAUNCH) | BIT(COLO) |
                                 BIT(SAVE_VM) | BIT(RESTORE_VM),
    [RUN_STATE_POSTMIGRATE] = RESET_OR_SAVE | BIT(RUNNING) | BIT(PAUSED),
    [RUN_STATE_SAVE_VM] = RESET_OR_SAVE | TROUBLE | BIT(RUNNING) | BIT(PAUSED) | BIT(POSTMIGRATE),
    [RUN_STATE_RESTORE_VM] = RESET_OR_SAVE | TROUBLE | BIT(RUNNING) | BIT(PAUSED) | BIT(POSTMIGRATE),
    [RUN_STATE_SHUTDOWN] = RESET_OR_SAVE | BIT(PAUSED),
    [RUN_STATE_INTERNAL_ERROR] = RESET_OR_SAVE | BIT(PAUSED),
    [RUN_STATE_IO_ERROR] = RESET_OR_SAVE | BIT(RUNNING) | BIT(PAUSED),
    [RUN_STATE_DEBUG] = RESET_OR_SAVE | BIT(RUNNING) | BIT(PAUSED) | BIT(SUSPENDED),
    [RUN_STATE_SUSPENDED] =
        RESET_OR_SAVE | BIT(RUNNING) | BIT(PAUSED) | BIT(RESTORE_VM) | BIT(SAVE_VM) | BIT(SHUTDOWN) | BIT(COLO),
    [RUN_STATE_WATCHDOG] = RESET_OR_SAVE | BIT(RUNNING) | BIT(PAUSED) | BIT(COLO),
    [RUN_STATE_GUEST_PANICKED] = RESET_OR_SAVE | BIT(RUNNING) | BIT(PAUSED),
    [RUN_STATE_COLO] = RESET_OR_SAVE | BIT(RUNNING) | BIT(SHUTDOWN),
};

static RunState current = RUN_STATE_PRELAUNCH;

const char *runstate_name(RunState state)
{
    return state_names[state];
}

bool runstate_from_name(const char *name, RunState *state)
{
    for (RunState i = 0; i < RUN_STATES; i++) {
        if (strcmp(state_names[i], name) == 0) {
            *state = i;
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
    if (!(transitions[current] & 1u << state)) {
        g_error("invalid runstate transition: '%s' -> '%s'", state_names[current], state_names[state]);
    }
    trace(runstate_set, "%s -> %s", state_names[current], state_names[state]);
    current = state;
}

/* Handlers. One that is removed while they run stays in the list until they have. */

struct RunStateHandler {
    RunStateChange fn; /* NULL: removed */
    void *opaque;
};

static GPtrArray *handlers;
static unsigned notifying;

RunStateHandler *runstate_add_handler(RunStateChange fn, void *opaque)
{
    RunStateHandler *handler = g_new(RunStateHandler, 1);

    handler->fn = fn;
    handler->opaque = opaque;
    if (!handlers) {
        handlers = g_ptr_array_new_with_free_func(g_free);
    }
    g_ptr_array_add(handlers, handler);
    return handler;
}

static void sweep_handlers(void)
{
    for (guint i = handlers->len; i-- > 0;) {
        if (!((RunStateHandler *)handlers->pdata[i])->fn) {
            g_ptr_array_remove_index(handlers, i);
        }
    }
}

void runstate_remove_handler(RunStateHandler *handler)
{
    if (!handler) {
        return;
    }
    handler->fn = NULL;
    if (!notifying) {
        g_ptr_array_remove(handlers, handler);
    }
}

static void notify(bool running, RunState state)
{
    guint count = handlers ? handlers->len : 0;

    notifying++;
    for (guint i = 0; i < count; i++) {
        RunStateHandler *handler = handlers->pdata[running ? i : count - 1 - i];
        if (handler->fn) {
            handler->fn(handler->opaque, running, state);
        }
    }
    if (--notifying == 0 && count) {
        sweep_handlers();
    }
}

/* Starting and stopping. */

static void (*reset_fn)(void), (*pause_fn)(void), (*resume_fn)(void);
static bool cpus_held;  /* for the guest's sleep */

static void hold_cpus(bool hold)
{
    if (cpus_held != hold) {
        cpus_held = hold;
        if (hold ? pause_fn : resume_fn) {
            (hold ? pause_fn : resume_fn)();
        }
    }
}

static void drain(void)
{
    block_drain_all();
    block_flush_all(NULL);
}

/* What a reset does to the machine is told after it, and after the answer to whoever asked for it. */
typedef struct HeldEvent {
    const char *event;  /* of program text */
    Json *data;
} HeldEvent;

static bool holding;

static void tell_held(void *opaque)
{
    g_autofree HeldEvent *held = opaque;

    event_emit(held->event, held->data);
}

void event_emit(const char *event, Json *data)
{
    if (holding) {
        HeldEvent *held = g_new(HeldEvent, 1);

        *held = (HeldEvent){ event, data };
        defer_once(tell_held, held);
    } else if (event_hook) {
        event_hook(event, data);
    } else {
        json_unref(data);
    }
}

bool vm_prepare_start(GError **error)
{
    switch (current) {
    case RUN_STATE_INTERNAL_ERROR:
    case RUN_STATE_SHUTDOWN:
        return error_setf(error, "Resetting the Virtual Machine is required");
    case RUN_STATE_FINISH_MIGRATE:
        return error_setf(error, "Migration is not finalized yet");
    default:
        return true;
    }
}

void vm_start(void)
{
    if (runstate_is_running()) {
        return;
    }
    runstate_set(RUN_STATE_RUNNING);
    event_emit("RESUME", NULL);
    clock_virtual_enable(true);
    notify(true, RUN_STATE_RUNNING);
    hold_cpus(false);
}

static void stand_still(RunState state)
{
    clock_virtual_enable(false);
    runstate_set(state);
    notify(false, state);
}

static void stop(RunState state)
{
    stand_still(state);
    event_emit("STOP", NULL);
}

void vm_stop(RunState state)
{
    if (runstate_is_running()) {
        stop(state);
    }
    drain();
}

void vm_stop_force(RunState state)
{
    if (runstate_is_running()) {
        stop(state);
    } else if (current == RUN_STATE_SUSPENDED && state != RUN_STATE_SUSPENDED) {
        stand_still(state);     /* its time went on while it slept */
    } else {
        runstate_set(state);
    }
    drain();
}

/* Requests: each a word that is set by whoever asks and taken by the main loop; 0 is no request. */

static unsigned shutdown_request, reset_request, powerdown_request, stop_request, panic_request, suspend_request,
    wakeup_request, exit_request;
static bool shutdown_forced; /* by the host: -no-shutdown does not hold it up */
static void (*powerdown_fn)(void *opaque);
static void *powerdown_opaque;

static void request(unsigned *word, unsigned value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
    main_loop_notify();
}

static unsigned take(unsigned *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED) ? __atomic_exchange_n(word, 0, __ATOMIC_ACQUIRE) : 0;
}

void system_shutdown_request(ShutdownCause cause)
{
    if (cause == SHUTDOWN_CAUSE_HOST_QMP_QUIT || cause == SHUTDOWN_CAUSE_HOST_SIGNAL) {
        __atomic_store_n(&shutdown_forced, true, __ATOMIC_RELAXED);
    }
    request(&shutdown_request, cause);
}

void system_reset_request(ShutdownCause cause)
{
    if (runstate_no_reboot && cause != SHUTDOWN_CAUSE_SUBSYSTEM_RESET) {
        request(&shutdown_request, cause);
    } else {
        request(&reset_request, cause);
    }
}

void system_powerdown_request(void)
{
    request(&powerdown_request, 1);
}

void vm_stop_request(RunState state)
{
    request(&stop_request, state + 1);
}

void system_panic_request(bool shut_down)
{
    request(&panic_request, shut_down ? 2 : 1);
}

/* Sleep: who may wake the guest, and who is told. */

enum { SLEEPERS_MAX = 8 };
static bool wakeup_enabled[WAKEUP_REASONS] = { [WAKEUP_OTHER] = true };
static struct {
    SleepFn *fn;
    void *opaque;
} sleepers[SLEEPERS_MAX];
static unsigned sleeper_count;

void system_suspend_request(void)
{
    request(&suspend_request, 1);
}

void system_wakeup_request(WakeupReason reason)
{
    if (current == RUN_STATE_SUSPENDED && wakeup_enabled[reason]) {
        request(&wakeup_request, 1 + reason);
    }
}

void wakeup_enable(WakeupReason reason, bool on)
{
    wakeup_enabled[reason] = on;
}

void sleep_add_handler(SleepFn *fn, void *opaque)
{
    g_assert(sleeper_count < SLEEPERS_MAX);
    sleepers[sleeper_count].fn = fn;
    sleepers[sleeper_count++].opaque = opaque;
}

void sleep_remove_handler(void *opaque)
{
    for (unsigned i = 0; i < sleeper_count; i++) {
        if (sleepers[i].opaque == opaque) {
            memmove(&sleepers[i], &sleepers[i + 1], (--sleeper_count - i) * sizeof(sleepers[0]));
            return;
        }
    }
}

static void tell_sleepers(SleepPhase phase, WakeupReason reason)
{
    for (unsigned i = 0; i < sleeper_count; i++) {
        sleepers[i].fn(sleepers[i].opaque, phase, reason);
    }
}

void system_exit_request(int status)
{
    request(&exit_request, 1 + (status & 0xff));
}

void powerdown_set_handler(void (*fn)(void *opaque), void *opaque)
{
    powerdown_fn = fn;
    powerdown_opaque = opaque;
}

void system_killed(int signo, int pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", pid), *name = NULL;

    if (pid == 0) {
        error_report("terminating on signal %d", signo);
    } else if (g_file_get_contents(path, &name, NULL, NULL)) {
        error_report("terminating on signal %d from pid %d (%s)", signo, pid, name);
    } else {
        error_report("terminating on signal %d from pid %d (<unknown process>)", signo, pid);
    }
    system_shutdown_request(SHUTDOWN_CAUSE_HOST_SIGNAL);
}

void runstate_set_reset(void (*fn)(void))
{
    reset_fn = fn;
}

void runstate_set_cpus(void (*pause)(void), void (*resume)(void))
{
    pause_fn = pause;
    resume_fn = resume;
}

const char *shutdown_cause_name(ShutdownCause cause)
{
    static const char *const names[] = {
        [SHUTDOWN_CAUSE_NONE] = "none",
        [SHUTDOWN_CAUSE_HOST_ERROR] = "host-error",
        [SHUTDOWN_CAUSE_HOST_QMP_QUIT] = "host-qmp-quit",
        [SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET] = "host-qmp-system-reset",
        [SHUTDOWN_CAUSE_HOST_SIGNAL] = "host-signal",
        [SHUTDOWN_CAUSE_HOST_UI] = "host-ui",
        [SHUTDOWN_CAUSE_GUEST_SHUTDOWN] = "guest-shutdown",
        [SHUTDOWN_CAUSE_GUEST_RESET] = "guest-reset",
        [SHUTDOWN_CAUSE_GUEST_PANIC] = "guest-panic",
        [SHUTDOWN_CAUSE_SUBSYSTEM_RESET] = "subsystem-reset",
        [SHUTDOWN_CAUSE_SNAPSHOT_LOAD] = "snapshot-load",
    };
    return names[cause];
}

static void emit_cause(const char *event, ShutdownCause cause)
{
    Json *data = json_new_object();

    json_set(data, "guest", json_new_bool(cause >= SHUTDOWN_CAUSE_GUEST_SHUTDOWN));
    json_set(data, "reason", json_new_string(shutdown_cause_name(cause)));
    event_emit(event, data);
}

static void run_shutdown(ShutdownCause cause)
{
    emit_cause("SHUTDOWN", cause);
    if (runstate_no_shutdown && !__atomic_load_n(&shutdown_forced, __ATOMIC_RELAXED)) {
        vm_stop(RUN_STATE_SHUTDOWN);
    } else {
        main_loop_quit(cause == SHUTDOWN_CAUSE_GUEST_PANIC && runstate_panic_action == PANIC_ACTION_EXIT_FAILURE);
    }
}

static void run_reset(ShutdownCause cause)
{
    if (pause_fn) {
        pause_fn();
    }
    block_drain_all();
    if (reset_fn) {
        holding = true;
        reset_fn();
        holding = false;
    }
    if (resume_fn) {
        resume_fn();
    }
    if (cause != SHUTDOWN_CAUSE_SUBSYSTEM_RESET && cause != SHUTDOWN_CAUSE_SNAPSHOT_LOAD) {
        emit_cause("RESET", cause);
    }
    if (current != RUN_STATE_RUNNING && current != RUN_STATE_INMIGRATE && current != RUN_STATE_FINISH_MIGRATE) {
        runstate_set(RUN_STATE_PRELAUNCH);
    }
}

static void run_suspend(void)
{
    if (runstate_is_running()) {
        hold_cpus(true);
        tell_sleepers(SLEEP_BEGINS, WAKEUP_OTHER);
        runstate_set(RUN_STATE_SUSPENDED);
        event_emit("SUSPEND", NULL);
    }
}

static void run_wakeup(WakeupReason reason)
{
    if (current != RUN_STATE_SUSPENDED) {
        return;
    }
    if (reset_fn) {
        reset_fn();
    }
    tell_sleepers(SLEEP_ENDS, reason);
    event_emit("WAKEUP", NULL);
    if (cpus_held) {
        runstate_set(RUN_STATE_RUNNING);
        hold_cpus(false);
    } else {
        vm_start();             /* it came here asleep */
    }
}

/* Stopped, and if it is to end, after that. */
static void run_panic(bool shut_down)
{
    vm_stop(RUN_STATE_GUEST_PANICKED);
    if (shut_down) {
        run_shutdown(SHUTDOWN_CAUSE_GUEST_PANIC);
    }
}

void runstate_run_requests(void)
{
    unsigned cause;

    if ((cause = take(&exit_request))) {
        main_loop_quit(cause - 1);
        return;
    }
    if ((cause = take(&panic_request))) {
        run_panic(cause == 2);
        if (main_loop_quitting()) {
            return;
        }
    }
    if (take(&suspend_request)) {
        run_suspend();
    }
    if ((cause = take(&shutdown_request))) {
        run_shutdown(cause);
        if (main_loop_quitting()) {
            return;
        }
    }
    if ((cause = take(&reset_request))) {
        run_reset(cause);
    }
    if ((cause = take(&wakeup_request))) {
        run_wakeup(cause - 1);
    }
    if (take(&powerdown_request)) {
        event_emit("POWERDOWN", NULL);
        if (powerdown_fn) {
            powerdown_fn(powerdown_opaque);
        }
    }
    if ((cause = take(&stop_request))) {
        vm_stop(cause - 1);
    }
}
