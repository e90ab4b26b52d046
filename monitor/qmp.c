/* The registry of QMP commands and events, and running one. */
#include "monitor/qmp.h"

#include <stdlib.h>
#include <string.h>

/* What the files registered; sorted copies are made at the first use. */
typedef struct Registry {
    GPtrArray *rows;
    bool sorted;
} Registry;

static Registry commands, events;

static void add(Registry *registry, const void *row)
{
    if (!registry->rows) {
        registry->rows = g_ptr_array_sized_new(256);
    }
    g_ptr_array_add(registry->rows, (void *)row);
    registry->sorted = false;
}

void qmp_register_commands(const QmpCommand *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add(&commands, &rows[i]);
    }
}

void qmp_register_events(const QmpEvent *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add(&events, &rows[i]);
    }
}

/* Rows begin with their name. */
static int by_name(const void *a, const void *b)
{
    return strcmp(**(const char *const *const *)a, **(const char *const *const *)b);
}

static void sort(Registry *registry)
{
    if (registry->rows && !registry->sorted) {
        qsort(registry->rows->pdata, registry->rows->len, sizeof(void *), by_name);
        registry->sorted = true;
    }
}

const QmpCommand *qmp_find_command(const char *name)
{
    const char *const *key = &name;
    void **found;

    sort(&commands);
    found = commands.rows ? bsearch(&key, commands.rows->pdata, commands.rows->len, sizeof(void *), by_name) : NULL;
    return found ? *found : NULL;
}

void qmp_foreach_command(void (*fn)(const QmpCommand *command, void *opaque), void *opaque)
{
    sort(&commands);
    for (guint i = 0; commands.rows && i < commands.rows->len; i++) {
        fn(commands.rows->pdata[i], opaque);
    }
}

void qmp_foreach_event(void (*fn)(const QmpEvent *event, void *opaque), void *opaque)
{
    sort(&events);
    for (guint i = 0; events.rows && i < events.rows->len; i++) {
        fn(events.rows->pdata[i], opaque);
    }
}

Json *qmp_run(const char *name, Json *args, Monitor *mon, GError **error)
{
    static const QmpType no_args = { .meta = QMP_META_STRUCT };
    const QmpCommand *command = qmp_find_command(name);
    g_autoptr(Json) empty = NULL;
    g_autoptr(GError) failed = NULL;
    Json *result;

    if (!command) {
        error_set_class(error, ERROR_CLASS_COMMAND_NOT_FOUND, "The command %s has not been found", name);
        return NULL;
    }
    if (!args) {
        args = empty = json_new_object();
    }
    if (!qmp_check(args, command->args ? command->args : &no_args, error)) {
        return NULL;
    }
    result = command->fn(args, mon, &failed);
    if (failed) {
        json_unref(result);
        g_propagate_error(error, g_steal_pointer(&failed));
        return NULL;
    }
    return result ? result : json_new_object();
}
