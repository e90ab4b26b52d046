/*
 * String instructions. A repetition ends or pauses between two elements only, so registers say where it stands: a fault or an
 * interrupt in the middle leaves them so, and the instruction begins again from there. Where source and destination
 * are plain RAM, what fits in their pages is done at once.
 */
#include <string.h>

#include "target/i386/exec/alu.h"
#include "target/i386/exec/engine.h"
#include "target/i386/exec/mem.h"

enum { PER_POLL = 4096 };       /* elements between two looks for an interrupt */

static bool backwards(const X86Exec *x)
{
    return x->env->eflags & FLAG_DF;
}

static int64_t step(const X86Exec *x, unsigned size)
{
    return backwards(x) ? -(int64_t)size : (int64_t)size;
}

static uint64_t source(X86Exec *x, const X86Op *op)
{
    return x86_linear_in(x, op, op->seg, x86_get(x, 8 * R_ESI, op->addr_size), op->size, false);
}

static uint64_t destination(X86Exec *x, const X86Op *op, bool is_write)
{
    return x86_linear_in(x, op, R_ES, x86_get(x, 8 * R_EDI, op->addr_size), op->size, is_write);
}

static void advance(X86Exec *x, const X86Op *op, unsigned reg, uint64_t elements)
{
    uint64_t by = (uint64_t)step(x, op->size) * elements;

    x86_put(x, 8 * reg, x86_get(x, 8 * reg, op->addr_size) + by, op->addr_size);
}

/* How many elements from here on, at most `count`, lie in one page, upwards, and in one piece of the address size. */
static uint64_t in_page(uint64_t linear, uint64_t index, unsigned addr_size, unsigned size, uint64_t count)
{
    uint64_t bytes = TARGET_PAGE_SIZE - (linear & (TARGET_PAGE_SIZE - 1));

    if (addr_size == 2) {
        bytes = MIN(bytes, 0x10000 - index);
    }
    return MIN(count, bytes / size);
}

/* The bytes in a chunk may be wanted all: the segment has to agree, which x86_linear_in() is asked again for. */
static bool whole_chunk(X86Exec *x, const X86Op *op, unsigned seg, unsigned reg, uint64_t bytes)
{
    const SegmentCache *s = &x->env->segs[seg];
    bool grows_down = (s->flags >> 10 & 3) == 1;

    return x86_long_code(x) || (!grows_down && x86_get(x, 8 * reg, op->addr_size) + bytes - 1 <= s->limit);
}

static uint8_t *direct_read(X86Exec *x, uint64_t linear)
{
    const X86TlbEntry *e = x86_tlb_entry(x, linear);

    return linear - e->read < TARGET_PAGE_SIZE ? (uint8_t *)(uintptr_t)(linear + e->addend) : NULL;
}

static uint8_t *direct_write(X86Exec *x, uint64_t linear)
{
    const X86TlbEntry *e = x86_tlb_entry(x, linear);

    return linear - e->write < TARGET_PAGE_SIZE ? (uint8_t *)(uintptr_t)(linear + e->addend) : NULL;
}

typedef void ElementFn(X86Exec *x, const X86Op *op);
typedef uint64_t ChunkFn(X86Exec *x, const X86Op *op, uint64_t count);

/* Whether a repetition with so many elements done is to look for what is pending. It then begins here again. */
static void pause_if_wanted(X86Exec *x, const X86Op *op, uint64_t done)
{
    if ((done >= PER_POLL && __atomic_load_n(&x->pending, __ATOMIC_RELAXED)) || x->mode & MODE_SINGLE) {
        x->eip = x->regs[X86_REG_RIP / 8] + op->offset;
        x86_exit(x);
    }
}

/* A repetition with 32-bit addresses clears upper halves even if it does not begin or faults at once, as CPUs do. */
static void cut_registers(X86Exec *x, const X86Op *op)
{
    if (op->addr_size == 4) {
        x->regs[R_ECX] = (uint32_t)x->regs[R_ECX];
        if (op->id == X86_MOVS) {
            x->regs[R_ESI] = (uint32_t)x->regs[R_ESI];
        }
        if (op->id == X86_MOVS || op->id == X86_STOS) {
            x->regs[R_EDI] = (uint32_t)x->regs[R_EDI];
        }
    }
}

/* With a prefix: until the counter is 0. `chunk` does some elements at once, or 0. */
static void repeat(X86Exec *x, const X86Op *op, ElementFn *element, ChunkFn *chunk)
{
    uint64_t done = 0;

    if (!(op->flags & (X86_OP_REP | X86_OP_REPNE))) {
        element(x, op);
        return;
    }
    cut_registers(x, op);
    for (;;) {
        uint64_t count = x86_get(x, 8 * R_ECX, op->addr_size), n = 0;

        if (count == 0) {
            return;
        }
        if (chunk && !backwards(x) && !(x->mode & MODE_SINGLE) && count > 1) {
            n = chunk(x, op, count);
        }
        if (n == 0) {
            element(x, op);
            n = 1;
        }
        x86_put(x, 8 * R_ECX, count - n, op->addr_size);
        done += n;
        if (count - n > 0) {
            pause_if_wanted(x, op, done);
        }
    }
}

/* What is compared. */
typedef void CompareFn(X86Exec *x, const X86Op *op, uint64_t values[2]);

