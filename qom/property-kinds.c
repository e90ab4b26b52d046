/* The kinds of property values: integers, sizes, bools and bits, enums. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "qom/qom-internal.h"
#include "util/error.h"
#include "util/keyval.h"

static bool wrong_type(const Property *prop, const char *expected, GError **error)
{
    return error_setf(error, "Invalid parameter type for '%s', expected: %s", prop->name, expected);
}

static bool checked(Object *obj, const Property *prop, uint64_t value, GError **error)
{
    return !prop->check || prop->check(obj, prop, value, error);
}

/* ---- Integers ---- */

static uint64_t load_field(Object *obj, const Property *prop, size_t size)
{
    const void *field = property_field(obj, prop);

    switch (size) {
    case 1: return *(const uint8_t *)field;
    case 2: return *(const uint16_t *)field;
    case 4: return *(const uint32_t *)field;
    default: return *(const uint64_t *)field;
    }
}

static void store_field(Object *obj, const Property *prop, size_t size, uint64_t value)
{
    void *field = property_field(obj, prop);

    switch (size) {
    case 1: *(uint8_t *)field = value; break;
    case 2: *(uint16_t *)field = value; break;
    case 4: *(uint32_t *)field = value; break;
    default: *(uint64_t *)field = value; break;
    }
}

static bool store_unsigned_in_range(Object *obj, const Property *prop, size_t size, uint64_t value, GError **error)
{
    if (value < prop->min || (prop->max && value > prop->max)) {
        g_autofree char *minimum = prop->min ? g_strdup_printf("minimum: %" PRIu64 ", ", prop->min) : g_strdup("");

        return error_setf(error, "Property %s.%s doesn't take value %" PRIu64 " (%smaximum: %" PRIu64 ")",
                          object_type(obj), prop->name, value, minimum, prop->max ? prop->max : UINT64_MAX);
    }
    if (!checked(obj, prop, value, error)) {
        return false;
    }
    store_field(obj, prop, size, value);
    return true;
}

static bool store_unsigned(Object *obj, const Property *prop, size_t size, uint64_t value, GError **error)
{
    if (size < 8 && value >> (size * 8)) {
        return error_setf(error, "Parameter '%s' expects uint%zu_t", prop->name, size * 8);
    }
    return store_unsigned_in_range(obj, prop, size, value, error);
}

static bool store_signed(Object *obj, const Property *prop, size_t size, int64_t value, GError **error)
{
    if (size < 8 && (value < -(INT64_C(1) << (size * 8 - 1)) || value >= INT64_C(1) << (size * 8 - 1))) {
        return error_setf(error, "Parameter '%s' expects int%zu_t", prop->name, size * 8);
    }
    if ((prop->min || prop->max) && (value < (int64_t)prop->min || value > (int64_t)prop->max)) {
        return error_setf(error, "Property %s.%s doesn't take value %" PRId64 " (minimum: %" PRId64
                          ", maximum: %" PRId64 ")", object_type(obj), prop->name, value, (int64_t)prop->min,
                          (int64_t)prop->max);
    }
    if (!checked(obj, prop, value, error)) {
        return false;
    }
    store_field(obj, prop, size, value);
    return true;
}

/* A negative number is taken modulo 2^64, as QEMU does. */
static bool json_to_unsigned(const Property *prop, Json *value, uint64_t *out, GError **error)
{
    int64_t negative;

    if (json_get_uint(value, out)) {
        return true;
    }
    if (json_get_int(value, &negative)) {
        *out = negative;
        return true;
    }
    return error_setf(error, "Parameter '%s' expects uint64", prop->name);
}

static bool set_unsigned(Object *obj, const Property *prop, size_t size, Json *value, GError **error)
{
    uint64_t v;

    return json_to_unsigned(prop, value, &v, error) && store_unsigned(obj, prop, size, v, error);
}

static bool parse_unsigned(Object *obj, const Property *prop, size_t size, const char *text, GError **error)
{
    char *end;
    uint64_t value;

    errno = 0;
    value = g_ascii_strtoull(text, &end, 0);
    if (errno || end == text || *end) {
        return error_setf(error, "Parameter '%s' expects integer", prop->name);
    }
    return store_unsigned(obj, prop, size, value, error);
}

static bool set_signed(Object *obj, const Property *prop, size_t size, Json *value, GError **error)
{
    int64_t v;

    return json_get_int(value, &v) ? store_signed(obj, prop, size, v, error) : wrong_type(prop, "integer", error);
}

