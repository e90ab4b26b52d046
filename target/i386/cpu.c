/* x86 CPUs as objects: their classes, one per model and version, and the machine's CPUs. */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "system/memory.h"
#include "target/i386/cpu-internal.h"
#include "util/error.h"

static GPtrArray *cpus;     /* X86CPU *, borrowed, by index */
static bool (*created_hook)(X86CPU *cpu, GError **error);
static __thread X86CPU *current;
void (*x86_cpu_kick)(X86CPU *cpu);
const X86InterruptOps *x86_interrupt_ops;
void (*x86_ferr)(X86CPU *cpu);
static AddressSpace *smm_memory;    /* NULL: no different from others' */

void x86_cpu_set_created_hook(bool (*hook)(X86CPU *cpu, GError **error))
{
    created_hook = hook;
}

X86CPU *x86_cpu_current(void)
{
    return current;
}

void x86_cpu_set_current(X86CPU *cpu)
{
    current = cpu;
}

AddressSpace *x86_cpu_memory(const X86CPU *cpu)
{
    return smm_memory && cpu && cpu->env.hflags >> HF_SMM_SHIFT & 1 ? smm_memory : &address_space_memory;
}

void x86_cpu_set_smm_memory(AddressSpace *memory)
{
    smm_memory = memory;
}

bool x86_cpu_sees(const AddressSpace *as)
{
    return as == &address_space_memory || as == smm_memory;
}

void x86_cpu_interrupt(X86CPU *cpu, uint32_t mask)
{
    __atomic_fetch_or(&cpu->interrupt_request, mask, __ATOMIC_SEQ_CST);
    if (x86_cpu_kick) {
        x86_cpu_kick(cpu);
    }
}

void x86_cpu_clear_interrupt(X86CPU *cpu, uint32_t mask)
{
    __atomic_fetch_and(&cpu->interrupt_request, ~mask, __ATOMIC_SEQ_CST);
}

void (*x86_cpu_a20_changed)(X86CPU *cpu);

void x86_cpu_set_a20(X86CPU *cpu, bool on)
{
    int32_t mask = on ? -1 : ~(1 << 20);

    if (cpu->env.a20_mask != mask) {
        cpu->env.a20_mask = mask;
        if (x86_cpu_a20_changed) {
            x86_cpu_a20_changed(cpu);
        }
    }
}

unsigned x86_cpu_count(void)
{
    return cpus ? cpus->len : 0;
}

X86CPU *x86_cpu_by_index(unsigned index)
{
    return cpus && index < cpus->len ? cpus->pdata[index] : NULL;
}

/* Topology: the APIC id has a field for each level, wide enough for its count. */
static unsigned field_width(unsigned count)
{
    unsigned width = 0;

    while (count > 1u << width) {
        width++;
    }
    return width;
}

uint32_t x86_apic_id(const CpuTopology *t, unsigned index)
{
    unsigned thread_bits = field_width(t->threads), core_bits = field_width(t->cores), die_bits = field_width(t->dies);

    return index % t->threads | index / t->threads % t->cores << thread_bits |
           index / (t->threads * t->cores) % t->dies << (thread_bits + core_bits) |
           index / (t->threads * t->cores * t->dies) << (thread_bits + core_bits + die_bits);
}

static void place(X86CPU *cpu, const CpuTopology *t, unsigned index)
{
    cpu->index = index;
    cpu->thread_id = index % t->threads;
    cpu->core_id = index / t->threads % t->cores;
    cpu->die_id = index / (t->threads * t->cores) % t->dies;
    cpu->socket_id = index / (t->threads * t->cores * t->dies);
    cpu->apic_id = x86_apic_id(t, index);
}

static const char *machine_cpu_type(MachineState *machine, GError **error)
{
    X86CPUClass *xc;

    if (!machine->cpu_model) {
        return MACHINE_GET_CLASS(machine)->default_cpu_type;
    }
    xc = x86_cpu_parse(machine->cpu_model, error);
    return xc ? object_class_name(&xc->parent_class.parent_class) : NULL;
}

