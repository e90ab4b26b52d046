/*
 * The object model: types, objects, and the tree that they form.
 *
 * A type is a TypeInfo, registered before main() by TYPE_REGISTER(). It has one parent, may be abstract, and may
 * implement interfaces (types derived from "interface", classes without instances). Its class is made when it is
 * first needed: the parent's class is copied, class_init overrides. An object begins with `Object`; a subclass's
 * struct begins with its parent's.
 *
 * Objects are counted. An object that is added as a child ("child<T>" property) of another is owned by it and has a
 * canonical path, its names from the root: `/machine/peripheral/rp0`. The root is object_root().
 *
 * Properties (qom/property.h) are declared per class in const tables; a few are added to single objects.
 */
#ifndef QOM_OBJECT_H
#define QOM_OBJECT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Type Type;
typedef struct TypeInfo TypeInfo;
typedef struct Object Object;
typedef struct ObjectClass ObjectClass;
typedef struct Property Property;
typedef struct ClassProperty ClassProperty;
typedef struct ObjectPrivate ObjectPrivate;

#define TYPE_OBJECT "object"
#define TYPE_INTERFACE "interface"

struct TypeInfo {
    const char *name;
    const char *parent;             /* NULL only for the two roots */
    size_t size;                    /* of an instance; 0: the parent's */
    size_t class_size;              /* 0: the parent's */
    bool abstract;
    void (*class_init)(ObjectClass *klass, const void *data);
    const void *class_data;         /* passed to class_init */
    void (*init)(Object *obj);      /* parent's first; properties have their defaults already */
    void (*finalize)(Object *obj);  /* parent's last; the children are gone already, the properties' values not yet */
    const char *const *interfaces;  /* NULL-terminated */
};

struct ObjectClass {
    const Type *type;
    const ClassProperty *props;     /* see qom/property.h: the parents' first, then this class's */
    unsigned num_props;
    const char *description;        /* what `-device help` and `-object help` print */
    bool deprecated;
    void (*post_init)(Object *obj); /* after all init functions; inherited unless class_init sets another */
};

struct Object {
    ObjectClass *klass;
    unsigned refcount;
    Object *parent;                 /* NULL: not in the tree */
    ObjectPrivate *priv;            /* name, children, own properties, origins of values */
};

/* Registers a file's TypeInfo before main(). The TypeInfo must live for ever. */
#define TYPE_REGISTER(info)                                                                 \
    static void __attribute__((constructor)) type_register_##info(void)                     \
    {                                                                                       \
        type_register(&(info));                                                             \
    }

/* As TYPE_REGISTER, for an array of TypeInfo. */
#define TYPES_REGISTER(infos)                                                               \
    static void __attribute__((constructor)) type_register_##infos(void)                    \
    {                                                                                       \
        for (size_t i = 0; i < G_N_ELEMENTS(infos); i++) {                                  \
            type_register(&(infos)[i]);                                                     \
        }                                                                                   \
    }

void type_register(const TypeInfo *info);

/*
 * Declares the casts of a type: PCI_DEVICE(obj), PCI_DEVICE_CLASS(klass) and PCI_DEVICE_GET_CLASS(obj), given that
 * TYPE_PCI_DEVICE is its name. A cast of an object of another type is a bug here and aborts.
 */
