/* Control registers and what hangs on them: modes, translation caches, extended state (SDM vol. 3, chapters 2 and 4). */
#include "system/main-loop.h"
#include "target/i386/exec/system.h"

#define CR0_KNOWN (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define CR3_NO_FLUSH (1ull << 63)
#define XCR0_X87 1u
#define XCR0_SSE 2u
#define XCR0_AVX 4u

static _Noreturn void refuse(X86Exec *x)
{
    x86_raise_error(x, EXCP_GP, 0);
}

static uint64_t physical_mask(const X86Exec *x)
{
    unsigned bits = x->cpu->phys_bits ? x->cpu->phys_bits : 40;

    return (1ull << bits) - 1;
}

/* EFER.LME takes effect with paging, and may do so from 16- and 32-bit code only. */
static void check_long_mode(X86Exec *x, bool paging)
{
    const X86CPUState *env = x->env;

    if (paging && env->efer & EFER_LME && (!(env->cr[4] & CR4_PAE) || env->segs[R_CS].flags & DESC_L)) {
        refuse(x);
    }
    if (!paging && (env->cr[4] & CR4_PCIDE || x86_long_code(x))) {
        refuse(x);
    }
}

void x86_set_cr0(X86Exec *x, uint64_t value)
{
    X86CPUState *env = x->env;
    uint64_t changed;

    if (value >> 32 || (value & CR0_PG && !(value & CR0_PE)) || (value & CR0_NW && !(value & CR0_CD))) {
        refuse(x);
    }
    value = (value & CR0_KNOWN) | CR0_ET;
    changed = env->cr[0] ^ value;
    if (changed & CR0_PG) {
        check_long_mode(x, value & CR0_PG);
        if (!(value & CR0_PG)) {
            env->efer &= ~EFER_LMA;
        } else if (env->efer & EFER_LME) {
            env->efer |= EFER_LMA;
        }
    }
    env->cr[0] = value;
    if (changed & (CR0_PG | CR0_WP | CR0_PE)) {
        x86_tlb_flush(x, true);
    }
    x86_system_mode(x);
}

void x86_set_cr3(X86Exec *x, uint64_t value)
{
    /* Translations are those of one address space: to keep those of others is a hint. */
    if (x->env->cr[4] & CR4_PCIDE) {
        value &= ~CR3_NO_FLUSH;
    }
    if (x86_long_mode(x) ? value & ~physical_mask(x) : value >> 32) {
        refuse(x);
    }
    x->env->cr[3] = value;
    if (x->env->cr[0] & CR0_PG) {
        x86_tlb_flush(x, false);
    }
}

/* The bits of CR4 that come with a feature. */
static uint64_t cr4_known(const X86Exec *x)
{
    static const struct { uint8_t word, bit; uint32_t cr4; } by_feature[] = {
        { FEAT_1_EDX, 1, CR4_VME | CR4_PVI }, { FEAT_1_EDX, 4, CR4_TSD }, { FEAT_1_EDX, 2, CR4_DE }, { FEAT_1_EDX, 3, CR4_PSE },
        { FEAT_1_EDX, 6, CR4_PAE }, { FEAT_1_EDX, 7, CR4_MCE }, { FEAT_1_EDX, 13, CR4_PGE }, { FEAT_1_EDX, 24, CR4_OSFXSR },
        { FEAT_1_EDX, 25, CR4_OSXMMEXCPT }, { FEAT_1_ECX, 17, CR4_PCIDE }, { FEAT_1_ECX, 26, CR4_OSXSAVE },
        { FEAT_7_0_EBX, 0, CR4_FSGSBASE }, { FEAT_7_0_EBX, 7, CR4_SMEP }, { FEAT_7_0_EBX, 20, CR4_SMAP },
        { FEAT_7_0_ECX, 2, CR4_UMIP }, { FEAT_7_0_ECX, 3, CR4_PKE },
    };
    uint64_t known = CR4_PCE;

    for (unsigned i = 0; i < sizeof(by_feature) / sizeof(by_feature[0]); i++) {
        known |= x86_feature(x, by_feature[i].word, 1ull << by_feature[i].bit) ? by_feature[i].cr4 : 0;
    }
    return known;
}

