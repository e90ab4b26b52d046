/* Far calls and jumps: to code segments, through call gates, to tasks (SDM vol. 2, CALL and JMP; vol. 3, 5.8). */
#include "target/i386/exec/alu.h"
#include "target/i386/exec/system.h"

typedef struct Target {
    uint16_t selector;
    uint64_t eip;
} Target;

static Target far_target(X86Exec *x, const X86Op *op)
{
    Target t;

    if (!(op->flags & X86_OP_MEM)) {
        return (Target){ op->imm >> 32, op->size == 2 ? op->imm & 0xffff : op->imm & 0xffffffff };
    }
    t.eip = x86_ld(x, op, x86_linear(x, op, op->size, false), op->size);
    t.selector = x86_ld16(x, op, x86_linear_in(x, op, op->seg, x86_offset(x, op, op->size), 2, false));
    return t;
}

void x86_check_entry(X86Exec *x, const X86Descriptor *cs, uint64_t eip)
{
    if (x86_long_mode(x) && cs->high & DESC_L) {
        if (cs->high & DESC_B) {
            x86_raise_error(x, EXCP_GP, cs->selector & ~3u);
        }
        if (!x86_canonical(eip)) {
            x86_raise_error(x, EXCP_GP, 0);
        }
    } else if (eip > x86_desc_limit(cs)) {
        x86_raise_error(x, EXCP_GP, 0);
    }
}

static void real_transfer(X86Exec *x, const X86Op *op, Target t)
{
    if (t.eip > x->env->segs[R_CS].limit) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    if (op->id == X86_CALL_FAR || op->id == X86_CALL_FAR_IND) {
        X86Stack stack = x86_stack(x);

        x86_stack_push(x, &stack, x->env->segs[R_CS].selector, op->size);
        x86_stack_push(x, &stack, x->eip, op->size);
        x86_stack_commit(x, &stack);
    }
    x86_set_real_segment(x, R_CS, t.selector);
    x->eip = t.eip;
    x86_system_mode(x);
}

/* To a code segment at the current level. */
static void direct(X86Exec *x, const X86Op *op, X86Descriptor *cs, uint64_t eip, bool is_call)
{
    unsigned dpl = x86_desc_dpl(cs);

    if (!(cs->high & DESC_CODE) || (cs->high & DESC_C ? dpl > x86_cpl(x) : (cs->selector & 3u) > x86_cpl(x) || dpl != x86_cpl(x))) {
        x86_raise_error(x, EXCP_GP, cs->selector & ~3u);
    }
    if (!(cs->high & DESC_P)) {
        x86_raise_error(x, EXCP_NP, cs->selector & ~3u);
    }
    if (x86_long_mode(x) && !(cs->high & DESC_L)) {
        eip = (uint32_t)eip;
    }
    if (is_call) {      /* pushes first, as CPUs do */
        X86Stack stack = x86_stack(x);

        if (x86_long_mode(x)) {     /* as it is in the code that is entered: CPUs do so */
            stack.mask = cs->high & DESC_L ? UINT64_MAX : stack.segment.flags & DESC_B ? 0xffffffff : 0xffff;
        }
        x86_stack_push(x, &stack, x->env->segs[R_CS].selector, op->size);
        x86_stack_push(x, &stack, x->eip, op->size);
        x86_check_entry(x, cs, eip);
        x86_descriptor_accessed(x, cs);
        x86_stack_commit(x, &stack);
    } else {
        x86_check_entry(x, cs, eip);
        x86_descriptor_accessed(x, cs);
    }
    x86_set_cs(x, cs, x86_cpl(x));
    x->eip = eip;
    x86_system_mode(x);
}

/* The segment behind a call gate. */
static X86Descriptor gate_segment(X86Exec *x, uint16_t selector, bool is_call)
{
    X86Descriptor cs;
    unsigned dpl;

    if (!(selector & ~3u)) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    cs = x86_descriptor_or(x, selector, EXCP_GP, 0);
    dpl = x86_desc_dpl(&cs);
    if ((cs.high & (DESC_S | DESC_CODE)) != (DESC_S | DESC_CODE) ||
        (is_call || cs.high & DESC_C ? dpl > x86_cpl(x) : dpl != x86_cpl(x)) ||
        (x86_long_mode(x) && (cs.high & (DESC_L | DESC_B)) != DESC_L)) {
        x86_raise_error(x, EXCP_GP, selector & ~3u);
    }
    if (!(cs.high & DESC_P)) {
        x86_raise_error(x, EXCP_NP, selector & ~3u);
    }
    return cs;
}

