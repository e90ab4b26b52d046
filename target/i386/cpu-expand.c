/* What features a CPU has in the end. */
#include <string.h>

#include "hw/core/compat.h"
#include "target/i386/cpu-internal.h"
#include "util/error.h"
#include "util/log.h"

/* Names. */
const X86Feature *x86_feature_find(const char *name)
{
    for (unsigned i = 0; i < x86_features_count; i++) {
        if (!strcmp(x86_features[i].name, name)) {
            return &x86_features[i];
        }
    }
    for (unsigned i = 0; i < x86_feature_aliases_count; i++) {
        if (!strcmp(x86_feature_aliases[i].name, name)) {
            return x86_feature_find(x86_feature_aliases[i].canonical);
        }
    }
    return NULL;
}

const char *x86_feature_name(X86FeatureWordIndex word, uint64_t bit)
{
    for (unsigned i = 0; i < x86_features_count; i++) {
        if (x86_features[i].word == word && x86_features[i].mask & bit) {
            return x86_features[i].name;
        }
    }
    return NULL;
}

void x86_foreach_feature(void (*fn)(const char *name, X86FeatureWordIndex word, uint64_t mask, void *opaque),
                         void *opaque)
{
    for (unsigned i = 0; i < x86_features_count; i++) {
        if (compat_release_has_property(release, TYPE_X86_CPU, x86_features[i].name)) {
            fn(x86_features[i].name, x86_features[i].word, x86_features[i].mask, opaque);
        }
    }
}

char *x86_feature_word_text(X86FeatureWordIndex word)
{
    static const char *const registers[] = { "EAX", "EBX", "ECX", "EDX" };
    const X86FeatureWord *info = &x86_feature_words[word];

    return info->msr ? g_strdup_printf("MSR(%XH)", info->msr)
                     : g_strdup_printf("CPUID.%02XH:%s", info->leaf, registers[info->reg]);
}

static void report(X86FeatureWordIndex word, uint64_t bits, const char *what)
{
    g_autofree char *where = x86_feature_word_text(word);

    for (unsigned bit = 0; bit < 64; bit++) {
        const char *name = bits & (1ull << bit) ? x86_feature_name(word, 1ull << bit) : NULL;

        if (bits & (1ull << bit)) {
            warn_report("%s: %s%s%s [bit %u]", what, where, name ? "." : "", name ? name : "", bit);
        }
    }
}

/* The accelerator's side. */
uint64_t x86_cpu_supported(const X86CPU *cpu, X86FeatureWordIndex word)
{
    uint64_t emulated = cpu->tcg_before_avx ? x86_feature_words[word].tcg_5 : x86_feature_words[word].tcg;

    /* Whoever asks for all that there is gets what the engine has beyond QEMU's translator, too. */
    if (X86_CPU_GET_CLASS(cpu)->max_features || X86_CPU_GET_CLASS(cpu)->host) {
        emulated |= x86_engine_more(word);
    }
    /* A host that a file describes has what the file says: its guests are there to be moved, not to run fast. */
    if (x86_host_described()) {
        return x86_host_features(word);
    }
    if (X86_CPU_GET_CLASS(cpu)->host) {
        return x86_host_features(word) & (x86_cpu_executes() ? emulated & x86_engine_features(word) : UINT64_MAX);
    }
    return emulated & x86_engine_features(word);
}

/* +f and -f. */
typedef struct LateFeature {
    char *name;
    bool on;
} LateFeature;
static GArray *late_features;

void x86_cpu_late_feature(const char *name, bool on)
{
    LateFeature late = { g_strdup(name), on };

    if (!late_features) {
        late_features = g_array_new(false, false, sizeof(LateFeature));
    }
    g_array_append_val(late_features, late);
}

static bool apply_late_features(X86CPU *cpu, GError **error)
{
    for (int on = 1; on >= 0; on--) {       /* what is taken away wins */
        for (guint i = 0; late_features && i < late_features->len; i++) {
            const LateFeature *late = &g_array_index(late_features, LateFeature, i);

            if (late->on == on &&
                !object_property_parse(OBJECT(cpu), late->name, on ? "on" : "off", PROP_ORIGIN_USER, error)) {
                return false;
            }
        }
    }
    return true;
}

static void apply_dependencies(X86CPU *cpu)
{
    for (unsigned i = 0; i < x86_feature_dependencies_count; i++) {
        const X86FeatureDependency *d = &x86_feature_dependencies[i];
        uint64_t lost = cpu->features[d->to] & d->to_mask;

        if ((cpu->features[d->from] & d->from_mask) || !lost) {
            continue;
        }
        if (cpu->check || cpu->enforce) {
            report(d->to, lost & cpu->user_features[d->to],
                   "This feature depends on other features that were not requested");
        }
        cpu->features[d->to] &= ~lost;
    }
}

