/*
 * Trace points. A trace point is declared where it fires:
 *
 *     trace(virtio_queue_notify, "vdev %p queue %u", vdev, n);
 *
 * and is found under its name by `-trace 'virtio_*'`, `-trace help` and the monitor, with no list to keep in step: each
 * use leaves a record in its own linker section. A point that is off costs one load and a predicted branch.
 */
#ifndef UTIL_TRACE_H
#define UTIL_TRACE_H

#include <glib.h>
#include <stdbool.h>

typedef struct TracePoint {
    const char *name;
    const char *format;
    bool enabled;
} TracePoint;

void trace_emit(const TracePoint *point, const char *format, ...) G_GNUC_PRINTF(2, 3);

#define trace(point_name, fmt, ...)                                                         \
    do {                                                                                    \
        static TracePoint trace_record = { .name = #point_name, .format = fmt };            \
        static TracePoint *trace_entry __attribute__((section("tracepoints"), used)) = &trace_record; \
        (void)trace_entry;                                                                  \
        if (G_UNLIKELY(trace_record.enabled)) {                                             \
            trace_emit(&trace_record, fmt, ##__VA_ARGS__);                                  \
        }                                                                                   \
    } while (0)

/* Whether the point's name matches the glob; any bytes may stand there. */
bool trace_matches(const TracePoint *point, const char *pattern);
/* Turns every point on (or off) whose name matches the glob; returns how many matched. */
unsigned trace_enable(const char *pattern, bool on);

/* Calls fn for each distinct name, sorted. */
void trace_foreach(void (*fn)(const TracePoint *point, void *opaque), void *opaque);

#endif
