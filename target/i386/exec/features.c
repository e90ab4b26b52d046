/* Where CPUID says what an instruction needs (SDM vol. 2, CPUID; AMD APM vol. 3, appendix E). */
#include "target/i386/exec/features.h"

typedef struct Place {
    uint8_t word, bit;
} Place;

static const Place places[X86_FEATURES] = {
    [X86_FEATURE_FPU] = { FEAT_1_EDX, 0 },          [X86_FEATURE_TSC] = { FEAT_1_EDX, 4 },
    [X86_FEATURE_MSR] = { FEAT_1_EDX, 5 },          [X86_FEATURE_CX8] = { FEAT_1_EDX, 8 },
    [X86_FEATURE_SEP] = { FEAT_1_EDX, 11 },         [X86_FEATURE_CMOV] = { FEAT_1_EDX, 15 },
    [X86_FEATURE_CLFLUSH] = { FEAT_1_EDX, 19 },     [X86_FEATURE_MMX] = { FEAT_1_EDX, 23 },
    [X86_FEATURE_FXSR] = { FEAT_1_EDX, 24 },        [X86_FEATURE_SSE] = { FEAT_1_EDX, 25 },
    [X86_FEATURE_SSE2] = { FEAT_1_EDX, 26 },        [X86_FEATURE_SYSCALL] = { FEAT_8000_0001_EDX, 11 },
    [X86_FEATURE_LONG_MODE] = { FEAT_8000_0001_EDX, 29 }, [X86_FEATURE_SSE3] = { FEAT_1_ECX, 0 },
    [X86_FEATURE_PCLMULQDQ] = { FEAT_1_ECX, 1 },    [X86_FEATURE_MONITOR] = { FEAT_1_ECX, 3 },
    [X86_FEATURE_SSSE3] = { FEAT_1_ECX, 9 },        [X86_FEATURE_FMA] = { FEAT_1_ECX, 12 },
    [X86_FEATURE_CX16] = { FEAT_1_ECX, 13 },        [X86_FEATURE_SSE4_1] = { FEAT_1_ECX, 19 },
    [X86_FEATURE_SSE4_2] = { FEAT_1_ECX, 20 },      [X86_FEATURE_MOVBE] = { FEAT_1_ECX, 22 },
    [X86_FEATURE_POPCNT] = { FEAT_1_ECX, 23 },      [X86_FEATURE_AES] = { FEAT_1_ECX, 25 },
    [X86_FEATURE_XSAVE] = { FEAT_1_ECX, 26 },       [X86_FEATURE_AVX] = { FEAT_1_ECX, 28 },
    [X86_FEATURE_F16C] = { FEAT_1_ECX, 29 },        [X86_FEATURE_RDRAND] = { FEAT_1_ECX, 30 },
    [X86_FEATURE_SVM] = { FEAT_8000_0001_ECX, 2 },  [X86_FEATURE_ABM] = { FEAT_8000_0001_ECX, 5 },
    [X86_FEATURE_SSE4A] = { FEAT_8000_0001_ECX, 6 }, [X86_FEATURE_SKINIT] = { FEAT_8000_0001_ECX, 12 },
    [X86_FEATURE_RDTSCP] = { FEAT_8000_0001_EDX, 27 }, [X86_FEATURE_FSGSBASE] = { FEAT_7_0_EBX, 0 },
    [X86_FEATURE_BMI1] = { FEAT_7_0_EBX, 3 },       [X86_FEATURE_AVX2] = { FEAT_7_0_EBX, 5 },
    [X86_FEATURE_BMI2] = { FEAT_7_0_EBX, 8 },       [X86_FEATURE_INVPCID] = { FEAT_7_0_EBX, 10 },
    [X86_FEATURE_RDSEED] = { FEAT_7_0_EBX, 18 },    [X86_FEATURE_ADX] = { FEAT_7_0_EBX, 19 },
    [X86_FEATURE_SMAP] = { FEAT_7_0_EBX, 20 },      [X86_FEATURE_CLFLUSHOPT] = { FEAT_7_0_EBX, 23 },
    [X86_FEATURE_CLWB] = { FEAT_7_0_EBX, 24 },      [X86_FEATURE_SHA] = { FEAT_7_0_EBX, 29 },
    [X86_FEATURE_PKU] = { FEAT_7_0_ECX, 3 },        [X86_FEATURE_RDPID] = { FEAT_7_0_ECX, 22 },
    [X86_FEATURE_XSAVEOPT] = { FEAT_XSAVE, 0 },     [X86_FEATURE_XSAVEC] = { FEAT_XSAVE, 1 },
    [X86_FEATURE_XSAVES] = { FEAT_XSAVE, 3 },       [X86_FEATURE_VAES] = { FEAT_7_0_ECX, 9 },
    [X86_FEATURE_VPCLMULQDQ] = { FEAT_7_0_ECX, 10 }, [X86_FEATURE_GFNI] = { FEAT_7_0_ECX, 8 },
};

bool x86_has_feature(const X86CPU *cpu, X86Feature feature)
{
    return feature == X86_FEATURE_NONE || (cpu->features[places[feature].word] >> places[feature].bit & 1);
}
