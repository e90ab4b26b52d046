/* Objects and the tree that they form. */
#include <stdlib.h>
#include <string.h>

#include "qom/qom-internal.h"

#define INDEX_FROM 8    /* more members than this get a hash table */

/* ---- Members ---- */

Member *member_find(const Object *obj, const char *name)
{
    const ObjectPrivate *priv = obj->priv;

    if (priv->index) {
        return g_hash_table_lookup(priv->index, name);
    }
    for (Member *m = priv->first; m; m = m->next) {
        if (strcmp(m->name, name) == 0) {
            return m;
        }
    }
    return NULL;
}

static void members_index(ObjectPrivate *priv)
{
    priv->index = g_hash_table_new(g_str_hash, g_str_equal);
    for (Member *m = priv->first; m; m = m->next) {
        g_hash_table_insert(priv->index, m->name, m);
    }
}

Member *member_add(Object *obj, char *name)
{
    ObjectPrivate *priv = obj->priv;
    Member *m = g_new0(Member, 1);

    if (member_find(obj, name) || object_class_property(obj->klass, name)) {
        g_error("object of type '%s' has a property '%s' already", object_type(obj), name);
    }
    m->name = name;
    m->prev = priv->last;
    *(priv->last ? &priv->last->next : &priv->first) = m;
    priv->last = m;
    priv->num_members++;
    if (priv->index) {
        g_hash_table_insert(priv->index, m->name, m);
    } else if (priv->num_members > INDEX_FROM) {
        members_index(priv);
    }
    return m;
}

/* Splits "name[7]" at its bracket; false if it is not of that form. */
static bool split_numbered(const char *name, size_t *stem_length, unsigned *number)
{
    const char *bracket = strrchr(name, '[');
    char *end;
    unsigned long n;

    if (!bracket || !g_ascii_isdigit(bracket[1])) {
        return false;
    }
    n = strtoul(bracket + 1, &end, 10);
    if (strcmp(end, "]") != 0 || n > UINT_MAX) {
        return false;
    }
    *stem_length = bracket - name;
    *number = n;
    return true;
}

/* A number became free: the next "name[*]" is to find it. */
static void numbered_name_freed(ObjectPrivate *priv, const char *name)
{
    g_autofree char *stem = NULL;
    size_t stem_length;
    unsigned number;
    gpointer key, first;

    if (!priv->first_free || !split_numbered(name, &stem_length, &number)) {
        return;
    }
    stem = g_strndup(name, stem_length);
    if (g_hash_table_lookup_extended(priv->first_free, stem, &key, &first) && GPOINTER_TO_UINT(first) > number) {
        g_hash_table_insert(priv->first_free, g_steal_pointer(&stem), GUINT_TO_POINTER(number));
    }
}

void member_remove(Object *obj, Member *m)
{
    ObjectPrivate *priv = obj->priv;

    if (priv->index) {
        g_hash_table_remove(priv->index, m->name);
    }
    *(m->prev ? &m->prev->next : &priv->first) = m->next;
    *(m->next ? &m->next->prev : &priv->last) = m->prev;
    priv->num_members--;
    numbered_name_freed(priv, m->name);
    g_free(m->name);
    g_free(m);
}

/* The first free "stem[N]". All numbers below first_free's are taken, so a run of additions looks at each once. */
static char *numbered_name_take(Object *obj, const char *name)
{
    ObjectPrivate *priv = obj->priv;
    char *stem = g_strndup(name, strlen(name) - strlen("[*]"));
    char *result = NULL;
    unsigned n;

    if (!priv->first_free) {
        priv->first_free = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    }
    for (n = GPOINTER_TO_UINT(g_hash_table_lookup(priv->first_free, stem)); ; n++) {
        result = g_strdup_printf("%s[%u]", stem, n);
        if (!member_find(obj, result)) {
            break;
        }
        g_free(result);
    }
    g_hash_table_insert(priv->first_free, stem, GUINT_TO_POINTER(n + 1));
    return result;
}

