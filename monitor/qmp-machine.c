/* QMP about the machine: types of machines, memory, the PCI bus, threads. */
#include <string.h>

#include "hw/core/compat.h"
#include "hw/core/machine.h"
#include "hw/pci/pci.h"
#include "monitor/qmp.h"
#include "system/hostmem.h"
#include "system/iothread.h"

/* --- machines --- */

QMP_STRUCT(compat_property, "CompatProperty", { "qom-type", &qmp_str }, { "property", &qmp_str }, { "value", &qmp_str });
QMP_LIST(compat_properties, compat_property);
QMP_STRUCT(machine_info, "MachineInfo", { "name", &qmp_str }, { "alias", &qmp_str, QMP_OPTIONAL },
           { "is-default", &qmp_bool, QMP_OPTIONAL }, { "cpu-max", &qmp_int }, { "hotpluggable-cpus", &qmp_bool },
           { "numa-mem-supported", &qmp_bool }, { "deprecated", &qmp_bool }, { "default-cpu-type", &qmp_str, QMP_OPTIONAL },
           { "default-ram-id", &qmp_str, QMP_OPTIONAL }, { "acpi", &qmp_bool, QMP_OPTIONAL },
           { "compat-props", &qmp_compat_properties, QMP_OPTIONAL, "unstable" });
QMP_LIST(machine_infos, machine_info);

static void add_compat(const CompatTable *table, const CompatRow *row, void *list)
{
    Json *entry = json_new_object();

    json_set(entry, "qom-type", json_new_string(row->driver));
    json_set(entry, "property", json_new_string(row->property));
    json_set(entry, "value", json_new_string(row->old_value));
    json_append(list, entry);
}

typedef struct MachineList {
    Json *list;
    bool compat_props;
} MachineList;

static void add_machine(MachineClass *mc, void *opaque)
{
    const MachineList *l = opaque;
    Json *info = json_new_object();

    json_set(info, "hotpluggable-cpus", json_new_bool(mc->hotpluggable_cpus));
    json_set(info, "name", json_new_string(mc->name));
    if (mc->alias) {
        json_set(info, "alias", json_new_string(mc->alias));
    }
    if (mc->is_default) {
        json_set(info, "is-default", json_new_bool(true));
    }
    json_set(info, "numa-mem-supported", json_new_bool(mc->numa_mem_supported));
    if (mc->default_cpu_type) {
        json_set(info, "default-cpu-type", json_new_string(mc->default_cpu_type));
    }
    json_set(info, "cpu-max", json_new_int(mc->max_cpus));
    json_set(info, "deprecated", json_new_bool(mc->parent_class.deprecated));
    if (mc->default_ram_id) {
        json_set(info, "default-ram-id", json_new_string(mc->default_ram_id));
    }
    if (release_compare(release, RELEASE(8, 0)) >= 0) {
        json_set(info, "acpi", json_new_bool(mc->has_acpi));
    }
    if (l->compat_props) {
        Json *props = json_new_array();

        if (mc->version.major) {
            compat_foreach_row(release, mc->version, add_compat, props);
        }
        json_set(info, "compat-props", props);
    }
    json_append(l->list, info);
}

static Json *query_machines(Json *args, Monitor *mon, GError **error)
{
    MachineList l = { json_new_array(), json_member_bool(args, "compat-props", false) };

    machine_foreach(add_machine, &l);
    return l.list;
}

QMP_STRUCT(current_machine_params, "CurrentMachineParams", { "wakeup-suspend-support", &qmp_bool });

static Json *query_current_machine(Json *args, Monitor *mon, GError **error)
{
    Json *params = json_new_object();

    json_set(params, "wakeup-suspend-support", json_new_bool(current_machine && MACHINE_GET_CLASS(current_machine)->has_acpi));
    return params;
}

/* --- memory --- */

QMP_STRUCT(memory_info, "MemoryInfo", { "base-memory", &qmp_size }, { "plugged-memory", &qmp_size, QMP_OPTIONAL });

static Json *query_memory_size_summary(Json *args, Monitor *mon, GError **error)
{
    Json *info = json_new_object();

    json_set(info, "base-memory", json_new_uint(current_machine ? current_machine->ram_size : 0));
    json_set(info, "plugged-memory", json_new_uint(0));
    return info;
}

QMP_ENUM(mem_policy, "HostMemPolicy", "default", "preferred", "bind", "interleave");
static const QmpType qmp_uint16s = { .meta = QMP_META_LIST, .element = &qmp_uint16 };
QMP_STRUCT(memdev, "Memdev", { "id", &qmp_str, QMP_OPTIONAL }, { "size", &qmp_size }, { "merge", &qmp_bool }, { "dump", &qmp_bool },
           { "prealloc", &qmp_bool }, { "share", &qmp_bool }, { "reserve", &qmp_bool, QMP_OPTIONAL },
           { "host-nodes", &qmp_uint16s }, { "policy", &qmp_mem_policy });
QMP_LIST(memdevs, memdev);

static bool add_memdev(Object *obj, void *list)
{
    HostMemoryBackend *b = object_dynamic_cast(obj, TYPE_MEMORY_BACKEND);
    Json *info;

    if (!b) {
        return true;
    }
    info = json_new_object();
    json_set(info, "share", json_new_bool(b->share));
    json_set(info, "reserve", json_new_bool(b->reserve));
    json_set(info, "prealloc", json_new_bool(b->prealloc));
    json_set(info, "host-nodes", json_new_array());
    json_set(info, "size", json_new_uint(b->size));
    json_set(info, "merge", json_new_bool(b->merge));
    json_set(info, "dump", json_new_bool(b->dump));
    json_set(info, "policy", json_new_string("default"));
    json_set(info, "id", json_new_string(object_name(obj)));
    json_append(list, info);
    return true;
}

