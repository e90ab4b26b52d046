/*
 * The translation caches. What was filled since the last flush is noted, so that a flush costs no more than what it takes
 * away: guests change address spaces often.
 */
#include <string.h>
#include <sys/mman.h>

#include "target/i386/exec/mem.h"
#include "target/i386/exec/mmu.h"

/* --- filling and dropping --- */

/* Tags that no access in that place of the table can match: see X86TlbEntry. */
static uint64_t no_tag(unsigned index)
{
    return index == 0 ? TARGET_PAGE_SIZE : 0;
}

static void drop_entry(X86ExecPrivate *p, unsigned mode, unsigned index)
{
    p->tlb[mode][index].read = p->tlb[mode][index].write = no_tag(index);
    p->cold[mode][index].linear = 0;
}

/* In such a place, what is not global, or all. */
static void drop(X86ExecPrivate *p, unsigned mode, unsigned index, bool all)
{
    if (all || !p->cold[mode][index].global) {
        drop_entry(p, mode, index);
    }
    if (all || !p->spare[mode][index].global) {
        p->spare[mode][index].linear = 0;
    }
}

static void note(TlbLog *log, unsigned index)
{
    if (log->count < TLB_LOG) {
        log->index[log->count] = (uint16_t)index;
    }
    log->count += log->count <= TLB_LOG;
}

/* Goes through what the log says, or if that is too much, all; and forgets it. */
#define FOR_NOTED(i, log, size)                                                                                     \
    for (unsigned n_ = 0, all_ = (log)->count > TLB_LOG, end_ = all_ ? (size) : (log)->count, i;                    \
         n_ < end_ ? (i = all_ ? n_ : (log)->index[n_], true) : ((log)->count = 0, false); n_++)

static void flush_local(X86ExecPrivate *p)
{
    for (unsigned mode = 0; mode < X86_TLB_MODES; mode++) {
        FOR_NOTED(i, &p->tlb_log[mode][0], X86_TLB_SIZE) {
            drop(p, mode, i, false);
        }
    }
    FOR_NOTED(i, &p->code_log[0], CODE_TLB_SIZE) {
        if (!p->code_tlb[i].global) {
            p->code_tlb[i].tag = 0;
        }
    }
    memset(p->large[0], 0, sizeof(p->large[0]));
    p->huge[0] = 0;
    p->era[0]++;
}

static void flush_all(X86ExecPrivate *p)
{
    flush_local(p);
    for (unsigned mode = 0; mode < X86_TLB_MODES; mode++) {
        FOR_NOTED(i, &p->tlb_log[mode][1], X86_TLB_SIZE) {
            drop(p, mode, i, true);
        }
    }
    FOR_NOTED(i, &p->code_log[1], CODE_TLB_SIZE) {
        p->code_tlb[i].tag = 0;
    }
    memset(p->large[1], 0, sizeof(p->large[1]));
    p->huge[1] = 0;
    p->era[1]++;
}

void x86_tlb_reset(X86Exec *x)
{
    X86ExecPrivate *p = x->engine;

    flush_all(p);
    for (unsigned mode = 0; mode < X86_TLB_MODES; mode++) {
        drop_entry(p, mode, 0);         /* as it has to be from the start */
    }
    memset(p->spans, 0, sizeof(p->spans));
}

void x86_tlb_flush(X86Exec *x, bool global)
{
    if (global || !(x->env->cr[4] & CR4_PGE)) {
        x86_tlb_reset(x);
    } else {
        flush_local(x->engine);
    }
}

/*
 * A large page is cached by its 4 KiB pages, all of which have to go with it. Which 2 MiB, and which GiB, have
 * translations from large pages is noted by a hash.
 */
static unsigned hash(uint64_t number, unsigned bits)
{
    return (unsigned)(number * 0x9e3779b97f4a7c15ull >> (64 - bits));
}

static void note_large(X86ExecPrivate *p, uint64_t linear, unsigned shift, bool global)
{
    if (shift == 21 || shift == 22) {
        uint64_t first = linear >> shift << (shift - 21);

        for (uint64_t n = first; n < first + (1u << (shift - 21)); n++) {
            p->large[global][hash(n, 12) / 64] |= 1ull << hash(n, 12) % 64;
        }
    } else if (shift == 30) {
        p->huge[global] |= 1ull << hash(linear >> 30, 6);
    }
}

static bool may_be_large(const X86ExecPrivate *p, uint64_t linear)
{
    unsigned n = hash(linear >> 21, 12);

    return (p->large[0][n / 64] | p->large[1][n / 64]) >> n % 64 & 1 || (p->huge[0] | p->huge[1]) >> hash(linear >> 30, 6) & 1;
}

