/* QMP's types: whether a value is of one, and what a text becomes by it. */
#include <string.h>

#include "monitor/qmp.h"
#include "util/keyval.h"

#define BUILTIN(ident, text, k) const QmpType qmp_##ident = { .name = text, .meta = QMP_META_BUILTIN, .kind = k }
BUILTIN(str, "str", QMP_KIND_STR);
BUILTIN(bool, "bool", QMP_KIND_BOOL);
BUILTIN(number, "number", QMP_KIND_NUMBER);
BUILTIN(int, "int", QMP_KIND_INT);
BUILTIN(int8, "int8", QMP_KIND_INT8);
BUILTIN(int16, "int16", QMP_KIND_INT16);
BUILTIN(int32, "int32", QMP_KIND_INT32);
BUILTIN(uint8, "uint8", QMP_KIND_UINT8);
BUILTIN(uint16, "uint16", QMP_KIND_UINT16);
BUILTIN(uint32, "uint32", QMP_KIND_UINT32);
BUILTIN(uint64, "uint64", QMP_KIND_UINT64);
BUILTIN(size, "size", QMP_KIND_SIZE);
BUILTIN(any, "any", QMP_KIND_ANY);
BUILTIN(null, "null", QMP_KIND_NULL);

const QmpType qmp_strs = { .meta = QMP_META_LIST, .element = &qmp_str };
const QmpType qmp_ints = { .meta = QMP_META_LIST, .element = &qmp_int };
const QmpType qmp_uint8s = { .meta = QMP_META_LIST, .element = &qmp_uint8 };
const QmpType qmp_uint32s = { .meta = QMP_META_LIST, .element = &qmp_uint32 };

/* Where in the value we are: a chain from the innermost outwards. */
typedef struct Place {
    const struct Place *outer;
    const char *name;       /* NULL: an element of a list, or the whole */
    size_t index;
    bool whole;
} Place;

typedef struct Context {
    bool keyval;            /* leaves are texts */
    GError **error;
} Context;

/* "backend.data.addr[0]" */
static void full_name(const Place *place, GString *out)
{
    if (place->whole) {
        return;
    }
    full_name(place->outer, out);
    if (place->name) {
        g_string_append_printf(out, "%s%s", out->len ? "." : "", place->name);
    } else {
        g_string_append_printf(out, "[%zu]", place->index);
    }
}

/* "Parameter 'NAME' what" or, with a format that has two places, text in the second. */
static bool G_GNUC_PRINTF(3, 0) complain(const Context *c, const Place *place, const char *format, const char *what)
{
    g_autoptr(GString) name = g_string_new(NULL);

    full_name(place, name);
    return error_setf(c->error, format, name->len ? name->str : "null", what);
}

static bool wrong_type(const Context *c, const Place *place, const char *expected)
{
    return complain(c, place, "Invalid parameter type for '%s', expected: %s", expected);
}

static bool bad_value(const Context *c, const Place *place, const char *expected)
{
    return complain(c, place, "Parameter '%s' expects %s", expected);
}

static bool convert(const Context *c, const Json *value, const QmpType *type, const Place *place, Json **out);

/* --- builtins and enums --- */

typedef struct IntRange {
    int64_t min;
    uint64_t max;
    const char *name;
} IntRange;

static const IntRange int_ranges[] = {
    [QMP_KIND_INT] = { INT64_MIN, INT64_MAX, "integer" },   [QMP_KIND_INT8] = { INT8_MIN, INT8_MAX, "int8_t" },
    [QMP_KIND_INT16] = { INT16_MIN, INT16_MAX, "int16_t" }, [QMP_KIND_INT32] = { INT32_MIN, INT32_MAX, "int32_t" },
    [QMP_KIND_UINT8] = { 0, UINT8_MAX, "uint8_t" },         [QMP_KIND_UINT16] = { 0, UINT16_MAX, "uint16_t" },
    [QMP_KIND_UINT32] = { 0, UINT32_MAX, "uint32_t" },      [QMP_KIND_UINT64] = { 0, UINT64_MAX, "integer" },
    [QMP_KIND_SIZE] = { 0, UINT64_MAX, "a size value" },
};

static bool check_integer(const Context *c, const Json *value, QmpKind kind, const Place *place)
{
    const IntRange *range = &int_ranges[kind];
    int64_t i;
    uint64_t u;

    if (json_get_int(value, &i)) {
        return (i >= range->min && (i < 0 || (uint64_t)i <= range->max)) || bad_value(c, place, range->name);
    }
    if (json_get_uint(value, &u) && kind != QMP_KIND_INT) {
        return u <= range->max || bad_value(c, place, range->name);
    }
    return wrong_type(c, place, "integer");
}

