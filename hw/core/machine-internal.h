/* What the files of the machine object share. */
#ifndef HW_CORE_MACHINE_INTERNAL_H
#define HW_CORE_MACHINE_INTERNAL_H

#include "hw/core/machine.h"

/* Each takes the members of one nested option; a refusal leaves the machine unchanged. */
bool machine_set_smp(MachineState *m, const Json *smp, GError **error);
bool machine_set_memory(MachineState *m, const Json *memory, GError **error);
bool machine_set_boot(MachineState *m, const Json *boot, GError **error);
Json *machine_get_smp(const MachineState *m);
Json *machine_get_memory(const MachineState *m);

void machine_class_add_props(ObjectClass *klass);

#endif
