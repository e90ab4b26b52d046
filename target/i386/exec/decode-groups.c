/* Opcodes that go on in ModRM or otherwise (SDM vol. 2, table A-6), and x87 (tables ). */
#include "target/i386/exec/decode-internal.h"

#define GROUP_1(form, more)                                                                                            \
    { BY_REG, { I(ADD, form, LOCKS | more), I(OR, form, LOCKS | more), I(ADC, form, LOCKS | more),                     \
                I(SBB, form, LOCKS | more), I(AND, form, LOCKS | more), I(SUB, form, LOCKS | more),                    \
                I(XOR, form, LOCKS | more), I(CMP, form, more) } }
/* /6 is SHL's double, in every CPU since the 80186, if undocumented for long. */
#define GROUP_2(form)                                                                                                  \
    { BY_REG, { I(ROL, form, 0), I(ROR, form, 0), I(RCL, form, 0), I(RCR, form, 0),                                    \
                I(SHL, form, 0), I(SHR, form, 0), I(SHL, form, 0), I(SAR, form, 0) } }
#define GROUP_3(form, test)                                                                                            \
    { BY_REG, { I(TEST, test, 0), I(TEST, test, 0), I(NOT, form, LOCKS), I(NEG, form, LOCKS),                          \
                I(MUL, form, 0), I(IMUL1, form, 0), I(DIV, form, 0), I(IDIV, form, 0) } }
#define SHIFTS_12(form, more)                                                                                          \
    { BY_REG, { [2] = I(PSRLW, form, REGONLY | more), [4] = I(PSRAW, form, REGONLY | more),                            \
                [6] = I(PSLLW, form, REGONLY | more) } }
#define SHIFTS_13(form, more)                                                                                          \
    { BY_REG, { [2] = I(PSRLD, form, REGONLY | more), [4] = I(PSRAD, form, REGONLY | more),                            \
                [6] = I(PSLLD, form, REGONLY | more) } }

