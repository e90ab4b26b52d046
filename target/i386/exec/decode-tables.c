/* The one-byte and the 0F map (SDM vol. 2, tables ). */
#include "target/i386/exec/decode-internal.h"

#define ARITHMETIC(insn, lock)                                                                                         \
    I(insn, EbGb, lock), I(insn, EvGv, lock), I(insn, GbEb, 0), I(insn, GvEv, 0), I(insn, AbIb, 0), I(insn, AvIz, 0)
#define X8(...) __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__
#define X16(...) X8(__VA_ARGS__), X8(__VA_ARGS__)

const DecodeEntry x86_map_one_byte[256] = {
    [0x00] = ARITHMETIC(ADD, LOCKS), I(PUSH_SREG, Nv, I64), I(POP_SREG, Nv, I64),
    [0x08] = ARITHMETIC(OR, LOCKS), I(PUSH_SREG, Nv, I64), /* 0F: the next map */
    [0x10] = ARITHMETIC(ADC, LOCKS), I(PUSH_SREG, Nv, I64), I(POP_SREG, Nv, I64),
    [0x18] = ARITHMETIC(SBB, LOCKS), I(PUSH_SREG, Nv, I64), I(POP_SREG, Nv, I64),
    [0x20] = ARITHMETIC(AND, LOCKS), /* 26: ES */
    [0x27] = I(DAA, None, I64),
    [0x28] = ARITHMETIC(SUB, LOCKS), /* 2E: CS */
    [0x2f] = I(DAS, None, I64),
    [0x30] = ARITHMETIC(XOR, LOCKS), /* 36: SS */
    [0x37] = I(AAA, None, I64),
    [0x38] = ARITHMETIC(CMP, 0), /* 3E: DS */
    [0x3f] = I(AAS, None, I64),
    [0x40] = X8(I(INC, Zv, I64)), /* in 64-bit mode REX */
    [0x48] = X8(I(DEC, Zv, I64)),
    [0x50] = X8(I(PUSH, Zv, D64)),
    [0x58] = X8(I(POP, Zv, D64)),
    [0x60] = I(PUSHA, Nv, I64), I(POPA, Nv, I64), I(BOUND, GvMa, I64 | MEMONLY), T(63),
    /* 64 FS, 65 GS, 66, 67 */
    [0x68] = I(PUSH, Iz, D64), I(IMUL, GvEvIz, 0), I(PUSH, Ib, D64), I(IMUL, GvEvIb, 0),
    [0x6c] = I(INS, Nb, 0), I(INS, Nz, 0), I(OUTS, Nb, 0), I(OUTS, Nz, 0),
    [0x70] = X16(I(JCC, Jb, F64 | COND)),
    [0x80] = T(GROUP_1_EbIb), T(GROUP_1_EvIz), T(GROUP_1_EbIb_82), T(GROUP_1_EvIb),
    [0x84] = I(TEST, EbGb, 0), I(TEST, EvGv, 0), I(XCHG, EbGb, LOCKS), I(XCHG, EvGv, LOCKS),
    [0x88] = I(MOV, EbGb, 0), I(MOV, EvGv, 0), I(MOV, GbEb, 0), I(MOV, GvEv, 0),
    [0x8c] = I(MOV_SREG, EvSw, 0), I(LEA, GvM, MEMONLY), I(MOV_SREG, SwEw, 0), T(GROUP_1A),
    [0x90] = X8(I(XCHG, ZvAv, 0)), /* 90 itself: NOP, PAUSE */
    [0x98] = I(CBW, Nv, 0), I(CWD, Nv, 0), I(CALL_FAR, Ap, I64), I(FWAIT, None, 0),
    [0x9c] = I(PUSHF, Nv, D64), I(POPF, Nv, D64), I(SAHF, None, 0), I(LAHF, None, 0),
    [0xa0] = I(MOV, AbOb, 0), I(MOV, AvOv, 0), I(MOV, ObAb, 0), I(MOV, OvAv, 0),
    [0xa4] = I(MOVS, Nb, 0), I(MOVS, Nv, 0), I(CMPS, Nb, 0), I(CMPS, Nv, 0),
    [0xa8] = I(TEST, AbIb, 0), I(TEST, AvIz, 0), I(STOS, Nb, 0), I(STOS, Nv, 0),
    [0xac] = I(LODS, Nb, 0), I(LODS, Nv, 0), I(SCAS, Nb, 0), I(SCAS, Nv, 0),
    [0xb0] = X8(I(MOV, ZbIb, 0)),
    [0xb8] = X8(I(MOV, ZvIv, 0)),
    [0xc0] = T(GROUP_2_EbUb), T(GROUP_2_EvUb), I(RET, Iw, F64), I(RET, Nv, F64),
    [0xc4] = I(LES, GvMp, I64 | MEMONLY), I(LDS, GvMp, I64 | MEMONLY), /* VEX */
    [0xc6] = T(GROUP_11_EbIb), T(GROUP_11_EvIz),
    [0xc8] = I(ENTER, IwIb, D64), I(LEAVE, Nv, D64), I(RET_FAR, Iw, 0), I(RET_FAR, Nv, 0),
    [0xcc] = I(INT3, None, 0), I(INT, Ub, 0), I(INTO, None, I64), I(IRET, Nv, 0),
    [0xd0] = T(GROUP_2_Eb1), T(GROUP_2_Ev1), T(GROUP_2_Eb), T(GROUP_2_Ev),
    [0xd4] = I(AAM, Ub, I64), I(AAD, Ub, I64), I(SALC, None, I64), I(XLAT, Nb, 0),
    /* D8 … DF: x87 */
    [0xe0] = I(LOOPNE, Jb, F64), I(LOOPE, Jb, F64), I(LOOP, Jb, F64), I(JCXZ, Jb, F64),
    [0xe4] = I(IN, AbUb, 0), I(IN, AzUb, 0), I(OUT, UbAb, 0), I(OUT, UbAz, 0),
    [0xe8] = I(CALL, Jz, F64), I(JMP, Jz, F64), I(JMP_FAR, Ap, I64), I(JMP, Jb, F64),
    [0xec] = I(IN, AbDx, 0), I(IN, AzDx, 0), I(OUT, DxAb, 0), I(OUT, DxAz, 0),
    /* F0 LOCK, F2 REPNE, F3 REP */
    [0xf1] = I(INT1, None, 0),
    [0xf4] = I(HLT, None, 0), I(CMC, None, 0), T(GROUP_3_Eb), T(GROUP_3_Ev),
    [0xf8] = I(CLC, None, 0), I(STC, None, 0), I(CLI, None, 0), I(STI, None, 0),
    [0xfc] = I(CLD, None, 0), I(STD, None, 0), T(GROUP_4), T(GROUP_5),
};

