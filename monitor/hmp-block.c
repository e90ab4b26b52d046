/* HMP: disks. */
#include <inttypes.h>
#include <string.h>

#include "monitor/hmp.h"
#include "monitor/qmp.h"

static Json *ask(const char *command)
{
    return qmp_run(command, NULL, NULL, NULL);
}

static void print_inserted(Monitor *mon, const Json *inserted)
{
    monitor_printf(mon, "%s (%s%s%s)\n", json_member_string(inserted, "file", ""), json_member_string(inserted, "drv", ""),
                   json_member_bool(inserted, "ro", false) ? ", read-only" : "",
                   json_member_bool(inserted, "encrypted", false) ? ", encrypted" : "");
}

static void print_state(Monitor *mon, const Json *inserted)
{
    const Json *cache = json_member(inserted, "cache");

    if (cache) {
        monitor_printf(mon, "    Cache mode:       %s%s%s\n",
                       json_member_bool(cache, "writeback", true) ? "writeback" : "writethrough",
                       json_member_bool(cache, "direct", false) ? ", direct" : "",
                       json_member_bool(cache, "no-flush", false) ? ", ignore flushes" : "");
    }
    if (json_has(inserted, "backing_file")) {
        monitor_printf(mon, "    Backing file:     %s (chain depth: %d)\n", json_member_string(inserted, "backing_file", ""),
                       (int)json_member_int(inserted, "backing_file_depth", 0));
    }
}

static void print_block(Monitor *mon, const Json *info)
{
    const Json *inserted = json_member(info, "inserted");
    const char *device = json_member_string(info, "device", ""), *qdev = json_member_string(info, "qdev", NULL);

    if (*device) {
        monitor_puts(mon, device);
        if (inserted && json_has(inserted, "node-name")) {
            monitor_printf(mon, " (%s)", json_member_string(inserted, "node-name", ""));
        }
    } else {
        monitor_puts(mon, inserted ? json_member_string(inserted, "node-name", "") : qdev ? qdev : "<anonymous>");
    }
    monitor_puts(mon, ": ");
    if (inserted) {
        print_inserted(mon, inserted);
    } else {
        monitor_puts(mon, "[not inserted]\n");
    }
    if (qdev) {
        monitor_printf(mon, "    Attached to:      %s\n", qdev);
    }
    if (json_member_bool(info, "removable", false)) {
        monitor_printf(mon, "    Removable device: %slocked, tray %s\n", json_member_bool(info, "locked", false) ? "" : "not ",
                       json_member_bool(info, "tray_open", false) ? "open" : "closed");
    }
    if (inserted) {
        print_state(mon, inserted);
    }
}

static void print_size(Monitor *mon, const char *what, int64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double size = bytes;
    unsigned unit = 0;

    while (size >= 1000 && unit + 1 < G_N_ELEMENTS(units)) {
        size /= 1024;
        unit++;
    }
    monitor_printf(mon, "%s: %0.3g %s", what, size, units[unit]);
}

static void print_image(Monitor *mon, const Json *image)
{
    for (; image; image = json_member(image, "backing-image")) {
        int64_t size = json_member_int(image, "virtual-size", 0);

        monitor_printf(mon, "image: %s\nfile format: %s\n", json_member_string(image, "filename", ""), json_member_string(image, "format", ""));
        print_size(mon, "virtual size", size);
        monitor_printf(mon, " (%" PRId64 " bytes)\n", size);
        if (json_has(image, "actual-size")) {
            print_size(mon, "disk size", json_member_int(image, "actual-size", 0));
            monitor_puts(mon, "\n");
        }
    }
}

static void print_details(Monitor *mon, const Json *inserted)
{
    if (inserted && json_has(inserted, "image")) {
        monitor_puts(mon, "\nImages:\n");
        print_image(mon, json_member(inserted, "image"));
    }
}

static bool print_nodes(Monitor *mon, const char *name, bool verbose, bool separate)
{
    g_autoptr(Json) nodes = ask("query-named-block-nodes");
    bool found = false;

    for (size_t i = 0; i < json_count(nodes); i++) {
        const Json *node = json_at(nodes, i);

        if (!name || strcmp(name, json_member_string(node, "node-name", "")) == 0) {
            monitor_printf(mon, "%s%s: ", i > 0 || separate ? "\n" : "", json_member_string(node, "node-name", ""));
            print_inserted(mon, node);
            print_state(mon, node);
            if (verbose) {
                print_details(mon, node);
            }
            found = true;
        }
    }
    return found;
}

static void info_block(Monitor *mon, const Json *args, GError **error)
{
    const char *device = json_member_string(args, "device", NULL);
    bool nodes = json_member_bool(args, "nodes", false), verbose = json_member_bool(args, "verbose", false), found = false;
    g_autoptr(Json) v = ask("query-block");

    if (nodes) {
        print_nodes(mon, device, verbose, false);
        return;
    }
    for (size_t i = 0; i < json_count(v); i++) {
        const Json *info = json_at(v, i);

        if (device && strcmp(device, json_member_string(info, "device", "")) != 0) {
            continue;
        }
        monitor_puts(mon, i > 0 ? "\n" : "");
        print_block(mon, info);
        if (verbose) {
            print_details(mon, json_member(info, "inserted"));
        }
        found = true;
    }
    if (device && !found && !print_nodes(mon, device, verbose, true)) {
        error_set_class(error, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", device);
    }
}

static void info_blockstats(Monitor *mon, const Json *args, GError **error)
{
    static const char *const names[] = {
        "rd_bytes", "wr_bytes", "rd_operations", "wr_operations", "flush_operations", "wr_total_time_ns", "rd_total_time_ns",
        "flush_total_time_ns", "rd_merged", "wr_merged", "idle_time_ns",
    };
    g_autoptr(Json) v = ask("query-blockstats");

    for (size_t i = 0; i < json_count(v); i++) {
        const Json *stats = json_member(json_at(v, i), "stats");

        if (!*json_member_string(json_at(v, i), "device", "")) {
            continue;
        }
        monitor_printf(mon, "%s:", json_member_string(json_at(v, i), "device", ""));
        for (size_t k = 0; k < G_N_ELEMENTS(names); k++) {
            if (json_has(stats, names[k])) {
                monitor_printf(mon, " %s=%" G_GINT64_FORMAT, names[k], json_member_int(stats, names[k], 0));
            }
        }
        monitor_puts(mon, "\n");
    }
}

static void cmd_block_resize(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(Json) copy = json_copy(args), result = NULL;

    result = qmp_run("block_resize", copy, NULL, error);
}

static const HmpCommand commands[] = {
    { "block_resize", "device:s size:o", "device size", "resize a block image", cmd_block_resize },
};
HMP_COMMANDS(commands)

static const HmpCommand infos[] = {
    { "block", "nodes:- verbose:- device:s?", "[-n] [-v] [device]",
      "show info of one block device or all block devices (-n: show named nodes; -v: show details)", info_block },
    { "blockstats", NULL, NULL, "show block device statistics", info_blockstats },
};
HMP_INFO(infos)
