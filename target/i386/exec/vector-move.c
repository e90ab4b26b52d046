/* Moves between vector registers and memory or general registers, in C: they are the most frequent ones. */
#include <string.h>

#include "target/i386/exec/vector.h"

#define INLINE static inline __attribute__((always_inline))
#define SLOW static __attribute__((noinline))

/* Where the translation cache has not the page, or the address is not aligned. */
SLOW const void *load_slow(X86Exec *x, const X86Op *op, unsigned size, bool aligned)
{
    uint64_t linear = x86_linear(x, op, size, false);

    if (aligned && linear & (size - 1)) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    x86_ld_bytes(x, op, linear, x->vector->memory, size);
    return x->vector->memory;
}

SLOW void store_slow(X86Exec *x, const X86Op *op, const void *from, unsigned size, bool aligned)
{
    uint64_t linear = x86_linear(x, op, size, true);

    if (aligned && linear & (size - 1)) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    x86_st_bytes(x, op, linear, from, size);
}

/* The memory operand, or a copy. */
INLINE const void *source(X86Exec *x, const X86Op *op, unsigned size, bool aligned)
{
    const void *host = vector_host(x, op, size, false);

    return likely(host && !(aligned && (uintptr_t)host & (size - 1))) ? host : load_slow(x, op, size, aligned);
}

INLINE void store(X86Exec *x, const X86Op *op, const void *from, unsigned size, bool aligned)
{
    void *host = vector_host(x, op, size, true);

    if (likely(host && !(aligned && (uintptr_t)host & (size - 1)))) {
        memcpy(host, from, size);
    } else {
        store_slow(x, op, from, size, aligned);
    }
}

/*
 * Registers are written 16 bytes at a time wherever they may be read so next: the host does not forward two stores to one
 * load.
 */
typedef uint64_t Pair __attribute__((vector_size(16), aligned(8), may_alias));

INLINE void set_low(VectorReg *r, uint64_t low, uint64_t high)
{
    *(Pair *)r->q = (Pair){ low, high };
}

INLINE Pair low_of(const VectorReg *r)
{
    return *(const Pair *)r->q;
}

INLINE uint64_t load_64(const void *from)
{
    uint64_t value;

    memcpy(&value, from, 8);
    return value;
}

INLINE uint64_t load_32(const void *from)
{
    uint32_t value;

    memcpy(&value, from, 4);
    return value;
}

/* Whole registers: MOVAPS, MOVUPS, MOVDQA, … */
INLINE void whole(X86Exec *x, const X86Op *op, bool vex, bool wide, bool mem, bool to_reg,
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
        memcpy(&xmm[op->reg], source(x, op, size, aligned), size);
        if (vex && !wide) {
            vector_clear_upper(&xmm[op->reg]);
        }
    } else {
        store(x, op, &xmm[op->reg], size, aligned);
    }
}

