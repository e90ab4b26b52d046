/* Page walks (SDM vol. 3, chapter 4) for no paging, 32-bit, PAE and 4-level paging. */
#include "target/i386/exec/mmu.h"

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80, PTE_G = 0x100 };
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull
enum { EFER_LMA = 1 << 10, EFER_NXE = 1 << 11 };
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16 };

static void *entry_host(const RamSpan *span, uint64_t physical)
{
    return span->host + (physical - span->first);
}

static uint64_t entry_load(const X86Walk *w, uint64_t physical, unsigned size)
{
    const RamSpan *span;

    physical = x86_a20(&w->cpu->env, physical);
    span = w->x ? x86_ram_span(w->x, physical) : NULL;
    if (likely(span)) {
        return size == 8 ? __atomic_load_n((const uint64_t *)entry_host(span, physical), __ATOMIC_RELAXED)
                         : __atomic_load_n((const uint32_t *)entry_host(span, physical), __ATOMIC_RELAXED);
    }
    return address_space_load(x86_cpu_memory(w->cpu), physical, size, NULL);
}

/* Sets bits of an entry that still is what was read; false: it has changed. An entry in ROM stays as it is. */
static bool entry_update(const X86Walk *w, uint64_t physical, uint64_t old, uint64_t bits, unsigned size)
{
    const RamSpan *span;
    bool done;

    if (!w->x || (old & bits) == bits) {
        return true;
    }
    physical = x86_a20(&w->cpu->env, physical);
    span = x86_ram_span(w->x, physical);
    if (!span || span->readonly) {
        return true;
    }
    if (size == 8) {
        done = __atomic_compare_exchange_n((uint64_t *)entry_host(span, physical), &old, old | bits, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    } else {
        uint32_t expected = (uint32_t)old;
        done = __atomic_compare_exchange_n((uint32_t *)entry_host(span, physical), &expected, expected | (uint32_t)bits, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    if (done && unlikely(span->ram->mr->dirty_log)) {
        ramblock_set_dirty(span->ram, span->offset + (physical - span->first), size);
    }
    return done;
}

static uint64_t reserved_bits(const X86Walk *w)
{
    unsigned bits = w->cpu->phys_bits >= 32 && w->cpu->phys_bits <= 52 ? w->cpu->phys_bits : 40;

    return bits == 52 ? 0 : (PTE_ADDRESS & (~0ull << bits));
}

static bool page_fault(X86Walk *w, uint32_t error)
{
    const X86CPUState *env = &w->cpu->env;
    bool tells_fetch = (env->cr[4] & CR4_PAE && env->efer & EFER_NXE) || env->cr[4] & CR4_SMEP;

    w->error = error | (w->access == ACCESS_WRITE ? PF_W : 0) | (w->user ? PF_U : 0) |
               (w->access == ACCESS_FETCH && tells_fetch ? PF_I : 0);
    return false;
}

/* Whether the rights that all levels together give suffice for the access. */
static bool permits(const X86Walk *w, uint64_t rights, bool no_execute)
{
    const X86CPUState *env = &w->cpu->env;
    bool user_page = rights & PTE_U;

    if (w->access == ACCESS_FETCH && (no_execute || (!w->user && user_page && env->cr[4] & CR4_SMEP))) {
        return false;
    }
    if (w->user) {
        return user_page && (w->access != ACCESS_WRITE || rights & PTE_W);
    }
    if (w->access != ACCESS_FETCH && user_page && w->smap) {
        return false;
    }
    return w->access != ACCESS_WRITE || rights & PTE_W || !(env->cr[0] & CR0_WP);
}

/* A leaf of `shift` bits: checks, A and D. 1: done, 0: fault, -1: the entry changed meanwhile. */
static int take_leaf(X86Walk *w, uint64_t at, uint64_t entry, unsigned size, uint64_t rights, bool no_execute, uint64_t physical)
{
    const X86CPUState *env = &w->cpu->env;
    uint64_t bits = PTE_A | (w->access == ACCESS_WRITE ? PTE_D : 0);

    if (!permits(w, rights, no_execute)) {
        return page_fault(w, PF_P);
    }
    if (!entry_update(w, at, entry, bits, size)) {
        return -1;
    }
    entry |= w->x ? bits : 0;
    w->physical = physical;
    w->writable = entry & PTE_D && (rights & PTE_W || (!w->user && !(env->cr[0] & CR0_WP)));
    w->global = entry & PTE_G && env->cr[4] & CR4_PGE;
    return 1;
}

/* Entries of 8 bytes: PAE's three levels, or four. */
static int walk_long(X86Walk *w, uint64_t linear)
{
    const X86CPUState *env = &w->cpu->env;
    bool is_long = env->efer & EFER_LMA;
    uint64_t table = env->cr[3] & (is_long ? PTE_ADDRESS : 0xffffffe0u), rights = PTE_W | PTE_U;
    uint64_t reserved = reserved_bits(w) | (env->efer & EFER_NXE ? 0 : PTE_NX) | (is_long ? 0 : 0x7ff0000000000000ull);
    bool no_execute = false;

    for (unsigned level = is_long ? 4 : 3; ; level--) {
        unsigned shift = 3 + 9 * level;
        uint64_t at = table + (linear >> shift & (level == 3 && !is_long ? 3 : 511)) * 8, entry = entry_load(w, at, 8);
        bool pdpte = level == 3 && !is_long;

        if (!(entry & PTE_P)) {
            return page_fault(w, 0);
        }
        if (entry & (pdpte ? reserved | PTE_NX | 0x1e6 : reserved) || (level == 4 && entry & PTE_PS)) {
            return page_fault(w, PF_P | PF_RSVD);
        }
        if (!pdpte) {
            rights &= entry;
            no_execute |= entry >> 63;
        }
        if (level == 1 || (entry & PTE_PS && !pdpte)) {
            uint64_t inside = (1ull << shift) - 1;

            if (level > 1 && entry & PTE_ADDRESS & inside & ~0x1000ull) {
                return page_fault(w, PF_P | PF_RSVD);
            }
            w->shift = shift;
            return take_leaf(w, at, entry, 8, rights, no_execute, (entry & PTE_ADDRESS & ~inside) | (linear & inside));
        }
        if (!pdpte && !entry_update(w, at, entry, PTE_A, 8)) {
            return -1;
        }
        table = entry & PTE_ADDRESS;
    }
}

static int walk_32(X86Walk *w, uint64_t linear)
{
    const X86CPUState *env = &w->cpu->env;
    uint64_t at = (env->cr[3] & 0xfffff000u) + (linear >> 22 & 1023) * 4, entry = entry_load(w, at, 4);

    if (!(entry & PTE_P)) {
        return page_fault(w, 0);
    }
    if (entry & PTE_PS && env->cr[4] & CR4_PSE) {
        /* PSE-36: bits 13 to 20 are the address's 32 to 39; bit 21 is reserved. */
        if (entry & 1 << 21) {
            return page_fault(w, PF_P | PF_RSVD);
        }
        w->shift = 22;
        return take_leaf(w, at, entry, 4, entry, false, (entry & 0xffc00000u) | (entry >> 13 & 0xff) << 32 | (linear & 0x3fffff));
    }
    uint64_t rights = entry;
    if (!entry_update(w, at, entry, PTE_A, 4)) {
        return -1;
    }
    at = (entry & 0xfffff000u) + (linear >> 12 & 1023) * 4;
    entry = entry_load(w, at, 4);
    if (!(entry & PTE_P)) {
        return page_fault(w, 0);
    }
    return take_leaf(w, at, entry, 4, rights & entry, false, (entry & 0xfffff000u) | (linear & 0xfff));
}

bool x86_walk(X86Walk *w, uint64_t linear)
{
    const X86CPUState *env = &w->cpu->env;
    int result;

    w->shift = TARGET_PAGE_BITS;
    if (!(env->cr[0] & CR0_PG)) {
        w->physical = x86_a20(env, (uint32_t)linear);
        w->writable = true;
        w->global = false;
        return true;
    }
    do {
        result = env->cr[4] & CR4_PAE ? walk_long(w, linear) : walk_32(w, (uint32_t)linear);
    } while (result < 0);
    w->physical = x86_a20(env, w->physical);
    return result;
}

bool x86_translate(X86CPU *cpu, uint64_t linear, uint64_t *physical)
{
    X86Walk w = { .cpu = cpu, .access = ACCESS_READ };

    if (!x86_walk(&w, linear)) {
        return false;
    }
    *physical = w.physical;
    return true;
}
