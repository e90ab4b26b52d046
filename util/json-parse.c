/*
 * Text to JSON values: RFC 8259, and single-quoted strings as QEMU takes them. Own code because json-c's parser takes
 * much that is not JSON (NaN, control characters, "1.", numbers out of range, a key given twice) and because what is
 * wrong is said in QEMU's words.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"
#include "util/json.h"

typedef struct Parser {
    const char *p, *end;
    GString *string; /* the last string read; one buffer for all */
    unsigned depth;
    GError **error;
} Parser;

static Json *parse_value(Parser *parser);

static void skip_space(Parser *parser)
{
    while (parser->p < parser->end && strchr(" \t\r\n", *parser->p) && *parser->p) {
        parser->p++;
    }
}

static bool at(const Parser *parser, char c)
{
    return parser->p < parser->end && *parser->p == c;
}

static bool accept(Parser *parser, char c)
{
    skip_space(parser);
    if (!at(parser, c)) {
        return false;
    }
    parser->p++;
    return true;
}

/* Fails with the reason, or with "premature EOI" if there is no more text. */
static bool fail(Parser *parser, const char *reason)
{
    return error_setf(parser->error, "JSON parse error, %s", parser->p < parser->end ? reason : "premature EOI");
}

/* Fails because of the bytes from start up to and including the one that can't be there. */
static bool fail_stray(Parser *parser, const char *start)
{
    const char *end = MIN(parser->p + 1, parser->end);
    int length = (int)MIN(end - start, 64);

    return error_setf(parser->error, "JSON parse error, stray '%.*s'", length, start);
}

static bool parse_hex4(const char *p, const char *end, gunichar *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int digit = p + i < end ? g_ascii_xdigit_value(p[i]) : -1;
        if (digit < 0) {
            return false;
        }
        *out = *out << 4 | (unsigned)digit;
    }
    return true;
}

/* The text after "\u"; NUL is refused, since strings here end at it. */
static bool parse_unicode(Parser *parser)
{
    const char *start = parser->p;
    gunichar c, low;

    if (!parse_hex4(start, parser->end, &c)) {
        goto bad;
    }
    parser->p += 4;
    if (c >= 0xd800 && c < 0xdc00) {
        const char *pair = parser->p;
        if (parser->end - pair < 6 || pair[0] != '\\' || pair[1] != 'u' || !parse_hex4(pair + 2, parser->end, &low) ||
            low < 0xdc00 || low > 0xdfff) {
            goto bad;
        }
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        parser->p += 6;
    } else if (c == 0 || (c >= 0xdc00 && c < 0xe000)) {
        goto bad;
    }
    g_string_append_unichar(parser->string, c);
    return true;
bad:
    return error_setf(parser->error, "JSON parse error, \\u%.*s is not a valid Unicode character",
                      (int)MIN(4, parser->end - start), start);
}

static bool parse_escape(Parser *parser)
{
    static const char letters[] = "\"'\\/bfnrt", values[] = "\"'\\/\b\f\n\r\t";
    const char *letter = parser->p < parser->end && *parser->p ? strchr(letters, *parser->p) : NULL;

    if (letter) {
        g_string_append_c(parser->string, values[letter - letters]);
        parser->p++;
        return true;
    }
    if (at(parser, 'u')) {
        parser->p++;
        return parse_unicode(parser);
    }
    return fail(parser, "invalid escape sequence in string");
}

/* At the opening quote; leaves the value in parser->string. */
static bool parse_string(Parser *parser)
{
    const char *start = parser->p;
    char quote = *parser->p++;

    g_string_truncate(parser->string, 0);
    while (parser->p < parser->end && (unsigned char)*parser->p >= 0x20) {
        if (*parser->p == quote) {
            parser->p++;
            if (!g_utf8_validate_len(parser->string->str, parser->string->len, NULL)) {
                return fail_stray(parser, start);
            }
            return true;
        }
        if (*parser->p == '\\') {
            parser->p++;
            if (!parse_escape(parser)) {
                return false;
            }
            continue;
        }
        const char *run = parser->p;
        while (parser->p < parser->end && (unsigned char)*parser->p >= 0x20 && *parser->p != quote &&
               *parser->p != '\\') {
            parser->p++;
        }
        g_string_append_len(parser->string, run, parser->p - run);
    }
    return fail_stray(parser, start);
}

static Json *string_value(const Parser *parser)
{
    return json_new_string_len(parser->string->str, parser->string->len);
}

static bool skip_digits(Parser *parser)
{
    const char *start = parser->p;

    while (parser->p < parser->end && g_ascii_isdigit(*parser->p)) {
        parser->p++;
    }
    return parser->p > start;
}

/* Steps over a number as the grammar has it. */
static bool scan_number(Parser *parser, bool *is_integer)
{
    *is_integer = true;
    if (at(parser, '-')) {
        parser->p++;
    }
    if (at(parser, '0')) {
        parser->p++;
    } else if (!skip_digits(parser)) {
        return false;
    }
    if (at(parser, '.')) {
        parser->p++;
        *is_integer = false;
        if (!skip_digits(parser)) {
            return false;
        }
    }
    if (at(parser, 'e') || at(parser, 'E')) {
        parser->p++;
        *is_integer = false;
        if (at(parser, '+') || at(parser, '-')) {
            parser->p++;
        }
        if (!skip_digits(parser)) {
            return false;
        }
    }
    return parser->p == parser->end || !(g_ascii_isalnum(*parser->p) || strchr("+-._", *parser->p));
}

