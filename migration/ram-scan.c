/*
 * See ram-scan.h. The block is cut into chunks; either thread takes a free one, looks through it, and then says so. The
 * helper takes the chunks next after the sender's, up to AHEAD of them, so the sender finds most of them done; when the
 * one that it needs is under way, it takes a later one meanwhile, so that both work when nothing has to be written.
 */
#include "ram-scan.h"

#include <sched.h>
#include <string.h>

#include "ram.h"

enum {
    PAGE = TARGET_PAGE_SIZE,
    BITS = 64,
    CHUNK = 256,                /* pages; a multiple of BITS */
    AHEAD = 32,                 /* chunks */
    WORTH_A_THREAD = 32 * 1024 * 1024 / PAGE,
    WORTH_ASKING = 32,          /* pages of a chunk from which the kernel is asked which ones were never touched */
};

enum { FREE, TAKEN, DONE };

struct RamScan {
    /* Set while the helper rests. */
    const RAMBlock *block;
    const unsigned long *wanted;
    uint64_t pages, chunks;
    unsigned long *zero;        /* of a chunk: its taker's until it is DONE */
    uint8_t *state;             /* one a chunk, atomic */
    uint64_t at;                /* the sender's chunk, atomic */
    /* The helper, or NULL. */
    GThread *helper;
    GMutex lock;
    GCond cond;
    bool go, stop, quit;        /* stop: atomic */
    bool resting;               /* atomic; changes under the lock */
    uint64_t wake_at;           /* while it rests: from which chunk of the sender's on it is woken */
};

static bool bit(const unsigned long *bitmap, uint64_t page)
{
    return bitmap[page / BITS] >> page % BITS & 1;
}

static void look_through(RamScan *scan, uint64_t chunk)
{
    uint64_t first = chunk * CHUNK, count = MIN(CHUNK, scan->pages - first), words = (count + BITS - 1) / BITS;
    const unsigned long *wanted = scan->wanted + first / BITS;
    unsigned long *zero = scan->zero + first / BITS, untouched[CHUNK / BITS] = { 0 };
    const uint8_t *host = scan->block->host + first * PAGE;
    unsigned number = 0;

    for (uint64_t word = 0; word < words; word++) {
        number += __builtin_popcountl(wanted[word]);
    }
    if (number >= WORTH_ASKING && !ram_untouched_pages(scan->block, first, count, untouched)) {
        memset(untouched, 0, sizeof(untouched));
    }
    for (uint64_t word = 0; word < words; word++) {
        zero[word] = untouched[word];
        for (unsigned long left = wanted[word] & ~untouched[word]; left; left &= left - 1) {
            unsigned n = __builtin_ctzl(left);

            if (page_is_zero(host + (word * BITS + n) * PAGE)) {
                zero[word] |= 1ul << n;
            }
        }
    }
}