static Json *query_memdev(Json *args, Monitor *mon, GError **error)
{
    Json *list = json_new_array();

    object_foreach_child(object_container(object_root(), "objects"), add_memdev, list);
    return list;
}

/* Hot-plugged memory: there is none. */
QMP_ENUM(memory_device_kind, "MemoryDeviceInfoKind", "dimm");
QMP_STRUCT(memory_device, "MemoryDeviceInfo", { "type", &qmp_memory_device_kind });
QMP_LIST(memory_devices, memory_device);

static Json *query_memory_devices(Json *args, Monitor *mon, GError **error)
{
    return json_new_array();
}

/* --- threads --- */

QMP_STRUCT(iothread_info, "IOThreadInfo", { "id", &qmp_str }, { "thread-id", &qmp_int }, { "poll-max-ns", &qmp_int },
           { "poll-grow", &qmp_int }, { "poll-shrink", &qmp_int }, { "aio-max-batch", &qmp_int });
QMP_LIST(iothread_infos, iothread_info);

static bool add_iothread(Object *obj, void *list)
{
    const IOThread *t = object_dynamic_cast(obj, TYPE_IOTHREAD);
    Json *info;

    if (!t) {
        return true;
    }
    info = json_new_object();
    json_set(info, "poll-shrink", json_new_int(t->poll_shrink));
    json_set(info, "thread-id", json_new_int(t->thread_id));
    json_set(info, "aio-max-batch", json_new_int(t->aio_max_batch));
    json_set(info, "poll-grow", json_new_int(t->poll_grow));
    json_set(info, "poll-max-ns", json_new_int(t->poll_max_ns));
    json_set(info, "id", json_new_string(object_name(obj)));
    json_append(list, info);
    return true;
}

static Json *query_iothreads(Json *args, Monitor *mon, GError **error)
{
    Json *list = json_new_array();

    object_foreach_child(object_container(object_root(), "objects"), add_iothread, list);
    return list;
}

/* --- the PCI bus --- */

static const QmpType qmp_pci_devices;
QMP_STRUCT(pci_range, "PciMemoryRange", { "base", &qmp_int }, { "limit", &qmp_int });
QMP_STRUCT(pci_region, "PciMemoryRegion", { "bar", &qmp_int }, { "type", &qmp_str }, { "address", &qmp_int }, { "size", &qmp_int },
           { "prefetch", &qmp_bool, QMP_OPTIONAL }, { "mem_type_64", &qmp_bool, QMP_OPTIONAL });
QMP_LIST(pci_regions, pci_region);
QMP_STRUCT(pci_bus_info, "PciBusInfo", { "number", &qmp_int }, { "secondary", &qmp_int }, { "subordinate", &qmp_int },
           { "io_range", &qmp_pci_range }, { "memory_range", &qmp_pci_range }, { "prefetchable_range", &qmp_pci_range });
QMP_STRUCT(pci_bridge_info, "PciBridgeInfo", { "bus", &qmp_pci_bus_info }, { "devices", &qmp_pci_devices, QMP_OPTIONAL });
QMP_STRUCT(pci_class, "PciDeviceClass", { "desc", &qmp_str, QMP_OPTIONAL }, { "class", &qmp_int });
QMP_STRUCT(pci_id, "PciDeviceId", { "device", &qmp_int }, { "vendor", &qmp_int }, { "subsystem", &qmp_int, QMP_OPTIONAL },
           { "subsystem-vendor", &qmp_int, QMP_OPTIONAL });
QMP_STRUCT(pci_device, "PciDeviceInfo", { "bus", &qmp_int }, { "slot", &qmp_int }, { "function", &qmp_int },
           { "class_info", &qmp_pci_class }, { "id", &qmp_pci_id }, { "irq", &qmp_int, QMP_OPTIONAL }, { "irq_pin", &qmp_int },
           { "qdev_id", &qmp_str }, { "pci_bridge", &qmp_pci_bridge_info, QMP_OPTIONAL }, { "regions", &qmp_pci_regions });
static const QmpType qmp_pci_devices = { .meta = QMP_META_LIST, .element = &qmp_pci_device };
QMP_STRUCT(pci_info, "PciInfo", { "bus", &qmp_int }, { "devices", &qmp_pci_devices });
QMP_LIST(pci_infos, pci_info);

static Json *query_pci(Json *args, Monitor *mon, GError **error)
{
    return pci_query();
}

static const QmpCommand commands[] = {
    { "query-machines", query_machines, QMP_ARGS({ "compat-props", &qmp_bool, QMP_OPTIONAL, "unstable" }), &qmp_machine_infos,
      QMP_PRECONFIG },
    { "query-current-machine", query_current_machine, NULL, &qmp_current_machine_params },
    { "query-memory-size-summary", query_memory_size_summary, NULL, &qmp_memory_info },
    { "query-memdev", query_memdev, NULL, &qmp_memdevs, QMP_PRECONFIG },
    { "query-memory-devices", query_memory_devices, NULL, &qmp_memory_devices },
    { "query-iothreads", query_iothreads, NULL, &qmp_iothread_infos, QMP_PRECONFIG },
    { "query-pci", query_pci, NULL, &qmp_pci_infos },
};
QMP_COMMANDS(commands)
