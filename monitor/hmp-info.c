/* HMP's info commands: mostly QMP's answers in words. */
#include <inttypes.h>
#include <string.h>

#include "hw/core/device.h"
#include "hw/pci/pci.h"
#include "monitor/hmp.h"
#include "monitor/qmp.h"
#include "system/memory.h"
#include "system/ramblock.h"
#include "system/runstate.h"
#include "util/trace.h"

/* A query without arguments that can't fail. */
static Json *ask(const char *command)
{
    return qmp_run(command, NULL, NULL, NULL);
}

static void info_version(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(Json) v = ask("query-version");
    const Json *q = json_member(v, "qemu");

    monitor_printf(mon, "%d.%d.%d%s\n", (int)json_member_int(q, "major", 0), (int)json_member_int(q, "minor", 0),
                   (int)json_member_int(q, "micro", 0), json_member_string(v, "package", ""));
}

static void info_status(Monitor *mon, const Json *args, GError **error)
{
    bool running = runstate_is_running();

    monitor_printf(mon, "VM status: %s", running ? "running" : "paused");
    if (!running && runstate_get() != RUN_STATE_PAUSED) {
        monitor_printf(mon, " (%s)", runstate_name(runstate_get()));
    }
    monitor_puts(mon, "\n");
}

static void info_name(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(Json) v = ask("query-name");
    const char *name = json_member_string(v, "name", NULL);

    if (name) {
        monitor_printf(mon, "%s\n", name);
    }
}

static void info_uuid(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(Json) v = ask("query-uuid");

    monitor_printf(mon, "%s\n", json_member_string(v, "UUID", ""));
}

static void info_kvm(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(Json) v = ask("query-kvm");

    monitor_printf(mon, "kvm support: %s\n", json_member_bool(v, "present", false) ?
                   json_member_bool(v, "enabled", false) ? "enabled" : "disabled" : "not compiled");
}

static void info_chardev(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(Json) v = ask("query-chardev");

    for (size_t i = 0; i < json_count(v); i++) {
        monitor_printf(mon, "%s: filename=%s\n", json_member_string(json_at(v, i), "label", ""),
                       json_member_string(json_at(v, i), "filename", ""));
    }
}

/* --- memory, threads --- */

static void info_iothreads(Monitor *mon, const Json *args, GError **error)
{
    static const char *const names[] = { "poll-max-ns", "poll-grow", "poll-shrink", "aio-max-batch" };
    g_autoptr(Json) v = ask("query-iothreads");

    for (size_t i = 0; i < json_count(v); i++) {
        monitor_printf(mon, "%s:\n  thread_id=%d\n", json_member_string(json_at(v, i), "id", ""),
                       (int)json_member_int(json_at(v, i), "thread-id", 0));
        for (size_t k = 0; k < G_N_ELEMENTS(names); k++) {
            monitor_printf(mon, "  %s=%" G_GINT64_FORMAT "\n", names[k], json_member_int(json_at(v, i), names[k], 0));
        }
    }
}

static void info_memdev(Monitor *mon, const Json *args, GError **error)
{
    static const char *const names[] = { "merge", "dump", "prealloc", "share", "reserve" };
    g_autoptr(Json) v = ask("query-memdev");

    for (size_t i = 0; i < json_count(v); i++) {
        const Json *m = json_at(v, i);

        monitor_printf(mon, "memory backend: %s\n  size:  %" G_GINT64_FORMAT "\n", json_member_string(m, "id", ""),
                       json_member_int(m, "size", 0));
        for (size_t k = 0; k < G_N_ELEMENTS(names); k++) {
            monitor_printf(mon, "  %s: %s\n", names[k], json_member_bool(m, names[k], false) ? "true" : "false");
        }
        monitor_printf(mon, "  policy: %s\n  host nodes: \n", json_member_string(m, "policy", ""));
    }
    monitor_puts(mon, "\n");
}

static void info_memory_size_summary(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(Json) v = ask("query-memory-size-summary");

    monitor_printf(mon, "base memory: %" G_GINT64_FORMAT "\nplugged memory: %" G_GINT64_FORMAT "\n",
                   json_member_int(v, "base-memory", 0), json_member_int(v, "plugged-memory", 0));
}

