/*
 * What a guest reads with CPUID (Intel SDM volume 2, AMD APM volume 3). Bits that follow the guest's own control
 * registers (OSXSAVE, OSPKE, the size of the enabled XSAVE area) are the executor's to add.
 */
#include <string.h>

#include "target/i386/cpu-internal.h"
#include "util/units.h"

enum {
    FEATURE_HT = 1u << 28,              /* 1.EDX */
    FEATURE_XSAVE = 1u << 26,           /* 1.ECX */
    FEATURE_HYPERVISOR = 1u << 31,      /* 1.ECX */
    FEATURE_LM = 1u << 29,              /* 80000001.EDX */
    FEATURE_CMP_LEGACY = 1u << 1,       /* 80000001.ECX */
    FEATURE_SVM = 1u << 2,              /* 80000001.ECX */
    FEATURE_LA57 = 1u << 16,            /* 7.0.ECX */
    FEATURE_PSE36 = 1u << 17,           /* 1.EDX */
    AMD_EDX_ALIASES = 0x0183f3ff,       /* bits of 1.EDX that AMD repeats in 80000001.EDX */
};
#define DEFAULT_PHYS_BITS 40

static bool is_intel(const X86CPU *cpu)
{
    return !strcmp(cpu->vendor, "GenuineIntel");
}

static bool is_amd(const X86CPU *cpu)
{
    return !strcmp(cpu->vendor, "AuthenticAMD") || !strcmp(cpu->vendor, "HygonGenuine");
}

/* Topology. */
static CpuTopology topology(void)
{
    return current_machine ? current_machine->smp : (CpuTopology){ 1, 1, 1, 1, 1, 1, 1 };
}

static unsigned width(unsigned count)
{
    unsigned bits = 0;

    while (count > 1u << bits) {
        bits++;
    }
    return bits;
}

static unsigned package_width(const CpuTopology *t)
{
    return width(t->threads) + width(t->cores) + width(t->dies);
}

static unsigned package_cpus(const CpuTopology *t)
{
    return t->dies * t->cores * t->threads;
}

/* Caches: sizes in bytes, lines of 64 bytes. */
typedef struct Cache {
    unsigned size, ways;
} Cache;

typedef struct Caches {
    const char *model;          /* its models' name; NULL: the rest */
    Cache l1d, l1i, l2, l3;
} Caches;

static const Caches own_caches[] = {
    { "EPYC-Genoa", { 32 * KiB, 8 }, { 32 * KiB, 8 }, { 1 * MiB, 8 }, { 32 * MiB, 16 } },
    { "EPYC-Milan", { 32 * KiB, 8 }, { 32 * KiB, 8 }, { 512 * KiB, 8 }, { 32 * MiB, 16 } },
    { "EPYC-Rome", { 32 * KiB, 8 }, { 32 * KiB, 8 }, { 512 * KiB, 8 }, { 16 * MiB, 16 } },
    { NULL, { 32 * KiB, 8 }, { 64 * KiB, 4 }, { 512 * KiB, 8 }, { 8 * MiB, 16 } },
};
/* What every model once had: one set of numbers for Intel's leaves, another one for AMD's. */
static const Caches legacy_intel = { NULL, { 32 * KiB, 8 }, { 32 * KiB, 8 }, { 4 * MiB, 16 }, { 16 * MiB, 16 } };
static const Caches legacy_amd = { NULL, { 64 * KiB, 2 }, { 64 * KiB, 2 }, { 512 * KiB, 16 }, { 16 * MiB, 16 } };

static const Caches *caches(const X86CPU *cpu, const Caches *legacy)
{
    const X86Model *model = X86_CPU_GET_CLASS(cpu)->model;
    const Caches *c = own_caches;

    if (cpu->legacy_cache || !model) {
        return legacy;
    }
    while (c->model && strcmp(c->model, model->name)) {
        c++;
    }
    return c;
}

/* Leaf 4: type, level, how many CPUs share it, and its shape. */
static void leaf_4_cache(const Cache *c, unsigned type, unsigned level, unsigned sharing, unsigned cores, uint32_t edx,
                         uint32_t out[4])
{
    enum { SELF_INITIALIZING = 1 << 8 };

    out[0] = type | level << 5 | SELF_INITIALIZING | (sharing - 1) << 14 | (cores - 1) << 26;
    out[1] = (c->ways - 1) << 22 | (64 - 1);
    out[2] = c->size / c->ways / 64 - 1;
    out[3] = edx;
}

