#include <string.h>

#include "hw/core/device.h"
#include "hw/core/globals.h"

#define TYPE_KNOB "test-knob"
OBJECT_DECLARE_SIMPLE_TYPE(Knob, KNOB)

struct Knob {
    DeviceState parent_obj;
    uint32_t depth, height;
};

static void knob_class_init(ObjectClass *klass, const void *data)
{
    static const Property props[] = {
        DEFINE_PROP_UINT32("depth", Knob, depth, 3),
        DEFINE_PROP_UINT32("height", Knob, height, 4),
    };

    object_class_add_props(klass, props, G_N_ELEMENTS(props));
}

static void fixed_class_init(ObjectClass *klass, const void *data)
{
    DEVICE_CLASS(klass)->hotpluggable = false;
}

static const TypeInfo test_types[] = {
    { .name = TYPE_KNOB, .parent = TYPE_DEVICE, .size = sizeof(Knob), .class_init = knob_class_init },
    { .name = "test-sub-knob", .parent = TYPE_KNOB },
    { .name = "test-bad-knob", .parent = TYPE_KNOB },
    { .name = "test-worse-knob", .parent = TYPE_KNOB },
    { .name = "test-fixed-knob", .parent = TYPE_KNOB, .class_init = fixed_class_init },
    { .name = "test-late-knob", .parent = TYPE_KNOB },
};
TYPES_REGISTER(test_types)

/* The list is the program's: each test adds for a type of its own, or runs apart. */

static bool apart(void)
{
    if (g_test_subprocess()) {
        return true;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    return false;
}

static void later_and_derived_win_in_order(void)
{
    Knob *sub, *knob;

    if (!apart()) {
        g_test_trap_assert_passed();
        return;
    }
    g_assert_true(global_parse("test-knob.depth=5", NULL));
    g_assert_true(global_parse("driver=test-sub-knob,property=depth,value=6", NULL));
    g_assert_true(global_parse("test-knob.height=0x10", NULL));
    g_assert_true(global_parse("test-knob.height=0x11", NULL));
    sub = KNOB(device_new("test-sub-knob"));
    knob = KNOB(device_new(TYPE_KNOB));
    g_assert_cmpuint(sub->depth, ==, 6);
    g_assert_cmpuint(sub->height, ==, 17);
    g_assert_cmpuint(knob->depth, ==, 5);
    g_assert_cmpint(object_property_origin(OBJECT(knob), "depth", NULL), ==, PROP_ORIGIN_GLOBAL);
    /* One that is added later reaches later objects. */
    object_unref(knob);
    g_assert_true(global_add(TYPE_KNOB, "depth", "9", NULL));
    knob = KNOB(device_new(TYPE_KNOB));
    g_assert_cmpuint(knob->depth, ==, 9);
    object_unref(knob);
    object_unref(sub);
}

static void bad_option_is_refused(void)
{
    static const char *const cases[][2] = {
        { "foo=1", "Invalid parameter 'foo'" },
        { ".bar=1", "Invalid parameter '.bar'" },
        { "foo.=1", "Invalid parameter 'foo.'" },
        { "foo.bar", "Invalid parameter 'foo.bar'" },
        { "driver=test-knob", "options 'driver', 'property', and 'value' are required" },
        { "driver=test-knob,property=bar", "options 'driver', 'property', and 'value' are required" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(global_parse(cases[i][0], &error));
        g_assert_cmpstr(error->message, ==, cases[i][1]);
    }
}

static void global_that_does_not_fit_fails_realize(void)
{
    g_autoptr(GError) error = NULL, worse = NULL;

    g_assert_true(global_parse("test-bad-knob.depth=abc", NULL));
    g_assert_false(device_realize_and_unref(device_new("test-bad-knob"), NULL, &error));
    g_assert_cmpstr(error->message, ==, "can't apply global test-bad-knob.depth=abc: Parameter 'depth' expects uint64");
    g_assert_true(global_parse("test-worse-knob.bar=1,2", NULL));
    g_assert_false(device_realize_and_unref(device_new("test-worse-knob"), NULL, &worse));
    g_assert_cmpstr(worse->message, ==,
                    "can't apply global test-worse-knob.bar=1,2: Property 'test-worse-knob.bar' not found");
}

static void hot_plugged_device_is_only_warned_about(void)
{
    g_autoptr(GError) error = NULL;

    if (!apart()) {
        g_test_trap_assert_passed();
        g_test_trap_assert_stderr("*warning: can't apply global test-late-knob.bar=1: "
                                  "Property 'test-late-knob.bar' not found\n*");
        return;
    }
    g_assert_true(global_parse("test-late-knob.bar=1", NULL));
    g_assert_true(global_parse("test-late-knob.depth=8", NULL));
    device_set_machine_ready();
    Knob *knob = KNOB(device_new("test-late-knob"));

    g_assert_cmpuint(knob->depth, ==, 8);
    g_assert_true(device_realize_and_unref(DEVICE(knob), NULL, &error));
}

static void unused_globals_are_warned_about(void)
{
    if (!apart()) {
        g_test_trap_assert_passed();
        g_test_trap_assert_stderr("*warning: global foo.bar has invalid class name\n"
                                  "*warning: global container.x has invalid class name\n"
                                  "*warning: global test-fixed-knob.depth=1 not used\n");
        g_test_trap_assert_stderr_unmatched("*test-knob*");
        return;
    }
    g_assert_true(global_parse("foo.bar=1", NULL));
    g_assert_true(global_parse("container.x=1", NULL));
    g_assert_true(global_parse("test-fixed-knob.depth=1", NULL));
    g_assert_true(global_parse("test-knob.depth=1", NULL));
    global_warn_unused();
}

static void used_global_is_not_warned_about(void)
{
    if (!apart()) {
        g_test_trap_assert_passed();
        g_test_trap_assert_stderr_unmatched("*warning*");
        return;
    }
    g_assert_true(global_parse("test-fixed-knob.depth=1", NULL));
    object_unref(device_new("test-fixed-knob"));
    global_warn_unused();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/globals/" #name, name)
    TEST(later_and_derived_win_in_order);
    TEST(bad_option_is_refused);
    TEST(global_that_does_not_fit_fails_realize);
    TEST(hot_plugged_device_is_only_warned_about);
    TEST(unused_globals_are_warned_about);
    TEST(used_global_is_not_warned_about);
    return g_test_run();
}