static void info_mtree(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);

    memory_print(out, json_member_bool(args, "flat", false));
    monitor_puts(mon, out->str);
}

static bool print_ramblock(RAMBlock *block, void *opaque)
{
    monitor_printf(opaque, "%24s   %2u KiB  0x%016" PRIx64 " 0x%016" PRIx64 "\n", block->name,
                   (unsigned)(TARGET_PAGE_SIZE / 1024), block->used_length, block->max_length);
    return true;
}

static void info_ramblock(Monitor *mon, const Json *args, GError **error)
{
    monitor_printf(mon, "%24s %8s  %18s %18s\n", "Block Name", "PSize", "Used", "Total");
    ramblock_foreach(print_ramblock, mon);
}

/* --- the trees --- */

static void info_qtree(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);

    device_print_tree(out);
    monitor_puts(mon, out->str);
}

static int by_object_name(const void *a, const void *b)
{
    return strcmp(object_name(*(Object *const *)a), object_name(*(Object *const *)b));
}

static bool collect(Object *child, void *list)
{
    g_ptr_array_add(list, child);
    return true;
}

static void print_object(Monitor *mon, Object *obj, int indent)
{
    g_autoptr(GPtrArray) children = g_ptr_array_new();
    const char *name = object_name(obj);

    monitor_printf(mon, "%*s/%s (%s)\n", indent, "", name ? name : "", object_type(obj));
    object_foreach_child(obj, collect, children);
    g_ptr_array_sort(children, by_object_name);
    for (guint i = 0; i < children->len; i++) {
        print_object(mon, children->pdata[i], indent + 2);
    }
}

static void info_qom_tree(Monitor *mon, const Json *args, GError **error)
{
    const char *path = json_member_string(args, "path", "/machine");
    bool ambiguous = false;
    Object *obj = object_resolve_path(path, &ambiguous);

    if (ambiguous) {
        monitor_puts(mon, "Warning: Path is ambiguous.\n");
    } else if (!obj) {
        monitor_puts(mon, "Path could not be resolved.\n");
    } else {
        print_object(mon, obj, 0);
    }
}

/* --- PCI --- */

static void print_range(Monitor *mon, const char *name, const Json *range, const char *tail)
{
    monitor_printf(mon, "      %s range [0x%0*" PRIx64 ", 0x%0*" PRIx64 "]%s\n", name, *name == 'I' ? 4 : 8,
                   json_member_int(range, "base", 0), *name == 'I' ? 4 : 8, json_member_int(range, "limit", 0), tail);
}

static void print_region(Monitor *mon, const Json *r)
{
    int64_t addr = json_member_int(r, "address", 0), size = json_member_int(r, "size", 0);

    monitor_printf(mon, "      BAR%d: ", (int)json_member_int(r, "bar", 0));
    if (strcmp(json_member_string(r, "type", ""), "io") == 0) {
        monitor_printf(mon, "I/O at 0x%04" PRIx64 " [0x%04" PRIx64 "].\n", addr, addr + size - 1);
    } else {
        monitor_printf(mon, "%d bit%s memory at 0x%08" PRIx64 " [0x%08" PRIx64 "].\n",
                       json_member_bool(r, "mem_type_64", false) ? 64 : 32,
                       json_member_bool(r, "prefetch", false) ? " prefetchable" : "", addr, addr + size - 1);
    }
}

