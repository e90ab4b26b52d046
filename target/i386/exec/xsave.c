/* FXSAVE and XSAVE images (SDM vol. 1, 10.5 and chapter 13). */
#include <string.h>

#include "target/i386/exec/x87.h"

VECTOR_OP(fxsave)
VECTOR_OP(fxrstor)
VECTOR_OP(xsave)
VECTOR_OP(xsaveopt)
VECTOR_OP(xsavec)
VECTOR_OP(xrstor)

enum {
    LEGACY_X87_REGS = 32, LEGACY_XMM = 160, LEGACY_END = 416, HEADER = 512, HEADER_END = 576, AVX_OFFSET = 576, AVX_SIZE = 256,
    PKRU_OFFSET = 0xa80, PKRU_SIZE = 8, IMAGE_MAX = PKRU_OFFSET + PKRU_SIZE,
};
#define XCOMP_COMPACTED (1ull << 63)

static unsigned xmm_count(const X86Exec *x)
{
    return x86_long_code(x) ? 16 : 8;
}

/* The x87 part without MXCSR: bytes 0 to 23 and 32 to 159. */
static void store_x87(X86Exec *x, const X86Op *op, uint8_t *to)
{
    const X86CPUState *env = x->env;
    uint8_t tags = (uint8_t)~env->fptags;
    uint32_t ip = (uint32_t)env->fpip, dp = (uint32_t)env->fpdp;

    memset(to, 0, 24);
    memcpy(to, &env->fpuc, 2);
    memcpy(to + 2, &env->fpus, 2);
    to[4] = tags;
    memcpy(to + 6, &env->fpop, 2);
    if (op->flags & X86_OP_W) {
        memcpy(to + 8, &env->fpip, 8);
        memcpy(to + 16, &env->fpdp, 8);
    } else {
        memcpy(to + 8, &ip, 4);
        memcpy(to + 12, &x->vector->fcs, 2);
        memcpy(to + 16, &dp, 4);
        memcpy(to + 20, &x->vector->fds, 2);
    }
    for (unsigned i = 0; i < 8; i++) {
        uint8_t *at = to + LEGACY_X87_REGS + 16 * i;
        const FPReg *r = &env->fpregs[(x87_top(env) + i) & 7];

        memset(at, 0, 16);
        memcpy(at, &r->mantissa, 8);
        memcpy(at + 8, &r->exponent, 2);
    }
}

static void load_x87(X86Exec *x, const X86Op *op, const uint8_t *from)
{
    X86CPUState *env = x->env;
    uint16_t control;

    memcpy(&control, from, 2);
    x87_set_control(env, control);
    memcpy(&env->fpus, from + 2, 2);
    env->fptags = (uint8_t)~from[4];
    memcpy(&env->fpop, from + 6, 2);
    env->fpop &= 0x7ff;
    env->fpip = env->fpdp = 0;
    x->vector->fcs = x->vector->fds = 0;
    if (op->flags & X86_OP_W) {
        memcpy(&env->fpip, from + 8, 8);
        memcpy(&env->fpdp, from + 16, 8);
    } else {
        memcpy(&env->fpip, from + 8, 4);
        memcpy(&x->vector->fcs, from + 12, 2);
        memcpy(&env->fpdp, from + 16, 4);
        memcpy(&x->vector->fds, from + 20, 2);
    }
    for (unsigned i = 0; i < 8; i++) {
        FPReg *r = &env->fpregs[(x87_top(env) + i) & 7];

        memcpy(&r->mantissa, from + LEGACY_X87_REGS + 16 * i, 8);
        memcpy(&r->exponent, from + LEGACY_X87_REGS + 16 * i + 8, 2);
    }
    x87_update_summary(env);
}

static void init_x87(X86Exec *x)
{
    X86CPUState *env = x->env;

    env->fpuc = FCW_INIT;
    env->fpus = env->fpop = 0;
    env->fptags = 0xff;
    env->fpip = env->fpdp = 0;
    x->vector->fcs = x->vector->fds = 0;
    memset(env->fpregs, 0, sizeof(env->fpregs));
}

