/* The object "migration", for `-global migration.x=…` and the compat history; and the reasons why nothing can move. */
#ifndef MIGRATION_OBJECT_H
#define MIGRATION_OBJECT_H

#include "qom/object.h"
#include "util/json.h"

#define TYPE_MIGRATION "migration"
OBJECT_DECLARE_SIMPLE_TYPE(MigrationObject, MIGRATION)

struct MigrationObject {
    Object parent_obj;
    bool allow_drift;           /* "x-allow-drift" */
    bool store_global_state;    /* "store-global-state" */
    bool preempt_pre_7_2, multifd_flush;
    bool old_vmdesc;            /* "x-godwit-old-vmdesc": the blanks of QEMU up to 5.2 */
};

/* Made by migration_init(), or on first use with the defaults. */
MigrationObject *migration_object(void);

/* Blockers: the first reason is the error. */
bool migration_blockers_allow(GError **error);
/* A list of texts, NULL if there are none. */
Json *migration_blocked_reasons(void);

#endif
