/*
 * x86 CPUs as objects: their model, their features, where they sit in the topology. What executes instructions comes
 * behind accel/.
 *
 * A model's features are bits in feature words, which are CPUID registers and a few MSRs. They come from the model,
 * then -cpu's text, then what depends on an absent feature goes, then what the accelerator can't do goes ("filtered":
 * with `check` a warning, with `enforce` an error).
 */
#ifndef TARGET_I386_CPU_H
#define TARGET_I386_CPU_H

#include "hw/core/machine.h"
#include "target/i386/cpu-state.h"

#define TYPE_CPU "cpu"
#define TYPE_X86_CPU "x86_64-cpu"
OBJECT_DECLARE_TYPE(X86CPU, X86CPUClass, X86_CPU)

#define X86_APIC_CPUS_MAX 255       /* without x2APIC and interrupt remapping */

typedef enum X86FeatureWordIndex {
    FEAT_1_EDX, FEAT_1_ECX, FEAT_7_0_EBX, FEAT_7_0_ECX, FEAT_7_0_EDX, FEAT_7_1_EAX, FEAT_7_1_EDX, FEAT_7_2_EDX,
    FEAT_8000_0001_EDX, FEAT_8000_0001_ECX, FEAT_8000_0007_EDX, FEAT_8000_0008_EBX, FEAT_8000_0021_EAX,
    FEAT_C000_0001_EDX, FEAT_KVM, FEAT_KVM_HINTS, FEAT_SVM, FEAT_XSAVE, FEAT_6_EAX, FEAT_XCR0_LO, FEAT_XCR0_HI,
    FEAT_ARCH_CAPABILITIES, FEAT_CORE_CAPABILITY, FEAT_PERF_CAPABILITIES, FEAT_VMX_PROCBASED, FEAT_VMX_SECONDARY,
    FEAT_VMX_PINBASED, FEAT_VMX_EXIT, FEAT_VMX_ENTRY, FEAT_VMX_MISC, FEAT_VMX_EPT_VPID, FEAT_VMX_BASIC,
    FEAT_VMX_VMFUNC, FEAT_14_0_ECX, FEAT_SGX_12_0_EAX, FEAT_SGX_12_0_EBX, FEAT_SGX_12_1_EAX, FEAT_XSS_LO, FEAT_XSS_HI,
    X86_FEATURE_WORDS
} X86FeatureWordIndex;

struct X86Model;

struct X86CPUClass {
    DeviceClass parent_class;
    const char *model_name;         /* what -cpu takes: "Haswell-IBRS"; NULL: no model of its own */
    const struct X86Model *model;   /* NULL: base, max, host */
    bool max_features;              /* max and host: all that there is */
    bool host;                      /* as the host's own CPU */
    bool is_static;                 /* base: the same in every release */
    bool is_alias;                  /* the name stands for model's */
    unsigned ordering;              /* in lists: the named ones first, then base, host, max */
};

struct X86CPU {
    DeviceState parent_obj;
    unsigned index;
    /* set by the user */
    int32_t family, model, stepping;
    char vendor[13], model_id[49];
    uint64_t features[X86_FEATURE_WORDS];
    uint64_t user_features[X86_FEATURE_WORDS];      /* bits that were set by name, on or off */
    uint32_t level, xlevel, xlevel2, level_func7;   /* UINT32_MAX: as high as the features need */
    uint32_t min_level, min_xlevel, min_xlevel2;
    uint32_t phys_bits, apic_id;
    int32_t socket_id, die_id, core_id, thread_id, node_id;
    uint64_t tsc_frequency, ucode_rev;
    uint8_t host_phys_bits_limit;
    bool check, enforce, force_features, migratable, expose_kvm, pmu, lmce, l3_cache, legacy_cache, host_phys_bits;
    bool cpuid_0xb, full_cpuid_auto_level, vendor_cpuid_only, tcg_before_avx, reset_vgif;
    /* migrated */
    X86CPUState env;
    uint32_t halted;            /* waits in HLT, or for an INIT-SIPI sequence */
    uint32_t interrupt_request; /* CPU_INTERRUPT_* */
    int32_t exception_index;    /* -1: none */
    bool crash_occurred;
    /* the accelerator's */
    struct X86Exec *exec;       /* NULL: has not run yet */
    int host_thread;            /* its thread's id; 0: there is none */
    /* made at realize */
    uint64_t filtered_features[X86_FEATURE_WORDS];  /* asked for and not to be had */
};

/* From now on CPUs are to execute guests: they are offered no feature that the engine does not have on this host. */
void x86_cpu_set_executing(void);
/* One object per CPU of machine->smp.cpus, of the model and with the features that -cpu's text asks for. */
bool x86_cpus_create(MachineState *machine, GError **error);
/* The local APIC's id of the CPU of that index, there or not. */
uint32_t x86_apic_id(const CpuTopology *t, unsigned index);
/* In order of index. */
X86CPU *x86_cpu_by_index(unsigned index);
unsigned x86_cpu_count(void);
/* Called for each CPU that was made, in order: the board adds its local APIC. */
void x86_cpu_set_created_hook(bool (*hook)(X86CPU *cpu, GError **error));

