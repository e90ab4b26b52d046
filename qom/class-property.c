/* The properties of a class: tables flattened into one array, with the parents' first, and an index by name. */
#include <string.h>

#include "qom/qom-internal.h"

static void (*property_hook)(const ObjectClass *klass, ClassProperty *prop);

void qom_set_class_property_hook(void (*hook)(const ObjectClass *klass, ClassProperty *prop))
{
    property_hook = hook;
}

static ClassProperty *class_prop_at(const Type *type, unsigned i)
{
    return &g_array_index(type->props, ClassProperty, i);
}

/* The slot of the index that has the name, or the free one where it belongs. */
static uint16_t *index_slot(const Type *type, const char *name)
{
    unsigned mask = type->prop_index_size - 1;
    unsigned i = g_str_hash(name) & mask;

    while (type->prop_index[i] && strcmp(class_prop_at(type, type->prop_index[i] - 1)->prop->name, name) != 0) {
        i = (i + 1) & mask;
    }
    return &type->prop_index[i];
}

static void index_grow(Type *type)
{
    type->prop_index_size = MAX(type->prop_index_size * 2, 16);
    g_free(type->prop_index);
    type->prop_index = g_new0(uint16_t, type->prop_index_size);
    for (unsigned i = 0; i < type->props->len; i++) {
        *index_slot(type, class_prop_at(type, i)->prop->name) = i + 1;
    }
}

static ClassProperty *class_prop_find(const Type *type, const char *name)
{
    uint16_t place = type->prop_index_size ? *index_slot(type, name) : 0;

    return place ? class_prop_at(type, place - 1) : NULL;
}

/* Adds it, or puts it in the place of an inherited one of that name. */
static void class_prop_put(Type *type, const ClassProperty *prop)
{
    ClassProperty *present = class_prop_find(type, prop->prop->name);

    if (present) {
        *present = *prop;
        return;
    }
    g_array_append_vals(type->props, prop, 1);
    g_assert(type->props->len < UINT16_MAX);
    if (type->props->len * 2 >= type->prop_index_size) {
        index_grow(type);
    } else {
        *index_slot(type, prop->prop->name) = type->props->len;
    }
}

/* The array may have moved. */
static void class_props_publish(ObjectClass *klass)
{
    klass->props = (const ClassProperty *)klass->type->props->data;
    klass->num_props = klass->type->props->len;
}

void class_props_inherit(Type *type, const Type *parent)
{
    g_array_append_vals(type->props, parent->props->data, parent->props->len);
    type->prop_index_size = parent->prop_index_size;
    type->prop_index = g_memdup2(parent->prop_index, parent->prop_index_size * sizeof(uint16_t));
    class_props_publish(type->klass);
}

void object_class_add_props(ObjectClass *klass, const Property *props, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        class_prop_put((Type *)klass->type, &(ClassProperty){ .prop = &props[i] });
    }
    class_props_publish(klass);
}

void object_class_set_prop_default(ObjectClass *klass, const char *name, const char *text)
{
    ClassProperty *prop = class_prop_find(klass->type, name);

    if (!prop) {
        g_error("class '%s' has no property '%s'", object_class_name(klass), name);
    }
    prop->default_text = text;
    prop->default_why = NULL;
}

void object_class_add_alias_props(ObjectClass *klass, const char *target_type, const char *until,
                                  Object *(*target)(Object *obj))
{
    const ObjectClass *from = object_class_by_name(target_type);
    const ObjectClass *base = object_class_by_name(until);

    g_assert(from && base);
    for (unsigned i = 0; i < from->num_props; i++) {
        const ClassProperty *prop = &from->props[i];

        if (!class_prop_find(base->type, prop->prop->name) && !class_prop_find(klass->type, prop->prop->name)) {
            class_prop_put((Type *)klass->type,
                           &(ClassProperty){ .prop = prop->prop, .absent = prop->absent,
                                             .default_text = prop->default_text, .default_why = prop->default_why,
                                             .alias = target });
        }
    }
    class_props_publish(klass);
}

/* An alias has the default of its target, whatever the history says of the class that wraps it. */
static void ask_hook(const ObjectClass *klass, ClassProperty *prop)
{
    ClassProperty answer = *prop;

    property_hook(klass, &answer);
    if (prop->alias) {
        prop->absent = answer.absent;
    } else {
        *prop = answer;
    }
}

void class_props_finish(ObjectClass *klass)
{
    Type *type = (Type *)klass->type;

    for (unsigned i = 0; property_hook && i < type->props->len; i++) {
        ask_hook(klass, class_prop_at(type, i));
    }
    class_props_publish(klass);
}

const ClassProperty *object_class_property(const ObjectClass *klass, const char *name)
{
    const ClassProperty *prop = class_prop_find(klass->type, name);

    return prop && !prop->absent ? prop : NULL;
}

const char *property_type_name(const Property *prop)
{
    if (prop->kind == &prop_kind_link) {
        g_autofree char *name = g_strdup_printf("link<%s>", (const char *)prop->arg);

        return g_intern_string(name);
    }
    return prop->type ? prop->type : prop->kind->name;
}

bool property_set_text(Object *obj, const Property *prop, const char *text, GError **error)
{
    g_autoptr(Json) value = NULL;

    if (prop->kind->parse) {
        return prop->kind->parse(obj, prop, text, error);
    }
    value = json_new_string(text);
    return prop->kind->set(obj, prop, value, error);
}

Json *class_property_default(const ClassProperty *cp)
{
    const PropertyKind *kind = cp->prop->kind;
    /* A stand-in for an object: the kinds that show a default look at nothing but the field. */
    uint64_t field = 0;
    Property alone = *cp->prop;

    if (alone.no_default || alone.attribute || !kind->get_default) {
        return NULL;
    }
    if (!cp->default_text) {
        return kind->get_default(cp->prop);
    }
    alone.offset = 0;
    alone.check = NULL;
    alone.min = alone.max = 0;
    if (!property_set_text((Object *)&field, &alone, cp->default_text, NULL)) {
        g_error("property '%s': bad default '%s'", alone.name, cp->default_text);
    }
    return kind->get((Object *)&field, &alone, NULL);
}

void object_class_set_guard(ObjectClass *klass, ObjectSetGuard guard)
{
    ((Type *)klass->type)->guard = guard;
}

void object_set_defaults(Object *obj)
{
    const ObjectClass *klass = obj->klass;

    for (unsigned i = 0; i < klass->num_props; i++) {
        const ClassProperty *cp = &klass->props[i];
        const Property *prop = cp->prop;
        g_autoptr(GError) error = NULL;

        if (cp->alias) {
            continue;
        }
        if (cp->default_text) {
            if (!property_set_text(obj, prop, cp->default_text, &error)) {
                g_error("default of %s.%s: %s", object_type(obj), prop->name, error->message);
            }
        } else if (!prop->no_default && prop->kind->set_default) {
            prop->kind->set_default(obj, prop);
        }
    }
}

void object_release_props(Object *obj)
{
    const ObjectClass *klass = obj->klass;

    for (unsigned i = 0; i < klass->num_props; i++) {
        const Property *prop = klass->props[i].prop;

        if (!klass->props[i].alias && prop->kind->release) {
            prop->kind->release(obj, prop);
        }
    }
}