static void leaf_4(const X86CPU *cpu, uint32_t subleaf, uint32_t out[4])
{
    enum { NO_INVALIDATE_SHARING = 1, INCLUSIVE = 2, COMPLEX_INDEX = 4 };
    const Caches *c = caches(cpu, &legacy_intel);
    CpuTopology t = topology();
    unsigned cores = 1u << width(t.cores), sharing = 1u << width(t.threads);

    switch (subleaf) {
    case 0: leaf_4_cache(&c->l1d, 1, 1, sharing, cores, NO_INVALIDATE_SHARING, out); break;
    case 1: leaf_4_cache(&c->l1i, 2, 1, sharing, cores, NO_INVALIDATE_SHARING, out); break;
    case 2: leaf_4_cache(&c->l2, 3, 2, sharing, cores, NO_INVALIDATE_SHARING, out); break;
    case 3:
        if (cpu->l3_cache) {
            leaf_4_cache(&c->l3, 3, 3, 1u << package_width(&t), cores, INCLUSIVE | COMPLEX_INDEX, out);
        }
        break;
    default: break;
    }
}

/* AMD's: kilobytes, ways, lines a tag, line size. */
static uint32_t amd_l1(const Cache *c)
{
    return c->size / KiB << 24 | c->ways << 16 | 1 << 8 | 64;
}

static uint32_t amd_ways(unsigned ways)
{
    return ways == 16 ? 8 : ways == 8 ? 6 : ways;
}

static void leaf_80000006(const X86CPU *cpu, uint32_t out[4])
{
    const Caches *c = caches(cpu, &legacy_amd);

    out[1] = 0x42004200;        /* 512 4-way entries of the second TLBs for 4 KiB pages, instructions and data */
    out[2] = (uint32_t)(c->l2.size / KiB) << 16 | amd_ways(c->l2.ways) << 12 | 1 << 8 | 64;
    if (cpu->l3_cache) {
        out[3] = (uint32_t)(c->l3.size / (512 * KiB)) << 18 | amd_ways(c->l3.ways) << 12 | 1 << 8 | 64;
    }
}

/* XSAVE's areas in the standard format. */
static const struct {
    uint8_t component;
    uint16_t size, offset;
    bool aligned;
} xsave_areas[] = {
    { 2, 0x100, 0x240 }, { 3, 0x40, 0x3c0 }, { 4, 0x40, 0x400 }, { 5, 0x40, 0x440 }, { 6, 0x200, 0x480 },
    { 7, 0x400, 0x680 }, { 9, 0x8, 0xa80 }, { 17, 0x40, 0xac0, true }, { 18, 0x2000, 0xb00, true },
};
#define XSAVE_LEGACY_SIZE 0x240

static uint32_t xsave_size(uint32_t xcr0, bool compacted)
{
    uint32_t size = XSAVE_LEGACY_SIZE;

    for (size_t i = 0; i < G_N_ELEMENTS(xsave_areas); i++) {
        if (xcr0 & (1u << xsave_areas[i].component)) {
            size = compacted ? (xsave_areas[i].aligned ? ROUND_UP(size, 64) : size) + xsave_areas[i].size
                             : (uint32_t)xsave_areas[i].offset + xsave_areas[i].size;
        }
    }
    return size;
}

static void leaf_d(const X86CPU *cpu, uint32_t subleaf, uint32_t out[4])
{
    uint32_t xcr0 = cpu->features[FEAT_XCR0_LO];

    if (!(cpu->features[FEAT_1_ECX] & FEATURE_XSAVE)) {
        return;
    }
    if (subleaf == 0) {
        out[0] = xcr0;
        out[1] = out[2] = xsave_size(xcr0, false);
        out[3] = cpu->features[FEAT_XCR0_HI];
    } else if (subleaf == 1) {
        out[0] = cpu->features[FEAT_XSAVE];
        out[1] = xsave_size(xcr0, true);
        out[2] = cpu->features[FEAT_XSS_LO];
        out[3] = cpu->features[FEAT_XSS_HI];
    } else if (subleaf < 32 && xcr0 & (1u << subleaf)) {
        for (size_t i = 0; i < G_N_ELEMENTS(xsave_areas); i++) {
            if (xsave_areas[i].component == subleaf) {
                out[0] = xsave_areas[i].size;
                out[1] = xsave_areas[i].offset;
                out[2] = xsave_areas[i].aligned ? 2 : 0;
            }
        }
    }
}

