#include "util/log.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What `fn` writes to stderr. */
static char *captured(void (*fn)(void))
{
    g_autofree char *path = NULL;
    char *text = NULL;
    int fd = g_file_open_tmp("log-XXXXXX", &path, NULL), saved = dup(STDERR_FILENO);

    fflush(stderr);
    dup2(fd, STDERR_FILENO);
    fn();
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(fd);
    close(saved);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_unlink(path);
    return text;
}

static void report_one(void)
{
    error_report("no %d", 7);
    warn_report("hm");
}

static void reports_begin_with_the_program_name(void)
{
    log_set_program_name("godwit-8.0");
    g_autofree char *text = captured(report_one);
    g_assert_cmpstr(text, ==, "godwit-8.0: no 7\ngodwit-8.0: warning: hm\n");
}

static void timestamps_are_utc_with_microseconds(void)
{
    log_set_timestamps(true);
    g_autofree char *text = captured(report_one);
    log_set_timestamps(false);
    g_assert_true(
        g_regex_match_simple("^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z godwit-8.0: no 7\n", text, 0, 0));
}

static void guest_mistake(void)
{
    log_guest_error("bad register %x", 0x1c);
}

static void guest_errors_are_silent_unless_asked_for(void)
{
    g_autofree char *silent = captured(guest_mistake);
    g_assert_cmpstr(silent, ==, "");
    g_assert_true(log_set_mask("unimp,guest_errors", NULL));
    g_assert_cmpuint(log_mask, ==, LOG_GUEST_ERROR | LOG_UNIMP);
    g_autofree char *heard = captured(guest_mistake);
    g_assert_cmpstr(heard, ==, "bad register 1c\n");
}

static void unknown_item_is_refused_and_changes_nothing(void)
{
    g_autoptr(GError) error = NULL;
    unsigned before = log_mask;

    g_assert_false(log_set_mask("int,nonsense", &error));
    g_assert_nonnull(strstr(error->message, "'nonsense'"));
    g_assert_cmpuint(log_mask, ==, before);
}

static void log_goes_to_the_file_with_the_process_id_in_its_name(void)
{
    g_autofree char *dir = g_dir_make_tmp("log-XXXXXX", NULL), *text = NULL;
    g_autofree char *template = g_strdup_printf("%s/%%d.log", dir);
    g_autofree char *path = g_strdup_printf("%s/%d.log", dir, (int)getpid());

    g_assert_true(log_set_file(template, NULL));
    log_write("hello");
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "hello\n");
    g_unlink(path);
    g_rmdir(dir);
}

static void bad_log_files_are_refused(void)
{
    g_autoptr(GError) template = NULL, missing = NULL;

    g_assert_false(log_set_file("/tmp/%x", &template));
    g_assert_cmpstr(template->message, ==, "Bad logfile template: /tmp/%x");
    g_assert_false(log_set_file("/nonexistent/log", &missing));
    g_assert_cmpstr(missing->message, ==, "Error opening logfile /nonexistent/log: No such file or directory");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/log/" #name, name)
    TEST(reports_begin_with_the_program_name);
    TEST(timestamps_are_utc_with_microseconds);
    TEST(guest_errors_are_silent_unless_asked_for);
    TEST(unknown_item_is_refused_and_changes_nothing);
    TEST(bad_log_files_are_refused);
    TEST(log_goes_to_the_file_with_the_process_id_in_its_name);
    return g_test_run();
}
