/* What the instructions are: insn-ids.h as a table. */
#include "target/i386/exec/insn.h"

const X86InsnInfo x86_insn_info[X86_INSNS] = {
    [X86_UNDEFINED] = { "(undefined)", X86_UNIT_NONE, X86_FEATURE_NONE, X86_FEATURE_NONE, 1 },
#define X86_INSN_INFO(NAME, name, unit, feature, feature_256, ends_block)                                              \
    [X86_##NAME] = { #name, X86_UNIT_##unit, X86_FEATURE_##feature, X86_FEATURE_##feature_256, ends_block },
    X86_INSNS_ALL(X86_INSN_INFO)
};

/* Of a legacy instruction with XMM registers that first came for MMX ones. */
static X86Feature xmm_feature(X86Feature feature)
{
    return feature == X86_FEATURE_MMX || feature == X86_FEATURE_SSE ? X86_FEATURE_SSE2 : feature;
}

X86Feature x86_op_feature(const X86Op *op)
{
    const X86InsnInfo *info = &x86_insn_info[op->id];

    if (op->flags & X86_OP_VEX) {
        switch ((X86Feature)info->feature) {
        case X86_FEATURE_AVX: case X86_FEATURE_AVX2: case X86_FEATURE_FMA: case X86_FEATURE_F16C:
        case X86_FEATURE_BMI1: case X86_FEATURE_BMI2: case X86_FEATURE_GFNI:
            /* Broadcasts from a register came later than those from memory. */
            return info->feature == X86_FEATURE_AVX && op->map == 2 && (op->opcode == 0x18 || op->opcode == 0x19) &&
                   !(op->flags & X86_OP_MEM) ? X86_FEATURE_AVX2 : info->feature;
        default:
            return op->flags & X86_OP_L && info->feature_256 ? info->feature_256 : X86_FEATURE_AVX;
        }
    }
    if (info->unit == X86_UNIT_VECTOR && op->prefix) { /* F2 and F3: the ids are SSE's own */
        return op->prefix == 0x66 ? xmm_feature(info->feature) : op->id == X86_MOVQ ? X86_FEATURE_SSE2 : info->feature;
    }
    return info->feature;
}
