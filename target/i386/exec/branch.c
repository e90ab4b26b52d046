/* Near control flow and the stack, as plain handlers. */
#include "target/i386/exec/alu.h"
#include "target/i386/exec/mem.h"

/* --- the stack --- */

static unsigned stack_size(const X86Exec *x)
{
    return x86_long_code(x) ? 8 : x->env->hflags >> HF_SS32_SHIFT & 1 ? 4 : 2;
}

static uint64_t stack_mask(const X86Exec *x)
{
    unsigned size = stack_size(x);

    return size == 8 ? ~0ull : size == 4 ? 0xffffffffu : 0xffff;
}

/* A stack pointer of 16 bits leaves the rest alone. */
static void set_sp(X86Exec *x, uint64_t sp)
{
    x86_put(x, 8 * R_ESP, sp, stack_size(x));
}

static uint64_t stack_linear(X86Exec *x, const X86Op *op, uint64_t sp, unsigned size, bool is_write)
{
    return x86_linear_in(x, op, R_SS, sp & stack_mask(x), size, is_write);
}

static void push_value(X86Exec *x, const X86Op *op, uint64_t value, unsigned size)
{
    uint64_t sp = x->regs[R_ESP] - size;

    x86_st(x, op, stack_linear(x, op, sp, size, true), value, size);
    set_sp(x, sp);
}

void x86_push(X86Exec *x, const X86Op *op)
{
    uint64_t value = op->flags & X86_OP_IMM   ? op->imm
                     : op->flags & X86_OP_MEM ? x86_ld(x, op, x86_linear(x, op, op->size, false), op->size)
                                              : x86_get(x, op->rm, op->size);

    push_value(x, op, value, op->size);
}

void x86_pop(X86Exec *x, const X86Op *op)
{
    unsigned size = op->size;
    uint64_t sp = x->regs[R_ESP], value = x86_ld(x, op, stack_linear(x, op, sp, size, false), size);

    if (!(op->flags & X86_OP_MEM)) {
        set_sp(x, sp + size);
        x86_put(x, op->rm, value, size);
        return;
    }
    /* An address made with the stack pointer is that after the pop. */
    bool uses_sp = op->base == 8 * R_ESP;
    uint64_t offset = x86_offset(x, op, uses_sp ? size : 0);
    x86_st(x, op, x86_linear_in(x, op, op->seg, offset, size, true), value, size);
    set_sp(x, sp + size);
}

void x86_pusha(X86Exec *x, const X86Op *op)
{
    unsigned size = op->size;
    uint64_t sp = x->regs[R_ESP];

    for (unsigned i = 0; i < 8; i++) {      /* may all be written */
        x86_probe_write(x, op, stack_linear(x, op, sp - size * (i + 1), size, true), size);
    }
    for (unsigned i = 0; i < 8; i++) {
        x86_st(x, op, stack_linear(x, op, sp - size * (i + 1), size, true), x86_get(x, 8 * i, size), size);
    }
    set_sp(x, sp - 8 * size);
}

void x86_popa(X86Exec *x, const X86Op *op)
{
    unsigned size = op->size;
    uint64_t sp = x->regs[R_ESP], values[8];

    for (unsigned i = 0; i < 8; i++) {
        values[7 - i] = x86_ld(x, op, stack_linear(x, op, sp + size * i, size, false), size);
    }
    for (unsigned i = 0; i < 8; i++) {
        if (i != R_ESP) {
            x86_put(x, 8 * i, values[i], size);
        }
    }
    set_sp(x, sp + 8 * size);
}

