/*
 * ACPI's view of CPUs that may come and go: ports 0xcd8 on. A bitmap of present CPUs at first; a write there switches to
 * selector, command and status registers, in which guests of later tables ask for events.
 */
#ifndef HW_ACPI_CPUHP_H
#define HW_ACPI_CPUHP_H

#include "hw/acpi/ich9.h"

/* For `possible` CPUs; those that there are are present. */
void ich9_cpuhp_init(ICH9PMRegs *pm, Object *owner, MemoryRegion *io_space, unsigned possible);
void ich9_cpuhp_finalize(ICH9PMRegs *pm, MemoryRegion *io_space);

extern const VMStateDescription vmstate_ich9_cpuhp;

#endif
