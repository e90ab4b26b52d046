/*
 * The features of x86 CPUs: where each has its bit, its names, and what it depends on. Places are those of
 * the Intel SDM and the AMD APM; names are what -cpu takes.
 */
#include "target/i386/cpu-internal.h"

const X86FeatureWord x86_feature_words[X86_FEATURE_WORDS] = {
    [FEAT_1_EDX] = { .leaf = 0x1, .reg = X86_REG_EDX,
        .tcg = 0xfcbfbfd, .tcg_5 = 0xfcbfbfd },
    [FEAT_1_ECX] = { .leaf = 0x1, .reg = X86_REG_ECX,
        .tcg = 0xf6d8320b, .tcg_5 = 0xc6d8220b },
    [FEAT_7_0_EBX] = { .leaf = 0x7, .subleaf = 0, .has_subleaf = true, .reg = X86_REG_EBX,
        .tcg = 0x1d843a9, .tcg_5 = 0x1d84389 },
    [FEAT_7_0_ECX] = { .leaf = 0x7, .subleaf = 0, .has_subleaf = true, .reg = X86_REG_ECX,
        .tcg = 0x8001020c, .tcg_5 = 0x10008 },
    [FEAT_7_0_EDX] = { .leaf = 0x7, .subleaf = 0, .has_subleaf = true, .reg = X86_REG_EDX },
    [FEAT_7_1_EAX] = { .leaf = 0x7, .subleaf = 1, .has_subleaf = true, .reg = X86_REG_EAX },
    [FEAT_7_1_EDX] = { .leaf = 0x7, .subleaf = 1, .has_subleaf = true, .reg = X86_REG_EDX },
    [FEAT_7_2_EDX] = { .leaf = 0x7, .subleaf = 2, .has_subleaf = true, .reg = X86_REG_EDX },
    [FEAT_8000_0001_EDX] = { .leaf = 0x80000001, .reg = X86_REG_EDX,
        .tcg = 0xec500800, .tcg_5 = 0xec500800 },
    [FEAT_8000_0001_ECX] = { .leaf = 0x80000001, .reg = X86_REG_ECX,
        .tcg = 0x75, .tcg_5 = 0x75 },
    [FEAT_8000_0007_EDX] = { .leaf = 0x80000007, .reg = X86_REG_EDX },
    [FEAT_8000_0008_EBX] = { .leaf = 0x80000008, .reg = X86_REG_EBX },
    [FEAT_8000_0021_EAX] = { .leaf = 0x80000021, .reg = X86_REG_EAX },
    [FEAT_C000_0001_EDX] = { .leaf = 0xc0000001, .reg = X86_REG_EDX },
    [FEAT_KVM] = { .leaf = 0x40000001, .reg = X86_REG_EAX },
    [FEAT_KVM_HINTS] = { .leaf = 0x40000001, .reg = X86_REG_EDX },
    [FEAT_SVM] = { .leaf = 0x8000000a, .reg = X86_REG_EDX,
        .tcg = 0x10010001, .tcg_5 = 0x1 },
    [FEAT_XSAVE] = { .leaf = 0xd, .subleaf = 1, .has_subleaf = true, .reg = X86_REG_EAX,
        .tcg = 0x5, .tcg_5 = 0x5 },
    [FEAT_6_EAX] = { .leaf = 0x6, .reg = X86_REG_EAX,
        .tcg = 0x4, .tcg_5 = 0x4 },
    [FEAT_XCR0_LO] = { .leaf = 0xd, .subleaf = 0, .has_subleaf = true, .reg = X86_REG_EAX },
    [FEAT_XCR0_HI] = { .leaf = 0xd, .subleaf = 0, .has_subleaf = true, .reg = X86_REG_EDX },
    [FEAT_ARCH_CAPABILITIES] = { .msr = 0x10a },
    [FEAT_CORE_CAPABILITY] = { .msr = 0xcf },
    [FEAT_PERF_CAPABILITIES] = { .msr = 0x345 },
    [FEAT_VMX_PROCBASED] = { .msr = 0x48e },
    [FEAT_VMX_SECONDARY] = { .msr = 0x48b },
    [FEAT_VMX_PINBASED] = { .msr = 0x48d },
    [FEAT_VMX_EXIT] = { .msr = 0x48f },
    [FEAT_VMX_ENTRY] = { .msr = 0x490 },
    [FEAT_VMX_MISC] = { .msr = 0x485 },
    [FEAT_VMX_EPT_VPID] = { .msr = 0x48c },
    [FEAT_VMX_BASIC] = { .msr = 0x480 },
    [FEAT_VMX_VMFUNC] = { .msr = 0x491 },
    [FEAT_14_0_ECX] = { .leaf = 0x14, .subleaf = 0, .has_subleaf = true, .reg = X86_REG_ECX },
    [FEAT_SGX_12_0_EAX] = { .leaf = 0x12, .subleaf = 0, .has_subleaf = true, .reg = X86_REG_EAX },
    [FEAT_SGX_12_0_EBX] = { .leaf = 0x12, .subleaf = 0, .has_subleaf = true, .reg = X86_REG_EBX },
    [FEAT_SGX_12_1_EAX] = { .leaf = 0x12, .subleaf = 1, .has_subleaf = true, .reg = X86_REG_EAX },
    [FEAT_XSS_LO] = { .leaf = 0xd, .subleaf = 1, .has_subleaf = true, .reg = X86_REG_ECX },
    [FEAT_XSS_HI] = { .leaf = 0xd, .subleaf = 1, .has_subleaf = true, .reg = X86_REG_EDX },
};