static void store_mxcsr(X86Exec *x, uint8_t *to)
{
    const uint32_t mask = MXCSR_ALL, value = vector_mxcsr(x);

    memcpy(to + 24, &value, 4);
    memcpy(to + 28, &mask, 4);
}

static uint32_t checked_mxcsr(X86Exec *x, const uint8_t *from)
{
    uint32_t value;

    memcpy(&value, from + 24, 4);
    if (value & ~MXCSR_ALL) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    return value;
}

static void store_xmm(X86Exec *x, uint8_t *to)
{
    for (unsigned i = 0; i < xmm_count(x); i++) {
        memcpy(to + LEGACY_XMM + 16 * i, &x->env->xmm_regs[i], 16);
    }
}

static void load_xmm(X86Exec *x, const uint8_t *from)
{
    for (unsigned i = 0; i < xmm_count(x); i++) {
        memcpy(&x->env->xmm_regs[i], from + LEGACY_XMM + 16 * i, 16);
    }
}

/* #GP, or #AC if that is on and the address is no multiple of 4 (SDM vol. 2, FXSAVE, XSAVE; CPUs differ in which). */
static void check_aligned(X86Exec *x, uint64_t linear, unsigned mask)
{
    if (linear & mask) {
        x86_raise_error(x, linear & 3 && x86_checks_alignment(x) ? EXCP_AC : EXCP_GP, 0);
    }
}

/* FXSAVE, FXRSTOR. */
static uint64_t fx_address(X86Exec *x, const X86Op *op, unsigned length, bool write)
{
    uint64_t linear;

    if (x->env->hflags & 1u << HF_EM_SHIFT) {
        x86_raise(x, EXCP_UD);
    }
    if (x->env->hflags & 1u << HF_TS_SHIFT) {
        x86_raise(x, EXCP_NM);
    }
    linear = x86_linear(x, op, length, write);
    check_aligned(x, linear, 15);
    return linear;
}

static void fxsave(X86Exec *x, const X86Op *op)
{
    bool sse = x->env->hflags & 1u << HF_OSFXSR_SHIFT;
    unsigned length = sse ? LEGACY_XMM + 16 * xmm_count(x) : LEGACY_XMM;
    uint64_t linear = fx_address(x, op, 512, true);
    uint8_t image[LEGACY_END];

    vector_probe(x, op, linear, 512);    /* all of it, though the end is not written */
    vector_leave(x);
    store_x87(x, op, image);
    store_mxcsr(x, image);
    if (sse) {
        store_xmm(x, image);
    }
    vector_write(x, op, linear, image, length);
}

static void fxrstor(X86Exec *x, const X86Op *op)
{
    bool sse = x->env->hflags & 1u << HF_OSFXSR_SHIFT;
    uint64_t linear = fx_address(x, op, HEADER, false);
    uint8_t image[HEADER];
    uint32_t mxcsr;

    vector_read(x, op, linear, image, sizeof(image));       /* what is reserved must be there, too */
    mxcsr = checked_mxcsr(x, image);
    vector_leave(x);
    load_x87(x, op, image);
    if (sse) {
        vector_set_mxcsr(x, mxcsr);
        load_xmm(x, image);
    }
}

/* XSAVE's components that are not in their initial state. */
static uint64_t in_use(X86Exec *x)
{
    const X86CPUState *env = x->env;
    uint64_t used = 0, low = env->mxcsr ^ MXCSR_DEFAULT, high = 0;

    for (unsigned i = 0; i < xmm_count(x); i++) {
        low |= env->xmm_regs[i].q[0] | env->xmm_regs[i].q[1];
        high |= env->xmm_regs[i].q[2] | env->xmm_regs[i].q[3];
    }
    used |= XCR0_X87;           /* always said to be: its initial state is rare */
    used |= low ? XCR0_SSE : 0;
    used |= high ? XCR0_AVX : 0;
    used |= env->pkru ? XCR0_PKRU : 0;
    return used;
}

