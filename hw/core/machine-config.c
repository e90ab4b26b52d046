/* -smp, -m and -boot: nested options of a machine. */
#include <string.h>

#include "hw/core/machine-internal.h"
#include "util/error.h"
#include "util/keyval.h"

/* A table of a nested option's members: where the number goes. */
typedef struct Member {
    const char *name;
    size_t offset;
    bool size;          /* takes suffixes */
} Member;

static bool read_number(const char *option, const Member *member, const Json *value, uint64_t *out, GError **error)
{
    g_autofree char *key = g_strdup_printf("%s.%s", option, member->name);
    const char *text = json_get_string(value);

    if (!text) {
        return json_get_uint(value, out) ||
               error_setf(error, "Invalid parameter type for '%s', expected: integer", key);
    }
    if (member->size) {
        return keyval_size(key, text, 1, out, error);
    }
    if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 19) {
        return error_setf(error, "Parameter '%s' expects integer", key);
    }
    *out = g_ascii_strtoull(text, NULL, 10);
    return true;
}

typedef struct Reader {
    const char *option;
    const Member *members;
    size_t count;
    void *into;
    GError **error;
    bool ok;
} Reader;

static bool read_member(const char *key, Json *value, void *opaque)
{
    Reader *r = opaque;

    for (size_t i = 0; i < r->count; i++) {
        if (!strcmp(r->members[i].name, key)) {
            uint64_t *out = (uint64_t *)((char *)r->into + r->members[i].offset);

            r->ok = read_number(r->option, &r->members[i], value, out, r->error);
            return r->ok;
        }
    }
    r->ok = error_setf(r->error, "Parameter '%s.%s' is unexpected", r->option, key);
    return false;
}

static bool read_members(const char *option, const Json *object, const Member *members, size_t count, void *into,
                         GError **error)
{
    Reader r = { option, members, count, into, error, true };

    if (json_type(object) != JSON_OBJECT) {
        return error_setf(error, "Invalid parameter type for '%s', expected: object", option);
    }
    json_foreach(object, read_member, &r);
    return r.ok;
}

/* -smp. UINT64_MAX: not given. */
typedef struct SmpOption {
    uint64_t cpus, sockets, dies, clusters, cores, threads, maxcpus;
} SmpOption;

#define SMP_LIMIT 0xffffu   /* of each number: products can't overflow, and no machine comes near */

static const Member smp_members[] = {
    { "cpus", offsetof(SmpOption, cpus) },         { "sockets", offsetof(SmpOption, sockets) },
    { "dies", offsetof(SmpOption, dies) },         { "clusters", offsetof(SmpOption, clusters) },
    { "cores", offsetof(SmpOption, cores) },       { "threads", offsetof(SmpOption, threads) },
    { "maxcpus", offsetof(SmpOption, maxcpus) },
};

/* What was not given follows from what was: machine types from 6.2 on fill cores first, older ones sockets. */
static void smp_complete(SmpOption *o, bool prefer_sockets)
{
    uint64_t total;

    o->dies = o->dies ? o->dies : 1;
    o->clusters = o->clusters ? o->clusters : 1;
    total = o->maxcpus ? o->maxcpus : o->cpus;
    if (!total) {
        o->sockets = o->sockets ? o->sockets : 1;
        o->cores = o->cores ? o->cores : 1;
        o->threads = o->threads ? o->threads : 1;
    } else {
        if (prefer_sockets && !o->sockets) {
            o->cores = o->cores ? o->cores : 1;
            o->threads = o->threads ? o->threads : 1;
            o->sockets = total / (o->dies * o->clusters * o->cores * o->threads);
        } else if (!o->cores) {
            o->sockets = o->sockets ? o->sockets : 1;
            o->threads = o->threads ? o->threads : 1;
            o->cores = total / (o->sockets * o->dies * o->clusters * o->threads);
        } else if (!o->sockets) {
            o->threads = o->threads ? o->threads : 1;
            o->sockets = total / (o->dies * o->clusters * o->cores * o->threads);
        }
        if (!o->threads) {
            o->threads = total / (o->sockets * o->dies * o->clusters * o->cores);
        }
    }
    total = total ? total : o->sockets * o->dies * o->clusters * o->cores * o->threads;
    o->maxcpus = total;
    o->cpus = o->cpus ? o->cpus : total;
}

