/* The CPU's two sections. Names, order and versions are QEMU's: version 12 of "cpu". */
#include "migration/register.h"
#include "target/i386/cpu.h"
#include "util/error.h"

/* Fields of the CPU's state under the names that the description has. */
#define ENV(macro, field, ...) macro(X86CPU, env.field, ##__VA_ARGS__)

static const VMStateDescription vmstate_segment = {
    .name = "segment",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_U32(SegmentCache, selector), VMS_U64(SegmentCache, base), VMS_U32(SegmentCache, limit),
        VMS_U32(SegmentCache, flags)),
};

/* QEMU has another form of the register in memory, and says so in the stream's description. */
typedef struct FPRegTmp {
    FPReg *parent;
    uint64_t tmp_mant;
    uint16_t tmp_exp;
} FPRegTmp;

static bool fpreg_pre_save(void *opaque, GError **error)
{
    FPRegTmp *tmp = opaque;

    tmp->tmp_mant = tmp->parent->mantissa;
    tmp->tmp_exp = tmp->parent->exponent;
    return true;
}

static bool fpreg_post_load(void *opaque, int version_id, GError **error)
{
    FPRegTmp *tmp = opaque;

    tmp->parent->mantissa = tmp->tmp_mant;
    tmp->parent->exponent = tmp->tmp_exp;
    return true;
}

static const VMStateDescription vmstate_fpreg_tmp = {
    .name = "fpreg_tmp", .pre_save = fpreg_pre_save, .post_load = fpreg_post_load,
    .fields = VMS_FIELDS(VMS_U64(FPRegTmp, tmp_mant), VMS_U16(FPRegTmp, tmp_exp)),
};

static const VMStateDescription vmstate_fpreg = {
    .name = "fpreg", .fields = VMS_FIELDS(VMS_WITH_TMP(FPReg, FPRegTmp, vmstate_fpreg_tmp)),
};

static const VMStateDescription vmstate_xmm_reg = {
    .name = "xmm_reg",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_U64(VectorReg, q[0], .name = "_q_ZMMReg[0]"), VMS_U64(VectorReg, q[1], .name = "_q_ZMMReg[1]")),
};

static const VMStateDescription vmstate_ymmh_reg = {
    .name = "ymmh_reg",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_U64(VectorReg, q[2], .name = "_q_ZMMReg[2]"), VMS_U64(VectorReg, q[3], .name = "_q_ZMMReg[3]")),
};

static const VMStateDescription vmstate_mtrr_var = {
    .name = "mtrr_var",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = VMS_FIELDS(VMS_U64(MTRRVar, base), VMS_U64(MTRRVar, mask)),
};

/* Subsections of one MSR (or register) each, sent when it differs from what a CPU without it would have. */
#define ONE_FIELD(ident, text, field, kind_macro, normally)                                 \
    static bool ident##_needed(void *opaque)                                                \
    {                                                                                       \
        return ((X86CPU *)opaque)->env.field != (normally);                                 \
    }                                                                                       \
    static const VMStateDescription vmstate_##ident = {                                     \
        .name = text, .version_id = 1, .minimum_version_id = 1, .needed = ident##_needed,   \
        .fields = VMS_FIELDS(ENV(kind_macro, field)),                                       \
    };

ONE_FIELD(poll_control, "cpu/poll_control_msr", poll_control_msr, VMS_U64, 1)
ONE_FIELD(tsc_adjust, "cpu/msr_tsc_adjust", tsc_adjust, VMS_U64, 0)
ONE_FIELD(tscdeadline, "cpu/msr_tscdeadline", tsc_deadline, VMS_U64, 0)
ONE_FIELD(misc_enable, "cpu/msr_ia32_misc_enable", msr_ia32_misc_enable, VMS_U64, 1)
ONE_FIELD(feature_control, "cpu/msr_ia32_feature_control", msr_ia32_feature_control, VMS_U64, 0)
ONE_FIELD(smi_count, "cpu/msr_smi_count", msr_smi_count, VMS_U64, 0)
ONE_FIELD(async_pf, "cpu/async_pf_msr", async_pf_en_msr, VMS_U64, 0)
ONE_FIELD(async_pf_int, "cpu/async_pf_int_msr", async_pf_int_msr, VMS_U64, 0)
ONE_FIELD(pv_eoi, "cpu/async_pv_eoi_msr", pv_eoi_en_msr, VMS_U64, 0)
ONE_FIELD(steal_time, "cpu/steal_time_msr", steal_time_msr, VMS_U64, 0)
ONE_FIELD(tsc_khz, "cpu/tsc_khz", user_tsc_khz, VMS_I64, 0)
ONE_FIELD(xss, "cpu/xss", xss, VMS_U64, 0)
ONE_FIELD(pkru, "cpu/pkru", pkru, VMS_U32, 0)
ONE_FIELD(spec_ctrl, "cpu/spec_ctrl", spec_ctrl, VMS_U64, 0)
ONE_FIELD(virt_ssbd, "cpu/virt_ssbd", virt_ssbd, VMS_U64, 0)
ONE_FIELD(svm_guest, "cpu/svm_guest", int_ctl, VMS_U32, 0)