const DecodeTable x86_decode_tables[TABLES] = {
    [TABLE_PREFIX_ROW] = { BY_PREFIX_ROW },
    [TABLE_63] = { BY_MODE, { I(ARPL, EwGw, 0), I(MOVSXD, GvEz, 0) } },
    [TABLE_GROUP_1_EbIb] = GROUP_1(EbIb, 0),
    [TABLE_GROUP_1_EvIz] = GROUP_1(EvIz, 0),
    [TABLE_GROUP_1_EbIb_82] = GROUP_1(EbIb, I64),
    [TABLE_GROUP_1_EvIb] = GROUP_1(EvIb, 0),
    [TABLE_GROUP_1A] = { BY_REG, { I(POP, Ev, D64) } },
    [TABLE_GROUP_2_EbUb] = GROUP_2(EbUb),
    [TABLE_GROUP_2_EvUb] = GROUP_2(EvUb),
    [TABLE_GROUP_2_Eb1] = GROUP_2(Eb1),
    [TABLE_GROUP_2_Ev1] = GROUP_2(Ev1),
    [TABLE_GROUP_2_Eb] = GROUP_2(Eb),
    [TABLE_GROUP_2_Ev] = GROUP_2(Ev),
    [TABLE_GROUP_3_Eb] = GROUP_3(Eb, EbIb),
    [TABLE_GROUP_3_Ev] = GROUP_3(Ev, EvIz),
    [TABLE_GROUP_4] = { BY_REG, { I(INC, Eb, LOCKS), I(DEC, Eb, LOCKS) } },
    [TABLE_GROUP_5] = { BY_REG, { I(INC, Ev, LOCKS), I(DEC, Ev, LOCKS), I(CALL_IND, Ev, F64),
                                  I(CALL_FAR_IND, Mp, MEMONLY),
                                  I(JMP_IND, Ev, F64), I(JMP_FAR_IND, Mp, MEMONLY), I(PUSH, Ev, D64) } },
    [TABLE_GROUP_6] = { BY_REG, { I(SLDT, EvMw, 0), I(STR, EvMw, 0), I(LLDT, Ew, 0), I(LTR, Ew, 0),
                                  I(VERR, Ew, 0), I(VERW, Ew, 0) } },
    [TABLE_GROUP_7] = { BY_MOD, { T(GROUP_7_MEM), T(GROUP_7_REG) } },
    [TABLE_GROUP_7_MEM] = { BY_REG, { I(SGDT, Ms, F64), I(SIDT, Ms, F64), I(LGDT, Ms, F64), I(LIDT, Ms, F64),
                                      I(SMSW, EvMw, 0), [6] = I(LMSW, Ew, 0), I(INVLPG, M, 0) } },
    [TABLE_GROUP_7_REG] = { BY_REG, { [1] = T(GROUP_7_REG_1), T(GROUP_7_REG_2), T(GROUP_7_REG_3), I(SMSW, EvMw, 0),
                                      T(GROUP_7_REG_5), I(LMSW, Ew, 0), T(GROUP_7_REG_7) } },
    [TABLE_GROUP_7_REG_1] = { BY_RM, { I(MONITOR, None, NP), I(MWAIT, None, NP), I(CLAC, None, NP),
                                       I(STAC, None, NP) } },
    [TABLE_GROUP_7_REG_2] = { BY_RM, { I(XGETBV, None, NP), I(XSETBV, None, NP) } },
    [TABLE_GROUP_7_REG_3] = { BY_RM, { I(VMRUN, None, 0), I(VMMCALL, None, 0), I(VMLOAD, None, 0), I(VMSAVE, None, 0),
                                       I(STGI, None, 0), I(CLGI, None, 0), I(SKINIT, None, 0), I(INVLPGA, None, 0) } },
    [TABLE_GROUP_7_REG_5] = { BY_RM, { [6] = I(RDPKRU, None, NP), I(WRPKRU, None, NP) } },
    [TABLE_GROUP_7_REG_7] = { BY_RM, { I(SWAPGS, None, O64), I(RDTSCP, None, 0) } },
    [TABLE_GROUP_8] = { BY_REG, { [4] = I(BT, EvUb, 0), I(BTS, EvUb, LOCKS), I(BTR, EvUb, LOCKS),
                                  I(BTC, EvUb, LOCKS) } },
    [TABLE_GROUP_9] = { BY_MOD, { T(GROUP_9_MEM), T(GROUP_9_REG) } },
    [TABLE_GROUP_9_MEM] = { BY_REG, { [1] = T(CMPXCHG8B), [3] = I(XRSTORS, M, NP), I(XSAVEC, M, NP),
                                      I(XSAVES, M, NP) } },
    [TABLE_GROUP_9_REG] = { BY_REG, { [6] = T(RDRAND), T(RDSEED) } },
    [TABLE_RDRAND] = { BY_PREFIX, { I(RDRAND, Ev, 0), I(RDRAND, Ev, 0) } },
    [TABLE_CMPXCHG8B] = { BY_W, { I(CMPXCHG8B, Mq, LOCKS), I(CMPXCHG16B, Mdq, LOCKS) } },
    [TABLE_RDSEED] = { BY_PREFIX, { I(RDSEED, Ev, 0), I(RDSEED, Ev, 0), I(RDPID, Ra, 0) } },
    [TABLE_GROUP_11_EbIb] = { BY_REG, { I(MOV, EbIb, 0) } },
    [TABLE_GROUP_11_EvIz] = { BY_REG, { I(MOV, EvIz, 0) } },
    [TABLE_GROUP_12] = { BY_PREFIX, { T(GROUP_12_NP), T(GROUP_12_66) } },
    [TABLE_GROUP_12_NP] = SHIFTS_12(QIb, 0),
    [TABLE_GROUP_12_66] = SHIFTS_12(HWIb, VEX),
    [TABLE_GROUP_13] = { BY_PREFIX, { T(GROUP_13_NP), T(GROUP_13_66) } },
    [TABLE_GROUP_13_NP] = SHIFTS_13(QIb, 0),
    [TABLE_GROUP_13_66] = SHIFTS_13(HWIb, VEX),
    [TABLE_GROUP_14] = { BY_PREFIX, { T(GROUP_14_NP), T(GROUP_14_66) } },
    [TABLE_GROUP_14_NP] = { BY_REG, { [2] = I(PSRLQ, QIb, REGONLY), [6] = I(PSLLQ, QIb, REGONLY) } },
    [TABLE_GROUP_14_66] = { BY_REG, { [2] = I(PSRLQ, HWIb, REGONLY | VEX), I(PSRLDQ, HWIb, REGONLY | VEX),
                                      [6] = I(PSLLQ, HWIb, REGONLY | VEX), I(PSLLDQ, HWIb, REGONLY | VEX) } },
    [TABLE_GROUP_15] = { BY_MOD, { T(GROUP_15_MEM), T(GROUP_15_REG) } },
    [TABLE_GROUP_15_MEM] = { BY_PREFIX, { T(GROUP_15_MEM_NP), T(GROUP_15_MEM_66) } },
    [TABLE_GROUP_15_MEM_NP] = { BY_REG, { I(FXSAVE, M, 0), I(FXRSTOR, M, 0), I(LDMXCSR, Md, VEX | L0),
                                          I(STMXCSR, Md, VEX | L0),
                                          I(XSAVE, M, 0), I(XRSTOR, M, 0), I(XSAVEOPT, M, 0), I(CLFLUSH, M, 0) } },
    [TABLE_GROUP_15_MEM_66] = { BY_REG, { [6] = I(CLWB, M, 0), I(CLFLUSHOPT, M, 0) } },
    [TABLE_GROUP_15_REG] = { BY_PREFIX, { T(GROUP_15_REG_NP), [2] = T(GROUP_15_REG_F3) } },
    [TABLE_GROUP_15_REG_NP] = { BY_REG, { [5] = I(LFENCE, FNone, 0), I(MFENCE, FNone, 0), I(SFENCE, FNone, 0) } },
    [TABLE_GROUP_15_REG_F3] = { BY_REG, { I(RDFSBASE, Ey, O64), I(RDGSBASE, Ey, O64),
                                          I(WRFSBASE, Ey, O64), I(WRGSBASE, Ey, O64) } },
    [TABLE_GROUP_17] = { BY_REG, { [1] = I(BLSR, ByEy, VEXONLY | L0), I(BLSMSK, ByEy, VEXONLY | L0),
                                   I(BLSI, ByEy, VEXONLY | L0) } },
    /* Moves that merge between registers but not from memory. */
    [TABLE_MOVSS_LOAD] = { BY_MOD, { I(MOVSS, VW4, VEX), I(MOVSS, VHWx, VEX) } },
    [TABLE_MOVSD_LOAD] = { BY_MOD, { I(MOVSD, VW8, VEX), I(MOVSD, VHWx, VEX) } },
    [TABLE_MOVSS_STORE] = { BY_MOD, { I(MOVSS, W4V, VEX), I(MOVSS, WHVx, VEX) } },
    [TABLE_MOVSD_STORE] = { BY_MOD, { I(MOVSD, W8V, VEX), I(MOVSD, WHVx, VEX) } },
    [TABLE_MOVLPS] = { BY_MOD, { I(MOVLPS, VHW8, VEX | L0), I(MOVHLPS, VHWx, VEX | L0) } },
    [TABLE_MOVHPS] = { BY_MOD, { I(MOVHPS, VHW8, VEX | L0), I(MOVLHPS, VHWx, VEX | L0) } },
    [TABLE_EMMS] = { BY_VEX, { I(EMMS, None, 0), T(VZERO) } },
    [TABLE_VZERO] = { BY_L, { I(VZEROUPPER, None, VEXONLY), I(VZEROALL, None, VEXONLY) } },
    [TABLE_EXTRQ] = { BY_REG, { I(EXTRQ, WIbIb, REGONLY) } },
    [TABLE_VPMASKMOV_LOAD] = { BY_W, { I(VPMASKMOVD, VHWx, VEXONLY | MEMONLY),
                                       I(VPMASKMOVQ, VHWx, VEXONLY | MEMONLY) } },
    [TABLE_VPMASKMOV_STORE] = { BY_W, { I(VPMASKMOVD, WHVx, VEXONLY | MEMONLY),
                                        I(VPMASKMOVQ, WHVx, VEXONLY | MEMONLY) } },

    [TABLE_D9_2] = { BY_RM, { I(FNOP, FNone, 0) } },
    [TABLE_D9_4] = { BY_RM, { I(FCHS, FNone, 0), I(FABS, FNone, 0), [4] = I(FTST, FNone, 0), I(FXAM, FNone, 0) } },
    [TABLE_D9_5] = { BY_RM, { I(FLD1, FNone, 0), I(FLDL2T, FNone, 0), I(FLDL2E, FNone, 0), I(FLDPI, FNone, 0),
                              I(FLDLG2, FNone, 0), I(FLDLN2, FNone, 0), I(FLDZ, FNone, 0) } },
    [TABLE_D9_6] = { BY_RM, { I(F2XM1, FNone, 0), I(FYL2X, FNone, 0), I(FPTAN, FNone, 0), I(FPATAN, FNone, 0),
                              I(FXTRACT, FNone, 0), I(FPREM1, FNone, 0), I(FDECSTP, FNone, 0), I(FINCSTP, FNone, 0) } },
    [TABLE_D9_7] = { BY_RM, { I(FPREM, FNone, 0), I(FYL2XP1, FNone, 0), I(FSQRT, FNone, 0), I(FSINCOS, FNone, 0),
                              I(FRNDINT, FNone, 0), I(FSCALE, FNone, 0), I(FSIN, FNone, 0), I(FCOS, FNone, 0) } },
    [TABLE_DA_5] = { BY_RM, { [1] = I(FUCOMPP, FNone, 0) } },
    [TABLE_DB_4] = { BY_RM, { I(FNSETPM, FNone, 0), I(FNSETPM, FNone, 0), I(FNCLEX, FNone, 0), I(FNINIT, FNone, 0),
                              I(FNSETPM, FNone, 0) } },
    [TABLE_DE_3] = { BY_RM, { [1] = I(FCOMPP, FNone, 0) } },
    [TABLE_DF_4] = { BY_RM, { I(FNSTSW, FEw, 0) } },
};