bool x86_cpus_create(MachineState *machine, GError **error)
{
    const char *type = machine_cpu_type(machine, error);

    if (!type) {
        return false;
    }
    cpus = g_ptr_array_new();
    for (unsigned i = 0; i < machine->smp.cpus; i++) {
        DeviceState *dev = device_new(type);

        place(X86_CPU(dev), &machine->smp, i);
        if (!device_realize_and_unref(dev, NULL, error)) {
            return false;
        }
        g_ptr_array_add(cpus, dev);
        if (created_hook && !created_hook(X86_CPU(dev), error)) {
            return false;
        }
    }
    return true;
}

/* Life. */
static void reapply_default(Object *obj, const char *name)
{
    const ClassProperty *cp = object_class_property(obj->klass, name);

    if (cp && cp->default_text) {
        cp->prop->kind->parse(obj, cp->prop, cp->default_text, NULL);
    }
}

static void load_model(X86CPU *cpu, const X86Model *m)
{
    memcpy(cpu->vendor, m->vendor, sizeof(cpu->vendor));
    g_strlcpy(cpu->model_id, m->model_id, sizeof(cpu->model_id));
    cpu->family = m->family;
    cpu->model = m->model;
    cpu->stepping = m->stepping;
    cpu->min_level = m->level;
    cpu->min_xlevel = m->xlevel;
    if (m->level_func7) {
        cpu->level_func7 = m->level_func7;
    }
    cpu->legacy_cache = !m->own_cache;
    memcpy(cpu->features, m->features, sizeof(cpu->features));
}

static void load_max(X86CPU *cpu)
{
    memcpy(cpu->vendor, "AuthenticAMD", 13);
    g_strlcpy(cpu->model_id, "QEMU TCG CPU version 2.5+", sizeof(cpu->model_id));
    cpu->family = 15;
    cpu->model = 107;
    cpu->stepping = 1;
    cpu->pmu = true;
}

static void cpu_init(Object *obj)
{
    X86CPU *cpu = X86_CPU(obj);
    const X86CPUClass *xc = X86_CPU_GET_CLASS(obj);

    if (xc->model) {
        load_model(cpu, xc->model);
    } else if (xc->host) {
        x86_host_load(cpu);
    } else if (xc->max_features) {
        load_max(cpu);
    }
    /* The compat history's say in these comes before the model's otherwise. */
    reapply_default(obj, "family");
    reapply_default(obj, "model");
    reapply_default(obj, "stepping");
}

/* CPUID leaf 1, EAX: extended family and model where the plain fields do not suffice. */
static uint32_t signature(const X86CPU *cpu)
{
    uint32_t family = MIN(cpu->family, 15), extended = cpu->family - family;

    return extended << 20 | (cpu->model >> 4 & 15) << 16 | family << 8 | (cpu->model & 15) << 4 | (cpu->stepping & 15);
}

/* All but the first wait for an INIT-SIPI sequence. */
static void cpu_reset(void *opaque)
{
    X86CPU *cpu = opaque;

    x86_cpu_state_reset(&cpu->env, signature(cpu));
    if (!cpu->reset_vgif) {
        cpu->env.hflags2 &= ~HF2_VGIF;
    }
    cpu->halted = cpu->index != 0;
    cpu->interrupt_request = CPU_INTERRUPT_POLL;
    cpu->exception_index = -1;
    cpu->crash_occurred = false;
}

void x86_cpu_init(X86CPU *cpu)
{
    uint64_t pat = cpu->env.pat, mtrr_deftype = cpu->env.mtrr_deftype;

    uint32_t startup = __atomic_load_n(&cpu->interrupt_request, __ATOMIC_RELAXED) & CPU_INTERRUPT_SIPI;

    cpu_reset(cpu);
    cpu->interrupt_request |= startup;      /* it came after the INIT */
    /* An INIT leaves these alone (SDM vol. 3, 10.1.1). */
    cpu->env.pat = pat;
    cpu->env.mtrr_deftype = mtrr_deftype;
}