static void print_device(Monitor *mon, const Json *d)
{
    const Json *id = json_member(d, "id"), *class = json_member(d, "class_info"), *bridge = json_member(d, "pci_bridge");
    const Json *regions = json_member(d, "regions"), *bus;

    monitor_printf(mon, "  Bus %2d, device %3d, function %d:\n    ", (int)json_member_int(d, "bus", 0),
                   (int)json_member_int(d, "slot", 0), (int)json_member_int(d, "function", 0));
    if (json_has(class, "desc")) {
        monitor_puts(mon, json_member_string(class, "desc", ""));
    } else {
        monitor_printf(mon, "Class %04d", (int)json_member_int(class, "class", 0));
    }
    monitor_printf(mon, ": PCI device %04x:%04x\n", (unsigned)json_member_int(id, "vendor", 0), (unsigned)json_member_int(id, "device", 0));
    if (json_has(id, "subsystem-vendor") && json_has(id, "subsystem")) {
        monitor_printf(mon, "      PCI subsystem %04x:%04x\n", (unsigned)json_member_int(id, "subsystem-vendor", 0),
                       (unsigned)json_member_int(id, "subsystem", 0));
    }
    if (json_has(d, "irq")) {
        monitor_printf(mon, "      IRQ %d, pin %c\n", (int)json_member_int(d, "irq", 0), (char)('A' + json_member_int(d, "irq_pin", 1) - 1));
    }
    if (bridge) {
        bus = json_member(bridge, "bus");
        monitor_printf(mon, "      BUS %d.\n      secondary bus %d.\n      subordinate bus %d.\n", (int)json_member_int(bus, "number", 0),
                       (int)json_member_int(bus, "secondary", 0), (int)json_member_int(bus, "subordinate", 0));
        print_range(mon, "IO", json_member(bus, "io_range"), "");
        print_range(mon, "memory", json_member(bus, "memory_range"), "");
        print_range(mon, "prefetchable memory", json_member(bus, "prefetchable_range"), "");
    }
    for (size_t i = 0; regions && i < json_count(regions); i++) {
        print_region(mon, json_at(regions, i));
    }
    monitor_printf(mon, "      id \"%s\"\n", json_member_string(d, "qdev_id", ""));
    if (bridge && json_member(bridge, "devices")) {
        const Json *devices = json_member(bridge, "devices");

        for (size_t i = 0; i < json_count(devices); i++) {
            print_device(mon, json_at(devices, i));
        }
    }
}

static void info_pci(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(Json) v = ask("query-pci");

    for (size_t i = 0; v && i < json_count(v); i++) {
        const Json *devices = json_member(json_at(v, i), "devices");

        for (size_t k = 0; devices && k < json_count(devices); k++) {
            print_device(mon, json_at(devices, k));
        }
    }
}

/* --- tracing --- */

typedef struct TracePrint {
    Monitor *mon;
    const char *pattern;
} TracePrint;

static void print_point(const TracePoint *point, void *opaque)
{
    const TracePrint *t = opaque;

    if (trace_matches(point, t->pattern)) {
        monitor_printf(t->mon, "%s : state %u\n", point->name, point->enabled);
    }
}

static void info_trace_events(Monitor *mon, const Json *args, GError **error)
{
    TracePrint t = { mon, json_member_string(args, "name", "*") };

    trace_foreach(print_point, &t);
}

static const HmpCommand commands[] = {
    { "version", NULL, NULL, "show the version of QEMU", info_version },
    { "status", NULL, NULL, "show the current VM status (running|paused)", info_status },
    { "name", NULL, NULL, "show the current VM name", info_name },
    { "uuid", NULL, NULL, "show the current VM UUID", info_uuid },
    { "kvm", NULL, NULL, "show KVM information", info_kvm },
    { "chardev", NULL, NULL, "show the character devices", info_chardev },
    { "iothreads", NULL, NULL, "show iothreads", info_iothreads },
    { "memdev", NULL, NULL, "show memory backends", info_memdev },
    { "memory_size_summary", NULL, NULL, "show the amount of initially allocated and present hotpluggable (if enabled) memory in bytes.",
      info_memory_size_summary },
    { "mtree", "flat:-", "[-f]", "show memory tree (-f: dump flat view for address spaces)", info_mtree },
    { "ramblock", NULL, NULL, "Display system ramblock information", info_ramblock },
    { "qtree", NULL, NULL, "show device tree", info_qtree },
    { "qom-tree", "path:s?", "[path]", "show QOM composition tree", info_qom_tree },
    { "pci", NULL, NULL, "show PCI info", info_pci },
    { "trace-events", "name:s?", "[name]", "show available trace-events & their state (name: event name pattern)", info_trace_events },
};
HMP_INFO(commands)