static Json *integer_from_text(const char *text, QmpKind kind)
{
    uint64_t u;
    int64_t i;
    char *end;

    if (kind == QMP_KIND_SIZE) {
        return keyval_size("", text, 1, &u, NULL) ? json_new_uint(u) : NULL;
    }
    if (text[0] == '-') {
        errno = 0;
        i = g_ascii_strtoll(text, &end, 0);
        return errno == 0 && end > text + 1 && !*end ? json_new_int(i) : NULL;
    }
    return keyval_uint("", text, &u, NULL) ? json_new_uint(u) : NULL;
}

static bool builtin_from_text(const Context *c, const char *text, QmpKind kind, const Place *place, Json **out)
{
    double number;
    char *end;
    bool b;

    switch (kind) {
    case QMP_KIND_STR:
    case QMP_KIND_ANY:
        *out = json_new_string(text);
        return true;
    case QMP_KIND_BOOL:
        if (!keyval_bool("", text, &b, NULL)) {
            return bad_value(c, place, "'on' or 'off'");
        }
        *out = json_new_bool(b);
        return true;
    case QMP_KIND_NUMBER:
        number = g_ascii_strtod(text, &end);
        if (end == text || *end) {
            return bad_value(c, place, "number");
        }
        *out = json_new_double(number);
        return true;
    case QMP_KIND_NULL:
        if (*text) {
            return wrong_type(c, place, "null");
        }
        *out = json_new_null();
        return true;
    default:
        *out = integer_from_text(text, kind);
        if (!*out) {
            return bad_value(c, place, kind == QMP_KIND_SIZE ? "a size value" : "integer");
        }
        return check_integer(c, *out, kind, place);
    }
}

static bool convert_builtin(const Context *c, const Json *value, QmpKind kind, const Place *place, Json **out)
{
    const char *text = json_get_string(value);
    double number;
    bool b;

    if (c->keyval && kind != QMP_KIND_ANY) {
        return text ? builtin_from_text(c, text, kind, place, out) : wrong_type(c, place, "string");
    }
    switch (kind) {
    case QMP_KIND_STR:
        return text || wrong_type(c, place, "string");
    case QMP_KIND_BOOL:
        return json_get_bool(value, &b) || wrong_type(c, place, "boolean");
    case QMP_KIND_NUMBER:
        return json_get_double(value, &number) || wrong_type(c, place, "number");
    case QMP_KIND_NULL:
        return json_type(value) == JSON_NULL || wrong_type(c, place, "null");
    case QMP_KIND_ANY:
        return true;
    default:
        return check_integer(c, value, kind, place);
    }
}

static bool check_enum(const Context *c, const Json *value, const QmpType *type, const Place *place)
{
    const char *text = json_get_string(value);

    if (!text) {
        return wrong_type(c, place, "string");
    }
    if (!g_strv_contains(type->values, text)) {
        /* Named without its path, as QEMU has it. */
        return error_setf(c->error, "Parameter '%s' does not accept value '%s'", place->name ? place->name : "null", text);
    }
    return true;
}

/* --- structs --- */

static const QmpMember *find_member(const QmpMember *members, const char *name)
{
    for (; members && members->name; members++) {
        if (strcmp(members->name, name) == 0) {
            return members;
        }
    }
    return NULL;
}

static const QmpType *variant_of(const QmpType *type, const Json *value)
{
    const char *tag = type->tag ? json_member_string(value, type->tag, NULL) : NULL;
    const QmpMember *variant = tag ? find_member(type->variants, tag) : NULL;

    return variant ? variant->type : NULL;
}

static bool convert_members(const Context *c, const Json *value, const QmpType *type, const Place *place, Json *out)
{
    const QmpType *variant;

    if (type->base && !convert_members(c, value, type->base, place, out)) {
        return false;
    }
    for (const QmpMember *m = type->members; m && m->name; m++) {
        Place inner = { place, m->name };
        const Json *member = json_member(value, m->name);
        Json *converted = NULL;

        if (!member && !json_has(value, m->name)) {
            if (!(m->flags & QMP_OPTIONAL)) {
                return complain(c, &inner, "Parameter '%s' is missing%s", "");
            }
            continue;
        }
        if (!convert(c, member, m->type, &inner, out ? &converted : NULL)) {
            return false;
        }
        if (out) {
            json_set(out, m->name, converted);
        }
    }
    variant = variant_of(type, value);
    return !variant || convert_members(c, value, variant, place, out);
}

static bool is_member(const QmpType *type, const Json *value, const char *key)
{
    const QmpType *variant = variant_of(type, value);

    return find_member(type->members, key) || (type->base && is_member(type->base, value, key)) ||
           (variant && is_member(variant, value, key));
}

