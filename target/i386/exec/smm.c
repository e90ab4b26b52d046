/*
 * System management mode (SDM vol. 3, chapter 31), with the state save map of 64-bit CPUs (AMD APM vol. 2, 10.2): what is
 * in memory when a machine moves must be what the other emulator's RSM expects.
 */
#include "system/main-loop.h"
#include "target/i386/exec/system.h"

enum {      /* from SMBASE + 8000h on */
    SMM_SEGS = 0x7e00, SMM_GDTR = 0x7e60, SMM_LDTR = 0x7e70, SMM_IDTR = 0x7e80, SMM_TR = 0x7e90, SMM_AUTO_HALT = 0x7ec9, SMM_EFER = 0x7ed0,
    SMM_REVISION = 0x7efc, SMM_SMBASE = 0x7f00, SMM_CR4 = 0x7f48, SMM_CR3 = 0x7f50, SMM_CR0 = 0x7f58, SMM_DR7 = 0x7f60, SMM_DR6 = 0x7f68,
    SMM_RFLAGS = 0x7f70, SMM_RIP = 0x7f78, SMM_RAX = 0x7ff8,        /* the other registers below it */
};
enum { REVISION = 0x20064, REVISION_RELOCATES = 0x20000 };
/* A segment: selector, attributes, limit, base. Attributes are bits 23:20 and 15:8 of a descriptor's upper dword. */
enum { SEG_ATTRIBUTES = 2, SEG_LIMIT = 4, SEG_BASE = 8, SEG_SIZE = 16 };

static void put(X86Exec *x, unsigned offset, uint64_t value, unsigned size)
{
    address_space_store(x86_cpu_memory(x->cpu), x->env->smbase + 0x8000ull + offset, value, size);
}

static uint64_t get(X86Exec *x, unsigned offset, unsigned size)
{
    return address_space_load(x86_cpu_memory(x->cpu), x->env->smbase + 0x8000ull + offset, size, NULL);
}

static void put_segment(X86Exec *x, unsigned offset, const SegmentCache *s)
{
    put(x, offset, s->selector, 2);
    put(x, offset + SEG_ATTRIBUTES, s->flags >> 8 & 0xf0ff, 2);
    put(x, offset + SEG_LIMIT, s->limit, 4);
    put(x, offset + SEG_BASE, s->base, 8);
}

static SegmentCache get_segment(X86Exec *x, unsigned offset)
{
    return (SegmentCache){
        .selector = get(x, offset, 2),
        .flags = (get(x, offset + SEG_ATTRIBUTES, 2) & 0xf0ff) << 8,
        .limit = get(x, offset + SEG_LIMIT, 4),
        .base = get(x, offset + SEG_BASE, 8),
    };
}

static void save(X86Exec *x, uint32_t eflags, bool halted)
{
    const X86CPUState *env = x->env;

    for (unsigned i = 0; i < CPU_SEGMENTS; i++) {
        put_segment(x, SMM_SEGS + i * SEG_SIZE, &env->segs[i]);
    }
    put(x, SMM_GDTR + SEG_LIMIT, env->gdt.limit, 4);
    put(x, SMM_GDTR + SEG_BASE, env->gdt.base, 8);
    put_segment(x, SMM_LDTR, &env->ldt);
    put(x, SMM_IDTR + SEG_LIMIT, env->idt.limit, 4);
    put(x, SMM_IDTR + SEG_BASE, env->idt.base, 8);
    put_segment(x, SMM_TR, &env->tr);
    put(x, SMM_AUTO_HALT, halted, 1);
    put(x, SMM_EFER, env->efer, 8);
    for (unsigned i = 0; i < CPU_REGS; i++) {
        put(x, SMM_RAX - i * 8, x->regs[i], 8);
    }
    put(x, SMM_RIP, x->eip, 8);
    put(x, SMM_RFLAGS, eflags, 4);
    put(x, SMM_DR6, env->dr[6], 4);
    put(x, SMM_DR7, env->dr[7], 4);
    put(x, SMM_CR4, env->cr[4], 4);
    put(x, SMM_CR3, env->cr[3], 8);
    put(x, SMM_CR0, env->cr[0], 4);
    put(x, SMM_REVISION, REVISION, 4);
    put(x, SMM_SMBASE, env->smbase, 4);
}