/* A call to a more privileged level, which has its own stack; parameters are copied (but in long mode). */
static void inner_call(X86Exec *x, const X86Descriptor *gate, X86Descriptor *cs, uint64_t eip, unsigned size)
{
    X86CPUState *env = x->env;
    unsigned cpl = x86_desc_dpl(cs), count = size == 8 ? 0 : gate->high & 31;
    X86Stack old = x86_stack(x), stack;
    uint32_t parameters[32];
    SegmentCache ss = { .selector = cpl, .flags = cpl << DESC_DPL_SHIFT };

    if (size == 8) {
        stack = (X86Stack){ .sp = x86_task_rsp(x, cpl, 0), .mask = UINT64_MAX, .system = true };
    } else {
        X86Descriptor d;

        stack = x86_task_stack(x, cpl, 0, &d);
        ss = x86_segment_of(d.selector, &d);
    }
    x86_check_entry(x, cs, eip);
    for (unsigned i = 0; i < count; i++) {
        parameters[i] = x86_stack_pop(x, &old, size);
    }
    x86_stack_push(x, &stack, env->segs[R_SS].selector, size);
    x86_stack_push(x, &stack, x->regs[R_ESP], size);
    for (unsigned i = count; i-- > 0;) {
        x86_stack_push(x, &stack, parameters[i], size);
    }
    x86_stack_push(x, &stack, env->segs[R_CS].selector, size);
    x86_stack_push(x, &stack, x->eip, size);
    x86_descriptor_accessed(x, cs);
    env->segs[R_SS] = ss;
    x86_stack_commit(x, &stack);
    x86_set_cs(x, cs, cpl);
    x->eip = eip;
    x86_system_mode(x);
}

static void through_gate(X86Exec *x, const X86Descriptor *gate, bool is_call)
{
    unsigned size = x86_long_mode(x) ? 8 : x86_desc_type(gate) & 8 ? 4 : 2;
    uint64_t eip = size == 2 ? gate->low & 0xffff : x86_gate_offset(gate);
    X86Descriptor cs;

    if (!(gate->high & DESC_P)) {
        x86_raise_error(x, EXCP_NP, gate->selector & ~3u);
    }
    if (size == 8) {
        eip |= x86_descriptor_upper(x, gate, 0) << 32;
    }
    cs = gate_segment(x, gate->low >> 16, is_call);
    if (is_call && !(cs.high & DESC_C) && x86_desc_dpl(&cs) < x86_cpl(x)) {
        inner_call(x, gate, &cs, eip, size);
        return;
    }
    x86_check_entry(x, &cs, eip);
    x86_descriptor_accessed(x, &cs);
    if (is_call) {
        X86Stack stack = x86_stack(x);

        x86_stack_push(x, &stack, x->env->segs[R_CS].selector, size);
        x86_stack_push(x, &stack, x->eip, size);
        x86_stack_commit(x, &stack);
    }
    x86_set_cs(x, &cs, x86_cpl(x));
    x->eip = eip;
    x86_system_mode(x);
}

/* Call gates, task gates and task states. */
static void system_target(X86Exec *x, const X86Descriptor *d, bool is_call)
{
    unsigned type = x86_desc_type(d), dpl = x86_desc_dpl(d);
    uint32_t error = d->selector & ~3u;
    uint16_t types = 1 << TYPE_CALL32;

    if (!x86_long_mode(x)) {
        types |= 1 << TYPE_CALL16 | 1 << TYPE_TASK | 1 << TYPE_TSS16 | 1 << TYPE_TSS32;
    }
    if (!(types >> type & 1) || dpl < x86_cpl(x) || (d->selector & 3u) > dpl) {
        x86_raise_error(x, EXCP_GP, error);
    }
    if (type == TYPE_CALL16 || type == TYPE_CALL32) {
        through_gate(x, d, is_call);
        return;
    }
    if (!(d->high & DESC_P)) {
        x86_raise_error(x, EXCP_NP, error);
    }
    if (type == TYPE_TASK) {
        x86_task_gate(x, d->low >> 16, is_call ? X86_TASK_CALL : X86_TASK_JMP, 0);
    } else {
        if (d->selector & 4) {
            x86_raise_error(x, EXCP_GP, error);
        }
        x86_task_switch(x, d, is_call ? X86_TASK_CALL : X86_TASK_JMP, 0);
    }
}

static void transfer(X86Exec *x, const X86Op *op, bool is_call)
{
    Target t = far_target(x, op);
    X86Descriptor d;

    if (!x86_protected(x)) {
        real_transfer(x, op, t);
        return;
    }
    if (!(t.selector & ~3u)) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    d = x86_descriptor_or(x, t.selector, EXCP_GP, 0);
    if (d.high & DESC_S) {
        direct(x, op, &d, t.eip, is_call);
    } else {
        system_target(x, &d, is_call);
    }
}

void x86_insn_call_far(X86Exec *x, const X86Op *op)
{
    transfer(x, op, true);
}

void x86_insn_jmp_far(X86Exec *x, const X86Op *op)
{
    transfer(x, op, false);
}
