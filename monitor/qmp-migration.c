/* QMP about moving the machine, and its trail. */
#include "migration/migration.h"
#include "monitor/monitor.h"
#include "monitor/qmp.h"

/* --- types --- */

QMP_ENUM(capability, "MigrationCapability", "xbzrle", "rdma-pin-all", "auto-converge", "zero-blocks", "compress", "events",
         "postcopy-ram", "x-colo", "release-ram", "block", "return-path", "pause-before-switchover", "multifd",
         "dirty-bitmaps", "postcopy-blocktime", "late-block-activate", "x-ignore-shared", "validate-uuid",
         "background-snapshot", "zero-copy-send", "postcopy-preempt");
QMP_STRUCT(capability_status, "MigrationCapabilityStatus", { "capability", &qmp_capability }, { "state", &qmp_bool });
QMP_LIST(capability_statuses, capability_status);
QMP_ENUM(multifd_compression, "MultiFDCompression", "none", "zlib", "zstd");
QMP_ENUM(migration_status, "MigrationStatus", "none", "setup", "cancelling", "cancelled", "active", "postcopy-active",
         "postcopy-paused", "postcopy-recover", "completed", "failed", "colo", "pre-switchover", "device", "wait-unplug");
static const QmpType qmp_str_or_null = {
    .name = "StrOrNull", .meta = QMP_META_ALTERNATE, .members = QMP_MEMBERS({ "s", &qmp_str }, { "n", &qmp_null }),
};

#define OPT QMP_OPTIONAL
#define PARAMETERS(str_type)                                                                                    \
    { "announce-initial", &qmp_size, OPT }, { "announce-max", &qmp_size, OPT }, { "announce-rounds", &qmp_size, OPT }, \
    { "announce-step", &qmp_size, OPT }, { "compress-level", &qmp_uint8, OPT }, { "compress-threads", &qmp_uint8, OPT }, \
    { "compress-wait-thread", &qmp_bool, OPT }, { "decompress-threads", &qmp_uint8, OPT },                      \
    { "throttle-trigger-threshold", &qmp_uint8, OPT }, { "cpu-throttle-initial", &qmp_uint8, OPT },             \
    { "cpu-throttle-increment", &qmp_uint8, OPT }, { "cpu-throttle-tailslow", &qmp_bool, OPT },                 \
    { "tls-creds", &str_type, OPT }, { "tls-hostname", &str_type, OPT }, { "tls-authz", &str_type, OPT },       \
    { "max-bandwidth", &qmp_size, OPT }, { "downtime-limit", &qmp_uint64, OPT },                                \
    { "x-checkpoint-delay", &qmp_uint32, OPT | QMP_UNSTABLE }, { "block-incremental", &qmp_bool, OPT },         \
    { "multifd-channels", &qmp_uint8, OPT }, { "xbzrle-cache-size", &qmp_size, OPT },                           \
    { "max-postcopy-bandwidth", &qmp_size, OPT }, { "max-cpu-throttle", &qmp_uint8, OPT },                      \
    { "multifd-compression", &qmp_multifd_compression, OPT }, { "multifd-zlib-level", &qmp_uint8, OPT },        \
    { "multifd-zstd-level", &qmp_uint8, OPT }

QMP_STRUCT(parameters, "MigrationParameters", PARAMETERS(qmp_str));
static const QmpType qmp_set_parameters = {
    .name = "MigrateSetParameters", .meta = QMP_META_STRUCT, .members = QMP_MEMBERS(PARAMETERS(qmp_str_or_null)),
};

QMP_STRUCT(ram_stats, "MigrationStats",
           { "transferred", &qmp_int }, { "remaining", &qmp_int }, { "total", &qmp_int }, { "duplicate", &qmp_int },
           { "skipped", &qmp_int }, { "normal", &qmp_int }, { "normal-bytes", &qmp_int }, { "dirty-pages-rate", &qmp_int },
           { "mbps", &qmp_number }, { "dirty-sync-count", &qmp_int }, { "postcopy-requests", &qmp_int },
           { "page-size", &qmp_int }, { "multifd-bytes", &qmp_uint64 }, { "pages-per-second", &qmp_uint64 },
           { "precopy-bytes", &qmp_uint64 }, { "downtime-bytes", &qmp_uint64 }, { "postcopy-bytes", &qmp_uint64 },
           { "dirty-sync-missed-zero-copy", &qmp_uint64 });