static bool fpop_needed(void *opaque)
{
    const X86CPUState *env = &((X86CPU *)opaque)->env;

    return env->fpop || env->fpip || env->fpdp;
}

static const VMStateDescription vmstate_fpop = {
    .name = "cpu/fpop_ip_dp",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = fpop_needed,
    .fields = VMS_FIELDS(ENV(VMS_U16, fpop), ENV(VMS_U64, fpip), ENV(VMS_U64, fpdp)),
};

static bool exception_info_needed(void *opaque)
{
    return ((X86CPU *)opaque)->env.exception_pending;
}

static const VMStateDescription vmstate_exception_info = {
    .name = "cpu/exception_info",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = exception_info_needed,
    .fields = VMS_FIELDS(
        ENV(VMS_U8, exception_pending), ENV(VMS_U8, exception_injected), ENV(VMS_U8, exception_has_payload),
        ENV(VMS_U64, exception_payload)),
};

static bool cpu_pre_save(void *opaque, GError **error)
{
    X86CPUState *env = &((X86CPU *)opaque)->env;

    env->fpus_vmstate = env->fpus;
    env->fptag_vmstate = (uint8_t)~env->fptags;     /* the wire's bit says valid */
    env->fpregs_format_vmstate = 0;
    /* QEMU has these in EFLAGS only, and would not take them out again. */
    env->hflags_vmstate = env->hflags & ~(1u << HF_TF_SHIFT | 3u << HF_IOPL_SHIFT | 1u << HF_RF_SHIFT | 1u << HF_VM_SHIFT |
                                          1u << HF_AC_SHIFT);
    return true;
}

static bool cpu_post_load(void *opaque, int version_id, GError **error)
{
    X86CPUState *env = &((X86CPU *)opaque)->env;

    if (env->fpregs_format_vmstate != 0) {
        return error_setf(error, "Unsupported old non-softfloat CPU state");
    }
    env->fpus = env->fpus_vmstate;
    env->fptags = ~env->fptag_vmstate;
    /* The privilege level is that of SS, whatever the stream's flags say; so with all that follows from registers. */
    env->hflags = env->hflags_vmstate;
    env->hflags = x86_cpu_state_hflags(env);
    return true;
}

