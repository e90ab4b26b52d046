/* The registry of sections: their order, their names and numbers. */
#include <string.h>

#include "migration/registry.h"

static const VMStateDescription plain = { .name = "plain", .version_id = 3 };
static const VMStateDescription bridge = { .name = "bridge", .version_id = 1, .priority = MIG_PRI_PCI_BUS };
static const VMStateDescription stuck = { .name = "stuck", .version_id = 1, .unmigratable = true };
static const SaveHandlers handlers = { .setup = NULL };

static bool collect(Section *section, void *opaque)
{
    g_string_append_printf(opaque, "%s/%u ", section->idstr, section->instance_id);
    return true;
}

static void check_order(const char *want)
{
    g_autoptr(GString) got = g_string_new(NULL);

    registry_foreach(collect, got);
    g_assert_cmpstr(got->str, ==, want);
}

static void sections_go_by_priority_then_by_registration(void)
{
    int a, b, c, d;

    g_assert_true(vmstate_register(NULL, 0, &plain, &a, NULL));
    g_assert_true(vmstate_register("0000:00:02.0", 0, &bridge, &b, NULL));
    g_assert_true(savevm_register("late", 0, 4, &handlers, &c, NULL));
    g_assert_true(vmstate_register("0000:00:01.0", 0, &bridge, &d, NULL));
    check_order("0000:00:02.0/bridge/0 0000:00:01.0/bridge/0 plain/0 late/0 ");
    vmstate_unregister(&plain, &a);
    vmstate_unregister(&bridge, &b);
    savevm_unregister("late", &c);
    vmstate_unregister(&bridge, &d);
    check_order("");
}

static void instances_are_numbered_by_name(void)
{
    int owner[5];

    for (int i = 0; i < 3; i++) {
        g_assert_true(vmstate_register(NULL, -1, &plain, &owner[i], NULL));
    }
    g_assert_true(vmstate_register("x", -1, &plain, &owner[3], NULL));
    check_order("plain/0 plain/1 plain/2 x/plain/0 ");
    vmstate_unregister(&plain, &owner[2]);
    vmstate_unregister(&plain, &owner[0]);
    g_assert_true(vmstate_register(NULL, -1, &plain, &owner[4], NULL));
    check_order("plain/1 x/plain/0 plain/2 ");
    vmstate_unregister(&plain, &owner[1]);
    vmstate_unregister(&plain, &owner[3]);
    vmstate_unregister(&plain, &owner[4]);
}

static void the_same_name_and_instance_twice_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    int a, b;

    g_assert_true(vmstate_register(NULL, 5, &plain, &a, NULL));
    g_assert_false(vmstate_register(NULL, 5, &plain, &b, &error));
    g_assert_cmpstr(error->message, ==, "there is already a section 'plain' with instance 5");
    check_order("plain/5 ");
    vmstate_unregister(&plain, &a);
}

static void name_that_does_not_fit_a_byte_of_length_is_refused(void)
{
    g_autofree char *path = g_strnfill(255 - strlen("/plain"), 'x'), *too_long = g_strnfill(256 - strlen("/plain"), 'x');
    g_autoptr(GError) error = NULL;
    int a, b;

    g_assert_true(vmstate_register(path, 0, &plain, &a, NULL));
    g_assert_false(vmstate_register(too_long, 0, &plain, &b, &error));
    g_assert_nonnull(strstr(error->message, "255"));
    vmstate_unregister(&plain, &a);
}

static void section_is_found_by_name_and_instance(void)
{
    int a, b;
    Section *section;

    g_assert_true(vmstate_register("p", 7, &plain, &a, NULL));
    g_assert_true(savevm_register("ram", 0, 4, &handlers, &b, NULL));
    section = registry_find("p/plain", 7);
    g_assert_true(section && section->opaque == &a && section->version_id == 3);
    g_assert_null(registry_find("p/plain", 0));
    g_assert_null(registry_find("plain", 7));
    g_assert_true(registry_find("ram", 0)->handlers == &handlers);
    vmstate_unregister(&plain, &a);
    savevm_unregister("ram", &b);
    g_assert_null(registry_find("p/plain", 7));
}

static void section_ids_are_never_used_again(void)
{
    int a;
    uint32_t first;

    g_assert_true(vmstate_register(NULL, 0, &plain, &a, NULL));
    first = registry_find("plain", 0)->section_id;
    vmstate_unregister(&plain, &a);
    g_assert_true(vmstate_register(NULL, 0, &plain, &a, NULL));
    g_assert_cmpuint(registry_find("plain", 0)->section_id, ==, first + 1);
    vmstate_unregister(&plain, &a);
    registry_skip_ids(1000);
    g_assert_true(vmstate_register(NULL, 0, &plain, &a, NULL));
    g_assert_cmpuint(registry_find("plain", 0)->section_id, ==, 1000);
    vmstate_unregister(&plain, &a);
}

static void device_that_cannot_be_saved_is_found(void)
{
    int a;

    g_assert_null(registry_unmigratable());
    g_assert_true(vmstate_register("p", 0, &stuck, &a, NULL));
    g_assert_cmpstr(registry_unmigratable()->idstr, ==, "p/stuck");
    vmstate_unregister(&stuck, &a);
    g_assert_null(registry_unmigratable());
}

static void ten_thousand_sections_cost_no_search_each(void)
{
    enum { N = 10000 };
    static char owner[N];
    int64_t start = g_get_monotonic_time();

    for (int i = 0; i < N; i++) {
        g_assert_true(vmstate_register(NULL, -1, &plain, &owner[i], NULL));
    }
    for (int i = 0; i < N; i++) {
        g_assert_true(registry_find("plain", i)->opaque == &owner[i]);
    }
    for (int i = 0; i < N; i++) {
        vmstate_unregister(&plain, &owner[i]);
    }
    /* A search each would be 10^8 comparisons; this is for a loaded machine under a sanitizer. */
    g_assert_cmpint(g_get_monotonic_time() - start, <, 3000000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(fn) g_test_add_func("/registry/" #fn, fn)
    ADD(sections_go_by_priority_then_by_registration);
    ADD(instances_are_numbered_by_name);
    ADD(the_same_name_and_instance_twice_is_refused);
    ADD(name_that_does_not_fit_a_byte_of_length_is_refused);
    ADD(section_is_found_by_name_and_instance);
    ADD(section_ids_are_never_used_again);
    ADD(device_that_cannot_be_saved_is_found);
    ADD(ten_thousand_sections_cost_no_search_each);
    return g_test_run();
}
