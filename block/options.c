/* Taking a node's options, from text or JSON. */
#include "block/options.h"

#include <string.h>

#include "util/error.h"
#include "util/keyval.h"

BlockOptions *options_new(Json *json, OptionsStyle style, const char *prefix)
{
    BlockOptions *opts = g_new(BlockOptions, 1);
    *opts = (BlockOptions){ .json = json, .style = style, .prefix = g_strdup(prefix) };
    return opts;
}

void options_free(BlockOptions *opts)
{
    if (opts) {
        json_unref(opts->json);
        g_free(opts->prefix);
        g_free(opts);
    }
}

typedef struct Unflatten {
    Json *tree;
    GError **error;
    bool ok;
} Unflatten;

static bool unflatten_one(const char *key, Json *value, void *opaque)
{
    Unflatten *u = opaque;
    g_auto(GStrv) parts = g_strsplit(key, ".", -1);
    Json *at = u->tree;
    for (unsigned i = 0; parts[i]; i++) {
        Json *next = json_member(at, parts[i]);
        if (!parts[i + 1]) {
            if (next && json_type(next) == JSON_OBJECT) {
                u->ok = error_setf(u->error, "Cannot mix scalar and non-scalar keys");
                return false;
            }
            json_set(at, parts[i], json_ref(value));
        } else if (!next) {
            next = json_new_object();
            json_set(at, parts[i], next);
        } else if (json_type(next) != JSON_OBJECT) {
            u->ok = error_setf(u->error, "Cannot mix scalar and non-scalar keys");
            return false;
        }
        at = next;
    }
    return true;
}

Json *options_unflatten(const Json *flat, GError **error)
{
    Unflatten u = { .tree = json_new_object(), .error = error, .ok = true };
    json_foreach(flat, unflatten_one, &u);
    if (!u.ok) {
        json_unref(u.tree);
        return NULL;
    }
    return u.tree;
}

/* The option, taken out; NULL if absent. */
static Json *take(BlockOptions *opts, const char *key)
{
    Json *value = json_member(opts->json, key);
    if (value) {
        json_ref(value);
        json_remove(opts->json, key);
    }
    return value;
}

static bool wrong_type(BlockOptions *opts, const char *key, const char *expected, GError **error)
{
    return error_setf(error, "Invalid parameter type for '%s%s', expected: %s", opts->prefix, key, expected);
}

bool options_missing(BlockOptions *opts, const char *key, GError **error)
{
    return error_setf(error, "Parameter '%s%s' is missing", opts->prefix, key);
}

bool options_bool(BlockOptions *opts, const char *key, bool *value, GError **error)
{
    g_autoptr(Json) json = take(opts, key);
    if (!json || json_get_bool(json, value)) {
        return true;
    }
    const char *text = json_get_string(json);
    if (opts->style == OPTIONS_TYPED || !text) {
        return wrong_type(opts, key, "boolean", error);
    }
    static const char *const on[] = { "on", "yes", "true", "y", NULL };
    static const char *const off[] = { "off", "no", "false", "n", NULL };
    if (g_strv_contains(on, text)) {
        *value = true;
    } else if (g_strv_contains(off, text)) {
        *value = false;
    } else {
        return error_setf(error, "Parameter '%s%s' expects 'on' or 'off'", opts->prefix, key);
    }
    return true;
}

static bool take_number(BlockOptions *opts, const char *key, bool size, uint64_t *value, GError **error)
{
    g_autoptr(Json) json = take(opts, key);
    if (!json) {
        return true;
    }
    int64_t negative;
    uint64_t ignored;
    const char *text = json_get_string(json);
    g_autofree char *name = g_strconcat(opts->prefix, key, NULL);
    if (json_get_uint(json, value)) {
        return true;
    }
    if (json_get_int(json, &negative) || (text && text[0] == '-' && keyval_uint(key, text + 1, &ignored, NULL))) {
        return error_setf(error, "Parameter '%s' expects a non-negative number below 2^64", name);
    }
    if (opts->style == OPTIONS_TYPED || !text) {
        return wrong_type(opts, key, "integer", error);
    }
    if (opts->style == OPTIONS_KEYVAL) {
        return keyval_uint(name, text, value, NULL) || error_setf(error, "Parameter '%s' expects integer", name);
    }
    return size ? keyval_size(name, text, 1, value, error) : keyval_uint(name, text, value, error);
}

bool options_uint(BlockOptions *opts, const char *key, uint64_t *value, GError **error)
{
    return take_number(opts, key, false, value, error);
}

bool options_size(BlockOptions *opts, const char *key, uint64_t *value, GError **error)
{
    return take_number(opts, key, true, value, error);
}

bool options_string(BlockOptions *opts, const char *key, char **value, GError **error)
{
    g_autoptr(Json) json = take(opts, key);
    if (!json) {
        return true;
    }
    const char *text = json_get_string(json);
    if (!text) {
        return wrong_type(opts, key, "string", error);
    }
    g_free(*value);
    *value = g_strdup(text);
    return true;
}

bool options_enum(BlockOptions *opts, const char *key, const char *const *names, int *value, const char *words,
                  GError **error)
{
    g_autofree char *text = NULL;
    if (!options_string(opts, key, &text, error)) {
        return false;
    }
    if (!text) {
        return true;
    }
    for (int i = 0; names[i]; i++) {
        if (!strcmp(names[i], text)) {
            *value = i;
            return true;
        }
    }
    if (opts->style != OPTIONS_DRIVE) {
        return error_setf(error, "Parameter '%s%s' does not accept value '%s'", opts->prefix, key, text);
    }
    return words ? error_setf(error, "%s", words) : error_setf(error, "invalid parameter value: %s", text);
}

bool options_object(BlockOptions *opts, const char *key, BlockOptions **sub, GError **error)
{
    *sub = NULL;
    g_autoptr(Json) json = take(opts, key);
    if (!json) {
        return true;
    }
    if (json_type(json) != JSON_OBJECT) {
        return wrong_type(opts, key, "object", error);
    }
    g_autofree char *prefix = g_strdup_printf("%s%s.", opts->prefix, key);
    *sub = options_new(g_steal_pointer(&json), opts->style, prefix);
    return true;
}

static bool first_key(const char *key, Json *value, void *opaque)
{
    GString *name = opaque;
    g_string_append(name, key);
    if (json_type(value) == JSON_OBJECT && json_count(value) > 0) {
        g_string_append_c(name, '.');
        json_foreach(value, first_key, name);
    }
    return false;
}

bool options_finish(BlockOptions *opts, const char *driver, bool protocol, GError **error)
{
    if (json_count(opts->json) == 0) {
        return true;
    }
    g_autoptr(GString) key = g_string_new(NULL);
    json_foreach(opts->json, first_key, key);
    if (opts->style != OPTIONS_DRIVE) {
        return error_setf(error, "Parameter '%s%s' is unexpected", opts->prefix, key->str);
    }
    if (protocol) {
        return error_setf(error, "Block protocol '%s' doesn't support the option '%s'", driver, key->str);
    }
    return error_setf(error, "Block format '%s' does not support the option '%s'", driver, key->str);
}
