#include "hw/core/prop-chardev.h"

#include "util/error.h"

static Chardev **field(Object *obj, const Property *prop)
{
    return property_field(obj, prop);
}

static bool chardev_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    const char *name = json_get_string(value);
    g_autoptr(GError) busy = NULL;
    Chardev *chr = NULL;

    if (!name) {
        return error_setf(error, "Invalid parameter type for '%s', expected: string", prop->name);
    }
    if (*name) {
        chr = chardev_find(name);
        if (!chr) {
            return error_setf(error, "Property '%s.%s' can't find value '%s'", object_type(obj), prop->name, name);
        }
        if (!chardev_is_free(chr, &busy)) {
            return error_setf(error, "Property '%s.%s' can't take value '%s': %s", object_type(obj), prop->name, name,
                              busy->message);
        }
    }
    *field(obj, prop) = chr;
    return true;
}

static Json *chardev_get(Object *obj, const Property *prop, GError **error)
{
    const Chardev *chr = *field(obj, prop);

    return json_new_string(chr ? chardev_id(chr) : "");
}

const PropertyKind prop_kind_chardev = {
    .name = "str", .description = "ID of a chardev to use as a backend", .set = chardev_set, .get = chardev_get,
};
