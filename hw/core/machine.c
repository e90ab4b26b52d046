/* The machine object: its classes, its creation from -machine's options, its RAM. */
#include "hw/core/machine.h"

#include <stdlib.h>
#include <string.h>

#include "hw/core/compat.h"
#include "hw/core/machine-internal.h"
#include "system/hostmem.h"
#include "system/runstate.h"
#include "util/error.h"
#include "util/units.h"

MachineState *current_machine;

/* Classes. */
static int compare_machines(gconstpointer a, gconstpointer b)
{
    const MachineClass *x = *(MachineClass *const *)a, *y = *(MachineClass *const *)b;

    if (!x->family || !y->family) {
        return x->family ? -1 : y->family ? 1 : strcmp(x->name, y->name);
    }
    if (strcmp(x->family, y->family)) {
        return strcmp(x->family, y->family);
    }
    return release_compare(y->version, x->version);
}

static void collect_machine(ObjectClass *klass, void *opaque)
{
    g_ptr_array_add(opaque, MACHINE_CLASS(klass));
}

static GPtrArray *machines(void)
{
    GPtrArray *list = g_ptr_array_new();

    object_class_foreach(TYPE_MACHINE, false, collect_machine, list);
    g_ptr_array_sort(list, compare_machines);
    return list;
}

void machine_foreach(void (*fn)(MachineClass *, void *), void *opaque)
{
    g_autoptr(GPtrArray) list = machines();

    for (guint i = 0; i < list->len; i++) {
        fn(list->pdata[i], opaque);
    }
}

MachineClass *machine_find(const char *name, GError **error)
{
    g_autofree char *type = name ? g_strconcat(name, "-machine", NULL) : NULL;
    g_autoptr(GPtrArray) list = NULL;

    if (type && type_is_a(type, TYPE_MACHINE) && !type_is_abstract(type)) {
        return MACHINE_CLASS(object_class_by_name(type));   /* the common case makes one class only */
    }
    list = machines();
    for (guint i = 0; i < list->len; i++) {
        MachineClass *mc = list->pdata[i];

        if (name ? !g_strcmp0(mc->alias, name) || !g_strcmp0(mc->alias2, name) : mc->is_default) {
            return mc;
        }
    }
    if (!name) {
        error_setf(error,
                   "No machine specified, and there is no default\nUse -machine help to list supported machines");
        return NULL;
    }
    error_setf(error, "unsupported machine type: \"%s\"\nUse -machine help to list supported machines", name);
    return NULL;
}

static void help_line(MachineClass *mc, void *opaque)
{
    GString *out = opaque;

    if (mc->alias) {
        g_string_append_printf(out, "%-20s %s (alias of %s)\n", mc->alias, mc->desc, mc->name);
    }
    g_string_append_printf(out, "%-20s %s%s%s\n", mc->name, mc->desc, mc->is_default ? " (default)" : "",
                           mc->parent_class.deprecated ? " (deprecated)" : "");
}

void machine_help(GString *out)
{
    g_string_append(out, "Supported machines are:\n");
    machine_foreach(help_line, out);
}

/* As lines that begin "name=": memory-backend comes before memory. */
static int compare_props(gconstpointer a, gconstpointer b)
{
    const char *x = (*(const Property *const *)a)->name, *y = (*(const Property *const *)b)->name;

    while (*x && *x == *y) {
        x++;
        y++;
    }
    return (*x ? *x : '=') - (*y ? *y : '=');
}

void machine_help_options(MachineClass *mc, GString *out)
{
    const ObjectClass *klass = &mc->parent_class;
    g_autoptr(GPtrArray) props = g_ptr_array_new();

    for (unsigned i = 0; i < klass->num_props; i++) {
        if (!klass->props[i].absent && !klass->props[i].prop->hidden && klass->props[i].prop->kind->set) {
            g_ptr_array_add(props, (void *)klass->props[i].prop);
        }
    }
    g_ptr_array_sort(props, compare_props);
    g_string_append_printf(out, "%s-machine options:\n", mc->name);
    for (guint i = 0; i < props->len; i++) {
        const Property *prop = props->pdata[i];
        g_autofree char *left = g_strdup_printf("  %s=<%s>", prop->name, property_type_name(prop));

        if (prop->description) {
            g_string_append_printf(out, "%-24s - %s\n", left, prop->description);
        } else {
            g_string_append_printf(out, "%s\n", left);
        }
    }
}

