/*
 * Receiving RAM. Pages come in any order and again; each goes where its word says, if that is inside its block. A page
 * that is zero already is not touched. What a page held before is kept if it was not zero, so that a load that fails can
 * be taken back: RAM is then as it was.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "capability.h"
#include "migration/vmstate.h"
#include "ram.h"
#include "ram-load.h"
#include "system/main-loop.h"
#include "util/byteorder.h"
#include "util/error.h"

enum {
    PAGE = TARGET_PAGE_SIZE,
    BITS = 64,
    KEEP_MAX = 32 * 1024 * 1024 / PAGE, /* pages that are kept for taking back; beyond that they become zero */
    RUN_MIN = 16, RUN_MAX = 256, RUN_LONG = 512, AHEAD = 1024,  /* pages: see expect_run() */
    GUESS_MAX = 62,                     /* pages: see load_run() */
};

G_STATIC_ASSERT(RUN_MAX < PAGE);
G_STATIC_ASSERT(GUESS_MAX * (PAGE + sizeof(uint64_t)) + PAGE <= STREAM_GIVE_BACK_MAX);

typedef struct LoadBlock {
    RAMBlock *block;
    uint64_t old_length;
    unsigned long *written;         /* pages that a load put something into, or cleared */
    unsigned long *untouched;       /* at the start; NULL: not known */
    uint64_t next, run;             /* the page after the last new one, and how many came in a row */
    uint64_t ready;                 /* up to where memory was made present for the run */
} LoadBlock;

typedef struct KeptPage {
    LoadBlock *block;
    uint64_t page;
    uint8_t bytes[PAGE];
} KeptPage;

typedef struct RamLoad {
    GHashTable *by_name;            /* LoadBlock */
    LoadBlock *last;
    GPtrArray *kept;                /* KeptPage */
    GThreadPool *populating;        /* one thread, for populate(); NULL: not needed yet */
} RamLoad;

static RamLoad ram;

static void free_block(gpointer p)
{
    LoadBlock *b = p;

    g_free(b->written);
    g_free(b->untouched);
    g_free(b);
}

static bool add_block(RAMBlock *block, void *opaque)
{
    LoadBlock *b = g_new0(LoadBlock, 1);
    uint64_t pages = block->max_length / PAGE;

    b->block = block;
    b->old_length = block->used_length;
    b->written = g_new0(unsigned long, pages / BITS + 1);
    b->untouched = g_new(unsigned long, pages / BITS + 1);
    if (!ram_untouched_pages(block, 0, pages, b->untouched)) {
        g_clear_pointer(&b->untouched, g_free);
    }
    g_hash_table_insert(ram.by_name, block->name, b);
    return true;
}

/* Has memory made present, which is half the work of filling it: `range` is its address with the number of pages below. */
static void populate(gpointer range, gpointer opaque)
{
#ifdef MADV_POPULATE_WRITE
    size_t pages = GPOINTER_TO_SIZE(range) % PAGE;

    /* If it can't be, there are page faults. */
    madvise((uint8_t *)range - pages, pages * PAGE, MADV_POPULATE_WRITE);
#endif
}

static void stop_populating(void)
{
    if (ram.populating) {
        g_thread_pool_free(g_steal_pointer(&ram.populating), TRUE, TRUE);
    }
}

void ram_load_cleanup(void *opaque)
{
    GHashTableIter iter;
    LoadBlock *b;

    stop_populating();
    if (ram.by_name) {
        g_hash_table_iter_init(&iter, ram.by_name);
        while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&b)) {
            ramblock_set_dirty(b->block, 0, b->block->used_length);
        }
    }
    g_clear_pointer(&ram.kept, g_ptr_array_unref);
    g_clear_pointer(&ram.by_name, g_hash_table_unref);
    ram.last = NULL;
}

bool ram_load_setup(void *opaque, GError **error)
{
    ram_load_cleanup(NULL);
    ram.by_name = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_block);
    ram.kept = g_ptr_array_new_with_free_func(g_free);
    ramblock_foreach(add_block, NULL);
    return true;
}

static bool bit(const unsigned long *bitmap, uint64_t page)
{
    return bitmap[page / BITS] >> page % BITS & 1;
}

