#include "system/ramblock.h"

#include <string.h>
#include <sys/mman.h>

#include "system/flatview.h"
#include "util/error.h"
#include "util/units.h"

#define HUGE_PAGE (2 * MiB)     /* of x86-64 hosts; others have larger ones, or none */
#define BITS_PER_WORD (8 * sizeof(unsigned long))

char *(*ramblock_owner_path)(Object *owner);
void (*ramblock_code_hook)(RAMBlock *block, uint64_t offset, uint64_t length);
void (*ramblock_forget_hook)(void);
void (*ramblock_rewrite_hook)(void);

static GPtrArray *blocks;           /* by descending max_length, then in order of creation */
static GPtrArray *blocks_by_host;   /* by ascending host address */
static GHashTable *blocks_by_name;
static unsigned logging;            /* bitmaps in use */

static char *full_name(Object *owner, const char *name)
{
    g_autofree char *path = owner && ramblock_owner_path ? ramblock_owner_path(owner) : NULL;

    return path ? g_strconcat(path, "/", name, NULL) : g_strdup(name);
}

static void insert_block(RAMBlock *block)
{
    guint place = 0, host_place = 0;

    if (!blocks) {
        blocks = g_ptr_array_new();
        blocks_by_host = g_ptr_array_new();
        blocks_by_name = g_hash_table_new(g_str_hash, g_str_equal);
    }
    while (place < blocks->len && ((RAMBlock *)blocks->pdata[place])->max_length >= block->max_length) {
        place++;
    }
    g_ptr_array_insert(blocks, (gint)place, block);
    while (host_place < blocks_by_host->len && ((RAMBlock *)blocks_by_host->pdata[host_place])->host < block->host) {
        host_place++;
    }
    g_ptr_array_insert(blocks_by_host, (gint)host_place, block);
    g_hash_table_insert(blocks_by_name, block->name, block);
}

/*
 * Anonymous memory, zero. What is large enough begins at a border of huge pages and asks for them: filling such memory,
 * as a load does, takes one page fault where it took 512.
 */
