/* The states of a migration, of either direction. */
#ifndef MIGRATION_STATUS_H
#define MIGRATION_STATUS_H

#include "util/json.h"

typedef enum {
    MIGRATION_NONE,
    MIGRATION_SETUP,
    MIGRATION_CANCELLING,
    MIGRATION_CANCELLED,
    MIGRATION_ACTIVE,
    MIGRATION_PRE_SWITCHOVER,
    MIGRATION_DEVICE,
    MIGRATION_COMPLETED,
    MIGRATION_FAILED,
} MigrationStatus;

const char *migration_status_name(MigrationStatus status);
/* Sends the event MIGRATION, if they are wanted. */
void migration_status_event(MigrationStatus status);

/* The incoming side, for query-migrate: its status, the addresses it listens on (NULL: none) and its error (borrowed). */
MigrationStatus incoming_status(void);
Json *incoming_socket_address(void);
const char *incoming_error(void);

#endif
