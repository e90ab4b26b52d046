/*
 * Every instruction that the decoder knows, by SDM mnemonic: one id for all sizes and operand forms. SSE and AVX forms
 * share one (X86_OP_VEX tells), MMX and SSE ones too (X86Op.prefix tells: 0 or 0x66).
 *
 * A row: name, who executes it, the CPUID feature of the legacy form, the one of the 256-bit VEX form (NONE: no VEX
 * form has 256 bits; a 128-bit VEX form of a legacy instruction is always AVX), and whether it ends a block.
 * x86_op_feature() (insn.h) draws from this what one decoded instruction needs.
 *
 * A few encodings mean something else in a CPU without the feature: LZCNT is BSR there, TZCNT is BSF. Instructions of
 * features that no CPU here can have (VMX, SGX, TSX, CET, MPX, 3DNow!, XOP, EVEX …) have no id: undefined, or NOP where the
 * architecture says that older CPUs take them for one.
 */
#ifndef TARGET_I386_EXEC_INSN_IDS_H
#define TARGET_I386_EXEC_INSN_IDS_H

typedef enum X86Unit { X86_UNIT_NONE, X86_UNIT_INTEGER, X86_UNIT_SYSTEM, X86_UNIT_VECTOR } X86Unit;

typedef enum X86Feature {
    X86_FEATURE_NONE,
    X86_FEATURE_FPU, X86_FEATURE_TSC, X86_FEATURE_MSR, X86_FEATURE_CX8, X86_FEATURE_SEP, X86_FEATURE_CMOV,
    X86_FEATURE_CLFLUSH, X86_FEATURE_MMX, X86_FEATURE_FXSR, X86_FEATURE_SSE, X86_FEATURE_SSE2, X86_FEATURE_SYSCALL,
    X86_FEATURE_LONG_MODE, X86_FEATURE_SSE3, X86_FEATURE_PCLMULQDQ, X86_FEATURE_MONITOR, X86_FEATURE_SSSE3,
    X86_FEATURE_FMA, X86_FEATURE_CX16, X86_FEATURE_SSE4_1, X86_FEATURE_SSE4_2, X86_FEATURE_MOVBE, X86_FEATURE_POPCNT,
    X86_FEATURE_AES, X86_FEATURE_XSAVE, X86_FEATURE_AVX, X86_FEATURE_F16C, X86_FEATURE_RDRAND, X86_FEATURE_SVM,
    X86_FEATURE_ABM, X86_FEATURE_SSE4A, X86_FEATURE_SKINIT, X86_FEATURE_RDTSCP, X86_FEATURE_FSGSBASE,
    X86_FEATURE_BMI1, X86_FEATURE_AVX2, X86_FEATURE_BMI2, X86_FEATURE_INVPCID, X86_FEATURE_RDSEED, X86_FEATURE_ADX,
    X86_FEATURE_SMAP, X86_FEATURE_CLFLUSHOPT, X86_FEATURE_CLWB, X86_FEATURE_SHA, X86_FEATURE_PKU, X86_FEATURE_RDPID,
    X86_FEATURE_XSAVEOPT, X86_FEATURE_XSAVEC, X86_FEATURE_XSAVES, X86_FEATURE_VAES, X86_FEATURE_VPCLMULQDQ,
    X86_FEATURE_GFNI,
    X86_FEATURES,
} X86Feature;

/* X(NAME, name, unit, feature, feature of the 256-bit form, ends_block) */
#define X86_INSNS_INTEGER(X)                                                                                           \
    /* arithmetic and logic */                                                                                         \
    X(ADD, add, INTEGER, NONE, NONE, 0)                                                                                \
    X(OR, or, INTEGER, NONE, NONE, 0)                                                                                  \
    X(ADC, adc, INTEGER, NONE, NONE, 0)                                                                                \
    X(SBB, sbb, INTEGER, NONE, NONE, 0)                                                                                \
    X(AND, and, INTEGER, NONE, NONE, 0)                                                                                \
    X(SUB, sub, INTEGER, NONE, NONE, 0)                                                                                \
    X(XOR, xor, INTEGER, NONE, NONE, 0)                                                                                \
    X(CMP, cmp, INTEGER, NONE, NONE, 0)                                                                                \
    X(TEST, test, INTEGER, NONE, NONE, 0)                                                                              \
    X(INC, inc, INTEGER, NONE, NONE, 0)                                                                                \
    X(DEC, dec, INTEGER, NONE, NONE, 0)                                                                                \
    X(NOT, not, INTEGER, NONE, NONE, 0)                                                                                \
    X(NEG, neg, INTEGER, NONE, NONE, 0)                                                                                \
    X(MUL, mul, INTEGER, NONE, NONE, 0)                                                                                \
    X(IMUL1, imul, INTEGER, NONE, NONE, 0)      /* one operand: AX, DX:AX, EDX:EAX, RDX:RAX */                         \
    X(IMUL, imul, INTEGER, NONE, NONE, 0)       /* two: reg * r/m; with X86_OP_IMM three: r/m * imm */                 \
    X(DIV, div, INTEGER, NONE, NONE, 0)                                                                                \
    X(IDIV, idiv, INTEGER, NONE, NONE, 0)                                                                              \
    X(ROL, rol, INTEGER, NONE, NONE, 0)         /* shifts: by imm with X86_OP_IMM, else by CL */                       \
    X(ROR, ror, INTEGER, NONE, NONE, 0)                                                                                \
    X(RCL, rcl, INTEGER, NONE, NONE, 0)                                                                                \
    X(RCR, rcr, INTEGER, NONE, NONE, 0)                                                                                \
    X(SHL, shl, INTEGER, NONE, NONE, 0)                                                                                \
    X(SHR, shr, INTEGER, NONE, NONE, 0)                                                                                \
    X(SAR, sar, INTEGER, NONE, NONE, 0)                                                                                \
    X(SHLD, shld, INTEGER, NONE, NONE, 0)                                                                              \
    X(SHRD, shrd, INTEGER, NONE, NONE, 0)                                                                              \
    X(BT, bt, INTEGER, NONE, NONE, 0)                                                                                  \
    X(BTS, bts, INTEGER, NONE, NONE, 0)                                                                                \
    X(BTR, btr, INTEGER, NONE, NONE, 0)                                                                                \
    X(BTC, btc, INTEGER, NONE, NONE, 0)                                                                                \
    X(BSF, bsf, INTEGER, NONE, NONE, 0)                                                                                \
    X(BSR, bsr, INTEGER, NONE, NONE, 0)                                                                                \
    X(BSWAP, bswap, INTEGER, NONE, NONE, 0)                                                                            \
    X(AAA, aaa, INTEGER, NONE, NONE, 0)                                                                                \
    X(AAS, aas, INTEGER, NONE, NONE, 0)                                                                                \
    X(AAM, aam, INTEGER, NONE, NONE, 0)                                                                                \
    X(AAD, aad, INTEGER, NONE, NONE, 0)                                                                                \
    X(DAA, daa, INTEGER, NONE, NONE, 0)                                                                                \
    X(DAS, das, INTEGER, NONE, NONE, 0)                                                                                \
    /* moves */                                                                                                        \
    X(MOV, mov, INTEGER, NONE, NONE, 0)                                                                                \
    X(MOV_MOFFS, mov, INTEGER, NONE, NONE, 0)   /* RAX and seg:imm, 64 bits; an offset that fits in disp is a MOV */   \
    X(MOVZX, movzx, INTEGER, NONE, NONE, 0)                                                                            \
    X(MOVSX, movsx, INTEGER, NONE, NONE, 0)                                                                            \
    X(MOVSXD, movsxd, INTEGER, NONE, NONE, 0)                                                                          \
    X(MOVNTI, movnti, INTEGER, SSE2, NONE, 0)                                                                          \
    X(LEA, lea, INTEGER, NONE, NONE, 0)                                                                                \
    X(XCHG, xchg, INTEGER, NONE, NONE, 0)                                                                              \
    X(XADD, xadd, INTEGER, NONE, NONE, 0)                                                                              \
    X(CMPXCHG, cmpxchg, INTEGER, NONE, NONE, 0)                                                                        \
    X(CMPXCHG8B, cmpxchg8b, INTEGER, CX8, NONE, 0)                                                                     \
    X(CMPXCHG16B, cmpxchg16b, INTEGER, CX16, NONE, 0)                                                                  \
    X(CMOVCC, cmovcc, INTEGER, CMOV, NONE, 0)                                                                          \
    X(SETCC, setcc, INTEGER, NONE, NONE, 0)                                                                            \
    X(CBW, cbw, INTEGER, NONE, NONE, 0)         /* CBW, CWDE, CDQE by size */                                          \
    X(CWD, cwd, INTEGER, NONE, NONE, 0)         /* CWD, CDQ, CQO by size */                                            \
    X(XLAT, xlat, INTEGER, NONE, NONE, 0)                                                                              \
    X(LAHF, lahf, INTEGER, NONE, NONE, 0)                                                                              \
    X(SAHF, sahf, INTEGER, NONE, NONE, 0)                                                                              \
    X(SALC, salc, INTEGER, NONE, NONE, 0)                                                                              \
    X(CMC, cmc, INTEGER, NONE, NONE, 0)                                                                                \
    X(CLC, clc, INTEGER, NONE, NONE, 0)                                                                                \
    X(STC, stc, INTEGER, NONE, NONE, 0)                                                                                \
    X(CLD, cld, INTEGER, NONE, NONE, 0)                                                                                \
    X(STD, std, INTEGER, NONE, NONE, 0)                                                                                \
    /* stack */                                                                                                        \
    X(PUSH, push, INTEGER, NONE, NONE, 0)                                                                              \
    X(POP, pop, INTEGER, NONE, NONE, 0)                                                                                \
    X(PUSHA, pusha, INTEGER, NONE, NONE, 0)                                                                            \
    X(POPA, popa, INTEGER, NONE, NONE, 0)                                                                              \
    X(ENTER, enter, INTEGER, NONE, NONE, 0)                                                                            \
    X(LEAVE, leave, INTEGER, NONE, NONE, 0)                                                                            \
    /* strings */                                                                                                      \
    X(MOVS, movs, INTEGER, NONE, NONE, 0)                                                                              \
    X(CMPS, cmps, INTEGER, NONE, NONE, 0)                                                                              \
    X(STOS, stos, INTEGER, NONE, NONE, 0)                                                                              \
    X(LODS, lods, INTEGER, NONE, NONE, 0)                                                                              \
    X(SCAS, scas, INTEGER, NONE, NONE, 0)                                                                              \
    /* near control flow */                                                                                            \
    X(JMP, jmp, INTEGER, NONE, NONE, 1)                                                                                \
    X(JMP_IND, jmp, INTEGER, NONE, NONE, 1)                                                                            \
    X(JCC, jcc, INTEGER, NONE, NONE, 1)                                                                                \
    X(JCXZ, jcxz, INTEGER, NONE, NONE, 1)       /* JCXZ, JECXZ, JRCXZ by addr_size */                                  \
    X(LOOP, loop, INTEGER, NONE, NONE, 1)                                                                              \
    X(LOOPE, loope, INTEGER, NONE, NONE, 1)                                                                            \
    X(LOOPNE, loopne, INTEGER, NONE, NONE, 1)                                                                          \
    X(CALL, call, INTEGER, NONE, NONE, 1)                                                                              \
    X(CALL_IND, call, INTEGER, NONE, NONE, 1)                                                                          \
    X(RET, ret, INTEGER, NONE, NONE, 1)         /* with X86_OP_IMM: bytes to release */                                \
    /* hints and order */                                                                                              \
    X(NOP, nop, INTEGER, NONE, NONE, 0)         /* operands, if any, are not accessed; PREFETCH*, ENDBR* too */        \
    X(PAUSE, pause, INTEGER, NONE, NONE, 0)                                                                            \
    X(LFENCE, lfence, INTEGER, SSE2, NONE, 0)                                                                          \
    X(MFENCE, mfence, INTEGER, SSE2, NONE, 0)                                                                          \
    X(SFENCE, sfence, INTEGER, SSE, NONE, 0)                                                                           \
    X(CLFLUSH, clflush, INTEGER, CLFLUSH, NONE, 0)                                                                     \
    X(CLFLUSHOPT, clflushopt, INTEGER, CLFLUSHOPT, NONE, 0)                                                            \
    X(CLWB, clwb, INTEGER, CLWB, NONE, 0)