void x86_cpu_startup(X86CPU *cpu, uint8_t vector)
{
    cpu->env.eip = 0;
    cpu->env.segs[R_CS].selector = vector << 8;
    cpu->env.segs[R_CS].base = (uint64_t)vector << 12;
    cpu->halted = 0;
}

static bool cpu_realize(DeviceState *dev, GError **error)
{
    X86CPU *cpu = X86_CPU(dev);

    if (!x86_cpu_expand(cpu, error) || !x86_cpu_filter(cpu, cpu->index == 0, error) ||
        !x86_cpu_vmstate_register(cpu, error)) {
        return false;
    }
    reset_register(cpu_reset, cpu);     /* it sits on no bus */
    return true;
}

static void cpu_unrealize(DeviceState *dev)
{
    reset_unregister(cpu_reset, X86_CPU(dev));
    x86_cpu_vmstate_unregister(X86_CPU(dev));
}

/* QMP. */
static Json *instance_props(const MachineState *machine, int socket, int die, int core, int thread)
{
    Json *o = json_new_object();

    json_set(o, "core-id", json_new_int(core));
    json_set(o, "thread-id", json_new_int(thread));
    if (machine && machine->smp.dies > 1) {
        json_set(o, "die-id", json_new_int(die));
    }
    json_set(o, "socket-id", json_new_int(socket));
    return o;
}

Json *x86_query_cpus_fast(void)
{
    Json *list = json_new_array();

    for (unsigned i = 0; i < x86_cpu_count(); i++) {
        const X86CPU *cpu = x86_cpu_by_index(i);
        g_autofree char *path = object_path(&cpu->parent_obj.parent_obj);
        Json *o = json_new_object();

        json_set(o, "thread-id", json_new_int(cpu->host_thread ? cpu->host_thread : (int)syscall(SYS_gettid)));
        json_set(o, "props",
                 instance_props(current_machine, cpu->socket_id, cpu->die_id, cpu->core_id, cpu->thread_id));
        json_set(o, "qom-path", json_new_string(path));
        json_set(o, "cpu-index", json_new_int(i));
        json_set(o, "target", json_new_string("x86_64"));
        json_append(list, o);
    }
    return list;
}

Json *x86_query_hotpluggable_cpus(const MachineState *machine)
{
    Json *list = json_new_array();
    const CpuTopology *t = &machine->smp;

    for (unsigned i = t->max_cpus; i-- > 0;) {
        const X86CPU *cpu = x86_cpu_by_index(i);
        const X86CPU *model = cpu ? cpu : x86_cpu_by_index(0);
        Json *o = json_new_object();
        X86CPU at = { 0 };

        place(&at, t, i);
        json_set(o, "props", instance_props(machine, at.socket_id, at.die_id, at.core_id, at.thread_id));
        json_set(o, "vcpus-count", json_new_int(1));
        if (cpu) {
            g_autofree char *path = object_path(&cpu->parent_obj.parent_obj);

            json_set(o, "qom-path", json_new_string(path));
        }
        json_set(o, "type", json_new_string(model ? object_type(&model->parent_obj.parent_obj) : TYPE_X86_CPU));
        json_append(list, o);
    }
    return list;
}

/* Classes. */
static void base_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->user_creatable = false;
    dc->categories = 1u << DEVICE_CATEGORY_CPU;
}

static void x86_class_init(ObjectClass *klass, const void *data)
{
    DEVICE_CLASS(klass)->realize = cpu_realize;
    DEVICE_CLASS(klass)->unrealize = cpu_unrealize;
    x86_cpu_class_add_props(klass);
}

static void max_class_init(ObjectClass *klass, const void *data)
{
    X86CPUClass *xc = X86_CPU_CLASS(klass);

    xc->model_name = "max";
    xc->max_features = true;
    xc->ordering = 9;
    klass->description = "Enables all features supported by the accelerator in the current host";
    x86_cpu_class_add_max_props(klass);
}

