#include "util/json.h"

#include <string.h>

static char *round_trip(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Json) value = json_parse(text, -1, &error);

    return value ? json_text(value, false) : g_strdup(error->message);
}

#define assert_round_trip(text, expected)                   \
    do {                                                    \
        g_autofree char *result_ = round_trip(text);        \
        g_assert_cmpstr(result_, ==, expected);             \
    } while (0)

static void integers_are_exact_to_64_bits(void)
{
    assert_round_trip("[18446744073709551615, -9223372036854775808, 9223372036854775808, -0]",
                      "[18446744073709551615, -9223372036854775808, 9223372036854775808, 0]");
}

static void integers_beyond_64_bits_become_doubles(void)
{
    assert_round_trip("18446744073709551616", "1.8446744073709552e+19");
    assert_round_trip("-9223372036854775809", "-9.2233720368547758e+18");
}

static void doubles_have_17_digits(void)
{
    assert_round_trip("[0.1, 1.0, 1e10, -0.0, 1.5]", "[0.10000000000000001, 1, 10000000000, -0, 1.5]");
}

static void order_of_members_is_kept(void)
{
    assert_round_trip("{\"z\":1,\"a\":[2,{}],\"m\":null , \"b\":[]}",
                      "{\"z\": 1, \"a\": [2, {}], \"m\": null, \"b\": []}");
}

static void strings_are_printed_in_ascii(void)
{
    assert_round_trip("\"\\u00e9\\/\\u007f\\ud83d\\ude00\\u2028\xc3\xa9\\b\\f\\n\\r\\t\\u0001\\\\\\\"'\"",
                      "\"\\u00E9/\\u007F\\uD83D\\uDE00\\u2028\\u00E9\\b\\f\\n\\r\\t\\u0001\\\\\\\"'\"");
}

static void single_quotes_are_taken(void)
{
    assert_round_trip("{'a': 'x\\'\"'}", "{\"a\": \"x'\\\"\"}");
}

static void invalid_utf8_in_a_value_is_replaced_when_printed(void)
{
    g_autoptr(Json) value = json_new_string("a\xff" "b");
    g_autofree char *text = json_text(value, false);
    g_assert_cmpstr(text, ==, "\"a\\uFFFDb\"");
}

static void pretty_text_is_indented_by_four(void)
{
    g_autoptr(Json) value = json_parse("{\"a\":[1,[]],\"b\":{}}", -1, NULL);
    g_autofree char *text = json_text(value, true);
    g_assert_cmpstr(text, ==, "{\n    \"a\": [\n        1,\n        [\n        ]\n    ],\n    \"b\": {\n    }\n}");
}

static void what_is_no_json_is_refused_in_qemus_words(void)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        { "", "premature EOI" },
        { "  ", "premature EOI" },
        { "{\"a\":1", "premature EOI" },
        { "{", "premature EOI" },
        { "[1,", "premature EOI" },
        { "{\"a\":nope}", "invalid keyword 'nope'" },
        { "{\"a\" 1}", "missing : in object pair" },
        { "{\"a\":1,}", "expecting value" },
        { "{,}", "expecting value" },
        { "{\"a\":}", "expecting value" },
        { "[1,]", "expecting value" },
        { "}", "expecting value" },
        { "{1:2}", "key is not a string in object" },
        { "[1 2]", "expected separator in list" },
        { "{\"a\":1]", "expected separator in dict" },
        { "{\"a\":1,\"a\":2}", "duplicate key" },
        { "{\"a\":\"x\ty\"}", "stray '\"x\t'" },
        { "\"abc", "stray '\"abc'" },
        { "NaN", "stray 'N'" },
        { "%d", "stray '%'" },
        { "01", "stray '01'" },
        { "1.}", "stray '1.}'" },
        { "-", "stray '-'" },
        { "1e999", "number out of range" },
        { "\"\\x\"", "invalid escape sequence in string" },
        { "\"\\u12\"", "\\u12\" is not a valid Unicode character" },
        { "\"\\ud83d\"", "\\ud83d is not a valid Unicode character" },
        { "\"\\udc00\"", "\\udc00 is not a valid Unicode character" },
        { "\"\\u0000\"", "\\u0000 is not a valid Unicode character" },
        { "\"\xff\"", "stray '\"\xff\"'" },
        { "/**/1", "stray '/'" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *expected = g_strdup_printf("JSON parse error, %s", cases[i].reason);
        assert_round_trip(cases[i].text, expected);
    }
    assert_round_trip("{} 1", "Expecting at most one JSON value");
}

