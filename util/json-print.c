/*
 * JSON values to text, in the format of QEMU's QMP: ", " and ": ", all beyond ASCII as \u escapes, doubles in 17
 * digits.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "util/json.h"

static void append_codepoint(GString *out, gunichar c)
{
    if (c > 0xffff) {
        c -= 0x10000;
        g_string_append_printf(out, "\\u%04X\\u%04X", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
    } else {
        g_string_append_printf(out, "\\u%04X", c);
    }
}

static void append_control(GString *out, unsigned char c)
{
    static const char letters[32] = { ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't' };

    if (c < sizeof(letters) && letters[c]) {
        g_string_append_c(out, '\\');
        g_string_append_c(out, letters[c]);
    } else {
        append_codepoint(out, c);
    }
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void json_quote_append(GString *out, const char *text)
{
    const char *p = text;

    g_string_append_c(out, '"');
    while (*p) {
        const char *plain = p;
        while (is_plain(*p)) {
            p++;
        }
        g_string_append_len(out, plain, p - plain);
        if (!*p) {
            break;
        }
        if (*p == '"' || *p == '\\') {
            g_string_append_c(out, '\\');
            g_string_append_c(out, *p++);
        } else if ((unsigned char)*p < 0x80) {
            append_control(out, *p++);
        } else {
            gunichar c = g_utf8_get_char_validated(p, -1);
            bool valid = c < 0x110000; /* else it is one of two error values, which are above */
            append_codepoint(out, valid ? c : 0xfffd);
            p = valid ? g_utf8_next_char(p) : p + 1;
        }
    }
    g_string_append_c(out, '"');
}

static void append_number(GString *out, const Json *value)
{
    char text[40];
    uint64_t big;
    int64_t number;
    double real = 0;

    if (json_get_int(value, &number)) {
        snprintf(text, sizeof(text), "%" G_GINT64_FORMAT, number);
    } else if (json_get_uint(value, &big)) {
        snprintf(text, sizeof(text), "%" G_GUINT64_FORMAT, big);
    } else {
        json_get_double(value, &real);
        /* JSON has no word for these. */
        g_ascii_formatd(text, sizeof(text), "%.17g", isfinite(real) ? real : 0);
    }
    g_string_append(out, text);
}

typedef struct Printer {
    GString *out;
    int indent; /* of the line, -1: compact */
    bool first; /* no element of this container is out yet */
} Printer;

static void print(const Printer *outer, const Json *value);

static void new_line(const Printer *printer)
{
    g_string_append_c(printer->out, '\n');
    for (int i = 0; i < printer->indent; i++) {
        g_string_append(printer->out, "    ");
    }
}

static void separate(Printer *printer)
{
    if (printer->indent >= 0) {
        g_string_append(printer->out, printer->first ? "" : ",");
        new_line(printer);
    } else if (!printer->first) {
        g_string_append(printer->out, ", ");
    }
    printer->first = false;
}

static bool print_member(const char *key, Json *value, void *opaque)
{
    Printer *printer = opaque;

    separate(printer);
    json_quote_append(printer->out, key);
    g_string_append(printer->out, ": ");
    print(printer, value);
    return true;
}

static void print_container(const Printer *outer, const Json *value, bool is_object)
{
    Printer inner = { .out = outer->out, .indent = outer->indent < 0 ? -1 : outer->indent + 1, .first = true };

    g_string_append_c(outer->out, is_object ? '{' : '[');
    if (is_object) {
        json_foreach(value, print_member, &inner);
    } else {
        for (size_t i = 0; i < json_count(value); i++) {
            separate(&inner);
            print(&inner, json_at(value, i));
        }
    }
    if (outer->indent >= 0) {
        new_line(outer);
    }
    g_string_append_c(outer->out, is_object ? '}' : ']');
}

static void print(const Printer *printer, const Json *value)
{
    bool flag;

    switch (json_type(value)) {
    case JSON_NULL:
        g_string_append(printer->out, "null");
        break;
    case JSON_BOOL:
        g_string_append(printer->out, json_get_bool(value, &flag) && flag ? "true" : "false");
        break;
    case JSON_INT:
    case JSON_DOUBLE:
        append_number(printer->out, value);
        break;
    case JSON_STRING:
        json_quote_append(printer->out, json_get_string(value));
        break;
    case JSON_OBJECT:
    case JSON_ARRAY:
        print_container(printer, value, json_type(value) == JSON_OBJECT);
        break;
    }
}

void json_text_append(GString *out, const Json *value, bool pretty)
{
    Printer printer = { .out = out, .indent = pretty ? 0 : -1, .first = true };

    print(&printer, value);
}

char *json_text(const Json *value, bool pretty)
{
    GString *out = g_string_sized_new(128);

    json_text_append(out, value, pretty);
    return g_string_free(out, FALSE);
}
