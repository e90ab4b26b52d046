/* `-device help`, `-device X,help` and device-list-properties. */
#include <string.h>

#include "hw/core/device.h"
#include "util/error.h"

static const char *const category_titles[DEVICE_CATEGORIES + 1] = {
    [DEVICE_CATEGORY_BRIDGE] = "Controller/Bridge/Hub",
    [DEVICE_CATEGORY_USB] = "USB",
    [DEVICE_CATEGORY_STORAGE] = "Storage",
    [DEVICE_CATEGORY_NETWORK] = "Network",
    [DEVICE_CATEGORY_INPUT] = "Input",
    [DEVICE_CATEGORY_DISPLAY] = "Display",
    [DEVICE_CATEGORY_SOUND] = "Sound",
    [DEVICE_CATEGORY_MISC] = "Misc",
    [DEVICE_CATEGORY_CPU] = "CPU",
    [DEVICE_CATEGORY_WATCHDOG] = "Watchdog",
    [DEVICE_CATEGORIES] = "Uncategorized",
};

/* ---- All devices ---- */

static void collect_device(ObjectClass *klass, void *opaque)
{
    if (DEVICE_CLASS(klass)->user_creatable) {
        g_ptr_array_add(opaque, klass);
    }
}

static int compare_classes(gconstpointer a, gconstpointer b)
{
    return g_ascii_strcasecmp(object_class_name(*(ObjectClass *const *)a), object_class_name(*(ObjectClass *const *)b));
}

static bool in_category(const DeviceClass *dc, int category)
{
    return category < DEVICE_CATEGORIES ? dc->categories >> category & 1 : !dc->categories;
}

static void append_device(GString *out, const DeviceClass *dc)
{
    g_string_append_printf(out, "name \"%s\"", object_class_name(&dc->parent_class));
    if (dc->bus_type) {
        g_string_append_printf(out, ", bus %s", dc->bus_type);
    }
    if (dc->alias) {
        g_string_append_printf(out, ", alias \"%s\"", dc->alias);
    }
    if (dc->parent_class.description) {
        g_string_append_printf(out, ", desc \"%s\"", dc->parent_class.description);
    }
    g_string_append_c(out, '\n');
}

static void help_all(GString *out)
{
    g_autoptr(GPtrArray) classes = g_ptr_array_new();

    object_class_foreach(TYPE_DEVICE, false, collect_device, classes);
    g_ptr_array_sort(classes, compare_classes);
    for (int category = 0; category <= DEVICE_CATEGORIES; category++) {
        bool titled = false;

        for (unsigned i = 0; i < classes->len; i++) {
            const DeviceClass *dc = DEVICE_CLASS(classes->pdata[i]);

            if (!in_category(dc, category)) {
                continue;
            }
            if (!titled) {
                g_string_append_printf(out, "%s%s devices:\n", out->len ? "\n" : "", category_titles[category]);
                titled = true;
            }
            append_device(out, dc);
        }
    }
}

/* ---- One device ---- */

typedef struct ListProperties {
    Object *obj;
    Json *list;
} ListProperties;

static void list_property(const char *name, const char *type, const char *description, void *opaque)
{
    const ListProperties *l = opaque;
    const ClassProperty *cp = object_class_property(l->obj->klass, name);
    Json *defval, *entry;

    if (cp && cp->prop->hidden) {
        return;
    }
    entry = json_new_object();
    defval = cp ? class_property_default(cp) : NULL;
    if (defval) {
        json_set(entry, "default-value", defval);
    }
    json_set(entry, "name", json_new_string(name));
    if (description) {
        json_set(entry, "description", json_new_string(description));
    }
    json_set(entry, "type", json_new_string(type));
    json_append(l->list, entry);
}

/* An object is made: some properties are those of a single object. */
Json *device_list_properties(const char *driver, GError **error)
{
    ListProperties l;

    if (!type_exists(driver)) {
        error_set_class(error, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", driver);
        return NULL;
    }
    if (!type_is_a(driver, TYPE_DEVICE) || type_is_abstract(driver)) {
        error_setf(error, "Parameter 'typename' expects a non-abstract device type");
        return NULL;
    }
    l.obj = object_new(driver);
    l.list = json_new_array();
    object_property_foreach(l.obj, list_property, &l);
    object_unref(l.obj);
    return l.list;
}

static char *property_line(const Json *entry)
{
    const char *description = json_member_string(entry, "description", "");
    const Json *defval = json_member(entry, "default-value");
    g_autofree char *head = g_strdup_printf("%s=<%s>", json_member_string(entry, "name", ""),
                                            json_member_string(entry, "type", ""));
    g_autofree char *tail = NULL;

    if (defval) {
        g_autofree char *text = json_text(defval, false);

        tail = g_strdup_printf(" (default: %s)", text);
    } else if (!*description) {
        return g_strdup_printf("  %s\n", head);
    }
    return g_strdup_printf("  %-22s - %s%s\n", head, description, tail ? tail : "");
}

static int compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool device_help(const char *driver, GString *out, GError **error)
{
    g_autoptr(GPtrArray) lines = NULL;
    g_autoptr(GError) ignored = NULL;
    g_autoptr(Json) list = NULL;
    const DeviceClass *dc;

    if (!driver) {
        help_all(out);
        return true;
    }
    dc = type_exists(driver) ? NULL : device_class_for_user(driver, &ignored);  /* an alias, perhaps */
    if (dc) {
        driver = object_class_name(&dc->parent_class);
    }
    list = device_list_properties(driver, error);
    if (!list) {
        return false;
    }
    if (!json_count(list)) {
        g_string_append_printf(out, "There are no options for %s.\n", driver);
        return true;
    }
    lines = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < json_count(list); i++) {
        g_ptr_array_add(lines, property_line(json_at(list, i)));
    }
    g_ptr_array_sort(lines, compare_lines);
    g_string_append_printf(out, "%s options:\n", driver);
    for (unsigned i = 0; i < lines->len; i++) {
        g_string_append(out, lines->pdata[i]);
    }
    return true;
}
