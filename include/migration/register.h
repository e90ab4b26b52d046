/*
 * The section registry: who has state to save. Devices are registered by device_realize() through their class's vmsd;
 * this is for the rest. Sections are identified by (idstr, instance id).
 */
#ifndef MIGRATION_REGISTER_H
#define MIGRATION_REGISTER_H

#include "migration/vmstate.h"

/*
 * `path` (may be NULL) and desc->name make the idstr, "PATH/NAME". instance_id -1: the next free one for that idstr.
 * Fails on an idstr that is taken with that instance or is over 255 bytes.
 */
bool vmstate_register(const char *path, int instance_id, const VMStateDescription *desc, void *opaque, GError **error);
void vmstate_unregister(const VMStateDescription *desc, void *opaque);

/* A section of several parts, sent while the guest runs (ram): setup, iterate, pending and load run without the lock. */
typedef struct SaveHandlers {
    bool (*prepare)(void *opaque, GError **error);                  /* under the big lock, first; undone by cleanup */
    bool (*setup)(Stream *s, void *opaque, GError **error);         /* SECTION_START */
    /* SECTION_PART: sends up to the rate limit; *done when little is left. */
    bool (*iterate)(Stream *s, void *opaque, bool *done, GError **error);
    uint64_t (*pending)(void *opaque, bool exact);                  /* bytes left */
    bool (*complete)(Stream *s, void *opaque, GError **error);      /* SECTION_END, guest stopped */
    void (*cleanup)(void *opaque);                                  /* under the big lock */
    bool (*load_setup)(void *opaque, GError **error);               /* under the big lock */
    bool (*load)(Stream *s, void *opaque, int version_id, GError **error);  /* body of START, PART and END */
    void (*load_undo)(void *opaque);            /* the load failed: what a reset can't put right, under the big lock */
    void (*load_cleanup)(void *opaque);         /* at the end, after load_undo, under the big lock */
} SaveHandlers;
bool savevm_register(const char *idstr, int instance_id, int version_id, const SaveHandlers *handlers, void *opaque,
                     GError **error);
void savevm_unregister(const char *idstr, void *opaque);

/* A reason why the machine can't move now: shown by query-migrate's blocked-reasons. */
typedef struct MigrationBlocker MigrationBlocker;
/* Fails if a migration runs, or under -only-migratable. */
MigrationBlocker *migration_block(const char *reason, GError **error);
void migration_unblock(MigrationBlocker *blocker);      /* NULL is fine */
/* A device of this type is about to be made: refused if it can't move and -only-migratable is given. */
bool migration_allows_device(const char *type, const VMStateDescription *desc, GError **error);

#endif
