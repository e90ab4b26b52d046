/*
 * PCI hot plug by ACPI, as machine types from 6.1 on do it: a block of registers that the DSDT's methods use. A bus
 * that can be plugged into has a number; plugging sets the slot's bit in its UP register, unplugging in DOWN, both
 * with GPE 1, and the guest ejects. Handler of the root bus and of the buses behind ports that were there from the
 * start.
 *
 *     0x0cc0 UP (read clears)    +4 DOWN    +8 EJ (write)    +0xc RMV    +0x10 SEL: the bus's number    +0x14 AIDX
 */
#ifndef HW_ACPI_PCIHP_H
#define HW_ACPI_PCIHP_H

#include "hw/acpi/ich9.h"
#include "hw/pci/pci.h"

void ich9_pcihp_init(ICH9PMRegs *pm, Object *handler, MemoryRegion *io_space, PCIBus *root);
void ich9_pcihp_finalize(ICH9PMRegs *pm, MemoryRegion *io_space);

/* HotplugHandlerClass, for the object that holds `pm`. */
bool ich9_pcihp_can_hotplug(BusState *bus);
bool ich9_pcihp_pre_plug(ICH9PMRegs *pm, DeviceState *dev, GError **error);
bool ich9_pcihp_plug(ICH9PMRegs *pm, Object *handler, DeviceState *dev, GError **error);
bool ich9_pcihp_unplug_request(ICH9PMRegs *pm, DeviceState *dev, GError **error);

#endif
