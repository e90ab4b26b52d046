/*
 * Linear addresses to memory: page walks (SDM vol. 3, chapter 4) for no paging, 32-bit, PAE and 4-level paging, the
 * translation caches, and accesses that these can't serve: devices, page crossings, pages whose writes must be seen.
 */
#include <string.h>
#include <sys/mman.h>

#include "system/main-loop.h"
#include "target/i386/exec/engine.h"
#include "target/i386/exec/mem.h"
#include "target/i386/exec/vector.h"
#include "util/byteorder.h"

#define PAGE_MASK (~(TARGET_PAGE_SIZE - 1))
enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80, PTE_G = 0x100 };
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull
enum { CR0_WP = 1 << 16, CR4_PSE = 1 << 4, CR4_PAE = 1 << 5, CR4_PGE = 1 << 7, CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21 };
#define CR0_PG (1u << 31)
enum { EFER_LMA = 1 << 10, EFER_NXE = 1 << 11 };
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16 };
enum { TLB_SUPERVISOR, TLB_SMAP, TLB_USER, TLB_ALIGNED };

/* --- the walk --- */

typedef struct Walk {
    const X86CPU *cpu;
    bool quiet;             /* no A and D bits */
    X86AccessKind access;
    bool user, smap;
    /* found */
    uint64_t physical;      /* of the byte */
    bool writable, global;
    unsigned shift;         /* the page's size; 12 also without paging */
    uint32_t error;         /* of the page fault */
} Walk;

static uint64_t a20(const X86CPUState *env, uint64_t physical)
{
    return physical & (uint64_t)(int64_t)env->a20_mask;
}

static uint64_t entry_load(const Walk *w, uint64_t physical, unsigned size)
{
    return address_space_load(x86_cpu_memory(w->cpu), a20(&w->cpu->env, physical), size, NULL);
}