/* The CPU whose instruction this thread executes; NULL outside (devices, monitors, qtest). */
X86CPU *x86_cpu_current(void);
void x86_cpu_set_current(X86CPU *cpu);
/* Its general registers, by R_EAX …, in the middle of an instruction of it: for a device that is addressed by registers. */
uint64_t *x86_cpu_live_registers(X86CPU *cpu);
/* Requests towards a CPU, CPU_INTERRUPT_* bits; from any thread with the big lock. */
void x86_cpu_interrupt(X86CPU *cpu, uint32_t mask);
void x86_cpu_clear_interrupt(X86CPU *cpu, uint32_t mask);
/* Set by the accelerator: the CPU should look at its requests soon. */
extern void (*x86_cpu_kick)(X86CPU *cpu);
/* The A20 gate: off, bit 20 of every physical address is 0. Under the big lock, from any thread. */
void x86_cpu_set_a20(X86CPU *cpu, bool on);
/* Told when it changed, by whoever keeps translations; NULL: nobody. */
extern void (*x86_cpu_a20_changed)(X86CPU *cpu);
/* INIT: state as after a reset; all but the first CPU then wait. Only by the CPU's own thread, or while it is stopped. */
void x86_cpu_init(X86CPU *cpu);
/* A start-up IPI: begins in real mode at vector << 12. */
void x86_cpu_startup(X86CPU *cpu, uint8_t vector);
/* What a CPU asks of its interrupt controllers. INIT and start-up are carried out by its own thread, when it takes the requests. */
typedef struct X86InterruptOps {
    int (*acknowledge)(X86CPU *cpu);                /* the vector to serve now; -1: nobody asks any more */
    uint8_t (*cr8)(X86CPU *cpu);
    void (*set_cr8)(X86CPU *cpu, uint8_t value);
    uint64_t (*base)(X86CPU *cpu);                  /* MSR IA32_APIC_BASE */
    void (*set_base)(X86CPU *cpu, uint64_t value);
    void (*poll)(X86CPU *cpu);                      /* looks at its requests anew: CPU_INTERRUPT_HARD is as it should be */
    void (*init)(X86CPU *cpu);                      /* the controller's part and x86_cpu_init() */
    void (*startup)(X86CPU *cpu);                   /* ends in x86_cpu_startup() if it waits for one */
} X86InterruptOps;
/* The interrupt controllers as CPUs see them; all under the big lock. NULL: there are none. Set when the first one is made. */
extern const X86InterruptOps *x86_interrupt_ops;
/* FERR#: an x87 exception is pending and CR0.NE is clear. Set by the board, NULL if nobody hears it. */
extern void (*x86_ferr)(X86CPU *cpu);
/* Memory as this CPU sees it: in SMM there may be more than for others. */
struct AddressSpace *x86_cpu_memory(const X86CPU *cpu);
void x86_cpu_set_smm_memory(struct AddressSpace *memory);
bool x86_cpu_sees(const struct AddressSpace *as);   /* whether it is one of these */
/* The class's model as -cpu names it. */
X86CPUClass *x86_cpu_class_by_model(const char *model);     /* NULL: there is none in this release */

/* The physical address that a linear one has now, with supervisor's rights, without side effects; false: none. */
bool x86_translate(X86CPU *cpu, uint64_t linear, uint64_t *physical);

/* For `info jit`: the translated code of all CPUs, which must be paused. */
void x86_exec_report(GString *out);

/* What the guest reads with CPUID. */
void x86_cpuid(const X86CPU *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);    /* eax, ebx, ecx, edx */

/* The name of the first bit of mask, or NULL. */
const char *x86_feature_name(X86FeatureWordIndex word, uint64_t bit);
/* "CPUID.07H:EBX" or "MSR(10AH)". Caller frees. */
char *x86_feature_word_text(X86FeatureWordIndex word);
/* Calls fn for each feature by its first name. */
void x86_foreach_feature(void (*fn)(const char *name, X86FeatureWordIndex word, uint64_t mask, void *opaque),
                         void *opaque);

/*
 * Describes the host's CPU from a file instead of asking it, so that `-cpu host` can be tried for several: lines of
 * "vendor GenuineIntel", "family 6", "model 85", "stepping 7", "model-id text", "features name name …".
 */
bool x86_cpu_set_host_file(const char *path, GError **error);

/* QMP and help. Results are the caller's. */
Json *x86_query_cpus_fast(void);
Json *x86_query_hotpluggable_cpus(const MachineState *machine);
Json *x86_query_cpu_definitions(void);
/* type "static" or "full"; model {"name": …, "props": {…}}. */
Json *x86_query_cpu_model_expansion(const char *type, const Json *model, GError **error);
/* {"model": …}: what both have, as a static model. */
Json *x86_query_cpu_model_baseline(const Json *a, const Json *b, GError **error);
/* {"result": "superset"…, "responsible-properties": […]}. */
Json *x86_query_cpu_model_comparison(const Json *a, const Json *b, GError **error);
void x86_cpu_help(GString *out);

#endif
