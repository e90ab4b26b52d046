/* Option texts as JSON objects; see the header for the two dialects. */
#include "util/keyval.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"

/* Names as long as this are refused: keys come back in error texts. */
#define KEY_MAX 128
#define LIST_MAX 65536

bool keyval_is_id(const char *id)
{
    if (!g_ascii_isalpha(id[0])) {
        return false;
    }
    for (const char *p = id + 1; *p; p++) {
        if (!g_ascii_isalnum(*p) && !strchr("-._", *p)) {
            return false;
        }
    }
    return true;
}

bool keyval_check_id(const char *key, const char *id, GError **error)
{
    if (!keyval_is_id(id)) {
        return error_setf(error, "Parameter '%s' expects an identifier", key);
    }
    return true;
}

/* The value at *p up to a lone comma, with doubled ones undone; *p moves behind the comma. */
static char *take_value(const char **p)
{
    GString *value = g_string_new(NULL);
    const char *s = *p;

    for (; *s; s++) {
        if (*s == ',' && s[1] != ',') {
            s++;
            break;
        }
        s += *s == ',';
        g_string_append_c(value, *s);
    }
    *p = s;
    return g_string_free(value, FALSE);
}

/* --- flat --- */

Json *keyval_parse_flat(const char *text, const char *implied_key, void (*warn)(const char *flag, const char *instead),
                        GError **error)
{
    g_autoptr(Json) opts = json_new_object();

    for (const char *p = text; *p;) {
        size_t len = strcspn(p, "=,");
        bool has_value = p[len] == '=';
        g_autofree char *key = NULL;
        g_autofree char *value = NULL;

        if (!has_value && p == text && implied_key) {
            key = g_strdup(implied_key);
            value = take_value(&p);
        } else if (has_value) {
            key = g_strndup(p, len);
            p += len + 1;
            value = take_value(&p);
        } else {
            g_autofree char *instead = NULL;
            g_autofree char *flag = take_value(&p);

            if (g_str_has_prefix(flag, "no") && strcmp(flag, "none") != 0 && flag[2]) {
                key = g_strdup(flag + 2);
                value = g_strdup("off");
            } else {
                key = g_strdup(flag);
                value = g_strdup("on");
            }
            instead = g_strdup_printf("%s=%s", key, value);
            /* A bare "help" is the caller's to look for. */
            if (warn && strcmp(key, "help") != 0 && strcmp(key, "?") != 0) {
                warn(flag, instead);
            }
        }
        if (strlen(key) > KEY_MAX) {
            error_setf(error, "Invalid parameter '%.*s…'", KEY_MAX, key);
            return NULL;
        }
        if (strcmp(key, "id") == 0 && !keyval_check_id("id", value, error)) {
            return NULL;
        }
        /* The last of several is the one that counts, and its place is its own. */
        json_remove(opts, key);
        json_set(opts, key, json_new_string(value));
    }
    return g_steal_pointer(&opts);
}

static bool append_text(const char *key, Json *value, void *opaque)
{
    GString *out = opaque;
    const char *s = json_get_string(value);

    if (out->len) {
        g_string_append_c(out, ',');
    }
    g_string_append_printf(out, "%s=", key);
    for (; s && *s; s++) {
        g_string_append(out, *s == ',' ? ",," : (char[]){ *s, 0 });
    }
    return true;
}

char *keyval_text(const Json *flat)
{
    GString *out = g_string_new(NULL);

    json_foreach(flat, append_text, out);
    return g_string_free(out, FALSE);
}

/* --- nested --- */

/* The length of the key component at p (a name, or a list index), 0 if it is none. */
static size_t component_length(const char *p)
{
    size_t n = 0;

    if (g_ascii_isdigit(*p)) {
        n = strspn(p, "0123456789");
        return n <= 5 ? n : 0;
    }
    if (g_str_has_prefix(p, "__")) {
        /* A downstream extension, __RFQDN_name: a dot may be in the domain. */
        for (n = 2; g_ascii_isalnum(p[n]) || strchr("-.", p[n]); n++) {
            if (!p[n]) {
                break;
            }
        }
        if (p[n] != '_') {
            return 0;
        }
        n++;
    }
    if (!g_ascii_isalpha(p[n])) {
        return 0;
    }
    while (p[n] && (g_ascii_isalnum(p[n]) || strchr("-_", p[n]))) {
        n++;
    }
    return n;
}

static bool inconsistent(const char *key, size_t len, GError **error)
{
    return error_setf(error, "Parameters '%.*s.*' used inconsistently", (int)len, key);
}