/* XSAVE's state components, which follow from the features that have state. */
static void derive_xsave_components(X86CPU *cpu)
{
    static const struct {
        uint8_t component;
        X86FeatureWordIndex word;
        uint64_t mask;
    } areas[] = {
        { 0, FEAT_1_EDX, 1u << 0 },     { 1, FEAT_1_EDX, 1u << 25 },    { 2, FEAT_1_ECX, 1u << 28 },
        { 3, FEAT_7_0_EBX, 1u << 14 },  { 4, FEAT_7_0_EBX, 1u << 14 },  { 5, FEAT_7_0_EBX, 1u << 16 },
        { 6, FEAT_7_0_EBX, 1u << 16 },  { 7, FEAT_7_0_EBX, 1u << 16 },  { 9, FEAT_7_0_ECX, 1u << 3 },
        { 17, FEAT_7_0_EDX, 1u << 24 }, { 18, FEAT_7_0_EDX, 1u << 24 },
    };

    cpu->features[FEAT_XCR0_LO] = cpu->features[FEAT_XCR0_HI] = 0;
    if (!(cpu->features[FEAT_1_ECX] & (1u << 26))) {
        return;
    }
    cpu->features[FEAT_XCR0_LO] = 3;
    for (size_t i = 0; i < G_N_ELEMENTS(areas); i++) {
        if (cpu->features[areas[i].word] & areas[i].mask) {
            cpu->features[FEAT_XCR0_LO] |= 1u << areas[i].component;
        }
    }
}

/* The highest leaves that the features need. */
static void derive_levels(X86CPU *cpu)
{
    for (int w = 0; w < X86_FEATURE_WORDS; w++) {
        const X86FeatureWord *info = &x86_feature_words[w];
        uint32_t *min;

        if (info->msr || !cpu->features[w] || !cpu->full_cpuid_auto_level) {
            continue;
        }
        switch (info->leaf >> 28) {
        case 0: min = &cpu->min_level; break;
        case 8: min = &cpu->min_xlevel; break;
        case 0xc: min = &cpu->min_xlevel2; break;
        default: continue;
        }
        *min = MAX(*min, info->leaf);
    }
    if (cpu->level == UINT32_MAX) {
        cpu->level = cpu->min_level;
    }
    if (cpu->xlevel == UINT32_MAX) {
        cpu->xlevel = cpu->min_xlevel;
    }
    if (cpu->xlevel2 == UINT32_MAX) {
        cpu->xlevel2 = cpu->min_xlevel2;
    }
    if (cpu->level_func7 == UINT32_MAX) {
        cpu->level_func7 = cpu->features[FEAT_7_2_EDX]                                      ? 2
                           : cpu->features[FEAT_7_1_EAX] || cpu->features[FEAT_7_1_EDX] ? 1
                                                                                            : 0;
    }
}

bool x86_cpu_expand(X86CPU *cpu, GError **error)
{
    if (!apply_late_features(cpu, error)) {
        return false;
    }
    for (int w = 0; X86_CPU_GET_CLASS(cpu)->max_features && w < X86_FEATURE_WORDS; w++) {
        cpu->features[w] |= x86_cpu_supported(cpu, w) & ~cpu->user_features[w];
    }
    apply_dependencies(cpu);
    cpu->features[FEAT_KVM] = cpu->features[FEAT_KVM_HINTS] = 0;    /* there is no KVM under the guest */
    derive_xsave_components(cpu);
    derive_levels(cpu);
    return true;
}

bool x86_cpu_filter(X86CPU *cpu, bool verbose, GError **error)
{
    bool host = X86_CPU_GET_CLASS(cpu)->host || x86_host_described(), lost = false;
    g_autofree char *what = g_strdup_printf("%s doesn't support requested feature", host ? "host" : "TCG");

    for (int w = 0; w < X86_FEATURE_WORDS; w++) {
        uint64_t unsupported;

        if (w == FEAT_XCR0_LO || w == FEAT_XCR0_HI || w == FEAT_XSS_LO || w == FEAT_XSS_HI) {
            continue;       /* derived again below */
        }
        unsupported = cpu->features[w] & ~x86_cpu_supported(cpu, w);
        lost |= unsupported != 0;
        if (unsupported && verbose && (cpu->check || cpu->enforce)) {
            report(w, unsupported, what);
        }
        cpu->filtered_features[w] |= unsupported;
        if (!cpu->force_features) {
            cpu->features[w] &= ~unsupported;
        }
    }
    derive_xsave_components(cpu);
    if (lost && cpu->enforce) {
        return error_setf(error, "%s doesn't support requested features", host ? "Host" : "TCG");
    }
    return true;
}