static void nul_in_the_text_is_refused(void)
{
    g_assert_null(json_parse("1\0", 2, NULL));
    g_assert_null(json_parse("\0", 1, NULL));
    g_assert_null(json_parse("\"a\0b\"", 5, NULL));
    g_assert_null(json_parse("[1\0]", 4, NULL));
}

static char *nested(unsigned depth)
{
    char *text = g_malloc(2 * depth + 1);

    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    text[2 * depth] = '\0';
    return text;
}

static void nesting_is_bounded(void)
{
    g_autofree char *most = nested(JSON_MAX_DEPTH), *more = nested(JSON_MAX_DEPTH + 1);
    g_autofree char *endless = g_strnfill(1000000, '[');
    g_autoptr(Json) value = json_parse(most, -1, NULL);

    g_assert_nonnull(value);
    assert_round_trip(more, "JSON nesting depth limit exceeded");
    assert_round_trip(endless, "JSON nesting depth limit exceeded");
}

static void null_is_a_value_and_absent_is_not(void)
{
    g_autoptr(Json) object = json_parse("{\"a\":null,\"b\":[null]}", -1, NULL);
    g_autoptr(Json) top = json_parse("null", -1, NULL);

    g_assert_cmpint(json_type(top), ==, JSON_NULL);
    g_assert_true(json_has(object, "a"));
    g_assert_cmpint(json_type(json_member(object, "a")), ==, JSON_NULL);
    g_assert_null(json_member(object, "c"));
    g_assert_cmpint(json_type(json_at(json_member(object, "b"), 0)), ==, JSON_NULL);
    json_set(object, "c", json_ref(top));
    g_assert_true(json_equal(json_member(object, "a"), json_member(object, "c")));
    g_autoptr(Json) copy = json_copy(top);
    g_assert_cmpint(json_type(copy), ==, JSON_NULL);
}

static void getters_are_strict_about_type_and_range(void)
{
    g_autoptr(Json) value = json_parse("[true, -1, 18446744073709551615, 1.0, \"7\", 5]", -1, NULL);
    bool flag;
    int64_t number;
    uint64_t big;
    double real;

    g_assert_true(json_get_bool(json_at(value, 0), &flag) && flag);
    g_assert_false(json_get_bool(json_at(value, 5), &flag));
    g_assert_true(json_get_int(json_at(value, 1), &number) && number == -1);
    g_assert_false(json_get_uint(json_at(value, 1), &big));
    g_assert_false(json_get_int(json_at(value, 2), &number));
    g_assert_true(json_get_uint(json_at(value, 2), &big) && big == UINT64_MAX);
    g_assert_false(json_get_int(json_at(value, 3), &number));
    g_assert_true(json_get_double(json_at(value, 2), &real) && real == 18446744073709551616.0);
    g_assert_true(json_get_double(json_at(value, 1), &real) && real == -1);
    g_assert_false(json_get_int(json_at(value, 4), &number));
    g_assert_null(json_get_string(json_at(value, 5)));
    g_assert_cmpstr(json_get_string(json_at(value, 4)), ==, "7");
}

static void setting_a_key_again_replaces_in_place(void)
{
    g_autoptr(Json) object = json_new_object();

    json_set(object, "a", json_new_int(1));
    json_set(object, "b", json_new_uint(UINT64_MAX));
    json_set(object, "a", json_new_printf("%d!", 3));
    g_autofree char *text = json_text(object, false);
    g_assert_cmpstr(text, ==, "{\"a\": \"3!\", \"b\": 18446744073709551615}");
    json_remove(object, "a");
    g_assert_cmpuint(json_count(object), ==, 1);
}

static void copy_is_deep(void)
{
    g_autoptr(Json) original = json_parse("{\"a\":{\"b\":[1,null]}}", -1, NULL);
    g_autoptr(Json) copy = json_copy(original);

    g_assert_true(json_equal(original, copy));
    json_set(json_member(copy, "a"), "c", json_new_bool(true));
    g_assert_false(json_equal(original, copy));
    g_assert_false(json_has(json_member(original, "a"), "c"));
}