/* Puts value at the dotted key; objects are made on the way. Lists are objects with number keys until the end. */
static bool put(Json *root, const char *key, size_t len, const char *value, GError **error)
{
    Json *at = root;

    for (size_t from = 0;;) {
        size_t n = component_length(key + from);
        g_autofree char *part = g_strndup(key + from, n);
        Json *next;

        if (n == 0 || from + n > len || (from == 0 && g_ascii_isdigit(part[0]))) {
            return error_setf(error, "Invalid parameter '%.*s'", (int)MIN(len, KEY_MAX), key);
        }
        next = json_member(at, part);
        if (from + n == len) {
            if (next && json_type(next) == JSON_OBJECT) {
                return inconsistent(key, len, error);
            }
            json_set(at, part, json_new_string(value));
            return true;
        }
        if (key[from + n] != '.') {
            return error_setf(error, "Invalid parameter '%.*s'", (int)MIN(len, KEY_MAX), key);
        }
        if (next && json_type(next) != JSON_OBJECT) {
            return inconsistent(key, from + n, error);
        }
        if (!next) {
            json_set(at, part, next = json_new_object());
        }
        at = next;
        from += n + 1;
    }
}

typedef struct Lists {
    GString *path;
    GPtrArray *names;       /* of one object, to be replaced while not iterating */
    unsigned numbers, others;
    uint64_t max;
} Lists;

static bool look_at_name(const char *key, Json *value, void *opaque)
{
    Lists *l = opaque;

    if (g_ascii_isdigit(key[0])) {
        l->numbers++;
        l->max = MAX(l->max, strtoull(key, NULL, 10));
    } else {
        l->others++;
    }
    g_ptr_array_add(l->names, g_strdup(key));
    return true;
}

/* Makes arrays of the objects below whose keys are numbers. Returns the replacement, *value itself, or NULL. */
static Json *make_lists(Json *value, GString *path, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    Lists l = { .path = path, .names = names };
    size_t path_len = path->len;
    g_autoptr(Json) array = NULL;

    if (json_type(value) != JSON_OBJECT) {
        return json_ref(value);
    }
    json_foreach(value, look_at_name, &l);
    if (l.numbers && l.others) {
        inconsistent(path->str, path->len, error);
        return NULL;
    }
    for (unsigned i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        Json *member;

        g_string_append_printf(path, "%s%s", path_len ? "." : "", name);
        member = make_lists(json_member(value, name), path, error);
        g_string_truncate(path, path_len);
        if (!member) {
            return NULL;
        }
        json_set(value, name, member);
    }
    if (!l.numbers) {
        return json_ref(value);
    }
    array = json_new_array();
    for (unsigned i = 0; i < l.numbers; i++) {
        g_autofree char *index = g_strdup_printf("%u", i);
        Json *member = json_member(value, index);

        if (!member || i >= LIST_MAX) {
            error_setf(error, "Parameter '%s.%u' missing", path->str, i);
            return NULL;
        }
        json_append(array, json_ref(member));
    }
    return g_steal_pointer(&array);
}

Json *keyval_parse(const char *text, const char *implied_key, bool *help, GError **error)
{
    g_autoptr(Json) opts = json_new_object();
    g_autoptr(GString) path = g_string_new(NULL);

    for (const char *p = text; *p;) {
        size_t len = strcspn(p, "=,");
        const char *key = p;
        g_autofree char *value = NULL;

        if (p[len] != '=') {
            g_autofree char *bare = take_value(&p);

            if (help && (strcmp(bare, "help") == 0 || strcmp(bare, "?") == 0)) {
                *help = true;
                continue;
            }
            if (key != text || !implied_key || !*bare) {
                error_setf(error, *bare ? "Expected '=' after parameter '%.*s'" : "Invalid parameter '%.*s'",
                           (int)MIN(len, KEY_MAX), key);
                return NULL;
            }
            json_set(opts, implied_key, json_new_string(bare));
            continue;
        }
        p += len + 1;
        value = take_value(&p);
        if (len > KEY_MAX || !put(opts, key, len, value, error)) {
            if (len > KEY_MAX) {
                error_setf(error, "Invalid parameter '%.*s'", KEY_MAX, key);
            }
            return NULL;
        }
    }
    return make_lists(opts, path, error);
}

Json *keyval_parse_or_json(const char *text, const char *implied_key, bool *was_json, bool *help, GError **error)
{
    bool json = text[0] == '{';

    if (was_json) {
        *was_json = json;
    }
    return json ? json_parse(text, -1, error) : keyval_parse(text, implied_key, help, error);
}

static bool merge_one(const char *key, Json *value, void *opaque)
{
    Json *old = json_member(opaque, key);

    if (old && json_type(old) == JSON_OBJECT && json_type(value) == JSON_OBJECT) {
        keyval_merge(old, value);
    } else {
        json_set(opaque, key, json_ref(value));
    }
    return true;
}

void keyval_merge(Json *into, const Json *from)
{
    json_foreach(from, merge_one, into);
}

/* --- values --- */

const char *keyval_type_name(KeyvalType type)
{
    static const char *const names[] = { "string", "boolean", "number", "size" };

    return names[type];
}

