/* QMP for what does not exist here, as a machine without it answers; and a few small matters. */
#include <stdio.h>
#include <string.h>

#include "hw/core/machine.h"
#include "monitor/qmp.h"
#include "system/memory.h"
#include "system/options.h"
#include "system/runstate.h"
#include "util/trace.h"

/* --- TPM, SEV, SGX, balloon, generation id --- */

QMP_ENUM(tpm_model, "TpmModel", "tpm-tis", "tpm-crb", "tpm-spapr");
QMP_LIST(tpm_models, tpm_model);
QMP_ENUM(tpm_type, "TpmType", "passthrough", "emulator");
QMP_LIST(tpm_types, tpm_type);

static Json *empty_list(Json *args, Monitor *mon, GError **error)
{
    return json_new_array();
}

QMP_STRUCT(sev_capability, "SevCapability", { "pdh", &qmp_str }, { "cert-chain", &qmp_str }, { "cpu0-id", &qmp_str },
           { "cbitpos", &qmp_int }, { "reduced-phys-bits", &qmp_int });

static Json *query_sev_capabilities(Json *args, Monitor *mon, GError **error)
{
    error_setf(error, "KVM not enabled");
    return NULL;
}

QMP_STRUCT(sgx_info, "SGXInfo", { "sgx", &qmp_bool }, { "sgx1", &qmp_bool }, { "sgx2", &qmp_bool }, { "flc", &qmp_bool });

static Json *query_sgx_capabilities(Json *args, Monitor *mon, GError **error)
{
    error_setf(error, "SGX is not enabled in KVM");
    return NULL;
}

QMP_STRUCT(balloon_info, "BalloonInfo", { "actual", &qmp_int });

static Json *no_balloon(Json *args, Monitor *mon, GError **error)
{
    error_set_class(error, ERROR_CLASS_DEVICE_NOT_ACTIVE, "No balloon device has been activated");
    return NULL;
}

QMP_STRUCT(guid_info, "GuidInfo", { "guid", &qmp_str });

static Json *query_vm_generation_id(Json *args, Monitor *mon, GError **error)
{
    error_setf(error, "VM Generation ID device not found");
    return NULL;
}

/* --- display --- */

QMP_ENUM(display_type, "DisplayType", "none");
QMP_STRUCT(display_options, "DisplayOptions", { "type", &qmp_display_type });

static Json *query_display_options(Json *args, Monitor *mon, GError **error)
{
    Json *options = json_new_object();

    json_set(options, "type", json_new_string("none"));
    return options;
}

/* --- actions --- */

QMP_ENUM(reboot_action, "RebootAction", "reset", "shutdown");
QMP_ENUM(shutdown_action, "ShutdownAction", "poweroff", "pause");
QMP_ENUM(panic_action, "PanicAction", "pause", "shutdown", "exit-failure", "none");
QMP_ENUM(watchdog_action, "WatchdogAction", "reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi");

static Json *set_action(Json *args, Monitor *mon, GError **error)
{
    const char *reboot = json_member_string(args, "reboot", NULL), *shutdown = json_member_string(args, "shutdown", NULL);

    if (reboot) {
        runstate_no_reboot = strcmp(reboot, "shutdown") == 0;
    }
    if (shutdown) {
        runstate_no_shutdown = strcmp(shutdown, "pause") == 0;
    }
    runstate_set_panic_action(json_member_string(args, "panic", ""));
    runstate_set_watchdog_action(json_member_string(args, "watchdog", ""));
    return NULL;
}

static Json *watchdog_set_action(Json *args, Monitor *mon, GError **error)
{
    runstate_set_watchdog_action(json_member_string(args, "action", ""));
    return NULL;
}

static Json *inject_nmi(Json *args, Monitor *mon, GError **error)
{
    if (!system_inject_nmi()) {
        error_setf(error, "machine does not provide NMIs");
    }
    return NULL;
}

/* A guest that missed ticks gets none later here: there is nothing to forget. */
static Json *rtc_reset_reinjection(Json *args, Monitor *mon, GError **error)
{
    return NULL;
}

static Json *system_wakeup(Json *args, Monitor *mon, GError **error)
{
    if (runstate_get() != RUN_STATE_SUSPENDED) {
        error_setf(error, "Unable to wake up: guest is not in suspended state");
    }
    system_wakeup_request(WAKEUP_OTHER);
    return NULL;
}

static Json *exit_preconfig(Json *args, Monitor *mon, GError **error)
{
    error_setf(error, "The command is permitted only before machine initialization");
    return NULL;
}

/* --- memory to a file --- */

static bool write_memory(const char *path, uint64_t addr, uint64_t size, GError **error)
{
    g_autofree uint8_t *buf = g_malloc(1 << 16);
    FILE *f = fopen(path, "wbe");
    bool ok = true;

    if (!f) {
        return error_set_errno(error, errno, "Could not open '%s'", path);
    }
    while (size && ok) {
        uint64_t n = MIN(size, 1 << 16);

        address_space_read(&address_space_memory, addr, buf, n);
        ok = fwrite(buf, 1, n, f) == n || error_set_errno(error, errno, "writing memory to '%s' failed", path);
        addr += n;
        size -= n;
    }
    if (fclose(f) != 0 && ok) {
        ok = error_set_errno(error, errno, "writing memory to '%s' failed", path);
    }
    return ok;
}