static void *map_anonymous(uint64_t length)
{
    uint64_t slack = length >= HUGE_PAGE ? HUGE_PAGE - TARGET_PAGE_SIZE : 0;
    uint8_t *start = mmap(NULL, length + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    uint64_t before = -(uintptr_t)start & slack;

    if (start == MAP_FAILED) {
        return NULL;
    }
    if (before) {
        munmap(start, before);
    }
    if (slack - before) {
        munmap(start + before + length, slack - before);
    }
    if (slack) {
        madvise(start + before, length, MADV_HUGEPAGE); /* without, it only is slower */
    }
    return start + before;
}

RAMBlock *ramblock_new(MemoryRegion *mr, Object *owner, const char *name, uint64_t length, uint64_t max_length,
                       void *host, GError **error)
{
    g_autofree char *block_name = full_name(owner, name);
    bool is_anonymous = !host;

    g_assert(length <= max_length);
    if (max_length == 0 || max_length > INT64_MAX - TARGET_PAGE_SIZE) {
        error_setf(error, "RAM block '%s' can't have a size of %" G_GUINT64_FORMAT " bytes", block_name, max_length);
        return NULL;
    }
    if (ramblock_by_name(block_name)) {
        error_setf(error, "RAMBlock \"%s\" already registered", block_name);
        return NULL;
    }
    max_length = ROUND_UP(max_length, TARGET_PAGE_SIZE);
    if (is_anonymous) {
        host = map_anonymous(max_length);
        if (!host) {
            error_set_errno(error, errno, "cannot set up guest memory '%s'", block_name);
            return NULL;
        }
    }
    RAMBlock *block = g_new0(RAMBlock, 1);
    block->name = g_steal_pointer(&block_name);
    block->host = host;
    block->used_length = ROUND_UP(length, TARGET_PAGE_SIZE);
    block->max_length = max_length;
    block->migratable = true;
    block->is_anonymous = is_anonymous;
    block->fd = -1;
    block->mr = mr;
    insert_block(block);
    return block;
}

void ramblock_free(RAMBlock *block)
{
    for (int client = 0; client < DIRTY_CLIENTS; client++) {
        ramblock_dirty_log(block, client, false);
    }
    g_ptr_array_remove(blocks, block);
    g_ptr_array_remove(blocks_by_host, block);
    g_hash_table_remove(blocks_by_name, block->name);
    if (block->code) {
        ramblock_code_hook(block, 0, 0);
        if (ramblock_forget_hook) {
            ramblock_forget_hook();
        }
        munmap(block->code, block->max_length / TARGET_PAGE_SIZE * sizeof(uint64_t));
    }
    if (block->is_anonymous) {
        munmap(block->host, block->max_length);
    }
    g_free(block->name);
    g_free(block);
}

RAMBlock *ramblock_by_name(const char *name)
{
    return blocks_by_name ? g_hash_table_lookup(blocks_by_name, name) : NULL;
}

bool ramblock_foreach(bool (*fn)(RAMBlock *block, void *opaque), void *opaque)
{
    for (guint i = 0; blocks && i < blocks->len; i++) {
        if (!fn(blocks->pdata[i], opaque)) {
            return false;
        }
    }
    return true;
}

RAMBlock *ramblock_from_host(const void *host, uint64_t *offset)
{
    const uint8_t *byte = host;
    guint low = 0, high = blocks_by_host ? blocks_by_host->len : 0; /* the last block that begins at or before it */

    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (((RAMBlock *)blocks_by_host->pdata[middle])->host <= byte) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    RAMBlock *block = low > 0 ? blocks_by_host->pdata[low - 1] : NULL;
    if (!block || (uint64_t)(byte - block->host) >= block->max_length) {
        return NULL;
    }
    *offset = (uint64_t)(byte - block->host);
    return block;
}

bool ramblock_resize(RAMBlock *block, uint64_t new_length, GError **error)
{
    uint64_t length = ROUND_UP(new_length, TARGET_PAGE_SIZE);

    if (new_length <= INT64_MAX && length == block->used_length) {
        memory_region_set_size(block->mr, new_length);
        return true;
    }
    if (!block->resizeable) {
        return error_set_errno(error, EINVAL,
                               "Size mismatch: %s: 0x%" G_GINT64_MODIFIER "x != 0x%" G_GINT64_MODIFIER "x", block->name,
                               new_length, block->used_length);
    }
    if (new_length > block->max_length) {
        return error_set_errno(error, EINVAL,
                               "Size too large: %s: 0x%" G_GINT64_MODIFIER "x > 0x%" G_GINT64_MODIFIER "x", block->name,
                               new_length, block->max_length);
    }
    if (length < block->used_length && block->is_anonymous) {
        madvise(block->host + length, block->used_length - length, MADV_DONTNEED); /* zero again, if it grows back */
    }
    block->used_length = length;
    memory_region_set_size(block->mr, new_length);
    ramblock_set_dirty(block, 0, length);
    if (block->resized) {
        block->resized(block->name, new_length, block->host);
    }
    return true;
}

/* Dirty pages. */

static size_t bitmap_words(const RAMBlock *block)
{
    return (block->max_length / TARGET_PAGE_SIZE + BITS_PER_WORD - 1) / BITS_PER_WORD;
}

bool ramblock_is_logging(void)
{
    return __atomic_load_n(&logging, __ATOMIC_RELAXED) > 0 || ramblock_code_hook;
}

void ramblock_dirty_log(RAMBlock *block, DirtyClient client, bool on)
{
    unsigned long *old = block->dirty[client];

    if (on == (old != NULL)) {
        return;
    }
    __atomic_store_n(&block->dirty[client], on ? g_new0(unsigned long, bitmap_words(block)) : NULL, __ATOMIC_RELEASE);
    if (on) {
        logging++;
        block->mr->dirty_log |= 1u << client;
        if (ramblock_forget_hook) {
            ramblock_forget_hook();     /* a write that is unseen from here on must not be */
        }
    } else {
        logging--;
        block->mr->dirty_log &= ~(1u << client);
        memory_retire(old, g_free);
    }
}

/* Sets the bits [first, last]; a word that has them already is not written, so that it stays shared between CPUs. */
static void set_bits(unsigned long *bitmap, uint64_t first, uint64_t last)
{
    for (uint64_t word = first / BITS_PER_WORD; word <= last / BITS_PER_WORD; word++) {
        unsigned long mask = ~0ul;
        if (word == first / BITS_PER_WORD) {
            mask &= ~0ul << (first % BITS_PER_WORD);
        }
        if (word == last / BITS_PER_WORD) {
            mask &= ~0ul >> (BITS_PER_WORD - 1 - last % BITS_PER_WORD);
        }
        if ((__atomic_load_n(&bitmap[word], __ATOMIC_RELAXED) & mask) != mask) {
            __atomic_fetch_or(&bitmap[word], mask, __ATOMIC_RELEASE);
        }
    }
}

void ramblock_set_dirty(RAMBlock *block, uint64_t offset, uint64_t length)
{
    if (length == 0 || offset >= block->max_length) {
        return;
    }
    length = MIN(length, block->max_length - offset);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the data is there before the bit */
    for (int client = 0; client < DIRTY_CLIENTS; client++) {
        unsigned long *bitmap = __atomic_load_n(&block->dirty[client], __ATOMIC_ACQUIRE);
        if (bitmap) {
            set_bits(bitmap, offset / TARGET_PAGE_SIZE, (offset + length - 1) / TARGET_PAGE_SIZE);
        }
    }
    if (block->code) {
        ramblock_code_hook(block, offset, length);
    }
}

uint64_t ramblock_sync_dirty(RAMBlock *block, DirtyClient client, unsigned long *bitmap)
{
    unsigned long *dirty = block->dirty[client];
    uint64_t pages = block->used_length / TARGET_PAGE_SIZE, added = 0;
    bool any = false;

    for (uint64_t word = 0; dirty && word * BITS_PER_WORD < pages; word++) {
        if (__atomic_load_n(&dirty[word], __ATOMIC_RELAXED) == 0) {
            continue;
        }
        unsigned long bits = __atomic_exchange_n(&dirty[word], 0, __ATOMIC_SEQ_CST);
        if (pages - word * BITS_PER_WORD < BITS_PER_WORD) {
            bits &= ~(~0ul << (pages - word * BITS_PER_WORD)); /* beyond the used length nobody looks */
        }
        added += (unsigned)__builtin_popcountl(bits & ~bitmap[word]);
        bitmap[word] |= bits;
        any = true;
    }
    if (any && client == DIRTY_MIGRATION && ramblock_rewrite_hook) {
        ramblock_rewrite_hook();
    }
    return added;
}
