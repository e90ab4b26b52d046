/* query-migrate and info migrate. */
#include "capability.h"
#include "migration-object.h"
#include "migration/migration.h"
#include "outgoing.h"
#include "ram.h"
#include "system/runstate.h"

static const char *const status_names[] = {
    [MIGRATION_NONE] = "none", [MIGRATION_SETUP] = "setup", [MIGRATION_CANCELLING] = "cancelling",
    [MIGRATION_CANCELLED] = "cancelled", [MIGRATION_ACTIVE] = "active", [MIGRATION_PRE_SWITCHOVER] = "pre-switchover",
    [MIGRATION_DEVICE] = "device", [MIGRATION_COMPLETED] = "completed", [MIGRATION_FAILED] = "failed",
};

const char *migration_status_name(MigrationStatus status)
{
    return status_names[status];
}

void migration_status_event(MigrationStatus status)
{
    if (capability_is_on(CAPABILITY_EVENTS)) {
        Json *data = json_new_object();

        json_set(data, "status", json_new_string(status_names[status]));
        event_emit("MIGRATION", data);
    }
}

static bool has_figures(MigrationStatus status)
{
    return status == MIGRATION_ACTIVE || status == MIGRATION_CANCELLING || status == MIGRATION_PRE_SWITCHOVER ||
           status == MIGRATION_DEVICE || status == MIGRATION_COMPLETED;
}

static Json *ram_figures(const OutgoingInfo *info)
{
    RamStats stats = ram_stats();
    Json *ram = json_new_object();

    json_set(ram, "transferred", json_new_uint(info->transferred));
    json_set(ram, "remaining", json_new_uint(info->status == MIGRATION_COMPLETED ? 0 :
                                             stats.remaining_pages * TARGET_PAGE_SIZE));
    json_set(ram, "total", json_new_uint(stats.total_bytes));
    json_set(ram, "duplicate", json_new_uint(stats.zero_pages));
    json_set(ram, "skipped", json_new_uint(0));
    json_set(ram, "normal", json_new_uint(stats.normal_pages));
    json_set(ram, "normal-bytes", json_new_uint(stats.normal_pages * TARGET_PAGE_SIZE));
    json_set(ram, "dirty-pages-rate", json_new_uint(stats.dirty_pages_rate));
    json_set(ram, "mbps", json_new_double(info->mbps));
    json_set(ram, "dirty-sync-count", json_new_uint(stats.dirty_syncs));
    json_set(ram, "postcopy-requests", json_new_uint(0));
    json_set(ram, "page-size", json_new_uint(TARGET_PAGE_SIZE));
    json_set(ram, "multifd-bytes", json_new_uint(0));
    json_set(ram, "pages-per-second", json_new_uint(info->pages_per_second));
    json_set(ram, "precopy-bytes", json_new_uint(info->precopy_bytes));
    json_set(ram, "downtime-bytes", json_new_uint(info->downtime_bytes));
    json_set(ram, "postcopy-bytes", json_new_uint(0));
    json_set(ram, "dirty-sync-missed-zero-copy", json_new_uint(0));
    return ram;
}

static void add_outgoing(Json *result, const OutgoingInfo *info)
{
    json_set(result, "status", json_new_string(status_names[info->status]));
    if (info->error) {
        json_set(result, "error-desc", json_new_string(info->error));
    }
    if (!has_figures(info->status)) {
        return;
    }
    json_set(result, "total-time", json_new_int(info->total_time));
    json_set(result, "setup-time", json_new_int(info->setup_time));
    if (info->status == MIGRATION_COMPLETED) {
        json_set(result, "downtime", json_new_int(info->downtime));
    } else {
        json_set(result, "expected-downtime", json_new_int(info->expected_downtime));
    }
    json_set(result, "ram", ram_figures(info));
}

Json *migration_query(void)
{
    OutgoingInfo info = outgoing_info();
    Json *result = json_new_object(), *part = migration_blocked_reasons();

    if (part) {
        json_set(result, "blocked-reasons", part);
    }
    if (info.status != MIGRATION_NONE) {
        add_outgoing(result, &info);
        return result;
    }
    if (incoming_status() == MIGRATION_ACTIVE || incoming_status() == MIGRATION_COMPLETED ||
        incoming_status() == MIGRATION_FAILED) {
        json_set(result, "status", json_new_string(status_names[incoming_status()]));
    }
    if (incoming_status() == MIGRATION_FAILED && incoming_error()) {
        json_set(result, "error-desc", json_new_string(incoming_error()));
    }
    part = incoming_socket_address();
    if (part) {
        json_set(result, "socket-address", part);
    }
    return result;
}

