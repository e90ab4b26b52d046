/* Properties of objects by name: finding, setting, reading, and where values came from. */
#include <string.h>

#include "qom/qom-internal.h"
#include "util/error.h"
#include "util/suggest.h"

static const char *const origin_names[] = {
    [PROP_ORIGIN_DEFAULT] = "default", [PROP_ORIGIN_RELEASE] = "release", [PROP_ORIGIN_COMPAT] = "compat",
    [PROP_ORIGIN_BOARD] = "board",     [PROP_ORIGIN_GLOBAL] = "global",   [PROP_ORIGIN_USER] = "user",
};

const char *property_origin_name(PropertyOrigin origin)
{
    return origin_names[origin];
}

/* ---- Finding ---- */

/* What a name means on an object: one of the two is not NULL. `obj` is the target of an alias. */
typedef struct Slot {
    Object *obj;
    const ClassProperty *cp;
    Member *member;
} Slot;

static bool slot_find(Object *obj, const char *name, Slot *slot)
{
    const ClassProperty *cp = object_class_property(obj->klass, name);

    if (cp && cp->alias) {
        Object *target = cp->alias(obj);

        return target && slot_find(target, name, slot);
    }
    *slot = (Slot){ .obj = obj, .cp = cp, .member = cp ? NULL : member_find(obj, name) };
    return slot->cp || slot->member;
}

static bool is_settable(const Property *prop)
{
    return prop->kind->set || prop->kind->parse;
}

static bool slot_not_found(Object *obj, const char *name, GError **error)
{
    const ObjectClass *klass = obj->klass;
    Suggestion s = suggest_begin(name);

    for (unsigned i = 0; i < klass->num_props; i++) {
        if (!klass->props[i].absent && is_settable(klass->props[i].prop)) {
            suggest_offer(&s, klass->props[i].prop->name);
        }
    }
    for (const Member *m = obj->priv->first; m; m = m->next) {
        if (!m->child) {
            suggest_offer(&s, m->name);
        }
    }
    if (s.best) {
        return error_setf(error, "Property '%s.%s' not found; did you mean '%s'?", object_type(obj), name, s.best);
    }
    return error_setf(error, "Property '%s.%s' not found", object_type(obj), name);
}

Object *object_follow_link(Object *obj, const char *name)
{
    Slot slot;

    if (!slot_find(obj, name, &slot)) {
        return NULL;
    }
    if (slot.member) {
        return slot.member->child ? slot.member->child : slot.member->link ? *slot.member->link : NULL;
    }
    return slot.cp->prop->kind->follow ? slot.cp->prop->kind->follow(slot.obj, slot.cp->prop) : NULL;
}

bool object_property_exists(Object *obj, const char *name)
{
    Slot slot;

    return slot_find(obj, name, &slot);
}

const char *object_property_type(Object *obj, const char *name, GError **error)
{
    Slot slot;

    if (!slot_find(obj, name, &slot)) {
        slot_not_found(obj, name, error);
        return NULL;
    }
    return slot.cp ? property_type_name(slot.cp->prop) : slot.member->type;
}

/* ---- Origins ---- */

static ValueOrigin *origin_find(Object *obj, const Property *prop)
{
    GArray *origins = obj->priv->origins;

    for (unsigned i = 0; origins && i < origins->len; i++) {
        ValueOrigin *o = &g_array_index(origins, ValueOrigin, i);

        if (o->prop == prop) {
            return o;
        }
    }
    return NULL;
}

void object_set_origin(Object *obj, const Property *prop, PropertyOrigin origin, const char *why)
{
    ValueOrigin *present = origin_find(obj, prop);
    ValueOrigin now = { .prop = prop, .origin = origin, .why = why };

    if (present) {
        *present = now;
        return;
    }
    if (!obj->priv->origins) {
        obj->priv->origins = g_array_new(false, false, sizeof(ValueOrigin));
    }
    g_array_append_val(obj->priv->origins, now);
}

PropertyOrigin object_property_origin(Object *obj, const char *name, const char **why)
{
    const ValueOrigin *o;
    Slot slot;

    if (why) {
        *why = NULL;
    }
    if (!slot_find(obj, name, &slot) || !slot.cp) {
        return PROP_ORIGIN_DEFAULT;
    }
    o = origin_find(slot.obj, slot.cp->prop);
    if (why) {
        *why = o ? o->why : slot.cp->default_why;
    }
    return o ? o->origin : slot.cp->default_why ? PROP_ORIGIN_RELEASE : PROP_ORIGIN_DEFAULT;
}

