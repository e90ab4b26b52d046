/* x86 CPUs as objects. */
#include "target/i386/cpu.h"

#include <string.h>

#include "util/error.h"

static GPtrArray *cpus;     /* X86CPU *, borrowed, by index */

unsigned x86_cpu_count(void)
{
    return cpus ? cpus->len : 0;
}

X86CPU *x86_cpu_by_index(unsigned index)
{
    return cpus && index < cpus->len ? cpus->pdata[index] : NULL;
}

bool x86_cpus_create(MachineState *machine, GError **error)
{
    cpus = g_ptr_array_new();
    for (unsigned i = 0; i < machine->smp.cpus; i++) {
        DeviceState *dev = device_new("qemu64-x86_64-cpu");
        X86CPU *cpu = X86_CPU(dev);

        cpu->index = cpu->apic_id = i;
        g_ptr_array_add(cpus, cpu);
        if (!device_realize_and_unref(dev, NULL, error)) {
            return false;
        }
    }
    return true;
}

static void cpu_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->user_creatable = false;
    dc->categories = 1u << DEVICE_CATEGORY_CPU;
}

static const TypeInfo cpu_types[] = {
    { .name = TYPE_CPU, .parent = TYPE_DEVICE, .abstract = true, .class_init = cpu_class_init },
    { .name = TYPE_X86_CPU, .parent = TYPE_CPU, .abstract = true, .size = sizeof(X86CPU) },
    { .name = "qemu64-x86_64-cpu", .parent = TYPE_X86_CPU },
};
TYPES_REGISTER(cpu_types)