/* Sets bits of an entry that still is what was read; false: it has changed. An entry in ROM stays as it is. */
static bool entry_update(const Walk *w, uint64_t physical, uint64_t old, uint64_t bits, unsigned size)
{
    if (w->quiet || (old & bits) == bits) {
        return true;
    }
    MemorySection s = address_space_lookup(x86_cpu_memory(w->cpu), a20(&w->cpu->env, physical));
    if (!s.mr || s.mr->kind != MR_RAM || s.readonly || s.size < size) {
        return true;
    }
    void *host = s.mr->ram->host + s.offset;
    bool done;
    if (size == 8) {
        done = __atomic_compare_exchange_n((uint64_t *)host, &old, old | bits, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    } else {
        uint32_t expected = (uint32_t)old;
        done = __atomic_compare_exchange_n((uint32_t *)host, &expected, expected | (uint32_t)bits, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    }
    if (done && unlikely(s.mr->dirty_log)) {
        ramblock_set_dirty(s.mr->ram, s.offset, size);
    }
    return done;
}

static uint64_t reserved_bits(const Walk *w)
{
    unsigned bits = w->cpu->phys_bits >= 32 && w->cpu->phys_bits <= 52 ? w->cpu->phys_bits : 40;

    return bits == 52 ? 0 : (PTE_ADDRESS & (~0ull << bits));
}

static bool page_fault(Walk *w, uint32_t error)
{
    const X86CPUState *env = &w->cpu->env;
    bool tells_fetch = (env->cr[4] & CR4_PAE && env->efer & EFER_NXE) || env->cr[4] & CR4_SMEP;

    w->error = error | (w->access == ACCESS_WRITE ? PF_W : 0) | (w->user ? PF_U : 0) |
               (w->access == ACCESS_FETCH && tells_fetch ? PF_I : 0);
    return false;
}

/* Whether the rights that all levels together give suffice for the access. */
static bool permits(const Walk *w, uint64_t rights, bool no_execute)
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
static int take_leaf(Walk *w, uint64_t at, uint64_t entry, unsigned size, uint64_t rights, bool no_execute, uint64_t physical)
{
    const X86CPUState *env = &w->cpu->env;
    uint64_t bits = PTE_A | (w->access == ACCESS_WRITE ? PTE_D : 0);

    if (!permits(w, rights, no_execute)) {
        return page_fault(w, PF_P);
    }
    if (!entry_update(w, at, entry, bits, size)) {
        return -1;
    }
    entry |= w->quiet ? 0 : bits;
    w->physical = physical;
    w->writable = entry & PTE_D && (rights & PTE_W || (!w->user && !(env->cr[0] & CR0_WP)));
    w->global = entry & PTE_G && env->cr[4] & CR4_PGE;
    return 1;
}

/* Entries of 8 bytes: PAE's three levels, or four. */
static int walk_long(Walk *w, uint64_t linear)
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

static int walk_32(Walk *w, uint64_t linear)
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

static bool walk(Walk *w, uint64_t linear)
{
    const X86CPUState *env = &w->cpu->env;
    int result;

    w->shift = TARGET_PAGE_BITS;
    if (!(env->cr[0] & CR0_PG)) {
        w->physical = a20(env, (uint32_t)linear);
        w->writable = true;
        w->global = false;
        return true;
    }
    do {
        result = env->cr[4] & CR4_PAE ? walk_long(w, linear) : walk_32(w, (uint32_t)linear);
    } while (result < 0);
    w->physical = a20(env, w->physical);
    return result;
}

bool x86_translate(X86CPU *cpu, uint64_t linear, uint64_t *physical)
{
    Walk w = { .cpu = cpu, .quiet = true, .access = ACCESS_READ };

    if (!walk(&w, linear)) {
        return false;
    }
    *physical = w.physical;
    return true;
}

/* --- the caches --- */

static bool is_canonical(uint64_t linear)
{
    return (uint64_t)((int64_t)(linear << 16) >> 16) == linear;
}

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

void x86_tlb_reset(X86Exec *x)
{
    X86ExecPrivate *p = x->engine;

    for (unsigned mode = 0; mode < X86_TLB_MODES; mode++) {
        if (p->tlb_used[mode]) {
            memset(p->tlb[mode], 0, sizeof(p->tlb[mode]));
            memset(p->cold[mode], 0, sizeof(p->cold[mode]));
            p->tlb_used[mode] = false;
        }
        drop_entry(p, mode, 0);
    }
    memset(p->code_tlb, 0, sizeof(p->code_tlb));
    memset(p->large, 0, sizeof(p->large));
    p->huge = 0;
}

void x86_tlb_flush(X86Exec *x, bool global)
{
    X86ExecPrivate *p = x->engine;

    if (global || !(x->env->cr[4] & CR4_PGE)) {
        x86_tlb_reset(x);
        return;
    }
    for (unsigned mode = 0; mode < X86_TLB_MODES; mode++) {
        for (unsigned i = 0; p->tlb_used[mode] && i < X86_TLB_SIZE; i++) {
            if (!p->cold[mode][i].global && p->cold[mode][i].linear) {
                drop_entry(p, mode, i);
            }
        }
    }
    for (unsigned i = 0; i < CODE_TLB_SIZE; i++) {
        if (!p->code_tlb[i].global) {
            p->code_tlb[i].tag = 0;
        }
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

static void note_large(X86ExecPrivate *p, uint64_t linear, unsigned shift)
{
    if (shift == 21 || shift == 22) {
        uint64_t first = linear >> shift << (shift - 21);

        for (uint64_t n = first; n < first + (1u << (shift - 21)); n++) {
            p->large[hash(n, 12) / 64] |= 1ull << hash(n, 12) % 64;
        }
    } else if (shift == 30) {
        p->huge |= 1ull << hash(linear >> 30, 6);
    }
}

static bool may_be_large(const X86ExecPrivate *p, uint64_t linear)
{
    unsigned n = hash(linear >> 21, 12);

    return p->large[n / 64] >> n % 64 & 1 || p->huge >> hash(linear >> 30, 6) & 1;
}

void x86_tlb_flush_page(X86Exec *x, uint64_t linear)
{
    X86ExecPrivate *p = x->engine;
    unsigned index = linear >> TARGET_PAGE_BITS & (X86_TLB_SIZE - 1);

    if (may_be_large(p, linear)) {
        x86_tlb_reset(x);
        return;
    }
    for (unsigned mode = 0; mode < X86_TLB_MODES; mode++) {
        if (p->cold[mode][index].linear == ((linear & PAGE_MASK) | 1)) {
            drop_entry(p, mode, index);
        }
    }
    p->code_tlb[linear >> TARGET_PAGE_BITS & (CODE_TLB_SIZE - 1)].tag = 0;
}

bool x86_tlb_protect(X86Exec *x, const uint8_t *host_page)
{
    X86ExecPrivate *p = x->engine;
    bool could = false;

    for (unsigned mode = 0; mode < X86_TLB_MODES; mode++) {
        for (unsigned i = 0; p->tlb_used[mode] && i < X86_TLB_SIZE; i++) {
            if (p->cold[mode][i].host == host_page && p->cold[mode][i].linear &&
                p->tlb[mode][i].write == (p->cold[mode][i].linear & ~1ull)) {
                p->tlb[mode][i].write = no_tag(i);
                could = true;
            }
        }
    }
    return could;
}

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

/* What is at a page of physical memory, as far as it can be reached directly. */
static void look_at(const X86Exec *x, uint64_t page, TlbCold *cold)
{
    MemorySection s = address_space_lookup(x86_cpu_memory(x->cpu), page);

    cold->host = NULL;
    cold->code = NULL;
    cold->ram = NULL;
    cold->readonly = true;
    if (s.mr && s.mr->ram && s.size >= TARGET_PAGE_SIZE && !(((uintptr_t)s.mr->ram->host + s.offset) & ~PAGE_MASK)) {
        cold->ram = s.mr->ram;
        cold->ram_offset = s.offset;
        cold->host = s.mr->ram->host + s.offset;
        cold->code = &x86_ram_code(s.mr->ram)[s.offset >> TARGET_PAGE_BITS];
        cold->readonly = s.readonly || s.mr->kind != MR_RAM;
    }
}

static bool is_logged(const RAMBlock *ram)
{
    return ram->mr->dirty_log & ~(1u << DIRTY_CODE);
}

static unsigned current_table(const X86Exec *x)
{
    return (unsigned)(((const uint8_t *)x->tlb - (const uint8_t *)x->engine->tlb) / sizeof(x->engine->tlb[0]));
}

static unsigned current_tlb_mode(const X86Exec *x)
{
    return MIN(current_table(x), TLB_USER);
}

/* Alignment checks have a table of their own that stays empty, so that all accesses come here (SDM vol. 3, 6.15, #AC). */
static void check_alignment(X86Exec *x, uint64_t linear, unsigned size)
{
    if (unlikely(current_table(x) == TLB_ALIGNED) && linear & (size - 1)) {
        x86_raise_error(x, EXCP_AC, 0);
    }
}

static unsigned system_tlb_mode(const X86Exec *x)
{
    return x->env->cr[4] & CR4_SMAP ? TLB_SMAP : TLB_SUPERVISOR;
}

/* For an address that is not canonical: #SS if it is the stack's, which a fast handler's instruction tells. */
static unsigned refusal(const X86Op *op, X86AccessKind access)
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

/* The translation of the page for such an access, from the cache or a walk. Faults. */
static TlbCold *page_of(X86Exec *x, uint64_t linear, X86AccessKind access, unsigned mode)
{
    X86ExecPrivate *p = x->engine;
    unsigned index = linear >> TARGET_PAGE_BITS & (X86_TLB_SIZE - 1);
    TlbCold *cold = &p->cold[mode][index];
    X86TlbEntry *entry = &p->tlb[mode][index];

    if (cold->linear != ((linear & PAGE_MASK) | 1) || (access == ACCESS_WRITE && !cold->may_write)) {
        Walk w = { .cpu = x->cpu, .access = access, .user = mode == TLB_USER, .smap = mode == TLB_SMAP };

        if (x86_long_code(x) && !is_canonical(linear)) {
            x86_raise_error(x, refusal(x->op, access), 0);
        }
        if (!walk(&w, linear)) {
            x86_raise_page_fault(x, linear, w.error);
        }
        drop_entry(p, mode, index);
        note_large(p, linear, w.shift);
        p->tlb_used[mode] = true;
        cold->linear = (linear & PAGE_MASK) | 1;
        cold->physical = w.physical & PAGE_MASK;
        cold->may_write = w.writable;
        cold->global = w.global;
        cold->watched = x86_debug_watches(x, linear & PAGE_MASK);
        look_at(x, cold->physical, cold);
        entry->physical = cold->physical;
        if (cold->host && !cold->watched) {
            entry->addend = (uint64_t)(uintptr_t)cold->host - (linear & PAGE_MASK);
            entry->read = linear & PAGE_MASK;
        }
    }
    if (access == ACCESS_WRITE && cold->host && !cold->readonly && !cold->watched && !is_logged(cold->ram) &&
        !__atomic_load_n(cold->code, __ATOMIC_SEQ_CST)) {
        entry->write = linear & PAGE_MASK;
    }
    return cold;
}

const CodeTlb *x86_code_page(X86Exec *x, uint64_t linear)
{
    bool user = x86_cpl(x) == 3;
    CodeTlb *c = &x->engine->code_tlb[linear >> TARGET_PAGE_BITS & (CODE_TLB_SIZE - 1)];
    uint64_t tag = (linear & PAGE_MASK) | x->code_tag;
    Walk w = { .cpu = x->cpu, .access = ACCESS_FETCH, .user = user };
    TlbCold at;

    if (likely(c->tag == tag)) {
        return c;
    }
    if (x86_long_code(x) && !is_canonical(linear)) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    if (!walk(&w, linear)) {
        x86_raise_page_fault(x, linear, w.error);
    }
    look_at(x, w.physical & PAGE_MASK, &at);
    c->tag = tag;
    c->host = at.host;
    c->code = at.code;
    c->ram = at.ram;
    c->global = w.global;
    note_large(x->engine, linear, w.shift);
    if (!at.host) {
        c->tag = 0;         /* looked at each time: device memory as code is too strange to be fast */
    }
    return c;
}

/* --- accesses --- */

static bool take_lock(void)
{
    if (big_lock_held()) {
        return false;
    }
    big_lock();
    return true;
}

static uint64_t io_load(X86Exec *x, uint64_t physical, unsigned size)
{
    bool locked = take_lock();
    uint64_t value;

    vector_leave(x);
    value = address_space_load(x86_cpu_memory(x->cpu), physical, size, NULL);
    if (locked) {
        big_unlock();
    }
    return value;
}

static void io_store(X86Exec *x, uint64_t physical, uint64_t value, unsigned size)
{
    bool locked = take_lock();

    vector_leave(x);
    address_space_store(x86_cpu_memory(x->cpu), physical, value, size);
    if (locked) {
        big_unlock();
    }
    if (unlikely(__atomic_load_n(&x->pending, __ATOMIC_RELAXED) & X86_PENDING_TLB)) {
        x86_tlb_reset(x);       /* it moved memory: the next instruction sees that */
    }
}

uint64_t x86_physical_load(X86Exec *x, uint64_t physical, unsigned size)
{
    return io_load(x, a20(x->env, physical), size);
}

static uint64_t load_page(X86Exec *x, const TlbCold *c, uint64_t linear, unsigned size)
{
    unsigned at = linear & ~PAGE_MASK;

    if (c->host) {
        uint64_t value = 0;

        switch (size) {
        case 1:
            return c->host[at];
        case 2:
            memcpy(&value, c->host + at, 2);
            return value;
        case 4:
            memcpy(&value, c->host + at, 4);
            return value;
        case 8:
            memcpy(&value, c->host + at, 8);
            return value;
        default:
            memcpy(&value, c->host + at, size);
            return value;
        }
    }
    return io_load(x, c->physical + at, size);
}

/* After bytes of RAM were written. */
static void wrote(const TlbCold *c, unsigned at, unsigned length)
{
    uint64_t offset = c->ram_offset + at;

    if (is_logged(c->ram)) {
        ramblock_set_dirty(c->ram, offset, length);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(c->code, __ATOMIC_RELAXED)) {
        x86_code_written(c->ram, offset, length);
    }
}

static void store_page(X86Exec *x, const TlbCold *c, uint64_t linear, uint64_t value, unsigned size)
{
    unsigned at = linear & ~PAGE_MASK;

    if (!c->host || c->readonly) {
        io_store(x, c->physical + at, value, size);
        return;
    }
    switch (size) {
    case 1:
        c->host[at] = (uint8_t)value;
        break;
    case 2:
        memcpy(c->host + at, &value, 2);
        break;
    case 4:
        memcpy(c->host + at, &value, 4);
        break;
    case 8:
        memcpy(c->host + at, &value, 8);
        break;
    default:
        memcpy(c->host + at, &value, size);
        break;
    }
    wrote(c, at, size);
}

/* Device registers take powers of 2, aligned or not: parts of an access that crosses a page come here by bytes. */
static uint64_t load_part(X86Exec *x, const TlbCold *c, uint64_t linear, unsigned size)
{
    uint64_t value = 0;

    if (c->host) {
        return load_page(x, c, linear, size);
    }
    for (unsigned i = 0; i < size; i++) {
        value |= load_page(x, c, linear + i, 1) << 8 * i;
    }
    return value;
}

static void store_part(X86Exec *x, const TlbCold *c, uint64_t linear, uint64_t value, unsigned size)
{
    if (c->host && !c->readonly) {
        store_page(x, c, linear, value, size);
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        store_page(x, c, linear + i, value >> 8 * i & 0xff, 1);
    }
}

static bool crosses(uint64_t linear, unsigned size)
{
    return (linear & ~PAGE_MASK) + size > TARGET_PAGE_SIZE;
}

/* Outside 64-bit mode addresses are of 32 bits and go round. */
static uint64_t next_page(const X86Exec *x, uint64_t linear)
{
    uint64_t next = (linear & PAGE_MASK) + TARGET_PAGE_SIZE;

    return x86_long_code(x) ? next : (uint32_t)next;
}

/* That an access crosses into what is no address counts more than that its first page isn't there. */
static void check_second(X86Exec *x, uint64_t next, X86AccessKind access)
{
    if (x86_long_code(x) && !is_canonical(next)) {
        x86_raise_error(x, refusal(x->op, access), 0);
    }
}

static uint64_t load_in(X86Exec *x, uint64_t linear, unsigned size, unsigned mode, X86AccessKind access)
{
    if (likely(!crosses(linear, size))) {
        const TlbCold *c = page_of(x, linear, access, mode);

        if (unlikely(c->watched)) {
            x86_debug_access(x, linear, size, false);
        }
        return load_page(x, c, linear, size);
    }
    unsigned first = TARGET_PAGE_SIZE - (linear & ~PAGE_MASK);
    uint64_t next = next_page(x, linear);
    check_second(x, next, access);
    TlbCold low = *page_of(x, linear, access, mode), high = *page_of(x, next, access, mode);
    if (unlikely(low.watched || high.watched)) {
        x86_debug_access(x, linear, size, false);
    }
    return load_part(x, &low, linear, first) | load_part(x, &high, next, size - first) << 8 * first;
}

static void store_in(X86Exec *x, uint64_t linear, uint64_t value, unsigned size, unsigned mode)
{
    if (likely(!crosses(linear, size))) {
        const TlbCold *c = page_of(x, linear, ACCESS_WRITE, mode);

        if (unlikely(c->watched)) {
            x86_debug_access(x, linear, size, true);
        }
        store_page(x, c, linear, value, size);
        return;
    }
    unsigned first = TARGET_PAGE_SIZE - (linear & ~PAGE_MASK);
    uint64_t next = next_page(x, linear);
    check_second(x, next, ACCESS_WRITE);
    TlbCold low = *page_of(x, linear, ACCESS_WRITE, mode), high = *page_of(x, next, ACCESS_WRITE, mode);
    if (unlikely(low.watched || high.watched)) {
        x86_debug_access(x, linear, size, true);
    }
    store_part(x, &low, linear, value, first);
    store_part(x, &high, next, value >> 8 * first, size - first);
}

uint64_t x86_ld_slow(X86Exec *x, const X86Op *op, uint64_t linear, unsigned size)
{
    x->op = op;
    check_alignment(x, linear, size);
    return load_in(x, linear, size, current_tlb_mode(x), ACCESS_READ);
}

uint64_t x86_ld_modify_slow(X86Exec *x, const X86Op *op, uint64_t linear, unsigned size)
{
    x->op = op;
    check_alignment(x, linear, size);
    return load_in(x, linear, size, current_tlb_mode(x), ACCESS_WRITE);
}

void x86_st_slow(X86Exec *x, const X86Op *op, uint64_t linear, uint64_t value, unsigned size)
{
    x->op = op;
    check_alignment(x, linear, size);
    store_in(x, linear, value, size, current_tlb_mode(x));
}

uint64_t x86_ld_system(X86Exec *x, uint64_t linear, unsigned size)
{
    return load_in(x, linear, size, system_tlb_mode(x), ACCESS_READ);
}

void x86_st_system(X86Exec *x, uint64_t linear, uint64_t value, unsigned size)
{
    store_in(x, linear, value, size, system_tlb_mode(x));
}

void x86_probe_write(X86Exec *x, const X86Op *op, uint64_t linear, unsigned length)
{
    x->op = op;
    page_of(x, linear, ACCESS_WRITE, current_tlb_mode(x));
    if (length && crosses(linear, length)) {
        page_of(x, next_page(x, linear), ACCESS_WRITE, current_tlb_mode(x));
    }
}

/* All pages are looked at first; then pieces of up to 8 bytes, as a CPU would cut a long access. */
void x86_ld_bytes(X86Exec *x, const X86Op *op, uint64_t linear, void *to, unsigned length)
{
    uint8_t *out = to;

    x->op = op;
    if (length && crosses(linear, length)) {
        page_of(x, linear, ACCESS_READ, current_tlb_mode(x));
        page_of(x, next_page(x, linear), ACCESS_READ, current_tlb_mode(x));
    }
    while (length > 0) {
        unsigned n = length >= 8 ? 8 : length >= 4 ? 4 : length >= 2 ? 2 : 1;
        uint64_t value = x86_ld(x, op, linear, n);

        memcpy(out, &value, n);
        out += n;
        linear = x86_long_code(x) ? linear + n : (uint32_t)(linear + n);
        length -= n;
    }
}

void x86_st_bytes(X86Exec *x, const X86Op *op, uint64_t linear, const void *from, unsigned length)
{
    const uint8_t *in = from;

    if (length > 8 || crosses(linear, length)) {
        x86_probe_write(x, op, linear, length);
    }
    while (length > 0) {
        unsigned n = length >= 8 ? 8 : length >= 4 ? 4 : length >= 2 ? 2 : 1;
        uint64_t value = 0;

        memcpy(&value, in, n);
        x86_st(x, op, linear, value, n);
        in += n;
        linear = x86_long_code(x) ? linear + n : (uint32_t)(linear + n);
        length -= n;
    }
}

/* --- locked operations --- */

void *x86_locked(X86Exec *x, const X86Op *op, uint64_t linear, unsigned size)
{
    X86ExecPrivate *p = x->engine;

    x->op = op;
    check_alignment(x, linear, size);
    p->locked_ram = NULL;
    if (crosses(linear, size)) {
        x86_probe_write(x, op, linear, size);
        return NULL;
    }
    const TlbCold *c = page_of(x, linear, ACCESS_WRITE, current_tlb_mode(x));
    if (!c->host || c->readonly) {
        return NULL;
    }
    if (unlikely(c->watched)) {
        x86_debug_access(x, linear, size, true);
    }
    if (unlikely(is_logged(c->ram) || __atomic_load_n(c->code, __ATOMIC_RELAXED))) {
        p->locked_ram = c->ram;
        p->locked_offset = c->ram_offset + (linear & ~PAGE_MASK);
        p->locked_length = size;
    }
    return c->host + (linear & ~PAGE_MASK);
}

void x86_locked_done(X86Exec *x)
{
    X86ExecPrivate *p = x->engine;

    if (likely(!p->locked_ram)) {
        return;
    }
    if (is_logged(p->locked_ram)) {
        ramblock_set_dirty(p->locked_ram, p->locked_offset, p->locked_length);
    }
    x86_code_written(p->locked_ram, p->locked_offset, p->locked_length);
    p->locked_ram = NULL;
}

/* --- segments --- */

static bool segment_permits(const X86Exec *x, const SegmentCache *s, uint64_t offset, unsigned length, bool is_write)
{
    uint32_t limit = s->limit, type = s->flags >> 8 & 15;
    uint64_t last = offset + length - 1;
    bool is_code = type & 8;

    if (x->env->hflags >> HF_PE_SHIFT & 1 && !(x->env->hflags >> HF_VM_SHIFT & 1)) {
        if (!(s->flags & 1 << 15) || (is_write ? is_code || !(type & 2) : is_code && !(type & 2))) {
            return false;
        }
        if (!is_code && type & 4) {         /* grows down */
            return offset > limit && last <= (s->flags & 1 << 22 ? 0xffffffffu : 0xffffu);
        }
    }
    return last <= limit;
}

uint64_t x86_linear_in(X86Exec *x, const X86Op *op, unsigned seg, uint64_t offset, unsigned length, bool is_write)
{
    const SegmentCache *s = &x->env->segs[seg];

    if (x86_long_code(x)) {
        uint64_t linear = seg >= R_FS ? s->base + offset : offset;

        if (unlikely(!is_canonical(linear) || !is_canonical(linear + (length ? length - 1 : 0)))) {
            x->op = op;
            x86_raise_error(x, seg == R_SS ? EXCP_SS : EXCP_GP, 0);
        }
        return linear;
    }
    if (unlikely(!segment_permits(x, s, offset, length ? length : 1, is_write))) {
        x->op = op;
        x86_raise_error(x, seg == R_SS ? EXCP_SS : EXCP_GP, 0);
    }
    return (uint32_t)(s->base + offset);
}

uint64_t x86_linear(X86Exec *x, const X86Op *op, unsigned length, bool is_write)
{
    uint64_t offset = x->regs[op->base / 8] + (x->regs[op->index / 8] << op->scale) + (int64_t)op->disp;

    offset = op->addr_size == 8 ? offset : op->addr_size == 4 ? (uint32_t)offset : (uint16_t)offset;
    return x86_linear_in(x, op, op->seg, offset, length, is_write);
}
