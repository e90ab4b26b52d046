/*
 * Properties: named, typed values of objects, mostly declared in const tables of a class.
 *
 *     static const Property root_port_props[] = {
 *         DEFINE_PROP_UINT16("aer_log_max", PCIERootPort, aer_log_max, 8, .max = AER_LOG_LIMIT),
 *         DEFINE_PROP_BIT("x-pcie-err-unc-mask", PCIDevice, cap_present, PCI_CAP_ERR_UNC_MASK_BIT, true),
 *     };
 *     object_class_add_props(klass, root_port_props, G_N_ELEMENTS(root_port_props));
 *
 * A value goes in as text (`-device k=v`), as JSON (QMP) or from C (the field itself), and comes out as JSON. What can
 * stand in a property is its PropertyKind; a layer above may define kinds of its own (a drive, a PCI address).
 * Each object remembers, per property, where its value came from.
 */
#ifndef QOM_PROPERTY_H
#define QOM_PROPERTY_H

#include "qom/object.h"
#include "util/json.h"

/* Where a value came from, in rising precedence. */
typedef enum {
    PROP_ORIGIN_DEFAULT,    /* the type's own */
    PROP_ORIGIN_RELEASE,    /* fixed by the release: a row of the compat history */
    PROP_ORIGIN_COMPAT,     /* hw_compat_x_y or pc_compat_x_y of the machine type */
    PROP_ORIGIN_BOARD,      /* set by the code that made the object */
    PROP_ORIGIN_GLOBAL,     /* -global */
    PROP_ORIGIN_USER,       /* -device, device_add, -object, qom-set */
} PropertyOrigin;

const char *property_origin_name(PropertyOrigin origin); /* "default", "release", "compat", "board", "global", "user" */

typedef struct PropertyKind {
    const char *name;           /* as introspection shows it: "bool", "uint16", "str", "OnOffAuto", "link<bus>" */
    const char *description;    /* used when the property has none ("on/off") */
    const char *const *values;  /* enums: the names, NULL-terminated */
    /* Each may be NULL: no such way. A refusal changes nothing. parse NULL: text is given to set as a JSON string. */
    bool (*set)(Object *obj, const Property *prop, Json *value, GError **error);
    bool (*parse)(Object *obj, const Property *prop, const char *text, GError **error);
    Json *(*get)(Object *obj, const Property *prop, GError **error);
    void (*set_default)(Object *obj, const Property *prop);
    Json *(*get_default)(const Property *prop);     /* NULL: none to show */
    Object *(*follow)(Object *obj, const Property *prop); /* links: what a path goes on to */
    char *(*print)(Object *obj, const Property *prop); /* what `info qtree` shows; NULL: made of get's result */
    void (*release)(Object *obj, const Property *prop); /* at finalize: frees what the field holds */
} PropertyKind;

struct Property {
    const char *name;
    const PropertyKind *kind;
    const char *description;    /* NULL: the kind's */
    const char *type;           /* as introspection shows it; NULL: the kind's name */
    ptrdiff_t offset;           /* of the field in the instance */
    uint8_t bit;                /* for bit kinds */
    bool no_default;            /* the field is left as init leaves it; no default is shown */
    bool runtime;               /* may be set on a realized device */
    bool hidden;                /* not listed by -device help */
    bool attribute;             /* tells rather than configures: `info qtree` leaves it out, help shows no default */
    uint64_t defval;            /* integers, bools, enums: the default, as the field holds it */
    const char *defstr;         /* strings: the default, or NULL */
    uint64_t min, max;          /* integers: inclusive; max 0: all that fits (signed kinds: cast to int64_t) */
    const void *arg;            /* the kind's own: an enum's kind data, a link's target type, an array's element kind */
    ptrdiff_t offset2;          /* the kind's own: array: offset of the element count (uint32_t) */
    bool (*check)(Object *obj, const Property *prop, uint64_t value, GError **error); /* a device's own further check */
};

/* A property as one class has it: the compat history may take it away or change its default there. */
struct ClassProperty {
    const Property *prop;
    bool absent;                /* this release does not have it: as if it were not declared */
    const char *default_text;   /* not NULL: the default here, parsed like a user's text */
    const char *default_why;    /* … and the name of the row it came from */
    Object *(*alias)(Object *obj);  /* not NULL: an alias; the value is the property of this name of the object found */
};

extern const PropertyKind prop_kind_bool;           /* bool field */
extern const PropertyKind prop_kind_bit;            /* bit of a uint32_t field; shown as bool, "on/off" */
extern const PropertyKind prop_kind_bit64;          /* bit of a uint64_t field */
extern const PropertyKind prop_kind_uint8, prop_kind_uint16, prop_kind_uint32, prop_kind_uint64;
extern const PropertyKind prop_kind_int8, prop_kind_int16, prop_kind_int32, prop_kind_int64;
extern const PropertyKind prop_kind_size;           /* uint64_t: "64K", "1G" */
extern const PropertyKind prop_kind_size32;         /* uint32_t: the same below 4 GiB; shown as "size" */
extern const PropertyKind prop_kind_string;         /* char *, owned by the object */
extern const PropertyKind prop_kind_on_off_auto;    /* OnOffAuto */
extern const PropertyKind prop_kind_macaddr;        /* uint8_t[6] */
extern const PropertyKind prop_kind_link;           /* Object *, a counted reference; arg: the type's name */
extern const PropertyKind prop_kind_array;          /* T *, with its uint32_t count at offset2; arg: PropertyArray */

