/* Extensions in general registers: bit counting and fields, carry chains, CRC, byte swaps, random numbers. */
#include <sys/random.h>

#include "target/i386/exec/flags.h"
#include "target/i386/exec/vector.h"

VECTOR_OP(popcnt)
VECTOR_OP(lzcnt)
VECTOR_OP(tzcnt)
VECTOR_OP(andn)
VECTOR_OP(bextr)
VECTOR_OP(lowest_bit)
VECTOR_OP(bzhi)
VECTOR_OP(mulx)
VECTOR_OP(pdep)
VECTOR_OP(pext)
VECTOR_OP(rorx)
VECTOR_OP(shift)
VECTOR_OP(adcx)
VECTOR_OP(adox)
VECTOR_OP(movbe)
VECTOR_OP(crc32)
VECTOR_OP(random_number)

static inline uint64_t source(X86Exec *x, const X86Op *op, unsigned size)
{
    return op->flags & X86_OP_MEM ? x86_ld(x, op, x86_linear(x, op, size, false), size) : x86_get(x, op->rm, size);
}

/* VEX-encoded ones exist in protected mode only; they need no XSAVE. */
static void check_vex(X86Exec *x)
{
    if ((x->env->hflags & (1u << HF_PE_SHIFT | 1u << HF_VM_SHIFT)) != 1u << HF_PE_SHIFT) {
        x86_raise(x, EXCP_UD);
    }
}

static inline uint64_t mask_of(unsigned size)
{
    return size == 8 ? UINT64_MAX : (1ull << (8 * size)) - 1;
}

static inline uint32_t sign_zero(uint64_t value, unsigned size)
{
    value &= mask_of(size);
    return (value == 0 ? FLAG_ZF : 0) | (value >> (8 * size - 1) ? FLAG_SF : 0);
}

static void popcnt(X86Exec *x, const X86Op *op)
{
    uint64_t v = source(x, op, op->size);

    x86_put(x, op->reg, (unsigned)__builtin_popcountll(v), op->size);
    x86_set_arith(x, v == 0 ? FLAG_ZF : 0);
}

/* What is undefined in the manual is as Intel's CPUs have it: flags that a scan does not define stay. */
static uint32_t scan_flags(X86Exec *x, uint32_t set)
{
    return (x86_eflags(x) & FLAGS_ARITH & ~(FLAG_CF | FLAG_ZF)) | set;
}

static void lzcnt(X86Exec *x, const X86Op *op)
{
    unsigned bits = 8 * op->size;
    uint64_t v = source(x, op, op->size), count = v ? (uint64_t)__builtin_clzll(v) - (64 - bits) : bits;

    x86_put(x, op->reg, count, op->size);
    x86_set_arith(x, scan_flags(x, (v == 0 ? FLAG_CF : 0) | (count == 0 ? FLAG_ZF : 0)));
}

static void tzcnt(X86Exec *x, const X86Op *op)
{
    unsigned bits = 8 * op->size;
    uint64_t v = source(x, op, op->size), count = v ? (uint64_t)__builtin_ctzll(v) : bits;

    x86_put(x, op->reg, count, op->size);
    x86_set_arith(x, scan_flags(x, (v == 0 ? FLAG_CF : 0) | (count == 0 ? FLAG_ZF : 0)));
}

/* BMI1. AF and PF are undefined: they stay. */
static uint32_t bmi_flags(X86Exec *x, uint32_t set)
{
    return (x86_eflags(x) & (FLAG_AF | FLAG_PF)) | set;
}

static void andn(X86Exec *x, const X86Op *op)
{
    uint64_t v;

    check_vex(x);
    v = ~x86_get(x, op->vvvv, op->size) & source(x, op, op->size);
    x86_put(x, op->reg, v, op->size);
    x86_set_arith(x, bmi_flags(x, sign_zero(v, op->size)));
}

static void bextr(X86Exec *x, const X86Op *op)
{
    uint64_t v, control;
    unsigned start, length;

    check_vex(x);
    v = source(x, op, op->size);
    control = x86_get(x, op->vvvv, op->size);
    start = control & 0xff;
    length = control >> 8 & 0xff;
    v = start < 64 ? v >> start : 0;
    v = length < 64 ? v & ((1ull << length) - 1) : v;
    x86_put(x, op->reg, v, op->size);
    x86_set_arith(x, bmi_flags(x, v == 0 ? FLAG_ZF : 0) | (x86_eflags(x) & FLAG_SF));
}

static void lowest_bit(X86Exec *x, const X86Op *op)
{
    uint64_t v, r;
    bool carry;

    check_vex(x);
    v = source(x, op, op->size);
    if (op->id == X86_BLSI) {
        r = v & -v;
        carry = v != 0;
    } else {
        r = op->id == X86_BLSR ? v & (v - 1) : v ^ (v - 1);
        carry = v == 0;
    }
    x86_put(x, op->vvvv, r, op->size);
    x86_set_arith(x, bmi_flags(x, sign_zero(r, op->size) | (carry ? FLAG_CF : 0)));
}

/* BMI2. */
static void bzhi(X86Exec *x, const X86Op *op)
{
    uint64_t v;
    unsigned index;

    check_vex(x);
    v = source(x, op, op->size);
    index = x86_get(x, op->vvvv, 1);
    if (index < 8u * op->size) {
        v &= (1ull << index) - 1;
    }
    x86_put(x, op->reg, v, op->size);
    x86_set_arith(x, bmi_flags(x, sign_zero(v, op->size) | (index >= 8u * op->size ? FLAG_CF : 0)));
}

