/* Capabilities and parameters: QEMU's names, of which some can be turned on here. */
#ifndef MIGRATION_CAPABILITY_H
#define MIGRATION_CAPABILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "util/json.h"

/* In QEMU's order. */
typedef enum {
    CAPABILITY_XBZRLE,
    CAPABILITY_RDMA_PIN_ALL,
    CAPABILITY_AUTO_CONVERGE,
    CAPABILITY_ZERO_BLOCKS,
    CAPABILITY_COMPRESS,
    CAPABILITY_EVENTS,
    CAPABILITY_POSTCOPY_RAM,
    CAPABILITY_X_COLO,
    CAPABILITY_RELEASE_RAM,
    CAPABILITY_BLOCK,
    CAPABILITY_RETURN_PATH,
    CAPABILITY_PAUSE_BEFORE_SWITCHOVER,
    CAPABILITY_MULTIFD,
    CAPABILITY_DIRTY_BITMAPS,
    CAPABILITY_POSTCOPY_BLOCKTIME,
    CAPABILITY_LATE_BLOCK_ACTIVATE,
    CAPABILITY_X_IGNORE_SHARED,
    CAPABILITY_VALIDATE_UUID,
    CAPABILITY_BACKGROUND_SNAPSHOT,
    CAPABILITY_ZERO_COPY_SEND,
    CAPABILITY_POSTCOPY_PREEMPT,
    CAPABILITIES,
} Capability;

bool capability_is_on(Capability capability);
const char *capability_name(Capability capability);
bool capability_from_name(const char *name, Capability *capability);

/* What the save goes by. */
uint64_t parameter_max_bandwidth(void);     /* bytes a second, 0: no limit */
uint64_t parameter_downtime_limit(void);    /* milliseconds */

#endif
