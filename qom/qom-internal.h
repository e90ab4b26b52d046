/* What qom's own files share: the registry's record of a type and the private part of an object. */
#ifndef QOM_INTERNAL_H
#define QOM_INTERNAL_H

#include "qom/object.h"
#include "qom/property.h"

/* An interface as one class implements it: `klass` is a copy of the interface's class that class_init may fill. */
typedef struct TypeInterface {
    Type *type;
    ObjectClass *klass;
} TypeInterface;

struct Type {
    const TypeInfo *info;
    const char *name;           /* info->name */
    Type *parent;               /* valid once linked */
    bool linked;
    size_t size, class_size;    /* from here on valid once the class is made */
    ObjectClass *klass;
    TypeInterface *interfaces;  /* the parents' too */
    unsigned num_interfaces;
    GArray *props;              /* ClassProperty; klass->props is its data */
    uint16_t *prop_index;       /* open addressing by name over props; an entry is a place in props + 1 */
    unsigned prop_index_size;   /* a power of 2, more than twice the properties; 0: none yet */
    bool has_inits;
    ObjectSetGuard guard;
    const char *child_type;     /* "child<NAME>", interned; NULL until asked for */
};

Type *type_find(const char *name);      /* NULL: no such type */
Type *type_get_parent(Type *type);      /* links it first */
const char *type_child_name(Type *type);
extern const PropertyKind prop_kind_type_name;
void class_props_inherit(Type *type, const Type *parent);
void class_props_finish(ObjectClass *klass);

/* What an object has beyond its class's properties: a child, a link, or a pair of functions. */
typedef struct Member {
    char *name;
    struct Member *prev, *next;
    Object *child;              /* not NULL: a child */
    Object **link;              /* not NULL: a link, with `type` "link<T>" */
    const char *type;           /* interned */
    ObjectPropertyGet get;
    ObjectPropertySet set;
    void *opaque;
} Member;

typedef struct ValueOrigin {
    const Property *prop;
    const char *why;
    PropertyOrigin origin;
} ValueOrigin;

struct ObjectPrivate {
    Member *self;               /* this object as its parent's child; NULL outside the tree */
    Member *first, *last;       /* in order of addition */
    unsigned num_members;
    bool embedded;              /* by object_init(): the memory is somebody else's */
    GHashTable *index;          /* name to Member, when there are many */
    GHashTable *first_free;     /* "name" of "name[*]" to the lowest number that may be free */
    GArray *origins;            /* ValueOrigin of the properties that do not have their default */
};

Member *member_find(const Object *obj, const char *name);
/* Takes `name` over; it must be free among the members and the class's properties. */
Member *member_add(Object *obj, char *name);
void member_remove(Object *obj, Member *member);

/* By the kind's parse, or as a JSON string. */
bool property_set_text(Object *obj, const Property *prop, const char *text, GError **error);
void object_set_defaults(Object *obj);
void object_release_props(Object *obj);
void object_set_origin(Object *obj, const Property *prop, PropertyOrigin origin, const char *why);
/* A link's value: a path in a JSON string, "" for none, to an object of `type`. */
bool property_resolve_link(const char *name, const char *type, Json *value, Object **target, GError **error);
/* The object that a link property (a member or the class's) leads to; NULL if it is none or leads nowhere. */
Object *object_follow_link(Object *obj, const char *name);

#endif
