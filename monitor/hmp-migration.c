/* HMP about moving the machine and its named states. */
#include <string.h>

#include "migration/migration.h"
#include "monitor/hmp.h"
#include "monitor/monitor-int.h"
#include "system/clock.h"
#include "system/main-loop.h"
#include "util/error.h"

static void print(Monitor *mon, void (*fn)(GString *out))
{
    g_autoptr(GString) out = g_string_new(NULL);

    fn(out);
    monitor_printf(mon, "%s", out->str);
}

/* --- waiting for the end, without -d --- */

enum { LOOK_AGAIN = 20 * 1000 * 1000 /* ns */ };

static Timer *waiting;

static void release(void *opaque, gpointer unused)
{
    hmp_session_release(opaque);
}

static void look(void *opaque)
{
    if (migration_is_active()) {
        timer_set(waiting, clock_ns(CLOCK_TYPE_REALTIME) + LOOK_AGAIN);
    } else if (!main_loop_quitting()) {
        g_ptr_array_foreach(monitors, release, NULL);
    }
}

static void wait_for_the_end(void)
{
    if (!waiting) {
        waiting = timer_new(CLOCK_TYPE_REALTIME, look, NULL);
    }
    timer_set(waiting, clock_ns(CLOCK_TYPE_REALTIME) + LOOK_AGAIN);
}

static void cmd_migrate(Monitor *mon, const Json *args, GError **error)
{
    if (!migration_start(json_member_string(args, "uri", ""), NULL, json_member_bool(args, "blk", false),
                         json_member_bool(args, "inc", false), json_member_bool(args, "resume", false), error)) {
        return;
    }
    if (json_member_bool(args, "detach", false)) {
        return;
    }
    if (hmp_session_hold(mon)) {
        wait_for_the_end();
    } else {
        monitor_printf(mon, "terminal does not allow synchronous migration, continuing detached\n");
    }
}

static void cmd_migrate_cancel(Monitor *mon, const Json *args, GError **error)
{
    migration_cancel();
}

static void cmd_migrate_continue(Monitor *mon, const Json *args, GError **error)
{
    migration_continue(json_member_string(args, "state", ""), error);
}

static void cmd_migrate_incoming(Monitor *mon, const Json *args, GError **error)
{
    migration_incoming(json_member_string(args, "uri", ""), NULL, true, error);
}

static void cmd_migrate_pause(Monitor *mon, const Json *args, GError **error)
{
    migration_pause(error);
}

static void cmd_migrate_recover(Monitor *mon, const Json *args, GError **error)
{
    migration_recover(json_member_string(args, "uri", ""), error);
}

static void cmd_migrate_start_postcopy(Monitor *mon, const Json *args, GError **error)
{
    migration_start_postcopy(error);
}

static void cmd_migrate_set_capability(Monitor *mon, const Json *args, GError **error)
{
    migration_set_capability_text(json_member_string(args, "capability", ""), json_member_bool(args, "state", false), error);
}

static void cmd_migrate_set_parameter(Monitor *mon, const Json *args, GError **error)
{
    migration_set_parameter_text(json_member_string(args, "parameter", ""), json_member_string(args, "value", ""), error);
}

static void cmd_savevm(Monitor *mon, const Json *args, GError **error)
{
    snapshot_save(json_member_string(args, "name", NULL), error);
}

static void cmd_loadvm(Monitor *mon, const Json *args, GError **error)
{
    snapshot_load(json_member_string(args, "name", ""), error);
}

static void cmd_delvm(Monitor *mon, const Json *args, GError **error)
{
    snapshot_delete(json_member_string(args, "name", ""), error);
}

static void add_matching(GPtrArray *words, const char *const *names, const char *prefix)
{
    for (; *names; names++) {
        if (g_str_has_prefix(*names, prefix)) {
            g_ptr_array_add(words, g_strdup(*names));
        }
    }
}

