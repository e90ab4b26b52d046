#include "util/error.h"

static void setting_an_error_returns_false_and_formats(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(error_setf(&error, "Bus '%s' not found", "b0"));
    g_assert_cmpstr(error->message, ==, "Bus 'b0' not found");
    g_assert_cmpstr(error_class_name(error), ==, "GenericError");
}

static void setting_no_error_is_allowed(void)
{
    g_assert_false(error_setf(NULL, "x"));
    g_assert_false(error_set_class(NULL, ERROR_CLASS_DEVICE_NOT_FOUND, "x"));
    g_assert_false(error_set_errno(NULL, ENOENT, "x"));
}

static void class_is_the_code(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(error_set_class(&error, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", "d"));
    g_assert_true(g_error_matches(error, GODWIT_ERROR, ERROR_CLASS_DEVICE_NOT_FOUND));
    g_assert_cmpstr(error_class_name(error), ==, "DeviceNotFound");
}

static void errno_text_is_appended_for_either_sign(void)
{
    g_autoptr(GError) positive = NULL, negative = NULL;

    error_set_errno(&positive, ENOENT, "open %s", "f");
    error_set_errno(&negative, -ENOENT, "open %s", "f");
    g_assert_cmpstr(positive->message, ==, "open f: No such file or directory");
    g_assert_cmpstr(negative->message, ==, positive->message);
}

static void foreign_error_is_generic(void)
{
    g_autoptr(GError) error = g_error_new(g_quark_from_static_string("other"), ERROR_CLASS_DEVICE_NOT_FOUND, "x");

    g_assert_cmpstr(error_class_name(error), ==, "GenericError");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/error/" #name, name)
    TEST(setting_an_error_returns_false_and_formats);
    TEST(setting_no_error_is_allowed);
    TEST(class_is_the_code);
    TEST(errno_text_is_appended_for_either_sign);
    TEST(foreign_error_is_generic);
    return g_test_run();
}
