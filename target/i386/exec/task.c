/* Task states: switches between tasks, and the stacks of inner levels that they name (SDM vol. 3, chapter 7). */
#include "target/i386/exec/system.h"

/* Where things are in a TSS of 32 bits; of 16 bits; of 64 bits. */
enum {
    TSS32_ESP0 = 0x04, TSS32_CR3 = 0x1c, TSS32_EIP = 0x20, TSS32_EFLAGS = 0x24, TSS32_REGS = 0x28, TSS32_SEGS = 0x48, TSS32_LDT = 0x60,
    TSS32_TRAP = 0x64, TSS32_LIMIT = 0x67,
    TSS16_SP0 = 0x02, TSS16_IP = 0x0e, TSS16_FLAGS = 0x10, TSS16_REGS = 0x12, TSS16_SEGS = 0x22, TSS16_LDT = 0x2a, TSS16_LIMIT = 0x2b,
    TSS64_RSP0 = 0x04, TSS64_IST1 = 0x24,
};
#define DR6_BT (1u << 15)
enum { TASK_FLAGS = FLAGS_ARITH | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_VM | FLAG_AC | FLAG_VIF | FLAG_VIP | FLAG_ID };

/* Stacks of inner levels. */

X86Stack x86_task_stack(X86Exec *x, unsigned dpl, uint32_t ext, X86Descriptor *ss)
{
    const SegmentCache *tr = &x->env->tr;
    bool wide = tr->flags >> DESC_TYPE_SHIFT & 8;
    unsigned size = wide ? 4 : 2, at = wide ? TSS32_ESP0 + dpl * 8 : TSS16_SP0 + dpl * 4;
    uint32_t error, esp;
    SegmentCache segment;
    uint16_t selector;

    if (at + size + 1 > tr->limit) {
        x86_raise_error(x, EXCP_TS, (tr->selector & ~3u) | ext);
    }
    esp = x86_ld_system(x, (uint32_t)(tr->base + at), size);
    selector = x86_ld_system(x, (uint32_t)(tr->base + at + size), 2);
    error = (selector & ~3u) | ext;
    if (!(selector & ~3u)) {
        x86_raise_error(x, EXCP_TS, ext);
    }
    *ss = x86_descriptor_or(x, selector, EXCP_TS, ext);
    if ((selector & 3u) != dpl || x86_desc_dpl(ss) != dpl || (ss->high & (DESC_S | DESC_CODE | DESC_W)) != (DESC_S | DESC_W)) {
        x86_raise_error(x, EXCP_TS, error);
    }
    if (!(ss->high & DESC_P)) {
        x86_raise_error(x, EXCP_SS, error);
    }
    x86_descriptor_accessed(x, ss);
    segment = x86_segment_of(selector, ss);
    return x86_stack_at(&segment, esp, error);
}

uint64_t x86_task_rsp(X86Exec *x, unsigned index, uint32_t ext)
{
    const SegmentCache *tr = &x->env->tr;
    unsigned at = index < 3 ? TSS64_RSP0 + index * 8 : TSS64_IST1 + (index - 3) * 8;
    uint64_t rsp;

    if (at + 7 > tr->limit) {
        x86_raise_error(x, EXCP_TS, (tr->selector & ~3u) | ext);
    }
    rsp = x86_ld_system(x, tr->base + at, 8);
    if (!x86_canonical(rsp)) {
        x86_raise_error(x, EXCP_SS, ext);
    }
    return rsp;
}

/* Switches. */

typedef struct TaskState {
    uint32_t cr3, eip, eflags, regs[8];
    uint16_t segs[CPU_SEGMENTS], ldt;
    bool trap;
} TaskState;

static TaskState read_state(X86Exec *x, uint32_t base, bool wide)
{
    TaskState t = { 0 };

    if (wide) {
        t.cr3 = x86_ld_system(x, base + TSS32_CR3, 4);
        t.eip = x86_ld_system(x, base + TSS32_EIP, 4);
        t.eflags = x86_ld_system(x, base + TSS32_EFLAGS, 4);
        t.ldt = x86_ld_system(x, base + TSS32_LDT, 2);
        t.trap = x86_ld_system(x, base + TSS32_TRAP, 2) & 1;
    } else {
        t.eip = x86_ld_system(x, base + TSS16_IP, 2);
        t.eflags = x86_ld_system(x, base + TSS16_FLAGS, 2);
        t.ldt = x86_ld_system(x, base + TSS16_LDT, 2);
    }
    for (unsigned i = 0; i < 8; i++) {
        t.regs[i] = wide ? x86_ld_system(x, base + TSS32_REGS + i * 4, 4) : x86_ld_system(x, base + TSS16_REGS + i * 2, 2);
    }
    for (unsigned i = 0; i < (wide ? 6 : 4); i++) {
        t.segs[i] = x86_ld_system(x, base + (wide ? TSS32_SEGS + i * 4 : TSS16_SEGS + i * 2), 2);
    }
    return t;
}

