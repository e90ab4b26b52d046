/* Buses by name, by path and by type. */
#include <string.h>

#include "hw/core/device-internal.h"
#include "util/error.h"

/* A device on the bus by what people call it: id, type, alias. */
static DeviceState *device_on_bus(const BusState *bus, const char *name)
{
    for (unsigned i = 0; i < bus->children->len; i++) {
        DeviceState *dev = bus->children->pdata[i];

        if (g_strcmp0(dev->id, name) == 0) {
            return dev;
        }
    }
    for (unsigned i = bus->children->len; i-- > 0; ) {
        DeviceState *dev = bus->children->pdata[i];

        if (strcmp(object_type(&dev->parent_obj), name) == 0 || g_strcmp0(DEVICE_GET_CLASS(dev)->alias, name) == 0) {
            return dev;
        }
    }
    return NULL;
}

static BusState *bus_of_device(const DeviceState *dev, const char *name)
{
    for (unsigned i = 0; i < dev->child_buses->len; i++) {
        BusState *bus = dev->child_buses->pdata[i];

        if (strcmp(bus->name, name) == 0) {
            return bus;
        }
    }
    return NULL;
}

static BusState *only_bus_of_device(const DeviceState *dev, const char *name, GError **error)
{
    if (dev->child_buses->len == 1) {
        return dev->child_buses->pdata[0];
    }
    error_setf(error, "Device '%s' has %s", name, dev->child_buses->len ? "multiple child buses" : "no child bus");
    return NULL;
}

/* From a bus down "device/bus/device…"; the components are not empty. */
static BusState *follow_path(BusState *bus, char *const *components, GError **error)
{
    while (*components) {
        const char *name = *components++;
        const DeviceState *dev = device_on_bus(bus, name);

        if (!dev) {
            error_setf(error, "Device '%s' not found", name);
            return NULL;
        }
        if (!*components) {
            return only_bus_of_device(dev, name, error);
        }
        bus = bus_of_device(dev, *components);
        if (!bus) {
            error_setf(error, "Bus '%s' not found", *components);
            return NULL;
        }
        components++;
    }
    return bus;
}

/* Without the empty ones that doubled, leading and trailing slashes make. */
static char **path_components(const char *path)
{
    char **components = g_strsplit(path, "/", 0);
    char **keep = components;

    for (char **c = components; *c; c++) {
        if (**c) {
            *keep++ = *c;
        } else {
            g_free(*c);
        }
    }
    *keep = NULL;
    return components;
}

BusState *bus_find(const char *name, GError **error)
{
    g_auto(GStrv) components = path_components(name);
    BusState *bus;

    if (name[0] == '/') {
        return follow_path(bus_main_system(), components, error);
    }
    bus = components[0] ? bus_by_name(components[0]) : NULL;
    if (!bus) {
        error_setf(error, "Bus '%s' not found", components[0] ? components[0] : name);
        return NULL;
    }
    return follow_path(bus, components + 1, error);
}

static BusState *find_type_below(BusState *bus, const char *bus_type)
{
    if (object_dynamic_cast(bus, bus_type) && !bus_is_full(bus)) {
        return bus;
    }
    for (unsigned d = bus->children->len; d-- > 0; ) {
        const DeviceState *dev = bus->children->pdata[d];

        for (unsigned b = dev->child_buses->len; b-- > 0; ) {
            BusState *found = find_type_below(dev->child_buses->pdata[b], bus_type);

            if (found) {
                return found;
            }
        }
    }
    return NULL;
}

BusState *bus_find_for_type(const char *bus_type)
{
    return find_type_below(bus_main_system(), bus_type);
}
