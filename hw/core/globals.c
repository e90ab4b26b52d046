/* -global: properties of all objects of a class, and of the classes derived from it. */
#include "hw/core/globals.h"

#include <string.h>

#include "hw/core/device.h"
#include "util/error.h"
#include "util/keyval.h"
#include "util/log.h"

typedef struct Global {
    char *driver, *prop, *value;
    bool used;
} Global;

static GPtrArray *globals;
/* Class to a GPtrArray of the globals that it gets, or NULL for none; forgotten when a global is added. */
static GHashTable *globals_by_class;

bool global_add(const char *driver, const char *prop, const char *value, GError **error)
{
    Global *g = g_new0(Global, 1);

    g->driver = g_strdup(driver);
    g->prop = g_strdup(prop);
    g->value = g_strdup(value);
    if (!globals) {
        globals = g_ptr_array_new();
    }
    g_ptr_array_add(globals, g);
    g_clear_pointer(&globals_by_class, g_hash_table_unref);
    return true;
}

/* "driver.prop=value": the driver goes up to the first dot, the value is all after the first '='. */
static bool parse_short(const char *option)
{
    const char *equals = strchr(option, '=');
    const char *dot = equals ? memchr(option, '.', equals - option) : NULL;
    g_autofree char *driver = NULL, *prop = NULL;

    if (!dot || dot == option || dot + 1 == equals) {
        return false;
    }
    driver = g_strndup(option, dot - option);
    prop = g_strndup(dot + 1, equals - dot - 1);
    return global_add(driver, prop, equals + 1, NULL);
}

bool global_parse(const char *option, GError **error)
{
    static const KeyvalOption keys[] = {
        { "driver", KEYVAL_STRING }, { "property", KEYVAL_STRING }, { "value", KEYVAL_STRING },
    };
    g_autoptr(Json) opts = NULL;
    const char *driver, *prop, *value;

    if (parse_short(option)) {
        return true;
    }
    opts = keyval_parse_flat(option, NULL, NULL, error);
    if (!opts || !keyval_check(opts, keys, G_N_ELEMENTS(keys), error)) {
        return false;
    }
    driver = json_member_string(opts, "driver", NULL);
    prop = json_member_string(opts, "property", NULL);
    value = json_member_string(opts, "value", NULL);
    if (!driver || !prop || !value) {
        return error_setf(error, "options 'driver', 'property', and 'value' are required");
    }
    return global_add(driver, prop, value, error);
}

void global_warn_unused(void)
{
    for (unsigned i = 0; globals && i < globals->len; i++) {
        const Global *g = globals->pdata[i];

        if (g->used) {
            continue;
        }
        if (!type_is_a(g->driver, TYPE_DEVICE)) {
            warn_report("global %s.%s has invalid class name", g->driver, g->prop);
        } else if (!DEVICE_CLASS(object_class_by_name(g->driver))->hotpluggable) {
            /* of the others one may yet be plugged */
            warn_report("global %s.%s=%s not used", g->driver, g->prop, g->value);
        }
    }
}

/* ---- Applying ---- */

static void class_list_free(gpointer list)
{
    if (list) {
        g_ptr_array_unref(list);
    }
}

static GPtrArray *globals_for(const Object *obj)
{
    gpointer list = NULL;

    if (!globals) {
        return NULL;
    }
    if (!globals_by_class) {
        globals_by_class = g_hash_table_new_full(NULL, NULL, NULL, class_list_free);
    }
    if (!g_hash_table_lookup_extended(globals_by_class, obj->klass, NULL, &list)) {
        GPtrArray *mine = g_ptr_array_new();

        for (unsigned i = 0; i < globals->len; i++) {
            Global *g = globals->pdata[i];

            if (type_is_a(object_type(obj), g->driver)) {
                g->used = true;
                g_ptr_array_add(mine, g);
            }
        }
        if (mine->len) {
            list = mine;
        } else {
            g_ptr_array_unref(mine);
        }
        g_hash_table_insert(globals_by_class, obj->klass, list);
    }
    return list;
}

/* QEMU reads the numbers of -global with other functions than those of -device, and these have words of their own. */
static char *global_reason(Object *obj, const Global *g, const GError *reason)
{
    static const struct {
        const char *type, *expected, *said;
    } words[] = {
        { "uint", "integer", "uint64" },
        { "int", "integer", "int64" },
        { "size", "size", "a non-negative number below 2^64" },
    };
    const char *type = object_property_type(obj, g->prop, NULL);

    for (unsigned i = 0; type && i < G_N_ELEMENTS(words); i++) {
        g_autofree char *text = g_strdup_printf("Parameter '%s' expects %s", g->prop, words[i].expected);

        if (g_str_has_prefix(type, words[i].type) && strcmp(reason->message, text) == 0) {
            return g_strdup_printf("Parameter '%s' expects %s", g->prop, words[i].said);
        }
    }
    return NULL;
}

static bool global_apply(Object *obj, const Global *g, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_autofree char *text = NULL;

    if (object_property_parse_why(obj, g->prop, g->value, PROP_ORIGIN_GLOBAL, NULL, &reason)) {
        return true;
    }
    text = global_reason(obj, g, reason);
    return error_setf(error, "can't apply global %s.%s=%s: %s", g->driver, g->prop, g->value,
                      text ? text : reason->message);
}

bool globals_apply(Object *obj, GError **error)
{
    const DeviceState *dev = object_dynamic_cast(obj, TYPE_DEVICE);
    const GPtrArray *list = globals_for(obj);

    for (unsigned i = 0; list && i < list->len; i++) {
        g_autoptr(GError) reason = NULL;

        if (global_apply(obj, list->pdata[i], &reason)) {
            continue;
        }
        if (!dev || !dev->hotplugged) {
            g_propagate_error(error, g_steal_pointer(&reason));
            return false;
        }
        warn_report("%s", reason->message);
    }
    return true;
}
