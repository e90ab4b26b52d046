/* `info qtree`. */
#include <inttypes.h>
#include <string.h>

#include "hw/core/device-internal.h"
#include "util/size.h"

typedef struct TreePrinter {
    GString *out;
    int indent;
} TreePrinter;

static void print_line(const TreePrinter *p, int deeper, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void print_line(const TreePrinter *p, int deeper, const char *format, ...)
{
    va_list args;

    g_string_append_printf(p->out, "%*s", p->indent + deeper, "");
    va_start(args, format);
    g_string_append_vprintf(p->out, format, args);
    va_end(args);
    g_string_append_c(p->out, '\n');
}

/* An integer is shown signed, and as the 64 bits that it is. */
static char *print_integer(const Property *prop, const Json *value)
{
    uint64_t bits = 0;
    int64_t number = 0;

    if (!json_get_uint(value, &bits) && json_get_int(value, &number)) {
        bits = number;
    }
    if (strcmp(prop->kind->name, "size") == 0) {
        g_autofree char *size = size_format(bits);

        return g_strdup_printf("%" PRIu64 " (%s)", bits, size);
    }
    return g_strdup_printf("%" PRId64 " (0x%" PRIx64 ")", (int64_t)bits, bits);
}

static char *print_value(Object *obj, const Property *prop)
{
    g_autoptr(Json) value = NULL;

    if (prop->kind->print) {
        return prop->kind->print(obj, prop);
    }
    value = prop->kind->get && !prop->kind->follow ? prop->kind->get(obj, prop, NULL) : NULL;
    if (!value) {
        return NULL;
    }
    return json_type(value) == JSON_INT ? print_integer(prop, value) : json_text(value, false);
}

/* What is not the type's own default says where it came from. */
static void print_property(const TreePrinter *p, Object *obj, const Property *prop)
{
    g_autofree char *text = print_value(obj, prop);
    PropertyOrigin origin;
    const char *why;

    if (!text) {
        return;
    }
    origin = object_property_origin(obj, prop->name, &why);
    if (origin == PROP_ORIGIN_DEFAULT) {
        print_line(p, 2, "%s = %s", prop->name, text);
    } else if (why) {
        print_line(p, 2, "%s = %s [%s %s]", prop->name, text, property_origin_name(origin), why);
    } else {
        print_line(p, 2, "%s = %s [%s]", prop->name, text, property_origin_name(origin));
    }
}

/* The class's own, then its parent's, and so on up. */
static void print_properties(const TreePrinter *p, DeviceState *dev)
{
    const ObjectClass *klass = dev->parent_obj.klass;
    unsigned end = klass->num_props;

    for (const ObjectClass *parent = object_class_parent(klass); parent; parent = object_class_parent(parent)) {
        for (unsigned i = parent->num_props; i < end; i++) {
            const ClassProperty *cp = &klass->props[i];

            if (!cp->absent && !cp->alias && !cp->prop->hidden && !cp->prop->attribute) {
                print_property(p, &dev->parent_obj, cp->prop);
            }
        }
        end = parent->num_props;
    }
}

static void print_irqs(const char *name, int in, int out, void *opaque)
{
    if (in) {
        print_line(opaque, 2, "gpio-in \"%s\" %d", name, in);
    }
    if (out) {
        print_line(opaque, 2, "gpio-out \"%s\" %d", name, out);
    }
}

static void print_bus(GString *out, const BusState *bus, int indent);

static void print_device(GString *out, DeviceState *dev, int indent)
{
    TreePrinter p = { .out = out, .indent = indent };
    const BusClass *bc = BUS_GET_CLASS(dev->bus);

    print_line(&p, 0, "dev: %s, id \"%s\"", object_type(&dev->parent_obj), dev->id ? dev->id : "");
    device_foreach_irqs(dev, print_irqs, &p);
    print_properties(&p, dev);
    if (bc->print_dev && dev->realized) {
        bc->print_dev(out, dev, indent + 2);
    }
    for (unsigned i = dev->child_buses->len; i-- > 0; ) {
        print_bus(out, dev->child_buses->pdata[i], indent + 2);
    }
}

static void print_bus(GString *out, const BusState *bus, int indent)
{
    TreePrinter p = { .out = out, .indent = indent };

    print_line(&p, 0, "bus: %s", bus->name);
    print_line(&p, 2, "type %s", object_type(&bus->parent_obj));
    for (unsigned i = bus->children->len; i-- > 0; ) {
        print_device(out, bus->children->pdata[i], indent + 2);
    }
}

void device_print_tree(GString *out)
{
    print_bus(out, bus_main_system(), 0);
}