/* imm: bytes of locals; imm8: nesting level. */
void x86_enter(X86Exec *x, const X86Op *op)
{
    unsigned size = op->size, level = op->imm8 & 31;
    uint64_t sp = x->regs[R_ESP] - size, bp = x->regs[R_EBP], frame = sp;

    x86_st(x, op, stack_linear(x, op, sp, size, true), bp, size);
    for (unsigned i = 1; i < level; i++) {
        bp -= size;
        uint64_t display = x86_ld(x, op, stack_linear(x, op, bp, size, false), size);
        sp -= size;
        x86_st(x, op, stack_linear(x, op, sp, size, true), display, size);
    }
    if (level > 0) {
        sp -= size;
        x86_st(x, op, stack_linear(x, op, sp, size, true), frame, size);
    }
    sp -= op->imm & 0xffff;
    x86_probe_write(x, op, stack_linear(x, op, sp, size, true), size);
    /* A stack of 16 bits leaves the upper half of ESP in it. */
    frame = stack_size(x) == 2 ? (x->regs[R_ESP] & ~0xffffull) | (uint16_t)frame : frame;
    x86_put(x, 8 * R_EBP, frame, size == 2 ? 2 : x86_long_code(x) ? 8 : 4);
    set_sp(x, sp);
}

void x86_leave(X86Exec *x, const X86Op *op)
{
    uint64_t sp = x->regs[R_EBP], value = x86_ld(x, op, stack_linear(x, op, sp, op->size, false), op->size);

    set_sp(x, sp + op->size);
    x86_put(x, 8 * R_EBP, value, op->size);
}

/* --- branches --- */

/* The target cut to the operand size; #GP if it can't be executed. */
static uint64_t target(X86Exec *x, const X86Op *op, uint64_t eip)
{
    if (x86_long_code(x)) {
        if ((uint64_t)((int64_t)(eip << 16) >> 16) != eip) {
            x86_raise_error(x, EXCP_GP, 0);
        }
        return eip;
    }
    eip = op->size == 2 ? (uint16_t)eip : (uint32_t)eip;
    if (eip > x->env->segs[R_CS].limit) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    return eip;
}

static uint64_t relative(X86Exec *x, const X86Op *op)
{
    return target(x, op, x->eip + op->imm);
}

static uint64_t indirect(X86Exec *x, const X86Op *op)
{
    return op->flags & X86_OP_MEM ? x86_ld(x, op, x86_linear(x, op, op->size, false), op->size) : x86_get(x, op->rm, op->size);
}

void x86_jmp(X86Exec *x, const X86Op *op)
{
    x->eip = relative(x, op);
}

void x86_jmp_ind(X86Exec *x, const X86Op *op)
{
    x->eip = target(x, op, indirect(x, op));
}

void x86_jcc(X86Exec *x, const X86Op *op)
{
    if (x86_condition(x, op->cond)) {
        x->eip = relative(x, op);
    }
}

/* The counter is as wide as addresses. */
void x86_jcxz(X86Exec *x, const X86Op *op)
{
    if (x86_get(x, 8 * R_ECX, op->addr_size) == 0) {
        x->eip = relative(x, op);
    }
}

void x86_loop(X86Exec *x, const X86Op *op)
{
    uint64_t count = x86_get(x, 8 * R_ECX, op->addr_size) - 1, eip = x->eip;
    bool goes_on = op->addr_size == 8 ? count != 0 : op->addr_size == 4 ? (uint32_t)count != 0 : (uint16_t)count != 0;

    if (op->id != X86_LOOP && x86_zf(x) != (op->id == X86_LOOPE)) {
        goes_on = false;
    }
    if (goes_on) {
        eip = relative(x, op);
    }
    x86_put(x, 8 * R_ECX, count, op->addr_size);
    x->eip = eip;
}

/* The return address is in memory before the target is looked at, as in CPUs. */
static void call(X86Exec *x, const X86Op *op, uint64_t eip)
{
    uint64_t sp = x->regs[R_ESP] - op->size;

    x86_st(x, op, stack_linear(x, op, sp, op->size, true), x->eip, op->size);
    x->eip = target(x, op, eip);
    set_sp(x, sp);
}

void x86_call(X86Exec *x, const X86Op *op)
{
    call(x, op, x->eip + op->imm);
}

void x86_call_ind(X86Exec *x, const X86Op *op)
{
    call(x, op, indirect(x, op));
}

void x86_ret(X86Exec *x, const X86Op *op)
{
    uint64_t sp = x->regs[R_ESP];
    uint64_t eip = target(x, op, x86_ld(x, op, stack_linear(x, op, sp, op->size, false), op->size));

    set_sp(x, sp + op->size + (op->flags & X86_OP_IMM ? op->imm & 0xffff : 0));
    x->eip = eip;
}
