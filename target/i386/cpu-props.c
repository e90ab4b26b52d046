/* The properties of x86 CPUs: each feature, and what else CPUID tells or QEMU's users set. */
#include <string.h>

#include "target/i386/cpu-internal.h"
#include "util/error.h"
#include "util/keyval.h"

/* A feature: a bool, whose bits are `defval` in the word at `offset`. What a user says about it is remembered. */
static bool feature_assign(Object *obj, const Property *prop, bool on)
{
    uint64_t *word = property_field(obj, prop);
    uint64_t *user = word + X86_FEATURE_WORDS;

    G_STATIC_ASSERT(offsetof(X86CPU, user_features) - offsetof(X86CPU, features) ==
                    X86_FEATURE_WORDS * sizeof(uint64_t));
    *word = on ? *word | prop->defval : *word & ~prop->defval;
    *user |= prop->defval;
    return true;
}

static bool feature_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    bool on;

    return json_get_bool(value, &on)
               ? feature_assign(obj, prop, on)
               : error_setf(error, "Invalid parameter type for '%s', expected: boolean", prop->name);
}

static bool feature_parse(Object *obj, const Property *prop, const char *text, GError **error)
{
    bool on;

    return keyval_bool(prop->name, text, &on, error) && feature_assign(obj, prop, on);
}

static Json *feature_get(Object *obj, const Property *prop, GError **error)
{
    const uint64_t *word = property_field(obj, prop);

    return json_new_bool((*word & prop->defval) == prop->defval);
}
static const PropertyKind kind_feature = {
    .name = "bool", .set = feature_set, .parse = feature_parse, .get = feature_get,
};

/* Family, model and stepping: shown as "int", with the limits of their CPUID fields. */
static bool version_check(const Property *prop, int64_t v, GError **error)
{
    return (v >= 0 && v <= (int64_t)prop->max) ||
           error_setf(error, "Property .%s doesn't take value %" G_GINT64_FORMAT " (minimum: 0, maximum: %d)",
                      prop->name, v, (int)prop->max);
}

static bool version_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    int64_t v;

    if (!json_get_int(value, &v)) {
        return error_setf(error, "Invalid parameter type for '%s', expected: integer", prop->name);
    }
    if (!version_check(prop, v, error)) {
        return false;
    }
    *(int32_t *)property_field(obj, prop) = v;
    return true;
}

static bool version_parse(Object *obj, const Property *prop, const char *text, GError **error)
{
    char *end;
    int64_t v = g_ascii_strtoll(text, &end, 0);

    if (!*text || *end) {
        return error_setf(error, "Parameter '%s' expects int64", prop->name);
    }
    if (!version_check(prop, v, error)) {
        return false;
    }
    *(int32_t *)property_field(obj, prop) = v;
    return true;
}

static Json *version_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_int(*(int32_t *)property_field(obj, prop));
}
static const PropertyKind kind_version = {
    .name = "int", .set = version_set, .parse = version_parse, .get = version_get
};

/* Texts of a fixed length inside the object. */
static Json *text_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_string(property_field(obj, prop));
}

static bool vendor_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    const char *text = json_get_string(value);

    if (!text || strlen(text) != 12) {
        return error_setf(error, "Property '.vendor' doesn't take value '%s'", text ? text : "");
    }
    memcpy(property_field(obj, prop), text, 13);
    return true;
}
static const PropertyKind kind_vendor = { .name = "string", .set = vendor_set, .get = text_get };

static bool model_id_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    const char *text = json_get_string(value);

    if (!text) {
        return error_setf(error, "Invalid parameter type for '%s', expected: string", prop->name);
    }
    g_strlcpy(property_field(obj, prop), text, 49);
    return true;
}
static const PropertyKind kind_model_id = { .name = "string", .set = model_id_set, .get = text_get };

static bool tsc_parse(Object *obj, const Property *prop, const char *text, GError **error)
{
    return keyval_size(prop->name, text, 1, property_field(obj, prop), error);
}

static bool tsc_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    return json_get_uint(value, property_field(obj, prop)) ||
           error_setf(error, "Invalid parameter type for '%s', expected: integer", prop->name);
}

static Json *tsc_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_uint(*(uint64_t *)property_field(obj, prop));
}
static const PropertyKind kind_tsc = { .name = "int", .set = tsc_set, .parse = tsc_parse, .get = tsc_get };

/* Feature words whole. */
static const char *const register_names[] = { "EAX", "EBX", "ECX", "EDX" };

static Json *words_json(const uint64_t *words)
{
    Json *list = json_new_array();

    for (int w = X86_FEATURE_WORDS - 1; w >= 0; w--) {
        const X86FeatureWord *info = &x86_feature_words[w];
        Json *o;

        if (info->msr) {
            continue;
        }
        o = json_new_object();
        json_set(o, "cpuid-register", json_new_string(register_names[info->reg]));
        if (info->has_subleaf) {
            json_set(o, "cpuid-input-ecx", json_new_int(info->subleaf));
        }
        json_set(o, "cpuid-input-eax", json_new_int(info->leaf));
        json_set(o, "features", json_new_uint(words[w] & UINT32_MAX));
        json_append(list, o);
    }
    return list;
}