static uint64_t xsave_address(X86Exec *x, const X86Op *op, bool write)
{
    uint64_t linear;

    if (!(x->env->cr[4] & CR4_OSXSAVE)) {
        x86_raise(x, EXCP_UD);
    }
    if (x->env->hflags & 1u << HF_TS_SHIFT) {
        x86_raise(x, EXCP_NM);
    }
    linear = x86_linear(x, op, HEADER_END, write);
    check_aligned(x, linear, 63);
    return linear;
}

static uint64_t requested(X86Exec *x)
{
    return x->env->xcr0 & ((uint64_t)(uint32_t)x->regs[R_EDX] << 32 | (uint32_t)x->regs[R_EAX]);
}

static unsigned component_offset(uint64_t present, unsigned component, bool compacted)
{
    if (component == 2) {
        return AVX_OFFSET;
    }
    return !compacted ? PKRU_OFFSET : HEADER_END + (present & XCR0_AVX ? AVX_SIZE : 0);
}

static void store_avx(X86Exec *x, uint8_t *to)
{
    for (unsigned i = 0; i < xmm_count(x); i++) {
        memcpy(to + 16 * i, &x->env->xmm_regs[i].q[2], 16);
    }
}

static unsigned image_length(uint64_t present, bool compacted)
{
    if (present & XCR0_PKRU) {
        return component_offset(present, 9, compacted) + PKRU_SIZE;
    }
    return present & XCR0_AVX ? AVX_OFFSET + AVX_SIZE : HEADER_END;
}

/* Only what is asked for is written: the rest of the area is read and written back. */
static void save(X86Exec *x, const X86Op *op, bool compacted, bool optimized)
{
    uint64_t linear = xsave_address(x, op, true), mask = requested(x), used, written, bv, pkru = x->env->pkru;
    unsigned length = image_length(mask, compacted), pkru_at = component_offset(mask, 9, compacted);
    uint8_t image[IMAGE_MAX];
    unsigned first;

    vector_leave(x);
    used = in_use(x);
    written = compacted || optimized ? mask & used : mask;
    first = (compacted ? written & (XCR0_X87 | XCR0_SSE) : mask & (XCR0_X87 | XCR0_SSE | XCR0_AVX)) ? 0 : HEADER;
    vector_probe(x, op, linear + first, length - first);
    vector_read(x, op, linear + first, image + first, length - first);
    memcpy(&bv, image + HEADER, 8);
    bv = compacted ? mask & used : (bv & ~mask) | (mask & used);
    memcpy(image + HEADER, &bv, 8);
    if (compacted) {
        const uint64_t xcomp = mask | XCOMP_COMPACTED;

        memcpy(image + HEADER + 8, &xcomp, 8);
    }
    if (written & XCR0_X87) {
        store_x87(x, op, image);
    }
    if (compacted ? written & XCR0_SSE : mask & (XCR0_SSE | XCR0_AVX)) {
        store_mxcsr(x, image);
    }
    if (written & XCR0_SSE) {
        store_xmm(x, image);
    }
    if (written & XCR0_AVX) {
        store_avx(x, image + AVX_OFFSET);
    }
    if (written & XCR0_PKRU) {
        memcpy(image + pkru_at, &pkru, PKRU_SIZE);
    }
    vector_write(x, op, linear + first, image + first, length - first);
}

static void xsave(X86Exec *x, const X86Op *op) { save(x, op, false, false); }
static void xsaveopt(X86Exec *x, const X86Op *op) { save(x, op, false, true); }
static void xsavec(X86Exec *x, const X86Op *op) { save(x, op, true, true); }

