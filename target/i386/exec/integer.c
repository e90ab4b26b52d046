/*
 * Integer instructions as plain handlers: every operand form, size and mode, in any order of rare cases. What is frequent
 * has specialised handlers besides (fast.c), which must agree with these.
 */
#include <string.h>

#include "system/main-loop.h"
#include "target/i386/exec/alu.h"
#include "target/i386/exec/engine.h"
#include "target/i386/exec/mem.h"

/* --- operands --- */

static uint64_t load_rm(X86Exec *x, const X86Op *op, unsigned size)
{
    if (op->flags & X86_OP_MEM) {
        return x86_ld(x, op, x86_linear(x, op, size, false), size);
    }
    return x86_get(x, op->rm, size);
}

static void store_rm(X86Exec *x, const X86Op *op, uint64_t value, unsigned size)
{
    if (op->flags & X86_OP_MEM) {
        x86_st(x, op, x86_linear(x, op, size, true), value, size);
    } else {
        x86_put(x, op->rm, value, size);
    }
}

/* A read-modify-write of the r/m operand: the new value from the old. Flags may be set by fn, as often as it is called. */
typedef uint64_t ModifyFn(X86Exec *x, const X86Op *op, uint64_t old, uint64_t source);

static bool exchange(void *at, uint64_t old, uint64_t new, unsigned size)
{
    switch (size) {
    case 1: {
        uint8_t expected = (uint8_t)old;
        return __atomic_compare_exchange_n((uint8_t *)at, &expected, (uint8_t)new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    case 2: {
        uint16_t expected = (uint16_t)old;
        return __atomic_compare_exchange_n((uint16_t *)at, &expected, (uint16_t)new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    case 4: {
        uint32_t expected = (uint32_t)old;
        return __atomic_compare_exchange_n((uint32_t *)at, &expected, (uint32_t)new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    default:
        return __atomic_compare_exchange_n((uint64_t *)at, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
}

static uint64_t read_host(const void *at, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, at, size);
    return value;
}

/* The flags before, for an attempt that is repeated. */
typedef struct SavedFlags {
    uint64_t result, dst, src;
    uint32_t op;
} SavedFlags;

static SavedFlags save_flags(const X86Exec *x)
{
    return (SavedFlags){ x->cc_result, x->cc_dst, x->cc_src, x->cc_op };
}

static void restore_flags(X86Exec *x, const SavedFlags *saved)
{
    x86_cc_set(x, saved->op, saved->dst, saved->src, saved->result);
}

/* Returns the old value. `linear`: of the operand, which is in memory. */
static uint64_t modify_locked(X86Exec *x, const X86Op *op, uint64_t linear, uint64_t source, ModifyFn *fn, unsigned size)
{
    void *at = x86_locked(x, op, linear, size);
    SavedFlags saved = save_flags(x);
    uint64_t old;

    if (at) {
        for (;;) {
            old = read_host(at, size);
            if (exchange(at, old, fn(x, op, old, source), size)) {
                break;
            }
            restore_flags(x, &saved);
        }
        x86_locked_done(x);
        return old;
    }
    /* A device, or across two pages: alone among the CPUs that do the same. */
    bool held = big_lock_held();
    if (!held) {
        big_lock();
    }
    old = x86_ld_modify_slow(x, op, linear, size);
    x86_st_slow(x, op, linear, fn(x, op, old, source), size);
    if (!held) {
        big_unlock();
    }
    return old;
}

static uint64_t modify_at(X86Exec *x, const X86Op *op, uint64_t linear, uint64_t source, ModifyFn *fn, unsigned size)
{
    if (op->flags & X86_OP_LOCK) {
        return modify_locked(x, op, linear, source, fn, size);
    }
    uint64_t old = x86_ld_modify_slow(x, op, linear, size);
    x86_st_slow(x, op, linear, fn(x, op, old, source), size);
    return old;
}

static uint64_t modify_rm(X86Exec *x, const X86Op *op, uint64_t source, ModifyFn *fn)
{
    unsigned size = op->size;

    if (op->flags & X86_OP_MEM) {
        return modify_at(x, op, x86_linear(x, op, size, true), source, fn, size);
    }
    uint64_t old = x86_get(x, op->rm, size);
    x86_put(x, op->rm, fn(x, op, old, source), size);
    return old;
}

static uint64_t reg_or_imm(X86Exec *x, const X86Op *op)
{
    return op->flags & X86_OP_IMM ? op->imm : x86_get(x, op->reg, op->size);
}

/* --- arithmetic and logic --- */

static uint64_t do_alu(X86Exec *x, const X86Op *op, uint64_t old, uint64_t source)
{
    return x86_alu(x, op->id, old, source, op->size);
}

static void alu(X86Exec *x, const X86Op *op)
{
    bool reads_only = op->id == X86_CMP || op->id == X86_TEST;

    if (op->flags & X86_OP_TO_REG) {
        uint64_t source = load_rm(x, op, op->size);
        uint64_t result = x86_alu(x, op->id, x86_get(x, op->reg, op->size), source, op->size);

        if (!reads_only) {
            x86_put(x, op->reg, result, op->size);
        }
    } else if (reads_only) {
        x86_alu(x, op->id, load_rm(x, op, op->size), reg_or_imm(x, op), op->size);
    } else {
        modify_rm(x, op, reg_or_imm(x, op), do_alu);
    }
}

static void unary(X86Exec *x, const X86Op *op)
{
    modify_rm(x, op, 0, do_alu);
}

static uint64_t do_shift(X86Exec *x, const X86Op *op, uint64_t old, uint64_t source)
{
    return x86_shift(x, op->id, old, (unsigned)source, op->size);
}

static void shift(X86Exec *x, const X86Op *op)
{
    modify_rm(x, op, op->flags & X86_OP_IMM ? op->imm & 0xff : x->regs[R_ECX] & 0xff, do_shift);
}

static uint64_t do_double_shift(X86Exec *x, const X86Op *op, uint64_t old, uint64_t source)
{
    unsigned count = (unsigned)(op->flags & X86_OP_IMM ? op->imm : x->regs[R_ECX]) & (op->size == 8 ? 63 : 31);
    unsigned bits = 8 * op->size;
    uint64_t result;
    bool carry;

    if (count == 0) {
        return old;
    }
    if (bits == 16 && count > 16) {
        /* Undefined; as if the three words stood side by side. */
        uint64_t wide = op->id == X86_SHLD ? old << 32 | source << 16 | old : old << 32 | source << 16 | old;

        result = op->id == X86_SHLD ? wide << count >> 32 : wide >> count;
        carry = op->id == X86_SHLD ? wide >> (48 - count) & 1 : wide >> (count - 1) & 1;
    } else if (op->id == X86_SHLD) {
        result = old << count | source >> (bits - count);
        carry = old >> (bits - count) & 1;
    } else {
        result = old >> count | source << (bits - count);
        carry = old >> (count - 1) & 1;
    }
    bool overflow = (old ^ result) >> (bits - 1) & 1;
    x86_cc_mixed(x, x86_sign_extend(result, op->size), (carry ? FLAG_CF : 0) | (overflow ? FLAG_OF : 0));
    return result;
}

static void double_shift(X86Exec *x, const X86Op *op)
{
    modify_rm(x, op, x86_get(x, op->reg, op->size), do_double_shift);
}

static void mul(X86Exec *x, const X86Op *op)
{
    unsigned size = op->size;
    uint64_t b = load_rm(x, op, size), a = x86_get(x, 8 * R_EAX, size);
    unsigned __int128 product;
    bool big;

    if (op->id == X86_MUL) {
        product = (unsigned __int128)a * b;
        big = size == 8 ? product >> 64 != 0 : product >> 8 * size != 0;
    } else {
        product = (unsigned __int128)((__int128)(int64_t)x86_sign_extend(a, size) * (int64_t)x86_sign_extend(b, size));
        big = (__int128)product != (int64_t)x86_sign_extend((uint64_t)product, size);
    }
    if (size == 1) {
        x86_put(x, 8 * R_EAX, (uint64_t)product, 2);
    } else {
        x86_put(x, 8 * R_EAX, (uint64_t)product, size);
        x86_put(x, 8 * R_EDX, (uint64_t)(product >> 8 * size), size);
    }
    x86_cc_mixed(x, x86_sign_extend((uint64_t)product, size), big ? FLAG_CF | FLAG_OF : 0);
}

static void imul(X86Exec *x, const X86Op *op)
{
    unsigned size = op->size;
    uint64_t a = load_rm(x, op, size), b = op->flags & X86_OP_IMM ? op->imm : x86_get(x, op->reg, size);
    __int128 product = (__int128)(int64_t)x86_sign_extend(a, size) * (int64_t)x86_sign_extend(b, size);
    uint64_t result = x86_sign_extend((uint64_t)product, size);

    x86_put(x, op->reg, result, size);
    x86_cc_mixed(x, result, product != (int64_t)result ? FLAG_CF | FLAG_OF : 0);
}

static void divide_8(X86Exec *x, const X86Op *op, uint64_t divisor)
{
    uint64_t quotient, rest;

    if (op->id == X86_DIV) {
        uint64_t dividend = x86_get(x, 8 * R_EAX, 2);

        quotient = dividend / divisor;
        rest = dividend % divisor;
        if (quotient > 0xff) {
            x86_raise(x, EXCP_DE);
        }
    } else {
        int64_t dividend = (int16_t)x->regs[R_EAX], by = (int8_t)divisor;

        quotient = (uint64_t)(dividend / by);
        rest = (uint64_t)(dividend % by);
        if ((int64_t)quotient != (int8_t)quotient) {
            x86_raise(x, EXCP_DE);
        }
    }
    x86_put(x, 8 * R_EAX, (quotient & 0xff) | (rest & 0xff) << 8, 2);
}

static void divide(X86Exec *x, const X86Op *op)
{
    unsigned size = op->size;
    uint64_t divisor = load_rm(x, op, size);
    uint64_t low = x86_get(x, 8 * R_EAX, size), high = x86_get(x, 8 * R_EDX, size), quotient, rest;

    if (divisor == 0) {
        x86_raise(x, EXCP_DE);
    }
    if (size == 1) {
        divide_8(x, op, divisor);
        return;
    }
    if (op->id == X86_DIV) {
        if (high >= divisor) {
            x86_raise(x, EXCP_DE);
        }
        unsigned __int128 dividend = (unsigned __int128)high << 8 * size | low;
        quotient = (uint64_t)(dividend / divisor);
        rest = (uint64_t)(dividend % divisor);
    } else {
        __int128 dividend = (__int128)(int64_t)x86_sign_extend(high, size) * ((__int128)1 << 8 * size) + low;
        __int128 by = (int64_t)x86_sign_extend(divisor, size);
        unsigned __int128 most = (unsigned __int128)1 << 127;

        if ((unsigned __int128)dividend == most && by == -1) {
            x86_raise(x, EXCP_DE);
        }
        __int128 wide = dividend / by;
        if (wide != (int64_t)x86_sign_extend((uint64_t)wide, size)) {
            x86_raise(x, EXCP_DE);
        }
        quotient = (uint64_t)wide;
        rest = (uint64_t)(dividend % by);
    }
    x86_put(x, 8 * R_EAX, quotient, size);
    x86_put(x, 8 * R_EDX, rest, size);
}

/* --- bits --- */

static uint64_t do_bit(X86Exec *x, const X86Op *op, uint64_t old, uint64_t source)
{
    unsigned bit = (unsigned)source & (8 * op->size - 1);
    uint32_t arith = x86_eflags(x) & FLAGS_ARITH & ~FLAG_CF;

    x86_set_arith(x, arith | (old >> bit & 1 ? FLAG_CF : 0));
    switch (op->id) {
    case X86_BTS:
        return old | 1ull << bit;
    case X86_BTR:
        return old & ~(1ull << bit);
    case X86_BTC:
        return old ^ 1ull << bit;
    default:
        return old;
    }
}

static void bit_test(X86Exec *x, const X86Op *op)
{
    unsigned size = op->size;
    uint64_t index = op->flags & X86_OP_IMM ? op->imm : x86_get(x, op->reg, size);
    bool writes = op->id != X86_BT;

    if (!(op->flags & X86_OP_MEM)) {
        uint64_t old = x86_get(x, op->rm, size), new = do_bit(x, op, old, index);

        if (writes) {
            x86_put(x, op->rm, new, size);
        }
        return;
    }
    /* A register's bit may be anywhere in memory, before and behind the operand. */
    int64_t element = op->flags & X86_OP_IMM ? 0 : (int64_t)x86_sign_extend(index, size) >> (size == 8 ? 6 : size == 4 ? 5 : 4);
    uint64_t offset = x86_offset(x, op, element * size);
    uint64_t linear = x86_linear_in(x, op, op->seg, offset, size, writes);

    if (writes) {
        modify_at(x, op, linear, index, do_bit, size);
    } else {
        do_bit(x, op, x86_ld(x, op, linear, size), index);
    }
}

static void bit_scan(X86Exec *x, const X86Op *op)
{
    uint64_t source = load_rm(x, op, op->size);

    if (source) {
        x86_put(x, op->reg, op->id == X86_BSF ? (uint64_t)__builtin_ctzll(source) : 63 - (uint64_t)__builtin_clzll(source), op->size);
    }
    x86_cc_logic(x, x86_sign_extend(source, op->size));
}

static void bswap(X86Exec *x, const X86Op *op)
{
    uint64_t value = x86_get(x, op->rm, op->size);

    /* 16 bits are undefined; CPUs give zeros. */
    x86_put(x, op->rm, op->size == 8 ? __builtin_bswap64(value) : op->size == 4 ? __builtin_bswap32((uint32_t)value) : 0, op->size);
}

/* --- moves --- */

static void mov(X86Exec *x, const X86Op *op)
{
    if (op->flags & X86_OP_TO_REG) {
        x86_put(x, op->reg, load_rm(x, op, op->size), op->size);
    } else {
        store_rm(x, op, reg_or_imm(x, op), op->size);
    }
}

static void mov_moffs(X86Exec *x, const X86Op *op)
{
    uint64_t offset = op->addr_size == 8 ? op->imm : op->addr_size == 4 ? (uint32_t)op->imm : (uint16_t)op->imm;
    bool writes = !(op->flags & X86_OP_TO_REG);
    uint64_t linear = x86_linear_in(x, op, op->seg, offset, op->size, writes);

    if (writes) {
        x86_st(x, op, linear, x86_get(x, 8 * R_EAX, op->size), op->size);
    } else {
        x86_put(x, 8 * R_EAX, x86_ld(x, op, linear, op->size), op->size);
    }
}

static void movx(X86Exec *x, const X86Op *op)
{
    uint64_t value = load_rm(x, op, op->size2);

    x86_put(x, op->reg, op->id == X86_MOVZX ? value : x86_sign_extend(value, op->size2), op->size);
}

static void lea(X86Exec *x, const X86Op *op)
{
    x86_put(x, op->reg, x86_offset(x, op, 0), op->size);
}

static uint64_t do_exchange(X86Exec *x, const X86Op *op, uint64_t old, uint64_t source)
{
    return source;
}

/* Locked with or without the prefix. */
static void xchg(X86Exec *x, const X86Op *op)
{
    uint64_t source = x86_get(x, op->reg, op->size), old;

    if (op->flags & X86_OP_MEM) {
        old = modify_locked(x, op, x86_linear(x, op, op->size, true), source, do_exchange, op->size);
    } else {
        old = x86_get(x, op->rm, op->size);
        x86_put(x, op->rm, source, op->size);
    }
    x86_put(x, op->reg, old, op->size);
}

static uint64_t do_add(X86Exec *x, const X86Op *op, uint64_t old, uint64_t source)
{
    return x86_alu(x, X86_ADD, old, source, op->size);
}

static void xadd(X86Exec *x, const X86Op *op)
{
    uint64_t source = x86_get(x, op->reg, op->size);

    if (op->flags & X86_OP_MEM) {
        x86_put(x, op->reg, modify_rm(x, op, source, do_add), op->size);
    } else {        /* XADD of a register with itself: the sum stays */
        uint64_t old = x86_get(x, op->rm, op->size), sum = do_add(x, op, old, source);

        x86_put(x, op->reg, old, op->size);
        x86_put(x, op->rm, sum, op->size);
    }
}

static uint64_t do_cmpxchg(X86Exec *x, const X86Op *op, uint64_t old, uint64_t source)
{
    uint64_t accumulator = x86_get(x, 8 * R_EAX, op->size);

    x86_alu(x, X86_CMP, accumulator, old, op->size);
    return old == accumulator ? source : old;
}

static void cmpxchg(X86Exec *x, const X86Op *op)
{
    uint64_t accumulator = x86_get(x, 8 * R_EAX, op->size), source = x86_get(x, op->reg, op->size);

    if (op->flags & X86_OP_MEM) {
        uint64_t old = modify_rm(x, op, source, do_cmpxchg);

        if (old != accumulator) {
            x86_put(x, 8 * R_EAX, old, op->size);
        }
        return;
    }
    uint64_t old = x86_get(x, op->rm, op->size), new = do_cmpxchg(x, op, old, source);
    if (old == accumulator) {
        x86_put(x, op->rm, new, op->size);
    } else {
        x86_put(x, 8 * R_EAX, old, op->size);
    }
}

static void set_zf(X86Exec *x, bool zf)
{
    x86_set_arith(x, (x86_eflags(x) & FLAGS_ARITH & ~FLAG_ZF) | (zf ? FLAG_ZF : 0));
}

static uint64_t do_cmpxchg8b(X86Exec *x, const X86Op *op, uint64_t old, uint64_t source)
{
    uint64_t expected = (uint64_t)(uint32_t)x->regs[R_EDX] << 32 | (uint32_t)x->regs[R_EAX];

    set_zf(x, old == expected);
    return old == expected ? source : old;
}

static void cmpxchg8b(X86Exec *x, const X86Op *op)
{
    uint64_t new = (uint64_t)(uint32_t)x->regs[R_ECX] << 32 | (uint32_t)x->regs[R_EBX];
    uint64_t old = modify_at(x, op, x86_linear(x, op, 8, true), new, do_cmpxchg8b, 8);

    if (!x86_zf(x)) {
        x86_put(x, 8 * R_EAX, (uint32_t)old, 4);
        x86_put(x, 8 * R_EDX, old >> 32, 4);
    }
}

/* CMPXCHG16B of the host, which every CPU in 64-bit use has. */
static bool host_cmpxchg16b(void *at, uint64_t expected[2], const uint64_t new[2])
{
#ifdef __x86_64__
    bool equal;

    __asm__ volatile("lock cmpxchg16b %1" : "=@ccz"(equal), "+m"(*(unsigned char(*)[16])at), "+a"(expected[0]), "+d"(expected[1])
                     : "b"(new[0]), "c"(new[1]) : "memory");
    return equal;
#else
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    bool equal;

    pthread_mutex_lock(&mutex);
    equal = memcmp(at, expected, 16) == 0;
    memcpy(equal ? at : (void *)expected, equal ? (const void *)new : at, 16);
    pthread_mutex_unlock(&mutex);
    return equal;
#endif
}

static void cmpxchg16b(X86Exec *x, const X86Op *op)
{
    uint64_t linear = x86_linear(x, op, 16, true), new[2] = { x->regs[R_EBX], x->regs[R_ECX] };
    uint64_t expected[2] = { x->regs[R_EAX], x->regs[R_EDX] };
    bool equal;

    if (linear & 15) {
        x86_raise_error(x, EXCP_GP, 0);
    }
    void *at = x86_locked(x, op, linear, 16);
    if (at) {
        equal = host_cmpxchg16b(at, expected, new);
        x86_locked_done(x);
    } else {
        uint64_t old[2];

        x86_ld_bytes(x, op, linear, old, 16);
        equal = memcmp(old, expected, 16) == 0;
        x86_st_bytes(x, op, linear, equal ? new : old, 16);
        memcpy(expected, old, 16);
    }
    set_zf(x, equal);
    if (!equal) {
        x->regs[R_EAX] = expected[0];
        x->regs[R_EDX] = expected[1];
    }
}

static void cmov(X86Exec *x, const X86Op *op)
{
    uint64_t value = load_rm(x, op, op->size);

    /* 32 bits clear the upper half in any case. */
    x86_put(x, op->reg, x86_condition(x, op->cond) ? value : x86_get(x, op->reg, op->size), op->size);
}

static void setcc(X86Exec *x, const X86Op *op)
{
    store_rm(x, op, x86_condition(x, op->cond), 1);
}

static void cbw(X86Exec *x, const X86Op *op)
{
    x86_put(x, 8 * R_EAX, x86_sign_extend(x86_get(x, 8 * R_EAX, op->size / 2), op->size / 2), op->size);
}

static void cwd(X86Exec *x, const X86Op *op)
{
    bool negative = x86_get(x, 8 * R_EAX, op->size) >> (8 * op->size - 1);

    x86_put(x, 8 * R_EDX, negative ? ~0ull : 0, op->size);
}

static void xlat(X86Exec *x, const X86Op *op)
{
    uint64_t offset = x->regs[R_EBX] + (x->regs[R_EAX] & 0xff);

    offset = op->addr_size == 8 ? offset : op->addr_size == 4 ? (uint32_t)offset : (uint16_t)offset;
    x86_put(x, 8 * R_EAX, x86_ld8(x, op, x86_linear_in(x, op, op->seg, offset, 1, false)), 1);
}

X86PlainFn *const x86_plain_integer[X86_INSNS] = {
    [X86_ADD] = alu, [X86_OR] = alu, [X86_ADC] = alu, [X86_SBB] = alu, [X86_AND] = alu, [X86_SUB] = alu, [X86_XOR] = alu,
    [X86_CMP] = alu, [X86_TEST] = alu, [X86_INC] = unary, [X86_DEC] = unary, [X86_NOT] = unary, [X86_NEG] = unary,
    [X86_MUL] = mul, [X86_IMUL1] = mul, [X86_IMUL] = imul, [X86_DIV] = divide, [X86_IDIV] = divide,
    [X86_ROL] = shift, [X86_ROR] = shift, [X86_RCL] = shift, [X86_RCR] = shift, [X86_SHL] = shift, [X86_SHR] = shift,
    [X86_SAR] = shift, [X86_SHLD] = double_shift, [X86_SHRD] = double_shift,
    [X86_BT] = bit_test, [X86_BTS] = bit_test, [X86_BTR] = bit_test, [X86_BTC] = bit_test,
    [X86_BSF] = bit_scan, [X86_BSR] = bit_scan, [X86_BSWAP] = bswap,
    [X86_AAA] = x86_ascii_adjust, [X86_AAS] = x86_ascii_adjust, [X86_AAM] = x86_ascii_multiply, [X86_AAD] = x86_ascii_multiply,
    [X86_DAA] = x86_decimal_adjust, [X86_DAS] = x86_decimal_adjust,
    [X86_MOV] = mov, [X86_MOV_MOFFS] = mov_moffs, [X86_MOVZX] = movx, [X86_MOVSX] = movx, [X86_MOVSXD] = movx, [X86_MOVNTI] = mov,
    [X86_LEA] = lea, [X86_XCHG] = xchg, [X86_XADD] = xadd, [X86_CMPXCHG] = cmpxchg, [X86_CMPXCHG8B] = cmpxchg8b,
    [X86_CMPXCHG16B] = cmpxchg16b, [X86_CMOVCC] = cmov, [X86_SETCC] = setcc, [X86_CBW] = cbw, [X86_CWD] = cwd, [X86_XLAT] = xlat,
    [X86_LAHF] = x86_lahf, [X86_SAHF] = x86_sahf, [X86_SALC] = x86_salc, [X86_CMC] = x86_carry, [X86_CLC] = x86_carry, [X86_STC] = x86_carry,
    [X86_CLD] = x86_cld, [X86_STD] = x86_std,
    [X86_PUSH] = x86_push, [X86_POP] = x86_pop, [X86_PUSHA] = x86_pusha, [X86_POPA] = x86_popa, [X86_ENTER] = x86_enter,
    [X86_LEAVE] = x86_leave,
    [X86_MOVS] = x86_movs, [X86_CMPS] = x86_cmps, [X86_STOS] = x86_stos, [X86_LODS] = x86_lods, [X86_SCAS] = x86_scas,
    [X86_JMP] = x86_jmp, [X86_JMP_IND] = x86_jmp_ind, [X86_JCC] = x86_jcc, [X86_JCXZ] = x86_jcxz, [X86_LOOP] = x86_loop,
    [X86_LOOPE] = x86_loop, [X86_LOOPNE] = x86_loop, [X86_CALL] = x86_call, [X86_CALL_IND] = x86_call_ind, [X86_RET] = x86_ret,
    [X86_NOP] = x86_nop, [X86_PAUSE] = x86_pause, [X86_LFENCE] = x86_fence, [X86_MFENCE] = x86_fence, [X86_SFENCE] = x86_fence,
    [X86_CLFLUSH] = x86_clflush, [X86_CLFLUSHOPT] = x86_clflush, [X86_CLWB] = x86_clflush,
};
