/* Between pcie-aer.c and pcie-aer-msg.c. */
#ifndef HW_PCI_PCIE_AER_INTERNAL_H
#define HW_PCI_PCIE_AER_INTERNAL_H

#include "hw/pci/pcie_aer.h"

/* Sends an error message on its way up from the device. `severity` is an AERSeverity. */
void pcie_aer_message(PCIDevice *dev, int severity, uint16_t source_id);

#endif
