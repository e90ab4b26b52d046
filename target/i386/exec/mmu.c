/*
 * Accesses that the translation cache can't serve: devices, page crossings, pages whose writes must be seen; locked
 * operations, and addresses in segments.
 */
#include <string.h>

#include "system/main-loop.h"
#include "target/i386/exec/mem.h"
#include "target/i386/exec/mmu.h"
#include "target/i386/exec/vector.h"

static unsigned current_tlb_mode(const X86Exec *x)
{
    return MIN(x86_current_table(x), TLB_USER);
}

/*
 * What alignment checks want of an access (SDM vol. 3, table 6-7): 10 bytes are a number of the x87, 6 a far pointer, other
 * odd sizes its environment and state; vectors have checks of their own.
 */
static unsigned alignment_of(unsigned size)
{
    switch (size) {
    case 2: case 4: case 8:
        return size;
    case 10:
        return 8;
    case 14: case 94:
        return 2;
    case 6: case 28: case 108:
        return 4;
    default:
        return 1;
    }
}

/* Alignment checks have a table of their own that stays empty, so that all accesses come here (SDM vol. 3, 6.15, #AC). */
bool x86_checks_alignment(const X86Exec *x)
{
    return x86_current_table(x) == TLB_ALIGNED;
}

/* Before pages are looked at, but behind whether it is an address at all. */
static void check_alignment(X86Exec *x, uint64_t linear, unsigned size, X86AccessKind access)
{
    if (unlikely(x86_checks_alignment(x)) && linear & (alignment_of(size) - 1)) {
        if (x86_long_code(x) && !x86_is_canonical(linear)) {
            x86_raise_error(x, x86_refusal(x->op, access), 0);
        }
        x86_raise_error(x, EXCP_AC, 0);
    }
}

