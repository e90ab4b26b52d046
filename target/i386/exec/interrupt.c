/*
 * Delivery of exceptions and interrupts: through the vector table in real mode, gates in protected and long mode (SDM
 * vol. 3, chapter 6), and the instructions that ask for it.
 */
#include "system/runstate.h"
#include "target/i386/exec/alu.h"
#include "target/i386/exec/system.h"
#include "util/log.h"

typedef struct Event {
    unsigned vector;
    bool soft;                  /* INT n, INT3, INTO: the gate's DPL counts */
    bool has_error;
    uint32_t error;
    uint64_t return_eip;
    uint32_t ext;               /* the EXT bit of errors that arise on the way */
} Event;

/* The error code that names the vector's entry in the IDT. */
static uint32_t idt_error(const Event *e)
{
    return e->vector * 8 | 2 | e->ext;
}

/* Real mode: a far pointer of 16 bits a vector. */
static void deliver_real(X86Exec *x, const Event *e)
{
    X86Stack stack = x86_stack(x);
    uint32_t flags = x86_eflags(x), pointer;

    if (e->vector * 4 + 3 > x->env->idt.limit) {
        x86_raise_error(x, EXCP_GP, idt_error(e));
    }
    pointer = x86_ld_system(x, (uint32_t)(x->env->idt.base + e->vector * 4), 4);
    x86_stack_push(x, &stack, flags, 2);
    x86_stack_push(x, &stack, x->env->segs[R_CS].selector, 2);
    x86_stack_push(x, &stack, e->return_eip, 2);
    x86_stack_commit(x, &stack);
    x86_set_real_segment(x, R_CS, pointer >> 16);
    x->eip = pointer & 0xffff;
    x86_system_set_eflags(x, flags & ~(FLAG_IF | FLAG_TF | FLAG_AC | FLAG_RF));
}

/* The gate's code segment, checked. */
static X86Descriptor target_segment(X86Exec *x, const Event *e, uint16_t selector)
{
    X86Descriptor d;

    if (!(selector & ~3u)) {
        x86_raise_error(x, EXCP_GP, e->ext);
    }
    d = x86_descriptor_or(x, selector, EXCP_GP, e->ext);
    if ((d.high & (DESC_S | DESC_CODE)) != (DESC_S | DESC_CODE) || x86_desc_dpl(&d) > x86_cpl(x)) {
        x86_raise_error(x, EXCP_GP, (selector & ~3u) | e->ext);
    }
    if (x86_long_mode(x) && (d.high & (DESC_L | DESC_B)) != DESC_L) {
        x86_raise_error(x, EXCP_GP, (selector & ~3u) | e->ext);
    }
    if (!(d.high & DESC_P)) {
        x86_raise_error(x, EXCP_NP, (selector & ~3u) | e->ext);
    }
    return d;
}

/* The flags that are pushed: faults are resumed, with RF; a debug exception never sets it, and an instruction that is done, as INT
 * is, has cleared it. */
static uint32_t pushed_flags(X86Exec *x, const Event *e)
{
    bool is_fault = !e->soft && e->vector < 32 && e->vector != EXCP_DB && e->vector != EXCP_NMI && e->vector != EXCP_BP &&
                    e->vector != EXCP_OF && e->vector != EXCP_DF && e->vector != EXCP_MC && x->delivering == (int)e->vector;

    return (x86_eflags(x) & ~(e->soft ? FLAG_RF : 0)) | (is_fault ? FLAG_RF : 0);
}

static uint32_t entered_flags(uint32_t flags, unsigned gate_type)
{
    flags &= ~(FLAG_TF | FLAG_VM | FLAG_RF | FLAG_NT);
    return gate_type & 1 ? flags : flags & ~FLAG_IF;
}

static void check_gate(X86Exec *x, const Event *e, const X86Descriptor *gate, uint16_t types)
{
    if (gate->high & DESC_S || !(types >> x86_desc_type(gate) & 1)) {
        x86_raise_error(x, EXCP_GP, idt_error(e));
    }
    if (e->soft && x86_desc_dpl(gate) < x86_cpl(x)) {
        x86_raise_error(x, EXCP_GP, idt_error(e));
    }
    if (!(gate->high & DESC_P)) {
        x86_raise_error(x, EXCP_NP, idt_error(e));
    }
}

/* Through a task gate: the error code goes on the new task's stack. */
static void deliver_task(X86Exec *x, const Event *e, const X86Descriptor *gate)
{
    X86Stack stack;

    x->eip = e->return_eip;
    x86_task_gate(x, gate->low >> 16, X86_TASK_EVENT, e->ext);
    if (e->has_error) {
        unsigned type = x->env->tr.flags >> DESC_TYPE_SHIFT & 15;

        stack = x86_stack(x);
        stack.error = e->ext;
        x86_stack_push(x, &stack, e->error, type & 8 ? 4 : 2);
        x86_stack_commit(x, &stack);
    }
}

