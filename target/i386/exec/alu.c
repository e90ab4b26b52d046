#include "target/i386/exec/alu.h"

uint32_t x86_eflags(X86Exec *x)
{
    uint32_t flags = (uint32_t)x->env->eflags & ~(uint32_t)FLAGS_ARITH;

    return flags | 2 | (x86_cf(x) ? FLAG_CF : 0) | (x86_pf(x) ? FLAG_PF : 0) | (x86_af(x) ? FLAG_AF : 0) |
           (x86_zf(x) ? FLAG_ZF : 0) | (x86_sf(x) ? FLAG_SF : 0) | (x86_of(x) ? FLAG_OF : 0);
}

void x86_set_arith(X86Exec *x, uint32_t flags)
{
    x->cc_op = CC_FLAGS;
    x->cc_src = flags & FLAGS_ARITH;
    x->cc_result = 1;
}

void x86_set_eflags(X86Exec *x, uint32_t eflags)
{
    x->env->eflags = eflags | 2;
    x86_set_arith(x, eflags);
}

uint64_t x86_offset(X86Exec *x, const X86Op *op, int64_t more)
{
    uint64_t offset = x->regs[op->base / 8] + (x->regs[op->index / 8] << op->scale) + (int64_t)op->disp + (uint64_t)more;

    return op->addr_size == 8 ? offset : op->addr_size == 4 ? (uint32_t)offset : (uint16_t)offset;
}

uint64_t x86_alu(X86Exec *x, unsigned id, uint64_t a, uint64_t b, unsigned size)
{
    uint64_t result, old_cf;

    a = x86_sign_extend(a, size);
    b = x86_sign_extend(b, size);
    switch (id) {
    case X86_ADD:
        result = x86_sign_extend(a + b, size);
        x86_cc_set(x, CC_ADD, a, b, result);
        return result;
    case X86_ADC:
        result = x86_sign_extend(a + b + x86_cf(x), size);
        x86_cc_set(x, CC_ADC, a, b, result);
        return result;
    case X86_SUB:
    case X86_CMP:
        result = x86_sign_extend(a - b, size);
        x86_cc_set(x, CC_SUB, a, b, result);
        return result;
    case X86_SBB:
        result = x86_sign_extend(a - b - x86_cf(x), size);
        x86_cc_set(x, CC_SBB, a, b, result);
        return result;
    case X86_AND:
    case X86_TEST:
        result = a & b;
        x86_cc_logic(x, result);
        return result;
    case X86_OR:
        result = a | b;
        x86_cc_logic(x, result);
        return result;
    case X86_XOR:
        result = a ^ b;
        x86_cc_logic(x, result);
        return result;
    case X86_INC:
        old_cf = x86_cf(x);
        result = x86_sign_extend(a + 1, size);
        x86_cc_set(x, CC_INC, a, old_cf, result);
        return result;
    case X86_DEC:
        old_cf = x86_cf(x);
        result = x86_sign_extend(a - 1, size);
        x86_cc_set(x, CC_DEC, a, old_cf, result);
        return result;
    case X86_NEG:
        result = x86_sign_extend(-a, size);
        x86_cc_set(x, CC_SUB, 0, a, result);
        return result;
    default:
        return ~a;      /* NOT: no flags */
    }
}

/* Only CF and OF change. */
static void set_rotate_flags(X86Exec *x, bool cf, bool of)
{
    uint32_t arith = x86_eflags(x) & FLAGS_ARITH & ~(FLAG_CF | FLAG_OF);

    x86_set_arith(x, arith | (cf ? FLAG_CF : 0) | (of ? FLAG_OF : 0));
}

static uint64_t rotate(X86Exec *x, unsigned id, uint64_t value, unsigned count, unsigned size)
{
    unsigned bits = 8 * size;
    uint64_t mask = ~0ull >> (64 - bits), result;

    count &= bits - 1;
    if (id == X86_ROR) {
        count = (bits - count) & (bits - 1);
    }
    result = count ? (value << count | value >> (bits - count)) & mask : value;
    bool top = result >> (bits - 1) & 1;
    if (id == X86_ROL) {
        set_rotate_flags(x, result & 1, top ^ (result & 1));
    } else {
        set_rotate_flags(x, top, top ^ (result >> (bits - 2) & 1));
    }
    return result;
}

static uint64_t rotate_carry(X86Exec *x, unsigned id, uint64_t value, unsigned count, unsigned size)
{
    unsigned bits = 8 * size;
    unsigned __int128 wide = (unsigned __int128)x86_cf(x) << bits | value, mask = ((unsigned __int128)1 << (bits + 1)) - 1;
    bool was_cf = x86_cf(x), top, cf;
    uint64_t result;

    count %= bits + 1;
    if (count == 0) {       /* a whole turn of 9 or 17 */
        top = value >> (bits - 1) & 1;
        set_rotate_flags(x, was_cf, id == X86_RCL ? top ^ was_cf : top ^ (value >> (bits - 2) & 1));
        return value;
    }
    if (id == X86_RCL) {
        wide = (wide << count | wide >> (bits + 1 - count)) & mask;
    } else {
        wide = (wide >> count | wide << (bits + 1 - count)) & mask;
    }
    result = (uint64_t)wide & (~0ull >> (64 - bits));
    cf = wide >> bits & 1;
    top = result >> (bits - 1) & 1;
    set_rotate_flags(x, cf, id == X86_RCL ? top ^ cf : top ^ (result >> (bits - 2) & 1));
    return result;
}

uint64_t x86_shift(X86Exec *x, unsigned id, uint64_t value, unsigned count, unsigned size)
{
    unsigned bits = 8 * size;
    uint64_t result;
    bool cf, of;

    value &= ~0ull >> (64 - bits);
    count &= size == 8 ? 63 : 31;
    if (count == 0) {
        return value;
    }
    switch (id) {
    case X86_ROL:
    case X86_ROR:
        return rotate(x, id, value, count, size);
    case X86_RCL:
    case X86_RCR:
        return rotate_carry(x, id, value, count, size);
    case X86_SHR:
        cf = value >> (count - 1) & 1;
        result = x86_sign_extend(value >> count, size);
        of = value >> (bits - 1) & 1 && count == 1;
        break;
    case X86_SAR:
        result = (uint64_t)((int64_t)x86_sign_extend(value, size) >> (count - 1));
        cf = result & 1;
        result = (uint64_t)((int64_t)result >> 1);
        of = false;
        break;
    default:
        result = x86_sign_extend(value << count, size);
        cf = size == 8 ? value >> (64 - count) & 1 : value << count >> bits & 1;
        of = (int64_t)result < 0 ? !cf : cf;
        break;
    }
    x86_cc_mixed(x, result, (cf ? FLAG_CF : 0) | (of ? FLAG_OF : 0));
    return result;
}
