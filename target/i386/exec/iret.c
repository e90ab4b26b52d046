/* Far returns: RETF and IRET, to the same and to outer levels, to VM86 and to the previous task (SDM vol. 2). */
#include "target/i386/exec/system.h"

enum { IRET_FLAGS_16 = FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT, IRET_FLAGS_32 = FLAG_RF | FLAG_AC | FLAG_ID };

/* What IRET may change at the privilege level that it is executed at. */
static void return_flags(X86Exec *x, uint32_t flags, unsigned size, bool io_level)
{
    uint32_t mask = IRET_FLAGS_16 | (size == 2 ? 0 : IRET_FLAGS_32);

    if (x86_cpl(x) <= x86_iopl(x)) {
        mask |= FLAG_IF;
    }
    if (io_level) {
        mask |= FLAG_IOPL | (size == 2 ? 0 : FLAG_VIF | FLAG_VIP);
    }
    x86_set_eflags(x, (x86_eflags(x) & ~mask) | (flags & mask) | 2);
}

/* No more than the selector is read of its place. */
static uint16_t pop_selector(X86Exec *x, X86Stack *stack, unsigned size)
{
    uint16_t selector = x86_stack_pop(x, stack, 2);

    stack->sp += size - 2;
    return selector;
}

static void return_real(X86Exec *x, unsigned size, unsigned release, bool is_iret)
{
    X86Stack stack = x86_stack(x);
    uint32_t eip = x86_stack_pop(x, &stack, size), flags = 0;
    uint16_t cs = x86_stack_pop(x, &stack, size);

    if (is_iret) {
        flags = x86_stack_pop(x, &stack, size);
    }
    if (eip > x->env->segs[R_CS].limit) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    stack.sp += release;
    x86_stack_commit(x, &stack);
    x86_set_real_segment(x, R_CS, cs);
    x->eip = eip;
    if (is_iret) {
        return_flags(x, flags, size, !x86_vm86(x));
    }
    x86_system_mode(x);
}

/* Everything was pushed as 32 bits when VM86 was left. */
static void return_vm86(X86Exec *x, X86Stack *stack, uint32_t eip, uint16_t cs, uint32_t flags)
{
    static const uint8_t order[] = { R_SS, R_ES, R_DS, R_FS, R_GS };
    uint16_t selectors[sizeof(order)];
    uint32_t esp = x86_stack_pop(x, stack, 4);

    for (unsigned i = 0; i < sizeof(order); i++) {
        selectors[i] = x86_stack_pop(x, stack, 4);
    }
    if (eip > 0xffff) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    x86_set_eflags(x, (flags & (IRET_FLAGS_16 | IRET_FLAGS_32 | FLAG_IF | FLAG_IOPL | FLAG_VM | FLAG_VIF | FLAG_VIP)) | 2);
    x86_set_real_segment(x, R_CS, cs);
    for (unsigned i = 0; i < sizeof(order); i++) {
        x86_set_real_segment(x, order[i], selectors[i]);
    }
    x->regs[R_ESP] = esp;
    x->eip = eip;
    x86_system_mode(x);
}

static void check_code(X86Exec *x, const X86Descriptor *cs)
{
    unsigned rpl = cs->selector & 3, dpl = x86_desc_dpl(cs);
    uint32_t error = cs->selector & ~3u;

    if ((cs->high & (DESC_S | DESC_CODE)) != (DESC_S | DESC_CODE) || rpl < x86_cpl(x)) {
        x86_raise_error(x, EXCP_GP, error);
    }
    if (cs->high & DESC_C ? dpl > rpl : dpl != rpl) {
        x86_raise_error(x, EXCP_GP, error);
    }
    if (!(cs->high & DESC_P)) {
        x86_raise_error(x, EXCP_NP, error);
    }
}

/* The outer stack: null is fine in 64-bit mode but at level 3. */
static SegmentCache outer_stack(X86Exec *x, uint16_t selector, const X86Descriptor *cs)
{
    unsigned rpl = cs->selector & 3;
    X86Descriptor ss;

    if (!(selector & ~3u)) {
        if (!x86_long_mode(x) || !(cs->high & DESC_L) || rpl == 3) {
            x86_raise_error(x, EXCP_GP, 0);
        }
        return (SegmentCache){ .selector = selector, .flags = rpl << DESC_DPL_SHIFT };
    }
    ss = x86_descriptor_or(x, selector, EXCP_GP, 0);
    if ((selector & 3u) != rpl || (ss.high & (DESC_S | DESC_CODE | DESC_W)) != (DESC_S | DESC_W) || x86_desc_dpl(&ss) != rpl) {
        x86_raise_error(x, EXCP_GP, selector & ~3u);
    }
    if (!(ss.high & DESC_P)) {
        x86_raise_error(x, EXCP_SS, selector & ~3u);
    }
    x86_descriptor_accessed(x, &ss);
    return x86_segment_of(selector, &ss);
}

