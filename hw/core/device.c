#include "hw/core/device-internal.h"
#include "hw/core/compat.h"
#include "migration/register.h"
#include "system/ramblock.h"
#include "system/runstate.h"
#include "util/error.h"

static bool machine_ready;

void device_set_machine_ready(void)
{
    machine_ready = true;
}

bool device_machine_ready(void)
{
    return machine_ready;
}

Object *machine_container(const char *name)
{
    return object_container(object_container(object_root(), "machine"), name);
}

/* ---- Names ---- */

const char *device_path_name(const DeviceState *dev)
{
    return dev->id ? dev->id : object_type(&dev->parent_obj);
}

char *device_migration_path(DeviceState *dev)
{
    const BusClass *bc = dev->bus ? BUS_GET_CLASS(dev->bus) : NULL;

    return bc && bc->dev_path ? bc->dev_path(dev) : NULL;
}

/* RAM blocks are named after the device that they belong to. */
static char *ramblock_path(Object *owner)
{
    DeviceState *dev = object_dynamic_cast(owner, TYPE_DEVICE);

    return dev ? device_migration_path(dev) : NULL;
}

static void __attribute__((constructor)) set_ramblock_path(void)
{
    ramblock_owner_path = ramblock_path;
}

Object *device_find_object(const char *id)
{
    return id[0] == '/' ? object_resolve_path(id, NULL) : object_child(machine_container("peripheral"), id);
}

DeviceState *device_find(const char *id)
{
    return object_dynamic_cast(device_find_object(id), TYPE_DEVICE);
}

/* ---- Realize ---- */

static HotplugHandlerClass *handler_class(const BusState *bus)
{
    return bus && bus->hotplug_handler ? object_class_cast(bus->hotplug_handler->klass, TYPE_HOTPLUG_HANDLER) : NULL;
}

static void set_buses_realized(DeviceState *dev, bool realized)
{
    for (unsigned i = 0; i < dev->child_buses->len; i++) {
        BusState *bus = dev->child_buses->pdata[i];
        const BusClass *bc = BUS_GET_CLASS(bus);

        if (realized && !bus->realized && bc->realized) {
            bc->realized(bus);
        }
        bus->realized = realized;
    }
}

static bool register_vmstate(DeviceState *dev, GError **error)
{
    const DeviceClass *dc = DEVICE_GET_CLASS(dev);
    g_autofree char *path = NULL;

    if (!dc->vmsd) {
        return true;
    }
    path = device_migration_path(dev);
    return vmstate_register(path, dev->instance_id, dc->vmsd, dev, error);
}

/* Realize proper, on a bus that has taken the device. */
static bool realize_attached(DeviceState *dev, GError **error)
{
    const DeviceClass *dc = DEVICE_GET_CLASS(dev);
    const HotplugHandlerClass *hc = handler_class(dev->bus);

    if (dc->realize && !dc->realize(dev, error)) {
        return false;
    }
    dev->realized = true;
    if (register_vmstate(dev, error)) {
        set_buses_realized(dev, true);
        if (dev->hotplugged) {
            reset_device(dev);
        }
        if (!hc || !hc->plug || hc->plug(dev->bus->hotplug_handler, dev, error)) {
            return true;
        }
    }
    device_unrealize(dev);
    return false;
}

static void join_tree(DeviceState *dev)
{
    static unsigned count;

    if (!dev->parent_obj.parent) {
        g_autofree char *name = g_strdup_printf("device[%u]", count++);

        object_add_child(machine_container("unattached"), name, &dev->parent_obj);
        dev->unattached = true;
    }
}

bool device_check_init(const DeviceState *dev, GError **error)
{
    if (dev->init_error) {
        g_propagate_error(error, g_error_copy(dev->init_error));
    }
    return !dev->init_error;
}

static bool check_hotplug(DeviceState *dev, GError **error)
{
    return !dev->hotplugged || DEVICE_GET_CLASS(dev)->hotpluggable ||
           error_setf(error, "Device '%s' does not support hotplugging", object_type(&dev->parent_obj));
}

