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
    bool is_anonymous;                      /* our own mapping, which freeing the block undoes */
    bool migratable;                        /* true unless the owner says otherwise */
    int fd;                                 /* -1: anonymous */
    MemoryRegion *mr;
    void (*resized)(const char *name, uint64_t size, void *host);
    /* One bit a page, set by writers with atomic operations; NULL while no client logs it. */
    unsigned long *dirty[DIRTY_CLIENTS];
    /* The engine's: a word a page, in which a bit says that those 64 bytes were translated. NULL: it never looked here. */
    uint64_t *code;
};

/*
 * Makes a block of the name, "OWNERPATH/name" if the owner has a path; the name must be free. Lengths are rounded up to
 * pages. host NULL: anonymous memory of max_length bytes, zero until touched. Used by memory_region_init_ram() and so
 * on.
 */
RAMBlock *ramblock_new(MemoryRegion *mr, Object *owner, const char *name, uint64_t length, uint64_t max_length,
                       void *host, GError **error);
void ramblock_free(RAMBlock *block);
/* The owner's component of a block's name ("0000:00:02.0"), NULL for none; caller frees. Set by the device layer. */
extern char *(*ramblock_owner_path)(Object *owner);

RAMBlock *ramblock_by_name(const char *name);
/* By descending maximum length, ties in order of creation. fn returns false to stop. */
bool ramblock_foreach(bool (*fn)(RAMBlock *block, void *opaque), void *opaque);
RAMBlock *ramblock_from_host(const void *host, uint64_t *offset);
/* Within [0, max_length] of a resizeable block; calls block->resized. */
bool ramblock_resize(RAMBlock *block, uint64_t new_length, GError **error);

/* Set by the engine: bytes of a block with `code` were written, or (length 0) the block goes away. From any thread. */
extern void (*ramblock_code_hook)(RAMBlock *block, uint64_t offset, uint64_t length);

/* Set by the accelerator: CPUs have forgotten all direct ways to RAM when it returns. Called with the big lock. */
extern void (*ramblock_forget_hook)(void);

/*
 * Set by the accelerator: CPUs, which tell migration of their first write to a page only, do so anew when it returns. From
 * any thread.
 */
extern void (*ramblock_rewrite_hook)(void);

/* From when a client logs on, writes set its bits. Starting sets none. */
void ramblock_dirty_log(RAMBlock *block, DirtyClient client, bool on);
bool ramblock_is_logging(void);         /* some client logs some block, or there may be translated code */
void ramblock_set_dirty(RAMBlock *block, uint64_t offset, uint64_t length);
/*
 * Moves the client's bits into `bitmap` (one bit a page, or'ed) and clears them; returns how many were newly set. Pages
 * may be read when it returns: a later write sets its bit again.
 */
uint64_t ramblock_sync_dirty(RAMBlock *block, DirtyClient client, unsigned long *bitmap);

#endif
