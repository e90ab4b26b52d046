/* Vector instructions with accesses of their own: masked moves, gathers, MXCSR. */
#include <string.h>

#include "target/i386/exec/vector.h"

VECTOR_OP(masked_load)
VECTOR_OP(masked_store)
VECTOR_OP(maskmovdqu)
VECTOR_OP(maskmovq)
VECTOR_OP(gather)
VECTOR_OP(ldmxcsr)
VECTOR_OP(stmxcsr)

/* The memory operand's offset in its segment, without a VSIB index. */
uint64_t vector_offset(X86Exec *x, const X86Op *op)
{
    uint64_t offset = x86_get(x, op->base, 8) + (uint64_t)(int64_t)op->disp;

    return op->flags & X86_OP_VSIB ? offset : offset + (x86_get(x, op->index, 8) << op->scale);
}

static uint64_t element_linear(X86Exec *x, const X86Op *op, uint64_t offset, unsigned size, bool write)
{
    if (op->addr_size < 8) {
        offset &= op->addr_size == 4 ? UINT32_MAX : UINT16_MAX;
    }
    return x86_linear_in(x, op, op->seg, offset, size, write);
}

static bool selected(const void *mask, unsigned i, unsigned size)
{
    return ((const uint8_t *)mask)[(i + 1) * size - 1] >> 7;
}

/* Elements are never #AC. */
static uint64_t load_element(X86Exec *x, const X86Op *op, uint64_t linear, unsigned size)
{
    uint64_t value = 0;

    vector_read_unaligned(x, op, linear, &value, size);
    return value;
}

/* VMASKMOVPx, VPMASKMOVx: what is not selected is not accessed. */
static void masked_load(X86Exec *x, const X86Op *op)
{
    bool wide = op->id == X86_VMASKMOVPD || (op->id == X86_VPMASKMOVD && op->flags & X86_OP_W) || op->id == X86_VPMASKMOVQ;
    unsigned size = wide ? 8 : 4, count = (op->flags & X86_OP_L ? 32 : 16) / size;
    const VectorReg *mask = &x->env->xmm_regs[op->vvvv];
    VectorReg result = { { 0 } };

    vector_check_avx(x);
    for (unsigned i = 0; i < count; i++) {
        if (selected(mask, i, size)) {
            uint64_t value = load_element(x, op, element_linear(x, op, vector_offset(x, op) + i * size, size, false), size);

            memcpy((uint8_t *)&result + i * size, &value, size);
        }
    }
    x->env->xmm_regs[op->reg] = result;
}

