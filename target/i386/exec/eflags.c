/* Instructions on EFLAGS: what may change where (SDM vol. 2, POPF, table 4-16), and the interrupt flag. */
#include "target/i386/exec/system.h"

enum { POPF_FLAGS = FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID };

static void need_io_level(X86Exec *x)
{
    if (x86_cpl(x) > x86_iopl(x)) {
        x86_raise_error(x, EXCP_GP, 0);
    }
}

void x86_insn_cli(X86Exec *x, const X86Op *op)
{
    need_io_level(x);
    x->env->eflags &= ~(uint64_t)FLAG_IF;
}

void x86_insn_sti(X86Exec *x, const X86Op *op)
{
    need_io_level(x);
    if (!(x->env->eflags & FLAG_IF)) {
        x->env->eflags |= FLAG_IF;
        x86_shadow(x, false);
    }
}

void x86_insn_pushf(X86Exec *x, const X86Op *op)
{
    X86Stack stack = x86_stack(x);

    if (x86_vm86(x)) {
        need_io_level(x);
    }
    x86_stack_push(x, &stack, x86_eflags(x) & ~(FLAG_VM | FLAG_RF), op->size);
    x86_stack_commit(x, &stack);
}

void x86_insn_popf(X86Exec *x, const X86Op *op)
{
    X86Stack stack = x86_stack(x);
    uint32_t mask = POPF_FLAGS, old = x86_eflags(x), flags;

    if (x86_vm86(x)) {
        need_io_level(x);
    }
    flags = x86_stack_pop(x, &stack, op->size);
    x86_stack_commit(x, &stack);
    if (x86_cpl(x) <= x86_iopl(x)) {
        mask |= FLAG_IF;
    }
    if (x86_cpl(x) == 0) {
        mask |= FLAG_IOPL;
    }
    if (op->size == 2) {
        mask &= 0xffff;
    }
    flags = (old & ~mask & ~FLAG_RF) | (flags & mask) | 2;
    x86_set_eflags(x, flags);
    if ((old ^ flags) & (FLAG_TF | FLAG_IOPL | FLAG_AC | FLAG_RF)) {
        x86_system_mode(x);
    } else {
        x86_recheck(x);
    }
}

static void set_ac(X86Exec *x, bool on)
{
    if (x86_cpl(x) != 0) {
        x86_raise(x, EXCP_UD);
    }
    x->env->eflags = on ? x->env->eflags | FLAG_AC : x->env->eflags & ~(uint64_t)FLAG_AC;
    x86_system_mode(x);
}

void x86_insn_clac(X86Exec *x, const X86Op *op)
{
    set_ac(x, false);
}

void x86_insn_stac(X86Exec *x, const X86Op *op)
{
    set_ac(x, true);
}