/* The rest. */
static uint32_t version(const X86CPU *cpu)
{
    uint32_t v = (cpu->model & 0xf) << 4 | (cpu->model >> 4) << 16 | cpu->stepping;

    return v | (cpu->family > 15 ? 0xf00 | (uint32_t)(cpu->family - 15) << 20 : (uint32_t)cpu->family << 8);
}

static void put_vendor(const X86CPU *cpu, uint32_t out[4])
{
    memcpy(&out[1], cpu->vendor, 4);
    memcpy(&out[3], cpu->vendor + 4, 4);
    memcpy(&out[2], cpu->vendor + 8, 4);
}

static void leaf_1(const X86CPU *cpu, uint32_t out[4])
{
    CpuTopology t = topology();

    out[0] = version(cpu);
    out[1] = cpu->apic_id << 24 | 8 << 8;
    out[2] = cpu->features[FEAT_1_ECX];
    out[3] = cpu->features[FEAT_1_EDX];
    if (package_cpus(&t) > 1) {
        out[1] |= MIN(package_cpus(&t), 255) << 16;
        out[3] |= FEATURE_HT;
    }
}

static void leaf_7(const X86CPU *cpu, uint32_t subleaf, uint32_t out[4])
{
    if (subleaf == 0) {
        out[0] = cpu->level_func7 == UINT32_MAX ? 0 : cpu->level_func7;
        out[1] = cpu->features[FEAT_7_0_EBX];
        out[2] = cpu->features[FEAT_7_0_ECX];
        out[3] = cpu->features[FEAT_7_0_EDX];
    } else if (subleaf == 1) {
        out[0] = cpu->features[FEAT_7_1_EAX];
        out[3] = cpu->features[FEAT_7_1_EDX];
    } else if (subleaf == 2) {
        out[3] = cpu->features[FEAT_7_2_EDX];
    }
}

static void leaf_b(const X86CPU *cpu, uint32_t subleaf, uint32_t out[4])
{
    enum { LEVEL_SMT = 1 << 8, LEVEL_CORE = 2 << 8 };
    CpuTopology t = topology();

    if (!cpu->cpuid_0xb) {
        return;
    }
    out[2] = subleaf & 0xff;
    out[3] = cpu->apic_id;
    if (subleaf == 0) {
        out[0] = width(t.threads);
        out[1] = t.threads;
        out[2] |= LEVEL_SMT;
    } else if (subleaf == 1) {
        out[0] = package_width(&t);
        out[1] = package_cpus(&t);
        out[2] |= LEVEL_CORE;
    }
}

static void leaf_80000001(const X86CPU *cpu, uint32_t out[4])
{
    CpuTopology t = topology();

    out[0] = version(cpu);
    out[2] = cpu->features[FEAT_8000_0001_ECX];
    out[3] = cpu->features[FEAT_8000_0001_EDX];
    if (is_amd(cpu)) {
        out[3] |= cpu->features[FEAT_1_EDX] & AMD_EDX_ALIASES;
    }
    /* Linux takes it for "no threads": not on Intel. */
    if (package_cpus(&t) > 1 && !is_intel(cpu)) {
        out[2] |= FEATURE_CMP_LEGACY;
    }
}

static void leaf_80000008(const X86CPU *cpu, uint32_t out[4])
{
    CpuTopology t = topology();

    if (cpu->features[FEAT_8000_0001_EDX] & FEATURE_LM) {
        out[0] = (cpu->phys_bits ? cpu->phys_bits : DEFAULT_PHYS_BITS) |
                 (cpu->features[FEAT_7_0_ECX] & FEATURE_LA57 ? 57 : 48) << 8;
    } else {
        out[0] = cpu->phys_bits ? cpu->phys_bits : cpu->features[FEAT_1_EDX] & FEATURE_PSE36 ? 36 : 32;
    }
    out[1] = cpu->features[FEAT_8000_0008_EBX];
    if (package_cpus(&t) > 1) {
        out[2] = package_width(&t) << 12 | (package_cpus(&t) - 1);
    }
}

