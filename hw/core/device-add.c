/* -device, device_add and device_del: what a user may do to devices. */
#include <inttypes.h>
#include <string.h>

#include "hw/core/device-internal.h"
#include "system/clock.h"
#include "util/error.h"
#include "util/keyval.h"

/* ---- Which class ---- */

typedef struct AliasSearch {
    const char *alias;
    DeviceClass *found;
} AliasSearch;

static void match_alias(ObjectClass *klass, void *opaque)
{
    AliasSearch *search = opaque;
    DeviceClass *dc = DEVICE_CLASS(klass);

    if (!search->found && g_strcmp0(dc->alias, search->alias) == 0) {
        search->found = dc;
    }
}

static DeviceClass *class_by_alias(const char *alias)
{
    AliasSearch search = { .alias = alias };

    object_class_foreach(TYPE_DEVICE, false, match_alias, &search);
    return search.found;
}

DeviceClass *device_class_for_user(const char *driver, GError **error)
{
    bool is_type = type_is_a(driver, TYPE_DEVICE);
    DeviceClass *dc = is_type ? DEVICE_CLASS(object_class_by_name(driver)) : class_by_alias(driver);

    if (!dc) {
        error_setf(error, "'%s' is not a valid device model name", driver);
    } else if (object_class_is_abstract(&dc->parent_class)) {
        error_setf(error, "Parameter 'driver' expects a non-abstract device type");
    } else if (!dc->user_creatable || (device_machine_ready() && !dc->hotpluggable)) {
        error_setf(error, "Parameter 'driver' expects a pluggable device type");
    } else {
        return dc;
    }
    return NULL;
}

/* ---- Which bus ---- */

static bool choose_bus(const DeviceClass *dc, const char *path, BusState **bus, GError **error)
{
    const char *type = object_class_name(&dc->parent_class);

    *bus = NULL;
    if (path) {
        *bus = bus_find(path, error);
        if (!*bus) {
            return false;
        }
        if (!dc->bus_type || !object_dynamic_cast(*bus, dc->bus_type)) {
            return error_setf(error, "Device '%s' can't go on %s bus", type, object_type(&(*bus)->parent_obj));
        }
        if (bus_is_full(*bus)) {
            return error_setf(error, "Bus '%s' is full", (*bus)->name);
        }
    } else if (dc->bus_type) {
        *bus = bus_find_for_type(dc->bus_type);
        if (!*bus) {
            return error_setf(error, "No '%s' bus found for device '%s'", dc->bus_type, type);
        }
    }
    if (*bus && device_machine_ready() && !bus_is_hotpluggable(*bus)) {
        return error_setf(error, "Bus '%s' does not support hotplugging", (*bus)->name);
    }
    return true;
}

/* ---- Options ---- */

/* A value as the text that means it; NULL for one that no text means. */
static char *value_text(const Json *value)
{
    uint64_t positive;
    int64_t negative;
    bool truth;

    if (json_get_string(value)) {
        return g_strdup(json_get_string(value));
    }
    if (json_get_bool(value, &truth)) {
        return g_strdup(truth ? "on" : "off");
    }
    if (json_get_uint(value, &positive)) {
        return g_strdup_printf("%" PRIu64, positive);
    }
    return json_get_int(value, &negative) ? g_strdup_printf("%" PRId64, negative) : NULL;
}

/* A member that has to be a string, or from text and QMP something that reads as one. Absent: NULL. */
static bool take_text(const Json *opts, const char *key, bool from_json, char **text, GError **error)
{
    const Json *value = json_member(opts, key);

    *text = !value ? NULL : from_json ? g_strdup(json_get_string(value)) : value_text(value);
    return *text || !json_has(opts, key) || error_setf(error, "Invalid parameter type for '%s', expected: string", key);
}

typedef struct SetOptions {
    Object *obj;
    bool from_json;
    GError **error;
} SetOptions;

