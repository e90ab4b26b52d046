/* QMP about devices and the object tree. */
#include <string.h>

#include "hw/core/device.h"
#include "monitor/qmp.h"

/* --- devices --- */

static Json *device_add_cmd(Json *args, Monitor *mon, GError **error)
{
    /* As in QEMU, a text stands for a value of any type here. */
    device_add(args, false, error);
    return NULL;
}

static Json *device_del_cmd(Json *args, Monitor *mon, GError **error)
{
    device_del(json_member_string(args, "id", NULL), error);
    return NULL;
}

/* --- properties of types --- */

QMP_STRUCT(property_info, "ObjectPropertyInfo", { "name", &qmp_str }, { "type", &qmp_str },
           { "description", &qmp_str, QMP_OPTIONAL }, { "default-value", &qmp_any, QMP_OPTIONAL });
QMP_LIST(property_infos, property_info);

static Json *describe(const char *name, const char *type, const char *description)
{
    Json *info = json_new_object();

    json_set(info, "name", json_new_string(name));
    if (description) {
        json_set(info, "description", json_new_string(description));
    }
    json_set(info, "type", json_new_string(type));
    return info;
}

static void list_class(const ObjectClass *klass, Json *list)
{
    for (unsigned i = 0; i < klass->num_props; i++) {
        const Property *p = klass->props[i].prop;

        if (!klass->props[i].absent) {
            json_append(list, describe(p->name, property_type_name(p),
                                       p->description ? p->description : p->kind->description));
        }
    }
}

static void add_described(const char *name, const char *type, const char *description, void *list)
{
    json_append(list, describe(name, type, description));
}

static Json *list_device_properties(Json *args, Monitor *mon, GError **error)
{
    return device_list_properties(json_member_string(args, "typename", NULL), error);
}

static Json *qom_list_properties(Json *args, Monitor *mon, GError **error)
{
    const char *type = json_member_string(args, "typename", NULL);
    Json *list;

    if (!type_exists(type)) {
        error_set_class(error, ERROR_CLASS_DEVICE_NOT_FOUND, "Class '%s' not found", type);
        return NULL;
    }
    list = json_new_array();
    if (type_is_a(type, TYPE_DEVICE) && !type_is_abstract(type)) {
        /* Some properties are those of a single object. */
        Object *obj = object_new(type);

        object_property_foreach(obj, add_described, list);
        object_unref(obj);
    } else {
        list_class(object_class_by_name(type), list);
    }
    return list;
}

QMP_STRUCT(type_info, "ObjectTypeInfo", { "name", &qmp_str }, { "abstract", &qmp_bool, QMP_OPTIONAL },
           { "parent", &qmp_str, QMP_OPTIONAL });
QMP_LIST(type_infos, type_info);

static void add_type(const char *type, void *list)
{
    Json *info = json_new_object();

    json_set(info, "name", json_new_string(type));
    if (type_is_abstract(type)) {
        json_set(info, "abstract", json_new_bool(true));
    }
    if (type_parent(type)) {
        json_set(info, "parent", json_new_string(type_parent(type)));
    }
    json_append(list, info);
}

static Json *qom_list_types(Json *args, Monitor *mon, GError **error)
{
    Json *list = json_new_array();

    type_foreach(json_member_string(args, "implements", NULL), json_member_bool(args, "abstract", false), add_type, list);
    return list;
}

/* --- objects --- */

static Object *find(const Json *args, GError **error)
{
    const char *path = json_member_string(args, "path", NULL);
    Object *obj = object_resolve_path(path, NULL);

    if (!obj) {
        error_set_class(error, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", path);
    }
    return obj;
}

static void add_property(const char *name, const char *type, const char *description, void *list)
{
    json_append(list, describe(name, type, NULL));
}

static Json *qom_list(Json *args, Monitor *mon, GError **error)
{
    const char *path = json_member_string(args, "path", NULL);
    bool ambiguous;
    Object *obj = object_resolve_path(path, &ambiguous);
    Json *list;

    if (ambiguous) {
        error_setf(error, "Path '%s' is ambiguous", path);
        return NULL;
    }
    if (!obj) {
        error_set_class(error, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", path);
        return NULL;
    }
    list = json_new_array();
    object_property_foreach(obj, add_property, list);
    return list;
}

static Json *qom_get(Json *args, Monitor *mon, GError **error)
{
    const char *property = json_member_string(args, "property", NULL);
    Object *obj = find(args, error);

    if (!obj) {
        return NULL;
    }
    return object_property_get(obj, property, error);
}

static Json *qom_set(Json *args, Monitor *mon, GError **error)
{
    const char *property = json_member_string(args, "property", NULL);
    Object *obj = find(args, error);

    if (obj) {
        object_property_set(obj, property, json_member(args, "value"), PROP_ORIGIN_USER, error);
    }
    return NULL;
}

static const QmpType device_add_args = {
    .meta = QMP_META_STRUCT, .open = true,
    .members = QMP_MEMBERS({ "driver", &qmp_str }, { "bus", &qmp_str, QMP_OPTIONAL }, { "id", &qmp_str, QMP_OPTIONAL }),
};

static const QmpCommand commands[] = {
    { "device_add", device_add_cmd, &device_add_args, .feature = "json-cli,json-cli-hotplug" },
    { "device_del", device_del_cmd, QMP_ARGS({ "id", &qmp_str }) },
    { "device-list-properties", list_device_properties, QMP_ARGS({ "typename", &qmp_str }), &qmp_property_infos, QMP_PRECONFIG },
    { "qom-list-properties", qom_list_properties, QMP_ARGS({ "typename", &qmp_str }), &qmp_property_infos, QMP_PRECONFIG },
    { "qom-list-types", qom_list_types, QMP_ARGS({ "implements", &qmp_str, QMP_OPTIONAL }, { "abstract", &qmp_bool, QMP_OPTIONAL }),
      &qmp_type_infos, QMP_PRECONFIG },
    { "qom-list", qom_list, QMP_ARGS({ "path", &qmp_str }), &qmp_property_infos, QMP_PRECONFIG },
    { "qom-get", qom_get, QMP_ARGS({ "path", &qmp_str }, { "property", &qmp_str }), &qmp_any, QMP_PRECONFIG },
    { "qom-set", qom_set, QMP_ARGS({ "path", &qmp_str }, { "property", &qmp_str }, { "value", &qmp_any }), NULL, QMP_PRECONFIG },
};
QMP_COMMANDS(commands)
