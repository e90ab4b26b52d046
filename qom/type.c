/* The registry of types, and classes made on first use. */
#include <stdlib.h>
#include <string.h>

#include "qom/qom-internal.h"

static GHashTable *types;       /* name to Type */
static GPtrArray *sorted_types; /* by name; NULL until asked for, and again after a registration */

void type_register(const TypeInfo *info)
{
    Type *type = g_new0(Type, 1);

    if (!types) {
        types = g_hash_table_new(g_str_hash, g_str_equal);
    }
    type->info = info;
    type->name = info->name;
    if (!g_hash_table_insert(types, (gpointer)info->name, type)) {
        g_error("type '%s' is registered twice", info->name);
    }
    g_clear_pointer(&sorted_types, g_ptr_array_unref);
}

Type *type_find(const char *name)
{
    return types && name ? g_hash_table_lookup(types, name) : NULL;
}

static Type *type_find_or_die(const char *name)
{
    Type *type = type_find(name);

    if (!type) {
        g_error("no type '%s'", name);
    }
    return type;
}

Type *type_get_parent(Type *type)
{
    if (!type->linked) {
        if (type->info->parent) {
            type->parent = type_find(type->info->parent);
            if (!type->parent) {
                g_error("type '%s': no parent type '%s'", type->name, type->info->parent);
            }
        }
        type->linked = true;
    }
    return type->parent;
}

const char *type_child_name(Type *type)
{
    if (!type->child_type) {
        g_autofree char *name = g_strdup_printf("child<%s>", type->name);

        type->child_type = g_intern_string(name);
    }
    return type->child_type;
}

/* Whether type is, or implements, ancestor. Makes no class. */
static bool type_derives_from(Type *type, const Type *ancestor)
{
    for (Type *t = type; t; t = type_get_parent(t)) {
        if (t == ancestor) {
            return true;
        }
        for (const char *const *name = t->info->interfaces; name && *name; name++) {
            if (type_derives_from(type_find_or_die(*name), ancestor)) {
                return true;
            }
        }
    }
    return false;
}

static bool type_is_interface(Type *type)
{
    return type_derives_from(type, type_find_or_die(TYPE_INTERFACE));
}

/* ---- Making classes ---- */

static void type_make_class(Type *type);

static size_t type_class_size(Type *type)
{
    size_t parent_size = type->parent ? type->parent->class_size : sizeof(ObjectClass);

    g_assert(!type->info->class_size || type->info->class_size >= parent_size);
    return type->info->class_size ? type->info->class_size : parent_size;
}

/* Adds the interface and those that it is derived from, as copies of `from`'s (a parent's) or of their own class. */
static void type_add_interface(Type *type, Type *iface, const ObjectClass *from)
{
    TypeInterface *slot;

    for (unsigned i = 0; i < type->num_interfaces; i++) {
        if (type->interfaces[i].type == iface) {
            return;
        }
    }
    type_make_class(iface);
    type->interfaces = g_renew(TypeInterface, type->interfaces, type->num_interfaces + 1);
    slot = &type->interfaces[type->num_interfaces++];
    slot->type = iface;
    slot->klass = g_malloc(iface->class_size);
    memcpy(slot->klass, from ? from : iface->klass, iface->class_size);
}

static void type_add_interfaces(Type *type)
{
    const Type *parent = type->parent;

    for (unsigned i = 0; parent && i < parent->num_interfaces; i++) {
        type_add_interface(type, parent->interfaces[i].type, parent->interfaces[i].klass);
    }
    for (const char *const *name = type->info->interfaces; name && *name; name++) {
        Type *iface = type_find_or_die(*name);

        g_assert(type_is_interface(iface));
        for (; iface && strcmp(iface->name, TYPE_INTERFACE) != 0; iface = type_get_parent(iface)) {
            type_add_interface(type, iface, NULL);
        }
    }
}

static void type_make_class(Type *type)
{
    Type *parent = type_get_parent(type);

    if (type->klass) {
        return;
    }
    if (parent) {
        type_make_class(parent);
    }
    type->class_size = type_class_size(type);
    type->size = type->info->size ? type->info->size : parent ? parent->size : sizeof(Object);
    g_assert(!parent || type->size >= parent->size);
    type->has_inits = type->info->init || (parent && parent->has_inits);
    type->guard = parent ? parent->guard : NULL;
    type->props = g_array_new(false, false, sizeof(ClassProperty));
    type->klass = g_malloc0(type->class_size);
    if (parent) {
        memcpy(type->klass, parent->klass, parent->class_size);
        class_props_inherit(type, parent);
    }
    type->klass->type = type;
    type_add_interfaces(type);
    if (type->info->class_init) {
        type->info->class_init(type->klass, type->info->class_data);
    }
    class_props_finish(type->klass);
}

