/* Which specialised handler an instruction gets. */
#include "target/i386/exec/fast.h"

/* The address form of op's memory operand, -1: none of them. May move FS's or GS's base to the index's place. */
static int address_form(X86Op *op, bool wide)
{
    bool special = op->seg >= R_FS && op->id != X86_LEA;

    if (!wide) {
        /* CS may be read, but not written. */
        return op->addr_size == 4 && !special && op->seg != R_CS ? FORM_W : -1;
    }
    if (op->addr_size != 8) {
        return op->addr_size == 4 && !special ? FORM_W : -1;
    }
    if (special) {
        if (op->index != X86_REG_ZERO) {
            return -1;
        }
        op->index = (uint8_t)(op->seg == R_FS ? 18 * 8 : 19 * 8);
        op->scale = 0;
    }
    return op->index == X86_REG_ZERO ? FORM_B : FORM_X;
}

bool x86_choose_fast(X86Op *op, X86Op *before, uint32_t mode)
{
    bool wide = (mode & MODE_CODE_MASK) == X86_CODE_64, memory = op->flags & X86_OP_MEM;
    X86Op copy = *op;
    int form = FORM_B;

    if (!(mode & MODE_FLAT) || (!wide && ((mode & MODE_CODE_MASK) != X86_CODE_32 || !(mode & MODE_SS32)))) {
        return false;
    }
    if (op->flags & X86_OP_LOCK || op->size > 8 || op->size == 0 || (memory && (form = address_form(op, wide)) < 0)) {
        return false;
    }
    unsigned log_size = (unsigned)__builtin_ctz(op->size);
    if (x86_insn_info[op->id].ends_block ? x86_fast_branch(op, form, wide)
                                         : x86_fast_alu(op, form, log_size) || x86_fast_move(op, form, log_size, wide)) {
        /* The one before compares its operands with full addresses: not those cut to 32 bits. */
        if (op->id == X86_JCC && before && before->fn != x86_op_plain && !(before->flags & X86_OP_LOCK) &&
            (!(before->flags & X86_OP_MEM) || (wide && before->addr_size == 8))) {
            x86_fast_compare_and_branch(before, op);
        }
        return true;
    }
    *op = copy;
    return false;
}