static void return_protected(X86Exec *x, unsigned size, unsigned release, bool is_iret)
{
    X86Stack stack = x86_stack(x);
    uint64_t eip = x86_stack_pop(x, &stack, size), esp = 0;
    uint16_t selector = pop_selector(x, &stack, size);
    uint32_t flags = is_iret ? x86_stack_pop(x, &stack, size) : 0;
    unsigned cpl = x86_cpl(x), rpl = selector & 3;
    bool with_stack = rpl != cpl || (is_iret && x86_long_code(x));
    SegmentCache ss;
    X86Descriptor cs;

    if (is_iret && !x86_long_mode(x) && size == 4 && flags & FLAG_VM && cpl == 0) {
        return_vm86(x, &stack, eip, selector, flags);
        return;
    }
    if (!(selector & ~3u)) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    cs = x86_descriptor_or(x, selector, EXCP_GP, 0);
    check_code(x, &cs);
    stack.sp += release;
    if (with_stack) {
        esp = x86_stack_pop(x, &stack, size) + release;
        ss = outer_stack(x, pop_selector(x, &stack, size), &cs);
    }
    if (x86_long_mode(x) && !(cs.high & DESC_L)) {
        eip = (uint32_t)eip;
    }
    x86_check_entry(x, &cs, eip);
    x86_descriptor_accessed(x, &cs);
    if (is_iret) {
        return_flags(x, flags, size, cpl == 0);
    }
    x86_set_cs(x, &cs, rpl);
    if (with_stack) {
        x->env->segs[R_SS] = ss;
        stack.sp = esp;
    }
    /* As wide as it is in the code that is entered. */
    stack.mask = x86_long_mode(x) && cs.high & DESC_L ? UINT64_MAX : x->env->segs[R_SS].flags & DESC_B ? 0xffffffff : 0xffff;
    x86_stack_commit(x, &stack);
    x->eip = eip;
    x86_system_mode(x);
    if (rpl > cpl) {
        x86_drop_segments(x, rpl);
        x86_system_mode(x);     /* 32-bit code: whether segments have bases */
    }
}

void x86_far_return(X86Exec *x, unsigned size, unsigned release, bool is_iret)
{
    if (x86_protected(x)) {
        return_protected(x, size, release, is_iret);
    } else {
        return_real(x, size, release, is_iret);
    }
}

static void return_to_task(X86Exec *x)
{
    uint16_t selector = x86_ld_system(x, x->env->tr.base, 2);
    X86Descriptor d;

    if (selector & 4) {
        x86_raise_error(x, EXCP_TS, selector & ~3u);
    }
    d = x86_descriptor_or(x, selector, EXCP_TS, 0);
    if (d.high & DESC_S || (x86_desc_type(&d) & ~8u) != TYPE_TSS16_BUSY) {
        x86_raise_error(x, EXCP_TS, selector & ~3u);
    }
    if (!(d.high & DESC_P)) {
        x86_raise_error(x, EXCP_NP, selector & ~3u);
    }
    x86_task_switch(x, &d, X86_TASK_IRET, 0);
}

void x86_insn_ret_far(X86Exec *x, const X86Op *op)
{
    x86_far_return(x, op->size, op->flags & X86_OP_IMM ? op->imm & 0xffff : 0, false);
}

void x86_insn_iret(X86Exec *x, const X86Op *op)
{
    if (x86_vm86(x) && x86_iopl(x) < 3) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    if (x86_protected(x) && x86_eflags(x) & FLAG_NT) {
        if (x86_long_mode(x)) {
            x86_raise_error(x, EXCP_GP, 0);
        }
        return_to_task(x);
    } else {
        x86_far_return(x, op->size, 0, true);
    }
    x->env->hflags2 &= ~HF2_NMI;
    x86_step_keep_rf(x);
    x86_recheck(x);
}