static void push_return(X86Exec *x, const Event *e, X86Stack *stack, unsigned size, uint32_t flags)
{
    x86_stack_push(x, stack, flags, size);
    x86_stack_push(x, stack, x->env->segs[R_CS].selector, size);
    x86_stack_push(x, stack, e->return_eip, size);
    if (e->has_error) {
        x86_stack_push(x, stack, e->error, size);
    }
}

static void deliver_protected(X86Exec *x, const Event *e)
{
    enum {
        GATES = 1 << TYPE_TASK | 1 << TYPE_INT16 | 1 << TYPE_TRAP16 | 1 << TYPE_INT32 | 1 << TYPE_TRAP32,
    };
    X86CPUState *env = x->env;
    uint32_t flags = pushed_flags(x, e), offset;
    bool from_vm86 = x86_vm86(x), inner;
    X86Descriptor gate = { 0 }, cs, ss = { 0 };
    X86Stack stack;
    unsigned size, cpl;
    uint64_t both;

    if (e->vector * 8 + 7 > env->idt.limit) {
        x86_raise_error(x, EXCP_GP, idt_error(e));
    }
    both = x86_ld_system(x, (uint32_t)(env->idt.base + e->vector * 8), 8);
    gate.low = both;
    gate.high = both >> 32;
    check_gate(x, e, &gate, GATES);
    if (x86_desc_type(&gate) == TYPE_TASK) {
        deliver_task(x, e, &gate);
        return;
    }
    size = x86_desc_type(&gate) & 8 ? 4 : 2;
    offset = size == 4 ? x86_gate_offset(&gate) : gate.low & 0xffff;
    cs = target_segment(x, e, gate.low >> 16);
    inner = !(cs.high & DESC_C) && x86_desc_dpl(&cs) < x86_cpl(x);
    cpl = inner ? x86_desc_dpl(&cs) : x86_cpl(x);
    if (from_vm86 && cpl != 0) {
        x86_raise_error(x, EXCP_GP, (cs.selector & ~3u) | e->ext);
    }
    if (inner) {
        stack = x86_task_stack(x, cpl, e->ext, &ss);
        if (from_vm86) {
            static const uint8_t data[] = { R_GS, R_FS, R_DS, R_ES };

            for (unsigned i = 0; i < sizeof(data); i++) {
                x86_stack_push(x, &stack, env->segs[data[i]].selector, size);
            }
        }
        x86_stack_push(x, &stack, env->segs[R_SS].selector, size);
        x86_stack_push(x, &stack, x->regs[R_ESP], size);
    } else {
        stack = x86_stack(x);
        stack.error = e->ext;
    }
    push_return(x, e, &stack, size, flags);
    if (offset > x86_desc_limit(&cs)) {
        x86_raise_error(x, EXCP_GP, e->ext);
    }
    x86_descriptor_accessed(x, &cs);
    if (inner) {
        if (from_vm86) {
            env->segs[R_ES] = env->segs[R_DS] = env->segs[R_FS] = env->segs[R_GS] = (SegmentCache){ 0 };
        }
        env->segs[R_SS] = x86_segment_of(ss.selector, &ss);
    }
    x86_stack_commit(x, &stack);
    x86_set_cs(x, &cs, cpl);
    x->eip = offset;
    x86_system_set_eflags(x, entered_flags(flags, x86_desc_type(&gate)));
}

