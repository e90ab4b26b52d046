#include <string.h>

#include "hw/core/device-internal.h"
#include "util/error.h"

/* Name to a GPtrArray of the buses that have it, in the order they were made: names are not unique. */
static GHashTable *buses_by_name;

/* ---- Names ---- */

static void name_add(BusState *bus)
{
    GPtrArray *same;

    if (!buses_by_name) {
        buses_by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    }
    same = g_hash_table_lookup(buses_by_name, bus->name);
    if (!same) {
        same = g_ptr_array_new();
        g_hash_table_insert(buses_by_name, g_strdup(bus->name), same);
    }
    g_ptr_array_add(same, bus);
}

static void name_remove(BusState *bus)
{
    GPtrArray *same = g_hash_table_lookup(buses_by_name, bus->name);

    g_ptr_array_remove(same, bus);
    if (same->len == 0) {
        g_hash_table_remove(buses_by_name, bus->name);
    }
}

BusState *bus_by_name(const char *name)
{
    const GPtrArray *same = buses_by_name ? g_hash_table_lookup(buses_by_name, name) : NULL;

    for (unsigned i = 0; same && i < same->len; i++) {
        BusState *bus = same->pdata[i];

        if (!bus->parent || bus->parent->realized) {
            return bus;
        }
    }
    return NULL;
}

/* "ID.N", N counting the parent's buses, or "type.N", N counting the class's. */
static char *automatic_name(BusState *bus)
{
    BusClass *bc = BUS_GET_CLASS(bus);
    g_autofree char *type = NULL;

    if (bus->parent && bus->parent->id) {
        return g_strdup_printf("%s.%u", bus->parent->id, bus->parent->child_buses->len);
    }
    type = g_ascii_strdown(object_type(&bus->parent_obj), -1);
    return g_strdup_printf("%s.%u", type, bc->automatic_ids++);
}

/* ---- Making and ending ---- */

static void bus_start(BusState *bus, DeviceState *parent, const char *name)
{
    bus->parent = parent;
    bus->name = name ? g_strdup(name) : automatic_name(bus);
    if (parent) {
        g_ptr_array_add(parent->child_buses, bus);
        object_add_child(&parent->parent_obj, bus->name, &bus->parent_obj);
        object_unref(bus);
        bus->realized = parent->realized;
    }
    name_add(bus);
}

BusState *bus_new(const char *type, DeviceState *parent, const char *name)
{
    BusState *bus = BUS(object_new(type));

    bus_start(bus, parent, name);
    return bus;
}

void bus_init(void *bus, size_t size, const char *type, DeviceState *parent, const char *name)
{
    object_init(bus, size, type);
    bus_start(BUS(bus), parent, name);
}

/* Whether the device goes with the bus's parent: it is part of it. */
static bool is_part_of_parent(const BusState *bus, const DeviceState *dev)
{
    const Object *obj = &dev->parent_obj;

    while (obj && obj != (const Object *)bus->parent) {
        obj = obj->parent;
    }
    return obj != NULL;
}

void bus_unparent(BusState *bus)
{
    g_autoptr(GPtrArray) devices = bus_devices(bus);

    for (unsigned i = devices->len; i-- > 0; ) {
        DeviceState *dev = devices->pdata[i];

        if (is_part_of_parent(bus, dev)) {
            device_unrealize(dev);
            bus_detach(dev);
        } else {
            device_unplug(dev);
        }
    }
    object_unparent(&bus->parent_obj);
}

BusState *bus_main_system(void)
{
    static BusState *bus;

    if (!bus) {
        bus = bus_new(TYPE_SYSTEM_BUS, NULL, "main-system-bus");
        bus->realized = true;
        object_add_child(machine_container("unattached"), "sysbus", &bus->parent_obj);
    }
    return bus;
}

/* ---- Devices on it ---- */

bool bus_is_full(const BusState *bus)
{
    const BusClass *bc = BUS_GET_CLASS(bus);

    return bus->full || (bc->max_dev && bus->children->len >= bc->max_dev);
}

