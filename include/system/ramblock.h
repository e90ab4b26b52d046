/*
 * RAM blocks: the host memory behind RAM and ROM regions, by name as the migration stream knows it, and which of
 * their pages were written since a client last looked. A block costs address space only until it is touched.
 */
#ifndef SYSTEM_RAMBLOCK_H
#define SYSTEM_RAMBLOCK_H

#include "system/memory.h"

typedef enum { DIRTY_VGA, DIRTY_CODE, DIRTY_MIGRATION, DIRTY_CLIENTS } DirtyClient;

struct RAMBlock {
    char *name;
    uint8_t *host;
    uint64_t used_length, max_length;       /* bytes; multiples of the page size */
    bool resizeable, readonly, shared;
    bool migratable;                        /* true unless the owner says otherwise */
    int fd;                                 /* -1: anonymous */
    MemoryRegion *mr;
    void (*resized)(const char *name, uint64_t size, void *host);
    /* One bit a page, set by writers with atomic operations; NULL while no client logs it. */
    unsigned long *dirty[DIRTY_CLIENTS];
};

RAMBlock *ramblock_by_name(const char *name);
/* By descending maximum length, ties in order of creation. fn returns false to stop. */
bool ramblock_foreach(bool (*fn)(RAMBlock *block, void *opaque), void *opaque);
RAMBlock *ramblock_from_host(const void *host, uint64_t *offset);
/* Within [0, max_length] of a resizeable block; calls block->resized. */
bool ramblock_resize(RAMBlock *block, uint64_t new_length, GError **error);

/* From when a client logs on, writes set its bits. Starting sets none. */
void ramblock_dirty_log(RAMBlock *block, DirtyClient client, bool on);
void ramblock_set_dirty(RAMBlock *block, uint64_t offset, uint64_t length);
/* The first dirty page at or after `page` for the client, cleared; UINT64_MAX if there is none. In pages. */
uint64_t ramblock_next_dirty(RAMBlock *block, DirtyClient client, uint64_t page);
/* Moves the client's bits into `bitmap` (one bit a page, or'ed) and clears them; returns how many were newly set. */
uint64_t ramblock_sync_dirty(RAMBlock *block, DirtyClient client, unsigned long *bitmap);

#endif
