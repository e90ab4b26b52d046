/* How a failed load is told. */
#ifndef MIGRATION_LOADVM_REPORT_H
#define MIGRATION_LOADVM_REPORT_H

#include <glib.h>

/* QEMU's lines on stderr, the last of them "load of migration failed: …", then the notes (may be NULL). Returns it all. */
char *loadvm_report(const GError *error, const char *notes);

#endif