static void mulx(X86Exec *x, const X86Op *op)
{
    unsigned size = op->size;
    unsigned __int128 product;

    check_vex(x);
    product = (unsigned __int128)source(x, op, size) * x86_get(x, R_EDX * 8, size);
    x86_put(x, op->vvvv, (uint64_t)product, size);
    x86_put(x, op->reg, (uint64_t)(product >> (8 * size)), size);   /* if they are the same one: the upper half */
}

static uint64_t deposit(uint64_t value, uint64_t mask)
{
    uint64_t result = 0;

    for (; mask; mask &= mask - 1, value >>= 1) {
        result |= value & 1 ? mask & -mask : 0;
    }
    return result;
}

static uint64_t extract(uint64_t value, uint64_t mask)
{
    uint64_t result = 0;

    for (unsigned i = 0; mask; mask &= mask - 1, i++) {
        result |= value & mask & -mask ? 1ull << i : 0;
    }
    return result;
}

static void pdep(X86Exec *x, const X86Op *op)
{
    check_vex(x);
    x86_put(x, op->reg, deposit(x86_get(x, op->vvvv, op->size), source(x, op, op->size)), op->size);
}

static void pext(X86Exec *x, const X86Op *op)
{
    check_vex(x);
    x86_put(x, op->reg, extract(x86_get(x, op->vvvv, op->size), source(x, op, op->size)), op->size);
}

static void rorx(X86Exec *x, const X86Op *op)
{
    unsigned bits = 8 * op->size, by = (unsigned)op->imm & (bits - 1);
    uint64_t v;

    check_vex(x);
    v = source(x, op, op->size);
    x86_put(x, op->reg, by ? v >> by | v << (bits - by) : v, op->size);
}

static void shift(X86Exec *x, const X86Op *op)
{
    unsigned by;
    uint64_t v;

    check_vex(x);
    v = source(x, op, op->size);
    by = x86_get(x, op->vvvv, 1) & (8 * op->size - 1);
    if (op->id == X86_SHLX) {
        v <<= by;
    } else if (op->id == X86_SHRX) {
        v >>= by;
    } else {
        v = op->size == 8 ? (uint64_t)((int64_t)v >> by) : (uint64_t)(int64_t)((int32_t)v >> by);
    }
    x86_put(x, op->reg, v, op->size);
}

/* ADX: a carry chain through one flag. */
static void add_carry(X86Exec *x, const X86Op *op, uint32_t flag)
{
    uint64_t a = source(x, op, op->size), b = x86_get(x, op->reg, op->size);
    uint32_t flags = x86_eflags(x) & FLAGS_ARITH;
    unsigned __int128 sum = (unsigned __int128)a + b + (flags & flag ? 1 : 0);

    x86_put(x, op->reg, (uint64_t)sum, op->size);
    x86_set_arith(x, (flags & ~flag) | (sum >> (8 * op->size) ? flag : 0));
}

static void adcx(X86Exec *x, const X86Op *op) { add_carry(x, op, FLAG_CF); }
static void adox(X86Exec *x, const X86Op *op) { add_carry(x, op, FLAG_OF); }

static uint64_t swap(uint64_t v, unsigned size)
{
    return size == 2 ? __builtin_bswap16(v) : size == 4 ? __builtin_bswap32(v) : __builtin_bswap64(v);
}

static void movbe(X86Exec *x, const X86Op *op)
{
    uint64_t linear = x86_linear(x, op, op->size, !(op->flags & X86_OP_TO_REG));

    if (op->flags & X86_OP_TO_REG) {
        x86_put(x, op->reg, swap(x86_ld(x, op, linear, op->size), op->size), op->size);
    } else {
        x86_st(x, op, linear, swap(x86_get(x, op->reg, op->size), op->size), op->size);
    }
}

/* CRC-32C, reflected. */
static void crc32(X86Exec *x, const X86Op *op)
{
    uint64_t v = source(x, op, op->size2);
    uint32_t crc = x86_get(x, op->reg, 4);

    for (unsigned i = 0; i < op->size2; i++) {
        crc ^= v >> (8 * i) & 0xff;
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
        }
    }
    x86_put(x, op->reg, crc, op->size);
}

/* RDRAND, RDSEED: from the host's kernel, which mixes in the CPU's own. */
static void random_number(X86Exec *x, const X86Op *op)
{
    uint64_t v = 0;
    bool ok = getrandom(&v, sizeof(v), 0) == sizeof(v);

    x86_put(x, op->rm, ok ? v : 0, op->size);
    x86_set_arith(x, ok ? FLAG_CF : 0);
}

X86OpFn *vector_bits_handler(const X86Op *op)
{
    switch (op->id) {
    case X86_POPCNT: return op_popcnt;
    case X86_LZCNT: return op_lzcnt;
    case X86_TZCNT: return op_tzcnt;
    case X86_ANDN: return op_andn;
    case X86_BEXTR: return op_bextr;
    case X86_BLSI: case X86_BLSMSK: case X86_BLSR: return op_lowest_bit;
    case X86_BZHI: return op_bzhi;
    case X86_MULX: return op_mulx;
    case X86_PDEP: return op_pdep;
    case X86_PEXT: return op_pext;
    case X86_RORX: return op_rorx;
    case X86_SARX: case X86_SHLX: case X86_SHRX: return op_shift;
    case X86_ADCX: return op_adcx;
    case X86_ADOX: return op_adox;
    case X86_MOVBE: return op_movbe;
    case X86_CRC32: return op_crc32;
    case X86_RDRAND: case X86_RDSEED: return op_random_number;
    default: return NULL;
    }
}
