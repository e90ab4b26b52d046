/*
 * What specialised handlers are made of. They are for 64-bit code with addresses of 64 bits, and for flat 32-bit code; an
 * address has one of three forms:
 *   b: base + disp, x: base + (index << scale) + disp, w: as x, cut to 32 bits.
 * A base of FS or GS in 64-bit code takes the index's place. Everything else is left to the plain handlers, with which
 * these must agree in all that they do.
 */
#ifndef TARGET_I386_EXEC_FAST_H
#define TARGET_I386_EXEC_FAST_H

#include "target/i386/exec/engine.h"
#include "target/i386/exec/flags.h"
#include "target/i386/exec/mem.h"

#define HOT static __attribute__((hot))

/* Tables of handlers: by address form and log2 of the size. */
enum { FORM_B, FORM_X, FORM_W, FORMS };
typedef X86OpFn *FormTable[FORMS][4];
typedef X86OpFn *SizeTable[4];

#define REG(bits, place) (*(uint##bits##_t *)((uint8_t *)x->regs + (place)))
#define SEXT(bits, value) ((uint64_t)(int64_t)(int##bits##_t)(value))

#define ADDRESS_b (REG(64, op->base) + (uint64_t)(int64_t)op->disp)
#define ADDRESS_x (REG(64, op->base) + (REG(64, op->index) << op->scale) + (uint64_t)(int64_t)op->disp)
#define ADDRESS_w ((uint32_t)ADDRESS_x)

#define PUT_8(place, value) (REG(8, place) = (uint8_t)(value))
#define PUT_16(place, value) (REG(16, place) = (uint16_t)(value))
#define PUT_32(place, value) (REG(64, place) = (uint32_t)(value))
#define PUT_64(place, value) (REG(64, place) = (value))
#define PUT(bits, place, value) PUT_##bits(place, value)

/* For each size, and for each address form. */
#define FOR_SIZES(M, ...) M(8, ##__VA_ARGS__) M(16, ##__VA_ARGS__) M(32, ##__VA_ARGS__) M(64, ##__VA_ARGS__)
#define SIZES_OF(prefix) { prefix##8, prefix##16, prefix##32, prefix##64 }
#define FORMS_OF(prefix) { SIZES_OF(prefix##_b), SIZES_OF(prefix##_x), SIZES_OF(prefix##_w) }

/* --- results and flags by instruction: `a` and `b` are of the size --- */

#define DO_ADD(bits, a, b) { uint##bits##_t r_ = (uint##bits##_t)((a) + (b)); x86_cc_set(x, CC_ADD, SEXT(bits, a), SEXT(bits, b), SEXT(bits, r_)); result = r_; }
#define DO_SUB(bits, a, b) { uint##bits##_t r_ = (uint##bits##_t)((a) - (b)); x86_cc_set(x, CC_SUB, SEXT(bits, a), SEXT(bits, b), SEXT(bits, r_)); result = r_; }
#define DO_CMP DO_SUB
#define DO_ADC(bits, a, b) { uint##bits##_t r_ = (uint##bits##_t)((a) + (b) + x86_cf(x)); x86_cc_set(x, CC_ADC, SEXT(bits, a), SEXT(bits, b), SEXT(bits, r_)); result = r_; }
#define DO_SBB(bits, a, b) { uint##bits##_t r_ = (uint##bits##_t)((a) - (b) - x86_cf(x)); x86_cc_set(x, CC_SBB, SEXT(bits, a), SEXT(bits, b), SEXT(bits, r_)); result = r_; }
#define DO_AND(bits, a, b) { uint##bits##_t r_ = (uint##bits##_t)((a) & (b)); x86_cc_logic(x, SEXT(bits, r_)); result = r_; }
#define DO_TEST DO_AND
#define DO_OR(bits, a, b) { uint##bits##_t r_ = (uint##bits##_t)((a) | (b)); x86_cc_logic(x, SEXT(bits, r_)); result = r_; }
#define DO_XOR(bits, a, b) { uint##bits##_t r_ = (uint##bits##_t)((a) ^ (b)); x86_cc_logic(x, SEXT(bits, r_)); result = r_; }

/* --- ways on --- */

/* A way known in advance: `delta` from the block's first instruction. */
static inline __attribute__((always_inline)) const X86Op *x86_follow(X86Exec *x, X86Link *link, int64_t delta)
{
    X86Block *block = link->target;
    uint64_t eip = x->regs[X86_REG_RIP / 8] + (uint64_t)delta;

    if (unlikely(!block || x->pending)) {
        return x86_follow_slow(x, link, eip);
    }
    x->regs[X86_REG_RIP / 8] = eip;
    X86_RUN(x, block->ops);
}

/* The branch record of a direct branch. */
static inline X86Branch *x86_branch(const X86Op *op)
{
    return (X86Branch *)(uintptr_t)(op + 1);
}

static inline __attribute__((always_inline)) const X86Op *x86_taken(X86Exec *x, const X86Op *op)
{
    return x86_follow(x, &x86_branch(op)->taken, (int64_t)op->imm);
}

static inline __attribute__((always_inline)) const X86Op *x86_not_taken(X86Exec *x, const X86Op *op)
{
    return x86_follow(x, &x86_branch(op)->next, (int64_t)op->offset + op->length);
}

/* fast-*.c: choose the handler, false if there is none. op has no LOCK. */
bool x86_fast_alu(X86Op *op, int form, unsigned log_size);
bool x86_fast_move(X86Op *op, int form, unsigned log_size, bool wide);
bool x86_fast_branch(X86Op *op, int form, bool wide);
bool x86_fast_compare_and_branch(X86Op *compare, const X86Op *branch);

#endif
