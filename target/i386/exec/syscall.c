/* Fast system calls, and the bases of FS and GS (SDM vol. 2; AMD APM vol. 3 for legacy SYSCALL). */
#include <string.h>

#include "target/i386/exec/system.h"

/* Flat segments, as these instructions load them without a look at the tables. */
enum {
    FLAT_CODE = DESC_G | DESC_P | DESC_S | DESC_CODE | DESC_R | DESC_A,
    FLAT_DATA = DESC_G | DESC_B | DESC_P | DESC_S | DESC_W | DESC_A,
};

static void set_flat(X86Exec *x, uint16_t cs, uint16_t ss, uint32_t mode, unsigned cpl)
{
    x->env->segs[R_CS] = (SegmentCache){
        .selector = cs, .limit = 0xffffffff, .flags = FLAT_CODE | mode | cpl << DESC_DPL_SHIFT,
    };
    x->env->segs[R_SS] = (SegmentCache){ .selector = ss, .limit = 0xffffffff, .flags = FLAT_DATA | cpl << DESC_DPL_SHIFT };
}

static bool is_intel(const X86Exec *x)
{
    return memcmp(x->cpu->vendor, "GenuineIntel", 12) == 0;
}

void x86_insn_syscall(X86Exec *x, const X86Op *op)
{
    X86CPUState *env = x->env;
    uint16_t selector = env->star >> 32 & 0xfffc;
    uint32_t flags = x86_eflags(x);

    if (!(env->efer & EFER_SCE) || !x86_protected(x) || (is_intel(x) && !x86_long_code(x))) {
        x86_raise(x, EXCP_UD);
    }
    x->regs[R_ECX] = x->eip;
    if (x86_long_mode(x)) {
        x->regs[11] = flags & ~FLAG_RF;
        x->eip = x86_long_code(x) ? env->lstar : env->cstar;
        set_flat(x, selector, selector + 8, DESC_L, 0);
        flags &= ~(env->fmask | FLAG_RF);
    } else {
        x->eip = (uint32_t)env->star;
        set_flat(x, selector, selector + 8, DESC_B, 0);
        flags &= ~(FLAG_IF | FLAG_RF | FLAG_VM);
    }
    x86_system_set_eflags(x, flags);
    x86_step_restart(x);
}

void x86_insn_sysret(X86Exec *x, const X86Op *op)
{
    enum { KEPT = 0x3c7fd7 };           /* all but RF and VM */
    X86CPUState *env = x->env;
    uint16_t selector = (env->star >> 48) | 3;
    uint32_t flags;

    if (!(env->efer & EFER_SCE) || (is_intel(x) && !x86_long_code(x))) {
        x86_raise(x, EXCP_UD);
    }
    if (!x86_protected(x) || x86_cpl(x) != 0 || (op->size == 8 && !x86_canonical(x->regs[R_ECX]))) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    flags = x86_long_mode(x) ? x->regs[11] & KEPT : x86_eflags(x) | FLAG_IF;
    if (op->size == 8) {
        set_flat(x, selector + 16, selector + 8, DESC_L, 3);
        x->eip = x->regs[R_ECX];
    } else {
        set_flat(x, selector, selector + 8, DESC_B, 3);
        x->eip = (uint32_t)x->regs[R_ECX];
    }
    x86_system_set_eflags(x, flags);
    x86_step_restart(x);
}

/* AMD's CPUs do not have the pair in long mode. */
static void need_sysenter(X86Exec *x)
{
    if (x86_long_mode(x) && !is_intel(x)) {
        x86_raise(x, EXCP_UD);
    }
}

void x86_insn_sysenter(X86Exec *x, const X86Op *op)
{
    X86CPUState *env = x->env;
    uint16_t selector = env->sysenter_cs & 0xfffc;
    bool wide = x86_long_mode(x);

    need_sysenter(x);
    if (!(env->cr[0] & CR0_PE) || !selector) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    x86_set_eflags(x, x86_eflags(x) & ~(FLAG_VM | FLAG_IF | FLAG_RF));
    set_flat(x, selector, selector + 8, wide ? DESC_L : DESC_B, 0);
    x->regs[R_ESP] = wide ? env->sysenter_esp : (uint32_t)env->sysenter_esp;
    x->eip = wide ? env->sysenter_eip : (uint32_t)env->sysenter_eip;
    x86_system_mode(x);
}

void x86_insn_sysexit(X86Exec *x, const X86Op *op)
{
    uint16_t selector = x->env->sysenter_cs & 0xfffc;
    uint64_t eip = x->regs[R_EDX], esp = x->regs[R_ECX];

    need_sysenter(x);
    if (!selector || !x86_protected(x) || x86_cpl(x) != 0 || (op->size == 8 && (!x86_canonical(eip) || !x86_canonical(esp)))) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    if (op->size == 8) {
        set_flat(x, (selector + 32) | 3, (selector + 40) | 3, DESC_L, 3);
    } else {
        set_flat(x, (selector + 16) | 3, (selector + 24) | 3, DESC_B, 3);
    }
    x->regs[R_ESP] = op->size == 8 ? esp : (uint32_t)esp;
    x->eip = op->size == 8 ? eip : (uint32_t)eip;
    x86_system_mode(x);
}

void x86_insn_swapgs(X86Exec *x, const X86Op *op)
{
    SegmentCache *gs = &x->env->segs[R_GS];
    uint64_t base = gs->base;

    if (!x86_long_code(x)) {
        x86_raise(x, EXCP_UD);
    }
    x86_need_cpl0(x);
    gs->base = x->env->kernelgsbase;
    x->env->kernelgsbase = base;
}

static SegmentCache *based(X86Exec *x, bool is_fs)
{
    if (!x86_long_code(x) || !(x->env->cr[4] & CR4_FSGSBASE)) {
        x86_raise(x, EXCP_UD);
    }
    return &x->env->segs[is_fs ? R_FS : R_GS];
}

/* RDFSBASE, RDGSBASE */
void x86_insn_rd_base(X86Exec *x, const X86Op *op)
{
    x86_put(x, op->rm, based(x, op->id == X86_RDFSBASE)->base, op->size);
}

/* WRFSBASE, WRGSBASE */
void x86_insn_wr_base(X86Exec *x, const X86Op *op)
{
    SegmentCache *s = based(x, op->id == X86_WRFSBASE);
    uint64_t base = x86_get(x, op->rm, op->size);

    if (!x86_canonical(base)) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    s->base = base;
}
