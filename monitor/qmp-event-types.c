/* The events that are sent, for query-qmp-schema. Those of migration are with its commands. */
#include "monitor/qmp.h"

QMP_ENUM(shutdown_cause, "ShutdownCause", "none", "host-error", "host-qmp-quit", "host-qmp-system-reset", "host-signal",
         "host-ui", "guest-shutdown", "guest-reset", "guest-panic", "subsystem-reset", "snapshot-load");
QMP_ENUM(io_operation, "IoOperationType", "read", "write");
QMP_ENUM(error_action, "BlockErrorAction", "ignore", "report", "stop");
QMP_ENUM(watchdog_action, "WatchdogAction", "reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi");

QMP_ENUM(panicked_action, "GuestPanicAction", "pause", "poweroff", "run");

static const QmpEvent events[] = {
    { "SHUTDOWN", QMP_ARGS({ "guest", &qmp_bool }, { "reason", &qmp_shutdown_cause }) },
    { "RESET", QMP_ARGS({ "guest", &qmp_bool }, { "reason", &qmp_shutdown_cause }) },
    { "POWERDOWN" },
    { "STOP" },
    { "RESUME" },
    { "SUSPEND" },
    { "WAKEUP" },
    { "WATCHDOG", QMP_ARGS({ "action", &qmp_watchdog_action }) },
    { "SUSPEND_DISK" },
    { "GUEST_PANICKED", QMP_ARGS({ "action", &qmp_panicked_action }) },
    { "GUEST_CRASHLOADED", QMP_ARGS({ "action", &qmp_panicked_action }) },
    { "DEVICE_DELETED", QMP_ARGS({ "device", &qmp_str, QMP_OPTIONAL }, { "path", &qmp_str }) },
    { "DEVICE_UNPLUG_GUEST_ERROR", QMP_ARGS({ "device", &qmp_str, QMP_OPTIONAL }, { "path", &qmp_str }) },
    { "BLOCK_IO_ERROR",
      QMP_ARGS({ "device", &qmp_str }, { "node-name", &qmp_str, QMP_OPTIONAL }, { "operation", &qmp_io_operation },
               { "action", &qmp_error_action }, { "nospace", &qmp_bool, QMP_OPTIONAL }, { "reason", &qmp_str }) },
    { "RTC_CHANGE", QMP_ARGS({ "offset", &qmp_int }, { "qom-path", &qmp_str }) },
};
QMP_EVENTS(events)
