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

/* A section of several parts, sent while the guest runs (ram). */
typedef struct SaveHandlers {
    bool (*setup)(Stream *s, void *opaque, GError **error);         /* SECTION_START */
    /* SECTION_PART: sends up to the rate limit; *done when little is left. */
    bool (*iterate)(Stream *s, void *opaque, bool *done, GError **error);
    uint64_t (*pending)(void *opaque, bool exact);                  /* bytes left */
    bool (*complete)(Stream *s, void *opaque, GError **error);      /* SECTION_END, guest stopped */
    void (*cleanup)(void *opaque);
    bool (*load_setup)(void *opaque, GError **error);
    bool (*load)(Stream *s, void *opaque, int version_id, GError **error);  /* body of START, PART and END */
    void (*load_cleanup)(void *opaque);
} SaveHandlers;
bool savevm_register(const char *idstr, int instance_id, int version_id, const SaveHandlers *handlers, void *opaque,
                     GError **error);
void savevm_unregister(const char *idstr, void *opaque);

/* A reason why the machine can't move now: shown by query-migrate's blocked-reasons. */
typedef struct MigrationBlocker MigrationBlocker;
/* Fails if a migration runs, or under -only-migratable. */
MigrationBlocker *migration_block(const char *reason, GError **error);
void migration_unblock(MigrationBlocker *blocker);

#endif