#define OBJECT_DECLARE_TYPE(Instance, Class, NAME)                                          \
    typedef struct Instance Instance;                                                       \
    typedef struct Class Class;                                                             \
    static inline G_GNUC_UNUSED Instance *NAME(const void *obj)                             \
    {                                                                                       \
        return (Instance *)object_cast(obj, TYPE_##NAME);                                   \
    }                                                                                       \
    static inline G_GNUC_UNUSED Class *NAME##_CLASS(const void *klass)                      \
    {                                                                                       \
        return (Class *)object_class_cast(klass, TYPE_##NAME);                              \
    }                                                                                       \
    static inline G_GNUC_UNUSED Class *NAME##_GET_CLASS(const void *obj)                    \
    {                                                                                       \
        return (Class *)object_class_cast(((const Object *)obj)->klass, TYPE_##NAME);       \
    }

/* As OBJECT_DECLARE_TYPE for a type with no class struct of its own. */
#define OBJECT_DECLARE_SIMPLE_TYPE(Instance, NAME)                                          \
    typedef struct Instance Instance;                                                       \
    static inline G_GNUC_UNUSED Instance *NAME(const void *obj)                             \
    {                                                                                       \
        return (Instance *)object_cast(obj, TYPE_##NAME);                                   \
    }

/* Any object as an Object; no check, as every object begins with one. */
static inline Object *OBJECT(const void *obj)
{
    return (Object *)obj;
}

void *object_cast(const void *obj, const char *type);
void *object_class_cast(const void *klass, const char *type);
/* NULL if obj is not of the type (or NULL). For an interface: the object itself. */
void *object_dynamic_cast(const void *obj, const char *type);
/* The class of an interface as this class implements it, or the class itself; NULL if it is neither. */
void *object_class_dynamic_cast(const void *klass, const char *type);

/* Types. */
ObjectClass *object_class_by_name(const char *type);    /* NULL: no such type. Makes the class. */
ObjectClass *object_class_parent(const ObjectClass *klass);
const char *object_class_name(const ObjectClass *klass);
bool object_class_is_abstract(const ObjectClass *klass);
bool type_is_a(const char *type, const char *ancestor); /* makes no class; false for an unknown type */
bool type_exists(const char *type);
bool type_is_abstract(const char *type);
const char *type_parent(const char *type);              /* NULL at a root */
/* Calls fn for each registered type's class, in name order, that is (or implements) `implements` (NULL: all). */
void object_class_foreach(const char *implements, bool include_abstract, void (*fn)(ObjectClass *, void *),
                          void *opaque);
/* As object_class_foreach by name only: makes no class. */
void type_foreach(const char *implements, bool include_abstract, void (*fn)(const char *type, void *), void *opaque);

/* Objects. object_new() aborts on an unknown or abstract type: check what a user gave first. */
Object *object_new(const char *type);
/* An object inside another struct: no memory of its own. It is finalized when its count falls to 0. */
void object_init(void *obj, size_t size, const char *type);
void *object_ref(void *obj);
void object_unref(void *obj);
const char *object_type(const Object *obj);

/* The tree. */
Object *object_root(void);
/*
 * Adds `child` under `parent` and takes a reference (object_unref() your own when the tree is to own it).
 * A name that ends in "[*]" becomes the first free "[0]", "[1]", …. The name must be free.
 */
void object_add_child(Object *parent, const char *name, Object *child);
/* Out of the tree: drops the parent's reference. Nothing happens to an object that is not in it. Objects below it
 * leave it when it is finalized. */
void object_unparent(Object *obj);
Object *object_child(const Object *parent, const char *name);   /* borrowed; NULL if there is none */
const char *object_name(const Object *obj);                     /* the last component; NULL outside the tree */
char *object_path(const Object *obj);                           /* caller frees; NULL outside the tree */
/* An absolute path, or a partial one that must be unambiguous; link properties are followed. Borrowed. */
Object *object_resolve_path(const char *path, bool *ambiguous);
Object *object_resolve_path_type(const char *path, const char *type, bool *ambiguous);
/* The child container of that name, made if absent ("container" type). Borrowed. */
Object *object_container(Object *parent, const char *name);
/*
 * In order of addition; fn returns false to stop, which is then the result. fn may change the tree: a child that is
 * removed meanwhile is not visited, one that is added neither.
 */
bool object_foreach_child(Object *parent, bool (*fn)(Object *child, void *opaque), void *opaque);

#define TYPE_CONTAINER "container"
/* Implemented by types that -object and object-add can make. */
#define TYPE_USER_CREATABLE "user-creatable"

typedef struct UserCreatableClass {
    ObjectClass parent;
    bool (*complete)(Object *obj, GError **error);      /* after all properties are set */
    bool (*can_be_deleted)(Object *obj);
} UserCreatableClass;

#endif