#define X86_INSNS_SYSTEM(X)                                                                                            \
    /* segments and far control flow */                                                                                \
    X(MOV_SREG, mov, SYSTEM, NONE, NONE, 1)     /* X86_OP_TO_REG: `reg`, a segment register, is the destination */     \
    X(PUSH_SREG, push, SYSTEM, NONE, NONE, 0)                                                                          \
    X(POP_SREG, pop, SYSTEM, NONE, NONE, 1)                                                                            \
    X(LES, les, SYSTEM, NONE, NONE, 1)                                                                                 \
    X(LDS, lds, SYSTEM, NONE, NONE, 1)                                                                                 \
    X(LSS, lss, SYSTEM, NONE, NONE, 1)                                                                                 \
    X(LFS, lfs, SYSTEM, NONE, NONE, 1)                                                                                 \
    X(LGS, lgs, SYSTEM, NONE, NONE, 1)                                                                                 \
    X(CALL_FAR, call, SYSTEM, NONE, NONE, 1)                                                                           \
    X(CALL_FAR_IND, call, SYSTEM, NONE, NONE, 1)                                                                       \
    X(JMP_FAR, jmp, SYSTEM, NONE, NONE, 1)                                                                             \
    X(JMP_FAR_IND, jmp, SYSTEM, NONE, NONE, 1)                                                                         \
    X(RET_FAR, ret, SYSTEM, NONE, NONE, 1)                                                                             \
    X(IRET, iret, SYSTEM, NONE, NONE, 1)                                                                               \
    X(INT, int, SYSTEM, NONE, NONE, 1)                                                                                 \
    X(INT3, int3, SYSTEM, NONE, NONE, 1)                                                                               \
    X(INT1, int1, SYSTEM, NONE, NONE, 1)                                                                               \
    X(INTO, into, SYSTEM, NONE, NONE, 1)                                                                               \
    X(BOUND, bound, SYSTEM, NONE, NONE, 0)                                                                             \
    X(SYSCALL, syscall, SYSTEM, SYSCALL, NONE, 1)                                                                      \
    X(SYSRET, sysret, SYSTEM, SYSCALL, NONE, 1)                                                                        \
    X(SYSENTER, sysenter, SYSTEM, SEP, NONE, 1)                                                                        \
    X(SYSEXIT, sysexit, SYSTEM, SEP, NONE, 1)                                                                          \
    X(SWAPGS, swapgs, SYSTEM, LONG_MODE, NONE, 0)                                                                      \
    X(RDFSBASE, rdfsbase, SYSTEM, FSGSBASE, NONE, 0)                                                                   \
    X(RDGSBASE, rdgsbase, SYSTEM, FSGSBASE, NONE, 0)                                                                   \
    X(WRFSBASE, wrfsbase, SYSTEM, FSGSBASE, NONE, 0)                                                                   \
    X(WRGSBASE, wrgsbase, SYSTEM, FSGSBASE, NONE, 0)                                                                   \
    X(UD0, ud0, SYSTEM, NONE, NONE, 1)                                                                                 \
    X(UD1, ud1, SYSTEM, NONE, NONE, 1)                                                                                 \
    X(UD2, ud2, SYSTEM, NONE, NONE, 1)                                                                                 \
    /* input and output */                                                                                             \
    X(IN, in, SYSTEM, NONE, NONE, 1)            /* port: imm with X86_OP_IMM, else DX; size2 is the port's, 2 */       \
    X(OUT, out, SYSTEM, NONE, NONE, 1)                                                                                 \
    X(INS, ins, SYSTEM, NONE, NONE, 1)                                                                                 \
    X(OUTS, outs, SYSTEM, NONE, NONE, 1)                                                                               \
    /* flags, halting */                                                                                               \
    X(CLI, cli, SYSTEM, NONE, NONE, 0)                                                                                 \
    X(STI, sti, SYSTEM, NONE, NONE, 1)                                                                                 \
    X(PUSHF, pushf, SYSTEM, NONE, NONE, 0)                                                                             \
    X(POPF, popf, SYSTEM, NONE, NONE, 1)                                                                               \
    X(CLAC, clac, SYSTEM, SMAP, NONE, 1)                                                                               \
    X(STAC, stac, SYSTEM, SMAP, NONE, 1)                                                                               \
    X(HLT, hlt, SYSTEM, NONE, NONE, 1)                                                                                 \
    X(MONITOR, monitor, SYSTEM, MONITOR, NONE, 0)                                                                      \
    X(MWAIT, mwait, SYSTEM, MONITOR, NONE, 1)                                                                          \
    X(RSM, rsm, SYSTEM, NONE, NONE, 1)                                                                                 \
    /* control state */                                                                                                \
    X(MOV_CR, mov, SYSTEM, NONE, NONE, 1)       /* X86_OP_TO_REG: to `reg`, the control register, from `rm` */         \
    X(MOV_DR, mov, SYSTEM, NONE, NONE, 1)                                                                              \
    X(LMSW, lmsw, SYSTEM, NONE, NONE, 1)                                                                               \
    X(SMSW, smsw, SYSTEM, NONE, NONE, 0)                                                                               \
    X(CLTS, clts, SYSTEM, NONE, NONE, 1)                                                                               \
    X(LGDT, lgdt, SYSTEM, NONE, NONE, 0)                                                                               \
    X(LIDT, lidt, SYSTEM, NONE, NONE, 0)                                                                               \
    X(SGDT, sgdt, SYSTEM, NONE, NONE, 0)                                                                               \
    X(SIDT, sidt, SYSTEM, NONE, NONE, 0)                                                                               \
    X(LLDT, lldt, SYSTEM, NONE, NONE, 0)                                                                               \
    X(LTR, ltr, SYSTEM, NONE, NONE, 0)                                                                                 \
    X(SLDT, sldt, SYSTEM, NONE, NONE, 0)                                                                               \
    X(STR, str, SYSTEM, NONE, NONE, 0)                                                                                 \
    X(LAR, lar, SYSTEM, NONE, NONE, 0)                                                                                 \
    X(LSL, lsl, SYSTEM, NONE, NONE, 0)                                                                                 \
    X(VERR, verr, SYSTEM, NONE, NONE, 0)                                                                               \
    X(VERW, verw, SYSTEM, NONE, NONE, 0)                                                                               \
    X(ARPL, arpl, SYSTEM, NONE, NONE, 0)                                                                               \
    X(INVLPG, invlpg, SYSTEM, NONE, NONE, 1)                                                                           \
    X(INVPCID, invpcid, SYSTEM, INVPCID, NONE, 1)                                                                      \
    X(INVD, invd, SYSTEM, NONE, NONE, 1)                                                                               \
    X(WBINVD, wbinvd, SYSTEM, NONE, NONE, 1)                                                                           \
    X(RDMSR, rdmsr, SYSTEM, MSR, NONE, 0)                                                                              \
    X(WRMSR, wrmsr, SYSTEM, MSR, NONE, 1)                                                                              \
    X(RDTSC, rdtsc, SYSTEM, TSC, NONE, 0)                                                                              \
    X(RDTSCP, rdtscp, SYSTEM, RDTSCP, NONE, 0)                                                                         \
    X(RDPMC, rdpmc, SYSTEM, NONE, NONE, 0)                                                                             \
    X(RDPID, rdpid, SYSTEM, RDPID, NONE, 0)                                                                            \
    X(CPUID, cpuid, SYSTEM, NONE, NONE, 1)                                                                             \
    X(XGETBV, xgetbv, SYSTEM, XSAVE, NONE, 0)                                                                          \
    X(XSETBV, xsetbv, SYSTEM, XSAVE, NONE, 1)                                                                          \
    X(RDPKRU, rdpkru, SYSTEM, PKU, NONE, 0)                                                                            \
    X(WRPKRU, wrpkru, SYSTEM, PKU, NONE, 1)                                                                            \
    /* AMD's virtualization: as undefined as EFER.SVME says */                                                         \
    X(VMRUN, vmrun, SYSTEM, SVM, NONE, 1)                                                                              \
    X(VMMCALL, vmmcall, SYSTEM, NONE, NONE, 1)                                                                         \
    X(VMLOAD, vmload, SYSTEM, SVM, NONE, 0)                                                                            \
    X(VMSAVE, vmsave, SYSTEM, SVM, NONE, 0)                                                                            \
    X(STGI, stgi, SYSTEM, SVM, NONE, 1)                                                                                \
    X(CLGI, clgi, SYSTEM, SVM, NONE, 1)                                                                                \
    X(SKINIT, skinit, SYSTEM, SKINIT, NONE, 1)                                                                         \
    X(INVLPGA, invlpga, SYSTEM, SVM, NONE, 1)

