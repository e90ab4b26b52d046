/* Vector instructions: what is decided before and after the host runs them. */
#include <string.h>

#include "target/i386/exec/vector.h"

/* May it run? SDM vol. 3, 13.1 and vol. 2, 2.5 ("Exception classes"). */
void vector_refuse_sse(X86Exec *x)
{
    bool available = x->env->hflags & 1u << HF_TS_SHIFT && !(x->env->hflags & 1u << HF_EM_SHIFT) &&
                     x->env->hflags & 1u << HF_OSFXSR_SHIFT;

    x86_raise(x, available ? EXCP_NM : EXCP_UD);
}

void vector_refuse_avx(X86Exec *x)
{
    const X86CPUState *env = x->env;
    bool available = env->cr[4] & CR4_OSXSAVE && (env->xcr0 & (XCR0_SSE | XCR0_AVX)) == (XCR0_SSE | XCR0_AVX) &&
                     (env->hflags & (1u << HF_PE_SHIFT | 1u << HF_VM_SHIFT)) == 1u << HF_PE_SHIFT;

    x86_raise(x, available ? EXCP_NM : EXCP_UD);
}

void vector_check_mmx(X86Exec *x)
{
    if (x->env->hflags & 1u << HF_EM_SHIFT) {
        x86_raise(x, EXCP_UD);
    }
    if (x->env->hflags & 1u << HF_TS_SHIFT) {
        x86_raise(x, EXCP_NM);
    }
    if (x->vector->x87_loaded) {
        x87_unload(x);
    }
    x87_check_pending(x);
}

void vector_commit_mmx(X86Exec *x)
{
    x->env->fpus &= ~0x3800;
    x->env->fptags = 0;
}

/* MXCSR. */
static __attribute__((noinline)) bool load_mxcsr(X86Exec *x)
{
    if ((x->env->mxcsr & MXCSR_MASKS) != MXCSR_MASKS) {
        return false;
    }
    vector_host_set_mxcsr(x->env->mxcsr);
    x->vector->sse_loaded = true;
    return true;
}

/* Whether the host's MXCSR is the guest's now. Not if that unmasks exceptions. */
static inline bool enter_sse(X86Exec *x)
{
    return likely(x->vector->sse_loaded) || load_mxcsr(x);
}

uint32_t vector_mxcsr(X86Exec *x)
{
    if (x->vector->sse_loaded) {
        x->env->mxcsr = vector_host_mxcsr() & MXCSR_ALL;
    }
    return x->env->mxcsr;
}

void vector_set_mxcsr(X86Exec *x, uint32_t value)
{
    if (x->vector->sse_loaded) {
        vector_host_set_mxcsr(MXCSR_DEFAULT);
        x->vector->sse_loaded = false;
    }
    x->env->mxcsr = value;
}

void vector_drop(X86Exec *x)
{
    if (x->vector && x->vector->sse_loaded) {
        vector_host_set_mxcsr(MXCSR_DEFAULT);
        x->vector->sse_loaded = false;
    }
    if (x->vector && x->vector->x87_loaded) {
        __asm__ volatile("fninit");
        x->vector->x87_loaded = false;
    }
}

void vector_leave_slow(X86Exec *x)
{
    vector_set_mxcsr(x, vector_mxcsr(x));
    if (x->vector->x87_loaded) {
        x87_unload(x);
    }
}

/* Runs an instruction that uses MXCSR. */
static __attribute__((noinline)) uint64_t run_unmasked(X86Exec *x, VectorStub *stub, void *a, const void *b, const void *c, const void *d)
{
    uint64_t result = 0;

    if (!vector_run_unmasked(stub, a, b, c, d, &x->env->mxcsr, &result)) {
        x86_raise(x, x->env->cr[4] & CR4_OSXMMEXCPT ? EXCP_XM : EXCP_UD);
    }
    return result;
}

static inline uint64_t run(X86Exec *x, const X86Op *op, bool fp, void *a, const void *b, const void *c, const void *d)
{
    VectorStub *stub = (VectorStub *)op->link;

    return !fp || enter_sse(x) ? stub(a, b, c, d) : run_unmasked(x, stub, a, b, c, d);
}

/* Operands. op->imm8 is the size of a memory operand here, with ALIGNED if it must be aligned: vector_prepare() left it. */
enum { ALIGNED = 0x80, SIZE_MASK = 0x7f };

static __attribute__((noinline)) const void *memory_operand_slow(X86Exec *x, const X86Op *op)
{
    unsigned size = op->imm8 & SIZE_MASK;
    uint64_t linear = x86_linear(x, op, size, false);

    if (op->imm8 & ALIGNED && linear & 15) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    if (op->id == X86_VCVTPH2PS) {      /* never #AC */
        x86_ld_unaligned(x, op, linear, x->vector->memory, size);
    } else {
        x86_ld_bytes(x, op, linear, x->vector->memory, size);
    }
    return x->vector->memory;
}