static void enter_segments(X86Exec *x)
{
    enum { FLAGS = DESC_P | DESC_S | DESC_W | DESC_A | DESC_G };
    X86CPUState *env = x->env;

    for (unsigned i = 0; i < CPU_SEGMENTS; i++) {
        env->segs[i] = (SegmentCache){ .limit = 0xffffffff, .flags = FLAGS };
    }
    env->segs[R_CS].selector = env->smbase >> 4 & 0xffff;
    env->segs[R_CS].base = env->smbase;
}

void x86_enter_smm(X86Exec *x)
{
    X86CPUState *env = x->env;
    uint32_t eflags = x86_eflags(x);
    bool locked = big_lock_held();

    env->hflags |= 1u << HF_SMM_SHIFT;
    env->hflags2 |= env->hflags2 & HF2_NMI ? HF2_SMM_INSIDE_NMI : HF2_NMI;
    if (!locked) {
        big_lock();
    }
    save(x, eflags, x->cpu->halted);
    if (!locked) {
        big_unlock();
    }
    x->cpu->halted = 0;
    env->hflags &= ~(1u << HF_INHIBIT_IRQ_SHIFT);
    env->efer = 0;
    env->cr[0] &= ~(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
    env->cr[4] = 0;
    env->dr[7] = 0x400;
    enter_segments(x);
    x->eip = 0x8000;
    x->stepping = 0;
    x86_set_eflags(x, 2);
    x86_tlb_flush(x, true);
    x86_system_mode(x);
}

static void restore(X86Exec *x)
{
    X86CPUState *env = x->env;

    env->efer = get(x, SMM_EFER, 8);
    env->gdt.limit = get(x, SMM_GDTR + SEG_LIMIT, 4);
    env->gdt.base = get(x, SMM_GDTR + SEG_BASE, 8);
    env->ldt = get_segment(x, SMM_LDTR);
    env->idt.limit = get(x, SMM_IDTR + SEG_LIMIT, 4);
    env->idt.base = get(x, SMM_IDTR + SEG_BASE, 8);
    env->tr = get_segment(x, SMM_TR);
    for (unsigned i = 0; i < CPU_REGS; i++) {
        x->regs[i] = get(x, SMM_RAX - i * 8, 8);
    }
    x->eip = get(x, SMM_RIP, 8);
    x86_set_eflags(x, get(x, SMM_RFLAGS, 4) | 2);
    env->dr[6] = get(x, SMM_DR6, 4);
    env->dr[7] = get(x, SMM_DR7, 4);
    env->cr[4] = get(x, SMM_CR4, 4);
    env->cr[3] = get(x, SMM_CR3, 8);
    env->cr[0] = get(x, SMM_CR0, 4);
    for (unsigned i = 0; i < CPU_SEGMENTS; i++) {
        env->segs[i] = get_segment(x, SMM_SEGS + i * SEG_SIZE);
    }
    x->cpu->halted = get(x, SMM_AUTO_HALT, 1) & 1;
    if (get(x, SMM_REVISION, 4) & REVISION_RELOCATES) {
        env->smbase = get(x, SMM_SMBASE, 4);
    }
}

void x86_insn_rsm(X86Exec *x, const X86Op *op)
{
    X86CPUState *env = x->env;

    if (!(env->hflags >> HF_SMM_SHIFT & 1)) {
        x86_raise(x, EXCP_UD);
    }
    big_lock();
    restore(x);
    big_unlock();
    if (!(env->hflags2 & HF2_SMM_INSIDE_NMI)) {
        env->hflags2 &= ~HF2_NMI;
    }
    env->hflags2 &= ~HF2_SMM_INSIDE_NMI;
    env->hflags &= ~(1u << HF_SMM_SHIFT);
    x->stepping = 0;
    x86_tlb_flush(x, true);
    x86_system_mode(x);
}
