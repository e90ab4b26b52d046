/* The kinds of property values that are more than a number: strings, MAC addresses, links, arrays. */
#include <string.h>

#include "qom/qom-internal.h"
#include "util/error.h"

static bool string_wanted(const Property *prop, GError **error)
{
    return error_setf(error, "Invalid parameter type for '%s', expected: string", prop->name);
}

static bool value_refused(Object *obj, const Property *prop, const char *text, GError **error)
{
    return error_setf(error, "Property '%s.%s' doesn't take value '%s'", object_type(obj), prop->name, text);
}

/* ---- Strings ---- */

static bool string_parse(Object *obj, const Property *prop, const char *text, GError **error)
{
    char **field = property_field(obj, prop);

    g_free(*field);
    *field = g_strdup(text);
    return true;
}

static bool string_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    const char *text = json_get_string(value);

    return text ? string_parse(obj, prop, text, error) : string_wanted(prop, error);
}

static Json *string_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_string(*(char **)property_field(obj, prop));
}

static void string_set_default(Object *obj, const Property *prop)
{
    *(char **)property_field(obj, prop) = g_strdup(prop->defstr);
}

static Json *string_get_default(const Property *prop)
{
    return prop->defstr ? json_new_string(prop->defstr) : NULL;
}

static void string_release(Object *obj, const Property *prop)
{
    g_clear_pointer((char **)property_field(obj, prop), g_free);
}

const PropertyKind prop_kind_string = {
    .name = "str", .set = string_set, .parse = string_parse, .get = string_get, .set_default = string_set_default,
    .get_default = string_get_default, .release = string_release,
};

/* "type", which every object has. */
static Json *type_name_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_string(object_type(obj));
}

const PropertyKind prop_kind_type_name = { .name = "string", .get = type_name_get };

/* ---- MAC addresses ---- */

/* Six pairs of digits with ':' or '-' between them. */
static bool macaddr_from_text(const char *text, uint8_t mac[6])
{
    if (strlen(text) != 17) {
        return false;
    }
    for (int i = 0; i < 6; i++, text += 3) {
        if (!g_ascii_isxdigit(text[0]) || !g_ascii_isxdigit(text[1]) || (i < 5 && text[2] != ':' && text[2] != '-')) {
            return false;
        }
        mac[i] = g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]);
    }
    return true;
}

static bool macaddr_parse(Object *obj, const Property *prop, const char *text, GError **error)
{
    uint8_t mac[6];

    if (!macaddr_from_text(text, mac)) {
        return value_refused(obj, prop, text, error);
    }
    memcpy(property_field(obj, prop), mac, sizeof(mac));
    return true;
}

static bool macaddr_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    const char *text = json_get_string(value);

    return text ? macaddr_parse(obj, prop, text, error) : string_wanted(prop, error);
}

static Json *macaddr_get(Object *obj, const Property *prop, GError **error)
{
    const uint8_t *mac = property_field(obj, prop);

    return json_new_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

const PropertyKind prop_kind_macaddr = {
    .name = "str", .description = "Ethernet 6-byte MAC Address, example: 52:54:00:12:34:56", .set = macaddr_set,
    .parse = macaddr_parse, .get = macaddr_get,
};

/* ---- Links ---- */

bool property_resolve_link(const char *name, const char *type, Json *value, Object **target, GError **error)
{
    const char *path = json_get_string(value);
    bool ambiguous;

    if (!path) {
        return error_setf(error, "Invalid parameter type for '%s', expected: string", name);
    }
    *target = NULL;
    if (!*path) {
        return true;
    }
    *target = object_resolve_path_type(path, type, &ambiguous);
    if (*target) {
        return true;
    }
    if (ambiguous) {
        return error_setf(error, "Path '%s' does not uniquely identify an object", path);
    }
    if (object_resolve_path(path, &ambiguous) || ambiguous) {
        return error_setf(error, "Invalid parameter type for '%s', expected: %s", name, type);
    }
    return error_set_class(error, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", path);
}

static bool link_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    Object **field = property_field(obj, prop);
    Object *target;

    if (!property_resolve_link(prop->name, prop->arg, value, &target, error)) {
        return false;
    }
    object_ref(target);
    object_unref(*field);
    *field = target;
    return true;
}

static Json *link_get(Object *obj, const Property *prop, GError **error)
{
    return object_path_json(*(Object **)property_field(obj, prop));
}

static Object *link_follow(Object *obj, const Property *prop)
{
    return *(Object **)property_field(obj, prop);
}

static void link_release(Object *obj, const Property *prop)
{
    g_clear_pointer((Object **)property_field(obj, prop), object_unref);
}

const PropertyKind prop_kind_link = {
    .name = "link", .set = link_set, .get = link_get, .follow = link_follow, .release = link_release,
};

/* ---- Arrays ---- */

static void *array_elements(Object *obj, const Property *prop)
{
    return *(void **)property_field(obj, prop);
}

static uint32_t *array_count(Object *obj, const Property *prop)
{
    return (uint32_t *)((char *)obj + prop->offset2);
}

/* Element i of `elements` as a property of obj by itself. */
static Property array_element(Object *obj, const Property *prop, void *elements, unsigned i)
{
    const PropertyArray *array = prop->arg;
    Property element = *prop;

    element.kind = array->kind;
    element.offset = (char *)elements + i * array->size - (char *)obj;
    return element;
}

static void array_free(Object *obj, const Property *prop, void *elements, unsigned count)
{
    const PropertyArray *array = prop->arg;

    for (unsigned i = 0; array->kind->release && i < count; i++) {
        Property element = array_element(obj, prop, elements, i);

        array->kind->release(obj, &element);
    }
    g_free(elements);
}

static bool array_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    const PropertyArray *array = prop->arg;
    size_t count;
    void *elements;

    if (json_type(value) != JSON_ARRAY) {
        return error_setf(error, "Invalid parameter type for '%s', expected: array", prop->name);
    }
    count = json_count(value);
    if (count > array->max) {
        return error_setf(error, "Parameter '%s' expects at most %u values", prop->name, array->max);
    }
    elements = g_malloc0_n(count, array->size);
    for (unsigned i = 0; i < count; i++) {
        Property element = array_element(obj, prop, elements, i);

        if (!array->kind->set(obj, &element, json_at(value, i), error)) {
            array_free(obj, prop, elements, i);
            return false;
        }
    }
    array_free(obj, prop, array_elements(obj, prop), *array_count(obj, prop));
    *(void **)property_field(obj, prop) = elements;
    *array_count(obj, prop) = count;
    return true;
}

static Json *array_get(Object *obj, const Property *prop, GError **error)
{
    const PropertyArray *array = prop->arg;
    Json *values = json_new_array();

    for (unsigned i = 0; i < *array_count(obj, prop); i++) {
        Property element = array_element(obj, prop, array_elements(obj, prop), i);

        json_append(values, array->kind->get(obj, &element, error));
    }
    return values;
}

static void array_release(Object *obj, const Property *prop)
{
    array_free(obj, prop, array_elements(obj, prop), *array_count(obj, prop));
    *(void **)property_field(obj, prop) = NULL;
    *array_count(obj, prop) = 0;
}

const PropertyKind prop_kind_array = { .name = "list", .set = array_set, .get = array_get, .release = array_release };
