/* QMP's questions about CPU models, and -cpu help. */
#include <stdlib.h>
#include <string.h>

#include "hw/core/compat.h"
#include "target/i386/cpu-internal.h"
#include "util/error.h"

/* A CPU that is no part of the machine, of a model {"name": …, "props": {…}} and expanded. */
typedef struct PropSetter {
    Object *obj;
    GError **error;
    bool ok;
} PropSetter;

static bool set_prop(const char *key, Json *value, void *opaque)
{
    PropSetter *s = opaque;

    s->ok = object_property_set(s->obj, key, value, PROP_ORIGIN_USER, s->error);
    return s->ok;
}

static X86CPU *cpu_from_model(const Json *model, GError **error)
{
    const char *name = json_member_string(model, "name", NULL);
    const Json *props = json_member(model, "props");
    X86CPUClass *xc = name ? x86_cpu_class_by_model(name) : NULL;
    PropSetter s = { .error = error, .ok = true };

    if (!xc) {
        error_setf(error, "CPU model '%s' not found", name ? name : "");
        return NULL;
    }
    s.obj = object_new(object_class_name(&xc->parent_class.parent_class));
    if (props) {
        json_foreach(props, set_prop, &s);
    }
    if (!s.ok || !x86_cpu_expand(X86_CPU(s.obj), error)) {
        object_unref(s.obj);
        return NULL;
    }
    return X86_CPU(s.obj);
}

/* Models. */
static int compare_classes(gconstpointer a, gconstpointer b)
{
    const X86CPUClass *x = *(X86CPUClass *const *)a, *y = *(X86CPUClass *const *)b;

    return x->ordering != y->ordering ? (int)x->ordering - (int)y->ordering : strcmp(x->model_name, y->model_name);
}

static void collect_class(ObjectClass *klass, void *opaque)
{
    g_ptr_array_add(opaque, X86_CPU_CLASS(klass));
}

static GPtrArray *model_classes(void)
{
    GPtrArray *list = g_ptr_array_new();

    object_class_foreach(TYPE_X86_CPU, false, collect_class, list);
    g_ptr_array_sort(list, compare_classes);
    return list;
}

static char *version_name(const X86Model *m)
{
    return g_strdup_printf("%s-v%u", m->name, m->version);
}

static Json *missing_features(X86CPUClass *xc)
{
    Object *obj = object_new(object_class_name(&xc->parent_class.parent_class));
    X86CPU *cpu = X86_CPU(obj);
    Json *list;

    cpu->check = cpu->enforce = false;
    if (x86_cpu_expand(cpu, NULL)) {
        x86_cpu_filter(cpu, false, NULL);
    }
    list = object_property_get(obj, "unavailable-features", NULL);
    object_unref(obj);
    return list;
}

Json *x86_query_cpu_definitions(void)
{
    g_autoptr(GPtrArray) classes = model_classes();
    Json *list = json_new_array();

    for (guint i = classes->len; i-- > 0;) {
        X86CPUClass *xc = classes->pdata[i];
        Json *o = json_new_object();

        json_set(o, "name", json_new_string(xc->model_name));
        json_set(o, "typename", json_new_string(object_class_name(&xc->parent_class.parent_class)));
        json_set(o, "unavailable-features", missing_features(xc));
        if (xc->is_alias) {
            g_autofree char *of = version_name(xc->model);

            json_set(o, "alias-of", json_new_string(of));
        }
        json_set(o, "static", json_new_bool(xc->is_static));
        json_set(o, "migration-safe", json_new_bool(!xc->max_features));
        json_set(o, "deprecated", json_new_bool(xc->parent_class.parent_class.deprecated));
        json_append(list, o);
    }
    return list;
}

/* Expansion. A static model is "base" and everything that makes the CPU what it is. */
static void add_feature(const char *name, X86FeatureWordIndex word, uint64_t mask, void *opaque)
{
    void **pair = opaque;
    const X86CPU *cpu = pair[0];

    json_set(pair[1], name, json_new_bool((cpu->features[word] & mask) == mask));
}

static Json *static_props(X86CPU *cpu)
{
    static const char *const others[] = {
        "vendor", "family", "model", "stepping", "model-id", "min-level", "min-xlevel", "lmce",
    };
    void *pair[] = { cpu, json_new_object() };

    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        json_set(pair[1], others[i], object_property_get(OBJECT(cpu), others[i], NULL));
    }
    x86_foreach_feature(add_feature, pair);
    return pair[1];
}

static Json *full_props(X86CPU *cpu)
{
    const ObjectClass *klass = OBJECT(cpu)->klass;
    Json *props = json_new_object();

    for (unsigned i = 0; i < klass->num_props; i++) {
        const ClassProperty *cp = &klass->props[i];
        Json *value;

        if (cp->absent || g_str_has_prefix(cp->prop->name, "x-godwit-") || !cp->prop->kind->set ||
            !cp->prop->kind->get) {
            continue;
        }
        value = object_property_get(OBJECT(cpu), cp->prop->name, NULL);
        if (value) {
            json_set(props, cp->prop->name, value);
        }
    }
    return props;
}

