/*
 * Translated blocks: finding them by the code's place in host memory and the mode, chaining, and letting them go when their bytes
 * are written. See engine.h for how writers and engines find each other.
 */
#include <string.h>
#include <sys/mman.h>

#include "target/i386/exec/engine.h"

enum { GRANULE_SHIFT = 6 };
#define PAGE_MASK (~(TARGET_PAGE_SIZE - 1))

static pthread_mutex_t engines_mutex = PTHREAD_MUTEX_INITIALIZER;
static X86Exec *engines;

/* --- tables --- */

static unsigned block_bucket(const uint8_t *host, uint32_t mode)
{
    uint64_t key = (uint64_t)(uintptr_t)host ^ (uint64_t)mode << 40;

    return (unsigned)((key * 0x9e3779b97f4a7c15ull) >> 48) & (BLOCK_BUCKETS - 1);
}

static CodePage **page_bucket(X86ExecPrivate *p, const uint8_t *host)
{
    return &p->pages[(((uint64_t)(uintptr_t)host >> TARGET_PAGE_BITS) * 0x9e3779b97f4a7c15ull) >> 51 & (PAGE_BUCKETS - 1)];
}

static CodePage *find_page(X86ExecPrivate *p, const uint8_t *host)
{
    CodePage *page = *page_bucket(p, host);

    while (page && page->host != host) {
        page = page->next;
    }
    return page;
}