/* D8 … DF by ModRM.reg. */
const DecodeEntry x86_x87_memory[8][8] = {
    { I(FADD, FMd, 0), I(FMUL, FMd, 0), I(FCOM, FMd, 0), I(FCOMP, FMd, 0),
      I(FSUB, FMd, 0), I(FSUBR, FMd, 0), I(FDIV, FMd, 0), I(FDIVR, FMd, 0) },
    { I(FLD, FMd, 0), [2] = I(FST, FMd, 0), I(FSTP, FMd, 0),
      I(FLDENV, FMenv, 0), I(FLDCW, FMw, 0), I(FNSTENV, FMenv, 0), I(FNSTCW, FMw, 0) },
    { I(FIADD, FMd, 0), I(FIMUL, FMd, 0), I(FICOM, FMd, 0), I(FICOMP, FMd, 0),
      I(FISUB, FMd, 0), I(FISUBR, FMd, 0), I(FIDIV, FMd, 0), I(FIDIVR, FMd, 0) },
    { I(FILD, FMd, 0), I(FISTTP, FMd, 0), I(FIST, FMd, 0),
      I(FISTP, FMd, 0), [5] = I(FLD, FMt, 0), [7] = I(FSTP, FMt, 0) },
    { I(FADD, FMq, 0), I(FMUL, FMq, 0), I(FCOM, FMq, 0), I(FCOMP, FMq, 0),
      I(FSUB, FMq, 0), I(FSUBR, FMq, 0), I(FDIV, FMq, 0), I(FDIVR, FMq, 0) },
    { I(FLD, FMq, 0), I(FISTTP, FMq, 0), I(FST, FMq, 0), I(FSTP, FMq, 0),
      I(FRSTOR, FMstate, 0), [6] = I(FNSAVE, FMstate, 0), I(FNSTSW, FMw, 0) },
    { I(FIADD, FMw, 0), I(FIMUL, FMw, 0), I(FICOM, FMw, 0), I(FICOMP, FMw, 0),
      I(FISUB, FMw, 0), I(FISUBR, FMw, 0), I(FIDIV, FMw, 0), I(FIDIVR, FMw, 0) },
    { I(FILD, FMw, 0), I(FISTTP, FMw, 0), I(FIST, FMw, 0), I(FISTP, FMw, 0),
      I(FBLD, FMt, 0), I(FILD, FMq, 0), I(FBSTP, FMt, 0), I(FISTP, FMq, 0) },
};