/* Integers beyond 64 bits become doubles, as in QEMU. */
static Json *parse_number(Parser *parser)
{
    const char *start = parser->p;
    bool is_integer;

    if (!scan_number(parser, &is_integer)) {
        fail_stray(parser, start);
        return NULL;
    }
    g_string_truncate(parser->string, 0);
    g_string_append_len(parser->string, start, parser->p - start);
    const char *text = parser->string->str;
    if (is_integer) {
        errno = 0;
        int64_t number = g_ascii_strtoll(text, NULL, 10);
        if (errno == 0) {
            return json_new_int(number);
        }
        errno = 0;
        uint64_t big = g_ascii_strtoull(text, NULL, 10);
        if (errno == 0 && text[0] != '-') {
            return json_new_uint(big);
        }
    }
    double real = g_ascii_strtod(text, NULL);
    if (!isfinite(real)) {
        error_setf(parser->error, "JSON parse error, number out of range");
        return NULL;
    }
    return json_new_double(real);
}

static Json *parse_keyword(Parser *parser)
{
    const char *start = parser->p;

    while (parser->p < parser->end && g_ascii_islower(*parser->p)) {
        parser->p++;
    }
    size_t length = parser->p - start;
    if (length == 4 && memcmp(start, "true", 4) == 0) {
        return json_new_bool(true);
    }
    if (length == 5 && memcmp(start, "false", 5) == 0) {
        return json_new_bool(false);
    }
    if (length == 4 && memcmp(start, "null", 4) == 0) {
        return json_new_null();
    }
    error_setf(parser->error, "JSON parse error, invalid keyword '%.*s'", (int)MIN(length, 64), start);
    return NULL;
}

static bool parse_member(Parser *parser, Json *object)
{
    skip_space(parser);
    if (parser->p == parser->end) {
        return fail(parser, "");
    }
    if (!at(parser, '"') && !at(parser, '\'')) {
        return fail(parser, strchr("]},:", *parser->p) ? "expecting value" : "key is not a string in object");
    }
    if (!parse_string(parser)) {
        return false;
    }
    g_autofree char *key = g_strndup(parser->string->str, parser->string->len);
    if (!accept(parser, ':')) {
        return fail(parser, "missing : in object pair");
    }
    g_autoptr(Json) value = parse_value(parser);
    if (!value) {
        return false;
    }
    if (json_has(object, key)) {
        return error_setf(parser->error, "JSON parse error, duplicate key");
    }
    json_set(object, key, g_steal_pointer(&value));
    return true;
}

static Json *parse_object(Parser *parser)
{
    g_autoptr(Json) object = json_new_object();

    if (accept(parser, '}')) {
        return g_steal_pointer(&object);
    }
    do {
        if (!parse_member(parser, object)) {
            return NULL;
        }
    } while (accept(parser, ','));
    if (!accept(parser, '}')) {
        fail(parser, "expected separator in dict");
        return NULL;
    }
    return g_steal_pointer(&object);
}

static Json *parse_array(Parser *parser)
{
    g_autoptr(Json) array = json_new_array();

    if (accept(parser, ']')) {
        return g_steal_pointer(&array);
    }
    do {
        Json *value = parse_value(parser);
        if (!value) {
            return NULL;
        }
        json_append(array, value);
    } while (accept(parser, ','));
    if (!accept(parser, ']')) {
        fail(parser, "expected separator in list");
        return NULL;
    }
    return g_steal_pointer(&array);
}

static Json *parse_container(Parser *parser)
{
    if (parser->depth == JSON_MAX_DEPTH) {
        error_setf(parser->error, "JSON nesting depth limit exceeded");
        return NULL;
    }
    parser->depth++;
    Json *value = *parser->p++ == '{' ? parse_object(parser) : parse_array(parser);
    parser->depth--;
    return value;
}

static Json *parse_value(Parser *parser)
{
    skip_space(parser);
    if (parser->p == parser->end) {
        fail(parser, "");
        return NULL;
    }
    char c = *parser->p;
    if (c == '{' || c == '[') {
        return parse_container(parser);
    }
    if (c == '"' || c == '\'') {
        return parse_string(parser) ? string_value(parser) : NULL;
    }
    if (c == '-' || g_ascii_isdigit(c)) {
        return parse_number(parser);
    }
    if (g_ascii_islower(c)) {
        return parse_keyword(parser);
    }
    if (c == '}' || c == ']' || c == ',' || c == ':') {
        fail(parser, "expecting value");
    } else {
        fail_stray(parser, parser->p);
    }
    return NULL;
}

Json *json_parse(const char *text, gssize length, GError **error)
{
    Parser parser = { .p = text, .end = text + (length < 0 ? strlen(text) : (size_t)length), .error = error };

    parser.string = g_string_sized_new(64);
    Json *value = parse_value(&parser);
    g_string_free(parser.string, TRUE);
    if (!value) {
        return NULL;
    }
    skip_space(&parser);
    if (parser.p < parser.end) {
        json_unref(value);
        error_setf(error, "Expecting at most one JSON value");
        return NULL;
    }
    return value;
}