bool bus_attach(BusState *bus, DeviceState *dev, GError **error)
{
    const BusClass *bc = BUS_GET_CLASS(bus);
    g_autofree char *link = NULL;

    if (dev->on_bus) {
        return true;
    }
    if (bus_is_full(bus)) {
        return error_setf(error, "Bus '%s' is full", bus->name);
    }
    if (bc->check && !bc->check(bus, dev, error)) {
        return false;
    }
    dev->on_bus = true;
    dev->bus_index = bus->max_index++;
    g_ptr_array_add(bus->children, dev);
    link = g_strdup_printf("child[%u]", dev->bus_index);
    object_add_link(&bus->parent_obj, link, object_type(&dev->parent_obj), &dev->self);
    return true;
}

void bus_detach(DeviceState *dev)
{
    if (dev->on_bus) {
        g_autofree char *link = g_strdup_printf("child[%u]", dev->bus_index);

        object_remove_property(&dev->bus->parent_obj, link);
        g_ptr_array_remove(dev->bus->children, dev);
        dev->on_bus = false;
    }
    dev->bus = NULL;
}

static GPtrArray *with_references(const GPtrArray *objects)
{
    GPtrArray *copy = g_ptr_array_new_full(objects->len, object_unref);

    for (unsigned i = 0; i < objects->len; i++) {
        g_ptr_array_add(copy, object_ref(objects->pdata[i]));
    }
    return copy;
}

GPtrArray *bus_devices(const BusState *bus)
{
    return with_references(bus->children);
}

GPtrArray *device_buses(const DeviceState *dev)
{
    return with_references(dev->child_buses);
}

/* ---- Hot plug ---- */

void bus_set_hotplug_handler(BusState *bus, Object *handler)
{
    g_assert(!handler || object_dynamic_cast(handler, TYPE_HOTPLUG_HANDLER));
    bus->hotplug_handler = handler;
}

bool bus_is_hotpluggable(BusState *bus)
{
    const HotplugHandlerClass *hc;

    if (!bus->hotplug_handler) {
        return false;
    }
    hc = object_class_cast(bus->hotplug_handler->klass, TYPE_HOTPLUG_HANDLER);
    return !hc->can_hotplug || hc->can_hotplug(bus->hotplug_handler, bus);
}

/* ---- The type ---- */

static Json *bus_realized_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_bool(BUS(obj)->realized);
}

static Object *handler_follow(Object *obj, const Property *prop)
{
    return BUS(obj)->hotplug_handler;
}

static Json *handler_get(Object *obj, const Property *prop, GError **error)
{
    return object_path_json(BUS(obj)->hotplug_handler);
}

static const PropertyKind bus_realized_kind = { .name = "bool", .get = bus_realized_get };
static const PropertyKind handler_kind = {
    .name = "link<" TYPE_HOTPLUG_HANDLER ">", .get = handler_get, .follow = handler_follow,
};

static const Property bus_props[] = {
    { .name = "realized", .kind = &bus_realized_kind, .no_default = true, .hidden = true },
    { .name = "hotplug-handler", .kind = &handler_kind, .no_default = true, .hidden = true },
};

static void bus_instance_init(Object *obj)
{
    ((BusState *)obj)->children = g_ptr_array_new();
}

static void bus_finalize(Object *obj)
{
    BusState *bus = (BusState *)obj;

    while (bus->children->len) {
        bus_detach(bus->children->pdata[bus->children->len - 1]);
    }
    if (bus->parent) {
        g_ptr_array_remove(bus->parent->child_buses, bus);
    }
    if (bus->name) {
        name_remove(bus);
    }
    g_ptr_array_unref(bus->children);
    g_free(bus->name);
}

static void bus_class_init(ObjectClass *klass, const void *data)
{
    object_class_add_props(klass, bus_props, G_N_ELEMENTS(bus_props));
}

static const TypeInfo bus_types[] = {
    { .name = TYPE_BUS, .parent = TYPE_OBJECT, .size = sizeof(BusState), .class_size = sizeof(BusClass),
      .abstract = true, .class_init = bus_class_init, .init = bus_instance_init, .finalize = bus_finalize },
    { .name = TYPE_SYSTEM_BUS, .parent = TYPE_BUS },
};
TYPES_REGISTER(bus_types)
