/* The compat history: its rows, what follows from them for a release, and its answers. */
#include <string.h>

#include "hw/core/compat-query.h"
#include "hw/core/compat.h"

static const Release releases[] = { { 5, 1 }, { 5, 2 }, { 7, 2 }, { 8, 0 }, { 8, 0, 1 }, { 8, 1 }, { 8, 2 } };

static Json *read_data(const char *name)
{
    g_autofree char *path = g_build_filename(g_getenv("TEST_DATA"), name, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    Json *json;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    json = json_parse(text, -1, &error);
    g_assert_no_error(error);
    return json;
}

/* "driver.property=value" of what a machine type gets. */
static void collect(const CompatTable *table, const CompatRow *row, void *opaque)
{
    g_ptr_array_add(opaque, g_strdup_printf("%s.%s=%s", row->driver, row->property, row->old_value));
}

static void qemus_own_list_agrees_row_by_row(void)
{
    static const char *const versions[] = { "5.1", "5.2", "6.0", "6.1", "6.2", "7.0", "7.1", "7.2", "8.0", "8.1" };
    g_autoptr(Json) data = read_data("compat-props.json");

    for (size_t v = 0; v < G_N_ELEMENTS(versions); v++) {
        g_autoptr(GPtrArray) mine = g_ptr_array_new_with_free_func(g_free);
        g_autofree char *machine = g_strdup_printf("pc-q35-%s", versions[v]);
        const Json *rows = json_member(data, machine);
        Release version;

        g_assert_true(release_parse(versions[v], &version));
        compat_foreach_row((Release){ 8, 2 }, version, collect, mine);
        g_assert_cmpuint(mine->len, ==, json_count(rows));
        for (guint i = 0; i < mine->len; i++) {
            const Json *row = json_at(rows, i);
            g_autofree char *theirs =
                g_strdup_printf("%s.%s=%s", json_get_string(json_at(row, 0)), json_get_string(json_at(row, 1)),
                                json_get_string(json_at(row, 2)));

            g_assert_cmpstr(mine->pdata[i], ==, theirs);
        }
    }
}

static void the_newest_machine_type_gets_no_row(void)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(g_free);

    compat_foreach_row((Release){ 8, 2 }, (Release){ 8, 2 }, collect, rows);
    compat_foreach_row((Release){ 8, 2 }, (Release){ 0 }, collect, rows);
    g_assert_cmpuint(rows->len, ==, 0);
}

static void a_release_ships_a_row_with_the_later_of_its_two_dates(void)
{
    static const unsigned in_7_2[] = { 0, 0, 0, 0, 1, 1, 1 };

    for (size_t r = 0; r < G_N_ELEMENTS(releases); r++) {
        g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(g_free);
        unsigned found = 0;

        compat_foreach_row(releases[r], (Release){ 7, 2 }, collect, rows);
        for (guint i = 0; i < rows->len; i++) {
            found += !strcmp(rows->pdata[i], "pci-device.x-pcie-err-unc-mask=off");
        }
        g_assert_cmpuint(found, ==, in_7_2[r]);
    }
}

static void rows_of_one_property_agree_about_its_releases(void)
{
    for (size_t a = 0; a < compat_tables_count; a++) {
        for (size_t i = 0; i < compat_tables[a].count; i++) {
            const CompatRow *x = &compat_tables[a].rows[i];

            g_assert_true(x->kind == COMPAT_EXISTENCE ? !x->old_value : x->old_value != NULL);
            g_assert_true(!x->old_value == !release_is_set(x->changed_in));
            for (size_t b = 0; b < compat_tables_count; b++) {
                for (size_t j = 0; j < compat_tables[b].count; j++) {
                    const CompatRow *y = &compat_tables[b].rows[j];

                    if (!strcmp(x->driver, y->driver) && !strcmp(x->property, y->property)) {
                        g_assert_cmpint(release_compare(x->since, y->since), ==, 0);
                        g_assert_cmpint(x->kind, ==, y->kind);
                    }
                }
            }
        }
    }
}

static void a_machine_type_never_gets_a_row_newer_than_itself(void)
{
    for (size_t t = 0; t < compat_tables_count; t++) {
        for (size_t i = 0; i < compat_tables[t].count; i++) {
            if (release_is_set(compat_tables[t].machine)) {
                g_assert_cmpint(release_compare(compat_tables[t].rows[i].changed_in, compat_tables[t].machine), >, 0);
            }
        }
    }
}

