/*
 * Which pages are zero, found out ahead of the thread that sends them: a second thread looks through the pages that
 * come next (and so takes their page faults) while the first one writes. What is found is as old as the last
 * ram_scan_begin(): a page that is written after that is marked dirty, and comes again.
 *
 * All functions are the sender's.
 */
#ifndef MIGRATION_RAM_SCAN_H
#define MIGRATION_RAM_SCAN_H

#include "system/ramblock.h"

typedef struct RamScan RamScan;

RamScan *ram_scan_new(void);
void ram_scan_free(RamScan *scan);
/*
 * The pages of the block whose bits are set in `wanted` (whole words, no bits beyond `pages`) are asked for next, in
 * ascending order at best. Until ram_scan_end() the bits stay, but those that ram_scan_is_zero() was asked for.
 */
void ram_scan_begin(RamScan *scan, const RAMBlock *block, const unsigned long *wanted, uint64_t pages);
/* The block that it is at; NULL: none. */
const RAMBlock *ram_scan_block(const RamScan *scan);
/* A page that is wanted. */
bool ram_scan_is_zero(RamScan *scan, uint64_t page);
/* Nobody looks at the block and its bits from now on. */
void ram_scan_end(RamScan *scan);

#endif
