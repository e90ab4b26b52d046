/* HMP: the board's chips and the memory that it was made with. */
#include "hw/i386/pc.h"
#include "hw/virtio/virtio.h"
#include "monitor/hmp.h"
#include "monitor/qmp.h"

/* What a PC says of itself; nothing without one. */
static void print_board(Monitor *mon, void (*fn)(const PCMachineState *pc, GString *out))
{
    PCMachineState *pc = object_dynamic_cast(current_machine, TYPE_PC_MACHINE);
    g_autoptr(GString) out = g_string_new(NULL);

    if (pc) {
        fn(pc, out);
        monitor_puts(mon, out->str);
    }
}

static void info_pic(Monitor *mon, const Json *args, GError **error)
{
    print_board(mon, pc_print_pic);
}

static void info_irq(Monitor *mon, const Json *args, GError **error)
{
    print_board(mon, pc_print_irq_counts);
}

static void info_roms(Monitor *mon, const Json *args, GError **error)
{
    print_board(mon, pc_print_roms);
}

static void info_hotpluggable_cpus(Monitor *mon, const Json *args, GError **error)
{
    static const char *const ids[] = { "node-id", "socket-id", "die-id", "cluster-id", "core-id", "thread-id" };
    g_autoptr(Json) v = qmp_run("query-hotpluggable-cpus", NULL, NULL, error);

    if (!v) {
        return;
    }
    monitor_puts(mon, "Hotpluggable CPUs:\n");
    for (size_t i = 0; i < json_count(v); i++) {
        const Json *cpu = json_at(v, i), *props = json_member(cpu, "props");

        monitor_printf(mon, "  type: \"%s\"\n  vcpus_count: \"%" G_GINT64_FORMAT "\"\n",
                       json_member_string(cpu, "type", ""), json_member_int(cpu, "vcpus-count", 0));
        if (json_has(cpu, "qom-path")) {
            monitor_printf(mon, "  qom_path: \"%s\"\n", json_member_string(cpu, "qom-path", ""));
        }
        monitor_puts(mon, "  CPUInstance Properties:\n");
        for (size_t k = 0; k < G_N_ELEMENTS(ids); k++) {
            if (json_has(props, ids[k])) {
                monitor_printf(mon, "    %s: \"%" G_GINT64_FORMAT "\"\n", ids[k], json_member_int(props, ids[k], 0));
            }
        }
    }
}

static bool collect_virtio(Object *obj, void *found)
{
    VirtIODevice *vdev = object_dynamic_cast(obj, TYPE_VIRTIO_DEVICE);

    if (vdev && DEVICE(obj)->realized) {
        g_ptr_array_add(found, vdev);
    }
    object_foreach_child(obj, collect_virtio, found);
    return true;
}

static void info_virtio(Monitor *mon, const Json *args, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();

    collect_virtio(OBJECT(current_machine), found);
    for (guint i = 0; i < found->len; i++) {
        g_autofree char *path = object_path(found->pdata[i]);

        monitor_printf(mon, "%s [%s]\n", path, VIRTIO_DEVICE_GET_CLASS(found->pdata[i])->name);
    }
    monitor_puts(mon, found->len ? "" : "No VirtIO devices\n");
}

static const HmpCommand commands[] = {
    { "pic", NULL, NULL, "show PIC state", info_pic },
    { "irq", NULL, NULL, "show the interrupts statistics (if available)", info_irq },
    { "roms", NULL, NULL, "show roms", info_roms },
    { "hotpluggable-cpus", NULL, NULL, "Show information about hotpluggable CPUs", info_hotpluggable_cpus },
    { "virtio", NULL, NULL, "List all available virtio devices", info_virtio },
};
HMP_INFO(commands)
