/*
 * The arithmetic flags, lazily: the last operation's operands and result, sign-extended to 64 bits so that its size does
 * not matter any more, and what kind it was. Conditions are drawn from them when somebody asks.
 */
#ifndef TARGET_I386_EXEC_FLAGS_H
#define TARGET_I386_EXEC_FLAGS_H

#include "target/i386/exec/exec.h"

/* What cc_result, cc_dst and cc_src hold. */
enum {
    CC_FLAGS,       /* cc_src: all flags as they are in EFLAGS */
    CC_LOGIC,       /* result; CF, OF and AF are 0 */
    CC_ADD,         /* result = dst + src */
    CC_ADC,         /* result = dst + src + carry */
    CC_SUB,         /* result = dst - src */
    CC_SBB,         /* result = dst - src - borrow */
    CC_INC,         /* result = dst + 1; src: CF as it was */
    CC_DEC,
    CC_MIXED,       /* result for ZF, SF and PF; src: CF, OF and AF as they are in EFLAGS */
};

static inline void x86_cc_set(X86Exec *x, uint32_t op, uint64_t dst, uint64_t src, uint64_t result)
{
    x->cc_op = op;
    x->cc_dst = dst;
    x->cc_src = src;
    x->cc_result = result;
}

static inline void x86_cc_logic(X86Exec *x, uint64_t result)
{
    x->cc_op = CC_LOGIC;
    x->cc_result = result;
}

/* src: FLAG_CF, FLAG_OF, FLAG_AF. */
static inline void x86_cc_mixed(X86Exec *x, uint64_t result, uint32_t src)
{
    x->cc_op = CC_MIXED;
    x->cc_src = src;
    x->cc_result = result;
}

static inline bool x86_cf(const X86Exec *x)
{
    uint64_t r = x->cc_result, d = x->cc_dst, s = x->cc_src;

    switch (x->cc_op) {
    case CC_LOGIC:
        return false;
    case CC_ADD:
        return r < d;
    case CC_ADC:
        return (int64_t)((d & s) | ((d | s) & ~r)) < 0;
    case CC_SUB:
        return d < s;
    case CC_SBB:
        return (int64_t)((~d & s) | ((~d | s) & r)) < 0;
    default:        /* CC_FLAGS, CC_INC, CC_DEC, CC_MIXED */
        return s & FLAG_CF;
    }
}

static inline bool x86_of(const X86Exec *x)
{
    uint64_t r = x->cc_result, d = x->cc_dst, s = x->cc_src;

    switch (x->cc_op) {
    case CC_LOGIC:
        return false;
    case CC_ADD:
    case CC_ADC:
        return (int64_t)((d ^ r) & (s ^ r)) < 0;
    case CC_SUB:
    case CC_SBB:
        return (int64_t)((d ^ s) & (d ^ r)) < 0;
    case CC_INC:
        return (int64_t)(~d & r) < 0;
    case CC_DEC:
        return (int64_t)(d & ~r) < 0;
    default:
        return s & FLAG_OF;
    }
}

static inline bool x86_af(const X86Exec *x)
{
    switch (x->cc_op) {
    case CC_LOGIC:
        return false;
    case CC_INC:
        return (x->cc_result & 15) == 0;
    case CC_DEC:
        return (x->cc_result & 15) == 15;
    case CC_FLAGS:
    case CC_MIXED:
        return x->cc_src & FLAG_AF;
    default:
        return (x->cc_dst ^ x->cc_src ^ x->cc_result) & 16;
    }
}

static inline bool x86_zf(const X86Exec *x)
{
    return likely(x->cc_op != CC_FLAGS) ? x->cc_result == 0 : (x->cc_src & FLAG_ZF) != 0;
}

static inline bool x86_sf(const X86Exec *x)
{
    return likely(x->cc_op != CC_FLAGS) ? (int64_t)x->cc_result < 0 : (x->cc_src & FLAG_SF) != 0;
}

static inline bool x86_pf(const X86Exec *x)
{
    return likely(x->cc_op != CC_FLAGS) ? !__builtin_parity((uint8_t)x->cc_result) : (x->cc_src & FLAG_PF) != 0;
}

/* Whether a condition holds: the low four bits of Jcc's opcode. */
static inline __attribute__((always_inline)) bool x86_condition(const X86Exec *x, unsigned cond)
{
    bool holds;

    switch (cond >> 1 & 7) {
    case 0:
        holds = x86_of(x);
        break;
    case 1:
        holds = x86_cf(x);
        break;
    case 2:
        holds = x86_zf(x);
        break;
    case 3:
        holds = x86_zf(x) || x86_cf(x);
        break;
    case 4:
        holds = x86_sf(x);
        break;
    case 5:
        holds = x86_pf(x);
        break;
    case 6:
        holds = x86_sf(x) != x86_of(x);
        break;
    default:
        holds = x86_zf(x) || x86_sf(x) != x86_of(x);
        break;
    }
    return holds != (cond & 1);
}

#endif
