/*
 * Sending RAM. The first pass sends every page, later ones those written since. A page goes out as a word with its
 * offset in its block and a flag; the block's name only when it changes. Pages are not copied: the stream is given their
 * addresses, and what the guest writes meanwhile is marked dirty and comes again.
 */
#include <string.h>

#include "capability.h"
#include "migration/register.h"
#include "ram.h"
#include "ram-load.h"
#include "ram-scan.h"
#include "system/clock.h"
#include "util/error.h"

enum { PAGE = TARGET_PAGE_SIZE, BITS = 64 };

typedef struct SaveBlock {
    RAMBlock *block;
    uint64_t length, pages;
    bool skip;                      /* the other side has its contents: a shared file */
    unsigned long *dirty;
} SaveBlock;

typedef struct RamSave {
    GArray *blocks;                 /* SaveBlock */
    /* where the search goes on */
    guint at_block;
    uint64_t at_page;
    SaveBlock *last;                /* of the last page that was sent */
    RamScan *scan;                  /* over the dirty pages of `at_block` */
    uint64_t stop;
    int64_t period_start;
    uint64_t period_dirty;
    RamStats stats;
} RamSave;

static RamSave ram;
void (*ram_sync_hook)(uint64_t number);

RamStats ram_stats(void)
{
    RamStats copy;

    /* Each counter is one aligned word: none is torn, and that they are not of one moment does not matter. */
    copy = ram.stats;
    return copy;
}

void ram_set_stop(uint64_t position)
{
    ram.stop = position;
}

static SaveBlock *save_block(guint i)
{
    return &g_array_index(ram.blocks, SaveBlock, i);
}

/* Moves the pages written since the last time into our bitmaps. */
static void sync_dirty(void)
{
    int64_t now = clock_ns(CLOCK_TYPE_REALTIME);

    ram_scan_end(ram.scan);
    for (guint i = 0; i < ram.blocks->len; i++) {
        SaveBlock *b = save_block(i);
        uint64_t added = b->skip ? 0 : ramblock_sync_dirty(b->block, DIRTY_MIGRATION, b->dirty);

        ram.stats.remaining_pages += added;
        ram.period_dirty += added;
    }
    if (now - ram.period_start >= 1000000000) {
        ram.stats.dirty_pages_rate = ram.period_dirty * 1000000000 / (now - ram.period_start);
        ram.period_start = now;
        ram.period_dirty = 0;
    }
    ram.stats.dirty_syncs++;
    if (ram_sync_hook) {
        ram_sync_hook(ram.stats.dirty_syncs);
    }
}

static void ram_cleanup(void *opaque)
{
    if (!ram.blocks) {
        return;
    }
    g_clear_pointer(&ram.scan, ram_scan_free);
    for (guint i = 0; i < ram.blocks->len; i++) {
        ramblock_dirty_log(save_block(i)->block, DIRTY_MIGRATION, false);
        g_free(save_block(i)->dirty);
    }
    g_clear_pointer(&ram.blocks, g_array_unref);
    ram.last = NULL;
}

static bool add_block(RAMBlock *block, void *opaque)
{
    SaveBlock b = { .block = block, .length = block->used_length, .pages = block->used_length / PAGE };

    if (!block->migratable) {
        return true;
    }
    b.skip = block->shared && block->fd >= 0 && capability_is_on(CAPABILITY_X_IGNORE_SHARED);
    b.dirty = g_new0(unsigned long, b.pages / BITS + 1);
    if (!b.skip) {
        for (uint64_t page = 0; page < b.pages; page += BITS) {
            b.dirty[page / BITS] = b.pages - page < BITS ? (1ul << (b.pages - page)) - 1 : ~0ul;
        }
        ram.stats.remaining_pages += b.pages;
    }
    ram.stats.total_bytes += b.length;
    ramblock_dirty_log(block, DIRTY_MIGRATION, true);
    g_array_append_val(ram.blocks, b);
    return true;
}

static bool ram_prepare(void *opaque, GError **error)
{
    ram_cleanup(NULL);
    memset(&ram, 0, sizeof(ram));
    ram.stop = UINT64_MAX;
    ram.period_start = clock_ns(CLOCK_TYPE_REALTIME);
    ram.blocks = g_array_new(FALSE, TRUE, sizeof(SaveBlock));
    ram.scan = ram_scan_new();
    ramblock_foreach(add_block, NULL);
    return true;
}

static void put_name(Stream *s, const RAMBlock *block)
{
    size_t length = strlen(block->name);

    stream_put_u8(s, length);
    stream_put(s, block->name, length);
}

