/* QMP about the monitor itself and the machine's running: negotiation, quit, stop, cont, reset, versions and names. */
#include <string.h>
#include <unistd.h>

#include "block/block.h"
#include "hw/core/machine.h"
#include "migration/migration.h"
#include "monitor/monitor-int.h"
#include "system/main-loop.h"
#include "system/options.h"
#include "system/runstate.h"
#include "target/i386/cpu.h"
#include "util/fdset.h"

/* --- the session --- */

QMP_ENUM(capability, "QMPCapability", "oob");
QMP_LIST(capability_list, capability);

static Json *qmp_capabilities(Json *args, Monitor *mon, GError **error)
{
    const Json *enable = json_member(args, "enable");

    if (mon) {
        mon->oob = enable && json_count(enable) > 0;
        mon->negotiated = true;
    }
    return NULL;
}

static Json *quit(Json *args, Monitor *mon, GError **error)
{
    runstate_no_shutdown = false;
    system_shutdown_request(SHUTDOWN_CAUSE_HOST_QMP_QUIT);
    runstate_run_requests(); /* the event comes before the answer */
    return NULL;
}

static void add_command(const QmpCommand *command, void *list)
{
    Json *entry = json_new_object();

    json_set(entry, "name", json_new_string(command->name));
    json_append(list, entry);
}

QMP_STRUCT(command_info, "CommandInfo", { "name", &qmp_str });
QMP_LIST(command_infos, command_info);

static Json *query_commands(Json *args, Monitor *mon, GError **error)
{
    Json *list = json_new_array();

    qmp_foreach_command(add_command, list);
    return list;
}

QMP_ENUM(schema_meta_type, "SchemaMetaType", "builtin", "enum", "array", "object", "alternate", "command", "event");
static const QmpType qmp_schema_info = {
    .name = "SchemaInfo", .meta = QMP_META_STRUCT, .tag = "meta-type", .open = true,
    .members = QMP_MEMBERS({ "name", &qmp_str }, { "meta-type", &qmp_schema_meta_type },
                           { "features", &qmp_strs, QMP_OPTIONAL }),
    .variants = QMP_MEMBERS({ NULL }),
};
QMP_LIST(schema_infos, schema_info);

static Json *query_qmp_schema(Json *args, Monitor *mon, GError **error)
{
    return qmp_schema();
}

/* --- names and versions --- */

QMP_STRUCT(version_triple, "VersionTriple", { "major", &qmp_int }, { "minor", &qmp_int }, { "micro", &qmp_int });
QMP_STRUCT(version_info, "VersionInfo", { "qemu", &qmp_version_triple }, { "package", &qmp_str });

static Json *query_version(Json *args, Monitor *mon, GError **error)
{
    return qmp_version();
}

QMP_STRUCT(name_info, "NameInfo", { "name", &qmp_str, QMP_OPTIONAL });

static Json *query_name(Json *args, Monitor *mon, GError **error)
{
    const Config *config = options_current();
    Json *info = json_new_object();

    if (config && config->name) {
        json_set(info, "name", json_new_string(config->name));
    }
    return info;
}

QMP_STRUCT(uuid_info, "UuidInfo", { "UUID", &qmp_str });

static Json *query_uuid(Json *args, Monitor *mon, GError **error)
{
    static const uint8_t zero[16];
    const uint8_t *u = options_current() ? options_current()->uuid : zero;
    Json *info = json_new_object();

    json_set(info, "UUID", json_new_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
                                           u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13],
                                           u[14], u[15]));
    return info;
}

QMP_STRUCT(kvm_info, "KvmInfo", { "enabled", &qmp_bool }, { "present", &qmp_bool });

static Json *query_kvm(Json *args, Monitor *mon, GError **error)
{
    Json *info = json_new_object();

    json_set(info, "enabled", json_new_bool(false));
    json_set(info, "present", json_new_bool(false));
    return info;
}

QMP_ENUM(sys_emu_target, "SysEmuTarget", "x86_64");
QMP_STRUCT(target_info, "TargetInfo", { "arch", &qmp_sys_emu_target });

static Json *query_target(Json *args, Monitor *mon, GError **error)
{
    Json *info = json_new_object();

    json_set(info, "arch", json_new_string("x86_64"));
    return info;
}

/* --- running --- */

QMP_ENUM(run_state, "RunState", "debug", "inmigrate", "internal-error", "io-error", "paused", "postmigrate", "prelaunch",
         "finish-migrate", "restore-vm", "running", "save-vm", "shutdown", "suspended", "watchdog", "guest-panicked", "colo");
QMP_STRUCT(status_info, "StatusInfo", { "running", &qmp_bool }, { "singlestep", &qmp_bool }, { "status", &qmp_run_state });

static Json *query_status(Json *args, Monitor *mon, GError **error)
{
    Json *info = json_new_object();

    json_set(info, "status", json_new_string(runstate_name(runstate_get())));
    json_set(info, "singlestep", json_new_bool(false));
    json_set(info, "running", json_new_bool(runstate_is_running()));
    return info;
}

static Json *stop(Json *args, Monitor *mon, GError **error)
{
    if (runstate_get() == RUN_STATE_INMIGRATE) {
        migration_set_autostart(false);
    } else {
        vm_stop(RUN_STATE_PAUSED);
    }
    return NULL;
}

static Json *cont(Json *args, Monitor *mon, GError **error)
{
    if (runstate_get() == RUN_STATE_INMIGRATE) {
        migration_set_autostart(true);
    } else if (runstate_get() == RUN_STATE_SHUTDOWN || runstate_get() == RUN_STATE_INTERNAL_ERROR) {
        error_setf(error, "Resetting the Virtual Machine is required");
    } else if (runstate_get() != RUN_STATE_SUSPENDED && vm_prepare_start(error) && block_activate_all(error)) {
        vm_start(); /* after a migration the images were given up */
    }
    return NULL;
}