#define F(name, word, bit) { name, FEAT_##word, bit, 1ull << (bit) }

const X86Feature x86_features[] = {
    F("fpu", 1_EDX, 0), F("vme", 1_EDX, 1), F("de", 1_EDX, 2), F("pse", 1_EDX, 3), F("tsc", 1_EDX, 4),
    F("msr", 1_EDX, 5), F("pae", 1_EDX, 6), F("mce", 1_EDX, 7), F("cx8", 1_EDX, 8), F("apic", 1_EDX, 9),
    F("sep", 1_EDX, 11), F("mtrr", 1_EDX, 12), F("pge", 1_EDX, 13), F("mca", 1_EDX, 14), F("cmov", 1_EDX, 15),
    F("pat", 1_EDX, 16), F("pse36", 1_EDX, 17), F("pn", 1_EDX, 18), F("clflush", 1_EDX, 19), F("ds", 1_EDX, 21),
    F("acpi", 1_EDX, 22), F("mmx", 1_EDX, 23), F("fxsr", 1_EDX, 24), F("sse", 1_EDX, 25), F("sse2", 1_EDX, 26),
    F("ss", 1_EDX, 27), F("ht", 1_EDX, 28), F("tm", 1_EDX, 29), F("ia64", 1_EDX, 30), F("pbe", 1_EDX, 31),
    F("pni", 1_ECX, 0), F("pclmulqdq", 1_ECX, 1), F("dtes64", 1_ECX, 2), F("monitor", 1_ECX, 3),
    F("ds-cpl", 1_ECX, 4), F("vmx", 1_ECX, 5), F("smx", 1_ECX, 6), F("est", 1_ECX, 7), F("tm2", 1_ECX, 8),
    F("ssse3", 1_ECX, 9), F("cid", 1_ECX, 10), F("fma", 1_ECX, 12), F("cx16", 1_ECX, 13), F("xtpr", 1_ECX, 14),
    F("pdcm", 1_ECX, 15), F("pcid", 1_ECX, 17), F("dca", 1_ECX, 18), F("sse4.1", 1_ECX, 19), F("sse4.2", 1_ECX, 20),
    F("x2apic", 1_ECX, 21), F("movbe", 1_ECX, 22), F("popcnt", 1_ECX, 23), F("tsc-deadline", 1_ECX, 24),
    F("aes", 1_ECX, 25), F("xsave", 1_ECX, 26), F("avx", 1_ECX, 28), F("f16c", 1_ECX, 29), F("rdrand", 1_ECX, 30),
    F("hypervisor", 1_ECX, 31), F("fsgsbase", 7_0_EBX, 0), F("tsc-adjust", 7_0_EBX, 1), F("sgx", 7_0_EBX, 2),
    F("bmi1", 7_0_EBX, 3), F("hle", 7_0_EBX, 4), F("avx2", 7_0_EBX, 5), F("smep", 7_0_EBX, 7), F("bmi2", 7_0_EBX, 8),
    F("erms", 7_0_EBX, 9), F("invpcid", 7_0_EBX, 10), F("rtm", 7_0_EBX, 11), F("mpx", 7_0_EBX, 14),
    F("avx512f", 7_0_EBX, 16), F("avx512dq", 7_0_EBX, 17), F("rdseed", 7_0_EBX, 18), F("adx", 7_0_EBX, 19),
    F("smap", 7_0_EBX, 20), F("avx512ifma", 7_0_EBX, 21), F("pcommit", 7_0_EBX, 22), F("clflushopt", 7_0_EBX, 23),
    F("clwb", 7_0_EBX, 24), F("intel-pt", 7_0_EBX, 25), F("avx512pf", 7_0_EBX, 26), F("avx512er", 7_0_EBX, 27),
    F("avx512cd", 7_0_EBX, 28), F("sha-ni", 7_0_EBX, 29), F("avx512bw", 7_0_EBX, 30), F("avx512vl", 7_0_EBX, 31),
    F("avx512vbmi", 7_0_ECX, 1), F("umip", 7_0_ECX, 2), F("pku", 7_0_ECX, 3), F("waitpkg", 7_0_ECX, 5),
    F("avx512vbmi2", 7_0_ECX, 6), F("gfni", 7_0_ECX, 8), F("vaes", 7_0_ECX, 9), F("vpclmulqdq", 7_0_ECX, 10),
    F("avx512vnni", 7_0_ECX, 11), F("avx512bitalg", 7_0_ECX, 12), F("avx512-vpopcntdq", 7_0_ECX, 14),
    F("la57", 7_0_ECX, 16), F("rdpid", 7_0_ECX, 22), F("bus-lock-detect", 7_0_ECX, 24), F("cldemote", 7_0_ECX, 25),
    F("movdiri", 7_0_ECX, 27), F("movdir64b", 7_0_ECX, 28), F("sgxlc", 7_0_ECX, 30), F("pks", 7_0_ECX, 31),
    F("avx512-4vnniw", 7_0_EDX, 2), F("avx512-4fmaps", 7_0_EDX, 3), F("fsrm", 7_0_EDX, 4),
    F("avx512-vp2intersect", 7_0_EDX, 8), F("md-clear", 7_0_EDX, 10), F("serialize", 7_0_EDX, 14),
    F("tsx-ldtrk", 7_0_EDX, 16), F("arch-lbr", 7_0_EDX, 19), F("amx-bf16", 7_0_EDX, 22),
    F("avx512-fp16", 7_0_EDX, 23), F("amx-tile", 7_0_EDX, 24), F("amx-int8", 7_0_EDX, 25),
    F("spec-ctrl", 7_0_EDX, 26), F("stibp", 7_0_EDX, 27), F("flush-l1d", 7_0_EDX, 28),
    F("arch-capabilities", 7_0_EDX, 29), F("core-capability", 7_0_EDX, 30), F("ssbd", 7_0_EDX, 31),
    F("avx-vnni", 7_1_EAX, 4), F("avx512-bf16", 7_1_EAX, 5), F("cmpccxadd", 7_1_EAX, 7), F("fzrm", 7_1_EAX, 10),
    F("fsrs", 7_1_EAX, 11), F("fsrc", 7_1_EAX, 12), F("amx-fp16", 7_1_EAX, 21), F("avx-ifma", 7_1_EAX, 23),
    F("avx-vnni-int8", 7_1_EDX, 4), F("avx-ne-convert", 7_1_EDX, 5), F("amx-complex", 7_1_EDX, 8),
    F("prefetchiti", 7_1_EDX, 14), F("mcdt-no", 7_2_EDX, 5), F("syscall", 8000_0001_EDX, 11),
    F("nx", 8000_0001_EDX, 20), F("mmxext", 8000_0001_EDX, 22), F("fxsr-opt", 8000_0001_EDX, 25),
    F("pdpe1gb", 8000_0001_EDX, 26), F("rdtscp", 8000_0001_EDX, 27), F("lm", 8000_0001_EDX, 29),
    F("3dnowext", 8000_0001_EDX, 30), F("3dnow", 8000_0001_EDX, 31), F("lahf-lm", 8000_0001_ECX, 0),
    F("cmp-legacy", 8000_0001_ECX, 1), F("svm", 8000_0001_ECX, 2), F("extapic", 8000_0001_ECX, 3),
    F("cr8legacy", 8000_0001_ECX, 4), F("abm", 8000_0001_ECX, 5), F("sse4a", 8000_0001_ECX, 6),
    F("misalignsse", 8000_0001_ECX, 7), F("3dnowprefetch", 8000_0001_ECX, 8), F("osvw", 8000_0001_ECX, 9),
    F("ibs", 8000_0001_ECX, 10), F("xop", 8000_0001_ECX, 11), F("skinit", 8000_0001_ECX, 12),
    F("wdt", 8000_0001_ECX, 13), F("lwp", 8000_0001_ECX, 15), F("fma4", 8000_0001_ECX, 16),
    F("tce", 8000_0001_ECX, 17), F("nodeid-msr", 8000_0001_ECX, 19), F("tbm", 8000_0001_ECX, 21),
    F("topoext", 8000_0001_ECX, 22), F("perfctr-core", 8000_0001_ECX, 23), F("perfctr-nb", 8000_0001_ECX, 24),
    F("invtsc", 8000_0007_EDX, 8), F("clzero", 8000_0008_EBX, 0), F("xsaveerptr", 8000_0008_EBX, 2),
    F("wbnoinvd", 8000_0008_EBX, 9), F("ibpb", 8000_0008_EBX, 12), F("ibrs", 8000_0008_EBX, 14),
    F("amd-stibp", 8000_0008_EBX, 15), F("stibp-always-on", 8000_0008_EBX, 17), F("amd-ssbd", 8000_0008_EBX, 24),
    F("virt-ssbd", 8000_0008_EBX, 25), F("amd-no-ssb", 8000_0008_EBX, 26), F("amd-psfd", 8000_0008_EBX, 28),
    F("no-nested-data-bp", 8000_0021_EAX, 0), F("lfence-always-serializing", 8000_0021_EAX, 2),
    F("null-sel-clr-base", 8000_0021_EAX, 6), F("auto-ibrs", 8000_0021_EAX, 8), F("xstore", C000_0001_EDX, 2),
    F("xstore-en", C000_0001_EDX, 3), F("xcrypt", C000_0001_EDX, 6), F("xcrypt-en", C000_0001_EDX, 7),
    F("ace2", C000_0001_EDX, 8), F("ace2-en", C000_0001_EDX, 9), F("phe", C000_0001_EDX, 10),
    F("phe-en", C000_0001_EDX, 11), F("pmm", C000_0001_EDX, 12), F("pmm-en", C000_0001_EDX, 13),
    F("kvm-nopiodelay", KVM, 1), F("kvm-mmu", KVM, 2), { "kvmclock", FEAT_KVM, 0, 0x9 }, F("kvm-asyncpf", KVM, 4),
    F("kvm-steal-time", KVM, 5), F("kvm-pv-eoi", KVM, 6), F("kvm-pv-unhalt", KVM, 7), F("kvm-pv-tlb-flush", KVM, 9),
    F("kvm-pv-ipi", KVM, 11), F("kvm-poll-control", KVM, 12), F("kvm-pv-sched-yield", KVM, 13),
    F("kvm-asyncpf-int", KVM, 14), F("kvm-msi-ext-dest-id", KVM, 15), F("kvmclock-stable-bit", KVM, 24),
    F("kvm-hint-dedicated", KVM_HINTS, 0), F("npt", SVM, 0), F("lbrv", SVM, 1), F("svm-lock", SVM, 2),
    F("nrip-save", SVM, 3), F("tsc-scale", SVM, 4), F("vmcb-clean", SVM, 5), F("flushbyasid", SVM, 6),
    F("decodeassists", SVM, 7), F("pause-filter", SVM, 10), F("pfthreshold", SVM, 12), F("avic", SVM, 13),
    F("v-vmsave-vmload", SVM, 15), F("vgif", SVM, 16), F("vnmi", SVM, 25), F("svme-addr-chk", SVM, 28),
    F("xsaveopt", XSAVE, 0), F("xsavec", XSAVE, 1), F("xgetbv1", XSAVE, 2), F("xsaves", XSAVE, 3), F("xfd", XSAVE, 4),
    F("arat", 6_EAX, 2), F("rdctl-no", ARCH_CAPABILITIES, 0), F("ibrs-all", ARCH_CAPABILITIES, 1),
    F("rsba", ARCH_CAPABILITIES, 2), F("skip-l1dfl-vmentry", ARCH_CAPABILITIES, 3), F("ssb-no", ARCH_CAPABILITIES, 4),
    F("mds-no", ARCH_CAPABILITIES, 5), F("pschange-mc-no", ARCH_CAPABILITIES, 6), F("tsx-ctrl", ARCH_CAPABILITIES, 7),
    F("taa-no", ARCH_CAPABILITIES, 8), F("sbdr-ssdp-no", ARCH_CAPABILITIES, 13), F("fbsdp-no", ARCH_CAPABILITIES, 14),
    F("psdp-no", ARCH_CAPABILITIES, 15), F("fb-clear", ARCH_CAPABILITIES, 17), F("pbrsb-no", ARCH_CAPABILITIES, 24),
    F("split-lock-detect", CORE_CAPABILITY, 5), F("full-width-write", PERF_CAPABILITIES, 13),
    F("vmx-vintr-pending", VMX_PROCBASED, 2), F("vmx-tsc-offset", VMX_PROCBASED, 3),
    F("vmx-hlt-exit", VMX_PROCBASED, 7), F("vmx-invlpg-exit", VMX_PROCBASED, 9),
    F("vmx-mwait-exit", VMX_PROCBASED, 10), F("vmx-rdpmc-exit", VMX_PROCBASED, 11),
    F("vmx-rdtsc-exit", VMX_PROCBASED, 12), F("vmx-cr3-load-noexit", VMX_PROCBASED, 15),
    F("vmx-cr3-store-noexit", VMX_PROCBASED, 16), F("vmx-cr8-load-exit", VMX_PROCBASED, 19),
    F("vmx-cr8-store-exit", VMX_PROCBASED, 20), F("vmx-flexpriority", VMX_PROCBASED, 21),
    F("vmx-vnmi-pending", VMX_PROCBASED, 22), F("vmx-movdr-exit", VMX_PROCBASED, 23),
    F("vmx-io-exit", VMX_PROCBASED, 24), F("vmx-io-bitmap", VMX_PROCBASED, 25), F("vmx-mtf", VMX_PROCBASED, 27),
    F("vmx-msr-bitmap", VMX_PROCBASED, 28), F("vmx-monitor-exit", VMX_PROCBASED, 29),
    F("vmx-pause-exit", VMX_PROCBASED, 30), F("vmx-secondary-ctls", VMX_PROCBASED, 31),
    F("vmx-apicv-xapic", VMX_SECONDARY, 0), F("vmx-ept", VMX_SECONDARY, 1), F("vmx-desc-exit", VMX_SECONDARY, 2),
    F("vmx-rdtscp-exit", VMX_SECONDARY, 3), F("vmx-apicv-x2apic", VMX_SECONDARY, 4), F("vmx-vpid", VMX_SECONDARY, 5),
    F("vmx-wbinvd-exit", VMX_SECONDARY, 6), F("vmx-unrestricted-guest", VMX_SECONDARY, 7),
    F("vmx-apicv-register", VMX_SECONDARY, 8), F("vmx-apicv-vid", VMX_SECONDARY, 9), F("vmx-ple", VMX_SECONDARY, 10),
    F("vmx-rdrand-exit", VMX_SECONDARY, 11), F("vmx-invpcid-exit", VMX_SECONDARY, 12),
    F("vmx-vmfunc", VMX_SECONDARY, 13), F("vmx-shadow-vmcs", VMX_SECONDARY, 14),
    F("vmx-encls-exit", VMX_SECONDARY, 15), F("vmx-rdseed-exit", VMX_SECONDARY, 16), F("vmx-pml", VMX_SECONDARY, 17),
    F("vmx-xsaves", VMX_SECONDARY, 20), F("vmx-tsc-scaling", VMX_SECONDARY, 25),
    F("vmx-enable-user-wait-pause", VMX_SECONDARY, 26), F("vmx-intr-exit", VMX_PINBASED, 0),
    F("vmx-nmi-exit", VMX_PINBASED, 3), F("vmx-vnmi", VMX_PINBASED, 5), F("vmx-preemption-timer", VMX_PINBASED, 6),
    F("vmx-posted-intr", VMX_PINBASED, 7), F("vmx-exit-nosave-debugctl", VMX_EXIT, 2),
    F("vmx-exit-load-perf-global-ctrl", VMX_EXIT, 12), F("vmx-exit-ack-intr", VMX_EXIT, 15),
    F("vmx-exit-save-pat", VMX_EXIT, 18), F("vmx-exit-load-pat", VMX_EXIT, 19), F("vmx-exit-save-efer", VMX_EXIT, 20),
    F("vmx-exit-load-efer", VMX_EXIT, 21), F("vmx-exit-save-preemption-timer", VMX_EXIT, 22),
    F("vmx-exit-clear-bndcfgs", VMX_EXIT, 23), F("vmx-exit-clear-rtit-ctl", VMX_EXIT, 25),
    F("vmx-exit-load-pkrs", VMX_EXIT, 29), F("vmx-entry-noload-debugctl", VMX_ENTRY, 2),
    F("vmx-entry-ia32e-mode", VMX_ENTRY, 9), F("vmx-entry-load-perf-global-ctrl", VMX_ENTRY, 13),
    F("vmx-entry-load-pat", VMX_ENTRY, 14), F("vmx-entry-load-efer", VMX_ENTRY, 15),
    F("vmx-entry-load-bndcfgs", VMX_ENTRY, 16), F("vmx-entry-load-rtit-ctl", VMX_ENTRY, 18),
    F("vmx-entry-load-pkrs", VMX_ENTRY, 22), F("vmx-store-lma", VMX_MISC, 5), F("vmx-activity-hlt", VMX_MISC, 6),
    F("vmx-activity-shutdown", VMX_MISC, 7), F("vmx-activity-wait-sipi", VMX_MISC, 8),
    F("vmx-vmwrite-vmexit-fields", VMX_MISC, 29), F("vmx-zero-len-inject", VMX_MISC, 30),
    F("vmx-ept-execonly", VMX_EPT_VPID, 0), F("vmx-page-walk-4", VMX_EPT_VPID, 6),
    F("vmx-page-walk-5", VMX_EPT_VPID, 7), F("vmx-ept-2mb", VMX_EPT_VPID, 16), F("vmx-ept-1gb", VMX_EPT_VPID, 17),
    F("vmx-invept", VMX_EPT_VPID, 20), F("vmx-eptad", VMX_EPT_VPID, 21),
    F("vmx-ept-advanced-exitinfo", VMX_EPT_VPID, 22), F("vmx-invept-single-context", VMX_EPT_VPID, 25),
    F("vmx-invept-all-context", VMX_EPT_VPID, 26), F("vmx-invvpid", VMX_EPT_VPID, 32),
    F("vmx-invvpid-single-addr", VMX_EPT_VPID, 40), F("vmx-invvpid-all-context", VMX_EPT_VPID, 42),
    F("vmx-invept-single-context-noglobals", VMX_EPT_VPID, 43), F("vmx-ins-outs", VMX_BASIC, 54),
    F("vmx-true-ctls", VMX_BASIC, 55), F("vmx-eptp-switching", VMX_VMFUNC, 0), F("intel-pt-lip", 14_0_ECX, 31),
    F("sgx1", SGX_12_0_EAX, 0), F("sgx2", SGX_12_0_EAX, 1), F("sgx-exinfo", SGX_12_0_EBX, 0),
    F("sgx-debug", SGX_12_1_EAX, 1), F("sgx-mode64", SGX_12_1_EAX, 2), F("sgx-provisionkey", SGX_12_1_EAX, 4),
    F("sgx-tokenkey", SGX_12_1_EAX, 5), F("sgx-kss", SGX_12_1_EAX, 7),
};
const unsigned x86_features_count = G_N_ELEMENTS(x86_features);