static bool is_open(const QmpType *type, const Json *value)
{
    const QmpType *variant = variant_of(type, value);

    return type->open || (type->base && is_open(type->base, value)) || (variant && is_open(variant, value));
}

typedef struct Leftovers {
    const Context *c;
    const QmpType *type;
    const Json *value;
    const Place *place;
    bool open;
    Json *out;
} Leftovers;

static bool look_at_key(const char *key, Json *member, void *opaque)
{
    const Leftovers *l = opaque;
    Place inner = { l->place, key };

    if (is_member(l->type, l->value, key)) {
        return true;
    }
    if (!l->open) {
        return complain(l->c, &inner, l->c->keyval ? "Invalid parameter '%s'%s" : "Parameter '%s' is unexpected%s", "");
    }
    if (l->out) {
        json_set(l->out, key, json_ref(member));
    }
    return true;
}

static bool convert_struct(const Context *c, const Json *value, const QmpType *type, const Place *place, Json **out)
{
    g_autoptr(Json) made = out ? json_new_object() : NULL;
    Leftovers l = { c, type, value, place, .out = made };

    if (json_type(value) != JSON_OBJECT) {
        return wrong_type(c, place, "object");
    }
    if (!convert_members(c, value, type, place, made)) {
        return false;
    }
    l.open = is_open(type, value);
    if (!json_foreach(value, look_at_key, &l)) {
        return false;
    }
    if (out) {
        *out = g_steal_pointer(&made);
    }
    return true;
}

static bool convert_list(const Context *c, const Json *value, const QmpType *type, const Place *place, Json **out)
{
    g_autoptr(Json) made = out ? json_new_array() : NULL;

    if (json_type(value) != JSON_ARRAY) {
        return wrong_type(c, place, "array");
    }
    for (size_t i = 0; i < json_count(value); i++) {
        Place inner = { place, NULL, i };
        Json *converted = NULL;

        if (!convert(c, json_at(value, i), type->element, &inner, out ? &converted : NULL)) {
            return false;
        }
        if (out) {
            json_append(made, converted);
        }
    }
    if (out) {
        *out = g_steal_pointer(&made);
    }
    return true;
}

/* Which alternative a value of this JSON type is. */
static const QmpType *choose(const QmpType *type, JsonType json)
{
    for (const QmpMember *m = type->members; m->name; m++) {
        const QmpType *t = m->type;
        bool fits;

        switch (json) {
        case JSON_NULL:
            fits = t == &qmp_null;
            break;
        case JSON_BOOL:
            fits = t == &qmp_bool;
            break;
        case JSON_STRING:
            fits = t == &qmp_str || t->meta == QMP_META_ENUM;
            break;
        case JSON_OBJECT:
            fits = t->meta == QMP_META_STRUCT;
            break;
        case JSON_ARRAY:
            fits = t->meta == QMP_META_LIST;
            break;
        case JSON_DOUBLE:
            fits = t == &qmp_number;
            break;
        default:
            fits = t->meta == QMP_META_BUILTIN && t->kind >= QMP_KIND_NUMBER && t->kind <= QMP_KIND_SIZE;
        }
        if (fits) {
            return t;
        }
    }
    return NULL;
}

static bool convert(const Context *c, const Json *value, const QmpType *type, const Place *place, Json **out)
{
    const QmpType *chosen;
    Json *made = NULL;
    bool ok = false;

    switch (type->meta) {
    case QMP_META_BUILTIN:
        ok = convert_builtin(c, value, type->kind, place, &made);
        break;
    case QMP_META_ENUM:
        ok = check_enum(c, value, type, place);
        break;
    case QMP_META_STRUCT:
        return convert_struct(c, value, type, place, out);
    case QMP_META_LIST:
        return convert_list(c, value, type, place, out);
    case QMP_META_ALTERNATE:
        chosen = choose(type, json_type(value));
        return chosen ? convert(c, value, chosen, place, out) : wrong_type(c, place, type->name);
    }
    if (ok && out) {
        *out = made ? made : json_ref((Json *)value);
    } else {
        json_unref(made);
    }
    return ok;
}

bool qmp_check(const Json *value, const QmpType *type, GError **error)
{
    Context c = { false, error };
    Place whole = { .whole = true };

    return convert(&c, value, type, &whole, NULL);
}

Json *qmp_from_keyval(const Json *value, const QmpType *type, GError **error)
{
    Context c = { true, error };
    Place whole = { .whole = true };
    Json *out = NULL;

    return convert(&c, value, type, &whole, &out) ? out : NULL;
}
