/* Flags that the architecture leaves undefined (SDM vol. 2, "Flags Affected"; vol. 1, appendix A). */
#include "x86-undefined.h"

#include "target/i386/exec/exec.h"

enum { ALL = FLAGS_ARITH, CF = FLAG_CF, PF = FLAG_PF, AF = FLAG_AF, ZF = FLAG_ZF, SF = FLAG_SF, OF = FLAG_OF };

static unsigned shift_count(const X86Op *op, uint64_t rcx)
{
    return (op->flags & X86_OP_IMM ? op->imm : rcx) & (op->size == 8 ? 63 : 31);
}

uint32_t x86_undefined_flags(const X86Op *op, uint64_t rcx)
{
    unsigned count;

    switch (op->id) {
    case X86_AND: case X86_OR: case X86_XOR: case X86_TEST:
        return AF;
    case X86_MUL: case X86_IMUL: case X86_IMUL1:
        return SF | ZF | AF | PF;
    case X86_DIV: case X86_IDIV:
        return ALL;
    case X86_ROL: case X86_ROR: case X86_RCL: case X86_RCR:
        return shift_count(op, rcx) == 1 ? 0 : OF;
    case X86_SHL: case X86_SHR: case X86_SAR:
        count = shift_count(op, rcx);
        return count == 0 ? 0 : AF | (count == 1 ? 0 : OF) | (count >= op->size * 8 && op->id != X86_SAR ? CF : 0);
    case X86_SHLD: case X86_SHRD:
        count = shift_count(op, rcx);
        return count == 0 ? 0 : count > op->size * 8 ? ALL : AF | (count == 1 ? 0 : OF);
    case X86_BT: case X86_BTS: case X86_BTR: case X86_BTC:
        return OF | SF | AF | PF;
    case X86_BSF: case X86_BSR:
        return CF | OF | SF | AF | PF;
    case X86_AAA: case X86_AAS:
        return OF | SF | ZF | PF;
    case X86_AAM: case X86_AAD:
        return OF | AF | CF;
    case X86_DAA: case X86_DAS:
        return OF;
    case X86_LZCNT: case X86_TZCNT:
        return OF | SF | PF | AF;
    case X86_BEXTR:
        return AF | SF | PF;
    case X86_BZHI: case X86_ANDN: case X86_BLSR: case X86_BLSI: case X86_BLSMSK:
        return AF | PF;
    default:
        return 0;
    }
}

bool x86_undefined_result(const X86Op *op, uint64_t rcx)
{
    switch (op->id) {
    case X86_SHLD: case X86_SHRD:
        return shift_count(op, rcx) > op->size * 8;
    case X86_BSWAP:
        return op->size == 2;
    case X86_LAR:       /* bits of the limit */
        return rcx == UINT64_MAX;
    default:
        return false;
    }
}