/* The four cases of DESIGN's table, on the row that it is about. Driver text: the type need not exist for this. */
static void the_mask_property_has_its_three_lives(void)
{
    static const struct {
        Release release;
        bool settable;
        const char *in_7_2;
    } want[] = {
        { { 5, 1 }, false, "off" }, { { 7, 2 }, false, "off" }, { { 8, 0 }, false, "on" },
        { { 8, 0, 1 }, true, "off" }, { { 8, 1 }, true, "off" }, { { 8, 2 }, true, "off" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(want); i++) {
        CompatValue v;

        g_assert_true(compat_value(want[i].release, (Release){ 7, 2 }, "pci-device", "x-pcie-err-unc-mask", &v));
        g_assert_cmpint(v.settable, ==, want[i].settable);
        g_assert_cmpint(v.row != NULL, ==, !strcmp(want[i].in_7_2, "off"));
        g_assert_cmpint(compat_release_has_property(want[i].release, "pci-device", "x-pcie-err-unc-mask"), ==,
                        want[i].settable);
    }
}

static void of_several_changes_the_next_one_says_what_there_is(void)
{
    CompatValue v;

    compat_value((Release){ 5, 2 }, (Release){ 5, 2 }, "ICH9-LPC", "x-keep-pci-slot-hpc", &v);
    g_assert_cmpstr(v.text, ==, "on");
    compat_value((Release){ 6, 1 }, (Release){ 6, 1 }, "ICH9-LPC", "x-keep-pci-slot-hpc", &v);
    g_assert_cmpstr(v.text, ==, "off");
    g_assert_false(v.settable);
    compat_value((Release){ 7, 2 }, (Release){ 6, 1 }, "ICH9-LPC", "x-keep-pci-slot-hpc", &v);
    g_assert_cmpstr(v.text, ==, "off");
    g_assert_true(v.settable);
    compat_value((Release){ 7, 2 }, (Release){ 6, 0 }, "ICH9-LPC", "x-keep-pci-slot-hpc", &v);
    g_assert_cmpstr(v.text, ==, "on");
    g_assert_cmpstr(v.table->name, ==, "pc_compat_6_0");
}

static void a_property_without_history_is_not_in_it(void)
{
    CompatValue v;

    g_assert_false(compat_value((Release){ 8, 2 }, (Release){ 8, 2 }, "pci-device", "addr", &v));
    g_assert_true(compat_release_has_property((Release){ 5, 1 }, "pci-device", "addr"));
}

static void known_breakages_are_those_that_shipped_late(void)
{
    g_autoptr(Json) list = compat_breakages_json();
    g_autoptr(GString) names = g_string_new(NULL);

    for (size_t i = 0; i < json_count(list); i++) {
        g_string_append_printf(names, "%s ", json_member_string(json_at(list, i), "property", "?"));
    }
    g_assert_cmpstr(names->str, ==, "x-pcie-err-unc-mask x-keep-pci-slot-hpc x-ats-page-aligned ");
    g_assert_cmpstr(json_member_string(json_at(list, 0), "changed-in", NULL), ==, "8.0");
    g_assert_cmpstr(json_member_string(json_at(list, 0), "since", NULL), ==, "8.0.1");
    g_assert_cmpstr(json_member_string(json_at(list, 0), "machine-types-up-to", NULL), ==, "7.2");
}

static void the_history_as_json_has_every_row(void)
{
    g_autoptr(Json) list = compat_history_json();
    size_t rows = 0;

    for (size_t t = 0; t < compat_tables_count; t++) {
        rows += compat_tables[t].count;
    }
    g_assert_cmpuint(json_count(list), ==, rows);
}

/* What is said of one property between two releases. */
typedef struct Found {
    const char *property;
    CompatDifference d;
    char *setting, *text;
    Release from, to;
    unsigned count;
} Found;

static void find_difference(const CompatDifference *d, void *opaque)
{
    Found *f = opaque;

    if (!strcmp(d->row->property, f->property)) {
        f->d = *d;
        f->setting = compat_difference_setting(d);
        f->text = compat_difference_text(d, f->from, f->to);
        f->count++;
    }
}

static Found difference(Release from, Release to, const char *type, const char *property)
{
    Found f = { .property = property, .from = from, .to = to };

    compat_foreach_difference(from, to, (Release){ 7, 2 }, type, find_difference, &f);
    g_assert_cmpuint(f.count, <=, 1);
    return f;
}

/* The nine pairs of the mask register's story. */
static void advice_for_the_nine_pairs_is_the_storys(void)
{
    static const Release r[] = { { 7, 2 }, { 8, 0 }, { 8, 0, 1 } };
    static const char *const want[3][3] = {
        { "", "none", "" }, { "none", "", "on the destination" }, { "", "on the source", "" },
    };

    for (unsigned from = 0; from < 3; from++) {
        for (unsigned to = 0; to < 3; to++) {
            Found f = difference(r[from], r[to], "pcie-root-port", "x-pcie-err-unc-mask");
            const char *fix = !f.count ? "" : f.d.fix == COMPAT_FIX_NONE ? "none"
                              : f.d.fix == COMPAT_FIX_DESTINATION ? "on the destination" : "on the source";

            g_assert_cmpstr(fix, ==, want[from][to]);
            if (f.count && f.d.fix != COMPAT_FIX_NONE) {
                g_assert_cmpstr(f.setting, ==, "-device pcie-root-port,x-pcie-err-unc-mask=on");
            }
            g_free(f.setting);
            g_free(f.text);
        }
    }
}

static void the_text_of_a_difference_says_what_where_and_since_when(void)
{
    Found f = difference((Release){ 8, 0 }, (Release){ 8, 0, 1 }, "pcie-root-port", "x-pcie-err-unc-mask");

    g_assert_cmpstr(
        f.text, ==,
        "pcie-root-port.x-pcie-err-unc-mask is on in release 8.0 (which can't change it) and off in release "
        "8.0.1 (by hw_compat_7_2); before release 8.0 the AER capability had no Uncorrectable Error Mask "
        "register: it read as 0 and could not be written. Start the destination with "
        "-device pcie-root-port,x-pcie-err-unc-mask=on");
    g_free(f.setting);
    g_free(f.text);
}

static void equal_releases_differ_in_nothing(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(releases); i++) {
        g_autoptr(Json) advice = compat_advice_json(releases[i], releases[i], (Release){ 5, 1 });

        g_assert_cmpuint(json_count(json_member(advice, "differences")), ==, 0);
    }
}