bool keyval_bool(const char *key, const char *text, bool *out, GError **error)
{
    static const char *const yes[] = { "on", "yes", "true", "y", NULL };
    static const char *const no[] = { "off", "no", "false", "n", NULL };

    if (g_strv_contains(yes, text)) {
        *out = true;
    } else if (g_strv_contains(no, text)) {
        *out = false;
    } else {
        return error_setf(error, "Parameter '%s' expects 'on' or 'off'", key);
    }
    return true;
}

bool keyval_uint(const char *key, const char *text, uint64_t *out, GError **error)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 0);
    if (errno == ERANGE) {
        return error_setf(error, "Value '%s' is too large for parameter '%s'", text, key);
    }
    if (end == text || *end || isspace((unsigned char)*text)) {
        return error_setf(error, "Parameter '%s' expects a number", key);
    }
    return true;
}

static bool size_wanted(const char *key, GError **error)
{
    return error_setf(error, "Parameter '%s' expects a non-negative number below 2^64", key);
}

bool keyval_size(const char *key, const char *text, uint64_t unit, uint64_t *out, GError **error)
{
    static const char suffixes[] = "bkmgtpe";
    const char *p = text + (*text == '+');
    bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && g_ascii_isxdigit(p[2]);
    double fraction = 0, scale = 0.1;
    const char *suffix;
    uint64_t whole;
    char *end;

    if (!g_ascii_isdigit(*p)) {
        return size_wanted(key, error);
    }
    errno = 0;
    whole = strtoull(p, &end, hex ? 16 : 10);
    if (errno == ERANGE) {
        return error_setf(error, "Value '%s' is out of range for parameter '%s'", text, key);
    }
    if (*end == '.' && !hex) {
        for (end++; g_ascii_isdigit(*end); end++, scale /= 10) {
            fraction += (*end - '0') * scale;
        }
    }
    if (*end) {
        suffix = strchr(suffixes, g_ascii_tolower(*end));
        if (!suffix || end[1]) {
            return size_wanted(key, error);
        }
        unit = UINT64_C(1) << 10 * (suffix - suffixes);
    }
    if (fraction != 0 && unit == 1) {
        return size_wanted(key, error);
    }
    if (__builtin_mul_overflow(whole, unit, out) ||
        __builtin_add_overflow(*out, (uint64_t)(fraction * unit), out)) {
        return error_setf(error, "Value '%s' is out of range for parameter '%s'", text, key);
    }
    return true;
}

bool keyval_get_bool(const Json *opts, const char *key, bool otherwise, bool *out, GError **error)
{
    const Json *value = json_member(opts, key);

    *out = otherwise;
    if (!value || json_get_bool(value, out)) {
        return true;
    }
    if (!json_get_string(value)) {
        return error_setf(error, "Invalid parameter type for '%s', expected: boolean", key);
    }
    return keyval_bool(key, json_get_string(value), out, error);
}

bool keyval_get_uint(const Json *opts, const char *key, uint64_t otherwise, uint64_t *out, GError **error)
{
    const Json *value = json_member(opts, key);

    *out = otherwise;
    if (!value || json_get_uint(value, out)) {
        return true;
    }
    if (!json_get_string(value)) {
        return error_setf(error, "Invalid parameter type for '%s', expected: integer", key);
    }
    return keyval_uint(key, json_get_string(value), out, error);
}

bool keyval_get_size(const Json *opts, const char *key, uint64_t otherwise, uint64_t *out, GError **error)
{
    const Json *value = json_member(opts, key);

    *out = otherwise;
    if (!value || json_get_uint(value, out)) {
        return true;
    }
    if (!json_get_string(value)) {
        return error_setf(error, "Invalid parameter type for '%s', expected: integer", key);
    }
    return keyval_size(key, json_get_string(value), 1, out, error);
}

typedef struct Check {
    const KeyvalOption *options;
    size_t count;
    GError **error;
} Check;

static bool check_one(const char *key, Json *value, void *opaque)
{
    const Check *c = opaque;
    const char *text = json_get_string(value);
    uint64_t number;
    bool flag;

    if (strcmp(key, "id") == 0) {
        return true;
    }
    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(c->options[i].name, key) == 0) {
            switch (c->options[i].type) {
            case KEYVAL_BOOL:
                return !text || keyval_bool(key, text, &flag, c->error);
            case KEYVAL_NUMBER:
                return !text || keyval_uint(key, text, &number, c->error);
            case KEYVAL_SIZE:
                return !text || keyval_size(key, text, 1, &number, c->error);
            case KEYVAL_STRING:
                return true;
            }
        }
    }
    return error_setf(c->error, "Invalid parameter '%s'", key);
}

bool keyval_check(const Json *flat, const KeyvalOption *options, size_t count, GError **error)
{
    Check c = { options, count, error };

    return json_foreach(flat, check_one, &c);
}
