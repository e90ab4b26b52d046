/* Between the files of this folder. */
#ifndef HW_PCI_INTERNAL_H
#define HW_PCI_INTERNAL_H

#include "hw/pci/pci.h"

/* The four arrays at their values after power-on, by header type and class (pci-config.c). */
void pci_config_alloc(PCIDevice *dev);
void pci_config_free(PCIDevice *dev);
/* Where the register of a BAR is. */
unsigned pci_bar_offset(const PCIDevice *dev, int region);
void pci_unmap_bars(PCIDevice *dev);

/* The option ROM: from the user's file or the class's (pci-rom.c). */
bool pci_rom_add(PCIDevice *dev, GError **error);
void pci_rom_del(PCIDevice *dev);

/* Addresses on the bus (pci-bus.c). */
bool pci_bus_add_device(PCIBus *bus, PCIDevice *dev, GError **error);
void pci_bus_del_device(PCIBus *bus, PCIDevice *dev);
/* The secondary bus of a bridge, in its memory; and away with it. */
void pci_bridge_bus_init(PCIBus *bus, PCIDevice *bridge, const char *type, const char *name, MemoryRegion *mem,
                         MemoryRegion *io, int (*map_irq)(PCIDevice *, int));
void pci_bus_exit(PCIBus *bus);
/* A line's level changed by `change` on `pin` of the device: up to the chipset. */
void pci_bus_change_irq(PCIDevice *dev, int pin, int change);
/* After Command or irq_state changed. */
void pci_intx_update_disabled(PCIDevice *dev, bool was_disabled);

#endif
