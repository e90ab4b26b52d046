/* Boot order. */
#include "hw/core/bootindex.h"

#include <inttypes.h>

#include "util/error.h"
#include "util/keyval.h"

typedef struct BootDevice {
    int32_t index;
    Object *obj;    /* takes itself out when it goes */
} BootDevice;

static GArray *order;   /* BootDevice, by index */

static unsigned find_place(int32_t index)
{
    unsigned i = 0;
    while (order && i < order->len && g_array_index(order, BootDevice, i).index < index) {
        i++;
    }
    return i;
}

static void take_out(Object *obj)
{
    for (unsigned i = 0; order && i < order->len; i++) {
        if (g_array_index(order, BootDevice, i).obj == obj) {
            g_array_remove_index(order, i);
            return;
        }
    }
}

static bool store(Object *obj, const Property *prop, int64_t value, GError **error)
{
    int32_t *field = property_field(obj, prop);
    if (value < INT32_MIN || value > INT32_MAX) {
        return error_setf(error, "Parameter '%s' expects int32_t", prop->name);
    }
    unsigned place = find_place(value);
    if (value >= 0 && order && place < order->len) {
        const BootDevice *there = &g_array_index(order, BootDevice, place);
        if (there->index == value && there->obj != obj) {
            return error_setf(error, "The bootindex %" PRId64 " has already been used", value);
        }
    }
    take_out(obj);
    *field = MAX(value, -1);
    if (value >= 0) {
        BootDevice device = { value, obj };
        if (!order) {
            order = g_array_new(FALSE, FALSE, sizeof(BootDevice));
        }
        g_array_insert_val(order, find_place(value), device);
    }
    return true;
}

static bool bootindex_set(Object *obj, const Property *prop, Json *json, GError **error)
{
    int64_t value;
    if (!json_get_int(json, &value)) {
        return error_setf(error, "Invalid parameter type for '%s', expected: integer", prop->name);
    }
    return store(obj, prop, value, error);
}

static bool bootindex_parse(Object *obj, const Property *prop, const char *text, GError **error)
{
    uint64_t value;
    bool negative = text[0] == '-';
    if (!keyval_uint(prop->name, text + negative, &value, NULL) || value > INT32_MAX) {
        return error_setf(error, "Parameter '%s' expects int32_t", prop->name);
    }
    return store(obj, prop, negative ? -(int64_t)value : (int64_t)value, error);
}

static Json *bootindex_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_int(*(int32_t *)property_field(obj, prop));
}

static void bootindex_set_default(Object *obj, const Property *prop)
{
    *(int32_t *)property_field(obj, prop) = -1;
}

static void bootindex_release(Object *obj, const Property *prop)
{
    if (*(int32_t *)property_field(obj, prop) >= 0) {
        take_out(obj);
    }
}

const PropertyKind prop_kind_bootindex = {
    .name = "int32", .set = bootindex_set, .parse = bootindex_parse, .get = bootindex_get,
    .set_default = bootindex_set_default, .release = bootindex_release,
};

void bootindex_foreach(void (*fn)(int32_t index, Object *obj, void *opaque), void *opaque)
{
    for (unsigned i = 0; order && i < order->len; i++) {
        const BootDevice *device = &g_array_index(order, BootDevice, i);
        fn(device->index, device->obj, opaque);
    }
}