/* The header's rules; yields what is present. */
static bool header_is_valid(X86Exec *x, const uint8_t *image, uint64_t *bv, uint64_t *xcomp)
{
    uint64_t words[8], rest = 0;
    bool has_xsavec = x->cpu->features[FEAT_XSAVE] & 2;

    memcpy(words, image + HEADER, 64);
    for (unsigned i = 2; i < 8; i++) {
        rest |= words[i];
    }
    *bv = words[0];
    *xcomp = words[1];
    if (!(*xcomp & XCOMP_COMPACTED)) {
        return !(*bv & ~x->env->xcr0) && *xcomp == 0 && words[2] == 0;
    }
    return has_xsavec && !(*xcomp & ~(x->env->xcr0 | XCOMP_COMPACTED)) && !(*bv & ~(*xcomp & ~XCOMP_COMPACTED)) && rest == 0;
}

static void restore_components(X86Exec *x, const X86Op *op, const uint8_t *image, uint64_t mask, uint64_t bv, unsigned pkru_at)
{
    X86CPUState *env = x->env;
    bool avx = bv & XCR0_AVX;

    if (mask & XCR0_X87 & bv) {
        load_x87(x, op, image);
    } else if (mask & XCR0_X87) {
        init_x87(x);
    }
    if (mask & XCR0_SSE & bv) {
        load_xmm(x, image);
    }
    for (unsigned i = 0; i < xmm_count(x); i++) {
        if (mask & ~bv & XCR0_SSE) {
            env->xmm_regs[i].q[0] = env->xmm_regs[i].q[1] = 0;
        }
        if (mask & XCR0_AVX && avx) {
            memcpy(&env->xmm_regs[i].q[2], image + AVX_OFFSET + 16 * i, 16);
        } else if (mask & XCR0_AVX) {
            vector_clear_upper(&env->xmm_regs[i]);
        }
    }
    if (mask & XCR0_PKRU) {
        uint32_t pkru = 0;

        if (bv & XCR0_PKRU) {
            memcpy(&pkru, image + pkru_at, 4);
        }
        if (pkru != env->pkru) {
            env->pkru = pkru;
            x86_tlb_flush(x, true);
        }
    }
}

static void xrstor(X86Exec *x, const X86Op *op)
{
    uint64_t linear = xsave_address(x, op, false), mask = requested(x), bv, xcomp;
    uint32_t mxcsr = x->env->mxcsr;
    uint8_t image[IMAGE_MAX];
    bool compacted, takes_mxcsr;
    unsigned length;

    vector_read(x, op, linear, image, HEADER_END);
    if (!header_is_valid(x, image, &bv, &xcomp)) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    compacted = xcomp & XCOMP_COMPACTED;
    length = mask & bv & XCR0_PKRU ? component_offset(xcomp, 9, compacted) + PKRU_SIZE : image_length(mask & bv & XCR0_AVX, compacted);
    if (length > HEADER_END) {
        vector_read(x, op, linear + HEADER_END, image + HEADER_END, length - HEADER_END);
    }
    takes_mxcsr = compacted ? mask & bv & XCR0_SSE : mask & (XCR0_SSE | XCR0_AVX);
    if (takes_mxcsr) {
        mxcsr = checked_mxcsr(x, image);
    } else if (mask & XCR0_SSE) {
        mxcsr = MXCSR_DEFAULT;
    } else {
        mxcsr = vector_mxcsr(x);
    }
    vector_leave(x);
    vector_set_mxcsr(x, mxcsr);
    restore_components(x, op, image, mask, bv, component_offset(xcomp, 9, compacted));
}

X86OpFn *xsave_handler(const X86Op *op)
{
    switch (op->id) {
    case X86_FXSAVE: return op_fxsave;
    case X86_FXRSTOR: return op_fxrstor;
    case X86_XSAVE: return op_xsave;
    case X86_XSAVEOPT: return op_xsaveopt;
    case X86_XSAVEC: return op_xsavec;
    case X86_XRSTOR: return op_xrstor;
    default: return NULL;
    }
}