static bool parse_signed(Object *obj, const Property *prop, size_t size, const char *text, GError **error)
{
    char *end;
    int64_t value;

    errno = 0;
    value = g_ascii_strtoll(text, &end, 0);
    if (errno || end == text || *end) {
        return error_setf(error, "Parameter '%s' expects integer", prop->name);
    }
    return store_signed(obj, prop, size, value, error);
}

static Json *unsigned_default(const Property *prop)
{
    return json_new_uint(prop->defval);
}

static Json *signed_default(const Property *prop)
{
    return json_new_int(prop->defval);
}

#define DEFINE_INTEGER_KIND(ident, sign, ctype, to_json)                                        \
    static bool set_##ident(Object *obj, const Property *prop, Json *value, GError **error)     \
    {                                                                                           \
        return set_##sign(obj, prop, sizeof(ctype), value, error);                              \
    }                                                                                           \
    static bool parse_##ident(Object *obj, const Property *prop, const char *text, GError **error) \
    {                                                                                           \
        return parse_##sign(obj, prop, sizeof(ctype), text, error);                             \
    }                                                                                           \
    static Json *get_##ident(Object *obj, const Property *prop, GError **error)                 \
    {                                                                                           \
        return to_json((ctype)load_field(obj, prop, sizeof(ctype)));                            \
    }                                                                                           \
    static void set_default_##ident(Object *obj, const Property *prop)                          \
    {                                                                                           \
        store_field(obj, prop, sizeof(ctype), prop->defval);                                    \
    }                                                                                           \
    const PropertyKind prop_kind_##ident = {                                                    \
        .name = #ident, .set = set_##ident, .parse = parse_##ident, .get = get_##ident,         \
        .set_default = set_default_##ident, .get_default = sign##_default,                      \
    };

DEFINE_INTEGER_KIND(uint8, unsigned, uint8_t, json_new_uint)
DEFINE_INTEGER_KIND(uint16, unsigned, uint16_t, json_new_uint)
DEFINE_INTEGER_KIND(uint32, unsigned, uint32_t, json_new_uint)
DEFINE_INTEGER_KIND(uint64, unsigned, uint64_t, json_new_uint)
DEFINE_INTEGER_KIND(int8, signed, int8_t, json_new_int)
DEFINE_INTEGER_KIND(int16, signed, int16_t, json_new_int)
DEFINE_INTEGER_KIND(int32, signed, int32_t, json_new_int)
DEFINE_INTEGER_KIND(int64, signed, int64_t, json_new_int)

/* ---- Sizes ---- */

static bool parse_size(Object *obj, const Property *prop, const char *text, GError **error)
{
    uint64_t value;

    if (!keyval_size(prop->name, text, 1, &value, NULL)) {
        return error_setf(error, "Parameter '%s' expects size", prop->name);
    }
    return store_unsigned(obj, prop, 8, value, error);
}

const PropertyKind prop_kind_size = {
    .name = "size", .set = set_uint64, .parse = parse_size, .get = get_uint64, .set_default = set_default_uint64,
    .get_default = unsigned_default,
};

static bool store_size32(Object *obj, const Property *prop, uint64_t value, GError **error)
{
    Property bounded = *prop;

    bounded.max = prop->max ? prop->max : UINT32_MAX;
    return store_unsigned_in_range(obj, &bounded, 4, value, error);
}

static bool set_size32(Object *obj, const Property *prop, Json *value, GError **error)
{
    uint64_t v;

    return json_to_unsigned(prop, value, &v, error) && store_size32(obj, prop, v, error);
}

static bool parse_size32(Object *obj, const Property *prop, const char *text, GError **error)
{
    uint64_t value;

    if (!keyval_size(prop->name, text, 1, &value, NULL)) {
        return error_setf(error, "Parameter '%s' expects size", prop->name);
    }
    return store_size32(obj, prop, value, error);
}

const PropertyKind prop_kind_size32 = {
    .name = "size", .set = set_size32, .parse = parse_size32, .get = get_uint32, .set_default = set_default_uint32,
    .get_default = unsigned_default,
};

/* ---- Bools and bits ---- */

/* A field that holds truth values: a bool, or a bit of an integer. */
typedef void (*StoreTruth)(Object *obj, const Property *prop, bool value);

static bool set_truth(Object *obj, const Property *prop, Json *value, StoreTruth store, GError **error)
{
    bool truth;

    if (!json_get_bool(value, &truth)) {
        return wrong_type(prop, "boolean", error);
    }
    if (!checked(obj, prop, truth, error)) {
        return false;
    }
    store(obj, prop, truth);
    return true;
}

