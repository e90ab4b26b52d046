/*
 * RAM in the stream: words of an address and flags, see ram-save.c and ram-load.c; and what both sides share.
 */
#ifndef MIGRATION_RAM_H
#define MIGRATION_RAM_H

#include "migration/stream.h"
#include "system/ramblock.h"

enum {
    RAM_VERSION = 4,
    RAM_FLAG_ZERO = 0x02,           /* [block], a byte that fills the page */
    RAM_FLAG_MEM_SIZE = 0x04,       /* the blocks with their sizes; the address is their sum */
    RAM_FLAG_PAGE = 0x08,           /* [block], 4096 bytes */
    RAM_FLAG_EOS = 0x10,            /* the section's end */
    RAM_FLAG_CONTINUE = 0x20,       /* the same block as before: no name */
    RAM_FLAG_XBZRLE = 0x40,         /* [block], 1, be16 length, a difference */
    RAM_FLAG_HOOK = 0x80,
    RAM_FLAG_COMPRESS_PAGE = 0x100,
    RAM_FLAGS = 0xfff,
};

/* Counters of the running or last save. Written by one thread, read by any. */
typedef struct RamStats {
    uint64_t zero_pages, normal_pages;
    uint64_t remaining_pages;
    uint64_t dirty_syncs;
    uint64_t total_bytes;           /* of all blocks */
    uint64_t dirty_pages_rate;      /* pages a second, in the last period */
} RamStats;

bool ram_register(GError **error);
RamStats ram_stats(void);
/* iterate stops when the stream gets there: the rate limit's window. UINT64_MAX: no limit. */
void ram_set_stop(uint64_t position);
/* Called at each sync of the dirty bitmaps, with their number; any thread. */
extern void (*ram_sync_hook)(uint64_t number);

/* A whole page, aligned. */
bool page_is_zero(const void *page);

/*
 * Which pages of [first, first + count) of a block were never touched, and so are zero without looking, which would make
 * the kernel map something there: one bit a page, in whole words. False: can't tell.
 */
bool ram_untouched_pages(const RAMBlock *block, uint64_t first, uint64_t count, unsigned long *bitmap);

/* Applies a difference onto a page; false if it is no valid one: the page is unchanged then. */
bool xbzrle_decode(const uint8_t *delta, size_t length, uint8_t *page);

#endif
