/* The ledger in a description, parameters and capabilities. */
#include <string.h>

#include "migration/capability.h"
#include "migration/ledger-internal.h"
#include "migration/migration.h"
#include "util/error.h"

static void check_extract(const char *text, const char *want)
{
    g_autofree char *quoted = g_strdelimit(g_strdup(text), "'", '"');
    g_autoptr(Json) ledger = ledger_extract(quoted, strlen(quoted));
    g_autofree char *got = ledger ? json_text(ledger, false) : NULL;

    g_assert_cmpstr(got, ==, want);
}

static void ledger_is_found_whatever_stands_around_it(void)
{
    check_extract("{'page_size': 4096, 'devices': [{'name': 'x', 'fields': [1, {'a': '}]'}]}], 'godwit': {'format': 1}}", "{\"format\": 1}");
    check_extract("{'godwit': {'format': 1}, 'devices': []}", "{\"format\": 1}");
    check_extract("{ 'page_size' : 4096, 'godwit' : { 'format' : 1 } }", "{\"format\": 1}");
    check_extract("{'a': true, 'b': null, 'c': -1.5e3, 'godwit': {}}", "{}");
}

static void description_without_a_ledger_has_none(void)
{
    check_extract("{'page_size': 4096, 'devices': []}", NULL);
    check_extract("{'devices': [{'godwit': {'format': 1}}]}", NULL);
    check_extract("{'xgodwit': {'format': 1}, 'godwit2': {}}", NULL);
    check_extract("{}", NULL);
    check_extract("", NULL);
}

static void broken_ledger_is_none(void)
{
    static const char whole[] = "{'page_size': 4096, 'x': 'a\\\\'b', 'godwit': {'format': 1, 'y': [1, 2]}}";

    check_extract("{'godwit': 5}", NULL);
    check_extract("{'godwit': {'format': }}", NULL);
    check_extract("{'godwit' {}}", NULL);
    check_extract("['godwit', {}]", NULL);
    for (size_t length = 0; length < sizeof(whole) - 2; length++) {
        g_autofree char *cut = g_strndup(whole, length);
        g_autofree char *quoted = g_strdelimit(cut ? g_strdup(cut) : NULL, "'", '"');
        g_autoptr(Json) ledger = ledger_extract(quoted, strlen(quoted));

        /* Once the ledger itself is whole, the bracket that ends the description is not missed. */
        g_assert_true(!ledger || length >= strlen(whole) - 1);
    }
}