void x86_tlb_flush_page(X86Exec *x, uint64_t linear)
{
    X86ExecPrivate *p = x->engine;
    unsigned index = linear >> TARGET_PAGE_BITS & (X86_TLB_SIZE - 1);

    if (may_be_large(p, linear)) {
        flush_all(p);
        return;
    }
    for (unsigned mode = 0; mode < X86_TLB_MODES; mode++) {
        if (p->cold[mode][index].linear == ((linear & PAGE_MASK) | 1)) {
            drop_entry(p, mode, index);
        }
        if (p->spare[mode][index].linear == ((linear & PAGE_MASK) | 1)) {
            p->spare[mode][index].linear = 0;
        }
    }
    p->code_tlb[x86_code_index(linear)].tag = 0;
    p->era[0]++;
    p->era[1] += linear >> 63;
}

bool x86_tlb_protect(X86Exec *x, const uint8_t *host_page)
{
    X86ExecPrivate *p = x->engine;
    uint64_t host = (uint64_t)(uintptr_t)host_page;
    bool could = false;

    for (unsigned mode = 0; mode < X86_TLB_MODES; mode++) {
        X86TlbEntry *entries = p->tlb[mode];

        for (unsigned i = 0; p->tlb_used[mode] && i < X86_TLB_SIZE; i++) {
            if (entries[i].write + entries[i].addend == host) {
                entries[i].write = no_tag(i);
                could = true;
            }
        }
    }
    return could;
}

/* --- what is where --- */