static bool set_option(const char *key, Json *value, void *opaque)
{
    const SetOptions *set = opaque;
    g_autofree char *text = NULL;

    if (strcmp(key, "driver") == 0 || strcmp(key, "bus") == 0 || strcmp(key, "id") == 0) {
        return true;
    }
    text = set->from_json ? NULL : value_text(value);
    return text ? object_property_parse(set->obj, key, text, PROP_ORIGIN_USER, set->error) :
                  object_property_set(set->obj, key, value, PROP_ORIGIN_USER, set->error);
}

/* /machine/peripheral/ID or /machine/peripheral-anon/device[N]. */
static bool name_device(DeviceState *dev, const char *id, GError **error)
{
    static unsigned anonymous_count;
    g_autofree char *name = NULL;

    if (id) {
        Object *peripheral = machine_container("peripheral");

        if (object_property_exists(peripheral, id)) {
            return error_setf(error, "Duplicate device ID '%s'", id);
        }
        dev->id = g_strdup(id);
        object_add_child(peripheral, id, &dev->parent_obj);
        return true;
    }
    name = g_strdup_printf("device[%u]", anonymous_count++);
    object_add_child(machine_container("peripheral-anon"), name, &dev->parent_obj);
    return true;
}

static bool set_up(DeviceState *dev, Json *opts, bool from_json, const char *id, GError **error)
{
    SetOptions set = { .obj = &dev->parent_obj, .from_json = from_json, .error = error };

    dev->opts = json_ref(opts);
    return device_check_init(dev, error) && name_device(dev, id, error) && json_foreach(opts, set_option, &set);
}

DeviceState *device_add(Json *opts, bool from_json, GError **error)
{
    g_autofree char *driver = NULL, *path = NULL, *id = NULL;
    const DeviceClass *dc;
    DeviceState *dev;
    BusState *bus;
    bool ok;

    if (!take_text(opts, "driver", from_json, &driver, NULL) || !driver) {
        error_setf(error, "Parameter 'driver' is missing");
        return NULL;
    }
    if (!take_text(opts, "id", from_json, &id, error) || (id && !keyval_check_id("id", id, error)) ||
        !take_text(opts, "bus", from_json, &path, error)) {
        return NULL;
    }
    dc = device_class_for_user(driver, error);
    if (!dc || !choose_bus(dc, path, &bus, error)) {
        return NULL;
    }
    dev = device_new(object_class_name(&dc->parent_class));
    ok = set_up(dev, opts, from_json, id, error) && device_realize(dev, bus, error);
    if (!ok) {
        object_unparent(&dev->parent_obj);
    }
    object_unref(dev);
    return ok ? dev : NULL;
}

/* ---- device_del ---- */

static DeviceState *find_removable(const char *id, GError **error)
{
    Object *obj = device_find_object(id);
    DeviceState *dev = object_dynamic_cast(obj, TYPE_DEVICE);

    if (!obj) {
        error_set_class(error, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", id);
    } else if (!dev) {
        error_setf(error, "%s is not a hotpluggable device", id);
    }
    return dev;
}

bool device_del(const char *id, GError **error)
{
    DeviceState *dev = find_removable(id, error);
    const HotplugHandlerClass *hc;
    bool ok;

    if (!dev) {
        return false;
    }
    if (dev->pending_unplug && (!dev->ask_again || dev->ask_again > clock_ns(CLOCK_TYPE_VIRTUAL))) {
        return error_setf(error, "Device %s is already in the process of unplug", id);
    }
    if (dev->bus && !bus_is_hotpluggable(dev->bus)) {
        return error_setf(error, "Bus '%s' does not support hotplugging", dev->bus->name);
    }
    if (!dev->bus || !DEVICE_GET_CLASS(dev)->hotpluggable) {
        return error_setf(error, "Device '%s' does not support hotplugging", object_type(&dev->parent_obj));
    }
    hc = object_class_cast(dev->bus->hotplug_handler->klass, TYPE_HOTPLUG_HANDLER);
    object_ref(dev);
    if (hc->unplug_request) {
        ok = hc->unplug_request(dev->bus->hotplug_handler, dev, error);
    } else {
        device_unplug(dev);
        ok = true;
    }
    object_unref(dev);
    return ok;
}
