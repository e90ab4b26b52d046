/*
 * Specialised handlers: branches. A comparison and the conditional branch behind it are one handler, which compares its
 * operands directly; the flags are noted for whoever asks later.
 */
#include "target/i386/exec/fast.h"

/* --- indirect: the target's block by its address, if that still means the same code --- */

static inline __attribute__((always_inline)) const X86Op *jump(X86Exec *x, uint64_t eip)
{
    X86Block *block = x86_block_cached(x, eip);

    if (likely(block && !x->pending)) {
        x->regs[X86_REG_RIP / 8] = eip;
        X86_RUN(x, block->ops);
    }
    return x86_go(x, eip);
}

/*
 * Returns: a call notes where it will return to, and the block that it returned to before. A block that is gone or means
 * other code now is told by what a block says of itself; the stack of calls may be wrong in any way.
 */
static inline __attribute__((always_inline)) void note_call(X86Exec *x, uint64_t eip, X86Block **place)
{
    X86Return *r = &x->returns[++x->calls % X86_RETURNS];

    *r = (X86Return){ eip, *place, place };
}

static inline __attribute__((always_inline)) const X86Op *go_back(X86Exec *x, uint64_t eip)
{
    const X86Return *r = &x->returns[x->calls-- % X86_RETURNS];
    X86Block *block = r->block;

    if (unlikely(r->eip != eip)) {
        return jump(x, eip);
    }
    if (likely(block && x86_block_is_at(block, eip) && block->mode == x->mode && !x->pending)) {
        x->regs[X86_REG_RIP / 8] = eip;
        X86_RUN(x, block->ops);
    }
    return x86_go_back(x, eip, r->place);
}

static inline bool is_canonical(uint64_t eip)
{
    return (uint64_t)((int64_t)(eip << 16) >> 16) == eip;
}

static _Noreturn __attribute__((cold)) void refuse(X86Exec *x, const X86Op *op)
{
    x->op = op;
    x86_raise_error(x, EXCP_GP, 0);
}

#define CHECK_64(eip)                                                                                               \
    if (unlikely(!is_canonical(eip))) {                                                                             \
        refuse(x, op);                                                                                              \
    }
#define CHECK_32(eip)

