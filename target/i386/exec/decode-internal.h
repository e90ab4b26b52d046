/*
 * The decoder's tables, after appendix A of SDM vol. 2: a map is an array of entries by opcode. An entry names an
 * instruction, the form of its operands and what restricts it; or it refers to a further table, by one more piece of
 * the encoding (a "group"). Forms are spelled as there: E is the r/m operand in general registers, G ModRM.reg, V and W
 * the same for XMM and YMM, P and Q for MMX, H VEX.vvvv (only in VEX form), B VEX.vvvv in general registers, I an
 * immediate, J a branch distance, M memory; then b, w, v … for the size; numbers are bytes in memory.
 */
#ifndef TARGET_I386_EXEC_DECODE_INTERNAL_H
#define TARGET_I386_EXEC_DECODE_INTERNAL_H

#include "target/i386/exec/insn.h"

/* Which register file a field selects from. */
enum {
    FILE_NONE, FILE_GENERAL, FILE_VECTOR, FILE_MMX, FILE_SEGMENT, FILE_CONTROL, FILE_DEBUG, FILE_X87,
    FILE_OPCODE,                 /* general, from the low bits of the opcode */
    FILE_RAX,
};

/* Sizes: rows of size_bytes[] in decode.c, which gives them in bytes by operand size. */
enum {
    SIZE_NONE, SIZE_B, SIZE_W, SIZE_D, SIZE_Q, SIZE_DQ, SIZE_T,
    SIZE_V,                     /* operand size: 2, 4, 8 */
    SIZE_Z,                     /* the same, but at most 4 */
    SIZE_Y,                     /* at least 4 */
    SIZE_2V,                    /* BOUND's pair */
    SIZE_P,                     /* far pointer */
    SIZE_ENV, SIZE_STATE,       /* x87 environment and state */
    /* by VEX.L: the vector, and what a widening or narrowing instruction has of it in memory; MOVDDUP's */
    SIZE_X, SIZE_X2, SIZE_X4, SIZE_X8, SIZE_DUP,
    SIZE_E,                     /* by W: 4 or 8 */
    SIZE_A,                     /* by mode: 8 in 64-bit mode, else 4 */
    SIZE_S,                     /* by mode: a descriptor table register: 6 or 10 */
    SIZES
};

enum {
    IMM_NONE, IMM_1,
    IMM_Ib,                     /* byte, sign-extended */
    IMM_Ub,                     /* byte, not */
    IMM_Iz, IMM_Iv, IMM_Iw,
    IMM_IwIb,                   /* ENTER */
    IMM_UbUb,                   /* EXTRQ, INSERTQ */
    IMM_Is4,                    /* a register number in the upper half */
    IMM_Ap, IMM_Jb, IMM_Jz, IMM_Offset,
};

enum {                          /* flags of a form */
    MODRM = 1, TO_REG = 2,
    VECTOR_H = 4, GENERAL_B = 8,
    MOD_IGNORED = 16,           /* r/m is a register whatever mod says */
    VSIB = 32,
};