/* The old task's dynamic fields. */
static void save_state(X86Exec *x, uint32_t flags)
{
    uint32_t base = x->env->tr.base;
    bool wide = x->env->tr.flags >> DESC_TYPE_SHIFT & 8;
    unsigned size = wide ? 4 : 2;

    x86_st_system(x, base + (wide ? TSS32_EIP : TSS16_IP), x->eip, size);
    x86_st_system(x, base + (wide ? TSS32_EFLAGS : TSS16_FLAGS), flags, size);
    for (unsigned i = 0; i < 8; i++) {
        x86_st_system(x, base + (wide ? TSS32_REGS : TSS16_REGS) + i * size, x->regs[i], size);
    }
    for (unsigned i = 0; i < (wide ? 6 : 4); i++) {
        x86_st_system(x, base + (wide ? TSS32_SEGS : TSS16_SEGS) + i * size, x->env->segs[i].selector, 2);
    }
}

static void set_busy(X86Exec *x, uint16_t selector, bool busy)
{
    uint32_t at = x->env->gdt.base + (selector & ~7u) + 4, high = x86_ld_system(x, at, 4);

    x86_st_system(x, at, busy ? high | DESC_BUSY : high & ~(uint32_t)DESC_BUSY, 4);
}

static void load_code(X86Exec *x, uint16_t selector, uint32_t eip, uint32_t ext)
{
    uint32_t error = (selector & ~3u) | ext;
    X86Descriptor d;
    unsigned dpl;

    if (!(selector & ~3u)) {
        x86_raise_error(x, EXCP_TS, error);
    }
    d = x86_descriptor_or(x, selector, EXCP_TS, ext);
    dpl = x86_desc_dpl(&d);
    if ((d.high & (DESC_S | DESC_CODE)) != (DESC_S | DESC_CODE) ||
        (d.high & DESC_C ? dpl > (selector & 3u) : dpl != (selector & 3u))) {
        x86_raise_error(x, EXCP_TS, error);
    }
    if (!(d.high & DESC_P)) {
        x86_raise_error(x, EXCP_NP, error);
    }
    x86_descriptor_accessed(x, &d);
    x->env->segs[R_CS] = x86_segment_of(selector, &d);
    if (eip > x->env->segs[R_CS].limit) {
        x86_raise_error(x, EXCP_GP, ext);
    }
}

static void load_stack(X86Exec *x, uint16_t selector, unsigned cpl, uint32_t ext)
{
    uint32_t error = (selector & ~3u) | ext;
    X86Descriptor d;

    if (!(selector & ~3u)) {
        x86_raise_error(x, EXCP_TS, error);
    }
    d = x86_descriptor_or(x, selector, EXCP_TS, ext);
    if ((d.high & (DESC_S | DESC_CODE | DESC_W)) != (DESC_S | DESC_W) || (selector & 3u) != cpl || x86_desc_dpl(&d) != cpl) {
        x86_raise_error(x, EXCP_TS, error);
    }
    if (!(d.high & DESC_P)) {
        x86_raise_error(x, EXCP_SS, error);
    }
    x86_descriptor_accessed(x, &d);
    x->env->segs[R_SS] = x86_segment_of(selector, &d);
}

static void load_data(X86Exec *x, unsigned seg, uint16_t selector, unsigned cpl, uint32_t ext)
{
    uint32_t error = (selector & ~3u) | ext;
    X86Descriptor d;
    unsigned dpl;

    if (!(selector & ~3u)) {
        return;
    }
    d = x86_descriptor_or(x, selector, EXCP_TS, ext);
    dpl = x86_desc_dpl(&d);
    if (!(d.high & DESC_S) || (d.high & (DESC_CODE | DESC_R)) == DESC_CODE ||
        ((d.high & (DESC_CODE | DESC_C)) != (DESC_CODE | DESC_C) && (dpl < cpl || dpl < (selector & 3u)))) {
        x86_raise_error(x, EXCP_TS, error);
    }
    if (!(d.high & DESC_P)) {
        x86_raise_error(x, EXCP_NP, error);
    }
    x86_descriptor_accessed(x, &d);
    x->env->segs[seg] = x86_segment_of(selector, &d);
}

