/*
 * Between the parts of address translation: walk.c reads page tables, tlb.c keeps what they say, mmu.c accesses memory by
 * it.
 */
#ifndef TARGET_I386_EXEC_MMU_H
#define TARGET_I386_EXEC_MMU_H

#include "target/i386/exec/control-bits.h"
#include "target/i386/exec/engine.h"

#define PAGE_MASK (~(TARGET_PAGE_SIZE - 1))
enum { TLB_SUPERVISOR, TLB_SMAP, TLB_USER, TLB_ALIGNED };

typedef struct X86Walk {
    const X86CPU *cpu;
    X86Exec *x;             /* the thread's own engine, through which tables are read; NULL: only looks, sets no A and D bits */
    X86AccessKind access;
    bool user, smap;
    /* found */
    uint64_t physical;      /* of the byte */
    bool writable, global;
    unsigned shift;         /* the page's size; 12 also without paging */
    uint32_t error;         /* of the page fault */
} X86Walk;

/* False: a page fault. */
bool x86_walk(X86Walk *w, uint64_t linear);

/* The piece of RAM or ROM that a physical address is in; NULL: none, or not for a whole page. */
const RamSpan *x86_ram_span_slow(X86Exec *x, uint64_t physical);

static inline const RamSpan *x86_ram_span(X86Exec *x, uint64_t physical)
{
    const RamSpan *span = x->engine->spans;

    for (unsigned i = 0; i < RAM_SPANS; i++) {
        if (likely(physical - span[i].first < span[i].size)) {
            return &span[i];
        }
    }
    return x86_ram_span_slow(x, physical);
}

/* The translation of the page for such an access, from the cache or a walk. Faults. */
TlbCold *x86_page_of(X86Exec *x, uint64_t linear, X86AccessKind access, unsigned mode);
static inline uint64_t x86_a20(const X86CPUState *env, uint64_t physical)
{
    return physical & (uint64_t)(int64_t)env->a20_mask;
}

static inline bool x86_is_canonical(uint64_t linear)
{
    return (uint64_t)((int64_t)(linear << 16) >> 16) == linear;
}

/* For an address that is not canonical: #SS or #GP. */
unsigned x86_refusal(const X86Op *op, X86AccessKind access);

static inline unsigned x86_current_table(const X86Exec *x)
{
    return (unsigned)(((const uint8_t *)x->tlb - (const uint8_t *)x->engine->tlb) / sizeof(x->engine->tlb[0]));
}

#endif