/* Where the host has the operand, or a copy. */
static inline const void *memory_operand(X86Exec *x, const X86Op *op)
{
    const void *host = vector_host(x, op, op->imm8 & SIZE_MASK, false);

    return likely(host && !(op->imm8 & ALIGNED && (uintptr_t)host & 15)) ? host : memory_operand_slow(x, op);
}

static inline const void *rm_operand(X86Exec *x, const X86Op *op, bool mem)
{
    return mem ? memory_operand(x, op) : &x->env->xmm_regs[op->rm];
}

/* Handlers, one for each of register or memory, legacy or VEX, using MXCSR or not. SHAPE_RM, _RVM, _RRVM and _BLENDV. */
static inline __attribute__((always_inline)) void to_vector(X86Exec *x, const X86Op *op, bool mem, bool vex, bool fp)
{
    VectorReg *xmm = x->env->xmm_regs;

    vector_check(x, vex);
    /* op->cond: a fourth register. */
    run(x, op, fp, &xmm[op->reg], rm_operand(x, op, mem), &xmm[op->vvvv & 15], &xmm[op->cond]);
}

static inline __attribute__((always_inline)) void to_flags(X86Exec *x, const X86Op *op, bool mem, bool vex, bool fp)
{
    VectorReg *xmm = x->env->xmm_regs;

    vector_check(x, vex);
    x86_set_arith(x, run(x, op, fp, &xmm[op->reg], rm_operand(x, op, mem), NULL, NULL) & FLAGS_ARITH);
}

static inline __attribute__((always_inline)) void to_gpr(X86Exec *x, const X86Op *op, bool mem, bool vex, bool fp)
{
    uint64_t value;

    vector_check(x, vex);
    value = run(x, op, fp, NULL, rm_operand(x, op, mem), NULL, NULL);
    x86_put(x, op->reg, value, op->flags & X86_OP_W ? 8 : 4);
}

static inline __attribute__((always_inline)) void from_gpr(X86Exec *x, const X86Op *op, bool mem, bool vex, bool fp)
{
    VectorReg *xmm = x->env->xmm_regs;

    vector_check(x, vex);
    run(x, op, fp, &xmm[op->reg], mem ? memory_operand(x, op) : x86_reg(x, op->rm), &xmm[op->vvvv & 15], NULL);
}

#define VARIANT(name, suffix, mem, vex, fp) VECTOR_OP_INLINE(name##suffix, name(x, op, mem, vex, fp))
#define VARIANTS(name)                                                                                              \
    VARIANT(name, _reg, false, false, false) VARIANT(name, _mem, true, false, false)                                \
    VARIANT(name, _reg_vex, false, true, false) VARIANT(name, _mem_vex, true, true, false)                          \
    VARIANT(name, _reg_fp, false, false, true) VARIANT(name, _mem_fp, true, false, true)                            \
    VARIANT(name, _reg_vex_fp, false, true, true) VARIANT(name, _mem_vex_fp, true, true, true)                      \
    static X86OpFn *const name##_variants[8] = { op_##name##_reg, op_##name##_mem, op_##name##_reg_vex, op_##name##_mem_vex, \
                                                 op_##name##_reg_fp, op_##name##_mem_fp, op_##name##_reg_vex_fp,    \
                                                 op_##name##_mem_vex_fp };
VARIANTS(to_vector)
VARIANTS(to_flags)
VARIANTS(to_gpr)
VARIANTS(from_gpr)

/* The rarer shapes. */
VECTOR_OP(shift_imm)
static void shift_imm(X86Exec *x, const X86Op *op)
{
    bool vex = op->flags & X86_OP_VEX;
    VectorReg *xmm = x->env->xmm_regs;

    vector_check(x, vex);
    run(x, op, false, &xmm[vex ? op->vvvv & 15 : op->rm], &xmm[op->rm], NULL, NULL);
}

/* PEXTRx, EXTRACTPS. */
VECTOR_OP(extract)
static void extract(X86Exec *x, const X86Op *op)
{
    unsigned size = op->imm8 & SIZE_MASK;
    uint64_t value;

    vector_check(x, op->flags & X86_OP_VEX);
    value = run(x, op, false, &x->env->xmm_regs[op->reg], NULL, NULL, NULL);
    if (op->flags & X86_OP_MEM) {
        x86_st(x, op, x86_linear(x, op, size, true), value, size);
    } else {
        x86_put(x, op->rm, value, size == 8 ? 8 : 4);
    }
}