/* Creation. */
typedef struct OptionReader {
    MachineState *machine;
    GError **error;
    bool ok;
} OptionReader;

static bool apply_option(const char *key, Json *value, void *opaque)
{
    OptionReader *r = opaque;
    Object *obj = &r->machine->parent_obj;
    const char *text = json_get_string(value);

    /* -smp, -m and -boot are older than the properties of that name. */
    if (!strcmp(key, "type")) {
        return true;
    } else if (!strcmp(key, "smp")) {
        r->ok = machine_set_smp(r->machine, value, r->error);
    } else if (!strcmp(key, "memory")) {
        r->ok = machine_set_memory(r->machine, value, r->error);
    } else if (!strcmp(key, "boot")) {
        r->ok = machine_set_boot(r->machine, value, r->error);
    } else if (text) {
        r->ok = object_property_parse(obj, key, text, PROP_ORIGIN_USER, r->error);
    } else {
        r->ok = object_property_set(obj, key, value, PROP_ORIGIN_USER, r->error);
    }
    return r->ok;
}

bool machine_create(const Json *options, GError **error)
{
    MachineClass *mc = machine_find(json_member_string(options, "type", NULL), error);
    OptionReader r = { .error = error, .ok = true };
    Object *obj;

    g_assert(!current_machine);
    if (!mc) {
        return false;
    }
    obj = object_new(object_class_name(&mc->parent_class));
    r.machine = MACHINE(obj);
    json_foreach(options, apply_option, &r);
    if (!r.ok) {
        object_unref(obj);
        return false;
    }
    object_add_child(object_root(), "machine", obj);
    object_unref(obj);
    object_container(obj, "peripheral");
    object_container(obj, "peripheral-anon");
    object_container(obj, "unattached");
    compat_set_machine(mc->version);
    current_machine = r.machine;
    return true;
}

/* RAM. */
static HostMemoryBackend *find_backend(const char *id, GError **error)
{
    Object *objects = object_container(object_root(), "objects");
    Object *obj = *id == '/' ? object_resolve_path(id, NULL) : object_child(objects, id);

    if (!object_dynamic_cast(obj, TYPE_MEMORY_BACKEND)) {
        error_setf(error, "Memory backend '%s' not found", id);
        return NULL;
    }
    return MEMORY_BACKEND(obj);
}

static HostMemoryBackend *default_backend(MachineState *m, GError **error)
{
    const MachineClass *mc = MACHINE_GET_CLASS(m);
    Object *objects = object_container(object_root(), "objects");
    UserCreatableClass *creatable;
    Object *obj;

    if (object_child(objects, mc->default_ram_id)) {
        error_setf(error,
                   "object name '%s' is reserved for the default RAM backend, it can't be used for any other purposes."
                   " Change the object's 'id' to something else",
                   mc->default_ram_id);
        return NULL;
    }
    obj = object_new(m->mem_path ? TYPE_MEMORY_BACKEND_FILE : TYPE_MEMORY_BACKEND_RAM);
    if (m->mem_path) {
        object_set_str(obj, "mem-path", m->mem_path);
    }
    object_set_uint(obj, "size", m->ram_size);
    object_set_bool(obj, "prealloc", m->mem_prealloc);
    object_add_child(objects, mc->default_ram_id, obj);
    object_unref(obj);
    creatable = object_class_dynamic_cast(obj->klass, TYPE_USER_CREATABLE);
    if (!creatable->complete(obj, error)) {
        object_unparent(obj);
        return NULL;
    }
    return MEMORY_BACKEND(obj);
}