static const VMStateDescription vmstate_x86_cpu = {
    .name = "cpu",
    .version_id = 12,
    .minimum_version_id = 11,
    .pre_save = cpu_pre_save,
    .post_load = cpu_post_load,
    .fields = VMS_FIELDS(
        ENV(VMS_U64_ARRAY, regs), ENV(VMS_U64, eip), ENV(VMS_U64, eflags), ENV(VMS_U32, hflags_vmstate, .name = "env.hflags"),
        ENV(VMS_U16, fpuc), ENV(VMS_U16, fpus_vmstate), ENV(VMS_U16, fptag_vmstate), ENV(VMS_U16, fpregs_format_vmstate),
        ENV(VMS_STRUCT_ARRAY, fpregs, vmstate_fpreg), ENV(VMS_STRUCT_ARRAY, segs, vmstate_segment),
        ENV(VMS_STRUCT, ldt, vmstate_segment), ENV(VMS_STRUCT, tr, vmstate_segment),
        ENV(VMS_STRUCT, gdt, vmstate_segment), ENV(VMS_STRUCT, idt, vmstate_segment),
        ENV(VMS_U32, sysenter_cs), ENV(VMS_U64, sysenter_esp), ENV(VMS_U64, sysenter_eip),
        ENV(VMS_U64, cr[0]), ENV(VMS_U64, cr[2]), ENV(VMS_U64, cr[3]), ENV(VMS_U64, cr[4]), ENV(VMS_U64_ARRAY, dr),
        ENV(VMS_I32, a20_mask), ENV(VMS_U32, mxcsr),
        ENV(VMS_STRUCT_ARRAY, xmm_regs, vmstate_xmm_reg),
        ENV(VMS_U64, efer), ENV(VMS_U64, star), ENV(VMS_U64, lstar), ENV(VMS_U64, cstar), ENV(VMS_U64, fmask),
        ENV(VMS_U64, kernelgsbase), ENV(VMS_U32, smbase), ENV(VMS_U64, pat), ENV(VMS_U32, hflags2),
        ENV(VMS_U64, vm_hsave), ENV(VMS_U64, vm_vmcb), ENV(VMS_U64, tsc_offset), ENV(VMS_U64, intercept),
        ENV(VMS_U16, intercept_cr_read), ENV(VMS_U16, intercept_cr_write), ENV(VMS_U16, intercept_dr_read),
        ENV(VMS_U16, intercept_dr_write), ENV(VMS_U32, intercept_exceptions), ENV(VMS_U8, v_tpr),
        ENV(VMS_U64_ARRAY, mtrr_fixed), ENV(VMS_U64, mtrr_deftype), ENV(VMS_STRUCT_ARRAY, mtrr_var, vmstate_mtrr_var),
        ENV(VMS_I32, interrupt_injected), ENV(VMS_U32, mp_state), ENV(VMS_U64, tsc), ENV(VMS_I32, exception_nr),
        ENV(VMS_U8, soft_interrupt), ENV(VMS_U8, nmi_injected), ENV(VMS_U8, nmi_pending), ENV(VMS_U8, has_error_code),
        ENV(VMS_U32, sipi_vector), ENV(VMS_U64, mcg_cap), ENV(VMS_U64, mcg_status), ENV(VMS_U64, mcg_ctl),
        ENV(VMS_U64_ARRAY, mce_banks), ENV(VMS_U64, tsc_aux), ENV(VMS_U64, system_time_msr),
        ENV(VMS_U64, wall_clock_msr), ENV(VMS_U64, xcr0, .version_id = 12), ENV(VMS_U64, xstate_bv, .version_id = 12),
        ENV(VMS_STRUCT_ARRAY, xmm_regs, vmstate_ymmh_reg, .version_id = 12)),
    .subsections = VMS_SUBSECTIONS(
        &vmstate_exception_info, &vmstate_async_pf, &vmstate_async_pf_int, &vmstate_pv_eoi, &vmstate_steal_time,
        &vmstate_poll_control, &vmstate_fpop, &vmstate_tsc_adjust, &vmstate_tscdeadline, &vmstate_misc_enable,
        &vmstate_feature_control, &vmstate_xss, &vmstate_tsc_khz, &vmstate_smi_count, &vmstate_pkru, &vmstate_spec_ctrl,
        &vmstate_virt_ssbd, &vmstate_svm_guest),
};

/* The section that all targets have. */

static bool exception_index_needed(void *opaque)
{
    return ((X86CPU *)opaque)->exception_index != -1;
}

static const VMStateDescription vmstate_exception_index = {
    .name = "cpu_common/exception_index",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = exception_index_needed,
    .fields = VMS_FIELDS(VMS_I32(X86CPU, exception_index)),
};

static bool crash_occurred_needed(void *opaque)
{
    return ((X86CPU *)opaque)->crash_occurred;
}

static const VMStateDescription vmstate_crash_occurred = {
    .name = "cpu_common/crash_occurred",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = crash_occurred_needed,
    .fields = VMS_FIELDS(VMS_BOOL(X86CPU, crash_occurred)),
};

static bool cpu_common_pre_load(void *opaque, GError **error)
{
    ((X86CPU *)opaque)->exception_index = -1;
    return true;
}

static const VMStateDescription vmstate_cpu_common = {
    .name = "cpu_common",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_load = cpu_common_pre_load,
    .fields = VMS_FIELDS(VMS_U32(X86CPU, halted), VMS_U32(X86CPU, interrupt_request)),
    .subsections = VMS_SUBSECTIONS(&vmstate_exception_index, &vmstate_crash_occurred),
};

bool x86_cpu_vmstate_register(X86CPU *cpu, GError **error)
{
    if (!vmstate_register(NULL, cpu->index, &vmstate_cpu_common, cpu, error)) {
        return false;
    }
    if (!vmstate_register(NULL, cpu->index, &vmstate_x86_cpu, cpu, error)) {
        vmstate_unregister(&vmstate_cpu_common, cpu);
        return false;
    }
    return true;
}

void x86_cpu_vmstate_unregister(X86CPU *cpu)
{
    vmstate_unregister(&vmstate_x86_cpu, cpu);
    vmstate_unregister(&vmstate_cpu_common, cpu);
}
