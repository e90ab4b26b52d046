/* Option texts: the two dialects, and values read back from them. */
#include "util/keyval.h"

#include "util/error.h"

static void assert_json(Json *value, const char *text)
{
    g_autofree char *got = value ? json_text(value, false) : NULL;

    g_assert_cmpstr(got, ==, text);
    json_unref(value);
}

static void assert_error(Json *value, GError **error, const char *text)
{
    g_assert_null(value);
    g_assert_nonnull(*error);
    g_assert_cmpstr((*error)->message, ==, text);
    g_clear_error(error);
}

static void flat_takes_an_implied_first_key(void)
{
    assert_json(keyval_parse_flat("socket,id=a,path=p", "backend", NULL, NULL),
                "{\"backend\": \"socket\", \"id\": \"a\", \"path\": \"p\"}");
    assert_json(keyval_parse_flat("backend=null,id=a", "backend", NULL, NULL), "{\"backend\": \"null\", \"id\": \"a\"}");
}

static void flat_undoes_doubled_commas(void)
{
    assert_json(keyval_parse_flat("a,,b,path=c,,,,d,x=,", "n", NULL, NULL),
                "{\"n\": \"a,b\", \"path\": \"c,,d\", \"x\": \"\"}");
}

static unsigned warned;
static void count_warning(const char *flag, const char *instead)
{
    warned++;
    g_assert_cmpstr(flag, ==, warned == 1 ? "server" : "nowait");
    g_assert_cmpstr(instead, ==, warned == 1 ? "server=on" : "wait=off");
}

static void flat_flags_are_on_and_off_with_a_warning(void)
{
    warned = 0;
    assert_json(keyval_parse_flat("path=p,server,nowait", NULL, count_warning, NULL),
                "{\"path\": \"p\", \"server\": \"on\", \"wait\": \"off\"}");
    g_assert_cmpuint(warned, ==, 2);
}

static void flat_last_of_a_repeated_key_wins(void)
{
    assert_json(keyval_parse_flat("a=1,b=2,a=3", NULL, NULL, NULL), "{\"b\": \"2\", \"a\": \"3\"}");
}

static void flat_id_must_be_an_identifier(void)
{
    GError *error = NULL;

    assert_error(keyval_parse_flat("id=1x", NULL, NULL, &error), &error,
                 "Parameter 'id' expects an identifier");
}

static void flat_text_comes_back_with_commas_doubled(void)
{
    g_autoptr(Json) opts = keyval_parse_flat("file=a,,b,id=x", NULL, NULL, NULL);
    g_autofree char *text = keyval_text(opts);

    g_assert_cmpstr(text, ==, "file=a,,b,id=x");
}

static void dots_nest_and_numbers_make_arrays(void)
{
    assert_json(keyval_parse("raw,file.driver=file,file.filename=a,,b,l.1=y,l.0=x,m.0.k=v", "driver", NULL, NULL),
                "{\"driver\": \"raw\", \"file\": {\"driver\": \"file\", \"filename\": \"a,b\"}, "
                "\"l\": [\"x\", \"y\"], \"m\": [{\"k\": \"v\"}]}");
}

static void nested_mistakes_have_qemus_words(void)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "d,foo", "Expected '=' after parameter 'foo'" },
        { "d,a.b=1,a=2", "Parameters 'a.*' used inconsistently" },
        { "d,a=1,a.b=2", "Parameters 'a.*' used inconsistently" },
        { "d,a.0=1,a.2=2", "Parameter 'a.1' missing" },
        { "d,a.0=1,a.b=2", "Parameters 'a.*' used inconsistently" },
        { "d,.a=3", "Invalid parameter '.a'" },
        { "d,a.=3", "Invalid parameter 'a.'" },
        { "d,9a=3", "Invalid parameter '9a'" },
        { "d,=3", "Invalid parameter ''" },
        { "d,0=3", "Invalid parameter '0'" },
        { "d,a b=3", "Invalid parameter 'a b'" },
        { "d,a.99999999=3", "Invalid parameter 'a.99999999'" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        GError *error = NULL;

        assert_error(keyval_parse(cases[i].text, "driver", NULL, &error), &error, cases[i].error);
    }
}

static void nested_help_is_a_flag_of_its_own(void)
{
    bool help = false;

    assert_json(keyval_parse("x,help", "driver", &help, NULL), "{\"driver\": \"x\"}");
    g_assert_true(help);
    help = false;
    assert_json(keyval_parse("?", "driver", &help, NULL), "{}");
    g_assert_true(help);
    help = false;
    assert_json(keyval_parse("x,a=help", "driver", &help, NULL), "{\"driver\": \"x\", \"a\": \"help\"}");
    g_assert_false(help);
}

static void braces_mean_json(void)
{
    bool json;

    assert_json(keyval_parse_or_json("{\"a\": 1}", "driver", &json, NULL, NULL), "{\"a\": 1}");
    g_assert_true(json);
    assert_json(keyval_parse_or_json("a=1", "driver", &json, NULL, NULL), "{\"a\": \"1\"}");
    g_assert_false(json);
}