void x86_set_cr4(X86Exec *x, uint64_t value)
{
    X86CPUState *env = x->env;
    uint64_t changed = env->cr[4] ^ value;

    if (value & ~cr4_known(x) || (x86_long_mode(x) && !(value & CR4_PAE))) {
        refuse(x);
    }
    if (changed & value & CR4_PCIDE && (!x86_long_mode(x) || env->cr[3] & 0xfff)) {
        refuse(x);
    }
    env->cr[4] = value;
    if (changed & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP | CR4_PKE)) {
        x86_tlb_flush(x, true);
    }
    x86_system_mode(x);
}

static uint64_t read_cr8(X86Exec *x)
{
    uint64_t value = 0;

    if (x86_interrupt_ops) {
        big_lock();
        value = x86_interrupt_ops->cr8(x->cpu);
        big_unlock();
    }
    return value;
}

static void write_cr8(X86Exec *x, uint64_t value)
{
    if (value > 15) {
        refuse(x);
    }
    if (x86_interrupt_ops) {
        big_lock();
        x86_interrupt_ops->set_cr8(x->cpu, value);
        big_unlock();
    }
}

void x86_insn_mov_cr(X86Exec *x, const X86Op *op)
{
    unsigned size = x86_long_code(x) ? 8 : 4;
    uint64_t value;

    if (op->reg > 8 || op->reg == 1 || (op->reg > 4 && op->reg < 8)) {
        x86_raise(x, EXCP_UD);
    }
    x86_need_cpl0(x);
    if (!(op->flags & X86_OP_TO_REG)) {
        x86_put(x, op->rm, op->reg == 8 ? read_cr8(x) : x->env->cr[op->reg], size);
        return;
    }
    value = x86_get(x, op->rm, size);
    switch (op->reg) {
    case 0: x86_set_cr0(x, value); break;
    case 2: x->env->cr[2] = value; break;
    case 3: x86_set_cr3(x, value); break;
    case 4: x86_set_cr4(x, value); break;
    default: write_cr8(x, value); break;
    }
}

/* PE, MP, EM and TS; protected mode can't be left so. */
void x86_insn_lmsw(X86Exec *x, const X86Op *op)
{
    uint64_t value;

    x86_need_cpl0(x);
    value = x86_read_rm(x, op, 2);
    x86_set_cr0(x, (x->env->cr[0] & ~0xeull) | (value & 0xf));
}

void x86_insn_smsw(X86Exec *x, const X86Op *op)
{
    if (x->env->cr[4] & CR4_UMIP && x86_cpl(x) != 0) {
        refuse(x);
    }
    x86_write_rm(x, op, op->flags & X86_OP_MEM ? 2 : op->size, x->env->cr[0]);
}

void x86_insn_clts(X86Exec *x, const X86Op *op)
{
    x86_need_cpl0(x);
    x->env->cr[0] &= ~CR0_TS;
    x86_system_mode(x);
}

/* Translations. */

/* Neither limits nor rights count, nor whether the address is canonical. */
static uint64_t plain_address(X86Exec *x, const X86Op *op)
{
    uint64_t address = x86_get(x, op->base, 8) + (x86_get(x, op->index, 8) << op->scale) + (int64_t)op->disp;

    if (op->addr_size < 8) {
        address &= op->addr_size == 4 ? 0xffffffff : 0xffff;
    }
    if (!x86_long_code(x)) {
        return (uint32_t)(address + x->env->segs[op->seg].base);
    }
    return op->seg == R_FS || op->seg == R_GS ? address + x->env->segs[op->seg].base : address;
}