QMP_STRUCT(migration_info, "MigrationInfo",
           { "status", &qmp_migration_status, OPT }, { "ram", &qmp_ram_stats, OPT }, { "total-time", &qmp_int, OPT },
           { "expected-downtime", &qmp_int, OPT }, { "downtime", &qmp_int, OPT }, { "setup-time", &qmp_int, OPT },
           { "error-desc", &qmp_str, OPT }, { "blocked-reasons", &qmp_strs, OPT }, { "socket-address", &qmp_any, OPT });

QMP_ENUM(channel_type, "MigrationChannelType", "main");
QMP_ENUM(address_type, "MigrationAddressType", "socket", "exec", "file");
QMP_STRUCT(exec_command, "MigrationExecCommand", { "args", &qmp_strs });
QMP_STRUCT(file_args, "FileMigrationArgs", { "filename", &qmp_str }, { "offset", &qmp_uint64 });
QMP_ENUM(socket_type, "SocketAddressType", "inet", "unix", "fd");
QMP_STRUCT(socket_inet, "MigrationInetAddress", { "host", &qmp_str }, { "port", &qmp_str }, { "to", &qmp_uint32, OPT },
           { "ipv4", &qmp_bool, OPT }, { "ipv6", &qmp_bool, OPT });
QMP_STRUCT(socket_unix, "MigrationUnixAddress", { "path", &qmp_str }, { "abstract", &qmp_bool, OPT },
           { "tight", &qmp_bool, OPT });
QMP_STRUCT(socket_fd, "MigrationFdAddress", { "str", &qmp_str });
static const QmpType qmp_socket = {
    .name = "MigrationSocketAddress", .meta = QMP_META_STRUCT, .tag = "type", .members = QMP_MEMBERS({ "type", &qmp_socket_type }),
    .variants = QMP_MEMBERS({ "inet", &qmp_socket_inet }, { "unix", &qmp_socket_unix }, { "fd", &qmp_socket_fd }),
};
static const QmpType qmp_address = {
    .name = "MigrationAddress", .meta = QMP_META_STRUCT, .tag = "transport",
    .members = QMP_MEMBERS({ "transport", &qmp_address_type }),
    .variants = QMP_MEMBERS({ "socket", &qmp_socket }, { "exec", &qmp_exec_command }, { "file", &qmp_file_args }),
};
QMP_STRUCT(channel, "MigrationChannel", { "channel-type", &qmp_channel_type }, { "addr", &qmp_address });
QMP_LIST(channels, channel);

/* --- commands --- */

static Json *migrate(Json *args, Monitor *mon, GError **error)
{
    migration_start(json_member_string(args, "uri", NULL), json_member(args, "channels"), json_member_bool(args, "blk", false),
                    json_member_bool(args, "inc", false), json_member_bool(args, "resume", false), error);
    return NULL;
}

static Json *migrate_cancel(Json *args, Monitor *mon, GError **error)
{
    migration_cancel();
    return NULL;
}

static Json *migrate_incoming(Json *args, Monitor *mon, GError **error)
{
    migration_incoming(json_member_string(args, "uri", NULL), json_member(args, "channels"),
                       json_member_bool(args, "exit-on-error", true), error);
    return NULL;
}

static Json *migrate_pause(Json *args, Monitor *mon, GError **error)
{
    migration_pause(error);
    return NULL;
}

static Json *migrate_continue(Json *args, Monitor *mon, GError **error)
{
    migration_continue(json_member_string(args, "state", ""), error);
    return NULL;
}

