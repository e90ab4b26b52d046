/* The counters of a back end. */
#ifndef BLOCK_STATS_H
#define BLOCK_STATS_H

#include "block/block-int.h"

typedef struct BlockOpStats {
    uint64_t operations, bytes, failed, invalid, merged;
    int64_t total_time_ns;
} BlockOpStats;

typedef struct BlockStats {
    BlockOpStats ops[BLOCK_OPS];
    bool account_invalid, account_failed;
} BlockStats;

#endif