static bool init_ram(MachineState *m, GError **error)
{
    const MachineClass *mc = MACHINE_GET_CLASS(m);
    HostMemoryBackend *backend;

    if (m->ram_backend_id) {
        uint64_t size;

        backend = find_backend(m->ram_backend_id, error);
        if (!backend) {
            return false;
        }
        size = hostmem_region(backend)->size;
        if (m->ram_size_given && size != m->ram_size) {
            return error_setf(error, "Machine memory size does not match the size of the memory backend");
        }
        m->ram_size = size;
        m->maxram_size = MAX(m->maxram_size, size);
    } else if (mc->default_ram_id && m->ram_size) {
        backend = default_backend(m, error);
        if (!backend) {
            return false;
        }
    } else {
        return true;
    }
    if (hostmem_is_mapped(backend)) {
        return error_setf(error, "can't use already busy memdev: %s", object_name(&backend->parent_obj));
    }
    hostmem_set_mapped(backend, true);
    m->ram_backend = &backend->parent_obj;
    m->ram = hostmem_region(backend);
    return true;
}

static bool check_boot_files(const MachineState *m, GError **error)
{
    if (!m->kernel && m->append && *m->append) {
        return error_setf(error, "-append only allowed with -kernel option");
    }
    if (!m->kernel && m->initrd) {
        return error_setf(error, "-initrd only allowed with -kernel option");
    }
    return true;
}

bool machine_init(MachineState *m, GError **error)
{
    const MachineClass *mc = MACHINE_GET_CLASS(m);

    if (!check_boot_files(m, error) || !init_ram(m, error) || (mc->init && !mc->init(m, error))) {
        return false;
    }
    m->initialized = true;
    return true;
}

bool machine_done(MachineState *m, GError **error)
{
    const MachineClass *mc = MACHINE_GET_CLASS(m);

    device_set_machine_ready();
    runstate_set_reset(reset_machine);
    if (mc->done && !mc->done(m, error)) {
        return false;
    }
    runstate_set_reset(reset_machine);
    reset_machine();
    return true;
}

bool machine_dump_dtb(MachineState *m, bool *dumped, GError **error)
{
    const MachineClass *mc = MACHINE_GET_CLASS(m);

    *dumped = m->dumpdtb && *m->dumpdtb;
    if (*dumped && !mc->dump_dtb) {
        return error_setf(error, "This machine doesn't have a FDT");
    }
    return !*dumped || mc->dump_dtb(m, m->dumpdtb, error);
}

static void machine_object_init(Object *obj)
{
    MachineState *m = MACHINE(obj);
    const MachineClass *mc = MACHINE_GET_CLASS(obj);

    m->ram_size = m->maxram_size = mc->default_ram_size;
    m->smp = (CpuTopology){ 1, 1, 1, 1, 1, 1, 1 };
}

static void machine_object_finalize(Object *obj)
{
    MachineState *m = MACHINE(obj);

    json_unref(m->boot);
    g_free(m->cpu_model);
    g_free(m->mem_path);
    g_free(m->default_firmware);
}

static void machine_class_init(ObjectClass *klass, const void *data)
{
    MachineClass *mc = MACHINE_CLASS(klass);

    mc->max_cpus = 1;
    mc->default_ram_size = 128 * MiB;
    machine_class_add_props(klass);
}

/* "none": no board; for tools that only ask questions. */
static void none_class_init(ObjectClass *klass, const void *data)
{
    MachineClass *mc = MACHINE_CLASS(klass);

    mc->name = "none";
    mc->desc = "empty machine";
    mc->default_ram_id = "ram";
    mc->default_ram_size = 0;
}

static const TypeInfo machine_types[] = {
    {
        .name = TYPE_MACHINE, .parent = TYPE_OBJECT, .abstract = true, .size = sizeof(MachineState),
        .class_size = sizeof(MachineClass), .class_init = machine_class_init, .init = machine_object_init,
        .finalize = machine_object_finalize,
    },
    { .name = "none-machine", .parent = TYPE_MACHINE, .class_init = none_class_init },
};
TYPES_REGISTER(machine_types)