/* x87; operands: X86_OP_MEM with `size` (10 bytes: 10; environments: 14 or 28, 94 or 108), else st(rm). imm8 is ModRM. */
#define X86_INSNS_X87(X)                                                                                               \
    X(FADD, fadd, VECTOR, FPU, NONE, 0)                                                                                \
    X(FMUL, fmul, VECTOR, FPU, NONE, 0)                                                                                \
    X(FCOM, fcom, VECTOR, FPU, NONE, 0)                                                                                \
    X(FCOMP, fcomp, VECTOR, FPU, NONE, 0)                                                                              \
    X(FSUB, fsub, VECTOR, FPU, NONE, 0)                                                                                \
    X(FSUBR, fsubr, VECTOR, FPU, NONE, 0)                                                                              \
    X(FDIV, fdiv, VECTOR, FPU, NONE, 0)                                                                                \
    X(FDIVR, fdivr, VECTOR, FPU, NONE, 0)                                                                              \
    X(FADDP, faddp, VECTOR, FPU, NONE, 0)                                                                              \
    X(FMULP, fmulp, VECTOR, FPU, NONE, 0)                                                                              \
    X(FCOMPP, fcompp, VECTOR, FPU, NONE, 0)                                                                            \
    X(FSUBP, fsubp, VECTOR, FPU, NONE, 0)                                                                              \
    X(FSUBRP, fsubrp, VECTOR, FPU, NONE, 0)                                                                            \
    X(FDIVP, fdivp, VECTOR, FPU, NONE, 0)                                                                              \
    X(FDIVRP, fdivrp, VECTOR, FPU, NONE, 0)                                                                            \
    X(FIADD, fiadd, VECTOR, FPU, NONE, 0)                                                                              \
    X(FIMUL, fimul, VECTOR, FPU, NONE, 0)                                                                              \
    X(FICOM, ficom, VECTOR, FPU, NONE, 0)                                                                              \
    X(FICOMP, ficomp, VECTOR, FPU, NONE, 0)                                                                            \
    X(FISUB, fisub, VECTOR, FPU, NONE, 0)                                                                              \
    X(FISUBR, fisubr, VECTOR, FPU, NONE, 0)                                                                            \
    X(FIDIV, fidiv, VECTOR, FPU, NONE, 0)                                                                              \
    X(FIDIVR, fidivr, VECTOR, FPU, NONE, 0)                                                                            \
    X(FLD, fld, VECTOR, FPU, NONE, 0)                                                                                  \
    X(FST, fst, VECTOR, FPU, NONE, 0)                                                                                  \
    X(FSTP, fstp, VECTOR, FPU, NONE, 0)                                                                                \
    X(FILD, fild, VECTOR, FPU, NONE, 0)                                                                                \
    X(FIST, fist, VECTOR, FPU, NONE, 0)                                                                                \
    X(FISTP, fistp, VECTOR, FPU, NONE, 0)                                                                              \
    X(FISTTP, fisttp, VECTOR, SSE3, NONE, 0)                                                                           \
    X(FBLD, fbld, VECTOR, FPU, NONE, 0)                                                                                \
    X(FBSTP, fbstp, VECTOR, FPU, NONE, 0)                                                                              \
    X(FXCH, fxch, VECTOR, FPU, NONE, 0)                                                                                \
    X(FUCOM, fucom, VECTOR, FPU, NONE, 0)                                                                              \
    X(FUCOMP, fucomp, VECTOR, FPU, NONE, 0)                                                                            \
    X(FUCOMPP, fucompp, VECTOR, FPU, NONE, 0)                                                                          \
    X(FCOMI, fcomi, VECTOR, CMOV, NONE, 0)                                                                             \
    X(FCOMIP, fcomip, VECTOR, CMOV, NONE, 0)                                                                           \
    X(FUCOMI, fucomi, VECTOR, CMOV, NONE, 0)                                                                           \
    X(FUCOMIP, fucomip, VECTOR, CMOV, NONE, 0)                                                                         \
    X(FCMOVCC, fcmovcc, VECTOR, CMOV, NONE, 0)  /* cond: B, E, BE, P (U) and their opposites, as in Jcc */             \
    X(FCHS, fchs, VECTOR, FPU, NONE, 0)                                                                                \
    X(FABS, fabs, VECTOR, FPU, NONE, 0)                                                                                \
    X(FTST, ftst, VECTOR, FPU, NONE, 0)                                                                                \
    X(FXAM, fxam, VECTOR, FPU, NONE, 0)                                                                                \
    X(FLD1, fld1, VECTOR, FPU, NONE, 0)                                                                                \
    X(FLDL2T, fldl2t, VECTOR, FPU, NONE, 0)                                                                            \
    X(FLDL2E, fldl2e, VECTOR, FPU, NONE, 0)                                                                            \
    X(FLDPI, fldpi, VECTOR, FPU, NONE, 0)                                                                              \
    X(FLDLG2, fldlg2, VECTOR, FPU, NONE, 0)                                                                            \
    X(FLDLN2, fldln2, VECTOR, FPU, NONE, 0)                                                                            \
    X(FLDZ, fldz, VECTOR, FPU, NONE, 0)                                                                                \
    X(F2XM1, f2xm1, VECTOR, FPU, NONE, 0)                                                                              \
    X(FYL2X, fyl2x, VECTOR, FPU, NONE, 0)                                                                              \
    X(FPTAN, fptan, VECTOR, FPU, NONE, 0)                                                                              \
    X(FPATAN, fpatan, VECTOR, FPU, NONE, 0)                                                                            \
    X(FXTRACT, fxtract, VECTOR, FPU, NONE, 0)                                                                          \
    X(FPREM1, fprem1, VECTOR, FPU, NONE, 0)                                                                            \
    X(FDECSTP, fdecstp, VECTOR, FPU, NONE, 0)                                                                          \
    X(FINCSTP, fincstp, VECTOR, FPU, NONE, 0)                                                                          \
    X(FPREM, fprem, VECTOR, FPU, NONE, 0)                                                                              \
    X(FYL2XP1, fyl2xp1, VECTOR, FPU, NONE, 0)                                                                          \
    X(FSQRT, fsqrt, VECTOR, FPU, NONE, 0)                                                                              \
    X(FSINCOS, fsincos, VECTOR, FPU, NONE, 0)                                                                          \
    X(FRNDINT, frndint, VECTOR, FPU, NONE, 0)                                                                          \
    X(FSCALE, fscale, VECTOR, FPU, NONE, 0)                                                                            \
    X(FSIN, fsin, VECTOR, FPU, NONE, 0)                                                                                \
    X(FCOS, fcos, VECTOR, FPU, NONE, 0)                                                                                \
    X(FNOP, fnop, VECTOR, FPU, NONE, 0)                                                                                \
    X(FNSETPM, fnsetpm, VECTOR, FPU, NONE, 0)   /* of the 80287; FNENI and FNDISI of the 8087: they do nothing */      \
    X(FFREE, ffree, VECTOR, FPU, NONE, 0)                                                                              \
    X(FFREEP, ffreep, VECTOR, FPU, NONE, 0)                                                                            \
    X(FNCLEX, fnclex, VECTOR, FPU, NONE, 0)                                                                            \
    X(FNINIT, fninit, VECTOR, FPU, NONE, 0)                                                                            \
    X(FLDCW, fldcw, VECTOR, FPU, NONE, 0)                                                                              \
    X(FNSTCW, fnstcw, VECTOR, FPU, NONE, 0)                                                                            \
    X(FNSTSW, fnstsw, VECTOR, FPU, NONE, 0)     /* no X86_OP_MEM: to AX */                                             \
    X(FLDENV, fldenv, VECTOR, FPU, NONE, 0)                                                                            \
    X(FNSTENV, fnstenv, VECTOR, FPU, NONE, 0)                                                                          \
    X(FRSTOR, frstor, VECTOR, FPU, NONE, 0)                                                                            \
    X(FNSAVE, fnsave, VECTOR, FPU, NONE, 0)                                                                            \
    X(FWAIT, fwait, VECTOR, FPU, NONE, 0)                                                                              \
    X(FXSAVE, fxsave, VECTOR, FXSR, NONE, 0)                                                                           \
    X(FXRSTOR, fxrstor, VECTOR, FXSR, NONE, 0)                                                                         \
    X(XSAVE, xsave, VECTOR, XSAVE, NONE, 0)                                                                            \
    X(XRSTOR, xrstor, VECTOR, XSAVE, NONE, 0)                                                                          \
    X(XSAVEOPT, xsaveopt, VECTOR, XSAVEOPT, NONE, 0)                                                                   \
    X(XSAVEC, xsavec, VECTOR, XSAVEC, NONE, 0)                                                                         \
    X(XSAVES, xsaves, VECTOR, XSAVES, NONE, 0)                                                                         \
    X(XRSTORS, xrstors, VECTOR, XSAVES, NONE, 0)                                                                       \
    X(LDMXCSR, ldmxcsr, VECTOR, SSE, NONE, 0)                                                                          \
    X(STMXCSR, stmxcsr, VECTOR, SSE, NONE, 0)