/* Before a page is written for the first time. */
static void keep_page(LoadBlock *b, uint64_t page)
{
    const uint8_t *host = b->block->host + page * PAGE;
    bool was_untouched = b->untouched && bit(b->untouched, page);

    if (!was_untouched && ram.kept->len < KEEP_MAX && !page_is_zero(host)) {
        KeptPage *kept = g_new(KeptPage, 1);

        kept->block = b;
        kept->page = page;
        memcpy(kept->bytes, host, PAGE);
        g_ptr_array_add(ram.kept, kept);
    }
    b->written[page / BITS] |= 1ul << page % BITS;
}

/*
 * Of pages that come in a row more will come: memory is made present for as many again, and in a long run beside and well
 * ahead of the reader. Never more than twice what has come, so nobody can use it to make a big guest out of a small stream.
 */
static void expect_run(LoadBlock *b, uint64_t page)
{
    uint64_t pages = b->block->used_length / PAGE, ahead, count;
    uint8_t *range;

    b->run = page == b->next ? b->run + 1 : 1;
    b->next = page + 1;
    if (b->run == 1) {
        b->ready = page;
    }
    ahead = b->run < RUN_LONG ? 0 : MIN(b->run, AHEAD);
    b->ready = MAX(b->ready, page);
    if (b->run < RUN_MIN || page + ahead < b->ready || b->ready >= pages) {
        return;
    }
    count = MIN(MIN(b->run, RUN_MAX), pages - b->ready);
    range = b->block->host + b->ready * PAGE + count;
    if (b->ready == page) {
        populate(range, NULL);      /* wanted now */
    } else {
        if (!ram.populating) {
            ram.populating = g_thread_pool_new(populate, NULL, 1, FALSE, NULL);
        }
        g_thread_pool_push(ram.populating, range, NULL);
    }
    b->ready += count;
}

static uint8_t *page_to_write(LoadBlock *b, uint64_t page)
{
    if (!bit(b->written, page)) {
        keep_page(b, page);
        if (b->untouched && bit(b->untouched, page)) {
            expect_run(b, page);
        }
    }
    return b->block->host + page * PAGE;
}

/* Where the words and bytes of the pages after `page` will be, if they come as the ones before did. */
static int guess(const LoadBlock *b, uint64_t page, size_t there, struct iovec *iov, uint64_t *words)
{
    uint64_t end = MIN(b->ready, b->block->used_length / PAGE);
    uint8_t *host = b->block->host;
    int count = 0;

    if (there < PAGE) {
        iov[count++] = (struct iovec){ .iov_base = host + page * PAGE + there, .iov_len = PAGE - there };
    }
    for (int i = 0; i < GUESS_MAX; i++) {
        if (++page >= end || !bit(b->untouched, page) || bit(b->written, page)) {
            break;
        }
        iov[count++] = (struct iovec){ .iov_base = &words[i], .iov_len = sizeof(words[i]) };
        iov[count++] = (struct iovec){ .iov_base = host + page * PAGE, .iov_len = PAGE };
    }
    return count;
}

/* What a wrong guess put into pages that were zero. */
static void clear_guessed(const struct iovec *iov, size_t kept, size_t got)
{
    for (size_t at = 0; at < got; at += iov++->iov_len) {
        if (at >= kept && iov->iov_len == PAGE) {
            memset(iov->iov_base, 0, PAGE);
        }
    }
}

/*
 * In a run of new pages the next ones are read to where they belong, without a copy, together with the words before them.
 * Only after that are the words looked at: from the first one on that is another, all goes back into the stream.
 */
static void load_run(Stream *s, LoadBlock *b, uint64_t page)
{
    struct iovec iov[2 * GUESS_MAX + 1];
    uint64_t words[GUESS_MAX];
    size_t there = stream_buffered(s), got, kept;
    int count;

    stream_get(s, b->block->host + page * PAGE, there);
    while ((count = guess(b, page, there, iov, words)) && (got = stream_get_scattered(s, iov, count))) {
        kept = MIN(got, PAGE - there);
        there += kept;
        for (const uint64_t *word = words; there == PAGE && got - kept >= sizeof(*word); word++) {
            if (load_be64(word) != ((page + 1) * PAGE | RAM_FLAG_PAGE | RAM_FLAG_CONTINUE)) {
                break;
            }
            page_to_write(b, ++page);
            kept += sizeof(*word);
            there = MIN(got - kept, PAGE);
            kept += there;
        }
        if (kept < got) {
            stream_give_back(s, iov, kept, got);
            clear_guessed(iov, kept, got);
            return;
        }
    }
    stream_get(s, b->block->host + page * PAGE + there, PAGE - there);
}