/* The new task's context, with faults in it: selectors are all there before the first one is looked at. */
static void load_segments(X86Exec *x, const TaskState *t, uint32_t ext)
{
    static const uint8_t data[] = { R_ES, R_DS, R_FS, R_GS };
    X86CPUState *env = x->env;
    unsigned cpl = t->segs[R_CS] & 3;

    env->ldt = (SegmentCache){ .selector = t->ldt };
    if (x86_vm86(x)) {
        for (unsigned i = 0; i < CPU_SEGMENTS; i++) {
            x86_set_real_segment(x, i, t->segs[i]);
        }
        x86_system_mode(x);
        x86_load_ldt(x, t->ldt, EXCP_TS, ext);
        return;
    }
    for (unsigned i = 0; i < CPU_SEGMENTS; i++) {
        env->segs[i] = (SegmentCache){ .selector = t->segs[i], .flags = cpl << DESC_DPL_SHIFT };
    }
    x86_system_mode(x);
    x86_load_ldt(x, t->ldt, EXCP_TS, ext);
    load_code(x, t->segs[R_CS], t->eip, ext);
    load_stack(x, t->segs[R_SS], cpl, ext);
    for (unsigned i = 0; i < sizeof(data); i++) {
        env->segs[data[i]] = (SegmentCache){ .selector = t->segs[data[i]] };
    }
    for (unsigned i = 0; i < sizeof(data); i++) {
        load_data(x, data[i], t->segs[data[i]], cpl, ext);
    }
    x86_system_mode(x);
}

void x86_task_switch(X86Exec *x, const X86Descriptor *d, X86TaskSwitch kind, uint32_t ext)
{
    X86CPUState *env = x->env;
    bool wide = d->high & 8 << DESC_TYPE_SHIFT, nested = kind == X86_TASK_CALL || kind == X86_TASK_EVENT;
    uint32_t base = x86_desc_base(d), flags = x86_eflags(x);
    uint16_t old = env->tr.selector;
    TaskState t;

    if (x86_desc_limit(d) < (wide ? TSS32_LIMIT : TSS16_LIMIT)) {
        x86_raise_error(x, EXCP_TS, (d->selector & ~3u) | ext);
    }
    t = read_state(x, base, wide);
    save_state(x, kind == X86_TASK_IRET ? flags & ~FLAG_NT : flags);
    if (!nested) {
        set_busy(x, old, false);
    } else {
        x86_st_system(x, base, old, 2);
        t.eflags |= FLAG_NT;
    }
    if (kind != X86_TASK_IRET) {
        set_busy(x, d->selector, true);
    }
    env->tr = x86_segment_of(d->selector, d);
    env->tr.flags |= DESC_BUSY;
    env->cr[0] |= CR0_TS;
    env->dr[7] &= ~0x55u;           /* local breakpoints */
    x->op = NULL;                   /* from here on, faults are the new task's */
    x->eip = t.eip;
    for (unsigned i = 0; i < 8; i++) {
        x->regs[i] = t.regs[i];
    }
    x86_set_eflags(x, (t.eflags & (wide ? TASK_FLAGS : TASK_FLAGS & 0xffff)) | 2);
    if (wide && env->cr[0] & CR0_PG && env->cr[3] != t.cr3) {
        env->cr[3] = t.cr3;
        x86_tlb_flush(x, false);
    }
    load_segments(x, &t, ext);
    if (t.trap && kind != X86_TASK_EVENT) {
        env->dr[6] |= DR6_BT;
        x86_raise(x, EXCP_DB);
    }
}

void x86_task_gate(X86Exec *x, uint16_t selector, X86TaskSwitch kind, uint32_t ext)
{
    X86Descriptor d;

    if (selector & 4) {
        x86_raise_error(x, EXCP_GP, (selector & ~3u) | ext);
    }
    d = x86_descriptor_or(x, selector, EXCP_GP, ext);
    if (d.high & DESC_S || (x86_desc_type(&d) & ~8u) != TYPE_TSS16) {
        x86_raise_error(x, EXCP_GP, (selector & ~3u) | ext);
    }
    if (!(d.high & DESC_P)) {
        x86_raise_error(x, EXCP_NP, (selector & ~3u) | ext);
    }
    x86_task_switch(x, &d, kind, ext);
}