void x86_insn_invlpg(X86Exec *x, const X86Op *op)
{
    x86_need_cpl0(x);
    x86_tlb_flush_page(x, plain_address(x, op));
}

void x86_insn_invpcid(X86Exec *x, const X86Op *op)
{
    enum { ONE_ADDRESS, ONE_CONTEXT, ALL_WITH_GLOBAL, ALL };
    uint64_t type, linear, pcid, address;

    x86_need_cpl0(x);
    type = x86_get(x, op->reg, x86_long_code(x) ? 8 : 4);
    linear = x86_linear(x, op, 16, false);
    pcid = x86_ld64(x, op, linear);
    address = x86_ld64(x, op, linear + 8);
    if (type > ALL || pcid > 0xfff || (type <= ONE_CONTEXT && pcid && !(x->env->cr[4] & CR4_PCIDE)) ||
        (type == ONE_ADDRESS && !x86_canonical(address))) {
        refuse(x);
    }
    if (type == ONE_ADDRESS && pcid == (x->env->cr[4] & CR4_PCIDE ? x->env->cr[3] & 0xfff : 0)) {
        x86_tlb_flush_page(x, address);
    } else {
        x86_tlb_flush(x, type == ALL_WITH_GLOBAL);
    }
}

/* INVD and WBINVD: there are no caches that could be seen. */
void x86_insn_flush_caches(X86Exec *x, const X86Op *op)
{
    x86_need_cpl0(x);
}

/* Extended state. */

static void set_pair(X86Exec *x, uint64_t value)
{
    x->regs[R_EAX] = (uint32_t)value;
    x->regs[R_EDX] = value >> 32;
}

static uint64_t get_pair(const X86Exec *x)
{
    return x->regs[R_EDX] << 32 | (uint32_t)x->regs[R_EAX];
}

void x86_insn_xgetbv(X86Exec *x, const X86Op *op)
{
    enum { XGETBV_1 = 1 << 2 };     /* of CPUID.0DH.1:EAX */
    uint32_t index = x->regs[R_ECX];

    if (!(x->env->cr[4] & CR4_OSXSAVE)) {
        x86_raise(x, EXCP_UD);
    }
    if (index > 1 || (index == 1 && !x86_feature(x, FEAT_XSAVE, XGETBV_1))) {
        refuse(x);
    }
    set_pair(x, index == 1 ? x->env->xcr0 & (x->env->xstate_bv | XCR0_X87 | XCR0_SSE | XCR0_AVX) : x->env->xcr0);
}

void x86_insn_xsetbv(X86Exec *x, const X86Op *op)
{
    uint64_t value = get_pair(x);

    if (!(x->env->cr[4] & CR4_OSXSAVE)) {
        x86_raise(x, EXCP_UD);
    }
    x86_need_cpl0(x);
    if ((uint32_t)x->regs[R_ECX] != 0 || !(value & XCR0_X87) || (value & XCR0_AVX && !(value & XCR0_SSE)) ||
        value & ~(x->cpu->features[FEAT_XCR0_LO] | x->cpu->features[FEAT_XCR0_HI] << 32)) {
        refuse(x);
    }
    x->env->xcr0 = value;
    x86_system_mode(x);
}

static void need_pke(X86Exec *x)
{
    if (!(x->env->cr[4] & CR4_PKE)) {
        x86_raise(x, EXCP_UD);
    }
    if ((uint32_t)x->regs[R_ECX] != 0) {
        refuse(x);
    }
}

void x86_insn_rdpkru(X86Exec *x, const X86Op *op)
{
    need_pke(x);
    set_pair(x, x->env->pkru);
}

void x86_insn_wrpkru(X86Exec *x, const X86Op *op)
{
    need_pke(x);
    if ((uint32_t)x->regs[R_EDX] != 0) {
        refuse(x);
    }
    x->env->pkru = x->regs[R_EAX];
    x86_tlb_flush(x, true);
}
