/*
 * Run state: what the machine is doing, the allowed transitions, and the requests for reset, shutdown and power-down
 * that the main loop carries out. Names are QMP's.
 */
#ifndef SYSTEM_RUNSTATE_H
#define SYSTEM_RUNSTATE_H

#include <glib.h>
#include <stdbool.h>

#include "util/json.h"

typedef enum {
    RUN_STATE_DEBUG,
    RUN_STATE_INMIGRATE,
    RUN_STATE_INTERNAL_ERROR,
    RUN_STATE_IO_ERROR,
    RUN_STATE_PAUSED,
    RUN_STATE_POSTMIGRATE,
    RUN_STATE_PRELAUNCH,
    RUN_STATE_FINISH_MIGRATE,
    RUN_STATE_RESTORE_VM,
    RUN_STATE_RUNNING,
    RUN_STATE_SAVE_VM,
    RUN_STATE_SHUTDOWN,
    RUN_STATE_SUSPENDED,
    RUN_STATE_WATCHDOG,
    RUN_STATE_GUEST_PANICKED,
    RUN_STATE_COLO,
    RUN_STATES,
} RunState;

const char *runstate_name(RunState state);              /* "inmigrate", "finish-migrate", … */
bool runstate_from_name(const char *name, RunState *state);
RunState runstate_get(void);
bool runstate_is_running(void);
/* A transition that is not in the table is a bug of ours and aborts. */
void runstate_set(RunState state);

/* Starts and stops guest time, vCPUs and devices; emits STOP and RESUME. */
void vm_start(void);
void vm_stop(RunState state);
/* Drains block I/O and stops as vm_stop, also if already stopped (then only the state changes). */
void vm_stop_force(RunState state);
/* Whether the machine may start now; the reasons why not are what `cont` answers. */
bool vm_prepare_start(GError **error);
/* As vm_stop(), from any thread and from within device and block callbacks: carried out by the main loop. */
void vm_stop_request(RunState state);

typedef enum {
    SHUTDOWN_CAUSE_NONE,
    SHUTDOWN_CAUSE_HOST_ERROR,
    SHUTDOWN_CAUSE_HOST_QMP_QUIT,
    SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET,
    SHUTDOWN_CAUSE_HOST_SIGNAL,
    SHUTDOWN_CAUSE_HOST_UI,
    SHUTDOWN_CAUSE_GUEST_SHUTDOWN,
    SHUTDOWN_CAUSE_GUEST_RESET,
    SHUTDOWN_CAUSE_GUEST_PANIC,
    SHUTDOWN_CAUSE_SUBSYSTEM_RESET,
    SHUTDOWN_CAUSE_SNAPSHOT_LOAD,
} ShutdownCause;

/* Start: in order of registration; stop: in reverse. */
typedef void (*RunStateChange)(void *opaque, bool running, RunState state);
typedef struct RunStateHandler RunStateHandler;
RunStateHandler *runstate_add_handler(RunStateChange fn, void *opaque);
void runstate_remove_handler(RunStateHandler *handler);
/* How CPUs are held while the machine is reset, and let go; set by the accelerator. */
void runstate_set_cpus(void (*pause)(void), void (*resume)(void));
/* What a reset does to the machine; set by whoever makes it. */
void runstate_set_reset(void (*fn)(void));

const char *shutdown_cause_name(ShutdownCause cause);   /* "host-qmp-quit", … */

/* What is done when the guest says that it crashed (-action panic=) and when a watchdog fires (-action watchdog=). */
typedef enum { PANIC_ACTION_SHUTDOWN, PANIC_ACTION_PAUSE, PANIC_ACTION_EXIT_FAILURE, PANIC_ACTION_NONE } PanicAction;
typedef enum {
    WATCHDOG_ACTION_RESET, WATCHDOG_ACTION_SHUTDOWN, WATCHDOG_ACTION_POWEROFF, WATCHDOG_ACTION_PAUSE, WATCHDOG_ACTION_DEBUG,
    WATCHDOG_ACTION_NONE, WATCHDOG_ACTION_INJECT_NMI,
} WatchdogAction;
extern PanicAction runstate_panic_action;
extern WatchdogAction runstate_watchdog_action;
/* By QMP's names; false: there is none of that name. */
bool runstate_set_panic_action(const char *name);
bool runstate_set_watchdog_action(const char *name);

/* From any thread with the big lock: the event at once, what follows by the main loop. */
void system_guest_panicked(void);
void system_guest_crashloaded(void);
void system_watchdog_fired(void);
/* An NMI to every CPU; the hook is set by who has interrupt controllers. False: nobody has. */
extern void (*nmi_hook)(void);
bool system_inject_nmi(void);

/*
 * The guest sleeps (ACPI S3): CPUs stand still until something wakes them, which is a reset that keeps memory. Wakers
 * need not ask whether it sleeps. Timers wake it only if they may; that is the chipset's word (PM1_EN).
 * Handlers are told when it falls asleep, and, in the order in which they were added, after that reset, before CPUs run.
 */
typedef enum WakeupReason { WAKEUP_OTHER, WAKEUP_RTC, WAKEUP_PMTIMER, WAKEUP_REASONS } WakeupReason;
typedef enum SleepPhase { SLEEP_BEGINS, SLEEP_ENDS } SleepPhase;
typedef void SleepFn(void *opaque, SleepPhase phase, WakeupReason reason);
void system_suspend_request(void);
void system_wakeup_request(WakeupReason reason);
void wakeup_enable(WakeupReason reason, bool on);
/* fn is known by its opaque: one for each. */
void sleep_add_handler(SleepFn *fn, void *opaque);
void sleep_remove_handler(void *opaque);
/* The process ends with that status and no further word. */
void system_exit_request(int status);

/* From any thread; carried out by the main loop. */
void system_reset_request(ShutdownCause cause);
void system_shutdown_request(ShutdownCause cause);
void system_powerdown_request(void);
/* For main_loop_catch_signals(): says who wants it, and shuts down, whatever -no-shutdown says. */
void system_killed(int signo, int pid);
/* system_guest_panicked()'s: the machine stops as panicked, and shuts down then if told so. */
void system_panic_request(bool shut_down);
/* The main loop's: carries out what was requested. */
void runstate_run_requests(void);

/* -no-reboot (and -action reboot=shutdown), -no-shutdown (-action shutdown=pause). */
extern bool runstate_no_reboot, runstate_no_shutdown;

/* Tells QMP; the hook is set by the monitor. `data` may be NULL and is taken. */
extern void (*event_hook)(const char *event, Json *data);
void event_emit(const char *event, Json *data);
/* Who hears a power-button press: the chipset. */
void powerdown_set_handler(void (*fn)(void *opaque), void *opaque);

#endif
