/* Questions to the compat history. */
#include "hw/core/compat-query.h"

#include <string.h>

/* Texts that mean the same value become the same text. */
static const char *canonical(const char *text)
{
    if (!text) {
        return NULL;
    }
    if (!strcmp(text, "true") || !strcmp(text, "yes") || !strcmp(text, "y")) {
        return "on";
    }
    if (!strcmp(text, "false") || !strcmp(text, "no") || !strcmp(text, "n")) {
        return "off";
    }
    return g_intern_string(text);
}

static bool same_value(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* The default as declared, which is the newest one: whatever this binary's release makes of it. */
static const char *declared_default(const char *type, const char *property)
{
    ObjectClass *klass = type_exists(type) ? object_class_by_name(type) : NULL;

    for (unsigned i = klass ? klass->num_props : 0; i-- > 0;) {
        const Property *prop = klass->props[i].prop;
        g_autoptr(Json) value = NULL;
        g_autofree char *text = NULL;

        if (strcmp(prop->name, property)) {
            continue;
        }
        value = prop->kind->get_default ? prop->kind->get_default(prop) : NULL;
        if (!value) {
            return NULL;
        }
        if (json_type(value) == JSON_STRING) {
            return canonical(json_get_string(value));
        }
        text = json_text(value, false);
        return canonical(text);
    }
    return NULL;
}

/* Visits the rows about a property of a type, in the tables' order. */
typedef bool (*RowFn)(const CompatTable *table, const CompatRow *row, void *opaque);
static void foreach_row_of(const char *type, const char *property, RowFn fn, void *opaque)
{
    for (size_t t = 0; t < compat_tables_count; t++) {
        for (size_t i = 0; i < compat_tables[t].count; i++) {
            const CompatRow *row = &compat_tables[t].rows[i];

            if (!strcmp(row->property, property) && (!strcmp(row->driver, type) || type_is_a(type, row->driver)) &&
                !fn(&compat_tables[t], row, opaque)) {
                return;
            }
        }
    }
}

typedef struct ValueQuery {
    Release release, machine;
    CompatValue *out;
    bool found;
    const CompatRow *ahead;     /* the first change that the release has not seen */
    const CompatTable *ahead_table;
} ValueQuery;

static bool value_row(const CompatTable *table, const CompatRow *row, void *opaque)
{
    ValueQuery *q = opaque;

    q->found = true;
    if (row->kind == COMPAT_RELEASE_ONLY || release_compare(q->release, row->since) < 0 ||
        (release_is_set(row->until) && release_compare(q->release, row->until) >= 0)) {
        q->out->settable = false;
    }
    if (!row->old_value) {
        return true;
    }
    if (release_compare(q->release, row->changed_in) < 0) {
        if (!q->ahead || release_compare(row->changed_in, q->ahead->changed_in) < 0) {
            q->ahead = row;
            q->ahead_table = table;
        }
    } else if (release_is_set(q->machine) && release_compare(q->machine, table->machine) <= 0 &&
               compat_row_shipped(q->release, row)) {
        q->out->row = row;      /* newest table first: the last one wins, as in application */
        q->out->table = table;
    }
    return true;
}

bool compat_value(Release r, Release machine, const char *type, const char *property, CompatValue *out)
{
    ValueQuery q = { r, machine, out };

    *out = (CompatValue){ .settable = true };
    foreach_row_of(type, property, value_row, &q);
    if (!q.found) {
        return false;
    }
    if (!out->row) {
        out->row = q.ahead;
        out->table = q.ahead_table;
    }
    out->text = out->row ? canonical(out->row->old_value) : declared_default(type, property);
    return true;
}

typedef struct DifferenceQuery {
    Release from, to, machine;
    void (*fn)(const CompatDifference *, void *);
    void *opaque;
} DifferenceQuery;

static void difference_of(const DifferenceQuery *q, const char *type, const char *property)
{
    CompatDifference d = { .type = type };

    if (!compat_value(q->from, q->machine, type, property, &d.source) ||
        !compat_value(q->to, q->machine, type, property, &d.destination) ||
        same_value(d.source.text, d.destination.text)) {
        return;
    }
    d.row = d.source.row ? d.source.row : d.destination.row;
    d.table = d.source.row ? d.source.table : d.destination.table;
    d.fix = d.destination.settable && d.source.text      ? COMPAT_FIX_DESTINATION
            : d.source.settable && d.destination.text ? COMPAT_FIX_SOURCE
                                                       : COMPAT_FIX_NONE;
    q->fn(&d, q->opaque);
}

void compat_foreach_difference(Release from, Release to, Release machine, const char *type,
                               void (*fn)(const CompatDifference *, void *), void *opaque)
{
    DifferenceQuery q = { from, to, machine, fn, opaque };
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (size_t t = 0; t < compat_tables_count; t++) {
        for (size_t i = 0; i < compat_tables[t].count; i++) {
            const CompatRow *row = &compat_tables[t].rows[i];

            if (!row->old_value || (type && strcmp(type, row->driver) && !type_is_a(type, row->driver))) {
                continue;
            }
            if (g_hash_table_add(seen, g_strconcat(type ? type : row->driver, ".", row->property, NULL))) {
                difference_of(&q, type ? type : row->driver, row->property);
            }
        }
    }
}

char *compat_difference_setting(const CompatDifference *d)
{
    const char *value = d->fix == COMPAT_FIX_DESTINATION ? d->source.text : d->destination.text;

    if (d->fix == COMPAT_FIX_NONE) {
        return NULL;
    }
    if (type_exists(d->type) && type_is_abstract(d->type)) {
        return g_strdup_printf("-global %s.%s=%s", d->type, d->row->property, value);
    }
    return g_strdup_printf("-device %s,%s=%s", d->type, d->row->property, value);
}

static void append_side(GString *s, const CompatValue *v, Release r)
{
    g_string_append_printf(s, "%s in release %s", v->text ? v->text : "the default", release_name(r));
    if (!v->settable) {
        g_string_append(s, " (which can't change it)");
    } else if (v->table && release_is_set(v->table->machine)) {
        g_string_append_printf(s, " (by %s)", v->table->name);
    }
}

char *compat_difference_text(const CompatDifference *d, Release from, Release to)
{
    g_autofree char *setting = compat_difference_setting(d);
    GString *s = g_string_new(NULL);

    g_string_append_printf(s, "%s.%s is ", d->type, d->row->property);
    append_side(s, &d->source, from);
    g_string_append(s, " and ");
    append_side(s, &d->destination, to);
    if (d->row->note) {
        g_string_append_printf(s, "; before release %s %s", release_name(d->row->changed_in), d->row->note);
    }
    switch (d->fix) {
    case COMPAT_FIX_DESTINATION:
        g_string_append_printf(s, ". Start the destination with %s", setting);
        break;
    case COMPAT_FIX_SOURCE:
        g_string_append_printf(s, ". Power the source on with %s", setting);
        break;
    case COMPAT_FIX_NONE:
        if (d->row->kind != COMPAT_RELEASE_ONLY) {
            g_string_append_printf(s, ". Neither release has the property; it came with %s",
                                   release_name(d->row->since));
        } else {
            g_string_append(s, ". No property controls it");
        }
        break;
    }
    return g_string_free(s, false);
}

static void set_release(Json *object, const char *key, Release r)
{
    if (release_is_set(r)) {
        json_set(object, key, json_new_string(release_name(r)));
    }
}

static Json *row_json(const CompatTable *table, const CompatRow *row)
{
    static const char *const kinds[] = { "property", "release-only", "absent-driver", "existence" };
    Json *o = json_new_object();

    json_set(o, "table", json_new_string(table->name));
    set_release(o, "machine-types-up-to", table->machine);
    json_set(o, "driver", json_new_string(row->driver));
    json_set(o, "property", json_new_string(row->property));
    json_set(o, "kind", json_new_string(kinds[row->kind]));
    if (row->old_value) {
        json_set(o, "old-value", json_new_string(row->old_value));
    }
    set_release(o, "changed-in", row->changed_in);
    set_release(o, "since", row->since);
    set_release(o, "until", row->until);
    if (row->note) {
        json_set(o, "note", json_new_string(row->note));
    }
    return o;
}

static Json *rows_json(bool (*want)(const CompatRow *))
{
    Json *array = json_new_array();

    for (size_t t = 0; t < compat_tables_count; t++) {
        for (size_t i = 0; i < compat_tables[t].count; i++) {
            if (want(&compat_tables[t].rows[i])) {
                json_append(array, row_json(&compat_tables[t], &compat_tables[t].rows[i]));
            }
        }
    }
    return array;
}

static bool want_all(const CompatRow *row)
{
    return true;
}

static bool want_breakage(const CompatRow *row)
{
    return (row->kind == COMPAT_PROPERTY || row->kind == COMPAT_ABSENT_DRIVER) &&
           release_compare(row->since, row->changed_in) > 0;
}

Json *compat_history_json(void)
{
    return rows_json(want_all);
}

Json *compat_breakages_json(void)
{
    return rows_json(want_breakage);
}

static Json *side_json(const CompatValue *v)
{
    Json *o = json_new_object();

    if (v->text) {
        json_set(o, "value", json_new_string(v->text));
    }
    json_set(o, "settable", json_new_bool(v->settable));
    if (v->table) {
        json_set(o, "by", json_new_string(v->table->name));
    }
    return o;
}

typedef struct AdviceQuery {
    Release from, to;
    Json *array;
} AdviceQuery;

static void advice_add(const CompatDifference *d, void *opaque)
{
    static const char *const fixes[] = { "destination", "source", "none" };
    AdviceQuery *q = opaque;
    g_autofree char *setting = compat_difference_setting(d);
    g_autofree char *text = compat_difference_text(d, q->from, q->to);
    Json *o = json_new_object();

    json_set(o, "driver", json_new_string(d->type));
    json_set(o, "property", json_new_string(d->row->property));
    json_set(o, "driver-exists", json_new_bool(d->row->kind != COMPAT_ABSENT_DRIVER));
    json_set(o, "source", side_json(&d->source));
    json_set(o, "destination", side_json(&d->destination));
    json_set(o, "set-on", json_new_string(fixes[d->fix]));
    if (setting) {
        json_set(o, "set", json_new_string(setting));
    }
    json_set(o, "text", json_new_string(text));
    json_append(q->array, o);
}

Json *compat_advice_json(Release from, Release to, Release machine)
{
    AdviceQuery q = { from, to, json_new_array() };
    Json *o = json_new_object();

    json_set(o, "from", json_new_string(release_name(from)));
    json_set(o, "to", json_new_string(release_name(to)));
    json_set(o, "machine-type-version", json_new_string(release_name(machine)));
    compat_foreach_difference(from, to, machine, NULL, advice_add, &q);
    json_set(o, "differences", q.array);
    return o;
}