/* ---- Lives ---- */

static void run_inits(Object *obj, const Type *type)
{
    if (!type || !type->has_inits) {
        return;
    }
    run_inits(obj, type->parent);
    if (type->info->init) {
        type->info->init(obj);
    }
}

static void object_start(Object *obj, ObjectClass *klass, ObjectPrivate *priv)
{
    obj->klass = klass;
    obj->refcount = 1;
    obj->priv = priv;
    object_set_defaults(obj);
    run_inits(obj, klass->type);
    if (klass->post_init) {
        klass->post_init(obj);
    }
}

static ObjectClass *instantiable_class(const char *type)
{
    ObjectClass *klass = object_class_by_name(type);

    if (!klass || object_class_is_abstract(klass)) {
        g_error("can't make an object of the %s type '%s'", klass ? "abstract" : "unknown", type);
    }
    return klass;
}

Object *object_new(const char *type)
{
    ObjectClass *klass = instantiable_class(type);
    /* One piece of memory: the instance, then the private part. */
    size_t size = (klass->type->size + sizeof(void *) - 1) & ~(sizeof(void *) - 1);
    Object *obj = g_malloc0(size + sizeof(ObjectPrivate));

    object_start(obj, klass, (ObjectPrivate *)((char *)obj + size));
    return obj;
}

void object_init(void *obj, size_t size, const char *type)
{
    ObjectClass *klass = instantiable_class(type);
    ObjectPrivate *priv = g_new0(ObjectPrivate, 1);

    g_assert(size >= klass->type->size);
    memset(obj, 0, size);
    priv->embedded = true;
    object_start(obj, klass, priv);
}

void *object_ref(void *obj)
{
    if (obj) {
        __atomic_fetch_add(&((Object *)obj)->refcount, 1, __ATOMIC_RELAXED);
    }
    return obj;
}

static void remove_members(Object *obj)
{
    Member *m;

    while ((m = obj->priv->last)) {
        if (m->child) {
            object_unparent(m->child);
        } else {
            member_remove(obj, m);
        }
    }
}

static void object_finish(Object *obj)
{
    ObjectPrivate *priv = obj->priv;
    bool embedded = priv->embedded;

    remove_members(obj);
    for (const Type *type = obj->klass->type; type; type = type->parent) {
        if (type->info->finalize) {
            type->info->finalize(obj);
        }
    }
    object_release_props(obj);
    g_clear_pointer(&priv->index, g_hash_table_unref);
    g_clear_pointer(&priv->first_free, g_hash_table_unref);
    g_clear_pointer(&priv->origins, g_array_unref);
    if (embedded) {
        g_free(priv);
        obj->priv = NULL;
    } else {
        g_free(obj);
    }
}

void object_unref(void *obj)
{
    if (obj && __atomic_fetch_sub(&((Object *)obj)->refcount, 1, __ATOMIC_ACQ_REL) == 1) {
        g_assert(!((Object *)obj)->parent);
        object_finish(obj);
    }
}

const char *object_type(const Object *obj)
{
    return obj->klass->type->name;
}

/* ---- The tree ---- */

Object *object_root(void)
{
    static Object *root;

    if (!root) {
        root = object_new(TYPE_CONTAINER);
    }
    return root;
}

void object_add_child(Object *parent, const char *name, Object *child)
{
    Member *m;

    g_assert(!child->parent);
    m = member_add(parent, g_str_has_suffix(name, "[*]") ? numbered_name_take(parent, name) : g_strdup(name));
    m->child = object_ref(child);
    m->type = type_child_name((Type *)child->klass->type);
    child->parent = parent;
    child->priv->self = m;
}

void object_unparent(Object *obj)
{
    Object *parent = obj->parent;

    if (!parent) {
        return;
    }
    member_remove(parent, obj->priv->self);
    obj->parent = NULL;
    obj->priv->self = NULL;
    object_unref(obj);
}

Object *object_child(const Object *parent, const char *name)
{
    const Member *m = member_find(parent, name);

    return m ? m->child : NULL;
}

