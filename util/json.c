/*
 * JSON values over json-c, which only this file includes. json-c has no value for null (a NULL pointer stands for it),
 * so that "absent" and "null" would look alike: outside of this file null is the address of `null_value`.
 */
/* json-c has a type of the name of our json_type(). */
#define json_type json_c_type
#include <json-c/json.h>
#undef json_type

#include "util/json.h"

static char null_value;
#define JSON_NULL_VALUE ((Json *)&null_value)

static Json *to_json_c(const Json *value)
{
    return value == JSON_NULL_VALUE ? NULL : (Json *)value;
}

static Json *from_json_c(Json *value)
{
    return value ? value : JSON_NULL_VALUE;
}

Json *json_ref(Json *value)
{
    return value && value != JSON_NULL_VALUE ? json_object_get(value) : value;
}

void json_unref(Json *value)
{
    if (value && value != JSON_NULL_VALUE) {
        json_object_put(value);
    }
}

Json *json_copy(const Json *value)
{
    Json *copy = NULL;

    if (to_json_c(value) && json_object_deep_copy((Json *)value, &copy, NULL) != 0) {
        g_error("out of memory");
    }
    return from_json_c(copy);
}

bool json_equal(const Json *a, const Json *b)
{
    return json_object_equal(to_json_c(a), to_json_c(b));
}

Json *json_new_null(void)
{
    return JSON_NULL_VALUE;
}

Json *json_new_bool(bool value)
{
    return json_object_new_boolean(value);
}

Json *json_new_int(int64_t value)
{
    return json_object_new_int64(value);
}

Json *json_new_uint(uint64_t value)
{
    return value <= INT64_MAX ? json_object_new_int64((int64_t)value) : json_object_new_uint64(value);
}

Json *json_new_double(double value)
{
    return json_object_new_double(value);
}

Json *json_new_string(const char *value)
{
    return json_object_new_string(value ? value : "");
}

Json *json_new_string_len(const char *value, size_t length)
{
    g_assert(length <= G_MAXINT / 2);
    return json_object_new_string_len(value, (int)length);
}

Json *json_new_printf(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return json_object_new_string(text);
}

Json *json_new_object(void)
{
    return json_object_new_object();
}

Json *json_new_array(void)
{
    return json_object_new_array_ext(4);
}

JsonType json_type(const Json *value)
{
    switch (json_object_get_type(to_json_c(value))) {
    case json_type_boolean:
        return JSON_BOOL;
    case json_type_int:
        return JSON_INT;
    case json_type_double:
        return JSON_DOUBLE;
    case json_type_string:
        return JSON_STRING;
    case json_type_object:
        return JSON_OBJECT;
    case json_type_array:
        return JSON_ARRAY;
    case json_type_null:
        break;
    }
    return JSON_NULL;
}

bool json_get_bool(const Json *value, bool *out)
{
    if (json_type(value) != JSON_BOOL) {
        return false;
    }
    *out = json_object_get_boolean(value);
    return true;
}

bool json_get_int(const Json *value, int64_t *out)
{
    if (json_type(value) != JSON_INT || json_object_get_uint64(value) > INT64_MAX) {
        return false;
    }
    *out = json_object_get_int64(value);
    return true;
}

bool json_get_uint(const Json *value, uint64_t *out)
{
    if (json_type(value) != JSON_INT || json_object_get_int64(value) < 0) {
        return false;
    }
    *out = json_object_get_uint64(value);
    return true;
}

bool json_get_double(const Json *value, double *out)
{
    uint64_t big;
    int64_t number;

    if (json_get_int(value, &number)) {
        *out = (double)number;
    } else if (json_get_uint(value, &big)) {
        *out = (double)big;
    } else if (json_type(value) == JSON_DOUBLE) {
        *out = json_object_get_double(value);
    } else {
        return false;
    }
    return true;
}

const char *json_get_string(const Json *value)
{
    return json_type(value) == JSON_STRING ? json_object_get_string((Json *)value) : NULL;
}

void json_set(Json *object, const char *key, Json *value)
{
    g_assert(json_type(object) == JSON_OBJECT && value);
    json_object_object_add(object, key, to_json_c(value));
}

Json *json_member(const Json *object, const char *key)
{
    Json *value;

    if (json_type(object) != JSON_OBJECT || !json_object_object_get_ex(object, key, &value)) {
        return NULL;
    }
    return from_json_c(value);
}

bool json_has(const Json *object, const char *key)
{
    return json_member(object, key) != NULL;
}

void json_remove(Json *object, const char *key)
{
    g_assert(json_type(object) == JSON_OBJECT);
    json_object_object_del(object, key);
}

size_t json_count(const Json *value)
{
    switch (json_type(value)) {
    case JSON_OBJECT:
        return json_object_object_length(value);
    case JSON_ARRAY:
        return json_object_array_length(value);
    default:
        return 0;
    }
}

bool json_foreach(const Json *object, bool (*fn)(const char *key, Json *value, void *opaque), void *opaque)
{
    if (json_type(object) != JSON_OBJECT) {
        return true;
    }
    json_object_object_foreach((Json *)object, key, value) {
        if (!fn(key, from_json_c(value), opaque)) {
            return false;
        }
    }
    return true;
}

const char *json_member_string(const Json *object, const char *key, const char *otherwise)
{
    Json *value = json_member(object, key);
    const char *text = value ? json_get_string(value) : NULL;

    return text ? text : otherwise;
}

int64_t json_member_int(const Json *object, const char *key, int64_t otherwise)
{
    Json *value = json_member(object, key);
    int64_t number;

    return value && json_get_int(value, &number) ? number : otherwise;
}

bool json_member_bool(const Json *object, const char *key, bool otherwise)
{
    Json *value = json_member(object, key);
    bool flag;

    return value && json_get_bool(value, &flag) ? flag : otherwise;
}

void json_append(Json *array, Json *value)
{
    g_assert(json_type(array) == JSON_ARRAY && value);
    json_object_array_add(array, to_json_c(value));
}

Json *json_at(const Json *array, size_t index)
{
    g_assert(json_type(array) == JSON_ARRAY && index < json_object_array_length(array));
    return from_json_c(json_object_array_get_idx(array, index));
}
