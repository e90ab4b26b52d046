#include "util/trace.h"

#include <stdlib.h>
#include <string.h>

#include "util/log.h"

/* The linker makes these for a section whose name is an identifier; weak: a program may have no trace point. */
extern TracePoint *__start_tracepoints[] __attribute__((weak, visibility("hidden")));
extern TracePoint *__stop_tracepoints[] __attribute__((weak, visibility("hidden")));

void trace_emit(const TracePoint *point, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    log_write("%s %s\n", point->name, text);
}

bool trace_matches(const TracePoint *point, const char *pattern)
{
    /* GLib ends the process over a pattern that is no UTF-8. */
    return g_utf8_validate(pattern, -1, NULL) && g_pattern_match_simple(pattern, point->name);
}

unsigned trace_enable(const char *pattern, bool on)
{
    unsigned matched = 0;

    for (TracePoint **point = __start_tracepoints; point < __stop_tracepoints; point++) {
        if (trace_matches(*point, pattern)) {
            (*point)->enabled = on;
            matched++;
        }
    }
    return matched;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(TracePoint *const *)a)->name, (*(TracePoint *const *)b)->name);
}

void trace_foreach(void (*fn)(const TracePoint *point, void *opaque), void *opaque)
{
    size_t count = __stop_tracepoints - __start_tracepoints;

    if (count == 0) {
        return;
    }
    g_autofree TracePoint **sorted = g_memdup2(__start_tracepoints, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), compare_names);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(sorted[i]->name, sorted[i - 1]->name) != 0) {
            fn(sorted[i], opaque);
        }
    }
}
