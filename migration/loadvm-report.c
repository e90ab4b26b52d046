/* See loadvm-report.h. */
#include "loadvm-report.h"

#include "migration/vmstate.h"
#include "util/log.h"

char *loadvm_report(const GError *error, const char *notes)
{
    GString *text = g_string_new(error->message);
    char **lines;

    if (text->len) {
        g_string_append_c(text, '\n');
    }
    g_string_append_printf(text, "load of migration failed: %s", g_strerror(vmstate_error_errno(error)));
    if (notes && *notes) {
        g_string_append_printf(text, "\n%s", notes);
    }
    lines = g_strsplit(text->str, "\n", -1);
    for (int i = 0; lines[i]; i++) {
        error_report("%s", lines[i]);
    }
    g_strfreev(lines);
    return g_string_free(text, FALSE);
}