static void check_parameters(const char *text, const char *want_error)
{
    g_autofree char *quoted = g_strdelimit(g_strdup(text), "'", '"');
    g_autoptr(Json) json = json_parse(quoted, -1, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_nonnull(json);
    migration_set_parameters(json, &error);
    g_assert_cmpstr(error ? error->message : "", ==, want_error);
}

static void parameters_are_refused_in_qemus_words(void)
{
    check_parameters("{'foo': 1}", "Parameter 'foo' is unexpected");
    check_parameters("{'max-bandwidth': 'x'}", "Parameter 'max-bandwidth' expects uint64");
    check_parameters("{'downtime-limit': 2000001}", "Parameter 'downtime_limit' expects an integer in the range of 0 to (2000 * 1000) ms");
    check_parameters("{'compress-level': 300}", "Parameter 'compress-level' expects uint8_t");
    check_parameters("{'compress-level': -1}", "Parameter 'compress-level' expects uint8_t");
    check_parameters("{'compress-level': 'x'}", "Parameter 'compress-level' expects uint64");
    check_parameters("{'compress-level': 10}", "Parameter 'compress_level' expects a value between 0 and 9");
    check_parameters("{'multifd-channels': 0}", "Parameter 'multifd_channels' expects a value between 1 and 255");
    check_parameters("{'xbzrle-cache-size': 4097}",
                     "Parameter 'xbzrle_cache_size' expects a power of two no less than the target page size");
    check_parameters("{'cpu-throttle-initial': 50, 'max-cpu-throttle': 40}",
                     "Parameter 'max_cpu_throttle' expects an integer in the range of cpu_throttle_initial to 99");
    check_parameters("{'announce-step': 0}", "Parameter 'announce_step' expects a value between 0 and 10000");
    check_parameters("{'tls-creds': 5}", "Invalid parameter type for 'tls-creds', expected: StrOrNull");
    check_parameters("{'multifd-compression': 'foo'}", "Parameter 'multifd-compression' does not accept value 'foo'");
    check_parameters("{'compress-wait-thread': 1}", "Invalid parameter type for 'compress-wait-thread', expected: boolean");
}

static void refused_parameters_change_nothing(void)
{
    g_autoptr(Json) before = migration_query_parameters(), after = NULL;

    check_parameters("{'max-bandwidth': 5, 'tls-hostname': 'h', 'downtime-limit': 9999999}",
                     "Parameter 'downtime_limit' expects an integer in the range of 0 to (2000 * 1000) ms");
    after = migration_query_parameters();
    g_assert_true(json_equal(before, after));
}

static void parameters_are_kept(void)
{
    g_autoptr(Json) after = NULL;

    check_parameters("{'max-bandwidth': 9223372036854775808, 'downtime-limit': 7, 'tls-creds': 'c', 'tls-hostname': null}", "");
    g_assert_cmpuint(parameter_max_bandwidth(), ==, 9223372036854775808ull);
    g_assert_cmpuint(parameter_downtime_limit(), ==, 7);
    after = migration_query_parameters();
    g_assert_cmpstr(json_member_string(after, "tls-creds", NULL), ==, "c");
    g_assert_cmpstr(json_member_string(after, "tls-hostname", NULL), ==, "");
    check_parameters("{'max-bandwidth': 134217728, 'downtime-limit': 300, 'tls-creds': ''}", "");
}

static void hmp_counts_bandwidth_in_mebibytes(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(migration_set_parameter_text("max-bandwidth", "10", NULL));
    g_assert_cmpuint(parameter_max_bandwidth(), ==, 10 << 20);
    g_assert_true(migration_set_parameter_text("max-bandwidth", "10k", NULL));
    g_assert_cmpuint(parameter_max_bandwidth(), ==, 10240);
    g_assert_false(migration_set_parameter_text("max-bandwidth", "x", &error));
    g_assert_cmpstr(error->message, ==, "Invalid size x");
    g_clear_error(&error);
    g_assert_false(migration_set_parameter_text("foo", "1", &error));
    g_assert_cmpstr(error->message, ==, "invalid parameter value: foo");
    g_assert_true(migration_set_parameter_text("max-bandwidth", "128", NULL));
}

static void capabilities_that_do_nothing_here_are_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Json) list = json_parse("[{\"capability\": \"events\", \"state\": true}, {\"capability\": \"multifd\", \"state\": true}]",
                                      -1, NULL);

    g_assert_false(migration_set_capabilities(list, &error));
    g_assert_cmpstr(error->message, ==, "Capability 'multifd' is not supported");
    g_assert_false(capability_is_on(CAPABILITY_EVENTS));
    g_clear_error(&error);
    g_assert_false(migration_set_capability_text("foo", true, &error));
    g_assert_cmpstr(error->message, ==, "invalid parameter value: foo");
    g_assert_true(migration_set_capability_text("multifd", false, NULL));
    g_assert_true(migration_set_capability_text("events", true, NULL));
    g_assert_true(capability_is_on(CAPABILITY_EVENTS));
    g_assert_true(migration_set_capability_text("events", false, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(fn) g_test_add_func("/ledger/" #fn, fn)
    ADD(ledger_is_found_whatever_stands_around_it);
    ADD(description_without_a_ledger_has_none);
    ADD(broken_ledger_is_none);
    ADD(parameters_are_refused_in_qemus_words);
    ADD(refused_parameters_change_nothing);
    ADD(parameters_are_kept);
    ADD(hmp_counts_bandwidth_in_mebibytes);
    ADD(capabilities_that_do_nothing_here_are_refused);
    return g_test_run();
}