/* Until a comparison ends it, too. Flags are those of the last comparison, and before it, for a fault, those of before. */
static void repeat_compare(X86Exec *x, const X86Op *op, CompareFn *compare)
{
    bool repeats = op->flags & (X86_OP_REP | X86_OP_REPNE), until_equal = op->flags & X86_OP_REPNE;
    uint64_t values[2];

    if (repeats) {
        cut_registers(x, op);
    }
    for (uint64_t done = 1;; done++) {
        uint64_t count = repeats ? x86_get(x, 8 * R_ECX, op->addr_size) : 1;

        if (count == 0) {
            return;
        }
        compare(x, op, values);
        if (repeats) {
            x86_put(x, 8 * R_ECX, count - 1, op->addr_size);
        }
        if (count == 1 || (values[0] == values[1]) == until_equal) {
            x86_alu(x, X86_CMP, values[0], values[1], op->size);
            return;
        }
        pause_if_wanted(x, op, done);
    }
}

/* --- MOVS --- */

static void movs_one(X86Exec *x, const X86Op *op)
{
    uint64_t from = source(x, op), value = x86_ld(x, op, from, op->size);

    x86_st(x, op, destination(x, op, true), value, op->size);
    advance(x, op, R_ESI, 1);
    advance(x, op, R_EDI, 1);
}

static uint64_t movs_chunk(X86Exec *x, const X86Op *op, uint64_t count)
{
    unsigned size = op->size;
    uint64_t from = source(x, op), to, n;
    const uint8_t *in = direct_read(x, from);
    uint8_t *out;

    n = in_page(from, x86_get(x, 8 * R_ESI, op->addr_size), op->addr_size, size, count);
    if (!in || n == 0) {
        return 0;       /* its fault comes before the destination's */
    }
    to = destination(x, op, true);
    out = direct_write(x, to);
    n = in_page(to, x86_get(x, 8 * R_EDI, op->addr_size), op->addr_size, size, n);
    if (n == 0 || !out || !whole_chunk(x, op, op->seg, R_ESI, n * size) || !whole_chunk(x, op, R_ES, R_EDI, n * size)) {
        return 0;
    }
    if (out > in && out < in + n * size) {
        /* A pattern that repeats itself: by elements, ascending. */
        uint64_t distance = (uint64_t)(out - in);

        if (distance < size) {
            return 0;
        }
        for (uint64_t at = 0; at < n * size; at += size) {
            memcpy(out + at, in + at, size);
        }
    } else {
        memmove(out, in, n * size);
    }
    advance(x, op, R_ESI, n);
    advance(x, op, R_EDI, n);
    return n;
}

void x86_movs(X86Exec *x, const X86Op *op)
{
    repeat(x, op, movs_one, movs_chunk);
}

/* --- STOS --- */

static void stos_one(X86Exec *x, const X86Op *op)
{
    x86_st(x, op, destination(x, op, true), x86_get(x, 8 * R_EAX, op->size), op->size);
    advance(x, op, R_EDI, 1);
}

static uint64_t stos_chunk(X86Exec *x, const X86Op *op, uint64_t count)
{
    unsigned size = op->size;
    uint64_t to = destination(x, op, true), value = x->regs[R_EAX];
    uint64_t n = in_page(to, x86_get(x, 8 * R_EDI, op->addr_size), op->addr_size, size, count);
    uint8_t *out = direct_write(x, to);

    if (n == 0 || !out || !whole_chunk(x, op, R_ES, R_EDI, n * size)) {
        return 0;
    }
    if (size == 1 || value == 0) {
        memset(out, (int)(value & 0xff), n * size);
    } else {
        for (uint64_t at = 0; at < n * size; at += size) {
            memcpy(out + at, &value, size);
        }
    }
    advance(x, op, R_EDI, n);
    return n;
}

void x86_stos(X86Exec *x, const X86Op *op)
{
    repeat(x, op, stos_one, stos_chunk);
}

/* --- LODS, SCAS, CMPS --- */

static void lods_one(X86Exec *x, const X86Op *op)
{
    x86_put(x, 8 * R_EAX, x86_ld(x, op, source(x, op), op->size), op->size);
    advance(x, op, R_ESI, 1);
}

void x86_lods(X86Exec *x, const X86Op *op)
{
    repeat(x, op, lods_one, NULL);
}

static void scas_values(X86Exec *x, const X86Op *op, uint64_t values[2])
{
    values[1] = x86_ld(x, op, destination(x, op, false), op->size);
    values[0] = x86_get(x, 8 * R_EAX, op->size);
    advance(x, op, R_EDI, 1);
}

void x86_scas(X86Exec *x, const X86Op *op)
{
    repeat_compare(x, op, scas_values);
}

/* The destination first, as CPUs do. */
static void cmps_values(X86Exec *x, const X86Op *op, uint64_t values[2])
{
    values[1] = x86_ld(x, op, destination(x, op, false), op->size);
    values[0] = x86_ld(x, op, source(x, op), op->size);
    advance(x, op, R_ESI, 1);
    advance(x, op, R_EDI, 1);
}

void x86_cmps(X86Exec *x, const X86Op *op)
{
    repeat_compare(x, op, cmps_values);
}