const DecodeEntry x86_map_0f[256] = {
    [0x00] = T(GROUP_6), T(GROUP_7), I(LAR, GvEw, 0), I(LSL, GvEw, 0),
    [0x05] = I(SYSCALL, None, 0), I(CLTS, None, 0), I(SYSRET, Nv, 0),
    [0x08] = I(INVD, None, 0), I(WBINVD, None, 0),
    [0x0b] = I(UD2, None, 0),
    [0x0d] = I(NOP, Eany, 0), /* PREFETCHW and its like */
    [0x10] = X8(T(PREFIX_ROW)),
    [0x18] = X8(I(NOP, Eany, 0)), /* PREFETCHh, hints, ENDBR; MPX, CET and others that an older CPU takes for NOP */
    [0x20] = I(MOV_CR, RaCa, 0), I(MOV_DR, RaDa, 0), I(MOV_CR, CaRa, 0), I(MOV_DR, DaRa, 0),
    [0x28] = X8(T(PREFIX_ROW)),
    [0x30] = I(WRMSR, None, 0), I(RDTSC, None, 0), I(RDMSR, None, 0), I(RDPMC, None, 0),
    [0x34] = I(SYSENTER, None, 0), I(SYSEXIT, Nv, 0),
    [0x40] = X16(I(CMOVCC, GvEv, COND)),
    [0x50] = X16(T(PREFIX_ROW)),
    [0x60] = X16(T(PREFIX_ROW)),
    [0x70] = T(PREFIX_ROW), T(GROUP_12), T(GROUP_13), T(GROUP_14),
    [0x74] = T(PREFIX_ROW), T(PREFIX_ROW), T(PREFIX_ROW), T(PREFIX_ROW),
    [0x78] = X8(T(PREFIX_ROW)),
    [0x80] = X16(I(JCC, Jz, F64 | COND)),
    [0x90] = X16(I(SETCC, Eb, COND)),
    [0xa0] = I(PUSH_SREG, Nv, D64), I(POP_SREG, Nv, D64), I(CPUID, None, 0), I(BT, EvGv, 0),
    [0xa4] = I(SHLD, EvGvUb, 0), I(SHLD, EvGv, 0),
    [0xa8] = I(PUSH_SREG, Nv, D64), I(POP_SREG, Nv, D64), I(RSM, None, 0), I(BTS, EvGv, LOCKS),
    [0xac] = I(SHRD, EvGvUb, 0), I(SHRD, EvGv, 0), T(GROUP_15), I(IMUL, GvEv, 0),
    [0xb0] = I(CMPXCHG, EbGb, LOCKS), I(CMPXCHG, EvGv, LOCKS), I(LSS, GvMp, MEMONLY), I(BTR, EvGv, LOCKS),
    [0xb4] = I(LFS, GvMp, MEMONLY), I(LGS, GvMp, MEMONLY), I(MOVZX, GvEb, 0), I(MOVZX, GvEw, 0),
    [0xb8] = T(PREFIX_ROW), I(UD1, GvEv, 0), T(GROUP_8), I(BTC, EvGv, LOCKS),
    [0xbc] = T(PREFIX_ROW), T(PREFIX_ROW), I(MOVSX, GvEb, 0), I(MOVSX, GvEw, 0),
    [0xc0] = I(XADD, EbGb, LOCKS), I(XADD, EvGv, LOCKS), T(PREFIX_ROW), T(PREFIX_ROW),
    [0xc4] = T(PREFIX_ROW), T(PREFIX_ROW), T(PREFIX_ROW), T(GROUP_9),
    [0xc8] = X8(I(BSWAP, Zv, 0)),
    [0xd0] = X16(T(PREFIX_ROW)),
    [0xe0] = X16(T(PREFIX_ROW)),
    [0xf0] = X8(T(PREFIX_ROW)),
    [0xf8] = T(PREFIX_ROW), T(PREFIX_ROW), T(PREFIX_ROW), T(PREFIX_ROW),
    [0xfc] = T(PREFIX_ROW), T(PREFIX_ROW), T(PREFIX_ROW), I(UD0, GvEv, 0),
};