static void complete_capability(GPtrArray *words, const char *prefix)
{
    add_matching(words, migration_capability_names(), prefix);
}

static void complete_parameter(GPtrArray *words, const char *prefix)
{
    add_matching(words, migration_parameter_names(), prefix);
}

static const HmpCommand commands[] = {
    { "migrate", "detach:- blk:- inc:- resume:- uri:s", "[-d] [-b] [-i] [-r] uri",
      "migrate to URI (using -d to not wait for completion)", cmd_migrate },
    { "migrate_cancel", NULL, NULL, "cancel the current VM migration", cmd_migrate_cancel },
    { "migrate_continue", "state:s", "state", "Continue migration from the given paused state", cmd_migrate_continue },
    { "migrate_incoming", "uri:s", "uri", "Continue an incoming migration from an -incoming defer", cmd_migrate_incoming },
    { "migrate_pause", NULL, NULL, "Pause an ongoing migration (postcopy-only)", cmd_migrate_pause },
    { "migrate_recover", "uri:s", "uri", "Continue a paused incoming postcopy migration", cmd_migrate_recover },
    { "migrate_start_postcopy", NULL, NULL,
      "Followup to a migration command to switch the migration to postcopy mode. The postcopy-ram capability must be set on both source and "
      "destination before the original migration command .", cmd_migrate_start_postcopy },
    { "migrate_set_capability", "capability:s state:b", "capability state", "Enable/Disable the usage of a capability for migration",
      cmd_migrate_set_capability, complete_capability },
    { "migrate_set_parameter", "parameter:s value:s", "parameter value", "Set the parameter for migration",
      cmd_migrate_set_parameter, complete_parameter },
    { "savevm", "name:s?", "tag", "save a VM snapshot. If no tag is provided, a new snapshot is created", cmd_savevm },
    { "loadvm", "name:s", "tag", "restore a VM snapshot from its tag", cmd_loadvm },
    { "delvm", "name:s", "tag", "delete a VM snapshot from its tag", cmd_delvm },
};
HMP_COMMANDS(commands)

static void info_migrate(Monitor *mon, const Json *args, GError **error)
{
    print(mon, migration_query_print);
}

static void info_migrate_capabilities(Monitor *mon, const Json *args, GError **error)
{
    print(mon, migration_print_capabilities);
}

static void info_migrate_parameters(Monitor *mon, const Json *args, GError **error)
{
    print(mon, migration_print_parameters);
}

static void info_snapshots(Monitor *mon, const Json *args, GError **error)
{
    print(mon, snapshot_print);
}

static void info_trail(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(Json) all = migration_query_trail();
    const Json *hops = json_member(all, "trail"), *carried = json_member(all, "carried");

    for (size_t i = 0; i < json_count(hops); i++) {
        monitor_printf(mon, "%s in release %s\n", json_member_string(json_at(hops, i), "machine", ""),
                       json_member_string(json_at(hops, i), "release", ""));
    }
    monitor_printf(mon, "here in release %s\n", json_member_string(all, "release", ""));
    for (size_t i = 0; i < json_count(carried); i++) {
        const Json *entry = json_at(carried, i);
        const char *id = json_member_string(entry, "id", "");

        monitor_printf(mon, "%s: %s=%s, %s\n", *id ? id : json_member_string(entry, "device", ""),
                       json_member_string(entry, "property", ""), json_member_string(entry, "value", ""),
                       json_member_string(entry, "text", ""));
    }
}

static const HmpCommand infos[] = {
    { "migrate", NULL, NULL, "show migration status", info_migrate },
    { "migrate_capabilities", NULL, NULL, "show current migration capabilities", info_migrate_capabilities },
    { "migrate_parameters", NULL, NULL, "show current migration parameters", info_migrate_parameters },
    { "snapshots", NULL, NULL, "show the currently saved VM snapshots", info_snapshots },
    { "trail", NULL, NULL, "show where the machine was since power-on, and what it carries", info_trail },
};
HMP_INFO(infos)