/* F(form, reg, rm, size, size2, imm, flags) */
#define X86_FORMS(F)                                                                                                   \
    F(None, NONE, NONE, NONE, NONE, NONE, 0)                                                                           \
    F(Nv, NONE, NONE, V, V, NONE, 0)                                                                                   \
    F(Nz, NONE, NONE, Z, Z, NONE, 0)                                                                                   \
    F(Nb, NONE, NONE, B, B, NONE, 0)                                                                                   \
    F(Eb, NONE, GENERAL, B, B, NONE, MODRM)                                                                            \
    F(Ew, NONE, GENERAL, W, W, NONE, MODRM)                                                                            \
    F(Ev, NONE, GENERAL, V, V, NONE, MODRM)                                                                            \
    F(Ey, NONE, GENERAL, Y, Y, NONE, MODRM)                                                                            \
    F(EvMw, NONE, GENERAL, V, W, NONE, MODRM)                                                                          \
    F(Eany, NONE, GENERAL, V, NONE, NONE, MODRM)                                                                       \
    F(Eb1, NONE, GENERAL, B, B, 1, MODRM)                                                                              \
    F(Ev1, NONE, GENERAL, V, V, 1, MODRM)                                                                              \
    F(EbUb, NONE, GENERAL, B, B, Ub, MODRM)                                                                            \
    F(EvUb, NONE, GENERAL, V, V, Ub, MODRM)                                                                            \
    F(EbIb, NONE, GENERAL, B, B, Ib, MODRM)                                                                            \
    F(EvIb, NONE, GENERAL, V, V, Ib, MODRM)                                                                            \
    F(EvIz, NONE, GENERAL, V, V, Iz, MODRM)                                                                            \
    F(EbGb, GENERAL, GENERAL, B, B, NONE, MODRM)                                                                       \
    F(EwGw, GENERAL, GENERAL, W, W, NONE, MODRM)                                                                       \
    F(EvGv, GENERAL, GENERAL, V, V, NONE, MODRM)                                                                       \
    F(EyGy, GENERAL, GENERAL, Y, Y, NONE, MODRM)                                                                       \
    F(EvGvUb, GENERAL, GENERAL, V, V, Ub, MODRM)                                                                       \
    F(GbEb, GENERAL, GENERAL, B, B, NONE, MODRM | TO_REG)                                                              \
    F(GvEv, GENERAL, GENERAL, V, V, NONE, MODRM | TO_REG)                                                              \
    F(GvEb, GENERAL, GENERAL, V, B, NONE, MODRM | TO_REG)                                                              \
    F(GvEw, GENERAL, GENERAL, V, W, NONE, MODRM | TO_REG)                                                              \
    F(GvEz, GENERAL, GENERAL, V, Z, NONE, MODRM | TO_REG)                                                              \
    F(GyEy, GENERAL, GENERAL, Y, Y, NONE, MODRM | TO_REG)                                                              \
    F(GyEb, GENERAL, GENERAL, Y, B, NONE, MODRM | TO_REG)                                                              \
    F(GyEv, GENERAL, GENERAL, Y, V, NONE, MODRM | TO_REG)                                                              \
    F(GvEvIz, GENERAL, GENERAL, V, V, Iz, MODRM | TO_REG)                                                              \
    F(GvEvIb, GENERAL, GENERAL, V, V, Ib, MODRM | TO_REG)                                                              \
    F(GvM, GENERAL, GENERAL, V, NONE, NONE, MODRM | TO_REG)                                                            \
    F(GvMa, GENERAL, GENERAL, V, 2V, NONE, MODRM | TO_REG)                                                             \
    F(GvMp, GENERAL, GENERAL, V, P, NONE, MODRM | TO_REG)                                                              \
    F(GaMdq, GENERAL, GENERAL, A, DQ, NONE, MODRM | TO_REG)                                                            \
    F(Mp, NONE, GENERAL, V, P, NONE, MODRM)                                                                            \
    F(Ms, NONE, GENERAL, V, S, NONE, MODRM)                                                                            \
    F(M, NONE, GENERAL, NONE, NONE, NONE, MODRM)                                                                       \
    F(Md, NONE, GENERAL, D, D, NONE, MODRM)                                                                            \
    F(Mq, NONE, GENERAL, Q, Q, NONE, MODRM)                                                                            \
    F(Mdq, NONE, GENERAL, DQ, DQ, NONE, MODRM)                                                                         \
    /* a register in the opcode; the accumulator */                                                                    \
    F(Zv, OPCODE, OPCODE, V, V, NONE, 0)                                                                               \
    F(ZbIb, OPCODE, OPCODE, B, B, Ib, 0)                                                                               \
    F(ZvIv, OPCODE, OPCODE, V, V, Iv, 0)                                                                               \
    F(ZvAv, RAX, OPCODE, V, V, NONE, 0)                                                                                \
    F(AbIb, NONE, RAX, B, B, Ib, 0)                                                                                    \
    F(AvIz, NONE, RAX, V, V, Iz, 0)                                                                                    \
    F(AbOb, RAX, NONE, B, B, Offset, TO_REG)                                                                           \
    F(AvOv, RAX, NONE, V, V, Offset, TO_REG)                                                                           \
    F(ObAb, RAX, NONE, B, B, Offset, 0)                                                                                \
    F(OvAv, RAX, NONE, V, V, Offset, 0)                                                                                \
    F(AbUb, RAX, NONE, B, W, Ub, TO_REG)        /* ports */                                                            \
    F(AzUb, RAX, NONE, Z, W, Ub, TO_REG)                                                                               \
    F(UbAb, RAX, NONE, B, W, Ub, 0)                                                                                    \
    F(UbAz, RAX, NONE, Z, W, Ub, 0)                                                                                    \
    F(AbDx, RAX, NONE, B, W, NONE, TO_REG)                                                                             \
    F(AzDx, RAX, NONE, Z, W, NONE, TO_REG)                                                                             \
    F(DxAb, RAX, NONE, B, W, NONE, 0)                                                                                  \
    F(DxAz, RAX, NONE, Z, W, NONE, 0)                                                                                  \
    /* immediates, branches */                                                                                         \
    F(Ub, NONE, NONE, NONE, NONE, Ub, 0)                                                                               \
    F(Ib, NONE, NONE, V, V, Ib, 0)                                                                                     \
    F(Iz, NONE, NONE, V, V, Iz, 0)                                                                                     \
    F(Iw, NONE, NONE, V, V, Iw, 0)                                                                                     \
    F(IwIb, NONE, NONE, V, V, IwIb, 0)                                                                                 \
    F(Jb, NONE, NONE, V, V, Jb, 0)                                                                                     \
    F(Jz, NONE, NONE, V, V, Jz, 0)                                                                                     \
    F(Ap, NONE, NONE, V, P, Ap, 0)                                                                                     \
    /* segment, control and debug registers */                                                                         \
    F(EvSw, SEGMENT, GENERAL, V, W, NONE, MODRM)                                                                       \
    F(SwEw, SEGMENT, GENERAL, W, W, NONE, MODRM | TO_REG)                                                              \
    F(RaCa, CONTROL, GENERAL, A, A, NONE, MODRM | MOD_IGNORED)                                                         \
    F(CaRa, CONTROL, GENERAL, A, A, NONE, MODRM | MOD_IGNORED | TO_REG)                                                \
    F(RaDa, DEBUG, GENERAL, A, A, NONE, MODRM | MOD_IGNORED)                                                           \
    F(DaRa, DEBUG, GENERAL, A, A, NONE, MODRM | MOD_IGNORED | TO_REG)                                                  \
    F(Ra, NONE, GENERAL, A, A, NONE, MODRM)                                                                            \
    /* x87 */                                                                                                          \
    F(FNone, NONE, NONE, NONE, NONE, NONE, MODRM)                                                                      \
    F(Fi, NONE, X87, NONE, NONE, NONE, MODRM)                                                                          \
    F(F0Fi, NONE, X87, NONE, NONE, NONE, MODRM | TO_REG)                                                               \
    F(FEw, NONE, X87, W, W, NONE, MODRM)                                                                               \
    F(FMw, NONE, X87, W, W, NONE, MODRM)                                                                               \
    F(FMd, NONE, X87, D, D, NONE, MODRM)                                                                               \
    F(FMq, NONE, X87, Q, Q, NONE, MODRM)                                                                               \
    F(FMt, NONE, X87, T, T, NONE, MODRM)                                                                               \
    F(FMenv, NONE, X87, ENV, ENV, NONE, MODRM)                                                                         \
    F(FMstate, NONE, X87, STATE, STATE, NONE, MODRM)                                                                   \
    /* MMX */                                                                                                          \
    F(PQ8, MMX, MMX, Q, Q, NONE, MODRM | TO_REG)                                                                       \
    F(PQ4, MMX, MMX, Q, D, NONE, MODRM | TO_REG)                                                                       \
    F(Q8P, MMX, MMX, Q, Q, NONE, MODRM)                                                                                \
    F(PQ8Ib, MMX, MMX, Q, Q, Ub, MODRM | TO_REG)                                                                       \
    F(QIb, NONE, MMX, Q, Q, Ub, MODRM)                                                                                 \
    F(PEy, MMX, GENERAL, Y, Y, NONE, MODRM | TO_REG)                                                                   \
    F(EyP, MMX, GENERAL, Y, Y, NONE, MODRM)                                                                            \
    F(PEwIb, MMX, GENERAL, D, W, Ub, MODRM | TO_REG)                                                                   \
    F(GQ, GENERAL, MMX, Q, Q, NONE, MODRM | TO_REG)                                                                    \
    F(GQIb, GENERAL, MMX, D, Q, Ub, MODRM | TO_REG)                                                                    \
    F(VQ8, VECTOR, MMX, DQ, Q, NONE, MODRM | TO_REG)                                                                   \
    F(PW8, MMX, VECTOR, DQ, Q, NONE, MODRM | TO_REG)                                                                   \
    F(PWx, MMX, VECTOR, DQ, DQ, NONE, MODRM | TO_REG)                                                                  \
    /* vectors */                                                                                                      \
    F(VWx, VECTOR, VECTOR, X, X, NONE, MODRM | TO_REG)                                                                 \
    F(VWx2, VECTOR, VECTOR, X, X2, NONE, MODRM | TO_REG)                                                               \
    F(VWx4, VECTOR, VECTOR, X, X4, NONE, MODRM | TO_REG)                                                               \
    F(VWx8, VECTOR, VECTOR, X, X8, NONE, MODRM | TO_REG)                                                               \
    F(VWdup, VECTOR, VECTOR, X, DUP, NONE, MODRM | TO_REG)                                                             \
    F(VW1, VECTOR, VECTOR, X, B, NONE, MODRM | TO_REG)                                                                 \
    F(VW2, VECTOR, VECTOR, X, W, NONE, MODRM | TO_REG)                                                                 \
    F(VW4, VECTOR, VECTOR, X, D, NONE, MODRM | TO_REG)                                                                 \
    F(VW8, VECTOR, VECTOR, X, Q, NONE, MODRM | TO_REG)                                                                 \
    F(VW16, VECTOR, VECTOR, X, DQ, NONE, MODRM | TO_REG)                                                               \
    F(VWxIb, VECTOR, VECTOR, X, X, Ub, MODRM | TO_REG)                                                                 \
    F(VW16Ib, VECTOR, VECTOR, X, DQ, Ub, MODRM | TO_REG)                                                               \
    F(VHWx, VECTOR, VECTOR, X, X, NONE, MODRM | TO_REG | VECTOR_H)                                                     \
    F(VHWe, VECTOR, VECTOR, X, E, NONE, MODRM | TO_REG | VECTOR_H)                                                     \
    F(VHW4, VECTOR, VECTOR, X, D, NONE, MODRM | TO_REG | VECTOR_H)                                                     \
    F(VHW8, VECTOR, VECTOR, X, Q, NONE, MODRM | TO_REG | VECTOR_H)                                                     \
    F(VHW16, VECTOR, VECTOR, X, DQ, NONE, MODRM | TO_REG | VECTOR_H)                                                   \
    F(VHWxIb, VECTOR, VECTOR, X, X, Ub, MODRM | TO_REG | VECTOR_H)                                                     \
    F(VHW4Ib, VECTOR, VECTOR, X, D, Ub, MODRM | TO_REG | VECTOR_H)                                                     \
    F(VHW8Ib, VECTOR, VECTOR, X, Q, Ub, MODRM | TO_REG | VECTOR_H)                                                     \
    F(VHW16Ib, VECTOR, VECTOR, X, DQ, Ub, MODRM | TO_REG | VECTOR_H)                                                   \
    F(VHWxIs4, VECTOR, VECTOR, X, X, Is4, MODRM | TO_REG | VECTOR_H)                                                   \
    F(VWIbIb, VECTOR, VECTOR, X, DQ, UbUb, MODRM | TO_REG)                                                             \
    F(WIbIb, NONE, VECTOR, X, DQ, UbUb, MODRM)                                                                         \
    F(WVx, VECTOR, VECTOR, X, X, NONE, MODRM)                                                                          \
    F(W4V, VECTOR, VECTOR, X, D, NONE, MODRM)                                                                          \
    F(W8V, VECTOR, VECTOR, X, Q, NONE, MODRM)                                                                          \
    F(WHVx, VECTOR, VECTOR, X, X, NONE, MODRM | VECTOR_H)                                                              \
    F(W16VIb, VECTOR, VECTOR, X, DQ, Ub, MODRM)                                                                        \
    F(Wx2VIb, VECTOR, VECTOR, X, X2, Ub, MODRM)                                                                        \
    F(HWIb, NONE, VECTOR, X, X, Ub, MODRM | VECTOR_H)                                                                  \
    F(VHVsib, VECTOR, VECTOR, X, E, NONE, MODRM | TO_REG | VECTOR_H | VSIB)                                            \
    F(VN, VECTOR, MMX, X, Q, NONE, MODRM | TO_REG)                                                                     \
    F(PU, MMX, VECTOR, Q, DQ, NONE, MODRM | TO_REG)                                                                    \
    F(GUx, GENERAL, VECTOR, X, X, NONE, MODRM | TO_REG)                                                                \
    F(GUIb, GENERAL, VECTOR, D, DQ, Ub, MODRM | TO_REG)                                                                \
    F(GW4, GENERAL, VECTOR, Y, D, NONE, MODRM | TO_REG)                                                                \
    F(GW8, GENERAL, VECTOR, Y, Q, NONE, MODRM | TO_REG)                                                                \
    F(VEy, VECTOR, GENERAL, Y, Y, NONE, MODRM | TO_REG)                                                                \
    F(EyV, VECTOR, GENERAL, Y, Y, NONE, MODRM)                                                                         \
    F(VHEy, VECTOR, GENERAL, Y, Y, NONE, MODRM | TO_REG | VECTOR_H)                                                    \
    F(VHEbIb, VECTOR, GENERAL, D, B, Ub, MODRM | TO_REG | VECTOR_H)                                                    \
    F(VHEwIb, VECTOR, GENERAL, D, W, Ub, MODRM | TO_REG | VECTOR_H)                                                    \
    F(VHEyIb, VECTOR, GENERAL, Y, Y, Ub, MODRM | TO_REG | VECTOR_H)                                                    \
    F(EbVIb, VECTOR, GENERAL, D, B, Ub, MODRM)                                                                         \
    F(EwVIb, VECTOR, GENERAL, D, W, Ub, MODRM)                                                                         \
    F(EdVIb, VECTOR, GENERAL, D, D, Ub, MODRM)                                                                         \
    F(EyVIb, VECTOR, GENERAL, Y, Y, Ub, MODRM)                                                                         \
    /* general registers, VEX-encoded */                                                                               \
    F(GyByEy, GENERAL, GENERAL, Y, Y, NONE, MODRM | TO_REG | GENERAL_B)                                                \
    F(ByEy, NONE, GENERAL, Y, Y, NONE, MODRM | GENERAL_B)                                                              \
    F(GyEyIb, GENERAL, GENERAL, Y, Y, Ub, MODRM | TO_REG)