/* Other spellings. */
const X86FeatureAlias x86_feature_aliases[] = {
    { "cmp_legacy", "cmp-legacy" }, { "ds_cpl", "ds-cpl" }, { "ffxsr", "fxsr-opt" }, { "fxsr_opt", "fxsr-opt" },
    { "i64", "lm" }, { "kvm_asyncpf", "kvm-asyncpf" }, { "kvm_asyncpf_int", "kvm-asyncpf-int" },
    { "kvm_mmu", "kvm-mmu" }, { "kvm_nopiodelay", "kvm-nopiodelay" }, { "kvm_poll_control", "kvm-poll-control" },
    { "kvm_pv_eoi", "kvm-pv-eoi" }, { "kvm_pv_unhalt", "kvm-pv-unhalt" }, { "kvm_steal_time", "kvm-steal-time" },
    { "lahf_lm", "lahf-lm" }, { "nodeid_msr", "nodeid-msr" }, { "nrip_save", "nrip-save" },
    { "pause_filter", "pause-filter" }, { "pclmuldq", "pclmulqdq" }, { "perfctr_core", "perfctr-core" },
    { "perfctr_nb", "perfctr-nb" }, { "sse3", "pni" }, { "sse4-1", "sse4.1" }, { "sse4-2", "sse4.2" },
    { "sse4_1", "sse4.1" }, { "sse4_2", "sse4.2" }, { "svm_lock", "svm-lock" }, { "tsc_adjust", "tsc-adjust" },
    { "tsc_scale", "tsc-scale" }, { "vmcb_clean", "vmcb-clean" }, { "xd", "nx" },
};
const unsigned x86_feature_aliases_count = G_N_ELEMENTS(x86_feature_aliases);