const char *object_name(const Object *obj)
{
    return obj->priv->self ? obj->priv->self->name : NULL;
}

Object *object_container(Object *parent, const char *name)
{
    Object *child = object_child(parent, name);

    if (!child) {
        child = object_new(TYPE_CONTAINER);
        object_add_child(parent, name, child);
        object_unref(child);
    }
    return child;
}

bool object_foreach_child(Object *parent, bool (*fn)(Object *child, void *opaque), void *opaque)
{
    g_autoptr(GPtrArray) children = g_ptr_array_new_full(parent->priv->num_members, object_unref);
    bool going = true;

    for (const Member *m = parent->priv->first; m; m = m->next) {
        if (m->child) {
            g_ptr_array_add(children, object_ref(m->child));
        }
    }
    for (unsigned i = 0; going && i < children->len; i++) {
        Object *child = children->pdata[i];

        going = child->parent != parent || fn(child, opaque);
    }
    return going;
}

/* ---- Paths ---- */

char *object_path(const Object *obj)
{
    GString *path;

    if (obj == object_root()) {
        return g_strdup("/");
    }
    path = g_string_new(NULL);
    for (; obj->parent; obj = obj->parent) {
        g_string_prepend(path, object_name(obj));
        g_string_prepend_c(path, '/');
    }
    return g_string_free(path, obj != object_root());
}

/* From `obj` down the components (empty ones don't count), through children and links. */
static Object *resolve_from(Object *obj, char *const *components)
{
    for (; obj && *components; components++) {
        if (**components) {
            const Member *m = member_find(obj, *components);

            obj = m && m->child ? m->child : object_follow_link(obj, *components);
        }
    }
    return obj;
}

typedef struct PartialSearch {
    char *const *components;
    const char *type;
    Object *found;
    bool ambiguous;
} PartialSearch;

static void resolve_partial(Object *obj, PartialSearch *search)
{
    Object *match = object_dynamic_cast(resolve_from(obj, search->components), search->type);

    if (match && search->found && match != search->found) {
        search->ambiguous = true;
    }
    search->found = match ? match : search->found;
    for (const Member *m = obj->priv->first; m && !search->ambiguous; m = m->next) {
        if (m->child) {
            resolve_partial(m->child, search);
        }
    }
}

Object *object_resolve_path_type(const char *path, const char *type, bool *ambiguous)
{
    g_auto(GStrv) components = g_strsplit(path, "/", 0);
    PartialSearch search = { .components = components, .type = type };

    if (ambiguous) {
        *ambiguous = false;
    }
    if (path[0] == '/') {
        return object_dynamic_cast(resolve_from(object_root(), components), type);
    }
    resolve_partial(object_root(), &search);
    if (ambiguous) {
        *ambiguous = search.ambiguous;
    }
    return search.ambiguous ? NULL : search.found;
}

Object *object_resolve_path(const char *path, bool *ambiguous)
{
    return object_resolve_path_type(path, TYPE_OBJECT, ambiguous);
}

/* ---- The roots of all types ---- */

static void object_class_init(ObjectClass *klass, const void *data)
{
    static const Property props[] = {
        { .name = "type", .kind = &prop_kind_type_name, .no_default = true, .hidden = true },
    };

    object_class_add_props(klass, props, G_N_ELEMENTS(props));
}

static const TypeInfo base_types[] = {
    { .name = TYPE_OBJECT, .size = sizeof(Object), .class_size = sizeof(ObjectClass), .abstract = true,
      .class_init = object_class_init },
    { .name = TYPE_INTERFACE, .class_size = sizeof(ObjectClass), .abstract = true },
    { .name = TYPE_CONTAINER, .parent = TYPE_OBJECT },
    { .name = TYPE_USER_CREATABLE, .parent = TYPE_INTERFACE, .class_size = sizeof(UserCreatableClass),
      .abstract = true },
};
TYPES_REGISTER(base_types)
