#include "differential-guest.h"

#include "target/i386/exec/features.h"
#include "target/i386/exec/vector.h"
#include "tests/unit/exec-machine.h"

/* Physical addresses, which the kernel's half of the address space shows at KERNEL. */
enum {
    PML4 = 0x1000,
    PDPT = 0x2000,
    PD = 0x3000,
    PT_CODE = 0x4000,
    PT_DATA = 0x5000,
    PDPT_KERNEL = 0x6000,
    PD_KERNEL = 0x7000,
    GDT = 0x8000,
    IDT = 0x9000,
    TSS = 0xa000,
    HANDLERS = 0xb000,
    LDT = 0xc000,
    STACK = 0xe000,
    PD_AGAIN = 0xf000,
    PT_AGAIN = 0x10000,         /* two of them */
    CODE_AT = 0x100000,
    DATA_AT = 0x110000,
};
#define KERNEL 0xffffffff80000000ull
enum { ENTRY = 0x67, USER_RX = 0x25, USER_R = 0x25, USER_RW = 0x67 };
#define NX (1ull << 63)

static X86CPUState fresh;

uint8_t *guest_code(void)
{
    return exec_at(CODE_AT);
}

uint8_t *guest_data(void)
{
    return exec_at(DATA_AT);
}

void guest_code_changed(unsigned offset, unsigned length)
{
    memory_region_set_dirty(&exec_ram, CODE_AT + offset, length);
}

bool guest_has(const X86Op *op)
{
    return x86_has_feature(exec_cpu, x86_op_feature(op));
}

static void put_tables(void)
{
    exec_put64(PML4, PDPT | ENTRY);
    exec_put64(PML4 + 8 * 511, PDPT_KERNEL | ENTRY);
    exec_put64(PDPT, PD | ENTRY);
    exec_put64(PD + 8 * (CODE >> 21), PT_CODE | ENTRY);
    exec_put64(PD + 8 * (DATA >> 21), PT_DATA | ENTRY);
    exec_put64(PDPT_KERNEL + 8 * 510, PD_KERNEL | ENTRY);
    exec_put64(PD_KERNEL, 0xe3);
    exec_put64(PT_CODE, CODE_AT | USER_RX);
    exec_put64(PDPT + 8 * 2, PD_AGAIN | ENTRY);
    exec_put64(PD_AGAIN + 8 * (DATA_AGAIN >> 21 & 511), PT_AGAIN | ENTRY);
    exec_put64(PD_AGAIN + 8 * ((DATA_AGAIN >> 21 & 511) + 1), (PT_AGAIN + PAGE) | ENTRY);
    for (unsigned i = 0; i < DATA_PAGES; i++) {
        uint64_t entry = (DATA_AT + i * PAGE) | (i ? USER_RW : USER_R) | NX;

        exec_put64(PT_DATA + 8 * i, entry);
        exec_put64(PT_AGAIN + 8 * ((DATA_AGAIN >> 12 & 511) + i), entry);
    }
    for (unsigned i = 0; i < native_segment_count; i++) {
        exec_put64(LDT + 8 * i, native_descriptor(&native_segments[i]));
    }
    /* As Linux has them. */
    exec_put64(GDT + 0x08, 0x00cf9b000000ffff);
    exec_put64(GDT + 0x10, 0x00af9b000000ffff);
    exec_put64(GDT + 0x18, 0x00cf93000000ffff);
    exec_put64(GDT + 0x20, 0x00cffb000000ffff);
    exec_put64(GDT + 0x28, 0x00cff3000000ffff);
    exec_put64(GDT + 0x30, 0x00affb000000ffff);
    exec_put64(GDT + 0x78, 0x0040f50000000000);
    for (unsigned i = 0; i < 32; i++) {
        uint64_t at = KERNEL + HANDLERS + i;

        exec_put64(IDT + 16 * i, (at & 0xffff) | 0x10 << 16 | (i == 3 || i == 4 ? 0xee00ull : 0x8e00ull) << 32 |
                                     (at >> 16 & 0xffff) << 48);
        exec_put64(IDT + 16 * i + 8, at >> 32);
    }
    memset(exec_at(HANDLERS), 0xf4, PAGE);
    exec_put64(TSS + 4, KERNEL + STACK);
    exec_put64(TSS + 0x60, 0x68ull << 48);      /* no ports */
}

/* What a load of the selector leaves. */
static SegmentCache segment(uint16_t selector)
{
    uint64_t d = selector <= 3 ? 0 : exec_get64((selector & 4 ? LDT : GDT) + (selector & ~7u));
    uint32_t limit = (d & 0xffff) | (d >> 32 & 0xf0000);

    return (SegmentCache){
        .selector = selector, .base = (uint32_t)((d >> 16 & 0xffffff) | (d >> 56) << 24),
        .limit = d >> 55 & 1 ? limit << 12 | 0xfff : limit, .flags = d >> 32 & 0xf0ff00,
    };
}

