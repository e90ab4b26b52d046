/* -cpu's text: "MODEL,feature=on,+feature,-feature". */
#include <string.h>

#include "target/i386/cpu-internal.h"
#include "util/error.h"
#include "util/log.h"

X86CPUClass *x86_cpu_class_by_model(const char *model)
{
    g_autofree char *type = g_strconcat(model, "-", TYPE_X86_CPU, NULL);

    return type_is_a(type, TYPE_X86_CPU) && !type_is_abstract(type) ? X86_CPU_CLASS(object_class_by_name(type)) : NULL;
}

/* Property names have '-' where people also write '_'; a few have one themselves. */
static char *property_name(const X86CPUClass *xc, const char *feature)
{
    char *name = g_strdup(feature);

    if (!object_class_property(&xc->parent_class.parent_class, name)) {
        g_strdelimit(name, "_", '-');
    }
    return name;
}

static void warn_ambiguous(const char *plus_or_minus, const char *name, const char *value)
{
    warn_report("Ambiguous CPU model string. Don't mix both \"%s%s\" and \"%s=%s\"", plus_or_minus, name, name, value);
    warn_report("Compatibility of ambiguous CPU model strings won't be kept on future QEMU versions");
}

static bool set_late(const X86CPUClass *xc, const char *item, GPtrArray *plus, GPtrArray *minus, GError **error)
{
    char *name = property_name(xc, item + 1);

    if (!object_class_property(&xc->parent_class.parent_class, name)) {
        error_setf(error, "Property '%s.%s' not found", object_class_name(&xc->parent_class.parent_class), name);
        g_free(name);
        return false;
    }
    x86_cpu_late_feature(name, *item == '+');
    g_ptr_array_add(*item == '+' ? plus : minus, name);
    return true;
}

static bool set_feature(const X86CPUClass *xc, char *item, GPtrArray *plus, GPtrArray *minus, GError **error)
{
    const char *type = object_class_name(&xc->parent_class.parent_class);
    char *equals = strchr(item, '=');
    const char *value = equals ? equals + 1 : "on";
    g_autofree char *name = NULL;

    if (equals) {
        *equals = '\0';
    }
    name = property_name(xc, item);
    if (!strcmp(name, "tsc-freq")) {
        g_free(name);
        name = g_strdup("tsc-frequency");
    }
    if (g_ptr_array_find_with_equal_func(plus, name, g_str_equal, NULL)) {
        warn_ambiguous("+", name, value);
    }
    if (g_ptr_array_find_with_equal_func(minus, name, g_str_equal, NULL)) {
        warn_ambiguous("-", name, value);
    }
    return global_add(type, name, value, error);
}

X86CPUClass *x86_cpu_parse(const char *text, GError **error)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);
    g_autoptr(GPtrArray) plus = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) minus = g_ptr_array_new_with_free_func(g_free);
    X86CPUClass *xc;

    if (!items[0] || !*items[0]) {
        error_setf(error, "-cpu option cannot be empty");
        return NULL;
    }
    xc = x86_cpu_class_by_model(items[0]);
    if (!xc) {
        error_setf(error, "unable to find CPU model '%s'", items[0]);
        return NULL;
    }
    for (int i = 1; items[i]; i++) {
        if (!*items[i]) {
            continue;
        }
        if (!(*items[i] == '+' || *items[i] == '-' ? set_late(xc, items[i], plus, minus, error)
                                                   : set_feature(xc, items[i], plus, minus, error))) {
            return NULL;
        }
    }
    return xc;
}