static Json *system_reset(Json *args, Monitor *mon, GError **error)
{
    system_reset_request(SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    runstate_run_requests();
    return NULL;
}

static Json *system_powerdown(Json *args, Monitor *mon, GError **error)
{
    system_powerdown_request();
    runstate_run_requests();
    return NULL;
}

/* --- descriptors --- */

static Json *getfd(Json *args, Monitor *mon, GError **error)
{
    const char *name = json_member_string(args, "fdname", NULL);
    int fd = monitor_take_received_fd(mon);

    if (fd < 0) {
        error_setf(error, "No file descriptor supplied via SCM_RIGHTS");
        return NULL;
    }
    if (g_ascii_isdigit(name[0])) {
        close(fd);
        error_setf(error, "Parameter 'fdname' expects a name not starting with a digit");
        return NULL;
    }
    monitor_fd_add(name, fd);
    return NULL;
}

static Json *closefd(Json *args, Monitor *mon, GError **error)
{
    const char *name = json_member_string(args, "fdname", NULL);
    int fd = monitor_fd_take(mon, name, NULL);

    if (fd >= 0) {
        close(fd);
    } else {
        error_setf(error, "File descriptor named '%s' not found", name);
    }
    return NULL;
}

QMP_STRUCT(addfd_info, "AddfdInfo", { "fdset-id", &qmp_int }, { "fd", &qmp_int });

static Json *add_fd(Json *args, Monitor *mon, GError **error)
{
    int64_t set = json_member_int(args, "fdset-id", -1);
    int fd = monitor_take_received_fd(mon);
    Json *info;

    if (fd < 0) {
        error_setf(error, "No file descriptor supplied via SCM_RIGHTS");
        return NULL;
    }
    if (json_has(args, "fdset-id") && set < 0) {
        close(fd);
        error_setf(error, "Parameter 'fdset-id' expects a non-negative value");
        return NULL;
    }
    fdset_add(fd, &set, json_member_string(args, "opaque", NULL), error);
    info = json_new_object();
    json_set(info, "fd", json_new_int(fd));
    json_set(info, "fdset-id", json_new_int(set));
    return info;
}

static Json *remove_fd(Json *args, Monitor *mon, GError **error)
{
    fdset_remove(json_member_int(args, "fdset-id", -1), json_member_int(args, "fd", -1), error);
    return NULL;
}

QMP_STRUCT(fdset_fd_info, "FdsetFdInfo", { "fd", &qmp_int }, { "opaque", &qmp_str, QMP_OPTIONAL });
QMP_LIST(fdset_fd_infos, fdset_fd_info);
QMP_STRUCT(fdset_info, "FdsetInfo", { "fdset-id", &qmp_int }, { "fds", &qmp_fdset_fd_infos });
QMP_LIST(fdset_infos, fdset_info);

static Json *query_fdsets(Json *args, Monitor *mon, GError **error)
{
    return fdset_query();
}

/* --- HMP by QMP --- */

static Json *human_monitor_command(Json *args, Monitor *mon, GError **error)
{
    int64_t cpu = json_member_int(args, "cpu-index", 0);
    g_autofree char *text = NULL;

    if (json_has(args, "cpu-index") && (cpu < 0 || cpu >= x86_cpu_count())) {
        error_setf(error, "Parameter 'cpu-index' expects a CPU number");
        return NULL;
    }
    text = hmp_run(json_member_string(args, "command-line", NULL), cpu);
    return json_new_string(text);
}

static const QmpCommand commands[] = {
    { "qmp_capabilities", qmp_capabilities, QMP_ARGS({ "enable", &qmp_capability_list, QMP_OPTIONAL }), NULL, QMP_PRECONFIG },
    { "quit", quit, NULL, NULL, QMP_PRECONFIG },
    { "query-commands", query_commands, NULL, &qmp_command_infos, QMP_PRECONFIG },
    { "query-qmp-schema", query_qmp_schema, NULL, &qmp_schema_infos, QMP_PRECONFIG },
    { "query-version", query_version, NULL, &qmp_version_info, QMP_PRECONFIG },
    { "query-name", query_name, NULL, &qmp_name_info, QMP_PRECONFIG },
    { "query-uuid", query_uuid, NULL, &qmp_uuid_info, QMP_PRECONFIG },
    { "query-kvm", query_kvm, NULL, &qmp_kvm_info },
    { "query-target", query_target, NULL, &qmp_target_info },
    { "query-status", query_status, NULL, &qmp_status_info, QMP_PRECONFIG },
    { "stop", stop },
    { "cont", cont },
    { "system_reset", system_reset },
    { "system_powerdown", system_powerdown },
    { "getfd", getfd, QMP_ARGS({ "fdname", &qmp_str }) },
    { "closefd", closefd, QMP_ARGS({ "fdname", &qmp_str }) },
    { "add-fd", add_fd, QMP_ARGS({ "fdset-id", &qmp_int, QMP_OPTIONAL }, { "opaque", &qmp_str, QMP_OPTIONAL }), &qmp_addfd_info },
    { "remove-fd", remove_fd, QMP_ARGS({ "fdset-id", &qmp_int }, { "fd", &qmp_int, QMP_OPTIONAL }) },
    { "query-fdsets", query_fdsets, NULL, &qmp_fdset_infos },
    { "human-monitor-command", human_monitor_command,
      QMP_ARGS({ "command-line", &qmp_str }, { "cpu-index", &qmp_int, QMP_OPTIONAL }), &qmp_str, .feature = "savevm-monitor-nodes" },
};
QMP_COMMANDS(commands)