static void basic_leaf(const X86CPU *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    bool intel_leaves = is_intel(cpu) || !cpu->vendor_cpuid_only;

    switch (leaf) {
    case 0:
        out[0] = cpu->level;
        put_vendor(cpu, out);
        break;
    case 1: leaf_1(cpu, out); break;
    case 2:
        if (intel_leaves) {     /* descriptors: L1D 32K, L1I 32K, L2 2M, L3 16M */
            out[0] = 1;
            out[2] = cpu->l3_cache ? 0x4d : 0;
            out[3] = 0x002c307d;
        }
        break;
    case 4:
        if (intel_leaves) {
            leaf_4(cpu, subleaf, out);
        }
        break;
    case 5: out[2] = 3; break;  /* MONITOR's extensions; line sizes are not told */
    case 6: out[0] = cpu->features[FEAT_6_EAX]; break;
    case 7: leaf_7(cpu, subleaf, out); break;
    case 0xb: leaf_b(cpu, subleaf, out); break;
    case 0xd: leaf_d(cpu, subleaf, out); break;
    default: break;
    }
}

static void extended_leaf(const X86CPU *cpu, uint32_t leaf, uint32_t out[4])
{
    const Caches *c = caches(cpu, &legacy_amd);

    switch (leaf) {
    case 0x80000000:
        out[0] = cpu->xlevel;
        put_vendor(cpu, out);
        break;
    case 0x80000001: leaf_80000001(cpu, out); break;
    case 0x80000002: case 0x80000003: case 0x80000004: {
        char text[48] = { 0 };

        memcpy(text, cpu->model_id, strnlen(cpu->model_id, sizeof(text)));
        memcpy(out, text + (leaf - 0x80000002) * 16, 16);
        break;
    }
    case 0x80000005:
        out[0] = out[1] = 0x01ff01ff;   /* TLBs: 255 entries, 1 way, of large and of 4 KiB pages */
        out[2] = amd_l1(&c->l1d);
        out[3] = amd_l1(&c->l1i);
        break;
    case 0x80000006: leaf_80000006(cpu, out); break;
    case 0x80000007: out[3] = cpu->features[FEAT_8000_0007_EDX]; break;
    case 0x80000008: leaf_80000008(cpu, out); break;
    case 0x8000000a:
        if (cpu->features[FEAT_8000_0001_ECX] & FEATURE_SVM) {
            out[0] = 1;
            out[1] = 0x10;              /* address space ids */
            out[3] = cpu->features[FEAT_SVM];
        }
        break;
    case 0x80000021: out[0] = cpu->features[FEAT_8000_0021_EAX]; break;
    default: break;
    }
}

static void hypervisor_leaf(uint32_t leaf, uint32_t out[4])
{
    if (leaf == 0x40000000) {
        out[0] = 0x40000001;
        memcpy(&out[1], "TCGTCGTCGTCG", 12);
    }
}

/* A leaf beyond the highest is answered as the highest basic one: so do Intel's. */
void x86_cpuid(const X86CPU *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    uint32_t limit = leaf >= 0xc0000000   ? cpu->xlevel2
                     : leaf >= 0x80000000 ? cpu->xlevel
                     : leaf >= 0x40000000 ? 0x40000001
                                          : cpu->level;

    memset(out, 0, 4 * sizeof(*out));
    if (leaf >= 0x40000000 && leaf < 0x80000000 && !(cpu->features[FEAT_1_ECX] & FEATURE_HYPERVISOR)) {
        limit = 0;
    }
    leaf = leaf > limit ? cpu->level : leaf;
    if (leaf >= 0xc0000000) {
        out[0] = leaf == 0xc0000000 ? cpu->xlevel2 : 0;
        out[3] = leaf == 0xc0000001 ? cpu->features[FEAT_C000_0001_EDX] : 0;
    } else if (leaf >= 0x80000000) {
        extended_leaf(cpu, leaf, out);
    } else if (leaf >= 0x40000000) {
        hypervisor_leaf(leaf, out);
    } else {
        basic_leaf(cpu, leaf, subleaf, out);
    }
}
