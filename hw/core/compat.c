/* The compat history at work: what a release has, and what a machine type gets. The rows are in compat-tables.c. */
#include "hw/core/compat.h"
#include "hw/core/globals.h"

#include <stdlib.h>
#include <string.h>

#include "util/error.h"

/* All rows by property name, tables' order kept: most properties are in none, which must be seen fast. */
typedef struct IndexEntry {
    const char *property;
    unsigned order;
    const CompatTable *table;
    const CompatRow *row;
} IndexEntry;

/* What a new object of one class gets. */
typedef struct Setting {
    const CompatRow *row;
    const char *why;
} Setting;

static IndexEntry *row_index;
static unsigned row_index_len;
static Release installed_release;
static Release current_version;
static GHashTable *settings_by_class;   /* ObjectClass * -> GArray of Setting, NULL if there is none */

static int index_compare(const void *a, const void *b)
{
    const IndexEntry *x = a, *y = b;
    int c = strcmp(x->property, y->property);

    return c ? c : (int)x->order - (int)y->order;
}

static void index_make(void)
{
    unsigned n = 0;

    for (size_t t = 0; t < compat_tables_count; t++) {
        n += compat_tables[t].count;
    }
    row_index = g_new(IndexEntry, n);
    for (size_t t = 0; t < compat_tables_count; t++) {
        for (size_t i = 0; i < compat_tables[t].count; i++) {
            const CompatRow *row = &compat_tables[t].rows[i];

            row_index[row_index_len] = (IndexEntry){ row->property, row_index_len, &compat_tables[t], row };
            row_index_len++;
        }
    }
    qsort(row_index, row_index_len, sizeof(*row_index), index_compare);
}

/* The first entry for a property; those after it follow while the name is the same. NULL: none. */
static const IndexEntry *index_find(const char *property)
{
    unsigned low = 0, high;

    if (!row_index) {
        index_make();
    }
    high = row_index_len;
    while (low < high) {
        unsigned mid = (low + high) / 2;

        if (strcmp(row_index[mid].property, property) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < row_index_len && !strcmp(row_index[low].property, property) ? &row_index[low] : NULL;
}

static const IndexEntry *index_next(const IndexEntry *e)
{
    return e + 1 < row_index + row_index_len && !strcmp(e[1].property, e->property) ? e + 1 : NULL;
}

static bool row_has_property(Release r, const CompatRow *row)
{
    return row->kind != COMPAT_RELEASE_ONLY && release_compare(r, row->since) >= 0 &&
           (!release_is_set(row->until) || release_compare(r, row->until) < 0);
}

bool compat_release_has_property(Release r, const char *type, const char *property)
{
    for (const IndexEntry *e = index_find(property); e; e = index_next(e)) {
        if (!row_has_property(r, e->row) && (!strcmp(type, e->row->driver) || type_is_a(type, e->row->driver))) {
            return false;
        }
    }
    return true;
}

bool compat_row_shipped(Release r, const CompatRow *row)
{
    return (row->kind == COMPAT_PROPERTY || row->kind == COMPAT_ABSENT_DRIVER) &&
           release_compare(r, row->changed_in) >= 0 && row_has_property(r, row);
}

/* The class's view of one property. Of several changes to come, the first one's old value is what there is now. */
static void class_property_hook(const ObjectClass *klass, ClassProperty *prop)
{
    const IndexEntry *next_change = NULL;

    for (const IndexEntry *e = index_find(prop->prop->name); e; e = index_next(e)) {
        if (!type_is_a(object_class_name(klass), e->row->driver)) {
            continue;
        }
        if (!row_has_property(installed_release, e->row)) {
            prop->absent = true;
        }
        if (e->row->old_value && release_compare(installed_release, e->row->changed_in) < 0 &&
            (!next_change || release_compare(e->row->changed_in, next_change->row->changed_in) < 0)) {
            next_change = e;
        }
    }
    if (next_change) {
        prop->default_text = next_change->row->old_value;
        prop->default_why = next_change->table->name;
    }
}

static void settings_forget(void)
{
    g_clear_pointer(&settings_by_class, g_hash_table_unref);
}

void compat_install(Release r)
{
    installed_release = r;
    settings_forget();
    qom_set_class_property_hook(class_property_hook);
}

void compat_set_machine(Release machine)
{
    current_version = machine;
    settings_forget();
}

void compat_foreach_row(Release r, Release machine, void (*fn)(const CompatTable *, const CompatRow *, void *),
                        void *opaque)
{
    if (!release_is_set(machine)) {
        return;
    }
    for (size_t t = 0; t < compat_tables_count; t++) {
        const CompatTable *table = &compat_tables[t];

        if (release_compare(machine, table->machine) > 0) {
            continue;
        }
        for (size_t i = 0; i < table->count; i++) {
            if (compat_row_shipped(r, &table->rows[i])) {
                fn(table, &table->rows[i], opaque);
            }
        }
    }
}

typedef struct Collect {
    const char *type;
    GArray *settings;
} Collect;

static void collect_row(const CompatTable *table, const CompatRow *row, void *opaque)
{
    Collect *c = opaque;
    Setting setting = { row, table->name };

    if (row->kind == COMPAT_PROPERTY && type_is_a(c->type, row->driver)) {
        if (!c->settings) {
            c->settings = g_array_new(false, false, sizeof(Setting));
        }
        g_array_append_val(c->settings, setting);
    }
}

static void settings_free(gpointer settings)
{
    if (settings) {
        g_array_unref(settings);
    }
}

static const GArray *settings_for(Object *obj)
{
    gpointer settings;

    if (!settings_by_class) {
        settings_by_class = g_hash_table_new_full(NULL, NULL, NULL, settings_free);
    }
    if (!g_hash_table_lookup_extended(settings_by_class, obj->klass, NULL, &settings)) {
        Collect c = { .type = object_type(obj) };

        compat_foreach_row(installed_release, current_version, collect_row, &c);
        settings = c.settings;
        g_hash_table_insert(settings_by_class, obj->klass, settings);
    }
    return settings;
}

bool compat_apply(Object *obj, GError **error)
{
    const GArray *settings = settings_for(obj);

    for (guint i = 0; settings && i < settings->len; i++) {
        const Setting *s = &g_array_index(settings, Setting, i);

        if (!object_property_parse_why(obj, s->row->property, s->row->old_value, PROP_ORIGIN_COMPAT, s->why, error)) {
            return false;
        }
    }
    return globals_apply(obj, error);
}