ObjectClass *object_class_by_name(const char *name)
{
    Type *type = type_find(name);

    if (!type) {
        return NULL;
    }
    type_make_class(type);
    return type->klass;
}

/* ---- Casts ---- */

void *object_class_dynamic_cast(const void *klass, const char *name)
{
    const Type *wanted, *type;

    if (!klass) {
        return NULL;
    }
    /* Most names are the same literal as the type's own. */
    for (type = ((const ObjectClass *)klass)->type; type; type = type->parent) {
        if (type->name == name) {
            return (void *)klass;
        }
    }
    wanted = type_find(name);
    if (!wanted) {
        return NULL;
    }
    type = ((const ObjectClass *)klass)->type;
    for (unsigned i = 0; i < type->num_interfaces; i++) {
        if (type->interfaces[i].type == wanted) {
            return type->interfaces[i].klass;
        }
    }
    for (; type; type = type->parent) {
        if (type == wanted) {
            return (void *)klass;
        }
    }
    return NULL;
}

void *object_class_cast(const void *klass, const char *name)
{
    void *found = object_class_dynamic_cast(klass, name);

    if (klass && !found) {
        g_error("class '%s' is no '%s'", object_class_name(klass), name);
    }
    return found;
}

void *object_dynamic_cast(const void *obj, const char *name)
{
    return obj && object_class_dynamic_cast(((const Object *)obj)->klass, name) ? (void *)obj : NULL;
}

void *object_cast(const void *obj, const char *name)
{
    if (obj && !object_class_dynamic_cast(((const Object *)obj)->klass, name)) {
        g_error("object of type '%s' is no '%s'", object_type(obj), name);
    }
    return (void *)obj;
}

/* ---- Questions ---- */

ObjectClass *object_class_parent(const ObjectClass *klass)
{
    return klass->type->parent ? klass->type->parent->klass : NULL;
}

const char *object_class_name(const ObjectClass *klass)
{
    return klass->type->name;
}

bool object_class_is_abstract(const ObjectClass *klass)
{
    return klass->type->info->abstract;
}

bool type_is_a(const char *name, const char *ancestor)
{
    Type *type = type_find(name);
    Type *wanted = type_find(ancestor);

    return type && wanted && type_derives_from(type, wanted);
}

bool type_exists(const char *name)
{
    return type_find(name) != NULL;
}

bool type_is_abstract(const char *name)
{
    const Type *type = type_find(name);

    return type && type->info->abstract;
}

const char *type_parent(const char *name)
{
    const Type *type = type_find(name);

    return type ? type->info->parent : NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(Type *const *)a)->name, (*(Type *const *)b)->name);
}

static void types_sort(void)
{
    GHashTableIter iter;
    gpointer type;

    if (sorted_types) {
        return;
    }
    sorted_types = g_ptr_array_new();
    g_hash_table_iter_init(&iter, types);
    while (g_hash_table_iter_next(&iter, NULL, &type)) {
        g_ptr_array_add(sorted_types, type);
    }
    qsort(sorted_types->pdata, sorted_types->len, sizeof(gpointer), compare_names);
}

void type_foreach(const char *implements, bool include_abstract, void (*fn)(const char *type, void *), void *opaque)
{
    const Type *wanted = type_find(implements);

    if (implements && !wanted) {
        return;
    }
    types_sort();
    for (unsigned i = 0; i < sorted_types->len; i++) {
        Type *type = sorted_types->pdata[i];

        if ((include_abstract || !type->info->abstract) && (!wanted || type_derives_from(type, wanted))) {
            fn(type->name, opaque);
        }
    }
}

typedef struct ClassVisit {
    void (*fn)(ObjectClass *, void *);
    void *opaque;
} ClassVisit;

static void visit_class(const char *type, void *opaque)
{
    const ClassVisit *visit = opaque;

    visit->fn(object_class_by_name(type), visit->opaque);
}

void object_class_foreach(const char *implements, bool include_abstract, void (*fn)(ObjectClass *, void *),
                          void *opaque)
{
    ClassVisit visit = { fn, opaque };

    type_foreach(implements, include_abstract, visit_class, &visit);
}
