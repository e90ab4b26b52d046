/*
 * HMP: the monitor for people. A command is a row and a function; rows of several files are registered before main().
 *
 * `args` says what the arguments are, one "name:kind" after another, a "?" after the kind for one that may be absent:
 *     s  a word (or "quoted text")     S  the rest of the line     i  a number     o  size     O  a device's options
 *     b  on|off                        -x a flag                   /  a format "/8xw" (for x)
 * The function gets them as a JSON object.
 */
#ifndef MONITOR_HMP_H
#define MONITOR_HMP_H

#include "monitor/monitor.h"

typedef struct HmpCommand {
    const char *name;           /* "quit|q" */
    const char *args;           /* "id:s value:i?" */
    const char *params;         /* as help shows them: "device" */
    const char *help;
    void (*fn)(Monitor *mon, const Json *args, GError **error);
    /* Candidates for the word that is being completed; NULL: none. */
    void (*complete)(GPtrArray *words, const char *prefix);
} HmpCommand;

/* "info x" commands are rows of their own kind. */
void hmp_register(const HmpCommand *commands, size_t count, bool info);

#define HMP_COMMANDS(table)                                                                                     \
    static void __attribute__((constructor)) hmp_register_table_##table(void)                                         \
    {                                                                                                           \
        hmp_register(table, G_N_ELEMENTS(table), false);                                                        \
    }
#define HMP_INFO(table)                                                                                         \
    static void __attribute__((constructor)) hmp_register_table_##table(void)                                         \
    {                                                                                                           \
        hmp_register(table, G_N_ELEMENTS(table), true);                                                         \
    }

/* Runs one command line with its output to the monitor; what goes wrong is printed. */
void hmp_execute(Monitor *mon, const char *line);

#endif