/* Extensions in general registers. */
#define X86_INSNS_GENERAL(X)                                                                                           \
    X(POPCNT, popcnt, VECTOR, POPCNT, NONE, 0)                                                                         \
    X(LZCNT, lzcnt, VECTOR, ABM, NONE, 0)                                                                              \
    X(TZCNT, tzcnt, VECTOR, BMI1, NONE, 0)                                                                             \
    X(ANDN, andn, VECTOR, BMI1, NONE, 0)                                                                               \
    X(BEXTR, bextr, VECTOR, BMI1, NONE, 0)                                                                             \
    X(BLSI, blsi, VECTOR, BMI1, NONE, 0)                                                                               \
    X(BLSMSK, blsmsk, VECTOR, BMI1, NONE, 0)                                                                           \
    X(BLSR, blsr, VECTOR, BMI1, NONE, 0)                                                                               \
    X(BZHI, bzhi, VECTOR, BMI2, NONE, 0)                                                                               \
    X(MULX, mulx, VECTOR, BMI2, NONE, 0)                                                                               \
    X(PDEP, pdep, VECTOR, BMI2, NONE, 0)                                                                               \
    X(PEXT, pext, VECTOR, BMI2, NONE, 0)                                                                               \
    X(RORX, rorx, VECTOR, BMI2, NONE, 0)                                                                               \
    X(SARX, sarx, VECTOR, BMI2, NONE, 0)                                                                               \
    X(SHLX, shlx, VECTOR, BMI2, NONE, 0)                                                                               \
    X(SHRX, shrx, VECTOR, BMI2, NONE, 0)                                                                               \
    X(ADCX, adcx, VECTOR, ADX, NONE, 0)                                                                                \
    X(ADOX, adox, VECTOR, ADX, NONE, 0)                                                                                \
    X(MOVBE, movbe, VECTOR, MOVBE, NONE, 0)                                                                            \
    X(CRC32, crc32, VECTOR, SSE4_2, NONE, 0)                                                                           \
    X(RDRAND, rdrand, VECTOR, RDRAND, NONE, 0)                                                                         \
    X(RDSEED, rdseed, VECTOR, RDSEED, NONE, 0)