static Json *words_get(Object *obj, const Property *prop, GError **error)
{
    return words_json(property_field(obj, prop));
}
static const PropertyKind kind_words = { .name = "X86CPUFeatureWordInfo", .get = words_get };

static void append_name(const char *name, X86FeatureWordIndex word, uint64_t mask, void *opaque)
{
    void **pair = opaque;

    if (((const uint64_t *)pair[0])[word] & mask) {
        json_append(pair[1], json_new_string(name));
    }
}

static Json *unavailable_get(Object *obj, const Property *prop, GError **error)
{
    void *pair[] = { X86_CPU(obj)->filtered_features, json_new_array() };

    x86_foreach_feature(append_name, pair);
    return pair[1];
}
static const PropertyKind kind_unavailable = { .name = "strList", .get = unavailable_get };

static Json *lbr_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_uint(~(uint64_t)0x3f);      /* "not set" */
}
static const PropertyKind kind_lbr = { .name = "uint64", .get = lbr_get };

static bool phys_bits_check(Object *obj, const Property *prop, uint64_t value, GError **error)
{
    return !value || (value >= 32 && value <= 52) ||
           error_setf(error, "phys-bits should be between 32 and 52  (but is %u)", (unsigned)value);
}

#define CPU_BOOL(n, f, d) DEFINE_PROP_BOOL(n, X86CPU, f, d)
#define CPU_U32(n, f, d) DEFINE_PROP_UINT32(n, X86CPU, f, d)
#define CPU_I32(n, f) DEFINE_PROP_INT32(n, X86CPU, f, -1)
#define VERSION(n, f, limit) DEFINE_PROP(n, kind_version, X86CPU, f, 0, .max = limit, .no_default = true)
#define TELL(n, k, f) DEFINE_PROP(n, k, X86CPU, f, 0, .no_default = true)
#define OTHER_BOOL(n, f, d, ...) DEFINE_PROP_BOOL(n, X86CPUWhole, other.f, d, ##__VA_ARGS__)
#define HV(n, i) OTHER_BOOL("hv-" n, hv[i], false, .description = "on/off")

