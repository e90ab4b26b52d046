/*
 * The architectural state of an x86 CPU, in the shape in which QEMU's stream has it: flags materialised, descriptors with
 * their caches, x87 registers in place. Whatever executes instructions keeps its own form and comes back to this one.
 */
#ifndef TARGET_I386_CPU_STATE_H
#define TARGET_I386_CPU_STATE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Intel SDM vol. 1, 3.4.1; the order of instruction encodings. */
enum { R_EAX, R_ECX, R_EDX, R_EBX, R_ESP, R_EBP, R_ESI, R_EDI, CPU_REGS = 16 };
enum { R_ES, R_CS, R_SS, R_DS, R_FS, R_GS, CPU_SEGMENTS };

/* Bits of interrupt_request, as the stream has them. */
enum {
    CPU_INTERRUPT_HARD = 0x0002,
    CPU_INTERRUPT_POLL = 0x0010,    /* the local APIC's requests have to be looked at */
    CPU_INTERRUPT_SMI = 0x0040,
    CPU_INTERRUPT_NMI = 0x0200,
    CPU_INTERRUPT_INIT = 0x0400,
    CPU_INTERRUPT_SIPI = 0x0800,
};

/* Bits of hflags: what of the mode decides how instructions run. */
enum {
    HF_CPL_MASK = 3, HF_INHIBIT_IRQ_SHIFT = 3, HF_CS32_SHIFT = 4, HF_SS32_SHIFT = 5, HF_ADDSEG_SHIFT = 6, HF_PE_SHIFT = 7, HF_TF_SHIFT = 8,
    HF_MP_SHIFT = 9, HF_EM_SHIFT = 10, HF_TS_SHIFT = 11, HF_IOPL_SHIFT = 12, HF_LMA_SHIFT = 14, HF_CS64_SHIFT = 15,
    HF_RF_SHIFT = 16, HF_VM_SHIFT = 17, HF_AC_SHIFT = 18, HF_SMM_SHIFT = 19, HF_SVME_SHIFT = 20, HF_OSFXSR_SHIFT = 22,
    HF_SMAP_SHIFT = 23, HF_IOBPT_SHIFT = 24, HF_UMIP_SHIFT = 27, HF_AVX_EN_SHIFT = 28,
};
/* NMI: blocked until IRET; SMM_INSIDE_NMI: it was when SMM was entered. */
enum { HF2_GIF = 1 << 0, HF2_NMI = 1 << 2, HF2_SMM_INSIDE_NMI = 1 << 4, HF2_VGIF = 1 << 8 };

typedef struct SegmentCache {
    uint32_t selector;
    uint64_t base;
    uint32_t limit;             /* bytes, scaled */
    uint32_t flags;             /* the descriptor's upper dword */
} SegmentCache;

typedef struct FPReg {
    uint64_t mantissa;
    uint16_t exponent;          /* and sign */
} FPReg;

typedef struct VectorReg {
    uint64_t q[4];              /* XMM: 0 and 1; YMM: 2 and 3 as well */
} VectorReg;

typedef struct MTRRVar {
    uint64_t base, mask;
} MTRRVar;

typedef struct X86CPUState {
    uint64_t regs[CPU_REGS], eip, eflags;
    uint32_t hflags, hflags2;
    uint16_t fpuc, fpus, fpop;
    uint8_t fptags;             /* a bit a physical register: 1 is empty */
    uint64_t fpip, fpdp;
    FPReg fpregs[8];            /* physical order */
    SegmentCache segs[CPU_SEGMENTS], ldt, tr, gdt, idt;
    uint32_t sysenter_cs;
    uint64_t sysenter_esp, sysenter_eip, cr[5], dr[8];
    int32_t a20_mask;
    uint32_t mxcsr;
    VectorReg xmm_regs[16];
    uint64_t efer, star, lstar, cstar, fmask, kernelgsbase, pat;
    uint32_t smbase;
    /* SVM, as state only */
    uint64_t vm_hsave, vm_vmcb, tsc_offset, intercept;
    uint16_t intercept_cr_read, intercept_cr_write, intercept_dr_read, intercept_dr_write;
    uint32_t intercept_exceptions, int_ctl;
    uint8_t v_tpr;
    uint64_t nested_cr3;
    uint32_t nested_pg_mode;
    uint64_t mtrr_fixed[11], mtrr_deftype;
    MTRRVar mtrr_var[8];
    int32_t interrupt_injected;
    uint32_t mp_state;
    uint64_t tsc;
    int32_t exception_nr;
    uint8_t soft_interrupt, nmi_injected, nmi_pending, has_error_code;
    uint8_t exception_pending, exception_injected, exception_has_payload;
    uint64_t exception_payload;
    uint32_t sipi_vector;
    uint64_t mcg_cap, mcg_status, mcg_ctl, mce_banks[40];
    uint64_t tsc_aux, system_time_msr, wall_clock_msr, xcr0, xstate_bv;
    /* each is sent when it is not what a reset leaves */
    uint64_t poll_control_msr, tsc_adjust, tsc_deadline, msr_ia32_misc_enable, msr_ia32_feature_control, msr_smi_count;
    uint64_t async_pf_en_msr, async_pf_int_msr, pv_eoi_en_msr, steal_time_msr, xss, spec_ctrl, virt_ssbd;
    uint32_t pkru;
    int64_t user_tsc_khz;
    /* as the stream has them, only while it is written or read */
    uint32_t hflags_vmstate;
    uint16_t fpus_vmstate, fptag_vmstate, fpregs_format_vmstate;
} X86CPUState;

struct X86CPU;

/* Power-on and INIT values (SDM vol. 3, 10.1); `edx` is the CPU's signature. `bsp`: the one that starts at once. */
void x86_cpu_state_reset(X86CPUState *env, uint32_t edx);
/* The hflags that follow from control registers, EFER, EFLAGS and CS and SS; bits that follow from nothing else stay. */
uint32_t x86_cpu_state_hflags(const X86CPUState *env);

/* Registers the sections "cpu_common" and "cpu" with the CPU's index as the instance. */
bool x86_cpu_vmstate_register(struct X86CPU *cpu, GError **error);
void x86_cpu_vmstate_unregister(struct X86CPU *cpu);

#endif
