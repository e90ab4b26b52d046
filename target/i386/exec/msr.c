/*
 * Model-specific registers (SDM vol. 4; AMD APM vol. 2, appendix A). One that is in no table here reads as zero and
 * ignores what is written, which is what guests of this machine have always seen.
 */
#include <inttypes.h>

#include "system/clock.h"
#include "system/main-loop.h"
#include "target/i386/exec/system.h"
#include "util/log.h"

enum {
    MSR_TSC = 0x10, MSR_PLATFORM_ID = 0x17, MSR_APIC_BASE = 0x1b, MSR_CORE_THREAD_COUNT = 0x35, MSR_FEATURE_CONTROL = 0x3a,
    MSR_TSC_ADJUST = 0x3b, MSR_SPEC_CTRL = 0x48, MSR_UCODE_REV = 0x8b, MSR_CORE_CAPABILITY = 0xcf, MSR_MTRR_CAP = 0xfe,
    MSR_ARCH_CAPABILITIES = 0x10a, MSR_SYSENTER_CS = 0x174, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_MCG_CAP = 0x179, MSR_MCG_STATUS,
    MSR_MCG_CTL, MSR_PERF_STATUS = 0x198, MSR_MISC_ENABLE = 0x1a0, MSR_MTRR_VAR = 0x200, MSR_MTRR_FIX64K = 0x250,
    MSR_MTRR_FIX16K = 0x258, MSR_MTRR_FIX4K = 0x268, MSR_PAT = 0x277, MSR_MTRR_DEF_TYPE = 0x2ff, MSR_MC0_CTL = 0x400,
    MSR_XSS = 0xda0,
};
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_FMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX 0xc0000103u
#define MSR_VM_HSAVE_PA 0xc0010117u
#define MSR_VIRT_SSBD 0xc001011fu
enum { MTRR_VARS = 8, MTRR_CAP = MTRR_VARS | 1 << 8 | 1 << 10 };       /* fixed ranges, write-combining */
#define MCG_CTL_P (1ull << 8)

static _Noreturn void refuse(X86Exec *x)
{
    x86_raise_error(x, EXCP_GP, 0);
}

uint64_t x86_tsc(const X86Exec *x)
{
    return (uint64_t)clock_tsc() + x->env->tsc_offset;
}

/* The registers that are plainly a field; those that take addresses want canonical ones. */
typedef struct PlainMsr {
    uint32_t msr;
    uint16_t offset;
    bool address;
} PlainMsr;

static const PlainMsr plain_msrs[] = {
    { MSR_SYSENTER_ESP, offsetof(X86CPUState, sysenter_esp), true }, { MSR_SYSENTER_EIP, offsetof(X86CPUState, sysenter_eip), true },
    { MSR_STAR, offsetof(X86CPUState, star), false }, { MSR_LSTAR, offsetof(X86CPUState, lstar), true },
    { MSR_CSTAR, offsetof(X86CPUState, cstar), true }, { MSR_FMASK, offsetof(X86CPUState, fmask), false },
    { MSR_FS_BASE, offsetof(X86CPUState, segs[R_FS].base), true }, { MSR_GS_BASE, offsetof(X86CPUState, segs[R_GS].base), true },
    { MSR_KERNEL_GS_BASE, offsetof(X86CPUState, kernelgsbase), true }, { MSR_TSC_AUX, offsetof(X86CPUState, tsc_aux), false },
    { MSR_PAT, offsetof(X86CPUState, pat), false }, { MSR_MTRR_DEF_TYPE, offsetof(X86CPUState, mtrr_deftype), false },
    { MSR_MTRR_FIX64K, offsetof(X86CPUState, mtrr_fixed[0]), false }, { MSR_MTRR_FIX16K, offsetof(X86CPUState, mtrr_fixed[1]), false },
    { MSR_MTRR_FIX16K + 1, offsetof(X86CPUState, mtrr_fixed[2]), false },
    { MSR_MISC_ENABLE, offsetof(X86CPUState, msr_ia32_misc_enable), false }, { MSR_MCG_STATUS, offsetof(X86CPUState, mcg_status), false },
    { MSR_SPEC_CTRL, offsetof(X86CPUState, spec_ctrl), false }, { MSR_VIRT_SSBD, offsetof(X86CPUState, virt_ssbd), false },
    { MSR_VM_HSAVE_PA, offsetof(X86CPUState, vm_hsave), false },
};