#define INDIRECT(bits, form)                                                                                        \
    HOT const X86Op *ret_##bits(X86Exec *x, const X86Op *op)                                                        \
    {                                                                                                               \
        uint##bits##_t sp = REG(bits, 8 * R_ESP), eip = x86_ld##bits(x, op, sp);                                    \
        CHECK_##bits(eip)                                                                                           \
        PUT(bits, 8 * R_ESP, (uint##bits##_t)(sp + bits / 8 + op->imm));                                            \
        return go_back(x, eip);                                                                                     \
    }                                                                                                               \
    HOT const X86Op *jmp_r##bits(X86Exec *x, const X86Op *op)                                                       \
    {                                                                                                               \
        uint##bits##_t eip = REG(bits, op->rm);                                                                     \
        CHECK_##bits(eip)                                                                                           \
        return jump(x, eip);                                                                                        \
    }                                                                                                               \
    HOT const X86Op *jmp_m##bits(X86Exec *x, const X86Op *op)                                                       \
    {                                                                                                               \
        uint##bits##_t eip = x86_ld##bits(x, op, ADDRESS_##form);                                                   \
        CHECK_##bits(eip)                                                                                           \
        return jump(x, eip);                                                                                        \
    }                                                                                                               \
    static inline __attribute__((always_inline)) const X86Op *call_to_##bits(X86Exec *x, const X86Op *op, uint##bits##_t eip) \
    {                                                                                                               \
        uint##bits##_t sp = REG(bits, 8 * R_ESP) - bits / 8;                                                        \
        uint##bits##_t back = (uint##bits##_t)(x->regs[X86_REG_RIP / 8] + op->offset + op->length);                 \
        x86_st##bits(x, op, sp, back);                                                                              \
        CHECK_##bits(eip)                                                                                           \
        PUT(bits, 8 * R_ESP, sp);                                                                                   \
        note_call(x, back, (X86Block **)&((X86Op *)op)->link);                                                      \
        return jump(x, eip);                                                                                        \
    }                                                                                                               \
    HOT const X86Op *call_r##bits(X86Exec *x, const X86Op *op)                                                      \
    {                                                                                                               \
        return call_to_##bits(x, op, REG(bits, op->rm));                                                            \
    }                                                                                                               \
    HOT const X86Op *call_m##bits(X86Exec *x, const X86Op *op)                                                      \
    {                                                                                                               \
        return call_to_##bits(x, op, x86_ld##bits(x, op, ADDRESS_##form));                                          \
    }                                                                                                               \
    HOT const X86Op *call_##bits(X86Exec *x, const X86Op *op)                                                       \
    {                                                                                                               \
        uint##bits##_t sp = REG(bits, 8 * R_ESP) - bits / 8;                                                        \
        uint##bits##_t back = (uint##bits##_t)(x->regs[X86_REG_RIP / 8] + op->offset + op->length);                 \
        x86_st##bits(x, op, sp, back);                                                                              \
        PUT(bits, 8 * R_ESP, sp);                                                                                   \
        note_call(x, back, &x86_branch(op)->next.far);                                                              \
        return x86_taken(x, op);                                                                                    \
    }
INDIRECT(64, x) INDIRECT(32, w)

HOT const X86Op *jmp(X86Exec *x, const X86Op *op)
{
    return x86_taken(x, op);
}

/* --- conditions --- */

#define JCC(cond)                                                                                                   \
    HOT const X86Op *jcc##cond(X86Exec *x, const X86Op *op)                                                         \
    {                                                                                                               \
        if (x86_condition(x, cond)) {                                                                               \
            return x86_taken(x, op);                                                                                \
        }                                                                                                           \
        return x86_not_taken(x, op);                                                                                \
    }
#define EACH_CONDITION(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15)
EACH_CONDITION(JCC)
#define NAME(cond) jcc##cond,
static X86OpFn *const jcc[16] = { EACH_CONDITION(NAME) };

/* --- comparisons with their branch --- */

/* What a condition is of two operands that are compared (subtracted), and of one that is tested (and'ed). */
#define COMPARE_0(bits, a, b) x86_of(x)
#define COMPARE_1(bits, a, b) ((a) < (b))
#define COMPARE_2(bits, a, b) ((a) == (b))
#define COMPARE_3(bits, a, b) ((a) <= (b))
#define COMPARE_4(bits, a, b) ((int##bits##_t)((a) - (b)) < 0)
#define COMPARE_6(bits, a, b) ((int##bits##_t)(a) < (int##bits##_t)(b))
#define COMPARE_7(bits, a, b) ((int##bits##_t)(a) <= (int##bits##_t)(b))
#define TEST_2(bits, a, b) (((a) & (b)) == 0)
#define TEST_4(bits, a, b) ((int##bits##_t)((a) & (b)) < 0)
#define TEST_7(bits, a, b) ((int##bits##_t)((a) & (b)) <= 0)

#define FUSED(bits, name, KIND, DO, half, load_a, load_b)                                                           \
    HOT const X86Op *name##bits##_##half##_0(X86Exec *x, const X86Op *op)                                           \
    {                                                                                                               \
        uint##bits##_t a = load_a, b = load_b, result;                                                              \
        DO(bits, a, b)                                                                                              \
        (void)result;                                                                                               \
        if (KIND##_##half(bits, a, b)) {                                                                            \
            return x86_taken(x, op + 1);                                                                            \
        }                                                                                                           \
        return x86_not_taken(x, op + 1);                                                                            \
    }                                                                                                               \
    HOT const X86Op *name##bits##_##half##_1(X86Exec *x, const X86Op *op)                                           \
    {                                                                                                               \
        uint##bits##_t a = load_a, b = load_b, result;                                                              \
        DO(bits, a, b)                                                                                              \
        (void)result;                                                                                               \
        if (!KIND##_##half(bits, a, b)) {                                                                           \
            return x86_taken(x, op + 1);                                                                            \
        }                                                                                                           \
        return x86_not_taken(x, op + 1);                                                                            \
    }
#define COMPARES(bits, name, load_a, load_b)                                                                        \
    FUSED(bits, name, COMPARE, DO_CMP, 1, load_a, load_b) FUSED(bits, name, COMPARE, DO_CMP, 2, load_a, load_b)     \
    FUSED(bits, name, COMPARE, DO_CMP, 3, load_a, load_b) FUSED(bits, name, COMPARE, DO_CMP, 4, load_a, load_b)     \
    FUSED(bits, name, COMPARE, DO_CMP, 6, load_a, load_b) FUSED(bits, name, COMPARE, DO_CMP, 7, load_a, load_b)
#define TESTS(bits, name, load_a, load_b)                                                                           \
    FUSED(bits, name, TEST, DO_TEST, 2, load_a, load_b) FUSED(bits, name, TEST, DO_TEST, 4, load_a, load_b)         \
    FUSED(bits, name, TEST, DO_TEST, 7, load_a, load_b)
#define FUSED_SIZE(bits)                                                                                            \
    COMPARES(bits, cmp_rr, REG(bits, op->rm), REG(bits, op->reg))                                                   \
    COMPARES(bits, cmp_ri, REG(bits, op->rm), (uint##bits##_t)op->imm)                                              \
    COMPARES(bits, cmp_rm, REG(bits, op->reg), x86_ld##bits(x, op, ADDRESS_x))                                      \
    COMPARES(bits, cmp_mr, x86_ld##bits(x, op, ADDRESS_x), REG(bits, op->reg))                                      \
    COMPARES(bits, cmp_mi, x86_ld##bits(x, op, ADDRESS_x), (uint##bits##_t)op->imm)                                 \
    TESTS(bits, test_rr, REG(bits, op->rm), REG(bits, op->reg))                                                     \
    TESTS(bits, test_ri, REG(bits, op->rm), (uint##bits##_t)op->imm)                                                \
    TESTS(bits, test_mi, x86_ld##bits(x, op, ADDRESS_x), (uint##bits##_t)op->imm)
FOR_SIZES(FUSED_SIZE)

/* By size, and condition. */
typedef X86OpFn *const FusedTable[4][16];
#define COMPARE_ROW(n)                                                                                              \
    { NULL, NULL, n##_1_0, n##_1_1, n##_2_0, n##_2_1, n##_3_0, n##_3_1, n##_4_0, n##_4_1, NULL, NULL, n##_6_0, n##_6_1, n##_7_0, n##_7_1 }
#define TEST_ROW(n)                                                                                                 \
    { NULL, NULL, NULL, NULL, n##_2_0, n##_2_1, n##_2_0, n##_2_1, n##_4_0, n##_4_1, NULL, NULL, n##_4_0, n##_4_1, n##_7_0, n##_7_1 }
#define COMPARE_TABLE(n) { COMPARE_ROW(n##8), COMPARE_ROW(n##16), COMPARE_ROW(n##32), COMPARE_ROW(n##64) }
#define TEST_TABLE(n) { TEST_ROW(n##8), TEST_ROW(n##16), TEST_ROW(n##32), TEST_ROW(n##64) }
static FusedTable cmp_rr = COMPARE_TABLE(cmp_rr), cmp_ri = COMPARE_TABLE(cmp_ri), cmp_rm = COMPARE_TABLE(cmp_rm);
static FusedTable cmp_mr = COMPARE_TABLE(cmp_mr), cmp_mi = COMPARE_TABLE(cmp_mi);
static FusedTable test_rr = TEST_TABLE(test_rr), test_ri = TEST_TABLE(test_ri), test_mi = TEST_TABLE(test_mi);

/* DEC, SUB and ADD of a register with JZ, JNZ (and JS, JNS), of which loops are made. */
#define COUNTING(bits, name, DO, operand)                                                                           \
    COUNTING_ONE(bits, name, DO, operand, 4, result == 0) COUNTING_ONE(bits, name, DO, operand, 5, result != 0)     \
    COUNTING_ONE(bits, name, DO, operand, 8, (int##bits##_t)result < 0)                                             \
    COUNTING_ONE(bits, name, DO, operand, 9, (int##bits##_t)result >= 0)
#define COUNTING_ONE(bits, name, DO, operand, cond, holds)                                                          \
    HOT const X86Op *name##bits##_##cond(X86Exec *x, const X86Op *op)                                               \
    {                                                                                                               \
        uint##bits##_t a = REG(bits, op->rm), result;                                                               \
        DO(bits, a, operand)                                                                                        \
        PUT(bits, op->rm, result);                                                                                  \
        if (holds) {                                                                                                \
            return x86_taken(x, op + 1);                                                                            \
        }                                                                                                           \
        return x86_not_taken(x, op + 1);                                                                            \
    }
#define DO_DEC2(bits, a, b) { bool cf_ = x86_cf(x); uint##bits##_t r_ = (uint##bits##_t)((a) - 1); x86_cc_set(x, CC_DEC, SEXT(bits, a), cf_, SEXT(bits, r_)); result = r_; }
COUNTING(32, dec_, DO_DEC2, 1) COUNTING(64, dec_, DO_DEC2, 1)
COUNTING(32, sub_ri, DO_SUB, (uint32_t)op->imm) COUNTING(64, sub_ri, DO_SUB, op->imm)
COUNTING(32, add_ri, DO_ADD, (uint32_t)op->imm) COUNTING(64, add_ri, DO_ADD, op->imm)
COUNTING(32, and_ri, DO_AND, (uint32_t)op->imm) COUNTING(64, and_ri, DO_AND, op->imm)
#define COUNTING_TABLE(n) { { n##32_4, n##32_5, n##32_8, n##32_9 }, { n##64_4, n##64_5, n##64_8, n##64_9 } }

static bool fuse_counting(X86Op *op, unsigned cond)
{
    static X86OpFn *const dec[2][4] = COUNTING_TABLE(dec_), *const sub[2][4] = COUNTING_TABLE(sub_ri);
    static X86OpFn *const add[2][4] = COUNTING_TABLE(add_ri), *const and[2][4] = COUNTING_TABLE(and_ri);
    int column = cond == 4 || cond == 5 ? (int)cond - 4 : cond == 8 || cond == 9 ? (int)cond - 6 : -1;

    if (column < 0 || op->size < 4 || op->flags & X86_OP_MEM || (op->id != X86_DEC && !(op->flags & X86_OP_IMM))) {
        return false;
    }
    op->fn = (op->id == X86_DEC ? dec : op->id == X86_SUB ? sub : op->id == X86_ADD ? add : and)[op->size == 8][column];
    return true;
}

bool x86_fast_compare_and_branch(X86Op *op, const X86Op *branch)
{
    bool memory = op->flags & X86_OP_MEM, to_reg = op->flags & X86_OP_TO_REG, imm = op->flags & X86_OP_IMM;
    unsigned log_size = (unsigned)__builtin_ctz(op->size);
    X86OpFn *fn = NULL;

    switch (op->id) {
    case X86_CMP:
        fn = (imm ? (memory ? cmp_mi : cmp_ri) : !memory ? cmp_rr : to_reg ? cmp_rm : cmp_mr)[log_size][branch->cond & 15];
        break;
    case X86_TEST:
        if (!memory || imm) {
            fn = (memory ? test_mi : imm ? test_ri : test_rr)[log_size][branch->cond & 15];
        }
        break;
    case X86_DEC: case X86_SUB: case X86_ADD: case X86_AND:
        return fuse_counting(op, branch->cond & 15);
    }
    if (fn) {
        op->fn = fn;
    }
    return fn;
}

bool x86_fast_branch(X86Op *op, int form, bool wide)
{
    bool memory = op->flags & X86_OP_MEM;

    if (op->size != (wide ? 8 : 4) && op->id != X86_JCC && op->id != X86_JMP) {
        return false;
    }
    if (op->size == 2 || (memory && wide && form == FORM_W)) {
        return false;       /* the target, or the address, is cut */
    }
    switch (op->id) {
    case X86_JMP:
        op->fn = jmp;
        op->imm += op->offset + op->length;
        return true;
    case X86_JCC:
        op->fn = jcc[op->cond & 15];
        op->imm += op->offset + op->length;
        return true;
    case X86_CALL:
        op->fn = wide ? call_64 : call_32;
        op->imm += op->offset + op->length;
        return true;
    case X86_RET:
        op->fn = wide ? ret_64 : ret_32;
        op->imm = op->flags & X86_OP_IMM ? op->imm & 0xffff : 0;
        return true;
    case X86_JMP_IND:
        op->fn = memory ? (wide ? jmp_m64 : jmp_m32) : wide ? jmp_r64 : jmp_r32;
        return true;
    case X86_CALL_IND:
        op->link = NULL;
        op->fn = memory ? (wide ? call_m64 : call_m32) : wide ? call_r64 : call_r32;
        return true;
    default:
        return false;
    }
}