Json *x86_query_cpu_model_expansion(const char *type, const Json *model, GError **error)
{
    bool is_static = !strcmp(type, "static");
    X86CPU *cpu;
    Json *out, *result;

    if (!is_static && strcmp(type, "full")) {
        error_setf(error, "Parameter 'type' does not accept value '%s'", type);
        return NULL;
    }
    cpu = cpu_from_model(model, error);
    if (!cpu) {
        return NULL;
    }
    out = json_new_object();
    json_set(out, "name", json_new_string(is_static ? "base" : json_member_string(model, "name", "")));
    json_set(out, "props", is_static ? static_props(cpu) : full_props(cpu));
    object_unref(OBJECT(cpu));
    result = json_new_object();
    json_set(result, "model", out);
    return result;
}

/* Two models. */
Json *x86_query_cpu_model_baseline(const Json *a, const Json *b, GError **error)
{
    X86CPU *x = cpu_from_model(a, error), *y = x ? cpu_from_model(b, error) : NULL;
    Json *result = NULL, *out;

    if (y && strcmp(x->vendor, y->vendor)) {
        error_setf(error, "CPU models of vendors %s and %s have no baseline", x->vendor, y->vendor);
    } else if (y) {
        for (int w = 0; w < X86_FEATURE_WORDS; w++) {
            x->features[w] &= y->features[w];
        }
        /* The older of the two, which is the lower where the family is one. */
        if (y->family < x->family || (y->family == x->family && y->model < x->model)) {
            x->family = y->family;
            x->model = y->model;
            x->stepping = y->stepping;
            memcpy(x->model_id, y->model_id, sizeof(x->model_id));
        }
        x->min_level = MIN(x->min_level, y->min_level);
        x->min_xlevel = MIN(x->min_xlevel, y->min_xlevel);
        out = json_new_object();
        json_set(out, "name", json_new_string("base"));
        json_set(out, "props", static_props(x));
        result = json_new_object();
        json_set(result, "model", out);
    }
    if (x) {
        object_unref(OBJECT(x));
    }
    if (y) {
        object_unref(OBJECT(y));
    }
    return result;
}

typedef struct Comparison {
    const X86CPU *a, *b;
    bool a_has_more, b_has_more, differ;
    Json *responsible;
} Comparison;

static void compare_feature(const char *name, X86FeatureWordIndex word, uint64_t mask, void *opaque)
{
    Comparison *c = opaque;
    bool a = c->a->features[word] & mask, b = c->b->features[word] & mask;

    if (a != b) {
        c->a_has_more |= a;
        c->b_has_more |= b;
        json_append(c->responsible, json_new_string(name));
    }
}

static void compare_identity(Comparison *c, const char *name, bool same)
{
    if (!same) {
        c->differ = true;
        json_append(c->responsible, json_new_string(name));
    }
}

Json *x86_query_cpu_model_comparison(const Json *a, const Json *b, GError **error)
{
    X86CPU *x = cpu_from_model(a, error), *y = x ? cpu_from_model(b, error) : NULL;
    Json *result = NULL;

    if (y) {
        Comparison c = { .a = x, .b = y, .responsible = json_new_array() };

        compare_identity(&c, "vendor", !strcmp(x->vendor, y->vendor));
        compare_identity(&c, "family", x->family == y->family);
        compare_identity(&c, "model", x->model == y->model);
        compare_identity(&c, "stepping", x->stepping == y->stepping);
        x86_foreach_feature(compare_feature, &c);
        result = json_new_object();
        json_set(result, "result", json_new_string(c.differ || (c.a_has_more && c.b_has_more) ? "incompatible"
                                                   : c.a_has_more                            ? "superset"
                                                   : c.b_has_more                            ? "subset"
                                                                                             : "identical"));
        json_set(result, "responsible-properties", c.responsible);
    }
    if (x) {
        object_unref(OBJECT(x));
    }
    if (y) {
        object_unref(OBJECT(y));
    }
    return result;
}

/* -cpu help. */
static void help_model(const X86CPUClass *xc, GString *out)
{
    g_autofree char *text = NULL;

    if (!xc->model) {
        text = g_strdup(xc->parent_class.parent_class.description);
    } else if (!xc->is_alias) {
        text = xc->model->note ? g_strdup_printf("%s [%s]", xc->model->model_id, xc->model->note)
                               : g_strdup(xc->model->model_id);
    } else if (!strcmp(xc->model_name, xc->model->name)) {
        text = g_strdup("(alias configured by machine type)");
    } else {
        g_autofree char *of = version_name(xc->model);

        text = g_strdup_printf("(alias of %s)", of);
    }
    g_string_append_printf(out, "x86 %-20s  %s\n", xc->model_name, text);
}

static void collect_name(const char *name, X86FeatureWordIndex word, uint64_t mask, void *opaque)
{
    g_ptr_array_add(opaque, (void *)name);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void x86_cpu_help(GString *out)
{
    g_autoptr(GPtrArray) classes = model_classes();
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    size_t column = 0;

    g_string_append(out, "Available CPUs:\n");
    for (guint i = 0; i < classes->len; i++) {
        help_model(classes->pdata[i], out);
    }
    g_string_append(out, "\nRecognized CPUID flags:\n");
    x86_foreach_feature(collect_name, names);
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];

        if (column && column + strlen(name) + 1 > 75) {
            g_string_append_c(out, '\n');
            column = 0;
        }
        g_string_append_printf(out, column ? " %s" : "  %s", name);
        column += strlen(name) + (column ? 1 : 2);
    }
    g_string_append_c(out, '\n');
}
