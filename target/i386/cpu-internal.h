/* What the files of the CPU objects share: tables and steps. */
#ifndef TARGET_I386_CPU_INTERNAL_H
#define TARGET_I386_CPU_INTERNAL_H

#include "target/i386/cpu.h"

typedef enum { X86_REG_EAX, X86_REG_EBX, X86_REG_ECX, X86_REG_EDX } X86CpuidRegister;

typedef struct X86FeatureWord {
    uint32_t leaf, subleaf;
    bool has_subleaf;
    X86CpuidRegister reg;
    uint32_t msr;               /* not 0: it is this MSR and no CPUID register */
    uint32_t tcg, tcg_5;        /* what an emulated CPU can have; before 7.2 */
} X86FeatureWord;
extern const X86FeatureWord x86_feature_words[X86_FEATURE_WORDS];

typedef struct X86Feature {
    const char *name;
    uint8_t word, bit;
    uint64_t mask;              /* the bit, or several that go together */
} X86Feature;
extern const X86Feature x86_features[];     /* in order of word and bit */
extern const unsigned x86_features_count;

typedef struct X86FeatureAlias {
    const char *name, *canonical;
} X86FeatureAlias;
extern const X86FeatureAlias x86_feature_aliases[];
extern const unsigned x86_feature_aliases_count;

typedef struct X86FeatureDependency {
    X86FeatureWordIndex from;
    uint64_t from_mask;
    X86FeatureWordIndex to;
    uint64_t to_mask;           /* these go without the first */
} X86FeatureDependency;
extern const X86FeatureDependency x86_feature_dependencies[];
extern const unsigned x86_feature_dependencies_count;

typedef struct X86Model {
    const char *name;
    unsigned version;
    const char *type;           /* "Haswell-v2-x86_64-cpu" */
    Release since, until;       /* until: the first release without it again; {0}: it stayed */
    const char *vendor;
    int family, model, stepping;
    uint32_t level, xlevel, level_func7;
    const char *model_id, *note;
    bool own_cache;             /* not the caches that every model once had */
    uint64_t features[X86_FEATURE_WORDS];
} X86Model;
extern const X86Model x86_models[];         /* by name, then version */
extern const unsigned x86_models_count;

typedef struct X86ModelAlias {
    const char *name, *of;      /* "Haswell-IBRS", "Haswell-v3" */
} X86ModelAlias;
extern const X86ModelAlias x86_model_aliases[];
extern const unsigned x86_model_aliases_count;

const X86Feature *x86_feature_find(const char *name);       /* by any of its names */

/* cpu-props.c */
/*
 * Switches that only accelerators like KVM, and Hyper-V's interface for guests, would use: kept so that they can be
 * read back. They live at the end of the object.
 */
typedef struct X86CPUOther {
    bool hv[32];
    bool fill_mtrr_mask, host_cache_info, hv_synic_kvm_only, intel_pt_auto_level, migrate_smi_count, no_smi_migration;
    bool start_powered_off, pv_enforce_cpuid, tcg_cpuid, vmware_cpuid_freq;
    uint32_t hv_spinlocks, hv_version_build, hv_version_spack, hv_version_snumber;
    uint16_t hv_version_major, hv_version_minor;
    uint8_t hv_version_sbranch;
    int32_t hv_max_vps;
    OnOffAuto hv_no_nonarch_coresharing;
    char *hv_vendor_id;
} X86CPUOther;

typedef struct X86CPUWhole {
    X86CPU cpu;
    X86CPUOther other;
} X86CPUWhole;

void x86_cpu_class_add_props(ObjectClass *klass);
void x86_cpu_class_add_max_props(ObjectClass *klass);

/* cpu-expand.c: what a CPU has in the end. */
uint64_t x86_cpu_supported(const X86CPU *cpu, X86FeatureWordIndex word);
bool x86_cpu_expand(X86CPU *cpu, GError **error);
/* Takes away what can't be had; false if something was and `enforce` is on. Reports only if `verbose`. */
bool x86_cpu_filter(X86CPU *cpu, bool verbose, GError **error);
/* +f and -f of -cpu, which come after everything else. */
void x86_cpu_late_feature(const char *name, bool on);

/* cpu-engine.c: what the engine can do of a word, where guests are executed; all otherwise. */
uint64_t x86_engine_features(X86FeatureWordIndex word);
/* And what it executes that QEMU's translator never did. 0 if it does not execute. */
uint64_t x86_engine_more(X86FeatureWordIndex word);
bool x86_cpu_executes(void);

/* cpu-host.c */
void x86_host_load(X86CPU *cpu);            /* vendor, family, …, of the host */
uint64_t x86_host_features(X86FeatureWordIndex word);
bool x86_host_described(void);              /* by a file: then that is what all models can have */

/* cpu-parse.c: the class that -cpu's text names; its features become -globals of the class. */
X86CPUClass *x86_cpu_parse(const char *text, GError **error);

#endif
