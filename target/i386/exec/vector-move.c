/* Moves between vector registers and memory or general registers, in C: they are the most frequent ones. */
#include <string.h>

#include "target/i386/exec/mem.h"
#include "target/i386/exec/vector.h"

static inline __attribute__((always_inline)) uint64_t address(X86Exec *x, const X86Op *op, unsigned size, bool aligned, bool write)
{
    uint64_t linear = x86_linear(x, op, size, write);

    if (aligned && unlikely(linear & (size - 1))) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    return linear;
}

static inline __attribute__((always_inline)) void load(X86Exec *x, const X86Op *op, void *to, unsigned size, bool aligned)
{
    uint64_t linear = address(x, op, size, aligned, false);
    const X86TlbEntry *e = x86_tlb_entry(x, linear);

    if (likely(linear - e->read <= TARGET_PAGE_SIZE - size)) {
        memcpy(to, (const void *)(uintptr_t)(linear + e->addend), size);
    } else {
        x86_ld_bytes(x, op, linear, x->vector->memory, size);
        memcpy(to, x->vector->memory, size);
    }
}

static inline __attribute__((always_inline)) void store(X86Exec *x, const X86Op *op, const void *from, unsigned size, bool aligned)
{
    uint64_t linear = address(x, op, size, aligned, true);
    const X86TlbEntry *e = x86_tlb_entry(x, linear);

    if (likely(linear - e->write <= TARGET_PAGE_SIZE - size)) {
        memcpy((void *)(uintptr_t)(linear + e->addend), from, size);
    } else {
        x86_st_bytes(x, op, linear, from, size);
    }
}

/* Whole registers: MOVAPS, MOVUPS, MOVDQA, … */
static inline __attribute__((always_inline)) void whole(X86Exec *x, const X86Op *op, bool vex, bool wide, bool mem, bool to_reg,
                                                        bool aligned)
{
    VectorReg *xmm = x->env->xmm_regs;
    unsigned size = wide ? 32 : 16;

    vector_check(x, vex);
    if (!mem) {
        VectorReg *to = &xmm[to_reg ? op->reg : op->rm];

        memcpy(to, &xmm[to_reg ? op->rm : op->reg], size);
        if (vex && !wide) {
            vector_clear_upper(to);
        }
    } else if (to_reg) {
        load(x, op, &xmm[op->reg], size, aligned);
        if (vex && !wide) {
            vector_clear_upper(&xmm[op->reg]);
        }
    } else {
        store(x, op, &xmm[op->reg], size, aligned);
    }
}

#define WHOLE(name, vex, wide, mem, to_reg, aligned)        \
    static void name(X86Exec *x, const X86Op *op)           \
    {                                                       \
        whole(x, op, vex, wide, mem, to_reg, aligned);      \
    }
