/* Objects that a user makes. */
#include "system/user-object.h"

#include <string.h>

#include "monitor/qmp-object.h"
#include "util/keyval.h"

typedef struct Setting {
    Object *obj;
    GError **error;
} Setting;

static bool set_one(const char *key, Json *value, void *opaque)
{
    const Setting *s = opaque;

    if (strcmp(key, "id") == 0 || strcmp(key, "qom-type") == 0) {
        return true;
    }
    return object_property_set(s->obj, key, value, PROP_ORIGIN_USER, s->error);
}

Object *user_object_add(const Json *opts, GError **error)
{
    const char *type = json_member_string(opts, "qom-type", ""), *id = json_member_string(opts, "id", "");
    Object *objects = object_container(object_root(), "objects"), *obj;
    UserCreatableClass *uc;
    Setting s;

    if (!keyval_check_id("id", id, error)) {
        return NULL;
    }
    if (!type_is_a(type, TYPE_USER_CREATABLE) || type_is_abstract(type)) {
        error_setf(error, "Parameter 'qom-type' does not accept value '%s'", type);
        return NULL;
    }
    if (object_child(objects, id)) {
        error_setf(error, "attempt to add duplicate property '%s' to object (type 'container')", id);
        return NULL;
    }
    obj = object_new(type);
    s = (Setting){ obj, error };
    if (!json_foreach(opts, set_one, &s)) {
        object_unref(obj);
        return NULL;
    }
    object_add_child(objects, id, obj);
    object_unref(obj);
    uc = object_class_dynamic_cast(obj->klass, TYPE_USER_CREATABLE);
    if (uc->complete && !uc->complete(obj, error)) {
        object_unparent(obj);
        return NULL;
    }
    return obj;
}

Object *user_object_add_option(const Json *opts, bool from_json, GError **error)
{
    g_autoptr(Json) typed = NULL;
    const char *id;

    if (from_json) {
        return qmp_check(opts, &qmp_object_options, error) ? user_object_add(opts, error) : NULL;
    }
    typed = qmp_from_keyval(opts, &qmp_object_options, error);
    if (!typed) {
        return NULL;
    }
    id = json_member_string(typed, "id", "");
    if (object_child(object_container(object_root(), "objects"), id)) {
        error_setf(error, "Duplicate ID '%s' for object", id);
        return NULL;
    }
    return user_object_add(typed, error);
}

bool user_object_del(const char *id, GError **error)
{
    Object *obj = object_child(object_container(object_root(), "objects"), id);
    UserCreatableClass *uc;

    if (!obj) {
        return error_setf(error, "object '%s' not found", id);
    }
    uc = object_class_dynamic_cast(obj->klass, TYPE_USER_CREATABLE);
    if (uc && uc->can_be_deleted && !uc->can_be_deleted(obj)) {
        return error_setf(error, "object '%s' is in use, can not be deleted", id);
    }
    object_unparent(obj);
    return true;
}

/* --- help --- */

static void list_type(const char *type, void *opaque)
{
    g_string_append_printf(opaque, "  %s\n", type);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The words that QEMU's help has for types. */
static const char *type_word(const char *kind)
{
    if (strcmp(kind, "str") == 0) {
        return "string";
    }
    return g_str_has_prefix(kind, "int") || g_str_has_prefix(kind, "uint") || strcmp(kind, "size") == 0 ? "int" : kind;
}

bool user_object_help(const char *type, GString *out, GError **error)
{
    g_autoptr(GPtrArray) lines = NULL;
    ObjectClass *klass;

    if (!type) {
        g_string_append(out, "List of user creatable objects:\n");
        type_foreach(TYPE_USER_CREATABLE, false, list_type, out);
        return true;
    }
    if (!type_is_a(type, TYPE_USER_CREATABLE) || type_is_abstract(type)) {
        return error_setf(error, "Parameter 'qom-type' does not accept value '%s'", type);
    }
    klass = object_class_by_name(type);
    lines = g_ptr_array_new_with_free_func(g_free);
    for (unsigned i = 0; i < klass->num_props; i++) {
        const ClassProperty *cp = &klass->props[i];
        const Property *p = cp->prop;
        const char *description = p->description ? p->description : p->kind->description;
        g_autofree char *left = NULL;

        if (cp->absent || !p->kind->set) {
            continue;
        }
        left = g_strdup_printf("  %s=<%s>", p->name, type_word(p->kind->name));
        g_ptr_array_add(lines, description ? g_strdup_printf("%-24s - %s\n", left, description) : g_strdup_printf("%s\n", left));
    }
    g_ptr_array_sort(lines, by_text);
    g_string_append_printf(out, "%s options:\n", type);
    for (guint i = 0; i < lines->len; i++) {
        g_string_append(out, lines->pdata[i]);
    }
    return true;
}
