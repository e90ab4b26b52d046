/* The properties that every machine has. */
#include "hw/core/machine-internal.h"
#include "system/hostmem.h"
#include "util/error.h"

/* prop_kind_string under the names that QEMU shows. */
static bool text_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    return prop_kind_string.set(obj, prop, value, error);
}

static Json *text_get(Object *obj, const Property *prop, GError **error)
{
    const char *text = *(char **)property_field(obj, prop);

    return json_new_string(text ? text : "");
}

static void text_release(Object *obj, const Property *prop)
{
    prop_kind_string.release(obj, prop);
}

static const PropertyKind kind_text = { .name = "string", .set = text_set, .get = text_get, .release = text_release };

/* There is no kind of confidential guest here: naming one is naming an object that can't be. */
static bool cgs_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    const char *id = json_get_string(value);

    if (id && *id) {
        return error_setf(error, "Device '%s' not found", id);
    }
    return true;
}
static const PropertyKind kind_cgs = {
    .name = "link<confidential-guest-support>", .set = cgs_set, .get = text_get, .release = text_release,
};

/* The id as given until the backend is taken, its path afterwards. */
static Json *backend_get(Object *obj, const Property *prop, GError **error)
{
    const MachineState *m = MACHINE(obj);
    g_autofree char *path = m->ram_backend ? object_path(m->ram_backend) : NULL;

    return json_new_string(path ? path : m->ram_backend_id ? m->ram_backend_id : "");
}

static bool backend_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    if (MACHINE(obj)->initialized) {
        return error_setf(error, "Attempt to set property 'memory-backend' after the machine was initialized");
    }
    return prop_kind_string.set(obj, prop, value, error);
}
static const PropertyKind kind_backend = {
    .name = "link<memory-backend>", .set = backend_set, .get = backend_get, .release = text_release,
};

/* The nested ones. */
static bool is_early(Object *obj, const Property *prop, GError **error)
{
    return !MACHINE(obj)->initialized ||
           error_setf(error, "Attempt to set property '%s' after the machine was initialized", prop->name);
}

static bool smp_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    return is_early(obj, prop, error) && machine_set_smp(MACHINE(obj), value, error);
}

static Json *smp_get(Object *obj, const Property *prop, GError **error)
{
    return machine_get_smp(MACHINE(obj));
}
static const PropertyKind kind_smp = { .name = "SMPConfiguration", .set = smp_set, .get = smp_get };

static bool memory_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    return is_early(obj, prop, error) && machine_set_memory(MACHINE(obj), value, error);
}

static Json *memory_get(Object *obj, const Property *prop, GError **error)
{
    return machine_get_memory(MACHINE(obj));
}
static const PropertyKind kind_memory = { .name = "MemorySizeConfiguration", .set = memory_set, .get = memory_get };

static bool boot_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    return machine_set_boot(MACHINE(obj), value, error);
}

static Json *boot_get(Object *obj, const Property *prop, GError **error)
{
    const MachineState *m = MACHINE(obj);

    return m->boot ? json_ref(m->boot) : json_new_object();
}
static const PropertyKind kind_boot = { .name = "BootConfiguration", .set = boot_set, .get = boot_get };

static bool int_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    return prop_kind_int64.set(obj, prop, value, error);
}

static bool int_parse(Object *obj, const Property *prop, const char *text, GError **error)
{
    return prop_kind_int64.parse(obj, prop, text, error);
}

static Json *int_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_int(*(int64_t *)property_field(obj, prop));
}
static const PropertyKind kind_int = { .name = "int", .set = int_set, .parse = int_parse, .get = int_get };

#define TEXT(n, f, d) DEFINE_PROP(n, kind_text, MachineState, f, 0, .no_default = true, .description = d)
#define BOOL(n, f, v, d) DEFINE_PROP_BOOL(n, MachineState, f, v, .description = d)
#define WHOLE(n, k, d) { .name = n, .kind = &(k), .no_default = true, .description = d }

static const Property machine_props[] = {
    TEXT("append", append, "Linux kernel command line"),
    WHOLE("boot", kind_boot, "Boot configuration"),
    DEFINE_PROP("confidential-guest-support", kind_cgs, MachineState, cgs, 0, .no_default = true,
                .description = "Set confidential guest scheme to support"),
    TEXT("dt-compatible", dt_compatible, "Overrides the \"compatible\" property of the dt root node"),
    TEXT("dtb", dtb, "Linux kernel device tree file"),
    BOOL("dump-guest-core", dump_guest_core, true, "Include guest memory in a core dump"),
    TEXT("dumpdtb", dumpdtb, "Dump current dtb to a file and quit"),
    TEXT("firmware", firmware, "Firmware image"),
    BOOL("graphics", graphics, true, "Set on/off to enable/disable graphics emulation"),
    TEXT("initrd", initrd, "Linux initial ramdisk file"),
    TEXT("kernel", kernel, "Linux kernel image file"),
    BOOL("mem-merge", mem_merge, true, "Enable/disable memory merge support"),
    WHOLE("memory", kind_memory, "Memory size configuration"),
    DEFINE_PROP("memory-backend", kind_backend, MachineState, ram_backend_id, 0, .no_default = true,
                .description = "Set RAM backendValid value is ID of hostmem based backend"),
    TEXT("memory-encryption", memory_encryption, "Set memory encryption object to use"),
    DEFINE_PROP("phandle-start", kind_int, MachineState, phandle_start, 0, .no_default = true,
                .description = "The first phandle ID we may generate dynamically"),
    WHOLE("smp", kind_smp, "CPU topology"),
    TEXT("snapshot-dir", snapshot_dir, "Directory where savevm keeps its states"),
    BOOL("suppress-vmdesc", suppress_vmdesc, false, "Set on to disable self-describing migration"),
    BOOL("usb", usb, false, "Set on/off to enable/disable usb"),
};

void machine_class_add_props(ObjectClass *klass)
{
    object_class_add_props(klass, machine_props, G_N_ELEMENTS(machine_props));
}
