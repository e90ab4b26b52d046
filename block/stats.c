/* What devices' requests took, as query-blockstats tells it. */
#include "block/stats.h"

#include "system/clock.h"

static BlockStats *stats_of(BlockBackend *blk)
{
    if (!blk->stats) {
        blk->stats = g_new0(BlockStats, 1);
        blk->stats->account_invalid = blk->stats->account_failed = true;
    }
    return blk->stats;
}

void block_stats_free(BlockStats *stats)
{
    g_free(stats);
}

int64_t block_account_now(void)
{
    return clock_ns(CLOCK_TYPE_REALTIME);
}

static BlockOpStats *row(BlockBackend *blk, BlockOp op)
{
    return &stats_of(blk)->ops[op];
}

void block_account_done(BlockBackend *blk, BlockOp op, uint64_t bytes, int64_t start_ns)
{
    BlockOpStats *stats = row(blk, op);
    stats->operations++;
    stats->bytes += bytes;
    stats->total_time_ns += block_account_now() - start_ns;
}

void block_account_failed(BlockBackend *blk, BlockOp op, int64_t start_ns)
{
    BlockOpStats *stats = row(blk, op);
    stats->failed++;
    if (stats_of(blk)->account_failed) {
        stats->total_time_ns += block_account_now() - start_ns;
    }
}

void block_account_invalid(BlockBackend *blk, BlockOp op)
{
    row(blk, op)->invalid++;
}

void block_account_merged(BlockBackend *blk, BlockOp op, unsigned requests)
{
    row(blk, op)->merged += requests;
}

void block_backend_set_accounting(BlockBackend *blk, bool invalid, bool failed)
{
    stats_of(blk)->account_invalid = invalid;
    stats_of(blk)->account_failed = failed;
}
