/*
 * An instruction as the decoder leaves it and as a handler gets it: one fixed-size record, which also sits in the code
 * cache. The decoder (decode.c) knows encodings and nothing of execution; whoever executes knows `id` and operands and
 * nothing of encodings (SDM vol. 2, chapter 2 and appendix A).
 */
#ifndef TARGET_I386_EXEC_INSN_H
#define TARGET_I386_EXEC_INSN_H

#include <stdbool.h>
#include <stdint.h>

#include "target/i386/exec/insn-ids.h"

typedef struct X86Exec X86Exec;
typedef struct X86Op X86Op;
/* Executes op and what follows it; how the next one is reached is exec.h's matter. */
typedef const X86Op *X86OpFn(X86Exec *x, const X86Op *op);

/*
 * General registers are named by the byte offset of the operand in X86Exec.regs: 8 * number, plus 1 for AH, CH, DH and
 * BH. So an operand of any width is read at that address. Two more stand behind the sixteen: one that is always zero, and
 * the address of the block's first instruction, which is what RIP-relative operands are relative to (the translator adds
 * the distance to disp). The rest is the executor's: bases of FS and GS, and an address that an instruction is relative to.
 */
enum { X86_REG_ZERO = 16 * 8, X86_REG_RIP = 17 * 8, X86_REG_NEXT = 20 * 8, X86_REGS_ALL = 21 };

enum {                          /* X86Op.flags */
    X86_OP_MEM = 1 << 0,        /* the r/m operand is in memory: base, index, scale, disp, seg */
    X86_OP_LOCK = 1 << 1,
    X86_OP_REP = 1 << 2,        /* F3, where it is no part of the opcode */
    X86_OP_REPNE = 1 << 3,      /* F2, the same */
    X86_OP_TO_REG = 1 << 4,     /* of two operands, the first (the destination) is `reg`; else it is r/m */
    X86_OP_IMM = 1 << 5,        /* the last operand is imm */
    X86_OP_VEX = 1 << 6,        /* VEX-encoded: `vvvv` counts and upper halves are zeroed */
    X86_OP_L = 1 << 7,          /* VEX.L: 256 bits */
    X86_OP_W = 1 << 8,          /* REX.W or VEX.W */
    X86_OP_REX = 1 << 9,
    X86_OP_66 = 1 << 10,        /* there was an operand-size prefix */
    X86_OP_SEG = 1 << 11,       /* `seg` comes from a prefix, not from the base register */
    X86_OP_VSIB = 1 << 12,      /* index is a vector register's number */
};

struct X86Op {
    X86OpFn *fn;                /* the executor's */
    union {
        uint64_t imm;           /* sign-extended to 64 bits, or as the instruction says; a far pointer: offset | selector << 32;
                                   branches: the distance from the next instruction; X86_MOV_MOFFS: the offset */
        void *link;             /* the executor's: a branch's target block */
    };
    int32_t disp;
    uint16_t id;                /* X86_ADD … */
    uint16_t flags;
    uint8_t reg, rm;            /* ModRM.reg, and ModRM.rm if not X86_OP_MEM; a register in the opcode is in both, the accumulator
                                   of short forms (ADD AL, imm) in `rm` as in their long form. General: offset as above; XMM, MMX,
                                   x87, segment, control and debug registers: their number */
    uint8_t base, index, scale; /* general registers as above, X86_REG_ZERO for none; scale is a shift */
    uint8_t seg;                /* R_ES … R_GS: of the memory operand */
    uint8_t size;               /* operand size in bytes: 1, 2, 4, 8. For MOVZX and its like, of the destination. Vectors: of the
                                   general register if there is one, else the vector's, 8, 16 or 32 */
    uint8_t size2;              /* of the r/m operand in memory, or of the source (MOVZX, MOVSX, MOVSXD), else the same; a far
                                   pointer: 4, 6, 10; 0: not fixed (LEA, INVLPG, NOP, FXSAVE …) */
    uint8_t addr_size;          /* 2, 4, 8 */
    uint8_t length;             /* of the instruction, in bytes, 1 to 15 */
    uint8_t vvvv;               /* VEX.vvvv: a vector's number, or a general register as above */
    uint8_t cond;               /* Jcc, SETcc, CMOVcc: the condition, low 4 bits of the opcode; MOV CR/DR…: unused */
    uint8_t map, opcode;        /* 0: one-byte, 1: 0F, 2: 0F38, 3: 0F3A; the opcode's byte */
    uint8_t prefix;             /* mandatory prefix: 0, 0x66, 0xf2, 0xf3 */
    uint8_t imm8;               /* ModRM as a whole for x87; a second immediate (ENTER's level, is4) */
    uint32_t offset;            /* the executor's: distance from the block's first instruction */
};

/* What the instruction stream's mode makes of encodings. */
typedef enum X86CodeSize { X86_CODE_16, X86_CODE_32, X86_CODE_64 } X86CodeSize;

/*
 * Decodes one instruction from `available` bytes. Returns its length; 0: it goes on behind the bytes (needs more of
 * them; never with 15 or more); X86_DECODE_INVALID: undefined (#UD), X86_DECODE_TOO_LONG: over 15 bytes (#GP(0)). An
 * encoding is undefined here if the architecture says so in every CPU (LOCK where it may not stand, too); features that
 * a CPU may lack are the executor's matter (x86_insn_info[id].feature).
 */
enum { X86_DECODE_INVALID = -1, X86_DECODE_TOO_LONG = -2 };
int x86_decode(const uint8_t *bytes, unsigned available, X86CodeSize size, X86Op *op);

/* "add", "jcc", …: what it is, for tests and -d in_asm. */
typedef struct X86InsnInfo {
    const char *name;
    uint8_t unit;               /* X86_UNIT_* : who executes it */
    uint8_t feature;            /* X86_FEATURE_*, 0: every CPU */
    uint8_t feature_256;        /* of the VEX form with 256 bits */
    uint8_t ends_block;         /* what follows in memory may not be what runs next, or runs in another mode */
} X86InsnInfo;
extern const X86InsnInfo x86_insn_info[X86_INSNS];

/* The feature that the form at hand needs: that of a legacy instruction, or AVX, AVX2 … for a VEX one. */
X86Feature x86_op_feature(const X86Op *op);

#endif
