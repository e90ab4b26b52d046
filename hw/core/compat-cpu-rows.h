/*
 * Which releases know which CPU feature: rows of the compat history, apart for their number. Those marked 6.2 came
 * between 5.2 and 7.2; those from 8.0 on are dated by release notes.
 */
#ifndef HW_CORE_COMPAT_CPU_ROWS_H
#define HW_CORE_COMPAT_CPU_ROWS_H

#include "hw/core/compat.h"

#define SINCE(name, ...) \
    { .driver = "x86_64-cpu", .property = name, .kind = COMPAT_EXISTENCE, .since = { __VA_ARGS__ } }

static const CompatRow cpu_features[] = {
    SINCE("amd-psfd", 8, 1), SINCE("amx-bf16", 6, 2), SINCE("amx-complex", 8, 1), SINCE("amx-fp16", 8, 1),
    SINCE("amx-int8", 6, 2), SINCE("amx-tile", 6, 2), SINCE("arch-lbr", 6, 2), SINCE("auto-ibrs", 8, 1),
    SINCE("avic", 6, 2), SINCE("avx-ifma", 8, 1), SINCE("avx-ne-convert", 8, 1), SINCE("avx-vnni", 6, 2),
    SINCE("avx-vnni-int8", 8, 1), SINCE("avx512-fp16", 6, 2), SINCE("bus-lock-detect", 6, 2),
    SINCE("cmpccxadd", 8, 1), SINCE("fb-clear", 8, 1), SINCE("fbsdp-no", 8, 1), SINCE("flush-l1d", 8, 1),
    SINCE("fsrc", 8, 0), SINCE("fsrs", 8, 0), SINCE("fzrm", 8, 0), SINCE("ibrs", 6, 2), SINCE("intel-pt-lip", 6, 2),
    SINCE("lfence-always-serializing", 8, 1), SINCE("mcdt-no", 8, 1), SINCE("no-nested-data-bp", 8, 1),
    SINCE("null-sel-clr-base", 8, 1), SINCE("pbrsb-no", 8, 1), SINCE("pks", 6, 2), SINCE("prefetchiti", 8, 1),
    SINCE("psdp-no", 8, 1), SINCE("sbdr-ssdp-no", 8, 1), SINCE("sgx", 6, 2), SINCE("sgx-debug", 6, 2),
    SINCE("sgx-exinfo", 6, 2), SINCE("sgx-kss", 6, 2), SINCE("sgx-mode64", 6, 2), SINCE("sgx-provisionkey", 6, 2),
    SINCE("sgx-tokenkey", 6, 2), SINCE("sgx1", 6, 2), SINCE("sgx2", 6, 2), SINCE("sgxlc", 6, 2),
    SINCE("stibp-always-on", 8, 1), SINCE("svme-addr-chk", 6, 2), SINCE("v-vmsave-vmload", 6, 2), SINCE("vgif", 6, 2),
    SINCE("vmx-enable-user-wait-pause", 8, 2), SINCE("vmx-entry-load-pkrs", 6, 2), SINCE("vmx-exit-load-pkrs", 6, 2),
    SINCE("vmx-tsc-scaling", 6, 2), SINCE("vnmi", 8, 1), SINCE("xfd", 6, 2),
    /* Properties that are no features. */
    SINCE("start-powered-off", 5, 2), SINCE("hv-apicv", 7, 0), SINCE("hv-avic", 6, 2), SINCE("hv-emsr-bitmap", 7, 1),
    SINCE("hv-enforce-cpuid", 6, 2), SINCE("hv-syndbg", 7, 1), SINCE("hv-tlbflush-direct", 7, 1),
    SINCE("hv-tlbflush-ext", 7, 1), SINCE("hv-xmm-input", 7, 1), SINCE("hv-version-id-snumber", 6, 2),
    SINCE("hv-version-id-sbranch", 6, 2), SINCE("hv-version-id-spack", 6, 2), SINCE("kvm-pv-enforce-cpuid", 6, 1),
    SINCE("lbr-fmt", 7, 1), SINCE("lbr_fmt", 7, 1),
};
#undef SINCE

#endif