/* ---- Setting ---- */

/* A text for a property of a single object, whose type is known by name only. */
static Json *json_from_text(const char *type, const char *name, const char *text, GError **error)
{
    Property prop = { .name = name };
    uint64_t field = 0;

    prop.kind = strcmp(type, "bool") == 0      ? &prop_kind_bool :
                strcmp(type, "size") == 0      ? &prop_kind_size :
                g_str_has_prefix(type, "uint") ? &prop_kind_uint64 :
                g_str_has_prefix(type, "int")  ? &prop_kind_int64 :
                                                 NULL;
    if (!prop.kind) {
        return json_new_string(text);
    }
    if (!prop.kind->parse((Object *)&field, &prop, text, error)) {
        return NULL;
    }
    return prop.kind->get((Object *)&field, &prop, error);
}

static bool set_link_member(Member *m, Json *value, GError **error)
{
    Object *target = NULL;
    g_autofree char *type = g_strndup(m->type + strlen("link<"), strlen(m->type) - strlen("link<>"));

    if (!property_resolve_link(m->name, type, value, &target, error)) {
        return false;
    }
    *m->link = target;
    return true;
}

static bool set_member(const Slot *slot, Json *value, const char *text, GError **error)
{
    Member *m = slot->member;
    g_autoptr(Json) parsed = NULL;

    if (!m->set && !m->link) {
        return error_setf(error, "Property '%s.%s' is not writable", object_type(slot->obj), m->name);
    }
    if (!value) {
        parsed = json_from_text(m->type, m->name, text, error);
        if (!parsed) {
            return false;
        }
        value = parsed;
    }
    return m->set ? m->set(slot->obj, m->name, m->opaque, value, error) : set_link_member(m, value, error);
}

static bool set_class_property(const Slot *slot, Json *value, const char *text, GError **error)
{
    const Property *prop = slot->cp->prop;
    const PropertyKind *kind = prop->kind;
    ObjectSetGuard guard = slot->obj->klass->type->guard;

    if (!is_settable(prop)) {
        return error_setf(error, "Property '%s.%s' is not writable", object_type(slot->obj), prop->name);
    }
    if (guard && !guard(slot->obj, prop, error)) {
        return false;
    }
    if (!value) {
        return property_set_text(slot->obj, prop, text, error);
    }
    if (!kind->set) {
        text = json_get_string(value);
        return text ? kind->parse(slot->obj, prop, text, error) :
                      error_setf(error, "Invalid parameter type for '%s', expected: string", prop->name);
    }
    return kind->set(slot->obj, prop, value, error);
}

/* Sets from `value` or, if that is NULL, from `text`. */
static bool property_set(Object *obj, const char *name, Json *value, const char *text, PropertyOrigin origin,
                         const char *why, GError **error)
{
    Slot slot;

    if (!slot_find(obj, name, &slot)) {
        return slot_not_found(obj, name, error);
    }
    if (slot.member) {
        return set_member(&slot, value, text, error);
    }
    if (!set_class_property(&slot, value, text, error)) {
        return false;
    }
    object_set_origin(slot.obj, slot.cp->prop, origin, why);
    return true;
}

bool object_property_set(Object *obj, const char *name, Json *value, PropertyOrigin origin, GError **error)
{
    return property_set(obj, name, value, NULL, origin, NULL, error);
}

bool object_property_parse(Object *obj, const char *name, const char *text, PropertyOrigin origin, GError **error)
{
    return property_set(obj, name, NULL, text, origin, NULL, error);
}

bool object_property_parse_why(Object *obj, const char *name, const char *text, PropertyOrigin origin, const char *why,
                               GError **error)
{
    return property_set(obj, name, NULL, text, origin, why, error);
}

/* ---- Reading ---- */

Json *object_path_json(const Object *obj)
{
    g_autofree char *path = obj ? object_path(obj) : NULL;

    return json_new_string(path);
}