/* An array property's elements: each is set through `kind` at its place. */
typedef struct PropertyArray {
    const PropertyKind *kind;
    size_t size;
    unsigned max;
} PropertyArray;

typedef enum { ON_OFF_AUTO_AUTO, ON_OFF_AUTO_ON, ON_OFF_AUTO_OFF } OnOffAuto;

/* A kind for an int-sized enum field is made of its names: DEFINE_ENUM_KIND(prop_kind_fdc, "FdcDrive", "144", …); */
#define DEFINE_ENUM_KIND(ident, type_name, ...)                                             \
    static const char *const ident##_values[] = { __VA_ARGS__, NULL };                      \
    const PropertyKind ident = {                                                            \
        .name = type_name, .values = ident##_values, .set = prop_enum_set, .get = prop_enum_get, \
        .set_default = prop_enum_set_default, .get_default = prop_enum_get_default,         \
    }
bool prop_enum_set(Object *obj, const Property *prop, Json *value, GError **error);
Json *prop_enum_get(Object *obj, const Property *prop, GError **error);
void prop_enum_set_default(Object *obj, const Property *prop);
Json *prop_enum_get_default(const Property *prop);

#define DEFINE_PROP(_name, _kind, _type, _field, _default, ...)                             \
    { .name = _name, .kind = &(_kind), .offset = offsetof(_type, _field),                   \
      .defval = (uint64_t)(_default), ##__VA_ARGS__ }
#define DEFINE_PROP_BOOL(n, t, f, d, ...) DEFINE_PROP(n, prop_kind_bool, t, f, d, ##__VA_ARGS__)
#define DEFINE_PROP_BIT(n, t, f, b, d, ...) DEFINE_PROP(n, prop_kind_bit, t, f, d, .bit = b, ##__VA_ARGS__)
#define DEFINE_PROP_BIT64(n, t, f, b, d, ...) DEFINE_PROP(n, prop_kind_bit64, t, f, d, .bit = b, ##__VA_ARGS__)
#define DEFINE_PROP_UINT8(n, t, f, d, ...) DEFINE_PROP(n, prop_kind_uint8, t, f, d, ##__VA_ARGS__)
#define DEFINE_PROP_UINT16(n, t, f, d, ...) DEFINE_PROP(n, prop_kind_uint16, t, f, d, ##__VA_ARGS__)
#define DEFINE_PROP_UINT32(n, t, f, d, ...) DEFINE_PROP(n, prop_kind_uint32, t, f, d, ##__VA_ARGS__)
#define DEFINE_PROP_UINT64(n, t, f, d, ...) DEFINE_PROP(n, prop_kind_uint64, t, f, d, ##__VA_ARGS__)
#define DEFINE_PROP_INT8(n, t, f, d, ...) DEFINE_PROP(n, prop_kind_int8, t, f, d, ##__VA_ARGS__)
#define DEFINE_PROP_INT16(n, t, f, d, ...) DEFINE_PROP(n, prop_kind_int16, t, f, d, ##__VA_ARGS__)
#define DEFINE_PROP_INT32(n, t, f, d, ...) DEFINE_PROP(n, prop_kind_int32, t, f, d, ##__VA_ARGS__)
#define DEFINE_PROP_INT64(n, t, f, d, ...) DEFINE_PROP(n, prop_kind_int64, t, f, d, ##__VA_ARGS__)
#define DEFINE_PROP_SIZE(n, t, f, d, ...) DEFINE_PROP(n, prop_kind_size, t, f, d, ##__VA_ARGS__)
#define DEFINE_PROP_SIZE32(n, t, f, d, ...) DEFINE_PROP(n, prop_kind_size32, t, f, d, ##__VA_ARGS__)
#define DEFINE_PROP_STRING(n, t, f, ...) DEFINE_PROP(n, prop_kind_string, t, f, 0, ##__VA_ARGS__)
#define DEFINE_PROP_ON_OFF_AUTO(n, t, f, d, ...) DEFINE_PROP(n, prop_kind_on_off_auto, t, f, d, ##__VA_ARGS__)
#define DEFINE_PROP_ENUM(n, k, t, f, d, ...) DEFINE_PROP(n, k, t, f, d, ##__VA_ARGS__)
#define DEFINE_PROP_MACADDR(n, t, f, ...) DEFINE_PROP(n, prop_kind_macaddr, t, f, 0, .no_default = true, ##__VA_ARGS__)
#define DEFINE_PROP_LINK(n, t, f, target, ...)                                              \
    DEFINE_PROP(n, prop_kind_link, t, f, 0, .arg = target, .no_default = true, ##__VA_ARGS__)
/* `array` is a PropertyArray; `count` the uint32_t field beside the pointer. */
#define DEFINE_PROP_ARRAY(n, t, f, count, array, ...)                                       \
    DEFINE_PROP(n, prop_kind_array, t, f, 0, .arg = &(array), .offset2 = offsetof(t, count), .no_default = true, \
                ##__VA_ARGS__)

/* Adds a table to the class, in class_init. A later declaration of the same name replaces an inherited one. */
void object_class_add_props(ObjectClass *klass, const Property *props, size_t count);
/* Changes the default of an inherited property for this class and its children. */
void object_class_set_prop_default(ObjectClass *klass, const char *name, const char *text);

/*
 * Gives the class all properties of `target_type` (its parents' down from, and not with, `until` included) that it does
 * not have yet, as aliases: each is set, read and asked for its origin on the object that `target` finds for obj. A
 * class property that the release takes from the target is absent here as well. For devices that wrap another one.
 * `target` may return NULL for an object without one: it has no such properties.
 */
void object_class_add_alias_props(ObjectClass *klass, const char *target_type, const char *until,
                                  Object *(*target)(Object *obj));

/*
 * The compat history's say in what a release has: called once per class and property when the class is made, after
 * class_init. May set `absent`, `default_text` and `default_why`.
 */
void qom_set_class_property_hook(void (*hook)(const ObjectClass *klass, ClassProperty *prop));

/* The class's property of that name, NULL if there is none in this release. */
const ClassProperty *object_class_property(const ObjectClass *klass, const char *name);
/* Its type's name, as introspection shows it ("link<iothread>"). */
const char *property_type_name(const Property *prop);
/* What a new object of the class has in it; NULL: nothing to show. */
Json *class_property_default(const ClassProperty *prop);

/* Where the field of a property is. */
static inline void *property_field(Object *obj, const Property *prop)
{
    return (char *)obj + prop->offset;
}

/*
 * Sets and reads any property: a class's, an object's own, a child or a link. Errors are QEMU's:
 * "Property 'pcie-root-port.foo' not found" (with the nearest name in "; did you mean 'bar'?"),
 * "Invalid parameter type for 'foo', expected: boolean", "Parameter 'foo' expects …".
 * object_property_set*() ask the object's class first whether it may be set now (see object_class_set_guard()).
 */
bool object_property_set(Object *obj, const char *name, Json *value, PropertyOrigin origin, GError **error);
bool object_property_parse(Object *obj, const char *name, const char *text, PropertyOrigin origin, GError **error);
Json *object_property_get(Object *obj, const char *name, GError **error);
bool object_property_exists(Object *obj, const char *name);
const char *object_property_type(Object *obj, const char *name, GError **error);
/* What reading a link to obj gives: its path, "" for NULL. */
Json *object_path_json(const Object *obj);

/* From C, to what must exist: a failure aborts. Origin: PROP_ORIGIN_BOARD. */
void object_set_bool(Object *obj, const char *name, bool value);
void object_set_uint(Object *obj, const char *name, uint64_t value);
void object_set_str(Object *obj, const char *name, const char *value);
void object_set_link(Object *obj, const char *name, Object *value);
bool object_get_bool(Object *obj, const char *name);
uint64_t object_get_uint(Object *obj, const char *name);
char *object_get_str(Object *obj, const char *name);    /* caller frees */

/* Where the value came from, and the row ("hw_compat_7_2") or NULL. */
PropertyOrigin object_property_origin(Object *obj, const char *name, const char **why);
/* As object_property_parse with PROP_ORIGIN_COMPAT or _GLOBAL and the name of the row, which must live for ever. */
bool object_property_parse_why(Object *obj, const char *name, const char *text, PropertyOrigin origin, const char *why,
                               GError **error);

/* A property of one object only. get or set may be NULL. */
typedef Json *(*ObjectPropertyGet)(Object *obj, const char *name, void *opaque, GError **error);
typedef bool (*ObjectPropertySet)(Object *obj, const char *name, void *opaque, Json *value, GError **error);
void object_add_property(Object *obj, const char *name, const char *type, ObjectPropertyGet get, ObjectPropertySet set,
                         void *opaque);
/* Takes it away again; nothing happens if it is not there. */
void object_remove_property(Object *obj, const char *name);
/* A link to *target, followed by paths and shown as "link<type>". The object does not own what it points to. */
void object_add_link(Object *obj, const char *name, const char *type, Object **target);

/* Calls fn for everything that qom-list shows: own properties, children ("child<T>"), links, class properties. */
void object_property_foreach(Object *obj,
                             void (*fn)(const char *name, const char *type, const char *description, void *opaque),
                             void *opaque);

/*
 * Asked before a class property of an object of this class or its children is set through the functions above:
 * a device refuses after it was realized. Set in class_init.
 */
typedef bool (*ObjectSetGuard)(Object *obj, const Property *prop, GError **error);
void object_class_set_guard(ObjectClass *klass, ObjectSetGuard guard);

#endif
