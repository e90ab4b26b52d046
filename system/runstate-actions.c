/* What is done when a guest crashes or hangs: -action, set-action. */
#include <stdio.h>
#include <string.h>

#include "system/runstate.h"

PanicAction runstate_panic_action;
WatchdogAction runstate_watchdog_action;
void (*nmi_hook)(void);

static const char *const panic_names[] = { "shutdown", "pause", "exit-failure", "none", NULL };
static const char *const watchdog_names[] = { "reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi", NULL };

static bool find(const char *const *names, const char *name, unsigned *index)
{
    for (unsigned i = 0; names[i]; i++) {
        if (strcmp(names[i], name) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

bool runstate_set_panic_action(const char *name)
{
    unsigned index;

    if (!find(panic_names, name, &index)) {
        return false;
    }
    runstate_panic_action = index;
    return true;
}

bool runstate_set_watchdog_action(const char *name)
{
    unsigned index;

    if (!find(watchdog_names, name, &index)) {
        return false;
    }
    runstate_watchdog_action = index;
    return true;
}

static void emit_action(const char *event, const char *action)
{
    Json *data = json_new_object();

    json_set(data, "action", json_new_string(action));
    event_emit(event, data);
}

void system_guest_panicked(void)
{
    PanicAction action = runstate_panic_action;

    /* -no-shutdown keeps what crashed, unless it is said otherwise. */
    if (action == PANIC_ACTION_SHUTDOWN && runstate_no_shutdown) {
        action = PANIC_ACTION_PAUSE;
    }
    if (action == PANIC_ACTION_NONE) {
        emit_action("GUEST_PANICKED", "run");
        return;
    }
    emit_action("GUEST_PANICKED", action == PANIC_ACTION_PAUSE ? "pause" : "poweroff");
    system_panic_request(action != PANIC_ACTION_PAUSE);
}

void system_guest_crashloaded(void)
{
    emit_action("GUEST_CRASHLOADED", "run");
}

void system_watchdog_fired(void)
{
    emit_action("WATCHDOG", watchdog_names[runstate_watchdog_action]);
    switch (runstate_watchdog_action) {
    case WATCHDOG_ACTION_RESET:
        system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
        break;
    case WATCHDOG_ACTION_SHUTDOWN:
        system_powerdown_request();
        break;
    case WATCHDOG_ACTION_POWEROFF:
        system_exit_request(0);
        break;
    case WATCHDOG_ACTION_PAUSE:
        vm_stop_request(RUN_STATE_WATCHDOG);
        break;
    case WATCHDOG_ACTION_DEBUG:
        fprintf(stderr, "watchdog: timer fired\n");
        break;
    case WATCHDOG_ACTION_INJECT_NMI:
        system_inject_nmi();
        break;
    default:
        break;
    }
}

bool system_inject_nmi(void)
{
    if (nmi_hook) {
        nmi_hook();
    }
    return nmi_hook != NULL;
}