Json *object_property_get(Object *obj, const char *name, GError **error)
{
    Slot slot;
    const Member *m;

    if (!slot_find(obj, name, &slot)) {
        slot_not_found(obj, name, error);
        return NULL;
    }
    m = slot.member;
    if (m && (m->child || m->link)) {
        return object_path_json(m->child ? m->child : *m->link);
    }
    if (m ? !m->get : !slot.cp->prop->kind->get) {
        error_setf(error, "Property '%s.%s' is not readable", object_type(slot.obj), name);
        return NULL;
    }
    return m ? m->get(slot.obj, name, m->opaque, error) : slot.cp->prop->kind->get(slot.obj, slot.cp->prop, error);
}

void object_property_foreach(Object *obj,
                             void (*fn)(const char *name, const char *type, const char *description, void *opaque),
                             void *opaque)
{
    const ObjectClass *klass = obj->klass;

    for (unsigned i = 0; i < klass->num_props; i++) {
        const Property *prop = klass->props[i].prop;

        if (!klass->props[i].absent) {
            fn(prop->name, property_type_name(prop),
               prop->description ? prop->description : prop->kind->description, opaque);
        }
    }
    for (const Member *m = obj->priv->first; m; m = m->next) {
        fn(m->name, m->type, NULL, opaque);
    }
}

/* ---- A single object's ---- */

void object_add_property(Object *obj, const char *name, const char *type, ObjectPropertyGet get, ObjectPropertySet set,
                         void *opaque)
{
    Member *m = member_add(obj, g_strdup(name));

    m->type = g_intern_string(type);
    m->get = get;
    m->set = set;
    m->opaque = opaque;
}

void object_add_link(Object *obj, const char *name, const char *type, Object **target)
{
    Member *m = member_add(obj, g_strdup(name));
    g_autofree char *full = g_strdup_printf("link<%s>", type);

    m->type = g_intern_string(full);
    m->link = target;
}

void object_remove_property(Object *obj, const char *name)
{
    Member *m = member_find(obj, name);

    if (m) {
        g_assert(!m->child);
        member_remove(obj, m);
    }
}

/* ---- From C ---- */

static void set_or_die(Object *obj, const char *name, Json *value)
{
    g_autoptr(GError) error = NULL;

    if (!object_property_set(obj, name, value, PROP_ORIGIN_BOARD, &error)) {
        g_error("%s: %s", object_type(obj), error->message);
    }
    json_unref(value);
}

static Json *get_or_die(Object *obj, const char *name)
{
    g_autoptr(GError) error = NULL;
    Json *value = object_property_get(obj, name, &error);

    if (!value) {
        g_error("%s: %s", object_type(obj), error->message);
    }
    return value;
}

void object_set_bool(Object *obj, const char *name, bool value)
{
    set_or_die(obj, name, json_new_bool(value));
}

void object_set_uint(Object *obj, const char *name, uint64_t value)
{
    set_or_die(obj, name, json_new_uint(value));
}

void object_set_str(Object *obj, const char *name, const char *value)
{
    set_or_die(obj, name, json_new_string(value));
}

void object_set_link(Object *obj, const char *name, Object *value)
{
    Slot slot;

    if (!slot_find(obj, name, &slot)) {
        g_error("%s has no link '%s'", object_type(obj), name);
    } else if (slot.member) {
        g_assert(slot.member->link);
        *slot.member->link = value;
    } else {
        Object **field = property_field(slot.obj, slot.cp->prop);

        g_assert(slot.cp->prop->kind == &prop_kind_link);
        g_assert(!value || object_dynamic_cast(value, slot.cp->prop->arg));
        object_ref(value);
        object_unref(*field);
        *field = value;
        object_set_origin(slot.obj, slot.cp->prop, PROP_ORIGIN_BOARD, NULL);
    }
}

bool object_get_bool(Object *obj, const char *name)
{
    g_autoptr(Json) value = get_or_die(obj, name);
    bool result = false;

    if (!json_get_bool(value, &result)) {
        g_error("%s.%s is no bool", object_type(obj), name);
    }
    return result;
}

uint64_t object_get_uint(Object *obj, const char *name)
{
    g_autoptr(Json) value = get_or_die(obj, name);
    uint64_t result = 0;
    int64_t negative;

    if (!json_get_uint(value, &result)) {
        if (!json_get_int(value, &negative)) {
            g_error("%s.%s is no integer", object_type(obj), name);
        }
        result = negative;
    }
    return result;
}

char *object_get_str(Object *obj, const char *name)
{
    g_autoptr(Json) value = get_or_die(obj, name);

    return g_strdup(json_get_string(value));
}