/* Does the chunk if nobody has taken it. */
static bool take(RamScan *scan, uint64_t chunk)
{
    uint8_t expected = FREE;

    if (__atomic_load_n(&scan->state[chunk], __ATOMIC_RELAXED) != FREE ||
        !__atomic_compare_exchange_n(&scan->state[chunk], &expected, TAKEN, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return false;
    }
    look_through(scan, chunk);
    __atomic_store_n(&scan->state[chunk], DONE, __ATOMIC_RELEASE);
    return true;
}

static bool take_one_ahead(RamScan *scan)
{
    uint64_t at = __atomic_load_n(&scan->at, __ATOMIC_RELAXED), end = MIN(at + AHEAD, scan->chunks);

    for (uint64_t chunk = at + 1; chunk < end; chunk++) {
        if (take(scan, chunk)) {
            return true;
        }
    }
    return false;
}

static gpointer help(gpointer opaque)
{
    RamScan *scan = opaque;

    g_mutex_lock(&scan->lock);
    while (!scan->quit) {
        if (!scan->go) {
            g_cond_wait(&scan->cond, &scan->lock);
            continue;
        }
        scan->go = false;
        __atomic_store_n(&scan->resting, false, __ATOMIC_RELAXED);
        g_mutex_unlock(&scan->lock);
        while (!__atomic_load_n(&scan->stop, __ATOMIC_RELAXED) && take_one_ahead(scan)) {
        }
        g_mutex_lock(&scan->lock);
        __atomic_store_n(&scan->wake_at, __atomic_load_n(&scan->at, __ATOMIC_RELAXED) + AHEAD / 2, __ATOMIC_RELAXED);
        __atomic_store_n(&scan->resting, true, __ATOMIC_RELEASE);
        g_cond_broadcast(&scan->cond);
    }
    g_mutex_unlock(&scan->lock);
    return NULL;
}

static void wake(RamScan *scan, bool quit)
{
    g_mutex_lock(&scan->lock);
    scan->go = true;
    scan->quit = quit;
    g_cond_broadcast(&scan->cond);
    g_mutex_unlock(&scan->lock);
}

RamScan *ram_scan_new(void)
{
    RamScan *scan = g_new0(RamScan, 1);

    g_mutex_init(&scan->lock);
    g_cond_init(&scan->cond);
    scan->resting = true;
    return scan;
}

void ram_scan_free(RamScan *scan)
{
    ram_scan_end(scan);
    if (scan->helper) {
        wake(scan, true);
        g_thread_join(scan->helper);
    }
    g_mutex_clear(&scan->lock);
    g_cond_clear(&scan->cond);
    g_free(scan->zero);
    g_free(scan->state);
    g_free(scan);
}

void ram_scan_begin(RamScan *scan, const RAMBlock *block, const unsigned long *wanted, uint64_t pages)
{
    ram_scan_end(scan);
    scan->block = block;
    scan->wanted = wanted;
    scan->pages = pages;
    scan->chunks = (pages + CHUNK - 1) / CHUNK;
    scan->zero = g_renew(unsigned long, scan->zero, scan->chunks * (CHUNK / BITS));
    scan->state = g_renew(uint8_t, scan->state, scan->chunks);
    memset(scan->state, FREE, scan->chunks);
    scan->at = UINT64_MAX;
    scan->wake_at = 0;
    if (!scan->helper && pages >= WORTH_A_THREAD && g_get_num_processors() > 1) {
        scan->helper = g_thread_try_new("ram-scan", help, scan, NULL);
    }
}

const RAMBlock *ram_scan_block(const RamScan *scan)
{
    return scan->block;
}

void ram_scan_end(RamScan *scan)
{
    if (scan->helper) {
        g_mutex_lock(&scan->lock);
        __atomic_store_n(&scan->stop, true, __ATOMIC_RELAXED);
        while (scan->go || !scan->resting) {
            g_cond_wait(&scan->cond, &scan->lock);
        }
        __atomic_store_n(&scan->stop, false, __ATOMIC_RELAXED);
        g_mutex_unlock(&scan->lock);
    }
    scan->block = NULL;
}

static void go_to(RamScan *scan, uint64_t chunk)
{
    __atomic_store_n(&scan->at, chunk, __ATOMIC_RELAXED);
    if (scan->helper && __atomic_load_n(&scan->resting, __ATOMIC_ACQUIRE) &&
        chunk >= __atomic_load_n(&scan->wake_at, __ATOMIC_RELAXED)) {
        wake(scan, false);
    }
    take(scan, chunk);
    while (__atomic_load_n(&scan->state[chunk], __ATOMIC_ACQUIRE) != DONE) {
        if (!take_one_ahead(scan)) {
            sched_yield();
        }
    }
}

bool ram_scan_is_zero(RamScan *scan, uint64_t page)
{
    if (scan->at != page / CHUNK) {
        go_to(scan, page / CHUNK);
    }
    return bit(scan->zero, page);
}