static void load_normal(Stream *s, LoadBlock *b, uint64_t page)
{
    uint8_t *host = page_to_write(b, page);

    if (b->run >= RUN_MIN && b->next == page + 1 && stream_buffered(s) < PAGE && stream_scatters(s)) {
        load_run(s, b, page);
    } else {
        stream_get(s, host, PAGE);
    }
}

static void load_fill(LoadBlock *b, uint64_t page, uint8_t byte)
{
    const uint8_t *host = b->block->host + page * PAGE;
    bool still_untouched = b->untouched && bit(b->untouched, page) && !bit(b->written, page);

    if (byte || (!still_untouched && !page_is_zero(host))) {
        memset(page_to_write(b, page), byte, PAGE);
    }
}

static bool load_xbzrle(Stream *s, LoadBlock *b, uint64_t page, GError **error)
{
    uint8_t kind = stream_get_u8(s);
    uint16_t length = stream_get_be16(s);
    const uint8_t *delta;

    if (stream_error(s)) {
        return true;
    }
    if (kind != 1) {
        return vmstate_error(error, EINVAL, "Failed to load XBZRLE page - wrong compression!\nFailed to decompress XBZRLE page at "
                             "%" G_GINT64_MODIFIER "x", page * PAGE);
    }
    if (length > PAGE) {
        return vmstate_error(error, EINVAL, "Failed to load XBZRLE page - len overflow!\nFailed to decompress XBZRLE page at "
                             "%" G_GINT64_MODIFIER "x", page * PAGE);
    }
    delta = stream_borrow(s, length);
    if (delta && !xbzrle_decode(delta, length, page_to_write(b, page))) {
        return vmstate_error(error, EINVAL, "Failed to load XBZRLE page - decode error!\nFailed to decompress XBZRLE page at "
                             "%" G_GINT64_MODIFIER "x", page * PAGE);
    }
    return true;
}

static void get_name(Stream *s, char name[256])
{
    uint8_t length = stream_get_u8(s);

    stream_get(s, name, length);
    name[length] = 0;
}

/* Lines of QEMU's about the block; NULL with none of the word's own. */
static LoadBlock *block_of_word(Stream *s, uint64_t flags, GString *said)
{
    char name[256];
    LoadBlock *b;

    if (flags & RAM_FLAG_CONTINUE) {
        if (!ram.last) {
            g_string_append(said, "Ack, bad migration stream!\n");
        }
        return ram.last;
    }
    get_name(s, name);
    b = stream_error(s) ? NULL : g_hash_table_lookup(ram.by_name, name);
    if (!b) {
        g_string_append_printf(said, "Can't find block %s\n", name);
    } else if (!b->block->migratable) {
        g_string_append_printf(said, "block %s should not be migrated !\n", name);
        b = NULL;
    }
    ram.last = b;
    return b;
}

static bool load_page(Stream *s, uint64_t address, uint64_t flags, GError **error)
{
    LoadBlock *b = ram.last;
    uint64_t page = address / PAGE;

    if (G_UNLIKELY(!(flags & RAM_FLAG_CONTINUE) || !b)) {
        g_autoptr(GString) said = g_string_new(NULL);

        b = block_of_word(s, flags, said);
        if (!b) {
            return vmstate_error(error, EINVAL, "%sIllegal RAM offset %" G_GINT64_MODIFIER "x", said->str, address);
        }
    }
    if (address >= b->block->used_length) {
        return vmstate_error(error, EINVAL, "Illegal RAM offset %" G_GINT64_MODIFIER "x", address);
    }
    switch (flags & ~(uint64_t)RAM_FLAG_CONTINUE) {
    case RAM_FLAG_PAGE:
        load_normal(s, b, page);
        return true;
    case RAM_FLAG_ZERO:
        load_fill(b, page, stream_get_u8(s));
        return true;
    case RAM_FLAG_XBZRLE:
        return load_xbzrle(s, b, page, error);
    default:
        return vmstate_error(error, EINVAL, "Compressed pages (flag 0x100) can't be loaded here: turn the capability "
                             "'compress' off on the source");
    }
}