static Json *pmemsave(Json *args, Monitor *mon, GError **error)
{
    int64_t addr = json_member_int(args, "val", 0), size = json_member_int(args, "size", 0);

    if (size < 0 || (uint64_t)addr + size < (uint64_t)addr ||
        (current_machine && (uint64_t)size > (UINT64_C(1) << 40))) {
        error_setf(error, "Parameter 'size' expects a size that fits the address space");
        return NULL;
    }
    write_memory(json_member_string(args, "filename", NULL), addr, size, error);
    return NULL;
}

/* --- trace points --- */

QMP_ENUM(trace_state, "TraceEventState", "unavailable", "disabled", "enabled");
QMP_STRUCT(trace_info, "TraceEventInfo", { "name", &qmp_str }, { "state", &qmp_trace_state },
           { "vcpu", &qmp_bool, QMP_DEPRECATED });
QMP_LIST(trace_infos, trace_info);

typedef struct TraceQuery {
    const char *pattern;
    Json *list;
} TraceQuery;

static void add_point(const TracePoint *point, void *opaque)
{
    const TraceQuery *q = opaque;
    Json *info;

    if (!trace_matches(point, q->pattern)) {
        return;
    }
    info = json_new_object();
    json_set(info, "name", json_new_string(point->name));
    json_set(info, "vcpu", json_new_bool(false));
    json_set(info, "state", json_new_string(point->enabled ? "enabled" : "disabled"));
    json_append(q->list, info);
}

static Json *find_points(const char *pattern, GError **error)
{
    TraceQuery q = { pattern, json_new_array() };

    trace_foreach(add_point, &q);
    if (!json_count(q.list) && !strpbrk(pattern, "*?")) {
        json_unref(q.list);
        error_setf(error, "unknown event \"%s\"", pattern);
        return NULL;
    }
    return q.list;
}

static Json *trace_event_get_state(Json *args, Monitor *mon, GError **error)
{
    return find_points(json_member_string(args, "name", NULL), error);
}

static Json *trace_event_set_state(Json *args, Monitor *mon, GError **error)
{
    const char *pattern = json_member_string(args, "name", NULL);
    g_autoptr(Json) found = json_member_bool(args, "ignore-unavailable", false) ? json_new_array() : find_points(pattern, error);

    if (found) {
        trace_enable(pattern, json_member_bool(args, "enable", false));
    }
    return NULL;
}

static const QmpCommand commands[] = {
    { "query-tpm-models", empty_list, NULL, &qmp_tpm_models },
    { "query-tpm-types", empty_list, NULL, &qmp_tpm_types },
    { "query-sev-capabilities", query_sev_capabilities, NULL, &qmp_sev_capability },
    { "query-sgx-capabilities", query_sgx_capabilities, NULL, &qmp_sgx_info },
    { "query-balloon", no_balloon, NULL, &qmp_balloon_info },
    { "balloon", no_balloon, QMP_ARGS({ "value", &qmp_int }) },
    { "query-vm-generation-id", query_vm_generation_id, NULL, &qmp_guid_info },
    { "query-display-options", query_display_options, NULL, &qmp_display_options },
    { "set-action", set_action,
      QMP_ARGS({ "reboot", &qmp_reboot_action, QMP_OPTIONAL }, { "shutdown", &qmp_shutdown_action, QMP_OPTIONAL },
               { "panic", &qmp_panic_action, QMP_OPTIONAL }, { "watchdog", &qmp_watchdog_action, QMP_OPTIONAL }), NULL, QMP_PRECONFIG },
    { "inject-nmi", inject_nmi },
    { "watchdog-set-action", watchdog_set_action, QMP_ARGS({ "action", &qmp_watchdog_action }) },
    { "rtc-reset-reinjection", rtc_reset_reinjection },
    { "system_wakeup", system_wakeup },
    { "x-exit-preconfig", exit_preconfig, .flags = QMP_PRECONFIG | QMP_UNSTABLE },
    { "pmemsave", pmemsave, QMP_ARGS({ "val", &qmp_int }, { "size", &qmp_int }, { "filename", &qmp_str }) },
    { "trace-event-get-state", trace_event_get_state, QMP_ARGS({ "name", &qmp_str }, { "vcpu", &qmp_int, QMP_OPTIONAL }),
      &qmp_trace_infos, QMP_PRECONFIG },
    { "trace-event-set-state", trace_event_set_state,
      QMP_ARGS({ "name", &qmp_str }, { "enable", &qmp_bool }, { "ignore-unavailable", &qmp_bool, QMP_OPTIONAL },
               { "vcpu", &qmp_int, QMP_OPTIONAL }), NULL, QMP_PRECONFIG },
};
QMP_COMMANDS(commands)