static void deliver_long(X86Exec *x, const Event *e)
{
    X86CPUState *env = x->env;
    uint32_t flags = pushed_flags(x, e), ist;
    X86Descriptor gate = { 0 }, cs;
    X86Stack stack = { .mask = UINT64_MAX, .error = e->ext };
    uint64_t at = env->idt.base + e->vector * 16, both, offset;
    unsigned cpl;
    bool inner;

    if (e->vector * 16 + 15 > env->idt.limit) {
        x86_raise_error(x, EXCP_GP, idt_error(e));
    }
    both = x86_ld_system(x, at, 8);
    gate.low = both;
    gate.high = both >> 32;
    check_gate(x, e, &gate, 1 << TYPE_INT32 | 1 << TYPE_TRAP32);
    offset = x86_gate_offset(&gate) | x86_ld_system(x, at + 8, 4) << 32;
    ist = gate.high & 7;
    cs = target_segment(x, e, gate.low >> 16);
    inner = !(cs.high & DESC_C) && x86_desc_dpl(&cs) < x86_cpl(x);
    cpl = inner ? x86_desc_dpl(&cs) : x86_cpl(x);
    if (ist) {
        stack.sp = x86_task_rsp(x, 2 + ist, e->ext);
    } else {
        stack.sp = inner ? x86_task_rsp(x, cpl, e->ext) : x->regs[R_ESP];
    }
    stack.sp &= ~15ull;
    stack.system = cpl != 3;
    if (!x86_canonical(offset)) {
        x86_raise_error(x, EXCP_GP, e->ext);
    }
    x86_stack_push(x, &stack, env->segs[R_SS].selector, 8);
    x86_stack_push(x, &stack, x->regs[R_ESP], 8);
    push_return(x, e, &stack, 8, flags);
    x86_descriptor_accessed(x, &cs);
    if (inner) {
        env->segs[R_SS] = (SegmentCache){ .selector = cpl, .flags = cpl << DESC_DPL_SHIFT };
    }
    x->regs[R_ESP] = stack.sp;
    x86_set_cs(x, &cs, cpl);
    x->eip = offset;
    x86_system_set_eflags(x, entered_flags(flags, x86_desc_type(&gate)));
}

void x86_deliver(X86Exec *x, unsigned vector, bool soft, bool has_error, uint32_t error, uint64_t next_eip)
{
    Event e = {
        .vector = vector, .soft = soft, .has_error = has_error, .error = error, .return_eip = soft ? next_eip : x->eip,
        .ext = !soft,
    };

    x->env->hflags &= ~(1u << HF_INHIBIT_IRQ_SHIFT);
    x->stepping = 0;
    if (!(x->env->cr[0] & CR0_PE)) {
        deliver_real(x, &e);
    } else if (x86_long_mode(x)) {
        deliver_long(x, &e);
    } else {
        deliver_protected(x, &e);
    }
    if (vector == EXCP_DB) {
        x->env->dr[7] &= ~(uint64_t)DR7_GD;
    }
    x->delivering = -1;
}

/* Which pairs make a double fault (table 6-5): 0 benign, 1 contributory, 2 page fault. */
static unsigned fault_class(int vector)
{
    switch (vector) {
    case EXCP_DE: case EXCP_TS: case EXCP_NP: case EXCP_SS: case EXCP_GP: return 1;
    case EXCP_PF: return 2;
    default: return 0;
    }
}

static void triple_fault(X86Exec *x)
{
    log_if(LOG_RESET, "Triple fault\n");
    x->delivering = -1;
    x->cpu->halted = 1;
    system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
}

void x86_exception(X86Exec *x, unsigned vector, bool has_error, uint32_t error)
{
    unsigned first = fault_class(x->delivering), second = fault_class(vector);

    if (x->delivering == EXCP_DF && second) {
        triple_fault(x);
        return;
    }
    if (x->delivering >= 0 && ((first == 1 && second == 1) || (first == 2 && second))) {
        vector = EXCP_DF;
        has_error = true;
        error = 0;
    }
    x->delivering = vector;
    x86_deliver(x, vector, false, has_error, error, 0);
}

/* Instructions. */

void x86_insn_int(X86Exec *x, const X86Op *op)
{
    if (x86_vm86(x) && x86_iopl(x) < 3) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    x86_deliver(x, op->imm & 0xff, true, false, 0, x->eip);
}

void x86_insn_int3(X86Exec *x, const X86Op *op)
{
    x86_deliver(x, EXCP_BP, true, false, 0, x->eip);
}

/* As the hardware does it itself: no DPL counts. */
void x86_insn_int1(X86Exec *x, const X86Op *op)
{
    x86_deliver(x, EXCP_DB, false, false, 0, 0);
}

void x86_insn_into(X86Exec *x, const X86Op *op)
{
    if (x86_eflags(x) & FLAG_OF) {
        x86_deliver(x, EXCP_OF, true, false, 0, x->eip);
    }
}

/* The upper bound is not looked at if the lower one decides. */
void x86_insn_bound(X86Exec *x, const X86Op *op)
{
    unsigned size = op->size;
    int64_t index = (int64_t)(x86_get(x, op->reg, size) << (64 - 8 * size)) >> (64 - 8 * size);

    for (unsigned i = 0; i < 2; i++) {
        uint64_t value = x86_ld(x, op, x86_linear_in(x, op, op->seg, x86_offset(x, op, i * size), size, false), size);
        int64_t bound = (int64_t)(value << (64 - 8 * size)) >> (64 - 8 * size);

        if (i ? index > bound : index < bound) {
            x86_raise(x, EXCP_BR);
        }
    }
}