/* VEXTRACTx128, VCVTPS2PH. */
VECTOR_OP(to_rm)
static void to_rm(X86Exec *x, const X86Op *op)
{
    bool fp = op->id == X86_VCVTPS2PH;
    VectorReg *xmm = x->env->xmm_regs;
    unsigned size = op->imm8 & SIZE_MASK;
    uint64_t linear;

    vector_check(x, true);
    if (!(op->flags & X86_OP_MEM)) {
        run(x, op, fp, &xmm[op->reg], &xmm[op->rm], NULL, NULL);
        return;
    }
    linear = x86_linear(x, op, size, true);
    vector_probe_unaligned(x, op, linear, size);
    run(x, op, fp, &xmm[op->reg], &x->vector->result, NULL, NULL);
    vector_write_unaligned(x, op, linear, &x->vector->result, size);
}

VECTOR_OP(string_compare)
static void string_compare(X86Exec *x, const X86Op *op)
{
    bool vex = op->flags & X86_OP_VEX, mem = op->flags & X86_OP_MEM, mask = (op->opcode & 1) == 0;
    VectorReg *xmm = x->env->xmm_regs;
    uint64_t result;

    vector_check(x, vex);
    result = run(x, op, false, &xmm[op->reg], rm_operand(x, op, mem), x->regs, &x->vector->result);
    if (mask) {
        memcpy(&xmm[0], &x->vector->result, 16);
        if (vex) {
            vector_clear_upper(&xmm[0]);
        }
    } else {
        x->regs[R_ECX] = result >> 32;
    }
    x86_set_arith(x, (uint32_t)result & FLAGS_ARITH);
}

/* MMX: the same shapes with registers of eight bytes. */
static const void *mmx_rm(X86Exec *x, const X86Op *op)
{
    return op->flags & X86_OP_MEM ? memory_operand(x, op) : vector_mmx(x, op->rm);
}

VECTOR_OP(mmx_to_mmx)
static void mmx_to_mmx(X86Exec *x, const X86Op *op)
{
    bool shift = op->map == 1 && op->opcode >= 0x71 && op->opcode <= 0x73;
    unsigned to = shift ? op->rm : op->reg;

    vector_check_mmx(x);
    run(x, op, false, vector_mmx(x, to), mmx_rm(x, op), NULL, NULL);
    x->env->fpregs[to].exponent = 0xffff;
    vector_commit_mmx(x);
}

VECTOR_OP(mmx_to_gpr)
static void mmx_to_gpr(X86Exec *x, const X86Op *op)
{
    vector_check_mmx(x);
    x86_put(x, op->reg, run(x, op, false, NULL, vector_mmx(x, op->rm), NULL, NULL), 4);
    vector_commit_mmx(x);
}

VECTOR_OP(mmx_from_gpr)
static void mmx_from_gpr(X86Exec *x, const X86Op *op)
{
    vector_check_mmx(x);
    run(x, op, false, vector_mmx(x, op->reg), op->flags & X86_OP_MEM ? memory_operand(x, op) : x86_reg(x, op->rm), NULL, NULL);
    x->env->fpregs[op->reg].exponent = 0xffff;
    vector_commit_mmx(x);
}

/* If the stub faults, its EMMS is not reached; the x87 state has become MMX's all the same. */
static void run_mmx_fp(X86Exec *x, const X86Op *op, void *a, const void *b, bool transition)
{
    uint64_t result;

    if (transition) {
        vector_commit_mmx(x);
    }
    if (enter_sse(x)) {
        ((VectorStub *)op->link)(a, b, NULL, NULL);
    } else if (!vector_run_unmasked((VectorStub *)op->link, a, b, NULL, NULL, &x->env->mxcsr, &result)) {
        __asm__ volatile("emms");
        x86_raise(x, x->env->cr[4] & CR4_OSXMMEXCPT ? EXCP_XM : EXCP_UD);
    }
}

/* CVTPI2PS, CVTPI2PD: they leave the x87 state alone if the operand is in memory. */
VECTOR_OP(mmx_to_vector)
static void mmx_to_vector(X86Exec *x, const X86Op *op)
{
    bool mem = op->flags & X86_OP_MEM;

    vector_check_sse(x);
    if (!mem) {
        vector_check_mmx(x);
    } else if (x->vector->x87_loaded) { /* no MMX register is used: nothing of the x87 is looked at */
        x87_unload(x);
    }
    run_mmx_fp(x, op, &x->env->xmm_regs[op->reg], mmx_rm(x, op), !mem);
}

VECTOR_OP(vector_to_mmx)
static void vector_to_mmx(X86Exec *x, const X86Op *op)
{
    vector_check_sse(x);
    vector_check_mmx(x);
    run_mmx_fp(x, op, vector_mmx(x, op->reg), rm_operand(x, op, op->flags & X86_OP_MEM), true);
    x->env->fpregs[op->reg].exponent = 0xffff;
}

