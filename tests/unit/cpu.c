/* CPU models and features against what QEMU 7.2 says of the same ones; -cpu's text; queries. */
#include <stdio.h>
#include <string.h>

#include "hw/core/compat.h"
#include "system/memory.h"
#include "target/i386/cpu.h"

static Json *read_data(const char *name)
{
    g_autofree char *path = g_build_filename(g_getenv("TEST_DATA"), name, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    Json *json;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    json = json_parse(text, -1, &error);
    g_assert_no_error(error);
    return json;
}

static bool in_child(void)
{
    if (g_test_subprocess()) {
        memory_init();
        return true;
    }
    g_test_trap_subprocess(NULL, 20 * G_USEC_PER_SEC, 0);
    g_test_trap_assert_passed();
    return false;
}

static Json *expand(const char *type, const char *model, const char *props)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Json) in = json_new_object();
    g_autoptr(Json) result = NULL;

    json_set(in, "name", json_new_string(model));
    if (props) {
        json_set(in, "props", json_parse(props, -1, NULL));
    }
    result = x86_query_cpu_model_expansion(type, in, &error);
    g_assert_no_error(error);
    return json_ref(json_member(json_member(result, "model"), "props"));
}

static bool list_has(const Json *list, const char *text)
{
    for (size_t i = 0; i < json_count(list); i++) {
        if (!strcmp(json_get_string(json_at(list, i)), text)) {
            return true;
        }
    }
    return false;
}

/* Every feature that is on here is on there, and the other way round. */
typedef struct ModelCheck {
    const char *model;
    const Json *want;
    unsigned on;
} ModelCheck;

static bool check_prop(const char *key, Json *value, void *opaque)
{
    ModelCheck *c = opaque;
    bool on;

    if (json_get_bool(value, &on) && on) {
        c->on++;
        if (!list_has(json_member(c->want, "features"), key)) {
            g_error("%s has %s, which QEMU's has not", c->model, key);
        }
    } else if (!json_get_bool(value, &on) && !json_equal(value, json_member(c->want, key))) {
        g_error("%s: %s differs", c->model, key);
    }
    return true;
}

static bool check_model(const char *model, Json *want, void *opaque)
{
    g_autoptr(Json) props = NULL;
    g_autoptr(Json) full = NULL;
    ModelCheck check = { model, want };

    if (json_has(want, "alias") && json_member_string(want, "alias", NULL)) {
        return true;
    }
    props = expand("static", model, NULL);
    json_foreach(props, check_prop, &check);
    g_assert_cmpuint(check.on, ==, json_count(json_member(want, "features")));
    full = expand("full", model, NULL);
    g_assert_cmpint(json_member_int(full, "level", -1), ==, json_member_int(want, "level", -2));
    g_assert_cmpint(json_member_int(full, "xlevel", -1), ==, json_member_int(want, "xlevel", -2));
    return true;
}

static void models_are_qemus(void)
{
    g_autoptr(Json) data = read_data("cpu-models.json");

    json_foreach(data, check_model, NULL);
}

static const Json *definition(const Json *list, const char *name)
{
    for (size_t i = 0; i < json_count(list); i++) {
        if (!strcmp(json_member_string(json_at(list, i), "name", ""), name)) {
            return json_at(list, i);
        }
    }
    return NULL;
}

static bool check_definition(const char *name, Json *want, void *opaque)
{
    const Json *have = definition(opaque, name);
    const char *alias = json_member_string(want, "alias", NULL);

    g_assert_nonnull(have);
    g_assert_cmpstr(json_member_string(have, "alias-of", NULL), ==, alias);
    if (!alias) {
        g_autofree char *a = json_text(json_member(have, "unavailable-features"), false);
        g_autofree char *b = json_text(json_member(want, "unavailable"), false);

        g_assert_cmpstr(a, ==, b);
    }
    return true;
}