static void *arena_take(X86ExecPrivate *p, size_t size)
{
    size = (size + 63) & ~(size_t)63;
    if (!p->arena) {
        void *arena = mmap(NULL, X86_ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (arena == MAP_FAILED) {
            g_error("cannot set up the code cache");
        }
        p->arena = arena;
    }
    if (size > X86_ARENA_SIZE - p->arena_used) {
        p->arena_full = true;
        return NULL;
    }
    void *taken = p->arena + p->arena_used;
    p->arena_used += size;
    return taken;
}

X86Block *x86_block_alloc(X86Exec *x, unsigned records)
{
    return arena_take(x->engine, sizeof(X86Block) + records * sizeof(X86Op) + 4 * sizeof(CodePage));
}

static void add_to_page(X86ExecPrivate *p, X86Block *block, unsigned which, const uint8_t *host)
{
    CodePage *page = find_page(p, host);

    if (!page) {
        CodePage **bucket = page_bucket(p, host);

        page = arena_take(p, sizeof(*page));
        if (!page) {            /* x86_block_alloc() leaves room for it, so only after a flush that is due anyway */
            return;
        }
        *page = (CodePage){ .host = host, .next = *bucket };
        *bucket = page;
    }
    block->page_next[which] = page->blocks;
    page->blocks = block;
}

void x86_block_insert(X86Exec *x, X86Block *block)
{
    X86ExecPrivate *p = x->engine;
    X86Block **bucket = &p->blocks[block_bucket(block->host, block->mode)];

    block->hash_next = *bucket;
    *bucket = block;
    add_to_page(p, block, 0, (const uint8_t *)((uintptr_t)block->host & PAGE_MASK));
    if (block->second) {
        add_to_page(p, block, 1, block->second);
    }
}

/* --- writes --- */

static bool is_second(const X86Block *block, const uint8_t *page)
{
    return block->second == page;
}

/* The granules of the page that the block has bytes in. */
static uint64_t granules(unsigned offset, unsigned bytes)
{
    unsigned first = offset >> GRANULE_SHIFT, last = (offset + bytes - 1) >> GRANULE_SHIFT;

    return ~0ull << first & ~0ull >> (63 - last);
}

static uint64_t block_granules(const X86Block *block, const uint8_t *page)
{
    unsigned offset = (uintptr_t)block->host & ~PAGE_MASK;

    if (is_second(block, page)) {
        return granules(0, offset + block->bytes - TARGET_PAGE_SIZE);
    }
    return granules(offset, MIN(block->bytes, TARGET_PAGE_SIZE - offset));
}

/* Nobody comes to the block any more, and who is in it leaves it before the next instruction. */
static void kill_block(X86ExecPrivate *p, X86Block *block)
{
    X86Block **link = &p->blocks[block_bucket(block->host, block->mode)];

    while (*link && *link != block) {
        link = &(*link)->hash_next;
    }
    if (*link) {
        *link = block->hash_next;
    }
    for (X86Link *in = block->incoming, *next; in; in = next) {
        next = in->next;
        in->target = NULL;
        in->next = NULL;
    }
    block->incoming = NULL;
    block->host = NULL;
    block->checked = 0;
    for (unsigned i = 0; i < block->records; i++) {
        block->ops[i].fn = x86_op_dead;
    }
}

static void remove_from_page(X86ExecPrivate *p, X86Block *block, const uint8_t *page)
{
    CodePage *cp = find_page(p, page);
    X86Block **link = cp ? &cp->blocks : NULL;

    while (link && *link && *link != block) {
        link = &(*link)->page_next[is_second(*link, page)];
    }
    if (link && *link) {
        *link = block->page_next[is_second(block, page)];
    }
}

static void kill_in_page(X86Exec *x, const uint8_t *page, uint64_t bits)
{
    X86ExecPrivate *p = x->engine;
    CodePage *cp = find_page(p, page);
    X86Block **link = cp ? &cp->blocks : NULL;

    while (link && *link) {
        X86Block *block = *link;
        bool second = is_second(block, page);

        if (!(block_granules(block, page) & bits)) {
            link = &block->page_next[second];
            continue;
        }
        *link = block->page_next[second];
        if (block->second) {
            const uint8_t *other = second ? (const uint8_t *)((uintptr_t)block->host & PAGE_MASK) : block->second;

            remove_from_page(p, block, other);
        }
        kill_block(p, block);
    }
}

static void post(X86Exec *x, const uint8_t *page, uint64_t bits)
{
    X86ExecPrivate *p = x->engine;

    pthread_mutex_lock(&p->mutex);
    if (p->request_count < REQUESTS) {
        p->requests[p->request_count++] = (CodeRequest){ page, bits };
    } else {
        p->requests_overflow = true;
    }
    pthread_mutex_unlock(&p->mutex);
    x86_exec_kick(x, X86_PENDING_CODE);
}

static void post_to_all(const uint8_t *page, uint64_t bits, X86Exec *but)
{
    pthread_mutex_lock(&engines_mutex);
    for (X86Exec *x = engines; x; x = x->engine->next) {
        if (x != but) {
            post(x, page, bits);
        }
    }
    pthread_mutex_unlock(&engines_mutex);
}

/* The engine that this thread runs. */
static __thread X86Exec *own;

void x86_code_written(RAMBlock *ram, uint64_t offset, uint64_t length)
{
    uint64_t end = offset + length;

    for (uint64_t at = offset; at < end;) {
        uint64_t *word = &ram->code[at >> TARGET_PAGE_BITS];
        unsigned inside = at & ~PAGE_MASK;
        unsigned n = (unsigned)MIN(end - at, TARGET_PAGE_SIZE - inside);

        if (unlikely(__atomic_load_n(word, __ATOMIC_RELAXED))) {
            uint64_t bits = granules(inside, n);
            bits &= __atomic_fetch_and(word, ~bits, __ATOMIC_SEQ_CST);
            if (bits) {
                const uint8_t *page = ram->host + (at & PAGE_MASK);

                if (own) {
                    kill_in_page(own, page, bits);
                }
                post_to_all(page, bits, own);
            }
        }
        at += n;
    }
}

static void code_hook(RAMBlock *ram, uint64_t offset, uint64_t length)
{
    if (length > 0) {
        x86_code_written(ram, offset, length);
        return;
    }
    /* The block goes: forget all. It is out of every map, so nobody runs from it any more. */
    pthread_mutex_lock(&engines_mutex);
    for (X86Exec *x = engines; x; x = x->engine->next) {
        pthread_mutex_lock(&x->engine->mutex);
        x->engine->requests_overflow = true;
        pthread_mutex_unlock(&x->engine->mutex);
        x86_exec_kick(x, X86_PENDING_CODE | X86_PENDING_TLB);
    }
    pthread_mutex_unlock(&engines_mutex);
}

bool x86_code_mark(X86Exec *x, const CodeTlb *page, unsigned offset, unsigned bytes)
{
    uint64_t bits = granules(offset, bytes), old;

    if (!page->code || (__atomic_load_n(page->code, __ATOMIC_RELAXED) & bits) == bits) {
        return false;
    }
    old = __atomic_fetch_or(page->code, bits, __ATOMIC_SEQ_CST);
    if (old == 0) {
        x86_tlb_protect(x, page->host);
        post_to_all(page->host, 0, x);
    }
    return true;
}

void x86_code_serve(X86Exec *x)
{
    X86ExecPrivate *p = x->engine;
    CodeRequest requests[REQUESTS];
    unsigned count;
    bool overflow;

    own = x;
    pthread_mutex_lock(&p->mutex);
    count = p->request_count;
    overflow = p->requests_overflow;
    memcpy(requests, p->requests, count * sizeof(requests[0]));
    p->request_count = 0;
    p->requests_overflow = false;
    pthread_mutex_unlock(&p->mutex);
    if (overflow) {
        x86_code_reset(x);
        x86_tlb_reset(x);       /* new code pages may be among what was lost */
    }
    for (unsigned i = 0; i < count; i++) {
        if (requests[i].bits) {
            kill_in_page(x, requests[i].page, requests[i].bits);
        } else if (x86_tlb_protect(x, requests[i].page)) {
            /* We may have written since it was read: whoever did has to read again. */
            post_to_all(requests[i].page, ~0ull, x);
        }
    }
}

void x86_code_reset(X86Exec *x)
{
    X86ExecPrivate *p = x->engine;

    memset(p->blocks, 0, sizeof(p->blocks));
    memset(p->pages, 0, sizeof(p->pages));
    memset(p->jumps, 0, sizeof(p->jumps));
    memset(x->returns, 0, sizeof(x->returns));
    if (p->arena_used > 1 << 20) {
        madvise(p->arena, p->arena_used, MADV_DONTNEED);
    }
    p->arena_used = 0;
    p->arena_full = false;
}

void x86_code_add_engine(X86Exec *x)
{
    pthread_mutex_lock(&engines_mutex);
    x->engine->next = engines;
    engines = x;
    __atomic_store_n(&ramblock_code_hook, code_hook, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&engines_mutex);
}

void x86_code_remove_engine(X86Exec *x)
{
    pthread_mutex_lock(&engines_mutex);
    for (X86Exec **link = &engines; *link; link = &(*link)->engine->next) {
        if (*link == x) {
            *link = x->engine->next;
            break;
        }
    }
    pthread_mutex_unlock(&engines_mutex);
    if (own == x) {
        own = NULL;
    }
    if (x->engine->arena) {
        munmap(x->engine->arena, X86_ARENA_SIZE);
    }
}

/* --- finding --- */

X86Block *x86_block_find(X86Exec *x, uint64_t eip)
{
    X86ExecPrivate *p = x->engine;
    uint64_t linear = x86_long_code(x) ? eip : (uint32_t)(x->env->segs[R_CS].base + eip);
    const CodeTlb *page = x86_code_page(x, linear);
    const uint8_t *host = page->host + (linear & ~PAGE_MASK);

    if (unlikely(!page->host)) {
        return x86_translate_block(x, eip, page, linear);
    }
    X86Block *block = p->blocks[block_bucket(host, x->mode)];
    while (block && !(block->host == host && block->mode == x->mode)) {
        block = block->hash_next;
    }
    if (block && block->second) {
        const uint8_t *second = x86_code_page(x, x86_long_code(x) ? (linear | ~PAGE_MASK) + 1 :
                                                                    (uint32_t)((linear | ~PAGE_MASK) + 1))->host;

        if (block->second == second) {
            return block;
        }
        /* The pages lie differently now. */
        remove_from_page(p, block, (const uint8_t *)((uintptr_t)block->host & PAGE_MASK));
        remove_from_page(p, block, block->second);
        kill_block(p, block);
        block = NULL;
        page = x86_code_page(x, linear);
    }
    if (!block) {
        block = x86_translate_block(x, eip, page, linear);
    }
    if (block && block->host && (x->mode & (MODE_FLAT | MODE_SINGLE)) == MODE_FLAT) {
        bool global = page->global && eip >> 63 && (!block->second || x86_code_page(x, (linear | ~PAGE_MASK) + 1)->global);

        block->eip = eip;
        block->era = &p->era[global];
        block->checked = *block->era;
        *x86_jump_entry(p, eip) = block;
    }
    return block;
}