/* Preparation. */
static VectorForm form_of(const X86Op *op)
{
    VectorForm form = vector_forms[op->id];

    if (op->map == 1 && op->opcode >= 0x71 && op->opcode <= 0x73) {
        form.shape = SHAPE_SHIFT;
    } else if (op->id == X86_PEXTRW && op->map == 1) {
        form.shape = SHAPE_TO_GPR;
    } else if ((op->id == X86_VPERMILPS || op->id == X86_VPERMILPD) && op->map == 3) {
        form.shape = SHAPE_RM;
        form.flags |= FORM_IMM;
    }
    return form;
}

static unsigned operand_size(const X86Op *op, const VectorForm *form, bool is_mmx)
{
    unsigned full = is_mmx ? 8 : op->flags & X86_OP_L ? 32 : 16;

    switch (form->size) {
    case SIZE_FULL: return is_mmx ? op->size2 : full;   /* PUNPCKL* of MMX registers read four bytes */
    case SIZE_HALF: return full / 2;
    case SIZE_QUARTER: return full / 4;
    case SIZE_EIGHTH: return full / 8;
    case SIZE_W: return op->flags & X86_OP_W ? 8 : 4;
    default: return is_mmx ? MIN(full, form->size) : form->size;
    }
}

static X86OpFn *mmx_handler(const VectorForm *form)
{
    switch (form->shape) {
    case SHAPE_TO_GPR: return op_mmx_to_gpr;
    case SHAPE_FROM_GPR: return op_mmx_from_gpr;
    default: return op_mmx_to_mmx;
    }
}

static X86OpFn *stub_handler(X86Op *op, const VectorForm *form)
{
    unsigned variant = (op->flags & X86_OP_MEM ? 1 : 0) | (op->flags & X86_OP_VEX ? 2 : 0) | (form->flags & FORM_FP ? 4 : 0);

    if (form->flags & (FORM_MMX_REG | FORM_MMX_RM)) {
        return form->flags & FORM_MMX_REG ? op_vector_to_mmx : op_mmx_to_vector;
    }
    switch ((VectorShape)form->shape) {
    case SHAPE_RM:
    case SHAPE_RVM:
    case SHAPE_RRVM:
    case SHAPE_BLENDV: return to_vector_variants[variant];
    case SHAPE_SHIFT: return op_shift_imm;
    case SHAPE_FLAGS: return to_flags_variants[variant];
    case SHAPE_TO_GPR: return to_gpr_variants[variant];
    case SHAPE_EXTRACT: return op_extract;
    case SHAPE_MR: return op_to_rm;
    case SHAPE_FROM_GPR: return from_gpr_variants[variant];
    case SHAPE_STRING: return op_string_compare;
    case SHAPE_NONE: break;
    }
    return x86_op_undefined;
}

static X86OpFn *prepare_stub(X86Op *op)
{
    VectorForm form = form_of(op);
    bool is_mmx = form.flags & FORM_MMX && !op->prefix && !(op->flags & X86_OP_VEX);
    unsigned size = operand_size(op, &form, is_mmx), fourth = op->imm8;
    VectorStub *stub = form.shape == SHAPE_NONE ? NULL : vector_stub(op, &form, is_mmx);
    bool aligned = size == 16 && !is_mmx && !(op->flags & X86_OP_VEX) && !(form.flags & FORM_UNALIGNED);

    if (!stub) {
        return x86_op_undefined;
    }
    op->link = (void *)stub;
    op->cond = form.shape == SHAPE_BLENDV && op->flags & X86_OP_VEX ? fourth : 0;
    op->imm8 = size | (aligned ? ALIGNED : 0);
    return is_mmx ? mmx_handler(&form) : stub_handler(op, &form);
}

static X86Vector *vector_new(void)
{
    void *memory = NULL;

    if (posix_memalign(&memory, 64, sizeof(X86Vector)) != 0) {
        g_error("out of memory");
    }
    return memset(memory, 0, sizeof(X86Vector));
}

X86OpFn *vector_prepare(X86Exec *x, X86Op *op)
{
    X86OpFn *fn;
    bool flat;

    if (!x->vector) {
        x->vector = vector_new();
    }
    fn = vector_move_handler(op);
    fn = fn ? fn : vector_bits_handler(op);
    fn = fn ? fn : vector_memory_handler(op);
    fn = fn ? fn : xsave_handler(op);
    fn = fn ? fn : x87_handler(op);
    fn = fn ? fn : prepare_stub(op);
    flat = (x->mode & MODE_CODE_MASK) == X86_CODE_64 && op->addr_size == 8 && op->seg < R_FS;
    op->prefix = flat ? VECTOR_FLAT : VECTOR_ANY_ADDRESS;
    return fn;
}

void vector_free(X86Exec *x)
{
    free(x->vector);
    x->vector = NULL;
}
