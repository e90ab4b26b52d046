/*
 * Monitors: a character device's front end that speaks QMP (control) or HMP (readline). Events go to every QMP monitor
 * whose client has negotiated.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "chardev/chardev.h"
#include "util/error.h"
#include "util/json.h"

typedef struct Monitor Monitor;

/* -mon chardev=ID,mode=control|readline,pretty=on|off. */
bool monitor_new(Chardev *chr, bool control, bool pretty, GError **error);
/* Before exit. */
void monitor_close_all(void);

/* Descriptors by name (getfd, closefd), shared by all monitors. Adding a name again closes its old one. Taking one out makes it the caller's. -1 with an error. */
void monitor_fd_add(const char *name, int fd);
int monitor_fd_take(Monitor *mon, const char *name, GError **error);
/* "fd:7" or a name given to getfd: for options that take either. `mon` may be NULL: only numbers. */
int monitor_fd_param(Monitor *mon, const char *text, GError **error);
/* The last descriptor that the monitor's client sent, -1: none. */
int monitor_take_received_fd(Monitor *mon);

/* Output of HMP commands, collected for whoever asked. */
void monitor_printf(Monitor *mon, const char *format, ...) G_GNUC_PRINTF(2, 3);
void monitor_puts(Monitor *mon, const char *text);

/* Runs an HMP command line, with the default CPU of that index; the output is the caller's text. For human-monitor-command. */
char *hmp_run(const char *line, unsigned cpu);

#endif
