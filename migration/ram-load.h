/* The receiving half of the `ram` section's handlers. */
#ifndef MIGRATION_RAM_LOAD_H
#define MIGRATION_RAM_LOAD_H

#include "migration/stream.h"

bool ram_load_setup(void *opaque, GError **error);
bool ram_load(Stream *s, void *opaque, int version_id, GError **error);
void ram_load_undo(void *opaque);
void ram_load_cleanup(void *opaque);

#endif