#define WHOLE(name, vex, wide, mem, to_reg, aligned) VECTOR_OP_INLINE(name, whole(x, op, vex, wide, mem, to_reg, aligned))
#define WHOLE_ALL(name, vex, wide)                                                                                  \
    WHOLE(name##_copy, vex, wide, false, true, false) WHOLE(name##_copy_back, vex, wide, false, false, false)       \
    WHOLE(name##_load, vex, wide, true, true, false) WHOLE(name##_load_aligned, vex, wide, true, true, true)        \
    WHOLE(name##_store, vex, wide, true, false, false) WHOLE(name##_store_aligned, vex, wide, true, false, true)    \
    static X86OpFn *const name[6] = { op_##name##_copy_back, op_##name##_copy, op_##name##_store, op_##name##_load, \
                                      op_##name##_store_aligned, op_##name##_load_aligned };
WHOLE_ALL(sse, false, false)
WHOLE_ALL(avx_128, true, false)
WHOLE_ALL(avx_256, true, true)

static X86OpFn *whole_handler(const X86Op *op, bool aligned)
{
    X86OpFn *const *set = !(op->flags & X86_OP_VEX) ? sse : op->flags & X86_OP_L ? avx_256 : avx_128;
    unsigned to_reg = op->flags & X86_OP_TO_REG ? 1 : 0;

    return set[!(op->flags & X86_OP_MEM) ? to_reg : (aligned ? 4 : 2) + to_reg];
}

/* One element: MOVSS, MOVSD, and MOVQ between vector registers and memory. */
INLINE void element(X86Exec *x, const X86Op *op, unsigned size, bool vex)
{
    VectorReg *xmm = x->env->xmm_regs;

    vector_check(x, vex);
    if (!(op->flags & X86_OP_TO_REG)) {
        store(x, op, &xmm[op->reg], size, false);
        return;
    }
    set_low(&xmm[op->reg], size == 8 ? load_64(source(x, op, 8, false)) : load_32(source(x, op, 4, false)), 0);
    if (vex) {
        vector_clear_upper(&xmm[op->reg]);
    }
}

VECTOR_OP_INLINE(element_4, element(x, op, 4, false))
VECTOR_OP_INLINE(element_8, element(x, op, 8, false))
VECTOR_OP_INLINE(element_4_vex, element(x, op, 4, true))
VECTOR_OP_INLINE(element_8_vex, element(x, op, 8, true))

/* Between registers only the element is merged; the rest is the destination's or, with VEX, vvvv's. */
static inline void merge(X86Exec *x, const X86Op *op, unsigned size)
{
    bool to_reg = op->flags & X86_OP_TO_REG, vex = op->flags & X86_OP_VEX;
    VectorReg *xmm = x->env->xmm_regs, *to = &xmm[to_reg ? op->reg : op->rm];
    Pair rest = low_of(vex ? &xmm[op->vvvv & 15] : to), from = low_of(&xmm[to_reg ? op->rm : op->reg]);

    vector_check(x, vex);
    set_low(to, size == 8 ? from[0] : (from[0] & UINT32_MAX) | (rest[0] & ~(uint64_t)UINT32_MAX), rest[1]);
    if (vex) {
        vector_clear_upper(to);
    }
}

VECTOR_OP(merge_4)
static void merge_4(X86Exec *x, const X86Op *op) { merge(x, op, 4); }
VECTOR_OP(merge_8)
static void merge_8(X86Exec *x, const X86Op *op) { merge(x, op, 8); }

/* Halves: MOVLPS, MOVHPS and their kind. */
INLINE void half(X86Exec *x, const X86Op *op, bool high)
{
    bool vex = op->flags & X86_OP_VEX;
    VectorReg *xmm = x->env->xmm_regs, *to = &xmm[op->reg];
    uint64_t value;
    Pair rest;

    vector_check(x, vex);
    if (!(op->flags & X86_OP_TO_REG)) {
        store(x, op, &to->q[high], 8, false);
        return;
    }
    value = load_64(source(x, op, 8, false));
    rest = low_of(vex ? &xmm[op->vvvv & 15] : to);
    set_low(to, high ? rest[0] : value, high ? value : rest[1]);
    if (vex) {
        vector_clear_upper(to);
    }
}

VECTOR_OP_INLINE(half_low, half(x, op, false))
VECTOR_OP_INLINE(half_high, half(x, op, true))

INLINE void half_register(X86Exec *x, const X86Op *op, bool high_to_low)
{
    bool vex = op->flags & X86_OP_VEX;
    VectorReg *xmm = x->env->xmm_regs, *to = &xmm[op->reg];
    Pair rest = low_of(vex ? &xmm[op->vvvv & 15] : to), from = low_of(&xmm[op->rm]);

    vector_check(x, vex);
    set_low(to, high_to_low ? from[1] : rest[0], high_to_low ? rest[1] : from[0]);
    if (vex) {
        vector_clear_upper(to);
    }
}

VECTOR_OP_INLINE(movhlps, half_register(x, op, true))
VECTOR_OP_INLINE(movlhps, half_register(x, op, false))

VECTOR_OP(movddup)
static void movddup(X86Exec *x, const X86Op *op)
{
    bool vex = op->flags & X86_OP_VEX, wide = op->flags & X86_OP_L;
    VectorReg *xmm = x->env->xmm_regs, value = xmm[op->rm & 15];

    vector_check(x, vex);
    if (op->flags & X86_OP_MEM && wide) {
        memcpy(&value, source(x, op, 32, false), 32);
    } else if (op->flags & X86_OP_MEM) {
        memcpy(&value, source(x, op, 8, false), 8);
    }
    set_low(&xmm[op->reg], value.q[0], value.q[0]);
    if (vex) {
        xmm[op->reg].q[2] = xmm[op->reg].q[3] = wide ? value.q[2] : 0;
    }
}

/* MOVQ between vector registers: the upper half becomes zero. */
VECTOR_OP(movq_copy)
static void movq_copy(X86Exec *x, const X86Op *op)
{
    bool to_reg = op->flags & X86_OP_TO_REG, vex = op->flags & X86_OP_VEX;
    VectorReg *xmm = x->env->xmm_regs, *to = &xmm[to_reg ? op->reg : op->rm];

    vector_check(x, vex);
    set_low(to, xmm[to_reg ? op->rm : op->reg].q[0], 0);
    if (vex) {
        vector_clear_upper(to);
    }
}

/* MOVD, and MOVQ with a general register or memory in its place. */
INLINE void movd(X86Exec *x, const X86Op *op, unsigned size)
{
    bool mem = op->flags & X86_OP_MEM, vex = op->flags & X86_OP_VEX;
    VectorReg *r = &x->env->xmm_regs[op->reg];

    vector_check(x, vex);
    if (op->flags & X86_OP_TO_REG) {
        const void *from = mem ? source(x, op, size, false) : x86_reg(x, op->rm);

        set_low(r, size == 8 ? load_64(from) : load_32(from), 0);
        if (vex) {
            vector_clear_upper(r);
        }
    } else if (mem) {
        store(x, op, r, size, false);
    } else {
        x86_put(x, op->rm, r->q[0], size);
    }
}

VECTOR_OP_INLINE(movd_4, movd(x, op, 4))
VECTOR_OP_INLINE(movd_8, movd(x, op, 8))

/* MMX. */
static void mmx_set(X86Exec *x, unsigned number, uint64_t value)
{
    x->env->fpregs[number] = (FPReg){ value, 0xffff };
    vector_commit_mmx(x);
}

VECTOR_OP(mmx_movd)
static void mmx_movd(X86Exec *x, const X86Op *op)
{
    bool mem = op->flags & X86_OP_MEM;
    unsigned size = op->flags & X86_OP_W ? 8 : 4;

    vector_check_mmx(x);
    if (op->flags & X86_OP_TO_REG) {
        mmx_set(x, op->reg, mem ? x86_ld(x, op, x86_linear(x, op, size, false), size) : x86_get(x, op->rm, size));
        return;
    }
    x->env->fpus &= ~0x3800;    /* even if the store then faults */
    if (mem) {
        x86_st(x, op, x86_linear(x, op, size, true), *vector_mmx(x, op->reg), size);
    } else {
        x86_put(x, op->rm, *vector_mmx(x, op->reg), size);
    }
    vector_commit_mmx(x);
}

/* MOVQ, MOVNTQ. */
VECTOR_OP(mmx_movq)
static void mmx_movq(X86Exec *x, const X86Op *op)
{
    bool mem = op->flags & X86_OP_MEM, to_reg = op->flags & X86_OP_TO_REG;

    vector_check_mmx(x);
    if (!mem) {
        mmx_set(x, to_reg ? op->reg : op->rm, *vector_mmx(x, to_reg ? op->rm : op->reg));
    } else if (to_reg) {
        mmx_set(x, op->reg, x86_ld64(x, op, x86_linear(x, op, 8, false)));
    } else {
        x->env->fpus &= ~0x3800;
        x86_st64(x, op, x86_linear(x, op, 8, true), *vector_mmx(x, op->reg));
        vector_commit_mmx(x);
    }
}

VECTOR_OP(movdq2q)
static void movdq2q(X86Exec *x, const X86Op *op)
{
    vector_check_sse(x);
    vector_check_mmx(x);
    mmx_set(x, op->reg, x->env->xmm_regs[op->rm].q[0]);
}

VECTOR_OP(movq2dq)
static void movq2dq(X86Exec *x, const X86Op *op)
{
    vector_check_sse(x);
    vector_check_mmx(x);
    x->env->xmm_regs[op->reg].q[0] = *vector_mmx(x, op->rm);
    x->env->xmm_regs[op->reg].q[1] = 0;
    vector_commit_mmx(x);
}

VECTOR_OP(emms)
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

VECTOR_OP(vzeroupper)
static void vzeroupper(X86Exec *x, const X86Op *op)
{
    vector_check_avx(x);
    for (unsigned i = 0; i < registers_in_reach(x); i++) {
        vector_clear_upper(&x->env->xmm_regs[i]);
    }
}

VECTOR_OP(vzeroall)
static void vzeroall(X86Exec *x, const X86Op *op)
{
    vector_check_avx(x);
    memset(x->env->xmm_regs, 0, registers_in_reach(x) * sizeof(VectorReg));
}

X86OpFn *vector_move_handler(const X86Op *op)
{
    bool mem = op->flags & X86_OP_MEM, vex = op->flags & X86_OP_VEX, mmx = !op->prefix && !vex;

    switch (op->id) {
    case X86_MOVUPS: case X86_MOVUPD: case X86_MOVDQU: case X86_LDDQU:
        return whole_handler(op, false);
    case X86_MOVAPS: case X86_MOVAPD: case X86_MOVDQA: case X86_MOVNTPS: case X86_MOVNTPD: case X86_MOVNTDQ: case X86_MOVNTDQA:
        return whole_handler(op, true);
    case X86_MOVSS: return mem ? (vex ? op_element_4_vex : op_element_4) : op_merge_4;
    case X86_MOVSD: return mem ? (vex ? op_element_8_vex : op_element_8) : op_merge_8;
    case X86_MOVLPS: case X86_MOVLPD: return op_half_low;
    case X86_MOVHPS: case X86_MOVHPD: return op_half_high;
    case X86_MOVHLPS: return op_movhlps;
    case X86_MOVLHPS: return op_movlhps;
    case X86_MOVDDUP: return op_movddup;
    case X86_MOVD: return mmx ? op_mmx_movd : op->flags & X86_OP_W ? op_movd_8 : op_movd_4;
    case X86_MOVQ: return mmx ? op_mmx_movq : !mem ? op_movq_copy : vex ? op_element_8_vex : op_element_8;
    case X86_MOVNTQ: return op_mmx_movq;
    case X86_MOVDQ2Q: return op_movdq2q;
    case X86_MOVQ2DQ: return op_movq2dq;
    case X86_EMMS: return op_emms;
    case X86_VZEROUPPER: return op_vzeroupper;
    case X86_VZEROALL: return op_vzeroall;
    default: return NULL;
    }
}