bool device_realize(DeviceState *dev, BusState *bus, GError **error)
{
    const HotplugHandlerClass *hc = handler_class(bus);
    BusState *bus_before = dev->bus;

    g_assert(!dev->realized);
    g_assert(!bus_before || bus_before == bus);
    if (!device_check_init(dev, error) || !check_hotplug(dev, error) ||
        !migration_allows_device(object_type(&dev->parent_obj), DEVICE_GET_CLASS(dev)->vmsd, error)) {
        return false;
    }
    object_ref(dev);
    join_tree(dev);
    dev->bus = bus;
    if ((hc && hc->pre_plug && !hc->pre_plug(bus->hotplug_handler, dev, error)) ||
        (bus && !bus_attach(bus, dev, error)) || !realize_attached(dev, error)) {
        if (!bus_before) {
            bus_detach(dev);
        }
        if (dev->unattached) {
            dev->unattached = false;
            object_unparent(&dev->parent_obj);
        }
        dev->was_realized = false;
        object_unref(dev);
        return false;
    }
    dev->was_realized = true;
    object_unref(dev);
    return true;
}

bool device_realize_and_unref(DeviceState *dev, BusState *bus, GError **error)
{
    bool ok = device_realize(dev, bus, error);

    if (!ok) {
        object_unparent(&dev->parent_obj);
    }
    object_unref(dev);
    return ok;
}

/* ---- Unrealize and the way out ---- */

void device_unrealize(DeviceState *dev)
{
    const DeviceClass *dc = DEVICE_GET_CLASS(dev);
    g_autoptr(GPtrArray) buses = NULL;

    if (!dev->realized) {
        return;
    }
    buses = device_buses(dev);
    for (unsigned b = buses->len; b-- > 0; ) {
        g_autoptr(GPtrArray) devices = bus_devices(buses->pdata[b]);

        for (unsigned i = devices->len; i-- > 0; ) {
            device_unrealize(devices->pdata[i]);
        }
    }
    set_buses_realized(dev, false);
    if (dc->vmsd) {
        vmstate_unregister(dc->vmsd, dev);
    }
    dev->realized = false;
    if (dc->unrealize) {
        dc->unrealize(dev);
    }
}

static bool leave_below(Object *child, void *opaque)
{
    DeviceState *dev = object_dynamic_cast(child, TYPE_DEVICE);

    if (dev) {
        device_leave(dev);
    }
    return true;
}

static void tell_deleted(DeviceState *dev)
{
    Json *data = json_new_object();
    g_autofree char *path = object_path(&dev->parent_obj);

    if (dev->id) {
        json_set(data, "device", json_new_string(dev->id));
    }
    json_set(data, "path", json_new_string(path));
    event_emit("DEVICE_DELETED", data);
}

void device_leave(DeviceState *dev)
{
    g_autoptr(GPtrArray) buses = device_buses(dev);

    object_ref(dev);
    for (unsigned b = buses->len; b-- > 0; ) {
        g_autoptr(GPtrArray) devices = bus_devices(buses->pdata[b]);

        for (unsigned i = devices->len; i-- > 0; ) {
            device_leave(devices->pdata[i]);
        }
    }
    object_foreach_child(&dev->parent_obj, leave_below, NULL);
    if (dev->was_realized) {
        dev->was_realized = false;
        tell_deleted(dev);
    }
    bus_detach(dev);
    object_unparent(&dev->parent_obj);
    object_unref(dev);
}

void device_unplug(DeviceState *dev)
{
    const HotplugHandlerClass *hc = handler_class(dev->bus);

    object_ref(dev);
    dev->pending_unplug = false;
    device_unrealize(dev);
    if (hc && hc->unplug) {
        hc->unplug(dev->bus->hotplug_handler, dev);
    }
    device_leave(dev);
    object_unref(dev);
}

bool device_is_hotpluggable(DeviceState *dev)
{
    return DEVICE_GET_CLASS(dev)->hotpluggable && (!dev->bus || bus_is_hotpluggable(dev->bus));
}

/* ---- Properties that every device has ---- */

static Json *parent_bus_get(Object *obj, const Property *prop, GError **error)
{
    return object_path_json((Object *)((DeviceState *)obj)->bus);
}

static Object *parent_bus_follow(Object *obj, const Property *prop)
{
    return (Object *)((DeviceState *)obj)->bus;
}

/* Parts of a board or of another device do not expect to come and go, nor does what can't be unplugged. */
static bool may_come_and_go(const DeviceState *dev)
{
    const DeviceClass *dc = DEVICE_GET_CLASS(dev);
    const Object *obj = &dev->parent_obj;

    if (!dc->user_creatable || (obj->parent && object_dynamic_cast(obj->parent, TYPE_DEVICE))) {
        return false;
    }
    return !device_machine_ready() || (dev->bus && bus_is_hotpluggable(dev->bus) && dc->hotpluggable);
}

