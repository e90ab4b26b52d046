/*
 * Port 0x92, system control port A: bit 1 is the A20 gate, a rising edge of bit 0 resets the machine.
 */
#ifndef HW_ISA_PORT92_H
#define HW_ISA_PORT92_H

#include "hw/isa/isa.h"

#define TYPE_PORT92 "port92"
OBJECT_DECLARE_SIMPLE_TYPE(Port92, PORT92)

/* Makes it; its output line "a20" is up while A20 is enabled. */
Port92 *port92_new(ISABus *bus, Irq *a20);

#endif