static void definitions_have_qemus_names_aliases_and_gaps(void)
{
    g_autoptr(Json) data = read_data("cpu-models.json");
    g_autoptr(Json) list = x86_query_cpu_definitions();

    json_foreach(data, check_definition, list);
    g_assert_cmpstr(json_member_string(json_at(list, 0), "name", NULL), ==, "max");
    g_assert_true(json_member_bool(definition(list, "base"), "static", false));
    g_assert_false(json_member_bool(definition(list, "host"), "migration-safe", true));
    g_assert_true(json_member_bool(definition(list, "Haswell"), "migration-safe", false));
}

/* -cpu */
static MachineState *boot(const char *type, const char *cpu, GError **error)
{
    g_autoptr(Json) options = json_new_object();

    json_set(options, "type", json_new_string(type));
    json_set(options, "memory", json_parse("{\"size\": \"16M\"}", -1, NULL));
    g_assert_true(machine_create(options, NULL));
    current_machine->cpu_model = g_strdup(cpu);
    return machine_init(current_machine, error) ? current_machine : NULL;
}

static bool cpu_has(const char *feature)
{
    return object_get_bool(OBJECT(x86_cpu_by_index(0)), feature);
}

static void features_are_switched_by_name_and_sign(void)
{
    if (!in_child()) {
        return;
    }
    g_assert_nonnull(boot("q35", "qemu64,aes=on,+ssse3,-cx16,sse4_1,check=off", NULL));
    g_assert_true(cpu_has("aes") && cpu_has("ssse3") && cpu_has("sse4.1") && cpu_has("sse4-1"));
    g_assert_false(cpu_has("cx16"));
}

static void minus_wins_over_everything(void)
{
    if (!in_child()) {
        return;
    }
    g_assert_nonnull(boot("q35", "qemu64,+aes,-aes,aes=on", NULL));
    g_assert_false(cpu_has("aes"));
}

static void what_depends_on_an_absent_feature_goes(void)
{
    g_autoptr(Json) props = expand("static", "Haswell-v1", "{\"vmx\": true, \"vmx-ept\": true, \"vmx-eptad\": true}");
    g_autoptr(Json) without = expand("static", "Haswell-v1", "{\"vmx\": false, \"vmx-ept\": true}");

    g_assert_true(json_member_bool(props, "vmx", false));
    g_assert_false(json_member_bool(without, "vmx-ept", true));
}

static void unsupported_features_are_filtered_and_listed(void)
{
    g_autoptr(Json) list = NULL;

    if (!in_child()) {
        return;
    }
    g_assert_nonnull(boot("q35", "qemu64,avx512f=on,check=off", NULL));
    g_assert_false(cpu_has("avx512f"));
    list = object_property_get(OBJECT(x86_cpu_by_index(0)), "unavailable-features", NULL);
    g_assert_cmpuint(json_count(list), ==, 1);
    g_assert_cmpstr(json_get_string(json_at(list, 0)), ==, "avx512f");
}

static void refuse(const char *cpu, const char *why)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(boot("q35", cpu, &error));
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, why);
}

#define REFUSAL(name, cpu, why)                                                             \
    static void name(void)                                                                  \
    {                                                                                       \
        if (in_child()) {                                                                   \
            refuse(cpu, why);                                                               \
        }                                                                                   \
    }
REFUSAL(an_unknown_model_is_refused, "foo", "unable to find CPU model 'foo'")
REFUSAL(an_empty_model_is_refused, "", "-cpu option cannot be empty")
REFUSAL(a_type_is_no_model, "qemu64-x86_64-cpu", "unable to find CPU model 'qemu64-x86_64-cpu'")
REFUSAL(an_unknown_feature_is_refused, "qemu64,foo=on",
        "can't apply global qemu64-x86_64-cpu.foo=on: Property 'qemu64-x86_64-cpu.foo' not found")
REFUSAL(an_unknown_feature_with_a_sign_is_refused, "qemu64,+foo", "Property 'qemu64-x86_64-cpu.foo' not found")
REFUSAL(a_bad_switch_is_refused, "qemu64,avx=foo",
        "can't apply global qemu64-x86_64-cpu.avx=foo: Parameter 'avx' expects 'on' or 'off'")