static bool smp_check_given(const SmpOption *o, const char *machine, unsigned limit, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(smp_members); i++) {
        uint64_t v = *(const uint64_t *)((const char *)o + smp_members[i].offset);

        if (!v) {
            return error_setf(error, "Invalid CPU topology: CPU topology parameters must be greater than zero");
        }
        if (v != UINT64_MAX && v > SMP_LIMIT) {
            return error_setf(error, "Invalid SMP CPUs %" G_GUINT64_FORMAT
                              ". The max CPUs supported by machine '%s' is %u", v, machine, limit);
        }
    }
    if (o->clusters != UINT64_MAX && o->clusters > 1) {
        return error_setf(error, "clusters not supported by this machine's CPU topology");
    }
    return true;
}

bool machine_set_smp(MachineState *m, const Json *smp, GError **error)
{
    const MachineClass *mc = MACHINE_GET_CLASS(m);
    SmpOption o;
    uint64_t product;

    memset(&o, 0xff, sizeof(o));
    if (!read_members("smp", smp, smp_members, G_N_ELEMENTS(smp_members), &o, error) ||
        !smp_check_given(&o, mc->name, mc->max_cpus, error)) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(smp_members); i++) {
        uint64_t *v = (uint64_t *)((char *)&o + smp_members[i].offset);

        *v = *v == UINT64_MAX ? 0 : *v;
    }
    smp_complete(&o, mc->prefer_sockets);
    product = o.sockets * o.dies * o.clusters * o.cores * o.threads;
    if (product != o.maxcpus) {
        return error_setf(error,
                          "Invalid CPU topology: product of the hierarchy must match maxcpus: sockets (%u) * dies (%u)"
                          " * cores (%u) * threads (%u) != maxcpus (%u)",
                          (unsigned)o.sockets, (unsigned)o.dies, (unsigned)o.cores, (unsigned)o.threads,
                          (unsigned)o.maxcpus);
    }
    if (o.maxcpus < o.cpus) {
        return error_setf(error,
                          "Invalid CPU topology: maxcpus must be equal to or greater than smp: sockets (%u) * dies (%u)"
                          " * cores (%u) * threads (%u) == maxcpus (%u) < smp_cpus (%u)",
                          (unsigned)o.sockets, (unsigned)o.dies, (unsigned)o.cores, (unsigned)o.threads,
                          (unsigned)o.maxcpus, (unsigned)o.cpus);
    }
    if (o.maxcpus > mc->max_cpus) {
        return error_setf(error, "Invalid SMP CPUs %u. The max CPUs supported by machine '%s' is %u",
                          (unsigned)o.maxcpus, mc->name, mc->max_cpus);
    }
    m->smp = (CpuTopology){ o.cpus, o.sockets, o.dies, o.clusters, o.cores, o.threads, o.maxcpus };
    return true;
}

Json *machine_get_smp(const MachineState *m)
{
    Json *o = json_new_object();

    json_set(o, "cpus", json_new_int(m->smp.cpus));
    json_set(o, "sockets", json_new_int(m->smp.sockets));
    json_set(o, "dies", json_new_int(m->smp.dies));
    json_set(o, "clusters", json_new_int(m->smp.clusters));
    json_set(o, "cores", json_new_int(m->smp.cores));
    json_set(o, "threads", json_new_int(m->smp.threads));
    json_set(o, "maxcpus", json_new_int(m->smp.max_cpus));
    return o;
}

/* -m */
typedef struct MemoryOption {
    uint64_t size, slots, max_size;
} MemoryOption;

#define RAM_ALIGN 8192u

static const Member memory_members[] = {
    { "size", offsetof(MemoryOption, size), .size = true },
    { "slots", offsetof(MemoryOption, slots) },
    { "max-size", offsetof(MemoryOption, max_size), .size = true },
};

