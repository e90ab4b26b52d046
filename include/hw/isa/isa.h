/*
 * The ISA bus: ports, sixteen interrupt lines and eight DMA channels, below the LPC bridge. A device says in its
 * properties which of them it uses.
 */
#ifndef HW_ISA_ISA_H
#define HW_ISA_ISA_H

#include "hw/core/device.h"
#include "system/memory.h"

#define TYPE_ISA_BUS "ISA"
#define TYPE_ISA_DEVICE "isa-device"
OBJECT_DECLARE_SIMPLE_TYPE(ISABus, ISA_BUS)
OBJECT_DECLARE_SIMPLE_TYPE(ISADevice, ISA_DEVICE)

#define ISA_NUM_IRQS 16

struct ISABus {
    BusState parent_obj;
    MemoryRegion *memory, *io;
    Irq **irqs;                 /* ISA_NUM_IRQS, the board's */
};

struct ISADevice {
    DeviceState parent_obj;
    int32_t ioport;             /* the first port, for `info qtree` and firmware paths; -1: none */
};

/* A bus "isa.0" below the bridge; ports and memory of its devices go into these regions. */
ISABus *isa_bus_new(DeviceState *bridge, MemoryRegion *memory, MemoryRegion *io);
/* The board's sixteen lines; before devices are realized. Borrowed. */
void isa_bus_set_irqs(ISABus *bus, Irq **irqs);
/* The line of number n, of the device's bus. NULL if the board has none yet. n: 0 to 15, else an assertion. */
Irq *isa_irq(ISADevice *dev, unsigned n);
/* Maps a region of I/O ports; unmapped with isa_unregister_io() at unrealize. */
void isa_register_io(ISADevice *dev, MemoryRegion *mr, uint16_t port);
void isa_unregister_io(ISADevice *dev, MemoryRegion *mr);
static inline ISABus *isa_bus_of(ISADevice *dev)
{
    return ISA_BUS(dev->parent_obj.bus);
}

#endif