/* A feature of the second kind needs the first. Whole words (by name "") depend as well. */
const X86FeatureDependency x86_feature_dependencies[] = {
    { FEAT_1_ECX, 0x20, FEAT_VMX_PROCBASED, ~0ull },  /* vmx */
    { FEAT_1_ECX, 0x20, FEAT_VMX_PINBASED, ~0ull },  /* vmx */
    { FEAT_1_ECX, 0x20, FEAT_VMX_EXIT, ~0ull },  /* vmx */
    { FEAT_1_ECX, 0x20, FEAT_VMX_ENTRY, ~0ull },  /* vmx */
    { FEAT_1_ECX, 0x20, FEAT_VMX_MISC, ~0ull },  /* vmx */
    { FEAT_1_ECX, 0x20, FEAT_VMX_BASIC, ~0ull },  /* vmx */
    { FEAT_1_ECX, 0x8000, FEAT_PERF_CAPABILITIES, ~0ull },  /* pdcm */
    { FEAT_1_ECX, 0x40000000, FEAT_VMX_SECONDARY, 0x800 },  /* rdrand */
    { FEAT_7_0_EBX, 0x400, FEAT_VMX_SECONDARY, 0x1000 },  /* invpcid */
    { FEAT_7_0_EBX, 0x4000, FEAT_VMX_EXIT, 0x800000 },  /* mpx */
    { FEAT_7_0_EBX, 0x4000, FEAT_VMX_ENTRY, 0x10000 },  /* mpx */
    { FEAT_7_0_EBX, 0x40000, FEAT_VMX_SECONDARY, 0x10000 },  /* rdseed */
    { FEAT_7_0_EBX, 0x2000000, FEAT_14_0_ECX, ~0ull },  /* intel-pt */
    { FEAT_7_0_EDX, 0x20000000, FEAT_ARCH_CAPABILITIES, 0x1ff },  /* arch-capabilities */
    { FEAT_7_0_EDX, 0x40000000, FEAT_CORE_CAPABILITY, ~0ull },  /* core-capability */
    { FEAT_8000_0001_EDX, 0x8000000, FEAT_VMX_SECONDARY, 0x8 },  /* rdtscp */
    { FEAT_8000_0001_EDX, 0x20000000, FEAT_VMX_ENTRY, 0x200 },  /* lm */
    { FEAT_8000_0001_ECX, 0x4, FEAT_SVM, 0x1001b4ff },  /* svm */
    { FEAT_XSAVE, 0x8, FEAT_VMX_SECONDARY, 0x100000 },  /* xsaves */
    { FEAT_VMX_PROCBASED, 0x80000000, FEAT_VMX_SECONDARY, 0x213ff7f },  /* vmx-secondary-ctls */
    { FEAT_VMX_SECONDARY, 0x2, FEAT_VMX_SECONDARY, 0x80 },  /* vmx-ept */
    { FEAT_VMX_SECONDARY, 0x2, FEAT_VMX_EPT_VPID, 0x67300c1 },  /* vmx-ept */
    { FEAT_VMX_SECONDARY, 0x20, FEAT_VMX_EPT_VPID, 0xd0102000000 },  /* vmx-vpid */
    { FEAT_VMX_SECONDARY, 0x2000, FEAT_VMX_VMFUNC, ~0ull },  /* vmx-vmfunc */
};
const unsigned x86_feature_dependencies_count = G_N_ELEMENTS(x86_feature_dependencies);