REFUSAL(a_family_out_of_range_is_refused, "qemu64,family=300",
        "can't apply global qemu64-x86_64-cpu.family=300: Property .family doesn't take value 300 (minimum: 0, "
        "maximum: 270)")
REFUSAL(a_short_vendor_is_refused, "qemu64,vendor=abc",
        "can't apply global qemu64-x86_64-cpu.vendor=abc: Property '.vendor' doesn't take value 'abc'")
REFUSAL(enforce_refuses_what_is_missing, "qemu64,avx512f=on,enforce", "TCG doesn't support requested features")

static void older_machine_types_have_the_older_qemu64(void)
{
    if (!in_child()) {
        return;
    }
    g_assert_nonnull(boot("pc-q35-6.0", "qemu64", NULL));
    g_assert_cmpint(x86_cpu_by_index(0)->family, ==, 6);
    g_assert_cmpint(x86_cpu_by_index(0)->model, ==, 6);
    g_assert_cmpint(x86_cpu_by_index(0)->stepping, ==, 3);
}

static void newer_machine_types_have_the_newer_qemu64(void)
{
    if (!in_child()) {
        return;
    }
    g_assert_nonnull(boot("pc-q35-6.1", NULL, NULL));
    g_assert_cmpint(x86_cpu_by_index(0)->family, ==, 15);
    g_assert_cmpint(x86_cpu_by_index(0)->model, ==, 107);
}

static void a_host_is_described_by_a_file(void)
{
    g_autofree char *path = g_strdup_printf("%s/godwit-host-%d", g_get_tmp_dir(), (int)g_random_int());
    g_autoptr(GError) error = NULL;

    if (!in_child()) {
        return;
    }
    g_assert_true(g_file_set_contents(path,
                                      "# Host A\nvendor GenuineIntel\nfamily 6\nmodel 85\nstepping 7\n"
                                      "model-id Host A\nfeatures fpu sse sse2 lm pcid\nfeatures stibp\n",
                                      -1, NULL));
    g_assert_true(x86_cpu_set_host_file(path, &error));
    g_assert_nonnull(boot("q35", "host", NULL));
    g_assert_true(cpu_has("pcid") && cpu_has("stibp") && cpu_has("lm"));
    g_assert_false(cpu_has("avx") || cpu_has("aes"));
    g_assert_cmpint(x86_cpu_by_index(0)->model, ==, 85);
    g_assert_true(g_file_set_contents(path, "features fpu foo\n", -1, NULL));
    g_assert_false(x86_cpu_set_host_file(path, &error));
    g_assert_nonnull(strstr(error->message, ":1: 'foo' is no CPU feature"));
    remove(path);
}

