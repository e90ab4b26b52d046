/* Specialised handlers: moves, addresses, conditional moves, the stack. */
#include "target/i386/exec/fast.h"

#define MOVES(bits)                                                                                                 \
    HOT const X86Op *mov_rr##bits(X86Exec *x, const X86Op *op)                                                      \
    {                                                                                                               \
        PUT(bits, op->rm, REG(bits, op->reg));                                                                      \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *mov_ri##bits(X86Exec *x, const X86Op *op)                                                      \
    {                                                                                                               \
        PUT(bits, op->rm, (uint##bits##_t)op->imm);                                                                 \
        X86_NEXT(x, op, 1);                                                                                         \
    }
#define MEMORY_MOVES(bits, form)                                                                                    \
    HOT const X86Op *mov_rm_##form##bits(X86Exec *x, const X86Op *op)                                               \
    {                                                                                                               \
        PUT(bits, op->reg, x86_ld##bits(x, op, ADDRESS_##form));                                                    \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *mov_mr_##form##bits(X86Exec *x, const X86Op *op)                                               \
    {                                                                                                               \
        x86_st##bits(x, op, ADDRESS_##form, REG(bits, op->reg));                                                    \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *mov_mi_##form##bits(X86Exec *x, const X86Op *op)                                               \
    {                                                                                                               \
        x86_st##bits(x, op, ADDRESS_##form, (uint##bits##_t)op->imm);                                               \
        X86_NEXT(x, op, 1);                                                                                         \
    }
#define EACH_FORM(bits, M) M(bits, b) M(bits, x) M(bits, w)
FOR_SIZES(MOVES) FOR_SIZES(EACH_FORM, MEMORY_MOVES)

static const SizeTable mov_rr = SIZES_OF(mov_rr), mov_ri = SIZES_OF(mov_ri);
static const FormTable mov_rm = FORMS_OF(mov_rm), mov_mr = FORMS_OF(mov_mr), mov_mi = FORMS_OF(mov_mi);

/* --- extension: from `from` bits to `bits` --- */

#define EXTEND(name, type, from, bits)                                                                              \
    HOT const X86Op *name##_r##from##_##bits(X86Exec *x, const X86Op *op)                                           \
    {                                                                                                               \
        PUT(bits, op->reg, (uint##bits##_t)(type)REG(from, op->rm));                                                \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    EXTEND_MEMORY(name, type, from, bits, b) EXTEND_MEMORY(name, type, from, bits, x) EXTEND_MEMORY(name, type, from, bits, w)
#define EXTEND_MEMORY(name, type, from, bits, form)                                                                 \
    HOT const X86Op *name##_m_##form##from##_##bits(X86Exec *x, const X86Op *op)                                    \
    {                                                                                                               \
        PUT(bits, op->reg, (uint##bits##_t)(type)x86_ld##from(x, op, ADDRESS_##form));                              \
        X86_NEXT(x, op, 1);                                                                                         \
    }
EXTEND(movzx, uint8_t, 8, 32) EXTEND(movzx, uint16_t, 16, 32)
EXTEND(movsx, int8_t, 8, 32) EXTEND(movsx, int16_t, 16, 32)
EXTEND(movsx, int8_t, 8, 64) EXTEND(movsx, int16_t, 16, 64) EXTEND(movsx, int32_t, 32, 64)

typedef X86OpFn *const ExtendTable[1 + FORMS];      /* register, then by form */
#define EXTENDS(name, from, bits)                                                                                   \
    { name##_r##from##_##bits, name##_m_b##from##_##bits, name##_m_x##from##_##bits, name##_m_w##from##_##bits }

static bool choose_extension(X86Op *op, int form)
{
    static ExtendTable zero[2] = { EXTENDS(movzx, 8, 32), EXTENDS(movzx, 16, 32) };
    static ExtendTable sign_32[2] = { EXTENDS(movsx, 8, 32), EXTENDS(movsx, 16, 32) };
    static ExtendTable sign_64[3] = { EXTENDS(movsx, 8, 64), EXTENDS(movsx, 16, 64), EXTENDS(movsx, 32, 64) };
    unsigned from = op->size2 / 2, kind = op->flags & X86_OP_MEM ? 1 + (unsigned)form : 0;

    if (op->size < 4 || from > (op->size == 8 && op->id != X86_MOVZX ? 2 : 1)) {
        return false;
    }
    op->fn = op->id == X86_MOVZX ? zero[from][kind] : op->size == 8 ? sign_64[from][kind] : sign_32[from][kind];
    return true;
}

/* --- LEA and others of registers --- */

#define LEA(bits, form)                                                                                             \
    HOT const X86Op *lea_##form##bits(X86Exec *x, const X86Op *op)                                                  \
    {                                                                                                               \
        PUT(bits, op->reg, (uint##bits##_t)(ADDRESS_##form));                                                       \
        X86_NEXT(x, op, 1);                                                                                         \
    }
LEA(32, b) LEA(64, b) LEA(32, x) LEA(64, x) LEA(32, w) LEA(64, w)

#define REGISTER_MISC(bits, half)                                                                                   \
    HOT const X86Op *xchg_rr##bits(X86Exec *x, const X86Op *op)                                                     \
    {                                                                                                               \
        uint##bits##_t a = REG(bits, op->rm), b = REG(bits, op->reg);                                               \
        PUT(bits, op->rm, b);                                                                                       \
        PUT(bits, op->reg, a);                                                                                      \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *cbw_##bits(X86Exec *x, const X86Op *op)                                                        \
    {                                                                                                               \
        PUT(bits, 8 * R_EAX, (uint##bits##_t)SEXT(half, REG(half, 8 * R_EAX)));                                     \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *cwd_##bits(X86Exec *x, const X86Op *op)                                                        \
    {                                                                                                               \
        PUT(bits, 8 * R_EDX, (uint##bits##_t)((int##bits##_t)REG(bits, 8 * R_EAX) >> (bits - 1)));                  \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *bswap_##bits(X86Exec *x, const X86Op *op)                                                      \
    {                                                                                                               \
        PUT(bits, op->rm, __builtin_bswap##bits(REG(bits, op->rm)));                                                \
        X86_NEXT(x, op, 1);                                                                                         \
    }
REGISTER_MISC(32, 16) REGISTER_MISC(64, 32)

/* --- conditions --- */

#define CONDITIONAL(cond)                                                                                           \
    HOT const X86Op *set##cond(X86Exec *x, const X86Op *op)                                                         \
    {                                                                                                               \
        REG(8, op->rm) = x86_condition(x, cond);                                                                    \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    CMOV(32, cond) CMOV(64, cond)
#define CMOV(bits, cond)                                                                                            \
    HOT const X86Op *cmov##cond##_r##bits(X86Exec *x, const X86Op *op)                                              \
    {                                                                                                               \
        uint##bits##_t value = REG(bits, op->reg);                                                                  \
        if (x86_condition(x, cond)) {                                                                               \
            value = REG(bits, op->rm);                                                                              \
        }                                                                                                           \
        PUT(bits, op->reg, value);                                                                                  \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *cmov##cond##_m##bits(X86Exec *x, const X86Op *op)                                              \
    {                                                                                                               \
        uint##bits##_t value = x86_ld##bits(x, op, ADDRESS_x);                                                      \
        if (!x86_condition(x, cond)) {                                                                              \
            value = REG(bits, op->reg);                                                                             \
        }                                                                                                           \
        PUT(bits, op->reg, value);                                                                                  \
        X86_NEXT(x, op, 1);                                                                                         \
    }
#define EACH_CONDITION(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15)
EACH_CONDITION(CONDITIONAL)

#define SET(cond) set##cond,
static X86OpFn *const setcc[16] = { EACH_CONDITION(SET) };
#define CMOVS(cond) { { cmov##cond##_r32, cmov##cond##_r64 }, { cmov##cond##_m32, cmov##cond##_m64 } },
static X86OpFn *const cmovs[16][2][2] = { EACH_CONDITION(CMOVS) };

/* --- the stack: 64-bit, and flat 32-bit --- */

#define STACK(bits)                                                                                                 \
    HOT const X86Op *push_r##bits(X86Exec *x, const X86Op *op)                                                      \
    {                                                                                                               \
        uint##bits##_t sp = REG(bits, 8 * R_ESP) - bits / 8;                                                        \
        x86_st##bits(x, op, sp, REG(bits, op->rm));                                                                 \
        PUT(bits, 8 * R_ESP, sp);                                                                                   \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *push_i##bits(X86Exec *x, const X86Op *op)                                                      \
    {                                                                                                               \
        uint##bits##_t sp = REG(bits, 8 * R_ESP) - bits / 8;                                                        \
        x86_st##bits(x, op, sp, (uint##bits##_t)op->imm);                                                           \
        PUT(bits, 8 * R_ESP, sp);                                                                                   \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *pop_r##bits(X86Exec *x, const X86Op *op)                                                       \
    {                                                                                                               \
        uint##bits##_t sp = REG(bits, 8 * R_ESP), value = x86_ld##bits(x, op, sp);                                  \
        PUT(bits, 8 * R_ESP, (uint##bits##_t)(sp + bits / 8));                                                      \
        PUT(bits, op->rm, value);                                                                                   \
        X86_NEXT(x, op, 1);                                                                                         \
    }                                                                                                               \
    HOT const X86Op *leave_##bits(X86Exec *x, const X86Op *op)                                                      \
    {                                                                                                               \
        uint##bits##_t bp = REG(bits, 8 * R_EBP), value = x86_ld##bits(x, op, bp);                                  \
        PUT(bits, 8 * R_ESP, (uint##bits##_t)(bp + bits / 8));                                                      \
        PUT(bits, 8 * R_EBP, value);                                                                                \
        X86_NEXT(x, op, 1);                                                                                         \
    }
STACK(32) STACK(64)

#define PUSH_MEMORY(bits, form)                                                                                     \
    HOT const X86Op *push_m##bits(X86Exec *x, const X86Op *op)                                                      \
    {                                                                                                               \
        uint##bits##_t value = x86_ld##bits(x, op, ADDRESS_##form), sp = REG(bits, 8 * R_ESP) - bits / 8;           \
        x86_st##bits(x, op, sp, value);                                                                             \
        PUT(bits, 8 * R_ESP, sp);                                                                                   \
        X86_NEXT(x, op, 1);                                                                                         \
    }
PUSH_MEMORY(32, w) PUSH_MEMORY(64, x)

/* --- choosing --- */

static bool choose_mov(X86Op *op, int form, unsigned log_size)
{
    bool to_reg = op->flags & X86_OP_TO_REG, imm = op->flags & X86_OP_IMM;

    if (op->flags & X86_OP_MEM) {
        op->fn = to_reg ? mov_rm[form][log_size] : imm ? mov_mi[form][log_size] : mov_mr[form][log_size];
        return true;
    }
    if (to_reg && !imm) {
        uint8_t reg = op->reg;

        op->reg = op->rm;
        op->rm = reg;
    }
    op->fn = imm ? mov_ri[log_size] : mov_rr[log_size];
    return true;
}

static bool choose_stack(X86Op *op, bool wide)
{
    bool memory = op->flags & X86_OP_MEM, imm = op->flags & X86_OP_IMM;

    if (op->size != (wide ? 8 : 4) || (memory && (op->id != X86_PUSH || (wide && op->addr_size == 4)))) {
        return false;
    }
    switch (op->id) {
    case X86_PUSH:
        op->fn = imm ? (wide ? push_i64 : push_i32) : memory ? (wide ? push_m64 : push_m32) : wide ? push_r64 : push_r32;
        return true;
    case X86_POP:
        op->fn = wide ? pop_r64 : pop_r32;
        return true;
    default:
        op->fn = wide ? leave_64 : leave_32;
        return true;
    }
}

bool x86_fast_move(X86Op *op, int form, unsigned log_size, bool wide)
{
    static X86OpFn *const lea[FORMS][2] = { { lea_b32, lea_b64 }, { lea_x32, lea_x64 }, { lea_w32, lea_w64 } };
    static X86OpFn *const xchg[2] = { xchg_rr32, xchg_rr64 }, *const cbw[2] = { cbw_32, cbw_64 };
    static X86OpFn *const cwd[2] = { cwd_32, cwd_64 }, *const bswap[2] = { bswap_32, bswap_64 };
    bool memory = op->flags & X86_OP_MEM, big = log_size >= 2;

    switch (op->id) {
    case X86_MOV: case X86_MOVNTI:
        return choose_mov(op, form, log_size);
    case X86_MOVZX:
        if (op->size == 8 && op->size2 <= 2) {
            op->size = 4;           /* the upper half is zero either way */
        }
        return choose_extension(op, form);
    case X86_MOVSX: case X86_MOVSXD:
        return choose_extension(op, form);
    case X86_LEA:
        op->fn = lea[form][log_size & 1];
        return big;
    case X86_XCHG:
        op->fn = xchg[log_size & 1];
        return big && !memory;
    case X86_CBW:
        op->fn = cbw[log_size & 1];
        return big;
    case X86_CWD:
        op->fn = cwd[log_size & 1];
        return big;
    case X86_BSWAP:
        op->fn = bswap[log_size & 1];
        return big;
    case X86_SETCC:
        op->fn = setcc[op->cond & 15];
        return !memory;
    case X86_CMOVCC:
        op->fn = cmovs[op->cond & 15][memory][log_size & 1];
        return big && !(memory && form > FORM_X);
    case X86_PUSH: case X86_POP: case X86_LEAVE:
        return choose_stack(op, wide);
    default:
        return false;
    }
}