/* Every row's driver and property exist, and its value reads; or the row says that the driver does not exist here. */
static void check_row(const CompatRow *row)
{
    const ObjectClass *klass;
    const Property *prop = NULL;

    if (row->kind == COMPAT_ABSENT_DRIVER) {
        if (type_exists(row->driver)) {
            g_error("%s exists: its row must not say that it does not", row->driver);
        }
        return;
    }
    if (!type_exists(row->driver) && row->kind == COMPAT_EXISTENCE) {
        return;     /* waits for its driver */
    }
    if (!type_exists(row->driver)) {
        g_error("%s.%s: there is no such driver", row->driver, row->property);
    }
    klass = object_class_by_name(row->driver);
    for (unsigned i = 0; i < klass->num_props; i++) {
        prop = strcmp(klass->props[i].prop->name, row->property) ? prop : klass->props[i].prop;
    }
    if (!prop) {
        g_error("%s.%s: there is no such property", row->driver, row->property);
    }
    if (row->old_value && !type_is_abstract(row->driver)) {
        Object *obj = object_new(row->driver);
        g_autoptr(GError) error = NULL;

        if (!(prop->kind->parse ? prop->kind->parse(obj, prop, row->old_value, &error) : true)) {
            g_error("%s.%s=%s: %s", row->driver, row->property, row->old_value, error->message);
        }
        object_unref(obj);
    }
}

static void every_row_resolves(void)
{
    for (size_t t = 0; t < compat_tables_count; t++) {
        for (size_t i = 0; i < compat_tables[t].count; i++) {
            check_row(&compat_tables[t].rows[i]);
        }
    }
}

/* Properties that only introspection of QEMU's internals shows: regions, lines and such. */
static bool is_internal(const char *name)
{
    static const char *const internal[] = {
        "memory", "ram-mem", "system-mem", "io-mem", "pci-mem", "crash-information", "apic", "unnamed-gpio-out[0]",
        "unnamed-gpio-out[1]",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(internal); i++) {
        if (!strcmp(name, internal[i])) {
            return true;
        }
    }
    return strstr(name, "gpio-") || g_str_has_suffix(name, "]");
}