static uint64_t *plain(const X86Exec *x, uint32_t msr, bool *address)
{
    X86CPUState *env = x->env;

    *address = false;
    for (unsigned i = 0; i < sizeof(plain_msrs) / sizeof(plain_msrs[0]); i++) {
        if (plain_msrs[i].msr == msr) {
            *address = plain_msrs[i].address;
            return (uint64_t *)((char *)env + plain_msrs[i].offset);
        }
    }
    if (msr >= MSR_MTRR_VAR && msr < MSR_MTRR_VAR + 2 * MTRR_VARS) {
        MTRRVar *var = &env->mtrr_var[(msr - MSR_MTRR_VAR) / 2];

        return msr & 1 ? &var->mask : &var->base;
    }
    if (msr >= MSR_MTRR_FIX4K && msr < MSR_MTRR_FIX4K + 8) {
        return &env->mtrr_fixed[3 + msr - MSR_MTRR_FIX4K];
    }
    if (msr >= MSR_MC0_CTL && msr < MSR_MC0_CTL + 4 * (env->mcg_cap & 0xff) && msr - MSR_MC0_CTL < 40) {
        return &env->mce_banks[msr - MSR_MC0_CTL];
    }
    return NULL;
}

/* Which features a register comes with. */
static bool there(const X86Exec *x, uint32_t msr)
{
    switch (msr) {
    case MSR_TSC_AUX: return x86_feature(x, FEAT_8000_0001_EDX, 1 << 27) || x86_feature(x, FEAT_7_0_ECX, 1 << 22);
    case MSR_SPEC_CTRL: return x86_feature(x, FEAT_7_0_EDX, 1 << 26) || x86_feature(x, FEAT_8000_0008_EBX, 1 << 14 | 1 << 24);
    case MSR_VIRT_SSBD: return x86_feature(x, FEAT_8000_0008_EBX, 1 << 25);
    case MSR_VM_HSAVE_PA: return x86_feature(x, FEAT_8000_0001_ECX, 1 << 2);
    case MSR_LSTAR: case MSR_CSTAR: case MSR_FMASK: case MSR_FS_BASE: case MSR_GS_BASE: case MSR_KERNEL_GS_BASE:
        return x86_feature(x, FEAT_8000_0001_EDX, 1 << 29);
    default: return true;
    }
}

static uint64_t apic_base(X86Exec *x)
{
    uint64_t value = 0;

    if (x86_interrupt_ops) {
        big_lock();
        value = x86_interrupt_ops->base(x->cpu);
        big_unlock();
    }
    return value;
}

uint64_t x86_read_msr(X86Exec *x, uint32_t msr)
{
    const X86CPUState *env = x->env;
    const uint64_t *field;
    bool address;

    switch (msr) {
    case MSR_TSC: return x86_tsc(x);
    case MSR_TSC_ADJUST: return env->tsc_adjust;
    case MSR_APIC_BASE: return apic_base(x);
    case MSR_FEATURE_CONTROL: return env->msr_ia32_feature_control;
    case MSR_UCODE_REV: return x->cpu->ucode_rev;
    case MSR_CORE_CAPABILITY: return x->cpu->features[FEAT_CORE_CAPABILITY];
    case MSR_ARCH_CAPABILITIES: return x->cpu->features[FEAT_ARCH_CAPABILITIES];
    case MSR_CORE_THREAD_COUNT: return x86_cpu_count() | x86_cpu_count() << 16;
    case MSR_MTRR_CAP: return x86_feature(x, FEAT_1_EDX, 1 << 12) ? MTRR_CAP : 0;
    case MSR_SYSENTER_CS: return env->sysenter_cs;
    case MSR_MCG_CAP: return env->mcg_cap;
    case MSR_MCG_CTL: return env->mcg_cap & MCG_CTL_P ? env->mcg_ctl : 0;
    case MSR_PERF_STATUS: return 1000ull | 4ull << 40;      /* TSC increments by the multiplier of 4 */
    case MSR_EFER: return env->efer;
    case MSR_XSS: return env->xss;
    default:
        field = there(x, msr) ? plain(x, msr, &address) : NULL;
        if (!field) {
            log_unimp("rdmsr of 0x%x\n", msr);
        }
        return field ? *field : 0;
    }
}

/* LMA is the CPU's own; LME can't change under paging. */
static void write_efer(X86Exec *x, uint64_t value)
{
    uint64_t known = EFER_LMA, old = x->env->efer;

    known |= x86_feature(x, FEAT_8000_0001_EDX, 1 << 11) ? EFER_SCE : 0;
    known |= x86_feature(x, FEAT_8000_0001_EDX, 1 << 29) ? EFER_LME : 0;
    known |= x86_feature(x, FEAT_8000_0001_EDX, 1 << 20) ? EFER_NXE : 0;
    known |= x86_feature(x, FEAT_8000_0001_EDX, 1 << 25) ? EFER_FFXSR : 0;
    known |= x86_feature(x, FEAT_8000_0001_ECX, 1 << 2) ? EFER_SVME : 0;
    if (value & ~known || ((value ^ old) & EFER_LME && x->env->cr[0] & CR0_PG)) {
        refuse(x);
    }
    x->env->efer = (value & ~EFER_LMA) | (old & EFER_LMA);
    if ((value ^ old) & EFER_NXE) {
        x86_tlb_flush(x, true);
    }
    x86_system_mode(x);
}

