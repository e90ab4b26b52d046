/* The phases of a start, in order; main() runs them. Each reports its own errors and returns false. */
#ifndef SYSTEM_SETUP_H
#define SYSTEM_SETUP_H

#include "system/options.h"

/* Logging, then what only prints: -device help and its like set config->done. */
bool setup_logging(Config *config);
bool setup_help(Config *config);
/* Character devices, objects, the machine with its devices, monitors. */
bool setup_chardevs(Config *config);
bool setup_machine(Config *config);
bool setup_monitors(Config *config);
/* Incoming migration or -loadvm, then the machine may run. */
bool setup_run(Config *config);
/* The reverse, before exit. */
void setup_teardown(void);

/* -daemonize: the parent waits here for the child's word and exits; the child comes back. */
bool daemon_begin(GError **error);
/* The child is up: lets the parent go, and loses the terminal. */
void daemon_ready(void);
/* -pidfile: writes, locks; removed by daemon_end(). */
bool daemon_pidfile(const char *path, GError **error);
void daemon_end(void);
/* -chroot, -runas. */
bool daemon_check_user(const char *user, GError **error);
bool daemon_confine(const char *chroot_dir, const char *user, GError **error);

/* -sandbox: the system calls that are refused from now on. */
bool sandbox_enter(const Json *options, GError **error);

#endif