static unsigned system_tlb_mode(const X86Exec *x)
{
    return x->env->cr[4] & CR4_SMAP ? TLB_SMAP : TLB_SUPERVISOR;
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
    return io_load(x, x86_a20(x->env, physical), size);
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

static bool is_logged(const RAMBlock *ram)
{
    return ram->mr->dirty_log & ~(1u << DIRTY_CODE);
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
    if (x86_long_code(x) && !x86_is_canonical(next)) {
        x86_raise_error(x, x86_refusal(x->op, access), 0);
    }
}

static uint64_t load_in(X86Exec *x, uint64_t linear, unsigned size, unsigned mode, X86AccessKind access)
{
    if (likely(!crosses(linear, size))) {
        const TlbCold *c = x86_page_of(x, linear, access, mode);

        if (unlikely(c->watched)) {
            x86_debug_access(x, linear, size, false);
        }
        return load_page(x, c, linear, size);
    }
    unsigned first = TARGET_PAGE_SIZE - (linear & ~PAGE_MASK);
    uint64_t next = next_page(x, linear);
    check_second(x, next, access);
    TlbCold low = *x86_page_of(x, linear, access, mode), high = *x86_page_of(x, next, access, mode);
    if (unlikely(low.watched || high.watched)) {
        x86_debug_access(x, linear, size, false);
    }
    return load_part(x, &low, linear, first) | load_part(x, &high, next, size - first) << 8 * first;
}

static void store_in(X86Exec *x, uint64_t linear, uint64_t value, unsigned size, unsigned mode)
{
    if (likely(!crosses(linear, size))) {
        const TlbCold *c = x86_page_of(x, linear, ACCESS_WRITE, mode);

        if (unlikely(c->watched)) {
            x86_debug_access(x, linear, size, true);
        }
        store_page(x, c, linear, value, size);
        return;
    }
    unsigned first = TARGET_PAGE_SIZE - (linear & ~PAGE_MASK);
    uint64_t next = next_page(x, linear);
    check_second(x, next, ACCESS_WRITE);
    TlbCold low = *x86_page_of(x, linear, ACCESS_WRITE, mode), high = *x86_page_of(x, next, ACCESS_WRITE, mode);
    if (unlikely(low.watched || high.watched)) {
        x86_debug_access(x, linear, size, true);
    }
    store_part(x, &low, linear, value, first);
    store_part(x, &high, next, value >> 8 * first, size - first);
}

uint64_t x86_ld_mmu(X86Exec *x, const X86Op *op, uint64_t linear, unsigned size)
{
    x->op = op;
    check_alignment(x, linear, size, ACCESS_READ);
    return load_in(x, linear, size, current_tlb_mode(x), ACCESS_READ);
}

uint64_t x86_ld_modify_mmu(X86Exec *x, const X86Op *op, uint64_t linear, unsigned size)
{
    x->op = op;
    check_alignment(x, linear, size, ACCESS_WRITE);
    return load_in(x, linear, size, current_tlb_mode(x), ACCESS_WRITE);
}

void x86_st_mmu(X86Exec *x, const X86Op *op, uint64_t linear, uint64_t value, unsigned size)
{
    x->op = op;
    check_alignment(x, linear, size, ACCESS_WRITE);
    store_in(x, linear, value, size, current_tlb_mode(x));
}

#if X86_TAIL_CALLS
/* `fn`, with the registers that a function may change kept but for RAX; called with any alignment of the stack. */
#define KEEPING(fn)                                                                                                   \
    __asm__(".pushsection .text.unlikely, \"ax\"\n"                                                                   \
            ".globl " #fn "_keeping\n.hidden " #fn "_keeping\n.type " #fn "_keeping, @function\n"                      \
            #fn "_keeping:\n"                                                                                         \
            ".cfi_startproc\n"                                                                                        \
            "push %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset rbp, -16\n"                                               \
            "mov %rsp, %rbp\n.cfi_def_cfa_register rbp\n"                                                             \
            "push %rcx\npush %rdx\npush %rsi\npush %rdi\npush %r8\npush %r9\npush %r10\npush %r11\n"                    \
            "and $-16, %rsp\n"                                                                                        \
            "call " #fn "\n"                                                                                          \
            "lea -64(%rbp), %rsp\n"                                                                                   \
            "pop %r11\npop %r10\npop %r9\npop %r8\npop %rdi\npop %rsi\npop %rdx\npop %rcx\n"                            \
            "pop %rbp\n.cfi_def_cfa rsp, 8\n"                                                                         \
            "ret\n"                                                                                                   \
            ".cfi_endproc\n"                                                                                          \
            ".size " #fn "_keeping, . - " #fn "_keeping\n"                                                            \
            ".popsection")
KEEPING(x86_ld_mmu);
KEEPING(x86_ld_modify_mmu);
KEEPING(x86_st_mmu);
#endif

uint64_t x86_ld_system(X86Exec *x, uint64_t linear, unsigned size)
{
    return load_in(x, linear, size, system_tlb_mode(x), ACCESS_READ);
}

void x86_st_system(X86Exec *x, uint64_t linear, uint64_t value, unsigned size)
{
    store_in(x, linear, value, size, system_tlb_mode(x));
}

void x86_probe_unaligned(X86Exec *x, const X86Op *op, uint64_t linear, unsigned length)
{
    x->op = op;
    x86_page_of(x, linear, ACCESS_WRITE, current_tlb_mode(x));
    if (length && crosses(linear, length)) {
        x86_page_of(x, next_page(x, linear), ACCESS_WRITE, current_tlb_mode(x));
    }
}

void x86_probe_write(X86Exec *x, const X86Op *op, uint64_t linear, unsigned length)
{
    x->op = op;
    check_alignment(x, linear, length, ACCESS_WRITE);
    x86_probe_unaligned(x, op, linear, length);
}

/* All pages are looked at first; then pieces of up to 8 bytes, as a CPU would cut a long access. */
void x86_ld_unaligned(X86Exec *x, const X86Op *op, uint64_t linear, void *to, unsigned length)
{
    uint8_t *out = to;

    x->op = op;
    if (length && crosses(linear, length)) {
        x86_page_of(x, linear, ACCESS_READ, current_tlb_mode(x));
        x86_page_of(x, next_page(x, linear), ACCESS_READ, current_tlb_mode(x));
    }
    while (length > 0) {
        unsigned n = length >= 8 ? 8 : length >= 4 ? 4 : length >= 2 ? 2 : 1;
        uint64_t value = load_in(x, linear, n, current_tlb_mode(x), ACCESS_READ);

        memcpy(out, &value, n);
        out += n;
        linear = x86_long_code(x) ? linear + n : (uint32_t)(linear + n);
        length -= n;
    }
}

void x86_st_unaligned(X86Exec *x, const X86Op *op, uint64_t linear, const void *from, unsigned length)
{
    const uint8_t *in = from;

    x->op = op;
    if (length > 8 || crosses(linear, length)) {
        x86_probe_unaligned(x, op, linear, length);
    }
    while (length > 0) {
        unsigned n = length >= 8 ? 8 : length >= 4 ? 4 : length >= 2 ? 2 : 1;
        uint64_t value = 0;

        memcpy(&value, in, n);
        store_in(x, linear, value, n, current_tlb_mode(x));
        in += n;
        linear = x86_long_code(x) ? linear + n : (uint32_t)(linear + n);
        length -= n;
    }
}

void x86_ld_bytes(X86Exec *x, const X86Op *op, uint64_t linear, void *to, unsigned length)
{
    x->op = op;
    check_alignment(x, linear, length, ACCESS_READ);
    x86_ld_unaligned(x, op, linear, to, length);
}

void x86_st_bytes(X86Exec *x, const X86Op *op, uint64_t linear, const void *from, unsigned length)
{
    x->op = op;
    check_alignment(x, linear, length, ACCESS_WRITE);
    x86_st_unaligned(x, op, linear, from, length);
}

/* --- locked operations --- */

void *x86_locked(X86Exec *x, const X86Op *op, uint64_t linear, unsigned size)
{
    X86ExecPrivate *p = x->engine;

    x->op = op;
    check_alignment(x, linear, size, ACCESS_WRITE);
    p->locked_ram = NULL;
    if (crosses(linear, size)) {
        x86_probe_write(x, op, linear, size);
        return NULL;
    }
    const TlbCold *c = x86_page_of(x, linear, ACCESS_WRITE, current_tlb_mode(x));
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

/* These may name what can be executed only (SDM vol. 2, CLFLUSH). */
static bool flushes_line(const X86Op *op)
{
    return op && (op->id == X86_CLFLUSH || op->id == X86_CLFLUSHOPT || op->id == X86_CLWB);
}

static bool segment_permits(const X86Exec *x, const X86Op *op, const SegmentCache *s, uint64_t offset, unsigned length,
                            bool is_write)
{
    uint32_t limit = s->limit, type = s->flags >> 8 & 15;
    uint64_t last = offset + length - 1;
    bool is_code = type & 8;

    if (x->env->hflags >> HF_PE_SHIFT & 1 && !(x->env->hflags >> HF_VM_SHIFT & 1)) {
        if (!(s->flags & 1 << 15) || (is_write ? is_code || !(type & 2) : is_code && !(type & 2) && !flushes_line(op))) {
            return false;
        }
        if (!is_code && type & 4) {         /* grows down */
            return offset > limit && last <= (s->flags & 1 << 22 ? 0xffffffffu : 0xffffu);
        }
    }
    return last <= limit || (limit == 0xffffffff && s->base == 0);  /* flat ones go round */
}

uint64_t x86_linear_in(X86Exec *x, const X86Op *op, unsigned seg, uint64_t offset, unsigned length, bool is_write)
{
    const SegmentCache *s = &x->env->segs[seg];

    if (x86_long_code(x)) {
        uint64_t linear = seg >= R_FS ? s->base + offset : offset;

        if (unlikely(!x86_is_canonical(linear) || !x86_is_canonical(linear + (length ? length - 1 : 0)))) {
            x->op = op;
            check_alignment(x, linear, length, is_write ? ACCESS_WRITE : ACCESS_READ);
            x86_raise_error(x, seg == R_SS ? EXCP_SS : EXCP_GP, 0);
        }
        return linear;
    }
    if (unlikely(!segment_permits(x, op, s, offset, length ? length : 1, is_write))) {
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
