/* What query-migrate and info migrate tell of the running or last save. */
#ifndef MIGRATION_OUTGOING_H
#define MIGRATION_OUTGOING_H

#include "status.h"

typedef struct OutgoingInfo {
    MigrationStatus status;
    const char *error;              /* borrowed; NULL: none */
    int64_t total_time, setup_time, downtime, expected_downtime;    /* milliseconds */
    uint64_t transferred, precopy_bytes, downtime_bytes;
    double mbps;
    uint64_t pages_per_second;
} OutgoingInfo;

OutgoingInfo outgoing_info(void);

#endif