static void member_shorthands_fall_back(void)
{
    g_autoptr(Json) object = json_parse("{\"s\":\"x\",\"i\":4,\"t\":true}", -1, NULL);

    g_assert_cmpstr(json_member_string(object, "s", "?"), ==, "x");
    g_assert_cmpstr(json_member_string(object, "i", "?"), ==, "?");
    g_assert_cmpint(json_member_int(object, "i", 9), ==, 4);
    g_assert_cmpint(json_member_int(object, "none", 9), ==, 9);
    g_assert_true(json_member_bool(object, "t", false));
    g_assert_true(json_member_bool(object, "s", true));
}

/* The stream's values and errors as lines. */
static void append_line(void *opaque, Json *value, const GError *error)
{
    GString *lines = opaque;

    if (value) {
        json_text_append(lines, value, false);
    } else {
        g_string_append_printf(lines, "! %s", error->message);
    }
    g_string_append_c(lines, '\n');
    json_unref(value);
}

static char *stream_lines(const char *text, size_t length, size_t chunk, size_t max_bytes)
{
    GString *lines = g_string_new(NULL);
    JsonStream *stream = json_stream_new(append_line, lines, max_bytes);

    for (size_t at = 0; at < length; at += chunk) {
        json_stream_feed(stream, text + at, MIN(chunk, length - at));
    }
    json_stream_free(stream);
    return g_string_free(lines, FALSE);
}

static void assert_stream(const char *text, const char *expected)
{
    for (size_t chunk = 1; chunk <= strlen(text); chunk++) {
        g_autofree char *lines = stream_lines(text, strlen(text), chunk, 1000);
        g_assert_cmpstr(lines, ==, expected);
    }
}

static void stream_takes_values_in_any_pieces(void)
{
    assert_stream("{\"a\":\n[1]} {\"b\":\"}\\\"{\"}[] 42 true\n'x\\'y' 7{}\n",
                  "{\"a\": [1]}\n{\"b\": \"}\\\"{\"}\n[]\n42\ntrue\n\"x'y\"\n7\n{}\n");
}

static void stream_goes_on_at_the_next_line_after_an_error(void)
{
    assert_stream("} {\"lost\":1}\n{\"a\":1}\n", "! JSON parse error, expecting value\n{\"a\": 1}\n");
    assert_stream("{\"a\":\"x\n{\"b\":2}\n", "! JSON parse error, stray '\"x\n'\n{\"b\": 2}\n");
    assert_stream("{\"a\":\"x\ty\"}} 1\n2\n", "! JSON parse error, stray '\"x\t'\n2\n");
}

static void stream_loses_no_more_than_a_wrong_value(void)
{
    assert_stream("{\"a\":nope} {\"b\":1}\n", "! JSON parse error, invalid keyword 'nope'\n{\"b\": 1}\n");
}

static void stream_without_newline_is_refused_at_the_limit(void)
{
    size_t length = 100 * 1000 * 1000;
    g_autofree char *flood = g_strnfill(length, 'a');

    flood[0] = '"';
    flood[length - 2] = '\n';
    flood[length - 1] = '3';
    gint64 start = g_get_monotonic_time();
    g_autofree char *lines = stream_lines(flood, length, 4096, 1 << 20);
    g_assert_cmpstr(lines, ==, "! JSON token size limit exceeded\n");
    g_assert_cmpint(g_get_monotonic_time() - start, <, 20 * G_USEC_PER_SEC);
}

static void stream_nesting_is_refused_at_once(void)
{
    g_autofree char *deep = g_strnfill(1000000, '{');

    memcpy(deep + 999990, "\n[1]", 4);
    g_autofree char *lines = stream_lines(deep, 999994, 4096, 1 << 30);
    g_assert_cmpstr(lines, ==, "! JSON nesting depth limit exceeded\n[1]\n");
}

static void stream_tokens_are_bounded(void)
{
    g_autoptr(GString) many = g_string_new("[[]");

    for (int i = 0; i < 300000; i++) {
        g_string_append(many, ",[]");
    }
    g_string_append(many, "]\n[5]\n");
    g_autofree char *lines = stream_lines(many->str, many->len, 4096, 1 << 30);
    g_assert_cmpstr(lines, ==, "! JSON token count limit exceeded\n[5]\n");
}