static void masked_store(X86Exec *x, const X86Op *op)
{
    bool wide = op->id == X86_VMASKMOVPD || (op->id == X86_VPMASKMOVD && op->flags & X86_OP_W) || op->id == X86_VPMASKMOVQ;
    unsigned size = wide ? 8 : 4, count = (op->flags & X86_OP_L ? 32 : 16) / size;
    const VectorReg *mask = &x->env->xmm_regs[op->vvvv];
    uint64_t linear[8];

    vector_check_avx(x);
    for (unsigned i = 0; i < count; i++) {
        if (selected(mask, i, size)) {
            linear[i] = element_linear(x, op, vector_offset(x, op) + i * size, size, true);
            vector_probe_unaligned(x, op, linear[i], size);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (selected(mask, i, size)) {
            const uint64_t value = x->env->xmm_regs[op->reg].q[i * size / 8] >> (i * size % 8 * 8);

            vector_write_unaligned(x, op, linear[i], &value, size);
        }
    }
}

/* MASKMOVDQU, MASKMOVQ: bytes to rDI. */
static void masked_bytes(X86Exec *x, const X86Op *op, const uint64_t *value, const uint64_t *mask, unsigned count)
{
    unsigned seg = op->flags & X86_OP_SEG ? op->seg : R_DS;
    uint64_t limit = op->addr_size == 8 ? UINT64_MAX : op->addr_size == 4 ? UINT32_MAX : UINT16_MAX, linear[16];

    for (unsigned i = 0; i < count; i++) {
        if (selected(mask, i, 1)) {
            linear[i] = x86_linear_in(x, op, seg, (x->regs[R_EDI] + i) & limit, 1, true);
            vector_probe(x, op, linear[i], 1);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (selected(mask, i, 1)) {
            x86_st8(x, op, linear[i], ((const uint8_t *)value)[i]);
        }
    }
}

static void maskmovdqu(X86Exec *x, const X86Op *op)
{
    vector_check(x, op->flags & X86_OP_VEX);
    masked_bytes(x, op, x->env->xmm_regs[op->reg].q, x->env->xmm_regs[op->rm].q, 16);
}

static void maskmovq(X86Exec *x, const X86Op *op)
{
    vector_check_mmx(x);
    vector_commit_mmx(x);       /* even if the store then faults */
    masked_bytes(x, op, vector_mmx(x, op->reg), vector_mmx(x, op->rm), 8);
}

/* Gathers: an element is done when its mask is clear, so that a fault loses nothing. */
static void gather(X86Exec *x, const X86Op *op)
{
    bool wide_index = op->id == X86_VPGATHERQD || op->id == X86_VGATHERQPS;
    unsigned size = op->flags & X86_OP_W ? 8 : 4, index_size = wide_index ? 8 : 4;
    unsigned vector_size = op->flags & X86_OP_L ? 32 : 16, count = vector_size / MAX(size, index_size);
    VectorReg *xmm = x->env->xmm_regs, *to = &xmm[op->reg], *mask = &xmm[op->vvvv];
    const uint8_t *indices = (const uint8_t *)&xmm[op->index];

    vector_check_avx(x);
    if (op->reg == op->vvvv || op->reg == op->index || op->vvvv == op->index) {
        x86_raise(x, EXCP_UD);
    }
    /* All of an element's mask becomes its sign bit, also of those that are not gathered. */
    for (unsigned i = 0; i < vector_size / size; i++) {
        memset((uint8_t *)mask + i * size, selected(mask, i, size) ? 0xff : 0, size);
    }
    memset((uint8_t *)mask + vector_size, 0, sizeof(*mask) - vector_size);
    for (unsigned i = 0; i < count; i++) {
        int64_t index;
        uint64_t value;

        if (!selected(mask, i, size)) {
            continue;
        }
        if (wide_index) {
            memcpy(&index, indices + i * 8, 8);
        } else {
            int32_t narrow;

            memcpy(&narrow, indices + i * 4, 4);
            index = narrow;
        }
        value = vector_offset(x, op) + ((uint64_t)index << op->scale);
        value = load_element(x, op, element_linear(x, op, value, size, false), size);
        memcpy((uint8_t *)to + i * size, &value, size);
        memset((uint8_t *)to + vector_size, 0, sizeof(*to) - vector_size);
        memset((uint8_t *)mask + i * size, 0, size);
    }
    memset(mask, 0, sizeof(*mask));
    memset((uint8_t *)to + count * size, 0, sizeof(*to) - count * size);
}

static void ldmxcsr(X86Exec *x, const X86Op *op)
{
    uint32_t value;

    vector_check(x, op->flags & X86_OP_VEX);
    value = x86_ld32(x, op, x86_linear(x, op, 4, false));
    if (value & ~MXCSR_ALL) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    vector_set_mxcsr(x, value);
}

static void stmxcsr(X86Exec *x, const X86Op *op)
{
    vector_check(x, op->flags & X86_OP_VEX);
    x86_st32(x, op, x86_linear(x, op, 4, true), vector_mxcsr(x));
}

X86OpFn *vector_memory_handler(const X86Op *op)
{
    bool store = op->opcode == 0x2e || op->opcode == 0x2f || op->opcode == 0x8e;

    switch (op->id) {
    case X86_VMASKMOVPS: case X86_VMASKMOVPD: case X86_VPMASKMOVD: case X86_VPMASKMOVQ:
        return store ? op_masked_store : op_masked_load;
    case X86_MASKMOVDQU: return op_maskmovdqu;
    case X86_MASKMOVQ: return op_maskmovq;
    case X86_VPGATHERDD: case X86_VPGATHERQD: case X86_VGATHERDPS: case X86_VGATHERQPS:
        return op_gather;
    case X86_LDMXCSR: return op_ldmxcsr;
    case X86_STMXCSR: return op_stmxcsr;
    default: return NULL;
    }
}