static void host_class_init(ObjectClass *klass, const void *data)
{
    X86CPUClass *xc = X86_CPU_CLASS(klass);

    xc->model_name = "host";
    xc->host = true;
    xc->ordering = 8;
    klass->description = "processor with all supported host features ";
}

static void base_model_class_init(ObjectClass *klass, const void *data)
{
    X86CPUClass *xc = X86_CPU_CLASS(klass);

    xc->model_name = "base";
    xc->is_static = true;
    xc->ordering = 7;
    klass->description = "base CPU model type with no features enabled";
}

static const TypeInfo cpu_types[] = {
    { .name = TYPE_CPU, .parent = TYPE_DEVICE, .abstract = true, .class_init = base_class_init },
    {
        .name = TYPE_X86_CPU, .parent = TYPE_CPU, .abstract = true, .size = sizeof(X86CPUWhole),
        .class_size = sizeof(X86CPUClass), .class_init = x86_class_init, .init = cpu_init,
    },
    { .name = "base-" TYPE_X86_CPU, .parent = TYPE_X86_CPU, .class_init = base_model_class_init },
    { .name = "max-" TYPE_X86_CPU, .parent = TYPE_X86_CPU, .class_init = max_class_init },
    { .name = "host-" TYPE_X86_CPU, .parent = "max-" TYPE_X86_CPU, .class_init = host_class_init },
};
TYPES_REGISTER(cpu_types)

/* A named model's classes: each version, the bare name, and names from before there were versions. */
typedef struct NamedModel {
    const char *name;           /* as -cpu takes it */
    const X86Model *model;
    bool is_alias;
} NamedModel;

static void model_class_init(ObjectClass *klass, const void *data)
{
    const NamedModel *named = data;
    X86CPUClass *xc = X86_CPU_CLASS(klass);

    xc->model_name = named->name;
    xc->model = named->model;
    xc->is_alias = named->is_alias;
}

static void register_model(const char *name, const char *type, const X86Model *model, bool is_alias)
{
    NamedModel *named = g_new(NamedModel, 1);
    TypeInfo *info = g_new0(TypeInfo, 1);

    *named = (NamedModel){ name, model, is_alias };
    *info = (TypeInfo){ .name = type, .parent = TYPE_X86_CPU, .class_init = model_class_init, .class_data = named };
    type_register(info);
}

/* By "Haswell-v3"; the type's name begins so. */
static const X86Model *find_version(const char *name)
{
    size_t length = strlen(name);

    for (unsigned i = 0; i < x86_models_count; i++) {
        if (!strncmp(x86_models[i].type, name, length) && !strcmp(x86_models[i].type + length, "-" TYPE_X86_CPU)) {
            return &x86_models[i];
        }
    }
    return NULL;
}

static bool release_has_model(const X86Model *m)
{
    return release_compare(m->since, release) <= 0 &&
           (!release_is_set(m->until) || release_compare(release, m->until) < 0);
}

/* A release has the models that it came with. */
static void __attribute__((constructor)) register_models(void)
{
    for (unsigned i = 0; i < x86_models_count; i++) {
        const X86Model *m = &x86_models[i];

        if (!release_has_model(m)) {
            continue;
        }
        register_model(g_strndup(m->type, strlen(m->type) - strlen("-" TYPE_X86_CPU)), m->type, m, false);
        if (m->version == 1) {
            register_model(m->name, g_strconcat(m->name, "-", TYPE_X86_CPU, NULL), m, true);
        }
    }
    for (unsigned i = 0; i < x86_model_aliases_count; i++) {
        const X86ModelAlias *alias = &x86_model_aliases[i];
        const X86Model *m = find_version(alias->of);

        if (m && release_has_model(m)) {
            register_model(alias->name, g_strconcat(alias->name, "-", TYPE_X86_CPU, NULL), m, true);
        }
    }
}