enum {
#define X86_FORM_NAME(form, reg, rm, size, size2, imm, flags) FORM_##form,
    X86_FORMS(X86_FORM_NAME)
#undef X86_FORM_NAME
    FORM_TABLE,                 /* no form: `id` is the index of a further table */
};

typedef struct DecodeForm {
    uint8_t reg, rm, size, size2, imm, flags;
} DecodeForm;

enum {                          /* what restricts or alters an entry */
    LOCKS = 1 << 0,             /* LOCK is valid, with a memory operand */
    I64 = 1 << 1,               /* undefined in 64-bit mode */
    O64 = 1 << 2,               /* defined in 64-bit mode only */
    MEMONLY = 1 << 3,
    REGONLY = 1 << 4,
    D64 = 1 << 5,               /* operand size is 64 bits in 64-bit mode, or 16 with its prefix */
    F64 = 1 << 6,               /* the same without a say of the prefix */
    COND = 1 << 7,              /* a condition in the opcode */
    VEX = 1 << 8,               /* there is a VEX form */
    VEXONLY = 1 << 9,           /* … and no other */
    L0 = 1 << 10,               /* the VEX form is undefined with the other L or W */
    L1 = 1 << 11,
    W0 = 1 << 12,
    W1 = 1 << 13,
    W064 = 1 << 14,             /* W0, but outside of 64-bit mode W is ignored */
    NP = 1 << 15,               /* undefined with 66, F2 and F3 */
};

