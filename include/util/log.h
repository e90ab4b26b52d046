/*
 * What the program says to its user: errors and warnings on stderr ("godwit-8.0: warning: …"), and the log of -d/-D,
 * whose classes are bits. A guest's mistake is log_guest_error(): silent unless `-d guest_errors` asks for it.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <glib.h>
#include <stdbool.h>

enum {
    LOG_GUEST_ERROR = 1 << 0, /* -d guest_errors */
    LOG_UNIMP = 1 << 1,       /* -d unimp */
    LOG_INT = 1 << 2,         /* -d int */
    LOG_RESET = 1 << 3,       /* -d cpu_reset */
    LOG_TRACE = 1 << 4,       /* where -trace goes */
};

extern unsigned log_mask;

/* The name before the colon in reports; main() sets it from argv[0]. The string is not copied. */
void log_set_program_name(const char *name);
const char *log_program_name(void);

/* "NAME: text\n" and "NAME: warning: text\n" on stderr (with a timestamp under -msg timestamp=on). */
void error_report(const char *format, ...) G_GNUC_PRINTF(1, 2);
void warn_report(const char *format, ...) G_GNUC_PRINTF(1, 2);
void info_report(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* What reports are about, put before their text: "-device foo". NULL: nothing. The string is not copied. */
void log_set_context(const char *text);
const char *log_context(void);                   /* NULL: none */
void log_set_timestamps(bool on);

/* Writes to the log file (stderr by default) whatever the mask; use the macros below. */
void log_write(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Parses -d's comma-separated classes; `-d help` is the caller's. Fails on an unknown one. */
void log_help(GString *out); /* the classes, one a line */
bool log_set_mask(const char *items, GError **error);
bool log_set_file(const char *path, GError **error);

#define log_if(class, ...)                                                                  \
    do {                                                                                    \
        if (G_UNLIKELY(log_mask & (class))) {                                               \
            log_write(__VA_ARGS__);                                                         \
        }                                                                                   \
    } while (0)

#define log_guest_error(...) log_if(LOG_GUEST_ERROR, __VA_ARGS__)
#define log_unimp(...) log_if(LOG_UNIMP, __VA_ARGS__)

#endif