static void random_text_is_a_value_that_survives_or_an_error(void)
{
    static const char *const pieces[] = {
        "{",   "}",        "[",      "]",     ",",    ":",    "\"",
        "'",   "\"a\"",    "\"b\":", "1",     "-",    "0",    ".5",
        "e9",  "true",     "null",   "\\u00", "e9",   "\\",   "\n",
        " ",   "\xc3\xa9", "\xc3",   "\x80",  "\xff", "\x01", "18446744073709551615",
        "NaN", "%d",       "/*",
    };
    unsigned values = 0;

    for (int i = 0; i < 200000; i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        for (int n = g_test_rand_int_range(0, 9); n > 0; n--) {
            g_string_append(text, pieces[g_test_rand_int_range(0, G_N_ELEMENTS(pieces))]);
        }
        g_autoptr(GError) error = NULL;
        g_autoptr(Json) value = json_parse(text->str, (gssize)text->len, &error);
        g_assert_true(!value == (error != NULL));
        if (value) {
            g_autofree char *printed = json_text(value, i & 1);
            g_autoptr(Json) again = json_parse(printed, -1, NULL);
            g_assert_nonnull(again);
            g_autofree char *printed_again = json_text(again, i & 1);
            if (!strstr(printed, "-0")) { /* the double, an integer the next time; as in QEMU */
                g_assert_cmpstr(printed_again, ==, printed);
            }
            values++;
        }
    }
    g_assert_cmpuint(values, >, 100);
}

static void count_calls(void *opaque, Json *value, const GError *error)
{
    g_assert_true(!value == (error != NULL));
    (*(unsigned *)opaque)++;
    json_unref(value);
}

static void stream_of_random_bytes_never_loses_its_footing(void)
{
    unsigned calls = 0, before;
    JsonStream *stream = json_stream_new(count_calls, &calls, 4096);

    for (int i = 0; i < 2000; i++) {
        char bytes[64];
        for (size_t j = 0; j < sizeof(bytes); j++) {
            bytes[j] = (char)(g_test_rand_int_range(0, 3) ? "{}[]\"',: \n\\1a"[g_test_rand_int_range(0, 14)]
                                                          : g_test_rand_int());
        }
        json_stream_feed(stream, bytes, sizeof(bytes));
    }
    /* A line that can't be part of anything ends whatever was open; then a value is a value. */
    json_stream_feed(stream, "\"\n\"\n", 4);
    before = calls;
    json_stream_feed(stream, "]\n", 2);
    for (int i = 0; i < 3000; i++) {
        json_stream_feed(stream, "]]\n", 3);
    }
    g_assert_cmpuint(calls, >, before);
    before = calls;
    json_stream_feed(stream, "{}\n", 3);
    g_assert_cmpuint(calls, ==, before + 1);
    json_stream_free(stream);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/json/" #name, name)
    TEST(integers_are_exact_to_64_bits);
    TEST(integers_beyond_64_bits_become_doubles);
    TEST(doubles_have_17_digits);
    TEST(order_of_members_is_kept);
    TEST(strings_are_printed_in_ascii);
    TEST(single_quotes_are_taken);
    TEST(invalid_utf8_in_a_value_is_replaced_when_printed);
    TEST(pretty_text_is_indented_by_four);
    TEST(what_is_no_json_is_refused_in_qemus_words);
    TEST(nul_in_the_text_is_refused);
    TEST(nesting_is_bounded);
    TEST(null_is_a_value_and_absent_is_not);
    TEST(getters_are_strict_about_type_and_range);
    TEST(setting_a_key_again_replaces_in_place);
    TEST(copy_is_deep);
    TEST(member_shorthands_fall_back);
    TEST(stream_takes_values_in_any_pieces);
    TEST(stream_goes_on_at_the_next_line_after_an_error);
    TEST(stream_loses_no_more_than_a_wrong_value);
    TEST(stream_without_newline_is_refused_at_the_limit);
    TEST(stream_nesting_is_refused_at_once);
    TEST(stream_tokens_are_bounded);
    TEST(random_text_is_a_value_that_survives_or_an_error);
    TEST(stream_of_random_bytes_never_loses_its_footing);
    return g_test_run();
}