static bool ram_setup(Stream *s, void *opaque, GError **error)
{
    stream_put_be64(s, ram.stats.total_bytes | RAM_FLAG_MEM_SIZE);
    for (guint i = 0; i < ram.blocks->len; i++) {
        SaveBlock *b = save_block(i);

        put_name(s, b->block);
        stream_put_be64(s, b->length);
        if (capability_is_on(CAPABILITY_X_IGNORE_SHARED)) {
            stream_put_be64(s, b->block->mr ? b->block->mr->addr : 0);
        }
    }
    stream_put_be64(s, RAM_FLAG_EOS);
    sync_dirty();
    return true;
}

static void put_page_word(Stream *s, SaveBlock *b, uint64_t page, uint64_t flag)
{
    if (ram.last == b) {
        stream_put_be64(s, page * PAGE | flag | RAM_FLAG_CONTINUE);
    } else {
        stream_put_be64(s, page * PAGE | flag);
        put_name(s, b->block);
        ram.last = b;
    }
}

static void send_page(Stream *s, SaveBlock *b, uint64_t page)
{
    const uint8_t *host = b->block->host + page * PAGE;
    bool zero;

    if (ram_scan_block(ram.scan) != b->block) {
        ram_scan_begin(ram.scan, b->block, b->dirty, b->pages);
    }
    zero = ram_scan_is_zero(ram.scan, page);
    b->dirty[page / BITS] &= ~(1ul << page % BITS);
    if (zero) {
        put_page_word(s, b, page, RAM_FLAG_ZERO);
        stream_put_u8(s, 0);
        ram.stats.zero_pages++;
    } else {
        put_page_word(s, b, page, RAM_FLAG_PAGE);
        stream_lend(s, host, PAGE);
        ram.stats.normal_pages++;
    }
    ram.stats.remaining_pages--;
}

/* The first dirty page of the block from `page` on; UINT64_MAX if there is none. */
static uint64_t next_dirty(const SaveBlock *b, uint64_t page)
{
    for (uint64_t word = page / BITS; word * BITS < b->pages; word++) {
        unsigned long bits = b->dirty[word];

        if (word == page / BITS) {
            bits &= ~0ul << page % BITS;
        }
        if (bits) {
            return word * BITS + __builtin_ctzl(bits);
        }
    }
    return UINT64_MAX;
}

/* Sends dirty pages, round robin, until none is left (true) or the stream has got to `stop`. */
static bool send_dirty(Stream *s, uint64_t stop)
{
    guint clean = 0;

    while (clean <= ram.blocks->len) {
        SaveBlock *b = save_block(ram.at_block);
        uint64_t page = next_dirty(b, ram.at_page);

        if (page == UINT64_MAX) {
            ram.at_block = (ram.at_block + 1) % ram.blocks->len;
            ram.at_page = 0;
            clean++;
            continue;
        }
        clean = 0;
        ram.at_page = page + 1;
        send_page(s, b, page);
        if (stream_position(s) >= stop || stream_error(s)) {
            return false;
        }
    }
    return true;
}

static bool check_sizes(GError **error)
{
    for (guint i = 0; i < ram.blocks->len; i++) {
        if (save_block(i)->block->used_length != save_block(i)->length) {
            return error_setf(error, "RAM block '%s' resized during precopy.", save_block(i)->block->name);
        }
    }
    return true;
}

static bool ram_iterate(Stream *s, void *opaque, bool *done, GError **error)
{
    *done = !ram.blocks->len || send_dirty(s, ram.stop);
    stream_put_be64(s, RAM_FLAG_EOS);
    /* The pages given by address must be out before their dirty bits are looked at again. */
    return check_sizes(error) && (stream_flush(s) || error_setf(error, "%s", stream_error(s)->message));
}

static uint64_t ram_pending(void *opaque, bool exact)
{
    if (exact) {
        sync_dirty();
    }
    return ram.stats.remaining_pages * PAGE;
}

static bool ram_complete(Stream *s, void *opaque, GError **error)
{
    sync_dirty();
    if (ram.blocks->len) {
        send_dirty(s, UINT64_MAX);
    }
    stream_put_be64(s, RAM_FLAG_EOS);
    /* The guest may go on here as soon as the stream is complete. */
    return check_sizes(error) && (stream_settle(s) || error_setf(error, "%s", stream_error(s)->message));
}

bool ram_register(GError **error)
{
    static const SaveHandlers handlers = {
        .prepare = ram_prepare, .setup = ram_setup, .iterate = ram_iterate, .pending = ram_pending,
        .complete = ram_complete, .cleanup = ram_cleanup,
        .load_setup = ram_load_setup, .load = ram_load, .load_undo = ram_load_undo, .load_cleanup = ram_load_cleanup,
    };

    return savevm_register("ram", 0, RAM_VERSION, &handlers, NULL, error);
}
