/* Drift: a load that QEMU would take though the guest would see a different machine. */
#ifndef MIGRATION_DRIFT_H
#define MIGRATION_DRIFT_H

#include "migration/stream.h"
#include "util/json.h"

/* False with an error, and notes in the stream, unless the ledger agrees with this machine, is NULL, or drift is allowed. */
bool drift_allows(Stream *s, const Json *ledger, GError **error);

#endif