typedef struct DecodeEntry {
    uint16_t id;
    uint16_t form;
    uint32_t attributes;
} DecodeEntry;

/* What the next table is indexed by. */
enum {
    BY_REG,                     /* ModRM.reg, 8 entries */
    BY_RM,                      /* ModRM.rm, 8 */
    BY_MOD,                     /* 2: memory, register */
    BY_PREFIX,                  /* 4: none, 66, F3, F2; the prefix becomes part of the opcode */
    BY_PREFIX_ROW,              /* the row of that sort for the opcode in the map's vector table */
    BY_MODE,                    /* 2: not, in 64-bit mode */
    BY_W, BY_L, BY_VEX,         /* 2: 0, 1 */
};

/* A group. Unfilled entries are undefined. */
typedef struct DecodeTable {
    uint8_t by;
    DecodeEntry entries[8];
} DecodeTable;

#define I(insn, form, attributes) { X86_##insn, FORM_##form, attributes }
#define T(table) { TABLE_##table, FORM_TABLE, 0 }

enum {                          /* indices of x86_decode_tables */
    TABLE_PREFIX_ROW,
    TABLE_63, TABLE_GROUP_1_EbIb, TABLE_GROUP_1_EvIz, TABLE_GROUP_1_EbIb_82, TABLE_GROUP_1_EvIb,
    TABLE_GROUP_1A,
    TABLE_GROUP_2_EbUb, TABLE_GROUP_2_EvUb, TABLE_GROUP_2_Eb1, TABLE_GROUP_2_Ev1, TABLE_GROUP_2_Eb, TABLE_GROUP_2_Ev,
    TABLE_GROUP_3_Eb, TABLE_GROUP_3_Ev, TABLE_GROUP_4, TABLE_GROUP_5, TABLE_GROUP_11_EbIb, TABLE_GROUP_11_EvIz,
    TABLE_GROUP_6, TABLE_GROUP_7, TABLE_GROUP_7_MEM, TABLE_GROUP_7_REG, TABLE_GROUP_7_REG_1, TABLE_GROUP_7_REG_2,
    TABLE_GROUP_7_REG_3, TABLE_GROUP_7_REG_5, TABLE_GROUP_7_REG_7, TABLE_GROUP_8,
    TABLE_GROUP_9, TABLE_GROUP_9_MEM, TABLE_GROUP_9_REG, TABLE_CMPXCHG8B, TABLE_RDRAND, TABLE_RDSEED,
    TABLE_GROUP_12, TABLE_GROUP_12_NP, TABLE_GROUP_12_66, TABLE_GROUP_13, TABLE_GROUP_13_NP, TABLE_GROUP_13_66,
    TABLE_GROUP_14, TABLE_GROUP_14_NP, TABLE_GROUP_14_66,
    TABLE_GROUP_15, TABLE_GROUP_15_MEM, TABLE_GROUP_15_MEM_NP, TABLE_GROUP_15_MEM_66, TABLE_GROUP_15_REG,
    TABLE_GROUP_15_REG_NP, TABLE_GROUP_15_REG_F3, TABLE_GROUP_17,
    TABLE_MOVSS_LOAD, TABLE_MOVSD_LOAD, TABLE_MOVSS_STORE, TABLE_MOVSD_STORE, TABLE_MOVLPS, TABLE_MOVHPS,
    TABLE_EMMS, TABLE_VZERO, TABLE_EXTRQ, TABLE_VPMASKMOV_LOAD, TABLE_VPMASKMOV_STORE,
    TABLE_D9_2, TABLE_D9_4, TABLE_D9_5, TABLE_D9_6, TABLE_D9_7, TABLE_DA_5, TABLE_DB_4, TABLE_DE_3, TABLE_DF_4,
    TABLES
};

extern const DecodeTable x86_decode_tables[TABLES];
extern const DecodeEntry x86_map_one_byte[256], x86_map_0f[256];
extern const DecodeEntry x86_vector_0f[256][4], x86_vector_0f38[256][4], x86_vector_0f3a[256][4];
extern const DecodeEntry x86_x87_memory[8][8], x86_x87_register[8][8];

#endif