static void sizes_have_suffixes_and_fractions(void)
{
    static const struct {
        const char *text;
        uint64_t unit, value;
    } good[] = {
        { "5", 1, 5 }, { "5b", 1, 5 }, { "5B", 1 << 20, 5 }, { "1.5k", 1, 1536 }, { "0x10", 1, 16 }, { "0x10k", 1, 16384 },
        { "1.k", 1, 1024 }, { "+1K", 1, 1024 }, { "010k", 1, 10240 }, { "64", 1 << 20, 64 << 20 }, { "15E", 1, UINT64_C(15) << 60 },
        { "1.5G", 1 << 20, UINT64_C(3) << 29 }, { "18446744073709551615", 1, UINT64_MAX }, { "1.5", 1 << 20, 3 << 19 },
    };
    static const char *const bad[] = { "", "abc", "-5", "1.5", "1e3", "1x", "1kk", ".5k", " 1", "0x1.5k", "1.5b", "k" };
    uint64_t value;

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_true(keyval_size("size", good[i].text, good[i].unit, &value, NULL));
        g_assert_cmpuint(value, ==, good[i].value);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(keyval_size("size", bad[i], 1, &value, NULL));
    }
}

static void sizes_beyond_64_bits_are_out_of_range(void)
{
    static const char *const big[] = { "16E", "99999999999999999999", "15.9999999999999999999E9", "20000000P" };
    uint64_t value;

    for (size_t i = 0; i < G_N_ELEMENTS(big); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(keyval_size("size", big[i], 1, &value, &error));
        if (i != 2) {
            g_autofree char *text = g_strdup_printf("Value '%s' is out of range for parameter 'size'", big[i]);
            g_assert_cmpstr(error->message, ==, text);
        }
    }
}

static void numbers_are_whole(void)
{
    static const char *const bad[] = { "", "1.5", " 1", "1e3", "x", "1k" };
    g_autoptr(GError) error = NULL;
    uint64_t value;

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(keyval_uint("fd", bad[i], &value, NULL));
    }
    g_assert_true(keyval_uint("fd", "0x10", &value, NULL));
    g_assert_cmpuint(value, ==, 16);
    g_assert_false(keyval_uint("fd", "18446744073709551616", &value, &error));
    g_assert_cmpstr(error->message, ==, "Value '18446744073709551616' is too large for parameter 'fd'");
}

static void check_refuses_what_the_table_does_not_have(void)
{
    static const KeyvalOption table[] = { { "a", KEYVAL_BOOL }, { "s", KEYVAL_SIZE } };
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "id=x,a=on,s=1k", NULL },
        { "b=1", "Invalid parameter 'b'" },
        { "a=maybe", "Parameter 'a' expects 'on' or 'off'" },
        { "=3", "Invalid parameter ''" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Json) opts = keyval_parse_flat(cases[i].text, NULL, NULL, NULL);
        g_autoptr(GError) error = NULL;

        g_assert_cmpint(keyval_check(opts, table, G_N_ELEMENTS(table), &error), ==, !cases[i].error);
        g_assert_cmpstr(error ? error->message : NULL, ==, cases[i].error);
    }
}

static void values_come_from_text_and_from_json(void)
{
    g_autoptr(Json) opts = json_parse("{\"a\": true, \"b\": \"off\", \"n\": 7, \"s\": \"2k\", \"l\": []}", -1, NULL);
    g_autoptr(GError) error = NULL;
    uint64_t n;
    bool b;

    g_assert_true(keyval_get_bool(opts, "a", false, &b, NULL) && b);
    g_assert_true(keyval_get_bool(opts, "b", true, &b, NULL) && !b);
    g_assert_true(keyval_get_bool(opts, "none", true, &b, NULL) && b);
    g_assert_true(keyval_get_uint(opts, "n", 0, &n, NULL) && n == 7);
    g_assert_true(keyval_get_size(opts, "s", 0, &n, NULL) && n == 2048);
    g_assert_false(keyval_get_uint(opts, "l", 0, &n, &error));
    g_assert_cmpstr(error->message, ==, "Invalid parameter type for 'l', expected: integer");
}

/* Whatever the text, either a value or an error. */
static void random_texts_never_crash(void)
{
    static const char alphabet[] = "a.0=,,{}k9-_id?help\"";
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);

    for (int i = 0; i < 100000; i++) {
        char text[24] = "";
        int len = g_rand_int_range(rand, 0, sizeof(text) - 1);
        GError *error = NULL;
        bool help;

        for (int k = 0; k < len; k++) {
            text[k] = alphabet[g_rand_int_range(rand, 0, sizeof(alphabet) - 1)];
        }
        for (int dialect = 0; dialect < 2; dialect++) {
            Json *value = dialect ? keyval_parse_or_json(text, i & 1 ? "x" : NULL, NULL, &help, &error)
                                  : keyval_parse_flat(text, i & 1 ? "x" : NULL, NULL, &error);

            g_assert_true((value != NULL) == (error == NULL));
            json_unref(value);
            g_clear_error(&error);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define T(name) g_test_add_func("/keyval/" #name, name)
    T(flat_takes_an_implied_first_key);
    T(flat_undoes_doubled_commas);
    T(flat_flags_are_on_and_off_with_a_warning);
    T(flat_last_of_a_repeated_key_wins);
    T(flat_id_must_be_an_identifier);
    T(flat_text_comes_back_with_commas_doubled);
    T(dots_nest_and_numbers_make_arrays);
    T(nested_mistakes_have_qemus_words);
    T(nested_help_is_a_flag_of_its_own);
    T(braces_mean_json);
    T(sizes_have_suffixes_and_fractions);
    T(sizes_beyond_64_bits_are_out_of_range);
    T(numbers_are_whole);
    T(check_refuses_what_the_table_does_not_have);
    T(values_come_from_text_and_from_json);
    T(random_texts_never_crash);
    return g_test_run();
}