static const Property cpu_props[] = {
    VERSION("family", family, 0x10e), VERSION("model", model, 0xff), VERSION("stepping", stepping, 0xf),
    DEFINE_PROP("vendor", kind_vendor, X86CPU, vendor, 0, .no_default = true),
    DEFINE_PROP("model-id", kind_model_id, X86CPU, model_id, 0, .no_default = true),
    DEFINE_PROP("tsc-frequency", kind_tsc, X86CPU, tsc_frequency, 0, .no_default = true),
    TELL("feature-words", kind_words, features), TELL("filtered-features", kind_words, filtered_features),
    { .name = "unavailable-features", .kind = &kind_unavailable, .no_default = true },
    { .name = "lbr-fmt", .kind = &kind_lbr, .no_default = true },
    { .name = "lbr_fmt", .kind = &kind_lbr, .no_default = true },
    CPU_U32("apic-id", apic_id, UINT32_MAX),
    CPU_I32("socket-id", socket_id), CPU_I32("die-id", die_id), CPU_I32("core-id", core_id),
    CPU_I32("thread-id", thread_id), CPU_I32("node-id", node_id),
    CPU_U32("level", level, UINT32_MAX), CPU_U32("xlevel", xlevel, UINT32_MAX), CPU_U32("xlevel2", xlevel2, UINT32_MAX),
    CPU_U32("level-func7", level_func7, UINT32_MAX), CPU_U32("min-level", min_level, 0),
    CPU_U32("min-xlevel", min_xlevel, 0), CPU_U32("min-xlevel2", min_xlevel2, 0),
    DEFINE_PROP_UINT32("phys-bits", X86CPU, phys_bits, 0, .check = phys_bits_check),
    DEFINE_PROP_UINT64("ucode-rev", X86CPU, ucode_rev, 0),
    DEFINE_PROP_UINT8("host-phys-bits-limit", X86CPU, host_phys_bits_limit, 0),
    CPU_BOOL("check", check, true), CPU_BOOL("enforce", enforce, false),
    CPU_BOOL("x-force-features", force_features, false),
    CPU_BOOL("kvm", expose_kvm, true), CPU_BOOL("pmu", pmu, false), CPU_BOOL("lmce", lmce, false),
    CPU_BOOL("l3-cache", l3_cache, true),
    DEFINE_PROP_BOOL("legacy-cache", X86CPU, legacy_cache, true, .hidden = true),
    CPU_BOOL("host-phys-bits", host_phys_bits, false), CPU_BOOL("cpuid-0xb", cpuid_0xb, true),
    CPU_BOOL("full-cpuid-auto-level", full_cpuid_auto_level, true),
    CPU_BOOL("x-vendor-cpuid-only", vendor_cpuid_only, true),
    DEFINE_PROP_BOOL("x-godwit-tcg-before-avx", X86CPU, tcg_before_avx, false, .hidden = true),
    DEFINE_PROP_BOOL("x-godwit-reset-vgif", X86CPU, reset_vgif, true, .hidden = true),
    OTHER_BOOL("start-powered-off", start_powered_off, false, .no_default = true),
    OTHER_BOOL("fill-mtrr-mask", fill_mtrr_mask, true), OTHER_BOOL("x-hv-synic-kvm-only", hv_synic_kvm_only, false),
    OTHER_BOOL("x-intel-pt-auto-level", intel_pt_auto_level, true),
    OTHER_BOOL("x-migrate-smi-count", migrate_smi_count, true),
    OTHER_BOOL("kvm-no-smi-migration", no_smi_migration, false),
    OTHER_BOOL("kvm-pv-enforce-cpuid", pv_enforce_cpuid, false), OTHER_BOOL("tcg-cpuid", tcg_cpuid, true),
    OTHER_BOOL("vmware-cpuid-freq", vmware_cpuid_freq, true),
    HV("relaxed", 0), HV("vapic", 1), HV("time", 2), HV("crash", 3), HV("reset", 4), HV("vpindex", 5), HV("runtime", 6),
    HV("synic", 7), HV("stimer", 8), HV("frequencies", 9), HV("reenlightenment", 10), HV("tlbflush", 11),
    HV("evmcs", 12),
    HV("ipi", 13), HV("stimer-direct", 14), HV("avic", 15), HV("emsr-bitmap", 16), HV("xmm-input", 17),
    HV("tlbflush-ext", 18), HV("tlbflush-direct", 19), HV("syndbg", 20), OTHER_BOOL("hv-passthrough", hv[21], false),
    OTHER_BOOL("hv-enforce-cpuid", hv[22], false),
    HV("apicv", 15),    /* another name of avic */
    DEFINE_PROP_ON_OFF_AUTO("hv-no-nonarch-coresharing", X86CPUWhole, other.hv_no_nonarch_coresharing, ON_OFF_AUTO_OFF),
    DEFINE_PROP_UINT32("hv-spinlocks", X86CPUWhole, other.hv_spinlocks, UINT32_MAX),
    DEFINE_PROP_STRING("hv-vendor-id", X86CPUWhole, other.hv_vendor_id),
    DEFINE_PROP_UINT32("hv-version-id-build", X86CPUWhole, other.hv_version_build, 0x3839),
    DEFINE_PROP_UINT16("hv-version-id-major", X86CPUWhole, other.hv_version_major, 0x000a),
    DEFINE_PROP_UINT16("hv-version-id-minor", X86CPUWhole, other.hv_version_minor, 0),
    DEFINE_PROP_UINT32("hv-version-id-spack", X86CPUWhole, other.hv_version_spack, 0),
    DEFINE_PROP_UINT8("hv-version-id-sbranch", X86CPUWhole, other.hv_version_sbranch, 0),
    DEFINE_PROP_UINT32("hv-version-id-snumber", X86CPUWhole, other.hv_version_snumber, 0),
    DEFINE_PROP_INT32("x-hv-max-vps", X86CPUWhole, other.hv_max_vps, -1),
};

/* Of max and host. */
static const Property max_props[] = {
    CPU_BOOL("migratable", migratable, true),
    OTHER_BOOL("host-cache-info", host_cache_info, false),
};

static Property feature_property(const char *name, const X86Feature *f)
{
    return (Property){
        .name = name, .kind = &kind_feature, .offset = offsetof(X86CPU, features) + f->word * sizeof(uint64_t),
        .defval = f->mask, .no_default = true,
    };
}

void x86_cpu_class_add_props(ObjectClass *klass)
{
    unsigned n = x86_features_count;
    Property *features = g_new(Property, n + x86_feature_aliases_count);    /* as long-lived as the class */

    for (unsigned i = 0; i < n; i++) {
        features[i] = feature_property(x86_features[i].name, &x86_features[i]);
    }
    for (unsigned i = 0; i < x86_feature_aliases_count; i++) {
        features[n + i] =
            feature_property(x86_feature_aliases[i].name, x86_feature_find(x86_feature_aliases[i].canonical));
    }
    object_class_add_props(klass, cpu_props, G_N_ELEMENTS(cpu_props));
    object_class_add_props(klass, features, n + x86_feature_aliases_count);
}

void x86_cpu_class_add_max_props(ObjectClass *klass)
{
    object_class_add_props(klass, max_props, G_N_ELEMENTS(max_props));
}
