/* Specialised handlers: arithmetic and logic. */
#include "target/i386/exec/fast.h"

#define KEEP(bits, place, value) PUT(bits, place, value)
#define DROP(bits, place, value) (void)(value)
#define KEEP_MEMORY(bits, NAME, address)                                                                            \
    {                                                                                                               \
        uint64_t at_ = (address);                                                                                   \
        uint##bits##_t *p_ = x86_modify##bits(x, at_), a_;                                                          \
                                                                                                                    \
        if (likely(p_)) {                                                                                           \
            memcpy(&a_, p_, sizeof(a_));                                                                            \
            DO_##NAME(bits, a_, b_)                                                                                 \
            memcpy(p_, &result, sizeof(result));                                                                    \
        } else {                                                                                                    \
            a_ = (uint##bits##_t)x86_ld_modify_slow(x, op, at_, bits / 8);                                          \
            DO_##NAME(bits, a_, b_)                                                                                 \
            x86_st_slow(x, op, at_, result, bits / 8);                                                              \
        }                                                                                                           \
    }
#define DROP_MEMORY(bits, NAME, address)                                                                            \
    {                                                                                                               \
        uint##bits##_t a_ = x86_ld##bits(x, op, address);                                                           \
        DO_##NAME(bits, a_, b_)                                                                                     \
        (void)result;                                                                                               \
    }

/* register, r/m register; register, immediate. For both orders: d is the destination's place, s the source's. */
#define REGISTERS(bits, NAME, DEST)                                                                                 \
    HOT const X86Op *NAME##_rr##bits(X86Exec *x, const X86Op *op)                                                   \
    {                                                                                                               \
        uint##bits##_t a_ = REG(bits, op->rm), b_ = REG(bits, op->reg), result;                                     \
        DO_##NAME(bits, a_, b_)                                                                                     \
        DEST(bits, op->rm, result);                                                                                 \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *NAME##_ri##bits(X86Exec *x, const X86Op *op)                                                   \
    {                                                                                                               \
        uint##bits##_t a_ = REG(bits, op->rm), b_ = (uint##bits##_t)op->imm, result;                                \
        DO_##NAME(bits, a_, b_)                                                                                     \
        DEST(bits, op->rm, result);                                                                                 \
        X86_NEXT(x, op, 1);                                                                                         \
    }
#define MEMORY(bits, NAME, DEST, DEST_MEMORY, form)                                                                 \
    HOT const X86Op *NAME##_rm_##form##bits(X86Exec *x, const X86Op *op)                                            \
    {                                                                                                               \
        uint##bits##_t a_, b_ = x86_ld##bits(x, op, ADDRESS_##form), result;                                        \
        a_ = REG(bits, op->reg);                                                                                    \
        DO_##NAME(bits, a_, b_)                                                                                     \
        DEST(bits, op->reg, result);                                                                                \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *NAME##_mr_##form##bits(X86Exec *x, const X86Op *op)                                            \
    {                                                                                                               \
        uint##bits##_t b_ = REG(bits, op->reg), result;                                                             \
        DEST_MEMORY(bits, NAME, ADDRESS_##form)                                                                     \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *NAME##_mi_##form##bits(X86Exec *x, const X86Op *op)                                            \
    {                                                                                                               \
        uint##bits##_t b_ = (uint##bits##_t)op->imm, result;                                                        \
        DEST_MEMORY(bits, NAME, ADDRESS_##form)                                                                     \
        X86_NEXT(x, op, 1);                                                                                         \
    }
#define ALL_FORMS(bits, NAME, DEST, DEST_MEMORY)                                                                    \
    REGISTERS(bits, NAME, DEST)                                                                                     \
    MEMORY(bits, NAME, DEST, DEST_MEMORY, b)                                                                        \
    MEMORY(bits, NAME, DEST, DEST_MEMORY, x)                                                                        \
    MEMORY(bits, NAME, DEST, DEST_MEMORY, w)

#define WRITES(NAME) FOR_SIZES(ALL_FORMS, NAME, KEEP, KEEP_MEMORY)
#define READS(NAME) FOR_SIZES(ALL_FORMS, NAME, DROP, DROP_MEMORY)
WRITES(ADD) WRITES(OR) WRITES(ADC) WRITES(SBB) WRITES(AND) WRITES(SUB) WRITES(XOR)
READS(CMP) READS(TEST)

typedef struct AluTable {
    SizeTable rr, ri;
    FormTable rm, mr, mi;
} AluTable;

#define TABLE(NAME)                                                                                                 \
    [X86_##NAME] = { SIZES_OF(NAME##_rr), SIZES_OF(NAME##_ri), FORMS_OF(NAME##_rm), FORMS_OF(NAME##_mr), FORMS_OF(NAME##_mi) }
static const AluTable alu_tables[] = {
    TABLE(ADD), TABLE(OR), TABLE(ADC), TABLE(SBB), TABLE(AND), TABLE(SUB), TABLE(XOR), TABLE(CMP), TABLE(TEST),
};

/* --- one operand --- */

#define DO_INC(bits, a) { bool cf_ = x86_cf(x); uint##bits##_t r_ = (uint##bits##_t)((a) + 1); x86_cc_set(x, CC_INC, SEXT(bits, a), cf_, SEXT(bits, r_)); result = r_; }
#define DO_DEC(bits, a) { bool cf_ = x86_cf(x); uint##bits##_t r_ = (uint##bits##_t)((a) - 1); x86_cc_set(x, CC_DEC, SEXT(bits, a), cf_, SEXT(bits, r_)); result = r_; }
#define DO_NEG(bits, a) { uint##bits##_t r_ = (uint##bits##_t)-(a); x86_cc_set(x, CC_SUB, 0, SEXT(bits, a), SEXT(bits, r_)); result = r_; }
#define DO_NOT(bits, a) { result = (uint##bits##_t)~(a); }

#define UNARY(bits, NAME)                                                                                           \
    HOT const X86Op *NAME##_r##bits(X86Exec *x, const X86Op *op)                                                    \
    {                                                                                                               \
        uint##bits##_t a_ = REG(bits, op->rm), result;                                                              \
        DO_##NAME(bits, a_)                                                                                         \
        PUT(bits, op->rm, result);                                                                                  \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    UNARY_MEMORY(bits, NAME, b) UNARY_MEMORY(bits, NAME, x) UNARY_MEMORY(bits, NAME, w)
#define UNARY_MEMORY(bits, NAME, form)                                                                              \
    HOT const X86Op *NAME##_m_##form##bits(X86Exec *x, const X86Op *op)                                             \
    {                                                                                                               \
        uint64_t at_ = ADDRESS_##form;                                                                              \
        uint##bits##_t *p_ = x86_modify##bits(x, at_), a_, result;                                                  \
                                                                                                                    \
        if (likely(p_)) {                                                                                           \
            memcpy(&a_, p_, sizeof(a_));                                                                            \
            DO_##NAME(bits, a_)                                                                                     \
            memcpy(p_, &result, sizeof(result));                                                                    \
        } else {                                                                                                    \
            a_ = (uint##bits##_t)x86_ld_modify_slow(x, op, at_, bits / 8);                                          \
            DO_##NAME(bits, a_)                                                                                     \
            x86_st_slow(x, op, at_, result, bits / 8);                                                              \
        }                                                                                                           \
        X86_NEXT(x, op, 1);                                                                                         \
    }
FOR_SIZES(UNARY, INC) FOR_SIZES(UNARY, DEC) FOR_SIZES(UNARY, NEG) FOR_SIZES(UNARY, NOT)

typedef struct UnaryTable {
    SizeTable r;
    FormTable m;
} UnaryTable;
#define UNARY_TABLE(NAME) [X86_##NAME] = { SIZES_OF(NAME##_r), FORMS_OF(NAME##_m) }
static const UnaryTable unary_tables[] = { UNARY_TABLE(INC), UNARY_TABLE(DEC), UNARY_TABLE(NEG), UNARY_TABLE(NOT) };

/* --- shifts of registers by a count that is not 0 --- */

#define DO_SHL(bits, a, n)                                                                                          \
    {                                                                                                               \
        uint##bits##_t r_ = (uint##bits##_t)((a) << (n));                                                           \
        bool cf_ = (a) >> (bits - (n)) & 1;                                                                         \
        x86_cc_mixed(x, SEXT(bits, r_), (cf_ ? FLAG_CF : 0) | ((r_ >> (bits - 1)) != cf_ ? FLAG_OF : 0));           \
        result = r_;                                                                                                \
    }
#define DO_SHR(bits, a, n)                                                                                          \
    {                                                                                                               \
        uint##bits##_t r_ = (uint##bits##_t)((a) >> (n));                                                           \
        x86_cc_mixed(x, SEXT(bits, r_), ((a) >> ((n) - 1) & 1) | ((n) == 1 && (a) >> (bits - 1) ? FLAG_OF : 0));    \
        result = r_;                                                                                                \
    }
#define DO_SAR(bits, a, n)                                                                                          \
    {                                                                                                               \
        uint##bits##_t r_ = (uint##bits##_t)((int##bits##_t)(a) >> (n));                                            \
        x86_cc_mixed(x, SEXT(bits, r_), (uint32_t)((int##bits##_t)(a) >> ((n) - 1)) & 1);                           \
        result = r_;                                                                                                \
    }
/* Rotates leave all flags but CF and OF. */
#define ROTATE_FLAGS(cf, of)                                                                                        \
    x86_set_arith(x, (x86_eflags(x) & FLAGS_ARITH & ~(uint32_t)(FLAG_CF | FLAG_OF)) | ((cf) ? FLAG_CF : 0) | ((of) ? FLAG_OF : 0))
#define DO_ROL(bits, a, n)                                                                                          \
    {                                                                                                               \
        uint##bits##_t r_ = (uint##bits##_t)((a) << (n) | (a) >> (bits - (n)));                                     \
        ROTATE_FLAGS(r_ & 1, (r_ >> (bits - 1) ^ r_) & 1);                                                          \
        result = r_;                                                                                                \
    }
#define DO_ROR(bits, a, n)                                                                                          \
    {                                                                                                               \
        uint##bits##_t r_ = (uint##bits##_t)((a) >> (n) | (a) << (bits - (n)));                                     \
        ROTATE_FLAGS(r_ >> (bits - 1), (r_ >> (bits - 1) ^ r_ >> (bits - 2)) & 1);                                  \
        result = r_;                                                                                                \
    }
#define SHIFT(bits, NAME)                                                                                           \
    HOT const X86Op *NAME##_i##bits(X86Exec *x, const X86Op *op)                                                    \
    {                                                                                                               \
        uint##bits##_t a_ = REG(bits, op->rm), result;                                                              \
        unsigned n_ = (unsigned)op->imm;                                                                            \
        DO_##NAME(bits, a_, n_)                                                                                     \
        PUT(bits, op->rm, result);                                                                                  \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *NAME##_c##bits(X86Exec *x, const X86Op *op)                                                    \
    {                                                                                                               \
        uint##bits##_t a_ = REG(bits, op->rm), result = a_;                                                         \
        unsigned n_ = REG(8, 8 * R_ECX) & (bits - 1);                                                               \
        if (likely(n_)) {                                                                                           \
            DO_##NAME(bits, a_, n_)                                                                                 \
        }                                                                                                           \
        PUT(bits, op->rm, result);                                                                                  \
        X86_NEXT(x, op, 1);                                                                                         \
    }
#define SHIFT_SIZES(NAME) SHIFT(32, NAME) SHIFT(64, NAME)
SHIFT_SIZES(SHL) SHIFT_SIZES(SHR) SHIFT_SIZES(SAR) SHIFT_SIZES(ROL) SHIFT_SIZES(ROR)

typedef struct ShiftTable {
    X86OpFn *i[2], *c[2];
} ShiftTable;
#define SHIFT_TABLE(NAME) [X86_##NAME] = { { NAME##_i32, NAME##_i64 }, { NAME##_c32, NAME##_c64 } }
static const ShiftTable shift_tables[] = {
    SHIFT_TABLE(SHL), SHIFT_TABLE(SHR), SHIFT_TABLE(SAR), SHIFT_TABLE(ROL), SHIFT_TABLE(ROR),
};

/* --- products --- */

#define MULTIPLY(bits, wide, source, NAME)                                                                          \
    HOT const X86Op *imul2_##NAME##bits(X86Exec *x, const X86Op *op)                                                \
    {                                                                                                               \
        wide p_ = (wide)(int##bits##_t)(source) * (int##bits##_t)REG(bits, op->reg);                                \
        x86_cc_mixed(x, SEXT(bits, p_), p_ != (int##bits##_t)p_ ? FLAG_CF | FLAG_OF : 0);                           \
        PUT(bits, op->reg, (uint##bits##_t)p_);                                                                     \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *imul3_##NAME##bits(X86Exec *x, const X86Op *op)                                                \
    {                                                                                                               \
        wide p_ = (wide)(int##bits##_t)(source) * (int##bits##_t)op->imm;                                           \
        x86_cc_mixed(x, SEXT(bits, p_), p_ != (int##bits##_t)p_ ? FLAG_CF | FLAG_OF : 0);                           \
        PUT(bits, op->reg, (uint##bits##_t)p_);                                                                     \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *mul_##NAME##bits(X86Exec *x, const X86Op *op)                                                  \
    {                                                                                                               \
        unsigned wide p_ = (unsigned wide)(uint##bits##_t)(source) * REG(bits, 8 * R_EAX);                          \
        uint##bits##_t high_ = (uint##bits##_t)(p_ >> bits);                                                        \
        PUT(bits, 8 * R_EAX, (uint##bits##_t)p_);                                                                   \
        PUT(bits, 8 * R_EDX, high_);                                                                                \
        x86_cc_mixed(x, SEXT(bits, p_), high_ ? FLAG_CF | FLAG_OF : 0);                                             \
        X86_NEXT(x, op, 1);                                                                                         \
    }
MULTIPLY(32, long, REG(32, op->rm), r)
MULTIPLY(64, __int128, REG(64, op->rm), r)
MULTIPLY(32, long, x86_ld32(x, op, ADDRESS_x), m)
MULTIPLY(64, __int128, x86_ld64(x, op, ADDRESS_x), m)

static bool choose_product(X86Op *op, int form, unsigned log_size)
{
    static X86OpFn *const mul[2][2] = { { mul_r32, mul_r64 }, { mul_m32, mul_m64 } };
    static X86OpFn *const imul2[2][2] = { { imul2_r32, imul2_r64 }, { imul2_m32, imul2_m64 } };
    static X86OpFn *const imul3[2][2] = { { imul3_r32, imul3_r64 }, { imul3_m32, imul3_m64 } };
    bool memory = op->flags & X86_OP_MEM;

    if (log_size < 2 || (memory && form > FORM_X)) {
        return false;
    }
    op->fn = (op->id == X86_MUL ? mul : op->flags & X86_OP_IMM ? imul3 : imul2)[memory][log_size - 2];
    return true;
}

/* --- choosing --- */

static bool choose_alu(X86Op *op, int form, unsigned log_size)
{
    const AluTable *t = &alu_tables[op->id];
    bool memory = op->flags & X86_OP_MEM, to_reg = op->flags & X86_OP_TO_REG, imm = op->flags & X86_OP_IMM;

    if (memory) {
        op->fn = imm ? t->mi[form][log_size] : to_reg ? t->rm[form][log_size] : t->mr[form][log_size];
        return true;
    }
    if (to_reg && !imm) {           /* the same instruction encoded the other way round */
        uint8_t reg = op->reg;

        op->reg = op->rm;
        op->rm = reg;
        op->flags &= ~X86_OP_TO_REG;
    }
    op->fn = imm ? t->ri[log_size] : t->rr[log_size];
    return true;
}

static bool choose_shift(X86Op *op, unsigned log_size)
{
    const ShiftTable *t = &shift_tables[op->id];

    if (op->flags & X86_OP_MEM || log_size < 2) {
        return false;
    }
    if (!(op->flags & X86_OP_IMM)) {
        op->fn = t->c[log_size - 2];
        return true;
    }
    op->imm &= log_size == 3 ? 63 : 31;
    op->fn = t->i[log_size - 2];
    return op->imm != 0;
}

bool x86_fast_alu(X86Op *op, int form, unsigned log_size)
{
    bool memory = op->flags & X86_OP_MEM;

    switch (op->id) {
    case X86_ADD: case X86_OR: case X86_ADC: case X86_SBB: case X86_AND: case X86_SUB: case X86_XOR: case X86_CMP: case X86_TEST:
        return choose_alu(op, form, log_size);
    case X86_INC: case X86_DEC: case X86_NEG: case X86_NOT:
        op->fn = memory ? unary_tables[op->id].m[form][log_size] : unary_tables[op->id].r[log_size];
        return true;
    case X86_SHL: case X86_SHR: case X86_SAR: case X86_ROL: case X86_ROR:
        return choose_shift(op, log_size);
    case X86_MUL: case X86_IMUL:
        return choose_product(op, form, log_size);
    default:
        return false;
    }
}