static void write_apic_base(X86Exec *x, uint64_t value)
{
    if (x86_interrupt_ops) {
        big_lock();
        x86_interrupt_ops->set_base(x->cpu, value);
        big_unlock();
    }
}

/* Memory types: 2 and 3 are none; 7 is PAT's only. */
static void check_types(X86Exec *x, uint64_t value, bool pat)
{
    for (unsigned i = 0; i < 64; i += 8) {
        uint8_t type = value >> i;

        if (type > (pat ? 7 : 6) || type == 2 || type == 3) {
            refuse(x);
        }
    }
}

static bool is_mtrr_fixed(uint32_t msr)
{
    return msr == MSR_MTRR_FIX64K || msr == MSR_MTRR_FIX16K || msr == MSR_MTRR_FIX16K + 1 ||
           (msr >= MSR_MTRR_FIX4K && msr < MSR_MTRR_FIX4K + 8);
}

static void write_plain(X86Exec *x, uint32_t msr, uint64_t value)
{
    bool address;
    uint64_t *field = there(x, msr) ? plain(x, msr, &address) : NULL;

    if (!field) {
        log_unimp("wrmsr of 0x%x: 0x%" PRIx64 "\n", msr, value);
        return;
    }
    if (address && !x86_canonical(value)) {
        refuse(x);
    }
    if (msr == MSR_PAT || is_mtrr_fixed(msr)) {
        check_types(x, value, msr == MSR_PAT);
    }
    if (msr == MSR_MTRR_DEF_TYPE && value & ~0xcffull) {
        refuse(x);
    }
    /* A bank's control is set or cleared as a whole. Kernels write other values to some that old CPUs want so. */
    if (msr >= MSR_MC0_CTL && msr < MSR_MC0_CTL + 40 && (msr & 3) == 0 && value != 0 && value != UINT64_MAX) {
        return;
    }
    *field = msr == MSR_FMASK || msr == MSR_TSC_AUX ? (uint32_t)value : value;
}

void x86_write_msr(X86Exec *x, uint32_t msr, uint64_t value)
{
    X86CPUState *env = x->env;

    switch (msr) {
    case MSR_TSC:
        env->tsc_offset = value - (uint64_t)clock_tsc();
        break;
    case MSR_TSC_ADJUST:
        env->tsc_offset += value - env->tsc_adjust;
        env->tsc_adjust = value;
        break;
    case MSR_APIC_BASE:
        write_apic_base(x, value);
        break;
    case MSR_FEATURE_CONTROL:
        env->msr_ia32_feature_control = value;
        break;
    case MSR_SYSENTER_CS:
        env->sysenter_cs = value & 0xffff;
        break;
    case MSR_MCG_CTL:
        if (env->mcg_cap & MCG_CTL_P && (value == 0 || value == UINT64_MAX)) {
            env->mcg_ctl = value;
        }
        break;
    case MSR_EFER:
        write_efer(x, value);
        break;
    case MSR_XSS:
        if (value & ~(x->cpu->features[FEAT_XSS_LO] | x->cpu->features[FEAT_XSS_HI] << 32)) {
            refuse(x);
        }
        env->xss = value;
        break;
    case MSR_PLATFORM_ID: case MSR_CORE_THREAD_COUNT: case MSR_UCODE_REV: case MSR_CORE_CAPABILITY: case MSR_MTRR_CAP:
    case MSR_ARCH_CAPABILITIES: case MSR_MCG_CAP: case MSR_PERF_STATUS:
        break;
    default:
        write_plain(x, msr, value);
        break;
    }
}

void x86_insn_rdmsr(X86Exec *x, const X86Op *op)
{
    uint64_t value;

    x86_need_cpl0(x);
    value = x86_read_msr(x, x->regs[R_ECX]);
    x->regs[R_EAX] = (uint32_t)value;
    x->regs[R_EDX] = value >> 32;
}

void x86_insn_wrmsr(X86Exec *x, const X86Op *op)
{
    x86_need_cpl0(x);
    x86_write_msr(x, x->regs[R_ECX], x->regs[R_EDX] << 32 | (uint32_t)x->regs[R_EAX]);
}