static bool wanted(const Json *names, const char *name)
{
    for (size_t i = 0; i < json_count(names); i++) {
        if (!strcmp(json_get_string(json_at(names, i)), name)) {
            return true;
        }
    }
    return false;
}

static const Property *declared(const ObjectClass *klass, const char *name)
{
    for (unsigned i = 0; i < klass->num_props; i++) {
        if (!strcmp(klass->props[i].prop->name, name)) {
            return klass->props[i].prop;
        }
    }
    return NULL;
}

/* A transport's property may be its device's: virtio-blk-pci-transitional shows those of virtio-blk-device. */
static bool release_has(Release r, const ObjectClass *klass, const char *name)
{
    const char *type = object_class_name(klass), *pci = strstr(type, "-pci");
    g_autofree char *device = pci ? g_strdup_printf("%.*s-device", (int)(pci - type), type) : NULL;

    return compat_release_has_property(r, type, name) && (!pci || compat_release_has_property(r, device, name));
}

typedef struct SetCheck {
    Release release;
    GString *wrong;
} SetCheck;

static bool check_set(const char *type, Json *names, void *opaque)
{
    SetCheck *c = opaque;
    const ObjectClass *klass;

    if (!type_exists(type) || type_is_abstract(type)) {
        return true;
    }
    klass = object_class_by_name(type);
    for (unsigned i = 0; i < klass->num_props; i++) {
        const Property *prop = klass->props[i].prop;

        if (!prop->hidden && release_has(c->release, klass, prop->name) && !wanted(names, prop->name)) {
            g_string_append_printf(c->wrong, "%s has %s.%s\n", release_name(c->release), type, prop->name);
        }
    }
    for (size_t i = 0; i < json_count(names); i++) {
        const char *name = json_get_string(json_at(names, i));

        if (!is_internal(name) && (!declared(klass, name) || !release_has(c->release, klass, name))) {
            g_string_append_printf(c->wrong, "%s lacks %s.%s\n", release_name(c->release), type, name);
        }
    }
    return true;
}

static bool check_release(const char *name, Json *types, void *opaque)
{
    SetCheck c = { .wrong = opaque };

    g_assert_true(release_parse(name, &c.release));
    json_foreach(types, check_set, &c);
    return true;
}

static void each_release_has_its_own_set_of_properties(void)
{
    g_autoptr(Json) data = read_data("device-props.json");
    g_autoptr(GString) wrong = g_string_new(NULL);

    json_foreach(data, check_release, wrong);
    g_assert_cmpstr(wrong->str, ==, "");
}

static void names_of_releases_read_back(void)
{
    Release r;

    g_assert_cmpstr(release_name((Release){ 8, 0, 1 }), ==, "8.0.1");
    g_assert_cmpstr(release_name((Release){ 8, 0 }), ==, "8.0");
    g_assert_true(release_parse("8.0.1", &r) && release_compare(r, (Release){ 8, 0, 1 }) == 0);
    g_assert_true(release_parse("5.2", &r) && release_compare(r, (Release){ 5, 2 }) == 0);
    g_assert_false(release_parse("8", &r));
    g_assert_false(release_parse("8.0.1.2", &r));
    g_assert_false(release_parse("8.x", &r));
    g_assert_false(release_parse("8.256", &r));
    g_assert_false(release_parse("", &r));
}

#define ADD(fn) g_test_add_func("/compat/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    compat_install(release);
    ADD(qemus_own_list_agrees_row_by_row);
    ADD(the_newest_machine_type_gets_no_row);
    ADD(a_release_ships_a_row_with_the_later_of_its_two_dates);
    ADD(rows_of_one_property_agree_about_its_releases);
    ADD(a_machine_type_never_gets_a_row_newer_than_itself);
    ADD(the_mask_property_has_its_three_lives);
    ADD(of_several_changes_the_next_one_says_what_there_is);
    ADD(a_property_without_history_is_not_in_it);
    ADD(known_breakages_are_those_that_shipped_late);
    ADD(the_history_as_json_has_every_row);
    ADD(names_of_releases_read_back);
    ADD(advice_for_the_nine_pairs_is_the_storys);
    ADD(the_text_of_a_difference_says_what_where_and_since_when);
    ADD(equal_releases_differ_in_nothing);
    ADD(every_row_resolves);
    ADD(each_release_has_its_own_set_of_properties);
    return g_test_run();
}
