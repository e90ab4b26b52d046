/* The JSON that goes with a stream, and -dump-vmstate's: written as it comes, with no tree in memory. */
#include <string.h>

#include "migration/vmstate.h"

/* A comma, unless this is the first in its brackets or the value of a name. */
static void separate(GString *json)
{
    char last = json->len ? json->str[json->len - 1] : '{';

    if (last != '{' && last != '[' && last != ' ') {
        g_string_append(json, ", ");
    }
}

/* Names of fields and descriptions are ours: no escapes are needed, and none are written for what isn't ASCII. */
static void append_quoted(GString *json, const char *text)
{
    g_string_append_c(json, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            g_string_append_c(json, '\\');
        }
        g_string_append_c(json, *text);
    }
    g_string_append_c(json, '"');
}

void vmdesc_name(GString *json, const char *name)
{
    separate(json);
    append_quoted(json, name);
    g_string_append(json, ": ");
}

void vmdesc_open(GString *json, char bracket)
{
    separate(json);
    g_string_append_c(json, bracket);
}

void vmdesc_close(GString *json, char bracket)
{
    g_string_append_c(json, bracket);
}

void vmdesc_string(GString *json, const char *name, const char *value)
{
    vmdesc_name(json, name);
    append_quoted(json, value);
}

void vmdesc_int(GString *json, const char *name, int64_t value)
{
    vmdesc_name(json, name);
    g_string_append_printf(json, "%" G_GINT64_FORMAT, value);
}

void vmdesc_respace(GString *json)
{
    GString *out = g_string_sized_new(json->len + json->len / 4);
    bool quoted = false;

    for (const char *p = json->str; *p; p++) {
        if (quoted && *p == '\\' && p[1]) {
            g_string_append_c(out, *p++);
        } else if (*p == '"') {
            quoted = !quoted;
        } else if (!quoted && (*p == '}' || *p == ']' || *p == ':')) {
            g_string_append_c(out, ' ');
        }
        g_string_append_c(out, *p);
        if (!quoted && (*p == '{' || *p == '[')) {
            g_string_append_c(out, ' ');
        }
    }
    g_string_assign(json, out->str);
    g_string_free(out, TRUE);
}

/* -dump-vmstate: pretty-printed, two blanks a level. */

static void G_GNUC_PRINTF(3, 4) dump_line(GString *out, int indent, const char *format, ...)
{
    va_list args;

    g_string_append_printf(out, "%*s", indent, "");
    va_start(args, format);
    g_string_append_vprintf(out, format, args);
    va_end(args);
}

static void dump_field(GString *out, const VMStateField *field, int indent)
{
    /* In QEMU a device has a pointer to its timer. */
    size_t size = field->kind == &vms_kind_timer ? sizeof(void *) : field->size;

    dump_line(out, indent, "{\n");
    dump_line(out, indent + 2, "\"field\": \"%s\",\n", field->name);
    dump_line(out, indent + 2, "\"version_id\": %d,\n", field->version_id);
    dump_line(out, indent + 2, "\"field_exists\": %s,\n", field->exists ? "true" : "false");
    dump_line(out, indent + 2, "\"size\": %zu", size);
    if (field->vmsd) {
        g_string_append(out, ",\n");
        vmdesc_dump(out, field->vmsd, indent + 2, false);
    }
    g_string_append(out, "\n");
    dump_line(out, indent, "}");
}

void vmdesc_dump(GString *out, const VMStateDescription *desc, int indent, bool is_subsection)
{
    bool first = true;

    dump_line(out, indent, is_subsection ? "{\n" : "\"Description\": {\n");
    dump_line(out, indent + 2, "\"name\": \"%s\",\n", desc->name);
    dump_line(out, indent + 2, "\"version_id\": %d,\n", desc->version_id);
    dump_line(out, indent + 2, "\"minimum_version_id\": %d", desc->minimum_version_id);
    if (desc->fields && desc->fields->name) {
        g_string_append(out, ",\n");
        dump_line(out, indent + 2, "\"Fields\": [\n");
        for (const VMStateField *field = desc->fields; field->name; field++) {
            if (!(field->flags & VMSF_MUST_EXIST)) { /* a check has nothing on the wire */
                g_string_append(out, first ? "" : ",\n");
                dump_field(out, field, indent + 4);
                first = false;
            }
        }
        g_string_append_c(out, '\n');
        dump_line(out, indent + 2, "]");
    }
    if (desc->subsections && *desc->subsections) {
        g_string_append(out, ",\n");
        dump_line(out, indent + 2, "\"Subsections\": [\n");
        for (int i = 0; desc->subsections[i]; i++) {
            vmdesc_dump(out, desc->subsections[i], indent + 4, true);
            g_string_append(out, desc->subsections[i + 1] ? ",\n" : "\n");
        }
        dump_line(out, indent + 2, "]");
    }
    g_string_append(out, "\n");
    dump_line(out, indent, "}");
}
