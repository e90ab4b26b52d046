#include "util/trace.h"

#include <glib/gstdio.h>

#include "util/error.h"
#include "util/log.h"

static char *log_path;

static void fire(int n)
{
    trace(trace_test_beep, "n %d", n);
    trace(trace_test_silent, "n %d", n);
}

static void fire_elsewhere(void)
{
    trace(trace_test_beep, "elsewhere");
}

static char *take_log(void)
{
    char *text = NULL;

    g_assert_true(g_file_get_contents(log_path, &text, NULL, NULL));
    g_assert_true(log_set_file(log_path, NULL)); /* empties it */
    return text;
}

static void points_are_off_from_the_start(void)
{
    fire(1);
    g_autofree char *text = take_log();
    g_assert_cmpstr(text, ==, "");
}

static void pattern_enables_every_use_of_a_name(void)
{
    g_assert_cmpuint(trace_enable("trace_test_b*", true), ==, 2);
    fire(2);
    fire_elsewhere();
    g_autofree char *text = take_log();
    g_assert_cmpstr(text, ==, "trace_test_beep n 2\ntrace_test_beep elsewhere\n");
    g_assert_cmpuint(trace_enable("trace_test_*", false), ==, 3);
    fire(3);
    g_autofree char *after = take_log();
    g_assert_cmpstr(after, ==, "");
}

static void unknown_name_matches_nothing(void)
{
    g_assert_cmpuint(trace_enable("no_such_point", true), ==, 0);
}

static void collect(const TracePoint *point, void *names)
{
    if (g_str_has_prefix(point->name, "trace_test_")) {
        g_string_append_printf(names, "%s;", point->name);
    }
}

static void pattern_that_is_no_text_matches_nothing(void)
{
    g_assert_cmpuint(trace_enable("trace_te\xf1*p", true), ==, 0);
}

static void names_are_listed_once_and_sorted(void)
{
    g_autoptr(GString) names = g_string_new(NULL);

    trace_foreach(collect, names);
    g_assert_cmpstr(names->str, ==, "trace_test_beep;trace_test_silent;");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_close(g_file_open_tmp("trace-XXXXXX", &log_path, NULL), NULL);
    g_assert_true(log_set_file(log_path, NULL));
#define TEST(name) g_test_add_func("/trace/" #name, name)
    TEST(points_are_off_from_the_start);
    TEST(pattern_enables_every_use_of_a_name);
    TEST(unknown_name_matches_nothing);
    TEST(pattern_that_is_no_text_matches_nothing);
    TEST(names_are_listed_once_and_sorted);
    int status = g_test_run();
    g_unlink(log_path);
    g_free(log_path);
    return status;
}