static bool resize_block(LoadBlock *b, uint64_t length, GError **error)
{
    bool lock = !big_lock_held(), ok;

    /* What is cut off is gone. */
    for (uint64_t page = length / PAGE; length < b->old_length && page < b->old_length / PAGE; page++) {
        page_to_write(b, page);
    }
    if (lock) {
        big_lock();
    }
    ok = ramblock_resize(b->block, length, error);
    if (lock) {
        big_unlock();
    }
    return ok;
}

static bool load_block_list(Stream *s, uint64_t total, GError **error)
{
    while (total) {
        char name[256];
        uint64_t length, address;
        LoadBlock *b;

        get_name(s, name);
        length = stream_get_be64(s);
        if (stream_error(s)) {
            return true;
        }
        b = g_hash_table_lookup(ram.by_name, name);
        if (!b) {
            return vmstate_error(error, EINVAL, "Unknown ramblock \"%s\", cannot accept migration", name);
        }
        if (!b->block->migratable) {
            return vmstate_error(error, EINVAL, "block %s should not be migrated !", name);
        }
        if (length != b->block->used_length && !resize_block(b, length, error)) {
            stream_note(s, "the memory of both sides must have the same size: compare -m and the devices' memory");
            return false;
        }
        if (length > total) {
            return vmstate_error(error, EINVAL, "RAM block \"%s\" of 0x%" G_GINT64_MODIFIER "x bytes exceeds the 0x%"
                                 G_GINT64_MODIFIER "x that were announced", name, length, total);
        }
        if (capability_is_on(CAPABILITY_X_IGNORE_SHARED)) {
            address = stream_get_be64(s);
            if (b->block->shared && b->block->fd >= 0 && b->block->mr && b->block->mr->addr != address &&
                !stream_error(s)) {
                return vmstate_error(error, EINVAL, "Mismatched GPAs for block %s %" G_GINT64_MODIFIER "d!= %"
                                     G_GINT64_MODIFIER "d", name, address, b->block->mr->addr);
            }
        }
        total -= length;
    }
    return true;
}

bool ram_load(Stream *s, void *opaque, int version_id, GError **error)
{
    uint64_t word, flags;
    bool ok;

    if (version_id != RAM_VERSION) {
        stream_note(s, "RAM has version %d here, not %d", RAM_VERSION, version_id);
        return vmstate_error(error, EINVAL, "%s", "");
    }
    do {
        word = stream_get_be64(s);
        flags = word & RAM_FLAGS;
        switch (flags & ~(uint64_t)RAM_FLAG_CONTINUE) {
        case RAM_FLAG_ZERO:
        case RAM_FLAG_PAGE:
        case RAM_FLAG_XBZRLE:
        case RAM_FLAG_COMPRESS_PAGE:
            ok = load_page(s, word - flags, flags, error);
            break;
        case RAM_FLAG_MEM_SIZE:
            ok = load_block_list(s, word - flags, error);
            break;
        case RAM_FLAG_EOS:
            ok = true;
            break;
        default:
            return vmstate_error(error, EINVAL, "Unknown combination of migration flags: 0x%" G_GINT64_MODIFIER "x", flags);
        }
        if (ok && stream_error(s)) {
            return vmstate_error(error, stream_errno(s), "%s", "");
        }
    } while (ok && !(flags & RAM_FLAG_EOS));
    return ok;
}

/* Runs of written pages of anonymous memory are given back to the kernel, which makes them zero. */
static void clear_written(LoadBlock *b)
{
    uint64_t pages = b->block->max_length / PAGE, run;

    for (uint64_t page = 0; page < pages; page += MAX(run, 1)) {
        for (run = 0; page + run < pages && bit(b->written, page + run); run++) {
        }
        if (run && (!b->block->is_anonymous || madvise(b->block->host + page * PAGE, run * PAGE, MADV_DONTNEED) < 0)) {
            memset(b->block->host + page * PAGE, 0, run * PAGE);
        }
    }
}

void ram_load_undo(void *opaque)
{
    GHashTableIter iter;
    LoadBlock *b;

    if (!ram.by_name) {
        return;
    }
    stop_populating();
    g_hash_table_iter_init(&iter, ram.by_name);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&b)) {
        if (b->block->used_length != b->old_length) {
            ramblock_resize(b->block, b->old_length, NULL);
        }
        clear_written(b);
    }
    for (guint i = 0; i < ram.kept->len; i++) {
        KeptPage *kept = ram.kept->pdata[i];

        memcpy(kept->block->block->host + kept->page * PAGE, kept->bytes, PAGE);
    }
}