static Json *migrate_recover(Json *args, Monitor *mon, GError **error)
{
    migration_recover(json_member_string(args, "uri", ""), error);
    return NULL;
}

static Json *migrate_start_postcopy(Json *args, Monitor *mon, GError **error)
{
    migration_start_postcopy(error);
    return NULL;
}

static Json *query_migrate(Json *args, Monitor *mon, GError **error)
{
    return migration_query();
}

static Json *migrate_set_parameters(Json *args, Monitor *mon, GError **error)
{
    migration_set_parameters(args, error);
    return NULL;
}

static Json *query_migrate_parameters(Json *args, Monitor *mon, GError **error)
{
    return migration_query_parameters();
}

static Json *migrate_set_capabilities(Json *args, Monitor *mon, GError **error)
{
    migration_set_capabilities(json_member(args, "capabilities"), error);
    return NULL;
}

static Json *query_migrate_capabilities(Json *args, Monitor *mon, GError **error)
{
    return migration_query_capabilities();
}

/* Godwit's own: where the machine has been since power-on, and what it carries. */
static Json *query_trail(Json *args, Monitor *mon, GError **error)
{
    return migration_query_trail();
}

QMP_STRUCT(trail_hop, "TrailHop", { "release", &qmp_str }, { "machine", &qmp_str });
QMP_LIST(trail_hops, trail_hop);
QMP_STRUCT(carried, "CarriedOverride", { "device", &qmp_str }, { "id", &qmp_str }, { "property", &qmp_str },
           { "value", &qmp_str }, { "since", &qmp_str }, { "text", &qmp_str });
QMP_LIST(carried_list, carried);
QMP_STRUCT(trail_info, "TrailInfo", { "release", &qmp_str }, { "trail", &qmp_trail_hops }, { "carried", &qmp_carried_list });

static const QmpCommand commands[] = {
    { "migrate", migrate,
      QMP_ARGS({ "uri", &qmp_str, OPT }, { "channels", &qmp_channels, OPT }, { "blk", &qmp_bool, OPT }, { "inc", &qmp_bool, OPT },
               { "detach", &qmp_bool, OPT }, { "resume", &qmp_bool, OPT }) },
    { "migrate_cancel", migrate_cancel },
    { "migrate-incoming", migrate_incoming,
      QMP_ARGS({ "uri", &qmp_str, OPT }, { "channels", &qmp_channels, OPT }, { "exit-on-error", &qmp_bool, OPT }) },
    { "migrate-pause", migrate_pause, .flags = QMP_OOB },
    { "migrate-continue", migrate_continue, QMP_ARGS({ "state", &qmp_migration_status }) },
    { "migrate-recover", migrate_recover, QMP_ARGS({ "uri", &qmp_str }), .flags = QMP_OOB },
    { "migrate-start-postcopy", migrate_start_postcopy },
    { "query-migrate", query_migrate, NULL, &qmp_migration_info },
    { "migrate-set-parameters", migrate_set_parameters, &qmp_set_parameters },
    { "query-migrate-parameters", query_migrate_parameters, NULL, &qmp_parameters },
    { "migrate-set-capabilities", migrate_set_capabilities, QMP_ARGS({ "capabilities", &qmp_capability_statuses }) },
    { "query-migrate-capabilities", query_migrate_capabilities, NULL, &qmp_capability_statuses },
    { "x-query-trail", query_trail, NULL, &qmp_trail_info, QMP_UNSTABLE },
};
QMP_COMMANDS(commands)

static const QmpEvent events[] = {
    { "MIGRATION", QMP_ARGS({ "status", &qmp_migration_status }) },
    { "MIGRATION_PASS", QMP_ARGS({ "pass", &qmp_int }) },
};
QMP_EVENTS(events)

/* fd:NAME is a descriptor of getfd, of any monitor. */
static int take_fd(const char *name, GError **error)
{
    return monitor_fd_take(NULL, name, error);
}

static void __attribute__((constructor)) migration_fds_init(void)
{
    migration_take_fd = take_fd;
}
