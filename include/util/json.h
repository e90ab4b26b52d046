/*
 * JSON values, over json-c, which no other file includes. Integers are exact over the whole of int64 and uint64;
 * objects keep their order. Values are counted: a `Json *` result is the caller's unless the comment says borrowed; the
 * functions that put one value into another take it over.
 */
#ifndef UTIL_JSON_H
#define UTIL_JSON_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct json_object Json;

#define JSON_MAX_DEPTH 1024

typedef enum { JSON_NULL, JSON_BOOL, JSON_INT, JSON_DOUBLE, JSON_STRING, JSON_OBJECT, JSON_ARRAY } JsonType;

/* Parses one JSON value (length -1: up to NUL). NULL with an error on anything else: nesting beyond JSON_MAX_DEPTH,
 * trailing text, bad UTF-8. JSON null is a value, see json_new_null(). */
Json *json_parse(const char *text, gssize length, GError **error);

/* Compact, with QEMU's one blank after ':' and ',', or indented by four if pretty. */
char *json_text(const Json *value, bool pretty);
void json_text_append(GString *out, const Json *value, bool pretty);
/* Appends a quoted, escaped JSON string. */
void json_quote_append(GString *out, const char *text);

Json *json_ref(Json *value);
void json_unref(Json *value);       /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Json, json_unref)
Json *json_copy(const Json *value); /* deep */
bool json_equal(const Json *a, const Json *b);

Json *json_new_null(void);
Json *json_new_bool(bool value);
Json *json_new_int(int64_t value);
Json *json_new_uint(uint64_t value);
Json *json_new_double(double value);
Json *json_new_string(const char *value);       /* NULL becomes "" */
Json *json_new_string_len(const char *value, size_t length);
Json *json_new_printf(const char *format, ...) G_GNUC_PRINTF(1, 2);
Json *json_new_object(void);
Json *json_new_array(void);

JsonType json_type(const Json *value);

/* Each false if the value is of another type or out of range. An integral double is no integer. */
bool json_get_bool(const Json *value, bool *out);
bool json_get_int(const Json *value, int64_t *out);
bool json_get_uint(const Json *value, uint64_t *out);
bool json_get_double(const Json *value, double *out);   /* integers too */
const char *json_get_string(const Json *value);         /* borrowed; NULL if it is no string */

/* Objects. Setting a key again replaces the value. */
void json_set(Json *object, const char *key, Json *value);
Json *json_member(const Json *object, const char *key); /* borrowed; NULL if absent */
bool json_has(const Json *object, const char *key);     /* also true for a null value */
void json_remove(Json *object, const char *key);
size_t json_count(const Json *object_or_array);
/* Calls fn in order; fn returns false to stop, and does not change the object. */
bool json_foreach(const Json *object, bool (*fn)(const char *key, Json *value, void *opaque), void *opaque);
/* Shorthands: the member if it is there and of that type, else the default. */
const char *json_member_string(const Json *object, const char *key, const char *otherwise);
int64_t json_member_int(const Json *object, const char *key, int64_t otherwise);
bool json_member_bool(const Json *object, const char *key, bool otherwise);

/* Arrays. */
void json_append(Json *array, Json *value);
Json *json_at(const Json *array, size_t index);         /* borrowed */

/*
 * A stream of JSON values, as a QMP client sends it: bytes in, values out, with nothing but white space between.
 * Bounded: a value of more than max_bytes, or deeper than JSON_MAX_DEPTH, is an error; after one, the stream goes on at
 * the next line. (A value that ends where its brackets close but is wrong inside takes only itself along.)
 */
typedef struct JsonStream JsonStream;
/* Gets one of the two; the value is its own. It does not free the stream. */
typedef void (*JsonStreamFn)(void *opaque, Json *value, const GError *error);
JsonStream *json_stream_new(JsonStreamFn fn, void *opaque, size_t max_bytes);
void json_stream_feed(JsonStream *stream, const char *bytes, size_t length);
void json_stream_free(JsonStream *stream);

#endif
