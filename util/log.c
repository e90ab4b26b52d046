#include "util/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/error.h"
#include "util/trace.h"

unsigned log_mask;

static const char *program_name = "godwit";
static const char *context; /* "-device foo" */
static bool timestamps;
static FILE *log_file; /* NULL: stderr */

static const struct {
    const char *name;
    unsigned mask;
} log_items[] = {
    { "guest_errors", LOG_GUEST_ERROR }, { "unimp", LOG_UNIMP }, { "int", LOG_INT },
    { "cpu_reset", LOG_RESET },          { "all", ~0u },         { "none", 0 },
};

void log_set_program_name(const char *name)
{
    program_name = name;
}

const char *log_program_name(void)
{
    return program_name;
}

const char *log_context(void)
{
    return context;
}

void log_set_context(const char *text)
{
    context = text;
}

void log_set_timestamps(bool on)
{
    timestamps = on;
}

/* A line goes out in one write, so that those of several threads do not mix. */
static void G_GNUC_PRINTF(2, 0) report(const char *kind, const char *format, va_list args)
{
    g_autoptr(GString) line = g_string_new(NULL);

    if (timestamps) {
        g_autoptr(GDateTime) now = g_date_time_new_now_utc();
        g_autofree char *text = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
        g_string_append_printf(line, "%s.%06dZ ", text, g_date_time_get_microsecond(now));
    }
    g_string_append_printf(line, "%s: ", program_name);
    if (context) {
        g_string_append_printf(line, "%s: ", context);
    }
    g_string_append(line, kind);
    g_string_append_vprintf(line, format, args);
    g_string_append_c(line, '\n');
    fflush(stdout);
    fwrite(line->str, 1, line->len, stderr);
}

void error_report(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report("", format, args);
    va_end(args);
}

void warn_report(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report("warning: ", format, args);
    va_end(args);
}

void info_report(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report("info: ", format, args);
    va_end(args);
}

void log_write(const char *format, ...)
{
    FILE *out = log_file ? log_file : stderr;
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    size_t length = strlen(text);

    flockfile(out);
    fwrite(text, 1, length, out);
    if (length == 0 || text[length - 1] != '\n') {
        putc('\n', out);
    }
    fflush(out);
    funlockfile(out);
}

static bool parse_item(const char *item, unsigned *mask, GError **error)
{
    if (g_str_has_prefix(item, "trace:")) {
        trace_enable(item + strlen("trace:"), true);
        *mask |= LOG_TRACE;
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(log_items); i++) {
        if (strcmp(item, log_items[i].name) == 0) {
            *mask |= log_items[i].mask;
            return true;
        }
    }
    return error_setf(error, "'%s' is no log item; there are: guest_errors, unimp, int, cpu_reset, trace:PATTERN, all",
                      item);
}

void log_help(GString *out)
{
    for (size_t i = 0; i < G_N_ELEMENTS(log_items); i++) {
        g_string_append_printf(out, "%s\n", log_items[i].name);
    }
}

bool log_set_mask(const char *items, GError **error)
{
    g_auto(GStrv) list = g_strsplit(items, ",", -1);
    unsigned mask = 0;

    for (char **item = list; *item; item++) {
        if (!parse_item(*item, &mask, error)) {
            return false;
        }
    }
    log_mask = mask;
    return true;
}

/* "%d" in a log file's name is the process id; it may stand there once and nothing else may. */
static char *expand_pid(const char *path, GError **error)
{
    const char *percent = strchr(path, '%');

    if (!percent) {
        return g_strdup(path);
    }
    if (percent[1] != 'd' || strchr(percent + 1, '%')) {
        error_setf(error, "Bad logfile template: %s", path);
        return NULL;
    }
    return g_strdup_printf("%.*s%d%s", (int)(percent - path), path, (int)getpid(), percent + 2);
}

bool log_set_file(const char *path, GError **error)
{
    g_autofree char *name = expand_pid(path, error);

    if (!name) {
        return false;
    }
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        return error_set_errno(error, errno, "Error opening logfile %s", name);
    }
    if (log_file) {
        fclose(log_file);
    }
    log_file = file;
    return true;
}