static void two_models_have_a_baseline_and_an_order(void)
{
    g_autoptr(Json) haswell = json_parse("{\"name\": \"Haswell-v1\"}", -1, NULL);
    g_autoptr(Json) westmere = json_parse("{\"name\": \"Westmere-v1\"}", -1, NULL);
    g_autoptr(Json) epyc = json_parse("{\"name\": \"EPYC-v1\"}", -1, NULL);
    g_autoptr(Json) same = x86_query_cpu_model_comparison(haswell, haswell, NULL);
    g_autoptr(Json) differ = x86_query_cpu_model_comparison(haswell, westmere, NULL);
    g_autoptr(Json) baseline = x86_query_cpu_model_baseline(haswell, westmere, NULL);
    g_autoptr(Json) against = x86_query_cpu_model_comparison(json_member(baseline, "model"), westmere, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_cmpstr(json_member_string(same, "result", NULL), ==, "identical");
    g_assert_cmpstr(json_member_string(differ, "result", NULL), ==, "incompatible");
    g_assert_true(list_has(json_member(differ, "responsible-properties"), "avx2"));
    g_assert_false(json_member_bool(json_member(json_member(baseline, "model"), "props"), "avx2", true));
    g_assert_true(json_member_bool(json_member(json_member(baseline, "model"), "props"), "aes", false));
    g_assert_cmpstr(json_member_string(against, "result", NULL), ==, "identical");
    g_assert_null(x86_query_cpu_model_baseline(haswell, epyc, &error));
    g_assert_nonnull(error);
}

static void cpus_are_placed_in_the_topology(void)
{
    g_autoptr(Json) options =
        json_parse("{\"smp\": {\"cpus\": 6, \"sockets\": 2, \"cores\": 3, \"threads\": 1}}", -1, NULL);
    g_autoptr(Json) list = NULL;

    if (!in_child()) {
        return;
    }
    g_assert_true(machine_create(options, NULL) && machine_init(current_machine, NULL));
    g_assert_cmpuint(x86_cpu_by_index(2)->apic_id, ==, 2);
    g_assert_cmpuint(x86_cpu_by_index(3)->apic_id, ==, 4);     /* a core field of two bits holds three */
    g_assert_cmpint(x86_cpu_by_index(5)->socket_id, ==, 1);
    list = x86_query_cpus_fast();
    g_assert_cmpuint(json_count(list), ==, 6);
    g_assert_cmpstr(json_member_string(json_at(list, 5), "qom-path", NULL), ==, "/machine/unattached/device[6]");
    g_assert_cmpstr(json_member_string(json_at(list, 0), "target", NULL), ==, "x86_64");
}

/* CPUID: "00000001.00000000": "eax ebx ecx edx", as a guest of QEMU's TCG read it. */
typedef struct CpuidCheck {
    const X86CPU *cpu;
    const Json *changes;        /* these instead; NULL: none */
} CpuidCheck;

static bool check_leaf(const char *key, Json *value, void *opaque)
{
    CpuidCheck *c = opaque;
    const char *changed = c->changes ? json_member_string(c->changes, key, NULL) : NULL;
    uint32_t leaf, subleaf, out[4];
    g_autofree char *text = NULL;

    g_assert_cmpint(sscanf(key, "%x.%x", &leaf, &subleaf), ==, 2);
    x86_cpuid(c->cpu, leaf, subleaf, out);
    if (leaf == 1 && out[2] & (1u << 26)) {
        out[2] |= 1u << 27;     /* that guest had set CR4.OSXSAVE */
    }
    if (leaf == 7 && subleaf == 0 && out[2] & (1u << 3)) {
        out[2] |= 1u << 4;      /* and CR4.PKE */
    }
    text = g_strdup_printf("%s: %08x %08x %08x %08x", key, out[0], out[1], out[2], out[3]);
    g_assert_cmpstr(strchr(text, ' ') + 1, ==, changed ? changed : json_get_string(value));
    return true;
}

static void check_cpuid(unsigned index, const char *changes)
{
    g_autoptr(Json) data = read_data("cpuid.json");
    CpuidCheck c = { x86_cpu_by_index(index), changes ? json_member(data, changes) : NULL };

    json_foreach(json_member(data, "base"), check_leaf, &c);
    if (c.changes) {
        json_foreach(c.changes, check_leaf, &c);
    }
}

static void cpuid_of_qemu64_is_qemus(void)
{
    if (in_child()) {
        g_assert_nonnull(boot("q35", "qemu64", NULL));
        check_cpuid(0, NULL);
    }
}

static void cpuid_of_qemu64_in_older_machine_types_is_qemus(void)
{
    if (in_child()) {
        g_assert_nonnull(boot("pc-q35-6.0", "qemu64", NULL));
        check_cpuid(0, "pc-q35-6.0");
    }
}

static void cpuid_of_max_is_qemus(void)
{
    if (in_child()) {
        g_assert_nonnull(boot("q35", "max", NULL));
        check_cpuid(0, "max");
    }
}

/* What the host's own units are to run, the host must have; and for some there is no code. */
static void cpus_that_execute_have_what_can_be_executed_here(void)
{
    uint32_t out[4];

    if (in_child()) {
        x86_cpu_set_executing();
        g_assert_nonnull(boot("q35", "max", NULL));
        x86_cpuid(x86_cpu_by_index(0), 0x80000001, 0, out);
        g_assert_cmphex(out[3] >> 30, ==, 0);       /* 3DNow! */
        g_assert_cmphex(out[2] & 0x40, ==, 0);      /* SSE4A */
        x86_cpuid(x86_cpu_by_index(0), 1, 0, out);
        g_assert_cmpint(!!(out[2] & 1u << 19), ==, !!__builtin_cpu_supports("sse4.1"));
        g_assert_cmpint(!!(out[2] & 1u << 28), ==, !!__builtin_cpu_supports("avx"));
        x86_cpuid(x86_cpu_by_index(0), 7, 0, out);
        g_assert_cmpint(!!(out[1] & 1u << 5), ==, !!__builtin_cpu_supports("avx2"));
        g_assert_cmphex(out[1] & 1u << 14, ==, 0);  /* MPX */
    }
}

static void cpuid_of_one_in_four_is_qemus(void)
{
    g_autoptr(Json) options = json_parse("{\"smp\": {\"cpus\": 4}}", -1, NULL);

    if (in_child()) {
        g_assert_true(machine_create(options, NULL) && machine_init(current_machine, NULL));
        check_cpuid(2, "smp4");
    }
}

static void a_leaf_beyond_the_last_is_the_last_basic_one(void)
{
    uint32_t last[4], beyond[4];

    if (in_child()) {
        g_assert_nonnull(boot("q35", "max", NULL));
        x86_cpuid(x86_cpu_by_index(0), 0xd, 2, last);
        x86_cpuid(x86_cpu_by_index(0), 0x1234, 2, beyond);
        g_assert_cmpmem(last, sizeof(last), beyond, sizeof(beyond));
        x86_cpuid(x86_cpu_by_index(0), 0x8fffffff, 2, beyond);
        g_assert_cmpmem(last, sizeof(last), beyond, sizeof(beyond));
    }
}

static void help_is_qemus(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    x86_cpu_help(out);
    g_assert_true(g_str_has_prefix(out->str, "Available CPUs:\n"
                                             "x86 486                   (alias configured by machine type)\n"
                                             "x86 486-v1                \n"
                                             "x86 Broadwell             (alias configured by machine type)\n"
                                             "x86 Broadwell-IBRS        (alias of Broadwell-v3)\n"));
    g_assert_nonnull(
        strstr(out->str, "x86 Cascadelake-Server-v2  Intel Xeon Processor (Cascadelake) [ARCH_CAPABILITIES]\n"));
    g_assert_nonnull(strstr(out->str,
                            "x86 max                   Enables all features supported by the accelerator in the "
                            "current host\n\nRecognized CPUID flags:\n  3dnow 3dnowext"));
}

#define ADD(fn) g_test_add_func("/cpu/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    compat_install(release);
    ADD(models_are_qemus);
    ADD(definitions_have_qemus_names_aliases_and_gaps);
    ADD(features_are_switched_by_name_and_sign);
    ADD(minus_wins_over_everything);
    ADD(what_depends_on_an_absent_feature_goes);
    ADD(unsupported_features_are_filtered_and_listed);
    ADD(an_unknown_model_is_refused);
    ADD(an_empty_model_is_refused);
    ADD(a_type_is_no_model);
    ADD(an_unknown_feature_is_refused);
    ADD(an_unknown_feature_with_a_sign_is_refused);
    ADD(a_bad_switch_is_refused);
    ADD(a_family_out_of_range_is_refused);
    ADD(a_short_vendor_is_refused);
    ADD(enforce_refuses_what_is_missing);
    ADD(older_machine_types_have_the_older_qemu64);
    ADD(newer_machine_types_have_the_newer_qemu64);
    ADD(a_host_is_described_by_a_file);
    ADD(two_models_have_a_baseline_and_an_order);
    ADD(cpus_are_placed_in_the_topology);
    ADD(cpuid_of_qemu64_is_qemus);
    ADD(cpuid_of_qemu64_in_older_machine_types_is_qemus);
    ADD(cpuid_of_max_is_qemus);
    ADD(cpuid_of_one_in_four_is_qemus);
    ADD(cpus_that_execute_have_what_can_be_executed_here);
    ADD(a_leaf_beyond_the_last_is_the_last_basic_one);
    ADD(help_is_qemus);
    return g_test_run();
}