void guest_init(const char *model)
{
    X86CPUState *env;

    exec_machine_init(model);
    exec_cpu->features[FEAT_XSAVE] |= 2;        /* XSAVEC, which no model has by itself here */
    env = &exec_cpu->env;
    put_tables();
    env->cr[0] = 0x80050033u;     /* PG, AM, WP, NE, ET, MP, PE */
    env->cr[3] = PML4;
    env->cr[4] = 0x506a0;       /* PAE, PGE, OSFXSR, OSXMMEXCPT, FSGSBASE, OSXSAVE */
    env->efer = 0xd01;
    env->xcr0 = 7;
    env->gdt = (SegmentCache){ .base = KERNEL + GDT, .limit = 0x7f };
    env->ldt = (SegmentCache){ .selector = 0x50, .base = KERNEL + LDT, .limit = native_segment_count * 8 - 1, .flags = 0x8200 };
    env->idt = (SegmentCache){ .base = KERNEL + IDT, .limit = 16 * 32 - 1 };
    env->tr = (SegmentCache){ .selector = 0x40, .base = KERNEL + TSS, .limit = 0x67, .flags = 0x8b00 };
    fresh = *env;
    memset(guest_code(), 0xcc, PAGE);
}

static void set_floating_point(X86CPUState *env, const NativeState *s)
{
    unsigned top = s->fsw >> 11 & 7;

    env->fpuc = s->fcw;
    env->fpus = s->fsw;
    env->fptags = ~s->ftw;
    for (unsigned i = 0; i < 8; i++) {
        memcpy(&env->fpregs[(top + i) & 7].mantissa, s->st[i], 8);
        memcpy(&env->fpregs[(top + i) & 7].exponent, s->st[i] + 8, 2);
    }
    env->mxcsr = s->mxcsr;
    memcpy(env->xmm_regs, s->ymm, sizeof(s->ymm));
}

static void get_floating_point(const X86CPUState *env, NativeState *s)
{
    unsigned top = env->fpus >> 11 & 7;

    s->fcw = env->fpuc;
    s->fsw = env->fpus;
    s->ftw = ~env->fptags;
    for (unsigned i = 0; i < 8; i++) {
        memcpy(s->st[i], &env->fpregs[(top + i) & 7].mantissa, 8);
        memcpy(s->st[i] + 8, &env->fpregs[(top + i) & 7].exponent, 2);
    }
    s->mxcsr = env->mxcsr;
    memcpy(s->ymm, env->xmm_regs, sizeof(s->ymm));
}

void guest_run(NativeState *s)
{
    X86CPUState *env = &exec_cpu->env;
    uint64_t frame;

    *env = fresh;
    for (unsigned i = 0; i < 6; i++) {
        env->segs[i] = segment(s->selectors[i]);
    }
    if (s->selectors[R_FS] <= 3) {
        env->segs[R_FS].base = s->fs_base;
    }
    if (s->selectors[R_GS] <= 3) {
        env->segs[R_GS].base = s->gs_base;
    }
    memcpy(env->regs, s->regs, sizeof(env->regs));
    env->eip = s->rip;
    env->eflags = s->rflags;
    set_floating_point(env, s);
    env->hflags = x86_cpu_state_hflags(env);
    exec_cpu->halted = 0;
    __atomic_and_fetch(&exec->pending, ~X86_PENDING_STOP, __ATOMIC_SEQ_CST);
    if (exec->vector) {
        exec->vector->fcs = exec->vector->fds = 0;
    }
    x86_exec_load(exec);
    x86_mode_changed(exec);
    x86_exec_run(exec);
    vector_leave(exec);
    x86_exec_store(exec);
    get_floating_point(env, s);
    memcpy(s->regs, env->regs, sizeof(env->regs));
    s->vector = env->eip - 1 - (KERNEL + HANDLERS);
    s->cr2 = env->cr[2];
    frame = env->regs[R_ESP] - KERNEL;
    if (s->vector > 31 || (frame != STACK - 48 && frame != STACK - 40)) {
        s->vector = 99;         /* not where a handler would be */
        s->rip = env->eip;
        return;
    }
    s->error = 0;
    if (frame == STACK - 48) {
        s->error = exec_get64(frame);
        frame += 8;
    }
    s->rip = exec_get64(frame);
    s->rflags = exec_get64(frame + 16);
    s->regs[R_ESP] = exec_get64(frame + 24);
    for (unsigned i = 0; i < 6; i++) {
        s->selectors[i] = env->segs[i].selector;
    }
    s->selectors[R_CS] = exec_get64(frame + 8);
    s->selectors[R_SS] = exec_get64(frame + 32);
    s->fs_base = env->segs[R_FS].base;
    s->gs_base = env->segs[R_GS].base;
}
