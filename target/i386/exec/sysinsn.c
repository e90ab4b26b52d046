/* The table of the system part's instructions, and the small ones: CPUID, time stamps, what is undefined on purpose. */
#include "target/i386/exec/system.h"

static void set_pair(X86Exec *x, uint64_t value)
{
    x->regs[R_EAX] = (uint32_t)value;
    x->regs[R_EDX] = value >> 32;
}

/* CPUID */

enum {
    CPUID_1_ECX_OSXSAVE = 1 << 27, CPUID_7_ECX_OSPKE = 1 << 4, CPUID_7_ECX_LA57 = 1 << 16, XSAVE_LEGACY = 0x240,
};

/* The size of the XSAVE area of the enabled components: CPUID.0DH.n has each one's size and offset. */
static uint32_t enabled_size(const X86Exec *x, bool compacted)
{
    uint64_t enabled = x->env->xcr0 | (compacted ? x->env->xss : 0);
    uint32_t size = XSAVE_LEGACY;

    for (unsigned i = 2; i < 63; i++) {
        uint32_t r[4];

        if (enabled >> i & 1) {
            x86_cpuid(x->cpu, 0xd, i, r);
            size = compacted ? (r[2] & 2 ? (size + 63) & ~63u : size) + r[0] : MAX(size, r[0] + r[1]);
        }
    }
    return size;
}

/* What follows the guest's own registers; five-level paging is not there, whatever the model says. */
static void adapt(const X86Exec *x, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
    switch (leaf) {
    case 1:
        r[2] |= x->env->cr[4] & CR4_OSXSAVE ? CPUID_1_ECX_OSXSAVE : 0;
        break;
    case 7:
        if (subleaf == 0) {
            r[2] &= ~(uint32_t)CPUID_7_ECX_LA57;
            r[2] |= x->env->cr[4] & CR4_PKE ? CPUID_7_ECX_OSPKE : 0;
        }
        break;
    case 0xd:
        if (subleaf <= 1 && r[1]) {
            r[1] = enabled_size(x, subleaf == 1);
        }
        break;
    case 0x80000008:
        r[0] = (r[0] & ~0xff00u) | MIN(r[0] >> 8 & 0xff, 48u) << 8;
        break;
    default:
        break;
    }
}

void x86_insn_cpuid(X86Exec *x, const X86Op *op)
{
    uint32_t leaf = x->regs[R_EAX], subleaf = x->regs[R_ECX], r[4];

    x86_cpuid(x->cpu, leaf, subleaf, r);
    adapt(x, leaf, subleaf, r);
    x->regs[R_EAX] = r[0];
    x->regs[R_EBX] = r[1];
    x->regs[R_ECX] = r[2];
    x->regs[R_EDX] = r[3];
}

/* Counters. */

static void need_counter(X86Exec *x, uint64_t cr4_bit, bool allows)
{
    bool set = x->env->cr[4] & cr4_bit;

    if (x86_cpl(x) != 0 && set != allows) {
        x86_raise_error(x, EXCP_GP, 0);
    }
}

void x86_insn_rdtsc(X86Exec *x, const X86Op *op)
{
    need_counter(x, CR4_TSD, false);
    set_pair(x, x86_tsc(x));
}

void x86_insn_rdtscp(X86Exec *x, const X86Op *op)
{
    need_counter(x, CR4_TSD, false);
    set_pair(x, x86_tsc(x));
    x->regs[R_ECX] = (uint32_t)x->env->tsc_aux;
}

/* There are no performance counters. */
void x86_insn_rdpmc(X86Exec *x, const X86Op *op)
{
    x86_raise_error(x, EXCP_GP, 0);
}

void x86_insn_rdpid(X86Exec *x, const X86Op *op)
{
    x86_put(x, op->rm, (uint32_t)x->env->tsc_aux, x86_long_code(x) ? 8 : 4);
}

/* UD0, UD1, UD2, and AMD's virtualization: guests can't have it, its registers are state only. */
static void undefined(X86Exec *x, const X86Op *op)
{
    x86_raise(x, EXCP_UD);
}