static bool realized_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    DeviceState *dev = (DeviceState *)obj;
    bool realized;

    if (!json_get_bool(value, &realized)) {
        return error_setf(error, "Invalid parameter type for 'realized', expected: boolean");
    }
    if (realized == dev->realized) {
        return true;
    }
    if (!may_come_and_go(dev)) {
        return error_setf(error, "Device '%s' does not support hotplugging", object_type(obj));
    }
    if (realized) {
        return device_realize(dev, dev->bus, error);
    }
    device_unrealize(dev);
    return true;
}

static bool realized_parse(Object *obj, const Property *prop, const char *text, GError **error)
{
    Property flag = { .name = prop->name };
    bool realized = false;
    g_autoptr(Json) value = NULL;

    if (!prop_kind_bool.parse((Object *)&realized, &flag, text, error)) {
        return false;
    }
    value = json_new_bool(realized);
    return realized_set(obj, prop, value, error);
}

static Json *realized_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_bool(((DeviceState *)obj)->realized);
}

static Json *hotplugged_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_bool(((DeviceState *)obj)->hotplugged);
}

static Json *hotpluggable_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_bool(device_is_hotpluggable((DeviceState *)obj));
}

static const PropertyKind parent_bus_kind = { .name = "link<bus>", .get = parent_bus_get, .follow = parent_bus_follow };
static const PropertyKind realized_kind = {
    .name = "bool", .set = realized_set, .parse = realized_parse, .get = realized_get,
};
static const PropertyKind hotplugged_kind = { .name = "bool", .get = hotplugged_get };
static const PropertyKind hotpluggable_kind = { .name = "bool", .get = hotpluggable_get };

static const Property device_props[] = {
    { .name = "parent_bus", .kind = &parent_bus_kind, .no_default = true, .hidden = true },
    { .name = "realized", .kind = &realized_kind, .no_default = true, .hidden = true, .runtime = true },
    { .name = "hotplugged", .kind = &hotplugged_kind, .no_default = true, .hidden = true },
    { .name = "hotpluggable", .kind = &hotpluggable_kind, .no_default = true, .hidden = true },
};

static bool device_guard(Object *obj, const Property *prop, GError **error)
{
    const DeviceState *dev = (DeviceState *)obj;
    const char *what = prop->kind == &prop_kind_link ? "link property" : "property";
    g_autofree char *which = NULL;

    if (!dev->realized || prop->runtime) {
        return true;
    }
    which = dev->id ? g_strdup_printf("device '%s'", dev->id) : g_strdup("anonymous device");
    return error_setf(error, "Attempt to set %s '%s' on %s (type '%s') after it was realized", what, prop->name, which,
                      object_type(obj));
}

/* ---- The type ---- */

DeviceState *device_new(const char *type)
{
    return DEVICE(object_new(type));
}

static void device_init(Object *obj)
{
    DeviceState *dev = (DeviceState *)obj;

    dev->hotplugged = machine_ready;
    dev->instance_id = -1;
    dev->self = obj;
    dev->child_buses = g_ptr_array_new();
}

static void device_post_init(Object *obj)
{
    compat_apply(obj, &((DeviceState *)obj)->init_error);
}

static void device_finalize(Object *obj)
{
    DeviceState *dev = (DeviceState *)obj;

    g_assert(!dev->realized && dev->child_buses->len == 0);
    bus_detach(dev);
    device_free_irqs(dev);
    g_ptr_array_unref(dev->child_buses);
    g_clear_error(&dev->init_error);
    json_unref(dev->opts);
    g_free(dev->id);
}

static void device_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->user_creatable = true;
    dc->hotpluggable = true;
    klass->post_init = device_post_init;
    object_class_add_props(klass, device_props, G_N_ELEMENTS(device_props));
    object_class_set_guard(klass, device_guard);
}

static const TypeInfo device_types[] = {
    { .name = TYPE_DEVICE, .parent = TYPE_OBJECT, .size = sizeof(DeviceState), .class_size = sizeof(DeviceClass),
      .abstract = true, .class_init = device_class_init, .init = device_init, .finalize = device_finalize },
    { .name = TYPE_HOTPLUG_HANDLER, .parent = TYPE_INTERFACE, .class_size = sizeof(HotplugHandlerClass),
      .abstract = true },
};
TYPES_REGISTER(device_types)