/*
 * Doubles that no manual lists but every CPU has: DC /2 and DE /2 (FCOM, FCOMP), DD /1 and DF /1 (FXCH), D9 /3 and
 * DF /2, /3 (FSTP).
 */
const DecodeEntry x86_x87_register[8][8] = {
    { I(FADD, F0Fi, 0), I(FMUL, F0Fi, 0), I(FCOM, F0Fi, 0), I(FCOMP, F0Fi, 0),
      I(FSUB, F0Fi, 0), I(FSUBR, F0Fi, 0), I(FDIV, F0Fi, 0), I(FDIVR, F0Fi, 0) },
    { I(FLD, Fi, 0), I(FXCH, Fi, 0), T(D9_2), I(FSTP, Fi, 0), T(D9_4), T(D9_5), T(D9_6), T(D9_7) },
    { I(FCMOVCC, F0Fi, 0), I(FCMOVCC, F0Fi, 0), I(FCMOVCC, F0Fi, 0), I(FCMOVCC, F0Fi, 0), [5] = T(DA_5) },
    { I(FCMOVCC, F0Fi, 0), I(FCMOVCC, F0Fi, 0), I(FCMOVCC, F0Fi, 0), I(FCMOVCC, F0Fi, 0),
      T(DB_4), I(FUCOMI, F0Fi, 0), I(FCOMI, F0Fi, 0) },
    { I(FADD, Fi, 0), I(FMUL, Fi, 0), I(FCOM, F0Fi, 0), I(FCOMP, F0Fi, 0),
      I(FSUBR, Fi, 0), I(FSUB, Fi, 0), I(FDIVR, Fi, 0), I(FDIV, Fi, 0) },
    { I(FFREE, Fi, 0), I(FXCH, Fi, 0), I(FST, Fi, 0), I(FSTP, Fi, 0), I(FUCOM, F0Fi, 0), I(FUCOMP, F0Fi, 0) },
    { I(FADDP, Fi, 0), I(FMULP, Fi, 0), I(FCOMP, F0Fi, 0), T(DE_3),
      I(FSUBRP, Fi, 0), I(FSUBP, Fi, 0), I(FDIVRP, Fi, 0), I(FDIVP, Fi, 0) },
    { I(FFREEP, Fi, 0), I(FXCH, Fi, 0), I(FSTP, Fi, 0), I(FSTP, Fi, 0), T(DF_4), I(FUCOMIP, F0Fi, 0),
      I(FCOMIP, F0Fi, 0) },
};
