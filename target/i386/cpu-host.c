/* The host's own CPU, as it says itself or as a file says. */
#include <cpuid.h>
#include <string.h>

#include "target/i386/cpu-internal.h"
#include "util/error.h"

typedef struct HostCPU {
    bool known, described;      /* asked or told; told by a file */
    char vendor[13], model_id[49];
    int family, model, stepping;
    uint64_t features[X86_FEATURE_WORDS];
} HostCPU;
static HostCPU host;

static void ask_words(void)
{
    unsigned reg[4];

    for (int w = 0; w < X86_FEATURE_WORDS; w++) {
        const X86FeatureWord *info = &x86_feature_words[w];
        uint64_t known = 0;

        if (info->msr || info->leaf >> 28 == 4 || info->leaf > __get_cpuid_max(info->leaf & 0x80000000, NULL)) {
            continue;       /* MSRs can't be read from here; 0x40000001 is a hypervisor's */
        }
        __cpuid_count(info->leaf, info->subleaf, reg[0], reg[1], reg[2], reg[3]);
        for (unsigned i = 0; i < x86_features_count; i++) {
            known |= x86_features[i].word == w ? x86_features[i].mask : 0;
        }
        host.features[w] = reg[info->reg] & known;
    }
}

static void ask_identity(void)
{
    unsigned a, b, c, d, id[12];

    __cpuid(0, a, b, c, d);
    memcpy(host.vendor, &b, 4);
    memcpy(host.vendor + 4, &d, 4);
    memcpy(host.vendor + 8, &c, 4);
    __cpuid(1, a, b, c, d);
    host.family = ((a >> 8) & 0xf) + ((a >> 20) & 0xff);
    host.model = ((a >> 4) & 0xf) | ((a >> 12) & 0xf0);
    host.stepping = a & 0xf;
    if (__get_cpuid_max(0x80000000, NULL) >= 0x80000004) {
        for (unsigned i = 0; i < 3; i++) {
            __cpuid(0x80000002 + i, id[4 * i], id[4 * i + 1], id[4 * i + 2], id[4 * i + 3]);
        }
        memcpy(host.model_id, id, 48);
    }
}

static const HostCPU *host_cpu(void)
{
    if (!host.known) {
        ask_identity();
        ask_words();
        host.known = true;
    }
    return &host;
}

void x86_host_load(X86CPU *cpu)
{
    const HostCPU *h = host_cpu();

    memcpy(cpu->vendor, h->vendor, sizeof(cpu->vendor));
    memcpy(cpu->model_id, h->model_id, sizeof(cpu->model_id));
    cpu->family = h->family;
    cpu->model = h->model;
    cpu->stepping = h->stepping;
}

uint64_t x86_host_features(X86FeatureWordIndex word)
{
    return host_cpu()->features[word];
}

bool x86_host_described(void)
{
    return host.described;
}

/* The file. */
static bool read_number(const char *key, const char *text, int limit, int *out, GError **error)
{
    char *end;
    guint64 v = g_ascii_strtoull(text, &end, 0);

    if (!*text || *end || v > (guint64)limit) {
        return error_setf(error, "'%s' must be a number of at most %d", key, limit);
    }
    *out = v;
    return true;
}

static bool read_features(HostCPU *h, const char *text, GError **error)
{
    g_auto(GStrv) names = g_strsplit_set(text, " \t,", -1);

    for (int i = 0; names[i]; i++) {
        const X86Feature *f = *names[i] ? x86_feature_find(names[i]) : NULL;

        if (f) {
            h->features[f->word] |= f->mask;
        } else if (*names[i]) {
            return error_setf(error, "'%s' is no CPU feature", names[i]);
        }
    }
    return true;
}

static bool read_line(HostCPU *h, char *line, GError **error)
{
    char *key = g_strstrip(line), *value = key + strcspn(key, " \t");

    if (!*key || *key == '#') {
        return true;
    }
    if (*value) {
        *value++ = '\0';
        value = g_strstrip(value);
    }
    if (!strcmp(key, "vendor")) {
        if (strlen(value) != 12) {
            return error_setf(error, "'vendor' must have 12 characters");
        }
        memcpy(h->vendor, value, 13);
    } else if (!strcmp(key, "model-id")) {
        g_strlcpy(h->model_id, value, sizeof(h->model_id));
    } else if (!strcmp(key, "family")) {
        return read_number(key, value, 0x10e, &h->family, error);
    } else if (!strcmp(key, "model")) {
        return read_number(key, value, 0xff, &h->model, error);
    } else if (!strcmp(key, "stepping")) {
        return read_number(key, value, 0xf, &h->stepping, error);
    } else if (!strcmp(key, "features")) {
        return read_features(h, value, error);
    } else {
        return error_setf(error, "'%s' is none of vendor, family, model, stepping, model-id and features", key);
    }
    return true;
}

bool x86_cpu_set_host_file(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    HostCPU h = { .known = true, .described = true, .vendor = "GenuineIntel", .family = 6 };
    gsize length;

    if (!g_file_get_contents(path, &text, &length, error)) {
        return false;
    }
    lines = g_strsplit(text, "\n", -1);
    for (int i = 0; lines[i]; i++) {
        if (!read_line(&h, lines[i], error)) {
            g_prefix_error(error, "%s:%d: ", path, i + 1);
            return false;
        }
    }
    host = h;
    return true;
}