#define WHOLE_ALL(name, vex, wide)                                                                                  \
    WHOLE(name##_copy, vex, wide, false, true, false) WHOLE(name##_copy_back, vex, wide, false, false, false)       \
    WHOLE(name##_load, vex, wide, true, true, false) WHOLE(name##_load_aligned, vex, wide, true, true, true)        \
    WHOLE(name##_store, vex, wide, true, false, false) WHOLE(name##_store_aligned, vex, wide, true, false, true)    \
    static X86PlainFn *const name[6] = { name##_copy_back, name##_copy, name##_store, name##_load,                  \
                                         name##_store_aligned, name##_load_aligned };
WHOLE_ALL(sse, false, false)
WHOLE_ALL(avx_128, true, false)
WHOLE_ALL(avx_256, true, true)

static X86PlainFn *whole_handler(const X86Op *op, bool aligned)
{
    X86PlainFn *const *set = !(op->flags & X86_OP_VEX) ? sse : op->flags & X86_OP_L ? avx_256 : avx_128;
    unsigned to_reg = op->flags & X86_OP_TO_REG ? 1 : 0;

    return set[!(op->flags & X86_OP_MEM) ? to_reg : (aligned ? 4 : 2) + to_reg];
}

/* One element: MOVSS, MOVSD, and MOVQ between vector registers and memory. */
static inline __attribute__((always_inline)) void element(X86Exec *x, const X86Op *op, unsigned size, bool vex)
{
    VectorReg *xmm = x->env->xmm_regs;

    vector_check(x, vex);
    if (!(op->flags & X86_OP_TO_REG)) {
        store(x, op, &xmm[op->reg], size, false);
        return;
    }
    if (size == 8) {
        load(x, op, &xmm[op->reg].q[0], 8, false);
    } else {
        uint32_t value;

        load(x, op, &value, 4, false);
        xmm[op->reg].q[0] = value;
    }
    xmm[op->reg].q[1] = 0;
    if (vex) {
        vector_clear_upper(&xmm[op->reg]);
    }
}

static void element_4(X86Exec *x, const X86Op *op) { element(x, op, 4, false); }
static void element_8(X86Exec *x, const X86Op *op) { element(x, op, 8, false); }
static void element_4_vex(X86Exec *x, const X86Op *op) { element(x, op, 4, true); }
static void element_8_vex(X86Exec *x, const X86Op *op) { element(x, op, 8, true); }

/* Between registers only the element is merged; the rest is the destination's or, with VEX, vvvv's. */
static inline void merge(X86Exec *x, const X86Op *op, unsigned size)
{
    bool to_reg = op->flags & X86_OP_TO_REG, vex = op->flags & X86_OP_VEX;
    VectorReg *xmm = x->env->xmm_regs, *to = &xmm[to_reg ? op->reg : op->rm], result;

    vector_check(x, vex);
    result = vex ? xmm[op->vvvv & 15] : *to;
    memcpy(&result, &xmm[to_reg ? op->rm : op->reg], size);
    if (vex) {
        vector_clear_upper(&result);
    }
    *to = result;
}

static void merge_4(X86Exec *x, const X86Op *op) { merge(x, op, 4); }
static void merge_8(X86Exec *x, const X86Op *op) { merge(x, op, 8); }

/* Halves: MOVLPS, MOVHPS and their kind. */
static inline void half(X86Exec *x, const X86Op *op, unsigned which)
{
    bool vex = op->flags & X86_OP_VEX;
    VectorReg *xmm = x->env->xmm_regs, *to = &xmm[op->reg], result;

    vector_check(x, vex);
    if (!(op->flags & X86_OP_TO_REG)) {
        store(x, op, &to->q[which], 8, false);
        return;
    }
    result = vex ? xmm[op->vvvv & 15] : *to;
    load(x, op, &result.q[which], 8, false);
    if (vex) {
        vector_clear_upper(&result);
    }
    *to = result;
}

static void half_low(X86Exec *x, const X86Op *op) { half(x, op, 0); }
static void half_high(X86Exec *x, const X86Op *op) { half(x, op, 1); }

static inline void half_register(X86Exec *x, const X86Op *op, bool high_to_low)
{
    bool vex = op->flags & X86_OP_VEX;
    VectorReg *xmm = x->env->xmm_regs, result;

    vector_check(x, vex);
    result = xmm[vex ? op->vvvv & 15 : op->reg];
    result.q[!high_to_low] = xmm[op->rm].q[high_to_low];
    if (vex) {
        vector_clear_upper(&result);
    } else {
        memcpy(&result.q[2], &xmm[op->reg].q[2], 16);
    }
    xmm[op->reg] = result;
}

static void movhlps(X86Exec *x, const X86Op *op) { half_register(x, op, true); }
static void movlhps(X86Exec *x, const X86Op *op) { half_register(x, op, false); }

static void movddup(X86Exec *x, const X86Op *op)
{
    bool vex = op->flags & X86_OP_VEX, wide = op->flags & X86_OP_L;
    VectorReg *xmm = x->env->xmm_regs, source = xmm[op->rm & 15];

    vector_check(x, vex);
    if (op->flags & X86_OP_MEM && wide) {
        load(x, op, &source, 32, false);
    } else if (op->flags & X86_OP_MEM) {
        load(x, op, &source, 8, false);
    }
    xmm[op->reg].q[0] = xmm[op->reg].q[1] = source.q[0];
    if (vex) {
        xmm[op->reg].q[2] = xmm[op->reg].q[3] = wide ? source.q[2] : 0;
    }
}

/* MOVQ between vector registers: the upper half becomes zero. */
static void movq_copy(X86Exec *x, const X86Op *op)
{
    bool to_reg = op->flags & X86_OP_TO_REG, vex = op->flags & X86_OP_VEX;
    VectorReg *xmm = x->env->xmm_regs, *to = &xmm[to_reg ? op->reg : op->rm];

    vector_check(x, vex);
    to->q[0] = xmm[to_reg ? op->rm : op->reg].q[0];
    to->q[1] = 0;
    if (vex) {
        vector_clear_upper(to);
    }
}

/* MOVD, and MOVQ with a general register or memory in its place. */
static void movd(X86Exec *x, const X86Op *op)
{
    bool mem = op->flags & X86_OP_MEM, vex = op->flags & X86_OP_VEX;
    unsigned size = op->flags & X86_OP_W ? 8 : 4;
    VectorReg *r = &x->env->xmm_regs[op->reg];

    vector_check(x, vex);
    if (op->flags & X86_OP_TO_REG) {
        uint64_t value = mem ? x86_ld(x, op, x86_linear(x, op, size, false), size) : x86_get(x, op->rm, size);

        r->q[0] = value;
        r->q[1] = 0;
        if (vex) {
            vector_clear_upper(r);
        }
    } else if (mem) {
        x86_st(x, op, x86_linear(x, op, size, true), r->q[0], size);
    } else {
        x86_put(x, op->rm, r->q[0], size);
    }
}

/* MMX. */
static void mmx_set(X86Exec *x, unsigned number, uint64_t value)
{
    x->env->fpregs[number] = (FPReg){ value, 0xffff };
    vector_commit_mmx(x);
}

static void mmx_movd(X86Exec *x, const X86Op *op)
{
    bool mem = op->flags & X86_OP_MEM;
    unsigned size = op->flags & X86_OP_W ? 8 : 4;

    vector_check_mmx(x);
    if (op->flags & X86_OP_TO_REG) {
        mmx_set(x, op->reg, mem ? x86_ld(x, op, x86_linear(x, op, size, false), size) : x86_get(x, op->rm, size));
        return;
    }
    if (mem) {
        x86_st(x, op, x86_linear(x, op, size, true), *vector_mmx(x, op->reg), size);
    } else {
        x86_put(x, op->rm, *vector_mmx(x, op->reg), size);
    }
    vector_commit_mmx(x);
}

/* MOVQ, MOVNTQ. */
static void mmx_movq(X86Exec *x, const X86Op *op)
{
    bool mem = op->flags & X86_OP_MEM, to_reg = op->flags & X86_OP_TO_REG;

    vector_check_mmx(x);
    if (!mem) {
        mmx_set(x, to_reg ? op->reg : op->rm, *vector_mmx(x, to_reg ? op->rm : op->reg));
    } else if (to_reg) {
        mmx_set(x, op->reg, x86_ld64(x, op, x86_linear(x, op, 8, false)));
    } else {
        x86_st64(x, op, x86_linear(x, op, 8, true), *vector_mmx(x, op->reg));
        vector_commit_mmx(x);
    }
}

static void movdq2q(X86Exec *x, const X86Op *op)
{
    vector_check_sse(x);
    vector_check_mmx(x);
    mmx_set(x, op->reg, x->env->xmm_regs[op->rm].q[0]);
}

static void movq2dq(X86Exec *x, const X86Op *op)
{
    vector_check_sse(x);
    vector_check_mmx(x);
    x->env->xmm_regs[op->reg].q[0] = *vector_mmx(x, op->rm);
    x->env->xmm_regs[op->reg].q[1] = 0;
    vector_commit_mmx(x);
}

static void emms(X86Exec *x, const X86Op *op)
{
    vector_check_mmx(x);
    vector_commit_mmx(x);
    x->env->fptags = 0xff;
}

static unsigned registers_in_reach(const X86Exec *x)
{
    return x86_long_code(x) ? 16 : 8;
}

static void vzeroupper(X86Exec *x, const X86Op *op)
{
    vector_check_avx(x);
    for (unsigned i = 0; i < registers_in_reach(x); i++) {
        vector_clear_upper(&x->env->xmm_regs[i]);
    }
}

static void vzeroall(X86Exec *x, const X86Op *op)
{
    vector_check_avx(x);
    memset(x->env->xmm_regs, 0, registers_in_reach(x) * sizeof(VectorReg));
}

X86PlainFn *vector_move_handler(const X86Op *op)
{
    bool mem = op->flags & X86_OP_MEM, vex = op->flags & X86_OP_VEX, mmx = !op->prefix && !vex;

    switch (op->id) {
    case X86_MOVUPS: case X86_MOVUPD: case X86_MOVDQU: case X86_LDDQU:
        return whole_handler(op, false);
    case X86_MOVAPS: case X86_MOVAPD: case X86_MOVDQA: case X86_MOVNTPS: case X86_MOVNTPD: case X86_MOVNTDQ: case X86_MOVNTDQA:
        return whole_handler(op, true);
    case X86_MOVSS: return mem ? (vex ? element_4_vex : element_4) : merge_4;
    case X86_MOVSD: return mem ? (vex ? element_8_vex : element_8) : merge_8;
    case X86_MOVLPS: case X86_MOVLPD: return half_low;
    case X86_MOVHPS: case X86_MOVHPD: return half_high;
    case X86_MOVHLPS: return movhlps;
    case X86_MOVLHPS: return movlhps;
    case X86_MOVDDUP: return movddup;
    case X86_MOVD: return mmx ? mmx_movd : movd;
    case X86_MOVQ: return mmx ? mmx_movq : !mem ? movq_copy : vex ? element_8_vex : element_8;
    case X86_MOVNTQ: return mmx_movq;
    case X86_MOVDQ2Q: return movdq2q;
    case X86_MOVQ2DQ: return movq2dq;
    case X86_EMMS: return emms;
    case X86_VZEROUPPER: return vzeroupper;
    case X86_VZEROALL: return vzeroall;
    default: return NULL;
    }
}