static bool parse_truth(Object *obj, const Property *prop, const char *text, StoreTruth store, GError **error)
{
    bool truth;

    if (!keyval_bool(prop->name, text, &truth, error) || !checked(obj, prop, truth, error)) {
        return false;
    }
    store(obj, prop, truth);
    return true;
}

static Json *truth_default(const Property *prop)
{
    return json_new_bool(prop->defval);
}

static void store_bool(Object *obj, const Property *prop, bool value)
{
    *(bool *)property_field(obj, prop) = value;
}

static bool load_bool(Object *obj, const Property *prop)
{
    return *(bool *)property_field(obj, prop);
}

static void store_bit(Object *obj, const Property *prop, bool value)
{
    uint32_t *field = property_field(obj, prop);
    uint32_t mask = UINT32_C(1) << prop->bit;

    *field = value ? *field | mask : *field & ~mask;
}

static bool load_bit(Object *obj, const Property *prop)
{
    return *(uint32_t *)property_field(obj, prop) >> prop->bit & 1;
}

static void store_bit64(Object *obj, const Property *prop, bool value)
{
    uint64_t *field = property_field(obj, prop);
    uint64_t mask = UINT64_C(1) << prop->bit;

    *field = value ? *field | mask : *field & ~mask;
}

static bool load_bit64(Object *obj, const Property *prop)
{
    return *(uint64_t *)property_field(obj, prop) >> prop->bit & 1;
}

#define DEFINE_TRUTH_KIND(ident, help)                                                          \
    static bool set_##ident(Object *obj, const Property *prop, Json *value, GError **error)     \
    {                                                                                           \
        return set_truth(obj, prop, value, store_##ident, error);                               \
    }                                                                                           \
    static bool parse_##ident(Object *obj, const Property *prop, const char *text, GError **error) \
    {                                                                                           \
        return parse_truth(obj, prop, text, store_##ident, error);                              \
    }                                                                                           \
    static Json *get_##ident(Object *obj, const Property *prop, GError **error)                 \
    {                                                                                           \
        return json_new_bool(load_##ident(obj, prop));                                          \
    }                                                                                           \
    static void set_default_##ident(Object *obj, const Property *prop)                          \
    {                                                                                           \
        store_##ident(obj, prop, prop->defval);                                                 \
    }                                                                                           \
    const PropertyKind prop_kind_##ident = {                                                    \
        .name = "bool", .description = help, .set = set_##ident, .parse = parse_##ident,        \
        .get = get_##ident, .set_default = set_default_##ident, .get_default = truth_default,   \
    };

DEFINE_TRUTH_KIND(bool, NULL)
DEFINE_TRUTH_KIND(bit, "on/off")
DEFINE_TRUTH_KIND(bit64, "on/off")

/* ---- Enums ---- */

static bool enum_from_name(Object *obj, const Property *prop, const char *name, GError **error)
{
    const char *const *values = prop->kind->values;

    for (unsigned i = 0; values[i]; i++) {
        if (strcmp(values[i], name) == 0) {
            if (!checked(obj, prop, i, error)) {
                return false;
            }
            *(int *)property_field(obj, prop) = i;
            return true;
        }
    }
    return error_setf(error, "Parameter '%s' does not accept value '%s'", prop->name, name);
}

bool prop_enum_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    const char *name = json_get_string(value);

    return name ? enum_from_name(obj, prop, name, error) : wrong_type(prop, "string", error);
}

Json *prop_enum_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_string(prop->kind->values[*(int *)property_field(obj, prop)]);
}

void prop_enum_set_default(Object *obj, const Property *prop)
{
    *(int *)property_field(obj, prop) = prop->defval;
}

Json *prop_enum_get_default(const Property *prop)
{
    return json_new_string(prop->kind->values[prop->defval]);
}

static const char *const on_off_auto_values[] = {
    [ON_OFF_AUTO_AUTO] = "auto", [ON_OFF_AUTO_ON] = "on", [ON_OFF_AUTO_OFF] = "off", NULL,
};

const PropertyKind prop_kind_on_off_auto = {
    .name = "OnOffAuto", .description = "on/off/auto", .values = on_off_auto_values, .set = prop_enum_set,
    .get = prop_enum_get, .set_default = prop_enum_set_default, .get_default = prop_enum_get_default,
};
