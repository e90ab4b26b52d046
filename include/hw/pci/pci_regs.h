/* Registers of PCI configuration space (PCI 3.0, PCIe 4.0). */
#ifndef HW_PCI_PCI_REGS_H
#define HW_PCI_PCI_REGS_H
#endif
