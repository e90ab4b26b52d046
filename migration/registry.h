/* The section half's own view of the registry: what is saved, in wire order, and found again by name. */
#ifndef MIGRATION_REGISTRY_H
#define MIGRATION_REGISTRY_H

#include "migration/register.h"

/* One section: a description (desc) or a set of handlers. */
typedef struct Section {
    char *idstr;
    uint32_t instance_id, section_id;
    int version_id;
    const VMStateDescription *desc;
    const SaveHandlers *handlers;
    void *opaque;
    int priority;
    GList link;                 /* in its priority's list */
} Section;

/* Calls fn for each in wire order; fn returns false to stop. The registry must not change meanwhile. */
bool registry_foreach(bool (*fn)(Section *section, void *opaque), void *opaque);
Section *registry_find(const char *idstr, uint32_t instance_id);
/* The first section that forbids to move, NULL if there is none. */
Section *registry_unmigratable(void);
/* Numbers from here on: QEMU has sections that are not ours, and ids that tell it. */
void registry_skip_ids(uint32_t next);

#endif