bool machine_set_memory(MachineState *m, const Json *memory, GError **error)
{
    const MachineClass *mc = MACHINE_GET_CLASS(m);
    MemoryOption o = { .max_size = UINT64_MAX };
    uint64_t size;

    if (!read_members("memory", memory, memory_members, G_N_ELEMENTS(memory_members), &o, error)) {
        return false;
    }
    if (o.size > UINT64_MAX - RAM_ALIGN) {
        return error_setf(error, "ram size too large");
    }
    size = o.size ? (o.size + RAM_ALIGN - 1) & ~(uint64_t)(RAM_ALIGN - 1) : mc->default_ram_size;
    if (o.max_size == UINT64_MAX) {
        if (o.slots) {
            return error_setf(error, "slots specified but no max-size");
        }
        o.max_size = size;
    }
    if (o.max_size < size) {
        return error_setf(error,
                          "invalid value of maxmem: maximum memory size (0x%" G_GINT64_MODIFIER "x) must be at least "
                          "the initial memory size (0x%" G_GINT64_MODIFIER "x)",
                          o.max_size, size);
    }
    if (o.slots && o.max_size == size) {
        return error_setf(error, "invalid value of maxmem: memory slots were specified but maximum memory size (0x%"
                          G_GINT64_MODIFIER "x) is equal to the initial memory size (0x%" G_GINT64_MODIFIER "x)",
                          o.max_size, size);
    }
    m->ram_size = size;
    m->ram_size_given = o.size != 0;
    m->maxram_size = o.max_size;
    m->ram_slots = o.slots;
    return true;
}

Json *machine_get_memory(const MachineState *m)
{
    Json *o = json_new_object();

    json_set(o, "size", json_new_uint(m->ram_size));
    if (m->maxram_size != m->ram_size) {
        json_set(o, "slots", json_new_uint(m->ram_slots));
        json_set(o, "max-size", json_new_uint(m->maxram_size));
    }
    return o;
}

/* -boot */
static bool check_boot_order(const char *key, const char *order, GError **error)
{
    unsigned seen = 0;

    for (const char *p = order; *p; p++) {
        /* a to d: floppies and disks, n to p: networks; the letters in between are reserved for more of each */
        if (*p < 'a' || *p > 'p') {
            return error_setf(error, "Invalid boot device '%c'", *p);
        }
        if (seen & (1u << (*p - 'a'))) {
            return error_setf(error, "Boot device '%c' was given twice", *p);
        }
        seen |= 1u << (*p - 'a');
    }
    return true;
}

static bool boot_member(const char *key, Json *value, void *opaque)
{
    Reader *r = opaque;
    Json *out = r->into;
    g_autofree char *full_key = g_strdup_printf("boot.%s", key);
    const char *text = json_get_string(value);
    uint64_t number;
    bool on;

    if (!strcmp(key, "order") || !strcmp(key, "once") || !strcmp(key, "splash")) {
        if (!text) {
            r->ok = error_setf(r->error, "Invalid parameter type for '%s', expected: string", full_key);
        } else if ((r->ok = *key == 's' || check_boot_order(key, text, r->error))) {
            json_set(out, key, json_new_string(text));
        }
    } else if (!strcmp(key, "menu") || !strcmp(key, "strict")) {
        r->ok = text ? keyval_bool(full_key, text, &on, r->error)
                     : json_get_bool(value, &on) ||
                           error_setf(r->error, "Invalid parameter type for '%s', expected: boolean", full_key);
        if (r->ok) {
            json_set(out, key, json_new_bool(on));
        }
    } else if (!strcmp(key, "splash-time") || !strcmp(key, "reboot-timeout")) {
        bool reboot = *key == 'r';
        Member member = { key };

        if (reboot && text && !strcmp(text, "-1")) {
            json_set(out, key, json_new_int(-1));
            return true;
        }
        r->ok = read_number("boot", &member, value, &number, r->error);
        if (r->ok && number > 0xffff) {
            r->ok = error_setf(r->error, "%s is invalid,it should be a value between %d and 65535",
                               reboot ? "reboot timeout" : key, reboot ? -1 : 0);
        }
        if (r->ok) {
            json_set(out, key, json_new_int(number));
        }
    } else {
        r->ok = error_setf(r->error, "Parameter '%s' is unexpected", full_key);
    }
    return r->ok;
}

bool machine_set_boot(MachineState *m, const Json *boot, GError **error)
{
    g_autoptr(Json) out = json_new_object();
    Reader r = { .option = "boot", .into = out, .error = error, .ok = true };

    if (json_type(boot) != JSON_OBJECT) {
        return error_setf(error, "Invalid parameter type for 'boot', expected: object");
    }
    json_foreach(boot, boot_member, &r);
    if (r.ok) {
        json_unref(m->boot);
        m->boot = json_ref(out);
    }
    return r.ok;
}
