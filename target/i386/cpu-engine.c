/* What of the accelerator's features the engine executes on this host: its vector unit is the host's own. */
#include <cpuid.h>

#include "target/i386/cpu-internal.h"

static bool executing;

/* What of 1.ECX and 7.0 is run by the host, and of that what needs AVX's registers. */
enum {
    HOST_1_ECX = 1u << 0 | 1u << 1 | 1u << 9 | 1u << 12 | 1u << 19 | 1u << 20 | 1u << 25 | 1u << 28 | 1u << 29,
    AVX_1_ECX = 1u << 12 | 1u << 28 | 1u << 29,
    HOST_7_EBX = 1u << 5 | 1u << 29,
    AVX_7_EBX = 1u << 5,
    HOST_7_ECX = 1u << 8 | 1u << 9 | 1u << 10,
    AVX_7_ECX = 1u << 9 | 1u << 10,
};
/* What there is no code for: MPX; 3DNow! and SSE4A; protection keys, 57-bit addresses. */
enum { NEVER_7_EBX = 1u << 14, NEVER_7_ECX = 1u << 3 | 1u << 16, NEVER_8000_0001_EDX = 3u << 30, NEVER_8000_0001_ECX = 1u << 6 };
#define NEVER_7_ECX_PKS (1u << 31)

/* The host's system saves YMM registers. */
static bool host_keeps_avx(uint32_t leaf_1_ecx)
{
    enum { OSXSAVE = 1 << 27, XCR0_SSE_AVX = 6 };
    uint32_t low, high;

    if (!(leaf_1_ecx & OSXSAVE)) {
        return false;
    }
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & XCR0_SSE_AVX) == XCR0_SSE_AVX;
}

/* Asked once: under a hypervisor each CPUID leaves the guest, which takes microseconds. */
typedef struct HostFeatures {
    bool known, avx;
    uint32_t leaf_1_ecx, leaf_7_ebx, leaf_7_ecx;
} HostFeatures;

static const HostFeatures *host_features(void)
{
    static HostFeatures host;
    unsigned a, b, c, d;

    if (!host.known) {
        __cpuid(1, a, b, c, d);
        host.leaf_1_ecx = c;
        host.avx = host_keeps_avx(c);
        if (__get_cpuid_max(0, NULL) >= 7) {
            __cpuid_count(7, 0, a, host.leaf_7_ebx, host.leaf_7_ecx, d);
        }
        host.known = true;
    }
    return &host;
}

static uint64_t host_mask(X86FeatureWordIndex word)
{
    const HostFeatures *host = host_features();
    uint32_t c = host->leaf_1_ecx, b7 = host->leaf_7_ebx, c7 = host->leaf_7_ecx;
    bool avx = host->avx;

    switch (word) {
    case FEAT_1_ECX: return ~(uint64_t)HOST_1_ECX | (c & (avx ? UINT32_MAX : ~AVX_1_ECX));
    case FEAT_7_0_EBX: return (~(uint64_t)HOST_7_EBX | (b7 & (avx ? UINT32_MAX : ~AVX_7_EBX))) & ~(uint64_t)NEVER_7_EBX;
    case FEAT_7_0_ECX:
        return (~(uint64_t)HOST_7_ECX | (c7 & (avx ? UINT32_MAX : ~AVX_7_ECX))) & ~(uint64_t)(NEVER_7_ECX | NEVER_7_ECX_PKS);
    case FEAT_8000_0001_EDX: return ~(uint64_t)NEVER_8000_0001_EDX;
    case FEAT_8000_0001_ECX: return ~(uint64_t)NEVER_8000_0001_ECX;
    default: return UINT64_MAX;
    }
}

void x86_cpu_set_executing(void)
{
    executing = true;
}

bool x86_cpu_executes(void)
{
    return executing;
}

uint64_t x86_engine_more(X86FeatureWordIndex word)
{
    enum { PCID = 1 << 17, INVPCID = 1 << 10, RDSEED = 1 << 18 };

    return !executing ? 0 : word == FEAT_1_ECX ? PCID : word == FEAT_7_0_EBX ? INVPCID | RDSEED : 0;
}

uint64_t x86_engine_features(X86FeatureWordIndex word)
{
    return executing ? host_mask(word) : UINT64_MAX;
}