static void print_ram(GString *out, const OutgoingInfo *info)
{
    RamStats stats = ram_stats();
    uint64_t remaining = info->status == MIGRATION_COMPLETED ? 0 : stats.remaining_pages * TARGET_PAGE_SIZE;

    g_string_append_printf(out, "transferred ram: %" G_GUINT64_FORMAT " kbytes\n", info->transferred >> 10);
    g_string_append_printf(out, "throughput: %0.2f mbps\n", info->mbps);
    g_string_append_printf(out, "remaining ram: %" G_GUINT64_FORMAT " kbytes\n", remaining >> 10);
    g_string_append_printf(out, "total ram: %" G_GUINT64_FORMAT " kbytes\n", stats.total_bytes >> 10);
    g_string_append_printf(out, "duplicate: %" G_GUINT64_FORMAT " pages\n", stats.zero_pages);
    g_string_append_printf(out, "skipped: 0 pages\n");
    g_string_append_printf(out, "normal: %" G_GUINT64_FORMAT " pages\n", stats.normal_pages);
    g_string_append_printf(out, "normal bytes: %" G_GUINT64_FORMAT " kbytes\n",
                           (uint64_t)(stats.normal_pages * TARGET_PAGE_SIZE >> 10));
    g_string_append_printf(out, "dirty sync count: %" G_GUINT64_FORMAT "\n", stats.dirty_syncs);
    g_string_append_printf(out, "page size: %u kbytes\n", (unsigned)(TARGET_PAGE_SIZE >> 10));
    g_string_append_printf(out, "multifd bytes: 0 kbytes\n");
    g_string_append_printf(out, "pages-per-second: %" G_GUINT64_FORMAT "\n", info->pages_per_second);
    if (stats.dirty_pages_rate) {
        g_string_append_printf(out, "dirty pages rate: %" G_GUINT64_FORMAT " pages\n", stats.dirty_pages_rate);
    }
    g_string_append_printf(out, "precopy ram: %" G_GUINT64_FORMAT " kbytes\n", info->precopy_bytes >> 10);
    if (info->downtime_bytes) {
        g_string_append_printf(out, "downtime ram: %" G_GUINT64_FORMAT " kbytes\n", info->downtime_bytes >> 10);
    }
}

static void print_outgoing(GString *out, const OutgoingInfo *info)
{
    g_string_append_printf(out, "Migration status: %s", status_names[info->status]);
    g_string_append_printf(out, info->error ? " (%s)\n" : "\n", info->error);
    g_string_append_printf(out, "total time: %" G_GINT64_FORMAT " ms\n", has_figures(info->status) ? info->total_time : 0);
    if (!has_figures(info->status)) {
        return;
    }
    if (info->status == MIGRATION_COMPLETED) {
        g_string_append_printf(out, "downtime: %" G_GINT64_FORMAT " ms\n", info->downtime);
    } else {
        g_string_append_printf(out, "expected downtime: %" G_GINT64_FORMAT " ms\n", info->expected_downtime);
    }
    g_string_append_printf(out, "setup: %" G_GINT64_FORMAT " ms\n", info->setup_time);
    print_ram(out, info);
}

void migration_query_print(GString *out)
{
    OutgoingInfo info = outgoing_info();
    g_autoptr(Json) reasons = migration_blocked_reasons();

    g_string_append_printf(out, "globals:\nstore-global-state: %s\nonly-migratable: %s\nsend-configuration: on\n"
                           "send-section-footer: on\ndecompress-error-check: on\nclear-bitmap-shift: 18\n",
                           migration_object()->store_global_state ? "on" : "off",
                           migration_only_migratable() ? "on" : "off");
    for (size_t i = 0; reasons && i < json_count(reasons); i++) {
        g_string_append_printf(out, "%s%s\n", i ? "" : "Outgoing migration blocked:\n  ", json_get_string(json_at(reasons, i)));
    }
    if (info.status != MIGRATION_NONE) {
        print_outgoing(out, &info);
    } else if (incoming_status() == MIGRATION_ACTIVE || incoming_status() == MIGRATION_COMPLETED ||
               incoming_status() == MIGRATION_FAILED) {
        g_string_append_printf(out, "Migration status: %s\ntotal time: 0 ms\n", status_names[incoming_status()]);
    }
}
