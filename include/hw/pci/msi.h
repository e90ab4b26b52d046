/* Message Signalled Interrupts (PCI 3.0, 6.8.1). State is config space alone. */
#ifndef HW_PCI_MSI_H
#define HW_PCI_MSI_H

#include "hw/pci/pci.h"

/* Adds the capability: 1, 2, 4, … 32 vectors. Offset 0: the first free place. */
bool msi_init(PCIDevice *dev, uint8_t offset, unsigned vectors, bool addr64, bool per_vector_mask, GError **error);
void msi_uninit(PCIDevice *dev);
void msi_reset(PCIDevice *dev);                 /* runs with pci_device_reset() */
static inline bool msi_present(const PCIDevice *dev)
{
    return dev->msi_cap;
}
bool msi_enabled(const PCIDevice *dev);
unsigned msi_vectors_allocated(const PCIDevice *dev);   /* what the guest granted */
/* Sends a vector's message, or marks it pending while masked. Nothing while disabled. */
void msi_notify(PCIDevice *dev, unsigned vector);
void msi_write_config(PCIDevice *dev, uint32_t addr, unsigned len);     /* called by pci_config_write() */

#endif
