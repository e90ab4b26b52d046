/*
 * QMP: the machine-readable control protocol.
 *
 * A command is a row of a table and a function; tables are registered before main() by QMP_COMMANDS(), so that each file
 * monitor/qmp-*.c has its own. Rows say which arguments there are; they are checked before the function is called, and
 * query-commands and query-qmp-schema are made of them.
 *
 *     static Json *device_del_cmd(Json *args, Monitor *mon, GError **error)
 *     {
 *         device_del(json_member_string(args, "id", NULL), error);
 *         return NULL;
 *     }
 *
 *     static const QmpCommand commands[] = {
 *         { "device_del", device_del_cmd, QMP_ARGS({ "id", &qmp_str }) },
 *         { "query-name", query_name, NULL, &qmp_name_info },
 *     };
 *     QMP_COMMANDS(commands)
 *
 * Types are const tables too:
 *
 *     QMP_ENUM(status_values, "Status", "running", "paused");
 *     QMP_STRUCT(name_info, "NameInfo", { "name", &qmp_str, QMP_OPTIONAL });
 *     QMP_LIST(name_infos, name_info);
 */
#ifndef MONITOR_QMP_H
#define MONITOR_QMP_H

#include <stddef.h>

#include "util/error.h"
#include "util/json.h"

typedef struct Monitor Monitor;
typedef struct QmpType QmpType;

enum {
    QMP_OPTIONAL = 1 << 0,      /* a member that may be absent */
    QMP_DEPRECATED = 1 << 1,
    QMP_UNSTABLE = 1 << 2,
    QMP_OOB = 1 << 3,           /* a command that exec-oob may run */
    QMP_NO_REPLY = 1 << 4,      /* a command that answers only when it fails */
    QMP_PRECONFIG = 1 << 5,     /* a command that works before the machine exists */
};

typedef struct QmpMember {
    const char *name;           /* NULL: the end */
    const QmpType *type;
    unsigned flags;             /* QMP_OPTIONAL, QMP_DEPRECATED, QMP_UNSTABLE */
    const char *feature;        /* further feature flags, separated by commas, or NULL */
} QmpMember;

typedef enum { QMP_META_BUILTIN, QMP_META_ENUM, QMP_META_STRUCT, QMP_META_LIST, QMP_META_ALTERNATE } QmpMeta;

typedef enum {
    QMP_KIND_STR, QMP_KIND_BOOL, QMP_KIND_NUMBER, QMP_KIND_INT, QMP_KIND_INT8, QMP_KIND_INT16, QMP_KIND_INT32,
    QMP_KIND_UINT8, QMP_KIND_UINT16, QMP_KIND_UINT32, QMP_KIND_UINT64, QMP_KIND_SIZE, QMP_KIND_ANY, QMP_KIND_NULL,
} QmpKind;

struct QmpType {
    const char *name;
    QmpMeta meta;
    QmpKind kind;               /* builtin */
    const char *const *values;  /* enum, NULL-terminated */
    const char *const *value_features; /* enum: "value=feature", NULL-terminated, or NULL */
    const QmpMember *members;   /* struct; alternate (their names are only for the reader) */
    const QmpType *base;        /* struct: its members come first */
    const char *tag;            /* struct: the enum member that chooses a variant */
    const QmpMember *variants;  /* struct: tag value and struct type; a value without one adds nothing */
    const QmpType *element;     /* list */
    const char *feature;        /* struct: a feature flag, or NULL */
    bool open;                  /* struct: members that are not declared are let through (device_add) */
};

extern const QmpType qmp_str, qmp_bool, qmp_number, qmp_int, qmp_int8, qmp_int16, qmp_int32, qmp_uint8, qmp_uint16,
    qmp_uint32, qmp_uint64, qmp_size, qmp_any, qmp_null;
extern const QmpType qmp_strs, qmp_ints, qmp_uint8s, qmp_uint32s;  /* lists */

#define QMP_MEMBERS(...) (const QmpMember[]){ __VA_ARGS__, { NULL } }
#define QMP_ENUM(ident, type_name, ...)                                                                         \
    static const QmpType qmp_##ident = {                                                                        \
        .name = type_name, .meta = QMP_META_ENUM, .values = (const char *const[]){ __VA_ARGS__, NULL } }
#define QMP_STRUCT(ident, type_name, ...)                                                                       \
    static const QmpType qmp_##ident = {                                                                        \
        .name = type_name, .meta = QMP_META_STRUCT, .members = QMP_MEMBERS(__VA_ARGS__) }
#define QMP_LIST(ident, of)                                                                                     \
    static const QmpType qmp_##ident = { .meta = QMP_META_LIST, .element = &qmp_##of }
/* In a row: the arguments, as members of a type without a name. */
#define QMP_ARGS(...) &(const QmpType){ .meta = QMP_META_STRUCT, .members = QMP_MEMBERS(__VA_ARGS__) }

/*
 * Runs a command: args is an object that was checked (empty if there are none), lent for the call. An error is a set
 * *error; otherwise the result is the caller's, NULL meaning {}. `mon` is the monitor that asked, NULL for none.
 */
typedef Json *(*QmpFn)(Json *args, Monitor *mon, GError **error);

typedef struct QmpCommand {
    const char *name;
    QmpFn fn;
    const QmpType *args;        /* NULL: none */
    const QmpType *returns;     /* NULL: nothing */
    unsigned flags;
    const char *feature;        /* further feature flags, separated by commas, or NULL */
} QmpCommand;

typedef struct QmpEvent {
    const char *name;
    const QmpType *args;        /* NULL: none */
    unsigned flags;
} QmpEvent;

void qmp_register_commands(const QmpCommand *commands, size_t count);
void qmp_register_events(const QmpEvent *events, size_t count);

#define QMP_COMMANDS(table)                                                                                     \
    static void __attribute__((constructor)) qmp_register_table_##table(void)                                         \
    {                                                                                                           \
        qmp_register_commands(table, G_N_ELEMENTS(table));                                                      \
    }
/* Events that query-qmp-schema tells of; they are sent by event_emit() (system/runstate.h). */
#define QMP_EVENTS(table)                                                                                       \
    static void __attribute__((constructor)) qmp_register_table_##table(void)                                         \
    {                                                                                                           \
        qmp_register_events(table, G_N_ELEMENTS(table));                                                        \
    }

const QmpCommand *qmp_find_command(const char *name);
/* In order of name. */
void qmp_foreach_command(void (*fn)(const QmpCommand *command, void *opaque), void *opaque);
void qmp_foreach_event(void (*fn)(const QmpEvent *event, void *opaque), void *opaque);

/* Checks the arguments and runs the command, as QMP would; args may be NULL. For HMP and tests. */
Json *qmp_run(const char *name, Json *args, Monitor *mon, GError **error);

/* Whether value is of the type, in QEMU's words: "Parameter 'id' is missing", "Invalid parameter type for 'x', expected: …". */
bool qmp_check(const Json *value, const QmpType *type, GError **error);
/*
 * As qmp_check for what keyval_parse() made: leaves are texts, and become what the type says ("on" true, "1k" 1024). A
 * new value; NULL with an error in the words that options have ("Parameter 'read-only' expects 'on' or 'off'", "Invalid
 * parameter 'x'").
 */
Json *qmp_from_keyval(const Json *value, const QmpType *type, GError **error);

Json *qmp_schema(void);         /* query-qmp-schema */

#endif