uint64_t *x86_ram_code(RAMBlock *ram)
{
    uint64_t *code = __atomic_load_n(&ram->code, __ATOMIC_ACQUIRE), *expected = NULL;
    size_t size = ram->max_length / TARGET_PAGE_SIZE * sizeof(uint64_t);

    if (likely(code)) {
        return code;
    }
    code = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (code == MAP_FAILED) {
        g_error("cannot set up the map of translated code of '%s'", ram->name);
    }
    if (!__atomic_compare_exchange_n(&ram->code, &expected, code, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        munmap(code, size);
        code = expected;
    }
    return code;
}

const RamSpan *x86_ram_span_slow(X86Exec *x, uint64_t physical)
{
    X86ExecPrivate *p = x->engine;
    uint64_t page = physical & PAGE_MASK;
    MemorySection s = address_space_lookup(x86_cpu_memory(x->cpu), page);
    RamSpan *span = NULL;

    if (!s.mr || !s.mr->ram || s.size < TARGET_PAGE_SIZE || ((uintptr_t)s.mr->ram->host + s.offset) & ~PAGE_MASK) {
        return NULL;
    }
    RamSpan found = {
        .first = page, .size = s.size & PAGE_MASK, .host = s.mr->ram->host + s.offset, .ram = s.mr->ram, .offset = s.offset,
        .readonly = s.readonly || s.mr->kind != MR_RAM,
    };
    /* The same piece, from further up on? */
    for (unsigned i = 0; i < RAM_SPANS && !span; i++) {
        if (p->spans[i].ram == found.ram && p->spans[i].first + p->spans[i].size == found.first + found.size) {
            span = &p->spans[i];
        }
    }
    if (!span) {
        span = &p->spans[p->span_next++ % RAM_SPANS];
    }
    *span = found;
    return span;
}

/* What is at a page of physical memory, as far as it can be reached directly. */
static void look_at(X86Exec *x, uint64_t page, TlbCold *cold)
{
    const RamSpan *span = x86_ram_span(x, page);

    cold->host = NULL;
    cold->code = NULL;
    cold->ram = NULL;
    cold->readonly = true;
    if (span) {
        cold->ram = span->ram;
        cold->ram_offset = span->offset + (page - span->first);
        cold->host = span->host + (page - span->first);
        cold->code = &x86_ram_code(span->ram)[cold->ram_offset >> TARGET_PAGE_BITS];
        cold->readonly = span->readonly;
    }
}

/*
 * Whether writes to a page need not be seen from here on. Migration wants to know of the first in each of its rounds: it
 * is told now, and has all engines forget when it begins another (ramblock_rewrite_hook).
 */
static bool may_write_unseen(const TlbCold *cold)
{
    uint32_t log = cold->ram->mr->dirty_log;

    if (cold->readonly || cold->watched || log & ~(1u << DIRTY_CODE | 1u << DIRTY_MIGRATION) ||
        __atomic_load_n(cold->code, __ATOMIC_SEQ_CST)) {
        return false;
    }
    if (log & 1u << DIRTY_MIGRATION) {
        ramblock_set_dirty(cold->ram, cold->ram_offset, 1);
    }
    return true;
}

/* --- looking --- */

/* #SS if it is the stack's, which a fast handler's instruction tells. */
unsigned x86_refusal(const X86Op *op, X86AccessKind access)
{
    bool memory = op && op->flags & X86_OP_MEM;
    unsigned operand = memory && op->seg == R_SS ? EXCP_SS : EXCP_GP;

    switch (op ? op->id : X86_UNDEFINED) {
    case X86_PUSH: case X86_CALL: case X86_CALL_IND:
        return !memory || access == ACCESS_WRITE ? EXCP_SS : operand;
    case X86_POP:
        return !memory || access == ACCESS_READ ? EXCP_SS : operand;
    case X86_RET: case X86_LEAVE: case X86_ENTER:
        return EXCP_SS;
    default:
        return operand;
    }
}

/* What a walk finds takes the place of what was there, which is kept aside. */
static void fill(X86Exec *x, TlbCold *cold, uint64_t linear, X86AccessKind access, unsigned mode)
{
    X86ExecPrivate *p = x->engine;
    X86Walk w = { .cpu = x->cpu, .x = x, .access = access, .user = mode == TLB_USER, .smap = mode == TLB_SMAP };
    unsigned index = linear >> TARGET_PAGE_BITS & (X86_TLB_SIZE - 1);

    if (x86_long_code(x) && !x86_is_canonical(linear)) {
        x86_raise_error(x, x86_refusal(x->op, access), 0);
    }
    if (!x86_walk(&w, linear)) {
        x86_raise_page_fault(x, linear, w.error);
    }
    if (cold->linear != ((linear & PAGE_MASK) | 1)) {
        p->spare[mode][index] = *cold;
    }
    note_large(p, linear, w.shift, w.global);
    note(&p->tlb_log[mode][w.global], index);
    p->tlb_used[mode] = true;
    cold->linear = (linear & PAGE_MASK) | 1;
    cold->physical = w.physical & PAGE_MASK;
    cold->may_write = w.writable;
    cold->global = w.global;
    cold->watched = x86_debug_watches(x, linear & PAGE_MASK);
    look_at(x, cold->physical, cold);
}

TlbCold *x86_page_of(X86Exec *x, uint64_t linear, X86AccessKind access, unsigned mode)
{
    X86ExecPrivate *p = x->engine;
    unsigned index = linear >> TARGET_PAGE_BITS & (X86_TLB_SIZE - 1);
    TlbCold *cold = &p->cold[mode][index], *spare = &p->spare[mode][index];
    X86TlbEntry *entry = &p->tlb[mode][index];
    uint64_t tag = (linear & PAGE_MASK) | 1;

    if (cold->linear != tag || (access == ACCESS_WRITE && !cold->may_write)) {
        if (cold->linear != tag && spare->linear == tag) {
            TlbCold other = *cold;

            *cold = *spare;
            *spare = other;
            entry->read = entry->write = no_tag(index);
        }
        if (cold->linear != tag || (access == ACCESS_WRITE && !cold->may_write)) {
            fill(x, cold, linear, access, mode);
        }
        entry->read = entry->write = no_tag(index);
        if (cold->host && !cold->watched) {
            entry->addend = (uint64_t)(uintptr_t)cold->host - (linear & PAGE_MASK);
            entry->read = linear & PAGE_MASK;
        }
    }
    if (access == ACCESS_WRITE && cold->host && may_write_unseen(cold)) {
        entry->write = linear & PAGE_MASK;
    }
    return cold;
}

const CodeTlb *x86_code_page(X86Exec *x, uint64_t linear)
{
    bool user = x86_cpl(x) == 3;
    CodeTlb *c = &x->engine->code_tlb[x86_code_index(linear)];
    uint64_t tag = (linear & PAGE_MASK) | x->code_tag;
    X86Walk w = { .cpu = x->cpu, .x = x, .access = ACCESS_FETCH, .user = user };
    TlbCold at;

    if (likely(c->tag == tag)) {
        return c;
    }
    if (x86_long_code(x) && !x86_is_canonical(linear)) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    if (!x86_walk(&w, linear)) {
        x86_raise_page_fault(x, linear, w.error);
    }
    look_at(x, w.physical & PAGE_MASK, &at);
    c->tag = tag;
    c->host = at.host;
    c->code = at.code;
    c->ram = at.ram;
    c->global = w.global;
    note_large(x->engine, linear, w.shift, w.global);
    note(&x->engine->code_log[w.global], x86_code_index(linear));
    if (!at.host) {
        c->tag = 0;         /* looked at each time: device memory as code is too strange to be fast */
    }
    return c;
}