/* Floating point in vectors. */
#define X86_INSNS_SSE(X)                                                                                               \
    X(MOVUPS, movups, VECTOR, SSE, AVX, 0)                                                                             \
    X(MOVUPD, movupd, VECTOR, SSE2, AVX, 0)                                                                            \
    X(MOVSS, movss, VECTOR, SSE, AVX, 0)                                                                               \
    X(MOVSD, movsd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(MOVAPS, movaps, VECTOR, SSE, AVX, 0)                                                                             \
    X(MOVAPD, movapd, VECTOR, SSE2, AVX, 0)                                                                            \
    X(MOVLPS, movlps, VECTOR, SSE, AVX, 0)                                                                             \
    X(MOVLPD, movlpd, VECTOR, SSE2, AVX, 0)                                                                            \
    X(MOVHPS, movhps, VECTOR, SSE, AVX, 0)                                                                             \
    X(MOVHPD, movhpd, VECTOR, SSE2, AVX, 0)                                                                            \
    X(MOVHLPS, movhlps, VECTOR, SSE, AVX, 0)                                                                           \
    X(MOVLHPS, movlhps, VECTOR, SSE, AVX, 0)                                                                           \
    X(MOVSLDUP, movsldup, VECTOR, SSE3, AVX, 0)                                                                        \
    X(MOVSHDUP, movshdup, VECTOR, SSE3, AVX, 0)                                                                        \
    X(MOVDDUP, movddup, VECTOR, SSE3, AVX, 0)                                                                          \
    X(MOVNTPS, movntps, VECTOR, SSE, AVX, 0)                                                                           \
    X(MOVNTPD, movntpd, VECTOR, SSE2, AVX, 0)                                                                          \
    X(MOVNTSS, movntss, VECTOR, SSE4A, NONE, 0)                                                                        \
    X(MOVNTSD, movntsd, VECTOR, SSE4A, NONE, 0)                                                                        \
    X(MOVMSKPS, movmskps, VECTOR, SSE, AVX, 0)                                                                         \
    X(MOVMSKPD, movmskpd, VECTOR, SSE2, AVX, 0)                                                                        \
    X(UNPCKLPS, unpcklps, VECTOR, SSE, AVX, 0)                                                                         \
    X(UNPCKLPD, unpcklpd, VECTOR, SSE2, AVX, 0)                                                                        \
    X(UNPCKHPS, unpckhps, VECTOR, SSE, AVX, 0)                                                                         \
    X(UNPCKHPD, unpckhpd, VECTOR, SSE2, AVX, 0)                                                                        \
    X(SHUFPS, shufps, VECTOR, SSE, AVX, 0)                                                                             \
    X(SHUFPD, shufpd, VECTOR, SSE2, AVX, 0)                                                                            \
    X(SQRTPS, sqrtps, VECTOR, SSE, AVX, 0)                                                                             \
    X(SQRTPD, sqrtpd, VECTOR, SSE2, AVX, 0)                                                                            \
    X(SQRTSS, sqrtss, VECTOR, SSE, AVX, 0)                                                                             \
    X(SQRTSD, sqrtsd, VECTOR, SSE2, AVX, 0)                                                                            \
    X(RSQRTPS, rsqrtps, VECTOR, SSE, AVX, 0)                                                                           \
    X(RSQRTSS, rsqrtss, VECTOR, SSE, AVX, 0)                                                                           \
    X(RCPPS, rcpps, VECTOR, SSE, AVX, 0)                                                                               \
    X(RCPSS, rcpss, VECTOR, SSE, AVX, 0)                                                                               \
    X(ANDPS, andps, VECTOR, SSE, AVX, 0)                                                                               \
    X(ANDPD, andpd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(ANDNPS, andnps, VECTOR, SSE, AVX, 0)                                                                             \
    X(ANDNPD, andnpd, VECTOR, SSE2, AVX, 0)                                                                            \
    X(ORPS, orps, VECTOR, SSE, AVX, 0)                                                                                 \
    X(ORPD, orpd, VECTOR, SSE2, AVX, 0)                                                                                \
    X(XORPS, xorps, VECTOR, SSE, AVX, 0)                                                                               \
    X(XORPD, xorpd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(ADDPS, addps, VECTOR, SSE, AVX, 0)                                                                               \
    X(ADDPD, addpd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(ADDSS, addss, VECTOR, SSE, AVX, 0)                                                                               \
    X(ADDSD, addsd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(MULPS, mulps, VECTOR, SSE, AVX, 0)                                                                               \
    X(MULPD, mulpd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(MULSS, mulss, VECTOR, SSE, AVX, 0)                                                                               \
    X(MULSD, mulsd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(SUBPS, subps, VECTOR, SSE, AVX, 0)                                                                               \
    X(SUBPD, subpd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(SUBSS, subss, VECTOR, SSE, AVX, 0)                                                                               \
    X(SUBSD, subsd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(MINPS, minps, VECTOR, SSE, AVX, 0)                                                                               \
    X(MINPD, minpd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(MINSS, minss, VECTOR, SSE, AVX, 0)                                                                               \
    X(MINSD, minsd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(DIVPS, divps, VECTOR, SSE, AVX, 0)                                                                               \
    X(DIVPD, divpd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(DIVSS, divss, VECTOR, SSE, AVX, 0)                                                                               \
    X(DIVSD, divsd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(MAXPS, maxps, VECTOR, SSE, AVX, 0)                                                                               \
    X(MAXPD, maxpd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(MAXSS, maxss, VECTOR, SSE, AVX, 0)                                                                               \
    X(MAXSD, maxsd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(HADDPS, haddps, VECTOR, SSE3, AVX, 0)                                                                            \
    X(HADDPD, haddpd, VECTOR, SSE3, AVX, 0)                                                                            \
    X(HSUBPS, hsubps, VECTOR, SSE3, AVX, 0)                                                                            \
    X(HSUBPD, hsubpd, VECTOR, SSE3, AVX, 0)                                                                            \
    X(ADDSUBPS, addsubps, VECTOR, SSE3, AVX, 0)                                                                        \
    X(ADDSUBPD, addsubpd, VECTOR, SSE3, AVX, 0)                                                                        \
    X(CMPPS, cmpps, VECTOR, SSE, AVX, 0)                                                                               \
    X(CMPPD, cmppd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(CMPSS, cmpss, VECTOR, SSE, AVX, 0)                                                                               \
    X(CMPSD, cmpsd, VECTOR, SSE2, AVX, 0)                                                                              \
    X(COMISS, comiss, VECTOR, SSE, AVX, 0)                                                                             \
    X(COMISD, comisd, VECTOR, SSE2, AVX, 0)                                                                            \
    X(UCOMISS, ucomiss, VECTOR, SSE, AVX, 0)                                                                           \
    X(UCOMISD, ucomisd, VECTOR, SSE2, AVX, 0)                                                                          \
    X(CVTPI2PS, cvtpi2ps, VECTOR, SSE, NONE, 0)                                                                        \
    X(CVTPI2PD, cvtpi2pd, VECTOR, SSE2, NONE, 0)                                                                       \
    X(CVTSI2SS, cvtsi2ss, VECTOR, SSE, AVX, 0)                                                                         \
    X(CVTSI2SD, cvtsi2sd, VECTOR, SSE2, AVX, 0)                                                                        \
    X(CVTTPS2PI, cvttps2pi, VECTOR, SSE, NONE, 0)                                                                      \
    X(CVTTPD2PI, cvttpd2pi, VECTOR, SSE2, NONE, 0)                                                                     \
    X(CVTTSS2SI, cvttss2si, VECTOR, SSE, AVX, 0)                                                                       \
    X(CVTTSD2SI, cvttsd2si, VECTOR, SSE2, AVX, 0)                                                                      \
    X(CVTPS2PI, cvtps2pi, VECTOR, SSE, NONE, 0)                                                                        \
    X(CVTPD2PI, cvtpd2pi, VECTOR, SSE2, NONE, 0)                                                                       \
    X(CVTSS2SI, cvtss2si, VECTOR, SSE, AVX, 0)                                                                         \
    X(CVTSD2SI, cvtsd2si, VECTOR, SSE2, AVX, 0)                                                                        \
    X(CVTPS2PD, cvtps2pd, VECTOR, SSE2, AVX, 0)                                                                        \
    X(CVTPD2PS, cvtpd2ps, VECTOR, SSE2, AVX, 0)                                                                        \
    X(CVTSS2SD, cvtss2sd, VECTOR, SSE2, AVX, 0)                                                                        \
    X(CVTSD2SS, cvtsd2ss, VECTOR, SSE2, AVX, 0)                                                                        \
    X(CVTDQ2PS, cvtdq2ps, VECTOR, SSE2, AVX, 0)                                                                        \
    X(CVTPS2DQ, cvtps2dq, VECTOR, SSE2, AVX, 0)                                                                        \
    X(CVTTPS2DQ, cvttps2dq, VECTOR, SSE2, AVX, 0)                                                                      \
    X(CVTDQ2PD, cvtdq2pd, VECTOR, SSE2, AVX, 0)                                                                        \
    X(CVTPD2DQ, cvtpd2dq, VECTOR, SSE2, AVX, 0)                                                                        \
    X(CVTTPD2DQ, cvttpd2dq, VECTOR, SSE2, AVX, 0)                                                                      \
    X(BLENDPS, blendps, VECTOR, SSE4_1, AVX, 0)                                                                        \
    X(BLENDPD, blendpd, VECTOR, SSE4_1, AVX, 0)                                                                        \
    X(BLENDVPS, blendvps, VECTOR, SSE4_1, AVX, 0)   /* mask: XMM0; VEX: the register in imm8 */                        \
    X(BLENDVPD, blendvpd, VECTOR, SSE4_1, AVX, 0)                                                                      \
    X(DPPS, dpps, VECTOR, SSE4_1, AVX, 0)                                                                              \
    X(DPPD, dppd, VECTOR, SSE4_1, NONE, 0)                                                                             \
    X(EXTRACTPS, extractps, VECTOR, SSE4_1, NONE, 0)                                                                   \
    X(INSERTPS, insertps, VECTOR, SSE4_1, NONE, 0)                                                                     \
    X(ROUNDPS, roundps, VECTOR, SSE4_1, AVX, 0)                                                                        \
    X(ROUNDPD, roundpd, VECTOR, SSE4_1, AVX, 0)                                                                        \
    X(ROUNDSS, roundss, VECTOR, SSE4_1, AVX, 0)                                                                        \
    X(ROUNDSD, roundsd, VECTOR, SSE4_1, AVX, 0)

/* Integers in vectors. */
#define X86_INSNS_MMX(X)                                                                                               \
    X(EMMS, emms, VECTOR, MMX, NONE, 0)                                                                                \
    X(MOVD, movd, VECTOR, MMX, NONE, 0)         /* MOVD and, with X86_OP_W, MOVQ with a general register */            \
    X(MOVQ, movq, VECTOR, MMX, NONE, 0)                                                                                \
    X(MOVDQA, movdqa, VECTOR, SSE2, AVX, 0)                                                                            \
    X(MOVDQU, movdqu, VECTOR, SSE2, AVX, 0)                                                                            \
    X(LDDQU, lddqu, VECTOR, SSE3, AVX, 0)                                                                              \
    X(MOVDQ2Q, movdq2q, VECTOR, SSE2, NONE, 0)                                                                         \
    X(MOVQ2DQ, movq2dq, VECTOR, SSE2, NONE, 0)                                                                         \
    X(MOVNTQ, movntq, VECTOR, SSE, NONE, 0)                                                                            \
    X(MOVNTDQ, movntdq, VECTOR, SSE2, AVX, 0)                                                                          \
    X(MOVNTDQA, movntdqa, VECTOR, SSE4_1, AVX2, 0)                                                                     \
    X(MASKMOVQ, maskmovq, VECTOR, SSE, NONE, 0)                                                                        \
    X(MASKMOVDQU, maskmovdqu, VECTOR, SSE2, NONE, 0)                                                                   \
    X(PMOVMSKB, pmovmskb, VECTOR, SSE, AVX2, 0)                                                                        \
    X(PUNPCKLBW, punpcklbw, VECTOR, MMX, AVX2, 0)                                                                      \
    X(PUNPCKLWD, punpcklwd, VECTOR, MMX, AVX2, 0)                                                                      \
    X(PUNPCKLDQ, punpckldq, VECTOR, MMX, AVX2, 0)                                                                      \
    X(PUNPCKLQDQ, punpcklqdq, VECTOR, SSE2, AVX2, 0)                                                                   \
    X(PUNPCKHBW, punpckhbw, VECTOR, MMX, AVX2, 0)                                                                      \
    X(PUNPCKHWD, punpckhwd, VECTOR, MMX, AVX2, 0)                                                                      \
    X(PUNPCKHDQ, punpckhdq, VECTOR, MMX, AVX2, 0)                                                                      \
    X(PUNPCKHQDQ, punpckhqdq, VECTOR, SSE2, AVX2, 0)                                                                   \
    X(PACKSSWB, packsswb, VECTOR, MMX, AVX2, 0)                                                                        \
    X(PACKUSWB, packuswb, VECTOR, MMX, AVX2, 0)                                                                        \
    X(PACKSSDW, packssdw, VECTOR, MMX, AVX2, 0)                                                                        \
    X(PACKUSDW, packusdw, VECTOR, SSE4_1, AVX2, 0)                                                                     \
    X(PCMPGTB, pcmpgtb, VECTOR, MMX, AVX2, 0)                                                                          \
    X(PCMPGTW, pcmpgtw, VECTOR, MMX, AVX2, 0)                                                                          \
    X(PCMPGTD, pcmpgtd, VECTOR, MMX, AVX2, 0)                                                                          \
    X(PCMPGTQ, pcmpgtq, VECTOR, SSE4_2, AVX2, 0)                                                                       \
    X(PCMPEQB, pcmpeqb, VECTOR, MMX, AVX2, 0)                                                                          \
    X(PCMPEQW, pcmpeqw, VECTOR, MMX, AVX2, 0)                                                                          \
    X(PCMPEQD, pcmpeqd, VECTOR, MMX, AVX2, 0)                                                                          \
    X(PCMPEQQ, pcmpeqq, VECTOR, SSE4_1, AVX2, 0)                                                                       \
    X(PSHUFW, pshufw, VECTOR, SSE, NONE, 0)                                                                            \
    X(PSHUFD, pshufd, VECTOR, SSE2, AVX2, 0)                                                                           \
    X(PSHUFHW, pshufhw, VECTOR, SSE2, AVX2, 0)                                                                         \
    X(PSHUFLW, pshuflw, VECTOR, SSE2, AVX2, 0)                                                                         \
    X(PSHUFB, pshufb, VECTOR, SSSE3, AVX2, 0)                                                                          \
    X(PALIGNR, palignr, VECTOR, SSSE3, AVX2, 0)                                                                        \
    X(PINSRB, pinsrb, VECTOR, SSE4_1, NONE, 0)                                                                         \
    X(PINSRW, pinsrw, VECTOR, SSE, NONE, 0)                                                                            \
    X(PINSRD, pinsrd, VECTOR, SSE4_1, NONE, 0)  /* PINSRD, with X86_OP_W PINSRQ; PEXTR the same */                     \
    X(PEXTRB, pextrb, VECTOR, SSE4_1, NONE, 0)                                                                         \
    X(PEXTRW, pextrw, VECTOR, SSE, NONE, 0)                                                                            \
    X(PEXTRD, pextrd, VECTOR, SSE4_1, NONE, 0)                                                                         \
    X(PADDB, paddb, VECTOR, MMX, AVX2, 0)                                                                              \
    X(PADDW, paddw, VECTOR, MMX, AVX2, 0)                                                                              \
    X(PADDD, paddd, VECTOR, MMX, AVX2, 0)                                                                              \
    X(PADDQ, paddq, VECTOR, SSE2, AVX2, 0)                                                                             \
    X(PADDSB, paddsb, VECTOR, MMX, AVX2, 0)                                                                            \
    X(PADDSW, paddsw, VECTOR, MMX, AVX2, 0)                                                                            \
    X(PADDUSB, paddusb, VECTOR, MMX, AVX2, 0)                                                                          \
    X(PADDUSW, paddusw, VECTOR, MMX, AVX2, 0)                                                                          \
    X(PSUBB, psubb, VECTOR, MMX, AVX2, 0)                                                                              \
    X(PSUBW, psubw, VECTOR, MMX, AVX2, 0)                                                                              \
    X(PSUBD, psubd, VECTOR, MMX, AVX2, 0)                                                                              \
    X(PSUBQ, psubq, VECTOR, SSE2, AVX2, 0)                                                                             \
    X(PSUBSB, psubsb, VECTOR, MMX, AVX2, 0)                                                                            \
    X(PSUBSW, psubsw, VECTOR, MMX, AVX2, 0)                                                                            \
    X(PSUBUSB, psubusb, VECTOR, MMX, AVX2, 0)                                                                          \
    X(PSUBUSW, psubusw, VECTOR, MMX, AVX2, 0)                                                                          \
    X(PHADDW, phaddw, VECTOR, SSSE3, AVX2, 0)                                                                          \
    X(PHADDD, phaddd, VECTOR, SSSE3, AVX2, 0)                                                                          \
    X(PHADDSW, phaddsw, VECTOR, SSSE3, AVX2, 0)                                                                        \
    X(PHSUBW, phsubw, VECTOR, SSSE3, AVX2, 0)                                                                          \
    X(PHSUBD, phsubd, VECTOR, SSSE3, AVX2, 0)                                                                          \
    X(PHSUBSW, phsubsw, VECTOR, SSSE3, AVX2, 0)                                                                        \
    X(PMADDWD, pmaddwd, VECTOR, MMX, AVX2, 0)                                                                          \
    X(PMADDUBSW, pmaddubsw, VECTOR, SSSE3, AVX2, 0)                                                                    \
    X(PMULLW, pmullw, VECTOR, MMX, AVX2, 0)                                                                            \
    X(PMULLD, pmulld, VECTOR, SSE4_1, AVX2, 0)                                                                         \
    X(PMULHW, pmulhw, VECTOR, MMX, AVX2, 0)                                                                            \
    X(PMULHUW, pmulhuw, VECTOR, SSE, AVX2, 0)                                                                          \
    X(PMULHRSW, pmulhrsw, VECTOR, SSSE3, AVX2, 0)                                                                      \
    X(PMULUDQ, pmuludq, VECTOR, SSE2, AVX2, 0)                                                                         \
    X(PMULDQ, pmuldq, VECTOR, SSE4_1, AVX2, 0)                                                                         \
    X(PAVGB, pavgb, VECTOR, SSE, AVX2, 0)                                                                              \
    X(PAVGW, pavgw, VECTOR, SSE, AVX2, 0)                                                                              \
    X(PSADBW, psadbw, VECTOR, SSE, AVX2, 0)                                                                            \
    X(MPSADBW, mpsadbw, VECTOR, SSE4_1, AVX2, 0)                                                                       \
    X(PHMINPOSUW, phminposuw, VECTOR, SSE4_1, NONE, 0)                                                                 \
    X(PMINUB, pminub, VECTOR, SSE, AVX2, 0)                                                                            \
    X(PMINSW, pminsw, VECTOR, SSE, AVX2, 0)                                                                            \
    X(PMAXUB, pmaxub, VECTOR, SSE, AVX2, 0)                                                                            \
    X(PMAXSW, pmaxsw, VECTOR, SSE, AVX2, 0)                                                                            \
    X(PMINSB, pminsb, VECTOR, SSE4_1, AVX2, 0)                                                                         \
    X(PMINSD, pminsd, VECTOR, SSE4_1, AVX2, 0)                                                                         \
    X(PMINUW, pminuw, VECTOR, SSE4_1, AVX2, 0)                                                                         \
    X(PMINUD, pminud, VECTOR, SSE4_1, AVX2, 0)                                                                         \
    X(PMAXSB, pmaxsb, VECTOR, SSE4_1, AVX2, 0)                                                                         \
    X(PMAXSD, pmaxsd, VECTOR, SSE4_1, AVX2, 0)                                                                         \
    X(PMAXUW, pmaxuw, VECTOR, SSE4_1, AVX2, 0)                                                                         \
    X(PMAXUD, pmaxud, VECTOR, SSE4_1, AVX2, 0)                                                                         \
    X(PABSB, pabsb, VECTOR, SSSE3, AVX2, 0)                                                                            \
    X(PABSW, pabsw, VECTOR, SSSE3, AVX2, 0)                                                                            \
    X(PABSD, pabsd, VECTOR, SSSE3, AVX2, 0)                                                                            \
    X(PSIGNB, psignb, VECTOR, SSSE3, AVX2, 0)                                                                          \
    X(PSIGNW, psignw, VECTOR, SSSE3, AVX2, 0)                                                                          \
    X(PSIGND, psignd, VECTOR, SSSE3, AVX2, 0)                                                                          \
    X(PAND, pand, VECTOR, MMX, AVX2, 0)                                                                                \
    X(PANDN, pandn, VECTOR, MMX, AVX2, 0)                                                                              \
    X(POR, por, VECTOR, MMX, AVX2, 0)                                                                                  \
    X(PXOR, pxor, VECTOR, MMX, AVX2, 0)                                                                                \
    X(PSRLW, psrlw, VECTOR, MMX, AVX2, 0)       /* by imm with X86_OP_IMM (VEX: from rm to vvvv) */                    \
    X(PSRLD, psrld, VECTOR, MMX, AVX2, 0)                                                                              \
    X(PSRLQ, psrlq, VECTOR, MMX, AVX2, 0)                                                                              \
    X(PSRLDQ, psrldq, VECTOR, SSE2, AVX2, 0)                                                                           \
    X(PSRAW, psraw, VECTOR, MMX, AVX2, 0)                                                                              \
    X(PSRAD, psrad, VECTOR, MMX, AVX2, 0)                                                                              \
    X(PSLLW, psllw, VECTOR, MMX, AVX2, 0)                                                                              \
    X(PSLLD, pslld, VECTOR, MMX, AVX2, 0)                                                                              \
    X(PSLLQ, psllq, VECTOR, MMX, AVX2, 0)                                                                              \
    X(PSLLDQ, pslldq, VECTOR, SSE2, AVX2, 0)                                                                           \
    X(PTEST, ptest, VECTOR, SSE4_1, AVX, 0)                                                                            \
    X(PBLENDW, pblendw, VECTOR, SSE4_1, AVX2, 0)                                                                       \
    X(PBLENDVB, pblendvb, VECTOR, SSE4_1, AVX2, 0)                                                                     \
    X(PMOVSXBW, pmovsxbw, VECTOR, SSE4_1, AVX2, 0)                                                                     \
    X(PMOVSXBD, pmovsxbd, VECTOR, SSE4_1, AVX2, 0)                                                                     \
    X(PMOVSXBQ, pmovsxbq, VECTOR, SSE4_1, AVX2, 0)                                                                     \
    X(PMOVSXWD, pmovsxwd, VECTOR, SSE4_1, AVX2, 0)                                                                     \
    X(PMOVSXWQ, pmovsxwq, VECTOR, SSE4_1, AVX2, 0)                                                                     \
    X(PMOVSXDQ, pmovsxdq, VECTOR, SSE4_1, AVX2, 0)                                                                     \
    X(PMOVZXBW, pmovzxbw, VECTOR, SSE4_1, AVX2, 0)                                                                     \
    X(PMOVZXBD, pmovzxbd, VECTOR, SSE4_1, AVX2, 0)                                                                     \
    X(PMOVZXBQ, pmovzxbq, VECTOR, SSE4_1, AVX2, 0)                                                                     \
    X(PMOVZXWD, pmovzxwd, VECTOR, SSE4_1, AVX2, 0)                                                                     \
    X(PMOVZXWQ, pmovzxwq, VECTOR, SSE4_1, AVX2, 0)                                                                     \
    X(PMOVZXDQ, pmovzxdq, VECTOR, SSE4_1, AVX2, 0)                                                                     \
    X(PCMPESTRM, pcmpestrm, VECTOR, SSE4_2, NONE, 0)                                                                   \
    X(PCMPESTRI, pcmpestri, VECTOR, SSE4_2, NONE, 0)                                                                   \
    X(PCMPISTRM, pcmpistrm, VECTOR, SSE4_2, NONE, 0)                                                                   \
    X(PCMPISTRI, pcmpistri, VECTOR, SSE4_2, NONE, 0)                                                                   \
    X(EXTRQ, extrq, VECTOR, SSE4A, NONE, 0)     /* with X86_OP_IMM: length, then index in imm8 */                      \
    X(INSERTQ, insertq, VECTOR, SSE4A, NONE, 0)                                                                        \
    X(AESENC, aesenc, VECTOR, AES, VAES, 0)                                                                            \
    X(AESENCLAST, aesenclast, VECTOR, AES, VAES, 0)                                                                    \
    X(AESDEC, aesdec, VECTOR, AES, VAES, 0)                                                                            \
    X(AESDECLAST, aesdeclast, VECTOR, AES, VAES, 0)                                                                    \
    X(AESIMC, aesimc, VECTOR, AES, NONE, 0)                                                                            \
    X(AESKEYGENASSIST, aeskeygenassist, VECTOR, AES, NONE, 0)                                                          \
    X(PCLMULQDQ, pclmulqdq, VECTOR, PCLMULQDQ, VPCLMULQDQ, 0)                                                          \
    X(SHA1RNDS4, sha1rnds4, VECTOR, SHA, NONE, 0)                                                                      \
    X(SHA1NEXTE, sha1nexte, VECTOR, SHA, NONE, 0)                                                                      \
    X(SHA1MSG1, sha1msg1, VECTOR, SHA, NONE, 0)                                                                        \
    X(SHA1MSG2, sha1msg2, VECTOR, SHA, NONE, 0)                                                                        \
    X(SHA256RNDS2, sha256rnds2, VECTOR, SHA, NONE, 0)                                                                  \
    X(SHA256MSG1, sha256msg1, VECTOR, SHA, NONE, 0)                                                                    \
    X(SHA256MSG2, sha256msg2, VECTOR, SHA, NONE, 0)                                                                    \
    X(GF2P8MULB, gf2p8mulb, VECTOR, GFNI, GFNI, 0)                                                                     \
    X(GF2P8AFFINEQB, gf2p8affineqb, VECTOR, GFNI, GFNI, 0)                                                             \
    X(GF2P8AFFINEINVQB, gf2p8affineinvqb, VECTOR, GFNI, GFNI, 0)

/* Only VEX-encoded. `feature` is that of the 128-bit form. */
#define X86_INSNS_AVX(X)                                                                                               \
    X(VZEROUPPER, vzeroupper, VECTOR, AVX, AVX, 0)                                                                     \
    X(VZEROALL, vzeroall, VECTOR, AVX, AVX, 0)                                                                         \
    X(VBROADCASTSS, vbroadcastss, VECTOR, AVX, AVX, 0)  /* from a register: AVX2 */                                    \
    X(VBROADCASTSD, vbroadcastsd, VECTOR, AVX, AVX, 0)                                                                 \
    X(VBROADCASTF128, vbroadcastf128, VECTOR, AVX, AVX, 0)                                                             \
    X(VBROADCASTI128, vbroadcasti128, VECTOR, AVX2, AVX2, 0)                                                           \
    X(VPBROADCASTB, vpbroadcastb, VECTOR, AVX2, AVX2, 0)                                                               \
    X(VPBROADCASTW, vpbroadcastw, VECTOR, AVX2, AVX2, 0)                                                               \
    X(VPBROADCASTD, vpbroadcastd, VECTOR, AVX2, AVX2, 0)                                                               \
    X(VPBROADCASTQ, vpbroadcastq, VECTOR, AVX2, AVX2, 0)                                                               \
    X(VEXTRACTF128, vextractf128, VECTOR, AVX, AVX, 0)                                                                 \
    X(VEXTRACTI128, vextracti128, VECTOR, AVX2, AVX2, 0)                                                               \
    X(VINSERTF128, vinsertf128, VECTOR, AVX, AVX, 0)                                                                   \
    X(VINSERTI128, vinserti128, VECTOR, AVX2, AVX2, 0)                                                                 \
    X(VMASKMOVPS, vmaskmovps, VECTOR, AVX, AVX, 0)                                                                     \
    X(VMASKMOVPD, vmaskmovpd, VECTOR, AVX, AVX, 0)                                                                     \
    X(VPMASKMOVD, vpmaskmovd, VECTOR, AVX2, AVX2, 0)                                                                   \
    X(VPMASKMOVQ, vpmaskmovq, VECTOR, AVX2, AVX2, 0)                                                                   \
    X(VPERMILPS, vpermilps, VECTOR, AVX, AVX, 0)                                                                       \
    X(VPERMILPD, vpermilpd, VECTOR, AVX, AVX, 0)                                                                       \
    X(VPERM2F128, vperm2f128, VECTOR, AVX, AVX, 0)                                                                     \
    X(VPERM2I128, vperm2i128, VECTOR, AVX2, AVX2, 0)                                                                   \
    X(VPERMD, vpermd, VECTOR, AVX2, AVX2, 0)                                                                           \
    X(VPERMPS, vpermps, VECTOR, AVX2, AVX2, 0)                                                                         \
    X(VPERMQ, vpermq, VECTOR, AVX2, AVX2, 0)                                                                           \
    X(VPERMPD, vpermpd, VECTOR, AVX2, AVX2, 0)                                                                         \
    X(VPBLENDD, vpblendd, VECTOR, AVX2, AVX2, 0)                                                                       \
    X(VPSLLVD, vpsllvd, VECTOR, AVX2, AVX2, 0)  /* with X86_OP_W: VPSLLVQ; VPSRLV the same */                          \
    X(VPSRLVD, vpsrlvd, VECTOR, AVX2, AVX2, 0)                                                                         \
    X(VPSRAVD, vpsravd, VECTOR, AVX2, AVX2, 0)                                                                         \
    X(VPGATHERDD, vpgatherdd, VECTOR, AVX2, AVX2, 0)    /* gathers: with X86_OP_W 64-bit elements (…DQ, …PD) */        \
    X(VPGATHERQD, vpgatherqd, VECTOR, AVX2, AVX2, 0)                                                                   \
    X(VGATHERDPS, vgatherdps, VECTOR, AVX2, AVX2, 0)                                                                   \
    X(VGATHERQPS, vgatherqps, VECTOR, AVX2, AVX2, 0)                                                                   \
    X(VTESTPS, vtestps, VECTOR, AVX, AVX, 0)                                                                           \
    X(VTESTPD, vtestpd, VECTOR, AVX, AVX, 0)                                                                           \
    X(VCVTPH2PS, vcvtph2ps, VECTOR, F16C, F16C, 0)                                                                     \
    X(VCVTPS2PH, vcvtps2ph, VECTOR, F16C, F16C, 0)                                                                     \
    /* FMA: PS and SS; with X86_OP_W they are PD and SD */                                                             \
    X(VFMADDSUB132PS, vfmaddsub132ps, VECTOR, FMA, FMA, 0)                                                             \
    X(VFMADDSUB213PS, vfmaddsub213ps, VECTOR, FMA, FMA, 0)                                                             \
    X(VFMADDSUB231PS, vfmaddsub231ps, VECTOR, FMA, FMA, 0)                                                             \
    X(VFMSUBADD132PS, vfmsubadd132ps, VECTOR, FMA, FMA, 0)                                                             \
    X(VFMSUBADD213PS, vfmsubadd213ps, VECTOR, FMA, FMA, 0)                                                             \
    X(VFMSUBADD231PS, vfmsubadd231ps, VECTOR, FMA, FMA, 0)                                                             \
    X(VFMADD132PS, vfmadd132ps, VECTOR, FMA, FMA, 0)                                                                   \
    X(VFMADD213PS, vfmadd213ps, VECTOR, FMA, FMA, 0)                                                                   \
    X(VFMADD231PS, vfmadd231ps, VECTOR, FMA, FMA, 0)                                                                   \
    X(VFMADD132SS, vfmadd132ss, VECTOR, FMA, FMA, 0)                                                                   \
    X(VFMADD213SS, vfmadd213ss, VECTOR, FMA, FMA, 0)                                                                   \
    X(VFMADD231SS, vfmadd231ss, VECTOR, FMA, FMA, 0)                                                                   \
    X(VFMSUB132PS, vfmsub132ps, VECTOR, FMA, FMA, 0)                                                                   \
    X(VFMSUB213PS, vfmsub213ps, VECTOR, FMA, FMA, 0)                                                                   \
    X(VFMSUB231PS, vfmsub231ps, VECTOR, FMA, FMA, 0)                                                                   \
    X(VFMSUB132SS, vfmsub132ss, VECTOR, FMA, FMA, 0)                                                                   \
    X(VFMSUB213SS, vfmsub213ss, VECTOR, FMA, FMA, 0)                                                                   \
    X(VFMSUB231SS, vfmsub231ss, VECTOR, FMA, FMA, 0)                                                                   \
    X(VFNMADD132PS, vfnmadd132ps, VECTOR, FMA, FMA, 0)                                                                 \
    X(VFNMADD213PS, vfnmadd213ps, VECTOR, FMA, FMA, 0)                                                                 \
    X(VFNMADD231PS, vfnmadd231ps, VECTOR, FMA, FMA, 0)                                                                 \
    X(VFNMADD132SS, vfnmadd132ss, VECTOR, FMA, FMA, 0)                                                                 \
    X(VFNMADD213SS, vfnmadd213ss, VECTOR, FMA, FMA, 0)                                                                 \
    X(VFNMADD231SS, vfnmadd231ss, VECTOR, FMA, FMA, 0)                                                                 \
    X(VFNMSUB132PS, vfnmsub132ps, VECTOR, FMA, FMA, 0)                                                                 \
    X(VFNMSUB213PS, vfnmsub213ps, VECTOR, FMA, FMA, 0)                                                                 \
    X(VFNMSUB231PS, vfnmsub231ps, VECTOR, FMA, FMA, 0)                                                                 \
    X(VFNMSUB132SS, vfnmsub132ss, VECTOR, FMA, FMA, 0)                                                                 \
    X(VFNMSUB213SS, vfnmsub213ss, VECTOR, FMA, FMA, 0)                                                                 \
    X(VFNMSUB231SS, vfnmsub231ss, VECTOR, FMA, FMA, 0)

#define X86_INSNS_ALL(X)                                                                                               \
    X86_INSNS_INTEGER(X) X86_INSNS_SYSTEM(X) X86_INSNS_X87(X) X86_INSNS_GENERAL(X) X86_INSNS_SSE(X) X86_INSNS_MMX(X)  \
    X86_INSNS_AVX(X)

typedef enum X86InsnId {
    X86_UNDEFINED,              /* no instruction: #UD */
#define X86_INSN_ID(NAME, name, unit, feature, feature_256, ends_block) X86_##NAME,
    X86_INSNS_ALL(X86_INSN_ID)
#undef X86_INSN_ID
    X86_INSNS
} X86InsnId;

#endif
