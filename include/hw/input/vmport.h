/*
 * VMware's back door: an access to port 0x5658 with a magic number in EAX is a command (CL's) to the machine, which
 * answers in the registers of the CPU that made it.
 */
#ifndef HW_INPUT_VMPORT_H
#define HW_INPUT_VMPORT_H

#include "hw/input/i8042.h"

#define TYPE_VMPORT "vmport"
#define TYPE_VMMOUSE "vmmouse"
OBJECT_DECLARE_SIMPLE_TYPE(VMPort, VMPORT)

#define VMPORT_MAGIC 0x564d5868u

/* Registers as a command finds and leaves them, by R_EAX …; the result goes into EAX. */
typedef uint32_t (*VMPortCommand)(void *opaque, uint64_t *regs);

VMPort *vmport_new(ISABus *bus);
/* command: below VMPORT_COMMANDS. One that nobody registered is not supported. */
#define VMPORT_COMMANDS 0x100
void vmport_register(VMPort *s, uint8_t command, VMPortCommand fn, void *opaque);

/* The mouse behind it, with absolute coordinates; its driver is told through the PS/2 mouse that there is news. */
void vmmouse_new(ISABus *bus, I8042State *i8042);

#endif
