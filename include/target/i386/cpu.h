/*
 * x86 CPUs as objects: their model, their features, where they sit in the topology. What executes instructions comes
 * behind accel/.
 */
#ifndef TARGET_I386_CPU_H
#define TARGET_I386_CPU_H

#include "hw/core/machine.h"

#define TYPE_CPU "cpu"
#define TYPE_X86_CPU "x86_64-cpu"
OBJECT_DECLARE_SIMPLE_TYPE(X86CPU, X86_CPU)

#define X86_APIC_CPUS_MAX 255       /* without x2APIC and interrupt remapping */

struct X86CPU {
    DeviceState parent_obj;
    unsigned index;
    uint32_t apic_id;
    int32_t socket_id, die_id, core_id, thread_id;
};

/* One object per CPU of machine->smp.cpus, of the model and with the features that -cpu's text asks for. */
bool x86_cpus_create(MachineState *machine, GError **error);
/* In order of index. */
X86CPU *x86_cpu_by_index(unsigned index);
unsigned x86_cpu_count(void);

#endif