X86PlainFn *const x86_plain_system[X86_INSNS] = {
    [X86_MOV_SREG] = x86_insn_mov_sreg, [X86_PUSH_SREG] = x86_insn_push_sreg, [X86_POP_SREG] = x86_insn_pop_sreg,
    [X86_LES] = x86_insn_load_far_pointer, [X86_LDS] = x86_insn_load_far_pointer, [X86_LSS] = x86_insn_load_far_pointer,
    [X86_LFS] = x86_insn_load_far_pointer, [X86_LGS] = x86_insn_load_far_pointer,
    [X86_CALL_FAR] = x86_insn_call_far, [X86_CALL_FAR_IND] = x86_insn_call_far, [X86_JMP_FAR] = x86_insn_jmp_far,
    [X86_JMP_FAR_IND] = x86_insn_jmp_far, [X86_RET_FAR] = x86_insn_ret_far, [X86_IRET] = x86_insn_iret,
    [X86_INT] = x86_insn_int, [X86_INT3] = x86_insn_int3, [X86_INT1] = x86_insn_int1, [X86_INTO] = x86_insn_into,
    [X86_BOUND] = x86_insn_bound,
    [X86_SYSCALL] = x86_insn_syscall, [X86_SYSRET] = x86_insn_sysret, [X86_SYSENTER] = x86_insn_sysenter,
    [X86_SYSEXIT] = x86_insn_sysexit, [X86_SWAPGS] = x86_insn_swapgs, [X86_RDFSBASE] = x86_insn_rd_base,
    [X86_RDGSBASE] = x86_insn_rd_base, [X86_WRFSBASE] = x86_insn_wr_base, [X86_WRGSBASE] = x86_insn_wr_base,
    [X86_UD0] = undefined, [X86_UD1] = undefined, [X86_UD2] = undefined,
    [X86_IN] = x86_insn_in, [X86_OUT] = x86_insn_out, [X86_INS] = x86_insn_ins, [X86_OUTS] = x86_insn_outs,
    [X86_CLI] = x86_insn_cli, [X86_STI] = x86_insn_sti, [X86_PUSHF] = x86_insn_pushf, [X86_POPF] = x86_insn_popf,
    [X86_CLAC] = x86_insn_clac, [X86_STAC] = x86_insn_stac,
    [X86_HLT] = x86_insn_hlt, [X86_MONITOR] = x86_insn_monitor, [X86_MWAIT] = x86_insn_mwait, [X86_RSM] = x86_insn_rsm,
    [X86_MOV_CR] = x86_insn_mov_cr, [X86_MOV_DR] = x86_insn_mov_dr, [X86_LMSW] = x86_insn_lmsw, [X86_SMSW] = x86_insn_smsw,
    [X86_CLTS] = x86_insn_clts,
    [X86_LGDT] = x86_insn_load_table, [X86_LIDT] = x86_insn_load_table, [X86_SGDT] = x86_insn_store_table,
    [X86_SIDT] = x86_insn_store_table, [X86_LLDT] = x86_insn_lldt, [X86_LTR] = x86_insn_ltr, [X86_SLDT] = x86_insn_sldt,
    [X86_STR] = x86_insn_str, [X86_LAR] = x86_insn_lar, [X86_LSL] = x86_insn_lsl, [X86_VERR] = x86_insn_verify,
    [X86_VERW] = x86_insn_verify, [X86_ARPL] = x86_insn_arpl,
    [X86_INVLPG] = x86_insn_invlpg, [X86_INVPCID] = x86_insn_invpcid, [X86_INVD] = x86_insn_flush_caches,
    [X86_WBINVD] = x86_insn_flush_caches,
    [X86_RDMSR] = x86_insn_rdmsr, [X86_WRMSR] = x86_insn_wrmsr, [X86_RDTSC] = x86_insn_rdtsc, [X86_RDTSCP] = x86_insn_rdtscp,
    [X86_RDPMC] = x86_insn_rdpmc, [X86_RDPID] = x86_insn_rdpid, [X86_CPUID] = x86_insn_cpuid, [X86_XGETBV] = x86_insn_xgetbv,
    [X86_XSETBV] = x86_insn_xsetbv, [X86_RDPKRU] = x86_insn_rdpkru, [X86_WRPKRU] = x86_insn_wrpkru,
    [X86_VMRUN] = undefined, [X86_VMMCALL] = undefined, [X86_VMLOAD] = undefined, [X86_VMSAVE] = undefined,
    [X86_STGI] = undefined, [X86_CLGI] = undefined, [X86_SKINIT] = undefined, [X86_INVLPGA] = undefined,
};
